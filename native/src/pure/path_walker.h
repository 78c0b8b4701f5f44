// The body that walks a camera path: one call, one frame. It keeps speed, acceleration and turn rate bounded, stays in
// its box, follows the floor and never makes a step that the probe did not clear.
#pragma once

#include "dreamport/core.h"
#include "pure/path_math.h"

namespace dreamport::pure {

constexpr std::uint32_t kLookBack = 1u, kTurnedAway = 2u;

// A floor that is this much higher or lower than the step before is a wall or an edge, metres.
constexpr double kClimb = 0.45;

class Walker {
  public:
    // `poses` and `flags` (may be null) have room for options.frames. All must outlive the walker.
    Walker(const dp_path_options& options, const dp_path_probe* probe, dp_pose* poses, std::uint32_t* flags) noexcept;

    // Writes the first frame at the start, looking along yaw. False when the start is not free.
    bool begin(double yaw_deg) noexcept;

    // One frame. Moves along `direction` (of length 1) with at most `speed` m/s (0: comes to a stand) and turns towards
    // `yaw_deg` (not wrapped: 720 is two turns) with at most `turn_deg_s`. False when something is in the way: the
    // walker stands there.
    bool step(Plan direction, double speed, double yaw_deg, double turn_deg_s, std::uint32_t flags) noexcept;

    // Marks the last frame written.
    void mark(std::uint32_t flags) noexcept;

    // How far the body could go from `from` along `direction`, at most `distance` metres, at the walker's height.
    double room(Plan from, Plan direction, double distance) const noexcept;

    // The speed from which the walker stops within `distance` metres.
    double speed_to_stop(double distance) const noexcept;

    bool full() const noexcept { return written_ >= options_.frames; }
    std::uint32_t written() const noexcept { return written_; }
    Plan at() const noexcept { return at_; }
    double yaw() const noexcept { return yaw_; }
    double dt() const noexcept { return dt_; }
    double speed() const noexcept { return length(velocity_); }

  private:
    bool advance(Plan wanted_velocity) noexcept;
    double free_ahead(Plan direction, double distance) const noexcept;
    void turn(double yaw_deg, double turn_deg_s) noexcept;
    void write(std::uint32_t flags) noexcept;
    bool inside(Plan at, double y) const noexcept;
    bool clear(Plan from, double from_y, Plan to, double to_y) const noexcept;
    double cleared_part(Plan from, double from_y, Plan to, double to_y) const noexcept;
    bool eye_level(Plan at, double y, double* out) const noexcept;

    const dp_path_options& options_;
    const dp_path_probe* probe_;
    dp_pose* poses_;
    std::uint32_t* flags_;
    std::uint32_t written_ = 0;
    double dt_, acceleration_, turn_acceleration_;
    Plan at_, velocity_;
    double y_ = 0, level_ = 0;  // height, and the height that the floor asks for
    double climb_rate_ = 0;
    double yaw_ = 0, turn_rate_ = 0;
};

}  // namespace dreamport::pure
