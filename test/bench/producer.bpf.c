/*
 * Writes one record into the agent's ring, again and again, as fast as a processor can: what the kernel's side would write
 * if the calls themselves cost nothing. Run by producer.c.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define RECORD_BYTES 512
#define TIME_AT 8 /* event_header.time_ns of native/bpf/event.h */

/* The agent's own takes its place when this is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} bulk SEC(".maps");

struct job {
	__u32 count;
	__u32 length;
	__u64 made;
	__u64 dropped;
	__u8 record[RECORD_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct job);
} jobs SEC(".maps");

static long write_one(__u32 index, void *context)
{
	struct job *job = *(struct job **)context;
	__u32 length = job->length;

	if (length > RECORD_BYTES)
		return 1;
	*(__u64 *)&job->record[TIME_AT] = bpf_ktime_get_boot_ns();
	if (bpf_ringbuf_output(&bulk, job->record, length, 0))
		job->dropped++;
	job->made++;
	return 0;
}

SEC("syscall")
int produce(void *unused)
{
	__u32 zero = 0;
	struct job *job = bpf_map_lookup_elem(&jobs, &zero);

	if (job)
		bpf_loop(job->count, write_one, &job, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
