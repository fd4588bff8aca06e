/*
 * A storm of opens of every kind of path, for test/kernel/pushdown.test.ts:
 * paths FOLDER SEED COUNT. Nothing outside of FOLDER is written; mounts are
 * made in a mount namespace of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[256];
static char* low; /* below 4 GB, for 32-bit calls */
static uint64_t seed;

static uint32_t pick(uint32_t below) {
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static const char* const names[] = {"etc", "shadow", "a",        "ab",       ".ssh", "home", "x.log", "release_agent",
				    "..x", "...",    "\xff\xfe", "\xc3\xa9", "b\nc", "link", "loop",  "none"};
static const char* const odd[] = {"..", ".", "", "..", "a..", ""};
#define LENGTH(of) (sizeof(of) / sizeof(of[0]))

static void make(const char* form, const char* name) {
	char path[512];

	snprintf(path, sizeof(path), form, folder, name);
	mkdir(path, 0755);
}

/* Folders two deep of every name, with files in them; links, mounts, an
 * overlay, something deep. */
static void prepare(void) {
	char path[512], options[1200];

	for (unsigned i = 0; i < LENGTH(names) - 3; i++) {
		make("%s/%s", names[i]);
		for (unsigned j = 0; j < LENGTH(names) - 3; j++) {
			int fd;

			snprintf(path, sizeof(path), "%s/%s/%s", folder, names[i], names[j]);
			if (j % 3 == 0) {
				mkdir(path, 0755);
				continue;
			}
			fd = open(path, O_CREAT | O_WRONLY, 0644);
			if (fd >= 0) close(fd);
		}
	}
	snprintf(path, sizeof(path), "%s/link", folder);
	if (symlink("etc/shadow", path)) perror(path);
	snprintf(path, sizeof(path), "%s/home/link", folder);
	if (symlink("../etc", path)) perror(path);
	snprintf(path, sizeof(path), "%s/loop", folder);
	if (symlink("loop", path)) perror(path);
	/* Paths lead out of the folder, into /etc above all: what lies outside is read only, or the machine's own files
	 * are cut off. */
	if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) ||
	    mount(folder, folder, 0, MS_BIND | MS_REC, 0) || mount(0, "/", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0)) {
		perror("a read-only root");
		_exit(1);
	}
	snprintf(path, sizeof(path), "%s/a/etc", folder);
	mkdir(path, 0755);
	snprintf(options, sizeof(options), "%s/etc", folder);
	if (mount(options, path, 0, MS_BIND, 0)) perror("bind");
	make("%s/%s", "upper");
	make("%s/%s", "work");
	make("%s/%s", "merged");
	snprintf(path, sizeof(path), "%s/merged", folder);
	snprintf(options, sizeof(options), "lowerdir=%s/etc,upperdir=%s/upper,workdir=%s/work", folder, folder, folder);
	if (mount("overlay", path, "overlay", 0, options)) perror("overlay");
}

/* More than PATH_MAX deep; a descriptor of the deepest. */
static int deep(void) {
	char name[201];
	int at = open(folder, O_RDONLY | O_DIRECTORY);

	memset(name, 'd', 200);
	name[200] = 0;
	for (int i = 0; i < 25; i++) {
		int next;

		mkdirat(at, name, 0755);
		next = openat(at, name, O_RDONLY | O_DIRECTORY);
		close(at);
		at = next;
	}
	return at;
}

static void make_path(char* to, size_t size) {
	uint32_t parts = 1 + pick(4), kind = pick(20);
	size_t at = 0;

	to[0] = 0;
	if (kind < 8)
		at = snprintf(to, size, "%s/", folder);
	else if (kind == 8)
		at = snprintf(to, size, "%s/merged/", folder);
	else if (kind == 9)
		at = snprintf(to, size, "/proc/self/cwd/");
	else if (kind == 10)
		at = snprintf(to, size, "//%s//", folder);
	for (uint32_t i = 0; i < parts; i++)
		at += snprintf(to + at, size - at, "%s%s", i ? "/" : "",
			       pick(6) ? names[pick(LENGTH(names))] : odd[pick(LENGTH(odd))]);
	switch (pick(40)) {
	case 0:
		snprintf(to, size, "/proc/self/exe");
		break;
	case 1:
		snprintf(to, size, "/proc/self/fd/%u", pick(12));
		break;
	case 2:
		snprintf(to, size, "/proc/%d/environ", getpid());
		break;
	case 3:
		to[0] = 0;
		break;
	case 4:
		at = pick(2) ? 252 + pick(5) : 4000;
		memset(to, 'z', at);
		to[at] = 0;
		break;
	case 5:
		snprintf(to, size, "/etc/%s", pick(2) ? "passwd" : "none");
		break;
	}
}

static const int flags[] = {0,
			    0,
			    0,
			    O_WRONLY,
			    O_RDWR,
			    3,
			    O_DIRECTORY,
			    O_PATH,
			    O_CREAT | O_WRONLY,
			    O_CREAT | O_TRUNC | O_RDWR,
			    O_TRUNC | O_WRONLY,
			    O_TMPFILE | O_RDWR,
			    O_NOFOLLOW,
			    O_CREAT | O_EXCL};

