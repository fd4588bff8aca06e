/* What the filter knows of a call on a socket. Included by filter.h. */
#ifndef LANNER_SOCKET_FILTER_H
#define LANNER_SOCKET_FILTER_H

/* Of IPv4; for IPv6 there are no networks. */
static __always_inline u32 address_class(struct filter *filter, struct sock *sock, bool serving)
{
	u32 address =
		serving ? BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr) : BPF_CORE_READ(sock, __sk_common.skc_daddr);

	for (u32 i = 0; i < FILTER_NETWORKS; i++) {
		if ((address & filter->networks[i].mask) == filter->networks[i].address)
			return filter->network_classes[i] & 3;
	}
	return CLASS_MIXED;
}

/* Where the address that the call gave may be what rules see (fill_given), the family is not certain. Not static, as
 * send: its loop was a quarter of what the verifier went through. */
__noinline u32 socket_features(struct filter *filter, struct call *call, struct call_shape *shape, s64 ret)
{
	u32 features = ret == -EINPROGRESS ? FEATURE_IN_PROGRESS : 0;
	u32 unknown = features | SORT_UNKNOWN << FEATURE_SORT_SHIFT, nr;
	bool named, serving;
	struct sock *sock;
	u16 family, protocol;
	u32 port, sort;

	if (!filter || !call || !shape)
		return unknown;
	nr = call->nr;
	named = nr == NR_CONNECT || nr == NR_BIND;
	serving = nr == NR_ACCEPT || nr == NR_ACCEPT4 || nr == NR_LISTEN || nr == NR_BIND;
	if (named && ret < 0 && !features)
		return unknown;
	sock = sock_of(file_of(argument(call, shape->fd)));
	if (!sock)
		return named ? unknown : features;
	family = BPF_CORE_READ(sock, __sk_common.skc_family);
	if (family == AF_UNIX)
		return features | SORT_UNIX << FEATURE_SORT_SHIFT;
	if (family != AF_INET && family != AF_INET6)
		return features;
	protocol = BPF_CORE_READ(sock, sk_protocol);
	serving = serving || BPF_CORE_READ(sock, __sk_common.skc_state) == TCP_LISTEN ||
		  (protocol == IPPROTO_TCP && is_accepted(sock, family));
	port = serving ? BPF_CORE_READ(sock, __sk_common.skc_num)
		       : __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
	/* Verifiers up to 6.12 at least know no bounds of swapped bytes. */
	hide(port);
	port &= 0xffff;
	if (!port || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return unknown;
	sort = (family == AF_INET ? SORT_TCP4 : SORT_TCP6) + (protocol == IPPROTO_UDP);
	return features | sort << FEATURE_SORT_SHIFT |
	       (filter->ports[port >> 2] >> 2 * (port & 3) & 3) << FEATURE_PORT_SHIFT |
	       (family == AF_INET ? address_class(filter, sock, serving) : CLASS_MIXED) << FEATURE_ADDRESS_SHIFT;
}

/* Whether a call that carries data names a peer, or has room for one: that is noted with its record. */
static __always_inline bool names_peer(struct call *call)
{
	u64 name = 1;

	switch (call->nr) {
	case NR_SENDTO:
	case NR_RECVFROM:
		return call->args[5];
	case NR_SENDMSG:
	case NR_RECVMSG:
		/* struct msghdr begins with it */
		return call->flags & FLAG_COMPAT || bpf_probe_read_user(&name, sizeof(name), (void *)call->args[2]) ||
		       name;
	default:
		return false;
	}
}

#endif
