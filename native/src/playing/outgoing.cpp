#include "playing/outgoing.h"

#include "text.h"
#include "wire/play_messages.h"

namespace dreamport {
namespace {

using wire::PlayRequestKind;

template <std::size_t N>
bool write(wire::Buffer<N>& out, PlayRequestKind kind, const pb_msgdesc_t* fields, const void* message) noexcept {
    return wire::write_message(out, static_cast<std::uint32_t>(kind), fields, message);
}

dreamport_v1_Pose pose_message(const dp_pose& pose) noexcept {
    dreamport_v1_Pose out = dreamport_v1_Pose_init_zero;
    out.has_position = out.has_orientation = true;
    out.position = {pose.position[0], pose.position[1], pose.position[2]};
    out.orientation = {pose.orientation[0], pose.orientation[1], pose.orientation[2], pose.orientation[3]};
    return out;
}

}  // namespace

bool write_open(OpenMessage& out, const OpenWish& wish) noexcept {
    const dp_client_options& options = *wish.options;
    dreamport_v1_Open message = dreamport_v1_Open_init_zero;
    message.protocol_version = DP_PROTOCOL_VERSION;
    copy_text(message.world, text_of(options.world));
    copy_text(message.start, text_of(options.start));
    copy_text(message.resume_token, wish.resume_token);
    copy_text(message.ticket, wish.ticket);
    message.follows_redirect = true;
    message.has_seed = options.has_seed != 0;
    message.seed = options.seed;
    message.has_frame_size = options.width > 0 && options.height > 0;
    message.frame_size = {options.width, options.height};
    message.colour_format = static_cast<dreamport_v1_ColourFormat>(wish.colour_format);
    message.jpeg_quality = options.jpeg_quality;
    message.depth_format = static_cast<dreamport_v1_DepthFormat>(options.depth_format);
    message.transport = static_cast<dreamport_v1_Transport>(wish.transport);
    message.max_frames_in_flight = options.max_frames_in_flight == 0 ? 2 : options.max_frames_in_flight;
    return write(out, PlayRequestKind::open, dreamport_v1_Open_fields, &message);
}

bool write_control(SmallMessage& out, const ControlSample& sample, std::uint64_t sequence,
                   std::uint32_t known_buttons) noexcept {
    dreamport_v1_Control message = dreamport_v1_Control_init_zero;
    message.sequence = sequence;
    message.client_time_ns = sample.client_time_ns;
    message.buttons = sample.buttons & known_buttons;
    message.pressed = sample.pressed & known_buttons;
    message.look_yaw_deg = static_cast<float>(sample.yaw_deg);
    message.look_pitch_deg = static_cast<float>(sample.pitch_deg);
    if (sample.has_camera != 0) {
        message.has_camera = message.camera.has_pose = true;
        message.camera.pose = pose_message(sample.camera);
        message.camera.has_intrinsics = sample.has_camera == 2;
        message.camera.intrinsics = {sample.intrinsics.fx, sample.intrinsics.fy, sample.intrinsics.cx,
                                     sample.intrinsics.cy};
    }
    return write(out, PlayRequestKind::control, dreamport_v1_Control_fields, &message);
}

bool write_presented(SmallMessage& out, std::uint64_t frame_id, std::int64_t client_time_ns) noexcept {
    const dreamport_v1_Presented message{frame_id, client_time_ns};
    return write(out, PlayRequestKind::presented, dreamport_v1_Presented_fields, &message);
}

bool write_pause(SmallMessage& out, bool paused) noexcept {
    const dreamport_v1_Pause message{paused};
    return write(out, PlayRequestKind::pause, dreamport_v1_Pause_fields, &message);
}

bool write_close(SmallMessage& out) noexcept {
    const dreamport_v1_Close message = dreamport_v1_Close_init_zero;
    return write(out, PlayRequestKind::close, dreamport_v1_Close_fields, &message);
}

bool write_save(CommandMessage& out) noexcept {
    const dreamport_v1_Save message = dreamport_v1_Save_init_zero;
    return write(out, PlayRequestKind::save, dreamport_v1_Save_fields, &message);
}

bool write_prompt(CommandMessage& out, std::string_view text) noexcept {
    dreamport_v1_Prompt message = dreamport_v1_Prompt_init_zero;
    if (text.size() >= sizeof message.text) return false;
    copy_text(message.text, text);
    return write(out, PlayRequestKind::prompt, dreamport_v1_Prompt_fields, &message);
}

bool write_event(CommandMessage& out, std::string_view name) noexcept {
    dreamport_v1_Event message = dreamport_v1_Event_init_zero;
    if (name.size() >= sizeof message.name) return false;
    copy_text(message.name, name);
    return write(out, PlayRequestKind::event, dreamport_v1_Event_fields, &message);
}

bool write_reset(CommandMessage& out, const std::uint64_t* seed, std::string_view start) noexcept {
    dreamport_v1_Reset message = dreamport_v1_Reset_init_zero;
    if (start.size() >= sizeof message.start) return false;
    message.has_seed = seed != nullptr;
    message.seed = seed == nullptr ? 0 : *seed;
    copy_text(message.start, start);
    return write(out, PlayRequestKind::reset, dreamport_v1_Reset_fields, &message);
}

bool write_load(CommandMessage& out, std::string_view handle) noexcept {
    dreamport_v1_Load message = dreamport_v1_Load_init_zero;
    if (handle.size() >= sizeof message.handle) return false;
    copy_text(message.handle, handle);
    return write(out, PlayRequestKind::load, dreamport_v1_Load_fields, &message);
}

}  // namespace dreamport
