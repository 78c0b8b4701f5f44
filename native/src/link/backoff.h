// Growing pauses between attempts, with jitter so that many clients do not come back at once.
#pragma once

#include <algorithm>
#include <cstdint>

namespace dreamport {

class Backoff {
  public:
    Backoff(std::uint32_t min_ms, std::uint32_t max_ms, std::uint64_t seed) noexcept
        : min_ms_(std::max<std::uint32_t>(min_ms, 1)), max_ms_(std::max(min_ms_, max_ms)), random_(seed | 1) {}

    // Milliseconds to wait after the `failures`th failure in a row (1 and up): doubling from the least to the most, 25
    // % to either side. Never less than `asked_ms`, what the server asked for (-1: nothing), up to ten minutes.
    std::int64_t pause_ms(std::uint32_t failures, int asked_ms) noexcept {
        std::int64_t pause = min_ms_;
        for (std::uint32_t i = 1; i < failures && pause < max_ms_; ++i)
            pause *= 2;
        pause = std::min<std::int64_t>(pause, max_ms_);
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        pause = pause * 3 / 4 + static_cast<std::int64_t>(random_ % static_cast<std::uint64_t>(pause / 2 + 1));
        return std::max(pause, std::min<std::int64_t>(asked_ms, 600000));
    }

  private:
    std::uint32_t min_ms_;
    std::uint32_t max_ms_;
    std::uint64_t random_;
};

}  // namespace dreamport
