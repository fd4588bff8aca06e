/* What poll(2) waits for: each descriptor as a record within that of the call. */
#ifndef LANNER_POLL_H
#define LANNER_POLL_H

struct polled {
	struct call *call;
	s32 fd;
	s16 events;
	s16 returned;
};

/* A new record within the one in the scratch; the caller says of which kind. */
static __always_inline void begin_part(struct event_header *header, u64 *args, struct polled *polled, u32 kind, u32 nr)
{
	header->kind = kind;
	header->nr = nr;
	args[0] = (s64)polled->fd;
	args[1] = polled->events;
	args[2] = polled->returned;
}

static __always_inline void add_file(struct scratch *scratch, struct polled *polled, void *place, u32 start)
{
	struct file_event *part = place;

	__builtin_memset(part, 0, sizeof(*part));
	begin_part(&part->header, part->args, polled, EVENT_FILE, polled->call->nr);
	part->fd = polled->fd;
	scratch->end = start + sizeof(*part);
	append_resolved(scratch, part, polled->call);
	if (part->resolved.length)
		part->resolved.offset -= start;
	part->header.length = scratch->end - start;
}

static __always_inline void add_socket(struct scratch *scratch, struct polled *polled, void *place, u32 start,
				       struct sock *sock)
{
	struct socket_event *part = place;

	__builtin_memset(part, 0, sizeof(*part));
	begin_part(&part->header, part->args, polled, EVENT_SOCKET, polled->call->nr);
	part->fd = polled->fd;
	scratch->end = start + sizeof(*part);
	fill_sock(part, sock);
	if (part->family == AF_UNIX)
		append_unix_name(scratch, &part->unix_path, sock);
	if (part->unix_path.length)
		part->unix_path.offset -= start;
	part->header.length = scratch->end - start;
}

static __always_inline void add_nothing(struct scratch *scratch, struct polled *polled, void *place, u32 start)
{
	struct call_event *part = place;

	__builtin_memset(part, 0, sizeof(*part));
	begin_part(&part->header, part->args, polled, EVENT_CALL, polled->call->nr);
	scratch->end = start + sizeof(*part);
	part->header.length = sizeof(*part);
}

static long add_polled(u32 index, void *context)
{
	struct polled polled = { .call = *(struct call **)context };
	u32 zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	struct {
		s32 fd;
		s16 events;
		s16 returned;
	} given;
	struct polled_event *event;
	struct file *file;
	struct sock *sock;
	void *place;
	u64 start;

	if (!scratch)
		return 1;
	event = (void *)scratch->record;
	start = scratch->end;
	hide(start);
	if (start > RECORD_MAX - TEXT_MAX) {
		scratch->lost |= FLAG_TEXT_CUT;
		return 1;
	}
	if (bpf_probe_read_user(&given, sizeof(given), (void *)polled.call->args[1] + index * sizeof(given))) {
		scratch->lost |= FLAG_TEXT_UNREAD;
		return 1;
	}
	polled.fd = given.fd;
	polled.events = given.events;
	polled.returned = given.returned;
	place = &scratch->record[start];
	hide(place);
	file = file_of(given.fd);
	sock = sock_of(file);
	if (sock)
		add_socket(scratch, &polled, place, start, sock);
	else if (file)
		add_file(scratch, &polled, place, start);
	else
		add_nothing(scratch, &polled, place, start);
	event->count += 1;
	return 0;
}

static __noinline int send_polled(struct call *call)
{
	struct scratch *scratch = take_scratch(EVENT_POLLED, call->nr);
	u32 count = call->args[2];
	struct polled_event *event;

	if (!scratch)
		return 0;
	event = (void *)scratch->record;
	__builtin_memset(event, 0, sizeof(*event));
	fill_header(&event->header, bpf_get_current_task_btf(), EVENT_POLLED, call->nr);
	event->header.ret = call->args[ARGUMENT_RETURN];
	event->header.flags = call->flags;
	copy_arguments(event->args, call);
	scratch->end = sizeof(*event);
	if (count > POLLED_MAX) {
		scratch->lost |= FLAG_TEXT_CUT;
		count = POLLED_MAX;
	}
	bpf_loop(count, add_polled, &call, 0);
	submit_bulk(finish(scratch), scratch->end);
	scratch->busy = 0;
	return 0;
}

#endif
