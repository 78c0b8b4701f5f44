// An in-memory stand-in for a connection and the backend behind it, for tests of the session core without a network. It
// is a fake: it knows no HTTP/2; tests/test_native_client.py plays against the real one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "clock.h"
#include "net/grpc_connection.h"
#include "wire_bytes.h"

namespace fake {

using dreamport::net::Call;
using dreamport::net::CallHandler;
using dreamport::net::GrpcStatus;
using dreamport::net::Trouble;

// What the test says the backend does. Actions happen on the client's I/O thread, inside `run`.
class Backend {
  public:
    struct Said {
        std::uint32_t kind = 0;  // field number in the outer message
        bytes::Bytes body;
    };

    // --- the test's side
    void refuse(Trouble why) {
        const std::lock_guard<std::mutex> lock(mutex);
        refusing = why;
    }
    void send(bytes::Bytes message) {
        push([this, message = std::move(message)](CallHandler& handler) mutable {
            std::uint8_t* memory = handler.on_message_begin(message.size());
            if (memory == nullptr) {
                over.code = 8;
                is_over = true;
                return;
            }
            std::copy(message.begin(), message.end(), memory);
            handler.on_message(memory, message.size());
        });
    }
    void end(int code, std::string message, int pushback_ms = -1) {
        push([this, code, message, pushback_ms](CallHandler&) {
            over.code = code;
            over.message = message;
            over.retry_pushback_ms = pushback_ms;
            is_over = true;
        });
    }
    void break_line(Trouble why) {
        const std::lock_guard<std::mutex> lock(mutex);
        broken = why;
        changed.notify_all();
    }
    // Waits for the n-th message (from 0) that the client ever sent.
    Said heard(std::size_t n) {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait_for(lock, std::chrono::seconds(10), [&] { return said.size() > n; });
        return said.size() > n ? said[n] : Said{};
    }
    std::size_t heard_count() {
        const std::lock_guard<std::mutex> lock(mutex);
        return said.size();
    }
    dreamport::net::Endpoint last_reached() {
        const std::lock_guard<std::mutex> lock(mutex);
        return reached.empty() ? dreamport::net::Endpoint{} : reached.back();
    }
    int connections() {
        const std::lock_guard<std::mutex> lock(mutex);
        return opened;
    }
    template <class Condition>
    static bool soon(Condition condition) {
        for (int i = 0; i < 10000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return false;
    }

    void push(std::function<void(CallHandler&)> action) {
        const std::lock_guard<std::mutex> lock(mutex);
        actions.push_back(std::move(action));
        changed.notify_all();
    }

    // --- the connection's side
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void(CallHandler&)>> actions;
    std::vector<Said> said;
    std::vector<dreamport::net::Endpoint> reached;  // where each connection went
    Trouble refusing = Trouble::none;
    Trouble broken = Trouble::none;
    int opened = 0;
    bool silent = false;  // does not keep what it hears
    GrpcStatus over;      // I/O thread: what the call ends with
    bool is_over = false;
};

// The backend that connections of this thread of tests reach.
inline Backend*& current() {
    static Backend* backend = nullptr;
    return backend;
}

class Connection final : public dreamport::net::Connection, private Call {
  public:
    explicit Connection(Backend& backend) : backend_(backend) {
        const std::lock_guard<std::mutex> lock(backend_.mutex);
        ++backend_.opened;
        trouble_ = backend_.refusing;
        backend_.broken = Trouble::none;
        backend_.actions.clear();
    }
    static std::unique_ptr<dreamport::net::Connection> open(const dreamport::net::Endpoint& endpoint) {
        {
            const std::lock_guard<std::mutex> lock(current()->mutex);
            current()->reached.push_back(endpoint);
        }
        return std::make_unique<Connection>(*current());
    }

