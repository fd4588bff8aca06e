#include "loader.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unistd.h>

#include "../bpf/event.h"

namespace {

const char* const kRingMaps[RINGS] = {"lifecycle", "bulk", "doorbell"};

// What libbpf last complained about. The verifier's log is long and its end tells most.
std::string complaints;
constexpr size_t kComplaintsMax = 2000;

int Complain(libbpf_print_level level, const char* format, va_list arguments) {
	if (level != LIBBPF_WARN) return 0;
	char line[1024];
	int length = vsnprintf(line, sizeof(line), format, arguments);
	complaints.append(line, std::min<size_t>(std::max(length, 0), sizeof(line) - 1));
	if (complaints.size() > kComplaintsMax) complaints.erase(0, complaints.size() - kComplaintsMax);
	return length;
}

Failure Fail(int code, const std::string& what) {
	std::string message = what + ": " + strerror(code);
	if (!complaints.empty()) message += "; libbpf: " + complaints;
	return {code, message};
}

// The verifier gives up with EAGAIN when a signal is pending (a profiler's, or the one that ends us): they wait.
int LoadUndisturbed(bpf_object* object) {
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = bpf_object__load(object);
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	return error;
}

} // namespace

bpf_map* Programs::Map(const char* name) {
	return bpf_object__find_map_by_name(object_, name);
}

Failure Programs::Load(const std::string& path, const Sizes& sizes) {
	libbpf_set_print(Complain);
	complaints.clear();
	object_ = bpf_object__open_file(path.c_str(), nullptr);
	if (!object_) return Fail(errno, "cannot read the kernel programs " + path);
	const uint32_t wanted[RINGS] = {sizes.lifecycle, sizes.bulk, static_cast<uint32_t>(sysconf(_SC_PAGESIZE))};
	for (int i = 0; i < RINGS; i++) {
		bpf_map* map = Map(kRingMaps[i]);
		if (!map || bpf_map__set_max_entries(map, wanted[i]))
			return Fail(EINVAL, std::string("no ring ") + kRingMaps[i]);
	}
	if (int error = LoadUndisturbed(object_)) return Fail(-error, "the kernel refuses the programs");
	for (int i = 0; i < RINGS; i++) {
		bpf_map* map = Map(kRingMaps[i]);
		// The kernel's rounding to pages is libbpf's as well.
		if (int error = rings_[i].Open(bpf_map__fd(map), bpf_map__max_entries(map)))
			return Fail(error, "cannot map a ring");
	}
	return {};
}

Failure Programs::Attach() {
	complaints.clear();
	bpf_program* program;
	bpf_object__for_each_program(program, object_) {
		bpf_link* link = bpf_program__attach(program);
		if (!link) return Fail(errno, std::string("cannot attach ") + bpf_program__name(program));
		links_.push_back(link);
	}
	return {};
}

void Programs::Close() {
	for (bpf_link* link : links_)
		bpf_link__destroy(link);
	links_.clear();
	for (Ring& ring : rings_)
		ring.Close();
	if (object_) bpf_object__close(object_);
	object_ = nullptr;
}

Failure Programs::Fill(const char* name, const uint8_t* bytes, size_t size) {
	bpf_map* map = Map(name);
	size_t element = bpf_map__value_size(map);
	if (size % element != 0 || size / element > bpf_map__max_entries(map))
		return Fail(EINVAL, std::string("bad size for ") + name);
	for (uint32_t key = 0; key < size / element; key++) {
		if (bpf_map_update_elem(bpf_map__fd(map), &key, bytes + key * element, BPF_ANY))
			return Fail(errno, std::string("cannot fill ") + name);
	}
	return {};
}

Failure Programs::Ignore(uint32_t tgid, bool ignored) {
	int fd = bpf_map__fd(Map("ignored"));
	uint8_t yes = 1;
	if (ignored && bpf_map_update_elem(fd, &tgid, &yes, BPF_ANY)) return Fail(errno, "cannot ignore a process");
	if (!ignored && bpf_map_delete_elem(fd, &tgid) && errno != ENOENT)
		return Fail(errno, "cannot stop ignoring a process");
	return {};
}

std::vector<uint64_t> Programs::Counters() {
	std::vector<uint64_t> sums(COUNTERS + 1, 0);
	int cpus = libbpf_num_possible_cpus();
	if (cpus < 1) return sums;
	std::vector<uint64_t> values(static_cast<size_t>(cpus));
	for (uint32_t key = 0; key < COUNTERS; key++) {
		if (bpf_map_lookup_elem(bpf_map__fd(Map("counters")), &key, values.data())) continue;
		for (uint64_t value : values)
			sums[key] += value;
	}
	bpf_program* program;
	bpf_object__for_each_program(program, object_) {
		bpf_prog_info info = {};
		uint32_t length = sizeof(info);
		if (!bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length))
			sums[COUNTERS] += info.recursion_misses;
	}
	return sums;
}
