// The client's end of the ring of frames in shared memory (SharedMemory in proto/dreamport/v1/play.proto). Nothing the
// server says is believed before it was checked against what is mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/play.pb.h"

namespace dreamport {

class FrameRing {
  public:
    FrameRing() = default;
    ~FrameRing() { close(); }
    FrameRing(const FrameRing&) = delete;
    FrameRing& operator=(const FrameRing&) = delete;

    enum class Opening {
        opened,
        unavailable,  // cannot be opened from here (another machine or user, a container): take inline frames
        wrong,        // the description contradicts itself or the frames' size
    };
    // For frames of `colour_bytes` and `depth_bytes` (0: none).
    Opening open(const dreamport_v1_SharedMemory& described, std::size_t colour_bytes,
                 std::size_t depth_bytes) noexcept;
    void close() noexcept;
    bool is_open() const noexcept { return memory_ != nullptr; }

    enum class Reading {
        whole,
        torn,   // written over before or while it was copied
        wrong,  // the slot does not exist
    };
    // Copies a slot's pixels out.
    Reading read(const dreamport_v1_SharedMemorySlot& slot, std::uint8_t* colour, std::uint8_t* depth) const noexcept;

    // Whether the description is sound by itself; `open` checks this first.
    static bool is_sound(const dreamport_v1_SharedMemory& described, std::size_t colour_bytes,
                         std::size_t depth_bytes) noexcept;

  private:
    bool map(const char* name, std::size_t bytes) noexcept;  // per platform

    dreamport_v1_SharedMemory layout_{};
    const std::uint8_t* memory_ = nullptr;
    std::size_t mapped_ = 0;
};

}  // namespace dreamport
