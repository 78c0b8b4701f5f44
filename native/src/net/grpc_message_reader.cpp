#include "net/grpc_message_reader.h"

#include <algorithm>
#include <cstring>

namespace dreamport::net {

GrpcMessageReader::Result GrpcMessageReader::feed(const std::uint8_t* data, std::size_t size, CallHandler* handler,
                                                  const bool* stop) noexcept {
    while (size > 0 && !*stop) {
        if (prefix_filled_ < prefix_bytes) {
            const std::size_t count = std::min(size, prefix_bytes - prefix_filled_);
            std::memcpy(prefix_ + prefix_filled_, data, count);
            prefix_filled_ += count;
            data += count;
            size -= count;
            if (prefix_filled_ < prefix_bytes) return Result::good;
            size_ = static_cast<std::size_t>(prefix_[1]) << 24 | static_cast<std::size_t>(prefix_[2]) << 16 |
                    static_cast<std::size_t>(prefix_[3]) << 8 | static_cast<std::size_t>(prefix_[4]);
            filled_ = 0;
            if (prefix_[0] != 0) return Result::compressed;
            if (size_ > limit_) return Result::too_large;
            target_ = handler->on_message_begin(size_);
            if (target_ == nullptr && size_ > 0) return Result::refused;
            if (*stop) return Result::good;
        }
        const std::size_t count = std::min(size, size_ - filled_);
        if (count > 0) std::memcpy(target_ + filled_, data, count);
        filled_ += count;
        data += count;
        size -= count;
        if (filled_ == size_) {
            prefix_filled_ = 0;
            handler->on_message(target_, size_);
        }
    }
    return Result::good;
}

}  // namespace dreamport::net
