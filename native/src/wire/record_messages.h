// RecordRequest and RecordResponse: a captured frame's message is written around pixels that stay where they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "net/grpc_connection.h"
#include "proto/capture.pb.h"
#include "wire/writer.h"

namespace dreamport::wire {

// Field numbers of RecordRequest.message.
enum class RecordRequestKind : std::uint32_t { begin = 1, frame = 2, marker = 3, finish = 4 };

// Field numbers of RecordResponse.message.
enum class RecordResponseKind : std::uint32_t { none = 0, begun = 1, acknowledged = 2, finished = 3, notice = 4 };

// A captured frame's message: head, colour, middle, depth. `middle` is kept by the caller as long as the pixels are.
struct CapturedFrameParts {
    Buffer<1024> head;
    Buffer<16> middle;
    std::array<net::Bytes, 3> bodies{};
    std::size_t body_count = 0;
};
bool write_captured_frame(CapturedFrameParts& out, const dreamport_v1_CapturedFrame& fields, net::Bytes colour,
                          net::Bytes depth) noexcept;

}  // namespace dreamport::wire
