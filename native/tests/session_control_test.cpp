// Honest input across broken connections: every look and every press is applied exactly once, whatever breaks when.
#include <algorithm>
#include <cmath>
#include <deque>
#include <random>

#include "doctest/doctest.h"
#include "playing/control_queue.h"

using dreamport::ControlQueue;
using dreamport::ControlSample;

namespace {

dp_control sample(float yaw = 0, std::uint32_t pressed = 0, std::uint32_t buttons = 0) {
    dp_control control{};
    control.struct_size = sizeof control;
    control.look_yaw_deg = yaw;
    control.pressed = pressed;
    control.buttons = buttons;
    return control;
}

// The backend's side as the contract describes it: hears controls in order, sums them up, applies them in frames.
struct Server {
    std::uint64_t last_heard = 0;
    std::uint64_t last_applied = 0;
    std::uint32_t held = 0;
    double yaw = 0;
    int presses[32] = {};

    void hear(const ControlSample& control, std::uint64_t sequence) {
        REQUIRE(sequence > last_heard);
        REQUIRE(std::abs(control.yaw_deg) <= 360);
        last_heard = sequence;
        held = control.buttons;
        yaw += control.yaw_deg;
        for (int i = 0; i < 32; ++i)
            presses[i] += control.pressed >> i & 1;
    }
    void break_off() { held = 0; }
};

}  // namespace

TEST_CASE("one sample a call goes out at once; what waits is merged by the rules of dp_control") {
    ControlQueue queue;
    ControlSample out;
    std::uint64_t sequence = 0;
    CHECK_FALSE(queue.take(out, sequence));
    queue.add(sample(1, 1, 1), 10, false);
    queue.add(sample(2, 2, 2), 20, false);
    REQUIRE(queue.take(out, sequence));
    CHECK(out.yaw_deg == 1);
    CHECK(sequence == 1);
    REQUIRE(queue.take(out, sequence));
    CHECK(out.number == 2);
    CHECK(queue.merged() == 0);
    queue.add(sample(1, 1, 8), 30, true);
    queue.add(sample(2, 4, 2), 40, true);
    REQUIRE(queue.take(out, sequence));
    CHECK(out.yaw_deg == 3);
    CHECK(out.pressed == 5);
    CHECK(out.buttons == 2);
    CHECK(out.client_time_ns == 40);
    CHECK(out.number == 4);
    CHECK(sequence == 3);
    CHECK(queue.merged() == 1);
    CHECK(queue.empty());
}

TEST_CASE("no control carries more than a turn; the rest follows") {
    ControlQueue queue;
    for (int i = 0; i < 5; ++i)
        queue.add(sample(250), 1, true);
    queue.add(sample(-900, 1), 1, true);
    double sum = 0;
    int presses = 0;
    ControlSample out;
    std::uint64_t sequence = 0;
    while (queue.take(out, sequence)) {
        CHECK(std::abs(out.yaw_deg) <= 360);
        sum += out.yaw_deg;
        presses += static_cast<int>(out.pressed);
    }
    CHECK(sum == doctest::Approx(350));
    CHECK(presses == 1);
}

TEST_CASE("a frame tells which call it applied, merged or not") {
    ControlQueue queue;
    ControlSample out;
    std::uint64_t sequence = 0;
    CHECK(queue.applied(0) == 0);
    for (int i = 0; i < 3; ++i)
        queue.add(sample(1), 1, true);
    queue.take(out, sequence);
    queue.add(sample(1), 1, false);
    queue.take(out, sequence);
    CHECK(queue.applied(1) == 3);
    CHECK(queue.applied(2) == 4);
    CHECK(queue.applied(2) == 4);
}

