/* Reading kernel memory: by an instruction where the kernel lets it, not by a helper's call. */
#ifndef LANNER_LOAD_H
#define LANNER_LOAD_H

/* 6.2, a35b9af4ec2c ("bpf: Add a kfunc for generic type cast"): the verifier takes an address for one of a struct, of
 * which it lets members be loaded; a load that faults gives 0, as a failed read does. The enum is there with it. */
extern void *bpf_rdonly_cast(const void *address, u32 type) __ksym __weak;
enum special_kfunc_type { KF_bpf_rdonly_cast = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
/* Structs of the kernel's whose first member is a number of the size that is to be loaded. */
struct timespec64 {
	s64 tv_sec;
};
struct in_addr {
	u32 s_addr;
};
struct sockaddr {
	u16 sa_family;
};
#pragma clang attribute pop

#define can_load() bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)

static __always_inline u64 load_word(const void *from)
{
	struct timespec64 *at = bpf_rdonly_cast(from, bpf_core_type_id_kernel(struct timespec64));

	return at->tv_sec;
}

static __always_inline void load(void *to, u32 size, const void *from)
{
	if (!can_load() || (size != 8 && size != 4 && size != 2)) {
		bpf_probe_read_kernel(to, size, from);
	} else if (size == 8) {
		*(u64 *)to = load_word(from);
	} else if (size == 4) {
		struct in_addr *at = bpf_rdonly_cast(from, bpf_core_type_id_kernel(struct in_addr));

		*(u32 *)to = at->s_addr;
	} else {
		struct sockaddr *at = bpf_rdonly_cast(from, bpf_core_type_id_kernel(struct sockaddr));

		*(u16 *)to = at->sa_family;
	}
}

/*
 * For following pointers. Of a pointer that it trusts, the verifier of Linux 6.3 and newer asks of each member that is
 * a pointer whether it may be trusted as well, and for that goes through the names of all of the kernel's types, up to
 * three times (btf_nested_type_is_trusted): half of the time that loading the programs took. Of a cast one it does not.
 */
static __always_inline struct task_struct *plain(struct task_struct *task)
{
	return can_load() ? bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct)) : task;
}

/* What BPF_CORE_READ is made of. */
#undef bpf_core_read
#define bpf_core_read(to, size, from) load(to, size, (const void *)__builtin_preserve_access_index(from))

#endif
