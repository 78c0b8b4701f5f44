// How calls begin and end: metadata, statuses, resets, GOAWAY, pings.
#include "doctest/doctest.h"
#include "support/session_pair.h"

using namespace dreamport;
using namespace dreamport::test;
using net::Trouble;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

struct OneCall {
    SessionPair pair;
    Listener heard;
    net::Call* call;

    OneCall() : call(pair.session.start("/test.T/M", &heard, 1 << 20)) { pair.exchange(); }
    void say(const Octets& octets) {
        pair.say(octets);
        pair.exchange();
    }
    bool over() const { return heard.ends == 1; }
    int code() const { return heard.status.code; }
    const std::string& text() const { return heard.status.message; }
};

}  // namespace

TEST_CASE("a call says what gRPC asks for") {
    SessionPair pair({}, "secret");
    Listener heard;
    pair.session.start("/dreamport.v1.PlayService/Play", &heard, 64);
    pair.exchange();
    const auto& fields = pair.request().fields;
    CHECK(fields.at(":method") == "POST");
    CHECK(fields.at(":scheme") == "http");
    CHECK(fields.at(":path") == "/dreamport.v1.PlayService/Play");
    CHECK(fields.at(":authority") == "test:1");
    CHECK(fields.at("te") == "trailers");
    CHECK(fields.at("content-type") == "application/grpc");
    CHECK(fields.at("grpc-accept-encoding") == "identity");
    CHECK(fields.at("authorization") == "Bearer secret");
    CHECK(fields.at("user-agent").rfind("dreamport-core/", 0) == 0);
}

TEST_CASE("without a token nothing is said of one") {
    OneCall one;
    CHECK(one.pair.request().fields.count("authorization") == 0);
}

TEST_CASE("the windows are raised at once, so that frames of several megabytes flow") {
    OneCall one;
    CHECK(one.pair.peer.client_settings.at(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) == 64u << 20);
    CHECK(one.pair.peer.client_settings.at(NGHTTP2_SETTINGS_MAX_FRAME_SIZE) == 1u << 20);
    CHECK(one.pair.peer.client_settings.at(NGHTTP2_SETTINGS_ENABLE_PUSH) == 0);
}

TEST_CASE("a frame of a megabyte is taken, a larger one breaks the connection") {
    OneCall good;
    Octets octets = message(pattern((1 << 20) - 5));
    good.say(good_headers(1) + data_frame(1, octets) + trailers(1));
    CHECK(good.heard.messages.size() == 1);
    CHECK(good.code() == 0);
    OneCall bad;
    octets.push_back(0);
    bad.say(good_headers(1) + data_frame(1, octets));
    CHECK(bad.heard.status.trouble == Trouble::protocol);
    CHECK(bad.pair.session.over());
}

TEST_CASE("trailers tell code, message and when to come back") {
    OneCall one;
    one.say(good_headers(1) +
            trailers(1, 8, {{"grpc-message", "full%3A 100%25 %C3%A4"}, {"grpc-retry-pushback-ms", "1500"}}));
    CHECK(one.code() == 8);
    CHECK(one.text() == "full: 100% \xC3\xA4");
    CHECK(one.heard.status.retry_pushback_ms == 1500);
    CHECK(one.heard.status.trouble == Trouble::none);
}

TEST_CASE("a negative or broken pushback is none") {
    for (const char* value : {"-1", "soon", "", "99999999999999"}) {
        OneCall one;
        one.say(good_headers(1) + trailers(1, 8, {{"grpc-retry-pushback-ms", value}}));
        CHECK(one.heard.status.retry_pushback_ms == -1);
    }
}

TEST_CASE("a status that is no number from 0 to 16 is UNKNOWN") {
    for (const char* value : {"17", "-1", "ok", "", "0x0", "4294967296"}) {
        OneCall one;
        one.say(good_headers(1) + headers_frame(1, {{"grpc-status", value}}, true));
        CHECK(one.code() == 2);
    }
}

TEST_CASE("an answer of trailers only") {
    OneCall one;
    one.say(headers_frame(
        1, {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "16"}, {"grpc-message", "no"}},
        true));
    CHECK(one.over());
    CHECK(one.code() == 16);
    CHECK(one.text() == "no");
}

