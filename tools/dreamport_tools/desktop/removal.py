"""Removes an episode from a data set for good."""

from __future__ import annotations

from pathlib import Path

from dreamport.episodes.layout import episode_paths


def remove_episode(root: Path, index: int) -> None:
    """Delete episode ``index`` of the data set at ``root``: first its row, so that nobody reads half of it.
    Raises ``DatasetError`` when the disk does not let it.
    """
    from dreamport.episodes.recording import dataset_lock, disk_errors  # noqa: PLC0415  (an extra)

    with disk_errors(root), dataset_lock(root):
        paths = episode_paths(root, index)
        for name in ("episode.parquet", *(name for name in paths if name != "episode.parquet")):
            paths[name].unlink(missing_ok=True)
