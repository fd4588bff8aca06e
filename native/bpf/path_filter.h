/* Runs the filter's automaton over the path that rules would see. Included by filter.h. */
#ifndef LANNER_PATH_FILTER_H
#define LANNER_PATH_FILTER_H

/* Bytes of a path that one turn of bpf_loop takes: it costs a call. */
#define STRIDE 16
#define FD_CWD -100

/* A pass over a text. As in struct walk, what changes in a loop lies in a map: the verifier tracks no bounds of it. */
struct progress {
	u32 state;
	u32 at;
	u32 end;
	u32 last;   /* the last three bytes */
	u32 odd;    /* an empty name, `.` or `..`: made absolute, the path is another */
	u32 climbs; /* has `../` */
};

/* Guarded by `busy` of the scratch. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct progress);
} progresses SEC(".maps");

struct pass {
	struct filter *filter;
	struct scratch *scratch;
	struct progress *progress;
};

static __always_inline u32 step(struct filter *filter, u32 state, u8 byte)
{
	u32 cell = state * 8 + filter->class_of[byte];

	return filter->next[cell & (FILTER_CELLS - 1)];
}

/* Over what a walk left in the scratch, and over NULs before it: they lead from the first state to itself. */
static long pass_walked(u32 index, void *context)
{
	struct pass *pass = context;
	struct filter *filter = pass->filter;
	struct scratch *scratch = pass->scratch;
	struct progress *progress = pass->progress;
	u32 state = progress->state, at = progress->at;

	if (at > TEXT_MAX - STRIDE)
		return 1;
	for (u32 i = 0; i < STRIDE; i++)
		state = step(filter, state, scratch->path[at + i]);
	progress->state = state;
	progress->at = at + STRIDE;
	return 0;
}

static __always_inline bool ends_oddly(u32 last)
{
	return (last & 0xff) == '/' || (last & 0xffff) == ('/' << 8 | '.') ||
	       (last & 0xffffff) == ('/' << 16 | '.' << 8 | '.');
}

/* Over a path as it was given, in the record's place. */
static long pass_given(u32 index, void *context)
{
	struct pass *pass = context;
	struct filter *filter = pass->filter;
	struct scratch *scratch = pass->scratch;
	struct progress *progress = pass->progress;
	u32 last = progress->last, at = index;
	u8 byte;

	if (at >= progress->end || at >= GIVEN_MAX)
		return 1;
	hide(at);
	byte = scratch->record[at & (GIVEN_MAX - 1)];
	if (byte == '/') {
		if (ends_oddly(last))
			progress->odd = 1;
		if ((last & 0xffff) == ('.' << 8 | '.'))
			progress->climbs = 1;
	}
	progress->last = last << 8 | byte;
	progress->state = step(filter, progress->state, byte);
	return 0;
}

/* The automaton's state after the path that a walk left; whether there is a whole one. */
static __always_inline bool run_walked(struct pass *pass, struct scratch *scratch)
{
	u32 at = scratch->walk.position;

	/* Two comparisons: clang 19 makes one of them, by a difference of which the verifier learns nothing. */
	if (scratch->lost || at < STRIDE)
		return false;
	hide(at);
	if (at >= TEXT_MAX || scratch->path[at] != '/')
		return false;
	hide(at);
	at = (at - STRIDE) & (TEXT_MAX - 1);
	*(u64 *)&scratch->path[at] = 0;
	*(u64 *)&scratch->path[at + 8] = 0;
	pass->progress->at = (at + STRIDE) & ~(STRIDE - 1);
	bpf_loop(TEXT_MAX / STRIDE, pass_walked, pass, 0);
	return pass->progress->at >= TEXT_MAX;
}

/* Reads the path that was given; whether it is all there. */
static __always_inline bool read_path(struct pass *pass, struct scratch *scratch, const void *from)
{
	long length = bpf_probe_read_user_str(scratch->record, GIVEN_MAX, from);

	if (length <= 1 || length >= GIVEN_MAX)
		return false;
	pass->progress->end = length - 1;
	return true;
}

/*
 * A link of a process to its program or a descriptor is what rules see when it is opened. If the path that was given is
 * below /proc and the same as what was opened, there was no link; if it is another, there may have been.
 */
static __noinline bool may_be_link(struct scratch *scratch, const void *given)
{
	/* In the record's place, which is not in use yet: the stack of all callers together has 512 bytes. */
	u64 *text = (void *)scratch->record, *resolved = text + LINK_MAX / 8;
	u32 at = scratch->walk.position;
	u64 word = 0;
	long length;

	if (bpf_probe_read_user(&word, sizeof(word), given))
		return true;
	if ((word & 0xffffffffffffull) != 0x2f636f72702full) /* "/proc/" */
		return false;
	__builtin_memset(text, 0, 2 * LINK_MAX);
	length = bpf_probe_read_user_str(text, LINK_MAX, given);
	if (length <= 1 || length >= LINK_MAX || TEXT_MAX - at != length - 1)
		return true;
	at &= TEXT_MAX - 1;
	length -= 1;
	hide(length);
	length &= LINK_MAX - 1;
	if (bpf_probe_read_kernel(resolved, length, &scratch->path[at]))
		return true;
	for (int i = 0; i < LINK_MAX / 8; i++) {
		if (text[i] != resolved[i])
			return true;
	}
	return false;
}

