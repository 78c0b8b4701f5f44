// Memory for one HTTP/2 session: what is freed is kept for the next request of its size, so that a session that runs
// steadily asks the system for nothing. For one thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>

namespace dreamport::net {

class MemoryPool {
  public:
    MemoryPool() noexcept;
    ~MemoryPool();
    MemoryPool(const MemoryPool&) = delete;
    MemoryPool& operator=(const MemoryPool&) = delete;

    // False under AddressSanitizer: there nothing is used again, so that it sees a use after free.
    static const bool reuses;

    nghttp2_mem* allocator() noexcept { return &allocator_; }
    void* take(std::size_t size) noexcept;
    void give(void* memory) noexcept;
    void* resize(void* memory, std::size_t size) noexcept;
    // Times the system was asked for memory so far.
    std::size_t requests() const noexcept { return requests_; }

  private:
    static constexpr int classes = 12;  // 32 bytes ... 64 KiB; larger ones go to the system each time

    struct Header;
    nghttp2_mem allocator_;
    Header* free_[classes] = {};
    std::size_t requests_ = 0;
};

}  // namespace dreamport::net
