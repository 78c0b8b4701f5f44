// Counts what the whole process allocates: malloc and its like, and operator new. Under a sanitizer it counts nothing.
#pragma once

#include <cstdint>

std::uint64_t allocations_so_far() noexcept;

class AllocationCount {
  public:
    AllocationCount() noexcept : begin_(allocations_so_far()) {}
    std::uint64_t since() const noexcept { return allocations_so_far() - begin_; }

  private:
    std::uint64_t begin_;
};
