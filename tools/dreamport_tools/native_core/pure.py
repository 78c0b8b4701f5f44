"""The pure computations of the native core from Python: conversions, depth and camera paths.

``core.h`` documents them. They need no connection, so a bare ``ctypes.CDLL`` is enough.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.native_core.abi import EnginePose, Intrinsics, Pose

UNITY, UNREAL, GODOT = 1, 2, 3
RECTANGLE, TURN, WAYPOINTS, ORBIT, MIX = 1, 2, 3, 4, 5
LOOK_BACK, TURNED_AWAY = 1, 2

f64, u32, u64, i32 = c.c_double, c.c_uint32, c.c_uint64, c.c_int32
_triple = c.POINTER(f64)
Sweep = c.CFUNCTYPE(f64, c.c_void_p, _triple, _triple, f64)
Ground = c.CFUNCTYPE(i32, c.c_void_p, _triple, _triple)


class PathOptions(c.Structure):
    _fields_ = [
        ("struct_size", u32),
        ("kind", u32),
        ("seed", u64),
        ("frames", u32),
        ("reserved", u32),
        ("frame_rate", f64),
        ("speed_m_s", f64),
        ("turn_deg_s", f64),
        ("radius_m", f64),
        ("minimum", f64 * 3),
        ("maximum", f64 * 3),
        ("eye_height_m", f64),
        ("start", f64 * 3),
        ("landmark", f64 * 3),
        ("look_back_probability", f64),
    ]


class PathProbe(c.Structure):
    _fields_ = [("sweep", Sweep), ("ground", Ground), ("user", c.c_void_p)]


STRUCTS: dict[str, type[c.Structure]] = {"dp_path_options": PathOptions, "dp_path_probe": PathProbe}

_anchor = c.POINTER(EnginePose)
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "dp_pose_from_engine": (i32, i32, _anchor, f64, c.POINTER(EnginePose), c.POINTER(Pose)),
    "dp_pose_to_engine": (i32, i32, _anchor, f64, c.POINTER(Pose), c.POINTER(EnginePose)),
    "dp_vector_to_engine": (i32, i32, _anchor, f64, _triple, f64, _triple),
    "dp_vector_from_engine": (i32, i32, _anchor, f64, _triple, f64, _triple),
    "dp_intrinsics_from_fov": (i32, f64, u32, u32, c.POINTER(Intrinsics)),
    "dp_intrinsics_from_projection": (i32, _triple, u32, u32, c.POINTER(Intrinsics)),
    "dp_projection_from_intrinsics": (i32, c.POINTER(Intrinsics), u32, u32, f64, f64, _triple),
    "dp_intrinsics_scaled": (i32, c.POINTER(Intrinsics), u32, u32, u32, u32, c.POINTER(Intrinsics)),
    "dp_depth_to_metres": (i32, c.c_void_p, u64, f64, c.c_void_p),
    "dp_depth_from_metres": (i32, c.c_void_p, u64, f64, c.c_void_p),
    "dp_depth_from_device": (i32, c.c_void_p, u64, u32, f64, f64, f64, f64, c.c_void_p),
    "dp_path_sample": (
        i32,
        c.POINTER(PathOptions),
        c.POINTER(PathProbe),
        c.POINTER(Pose),
        c.POINTER(u32),
        u32,
    ),
}


class PureError(ValueError):
    """A pure computation refused its arguments. ``status``: the ``dp_status``."""

    def __init__(self, function: str, status: int) -> None:
        super().__init__(f"{function} answered {status}")
        self.status = status


@dataclass(frozen=True)
class Path:
    """A camera path: ``positions`` ``[N, 3]`` metres, ``orientations`` ``[N, 4]`` (x, y, z, w), ``flags``
    ``[N]``.
    """

    positions: NDArray[np.float64]
    orientations: NDArray[np.float64]
    flags: NDArray[np.uint32]

    def yaw_deg(self) -> NDArray[np.float64]:
        """``[N]`` yaw without jumps, degrees, positive to the right."""
        half = np.unwrap(np.arctan2(self.orientations[:, 1], self.orientations[:, 3]), period=np.pi)
        yaw: NDArray[np.float64] = np.degrees(2 * half)
        return yaw


class PureFunctions:
    """The functions with their types. ``check=False`` gives the status instead of raising ``PureError``."""

    def __init__(self, library: Any) -> None:
        self.calls = library
        for name, (result, *arguments) in FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function. Raises ``PureError`` unless it answers ``DP_OK``."""
        status = getattr(self.calls, name)(*arguments)
        if status != 0:
            raise PureError(name, status)

    def pose_from_engine(
        self, engine: int, camera: EnginePose, anchor: EnginePose | None = None, scale: float = 1.0
    ) -> Pose:
        """An engine's camera in level coordinates."""
        out = Pose()
        self.call("dp_pose_from_engine", engine, anchor, scale, camera, out)
        return out

    def pose_to_engine(
        self, engine: int, pose: Pose, anchor: EnginePose | None = None, scale: float = 1.0
    ) -> EnginePose:
        """The way back."""
        out = EnginePose()
        self.call("dp_pose_to_engine", engine, anchor, scale, pose, out)
        return out

    def vector_to_engine(
        self,
        engine: int,
        level: Sequence[float],
        w: float = 1.0,
        anchor: EnginePose | None = None,
        scale: float = 1.0,
    ) -> NDArray[np.float64]:
        """``[3]`` a point (``w`` 1) or direction (``w`` 0) of the level in the engine's axes and units."""
        out = (f64 * 3)()
        self.call("dp_vector_to_engine", engine, anchor, scale, (f64 * 3)(*level), w, out)
        return np.array(out)

    def vector_from_engine(
        self,
        engine: int,
        vector: Sequence[float],
        w: float = 1.0,
        anchor: EnginePose | None = None,
        scale: float = 1.0,
    ) -> NDArray[np.float64]:
        """The way back."""
        out = (f64 * 3)()
        self.call("dp_vector_from_engine", engine, anchor, scale, (f64 * 3)(*vector), w, out)
        return np.array(out)

    def depth_to_metres(self, values: NDArray[np.uint16], near_m: float) -> NDArray[np.float32]:
        """Inverse 16-bit depth to metres, of the same shape."""
        values = np.ascontiguousarray(values, np.uint16)
        out = np.empty(values.shape, np.float32)
        self.call("dp_depth_to_metres", values.ctypes.data, values.size, near_m, out.ctypes.data)
        return out

    def depth_from_metres(self, metres: NDArray[np.float32], near_m: float) -> NDArray[np.uint16]:
        """Metres to inverse 16-bit depth, of the same shape."""
        metres = np.ascontiguousarray(metres, np.float32)
        out = np.empty(metres.shape, np.uint16)
        self.call("dp_depth_from_metres", metres.ctypes.data, metres.size, near_m, out.ctypes.data)
        return out

    def depth_from_device(
        self,
        device: NDArray[np.float32],
        reversed_depth: bool,
        camera_near: float,
        camera_far: float,
        unit_m: float,
        near_m: float,
    ) -> NDArray[np.uint16]:
        """A depth buffer's values to inverse 16-bit depth, of the same shape."""
        device = np.ascontiguousarray(device, np.float32)
        out = np.empty(device.shape, np.uint16)
        self.call(
            "dp_depth_from_device",
            device.ctypes.data,
            device.size,
            int(reversed_depth),
            camera_near,
            camera_far,
            unit_m,
            near_m,
            out.ctypes.data,
        )
        return out

    def sample_path(
        self,
        options: PathOptions,
        sweep: Callable[[NDArray[np.float64], NDArray[np.float64], float], float] | None = None,
        ground: Callable[[NDArray[np.float64]], float | None] | None = None,
    ) -> Path:
        """A camera path. ``sweep`` and ``ground`` are the probes (``ground`` gives None without a floor)."""

        def call_sweep(_: Any, start: Any, end: Any, radius: float) -> float:
            assert sweep is not None
            return sweep(np.array(start[:3]), np.array(end[:3]), radius)

        def call_ground(_: Any, at: Any, out: Any) -> int:
            assert ground is not None
            height = ground(np.array(at[:3]))
            if height is None:
                return 0
            out[0] = height
            return 1

        probe = PathProbe(
            Sweep(call_sweep) if sweep else Sweep(), Ground(call_ground) if ground else Ground()
        )
        poses = (Pose * options.frames)()
        flags = (u32 * options.frames)()
        self.call("dp_path_sample", options, probe, poses, flags, options.frames)
        table = np.frombuffer(poses, np.float64).reshape(options.frames, 7).copy()
        return Path(table[:, :3], table[:, 3:], np.frombuffer(flags, np.uint32).copy())


def path_options(
    kind: int,
    seed: int,
    frames: int,
    start: Sequence[float] = (0, 0, 0),
    landmark: Sequence[float] = (0, 0, 0),
    minimum: Sequence[float] = (-1e3, -1e3, -1e3),
    maximum: Sequence[float] = (1e3, 1e3, 1e3),
    frame_rate: float = 20.0,
    speed_m_s: float = 1.5,
    turn_deg_s: float = 90.0,
    radius_m: float = 0.3,
    eye_height_m: float = 1.6,
    look_back_probability: float = 0.3,
) -> PathOptions:
    """``dp_path_options``."""
    return PathOptions(
        struct_size=c.sizeof(PathOptions),
        kind=kind,
        seed=seed,
        frames=frames,
        frame_rate=frame_rate,
        speed_m_s=speed_m_s,
        turn_deg_s=turn_deg_s,
        radius_m=radius_m,
        minimum=tuple(minimum),
        maximum=tuple(maximum),
        eye_height_m=eye_height_m,
        start=tuple(start),
        landmark=tuple(landmark),
        look_back_probability=look_back_probability,
    )
