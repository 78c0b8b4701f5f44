#include "link/link.h"

#include <chrono>
#include <new>

#include "clock.h"
#include "library/threads.h"

namespace dreamport {
namespace {

constexpr std::int64_t millisecond = 1000000;
constexpr std::int64_t close_ns = 200 * millisecond;

// Different for every link, so that their pauses differ.
std::uint64_t jitter_seed(const void* link) noexcept {
    return static_cast<std::uint64_t>(now_ns()) * 0x9E3779B97F4A7C15u ^ reinterpret_cast<std::uintptr_t>(link);
}

}  // namespace

Link::Link(LinkOptions options)
    : options_(std::move(options)), backoff_(options_.backoff_min_ms, options_.backoff_max_ms, jitter_seed(this)) {}

void Link::start() {
    library::launch([self = shared_from_this()] { self->loop(); });
}

void Link::end(std::int64_t polite_ms) noexcept {
    const std::int64_t until = now_ns() + polite_ms * millisecond;
    // The time first: the I/O thread reads it once it sees that it shall end. A second call may only make it shorter.
    if (!ending() || until < polite_until_ns_.load()) polite_until_ns_.store(until);
    ending_.store(true, std::memory_order_release);
    wake();
}

std::int32_t Link::retry_now() noexcept {
    const std::lock_guard<std::mutex> lock(wake_mutex_);
    if (!waiting_) return DP_ERROR_STATE;
    retry_now_ = true;
    woken_.notify_all();
    return DP_OK;
}

void Link::wake() noexcept {
    const std::lock_guard<std::mutex> lock(wake_mutex_);
    if (to_wake_ != nullptr) to_wake_->wake();
    if (ending()) woken_.notify_all();
}

void Link::loop() noexcept {
    while (!ending() || may_still_finish()) {
        attempt();
        if (ending() || done_) break;
        settle();
    }
    if (!done_) journal_.set_state(DP_STATE_CLOSED);
    ended();
}

bool Link::may_still_finish() const noexcept {
    return has_unfinished() && now_ns() < polite_until_ns_.load();
}

void Link::attempt() noexcept {
    worked_ = call_ended_ = again_at_once_ = has_verdict_ = resuming_ = told_to_stop_ = false;
    status_ = net::GrpcStatus{};
    try {
        connection_ = options_.open(endpoint());
        if (connection_ == nullptr) throw std::bad_alloc();
        {
            const std::lock_guard<std::mutex> lock(wake_mutex_);
            to_wake_ = connection_.get();
        }
        call_ = connection_->start(method(), this, max_message_bytes());
        if (call_ != nullptr) {
            begin_call(*call_);
            run_call();
        }
    } catch (...) {  // memory, or a thread that the system did not give
    }
    if (!call_ended_) {
        status_.code = 14;
        status_.trouble = connection_ == nullptr ? net::Trouble::lost : connection_->trouble();
    }
    Diagnosis found;
    {
        Circumstances around;
        around.service = options_.service;
        around.address = address();
        around.handed_out = handed_out();
        if (connection_ != nullptr) around.detail = connection_->detail();
        around.worked = worked_;
        around.resuming = resuming_;
        around.told_to_stop = told_to_stop_;
        around.subject = subject();
        found = diagnose(status_, around);
    }
    if (!has_verdict_) verdict_ = found;
    again_at_once_ = call_over(status_, verdict_) || again_at_once_;
    call_ = nullptr;
    {
        const std::lock_guard<std::mutex> lock(wake_mutex_);
        to_wake_ = nullptr;
    }
    connection_.reset();
}

void Link::run_call() noexcept {
    bool was_ready = false;
    bool farewell = false;
    while (true) {
        const std::int64_t now = now_ns();
        std::int64_t deadline = next_turn_ns(now);
        if (ending()) deadline = std::min(deadline, polite_until_ns_.load());
        if (!connection_->run(deadline)) return;
        if (call_ended_) break;
        if (!was_ready && connection_->ready()) {
            was_ready = true;
            connected();
        }
        if (ending() && !farewell) {
            if (!was_ready) {
                if (may_still_finish()) continue;
                break;
            }
            farewell = true;
            turn(*call_);
            begin_farewell(*call_);
        }
        if (call_ended_) break;
        turn(*call_);
        if (call_ended_ || (farewell && (farewell_done(*call_) || now_ns() >= polite_until_ns_.load()))) break;
    }
    connection_->close();
    const std::int64_t until = now_ns() + close_ns;
    while (now_ns() < until && connection_->run(until)) {
    }
}

void Link::on_end(const net::GrpcStatus& status) noexcept {
    status_ = status;
    call_ended_ = true;
}

void Link::give_verdict(const Diagnosis& diagnosis, bool again_at_once) noexcept {
    if (has_verdict_) return;
    verdict_ = diagnosis;
    has_verdict_ = true;
    again_at_once_ = again_at_once;
}

void Link::break_off(net::Call& call, const Diagnosis& diagnosis, bool again_at_once) noexcept {
    give_verdict(diagnosis, again_at_once);
    call.cancel();
}

void Link::worked() noexcept {
    worked_ = true;
    failures_ = 0;
    journal_.set_state(DP_STATE_READY);
}

void Link::settle() noexcept {
    if (again_at_once_) return;
    ++failures_;
    journal_.set_attempts(failures_);
    const bool again = verdict_.again && options_.try_again;
    const std::int64_t pause = backoff_.pause_ms(failures_, status_.retry_pushback_ms) * millisecond;
    const std::int64_t next = again ? now_ns() + pause : 0;
    const int code = status_.trouble == net::Trouble::none ? status_.code : -1;
    {
        const std::lock_guard<std::mutex> lock(wake_mutex_);
        waiting_ = true;
    }
    journal_.set_trouble(again ? DP_STATE_WAITING : DP_STATE_FAILED, verdict_, code,
                         status_.trouble == net::Trouble::none ? std::string_view(status_.message) : std::string_view{},
                         next);
    wait_until(again ? next : INT64_MAX);
    journal_.clear_next_attempt();
    if (!again && !ending()) journal_.set_state(DP_STATE_CONNECTING);
}

void Link::wait_until(std::int64_t time_ns) noexcept {
    std::unique_lock<std::mutex> lock(wake_mutex_);
    const auto over = [&] { return ending() || retry_now_; };
    if (time_ns == INT64_MAX) {
        woken_.wait(lock, over);
    } else {
        while (!over()) {
            const std::int64_t left = time_ns - now_ns();
            if (left <= 0) break;
            woken_.wait_for(lock, std::chrono::nanoseconds(left));
        }
    }
    retry_now_ = false;
    waiting_ = false;
}

}  // namespace dreamport
