/*
 * Processes that change themselves at random and write down what they are, so that a test can compare. A chain of
 * `node`s, each started anew under a random name, ends in one that starts `leaf`s one after the other:
 *
 *   storm node LEVEL COUNT SEED FOLDER FIRST      a chain of LEVEL more nodes; the last starts COUNT leaves
 *   storm leaf ID SEED FOLDER [WORD…]             changes itself, writes a line to descriptor 9, opens FOLDER/mark, ends
 *   storm stay ID SEED FOLDER [WORD…]             the same, then again at each SIGUSR1; starts itself anew at SIGUSR2
 *
 * FOLDER has bin/ (names of this program), cwd/ (folders a to h), and mark.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_FD 9
#define ANCESTORS 6
#define NAMES 64

static unsigned long long state;

static unsigned draw(unsigned below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(state >> 33) % below;
}

static int flip(unsigned one_in)
{
	return draw(one_in) == 0;
}

static void quit(const char *what)
{
	perror(what);
	_exit(99);
}

/* A random program of bin/, whose names have 1 to 20 letters. */
static void program(char *path, size_t size, const char *folder)
{
	snprintf(path, size, "%s/bin/%u", folder, draw(NAMES));
	char target[64];
	ssize_t length = readlink(path, target, sizeof(target) - 1);
	if (length < 0) quit("readlink");
	target[length] = 0;
	snprintf(path, size, "%s/bin/%s", folder, target);
}

static void change_folder(const char *folder)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/cwd/%c", folder, 'a' + draw(8));
	switch (draw(3)) {
	case 0:
		if (chdir(path)) quit("chdir");
		break;
	case 1: {
		int fd = open(path, O_RDONLY | O_DIRECTORY);
		if (fd < 0 || fchdir(fd)) quit("fchdir");
		close(fd);
		break;
	}
	case 2:
		if (chdir(folder) || chdir("cwd/../cwd/link")) quit("chdir link");
		break;
	}
}

static void take_terminal(void)
{
	if (getpgid(0) == getpid()) return; /* The leader of a group cannot leave it for a session. */
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) || unlockpt(master)) quit("pty");
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (slave < 0 || setsid() < 0 || ioctl(slave, TIOCSCTTY, 0)) quit("tty");
}

static void change(const char *folder, int before_exec)
{
	if (flip(3)) change_folder(folder);
	if (before_exec && flip(16)) take_terminal();
	else if (flip(6)) setsid();
	else if (flip(6)) setpgid(0, 0);
	if (!before_exec && flip(6)) {
		char name[16];
		snprintf(name, sizeof(name), "renamed-%u", draw(1000));
		prctl(PR_SET_NAME, name);
	}
	if (flip(6)) {
		unsigned id = 10000 + draw(50000);
		if (getuid() == 0 && (setresgid(id, id, id) || setresuid(id, id, id))) quit("setresuid");
	}
}

struct start {
	const char *path;
	char *const *argv;
};

static void *start_in_thread(void *given)
{
	struct start *start = given;
	execv(start->path, start->argv);
	quit("execv in a thread");
	return NULL;
}

static void start(const char *path, char *const argv[])
{
	struct start given = {path, argv};
	pthread_t thread;
	if (flip(8) && !pthread_create(&thread, NULL, start_in_thread, &given)) for (;;) pause();
	execv(path, argv);
	quit(path);
}

/* Name, parent and terminal of a process, of /proc/PID/stat. */
static int stat_of(int pid, char *name, int *parent, int *tty)
{
	char path[32], text[512];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY);
	if (fd < 0) return -1;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0) return -1;
	text[length] = 0;
	char *open_ = strchr(text, '('), *close_ = strrchr(text, ')');
	*close_ = 0;
	strcpy(name, open_ + 1);
	int group, session;
	return sscanf(close_ + 2, "%*c %d %d %d %d", parent, &group, &session, tty) == 4 ? 0 : -1;
}

static void record(const char *id, int argc, char **argv)
{
	char line[4096], name[64], exe[256], cwd[256];
	int parent, tty, ignored, at = 0;
	if (stat_of(getpid(), name, &parent, &tty)) quit("stat");
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[length < 0 ? 0 : length] = 0;
	if (!getcwd(cwd, sizeof(cwd))) quit("getcwd");
	at += snprintf(line + at, sizeof(line) - at,
		"{\"id\":\"%s\",\"pid\":%d,\"ppid\":%d,\"name\":\"%s\",\"exe\":\"%s\",\"cwd\":\"%s\",\"uid\":%d,\"gid\":%d,"
		"\"sid\":%d,\"pgid\":%d,\"tty\":%d,\"argv\":[",
		id, getpid(), parent, name, exe, cwd, getuid(), getgid(), getsid(0), getpgid(0), tty);
	for (int i = 0; i < argc; i++) at += snprintf(line + at, sizeof(line) - at, "%s\"%s\"", i ? "," : "", argv[i]);
	at += snprintf(line + at, sizeof(line) - at, "],\"ancestors\":[");
	for (int i = 0; i < ANCESTORS; i++) {
		int pid = parent;
		if (stat_of(pid, name, &parent, &ignored)) break;
		at += snprintf(line + at, sizeof(line) - at, "%s{\"pid\":%d,\"name\":\"%s\"}", i ? "," : "", pid, name);
	}
	at += snprintf(line + at, sizeof(line) - at, "]}\n");
	if (write(LOG_FD, line, at) != at) quit("write");
}

