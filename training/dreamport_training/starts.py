"""Where sessions of a world begin: taken from the recorded play."""

from __future__ import annotations

import numpy as np

from dreamport_training.data.baked import Baked
from dreamport_training.data.bank import farthest_views
from dreamport_training.export import StartSpec


def spread_starts(baked: Baked, count: int, near_m: float, past: int = 3) -> list[StartSpec]:
    """Starts from captured frames, each with ``past`` frames before it: far apart in place and heading, with
    an open view and much to see. Without depth nothing is known of the view, without poses nothing of the
    place: then they are spread over the time of the recording."""
    pose, control, first = baked.pose, baked.control, baked.first
    state = np.load(baked.folder / "state.npy")
    colour, inverse = baked.colour, baked.inverse_depth
    frames = np.arange(past, len(pose), 7)
    frames = frames[first[frames] == first[frames - past]]
    if baked.has_depth:
        openness = np.array([np.percentile(inverse[i, ::8, ::8], 90) for i in frames])
        # The openest tenth, of it the half with most to see, then as far apart as can be.
        frames = frames[np.argsort(openness)[: max(count, len(frames) // 10)]]
    detail = np.array([colour[i, ::4, ::4].std() for i in frames])
    rich = frames[np.argsort(-detail)[: max(count, len(frames) // 2)]]
    if baked.pose_kind == "recorded":
        chosen = rich[farthest_views(pose[rich], count, metres=4.0, degrees=90.0)]
    else:
        chosen = np.sort(rich)[np.linspace(0, len(rich) - 1, min(count, len(rich))).astype(int)]
    if baked.has_depth:
        chosen = np.array(sorted(chosen, key=lambda i: float(np.median(inverse[i, ::8, ::8]))))
    starts = []
    for number, i in enumerate(chosen, 1):
        part = slice(i - past, i + 1)
        metres = near_m * 65535.0 / np.maximum(inverse[part].astype(np.float32), 1.0)
        depth = (metres if baked.has_depth else np.full(metres.shape, np.inf)).astype(np.float32)
        starts.append(
            StartSpec(
                f"start-{number}",
                f"Start {number}",
                np.ascontiguousarray(colour[part]),
                depth,
                pose[part],
                control[part],
                state[i],
            )
        )
    return starts
