/*
 * The contract between the kernel programs and the agent (agent/events/layout.ts): every record in either ring is a
 * header, the fixed part of its kind, and its strings, which the fixed part names by offset from the record's start.
 * Little endian; times are CLOCK_BOOTTIME nanoseconds. test/kernel/layout.test.ts compares the two sides.
 */
#ifndef LANNER_EVENT_H
#define LANNER_EVENT_H

#ifndef __VMLINUX_H__
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
#endif

#ifdef __cplusplus
#define _Static_assert static_assert
#endif

enum event_kind {
	EVENT_EXEC = 1,   /* a program was started; lifecycle ring */
	EVENT_FORK = 2,   /* a process or thread was made; lifecycle ring */
	EVENT_EXIT = 3,   /* the last thread of a process ended; lifecycle ring */
	EVENT_FILE = 4,   /* a system call that names files; bulk ring, as the rest */
	EVENT_SOCKET = 5, /* a system call on a socket that has addresses */
	EVENT_CALL = 6,   /* any other system call */
	EVENT_DENIED = 7, /* as EVENT_EXEC, of a program that was refused: its process goes on as it was */
	EVENT_POLLED = 8, /* a system call that waits for several descriptors, and what these are */
};

enum event_flag {
	FLAG_COMPAT = 1,        /* made through the 32-bit entry; nr is translated to x86_64 */
	FLAG_ARGS_CUT = 2,      /* argv was longer than TEXT_MAX */
	FLAG_UPPER_LAYER = 4,   /* the program or file lies in the writable layer of an overlay */
	FLAG_MEMFD = 8,         /* exec: the program is an anonymous memory file */
	FLAG_THREAD = 16,       /* fork: a thread, not a process */
	FLAG_TEXT_CUT = 32,     /* a path was longer than TEXT_MAX, its end was kept; or a string did not fit */
	FLAG_REPACKED = 64,     /* a 32-bit call of other arguments, translated */
	FLAG_CREATED = 128,     /* the file was made when it was opened */
	FLAG_LOWER_LAYER = 256, /* the file lies in a read-only layer of an overlay */
	FLAG_NEW_PEER = 512,    /* a datagram to or from another peer than the socket's last one */
	FLAG_URING = 1024,      /* done through io_uring; nr is that of the system call that does the same */
	FLAG_NO_RESULT =
		2048, /* io_uring: how it ended is not known; of a call record: nor is more, argument 1 is the opcode */
	FLAG_TEXT_UNREAD = 4096, /* the memory where a string lies could not be read */
	FLAG_ACCEPTED = 8192,    /* a connection that this end did not begin */
	FLAG_ASKS = 16384,       /* of a call: the filter asks what the process was started as (struct judgement) */
};

/* The longest string in a record, PATH_MAX. */
#define TEXT_MAX 4096

/* How much of what was read or written is kept, where a rule asks. */
#define DATA_MAX 80

/* Where a string lies in its record. Length 0: none. No final NUL, except within argv, which separates by NUL. */
struct text {
	u16 offset;
	u16 length;
};

/* The process is the one that made the event; for a fork, the parent. */
struct event_header {
	u32 kind;
	u32 length; /* of the whole record */
	u64 time_ns;
	u64 start_ns; /* start_boottime of the thread-group leader */
	u64 cgroup;   /* of the cgroup that `cgroup path` of an exec names: kernfs id, hierarchy << 48 */
	s64 ret;
	u32 pid; /* thread-group id in the initial namespace */
	u32 tid;
	u32 ppid;
	u32 vpid; /* pid in the innermost pid namespace */
	u32 uid;
	u32 gid;
	u32 euid;
	u32 loginuid;
	u32 cpu;
	u32 nr;    /* x86_64 system call number; 0xffffffff: none */
	u32 flags; /* event_flag */
	u32 vtid;  /* tid in the innermost pid namespace */
	char comm[16];
};
_Static_assert(sizeof(struct event_header) == 104, "event_header");

