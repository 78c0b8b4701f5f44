// Asks a backend which worlds it has, once.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "dreamport/core.h"
#include "link/link.h"
#include "proto/world.pb.h"

namespace dreamport {

class Query final : public Link {
  public:
    explicit Query(LinkOptions link) : Link(std::move(link)) {}

    // Any thread.
    std::int32_t poll() const noexcept;
    std::uint32_t world_count() const noexcept;
    std::int32_t world(std::uint32_t index, dp_world& out) const noexcept;

  private:
    const char* method() const noexcept override { return "/dreamport.v1.WorldService/ListWorlds"; }
    std::size_t max_message_bytes() const noexcept override { return max_answer_bytes; }
    void begin_call(net::Call& call) noexcept override;
    void connected() noexcept override { journal_.set_state(DP_STATE_OPENING); }
    void turn(net::Call&) noexcept override {}
    std::int64_t next_turn_ns(std::int64_t now) const noexcept override { return now + 1'000'000'000; }
    void begin_farewell(net::Call& call) noexcept override { call.cancel(); }
    bool farewell_done(net::Call&) noexcept override { return true; }
    bool call_over(const net::GrpcStatus& status, Diagnosis& diagnosis) noexcept override;
    std::uint8_t* on_message_begin(std::size_t size) noexcept override;
    void on_message(std::uint8_t* data, std::size_t size) noexcept override;

    static constexpr std::size_t max_answer_bytes = 4 << 20;
    static constexpr std::size_t max_worlds = 1024;

    // I/O thread.
    std::vector<std::uint8_t> answer_;
    bool understood_ = false;

    std::atomic<bool> answered_{false};
    mutable std::mutex mutex_;
    std::vector<dp_world> worlds_;
};

}  // namespace dreamport
