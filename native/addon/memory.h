// Memory of this process that it can do without.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

struct PageRange {
	uint64_t from, to;
};

// Gives what was freed back to the kernel.
void TrimAllocator();

// Unmaps pages of programs and libraries; they come back from the page cache when they are used. Whoever asks has seen
// that none of them was changed. What does not lie in a segment that is loaded read-only is left alone. Returns how
// many ranges were dropped.
size_t DropPages(const std::vector<PageRange>& ranges);
