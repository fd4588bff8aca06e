#define AT_FDCWD -100
#define NR_PRCTL 157
#define FMODE_CREATED 0x100000 /* linux/fs.h */

/* The folder a relative path starts from: the current one, or that of a descriptor. */
static __always_inline void append_base(struct scratch *scratch, struct text *base, struct file_event *event,
					struct text *path, s32 dirfd)
{
	u32 at = path->offset;
	struct file *folder;

	if (!path->length || at >= RECORD_MAX || scratch->record[at] == '/')
		return;
	if (dirfd == AT_FDCWD) {
		append_cwd(scratch, base);
		return;
	}
	folder = file_of(dirfd);
	if (folder)
		append_file(scratch, base, folder);
}

static __always_inline void append_resolved(struct scratch *scratch, struct file_event *event, struct call *call)
{
	struct file *file = file_in(call, event->fd);
	struct inode *inode;

	if (!file)
		return;
	inode = BPF_CORE_READ(file, f_inode);
	event->header.flags |= layer_of(inode);
	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		event->header.flags |= FLAG_CREATED;
	event->inode = BPF_CORE_READ(inode, i_ino);
	event->device = BPF_CORE_READ(inode, i_sb, s_dev);
	event->file_mode = BPF_CORE_READ(inode, i_mode);
	append_file(scratch, &event->resolved, file);
}

#include "poll.h"

static __always_inline void fill_flags(struct file_event *event, struct call *call, struct call_shape *shape)
{
	u64 how[ENTRIES_IN_HOW] = {}; /* struct open_how: flags, mode */

	event->open_flags = argument(call, shape->open_flags);
	event->mode = argument(call, shape->mode);
	if (shape->how && call->flags & FLAG_URING) { /* read when it was submitted */
		event->open_flags = call->args[3];
		event->mode = call->args[4];
	} else if (shape->how && !bpf_probe_read_user(how, sizeof(how), (void *)argument(call, shape->how))) {
		event->open_flags = how[0];
		event->mode = how[1];
	}
	event->fd = -1;
	if (shape->fd)
		event->fd = (s32)argument(call, shape->fd);
	if (event->fd < 0)
		event->fd = -1;
}

static __noinline int send_file(struct call *call, struct call_shape *shape)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = take_scratch(EVENT_FILE, call->nr);
	struct file_event *event;

	if (!scratch)
		return 0;
	event = (void *)scratch->record;
	__builtin_memset(event, 0, sizeof(*event));
	fill_header(&event->header, task, EVENT_FILE, call->nr);
	event->header.ret = call->args[ARGUMENT_RETURN];
	event->header.flags = call->flags;
	set_maker(&event->header, call);
	copy_arguments(event->args, call);
	event->dirfd = shape->base && shape->base <= 6 ? (s32)argument(call, shape->base) : AT_FDCWD;
	event->dirfd2 = shape->base2 && shape->base2 <= 6 ? (s32)argument(call, shape->base2) : AT_FDCWD;
	fill_flags(event, call, shape);

	scratch->end = sizeof(*event);
	append_named(scratch, &event->path, call, argument(call, shape->path), 0);
	append_named(scratch, &event->path2, call, argument(call, shape->path2), 1);
	append_string(scratch, &event->extra, (void *)argument(call, shape->extra), false);
	if (call->nr == NR_PRCTL) /* of most options it is no address */
		scratch->lost = 0;
	append_resolved(scratch, event, call);
	if (!event->resolved.length && shape->base != ARGUMENT_NONE)
		append_base(scratch, &event->base, event, &event->path, event->dirfd);
	if (shape->path2 && shape->base2 != ARGUMENT_NONE)
		append_base(scratch, &event->base2, event, &event->path2, event->dirfd2);
	append_data(scratch, &event->data, call, shape);
	submit_bulk(finish(scratch), scratch->end);
	scratch->busy = 0;
	return 0;
}

/* Where a call put two new descriptors, they stand in for the place. */
static __always_inline void read_pair(struct call *call, struct call_shape *shape)
{
	u64 position = shape->data & 7;
	u64 pair = 0;

	if (shape->data >> 4 != DATA_PAIR || call->args[ARGUMENT_RETURN])
		return;
	bpf_probe_read_user(&pair, sizeof(pair), (void *)argument(call, position));
	hide(position);
	call->args[position & 7] = pair;
}

