"""The captioner by rules: recorded state, controls and picture statistics, in words. Offline and always the
same.
"""

from __future__ import annotations

from collections.abc import Sequence

from dreamport.episodes.captions import CaptionedChunk
from dreamport_tools.captioning.facts import Action, Scene, action_of, scene_of, straight_m
from dreamport_tools.captioning.past import Past

VERBS = (
    ("forward", "walks forward"), ("back", "walks backward"), ("strafe_left", "steps left"),
    ("strafe_right", "steps right"), ("turn_left", "turns left"), ("turn_right", "turns right"),
    ("left", "steps left"), ("right", "steps right"), ("jump", "jumps"), ("crouch", "crouches"),
    ("attack", "attacks"), ("fire", "fires"), ("shoot", "fires"), ("use", "uses something"), ("run", "runs"),
)  # fmt: skip
SPACES = ((1.5, "narrow space"), (4.0, "small room"), (10.0, "hall"), (1e9, "open area"))
SOMETIMES, MOSTLY = 0.08, 0.5
MOST_BUTTONS = 2
TURN_DEG, GLANCE_DEG = 20.0, 6.0


class RuleCaptioner:
    """Writes captions from facts alone."""

    source = "dreamport-rules-1"

    def chunk(self, past: Past, begin: int, before: Sequence[CaptionedChunk]) -> CaptionedChunk:
        """Rows ``begin`` to the end of ``past``; ``before``: the chunks that came earlier."""
        action = action_of(past, begin)
        event = event_words(action)
        return CaptionedChunk(
            start=begin / past.frame_rate,
            end=past.end / past.frame_rate,
            event=event,
            caption=f"The player {event}{_way(action)}.",
            scene=scene_words(scene_of(past, begin)),
        )

    def whole(self, past: Past, chunks: Sequence[CaptionedChunk]) -> tuple[str, str]:
        """Narrative and scene of the whole episode."""
        story: list[str] = []
        for chunk in chunks:
            if not story or story[-1] != chunk.event:
                story.append(chunk.event)
        told = ", then ".join(story)
        seconds = past.end / past.frame_rate
        away = straight_m(past)
        ending = "" if away is None else f" It ends {away:.0f} m from where it began."
        scene = scene_words(scene_of(past, 0))
        return f"For {seconds:.0f} s the player {told}.{ending} {scene}", scene


def event_words(action: Action) -> str:
    """What is done, in a few words: ``walks forward and turns left``."""
    parts = []
    for name, share in sorted(action.held.items(), key=lambda item: -item[1])[:MOST_BUTTONS]:
        if share >= SOMETIMES:
            parts.append(_verb(name) + ("" if share >= MOSTLY else " at times"))
    yaw, pitch = action.turned_deg
    side = "right" if yaw > 0 else "left"
    if abs(yaw) >= 300:
        parts.append(f"turns all the way round to the {side}")
    elif abs(yaw) >= TURN_DEG:
        parts.append(f"turns {'far ' if abs(yaw) > 120 else ''}{side}")
    elif action.turning_deg >= 3 * TURN_DEG:
        parts.append("looks left and right")
    elif abs(yaw) >= GLANCE_DEG:
        parts.append(f"turns a little {side}")
    if abs(pitch) >= GLANCE_DEG:
        parts.append("looks down" if pitch > 0 else "looks up")
    said = list(dict.fromkeys(parts))
    if not said:
        return "stands still"
    text = _listed(said)
    return f"{text}, held up by something solid" if action.blocked else text


def scene_words(scene: Scene) -> str:
    """What is seen, in one sentence without camera or action words."""
    light = _first(scene.light, ((0.08, "very dark"), (0.2, "dim"), (0.45, "evenly lit"), (1.1, "bright")))
    kind = "place" if scene.median_m is None else _first(scene.median_m, SPACES)
    named = [name for name, share in scene.colours if share >= 0.15] or [scene.colours[0][0]]
    texture = _first(scene.detail, ((0.008, "smooth"), (0.03, "lightly textured"), (2.0, "richly textured")))
    article = "An" if light[0] in "aeiou" or (light == "evenly lit") else "A"
    text = f"{article} {light} {kind} of {_listed(named)}, {texture}"
    if scene.near_m is not None:
        text += f", the nearest surfaces {_distance(scene.near_m)} off"
    return f"{text}, with {'strong' if scene.contrast > 0.18 else 'soft'} contrast."


def _listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _way(action: Action) -> str:
    if action.walked_m is None or action.walked_m < 0.5:
        return ""
    return f", {action.walked_m:.0f} m in {action.seconds:.0f} s"


def _verb(button: str) -> str:
    low = button.casefold()
    for part, verb in VERBS:
        if part in low:
            return verb
    return f"presses {low.replace('_', ' ')}"


def _distance(metres: float) -> str:
    return f"{metres:.0f} m" if metres >= 2 else f"{metres:.1f} m"


def _first(value: float, limits: Sequence[tuple[float, str]]) -> str:
    """The name of the first limit that the value stays below."""
    return next(name for limit, name in limits if value < limit)
