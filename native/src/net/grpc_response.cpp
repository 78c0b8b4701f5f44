#include "net/grpc_response.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

namespace dreamport::net {
namespace {

bool is(const char* name, std::size_t size, const char* wanted) noexcept {
    return size == std::strlen(wanted) && std::memcmp(name, wanted, size) == 0;
}

// A number of at most nine digits, or -1.
int number(const char* text, std::size_t size) noexcept {
    if (size == 0 || size > 9) return -1;
    int value = 0;
    for (std::size_t i = 0; i < size; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

int hex(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

// https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
int code_of_http(int status) noexcept {
    switch (status) {
        case 400:
            return grpc_code::internal;
        case 401:
            return grpc_code::unauthenticated;
        case 403:
            return grpc_code::permission_denied;
        case 404:
            return grpc_code::unimplemented;
        case 429:
        case 502:
        case 503:
        case 504:
            return grpc_code::unavailable;
        default:
            return grpc_code::unknown;
    }
}

}  // namespace

std::string percent_decoded(const char* text, std::size_t size) {
    std::string result;
    for (std::size_t i = 0; i < size && result.size() < most_message_bytes + 4; ++i) {
        if (text[i] == '%' && i + 2 < size && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            result.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
            i += 2;
        } else {
            result.push_back(text[i]);
        }
    }
    if (result.size() > most_message_bytes) {
        std::size_t end = most_message_bytes;
        while (end > 0 && (static_cast<unsigned char>(result[end]) & 0xC0) == 0x80)
            --end;
        result.resize(end);
    }
    return result;
}

void GrpcResponse::field(const char* name, std::size_t name_size, const char* value, std::size_t value_size) {
    if (is(name, name_size, ":status")) {
        http_status_ = number(value, value_size);
    } else if (is(name, name_size, "content-type")) {
        constexpr char wanted[] = "application/grpc";
        constexpr std::size_t length = sizeof wanted - 1;
        grpc_content_ = value_size >= length && std::memcmp(value, wanted, length) == 0 &&
                        (value_size == length || value[length] == '+' || value[length] == ';');
    } else if (is(name, name_size, "grpc-status")) {
        const int code = number(value, value_size);
        grpc_status_ = code >= 0 && code <= 16 ? code : grpc_code::unknown;
    } else if (is(name, name_size, "grpc-message")) {
        message_ = percent_decoded(value, value_size);
    } else if (is(name, name_size, "grpc-retry-pushback-ms")) {
        retry_pushback_ms_ = number(value, value_size);
    }
}

GrpcStatus GrpcResponse::status() const {
    GrpcStatus result;
    if (has_status()) {
        result.code = grpc_status_;
        result.message = message_;
        result.retry_pushback_ms = retry_pushback_ms_;
        return result;
    }
    if (http_status_ == 200 && grpc_content_) {
        result.code = grpc_code::unknown;
        result.message = "the server ended the call without a gRPC status";
        return result;
    }
    result.code = code_of_http(http_status_);
    result.message = "the server answered HTTP " + std::to_string(http_status_) + " without gRPC";
    const bool understood = result.code == grpc_code::unauthenticated || result.code == grpc_code::permission_denied ||
                            result.code == grpc_code::unavailable;
    if (!understood) result.trouble = Trouble::protocol;
    return result;
}

// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Errors"
GrpcStatus GrpcResponse::status_of_reset(std::uint32_t http2_error) const {
    if (has_status()) return status();
    GrpcStatus result;
    switch (http2_error) {
        case NGHTTP2_REFUSED_STREAM:
            result.code = grpc_code::unavailable;
            break;
        case NGHTTP2_CANCEL:
            result.code = grpc_code::cancelled;
            break;
        case NGHTTP2_ENHANCE_YOUR_CALM:
            result.code = grpc_code::resource_exhausted;
            break;
        case NGHTTP2_INADEQUATE_SECURITY:
            result.code = grpc_code::permission_denied;
            break;
        default:
            result.code = grpc_code::internal;
            break;
    }
    result.message = std::string("the stream was reset: ") + nghttp2_http2_strerror(http2_error);
    return result;
}

}  // namespace dreamport::net
