// One player's session: the link that keeps it up, the frames that arrive, the input that goes out.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "dreamport/core.h"
#include "jpeg/decoder.h"
#include "link/link.h"
#include "playing/command_queue.h"
#include "playing/control_queue.h"
#include "playing/frame_pool.h"
#include "playing/frame_ring.h"
#include "playing/outgoing.h"
#include "playing/play_statistics.h"
#include "wire/play_messages.h"

namespace dreamport {

class Client final : public Link {
  public:
    Client(LinkOptions link, const dp_client_options& options, std::string resume_token);

    // Any thread; each answers a dp_status.
    std::int32_t control(const dp_control& control) noexcept;
    std::int32_t command(net::Bytes message) noexcept;
    std::int32_t pause(bool paused) noexcept;
    std::int32_t acquire(dp_frame& out) noexcept;
    std::int32_t release(std::uint32_t lease) noexcept { return pool_.release(lease); }
    std::int32_t presented(std::uint64_t frame_id, std::int64_t client_time_ns) noexcept;
    std::int32_t world(dp_world& out) const noexcept;
    std::int32_t format(dp_frame_format& out) const noexcept;
    std::int32_t detach(char* resume_token, std::size_t capacity) noexcept;
    void statistics(dp_statistics& out) const noexcept;
    // For textures, see texture_source.h.
    bool show(dp_frame& out) noexcept;
    bool show_lent(std::uint32_t lease, dp_frame& out) noexcept { return pool_.show_lent(lease, out); }
    std::uint32_t last_lent() noexcept { return pool_.last_lent(); }
    void hide(std::uint32_t lease) noexcept { pool_.hide(lease); }

  private:
    const char* method() const noexcept override { return "/dreamport.v1.PlayService/Play"; }
    std::size_t max_message_bytes() const noexcept override;
    void begin_call(net::Call& call) noexcept override;
    void connected() noexcept override {
        if (!has_worked()) journal_.set_state(DP_STATE_OPENING);
    }
    void turn(net::Call& call) noexcept override;
    std::int64_t next_turn_ns(std::int64_t now) const noexcept override;
    void begin_farewell(net::Call& call) noexcept override;
    bool farewell_done(net::Call&) noexcept override { return false; }  // the server closes the stream
    bool call_over(const net::GrpcStatus& status, Diagnosis& diagnosis) noexcept override;
    std::string_view subject() const noexcept override;
    const net::Endpoint& endpoint() const noexcept override {
        return worker_.has_value() ? worker_->endpoint : Link::options().endpoint;
    }
    std::string_view address() const noexcept override {
        return worker_.has_value() ? std::string_view(worker_->address) : Link::options().address;
    }
    bool handed_out() const noexcept override { return worker_.has_value(); }
    std::uint8_t* on_message_begin(std::size_t size) noexcept override;
    void on_message(std::uint8_t* data, std::size_t size) noexcept override;

    void redirect(net::Bytes message) noexcept;
    void opened(net::Bytes message) noexcept;
    bool check_opened() noexcept;
    bool wants_shared_memory() const noexcept;
    bool open_ring() noexcept;
    void begin_session() noexcept;
    void frame(net::Bytes message) noexcept;
    bool fill_pixels(PooledFrame& into, const wire::FrameParts& parts, std::int64_t begin_ns,
                     float& decode_ms) noexcept;
    void describe(PooledFrame& into, const dreamport_v1_Frame& fields) noexcept;
    void stats(net::Bytes message) noexcept;
    void notice(net::Bytes message) noexcept;
    void break_contract(const char* what) noexcept;
    void note_presented(std::uint64_t frame_id, std::int64_t client_time_ns) noexcept;

    static constexpr std::size_t max_pixels_bytes = std::size_t{256} << 20;
    static constexpr std::size_t max_frame_overhead = 64 << 10;  // everything of a frame's message but its pixels

    const dp_client_options options_;
    const bool began_with_token_;

    // Where the backend placed the session.
    struct Worker {
        net::Endpoint endpoint;
        std::string address;
        std::string ticket;
    };

    // I/O thread.
    bool loopback_ = false;         // of the present call
    std::optional<Worker> worker_;  // for one attempt: every other begins at the backend's own address
    bool sent_on_ = false;          // this call told where to go
    std::string token_;
    bool shared_memory_failed_ = false;
    bool opened_now_ = false;  // Opened has arrived on this call
    dreamport_v1_Opened opened_{};
    wire::FrameParts parts_{};
    std::size_t colour_bytes_ = 0;
    std::size_t depth_bytes_ = 0;
    std::size_t message_bytes_ = 0;  // room for a frame's message
    std::uint32_t colour_format_ = 0;
    std::uint32_t transport_ = 0;
    std::uint64_t last_frame_id_ = 0;
    std::uint64_t last_applied_ = 0;
    std::uint64_t session_number_ = 0;
    std::uint64_t bytes_received_before_ = 0;
    std::uint64_t bytes_sent_before_ = 0;
    PooledFrame* arriving_ = nullptr;
    FrameRing ring_;
    jpeg::Decoder decoder_;
    CommandQueue sending_;
    bool frames_come_ = false;

    // Any thread.
    FramePool pool_;
    PlayStatistics statistics_;
    std::atomic<bool> presents_itself_{false};  // the caller calls dp_client_presented
    std::atomic<bool> leaves_it_{false};        // detached: the session stays on the server

    mutable std::mutex session_mutex_;
    dp_world world_{};
    dp_frame_format format_{};
    char token_for_detach_[256] = {};

    mutable std::mutex input_mutex_;
    ControlQueue controls_;
    CommandQueue commands_;
    bool session_open_ = false;
    bool behind_ = false;
    bool paused_ = false;
    bool pause_waits_ = false;
    bool presented_waits_ = false;
    std::uint64_t presented_id_ = 0;
    std::int64_t presented_time_ns_ = 0;
    std::uint32_t known_buttons_ = 0xFFFFFFFF;
};

}  // namespace dreamport
