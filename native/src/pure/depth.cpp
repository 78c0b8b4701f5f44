// Depth between an engine's buffers, metres and the contract's inverse uint16 values. The loops have no branches, so
// that compilers turn them into vector code: a 1280x720 picture takes less than a millisecond on one core.
#include <cmath>
#include <cstring>

#include "dreamport/core.h"

namespace {

constexpr double kSteps = 65535;

// Rounds 0..65535 to the nearest integer, halves to even (as the backend does), and takes everything else to the nearer
// end; NaN becomes 0. At 2^23 a float's last bit is worth 1, so adding it rounds and leaves the integer in the low
// bits.
inline uint16_t rounded(float x) noexcept {
    x = x > 0.0f ? x : 0.0f;
    x = x < 65535.0f ? x : 65535.0f;
    x += 8388608.0f;
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return static_cast<uint16_t>(bits);
}

bool positive(double value) noexcept {
    return std::isfinite(value) && value > 0;
}

}  // namespace

int32_t DP_CALL dp_depth_to_metres(const uint16_t* in, uint64_t count, double near_m, float* out) {
    if ((count > 0 && (in == nullptr || out == nullptr)) || !positive(near_m)) return DP_ERROR_ARGUMENT;
    const float unit = static_cast<float>(kSteps * near_m);
    for (uint64_t i = 0; i < count; ++i)
        out[i] = unit / static_cast<float>(static_cast<int32_t>(in[i]));
    return DP_OK;
}

int32_t DP_CALL dp_depth_from_metres(const float* in, uint64_t count, double near_m, uint16_t* out) {
    if ((count > 0 && (in == nullptr || out == nullptr)) || !positive(near_m)) return DP_ERROR_ARGUMENT;
    const float unit = static_cast<float>(kSteps * near_m);
    for (uint64_t i = 0; i < count; ++i)
        out[i] = rounded(unit / in[i]);
    return DP_OK;
}

int32_t DP_CALL dp_depth_from_device(const float* in, uint64_t count, uint32_t reversed, double camera_near,
                                     double camera_far, double unit_m, double near_m, uint16_t* out) {
    if ((count > 0 && (in == nullptr || out == nullptr)) || !positive(camera_near) || std::isnan(camera_far) ||
        !positive(unit_m) || !positive(near_m)) {
        return DP_ERROR_ARGUMENT;
    }
    // Inverse depth is linear in the device depth: 1/far where nothing is nearer, 1/near at the near plane.
    const bool infinite = camera_far <= camera_near || std::isinf(camera_far);
    const double inverse_near = 1 / (camera_near * unit_m);
    const double inverse_far = infinite ? 0 : 1 / (camera_far * unit_m);
    const float base = static_cast<float>(kSteps * near_m * inverse_far);
    const float slope = static_cast<float>(kSteps * near_m * (inverse_near - inverse_far));
    // The far plane's own value is what the buffer was cleared to: nothing was drawn there, so it is infinitely far.
    if (reversed != 0) {
        for (uint64_t i = 0; i < count; ++i) {
            const float device = in[i];
            out[i] = rounded(device > 0.0f ? base + slope * device : 0.0f);
        }
    } else {
        for (uint64_t i = 0; i < count; ++i) {
            const float device = 1.0f - in[i];  // exact above 0.5, where the far things are
            out[i] = rounded(device > 0.0f ? base + slope * device : 0.0f);
        }
    }
    return DP_OK;
}
