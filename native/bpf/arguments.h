/* A system call's number and arguments, from the registers saved at its entry: at its exit they are still there. */
#ifndef LANNER_ARGUMENTS_H
#define LANNER_ARGUMENTS_H

#define X32_BIT 0x40000000u

struct call {
	u64 args[8]; /* by position from 1; [0] is 0, [7] what the call returned */
	u64 message; /* where its struct msghdr lies, if it has one */
	u32 nr;
	u32 flags;
	/* Of a call made through io_uring (uring.bpf.c), else 0. */
	u64 text;           /* where its two paths were copied to, in kernel memory; or an address */
	u64 file;           /* behind its descriptor, if `knows_file` */
	u32 address_length; /* of the address at `text`; 0: there is none */
	u32 tid, vtid;      /* who submitted it */
	bool knows_file;
};

#define URING_TEXT 512

/* A path of a call: the user's text, or what io_uring copied of it. */
static __always_inline void append_named(struct scratch *scratch, struct text *text, struct call *call, u64 from,
					 u32 which)
{
	if (call->flags & FLAG_URING)
		append_string(scratch, text, (void *)(from ? call->text + which * URING_TEXT : 0), true);
	else
		append_string(scratch, text, (void *)from, false);
}

static __always_inline void set_maker(struct event_header *header, struct call *call)
{
	if (!(call->flags & FLAG_URING))
		return;
	header->tid = call->tid;
	header->vtid = call->vtid;
}

/* The file behind a call's descriptor. */
static __always_inline struct file *file_in(struct call *call, s32 fd)
{
	return call->knows_file ? (struct file *)call->file : file_of(fd);
}

/* `repack`: how its arguments are to be translated, and the parameter of that (enum repack). */
static __always_inline u32 call_number(struct task_struct *task, struct pt_regs *regs, u32 *flags, u32 *repack)
{
	u32 nr = regs->orig_ax;
	u32 *known;

	if (is_compat(task)) {
		*flags |= FLAG_COMPAT;
		if (nr >= CALLS)
			return CALL_UNKNOWN;
	} else {
		/* x32 has the numbers of x86_64, but for some of its own. */
		if (!(nr & X32_BIT) || nr == NR_NONE)
			return nr;
		nr &= ~X32_BIT;
		if (nr < CALLS)
			return nr;
	}
	known = bpf_map_lookup_elem(&compat_calls, &nr);
	if (!known)
		return CALL_UNKNOWN;
	*repack = *known >> 16;
	return *known & 0xffff;
}

static __always_inline void read_arguments(struct call *call, struct pt_regs *regs)
{
	if (call->flags & FLAG_COMPAT) {
		call->args[1] = (u32)regs->bx;
		call->args[2] = (u32)regs->cx;
		call->args[3] = (u32)regs->dx;
		call->args[4] = (u32)regs->si;
		call->args[5] = (u32)regs->di;
		call->args[6] = (u32)regs->bp;
	} else {
		call->args[1] = regs->di;
		call->args[2] = regs->si;
		call->args[3] = regs->dx;
		call->args[4] = regs->r10;
		call->args[5] = regs->r8;
		call->args[6] = regs->r9;
	}
}

/* Two words that lie in a row: a pointer and a length. */
static __always_inline void read_words(struct call *call, u64 at, u64 words[2])
{
	u32 narrow[2] = {};

	words[0] = words[1] = 0;
	if (call->flags & FLAG_COMPAT) {
		bpf_probe_read_user(narrow, sizeof(narrow), (void *)at);
		words[0] = narrow[0];
		words[1] = narrow[1];
	} else {
		bpf_probe_read_user(words, 16, (void *)at);
	}
}

static __always_inline void copy_arguments(u64 *args, struct call *call)
{
	for (int i = 0; i < 6; i++)
		args[i] = call->args[i + 1];
}

/* The argument at `position`, from 1; 0 for none. Not a switch: the verifier would follow each case on its own. */
static __always_inline u64 argument(struct call *call, u64 position)
{
	hide(position);
	return call->args[position & 7];
}

/* What was read or written: as much of its beginning as is kept. */
static __always_inline void append_data(struct scratch *scratch, struct text *text, struct call *call,
					struct call_shape *shape)
{
	u64 kind = shape->data >> 4, at = argument(call, shape->data & 7);
	u64 words[2] = {}, length = call->args[ARGUMENT_RETURN];
	u32 end = scratch->end;

	if (kind < DATA_BYTES || kind > DATA_MESSAGE || (s64)length <= 0)
		return;
	if (kind == DATA_MESSAGE) {
		at = call->message + (call->flags & FLAG_COMPAT ? 8 : 16);
		read_words(call, at, words);
		at = words[0];
	}
	if (kind != DATA_BYTES) {
		read_words(call, at, words);
		at = words[0];
		if (length > words[1])
			length = words[1];
	}
	if (length > DATA_MAX)
		length = DATA_MAX;
	hide(length);
	if (length > DATA_MAX || end > RECORD_MAX - TEXT_MAX)
		return;
	if (bpf_probe_read_user(&scratch->record[end], length, (void *)at)) {
		scratch->lost |= FLAG_TEXT_UNREAD;
		return;
	}
	text->offset = end;
	text->length = length;
	scratch->end = end + length;
}

#endif
