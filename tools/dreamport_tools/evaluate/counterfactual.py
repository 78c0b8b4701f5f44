"""Does the world obey? Same start and seed, two opposite inputs: the optical flow must tell them apart.

The player starts at rest: speed left over from the recording would move the picture whatever the input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dreamport.generator.types import FrameControl
from dreamport_tools.evaluate.flow import expansion, shift_x
from dreamport_tools.evaluate.metrics import Picture
from dreamport_tools.evaluate.recording import Recording, length, spread
from dreamport_tools.evaluate.rollouts import World

FORWARD_NAMES = ("forward", "move_forward")
CLEAR_AHEAD_M = 4.0
"""A forward trial starts where nothing stands in front of the camera for this far."""
MIN_SHIFT_PX = 2.0
"""Left and right must differ by at least this much picture shift a frame (3 degrees: 17 px at 320 pixels)."""
MIN_EXPANSION = 0.005
"""Forward must grow the picture by at least this much more a frame than standing still."""


@dataclass(frozen=True)
class Inputs:
    """The inputs that are set against each other.

    ``turn_deg``: a turn in degrees a frame. ``forward``: the bit mask of the forward button, ``None`` in a
    world without one, where only turns are tried.
    """

    turn_deg: float
    forward: int | None

    @staticmethod
    def of(button_names: Sequence[str], max_look_deg: float) -> Inputs:
        """The inputs of a control schema: a brisk turn, and the button that walks forward."""
        names = [name.lower() for name in button_names]
        forward = next((1 << names.index(name) for name in FORWARD_NAMES if name in names), None)
        return Inputs(min(3.0, max_look_deg), forward)


@dataclass(frozen=True)
class Trial:
    """One pair.

    ``measure``: the picture's shift to the right in pixels a frame for turning left and for turning right, or
    its relative growth a frame for walking forward and for standing still. ``correct``: they differ with the
    right sign.
    """

    kind: str
    episode: int
    start: int
    measure: tuple[float, float]
    correct: bool
    start_picture: Picture
    last_pictures: tuple[Picture, Picture]


def run_trials(
    world: World,
    recordings: Sequence[Recording],
    inputs: Inputs,
    *,
    trials: int,
    frames: int,
    prime: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Trial]:
    """``trials`` pairs, turns and walks in turn, from evenly spread held-out frames."""
    places = [(e, i) for e, r in enumerate(recordings) for i in range(prime, length(r))]
    clear = [(e, i) for e, i in _thin(places, 10 * trials) if clear_ahead(recordings[e], i)]
    walks = trials // 2 if inputs.forward is not None and clear else 0
    turn_places = [places[k] for k in spread(range(len(places)), trials - walks)]
    walk_places = [clear[k % len(clear)] for k in spread(range(len(clear)), walks)] if walks else []
    jobs = [("turn", *place) for place in turn_places] + [("walk", *place) for place in walk_places]
    done: list[Trial] = []
    for number, (kind, episode, start) in enumerate(jobs):
        recording = recordings[episode]
        if kind == "turn":
            pair = (
                FrameControl(look_deg=(-inputs.turn_deg, 0.0)),
                FrameControl(look_deg=(inputs.turn_deg, 0.0)),
            )
        else:
            pair = (FrameControl(buttons=inputs.forward or 0), FrameControl())
        pictures = [
            _hold(world, recording, start, control, frames=frames, seed=seed + number) for control in pair
        ]
        measure = shift_x if kind == "turn" else expansion
        first, second = (_per_frame(measure, p) for p in pictures)
        correct = turned_rightly(first, second) if kind == "turn" else walked_rightly(first, second)
        last = (pictures[0][-1], pictures[1][-1])
        done.append(Trial(kind, episode, start, (first, second), correct, pictures[0][0], last))
        if progress is not None:
            progress(number + 1, len(jobs))
    return done


def turned_rightly(shift_left: float, shift_right: float) -> bool:
    """Turning left moves the picture further to the right than turning right does, clearly apart.

    Only the difference counts: what moves both pictures alike says nothing about the controls.
    """
    return shift_left - shift_right >= MIN_SHIFT_PX


def walked_rightly(expansion_forward: float, expansion_still: float) -> bool:
    """Walking forward makes the picture grow clearly more than standing still does."""
    return expansion_forward - expansion_still >= MIN_EXPANSION


def share_correct(trials: Sequence[Trial]) -> float | None:
    """Share of trials whose flow has the right sign, 0 to 1."""
    return float(np.mean([t.correct for t in trials])) if trials else None


def clear_ahead(recording: Recording, index: int) -> bool:
    """Whether nothing stands within ``CLEAR_AHEAD_M`` in the middle of the view."""
    depth = recording.depth(index)
    height, width = depth.shape
    middle = depth[height // 3 : height // 2 + height // 8, width * 3 // 8 : width * 5 // 8]
    return bool(np.quantile(middle, 0.02) > CLEAR_AHEAD_M)


def _hold(
    world: World, recording: Recording, start: int, control: FrameControl, *, frames: int, seed: int
) -> list[Picture]:
    """The start and ``frames`` generated pictures while one input is held."""
    generator = world.begin(recording, start, seed=seed, at_rest=True)
    pictures = [generator.start_frame.colour]
    for _ in range(frames):
        pictures.append(generator.step(control).colour)
        generator.finish()
    return pictures


def _per_frame(measure: Callable[[Picture, Picture], float], pictures: Sequence[Picture]) -> float:
    """Median of a flow measure over consecutive pictures, without the first pair, where speed builds up."""
    pairs = list(pairwise(pictures))
    return float(np.median([measure(a, b) for a, b in (pairs[1:] or pairs)]))


def _thin(items: Sequence[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    return [items[k] for k in spread(range(len(items)), count)]
