/* Addresses of a socket, from the socket itself, else from what the caller gave. */
#ifndef LANNER_SOCKET_H
#define LANNER_SOCKET_H

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#define NR_BIND 49
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define IPPROTO_TCP 6
#define TCP_ESTABLISHED 1
#define TCP_LISTEN 10
#define UNIX_PATH_MAX 108
/* Messages of one sendmmsg or recvmmsg that are told one by one. */
#define MESSAGES_MAX 16

/* The last peer of a socket that is not connected. A socket's place may be another's later, its inode is not. */
struct peer_key {
	u64 sock;
	u64 inode;
};
struct peer {
	u8 address[16];
	u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct peer_key);
	__type(value, struct peer);
} peers SEC(".maps");

static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	return socket ? BPF_CORE_READ(socket, sk) : 0;
}

/* Whether the other end began the connection: its first packet left behind by which interface it came, where sockets of
 * datagrams keep theirs for multicast, which cannot be set on a stream (tcp_v4_syn_recv_sock, tcp_v6_syn_recv_sock). */
static __always_inline bool is_accepted(struct sock *sock, u16 family)
{
	struct inet_sock *inet = (void *)sock;

	if (family == AF_INET)
		return BPF_CORE_READ(inet, mc_index) != 0;
	if (bpf_core_field_exists(inet->pinet6) && bpf_core_type_exists(struct ipv6_pinfo))
		return BPF_CORE_READ(inet, pinet6, mcast_oif) != 0;
	return false;
}

static __always_inline void fill_sock(struct socket_event *event, struct sock *sock)
{
	event->family = BPF_CORE_READ(sock, __sk_common.skc_family);
	event->type = BPF_CORE_READ(sock, sk_type);
	event->state = BPF_CORE_READ(sock, __sk_common.skc_state);
	if (event->family != AF_INET && event->family != AF_INET6)
		return;
	event->protocol = BPF_CORE_READ(sock, sk_protocol);
	if (event->protocol == IPPROTO_TCP && is_accepted(sock, event->family))
		event->header.flags |= FLAG_ACCEPTED;
	event->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	event->remote_port = __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
	if (event->family == AF_INET) {
		BPF_CORE_READ_INTO((u32 *)event->local, sock, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((u32 *)event->remote, sock, __sk_common.skc_daddr);
	} else if (bpf_core_field_exists(sock->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO((struct in6_addr *)event->local, sock, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)event->remote, sock, __sk_common.skc_v6_daddr);
	}
}

/* The name of the unix socket itself (bind, accept), or of the one it is connected to. */
static __always_inline void append_unix_name(struct scratch *scratch, struct text *text, struct sock *sock)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sock, addr);
	struct sock *peer;
	u32 length;

	if (!address) {
		peer = BPF_CORE_READ((struct unix_sock *)sock, peer);
		address = peer ? BPF_CORE_READ((struct unix_sock *)peer, addr) : 0;
	}
	if (!address)
		return;
	length = BPF_CORE_READ(address, len);
	if (length <= 2 || length > 2 + UNIX_PATH_MAX)
		return;
	append_kernel(scratch, text, (void *)address + bpf_core_field_offset(struct unix_address, name) + 2,
		      length - 2);
}

/* The address that a call gave, in user memory. */
struct given {
	const void *address;
	u64 length;
	bool own;       /* the socket's own, not the peer's: bind */
	bool in_kernel; /* copied already */
	bool wins;      /* over what the socket says: a datagram goes where the call says */
};

static __always_inline void read_given(struct given *given, struct call *call, struct call_shape *shape, u16 type)
{
	u32 nr = call->nr;
	u64 name[2];
	s32 length = 0;
	bool carries = nr == NR_SENDTO || nr == NR_RECVFROM;

	given->address = (void *)argument(call, shape->path);
	given->length = (s32)argument(call, shape->path + 1);
	if (nr == NR_RECVFROM) { /* the length is the kernel's answer */
		bpf_probe_read_user(&length, sizeof(length), (void *)call->args[6]);
		given->length = length;
	}
	if (nr == NR_SENDMSG || nr == NR_RECVMSG || nr == NR_SENDMMSG || nr == NR_RECVMMSG) {
		carries = true;
		read_words(call, call->message, name);
		given->address = (void *)name[0];
		given->length = (u32)name[1];
	}
	if ((s64)call->args[ARGUMENT_RETURN] < 0 && (nr == NR_RECVFROM || nr == NR_RECVMSG || nr == NR_RECVMMSG))
		given->address = 0;
	given->in_kernel = call->address_length != 0;
	if (given->in_kernel) {
		given->address = (void *)call->text;
		given->length = call->address_length;
	}
	given->own = nr == NR_BIND;
	given->wins = carries && (type == SOCK_DGRAM || type == SOCK_RAW);
}

