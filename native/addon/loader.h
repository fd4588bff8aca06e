// The kernel programs' object file: opened, sized, loaded, attached. Knows nothing of JavaScript.
#pragma once
#include <bpf/libbpf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "../bpf/event.h"
#include "failure.h"
#include "hooks.h"
#include "ring.h"

struct Sizes {
	uint32_t lifecycle = 0;
	uint32_t bulk = 0;
};

enum RingName { LIFECYCLE = 0, BULK = 1, DOORBELL = 2, RINGS = 3 };

struct Wishes {
	// A tracepoint that is treated as if the kernel had it not.
	std::string leave_out;
	// With the LSM program.
	bool deny = false;
	// Calls are seen where Hook() says.
	bool by_perf = false;
	// Typed programs are preempted here (bpf/second.h).
	bool seconded = false;
};

// What no program can see on this kernel, as far as its types tell.
std::vector<std::string> FindBlindSpots(const std::string& leave_out);

class Programs {
      public:
	Programs() = default;
	Programs(const Programs&) = delete;
	Programs& operator=(const Programs&) = delete;
	~Programs() { Close(); }

	// Loads; nothing is attached yet, so that the tables can be filled.
	Failure Load(const std::string& path, const Sizes& sizes, const Wishes& wishes);
	Failure Attach();
	// See PerfHooks.
	Failure Hook(const std::vector<std::string>& events, std::vector<std::string>* missing);
	void Close();
	bool closed() const { return object_ == nullptr; }

	bpf_object* object() { return object_; }
	Ring& ring(int name) { return rings_[name]; }
	// Writes an array map from its first element on; `bytes` is a whole number of elements.
	Failure Fill(const char* map, const uint8_t* bytes, size_t size);
	Failure Ignore(uint32_t tgid, bool ignored);
	// By type of event (rows of LOSSES): sums over the CPUs.
	std::vector<uint64_t> Losses();
	// The next part of the list of processes; 0: its end, after which it begins anew. Negative: -errno.
	int64_t ReadSnapshot(uint8_t* to, size_t size);
	// Sums over the CPUs, then the runs the kernel skipped because the CPU was already inside a program.
	std::vector<uint64_t> Counters();
	// What no program sees here, and why; for a person.
	const std::vector<std::string>& blind_spots() const { return blind_spots_; }

      private:
	Failure Open(const std::string& path, const Sizes& sizes);
	bpf_map* Map(const char* name);
	void EndSnapshot();
	uint64_t SkippedEvents(bpf_program* program);

	bpf_object* object_ = nullptr;
	std::vector<bpf_link*> links_;
	std::vector<uint32_t> ignored_;
	std::vector<std::string> blind_spots_;
	PerfHooks hooks_;
	bool seconded_ = false;
	uint64_t most_skipped_[SECONDS] = {};
	Ring rings_[RINGS];
	int snapshot_ = -1;
};
