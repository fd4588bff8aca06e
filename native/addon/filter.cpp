#include "filter.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "../bpf/event.h"

namespace {

int MapFd(bpf_object* object, const char* name) {
	return bpf_object__find_map_fd_by_name(object, name);
}

Failure FailWith(const char* what) {
	return {errno, std::string(what) + ": " + strerror(errno)};
}

} // namespace

Failure SwapFilter(bpf_object* object, const uint8_t* bytes, size_t size) {
	uint32_t zero = 0;
	int filters = MapFd(object, "filters");
	if (!bytes) {
		if (bpf_map_delete_elem(filters, &zero) && errno != ENOENT)
			return FailWith("cannot take the filter away");
		return {};
	}
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "filter", sizeof(zero), static_cast<uint32_t>(size), 1, nullptr);
	if (map < 0) return FailWith("cannot make a filter");
	Failure failure;
	if (bpf_map_update_elem(map, &zero, bytes, BPF_ANY)) failure = FailWith("cannot fill a filter");
	// The kernel refuses a map of another size than the programs expect.
	else if (bpf_map_update_elem(filters, &zero, &map, BPF_ANY))
		failure = FailWith("cannot set the filter");
	close(map);
	return failure;
}

Failure SetCgroupKind(bpf_object* object, uint64_t cgroup, uint32_t kind) {
	int kinds = MapFd(object, "cgroup_kinds");
	int error = kind ? bpf_map_update_elem(kinds, &cgroup, &kind, BPF_ANY) : bpf_map_delete_elem(kinds, &cgroup);
	if (error && errno != ENOENT) return FailWith("cannot say what a cgroup is");
	return {};
}

// Start and pid are the key (struct judgement_key), time and guards with the generation above them the value.
Failure Judge(bpf_object* object, const uint64_t words[4]) {
	if (bpf_map_update_elem(MapFd(object, "judgements"), words, words + 2, BPF_ANY))
		return FailWith("cannot answer the filter");
	return {};
}

std::vector<uint64_t> FilterCounters(bpf_object* object) {
	struct Counts {
		uint64_t sent;
		uint64_t dropped;
	};
	std::vector<uint64_t> sums(2 * CALLS, 0);
	int cpus = libbpf_num_possible_cpus();
	if (cpus < 1) return sums;
	std::vector<Counts> values(static_cast<size_t>(cpus));
	for (uint32_t call = 0; call < CALLS; call++) {
		if (bpf_map_lookup_elem(MapFd(object, "filtered"), &call, values.data())) continue;
		for (const Counts& counts : values) {
			sums[2 * call] += counts.sent;
			sums[2 * call + 1] += counts.dropped;
		}
	}
	return sums;
}
