// What the headers and trailers of a gRPC response say, and the status that follows from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/grpc_connection.h"

namespace dreamport::net {

// gRPC status codes that this side itself comes to.
namespace grpc_code {
constexpr int ok = 0;
constexpr int cancelled = 1;
constexpr int unknown = 2;
constexpr int permission_denied = 7;
constexpr int resource_exhausted = 8;
constexpr int unimplemented = 12;
constexpr int internal = 13;
constexpr int unavailable = 14;
constexpr int unauthenticated = 16;
}  // namespace grpc_code

constexpr std::size_t most_message_bytes = 512;

class GrpcResponse {
  public:
    // One header or trailer field. Throws std::bad_alloc.
    void field(const char* name, std::size_t name_size, const char* value, std::size_t value_size);

    // The headers are there: whether this is gRPC at all. If not, status() tells.
    bool is_grpc() const noexcept { return http_status_ == 200 && grpc_content_; }
    // HTTP 1xx: the response's own headers are still to come.
    bool informational() const noexcept { return http_status_ >= 100 && http_status_ < 200; }
    bool has_status() const noexcept { return grpc_status_ >= 0; }
    // The status of a stream that the server ended, from its trailers or, where those lack one, from HTTP's.
    GrpcStatus status() const;
    // The status of a stream that the server reset with an HTTP/2 error code before it ended.
    GrpcStatus status_of_reset(std::uint32_t http2_error) const;

  private:
    int http_status_ = 0;
    bool grpc_content_ = false;
    int grpc_status_ = -1;
    int retry_pushback_ms_ = -1;
    std::string message_;
};

// Decodes %XX; bytes that are not UTF-8 and broken escapes stay as they are. At most most_message_bytes, cut between
// characters.
std::string percent_decoded(const char* text, std::size_t size);

}  // namespace dreamport::net
