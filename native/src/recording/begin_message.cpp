#include "recording/begin_message.h"

#include <cmath>

#include "text.h"
#include "wire/record_messages.h"

namespace dreamport {
namespace {

constexpr std::uint32_t max_side = 4096;
constexpr double max_frame_rate = 240;

bool write(CaptureMessage& out, wire::RecordRequestKind kind, const pb_msgdesc_t* fields,
           const void* message) noexcept {
    return wire::write_message(out, static_cast<std::uint32_t>(kind), fields, message);
}

// A folder's name that cannot lead anywhere else.
bool is_dataset_name(std::string_view name) noexcept {
    const auto plain = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    if (name.empty() || name.size() > 64 || !plain(name.front())) return false;
    for (const char letter : name) {
        if (!plain(letter) && letter != '-' && letter != '_' && letter != '.') return false;
    }
    return true;
}

}  // namespace

std::int32_t check_recorder(const dp_recorder_options& o) noexcept {
    if (o.struct_size != sizeof o) return DP_ERROR_VERSION;
    const bool size =
        o.width > 0 && o.height > 0 && o.width <= max_side && o.height <= max_side && (o.width | o.height) % 2 == 0;
    const bool formats =
        o.colour_format <= DP_COLOUR_JPEG && o.depth_format <= DP_DEPTH_INVERSE_UINT16 && o.jpeg_quality <= 100;
    const bool depth = o.depth_format == DP_DEPTH_NONE || (std::isfinite(o.depth_near_m) && o.depth_near_m > 0);
    const bool rate = o.frame_rate >= 1 && o.frame_rate <= max_frame_rate;
    const bool queue = o.queue_frames == 0 || (o.queue_frames >= 2 && o.queue_frames <= 64);
    const bool buttons = o.button_count <= DP_MAX_BUTTONS;
    return size && formats && depth && rate && queue && buttons && is_dataset_name(text_of(o.dataset))
               ? DP_OK
               : DP_ERROR_ARGUMENT;
}

std::int32_t check_episode(const dp_episode_options& episode) noexcept {
    if (episode.struct_size != sizeof episode) return DP_ERROR_VERSION;
    const std::string_view split = text_of(episode.split);
    const bool known = split.empty() || split == "train" || split == "heldout";
    return known && episode.tag_count <= DP_MAX_TAGS ? DP_OK : DP_ERROR_ARGUMENT;
}

bool write_begin(CaptureMessage& out, const dp_recorder_options& options, const dp_episode_options& episode) noexcept {
    dreamport_v1_BeginEpisode m = dreamport_v1_BeginEpisode_init_zero;
    m.protocol_version = DP_PROTOCOL_VERSION;
    copy_text(m.dataset, text_of(options.dataset));
    copy_text(m.licence, text_of(options.licence));
    m.frame_rate = options.frame_rate;
    m.has_frame_size = true;
    m.frame_size = {options.width, options.height};
    m.colour_format = options.colour_format == DP_COLOUR_RAW_RGBA ? dreamport_v1_ColourFormat_COLOUR_FORMAT_RAW_RGBA
                                                                  : dreamport_v1_ColourFormat_COLOUR_FORMAT_JPEG;
    m.depth_format = static_cast<dreamport_v1_DepthFormat>(options.depth_format);
    m.depth_near_m = options.depth_format == DP_DEPTH_NONE ? 0 : options.depth_near_m;
    m.has_intrinsics = true;
    m.intrinsics = {options.intrinsics.fx, options.intrinsics.fy, options.intrinsics.cx, options.intrinsics.cy};
    m.buttons_count = static_cast<pb_size_t>(options.button_count);
    for (std::size_t i = 0; i < options.button_count; ++i)
        copy_text(m.buttons[i], text_of(options.buttons[i]));
    m.look_max_deg = options.look_max_deg;
    m.has_engine = true;
    copy_text(m.engine.name, text_of(options.engine_name));
    copy_text(m.engine.version, text_of(options.engine_version));
    copy_text(m.engine.project, text_of(options.project));
    copy_text(m.engine.plugin_version, text_of(options.plugin_version));
    m.has_map = true;
    copy_text(m.map.name, text_of(episode.map_name));
    copy_text(m.map.digest, text_of(episode.map_digest));
    m.seed = episode.seed;
    copy_text(m.split, text_of(episode.split));
    copy_text(m.source, text_of(episode.source));
    m.tags_count = static_cast<pb_size_t>(episode.tag_count);
    for (std::size_t i = 0; i < episode.tag_count; ++i) {
        copy_text(m.tags[i].key, text_of(episode.tags[i].name));
        copy_text(m.tags[i].value, text_of(episode.tags[i].value));
    }
    return write(out, wire::RecordRequestKind::begin, dreamport_v1_BeginEpisode_fields, &m);
}

bool write_marker(CaptureMessage& out, const char* name, const char* text, std::int64_t client_time_ns) noexcept {
    dreamport_v1_Marker m = dreamport_v1_Marker_init_zero;
    copy_text(m.name, text_of(name, sizeof m.name));
    copy_text(m.text, text_of(text, sizeof m.text));
    m.client_time_ns = client_time_ns;
    return write(out, wire::RecordRequestKind::marker, dreamport_v1_Marker_fields, &m);
}

bool write_finish(CaptureMessage& out, bool discard) noexcept {
    const dreamport_v1_FinishEpisode m{discard};
    return write(out, wire::RecordRequestKind::finish, dreamport_v1_FinishEpisode_fields, &m);
}

}  // namespace dreamport
