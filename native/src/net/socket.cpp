#include "net/socket.h"

#include <algorithm>
#include <system_error>

#if defined(_WIN32)
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#endif

namespace dreamport::net {
namespace {

constexpr std::size_t most_parts = 64;

#if defined(_WIN32)

int last_error() noexcept {
    return WSAGetLastError();
}
bool is_blocked(int error) noexcept {
    return error == WSAEWOULDBLOCK || error == WSAEINPROGRESS;
}
bool is_interrupted(int error) noexcept {
    return error == WSAEINTR;
}

bool make_non_blocking(SocketHandle handle) noexcept {
    u_long on = 1;
    return ioctlsocket(handle, FIONBIO, &on) == 0;
}

#else

int last_error() noexcept {
    return errno;
}
bool is_blocked(int error) noexcept {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS;
}
bool is_interrupted(int error) noexcept {
    return error == EINTR;
}

bool make_non_blocking(SocketHandle handle) noexcept {
    const int flags = fcntl(handle, F_GETFL, 0);
    return flags >= 0 && fcntl(handle, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(handle, F_SETFD, FD_CLOEXEC) == 0;
}

#endif

void set_option(SocketHandle handle, int level, int option) noexcept {
    const int on = 1;
    setsockopt(handle, level, option, reinterpret_cast<const char*>(&on), sizeof on);
}

Io failure() noexcept {
    const int error = last_error();
    return {is_blocked(error) ? IoResult::blocked : IoResult::failed, 0, error};
}

}  // namespace

bool start_sockets() noexcept {
#if defined(_WIN32)
    static const bool started = [] {
        WSADATA data;
        return WSAStartup(MAKEWORD(2, 2), &data) == 0;
    }();
    return started;
#else
    return true;
#endif
}

Socket& Socket::operator=(Socket&& other) noexcept {
    if (this != &other) {
        close();
        handle_ = other.release();
    }
    return *this;
}

SocketHandle Socket::release() noexcept {
    const SocketHandle handle = handle_;
    handle_ = no_socket;
    return handle;
}

void Socket::close() noexcept {
    if (!open()) return;
#if defined(_WIN32)
    closesocket(release());
#else
    ::close(release());
#endif
}

Socket Socket::connecting(const Address& address, int* error) noexcept {
    *error = 0;
    Socket made(static_cast<SocketHandle>(::socket(address.family, SOCK_STREAM, IPPROTO_TCP)));
    if (!made.open() || !make_non_blocking(made.handle())) {
        *error = last_error();
        return Socket();
    }
    set_option(made.handle(), IPPROTO_TCP, TCP_NODELAY);
#if defined(SO_NOSIGPIPE)
    set_option(made.handle(), SOL_SOCKET, SO_NOSIGPIPE);
#endif
    if (::connect(made.handle(), address.get(), static_cast<socklen_t>(address.size)) != 0) {
        const int why = last_error();
        if (!is_blocked(why) && !is_interrupted(why)) {
            *error = why;
            return Socket();
        }
    }
    return made;
}

int Socket::connect_error() const noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(handle_, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &size) != 0) return last_error();
    return error;
}

Io Socket::receive(std::uint8_t* data, std::size_t capacity) const noexcept {
    for (;;) {
#if defined(_WIN32)
        const auto count = ::recv(handle_, reinterpret_cast<char*>(data),
                                  static_cast<int>(std::min<std::size_t>(capacity, 1u << 30)), 0);
#else
        const auto count = ::recv(handle_, data, capacity, 0);
#endif
        if (count > 0) return {IoResult::done, static_cast<std::size_t>(count), 0};
        if (count == 0) return {IoResult::closed, 0, 0};
        if (!is_interrupted(last_error())) return failure();
    }
}

Io Socket::send(const Bytes* parts, std::size_t count) const noexcept {
    count = std::min(count, most_parts);
#if defined(_WIN32)
    WSABUF buffers[most_parts];
    for (std::size_t i = 0; i < count; ++i) {
        buffers[i].buf = const_cast<char*>(reinterpret_cast<const char*>(parts[i].data));
        buffers[i].len = static_cast<u_long>(parts[i].size);
    }
    DWORD sent = 0;
    if (WSASend(handle_, buffers, static_cast<DWORD>(count), &sent, 0, nullptr, nullptr) != 0) return failure();
    return {IoResult::done, sent, 0};
#else
    iovec buffers[most_parts];
    for (std::size_t i = 0; i < count; ++i) {
        buffers[i].iov_base = const_cast<std::uint8_t*>(parts[i].data);
        buffers[i].iov_len = parts[i].size;
    }
    msghdr message = {};
    message.msg_iov = buffers;
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
#if defined(MSG_NOSIGNAL)
    constexpr int flags = MSG_NOSIGNAL;  // a closed connection must not end the engine with SIGPIPE
#else
    constexpr int flags = 0;
#endif
    for (;;) {
        const auto sent = ::sendmsg(handle_, &message, flags);
        if (sent >= 0) return {IoResult::done, static_cast<std::size_t>(sent), 0};
        if (!is_interrupted(last_error())) return failure();
    }
#endif
}

void Socket::end_sending() const noexcept {
#if defined(_WIN32)
    ::shutdown(handle_, SD_SEND);
#else
    ::shutdown(handle_, SHUT_WR);
#endif
}

Trouble trouble_of_connect(int error) noexcept {
#if defined(_WIN32)
    if (error == WSAECONNREFUSED) return Trouble::refused;
    if (error == WSAETIMEDOUT) return Trouble::timed_out;
#else
    if (error == ECONNREFUSED || error == ECONNRESET) return Trouble::refused;
    if (error == ETIMEDOUT) return Trouble::timed_out;
#endif
    return Trouble::unreachable;
}

std::string text_of_error(int error) {
    return std::system_category().message(error);
}

}  // namespace dreamport::net
