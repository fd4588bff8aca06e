// Which processor time this process gets when there is not enough for all.
#pragma once
#include <napi.h>

// Gives every thread that this process has now this nice value, unless whoever started it gave it another
// scheduling. Threads and processes that they make later have the usual one. Returns 0 or an errno value.
int RaisePriority(int nice);

// raisePriority(nice): the code of the error, if there was one.
Napi::Value RaisePriorityFor(const Napi::CallbackInfo& info);
