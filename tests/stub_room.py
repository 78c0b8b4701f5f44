"""A room that stands in for a game: rendered exactly from any pose, with recordings and worlds made of it.

Every class here is a stub. The room is a box with noise on its walls; the player glides on its floor.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport_tools.evaluate.recording import Recording

HEIGHT, WIDTH, FOCAL = 64, 96, 48.0
HALF = (5.0, 1.5, 5.0)  # half the room's size in metres
SPEED_M = 0.15
FORWARD = 1
BUTTONS = ("MOVE_FORWARD",)
INTRINSICS = Intrinsics(FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2)

Picture = NDArray[np.uint8]
Depth = NDArray[np.float32]


class StubRoom:
    """Renders the room. ``seed`` decides the noise on its walls."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        # Smooth blobs a few pixels wide, so that flow can be followed, and each wall of its own colour.
        coarse = rng.uniform(40, 215, (6, 40, 40, 3))
        self._walls = np.clip(_enlarge(coarse, 8), 0, 255)

    def render(self, pose: NDArray[np.floating]) -> tuple[Picture, Depth]:
        """Colour ``[H, W, 3]`` and depth ``[H, W]`` metres from a ``[4, 4]`` camera-to-world pose."""
        u, v = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
        local = np.stack([u / FOCAL, v / FOCAL, np.ones_like(u)], axis=-1)
        direction = local @ np.asarray(pose)[:3, :3].T
        direction[direction == 0] = 1e-12
        origin = np.asarray(pose)[:3, 3]
        reach = (np.sign(direction) * np.array(HALF) - origin) / direction
        axis = reach.argmin(axis=-1)
        depth = reach.min(axis=-1)
        point = origin + depth[..., None] * direction
        wall = 2 * axis + (np.take_along_axis(direction, axis[..., None], -1)[..., 0] > 0)
        across = np.where(axis == 0, 2, 0)
        up = np.where(axis == 1, 2, 1)
        size = self._walls.shape[1]
        place = [
            (np.take_along_axis(point, index[..., None], -1)[..., 0] / HALF[0] + 1) / 2 * (size - 1)
            for index in (up, across)
        ]
        rows, columns = (np.clip(p, 0, size - 1.001) for p in place)
        r, c = rows.astype(int), columns.astype(int)
        fr, fc = (rows - r)[..., None], (columns - c)[..., None]
        texture = self._walls
        colour = (1 - fr) * ((1 - fc) * texture[wall, r, c] + fc * texture[wall, r, c + 1]) + fr * (
            (1 - fc) * texture[wall, r + 1, c] + fc * texture[wall, r + 1, c + 1]
        )
        return colour.astype(np.uint8), depth.astype(np.float32)


def glide(
    state: NDArray[np.floating], buttons: int, yaw_deg: float, speed_m: float = SPEED_M
) -> NDArray[np.float64]:
    """The player's motion: turn, then go forward if told to; walls are kept 1.5 m away."""
    after = np.array(state, np.float64)
    yaw = math.atan2(after[3], after[4]) + math.radians(yaw_deg)
    after[3:5] = math.sin(yaw), math.cos(yaw)
    after[6:9] = 0.0
    if buttons & FORWARD:
        for axis, step in ((0, math.sin(yaw) * speed_m), (2, math.cos(yaw) * speed_m)):
            limit = HALF[axis] - 1.5
            moved = min(max(after[axis] + step, -limit), limit)
            after[6 + axis] = moved - after[axis]
            after[axis] = moved
    return after


def pose_of(state: NDArray[np.floating]) -> NDArray[np.float64]:
    """``[4, 4]`` camera-to-world of a motion state."""
    yaw = math.degrees(math.atan2(float(state[3]), float(state[4])))
    return Pose.from_yaw_pitch((float(state[0]), float(state[1]), float(state[2])), yaw).matrix()


