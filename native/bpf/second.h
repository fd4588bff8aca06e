/*
 * From Linux 7.0 on (f7d327654b88, "bpf: Have __bpf_trace_run() use rcu_read_lock_dont_migrate()", and the change of
 * tracepoints that it prepares) typed hooks run with preemption on: while a run is preempted, the kernel turns all
 * others away from its program on that CPU. bpf_preempt_disable is no help: what had to wait for bpf_preempt_enable
 * preempts the program there, still within it. perf holds preemption off around all it does (include/trace/perf.h), but
 * keeps its programs from running where a thread was preempted within bpf(2) (trace_call_bpf). So each exec, fork and
 * exit comes to two hooks there, and the first one that has it tells it. What io_uring does comes through perf alone.
 */
#ifndef LANNER_SECOND_H
#define LANNER_SECOND_H

/* Set by the loader, before the verifier looks: what is behind it costs nothing elsewhere. */
const volatile u32 is_seconded SEC(".rodata.seconded");

/* By `enum second`: how many the second hook told, because the first one was turned away. */
u64 made_up[SECONDS] SEC(".data.made_up");

/* 6.10, fc7566ad0a82 ("bpf: Introduce bpf_preempt_[disable,enable] kfuncs"); around global functions from 6.15 on. */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;
/* 6.2; for programs of tracepoints from 6.12 on. */
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
/* What perf hands to a program: include/trace/events/sched.h, its TP_STRUCT__entry. */
struct trace_event_raw_sched_process_exec {
	u32 __data_loc_filename; /* its lower half is where that begins in here */
};
struct trace_event_raw_sched_process_fork {
	s32 child_pid;
};
#pragma clang attribute pop

/* What more than one hook, or thread, comes to. */
struct occasion {
	u64 start_ns;
	u64 nth; /* of its kind, of this process */
	u32 pid;
	u32 kind;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct occasion);
	__type(value, u8);
} occasions SEC(".maps");

#define EEXIST 17

/* Should there be no room it is told twice rather than not at all. */
static __always_inline bool is_first(u32 kind, u64 start_ns, u32 pid, u64 nth)
{
	struct occasion occasion = { start_ns, nth, pid, kind };
	u8 yes = 1;

	return bpf_map_update_elem(&occasions, &occasion, &yes, BPF_NOEXIST) != -EEXIST;
}

#endif
