// Small parts: frame pool, samples, shared memory, addresses, backoff, problems, handles.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "doctest/doctest.h"
#include "library/handles.h"
#include "link/address.h"
#include "link/backoff.h"
#include "link/problems.h"
#include "playing/command_queue.h"
#include "playing/frame_pool.h"
#include "playing/samples.h"

using namespace dreamport;

namespace {

void publish(FramePool& pool, std::uint64_t id) {
    PooledFrame* frame = pool.begin_filling();
    REQUIRE(frame != nullptr);
    frame->frame.id = id;
    pool.publish(frame);
}

}  // namespace

TEST_CASE("the newest frame is lent once, and at most four are lent") {
    auto pool = std::make_unique<FramePool>();
    dp_frame frame{};
    CHECK(pool->acquire(frame) == DP_NOTHING_NEW);
    std::uint32_t leases[4] = {};
    for (std::uint64_t id = 1; id <= 4; ++id) {
        publish(*pool, id);
        REQUIRE(pool->acquire(frame) == DP_OK);
        CHECK(frame.id == id);
        CHECK(pool->acquire(frame) == DP_NOTHING_NEW);
        leases[id - 1] = frame.lease;
    }
    publish(*pool, 5);
    CHECK(pool->acquire(frame) == DP_ERROR_FULL);
    CHECK(pool->release(leases[2]) == DP_OK);
    CHECK(pool->release(leases[2]) == DP_ERROR_ARGUMENT);
    PooledFrame* sixth = pool->begin_filling();
    sixth->frame.id = 6;
    CHECK(pool->publish(sixth) == 5);  // nobody acquired 5
    REQUIRE(pool->acquire(frame) == DP_OK);
    CHECK(frame.id == 6);
    CHECK(pool->release(0) == DP_ERROR_ARGUMENT);
    CHECK(pool->release(0xFFFFFFFF) == DP_ERROR_ARGUMENT);
}

TEST_CASE("lent frames are never filled again, however many come") {
    auto pool = std::make_unique<FramePool>();
    dp_frame lent[4];
    for (std::uint64_t id = 1; id <= 4; ++id) {
        publish(*pool, id);
        REQUIRE(pool->acquire(lent[id - 1]) == DP_OK);
    }
    dp_frame shown[2];
    bool first = false;
    publish(*pool, 5);
    REQUIRE(pool->show(shown[0], first));
    CHECK(first);
    publish(*pool, 6);
    REQUIRE(pool->show(shown[1], first));
    CHECK_FALSE(pool->show(shown[1], first));
    std::vector<std::uint32_t> busy;
    for (const dp_frame& frame : lent)
        busy.push_back(frame.lease & 0xFF);
    for (int round = 0; round < 100; ++round) {
        PooledFrame* frame = pool->begin_filling();
        REQUIRE(frame != nullptr);
        frame->frame.id = static_cast<std::uint64_t>(7 + round);
        pool->publish(frame);
        CHECK(std::find(busy.begin(), busy.end(), frame->frame.lease & 0xFF) == busy.end());
    }
    for (const dp_frame& frame : lent)
        CHECK(pool->release(frame.lease) == DP_OK);
}

TEST_CASE("frames cross threads whole: what is lent does not change") {
    auto pool = std::make_unique<FramePool>();
    pool->reserve(0, 4096);
    std::atomic<bool> stop{false};
    std::thread filler([&] {
        for (std::uint64_t id = 1; !stop; ++id) {
            PooledFrame* frame = pool->begin_filling();
            std::uint8_t* pixels = frame->pixels.reserve(4096, pool->allocation_counter());
            std::memset(pixels, static_cast<int>(id & 0xFF), 4096);
            frame->frame.id = id;
            frame->frame.colour = pixels;
            pool->publish(frame);
            std::this_thread::yield();  // locks are not fair
        }
    });
    std::uint64_t last = 0;
    int wrong = 0;
    for (int seen = 0; seen < 500;) {
        dp_frame frame{};
        if (pool->acquire(frame) != DP_OK) {
            std::this_thread::yield();
            continue;
        }
        ++seen;
        if (frame.id <= last) ++wrong;
        last = frame.id;
        for (int k = 0; k < 4096; k += 511)
            wrong += frame.colour[k] != (frame.id & 0xFF) ? 1 : 0;
        pool->release(frame.lease);
    }
    stop = true;
    filler.join();
    CHECK(wrong == 0);
}

