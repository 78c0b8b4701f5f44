// Lets another thread end a wait: a pipe on POSIX, a socket that sends to itself on Windows.
#pragma once

#include <atomic>

#include "net/socket.h"

namespace dreamport::net {

class Wake {
  public:
    Wake() noexcept;
    ~Wake();
    Wake(const Wake&) = delete;
    Wake& operator=(const Wake&) = delete;

    // False when the system had no handle left.
    bool usable() const noexcept { return read_ != no_socket; }
    // From any thread; never blocks. Signals add up to one.
    void signal() noexcept;
    // Readable after a signal, until `clear`.
    SocketHandle handle() const noexcept { return read_; }
    // On the thread that waits.
    void clear() noexcept;

  private:
    SocketHandle read_ = no_socket;
    SocketHandle write_ = no_socket;
    std::atomic<bool> signalled_{false};
};

}  // namespace dreamport::net
