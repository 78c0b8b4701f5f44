// JPEG to RGBA, with libjpeg-turbo.
#pragma once

#include <cstddef>
#include <cstdint>

#include "jpeg/arena.h"
#include "jpeg/error.h"

namespace dreamport::jpeg {

class Decoder {
  public:
    Decoder() noexcept;
    ~Decoder();
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    // Decodes into `rgba` (4 * width bytes a row). False when it is no JPEG of exactly that size, or is damaged.
    bool decode(const std::uint8_t* data, std::size_t size, std::uint32_t width, std::uint32_t height,
                std::uint8_t* rgba) noexcept;

  private:
    jpeg_decompress_struct codec_{};
    ErrorJump error_{};
    Arena arena_;
    bool made_ = false;
};

}  // namespace dreamport::jpeg
