/*
 * Calls made through io_uring, as the records of the system calls that they stand for. Each is noted when it is
 * submitted: the texts that the kernel copied then cannot be forged afterwards. It is told when it completes, with its
 * result. What completes unseen (IOSQE_CQE_SKIP_SUCCESS; too many at once, or under one user_data) is told when it is
 * submitted, without a result: no tracepoint tells a success that posts nothing, nor when a worker comes to its end.
 */
static __always_inline u64 read_filename(struct uring_request *to, u32 which, struct filename *name)
{
	if (!name)
		return 0;
	bpf_probe_read_kernel_str(to->text[which & 1], URING_TEXT, BPF_CORE_READ(name, name));
	/* 7.0 keeps the text alone: any address says that there is one. */
	return bpf_core_field_exists(name->uptr) ? (u64)BPF_CORE_READ(name, uptr) : 1;
}

static __always_inline void read_address(struct uring_request *to, void *from, s64 length, bool in_kernel)
{
	u64 size = length;

	if (!from || length < 3 || length > URING_ADDRESS)
		return;
	hide(size);
	if (size > URING_ADDRESS)
		return;
	if (in_kernel ? bpf_probe_read_kernel(to->text[0], size, from) : bpf_probe_read_user(to->text[0], size, from))
		return;
	to->address_length = size;
}

static __always_inline void read_open(struct uring_request *to, struct io_open *open)
{
	to->args[0] = BPF_CORE_READ(open, dfd);
	to->args[1] = read_filename(to, 0, READ_NAME(open, io_open, filename));
	to->args[2] = BPF_CORE_READ(open, how.flags);
	to->args[3] = BPF_CORE_READ(open, how.mode);
	to->slot = BPF_CORE_READ(open, file_slot);
}

static __always_inline void read_two(struct uring_request *to, u32 old_fd, u64 old, u32 new_fd, u64 new)
{
	to->args[0] = old_fd;
	to->args[1] = old;
	to->args[2] = new_fd;
	to->args[3] = new;
}

static __always_inline void read_sent(struct uring_request *to, struct io_kiocb *req, struct io_sr_msg *sent)
{
	u64 name[2] = {};

	to->args[1] = (u64)BPF_CORE_READ(sent, buf);
	if (to->op == OP_SENDMSG || to->op == OP_SENDMSG_ZC || to->op == OP_RECVMSG) {
		to->args[2] = BPF_CORE_READ(sent, msg_flags);
		if (to->op == OP_RECVMSG)
			return;
		bpf_probe_read_user(name, sizeof(name), (void *)to->args[1]); /* struct msghdr begins with them */
		read_address(to, (void *)name[0], (u32)name[1], false);
		return;
	}
	to->args[2] = BPF_CORE_READ(sent, len);
	to->args[3] = BPF_CORE_READ(sent, msg_flags);
	if (to->op != OP_RECV && bpf_core_field_exists(struct io_async_msghdr, addr)) {
		struct io_async_msghdr *message = BPF_CORE_READ(req, async_data);
		s32 length = message ? BPF_CORE_READ(message, msg.msg_namelen) : 0;

		read_address(to, (void *)message + bpf_core_field_offset(struct io_async_msghdr, addr), length, true);
	}
}

