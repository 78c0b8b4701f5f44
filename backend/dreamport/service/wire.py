"""From plain data to the messages of ``proto/dreamport/v1``."""

from __future__ import annotations

from dreamport.generator.types import GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport.service.controls import LatchedControl
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


def frame_message(
    frame: GeneratedFrame, applied: LatchedControl, frame_id: int, epoch: int
) -> play_pb2.Frame:
    """A frame without its pixels and times."""
    return play_pb2.Frame(
        id=frame_id,
        index=frame.index,
        epoch=epoch,
        control=control_message(applied),
        pose=pose_message(frame.pose),
        intrinsics=intrinsics_message(frame.intrinsics),
    )
