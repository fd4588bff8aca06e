/* All programs as one object: they share maps, and one object loads in one step. */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "event.h"
#include "load.h"
#include "flavors.h"
#include "maps.h"
#include "record.h"
#include "path.h"
#include "arguments.h"
#include "compat.h"
#include "socket.h"
#include "uring.h"
#include "filter.h"
#include "reflex.h"
#include "second.h"

#include "exec.bpf.c"
#include "deny.bpf.c"
#include "fork.bpf.c"
#include "exit.bpf.c"
#include "call.bpf.c"
#include "uring.bpf.c"
#include "snapshot.bpf.c"

char LICENSE[] SEC("license") = "GPL";
