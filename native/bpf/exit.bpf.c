/* include/trace/events/sched.h: TP_PROTO(struct task_struct *p), later also whether the group is dead. Runs for each
 * thread, after do_exit took it off signal->live: at zero the process has ended. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *unused)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct exit_event event = {};
	int group_code;

	if (BPF_CORE_READ(task, signal, live.counter) != 0 || is_ignored(task->tgid))
		return 0;
	fill_header(&event.header, task, EVENT_EXIT, NR_NONE);
	group_code = BPF_CORE_READ(task, signal, group_exit_code);
	event.header.ret = group_code ? group_code : BPF_CORE_READ(task, exit_code);
	submit_lifecycle(&event.header, sizeof(event), 0);
	return 0;
}
