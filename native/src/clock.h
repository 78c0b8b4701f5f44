// The library's clock.
#pragma once

#include <cstdint>

namespace dreamport {

// Nanoseconds, monotonic, the same for all threads; on Linux CLOCK_MONOTONIC. What dp_now_ns answers.
std::int64_t now_ns() noexcept;

}  // namespace dreamport
