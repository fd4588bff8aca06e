/*
 * Programs that are killed as they are started, before their first instruction: those for which the condition of a
 * playbook's step in the kernel holds. agent/reflex/ makes the tests out of the conditions, and has a model of what is
 * done here (model.ts). Whatever is not certain is not killed.
 */
#ifndef LANNER_REFLEX_H
#define LANNER_REFLEX_H

#define PF_KTHREAD 0x200000 /* linux/sched.h */
#define SIGKILL 9

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REFLEX_TESTS);
	__type(key, u32);
	__type(value, struct reflex_test);
} reflex_tests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct reflex_control);
} reflex_controls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} reflex_usages SEC(".maps");

/* The number of the window, and in the lower bits how many kills it had. One word, because programs that perf runs may
 * hold no lock. */
#define USED_BITS 24
#define USAGE_TRIES 16

/* Programs that are left alone where the host's files are seen: engines, Redis, Lanner, and who is on the protected
 * list. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REFLEX_PATHS);
	__type(key, struct reflex_path);
	__type(value, u8);
} reflex_spared SEC(".maps");

/* What the guard rails say of a container's cgroup: 1 no objection, 2 protected. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u32);
} reflex_cleared SEC(".maps");

/* The cgroup's path, byte by byte: whether a container's id stands in it as engines write it, and whether it is a
 * pod's. */
static long read_place(u32 index, void *context)
{
	struct scratch *scratch = *(struct scratch **)context;
	struct reflex_walk *walk = &scratch->reflex;
	struct exec_event *event = (void *)scratch->record;
	u32 end = event->cgroup_path.length;
	bool isEnd = index >= end;
	u8 byte = '/';
	bool isHex;

	if (!isEnd)
		bpf_probe_read_kernel(&byte, 1, scratch->record + event->cgroup_path.offset + index);
	if (byte == '/') {
		u64 before = walk->run == 64 ? walk->before[0] : walk->dot_before[0];
		u64 earlier = walk->run == 64 ? walk->before[1] : walk->dot_before[1];
		bool isId = walk->run == 64 || (walk->dotted == 64 && walk->since == 5 &&
						(walk->window[0] & 0xffffffffffull) == 0x73636f7065ull /* "scope" */);

		if (isId && ((before & 0xff) == '/' || before == 0x2f646f636b65722dull /* "/docker-" */ ||
			     before == 0x2f6c6962706f642dull /* "/libpod-" */ ||
			     (before & 0xffffffffffffull) == 0x2f6372696f2dull /* "/crio-" */ ||
			     (earlier == 0x2f6372692d636f6eull /* "/cri-con" */ &&
			      before == 0x7461696e6572642dull /* "tainerd-" */)))
			walk->isContainer = 1;
		walk->dotted = 0;
	}
	isHex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
	if (byte == '.') {
		walk->dotted = walk->run;
		walk->dot_before[0] = walk->before[0];
		walk->dot_before[1] = walk->before[1];
		walk->since = 0;
	} else {
		walk->since += 1;
	}
	if (isHex && !walk->run) {
		walk->before[0] = walk->window[0];
		walk->before[1] = walk->window[1];
	}
	walk->run = isHex ? walk->run + 1 : 0;
	walk->window[1] = walk->window[1] << 8 | walk->window[0] >> 56;
	walk->window[0] = walk->window[0] << 8 | byte;
	if (walk->window[0] == 0x6b756265706f6473ull /* "kubepods" */ ||
	    (walk->window[0] & 0xffffffffull) == 0x2f706f64ull /* "/pod" */ ||
	    (walk->window[0] & 0xffffffffull) == 0x2d706f64ull /* "-pod" */)
		walk->isPod = 1;
	return isEnd;
}

static __noinline u32 look_at_place(struct scratch *scratch)
{
	struct reflex_walk *walk = &scratch->reflex;

	walk->window[0] = walk->window[1] = 0;
	walk->run = walk->dotted = walk->since = 0;
	walk->isContainer = walk->isPod = 0;
	bpf_loop(TEXT_MAX + 1, read_place, &scratch, 0);
	walk->isLookedAt = 1;
	return 0;
}

