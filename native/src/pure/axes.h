// Quaternions, and how the axes of the level lie in each engine. Angles follow the formula that all three engines use
// for rotating a vector, v + 2 w (q x v) + 2 q x (q x v), in whatever axes the numbers are given.
#pragma once

#include <array>
#include <cmath>

#include "dreamport/core.h"

namespace dreamport::pure {

using Vector = std::array<double, 3>;

struct Quaternion {
    double x = 0, y = 0, z = 0, w = 1;
};

// Engine axes as level axes: engine[i] = sign[i] * level[source[i]] * units_per_metre. The same mapping turns the
// OpenCV camera (right, down, forward) into the engine's camera, because each engine's camera looks along its forward
// axis.
struct Axes {
    std::array<int, 3> source;
    std::array<double, 3> sign;
    double determinant;  // -1: the engine is left-handed
    double units_per_metre;
};

// Null for a number that names no engine.
inline const Axes* axes_of(int32_t engine) noexcept {
    static constexpr Axes unity{{0, 1, 2}, {1, -1, 1}, -1, 1};
    static constexpr Axes unreal{{2, 0, 1}, {1, 1, -1}, -1, 100};
    static constexpr Axes godot{{0, 1, 2}, {1, -1, -1}, 1, 1};
    switch (engine) {
        case DP_ENGINE_UNITY:
            return &unity;
        case DP_ENGINE_UNREAL:
            return &unreal;
        case DP_ENGINE_GODOT:
            return &godot;
        default:
            return nullptr;
    }
}

inline Vector to_engine_axes(const Axes& axes, const Vector& v) noexcept {
    Vector out{};
    for (std::size_t i = 0; i < 3; ++i)
        out[i] = axes.sign[i] * v[static_cast<std::size_t>(axes.source[i])];
    return out;
}

inline Vector to_level_axes(const Axes& axes, const Vector& v) noexcept {
    Vector out{};
    for (std::size_t i = 0; i < 3; ++i)
        out[static_cast<std::size_t>(axes.source[i])] = axes.sign[i] * v[i];
    return out;
}

// A rotation by an angle about v is, seen through a mapping M of axes, one by det(M) times the angle about M v.
inline Quaternion to_engine_axes(const Axes& axes, const Quaternion& q) noexcept {
    const Vector v = to_engine_axes(axes, Vector{q.x, q.y, q.z});
    return {axes.determinant * v[0], axes.determinant * v[1], axes.determinant * v[2], q.w};
}

inline Quaternion to_level_axes(const Axes& axes, const Quaternion& q) noexcept {
    const Vector v = to_level_axes(axes, Vector{q.x, q.y, q.z});
    return {axes.determinant * v[0], axes.determinant * v[1], axes.determinant * v[2], q.w};
}

// First b, then a.
inline Quaternion operator*(const Quaternion& a, const Quaternion& b) noexcept {
    return {a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y, a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
            a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w, a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z};
}

inline Quaternion conjugate(const Quaternion& q) noexcept {
    return {-q.x, -q.y, -q.z, q.w};
}

inline Vector rotate(const Quaternion& q, const Vector& v) noexcept {
    const Vector t{2 * (q.y * v[2] - q.z * v[1]), 2 * (q.z * v[0] - q.x * v[2]), 2 * (q.x * v[1] - q.y * v[0])};
    return {v[0] + q.w * t[0] + q.y * t[2] - q.z * t[1], v[1] + q.w * t[1] + q.z * t[0] - q.x * t[2],
            v[2] + q.w * t[2] + q.x * t[1] - q.y * t[0]};
}

// False for a quaternion that is no rotation: not finite, or all zero as in memory that nobody set.
inline bool unit_quaternion(const double in[4], Quaternion* out) noexcept {
    const double norm = std::sqrt(in[0] * in[0] + in[1] * in[1] + in[2] * in[2] + in[3] * in[3]);
    if (!std::isfinite(norm) || norm < 1e-3) return false;
    *out = {in[0] / norm, in[1] / norm, in[2] / norm, in[3] / norm};
    return true;
}

inline bool finite_vector(const double in[3], Vector* out) noexcept {
    *out = {in[0], in[1], in[2]};
    return std::isfinite(in[0]) && std::isfinite(in[1]) && std::isfinite(in[2]);
}

}  // namespace dreamport::pure
