/*
 * A storm of calls on sockets, for test/kernel/pushdown.test.ts: sockets FOLDER SEED COUNT. In a network of its own, where
 * every address is this machine's: nothing leaves it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t seed;

static uint32_t pick(uint32_t below) {
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}
#define LENGTH(of) (sizeof(of) / sizeof(of[0]))

static void need(int result, const char* what) {
	if (result < 0) {
		perror(what);
		_exit(1);
	}
}

static const char* const addresses[] = {"127.0.0.1", "127.3.2.1",       "10.1.2.3", "10.9.0.1",
					"8.8.8.8",   "169.254.169.254", "0.0.0.0",  "192.168.0.7"};
static const uint16_t ports[] = {80, 80, 443, 8080, 53, 22, 9, 0};
static const char* const comms[] = {"sockets", "tar", "sort", "stormy"};

/* Loopback up, and every address on it (an address of ten networks would do as well, but takes more calls). */
static void make_network(void) {
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	need(ioctl(fd, SIOCSIFFLAGS, &request), "loopback");
	for (unsigned i = 1; i < LENGTH(addresses); i++) {
		struct sockaddr_in* address = (void*)&request.ifr_addr;

		if (i == 6) continue;
		snprintf(request.ifr_name, sizeof(request.ifr_name), "lo:%u", i);
		memset(&request.ifr_addr, 0, sizeof(request.ifr_addr));
		address->sin_family = AF_INET;
		inet_pton(AF_INET, addresses[i], &address->sin_addr);
		need(ioctl(fd, SIOCSIFADDR, &request), addresses[i]);
	}
	close(fd);
}

/* Of any family, mostly that of the socket. */
static socklen_t make_address(int family, struct sockaddr_storage* to) {
	struct sockaddr_in* four = (void*)to;
	struct sockaddr_in6* six = (void*)to;
	struct sockaddr_un* local = (void*)to;
	char text[64];

	if (pick(8) == 0) family = pick(2) ? AF_INET : pick(2) ? AF_INET6 : AF_UNIX;
	memset(to, 0, sizeof(*to));
	to->ss_family = family;
	switch (family) {
	case AF_INET:
		four->sin_port = htons(ports[pick(LENGTH(ports))]);
		inet_pton(AF_INET, addresses[pick(LENGTH(addresses))], &four->sin_addr);
		return sizeof(*four);
	case AF_INET6:
		six->sin6_port = htons(ports[pick(LENGTH(ports))]);
		snprintf(text, sizeof(text), "::ffff:%s", addresses[pick(LENGTH(addresses))]);
		inet_pton(AF_INET6, pick(3) ? text : "::1", &six->sin6_addr);
		return sizeof(*six);
	default:
		snprintf(local->sun_path, sizeof(local->sun_path), "nowhere");
		return sizeof(*local);
	}
}

static void carry(int fd, int family) {
	struct sockaddr_storage address;
	socklen_t length = make_address(family, &address), room = sizeof(address);
	struct iovec part = {"x", 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	char byte;

	if (pick(3) == 0) {
		message.msg_name = &address;
		message.msg_namelen = length;
	}
	switch (pick(5)) {
	case 0:
		sendto(fd, "x", 1, MSG_NOSIGNAL, message.msg_name, message.msg_namelen);
		break;
	case 1:
		sendmsg(fd, &message, MSG_NOSIGNAL);
		break;
	case 2:
		recvfrom(fd, &byte, 1, MSG_DONTWAIT, message.msg_name, message.msg_name ? &room : NULL);
		break;
	case 3:
		part.iov_base = &byte;
		recvmsg(fd, &message, MSG_DONTWAIT);
		break;
	default:
		sendmsg(fd, pick(20) ? &message : (void*)0x1000, MSG_NOSIGNAL);
	}
}

static void one_socket(int listener) {
	static const int kinds[][2] = {{AF_INET, SOCK_STREAM}, {AF_INET, SOCK_STREAM},  {AF_INET, SOCK_DGRAM},
				       {AF_INET, SOCK_DGRAM},  {AF_INET6, SOCK_STREAM}, {AF_INET6, SOCK_DGRAM},
				       {AF_UNIX, SOCK_STREAM}, {AF_INET, SOCK_RAW},     {AF_NETLINK, SOCK_RAW}};
	uint32_t kind = pick(LENGTH(kinds));
	struct sockaddr_storage address;
	struct linger at_once = {.l_onoff = 1};
	socklen_t length;
	int family = kinds[kind][0], other = -1;
	int fd = socket(family, kinds[kind][1] | (pick(2) ? SOCK_NONBLOCK : 0), kinds[kind][1] == SOCK_RAW ? 1 : 0);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	length = make_address(family, &address);
	if (pick(5) == 0) bind(fd, (void*)&address, length);
	if (pick(8) == 0) listen(fd, 1);
	length = make_address(family, &address);
	if (pick(6)) connect(fd, (void*)&address, length);
	if (listener >= 0) other = pick(2) ? accept(listener, NULL, NULL) : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	for (uint32_t i = pick(4); i > 0; i--) carry(pick(4) ? fd : other, family);
	if (pick(6) == 0) shutdown(fd, SHUT_RDWR);
	close(other);
	close(fd);
}

static void storm(int listener, int count) {
	for (int i = count; i > 0; i--) {
		one_socket(listener);
		if (pick(200) == 0) prctl(PR_SET_NAME, comms[pick(LENGTH(comms))]);
	}
}

static int listen_here(void) {
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(80)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	need(bind(fd, (void*)&any, sizeof(any)), "bind");
	need(listen(fd, 16), "listen");
	return fd;
}

/* First as itself, then in a child that starts no program, then started anew as ssh. */
int main(int argc, char** argv) {
	int listener, count;
	pid_t child;

	if (argc < 4) return 2;
	seed = strtoull(argv[2], 0, 10);
	count = atoi(argv[3]);
	if (argc == 4) {
		need(chdir(argv[1]), argv[1]);
		need(unshare(CLONE_NEWNET), "a network");
		make_network();
	}
	listener = listen_here();
	if (argc > 4) {
		/* What it was started as is asked about by then. */
		storm(listener, 50);
		sleep(1);
	}
	storm(listener, count);
	if (argc > 4) return 0;
	child = fork();
	if (child == 0) {
		storm(listener, count / 2);
		_exit(0);
	}
	waitpid(child, 0, 0);
	execl("/proc/self/exe", "/usr/bin/ssh", argv[1], argv[2], argv[3], "again", NULL);
	return 1;
}
