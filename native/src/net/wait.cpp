#include "net/wait.h"

#include <algorithm>

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <poll.h>
#include <time.h>
#endif

namespace dreamport::net {

#if defined(_WIN32)

void wait_for(Watched* watched, int count, std::int64_t timeout_ns) noexcept {
    fd_set reading, writing, failing;
    FD_ZERO(&reading);
    FD_ZERO(&writing);
    FD_ZERO(&failing);
    bool any = false;
    for (int i = 0; i < count; ++i) {
        Watched& one = watched[i];
        one.readable = one.writable = false;
        if (one.socket == no_socket || (!one.want_read && !one.want_write)) continue;
        any = true;
        if (one.want_read) FD_SET(one.socket, &reading);
        if (one.want_write) {
            FD_SET(one.socket, &writing);
            FD_SET(one.socket, &failing);
        }
    }
    timeout_ns = std::max<std::int64_t>(timeout_ns, 0);
    if (!any) {
        Sleep(static_cast<DWORD>(std::min<std::int64_t>((timeout_ns + 999'999) / 1'000'000, 1'000)));
        return;
    }
    timeval time;
    time.tv_sec = static_cast<long>(std::min<std::int64_t>(timeout_ns / 1'000'000'000, 3600));
    time.tv_usec = static_cast<long>((timeout_ns % 1'000'000'000 + 999) / 1000);
    if (time.tv_usec > 999'999) time.tv_usec = 999'999;
    if (select(0, &reading, &writing, &failing, &time) <= 0) return;
    for (int i = 0; i < count; ++i) {
        Watched& one = watched[i];
        if (one.socket == no_socket) continue;
        one.readable = one.want_read && FD_ISSET(one.socket, &reading);
        one.writable = one.want_write && (FD_ISSET(one.socket, &writing) || FD_ISSET(one.socket, &failing));
    }
}

#else

void wait_for(Watched* watched, int count, std::int64_t timeout_ns) noexcept {
    pollfd entries[most_watched];
    count = std::min(count, most_watched);
    for (int i = 0; i < count; ++i) {
        const Watched& one = watched[i];
        const bool wanted = one.want_read || one.want_write;
        entries[i].fd = wanted ? one.socket : -1;
        entries[i].events = static_cast<short>((one.want_read ? POLLIN : 0) | (one.want_write ? POLLOUT : 0));
        entries[i].revents = 0;
    }
    timeout_ns = std::max<std::int64_t>(timeout_ns, 0);
#if defined(__linux__)
    timespec time;
    time.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000);
    time.tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000);
    ppoll(entries, static_cast<nfds_t>(count), &time, nullptr);
#else
    const auto milliseconds = std::min<std::int64_t>((timeout_ns + 999'999) / 1'000'000, 3'600'000);
    poll(entries, static_cast<nfds_t>(count), static_cast<int>(milliseconds));
#endif
    for (int i = 0; i < count; ++i) {
        const auto events = entries[i].revents;
        const bool broken = (events & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        watched[i].readable = watched[i].want_read && (broken || (events & POLLIN) != 0);
        watched[i].writable = watched[i].want_write && (broken || (events & POLLOUT) != 0);
    }
}

#endif

}  // namespace dreamport::net
