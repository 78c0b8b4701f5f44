#include "wire/play_messages.h"

#include <pb_decode.h>

#include "wire/lenient_decode.h"

namespace dreamport::wire {
namespace {

// Calls `see(tag, bytes)` for every length-delimited field. False when the bytes are not protobuf.
template <class See>
bool scan(net::Bytes message, See see) noexcept {
    pb_istream_t stream = pb_istream_from_buffer(message.data, message.size);
    while (stream.bytes_left > 0) {
        pb_wire_type_t wire = PB_WT_VARINT;
        std::uint32_t tag = 0;
        bool end = false;
        if (!pb_decode_tag(&stream, &wire, &tag, &end)) return false;
        if (wire != PB_WT_STRING) {
            if (!pb_skip_field(&stream, wire)) return false;
            continue;
        }
        std::uint32_t length = 0;
        if (!pb_decode_varint32(&stream, &length) || length > stream.bytes_left) return false;
        see(tag, net::Bytes{message.data + (message.size - stream.bytes_left), length});
        if (!pb_read(&stream, nullptr, length)) return false;
    }
    return true;
}

}  // namespace

bool outer_part(net::Bytes message, Part& out) noexcept {
    out = Part{};
    return scan(message, [&](std::uint32_t tag, net::Bytes bytes) { out = Part{tag, bytes}; });
}

bool decode_frame(net::Bytes message, FrameParts& out) noexcept {
    out.colour = out.depth = net::Bytes{};
    const bool whole = scan(message, [&](std::uint32_t tag, net::Bytes bytes) {
        if (tag == 4) out.colour = bytes;
        if (tag == 5) out.depth = bytes;
    });
    return whole && decode_lenient(dreamport_v1_Frame_fields, &out.fields, message.data, message.size);
}

}  // namespace dreamport::wire