/* An open that went well: rules see the path of the file. */
static __always_inline bool run_opened(struct pass *pass, struct scratch *scratch, const void *given, s64 ret)
{
	struct file *file = file_of(ret);

	if (!file)
		return false;
	walk_path(scratch, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry),
		  plain(bpf_get_current_task_btf())->fs);
	if (given && may_be_link(scratch, given))
		return false;
	return run_walked(pass, scratch);
}

/* An open that failed: rules see the path that was given, put behind its folder. */
static __always_inline bool run_failed(struct pass *pass, struct scratch *scratch, const void *given, s32 dirfd)
{
	struct task_struct *task = plain(bpf_get_current_task_btf());
	struct progress *progress = pass->progress;
	struct file *folder;

	if (!given || !read_path(pass, scratch, given))
		return false;
	if (scratch->record[0] != '/') {
		if (dirfd == FD_CWD) {
			walk_path(scratch, task->fs->pwd.mnt, task->fs->pwd.dentry, task->fs);
		} else {
			folder = file_of(dirfd);
			if (!folder)
				return false;
			walk_path(scratch, BPF_CORE_READ(folder, f_path.mnt), BPF_CORE_READ(folder, f_path.dentry),
				  task->fs);
		}
		if (!run_walked(pass, scratch))
			return false;
		if (scratch->walk.position < TEXT_MAX - 1)
			progress->state = step(pass->filter, progress->state, '/');
		progress->last = '/';
	}
	bpf_loop(GIVEN_MAX, pass_given, pass, 0);
	if (progress->end == 1 && scratch->record[0] == '/')
		return true;
	return !progress->odd && !ends_oddly(progress->last);
}

static __always_inline bool has_column(struct filter *filter, u32 state, u32 column)
{
	u32 output = filter->next[(state * 8 + filter->output) & (FILTER_CELLS - 1)];

	return filter->outputs[output & (FILTER_OUTPUTS - 1)][column >> 6 & 3] >> (column & 63) & 1;
}

/* What is asked of a call. */
struct question {
	struct filter *filter;
	struct filter_call *entry;
	u32 features;
	u32 column;
	u64 cgroup;
	bool knows_place; /* the features say whether it is in a container, as far as that is known */
};

static __always_inline u8 column_of(struct filter *filter, struct filter_call *call, u32 features)
{
	return filter->columns[(call->columns * 256 + features) & (FILTER_COLUMN_BYTES - 1)];
}

/* What is not known of the place is asked last: it costs a look into a hash table. */
static __always_inline void add_place(struct question *question)
{
	u32 *kind = bpf_map_lookup_elem(&cgroup_kinds, &question->cgroup);

	if (kind)
		question->features |= (*kind & 3) << FEATURE_CONTAINER_SHIFT;
	question->column = column_of(question->filter, question->entry, question->features);
	question->knows_place = true;
}

static __noinline bool ask_path(struct question *question, struct scratch *scratch, struct call *call,
				struct call_shape *shape)
{
	struct filter *filter = question->filter;
	struct pass pass = { .filter = filter, .scratch = scratch };
	u32 zero = 0, strict;
	const void *given = (void *)argument(call, shape->path);
	s64 ret = call->args[ARGUMENT_RETURN];
	s32 dirfd = shape->base && shape->base <= 6 ? (s32)argument(call, shape->base) : FD_CWD;

	pass.progress = bpf_map_lookup_elem(&progresses, &zero);
	if (!pass.progress)
		return true;
	__builtin_memset(pass.progress, 0, sizeof(*pass.progress));
	pass.progress->state = filter->start;
	if (!shape->path)
		given = 0;
	if (ret >= 0 ? !run_opened(&pass, scratch, given, ret) : !run_failed(&pass, scratch, given, dirfd))
		return true;
	if (!has_column(filter, pass.progress->state, question->column))
		return false;
	if (!question->knows_place) {
		add_place(question);
		if (question->column == COLUMN_NEVER)
			return false;
		if (question->column == COLUMN_ALWAYS)
			return true;
		if (!has_column(filter, pass.progress->state, question->column))
			return false;
	}
	/* Of a path without `../` in it. */
	strict = column_of(filter, question->entry, question->features & ~FEATURE_CLIMBS);
	if (strict == COLUMN_ALWAYS || has_column(filter, pass.progress->state, strict))
		return true;
	if (ret < 0)
		return pass.progress->climbs;
	if (!given || !read_path(&pass, scratch, given))
		return true;
	bpf_loop(GIVEN_MAX, pass_given, &pass, 0);
	return pass.progress->climbs;
}

static __always_inline bool is_path_wanted(struct question *question, struct call *call, struct call_shape *shape)
{
	struct scratch *scratch = borrow_scratch();
	bool wanted;

	if (!scratch)
		return true;
	wanted = ask_path(question, scratch, call, shape);
	scratch->busy = 0;
	return wanted;
}

#endif
