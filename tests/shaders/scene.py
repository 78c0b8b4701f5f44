"""One small scene for the plugins' composite passes: what a viewer's engine has drawn, what a neural frame
shows, and the picture that both make.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shaders import reference
from shaders.reference import Array

SIZE = (96, 64)
VIEWER_INTRINSICS = (60.0, 60.0, 48.0, 32.0)
VIEWER = (1.5, -0.5, 2.0)
VIEWER_ORIENTATION = (0.0, np.sin(0.4), 0.0, np.cos(0.4))
FRAME_SIZE = (160, 96)
FRAME_INTRINSICS = (80.0, 80.0, 80.0, 48.0)
FRAME_ORIENTATION = (0.0, np.sin(0.43), 0.0, np.cos(0.43))
"""The frame's camera stands where the viewer stands and is turned 3.4 degrees further: a late frame."""
DEPTH_NEAR = 0.35
EDGE_M = 0.2
OPACITY = 0.9
NEAR, FAR = 0.1, 60.0


def frame_colour() -> NDArray[np.float32]:
    """`[h, w, 4]`, linear light: even changes, so that filtering is exact."""
    rows, columns = np.mgrid[: FRAME_SIZE[1], : FRAME_SIZE[0]] + 0.5
    u, v = columns / FRAME_SIZE[0], rows / FRAME_SIZE[1]
    return _colour_at(u, v).astype(np.float32)


def _colour_at(u: Array, v: Array) -> Array:
    return np.stack([0.2 + 0.6 * u, 0.1 + 0.8 * v, 0.5 - 0.3 * u, np.ones_like(u)], axis=-1)


def frame_inverse() -> NDArray[np.float32]:
    """`[h, w]`, 0..1: walls 3 m and 6 m away, a window to the sky, each whole 16-bit codes."""
    inverse = np.full(FRAME_SIZE[::-1], DEPTH_NEAR / 3)
    inverse[:, 80:] = DEPTH_NEAR / 6
    inverse[10:30, 60:130] = 0
    return np.asarray(np.rint(inverse * 65535) / 65535, np.float32)


def engine_colour() -> NDArray[np.float32]:
    """`[H, W, 4]`: stripes; the alpha means nothing."""
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
    stripes = np.stack([columns % 7 / 7, rows % 5 / 5, (columns + rows) % 3 / 3, 0 * rows + 0.25], axis=-1)
    return stripes.astype(np.float32)


def engine_metres() -> Array:
    """`[H, W]`, along the axis: 4 m, a nearer bar, a bar in the soft edge of the near wall, sky."""
    metres = np.full(SIZE[::-1], 4.0)
    metres[20:28] = 2.0
    metres[28:36] = 3.02
    metres[:, 70:80] = reference.SKY
    return metres


def device(metres: Array, far: float, reversed_z: bool, units: float = 1.0) -> NDArray[np.float32]:
    """The engine's depth buffer; the sky is where it was cleared."""
    drawn = reference.device_from_metres(
        np.minimum(metres, FAR) * units, NEAR * units, far * units, reversed_z
    )
    return np.where(metres >= reference.SKY, 0.0 if reversed_z else 1.0, drawn).astype(np.float32)


def composed(by_depth: bool, engine: Array) -> tuple[Array, NDArray[np.bool_]]:
    """The picture `[H, W, 3]` in linear light from the engine's linear colours, and where it can be told
    exactly: not within a texel of an edge of the frame's depth or border.
    """
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    fx, fy, cx, cy = VIEWER_INTRINSICS
    local = np.stack([(columns - cx) / fx, (rows - cy) / fy, np.ones_like(rows)], axis=-1)
    level = local @ reference.rotation(VIEWER_ORIENTATION).T
    size = np.array(FRAME_SIZE)
    intrinsics = np.array(FRAME_INTRINSICS)
    found = reference.project(level @ reference.rotation(FRAME_ORIENTATION), intrinsics, size)
    uv = found[..., :2]
    texel = np.clip(np.floor(uv * size).astype(int), 0, size - 1)
    inverse = frame_inverse()[texel[..., 1], texel[..., 0]]
    metres = reference.metres_from_inverse(inverse, DEPTH_NEAR)
    shown = reference.level_point(uv, np.minimum(metres, 1e6), VIEWER, FRAME_ORIENTATION, intrinsics, size)
    axis = reference.to_camera(shown, VIEWER, VIEWER_ORIENTATION)[..., 2]
    neural_metres = np.where(metres >= reference.SKY, reference.SKY, axis)
    front = (
        reference.in_front(neural_metres, engine_metres(), EDGE_M, 0.0) if by_depth else np.ones_like(metres)
    )
    neural = _colour_at(uv[..., 0], uv[..., 1])
    opaque = np.concatenate([engine[..., :3], np.ones_like(engine[..., :1])], axis=-1)
    mixed = reference.composite(opaque, neural, front, np.full(front.shape, OPACITY), True)[..., :3]
    inside = found[..., 3] > 0
    return np.where(inside[..., None], mixed, opaque[..., :3]), _certain(uv * size)


def _certain(at: Array) -> NDArray[np.bool_]:
    x, y = at[..., 0], at[..., 1]
    width, height = FRAME_SIZE
    edges = [np.abs(x - edge) for edge in (0, 60, 80, 130, width)] + [
        np.abs(y - edge) for edge in (0, 10, 30, height)
    ]
    return np.asarray(np.min(edges, axis=0) > 1.0)
