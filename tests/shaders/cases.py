"""What the shader is asked and what numpy answers: HLSL expressions, random inputs, expected values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shaders import reference
from shaders.reference import Array

SAMPLES = 20_000
INTRINSICS = np.array([160.0, 170.0, 150.0, 96.0])
SIZE = np.array([320.0, 192.0])
HLSL_CAMERA = "float4(160.0, 170.0, 150.0, 96.0), float2(320.0, 192.0)"

Rows = NDArray[np.float32]
Inputs = Callable[[np.random.Generator], list[Rows]]


@dataclass(frozen=True)
class Case:
    """One HLSL expression of up to four float4 inputs a, b, c, d, the numpy function of the same inputs
    (float64), and what makes them.
    """

    name: str
    hlsl: str
    expected: Callable[..., Array]
    inputs: Inputs


def rows(*columns: ArrayLike) -> Rows:
    """Up to four columns as float32 `[N, 4]`; the rest is 0."""
    filled = [np.asarray(column, np.float64) for column in (*columns, *[0.0] * (4 - len(columns)))]
    return np.stack(np.broadcast_arrays(*filled), axis=-1).astype(np.float32)


# ---------------------------------------------------------------- inputs


def metres(random: np.random.Generator) -> Array:
    """Distances of 5 cm to 2 km, evenly over the magnitudes."""
    distance: Array = 10 ** random.uniform(-1.3, 3.3, SAMPLES)
    return distance


def inverse_samples(random: np.random.Generator) -> list[Rows]:
    """Texels of the depth picture, the ends of their range among them, and units of 5 cm to 1 m."""
    codes = random.integers(0, 65536, SAMPLES)
    codes[:6] = (0, 0, 1, 2, 65534, 65535)
    return [rows(codes / 65535, random.uniform(0.05, 1.0, SAMPLES))]


def metre_samples(random: np.random.Generator) -> list[Rows]:
    """Distances, the sky and nearer than near among them."""
    distance = metres(random)
    distance[:4] = (reference.SKY, 1e30, 0.0, 0.35)
    return [rows(distance, 0.35)]


def device_samples(far: float, reversed_z: bool, unit: float) -> Inputs:
    """What a camera with its near plane at 0.1 to 1 engine unit writes, in float32."""

    def inputs(random: np.random.Generator) -> list[Rows]:
        near = random.uniform(0.1, 1.0, SAMPLES)
        units = near * (min(far, 2000.0) / near) ** random.uniform(0, 1, SAMPLES)
        device = reference.device_from_metres(units, near, far, reversed_z)
        device[:4] = (0.0, 1.0, -0.25, 1.25)
        return [rows(device, near, 0.0 if np.isinf(far) else far, float(reversed_z)), rows([unit] * SAMPLES)]

    return inputs


def eye_samples(random: np.random.Generator) -> list[Rows]:
    """Linear depths in centimetres, also behind the camera and at the sky from 50,000 on."""
    return [rows(metres(random) * random.choice([-1, 1, 1, 100], SAMPLES), 0.01, 50_000.0)]


def surfaces(width: float, relative: float) -> Inputs:
    """Two distances, mostly close together; sky on either or both sides; equal distances."""

    def inputs(random: np.random.Generator) -> list[Rows]:
        neural = metres(random)
        engine = neural + random.uniform(-2, 2, SAMPLES) * (width + relative * neural + 0.01)
        neural[0:200] = reference.SKY
        engine[100:300] = reference.SKY
        engine[300:400] = neural[300:400]
        return [rows(neural, engine, width, relative)]

    return inputs


def texels(random: np.random.Generator) -> list[Rows]:
    """Four texels of one surface, of two or of the sky, and where between them; never closer to the rule's
    border than float32 can tell.
    """
    base = random.uniform(0.02, 1.0, (SAMPLES, 1))
    values = base * random.uniform(0.905, 1.0, (SAMPLES, 4))
    behind = random.random((SAMPLES, 4)) < 0.3
    values = np.where(behind, base * random.choice([0.0, 0.3, 0.6], (SAMPLES, 1)), values)
    values[:50] = 0.0
    fraction = random.uniform(0, 1, (SAMPLES, 2))
    fraction[50:60] = 0.0
    fraction[60:70] = 0.5
    return [values.astype(np.float32), rows(*fraction.T)]


def colours(is_premultiplied: bool) -> Inputs:
    """Engine and neural colours with any alpha, 0 and 1 among them; mixing share and opacity."""

    def inputs(random: np.random.Generator) -> list[Rows]:
        pictures = []
        for _ in range(2):
            colour = random.uniform(0, 1, (SAMPLES, 4))
            colour[:, 3] = np.clip(colour[:, 3] * 1.4 - 0.2, 0, 1)
            pictures.append(reference.premultiplied(colour) if is_premultiplied else colour)
        share = np.clip(random.uniform(-0.5, 1.5, SAMPLES), 0, 1)
        opacity = random.uniform(-0.2, 1.2, SAMPLES)
        return [*(picture.astype(np.float32) for picture in pictures), rows(share, opacity)]

    return inputs


def one_picture(is_premultiplied: bool) -> Inputs:
    """Only the first of them."""
    return lambda random: colours(is_premultiplied)(random)[:1]


def channels(random: np.random.Generator) -> list[Rows]:
    """All 256 codes, and values from below 0 to above 1."""
    codes = np.tile(np.arange(256)[:, None] / 255, (1, 4))
    return [np.concatenate([codes, random.uniform(-0.1, 1.5, (SAMPLES, 4))]).astype(np.float32)]


def level_views(random: np.random.Generator) -> list[Rows]:
    """Points in front of a camera, mostly inside its frame, or behind it; the camera; its orientation."""
    position = random.uniform(-5, 5, (SAMPLES, 3))
    orientation = random.normal(size=(SAMPLES, 4))
    orientation /= np.linalg.norm(orientation, axis=-1, keepdims=True)
    local = random.uniform(-1.2, 1.2, (SAMPLES, 3))
    local[:, 2] = random.choice([1, 1, 1, -1], SAMPLES)
    local *= random.uniform(0.5, 8, (SAMPLES, 1))
    point = position + np.einsum("nij,nj->ni", reference.rotation(orientation), local)
    return [rows(*point.T), rows(*position.T), orientation.astype(np.float32)]


def texel_views(random: np.random.Generator) -> list[Rows]:
    """Places in a frame with their distance; the camera; its orientation."""
    places = rows(*random.uniform(0, 1, (2, SAMPLES)), random.uniform(0.3, 8, SAMPLES))
    return [places, *level_views(random)[1:]]


# ---------------------------------------------------------------- cases


def _scalar(function: Callable[..., Array]) -> Callable[..., Array]:
    """The numpy function's values as the first column of four."""
    return lambda *inputs: np.stack([function(*inputs), *[np.zeros(len(inputs[0]))] * 3], axis=-1)


