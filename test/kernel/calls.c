/* Calls for calls.test.ts, each with arguments that no other has. What could change the machine fails by its arguments:
 * paths and descriptors that are not there, numbers of processes that no kernel gives. What each returned is written to
 * the file `results`, with the entry that was used. Works in the current folder. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define X32_BIT 0x40000000
/* Above the greatest pid_max, 4194304. */
#define NOBODY 0x3fffffff
#define NO_THREAD 0x3ffffffe
#define NO_FD 4242
#define NO_OTHER_FD 4343
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define SYS_SETXATTRAT 463
#define SYS_REMOVEXATTRAT 466

static int results;

static void note(const char *entry, const char *name, long result)
{
	dprintf(results, "%s %s %ld\n", entry, name, result);
}

static void call(const char *entry, const char *name, long number, const long *a)
{
	long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);

	note(entry, name, result < 0 ? -errno : result);
}

#define P(pointer) ((long)(pointer))
#define NUMBERED(name, number, ...) call("x64", name, number, (long[6]){ __VA_ARGS__ })
#define CALL(name, ...) NUMBERED(#name, SYS_##name, __VA_ARGS__)
#define X32(name, number, ...) call("x32", name, (number) | X32_BIT, (long[6]){ __VA_ARGS__ })

static void int80(const char *name, long number, const long *a)
{
	long sixth = a[5];

	/* The sixth argument's place is the frame pointer's. */
	__asm__ volatile("xchg %[sixth], %%rbp\n\tint $0x80\n\txchg %[sixth], %%rbp"
			 : "+a"(number), [sixth] "+r"(sixth)
			 : "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
			 : "memory", "r8", "r9", "r10", "r11");
	note("i386", name, (int)number);
}
#define I386(name, number, ...) int80(name, number, (long[6]){ __VA_ARGS__ })

/* Values of 64 bits in two registers, arguments in memory, ids of 16 bits. */
static void other_arguments(char *low)
{
	unsigned int *words = (void *)(low + 512);
	char *zeros = low + 1024;

	I386("lseek", 19, NO_FD, -5, 1);
	I386("_llseek", 140, NO_FD, 1, 2, P(zeros), 1);
	I386("pread64", 180, NO_FD, P(zeros), 33, 77, 5);
	I386("pwrite64", 181, NO_FD, P(zeros), 34, 78, 6);
	I386("preadv", 333, NO_FD, P(zeros), 1, 79, 7);
	I386("pwritev2", 379, NO_FD, P(zeros), 1, 80, 8, 1);
	I386("truncate", 92, P(low), -2);
	I386("truncate64", 193, P(low), 3, 9);
	I386("ftruncate64", 194, NO_FD, 4, 10);
	I386("readahead", 225, NO_FD, 5, 11, 6);
	I386("fadvise64", 250, NO_FD, 6, 12, 7, 4);
	I386("fadvise64_64", 272, NO_FD, 7, 13, 8, 14, 3);
	I386("sync_file_range", 314, NO_FD, 8, 14, 9, 15, 2);
	I386("fallocate", 324, NO_FD, 1, 9, 15, 10, 16);
	I386("lookup_dcookie", 253, 11, 17, P(zeros), 12);
	I386("fanotify_mark", 339, NO_FD, 1, 0x20, 0x10, NO_OTHER_FD, P(low));
	I386("chown", 182, P(low), 0x1ffff, 0x10007);
	I386("setresuid", 164, 0xffff, 0xffff, 0xffff);
	I386("mmap2", 192, 1, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 3);
	I386("clone", 120, CLONE_THREAD, 0, 7, 8, 9);
	words[0] = 0x1234;
	words[1] = 0x80000001;
	I386("semop", 117, 1, NO_FD, 1, 0xdead, P(zeros), 0xdead);
	I386("semget", 117, 2, 4801, -3, 5);
	I386("semctl", 117, 3, NO_FD, 6, 0x10c /* GETVAL, IPC_64 */, P(words));
	I386("semtimedop", 117, 4, NO_FD, 2, 0xdead, P(zeros), P(words));
	I386("msgsnd", 117, 11, NO_FD, 7, 0x800 /* IPC_NOWAIT */, P(words));
	I386("msgrcv", 117, 12, NO_FD, 8, 0x800, P(words));
	I386("msgrcv-1", 117, 1 << 16 | 12, NO_FD, 9, 0x800, P(zeros), -10);
	I386("msgget", 117, 13, 4802, 11, 0xdead, P(zeros));
	I386("msgctl", 117, 14, NO_FD, 0x102 /* IPC_STAT, IPC_64 */, 0xdead, P(words));
	I386("shmat", 117, 21, NO_FD, 010000 /* SHM_RDONLY */, P(words + 2), P(zeros));
	I386("shmdt", 117, 22, 0xdead, 0xdead, 0xdead, P(zeros));
	I386("shmget", 117, 23, 4803, 12, 13);
	I386("shmctl", 117, 24, NO_FD, 0x102, 0xdead, P(words));
	words[0] = 1;
	words[1] = words[2] = words[3] = 0;
	words[4] = P(zeros);
	words[5] = 0xdead;
	I386("select", 82, P(words));
	words[0] = NO_FD;
	words[1] = P(zeros);
	words[2] = 3;
	words[3] = 0x40;
	words[4] = 0xdead;
	I386("send", 102, 9, P(words));
}