struct exec_event {
	struct event_header header;
	u64 parent_start_ns;
	u64 inode; /* of the program's file */
	u64 cap_effective;
	u64 cap_permitted;
	u64 cap_inheritable;
	u32 device;
	u32 file_mode;
	u32 file_uid;
	u32 tty; /* new_encode_dev form: major << 8 | minor; 0: none */
	u32 sid;
	u32 pgid;
	u32 mnt_ns;
	u32 pid_ns;
	u32 egid;
	struct text exe;      /* resolved, as the process's root sees it */
	struct text filename; /* as given to execve */
	struct text argv;
	struct text cwd;
	struct text cgroup_path;
	u32 vsid; /* the session in the innermost pid namespace */
	u32 vpgid;
	struct text environment; /* its beginning, as argv; offset 0: nobody asked */
	u32 reflex;              /* bank << 31 | reflex_verdict << 24 | a bit for each reflex that fired; 0: none */
};
_Static_assert(sizeof(struct exec_event) == 216, "exec_event");

struct fork_event {
	struct event_header header; /* ret is the child's thread id */
	u64 child_start_ns;         /* of its group leader */
	u32 child_pid;
	u32 child_tid;
	u32 child_ppid;
	u32 child_vpid;
	u64 clone_flags; /* 0: fork, vfork */
};
_Static_assert(sizeof(struct fork_event) == 136, "fork_event");

struct exit_event {
	struct event_header header; /* ret is the wait status: code << 8 | signal */
};
_Static_assert(sizeof(struct exit_event) == 104, "exit_event");

/* Records of calls begin alike: header, arguments. Of a call that makes two descriptors, both are in the argument that
 * named their place, the first in the lower half. */
struct file_event {
	struct event_header header;
	u64 args[6];
	u64 inode; /* of the file behind the descriptor; 0: none */
	u32 device;
	u32 file_mode;
	s32 dirfd; /* AT_FDCWD where the call has none */
	s32 dirfd2;
	u32 open_flags; /* flags as given: open, unlinkat, renameat2, mount … */
	u32 mode;
	s32 fd;            /* the descriptor given or returned; -1: none */
	struct text path;  /* as given */
	struct text base;  /* the folder `path` is relative to, if it is relative and `resolved` is missing */
	struct text path2; /* second path, as given: the new name, or what is mounted */
	struct text base2;
	struct text resolved; /* absolute path of the file behind the descriptor */
	struct text extra;    /* a third text: mount's file system type, the name of an attribute */
	struct text data;     /* what was read or written, its beginning */
};
_Static_assert(sizeof(struct file_event) == 216, "file_event");

struct socket_event {
	struct event_header header;
	u64 args[6];
	s32 fd;
	u16 family;     /* AF_*; 0: unknown */
	u16 protocol;   /* IPPROTO_* */
	u16 type;       /* SOCK_* */
	u16 local_port; /* host byte order */
	u16 remote_port;
	u16 state;    /* TCP_*: 1 is connected, of datagram sockets too; 0: no socket */
	u8 local[16]; /* AF_INET: the first 4 bytes */
	u8 remote[16];
	struct text unix_path; /* an abstract name starts with NUL */
	struct text data;
};
_Static_assert(sizeof(struct socket_event) == 208, "socket_event");

struct call_event {
	struct event_header header;
	u64 args[6];
};
_Static_assert(sizeof(struct call_event) == 152, "call_event");

/* Behind it, in a row, a record for each descriptor: EVENT_FILE, EVENT_SOCKET, or EVENT_CALL if it is none. Its
 * arguments are those of its struct pollfd. Its strings are named by offset from its own start. */
struct polled_event {
	struct event_header header; /* FLAG_TEXT_CUT: there were more */
	u64 args[6];
	u32 count;
	u32 unused;
};
_Static_assert(sizeof(struct polled_event) == 160, "polled_event");

/* Descriptors of one call that are told. */
#define POLLED_MAX 64

