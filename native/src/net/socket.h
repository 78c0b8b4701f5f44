// Non-blocking TCP sockets of POSIX and Winsock under one name. Nothing here waits; see wait.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "net/grpc_connection.h"

struct sockaddr;

namespace dreamport::net {

#if defined(_WIN32)
using SocketHandle = std::uintptr_t;
#else
using SocketHandle = int;
#endif
constexpr SocketHandle no_socket = static_cast<SocketHandle>(-1);

// One address to connect to, with room for IPv4 and IPv6.
struct Address {
    alignas(8) unsigned char bytes[128] = {};
    unsigned int size = 0;
    int family = 0;

    const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(bytes); }
};

enum class IoResult {
    done,     // `count` bytes were moved, at least one
    blocked,  // not now: wait until it is readable or writable
    closed,   // the other side closed
    failed,   // see error
};

struct Io {
    IoResult result = IoResult::failed;
    std::size_t count = 0;
    int error = 0;  // errno or WSAGetLastError
};

// Makes Winsock ready; does nothing elsewhere. False when the system refuses.
bool start_sockets() noexcept;

class Socket {
  public:
    Socket() = default;
    explicit Socket(SocketHandle handle) noexcept : handle_(handle) {}
    Socket(Socket&& other) noexcept : handle_(other.release()) {}
    Socket& operator=(Socket&& other) noexcept;
    ~Socket() { close(); }

    // A socket that is connecting (or failed at once: then `error` is set and the socket is empty).
    static Socket connecting(const Address& address, int* error) noexcept;

    bool open() const noexcept { return handle_ != no_socket; }
    SocketHandle handle() const noexcept { return handle_; }
    SocketHandle release() noexcept;
    void close() noexcept;

    // Once it became writable: 0 when it is connected, else the error.
    int connect_error() const noexcept;
    Io receive(std::uint8_t* data, std::size_t capacity) const noexcept;
    // Sends the parts one after the other, as many as fit.
    Io send(const Bytes* parts, std::size_t count) const noexcept;
    // Says that nothing more will be sent; what was sent still arrives.
    void end_sending() const noexcept;

  private:
    SocketHandle handle_ = no_socket;
};

// What a failed connect means.
Trouble trouble_of_connect(int error) noexcept;
// The system's words for an error.
std::string text_of_error(int error);

}  // namespace dreamport::net
