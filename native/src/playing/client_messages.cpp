// What the backend says on a Play stream, on the I/O thread.
#include <algorithm>
#include <cstring>

#include "clock.h"
#include "link/address.h"
#include "playing/client.h"
#include "playing/world_copy.h"
#include "text.h"
#include "wire/lenient_decode.h"

namespace dreamport {
namespace {

constexpr std::size_t max_opening_bytes = 4 << 20;  // Opened carries the world's card
constexpr std::uint32_t max_side = 16384;

bool is_aligned(const std::uint8_t* data) noexcept {
    return reinterpret_cast<std::uintptr_t>(data) % 2 == 0;
}

}  // namespace

std::uint8_t* Client::on_message_begin(std::size_t size) noexcept {
    const std::size_t limit = opened_now_
                                  ? std::max(colour_bytes_ + depth_bytes_ + max_frame_overhead, max_opening_bytes)
                                  : max_opening_bytes;
    if (size > limit) {
        give_verdict(broken_contract(address(), "a message is larger than a frame can be"));
        return nullptr;
    }
    if (arriving_ == nullptr) arriving_ = pool_.begin_filling();
    if (arriving_ == nullptr) return nullptr;
    // The memory of a whole frame at once, so that it does not grow with every larger message. Never nothing: null
    // refuses.
    const std::size_t wanted = opened_now_ ? message_bytes_ : std::size_t{64};
    return arriving_->message.reserve(std::max(size, wanted), pool_.allocation_counter());
}

void Client::on_message(std::uint8_t* data, std::size_t size) noexcept {
    wire::Part part;
    if (!wire::outer_part({data, size}, part)) {
        break_contract("a message is not protobuf");
        return;
    }
    const auto kind = static_cast<wire::PlayResponseKind>(part.tag);
    if (kind == wire::PlayResponseKind::redirect && !opened_now_) return redirect(part.bytes);
    if ((kind == wire::PlayResponseKind::opened) == opened_now_) {
        break_contract(opened_now_ ? "a second Opened" : "the first message is not Opened");
        return;
    }
    switch (kind) {
        case wire::PlayResponseKind::opened:
            return opened(part.bytes);
        case wire::PlayResponseKind::frame:
            return frame(part.bytes);
        case wire::PlayResponseKind::stats:
            return stats(part.bytes);
        case wire::PlayResponseKind::notice:
            return notice(part.bytes);
        case wire::PlayResponseKind::saved: {
            dreamport_v1_Saved saved;
            if (!wire::decode_lenient(dreamport_v1_Saved_fields, &saved, part.bytes.data, part.bytes.size)) break;
            journal_.add_event(DP_EVENT_SAVED, 0, saved.frame_index, text_of(saved.handle));
            return;
        }
        case wire::PlayResponseKind::loaded: {
            dreamport_v1_Loaded loaded;
            if (!wire::decode_lenient(dreamport_v1_Loaded_fields, &loaded, part.bytes.data, part.bytes.size)) break;
            journal_.add_event(DP_EVENT_LOADED, 0, loaded.frame_index, text_of(loaded.handle));
            return;
        }
        default:
            return;  // of a later version: not for us
    }
    break_contract("a message is not protobuf");
}

void Client::break_contract(const char* what) noexcept {
    break_off(*call(), broken_contract(address(), what));
}

// The session is played elsewhere: the next attempt goes there at once.
void Client::redirect(net::Bytes message) noexcept try {
    dreamport_v1_Redirect told;
    if (!wire::decode_lenient(dreamport_v1_Redirect_fields, &told, message.data, message.size)) {
        return break_contract("Redirect is not protobuf");
    }
    if (handed_out()) return break_contract("an address that was handed out hands out another");
    Worker worker;
    worker.endpoint = Link::options().endpoint;
    worker.address = text_of(told.address);
    worker.ticket = text_of(told.ticket);
    if (worker.endpoint.server_name.empty()) worker.endpoint.server_name = worker.endpoint.host;
    if (!parse_address(worker.address, worker.endpoint.host, worker.endpoint.port)) {
        return break_contract("it hands out something that is no address");
    }
    if (!worker.endpoint.tls && !is_loopback(worker.endpoint.host)) {
        return break_contract("it hands out an address on another machine without TLS");
    }
    worker_ = std::move(worker);
    sent_on_ = true;
    break_off(*call(), Diagnosis{}, true);
} catch (...) {  // no memory
    break_contract("the address that it hands out does not fit into memory");
}

void Client::opened(net::Bytes message) noexcept {
    if (!wire::decode_lenient(dreamport_v1_Opened_fields, &opened_, message.data, message.size)) {
        return break_contract("Opened is not protobuf");
    }
    if (opened_.protocol_version != DP_PROTOCOL_VERSION) {
        return break_off(*call(), version_mismatch(opened_.protocol_version));
    }
    if (!check_opened()) return break_contract("Opened names a frame format that does not exist");
    if (transport_ == DP_TRANSPORT_SHARED_MEMORY && !open_ring()) return;
    begin_session();
}

bool Client::check_opened() noexcept {
    const dreamport_v1_FrameSize& size = opened_.frame_size;
    if (!opened_.has_world || size.width == 0 || size.height == 0 || size.width > max_side || size.height > max_side)
        return false;
    colour_bytes_ = std::size_t{4} * size.width * size.height;
    if (colour_bytes_ > max_pixels_bytes) return false;
    const std::uint32_t depth = wire::enum_number(opened_.depth_format);
    depth_bytes_ = depth == DP_DEPTH_INVERSE_UINT16 ? colour_bytes_ / 2 : 0;
    colour_format_ = wire::enum_number(opened_.colour_format);
    transport_ = wire::enum_number(opened_.transport);
    const bool colour_known = colour_format_ == DP_COLOUR_RAW_RGBA || colour_format_ == DP_COLOUR_JPEG;
    if (!colour_known || depth > DP_DEPTH_INVERSE_UINT16 || transport_ > DP_TRANSPORT_SHARED_MEMORY) return false;
    if (transport_ == 0) transport_ = DP_TRANSPORT_INLINE;
    // What was not asked for is refused: a ring that cannot be opened would be tried again without end.
    return transport_ == DP_TRANSPORT_INLINE || (wants_shared_memory() && colour_format_ == DP_COLOUR_RAW_RGBA);
}

bool Client::open_ring() noexcept {
    switch (ring_.open(opened_.shared_memory, colour_bytes_, depth_bytes_)) {
        case FrameRing::Opening::opened:
            return true;
        case FrameRing::Opening::wrong:
            break_contract("the shared memory is not as described");
            return false;
        default:
            break;
    }
    // Another container or user behind a loopback address: the same session, inline.
    shared_memory_failed_ = true;
    token_ = text_of(opened_.resume_token);
    journal_.add_event(DP_EVENT_NOTICE, dreamport_v1_NoticeCode_NOTICE_CODE_NEGOTIATED, 0,
                       "The backend's shared memory cannot be opened from here; frames come inline.");
    break_off(*call(), broken_contract(address(), "its shared memory cannot be opened"), true);
    return false;
}

void Client::begin_session() noexcept {
    const bool goes_on = opened_.resumed && (session_number_ > 0 || began_with_token_);
    const bool restarted = session_number_ > 0 && !opened_.resumed;
    if (!goes_on || session_number_ == 0) ++session_number_;
    token_ = text_of(opened_.resume_token);
    {
        const std::lock_guard<std::mutex> lock(session_mutex_);
        copy_world(world_, opened_.world);
        copy_format(format_, opened_, depth_bytes_ > 0);
        format_.session_number = session_number_;
        copy_text(token_for_detach_, token_);
    }
    const bool inline_frames = transport_ == DP_TRANSPORT_INLINE;
    message_bytes_ = max_frame_overhead + (inline_frames ? colour_bytes_ + depth_bytes_ : 0);
    const bool into_pixels = !inline_frames || colour_format_ == DP_COLOUR_JPEG;
    pool_.restart_count();
    pool_.reserve(message_bytes_, into_pixels ? colour_bytes_ + depth_bytes_ : 0);
    {
        const std::lock_guard<std::mutex> lock(input_mutex_);
        const std::size_t buttons = opened_.world.control_schema.buttons_count;
        known_buttons_ = buttons >= 32 ? 0xFFFFFFFF : (std::uint32_t{1} << buttons) - 1;
        if (opened_.resumed) {
            controls_.session_resumed(opened_.last_control_sequence);
        } else {
            controls_.session_opened();
            last_applied_ = 0;
        }
        session_open_ = true;
        presented_waits_ = false;
        pause_waits_ = pause_waits_ || paused_;
        commands_.clear();
    }
    opened_now_ = true;
    statistics_.session_begins();
    journal_.set_transport(transport_);
    if (goes_on) journal_.count_resumed();
    if (restarted) journal_.count_restarted();
    worked();
    journal_.add_event(goes_on ? DP_EVENT_RESUMED : DP_EVENT_OPENED, 0, session_number_, text_of(opened_.session_id));
}

void Client::frame(net::Bytes message) noexcept {
    const std::int64_t begin_ns = now_ns();
    if (!wire::decode_frame(message, parts_)) return break_contract("a frame is not protobuf");
    const dreamport_v1_Frame& fields = parts_.fields;
    if (fields.id <= last_frame_id_) return;  // newest wins
    last_frame_id_ = fields.id;
    PooledFrame& into = *arriving_;
    describe(into, fields);
    float decode_ms = 0;
    if (!fill_pixels(into, parts_, begin_ns, decode_ms)) {
        note_presented(fields.id, now_ns());  // it counts as dropped: let the next one through
        return;
    }
    const std::int64_t now = now_ns();
    into.frame.arrived_ns = now;
    const std::uint64_t applied = fields.control.sequence;
    const std::int64_t sampled = fields.control.client_time_ns;  // as the server says: any number
    const bool first_with_control =
        applied > last_applied_ && into.frame.control_sequence > 0 && sampled > 0 && sampled <= now;
    last_applied_ = std::max(last_applied_, applied);
    const std::int64_t generated = fields.timing.generated_at_ns;
    const bool same_clock = loopback_ && generated > 0 && now >= generated && now - generated < 60'000'000'000;
    statistics_.frame_arrived(now, into.frame, same_clock ? generated : 0, first_with_control, decode_ms);
    arriving_ = nullptr;
    const std::uint64_t replaced = pool_.publish(&into);
    if (replaced != 0) {
        statistics_.frame_replaced();
        note_presented(replaced, now);  // nobody will show it: let the next one through
    }
}

void Client::describe(PooledFrame& into, const dreamport_v1_Frame& fields) noexcept {
    dp_frame& out = into.frame;
    out = dp_frame{};
    out.id = fields.id;
    out.index = fields.index;
    out.session_number = session_number_;
    out.epoch = fields.epoch;
    out.width = opened_.frame_size.width;
    out.height = opened_.frame_size.height;
    out.colour_stride = 4 * out.width;
    out.depth_stride = depth_bytes_ > 0 ? 2 * out.width : 0;
    out.depth_near_m = depth_bytes_ > 0 ? opened_.world.depth_range.min_m : 0;
    const dreamport_v1_Vector3& position = fields.pose.position;
    const dreamport_v1_Quaternion& turn = fields.pose.orientation;
    out.pose = {{position.x, position.y, position.z}, {turn.x, turn.y, turn.z, turn.w}};
    out.intrinsics = {fields.intrinsics.fx, fields.intrinsics.fy, fields.intrinsics.cx, fields.intrinsics.cy};
    {
        const std::lock_guard<std::mutex> lock(input_mutex_);
        out.control_sequence = controls_.applied(fields.control.sequence);
    }
    if (fields.control.sequence == 0) out.control_sequence = 0;
    out.control_time_ns = fields.control.client_time_ns;
    out.applied_buttons = fields.control.buttons;
    out.applied_camera = fields.control.camera ? 1 : 0;
    out.applied_yaw_deg = fields.control.look_yaw_deg;
    out.applied_pitch_deg = fields.control.look_pitch_deg;
    out.server_generated_ns = fields.timing.generated_at_ns;
    out.server_present_ns = fields.timing.present_at_ns;
    out.generation_ms = fields.timing.generation_ms;
}

bool Client::fill_pixels(PooledFrame& into, const wire::FrameParts& parts, std::int64_t begin_ns,
                         float& decode_ms) noexcept {
    const auto took = [&] { decode_ms = static_cast<float>(static_cast<double>(now_ns() - begin_ns) / 1e6); };
    if (transport_ == DP_TRANSPORT_SHARED_MEMORY) {
        std::uint8_t* pixels = into.pixels.reserve(colour_bytes_ + depth_bytes_, pool_.allocation_counter());
        if (pixels == nullptr) return false;
        switch (ring_.read(parts.fields.slot, pixels, pixels + colour_bytes_)) {
            case FrameRing::Reading::whole:
                break;
            case FrameRing::Reading::torn:
                statistics_.frame_torn();
                return false;
            default:
                break_contract("a frame names a slot that does not exist");
                return false;
        }
        took();
        into.frame.colour = pixels;
        if (depth_bytes_ > 0) into.frame.depth = reinterpret_cast<const std::uint16_t*>(pixels + colour_bytes_);
        return true;
    }
    if (parts.depth.size != depth_bytes_) {
        break_contract("a frame's depth has another size than agreed");
        return false;
    }
    if (depth_bytes_ > 0) {
        // The message may begin anywhere; 16-bit values may not. The byte in front is the length, which has been read.
        auto* depth = const_cast<std::uint8_t*>(parts.depth.data);
        if (!is_aligned(depth)) {
            std::memmove(depth - 1, depth, depth_bytes_);
            --depth;
        }
        into.frame.depth = reinterpret_cast<const std::uint16_t*>(depth);
    }
    if (colour_format_ == DP_COLOUR_RAW_RGBA) {
        if (parts.colour.size != colour_bytes_) {
            break_contract("a frame's colour has another size than agreed");
            return false;
        }
        into.frame.colour = parts.colour.data;
        return true;
    }
    std::uint8_t* pixels = into.pixels.reserve(colour_bytes_ + depth_bytes_, pool_.allocation_counter());
    if (pixels == nullptr) return false;
    if (!decoder_.decode(parts.colour.data, parts.colour.size, into.frame.width, into.frame.height, pixels)) {
        statistics_.frame_torn();
        return false;
    }
    took();
    into.frame.colour = pixels;
    return true;
}

void Client::stats(net::Bytes message) noexcept {
    dreamport_v1_Stats stats;
    if (!wire::decode_lenient(dreamport_v1_Stats_fields, &stats, message.data, message.size)) return;
    statistics_.server_stats(stats);
    if (!stats.has_executor) return;
    const std::lock_guard<std::mutex> lock(session_mutex_);
    copy_executor(format_.executor, stats.executor);
}

void Client::notice(net::Bytes message) noexcept {
    dreamport_v1_Notice notice;
    if (!wire::decode_lenient(dreamport_v1_Notice_fields, &notice, message.data, message.size)) return;
    const std::uint32_t code = wire::enum_number(notice.code);
    if (code == dreamport_v1_NoticeCode_NOTICE_CODE_SHUTTING_DOWN) told_to_stop_ = true;
    journal_.add_event(DP_EVENT_NOTICE, static_cast<std::int32_t>(code), 0, text_of(notice.message));
}

}  // namespace dreamport