TEST_CASE("long messages are cut between characters, broken escapes stay") {
    OneCall one;
    std::string text(511, 'x');
    one.say(good_headers(1) + trailers(1, 3, {{"grpc-message", text + "%C3%A4yy"}}));
    CHECK(one.text() == text);
    OneCall two;
    two.say(good_headers(1) + trailers(1, 3, {{"grpc-message", "50% %zz %4"}}));
    CHECK(two.text() == "50% %zz %4");
}

TEST_CASE("HTTP answers that are not gRPC") {
    const struct {
        const char* status;
        int code;
        Trouble trouble;
    } cases[] = {{"400", 13, Trouble::protocol}, {"401", 16, Trouble::none},    {"403", 7, Trouble::none},
                 {"404", 12, Trouble::protocol}, {"429", 14, Trouble::none},    {"502", 14, Trouble::none},
                 {"503", 14, Trouble::none},     {"200", 2, Trouble::protocol}, {"500", 2, Trouble::protocol}};
    for (const auto& each : cases) {
        OneCall one;
        one.say(headers_frame(1, {{":status", each.status}, {"content-type", "text/html"}}));
        INFO(each.status);
        CHECK(one.over());
        CHECK(one.code() == each.code);
        CHECK(one.heard.status.trouble == each.trouble);
        CHECK(one.pair.request().was_reset);
    }
}

TEST_CASE("subtypes of gRPC are gRPC, lookalikes are not") {
    for (const char* type : {"application/grpc+proto", "application/grpc;charset=utf-8"}) {
        OneCall one;
        one.say(headers_frame(1, {{":status", "200"}, {"content-type", type}}) + trailers(1));
        CHECK(one.code() == 0);
    }
    OneCall web;
    web.say(headers_frame(1, {{":status", "200"}, {"content-type", "application/grpc-web"}}));
    CHECK(web.heard.status.trouble == Trouble::protocol);
}

TEST_CASE("HTTP 1xx before the answer is passed over") {
    OneCall one;
    one.say(headers_frame(1, {{":status", "103"}}) + good_headers(1) + data_frame(1, message(pattern(4))) +
            trailers(1));
    CHECK(one.heard.messages.size() == 1);
    CHECK(one.code() == 0);
}

TEST_CASE("a server that ends the call without trailers did not succeed") {
    OneCall one;
    one.say(good_headers(1) + data_frame(1, message(pattern(4)), true));
    CHECK(one.heard.messages.size() == 1);
    CHECK(one.over());
    CHECK(one.code() == 2);
}

TEST_CASE("OK in the middle of a message is INTERNAL") {
    OneCall one;
    one.say(good_headers(1) + data_frame(1, {0, 0, 0, 0, 9, 1}) + trailers(1));
    CHECK(one.code() == 13);
    CHECK(one.heard.messages.empty());
}

TEST_CASE("a reset stream ends its call with gRPC's code for it") {
    const std::pair<std::uint32_t, int> cases[] = {{NGHTTP2_NO_ERROR, 13},
                                                   {NGHTTP2_REFUSED_STREAM, 14},
                                                   {NGHTTP2_CANCEL, 1},
                                                   {NGHTTP2_ENHANCE_YOUR_CALM, 8},
                                                   {NGHTTP2_INADEQUATE_SECURITY, 7},
                                                   {NGHTTP2_PROTOCOL_ERROR, 13},
                                                   {0xBEEF, 13}};
    for (const auto& each : cases) {
        const auto error = each.first;
        const int code = each.second;
        OneCall one;
        one.say(good_headers(1) + reset_frame(1, error));
        INFO(error);
        CHECK(one.over());
        CHECK(one.code() == (error == NGHTTP2_NO_ERROR ? 2 : code));
        CHECK(one.heard.status.trouble == Trouble::none);
        CHECK(one.pair.session.trouble() == Trouble::none);
    }
}

TEST_CASE("trailers that are followed by a reset are the status") {
    OneCall one;
    one.say(good_headers(1) + trailers(1, 9, {{"grpc-message", "versions"}}) + reset_frame(1, NGHTTP2_NO_ERROR));
    CHECK(one.code() == 9);
    CHECK(one.heard.ends == 1);
}

