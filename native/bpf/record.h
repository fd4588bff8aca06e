/* Putting a record together: the header that all have, and strings behind the fixed part. */
#ifndef LANNER_RECORD_H
#define LANNER_RECORD_H

#define NR_NONE 0xffffffffu
#define NR_EXECVE 59
#define NR_EXECVEAT 322
#define PF_IO_WORKER 0x10 /* linux/sched.h */
#define TS_COMPAT 2       /* arch/x86/include/asm/thread_info.h */

/* Keeps the compiler from folding a bound away that the verifier has to see. */
#define hide(value) asm volatile("" : "+r"(value))

static __always_inline void append_kernel(struct scratch *scratch, struct text *text, const void *from, u64 length)
{
	u32 end = scratch->end;

	if (end > RECORD_MAX - TEXT_MAX) {
		scratch->lost |= FLAG_TEXT_CUT;
		return;
	}
	hide(length);
	if (length > TEXT_MAX)
		length = TEXT_MAX;
	if (bpf_probe_read_kernel(&scratch->record[end], length, from)) {
		scratch->lost |= FLAG_TEXT_UNREAD;
		return;
	}
	text->offset = end;
	text->length = length;
	scratch->end = end + length;
}

static __always_inline void append_user(struct scratch *scratch, struct text *text, const void *from, u64 length)
{
	u32 end = scratch->end;

	if (end > RECORD_MAX - TEXT_MAX) {
		scratch->lost |= FLAG_TEXT_CUT;
		return;
	}
	hide(length);
	if (length > TEXT_MAX)
		length = TEXT_MAX;
	if (bpf_probe_read_user(&scratch->record[end], length, from)) {
		scratch->lost |= FLAG_TEXT_UNREAD;
		return;
	}
	text->offset = end;
	text->length = length;
	scratch->end = end + length;
}

/* Up to the NUL, without it. */
static __always_inline void append_string(struct scratch *scratch, struct text *text, const void *from, bool in_kernel)
{
	u32 end = scratch->end;
	long length;

	if (!from)
		return;
	if (end > RECORD_MAX - TEXT_MAX) {
		scratch->lost |= FLAG_TEXT_CUT;
		return;
	}
	if (in_kernel)
		length = bpf_probe_read_kernel_str(&scratch->record[end], TEXT_MAX, from);
	else
		length = bpf_probe_read_user_str(&scratch->record[end], TEXT_MAX, from);
	if (length < 0)
		scratch->lost |= FLAG_TEXT_UNREAD;
	if (length <= 1 || length > TEXT_MAX)
		return;
	text->offset = end;
	text->length = length - 1;
	scratch->end = end + length - 1;
}

/* The number in the innermost pid namespace. */
static __always_inline u32 innermost(struct pid *pid)
{
	u32 level;
	struct upid upid = {};

	if (!pid)
		return 0;
	level = BPF_CORE_READ(pid, level);
	bpf_probe_read_kernel(&upid.nr, sizeof(upid.nr),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, nr));
	return upid.nr;
}

/* The same of a pointer that the verifier knows to be one: most processes are in no namespace of their own, and their
 * number is loaded without a helper's call. */
static __always_inline u32 innermost_of(struct task_struct *task)
{
	struct pid *pid = plain(task)->thread_pid;

	if (!pid)
		return 0;
	return pid->level ? innermost(pid) : pid->numbers[0].nr;
}

static __always_inline u32 outermost(struct pid *pid)
{
	return pid ? BPF_CORE_READ(pid, numbers[0].nr) : 0;
}

/* The cgroup of a controller that has a hierarchy of its own (cgroup v1), if the task is not in its root. */
static __always_inline struct cgroup *v1_cgroup(struct css_set *cgroups, u64 subsystem)
{
	struct cgroup_subsys_state **at =
		(void *)cgroups + bpf_core_field_offset(struct css_set, subsys) + subsystem * 8;
	struct cgroup_subsys_state *css = *at;
	struct cgroup *cgroup;

	if (!css)
		return 0;
	cgroup = css->cgroup;
	if (cgroup->root == cgroups->dfl_cgrp->root || !kernfs_parent(cgroup->kn))
		return 0;
	return cgroup;
}

/* The cgroup that tells containers apart: that of cgroup v1's memory or pids controller, where there is one that is not
 * the root, else that of the unified hierarchy. */
static __always_inline struct cgroup *own_cgroup(struct task_struct *task)
{
	struct css_set *cgroups = plain(task)->cgroups;
	struct cgroup *cgroup;

	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		cgroup = v1_cgroup(cgroups, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
		if (cgroup)
			return cgroup;
	}
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
		cgroup = v1_cgroup(cgroups, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
		if (cgroup)
			return cgroup;
	}
	return cgroups->dfl_cgrp;
}

/* Each hierarchy numbers its own cgroups, from 1; the upper half of a kernfs id counts how often that wrapped round. */
static __always_inline u64 cgroup_number(struct cgroup *cgroup)
{
	return cgroup->kn->id | (u64)cgroup->root->hierarchy_id << 48;
}

/* `task` is the current one. */
static __always_inline void fill_header(struct event_header *header, struct task_struct *task, u32 kind, u32 nr)
{
	struct task_struct *leader = plain(task)->group_leader;
	const struct cred *cred = plain(task)->cred;

	header->kind = kind;
	header->length = 0;
	header->time_ns = bpf_ktime_get_boot_ns();
	header->start_ns = leader->start_boottime;
	header->cgroup = cgroup_number(own_cgroup(task));
	header->ret = 0;
	header->pid = task->tgid;
	header->tid = task->pid;
	header->ppid = leader->real_parent->tgid;
	header->vpid = innermost_of(leader);
	header->uid = cred->uid.val;
	header->gid = cred->gid.val;
	header->euid = cred->euid.val;
	header->loginuid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : NR_NONE;
	header->cpu = bpf_get_smp_processor_id();
	header->nr = nr;
	header->flags = 0;
	header->vtid = task == leader ? header->vpid : innermost_of(task);
	/* A worker of io_uring has a name of its own that nobody gave it. */
	if (task->flags & PF_IO_WORKER)
		BPF_CORE_READ_INTO(&header->comm, leader, comm);
	else
		bpf_get_current_comm(header->comm, sizeof(header->comm));
}

static __always_inline bool is_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

#endif
