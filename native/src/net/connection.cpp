#include <algorithm>
#include <array>
#include <vector>

#include "clock.h"
#include "net/grpc_connection.h"
#include "net/http2_session.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/tls.h"
#include "net/wait.h"
#include "net/wake.h"

namespace dreamport::net {
namespace {

constexpr std::size_t receive_bytes = 256 << 10;
constexpr std::size_t receive_at_once_bytes = 8 << 20;  // then the owner gets its turn
constexpr std::size_t most_parts = 64;
constexpr std::size_t most_attempts = 8;
constexpr std::int64_t next_attempt_ns =
    250'000'000;  // RFC 8305: when the first address is slow, the next one is tried beside it
constexpr std::int64_t goodbye_ns = 500'000'000;
constexpr std::int64_t millisecond_ns = 1'000'000;

std::string host_and_port(const Endpoint& endpoint) {
    const bool v6 = endpoint.host.find(':') != std::string::npos;
    return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

class SocketConnection final : public Connection {
  public:
    explicit SocketConnection(const Endpoint& endpoint)
        : endpoint_(endpoint),
          place_(host_and_port(endpoint)),
          wake_(std::make_shared<Wake>()),
          buffer_(receive_bytes),
          session_({place_, endpoint.tls, endpoint.token}, now_ns()),
          give_up_ns_(now_ns() + std::max(endpoint.connect_timeout_ms, 1) * millisecond_ns) {}

    bool run(std::int64_t deadline_ns) noexcept override;
    void wake() noexcept override { wake_->signal(); }
    bool ready() const noexcept override { return stage_ == Stage::open && session_.heard_settings() && !over(); }
    Trouble trouble() const noexcept override { return session_.trouble(); }
    const std::string& detail() const noexcept override { return session_.detail(); }
    Call* start(const std::string& method, CallHandler* handler, std::size_t max_message_bytes) noexcept override {
        return session_.start(method, handler, max_message_bytes);
    }
    void ping() noexcept override {
        if (ready()) session_.ping(now_ns());
    }
    std::int64_t round_trip_ns() const noexcept override { return session_.round_trip_ns(); }
    std::uint64_t bytes_received() const noexcept override { return received_; }
    std::uint64_t bytes_sent() const noexcept override { return sent_; }
    void close() noexcept override;

  private:
    enum class Stage { resolving, connecting, shaking_hands, open, ended };

    bool over() const noexcept { return session_.trouble() != Trouble::none; }
    std::int64_t due_ns() const noexcept;
    void wait(std::int64_t until_ns) noexcept;
    void advance();
    void resolve();
    void start_attempts();
    void check_attempts();
    void attempt_failed(int error);
    void connected(Socket socket);
    void shake_hands();
    void receive();
    void flush();
    void fail(Trouble trouble, const std::string& what);
    void other_side_closed(const std::string& how);

    const Endpoint endpoint_;
    const std::string place_;
    const std::shared_ptr<Wake> wake_;
    std::vector<std::uint8_t> buffer_;
    Http2Session session_;
    Stage stage_ = Stage::resolving;
    std::int64_t give_up_ns_;  // for connecting, and later for saying goodbye
    std::unique_ptr<Resolution> resolution_;

    std::array<Socket, most_attempts> attempts_;
    std::size_t attempts_made_ = 0;
    std::int64_t next_attempt_at_ns_ = 0;
    int first_error_ = 0;
    bool refused_ = false;

    Socket socket_;
    std::unique_ptr<Tls> tls_;
    std::array<bool, most_attempts> attempt_ready_ = {};
    bool readable_ = false;
    bool more_to_read_ = false;  // stopped before the socket was empty
    bool write_blocked_ = false;
    std::string write_error_;
    std::uint64_t received_ = 0;
    std::uint64_t sent_ = 0;
};

bool SocketConnection::run(std::int64_t deadline_ns) noexcept try {
    if (stage_ == Stage::ended) return false;
    if (stage_ == Stage::open) flush();  // what the owner queued since the last time
    const bool news = session_.unsettled();
    session_.settle();
    const bool busy = news || more_to_read_ || (over() && !write_blocked_);
    wait(busy ? 0 : std::min(deadline_ns, due_ns()));
    if (!over()) advance();
    if (stage_ == Stage::open) {
        session_.keep_alive(now_ns());
        flush();
    }
    session_.settle();
    if (stage_ == Stage::open) flush();  // what the handlers queued
    const bool leaving = over() && stage_ == Stage::open && trouble() == Trouble::closed && now_ns() < give_up_ns_ &&
                         (!session_.over() || session_.output().size() > 0);
    if (over() && !leaving) {
        if (stage_ == Stage::open) {
            if (tls_) tls_->end_sending();
            socket_.end_sending();
        }
        session_.settle();
        stage_ = Stage::ended;
        for (Socket& attempt : attempts_)
            attempt.close();
        tls_.reset();
        socket_.close();
        return false;
    }
    return true;
} catch (...) {  // no memory
    session_.end(Trouble::lost, "out of memory");
    session_.settle();
    stage_ = Stage::ended;
    return false;
}

void SocketConnection::close() noexcept {
    if (over()) return;
    if (stage_ == Stage::open) {
        session_.say_goodbye();
        give_up_ns_ = now_ns() + goodbye_ns;
    } else {
        session_.end(Trouble::closed, "closed by this side");
    }
}

std::int64_t SocketConnection::due_ns() const noexcept {
    if (over()) return give_up_ns_;
    if (stage_ == Stage::resolving && !resolution_) return 0;
    std::int64_t due = session_.heard_settings() ? session_.keep_alive_due_ns() : give_up_ns_;
    if (stage_ == Stage::connecting) due = std::min(due, next_attempt_at_ns_);
    return due;
}

// Sets readable_, attempt_ready_ and, when the socket takes more, clears write_blocked_.
void SocketConnection::wait(std::int64_t until_ns) noexcept {
    Watched watched[most_attempts + 1];
    static_assert(most_attempts + 1 <= most_watched);
    watched[0].socket = wake_->handle();
    watched[0].want_read = true;
    int count = 1;
    if (stage_ == Stage::connecting) {
        for (std::size_t i = 0; i < attempts_made_; ++i, ++count) {
            watched[count].socket = attempts_[i].handle();
            watched[count].want_write = attempts_[i].open();
        }
    } else if (socket_.open()) {
        watched[count].socket = socket_.handle();
        watched[count].want_read = true;
        watched[count].want_write = write_blocked_ || (tls_ && tls_->wants_write());
        ++count;
    }
    wait_for(watched, count, until_ns - now_ns());
    if (watched[0].readable) wake_->clear();
    if (stage_ == Stage::connecting) {
        for (std::size_t i = 0; i < attempts_made_; ++i)
            attempt_ready_[i] = watched[i + 1].writable;
    } else if (socket_.open()) {
        readable_ = watched[1].readable;
        if (watched[1].writable && write_error_.empty()) write_blocked_ = false;
    }
}

void SocketConnection::advance() {
    if (!session_.heard_settings() && now_ns() >= give_up_ns_) {
        const char* const what = stage_ == Stage::resolving       ? "its name could not be resolved in time"
                                 : stage_ == Stage::connecting    ? "it did not answer in time"
                                 : stage_ == Stage::shaking_hands ? "the TLS handshake took too long"
                                                                  : "it took the connection and said nothing";
        return fail(Trouble::timed_out, what);
    }
    switch (stage_) {
        case Stage::resolving:
            return resolve();
        case Stage::connecting:
            return check_attempts();
        case Stage::shaking_hands:
            return shake_hands();
        case Stage::open:
            return receive();
        case Stage::ended:
            return;
    }
}

void SocketConnection::resolve() {
    if (!start_sockets() || !wake_->usable()) return fail(Trouble::unreachable, "the system gives no sockets");
    if (!resolution_)
        resolution_ = std::make_unique<Resolution>(Resolution::begin(endpoint_.host, endpoint_.port, wake_));
    if (!resolution_->done()) return;
    if (resolution_->addresses().empty())
        return fail(Trouble::unreachable, "the name cannot be resolved: " + resolution_->reason());
    stage_ = Stage::connecting;
    start_attempts();
}

// Starts the next address, and one more for each that failed at once.
void SocketConnection::start_attempts() {
    const auto& addresses = resolution_->addresses();
    while (attempts_made_ < std::min(addresses.size(), most_attempts)) {
        int error = 0;
        Socket attempt = Socket::connecting(addresses[attempts_made_], &error);
        attempts_[attempts_made_] = std::move(attempt);
        ++attempts_made_;
        next_attempt_at_ns_ = now_ns() + next_attempt_ns;
        if (attempts_[attempts_made_ - 1].open()) return;
        attempt_failed(error);
    }
    next_attempt_at_ns_ = INT64_MAX;
    for (const Socket& attempt : attempts_)
        if (attempt.open()) return;
    if (refused_) return fail(Trouble::refused, "nothing listens there");
    fail(trouble_of_connect(first_error_), text_of_error(first_error_));
}

void SocketConnection::attempt_failed(int error) {
    if (trouble_of_connect(error) == Trouble::refused) refused_ = true;
    if (first_error_ == 0) first_error_ = error;
}

void SocketConnection::check_attempts() {
    bool failed = false;
    for (std::size_t i = 0; i < attempts_made_; ++i) {
        if (!attempts_[i].open() || !attempt_ready_[i]) continue;
        const int error = attempts_[i].connect_error();
        if (error == 0) return connected(std::move(attempts_[i]));
        attempts_[i].close();
        attempt_failed(error);
        failed = true;
    }
    if (failed || now_ns() >= next_attempt_at_ns_) start_attempts();
}

void SocketConnection::connected(Socket socket) {
    socket_ = std::move(socket);
    for (Socket& attempt : attempts_)
        attempt.close();
    resolution_.reset();
    if (!endpoint_.tls) {
        stage_ = Stage::open;
        return;
    }
    std::string detail;
    const std::string& name = endpoint_.server_name.empty() ? endpoint_.host : endpoint_.server_name;
    tls_ = Tls::begin(&socket_, name, endpoint_.ca_file, &detail);
    if (!tls_) return fail(Trouble::tls_other, detail);
    stage_ = Stage::shaking_hands;
    shake_hands();
}

void SocketConnection::shake_hands() {
    const IoResult result = tls_->shake_hands();
    if (result == IoResult::done) stage_ = Stage::open;
    if (result == IoResult::failed) fail(tls_->trouble(), tls_->detail());
}

void SocketConnection::receive() {
    if (!readable_ && !more_to_read_) return;
    readable_ = more_to_read_ = false;
    for (std::size_t total = 0; !over();) {
        const Io io =
            tls_ ? tls_->receive(buffer_.data(), buffer_.size()) : socket_.receive(buffer_.data(), buffer_.size());
        if (io.result == IoResult::blocked && !write_error_.empty()) return other_side_closed(write_error_);
        if (io.result == IoResult::blocked) return;
        if (io.result == IoResult::closed) return other_side_closed("the server closed the connection");
        if (io.result == IoResult::failed)
            return other_side_closed(io.error != 0 ? text_of_error(io.error) : "the connection broke");
        received_ += io.count;
        total += io.count;
        session_.receive(buffer_.data(), io.count, now_ns());
        if (io.count < buffer_.size() && !tls_ && write_error_.empty())
            return;  // the socket is empty, and waiting tells when it is not
        if (total >= receive_at_once_bytes) {
            more_to_read_ = true;
            return;
        }
    }
}

void SocketConnection::other_side_closed(const std::string& how) {
    if (session_.heard_goaway())
        return fail(Trouble::lost, "the server ended the connection: " + session_.goaway_text());
    if (session_.heard_anything() || endpoint_.tls) return fail(Trouble::lost, how);
    fail(Trouble::lost, how + " before it said anything; if it expects TLS, turn that on for this address");
}

void SocketConnection::flush() {
    if (write_blocked_) return;
    OutputQueue& output = session_.output();
    for (;;) {
        session_.produce(now_ns());
        if (output.size() == 0) return;
        Bytes parts[most_parts];
        const std::size_t count = output.next(parts, most_parts);
        const Io io = tls_ ? tls_->send(parts, count) : socket_.send(parts, count);
        if (io.result == IoResult::blocked) {
            write_blocked_ = true;
            return;
        }
        if (io.result != IoResult::done) {  // what the server said last may tell why: it is read first
            write_error_ = io.error != 0 ? text_of_error(io.error) : "the connection broke";
            write_blocked_ = more_to_read_ = true;
            return;
        }
        sent_ += io.count;
        output.pop(io.count);
    }
}

void SocketConnection::fail(Trouble trouble, const std::string& what) {
    session_.end(trouble, place_ + ": " + what);
}

}  // namespace

std::unique_ptr<Connection> Connection::open(const Endpoint& endpoint) {
    return std::make_unique<SocketConnection>(endpoint);
}

}  // namespace dreamport::net
