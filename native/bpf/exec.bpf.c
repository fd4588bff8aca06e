static __always_inline bool is_memfd(struct dentry *dentry)
{
	char name[7] = {};

	bpf_probe_read_kernel(name, 6, BPF_CORE_READ(dentry, d_name.name));
	return BPF_CORE_READ(dentry, d_parent) == dentry && name[0] == 'm' && name[1] == 'e' && name[2] == 'm' &&
	       name[3] == 'f' && name[4] == 'd' && name[5] == ':';
}

static __always_inline u32 tty_of(struct signal_struct *signal)
{
	struct tty_struct *tty = BPF_CORE_READ(signal, tty);
	u32 minor;

	if (!tty)
		return 0;
	minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
	return (minor & 0xff) | BPF_CORE_READ(tty, driver, major) << 8 | (minor & ~0xffu) << 12;
}

static __always_inline void fill_ids(struct exec_event *event, struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct pid *session = BPF_CORE_READ(signal, pids[PIDTYPE_SID]);
	struct pid *group = BPF_CORE_READ(signal, pids[PIDTYPE_PGID]);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	const struct cred *cred = plain(task)->cred;
	struct pid_namespace *pid_ns = 0;

	event->parent_start_ns = BPF_CORE_READ(task, real_parent, group_leader, start_boottime);
	event->tty = tty_of(signal);
	event->sid = outermost(session);
	event->pgid = outermost(group);
	event->vsid = innermost(session);
	event->vpgid = innermost(group);
	event->mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	bpf_probe_read_kernel(&pid_ns, sizeof(pid_ns),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, ns));
	event->pid_ns = BPF_CORE_READ(pid_ns, ns.inum);
	event->egid = cred->egid.val;
	bpf_probe_read_kernel(&event->cap_effective, 8, &cred->cap_effective);
	bpf_probe_read_kernel(&event->cap_permitted, 8, &cred->cap_permitted);
	bpf_probe_read_kernel(&event->cap_inheritable, 8, &cred->cap_inheritable);
}

static __always_inline void fill_program(struct exec_event *event, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	event->inode = BPF_CORE_READ(inode, i_ino);
	event->device = BPF_CORE_READ(inode, i_sb, s_dev);
	event->file_mode = BPF_CORE_READ(inode, i_mode);
	event->file_uid = BPF_CORE_READ(inode, i_uid.val);
	event->header.flags |= layer_of(inode);
	if (is_memfd(BPF_CORE_READ(file, f_path.dentry)))
		event->header.flags |= FLAG_MEMFD;
}

/* Long, and most rules never look at it. */
static __always_inline void append_environment(struct scratch *scratch, struct text *text, struct mm_struct *mm)
{
	u32 execve = NR_EXECVE;
	struct call_shape *shape = bpf_map_lookup_elem(&shapes, &execve);
	unsigned long start = BPF_CORE_READ(mm, env_start);

	if (shape && shape->data)
		append_user(scratch, text, (void *)start, BPF_CORE_READ(mm, env_end) - start);
}

static __always_inline void see_exec(struct task_struct *task, const char *filename, u32 nr)
{
	struct scratch *scratch = take_scratch(EVENT_EXEC, NR_EXECVE);
	struct exec_event *event;
	unsigned long arg_start, arg_end;
	struct file *file;
	bool isPathCut;

	if (!scratch)
		return;
	event = (void *)scratch->record;
	__builtin_memset(event, 0, sizeof(*event));
	fill_header(&event->header, task, EVENT_EXEC, nr);
	if (is_compat(task))
		event->header.flags |= FLAG_COMPAT;
	fill_ids(event, task);

	scratch->end = sizeof(*event);
	file = BPF_CORE_READ(task, mm, exe_file);
	if (file) {
		fill_program(event, file);
		append_file(scratch, &event->exe, file);
	}
	isPathCut = scratch->lost != 0;
	append_string(scratch, &event->filename, filename, true);
	arg_start = BPF_CORE_READ(task, mm, arg_start);
	arg_end = BPF_CORE_READ(task, mm, arg_end);
	if (arg_end - arg_start > TEXT_MAX) {
		event->header.flags |= FLAG_ARGS_CUT;
		arg_end = arg_start + TEXT_MAX;
	}
	append_user(scratch, &event->argv, (void *)arg_start, arg_end - arg_start);
	append_cwd(scratch, &event->cwd);
	append_cgroup(scratch, &event->cgroup_path, own_cgroup(task)->kn);
	ask_reflexes(scratch, event, task, isPathCut);
	append_environment(scratch, &event->environment, plain(task)->mm);
	if (submit_lifecycle(finish(scratch), scratch->end))
		note_exec(task, event->header.cgroup);
	if (BPF_CORE_READ(task, thread_pid, level)) /* in a container, as far as that is cheaply told */
		ring_bell();
	scratch->busy = 0;
}

static __always_inline bool is_first_exec(struct task_struct *task)
{
	return is_first(EVENT_EXEC, plain(task)->group_leader->start_boottime, task->tgid, task->self_exec_id);
}

/* include/trace/events/sched.h: TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm). After the
 * point of no return, with the new memory in place, before the program's first instruction. A failed execve never gets
 * here. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *unused, int old_pid, struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	/* The kernel has already rewritten orig_ax to execve (set_personality_64bit). */
	u32 nr = bpf_core_field_exists(bprm->fdpath) && BPF_CORE_READ(bprm, fdpath) ? NR_EXECVEAT : NR_EXECVE;

	if (is_ignored(task->tgid))
		return 0;
	if (is_seconded) /* the scratch is of the CPU */
		bpf_preempt_disable();
	if (!is_seconded || is_first_exec(task))
		see_exec(task, BPF_CORE_READ(bprm, filename), nr);
	if (is_seconded)
		bpf_preempt_enable();
	return 0;
}

#define DEV_FD 0x2f64662f7665642full /* "/dev/fd/" */

/* The same through perf. fs/exec.c, alloc_bprm, makes a path of execveat's descriptor: of it alone, there the two calls
 * are told apart. */
SEC("tp/sched/sched_process_exec")
int second_exec(struct trace_event_raw_sched_process_exec *context)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const char *filename = (void *)context + (context->__data_loc_filename & 0xffff);
	u64 beginning = 0;

	if (is_ignored(task->tgid) || !is_first_exec(task))
		return 0;
	bpf_probe_read_kernel(&beginning, sizeof(beginning), filename);
	see_exec(task, filename, beginning == DEV_FD ? NR_EXECVEAT : NR_EXECVE);
	__sync_fetch_and_add(&made_up[SECOND_EXEC], 1);
	return 0;
}