TEST_CASE("percentiles and jitter are those of the sorted last ten seconds") {
    auto samples = std::make_unique<Samples>();
    std::mt19937 random(3);
    std::vector<float> window;
    const std::int64_t step = 5'000'000;
    std::int64_t now = 1'000'000'000;
    for (int i = 0; i < 9000; ++i) {
        now += step;
        const float value = static_cast<float>(random() % 1000) / 10;
        samples->add(now, value);
        window.push_back(value);
    }
    window.erase(window.begin(), window.end() - 2001);  // ten seconds, both ends
    double jitter = 0;
    for (std::size_t i = 1; i < window.size(); ++i)
        jitter += std::abs(static_cast<double>(window[i] - window[i - 1]));
    CHECK(samples->jitter(now) == doctest::Approx(jitter / static_cast<double>(window.size() - 1)).epsilon(1e-4));
    float out[3];
    samples->percentiles(now, {50, 95, 99}, out);
    std::sort(window.begin(), window.end());
    CHECK(out[0] == window[1000]);
    CHECK(out[1] == window[1900]);
    CHECK(out[2] == window[1980]);
    CHECK(samples->count_since(now - 1'000'000'000) == 201);
    samples->percentiles(now + 11'000'000'000, {50, 95, 99}, out);
    CHECK(out[0] == 0);
    for (const float value : {std::nanf(""), HUGE_VALF, 3.0f})  // as a server may say
        samples->add(now + 11'000'000'000, value);
    samples->percentiles(now + 11'000'000'000, {50, 95, 99}, out);
    CHECK(out[0] == 0);
    CHECK(out[2] == 3);
}

TEST_CASE("addresses") {
    std::string host;
    std::uint16_t port = 0;
    CHECK(parse_address("127.0.0.1:50051", host, port));
    CHECK(host == "127.0.0.1");
    CHECK(port == 50051);
    CHECK(parse_address("[::1]:7", host, port));
    CHECK(host == "::1");
    CHECK(parse_address("gpu.example:65535", host, port));
    for (const char* wrong :
         {"", "host", ":1", "host:", "host:0", "host:65536", "host:1x", "::1:5", "[]:5", "[::1:5", "host:-1"}) {
        CHECK_FALSE(parse_address(wrong, host, port));
    }
    CHECK(is_loopback("localhost"));
    CHECK(is_loopback("127.8.0.1"));
    CHECK(is_loopback("::1"));
    CHECK_FALSE(is_loopback("127.evil.example"));
    CHECK_FALSE(is_loopback("10.0.0.1"));
    dp_endpoint endpoint{};
    net::Endpoint out;
    CHECK(make_endpoint(endpoint, out) == DP_ERROR_VERSION);
    endpoint.struct_size = sizeof endpoint;
    CHECK(make_endpoint(endpoint, out) == DP_ERROR_ARGUMENT);
    std::strcpy(endpoint.address, "localhost:1");
    CHECK(make_endpoint(endpoint, out) == DP_OK);
    CHECK(out.connect_timeout_ms == 5000);
    std::strcpy(endpoint.token, "two\r\nheaders");
    CHECK(make_endpoint(endpoint, out) == DP_ERROR_ARGUMENT);
    std::memset(endpoint.address, 'a', sizeof endpoint.address);  // without its 0
    CHECK(make_endpoint(endpoint, out) == DP_ERROR_ARGUMENT);
}

TEST_CASE("pauses double up to their most, with jitter, and wait for what the server asks") {
    Backoff backoff(200, 5000, 1);
    for (std::uint32_t failures = 1; failures < 40; ++failures) {
        const double expected = std::min(200.0 * std::pow(2.0, failures - 1), 5000.0);
        const auto pause = static_cast<double>(backoff.pause_ms(failures, -1));
        CHECK(pause >= 0.74 * expected);
        CHECK(pause <= 1.26 * expected);
    }
    CHECK(backoff.pause_ms(1, 7000) == 7000);
    CHECK(backoff.pause_ms(1, 2'000'000'000) == 600'000);
    Backoff other(200, 5000, 2);
    bool differ = false;
    for (int i = 0; i < 8; ++i)
        differ = differ || backoff.pause_ms(3, -1) != other.pause_ms(3, -1);
    CHECK(differ);
}

TEST_CASE("every end of a call has a problem, a remedy, and says whether trying again helps") {
    struct Case {
        int code;
        const char* message;
        net::Trouble trouble;
        bool worked, resuming;
        Service service;
        dp_problem problem;
        bool again;
        const char* says;
    };
    using T = net::Trouble;
    const Case cases[] = {
        {14, "", T::refused, false, false, Service::play, DP_PROBLEM_BACKEND_ABSENT, true, "dreamport serve"},
        {14, "", T::unreachable, false, false, Service::play, DP_PROBLEM_ADDRESS, true, "Check the address"},
        {14, "", T::timed_out, false, false, Service::play, DP_PROBLEM_TIMEOUT, true, "in time"},
        {14, "", T::timed_out, true, false, Service::play, DP_PROBLEM_TIMEOUT, true, "stopped answering"},
        {14, "", T::lost, true, false, Service::play, DP_PROBLEM_CONNECTION_LOST, true, "broke"},
        {14, "", T::tls_expired, false, false, Service::play, DP_PROBLEM_TLS_CERTIFICATE_EXPIRED, false, "expired"},
        {14, "", T::tls_untrusted, false, false, Service::play, DP_PROBLEM_TLS_CERTIFICATE_UNTRUSTED, false, "CA file"},
        {14, "", T::tls_name, false, false, Service::play, DP_PROBLEM_TLS_CERTIFICATE_NAME, false, "name"},
        {14, "", T::tls_other, false, false, Service::play, DP_PROBLEM_TLS, false, "TLS"},
        {14, "", T::protocol, false, false, Service::play, DP_PROBLEM_PROTOCOL, false, "gRPC"},
        {14, "", T::protocol, true, false, Service::play, DP_PROBLEM_PROTOCOL, true, "tried again"},
        {16, "Send the token", T::none, false, false, Service::play, DP_PROBLEM_TOKEN, false, "token"},
        {9, "version", T::none, false, false, Service::play, DP_PROBLEM_VERSION, false, "Update"},
        {9, "another data set", T::none, false, false, Service::record, DP_PROBLEM_ARGUMENT, false, "another data set"},
        {5, "no world", T::none, false, false, Service::play, DP_PROBLEM_NOT_FOUND, false, "worlds list"},
        {5, "", T::none, false, true, Service::play, DP_PROBLEM_NOT_FOUND, true, "new one"},
        {8, "full", T::none, false, false, Service::play, DP_PROBLEM_SERVER_FULL, true, "room"},
        {8, "The disk is full", T::none, true, false, Service::record, DP_PROBLEM_NO_SPACE, false, "Free some space"},
        {3, "open.seed", T::none, false, false, Service::play, DP_PROBLEM_ARGUMENT, false, "open.seed"},
        {12, "", T::none, false, false, Service::record, DP_PROBLEM_UNSUPPORTED, false, "--captures"},
        {14, "The server is shutting down", T::none, true, false, Service::play, DP_PROBLEM_SHUTTING_DOWN, true,
         "Start it"},
        {14, "This session's world failed", T::none, true, false, Service::play, DP_PROBLEM_WORLD_FAILED, true, "log"},
        {10, "Another stream", T::none, true, false, Service::play, DP_PROBLEM_TAKEN_OVER, false, "Another client"},
        {10, "is resuming", T::none, false, true, Service::play, DP_PROBLEM_SERVER, true, "tried again"},
        {4, "", T::none, true, false, Service::play, DP_PROBLEM_TIMEOUT, true, "tried again"},
        {13, "Incident", T::none, true, false, Service::play, DP_PROBLEM_SERVER, true, "log"},
        {0, "", T::none, true, false, Service::play, DP_PROBLEM_CONNECTION_LOST, true, "ended"},
    };
    for (const Case& c : cases) {
        net::GrpcStatus status;
        status.code = c.code;
        status.message = c.message;
        status.trouble = c.trouble;
        Circumstances around;
        around.service = c.service;
        around.address = "127.0.0.1:50700";
        around.worked = c.worked;
        around.resuming = c.resuming;
        const Diagnosis found = diagnose(status, around);
        CAPTURE(std::string(found.message));
        CHECK(found.problem == c.problem);
        CHECK(found.again == c.again);
        CHECK(std::string(found.message).find(c.says) != std::string::npos);
    }
    CHECK(std::string(version_mismatch(2).message).find("Update the plug-in") != std::string::npos);
    CHECK(std::string(version_mismatch(0).message).find("Update the backend") != std::string::npos);
}

TEST_CASE("a destroyed handle is known as such, also when its place was taken") {
    library::HandleTable<int> table;
    const std::uint32_t first = table.add(std::make_shared<int>(1));
    CHECK(*table.find(first) == 1);
    auto* pointer = library::to_handle<struct dp_client>(first);
    CHECK(pointer != nullptr);
    CHECK(library::to_number(pointer) == first);
    CHECK(*table.take(first) == 1);
    CHECK_FALSE(bool(table.find(first)));
    CHECK_FALSE(bool(table.take(first)));
    const std::uint32_t second = table.add(std::make_shared<int>(2));
    CHECK(second != first);
    CHECK_FALSE(bool(table.find(first)));
    CHECK(*table.find(second) == 2);
    CHECK_FALSE(bool(table.find(0)));
    CHECK(library::to_number(reinterpret_cast<dp_client*>(0x7fffdeadbeef)) == 0);
    CHECK(table.take_all().size() == 1);
    CHECK_FALSE(bool(table.find(second)));
}

TEST_CASE("commands wait in order, and a full queue says so") {
    auto queue = std::make_unique<CommandQueue>();
    const std::vector<std::uint8_t> large(8000, 7);
    int added = 0;
    while (queue->add({large.data(), large.size()}))
        ++added;
    CHECK(added == 8);
    int seen = 0;
    queue->drain([&](net::Bytes bytes) { seen += bytes.size == 8000 && bytes.data[7999] == 7 ? 1 : 0; });
    CHECK(seen == 8);
    CHECK(queue->empty());
    CHECK(queue->add({large.data(), 1}));
}
