// From a host name to addresses, without ever blocking the thread that asks: the system's resolver may take many
// seconds, so a name is looked up on a thread of its own, which is left behind when nobody waits for it any more.
// Addresses in digits and "localhost" need no thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/socket.h"

namespace dreamport::net {

class Wake;

class Resolution {
  public:
    // Begins the look-up; `wake` is signalled when it is done.
    static Resolution begin(const std::string& host, std::uint16_t port, std::shared_ptr<Wake> wake);

    bool done() const noexcept;
    // Once done: the addresses, IPv6 and IPv4 in turn, the system's favourite first; empty when there are none.
    const std::vector<Address>& addresses() const noexcept;
    // Once done without addresses: the resolver's words.
    const std::string& reason() const noexcept;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

// Whether `host` is an IPv4 or IPv6 address in digits.
bool is_address(const std::string& host) noexcept;

}  // namespace dreamport::net
