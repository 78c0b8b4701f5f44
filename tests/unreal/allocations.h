// How often this thread asked for memory.

#pragma once

namespace Stub
{
	/** Allocations that a call makes on this thread. */
	long AllocationsOf(void (*Call)(void*), void* Argument);

	template <typename Callable>
	long AllocationsOf(Callable& Call)
	{
		return AllocationsOf([](void* Argument) { (*static_cast<Callable*>(Argument))(); }, &Call);
	}
}
