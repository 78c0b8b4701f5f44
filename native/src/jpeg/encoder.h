// RGBA to JPEG, with libjpeg-turbo, into memory of fixed size.
#pragma once

#include <cstddef>
#include <cstdint>

#include "jpeg/arena.h"
#include "jpeg/error.h"

namespace dreamport::jpeg {

// Memory that is enough for any picture of that size.
constexpr std::size_t max_encoded_bytes(std::uint32_t width, std::uint32_t height) noexcept {
    return static_cast<std::size_t>((width + 15) / 16 * 16) * ((height + 15) / 16 * 16) * 3 + 4096;
}

class Encoder {
  public:
    Encoder() noexcept;
    ~Encoder();
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    // Encodes as 4:2:0. `bottom_up`: the first row in memory is the lowest. Gives the length, 0 when `capacity` is too
    // small.
    std::size_t encode(const std::uint8_t* rgba, std::uint32_t width, std::uint32_t height, bool bottom_up, int quality,
                       std::uint8_t* out, std::size_t capacity) noexcept;

  private:
    jpeg_compress_struct codec_{};
    jpeg_destination_mgr destination_{};
    ErrorJump error_{};
    Arena arena_;
    bool made_ = false;
};

}  // namespace dreamport::jpeg
