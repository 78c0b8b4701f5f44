// Decoding what a server says: nothing fails for its length, nothing is believed to be whole.
#include <cstring>
#include <random>
#include <string>

#include "doctest/doctest.h"
#include "playing/world_copy.h"
#include "proto/play.pb.h"
#include "text.h"
#include "wire/lenient_decode.h"
#include "wire/play_messages.h"
#include "wire_bytes.h"

using bytes::append;
using bytes::Bytes;
using bytes::chunk;
using bytes::number;
using dreamport::copy_text;
using dreamport::wire::decode_lenient;

namespace {

std::string repeated(const std::string& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i)
        out += text;
    return out;
}

// A world with more of everything than the core has room for.
Bytes large_world() {
    Bytes summary;
    append(summary, chunk(1, "grande"));
    append(summary, chunk(2, repeated("\xE4\xB8\x96\xE7\x95\x8C", 100)));  // 600 bytes of three-byte characters
    append(summary, chunk(3, repeated("word ", 1000)));
    append(summary, chunk(4, "CC0-1.0"));
    append(summary, chunk(5, [] {
               Bytes size = number(1, 320);
               append(size, number(2, 192));
               return size;
           }()));
    Bytes world = chunk(1, summary);
    append(world, chunk(2, std::string(64, 'a')));
    append(world, number(3, 1));
    Bytes schema;
    for (int i = 0; i < 40; ++i) {
        Bytes button = chunk(1, "button" + std::to_string(i));
        append(button, chunk(2, repeated("\xC3\xA4", 60)));
        for (int k = 0; k < 9; ++k)
            append(button, chunk(3, "Key" + std::to_string(k)));
        append(schema, chunk(1, button));
    }
    append(schema, number(3, 1));
    for (int i = 0; i < 20; ++i)
        append(schema, chunk(5, "event" + std::to_string(i)));
    append(world, chunk(4, schema));
    for (int i = 0; i < 50; ++i) {
        Bytes start = chunk(1, "start" + std::to_string(i));
        append(start, chunk(2, repeated("\xF0\x9F\x8F\xA0", 40)));
        append(world, chunk(7, start));
    }
    append(world, chunk(8, std::string(100 * 1024, '#')));  // the card
    append(world, chunk(9, chunk(1, "provenance")));
    append(world, chunk(99, "a field of a later version"));
    return world;
}

}  // namespace

TEST_CASE("text is cut at a character's border, and what is no UTF-8 becomes a question mark") {
    char out[8];
    copy_text(out, "abc\xC3\xA4\xC3\xB6\xC3\xBC");
    CHECK(std::string(out) == "abc\xC3\xA4\xC3\xB6");
    copy_text(out, std::string("a\0b\xFF\xC3", 5));
    CHECK(std::string(out) == "a?b??");
    copy_text(out, "\xED\xA0\x80");  // half a surrogate
    CHECK(std::string(out) == "???");
    char one[1];
    copy_text(one, "x");
    CHECK(one[0] == 0);
}

TEST_CASE("a world with too many starts, long titles and a card of 100 KB is taken as far as there is room") {
    const Bytes message = large_world();
    static dreamport_v1_World world;
    REQUIRE(decode_lenient(dreamport_v1_World_fields, &world, message.data(), message.size()));
    static dp_world out;
    dreamport::copy_world(out, world);
    CHECK(std::string(out.name) == "grande");
    CHECK(std::strlen(out.title) == 126);  // 42 characters of three bytes in 128
    CHECK(std::strlen(out.description) == 1023);
    CHECK(out.width == 320);
    CHECK(out.takes_pose == 1);
    CHECK(out.button_count == 32);
    CHECK(std::string(out.buttons[31].name) == "button31");
    CHECK(std::strlen(out.buttons[0].label) == 62);
    CHECK(std::string(out.buttons[0].keys[3]) == "Key3");
    CHECK(out.event_count == 16);
    CHECK(out.start_count == 32);
    CHECK(std::string(out.starts[31].name) == "start31");
    CHECK(std::strlen(out.starts[0].title) == 124);
}

