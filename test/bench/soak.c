/*
 * Starts RATE processes a second until it is killed. Each has a name, arguments and a file of its own; every hundredth
 * has an argument that a rule waits for. Prints how many it has started, once a second.
 *
 *   soak FOLDER RATE
 *   soak leaf FOLDER NUMBER       what each of them does: a thread, a file opened and removed
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *idle(void *nothing)
{
	return nothing;
}

static int leaf(const char *folder, const char *number)
{
	char path[512];
	pthread_t thread;
	int fd;

	snprintf(path, sizeof(path), "leaf-%s", number);
	prctl(PR_SET_NAME, path);
	if (!pthread_create(&thread, NULL, idle, NULL))
		pthread_join(thread, NULL);
	snprintf(path, sizeof(path), "%s/file-%s", folder, number);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return 1;
	close(fd);
	return unlink(path) != 0;
}

int main(int argc, char **argv)
{
	struct timespec next;
	long rate, pause_ns, started = 0;

	if (argc == 4 && !strcmp(argv[1], "leaf"))
		return leaf(argv[2], argv[3]);
	if (argc != 3 || (rate = atol(argv[2])) <= 0)
		return 2;
	prctl(PR_SET_PDEATHSIG, 9);
	pause_ns = 1000000000L / rate;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		char number[32], word[64];
		int status;
		pid_t child;

		started++;
		snprintf(number, sizeof(number), "%ld", started);
		snprintf(word, sizeof(word), "%s-%ld", started % 100 ? "quiet" : "alert", started);
		child = vfork();
		if (!child) {
			if (started % 100)
				execl("/proc/self/exe", word, "leaf", argv[1], number, (char *)NULL);
			else
				execl("/bin/true", word, word, (char *)NULL);
			_exit(127);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			return 3;
		if (started % rate == 0) {
			printf("%ld\n", started);
			fflush(stdout);
		}
		next.tv_nsec += pause_ns;
		if (next.tv_nsec >= 1000000000L) {
			next.tv_nsec -= 1000000000L;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}