    bool run(std::int64_t deadline_ns) noexcept override {
        std::function<void(CallHandler&)> action;
        {
            std::unique_lock<std::mutex> lock(backend_.mutex);
            const auto busy = [&] {
                return woken_ || over_ || trouble_ != Trouble::none || backend_.broken != Trouble::none ||
                       !backend_.actions.empty() || sent_ != told_;
            };
            while (!busy() && dreamport::now_ns() < deadline_ns) {
                backend_.changed.wait_for(lock, std::chrono::nanoseconds(deadline_ns - dreamport::now_ns()));
            }
            woken_ = false;
            if (backend_.broken != Trouble::none) trouble_ = backend_.broken;
            if (!over_ && trouble_ == Trouble::none && !backend_.actions.empty()) {
                action = std::move(backend_.actions.front());
                backend_.actions.pop_front();
            }
        }
        ready_ = trouble_ == Trouble::none;
        if (handler_ != nullptr && sent_ != told_) {
            told_ = sent_;
            handler_->on_sent(sent_);
        }
        if (trouble_ != Trouble::none || over_) {
            if (handler_ != nullptr && !ended_) {
                GrpcStatus status;
                status.code = 14;
                status.trouble = over_ && trouble_ == Trouble::none ? Trouble::closed : trouble_;
                finish_call(status);
            }
            return false;
        }
        if (action && !ended_) action(*handler_);
        if (backend_.is_over) {
            backend_.is_over = false;
            finish_call(backend_.over);
        }
        if (cancelled_ && !ended_) {
            GrpcStatus status;
            status.code = 1;
            finish_call(status);
        }
        return true;
    }
    void wake() noexcept override {
        const std::lock_guard<std::mutex> lock(backend_.mutex);
        woken_ = true;
        backend_.changed.notify_all();
    }
    bool ready() const noexcept override { return ready_; }
    Trouble trouble() const noexcept override { return trouble_; }
    const std::string& detail() const noexcept override { return detail_; }
    Call* start(const std::string&, CallHandler* handler, std::size_t) noexcept override {
        handler_ = handler;
        return this;
    }
    void ping() noexcept override {}
    std::int64_t round_trip_ns() const noexcept override { return 0; }
    std::uint64_t bytes_received() const noexcept override { return 0; }
    std::uint64_t bytes_sent() const noexcept override { return 0; }
    void close() noexcept override { over_ = true; }

  private:
    std::uint64_t send(dreamport::net::Bytes head, const dreamport::net::Bytes* bodies,
                       std::size_t count) noexcept override {
        if (ended_) return 0;
        const std::lock_guard<std::mutex> lock(backend_.mutex);
        if (!backend_.silent) {
            bytes::Bytes message(head.data, head.data + head.size);
            for (std::size_t i = 0; i < count; ++i)
                message.insert(message.end(), bodies[i].data, bodies[i].data + bodies[i].size);
            backend_.said.push_back(outer(message));
            backend_.changed.notify_all();
        }
        return ++sent_;
    }
    std::size_t unsent_bytes() const noexcept override { return 0; }
    void finish() noexcept override {
        GrpcStatus status;  // the backend closes too
        backend_.push([this, status](CallHandler&) { finish_call(status); });
    }
    void cancel() noexcept override { cancelled_ = true; }

    void finish_call(const GrpcStatus& status) {
        if (ended_) return;
        ended_ = true;
        handler_->on_end(status);
    }
    static Backend::Said outer(const bytes::Bytes& message) {
        Backend::Said out;
        std::size_t at = 0;
        const auto varint = [&] {
            std::uint64_t value = 0;
            for (int shift = 0; at < message.size(); shift += 7) {
                const std::uint8_t byte = message[at++];
                value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
                if (byte < 0x80) break;
            }
            return value;
        };
        out.kind = static_cast<std::uint32_t>(varint() >> 3);
        varint();
        out.body.assign(message.begin() + static_cast<std::ptrdiff_t>(at), message.end());
        return out;
    }

    Backend& backend_;
    CallHandler* handler_ = nullptr;
    Trouble trouble_ = Trouble::none;
    std::string detail_;
    bool ready_ = false;
    bool woken_ = false;
    bool over_ = false;
    bool ended_ = false;
    bool cancelled_ = false;
    std::uint64_t sent_ = 0;
    std::uint64_t told_ = 0;
};

}  // namespace fake
