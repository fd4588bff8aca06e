#include "ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {
// RECORD_MAX of native/bpf/maps.h and its header, in whole pages of any usual size.
constexpr size_t kLongestRecord = 64 * 1024;
} // namespace

RingPages::~RingPages() {
	munmap(reader_, page_);
	munmap(writer_, page_ + span_);
}

int Ring::Open(int fd, size_t size) {
	auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	void* reader = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (reader == MAP_FAILED) return errno;
	size_t span = size + std::min(size, kLongestRecord);
	void* writer = mmap(nullptr, page + span, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page));
	if (writer == MAP_FAILED) {
		int error = errno;
		munmap(reader, page);
		return error;
	}
	fd_ = fd;
	pages_ = std::make_shared<RingPages>(static_cast<uint8_t*>(reader), static_cast<uint8_t*>(writer), page, size,
					     span);
	return 0;
}

void Ring::Close() {
	pages_.reset();
	fd_ = -1;
}

int64_t Ring::Drain(uint8_t* to, size_t size) {
	auto* read = reinterpret_cast<unsigned long*>(pages_->reader());
	const auto* written = reinterpret_cast<const unsigned long*>(pages_->writer());
	const uint8_t* data = pages_->data();
	unsigned long at = __atomic_load_n(read, __ATOMIC_RELAXED);
	unsigned long end = __atomic_load_n(written, __ATOMIC_ACQUIRE);
	size_t used = 0;
	int64_t outcome = 0;

	while (at < end) {
		const uint8_t* record = data + (at & (pages_->size() - 1));
		// The writer clears the busy bit last.
		uint32_t head = __atomic_load_n(reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
		if (head & BPF_RINGBUF_BUSY_BIT) break;
		uint32_t length = head & ~BPF_RINGBUF_DISCARD_BIT;
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			if (length > size - used) {
				if (used == 0) outcome = -1;
				break;
			}
			memcpy(to + used, record + BPF_RINGBUF_HDR_SZ, length);
			used += length;
		}
		at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
	}
	// Sequentially consistent: the kernel looks at this to decide whether it must wake us.
	__atomic_store_n(read, at, __ATOMIC_SEQ_CST);
	return outcome < 0 ? outcome : static_cast<int64_t>(used);
}
