#include "playing/frame_pool.h"

namespace dreamport {

PooledFrame* FramePool::begin_filling() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (PooledFrame& frame : frames_) {
        if (frame.users == 0 && !frame.filling) {
            frame.filling = true;
            frame.generation = (frame.generation + 1) & 0xFFFFFF;
            return &frame;
        }
    }
    return nullptr;
}

void FramePool::abandon(PooledFrame* frame) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    frame->filling = false;
}

std::uint64_t FramePool::publish(PooledFrame* frame) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::uint64_t replaced = 0;
    if (newest_ != nullptr) {
        if (!newest_acquired_) replaced = newest_->frame.id;
        --newest_->users;
    }
    frame->filling = false;
    frame->users = 1;
    frame->lent = false;
    frame->frame.lease = lease_of(*frame);
    newest_ = frame;
    newest_acquired_ = false;
    return replaced;
}

void FramePool::reserve(std::size_t message_bytes, std::size_t pixel_bytes) noexcept {
    for (PooledFrame& frame : frames_) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (frame.users != 0 || frame.filling) continue;
            frame.filling = true;
        }
        frame.message.reserve(message_bytes, allocations_);
        if (pixel_bytes > 0) frame.pixels.reserve(pixel_bytes, allocations_);
        abandon(&frame);
    }
}

std::int32_t FramePool::acquire(dp_frame& out) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (newest_ == nullptr || newest_acquired_) return DP_NOTHING_NEW;
    if (lent_ >= max_lent_frames) return DP_ERROR_FULL;
    newest_acquired_ = true;
    newest_->lent = true;
    ++newest_->users;
    ++lent_;
    out = newest_->frame;
    return DP_OK;
}

std::int32_t FramePool::release(std::uint32_t lease) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    PooledFrame* frame = frame_of(lease);
    if (frame == nullptr || !frame->lent) return DP_ERROR_ARGUMENT;
    frame->lent = false;
    --frame->users;
    --lent_;
    return DP_OK;
}

bool FramePool::show(dp_frame& out, bool& first_use) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (newest_ == nullptr || shown_ >= max_texture_frames) return false;
    first_use = !newest_acquired_;
    newest_acquired_ = true;
    ++newest_->users;
    ++shown_;
    out = newest_->frame;
    return true;
}

bool FramePool::show_lent(std::uint32_t lease, dp_frame& out) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    PooledFrame* frame = frame_of(lease);
    if (frame == nullptr || !frame->lent || shown_ >= max_texture_frames) return false;
    ++frame->users;
    ++shown_;
    out = frame->frame;
    return true;
}

std::uint32_t FramePool::last_lent() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    const PooledFrame* last = nullptr;
    for (const PooledFrame& frame : frames_) {
        if (frame.lent && (last == nullptr || frame.frame.arrived_ns > last->frame.arrived_ns)) last = &frame;
    }
    return last == nullptr ? 0 : last->frame.lease;
}

void FramePool::hide(std::uint32_t lease) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    PooledFrame* frame = frame_of(lease);
    if (frame == nullptr || frame->users == 0 || shown_ == 0) return;
    --frame->users;
    --shown_;
}

std::uint32_t FramePool::lease_of(const PooledFrame& frame) const noexcept {
    return frame.generation << 8 | static_cast<std::uint32_t>(&frame - frames_.data() + 1);
}

PooledFrame* FramePool::frame_of(std::uint32_t lease) noexcept {
    const std::uint32_t index = (lease & 0xFF) - 1;
    if (index >= size || frames_[index].generation != lease >> 8) return nullptr;
    return &frames_[index];
}

}  // namespace dreamport
