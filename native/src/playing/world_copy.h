// From the contract's World and Opened to the structs of the C ABI.
#pragma once

#include "dreamport/core.h"
#include "proto/play.pb.h"
#include "proto/world.pb.h"

namespace dreamport {

void copy_summary(dp_world& out, const dreamport_v1_WorldSummary& summary) noexcept;
void copy_world(dp_world& out, const dreamport_v1_World& world) noexcept;
void copy_executor(dp_executor_info& out, const dreamport_v1_Executor& executor) noexcept;
// Everything but the session's number.
void copy_format(dp_frame_format& out, const dreamport_v1_Opened& opened, bool depth) noexcept;

}  // namespace dreamport
