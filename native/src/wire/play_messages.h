// PlayRequest and PlayResponse: which of their kinds a message is, and a frame's pixels without copying them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/grpc_connection.h"
#include "proto/play.pb.h"

namespace dreamport::wire {

// Field numbers of PlayRequest.message.
enum class PlayRequestKind : std::uint32_t {
    open = 1,
    control = 2,
    prompt = 3,
    event = 4,
    reset = 5,
    save = 6,
    load = 7,
    pause = 8,
    presented = 9,
    close = 10,
};

// Field numbers of PlayResponse.message; `none` when no field that this library knows is set.
enum class PlayResponseKind : std::uint32_t {
    none = 0,
    opened = 1,
    frame = 2,
    saved = 3,
    loaded = 4,
    stats = 5,
    notice = 6,
    redirect = 7
};

// A message taken out of the one around it; the bytes stay where they are.
struct Part {
    std::uint32_t tag = 0;
    net::Bytes bytes;
};

// The last submessage in a message whose fields are a oneof of submessages. False when the bytes are not protobuf.
bool outer_part(net::Bytes message, Part& out) noexcept;

// A frame's fields, and where its pixels lie in the message.
struct FrameParts {
    dreamport_v1_Frame fields;
    net::Bytes colour;
    net::Bytes depth;
};
bool decode_frame(net::Bytes message, FrameParts& out) noexcept;

// The value of an enum that another machine sent: it may be none that the type knows.
template <class Enum>
std::uint32_t enum_number(const Enum& value) noexcept {
    static_assert(sizeof(Enum) == sizeof(std::uint32_t));
    std::uint32_t number = 0;
    __builtin_memcpy(&number, &value, sizeof number);
    return number;
}

}  // namespace dreamport::wire
