// One message after another into memory of fixed size.
#pragma once

#include <pb_encode.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "net/grpc_connection.h"

namespace dreamport::wire {

// Memory for one outgoing message.
template <std::size_t N>
struct Buffer {
    Buffer() noexcept {}  // the memory is not cleared: nothing reads beyond `size`

    std::array<std::uint8_t, N> data;
    std::size_t size = 0;  // 0: encoding failed or nothing in it

    net::Bytes bytes() const noexcept { return {data.data(), size}; }
};

// Writes `message` as field `tag` of the message around it (a oneof of all kinds).
template <std::size_t N>
bool write_message(Buffer<N>& out, std::uint32_t tag, const pb_msgdesc_t* fields, const void* message) noexcept {
    pb_ostream_t stream = pb_ostream_from_buffer(out.data.data(), N);
    const bool done = pb_encode_tag(&stream, PB_WT_STRING, tag) && pb_encode_submessage(&stream, fields, message);
    out.size = done ? stream.bytes_written : 0;
    return done;
}

}  // namespace dreamport::wire
