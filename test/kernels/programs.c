/* A line for each program in the kernel: its name, the instructions that the verifier went through, its runs, the
 * nanoseconds that they took in all, the runs that the kernel skipped. Runs in a guest without a libc. */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long ask(int command, union bpf_attr *attributes)
{
	return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

int main(void)
{
	union bpf_attr attributes;
	struct bpf_prog_info info;
	unsigned id = 0;
	long program;

	for (;;) {
		memset(&attributes, 0, sizeof(attributes));
		attributes.start_id = id;
		if (ask(BPF_PROG_GET_NEXT_ID, &attributes))
			return 0;
		id = attributes.next_id;
		memset(&attributes, 0, sizeof(attributes));
		attributes.prog_id = id;
		program = ask(BPF_PROG_GET_FD_BY_ID, &attributes);
		if (program < 0)
			continue;
		memset(&info, 0, sizeof(info));
		memset(&attributes, 0, sizeof(attributes));
		attributes.info.bpf_fd = program;
		attributes.info.info_len = sizeof(info);
		attributes.info.info = (unsigned long)&info;
		if (ask(BPF_OBJ_GET_INFO_BY_FD, &attributes))
			return 1;
		printf("%s %u %llu %llu %llu\n", info.name, info.verified_insns, info.run_cnt, info.run_time_ns,
		       info.recursion_misses);
		close(program);
	}
}
