/*
 * The loops that the benchmarks time: loops MODE [ARG …]. Each prints one line of numbers (see loops.ts): operations done,
 * nanoseconds of wall time, nanoseconds of CPU time, its own and its children's.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull

static void need(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static unsigned long long now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * SECOND_NS + time.tv_nsec;
}

static unsigned long long children_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND_NS +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ull;
}

struct meter {
	unsigned long long wall, own, children;
};

static struct meter begin(void)
{
	return (struct meter){ now_ns(CLOCK_MONOTONIC), now_ns(CLOCK_PROCESS_CPUTIME_ID), children_ns() };
}

static void end(struct meter from, unsigned long long count)
{
	unsigned long long wall = now_ns(CLOCK_MONOTONIC) - from.wall;
	unsigned long long cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - from.own + children_ns() - from.children;

	printf("%llu %llu %llu\n", count, wall, cpu);
}

static void open_close(const char *path)
{
	int fd = open(path, O_RDONLY);

	need(fd, path);
	close(fd);
}

static void getppids(long count)
{
	struct meter meter = begin();

	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
	end(meter, count);
}

/* A relative path is opened in the folder that it lies in. */
static void opens(long count, const char *path)
{
	struct meter meter = begin();

	for (long i = 0; i < count; i++)
		open_close(path);
	end(meter, count);
}

static void execs(long count, char **command)
{
	struct meter meter = begin();

	for (long i = 0; i < count; i++) {
		pid_t child = vfork();
		int status;

		need(child, "vfork");
		if (child == 0) {
			execv(command[0], command);
			_exit(127);
		}
		waitpid(child, &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
			need(-1, command[0]);
	}
	end(meter, count);
}

/* To a listener of our own, whose queue is emptied now and then. */
static void connects(long count)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger at_once = { .l_onoff = 1 };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct meter meter;

	need(bind(listener, (void *)&address, sizeof(address)), "bind");
	need(listen(listener, 16), "listen");
	getsockname(listener, (void *)&address, &size);
	meter = begin();
	for (long i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), other;

		/* No TIME_WAIT: ports would run out. */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		need(connect(fd, (void *)&address, sizeof(address)), "connect");
		other = accept(listener, NULL, NULL);
		close(fd);
		close(other);
	}
	end(meter, count);
}

/* Whoever started us has us begin when everything is ready: he closes our standard input, or writes to it. */
static void wait_for_go(void)
{
	char byte;

	printf("ready\n");
	fflush(stdout);
	if (read(0, &byte, 1) < 0)
		exit(1);
}

/* Opens for a time, at most `rate` a second; 0: as fast as can be. */
static void flood(double seconds, long rate, const char *path)
{
	unsigned long long count = 0, until;
	struct meter meter;

	wait_for_go();
	until = now_ns(CLOCK_MONOTONIC) + seconds * SECOND_NS;
	for (meter = begin(); now_ns(CLOCK_MONOTONIC) < until;) {
		struct timespec pause = { .tv_nsec = 1000000 };

		for (int i = 0; i < 64; i++, count++)
			open_close(path);
		while (rate && count > (now_ns(CLOCK_MONOTONIC) - meter.wall) / 1e9 * rate)
			nanosleep(&pause, NULL);
	}
	end(meter, count);
}

/* Opens of so many different files, round and round, for a time. They lie in a file system that only we see, and are made
 * elsewhere: what is watched is that they are opened where they are guarded. */
static void unique(double seconds, long files, const char *folder)
{
	unsigned long long count = 0, until;
	char name[64];
	struct meter meter;

	need(unshare(CLONE_NEWNS), "unshare");
	need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	snprintf(name, sizeof(name), "made-%d", getpid());
	need(mkdir(name, 0700), name);
	need(mount("none", name, "tmpfs", 0, NULL), name);
	need(chdir(name), name);
	for (long i = 0; i < files; i++) {
		int fd;

		snprintf(name, sizeof(name), "file-%ld-of-many", i);
		fd = open(name, O_CREAT | O_WRONLY, 0600);
		need(fd, name);
		close(fd);
	}
	need(mount(".", folder, NULL, MS_MOVE, NULL), folder);
	/* The files' own opens are over before the measurement begins. */
	wait_for_go();
	until = now_ns(CLOCK_MONOTONIC) + seconds * SECOND_NS;
	for (meter = begin(); now_ns(CLOCK_MONOTONIC) < until;) {
		for (int i = 0; i < 64; i++, count++) {
			snprintf(name, sizeof(name), "file-%llu-of-many", count % files);
			open_close(name);
		}
	}
	end(meter, count);
}

/* Opens a file, waits for a line about it from `lines`, and prints how long that took, in nanoseconds; again and again,
 * with a rest between. */
static void latency(long count, long rest_us, const char *path, const char *lines)
{
	static char text[1 << 16];
	int from = open(lines, O_RDONLY);

	need(from, lines);
	for (long i = 0; i < count; i++) {
		unsigned long long start = now_ns(CLOCK_MONOTONIC);
		size_t used = 0;

		open_close(path);
		do {
			ssize_t got = read(from, text + used, sizeof(text) - 1 - used);

			need(got, lines);
			if (!got)
				exit(1);
			used += got;
			text[used] = 0;
		} while (!strstr(text, path) || text[used - 1] != '\n');
		printf("%llu\n", now_ns(CLOCK_MONOTONIC) - start);
		usleep(rest_us);
	}
}

/* So many processes, each with some files open, until standard input ends. */
static void crowd(long count, long files)
{
	char byte;

	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		need(child, "fork");
		if (child)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (long file = 0; file < files; file++)
			need(open("/dev/null", O_RDONLY), "/dev/null");
		pause();
		_exit(0);
	}
	printf("ready\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	kill(0, SIGTERM);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	double number = argc > 2 ? atof(argv[2]) : 0;

	if (!strcmp(mode, "getppid"))
		getppids(number);
	else if (!strcmp(mode, "open") && argc == 4)
		opens(number, argv[3]);
	else if (!strcmp(mode, "exec") && argc > 3)
		execs(number, argv + 3);
	else if (!strcmp(mode, "connect"))
		connects(number);
	else if (!strcmp(mode, "flood") && argc == 5)
		flood(number, atol(argv[3]), argv[4]);
	else if (!strcmp(mode, "unique") && argc == 5)
		unique(number, atol(argv[3]), argv[4]);
	else if (!strcmp(mode, "latency") && argc == 6)
		latency(number, atol(argv[3]), argv[4], argv[5]);
	else if (!strcmp(mode, "crowd") && argc == 4)
		crowd(number, atol(argv[3]));
	else
		return 2;
	return 0;
}
