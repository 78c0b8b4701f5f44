"""Buttons of a world from the names that a recording gave them: identifiers, labels, and sensible keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

PAGE_KEYS = frozenset({"KeyP", "KeyR", "KeyF", "KeyH", "Tab", "Escape"})
"""What the browser page keeps for itself."""

DIRECTIONS: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (frozenset({"forward", "forwards", "up", "ahead", "north", "walk"}), ("KeyW", "ArrowUp")),
    (frozenset({"backward", "backwards", "back", "down", "south"}), ("KeyS", "ArrowDown")),
    (frozenset({"left", "west"}), ("KeyA",)),
    (frozenset({"right", "east"}), ("KeyD",)),
)
ACTIONS: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (frozenset({"jump", "leap", "hop"}), ("Space",)),
    (frozenset({"sprint", "run", "dash", "speed", "boost"}), ("ShiftLeft",)),
    (frozenset({"crouch", "duck", "sneak", "prone"}), ("KeyC",)),
    (frozenset({"use", "interact", "action", "activate", "open", "pick", "pickup", "grab"}), ("KeyE",)),
    (frozenset({"fire", "attack", "shoot", "hit", "primary", "fire1"}), ("KeyJ", "Enter")),
    (frozenset({"aim", "altfire", "secondary", "zoom", "fire2", "block"}), ("KeyK",)),
    (frozenset({"reload"}), ("KeyT",)),
    (frozenset({"brake", "handbrake"}), ("Space",)),
    (frozenset({"accelerate", "throttle", "gas"}), ("KeyW", "ArrowUp")),
    (frozenset({"reverse"}), ("KeyS", "ArrowDown")),
    (frozenset({"next", "swap", "switch", "weapon"}), ("KeyQ",)),
    (frozenset({"map", "inventory"}), ("KeyM",)),
)
NAMED_KEYS = {
    "space": "Space", "spacebar": "Space", "enter": "Enter", "return": "Enter", "shift": "ShiftLeft",
    "lshift": "ShiftLeft", "rshift": "ShiftRight", "ctrl": "ControlLeft", "control": "ControlLeft",
    "lctrl": "ControlLeft", "alt": "AltLeft", "lalt": "AltLeft",
    "uparrow": "ArrowUp", "downarrow": "ArrowDown", "leftarrow": "ArrowLeft", "rightarrow": "ArrowRight",
    "arrowup": "ArrowUp", "arrowdown": "ArrowDown", "arrowleft": "ArrowLeft", "arrowright": "ArrowRight",
}  # fmt: skip
SPARE = (
    *(f"Digit{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)),
    "KeyZ",
    "KeyX",
    "KeyV",
    "KeyB",
    "KeyN",
    "KeyG",
)


def button_name(recorded: str) -> str:
    """The identifier of a button in a world: ``MOVE_FORWARD`` and ``Move Forward`` are ``forward``."""
    words = _words(recorded)
    if len(words) > 1 and words[0] in {"move", "key", "button", "btn"}:
        words = words[1:]
    name = "_".join(words)[:32].strip("_")
    return name if re.match(r"[a-z]", name) else f"button_{name}"[:32].strip("_")


def buttons_of(
    recorded: Sequence[str], keys: Mapping[str, Sequence[str]] | None = None
) -> list[dict[str, Any]]:
    """Entries of a manifest for the buttons of a data set, bit 0 first: ``name``, ``label``, ``keys``.

    ``keys``: those that a recording names by itself (``KeyboardEvent.code``), by recorded name; mouse buttons
    and keys of the page do not count. The others
    are guessed by what a button is called, and what cannot be guessed gets a digit. No key is given twice.
    """
    taken: set[str] = set()
    names: list[str] = []
    chosen: list[tuple[str, ...]] = []
    for name in recorded:
        names.append(_unused(button_name(name), names))
        wanted = tuple(keys.get(name, ())) if keys else ()
        own = tuple(
            k
            for k in wanted
            if re.fullmatch(r"[A-Za-z0-9]{1,32}", k) and not k.startswith("Mouse") and k not in PAGE_KEYS
        )
        free = tuple(key for key in (own or _guess(name)) if key not in taken)[:8]
        taken |= set(free)
        chosen.append(free)
    spare = [key for key in SPARE if key not in taken]
    return [
        {
            "name": name,
            "label": _label(original),
            "keys": own or ((spare.pop(0),) if spare else ()),
        }
        for name, original, own in zip(names, recorded, chosen, strict=True)
    ]


def _words(name: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word]


def _guess(name: str) -> tuple[str, ...]:
    words = _words(name)
    joined = "".join(words)
    if re.fullmatch(r"(key)?[a-z]", joined):
        code = f"Key{joined[-1].upper()}"
        return () if code in PAGE_KEYS else (code,)
    if re.fullmatch(r"(digit|num|key)?[0-9]", joined):
        return (f"Digit{joined[-1]}",)
    if joined in NAMED_KEYS:
        return (NAMED_KEYS[joined],)
    for named, codes in ACTIONS:  # "run forward" is rarer than "fire left hand"
        if named & set(words):
            return codes
    for side, key in (("left", "ArrowLeft"), ("right", "ArrowRight")):
        if side in words and {"turn", "look", "rotate"} & set(words):
            return (key,)
    if {"turn", "look", "rotate"} & set(words):
        return ()
    for named, codes in DIRECTIONS:
        if named & set(words):
            return codes
    return ()


def _label(name: str) -> str:
    words = " ".join(_words(name)) or name
    return (words[:1].upper() + words[1:])[:200] or "Button"


def _unused(name: str, taken: Sequence[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name[:28]}_{number}" in taken:
        number += 1
    return f"{name[:28]}_{number}"
