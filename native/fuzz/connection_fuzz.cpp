// What a hostile server can say, from the socket's bytes to the decoded message: HTTP/2, gRPC, the messages of the
// contract, a frame's JPEG. A libFuzzer target: native/build.py --sanitize builds it, native/fuzz/README.md tells how
// to run it.
//
// The first octet of an input is how the rest is meant, the second how many bytes the socket gives at a time (0: all):
// - 0: bytes of the socket, as make_corpus.py recorded them.
// - 1: frames: type, flags, stream, length (2 octets), payload. The header is made from them, so that it is whole.
// - 2: messages: call, length (2 octets), bytes. Headers, prefixes and trailers are made around them.
// All inputs answer the same four calls: PlayService.Play, CaptureService.Record, WorldService.ListWorlds and
// WorldService.GetWorld.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "jpeg/decoder.h"
#include "link/address.h"
#include "net/http2_session.h"
#include "proto/capture.pb.h"
#include "proto/play.pb.h"
#include "proto/world.pb.h"
#include "text.h"
#include "wire/lenient_decode.h"
#include "wire/play_messages.h"

namespace {

using namespace dreamport;

constexpr std::size_t most_message_bytes = 1 << 16;
constexpr std::size_t calls = 4;

void must(bool condition) {
    if (!condition) std::abort();
}

template <class Message>
void decode(const pb_msgdesc_t* fields, net::Bytes bytes) {
    static Message message;
    wire::decode_lenient(fields, &message, bytes.data, bytes.size);
}

void decode_play(net::Bytes message) {
    wire::Part part;
    if (!wire::outer_part(message, part)) return;
    switch (static_cast<wire::PlayResponseKind>(part.tag)) {
        case wire::PlayResponseKind::opened:
            return decode<dreamport_v1_Opened>(dreamport_v1_Opened_fields, part.bytes);
        case wire::PlayResponseKind::saved:
            return decode<dreamport_v1_Saved>(dreamport_v1_Saved_fields, part.bytes);
        case wire::PlayResponseKind::loaded:
            return decode<dreamport_v1_Loaded>(dreamport_v1_Loaded_fields, part.bytes);
        case wire::PlayResponseKind::stats:
            return decode<dreamport_v1_Stats>(dreamport_v1_Stats_fields, part.bytes);
        case wire::PlayResponseKind::notice:
            return decode<dreamport_v1_Notice>(dreamport_v1_Notice_fields, part.bytes);
        case wire::PlayResponseKind::redirect: {
            static dreamport_v1_Redirect told;
            if (!wire::decode_lenient(dreamport_v1_Redirect_fields, &told, part.bytes.data, part.bytes.size)) return;
            std::string host;
            std::uint16_t port = 0;
            if (parse_address(text_of(told.address), host, port)) must(!host.empty() && port > 0);
            return;
        }
        case wire::PlayResponseKind::frame: {
            static wire::FrameParts frame;
            if (!wire::decode_frame(part.bytes, frame)) return;
            for (const net::Bytes pixels : {frame.colour, frame.depth}) {  // within the message, or a sanitizer objects
                must(pixels.size <= part.bytes.size);
                if (pixels.size > 0)
                    must(pixels.data >= part.bytes.data &&
                         pixels.data + pixels.size <= part.bytes.data + part.bytes.size);
            }
            static jpeg::Decoder decoder;
            static std::uint8_t picture[4 * 80 * 48];
            if (frame.colour.size > 0) decoder.decode(frame.colour.data, frame.colour.size, 80, 48, picture);
            return;
        }
        case wire::PlayResponseKind::none:
            return;
    }
}

void decode_record(net::Bytes message) {
    wire::Part part;
    if (!wire::outer_part(message, part)) return;
    decode<dreamport_v1_Begun>(dreamport_v1_Begun_fields, part.bytes);
    decode<dreamport_v1_Acknowledged>(dreamport_v1_Acknowledged_fields, part.bytes);
    decode<dreamport_v1_Finished>(dreamport_v1_Finished_fields, part.bytes);
    decode<dreamport_v1_CaptureNotice>(dreamport_v1_CaptureNotice_fields, part.bytes);
}

void decode_worlds(net::Bytes message) {
    wire::Part part;
    if (!wire::outer_part(message, part)) return;
    decode<dreamport_v1_WorldSummary>(dreamport_v1_WorldSummary_fields, part.bytes);
    decode<dreamport_v1_World>(dreamport_v1_World_fields, part.bytes);
}

// Checks what a call promises its handler while it decodes what arrives.
class Handler final : public net::CallHandler {
  public:
    std::size_t kind = 0;
    net::Call* call = nullptr;
    bool over = false;

    std::uint8_t* on_message_begin(std::size_t size) noexcept override {
        must(!over && size <= most_message_bytes && !memory_);
        size_ = size;
        memory_ = std::make_unique<std::uint8_t[]>(size);  // exactly as large, so that one byte too many is seen
        return memory_.get();
    }
    void on_message(std::uint8_t* data, std::size_t size) noexcept override {
        must(!over && data == memory_.get() && size == size_);
        if (kind == 0) decode_play({data, size});
        if (kind == 1) decode_record({data, size});
        if (kind >= 2) decode_worlds({data, size});
        memory_.reset();
        if (size % 7 == 3) call->send({nullptr, 0}, nullptr, 0);
        if (size % 61 == 5) call->cancel();
    }
    void on_sent(std::uint64_t ticket) noexcept override {
        must(!over && ticket == last_ticket_ + 1);
        last_ticket_ = ticket;
    }
    void on_end(const net::GrpcStatus& status) noexcept override {
        must(!over && status.code >= 0 && status.code <= 16 && status.message.size() <= net::most_message_bytes &&
             status.retry_pushback_ms >= -1);
        over = true;
        memory_.reset();
    }

