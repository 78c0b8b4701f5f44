"""Plain data that crosses the generator's border. No framework types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dreamport.geometry import Intrinsics, Pose


@dataclass(frozen=True)
class FrameControl:
    """What one frame is generated from.

    ``buttons``: bit mask in the order of the manifest's buttons. ``look_deg``: yaw (right positive)
    and pitch (down positive) turned during this frame, in degrees. ``pose``: the camera's pose when it
    is given from outside; ``None`` lets the motion head move the camera. ``intrinsics``: ``None`` takes
    the world's own. ``prompt`` (words) and ``events`` (names of the manifest's) are said now and hold until
    others are; ``None`` and empty leave what holds as it is.
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

    ``colour [H, W, 3]`` uint8 sRGB; ``depth [H, W]`` float32 metres along the optical axis;
    ``index`` counts generated frames since the start (the start itself is 0).
    """

    index: int
    colour: NDArray[np.uint8]
    depth: NDArray[np.float32]
    pose: Pose
    intrinsics: Intrinsics


class WorldGenerator(Protocol):
    """What a session drives. One instance a session; not thread-safe."""

    @property
    def start_frame(self) -> GeneratedFrame:
        """The captured frame this session began from, index 0."""
        ...

    def step(self, control: FrameControl) -> GeneratedFrame:
        """Generate the next frame. Raises ``ControlError`` or ``ExecutorError``."""
        ...

    def finish(self) -> None:
        """Do the work that the frame just returned does not wait for (cache pass, memory). Optional: ``step``
        catches up.
        """
        ...

    def reset(self, seed: int | None = None, start: str | None = None) -> GeneratedFrame:
        """Begin again, from the same or another start and seed."""
        ...

    def snapshot(self) -> bytes:
        """Everything needed to go on from here, as bytes without code in them."""
        ...

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot of the same world. Raises ``SnapshotError``."""
        ...
