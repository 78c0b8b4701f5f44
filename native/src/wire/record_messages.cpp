#include "wire/record_messages.h"

namespace dreamport::wire {
namespace {

constexpr std::uint32_t colour_tag = 3;
constexpr std::uint32_t depth_tag = 4;

// Tag and length of a bytes field.
std::size_t prefix_size(std::size_t length) noexcept {
    std::size_t size = 2;
    for (std::size_t rest = length >> 7; rest != 0; rest >>= 7)
        ++size;
    return size;
}

bool write_prefix(pb_ostream_t& stream, std::uint32_t tag, std::size_t length) noexcept {
    return pb_encode_tag(&stream, PB_WT_STRING, tag) && pb_encode_varint(&stream, length);
}

}  // namespace

bool write_captured_frame(CapturedFrameParts& out, const dreamport_v1_CapturedFrame& fields, net::Bytes colour,
                          net::Bytes depth) noexcept {
    std::size_t fields_size = 0;
    if (!pb_get_encoded_size(&fields_size, dreamport_v1_CapturedFrame_fields, &fields)) return false;
    std::size_t size = fields_size + prefix_size(colour.size) + colour.size;
    if (depth.size > 0) size += prefix_size(depth.size) + depth.size;

    pb_ostream_t head = pb_ostream_from_buffer(out.head.data.data(), out.head.data.size());
    if (!write_prefix(head, static_cast<std::uint32_t>(RecordRequestKind::frame), size)) return false;
    if (!pb_encode(&head, dreamport_v1_CapturedFrame_fields, &fields)) return false;
    if (!write_prefix(head, colour_tag, colour.size)) return false;
    out.head.size = head.bytes_written;
    out.bodies[0] = colour;
    out.body_count = 1;
    if (depth.size > 0) {
        pb_ostream_t middle = pb_ostream_from_buffer(out.middle.data.data(), out.middle.data.size());
        if (!write_prefix(middle, depth_tag, depth.size)) return false;
        out.middle.size = middle.bytes_written;
        out.bodies[1] = out.middle.bytes();
        out.bodies[2] = depth;
        out.body_count = 3;
    }
    return true;
}

}  // namespace dreamport::wire
