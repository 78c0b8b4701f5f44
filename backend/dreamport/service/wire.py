"""From plain data to the messages of ``proto/dreamport/v1``."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from dreamport.generator.types import GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport.service.controls import LatchedControl
from dreamport.service.negotiation import PROTOCOL_VERSION
from dreamport.service.pictures import Picture, PictureFormat
from dreamport.service.session import Session
from dreamport.service.shared_memory import FrameRing
from dreamport.service.statistics import SessionStatistics
from dreamport.service.world_source import ExecutorInfo
from dreamport.v1 import common_pb2, play_pb2


def pose_message(pose: Pose) -> common_pb2.Pose:
    """Metres and a unit quaternion."""
    (x, y, z), (qx, qy, qz, qw) = pose.position, pose.orientation
    return common_pb2.Pose(
        position=common_pb2.Vector3(x=x, y=y, z=z),
        orientation=common_pb2.Quaternion(x=qx, y=qy, z=qz, w=qw),
    )


def intrinsics_message(camera: Intrinsics) -> common_pb2.Intrinsics:
    """Pixels."""
    return common_pb2.Intrinsics(fx=camera.fx, fy=camera.fy, cx=camera.cx, cy=camera.cy)


def executor_message(executor: ExecutorInfo) -> play_pb2.Executor:
    """What runs the world."""
    return play_pb2.Executor(
        name=executor.name,
        device=executor.device,
        precision=executor.precision,
        fallback_reason=executor.fallback_reason or "",
    )


def control_message(applied: LatchedControl) -> play_pb2.AppliedControl:
    """The control that a frame applied."""
    return play_pb2.AppliedControl(
        sequence=applied.sequence,
        client_time_ns=applied.client_time_ns,
        buttons=applied.frame.buttons,
        look_yaw_deg=applied.frame.look_deg[0],
        look_pitch_deg=applied.frame.look_deg[1],
        camera=applied.frame.pose is not None,
    )


@dataclass(frozen=True)
class EncodedFrame:
    """A ``PlayResponse`` with a frame in it, as bytes on the wire. ``id``: the frame's."""

    id: int
    wire: bytes


def frame_timing(
    latched_at_ns: int, generated_at_ns: int, due_s: float, generation_ms: float
) -> play_pb2.FrameTiming:
    """When a frame was made, and that it is to be shown when it is due, or as soon as it is there."""
    return play_pb2.FrameTiming(
        latched_at_ns=latched_at_ns,
        generated_at_ns=generated_at_ns,
        present_at_ns=max(generated_at_ns, round(due_s * 1e9)),
        generation_ms=generation_ms,
    )


def encode_frame(
    frame: GeneratedFrame,
    applied: LatchedControl,
    frame_id: int,
    epoch: int,
    picture: Picture,
    timing: play_pb2.FrameTiming,
) -> EncodedFrame:
    """The message of one frame.

    Its pixels are joined to it as they lie: protobuf would copy these megabytes three times on their way.
    Fields may stand in any order on the wire, so colour and depth come last.
    """
    fields = play_pb2.Frame(
        id=frame_id,
        index=frame.index,
        epoch=epoch,
        slot=picture.slot,
        control=control_message(applied),
        pose=pose_message(frame.pose),
        intrinsics=intrinsics_message(frame.intrinsics),
        timing=timing,
    ).SerializeToString()
    parts: list[bytes | memoryview] = [fields]
    for tag, pixels in ((COLOUR_TAG, picture.colour), (DEPTH_TAG, picture.depth)):
        if len(pixels):
            parts += [tag, varint(len(pixels)), pixels]
    length = sum(len(part) for part in parts)
    return EncodedFrame(frame_id, b"".join([FRAME_TAG, varint(length), *parts]))


def encode_response(response: play_pb2.PlayResponse | EncodedFrame) -> bytes:
    """What gRPC sends."""
    return response.wire if isinstance(response, EncodedFrame) else response.SerializeToString()


def varint(value: int) -> bytes:
    """Protobuf's variable-length integer, 0 or more."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _length_delimited(message: type[Message], field: str) -> bytes:
    """The tag of a field of bytes or of a message."""
    return varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | 2)


FRAME_TAG = _length_delimited(play_pb2.PlayResponse, "frame")
COLOUR_TAG = _length_delimited(play_pb2.Frame, "colour")
DEPTH_TAG = _length_delimited(play_pb2.Frame, "depth")


def opened_message(session: Session, agreed: PictureFormat, ring: FrameRing | None) -> play_pb2.Opened:
    """What a client must know of its session, but for what depends on the moment."""
    summary = session.world.summary
    return play_pb2.Opened(
        session_id=session.id,
        resume_token=session.token,
        protocol_version=PROTOCOL_VERSION,
        world=session.world,
        seed=session.seed,
        start=session.start,
        cadence=play_pb2.Cadence(
            frame_rate=summary.frame_rate,
            frame_interval_ns=round(1e9 / summary.frame_rate),
            chunk_frames=session.world.chunk_frames,
        ),
        frame_size=summary.frame_size,
        colour_format=agreed.colour,
        depth_format=agreed.depth,
        transport=agreed.transport,
        shared_memory=ring.layout if ring else None,
        executor=executor_message(session.executor),
        last_control_sequence=session.inbox.sequence,
    )


def stats_message(statistics: SessionStatistics, executor: ExecutorInfo, now_s: float) -> play_pb2.Stats:
    """How a session does, at ``now_s`` of the server's monotonic clock."""
    generation = statistics.generation_ms.percentiles(now_s, 0.5, 0.95)
    to_frame = statistics.control_to_frame_ms.percentiles(now_s, 0.5, 0.95)
    to_presented = statistics.control_to_presented_ms.percentiles(now_s, 0.5, 0.95)
    return play_pb2.Stats(
        fps=statistics.fps(now_s),
        generation_ms_p50=generation[0],
        generation_ms_p95=generation[1],
        control_to_frame_ms_p50=to_frame[0],
        control_to_frame_ms_p95=to_frame[1],
        control_to_presented_ms_p50=to_presented[0],
        control_to_presented_ms_p95=to_presented[1],
        frames=statistics.frames,
        dropped=statistics.dropped,
        late=statistics.late,
        executor=executor_message(executor),
    )