static void other_entries(void)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned int *words = (void *)(low + 512);

	if (low == MAP_FAILED)
		exit(1);
	X32("kill", SYS_kill, NOBODY, SIGQUIT);
	X32("unlink", SYS_unlink, P("absent-x32"));
	X32("ptrace", 521, 16, NOBODY);
	X32("unknown", 600, 1);
	strcpy(low, "absent-i386");
	I386("kill", 37, NOBODY, SIGILL);
	I386("unlink", 10, P(low));
	I386("ptrace", 26, 17, NOBODY, 5, 6);
	I386("unshare", 310, CLONE_NEWIPC | 1);
	I386("bpf", 357, 23);
	I386("delete_module", 129, P(low), O_NONBLOCK);
	I386("process_vm_writev", 348, NOBODY);
	I386("umount", 22, P(low), 8);
	/* old_mmap takes the address of its six arguments. */
	words[0] = 1;
	words[1] = 8192;
	words[2] = PROT_READ | PROT_EXEC;
	words[3] = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
	words[4] = -1;
	words[5] = 0;
	I386("mmap", 90, P(words));
	other_arguments(low);
}

static void files(void)
{
	static struct file_handle handle;
	static unsigned long how[3] = { O_WRONLY | O_CREAT, 0711 };
	static char buffer[64];
	struct iovec part = { buffer, 21 };

	CALL(open, P("absent/opened"), O_WRONLY | O_CREAT | O_TRUNC, 0640);
	CALL(openat, NO_FD, P("opened"), O_RDWR | O_CREAT, 0604);
	CALL(openat2, NO_FD, P("opened2"), P(how), sizeof(how));
	CALL(creat, P("absent/made"), 0620);
	CALL(mkdir, P("absent/folder"), 0710);
	CALL(rename, P("absent-old"), P("absent-new"));
	CALL(renameat2, NO_FD, P("old-name2"), NO_OTHER_FD, P("new-name2"), 1 /* RENAME_NOREPLACE */);
	CALL(symlink, P("pointed-by"), P("absent/pointer"));
	CALL(unlink, P("absent-unlink"));
	CALL(unlinkat, NO_FD, P("unlinked"), AT_REMOVEDIR);
	CALL(chmod, P("absent-chmod"), 0604);
	CALL(fchmod, NO_FD, 0640);
	CALL(open_by_handle_at, NO_FD, P(&handle), O_DIRECTORY);
	CALL(dup3, NO_FD, NO_OTHER_FD, O_CLOEXEC);
	CALL(fcntl, NO_FD, F_GETFD);
	NUMBERED("pread", SYS_pread64, NO_FD, P(buffer), 33, 77);
	CALL(readv, NO_FD, P(&part), 1);
	CALL(preadv, NO_FD, P(&part), 1, 78);
	CALL(pwritev, NO_FD, P(&part), 1, 79);
	CALL(accept, NO_FD);
	CALL(renameat, NO_FD, P("old-name"), NO_OTHER_FD, P("new-name"));
	CALL(link, P("absent-link"), P("linked"));
	CALL(linkat, AT_FDCWD, P("absent-linkat"), NO_OTHER_FD, P("linked"), AT_SYMLINK_FOLLOW);
	CALL(symlinkat, P("pointed"), NO_FD, P("pointer"));
	CALL(mkdirat, NO_FD, P("made"), 0751);
	CALL(rmdir, P("absent-rmdir"));
	CALL(mknod, P("absent/node"), S_IFIFO | 0620, 259);
	CALL(mknodat, NO_FD, P("node"), S_IFIFO | 0602, 260);
	CALL(fchmodat, NO_FD, P("mode"), 0640);
	CALL(fchmodat2, NO_FD, P("mode2"), 0604, AT_SYMLINK_NOFOLLOW);
	CALL(lchown, P("absent-lchown"), 11, 12);
	CALL(fchown, NO_FD, 13, 14);
	CALL(fchownat, NO_FD, P("owned"), 15, 16, AT_SYMLINK_NOFOLLOW);
	CALL(pivot_root, P("absent-new"), P("absent-old"));
	CALL(chroot, P("absent-root"));
	CALL(ftruncate, NO_FD, 99);
	CALL(utime, P("absent-utime"));
	CALL(utimes, P("absent-utimes"));
	CALL(futimesat, NO_FD, P("futimesat"));
	CALL(utimensat, NO_FD, P("utimensat"), 0, AT_SYMLINK_NOFOLLOW);
	CALL(chdir, P("absent-chdir"));
	CALL(fchdir, NO_FD);
	CALL(lsetxattr, P("absent-lset"), P("user.lset"), P("1"), 1, 1);
	CALL(fsetxattr, NO_FD, P("user.fset"), P("1"), 1);
	NUMBERED("setxattrat", SYS_SETXATTRAT, NO_FD, P("set"), 0, P("user.setat"), P(buffer), 16);
	CALL(removexattr, P("absent-remove"), P("user.remove"));
	CALL(lremovexattr, P("absent-lremove"), P("user.lremove"));
	CALL(fremovexattr, NO_FD, P("user.fremove"));
	NUMBERED("removexattrat", SYS_REMOVEXATTRAT, NO_FD, P("removed"), 0, P("user.removeat"));
}

