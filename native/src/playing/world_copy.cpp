#include "playing/world_copy.h"

#include "text.h"

namespace dreamport {

void copy_summary(dp_world& out, const dreamport_v1_WorldSummary& summary) noexcept {
    copy_text(out.name, text_of(summary.name));
    copy_text(out.title, text_of(summary.title));
    copy_text(out.description, text_of(summary.description));
    copy_text(out.licence, text_of(summary.licence));
    out.width = summary.frame_size.width;
    out.height = summary.frame_size.height;
    out.frame_rate = summary.frame_rate;
}

void copy_world(dp_world& out, const dreamport_v1_World& world) noexcept {
    out = dp_world{};
    copy_summary(out, world.summary);
    copy_text(out.digest, text_of(world.digest));
    out.intrinsics = {world.intrinsics.fx, world.intrinsics.fy, world.intrinsics.cx, world.intrinsics.cy};
    out.depth_min_m = world.depth_range.min_m;
    out.depth_max_m = world.depth_range.max_m;
    out.chunk_frames = world.chunk_frames;
    const dreamport_v1_ControlSchema& schema = world.control_schema;
    out.look_max_deg_per_frame = schema.look.max_deg_per_frame;
    out.look_yaw = schema.look.yaw ? 1 : 0;
    out.look_pitch = schema.look.pitch ? 1 : 0;
    out.takes_pose = schema.pose ? 1 : 0;
    out.takes_prompts = schema.prompts ? 1 : 0;
    out.button_count = schema.buttons_count;
    for (std::size_t i = 0; i < schema.buttons_count; ++i) {
        copy_text(out.buttons[i].name, text_of(schema.buttons[i].name));
        copy_text(out.buttons[i].label, text_of(schema.buttons[i].label));
        for (std::size_t k = 0; k < schema.buttons[i].keys_count; ++k) {
            copy_text(out.buttons[i].keys[k], text_of(schema.buttons[i].keys[k]));
        }
    }
    out.event_count = schema.events_count;
    for (std::size_t i = 0; i < schema.events_count; ++i)
        copy_text(out.events[i], text_of(schema.events[i]));
    out.start_count = world.starts_count;
    for (std::size_t i = 0; i < world.starts_count; ++i) {
        copy_text(out.starts[i].name, text_of(world.starts[i].name));
        copy_text(out.starts[i].title, text_of(world.starts[i].title));
    }
}

void copy_executor(dp_executor_info& out, const dreamport_v1_Executor& executor) noexcept {
    copy_text(out.name, text_of(executor.name));
    copy_text(out.device, text_of(executor.device));
    copy_text(out.precision, text_of(executor.precision));
    copy_text(out.fallback_reason, text_of(executor.fallback_reason));
}

void copy_format(dp_frame_format& out, const dreamport_v1_Opened& opened, bool depth) noexcept {
    out = dp_frame_format{};
    out.width = opened.frame_size.width;
    out.height = opened.frame_size.height;
    out.colour_stride = 4 * out.width;
    out.depth_stride = depth ? 2 * out.width : 0;
    out.depth_near_m = depth ? opened.world.depth_range.min_m : 0;
    out.frame_rate = opened.cadence.frame_rate;
    out.frame_interval_ns = opened.cadence.frame_interval_ns;
    out.seed = opened.seed;
    copy_text(out.session_id, text_of(opened.session_id));
    copy_text(out.start, text_of(opened.start));
    copy_executor(out.executor, opened.executor);
}

}  // namespace dreamport
