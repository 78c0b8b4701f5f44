// One HTTP/2 connection to a gRPC server, for one thread. The owner runs the loop: it calls `run` again and again on
// its I/O thread, which waits for the socket, for `wake` from another thread, or for the deadline, and calls the
// handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dreamport::net {

// Why a connection could not be made or ended. Values follow dp_problem where one fits.
enum class Trouble {
    none,
    refused,      // nothing listens
    unreachable,  // no route, or the name does not resolve
    timed_out,    // no answer within the time for one attempt, or no answer to a ping
    lost,         // worked, then broke
    tls_expired,
    tls_untrusted,
    tls_name,
    tls_other,
    protocol,  // not HTTP/2, not gRPC, or a broken frame
    closed,    // ended by this side
};

struct Endpoint {
    std::string host;  // without brackets
    std::uint16_t port = 0;
    bool tls = false;
    std::string ca_file;      // PEM; empty: the system's
    std::string server_name;  // empty: host
    std::string token;        // empty: none
    int connect_timeout_ms = 5000;
};

struct Bytes {
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
};

// gRPC status as the trailers (or a broken transport) tell it.
struct GrpcStatus {
    int code = 0;                // 0 OK ... 16; 14 (UNAVAILABLE) with `trouble` set when the transport failed
    std::string message;         // percent-decoded grpc-message, at most 512 bytes
    int retry_pushback_ms = -1;  // trailer grpc-retry-pushback-ms; -1 without
    Trouble trouble = Trouble::none;
};

// What one call tells its owner, always on the thread that runs the connection. Must not throw.
class CallHandler {
  public:
    virtual ~CallHandler() = default;
    // A message of `size` bytes begins to arrive: where shall it go? Memory of at least `size` bytes that stays until
    // on_message, or null to refuse it (the call ends with RESOURCE_EXHAUSTED; an empty message is never refused).
    // Called once a message, so a frame's pixels are copied once.
    virtual std::uint8_t* on_message_begin(std::size_t size) noexcept = 0;
    // The message is whole.
    virtual void on_message(std::uint8_t* data, std::size_t size) noexcept = 0;
    // Everything that was queued by `send` up to here has left for the socket (for memory that was lent with it).
    virtual void on_sent(std::uint64_t ticket) noexcept = 0;
    // The call is over; the last thing it says.
    virtual void on_end(const GrpcStatus& status) noexcept = 0;
};

// A call under way. Owned by the connection, valid until on_end returned or the connection is gone.
class Call {
  public:
    virtual ~Call() = default;
    // Queues one message: `head` is copied, `bodies` are lent until on_sent(ticket) or on_end (a frame's pixels go out
    // without a copy). The message is head followed by the bodies. Returns the ticket, 0 when the call can take no more
    // (over).
    virtual std::uint64_t send(Bytes head, const Bytes* bodies, std::size_t body_count) noexcept = 0;
    // Bytes queued and not yet given to the socket.
    virtual std::size_t unsent_bytes() const noexcept = 0;
    // No more messages from this side.
    virtual void finish() noexcept = 0;
    // Ends the call now (RST_STREAM CANCEL); on_end follows.
    virtual void cancel() noexcept = 0;
};

class Connection {
  public:
    // Never blocks; connecting goes on inside `run`.
    static std::unique_ptr<Connection> open(const Endpoint& endpoint);
    virtual ~Connection() = default;

    // Waits until something happens, `deadline_ns` (dp_now_ns) passes or `wake` is called, then does what can be done.
    // Returns false once the connection is over and every handler has heard on_end.
    virtual bool run(std::int64_t deadline_ns) noexcept = 0;
    // From any thread: lets `run` return soon.
    virtual void wake() noexcept = 0;
    // True once HTTP/2 settings have been exchanged.
    virtual bool ready() const noexcept = 0;
    // Why it is over; Trouble::none while it is not. `detail` is for people, may be empty.
    virtual Trouble trouble() const noexcept = 0;
    virtual const std::string& detail() const noexcept = 0;

    // Starts a call to "/package.Service/Method"; may be called before `ready`. `handler` must outlive the call.
    // Largest message accepted: max_message_bytes. Null when the connection is over or the server said GOAWAY.
    virtual Call* start(const std::string& method, CallHandler* handler, std::size_t max_message_bytes) noexcept = 0;
    // Sends an HTTP/2 ping; its round trip shows in round_trip_ns (0 before the first). Keepalive: `run` pings by
    // itself every 5 s (gRPC servers answer pings more often than that with ENHANCE_YOUR_CALM) and reports timed_out
    // after 15 s of silence.
    virtual void ping() noexcept = 0;
    virtual std::int64_t round_trip_ns() const noexcept = 0;
    virtual std::uint64_t bytes_received() const noexcept = 0;
    virtual std::uint64_t bytes_sent() const noexcept = 0;
    // Ends politely: GOAWAY, then close; `run` returns false soon.
    virtual void close() noexcept = 0;
};

}  // namespace dreamport::net
