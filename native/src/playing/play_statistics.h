// What dp_client_statistics tells. The I/O thread counts and, a few times a second, works the percentiles out; readers
// copy the result.
#pragma once

#include <cstdint>
#include <mutex>

#include "dreamport/core.h"
#include "playing/samples.h"
#include "proto/play.pb.h"

namespace dreamport {

class PlayStatistics {
  public:
    // I/O thread. A frame is whole in client memory. `generated_ns`: on this machine's clock, 0 when it is another's.
    void frame_arrived(std::int64_t now, const dp_frame& frame, std::int64_t generated_ns, bool first_with_control,
                       float decode_ms) noexcept;
    void frame_torn() noexcept;
    void frame_replaced() noexcept;
    void control_sent() noexcept;
    void server_stats(const dreamport_v1_Stats& stats) noexcept;
    void traffic(std::uint64_t received, std::uint64_t sent, std::int64_t round_trip_ns) noexcept;
    void session_begins() noexcept;
    // Works the percentiles out if it is time to. True when frames keep coming, so that it must be called again soon.
    bool refresh(std::int64_t now) noexcept;

    // Any thread.
    void frame_acquired() noexcept;
    void copy(dp_statistics& out) const noexcept;

    static constexpr std::int64_t refresh_ns = 250'000'000;

  private:
    Samples intervals_;
    Samples control_to_frame_;
    Samples generated_to_arrived_;
    Samples generation_;
    Samples decode_;
    std::int64_t last_arrival_ns_ = 0;
    std::int64_t refreshed_ns_ = 0;

    mutable std::mutex mutex_;
    dp_statistics out_{};  // guarded
};

}  // namespace dreamport
