// Frames and messages between the engine, the worker that encodes and the I/O thread that sends. One lock, held only to
// move numbers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "dreamport/core.h"
#include "playing/memory.h"
#include "proto/capture.pb.h"
#include "wire/record_messages.h"

namespace dreamport {

// Memory for one captured frame, and where it stands on its way.
struct CaptureSlot {
    enum class Stage { free, lent, submitted, encoding, ready, sending };

    Memory colour;  // RGBA
    Memory depth;
    Memory encoded;  // JPEG, when it is one
    std::size_t encoded_size = 0;
    bool flip_rows = false;
    dreamport_v1_CapturedFrame fields{};
    wire::CapturedFrameParts parts;  // while it is being sent

    // Guarded by the recorder.
    Stage stage = Stage::free;
    std::uint32_t generation = 0;
    std::uint64_t episode = 0;
    std::uint64_t ticket = 0;
    std::int64_t submitted_ns = 0;
};

// What goes out, in order.
struct CaptureItem {
    enum class Kind { begin, frame, marker, finish };

    Kind kind = Kind::frame;
    std::uint32_t slot = 0;     // of a frame, or of a message
    std::uint64_t episode = 0;  // counted by the recorder, from 1
    bool discard = false;
};

using CaptureMessage = wire::Buffer<12 * 1024>;

// A ring of items of fixed size. Not thread-safe.
class CaptureItems {
  public:
    explicit CaptureItems(std::size_t capacity) : items_(capacity) {}

    bool push(const CaptureItem& item) noexcept {
        if (count_ == items_.size()) return false;
        items_[(first_ + count_++) % items_.size()] = item;
        return true;
    }
    void pop() noexcept {
        first_ = (first_ + 1) % items_.size();
        --count_;
    }
    bool empty() const noexcept { return count_ == 0; }
    std::size_t size() const noexcept { return count_; }
    const CaptureItem& at(std::size_t i) const noexcept { return items_[(first_ + i) % items_.size()]; }
    const CaptureItem& front() const noexcept { return at(0); }

  private:
    std::vector<CaptureItem> items_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

}  // namespace dreamport
