#include "memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

struct Dropping {
	const std::vector<PageRange>& ranges;
	uint64_t page;
	size_t dropped = 0;
};

// Called with the loader's lock held: what is listed is mapped, and stays so meanwhile.
int DropIn(dl_phdr_info* object, size_t, void* data) {
	auto* dropping = static_cast<Dropping*>(data);
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr)& segment = object->dlpi_phdr[i];
		if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W)) continue;
		uint64_t start = object->dlpi_addr + segment.p_vaddr;
		uint64_t from = start & ~(dropping->page - 1);
		uint64_t to = (start + segment.p_memsz + dropping->page - 1) & ~(dropping->page - 1);
		for (const PageRange& range : dropping->ranges) {
			if (range.from < from || range.to > to || range.from >= range.to) continue;
			if (madvise(reinterpret_cast<void*>(range.from), range.to - range.from, MADV_DONTNEED) == 0)
				dropping->dropped++;
		}
	}
	return 0;
}

} // namespace

void TrimAllocator() {
	malloc_trim(0);
}

size_t DropPages(const std::vector<PageRange>& ranges) {
	Dropping dropping{ranges, static_cast<uint64_t>(sysconf(_SC_PAGESIZE))};
	dl_iterate_phdr(DropIn, &dropping);
	return dropping.dropped;
}
