#include "jpeg/encoder.h"

#include <jerror.h>

namespace dreamport::jpeg {

Encoder::Encoder() noexcept {
    codec_.err = error_.set_up();
    if (setjmp(error_.target) != 0) return;
    jpeg_create_compress(&codec_);
    arena_.attach(reinterpret_cast<jpeg_common_struct*>(&codec_));
    destination_.init_destination = [](j_compress_ptr) {};
    destination_.term_destination = [](j_compress_ptr) {};
    destination_.empty_output_buffer = [](j_compress_ptr codec) -> boolean {
        ERREXIT(codec, JERR_BUFFER_SIZE);
        return FALSE;
    };
    codec_.dest = &destination_;
    made_ = true;
}

Encoder::~Encoder() {
    if (made_) jpeg_destroy_compress(&codec_);
}

std::size_t Encoder::encode(const std::uint8_t* rgba, std::uint32_t width, std::uint32_t height, bool bottom_up,
                            int quality, std::uint8_t* out, std::size_t capacity) noexcept {
    if (!made_) return 0;
    if (setjmp(error_.target) != 0) {
        jpeg_abort_compress(&codec_);
        return 0;
    }
    destination_.next_output_byte = out;
    destination_.free_in_buffer = capacity;
    codec_.image_width = width;
    codec_.image_height = height;
    codec_.input_components = 4;
    codec_.in_color_space = JCS_EXT_RGBA;
    jpeg_set_defaults(&codec_);
    jpeg_set_quality(&codec_, quality, TRUE);
    jpeg_start_compress(&codec_, TRUE);
    const std::size_t stride = static_cast<std::size_t>(width) * 4;
    while (codec_.next_scanline < height) {
        const std::size_t row = bottom_up ? height - 1 - codec_.next_scanline : codec_.next_scanline;
        JSAMPROW line = const_cast<std::uint8_t*>(rgba + row * stride);
        jpeg_write_scanlines(&codec_, &line, 1);
    }
    jpeg_finish_compress(&codec_);
    return capacity - destination_.free_in_buffer;
}

}  // namespace dreamport::jpeg