/* It counts where the socket says nothing (after a failure) and where it wins. */
static __always_inline void fill_given(struct scratch *scratch, struct socket_event *event, struct given *given)
{
	u8 bytes[28] = {}; /* sockaddr_in6 */
	u64 length = given->length;
	u64 part = length;
	u16 family, port;

	if (!given->address || length < 3 || length > 128)
		return;
	hide(part);
	if (part > sizeof(bytes))
		part = sizeof(bytes);
	if (given->in_kernel ? bpf_probe_read_kernel(bytes, part, given->address)
			     : bpf_probe_read_user(bytes, part, given->address))
		return;
	family = *(u16 *)bytes;
	port = (u16)bytes[2] << 8 | bytes[3];
	if (family == AF_UNIX) {
		event->family = family;
		if (given->in_kernel)
			append_kernel(scratch, &event->unix_path, given->address + 2, length - 2);
		else
			append_user(scratch, &event->unix_path, given->address + 2, length - 2);
		return;
	}
	if (family != AF_INET && family != AF_INET6)
		return;
	if (!given->wins && (given->own ? event->local_port != 0 : event->remote_port != 0))
		return;
	event->family = family;
	*(given->own ? &event->local_port : &event->remote_port) = port;
	__builtin_memset(given->own ? event->local : event->remote, 0, 16);
	if (family == AF_INET)
		__builtin_memcpy(given->own ? event->local : event->remote, bytes + 4, 4);
	else
		__builtin_memcpy(given->own ? event->local : event->remote, bytes + 8, 16);
}

/* Whether a socket that is not connected has another peer than before. */
static __always_inline void note_peer(struct socket_event *event, struct sock *sock)
{
	struct peer_key key = { .sock = (u64)sock };
	struct peer peer = { .port = event->remote_port };
	struct peer *last;

	key.inode = BPF_CORE_READ(sock, sk_socket, file, f_inode, i_ino);
	__builtin_memcpy(peer.address, event->remote, sizeof(peer.address));
	last = bpf_map_lookup_elem(&peers, &key);
	if (last && last->port == peer.port && *(u64 *)last->address == *(u64 *)peer.address &&
	    *(u64 *)(last->address + 8) == *(u64 *)(peer.address + 8))
		return;
	bpf_map_update_elem(&peers, &key, &peer, 0);
	event->header.flags |= FLAG_NEW_PEER;
}

/* Not static, as send. */
__noinline int send_socket(struct call *call, struct call_shape *shape)
{
	struct scratch *scratch;
	struct socket_event *event;
	struct given given;
	struct sock *sock;

	if (!call || !shape)
		return 0;
	scratch = take_scratch(EVENT_SOCKET, call->nr);
	if (!scratch)
		return 0;
	event = (void *)scratch->record;
	__builtin_memset(event, 0, sizeof(*event));
	fill_header(&event->header, bpf_get_current_task_btf(), EVENT_SOCKET, call->nr);
	event->header.ret = call->args[ARGUMENT_RETURN];
	event->header.flags = call->flags;
	set_maker(&event->header, call);
	copy_arguments(event->args, call);
	event->fd = (s32)argument(call, shape->fd);

	scratch->end = sizeof(*event);
	sock = sock_of(file_in(call, event->fd));
	if (sock)
		fill_sock(event, sock);
	read_given(&given, call, shape, event->type);
	fill_given(scratch, event, &given);
	if (sock && event->family == AF_UNIX && !event->unix_path.length)
		append_unix_name(scratch, &event->unix_path, sock);
	if (sock && given.wins && given.address && event->state != TCP_ESTABLISHED)
		note_peer(event, sock);
	append_data(scratch, &event->data, call, shape);
	submit_bulk(finish(scratch), scratch->end);
	scratch->busy = 0;
	return 0;
}

struct messages {
	struct call *call;
	struct call_shape *shape;
};

/* struct mmsghdr: a msghdr, then how much of it was sent. */
static long send_message(u32 index, void *context)
{
	struct messages *messages = context;
	struct call *call = messages->call;
	bool narrow = call->flags & FLAG_COMPAT;
	u32 length = 0;

	call->message = call->args[2] + (u64)index * (narrow ? 32 : 64);
	if ((s64)call->args[ARGUMENT_RETURN] >= 0) {
		bpf_probe_read_user(&length, sizeof(length), (void *)call->message + (narrow ? 28 : 56));
		call->args[ARGUMENT_RETURN] = length;
	}
	send_socket(call, messages->shape);
	return 0;
}

/* One record for each message, because each has its peer; for a call that failed, one of the first. */
static __noinline int send_messages(struct call *call, struct call_shape *shape)
{
	struct messages messages = { call, shape };
	s64 sent = call->args[ARGUMENT_RETURN];

	if (sent < 1)
		sent = 1;
	if (sent > MESSAGES_MAX)
		add_loss(LOSS_MESSAGES, EVENT_SOCKET, call->nr, sent - MESSAGES_MAX);
	bpf_loop(sent > MESSAGES_MAX ? MESSAGES_MAX : sent, send_message, &messages, 0);
	return 0;
}

#endif
