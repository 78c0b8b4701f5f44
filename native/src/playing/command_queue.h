// Messages that wait to be sent once each, in order: prompts, events, resets, saves, loads. Not thread-safe; the client
// guards it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "net/grpc_connection.h"

namespace dreamport {

class CommandQueue {
  public:
    // False when it is full.
    bool add(net::Bytes message) noexcept {
        const auto size = static_cast<std::uint32_t>(message.size);
        if (message.size > bytes_.size() || used_ + sizeof size + message.size > bytes_.size()) return false;
        std::memcpy(bytes_.data() + used_, &size, sizeof size);
        std::memcpy(bytes_.data() + used_ + sizeof size, message.data, message.size);
        used_ += sizeof size + message.size;
        return true;
    }
    bool empty() const noexcept { return used_ == 0; }
    void clear() noexcept { used_ = 0; }

    // Calls `send(bytes)` for each, oldest first, and forgets them.
    template <class Send>
    void drain(Send send) noexcept {
        for (std::size_t at = 0; at < used_;) {
            std::uint32_t size = 0;
            std::memcpy(&size, bytes_.data() + at, sizeof size);
            send(net::Bytes{bytes_.data() + at + sizeof size, size});
            at += sizeof size + size;
        }
        used_ = 0;
    }

  private:
    std::array<std::uint8_t, 64 * 1024> bytes_;  // not cleared: whoever makes one must not wait for its pages
    std::size_t used_ = 0;
};

}  // namespace dreamport
