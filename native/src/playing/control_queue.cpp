#include "playing/control_queue.h"

#include <algorithm>
#include <cmath>

namespace dreamport {
namespace {

double clamped(double degrees) noexcept {
    return std::clamp(degrees, -ControlQueue::max_look_deg, ControlQueue::max_look_deg);
}

// Whether both looks together are within one control's limit.
bool fits(const ControlSample& a, const ControlSample& b) noexcept {
    return std::abs(a.yaw_deg + b.yaw_deg) <= ControlQueue::max_look_deg &&
           std::abs(a.pitch_deg + b.pitch_deg) <= ControlQueue::max_look_deg;
}

// `later` joins `earlier`: the latest state, all presses, the sum of the looks.
void join(ControlSample& earlier, const ControlSample& later) noexcept {
    const std::uint32_t pressed = earlier.pressed | later.pressed;
    const double yaw = clamped(earlier.yaw_deg + later.yaw_deg);
    const double pitch = clamped(earlier.pitch_deg + later.pitch_deg);
    earlier = later;
    earlier.pressed = pressed;
    earlier.yaw_deg = yaw;
    earlier.pitch_deg = pitch;
}

}  // namespace

void ControlQueue::add(const dp_control& control, std::int64_t now_ns, bool merge) noexcept {
    ControlSample sample;
    sample.number = latest_.number + 1;
    sample.client_time_ns = control.client_time_ns == 0 ? now_ns : control.client_time_ns;
    sample.buttons = control.buttons;
    sample.has_camera = control.has_camera;
    sample.camera = control.camera;
    sample.intrinsics = control.intrinsics;
    latest_ = sample;
    sample.pressed = control.pressed;
    sample.yaw_deg = static_cast<double>(control.look_yaw_deg);
    sample.pitch_deg = static_cast<double>(control.look_pitch_deg);
    if (merge && waiting_ > 0) ++merged_;
    // More than one control may carry goes out as several; sixteen turns at once are no input any more.
    for (int piece = 0; piece < 16; ++piece) {
        ControlSample part = sample;
        part.yaw_deg = clamped(sample.yaw_deg);
        part.pitch_deg = clamped(sample.pitch_deg);
        append(part, merge);
        sample.yaw_deg -= part.yaw_deg;
        sample.pitch_deg -= part.pitch_deg;
        sample.pressed = 0;
        if (sample.yaw_deg == 0 && sample.pitch_deg == 0) break;
    }
}

void ControlQueue::append(const ControlSample& sample, bool merge) noexcept {
    const bool full = waiting_ == max_waiting;
    if (waiting_ > 0 && (full || (merge && fits(waiting(waiting_ - 1), sample)))) {
        join(waiting(waiting_ - 1), sample);
        return;
    }
    waiting(waiting_++) = sample;
}

bool ControlQueue::take(ControlSample& out, std::uint64_t& wire_sequence) noexcept {
    if (waiting_ == 0) return false;
    out = waiting(0);
    first_waiting_ = (first_waiting_ + 1) % queue_.size();
    --waiting_;
    wire_sequence = next_wire_++;
    if (sent_count_ == max_sent) {  // so old that it was heard
        first_sent_ = (first_sent_ + 1) % max_sent;
        --sent_count_;
    }
    sent_[(first_sent_ + sent_count_++) % max_sent] = Sent{wire_sequence,
                                                           out.number,
                                                           out.client_time_ns,
                                                           out.pressed,
                                                           static_cast<float>(out.yaw_deg),
                                                           static_cast<float>(out.pitch_deg)};
    return true;
}

std::uint64_t ControlQueue::applied(std::uint64_t wire_sequence) noexcept {
    while (sent_count_ > 0 && sent_[first_sent_].wire_sequence <= wire_sequence) {
        applied_number_ = sent_[first_sent_].number;
        first_sent_ = (first_sent_ + 1) % max_sent;
        --sent_count_;
    }
    return applied_number_;
}

void ControlQueue::session_resumed(std::uint64_t last_heard) noexcept {
    ControlQueue again;  // only for its queue: the samples that go out again, in order
    std::size_t heard = 0;
    for (std::size_t i = 0; i < sent_count_; ++i) {
        const Sent& sent = sent_[(first_sent_ + i) % max_sent];
        if (sent.wire_sequence <= last_heard) {
            ++heard;
            continue;
        }
        ControlSample sample = latest_;
        sample.number = sent.number;
        sample.client_time_ns = sent.client_time_ns;
        sample.pressed = sent.pressed;
        sample.yaw_deg = static_cast<double>(sent.yaw_deg);
        sample.pitch_deg = static_cast<double>(sent.pitch_deg);
        again.append(sample, true);
    }
    for (std::size_t i = 0; i < waiting_; ++i)
        again.append(waiting(i), true);
    queue_ = again.queue_;
    first_waiting_ = again.first_waiting_;
    waiting_ = again.waiting_;
    sent_count_ = heard;
    next_wire_ = std::max(next_wire_, last_heard + 1);
    say_held_again();
}

void ControlQueue::session_opened() noexcept {
    sent_count_ = 0;
    next_wire_ = 1;
    applied_number_ = 0;
    say_held_again();
}

void ControlQueue::say_held_again() noexcept {
    if (waiting_ > 0 || latest_.number == 0) return;
    append(latest_, false);  // no look, no press: the state alone
}

}  // namespace dreamport
