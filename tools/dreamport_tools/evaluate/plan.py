"""How much an evaluation runs: numbers only, so that a report can print them."""

from __future__ import annotations

from dataclasses import dataclass

HORIZONS = (1, 16, 64, 256)
"""Frames at which a rollout is compared with the recording."""


@dataclass(frozen=True)
class Plan:
    """Counts of everything the evaluator does.

    ``long_windows`` rollouts of 256 frames and ``short_windows`` more of 64 (each once by controls, once by
    the true poses, once teacher-forced); ``long_rollouts`` of ``long_seconds`` for the drift of the last
    second; ``revisits`` closed paths for each duration in ``revisit_seconds``; ``motion_windows`` runs of the
    motion head over ``motion_seconds``; ``counterfactual_trials`` pairs of ``counterfactual_frames`` frames;
    ``prime`` recorded frames of context in front of every start.
    """

    long_windows: int = 3
    short_windows: int = 9
    long_rollouts: int = 2
    long_seconds: int = 60
    revisits: int = 2
    revisit_seconds: tuple[int, ...] = (10, 60)
    motion_windows: int = 40
    motion_seconds: tuple[int, ...] = (1, 4, 16)
    counterfactual_trials: int = 100
    counterfactual_frames: int = 6
    prime: int = 8

    @staticmethod
    def quick() -> Plan:
        """A few minutes on two cores: no minute-long rollouts, so what needs them is null in the results."""
        return Plan(
            long_windows=1,
            short_windows=3,
            long_rollouts=0,
            revisits=1,
            revisit_seconds=(10,),
            motion_windows=12,
            counterfactual_trials=12,
        )
