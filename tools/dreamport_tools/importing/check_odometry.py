"""Measures the odometry against recorded poses: renders episodes as videos without poses, and compares.

    python -m dreamport_tools.importing.check_odometry DATA --episodes 8 --out RESULT.json

The pictures go through a lossy video, as any import does; the field of view is given (it is known here, and
the only thing that is).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np

from dreamport.episodes.dataset import Dataset, Episode
from dreamport_tools.importing.agreement import Agreement, agreement
from dreamport_tools.importing.film import Film
from dreamport_tools.importing.pseudo_poses import TRUSTED, PosedRun, estimate
from dreamport_tools.importing.tracks import Grey, grey_of

QUALITY = "18"
LEAST_FRAMES = 40


@dataclass(frozen=True)
class Checked:
    """A run of an episode with its agreement."""

    run: PosedRun
    found: Agreement


def check(data: Dataset, indices: Sequence[int], stride: int, folder: Path) -> dict[str, Any]:
    """Figures over the episodes ``indices``, taking every ``stride``-th frame."""
    checked: list[Checked] = []
    frames = 0
    for index in indices:
        episode = data[index]
        pictures = _filmed(episode, stride, folder / f"{index}.mp4")
        fx, fy, cx, cy = (float(v) for v in episode.intrinsics)
        frames += len(pictures)
        for run in estimate(pictures, (fx, fy, cx, cy), 0.1):
            if run.end - run.start >= LEAST_FRAMES:
                truth = episode.pose[::stride][run.start : run.end]
                rate = round(data.info.frame_rate / stride)
                checked.append(Checked(run, agreement(run.pose, truth, rate)))
        episode.close()
    return _figures(checked, frames, data.info.frame_rate / stride)


def _filmed(episode: Episode, stride: int, path: Path) -> list[Grey]:
    """Its pictures, out of a video."""
    rate = Fraction(episode.info.frame_rate / stride).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = episode.info.width, episode.info.height, "yuv420p"
        stream.options = {"crf": QUALITY}
        for k in range(0, len(episode), stride):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(episode.colour(k), "rgb24")))
        container.mux(stream.encode())
    return [grey_of(shown.rgb(*shown.size)) for shown in Film(path).pictures()]


def _figures(checked: Sequence[Checked], frames: int, rate: float) -> dict[str, Any]:
    if not checked:
        return {"frames": frames, "frames_a_second": rate, "followed_share": 0.0}
    turns = np.concatenate([each.found.turn_deg for each in checked])
    headings = np.concatenate([each.found.heading_deg for each in checked])
    confidence = np.concatenate([each.run.confidence[1:] for each in checked])
    lengths = np.array([each.run.end - each.run.start for each in checked])
    buckets = {}
    for low, high in ((0.0, TRUSTED), (TRUSTED, 0.6), (0.6, 1.01)):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            buckets[f"{low:g}-{min(high, 1.0):g}"] = {
                "share": round(float(inside.mean()), 3),
                "turn_error_deg_median": round(float(np.median(turns[inside])), 3),
                "turn_error_deg_p95": round(float(np.percentile(turns[inside], 95)), 3),
            }
    return {
        "frames": frames,
        "frames_a_second": rate,
        "followed_share": round(float(lengths.sum() / frames), 3),
        "runs": len(checked),
        "run_frames_median": int(np.median(lengths)),
        "turn_error_deg_median": round(float(np.median(turns)), 3),
        "turn_error_deg_p95": round(float(np.percentile(turns, 95)), 3),
        "heading_error_deg_median": round(float(np.median(headings)), 2),
        "position_error_share_of_way_one_second": round(
            float(np.median(np.concatenate([each.found.second for each in checked]))), 4
        ),
        "position_error_share_of_way_whole_run": round(
            float(np.average([each.found.whole for each in checked], weights=lengths)), 4
        ),
        "by_confidence": buckets,
    }


def main() -> None:
    """Check a data set, or some of it, and print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--episodes", type=int, default=8, help="how many, spread over the data set")
    parser.add_argument("--stride", type=int, default=1, help="take every so-manieth frame")
    parser.add_argument("--out", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    data = Dataset(arguments.data)
    chosen = sorted({int(i) for i in np.linspace(0, len(data) - 1, min(arguments.episodes, len(data)))})
    with TemporaryDirectory() as folder:
        figures = check(data, chosen, arguments.stride, Path(folder))
    text = json.dumps({"data": data.info.name, "episodes": chosen, **figures}, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
