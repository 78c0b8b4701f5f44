// Honest input, from the game to the wire: what is held wins by being the latest; looks and presses arrive exactly
// once, over broken connections too. Not thread-safe; the client guards it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dreamport/core.h"

namespace dreamport {

// One sample as it goes out.
struct ControlSample {
    std::uint64_t number = 0;  // of the call of dp_client_control, counted from 1; the last one when several are merged
    std::int64_t client_time_ns = 0;
    std::uint32_t buttons = 0;
    std::uint32_t pressed = 0;
    double yaw_deg = 0;
    double pitch_deg = 0;
    std::uint32_t has_camera = 0;
    dp_pose camera{};
    dp_intrinsics intrinsics{};
};

class ControlQueue {
  public:
    static constexpr double max_look_deg = 360.0;  // the contract's limit for one control

    // A new sample. `merge`: the link cannot take it now, so let it join the one that waits.
    void add(const dp_control& control, std::int64_t now_ns, bool merge) noexcept;

    bool empty() const noexcept { return waiting_ == 0; }
    // Takes the oldest sample, which goes out with the number `wire_sequence` and may have to be sent again.
    bool take(ControlSample& out, std::uint64_t& wire_sequence) noexcept;

    // A frame applied everything up to this wire sequence. Gives the number of the call it stands for, 0 before the
    // first.
    std::uint64_t applied(std::uint64_t wire_sequence) noexcept;

    // The session goes on after a break; the server has heard everything up to `last_heard`. What it has not heard
    // waits again, merged, in front of everything else; and what is held is said again.
    void session_resumed(std::uint64_t last_heard) noexcept;
    // A new session: wire sequences begin again; what was sent in the old one is over, what waits is not.
    void session_opened() noexcept;

    std::uint64_t merged() const noexcept { return merged_; }

  private:
    // Sent, and not known to be applied.
    struct Sent {
        std::uint64_t wire_sequence = 0;
        std::uint64_t number = 0;
        std::int64_t client_time_ns = 0;
        std::uint32_t pressed = 0;
        float yaw_deg = 0;
        float pitch_deg = 0;
    };

    static constexpr std::size_t max_waiting = 64;
    static constexpr std::size_t max_sent = 4096;  // 20 s at 200 Hz: a silent connection is given up by then

    void append(const ControlSample& sample, bool merge) noexcept;
    void say_held_again() noexcept;
    ControlSample& waiting(std::size_t i) noexcept { return queue_[(first_waiting_ + i) % queue_.size()]; }

    std::array<ControlSample, max_waiting + 1> queue_{};
    std::size_t first_waiting_ = 0;
    std::size_t waiting_ = 0;
    std::array<Sent, max_sent> sent_{};
    std::size_t first_sent_ = 0;
    std::size_t sent_count_ = 0;

    ControlSample latest_;  // held state of the last call
    std::uint64_t next_wire_ = 1;
    std::uint64_t applied_number_ = 0;
    std::uint64_t merged_ = 0;
};

}  // namespace dreamport
