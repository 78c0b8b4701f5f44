#include "pure/path_kinds.h"

#include <algorithm>
#include <utility>

namespace dreamport::pure {
namespace {

void stand(Trip trip, double seconds) noexcept {
    const double yaw = trip.walker.yaw();
    for (double t = 0; t < seconds && !trip.walker.full(); t += trip.walker.dt()) {
        trip.walker.step({}, 0, yaw, trip.options.turn_deg_s, 0);
    }
}

void turn_to(Trip trip, double yaw_deg, double turn_deg_s) noexcept {
    while (!trip.walker.full() && std::fabs(trip.walker.yaw() - yaw_deg) > 1e-9) {
        trip.walker.step({}, 0, yaw_deg, turn_deg_s, 0);
    }
}

// Straight on for a length in metres; the length walked, and whether something was in the way.
std::pair<double, bool> walk_straight(Trip trip, double yaw_deg, double metres) noexcept {
    Walker& walker = trip.walker;
    const Plan direction = forward(yaw_deg), begin = walker.at();
    double walked = 0;
    do {
        const double speed = std::max(walker.speed_to_stop(metres - walked), 1e-3);
        const bool free = walker.step(direction, speed, yaw_deg, trip.options.turn_deg_s, 0);
        walked = length(walker.at() - begin);
        if (!free) {
            walker.mark(kTurnedAway);
            return {walked, true};
        }
    } while (!walker.full() && walked < metres - 1e-3);
    return {walked, false};
}

// The yaw, out of `count` evenly spread ones, along which there is most room within `distance` metres.
double freest_yaw(Trip trip, int count, double distance, double* room) noexcept {
    const double first = trip.random.between(-180, 180);
    double best = first;
    *room = -1;
    for (int i = 0; i < count; ++i) {
        const double yaw = first + 360.0 * i / count;
        const double here = trip.walker.room(trip.walker.at(), forward(yaw), distance);
        if (here > *room + 1e-9) {
            *room = here;
            best = yaw;
        }
    }
    return best;
}

// The same direction as `yaw_deg`, as the number nearest to the walker's own yaw.
double near_yaw(const Walker& walker, double yaw_deg) noexcept {
    return walker.yaw() + wrapped(yaw_deg - walker.yaw());
}

// Metres of the straight line to a landmark that the body cannot walk: what hides it, its own body included.
double hidden_part(Trip trip, Plan from, Plan landmark) noexcept {
    const double distance = length(landmark - from);
    return distance - trip.walker.room(from, unit(landmark - from, {0, 1}), distance);
}

// A cubic from one point to the next with a tangent at each end (Hermite).
struct Curve {
    Plan from, to, leave, arrive;

    Plan at(double u) const noexcept {
        const double u2 = u * u, u3 = u2 * u;
        return (2 * u3 - 3 * u2 + 1) * from + (u3 - 2 * u2 + u) * leave + (3 * u2 - 2 * u3) * to + (u3 - u2) * arrive;
    }
};

// A point that can be reached from `from` in a straight line, ahead if possible. False in a dead end.
bool choose_waypoint(Trip trip, Plan from, double yaw_deg, Plan* out) noexcept {
    double best = 0;
    for (int i = 0; i < 16 && best < 1.2; ++i) {
        const double spread = i < 8 ? 100 : 180;
        const Plan direction = forward(yaw_deg + trip.random.between(-spread, spread));
        const double wanted = trip.random.between(1.5, 5);
        const double reach = std::min(wanted, trip.walker.room(from, direction, wanted + 0.3) - 0.2);
        if (reach > best) {
            best = reach;
            *out = from + reach * direction;
        }
    }
    return best >= 0.35;
}

Curve curve_between(Trip trip, Plan from, Plan leave, Plan to, Plan next) noexcept {
    const double chord = length(to - from);
    const Plan straight = to - from;
    Curve curve{from, to, chord * unit(leave, unit(straight, {})), chord * unit(next - from, unit(straight, {}))};
    Plan before = from;
    for (int i = 1; i <= 8; ++i) {
        const Plan here = curve.at(i / 8.0);
        const double gap = length(here - before);
        if (trip.walker.room(before, unit(here - before, {}), gap) < gap - 1e-9) {
            return {from, to, straight, straight};  // cuts a corner; the straight line was found clear
        }
        before = here;
    }
    return curve;
}

// Decides when to look back and for how long.
class LookBack {
  public:
    explicit LookBack(Trip trip) noexcept : trip_(trip) {}

