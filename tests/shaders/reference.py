"""The composite again, in numpy and float64: written from the definitions, not from the shader.

Every function takes arrays that broadcast and returns an array. Words and units are those of
``shaders/README.md``; colours and vectors lie on the last axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SKY = 1.0e20


def _array(value: ArrayLike) -> Array:
    return np.asarray(value, np.float64)


def metres_from_inverse(inverse: ArrayLike, depth_near: ArrayLike) -> Array:
    """depth = near / v, the wire contract's DEPTH_FORMAT_INVERSE_UINT16 with v scaled to 0..1."""
    inverse, depth_near = _array(inverse), _array(depth_near)
    return np.where(inverse > 0, depth_near / np.where(inverse > 0, inverse, 1), SKY)


def inverse_from_metres(metres: ArrayLike, depth_near: ArrayLike) -> Array:
    """v = near / depth, at most 1; 0 for the sky."""
    metres, depth_near = _array(metres), _array(depth_near)
    return np.where(metres >= SKY, 0.0, np.minimum(depth_near / np.maximum(metres, 1e-30), 1.0))


def device_from_metres(units: ArrayLike, near: ArrayLike, far: float, reversed_z: bool) -> Array:
    """Device depth of a point `units` along the axis: clip z over clip w of a projection onto 0..1. `far` may
    be infinite.
    """
    units, near = _array(units), _array(near)
    scale = 1.0 if np.isinf(far) else far / (far - near)
    forward = scale - scale * near / units
    return np.asarray(1 - forward if reversed_z else forward)


def metres_from_device(
    device: ArrayLike, near: ArrayLike, far: ArrayLike, reversed_z: ArrayLike, unit: ArrayLike
) -> Array:
    """The projection inverted: near * far / (far - d * (far - near)) for forward depth d, near / (1 - d) when
    the far plane is at infinity (far <= near). At the far plane: sky.
    """
    device, near, far, unit = _array(device), _array(near), _array(far), _array(unit)
    forward = np.clip(np.where(np.asarray(reversed_z, bool), 1 - device, device), 0, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        finite = near * far / (far - forward * (far - near))
        infinite = near / (1 - forward)
    return np.where(forward >= 1, SKY, np.where(far > near, finite, infinite) * unit)


def metres_from_linear_device(
    device: ArrayLike, near: ArrayLike, far: ArrayLike, reversed_z: ArrayLike, unit: ArrayLike
) -> Array:
    """An orthographic camera's device depth: linear from near to far."""
    device, near, far, unit = _array(device), _array(near), _array(far), _array(unit)
    forward = np.clip(np.where(np.asarray(reversed_z, bool), 1 - device, device), 0, 1)
    return np.where(forward >= 1, SKY, (near + forward * (far - near)) * unit)


def metres_from_eye(eye: ArrayLike, unit: ArrayLike, sky: ArrayLike) -> Array:
    """A linear depth in engine units; sky from `sky` on."""
    eye, unit, sky = _array(eye), _array(unit), _array(sky)
    return np.where(eye >= sky, SKY, np.maximum(eye, 0) * unit)


def texel_weights(inverse: ArrayLike, fraction: ArrayLike, edge: float) -> Array:
    """Bilinear weights `[..., 4]` of the texels (0,0) (1,0) (0,1) (1,1), without those whose inverse depth
    `[..., 4]` differs from the nearest texel's by more than `edge` of the larger of the two.
    """
    inverse, fraction = _array(inverse), _array(fraction)
    fx, fy = fraction[..., 0], fraction[..., 1]
    weights = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], axis=-1)
    nearest = (fx >= 0.5).astype(int) + 2 * (fy >= 0.5).astype(int)
    chosen = np.take_along_axis(inverse, nearest[..., None], axis=-1)
    weights = np.where(np.abs(inverse - chosen) <= edge * np.maximum(inverse, chosen), weights, 0)
    total: Array = weights / weights.sum(axis=-1, keepdims=True)
    return total


def in_front(neural: ArrayLike, engine: ArrayLike, width: ArrayLike, relative: ArrayLike) -> Array:
    """Smoothstep of the distance by which the neural surface is nearer, over the width; sky is behind all."""
    neural, engine, width, relative = _array(neural), _array(engine), _array(width), _array(relative)
    total = width + relative * np.minimum(neural, engine)
    ahead = engine - neural
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.where(total > 0, ahead / total + 0.5, ahead >= 0), 0, 1)
    soft = share**2 * (3 - 2 * share)
    return np.where(engine >= SKY, 1.0, np.where(neural >= SKY, 0.0, soft))