static void kernel(void)
{
	static char attributes[128];
	static struct iovec part = { attributes, 1 };

	CALL(process_vm_readv, NOBODY, P(&part), 1, P(&part), 1);
	CALL(process_vm_writev, NO_THREAD, P(&part), 1, P(&part), 1);
	CALL(unshare, CLONE_NEWNET | 1);
	CALL(kill, NOBODY, SIGUSR1);
	CALL(tkill, NO_THREAD, SIGUSR2);
	CALL(tgkill, NOBODY, NO_THREAD, SIGHUP);
	CALL(prctl, 24 /* PR_CAPBSET_DROP */, 9999);
	*(int *)attributes = NO_FD;
	CALL(bpf, 22 /* BPF_MAP_FREEZE */, P(attributes), 16);
	memset(attributes, 0, sizeof(attributes));
	CALL(perf_event_open, P(attributes), NOBODY, 7, NO_FD, 0x80);
	CALL(ptrace, 16 /* PTRACE_ATTACH */, NOBODY);
	CALL(socket, AF_NETLINK, SOCK_RAW, 99);
	CALL(userfaultfd, O_CLOEXEC | O_NONBLOCK);
	CALL(memfd_create, P("lanner-memory"), 1 /* MFD_CLOEXEC */);
	CALL(finit_module, NO_FD, P("options=8"), 3);
	CALL(delete_module, P("lanner_absent"), O_NONBLOCK);
	CALL(kexec_load, 0x77, 1000, 0, 0xff0);
	CALL(kexec_file_load, NO_FD, NO_OTHER_FD, 9, P("lanner=1"), 0xf0);
	CALL(io_uring_setup, 99999999, P(attributes));
	CALL(io_uring_enter, NO_FD, 3, 5, 1);
	CALL(io_uring_register, NO_FD, 7, 0, 9);
	CALL(personality, 0xffffffff);
	CALL(quotactl, 0x80000701 /* Q_GETQUOTA of a group */, P("absent-quota"), 4717, P(attributes));
	CALL(keyctl, 11 /* KEYCTL_READ */, 0x12345);
	CALL(request_key, P("user"), P("lanner:absent"));
	CALL(pkey_mprotect, 1, 4096, PROT_READ | PROT_EXEC, -1);
	CALL(mmap, 0, 12288, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	CALL(seccomp, 2 /* SECCOMP_GET_ACTION_AVAIL */, 5);
	CALL(ioprio_get, 1111, 2222, 3, 4, 5, 6);
}

/* Last, since it gives rights up. */
static void identity(void)
{
	struct __user_cap_header_struct header = { 0x1234, 0 };

	CALL(setsid);
	CALL(setpgid, NOBODY, NO_THREAD);
	CALL(capset, P(&header));
	CALL(setgid, 4701);
	CALL(setregid, 4702, 4703);
	CALL(setresgid, 4704, 4705, 4706);
	CALL(setfsgid, 4707);
	CALL(setfsuid, 4711);
	CALL(setreuid, 4712, 0);
	CALL(setresuid, 4713, 0, 4714);
	CALL(setuid, 4715);
}

static void children(void)
{
	pid_t child = syscall(SYS_fork);

	if (!child)
		_exit(0);
	note("x64", "fork", child);
	waitpid(child, NULL, 0);
	child = vfork();
	if (!child)
		_exit(0);
	note("x64", "vfork", child);
	waitpid(child, NULL, 0);
}

int main(void)
{
	results = open("results", O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	if (results < 0)
		return 1;
	CALL(prctl, 15 /* PR_SET_NAME */, P("lanner-calls"));
	children();
	other_entries();
	files();
	kernel();
	identity();
	_exit(0);
}