  private:
    std::unique_ptr<std::uint8_t[]> memory_;
    std::size_t size_ = 0;
    std::uint64_t last_ticket_ = 0;
};

class Run {
  public:
    Run() : session_({"fuzz:1", false, "token"}, 0) {
        static const char* const methods[calls] = {
            "/dreamport.v1.PlayService/Play", "/dreamport.v1.CaptureService/Record",
            "/dreamport.v1.WorldService/ListWorlds", "/dreamport.v1.WorldService/GetWorld"};
        for (std::size_t i = 0; i < calls; ++i) {
            handlers_[i].kind = i;
            handlers_[i].call = session_.start(methods[i], &handlers_[i], most_message_bytes);
            must(handlers_[i].call != nullptr);
            static const std::uint8_t body[3000] = {};
            const net::Bytes lent = {body, sizeof body};
            handlers_[i].call->send({body, 20}, &lent, 1);
            if (i >= 2) handlers_[i].call->finish();
        }
        talk();
    }
    ~Run() {
        talk();
        session_.end(net::Trouble::lost, "the end of the input");
        session_.settle();
        for (const Handler& handler : handlers_)
            must(handler.over);
        must(session_.over());
    }

    void hear(const std::uint8_t* data, std::size_t size, std::size_t piece) {
        while (size > 0 && !session_.over()) {
            const std::size_t count = std::min(piece, size);
            const auto exact = std::make_unique<std::uint8_t[]>(count);
            std::memcpy(exact.get(), data, count);
            session_.receive(exact.get(), count, now_ns_ += 1'000'000);
            data += count;
            size -= count;
            talk();
        }
    }

  private:
    // What the connection does after each read: the socket takes some of what is to be said.
    void talk() {
        session_.keep_alive(now_ns_);
        session_.produce(now_ns_);
        net::Bytes parts[4];
        const std::size_t count = session_.output().next(parts, 4);
        std::size_t total = 0;
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t at = 0; at < parts[i].size; at += 64)
                sum_ = sum_ + parts[i].data[at];  // a sanitizer sees lent memory
            total += parts[i].size;
        }
        session_.output().pop(total - total / 3);
        session_.settle();
    }

    net::Http2Session session_;
    Handler handlers_[calls];
    std::int64_t now_ns_ = 0;
    volatile std::uint8_t sum_ = 0;
};

void append_frame(std::vector<std::uint8_t>* out, std::uint8_t type, std::uint8_t flags, std::uint8_t stream,
                  const std::uint8_t* data, std::size_t size) {
    out->insert(out->end(), {static_cast<std::uint8_t>(size >> 16), static_cast<std::uint8_t>(size >> 8),
                             static_cast<std::uint8_t>(size), type, flags, 0, 0, 0, stream});
    if (size > 0) out->insert(out->end(), data, data + size);
}

// HPACK literals of ":status: 200" (indexed) and "content-type: application/grpc", and of "grpc-status: 0".
constexpr char good_headers[] =
    "\x88\x10\x0c"
    "content-type"
    "\x10"
    "application/grpc";
constexpr char good_trailers[] =
    "\x10\x0b"
    "grpc-status"
    "\x01"
    "0";

std::vector<std::uint8_t> script_of(const std::uint8_t* data, std::size_t size) {
    std::vector<std::uint8_t> out;
    append_frame(&out, NGHTTP2_SETTINGS, 0, 0, nullptr, 0);
    while (size >= 5) {
        const std::size_t length = std::min<std::size_t>(static_cast<std::size_t>(data[3]) << 8 | data[4], size - 5);
        append_frame(&out, data[0], data[1], data[2], data + 5, length);
        data += 5 + length;
        size -= 5 + length;
    }
    return out;
}

std::vector<std::uint8_t> messages_of(const std::uint8_t* data, std::size_t size) {
    std::vector<std::uint8_t> out;
    append_frame(&out, NGHTTP2_SETTINGS, 0, 0, nullptr, 0);
    constexpr auto headers_flags = static_cast<std::uint8_t>(NGHTTP2_FLAG_END_HEADERS);
    for (std::uint8_t stream = 1; stream <= 2 * calls; stream = static_cast<std::uint8_t>(stream + 2)) {
        append_frame(&out, NGHTTP2_HEADERS, headers_flags, stream, reinterpret_cast<const std::uint8_t*>(good_headers),
                     sizeof good_headers - 1);
    }
    std::vector<std::uint8_t> body;
    while (size >= 3) {
        const auto stream = static_cast<std::uint8_t>(data[0] % calls * 2 + 1);
        const std::size_t length = std::min<std::size_t>(static_cast<std::size_t>(data[1]) << 8 | data[2], size - 3);
        body.assign({0, 0, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)});
        body.insert(body.end(), data + 3, data + 3 + length);
        append_frame(&out, NGHTTP2_DATA, 0, stream, body.data(), body.size());
        data += 3 + length;
        size -= 3 + length;
    }
    constexpr auto trailers_flags = static_cast<std::uint8_t>(NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM);
    append_frame(&out, NGHTTP2_HEADERS, trailers_flags, 1, reinterpret_cast<const std::uint8_t*>(good_trailers),
                 sizeof good_trailers - 1);
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t piece = data[1] == 0 ? SIZE_MAX : data[1];
    Run run;
    if (data[0] % 3 == 0) {
        run.hear(data + 2, size - 2, piece);
    } else {
        const std::vector<std::uint8_t> made =
            data[0] % 3 == 1 ? script_of(data + 2, size - 2) : messages_of(data + 2, size - 2);
        run.hear(made.data(), made.size(), piece);
    }
    return 0;
}
