#include "support/http2_peer.h"

#include <stdexcept>

namespace dreamport::test {
namespace {

void append_number(Octets* out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i)
        out->push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

// HPACK: a literal without indexing, lengths below 127 or with one or two more bytes.
void append_text(Octets* out, const std::string& text) {
    std::size_t size = text.size();
    if (size < 127) {
        out->push_back(static_cast<std::uint8_t>(size));
    } else {
        out->push_back(127);
        for (size -= 127; size >= 128; size /= 128)
            out->push_back(static_cast<std::uint8_t>(size % 128 + 128));
        out->push_back(static_cast<std::uint8_t>(size));
    }
    out->insert(out->end(), text.begin(), text.end());
}

Http2Peer* peer_of(void* user) {
    return static_cast<Http2Peer*>(user);
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    peer_of(user)->requests[frame->hd.stream_id].fields[std::string(name, name + name_size)] =
        std::string(value, value + value_size);
    return 0;
}

int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data, std::size_t size,
            void* user) {
    Octets& body = peer_of(user)->requests[stream].body;
    body.insert(body.end(), data, data + size);
    return 0;
}

int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Peer* const peer = peer_of(user);
    Request* const request = frame->hd.stream_id > 0 ? &peer->requests[frame->hd.stream_id] : nullptr;
    switch (frame->hd.type) {
        case NGHTTP2_DATA:
            request->frames.push_back(frame->hd.length);
            [[fallthrough]];
        case NGHTTP2_HEADERS:
            if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) request->ended = true;
            break;
        case NGHTTP2_RST_STREAM:
            request->was_reset = true;
            request->reset_error = frame->rst_stream.error_code;
            break;
        case NGHTTP2_PING:
            peer->pings += (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0 ? 1 : 0;
            break;
        case NGHTTP2_GOAWAY:
            peer->goaway = true;
            break;
        case NGHTTP2_SETTINGS:
            for (std::size_t i = 0; i < frame->settings.niv; ++i)
                peer->client_settings[static_cast<std::uint16_t>(frame->settings.iv[i].settings_id)] =
                    frame->settings.iv[i].value;
            break;
        default:
            break;
    }
    return 0;
}

int on_error(nghttp2_session*, int, const char* text, std::size_t size, void* user) {
    peer_of(user)->last_error.assign(text, size);
    return 0;
}

}  // namespace

Octets operator+(Octets left, const Octets& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Octets pattern(std::size_t size, unsigned seed) {
    Octets result(size);
    unsigned state = seed * 2654435761u + 1;
    for (std::uint8_t& octet : result) {
        state = state * 1664525u + 1013904223u;
        octet = static_cast<std::uint8_t>(state >> 24);
    }
    return result;
}

Octets raw_frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, const Octets& payload) {
    Octets result;
    append_number(&result, payload.size(), 3);
    result.push_back(type);
    result.push_back(flags);
    append_number(&result, static_cast<std::uint64_t>(stream), 4);
    return result + payload;
}

Octets settings_frame(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries) {
    Octets payload;
    for (const auto& [id, value] : entries) {
        append_number(&payload, id, 2);
        append_number(&payload, value, 4);
    }
    return raw_frame(NGHTTP2_SETTINGS, 0, 0, payload);
}

Octets settings_ack_frame() {
    return raw_frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, {});
}

Octets headers_frame(std::int32_t stream, const Fields& fields, bool last) {
    Octets block;
    for (const auto& [name, value] : fields) {
        block.push_back(0x10);  // never indexed, with a new name
        append_text(&block, name);
        append_text(&block, value);
    }
    const int flags = NGHTTP2_FLAG_END_HEADERS | (last ? NGHTTP2_FLAG_END_STREAM : 0);
    return raw_frame(NGHTTP2_HEADERS, static_cast<std::uint8_t>(flags), stream, block);
}

Octets data_frame(std::int32_t stream, const Octets& payload, bool last, int padding) {
    std::uint8_t flags = last ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE;
    if (padding < 0) return raw_frame(NGHTTP2_DATA, flags, stream, payload);
    flags |= NGHTTP2_FLAG_PADDED;
    Octets padded = {static_cast<std::uint8_t>(padding)};
    padded = padded + payload;
    padded.resize(padded.size() + static_cast<std::size_t>(padding));
    return raw_frame(NGHTTP2_DATA, flags, stream, padded);
}

Octets reset_frame(std::int32_t stream, std::uint32_t error) {
    Octets payload;
    append_number(&payload, error, 4);
    return raw_frame(NGHTTP2_RST_STREAM, 0, stream, payload);
}

Octets goaway_frame(std::int32_t last_stream, std::uint32_t error, const std::string& text) {
    Octets payload;
    append_number(&payload, static_cast<std::uint64_t>(last_stream), 4);
    append_number(&payload, error, 4);
    payload.insert(payload.end(), text.begin(), text.end());
    return raw_frame(NGHTTP2_GOAWAY, 0, 0, payload);
}

Octets ping_frame(bool answer, std::uint8_t octet) {
    return raw_frame(NGHTTP2_PING, answer ? NGHTTP2_FLAG_ACK : NGHTTP2_FLAG_NONE, 0, Octets(8, octet));
}

Octets window_frame(std::int32_t stream, std::uint32_t increment) {
    Octets payload;
    append_number(&payload, increment, 4);
    return raw_frame(NGHTTP2_WINDOW_UPDATE, 0, stream, payload);
}

Octets message(const Octets& content, std::uint8_t compressed) {
    Octets result = {compressed};
    append_number(&result, content.size(), 4);
    return result + content;
}

Octets good_headers(std::int32_t stream) {
    return headers_frame(stream, {{":status", "200"}, {"content-type", "application/grpc"}});
}

Octets trailers(std::int32_t stream, int code, const Fields& more) {
    Fields fields = {{"grpc-status", std::to_string(code)}};
    fields.insert(fields.end(), more.begin(), more.end());
    return headers_frame(stream, fields, true);
}

Http2Peer::Http2Peer(const std::vector<nghttp2_settings_entry>& settings) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_error_callback2(callbacks, on_error);
    const int made = nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    if (made != 0) throw std::runtime_error("nghttp2_session_server_new");
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
}

Http2Peer::~Http2Peer() {
    nghttp2_session_del(session_);
}

bool Http2Peer::hear(const std::uint8_t* data, std::size_t size) {
    const auto taken = nghttp2_session_mem_recv2(session_, data, size);
    return taken == static_cast<nghttp2_ssize>(size) && last_error.empty();
}

void Http2Peer::widen(std::int32_t bytes) {
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, bytes);
}

Octets Http2Peer::speak() {
    Octets result;
    for (;;) {
        const std::uint8_t* data = nullptr;
        const auto size = nghttp2_session_mem_send2(session_, &data);
        if (size <= 0) return result;
        const bool ping = size >= 9 && data[3] == NGHTTP2_PING;
        if (!ping || answers_pings) result.insert(result.end(), data, data + size);
    }
}

}  // namespace dreamport::test
