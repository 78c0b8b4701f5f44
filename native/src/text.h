// UTF-8 in fields of fixed size: cut at a character's border, never overrun, always ended with 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dreamport {

// Copies what fits into `out` and pads with 0. Bytes that are not UTF-8, and zeros, become '?'.
void copy_text(char* out, std::size_t capacity, std::string_view text) noexcept;

template <std::size_t N>
void copy_text(char (&out)[N], std::string_view text) noexcept {
    copy_text(out, N, text);
}

// The text in a field that the caller filled: up to its first 0, or all of it.
template <std::size_t N>
std::string_view text_of(const char (&field)[N]) noexcept {
    std::size_t length = 0;
    while (length < N && field[length] != '\0')
        ++length;
    return {field, length};
}

// Length of a C string, at most `limit`; null counts as empty.
std::string_view text_of(const char* text, std::size_t limit) noexcept;

}  // namespace dreamport
