// dp_path_sample: checks what it is given and walks the kind of path that was asked for.
#include "pure/path_kinds.h"

namespace dreamport::pure {
namespace {

bool finite(const double v[3]) noexcept {
    return std::isfinite(v[0]) && std::isfinite(v[1]) && std::isfinite(v[2]);
}

bool between(double value, double low, double high) noexcept {
    return value >= low && value <= high;
}

bool valid(const dp_path_options& o) noexcept {
    for (int i = 0; i < 3; ++i) {
        if (!(o.minimum[i] <= o.maximum[i])) return false;
    }
    return o.kind >= DP_PATH_RECTANGLE && o.kind <= DP_PATH_MIX && o.frames > 0 && between(o.frame_rate, 1, 1000) &&
           between(o.speed_m_s, 1e-3, 1000) && between(o.turn_deg_s, 1e-1, 3600) && between(o.radius_m, 0, 1000) &&
           between(o.eye_height_m, 0, 1000) && between(o.look_back_probability, 0, 1) && finite(o.start) &&
           finite(o.landmark);
}

}  // namespace
}  // namespace dreamport::pure

int32_t DP_CALL dp_path_sample(const dp_path_options* options, const dp_path_probe* probe, dp_pose* out_poses,
                               uint32_t* out_flags, uint32_t capacity) {
    using namespace dreamport::pure;
    if (options == nullptr || out_poses == nullptr) return DP_ERROR_ARGUMENT;
    if (options->struct_size != sizeof(dp_path_options)) return DP_ERROR_VERSION;
    if (!valid(*options) || capacity < options->frames) return DP_ERROR_ARGUMENT;

    Random random(options->seed ^ (0x5851f42d4c957f2du * options->kind));
    Walker walker(*options, probe, out_poses, out_flags);
    const Trip trip{*options, walker, random};
    const Plan landmark{options->landmark[0], options->landmark[2]};
    const double anywhere = random.between(-180, 180);
    const Plan start{options->start[0], options->start[2]};
    const bool orbits = options->kind == DP_PATH_ORBIT && length(landmark - start) > 1e-6;
    if (!walker.begin(orbits ? yaw_of(landmark - start) : anywhere)) return DP_ERROR_STATE;
    while (!walker.full()) {
        switch (options->kind) {
            case DP_PATH_RECTANGLE:
                walk_rectangle(trip);
                break;
            case DP_PATH_TURN:
                turn_around(trip);
                break;
            case DP_PATH_WAYPOINTS:
                walk_waypoints(trip, 8);
                break;
            case DP_PATH_ORBIT:
                orbit(trip, landmark, 720);
                break;
            default:
                mix(trip);
                break;
        }
    }
    return DP_OK;
}