    // `astray`: how far the eyes are from the walking direction now, degrees.
    void at_waypoint(double astray) noexcept {
        if (frames_left_ > 0 || trip_.random.between(0, 1) >= trip_.options.look_back_probability) return;
        const double seconds = 180 / trip_.options.turn_deg_s + 0.3 + trip_.random.between(0.8, 2.0);
        frames_left_ = static_cast<int>(std::min(seconds * trip_.options.frame_rate, 1e6));
        side_ = trip_.random.sign();
        if (std::fabs(astray) > 30) side_ = astray < 0 ? -1 : 1;  // still turned that way: not once around
    }
    // Degrees to add to the walking direction in this frame.
    double next() noexcept {
        if (frames_left_ <= 0) return 0;
        --frames_left_;
        return 180 * side_;
    }

  private:
    Trip trip_;
    int frames_left_ = 0;
    double side_ = 1;
};

}  // namespace

void walk_rectangle(Trip trip) noexcept {
    double room = 0;
    const double yaw = near_yaw(trip.walker, freest_yaw(trip, 6, 6, &room));
    turn_to(trip, yaw, trip.options.turn_deg_s * trip.random.between(0.5, 1));
    const double side = trip.random.sign();
    double sides[2] = {std::max(0.3, std::min(trip.random.between(1.5, 6), 0.9 * room)), trip.random.between(1.5, 6)};
    for (int i = 0; i < 4 && !trip.walker.full(); ++i) {
        const double heading = yaw + 90 * side * i;
        const auto [walked, blocked] = walk_straight(trip, heading, sides[i % 2]);
        if (blocked && i < 2) sides[i] = std::max(walked, 0.01);
        turn_to(trip, heading + 90 * side, trip.options.turn_deg_s * trip.random.between(0.5, 1));
    }
}

void turn_around(Trip trip) noexcept {
    stand(trip, trip.random.between(0.2, 1));
    const double end = trip.walker.yaw() + 360 * trip.random.sign();
    while (!trip.walker.full() && std::fabs(trip.walker.yaw() - end) > 1e-9) {
        const double rate = trip.options.turn_deg_s * trip.random.between(0.25, 1);
        const double left = std::fabs(end - trip.walker.yaw());
        const double until = left - trip.random.between(45, 120);  // then another speed
        do {
            trip.walker.step({}, 0, end, rate, 0);
        } while (!trip.walker.full() && std::fabs(end - trip.walker.yaw()) > std::max(until, 1e-9));
    }
}

void walk_waypoints(Trip trip, int count) noexcept {
    Walker& walker = trip.walker;
    const std::uint32_t before = walker.written();
    LookBack look_back(trip);
    double heading = walker.yaw();  // of the walk, not wrapped
    const double carrot = std::max(0.25, 0.25 * trip.options.speed_m_s);
    Plan here = walker.at(), leave{}, target, next;
    bool planned = false;
    while (count > 0 && !walker.full()) {
        if (!planned) {
            here = walker.at();
            leave = {};
            if (!choose_waypoint(trip, here, heading, &target)) {
                walker.mark(kTurnedAway);
                heading += 120 * trip.random.sign();
                turn_to(trip, heading, trip.options.turn_deg_s);
                --count;
                if (!walker.full()) walker.step({}, 0, heading, trip.options.turn_deg_s, 0);
                continue;
            }
        }
        if (!choose_waypoint(trip, target, yaw_of(target - here), &next)) next = target + (target - here);
        const Curve curve = curve_between(trip, here, leave, target, next);
        look_back.at_waypoint(walker.yaw() - heading);
        planned = true;
        double u = 0;
        while (!walker.full()) {
            while (u < 1 && length(curve.at(u) - walker.at()) < carrot)
                u += 1.0 / 64;
            if (u >= 1) break;
            const Plan direction = unit(curve.at(u) - walker.at(), forward(heading));
            heading += wrapped(yaw_of(direction) - heading);
            const double offset = look_back.next();
            // Slow while the eyes are not yet where the feet want to go.
            const double astray = std::fabs(heading + offset - walker.yaw());
            const double pace = offset < 0 || offset > 0 ? 0.8 : std::max(0.1, 1 - std::max(0.0, astray - 30) / 90);
            const bool free = walker.step(direction, pace * trip.options.speed_m_s, heading + offset,
                                          trip.options.turn_deg_s, offset < 0 || offset > 0 ? kLookBack : 0);
            if (!free) {
                walker.mark(kTurnedAway);
                heading += 180;
                planned = false;
                break;
            }
        }
        --count;
        here = target;
        leave = curve.arrive;
        target = next;
    }
    // One frame at least: for who walks farther in a moment than there is room, every waypoint is reached already.
    if (walker.written() == before && !walker.full()) walker.step({}, 0, heading, trip.options.turn_deg_s, 0);
}

void orbit(Trip trip, Plan landmark, double arc_deg) noexcept {
    Walker& walker = trip.walker;
    const double nearest = std::max(0.5, 2.5 * trip.options.radius_m);
    const double usual = std::max(nearest, length(walker.at() - landmark));
    // A landmark that is seen at first (its own body may be in the way) stays in sight.
    const double body = hidden_part(trip, walker.at(), landmark);
    const double may_hide = body < 2 ? body + 1 : 1e9;
    double radius = usual, side = trip.random.sign(), walked = 0, free_arc = 90;
    double until_change = trip.random.between(90, 200);
    int standing = 0;
    do {
        const Plan offset = walker.at() - landmark;
        const double distance = length(offset);
        const Plan outward = unit(offset, forward(walker.yaw() + 180));
        const Plan along{side * outward.z, -side * outward.x};
        const double correction = std::min(std::max(1.5 * (radius - distance), -1.0), 1.0);
        const Plan direction = unit(along + correction * outward, along);
        const double rate = 0.7 * trip.options.turn_deg_s * (3.14159265358979323846 / 180);
        const double speed = standing > 0 ? 0 : std::min(trip.options.speed_m_s, rate * std::max(distance, 0.2));
        const double yaw = near_yaw(walker, yaw_of((-1.0) * outward));
        const bool seen = standing > 0 || hidden_part(trip, walker.at() + 0.3 * direction, landmark) < may_hide;
        const bool free = walker.step(direction, seen ? speed : 0, yaw, trip.options.turn_deg_s, 0) && seen;
        const double turned = std::fabs(wrapped(yaw_of(walker.at() - landmark) - yaw_of(offset)));
        walked += std::max(turned, 0.05);  // standing counts a little, so that an orbit ends where none is possible
        free_arc += turned;
        until_change -= turned;
        standing = std::max(0, standing - 1);
        if (!free) {
            walker.mark(kTurnedAway);
            side = -side;
            radius = std::max(nearest, distance * trip.random.between(0.75, 1));
            // Between two walls close together it stands and looks most of the time.
            const double seconds = trip.random.between(0.1, 0.6) + (free_arc < 45 ? 1.5 : 0);
            standing = static_cast<int>(std::min(seconds / walker.dt(), 1e6));
            free_arc = 0;
        } else if (until_change < 0) {
            radius = std::max(nearest, usual * trip.random.between(0.75, 1.3));
            until_change = trip.random.between(90, 200);
        }
    } while (!walker.full() && walked < arc_deg);
}

// An orbit of the landmark if it is near and in sight, else of a place in the open, else only a look around.
void visit_landmark(Trip trip) noexcept {
    Walker& walker = trip.walker;
    Plan landmark{trip.options.landmark[0], trip.options.landmark[2]};
    const double distance = length(landmark - walker.at());
    if (distance < 0.8 || distance > 8 || hidden_part(trip, walker.at(), landmark) > 1.5) {
        double room = 0;
        const double yaw = freest_yaw(trip, 8, 5, &room);
        if (room < 1.6) return turn_around(trip);
        landmark = walker.at() + 0.5 * room * forward(yaw);
    }
    turn_to(trip, near_yaw(walker, yaw_of(landmark - walker.at())), trip.options.turn_deg_s);
    if (!walker.full()) orbit(trip, landmark, trip.random.between(180, 360));
}

void mix(Trip trip) noexcept {
    int order[4] = {0, 1, 2, 3};
    for (std::uint32_t i = 3; i > 0; --i)
        std::swap(order[i], order[trip.random.below(i + 1)]);
    for (const int kind : order) {
        if (trip.walker.full()) return;
        if (kind == 0) walk_rectangle(trip);
        if (kind == 1) turn_around(trip);
        if (kind == 2) walk_waypoints(trip, 5);
        if (kind == 3) visit_landmark(trip);
    }
}

}  // namespace dreamport::pure
