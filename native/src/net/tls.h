// TLS 1.2 or newer over a socket, with the server's certificate checked: its chain, its time and its name.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "net/socket.h"

namespace dreamport::net {

class Tls {
  public:
    // Over a connected socket, which must outlive it. Reads the trusted certificates. Null when that cannot be; then
    // `detail` says why.
    static std::unique_ptr<Tls> begin(const Socket* socket, const std::string& server_name, const std::string& ca_file,
                                      std::string* detail);

    // The next step of the handshake. done: it is complete; blocked: call again when the socket is ready; failed: see
    // trouble.
    IoResult shake_hands();
    Trouble trouble() const noexcept { return trouble_; }
    const std::string& detail() const noexcept { return detail_; }
    // What the last blocked call waits for.
    bool wants_write() const noexcept { return wants_write_; }

    Io receive(std::uint8_t* data, std::size_t capacity);
    Io send(const Bytes* parts, std::size_t count);
    // Says goodbye; does not wait for the answer.
    void end_sending();

  private:
    static constexpr std::size_t record_bytes = 16 * 1024;

    Tls() = default;
    Io result_of(int result);
    void explain_failure();
    void explain_certificate(long verdict);

    const Socket* socket_ = nullptr;
    std::string name_;
    bssl::UniquePtr<SSL_CTX> context_;
    bssl::UniquePtr<SSL> ssl_;
    Trouble trouble_ = Trouble::none;
    std::string detail_;
    bool wants_write_ = false;
    std::size_t gathered_ = 0;  // bytes of gather_ that SSL_write was given and did not take
    std::uint8_t gather_[record_bytes];
};

}  // namespace dreamport::net
