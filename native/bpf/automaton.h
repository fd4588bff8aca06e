/* The filter's automaton, run over texts. Included by filter.h. */
#ifndef LANNER_AUTOMATON_H
#define LANNER_AUTOMATON_H

/* Bytes of a path that are taken at once, and how many times that by one turn of bpf_loop: it costs a call. */
#define STRIDE 16
#define STRIDES 2
/* How many folders are kept in mind, and how long their paths may be. */
#define MEMO_BITS 6
#define MEMO_WORDS 15

struct pass {
	struct filter *filter;
	struct scratch *scratch;
};

/* What the next byte waits for is the row alone: its cell is added to where the table begins. */
static __always_inline u16 step(struct filter *filter, u16 row, u8 byte)
{
	u16 *cells = filter->next + filter->class_of[byte];

	hide(cells);
	return cells[(u32)row * 8];
}

/* The next bytes of what a walk left in the scratch. Behind it are NULs, which lead from each state to itself. */
static __always_inline void pass_stride(struct filter *filter, struct scratch *scratch)
{
	struct progress *progress = &scratch->progress;
	u16 state = progress->state;
	u32 at = progress->at;
	u8 *text = &scratch->path[at & (TEXT_MAX - 1)];

#pragma unroll
	for (u32 i = 0; i < STRIDE; i++)
		state = step(filter, state, text[i]);
	progress->state = state;
	progress->at = at + STRIDE;
}

static long pass_walked(u32 index, void *context)
{
	struct pass *pass = context;

	for (u32 turn = 0; turn < STRIDES; turn++) {
		if (pass->scratch->progress.at >= pass->scratch->progress.until)
			return 1;
		pass_stride(pass->filter, pass->scratch);
	}
	return 0;
}

/* From where the pass is to `end`, which is whole strides away or has NULs behind it. */
static __always_inline void run_to(struct pass *pass, struct scratch *scratch, u32 end)
{
	scratch->progress.until = end;
	bpf_loop(TEXT_MAX / STRIDE / STRIDES, pass_walked, pass, 0);
}

/* What came before the next byte of a path: no `.` or `..` that a slash makes a name of, or one, or its beginning. */
enum place { IN_NAME = 0, BEHIND_DOT = 1, BEHIND_DOTS = 2, AT_NAME = 3, AT_DOT = 4, AT_DOTS = 5, PLACES = 6 };
/* What was met: an empty name, `.` or `..`, of which an absolute path has none; and `../`. */
#define MET_ODD 8
#define MET_CLIMB 16

/* By place, what follows it: any other byte, a dot, a slash. Tables, not branches: the verifier would follow each. */
const u8 next_place[8][4] = {
	[IN_NAME] = { IN_NAME, BEHIND_DOT, AT_NAME },
	[BEHIND_DOT] = { IN_NAME, BEHIND_DOTS, AT_NAME },
	[BEHIND_DOTS] = { IN_NAME, BEHIND_DOTS, AT_NAME | MET_CLIMB },
	[AT_NAME] = { IN_NAME, AT_DOT, AT_NAME | MET_ODD },
	[AT_DOT] = { IN_NAME, AT_DOTS, AT_NAME | MET_ODD },
	[AT_DOTS] = { IN_NAME, BEHIND_DOTS, AT_NAME | MET_ODD | MET_CLIMB },
};
const u8 mark_of[256] = { ['.'] = 1, ['/'] = 2 };

/* Over a path as it was given, in the record's place. */
static long pass_given(u32 index, void *context)
{
	struct pass *pass = context;
	struct filter *filter = pass->filter;
	struct scratch *scratch = pass->scratch;
	struct progress *progress = &scratch->progress;
	u32 begin = index * STRIDE;
	u8 place = progress->place;
	u16 state = progress->state;

	hide(begin);
	begin &= GIVEN_MAX - STRIDE;
	for (u32 i = 0; i < STRIDE; i++) {
		u8 byte = scratch->record[begin + i];

		if (begin + i >= progress->end)
			break;
		place = next_place[place & 7][mark_of[byte] & 3];
		progress->met |= place;
		state = step(filter, state, byte);
	}
	progress->place = place & 7;
	progress->state = state;
	return begin + STRIDE >= progress->end;
}

