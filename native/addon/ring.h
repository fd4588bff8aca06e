// A BPF ring buffer as this process sees it (kernel/bpf/ringbuf.c): one page with the reader's position, one with the
// writer's, and the data, mapped twice in a row so that a record never wraps.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

class Ring {
      public:
	Ring() = default;
	Ring(const Ring&) = delete;
	Ring& operator=(const Ring&) = delete;
	~Ring() { Close(); }

	// 0, or an errno.
	int Open(int fd, size_t size);
	void Close();
	int fd() const { return fd_; }

	// Moves whole records into `to` while they fit. Returns the bytes written; each record has its own length
	// inside. -1: the next record is larger than `size`.
	int64_t Drain(uint8_t* to, size_t size);

      private:
	int fd_ = -1; // the map's, owned by the object file
	size_t size_ = 0;
	void* reader_page_ = nullptr;
	uint8_t* writer_pages_ = nullptr;
	size_t page_ = 0;
};
