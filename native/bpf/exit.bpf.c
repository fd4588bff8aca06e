/* Whether it is told here. Threads that end together may each see signal->live at zero: the first one counts. */
static __always_inline bool see_end(struct task_struct *task)
{
	struct exit_event event = {};
	int group_code;

	if (plain(task)->signal->live.counter != 0 || is_ignored(task->tgid))
		return false;
	if (!is_first(EVENT_EXIT, plain(task)->group_leader->start_boottime, task->tgid, 0))
		return false;
	fill_header(&event.header, task, EVENT_EXIT, NR_NONE);
	group_code = plain(task)->signal->group_exit_code;
	event.header.ret = group_code ? group_code : task->exit_code;
	submit_lifecycle(&event.header, sizeof(event));
	return true;
}

/* include/trace/events/sched.h: TP_PROTO(struct task_struct *p), later also whether the group is dead. Runs for each
 * thread, after do_exit took it off signal->live: at zero the process has ended. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *unused)
{
	see_end(bpf_get_current_task_btf());
	return 0;
}

/* The same through perf. */
SEC("tp/sched/sched_process_exit")
int second_exit(void *unused)
{
	if (see_end(bpf_get_current_task_btf()))
		__sync_fetch_and_add(&made_up[SECOND_EXIT], 1);
	return 0;
}
