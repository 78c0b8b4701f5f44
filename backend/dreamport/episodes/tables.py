"""The columns of a data set's parquet files."""

from __future__ import annotations

import pyarrow as pa  # type: ignore[import-untyped]

FRAME_SCHEMA = pa.schema(
    [
        ("episode_index", pa.int64()),
        ("frame_index", pa.int64()),
        ("timestamp", pa.float64()),
        ("action.buttons", pa.uint32()),
        ("action.look_deg", pa.list_(pa.float32(), 2)),
        ("action.mouse_dxdy", pa.list_(pa.float32(), 2)),
        ("camera.c2w", pa.list_(pa.float64(), 16)),
        ("camera.confidence", pa.float32()),
        ("camera.intrinsics", pa.list_(pa.float32(), 4)),
        ("observation.state", pa.list_(pa.float64(), 9)),
        ("observation.engine", pa.list_(pa.float64(), 8)),
        ("is_first", pa.bool_()),
        ("is_last", pa.bool_()),
        ("frame_number", pa.int64()),
        ("missing_before", pa.int64()),
        ("client_time_ns", pa.int64()),
        ("redacted", pa.bool_()),
    ]
)
"""A row a frame. ``action.mouse_dxdy``: raw counts, null unless known. ``camera.c2w`` NaN: there is no pose.
``camera.confidence``: 1 as the engine said it, less for an estimate, 0 without a pose. ``timestamp``:
seconds into the videos. ``frame_number``: the recorder's own count, which jumps by ``missing_before`` where
frames were lost. ``client_time_ns``: the recorder's clock, null if unknown.
"""
EPISODE_SCHEMA = pa.schema(
    [
        ("episode_index", pa.int64()),
        ("length", pa.int64()),
        ("seed", pa.int64()),
        ("split", pa.string()),
        ("data/chunk_index", pa.int64()),
        ("data/file_index", pa.int64()),
        ("episode_id", pa.string()),
        ("missing", pa.int64()),
        ("ended", pa.string()),
        ("map", pa.string()),
        ("map_digest", pa.string()),
        ("played_by", pa.string()),
        ("tags", pa.string()),
        ("session", pa.string()),
    ]
)
"""One row. ``missing``: frames lost in it; ``ended``: how its recording ended; ``tags``: a JSON object.
``session``: what was played, or filmed, in one go; a session belongs to one split. What is not known is null.
"""
