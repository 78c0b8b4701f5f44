#include "recording/recorder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "clock.h"
#include "library/threads.h"
#include "recording/begin_message.h"

namespace dreamport {
namespace {

using Stage = CaptureSlot::Stage;
using Kind = CaptureItem::Kind;

float milliseconds(std::int64_t ns) noexcept {
    return static_cast<float>(static_cast<double>(ns) / 1e6);
}

void flip(std::uint8_t* pixels, std::size_t stride, std::uint32_t height) noexcept {
    for (std::uint32_t top = 0, bottom = height - 1; top < bottom; ++top, --bottom) {
        std::swap_ranges(pixels + top * stride, pixels + (top + 1) * stride, pixels + bottom * stride);
    }
}

bool within(double value, double limit) noexcept {
    return std::abs(value) <= limit;  // also refuses what is no number
}

// What the backend would refuse, and the recording with it.
bool is_valid(const dp_capture_frame& frame, std::uint32_t button_count) noexcept {
    const double(&q)[4] = frame.pose.orientation;
    const double norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!within(norm - 1.0, 0.01)) return false;
    for (const double value : frame.pose.position) {
        if (!within(value, 1e6)) return false;
    }
    for (const double value : frame.velocity) {
        if (frame.has_velocity != 0 && !within(value, 1e6)) return false;
    }
    const dp_intrinsics& k = frame.intrinsics;
    const bool camera = within(k.fx, 1e6) && within(k.fy, 1e6) && within(k.cx, 1e6) && within(k.cy, 1e6) &&
                        k.fx >= 1e-3 && k.fy >= 1e-3;
    if (frame.has_intrinsics != 0 && !camera) return false;
    if (frame.engine_state_count > 8) return false;
    for (std::uint32_t i = 0; i < frame.engine_state_count; ++i) {
        if (!std::isfinite(frame.engine_state[i])) return false;
    }
    return (button_count >= 32 || frame.buttons >> button_count == 0) &&
           within(static_cast<double>(frame.look_yaw_deg), 36000) &&
           within(static_cast<double>(frame.look_pitch_deg), 36000);
}

void describe(dreamport_v1_CapturedFrame& out, const dp_capture_frame& frame, std::uint64_t index,
              std::int64_t now) noexcept {
    out = dreamport_v1_CapturedFrame_init_zero;
    out.index = index;
    out.client_time_ns = frame.client_time_ns == 0 ? now : frame.client_time_ns;
    out.has_pose = out.pose.has_position = out.pose.has_orientation = true;
    const dp_pose& pose = frame.pose;
    out.pose.position = {pose.position[0], pose.position[1], pose.position[2]};
    out.pose.orientation = {pose.orientation[0], pose.orientation[1], pose.orientation[2], pose.orientation[3]};
    out.has_intrinsics = frame.has_intrinsics != 0;
    out.intrinsics = {frame.intrinsics.fx, frame.intrinsics.fy, frame.intrinsics.cx, frame.intrinsics.cy};
    out.buttons = frame.buttons;
    out.look_yaw_deg = frame.look_yaw_deg;
    out.look_pitch_deg = frame.look_pitch_deg;
    out.has_velocity = frame.has_velocity != 0;
    out.velocity = {frame.velocity[0], frame.velocity[1], frame.velocity[2]};
    out.engine_state_count = static_cast<pb_size_t>(frame.engine_state_count);
    std::copy_n(frame.engine_state, frame.engine_state_count, out.engine_state);
    out.redacted = frame.redacted != 0;
}

}  // namespace