static __noinline int send_call(struct call *call)
{
	struct call_event event = {};

	fill_header(&event.header, bpf_get_current_task_btf(), EVENT_CALL, call->nr);
	event.header.ret = call->args[ARGUMENT_RETURN];
	event.header.flags = call->flags;
	set_maker(&event.header, call);
	copy_arguments(event.args, call);
	submit_bulk(&event.header, sizeof(event));
	return 0;
}

/* Not static: the verifier then looks at it once a program, and not once for each way that leads here. */
__noinline int send(struct call *call, struct call_shape *shape)
{
	u32 decoder;

	if (!call || !shape)
		return 0;
	decoder = shape->decoder;

	if (decoder == DECODE_DESCRIPTOR)
		decoder = sock_of(file_in(call, argument(call, shape->fd))) ? DECODE_SOCKET : DECODE_FILE;
	if (decoder == DECODE_FILE)
		return send_file(call, shape);
	if (decoder == DECODE_SOCKET && (call->nr == NR_SENDMMSG || call->nr == NR_RECVMMSG))
		return send_messages(call, shape);
	if (decoder == DECODE_SOCKET)
		return send_socket(call, shape);
	if (decoder == DECODE_POLLED)
		return send_polled(call);
	read_pair(call, shape);
	return send_call(call);
}

/* A call that is asked for, or one that must be translated first. Apart from the hook: most calls are others, and need
 * none of this room on the stack. */
static __noinline int look_at(struct task_struct *task, struct pt_regs *regs, s64 ret, u32 number, u32 flags)
{
	struct call_shape *shape;
	struct call call = {};
	u32 nr = number & 0xffff, repack = number >> 16;

	call.nr = nr;
	call.flags = flags;
	read_arguments(&call, regs);
	if (repack)
		translate(&call, repack);
	nr = call.nr;
	shape = bpf_map_lookup_elem(&shapes, &nr);
	if (!shape || shape->decoder == DECODE_NOT)
		return 0;
	if ((shape->only_failed && ret >= 0) || is_ignored(task->tgid))
		return 0;
	if (shape->decoder == DECODE_SHED)
		return count_shed(nr);
	call.args[0] = 0;
	call.args[ARGUMENT_RETURN] = ret;
	call.message = call.args[2];
	if (!is_wanted(task, &call, shape, ret))
		return 0;
	return send(&call, shape);
}

/* A bit for each number below CALLS, as a register has it, that may be a call that is asked for: of x86_64, or of 32
 * bits. Most calls are none of them. */
u64 looked_at[CALLS / 64] SEC(".data.looked_at");

static __always_inline bool is_looked_at(u32 number)
{
	u32 word = number / 64;

	hide(word);
	return number >= CALLS || looked_at[word & (CALLS / 64 - 1)] >> (number & 63) & 1;
}

static __always_inline int see_exit(struct pt_regs *regs, s64 ret)
{
	/* Asked once, and handed on: it costs a call. */
	struct task_struct *task = bpf_get_current_task_btf();
	struct call_shape *shape;
	u32 flags = 0;
	u32 repack = REPACK_NOT;
	u32 nr = call_number(task, regs, &flags, &repack);

	if (repack)
		return look_at(task, regs, ret, nr | repack << 16, flags | FLAG_REPACKED);
	shape = bpf_map_lookup_elem(&shapes, &nr);
	if (!shape || shape->decoder == DECODE_NOT)
		return 0;
	return look_at(task, regs, ret, nr, flags);
}

/* include/trace/events/syscalls.h: TP_PROTO(struct pt_regs *regs, long ret). One hook for all calls, 32-bit ones too.
 * What io_uring does is not seen here. */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	return is_looked_at(regs->orig_ax) ? see_exit(regs, ret) : 0;
}

/* What raw_syscalls/sys_exit and each of syscalls/sys_exit_* hand to a program: include/trace/events/syscalls.h, struct
 * syscall_tp_t in kernel/trace/trace_syscalls.c. */
struct ended_call {
	u64 unused;
	u32 number; /* the former's has 64 bits */
	u32 upper;
	s64 ret;
};

/* The same through perf: at the end of all calls, or at that of each that is asked for (agent/capture/ways.ts). It runs
 * with preemption off on Linux 7.0 and newer, too. */
SEC("tp/raw_syscalls/sys_exit")
int sys_exit_perf(struct ended_call *call)
{
	s64 ret = call->ret;

	if (!is_looked_at(call->number))
		return 0;
	return see_exit((struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf()), ret);
}
