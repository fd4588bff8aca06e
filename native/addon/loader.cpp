#include "loader.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unistd.h>

#include "../bpf/event.h"

namespace {

// The same program, on the tracepoint itself and through perf.
const char* const kTypedExit = "sys_exit";
const char* const kPerfExit = "sys_exit_perf";

const char* const kRingMaps[RINGS] = {"lifecycle", "bulk", "doorbell"};

// What libbpf last complained about. The verifier's log is long and its end tells most.
std::string complaints;
constexpr size_t kComplaintsMax = 2000;

int Complain(libbpf_print_level level, const char* format, va_list arguments) {
	if (level != LIBBPF_WARN) return 0;
	char* line = nullptr;
	int length = vasprintf(&line, format, arguments);
	if (length < 0) return length;
	complaints += line;
	free(line);
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

// A program that the agent can do without. Of those with one purpose the first whose tracepoint has this form is taken.
struct Optional {
	const char* purpose;
	const char* program;
	const char* tracepoint;
	int parameters;
	// Where typed programs are preempted, the event's group for perf; else nullptr.
	const char* group;
};

const char* const kSubmitted = "calls made through io_uring";
const char* const kCompleted = "results of calls made through io_uring";
const char* const kOverflown = "results of io_uring calls when its completion queue is full";
const Optional kOptional[] = {
	{kSubmitted, "uring_submit", "io_uring_submit_req", 1, nullptr},
	{kSubmitted, "uring_submit_sqe", "io_uring_submit_sqe", 2, nullptr},
	{kCompleted, "uring_complete", "io_uring_complete", 3, nullptr},
	{kCompleted, "uring_complete_values", "io_uring_complete", 7, nullptr},
	{kOverflown, "uring_overflow", "io_uring_cqe_overflow", 5, nullptr},
	{kSubmitted, "uring_submit_perf", "io_uring_submit_req", 1, "io_uring"},
	{kCompleted, "uring_complete_perf", "io_uring_complete", 3, "io_uring"},
	{kOverflown, "uring_overflow_perf", "io_uring_cqe_overflow", 5, "io_uring"},
};
// Lists processes. Where the kernel refuses it nothing is missed: /proc tells the same, slower.
const char* const kSnapshot = "snapshot_process";

const char* const kPurposes[] = {kSubmitted, kCompleted, kOverflown};

// Numbers of x86_64 calls.
const uint32_t kExecve = 59, kClone = 56;

// Programs that come to the same events: of `program` the kernel skips runs where it is preempted.
struct Pair {
	const char* program;
	const char* second;
	const char* tracepoint; // of the group `sched`
};

// In the order of `enum second`.
const Pair kPairs[SECONDS] = {
	{"process_exec", "second_exec", "sched_process_exec"},
	{"process_fork", "second_fork", "sched_process_fork"},
	{"process_exit", "second_exit", "sched_process_exit"},
};

const Pair* FindSecond(const char* program) {
	for (const Pair& pair : kPairs)
		if (!strcmp(pair.second, program)) return &pair;
	return nullptr;
}

// Runs that the kernel skipped because the CPU was inside a program already.
uint64_t SkippedRuns(bpf_program* program) {
	bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) ? 0 : info.recursion_misses;
}

// Of which events a program makes records: the row of those that are lost when the kernel skips its run.
uint32_t RowOf(const char* program) {
	if (!strcmp(program, "process_exec")) return kExecve;
	if (!strcmp(program, "process_fork")) return kClone;
	return strcmp(program, "process_exit") ? LOSS_OTHER : LOSS_EXIT;
}

// How many parameters the tracepoint has; -1: the kernel has it not. Its first is the program's own context.
int ParametersOf(const btf* types, const char* tracepoint) {
	int id = btf__find_by_name_kind(types, (std::string("btf_trace_") + tracepoint).c_str(), BTF_KIND_TYPEDEF);
	if (id < 0) return -1;
	const btf_type* type = btf__type_by_id(types, btf__type_by_id(types, id)->type);
	if (!type || !btf_is_ptr(type)) return -1;
	type = btf__type_by_id(types, type->type);
	return type && btf_is_func_proto(type) ? btf_vlen(type) - 1 : -1;
}

const Optional* FindOptional(const char* program) {
	for (const Optional& optional : kOptional)
		if (!strcmp(optional.program, program)) return &optional;
	return nullptr;
}

// Whether it was this program that the kernel refused.
bool Blames(const char* program) {
	return complaints.find(std::string("prog '") + program + "': failed to load") != std::string::npos;
}

// The programs that fit this kernel, one for each purpose; what is left without one is added to `blind_spots`.
std::vector<const Optional*> Choose(const std::string& leave_out, bool seconded,
				    std::vector<std::string>* blind_spots) {
	std::vector<const Optional*> chosen;
	btf* types = btf__load_vmlinux_btf();
	for (const char* purpose : kPurposes) {
		std::string reason;
		const Optional* found = nullptr;
		for (const Optional& optional : kOptional) {
			if (optional.purpose != purpose || found || seconded != !!optional.group) continue;
			int parameters = types && leave_out != optional.tracepoint
						 ? ParametersOf(types, optional.tracepoint)
						 : -1;
			if (parameters == optional.parameters) found = &optional;
			if (!reason.empty()) reason += ", ";
			reason += std::string(parameters < 0 ? "no " : "another form of ") + optional.tracepoint;
		}
		if (found)
			chosen.push_back(found);
		else
			blind_spots->push_back(std::string(purpose) + ": the kernel has " + reason);
	}
	btf__free(types);
	return chosen;
}

} // namespace

