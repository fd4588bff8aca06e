/* What fields.test.ts looks at. Works in the current folder, which has the
 * folder `dev`; its first argument is a port of a listener on 127.0.0.1. Waits
 * for a byte on standard input before it begins and before it ends, so that
 * others can look at it, and reports on standard output what it did: a name and
 * a number a line. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void need(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void tell(const char *name, long long number)
{
	printf("%s %lld\n", name, number);
}

static long long now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static long long used(void)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void await(void)
{
	char byte;

	fflush(stdout);
	need(read(0, &byte, 1), "read stdin");
}

static void *other_thread(void *unused)
{
	tell("thread", syscall(SYS_gettid));
	need(openat(AT_FDCWD, "threaded", O_CREAT | O_WRONLY, 0600), "threaded");
	return unused;
}

static void files(void)
{
	char data[16];
	int fd;

	tell("before", now());
	fd = openat(AT_FDCWD, "./made", O_CREAT | O_RDWR | O_CLOEXEC, 0750);
	tell("after", now());
	need(fd, "made");
	tell("fd", fd);
	need(write(fd, "hello", 5), "write");
	need(lseek(fd, 0, SEEK_SET), "lseek");
	need(read(fd, data, 4), "read");
	need(rename("made", "moved"), "rename");
	openat(AT_FDCWD, "absent", O_RDONLY);
}

/* A listener, the two ends of a connection to it, and a file are waited for,
 * and what is none. */
static void wait_for(int fd)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t size = sizeof(own);
	int listener = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0), server;
	int names = open("dev", O_RDONLY | O_DIRECTORY);

	need(bind(listener, (void *)&own, sizeof(own)), "bind");
	need(listen(listener, 1), "listen");
	need(getsockname(listener, (void *)&own, &size), "getsockname");
	tell("listened", ntohs(own.sin6_port));
	need(connect(client, (void *)&own, sizeof(own)), "connect");
	need(getsockname(client, (void *)&own, &size), "getsockname");
	tell("caller", ntohs(own.sin6_port));
	server = accept(listener, 0, 0);
	need(server, "accept");
	struct pollfd polled[6] = { { .fd = fd, .events = POLLIN },
				    { .fd = listener },
				    { .fd = client },
				    { .fd = server },
				    { .fd = names },
				    { .fd = -1 } };
	for (int i = 0; i < 5; i++)
		tell(((const char *[]){ "polled0", "polled1", "polled2", "polled3", "polled4" })[i], polled[i].fd);
	need(syscall(SYS_poll, polled, 6, 5000), "poll");
}

static void network(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in own;
	struct sockaddr_un log = { .sun_family = AF_UNIX, .sun_path = "dev/log" };
	socklen_t size = sizeof(own);
	int fd = socket(AF_INET, SOCK_STREAM, 0), log_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char data[8], path[64];

	need(connect(fd, (void *)&to, sizeof(to)), "connect");
	need(getsockname(fd, (void *)&own, &size), "getsockname");
	tell("socket", fd);
	tell("port", ntohs(own.sin_port));
	need(syscall(SYS_sendto, fd, "request", 7, 0, 0, 0), "sendto");
	wait_for(fd);
	need(syscall(SYS_recvfrom, fd, data, sizeof(data), 0, 0, 0), "recvfrom");
	to.sin_port = htons(7); /* echo */
	connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof(to));
	need(bind(log_fd, (void *)&log, sizeof(log)), "bind");
	snprintf(path, sizeof(path), "%s/dev/log", getenv("LANNER_FOLDER"));
	snprintf(log.sun_path, sizeof(log.sun_path), "%s", path);
	need(sendto(log_fd, "logged", 6, 0, (void *)&log, sizeof(log)), "sendto log");
}

/* Works for as long as it takes that two samples are taken, one a second. */
static void work(void)
{
	long long began = now();

	while (now() - began < 2500000000LL)
		;
	need(openat(AT_FDCWD, "busy", O_CREAT | O_WRONLY, 0600), "busy");
	tell("total", used());
}

int main(int argc, char **argv)
{
	struct timespec nap = { .tv_nsec = 1000 };
	pthread_t thread;
	cpu_set_t cpus;

	if (argc < 2)
		return 2;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	need(sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity");
	await();
	files();
	network(atoi(argv[1]));
	if (mmap(0, 1UL << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 1;
	kill(0x3fffffff, SIGTERM);
	nanosleep(&nap, 0);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, 0);
	need(-pthread_create(&thread, 0, other_thread, 0), "pthread_create");
	pthread_join(thread, 0);
	work();
	tell("done", 1);
	await();
	return 0;
}
