#include "playing/play_statistics.h"

namespace dreamport {
namespace {

constexpr std::int64_t second = 1'000'000'000;

float milliseconds(std::int64_t ns) noexcept {
    return static_cast<float>(static_cast<double>(ns) / 1e6);
}

}  // namespace

void PlayStatistics::frame_arrived(std::int64_t now, const dp_frame& frame, std::int64_t generated_ns,
                                   bool first_with_control, float decode_ms) noexcept {
    if (last_arrival_ns_ != 0) intervals_.add(now, milliseconds(now - last_arrival_ns_));
    last_arrival_ns_ = now;
    if (first_with_control) control_to_frame_.add(now, milliseconds(now - frame.control_time_ns));
    if (generated_ns != 0 && now >= generated_ns) generated_to_arrived_.add(now, milliseconds(now - generated_ns));
    generation_.add(now, frame.generation_ms);
    if (decode_ms > 0) decode_.add(now, decode_ms);
    const std::lock_guard<std::mutex> lock(mutex_);
    ++out_.frames_received;
}

void PlayStatistics::frame_torn() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++out_.frames_torn;
}

void PlayStatistics::frame_replaced() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++out_.frames_replaced;
}

void PlayStatistics::frame_acquired() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++out_.frames_acquired;
}

void PlayStatistics::control_sent() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++out_.controls_sent;
}

void PlayStatistics::server_stats(const dreamport_v1_Stats& stats) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    out_.server_fps = stats.fps;
    out_.server_dropped = stats.dropped;
    out_.server_rss_bytes = stats.rss_bytes;
    out_.server_sessions = stats.sessions;
}

void PlayStatistics::traffic(std::uint64_t received, std::uint64_t sent, std::int64_t round_trip_ns) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    out_.bytes_received = received;
    out_.bytes_sent = sent;
    out_.round_trip_ms = milliseconds(round_trip_ns);
}

void PlayStatistics::session_begins() noexcept {
    last_arrival_ns_ = 0;
}

bool PlayStatistics::refresh(std::int64_t now) noexcept {
    const bool frames_come = last_arrival_ns_ != 0 && now - last_arrival_ns_ < Samples::window_ns + second;
    if (now - refreshed_ns_ < refresh_ns) return frames_come;
    refreshed_ns_ = now;
    float interval[3];
    float control[2];
    float generated[2];
    float generation[2];
    float decode[1];
    intervals_.percentiles(now, {50, 95, 99}, interval);
    control_to_frame_.percentiles(now, {50, 95}, control);
    generated_to_arrived_.percentiles(now, {50, 99}, generated);
    generation_.percentiles(now, {50, 95}, generation);
    decode_.percentiles(now, {50}, decode);
    const float jitter = intervals_.jitter(now);
    const std::size_t last_second = generation_.count_since(now - second);
    const std::lock_guard<std::mutex> lock(mutex_);
    out_.fps = static_cast<float>(last_second);
    out_.interval_ms_p50 = interval[0];
    out_.interval_ms_p95 = interval[1];
    out_.interval_ms_p99 = interval[2];
    out_.jitter_ms = jitter;
    out_.control_to_frame_ms_p50 = control[0];
    out_.control_to_frame_ms_p95 = control[1];
    out_.generated_to_arrived_ms_p50 = generated[0];
    out_.generated_to_arrived_ms_p99 = generated[1];
    out_.generation_ms_p50 = generation[0];
    out_.generation_ms_p95 = generation[1];
    out_.decode_ms_p50 = decode[0];
    return frames_come;
}

void PlayStatistics::copy(dp_statistics& out) const noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    out = out_;
}

}  // namespace dreamport
