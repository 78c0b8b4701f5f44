// The last ten seconds of one quantity, in memory of fixed size.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace dreamport {

class Samples {
  public:
    static constexpr std::int64_t window_ns = 10'000'000'000;
    static constexpr std::size_t capacity = 8192;  // ten seconds at 819 a second

    void add(std::int64_t time_ns, float value) noexcept {
        times_[next_ % capacity] = time_ns;
        values_[next_ % capacity] = std::isfinite(value) ? value : 0.0f;  // sorting needs numbers
        ++next_;
    }
    void clear() noexcept { next_ = first_ = 0; }

    // Samples at or after `since_ns`.
    std::size_t count_since(std::int64_t since_ns) const noexcept {
        std::size_t count = 0;
        for (std::size_t i = next_; i > oldest() && times_[(i - 1) % capacity] >= since_ns; --i)
            ++count;
        return count;
    }

    // Sets out[i] to the percentile wanted[i] (0 to 100, nearest rank) of the window that ends now; 0 without samples.
    template <std::size_t N>
    void percentiles(std::int64_t now_ns, const double (&wanted)[N], float (&out)[N]) noexcept {
        const std::size_t count = collect(now_ns);
        for (std::size_t i = 0; i < N; ++i) {
            if (count == 0) {
                out[i] = 0;
                continue;
            }
            const auto rank = static_cast<std::size_t>(wanted[i] / 100.0 * static_cast<double>(count - 1) + 0.5);
            std::nth_element(scratch_.begin(), scratch_.begin() + static_cast<std::ptrdiff_t>(rank),
                             scratch_.begin() + static_cast<std::ptrdiff_t>(count));
            out[i] = scratch_[rank];
        }
    }

    // Mean absolute difference of successive samples in the window; 0 with fewer than two.
    float jitter(std::int64_t now_ns) noexcept {
        const std::size_t count = collect(now_ns);
        double sum = 0;
        for (std::size_t i = 1; i < count; ++i) {
            const double step = static_cast<double>(scratch_[i]) - static_cast<double>(scratch_[i - 1]);
            sum += step < 0 ? -step : step;
        }
        return count < 2 ? 0.0f : static_cast<float>(sum / static_cast<double>(count - 1));
    }

  private:
    std::size_t oldest() const noexcept { return std::max(first_, next_ > capacity ? next_ - capacity : 0); }

    std::size_t collect(std::int64_t now_ns) noexcept {
        first_ = oldest();
        while (first_ < next_ && times_[first_ % capacity] < now_ns - window_ns)
            ++first_;
        for (std::size_t i = first_; i < next_; ++i)
            scratch_[i - first_] = values_[i % capacity];
        return next_ - first_;
    }

    std::array<std::int64_t, capacity> times_;  // not cleared: whoever makes one must not wait for its pages
    std::array<float, capacity> values_;
    std::array<float, capacity> scratch_;
    std::size_t first_ = 0;  // everything before it is out of the window
    std::size_t next_ = 0;
};

}  // namespace dreamport