std::vector<std::string> FindBlindSpots(const std::string& leave_out) {
	std::vector<std::string> blind_spots;
	Choose(leave_out, false, &blind_spots);
	return blind_spots;
}

bpf_map* Programs::Map(const char* name) {
	return bpf_object__find_map_by_name(object_, name);
}

Failure Programs::Open(const std::string& path, const Sizes& sizes) {
	complaints.clear();
	object_ = bpf_object__open_file(path.c_str(), nullptr);
	if (!object_) return Fail(errno, "cannot read the kernel programs " + path);
	const uint32_t wanted[RINGS] = {sizes.lifecycle, sizes.bulk, static_cast<uint32_t>(sysconf(_SC_PAGESIZE))};
	for (int i = 0; i < RINGS; i++) {
		bpf_map* map = Map(kRingMaps[i]);
		if (!map || bpf_map__set_max_entries(map, wanted[i]))
			return Fail(EINVAL, std::string("no ring ") + kRingMaps[i]);
	}
	const uint32_t seconded = seconded_;
	if (bpf_map__set_initial_value(Map(".rodata.seconded"), &seconded, sizeof(seconded)))
		return Fail(EINVAL, "cannot set .rodata.seconded");
	return {};
}

Failure Programs::Load(const std::string& path, const Sizes& sizes, const Wishes& wishes) {
	libbpf_set_print(Complain);
	std::vector<const Optional*> chosen = Choose(wishes.leave_out, wishes.seconded, &blind_spots_);
	seconded_ = wishes.seconded;
	bool has_snapshot = true;
	for (;;) {
		Failure failure = Open(path, sizes);
		if (failure.code) return failure;
		bpf_program* program;
		bpf_object__for_each_program(program, object_) {
			const Optional* optional = FindOptional(bpf_program__name(program));
			bool wanted = !optional || std::find(chosen.begin(), chosen.end(), optional) != chosen.end();
			if (!strcmp(bpf_program__name(program), kSnapshot)) wanted = has_snapshot;
			if (!strcmp(bpf_program__name(program), "deny_exec")) wanted = wishes.deny;
			if (!strcmp(bpf_program__name(program), wishes.by_perf ? kTypedExit : kPerfExit))
				wanted = false;
			if (FindSecond(bpf_program__name(program))) wanted = seconded_;
			for (const Pair& pair : kPairs)
				if (seconded_ && !strcmp(bpf_program__name(program), pair.program) &&
				    wishes.leave_out == pair.tracepoint)
					wanted = false;
			bpf_program__set_autoload(program, wanted);
		}
		int error = LoadUndisturbed(object_);
		if (!error) break;
		failure = Fail(-error, "the kernel refuses the programs");
		if (has_snapshot && Blames(kSnapshot)) {
			has_snapshot = false;
			bpf_object__close(object_);
			object_ = nullptr;
			continue;
		}
		if (chosen.empty()) return failure;
		// Once more with the essential ones alone: should they be refused as well, it is for them that we fail.
		for (const Optional* optional : chosen)
			blind_spots_.push_back(std::string(optional->purpose) + ": " + failure.message);
		chosen.clear();
		bpf_object__close(object_);
		object_ = nullptr;
	}
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
		const char* name = bpf_program__name(program);
		if (!bpf_program__autoload(program) || !strcmp(name, kSnapshot) || !strcmp(name, kPerfExit)) continue;
		const Optional* optional = FindOptional(name);
		const Pair* pair = FindSecond(name);
		Failure failure;
		bpf_link* link = nullptr;
		if (pair)
			failure = hooks_.Keep(bpf_program__fd(program), std::string("sched/") + pair->tracepoint);
		else if (optional && optional->group)
			failure = hooks_.Keep(bpf_program__fd(program),
					      std::string(optional->group) + "/" + optional->tracepoint);
		else if (!(link = bpf_program__attach(program)))
			failure = Fail(errno, std::string("cannot attach ") + name);
		if (failure.code) {
			if (!optional) return failure;
			blind_spots_.push_back(std::string(optional->purpose) + ": " + failure.message);
			continue;
		}
		if (link) links_.push_back(link);
	}
	return {};
}