/* The arguments that the system call would have had. Whether the request is one that we can read. */
static __noinline int read_request(struct uring_request *to, struct io_kiocb *req)
{
	to->has_file = 1;
	to->args[0] = (u32)BPF_CORE_READ(req, cqe.fd);
	switch (to->op) {
	case OP_OPENAT:
	case OP_OPENAT2:
		to->has_file = 0;
		read_open(to, (void *)req);
		return 1;
	case OP_UNLINKAT: {
		struct io_unlink *unlink = (void *)req;

		to->has_file = 0;
		to->args[0] = BPF_CORE_READ(unlink, dfd);
		to->args[1] = read_filename(to, 0, READ_NAME(unlink, io_unlink, filename));
		to->args[2] = BPF_CORE_READ(unlink, flags);
		return 1;
	}
	case OP_MKDIRAT: {
		struct io_mkdir *mkdir = (void *)req;

		to->has_file = 0;
		to->args[0] = BPF_CORE_READ(mkdir, dfd);
		to->args[1] = read_filename(to, 0, READ_NAME(mkdir, io_mkdir, filename));
		to->args[2] = BPF_CORE_READ(mkdir, mode);
		return 1;
	}
	case OP_RENAMEAT: {
		struct io_rename *rename = (void *)req;

		to->has_file = 0;
		read_two(to, BPF_CORE_READ(rename, old_dfd),
			 read_filename(to, 0, READ_NAME(rename, io_rename, oldpath)), BPF_CORE_READ(rename, new_dfd),
			 read_filename(to, 1, READ_NAME(rename, io_rename, newpath)));
		to->args[4] = BPF_CORE_READ(rename, flags);
		return 1;
	}
	case OP_LINKAT: {
		struct io_link *link = (void *)req;

		to->has_file = 0;
		read_two(to, BPF_CORE_READ(link, old_dfd), read_filename(to, 0, READ_NAME(link, io_link, oldpath)),
			 BPF_CORE_READ(link, new_dfd), read_filename(to, 1, READ_NAME(link, io_link, newpath)));
		to->args[4] = BPF_CORE_READ(link, flags);
		return 1;
	}
	case OP_SYMLINKAT: {
		struct io_link *link = (void *)req;

		to->has_file = 0;
		to->args[0] = read_filename(to, 0, READ_NAME(link, io_link, oldpath));
		to->args[1] = BPF_CORE_READ(link, new_dfd);
		to->args[2] = read_filename(to, 1, READ_NAME(link, io_link, newpath));
		return 1;
	}
	case OP_CONNECT: {
		struct io_connect *connect = (void *)req;

		to->args[1] = (u64)BPF_CORE_READ(connect, addr);
		to->args[2] = BPF_CORE_READ(connect, addr_len);
		read_address(to, (void *)to->args[1], (s32)to->args[2], false);
		return 1;
	}
	case OP_ACCEPT: {
		struct io_accept *accept = (void *)req;

		to->has_file = 0;
		to->args[1] = (u64)BPF_CORE_READ(accept, addr);
		to->args[3] = BPF_CORE_READ(accept, flags);
		to->slot = BPF_CORE_READ(accept, file_slot);
		return 1;
	}
	case OP_SOCKET: {
		struct io_socket *socket = (void *)req;

		to->has_file = 0;
		to->args[0] = BPF_CORE_READ(socket, domain);
		to->args[1] = BPF_CORE_READ(socket, type);
		to->args[2] = BPF_CORE_READ(socket, protocol);
		to->slot = BPF_CORE_READ(socket, file_slot);
		return 1;
	}
	case OP_LISTEN: {
		struct io_listen *listen = (void *)req;

		if (!bpf_core_type_exists(struct io_listen)) /* before 6.11 */
			return 0;
		to->args[1] = BPF_CORE_READ(listen, backlog);
		return 1;
	}
	case OP_READ:
	case OP_WRITE:
	case OP_READ_FIXED:
	case OP_WRITE_FIXED:
	case OP_READV:
	case OP_WRITEV: {
		struct io_rw *rw = (void *)req;

		to->args[1] = BPF_CORE_READ(rw, addr);
		to->args[2] = BPF_CORE_READ(rw, len);
		return 1;
	}
	case OP_SEND:
	case OP_SEND_ZC:
	case OP_RECV:
	case OP_SENDMSG:
	case OP_SENDMSG_ZC:
	case OP_RECVMSG:
		read_sent(to, req, (void *)req);
		return 1;
	}
	return 0;
}

/* Of a request in one of the maps: it stays there while it is told. */
static __noinline int send_request(struct uring_request *request, s64 result, u32 flags)
{
	struct io_kiocb *req = (void *)request->request;
	struct call call = {};
	struct call_shape *shape;
	u32 nr = request->nr;

	shape = bpf_map_lookup_elem(&shapes, &nr);
	if (!shape || shape->decoder == DECODE_NOT)
		return 0;
	if (shape->decoder == DECODE_SHED)
		return count_shed(nr);
	call.nr = nr;
	call.flags = FLAG_URING | flags;
	for (int i = 0; i < 6; i++)
		call.args[i + 1] = request->args[i];
	call.args[ARGUMENT_RETURN] = result;
	call.message = call.args[2];
	call.tid = request->tid;
	call.vtid = request->vtid;
	if (request->unread)
		return send_call(&call);
	call.text = (u64)request->text;
	call.address_length = request->address_length;
	if (request->has_file && !(flags & FLAG_NO_RESULT))
		call.file = (u64)BPF_CORE_READ(req, file);
	/* What is not done yet has no file. */
	call.knows_file = request->has_file || flags & FLAG_NO_RESULT;
	/* A descriptor of the ring's own table: its number there, and no file of that number in the process's. */
	if (request->slot) {
		call.knows_file = true;
		if (result == 0)
			call.args[ARGUMENT_RETURN] = request->slot - 1;
	}
	return send(&call, shape);
}

/* Notes a request under its name. A request that ended untold (it was cancelled) gives its place up to its successor.
 */
static __always_inline bool note_request(struct uring_key *key, struct uring_request *request)
{
	struct uring_request *known;

	for (int i = 0; i < URING_NAMESAKES; i++) {
		key->nth = i;
		known = bpf_map_lookup_elem(&uring_requests, key);
		if (known && known->request != request->request)
			continue;
		if (!bpf_map_update_elem(&uring_requests, key, request, 0))
			return true;
	}
	return false;
}

/* 0 for `request`: the first one of that name. */
static __always_inline struct uring_request *find_request(struct uring_key *key, u64 request)
{
	struct uring_request *known;

	for (int i = 0; i < URING_NAMESAKES; i++) {
		key->nth = i;
		known = bpf_map_lookup_elem(&uring_requests, key);
		if (known && (!request || known->request == request))
			return known;
	}
	return 0;
}

