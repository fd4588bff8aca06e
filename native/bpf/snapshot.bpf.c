/* Where a record is put together: the programs' own scratches are of a CPU, and this one may sleep and go on elsewhere.
 * Only one pass is under way at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} snapshot_scratch SEC(".maps");

/* As fill_header, of a task that is not the current one. */
static __always_inline void fill_snapshot_header(struct event_header *header, struct task_struct *task)
{
	const struct cred *cred = plain(task)->cred;

	header->kind = EVENT_EXEC;
	header->time_ns = bpf_ktime_get_boot_ns();
	header->start_ns = task->start_boottime;
	header->cgroup = cgroup_number(own_cgroup(task));
	header->pid = task->tgid;
	header->tid = task->pid;
	header->ppid = plain(task)->real_parent->tgid;
	header->vpid = innermost_of(task);
	header->vtid = header->vpid;
	header->uid = cred->uid.val;
	header->gid = cred->gid.val;
	header->euid = cred->euid.val;
	header->loginuid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : NR_NONE;
	header->nr = NR_NONE;
	bpf_probe_read_kernel(header->comm, sizeof(header->comm), task->comm);
}

/* Memory of another process, which may have to come from the disk first. */
static __always_inline void append_argv(struct scratch *scratch, struct exec_event *event, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	u64 length = BPF_CORE_READ(task, mm, arg_end) - start;
	u32 end = scratch->end;

	if (!start || end > RECORD_MAX - TEXT_MAX)
		return;
	if (length > TEXT_MAX) {
		event->header.flags |= FLAG_ARGS_CUT;
		length = TEXT_MAX;
	}
	hide(length);
	if (length > TEXT_MAX || bpf_copy_from_user_task(&scratch->record[end], length, (void *)start, task, 0))
		return;
	event->argv.offset = end;
	event->argv.length = length;
	scratch->end = end + length;
}

/* kernel/bpf/task_iter.c: bpf_iter__task, called for each thread in turn while user space reads. Sleepable ("iter.s",
 * Linux 5.18), for argv lies in memory that may be swapped out. Tells of each process what its exec would. */
SEC("iter.s/task")
int snapshot_process(struct bpf_iter__task *context)
{
	struct seq_file *seq = context->meta->seq;
	struct task_struct *task = context->task;
	struct scratch *scratch;
	struct exec_event *event;
	struct fs_struct *fs;
	struct file *file;
	u32 zero = 0, length;

	if (!task || task->pid != task->tgid)
		return 0;
	scratch = bpf_map_lookup_elem(&snapshot_scratch, &zero);
	if (!scratch)
		return 0;
	scratch->lost = 0;
	event = (void *)scratch->record;
	__builtin_memset(event, 0, sizeof(*event));
	fill_snapshot_header(&event->header, task);
	fill_ids(event, task);

	scratch->end = sizeof(*event);
	fs = plain(task)->fs;
	file = BPF_CORE_READ(task, mm, exe_file);
	if (file) {
		fill_program(event, file);
		append_path_for(scratch, &event->exe, BPF_CORE_READ(file, f_path.mnt),
				BPF_CORE_READ(file, f_path.dentry), fs);
	}
	append_argv(scratch, event, task);
	if (fs) /* a zombie has none */
		append_path_for(scratch, &event->cwd, fs->pwd.mnt, fs->pwd.dentry, fs);
	append_cgroup(scratch, &event->cgroup_path, own_cgroup(task)->kn);
	length = scratch->end;
	if (length > RECORD_MAX)
		return 0;
	finish(scratch)->length = length;
	bpf_seq_write(seq, scratch->record, length);
	return 0;
}
