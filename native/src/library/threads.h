// The library's own threads: every one is started here, so that dp_shutdown can wait for all of them.
#pragma once

#include <cstdint>
#include <functional>

namespace dreamport::library {

// Runs `work` on a new thread. Throws std::system_error or std::bad_alloc. Joins threads that have ended before.
void launch(std::function<void()> work);

// Waits until every thread has ended, at most until `deadline_ns`. True when none is left.
bool join_all(std::int64_t deadline_ns);

}  // namespace dreamport::library
