// For the Unity texture callback (unity_texture.cpp), which runs on Unity's render thread and knows a client by a
// number.
#pragma once

#include <cstdint>

#include "dreamport/core.h"

namespace dreamport {

// Number of a client, 31 bits; 0 when the handle is none. Stays valid and is never reused for another while the client
// lives.
std::uint32_t texture_client_number(const dp_client* client) noexcept;

// Borrows the newest frame, whether the game acquired it or not; a frame that nobody acquired counts as acquired and
// presented now. Any thread, never blocks. False when there is no such client or frame, or when two frames are borrowed
// and not given back. The same frame may be borrowed again, as often as the texture needs it: compare `id` and
// `session_number`.
bool texture_frame_borrow(std::uint32_t client_number, dp_frame& out) noexcept;

// Gives it back (`out.lease`).
void texture_frame_give_back(std::uint32_t client_number, std::uint32_t lease) noexcept;

}  // namespace dreamport
