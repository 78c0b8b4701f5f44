// From the C ABI's options to the contract's BeginEpisode.
#pragma once

#include "dreamport/core.h"
#include "recording/capture_queue.h"

namespace dreamport {

// DP_OK, DP_ERROR_VERSION or DP_ERROR_ARGUMENT: what the backend would refuse anyway.
std::int32_t check_recorder(const dp_recorder_options& options) noexcept;
std::int32_t check_episode(const dp_episode_options& episode) noexcept;

bool write_begin(CaptureMessage& out, const dp_recorder_options& options, const dp_episode_options& episode) noexcept;
bool write_marker(CaptureMessage& out, const char* name, const char* text, std::int64_t client_time_ns) noexcept;
bool write_finish(CaptureMessage& out, bool discard) noexcept;

}  // namespace dreamport
