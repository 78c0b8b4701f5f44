"""Honest input: what a client sends is checked, gathered, and taken by exactly one frame.

Held buttons and the camera: the latest control wins. Presses and look deltas: added up until a frame takes
them. Prompts and events: the latest text, and of every group of events the latest, go to the next frame.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from dreamport.generator.types import FrameControl
from dreamport.geometry import Intrinsics, Pose
from dreamport.service.refusal import invalid
from dreamport.v1 import common_pb2, play_pb2, world_pb2

MAX_LOOK_DEG = 360.0
MAX_PENDING_LOOK_DEG = 180.0
MAX_DISTANCE_M = 1e6
MAX_FOCAL_PX = 1e6
MAX_ARRIVALS = 64
MAX_PROMPT = 2000


@dataclass(frozen=True)
class LatchedControl:
    """What one chunk applies, in a small world one frame.

    ``sequence`` and ``client_time_ns`` name the last control in it; ``arrivals_ns`` are the server times at
    which the controls that no earlier frame applied arrived, empty when there were none.
    """

    frame: FrameControl
    sequence: int
    client_time_ns: int
    arrivals_ns: tuple[int, ...]


class ControlInbox:
    """Gathers one session's controls. Raises ``Refusal`` (INVALID_ARGUMENT) for a control that breaks the
    schema. They are added on one thread and taken on another.
    """

    def __init__(self, world: world_pb2.World) -> None:
        self._schema = world.control_schema
        self._size = world.summary.frame_size
        self._chunk_frames = max(1, world.chunk_frames)
        self._known_buttons = (1 << len(self._schema.buttons)) - 1
        self.sequence = 0
        self.paused = False
        self.cameras_ignored = 0
        self._client_time_ns = 0
        self._held = 0
        self._pressed = 0
        self._yaw = 0.0
        self._pitch = 0.0
        self._pose: Pose | None = None
        self._intrinsics: Intrinsics | None = None
        self._arrivals_ns: list[int] = []
        self._prompt: str | None = None
        self._events: dict[str, str] = {}
        self._restarts = 0
        self._turn = threading.Lock()

    def add(self, control: play_pb2.Control, now_ns: int) -> None:
        """Take in one control that arrived at ``now_ns`` (server time)."""
        if control.sequence <= self.sequence:
            raise invalid("control.sequence", f"{control.sequence} came after {self.sequence}; it must grow")
        for field, buttons in (("control.buttons", control.buttons), ("control.pressed", control.pressed)):
            if buttons & ~self._known_buttons:
                raise invalid(
                    field, f"this world has {len(self._schema.buttons)} buttons, and a higher bit is set"
                )
        yaw = _look("control.look_yaw_deg", control.look_yaw_deg)
        pitch = _look("control.look_pitch_deg", control.look_pitch_deg)
        pose, intrinsics = self._camera(control)
        with self._turn:
            self.sequence = control.sequence
            self._client_time_ns = control.client_time_ns
            self._held = control.buttons
            self._pose, self._intrinsics = pose, intrinsics
            if self.paused:
                return
            if len(self._arrivals_ns) < MAX_ARRIVALS:
                self._arrivals_ns.append(now_ns)
            look = self._schema.look
            self._pressed |= control.pressed
            self._yaw = _clamp(self._yaw + yaw, MAX_PENDING_LOOK_DEG) if look.yaw else 0.0
            self._pitch = _clamp(self._pitch + pitch, MAX_PENDING_LOOK_DEG) if look.pitch else 0.0

    def add_prompt(self, prompt: play_pb2.Prompt) -> str | None:
        """Take in words for the next frame; gives why not, for a notice, when this world takes none."""
        if len(prompt.text) > MAX_PROMPT:
            raise invalid("prompt.text", f"longer than {MAX_PROMPT} characters")
        if not self._schema.prompts:
            return "This world takes no prompts."
        with self._turn:
            self._prompt = prompt.text
        return None

    def add_event(self, event: play_pb2.Event) -> str | None:
        """Take in an event for the next frame; gives why not, for a notice, when this world has none such."""
        if not self._schema.events:
            return "This world has no events."
        if event.name not in self._schema.events:
            return f"This world has no event of that name; it has {', '.join(self._schema.events)}."
        group = event.name.partition(".")[0]
        with self._turn:
            self._events[group] = event.name
        return None

    def restart_heard(self) -> None:
        """A reset or a load was asked for: words from before it are void, words after it wait until it is
        done.
        """
        with self._turn:
            self._restarts += 1
            self._prompt = None
            self._events.clear()

    def restart_done(self) -> None:
        """The reset or the load is done."""
        with self._turn:
            self._restarts = max(0, self._restarts - 1)

    def latch(self) -> LatchedControl:
        """Take what the next chunk applies, which may be a single frame. What is over the world's limit per
        frame stays for the frames after it.
        """
        limit = self._schema.look.max_deg_per_frame * self._chunk_frames
        with self._turn:
            yaw, pitch = _clamp(self._yaw, limit), _clamp(self._pitch, limit)
            prompt, events = self._words()
            frame = FrameControl(
                self._held | self._pressed, (yaw, pitch), self._pose, self._intrinsics, prompt, events
            )
            latched = LatchedControl(frame, self.sequence, self._client_time_ns, tuple(self._arrivals_ns))
            self._yaw -= yaw
            self._pitch -= pitch
            self._pressed = 0
            self._arrivals_ns.clear()
        return latched

    def _words(self) -> tuple[str | None, tuple[str, ...]]:
        """Take the words that wait."""
        if self._restarts or (self._prompt is None and not self._events):
            return None, ()
        words = self._prompt, tuple(self._events.values())
        self._prompt = None
        self._events.clear()
        return words

    def drop_pending(self) -> None:
        """Forget looks and presses that no frame has applied yet."""
        with self._turn:
            self._pressed, self._yaw, self._pitch = 0, 0.0, 0.0
            self._arrivals_ns.clear()

    def let_go(self) -> None:
        """The client is gone: nothing is held any more. Looks and presses that were heard stay: a client that
        comes back does not say them again: ``Opened.last_control_sequence`` tells that they were heard.
        """
        with self._turn:
            self._held, self._pose, self._intrinsics = 0, None, None
            self._arrivals_ns.clear()
            self._restarts = 0  # a reset or a load that was not done went with the connection

    def _camera(self, control: play_pb2.Control) -> tuple[Pose | None, Intrinsics | None]:
        if not control.HasField("camera"):
            return None, None
        camera = control.camera
        if not camera.HasField("pose"):
            raise invalid("control.camera.pose", "missing; send a pose or leave the camera out")
        pose = _pose(camera.pose)
        intrinsics = _intrinsics(camera.intrinsics, self._size) if camera.HasField("intrinsics") else None
        if not self._schema.pose:
            self.cameras_ignored += 1
            return None, None
        return pose, intrinsics


def _look(field: str, degrees: float) -> float:
    if not math.isfinite(degrees):
        raise invalid(field, "not a finite number")
    if abs(degrees) > MAX_LOOK_DEG:
        raise invalid(field, f"beyond {MAX_LOOK_DEG:.0f} degrees in one control")
    return degrees


def _pose(pose: common_pb2.Pose) -> Pose:
    position = (pose.position.x, pose.position.y, pose.position.z)
    if not all(math.isfinite(value) and abs(value) <= MAX_DISTANCE_M for value in position):
        raise invalid("control.camera.pose.position", f"not finite, or beyond {MAX_DISTANCE_M:.0f} m")
    q = pose.orientation
    norm = (
        math.sqrt(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w)
        if _all_finite(q.x, q.y, q.z, q.w)
        else math.nan
    )
    if not abs(norm - 1.0) <= 0.01:  # also refuses NaN
        raise invalid("control.camera.pose.orientation", "not a unit quaternion (within 1 %)")
    return Pose(position, (q.x / norm, q.y / norm, q.z / norm, q.w / norm))


def _intrinsics(camera: common_pb2.Intrinsics, size: common_pb2.FrameSize) -> Intrinsics:
    for name in ("fx", "fy"):
        focal = getattr(camera, name)
        if not 1.0 <= focal <= MAX_FOCAL_PX:
            raise invalid(f"control.camera.intrinsics.{name}", f"not between 1 and {MAX_FOCAL_PX:.0f} pixels")
    for name, length in (("cx", size.width), ("cy", size.height)):
        if not -length <= getattr(camera, name) <= 2 * length:
            raise invalid(
                f"control.camera.intrinsics.{name}", f"not between {-length} and {2 * length} pixels"
            )
    return Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy)


def _all_finite(*values: float) -> bool:
    return all(math.isfinite(value) and abs(value) < 1e6 for value in values)


def _clamp(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))
