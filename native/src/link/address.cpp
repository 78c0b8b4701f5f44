#include "link/address.h"

#include <charconv>

#include "text.h"

namespace dreamport {

bool parse_address(std::string_view address, std::string& host, std::uint16_t& port) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    std::string_view name = address.substr(0, colon);
    const std::string_view digits = address.substr(colon + 1);
    if (name.front() == '[') {
        if (name.back() != ']' || name.size() < 3) return false;
        name = name.substr(1, name.size() - 2);
    } else if (name.find(':') != std::string_view::npos) {
        return false;  // IPv6 needs its brackets
    }
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return false;
    host = name;
    return true;
}

bool is_loopback(std::string_view host) noexcept {
    if (host == "localhost" || host == "::1") return true;
    return host.substr(0, 4) == "127." && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::int32_t make_endpoint(const dp_endpoint& from, net::Endpoint& to) {
    if (from.struct_size != sizeof from) return DP_ERROR_VERSION;
    if (!parse_address(text_of(from.address), to.host, to.port)) return DP_ERROR_ARGUMENT;
    // A header field: a line break in it would be another header.
    const std::string_view token = text_of(from.token);
    for (const char letter : token) {
        if (letter < ' ' || letter > '~') return DP_ERROR_ARGUMENT;
    }
    if (from.use_tls > 1) return DP_ERROR_ARGUMENT;
    to.tls = from.use_tls == 1;
    to.token = token;
    to.ca_file = text_of(from.ca_file);
    to.server_name = text_of(from.server_name);
    to.connect_timeout_ms = from.connect_timeout_ms == 0 ? 5000 : static_cast<int>(from.connect_timeout_ms & 0xFFFFFF);
    return DP_OK;
}

}  // namespace dreamport
