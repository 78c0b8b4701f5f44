"""The structs and functions of ``native/include/dreamport/core.h`` for ctypes; that header documents them.

``NativeLibrary`` compares every size and offset with what the library's own ``dp_layout`` tells, so this
copy cannot drift unnoticed.
"""

from __future__ import annotations

import ctypes as c
from typing import Any

ABI_VERSION = 1
MAX_BUTTONS, MAX_STARTS, MAX_EVENTS, MAX_KEYS, MAX_TAGS = 32, 32, 16, 4, 16

i32, u32, i64, u64, f32, f64 = c.c_int32, c.c_uint32, c.c_int64, c.c_uint64, c.c_float, c.c_double


def text(length: int) -> Any:
    """A field of UTF-8 that ends with 0."""
    return c.c_char * length


class LayoutEntry(c.Structure):
    _fields_ = [("struct_name", text(48)), ("field_name", text(48)), ("offset", u32), ("size", u32)]


class Pose(c.Structure):
    _fields_ = [("position", f64 * 3), ("orientation", f64 * 4)]


class Intrinsics(c.Structure):
    _fields_ = [("fx", f64), ("fy", f64), ("cx", f64), ("cy", f64)]


class Endpoint(c.Structure):
    _fields_ = [
        ("struct_size", u32),
        ("use_tls", u32),
        ("address", text(256)),
        ("token", text(256)),
        ("ca_file", text(1024)),
        ("server_name", text(256)),
        ("connect_timeout_ms", u32),
        ("reserved", u32),
    ]


class ExecutorInfo(c.Structure):
    _fields_ = [
        ("name", text(32)),
        ("device", text(64)),
        ("precision", text(16)),
        ("fallback_reason", text(256)),
    ]


class ConnectionStatus(c.Structure):
    _fields_ = [
        ("state", i32),
        ("problem", i32),
        ("grpc_status", i32),
        ("attempts", u32),
        ("next_attempt_ns", i64),
        ("resumed", u32),
        ("restarted", u32),
        ("transport", u32),
        ("reserved", u32),
        ("message", text(512)),
        ("server_message", text(512)),
    ]


class Button(c.Structure):
    _fields_ = [("name", text(48)), ("label", text(64)), ("keys", text(24) * MAX_KEYS)]


class Named(c.Structure):
    _fields_ = [("name", text(64)), ("title", text(128))]


class World(c.Structure):
    _fields_ = [
        ("name", text(128)),
        ("title", text(128)),
        ("description", text(1024)),
        ("licence", text(128)),
        ("digest", text(72)),
        ("width", u32),
        ("height", u32),
        ("frame_rate", f64),
        ("intrinsics", Intrinsics),
        ("depth_min_m", f64),
        ("depth_max_m", f64),
        ("look_max_deg_per_frame", f64),
        ("look_yaw", u32),
        ("look_pitch", u32),
        ("takes_pose", u32),
        ("takes_prompts", u32),
        ("button_count", u32),
        ("start_count", u32),
        ("event_count", u32),
        ("chunk_frames", u32),
        ("buttons", Button * MAX_BUTTONS),
        ("starts", Named * MAX_STARTS),
        ("events", text(64) * MAX_EVENTS),
    ]


class ClientOptions(c.Structure):
    _fields_ = [
        ("struct_size", u32),
        ("transport", u32),
        ("endpoint", Endpoint),
        ("world", text(128)),
        ("start", text(64)),
        ("seed", u64),
        ("has_seed", u32),
        ("width", u32),
        ("height", u32),
        ("colour_format", u32),
        ("jpeg_quality", u32),
        ("depth_format", u32),
        ("max_frames_in_flight", u32),
        ("reconnect", u32),
        ("backoff_min_ms", u32),
        ("backoff_max_ms", u32),
    ]


class FrameFormat(c.Structure):
    _fields_ = [
        ("width", u32),
        ("height", u32),
        ("colour_stride", u32),
        ("depth_stride", u32),
        ("depth_near_m", f64),
        ("frame_rate", f64),
        ("frame_interval_ns", i64),
        ("seed", u64),
        ("session_number", u64),
        ("session_id", text(64)),
        ("start", text(64)),
        ("executor", ExecutorInfo),
    ]


class Control(c.Structure):
    _fields_ = [
        ("struct_size", u32),
        ("buttons", u32),
        ("pressed", u32),
        ("has_camera", u32),
        ("look_yaw_deg", f32),
        ("look_pitch_deg", f32),
        ("client_time_ns", i64),
        ("camera", Pose),
        ("intrinsics", Intrinsics),
    ]