TEST_CASE("a status in the headers holds when the stream is reset before it ends") {
    OneCall one;
    one.say(headers_frame(1, {{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "9"}}) +
            reset_frame(1, NGHTTP2_INTERNAL_ERROR));
    CHECK(one.code() == 9);
    CHECK(one.heard.ends == 1);
}

TEST_CASE("a server that is done while the client still sends ends the call, and the client lets go of the stream") {
    OneCall one;
    one.call->send({pattern(3).data(), 3}, nullptr, 0);
    one.say(good_headers(1) + trailers(1, 0));
    CHECK(one.over());
    CHECK(one.code() == 0);
    CHECK_FALSE(one.pair.request().ended);
    CHECK(one.pair.request().was_reset);
    CHECK(one.pair.request().reset_error == NGHTTP2_NO_ERROR);
}

TEST_CASE("a client that is done still hears the answer") {
    OneCall one;
    one.call->finish();
    one.pair.exchange();
    CHECK(one.pair.request().ended);
    one.say(good_headers(1) + data_frame(1, message(pattern(4))) + trailers(1));
    CHECK(one.heard.messages.size() == 1);
    CHECK(one.code() == 0);
    CHECK_FALSE(one.pair.request().was_reset);
}

TEST_CASE("GOAWAY lets the calls it covers end, refuses new ones, then the connection is over") {
    OneCall one;
    one.say(goaway_frame(1, NGHTTP2_NO_ERROR, "stopping"));
    CHECK_FALSE(one.over());
    CHECK_FALSE(one.pair.session.over());
    Listener late;
    CHECK(one.pair.session.start("/test.T/M", &late, 64) == nullptr);
    one.say(good_headers(1) + data_frame(1, message(pattern(4))) + trailers(1));
    CHECK(one.heard.messages.size() == 1);
    CHECK(one.code() == 0);
    CHECK(one.pair.session.over());
    CHECK(one.pair.session.trouble() == Trouble::lost);
    CHECK(one.pair.session.detail().find("stopping") != std::string::npos);
}

