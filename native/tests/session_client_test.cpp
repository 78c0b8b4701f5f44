// The client's states, messages and memory against a fake backend in the same process.
#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "allocation_count.h"
#include "doctest/doctest.h"
#include "fake_backend.h"
#include "jpeg/encoder.h"
#include "library/threads.h"
#include "playing/client.h"
#include "wire/lenient_decode.h"

using bytes::Bytes;
using dreamport::Client;
using dreamport::net::Trouble;
using fake::Backend;

namespace {

constexpr std::uint32_t width = 64, height = 48;

Bytes opened(const char* token = "secret", bool resumed = false, std::uint64_t last_heard = 0,
             std::uint32_t version = 1, std::uint32_t colour = DP_COLOUR_RAW_RGBA,
             std::uint32_t transport = DP_TRANSPORT_INLINE) {
    static dreamport_v1_Opened m;
    m = dreamport_v1_Opened_init_zero;
    std::strcpy(m.session_id, "5e55");
    std::strcpy(m.resume_token, token);
    m.resumed = resumed;
    m.protocol_version = version;
    m.has_world = m.world.has_summary = m.world.has_control_schema = true;
    std::strcpy(m.world.summary.name, "stub");
    m.world.control_schema.buttons_count = 3;
    m.has_frame_size = true;
    m.frame_size = {width, height};
    m.colour_format = static_cast<dreamport_v1_ColourFormat>(colour);
    m.transport = static_cast<dreamport_v1_Transport>(transport);
    if (transport == DP_TRANSPORT_SHARED_MEMORY) {  // sound, and not there
        m.has_shared_memory = true;
        std::strcpy(m.shared_memory.name, "/dreamport-nowhere");
        m.shared_memory.header_bytes = m.shared_memory.colour_offset = 64;
        m.shared_memory.slots = 1;
        m.shared_memory.colour_bytes = 4 * width * height;
        m.shared_memory.slot_bytes = 64 + m.shared_memory.colour_bytes;
        m.shared_memory.bytes = 64 + m.shared_memory.slot_bytes;
    }
    m.last_control_sequence = last_heard;
    return bytes::chunk(1, bytes::encoded(dreamport_v1_Opened_fields, m));
}

Bytes redirect(const char* address, const char* ticket = "") {
    static dreamport_v1_Redirect m;
    m = dreamport_v1_Redirect_init_zero;
    std::strcpy(m.address, address);
    std::strcpy(m.ticket, ticket);
    return bytes::chunk(7, bytes::encoded(dreamport_v1_Redirect_fields, m));
}

Bytes frame(std::uint64_t id, const Bytes& colour) {
    dreamport_v1_Frame m = dreamport_v1_Frame_init_zero;
    m.id = id;
    m.index = id - 1;
    Bytes body = bytes::encoded(dreamport_v1_Frame_fields, m);
    bytes::append(body, bytes::chunk(4, colour));
    return bytes::chunk(2, body);
}

Bytes raw(int value) {
    return Bytes(std::size_t{4} * width * height, static_cast<std::uint8_t>(value));
}

// A client of a fake backend.
struct Here {
    explicit Here(bool reconnect = true, std::string token = {}) {
        fake::current() = &backend;
        dp_client_options options{};
        options.struct_size = sizeof options;
        options.transport = DP_TRANSPORT_INLINE;
        dreamport::LinkOptions link;
        link.endpoint.host = "127.0.0.1";
        link.address = "127.0.0.1:50700";
        link.try_again = reconnect;
        link.backoff_min_ms = 1;
        link.backoff_max_ms = 5;
        link.open = &fake::Connection::open;
        client = std::make_shared<Client>(std::move(link), options, std::move(token));
    }
    ~Here() {
        client->end(0);
        client.reset();
        CHECK(dreamport::library::join_all(dreamport::now_ns() + 10'000'000'000));
    }
    bool reaches(dp_state state, dp_problem problem = DP_PROBLEM_NONE) {
        return Backend::soon([&] {
            const dp_connection_status status = client->status();
            return status.state == state && status.problem == problem;
        });
    }
    dp_frame next_frame() {
        dp_frame out{};
        CHECK(Backend::soon([&] { return client->acquire(out) == DP_OK; }));
        return out;
    }
    dreamport_v1_Open open(std::size_t n) {
        const Backend::Said said = backend.heard(n);
        CHECK(said.kind == 1);
        dreamport_v1_Open out;
        dreamport::wire::decode_lenient(dreamport_v1_Open_fields, &out, said.body.data(), said.body.size());
        return out;
    }
    dreamport_v1_Control control(std::size_t n) {
        const Backend::Said said = backend.heard(n);
        CHECK(said.kind == 2);
        dreamport_v1_Control out;
        dreamport::wire::decode_lenient(dreamport_v1_Control_fields, &out, said.body.data(), said.body.size());
        return out;
    }
    Backend backend;
    std::shared_ptr<Client> client;
};

dp_control look(float yaw, std::uint32_t buttons = 0) {
    dp_control out{};
    out.struct_size = sizeof out;
    out.look_yaw_deg = yaw;
    out.buttons = buttons;
    return out;
}

}  // namespace

TEST_CASE("absent, then there: the client waits, opens and is ready") {
    Here here;
    here.backend.refuse(Trouble::refused);
    here.client->start();
    REQUIRE(here.reaches(DP_STATE_WAITING, DP_PROBLEM_BACKEND_ABSENT));
    REQUIRE(Backend::soon([&] { return here.backend.connections() > 5; }));
    CHECK(here.client->status().attempts >= 4);
    here.client->control(look(10, 1));
    here.client->control(look(20, 2));
    here.backend.refuse(Trouble::none);
    REQUIRE(Backend::soon([&] { return here.client->status().state == DP_STATE_OPENING; }));
    const std::size_t open = here.backend.heard_count() - 1;
    CHECK(here.backend.heard(open).kind == 1);
    here.backend.send(opened());
    REQUIRE(here.reaches(DP_STATE_READY));
    CHECK(here.client->status().attempts == 0);
    const dreamport_v1_Control first = here.control(open + 1);
    CHECK(first.sequence == 1);
    CHECK(first.look_yaw_deg == 30);
    CHECK(first.buttons == 2);
}

TEST_CASE("a break is resumed with the token, and only what was not heard is said again") {
    Here here;
    here.client->start();
    here.backend.heard(0);
    here.backend.send(opened("t0ken"));
    REQUIRE(here.reaches(DP_STATE_READY));
    for (int i = 1; i <= 3; ++i) {
        here.client->control(look(static_cast<float>(i)));
        here.control(static_cast<std::size_t>(i));
    }
    here.backend.break_line(Trouble::lost);
    const Backend::Said open = here.backend.heard(4);
    CHECK(open.kind == 1);
    CHECK(std::string(open.body.begin(), open.body.end()).find("t0ken") != std::string::npos);
    here.backend.send(opened("t0ken", true, 1));
    REQUIRE(here.reaches(DP_STATE_READY));
    const dreamport_v1_Control again = here.control(5);
    CHECK(again.sequence == 4);
    CHECK(again.look_yaw_deg == 5);
    CHECK(here.client->status().resumed == 1);
    CHECK(here.client->status().restarted == 0);
}

TEST_CASE("a session that is gone is replaced at once, without the token") {
    Here here;
    here.client->start();
    here.backend.heard(0);
    here.backend.send(opened("t0ken"));
    REQUIRE(here.reaches(DP_STATE_READY));
    here.backend.break_line(Trouble::lost);
    here.backend.heard(1);
    here.backend.end(5, "no session waits under it");
    const Backend::Said open = here.backend.heard(2);
    CHECK(open.kind == 1);
    CHECK(std::string(open.body.begin(), open.body.end()).find("t0ken") == std::string::npos);
    here.backend.send(opened("other"));
    REQUIRE(Backend::soon([&] { return here.client->status().restarted == 1; }));
    dp_frame_format format{};
    CHECK(here.client->format(format) == DP_OK);
    CHECK(format.session_number == 2);
}

TEST_CASE("what cannot be mended by waiting is not tried again; the rest is") {
    struct Case {
        int code;
        const char* message;
        dp_problem problem;
        dp_state state;
    };
    for (const Case& c : {Case{16, "token", DP_PROBLEM_TOKEN, DP_STATE_FAILED},
                          Case{9, "open.protocol_version", DP_PROBLEM_VERSION, DP_STATE_FAILED},
                          Case{3, "open.world", DP_PROBLEM_ARGUMENT, DP_STATE_FAILED},
                          Case{5, "open.start", DP_PROBLEM_NOT_FOUND, DP_STATE_FAILED},
                          Case{12, "", DP_PROBLEM_UNSUPPORTED, DP_STATE_FAILED},
                          Case{8, "full", DP_PROBLEM_SERVER_FULL, DP_STATE_WAITING}}) {
        Here here;
        here.client->start();
        here.backend.heard(0);
        here.backend.end(c.code, c.message, c.code == 8 ? 60000 : -1);
        CAPTURE(c.code);
        CHECK(here.reaches(c.state, c.problem));
        const dp_connection_status status = here.client->status();
        CHECK(status.grpc_status == c.code);
        CHECK(std::string(status.server_message) == c.message);
        CHECK(here.backend.connections() == 1);
        if (c.code == 8) CHECK(status.next_attempt_ns - dreamport::now_ns() > 50'000'000'000);
        CHECK(here.client->retry_now() == DP_OK);
        CHECK(Backend::soon([&] { return here.backend.connections() == 2; }));
    }
}

TEST_CASE("a backend that breaks the contract is told apart") {
    struct Case {
        Bytes message;
        dp_problem problem;
    };
    Bytes huge = opened();
    const Case cases[] = {
        {opened("t", false, 0, 2), DP_PROBLEM_VERSION},
        {opened("t", false, 0, 1, DP_COLOUR_RAW_RGBA, DP_TRANSPORT_SHARED_MEMORY), DP_PROBLEM_PROTOCOL},  // not asked
        {frame(1, raw(0)), DP_PROBLEM_PROTOCOL},
        {bytes::chunk(1, bytes::chunk(5, Bytes(10, 0xFF))), DP_PROBLEM_PROTOCOL},
        {Bytes(20, 0xFF), DP_PROBLEM_PROTOCOL},
        {Bytes(5 << 20, 0), DP_PROBLEM_PROTOCOL},
        {bytes::chunk(1, bytes::number(4, 1)), DP_PROBLEM_PROTOCOL},
    };
    for (const Case& c : cases) {
        Here here;
        here.client->start();
        here.backend.heard(0);
        here.backend.send(c.message);
        CHECK(here.reaches(DP_STATE_FAILED, c.problem));
    }
    for (const std::size_t size : {std::size_t{0}, raw(0).size() - 1, raw(0).size() + 1}) {
        Here here;
        here.client->start();
        here.backend.heard(0);
        here.backend.send(opened());
        here.backend.send(frame(1, Bytes(size, 1)));
        CHECK(here.reaches(DP_STATE_FAILED, DP_PROBLEM_PROTOCOL));
    }
}

TEST_CASE("frames are lent, presented by themselves, and a frame nobody took lets the next through") {
    Here here;
    here.client->start();
    here.backend.heard(0);
    here.backend.send(opened());
    here.backend.send(frame(1, raw(11)));
    const dp_frame first = here.next_frame();
    CHECK(first.id == 1);
    CHECK(first.colour[100] == 11);
    const Backend::Said presented = here.backend.heard(1);
    CHECK(presented.kind == 9);
    CHECK(presented.body.at(1) == 1);
    here.backend.send(frame(2, raw(22)));
    here.backend.send(frame(3, raw(33)));
    const Backend::Said credit = here.backend.heard(2);
    CHECK(credit.kind == 9);
    CHECK(credit.body.at(1) == 2);
    const dp_frame third = here.next_frame();
    CHECK(third.id == 3);
    CHECK(third.colour[100] == 33);
    CHECK(first.colour[100] == 11);        // lent, so not touched
    here.backend.send(frame(2, raw(44)));  // late: newest wins
    here.backend.send(frame(4, raw(55)));
    dp_statistics statistics{};
    CHECK(Backend::soon([&] {
        here.client->statistics(statistics);
        return statistics.frames_received == 4;
    }));
    CHECK(statistics.frames_replaced == 1);
    CHECK(here.client->release(first.lease) == DP_OK);
    CHECK(here.client->release(first.lease) == DP_ERROR_ARGUMENT);
}

TEST_CASE("the game's calls do not wait while a frame is being decoded and others call too") {
    Here here;
    here.client->start();
    here.backend.heard(0);
    here.backend.silent = true;
    here.backend.send(opened());
    REQUIRE(here.reaches(DP_STATE_READY));
    std::atomic<bool> stop{false};
    std::thread other([&] {
        while (!stop) {
            here.client->control(look(0.1f));
            dp_statistics statistics{};
            here.client->statistics(statistics);
            dp_event event{};
            here.client->take_event(event);
        }
    });
    std::thread sender([&] {
        for (std::uint64_t id = 1; !stop; ++id) {
            here.backend.send(frame(id, raw(static_cast<int>(id & 0xFF))));
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    int frames = 0;
    CHECK(Backend::soon([&] {
        dp_frame out{};
        if (here.client->acquire(out) != DP_OK) return false;
        CHECK(out.colour[0] == (out.id & 0xFF));
        here.client->release(out.lease);
        return ++frames >= 100;
    }));
    stop = true;
    other.join();
    sender.join();
}

TEST_CASE("after the first frames nothing is allocated, raw or JPEG") {
    for (const std::uint32_t colour : {DP_COLOUR_RAW_RGBA, DP_COLOUR_JPEG}) {
        Here here;
        here.client->start();
        here.backend.heard(0);
        here.backend.silent = true;
        here.backend.send(opened("t", false, 0, 1, colour));
        REQUIRE(here.reaches(DP_STATE_READY));
        // Prepared beforehand; the fake itself must not allocate either while it is counted.
        Bytes picture = raw(9);
        if (colour == DP_COLOUR_JPEG) {
            Bytes encoded(dreamport::jpeg::max_encoded_bytes(width, height));
            dreamport::jpeg::Encoder encoder;
            encoded.resize(encoder.encode(picture.data(), width, height, false, 85, encoded.data(), encoded.size()));
            picture = encoded;
        }
        std::vector<Bytes> messages;
        for (std::uint64_t id = 1; id <= 300; ++id)
            messages.push_back(frame(id, picture));
        std::size_t next = 0;
        const std::function<void(dreamport::net::CallHandler&)> deliver = [&](dreamport::net::CallHandler& handler) {
            const Bytes& message = messages[next++];
            std::uint8_t* memory = handler.on_message_begin(message.size());
            std::memcpy(memory, message.data(), message.size());
            handler.on_message(memory, message.size());
        };
        std::uint64_t counted = 0;
        for (int i = 0; i < 300; ++i) {
            here.backend.push([&deliver](dreamport::net::CallHandler& handler) { deliver(handler); });
            if (i >= 20) here.client->control(look(1));
            dp_frame out{};
            const AllocationCount count;
            while (here.client->acquire(out) != DP_OK)
                std::this_thread::yield();
            here.client->release(out.lease);
            if (i >= 20) counted += count.since();
        }
        dp_statistics statistics{};
        here.client->statistics(statistics);
        CHECK(statistics.frames_received == 300);
        CHECK(counted == 0);
    }
}

TEST_CASE("prompts and the like need an open session, and pause is kept until there is one") {
    Here here;
    CHECK(here.client->command({}) == DP_ERROR_STATE);
    CHECK(here.client->pause(true) == DP_OK);
    here.client->start();
    here.backend.heard(0);
    here.backend.send(opened());
    const Backend::Said pause = here.backend.heard(1);
    CHECK(pause.kind == 8);
    dreamport::CommandMessage message;
    REQUIRE(dreamport::write_reset(message, nullptr, "yard"));
    CHECK(here.client->command(message.bytes()) == DP_OK);
    CHECK(here.backend.heard(2).kind == 5);
    char token[4];
    CHECK(here.client->detach(token, sizeof token) == DP_ERROR_ARGUMENT);
}

TEST_CASE("the end of a client says Close, that of a detached one does not") {
    for (const bool detached : {false, true}) {
        Here here;
        here.client->start();
        here.backend.heard(0);
        here.backend.send(opened());
        REQUIRE(here.reaches(DP_STATE_READY));
        char token[64] = {};
        if (detached) {
            CHECK(here.client->detach(token, sizeof token) == DP_OK);
            CHECK(std::string(token) == "secret");
        }
        here.client->end(5000);
        CHECK(here.reaches(DP_STATE_CLOSED));
        CHECK(here.backend.heard_count() == (detached ? 1 : 2));
        if (!detached) CHECK(here.backend.heard(1).kind == 10);
    }
}

TEST_CASE("a session that the backend places elsewhere is opened there, with the ticket, at once") {
    Here here(false);  // following is not trying again
    here.client->start();
    const dreamport_v1_Open first = here.open(0);
    CHECK(first.follows_redirect);
    CHECK(std::string(first.ticket).empty());
    here.backend.send(redirect("127.0.0.1:50801", "t1cket"));
    const dreamport_v1_Open second = here.open(1);
    CHECK(std::string(second.ticket) == "t1cket");
    CHECK(here.backend.last_reached().port == 50801);
    CHECK(here.backend.last_reached().server_name == "127.0.0.1");
    here.backend.send(opened());
    REQUIRE(here.reaches(DP_STATE_READY));
    CHECK(here.backend.connections() == 2);
}

TEST_CASE("a lost worker's session is asked for at the backend's own address, by its token") {
    Here here;
    here.client->start();
    here.open(0);
    here.backend.send(redirect("127.0.0.1:50801", "t1cket"));
    here.open(1);
    here.backend.send(opened("t0ken"));
    REQUIRE(here.reaches(DP_STATE_READY));
    here.backend.break_line(Trouble::lost);
    const dreamport_v1_Open again = here.open(2);
    CHECK(here.backend.last_reached().host == "127.0.0.1");
    CHECK(here.backend.last_reached().port == 0);  // what the options say
    CHECK(std::string(again.resume_token) == "t0ken");
    CHECK(std::string(again.ticket).empty());
    CHECK(here.client->status().problem == DP_PROBLEM_CONNECTION_LOST);
    std::string told;
    for (dp_event event{}; here.client->take_event(event);) {
        if (event.kind == DP_EVENT_STATE && event.problem == DP_PROBLEM_CONNECTION_LOST) told += event.text;
    }
    CHECK(told.find("127.0.0.1:50801") != std::string::npos);
    CHECK(told.find("last snapshot") != std::string::npos);
    here.backend.end(8, "The worker that played this session was lost.", 1);
    here.open(3);  // the place is not ready yet
    here.backend.send(redirect("127.0.0.1:50802"));
    const dreamport_v1_Open there = here.open(4);
    CHECK(here.backend.last_reached().port == 50802);
    CHECK(std::string(there.resume_token) == "t0ken");
    here.backend.send(opened("t0ken", true, 7));
    REQUIRE(here.reaches(DP_STATE_READY));
    here.client->control(look(1));
    CHECK(here.control(5).sequence == 8);
}

TEST_CASE("an address is followed once, to this machine only without TLS, and only if it is one") {
    for (const char* address : {"192.0.2.1:50801", "worker:50801", "127.0.0.1", "127.0.0.1:0", ""}) {
        CAPTURE(address);
        Here here(false);
        here.client->start();
        here.open(0);
        here.backend.send(redirect(address));
        CHECK(here.reaches(DP_STATE_FAILED, DP_PROBLEM_PROTOCOL));
        CHECK(here.backend.connections() == 1);
    }
    Here here(false);
    here.client->start();
    here.open(0);
    here.backend.send(redirect("127.0.0.1:50801"));
    here.open(1);
    here.backend.send(redirect("127.0.0.1:50802"));
    CHECK(here.reaches(DP_STATE_FAILED, DP_PROBLEM_PROTOCOL));
    CHECK(here.backend.connections() == 2);
}
