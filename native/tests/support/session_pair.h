// An Http2Session and a scripted peer joined in memory, with a clock that the test sets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/http2_session.h"
#include "support/http2_peer.h"

namespace dreamport::test {

// Keeps what a call hears.
struct Listener final : net::CallHandler {
    std::vector<Octets> messages;
    std::vector<std::size_t> begun;
    std::vector<std::uint64_t> sent;
    int ends = 0;
    net::GrpcStatus status;
    bool refuses = false;
    net::Call* cancels = nullptr;  // at the first message
    std::unique_ptr<std::uint8_t[]> memory;

    std::uint8_t* on_message_begin(std::size_t size) noexcept override;
    void on_message(std::uint8_t* data, std::size_t size) noexcept override;
    void on_sent(std::uint64_t ticket) noexcept override { sent.push_back(ticket); }
    void on_end(const net::GrpcStatus& how) noexcept override;
};

struct SessionPair {
    explicit SessionPair(const std::vector<nghttp2_settings_entry>& settings = {}, const std::string& token = "");

    // Moves bytes both ways until nobody has anything to say. Fails the test when the client breaks a rule.
    void exchange();
    // Only from the client to the peer, at most `most` bytes; false when there were none.
    bool client_speaks(std::size_t most = SIZE_MAX);
    // The script's bytes to the client, in pieces of `piece` bytes.
    void say(const Octets& octets, std::size_t piece = SIZE_MAX);
    Request& request(std::int32_t stream = 1) { return peer.requests[stream]; }

    std::int64_t now_ns = 1'000'000'000;
    Http2Peer peer;
    net::Http2Session session;
};

}  // namespace dreamport::test
