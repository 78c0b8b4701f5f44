// One gRPC call: what it still has to send, how far its messages have come, how it ended. Http2Session moves its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/grpc_connection.h"
#include "net/grpc_message_reader.h"
#include "net/grpc_response.h"
#include "net/output_queue.h"

namespace dreamport::net {

class GrpcCall;

// What a call asks of its session.
class CallSession {
  public:
    // The call has something to send after it had nothing.
    virtual void resume(GrpcCall* call) noexcept = 0;
    // The call is over with this status: reset its stream. on_end follows outside of any handler.
    virtual void conclude(GrpcCall* call, GrpcStatus status) noexcept = 0;

  protected:
    ~CallSession() = default;
};

class GrpcCall final : public Call, public Lender {
  public:
    GrpcCall(CallSession* session, CallHandler* handler, std::size_t max_message_bytes)
        : session_(session), handler_(handler), reader_(max_message_bytes) {}

    std::uint64_t send(Bytes head, const Bytes* bodies, std::size_t body_count) noexcept override;
    std::size_t unsent_bytes() const noexcept override { return static_cast<std::size_t>(queued_ - left_); }
    void finish() noexcept override;
    void cancel() noexcept override;

    // Bytes of messages that no DATA frame holds yet.
    std::size_t unframed() const noexcept { return static_cast<std::size_t>(queued_ - framed_); }
    bool finishing() const noexcept { return finishing_; }
    // Lends the next `size` (at most unframed()) bytes to the queue. Throws std::bad_alloc.
    void frame(std::size_t size, OutputQueue* output);
    void left(std::size_t bytes) noexcept override;
    // Bytes of messages arrived.
    void arrived(const std::uint8_t* data, std::size_t size) noexcept;

    CallHandler* handler() const noexcept { return handler_; }
    GrpcResponse& response() noexcept { return response_; }
    bool inside_message() const noexcept { return reader_.inside_message(); }

    std::int32_t stream = 0;
    bool idle = false;  // HTTP/2 asked for bytes and there were none
    bool over = false;  // `status` is final; on_end is still to be called
    bool headers_checked = false;
    GrpcStatus status;

  private:
    struct Outgoing {
        std::vector<std::uint8_t> head;  // prefix and copied bytes
        std::vector<Bytes> bodies;       // lent bytes
        std::uint64_t end = 0;           // value of left_ at which all of it has left
        std::uint64_t ticket = 0;

        Bytes part(std::size_t index) const noexcept {
            return index == 0 ? Bytes{head.data(), head.size()} : bodies[index - 1];
        }
    };

    CallSession* const session_;
    CallHandler* const handler_;
    GrpcMessageReader reader_;
    GrpcResponse response_;
    std::vector<std::unique_ptr<Outgoing>> queue_;
    std::vector<std::unique_ptr<Outgoing>> spare_;
    std::size_t next_ = 0;         // message of queue_ that is being framed,
    std::size_t next_part_ = 0;    // its part,
    std::size_t next_offset_ = 0;  // and the bytes of that part that are framed already
    std::uint64_t queued_ = 0;     // bytes so far: given to send,
    std::uint64_t framed_ = 0;     // put into frames,
    std::uint64_t left_ = 0;       // and given to the socket
    std::uint64_t tickets_ = 0;
    bool finishing_ = false;
};

}  // namespace dreamport::net