static void mark(const char *folder)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/mark", folder);
	int fd = openat(AT_FDCWD, path, O_RDONLY);
	if (fd < 0) quit("mark");
	close(fd);
}

static void start_leaf(const char *kind, unsigned id, unsigned long long seed, const char *folder)
{
	char path[256], id_text[32], seed_text[32], words[6][24];
	char *argv[12];
	int argc = 0;
	state = seed;
	change(folder, 1);
	program(path, sizeof(path), folder);
	snprintf(id_text, sizeof(id_text), "%u", id);
	snprintf(seed_text, sizeof(seed_text), "%llu", seed + 7);
	argv[argc++] = flip(4) ? "other name" : path;
	argv[argc++] = (char *)kind;
	argv[argc++] = id_text;
	argv[argc++] = seed_text;
	argv[argc++] = (char *)folder;
	for (unsigned i = draw(6); i > 0; i--) {
		snprintf(words[i], sizeof(words[i]), "w%u=%u x", draw(10), draw(1000000));
		argv[argc++] = words[i];
	}
	argv[argc] = NULL;
	start(path, argv);
}

static void start_node(int level, unsigned count, unsigned long long seed, const char *folder, unsigned first, const char *kind)
{
	char path[256], numbers[4][32];
	state = seed;
	program(path, sizeof(path), folder);
	snprintf(numbers[0], 32, "%d", level);
	snprintf(numbers[1], 32, "%u", count);
	snprintf(numbers[2], 32, "%llu", seed + 1);
	snprintf(numbers[3], 32, "%u", first);
	char *argv[] = {path, "node", numbers[0], numbers[1], numbers[2], (char *)folder, numbers[3], (char *)kind, NULL};
	start(path, argv);
}

static int node(char **argv)
{
	int level = atoi(argv[2]);
	unsigned count = strtoul(argv[3], NULL, 10), first = strtoul(argv[6], NULL, 10);
	unsigned long long seed = strtoull(argv[4], NULL, 10);
	const char *folder = argv[5], *kind = argv[7];
	int failed = 0;
	for (unsigned i = 0; i < (level > 0 ? 1 : count); i++) {
		pid_t child = fork();
		if (child < 0) quit("fork");
		if (child == 0) {
			if (level > 0) start_node(level - 1, count, seed, folder, first, kind);
			start_leaf(kind, first + i, seed + i * 1000003ull, folder);
		}
		int status;
		if (waitpid(child, &status, 0) < 0 || status != 0) failed = 1;
	}
	return failed;
}

static volatile sig_atomic_t signalled;

static void remember(int number)
{
	signalled = number;
}

static int stay(int argc, char **argv)
{
	sigset_t both, none;
	sigemptyset(&none);
	sigemptyset(&both);
	sigaddset(&both, SIGUSR1);
	sigaddset(&both, SIGUSR2);
	sigaddset(&both, SIGTERM);
	sigprocmask(SIG_BLOCK, &both, NULL);
	struct sigaction action = {.sa_handler = remember};
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (;;) {
		record(argv[2], argc, argv);
		do {
			signalled = 0;
			sigsuspend(&none);
			if (signalled == SIGTERM) return 0;
			if (signalled == SIGUSR2) {
				state = strtoull(argv[3], NULL, 10) * 31 + 5;
				char seed_text[32];
				snprintf(seed_text, sizeof(seed_text), "%llu", state);
				change(argv[4], 1);
				char path[256];
				program(path, sizeof(path), argv[4]);
				char *next[] = {path, "stay", argv[2], seed_text, argv[4], "anew", NULL};
				sigprocmask(SIG_SETMASK, &none, NULL);
				sigprocmask(SIG_BLOCK, &both, NULL);
				execv(path, next);
				quit("anew");
			}
		} while (signalled != SIGUSR1);
		mark(argv[4]);
	}
}

int main(int argc, char **argv)
{
	if (argc >= 8 && !strcmp(argv[1], "node")) return node(argv);
	if (argc >= 5 && !strcmp(argv[1], "stay")) return stay(argc, argv);
	if (argc < 5 || strcmp(argv[1], "leaf")) return 2;
	state = strtoull(argv[3], NULL, 10);
	change(argv[4], 0);
	record(argv[2], argc, argv);
	mark(argv[4]);
	return 0;
}