static __always_inline bool ends_oddly(struct progress *progress)
{
	return progress->place >= AT_NAME;
}

/* Where the automaton was after a folder's path. Which slot is asked says the folder's place in memory; whether it is
 * of that folder, its whole text. */
struct memo {
	u32 generation; /* of the filter */
	u16 state;
	u16 length;
	u64 text[MEMO_WORDS]; /* from its end on; NULs before its beginning */
};

/* Guarded by `busy` of the scratch. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << MEMO_BITS);
	__type(key, u32);
	__type(value, struct memo);
} memos SEC(".maps");

static __always_inline struct memo *find_memo(struct walk *walk)
{
	u32 slot = (u64)walk->folder * 0x9e3779b97f4a7c15ull >> (64 - MEMO_BITS);

	return bpf_map_lookup_elem(&memos, &slot);
}

/* Whether the memo is of the text of this length that ends before `end`. */
static __always_inline bool is_memo_of(struct memo *memo, struct filter *filter, struct scratch *scratch, u32 end,
				       u32 length)
{
	if (memo->length != length || memo->generation != filter->generation)
		return false;
	for (u32 i = 0; i < MEMO_WORDS; i++) {
		if (i * 8 >= length)
			break;
		if (*(u64 *)&scratch->path[(end - i * 8 - 8) & (TEXT_MAX - 1)] != memo->text[i])
			return false;
	}
	return true;
}

static __always_inline void fill_memo(struct memo *memo, struct filter *filter, struct scratch *scratch, u32 end,
				      u32 length)
{
	memo->length = length;
	memo->generation = filter->generation;
	memo->state = scratch->progress.state;
	for (u32 i = 0; i < MEMO_WORDS; i++) {
		if (i * 8 >= length)
			break;
		memo->text[i] = *(u64 *)&scratch->path[(end - i * 8 - 8) & (TEXT_MAX - 1)];
	}
}

/* Over the path of the folder, or to where it is known how that ends. */
static __always_inline void run_folder(struct pass *pass, struct scratch *scratch, u32 from)
{
	u32 end = scratch->walk.leaf, length = end - from;
	struct memo *memo = find_memo(&scratch->walk);

	if (!memo || end <= from || length > MEMO_WORDS * 8)
		return;
	if (is_memo_of(memo, pass->filter, scratch, end, length)) {
		scratch->progress.state = memo->state;
		scratch->progress.at = end;
		return;
	}
	scratch->progress.at = end - (length + STRIDE - 1) / STRIDE * STRIDE;
	run_to(pass, scratch, end);
	fill_memo(memo, pass->filter, scratch, end, length);
}

/* The automaton's state after the path that a walk left; whether there is a whole one. */
static __always_inline bool run_walked(struct pass *pass, struct scratch *scratch)
{
	u32 from = scratch->walk.position, at;

	/* Two comparisons: clang 19 makes one of them, by a difference of which the verifier learns nothing. */
	if (scratch->lost || from < STRIDE)
		return false;
	hide(from);
	if (from >= TEXT_MAX || scratch->path[from] != '/')
		return false;
	at = from;
	hide(at);
	at = (at - STRIDE) & (TEXT_MAX - 1);
	*(u64 *)&scratch->path[at] = 0;
	*(u64 *)&scratch->path[at + 8] = 0;
	scratch->progress.at = from;
	run_folder(pass, scratch, from);
	/* Most names are no longer. */
	pass_stride(pass->filter, scratch);
	if (scratch->progress.at < TEXT_MAX)
		run_to(pass, scratch, TEXT_MAX);
	return scratch->progress.at >= TEXT_MAX;
}

#endif
