#include "net/http2_session.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>

#include "net/http2_callbacks.h"

namespace dreamport::net {
namespace {

#ifndef DREAMPORT_VERSION
#define DREAMPORT_VERSION "0"
#endif
constexpr char user_agent[] = "dreamport-core/" DREAMPORT_VERSION;

// Points at `name` and `value`, which must live until the request is submitted.
nghttp2_nv field(const char* name, std::string_view value, std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
    nghttp2_nv result;
    result.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name));
    result.namelen = std::strlen(name);
    result.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
    result.valuelen = value.size();
    result.flags = flags;
    return result;
}

bool fits_a_header(const std::string& value) noexcept {
    return nghttp2_check_header_value_rfc9113(reinterpret_cast<const std::uint8_t*>(value.data()), value.size()) != 0;
}

}  // namespace

Http2Session::Http2Session(Target target, std::int64_t now_ns)
    : target_(std::move(target)), now_ns_(now_ns), heard_ns_(now_ns), ping_ns_(now_ns) {
    nghttp2_option* option = nullptr;
    if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
    nghttp2_option_set_no_closed_streams(option, 1);  // keeps no memory of them
    const int made = nghttp2_session_client_new3(&session_, Callbacks::table(), this, option, pool_.allocator());
    nghttp2_option_del(option);
    if (made != 0) throw std::bad_alloc();

    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window_bytes},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, frame_bytes},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16 * 1024},
    };
    if (nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) != 0 ||
        nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, window_bytes) != 0) {
        nghttp2_session_del(session_);
        throw std::bad_alloc();
    }
}

Http2Session::~Http2Session() {
    nghttp2_session_del(session_);
}

void Http2Session::receive(const std::uint8_t* data, std::size_t size, std::int64_t now_ns) noexcept {
    if (trouble_ != Trouble::none || size == 0) return;
    now_ns_ = heard_ns_ = now_ns;
    const std::size_t kept = std::min(size, sizeof first_bytes_ - first_bytes_count_);
    std::memcpy(first_bytes_ + first_bytes_count_, data, kept);
    first_bytes_count_ += kept;
    const auto taken = nghttp2_session_mem_recv2(session_, data, size);
    if (taken < 0 && trouble_ == Trouble::none) {
        if (taken == NGHTTP2_ERR_NOMEM || taken == NGHTTP2_ERR_CALLBACK_FAILURE) {
            end(Trouble::lost, "out of memory");
        } else {
            end(Trouble::protocol, what_came_instead());
        }
    }
}

void Http2Session::produce(std::int64_t now_ns) noexcept {
    if (trouble_ != Trouble::none && !said_goodbye_) return;
    now_ns_ = now_ns;
    const int failure = nghttp2_session_send(session_);
    if (failure != 0 && trouble_ == Trouble::none) end(Trouble::protocol, nghttp2_strerror(failure));
    check_over();
}

void Http2Session::check_over() noexcept {
    if (trouble_ != Trouble::none) return;
    if (nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0) return;
    if (heard_goaway_) {
        end(Trouble::lost, "the server ended the connection: " + goaway_text_);
    } else {
        end(Trouble::protocol, what_came_instead());
    }
}

bool Http2Session::over() const noexcept {
    return trouble_ != Trouble::none && (!said_goodbye_ || nghttp2_session_want_write(session_) == 0);
}

std::string Http2Session::what_came_instead() const {
    if (!heard_settings_ && first_bytes_count_ >= 2 && first_bytes_[0] == 0x15 && first_bytes_[1] == 0x03)
        return "the server expects TLS, and this side spoke without: turn TLS on for this address";
    if (!heard_settings_ && first_bytes_count_ >= 4 && std::memcmp(first_bytes_, "HTTP", 4) == 0)
        return "the server speaks HTTP/1, not gRPC: is this the port of another service?";
    if (!heard_settings_) return "the server does not speak HTTP/2: is this the port of another service?";
    return "the server broke the rules of HTTP/2" + (last_error_.empty() ? std::string() : ": " + last_error_);
}

Call* Http2Session::start(const std::string& method, CallHandler* handler, std::size_t max_message_bytes) noexcept try {
    if (trouble_ != Trouble::none || heard_goaway_ || handler == nullptr) return nullptr;
    auto made = std::make_unique<GrpcCall>(this, handler, max_message_bytes);
    GrpcCall* const call = made.get();
    calls_.reserve(calls_.size() + 1);
    if (!fits_a_header(target_.token)) {
        GrpcStatus refused;
        refused.code = grpc_code::unauthenticated;
        refused.message = "the token holds characters that a header cannot carry, such as a line's end";
        calls_.push_back(std::move(made));
        conclude(call, std::move(refused));
        return call;
    }
    const std::string authorization = "Bearer " + target_.token;
    const nghttp2_nv fields[] = {
        field(":method", "POST"),
        field(":scheme", target_.tls ? "https" : "http"),
        field(":path", method),
        field(":authority", target_.authority),
        field("te", "trailers"),
        field("content-type", "application/grpc"),
        field("user-agent", user_agent),
        field("grpc-accept-encoding", "identity"),
        field("authorization", authorization, NGHTTP2_NV_FLAG_NO_INDEX),
    };
    const std::size_t count = std::size(fields) - (target_.token.empty() ? 1 : 0);
    nghttp2_data_provider2 provider = Callbacks::provider();
    call->stream = nghttp2_submit_request2(session_, nullptr, fields, count, &provider, call);
    if (call->stream < 0) return nullptr;
    calls_.push_back(std::move(made));
    return call;
} catch (...) {  // no memory
    return nullptr;
}

