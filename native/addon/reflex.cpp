#include "reflex.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

namespace {

constexpr size_t kPathBytes = 128;

Failure FailWith(const char* what) {
	return {errno, std::string(what) + ": " + strerror(errno)};
}

} // namespace

Failure SparePath(bpf_object* object, const uint8_t* path, size_t size) {
	uint8_t key[kPathBytes] = {};
	uint8_t yes = 1;
	if (size >= kPathBytes) return {ENAMETOOLONG, "a path that reflexes spare has at most 127 bytes"};
	memcpy(key, path, size);
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "reflex_spared"), key, &yes, BPF_ANY))
		return FailWith("cannot spare a program");
	return {};
}

Failure ClearCgroup(bpf_object* object, uint64_t cgroup, uint32_t verdict) {
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "reflex_cleared"), &cgroup, &verdict, BPF_ANY))
		return FailWith("cannot say whether a cgroup is protected");
	return {};
}
