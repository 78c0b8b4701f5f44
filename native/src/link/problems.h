// What went wrong, for programs and for people, and whether trying again can help.
#pragma once

#include <string_view>

#include "dreamport/core.h"
#include "net/grpc_connection.h"

namespace dreamport {

enum class Service { play, record, catalogue };

// What is known beside the status when a call ended.
struct Circumstances {
    Service service = Service::play;
    std::string_view address;
    std::string_view detail;    // the connection's own words, may be empty
    bool worked = false;        // the session was open (or the recorder connected)
    bool resuming = false;      // a resume token was sent
    bool told_to_stop = false;  // the server announced that it stops
    bool handed_out = false;    // the address is a worker's, which the backend gave for this session
    std::string_view subject;   // name of the world, or of the data set; may be empty
};

struct Diagnosis {
    dp_problem problem = DP_PROBLEM_NONE;
    bool again = true;       // trying again can help
    char message[512] = {};  // what happened and what to do
};

Diagnosis diagnose(const net::GrpcStatus& status, const Circumstances& around) noexcept;

// The other side speaks `theirs`.
Diagnosis version_mismatch(std::uint32_t theirs) noexcept;

// The other side breaks the contract; `what` says how.
Diagnosis broken_contract(std::string_view address, std::string_view what) noexcept;

}  // namespace dreamport
