/* Calls on descriptors for descriptors.test.ts: reads and writes, sockets and their peers, pairs, attributes, memory.
 * Works in the current folder. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static long need(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static void data(void)
{
	char buffer[256];
	struct iovec parts[2] = { { "one-", 4 }, { "two", 3 } };
	int fd = need(open("data", O_CREAT | O_RDWR, 0600), "open"), pipes[2], event;

	memset(buffer, 'x', sizeof(buffer));
	need(write(fd, buffer, 200), "write");
	need(pwrite(fd, "\xca\xfe\xba\xbe", 4, 0), "pwrite");
	need(writev(fd, parts, 2), "writev");
	need(lseek(fd, 0, SEEK_SET), "lseek");
	need(read(fd, buffer, sizeof(buffer)), "read");
	close(fd);
	need(open("data", O_CREAT | O_WRONLY, 0600), "open again");
	need(pipe(pipes), "pipe");
	need(write(pipes[1], "piped", 5), "write pipe");
	event = need(eventfd(0, 0), "eventfd");
	need(write(event, "\1\0\0\0\0\0\0\0", 8), "write eventfd");
	need(chown("data", 1, 2), "chown");
	need(truncate("data", 77), "truncate");
}

/* argv: the port of a listener on 127.0.0.1 that says hello. */
static void sockets(int port)
{
	struct sockaddr_in peer = { .sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = need(socket(AF_INET, SOCK_STREAM, 0), "socket"), pair[2];
	char buffer[64];

	need(connect(fd, (void *)&peer, sizeof(peer)), "connect");
	need(recv(fd, buffer, sizeof(buffer), 0), "recv");
	need(write(fd, "over tcp", 8), "write");
	need(dup2(fd, 9), "dup2");
	need(shutdown(fd, SHUT_WR), "shutdown");
	need(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
	dup(12345);
}

/* Both ends of connections of this process's own: 127.0.0.1, ::1, and IPv4 on a
 * listener of IPv6. */
static void ends(void)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6 }, to;
	struct sockaddr_in old = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(own);
	int listener = need(socket(AF_INET6, SOCK_STREAM, 0), "socket"), client, server;
	char byte;

	need(bind(listener, (void *)&own, sizeof(own)), "bind");
	need(listen(listener, 3), "listen");
	need(getsockname(listener, (void *)&own, &size), "getsockname");
	old.sin_port = own.sin6_port;
	to = own;
	to.sin6_addr = in6addr_loopback;
	for (int i = 0; i < 2; i++) {
		client = need(socket(i ? AF_INET : AF_INET6, SOCK_STREAM, 0), "socket");
		need(connect(client, i ? (void *)&old : (void *)&to, i ? sizeof(old) : sizeof(to)), "connect");
		server = need(accept(listener, 0, 0), "accept");
		need(write(client, "?", 1), "ask");
		need(read(server, &byte, 1), "be asked");
		need(write(server, "!", 1), "answer");
		need(read(client, &byte, 1), "be answered");
	}
	close(listener);
	listener = need(socket(AF_INET, SOCK_STREAM, 0), "socket");
	old.sin_port = 0;
	need(bind(listener, (void *)&old, sizeof(old)), "bind");
	need(listen(listener, 3), "listen");
	size = sizeof(old);
	need(getsockname(listener, (void *)&old, &size), "getsockname");
	client = need(socket(AF_INET, SOCK_STREAM, 0), "socket");
	need(connect(client, (void *)&old, sizeof(old)), "connect");
	server = need(accept(listener, 0, 0), "accept");
	need(write(server, "!", 1), "answer");
	need(read(client, &byte, 1), "be answered");
}

/* More than are told, and ppoll. */
static void waits(void)
{
	struct pollfd many[70];
	struct timespec none = { 0 };
	int fd = need(open("/dev/null", O_RDONLY), "null");

	for (int i = 0; i < 70; i++)
		many[i] = (struct pollfd){ .fd = i < 69 ? fd : -1, .events = POLLIN };
	need(poll(many, 70, 0), "poll");
	need(ppoll(many + 68, 2, &none, 0), "ppoll");
}

static void messages(void)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	struct sockaddr_in peers[2] = {
		{ .sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(0x7f000002) },
		{ .sin_family = AF_INET, .sin_port = htons(8), .sin_addr.s_addr = htonl(0x7f000003) },
	};
	struct iovec part = { "message", 7 };
	struct mmsghdr many[2] = {
		{ .msg_hdr = { .msg_name = &peers[0], .msg_namelen = 16, .msg_iov = &part, .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_name = &peers[1], .msg_namelen = 16, .msg_iov = &part, .msg_iovlen = 1 } },
	};
	int from = socket(AF_INET, SOCK_DGRAM, 0), to = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in seen[2];
	struct mmsghdr taken = { .msg_hdr = { .msg_name = &seen[0], .msg_namelen = 16, .msg_iov = &part, .msg_iovlen = 1 } };
	struct msghdr one = { .msg_name = &seen[1], .msg_namelen = 16, .msg_iov = &part, .msg_iovlen = 1 };
	socklen_t size = sizeof(own);
	char buffer[16];

	part.iov_base = strdup("message");
	need(bind(to, (void *)&own, sizeof(own)), "bind");
	need(getsockname(to, (void *)&own, &size), "getsockname");
	need(sendmmsg(from, many, 2, 0), "sendmmsg");
	for (int i = 0; i < 3; i++)
		need(sendto(from, "hello", 5, 0, (void *)&own, sizeof(own)), "sendto");
	need(recvfrom(to, buffer, sizeof(buffer), 0, (void *)&seen[0], &size), "recvfrom");
	need(recvmsg(to, &one, 0), "recvmsg");
	need(recvmmsg(to, &taken, 1, 0, NULL), "recvmmsg");
}

static void others(void)
{
	struct clone_args clone = { .flags = CLONE_NEWUTS, .exit_signal = SIGCHLD };
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	need(mprotect(page, 4096, PROT_READ | PROT_EXEC), "mprotect");
	close(open("attributes", O_CREAT | O_WRONLY, 0600));
	setxattr("attributes", "user.lanner", "1", 1, 0);
	syscall(SYS_init_module, page, 10UL, "options=7");
	syscall(SYS_add_key, "user", "lanner:key", "x", 1UL, -4);
	syscall(SYS_setns, 0, CLONE_NEWNET);
	syscall(SYS_chown, "absent", 0, 0);
	child = need(syscall(SYS_clone3, &clone, sizeof(clone)), "clone3");
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	const char *group = argc > 1 ? argv[1] : "";

	if (!strcmp(group, "data"))
		data();
	else if (!strcmp(group, "sockets"))
		sockets(atoi(argv[2]));
	else if (!strcmp(group, "waits"))
		waits();
	else if (!strcmp(group, "ends"))
		ends();
	else if (!strcmp(group, "messages"))
		messages();
	else
		others();
	return 0;
}
