// Intrinsics and depth.
#include <chrono>
#include <cmath>
#include <limits>
#include <vector>

#include "doctest/doctest.h"
#include "dreamport/core.h"

TEST_CASE("a projection matrix and intrinsics are two ways to say the same, off the axis too") {
    const dp_intrinsics in{150, 170, 140.5, 101.25};
    for (const double far_m : {0.0, 100.0, 1e9}) {
        double m[16];
        dp_intrinsics out{};
        REQUIRE(dp_projection_from_intrinsics(&in, 320, 192, 0.1, far_m, m) == DP_OK);
        REQUIRE(dp_intrinsics_from_projection(m, 320, 192, &out) == DP_OK);
        CHECK(out.fx == doctest::Approx(in.fx));
        CHECK(out.fy == doctest::Approx(in.fy));
        CHECK(out.cx == doctest::Approx(in.cx));
        CHECK(out.cy == doctest::Approx(in.cy));
        // A point 1 m right, 0.5 m up, 3 m ahead of an OpenGL camera, through the matrix and through the intrinsics.
        const double x = 1, y = 0.5, z = -3;
        const double clip_x = m[0] * x + m[8] * z, clip_y = m[5] * y + m[9] * z, clip_w = m[11] * z;
        CHECK((clip_x / clip_w + 1) / 2 * 320 == doctest::Approx(in.cx + in.fx * x / 3));
        CHECK((1 - clip_y / clip_w) / 2 * 192 == doctest::Approx(in.cy - in.fy * y / 3));
        const double near_z = (m[10] * -0.1 + m[14]) / 0.1;
        CHECK(near_z == doctest::Approx(-1));
    }
}

TEST_CASE("the 16 numbers of Unreal's matrix in memory order are understood") {
    // Reversed z, infinite far plane, view along +z, row vectors; the picture's centre is right of and below the axis.
    const double m[16] = {1.5, 0, 0, 0, 0, 2.5, 0, 0, 0.1, -0.2, 0, 1, 0, 0, 10, 0};
    dp_intrinsics out{};
    REQUIRE(dp_intrinsics_from_projection(m, 320, 192, &out) == DP_OK);
    CHECK(out.fx == doctest::Approx(240));
    CHECK(out.fy == doctest::Approx(240));
    // A point on the axis: clip = (0.1, -0.2) * z, w = z.
    CHECK(out.cx == doctest::Approx((0.1 + 1) / 2 * 320));
    CHECK(out.cy == doctest::Approx((1 + 0.2) / 2 * 192));
}

TEST_CASE("orthographic, skewed and flipped projections are refused") {
    dp_intrinsics out{};
    double ortho[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1};
    CHECK(dp_intrinsics_from_projection(ortho, 320, 192, &out) == DP_ERROR_ARGUMENT);
    double flipped[16] = {1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, -1, 0, 0, -0.2, 0};
    CHECK(dp_intrinsics_from_projection(flipped, 320, 192, &out) == DP_ERROR_ARGUMENT);
    double skewed[16] = {1, 0, 0, 0, 0.1, 1, 0, 0, 0, 0, -1, -1, 0, 0, -0.2, 0};
    CHECK(dp_intrinsics_from_projection(skewed, 320, 192, &out) == DP_ERROR_ARGUMENT);
    CHECK(dp_intrinsics_from_fov(180, 320, 192, &out) == DP_ERROR_ARGUMENT);
    CHECK(dp_intrinsics_from_fov(90, 0, 192, &out) == DP_ERROR_ARGUMENT);
}

TEST_CASE("every depth value survives the way to metres and back") {
    std::vector<uint16_t> all(65536), back(65536);
    std::vector<float> metres(65536);
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = static_cast<uint16_t>(i);
    for (const double near_m : {0.001, 0.05, 0.25, 1.0, 30.0}) {
        REQUIRE(dp_depth_to_metres(all.data(), all.size(), near_m, metres.data()) == DP_OK);
        REQUIRE(dp_depth_from_metres(metres.data(), all.size(), near_m, back.data()) == DP_OK);
        CHECK(std::isinf(metres[0]));
        CHECK(metres[65535] == doctest::Approx(near_m));
        CHECK(all == back);
    }
}

TEST_CASE("no number, behind the camera and nearer than near have a place") {
    const float odd[] = {NAN, -1,   -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity(),
                         0,   0.01f};
    uint16_t out[6];
    REQUIRE(dp_depth_from_metres(odd, 6, 0.25, out) == DP_OK);
    CHECK(out[0] == 0);
    CHECK(out[1] == 0);
    CHECK(out[2] == 0);
    CHECK(out[3] == 0);
    CHECK(out[4] == 65535);
    CHECK(out[5] == 65535);
    CHECK(dp_depth_from_metres(odd, 6, 0, out) == DP_ERROR_ARGUMENT);
    CHECK(dp_depth_from_metres(nullptr, 6, 1, out) == DP_ERROR_ARGUMENT);
    CHECK(dp_depth_from_metres(nullptr, 0, 1, nullptr) == DP_OK);
}

TEST_CASE("a depth buffer becomes the depth that was drawn") {
    struct Camera {
        double near_units, far_units, unit_m;
        uint32_t reversed;
    };
    // Unity on D3D and on OpenGL; Unreal with its infinite far plane.
    const Camera cameras[] = {{0.3, 1000, 1, 1}, {0.3, 1000, 1, 0}, {10, 0, 0.01, 1}, {0.1, 0, 1, 0}};
    for (const Camera& c : cameras) {
        const bool infinite = c.far_units <= c.near_units;
        for (const double metres : {0.35, 1.0, 2.5, 7.75, 40.0, 900.0}) {
            const double z = metres / c.unit_m;
            const double part =
                infinite ? 1 - c.near_units / z : c.far_units / (c.far_units - c.near_units) * (1 - c.near_units / z);
            const float device = static_cast<float>(c.reversed != 0 ? 1 - part : part);
            uint16_t out = 0;
            REQUIRE(dp_depth_from_device(&device, 1, c.reversed, c.near_units, c.far_units, c.unit_m, 0.25, &out) ==
                    DP_OK);
            const double wanted = 65535 * 0.25 / metres;
            CHECK(std::fabs(out - wanted) <= 0.6);
        }
        const float cleared = c.reversed != 0 ? 0.0f : 1.0f;
        uint16_t sky = 1;
        REQUIRE(dp_depth_from_device(&cleared, 1, c.reversed, c.near_units, c.far_units, c.unit_m, 0.25, &sky) ==
                DP_OK);
        CHECK(sky == 0);
    }
}
