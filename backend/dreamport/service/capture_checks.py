"""Everything a recorder says, checked, as plain data. Whatever is wrong is refused with its field named."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import grpc
import simplejpeg

from dreamport.episodes.layout import DatasetInfo
from dreamport.episodes.plan import EpisodePlan
from dreamport.episodes.rows import ENGINE_NUMBERS, FrameFacts
from dreamport.service.negotiation import PROTOCOL_VERSION
from dreamport.service.refusal import Refusal, invalid
from dreamport.v1 import capture_pb2, common_pb2

MAX_SIDE = 4096
MAX_FRAME_RATE = 240.0
MAX_BUTTONS = 32
MAX_BUTTON_NAME = 64
MAX_TEXT = 128
MAX_SOURCE = 120
MAX_TAGS, MAX_TAG_NAME, MAX_TAG = 32, 64, 512
MAX_MARK_NAME, MAX_MARK_TEXT = 64, 512
MAX_INDEX = 1 << 53
MAX_METRES = 1e7
MAX_PIXELS = 1e6
MAX_DEGREES = 36_000.0
MAX_ENVELOPE_BYTES = 4096
SPLITS = ("train", "heldout")


@dataclass(frozen=True)
class CheckedFrame:
    """A frame that may be written: a JPEG or RGBA, and 16-bit depth or ``None``, as the plan says."""

    facts: FrameFacts
    colour: bytes
    depth: bytes | None

    @property
    def size(self) -> int:
        """Bytes of its pixels."""
        return len(self.colour) + len(self.depth or b"")


def check_begin(
    begin: capture_pb2.BeginEpisode, episode_id: str, own_seed: int, max_message_bytes: int
) -> EpisodePlan:
    """The plan of an episode. ``own_seed``: taken when the recorder names none. Raises ``Refusal``."""
    _version(begin.protocol_version)
    rate = _number("begin.frame_rate", begin.frame_rate, 1.0, MAX_FRAME_RATE)
    width, height = begin.frame_size.width, begin.frame_size.height
    for name, side in (("width", width), ("height", height)):
        if not 2 <= side <= MAX_SIDE or side % 2:
            raise invalid(
                f"begin.frame_size.{name}", f"not an even number of pixels between 2 and {MAX_SIDE}"
            )
    jpeg = begin.colour_format == common_pb2.COLOUR_FORMAT_JPEG
    if not jpeg and begin.colour_format != common_pb2.COLOUR_FORMAT_RAW_RGBA:
        raise invalid("begin.colour_format", "neither raw RGBA nor JPEG; say how colour is sent")
    depth = begin.depth_format == common_pb2.DEPTH_FORMAT_INVERSE_UINT16
    if not depth and begin.depth_format != common_pb2.DEPTH_FORMAT_UNSPECIFIED:
        raise invalid("begin.depth_format", f"{begin.depth_format} is not a format of protocol version 1")
    largest = width * height * ((0 if jpeg else 4) + (2 if depth else 0)) + MAX_ENVELOPE_BYTES
    if largest > max_message_bytes:
        raise invalid(
            "begin.frame_size",
            f"a frame of this size needs {largest / 1e6:.0f} MB, this server takes "
            f"{max_message_bytes / 1e6:.0f} MB; send JPEG or smaller frames",
        )
    near_m = _number("begin.depth_near_m", begin.depth_near_m, 1e-6, 1e4) if depth else 0.0
    if not begin.HasField("intrinsics"):
        raise invalid("begin.intrinsics", "missing; say how the camera projects")
    if not _text("begin.licence", begin.licence, MAX_TEXT):
        raise invalid("begin.licence", 'empty; give an SPDX expression or "proprietary"')
    info = DatasetInfo(
        name=begin.dataset,
        licence=begin.licence,
        frame_rate=rate,
        width=width,
        height=height,
        intrinsics=_camera("begin.intrinsics", begin.intrinsics),
        buttons=_buttons(begin.buttons),
        look_max_deg=_number("begin.look_max_deg", begin.look_max_deg, 0.0, MAX_DEGREES),
        source={
            "engine": _text("begin.engine.name", begin.engine.name, MAX_TEXT),
            "engine_version": _text("begin.engine.version", begin.engine.version, MAX_TEXT),
            "project": _text("begin.engine.project", begin.engine.project, MAX_TEXT),
            "plugin_version": _text("begin.engine.plugin_version", begin.engine.plugin_version, MAX_TEXT),
        },
        colour_codec="mjpeg" if jpeg else "utvideo",
        depth="inverse" if depth else "none",
        depth_near_m=near_m,
        depth_codec="ffvhuff" if depth else "ffv1",
    )
    if begin.seed >= 1 << 63:
        raise invalid("begin.seed", "not below 2^63")
    split = begin.split or SPLITS[0]
    if split not in SPLITS:
        raise invalid("begin.split", 'neither "train" nor "heldout"')
    if len(begin.tags) > MAX_TAGS:
        raise invalid("begin.tags", f"more than {MAX_TAGS}")
    tags = {
        _text("begin.tags", name, MAX_TAG_NAME): _text("begin.tags", value, MAX_TAG)
        for name, value in begin.tags.items()
    }
    return EpisodePlan(
        episode_id=episode_id,
        info=info,
        colour="jpeg" if jpeg else "rgba",
        seed=begin.seed or own_seed,
        split=split,
        map_name=_text("begin.map.name", begin.map.name, MAX_TEXT),
        map_digest=_text("begin.map.digest", begin.map.digest, MAX_TEXT),
        played_by=_text("begin.source", begin.source, MAX_SOURCE),
        tags=tags,
    )


def check_frame(frame: capture_pb2.CapturedFrame, plan: EpisodePlan, next_index: int) -> CheckedFrame:
    """A frame whose index is ``next_index`` or more. Raises ``Refusal``."""
    info = plan.info
    if not next_index <= frame.index < MAX_INDEX:
        raise invalid("frame.index", f"not {next_index} or more; indices grow from frame to frame")
    if not (
        frame.HasField("pose") and frame.pose.HasField("position") and frame.pose.HasField("orientation")
    ):
        raise invalid("frame.pose", "missing; every frame says where its camera stands")
    orientation = _orientation(frame.pose.orientation)
    if frame.buttons >> len(info.buttons):
        raise invalid("frame.buttons", f"has bits beyond the {len(info.buttons)} buttons of this episode")
    if len(frame.engine_state) > ENGINE_NUMBERS:
        raise invalid("frame.engine_state", f"more than {ENGINE_NUMBERS} numbers")
    facts = FrameFacts(
        index=frame.index,
        client_time_ns=frame.client_time_ns,
        position=_vector("frame.pose.position", frame.pose.position),
        orientation=orientation,
        intrinsics=_camera("frame.intrinsics", frame.intrinsics) if frame.HasField("intrinsics") else None,
        buttons=frame.buttons,
        look_deg=(
            _number("frame.look_yaw_deg", frame.look_yaw_deg, -MAX_DEGREES, MAX_DEGREES),
            _number("frame.look_pitch_deg", frame.look_pitch_deg, -MAX_DEGREES, MAX_DEGREES),
        ),
        velocity=_vector("frame.velocity", frame.velocity) if frame.HasField("velocity") else None,
        engine=tuple(
            _number("frame.engine_state", value, -math.inf, math.inf) for value in frame.engine_state
        ),
        redacted=frame.redacted,
    )
    colour, depth = frame.colour, frame.depth
    if plan.colour == "jpeg":
        _check_jpeg(colour, info.width, info.height)
    elif len(colour) != info.width * info.height * 4:
        raise invalid(
            "frame.colour", f"{len(colour)} bytes; RGBA of this size has {info.width * info.height * 4}"
        )
    if info.depth == "none":
        if depth:
            raise invalid("frame.depth", "sent, but begin.depth_format says there is none")
        return CheckedFrame(facts, colour, None)
    if len(depth) != info.width * info.height * 2:
        raise invalid(
            "frame.depth", f"{len(depth)} bytes; depth of this size has {info.width * info.height * 2}"
        )
    return CheckedFrame(facts, colour, depth)


def check_marker(marker: capture_pb2.Marker) -> tuple[str, str, int]:
    """Name, text and client time of a mark. Raises ``Refusal``."""
    if not marker.name:
        raise invalid("marker.name", "empty; say what kind of mark it is")
    name = _text("marker.name", marker.name, MAX_MARK_NAME)
    return name, _text("marker.text", marker.text, MAX_MARK_TEXT), marker.client_time_ns


def _version(version: int) -> None:
    if version != PROTOCOL_VERSION:
        older = "the recorder" if version < PROTOCOL_VERSION else "the server"
        raise Refusal(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"begin.protocol_version: the recorder speaks version {version}, this server version "
            f"{PROTOCOL_VERSION}. Update {older}.",
        )


def _number(field: str, value: float, low: float, high: float) -> float:
    if not math.isfinite(value):
        raise invalid(field, "not a finite number")
    if not low <= value <= high:
        raise invalid(field, f"not between {low:g} and {high:g}")
    return float(value)


def _vector(field: str, vector: common_pb2.Vector3) -> tuple[float, float, float]:
    x, y, z = (
        _number(f"{field}.{axis}", getattr(vector, axis), -MAX_METRES, MAX_METRES) for axis in ("x", "y", "z")
    )
    return x, y, z


def _orientation(quaternion: common_pb2.Quaternion) -> tuple[float, float, float, float]:
    x, y, z, w = (
        _number(f"frame.pose.orientation.{axis}", getattr(quaternion, axis), -2.0, 2.0)
        for axis in ("x", "y", "z", "w")
    )
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    if abs(norm - 1.0) > 0.01:
        raise invalid("frame.pose.orientation", f"not a unit quaternion: its norm is {norm:.3f}")
    return x, y, z, w


def _camera(field: str, camera: common_pb2.Intrinsics) -> tuple[float, float, float, float]:
    return (
        _number(f"{field}.fx", camera.fx, 1e-3, MAX_PIXELS),
        _number(f"{field}.fy", camera.fy, 1e-3, MAX_PIXELS),
        _number(f"{field}.cx", camera.cx, -MAX_PIXELS, MAX_PIXELS),
        _number(f"{field}.cy", camera.cy, -MAX_PIXELS, MAX_PIXELS),
    )


def _buttons(names: Iterable[str]) -> tuple[str, ...]:
    buttons = tuple(_text("begin.buttons", name, MAX_BUTTON_NAME) for name in names)
    if len(buttons) > MAX_BUTTONS:
        raise invalid("begin.buttons", f"more than {MAX_BUTTONS}")
    if len(set(buttons)) < len(buttons) or "" in buttons:
        raise invalid("begin.buttons", "names are empty or not all different")
    return buttons


def _text(field: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise invalid(field, f"longer than {limit} characters")
    if any(ord(letter) < 32 and letter not in "\n\t" for letter in text):
        raise invalid(field, "holds control characters")
    return text


def _check_jpeg(data: bytes, width: int, height: int) -> None:
    """Only its header and its end are looked at: decoding every picture would cost more than recording it."""
    try:
        found_height, found_width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise invalid("frame.colour", "not a JPEG") from error
    if (found_width, found_height) != (width, height):
        raise invalid(
            "frame.colour", f"a JPEG of {found_width}x{found_height}, not of {width}x{height} pixels"
        )
    if colours not in {"YCbCr", "Gray", "RGB"}:
        raise invalid("frame.colour", f"a JPEG in {colours}, not in YCbCr")
    if not data.endswith(b"\xff\xd9"):
        raise invalid("frame.colour", "a JPEG that is cut off")
