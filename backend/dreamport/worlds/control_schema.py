"""What a player may send to a world: buttons, look axes, poses."""

from __future__ import annotations

from pydantic import Field, model_validator

from dreamport.worlds.fields import Bounded, Identifier, KeyCode, Line


class Button(Bounded):
    """One button: its bit is its place in the list. ``keys``: the browser's ``KeyboardEvent.code`` names."""

    name: Identifier
    label: Line
    keys: tuple[KeyCode, ...] = Field(default=(), max_length=8)


class Look(Bounded):
    """Which look axes the world has, and the largest turn of one frame in degrees."""

    yaw: bool
    pitch: bool
    max_deg_per_frame: float = Field(gt=0, le=180)


class Controls(Bounded):
    """What a player may send. ``pose``: the camera may be steered by poses from outside."""

    buttons: tuple[Button, ...] = Field(max_length=32)
    look: Look
    pose: bool
    prompts: tuple[Line, ...] = Field(default=(), max_length=64)

    @model_validator(mode="after")
    def _unique(self) -> Controls:
        names = [button.name for button in self.buttons]
        if len(set(names)) != len(names):
            raise ValueError("two buttons have the same name; give each its own")
        return self
