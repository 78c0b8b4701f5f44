/* One exchange with a backend, in C99 and with nothing of Dreamport but core.h: what a program in any language can do,
 * and what must be the same on every platform. tests/test_native_platforms.py builds it for Linux and Windows and
 * compares what it prints.
 *
 *   exchange layout                                     the structs as JSON; checks them against this compiler
 *   exchange pure                                       conversions, depth and camera paths
 *   exchange play ADDRESS auto|inline|shared raw|jpeg   plays some frames
 *   exchange record ADDRESS                             records some frames
 *
 * Lines "key=value" are the same everywhere; lines that begin with '#' may differ. */

#if !defined(_WIN32)
#define _POSIX_C_SOURCE 199309L
#endif
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dreamport/core.h"

#if defined(_WIN32)
#include <windows.h>
static void pause_ms(unsigned ms) {
    Sleep(ms);
}
#else
#include <time.h>
static void pause_ms(unsigned ms) {
    const struct timespec time = {0, (long)ms * 1000000L};
    nanosleep(&time, NULL);
}
#endif

enum { CONTROLS = 40, CAPTURED = 24, WIDTH = 64, HEIGHT = 48 };
static const int64_t kPatience = 20000000000; /* ns */

static uint64_t digest(uint64_t hash, const void* data, size_t size) { /* FNV-1a */
    const uint8_t* bytes = data;
    for (size_t i = 0; i < size; ++i)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

static const uint64_t kNothing = UINT64_C(14695981039346656037);

static int failed(const char* what, int32_t status) {
    printf("# %s: %" PRId32 ", %s\n", what, status, dp_status_text(status));
    printf("failed=%s\n", what);
    return 1;
}

/* ---------------------------------------------------------------- layout */

static int layout(void) {
    static const struct {
        const char* name;
        size_t size;
    } sizes[] = {
        {"dp_layout_entry", sizeof(dp_layout_entry)},
        {"dp_pose", sizeof(dp_pose)},
        {"dp_intrinsics", sizeof(dp_intrinsics)},
        {"dp_endpoint", sizeof(dp_endpoint)},
        {"dp_executor_info", sizeof(dp_executor_info)},
        {"dp_connection_status", sizeof(dp_connection_status)},
        {"dp_button", sizeof(dp_button)},
        {"dp_named", sizeof(dp_named)},
        {"dp_world", sizeof(dp_world)},
        {"dp_client_options", sizeof(dp_client_options)},
        {"dp_frame_format", sizeof(dp_frame_format)},
        {"dp_control", sizeof(dp_control)},
        {"dp_frame", sizeof(dp_frame)},
        {"dp_event", sizeof(dp_event)},
        {"dp_statistics", sizeof(dp_statistics)},
        {"dp_tag", sizeof(dp_tag)},
        {"dp_recorder_options", sizeof(dp_recorder_options)},
        {"dp_episode_options", sizeof(dp_episode_options)},
        {"dp_capture_buffer", sizeof(dp_capture_buffer)},
        {"dp_capture_frame", sizeof(dp_capture_frame)},
        {"dp_recorder_stats", sizeof(dp_recorder_stats)},
        {"dp_engine_pose", sizeof(dp_engine_pose)},
        {"dp_path_options", sizeof(dp_path_options)},
        {"dp_path_probe", sizeof(dp_path_probe)},
    };
    const size_t count = sizeof sizes / sizeof sizes[0];
    size_t checked = 0, next = 0;
    dp_layout_entry entry;
    printf("{\"abi_version\": %" PRIu32 ", \"structs\": {", dp_abi_version());
    for (uint32_t i = 0; dp_layout(i, &entry) == DP_OK; ++i) {
        if (entry.field_name[0] == 0) {
            printf("%s\n\"%s\": {\"size\": %" PRIu32 ", \"fields\": {", next > 0 ? "}}," : "", entry.struct_name,
                   entry.size);
            if (next < count && strcmp(entry.struct_name, sizes[next].name) == 0 && entry.size == sizes[next].size)
                ++checked;
            ++next;
        } else {
            printf("%s\"%s\": [%" PRIu32 ", %" PRIu32 "]", entry.offset > 0 ? ", " : "", entry.field_name, entry.offset,
                   entry.size);
        }
    }
    printf("}}}}\n");
    return dp_abi_version() == DP_ABI_VERSION && checked == count && next == count ? 0 : 1;
}

/* ---------------------------------------------------------------- pure computations */

/* A room of 8 x 6 m with a round pillar of 0.5 m in the middle. Only + - * / and the square root: the same on every
 * platform. */
static double DP_CALL sweep(void* user, const double from[3], const double to[3], double radius) {
    const double half[2] = {4 - radius, 3 - radius}, reach = 0.5 + radius;
    const double x = from[0], z = from[2], dx = to[0] - x, dz = to[2] - z;
    const double c = x * x + z * z - reach * reach;
    double part = 1;
    (void)user;
    for (int i = 0; i < 2; ++i) {
        const double at = i == 0 ? x : z, step = i == 0 ? dx : dz;
        if (at > half[i] || at < -half[i]) return 0;
        if (step > 0 && (half[i] - at) / step < part) part = (half[i] - at) / step;
        if (step < 0 && (-half[i] - at) / step < part) part = (-half[i] - at) / step;
    }
    if (c < 0) return 0;
    {
        const double a = dx * dx + dz * dz, b = x * dx + z * dz, root = b * b - a * c;
        if (a > 0 && b < 0 && root > 0 && (-b - sqrt(root)) / a < part) part = (-b - sqrt(root)) / a;
    }
    return part;
}

static int32_t DP_CALL ground(void* user, const double at[3], double* out_y) {
    (void)user;
    *out_y = at[0] > 0 ? 0.25 * at[0] : 0; /* half of the floor slopes down */
    return 1;
}

static int pure(void) {
    static dp_pose poses[600];
    static uint32_t flags[600];
    static uint16_t values[65536], back[65536];
    static float metres[65536];
    const dp_path_probe probe = {sweep, ground, NULL};
    const dp_engine_pose anchor = {{100, -200, 50}, {0, 0, 0.6, 0.8}},
                         camera = {{250, 30, 180}, {0.1, 0.2, 0.3, 0.927361849549570}};
    dp_intrinsics intrinsics;
    dp_pose pose;
    int32_t status;

    for (uint32_t kind = DP_PATH_RECTANGLE; kind <= DP_PATH_MIX; ++kind) {
        dp_path_options options;
        memset(&options, 0, sizeof options);
        options.struct_size = sizeof options;
        options.kind = kind;
        options.seed = 20261122;
        options.frames = 600;
        options.frame_rate = 30;
        options.speed_m_s = 1.4;
        options.turn_deg_s = 75;
        options.radius_m = 0.25;
        options.eye_height_m = 1.6;
        options.look_back_probability = 0.5;
        options.start[0] = -2;
        options.start[2] = 1;
        for (int i = 0; i < 3; ++i) {
            options.minimum[i] = -10;
            options.maximum[i] = 10;
        }
        status = dp_path_sample(&options, &probe, poses, flags, 600);
        if (status != DP_OK) return failed("path", status);
        printf("path%" PRIu32 "=%016" PRIx64 "\n", kind,
               digest(digest(kNothing, poses, sizeof poses), flags, sizeof flags));
    }
    for (int i = 0; i < 65536; ++i)
        values[i] = (uint16_t)i;
    if (dp_depth_to_metres(values, 65536, 0.25, metres) != DP_OK) return failed("depth_to_metres", 0);
    printf("metres=%016" PRIx64 "\n", digest(kNothing, metres, sizeof metres));
    if (dp_depth_from_metres(metres, 65536, 0.25, back) != DP_OK) return failed("depth_from_metres", 0);
    printf("round_trip=%d\n", memcmp(values, back, sizeof values) == 0);
    for (int i = 0; i < 65536; ++i)
        metres[i] = (float)i / 65536.0f;
    if (dp_depth_from_device(metres, 65536, 1, 10, 0, 0.01, 0.25, values) != DP_OK)
        return failed("depth_from_device", 0);
    printf("device=%016" PRIx64 "\n", digest(kNothing, values, sizeof values));

    status = dp_pose_from_engine(DP_ENGINE_UNREAL, &anchor, 2, &camera, &pose);
    if (status != DP_OK) return failed("pose_from_engine", status);
    printf("pose=%.9f %.9f %.9f %.9f %.9f %.9f %.9f\n", pose.position[0], pose.position[1], pose.position[2],
           pose.orientation[0], pose.orientation[1], pose.orientation[2], pose.orientation[3]);
    status = dp_intrinsics_from_fov(70, 1280, 720, &intrinsics);
    if (status != DP_OK) return failed("intrinsics_from_fov", status);
    printf("fov=%.9f %.9f %.9f %.9f\n", intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy);
    return 0;
}

/* ---------------------------------------------------------------- playing */

static int wait_ready(int32_t (*status_of)(void*, dp_connection_status*), void* handle, dp_connection_status* status) {
    const int64_t end = dp_now_ns() + kPatience;
    do {
        if (status_of(handle, status) != DP_OK) return failed("status", DP_ERROR_STATE);
        if (status->state == DP_STATE_READY) return 0;
        if (status->state == DP_STATE_FAILED) break;
        pause_ms(1);
    } while (dp_now_ns() < end);
    printf("# %s\n# %s\n", status->message, status->server_message);
    printf("state=%" PRId32 "\nproblem=%" PRId32 "\n", status->state, status->problem);
    return 1;
}

static int32_t client_status(void* handle, dp_connection_status* out) {
    return dp_client_status(handle, out);
}
static int32_t recorder_status(void* handle, dp_connection_status* out) {
    return dp_recorder_status(handle, out);
}

/* The newest frame as soon as there is one. */
static int32_t next_frame(dp_client* client, dp_frame* frame) {
    const int64_t end = dp_now_ns() + kPatience;
    for (;;) {
        const int32_t status = dp_client_acquire_frame(client, frame);
        if (status != DP_NOTHING_NEW || dp_now_ns() > end) return status;
        pause_ms(1);
    }
}

static uint64_t rows_digest(const void* rows, uint32_t height, uint32_t stride, size_t row_bytes) {
    uint64_t hash = kNothing;
    for (uint32_t y = 0; y < height; ++y)
        hash = digest(hash, (const uint8_t*)rows + (size_t)y * stride, row_bytes);
    return hash;
}

static double yaw_deg(const dp_pose* pose) {
    return 2 * atan2(pose->orientation[1], pose->orientation[3]) * 57.29577951308232;
}

static int play_with(dp_client* client) {
    static dp_world world;
    dp_frame_format format;
    dp_connection_status status;
    dp_statistics statistics;
    dp_event event;
    dp_frame frame;
    uint64_t last_id, honest = 1, seed = 9, options_seed = 7;
    int64_t end;
    int32_t result;

    if (wait_ready(client_status, client, &status) != 0) return 1;
    if (dp_client_world(client, &world) != DP_OK) return failed("world", DP_ERROR_STATE);
    if (dp_client_frame_format(client, &format) != DP_OK) return failed("frame_format", DP_ERROR_STATE);
    printf("world=%s %s %" PRIu32 "x%" PRIu32 " at %.3f\n", world.name, world.licence, world.width, world.height,
           world.frame_rate);
    printf("camera=%.3f %.3f %.3f %.3f\n", world.intrinsics.fx, world.intrinsics.fy, world.intrinsics.cx,
           world.intrinsics.cy);
    for (uint32_t i = 0; i < world.button_count; ++i)
        printf("button=%s %s\n", world.buttons[i].name, world.buttons[i].keys[0]);
    for (uint32_t i = 0; i < world.start_count; ++i)
        printf("place=%s %s\n", world.starts[i].name, world.starts[i].title);
    printf("format=%" PRIu32 "x%" PRIu32 " near %.4f seed %" PRIu64 " executor %s\n", format.width, format.height,
           format.depth_near_m, format.seed, format.executor.name);

    /* While the world stands still its start cannot be replaced by a newer frame before it is here. */
    if (dp_client_pause(client, 1) != DP_OK || dp_client_reset(client, &options_seed, "hall") != DP_OK)
        return failed("pause", 0);
    do {
        result = next_frame(client, &frame);
        if (result != DP_OK) return failed("start frame", result);
        last_id = frame.id;
        if (frame.epoch == 0) dp_client_release_frame(client, frame.lease);
    } while (frame.epoch == 0);
    printf("start=frame %" PRIu64 " colour %016" PRIx64, frame.index,
           rows_digest(frame.colour, frame.height, frame.colour_stride, (size_t)frame.width * 4));
    printf(" depth %016" PRIx64 "\n",
           rows_digest(frame.depth, frame.height, frame.depth_stride, (size_t)frame.width * 2));
    dp_client_release_frame(client, frame.lease);
    if (dp_client_pause(client, 0) != DP_OK) return failed("go on", 0);

    for (int i = 0; i < CONTROLS; ++i) {
        dp_control control;
        result = next_frame(client, &frame);
        if (result != DP_OK) return failed("acquire_frame", result);
        honest = honest && frame.id > last_id && frame.control_sequence <= (uint64_t)i &&
                 frame.control_time_ns == (int64_t)frame.control_sequence * 1000;
        last_id = frame.id;
        if (dp_client_release_frame(client, frame.lease) != DP_OK) return failed("release_frame", 0);
        memset(&control, 0, sizeof control);
        control.struct_size = sizeof control;
        control.buttons = i < CONTROLS / 2 ? 1 : 0;
        control.look_yaw_deg = 2;
        control.client_time_ns = (i + 1) * 1000;
        result = dp_client_control(client, &control);
        if (result != DP_OK) return failed("control", result);
    }
    end = dp_now_ns() + kPatience;
    do { /* every degree arrives, exactly once */
        result = next_frame(client, &frame);
        if (result != DP_OK) return failed("last frames", result);
        dp_client_release_frame(client, frame.lease);
    } while ((frame.control_sequence < CONTROLS || fabs(yaw_deg(&frame.pose) - 2 * CONTROLS) > 1e-3) &&
             dp_now_ns() < end);
    printf("honest=%d\n", (int)honest);
    printf("last=control %" PRIu64 " at %" PRId64 " yaw %.3f\n", frame.control_sequence, frame.control_time_ns,
           yaw_deg(&frame.pose));

    if (dp_client_reset(client, &seed, "yard") != DP_OK) return failed("reset", 0);
    do {
        result = next_frame(client, &frame);
        if (result != DP_OK) return failed("frames after the reset", result);
        dp_client_release_frame(client, frame.lease);
    } while (frame.epoch < 2 && dp_now_ns() < end);
    printf("reset=epoch %" PRIu32 " yaw %.3f\n", frame.epoch, yaw_deg(&frame.pose));

    while (dp_client_poll_event(client, &event) == DP_OK)
        printf("# event %" PRId32 " %" PRId32 " %s\n", event.kind, event.code, event.text);
    if (dp_client_statistics(client, &statistics) != DP_OK || dp_client_status(client, &status) != DP_OK)
        return failed("statistics", 0);
    printf("torn=%" PRIu64 "\n", statistics.frames_torn);
    printf("counted=%d\n",
           statistics.frames_received >= CONTROLS && statistics.controls_sent > 0 && statistics.bytes_received > 0);
    printf("# transport=%s\n", status.transport == DP_TRANSPORT_SHARED_MEMORY ? "shared memory" : "inline");
    printf("# message=%s\n", status.message);
    printf("# fps=%.1f frames=%" PRIu64 " decode_ms=%.3f\n", statistics.fps, statistics.frames_received,
           statistics.decode_ms_p50);
    return 0;
}

static void set_endpoint(dp_endpoint* endpoint, const char* address) {
    endpoint->struct_size = sizeof *endpoint;
    snprintf(endpoint->address, sizeof endpoint->address, "%s", address);
}

static int play(const char* address, const char* transport, const char* colour) {
    static dp_client_options options;
    dp_client* client = NULL;
    int32_t status;
    int result;
    options.struct_size = sizeof options;
    options.transport = strcmp(transport, "shared") == 0   ? DP_TRANSPORT_SHARED_MEMORY
                        : strcmp(transport, "inline") == 0 ? DP_TRANSPORT_INLINE
                                                           : DP_TRANSPORT_AUTO;
    options.seed = 7;
    options.has_seed = 1;
    options.colour_format = strcmp(colour, "jpeg") == 0 ? DP_COLOUR_JPEG : DP_COLOUR_RAW_RGBA;
    options.depth_format = DP_DEPTH_INVERSE_UINT16;
    options.max_frames_in_flight = 1; /* so that the first frame is not replaced by a newer one */
    set_endpoint(&options.endpoint, address);
    status = dp_client_create(&options, &client);
    if (status != DP_OK) return failed("client_create", status);
    result = play_with(client);
    dp_client_destroy(client);
    return result;
}

/* ---------------------------------------------------------------- recording */

static int record_with(dp_recorder* recorder) {
    dp_episode_options episode;
    dp_recorder_stats stats;
    dp_connection_status status;
    dp_event event;
    const int64_t end = dp_now_ns() + kPatience;
    int32_t result;

    if (wait_ready(recorder_status, recorder, &status) != 0) return 1;
    memset(&episode, 0, sizeof episode);
    episode.struct_size = sizeof episode;
    episode.seed = 5;
    strcpy(episode.map_name, "exchange");
    result = dp_recorder_begin(recorder, &episode);
    if (result != DP_OK) return failed("begin", result);
    for (int i = 0; i < CAPTURED; ++i) {
        dp_capture_buffer buffer;
        dp_capture_frame frame;
        while ((result = dp_recorder_acquire(recorder, &buffer)) == DP_ERROR_FULL && dp_now_ns() < end)
            pause_ms(1);
        if (result != DP_OK) return failed("acquire", result);
        for (uint32_t y = 0; y < HEIGHT; ++y) {
            uint8_t* row = buffer.colour + (size_t)y * buffer.colour_stride;
            uint16_t* depth = (uint16_t*)(void*)((uint8_t*)buffer.depth + (size_t)y * buffer.depth_stride);
            for (uint32_t x = 0; x < WIDTH; ++x) {
                row[4 * x] = (uint8_t)(4 * x);
                row[4 * x + 1] = (uint8_t)(5 * y);
                row[4 * x + 2] = (uint8_t)(10 * i);
                row[4 * x + 3] = 255;
                depth[x] = (uint16_t)(1000 + 100 * i + x);
            }
        }
        memset(&frame, 0, sizeof frame);
        frame.struct_size = sizeof frame;
        frame.lease = buffer.lease;
        frame.client_time_ns = 1000000000 + i * INT64_C(33333333);
        frame.pose.position[2] = 0.1 * i;
        frame.pose.orientation[3] = 1;
        frame.buttons = (uint32_t)i & 1;
        frame.look_yaw_deg = 0.5f;
        result = dp_recorder_submit(recorder, &frame);
        if (result != DP_OK) return failed("submit", result);
    }
    if (dp_recorder_marker(recorder, "note", "half way") != DP_OK) return failed("marker", 0);
    result = dp_recorder_finish(recorder, 0);
    if (result != DP_OK) return failed("finish", result);
    event.kind = DP_EVENT_NONE;
    while (event.kind != DP_EVENT_EPISODE_FINISHED && dp_now_ns() < end) {
        if (dp_recorder_poll_event(recorder, &event) != DP_OK)
            pause_ms(1);
        else
            printf("# event %" PRId32 " %" PRId32 " %s\n", event.kind, event.code, event.text);
    }
    if (event.kind != DP_EVENT_EPISODE_FINISHED) return failed("episode_finished", 0);
    printf("finished=%" PRId32 "\n", event.code);
    if (dp_recorder_statistics(recorder, &stats) != DP_OK) return failed("recorder_statistics", 0);
    printf("submitted=%" PRIu64 " lost=%" PRIu64 "\n", stats.submitted, stats.lost);
    return 0;
}

static int record(const char* address) {
    static dp_recorder_options options;
    dp_recorder* recorder = NULL;
    int32_t status;
    int result;
    options.struct_size = sizeof options;
    options.width = WIDTH;
    options.height = HEIGHT;
    options.colour_format = DP_COLOUR_RAW_RGBA;
    options.depth_format = DP_DEPTH_INVERSE_UINT16;
    options.depth_near_m = 0.25;
    options.frame_rate = 30;
    options.intrinsics.fx = options.intrinsics.fy = options.intrinsics.cx = WIDTH / 2.0;
    options.intrinsics.cy = HEIGHT / 2.0;
    options.button_count = 1;
    strcpy(options.buttons[0], "forward");
    set_endpoint(&options.endpoint, address);
    strcpy(options.dataset, "exchange");
    strcpy(options.licence, "CC0-1.0");
    strcpy(options.engine_name, "exchange.c");
    strcpy(options.engine_version, "1");
    strcpy(options.plugin_version, dp_version());
    status = dp_recorder_create(&options, &recorder);
    if (status != DP_OK) return failed("recorder_create", status);
    result = record_with(recorder);
    dp_recorder_destroy(recorder);
    return result;
}

int main(int count, char** words) {
    int result = 2;
    if (count == 2 && strcmp(words[1], "layout") == 0) result = layout();
    if (count == 2 && strcmp(words[1], "pure") == 0) result = pure();
    if (count == 5 && strcmp(words[1], "play") == 0) result = play(words[2], words[3], words[4]);
    if (count == 3 && strcmp(words[1], "record") == 0) result = record(words[2]);
    if (result == 2) {
        fprintf(stderr, "usage: exchange layout | pure | play ADDRESS auto|inline|shared raw|jpeg | record ADDRESS\n");
        return 2;
    }
    {
        const int32_t status = dp_shutdown(5000);
        if (status != DP_OK) return failed("shutdown", status);
    }
    return result;
}
