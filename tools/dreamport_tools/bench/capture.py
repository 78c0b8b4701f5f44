"""``dreamport bench capture``: the library that engines load records into a server of its own process; was a
frame lost, and how fast may it be?
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from dreamport.episodes.dataset import Dataset
from dreamport.episodes.depth import encode_inverse_depth
from dreamport.errors import DreamportError
from dreamport.geometry import Pose
from dreamport_tools.bench.pattern import draw
from dreamport_tools.bench.play import machine_facts
from dreamport_tools.bench.processes import ServerProcess, running_server
from dreamport_tools.native_core import NativeLibrary, NativeRecorder
from dreamport_tools.native_core.library import Event, EventKind

NEAR_M = 0.1
BUTTONS = ("forward", "left", "right")
CHECKED_ROWS = 24
FINISH_S = 120.0
RAMP_FPS = (30.0, 45.0, 60.0, 75.0, 90.0, 105.0, 120.0, 150.0, 180.0, 210.0, 240.0)
RAMP_SECONDS = 8.0

Progress = Callable[[int, int], None]


class CaptureBenchError(DreamportError):
    """The recording did not begin or end as it should."""


@dataclass(frozen=True)
class CaptureBench:
    """What to record. ``colour``: ``jpeg`` or ``raw``; ``folder``: where, a temporary one unless given."""

    library: Path
    width: int = 1280
    height: int = 720
    fps: float = 30.0
    seconds: float = 60.0
    colour: str = "jpeg"
    queue_frames: int = 16
    folder: Path | None = None


Pictures = list[tuple[NDArray[np.uint8], NDArray[np.uint16]]]


def bench_capture(options: CaptureBench, *, ramp: bool, progress: Progress | None = None) -> dict[str, Any]:
    """Record once as the options say; with ``ramp`` then at growing rates until one does not hold.

    Raises ``ProcessError`` and ``CaptureBenchError``.
    """
    tell = progress or (lambda _done, _total: None)
    library = NativeLibrary.load(options.library)
    pictures: Pictures = [
        (np.dstack([colour, np.full(colour.shape[:2], 255, np.uint8)]), encode_inverse_depth(depth, NEAR_M))
        for colour, depth in draw(options.width, options.height)
    ]
    total = 1 + (len(RAMP_FPS) if ramp else 0)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        captures = Path(folder) / "captures"
        with running_server(["--captures", str(captures)]) as server:
            tell(0, total)
            result = record(library, server, captures, options, pictures)
            steps = []
            for number, fps in enumerate(RAMP_FPS if ramp else ()):
                tell(1 + number, total)
                step = replace(options, fps=fps, seconds=RAMP_SECONDS)
                steps.append(record(library, server, captures, step, pictures))
                if not steps[-1]["holds"]:
                    break
    tell(total, total)
    if ramp:
        shown = ("fps", "submitted", "acknowledged", "refused", "holds", "acknowledge_ms_p95", "cpu_cores")
        result["ramp"] = [{key: step[key] for key in shown} for step in steps]
        result["highest_fps"] = max((step["fps"] for step in steps if step["holds"]), default=None)
    return {**result, **machine_facts()}


def record(
    library: NativeLibrary, server: ServerProcess, captures: Path, options: CaptureBench, pictures: Pictures
) -> dict[str, Any]:
    """One episode, and what became of its frames. ``holds``: none refused, none lost, and the server was
    never behind by more than a second.
    """
    dataset = f"bench-{options.colour}-{options.fps:g}-{time.monotonic_ns()}"
    processes = [psutil.Process(server.pid), psutil.Process()]
    with NativeRecorder(
        library,
        server.address,
        size=(options.width, options.height),
        dataset=dataset,
        colour=options.colour,
        depth_near_m=NEAR_M,
        frame_rate=options.fps,
        queue_frames=options.queue_frames,
        buttons=BUTTONS,
    ) as recorder:
        recorder.wait_ready(30.0)
        recorder.begin(source="bench")
        _await(recorder, EventKind.EPISODE_BEGUN)
        before, began_s = [_cpu_s(process) for process in processes], time.monotonic()
        _submit(recorder, options, pictures, began_s)
        recorded_s = time.monotonic() - began_s
        statistics = recorder.statistics()
        recorder.finish()
        finished = _await(recorder, EventKind.EPISODE_FINISHED)
        ended_s = time.monotonic() - began_s
        after, last = [_cpu_s(process) for process in processes], recorder.statistics()
    cores = [(b - a) / ended_s for a, b in zip(before, after, strict=True)]
    return {
        "fps": options.fps,
        "seconds": round(recorded_s, 2),
        "frame_size": [options.width, options.height],
        "colour": options.colour,
        "depth": "inverse uint16",
        "submitted": last.submitted,
        "acknowledged": last.acknowledged,
        "refused": last.refused,
        "lost": last.lost,
        "finish_s": round(ended_s - recorded_s, 3),
        "acknowledge_ms_p50": round(float(statistics.acknowledge_ms_p50), 1),
        "acknowledge_ms_p95": round(float(statistics.acknowledge_ms_p95), 1),
        "cpu_cores": {"server": round(cores[0], 2), "recorder": round(cores[1], 2)},
        "server_rss_mb": round(processes[0].memory_info().rss / 1e6, 1),
        "disk_bytes": sum(path.stat().st_size for path in (captures / dataset).rglob("*") if path.is_file()),
        "wire_bytes": last.bytes_sent,
        "holds": last.refused == 0
        and last.lost == 0
        and last.acknowledged == last.submitted == finished.code
        and ended_s - recorded_s < 1.0,
        "episode": check(captures / dataset, pictures),
    }


def check(root: Path, pictures: Pictures) -> dict[str, Any]:
    """Open the episode as training does: alignment of every row, pixels of some."""
    (episode,) = Dataset(root)
    numbers = episode.frame_number
    expected = np.where(np.arange(len(episode)) == 0, 0, numbers % 8)
    worst_db = float("inf")
    lossless = True
    for row in np.unique(np.linspace(0, len(episode) - 1, CHECKED_ROWS).astype(int)):
        rgba, depth = pictures[int(numbers[row]) % len(pictures)]
        lossless &= bool(np.array_equal(episode.stored_depth(int(row)), depth))
        error = float(np.mean((episode.colour(int(row)).astype(float) - rgba[..., :3]) ** 2))
        worst_db = min(worst_db, 99.0 if error == 0 else 10 * float(np.log10(255**2 / error)))
    found = {
        "rows": len(episode),
        "missing": int(episode.missing_before.sum()),
        "aligned": bool(np.array_equal(episode.buttons, expected))
        and bool(np.allclose(episode.pose[:, 2, 3], numbers * 0.1)),
        "depth_lossless": lossless,
        "colour_psnr_db": round(worst_db, 1),
    }
    episode.close()
    return found


def _submit(recorder: NativeRecorder, options: CaptureBench, pictures: Pictures, began_s: float) -> None:
    """Frames on time; one for which there is no room is left out, as an engine does."""
    for index in range(round(options.fps * options.seconds)):
        wait_s = began_s + index / options.fps - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        buffer = recorder.acquire()
        if buffer is None:
            continue
        rgba, depth = pictures[index % len(pictures)]
        buffer.colour[:] = rgba
        if buffer.depth is not None:
            buffer.depth[:] = depth
        pose = Pose((0.0, 0.0, index * 0.1), (0.0, 0.0, 0.0, 1.0))
        recorder.submit(buffer.lease, pose, buttons=index % 8)


def _await(recorder: NativeRecorder, kind: EventKind) -> Event:
    until_s = time.monotonic() + FINISH_S
    while time.monotonic() < until_s:
        for event in recorder.events():
            if event.kind is kind:
                return event
        time.sleep(0.005)
    status = recorder.status()
    raise CaptureBenchError(f"waited in vain for {kind.name}: {status.state.name}, {status.message}")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
