// core.h, "library".
#include <algorithm>
#include <atomic>

#include "clock.h"
#include "dreamport/core.h"
#include "library/guard.h"
#include "library/tables.h"
#include "library/threads.h"

#if !defined(DREAMPORT_VERSION)
#define DREAMPORT_VERSION "0.0.0"
#endif
#if !defined(DREAMPORT_COMPONENTS)
#define DREAMPORT_COMPONENTS ""
#endif

namespace dreamport::library {
namespace {

std::atomic<bool> shut_down{false};

}  // namespace

bool is_shut_down() noexcept {
    return shut_down.load(std::memory_order_acquire);
}

}  // namespace dreamport::library

namespace library = dreamport::library;

uint32_t DP_CALL dp_abi_version(void) {
    return DP_ABI_VERSION;
}

const char* DP_CALL dp_version(void) {
    return DREAMPORT_VERSION;
}

const char* DP_CALL dp_components(void) {
    return DREAMPORT_COMPONENTS;
}

const char* DP_CALL dp_status_text(int32_t status) {
    switch (status) {
        case DP_OK:
            return "Done.";
        case DP_NOTHING_NEW:
            return "Nothing new yet: ask again later.";
        case DP_ERROR_ARGUMENT:
            return "An argument is null or out of range, or the handle was destroyed.";
        case DP_ERROR_VERSION:
            return "struct_size is none that this library knows: use the header it was built with.";
        case DP_ERROR_STATE:
            return "Not now: no session or episode is open, or nothing is lent.";
        case DP_ERROR_FULL:
            return "A bounded queue or pool is full: give frames back, or slow down.";
        case DP_ERROR_MEMORY:
            return "The system gave no memory or thread.";
        case DP_ERROR_SHUT_DOWN:
            return "The library was shut down; dp_restart makes it usable again.";
        default:
            return "No dp_status.";
    }
}

int64_t DP_CALL dp_now_ns(void) {
    return dreamport::now_ns();
}

int32_t DP_CALL dp_shutdown(uint32_t timeout_ms) {
    const std::int64_t deadline = dreamport::now_ns() + std::int64_t{timeout_ms} * 1'000'000;
    const auto work = [&]() -> std::int32_t {
        // Most of the time for farewells, the rest for closing sockets.
        const std::int64_t polite_ms = std::max<std::int64_t>(std::int64_t{timeout_ms} - 300, 0);
        for (const auto& client : library::clients().take_all())
            client->end(std::min<std::int64_t>(polite_ms, 1000));
        for (const auto& query : library::queries().take_all())
            query->end(0);
        for (const auto& recorder : library::recorders().take_all())
            recorder->end(std::min<std::int64_t>(polite_ms, 5000));
        return library::join_all(deadline) ? DP_OK : DP_ERROR_STATE;
    };
    library::shut_down.store(true, std::memory_order_release);
    try {
        return work();
    } catch (...) {
        return DP_ERROR_MEMORY;
    }
}

int32_t DP_CALL dp_restart(void) {
    library::shut_down.store(false, std::memory_order_release);
    return DP_OK;
}
