/* What the tests of older and newer kernels look for, in the current folder; runs in a guest without a libc. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(long result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(1);
}

/* open(2) through the 32-bit entry: its pointers must lie below 4 GiB. */
static void open_compat(const char *path)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result = 5; /* open, arch/x86/entry/syscalls/syscall_32.tbl */

	if (low == MAP_FAILED)
		need(-1, "mmap");
	strcpy(low, path);
	asm volatile("int $0x80" : "+a"(result) : "b"(low), "c"(O_RDWR | O_CREAT), "d"(0600) : "memory");
	need(result, "open by int 0x80");
}

/* calls [none]: `none` where the kernel has no 32-bit entry. */
int main(int argc, char **argv)
{
	struct sockaddr_in discard = { .sin_family = AF_INET,
				       .sin_port = htons(9),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char path[256];
	pid_t child;
	int status, fd;

	if (!getcwd(path, sizeof(path) - 16))
		need(-1, "getcwd");
	strcat(path, "/absolute");
	need(open(path, O_RDWR | O_CREAT, 0600), "open absolute");
	need(open("./folder/../relative", O_RDWR | O_CREAT, 0600), "open relative");
	if (argc < 2 || strcmp(argv[1], "none"))
		open_compat("compat");
	if (open("absent", O_RDONLY) >= 0)
		return 1;
	need(rename("absolute", "folder/renamed"), "rename");
	need(chmod("folder/renamed", 04755), "chmod");
	need(unlink("folder/renamed"), "unlink");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	need(fd, "socket");
	if (!connect(fd, (struct sockaddr *)&discard, sizeof(discard)))
		return 1;
	child = fork();
	need(child, "fork");
	if (!child)
		_exit(7);
	need(waitpid(child, &status, 0), "waitpid");
	return 0;
}
