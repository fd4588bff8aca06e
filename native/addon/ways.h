// Other ways to see what happens than the tracepoints with types that are used: whether this kernel has them.
#pragma once

#include <string>
#include <vector>

// "fentry: available", "BPF LSM: Operation not permitted"; tried with a program that does nothing, for a moment.
std::vector<std::string> TryWays();

// Whether calls can be made through another entry than that of x86_64: the 32-bit one, or x32's numbers.
bool TakesOtherEntries();
