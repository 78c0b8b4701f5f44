// libjpeg reports errors by a call that must not return: this one jumps back to whoever called libjpeg.
#pragma once

#include <cstddef>
#include <cstdio>

#include <jpeglib.h>

#include <csetjmp>

namespace dreamport::jpeg {

struct ErrorJump {
    jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
    std::jmp_buf target;

    jpeg_error_mgr* set_up() noexcept {
        jpeg_error_mgr* out = jpeg_std_error(&manager);
        out->error_exit = [](j_common_ptr codec) { std::longjmp(reinterpret_cast<ErrorJump*>(codec->err)->target, 1); };
        out->emit_message = [](j_common_ptr codec, int level) {
            if (level < 0) ++codec->err->num_warnings;  // damaged data
        };
        out->output_message = [](j_common_ptr) {};
        return out;
    }
};

}  // namespace dreamport::jpeg
