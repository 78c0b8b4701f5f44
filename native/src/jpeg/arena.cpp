#include "jpeg/arena.h"

#include <cstdint>
#include <new>

namespace dreamport::jpeg {
namespace {

constexpr std::size_t alignment = 64;

std::size_t aligned(std::size_t size) noexcept {
    return (size + alignment - 1) / alignment * alignment;
}

Arena& arena_of(jpeg_common_struct* codec) noexcept {
    return *static_cast<Arena*>(codec->client_data);
}

}  // namespace

void Arena::attach(jpeg_common_struct* codec) noexcept {
    original_ = *codec->mem;
    codec->client_data = this;
    codec->mem->alloc_small = &allocate;
    codec->mem->alloc_large = &allocate;
    codec->mem->alloc_sarray = &allocate_rows;
    codec->mem->alloc_barray = &allocate_blocks;
    codec->mem->free_pool = &free_pool;
}

void* Arena::take(std::size_t size) noexcept {
    wanted_ += aligned(size);
    const auto start = reinterpret_cast<std::uintptr_t>(block_.get());
    const std::size_t begin = aligned(start + used_) - start;
    if (block_ == nullptr || begin > capacity_ || size > capacity_ - begin) return nullptr;
    used_ = begin + size;
    return block_.get() + begin;
}

void Arena::reset() noexcept {
    if (wanted_ + alignment > capacity_) {
        capacity_ = wanted_ + wanted_ / 8 + 2 * alignment;
        block_.reset(new (std::nothrow) unsigned char[capacity_]);
        if (block_ == nullptr) capacity_ = 0;
    }
    used_ = wanted_ = 0;
}

void* Arena::allocate(jpeg_common_struct* codec, int pool, std::size_t size) {
    Arena& self = arena_of(codec);
    void* memory = pool == JPOOL_IMAGE ? self.take(size) : nullptr;
    return memory != nullptr ? memory : self.original_.alloc_large(codec, pool, size);
}

JSAMPARRAY Arena::allocate_rows(jpeg_common_struct* codec, int pool, JDIMENSION width, JDIMENSION rows) {
    Arena& self = arena_of(codec);
    if (pool != JPOOL_IMAGE) return self.original_.alloc_sarray(codec, pool, width, rows);
    const std::size_t stride = aligned(static_cast<std::size_t>(width) * sizeof(JSAMPLE));
    auto* array = static_cast<JSAMPARRAY>(allocate(codec, pool, rows * sizeof(JSAMPROW)));
    auto* samples = static_cast<JSAMPLE*>(allocate(codec, pool, rows * stride));
    for (JDIMENSION row = 0; row < rows; ++row)
        array[row] = samples + row * stride;
    return array;
}

JBLOCKARRAY Arena::allocate_blocks(jpeg_common_struct* codec, int pool, JDIMENSION width, JDIMENSION rows) {
    Arena& self = arena_of(codec);
    if (pool != JPOOL_IMAGE) return self.original_.alloc_barray(codec, pool, width, rows);
    auto* array = static_cast<JBLOCKARRAY>(allocate(codec, pool, rows * sizeof(JBLOCKROW)));
    auto* blocks = static_cast<JBLOCK*>(allocate(codec, pool, static_cast<std::size_t>(rows) * width * sizeof(JBLOCK)));
    for (JDIMENSION row = 0; row < rows; ++row)
        array[row] = blocks + static_cast<std::size_t>(row) * width;
    return array;
}

void Arena::free_pool(jpeg_common_struct* codec, int pool) {
    Arena& self = arena_of(codec);
    self.original_.free_pool(codec, pool);
    if (pool == JPOOL_IMAGE) self.reset();
}

}  // namespace dreamport::jpeg
