#include "recording/recorder.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "clock.h"
#include "library/threads.h"
#include "recording/begin_message.h"
#include "text.h"
#include "wire/lenient_decode.h"
#include "wire/play_messages.h"

namespace dreamport {
namespace {

using Stage = CaptureSlot::Stage;
using Kind = CaptureItem::Kind;

constexpr std::size_t max_unsent_bytes = std::size_t{16} << 20;
constexpr std::int64_t quarter_second = 250'000'000;

float milliseconds(std::int64_t ns) noexcept {
    return static_cast<float>(static_cast<double>(ns) / 1e6);
}

void flip(std::uint8_t* pixels, std::size_t stride, std::uint32_t height) noexcept {
    for (std::uint32_t top = 0, bottom = height - 1; top < bottom; ++top, --bottom) {
        std::swap_ranges(pixels + top * stride, pixels + (top + 1) * stride, pixels + bottom * stride);
    }
}

bool is_valid(const dp_capture_frame& frame) noexcept {
    const double(&q)[4] = frame.pose.orientation;
    const double norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(std::abs(norm - 1.0) <= 0.01)) return false;  // also refuses what is no number
    for (const double value : frame.pose.position) {
        if (!(std::abs(value) <= 1e6)) return false;
    }
    return frame.engine_state_count <= 8 && std::isfinite(frame.look_yaw_deg) && std::isfinite(frame.look_pitch_deg);
}

void describe(dreamport_v1_CapturedFrame& out, const dp_capture_frame& frame, std::uint64_t index,
              std::int64_t now) noexcept {
    out = dreamport_v1_CapturedFrame_init_zero;
    out.index = index;
    out.client_time_ns = frame.client_time_ns == 0 ? now : frame.client_time_ns;
    out.has_pose = out.pose.has_position = out.pose.has_orientation = true;
    const dp_pose& pose = frame.pose;
    out.pose.position = {pose.position[0], pose.position[1], pose.position[2]};
    out.pose.orientation = {pose.orientation[0], pose.orientation[1], pose.orientation[2], pose.orientation[3]};
    out.has_intrinsics = frame.has_intrinsics != 0;
    out.intrinsics = {frame.intrinsics.fx, frame.intrinsics.fy, frame.intrinsics.cx, frame.intrinsics.cy};
    out.buttons = frame.buttons;
    out.look_yaw_deg = frame.look_yaw_deg;
    out.look_pitch_deg = frame.look_pitch_deg;
    out.has_velocity = frame.has_velocity != 0;
    out.velocity = {frame.velocity[0], frame.velocity[1], frame.velocity[2]};
    out.engine_state_count = static_cast<pb_size_t>(frame.engine_state_count);
    std::copy_n(frame.engine_state, frame.engine_state_count, out.engine_state);
    out.redacted = frame.redacted != 0;
}

}  // namespace

Recorder::Recorder(LinkOptions link, const dp_recorder_options& options)
    : Link(std::move(link)),
      options_(options),
      colour_bytes_(std::size_t{4} * options.width * options.height),
      depth_bytes_(options.depth_format == DP_DEPTH_NONE ? 0 : std::size_t{2} * options.width * options.height),
      answer_(max_answer_bytes),
      slots_(options.queue_frames == 0 ? 8 : options.queue_frames),
      messages_(max_messages),
      message_used_(max_messages, false),
      items_(slots_.size() + max_messages),
      unacknowledged_(max_unacknowledged_kept) {
    std::atomic<std::uint32_t> allocations{0};
    for (CaptureSlot& slot : slots_) {
        const bool colour = slot.colour.reserve(colour_bytes_, allocations) != nullptr;
        const bool depth = depth_bytes_ == 0 || slot.depth.reserve(depth_bytes_, allocations) != nullptr;
        const std::size_t encoded = is_jpeg() ? jpeg::max_encoded_bytes(options.width, options.height) : 0;
        if (!colour || !depth || (encoded > 0 && slot.encoded.reserve(encoded, allocations) == nullptr))
            throw std::bad_alloc();
    }
    stats_.queue_frames = static_cast<std::uint32_t>(slots_.size());
}

void Recorder::start_all() {
    start();
    try {
        library::launch([self = std::static_pointer_cast<Recorder>(shared_from_this())] { self->work(); });
    } catch (...) {
        end(0);
        throw;
    }
}

// ---------------------------------------------------------------- any thread

