/*
 * Which calls are dropped before a record is made of them: those that no rule can match. agent/pushdown/ makes the
 * tables out of the rules and has a model of what is done here (model.ts); agent/README.md says why that is sound.
 * Whatever is not certain is sent.
 */
#ifndef LANNER_FILTER_H
#define LANNER_FILTER_H

#include "filter_tables.h"
#include "told.h"

struct filtered {
	u64 sent;
	u64 dropped;
};

/* By system call; only of those that the filter looks at. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CALLS);
	__type(key, u32);
	__type(value, struct filtered);
} filtered SEC(".maps");

static __always_inline u32 open_flags_of(struct call *call, struct call_shape *shape, u32 *mode, bool *known)
{
	u64 how[ENTRIES_IN_HOW] = {};

	*known = true;
	*mode = argument(call, shape->mode);
	if (shape->how) {
		*known = !bpf_probe_read_user(how, sizeof(how), (void *)argument(call, shape->how));
		*mode = how[1];
		return how[0];
	}
	return call->nr == NR_CREAT ? 01101 : argument(call, shape->open_flags);
}

static __always_inline u32 open_features(u32 flags, u32 mode)
{
	u32 features = (flags & 3) << FEATURE_ACCESS_SHIFT | FEATURE_CLIMBS;

	if (flags & 0200000)
		features |= FEATURE_DIRECTORY;
	if (flags & 01000)
		features |= FEATURE_TRUNCATES;
	if (flags & 020000100) { /* O_CREAT, __O_TMPFILE */
		features |= FEATURE_CREATES;
		if (mode & 0111)
			features |= FEATURE_CREATES_PROGRAM;
	}
	return features;
}

/* What is asked of a call. */
struct question {
	struct task_struct *task; /* that made it */
	struct filter *filter;
	struct filter_call *entry;
	u32 features;
	u32 column;
	u64 cgroup;
	bool knows_place; /* the features say whether it is in a container, as far as that is known */
};

#include "socket_filter.h"
#include "path_filter.h"

static __always_inline bool decide(struct question *question, struct call *call, struct call_shape *shape, s64 ret)
{
	struct filter_call *entry = question->entry;
	bool known = true;
	u32 flags, mode;

	if (entry->kind == FILTER_OPEN) {
		flags = open_flags_of(call, shape, &mode, &known);
		if (!known)
			return true;
		question->features |= open_features(flags, mode);
	} else if (entry->kind == FILTER_SOCKET) {
		if (names_peer(call))
			return true;
		question->features |= socket_features(question->filter, call, shape, ret);
	}
	question->column = column_of(question->filter, entry, question->features);
	if (question->column == COLUMN_NEVER)
		return false;
	if (question->column == COLUMN_ALWAYS)
		add_place(question);
	if (question->column == COLUMN_NEVER)
		return false;
	return question->column == COLUMN_ALWAYS || is_path_wanted(question, call, shape);
}

/* What is sent because the agent could not be asked yet asks it. */
static __always_inline void ask_agent(struct question *question, struct maker *maker, struct call *call)
{
	u32 judged = question->features & ~(maker->unjudged << FEATURE_GUARD_SHIFT);

	if (!maker->unjudged || !maker->told ||
	    column_of(question->filter, question->entry, judged) == question->column)
		return;
	call->flags |= FLAG_ASKS;
	if (!maker->told->asked_ns)
		maker->told->asked_ns = bpf_ktime_get_boot_ns();
}

/* The record of an exec has told all that a first call would be sent for. */
static __always_inline void note_exec(struct task_struct *task, u64 cgroup)
{
	u32 zero = 0;
	void *map = bpf_map_lookup_elem(&filters, &zero);
	struct filter *filter = map ? bpf_map_lookup_elem(map, &zero) : 0;
	struct maker maker;

	if (filter)
		note(filter, task, cgroup, &maker);
}

/* Whether the agent needs a record of the call. */
static __noinline bool is_wanted(struct task_struct *task, struct call *call, struct call_shape *shape, s64 ret)
{
	u32 zero = 0, nr = call->nr;
	struct question question = { .task = task };
	struct maker maker;
	void *map = bpf_map_lookup_elem(&filters, &zero);
	struct filtered *counts;
	struct filter *filter;
	bool wanted;

	if (!map)
		return true;
	filter = bpf_map_lookup_elem(map, &zero);
	if (!filter || nr >= CALLS)
		return true;
	hide(nr); /* Linux 6.1 forgets the bound when the number goes through the stack: it is made anew. */
	question.filter = filter;
	question.entry = &filter->calls[nr & (CALLS - 1)];
	question.cgroup = cgroup_number(own_cgroup(task));
	wanted = note(filter, task, question.cgroup, &maker);
	if (question.entry->kind == FILTER_SEND)
		return true;
	if (!wanted) {
		question.features = maker.guards << FEATURE_GUARD_SHIFT | (ret < 0 ? FEATURE_FAILED : 0) |
				    (plain(task)->cred->uid.val == 0 ? FEATURE_ROOT : 0);
		wanted = decide(&question, call, shape, ret);
		if (wanted)
			ask_agent(&question, &maker, call);
	}
	counts = bpf_map_lookup_elem(&filtered, &nr);
	if (counts) {
		if (wanted)
			counts->sent++;
		else
			counts->dropped++;
	}
	return wanted;
}

#endif
