// What goes out: messages with lent bodies, through windows and sockets of any narrowness.

#include "allocation_count.h"
#include "doctest/doctest.h"
#include "net/output_queue.h"
#include "support/session_pair.h"

using namespace dreamport;
using namespace dreamport::test;

namespace {

struct Counter final : net::Lender {
    std::size_t total = 0;
    void left(std::size_t bytes) noexcept override { total += bytes; }
};

Octets all_of(const net::OutputQueue& queue) {
    net::Bytes parts[256];
    const std::size_t count = queue.next(parts, 256);
    Octets result;
    for (std::size_t i = 0; i < count; ++i)
        result.insert(result.end(), parts[i].data, parts[i].data + parts[i].size);
    return result;
}

net::Bytes bytes_of(const Octets& octets) {
    return {octets.data(), octets.size()};
}

}  // namespace

TEST_CASE("a queue gives what was put in, in order, however it is taken out") {
    const Octets lent = pattern(50, 1), other = pattern(7, 2);
    Octets expected;
    for (std::size_t step = 1; step < 40; ++step) {
        net::OutputQueue queue;
        Counter counter;
        expected.clear();
        Octets taken;
        for (unsigned round = 0; round < 40; ++round) {
            const Octets copied = pattern(round % 5, round);
            queue.copy(copied.data(), copied.size());
            queue.lend(bytes_of(lent), &counter);
            queue.lend(bytes_of(other), &counter);
            expected = expected + copied + lent + other;
            for (int i = 0; i < 3; ++i) {
                const Octets now = all_of(queue);
                const std::size_t count = std::min(step, now.size());
                taken.insert(taken.end(), now.begin(), now.begin() + static_cast<std::ptrdiff_t>(count));
                queue.pop(count);
            }
        }
        const Octets rest = all_of(queue);
        CHECK(queue.size() == expected.size() - taken.size());
        CHECK(taken + rest ==
              Octets(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(taken.size() + rest.size())));
        queue.pop(queue.size());
        CHECK(queue.size() == 0);
        CHECK(counter.total == 40 * 57);
    }
}

TEST_CASE("a queue that is never empty lets go of what has left, and keeps the rest as it was") {
    net::OutputQueue queue;
    Counter counter;
    const Octets lent = pattern(9, 1);
    constexpr unsigned rounds = 5000;
    const auto copied_in = [](unsigned round) { return pattern(5 + round % 7 * 600, round); };
    for (unsigned round = 0; round < rounds; ++round) {
        const Octets copied = copied_in(round);
        queue.copy(copied.data(), copied.size());
        queue.lend(bytes_of(lent), &counter);
        if (round == 0) continue;
        net::Bytes parts[2];
        REQUIRE(queue.next(parts, 2) == 2);
        REQUIRE(Octets(parts[0].data, parts[0].data + parts[0].size) == copied_in(round - 1));
        REQUIRE(parts[1].data == lent.data());
        queue.pop(parts[0].size + 9);
    }
    CHECK(queue.size() == copied_in(rounds - 1).size() + 9);
    CHECK(counter.total == 9 * (rounds - 1));
}

TEST_CASE("a lender that goes takes its memory with it, and the bytes still leave") {
    net::OutputQueue queue;
    Counter counter;
    Octets expected;
    {
        Octets lent = pattern(30, 1);
        queue.copy(lent.data(), 3);
        queue.lend(bytes_of(lent), &counter);
        expected = all_of(queue);
        queue.pop(10);
        queue.forget(&counter);
        std::fill(lent.begin(), lent.end(), std::uint8_t{0});
    }
    CHECK(all_of(queue) == Octets(expected.begin() + 10, expected.end()));
    queue.pop(23);
    CHECK(counter.total == 7);
}

