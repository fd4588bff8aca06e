#include "ways.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace {

struct Way {
	const char* name;
	bpf_prog_type type;
	bpf_attach_type attach;
	const char* function; // one that is seldom called
};

const Way kWays[] = {
	{"fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "do_swapoff"},
	{"fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "__x64_sys_swapoff"},
	{"BPF LSM", BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_kernel_module_request"},
};

// What the kernel says to a program there that only returns 0; empty: it takes it.
std::string Try(const Way& way, int function) {
	bpf_insn program[2] = {};
	program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
	program[1].code = BPF_JMP | BPF_EXIT;
	LIBBPF_OPTS(bpf_prog_load_opts, options);
	options.expected_attach_type = way.attach;
	options.attach_btf_id = static_cast<uint32_t>(function);
	int fd = bpf_prog_load(way.type, "lanner_try", "GPL", program, 2, &options);
	if (fd < 0) return strerror(errno);
	int link = bpf_raw_tracepoint_open(nullptr, fd);
	std::string reason = link < 0 ? strerror(errno) : "";
	if (link >= 0) close(link);
	close(fd);
	return reason;
}

constexpr long kX32Bit = 0x40000000;
constexpr int kRefused = 1;

// getpid(2) through int 0x80. Where the kernel has no 32-bit entry, the instruction is a fault.
[[noreturn]] void MakeOldCall() {
	signal(SIGSEGV, [](int) { _exit(kRefused); });
	long result = 20;
	asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	_exit(result > 0 ? 0 : kRefused);
}

} // namespace

bool TakesOtherEntries() {
	if (syscall(SYS_getpid | kX32Bit) > 0) return true;
	pid_t child = vfork();
	if (child < 0) return true;
	if (child == 0) MakeOldCall();
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return !WIFEXITED(status) || WEXITSTATUS(status) != kRefused;
}

std::vector<std::string> TryWays() {
	std::vector<std::string> found;
	btf* types = btf__load_vmlinux_btf();
	std::string done;
	for (const Way& way : kWays) {
		int function = types ? btf__find_by_name_kind(types, way.function, BTF_KIND_FUNC) : -1;
		if (function < 0 || done == way.name) continue;
		done = way.name;
		std::string reason = Try(way, function);
		found.push_back(std::string(way.name) + ": " + (reason.empty() ? "available" : reason));
	}
	btf__free(types);
	return found;
}
