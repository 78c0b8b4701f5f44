// Waiting for sockets: poll on POSIX, select on Windows (WSAPoll of older Windows never reports a failed connect).
#pragma once

#include <cstdint>

#include "net/socket.h"

namespace dreamport::net {

struct Watched {
    SocketHandle socket = no_socket;  // no_socket: skipped
    bool want_read = false;
    bool want_write = false;
    bool readable = false;  // or closed, or failed: reading tells
    bool writable = false;  // or failed: connect_error or sending tells
};

constexpr int most_watched = 16;

// Waits until one of them is ready or `timeout_ns` is over (0 only looks; negative takes 0) and sets readable and
// writable.
void wait_for(Watched* watched, int count, std::int64_t timeout_ns) noexcept;

}  // namespace dreamport::net