Failure Programs::Hook(const std::vector<std::string>& events, std::vector<std::string>* missing) {
	bpf_program* program = bpf_object__find_program_by_name(object_, kPerfExit);
	if (!program || !bpf_program__autoload(program)) return {ENOTSUP, "calls are not seen through perf"};
	return hooks_.Hook(bpf_program__fd(program), events, missing);
}

void Programs::Close() {
	hooks_.Close();
	for (bpf_link* link : links_)
		bpf_link__destroy(link);
	links_.clear();
	EndSnapshot();
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
	uint32_t zero = 0;
	ignored_processes all = {};
	std::vector<uint32_t> next;
	for (uint32_t each : ignored_)
		if (each != tgid) next.push_back(each);
	if (ignored) next.push_back(tgid);
	if (next.size() > IGNORED_MOST) return Fail(ENOSPC, "cannot ignore a process");
	std::copy(next.begin(), next.end(), all.tgids);
	if (bpf_map_update_elem(bpf_map__fd(Map("ignored")), &zero, &all, BPF_ANY))
		return Fail(errno, "cannot ignore a process");
	ignored_ = next;
	return {};
}

// Events that were lost because the kernel skipped a run. Of two hooks' events, at most those that neither was run for:
// what the first one would have passed over, the second one does not tell.
uint64_t Programs::SkippedEvents(bpf_program* program) {
	uint64_t skipped = SkippedRuns(program);
	const char* name = bpf_program__name(program);
	if (!seconded_) return skipped;
	if (FindSecond(name)) return 0;
	for (int i = 0; i < SECONDS; i++) {
		if (strcmp(kPairs[i].program, name)) continue;
		uint32_t zero = 0;
		uint64_t made_up[SECONDS] = {};
		bpf_map_lookup_elem(bpf_map__fd(Map(".data.made_up")), &zero, made_up);
		bpf_program* second = bpf_object__find_program_by_name(object_, kPairs[i].second);
		uint64_t missed = skipped > made_up[i] ? skipped - made_up[i] : 0;
		most_skipped_[i] = std::max(most_skipped_[i], std::min(missed, SkippedRuns(second)));
		return most_skipped_[i];
	}
	return skipped;
}

std::vector<uint64_t> Programs::Losses() {
	std::vector<uint64_t> sums(LOSS_ROWS * LOSSES, 0);
	int cpus = libbpf_num_possible_cpus();
	if (cpus < 1) return sums;
	std::vector<uint64_t> values(static_cast<size_t>(cpus) * LOSSES);
	for (uint32_t row = 0; row < LOSS_ROWS; row++) {
		if (bpf_map_lookup_elem(bpf_map__fd(Map("losses")), &row, values.data())) continue;
		for (size_t i = 0; i < values.size(); i++)
			sums[row * LOSSES + i % LOSSES] += values[i];
	}
	bpf_program* program;
	bpf_object__for_each_program(program, object_)
		sums[RowOf(bpf_program__name(program)) * LOSSES + LOSS_RECURSION] += SkippedEvents(program);
	return sums;
}

// bpf_seq_read (kernel/bpf/bpf_iter.c) hands out whole records to whoever has room for its own buffer of 32 KiB.
int64_t Programs::ReadSnapshot(uint8_t* to, size_t size) {
	bpf_program* program = bpf_object__find_program_by_name(object_, kSnapshot);
	if (!program || !bpf_program__autoload(program)) return -ENOTSUP;
	if (snapshot_ < 0) {
		bpf_link* link = bpf_program__attach_iter(program, nullptr);
		if (!link) return -errno;
		// The descriptor keeps what it needs of the link.
		snapshot_ = bpf_iter_create(bpf_link__fd(link));
		int error = snapshot_ < 0 ? errno : 0;
		bpf_link__destroy(link);
		if (error) return -error;
	}
	ssize_t got = read(snapshot_, to, size);
	int error = got < 0 ? errno : 0;
	if (got <= 0) EndSnapshot();
	return error ? -error : got;
}

void Programs::EndSnapshot() {
	if (snapshot_ >= 0) close(snapshot_);
	snapshot_ = -1;
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
		sums[COUNTERS] += SkippedEvents(program);
	}
	return sums;
}
