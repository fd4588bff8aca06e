/* A 32-bit call's arguments, as those of the 64-bit call that does the same; agent/capture/compat.ts says which need
 * it. */
#ifndef LANNER_COMPAT_H
#define LANNER_COMPAT_H

#define PAGE_BITS 12

/* The arguments lie in memory, as words of 32 bits. */
static __always_inline void unpack_words(struct call *call, u64 from, u32 count)
{
	u32 words[6] = {};

	bpf_probe_read_user(words, sizeof(words), (void *)from);
	for (u32 i = 0; i < 6; i++)
		call->args[i + 1] = i < count ? words[i] : 0;
}

/* More than there are, so that a masked number stays inside; not 32: what is as large as a vector gets a section that
 * the type information knows nothing of. */
#define CALLS_OF_SOCKETCALL 33

/* socketcall(2), net/socket.c: one number for all socket calls. */
static __always_inline void unpack_socketcall(struct call *call)
{
	static const u16 numbers[CALLS_OF_SOCKETCALL] = { 0,  41, 49, 42, 50, 43, 51, 52,  53,  44, 45,
							  44, 45, 48, 54, 55, 46, 47, 288, 299, 307 };
	static const u8 counts[CALLS_OF_SOCKETCALL] = { 0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4 };
	u32 which = call->args[1];

	call->nr = CALL_UNKNOWN;
	hide(which); /* else the compiler makes a bound of it that Linux 6.1 does not see through */
	if (which >= 32 || !numbers[which & 31])
		return;
	call->nr = numbers[which & 31];
	unpack_words(call, call->args[2], counts[which & 31]);
}

/* More than there are, as of socketcall's. */
#define CALLS_OF_IPC 33

/* ipc(2), ipc/syscall.c: one number for System V's semaphores, messages and shared memory. */
static __always_inline void unpack_ipc(struct call *call)
{
	static const u16 numbers[CALLS_OF_IPC] = {
		[1] = 65,  /* semop */
		[2] = 64,  /* semget */
		[3] = 66,  /* semctl */
		[4] = 220, /* semtimedop */
		[11] = 69, /* msgsnd */
		[12] = 70, /* msgrcv */
		[13] = 68, /* msgget */
		[14] = 71, /* msgctl */
		[21] = 30, /* shmat */
		[22] = 67, /* shmdt */
		[23] = 29, /* shmget */
		[24] = 31, /* shmctl */
	};
	u32 which = call->args[1] & 0xffff, version = call->args[1] >> 16;
	u64 first = call->args[2], second = call->args[3], third = call->args[4];
	u64 memory = call->args[5], fifth = call->args[6];
	u32 words[2] = {};

	call->nr = CALL_UNKNOWN;
	hide(which); /* as in socketcall */
	if (which >= 32 || !numbers[which & 31])
		return;
	call->nr = numbers[which & 31];
	call->args[1] = first;
	call->args[2] = second;
	call->args[3] = third;
	call->args[4] = call->args[5] = call->args[6] = 0;
	switch (which) {
	case 13:
		call->args[3] = 0;
		break;
	case 3: /* what it points to is the argument */
		bpf_probe_read_user(words, 4, (void *)memory);
		call->args[4] = words[0];
		break;
	case 14:
	case 24:
		call->args[3] = memory;
		break;
	case 22:
		call->args[1] = memory;
		call->args[2] = call->args[3] = 0;
		break;
	case 4:
		call->args[4] = fifth;
		call->args[2] = memory;
		call->args[3] = second;
		break;
	case 11:
		call->args[4] = third;
		call->args[2] = memory;
		call->args[3] = second;
		break;
	case 1:
	case 21: /* it returns 0, and puts the address where `third` says */
		call->args[2] = memory;
		call->args[3] = second;
		break;
	case 12:
		if (!version) { /* struct ipc_kludge: where the message goes, its type */
			bpf_probe_read_user(words, sizeof(words), (void *)memory);
			memory = words[0];
			fifth = words[1];
		}
		call->args[2] = memory;
		call->args[3] = second;
		call->args[4] = (s64)(s32)fifth;
		call->args[5] = third;
		break;
	}
}

/* The registers at `at` and behind it are the halves of one value, the lower first. */
static __always_inline void join(struct call *call, u32 at)
{
#pragma unroll
	for (u32 i = 1; i < 6; i++) {
		if (i == at)
			call->args[i] |= call->args[i + 1] << 32;
		else if (i > at)
			call->args[i] = call->args[i + 1];
	}
	call->args[6] = 0;
}

static __always_inline void widen(struct call *call, u32 bits, u32 kind)
{
#pragma unroll
	for (u32 i = 1; i < 4; i++) {
		if (!(bits & 1 << i))
			continue;
		if (kind == REPACK_SIGNED)
			call->args[i] = (s64)(s32)call->args[i];
		else /* 0xffff: none (include/linux/highuid.h, low2highuid) */
			call->args[i] = (u16)call->args[i] == 0xffff ? 0xffffffff : (u16)call->args[i];
	}
}

/* Not static: the verifier looks at it once. */
__noinline int translate(struct call *call, u32 repack)
{
	u32 parameter = repack >> 8;
	u64 first;

	if (!call)
		return 0;
	switch (repack & 0xff) {
	case REPACK_SOCKETCALL:
		unpack_socketcall(call);
		break;
	case REPACK_IPC:
		unpack_ipc(call);
		break;
	case REPACK_ARRAY:
		unpack_words(call, call->args[1], parameter);
		break;
	case REPACK_NO_FLAGS:
		call->args[2] = 0;
		break;
	case REPACK_JOIN:
		join(call, parameter & 7);
		if (parameter >> 3)
			join(call, parameter >> 3);
		break;
	case REPACK_POSITION:
		call->args[4] |= call->args[5] << 32;
		call->args[5] = 0;
		break;
	case REPACK_PAGES:
		call->args[6] <<= PAGE_BITS;
		break;
	case REPACK_HALVES:
		call->args[2] = call->args[2] << 32 | call->args[3];
		call->args[3] = call->args[5];
		call->args[4] = call->args[5] = 0;
		break;
	case REPACK_SIGNED:
	case REPACK_IDS:
		widen(call, parameter, repack & 0xff);
		break;
	case REPACK_CLONE:
		first = call->args[4];
		call->args[4] = call->args[5];
		call->args[5] = first;
		break;
	}
	return 0;
}

#endif
