"""Captured views come back as they were stored, and files that are no views are refused."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dreamport.errors import PackError
from dreamport.worlds import ViewsBuilder, WorldPack
from dreamport.worlds.arrays import ArraysError, read_arrays, write_arrays
from dreamport.worlds.views import (
    DecodedViews,
    decode_inverse_depth,
    decode_view,
    encode_inverse_depth,
    encode_view,
    grid_indices,
    inverse_depth_to_metres,
    parse_start,
    parse_views,
    quantise_inverse_depth,
)
from stub_worlds import HEIGHT, INTRINSICS, NEAR_M, WIDTH, motion_state, room, room_pose, write_stub_pack


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return write_stub_pack(tmp_path_factory.mktemp("stub") / "room")


class TestInverseDepth:
    @settings(max_examples=50, deadline=None)
    @given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
    def test_comes_back_exactly(self, height: int, width: int, seed: int) -> None:
        picture = np.random.default_rng(seed).integers(0, 65536, (height, width)).astype(np.uint16)
        decoded = decode_inverse_depth(encode_inverse_depth(picture), height, width)
        np.testing.assert_array_equal(decoded, picture)

    def test_of_a_flat_wall_takes_little_room(self) -> None:
        u, v = np.meshgrid(np.arange(320), np.arange(192))
        wall = (20000 + 31 * u + 17 * v).astype(np.uint16)
        assert len(encode_inverse_depth(wall)) < 1500

    def test_keeps_metres_to_a_thousandth_at_ten_metres(self) -> None:
        depth = np.linspace(NEAR_M, 10.0, 1000, dtype=np.float32)[None]
        back = inverse_depth_to_metres(quantise_inverse_depth(depth, NEAR_M) / 65535, NEAR_M, 32.0)
        np.testing.assert_allclose(back, depth, rtol=1e-3)

    @pytest.mark.parametrize("far", [np.inf, np.nan, -1.0, 0.0])
    def test_takes_what_is_no_distance_as_infinitely_far(self, far: float) -> None:
        stored = quantise_inverse_depth(np.array([[far, 1.0]], np.float32), NEAR_M)
        assert stored.tolist() == [[0, round(NEAR_M * 65535)]]
        assert inverse_depth_to_metres(stored / 65535, NEAR_M, 32.0)[0, 0] == pytest.approx(32.0)

    def test_clips_what_is_nearer_than_the_nearest(self) -> None:
        assert quantise_inverse_depth(np.array([[0.01]], np.float32), NEAR_M)[0, 0] == 65535

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"junk",
            zlib.compress(bytes(2 * 6 * 8 - 1)),
            zlib.compress(bytes(2 * 6 * 8 + 1)),
            zlib.compress(bytes(50_000_000)),
            zlib.compress(bytes(2 * 6 * 8))[:-2],
            zlib.compress(bytes(2 * 6 * 8)) + b"more",
        ],
    )
    def test_refuses_what_is_no_depth_of_that_size(self, data: bytes) -> None:
        with pytest.raises(ArraysError):
            decode_inverse_depth(data, 6, 8)


class TestView:
    def test_comes_back_nearly_as_it_was(self) -> None:
        colour, depth = room(room_pose(yaw_deg=33))
        view = decode_view(encode_view(colour, quantise_inverse_depth(depth, NEAR_M)), HEIGHT, WIDTH)
        error = np.abs(view.colour.astype(int) - colour.astype(int))
        assert error.mean() < 2.0
        np.testing.assert_array_equal(view.inverse_depth, quantise_inverse_depth(depth, NEAR_M))

    def test_carries_its_depth_on_a_coarse_grid(self) -> None:
        colour, depth = room(room_pose())
        stored = quantise_inverse_depth(depth, NEAR_M)
        rows, columns = grid_indices(HEIGHT, WIDTH)
        assert (rows[0], columns[-1]) == (2, 78)
        np.testing.assert_array_equal(
            encode_view(colour, stored).inverse_depth_grid, stored[np.ix_(rows, columns)]
        )

    def test_refuses_a_picture_of_another_size_before_it_is_decoded(self) -> None:
        large = simplejpeg.encode_jpeg(np.zeros((4000, 4000, 3), np.uint8))
        view = encode_view(*_plain())
        spoiled = type(view)(large, view.inverse_depth, view.inverse_depth_grid)
        with pytest.raises(ArraysError, match="another size"):
            decode_view(spoiled, HEIGHT, WIDTH)

    @pytest.mark.parametrize("data", [b"", b"junk", b"\xff\xd8\xff"])
    def test_refuses_what_is_no_jpeg(self, data: bytes) -> None:
        view = encode_view(*_plain())
        with pytest.raises(ArraysError):
            decode_view(type(view)(data, view.inverse_depth, view.inverse_depth_grid), HEIGHT, WIDTH)

    def test_is_decoded_once_while_it_is_remembered(self) -> None:
        held = DecodedViews(2)
        view = encode_view(*_plain())
        first = held.get("a", view, HEIGHT, WIDTH)
        held.get("b", view, HEIGHT, WIDTH)
        assert held.get("a", view, HEIGHT, WIDTH) is first
        held.get("c", view, HEIGHT, WIDTH)
        assert len(held) == 2
        assert held.get("a", view, HEIGHT, WIDTH) is first  # b was used longest ago


def _plain() -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    return np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint16)


def built(count: int = 3) -> ViewsBuilder:
    builder = ViewsBuilder(NEAR_M)
    for i in range(count):
        pose = room_pose(yaw_deg=10.0 * i)
        builder.add(*room(pose), pose.matrix(), INTRINSICS)
    return builder


class TestFiles:
    def test_give_back_what_was_written(self, stub: WorldPack) -> None:
        views = stub.read_views()
        colour, depth = room(room_pose(yaw_deg=360.0 * 5 / 24))
        view = views.decode(5)
        assert np.abs(view.colour.astype(int) - colour).mean() < 2.0
        np.testing.assert_array_equal(view.inverse_depth, quantise_inverse_depth(depth, NEAR_M))
        np.testing.assert_allclose(views.pose[5], room_pose(yaw_deg=360.0 * 5 / 24).matrix(), atol=1e-6)

    def test_are_the_same_bytes_for_the_same_views(self) -> None:
        assert built().to_bytes() == built().to_bytes()

    def test_are_read_by_numpy_without_pickle(self, tmp_path: Path) -> None:
        built().write(tmp_path / "views.npz")
        with np.load(tmp_path / "views.npz", allow_pickle=False) as arrays:
            assert arrays["pose"].shape == (3, 4, 4)
            assert arrays["colour_offsets"][0] == 0

    def test_of_starts_carry_motion_and_controls(self, stub: WorldPack) -> None:
        control = np.array([[0, 0, 0, 0], [1, 0, 5, 0], [1, 0, 0, 0]], np.float32)
        data = built().to_bytes(motion_state(room_pose()), control)
        start = parse_start(data, stub.manifest, "here", "start")
        np.testing.assert_array_equal(start.control, control)
        without = parse_start(built().to_bytes(motion_state(room_pose())), stub.manifest, "here", "start")
        np.testing.assert_array_equal(without.control, np.zeros((3, 4), np.float32))

    def test_must_hold_as_many_views_as_the_manifest_says(self, stub: WorldPack) -> None:
        with pytest.raises(PackError, match=r"holds 3 views and world\.json says 24"):
            parse_views(built().to_bytes(), stub.manifest, "the view bank")


def arrays_of(builder: ViewsBuilder) -> dict[str, Any]:
    return dict(read_arrays(builder.to_bytes(motion_state(room_pose()))))


def spoil(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def apply(arrays: dict[str, Any]) -> None:
        arrays[name] = change(arrays[name].copy())

    return apply


def put(index: Any, value: float) -> Callable[[Any], Any]:
    def apply(array: Any) -> Any:
        array[index] = value
        return array

    return apply


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no poses": (lambda a: a.pop("pose"), "no array pose"),
    "poses of another type": (spoil("pose", lambda p: p.astype(np.float64)), "must be float32"),
    "a pose that is not finite": (spoil("pose", put((0, 0, 0), np.nan)), "not finite"),
    "a pose that is not rigid": (spoil("pose", lambda p: p * 2), "no rigid"),
    "a mirrored pose": (spoil("pose", lambda p: p * np.array([-1, 1, 1, 1], np.float32)), "no rigid"),
    "a pose a galaxy away": (spoil("pose", put((0, 0, 3), 1e9)), "out of all bounds"),
    "no focal length": (spoil("intrinsics", put((0, 0), 0.0)), "out of all bounds"),
    "too few cameras": (spoil("intrinsics", lambda i: i[:-1]), "must be float32"),
    "offsets beyond the end": (spoil("colour_offsets", put(-1, 1 << 40)), "does not divide"),
    "offsets that fall": (spoil("colour_offsets", put(1, 1 << 20)), "does not divide"),
    "offsets below zero": (spoil("inverse_depth_offsets", put(0, -5)), "does not divide"),
    "a broken picture": (spoil("colour_jpeg", np.zeros_like), "no readable JPEG"),
    "a broken depth": (spoil("inverse_depth", np.zeros_like), "depth is damaged"),
    "a grid of another size": (spoil("inverse_depth_grid", lambda g: g[:, :-1]), "must be uint16"),
    "a state of another size": (spoil("motion_state", lambda s: s[:-1]), "must be float32"),
}


class TestHostileFiles:
    @pytest.mark.parametrize("case", SPOILED)
    def test_refuse(self, stub: WorldPack, case: str) -> None:
        change, reason = SPOILED[case]
        arrays = arrays_of(built())
        change(arrays)
        with pytest.raises(PackError, match=f"start is refused: .*{reason}"):
            parse_start(write_arrays(arrays), stub.manifest, "here", "start")

    def test_never_unpickle(self) -> None:
        class Evil:
            def __reduce__(self) -> tuple[Any, ...]:
                return (pytest.fail, ("it was unpickled",))

        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            header = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                header, {"descr": "|O", "fortran_order": False, "shape": (1,)}
            )
            archive.writestr("pose.npy", header.getvalue() + pickle.dumps([Evil()]))
        with pytest.raises(ArraysError, match="element type"):
            read_arrays(stream.getvalue())

    def test_refuse_a_shape_that_the_bytes_do_not_back(self) -> None:
        with pytest.raises(ArraysError, match="does not match the bytes"):
            read_arrays(_npz({"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}))

    @pytest.mark.parametrize(
        "header",
        [
            {"descr": "<f4", "fortran_order": False, "shape": (-1,)},
            {"descr": "<f4", "fortran_order": True, "shape": (1,)},
            {"descr": "<U1", "fortran_order": False, "shape": (1,)},
            {"descr": [("a", "<f4")], "fortran_order": False, "shape": (1,)},
            {"descr": "<f4", "fortran_order": False, "shape": (1,) * 20},
        ],
    )
    def test_refuse_unusual_headers(self, header: dict[str, Any]) -> None:
        with pytest.raises(ArraysError):
            read_arrays(_npz(header))

    def test_refuse_compression(self) -> None:
        stream = io.BytesIO()
        np.savez_compressed(stream, pose=np.zeros(1_000_000, np.float32))
        with pytest.raises(ArraysError, match="without compression"):
            read_arrays(stream.getvalue())

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_answer_damage_anywhere_with_an_error_or_with_whole_arrays(self, data: Any) -> None:
        whole = write_arrays({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(3)})
        at = data.draw(st.integers(0, len(whole) - 1))
        spoiled = bytearray(whole)
        spoiled[at] ^= data.draw(st.integers(1, 255))
        try:
            arrays = read_arrays(bytes(spoiled[: data.draw(st.integers(0, len(whole)))]))
        except ArraysError:
            return
        for array in arrays.values():
            assert array.nbytes <= len(whole)


def _npz(header: dict[str, Any]) -> bytes:
    stream, text = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(text, header)
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("pose.npy", text.getvalue() + bytes(4))
    return stream.getvalue()
