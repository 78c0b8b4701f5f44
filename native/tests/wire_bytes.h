// Protobuf's wire format by hand, so that hostile messages can be made as easily as good ones.
#pragma once

#include <pb_encode.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bytes {

using Bytes = std::vector<std::uint8_t>;

inline void append(Bytes& out, const Bytes& more) {
    out.insert(out.end(), more.begin(), more.end());
}

inline Bytes varint(std::uint64_t value) {
    Bytes out;
    for (; value >= 0x80; value >>= 7)
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
    return out;
}

inline Bytes number(std::uint32_t field, std::uint64_t value) {
    Bytes out = varint(field << 3);
    append(out, varint(value));
    return out;
}

inline Bytes chunk(std::uint32_t field, const Bytes& value) {
    Bytes out = varint(field << 3 | 2);
    append(out, varint(value.size()));
    append(out, value);
    return out;
}

inline Bytes chunk(std::uint32_t field, const std::string& value) {
    return chunk(field, Bytes(value.begin(), value.end()));
}

// A message of ours, as nanopb writes it.
template <class Message>
Bytes encoded(const pb_msgdesc_t* fields, const Message& message) {
    std::size_t size = 0;
    if (!pb_get_encoded_size(&size, fields, &message)) return {};
    Bytes out(size);
    pb_ostream_t stream = pb_ostream_from_buffer(out.data(), out.size());
    return pb_encode(&stream, fields, &message) ? out : Bytes{};
}

}  // namespace bytes
