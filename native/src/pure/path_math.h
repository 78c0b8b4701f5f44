// Numbers for camera paths that are the same to the last bit on every platform: integers, and of floating point only +
// - * / and the square root, which IEEE 754 defines exactly. No function of the system's mathematical library, no fused
// multiply-add (see cmake/extra_pure.cmake).
#pragma once

#include <cmath>
#include <cstdint>

namespace dreamport::pure {

// A point or offset on the floor plan, metres: x to the right, z forward at yaw 0.
struct Plan {
    double x = 0, z = 0;
};

inline Plan operator+(Plan a, Plan b) noexcept {
    return {a.x + b.x, a.z + b.z};
}
inline Plan operator-(Plan a, Plan b) noexcept {
    return {a.x - b.x, a.z - b.z};
}
inline Plan operator*(double s, Plan a) noexcept {
    return {s * a.x, s * a.z};
}
inline double length(Plan a) noexcept {
    return std::sqrt(a.x * a.x + a.z * a.z);
}
inline Plan unit(Plan a, Plan otherwise) noexcept {
    const double l = length(a);
    return l > 1e-9 ? Plan{a.x / l, a.z / l} : otherwise;
}

// Sine and cosine of an angle in degrees, by their series within an eighth of a turn.
inline void sine_cosine(double degrees, double* sine, double* cosine) noexcept {
    const double quarter = std::floor(degrees / 90 + 0.5);
    const double x = (degrees - 90 * quarter) * (3.14159265358979323846 / 180);
    const double x2 = x * x;
    double s = 0, c = 0;
    for (int n = 16; n > 0; n -= 2) {
        s = x2 / (n * (n + 1)) * (1 - s);
        c = x2 / (n * (n - 1)) * (1 - c);
    }
    s = x * (1 - s);
    c = 1 - c;
    const double turns = quarter - 4 * std::floor(quarter / 4);  // 0, 1, 2 or 3
    if (turns < 0.5) {
        *sine = s, *cosine = c;
    } else if (turns < 1.5) {
        *sine = c, *cosine = -s;
    } else if (turns < 2.5) {
        *sine = -s, *cosine = -c;
    } else {
        *sine = -c, *cosine = s;
    }
}

// The direction in which a yaw looks.
inline Plan forward(double yaw_deg) noexcept {
    Plan out;
    sine_cosine(yaw_deg, &out.x, &out.z);
    return out;
}

// The yaw that looks along a direction, -180 to 180 degrees; 0 for the zero vector.
inline double yaw_of(Plan direction) noexcept {
    const double x = std::fabs(direction.x), z = std::fabs(direction.z);
    const double larger = x > z ? x : z, smaller = x > z ? z : x;
    if (larger <= 0) return 0;
    double t = smaller / larger, base = 0;
    if (t > 0.41421356237309503) {
        t = (t - 1) / (t + 1);
        base = 45;
    }
    double series = 0;
    for (int n = 45; n > 0; n -= 2)
        series = 1.0 / n - t * t * series;
    double angle = base + t * series * (180 / 3.14159265358979323846);  // from the larger axis
    if (x > z) angle = 90 - angle;
    if (direction.z < 0) angle = 180 - angle;
    return direction.x < 0 ? -angle : angle;
}

// An angle brought to -180..180 degrees.
inline double wrapped(double degrees) noexcept {
    return degrees - 360 * std::floor(degrees / 360 + 0.5);
}

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
class Random {
  public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    // Evenly from low to high.
    double between(double low, double high) noexcept {
        return low + (high - low) * (static_cast<double>(next() >> 11) * (1.0 / 9007199254740992.0));
    }
    double sign() noexcept { return (next() >> 63) != 0 ? 1 : -1; }
    // 0 to count - 1.
    std::uint32_t below(std::uint32_t count) noexcept {
        return static_cast<std::uint32_t>(((next() >> 32) * count) >> 32);
    }

  private:
    std::uint64_t state_;
};

}  // namespace dreamport::pure
