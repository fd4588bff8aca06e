// A program on tracepoints through perf. Knows nothing of JavaScript.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "failure.h"

class PerfHooks {
      public:
	PerfHooks() = default;
	PerfHooks(const PerfHooks&) = delete;
	PerfHooks& operator=(const PerfHooks&) = delete;
	~PerfHooks() { Close(); }

	// From now on the program is on these events (`syscalls/sys_exit_openat`) and on no others: what it was on
	// already stays untouched, the new ones come before the old ones go. The kernel has not those that are
	// `missing`.
	Failure Hook(int program, const std::vector<std::string>& events, std::vector<std::string>* missing);
	// The program is on this event as well, to the end.
	Failure Keep(int program, const std::string& event);
	void Close();

      private:
	Failure Open();

	int tracefs_ = -1;
	std::vector<int> kept_;
	std::map<std::string, int> links_;
};
