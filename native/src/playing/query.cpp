#include "playing/query.h"

#include <pb_decode.h>

#include "playing/world_copy.h"
#include "wire/lenient_decode.h"

namespace dreamport {

std::int32_t Query::poll() const noexcept {
    if (answered_.load(std::memory_order_acquire)) return DP_OK;
    return journal_.state() == DP_STATE_FAILED ? DP_ERROR_STATE : DP_NOTHING_NEW;
}

std::uint32_t Query::world_count() const noexcept {
    if (!answered_.load(std::memory_order_acquire)) return 0;
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<std::uint32_t>(worlds_.size());
}

std::int32_t Query::world(std::uint32_t index, dp_world& out) const noexcept {
    if (!answered_.load(std::memory_order_acquire)) return DP_ERROR_STATE;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (index >= worlds_.size()) return DP_ERROR_ARGUMENT;
    out = worlds_[index];
    return DP_OK;
}

void Query::begin_call(net::Call& call) noexcept {
    understood_ = false;
    call.send({}, nullptr, 0);  // ListWorldsRequest has no fields
    call.finish();
}

std::uint8_t* Query::on_message_begin(std::size_t size) noexcept {
    if (size > max_answer_bytes) return nullptr;
    try {
        answer_.resize(size + 1);
    } catch (...) {
        return nullptr;
    }
    return answer_.data();
}

void Query::on_message(std::uint8_t* data, std::size_t size) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    worlds_.clear();
    pb_istream_t stream = pb_istream_from_buffer(data, size);
    while (stream.bytes_left > 0) {
        pb_wire_type_t wire = PB_WT_VARINT;
        std::uint32_t tag = 0;
        bool end = false;
        if (!pb_decode_tag(&stream, &wire, &tag, &end)) return;
        if (wire != PB_WT_STRING) {
            if (!pb_skip_field(&stream, wire)) return;
            continue;
        }
        std::uint32_t length = 0;
        if (!pb_decode_varint32(&stream, &length) || length > stream.bytes_left) return;
        if (tag == 1 && worlds_.size() < max_worlds) {
            dreamport_v1_WorldSummary summary;
            const std::uint8_t* begin = data + (size - stream.bytes_left);
            if (!wire::decode_lenient(dreamport_v1_WorldSummary_fields, &summary, begin, length)) return;
            try {
                copy_summary(worlds_.emplace_back(), summary);
            } catch (...) {
                return;
            }
        }
        if (!pb_read(&stream, nullptr, length)) return;
    }
    understood_ = true;
}

bool Query::call_over(const net::GrpcStatus& status, Diagnosis& diagnosis) noexcept {
    if (status.code == 0 && status.trouble == net::Trouble::none) {
        if (understood_) {
            answered_.store(true, std::memory_order_release);
            worked();
            done_ = true;
        } else {
            diagnosis = broken_contract(options().address, "its list of worlds cannot be read");
        }
    }
    return false;
}

}  // namespace dreamport
