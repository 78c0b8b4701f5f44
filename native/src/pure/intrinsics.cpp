// Pinhole cameras: pixels of a frame, fields of view and projection matrices.
#include <cmath>

#include "dreamport/core.h"

namespace {

constexpr double kPi = 3.14159265358979323846;

bool valid(const dp_intrinsics& k) noexcept {
    return std::isfinite(k.fx) && std::isfinite(k.fy) && std::isfinite(k.cx) && std::isfinite(k.cy) && k.fx > 0 &&
           k.fy > 0;
}

}  // namespace

int32_t DP_CALL dp_intrinsics_from_fov(double vertical_fov_deg, uint32_t width, uint32_t height, dp_intrinsics* out) {
    if (out == nullptr || width == 0 || height == 0 || !(vertical_fov_deg > 0 && vertical_fov_deg < 180)) {
        return DP_ERROR_ARGUMENT;
    }
    const double focal = height / (2 * std::tan(vertical_fov_deg * kPi / 360));
    *out = {focal, focal, width / 2.0, height / 2.0};
    return DP_OK;
}

int32_t DP_CALL dp_intrinsics_from_projection(const double m[16], uint32_t width, uint32_t height, dp_intrinsics* out) {
    if (m == nullptr || out == nullptr || width == 0 || height == 0) return DP_ERROR_ARGUMENT;
    for (int i = 0; i < 16; ++i) {
        if (!std::isfinite(m[i])) return DP_ERROR_ARGUMENT;
    }
    // Row 3 gives w. Unity's camera looks along -z (w = -z), Unreal's view space along +z (w = z); zero is an
    // orthographic camera.
    const double forward = m[11];
    const double tolerance = 1e-6 * (std::fabs(m[0]) + std::fabs(m[5]));
    const bool pinhole = std::fabs(forward) > 1e-6 && std::fabs(m[3]) < 1e-6 && std::fabs(m[7]) < 1e-6 &&
                         std::fabs(m[15]) < 1e-6 && std::fabs(m[1]) <= tolerance && std::fabs(m[4]) <= tolerance &&
                         std::fabs(m[12]) <= tolerance && std::fabs(m[13]) <= tolerance;
    if (!pinhole || m[0] <= 0 || m[5] <= 0) return DP_ERROR_ARGUMENT;
    out->fx = m[0] / std::fabs(forward) * width / 2;
    out->fy = m[5] / std::fabs(forward) * height / 2;
    out->cx = (1 + m[8] / forward) * width / 2;
    out->cy = (1 - m[9] / forward) * height / 2;
    return DP_OK;
}

int32_t DP_CALL dp_projection_from_intrinsics(const dp_intrinsics* in, uint32_t width, uint32_t height, double near_m,
                                              double far_m, double out[16]) {
    if (in == nullptr || out == nullptr || width == 0 || height == 0 || !valid(*in) || !std::isfinite(near_m) ||
        near_m <= 0 || std::isnan(far_m)) {
        return DP_ERROR_ARGUMENT;
    }
    const dp_intrinsics k = *in;
    for (int i = 0; i < 16; ++i)
        out[i] = 0;
    out[0] = 2 * k.fx / width;
    out[5] = 2 * k.fy / height;
    out[8] = 1 - 2 * k.cx / width;
    out[9] = 2 * k.cy / height - 1;
    const bool infinite = far_m <= near_m || std::isinf(far_m);
    out[10] = infinite ? -1 : -(far_m + near_m) / (far_m - near_m);
    out[11] = -1;
    out[14] = infinite ? -2 * near_m : -2 * far_m * near_m / (far_m - near_m);
    return DP_OK;
}

int32_t DP_CALL dp_intrinsics_scaled(const dp_intrinsics* in, uint32_t from_width, uint32_t from_height,
                                     uint32_t to_width, uint32_t to_height, dp_intrinsics* out) {
    if (in == nullptr || out == nullptr || !valid(*in) || from_width == 0 || from_height == 0 || to_width == 0 ||
        to_height == 0) {
        return DP_ERROR_ARGUMENT;
    }
    // The first pixel's centre is (0.5, 0.5), so the picture's edges stay where they are and everything scales alike.
    const double x = static_cast<double>(to_width) / from_width;
    const double y = static_cast<double>(to_height) / from_height;
    *out = {in->fx * x, in->fy * y, in->cx * x, in->cy * y};
    return DP_OK;
}
