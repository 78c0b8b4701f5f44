// For the Unity texture callback (unity_texture.cpp), which runs on Unity's render thread and knows a client by a
// number.
#pragma once

#include <cstdint>
#include <memory>

#include "dreamport/core.h"

namespace dreamport {

// Number of a client, 31 bits; 0 when the handle is none. Stays valid and is never reused for another while the client
// lives.
std::uint32_t texture_client_number(const dp_client* client) noexcept;

// Lease of the frame that the game acquired last and has not given back; 0 when there is none.
std::uint32_t texture_last_lent(std::uint32_t client_number) noexcept;

// Borrows the frame of a lease that the game holds; with lease 0 the newest frame, whether the game acquired it or not
// (a frame that nobody acquired then counts as acquired and presented). Any thread, never blocks. Null when there is no
// such client or frame, or when two frames are borrowed and not given back. What is answered keeps the pixels of `out`
// alive, even if the client is destroyed meanwhile: hold it until the frame is given back.
std::shared_ptr<const void> texture_frame_borrow(std::uint32_t client_number, std::uint32_t lease,
                                                 dp_frame& out) noexcept;

// Gives it back (`out.lease`).
void texture_frame_give_back(std::uint32_t client_number, std::uint32_t lease) noexcept;

}  // namespace dreamport
