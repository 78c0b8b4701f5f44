#include "net/memory_pool.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace dreamport::net {

struct alignas(std::max_align_t) MemoryPool::Header {
    std::size_t size;  // bytes after the header
    Header* next;
};

namespace {

constexpr std::size_t smallest = 32;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool reuse = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool reuse = false;
#else
constexpr bool reuse = true;
#endif
#else
constexpr bool reuse = true;
#endif

int class_of(std::size_t size) noexcept {
    int result = 0;
    for (std::size_t room = smallest; room < size; room *= 2)
        ++result;
    return result;
}

MemoryPool* pool_of(void* user) noexcept {
    return static_cast<MemoryPool*>(user);
}

}  // namespace

const bool MemoryPool::reuses = reuse;

MemoryPool::MemoryPool() noexcept {
    allocator_.mem_user_data = this;
    allocator_.malloc = [](std::size_t size, void* user) { return pool_of(user)->take(size); };
    allocator_.free = [](void* memory, void* user) { pool_of(user)->give(memory); };
    allocator_.calloc = [](std::size_t count, std::size_t size, void* user) -> void* {
        if (size != 0 && count > SIZE_MAX / size) return nullptr;
        void* const memory = pool_of(user)->take(count * size);
        if (memory != nullptr) std::memset(memory, 0, count * size);
        return memory;
    };
    allocator_.realloc = [](void* memory, std::size_t size, void* user) { return pool_of(user)->resize(memory, size); };
}

MemoryPool::~MemoryPool() {
    for (Header* one : free_) {
        while (one != nullptr) {
            Header* const next = one->next;
            std::free(one);
            one = next;
        }
    }
}

void* MemoryPool::take(std::size_t size) noexcept {
    if (size > SIZE_MAX / 2) return nullptr;
    const int kind = reuse ? class_of(size) : classes;
    if (kind < classes && free_[kind] != nullptr) {
        Header* const header = free_[kind];
        free_[kind] = header->next;
        return header + 1;
    }
    const std::size_t room = kind < classes ? smallest << kind : size;
    auto* const header = static_cast<Header*>(std::malloc(sizeof(Header) + room));
    if (header == nullptr) return nullptr;
    ++requests_;
    header->size = room;
    return header + 1;
}

void MemoryPool::give(void* memory) noexcept {
    if (memory == nullptr) return;
    Header* const header = static_cast<Header*>(memory) - 1;
    const int kind = reuse ? class_of(header->size) : classes;
    if (kind >= classes) {
        std::free(header);
        return;
    }
    header->next = free_[kind];
    free_[kind] = header;
}

void* MemoryPool::resize(void* memory, std::size_t size) noexcept {
    if (memory == nullptr) return take(size);
    const std::size_t old = (static_cast<Header*>(memory) - 1)->size;
    if (size <= old && reuse) return memory;
    void* const larger = take(size);
    if (larger == nullptr) return nullptr;
    std::memcpy(larger, memory, std::min(old, size));
    give(memory);
    return larger;
}

}  // namespace dreamport::net
