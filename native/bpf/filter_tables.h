/* The tables of the filter (filter.h), which agent/pushdown/encode.ts writes. */
#ifndef LANNER_FILTER_TABLES_H
#define LANNER_FILTER_TABLES_H

#define FILTER_CELLS (1 << 19)
#define FILTER_COLUMN_BYTES (1 << 19)
#define FILTER_NETWORKS 32
#define CLASS_MIXED 3
#define FILTER_OUTPUTS 2048
#define FILTER_NAMES 512
#define FILTER_PROBES 8
#define ALL_GUARDS_BITS 4
#define ALL_GUARDS ((1 << ALL_GUARDS_BITS) - 1)
/* Columns of events that are dropped, and sent, whatever their path. */
#define COLUMN_NEVER 0
#define COLUMN_ALWAYS 255
/* Longest path that is looked at as it was given, and that is compared with what it led to; with its NUL. */
#define GIVEN_MAX 256
#define LINK_MAX 64
#define NR_CREAT 85
#define NR_CONNECT 42
#define NR_ACCEPT 43
#define NR_LISTEN 50
#define NR_ACCEPT4 288
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define EINPROGRESS 115
#define ENTRIES_IN_HOW 2

enum filter_kind { FILTER_SEND = 0, FILTER_PLAIN = 1, FILTER_OPEN = 2, FILTER_SOCKET = 3 };

/* Bits of the index into a call's columns: agent/pushdown/features.ts. */
enum feature {
	FEATURE_FAILED = 1 << 0,
	FEATURE_CONTAINER_SHIFT = 1, /* two bits: cgroup_kinds */
	FEATURE_ROOT = 1 << 3,
	FEATURE_GUARD_SHIFT = 4,  /* four bits */
	FEATURE_ACCESS_SHIFT = 8, /* opens: two bits */
	FEATURE_DIRECTORY = 1 << 10,
	FEATURE_TRUNCATES = 1 << 11,
	FEATURE_CREATES = 1 << 12,
	FEATURE_CREATES_PROGRAM = 1 << 13,
	FEATURE_CLIMBS = 1 << 14,
	FEATURE_SORT_SHIFT = 8, /* sockets: three bits, enum sort */
	FEATURE_IN_PROGRESS = 1 << 11,
	FEATURE_PORT_SHIFT = 12,    /* two bits: the class of the server's port */
	FEATURE_ADDRESS_SHIFT = 14, /* and of its address */
};
enum sort {
	SORT_OTHER = 0,
	SORT_UNIX = 1,
	SORT_UNKNOWN = 2,
	SORT_TCP4 = 3,
	SORT_UDP4 = 4,
	SORT_TCP6 = 5,
	SORT_UDP6 = 6
};

struct filter_call {
	u16 columns; /* where its table begins, in units of 256 */
	u8 kind;
	u8 unused;
};

struct filter_network {
	u32 address, mask; /* network byte order */
};

/* One value of a map of its own: a new filter is a new map, put in the place of the old one. */
struct filter {
	u32 start;        /* a row */
	u32 output;       /* the cell of a row that says what holds of a path that ends in it */
	u32 other_guards; /* of processes whose name is not in the table */
	u32 generation;
	u32 judged; /* guards that what a process was started as decides as well: the agent is asked */
	u32 unused;
	u16 judges[ALL_GUARDS_BITS][16]; /* for the agent */
	u64 linked[4];                   /* columns for which a process's own link may be wanted (links.ts) */
	u8 class_of[256];
	struct filter_call calls[CALLS];
	u64 names[FILTER_NAMES][2];
	u32 name_guards[FILTER_NAMES];
	u8 ports[65536 / 4]; /* two bits each: its class */
	/* The first that holds an address tells its class; the last entry holds all. */
	struct filter_network networks[FILTER_NETWORKS];
	u8 network_classes[FILTER_NETWORKS];
	u8 columns[FILTER_COLUMN_BYTES];
	u64 outputs[FILTER_OUTPUTS][4]; /* columns for which a path that ends in such a state is wanted */
	u16 next[FILTER_CELLS]; /* a state is a row: of a multiple of eight cells, by class of byte the next row / 8 */
	u16 beyond[256];        /* of what a byte's class may lead to from the last row */
};
_Static_assert(sizeof(struct filter) == 1668312, "filter");

struct filter_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct filter)); /* of its type, clang tells only the name here */
};

/* Empty: everything is sent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct filter_map);
} filters SEC(".maps");

/* What a cgroup is, as far as the agent knows: 1 the host, 2 a container. Keys are event_header.cgroup. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u32);
} cgroup_kinds SEC(".maps");

#endif
