#include "support/session_pair.h"

#include <algorithm>

#include "doctest/doctest.h"

namespace dreamport::test {

std::uint8_t* Listener::on_message_begin(std::size_t size) noexcept {
    begun.push_back(size);
    if (refuses) return nullptr;
    memory = std::make_unique<std::uint8_t[]>(size);  // exactly as large, so that a sanitizer sees one byte too many
    return memory.get();
}

void Listener::on_message(std::uint8_t* data, std::size_t size) noexcept {
    messages.emplace_back(data, data + size);
    memory.reset();
    if (cancels != nullptr) cancels->cancel();
}

void Listener::on_end(const net::GrpcStatus& how) noexcept {
    ++ends;
    status = how;
}

SessionPair::SessionPair(const std::vector<nghttp2_settings_entry>& settings, const std::string& token)
    : peer(settings), session({"test:1", false, token}, now_ns) {}

bool SessionPair::client_speaks(std::size_t most) {
    session.produce(now_ns);
    net::Bytes part;
    if (session.output().next(&part, 1) == 0) return false;
    const std::size_t count = std::min(part.size, most);
    const bool good = peer.hear(part.data, count);
    INFO(peer.last_error);
    CHECK(good);
    session.output().pop(count);
    return good;
}

void SessionPair::say(const Octets& octets, std::size_t piece) {
    for (std::size_t at = 0; at < octets.size();) {
        const std::size_t count = std::min(piece, octets.size() - at);
        const auto exact = std::make_unique<std::uint8_t[]>(count);
        std::copy_n(octets.begin() + static_cast<std::ptrdiff_t>(at), count, exact.get());
        session.receive(exact.get(), count, now_ns);
        at += count;
    }
    session.settle();
}

void SessionPair::exchange() {
    for (bool moved = true; moved;) {
        moved = false;
        while (client_speaks())
            moved = true;
        const Octets said = peer.speak();
        if (!said.empty()) {
            say(said);
            moved = true;
        }
        session.settle();
    }
}

}  // namespace dreamport::test