class StubRecording:
    """A recording of ``frames`` frames of a seeded walk through the room."""

    def __init__(self, room: StubRoom, frames: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        state = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0], np.float64)
        states, self.buttons, looks, turn = [state], np.zeros(frames, np.uint32), [(0.0, 0.0)], 0.0
        for row in range(1, frames):
            if row % 12 == 1:
                turn = float(rng.choice([-4.0, -2.0, 0.0, 2.0, 4.0]))
            self.buttons[row] = FORWARD if row % 40 < 32 else 0
            looks.append((turn, 0.0))
            state = glide(state, int(self.buttons[row]), turn)
            states.append(state)
        self.look_deg = np.array(looks, np.float32)
        self.motion_state = np.stack(states)
        self.pose = np.stack([pose_of(s) for s in states])
        self.intrinsics = INTRINSICS.as_array()
        views = [room.render(p) for p in self.pose]
        self._colours, self._depths = [c for c, _ in views], [d for _, d in views]

    def colour(self, index: int, /) -> Picture:
        return self._colours[index]

    def depth(self, index: int, /) -> Depth:
        return self._depths[index]


class StubGenerator:
    """Shows the room as it is: plays a recording back exactly, and obeys. Subclasses are worse at it."""

    def __init__(self, room: StubRoom, recording: Recording, frame: int, memory: bool) -> None:
        self.room, self.memory, self.index = room, memory, 0
        self.state = np.array(recording.motion_state[frame], np.float64)
        self.start_frame = self._frame(recording.colour(frame), recording.depth(frame))

    def step(self, control: FrameControl) -> GeneratedFrame:
        self.index += 1
        if control.pose is None:
            self.state = glide(self.state, control.buttons, control.look_deg[0])
        else:
            heading = math.radians(control.pose.yaw_deg())
            self.state[:3] = control.pose.position
            self.state[3:5] = math.sin(heading), math.cos(heading)
        colour, depth = self.room.render(pose_of(self.state))
        return self.show(colour, depth)

    def show(self, colour: Picture, depth: Depth) -> GeneratedFrame:
        """What is made of the true view."""
        return self._frame(colour, depth)

    def teach(self, recording: Recording, index: int) -> None:
        self.state = np.array(recording.motion_state[index], np.float64)

    def finish(self) -> None:
        """Nothing is left to do."""

    def _frame(self, colour: Picture, depth: Depth | None) -> GeneratedFrame:
        return GeneratedFrame(self.index, colour, depth, Pose.from_matrix(pose_of(self.state)), INTRINSICS)


class FrozenGenerator(StubGenerator):
    """Shows its first frame for ever."""

    def show(self, colour: Picture, depth: Depth) -> GeneratedFrame:
        return self._frame(self.start_frame.colour, self.start_frame.depth)


class MirroredGenerator(StubGenerator):
    """Turns the wrong way and walks backwards."""

    def step(self, control: FrameControl) -> GeneratedFrame:
        if control.pose is not None:
            return super().step(control)
        self.index += 1
        self.state = glide(self.state, control.buttons, -control.look_deg[0], -SPEED_M)
        return self.show(*self.room.render(pose_of(self.state)))


class FadingGenerator(StubGenerator):
    """Loses detail, contrast and colour with every frame, and forgets everything without memory."""

    def show(self, colour: Picture, depth: Depth) -> GeneratedFrame:
        loss = 1.0 if not self.memory else min(1.0, self.index / 80)
        grey = colour.mean()
        return self._frame((grey + (colour - grey) * (1 - loss)).astype(np.uint8), depth * (1 + 0.1 * loss))


class StubWorld:
    """Begins one kind of stub generator."""

    def __init__(self, room: StubRoom, kind: Callable[..., StubGenerator] = StubGenerator) -> None:
        self._room, self._kind = room, kind

    def begin(
        self, recording: Recording, frame: int, *, seed: int, memory: bool = True, at_rest: bool = False
    ) -> StubGenerator:
        return self._kind(self._room, recording, frame, memory)


def stub_motion(state: NDArray[np.float32], control: NDArray[np.float32]) -> NDArray[np.float32]:
    """The room's own motion as a motion head."""
    return glide(state, int(control[0]), float(control[1])).astype(np.float32)


def _enlarge(coarse: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """``[6, n, n, 3]`` to ``[6, n * times, n * times, 3]``, linearly."""
    count = coarse.shape[1]
    at = np.linspace(0, count - 1.001, count * times)
    low, part = at.astype(int), at - at.astype(int)
    rows = coarse[:, low] * (1 - part)[None, :, None, None] + coarse[:, low + 1] * part[None, :, None, None]
    left, right = rows[:, :, low], rows[:, :, low + 1]
    return np.asarray(left + (right - left) * part[None, None, :, None], np.float64)
