/* The verbs of sockets. */
#define _GNU_SOURCE
#include "act.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t address(struct sockaddr_storage *to, const char *host, const char *port)
{
	struct sockaddr_in *v4 = (void *)to;
	struct sockaddr_in6 *v6 = (void *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(atoi(port));
		return sizeof(*v6);
	}
	inet_pton(AF_INET, host, &v4->sin_addr);
	v4->sin_family = AF_INET;
	v4->sin_port = htons(atoi(port));
	return sizeof(*v4);
}

/* tcp ADDRESS PORT: an attempt; whether somebody listens is no matter. */
long verb_tcp(char **argv)
{
	struct sockaddr_storage to;
	socklen_t size = address(&to, argv[0], argv[1]);

	last = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	return connect(last, (void *)&to, size) && errno != EINPROGRESS ? -1 : 0;
}

long verb_udp(char **argv)
{
	struct sockaddr_storage to;
	socklen_t size = address(&to, argv[0], argv[1]);

	last = socket(to.ss_family, SOCK_DGRAM, 0);
	return connect(last, (void *)&to, size);
}

/* sendto ADDRESS PORT, over a socket that is not connected */
long verb_sendto(char **argv)
{
	struct sockaddr_storage to;
	socklen_t size = address(&to, argv[0], argv[1]);

	last = socket(to.ss_family, SOCK_DGRAM, 0);
	return sendto(last, "x", 1, 0, (void *)&to, size);
}

long verb_unix(char **argv)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	strncpy(to.sun_path, argv[0], sizeof(to.sun_path) - 1);
	last = socket(AF_UNIX, SOCK_STREAM, 0);
	return connect(last, (void *)&to, sizeof(to));
}

long verb_listen(char **argv)
{
	struct sockaddr_storage at;
	socklen_t size = address(&at, argv[0], argv[1]);
	int on = 1;

	last = socket(at.ss_family, SOCK_STREAM, 0);
	setsockopt(last, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(last, (void *)&at, size) ? -1 : listen(last, 4);
}

/* serve ADDRESS PORT TEXT: accepts one connection on any address, which a
 * child makes to and thus from that one, and receives the text that it sends. */
long verb_serve(char **argv)
{
	struct sockaddr_storage to;
	char bytes[256];
	pid_t child;

	if (verb_listen((char *[]){ "0.0.0.0", argv[1] }))
		return -1;
	child = fork();
	if (child == 0) {
		socklen_t size = address(&to, argv[0], argv[1]);
		int fd = socket(to.ss_family, SOCK_STREAM, 0);

		if (connect(fd, (void *)&to, size) || send(fd, argv[2], strlen(argv[2]), 0) < 0)
			_exit(1);
		_exit(0);
	}
	last = accept4(last, NULL, NULL, SOCK_CLOEXEC);
	if (last < 0 || recvfrom(last, bytes, sizeof(bytes), MSG_WAITALL, NULL, NULL) < 0)
		return -1;
	return wait_for(child);
}

long verb_socket(char **argv)
{
	return last = socket(atoi(argv[0]), atoi(argv[1]), 0);
}

long verb_dup(char **argv)
{
	return dup2(last, atoi(argv[0]));
}
