// A BPF ring buffer as this process sees it (kernel/bpf/ringbuf.c): one page with the reader's position, one with the
// writer's, and the data. Behind their end their beginning is mapped once more, so that a record never wraps: as much
// as the longest record needs, and not all, because what is mapped twice counts twice in resident memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

// The pages of one ring. Whoever looks into them holds a share: they are unmapped when the last share is gone.
class RingPages {
      public:
	RingPages(uint8_t* reader, uint8_t* writer, size_t page, size_t size, size_t span)
	    : reader_(reader), writer_(writer), page_(page), size_(size), span_(span) {}
	RingPages(const RingPages&) = delete;
	RingPages& operator=(const RingPages&) = delete;
	~RingPages();

	uint8_t* reader() const { return reader_; }
	// Read-only, as are the data.
	uint8_t* writer() const { return writer_; }
	uint8_t* data() const { return writer_ + page_; }
	size_t page() const { return page_; }
	// Of the data, once.
	size_t size() const { return size_; }
	// Of the data and what is mapped again.
	size_t span() const { return span_; }

      private:
	uint8_t* reader_;
	uint8_t* writer_;
	size_t page_;
	size_t size_;
	size_t span_;
};

class Ring {
      public:
	// 0, or an errno.
	int Open(int fd, size_t size);
	void Close();
	int fd() const { return fd_; }
	const std::shared_ptr<RingPages>& pages() const { return pages_; }

	// Moves whole records into `to` while they fit. Returns the bytes written; each record has its own length
	// inside. -1: the next record is larger than `size`.
	int64_t Drain(uint8_t* to, size_t size);

      private:
	int fd_ = -1; // the map's, owned by the object file
	std::shared_ptr<RingPages> pages_;
};
