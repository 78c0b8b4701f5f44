#include "link/problems.h"

#include <cstdarg>
#include <cstdio>

#include "text.h"

namespace dreamport {
namespace {

// gRPC's status codes.
enum Code {
    ok = 0,
    cancelled = 1,
    invalid_argument = 3,
    deadline_exceeded = 4,
    not_found = 5,
    permission_denied = 7,
    resource_exhausted = 8,
    failed_precondition = 9,
    aborted = 10,
    unimplemented = 12,
    unavailable = 14,
    unauthenticated = 16,
};

constexpr int longest_part = 200;

int length_of(std::string_view text) noexcept {
    return static_cast<int>(text.size() < longest_part ? text.size() : longest_part);
}

#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
Diagnosis
say(dp_problem problem, bool again, std::string_view server, const char* format, ...) noexcept {
    Diagnosis out;
    out.problem = problem;
    out.again = again;
    char text[512];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (!server.empty()) {
        const std::size_t used = std::char_traits<char>::length(text);
        std::snprintf(text + used, sizeof text - used, " The server says: %.*s", length_of(server), server.data());
    }
    copy_text(out.message, text);
    return out;
}

bool contains(std::string_view text, std::string_view part) noexcept {
    return text.find(part) != std::string_view::npos;
}

// A session moves from a worker that is gone, so what the player hears is not the socket's trouble.
bool is_lost_worker(net::Trouble trouble, const Circumstances& around) noexcept {
    return around.handed_out && (trouble == net::Trouble::refused || trouble == net::Trouble::unreachable ||
                                 trouble == net::Trouble::timed_out || trouble == net::Trouble::lost);
}

Diagnosis diagnose_transport(net::Trouble trouble, const Circumstances& around) noexcept {
    const int n = length_of(around.address);
    const char* a = around.address.data();
    if (is_lost_worker(trouble, around)) {
        return say(DP_PROBLEM_CONNECTION_LOST, true, {},
                   "The worker at %.*s that plays this session is lost or cannot be reached. The session is resumed by "
                   "itself, on another worker and from its last snapshot if need be, some seconds back.",
                   n, a);
    }
    switch (trouble) {
        case net::Trouble::refused:
            return say(
                DP_PROBLEM_BACKEND_ABSENT, true, {},
                "No backend listens at %.*s. Start it with `dreamport serve`, or press Start in the Backend window.", n,
                a);
        case net::Trouble::unreachable:
            return say(
                DP_PROBLEM_ADDRESS, true, {},
                "%.*s cannot be reached: the name does not resolve or there is no route. Check the address and the "
                "network.%s%.*s",
                n, a, around.detail.empty() ? "" : " Detail: ", length_of(around.detail), around.detail.data());
        case net::Trouble::timed_out:
            return say(DP_PROBLEM_TIMEOUT, true, {},
                       around.worked
                           ? "%.*s stopped answering. The connection is tried again; check the network and whether "
                             "the backend still runs."
                           : "%.*s did not answer in time. Check the address, the firewall, and whether the backend "
                             "is busy starting.",
                       n, a);
        case net::Trouble::tls_expired:
            return say(DP_PROBLEM_TLS_CERTIFICATE_EXPIRED, false, {},
                       "The certificate of %.*s has expired. Give the backend a new one (`dreamport serve "
                       "--tls-certificate`), and "
                       "check this machine's clock.",
                       n, a);
        case net::Trouble::tls_untrusted:
            return say(
                DP_PROBLEM_TLS_CERTIFICATE_UNTRUSTED, false, {},
                "The certificate of %.*s is not signed by anyone this machine trusts. Set the CA file to the PEM of "
                "whoever signed it.",
                n, a);
        case net::Trouble::tls_name:
            return say(DP_PROBLEM_TLS_CERTIFICATE_NAME, false, {},
                       "The certificate of %.*s is for another name. Connect to the name in the certificate, or set "
                       "the server "
                       "name to it.",
                       n, a);
        case net::Trouble::tls_other:
            return say(DP_PROBLEM_TLS, false, {},
                       "No TLS connection to %.*s could be made. Check that the backend was started with a "
                       "certificate, or turn "
                       "TLS off.%s%.*s",
                       n, a, around.detail.empty() ? "" : " Detail: ", length_of(around.detail), around.detail.data());
        case net::Trouble::protocol:
            return say(DP_PROBLEM_PROTOCOL, around.worked, {},
                       around.worked
                           ? "%.*s sent something that is not the protocol; the connection is tried again."
                           : "What listens at %.*s does not speak gRPC. Check the port, and whether the backend "
                             "expects TLS.",
                       n, a);
        default:
            return say(DP_PROBLEM_CONNECTION_LOST, true, {},
                       around.worked
                           ? "The connection to %.*s broke. It is tried again by itself; the backend may have been "
                             "stopped or the network interrupted."
                           : "%.*s closed the connection before it was used. Check that a backend listens there, and "
                             "whether it expects TLS.",
                       n, a);
    }
}

Diagnosis diagnose_unavailable(std::string_view server, const Circumstances& around) noexcept {
    const int n = length_of(around.address);
    const char* a = around.address.data();
    if (around.told_to_stop || contains(server, "shutting down")) {
        return say(DP_PROBLEM_SHUTTING_DOWN, true, {}, "The backend at %.*s is shutting down. Start it again; %s.", n,
                   a, around.service == Service::record ? "begin a new episode then" : "a new session is opened then");
    }
    if (contains(server, "world failed")) {
        return say(
            DP_PROBLEM_WORLD_FAILED, true, server,
            "The world failed in the backend and this session is over; a new one is opened. If it fails again, look "
            "into the backend's log.");
    }
    return say(DP_PROBLEM_SERVER, true, server, "The backend at %.*s cannot serve this now; it is tried again.", n, a);
}

Diagnosis diagnose_exhausted(std::string_view server, const Circumstances& around) noexcept {
    if (around.service == Service::record && (contains(server, "disk") || contains(server, "space"))) {
        return say(
            DP_PROBLEM_NO_SPACE, false, server,
            "The disk of the backend is full; everything acknowledged is kept. Free some space, then record again.");
    }
    return say(DP_PROBLEM_SERVER_FULL, true, server,
               "The backend at %.*s takes no more %s now; it is tried again when there may be room.",
               length_of(around.address), around.address.data(),
               around.service == Service::record ? "recorders" : "players");
}

}  // namespace

Diagnosis diagnose(const net::GrpcStatus& status, const Circumstances& around) noexcept {
    if (status.trouble != net::Trouble::none) return diagnose_transport(status.trouble, around);
    const std::string_view server = status.message;
    const int n = length_of(around.address);
    const char* a = around.address.data();
    switch (status.code) {
        case unauthenticated:
        case permission_denied:
            return say(DP_PROBLEM_TOKEN, false, {},
                       "The backend at %.*s did not accept the token. Enter the one it was started with "
                       "(`dreamport serve --token-file`).",
                       n, a);
        case failed_precondition:
            if (around.service == Service::play || contains(server, "version")) {
                return say(
                    DP_PROBLEM_VERSION, false, server,
                    "This plug-in speaks version %u of the protocol and the backend at %.*s another one. Update the "
                    "older of the two.",
                    DP_PROTOCOL_VERSION, n, a);
            }
            return say(DP_PROBLEM_ARGUMENT, false, server, "The backend refused the recording: change what it names.");
        case not_found:
            if (around.resuming) {
                return say(
                    DP_PROBLEM_NOT_FOUND, true, {},
                    "The session that broke off is gone (its time was over, or the backend was restarted). A new one "
                    "is opened.");
            }
            return say(
                DP_PROBLEM_NOT_FOUND, false, server,
                "The backend at %.*s has not what was asked for (%.*s). `dreamport worlds list` shows what there is.",
                n, a, length_of(around.subject), around.subject.data());
        case resource_exhausted:
            return diagnose_exhausted(server, around);
        case invalid_argument:
            return say(DP_PROBLEM_ARGUMENT, false, server, "The backend refused a value: change the setting it names.");
        case unimplemented:
            return say(DP_PROBLEM_UNSUPPORTED, false, server,
                       around.service == Service::record
                           ? "The backend at %.*s cannot record. Start it with `dreamport serve --captures FOLDER`, "
                             "and update "
                             "it if it does not know that."
                           : "The backend at %.*s does not offer this service. Update it.",
                       n, a);
        case unavailable:
            return diagnose_unavailable(server, around);
        case aborted:
            if (around.resuming && !around.worked) {
                return say(DP_PROBLEM_SERVER, true, server, "The session is being taken over; it is tried again.");
            }
            return say(DP_PROBLEM_TAKEN_OVER, around.service != Service::play, {},
                       "Another client went on with this session. Close the other one, or open a new session here.");
        case deadline_exceeded:
            return say(DP_PROBLEM_TIMEOUT, true, server,
                       "The backend at %.*s waited too long for an answer; tried again.", n, a);
        case ok:
        case cancelled:
            return say(DP_PROBLEM_CONNECTION_LOST, true, server,
                       "The backend at %.*s ended the session; it is tried again.", n, a);
        default:
            return say(DP_PROBLEM_SERVER, true, server,
                       "The backend at %.*s failed (gRPC status %d); it is tried again. Its log says more.", n, a,
                       status.code);
    }
}

Diagnosis version_mismatch(std::uint32_t theirs) noexcept {
    return say(DP_PROBLEM_VERSION, false, {},
               "This plug-in speaks version %u of the protocol, the backend version %u. Update %s.",
               DP_PROTOCOL_VERSION, theirs,
               theirs > DP_PROTOCOL_VERSION ? "the plug-in" : "the backend (pip install -U dreamport)");
}

Diagnosis broken_contract(std::string_view address, std::string_view what) noexcept {
    return say(DP_PROBLEM_PROTOCOL, false, {},
               "The backend at %.*s breaks the contract: %.*s. Update the backend and the plug-in to the same release.",
               length_of(address), address.data(), length_of(what), what.data());
}

}  // namespace dreamport
