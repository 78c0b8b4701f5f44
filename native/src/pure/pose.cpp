// Camera poses, points and directions between the level and an engine.
#include "pure/axes.h"

namespace dreamport::pure {
namespace {

// Where the level lies in the engine.
struct Placement {
    const Axes* axes = nullptr;
    Quaternion rotation;
    Vector origin{};
    double units = 1;  // engine units of one level metre
};

bool placement(int32_t engine, const dp_engine_pose* anchor, double scale, Placement* out) noexcept {
    out->axes = axes_of(engine);
    if (out->axes == nullptr || !std::isfinite(scale) || scale <= 0) return false;
    out->units = scale * out->axes->units_per_metre;
    if (anchor == nullptr) return true;
    return unit_quaternion(anchor->rotation, &out->rotation) && finite_vector(anchor->position, &out->origin);
}

Vector to_engine(const Placement& place, const Vector& level, double w) noexcept {
    Vector v = to_engine_axes(*place.axes, level);
    for (double& value : v)
        value *= place.units;
    v = rotate(place.rotation, v);
    for (std::size_t i = 0; i < 3; ++i)
        v[i] += w * place.origin[i];
    return v;
}

Vector to_level(const Placement& place, const Vector& engine, double w) noexcept {
    Vector v = engine;
    for (std::size_t i = 0; i < 3; ++i)
        v[i] -= w * place.origin[i];
    v = rotate(conjugate(place.rotation), v);
    for (double& value : v)
        value /= place.units;
    return to_level_axes(*place.axes, v);
}

void write(const Vector& v, double out[3]) noexcept {
    for (std::size_t i = 0; i < 3; ++i)
        out[i] = v[i];
}

void write(const Quaternion& q, double out[4]) noexcept {
    out[0] = q.x;
    out[1] = q.y;
    out[2] = q.z;
    out[3] = q.w;
}

}  // namespace
}  // namespace dreamport::pure

using namespace dreamport::pure;

int32_t DP_CALL dp_pose_from_engine(int32_t engine, const dp_engine_pose* anchor, double scale,
                                    const dp_engine_pose* camera, dp_pose* out) {
    Placement place;
    Quaternion rotation;
    Vector position{};
    if (camera == nullptr || out == nullptr || !placement(engine, anchor, scale, &place) ||
        !unit_quaternion(camera->rotation, &rotation) || !finite_vector(camera->position, &position)) {
        return DP_ERROR_ARGUMENT;
    }
    write(to_level(place, position, 1), out->position);
    write(to_level_axes(*place.axes, conjugate(place.rotation) * rotation), out->orientation);
    return DP_OK;
}

int32_t DP_CALL dp_pose_to_engine(int32_t engine, const dp_engine_pose* anchor, double scale, const dp_pose* pose,
                                  dp_engine_pose* out) {
    Placement place;
    Quaternion rotation;
    Vector position{};
    if (pose == nullptr || out == nullptr || !placement(engine, anchor, scale, &place) ||
        !unit_quaternion(pose->orientation, &rotation) || !finite_vector(pose->position, &position)) {
        return DP_ERROR_ARGUMENT;
    }
    write(to_engine(place, position, 1), out->position);
    write(place.rotation * to_engine_axes(*place.axes, rotation), out->rotation);
    return DP_OK;
}

int32_t DP_CALL dp_vector_to_engine(int32_t engine, const dp_engine_pose* anchor, double scale, const double level[3],
                                    double w, double out[3]) {
    Placement place;
    Vector v{};
    if (level == nullptr || out == nullptr || !std::isfinite(w) || !placement(engine, anchor, scale, &place) ||
        !finite_vector(level, &v)) {
        return DP_ERROR_ARGUMENT;
    }
    write(to_engine(place, v, w), out);
    return DP_OK;
}

int32_t DP_CALL dp_vector_from_engine(int32_t engine, const dp_engine_pose* anchor, double scale, const double in[3],
                                      double w, double out[3]) {
    Placement place;
    Vector v{};
    if (in == nullptr || out == nullptr || !std::isfinite(w) || !placement(engine, anchor, scale, &place) ||
        !finite_vector(in, &v)) {
        return DP_ERROR_ARGUMENT;
    }
    write(to_level(place, v, w), out);
    return DP_OK;
}