static __always_inline bool text_holds(struct scratch *scratch, struct reflex_test *test, u32 subject)
{
	struct reflex_walk *walk = &scratch->reflex;
	u32 length = walk->length[subject & 3];
	u32 from = walk->from[subject & 3];
	u32 wanted = test->length;
	u64 *text = (void *)test->text;
	u64 differs = 0;

	if (test->how == REFLEX_LONGER)
		return length > test->number;
	if (wanted > REFLEX_TEXT || length < wanted || (test->how == REFLEX_WHOLE && length != wanted))
		return false;
	if (test->how == REFLEX_ENDS)
		from += length - wanted;
#pragma unroll
	for (int i = 0; i < REFLEX_TEXT / 8; i++)
		walk->subject[i] = 0;
	hide(wanted);
	if (wanted > REFLEX_TEXT)
		return false;
	bpf_probe_read_kernel(walk->subject, wanted, (void *)scratch + (from & 0x7fff));
#pragma unroll
	for (int i = 0; i < REFLEX_TEXT / 8; i++)
		differs |= walk->subject[i] ^ text[i];
	return !differs;
}

static __always_inline bool number_holds(struct reflex_test *test, u64 number)
{
	switch (test->how) {
	case REFLEX_EQUALS:
		return number == test->number;
	case REFLEX_GREATER:
		return number > test->number;
	default:
		return (number & test->number) != 0;
	}
}

static long reflex_step(u32 index, void *context)
{
	struct scratch *scratch = *(struct scratch **)context;
	struct reflex_walk *walk = &scratch->reflex;
	u32 at = walk->at;
	struct reflex_test *test = bpf_map_lookup_elem(&reflex_tests, &at);
	u32 subject, next;

	if (!test)
		return 1;
	subject = test->subject;
	if (subject >= SUBJECTS)
		return 1;
	if (walk->unknown >> subject & 1)
		next = test->otherwise;
	else if (subject < SUBJECT_TEXTS)
		next = text_holds(scratch, test, subject) ? test->yes : test->no;
	else
		next = number_holds(test, walk->numbers[(subject - SUBJECT_TEXTS) & 7]) ? test->yes : test->no;
	if (next & REFLEX_FIRES) {
		walk->fired |= 1u << (next & 31);
		next = test->otherwise;
	}
	walk->at = next;
	return next >= REFLEX_TESTS;
}

static __always_inline void set_text(struct reflex_walk *walk, u32 subject, u32 from, long length)
{
	walk->from[subject] = from;
	walk->length[subject] = length;
	if (length <= 0)
		walk->unknown |= 1 << subject;
}

#define NUMBER_OF(subject) ((subject)-SUBJECT_TEXTS)

/* What the record has, where tests look for it. What was cut off is not known. */
static __always_inline void look_at_exec(struct scratch *scratch, struct exec_event *event, struct task_struct *task,
					 bool isPathCut, u64 switches)
{
	struct reflex_walk *walk = &scratch->reflex;
	u64 cgroup = event->header.cgroup;
	u32 *kind = bpf_map_lookup_elem(&cgroup_kinds, &cgroup);
	u32 place = kind ? *kind : 0;
	long length;

	walk->switches = switches;
	walk->at = switches >> REFLEX_SECOND & 1 ? REFLEX_BANK : 0;
	walk->fired = 0;
	walk->unknown = 0;
	walk->isLookedAt = 0;
	length = bpf_probe_read_kernel_str(walk->names[0], sizeof(walk->names[0]), event->header.comm);
	set_text(walk, SUBJECT_NAME, __builtin_offsetof(struct scratch, reflex.names[0]), length - 1);
	length = bpf_probe_read_kernel_str(walk->names[1], sizeof(walk->names[1]),
					   plain(task)->group_leader->real_parent->group_leader->comm);
	set_text(walk, SUBJECT_PARENT_NAME, __builtin_offsetof(struct scratch, reflex.names[1]), length - 1);
	set_text(walk, SUBJECT_PATH, event->exe.offset, isPathCut ? 0 : event->exe.length);
	length = 0;
	if (event->argv.length)
		length = bpf_probe_read_kernel_str(walk->argument, sizeof(walk->argument),
						   scratch->record + event->argv.offset);
	if (length == sizeof(walk->argument) || length > event->argv.length)
		length = 0;
	set_text(walk, SUBJECT_ARGUMENT, __builtin_offsetof(struct scratch, reflex.argument), length - 1);
	if (!place) {
		look_at_place(scratch);
		place = walk->isContainer ? 2 : 0;
	}
	if (!place)
		walk->unknown |= 1 << SUBJECT_PLACE;
	walk->numbers[NUMBER_OF(SUBJECT_UID)] = event->header.uid;
	walk->numbers[NUMBER_OF(SUBJECT_LOGIN_UID)] = event->header.loginuid;
	walk->numbers[NUMBER_OF(SUBJECT_TTY)] = event->tty;
	walk->numbers[NUMBER_OF(SUBJECT_FLAGS)] = event->header.flags;
	walk->numbers[NUMBER_OF(SUBJECT_PLACE)] = place;
	walk->numbers[NUMBER_OF(SUBJECT_CALL)] = event->header.nr;
}