TEST_CASE("GOAWAY ends the calls it does not cover") {
    OneCall one;
    Listener second;
    one.pair.session.start("/test.T/M", &second, 64);
    one.pair.exchange();
    one.say(goaway_frame(1, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings"));
    CHECK(second.ends == 1);
    CHECK(second.status.code == 14);
    CHECK_FALSE(one.over());
    one.say(reset_frame(1, NGHTTP2_CANCEL));
    CHECK(one.over());
    CHECK(one.pair.session.trouble() == Trouble::lost);
    CHECK(one.pair.session.detail().find("too_many_pings") != std::string::npos);
}

TEST_CASE("a call that was waiting for a free stream ends with GOAWAY") {
    SessionPair pair({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}});
    pair.exchange();
    Listener first, second;
    pair.session.start("/test.T/M", &first, 64);
    pair.session.start("/test.T/M", &second, 64);
    pair.exchange();
    CHECK(pair.peer.requests.size() == 1);
    pair.say(goaway_frame(1, NGHTTP2_NO_ERROR));
    pair.exchange();
    CHECK(second.ends == 1);
    CHECK(second.status.code == 14);
    CHECK(first.ends == 0);
}

TEST_CASE("a call that was cancelled before it was sent ends, and the server never hears of it") {
    SessionPair pair;
    Listener heard;
    net::Call* const call = pair.session.start("/test.T/M", &heard, 64);
    call->cancel();
    CHECK(heard.ends == 0);  // never from within the caller's own call
    pair.exchange();
    CHECK(heard.ends == 1);
    CHECK(heard.status.code == 1);
    CHECK(pair.peer.requests.empty());
}

TEST_CASE("a ping tells the round trip") {
    OneCall one;
    CHECK(one.pair.session.round_trip_ns() == 0);
    one.pair.session.ping(one.pair.now_ns);
    CHECK(one.pair.client_speaks());
    one.pair.now_ns += 3'000'000;
    one.pair.exchange();
    CHECK(one.pair.session.round_trip_ns() == 3'000'000);
}

TEST_CASE("a quiet connection is pinged every 5 s and lives as long as the server answers") {
    OneCall one;
    for (int i = 0; i < 600; ++i) {
        one.pair.now_ns += second_ns / 10;
        one.pair.session.keep_alive(one.pair.now_ns);
        one.pair.exchange();
    }
    CHECK(one.pair.peer.pings == 12);
    CHECK(one.pair.session.trouble() == Trouble::none);
}

TEST_CASE("a server that answers no ping is given up after 15 s of silence, not before") {
    OneCall one;
    one.pair.peer.answers_pings = false;
    one.pair.now_ns = one.pair.session.keep_alive_due_ns();
    one.pair.session.keep_alive(one.pair.now_ns);
    one.pair.exchange();
    CHECK(one.pair.peer.pings == 1);
    one.pair.now_ns += 15 * second_ns - 1;
    one.pair.session.keep_alive(one.pair.now_ns);
    CHECK(one.pair.session.trouble() == Trouble::none);
    one.pair.now_ns += 1;
    one.pair.session.keep_alive(one.pair.now_ns);
    one.pair.session.settle();
    CHECK(one.pair.session.trouble() == Trouble::timed_out);
    CHECK(one.heard.status.trouble == Trouble::timed_out);
    CHECK(one.code() == 14);
}

TEST_CASE("a server that talks is alive even if it answers no ping") {
    OneCall one;
    one.pair.peer.answers_pings = false;
    one.say(good_headers(1));
    for (int i = 0; i < 60; ++i) {
        one.pair.now_ns += second_ns;
        one.say(data_frame(1, message(pattern(4))));
        one.pair.session.keep_alive(one.pair.now_ns);
    }
    CHECK(one.pair.session.trouble() == Trouble::none);
}

TEST_CASE("the server's pings are answered") {
    OneCall one;
    one.say(ping_frame(false, 7));
    CHECK(one.pair.peer.last_error.empty());
}

TEST_CASE("a broken connection ends every call with its reason, once") {
    OneCall one;
    Listener second;
    one.pair.session.start("/test.T/M", &second, 64);
    one.pair.session.end(Trouble::lost, "cable");
    one.pair.session.end(Trouble::timed_out, "later");
    one.pair.session.settle();
    CHECK(one.heard.ends == 1);
    CHECK(second.ends == 1);
    CHECK(second.status.code == 14);
    CHECK(second.status.trouble == Trouble::lost);
    CHECK(second.status.message == "cable");
    CHECK(one.pair.session.start("/test.T/M", &second, 64) == nullptr);
}

TEST_CASE("a polite end says GOAWAY") {
    OneCall one;
    one.pair.session.say_goodbye();
    one.pair.exchange();
    CHECK(one.pair.peer.goaway);
    CHECK(one.pair.session.over());
    CHECK(one.heard.status.trouble == Trouble::closed);
}

TEST_CASE("what is not HTTP/2 is named") {
    const std::pair<std::string, std::string> cases[] = {
        {std::string("\x15\x03\x03\x00\x02\x02\x46", 7) + "        ", "TLS"},
        {"HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n", "HTTP/1"},
        {"220 mail.example ESMTP ready\r\n", "HTTP/2"},
    };
    for (const auto& [reply, word] : cases) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{4}, SIZE_MAX}) {
            SessionPair pair;
            Listener heard;
            pair.session.start("/test.T/M", &heard, 64);
            while (pair.client_speaks()) {
            }
            pair.say(Octets(reply.begin(), reply.end()), piece);
            while (pair.client_speaks()) {
            }
            pair.session.settle();
            CHECK(heard.status.trouble == Trouble::protocol);
            CHECK(pair.session.detail().find(word) != std::string::npos);
        }
    }
}

TEST_CASE("a flood of headers is cut off") {
    OneCall one;
    Fields many;
    for (int i = 0; i < 3000; ++i)
        many.push_back({"x-" + std::to_string(i), std::string(100, 'y')});
    many.insert(many.begin(), {":status", "200"});
    one.say(headers_frame(1, many));
    CHECK(one.over());
    CHECK(one.code() != 0);
}
