#include "link/journal.h"

#include "clock.h"
#include "text.h"

namespace dreamport {

Journal::Journal() noexcept {
    status_.state = DP_STATE_CONNECTING;
    status_.grpc_status = -1;
    copy_text(status_.message, "Connecting.");
}

dp_connection_status Journal::status() const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return status_;
}

dp_state Journal::state() const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<dp_state>(status_.state);
}

bool Journal::take_event(dp_event& out) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (count_ == 0) return false;
    out = events_[first_];
    first_ = (first_ + 1) % max_events;
    --count_;
    return true;
}

void Journal::push(dp_event_kind kind, std::int32_t code, std::uint64_t number, std::string_view text) noexcept {
    if (count_ == max_events) {
        first_ = (first_ + 1) % max_events;
        --count_;
    }
    dp_event& event = events_[(first_ + count_++) % max_events];
    event.kind = kind;
    event.code = code;
    event.state = status_.state;
    event.problem = status_.problem;
    event.number = number;
    event.time_ns = now_ns();
    copy_text(event.text, text);
}

void Journal::add_event(dp_event_kind kind, std::int32_t code, std::uint64_t number, std::string_view text) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    push(kind, code, number, text);
}

void Journal::set_state(dp_state state) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_.next_attempt_ns = 0;
    if (status_.state == state && status_.problem == DP_PROBLEM_NONE) return;
    status_.state = state;
    if (state == DP_STATE_READY || state == DP_STATE_CLOSED) {
        status_.problem = DP_PROBLEM_NONE;
        status_.attempts = 0;
        copy_text(status_.server_message, {});
    }
    copy_text(status_.message, state == DP_STATE_CONNECTING ? "Connecting."
                               : state == DP_STATE_OPENING  ? "Connected; waiting for the backend's answer."
                               : state == DP_STATE_READY    ? "Ready."
                                                            : "Closed.");
    push(DP_EVENT_STATE, 0, 0, status_.message);
}

void Journal::set_trouble(dp_state state, const Diagnosis& diagnosis, int grpc_status, std::string_view server_message,
                          std::int64_t next_attempt_ns) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool changed = status_.state != state || status_.problem != diagnosis.problem;
    status_.state = state;
    status_.problem = diagnosis.problem;
    status_.grpc_status = grpc_status;
    status_.next_attempt_ns = next_attempt_ns;
    copy_text(status_.message, text_of(diagnosis.message));
    copy_text(status_.server_message, server_message);
    if (changed) push(DP_EVENT_STATE, 0, 0, status_.message);
}

void Journal::set_attempts(std::uint32_t attempts) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_.attempts = attempts;
}

void Journal::clear_next_attempt() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_.next_attempt_ns = 0;
}

void Journal::set_transport(std::uint32_t transport) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_.transport = transport;
}

void Journal::count_resumed() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++status_.resumed;
}

void Journal::count_restarted() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++status_.restarted;
}

}  // namespace dreamport
