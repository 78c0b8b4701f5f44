// The connection over real loopback sockets: waking, deadlines, both families, breaks. The peer runs on a thread of its
// own.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "clock.h"
#include "doctest/doctest.h"
#include "net/grpc_connection.h"
#include "support/http2_peer.h"
#include "support/session_pair.h"

#if !defined(_WIN32)
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace dreamport;
using namespace dreamport::test;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

// Accepts one connection on a loopback port and answers every call with what `script` says for its stream.
class Server {
  public:
    using Script = Octets (*)(std::int32_t stream);

    explicit Server(Script script, int family = AF_INET) : script_(script) {
        listener_ = ::socket(family, SOCK_STREAM, 0);
        sockaddr_storage address = {};
        socklen_t size = sizeof(sockaddr_in);
        if (family == AF_INET) {
            auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
            v4->sin_family = AF_INET;
            v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        } else {
            auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
            v6->sin6_family = AF_INET6;
            v6->sin6_addr = in6addr_loopback;
            size = sizeof(sockaddr_in6);
        }
        usable = ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 4) == 0;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&address)->sin_port
                                       : reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
        if (usable) thread_ = std::thread([this] { serve(); });
    }
    ~Server() {
        hang_up();
        if (thread_.joinable()) thread_.join();
        ::close(listener_);
    }
    void hang_up() { stop_ = true; }

    std::uint16_t port = 0;
    bool usable = false;
    Http2Peer peer;
    std::atomic<bool> saw_end{false};

  private:
    void serve() {
        int connection = -1;
        while (!stop_ && connection < 0)
            if (readable(listener_)) connection = ::accept(listener_, nullptr, nullptr);
        while (!stop_ && connection >= 0) {
            if (!readable(connection)) continue;
            std::uint8_t buffer[65536];
            const auto count = ::recv(connection, buffer, sizeof buffer, 0);
            if (count <= 0) {
                saw_end = true;
                break;
            }
            peer.hear(buffer, static_cast<std::size_t>(count));
            Octets answer = peer.speak();
            for (auto& [stream, request] : peer.requests)
                if (!request.fields.empty() && answered_.insert({stream, true}).second)
                    answer = answer + script_(stream);
            if (!answer.empty() && ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
        }
        if (connection >= 0) ::close(connection);
    }
    static bool readable(int socket) {
        pollfd one = {socket, POLLIN, 0};
        return ::poll(&one, 1, 5) > 0;
    }

    Script script_;
    int listener_ = -1;
    std::atomic<bool> stop_{false};
    std::map<std::int32_t, bool> answered_;
    std::thread thread_;
};

Octets one_message(std::int32_t stream) {
    return good_headers(stream) + data_frame(stream, message(pattern(100, 1))) + trailers(stream);
}
Octets nothing(std::int32_t) {
    return {};
}

net::Endpoint at(std::uint16_t port, const char* host = "127.0.0.1") {
    net::Endpoint endpoint;
    endpoint.host = host;
    endpoint.port = port;
    return endpoint;
}

// Runs until `until` says so; false when the connection is over or ten seconds are.
template <typename Until>
bool run_until(net::Connection* connection, Until until) {
    const std::int64_t end = now_ns() + 10 * second_ns;
    while (!until()) {
        if (!connection->run(now_ns() + second_ns) || now_ns() > end) return until();
    }
    return true;
}

}  // namespace

TEST_CASE("a call that was started before the connection is made is answered over either family") {
    for (const int family : {AF_INET, AF_INET6}) {
        Server server(one_message, family);
        if (!server.usable) continue;  // a machine without IPv6
        Listener heard;
        const auto connection = net::Connection::open(at(server.port, "localhost"));
        REQUIRE(connection->start("/test.T/M", &heard, 1000) != nullptr);
        CHECK_FALSE(connection->ready());
        CHECK(run_until(connection.get(), [&] { return heard.ends == 1; }));
        CHECK(heard.status.code == 0);
        CHECK(heard.messages == std::vector<Octets>{pattern(100, 1)});
        CHECK(connection->ready());
        CHECK(connection->bytes_received() > 100);
        CHECK(connection->bytes_sent() > 24);
    }
}

TEST_CASE("run returns at its deadline when nothing happens") {
    Server server(nothing);
    const auto connection = net::Connection::open(at(server.port));
    REQUIRE(run_until(connection.get(), [&] { return connection->ready(); }));
    while (true) {  // until everything that was under way has arrived
        const std::int64_t began = now_ns();
        CHECK(connection->run(began + 50'000'000));
        const std::int64_t took = now_ns() - began;
        CHECK(took < 5 * second_ns);
        if (took >= 50'000'000) break;
    }
}

