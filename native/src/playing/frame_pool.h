// Buffers for frames: one is being filled, one is the newest, some are lent. The I/O thread fills, anyone borrows; a
// lock is held only to move numbers, never while pixels are.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "dreamport/core.h"
#include "playing/memory.h"

namespace dreamport {

constexpr std::uint32_t max_lent_frames = 4;
constexpr std::uint32_t max_texture_frames = 2;

// A frame in the pool. `message` holds what arrived; `pixels` what was decoded or copied from it, when that is not in
// `message`.
struct PooledFrame {
    Memory message;
    Memory pixels;
    dp_frame frame{};

  private:
    friend class FramePool;
    std::uint32_t users = 0;  // guarded by the pool: newest, lent, shown
    std::uint32_t generation = 0;
    bool lent = false;
    bool filling = false;
};

class FramePool {
  public:
    // I/O thread: a frame that nobody uses. There is always one when at most one is being filled.
    PooledFrame* begin_filling() noexcept;
    // I/O thread: it is not used after all.
    void abandon(PooledFrame* frame) noexcept;
    // I/O thread: it is the newest now. Gives the id of the frame it replaces when nobody acquired that one, else 0.
    std::uint64_t publish(PooledFrame* frame) noexcept;
    // I/O thread: reserves memory in every frame that is free now, so that none is needed later.
    void reserve(std::size_t message_bytes, std::size_t pixel_bytes) noexcept;

    // Any thread: lends the newest frame, once. DP_OK, DP_NOTHING_NEW or DP_ERROR_FULL.
    std::int32_t acquire(dp_frame& out) noexcept;
    // Any thread: DP_OK, or DP_ERROR_ARGUMENT when it is not lent.
    std::int32_t release(std::uint32_t lease) noexcept;

    // Any thread, for textures: the newest frame, whether it was lent or not. False when there is none or two are in
    // use already. `first_use` tells whether nobody has acquired it before.
    bool show(dp_frame& out, bool& first_use) noexcept;
    // The same for a frame that is lent now. False when it is not lent any more.
    bool show_lent(std::uint32_t lease, dp_frame& out) noexcept;
    void hide(std::uint32_t lease) noexcept;
    // Lease of the frame that was lent last and is still lent; 0 when there is none.
    std::uint32_t last_lent() noexcept;

    std::uint32_t allocations() const noexcept { return allocations_.load(std::memory_order_relaxed); }
    void restart_count() noexcept { allocations_.store(0, std::memory_order_relaxed); }
    std::atomic<std::uint32_t>& allocation_counter() noexcept { return allocations_; }

  private:
    // One being filled, one newest, and one that was newest while it is exchanged.
    static constexpr std::size_t size = max_lent_frames + max_texture_frames + 3;

    std::uint32_t lease_of(const PooledFrame& frame) const noexcept;
    PooledFrame* frame_of(std::uint32_t lease) noexcept;

    std::mutex mutex_;
    std::array<PooledFrame, size> frames_;
    PooledFrame* newest_ = nullptr;
    bool newest_acquired_ = false;
    std::uint32_t lent_ = 0;
    std::uint32_t shown_ = 0;
    std::atomic<std::uint32_t> allocations_{0};
};

}  // namespace dreamport
