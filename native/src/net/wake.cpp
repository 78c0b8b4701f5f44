#include "net/wake.h"

#if defined(_WIN32)
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

namespace dreamport::net {

#if defined(_WIN32)

Wake::Wake() noexcept {
    if (!start_sockets()) return;
    const SOCKET made = ::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    if (made == INVALID_SOCKET) return;
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    u_long on = 1;
    // Connected to itself, it hears nobody else.
    if (::bind(made, generic, size) != 0 || ::getsockname(made, generic, &size) != 0 ||
        ::connect(made, generic, size) != 0 || ioctlsocket(made, FIONBIO, &on) != 0) {
        closesocket(made);
        return;
    }
    read_ = write_ = made;
}

Wake::~Wake() {
    if (read_ != no_socket) closesocket(read_);
}

void Wake::signal() noexcept {
    if (!signalled_.exchange(true)) ::send(write_, "", 1, 0);
}

void Wake::clear() noexcept {
    char bytes[16];
    while (::recv(read_, bytes, sizeof bytes, 0) > 0) {
    }
    signalled_.store(false);
}

#else

Wake::Wake() noexcept {
    int ends[2];
    if (::pipe(ends) != 0) return;
    for (const int end : ends) {
        fcntl(end, F_SETFL, O_NONBLOCK);
        fcntl(end, F_SETFD, FD_CLOEXEC);
    }
    read_ = ends[0];
    write_ = ends[1];
}

Wake::~Wake() {
    if (read_ == no_socket) return;
    ::close(read_);
    ::close(write_);
}

void Wake::signal() noexcept {
    if (signalled_.exchange(true)) return;
    const char byte = 0;
    if (::write(write_, &byte, 1) < 0) return;  // full: it is readable then, which is all we want
}

void Wake::clear() noexcept {
    char bytes[16];
    while (::read(read_, bytes, sizeof bytes) > 0) {
    }
    signalled_.store(false);  // after reading: a signal from now on writes again
}

#endif

}  // namespace dreamport::net
