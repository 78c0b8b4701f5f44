// What every entry of the C ABI does first and last.
#pragma once

#include <new>
#include <system_error>

#include "dreamport/core.h"

namespace dreamport::library {

bool is_shut_down() noexcept;

// Runs `entry`, which answers a dp_status. No exception gets out.
template <class Entry>
std::int32_t guarded(Entry entry) noexcept {
    if (is_shut_down()) return DP_ERROR_SHUT_DOWN;
    try {
        return entry();
    } catch (const std::bad_alloc&) {
        return DP_ERROR_MEMORY;
    } catch (const std::system_error&) {
        return DP_ERROR_MEMORY;
    } catch (...) {
        return DP_ERROR_STATE;
    }
}

}  // namespace dreamport::library
