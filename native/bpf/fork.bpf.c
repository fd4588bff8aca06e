#define NR_CLONE 56
#define NR_CLONE3 435

static __always_inline u64 clone_flags(struct pt_regs *regs, u32 nr, u32 flags)
{
	u64 first = flags & FLAG_COMPAT ? (u32)regs->bx : regs->di;
	u64 read = 0;

	if (nr == NR_CLONE)
		return first;
	if (nr == NR_CLONE3) /* struct clone_args begins with them */
		bpf_probe_read_user(&read, sizeof(read), (void *)first);
	return read;
}

/* Whether it is told here. Threads are left out unless clone is asked for. */
static __always_inline bool see_fork(struct task_struct *child)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fork_event event = {};
	struct call_shape *shape;
	u32 flags = 0, repack, nr;
	bool thread = child->pid != child->tgid;

	if (is_ignored(task->tgid))
		return false;
	nr = call_number(task, (struct pt_regs *)bpf_task_pt_regs(task), &flags, &repack);
	shape = bpf_map_lookup_elem(&shapes, &nr);
	if (thread && (!shape || shape->decoder == DECODE_NOT))
		return false;
	if (is_seconded && !is_first(EVENT_FORK, child->start_boottime, child->pid, 0))
		return false;
	fill_header(&event.header, task, EVENT_FORK, nr);
	event.header.flags = flags | (thread ? FLAG_THREAD : 0);
	event.header.ret = child->pid;
	event.child_start_ns = BPF_CORE_READ(child, group_leader, start_boottime);
	event.child_pid = child->tgid;
	event.child_tid = child->pid;
	event.child_ppid = BPF_CORE_READ(child, real_parent, tgid);
	event.child_vpid = innermost(BPF_CORE_READ(child, thread_pid));
	event.clone_flags = clone_flags((struct pt_regs *)bpf_task_pt_regs(task), nr, flags);
	submit_lifecycle(&event.header, sizeof(event));
	return true;
}

/* include/trace/events/sched.h: TP_PROTO(struct task_struct *parent, struct task_struct *child). Runs in the parent,
 * before the child does. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	see_fork(child);
	return 0;
}

/* The same through perf, which knows the child by its number in the initial namespace. */
SEC("tp/sched/sched_process_fork")
int second_fork(struct trace_event_raw_sched_process_fork *context)
{
	struct task_struct *child = bpf_task_from_pid(context->child_pid);

	if (!child)
		return 0;
	if (see_fork(child))
		__sync_fetch_and_add(&made_up[SECOND_FORK], 1);
	bpf_task_release(child);
	return 0;
}
