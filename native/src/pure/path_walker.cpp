#include "pure/path_walker.h"

#include <algorithm>

namespace dreamport::pure {
namespace {

constexpr double kSecondsToFullSpeed = 0.4;
constexpr double kSecondsToFullTurn = 0.25;
constexpr double kMargin = 0.03;        // metres kept between the body and a wall
constexpr double kVerticalShare = 0.7;  // of a step's length that may go up or down

// The rate from which a motion with bounded acceleration, in steps of dt, stops within `distance`.
double rate_to_stop(double distance, double acceleration, double dt) noexcept {
    return distance <= 0 ? 0 : acceleration * (std::sqrt(dt * dt + 2 * distance / acceleration) - dt);
}

double toward(double value, double target, double most) noexcept {
    return std::min(std::max(target, value - most), value + most);
}

}  // namespace

Walker::Walker(const dp_path_options& options, const dp_path_probe* probe, dp_pose* poses,
               std::uint32_t* flags) noexcept
    : options_(options),
      probe_(probe),
      poses_(poses),
      flags_(flags),
      dt_(1 / options.frame_rate),
      acceleration_(options.speed_m_s / kSecondsToFullSpeed),
      turn_acceleration_(options.turn_deg_s / kSecondsToFullTurn) {}

bool Walker::begin(double yaw_deg) noexcept {
    at_ = {options_.start[0], options_.start[2]};
    yaw_ = yaw_deg;
    if (!eye_level(at_, options_.start[1], &level_)) return false;
    y_ = level_;
    if (!inside(at_, y_) || !clear(at_, y_, at_, y_)) return false;
    write(0);
    return true;
}

bool Walker::step(Plan direction, double speed, double yaw_deg, double turn_deg_s, std::uint32_t flags) noexcept {
    bool unhindered = true;
    speed = std::min(speed, options_.speed_m_s);
    if (speed > 0) {
        // Brakes ahead of walls and edges instead of running into them.
        const double braking = speed * speed / (2 * acceleration_) + 2 * speed * dt_ + 0.1;
        const double free = free_ahead(direction, kMargin + braking) - kMargin;
        unhindered = free > 0.01;
        speed = std::min(speed, speed_to_stop(free));
    }
    unhindered = advance(speed * direction) && unhindered;
    turn(yaw_deg, turn_deg_s);
    write(flags);
    return unhindered;
}

void Walker::mark(std::uint32_t flags) noexcept {
    if (flags_ != nullptr && written_ > 0) flags_[written_ - 1] |= flags;
}

double Walker::room(Plan from, Plan direction, double distance) const noexcept {
    double most = distance;
    const double along[2] = {direction.x, direction.z}, place[2] = {from.x, from.z};
    for (int i = 0; i < 2; ++i) {
        if (along[i] > 1e-9) most = std::min(most, (options_.maximum[2 * i] - place[i]) / along[i]);
        if (along[i] < -1e-9) most = std::min(most, (options_.minimum[2 * i] - place[i]) / along[i]);
    }
    if (most <= 0) return 0;
    return most * cleared_part(from, y_, from + most * direction, y_);
}

double Walker::speed_to_stop(double distance) const noexcept {
    return rate_to_stop(distance, acceleration_, dt_);
}

// Moves by one frame, or stands still and gives false.
bool Walker::advance(Plan wanted_velocity) noexcept {
    const Plan change = wanted_velocity - velocity_;
    const double most = acceleration_ * dt_;
    const double size = length(change);
    velocity_ = size <= most ? wanted_velocity : velocity_ + (most / size) * change;

    // Up or down first, towards the height that the floor below asks for; what is left of the step's length goes ahead.
    const double whole = options_.speed_m_s * dt_;
    const double climb = level_ - y_;
    const double rate = std::min(kVerticalShare * options_.speed_m_s, speed_to_stop(std::fabs(climb)));
    climb_rate_ = toward(climb_rate_, climb < 0 ? -rate : rate, most);
    const double rise = climb_rate_ * dt_;
    const double reach = std::sqrt(std::max(0.0, whole * whole - rise * rise));
    Plan ahead = dt_ * velocity_;
    const double stride = length(ahead);
    if (stride > reach) ahead = (reach / stride) * ahead;

    const Plan to = at_ + ahead;
    const double y = y_ + rise;
    if (stride > 0 || rise > 0 || rise < 0) {
        double level = level_;
        const bool floor = stride <= 0 || eye_level(to, y, &level);
        if (floor && std::fabs(level - y) <= kClimb && inside(to, y) && clear(at_, y_, to, y)) {
            at_ = to;
            y_ = y;
            level_ = level;
            return true;
        }
        velocity_ = {};
        climb_rate_ = 0;
        if (inside(at_, y) && clear(at_, y_, at_, y)) y_ = y;
        return stride <= 0;
    }
    return true;
}

// Metres until a wall, the box's side, or the floor's edge.
double Walker::free_ahead(Plan direction, double distance) const noexcept {
    double free = room(at_, direction, distance);
    double level;
    const auto supported = [&](double d) {
        return eye_level(at_ + d * direction, y_, &level) && std::fabs(level - y_) <= kClimb + d;
    };
    if (free <= 0 || supported(free)) return free;
    double here = 0;
    for (int i = 0; i < 5; ++i) {
        const double middle = 0.5 * (here + free);
        (supported(middle) ? here : free) = middle;
    }
    return here;
}

void Walker::turn(double yaw_deg, double turn_deg_s) noexcept {
    const double error = yaw_deg - yaw_;
    const double most = std::min(turn_deg_s, options_.turn_deg_s);
    double rate = std::min(most, rate_to_stop(std::fabs(error), turn_acceleration_, dt_));
    if (error < 0) rate = -rate;
    turn_rate_ = toward(turn_rate_, rate, turn_acceleration_ * dt_);
    turn_rate_ = std::min(std::max(turn_rate_, -options_.turn_deg_s), options_.turn_deg_s);
    const double moved = turn_rate_ * dt_;
    if (std::fabs(error - moved) < 1e-6) {
        yaw_ = yaw_deg;  // lands exactly, so that turns add up
    } else {
        yaw_ += moved;
    }
}

void Walker::write(std::uint32_t flags) noexcept {
    if (full()) return;
    dp_pose& pose = poses_[written_];
    pose.position[0] = at_.x;
    pose.position[1] = y_;
    pose.position[2] = at_.z;
    pose.orientation[0] = 0;
    pose.orientation[2] = 0;
    sine_cosine(yaw_ / 2, &pose.orientation[1], &pose.orientation[3]);
    if (flags_ != nullptr) flags_[written_] = flags;
    ++written_;
}

bool Walker::inside(Plan at, double y) const noexcept {
    const double place[3] = {at.x, y, at.z};
    for (int i = 0; i < 3; ++i) {
        if (!(place[i] >= options_.minimum[i] && place[i] <= options_.maximum[i])) return false;
    }
    return true;
}

bool Walker::clear(Plan from, double from_y, Plan to, double to_y) const noexcept {
    return cleared_part(from, from_y, to, to_y) >= 1;
}

double Walker::cleared_part(Plan from, double from_y, Plan to, double to_y) const noexcept {
    if (probe_ == nullptr || probe_->sweep == nullptr) return 1;
    const double a[3] = {from.x, from_y, from.z}, b[3] = {to.x, to_y, to.z};
    const double part = probe_->sweep(probe_->user, a, b, options_.radius_m);
    return part > 0 ? std::min(part, 1.0) : 0;  // no number counts as blocked
}

// Height of the camera above the floor at a place; false where there is no floor.
bool Walker::eye_level(Plan at, double y, double* out) const noexcept {
    double floor = options_.start[1];
    if (probe_ != nullptr && probe_->ground != nullptr) {
        const double place[3] = {at.x, y, at.z};
        if (probe_->ground(probe_->user, place, &floor) == 0 || !std::isfinite(floor)) return false;
    }
    *out = floor - options_.eye_height_m;
    return true;
}

}  // namespace dreamport::pure