def _projected(point: Array, position: Array, orientation: Array) -> Array:
    local = reference.to_camera(point[:, :3], position[:, :3], orientation)
    return reference.project(local, INTRINSICS, SIZE)


def _level_point(place: Array, position: Array, orientation: Array) -> Array:
    point = reference.level_point(place[:, :2], place[:, 2], position[:, :3], orientation, INTRINSICS, SIZE)
    return np.concatenate([point, np.zeros((len(point), 1))], axis=-1)


def _filtered(inverse: Array, fraction: Array) -> Array:
    filtered: Array = (reference.texel_weights(inverse, fraction[:, :2], 0.1) * inverse).sum(axis=-1)
    return filtered


def _device_metres(pixel: Array, unit: Array) -> Array:
    device, near, far, reversed_z = pixel.T
    return reference.metres_from_device(device, near, far, reversed_z > 0.5, unit[:, 0])


def _opaque_alpha(function: Callable[[Array], Array]) -> Callable[..., Array]:
    return lambda colour: function(colour) * (1, 1, 1, 0)


def depth_cases() -> Iterator[Case]:
    """Every way to metres, and the filter."""
    yield Case(
        "metres of inverse depth",
        "float4(DreamportMetresFromInverse(a.x, a.y), 0.0, 0.0, 0.0)",
        _scalar(lambda a: reference.metres_from_inverse(a[:, 0], a[:, 1])),
        inverse_samples,
    )
    yield Case(
        "inverse depth of metres",
        "float4(DreamportInverseFromMetres(a.x, a.y), 0.0, 0.0, 0.0)",
        _scalar(lambda a: reference.inverse_from_metres(a[:, 0], a[:, 1])),
        metre_samples,
    )
    yield Case(
        "metres of linear depth",
        "float4(DreamportMetresFromEye(a.x, a.y, a.z), 0.0, 0.0, 0.0)",
        _scalar(lambda a: reference.metres_from_eye(a[:, 0], a[:, 1], a[:, 2])),
        eye_samples,
    )
    for reversed_z in (False, True):
        direction = "reversed" if reversed_z else "forward"
        for far in (50.0, 1000.0, np.inf):
            for unit in (1.0, 0.01):
                yield Case(
                    f"device depth, {direction}, far {far:g}, unit {unit:g} m",
                    "float4(DreamportMetresFromDevice(a.x, a.y, a.z, a.w > 0.5, b.x), 0.0, 0.0, 0.0)",
                    _scalar(_device_metres),
                    device_samples(far, reversed_z, unit),
                )
    yield Case(
        "device depth of an orthographic camera",
        "float4(DreamportMetresFromLinearDevice(a.x, 0.3, 400.0, a.y > 0.5, 0.01), 0.0, 0.0, 0.0)",
        _scalar(lambda a: reference.metres_from_linear_device(a[:, 0], 0.3, 400.0, a[:, 1] > 0.5, 0.01)),
        lambda random: [rows(random.uniform(-0.1, 1.1, SAMPLES), random.integers(0, 2, SAMPLES))],
    )
    yield Case(
        "texel weights",
        "DreamportTexelWeights(a, b.xy, 0.1)",
        lambda a, b: reference.texel_weights(a, b[:, :2], 0.1),
        texels,
    )
    yield Case(
        "filtered inverse depth",
        "float4(DreamportFilterInverse(a, b.xy, 0.1), 0.0, 0.0, 0.0)",
        _scalar(_filtered),
        texels,
    )
    for width, relative in ((0.0, 0.0), (0.05, 0.0), (0.0, 0.02), (0.1, 0.05)):
        yield Case(
            f"in front, edge {width:g} m and {relative:g} of the distance wide",
            "float4(DreamportInFront(a.x, a.y, a.z, a.w), 0.0, 0.0, 0.0)",
            _scalar(lambda a: reference.in_front(*a.T)),
            surfaces(width, relative),
        )


