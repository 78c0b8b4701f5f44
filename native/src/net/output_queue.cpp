#include "net/output_queue.h"

#include <algorithm>
#include <cstring>

namespace dreamport::net {
namespace {

constexpr std::size_t most_gone_bytes = 1 << 20;  // of copies that have left

}  // namespace

Bytes OutputQueue::bytes_of(const Segment& segment) const noexcept {
    return {segment.lent != nullptr ? segment.lent : copied_.data() + segment.offset, segment.size};
}

void OutputQueue::reserve(std::size_t segments, std::size_t bytes) {
    // Twice what there is, as push_back would: reserving exactly would copy everything each time.
    if (segments_.capacity() - segments_.size() < segments)
        segments_.reserve(std::max(segments_.size() + segments, 2 * segments_.capacity()));
    if (copied_.capacity() - copied_.size() < bytes)
        copied_.reserve(std::max(copied_.size() + bytes, 2 * copied_.capacity()));
}

void OutputQueue::copy(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return;
    reserve(1, size);
    const std::size_t offset = copied_.size();
    copied_.insert(copied_.end(), data, data + size);
    size_ += size;
    const bool follows =
        segments_.size() > first_ && segments_.back().lent == nullptr && segments_.back().lender == nullptr;
    if (follows) {
        segments_.back().size += size;
    } else {
        segments_.push_back({nullptr, offset, size, nullptr, nullptr});
    }
}

void OutputQueue::lend(Bytes bytes, Lender* lender) {
    if (bytes.size == 0) return;
    segments_.push_back({bytes.data, 0, bytes.size, lender, nullptr});
    size_ += bytes.size;
}

void OutputQueue::forget(Lender* lender) {
    for (std::size_t i = first_; i < segments_.size(); ++i) {
        Segment& segment = segments_[i];
        if (segment.lender != lender) continue;
        segment.owned = std::make_unique<std::uint8_t[]>(segment.size);
        std::memcpy(segment.owned.get(), segment.lent, segment.size);
        segment.lent = segment.owned.get();
        segment.lender = nullptr;
    }
}

std::size_t OutputQueue::next(Bytes* parts, std::size_t capacity) const noexcept {
    std::size_t count = 0;
    for (std::size_t i = first_; i < segments_.size() && count < capacity; ++i)
        parts[count++] = bytes_of(segments_[i]);
    return count;
}

void OutputQueue::pop(std::size_t bytes) noexcept {
    while (bytes > 0 && first_ < segments_.size()) {
        Segment& segment = segments_[first_];
        const std::size_t count = std::min(bytes, segment.size);
        Lender* const lender = segment.lender;
        bytes -= count;
        size_ -= count;
        if (count == segment.size) {
            segment.owned.reset();
            ++first_;
        } else {
            segment.size -= count;
            segment.offset += count;
            if (segment.lent != nullptr) segment.lent += count;
        }
        if (lender != nullptr) lender->left(count);
    }
    if (first_ == segments_.size()) {
        segments_.clear();
        copied_.clear();
        first_ = 0;
    } else if (first_ >= 1024 || (segments_[first_].lent == nullptr && segments_[first_].offset >= most_gone_bytes)) {
        // never empty under a steady load: let go of what has left
        std::size_t gone = copied_.size();
        for (std::size_t i = first_; i < segments_.size(); ++i)
            if (segments_[i].lent == nullptr) gone = std::min(gone, segments_[i].offset);
        copied_.erase(copied_.begin(), copied_.begin() + static_cast<std::ptrdiff_t>(gone));
        segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
        for (Segment& segment : segments_)
            if (segment.lent == nullptr) segment.offset -= gone;
        first_ = 0;
    }
}

}  // namespace dreamport::net
