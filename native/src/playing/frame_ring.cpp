#include "playing/frame_ring.h"

#include <atomic>
#include <cstring>

#include "text.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace dreamport {
namespace {

constexpr std::uint64_t max_bytes = std::uint64_t{1} << 30;
constexpr std::uint64_t slot_header_bytes = 64;
constexpr std::uint32_t max_slots = 1024;
constexpr char magic[] = {'D', 'R', 'E', 'A', 'M', 'S', 'H', 'M'};

// Whether [offset, offset + length) lies in a slot, behind its header.
bool lies_in_slot(std::uint64_t offset, std::uint64_t length, std::uint64_t slot_bytes) noexcept {
    return offset >= slot_header_bytes && offset <= slot_bytes && length <= slot_bytes - offset;
}

// How servers on this system name a ring, and those on the other kind of system: WSL and tunnels put one behind a
// loopback address.
#if defined(_WIN32)
constexpr std::string_view ring_prefix = "Local\\dreamport-", foreign_prefix = "/dreamport-";
#else
constexpr std::string_view ring_prefix = "/dreamport-", foreign_prefix = "Local\\dreamport-";
#endif

// Only memory that calls itself a ring of ours is ever opened.
bool is_ring_name(std::string_view name, std::string_view prefix) noexcept {
    if (name.substr(0, prefix.size()) != prefix || name.size() == prefix.size()) return false;
    for (const char letter : name.substr(prefix.size())) {
        const bool plain = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'z') ||
                           (letter >= 'A' && letter <= 'Z') || letter == '-' || letter == '_';
        if (!plain) return false;
    }
    return true;
}

// The slot's version; written by another process.
std::uint64_t version_at(const std::uint8_t* slot) noexcept {
    return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(slot), __ATOMIC_ACQUIRE);
}

}  // namespace

bool FrameRing::is_sound(const dreamport_v1_SharedMemory& d, std::size_t colour_bytes,
                         std::size_t depth_bytes) noexcept {
    if (d.bytes > max_bytes || d.header_bytes < sizeof magic || d.header_bytes > d.bytes) return false;
    if (d.header_bytes % 8 != 0 || d.slot_bytes % 8 != 0) return false;  // versions are read in one piece
    if (d.slots == 0 || d.slots > max_slots || d.slot_bytes < slot_header_bytes || d.slot_bytes > d.bytes) return false;
    if (d.slots * d.slot_bytes > d.bytes - d.header_bytes) return false;  // both factors are bounded: no overflow
    if (d.colour_bytes != colour_bytes || !lies_in_slot(d.colour_offset, d.colour_bytes, d.slot_bytes)) return false;
    if (d.depth_bytes != depth_bytes) return false;
    return depth_bytes == 0 || lies_in_slot(d.depth_offset, d.depth_bytes, d.slot_bytes);
}

FrameRing::Opening FrameRing::open(const dreamport_v1_SharedMemory& described, std::size_t colour_bytes,
                                   std::size_t depth_bytes) noexcept {
    close();
    if (!is_sound(described, colour_bytes, depth_bytes)) return Opening::wrong;
    const std::string_view name = text_of(described.name);
    if (is_ring_name(name, foreign_prefix)) return Opening::unavailable;
    if (!is_ring_name(name, ring_prefix)) return Opening::wrong;
    if (!map(described.name, static_cast<std::size_t>(described.bytes))) return Opening::unavailable;
    if (std::memcmp(memory_, magic, sizeof magic) != 0) {
        close();
        return Opening::wrong;
    }
    layout_ = described;
    return Opening::opened;
}

FrameRing::Reading FrameRing::read(const dreamport_v1_SharedMemorySlot& slot, std::uint8_t* colour,
                                   std::uint8_t* depth) const noexcept {
    if (memory_ == nullptr || slot.slot >= layout_.slots) return Reading::wrong;
    const std::uint8_t* base = memory_ + layout_.header_bytes + slot.slot * layout_.slot_bytes;
    if (version_at(base) != slot.version) return Reading::torn;
    std::memcpy(colour, base + layout_.colour_offset, static_cast<std::size_t>(layout_.colour_bytes));
    if (layout_.depth_bytes > 0 && depth != nullptr) {
        std::memcpy(depth, base + layout_.depth_offset, static_cast<std::size_t>(layout_.depth_bytes));
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    return version_at(base) == slot.version ? Reading::whole : Reading::torn;
}

#if defined(_WIN32)

bool FrameRing::map(const char* name, std::size_t bytes) noexcept {
    const HANDLE file = OpenFileMappingA(FILE_MAP_READ, FALSE, name);
    if (file == nullptr) return false;
    void* memory = MapViewOfFile(file, FILE_MAP_READ, 0, 0, 0);
    CloseHandle(file);  // the view keeps the memory
    if (memory == nullptr) return false;
    memory_ = static_cast<const std::uint8_t*>(memory);
    mapped_ = bytes;
    MEMORY_BASIC_INFORMATION region{};
    if (VirtualQuery(memory, &region, sizeof region) == 0 || region.RegionSize < bytes) {
        close();
        return false;
    }
    return true;
}

void FrameRing::close() noexcept {
    if (memory_ != nullptr) UnmapViewOfFile(memory_);
    memory_ = nullptr;
    mapped_ = 0;
}

#else

bool FrameRing::map(const char* name, std::size_t bytes) noexcept {
    const int file = shm_open(name, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0) return false;
    struct stat about {};
    void* memory = MAP_FAILED;
    // Reading past the end of the file would be a bus error.
    if (fstat(file, &about) == 0 && about.st_size >= 0 && static_cast<std::uint64_t>(about.st_size) >= bytes) {
        memory = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
    }
    ::close(file);
    if (memory == MAP_FAILED) return false;
    memory_ = static_cast<const std::uint8_t*>(memory);
    mapped_ = bytes;
    return true;
}

void FrameRing::close() noexcept {
    if (memory_ != nullptr) munmap(const_cast<std::uint8_t*>(memory_), mapped_);
    memory_ = nullptr;
    mapped_ = 0;
}

#endif

}  // namespace dreamport