Recorder::Recorder(LinkOptions link, const dp_recorder_options& options)
    : Link(std::move(link)),
      options_(options),
      colour_bytes_(std::size_t{4} * options.width * options.height),
      depth_bytes_(options.depth_format == DP_DEPTH_NONE ? 0 : std::size_t{2} * options.width * options.height),
      answer_(max_answer_bytes),
      slots_(options.queue_frames == 0 ? 8 : options.queue_frames),
      messages_(max_messages),
      message_used_(max_messages, false),
      items_(slots_.size() + max_messages),
      unacknowledged_(max_unacknowledged_kept) {
    std::atomic<std::uint32_t> allocations{0};
    for (CaptureSlot& slot : slots_) {
        const bool colour = slot.colour.reserve(colour_bytes_, allocations) != nullptr;
        const bool depth = depth_bytes_ == 0 || slot.depth.reserve(depth_bytes_, allocations) != nullptr;
        const std::size_t encoded = is_jpeg() ? jpeg::max_encoded_bytes(options.width, options.height) : 0;
        if (!colour || !depth || (encoded > 0 && slot.encoded.reserve(encoded, allocations) == nullptr))
            throw std::bad_alloc();
    }
    stats_.queue_frames = static_cast<std::uint32_t>(slots_.size());
}

void Recorder::start_all() {
    start();
    try {
        library::launch([self = std::static_pointer_cast<Recorder>(shared_from_this())] { self->work(); });
    } catch (...) {
        end(0);
        throw;
    }
}

// ---------------------------------------------------------------- any thread

std::int32_t Recorder::begin(const dp_episode_options& episode) noexcept {
    if (const std::int32_t status = check_episode(episode); status != DP_OK) return status;
    CaptureMessage message;
    if (!write_begin(message, options_, episode)) return DP_ERROR_ARGUMENT;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (episode_open_) return DP_ERROR_STATE;
        if (journal_.state() == DP_STATE_FAILED) return DP_ERROR_STATE;
        ++episode_;
        if (const std::int32_t status = queue_message(Kind::begin, message, false); status != DP_OK) {
            --episode_;
            return status;
        }
        episode_open_ = true;
        next_index_ = 0;
        stats_.episode_frames = 0;
    }
    wake();
    return DP_OK;
}

std::int32_t Recorder::acquire(dp_capture_buffer& out) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!episode_open_) return DP_ERROR_STATE;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        CaptureSlot& slot = slots_[i];
        if (slot.stage != Stage::free) continue;
        slot.stage = Stage::lent;
        slot.episode = episode_;
        slot.generation = (slot.generation + 1) & 0xFFFFFF;
        out = dp_capture_buffer{};
        out.colour = slot.colour.data();
        out.depth = reinterpret_cast<std::uint16_t*>(slot.depth.data());
        out.colour_stride = 4 * options_.width;
        out.depth_stride = depth_bytes_ > 0 ? 2 * options_.width : 0;
        out.lease = slot.generation << 8 | static_cast<std::uint32_t>(i + 1);
        return DP_OK;
    }
    ++stats_.refused;
    ++next_index_;  // the frame that is missing keeps its number
    return DP_ERROR_FULL;
}

std::int32_t Recorder::submit(const dp_capture_frame& frame) noexcept {
    if (!is_valid(frame, options_.button_count)) {
        cancel(frame.lease);  // the engine thinks that it has handed the memory over
        return DP_ERROR_ARGUMENT;
    }
    bool to_worker = false;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        CaptureSlot* slot = slot_of(frame.lease);
        if (slot == nullptr) return DP_ERROR_ARGUMENT;
        if (!episode_open_ || slot->episode != episode_) {  // the episode ended while the engine was drawing
            slot->stage = Stage::free;
            ++stats_.lost;
            return DP_ERROR_STATE;
        }
        const std::int64_t now = now_ns();
        describe(slot->fields, frame, next_index_, now);
        slot->flip_rows = frame.flip_rows != 0;
        slot->submitted_ns = now;
        to_worker = is_jpeg() || slot->flip_rows;
        slot->stage = to_worker ? Stage::submitted : Stage::ready;
        CaptureItem item;
        item.slot = static_cast<std::uint32_t>(slot - slots_.data());
        item.episode = episode_;
        items_.push(item);  // has room for every slot
        ++next_index_;
        ++stats_.submitted;
        ++stats_.episode_frames;
        if (to_worker) work_.notify_one();
    }
    if (!to_worker) wake();
    return DP_OK;
}

std::int32_t Recorder::cancel(std::uint32_t lease) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    CaptureSlot* slot = slot_of(lease);
    if (slot == nullptr) return DP_ERROR_ARGUMENT;
    slot->stage = Stage::free;
    if (episode_open_ && slot->episode == episode_) ++next_index_;
    return DP_OK;
}

