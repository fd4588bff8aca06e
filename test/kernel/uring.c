/* Makes calls through io_uring, by hand: liburing is not needed. Works in the
 * current folder. uring files | hidden | network PORT | overflow */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define ENTRIES 8
#define OP_LISTEN 57 /* IORING_OP_LISTEN, Linux 6.11 */

static int ring;
static unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;

static void need(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void *map(size_t size, off_t offset)
{
	void *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, offset);

	if (at == MAP_FAILED)
		need(-1, "mmap");
	return at;
}

static void set_up(unsigned flags)
{
	struct io_uring_params params = { .flags = flags };
	char *sq, *cq;

	ring = syscall(SYS_io_uring_setup, ENTRIES, &params);
	need(ring, "io_uring_setup");
	sq = map(params.sq_off.array + params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	cq = map(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	sqes = map(params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	sq_tail = (void *)(sq + params.sq_off.tail);
	sq_mask = (void *)(sq + params.sq_off.ring_mask);
	sq_array = (void *)(sq + params.sq_off.array);
	cq_head = (void *)(cq + params.cq_off.head);
	cq_tail = (void *)(cq + params.cq_off.tail);
	cq_mask = (void *)(cq + params.cq_off.ring_mask);
	cqes = (void *)(cq + params.cq_off.cqes);
}

static struct io_uring_sqe *put(int op, int fd, const void *address, unsigned length, uint64_t offset)
{
	unsigned tail = *sq_tail, at = tail & *sq_mask;
	struct io_uring_sqe *sqe = &sqes[at];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)address;
	sqe->len = length;
	sqe->off = offset;
	sqe->user_data = tail + 1;
	sq_array[at] = at;
	__atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
	return sqe;
}

static void submit(unsigned count, unsigned wait)
{
	need(syscall(SYS_io_uring_enter, ring, count, wait, IORING_ENTER_GETEVENTS, 0, 0), "io_uring_enter");
}

/* The result of the next request that is done. */
static int take(void)
{
	unsigned head = *cq_head;

	while (__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) == head)
		submit(0, 1);
	int result = cqes[head & *cq_mask].res;
	__atomic_store_n(cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}

/* What is wanted: the name in the report. */
static int run(const char *name)
{
	submit(1, 1);
	int result = take();
	printf("%s %d\n", name, result);
	return result;
}

/* Through memory that the ring knows, and several parts. */
static void fixed(int fd)
{
	char *data = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec memory = { data, 4096 }, parts[2] = { { data + 100, 3 }, { data + 200, 60 } };

	need(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &memory, 1), "register");
	strcpy(data, "fixed-text");
	put(IORING_OP_WRITE_FIXED, fd, data, 10, 0);
	run("write_fixed");
	put(IORING_OP_READ_FIXED, fd, data + 50, 6, 0);
	run("read_fixed");
	put(IORING_OP_READV, fd, parts, 2, 0);
	run("readv");
}

static void files(void)
{
	struct open_how how = { .flags = O_RDWR | O_CREAT, .mode = 0640 };
	char path[] = "made", data[] = "bytes";
	struct iovec vector = { data, 5 };
	int fd;

	put(IORING_OP_OPENAT, AT_FDCWD, "/etc/passwd", 0, 0)->open_flags = O_RDONLY;
	run("openat");
	put(IORING_OP_OPENAT, AT_FDCWD, "absent", 0, 0)->open_flags = O_RDONLY;
	run("absent");
	/* In a worker of the kernel's, and the text changes while that is at work. */
	put(IORING_OP_OPENAT2, AT_FDCWD, path, sizeof(how), (uintptr_t)&how)->flags = IOSQE_ASYNC;
	submit(1, 0);
	strcpy(path, "fake");
	fd = take();
	printf("openat2 %d\n", fd);
	put(IORING_OP_WRITE, fd, data, 5, 0);
	run("write");
	put(IORING_OP_WRITEV, fd, &vector, 1, 5);
	run("writev");
	put(IORING_OP_READ, fd, data, 4, 0);
	run("read");
	put(IORING_OP_MKDIRAT, AT_FDCWD, "dir", 0750, 0);
	run("mkdirat");
	put(IORING_OP_RENAMEAT, AT_FDCWD, "made", AT_FDCWD, (uintptr_t) "dir/moved");
	run("renameat");
	put(IORING_OP_LINKAT, AT_FDCWD, "dir/moved", AT_FDCWD, (uintptr_t) "linked");
	run("linkat");
	put(IORING_OP_SYMLINKAT, AT_FDCWD, "/etc/shadow", 0, (uintptr_t) "sym");
	run("symlinkat");
	put(IORING_OP_UNLINKAT, AT_FDCWD, "linked", 0, 0);
	run("unlinkat");
	fixed(fd);
	put(IORING_OP_CLOSE, fd, 0, 0, 0);
	run("close");
}

/* Requests whose end the kernel does not tell by its usual way. */
static void hidden(void)
{
	int i;

	put(IORING_OP_OPENAT, AT_FDCWD, "/etc/hostname", 0, 0)->flags = IOSQE_CQE_SKIP_SUCCESS;
	submit(1, 0);
	/* Two under one name. */
	for (i = 0; i < 2; i++)
		put(IORING_OP_OPENAT, AT_FDCWD, i ? "/etc/group" : "/etc/passwd", 0, 0)->user_data = 77;
	submit(2, 2);
	take();
	take();
	/* A descriptor in the ring's own table. */
	int none[4] = { -1, -1, -1, -1 };
	need(syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, none, 4), "register");
	put(IORING_OP_OPENAT, AT_FDCWD, "/etc/fstab", 0, 0)->file_index = 3;
	run("direct");
}

