// The client's side of one HTTP/2 connection and the gRPC calls in it, as a machine without a socket or a clock: bytes
// in, bytes out, the time as an argument. Connection joins it to a socket; tests and the fuzz target feed it directly.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/grpc_call.h"
#include "net/memory_pool.h"
#include "net/output_queue.h"

namespace dreamport::net {

class Http2Session final : public CallSession {
  public:
    // How the calls address the server.
    struct Target {
        std::string authority;  // "host:port"
        bool tls = false;
        std::string token;
    };

    static constexpr std::int32_t window_bytes = 64 << 20;
    static constexpr std::uint32_t frame_bytes = 1 << 20;
    static constexpr std::int64_t ping_interval_ns = 5'000'000'000;
    static constexpr std::int64_t silence_ns = 15'000'000'000;

    // Throws std::bad_alloc.
    Http2Session(Target target, std::int64_t now_ns);
    ~Http2Session();
    Http2Session(const Http2Session&) = delete;
    Http2Session& operator=(const Http2Session&) = delete;

    // Bytes from the server. Handlers hear of messages from here.
    void receive(const std::uint8_t* data, std::size_t size, std::int64_t now_ns) noexcept;
    // Puts frames into `output` until it holds about a megabyte or there is no more to say.
    void produce(std::int64_t now_ns) noexcept;
    OutputQueue& output() noexcept { return output_; }

    // Null when no call can be started any more.
    Call* start(const std::string& method, CallHandler* handler, std::size_t max_message_bytes) noexcept;
    // Sends a ping unless one is under way.
    void ping(std::int64_t now_ns) noexcept;
    // Pings when that is due, ends the session when the server has been silent for too long.
    void keep_alive(std::int64_t now_ns) noexcept;
    // When keep_alive has something to do next.
    std::int64_t keep_alive_due_ns() const noexcept;

    // Calls on_end of the calls that are over and forgets them. Never from within a handler.
    void settle() noexcept;
    // Whether settle has something to do.
    bool unsettled() const noexcept { return unsettled_; }
    // Ends all calls with UNAVAILABLE and this trouble; the session is over.
    void end(Trouble trouble, std::string detail) noexcept;
    // Ends all calls and says GOAWAY, which `produce` still puts out.
    void say_goodbye() noexcept;

    // HTTP/2 has come to its end: nothing more will be read, and nothing more said than what `output` holds.
    bool over() const noexcept;
    // Why, once it is over.
    Trouble trouble() const noexcept { return trouble_; }
    const std::string& detail() const noexcept { return detail_; }
    bool heard_settings() const noexcept { return heard_settings_; }
    bool heard_anything() const noexcept { return first_bytes_count_ > 0; }
    bool heard_goaway() const noexcept { return heard_goaway_; }
    // What the server said with GOAWAY, for people.
    const std::string& goaway_text() const noexcept { return goaway_text_; }
    std::int64_t round_trip_ns() const noexcept { return round_trip_ns_; }
    // Times the system was asked for memory by HTTP/2 (stays put once a session runs steadily).
    std::size_t memory_requests() const noexcept { return pool_.requests(); }

    void resume(GrpcCall* call) noexcept override;
    void conclude(GrpcCall* call, GrpcStatus status) noexcept override;

  private:
    struct Callbacks;
    friend struct Callbacks;

    void conclude(GrpcCall* call, GrpcStatus status, std::uint32_t reset_reason) noexcept;
    void check_headers(GrpcCall* call);
    void stream_ended(GrpcCall* call);
    void went_away(std::int32_t last_stream);
    void check_over() noexcept;
    std::string what_came_instead() const;

    MemoryPool pool_;
    OutputQueue output_;
    const Target target_;
    nghttp2_session* session_ = nullptr;
    std::vector<std::unique_ptr<GrpcCall>> calls_;
    bool unsettled_ = false;

    std::int64_t now_ns_;
    std::int64_t heard_ns_;  // last byte
    std::int64_t ping_ns_;   // last ping sent
    bool ping_under_way_ = false;
    std::int64_t round_trip_ns_ = 0;

    bool heard_settings_ = false;
    bool heard_goaway_ = false;
    std::string goaway_text_;
    std::string last_error_;
    std::uint8_t first_bytes_[8] = {};
    std::size_t first_bytes_count_ = 0;
    bool said_goodbye_ = false;
    Trouble trouble_ = Trouble::none;
    std::string detail_;
};

}  // namespace dreamport::net
