#include "wire/lenient_decode.h"

#include <pb_common.h>
#include <pb_decode.h>

#include <cstring>
#include <string_view>

#include "text.h"

namespace dreamport::wire {
namespace {

// Decodes into a struct that is already cleared.
bool merge(const pb_msgdesc_t* fields, void* message, const std::uint8_t* data, std::size_t size) noexcept;

// Takes the bytes of one string or submessage.
bool take(pb_field_iter_t& field, const std::uint8_t* data, std::size_t size) noexcept {
    auto* memory = static_cast<std::uint8_t*>(field.pData);
    if (PB_HTYPE(field.type) == PB_HTYPE_REPEATED) {
        auto& count = *static_cast<pb_size_t*>(field.pSize);
        if (count >= field.array_size) return true;
        memory += static_cast<std::size_t>(count++) * field.data_size;
    } else if (PB_HTYPE(field.type) == PB_HTYPE_OPTIONAL && field.pSize != nullptr) {
        *static_cast<bool*>(field.pSize) = true;
    }
    if (PB_LTYPE(field.type) == PB_LTYPE_STRING) {
        copy_text(reinterpret_cast<char*>(memory), field.data_size, {reinterpret_cast<const char*>(data), size});
        return true;
    }
    // nanopb's defaults do not reach into lists: what an earlier message left there would be added to.
    if (PB_HTYPE(field.type) == PB_HTYPE_REPEATED) return decode_lenient(field.submsg_desc, memory, data, size);
    return merge(field.submsg_desc, memory, data, size);
}

// Numbers, which cannot be too long: nanopb's own decoder.
bool merge_plain(const pb_msgdesc_t* fields, void* message, const std::uint8_t* begin,
                 const std::uint8_t* end) noexcept {
    if (begin == end) return true;
    pb_istream_t stream = pb_istream_from_buffer(begin, static_cast<std::size_t>(end - begin));
    return pb_decode_ex(&stream, fields, message, PB_DECODE_NOINIT);
}

bool merge(const pb_msgdesc_t* fields, void* message, const std::uint8_t* data, std::size_t size) noexcept {
    pb_istream_t stream = pb_istream_from_buffer(data, size);
    const auto position = [&] { return data + (size - stream.bytes_left); };
    const std::uint8_t* plain = data;
    while (stream.bytes_left > 0) {
        const std::uint8_t* begin = position();
        pb_wire_type_t wire = PB_WT_VARINT;
        std::uint32_t tag = 0;
        bool end = false;
        if (!pb_decode_tag(&stream, &wire, &tag, &end)) return false;
        pb_field_iter_t field;
        const bool known = pb_field_iter_begin(&field, fields, message) && pb_field_iter_find(&field, tag);
        const bool may_be_long = known && (PB_LTYPE(field.type) == PB_LTYPE_STRING || PB_LTYPE_IS_SUBMSG(field.type));
        if (wire != PB_WT_STRING || !(may_be_long || !known)) {
            if (!pb_skip_field(&stream, wire)) return false;
            continue;
        }
        if (!merge_plain(fields, message, plain, begin)) return false;
        std::uint32_t length = 0;
        if (!pb_decode_varint32(&stream, &length) || length > stream.bytes_left) return false;
        if (known && !take(field, position(), length)) return false;
        if (!pb_read(&stream, nullptr, length)) return false;
        plain = position();
    }
    return merge_plain(fields, message, plain, data + size);
}

}  // namespace

bool decode_lenient(const pb_msgdesc_t* fields, void* message, const std::uint8_t* data, std::size_t size) noexcept {
    // Cleared field by field through nanopb, so that this needs no size: an empty message sets the defaults.
    pb_istream_t nothing = pb_istream_from_buffer(data, 0);
    if (!pb_decode(&nothing, fields, message)) return false;
    return merge(fields, message, data, size);
}

}  // namespace dreamport::wire
