// Camera paths: what tests/test_native_pure.py cannot see from outside. A digest pins the numbers on every platform.
#include <cmath>
#include <cstring>
#include <vector>

#include "doctest/doctest.h"
#include "dreamport/core.h"
#include "pure/path_math.h"

using namespace dreamport::pure;

TEST_CASE("sine, cosine and the arc tangent agree with the mathematical library") {
    const double degree = std::acos(-1.0) / 180;
    for (int i = -2000; i <= 2000; ++i) {
        const double angle = 0.37 * i;
        double s = 0, c = 0;
        sine_cosine(angle, &s, &c);
        CHECK(std::fabs(s - std::sin(angle * degree)) < 1e-14);
        CHECK(std::fabs(c - std::cos(angle * degree)) < 1e-14);
        CHECK(std::fabs(wrapped(yaw_of({s, c}) - angle)) < 1e-11);
    }
}

TEST_CASE("the random numbers are SplitMix64's") {
    Random random(1234567);  // first numbers of the published algorithm for this seed
    CHECK(random.next() == 6457827717110365317u);
    CHECK(random.next() == 3203168211198807973u);
}

TEST_CASE("options that make no sense are refused") {
    dp_path_options o{};
    o.struct_size = sizeof o;
    o.kind = DP_PATH_MIX;
    o.frames = 10;
    o.frame_rate = 20;
    o.speed_m_s = 1;
    o.turn_deg_s = 90;
    for (int i = 0; i < 3; ++i)
        o.minimum[i] = -9, o.maximum[i] = 9;
    std::vector<dp_pose> poses(10);
    REQUIRE(dp_path_sample(&o, nullptr, poses.data(), nullptr, 10) == DP_OK);
    CHECK(dp_path_sample(&o, nullptr, poses.data(), nullptr, 9) == DP_ERROR_ARGUMENT);
    CHECK(dp_path_sample(nullptr, nullptr, poses.data(), nullptr, 10) == DP_ERROR_ARGUMENT);
    const auto refused = [&](auto change, int32_t status) {
        dp_path_options bad = o;
        change(bad);
        CHECK(dp_path_sample(&bad, nullptr, poses.data(), nullptr, 10) == status);
    };
    refused([](auto& b) { b.struct_size = 8; }, DP_ERROR_VERSION);
    refused([](auto& b) { b.kind = 0; }, DP_ERROR_ARGUMENT);
    refused([](auto& b) { b.kind = 6; }, DP_ERROR_ARGUMENT);
    refused([](auto& b) { b.frames = 0; }, DP_ERROR_ARGUMENT);
    refused([](auto& b) { b.frame_rate = NAN; }, DP_ERROR_ARGUMENT);
    refused([](auto& b) { b.speed_m_s = 0; }, DP_ERROR_ARGUMENT);
    refused([](auto& b) { b.minimum[1] = 10; }, DP_ERROR_ARGUMENT);
    refused([](auto& b) { b.start[0] = NAN; }, DP_ERROR_ARGUMENT);
    refused([](auto& b) { b.look_back_probability = 2; }, DP_ERROR_ARGUMENT);
    refused([](auto& b) { b.start[0] = 10; }, DP_ERROR_STATE);
}

TEST_CASE("a speed for which every waypoint is at hand ends all the same") {
    dp_path_options o{};
    o.struct_size = sizeof o;
    o.frames = 50;
    o.frame_rate = 20;
    o.speed_m_s = 400;
    o.turn_deg_s = 90;
    for (int i = 0; i < 3; ++i)
        o.minimum[i] = -9, o.maximum[i] = 9;
    std::vector<dp_pose> poses(50);
    for (o.kind = DP_PATH_RECTANGLE; o.kind <= DP_PATH_MIX; ++o.kind)
        CHECK(dp_path_sample(&o, nullptr, poses.data(), nullptr, 50) == DP_OK);
}

TEST_CASE("a probe that answers nonsense stops the walk, not the program") {
    dp_path_options o{};
    o.struct_size = sizeof o;
    o.kind = DP_PATH_MIX;
    o.frames = 200;
    o.frame_rate = 20;
    o.speed_m_s = 1;
    o.turn_deg_s = 90;
    o.look_back_probability = 1;
    for (int i = 0; i < 3; ++i)
        o.minimum[i] = -9, o.maximum[i] = 9;
    std::vector<dp_pose> poses(200);
    struct Answers {
        static double DP_CALL nan(void*, const double[3], const double[3], double) { return NAN; }
        static double DP_CALL at_the_start(void*, const double from[3], const double to[3], double) {
            return std::memcmp(from, to, 24) == 0 ? 1 : 7e300 * -1;
        }
        static int32_t DP_CALL floor(void*, const double[3], double* y) {
            *y = NAN;
            return 1;
        }
    };
    dp_path_probe probe{&Answers::nan, nullptr, nullptr};
    CHECK(dp_path_sample(&o, &probe, poses.data(), nullptr, 200) == DP_ERROR_STATE);
    probe.sweep = &Answers::at_the_start;
    REQUIRE(dp_path_sample(&o, &probe, poses.data(), nullptr, 200) == DP_OK);
    for (const dp_pose& pose : poses)
        CHECK(std::memcmp(pose.position, poses[0].position, 24) == 0);
    probe = {nullptr, &Answers::floor, nullptr};
    CHECK(dp_path_sample(&o, &probe, poses.data(), nullptr, 200) == DP_ERROR_STATE);
}
