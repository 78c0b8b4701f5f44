"""A stub world without training: a valid little pack whose graphs are made by hand, and an executor in numpy.

``onnx_bytes`` and its parts write protobuf's wire format, so that hostile graphs can be made as easily as
good ones.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ExecutorError
from dreamport.executors.base import check_feeds
from dreamport.geometry import Pose
from dreamport.worlds import ViewsBuilder, WorldManifest, WorldPack, signatures, write_pack
from dreamport.worlds.contract import Signature, TensorSpec

WIDTH, HEIGHT, CHANNELS, STRIDE = 80, 48, 4, 8
NEAR_M, FAR_M = 0.25, 32.0
INTRINSICS = np.array([40.0, 40.0, 40.0, 24.0], np.float32)
WALL_M = 4.0
BANK_HEADINGS = 24


def manifest_fields(count: int = BANK_HEADINGS) -> dict[str, Any]:
    """The stub world's manifest without ``files``."""
    return {
        "name": "stub-room",
        "title": "Stub room",
        "description": "A round room with painted walls.",
        "licence": "Apache-2.0",
        "frame": {"width": WIDTH, "height": HEIGHT},
        "frame_rate": 20,
        "controls": {
            "buttons": [
                {"name": "forward", "label": "Forward", "keys": ["KeyW", "ArrowUp"]},
                {"name": "back", "label": "Back", "keys": ["KeyS"]},
            ],
            "look": {"yaw": True, "pitch": False, "max_deg_per_frame": 15},
            "pose": True,
        },
        "camera": {"fx": 40.0, "fy": 40.0, "cx": 40.0, "cy": 24.0},
        "depth": {"min_m": NEAR_M, "max_m": FAR_M},
        "latent": {"channels": CHANNELS, "height": HEIGHT // STRIDE, "width": WIDTH // STRIDE},
        "cache": {
            "layers": 2,
            "heads": 2,
            "head_dim": 6,
            "tokens_per_frame": 15,
            "sink_frames": 1,
            "window_frames": 3,
        },
        "sampler": {"sigmas": [1.0, 0.5], "context_sigma": 0.02},
        "views": {"file": "views.npz", "count": count, "per_frame": 4},
        "motion": {"state_size": 9},
        "graphs": {
            name: f"graphs/{name}.onnx" for name in ("encode", "reproject", "denoise", "decode", "motion")
        },
        "starts": [
            {"name": "middle", "title": "Middle", "file": "starts/middle.npz"},
            {"name": "side", "title": "Side", "file": "starts/side.npz"},
        ],
        "provenance": {
            "data": "made by hand",
            "licence": "Apache-2.0",
            "commit": "none",
            "trained_on": "nothing",
        },
    }


def room(pose: Pose) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour ``[H, W, 3]`` and depth ``[H, W]`` of a round room of 4 m radius, seen from a pose near its
    middle.
    """
    matrix = pose.matrix()
    u, v = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    fx, fy, cx, cy = (float(value) for value in INTRINSICS)
    local = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], axis=-1)
    ray = local @ matrix[:3, :3].T
    origin = matrix[:3, 3]
    a = ray[..., 0] ** 2 + ray[..., 2] ** 2
    b = ray[..., 0] * origin[0] + ray[..., 2] * origin[2]
    c = origin[0] ** 2 + origin[2] ** 2 - WALL_M**2
    depth = (-b + np.sqrt(np.maximum(b * b - a * c, 0.0))) / a
    point = origin + ray * depth[..., None]
    angle = np.arctan2(point[..., 0], point[..., 2])
    colour = np.stack(
        [128 + 100 * np.sin(3 * angle), 128 + 100 * np.cos(2 * angle), 128 + 60 * np.sin(point[..., 1])],
        axis=-1,
    )
    return colour.astype(np.uint8), depth.astype(np.float32)


def room_pose(x: float = 0.0, z: float = 0.0, yaw_deg: float = 0.0) -> Pose:
    """A level camera in the room."""
    return Pose.from_yaw_pitch((x, 0.0, z), yaw_deg)


def motion_state(pose: Pose) -> NDArray[np.float32]:
    """The state of a camera at rest."""
    yaw = math.radians(pose.yaw_deg())
    return np.array([*pose.position, math.sin(yaw), math.cos(yaw), 0, 0, 0, 0], np.float32)


def manifest_without_camera() -> dict[str, Any]:
    """The stub world as if recorded from a desktop: no poses and no depth, so no views and no motion head."""
    fields = manifest_fields()
    for name in ("depth", "views", "motion"):
        del fields[name]
    for name in ("reproject", "motion"):
        del fields["graphs"][name]
    fields["controls"]["pose"] = False
    return fields


def write_stub_folder(folder: Path, headings: int = BANK_HEADINGS, arc_deg: float = 360.0) -> None:
    """All files of the stub world except ``world.json``. ``arc_deg``: how far around the captured views
    look.
    """
    (folder / "starts").mkdir(parents=True)
    write_graphs(folder, manifest_fields(headings))
    bank = ViewsBuilder(NEAR_M)
    for i in range(headings):
        pose = room_pose(yaw_deg=arc_deg * i / headings)
        bank.add(*room(pose), pose.matrix(), INTRINSICS)
    bank.write(folder / "views.npz")
    for name, yaw in (("middle", 0.0), ("side", 90.0)):
        start = ViewsBuilder(NEAR_M)
        for step in range(2):
            pose = room_pose(yaw_deg=yaw + step)
            start.add(*room(pose), pose.matrix(), INTRINSICS)
        start.write(folder / "starts" / f"{name}.npz", motion_state(pose))
    (folder / "card.md").write_text("# Stub room\n")


def write_stub_pack(folder: Path, headings: int = BANK_HEADINGS, arc_deg: float = 360.0) -> WorldPack:
    """The stub world, written and opened."""
    write_stub_folder(folder, headings, arc_deg)
    return write_pack(folder, manifest_fields(headings))


def write_stub_pack_without_camera(folder: Path) -> WorldPack:
    """The stub world without poses and depth; its starts say what such starts say: the identity, nowhere."""
    (folder / "starts").mkdir(parents=True)
    fields = manifest_without_camera()
    write_graphs(folder, fields)
    for entry, yaw in zip(fields["starts"], (0.0, 90.0), strict=True):
        start = ViewsBuilder(1.0)
        for step in range(2):
            colour, _ = room(room_pose(yaw_deg=yaw + step))
            start.add(colour, np.full(colour.shape[:2], np.inf), np.eye(4), INTRINSICS)
        start.write(folder / entry["file"], motion_state(room_pose()))
    return write_pack(folder, fields)


def write_graphs(folder: Path, fields: dict[str, Any]) -> None:
    """The graphs that a manifest without ``files`` names."""
    paths = [*fields["graphs"].values(), *(start["file"] for start in fields["starts"])]
    paths += [fields["views"]["file"]] if "views" in fields else []
    unknown = {key: {"sha256": "0" * 64, "bytes": 0} for key in paths}
    manifest = WorldManifest.model_validate({**fields, "files": unknown}, strict=False)
    (folder / "graphs").mkdir(parents=True, exist_ok=True)
    for name, signature in signatures(manifest).items():
        (folder / "graphs" / f"{name}.onnx").write_bytes(onnx_bytes(signature))


class StubExecutor:
    """Trivial numpy graphs of the right shapes: reprojection copies the first view, motion walks without
    walls.

    ``ran`` lists the graphs in the order they ran; ``fed`` keeps the last feeds of each; ``fail`` names a
    graph to break.
    """

    name, device, precision, threads = "stub", "numpy", "f32", 1

    def __init__(self, pack: WorldPack) -> None:
        self.fallback_reason: str | None = None
        self.fail = ""
        self.ran: list[str] = []
        self.fed: dict[str, dict[str, NDArray[Any]]] = {}
        self._signatures = signatures(pack.manifest)

    def run(self, graph: str, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        check_feeds(graph, self._signatures[graph], feeds)
        self.ran.append(graph)
        self.fed[graph] = {name: array.copy() for name, array in feeds.items()}
        if graph == self.fail:
            raise ExecutorError(f"graph {graph} failed: told to")
        outputs: dict[str, NDArray[Any]] = getattr(self, f"_{graph}")(**feeds)
        for spec in self._signatures[graph].outputs:
            assert outputs[spec.name].shape == spec.shape, (graph, spec, outputs[spec.name].shape)
        return outputs

    def close(self) -> None:
        self._signatures.clear()

    def _encode(self, colour: Any, inverse_depth: Any) -> dict[str, NDArray[Any]]:
        planes = np.concatenate([colour, inverse_depth], axis=1)
        cells = planes.reshape(1, 4, HEIGHT // STRIDE, STRIDE, WIDTH // STRIDE, STRIDE)
        return {"latent": cells.mean(axis=(3, 5)).astype(np.float32)}

    def _reproject(self, colour: Any, inverse_depth: Any, **_: Any) -> dict[str, NDArray[Any]]:
        valid = (inverse_depth[:1] > 0).astype(np.float32)
        return {"colour": colour[:1] * valid, "inverse_depth": inverse_depth[:1].copy(), "valid": valid}

    def _denoise(self, **feeds: Any) -> dict[str, NDArray[Any]]:
        length = int(feeds["cache_length"][0])
        past = np.float32(feeds["cache_k"][:, :, :length].sum() * 1e-3)
        hint = feeds["reprojected"][:, :, :CHANNELS]
        # Points at the hint, a little aside for what is remembered, pressed and seen.
        clean = hint + np.float32(0.05) * np.tanh(
            past + feeds["control"].sum() + feeds["rays"][0, 0, 3].mean()
        )
        velocity = (feeds["latent"] - clean) / np.maximum(feeds["sigma"].reshape(()), np.float32(1e-3))
        tokens = self._signatures["denoise"].outputs[1].shape
        k = np.resize(feeds["latent"].ravel(), tokens).astype(np.float32)
        return {"velocity": velocity.astype(np.float32), "k": k, "v": -k}

    def _decode(
        self, latent: Any, hint_colour: Any, hint_inverse_depth: Any, hint_valid: Any
    ) -> dict[str, Any]:
        large = latent.repeat(STRIDE, axis=2).repeat(STRIDE, axis=3)
        colour = hint_colour * hint_valid + large[:, :3] * (1 - hint_valid)
        inverse = hint_inverse_depth * hint_valid + np.abs(large[:, 3:]) * (1 - hint_valid)
        return {"colour": np.clip(colour, 0, 1), "inverse_depth": np.clip(inverse, 0, 1)}

    def _motion(self, state: Any, control: Any) -> dict[str, NDArray[Any]]:
        moved = state.copy()
        yaw = math.atan2(state[0, 3], state[0, 4]) + math.radians(control[0, 2])
        speed = 0.1 * (control[0, 0] - control[0, 1])
        moved[0, 3:5] = math.sin(yaw), math.cos(yaw)
        moved[0, 6:9] = speed * math.sin(yaw), 0.0, speed * math.cos(yaw)
        moved[0, :3] = state[0, :3] + moved[0, 6:9]
        return {"state": moved.astype(np.float32)}


def varint(value: int) -> bytes:
    """Protobuf's variable-length integer."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """An integer field."""
    return varint(field << 3) + varint(value)


def chunk(field: int, value: bytes | str) -> bytes:
    """A string, bytes or message field."""
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def value_info(name: str, spec: TensorSpec) -> bytes:
    """A ``ValueInfoProto``."""
    dims = b"".join(chunk(1, number(1, size)) for size in spec.shape)
    element = number(1, 7 if spec.dtype == "int64" else 1)
    return chunk(1, name) + chunk(2, chunk(1, element + chunk(2, dims)))


def tensor(name: str, array: NDArray[Any]) -> bytes:
    """A float32 ``TensorProto`` with its data inside."""
    dims = b"".join(number(1, size) for size in array.shape)
    return dims + number(2, 1) + chunk(8, name) + chunk(9, array.astype("<f4").tobytes())


def attribute(name: str, value: int | bytes) -> bytes:
    """An integer or string ``AttributeProto``."""
    if isinstance(value, int):
        return chunk(1, name) + number(3, value) + number(20, 2)
    return chunk(1, name) + chunk(4, value) + number(20, 3)


def node(op: str, inputs: list[str], outputs: list[str], *attributes: bytes, domain: str = "") -> bytes:
    """A ``NodeProto``."""
    parts = [chunk(1, name) for name in inputs] + [chunk(2, name) for name in outputs]
    parts += [chunk(3, f"{op}_{outputs[0]}" if outputs else op), chunk(4, op)]
    parts += [chunk(5, part) for part in attributes]
    return b"".join(parts) + (chunk(7, domain) if domain else b"")


def graph_bytes(signature: Signature, extra: bytes = b"") -> bytes:
    """A ``GraphProto`` whose every output is a ramp plus the mean of all inputs. ``extra``: further
    fields.
    """
    parts = []
    names = []
    for spec in signature.inputs:
        parts.append(chunk(11, value_info(spec.name, spec)))
        name = spec.name
        if spec.dtype == "int64":
            parts.append(chunk(1, node("Cast", [name], [f"{name}_f"], attribute("to", 1))))
            name = f"{name}_f"
        parts.append(chunk(1, node("ReduceMean", [name], [f"{name}_mean"], attribute("keepdims", 0))))
        names.append(f"{name}_mean")
    parts.append(chunk(1, node("Sum", names, ["all_means"])))
    for spec in signature.outputs:
        output = spec.name if spec.name not in {s.name for s in signature.inputs} else f"{spec.name}_out"
        ramp = np.linspace(0, 0.5, math.prod(spec.shape), dtype=np.float32).reshape(spec.shape)
        parts.append(chunk(5, tensor(f"{output}_ramp", ramp)))
        parts.append(chunk(1, node("Add", [f"{output}_ramp", "all_means"], [output])))
        parts.append(chunk(12, value_info(output, spec)))
    return b"".join(parts) + chunk(2, "stub") + extra


def model_bytes(graph: bytes, extra: bytes = b"", domain: str = "") -> bytes:
    """A ``ModelProto``."""
    opset = (chunk(1, domain) if domain else b"") + number(2, 17)
    return number(1, 8) + chunk(7, graph) + chunk(8, opset) + extra


def onnx_bytes(signature: Signature, extra_graph: bytes = b"", extra_model: bytes = b"") -> bytes:
    """A valid ONNX file of a signature, with what one cares to add."""
    return model_bytes(graph_bytes(signature, extra_graph), extra_model)


def float_field(field: int, value: float) -> bytes:
    """A 32-bit float field."""
    return varint(field << 3 | 5) + struct.pack("<f", value)
