#include "allocation_count.h"

#include <atomic>
#include <cstddef>

namespace {

std::atomic<std::uint64_t> total{0};

}  // namespace

std::uint64_t allocations_so_far() noexcept {
    return total.load();
}

// Only where glibc's own names behind malloc can be called, and no sanitizer has its malloc in front of it.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
    total.fetch_add(1);
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    total.fetch_add(1);
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
    total.fetch_add(1);
    return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    total.fetch_add(1);
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
    total.fetch_add(1);
    *out = __libc_memalign(alignment, size);
    return *out == nullptr ? 12 : 0;
}
}

#endif
#endif
