"""What the scripted player does: a fixed round of walking, turning and standing, a function of time alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CONTROL_RATE_HZ = 60.0
"""How often the player sends a control: as often as an engine that draws 60 frames a second."""


@dataclass(frozen=True)
class Phase:
    """Held ``buttons`` by name and a steady turn in degrees a second (right positive), for ``seconds``."""

    seconds: float
    buttons: tuple[str, ...] = ()
    yaw_deg_per_s: float = 0.0


ROUND = (
    Phase(1.0),
    Phase(3.0, ("forward",)),
    Phase(2.0, ("forward",), 45.0),
    Phase(1.5, (), -90.0),
    Phase(1.5, ("forward", "right")),
    Phase(1.0, ("backward",)),
    Phase(2.0, ("forward",), 67.5),
    Phase(1.0, ("left",), -90.0),
)
"""Thirteen seconds that stand, walk, walk a curve, turn on the spot and side-step."""


@dataclass(frozen=True)
class ScriptedInput:
    """Held buttons as a bit mask in the world's order, and the turn since the last control in degrees."""

    buttons: int
    yaw_deg: float


def input_at(seconds: float, interval_s: float, names: Sequence[str], can_turn: bool = True) -> ScriptedInput:
    """The input at ``seconds`` since the session began, for a control sent every ``interval_s``.

    ``names`` are the world's buttons in the order of its schema (``forward`` or ``move_forward``); what the
    script does not know stays up.
    """
    at = seconds % sum(phase.seconds for phase in ROUND)
    phase = ROUND[-1]
    for phase in ROUND:
        if at < phase.seconds:
            break
        at -= phase.seconds
    mask = sum(1 << bit for bit, name in enumerate(names) if name.removeprefix("move_") in phase.buttons)
    return ScriptedInput(mask, phase.yaw_deg_per_s * interval_s if can_turn else 0.0)
