// One call to a backend that is kept up: connects, tries again, and says where it stands. A client, a recorder and a
// query are links.
//
// Threads: everything protected happens on the link's own I/O thread, unless it says otherwise. The thread owns the
// link until it has ended, so whoever lets go of it never waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "dreamport/core.h"
#include "link/backoff.h"
#include "link/journal.h"
#include "link/problems.h"
#include "net/grpc_connection.h"

namespace dreamport {

struct LinkOptions {
    Service service = Service::play;
    net::Endpoint endpoint;
    std::string address;  // as the user wrote it, for messages
    bool try_again = true;
    std::uint32_t backoff_min_ms = 200;
    std::uint32_t backoff_max_ms = 5000;
    // Makes a connection; tests give another.
    std::unique_ptr<net::Connection> (*open)(const net::Endpoint&) = &net::Connection::open;
};

class Link : public std::enable_shared_from_this<Link>, protected net::CallHandler {
  public:
    explicit Link(LinkOptions options);
    ~Link() override = default;
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Any thread.
    void start();                               // throws std::system_error, std::bad_alloc
    void end(std::int64_t polite_ms) noexcept;  // ends in the background, after a polite farewell of that time at most
    std::int32_t retry_now() noexcept;
    dp_connection_status status() const noexcept { return journal_.status(); }
    bool take_event(dp_event& out) noexcept { return journal_.take_event(out); }

  protected:
    // Any thread: lets the I/O thread take a turn soon.
    void wake() noexcept;

    // What a link is for.
    virtual const char* method() const noexcept = 0;
    virtual std::size_t max_message_bytes() const noexcept = 0;
    // A call has begun; its first message is due.
    virtual void begin_call(net::Call& call) noexcept = 0;
    // HTTP/2 settings were exchanged.
    virtual void connected() noexcept = 0;
    // Send what waits. Called after every wake-up while the call lives.
    virtual void turn(net::Call& call) noexcept = 0;
    // When `turn` is due again even if nothing happens, dp_now_ns.
    virtual std::int64_t next_turn_ns(std::int64_t now) const noexcept = 0;
    // The user wants to end: queue what is to be said. Called once.
    virtual void begin_farewell(net::Call& call) noexcept = 0;
    // Any thread. True when something is worth connecting for although the user wants to end.
    virtual bool has_unfinished() const noexcept { return false; }
    // True when nothing is left to be sent or heard before the end.
    virtual bool farewell_done(net::Call& call) noexcept = 0;
    // The call is over (not by the user's wish). May change the diagnosis. True: connect again at once, without a
    // pause.
    virtual bool call_over(const net::GrpcStatus& status, Diagnosis& diagnosis) noexcept = 0;
    // The I/O thread is about to end.
    virtual void ended() noexcept {}
    // Where the next attempt goes, and its name in messages: what the options say, unless the backend hands out
    // another.
    virtual const net::Endpoint& endpoint() const noexcept { return options_.endpoint; }
    virtual std::string_view address() const noexcept { return options_.address; }
    // True when that is an address that the backend handed out.
    virtual bool handed_out() const noexcept { return false; }
    // What messages call what is asked for.
    virtual std::string_view subject() const noexcept { return {}; }

    void on_sent(std::uint64_t) noexcept override {}
    void on_end(const net::GrpcStatus& status) noexcept final;

    // What to tell when the call ends, instead of its status. The first verdict counts.
    void give_verdict(const Diagnosis& diagnosis, bool again_at_once = false) noexcept;
    // Ends the call because of something seen in it. `again_at_once` as in call_over.
    void break_off(net::Call& call, const Diagnosis& diagnosis, bool again_at_once = false) noexcept;
    // The session is open: no problem any more.
    void worked() noexcept;

    const LinkOptions& options() const noexcept { return options_; }
    const net::Connection* connection() const noexcept { return connection_.get(); }
    net::Call* call() const noexcept { return call_; }
    bool ending() const noexcept { return ending_.load(std::memory_order_acquire); }
    bool has_worked() const noexcept { return worked_; }
    bool may_still_finish() const noexcept;

    Journal journal_;
    bool resuming_ = false;      // the call began with a resume token
    bool told_to_stop_ = false;  // the server announced its end
    bool done_ = false;          // nothing is left to do: the thread ends and the state stays as it is

  private:
    void loop() noexcept;
    void attempt() noexcept;
    void run_call() noexcept;
    void wait_until(std::int64_t time_ns) noexcept;
    void settle() noexcept;

    const LinkOptions options_;
    Backoff backoff_;
    std::unique_ptr<net::Connection> connection_;
    net::Call* call_ = nullptr;
    bool worked_ = false;
    bool call_ended_ = false;
    bool again_at_once_ = false;
    bool has_verdict_ = false;
    Diagnosis verdict_;
    net::GrpcStatus status_;
    std::uint32_t failures_ = 0;

    std::atomic<bool> ending_{false};
    std::atomic<std::int64_t> polite_until_ns_{0};
    std::mutex wake_mutex_;  // guards the pointer below and the flag
    std::condition_variable woken_;
    net::Connection* to_wake_ = nullptr;
    bool retry_now_ = false;
    bool waiting_ = false;
};

}  // namespace dreamport