/* Whether another request has the same name, so that the name does not tell which one ended. */
static __always_inline bool has_namesake(struct uring_key *key)
{
	struct uring_key other = *key;

	for (int i = 0; i < URING_NAMESAKES; i++) {
		other.nth = i;
		if (other.nth != key->nth && bpf_map_lookup_elem(&uring_requests, &other))
			return true;
	}
	return false;
}

static __always_inline int submit(struct io_kiocb *req)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u8 op = BPF_CORE_READ(req, opcode);
	struct uring_request *request;
	struct call_shape *shape;
	struct uring_key key;
	u32 zero = 0, nr;

	if (op >= URING_OPS || is_ignored(task->tgid))
		return 0;
	nr = uring_calls[op & (URING_OPS - 1)];
	if (!nr--)
		return 0;
	shape = bpf_map_lookup_elem(&shapes, &nr);
	if (!shape || shape->decoder == DECODE_NOT)
		return 0;
	request = bpf_map_lookup_elem(&uring_scratch, &zero);
	if (!request)
		return 0;
	/* Texts end at their NUL. */
	__builtin_memset(request, 0, __builtin_offsetof(struct uring_request, text));
	request->text[0][0] = request->text[1][0] = 0;
	request->request = (u64)req;
	request->nr = nr;
	request->op = op;
	request->tgid = task->tgid;
	request->tid = task->pid;
	request->vtid = innermost(plain(task)->thread_pid);
	if (!read_request(request, req)) {
		request->unread = 1;
		request->args[0] = op;
		return send_request(request, -1, FLAG_NO_RESULT);
	}
	key.ring = (u64)BPF_CORE_READ(req, ctx);
	key.user_data = BPF_CORE_READ(req, cqe.user_data);
	if (BPF_CORE_READ(req, flags) & URING_CQE_SKIP || !note_request(&key, request))
		return send_request(request, -1, FLAG_NO_RESULT);
	return 0;
}

/* include/trace/events/io_uring.h: TP_PROTO(struct io_kiocb *req), from 6.3 on. After the request was read from the
 * submission queue, in the thread that submits: the process's own, or its ring's (SQPOLL). The loader takes, of two
 * programs for one purpose, the one whose tracepoint has the kernel's number of parameters. */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring_submit, struct io_kiocb *req)
{
	return submit(req);
}

/* TP_PROTO(struct io_kiocb *req, bool force_nonblock), 6.0 to 6.2: the same under its former name. */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(uring_submit_sqe, struct io_kiocb *req)
{
	return submit(req);
}

static __always_inline int complete(u64 ring, u64 request, u64 user_data, s32 result, u32 flags)
{
	struct uring_key key = { ring, user_data, 0 };
	struct uring_request *known = find_request(&key, request);
	u32 record_flags = 0;

	if (!known)
		return 0;
	if (!request && has_namesake(&key)) {
		/* The queue was full: one of them ended, and it is not known which. */
		record_flags = FLAG_NO_RESULT;
		result = -1;
		flags = 0;
	}
	/* A kernel thread ends what a process left: it was cancelled. */
	if (known->tgid == bpf_get_current_task_btf()->tgid && !(flags & CQE_NOTIF))
		send_request(known, result, record_flags);
	if (!(flags & CQE_MORE))
		bpf_map_delete_elem(&uring_requests, &key);
	return 0;
}

/* TP_PROTO(struct io_ring_ctx *ctx, void *req, struct io_uring_cqe *cqe): in the process that submitted, one of its
 * threads or of the ring's workers. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete, struct io_ring_ctx *ring, void *req, struct io_uring_cqe *cqe)
{
	return complete((u64)ring, (u64)req, BPF_CORE_READ(cqe, user_data), BPF_CORE_READ(cqe, res),
			BPF_CORE_READ(cqe, flags));
}

/* TP_PROTO(void *ctx, void *req, u64 user_data, int res, unsigned cflags, u64 extra1, u64 extra2): its form before the
 * entry was handed on as a whole. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete_values, void *ring, void *req, u64 user_data, s32 result, u32 flags)
{
	return complete((u64)ring, (u64)req, user_data, result, flags);
}

/* TP_PROTO(void *ctx, unsigned long long user_data, s32 res, u32 cflags, void *ocqe): instead of the former where the
 * completion queue is full, which a program can bring about. */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(uring_overflow, void *ring, u64 user_data, s32 result, u32 flags)
{
	return complete((u64)ring, 0, user_data, result, flags);
}

/* The three through perf, where typed hooks are preempted (second.h). */
SEC("tp/io_uring/io_uring_submit_req")
int uring_submit_perf(struct trace_event_raw_io_uring_submit_req *context)
{
	return submit(context->req);
}

SEC("tp/io_uring/io_uring_complete")
int uring_complete_perf(struct trace_event_raw_io_uring_complete *context)
{
	return complete((u64)context->ctx, (u64)context->req, context->user_data, context->res, context->cflags);
}

SEC("tp/io_uring/io_uring_cqe_overflow")
int uring_overflow_perf(struct trace_event_raw_io_uring_cqe_overflow *context)
{
	return complete((u64)context->ctx, 0, context->user_data, context->res, context->cflags);
}