/*
 * How sys_exit reads one system call; user space fills a table of these by x86_64 number. An argument is named by its
 * position from 1; 0: the call has none.
 */
struct call_shape {
	u8 decoder; /* call_decoder */
	u8 path;    /* EVENT_SOCKET: the address; its length is the next argument */
	u8 base;    /* dirfd of path; ARGUMENT_NONE: path is never relative to a folder */
	u8 path2;
	u8 base2;
	u8 open_flags;
	u8 mode;
	u8 fd; /* ARGUMENT_RETURN: the value returned */
	u8 extra;
	u8 only_failed; /* execve: success is seen by sched_process_exec */
	u8 how;         /* struct open_how (openat2) */
	u8 data;        /* call_data << 4 | the argument that tells where it lies; execve: the environment is wanted */
};
_Static_assert(sizeof(struct call_shape) == 12, "call_shape");

#define ARGUMENT_RETURN 7
#define ARGUMENT_NONE 15
#define CALLS 512
/* 32-bit numbers, and from 512 on those that only x32 has. */
#define COMPAT_CALLS 576
/* In the table of 32-bit numbers: not known. */
#define CALL_UNKNOWN 0xffffu

/*
 * How the arguments of a 32-bit call become those of the 64-bit one. In that table: the 64-bit number, 16 bits; the
 * way, 8 bits; its parameter, 8 bits.
 */
enum repack {
	REPACK_NOT = 0,
	REPACK_SOCKETCALL = 1, /* the call's number and arguments are in memory */
	REPACK_ARRAY = 2,      /* so many arguments are in memory */
	REPACK_NO_FLAGS = 3,   /* the second argument is missing */
	REPACK_JOIN = 4,       /* two registers are a value: at (3 bits), then at (3 bits); what follows moves up */
	REPACK_POSITION = 5,   /* the same at 4, and what follows stays */
	REPACK_PAGES = 6,      /* the last argument counts pages */
	REPACK_HALVES = 7,     /* _llseek: the upper half of the offset, the lower, the result, whence */
	REPACK_SIGNED = 8,     /* bits: these arguments have a sign */
	REPACK_IDS = 9,        /* bits: these are ids of 16 bits */
	REPACK_CLONE = 10,     /* the last two are exchanged */
	REPACK_IPC = 11,       /* the call's number is the first argument, the others' order its own */
};

enum call_decoder {
	DECODE_NOT = 0,
	DECODE_FILE = 1,
	DECODE_SOCKET = 2,
	DECODE_CALL = 3,
	DECODE_SHED = 5,       /* counted, and no more */
	DECODE_DESCRIPTOR = 4, /* as DECODE_SOCKET if `fd` is a socket, else as DECODE_FILE */
	DECODE_POLLED = 6,     /* struct pollfd[] and their number are the first two arguments */
};

enum call_data {
	DATA_BYTES = 1,   /* as many as the call returned */
	DATA_IOVEC = 2,   /* struct iovec[]: the first */
	DATA_MESSAGE = 3, /* struct msghdr: its first iovec */
	DATA_PAIR = 4,    /* int[2]: two new descriptors */
};

/*
 * Programs that are killed as they are started (reflex.h): a table of tests, which agent/respond/reflex-tables.ts
 * fills.
 */
#define REFLEX_TESTS 2048 /* of both banks: one is asked while the other is filled */
#define REFLEX_BANK 1024
#define REFLEX_TEXT 64 /* as reflex_walk.subject */
#define REFLEX_PATH 128
#define REFLEX_PATHS 256
/* Where a test leads: another test, the end, or that the reflex with this number fires and those after it are asked. */
#define REFLEX_END 0x7fff
#define REFLEX_FIRES 0x8000
#define REFLEX_MOST 24
enum reflex_subject {
	SUBJECT_NAME = 0,
	SUBJECT_PARENT_NAME = 1,
	SUBJECT_PATH = 2,
	SUBJECT_ARGUMENT = 3, /* the first: what the program was told to be called */
	SUBJECT_TEXTS = 4,
	SUBJECT_UID = 4,
	SUBJECT_LOGIN_UID = 5,
	SUBJECT_TTY = 6,
	SUBJECT_FLAGS = 7,
	SUBJECT_PLACE = 8, /* as cgroup_kinds */
	SUBJECT_CALL = 9,
	SUBJECTS = 10,
};

