// The server's side of an HTTP/2 connection for tests: nghttp2 reads what the client says, strictly, and a script says
// every frame of the answer byte by byte.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dreamport::test {

using Octets = std::vector<std::uint8_t>;
using Fields = std::vector<std::pair<std::string, std::string>>;

Octets operator+(Octets left, const Octets& right);
// `size` bytes that differ from their neighbours and between seeds.
Octets pattern(std::size_t size, unsigned seed = 0);

// Frames as a server would send them. HEADERS are plain literals, at most one frame.
Octets settings_frame(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries = {});
Octets settings_ack_frame();
Octets headers_frame(std::int32_t stream, const Fields& fields, bool last = false);
Octets data_frame(std::int32_t stream, const Octets& payload, bool last = false, int padding = -1);
Octets reset_frame(std::int32_t stream, std::uint32_t error);
Octets goaway_frame(std::int32_t last_stream, std::uint32_t error, const std::string& text = "");
Octets ping_frame(bool answer, std::uint8_t octet = 0);
Octets window_frame(std::int32_t stream, std::uint32_t increment);
Octets raw_frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, const Octets& payload);

// One gRPC message with its prefix.
Octets message(const Octets& content, std::uint8_t compressed = 0);
// The usual first and last frames of an answer.
Octets good_headers(std::int32_t stream);
Octets trailers(std::int32_t stream, int code = 0, const Fields& more = {});

// What the client asked for and said.
struct Request {
    std::map<std::string, std::string> fields;
    Octets body;
    std::vector<std::size_t> frames;  // sizes of its DATA frames
    bool ended = false;
    bool was_reset = false;
    std::uint32_t reset_error = 0;
};

class Http2Peer {
  public:
    // The peer's settings, sent first.
    explicit Http2Peer(const std::vector<nghttp2_settings_entry>& settings = {});
    ~Http2Peer();
    Http2Peer(const Http2Peer&) = delete;
    Http2Peer& operator=(const Http2Peer&) = delete;

    // Bytes of the client; false when it broke the rules of HTTP/2 (last_error says how).
    bool hear(const std::uint8_t* data, std::size_t size);
    // Lets the client send this much ahead over all streams together (65,535 bytes else).
    void widen(std::int32_t bytes);
    // What the peer says by itself: settings, acknowledgements, window updates, answers to pings.
    Octets speak();

    std::map<std::int32_t, Request> requests;
    std::map<std::uint16_t, std::uint32_t> client_settings;
    int pings = 0;
    bool goaway = false;
    std::string last_error;
    bool answers_pings = true;

  private:
    nghttp2_session* session_ = nullptr;
};

}  // namespace dreamport::test
