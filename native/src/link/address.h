// From dp_endpoint to what the connection takes.
#pragma once

#include <string_view>

#include "dreamport/core.h"
#include "net/grpc_connection.h"

namespace dreamport {

// "host:port" or "[v6]:port". False when there is no host or the port is not 1 to 65535.
bool parse_address(std::string_view address, std::string& host, std::uint16_t& port);

// True for localhost, 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view host) noexcept;

// Checks and copies. DP_OK, DP_ERROR_VERSION or DP_ERROR_ARGUMENT.
std::int32_t make_endpoint(const dp_endpoint& from, net::Endpoint& to);

}  // namespace dreamport
