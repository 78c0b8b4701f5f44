#include "playing/client.h"

#include <algorithm>

#include "clock.h"
#include "link/address.h"
#include "text.h"

namespace dreamport {
namespace {

constexpr std::size_t max_unsent_bytes = 8 << 10;  // beyond it the link is behind, and samples are merged

}  // namespace

Client::Client(LinkOptions link, const dp_client_options& options, std::string resume_token)
    : Link(std::move(link)),
      options_(options),
      began_with_token_(!resume_token.empty()),
      token_(std::move(resume_token)) {}

// ---------------------------------------------------------------- any thread

std::int32_t Client::control(const dp_control& control) noexcept {
    {
        const std::lock_guard<std::mutex> lock(input_mutex_);
        if (((control.buttons | control.pressed) & ~known_buttons_) != 0) return DP_ERROR_ARGUMENT;
        controls_.add(control, now_ns(), !session_open_ || behind_);
        if (!session_open_) return DP_OK;
    }
    wake();
    return DP_OK;
}

std::int32_t Client::command(net::Bytes message) noexcept {
    {
        const std::lock_guard<std::mutex> lock(input_mutex_);
        if (!session_open_) return DP_ERROR_STATE;
        if (!commands_.add(message)) return DP_ERROR_FULL;
    }
    wake();
    return DP_OK;
}

std::int32_t Client::pause(bool paused) noexcept {
    {
        const std::lock_guard<std::mutex> lock(input_mutex_);
        paused_ = paused;
        pause_waits_ = true;
    }
    wake();
    return DP_OK;
}

std::int32_t Client::acquire(dp_frame& out) noexcept {
    const std::int32_t status = pool_.acquire(out);
    if (status != DP_OK) return status;
    statistics_.frame_acquired();
    if (!presents_itself_.load(std::memory_order_relaxed)) {
        note_presented(out.id, now_ns());
        wake();
    }
    return DP_OK;
}

bool Client::show(dp_frame& out) noexcept {
    bool first_use = false;
    if (!pool_.show(out, first_use)) return false;
    if (first_use) {
        statistics_.frame_acquired();
        if (!presents_itself_.load(std::memory_order_relaxed)) {
            note_presented(out.id, now_ns());
            wake();
        }
    }
    return true;
}

std::int32_t Client::presented(std::uint64_t frame_id, std::int64_t client_time_ns) noexcept {
    presents_itself_.store(true, std::memory_order_relaxed);
    note_presented(frame_id, client_time_ns == 0 ? now_ns() : client_time_ns);
    wake();
    return DP_OK;
}

void Client::note_presented(std::uint64_t frame_id, std::int64_t client_time_ns) noexcept {
    const std::lock_guard<std::mutex> lock(input_mutex_);
    if (!session_open_ || (presented_waits_ && frame_id <= presented_id_)) return;
    presented_waits_ = true;
    presented_id_ = frame_id;
    presented_time_ns_ = client_time_ns;
}

std::int32_t Client::world(dp_world& out) const noexcept {
    const std::lock_guard<std::mutex> lock(session_mutex_);
    if (format_.session_number == 0) return DP_NOTHING_NEW;
    out = world_;
    return DP_OK;
}

std::int32_t Client::format(dp_frame_format& out) const noexcept {
    const std::lock_guard<std::mutex> lock(session_mutex_);
    if (format_.session_number == 0) return DP_NOTHING_NEW;
    out = format_;
    return DP_OK;
}

std::int32_t Client::detach(char* resume_token, std::size_t capacity) noexcept {
    {
        const std::lock_guard<std::mutex> lock(session_mutex_);
        const std::string_view token = text_of(token_for_detach_);
        if (token.empty()) return DP_ERROR_STATE;
        if (capacity <= token.size()) return DP_ERROR_ARGUMENT;
        copy_text(resume_token, capacity, token);
    }
    leaves_it_.store(true, std::memory_order_release);
    return DP_OK;
}

void Client::statistics(dp_statistics& out) const noexcept {
    statistics_.copy(out);
    out.allocations = pool_.allocations();
    const std::lock_guard<std::mutex> lock(input_mutex_);
    out.controls_merged = controls_.merged();
}

// ---------------------------------------------------------------- I/O thread: the call

std::size_t Client::max_message_bytes() const noexcept {
    return max_pixels_bytes + max_pixels_bytes / 2 + max_frame_overhead;
}

std::string_view Client::subject() const noexcept {
    const std::string_view world = text_of(options_.world);
    return world.empty() ? std::string_view("the default world") : world;
}

bool Client::wants_shared_memory() const noexcept {
    return options_.transport != DP_TRANSPORT_INLINE && !shared_memory_failed_ &&
           (options_.transport == DP_TRANSPORT_SHARED_MEMORY || loopback_);
}

void Client::begin_call(net::Call& call) noexcept {
    opened_now_ = false;
    last_frame_id_ = 0;
    loopback_ = is_loopback(endpoint().host);
    OpenWish wish;
    wish.options = &options_;
    wish.resume_token = token_;
    if (worker_.has_value()) wish.ticket = worker_->ticket;
    const bool shared = wants_shared_memory();
    wish.transport = shared ? DP_TRANSPORT_SHARED_MEMORY : DP_TRANSPORT_INLINE;
    wish.colour_format = options_.colour_format;
    if (wish.colour_format == DP_COLOUR_DEFAULT) wish.colour_format = shared ? DP_COLOUR_RAW_RGBA : DP_COLOUR_JPEG;
    resuming_ = !token_.empty();
    OpenMessage message;
    if (write_open(message, wish)) call.send(message.bytes(), nullptr, 0);
}

void Client::turn(net::Call& call) noexcept {
    const std::int64_t now = now_ns();
    frames_come_ = statistics_.refresh(now);
    if (connection() != nullptr) {
        statistics_.traffic(bytes_received_before_ + connection()->bytes_received(),
                            bytes_sent_before_ + connection()->bytes_sent(), connection()->round_trip_ns());
    }
    if (!opened_now_) return;
    SmallMessage message;
    while (true) {
        bool ready = false;
        {
            const std::lock_guard<std::mutex> lock(input_mutex_);
            behind_ = call.unsent_bytes() > max_unsent_bytes;
            ControlSample sample;
            std::uint64_t sequence = 0;
            if (!behind_ && controls_.take(sample, sequence)) {
                ready = write_control(message, sample, sequence, known_buttons_);
            }
        }
        if (!ready) break;
        call.send(message.bytes(), nullptr, 0);
        statistics_.control_sent();
    }
    bool pause = false;
    bool paused = false;
    bool presented = false;
    std::uint64_t id = 0;
    std::int64_t time_ns = 0;
    {
        const std::lock_guard<std::mutex> lock(input_mutex_);
        if (behind_) return;  // all of it waits in memory of fixed size
        std::swap(pause, pause_waits_);
        std::swap(presented, presented_waits_);
        paused = paused_;
        id = presented_id_;
        time_ns = presented_time_ns_;
        commands_.drain([&](net::Bytes bytes) { sending_.add(bytes); });
    }
    sending_.drain([&](net::Bytes bytes) { call.send(bytes, nullptr, 0); });
    if (pause && write_pause(message, paused)) call.send(message.bytes(), nullptr, 0);
    if (presented && write_presented(message, id, time_ns)) call.send(message.bytes(), nullptr, 0);
}

std::int64_t Client::next_turn_ns(std::int64_t now) const noexcept {
    return now + (frames_come_ ? PlayStatistics::refresh_ns : 1'000'000'000);
}

void Client::begin_farewell(net::Call& call) noexcept {
    SmallMessage message;
    if (opened_now_ && !leaves_it_.load(std::memory_order_acquire) && write_close(message)) {
        call.send(message.bytes(), nullptr, 0);
    }
    call.finish();
}

bool Client::call_over(const net::GrpcStatus& status, Diagnosis& diagnosis) noexcept {
    {
        const std::lock_guard<std::mutex> lock(input_mutex_);
        session_open_ = behind_ = presented_waits_ = false;
        commands_.clear();
    }
    if (arriving_ != nullptr) pool_.abandon(arriving_);
    arriving_ = nullptr;
    ring_.close();
    frames_come_ = false;
    opened_now_ = false;
    if (connection() != nullptr) {
        bytes_received_before_ += connection()->bytes_received();
        bytes_sent_before_ += connection()->bytes_sent();
    }
    if (!sent_on_) worker_.reset();
    sent_on_ = false;
    const bool gone = diagnosis.problem == DP_PROBLEM_WORLD_FAILED || diagnosis.problem == DP_PROBLEM_SHUTTING_DOWN ||
                      diagnosis.problem == DP_PROBLEM_TAKEN_OVER;
    const bool unknown = resuming_ && diagnosis.problem == DP_PROBLEM_NOT_FOUND && status.trouble == net::Trouble::none;
    if (gone || unknown) {
        token_.clear();
        const std::lock_guard<std::mutex> lock(session_mutex_);
        copy_text(token_for_detach_, {});
    }
    return unknown && Link::options().try_again;
}

}  // namespace dreamport
