// What a game asks for, as messages for the wire, in memory of fixed size. Both the game's calls and the I/O thread use
// these.
#pragma once

#include <cstdint>
#include <string_view>

#include "dreamport/core.h"
#include "playing/control_queue.h"
#include "wire/writer.h"

namespace dreamport {

using SmallMessage = wire::Buffer<512>;
using CommandMessage = wire::Buffer<8192 + 64>;
using OpenMessage = wire::Buffer<1024>;

struct OpenWish {
    const dp_client_options* options = nullptr;
    std::string_view resume_token;
    std::string_view ticket;                           // that of a worker's address
    std::uint32_t transport = DP_TRANSPORT_INLINE;     // never AUTO
    std::uint32_t colour_format = DP_COLOUR_RAW_RGBA;  // never DEFAULT
};

// Each gives false when the text does not fit; then nothing is written.
bool write_open(OpenMessage& out, const OpenWish& wish) noexcept;
bool write_control(SmallMessage& out, const ControlSample& sample, std::uint64_t sequence,
                   std::uint32_t known_buttons) noexcept;
bool write_presented(SmallMessage& out, std::uint64_t frame_id, std::int64_t client_time_ns) noexcept;
bool write_pause(SmallMessage& out, bool paused) noexcept;
bool write_close(SmallMessage& out) noexcept;
bool write_save(CommandMessage& out) noexcept;
bool write_prompt(CommandMessage& out, std::string_view text) noexcept;
bool write_event(CommandMessage& out, std::string_view name) noexcept;
bool write_reset(CommandMessage& out, const std::uint64_t* seed, std::string_view start) noexcept;
bool write_load(CommandMessage& out, std::string_view handle) noexcept;

}  // namespace dreamport
