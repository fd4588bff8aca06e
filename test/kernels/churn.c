/* churn PROCESSES TIMES PROGRAM: so many processes at once, each of which so many times makes a child that runs the program,
 * with an argument that no other has, and waits for its end. With one argument it does nothing: it is the program, too. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(int process, int times, char *program)
{
	char mark[32];

	for (int i = 0; i < times; i++) {
		pid_t child = fork();
		int status;

		if (child < 0)
			return 1;
		if (!child) {
			snprintf(mark, sizeof(mark), "%d-%d", process, i);
			execl(program, program, mark, (char *)NULL);
			_exit(1);
		}
		if (waitpid(child, &status, 0) != child || status)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int processes = argc == 4 ? atoi(argv[1]) : 0, failed = 0, status;

	if (argc == 2)
		return 0;
	for (int i = 0; i < processes; i++) {
		if (!fork())
			_exit(run(i, atoi(argv[2]), argv[3]));
	}
	while (wait(&status) > 0)
		failed |= status;
	return failed || !processes;
}
