// The recorder's queue, order, acknowledgements and breaks against a fake backend in the same process.
#include <cmath>
#include <cstring>
#include <string>
#include <thread>

#include "allocation_count.h"
#include "doctest/doctest.h"
#include "fake_backend.h"
#include "library/threads.h"
#include "recording/begin_message.h"
#include "recording/recorder.h"
#include "wire/lenient_decode.h"

using bytes::Bytes;
using dreamport::Recorder;
using dreamport::net::Trouble;
using fake::Backend;

namespace {

enum Kind : std::uint32_t { begin = 1, frame = 2, marker = 3, finish = 4 };

Bytes begun(std::uint32_t max_unacknowledged = 64, std::uint32_t version = 1) {
    dreamport_v1_Begun m = dreamport_v1_Begun_init_zero;
    std::strcpy(m.episode_id, "e1");
    m.max_unacknowledged = max_unacknowledged;
    m.protocol_version = version;
    return bytes::chunk(1, bytes::encoded(dreamport_v1_Begun_fields, m));
}

Bytes acknowledged(std::uint64_t frames, std::uint64_t last) {
    dreamport_v1_Acknowledged m = dreamport_v1_Acknowledged_init_zero;
    m.frames = frames;
    m.last_index = last;
    return bytes::chunk(2, bytes::encoded(dreamport_v1_Acknowledged_fields, m));
}

Bytes finished(std::uint64_t frames) {
    dreamport_v1_Finished m = dreamport_v1_Finished_init_zero;
    m.frames = frames;
    return bytes::chunk(3, bytes::encoded(dreamport_v1_Finished_fields, m));
}

struct Here {
    explicit Here(std::uint32_t colour = DP_COLOUR_RAW_RGBA, std::uint32_t queue = 4) {
        fake::current() = &backend;
        options.struct_size = sizeof options;
        options.width = 32;
        options.height = 16;
        options.colour_format = colour;
        options.depth_format = DP_DEPTH_INVERSE_UINT16;
        options.depth_near_m = 0.25;
        options.frame_rate = 30;
        options.queue_frames = queue;
        std::strcpy(options.dataset, "garden");
        REQUIRE(dreamport::check_recorder(options) == DP_OK);
        dreamport::LinkOptions link;
        link.service = dreamport::Service::record;
        link.address = "127.0.0.1:50700";
        link.backoff_min_ms = 1;
        link.backoff_max_ms = 5;
        link.open = &fake::Connection::open;
        recorder = std::make_shared<Recorder>(std::move(link), options);
        episode.struct_size = sizeof episode;
    }
    ~Here() {
        recorder->end(0);
        recorder.reset();
        CHECK(dreamport::library::join_all(dreamport::now_ns() + 10'000'000'000));
    }
    std::int32_t submit(int value, std::uint32_t flip = 0) {
        dp_capture_buffer buffer{};
        std::int32_t status = DP_ERROR_FULL;
        Backend::soon([&] {
            const dp_recorder_stats now = stats();
            if (now.pressure < 1 || now.episode_open == 0) status = recorder->acquire(buffer);
            return status != DP_ERROR_FULL;
        });
        if (status != DP_OK) return status;
        std::memset(buffer.colour, value, std::size_t{4} * 32 * 16);
        std::memset(buffer.depth, value + 1, std::size_t{2} * 32 * 16);
        return recorder->submit(described(buffer.lease, flip));
    }
    static dp_capture_frame described(std::uint32_t lease, std::uint32_t flip = 0) {
        dp_capture_frame out{};
        out.struct_size = sizeof out;
        out.lease = lease;
        out.pose.orientation[3] = 1;
        out.flip_rows = flip;
        return out;
    }
    dp_recorder_stats stats() {
        dp_recorder_stats out{};
        recorder->statistics(out);
        return out;
    }
    dreamport_v1_CapturedFrame heard_frame(std::size_t n) {
        const Backend::Said said = backend.heard(n);
        CHECK(said.kind == frame);
        dreamport_v1_CapturedFrame out;
        dreamport::wire::decode_lenient(dreamport_v1_CapturedFrame_fields, &out, said.body.data(), said.body.size());
        return out;
    }
    bool reaches(dp_state state) {
        return Backend::soon([&] { return recorder->status().state == state; });
    }
    Backend backend;
    dp_recorder_options options{};
    dp_episode_options episode{};
    std::shared_ptr<Recorder> recorder;
};

}  // namespace

TEST_CASE("frames wait for the answer to begin, then go out in order with their pixels") {
    for (const std::uint32_t colour : {DP_COLOUR_RAW_RGBA, DP_COLOUR_JPEG}) {
        Here here(colour);
        here.recorder->start_all();
        REQUIRE(here.recorder->begin(here.episode) == DP_OK);
        CHECK(here.recorder->begin(here.episode) == DP_ERROR_STATE);
        CHECK(here.submit(1) == DP_OK);
        CHECK(here.recorder->marker("note", "here") == DP_OK);
        CHECK(here.submit(2, 1) == DP_OK);
        CHECK(here.backend.heard(0).kind == begin);
        CHECK(here.backend.heard_count() == 1);
        here.backend.send(begun());
        CHECK(here.heard_frame(1).index == 0);
        CHECK(here.backend.heard(2).kind == marker);
        CHECK(here.heard_frame(3).index == 1);
        const Bytes body = here.backend.heard(3).body;
        CHECK(body.back() == 3);  // the depth is last
        if (colour == DP_COLOUR_RAW_RGBA) CHECK(body.size() > 32 * 16 * 6);
        here.recorder->finish(false);
        CHECK(here.backend.heard(4).kind == finish);
        here.backend.send(finished(2));
        CHECK(Backend::soon([&] { return here.stats().acknowledged == 2; }));
        CHECK(here.stats().queued == 0);
    }
}

TEST_CASE("no more is sent than the backend lets wait, and a full queue refuses and leaves a gap") {
    Here here(DP_COLOUR_RAW_RGBA, 2);
    here.recorder->start_all();
    here.recorder->begin(here.episode);
    here.backend.heard(0);
    here.backend.send(begun(2));
    for (int i = 0; i < 4; ++i)
        CHECK(here.submit(i) == DP_OK);
    CHECK(here.heard_frame(2).index == 1);
    CHECK(Backend::soon([&] { return here.stats().queued == 2; }));
    CHECK(here.stats().pressure == 1);
    CHECK(here.stats().sent == 2);
    dp_capture_buffer buffer{};
    CHECK(here.recorder->acquire(buffer) == DP_ERROR_FULL);
    here.backend.send(acknowledged(1, 0));
    CHECK(here.heard_frame(3).index == 2);
    here.backend.send(acknowledged(3, 2));
    CHECK(here.heard_frame(4).index == 3);
    here.backend.send(acknowledged(4, 3));
    CHECK(here.submit(9) == DP_OK);
    CHECK(here.heard_frame(5).index == 5);
    CHECK(here.stats().refused == 1);
}

TEST_CASE("a frame that the backend would refuse is refused here, and gives its memory back") {
    Here here;
    here.recorder->start_all();
    REQUIRE(here.recorder->begin(here.episode) == DP_OK);
    const auto refused = [&](auto change) {
        dp_capture_buffer buffer{};
        REQUIRE(here.recorder->acquire(buffer) == DP_OK);
        dp_capture_frame bad = Here::described(buffer.lease);
        change(bad);
        CHECK(here.recorder->submit(bad) == DP_ERROR_ARGUMENT);
        CHECK(here.stats().queued == 0);
    };
    refused([](auto& f) { f.pose.position[1] = NAN; });
    refused([](auto& f) { f.has_velocity = 1, f.velocity[2] = NAN; });
    refused([](auto& f) { f.has_intrinsics = 1; });
    refused([](auto& f) { f.engine_state_count = 1, f.engine_state[0] = NAN; });
    refused([](auto& f) { f.engine_state_count = 9; });
    refused([](auto& f) { f.buttons = 0x80000000; });
    refused([](auto& f) { f.look_yaw_deg = 1e6f; });
    CHECK(here.submit(1) == DP_OK);
}

TEST_CASE("a break ends the episode at what was acknowledged; the next begins anew") {
    Here here;
    here.recorder->start_all();
    here.recorder->begin(here.episode);
    here.backend.heard(0);
    here.backend.send(begun());
    for (int i = 0; i < 3; ++i)
        here.submit(i);
    here.heard_frame(3);
    here.backend.send(acknowledged(1, 0));
    CHECK(Backend::soon([&] { return here.stats().acknowledged == 1; }));
    dp_capture_buffer lent{};
    REQUIRE(here.recorder->acquire(lent) == DP_OK);
    here.backend.break_line(Trouble::lost);
    CHECK(Backend::soon([&] { return here.stats().episode_open == 0; }));
    CHECK(here.stats().lost == 2);
    CHECK(here.recorder->submit(Here::described(lent.lease)) == DP_ERROR_STATE);
    CHECK(here.stats().lost == 3);
    CHECK(here.stats().queued == 0);
    CHECK(here.reaches(DP_STATE_READY));
    const std::size_t before = here.backend.heard_count();
    CHECK(here.recorder->begin(here.episode) == DP_OK);
    CHECK(here.backend.heard(before).kind == begin);
    here.backend.send(begun());
    CHECK(here.submit(1) == DP_OK);
    CHECK(here.heard_frame(before + 1).index == 0);
}

TEST_CASE("an episode whose begin was not answered loses nothing in a break") {
    Here here;
    here.recorder->start_all();
    here.recorder->begin(here.episode);
    here.submit(5);
    here.backend.heard(0);
    here.backend.break_line(Trouble::lost);
    CHECK(here.backend.heard(1).kind == begin);
    here.backend.send(begun());
    CHECK(here.heard_frame(2).index == 0);
    CHECK(here.stats().lost == 0);
}

TEST_CASE("a backend that cannot record ends it; nothing waits for ever") {
    Here here;
    here.recorder->start_all();
    here.recorder->begin(here.episode);
    here.submit(5);
    here.backend.heard(0);
    here.backend.end(12, "");
    CHECK(here.reaches(DP_STATE_FAILED));
    CHECK(here.recorder->status().problem == DP_PROBLEM_UNSUPPORTED);
    CHECK(here.stats().lost == 1);
    CHECK(here.stats().queued == 0);
    CHECK(here.recorder->begin(here.episode) == DP_ERROR_STATE);
}

TEST_CASE("answers out of place are ignored, and wrong ones end it") {
    Here here;
    here.recorder->start_all();
    here.backend.push([](dreamport::net::CallHandler&) {});
    REQUIRE(here.reaches(DP_STATE_READY));
    here.backend.send(finished(3));
    here.backend.send(acknowledged(9, 9));
    here.backend.send(begun());
    here.recorder->begin(here.episode);
    here.backend.heard(0);
    here.backend.send(begun(64, 7));
    CHECK(here.reaches(DP_STATE_FAILED));
    CHECK(here.recorder->status().problem == DP_PROBLEM_VERSION);
    CHECK(here.stats().acknowledged == 0);
}
