#include "net/http2_callbacks.h"

#include <algorithm>
#include <new>

namespace dreamport::net {
namespace {

constexpr std::size_t frame_header_bytes = 9;
constexpr std::size_t most_output_bytes = 1 << 20;   // of DATA frames that wait for the socket
constexpr std::size_t most_control_bytes = 4 << 20;  // of all frames

Http2Session* session_of(void* user) noexcept {
    return static_cast<Http2Session*>(user);
}

}  // namespace

const nghttp2_session_callbacks* Http2Session::Callbacks::table() {
    struct Table {
        nghttp2_session_callbacks* all = nullptr;

        Table() {
            if (nghttp2_session_callbacks_new(&all) != 0) throw std::bad_alloc();
            nghttp2_session_callbacks_set_send_callback2(all, send);
            nghttp2_session_callbacks_set_send_data_callback(all, send_data);
            nghttp2_session_callbacks_set_data_source_read_length_callback2(all, read_length);
            nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, on_data);
            nghttp2_session_callbacks_set_on_header_callback(all, on_header);
            nghttp2_session_callbacks_set_on_frame_recv_callback(all, on_frame);
            nghttp2_session_callbacks_set_on_frame_not_send_callback(all, on_not_sent);
            nghttp2_session_callbacks_set_on_stream_close_callback(all, on_close);
            nghttp2_session_callbacks_set_error_callback2(all, on_error);
        }
        ~Table() { nghttp2_session_callbacks_del(all); }
        Table(const Table&) = delete;
        Table& operator=(const Table&) = delete;
    };
    static const Table table;
    return table.all;
}

nghttp2_data_provider2 Http2Session::Callbacks::provider() noexcept {
    nghttp2_data_provider2 result = {};
    result.read_callback = read;
    return result;
}

// Null once the call is over: what is still queued for its stream must not reach it.
GrpcCall* Http2Session::Callbacks::call_of(nghttp2_session* session, std::int32_t stream) noexcept {
    return static_cast<GrpcCall*>(nghttp2_session_get_stream_user_data(session, stream));
}

nghttp2_ssize Http2Session::Callbacks::read(nghttp2_session* session, std::int32_t stream, std::uint8_t*,
                                            std::size_t length, std::uint32_t* flags, nghttp2_data_source*,
                                            void*) noexcept {
    GrpcCall* const call = call_of(session, stream);
    if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t unframed = call->unframed();
    if (unframed == 0 && !call->finishing()) {
        call->idle = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    const std::size_t count = std::min(unframed, length);
    if (count > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (call->finishing() && count == unframed) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<nghttp2_ssize>(count);
}

nghttp2_ssize Http2Session::Callbacks::read_length(nghttp2_session*, std::uint8_t, std::int32_t,
                                                   std::int32_t session_window, std::int32_t stream_window,
                                                   std::uint32_t frame_size, void*) noexcept {
    const auto window = static_cast<std::uint32_t>(std::max(std::min(session_window, stream_window), 1));
    return static_cast<nghttp2_ssize>(std::min({window, frame_size, frame_bytes}));
}

nghttp2_ssize Http2Session::Callbacks::send(nghttp2_session*, const std::uint8_t* data, std::size_t size, int,
                                            void* user) noexcept try {
    OutputQueue& output = session_of(user)->output_;
    if (output.size() >= most_control_bytes) return NGHTTP2_ERR_WOULDBLOCK;
    output.copy(data, size);
    return static_cast<nghttp2_ssize>(size);
} catch (...) {  // no memory
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::Callbacks::send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* header,
                                       std::size_t length, nghttp2_data_source*, void* user) noexcept try {
    OutputQueue& output = session_of(user)->output_;
    GrpcCall* const call = call_of(session, frame->hd.stream_id);
    if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (output.size() >= most_output_bytes) return NGHTTP2_ERR_WOULDBLOCK;
    output.copy(header, frame_header_bytes);  // there is never padding: no callback asks for it
    call->frame(length, &output);
    return 0;
} catch (...) {  // no memory; the frame may be half queued, so the connection must go
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::Callbacks::on_data(nghttp2_session* session, std::uint8_t, std::int32_t stream,
                                     const std::uint8_t* data, std::size_t size, void*) noexcept {
    GrpcCall* const call = call_of(session, stream);
    if (call != nullptr && !call->over) call->arrived(data, size);
    return 0;
}

int Http2Session::Callbacks::on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                                       std::uint8_t, void*) noexcept try {
    GrpcCall* const call = call_of(session, frame->hd.stream_id);
    if (call != nullptr && !call->over)
        call->response().field(reinterpret_cast<const char*>(name), name_size, reinterpret_cast<const char*>(value),
                               value_size);
    return 0;
} catch (...) {  // no memory
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::Callbacks::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) noexcept try {
    Http2Session* const self = session_of(user);
    switch (frame->hd.type) {
        case NGHTTP2_SETTINGS:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) self->heard_settings_ = true;
            return 0;
        case NGHTTP2_PING:
            if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && self->ping_under_way_) {
                self->ping_under_way_ = false;
                self->round_trip_ns_ = std::max<std::int64_t>(self->now_ns_ - self->ping_ns_, 1);
            }
            return 0;
        case NGHTTP2_GOAWAY: {
            self->heard_goaway_ = true;
            self->goaway_text_ = nghttp2_http2_strerror(frame->goaway.error_code);
            const auto size = std::min<std::size_t>(frame->goaway.opaque_data_len, 200);
            if (size > 0) {
                self->goaway_text_ += ", ";
                for (std::size_t i = 0; i < size; ++i) {
                    const std::uint8_t byte = frame->goaway.opaque_data[i];
                    self->goaway_text_.push_back(byte >= 0x20 && byte < 0x7F ? static_cast<char>(byte) : '?');
                }
            }
            self->went_away(frame->goaway.last_stream_id);
            return 0;
        }
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA:
            break;
        default:
            return 0;
    }
    GrpcCall* const call = call_of(session, frame->hd.stream_id);
    if (call == nullptr) return 0;
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !last) self->check_headers(call);
    if (last) self->stream_ended(call);
    return 0;
} catch (...) {  // no memory
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::Callbacks::on_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int error,
                                         void* user) noexcept try {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    GrpcCall* const call = call_of(session, frame->hd.stream_id);
    if (call == nullptr) return 0;
    GrpcStatus status;
    status.code = grpc_code::unavailable;
    status.message = std::string("the call could not be started: ") + nghttp2_strerror(error);
    session_of(user)->conclude(call, std::move(status));
    return 0;
} catch (...) {  // no memory
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::Callbacks::on_close(nghttp2_session* session, std::int32_t stream, std::uint32_t error,
                                      void* user) noexcept try {
    GrpcCall* const call = call_of(session, stream);
    if (call == nullptr) return 0;
    Http2Session* const self = session_of(user);
    if (error == NGHTTP2_NO_ERROR) {
        self->stream_ended(call);
    } else {
        self->conclude(call, call->response().status_of_reset(error));
    }
    return 0;
} catch (...) {  // no memory
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::Callbacks::on_error(nghttp2_session*, int, const char* text, std::size_t size, void* user) noexcept
    try {
    session_of(user)->last_error_.assign(text, std::min<std::size_t>(size, 200));
    return 0;
} catch (...) {  // no memory
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

}  // namespace dreamport::net