std::int32_t Recorder::begin(const dp_episode_options& episode) noexcept {
    if (const std::int32_t status = check_episode(episode); status != DP_OK) return status;
    CaptureMessage message;
    if (!write_begin(message, options_, episode)) return DP_ERROR_ARGUMENT;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (episode_open_) return DP_ERROR_STATE;
        if (journal_.state() == DP_STATE_FAILED) return DP_ERROR_STATE;
        ++episode_;
        if (const std::int32_t status = queue_message(Kind::begin, message, false); status != DP_OK) {
            --episode_;
            return status;
        }
        episode_open_ = true;
        next_index_ = 0;
        stats_.episode_frames = 0;
    }
    wake();
    return DP_OK;
}

std::int32_t Recorder::acquire(dp_capture_buffer& out) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!episode_open_) return DP_ERROR_STATE;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        CaptureSlot& slot = slots_[i];
        if (slot.stage != Stage::free) continue;
        slot.stage = Stage::lent;
        slot.episode = episode_;
        slot.generation = (slot.generation + 1) & 0xFFFFFF;
        out = dp_capture_buffer{};
        out.colour = slot.colour.data();
        out.depth = reinterpret_cast<std::uint16_t*>(slot.depth.data());
        out.colour_stride = 4 * options_.width;
        out.depth_stride = depth_bytes_ > 0 ? 2 * options_.width : 0;
        out.lease = slot.generation << 8 | static_cast<std::uint32_t>(i + 1);
        return DP_OK;
    }
    ++stats_.refused;
    ++next_index_;  // the frame that is missing keeps its number
    return DP_ERROR_FULL;
}

std::int32_t Recorder::submit(const dp_capture_frame& frame) noexcept {
    if (!is_valid(frame)) return DP_ERROR_ARGUMENT;
    bool to_worker = false;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        CaptureSlot* slot = slot_of(frame.lease);
        if (slot == nullptr) return DP_ERROR_ARGUMENT;
        if (!episode_open_ || slot->episode != episode_) {  // the episode ended while the engine was drawing
            slot->stage = Stage::free;
            ++stats_.lost;
            return DP_ERROR_STATE;
        }
        const std::int64_t now = now_ns();
        describe(slot->fields, frame, next_index_, now);
        slot->flip_rows = frame.flip_rows != 0;
        slot->submitted_ns = now;
        to_worker = is_jpeg() || slot->flip_rows;
        slot->stage = to_worker ? Stage::submitted : Stage::ready;
        CaptureItem item;
        item.slot = static_cast<std::uint32_t>(slot - slots_.data());
        item.episode = episode_;
        items_.push(item);  // has room for every slot
        ++next_index_;
        ++stats_.submitted;
        ++stats_.episode_frames;
        if (to_worker) work_.notify_one();
    }
    if (!to_worker) wake();
    return DP_OK;
}

std::int32_t Recorder::cancel(std::uint32_t lease) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    CaptureSlot* slot = slot_of(lease);
    if (slot == nullptr) return DP_ERROR_ARGUMENT;
    slot->stage = Stage::free;
    if (episode_open_ && slot->episode == episode_) ++next_index_;
    return DP_OK;
}

std::int32_t Recorder::marker(const char* name, const char* text) noexcept {
    CaptureMessage message;
    if (name == nullptr || *name == '\0' || !write_marker(message, name, text, now_ns())) return DP_ERROR_ARGUMENT;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!episode_open_) return DP_ERROR_STATE;
        if (const std::int32_t status = queue_message(Kind::marker, message, false); status != DP_OK) return status;
    }
    wake();
    return DP_OK;
}

std::int32_t Recorder::finish(bool discard) noexcept {
    CaptureMessage message;
    if (!write_finish(message, discard)) return DP_ERROR_ARGUMENT;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!episode_open_) return DP_ERROR_STATE;
        if (const std::int32_t status = queue_message(Kind::finish, message, discard); status != DP_OK) return status;
        episode_open_ = false;
    }
    wake();
    return DP_OK;
}

void Recorder::statistics(dp_recorder_stats& out) const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    out = stats_;
    out.queued = count_queued();
    out.pressure = static_cast<float>(out.queued) / static_cast<float>(slots_.size());
    out.episode_open = episode_open_ ? 1 : 0;
}

std::uint32_t Recorder::count_queued() const noexcept {
    std::uint32_t count = 0;
    for (const CaptureSlot& slot : slots_)
        count += slot.stage != Stage::free ? 1 : 0;
    return count;
}

CaptureSlot* Recorder::slot_of(std::uint32_t lease) noexcept {
    const std::uint32_t index = (lease & 0xFF) - 1;
    if (index >= slots_.size()) return nullptr;
    CaptureSlot& slot = slots_[index];
    return slot.generation == lease >> 8 && slot.stage == Stage::lent ? &slot : nullptr;
}