def premultiplied(colour: ArrayLike) -> Array:
    """Straight alpha `[..., 4]` to premultiplied."""
    colour = _array(colour)
    return np.concatenate([colour[..., :3] * colour[..., 3:], colour[..., 3:]], axis=-1)


def straight(colour: ArrayLike) -> Array:
    """Premultiplied alpha `[..., 4]` to straight; transparent black where nothing is."""
    colour = _array(colour)
    alpha = colour[..., 3:]
    return np.where(
        alpha > 0, np.concatenate([colour[..., :3] / np.where(alpha > 0, alpha, 1), alpha], axis=-1), 0
    )


def over(front: ArrayLike, back: ArrayLike) -> Array:
    """Porter and Duff's "over" (Compositing Digital Images, 1984), premultiplied."""
    front, back = _array(front), _array(back)
    rest = 1 - front[..., 3:]
    return front + np.where(rest > 0, back * rest, 0)


def composite(
    engine: ArrayLike, neural: ArrayLike, front: ArrayLike, opacity: ArrayLike, is_premultiplied: bool
) -> Array:
    """The nearer over the farther; between 0 and 1 of `front` both orders are mixed."""
    ours = _array(neural) if is_premultiplied else premultiplied(neural)
    theirs = _array(engine) if is_premultiplied else premultiplied(engine)
    ours = ours * np.clip(_array(opacity), 0, 1)[..., None]
    share = np.clip(_array(front), 0, 1)[..., None]
    near, far = over(ours, theirs), over(theirs, ours)
    mixed = np.where(share >= 1, near, np.where(share <= 0, far, share * near + (1 - share) * far))
    return mixed if is_premultiplied else straight(mixed)


def linear(coded: ArrayLike) -> Array:
    """sRGB codes to linear light, IEC 61966-2-1."""
    coded = _array(coded)
    return np.where(coded <= 0.04045, coded / 12.92, ((np.maximum(coded, 0.04045) + 0.055) / 1.055) ** 2.4)


def coded(linear_light: ArrayLike) -> Array:
    """Linear light to sRGB codes."""
    linear_light = _array(linear_light)
    bright = np.maximum(linear_light, 0.0031308)
    return np.where(linear_light <= 0.0031308, linear_light * 12.92, 1.055 * bright ** (1 / 2.4) - 0.055)


def rotation(orientation: ArrayLike) -> Array:
    """Matrices `[..., 3, 3]` of unit quaternions (x, y, z, w)."""
    x, y, z, w = np.moveaxis(_array(orientation), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def to_camera(point: ArrayLike, position: ArrayLike, orientation: ArrayLike) -> Array:
    """Level points in camera axes."""
    offset = _array(point) - _array(position)
    result: Array = np.einsum("...ji,...j->...i", rotation(orientation), offset)
    return result


def project(camera_point: ArrayLike, intrinsics: ArrayLike, size: ArrayLike) -> Array:
    """uv, metres along the axis and validity `[..., 4]` of points in camera axes."""
    camera_point, intrinsics, size = _array(camera_point), _array(intrinsics), _array(size)
    z = camera_point[..., 2:]
    ahead = z > 1e-6
    pixel = intrinsics[..., :2] * camera_point[..., :2] / np.where(ahead, z, 1) + intrinsics[..., 2:]
    uv = pixel / size
    inside = np.all((uv >= 0) & (uv <= 1), axis=-1, keepdims=True)
    return np.where(ahead, np.concatenate([uv, z, inside.astype(np.float64)], axis=-1), 0.0)


def level_point(
    uv: ArrayLike,
    metres: ArrayLike,
    position: ArrayLike,
    orientation: ArrayLike,
    intrinsics: ArrayLike,
    size: ArrayLike,
) -> Array:
    """What a frame shows at uv, `metres` along its axis away, in level coordinates."""
    intrinsics = _array(intrinsics)
    slope = (_array(uv) * _array(size) - intrinsics[..., 2:]) / intrinsics[..., :2]
    local = np.concatenate([slope, np.ones((*slope.shape[:-1], 1))], axis=-1) * _array(metres)[..., None]
    result: Array = _array(position) + np.einsum("...ij,...j->...i", rotation(orientation), local)
    return result