void Http2Session::resume(GrpcCall* call) noexcept {
    call->idle = false;
    nghttp2_session_resume_data(session_, call->stream);
}

void Http2Session::conclude(GrpcCall* call, GrpcStatus status) noexcept {
    conclude(call, std::move(status), NGHTTP2_CANCEL);
}

void Http2Session::conclude(GrpcCall* call, GrpcStatus status, std::uint32_t reset_reason) noexcept {
    if (call->over) return;
    call->over = true;
    call->status = std::move(status);
    unsettled_ = true;
    if (call->stream <= 0) return;
    nghttp2_session_set_stream_user_data(session_, call->stream, nullptr);
    const bool ended_here = nghttp2_session_get_stream_local_close(session_, call->stream) == 1;
    const bool ended_there = reset_reason == NGHTTP2_NO_ERROR;
    if (!ended_here || !ended_there) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, call->stream, reset_reason);
}

void Http2Session::settle() noexcept {
    while (unsettled_) {
        unsettled_ = false;
        for (std::size_t i = 0; i < calls_.size();) {  // on_end may start or cancel others: no iterators here
            if (!calls_[i]->over) {
                ++i;
                continue;
            }
            const std::unique_ptr<GrpcCall> call = std::move(calls_[i]);
            calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(i));
            try {
                output_.forget(call.get());
            } catch (...) {  // no memory to keep what a frame still needs: the connection cannot go on
                end(Trouble::lost, "out of memory");
                output_ = OutputQueue();
            }
            call->handler()->on_end(call->status);
        }
    }
}

void Http2Session::end(Trouble trouble, std::string detail) noexcept {
    if (trouble_ != Trouble::none) return;
    trouble_ = trouble;
    detail_ = std::move(detail);
    for (const auto& call : calls_) {
        if (call->over) continue;
        call->over = true;
        call->status = GrpcStatus();
        call->status.code = grpc_code::unavailable;
        call->status.trouble = trouble;
        call->status.message = detail_.substr(0, most_message_bytes);
        unsettled_ = true;
        if (call->stream > 0) nghttp2_session_set_stream_user_data(session_, call->stream, nullptr);
    }
}

void Http2Session::say_goodbye() noexcept {
    if (trouble_ != Trouble::none) return;
    end(Trouble::closed, "closed by this side");
    said_goodbye_ = nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR) == 0;
}

void Http2Session::ping(std::int64_t now_ns) noexcept {
    if (ping_under_way_ || trouble_ != Trouble::none) return;
    if (nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr) != 0) return;
    ping_under_way_ = true;
    ping_ns_ = now_ns;
}

void Http2Session::keep_alive(std::int64_t now_ns) noexcept {
    if (!heard_settings_ || trouble_ != Trouble::none || now_ns < keep_alive_due_ns()) return;
    if (ping_under_way_) {
        end(Trouble::timed_out, "the server has not answered a ping for 15 seconds");
    } else {
        ping(now_ns);
    }
}

std::int64_t Http2Session::keep_alive_due_ns() const noexcept {
    if (!heard_settings_ || trouble_ != Trouble::none) return INT64_MAX;
    return ping_under_way_ ? std::max(heard_ns_, ping_ns_) + silence_ns : ping_ns_ + ping_interval_ns;
}

// The response's headers are whole.
void Http2Session::check_headers(GrpcCall* call) {
    if (call->headers_checked || call->over || call->response().informational()) return;
    call->headers_checked = true;
    if (!call->response().is_grpc()) conclude(call, call->response().status());
}

// The server will say no more in this stream.
void Http2Session::stream_ended(GrpcCall* call) {
    if (call->over) return;
    GrpcStatus status = call->response().status();
    if (status.code == grpc_code::ok && call->inside_message()) {
        status.code = grpc_code::internal;
        status.message = "the server ended the call in the middle of a message";
    }
    conclude(call, std::move(status), NGHTTP2_NO_ERROR);
}

// The server takes no streams after `last_stream`; those that still wait for a free one are told here, HTTP/2 would
// not.
void Http2Session::went_away(std::int32_t last_stream) {
    for (const auto& call : calls_) {
        if (call->over || call->stream <= last_stream) continue;
        GrpcStatus status;
        status.code = grpc_code::unavailable;
        status.message = "the server takes no more calls: " + goaway_text_;
        conclude(call.get(), std::move(status));
    }
}

}  // namespace dreamport::net
