// core.h, "playing".
#include <algorithm>
#include <cmath>
#include <cstring>

#include "library/guard.h"
#include "library/tables.h"
#include "link/address.h"
#include "playing/outgoing.h"
#include "playing/texture_source.h"
#include "text.h"

using dreamport::library::guarded;
using dreamport::library::to_number;
namespace library = dreamport::library;

namespace {

constexpr std::int64_t farewell_ms = 1000;
constexpr std::size_t longest_text = 8192;
constexpr double max_distance_m = 1e6;  // as the backend's
constexpr double max_focal_px = 1e6;

std::shared_ptr<dreamport::Client> client_of(const dp_client* handle) {
    return library::clients().find(to_number(handle));
}

// Calls `entry(client)`.
template <class Entry>
std::int32_t with_client(dp_client* handle, Entry entry) noexcept {
    return guarded([&]() -> std::int32_t {
        const auto client = client_of(handle);
        return client == nullptr ? DP_ERROR_ARGUMENT : entry(*client);
    });
}

std::int32_t check(const dp_client_options& options) noexcept {
    if (options.struct_size != sizeof options) return DP_ERROR_VERSION;
    const bool known = options.transport <= DP_TRANSPORT_SHARED_MEMORY && options.colour_format <= DP_COLOUR_JPEG &&
                       options.depth_format <= DP_DEPTH_INVERSE_UINT16;
    const bool in_range = options.jpeg_quality <= 100 && options.max_frames_in_flight <= 64 && options.has_seed <= 1 &&
                          options.reconnect <= 1 && options.width <= 16384 && options.height <= 16384;
    return known && in_range ? DP_OK : DP_ERROR_ARGUMENT;
}

std::int32_t create(const dp_client_options* options, std::string token, dp_client** out) {
    if (options == nullptr || out == nullptr) return DP_ERROR_ARGUMENT;
    *out = nullptr;
    if (const std::int32_t status = check(*options); status != DP_OK) return status;
    dreamport::LinkOptions link;
    if (const std::int32_t status = dreamport::make_endpoint(options->endpoint, link.endpoint); status != DP_OK)
        return status;
    link.address = dreamport::text_of(options->endpoint.address);
    link.try_again = options->reconnect != 0;
    link.backoff_min_ms = options->backoff_min_ms == 0 ? 200 : options->backoff_min_ms;
    link.backoff_max_ms = options->backoff_max_ms == 0 ? 5000 : options->backoff_max_ms;
    const auto client = std::make_shared<dreamport::Client>(std::move(link), *options, std::move(token));
    const std::uint32_t number = library::clients().add(client);
    try {
        client->start();
    } catch (...) {
        library::clients().take(number);
        throw;
    }
    *out = library::to_handle<dp_client>(number);
    return DP_OK;
}

template <std::size_t N>
bool all_within(const double (&values)[N], double limit) noexcept {
    return std::all_of(std::begin(values), std::end(values), [&](double v) { return std::abs(v) <= limit; });
}

// What the backend would refuse, and the session with it.
bool is_valid(const dp_control& control) noexcept {
    if (!std::isfinite(control.look_yaw_deg) || !std::isfinite(control.look_pitch_deg) || control.has_camera > 2)
        return false;
    if (control.has_camera == 0) return true;
    const double(&q)[4] = control.camera.orientation;
    if (!all_within(control.camera.position, max_distance_m) || !all_within(q, 2.0)) return false;
    const double norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(std::abs(norm - 1.0) <= 0.01)) return false;
    if (control.has_camera == 1) return true;
    const dp_intrinsics& camera = control.intrinsics;
    return camera.fx >= 1 && camera.fx <= max_focal_px && camera.fy >= 1 && camera.fy <= max_focal_px &&
           std::isfinite(camera.cx) && std::isfinite(camera.cy);
}

template <class Write>
std::int32_t command(dp_client* handle, Write write) noexcept {
    return with_client(handle, [&](dreamport::Client& client) -> std::int32_t {
        dreamport::CommandMessage message;
        return write(message) ? client.command(message.bytes()) : DP_ERROR_ARGUMENT;
    });
}

}  // namespace

int32_t DP_CALL dp_client_create(const dp_client_options* options, dp_client** out) {
    return guarded([&] { return create(options, {}, out); });
}

int32_t DP_CALL dp_client_create_resumed(const dp_client_options* options, const char* resume_token, dp_client** out) {
    return guarded([&]() -> std::int32_t {
        const std::string_view token = dreamport::text_of(resume_token, 256);
        if (token.empty() || token.size() > 255) return DP_ERROR_ARGUMENT;
        return create(options, std::string(token), out);
    });
}

void DP_CALL dp_client_destroy(dp_client* handle) {
    guarded([&]() -> std::int32_t {
        if (const auto client = library::clients().take(to_number(handle))) client->end(farewell_ms);
        return DP_OK;
    });
}

int32_t DP_CALL dp_client_detach(dp_client* handle, char* resume_token, uint32_t capacity) {
    return with_client(handle, [&](dreamport::Client& client) -> std::int32_t {
        if (resume_token == nullptr || capacity == 0) return DP_ERROR_ARGUMENT;
        const std::int32_t status = client.detach(resume_token, capacity);
        if (status != DP_OK) return status;
        library::clients().take(to_number(handle));
        client.end(farewell_ms);
        return DP_OK;
    });
}

