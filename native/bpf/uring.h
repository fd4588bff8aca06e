/* What uring.bpf.c needs of io_uring, and where it keeps requests that are on their way. */
#ifndef LANNER_URING_H
#define LANNER_URING_H

#define URING_ADDRESS 128
/* Requests on their way at the same time whose results are waited for. */
#define URING_MOST 512
/* linux/io_uring.h: more entries follow for the request; this one only says that a buffer is free. */
#define CQE_MORE (1u << 1)
#define CQE_NOTIF (1u << 3)
#define URING_CQE_SKIP (1u << 6) /* IOSQE_CQE_SKIP_SUCCESS_BIT, linux/io_uring.h; REQ_F_CQE_SKIP is the same bit */

/* linux/io_uring.h, enum io_uring_op */
enum {
	OP_READV = 1,
	OP_WRITEV = 2,
	OP_READ_FIXED = 4,
	OP_WRITE_FIXED = 5,
	OP_SENDMSG = 9,
	OP_RECVMSG = 10,
	OP_ACCEPT = 13,
	OP_CONNECT = 16,
	OP_FALLOCATE = 17,
	OP_OPENAT = 18,
	OP_CLOSE = 19,
	OP_STATX = 21,
	OP_READ = 22,
	OP_WRITE = 23,
	OP_SEND = 26,
	OP_RECV = 27,
	OP_OPENAT2 = 28,
	OP_EPOLL_CTL = 29,
	OP_SPLICE = 30,
	OP_TEE = 33,
	OP_SHUTDOWN = 34,
	OP_RENAMEAT = 35,
	OP_UNLINKAT = 36,
	OP_MKDIRAT = 37,
	OP_SYMLINKAT = 38,
	OP_LINKAT = 39,
	OP_FSETXATTR = 41,
	OP_SETXATTR = 42,
	OP_FGETXATTR = 43,
	OP_GETXATTR = 44,
	OP_SOCKET = 45,
	OP_SEND_ZC = 47,
	OP_SENDMSG_ZC = 48,
	OP_FTRUNCATE = 55,
	OP_BIND = 56,
	OP_LISTEN = 57,
	URING_OPS = 64,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct filename {
	const char *name, *uptr;
};
struct open_how {
	u64 flags, mode;
};
struct io_uring_cqe {
	u64 user_data;
	s32 res;
	u32 flags;
};
struct io_cqe {
	u64 user_data;
	s32 fd;
};
struct io_ring_ctx;
struct io_kiocb {
	struct file *file;
	u8 opcode;
	u64 flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
};
/* Of one request; all lie where the request begins (struct io_cmd_data). */
struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
};
struct io_unlink {
	int dfd, flags;
	struct filename *filename;
};
struct io_rename {
	int old_dfd, new_dfd, flags;
	struct filename *oldpath, *newpath;
};
struct io_mkdir {
	int dfd;
	u16 mode;
	struct filename *filename;
};
struct io_link {
	int old_dfd, new_dfd, flags;
	struct filename *oldpath, *newpath;
};
struct io_connect {
	void *addr;
	int addr_len;
};
struct io_accept {
	void *addr;
	int flags;
	u32 file_slot;
};
struct io_socket {
	int domain, type, protocol;
	u32 file_slot;
};
struct io_listen {
	int backlog;
};
struct io_rw {
	u64 addr;
	u32 len;
};
struct io_sr_msg {
	void *buf;
	int len;
	u32 msg_flags;
};
struct msghdr {
	int msg_namelen;
};
struct sockaddr_bytes {
	u8 bytes[URING_ADDRESS];
};
struct io_async_msghdr {
	struct msghdr msg;
	struct sockaddr_bytes addr;
};
/* What perf hands to a program: include/trace/events/io_uring.h, its TP_STRUCT__entry. */
struct trace_event_raw_io_uring_submit_req {
	void *req;
};
struct trace_event_raw_io_uring_complete {
	void *ctx, *req;
	u64 user_data;
	s32 res;
	u32 cflags;
};
struct trace_event_raw_io_uring_cqe_overflow {
	void *ctx;
	u64 user_data;
	s32 res;
	u32 cflags;
};
#pragma clang attribute pop

/* A name is the program's own: up to URING_NAMESAKES requests may have it at the same time. */
#define URING_NAMESAKES 8
struct uring_key {
	u64 ring;
	u64 user_data;
	u64 nth;
};
struct uring_request {
	u64 request; /* struct io_kiocb * */
	u64 args[6];
	u32 nr;
	u32 tgid;
	u32 tid;
	u32 vtid;
	u32 address_length; /* of the address in text[0]; 0: there is none */
	u32 slot;           /* from 1: the descriptor will be one of the ring's own, not of the process */
	u8 has_file;        /* the request knows its file */
	u8 unread;          /* only that it was made is known */
	u8 op;
	u8 padding[5];
	char text[2][URING_TEXT];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, URING_MOST);
	__type(key, struct uring_key);
	__type(value, struct uring_request);
} uring_requests SEC(".maps");

/* Where a request is put together. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct uring_request);
} uring_scratch SEC(".maps");

/* The system call that does the same, by opcode; 0: none that a rule could name. */
#define CALL(nr) ((nr) + 1)
static const u16 uring_calls[URING_OPS] = {
	[OP_READV] = CALL(19),
	[OP_WRITEV] = CALL(20),
	[OP_READ_FIXED] = CALL(0),
	[OP_WRITE_FIXED] = CALL(1),
	[OP_SENDMSG] = CALL(NR_SENDMSG),
	[OP_RECVMSG] = CALL(NR_RECVMSG),
	[OP_ACCEPT] = CALL(288),
	[OP_CONNECT] = CALL(42),
	[OP_FALLOCATE] = CALL(285),
	[OP_OPENAT] = CALL(257),
	[OP_CLOSE] = CALL(3),
	[OP_STATX] = CALL(332),
	[OP_READ] = CALL(0),
	[OP_WRITE] = CALL(1),
	[OP_SEND] = CALL(NR_SENDTO),
	[OP_RECV] = CALL(NR_RECVFROM),
	[OP_OPENAT2] = CALL(437),
	[OP_EPOLL_CTL] = CALL(233),
	[OP_SPLICE] = CALL(275),
	[OP_TEE] = CALL(276),
	[OP_SHUTDOWN] = CALL(48),
	[OP_RENAMEAT] = CALL(316),
	[OP_UNLINKAT] = CALL(263),
	[OP_MKDIRAT] = CALL(258),
	[OP_SYMLINKAT] = CALL(266),
	[OP_LINKAT] = CALL(265),
	[OP_FSETXATTR] = CALL(190),
	[OP_SETXATTR] = CALL(188),
	[OP_FGETXATTR] = CALL(193),
	[OP_GETXATTR] = CALL(191),
	[OP_SOCKET] = CALL(41),
	[OP_SEND_ZC] = CALL(NR_SENDTO),
	[OP_SENDMSG_ZC] = CALL(NR_SENDMSG),
	[OP_FTRUNCATE] = CALL(77),
	[OP_BIND] = CALL(NR_BIND),
	[OP_LISTEN] = CALL(50),
};

#endif
