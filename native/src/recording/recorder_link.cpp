// The recorder's side of the Record stream, on the I/O thread.
#include <algorithm>
#include <cstdio>

#include "clock.h"
#include "recording/recorder.h"
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

}  // namespace

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
    acknowledge_ms_.percentiles(now, {50, 95}, acknowledge);
    {
        const std::lock_guard<std::mutex> lock(encode_mutex_);
        encode_ms_.percentiles(now, {50}, encode);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
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
