// Counts allocations of a thread between two marks, by standing before malloc.

#include "allocations.h"

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include <malloc.h>

extern "C" void* __libc_malloc(std::size_t);
extern "C" void* __libc_calloc(std::size_t, std::size_t);
extern "C" void* __libc_realloc(void*, std::size_t);
extern "C" void* __libc_memalign(std::size_t, std::size_t);

namespace
{
	thread_local bool bCounting = false;
	thread_local long Count = 0;
	[[maybe_unused]] void Seen() { Count += bCounting ? 1 : 0; }
}

// A sanitizer has a malloc of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" void* malloc(std::size_t Size) { Seen(); return __libc_malloc(Size); }
extern "C" void* calloc(std::size_t Items, std::size_t Size) { Seen(); return __libc_calloc(Items, Size); }
extern "C" void* realloc(void* At, std::size_t Size) { Seen(); return __libc_realloc(At, Size); }
extern "C" void* aligned_alloc(std::size_t Alignment, std::size_t Size) { Seen(); return __libc_memalign(Alignment, Size); }
#endif

long Stub::AllocationsOf(void (*Call)(void*), void* Argument)
{
	const bool bBefore = bCounting;
	const long Start = Count;
	bCounting = true;
	Call(Argument);
	bCounting = bBefore;
	return Count - Start;
}
