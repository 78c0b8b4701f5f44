"""A world pack under test: generators that begin at any recorded frame, and its motion head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.layout import DatasetInfo
from dreamport.errors import DatasetError
from dreamport.executors.base import Executor
from dreamport.generator import Generator
from dreamport.generator.control import control_vector
from dreamport.generator.motion import settled
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Pose
from dreamport.worlds import Start, ViewsBuilder, WorldPack
from dreamport.worlds.buttons import buttons_of
from dreamport.worlds.manifest import DepthRange
from dreamport.worlds.views import parse_start
from dreamport_tools.evaluate.recording import Recording

START_JPEG_QUALITY = 100
SPEED = slice(6, 9)


class PackWorld:
    """Begins generators of one pack, one with memory and one without; beginning ends its last run."""

    def __init__(self, pack: WorldPack, executor: Executor) -> None:
        self._pack, self._executor = pack, executor
        self._generators: dict[bool, TaughtGenerator] = {}
        self._begun: dict[bool, tuple[tuple[int, int, int, bool], bytes]] = {}

    def begin(
        self, recording: Recording, frame: int, *, seed: int, memory: bool = True, at_rest: bool = False
    ) -> TaughtGenerator:
        """A generator that begins at frame ``frame``, primed with as many frames as the cache holds.

        ``at_rest`` takes away the speed that the player had there.
        """
        key = (id(recording), frame, seed, at_rest)
        last, snapshot = self._begun.get(memory, (None, b""))
        if last == key:
            # Priming takes a pass for each frame of the past: the same beginning is not computed twice.
            self._generators[memory].go_back(snapshot)
            return self._generators[memory]
        start = self._start(recording, frame, at_rest)
        if memory in self._generators:
            self._generators[memory].reset_to(seed, start)
        else:
            made = Generator(self._pack, self._executor, seed, start, memory)
            self._generators[memory] = TaughtGenerator(made)
        self._begun[memory] = (key, self._generators[memory].snapshot())
        return self._generators[memory]

    def motion(self, state: NDArray[np.float32], control: NDArray[np.float32]) -> NDArray[np.float32]:
        """One step of the motion head: ``[S]`` and ``[A]`` to ``[S]``, as a session takes it."""
        moved = self._executor.run("motion", {"state": state[None], "control": control[None]})
        return settled(moved["state"][0])

    def _start(self, recording: Recording, frame: int, at_rest: bool) -> Start:
        manifest = self._pack.manifest
        builder = ViewsBuilder(depth_of(self._pack).min_m, START_JPEG_QUALITY)
        rows = range(max(0, frame + 1 - manifest.cache.frames), frame + 1)
        for row in rows:
            builder.add(
                recording.colour(row), recording.depth(row), recording.pose[row], recording.intrinsics
            )
        controls = [control_vector(int(recording.buttons[r]), _look(recording, r), manifest) for r in rows]
        state = _state(recording, frame, manifest.state_size)
        if at_rest:
            state[SPEED] = 0.0
        data = builder.to_bytes(state, np.stack(controls))
        return parse_start(data, manifest, "held-out", f"frame {frame} of a held-out episode")


class TaughtGenerator:
    """A ``Generator`` whose last frame can be replaced by a recorded one."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    @property
    def start_frame(self) -> GeneratedFrame:
        """The recorded frame it began from."""
        return self._generator.start_frame

    def step(self, control: FrameControl) -> GeneratedFrame:
        """The next frame."""
        return self._generator.step(control)

    def finish(self) -> None:
        """What a frame's delivery does not wait for."""
        self._generator.finish()

    def teach(self, recording: Recording, index: int) -> None:
        """Put a recorded frame in the place of the one just generated; call it before ``finish``."""
        self._generator.observe(
            recording.colour(index),
            recording.depth(index),
            Pose.from_matrix(recording.pose[index]),
            motion_state=_state(recording, index, len(self._generator.motion_state)),
        )

    def snapshot(self) -> bytes:
        """Where it is now, for ``go_back``."""
        return self._generator.snapshot()

    def go_back(self, snapshot: bytes) -> None:
        """Go on from where it was."""
        self._generator.restore(snapshot)

    def reset_to(self, seed: int, start: Start) -> None:
        """Begin again from another start."""
        self._generator.reset(seed, start)


def depth_of(pack: WorldPack) -> DepthRange:
    """The world's depth range. Raises ``DatasetError`` for a world without depth or without a motion head, of
    which most of what is measured here says nothing.
    """
    depth, motion = pack.manifest.depth, pack.manifest.motion
    if depth is None or motion is None:
        lacks = " and no ".join(
            what for what, there in (("depth", depth), ("motion head", motion)) if there is None
        )
        raise DatasetError(
            f"world {pack.manifest.name} has no {lacks}; this evaluation compares depth, places and "
            "walls, so it needs a world that was recorded with poses and depth"
        )
    return depth


def check_fits(pack: WorldPack, info: DatasetInfo) -> None:
    """Raise ``DatasetError`` unless recordings of ``info`` can be played in this world as they are."""
    manifest = pack.manifest
    names = [button.name for button in manifest.controls.buttons]
    pairs = (
        ("frame size", (info.width, info.height), (manifest.frame.width, manifest.frame.height)),
        ("buttons", [button["name"] for button in buttons_of(info.buttons)], names),
    )
    for what, recorded, wanted in pairs:
        if recorded != wanted:
            raise DatasetError(
                f"the recordings have {what} {recorded} and world {manifest.name} has {wanted}; "
                "evaluate it on recordings of its own level"
            )


def _look(recording: Recording, row: int) -> tuple[float, float]:
    return float(recording.look_deg[row][0]), float(recording.look_deg[row][1])


def _state(recording: Recording, row: int, size: int) -> NDArray[np.float32]:
    """The recorded motion state, with zeros for what only this world's motion head carries along."""
    state = np.zeros(size, np.float32)
    recorded = recording.motion_state[row]
    state[: len(recorded)] = recorded
    return state
