/* The maps that the programs and the agent share, and the way a record goes into a ring. */
#ifndef LANNER_MAPS_H
#define LANNER_MAPS_H

#define RECORD_MAX 24576
#define PATH_MARGIN 256

/* Kept in a map, not on the stack: the verifier then tracks no bounds of it, and comes to an end. */
struct walk {
	struct vfsmount *mnt;
	struct dentry *mnt_root; /* of mnt */
	struct dentry *dentry;
	struct vfsmount *root_mnt;
	struct dentry *root;
	struct kernfs_node *node;
	u32 position;          /* of the first byte in scratch->path */
	u32 leaf;              /* of the slash before the last name; 0: none yet */
	struct dentry *folder; /* that the last name is in */
};

/* A pass of the filter's automaton over a text; kept here as `struct walk` is. */
struct progress {
	u16 state; /* a row */
	u8 place;  /* of a path as it was given: enum place */
	u8 met;    /* MET_ODD, MET_CLIMB; other bits mean nothing */
	u32 at;
	u32 until;
	u32 end; /* of the path as it was given */
};

struct reflex_path {
	u8 text[REFLEX_PATH]; /* zeros behind it */
};

/* What the reflexes (reflex.h) look at of a program; kept here as `struct walk` is. */
struct reflex_walk {
	u64 switches; /* as they are for this program */
	u32 at;       /* the test whose turn it is */
	u32 fired;    /* a bit for each reflex */
	u32 unknown;  /* a bit for each subject */
	u32 isLookedAt;
	u32 from[4]; /* texts: where in the scratch */
	u32 length[4];
	u64 numbers[8];
	u64 subject[8];
	u8 names[2][16];
	u8 argument[256];
	struct reflex_path path;
	/* Of the cgroup's path, while it is read. */
	u64 window[2];     /* the last 16 bytes, the last one lowest */
	u64 before[2];     /* the same before the hexadecimal digits that are read */
	u64 dot_before[2]; /* and before those that ended with the last dot */
	u32 run;           /* digits so far */
	u32 dotted;        /* how many ended with the last dot */
	u32 since;         /* bytes since then */
	u32 isContainer;
	u32 isPod;
	u32 unused;
};

/* Where a record is put together, one for each CPU: with preemption off, by the kernel's doing or ours (second.h).
 * Should one of ours ever come upon another's half-made record, it gives up and is counted. Must fit 32 KB
 * (PCPU_MIN_UNIT_SIZE). */
struct scratch {
	u8 record[RECORD_MAX];
	u8 path[TEXT_MAX + PATH_MARGIN]; /* filled from its end, as a path is walked from its last name */
	u32 end;                         /* where the next string goes in the record */
	u32 lost;                        /* of strings: FLAG_TEXT_CUT, FLAG_TEXT_UNREAD */
	u32 busy;                        /* a program is at work here */
	struct walk walk;
	struct progress progress;
	struct reflex_walk reflex;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Sizes are set by the loader. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} lifecycle SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} bulk SEC(".maps");

/* Its records say nothing: they wake the reader, who waits a little before it looks into the others. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} doorbell SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, u32);
	__type(value, u64);
} counters SEC(".maps");

struct losses_row {
	u64 counts[LOSSES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_ROWS);
	__type(key, u32);
	__type(value, struct losses_row);
} losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALLS);
	__type(key, u32);
	__type(value, struct call_shape);
} shapes SEC(".maps");

/* x86_64 numbers by 32-bit numbers, and by the numbers of x32 from 512 on. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COMPAT_CALLS);
	__type(key, u32);
	__type(value, u32);
} compat_calls SEC(".maps");

/* Thread-group ids whose events are left out: the agent's own. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ignored_processes);
} ignored SEC(".maps");

static __always_inline void count(u32 counter)
{
	u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += 1;
}

static __always_inline void add_loss(u32 loss, u32 kind, u32 nr, u64 events)
{
	u32 row = nr < CALLS ? nr : kind == EVENT_EXIT ? LOSS_EXIT : LOSS_OTHER;
	struct losses_row *found = bpf_map_lookup_elem(&losses, &row);

	if (found)
		found->counts[loss] += events;
}

/* `counter` and `loss` are one cause. */
static __always_inline void count_loss(u32 counter, u32 loss, u32 kind, u32 nr)
{
	count(counter);
	add_loss(loss, kind, nr, 1);
}

/* A function of its own: within sys_exit, Linux 6.1 and 6.12 forget bounds over it. */
static __noinline int count_shed(u32 nr)
{
	add_loss(LOSS_SHED, EVENT_CALL, nr, 1);
	return 0;
}

/* For a look that makes no record: nothing is lost when another program has it. */
static __always_inline struct scratch *borrow_scratch(void)
{
	u32 zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);

	if (!scratch || scratch->busy)
		return 0;
	scratch->busy = 1;
	scratch->lost = 0;
	return scratch;
}

static __always_inline struct scratch *take_scratch(u32 kind, u32 nr)
{
	struct scratch *scratch = borrow_scratch();

	if (!scratch)
		count_loss(COUNT_NO_SCRATCH, LOSS_NO_SCRATCH, kind, nr);
	return scratch;
}

static __always_inline bool is_ignored(u32 tgid)
{
	u32 zero = 0;
	struct ignored_processes *all = bpf_map_lookup_elem(&ignored, &zero);

	if (!all)
		return false;
	for (u32 i = 0; i < IGNORED_MOST; i++) {
		if (all->tgids[i] == tgid)
			return true;
		if (!all->tgids[i])
			return false;
	}
	return false;
}

/* Wake-ups are the kernel's: only when the reader had caught up. */
static __always_inline bool submit_lifecycle(struct event_header *record, u32 length)
{
	record->length = length;
	if (length > RECORD_MAX || bpf_ringbuf_output(&lifecycle, record, length, 0)) {
		count_loss(COUNT_LIFECYCLE_FULL, LOSS_LIFECYCLE_FULL, record->kind, record->nr);
		return false;
	}
	count(COUNT_LIFECYCLE);
	return true;
}

/* What was just sent is answered at once. A bell that is full rings already. */
static __always_inline void ring_bell(void)
{
	u64 nothing = 0;

	bpf_ringbuf_output(&doorbell, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
}

static __always_inline void submit_bulk(struct event_header *record, u32 length)
{
	record->length = length;
	if (length > RECORD_MAX || bpf_ringbuf_output(&bulk, record, length, 0))
		count_loss(COUNT_BULK_FULL, LOSS_BULK_FULL, record->kind, record->nr);
	else
		count(COUNT_BULK);
}

/* Ends the record in the scratch: the caller sends it, then gives the scratch back. */
static __always_inline struct event_header *finish(struct scratch *scratch)
{
	struct event_header *header = (void *)scratch->record;

	header->flags |= scratch->lost;
	return header;
}

#endif
