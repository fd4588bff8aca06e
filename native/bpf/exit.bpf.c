/* Threads that end together may each see signal->live at zero: the first one counts. */
struct ended {
	u64 start_ns;
	u64 pid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ended);
	__type(value, u8);
} ended_processes SEC(".maps");

/* include/trace/events/sched.h: TP_PROTO(struct task_struct *p), later also whether the group is dead. Runs for each
 * thread, after do_exit took it off signal->live: at zero the process has ended. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *unused)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct exit_event event = {};
	struct ended ended = { .start_ns = plain(task)->group_leader->start_boottime, .pid = task->tgid };
	int group_code;
	u8 yes = 1;

	if (plain(task)->signal->live.counter != 0 || is_ignored(task->tgid))
		return 0;
	if (bpf_map_update_elem(&ended_processes, &ended, &yes, BPF_NOEXIST))
		return 0;
	fill_header(&event.header, task, EVENT_EXIT, NR_NONE);
	group_code = plain(task)->signal->group_exit_code;
	event.header.ret = group_code ? group_code : task->exit_code;
	submit_lifecycle(&event.header, sizeof(event));
	return 0;
}
