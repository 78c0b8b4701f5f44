// Joins the messages of one direction of a gRPC call from the payloads of its DATA frames, which may split and join
// them anywhere. Each is a byte that says whether it is compressed, its length (4 bytes, big-endian) and its bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "net/grpc_connection.h"

namespace dreamport::net {

class GrpcMessageReader {
  public:
    enum class Result {
        good,
        compressed,  // a message says that it is compressed, which was never agreed
        too_large,   // larger than the limit
        refused,     // the handler gave no memory
    };

    explicit GrpcMessageReader(std::size_t max_message_bytes) noexcept : limit_(max_message_bytes) {}

    // The next bytes. After anything but `good` the call is over and nothing may be fed any more. `handler` may stop
    // the feed from within on_message by setting `*stop`.
    Result feed(const std::uint8_t* data, std::size_t size, CallHandler* handler, const bool* stop) noexcept;
    // Whether the bytes so far end in the middle of a message.
    bool inside_message() const noexcept { return prefix_filled_ != 0; }
    // Size of the message that begins, once its prefix is whole.
    std::size_t message_size() const noexcept { return size_; }

  private:
    static constexpr std::size_t prefix_bytes = 5;

    std::size_t limit_;
    std::uint8_t prefix_[prefix_bytes] = {};
    std::size_t prefix_filled_ = 0;  // prefix_bytes: within the message's bytes
    std::uint8_t* target_ = nullptr;
    std::size_t size_ = 0;
    std::size_t filled_ = 0;
};

}  // namespace dreamport::net