std::int32_t Recorder::queue_message(Kind kind, const CaptureMessage& message, bool discard) noexcept {
    for (std::size_t i = 0; i < messages_.size(); ++i) {
        if (message_used_[i]) continue;
        messages_[i].size = message.size;
        std::memcpy(messages_[i].data.data(), message.data.data(), message.size);
        message_used_[i] = true;
        CaptureItem item;
        item.kind = kind;
        item.slot = static_cast<std::uint32_t>(i);
        item.episode = episode_;
        item.discard = discard;
        items_.push(item);  // has room for every message
        return DP_OK;
    }
    return DP_ERROR_FULL;
}

// ---------------------------------------------------------------- the worker

void Recorder::work() noexcept {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
        CaptureSlot* next = nullptr;
        for (std::size_t i = 0; i < items_.size() && next == nullptr; ++i) {
            const CaptureItem& item = items_.at(i);
            if (item.kind == Kind::frame && slots_[item.slot].stage == Stage::submitted) next = &slots_[item.slot];
        }
        if (next == nullptr) {
            if (worker_stops_) return;
            work_.wait(lock);
            continue;
        }
        next->stage = Stage::encoding;
        lock.unlock();
        const std::int64_t begin = now_ns();
        encode(*next);
        const std::int64_t end = now_ns();
        lock.lock();
        // The episode may have been dropped meanwhile.
        next->stage = next->episode == 0 ? Stage::free : Stage::ready;
        encode_ms_.add(end, milliseconds(end - begin));
        lock.unlock();
        wake();
        lock.lock();
    }
}

void Recorder::encode(CaptureSlot& slot) noexcept {
    if (slot.flip_rows && depth_bytes_ > 0) flip(slot.depth.data(), std::size_t{2} * options_.width, options_.height);
    if (is_jpeg()) {
        const int quality = options_.jpeg_quality == 0 ? 92 : static_cast<int>(options_.jpeg_quality);
        slot.encoded_size = encoder_.encode(slot.colour.data(), options_.width, options_.height, slot.flip_rows,
                                            quality, slot.encoded.data(), slot.encoded.capacity());
    } else if (slot.flip_rows) {
        flip(slot.colour.data(), std::size_t{4} * options_.width, options_.height);
    }
}

// ---------------------------------------------------------------- I/O thread: sending

void Recorder::begin_call(net::Call&) noexcept {
    connected_ns_ = 0;
    const std::lock_guard<std::mutex> lock(mutex_);
    sent_episode_ = 0;
    begin_sent_ = begun_ = finish_sent_ = discarding_ = false;
}

void Recorder::connected() noexcept {
    connected_ns_ = now_ns();
    journal_.set_state(DP_STATE_OPENING);
}

void Recorder::turn(net::Call& call) noexcept {
    const std::int64_t now = now_ns();
    refresh(now);
    // The contract has no answer before Begin. A backend that refuses says so at once; silence for a moment is its
    // consent.
    if (!has_worked() && connected_ns_ != 0 && now - connected_ns_ >= quarter_second) worked();
    while (send_next(call)) {
    }
}

std::int64_t Recorder::next_turn_ns(std::int64_t now) const noexcept {
    if (!has_worked() && connected_ns_ != 0) return connected_ns_ + quarter_second;
    return now + quarter_second;
}

bool Recorder::may_send(const net::Call& call, const CaptureItem& item) const noexcept {
    switch (item.kind) {
        case Kind::begin:
            return !begin_sent_ && sent_episode_ == 0;
        case Kind::frame:
            return begun_ && slots_[item.slot].stage == Stage::ready && unacknowledged_count_ < max_unacknowledged_ &&
                   call.unsent_bytes() < max_unsent_bytes;
        default:
            return begun_;
    }
}

bool Recorder::send_next(net::Call& call) noexcept {
    CaptureItem item;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (items_.empty() || !may_send(call, items_.front())) return false;
        item = items_.front();
        if (item.kind == Kind::begin) {
            begin_sent_ = true;  // stays in front until it is answered: a break before that repeats it
        } else {
            items_.pop();
        }
        if (item.kind == Kind::frame) slots_[item.slot].stage = Stage::sending;
        if (item.kind == Kind::finish) {
            finish_sent_ = true;
            begun_ = false;
            discarding_ = item.discard;
        }
    }
    if (item.kind == Kind::frame) {
        send_frame(call, slots_[item.slot]);
        return true;
    }
    // Only this thread frees messages, so it may be read without the lock.
    call.send(messages_[item.slot].bytes(), nullptr, 0);
    if (item.kind != Kind::begin) {
        const std::lock_guard<std::mutex> lock(mutex_);
        message_used_[item.slot] = false;
    }
    return true;
}

