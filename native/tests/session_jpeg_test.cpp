// JPEG both ways, with damaged pictures, and without memory for every picture.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "allocation_count.h"
#include "doctest/doctest.h"
#include "jpeg/decoder.h"
#include "jpeg/encoder.h"

using namespace dreamport::jpeg;

namespace {

std::vector<std::uint8_t> picture(std::uint32_t width, std::uint32_t height) {
    std::vector<std::uint8_t> rgba(std::size_t{4} * width * height);
    for (std::uint32_t y = 0; y < height; ++y) {
        for (std::uint32_t x = 0; x < width; ++x) {
            std::uint8_t* pixel = &rgba[4 * (std::size_t{y} * width + x)];
            pixel[0] = static_cast<std::uint8_t>(255 * x / width);
            pixel[1] = static_cast<std::uint8_t>(255 * y / height);
            pixel[2] = 128;
            pixel[3] = 255;
        }
    }
    return rgba;
}

double difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += std::abs(int{a[i]} - int{b[i]});
    return sum / static_cast<double>(a.size());
}

}  // namespace

TEST_CASE("a picture comes back nearly as it was, turned over when it was bottom up") {
    const std::uint32_t width = 322, height = 190;  // no multiples of a block
    const std::vector<std::uint8_t> rgba = picture(width, height);
    std::vector<std::uint8_t> encoded(max_encoded_bytes(width, height)), decoded(rgba.size());
    Encoder encoder;
    Decoder decoder;
    const std::size_t size = encoder.encode(rgba.data(), width, height, false, 92, encoded.data(), encoded.size());
    REQUIRE(size > 0);
    REQUIRE(decoder.decode(encoded.data(), size, width, height, decoded.data()));
    CHECK(difference(rgba, decoded) < 1.5);
    std::vector<std::uint8_t> upside_down(rgba.size());
    for (std::size_t y = 0; y < height; ++y) {
        std::copy_n(&rgba[4 * y * width], 4 * width, &upside_down[4 * (height - 1 - y) * width]);
    }
    const std::size_t turned =
        encoder.encode(upside_down.data(), width, height, true, 92, encoded.data(), encoded.size());
    REQUIRE(decoder.decode(encoded.data(), turned, width, height, decoded.data()));
    CHECK(difference(rgba, decoded) < 1.5);
    CHECK(encoder.encode(rgba.data(), width, height, false, 92, encoded.data(), 100) == 0);
    CHECK(encoder.encode(rgba.data(), width, height, false, 92, encoded.data(), encoded.size()) == size);
}

TEST_CASE("damaged pictures and pictures of another size are refused, and the next one is read again") {
    const std::uint32_t width = 64, height = 48;
    const std::vector<std::uint8_t> rgba = picture(width, height);
    std::vector<std::uint8_t> encoded(max_encoded_bytes(width, height)), decoded(rgba.size());
    Encoder encoder;
    Decoder decoder;
    encoded.resize(encoder.encode(rgba.data(), width, height, false, 85, encoded.data(), encoded.size()));
    CHECK_FALSE(decoder.decode(encoded.data(), encoded.size(), width + 2, height, decoded.data()));
    for (std::size_t size = 0; size < encoded.size(); size += 7) {
        const std::vector<std::uint8_t> cut(encoded.begin(), encoded.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK_FALSE(decoder.decode(cut.data(), cut.size(), width, height, decoded.data()));
    }
    std::mt19937 random(5);
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::uint8_t> changed = encoded;
        for (int i = 0; i < 4; ++i)
            changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
        decoder.decode(changed.data(), changed.size(), width, height, decoded.data());
    }
    CHECK(decoder.decode(encoded.data(), encoded.size(), width, height, decoded.data()));
    CHECK(difference(rgba, decoded) < 4);
}

TEST_CASE("a picture in several scans is refused") {
    const std::uint32_t width = 64, height = 48;
    const std::vector<std::uint8_t> rgba = picture(width, height);
    dreamport::jpeg::ErrorJump error{};
    jpeg_compress_struct codec{};
    codec.err = error.set_up();
    REQUIRE(setjmp(error.target) == 0);
    jpeg_create_compress(&codec);
    unsigned char* encoded = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&codec, &encoded, &size);
    codec.image_width = width;
    codec.image_height = height;
    codec.input_components = 4;
    codec.in_color_space = JCS_EXT_RGBA;
    jpeg_set_defaults(&codec);
    jpeg_scan_info scans[3] = {};
    for (int i = 0; i < 3; ++i) {
        scans[i].comps_in_scan = 1;
        scans[i].component_index[0] = i;
        scans[i].Se = 63;
    }
    codec.scan_info = scans;
    codec.num_scans = 3;
    jpeg_start_compress(&codec, TRUE);
    while (codec.next_scanline < height) {
        auto* line = const_cast<JSAMPLE*>(&rgba[std::size_t{4} * width * codec.next_scanline]);
        jpeg_write_scanlines(&codec, &line, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    std::vector<std::uint8_t> decoded(rgba.size());
    Decoder decoder;
    CHECK_FALSE(decoder.decode(encoded, size, width, height, decoded.data()));
    std::free(encoded);
}

TEST_CASE("after the first pictures nothing is allocated") {
    const std::uint32_t width = 320, height = 192;
    const std::vector<std::uint8_t> rgba = picture(width, height);
    std::vector<std::uint8_t> encoded(max_encoded_bytes(width, height)), decoded(rgba.size());
    Encoder encoder;
    Decoder decoder;
    std::size_t size = 0;
    for (int i = 0; i < 3; ++i) {
        size = encoder.encode(rgba.data(), width, height, false, 85, encoded.data(), encoded.size());
        REQUIRE(decoder.decode(encoded.data(), size, width, height, decoded.data()));
    }
    const AllocationCount count;
    for (int i = 0; i < 50; ++i) {
        encoder.encode(rgba.data(), width, height, false, 85, encoded.data(), encoded.size());
        decoder.decode(encoded.data(), size, width, height, decoded.data());
    }
    CHECK(count.since() == 0);
}
