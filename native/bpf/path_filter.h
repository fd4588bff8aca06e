/* Asks the filter's automaton about the path that rules would see. Included by filter.h. */
#ifndef LANNER_PATH_FILTER_H
#define LANNER_PATH_FILTER_H

#include "automaton.h"

/* Steps up that one turn of bpf_loop takes: it costs a call. */
#define PATH_STRIDE 4
#define FD_CWD -100

/* Reads the path that was given; whether it is all there. */
static __always_inline bool read_path(struct scratch *scratch, const void *from)
{
	long length = bpf_probe_read_user_str(scratch->record, GIVEN_MAX, from);

	if (length <= 1 || length >= GIVEN_MAX)
		return false;
	scratch->progress.end = length - 1;
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

static long walk_dentries(u32 index, void *context)
{
	struct scratch *scratch = *(struct scratch **)context;

	for (u32 i = 0; i < PATH_STRIDE; i++) {
		if (step_up(scratch))
			return 1;
	}
	return 0;
}

/* Where the path begins that is walked: at the file that was opened, or at the folder that a path is relative to; there
 * is none if that is absolute. Whether that is known. */
static __always_inline bool find_begin(struct question *question, struct scratch *scratch, const void *given, s64 ret,
				       s32 dirfd)
{
	struct task_struct *task = plain(question->task);
	struct file *file;

	scratch->walk.dentry = 0;
	if (ret < 0) {
		if (!given || !read_path(scratch, given))
			return false;
		if (scratch->record[0] == '/')
			return true;
		if (dirfd == FD_CWD) {
			scratch->walk.mnt = task->fs->pwd.mnt;
			scratch->walk.dentry = task->fs->pwd.dentry;
			return true;
		}
	}
	file = file_at(task, ret < 0 ? dirfd : ret);
	if (!file)
		return false;
	scratch->walk.mnt = BPF_CORE_READ(file, f_path.mnt);
	scratch->walk.dentry = BPF_CORE_READ(file, f_path.dentry);
	return true;
}

/* Over the path that rules see: of an open that went well, that of the file; of one that failed, what was given, behind
 * its folder. Whether that is known. */
static __always_inline bool run_path(struct question *question, struct pass *pass, struct scratch *scratch,
				     const void *given, s64 ret, s32 dirfd)
{
	struct progress *progress = &scratch->progress;

	if (!find_begin(question, scratch, given, ret, dirfd))
		return false;
	if (scratch->walk.dentry) {
		begin_walk(scratch, plain(question->task)->fs);
		bpf_loop(PATH_STEPS / PATH_STRIDE, walk_dentries, &pass->scratch, 0);
		end_walk(scratch);
		if (!run_walked(pass, scratch))
			return false;
		if (ret >= 0)
			return true;
		if (scratch->walk.position < TEXT_MAX - 1)
			progress->state = step(pass->filter, progress->state, '/');
		progress->place = AT_NAME;
	}
	bpf_loop(GIVEN_MAX / STRIDE, pass_given, pass, 0);
	if (progress->end == 1 && scratch->record[0] == '/')
		return true;
	return !(progress->met & MET_ODD) && !ends_oddly(progress);
}

static __always_inline bool has_column(struct filter *filter, u32 state, u32 column)
{
	u32 output = filter->next[(state * 8 + filter->output) & (FILTER_CELLS - 1)];

	return filter->outputs[output & (FILTER_OUTPUTS - 1)][column >> 6 & 3] >> (column & 63) & 1;
}

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

/* Whether a process's own link may be wanted: most reads ask of none, and reading what was given is dear. */
static __always_inline bool is_linked(struct question *question)
{
	u32 column = question->column;

	return question->filter->linked[column >> 6 & 3] >> (column & 63) & 1;
}

static __always_inline bool ask_path(struct question *question, struct scratch *scratch, struct call *call,
				     struct call_shape *shape)
{
	struct filter *filter = question->filter;
	struct pass pass = { .filter = filter, .scratch = scratch };
	u32 strict;
	const void *given = (void *)argument(call, shape->path);
	s64 ret = call->args[ARGUMENT_RETURN];
	s32 dirfd = shape->base && shape->base <= 6 ? (s32)argument(call, shape->base) : FD_CWD;

	__builtin_memset(&scratch->progress, 0, sizeof(scratch->progress));
	scratch->progress.state = filter->start;
	if (!shape->path)
		given = 0;
	if (!run_path(question, &pass, scratch, given, ret, dirfd))
		return true;
	if (ret >= 0 && given && is_linked(question)) {
		if (!question->knows_place)
			add_place(question);
		if (question->column == COLUMN_NEVER)
			return false;
		if (question->column == COLUMN_ALWAYS || (is_linked(question) && may_be_link(scratch, given)))
			return true;
	}
	if (!has_column(filter, scratch->progress.state, question->column))
		return false;
	if (!question->knows_place) {
		add_place(question);
		if (question->column == COLUMN_NEVER)
			return false;
		if (question->column == COLUMN_ALWAYS)
			return true;
		if (!has_column(filter, scratch->progress.state, question->column))
			return false;
	}
	/* Of a path without `../` in it. */
	strict = column_of(filter, question->entry, question->features & ~FEATURE_CLIMBS);
	if (strict == COLUMN_ALWAYS || has_column(filter, scratch->progress.state, strict))
		return true;
	if (ret < 0)
		return (scratch->progress.met & MET_CLIMB);
	if (!given || !read_path(scratch, given))
		return true;
	bpf_loop(GIVEN_MAX / STRIDE, pass_given, &pass, 0);
	return (scratch->progress.met & MET_CLIMB);
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