void Recorder::send_frame(net::Call& call, CaptureSlot& slot) noexcept {
    const net::Bytes colour =
        is_jpeg() ? net::Bytes{slot.encoded.data(), slot.encoded_size} : net::Bytes{slot.colour.data(), colour_bytes_};
    const net::Bytes depth{slot.depth.data(), depth_bytes_};
    std::uint64_t ticket = 0;
    const bool written = colour.size > 0 && wire::write_captured_frame(slot.parts, slot.fields, colour, depth);
    {
        // Before sending: the answer of a fast server must find it.
        const std::lock_guard<std::mutex> lock(mutex_);
        if (written) {
            unacknowledged_[(first_unacknowledged_ + unacknowledged_count_++) % unacknowledged_.size()] =
                Unacknowledged{slot.fields.index, slot.submitted_ns};
            ++stats_.sent;
            stats_.bytes_sent += slot.parts.head.size + colour.size + depth.size;
        } else {
            slot.stage = Stage::free;
            ++stats_.lost;
        }
    }
    if (!written) return;
    ticket = call.send(slot.parts.head.bytes(), slot.parts.bodies.data(), slot.parts.body_count);
    const std::lock_guard<std::mutex> lock(mutex_);
    slot.ticket = ticket;
    if (ticket == 0) slot.stage = Stage::free;
}

void Recorder::on_sent(std::uint64_t ticket) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (CaptureSlot& slot : slots_) {
        if (slot.stage == Stage::sending && slot.ticket != 0 && slot.ticket <= ticket) {
            slot.stage = Stage::free;
            slot.ticket = 0;
        }
    }
}

void Recorder::refresh(std::int64_t now) noexcept {
    if (now - refreshed_ns_ < quarter_second) return;
    refreshed_ns_ = now;
    float encode[1];
    float acknowledge[2];
    const std::lock_guard<std::mutex> lock(mutex_);
    encode_ms_.percentiles(now, {50}, encode);
    acknowledge_ms_.percentiles(now, {50, 95}, acknowledge);
    stats_.encode_ms_p50 = encode[0];
    stats_.acknowledge_ms_p50 = acknowledge[0];
    stats_.acknowledge_ms_p95 = acknowledge[1];
}

void Recorder::begin_farewell(net::Call&) noexcept {
    finish(false);  // an episode that is open ends here
}

bool Recorder::has_unfinished() const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !items_.empty();
}

bool Recorder::farewell_done(net::Call& call) noexcept {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!items_.empty() || finish_sent_) return false;
    }
    call.finish();
    return true;
}

void Recorder::ended() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    worker_stops_ = true;
    episode_open_ = false;
    while (!items_.empty()) {  // so that the worker stops encoding what nobody will send
        const CaptureItem item = items_.front();
        items_.pop();
        if (item.kind == Kind::frame) ++stats_.lost;
    }
    work_.notify_all();
}

// Takes the episode's items out of the queue, up to and with its end. Gives the number of frames in them.
std::uint64_t Recorder::drop_episode(std::uint64_t episode) noexcept {
    std::uint64_t frames = 0;
    while (!items_.empty() && items_.front().episode == episode) {
        const CaptureItem item = items_.front();
        items_.pop();
        if (item.kind == Kind::frame) {
            CaptureSlot& slot = slots_[item.slot];
            slot.episode = 0;
            if (slot.stage != Stage::encoding) slot.stage = Stage::free;
            ++frames;
        } else {
            message_used_[item.slot] = false;
        }
    }
    return frames;
}

bool Recorder::call_over(const net::GrpcStatus&, Diagnosis& diagnosis) noexcept {
    std::uint64_t lost = 0;
    std::uint64_t kept = 0;
    bool broken = false;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (CaptureSlot& slot : slots_) {
            if (slot.stage == Stage::sending) slot.stage = Stage::free;
        }
        lost = unacknowledged_count_;
        unacknowledged_count_ = 0;
        kept = episode_acknowledged_;
        broken = sent_episode_ != 0;
        if (broken) {
            lost += drop_episode(sent_episode_);
            if (episode_open_ && episode_ == sent_episode_) episode_open_ = false;
        }
        if (!diagnosis.again || !Link::options().try_again) {
            // Nothing will be sent any more.
            while (!items_.empty())
                lost += drop_episode(items_.front().episode);
            broken = broken || episode_open_;
            episode_open_ = false;
        }
        stats_.lost += lost;
        sent_episode_ = 0;
        begin_sent_ = begun_ = finish_sent_ = false;
    }
    if (broken) {
        char text[640];
        std::snprintf(text, sizeof text,
                      "%.360s The episode ends at its last acknowledged frame: %llu are kept, %llu are lost. %s",
                      diagnosis.message, static_cast<unsigned long long>(kept), static_cast<unsigned long long>(lost),
                      diagnosis.again ? "Begin a new one when the recorder is ready." : "");
        copy_text(diagnosis.message, text);
    }
    return false;
}

