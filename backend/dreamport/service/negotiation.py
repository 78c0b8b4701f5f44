"""What a client asks for in ``Open``, checked, and what it gets."""

from __future__ import annotations

import ipaddress
import urllib.parse

import grpc

from dreamport.service.pictures import DEFAULT_JPEG_QUALITY, PictureFormat
from dreamport.service.refusal import Refusal, invalid
from dreamport.v1 import common_pb2, play_pb2, world_pb2

PROTOCOL_VERSION = 1
MAX_NAME = 64
MAX_TOKEN = 128
MAX_SIDE = 16384
MAX_FRAMES_IN_FLIGHT = 64


def check_open(wanted: play_pb2.Open) -> None:
    """Raise ``Refusal`` for an ``Open`` that no server of this version could serve."""
    if wanted.protocol_version != PROTOCOL_VERSION:
        older = "the client" if wanted.protocol_version < PROTOCOL_VERSION else "the server"
        raise Refusal(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"open.protocol_version: the client speaks version {wanted.protocol_version}, this server "
            "version "
            f"{PROTOCOL_VERSION}. Update {older}.",
        )
    for field, text, limit in (
        ("open.world", wanted.world, MAX_NAME),
        ("open.start", wanted.start, MAX_NAME),
        ("open.resume_token", wanted.resume_token, MAX_TOKEN),
    ):
        if len(text) > limit:
            raise invalid(field, f"longer than {limit} characters")
    if wanted.HasField("frame_size"):
        for field, length in (("width", wanted.frame_size.width), ("height", wanted.frame_size.height)):
            if not 1 <= length <= MAX_SIDE:
                raise invalid(f"open.frame_size.{field}", f"not between 1 and {MAX_SIDE} pixels")
    if wanted.colour_format not in common_pb2.ColourFormat.values():
        raise invalid("open.colour_format", f"{wanted.colour_format} is not a format of protocol version 1")
    if wanted.depth_format not in common_pb2.DepthFormat.values():
        raise invalid("open.depth_format", f"{wanted.depth_format} is not a format of protocol version 1")
    if wanted.transport not in common_pb2.Transport.values():
        raise invalid("open.transport", f"{wanted.transport} is not a transport of protocol version 1")
    if wanted.jpeg_quality > 100:
        raise invalid("open.jpeg_quality", "not between 1 and 100 (0 takes the default)")
    if wanted.max_frames_in_flight > MAX_FRAMES_IN_FLIGHT:
        raise invalid("open.max_frames_in_flight", f"not between 0 and {MAX_FRAMES_IN_FLIGHT}")


def agree(wanted: play_pb2.Open, world: world_pb2.World, peer: str) -> tuple[PictureFormat, list[str]]:
    """The format that a client at ``peer`` (gRPC's address) gets, and a remark for each wish that was not
    granted.
    """
    remarks = []
    size = world.summary.frame_size
    if wanted.HasField("frame_size") and wanted.frame_size != size:
        remarks.append(f"This world's frames are {size.width}x{size.height}; scale them on the client.")
    transport = wanted.transport or common_pb2.TRANSPORT_INLINE
    if transport == common_pb2.TRANSPORT_SHARED_MEMORY and not same_machine(peer):
        remarks.append("Shared memory needs client and server on one machine; frames come inline.")
        transport = common_pb2.TRANSPORT_INLINE
    colour = wanted.colour_format or common_pb2.COLOUR_FORMAT_RAW_RGBA
    if transport == common_pb2.TRANSPORT_SHARED_MEMORY and colour == common_pb2.COLOUR_FORMAT_JPEG:
        remarks.append("Frames in shared memory are raw RGBA, not JPEG.")
        colour = common_pb2.COLOUR_FORMAT_RAW_RGBA
    depth = wanted.depth_format
    if depth != common_pb2.DEPTH_FORMAT_UNSPECIFIED and not world.HasField("depth_range"):
        remarks.append("This world has no depth; frames come without, so compose it as a flat picture.")
        depth = common_pb2.DEPTH_FORMAT_UNSPECIFIED
    agreed = PictureFormat(
        width=size.width,
        height=size.height,
        near_m=world.depth_range.min_m,
        colour=colour,
        depth=depth,
        transport=transport,
        jpeg_quality=wanted.jpeg_quality or DEFAULT_JPEG_QUALITY,
    )
    return agreed, remarks


def same_machine(peer: str) -> bool:
    """True for gRPC's names of loopback peers: ``ipv4:127.0.0.1:5``, ``ipv6:[::1]:5``, ``unix:...``."""
    kind, _, rest = peer.partition(":")
    if kind == "unix":
        return True
    host = urllib.parse.unquote(rest).rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