static long compat(long number, long a, long b, long c, long d) {
	long ret;

	asm volatile("int $0x80"
		     : "=a"(ret)
		     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static void one_open(int dirfd, char* path) {
	struct open_how how = {.flags = (uint64_t)(flags[pick(LENGTH(flags))] & ~3)};
	int flag = flags[pick(LENGTH(flags))], mode = pick(2) ? 0644 : 0755;
	const char* from = pick(60) ? path : (char*)0x1000 + pick(2) * 8;
	long fd = -1;

	if (how.flags & O_CREAT || (how.flags & O_TMPFILE) == O_TMPFILE) {
		how.mode = (uint64_t)mode;
		how.flags |= O_RDWR;
	}
	switch (pick(8)) {
	case 0:
		fd = syscall(SYS_open, from, flag, mode);
		break;
	case 1:
		fd = syscall(SYS_creat, from, mode);
		break;
	case 2:
		fd = syscall(SYS_openat2, dirfd, from, pick(30) ? &how : (void*)0x1000, sizeof(how));
		break;
	case 3:
		strcpy(low, path);
		fd = compat(5, (long)low, flag, mode, 0);
		break;
	case 4:
		strcpy(low, path);
		fd = compat(295, dirfd, (long)low, flag, mode);
		break;
	default:
		fd = syscall(SYS_openat, dirfd, from, flag, mode);
	}
	if (fd > 20)
		close((int)fd);
	else if (fd >= 0 && pick(4))
		close((int)fd);
}

static void one_socket(void) {
	static const int kinds[][2] = {{AF_INET, SOCK_STREAM},
				       {AF_INET, SOCK_DGRAM},
				       {AF_INET6, SOCK_DGRAM},
				       {AF_UNIX, SOCK_STREAM},
				       {AF_INET6, SOCK_STREAM}};
	uint32_t kind = pick(LENGTH(kinds)), other = pick(6) ? kind : pick(LENGTH(kinds));
	struct sockaddr_in four = {
		.sin_family = AF_INET, .sin_port = htons(pick(3) ? 9 : 0), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 six = {
		.sin6_family = AF_INET6, .sin6_port = htons(pick(3) ? 9 : 0), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
	void* address = kinds[other][0] == AF_INET    ? (void*)&four
			: kinds[other][0] == AF_INET6 ? (void*)&six
						      : (void*)&local;
	socklen_t length = kinds[other][0] == AF_INET    ? sizeof(four)
			   : kinds[other][0] == AF_INET6 ? sizeof(six)
							 : sizeof(local);
	int fd = socket(kinds[kind][0], kinds[kind][1] | (pick(2) ? SOCK_NONBLOCK : 0), 0);

	if (pick(4) == 0 && kinds[other][0] != AF_UNIX) bind(fd, address, length);
	connect(fd, address, length);
	close(fd);
}

static const char* const comms[] = {"paths", "tar", "bash", "stormy"};

static void* thread(void* argument) {
	char path[8192];
	uint32_t count = *(uint32_t*)argument;

	prctl(PR_SET_NAME, "tar");
	for (uint32_t i = 0; i < count; i++) {
		make_path(path, sizeof(path));
		one_open(AT_FDCWD, path);
	}
	return 0;
}

static void storm(uint32_t count) {
	char path[8192];
	int dirfd, deepest = deep(), gone;
	uint32_t part = count / 10;
	pthread_t other;

	snprintf(path, sizeof(path), "%s/home", folder);
	dirfd = open(path, O_RDONLY | O_DIRECTORY);
	if (chdir(folder)) perror(folder);
	snprintf(path, sizeof(path), "%s/gone.log", folder);
	gone = open(path, O_CREAT | O_RDWR, 0600);
	unlink(path);
	for (uint32_t i = 0; i < count; i++) {
		make_path(path, sizeof(path));
		one_open(pick(3) == 0 ? dirfd : pick(10) == 0 ? deepest : pick(30) == 0 ? 999 : AT_FDCWD, path);
		if (pick(20) == 0) one_socket();
		if (pick(200) == 0) prctl(PR_SET_NAME, comms[pick(LENGTH(comms))]);
		if (pick(50) == 0) {
			snprintf(path, sizeof(path), "/proc/self/fd/%d", pick(2) ? gone : memfd_create("x", 0));
			one_open(AT_FDCWD, path);
		}
	}
	prctl(PR_SET_NAME, "stormy");
	pthread_create(&other, 0, thread, &part);
	pthread_join(other, 0);
}

static int run(int (*ready)(void), uint32_t count) {
	pid_t child = fork();
	int status = 1;

	if (child == 0) {
		if (ready && ready()) _exit(1);
		storm(count);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return status;
}

static int no_root(void) {
	return setgid(65534) || setuid(65534);
}

static int in_chroot(void) {
	int status = chroot(folder) || chdir("/");

	strcpy(folder, "/");
	return status;
}

int main(int argc, char** argv) {
	uint32_t count;

	if (argc < 4) return 2;
	snprintf(folder, sizeof(folder), "%s", argv[1]);
	seed = strtoull(argv[2], 0, 10);
	count = (uint32_t)atoi(argv[3]);
	signal(SIGPIPE, SIG_IGN);
	low = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	prepare();
	return run(0, count) | run(no_root, count / 2) | run(in_chroot, count / 4);
}