TEST_CASE("wake from another thread ends the wait, also when it came before") {
    Server server(nothing);
    const auto connection = net::Connection::open(at(server.port));
    REQUIRE(run_until(connection.get(), [&] { return connection->ready(); }));
    std::atomic<bool> woken{false};
    std::thread other([&] {
        woken = true;
        connection->wake();
    });
    const std::int64_t began = now_ns();
    while (!woken || connection->run(began + 20 * second_ns)) {
        if (woken) break;
    }
    other.join();
    CHECK(now_ns() - began < 10 * second_ns);
    connection->run(now_ns());  // takes what is left of the signal
    connection->wake();
    connection->wake();
    const std::int64_t second = now_ns();
    CHECK(connection->run(second + 20 * second_ns));
    CHECK(now_ns() - second < 3 * second_ns);  // before the ping that would end the wait, too
}

TEST_CASE("neither a slow name nor an address that does not answer keeps run or the destructor") {
    for (const char* host : {"a-name-that-is-not.invalid", "192.0.2.1"}) {
        const std::int64_t began = now_ns();
        {
            const auto connection = net::Connection::open(at(1, host));
            for (int i = 0; i < 5; ++i)
                connection->run(now_ns() + 1'000'000);
            connection->close();
            CHECK_FALSE(connection->run(now_ns() + second_ns));
        }
        CHECK(now_ns() - began < second_ns);
    }
}

TEST_CASE("a call that is cancelled between two runs hears its end at once, whatever the deadline") {
    Server server(nothing);
    Listener heard;
    const auto connection = net::Connection::open(at(server.port));
    net::Call* const call = connection->start("/test.T/M", &heard, 1000);
    REQUIRE(call != nullptr);
    REQUIRE(run_until(connection.get(), [&] { return connection->ready(); }));
    const std::int64_t began = now_ns();
    call->cancel();
    CHECK(heard.ends == 0);
    CHECK(connection->run(began + 20 * second_ns));
    CHECK(heard.ends == 1);
    CHECK(heard.status.code == 1);
    CHECK(now_ns() - began < 3 * second_ns);
}

TEST_CASE("a connection that breaks ends its calls as lost") {
    Server server(nothing);
    Listener heard;
    const auto connection = net::Connection::open(at(server.port));
    net::Call* const call = connection->start("/test.T/M", &heard, 1000);
    REQUIRE(call != nullptr);
    REQUIRE(run_until(connection.get(), [&] { return connection->ready(); }));
    server.hang_up();
    CHECK_FALSE(run_until(connection.get(), [] { return false; }));
    CHECK(heard.ends == 1);
    CHECK(heard.status.code == 14);
    CHECK(heard.status.trouble == net::Trouble::lost);
    CHECK(connection->trouble() == net::Trouble::lost);
    CHECK_FALSE(connection->run(now_ns() + second_ns));
    CHECK_FALSE(connection->ready());
}

TEST_CASE("close says goodbye to the server and ends the calls") {
    Server server(nothing);
    Listener heard;
    const auto connection = net::Connection::open(at(server.port));
    REQUIRE(connection->start("/test.T/M", &heard, 1000) != nullptr);
    REQUIRE(run_until(connection.get(), [&] { return connection->ready(); }));
    connection->close();
    CHECK_FALSE(run_until(connection.get(), [] { return false; }));
    CHECK(heard.status.trouble == net::Trouble::closed);
    const std::int64_t end = now_ns() + 10 * second_ns;
    while (!server.saw_end && now_ns() < end)
        std::this_thread::yield();
    CHECK(server.saw_end);
    server.hang_up();
    CHECK(server.peer.goaway);
}

TEST_CASE("on_end may start the next call") {
    Server server(one_message);
    struct Chain final : net::CallHandler {
        net::Connection* connection = nullptr;
        Octets memory = Octets(1000);
        int left = 5, messages = 0;
        std::uint8_t* on_message_begin(std::size_t) noexcept override { return memory.data(); }
        void on_message(std::uint8_t*, std::size_t) noexcept override { ++messages; }
        void on_sent(std::uint64_t) noexcept override {}
        void on_end(const net::GrpcStatus&) noexcept override {
            if (--left > 0) connection->start("/test.T/M", this, 1000);
        }
    } chain;
    const auto connection = net::Connection::open(at(server.port));
    chain.connection = connection.get();
    connection->start("/test.T/M", &chain, 1000);
    CHECK(run_until(connection.get(), [&] { return chain.left == 0; }));
    CHECK(chain.messages == 5);
}

TEST_CASE("a connection that is destroyed with calls under way tells nobody") {
    Server server(nothing);
    Listener heard;
    {
        const auto connection = net::Connection::open(at(server.port));
        connection->start("/test.T/M", &heard, 1000);
        REQUIRE(run_until(connection.get(), [&] { return connection->ready(); }));
    }
    CHECK(heard.ends == 0);
}

#endif