TEST_CASE("a list decoded a second time holds nothing of the first") {
    const auto world = [](const Bytes& button, const Bytes& start) {
        Bytes out = chunk(4, chunk(1, button));
        append(out, chunk(7, start));
        return out;
    };
    Bytes button = chunk(1, "forward");
    append(button, chunk(3, "KeyW"));
    Bytes start = chunk(1, "yard");
    append(start, chunk(2, "The yard"));
    static dreamport_v1_World out;
    Bytes message = world(button, start);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(decode_lenient(dreamport_v1_World_fields, &out, message.data(), message.size()));
        CHECK(out.control_schema.buttons[0].keys_count == 1);
    }
    message = world(chunk(1, "jump"), chunk(1, "roof"));
    REQUIRE(decode_lenient(dreamport_v1_World_fields, &out, message.data(), message.size()));
    CHECK(std::string(out.control_schema.buttons[0].name) == "jump");
    CHECK(out.control_schema.buttons[0].keys_count == 0);
    CHECK(std::string(out.starts[0].title).empty());
}

TEST_CASE("what fits is decoded as nanopb decodes it") {
    static dreamport_v1_Opened in, out;
    in = dreamport_v1_Opened_init_zero;
    std::strcpy(in.session_id, "1044c406");
    std::strcpy(in.resume_token, "secret");
    in.resumed = true;
    in.protocol_version = 1;
    in.has_world = true;
    in.world.has_summary = true;
    std::strcpy(in.world.summary.name, "stub");
    in.world.starts_count = 2;
    std::strcpy(in.world.starts[1].name, "yard");
    in.has_cadence = true;
    in.cadence = {20.0, 50000000, 1};
    in.last_control_sequence = 0xFFFFFFFFFFFFFFFF;
    in.grace_ns = -5;
    const Bytes message = bytes::encoded(dreamport_v1_Opened_fields, in);
    REQUIRE(decode_lenient(dreamport_v1_Opened_fields, &out, message.data(), message.size()));
    CHECK(bytes::encoded(dreamport_v1_Opened_fields, out) == message);
    CHECK(std::string(out.world.starts[1].name) == "yard");
}

TEST_CASE("a message cut anywhere, or with any byte changed, never reaches beyond itself") {
    const Bytes whole = chunk(1, large_world());
    std::mt19937 random(7);
    static dreamport_v1_Opened out;
    for (std::size_t size = 0; size < 3000; ++size) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // exact memory, for ASan
        decode_lenient(dreamport_v1_Opened_fields, &out, cut.data(), cut.size());
    }
    for (int round = 0; round < 2000; ++round) {
        Bytes changed(whole.begin(), whole.begin() + 4000);
        for (int i = 0; i < 8; ++i)
            changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
        decode_lenient(dreamport_v1_Opened_fields, &out, changed.data(), changed.size());
        dreamport::wire::Part part;
        dreamport::wire::outer_part({changed.data(), changed.size()}, part);
    }
}

TEST_CASE("a frame's pixels are found where they lie, without a copy") {
    dreamport_v1_Frame fields = dreamport_v1_Frame_init_zero;
    fields.id = 41;
    fields.index = 40;
    fields.has_timing = true;
    fields.timing.generation_ms = 2.5f;
    Bytes frame = bytes::encoded(dreamport_v1_Frame_fields, fields);
    append(frame, chunk(4, std::string(300, 'c')));
    append(frame, chunk(5, std::string(150, 'd')));
    const Bytes message = chunk(2, frame);
    dreamport::wire::Part part;
    REQUIRE(dreamport::wire::outer_part({message.data(), message.size()}, part));
    CHECK(part.tag == 2);
    static dreamport::wire::FrameParts parts;
    REQUIRE(dreamport::wire::decode_frame(part.bytes, parts));
    CHECK(parts.fields.id == 41);
    CHECK(parts.fields.timing.generation_ms == 2.5f);
    CHECK(parts.colour.size == 300);
    CHECK(parts.depth.size == 150);
    CHECK(parts.colour.data > message.data());
    CHECK(parts.depth.data + parts.depth.size == message.data() + message.size());
    CHECK(*parts.colour.data == 'c');
    for (std::size_t size = 0; size < message.size(); ++size) {
        const Bytes cut(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK_FALSE((dreamport::wire::outer_part({cut.data(), cut.size()}, part) && part.tag != 0));
    }
}
