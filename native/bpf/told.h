/* What the filter knows of processes: what the agent was told of them, and what it answered. */
#ifndef LANNER_TOLD_H
#define LANNER_TOLD_H

/*
 * What the agent was told of a process by its last record. What changes with any record, whatever its kind, is told by
 * the next one: so a record is never dropped that tells of a new parent, name, cgroup or program.
 */
struct told {
	u64 cgroup;
	u64 comm[2]; /* of the first thread */
	u64 exec_id;
	u32 ppid;
	u32 guards;     /* of that name, for one filter: */
	u32 generation; /* 0: for none */
	u32 judgement;  /* guards that hold by what it was started as, for one filter: */
	u32 judged_for; /* 0: for none */
	u32 unused;
	u64 asked_ns; /* when the agent was first asked since the exec; 0: not yet */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct told);
} told_of SEC(".maps");

/* What the agent said of a process that it was asked about (FLAG_ASKS), by its last record that asked. */
struct judgement_key {
	u64 start_ns;
	u64 pid;
};
struct judgement {
	u64 time_ns; /* of that record */
	u32 guards;
	u32 generation; /* of the filter */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct judgement_key);
	__type(value, struct judgement);
} judgements SEC(".maps");

static __always_inline u32 guards_of(struct filter *filter, u64 comm[2])
{
	u64 hash = comm[0] * 0x9e3779b97f4a7c15ull ^ comm[1] * 0xc2b2ae3d27d4eb4full;
	u32 slot = hash >> 55;

#pragma unroll
	for (int i = 0; i < FILTER_PROBES; i++) {
		u32 at = (slot + i) & (FILTER_NAMES - 1);

		if (filter->names[at][0] == comm[0] && filter->names[at][1] == comm[1])
			return filter->name_guards[at] & ALL_GUARDS;
	}
	return filter->other_guards & ALL_GUARDS;
}

/* Zeros behind the NUL, which older kernels leave as they were. */
static __always_inline void clean_comm(u64 to[2], u64 from[2])
{
	char *bytes = (char *)to;
	bool ended = false;

	to[0] = from[0];
	to[1] = from[1];
#pragma unroll
	for (int i = 0; i < 16; i++) {
		ended |= !bytes[i];
		if (ended)
			bytes[i] = 0;
	}
}

/* What is known of the process that made a call. */
struct maker {
	struct told *told;
	u32 guards;   /* that may hold: of the name that the agent knows, and of what the process was started as */
	u32 unjudged; /* of these, those that the agent could decide */
};

/* An answer is of the program that runs when it came to a question that was asked since its exec. */
static __always_inline void judge(struct filter *filter, struct task_struct *leader, struct maker *maker)
{
	struct told *told = maker->told;
	u32 open = maker->guards & filter->judged;
	struct judgement_key key = { .start_ns = leader->start_boottime, .pid = leader->tgid };
	struct judgement *answer;

	if (!open)
		return;
	if (told->judged_for != filter->generation) {
		answer = told->asked_ns ? bpf_map_lookup_elem(&judgements, &key) : 0;
		if (!answer || answer->time_ns < told->asked_ns || answer->generation != filter->generation) {
			maker->unjudged = open;
			return;
		}
		told->judgement = answer->guards;
		told->judged_for = filter->generation;
	}
	maker->guards &= told->judgement | ~filter->judged;
}

/* Notes what a record of now tells. Whether any of that is new to the agent. */
static __always_inline bool note(struct filter *filter, struct task_struct *task, u64 cgroup, struct maker *maker)
{
	struct task_struct *leader = task->group_leader;
	struct told *told = bpf_task_storage_get(&told_of, leader, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	u32 ppid = plain(leader)->real_parent->tgid;
	u64 exec_id = leader->self_exec_id;
	u64 comm[2], clean[2];
	bool isNew = false;

	maker->told = told;
	maker->guards = ALL_GUARDS;
	maker->unjudged = 0;
	if (!told)
		return true;
	if (told->exec_id != exec_id) {
		told->asked_ns = 0;
		told->judged_for = 0;
	}
	if (told->ppid != ppid || told->cgroup != cgroup || told->exec_id != exec_id) {
		told->ppid = ppid;
		told->cgroup = cgroup;
		told->exec_id = exec_id;
		isNew = true;
	}
	load(&comm[0], 8, leader->comm);
	load(&comm[1], 8, leader->comm + 8);
	if (told->comm[0] != comm[0] || told->comm[1] != comm[1]) {
		/* Records of other threads do not tell the first one's name. */
		if (task != leader) {
			judge(filter, leader, maker);
			return isNew;
		}
		told->comm[0] = comm[0];
		told->comm[1] = comm[1];
		told->generation = 0;
		isNew = true;
	}
	if (told->generation == filter->generation) {
		maker->guards = told->guards;
	} else if (task == leader) {
		clean_comm(clean, comm);
		maker->guards = guards_of(filter, clean);
		told->guards = maker->guards;
		told->generation = filter->generation;
	}
	judge(filter, leader, maker);
	return isNew;
}

#endif