enum reflex_operator {
	REFLEX_WHOLE = 0,
	REFLEX_BEGINS = 1,
	REFLEX_ENDS = 2,
	REFLEX_LONGER = 3, /* a text of more bytes than `number` */
	REFLEX_EQUALS = 4,
	REFLEX_GREATER = 5,
	REFLEX_HAS = 6, /* one of these bits */
};

/* How an exec for which a reflex fired went on: in the upper byte of exec_event.reflex. */
enum reflex_verdict {
	REFLEX_KILLED = 1,
	REFLEX_DRY_RUN = 2,
	REFLEX_STOPPED = 3,
	REFLEX_CAPPED = 4,
	REFLEX_SPARED = 5,
	REFLEX_FAILED = 6,
	REFLEX_DENIED = 7, /* by an error, not by a signal */
};

struct reflex_test {
	u8 subject;
	u8 how;     /* reflex_operator */
	u16 length; /* of the text */
	u16 yes;
	u16 no;
	u16 otherwise; /* where the next reflex begins: this one cannot be told, or has fired */
	u16 unused[3];
	u64 number;
	u8 text[REFLEX_TEXT]; /* zeros behind it */
};
_Static_assert(sizeof(struct reflex_test) == 88, "reflex_test");

/* In one word, so that a program meets the old reflexes or the new ones: a bit for each that kills (the others only say
 * so), from REFLEX_DENYING on a bit for each whose programs are refused rather than killed, and these. */
#define REFLEX_DENYING 24
#define REFLEX_ANY 48    /* there are some */
#define REFLEX_OFF 49    /* the off switch */
#define REFLEX_SECOND 50 /* the second bank is asked */

struct reflex_control {
	u64 switches;
	u64 window_ns;
	u32 most;            /* kills in a window */
	u32 mnt_ns;          /* the host's */
	u32 asks_containers; /* the protected list names some: none is killed in before it was found not to be */
	u32 unused;
};
_Static_assert(sizeof(struct reflex_control) == 32, "reflex_control");

/* Processes that are left out; zeros behind them. */
#define IGNORED_MOST 8
struct ignored_processes {
	u32 tgids[IGNORED_MOST];
};

/* Per-CPU counters; everything from COUNT_LIFECYCLE_FULL on is loss. */
enum counter {
	COUNT_LIFECYCLE = 0,
	COUNT_BULK = 1,
	COUNT_LIFECYCLE_FULL = 2,
	COUNT_BULK_FULL = 3,
	COUNT_NO_SCRATCH = 4,
	COUNTERS = 5,
};

/* The same losses by type of event: for each type a row of these, per CPU. */
enum loss {
	LOSS_LIFECYCLE_FULL = 0,
	LOSS_BULK_FULL = 1,
	LOSS_NO_SCRATCH = 2,
	LOSS_RECURSION = 3, /* filled by the loader: of the hook whose run the kernel skipped */
	LOSS_MESSAGES = 4,  /* of one call: beyond MESSAGES_MAX; these are in no counter */
	LOSS_SHED = 5,      /* given up to keep within cpu_limit; in no counter either */
	LOSSES = 6,
};
/* What comes to a second hook where typed ones are preempted (second.h). */
enum second {
	SECOND_EXEC = 0,
	SECOND_FORK = 1,
	SECOND_EXIT = 2,
	SECONDS = 3,
};

/* Rows: x86_64 system call numbers, then exits, then what was made outside a call that has a number. */
#define LOSS_EXIT CALLS
#define LOSS_OTHER (CALLS + 1)
#define LOSS_ROWS (CALLS + 2)

#endif
