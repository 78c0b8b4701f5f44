/* Lets a Godot 3 script call dreamport_core: GDNative.call_native("standard_varcall", "dreamport_...", [arguments]).
 *
 * A test, not a product: one client, calls from the main thread only. Every array that is given back begins with a dp_status. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dreamport/core.h"
#include "gdnative.h"

#define EXPORT __attribute__((visibility("default")))

static godot_functions godot;
static dp_client* client;

/* ---------------------------------------------------------------- Godot's values */

static double real_at(const godot_array* arguments, int index) {
    godot_variant value = godot.array_get(arguments, index);
    double result = godot.variant_as_real(&value);
    godot.variant_destroy(&value);
    return result;
}

static int64_t int_at(const godot_array* arguments, int index) {
    godot_variant value = godot.array_get(arguments, index);
    int64_t result = godot.variant_as_int(&value);
    godot.variant_destroy(&value);
    return result;
}

static void text_at(const godot_array* arguments, int index, char* out, size_t capacity) {
    godot_variant value = godot.array_get(arguments, index);
    godot_string string = godot.variant_as_string(&value);
    godot_char_string bytes = godot.string_utf8(&string);
    snprintf(out, capacity, "%s", godot.char_string_get_data(&bytes));
    godot.char_string_destroy(&bytes);
    godot.string_destroy(&string);
    godot.variant_destroy(&value);
}

static void append(godot_array* list, godot_variant value) {
    godot.array_append(list, &value);
    godot.variant_destroy(&value);
}

static void append_int(godot_array* list, int64_t number) {
    godot_variant value;
    godot.variant_new_int(&value, number);
    append(list, value);
}

static void append_reals(godot_array* list, const double* numbers, int count) {
    for (int i = 0; i < count; ++i) {
        godot_variant value;
        godot.variant_new_real(&value, numbers[i]);
        append(list, value);
    }
}

static void append_text(godot_array* list, const char* text) {
    godot_string string = godot.string_chars_to_utf8(text);
    godot_variant value;
    godot.variant_new_string(&value, &string);
    godot.string_destroy(&string);
    append(list, value);
}

static void append_bytes(godot_array* list, const void* rows, uint32_t stride, uint32_t row_bytes, uint32_t row_count) {
    godot_pool_byte_array bytes;
    godot.pool_byte_array_new(&bytes);
    godot.pool_byte_array_resize(&bytes, (int)(row_bytes * row_count));
    godot_write_access* access = godot.pool_byte_array_write(&bytes);
    uint8_t* to = godot.pool_byte_array_write_access_ptr(access);
    for (uint32_t row = 0; row < row_count; ++row) {
        memcpy(to + (size_t)row * row_bytes, (const uint8_t*)rows + (size_t)row * stride, row_bytes);
    }
    godot.pool_byte_array_write_access_destroy(access);
    godot_variant value;
    godot.variant_new_pool_byte_array(&value, &bytes);
    godot.pool_byte_array_destroy(&bytes);
    append(list, value);
}

static godot_variant list_variant(godot_array* list) {
    godot_variant value;
    godot.variant_new_array(&value, list);
    godot.array_destroy(list);
    return value;
}

static godot_variant status_variant(int32_t status) {
    godot_array list;
    godot.array_new(&list);
    append_int(&list, status);
    return list_variant(&list);
}

/* Position and quaternion, seven numbers from `index` on. */
static dp_engine_pose pose_at(const godot_array* arguments, int index) {
    dp_engine_pose pose;
    for (int i = 0; i < 3; ++i) pose.position[i] = real_at(arguments, index + i);
    for (int i = 0; i < 4; ++i) pose.rotation[i] = real_at(arguments, index + 3 + i);
    return pose;
}

/* ---------------------------------------------------------------- what the script calls */

/* [address, transport] -> [status]: begins to connect. */
EXPORT godot_variant dreamport_open(godot_array* arguments) {
    dp_client_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.endpoint.struct_size = sizeof options.endpoint;
    text_at(arguments, 0, options.endpoint.address, sizeof options.endpoint.address);
    options.transport = (uint32_t)int_at(arguments, 1);
    options.depth_format = DP_DEPTH_INVERSE_UINT16;
    options.has_seed = 1;
    options.seed = 7;
    options.reconnect = 1;
    if (dp_abi_version() != DP_ABI_VERSION) return status_variant(DP_ERROR_VERSION);
    return status_variant(dp_client_create(&options, &client));
}

/* [] -> [status, state, problem, transport, message] */
EXPORT godot_variant dreamport_status(godot_array* arguments) {
    (void)arguments;
    dp_connection_status status;
    memset(&status, 0, sizeof status);
    godot_array list;
    godot.array_new(&list);
    append_int(&list, dp_client_status(client, &status));
    append_int(&list, status.state);
    append_int(&list, status.problem);
    append_int(&list, status.transport);
    append_text(&list, status.message);
    return list_variant(&list);
}

