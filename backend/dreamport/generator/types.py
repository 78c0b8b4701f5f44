"""Plain data that crosses the generator's border. No framework types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dreamport.geometry import Intrinsics, Pose


@dataclass(frozen=True)
class FrameControl:
    """What one chunk of frames is generated from; in a small world that is one frame.

    ``buttons``: bit mask in the order of the manifest's buttons, held through the chunk. ``look_deg``: yaw
    (right positive) and pitch (down positive) turned during the chunk, in degrees. ``pose``: the camera's
    pose when it is given from outside; ``None`` lets the world move the camera. ``intrinsics``: ``None``
    takes the world's own. ``prompt`` (words) and ``events`` (names of the manifest's) are said now and hold
    until others are; ``None`` and empty leave what holds as it is.
    """

    buttons: int = 0
    look_deg: tuple[float, float] = (0.0, 0.0)
    pose: Pose | None = None
    intrinsics: Intrinsics | None = None
    prompt: str | None = None
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class GeneratedFrame:
    """One frame and what it was made for.

    ``colour [H, W, 3]`` uint8 sRGB; ``depth [H, W]`` float32 metres along the optical axis, ``None`` in a
    world without depth; ``pose``: the camera it shows, each frame of a chunk its own. ``index`` counts
    generated frames since the start (the start itself is 0).
    """

    index: int
    colour: NDArray[np.uint8]
    depth: NDArray[np.float32] | None
    pose: Pose
    intrinsics: Intrinsics


class WorldGenerator(Protocol):
    """What a session drives. One instance a session; not thread-safe."""

    @property
    def start_frame(self) -> GeneratedFrame:
        """The captured frame this session began from, index 0."""
        ...

    @property
    def snapshot_bytes(self) -> int:
        """About how large a snapshot is, so that one that is too large is never made."""
        ...

    def chunk(self, control: FrameControl) -> tuple[GeneratedFrame, ...]:
        """Generate the frames of the next causal step: one in a small world. Raises ``ControlError`` or
        ``ExecutorError``.
        """
        ...

    def finish(self) -> None:
        """Do the work that the frames just returned do not wait for (cache pass, memory). Optional: ``chunk``
        catches up.
        """
        ...

    def reset(self, seed: int | None = None, start: str | None = None) -> GeneratedFrame:
        """Begin again, from the same or another start and seed."""
        ...

    def snapshot(self) -> bytes:
        """Everything needed to go on from here, as bytes without code in them."""
        ...

    def sketch(self) -> bytes:
        """A snapshot that is small in every world: where a whole one would be large, the last picture, the
        camera and the words. What is restored from those looks on from there and remembers nothing earlier.
        """
        ...

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot of the same world. Raises ``SnapshotError``."""
        ...

    def close(self) -> None:
        """Give back what it holds on a device. It generates nothing afterwards."""
        ...