def colour_cases() -> Iterator[Case]:
    """Blending in both alpha modes, and colour space."""
    for is_premultiplied, mode in ((False, "straight"), (True, "premultiplied")):
        flag = "true" if is_premultiplied else "false"
        yield Case(
            f"composite, {mode} alpha",
            f"DreamportComposite(a, b, c.x, c.y, {flag})",
            lambda a, b, c, premultiplied=is_premultiplied: reference.composite(
                a, b, c[:, 0], c[:, 1], premultiplied
            ),
            colours(is_premultiplied),
        )
        yield Case(
            f"full screen, {mode} alpha",
            f"DreamportFullScreen(a, b, c.y, {flag})",
            lambda a, b, c, premultiplied=is_premultiplied: reference.composite(
                a, b, np.ones(len(a)), c[:, 1], premultiplied
            ),
            colours(is_premultiplied),
        )
    yield Case(
        "to premultiplied",
        "DreamportPremultiplied(a)",
        reference.premultiplied,
        one_picture(False),
    )
    yield Case("to straight", "DreamportStraight(a)", reference.straight, one_picture(True))
    yield Case(
        "sRGB to linear", "float4(DreamportLinear(a.rgb), 0.0)", _opaque_alpha(reference.linear), channels
    )
    yield Case(
        "linear to sRGB", "float4(DreamportCoded(a.rgb), 0.0)", _opaque_alpha(reference.coded), channels
    )


def geometry_cases() -> Iterator[Case]:
    """The portal's mapping, there and back."""
    yield Case(
        "a level point in the frame",
        f"DreamportProject(DreamportToCamera(a.xyz, b.xyz, c), {HLSL_CAMERA})",
        _projected,
        level_views,
    )
    yield Case(
        "a portal's surface in the frame",
        f"DreamportPortal(b.xyz, a.xyz, c, {HLSL_CAMERA})",
        _projected,
        level_views,
    )
    yield Case(
        "the level point of a texel",
        f"float4(DreamportLevelPoint(a.xy, a.z, b.xyz, c, {HLSL_CAMERA}), 0.0)",
        _level_point,
        texel_views,
    )


CASES = {case.name: case for case in (*depth_cases(), *colour_cases(), *geometry_cases())}
