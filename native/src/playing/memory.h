// Memory for pixels: grows when it must, is aligned for textures and SIMD, and counts how often it was allocated.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace dreamport {

class Memory {
  public:
    static constexpr std::size_t alignment = 64;

    // At least `size` bytes, contents undefined when it grows. Null when the system has none.
    std::uint8_t* reserve(std::size_t size, std::atomic<std::uint32_t>& allocations) noexcept {
        if (size > capacity_) {
            data_.reset(static_cast<std::uint8_t*>(::operator new (size, std::align_val_t{alignment}, std::nothrow)));
            capacity_ = data_ == nullptr ? 0 : size;
            allocations.fetch_add(1, std::memory_order_relaxed);
        }
        return data_.get();
    }
    std::uint8_t* data() const noexcept { return data_.get(); }
    std::size_t capacity() const noexcept { return capacity_; }

  private:
    struct Free {
        void operator()(std::uint8_t* data) const noexcept { ::operator delete (data, std::align_val_t{alignment}); }
    };
    std::unique_ptr<std::uint8_t, Free> data_;
    std::size_t capacity_ = 0;
};

}  // namespace dreamport
