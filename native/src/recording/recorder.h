// Records an engine's play: buffers lent to the engine, a worker that encodes, a link that sends and hears what is
// safely on disk.
//
// After a break the open episode ends at what was acknowledged: frames that were not are counted as lost, and
// dp_recorder_begin starts anew. An episode whose begin was not answered yet has lost nothing and goes on when the
// backend is back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "dreamport/core.h"
#include "jpeg/encoder.h"
#include "link/link.h"
#include "playing/samples.h"
#include "recording/capture_queue.h"

namespace dreamport {

class Recorder final : public Link {
  public:
    Recorder(LinkOptions link, const dp_recorder_options& options);

    // Any thread; each answers a dp_status.
    void start_all();
    std::int32_t begin(const dp_episode_options& episode) noexcept;
    std::int32_t acquire(dp_capture_buffer& out) noexcept;
    std::int32_t submit(const dp_capture_frame& frame) noexcept;
    std::int32_t cancel(std::uint32_t lease) noexcept;
    std::int32_t marker(const char* name, const char* text) noexcept;
    std::int32_t finish(bool discard) noexcept;
    void statistics(dp_recorder_stats& out) const noexcept;

  private:
    struct Unacknowledged {
        std::uint64_t index = 0;
        std::int64_t submitted_ns = 0;
    };

    const char* method() const noexcept override { return "/dreamport.v1.CaptureService/Record"; }
    std::size_t max_message_bytes() const noexcept override { return max_answer_bytes; }
    void begin_call(net::Call& call) noexcept override;
    void connected() noexcept override;
    void turn(net::Call& call) noexcept override;
    std::int64_t next_turn_ns(std::int64_t now) const noexcept override;
    void begin_farewell(net::Call& call) noexcept override;
    bool has_unfinished() const noexcept override;
    bool farewell_done(net::Call& call) noexcept override;
    bool call_over(const net::GrpcStatus& status, Diagnosis& diagnosis) noexcept override;
    void ended() noexcept override;
    std::uint8_t* on_message_begin(std::size_t size) noexcept override;
    void on_message(std::uint8_t* data, std::size_t size) noexcept override;
    void on_sent(std::uint64_t ticket) noexcept override;

    bool send_next(net::Call& call) noexcept;
    bool may_send(const net::Call& call, const CaptureItem& item) const noexcept;  // mutex_ held
    void send_frame(net::Call& call, CaptureSlot& slot) noexcept;
    void begun(net::Bytes message) noexcept;
    void acknowledged(net::Bytes message) noexcept;
    void finished(net::Bytes message) noexcept;
    void notice(net::Bytes message) noexcept;
    void refresh(std::int64_t now) noexcept;

    void work() noexcept;  // the worker
    void encode(CaptureSlot& slot) noexcept;

    std::int32_t queue_message(CaptureItem::Kind kind, const CaptureMessage& message,
                               bool discard) noexcept;           // mutex_ held
    std::uint32_t count_queued() const noexcept;                 // mutex_ held
    CaptureSlot* slot_of(std::uint32_t lease) noexcept;          // mutex_ held
    std::uint64_t drop_episode(std::uint64_t episode) noexcept;  // mutex_ held
    bool is_jpeg() const noexcept { return options_.colour_format != DP_COLOUR_RAW_RGBA; }

    static constexpr std::size_t max_answer_bytes = 64 * 1024;
    static constexpr std::size_t max_messages = 32;
    static constexpr std::size_t max_unacknowledged_kept = 4096;

    const dp_recorder_options options_;
    const std::size_t colour_bytes_;
    const std::size_t depth_bytes_;
    jpeg::Encoder encoder_;  // the worker's

    // I/O thread.
    std::vector<std::uint8_t> answer_;
    std::int64_t connected_ns_ = 0;
    std::int64_t refreshed_ns_ = 0;
    Samples acknowledge_ms_;

    std::mutex encode_mutex_;  // the worker's and the I/O thread's; no caller ever waits for it
    Samples encode_ms_;

    mutable std::mutex mutex_;
    std::condition_variable work_;
    bool worker_stops_ = false;
    std::vector<CaptureSlot> slots_;
    std::vector<CaptureMessage> messages_;
    std::vector<bool> message_used_;
    CaptureItems items_;
    std::uint64_t episode_ = 0;  // last one begun by the engine
    bool episode_open_ = false;  // the engine may add frames to it
    std::uint64_t next_index_ = 0;
    std::uint64_t sent_episode_ = 0;  // on the stream; 0 none
    bool begin_sent_ = false;
    bool begun_ = false;
    bool finish_sent_ = false;
    bool discarding_ = false;
    std::size_t max_unacknowledged_ = 1;
    std::vector<Unacknowledged> unacknowledged_;  // a ring
    std::size_t first_unacknowledged_ = 0;
    std::size_t unacknowledged_count_ = 0;
    std::uint64_t episode_acknowledged_ = 0;
    dp_recorder_stats stats_{};
};

}  // namespace dreamport
