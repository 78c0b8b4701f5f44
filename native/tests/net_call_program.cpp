// Makes one gRPC call over a real socket and prints what came of it as one line of JSON, for tests/test_native_net.py.
//
//   net_call_program HOST PORT METHOD [--tls] [--ca FILE] [--name NAME] [--token TOKEN] [--send BYTES COUNT] [--limit
//   BYTES]
//                    [--timeout-ms MS] [--stop-after MESSAGES] [--close] [--quiet-ms MS]
//
// Sends COUNT messages of BYTES bytes (byte i of message m is (i * 31 + m) & 255; the second half is lent), says that
// it is done, and reads until the call ends. --stop-after cancels after that many messages; --close closes the
// connection then instead. --quiet-ms keeps the call open for that long before it says that it is done.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "clock.h"
#include "net/grpc_connection.h"

using dreamport::now_ns;
namespace net = dreamport::net;

namespace {

const char* name_of(net::Trouble trouble) {
    static const char* const names[] = {"none",          "refused",  "unreachable", "timed_out", "lost",  "tls_expired",
                                        "tls_untrusted", "tls_name", "tls_other",   "protocol",  "closed"};
    return names[static_cast<int>(trouble)];
}

std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result.push_back('\\');
        result.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    }
    return result + "\"";
}

struct Handler final : net::CallHandler {
    std::vector<std::uint8_t> memory;
    std::uint64_t messages = 0, bytes = 0, sum = 0, sent_ticket = 0, tickets_heard = 0;
    std::int64_t first_ns = 0, last_ns = 0;
    std::uint64_t stop_after = 0;
    bool stop_now = false;
    net::Call* cancels = nullptr;  // at that message; else the connection is closed after it
    bool ended = false;
    net::GrpcStatus status;

    std::uint8_t* on_message_begin(std::size_t size) noexcept override {
        if (memory.size() < size) memory.resize(size + 1);
        return memory.data();
    }
    void on_message(std::uint8_t* data, std::size_t size) noexcept override {
        last_ns = now_ns();
        if (messages == 0) first_ns = last_ns;
        ++messages;
        bytes += size;
        if (size > 0) sum += static_cast<std::uint64_t>(data[0]) + data[size / 2] + data[size - 1];
        if (stop_after == 0 || messages != stop_after) return;
        if (cancels != nullptr) cancels->cancel();
        stop_now = true;
    }
    void on_sent(std::uint64_t ticket) noexcept override {
        sent_ticket = ticket;
        ++tickets_heard;
    }
    void on_end(const net::GrpcStatus& how) noexcept override {
        ended = true;
        status = how;
    }
};

}  // namespace

int main(int count, char** arguments) {
    if (count < 4) return 2;
    net::Endpoint endpoint;
    endpoint.host = arguments[1];
    endpoint.port = static_cast<std::uint16_t>(std::atoi(arguments[2]));
    const std::string method = arguments[3];
    std::size_t send_bytes = 0, send_count = 0, limit = 64u << 20;
    std::int64_t quiet_ns = 0;
    bool close = false;
    Handler handler;
    for (int i = 4; i < count; ++i) {
        const std::string option = arguments[i];
        const auto next = [&] { return i + 1 < count ? arguments[++i] : "0"; };
        if (option == "--tls") endpoint.tls = true;
        if (option == "--ca") endpoint.ca_file = next();
        if (option == "--name") endpoint.server_name = next();
        if (option == "--token") endpoint.token = next();
        if (option == "--limit") limit = static_cast<std::size_t>(std::atoll(next()));
        if (option == "--timeout-ms") endpoint.connect_timeout_ms = std::atoi(next());
        if (option == "--stop-after") handler.stop_after = static_cast<std::uint64_t>(std::atoll(next()));
        if (option == "--close") close = true;
        if (option == "--quiet-ms") quiet_ns = std::atoll(next()) * 1'000'000;
        if (option == "--send") {
            send_bytes = static_cast<std::size_t>(std::atoll(next()));
            send_count = static_cast<std::size_t>(std::atoll(next()));
        }
    }

    const std::int64_t began = now_ns();
    const auto connection = net::Connection::open(endpoint);
    net::Call* call = connection->start(method, &handler, limit);
    if (!close) handler.cancels = call;
    std::vector<std::vector<std::uint8_t>> messages(send_count, std::vector<std::uint8_t>(send_bytes));
    std::uint64_t last_ticket = 0;
    for (std::size_t m = 0; m < send_count; ++m) {
        for (std::size_t i = 0; i < send_bytes; ++i)
            messages[m][i] = static_cast<std::uint8_t>(i * 31 + m);
        const std::size_t half = send_bytes / 2;
        const net::Bytes body = {messages[m].data() + half, send_bytes - half};
        last_ticket = call->send({messages[m].data(), half}, &body, 1);
    }
    bool finished = false;
    bool was_ready = false;
    while (
        connection->run(finished ? now_ns() + 1'000'000'000 : std::min(began + quiet_ns, now_ns() + 1'000'000'000))) {
        was_ready = was_ready || connection->ready();
        if (handler.ended) connection->close();
        if (!handler.ended && !finished && now_ns() >= began + quiet_ns) {
            call->finish();
            finished = true;
        }
        if (!handler.ended && handler.stop_now && close) connection->close();
    }
    std::printf(
        "{\"trouble\": \"%s\", \"detail\": %s, \"ended\": %s, \"code\": %d, \"message\": %s, \"pushback_ms\": %d, "
        "\"call_trouble\": \"%s\", \"ready\": %s, \"messages\": %llu, \"bytes\": %llu, \"sum\": %llu, \"last_ticket\": "
        "%llu, "
        "\"sent_ticket\": %llu, \"tickets\": %llu, \"stream_s\": %.6f, \"total_s\": %.6f, \"round_trip_ms\": %.4f, "
        "\"received\": %llu, \"sent\": %llu}\n",
        name_of(connection->trouble()), quoted(connection->detail()).c_str(), handler.ended ? "true" : "false",
        handler.status.code, quoted(handler.status.message).c_str(), handler.status.retry_pushback_ms,
        name_of(handler.status.trouble), was_ready ? "true" : "false",
        static_cast<unsigned long long>(handler.messages), static_cast<unsigned long long>(handler.bytes),
        static_cast<unsigned long long>(handler.sum), static_cast<unsigned long long>(last_ticket),
        static_cast<unsigned long long>(handler.sent_ticket), static_cast<unsigned long long>(handler.tickets_heard),
        static_cast<double>(handler.last_ns - handler.first_ns) / 1e9, static_cast<double>(now_ns() - began) / 1e9,
        static_cast<double>(connection->round_trip_ns()) / 1e6,
        static_cast<unsigned long long>(connection->bytes_received()),
        static_cast<unsigned long long>(connection->bytes_sent()));
    return 0;
}
