#include "priority.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {
// struct sched_attr of its first version (include/uapi/linux/sched/types.h), which every kernel takes.
struct Attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};
static_assert(sizeof(Attributes) == 48);

constexpr uint32_t kUsualPolicy = 0;
// SCHED_FLAG_RESET_ON_FORK (sched(7)): a negative nice value is not handed on.
constexpr uint64_t kResetOnFork = 1;

int Raise(int thread, int nice) {
	Attributes attributes{};
	if (syscall(SYS_sched_getattr, thread, &attributes, sizeof(attributes), 0) != 0) return errno;
	if (attributes.policy != kUsualPolicy || attributes.nice != 0) return 0;
	Attributes wanted{};
	wanted.size = sizeof(wanted);
	wanted.policy = kUsualPolicy;
	wanted.flags = kResetOnFork;
	wanted.nice = nice;
	return syscall(SYS_sched_setattr, thread, &wanted, 0) == 0 ? 0 : errno;
}
} // namespace

int RaisePriority(int nice) {
	DIR* threads = opendir("/proc/self/task");
	if (!threads) return errno;
	int outcome = 0;
	while (const dirent* entry = readdir(threads)) {
		int thread = atoi(entry->d_name);
		int error = thread > 0 ? Raise(thread, nice) : 0;
		// It may have ended meanwhile.
		if (error && error != ESRCH) outcome = error;
	}
	closedir(threads);
	return outcome;
}

Napi::Value RaisePriorityFor(const Napi::CallbackInfo& info) {
	int error = RaisePriority(info[0].ToNumber().Int32Value());
	if (!error) return info.Env().Undefined();
	const char* name = strerrorname_np(error);
	return Napi::String::New(info.Env(), name ? name : "EIO");
}
