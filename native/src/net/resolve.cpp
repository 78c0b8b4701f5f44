#include "net/resolve.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <system_error>
#include <thread>

#include "net/wake.h"

#if defined(_WIN32)
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#endif

namespace dreamport::net {
namespace {

constexpr std::size_t most_addresses = 8;

// A resolver thread may outlive the last client, so the code it runs must not be unloaded.
void keep_library_loaded() noexcept {
#if defined(_WIN32)
    HMODULE self = nullptr;
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                       reinterpret_cast<LPCWSTR>(&keep_library_loaded), &self);
#else
    Dl_info self;
    if (dladdr(reinterpret_cast<void*>(&keep_library_loaded), &self) != 0 && self.dli_fname != nullptr)
        dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

// The system's order of preference, with the two families taken in turn.
std::vector<Address> take_turns(const std::vector<Address>& found) {
    std::vector<Address> result;
    if (found.empty()) return result;
    std::vector<Address> ours, theirs;
    for (const Address& one : found)
        (one.family == found.front().family ? ours : theirs).push_back(one);
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
        if (i < ours.size()) result.push_back(ours[i]);
        if (i < theirs.size()) result.push_back(theirs[i]);
    }
    if (result.size() > most_addresses) result.resize(most_addresses);
    return result;
}

int look_up(const std::string& host, std::uint16_t port, int flags, std::vector<Address>* found) {
    addrinfo hints = {};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* first = nullptr;
    const int failure = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &first);
    if (failure != 0) return failure;
    std::vector<Address> all;
    for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
        if (one->ai_addrlen > sizeof(Address::bytes)) continue;
        Address address;
        std::memcpy(address.bytes, one->ai_addr, one->ai_addrlen);
        address.size = static_cast<unsigned int>(one->ai_addrlen);
        address.family = one->ai_family;
        all.push_back(address);
    }
    freeaddrinfo(first);
    *found = take_turns(all);
    return 0;
}

bool is_localhost(const std::string& host) noexcept {
    constexpr char name[] = "localhost";
    if (host.size() != sizeof name - 1) return false;
    for (std::size_t i = 0; i < host.size(); ++i)
        if ((host[i] | 0x20) != name[i]) return false;
    return true;
}

}  // namespace

struct Resolution::State {
    std::atomic<bool> done{false};
    std::vector<Address> addresses;
    std::string reason;

    void finish(const std::string& host, std::uint16_t port, int flags) {
        const int failure = look_up(host, port, flags, &addresses);
        if (failure != 0) {
#if defined(_WIN32)
            reason = text_of_error(failure);
#else
            reason = gai_strerror(failure);
#endif
        }
        done.store(true);
    }
};

Resolution Resolution::begin(const std::string& host, std::uint16_t port, std::shared_ptr<Wake> wake) {
    Resolution result;
    result.state_ = std::make_shared<State>();
    start_sockets();
    if (is_localhost(host)) {  // never leaves the machine, whatever its name service says
        std::vector<Address> v6;
        look_up("127.0.0.1", port, AI_NUMERICHOST, &result.state_->addresses);
        look_up("::1", port, AI_NUMERICHOST, &v6);
        result.state_->addresses.insert(result.state_->addresses.end(), v6.begin(), v6.end());
        result.state_->done.store(true);
        return result;
    }
    if (is_address(host)) {
        result.state_->finish(host, port, AI_NUMERICHOST);
        return result;
    }
    keep_library_loaded();
    std::thread([state = result.state_, wake = std::move(wake), host, port] {
        try {
            state->finish(host, port, 0);
        } catch (...) {  // no memory
            state->addresses.clear();
            state->done.store(true);
        }
        wake->signal();
    }).detach();
    return result;
}

bool Resolution::done() const noexcept {
    return state_->done.load();
}
const std::vector<Address>& Resolution::addresses() const noexcept {
    return state_->addresses;
}
const std::string& Resolution::reason() const noexcept {
    return state_->reason;
}

bool is_address(const std::string& host) noexcept {
    unsigned char bytes[16];
    start_sockets();
    return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace dreamport::net