/* A server: what it accepts and receives. */
static void serve(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char data[16] = "";
	struct iovec part = { data, sizeof(data) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	socklen_t length = sizeof(at);
	int listening = socket(AF_INET, SOCK_STREAM, 0), peers[3], i, fd;

	need(bind(listening, (void *)&at, sizeof(at)), "bind");
	put(OP_LISTEN, listening, 0, 5, 0);
	run("listen");
	need(getsockname(listening, (void *)&at, &length), "getsockname");
	printf("port %d\n", ntohs(at.sin_port));
	for (i = 0; i < 3; i++) {
		peers[i] = socket(AF_INET, SOCK_STREAM, 0);
		need(connect(peers[i], (void *)&at, sizeof(at)), "connect");
	}
	put(IORING_OP_ACCEPT, listening, 0, 0, 0);
	fd = run("accept");
	/* One request, several connections. */
	put(IORING_OP_ACCEPT, listening, 0, 0, 0)->ioprio = IORING_ACCEPT_MULTISHOT;
	submit(1, 2);
	printf("second %d\n", take());
	printf("third %d\n", take());
	need(send(peers[0], "received", 8, 0), "send");
	put(IORING_OP_RECV, fd, data, 5, 0);
	run("recv");
	put(IORING_OP_RECVMSG, fd, &message, 1, 0);
	run("recvmsg");
}

/* The completion queue is full: 16 entries, none taken. */
static void overflow(void)
{
	char path[32];
	int i;

	for (i = 0; i < 20; i++) {
		sprintf(path, "missing-%d", i);
		access(path, F_OK); /* what the kernel has looked up before needs no worker: it is done at once */
		put(IORING_OP_OPENAT, AT_FDCWD, path, 0, 0);
		submit(1, 0);
	}
}

static void network(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in closed = to;
	struct iovec vector = { "message", 7 };
	struct msghdr message = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &vector, .msg_iovlen = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
	int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	struct io_uring_sqe *sqe;

	closed.sin_port = htons(1);
	put(IORING_OP_CONNECT, fd, &to, 0, sizeof(to));
	run("connect");
	put(IORING_OP_CONNECT, other, &closed, 0, sizeof(closed));
	run("refused");
	put(IORING_OP_SEND, fd, "hello", 5, 0);
	run("send");
	put(IORING_OP_SENDMSG, datagrams, &message, 1, 0);
	run("sendmsg");
	sqe = put(IORING_OP_SEND, datagrams, "to", 2, (uintptr_t)&to);
	sqe->addr_len = sizeof(to);
	run("sendto");
	put(IORING_OP_SOCKET, AF_INET, 0, 0, SOCK_STREAM);
	run("socket");
}

int main(int argc, char **argv)
{
	set_up(argc > 1 && !strcmp(argv[1], "polled") ? IORING_SETUP_SQPOLL : 0);
	if (argc > 1 && !strcmp(argv[1], "files"))
		files();
	else if (argc > 1 && !strcmp(argv[1], "hidden"))
		hidden();
	else if (argc > 1 && !strcmp(argv[1], "overflow"))
		overflow();
	else if (argc > 1 && !strcmp(argv[1], "serve"))
		serve();
	else if (argc > 2 && !strcmp(argv[1], "network"))
		network(atoi(argv[2]));
	else if (argc > 1 && !strcmp(argv[1], "polled")) {
		put(IORING_OP_OPENAT, AT_FDCWD, "/etc/passwd", 0, 0);
		need(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, 0, 0),
		     "io_uring_enter");
		printf("openat %d\n", take());
	} else
		return 2;
	return 0;
}
