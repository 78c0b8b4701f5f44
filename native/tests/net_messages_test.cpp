// Messages and DATA frames, split and joined at every byte.
#include "doctest/doctest.h"
#include "net/grpc_message_reader.h"
#include "support/session_pair.h"

using namespace dreamport;
using namespace dreamport::test;

namespace {

const std::vector<Octets> contents = {pattern(0), pattern(1, 1), pattern(5, 2), pattern(0), pattern(37, 3)};

Octets stream_of(const std::vector<Octets>& messages) {
    Octets result;
    for (const Octets& one : messages)
        result = result + message(one);
    return result;
}

Octets part(const Octets& all, std::size_t begin, std::size_t end) {
    return Octets(all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end));
}

void check_reader(const Octets& octets, std::size_t first, std::size_t second) {
    const bool stop = false;
    Listener heard;
    net::GrpcMessageReader reader(64);
    std::size_t at = 0;
    for (const std::size_t end : {first, second, octets.size()}) {
        const Octets piece = part(octets, at, end);
        REQUIRE(reader.feed(piece.data(), piece.size(), &heard, &stop) == net::GrpcMessageReader::Result::good);
        at = end;
    }
    REQUIRE(heard.messages == contents);
    REQUIRE_FALSE(reader.inside_message());
}

// An answer whose DATA frames the test chose.
void check_answer(const Octets& frames, std::size_t piece) {
    SessionPair pair;
    Listener heard;
    pair.session.start("/test.T/M", &heard, 64)->finish();
    pair.exchange();
    pair.say(good_headers(1) + frames + trailers(1), piece);
    pair.exchange();
    REQUIRE(heard.messages == contents);
    REQUIRE(heard.ends == 1);
    REQUIRE(heard.status.code == 0);
    REQUIRE(heard.status.trouble == net::Trouble::none);
}

}  // namespace

TEST_CASE("messages cut into three pieces at any two bytes are the same messages") {
    const Octets octets = stream_of(contents);
    for (std::size_t first = 0; first <= octets.size(); ++first)
        for (std::size_t second = first; second <= octets.size(); ++second)
            check_reader(octets, first, second);
}

TEST_CASE("a reader inside a message says so at every byte but the borders") {
    const Octets octets = stream_of(contents);
    const bool stop = false;
    Listener heard;
    net::GrpcMessageReader reader(64);
    std::size_t border = 0, next = 0;
    for (std::size_t i = 0; i < octets.size(); ++i) {
        if (i == border) border += 5 + contents[next++].size();
        REQUIRE(reader.feed(&octets[i], 1, &heard, &stop) == net::GrpcMessageReader::Result::good);
        REQUIRE(reader.inside_message() == (i + 1 != border));
    }
}

TEST_CASE("DATA frames may split the messages at any byte") {
    const Octets octets = stream_of(contents);
    for (std::size_t cut = 0; cut <= octets.size(); ++cut) {
        check_answer(data_frame(1, part(octets, 0, cut)) + data_frame(1, part(octets, cut, octets.size())), SIZE_MAX);
    }
}

TEST_CASE("DATA frames may split the messages at any two bytes, with padding and empty frames between") {
    const Octets octets = stream_of(contents);
    for (std::size_t first = 0; first <= octets.size(); ++first) {
        for (std::size_t second = first; second <= octets.size(); second += 3) {
            const Octets frames = data_frame(1, part(octets, 0, first), false, 3) + data_frame(1, {}) +
                                  data_frame(1, part(octets, first, second)) +
                                  data_frame(1, part(octets, second, octets.size()), false, 0);
            check_answer(frames, SIZE_MAX);
        }
    }
}

TEST_CASE("DATA frames of any one size carry the messages") {
    const Octets octets = stream_of(contents);
    for (std::size_t size = 1; size <= octets.size(); ++size) {
        Octets frames;
        for (std::size_t at = 0; at < octets.size(); at += size)
            frames = frames + data_frame(1, part(octets, at, std::min(at + size, octets.size())));
        check_answer(frames, SIZE_MAX);
    }
}

TEST_CASE("the socket may cut the whole answer into pieces of any size") {
    const Octets octets = stream_of(contents);
    const Octets frames = data_frame(1, part(octets, 0, 9)) + data_frame(1, part(octets, 9, octets.size()));
    for (std::size_t piece = 1; piece <= frames.size() + 60; ++piece)
        check_answer(frames, piece);
}

