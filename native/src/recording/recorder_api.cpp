// core.h, "recording".
#include "library/guard.h"
#include "library/tables.h"
#include "link/address.h"
#include "recording/begin_message.h"
#include "text.h"

using dreamport::library::guarded;
using dreamport::library::to_number;
namespace library = dreamport::library;

namespace {

constexpr std::int64_t farewell_ms = 5000;

// Calls `entry(recorder)`.
template <class Entry>
std::int32_t with_recorder(dp_recorder* handle, Entry entry) noexcept {
    return guarded([&]() -> std::int32_t {
        const auto recorder = library::recorders().find(to_number(handle));
        return recorder == nullptr ? DP_ERROR_ARGUMENT : entry(*recorder);
    });
}

}  // namespace

int32_t DP_CALL dp_recorder_create(const dp_recorder_options* options, dp_recorder** out) {
    return guarded([&]() -> std::int32_t {
        if (options == nullptr || out == nullptr) return DP_ERROR_ARGUMENT;
        *out = nullptr;
        if (const std::int32_t status = dreamport::check_recorder(*options); status != DP_OK) return status;
        dreamport::LinkOptions link;
        if (const std::int32_t status = dreamport::make_endpoint(options->endpoint, link.endpoint); status != DP_OK)
            return status;
        link.service = dreamport::Service::record;
        link.address = dreamport::text_of(options->endpoint.address);
        const auto recorder = std::make_shared<dreamport::Recorder>(std::move(link), *options);
        const std::uint32_t number = library::recorders().add(recorder);
        try {
            recorder->start_all();
        } catch (...) {
            library::recorders().take(number);
            throw;
        }
        *out = library::to_handle<dp_recorder>(number);
        return DP_OK;
    });
}

void DP_CALL dp_recorder_destroy(dp_recorder* handle) {
    guarded([&]() -> std::int32_t {
        if (const auto recorder = library::recorders().take(to_number(handle))) recorder->end(farewell_ms);
        return DP_OK;
    });
}

int32_t DP_CALL dp_recorder_status(dp_recorder* handle, dp_connection_status* out) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) -> std::int32_t {
        if (out == nullptr) return DP_ERROR_ARGUMENT;
        *out = recorder.status();
        return DP_OK;
    });
}

int32_t DP_CALL dp_recorder_poll_event(dp_recorder* handle, dp_event* out) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) -> std::int32_t {
        if (out == nullptr) return DP_ERROR_ARGUMENT;
        return recorder.take_event(*out) ? DP_OK : DP_NOTHING_NEW;
    });
}

int32_t DP_CALL dp_recorder_begin(dp_recorder* handle, const dp_episode_options* episode) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) -> std::int32_t {
        return episode == nullptr ? DP_ERROR_ARGUMENT : recorder.begin(*episode);
    });
}

int32_t DP_CALL dp_recorder_acquire(dp_recorder* handle, dp_capture_buffer* out) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) -> std::int32_t {
        return out == nullptr ? DP_ERROR_ARGUMENT : recorder.acquire(*out);
    });
}

int32_t DP_CALL dp_recorder_submit(dp_recorder* handle, const dp_capture_frame* frame) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) -> std::int32_t {
        if (frame == nullptr) return DP_ERROR_ARGUMENT;
        return frame->struct_size == sizeof *frame ? recorder.submit(*frame) : DP_ERROR_VERSION;
    });
}

int32_t DP_CALL dp_recorder_cancel(dp_recorder* handle, uint32_t lease) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) { return recorder.cancel(lease); });
}

int32_t DP_CALL dp_recorder_marker(dp_recorder* handle, const char* name, const char* text) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) { return recorder.marker(name, text); });
}

int32_t DP_CALL dp_recorder_finish(dp_recorder* handle, uint32_t discard) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) { return recorder.finish(discard != 0); });
}

int32_t DP_CALL dp_recorder_statistics(dp_recorder* handle, dp_recorder_stats* out) {
    return with_recorder(handle, [&](dreamport::Recorder& recorder) -> std::int32_t {
        if (out == nullptr) return DP_ERROR_ARGUMENT;
        recorder.statistics(*out);
        return DP_OK;
    });
}
