/* Makes the system calls that rules look for. The arguments are verbs with
 * their own arguments, done one after the other in one process:
 *
 *   act user 33 + try open r /etc/shadow + run /bin/true
 *
 * A call that fails ends the program with its name, unless `try` stands before
 * the verb. Linked statically: it also runs in containers without a libc. */
#define _GNU_SOURCE
#include "act.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int last = -1;

long wait_for(pid_t child)
{
	int status = 0;

	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	errno = ECHILD;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int flags_of(const char *letters)
{
	int flags = O_RDONLY;

	for (; *letters; letters++)
		switch (*letters) {
		case 'w':
			flags |= O_WRONLY;
			break;
		case 'b':
			flags |= O_RDWR;
			break;
		case 'c':
			flags |= O_CREAT;
			break;
		case 't':
			flags |= O_TRUNC;
			break;
		case 'a':
			flags |= O_APPEND;
			break;
		case 'x':
			flags |= O_EXCL;
			break;
		case 'd':
			flags |= O_DIRECTORY;
			break;
		}
	return flags;
}

/* open LETTERS PATH [MODE] */
static long verb_open(char **argv)
{
	return last = open(argv[1], flags_of(argv[0]), argv[2] ? strtol(argv[2], NULL, 8) : 0644);
}

static long verb_creat(char **argv)
{
	return last = syscall(SYS_creat, argv[0], 0644);
}

static long verb_run(char **argv)
{
	pid_t child = fork();

	if (child == 0) {
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	return wait_for(child);
}

static long verb_exec(char **argv)
{
	return execvp(argv[0], argv);
}

/* The rest happens in a child that leads a session on a new terminal. */
static long verb_tty(char **argv)
{
	int end = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64];
	pid_t child;

	(void)argv;
	if (end < 0 || grantpt(end) || unlockpt(end) || ptsname_r(end, name, sizeof(name)))
		return -1;
	child = fork();
	if (child == 0) {
		int terminal;

		setsid();
		terminal = open(name, O_RDWR);
		return terminal < 0 ? -1 : ioctl(terminal, TIOCSCTTY, 0);
	}
	exit(wait_for(child) == 0 ? 0 : 1);
}

static long verb_group(char **argv)
{
	(void)argv;
	return setpgid(0, 0);
}

static long verb_user(char **argv)
{
	return setgid(atoi(argv[0])) ? -1 : setuid(atoi(argv[0]));
}

static long verb_setuid(char **argv)
{
	return setuid(atoi(argv[0]));
}

static long verb_loginuid(char **argv)
{
	int fd = open("/proc/self/loginuid", O_WRONLY);

	return write(fd, argv[0], strlen(argv[0]));
}

static long verb_uncap(char **argv)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	int cap = atoi(argv[0]);

	if (syscall(SYS_capget, &header, sets))
		return -1;
	sets[cap / 32].effective &= ~(1u << cap % 32);
	sets[cap / 32].permitted &= ~(1u << cap % 32);
	sets[cap / 32].inheritable &= ~(1u << cap % 32);
	return syscall(SYS_capset, &header, sets);
}

/* sleep MS */
static long verb_sleep(char **argv)
{
	long ms = atol(argv[0]);
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	return nanosleep(&time, NULL);
}

/* ptrace attach|seize|poke|traceme: of a child that waits */
static long verb_ptrace(char **argv)
{
	long result;
	pid_t child;

	if (!strcmp(argv[0], "traceme"))
		return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	if (!strcmp(argv[0], "peek"))
		result = ptrace(PTRACE_PEEKDATA, child, NULL, NULL) == -1 ? 0 : -1;
	else
		result = ptrace(strcmp(argv[0], "seize") ? PTRACE_ATTACH : PTRACE_SEIZE, child, NULL, NULL);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return result;
}

/* memfd PROGRAM ARGUMENTS: runs a copy that is in no file system */
static long verb_memfd(char **argv)
{
	int from = open(argv[0], O_RDONLY), fd = memfd_create("ghost", 0);
	char bytes[65536];
	ssize_t length;

	while ((length = read(from, bytes, sizeof(bytes))) > 0)
		if (write(fd, bytes, length) != length)
			return -1;
	return fexecve(fd, argv, environ);
}