/* [buttons, pressed] -> [status]: the world moves its own camera. */
EXPORT godot_variant dreamport_press(godot_array* arguments) {
    dp_control control;
    memset(&control, 0, sizeof control);
    control.struct_size = sizeof control;
    control.buttons = (uint32_t)int_at(arguments, 0);
    control.pressed = (uint32_t)int_at(arguments, 1);
    return status_variant(dp_client_control(client, &control));
}

/* [anchor, camera] (each position and quaternion in Godot's axes) -> [status]: the camera drives the world. */
EXPORT godot_variant dreamport_look_from(godot_array* arguments) {
    const dp_engine_pose anchor = pose_at(arguments, 0);
    const dp_engine_pose camera = pose_at(arguments, 7);
    dp_control control;
    memset(&control, 0, sizeof control);
    control.struct_size = sizeof control;
    control.has_camera = 1;
    const int32_t status = dp_pose_from_engine(DP_ENGINE_GODOT, &anchor, 1.0, &camera, &control.camera);
    return status_variant(status < 0 ? status : dp_client_control(client, &control));
}

/* [] -> [status]: back to the start. */
EXPORT godot_variant dreamport_reset(godot_array* arguments) {
    (void)arguments;
    return status_variant(dp_client_reset(client, NULL, NULL));
}

/* [] -> [1] when there is no newer frame, else [0, id, control_sequence, applied_camera, applied_buttons, width, height, depth_near_m,
 * fx, fy, cx, cy, level position 3, level quaternion 4, Godot position 3, Godot quaternion 4 (of the level without anchor), colour, depth] */
EXPORT godot_variant dreamport_frame(godot_array* arguments) {
    (void)arguments;
    dp_frame frame;
    memset(&frame, 0, sizeof frame);
    const int32_t status = dp_client_acquire_frame(client, &frame);
    if (status != DP_OK) return status_variant(status);
    dp_engine_pose pose;
    memset(&pose, 0, sizeof pose);
    dp_pose_to_engine(DP_ENGINE_GODOT, NULL, 1.0, &frame.pose, &pose);
    godot_array list;
    godot.array_new(&list);
    append_int(&list, status);
    append_int(&list, (int64_t)frame.id);
    append_int(&list, (int64_t)frame.control_sequence);
    append_int(&list, frame.applied_camera);
    append_int(&list, frame.applied_buttons);
    append_int(&list, frame.width);
    append_int(&list, frame.height);
    append_reals(&list, &frame.depth_near_m, 1);
    append_reals(&list, &frame.intrinsics.fx, 4);
    append_reals(&list, frame.pose.position, 3);
    append_reals(&list, frame.pose.orientation, 4);
    append_reals(&list, pose.position, 3);
    append_reals(&list, pose.rotation, 4);
    append_bytes(&list, frame.colour, frame.colour_stride, frame.width * 4, frame.height);
    append_bytes(&list, frame.depth, frame.depth_stride, frame.depth == NULL ? 0 : frame.width * 2,
                 frame.depth == NULL ? 0 : frame.height);
    dp_client_release_frame(client, frame.lease);
    return list_variant(&list);
}

/* [] -> [status, frames received, frames acquired, frames replaced, frames a second, generated to arrived p50 ms, control to frame p50 ms] */
EXPORT godot_variant dreamport_statistics(godot_array* arguments) {
    (void)arguments;
    dp_statistics statistics;
    memset(&statistics, 0, sizeof statistics);
    godot_array list;
    godot.array_new(&list);
    append_int(&list, dp_client_statistics(client, &statistics));
    append_int(&list, (int64_t)statistics.frames_received);
    append_int(&list, (int64_t)statistics.frames_acquired);
    append_int(&list, (int64_t)statistics.frames_replaced);
    const double numbers[3] = {(double)statistics.fps, (double)statistics.generated_to_arrived_ms_p50,
                               (double)statistics.control_to_frame_ms_p50};
    append_reals(&list, numbers, 3);
    return list_variant(&list);
}

/* [] -> [status]: ends the session and the library's threads, before Godot unloads it. */
EXPORT godot_variant dreamport_close(godot_array* arguments) {
    (void)arguments;
    dp_client_destroy(client);
    client = NULL;
    return status_variant(dp_shutdown(3000));
}

/* ---------------------------------------------------------------- Godot's entry points */

EXPORT void godot_gdnative_init(const godot_init_options* options) {
#define GODOT_TAKE(name, place, result, arguments) godot.name = (result(*) arguments)options->api->functions[place];
    GODOT_FUNCTIONS(GODOT_TAKE)
}

EXPORT void godot_gdnative_terminate(const void* options) {
    (void)options;
}