/* The guard rails, as agent/respond/guard.ts has them. Whatever could be protected is. */
static __always_inline bool is_spared(struct scratch *scratch, struct exec_event *event, struct task_struct *task,
				      struct reflex_control *control)
{
	struct reflex_walk *walk = &scratch->reflex;
	struct task_struct *parent = plain(task)->group_leader->real_parent;
	u64 cgroup = event->header.cgroup;
	u32 length = event->exe.length;
	u32 *cleared;

	if (task->tgid == 1 || task->flags & PF_KTHREAD || parent->flags & PF_KTHREAD || is_ignored(parent->tgid))
		return true;
	if (event->mnt_ns == control->mnt_ns && length < REFLEX_PATH) {
		__builtin_memset(&walk->path, 0, sizeof(walk->path));
		hide(length);
		if (length >= REFLEX_PATH)
			return true;
		bpf_probe_read_kernel(walk->path.text, length, scratch->record + event->exe.offset);
		if (bpf_map_lookup_elem(&reflex_spared, &walk->path))
			return true;
	}
	if (walk->numbers[NUMBER_OF(SUBJECT_PLACE)] == 1)
		return false;
	cleared = bpf_map_lookup_elem(&reflex_cleared, &cgroup);
	if (cleared)
		return *cleared != 1;
	if (!walk->isLookedAt)
		look_at_place(scratch);
	return control->asks_containers || walk->isPod;
}

/* Whether one more kill is within what a window may have; it counts. */
static __always_inline bool take_kill(struct reflex_control *control)
{
	u32 zero = 0;
	u64 *usage = bpf_map_lookup_elem(&reflex_usages, &zero);
	u64 length = control->window_ns;
	u64 window, known, used;

	if (!usage || !length)
		return false;
	window = bpf_ktime_get_boot_ns() / length << USED_BITS;
	for (int i = 0; i < USAGE_TRIES; i++) {
		known = *(volatile u64 *)usage;
		used = known >> USED_BITS == window >> USED_BITS ? known & ((1 << USED_BITS) - 1) : 0;
		if (used >= control->most)
			return false;
		if (__sync_val_compare_and_swap(usage, known, window + used + 1) == known)
			return true;
	}
	return false;
}

static __noinline u32 reflex_verdict(struct scratch *scratch)
{
	struct exec_event *event = (void *)scratch->record;
	struct task_struct *task = bpf_get_current_task_btf();
	u32 zero = 0;
	struct reflex_control *control = bpf_map_lookup_elem(&reflex_controls, &zero);

	if (!control || !(scratch->reflex.fired & scratch->reflex.switches & 0xffffff))
		return REFLEX_DRY_RUN;
	if (scratch->reflex.switches >> REFLEX_OFF & 1)
		return REFLEX_STOPPED;
	if (is_spared(scratch, event, task, control))
		return REFLEX_SPARED;
	if (!take_kill(control))
		return REFLEX_CAPPED;
	return bpf_send_signal(SIGKILL) ? REFLEX_FAILED : REFLEX_KILLED;
}

/* Asks every reflex about the program that is described in the scratch; what came of it goes into its record. */
static __always_inline void ask_reflexes(struct scratch *scratch, struct exec_event *event, struct task_struct *task,
					 bool isPathCut)
{
	u32 zero = 0;
	struct reflex_control *control = bpf_map_lookup_elem(&reflex_controls, &zero);

	u64 switches = control ? *(volatile u64 *)&control->switches : 0;

	if (!(switches >> REFLEX_ANY & 1))
		return;
	look_at_exec(scratch, event, task, isPathCut, switches);
	bpf_loop(REFLEX_TESTS, reflex_step, &scratch, 0);
	if (scratch->reflex.fired)
		event->reflex = (scratch->reflex.fired & 0xffffff) | reflex_verdict(scratch) << 24 |
				(switches >> REFLEX_SECOND & 1 ? 1u << 31 : 0);
}

#endif
