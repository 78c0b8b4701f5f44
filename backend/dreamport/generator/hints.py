"""What memory shows of the next camera: remembered views, reprojected into it and encoded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dreamport.executors.base import GraphRunner
from dreamport.generator.memory import ViewMemory
from dreamport.geometry import Intrinsics, Pose
from dreamport.worlds.manifest import WorldManifest

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Camera:
    """Where a frame is taken from."""

    pose: Pose
    intrinsics: Intrinsics

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """``[4, 4]`` camera-to-world."""
        return self.pose.matrix()


@dataclass(frozen=True)
class Hint:
    """What memory shows of a camera.

    ``colour [1, 3, H, W]``, ``inverse_depth`` and ``valid [1, 1, H, W]`` are the decoder's; ``latent [1, 1, C
    + 1, h, w]`` is the denoiser's: the latent, then the share of valid pixels. ``blind``: the share of pixels
    that no view shows.
    """

    colour: Float32
    inverse_depth: Float32
    valid: Float32
    latent: Float32
    blind: float


@dataclass
class Stopwatch:
    """Milliseconds of named stages."""

    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Times the block under the stage's name."""
        began = time.perf_counter()
        yield
        self.milliseconds[stage] = (time.perf_counter() - began) * 1e3

    def keep(self, *stages: str) -> None:
        """Forget all but some stages."""
        self.milliseconds = {name: value for name, value in self.milliseconds.items() if name in stages}


class Hints:
    """Makes the hint for a camera. Where ``enabled`` is false, nothing is remembered of it, or the world
    has no ``memory`` at all, the hint is empty.
    """

    def __init__(
        self, manifest: WorldManifest, executor: GraphRunner, memory: ViewMemory | None, stopwatch: Stopwatch
    ) -> None:
        self.enabled = True
        self._manifest = manifest
        self._executor = executor
        self._memory = memory
        self._stopwatch = stopwatch
        self._empty = self._make_empty()

    def of(self, camera: Camera) -> Hint:
        """Select views, reproject and encode them. Raises ``ExecutorError`` or ``PackError``."""
        if self._memory is None or not self.enabled:
            return self._empty
        intrinsics = camera.intrinsics.as_array()
        with self._stopwatch.time("select"):
            seen = self._memory.select(camera.matrix, intrinsics)
        if not seen:
            return self._empty
        with self._stopwatch.time("views"):
            views = self._memory.feeds(camera.matrix)
        with self._stopwatch.time("reproject"):
            shown = self._executor.run(
                "reproject",
                {
                    "colour": views.colour,
                    "inverse_depth": views.inverse_depth,
                    "target_from_source": views.target_from_source,
                    "intrinsics": views.intrinsics,
                    "target_intrinsics": intrinsics,
                },
            )
        with self._stopwatch.time("encode"):
            return self._encoded(shown["colour"], shown["inverse_depth"], shown["valid"])

    def _make_empty(self) -> Hint:
        height, width = self._manifest.frame.height, self._manifest.frame.width
        plane = np.zeros((1, 1, height, width), np.float32)
        return self._encoded(np.zeros((1, 3, height, width), np.float32), plane, plane)

    def _encoded(self, colour: Float32, inverse_depth: Float32, valid: Float32) -> Hint:
        size, stride = self._manifest.latent, self._manifest.stride
        encoded = self._executor.run("encode", {"colour": colour, "inverse_depth": inverse_depth})
        share = valid.reshape(size.height, stride, size.width, stride).mean(axis=(1, 3), dtype=np.float32)
        latent = np.concatenate([encoded["latent"][0], share[None]])[None, None]
        return Hint(colour, inverse_depth, valid, latent, 1.0 - float(share.mean()))