TEST_CASE("the socket may cut the whole answer in two at any byte, a large message too") {
    const Octets big = pattern(70'000, 9);
    Octets frames;
    const Octets octets = message(big);
    for (std::size_t at = 0; at < octets.size(); at += 16'384)
        frames = frames + data_frame(1, part(octets, at, std::min(at + 16'384, octets.size())));
    const Octets answer = good_headers(1) + frames + trailers(1);
    for (std::size_t cut = 0; cut < answer.size(); cut += cut < 200 || cut + 200 > answer.size() ? 1 : 997) {
        SessionPair pair;
        Listener heard;
        pair.session.start("/test.T/M", &heard, big.size());
        pair.exchange();
        pair.say(part(answer, 0, cut));
        pair.say(part(answer, cut, answer.size()));
        REQUIRE(heard.messages.size() == 1);
        REQUIRE(heard.messages[0] == big);
        REQUIRE(heard.status.code == 0);
    }
}

TEST_CASE("two calls whose frames alternate byte by byte keep their messages apart") {
    SessionPair pair;
    Listener first, second;
    pair.session.start("/test.T/M", &first, 64);
    pair.session.start("/test.T/M", &second, 64);
    pair.exchange();
    const Octets one = stream_of(contents), two = message(pattern(20, 7)) + message(pattern(3, 8));
    Octets frames = good_headers(3) + good_headers(1);
    for (std::size_t i = 0; i < std::max(one.size(), two.size()); ++i) {
        if (i < one.size()) frames = frames + data_frame(1, part(one, i, i + 1));
        if (i < two.size()) frames = frames + data_frame(3, part(two, i, i + 1));
    }
    pair.say(frames + trailers(3) + trailers(1, 5));
    CHECK(first.messages == contents);
    CHECK(second.messages == std::vector<Octets>{pattern(20, 7), pattern(3, 8)});
    CHECK(first.status.code == 5);
    CHECK(second.status.code == 0);
}

TEST_CASE("a message as large as the limit is taken, one byte more is refused before any memory is asked for") {
    for (const std::size_t size : {std::size_t{64}, std::size_t{65}}) {
        SessionPair pair;
        Listener heard;
        pair.session.start("/test.T/M", &heard, 64);
        pair.exchange();
        pair.say(good_headers(1) + data_frame(1, message(pattern(size))));
        pair.exchange();
        CHECK(heard.begun.size() == (size == 64 ? 1 : 0));
        CHECK(heard.ends == (size == 64 ? 0 : 1));
        if (size == 65) {
            CHECK(heard.status.code == 8);
            CHECK(heard.status.trouble == net::Trouble::none);
            CHECK(pair.request().was_reset);
        }
    }
}

TEST_CASE("a message of 4 GB is refused before any memory is asked for") {
    SessionPair pair;
    Listener heard;
    pair.session.start("/test.T/M", &heard, 64 << 20);
    pair.exchange();
    pair.say(good_headers(1) + data_frame(1, {0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3}));
    CHECK(heard.begun.empty());
    CHECK(heard.status.code == 8);
}

TEST_CASE("a compressed message is refused") {
    SessionPair pair;
    Listener heard;
    pair.session.start("/test.T/M", &heard, 64);
    pair.exchange();
    pair.say(good_headers(1) + data_frame(1, message(pattern(10), 1)));
    pair.exchange();
    CHECK(heard.messages.empty());
    CHECK(heard.status.code == 13);
    CHECK(heard.status.message.find("compressed") != std::string::npos);
    CHECK(pair.request().reset_error == NGHTTP2_CANCEL);
}

TEST_CASE("a handler without room ends the call, not the connection") {
    SessionPair pair;
    Listener heard, other;
    heard.refuses = true;
    pair.session.start("/test.T/M", &heard, 64);
    pair.session.start("/test.T/M", &other, 64);
    pair.exchange();
    pair.say(good_headers(1) + data_frame(1, message(pattern(10))));
    pair.exchange();
    CHECK(heard.status.code == 8);
    CHECK(heard.ends == 1);
    pair.say(good_headers(3) + data_frame(3, message(pattern(4))) + trailers(3));
    CHECK(other.messages.size() == 1);
    CHECK(other.status.code == 0);
}

TEST_CASE("a handler that cancels in the middle of a DATA frame hears no second message") {
    SessionPair pair;
    Listener heard;
    heard.cancels = pair.session.start("/test.T/M", &heard, 64);
    pair.exchange();
    pair.say(good_headers(1) + data_frame(1, message(pattern(10)) + message(pattern(11)) + message(pattern(12))));
    pair.exchange();
    CHECK(heard.messages.size() == 1);
    CHECK(heard.begun.size() == 1);
    CHECK(heard.status.code == 1);
    CHECK(heard.ends == 1);
    CHECK(pair.request().reset_error == NGHTTP2_CANCEL);
}
