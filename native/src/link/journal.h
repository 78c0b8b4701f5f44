// Where a link stands and what happened to it: written by its I/O thread, read by anyone.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "dreamport/core.h"
#include "link/problems.h"

namespace dreamport {

class Journal {
  public:
    Journal() noexcept;

    dp_connection_status status() const noexcept;
    // The oldest event; false when there is none.
    bool take_event(dp_event& out) noexcept;

    void add_event(dp_event_kind kind, std::int32_t code, std::uint64_t number, std::string_view text) noexcept;
    // No problem any more: READY clears it.
    void set_state(dp_state state) noexcept;
    // WAITING, FAILED or CLOSED with a reason.
    void set_trouble(dp_state state, const Diagnosis& diagnosis, int grpc_status, std::string_view server_message,
                     std::int64_t next_attempt_ns) noexcept;
    void set_attempts(std::uint32_t attempts) noexcept;
    void clear_next_attempt() noexcept;
    void set_transport(std::uint32_t transport) noexcept;
    void count_resumed() noexcept;
    void count_restarted() noexcept;
    dp_state state() const noexcept;

  private:
    void push(dp_event_kind kind, std::int32_t code, std::uint64_t number, std::string_view text) noexcept;

    static constexpr std::size_t max_events = 64;
    mutable std::mutex mutex_;
    dp_connection_status status_{};
    std::array<dp_event, max_events> events_{};
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

}  // namespace dreamport