// ---------------------------------------------------------------- I/O thread: answers

std::uint8_t* Recorder::on_message_begin(std::size_t size) noexcept {
    return size <= answer_.size() ? answer_.data() : nullptr;
}

void Recorder::on_message(std::uint8_t* data, std::size_t size) noexcept {
    wire::Part part;
    if (!wire::outer_part({data, size}, part)) {
        break_off(*call(), broken_contract(options().address, "an answer is not protobuf"));
        return;
    }
    switch (static_cast<wire::RecordResponseKind>(part.tag)) {
        case wire::RecordResponseKind::begun:
            return begun(part.bytes);
        case wire::RecordResponseKind::acknowledged:
            return acknowledged(part.bytes);
        case wire::RecordResponseKind::finished:
            return finished(part.bytes);
        case wire::RecordResponseKind::notice:
            return notice(part.bytes);
        default:
            return;  // of a later version: not for us
    }
}

void Recorder::begun(net::Bytes message) noexcept {
    dreamport_v1_Begun begun;
    if (!wire::decode_lenient(dreamport_v1_Begun_fields, &begun, message.data, message.size)) return;
    if (begun.protocol_version != DP_PROTOCOL_VERSION) {
        break_off(*call(), version_mismatch(begun.protocol_version));
        return;
    }
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!begin_sent_ || items_.empty() || items_.front().kind != Kind::begin) return;
        sent_episode_ = items_.front().episode;
        message_used_[items_.front().slot] = false;
        items_.pop();
        begin_sent_ = false;
        begun_ = true;
        episode_acknowledged_ = 0;
        max_unacknowledged_ = std::clamp<std::size_t>(begun.max_unacknowledged, 1, max_unacknowledged_kept);
    }
    worked();
    journal_.add_event(DP_EVENT_EPISODE_BEGUN, 0, 0, text_of(begun.episode_id));
}

void Recorder::acknowledged(net::Bytes message) noexcept {
    dreamport_v1_Acknowledged said;
    if (!wire::decode_lenient(dreamport_v1_Acknowledged_fields, &said, message.data, message.size)) return;
    const std::int64_t now = now_ns();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (said.frames == 0) return;
    while (unacknowledged_count_ > 0 && unacknowledged_[first_unacknowledged_].index <= said.last_index) {
        acknowledge_ms_.add(now, milliseconds(now - unacknowledged_[first_unacknowledged_].submitted_ns));
        first_unacknowledged_ = (first_unacknowledged_ + 1) % unacknowledged_.size();
        --unacknowledged_count_;
        ++stats_.acknowledged;
        ++episode_acknowledged_;
    }
}

void Recorder::finished(net::Bytes message) noexcept {
    dreamport_v1_Finished said;
    if (!wire::decode_lenient(dreamport_v1_Finished_fields, &said, message.data, message.size)) return;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!finish_sent_) return;
        if (!discarding_) stats_.acknowledged += unacknowledged_count_;  // all of it is in the data set
        unacknowledged_count_ = 0;
        finish_sent_ = false;
        sent_episode_ = 0;
    }
    const auto frames = static_cast<std::int32_t>(std::min<std::uint64_t>(said.frames, INT32_MAX));
    journal_.add_event(DP_EVENT_EPISODE_FINISHED, frames, said.episode_index, text_of(said.episode_id));
}

void Recorder::notice(net::Bytes message) noexcept {
    dreamport_v1_CaptureNotice notice;
    if (!wire::decode_lenient(dreamport_v1_CaptureNotice_fields, &notice, message.data, message.size)) return;
    const std::uint32_t code = wire::enum_number(notice.code);
    if (code == dreamport_v1_CaptureNoticeCode_CAPTURE_NOTICE_CODE_SHUTTING_DOWN) told_to_stop_ = true;
    journal_.add_event(DP_EVENT_NOTICE, static_cast<std::int32_t>(code), 0, text_of(notice.message));
}

}  // namespace dreamport
