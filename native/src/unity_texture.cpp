// Unity's custom texture updates, version 2: on its render thread Unity calls back for memory to upload a texture from,
// and again when it has done so. Written from the documented interface (docs/engines.md), not from Unity's headers.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "dreamport/core.h"
#include "library/guard.h"
#include "playing/texture_source.h"

#if defined(_WIN32) && !defined(_WIN64)
#define DREAMPORT_UNITY_CALL __stdcall
#else
#define DREAMPORT_UNITY_CALL
#endif

namespace dreamport {
namespace {

constexpr int update_texture_begin_v2 = 9;
constexpr int update_texture_end_v2 = 10;

struct TextureUpdateParamsV2 {
    void* tex_data;  // we set it: where the pixels are
    std::intptr_t texture_id;
    std::uint32_t user_data;  // what dp_client_texture_user_data gave
    std::int32_t format;
    std::uint32_t width;
    std::uint32_t height;
    std::uint32_t bytes_per_pixel;
};
static_assert(sizeof(void*) != 8 || sizeof(TextureUpdateParamsV2) == 40, "Unity's layout");

// What one user data stands for. Unity gives us 32 bits, a client and a lease need more.
struct Ticket {
    std::uint32_t number = 0;
    std::uint32_t client = 0;
    std::uint32_t lease = 0;  // 0: the newest frame
    std::uint32_t borrowed = 0;
    std::shared_ptr<const void> keeps_alive;
};

class Tickets {
  public:
    std::uint32_t add(std::uint32_t client, std::uint32_t lease) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        last_ = last_ == 0x7FFFFFFF ? 1 : last_ + 1;
        Ticket& ticket = tickets_[last_ % tickets_.size()];
        // One that Unity never ended is 256 updates old.
        give_back(ticket);
        ticket.number = last_;
        ticket.client = client;
        ticket.lease = lease;
        return last_;
    }

    void begin(TextureUpdateParamsV2& update) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        Ticket* ticket = find(update.user_data >> 1);
        if (ticket == nullptr) return;
        give_back(*ticket);
        dp_frame frame{};
        ticket->keeps_alive = texture_frame_borrow(ticket->client, ticket->lease, frame);
        if (ticket->keeps_alive == nullptr) return;
        ticket->borrowed = frame.lease;
        const bool depth = (update.user_data & 1) != 0;
        const void* pixels = depth ? static_cast<const void*>(frame.depth) : frame.colour;
        const std::uint32_t stride = depth ? frame.depth_stride : frame.colour_stride;
        const std::uint32_t pixel_bytes = depth ? 2 : 4;
        const bool fits = update.width == frame.width && update.height == frame.height &&
                          update.bytes_per_pixel == pixel_bytes && stride == frame.width * pixel_bytes;
        // Unity only reads it; a texture that is not the frame's keeps its old picture.
        if (pixels != nullptr && fits)
            update.tex_data = const_cast<void*>(pixels);
        else
            give_back(*ticket);
    }

    void end(const TextureUpdateParamsV2& update) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (Ticket* ticket = find(update.user_data >> 1)) give_back(*ticket);
    }

  private:
    Ticket* find(std::uint32_t number) noexcept {
        Ticket& ticket = tickets_[number % tickets_.size()];
        return number != 0 && ticket.number == number ? &ticket : nullptr;
    }

    static void give_back(Ticket& ticket) noexcept {
        if (ticket.borrowed != 0) texture_frame_give_back(ticket.client, ticket.borrowed);
        ticket.borrowed = 0;
        ticket.keeps_alive.reset();
    }

    std::mutex mutex_;
    std::array<Ticket, 256> tickets_{};
    std::uint32_t last_ = 0;
};

Tickets& tickets() noexcept {
    static auto* const only = new Tickets;  // never freed: a render thread may call until the process is gone
    return *only;
}

void DREAMPORT_UNITY_CALL on_texture_event(int event, void* data) noexcept {
    if (data == nullptr) return;
    auto& update = *static_cast<TextureUpdateParamsV2*>(data);
    if (event == update_texture_begin_v2)
        tickets().begin(update);
    else if (event == update_texture_end_v2)
        tickets().end(update);
}

}  // namespace
}  // namespace dreamport

void* DP_CALL dp_unity_texture_update_callback(void) {
    return reinterpret_cast<void*>(&dreamport::on_texture_event);
}

uint32_t DP_CALL dp_client_texture_user_data(dp_client* client, uint32_t plane) {
    if (plane > 1 || dreamport::library::is_shut_down()) return 0;
    const std::uint32_t number = dreamport::texture_client_number(client);
    if (number == 0) return 0;
    return dreamport::tickets().add(number, dreamport::texture_last_lent(number)) << 1 | plane;
}
