/* Makes the system calls that capture.test.ts looks for, one group an
 * invocation. Works in the current folder. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void files(void)
{
	struct open_how how = { .flags = O_RDONLY };
	int folder, fd;

	need(mkdir("folder", 0750), "mkdir");
	folder = open("folder", O_RDONLY | O_DIRECTORY);
	need(folder, "open folder");
	fd = openat(folder, "inner", O_CREAT | O_WRONLY, 0640);
	need(fd, "openat");
	need(fchmod(fd, 0600), "fchmod");
	need(syscall(SYS_openat2, AT_FDCWD, "./folder/../folder/inner", &how, sizeof(how)), "openat2");
	need(syscall(SYS_creat, "created", 0644), "creat");
	need(syscall(SYS_chmod, "created", 04755), "chmod");
	need(syscall(SYS_rename, "created", "folder/renamed"), "rename");
	need(syscall(SYS_renameat2, folder, "renamed", AT_FDCWD, "moved", 0), "renameat2");
	need(syscall(SYS_symlink, "/etc/passwd", "link"), "symlink");
	need(syscall(SYS_unlink, "moved"), "unlink");
	need(unlinkat(folder, "inner", 0), "unlinkat");
	need(unlinkat(AT_FDCWD, "folder", AT_REMOVEDIR), "unlinkat folder");
	syscall(SYS_open, "absent", O_RDONLY);
	syscall(SYS_execve, "./absent", NULL, NULL);
}

/* argv: port of a listener on 127.0.0.1, path of a unix listener. */
static void sockets(int port, const char *path)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_un abstract = { .sun_family = AF_UNIX, .sun_path = "\0lanner-none" };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(any);
	int fd, listener;

	need(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&v4, sizeof(v4)), "connect v4");
	connect(socket(AF_INET6, SOCK_DGRAM, 0), (void *)&v6, sizeof(v6));
	strncpy(local.sun_path, path, sizeof(local.sun_path) - 1);
	need(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&local,
		     offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1),
	     "connect unix");
	connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&abstract, offsetof(struct sockaddr_un, sun_path) + 12);

	listener = socket(AF_INET, SOCK_STREAM, 0);
	need(bind(listener, (void *)&any, sizeof(any)), "bind");
	need(listen(listener, 1), "listen");
	getsockname(listener, (void *)&any, &size);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	need(connect(fd, (void *)&any, sizeof(any)), "connect own");
	need(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept4");
}

static void mounts(void)
{
	need(unshare(CLONE_NEWNS), "unshare");
	need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	need(mkdir("target", 0755), "mkdir");
	need(mount("none", "target", "tmpfs", MS_NOSUID, NULL), "mount");
	need(umount2("target", MNT_DETACH), "umount2");
}

static void trace(void)
{
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	need(ptrace(PTRACE_ATTACH, child, NULL, NULL), "ptrace");
	waitpid(child, NULL, 0);
	kill(child, SIGKILL);
	ptrace(PTRACE_DETACH, child, NULL, NULL);
	waitpid(child, NULL, 0);
}

static long int80(long number, long first, long second, long third)
{
	__asm__ volatile("int $0x80"
			 : "+a"(number)
			 : "b"(first), "c"(second), "d"(third)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)number;
}

/* The 32-bit entry from a 64-bit program: its pointers have 32 bits. */
static void compat(void)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct sockaddr_in *peer = (void *)(low + 512);
	unsigned int *words = (void *)(low + 1024);

	strcpy(low, "/etc/hostname");
	need(int80(5, (long)low, O_RDONLY, 0), "open");
	peer->sin_family = AF_INET;
	peer->sin_port = htons(9);
	peer->sin_addr.s_addr = htonl(0x7f000004);
	words[0] = socket(AF_INET, SOCK_DGRAM, 0);
	words[1] = (unsigned int)(long)peer;
	words[2] = sizeof(*peer);
	need(int80(102, 3, (long)words, 0), "socketcall connect");
}

/* Runs a program's bytes out of an anonymous memory file. */
static void memory(const char *program)
{
	char bytes[65536];
	int from = open(program, O_RDONLY), fd = memfd_create("ghost", 0);
	char *arguments[] = { "ghost", "memory-done", NULL };
	ssize_t length;

	need(from, program);
	while ((length = read(from, bytes, sizeof(bytes))) > 0)
		need(write(fd, bytes, length), "write");
	need(fexecve(fd, arguments, environ), "fexecve");
}

/* To two peers from one socket that is connected to a third. */
static void datagrams(void)
{
	struct sockaddr_in first = { .sin_family = AF_INET,
				     .sin_port = htons(9),
				     .sin_addr.s_addr = htonl(0x7f000002) };
	struct sockaddr_in second = { .sin_family = AF_INET,
				      .sin_port = htons(10),
				      .sin_addr.s_addr = htonl(0x7f000003) };
	struct iovec bytes = { .iov_base = "x", .iov_len = 1 };
	struct msghdr message = {
		.msg_name = &second, .msg_namelen = sizeof(second), .msg_iov = &bytes, .msg_iovlen = 1
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	need(connect(fd, (void *)&first, sizeof(first)), "connect");
	need(sendto(fd, "x", 1, 0, (void *)&second, sizeof(second)), "sendto");
	need(sendmsg(fd, &message, 0), "sendmsg");
	need(sendto(fd, "x", 1, 0, NULL, 0), "sendto the connected");
}

static void *end_together(void *barrier)
{
	pthread_barrier_wait(barrier);
	syscall(SYS_exit, 0);
	return NULL;
}

/* Threads that all end at once, the first one too. */
static void threads(void)
{
	static pthread_barrier_t barrier;
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 9);
	for (int i = 0; i < 8; i++)
		pthread_create(&thread, NULL, end_together, &barrier);
	end_together(&barrier);
}

int main(int argc, char **argv)
{
	const char *group = argc > 1 ? argv[1] : "";

	if (!strcmp(group, "files"))
		files();
	else if (!strcmp(group, "sockets"))
		sockets(atoi(argv[2]), argv[3]);
	else if (!strcmp(group, "mounts"))
		mounts();
	else if (!strcmp(group, "datagrams"))
		datagrams();
	else if (!strcmp(group, "threads"))
		threads();
	else if (!strcmp(group, "trace"))
		trace();
	else if (!strcmp(group, "compat"))
		compat();
	else if (!strcmp(group, "memory"))
		memory("/proc/self/exe");
	else if (!strcmp(group, "flood"))
		for (int i = 0; i < 20000; i++)
			close(open("/dev/null", O_RDONLY));
	return 0;
}