int32_t DP_CALL dp_client_status(dp_client* handle, dp_connection_status* out) {
    return with_client(handle, [&](dreamport::Client& client) -> std::int32_t {
        if (out == nullptr) return DP_ERROR_ARGUMENT;
        *out = client.status();
        return DP_OK;
    });
}

int32_t DP_CALL dp_client_retry_now(dp_client* handle) {
    return with_client(handle, [](dreamport::Client& client) { return client.retry_now(); });
}

int32_t DP_CALL dp_client_world(dp_client* handle, dp_world* out) {
    return with_client(
        handle, [&](dreamport::Client& client) { return out == nullptr ? DP_ERROR_ARGUMENT : client.world(*out); });
}

int32_t DP_CALL dp_client_frame_format(dp_client* handle, dp_frame_format* out) {
    return with_client(
        handle, [&](dreamport::Client& client) { return out == nullptr ? DP_ERROR_ARGUMENT : client.format(*out); });
}

int32_t DP_CALL dp_client_poll_event(dp_client* handle, dp_event* out) {
    return with_client(handle, [&](dreamport::Client& client) -> std::int32_t {
        if (out == nullptr) return DP_ERROR_ARGUMENT;
        return client.take_event(*out) ? DP_OK : DP_NOTHING_NEW;
    });
}

int32_t DP_CALL dp_client_control(dp_client* handle, const dp_control* control) {
    return with_client(handle, [&](dreamport::Client& client) -> std::int32_t {
        if (control == nullptr) return DP_ERROR_ARGUMENT;
        if (control->struct_size != sizeof *control) return DP_ERROR_VERSION;
        return is_valid(*control) ? client.control(*control) : DP_ERROR_ARGUMENT;
    });
}

int32_t DP_CALL dp_client_prompt(dp_client* handle, const char* text) {
    return command(handle, [&](auto& out) {
        return text != nullptr && dreamport::write_prompt(out, dreamport::text_of(text, longest_text));
    });
}

int32_t DP_CALL dp_client_event(dp_client* handle, const char* name) {
    return command(handle, [&](auto& out) {
        return name != nullptr && dreamport::write_event(out, dreamport::text_of(name, longest_text));
    });
}

int32_t DP_CALL dp_client_reset(dp_client* handle, const uint64_t* seed, const char* start) {
    return command(
        handle, [&](auto& out) { return dreamport::write_reset(out, seed, dreamport::text_of(start, longest_text)); });
}

int32_t DP_CALL dp_client_save(dp_client* handle) {
    return command(handle, [](auto& out) { return dreamport::write_save(out); });
}

int32_t DP_CALL dp_client_load(dp_client* handle, const char* save) {
    return command(handle, [&](auto& out) {
        return save != nullptr && dreamport::write_load(out, dreamport::text_of(save, longest_text));
    });
}

int32_t DP_CALL dp_client_pause(dp_client* handle, uint32_t paused) {
    return with_client(handle, [&](dreamport::Client& client) { return client.pause(paused != 0); });
}

int32_t DP_CALL dp_client_acquire_frame(dp_client* handle, dp_frame* out) {
    return with_client(
        handle, [&](dreamport::Client& client) { return out == nullptr ? DP_ERROR_ARGUMENT : client.acquire(*out); });
}

int32_t DP_CALL dp_client_release_frame(dp_client* handle, uint32_t lease) {
    return with_client(handle, [&](dreamport::Client& client) { return client.release(lease); });
}

int32_t DP_CALL dp_client_presented(dp_client* handle, uint64_t frame_id, int64_t client_time_ns) {
    return with_client(handle, [&](dreamport::Client& client) { return client.presented(frame_id, client_time_ns); });
}

int32_t DP_CALL dp_client_statistics(dp_client* handle, dp_statistics* out) {
    return with_client(handle, [&](dreamport::Client& client) -> std::int32_t {
        if (out == nullptr) return DP_ERROR_ARGUMENT;
        client.statistics(*out);
        return DP_OK;
    });
}

namespace dreamport {

std::uint32_t texture_client_number(const dp_client* client) noexcept {
    const std::uint32_t number = to_number(client);
    return library::clients().find(number) == nullptr ? 0 : number;
}

std::uint32_t texture_last_lent(std::uint32_t client_number) noexcept {
    const auto client = library::clients().find(client_number);
    return client == nullptr ? 0 : client->last_lent();
}

std::shared_ptr<const void> texture_frame_borrow(std::uint32_t client_number, std::uint32_t lease,
                                                 dp_frame& out) noexcept {
    if (library::is_shut_down()) return nullptr;
    auto client = library::clients().find(client_number);
    if (client == nullptr) return nullptr;
    const bool borrowed = lease == 0 ? client->show(out) : client->show_lent(lease, out);
    return borrowed ? std::move(client) : nullptr;
}

void texture_frame_give_back(std::uint32_t client_number, std::uint32_t lease) noexcept {
    if (const auto client = library::clients().find(client_number)) client->hide(lease);
}

}  // namespace dreamport