std::int32_t Recorder::marker(const char* name, const char* text) noexcept {
    CaptureMessage message;
    if (name == nullptr || *name == '\0' || !write_marker(message, name, text, now_ns())) return DP_ERROR_ARGUMENT;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!episode_open_) return DP_ERROR_STATE;
        if (const std::int32_t status = queue_message(Kind::marker, message, false); status != DP_OK) return status;
    }
    wake();
    return DP_OK;
}

std::int32_t Recorder::finish(bool discard) noexcept {
    CaptureMessage message;
    if (!write_finish(message, discard)) return DP_ERROR_ARGUMENT;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!episode_open_) return DP_ERROR_STATE;
        if (const std::int32_t status = queue_message(Kind::finish, message, discard); status != DP_OK) return status;
        episode_open_ = false;
    }
    wake();
    return DP_OK;
}

void Recorder::statistics(dp_recorder_stats& out) const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    out = stats_;
    out.queued = count_queued();
    out.pressure = static_cast<float>(out.queued) / static_cast<float>(slots_.size());
    out.episode_open = episode_open_ ? 1 : 0;
}

std::uint32_t Recorder::count_queued() const noexcept {
    std::uint32_t count = 0;
    for (const CaptureSlot& slot : slots_)
        count += slot.stage != Stage::free ? 1 : 0;
    return count;
}

CaptureSlot* Recorder::slot_of(std::uint32_t lease) noexcept {
    const std::uint32_t index = (lease & 0xFF) - 1;
    if (index >= slots_.size()) return nullptr;
    CaptureSlot& slot = slots_[index];
    return slot.generation == lease >> 8 && slot.stage == Stage::lent ? &slot : nullptr;
}

std::int32_t Recorder::queue_message(Kind kind, const CaptureMessage& message, bool discard) noexcept {
    for (std::size_t i = 0; i < messages_.size(); ++i) {
        if (message_used_[i]) continue;
        messages_[i].size = message.size;
        std::memcpy(messages_[i].data.data(), message.data.data(), message.size);
        message_used_[i] = true;
        CaptureItem item;
        item.kind = kind;
        item.slot = static_cast<std::uint32_t>(i);
        item.episode = episode_;
        item.discard = discard;
        items_.push(item);  // has room for every message
        return DP_OK;
    }
    return DP_ERROR_FULL;
}

// ---------------------------------------------------------------- the worker

void Recorder::work() noexcept {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
        CaptureSlot* next = nullptr;
        for (std::size_t i = 0; i < items_.size() && next == nullptr; ++i) {
            const CaptureItem& item = items_.at(i);
            if (item.kind == Kind::frame && slots_[item.slot].stage == Stage::submitted) next = &slots_[item.slot];
        }
        if (next == nullptr) {
            if (worker_stops_) return;
            work_.wait(lock);
            continue;
        }
        next->stage = Stage::encoding;
        lock.unlock();
        const std::int64_t begin = now_ns();
        encode(*next);
        const std::int64_t end = now_ns();
        lock.lock();
        // The episode may have been dropped meanwhile.
        next->stage = next->episode == 0 ? Stage::free : Stage::ready;
        lock.unlock();
        wake();
        {
            const std::lock_guard<std::mutex> encode_lock(encode_mutex_);
            encode_ms_.add(end, milliseconds(end - begin));
        }
        lock.lock();
    }
}

void Recorder::encode(CaptureSlot& slot) noexcept {
    if (slot.flip_rows && depth_bytes_ > 0) flip(slot.depth.data(), std::size_t{2} * options_.width, options_.height);
    if (is_jpeg()) {
        const int quality = options_.jpeg_quality == 0 ? 92 : static_cast<int>(options_.jpeg_quality);
        slot.encoded_size = encoder_.encode(slot.colour.data(), options_.width, options_.height, slot.flip_rows,
                                            quality, slot.encoded.data(), slot.encoded.capacity());
    } else if (slot.flip_rows) {
        flip(slot.colour.data(), std::size_t{4} * options_.width, options_.height);
    }
}

}  // namespace dreamport
