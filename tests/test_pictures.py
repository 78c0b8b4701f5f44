"""From a generated frame to the bytes of the contract: exact to the last bit, however fast they are made."""

from __future__ import annotations

import numpy as np
import pytest
import simplejpeg

from dreamport.generator.types import FrameControl
from dreamport.service.pictures import (
    PictureFormat,
    PictureWriter,
    decode_inverse_depth,
    encode_inverse_depth,
    write_rgba,
)
from dreamport.service.session import NO_CONTROL
from dreamport.service.shared_memory import SLOTS, FrameRing, FrameRingReader
from dreamport.service.wire import encode_frame, encode_response, frame_timing
from dreamport.v1 import common_pb2, play_pb2
from stubs import StubSource

NEAR_M = 0.25


def test_depth_survives_its_sixteen_bits() -> None:
    near = 0.25
    depth = np.array([[near, 0.1, 1.0, 37.5, 1000.0, np.inf, np.nan, 0.0, -1.0, -0.0]], np.float32)
    encoded = encode_inverse_depth(depth, near)
    assert encoded[0].tolist() == [65535, 65535, 16384, 437, 16, 0, 0, 65535, 0, 0]
    decoded = decode_inverse_depth(encoded, near)
    assert decoded[0, :4] == pytest.approx([near, near, 1.0, 37.5], rel=2e-3)
    assert np.isinf(decoded[0, 5])


def test_depth_is_rounded_as_the_contract_says_to_the_last_bit() -> None:
    near = 0.3
    halves = np.float32(65535 * near) / (np.arange(65535, dtype=np.float32) + np.float32(0.5))
    anything = np.random.default_rng(3).uniform(0.0, 90.0, 200_000).astype(np.float32)
    depth = np.concatenate([halves, anything]).reshape(1, -1)
    exact = np.rint((np.float32(65535 * near) / depth).clip(0, 65535)).astype(np.uint16)
    assert np.array_equal(encode_inverse_depth(depth, near), exact)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 5), (48, 64)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_colour_is_made_opaque_and_nothing_else(shape: tuple[int, int], mirrored: bool) -> None:
    colour = np.random.default_rng(4).integers(0, 256, (*shape, 3), np.uint8)
    colour = colour[:, ::-1] if mirrored else colour  # not contiguous in memory
    rgba = np.full(4 * shape[0] * shape[1], 0xAA, np.uint8)
    write_rgba(colour, rgba)
    picture = rgba.reshape(*shape, 4)
    assert np.array_equal(picture[..., :3], colour) and (picture[..., 3] == 255).all()


@pytest.mark.parametrize(
    "depth", [common_pb2.DEPTH_FORMAT_UNSPECIFIED, common_pb2.DEPTH_FORMAT_INVERSE_UINT16]
)
@pytest.mark.parametrize("colour", [common_pb2.COLOUR_FORMAT_RAW_RGBA, common_pb2.COLOUR_FORMAT_JPEG])
def test_an_encoded_frame_is_the_message_of_the_contract(
    colour: common_pb2.ColourFormat, depth: common_pb2.DepthFormat
) -> None:
    (made,) = StubSource().open("stub").generator(0, "hall").chunk(FrameControl())
    writer = PictureWriter(PictureFormat(64, 48, 0.25, colour, depth, common_pb2.TRANSPORT_INLINE))
    timing = frame_timing(5, 7_000_000_000, 8.5, 2.0)
    encoded = encode_frame(made, NO_CONTROL, 300, 2, writer.write(made, 300), timing)
    response = play_pb2.PlayResponse.FromString(encode_response(encoded))
    message = response.frame
    assert (message.id, message.index, message.epoch) == (encoded.id, 1, 2) == (300, 1, 2)
    assert message.timing == timing and timing.present_at_ns == 8_500_000_000
    assert message.HasField("control") and message.HasField("pose") and message.HasField("intrinsics")
    if colour == common_pb2.COLOUR_FORMAT_JPEG:
        assert simplejpeg.decode_jpeg(message.colour, "RGB").shape == (48, 64, 3)
    else:
        rgba = np.frombuffer(message.colour, np.uint8).reshape(48, 64, 4)
        assert np.array_equal(rgba[..., :3], made.colour)
    assert made.depth is not None
    values = encode_inverse_depth(made.depth, 0.25).tobytes() if depth else b""
    assert message.depth == values


def test_a_frame_that_the_client_holds_is_written_over_last() -> None:
    ring = FrameRing(64, 0)

    def write(number: int, held: tuple[int, ...] = ()) -> int:
        ring.slot_views(held)
        return ring.publish(number).slot

    try:
        slots = {number: write(number) for number in range(1, SLOTS + 1)}
        assert sorted(slots.values()) == list(range(SLOTS))
        assert write(6, held=(1, 3)) == slots[2], "the oldest that is free"
        assert write(7, held=(1, 3)) == slots[4]
        assert write(8, held=(1, 3, 7)) == slots[5]
        assert write(9, held=(1, 3, 6, 7, 8)) == slots[1], "all are held: the oldest goes, its reader sees it"
    finally:
        ring.close()


def test_the_ring_holds_what_is_sent_inline() -> None:
    (made,) = StubSource().open("stub").generator(0, "hall").chunk(FrameControl())
    wanted = (64, 48, NEAR_M, common_pb2.COLOUR_FORMAT_RAW_RGBA, common_pb2.DEPTH_FORMAT_INVERSE_UINT16)
    inline = PictureWriter(PictureFormat(*wanted, common_pb2.TRANSPORT_INLINE)).write(made, 1)
    shared = PictureWriter(PictureFormat(*wanted, common_pb2.TRANSPORT_SHARED_MEMORY))
    try:
        slot = shared.write(made, 1).slot
        assert shared.ring is not None and slot is not None
        reader = FrameRingReader(shared.ring.layout)
        assert reader.read(slot) == (bytes(inline.colour), bytes(inline.depth))
        reader.close()
    finally:
        shared.close()