TEST_CASE("messages reach the peer whole, their lent parts uncopied, and every ticket is told once it has left") {
    SessionPair pair;
    Listener heard;
    net::Call* const call = pair.session.start("/test.T/M", &heard, 64);
    const Octets head = pattern(11, 1), body = pattern(50'000, 2), tail = pattern(3, 3);
    const net::Bytes bodies[] = {bytes_of(body), {}, bytes_of(tail)};
    CHECK(call->send(bytes_of(head), bodies, 3) == 1);
    CHECK(call->send({}, nullptr, 0) == 2);
    CHECK(call->send({}, bodies, 1) == 3);
    CHECK(call->unsent_bytes() == 3 * 5 + 11 + 50'000 + 3 + 50'000);
    call->finish();
    CHECK(call->send({}, nullptr, 0) == 0);
    pair.exchange();
    CHECK(pair.request().body == message(head + body + tail) + message({}) + message(body));
    CHECK(pair.request().ended);
    CHECK(heard.sent == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(call->unsent_bytes() == 0);
}

TEST_CASE("a lent body is not copied on its way") {
    SessionPair pair;
    pair.exchange();
    Listener heard;
    net::Call* const call = pair.session.start("/test.T/M", &heard, 64);
    const Octets body = pattern(3000, 2);
    const net::Bytes lent = bytes_of(body);
    call->send({}, &lent, 1);
    pair.session.produce(pair.now_ns);
    net::Bytes parts[8];
    const std::size_t count = pair.session.output().next(parts, 8);
    bool found = false;
    for (std::size_t i = 0; i < count; ++i)
        found = found || parts[i].data == body.data();
    CHECK(found);
}

TEST_CASE("a ticket is not told before its last byte has left") {
    SessionPair pair;
    pair.exchange();
    Listener heard;
    net::Call* const call = pair.session.start("/test.T/M", &heard, 64);
    const Octets body = pattern(40, 2);
    const net::Bytes lent = bytes_of(body);
    call->send({}, &lent, 1);
    while (call->unsent_bytes() > 0) {
        CHECK(heard.sent.empty());
        REQUIRE(pair.client_speaks(1));
    }
    CHECK(heard.sent == std::vector<std::uint64_t>{1});
    CHECK(pair.request().body == message(body));
}

TEST_CASE("any window and frame size of the peer carries the messages") {
    for (const std::uint32_t window : {1u, 2u, 5u, 6u, 7u, 100u, 65'535u, 1'000'000u}) {
        SessionPair pair({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}, {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 20}});
        pair.exchange();
        Listener heard;
        net::Call* const call = pair.session.start("/test.T/M", &heard, 64);
        const Octets first = pattern(9, 1), second = pattern(window < 10 ? 30 : 300'000, 2);
        const net::Bytes lent = bytes_of(second);
        call->send(bytes_of(first), nullptr, 0);
        call->send({}, &lent, 1);
        call->finish();
        pair.exchange();
        CHECK(pair.request().body == message(first) + message(second));
        CHECK(pair.request().ended);
    }
}

TEST_CASE("large frames are used where the peer takes them") {
    SessionPair pair({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 64 << 20}, {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 19}});
    pair.peer.widen(8 << 20);
    pair.exchange();
    Listener heard;
    net::Call* const call = pair.session.start("/test.T/M", &heard, 64);
    const Octets body = pattern(1 << 20, 2);
    const net::Bytes lent = bytes_of(body);
    call->send({}, &lent, 1);
    while (pair.client_speaks()) {
    }
    REQUIRE_FALSE(pair.request().frames.empty());
    CHECK(pair.request().frames[0] > 16'384);
}

TEST_CASE("a call that ends while its memory is on the way: the rest of the frame is what it was") {
    for (const std::size_t taken : {0u, 5u, 60u, 70u, 100u, 5000u, 20'000u}) {
        SessionPair pair;
        pair.exchange();
        Listener heard;
        net::Call* const call = pair.session.start("/test.T/M", &heard, 64);
        Octets body = pattern(40'000, 2);
        const Octets expected = message(body);
        const net::Bytes lent = bytes_of(body);
        call->send({}, &lent, 1);
        for (std::size_t gone = 0; gone < taken; ++gone)
            REQUIRE(pair.client_speaks(1));
        call->cancel();
        pair.session.settle();
        CHECK(heard.ends == 1);
        CHECK(heard.status.code == 1);
        body.assign(body.size(), 0);
        body = Octets();
        pair.exchange();
        const Octets& arrived = pair.request().body;
        REQUIRE(arrived.size() <= expected.size());
        CHECK(arrived == Octets(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(arrived.size())));
        CHECK_FALSE(pair.request().ended);
        CHECK(heard.ends == 1);
    }
}

TEST_CASE("a slow socket bounds what is queued for it") {
    SessionPair pair({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 64 << 20}});
    pair.peer.widen(64 << 20);
    pair.exchange();
    Listener heard;
    net::Call* const call = pair.session.start("/test.T/M", &heard, 64);
    const Octets body = pattern(16 << 20, 2);
    const net::Bytes lent = bytes_of(body);
    call->send({}, &lent, 1);
    pair.session.produce(pair.now_ns);
    CHECK(pair.session.output().size() < 3 << 20);
    CHECK(call->unsent_bytes() == body.size() + 5);
}

TEST_CASE("a session that runs steadily asks for no memory") {
    struct Quiet final : net::CallHandler {
        std::uint8_t memory[4096] = {};
        std::size_t messages = 0, tickets = 0;
        std::uint8_t* on_message_begin(std::size_t) noexcept override { return memory; }
        void on_message(std::uint8_t*, std::size_t) noexcept override { ++messages; }
        void on_sent(std::uint64_t) noexcept override { ++tickets; }
        void on_end(const net::GrpcStatus&) noexcept override {}
    } quiet;
    net::Http2Session session({"test:1", false, ""}, 0);
    net::Call* const call = session.start("/test.T/M", &quiet, 4096);
    session.produce(0);
    session.output().pop(session.output().size());
    const Octets hello = settings_frame({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7FFFFFFF}}) +
                         window_frame(0, 0x3FFFFFFF) + settings_ack_frame() + good_headers(1);
    session.receive(hello.data(), hello.size(), 0);
    const Octets frame = data_frame(1, message(pattern(3000))) + ping_frame(false);
    const Octets head = pattern(20), body = pattern(2000);
    const net::Bytes lent = bytes_of(body);
    std::uint64_t before = 0, before_nghttp2 = 0;
    for (int i = 0; i < 60'000; ++i) {  // 180 MB: window updates too
        if (i == 50'000) {
            before = allocations_so_far();
            before_nghttp2 = session.memory_requests();
        }
        session.receive(frame.data(), frame.size(), i);
        call->send(bytes_of(head), &lent, 1);
        session.produce(i);
        session.output().pop(session.output().size());
    }
    CHECK(quiet.messages == 60'000);
    CHECK(quiet.tickets == 60'000);
    CHECK(allocations_so_far() == before);
    if (net::MemoryPool::reuses) CHECK(session.memory_requests() == before_nghttp2);
}
