#include "text.h"

#include <cstring>

namespace dreamport {
namespace {

// Length of the character at `at` (1 to 4), or 0 when the bytes there are no UTF-8.
std::size_t character_length(std::string_view text, std::size_t at) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(at);
    if (first < 0x80) return first == 0 ? 0 : 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) return 0;
    }
    const unsigned second = byte(at + 1);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool surrogate = first == 0xED && second > 0x9F;
    const bool beyond = first == 0xF4 && second > 0x8F;
    return overlong || surrogate || beyond ? 0 : length;
}

}  // namespace

void copy_text(char* out, std::size_t capacity, std::string_view text) noexcept {
    if (capacity == 0) return;
    std::size_t written = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_length(text, at);
        const std::size_t size = length == 0 ? 1 : length;
        if (written + size >= capacity) break;
        if (length == 0) {
            out[written] = '?';
        } else {
            std::memcpy(out + written, text.data() + at, length);
        }
        written += size;
        at += size;
    }
    std::memset(out + written, 0, capacity - written);
}

std::string_view text_of(const char* text, std::size_t limit) noexcept {
    if (text == nullptr) return {};
    std::size_t length = 0;
    while (length < limit && text[length] != '\0')
        ++length;
    return {text, length};
}

}  // namespace dreamport
