// What nghttp2 calls while an Http2Session receives and produces.
#pragma once

#include "net/http2_session.h"

namespace dreamport::net {

struct Http2Session::Callbacks {
    // The table of callbacks, made once. Throws std::bad_alloc.
    static const nghttp2_session_callbacks* table();
    // Where the DATA frames of a call come from.
    static nghttp2_data_provider2 provider() noexcept;

  private:
    static GrpcCall* call_of(nghttp2_session* session, std::int32_t stream) noexcept;

    static nghttp2_ssize read(nghttp2_session*, std::int32_t stream, std::uint8_t*, std::size_t length,
                              std::uint32_t* flags, nghttp2_data_source*, void* user) noexcept;
    static nghttp2_ssize read_length(nghttp2_session*, std::uint8_t type, std::int32_t stream,
                                     std::int32_t session_window, std::int32_t stream_window, std::uint32_t frame_size,
                                     void* user) noexcept;
    static nghttp2_ssize send(nghttp2_session*, const std::uint8_t* data, std::size_t size, int flags,
                              void* user) noexcept;
    static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header, std::size_t length,
                         nghttp2_data_source*, void* user) noexcept;
    static int on_data(nghttp2_session*, std::uint8_t flags, std::int32_t stream, const std::uint8_t* data,
                       std::size_t size, void* user) noexcept;
    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t flags, void* user) noexcept;
    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept;
    static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) noexcept;
    static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* user) noexcept;
    static int on_error(nghttp2_session*, int code, const char* text, std::size_t size, void* user) noexcept;
};

}  // namespace dreamport::net
