// The maps that decide what is dropped in the kernel. Knows nothing of JavaScript.
#pragma once
#include <bpf/libbpf.h>

#include <cstdint>
#include <vector>

#include "loader.h"

// Puts a filter (`struct filter`) in the place of the one before, at once; nullptr: everything is sent.
Failure SwapFilter(bpf_object* object, const uint8_t* bytes, size_t size);
// Says what a cgroup is; 0: not known.
Failure SetCgroupKind(bpf_object* object, uint64_t cgroup, uint32_t kind);
// What a process was started as decides for the filter: guards, by a record's time and for a filter's generation.
Failure Judge(bpf_object* object, const uint64_t words[4]);
// By system call: how many were sent, how many dropped.
std::vector<uint64_t> FilterCounters(bpf_object* object);
