// Poses, points and directions between the level and each engine. Handedness is proven with pixels: a point that an
// engine's developer would call "ahead, to the right and above" must fall into the right upper part of the picture.
#include <cmath>
#include <random>

#include "doctest/doctest.h"
#include "dreamport/core.h"

namespace {

constexpr int32_t kEngines[] = {DP_ENGINE_UNITY, DP_ENGINE_UNREAL, DP_ENGINE_GODOT};

struct Pixel {
    double u, v, depth;
};

// Where the camera sees a point of the level, by the contract's own rules (OpenCV).
Pixel project(const dp_pose& pose, const dp_intrinsics& k, const double point[3]) {
    const double d[3] = {point[0] - pose.position[0], point[1] - pose.position[1], point[2] - pose.position[2]};
    const double x = pose.orientation[0], y = pose.orientation[1], z = pose.orientation[2], w = pose.orientation[3];
    const double r[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                            {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                            {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
    double camera[3];
    for (int i = 0; i < 3; ++i)
        camera[i] = r[0][i] * d[0] + r[1][i] * d[1] + r[2][i] * d[2];
    return {k.cx + k.fx * camera[0] / camera[2], k.cy + k.fy * camera[1] / camera[2], camera[2]};
}

dp_engine_pose random_engine_pose(std::mt19937& random) {
    std::normal_distribution<double> normal;
    dp_engine_pose pose{};
    for (double& p : pose.position)
        p = 100 * normal(random);
    double norm = 0;
    for (double& q : pose.rotation) {
        q = normal(random);
        norm += q * q;
    }
    for (double& q : pose.rotation)
        q /= std::sqrt(norm);
    return pose;
}

const dp_intrinsics kCamera{160, 160, 160, 96};

}  // namespace

TEST_CASE("a point ahead, right and above is seen right of and above the centre, in every engine") {
    // The engine's own camera stands at the origin, not turned; the point is 4 m ahead, 1 m right, 0.5 m up.
    struct Case {
        int32_t engine;
        double point[3];
    };
    const Case cases[] = {
        {DP_ENGINE_UNITY, {1, 0.5, 4}}, {DP_ENGINE_UNREAL, {400, 100, 50}}, {DP_ENGINE_GODOT, {1, 0.5, -4}}};
    for (const Case& c : cases) {
        const dp_engine_pose camera{{0, 0, 0}, {0, 0, 0, 1}};
        dp_pose pose{};
        double point[3];
        REQUIRE(dp_pose_from_engine(c.engine, nullptr, 1, &camera, &pose) == DP_OK);
        REQUIRE(dp_vector_from_engine(c.engine, nullptr, 1, c.point, 1, point) == DP_OK);
        const Pixel pixel = project(pose, kCamera, point);
        CHECK(pixel.u == doctest::Approx(160 + 160 * 0.25));
        CHECK(pixel.v == doctest::Approx(96 - 160 * 0.125));
        CHECK(pixel.depth == doctest::Approx(4));
    }
}

TEST_CASE("a camera that its engine turns to the right by 30 degrees yaws by 30 degrees") {
    const double s = std::sin(std::acos(-1.0) / 12), c = std::cos(std::acos(-1.0) / 12);
    struct Case {
        int32_t engine;
        dp_engine_pose camera;
    };
    // Unity: Quaternion.Euler(0, 30, 0). Unreal: FRotator(0, 30, 0), yaw about z. Godot: rotate_y(-30 degrees), for y
    // is up and right-handed.
    const Case cases[] = {{DP_ENGINE_UNITY, {{0, 0, 0}, {0, s, 0, c}}},
                          {DP_ENGINE_UNREAL, {{0, 0, 0}, {0, 0, s, c}}},
                          {DP_ENGINE_GODOT, {{0, 0, 0}, {0, -s, 0, c}}}};
    for (const Case& each : cases) {
        dp_pose pose{};
        REQUIRE(dp_pose_from_engine(each.engine, nullptr, 1, &each.camera, &pose) == DP_OK);
        CHECK(pose.orientation[1] == doctest::Approx(s));  // about the level's y, which is down: to the right
        CHECK(pose.orientation[3] == doctest::Approx(c));
        CHECK(std::fabs(pose.orientation[0]) < 1e-15);
        CHECK(std::fabs(pose.orientation[2]) < 1e-15);
    }
}

TEST_CASE("a camera that its engine tips upwards sees a point ahead lower in the picture") {
    const double s = std::sin(std::acos(-1.0) / 36), c = std::cos(std::acos(-1.0) / 36);  // 10 degrees
    struct Case {
        int32_t engine;
        dp_engine_pose camera;
        double ahead[3];
    };
    // Unity: Euler(-10, 0, 0). Unreal: FRotator(10, 0, 0) is the quaternion (0, -s, 0, c). Godot: rotate_x(10 degrees).
    const Case cases[] = {{DP_ENGINE_UNITY, {{0, 0, 0}, {-s, 0, 0, c}}, {0, 0, 5}},
                          {DP_ENGINE_UNREAL, {{0, 0, 0}, {0, -s, 0, c}}, {500, 0, 0}},
                          {DP_ENGINE_GODOT, {{0, 0, 0}, {s, 0, 0, c}}, {0, 0, -5}}};
    for (const Case& each : cases) {
        dp_pose pose{};
        double point[3];
        REQUIRE(dp_pose_from_engine(each.engine, nullptr, 1, &each.camera, &pose) == DP_OK);
        REQUIRE(dp_vector_from_engine(each.engine, nullptr, 1, each.ahead, 1, point) == DP_OK);
        const Pixel pixel = project(pose, kCamera, point);
        CHECK(pixel.u == doctest::Approx(160));
        CHECK(pixel.v == doctest::Approx(96 + 160 * std::tan(std::acos(-1.0) / 18)));
    }
}

TEST_CASE("poses and points come back from every engine through any anchor and scale") {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> scales(0.01, 50);
    for (const int32_t engine : kEngines) {
        for (int i = 0; i < 200; ++i) {
            const dp_engine_pose anchor = random_engine_pose(random), camera = random_engine_pose(random);
            const double scale = scales(random);
            dp_pose pose{};
            dp_engine_pose back{};
            REQUIRE(dp_pose_from_engine(engine, &anchor, scale, &camera, &pose) == DP_OK);
            REQUIRE(dp_pose_to_engine(engine, &anchor, scale, &pose, &back) == DP_OK);
            double same = 0;
            for (int k = 0; k < 4; ++k)
                same += back.rotation[k] * camera.rotation[k];
            CHECK(std::fabs(same) == doctest::Approx(1).epsilon(1e-12));
            for (int k = 0; k < 3; ++k)
                CHECK(back.position[k] == doctest::Approx(camera.position[k]).epsilon(1e-9));

            double engine_point[3], level_point[3];
            REQUIRE(dp_vector_to_engine(engine, &anchor, scale, pose.position, 1, engine_point) == DP_OK);
            for (int k = 0; k < 3; ++k)
                CHECK(engine_point[k] == doctest::Approx(camera.position[k]).epsilon(1e-9));
            REQUIRE(dp_vector_from_engine(engine, &anchor, scale, engine_point, 1, level_point) == DP_OK);
            for (int k = 0; k < 3; ++k)
                CHECK(level_point[k] == doctest::Approx(pose.position[k]).epsilon(1e-9));
        }
    }
}

TEST_CASE("what is no transform is refused") {
    const dp_engine_pose good{{0, 0, 0}, {0, 0, 0, 1}}, unset{{0, 0, 0}, {0, 0, 0, 0}};
    dp_pose out{};
    CHECK(dp_pose_from_engine(9, nullptr, 1, &good, &out) == DP_ERROR_ARGUMENT);
    CHECK(dp_pose_from_engine(DP_ENGINE_UNITY, nullptr, 0, &good, &out) == DP_ERROR_ARGUMENT);
    CHECK(dp_pose_from_engine(DP_ENGINE_UNITY, nullptr, NAN, &good, &out) == DP_ERROR_ARGUMENT);
    CHECK(dp_pose_from_engine(DP_ENGINE_UNITY, &unset, 1, &good, &out) == DP_ERROR_ARGUMENT);
    CHECK(dp_pose_from_engine(DP_ENGINE_UNITY, nullptr, 1, &unset, &out) == DP_ERROR_ARGUMENT);
    CHECK(dp_pose_from_engine(DP_ENGINE_UNITY, nullptr, 1, nullptr, &out) == DP_ERROR_ARGUMENT);
    CHECK(dp_pose_from_engine(DP_ENGINE_UNITY, nullptr, 1, &good, nullptr) == DP_ERROR_ARGUMENT);
}