TEST_CASE("after a break only what was not heard is said again, and what is held") {
    ControlQueue queue;
    ControlSample out;
    std::uint64_t sequence = 0;
    for (int i = 1; i <= 4; ++i) {
        queue.add(sample(static_cast<float>(i), 1u << i, 7), i, false);
        queue.take(out, sequence);
    }
    queue.add(sample(100, 0, 5), 9, true);  // while broken
    queue.session_resumed(2);
    REQUIRE(queue.take(out, sequence));
    CHECK(sequence == 5);
    CHECK(out.yaw_deg == 3 + 4 + 100);
    CHECK(out.pressed == ((1u << 3) | (1u << 4)));
    CHECK(out.buttons == 5);
    CHECK(queue.empty());
    CHECK(queue.applied(2) == 2);  // heard before the break, applied after it
    queue.session_resumed(5);      // all heard: the held state alone
    REQUIRE(queue.take(out, sequence));
    CHECK(sequence == 6);
    CHECK(out.yaw_deg == 0);
    CHECK(out.pressed == 0);
    CHECK(out.buttons == 5);
}

TEST_CASE("nothing is forgotten in the 20 s in which a silent connection is given up, at 200 samples a second") {
    ControlQueue queue;
    ControlSample out;
    std::uint64_t sequence = 0;
    for (int i = 0; i < 4000; ++i) {
        queue.add(sample(0.0625f, i == 0 ? 1u : 0), i, false);
        queue.take(out, sequence);
    }
    queue.session_resumed(0);
    REQUIRE(queue.take(out, sequence));
    CHECK(out.yaw_deg == 250);
    CHECK(out.pressed == 1);
}

TEST_CASE("a new session hears what waits, not what the old one was told") {
    ControlQueue queue;
    ControlSample out;
    std::uint64_t sequence = 0;
    queue.add(sample(5, 1, 1), 1, false);
    queue.take(out, sequence);
    queue.add(sample(7, 2, 3), 2, true);
    queue.session_opened();
    REQUIRE(queue.take(out, sequence));
    CHECK(sequence == 1);
    CHECK(out.yaw_deg == 7);
    CHECK(out.pressed == 2);
    CHECK(queue.empty());
}

TEST_CASE("a session that another client left goes on with greater numbers") {
    ControlQueue queue;
    ControlSample out;
    std::uint64_t sequence = 0;
    queue.session_resumed(500);
    CHECK(queue.empty());
    queue.add(sample(1), 1, false);
    REQUIRE(queue.take(out, sequence));
    CHECK(sequence == 501);
    CHECK(queue.applied(500) == 0);
    CHECK(queue.applied(501) == 1);
}

TEST_CASE("property: over thousands of random breaks every look and press arrives exactly once") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        std::mt19937 random(seed);
        ControlQueue queue;
        Server server;
        double yaw = 0;
        int presses[32] = {};
        std::uint32_t held = 0;
        bool connected = false;
        std::deque<std::pair<ControlSample, std::uint64_t>> on_the_way;
        const auto reconnect = [&] {
            on_the_way.clear();
            server.break_off();
            queue.session_resumed(server.last_heard);
            connected = true;
        };
        const auto pump = [&](bool all) {
            ControlSample out;
            std::uint64_t sequence = 0;
            while (connected && queue.take(out, sequence))
                on_the_way.emplace_back(out, sequence);
            std::size_t count = all ? on_the_way.size() : random() % (on_the_way.size() + 1);
            for (; count > 0; --count) {
                server.hear(on_the_way.front().first, on_the_way.front().second);
                on_the_way.pop_front();
            }
            if (random() % 3 == 0)
                queue.applied(server.last_applied = std::max(server.last_applied, server.last_heard));
        };
        for (int step = 0; step < 1500; ++step) {
            const float degrees = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 8;
            // Presses of one button that are merged count as one, so each button is pressed once only while it can be
            // merged.
            std::uint32_t press = connected && on_the_way.empty() && queue.empty() ? 1u << random() % 32 : 0;
            held = random() % 16;
            queue.add(sample(degrees, press, held), step, !connected);
            yaw += static_cast<double>(degrees);
            for (int i = 0; i < 32; ++i)
                presses[i] += press >> i & 1;
            pump(false);
            switch (random() % 20) {
                case 0:
                    connected = false;
                    break;
                case 1:
                    reconnect();
                    break;
                default:
                    break;
            }
        }
        reconnect();
        pump(true);
        CHECK(server.yaw == doctest::Approx(yaw).epsilon(1e-9));
        CHECK(server.held == held);
        for (int i = 0; i < 32; ++i)
            CHECK(server.presses[i] == presses[i]);
    }
}
