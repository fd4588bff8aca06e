#include "hooks.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace {

Failure Fail(int code, const std::string& what) {
	return {code, what + ": " + strerror(code)};
}

// The file system that numbers the events, whether or not it is mounted somewhere: this mount has no place in any tree.
int OpenTracefs() {
	int context = fsopen("tracefs", FSOPEN_CLOEXEC);
	if (context < 0) return -1;
	int root =
		fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) ? -1 : fsmount(context, FSMOUNT_CLOEXEC, 0);
	int error = errno;
	close(context);
	errno = error;
	return root;
}

// The event's number for perf; -1: the kernel has it not.
long ReadId(int tracefs, const std::string& event) {
	int file = openat(tracefs, ("events/" + event + "/id").c_str(), O_RDONLY | O_CLOEXEC);
	if (file < 0) return -1;
	char text[16] = {};
	ssize_t length = read(file, text, sizeof(text) - 1);
	close(file);
	return length > 0 ? strtol(text, nullptr, 10) : -1;
}

// The program's link with an event; it holds all that it needs. On one CPU: a program is on the event itself, and runs
// wherever that happens (kernel/trace/bpf_trace.c, perf_event_attach_bpf_prog).
int Link(int program, long id) {
	perf_event_attr attributes = {};
	attributes.type = PERF_TYPE_TRACEPOINT;
	attributes.size = sizeof(attributes);
	attributes.config = static_cast<uint64_t>(id);
	int event = static_cast<int>(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
	if (event < 0) return -1;
	int link = bpf_link_create(program, event, BPF_PERF_EVENT, nullptr);
	int error = errno;
	close(event);
	errno = error;
	return link;
}

} // namespace

Failure PerfHooks::Open() {
	if (tracefs_ < 0) tracefs_ = OpenTracefs();
	if (tracefs_ < 0) return Fail(errno, "cannot open tracefs");
	return {};
}

Failure PerfHooks::Keep(int program, const std::string& event) {
	Failure failure = Open();
	if (failure.code) return failure;
	long id = ReadId(tracefs_, event);
	int link = id < 0 ? -1 : Link(program, id);
	if (link < 0) return Fail(id < 0 ? ENOENT : errno, "cannot attach to " + event);
	kept_.push_back(link);
	return {};
}

Failure PerfHooks::Hook(int program, const std::vector<std::string>& events, std::vector<std::string>* missing) {
	Failure failure = Open();
	if (failure.code) return failure;
	for (const std::string& event : events) {
		if (links_.count(event)) continue;
		long id = ReadId(tracefs_, event);
		int link = id < 0 ? -1 : Link(program, id);
		if (link < 0 && id >= 0) return Fail(errno, "cannot attach to " + event);
		if (link < 0)
			missing->push_back(event);
		else
			links_[event] = link;
	}
	for (auto link = links_.begin(); link != links_.end();) {
		if (std::find(events.begin(), events.end(), link->first) != events.end()) {
			++link;
			continue;
		}
		close(link->second);
		link = links_.erase(link);
	}
	return {};
}

void PerfHooks::Close() {
	for (const auto& link : links_)
		close(link.second);
	links_.clear();
	for (int link : kept_)
		close(link);
	kept_.clear();
	if (tracefs_ >= 0) close(tracefs_);
	tracefs_ = -1;
}