class Frame(c.Structure):
    _fields_ = [
        ("colour", c.c_void_p),
        ("depth", c.c_void_p),
        ("id", u64),
        ("index", u64),
        ("session_number", u64),
        ("epoch", u32),
        ("lease", u32),
        ("width", u32),
        ("height", u32),
        ("colour_stride", u32),
        ("depth_stride", u32),
        ("depth_near_m", f64),
        ("pose", Pose),
        ("intrinsics", Intrinsics),
        ("control_sequence", u64),
        ("control_time_ns", i64),
        ("applied_buttons", u32),
        ("applied_camera", u32),
        ("applied_yaw_deg", f32),
        ("applied_pitch_deg", f32),
        ("server_generated_ns", i64),
        ("server_present_ns", i64),
        ("arrived_ns", i64),
        ("generation_ms", f32),
        ("reserved", u32),
    ]


class Event(c.Structure):
    _fields_ = [
        ("kind", i32),
        ("code", i32),
        ("state", i32),
        ("problem", i32),
        ("number", u64),
        ("time_ns", i64),
        ("text", text(512)),
    ]


class Statistics(c.Structure):
    _fields_ = [
        ("frames_received", u64),
        ("frames_acquired", u64),
        ("frames_replaced", u64),
        ("frames_torn", u64),
        ("server_dropped", u64),
        ("bytes_received", u64),
        ("bytes_sent", u64),
        ("controls_sent", u64),
        ("controls_merged", u64),
        ("fps", f32),
        ("server_fps", f32),
        ("interval_ms_p50", f32),
        ("interval_ms_p95", f32),
        ("interval_ms_p99", f32),
        ("jitter_ms", f32),
        ("control_to_frame_ms_p50", f32),
        ("control_to_frame_ms_p95", f32),
        ("generated_to_arrived_ms_p50", f32),
        ("generated_to_arrived_ms_p99", f32),
        ("generation_ms_p50", f32),
        ("generation_ms_p95", f32),
        ("decode_ms_p50", f32),
        ("round_trip_ms", f32),
        ("server_rss_bytes", u64),
        ("server_sessions", u32),
        ("allocations", u32),
    ]


class Tag(c.Structure):
    _fields_ = [("name", text(64)), ("value", text(256))]


class RecorderOptions(c.Structure):
    _fields_ = [
        ("struct_size", u32),
        ("width", u32),
        ("height", u32),
        ("colour_format", u32),
        ("jpeg_quality", u32),
        ("depth_format", u32),
        ("depth_near_m", f64),
        ("frame_rate", f64),
        ("intrinsics", Intrinsics),
        ("queue_frames", u32),
        ("button_count", u32),
        ("buttons", text(48) * MAX_BUTTONS),
        ("look_max_deg", f64),
        ("endpoint", Endpoint),
        ("dataset", text(65)),
        ("licence", text(63)),
        ("engine_name", text(64)),
        ("engine_version", text(64)),
        ("project", text(128)),
        ("plugin_version", text(32)),
    ]


class EpisodeOptions(c.Structure):
    _fields_ = [
        ("struct_size", u32),
        ("tag_count", u32),
        ("seed", u64),
        ("split", text(16)),
        ("map_name", text(128)),
        ("map_digest", text(72)),
        ("source", text(120)),
        ("tags", Tag * MAX_TAGS),
    ]


class CaptureBuffer(c.Structure):
    _fields_ = [
        ("colour", c.c_void_p),
        ("depth", c.c_void_p),
        ("colour_stride", u32),
        ("depth_stride", u32),
        ("lease", u32),
        ("reserved", u32),
    ]


class CaptureFrame(c.Structure):
    _fields_ = [
        ("struct_size", u32),
        ("lease", u32),
        ("client_time_ns", i64),
        ("pose", Pose),
        ("intrinsics", Intrinsics),
        ("has_intrinsics", u32),
        ("buttons", u32),
        ("look_yaw_deg", f32),
        ("look_pitch_deg", f32),
        ("velocity", f64 * 3),
        ("has_velocity", u32),
        ("engine_state_count", u32),
        ("engine_state", f64 * 8),
        ("flip_rows", u32),
        ("redacted", u32),
    ]


class RecorderStats(c.Structure):
    _fields_ = [
        ("submitted", u64),
        ("sent", u64),
        ("acknowledged", u64),
        ("refused", u64),
        ("lost", u64),
        ("bytes_sent", u64),
        ("queued", u32),
        ("queue_frames", u32),
        ("pressure", f32),
        ("encode_ms_p50", f32),
        ("acknowledge_ms_p50", f32),
        ("acknowledge_ms_p95", f32),
        ("episode_open", u32),
        ("reserved", u32),
        ("episode_frames", u64),
    ]


