// Decoding what a server says into structs of fixed size without ever failing for its length: strings that are too long
// are cut at a character's border, lists that are too long keep their first entries. (nanopb alone refuses the whole
// message.)
#pragma once

#include <pb.h>

#include <cstddef>
#include <cstdint>

namespace dreamport::wire {

// Decodes `size` bytes into `message`, which is cleared first. Returns false when the bytes are not protobuf.
bool decode_lenient(const pb_msgdesc_t* fields, void* message, const std::uint8_t* data, std::size_t size) noexcept;

}  // namespace dreamport::wire
