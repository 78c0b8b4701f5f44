#include "jpeg/decoder.h"

namespace dreamport::jpeg {

Decoder::Decoder() noexcept {
    codec_.err = error_.set_up();
    if (setjmp(error_.target) != 0) return;
    jpeg_create_decompress(&codec_);
    arena_.attach(reinterpret_cast<jpeg_common_struct*>(&codec_));
    made_ = true;
}

Decoder::~Decoder() {
    if (made_) jpeg_destroy_decompress(&codec_);
}

bool Decoder::decode(const std::uint8_t* data, std::size_t size, std::uint32_t width, std::uint32_t height,
                     std::uint8_t* rgba) noexcept {
    if (!made_) return false;
    if (setjmp(error_.target) != 0) {
        jpeg_abort_decompress(&codec_);
        return false;
    }
    error_.manager.num_warnings = 0;
    jpeg_mem_src(&codec_, data, static_cast<unsigned long>(size));
    // A baseline picture of the size agreed on: progressive ones need memory that a stranger decides on, and the
    // arena's rows are of 8-bit samples. One scan: each more costs the time of a whole picture for a few bytes.
    const bool right = jpeg_read_header(&codec_, TRUE) == JPEG_HEADER_OK && codec_.image_width == width &&
                       codec_.image_height == height && codec_.progressive_mode == 0 && codec_.data_precision == 8 &&
                       jpeg_has_multiple_scans(&codec_) == FALSE;
    if (right) {
        codec_.out_color_space = JCS_EXT_RGBA;
        jpeg_start_decompress(&codec_);
        while (codec_.output_scanline < height) {
            JSAMPROW rows[4];
            const JDIMENSION left = height - codec_.output_scanline;
            const JDIMENSION count = left < 4 ? left : 4;
            for (JDIMENSION i = 0; i < count; ++i) {
                rows[i] = rgba + (static_cast<std::size_t>(codec_.output_scanline) + i) * width * 4;
            }
            jpeg_read_scanlines(&codec_, rows, count);
        }
    }
    jpeg_abort_decompress(&codec_);
    return right && error_.manager.num_warnings == 0;
}

}  // namespace dreamport::jpeg