static long verb_bpf(char **argv)
{
	struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { 0 };

	if (!strcmp(argv[0], "map")) {
		attr.map_type = BPF_MAP_TYPE_ARRAY;
		attr.key_size = attr.value_size = 4;
		attr.max_entries = 1;
		return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	}
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (long)program;
	attr.insn_cnt = 2;
	attr.license = (long)"GPL";
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static long verb_module(char **argv)
{
	return syscall(SYS_init_module, argv[0], 1, "");
}

static long verb_userfaultfd(char **argv)
{
	(void)argv;
	return syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
}

static long verb_unshare(char **argv)
{
	return unshare(strtol(argv[0], NULL, 0));
}

static long verb_setns(char **argv)
{
	return setns(open(argv[0], O_RDONLY), 0);
}

static long verb_chmod(char **argv)
{
	return syscall(SYS_chmod, argv[1], strtol(argv[0], NULL, 8));
}

static long verb_fchmod(char **argv)
{
	return fchmod(last, strtol(argv[0], NULL, 8));
}

static long verb_mount(char **argv)
{
	return mount(argv[0], argv[1], argv[2], 0, NULL);
}

#define CALL1(name, call)                                                                                              \
	static long verb_##name(char **argv)                                                                           \
	{                                                                                                              \
		return call(argv[0]);                                                                                  \
	}
#define CALL2(name, call)                                                                                              \
	static long verb_##name(char **argv)                                                                           \
	{                                                                                                              \
		return call(argv[0], argv[1]);                                                                         \
	}
CALL1(chroot, chroot)
CALL1(unlink, unlink)
CALL1(rmdir, rmdir)
CALL1(chdir, chdir)
CALL2(rename, rename)
CALL2(symlink, symlink)
CALL2(link, link)

static long verb_mkdir(char **argv)
{
	return mkdir(argv[0], 0755);
}

#define VERB(name, least)                                                                                              \
	{                                                                                                              \
#name, verb_##name, least                                                                              \
	}
static const struct {
	const char *name;
	long (*act)(char **argv);
	int least;
} verbs[] = {
	VERB(open, 2),    VERB(creat, 1),  VERB(run, 1),   VERB(exec, 1),     VERB(tty, 0),     VERB(group, 0),
	VERB(user, 1),    VERB(setuid, 1), VERB(uncap, 1), VERB(loginuid, 1), VERB(sleep, 1),   VERB(tcp, 2),
	VERB(udp, 2),     VERB(sendto, 2), VERB(unix, 1),  VERB(listen, 2),   VERB(serve, 3),   VERB(socket, 2),
	VERB(dup, 1),     VERB(ptrace, 1), VERB(memfd, 1), VERB(bpf, 1),      VERB(module, 1),  VERB(userfaultfd, 0),
	VERB(unshare, 1), VERB(setns, 1),  VERB(chmod, 2), VERB(fchmod, 1),   VERB(mount, 3),   VERB(chroot, 1),
	VERB(unlink, 1),  VERB(rmdir, 1),  VERB(chdir, 1), VERB(rename, 2),   VERB(symlink, 2), VERB(link, 2),
	VERB(mkdir, 1),
};

static int act(char **argv, int count)
{
	int tries = !strcmp(argv[0], "try");
	const char *name = argv[tries];

	for (size_t index = 0; index < sizeof(verbs) / sizeof(verbs[0]); index++) {
		if (strcmp(verbs[index].name, name))
			continue;
		if (count - tries - 1 < verbs[index].least)
			break;
		if (verbs[index].act(argv + tries + 1) >= 0 || tries)
			return 0;
		perror(name);
		return 1;
	}
	fprintf(stderr, "act: what is %s with %d arguments?\n", name, count - tries - 1);
	return 2;
}

int main(int argc, char **argv)
{
	for (int start = 1, end; start < argc; start = end + 1) {
		int result;

		for (end = start; end < argc && strcmp(argv[end], "+"); end++)
			;
		argv[end] = NULL; /* argv[argc] is NULL already */
		result = act(argv + start, end - start);
		if (result)
			return result;
	}
	return 0;
}