class EnginePose(c.Structure):
    _fields_ = [("position", f64 * 3), ("rotation", f64 * 4)]


STRUCTS: dict[str, type[c.Structure]] = {
    "dp_layout_entry": LayoutEntry,
    "dp_pose": Pose,
    "dp_intrinsics": Intrinsics,
    "dp_endpoint": Endpoint,
    "dp_executor_info": ExecutorInfo,
    "dp_connection_status": ConnectionStatus,
    "dp_button": Button,
    "dp_named": Named,
    "dp_world": World,
    "dp_client_options": ClientOptions,
    "dp_frame_format": FrameFormat,
    "dp_control": Control,
    "dp_frame": Frame,
    "dp_event": Event,
    "dp_statistics": Statistics,
    "dp_tag": Tag,
    "dp_recorder_options": RecorderOptions,
    "dp_episode_options": EpisodeOptions,
    "dp_capture_buffer": CaptureBuffer,
    "dp_capture_frame": CaptureFrame,
    "dp_recorder_stats": RecorderStats,
    "dp_engine_pose": EnginePose,
}

_handle = c.c_void_p
_handle_out = c.POINTER(c.c_void_p)

# Result and argument types of the functions bound here.
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "dp_abi_version": (u32,),
    "dp_version": (c.c_char_p,),
    "dp_components": (c.c_char_p,),
    "dp_status_text": (c.c_char_p, i32),
    "dp_now_ns": (i64,),
    "dp_shutdown": (i32, u32),
    "dp_restart": (i32,),
    "dp_layout_count": (u32,),
    "dp_layout": (i32, u32, c.POINTER(LayoutEntry)),
    "dp_query_create": (i32, c.POINTER(Endpoint), _handle_out),
    "dp_query_poll": (i32, _handle, c.POINTER(ConnectionStatus)),
    "dp_query_world_count": (u32, _handle),
    "dp_query_world": (i32, _handle, u32, c.POINTER(World)),
    "dp_query_destroy": (None, _handle),
    "dp_client_create": (i32, c.POINTER(ClientOptions), _handle_out),
    "dp_client_create_resumed": (i32, c.POINTER(ClientOptions), c.c_char_p, _handle_out),
    "dp_client_destroy": (None, _handle),
    "dp_client_detach": (i32, _handle, c.c_char_p, u32),
    "dp_client_status": (i32, _handle, c.POINTER(ConnectionStatus)),
    "dp_client_retry_now": (i32, _handle),
    "dp_client_world": (i32, _handle, c.POINTER(World)),
    "dp_client_frame_format": (i32, _handle, c.POINTER(FrameFormat)),
    "dp_client_poll_event": (i32, _handle, c.POINTER(Event)),
    "dp_client_control": (i32, _handle, c.POINTER(Control)),
    "dp_client_prompt": (i32, _handle, c.c_char_p),
    "dp_client_event": (i32, _handle, c.c_char_p),
    "dp_client_reset": (i32, _handle, c.POINTER(u64), c.c_char_p),
    "dp_client_save": (i32, _handle),
    "dp_client_load": (i32, _handle, c.c_char_p),
    "dp_client_pause": (i32, _handle, u32),
    "dp_client_acquire_frame": (i32, _handle, c.POINTER(Frame)),
    "dp_client_release_frame": (i32, _handle, u32),
    "dp_client_presented": (i32, _handle, u64, i64),
    "dp_client_statistics": (i32, _handle, c.POINTER(Statistics)),
    "dp_recorder_create": (i32, c.POINTER(RecorderOptions), _handle_out),
    "dp_recorder_destroy": (None, _handle),
    "dp_recorder_status": (i32, _handle, c.POINTER(ConnectionStatus)),
    "dp_recorder_poll_event": (i32, _handle, c.POINTER(Event)),
    "dp_recorder_begin": (i32, _handle, c.POINTER(EpisodeOptions)),
    "dp_recorder_acquire": (i32, _handle, c.POINTER(CaptureBuffer)),
    "dp_recorder_submit": (i32, _handle, c.POINTER(CaptureFrame)),
    "dp_recorder_cancel": (i32, _handle, u32),
    "dp_recorder_marker": (i32, _handle, c.c_char_p, c.c_char_p),
    "dp_recorder_finish": (i32, _handle, u32),
    "dp_recorder_statistics": (i32, _handle, c.POINTER(RecorderStats)),
}
