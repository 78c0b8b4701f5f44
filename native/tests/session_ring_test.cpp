// Frames in shared memory: what a server claims is checked before memory is touched, and torn frames are recognised.
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "doctest/doctest.h"
#include "playing/frame_ring.h"

#if !defined(_WIN32)

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using dreamport::FrameRing;

namespace {

constexpr std::size_t colour_bytes = 4 * 64 * 48;
constexpr std::size_t depth_bytes = 2 * 64 * 48;

dreamport_v1_SharedMemory sound(const std::string& name) {
    dreamport_v1_SharedMemory d = dreamport_v1_SharedMemory_init_zero;
    std::strcpy(d.name, name.c_str());
    d.header_bytes = 64;
    d.slots = 4;
    d.colour_offset = 64;
    d.colour_bytes = colour_bytes;
    d.depth_offset = 64 + colour_bytes;
    d.depth_bytes = depth_bytes;
    d.slot_bytes = 64 + colour_bytes + depth_bytes;
    d.bytes = d.header_bytes + d.slots * d.slot_bytes;
    return d;
}

// The server's end.
class Segment {
  public:
    explicit Segment(std::size_t size, const char* magic = "DREAMSHM") : size_(size) {
        name = "/dreamport-test" + std::to_string(getpid());
        shm_unlink(name.c_str());
        const int file = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
        REQUIRE(file >= 0);
        REQUIRE(ftruncate(file, static_cast<off_t>(size)) == 0);
        memory = static_cast<std::uint8_t*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
        close(file);
        REQUIRE(memory != MAP_FAILED);
        std::memcpy(memory, magic, 8);
    }
    ~Segment() {
        munmap(memory, size_);
        shm_unlink(name.c_str());
    }
    void write(const dreamport_v1_SharedMemory& d, std::uint32_t slot, std::uint64_t version, int value) {
        std::uint8_t* base = memory + d.header_bytes + slot * d.slot_bytes;
        std::memcpy(base, &version, sizeof version);
        std::memset(base + d.colour_offset, value, colour_bytes);
        std::memset(base + d.depth_offset, value + 1, depth_bytes);
    }
    std::string name;
    std::uint8_t* memory;

  private:
    std::size_t size_;
};

}  // namespace

TEST_CASE("a sound ring is read; a slot written over meanwhile is torn") {
    const std::size_t size = sound("").bytes;
    Segment segment(size);
    const dreamport_v1_SharedMemory d = sound(segment.name);
    FrameRing ring;
    REQUIRE(ring.open(d, colour_bytes, depth_bytes) == FrameRing::Opening::opened);
    segment.write(d, 2, 6, 9);
    std::vector<std::uint8_t> colour(colour_bytes), depth(depth_bytes);
    CHECK(ring.read({2, 6}, colour.data(), depth.data()) == FrameRing::Reading::whole);
    CHECK(colour.front() == 9);
    CHECK(colour.back() == 9);
    CHECK(depth.back() == 10);
    CHECK(ring.read({2, 4}, colour.data(), depth.data()) == FrameRing::Reading::torn);
    segment.write(d, 2, 7, 9);  // odd: being written
    CHECK(ring.read({2, 6}, colour.data(), depth.data()) == FrameRing::Reading::torn);
    CHECK(ring.read({4, 6}, colour.data(), depth.data()) == FrameRing::Reading::wrong);
    CHECK(ring.read({0xFFFFFFFF, 6}, colour.data(), depth.data()) == FrameRing::Reading::wrong);
    ring.close();
    CHECK(ring.read({2, 6}, colour.data(), depth.data()) == FrameRing::Reading::wrong);
}

TEST_CASE("no description that contradicts itself is believed") {
    const std::uint64_t huge = 0xFFFFFFFFFFFFFFF8;
    using Change = std::function<void(dreamport_v1_SharedMemory&)>;
    const Change changes[] = {
        [](auto& d) { d.bytes = 0; },
        [](auto& d) { d.bytes -= 1; },
        [](auto& d) { d.bytes = std::uint64_t{1} << 40; },
        [&](auto& d) { d.bytes = huge; },
        [](auto& d) { d.header_bytes = 0; },
        [](auto& d) { d.header_bytes = 4; },
        [](auto& d) { d.header_bytes = 68; },
        [&](auto& d) { d.header_bytes = huge; },
        [](auto& d) { d.slots = 0; },
        [](auto& d) { d.slots = 5; },
        [](auto& d) { d.slots = 0xFFFFFFFF; },
        [](auto& d) { d.slot_bytes = 0; },
        [](auto& d) { d.slot_bytes += 4; },
        [](auto& d) { d.slot_bytes += 8; },
        [&](auto& d) { d.slot_bytes = huge; },
        [&](auto& d) {
            d.slots = 2;
            d.slot_bytes = std::uint64_t{1} << 63;
        },
        [](auto& d) { d.colour_offset = 0; },
        [](auto& d) { d.colour_offset = 63; },
        [](auto& d) { d.colour_offset = d.slot_bytes; },
        [&](auto& d) { d.colour_offset = huge; },
        [](auto& d) { d.colour_bytes -= 1; },
        [&](auto& d) { d.colour_bytes = huge; },
        [](auto& d) { d.depth_offset = 0; },
        [](auto& d) { d.depth_offset += 1; },
        [&](auto& d) { d.depth_offset = huge; },
        [](auto& d) { d.depth_bytes = 0; },
        [&](auto& d) { d.depth_bytes = huge; },
    };
    int index = 0;
    CHECK(FrameRing::is_sound(sound("/dreamport-x"), colour_bytes, depth_bytes));
    for (const Change& change : changes) {
        dreamport_v1_SharedMemory d = sound("/dreamport-x");
        change(d);
        CAPTURE(index++);
        CHECK_FALSE(FrameRing::is_sound(d, colour_bytes, depth_bytes));
        FrameRing ring;
        CHECK(ring.open(d, colour_bytes, depth_bytes) == FrameRing::Opening::wrong);
    }
}

TEST_CASE("only rings of ours are opened") {
    const std::size_t size = sound("").bytes;
    FrameRing ring;
    for (const char* name :
         {"/etc-passwd", "dreamport-x", "/dreamport-", "/dreamport-../x", "/dreamport-a/b", "/dreamport-a b"}) {
        CHECK(ring.open(sound(name), colour_bytes, depth_bytes) == FrameRing::Opening::wrong);
    }
    CHECK(ring.open(sound("/dreamport-is-not-there"), colour_bytes, depth_bytes) == FrameRing::Opening::unavailable);
    CHECK(ring.open(sound("Local\\dreamport-on-windows"), colour_bytes, depth_bytes) ==
          FrameRing::Opening::unavailable);
    {
        Segment wrong_magic(size, "DREAMSHN");
        CHECK(ring.open(sound(wrong_magic.name), colour_bytes, depth_bytes) == FrameRing::Opening::wrong);
    }
    Segment too_small(size - 4096);
    CHECK(ring.open(sound(too_small.name), colour_bytes, depth_bytes) == FrameRing::Opening::unavailable);
    CHECK_FALSE(ring.is_open());
}

#endif
