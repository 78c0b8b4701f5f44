"""Categorical world conditions: light, weather and palette, made on the pictures with their exact depth.

A captured level has one look. Its pictures dressed in others, each told to the network by a place of the
prompt vector, make a world in which night falls or fog comes when an event says so. The first choice of each
group is the level as it was captured; it has no place of its own, so a world that was told nothing shows
that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamport.errors import DatasetError
from dreamport.worlds.manifest import EVENT_HOLDS

Look = NDArray[np.int8]
"""``[..., G]``: for every group the number of its choice; zeros are the level as it was captured."""


@dataclass(frozen=True)
class Choice:
    """One choice of a group. ``words``: ways of saying it."""

    name: str
    label: str
    words: tuple[str, ...]


GROUPS: dict[str, tuple[Choice, ...]] = {
    "light": (
        Choice("day", "Day", ("by day", "daytime", "in daylight", "a bright day", "at noon")),
        Choice("dusk", "Dusk", ("at dusk", "in the evening", "at sunset", "in the last light", "twilight")),
        Choice("night", "Night", ("at night", "night", "in the dark of night", "midnight", "nighttime")),
    ),
    "weather": (
        Choice("clear", "Clear", ("in clear air", "no fog", "clear weather", "clear")),
        Choice("mist", "Mist", ("in light mist", "misty", "a thin haze", "hazy", "mist")),
        Choice("fog", "Fog", ("in thick fog", "foggy", "dense fog", "heavy fog", "fog")),
    ),
    "palette": (
        Choice("natural", "Natural", ("in natural colours", "in true colours", "full colour")),
        Choice("warm", "Warm", ("in warm colours", "warm", "golden", "amber tones")),
        Choice("cold", "Cold", ("in cold colours", "cold", "bluish", "icy tones")),
        Choice("grey", "Grey", ("in black and white", "greyscale", "monochrome", "without colour", "grey")),
    ),
}
AIR = 0.62  # linear light that fog itself sends, at day
EXTINCTION = {"mist": 0.07, "fog": 0.25}  # a metre
LIGHT = {"dusk": (0.62, 0.36, 0.26), "night": (0.055, 0.075, 0.13)}  # linear gain of red, green, blue
GAIN = {"warm": (1.12, 1.0, 0.78), "cold": (0.80, 0.98, 1.15)}


class Conditions:
    """The groups that a world has, in a fixed order. Raises ``DatasetError`` for a group that is
    not known."""

    def __init__(self, groups: Sequence[str], near_m: float) -> None:
        unknown = [name for name in groups if name not in GROUPS]
        if unknown:
            raise DatasetError(
                f"prompts.conditions: {', '.join(unknown)} is not known; choose of {', '.join(GROUPS)}"
            )
        self.groups = tuple(groups)
        self.near_m = near_m
        self.counts = tuple(len(GROUPS[name]) for name in self.groups)
        self.first_slot = tuple(sum(count - 1 for count in self.counts[:i]) for i in range(len(self.counts)))

    @property
    def slots(self) -> int:
        """Places of the prompt vector that the choices take."""
        return sum(count - 1 for count in self.counts)

    def events(self) -> list[dict[str, object]]:
        """As they stand in the manifest."""
        return [
            {
                "name": f"{group}.{choice.name}",
                "label": choice.label,
                **({"slot": first + number - 1} if number else {}),
            }
            for group, first in zip(self.groups, self.first_slot, strict=True)
            for number, choice in enumerate(GROUPS[group])
        ]

    def draw(self, count: int, rng: np.random.Generator) -> Look:
        """``[count, G]`` looks: a third are as they were captured, of the others every group half of the
        time."""
        looks = np.zeros((count, len(self.groups)), np.int8)
        for i, choices in enumerate(self.counts):
            other = rng.integers(1, choices, count)
            looks[:, i] = np.where(rng.random(count) < 0.5, other, 0)
        looks[rng.random(count) < 1 / 3] = 0
        return looks

    def vector(self, look: Look) -> NDArray[np.float32]:
        """``[..., G]`` -> ``[..., slots]``: ``EVENT_HOLDS`` for each choice but its group's first."""
        vector = np.zeros((*look.shape[:-1], self.slots), np.float32)
        for i, (first, choices) in enumerate(zip(self.first_slot, self.counts, strict=True)):
            for number in range(1, choices):
                vector[..., first + number - 1] = EVENT_HOLDS * (look[..., i] == number)
        return vector

    def phrases(self, look: Look, rng: np.random.Generator) -> list[str]:
        """One way of saying each choice of ``look [G]`` that is not the first, and sometimes one that is."""
        said = []
        for group, number in zip(self.groups, look, strict=True):
            if number or rng.random() < 0.15:
                said.append(str(rng.choice(GROUPS[group][int(number)].words)))
        return [said[i] for i in rng.permutation(len(said))]

    def dress(self, colour: Tensor, inverse_depth: Tensor, look: Look) -> Tensor:
        """``colour [B, 3, H, W]`` sRGB 0..1 and ``inverse_depth [B, 1, H, W]`` (``near / depth``, 0
        infinitely far) as they look under ``look [B, G]``; pictures of the captured look come back as they
        were.
        """
        dressed = colour.clone()
        for i in np.flatnonzero(look.any(axis=-1)):
            names = {g: GROUPS[g][int(n)].name for g, n in zip(self.groups, look[i], strict=True)}
            dressed[i] = _dressed(colour[i], inverse_depth[i], names, self.near_m)
        return dressed


def _dressed(colour: Tensor, inverse_depth: Tensor, names: dict[str, str], near_m: float) -> Tensor:
    """One picture ``[3, H, W]``: fog scatters the light of the day, then the light falls, then the
    grading."""
    linear = to_linear(colour)
    extinction = EXTINCTION.get(names.get("weather", ""))
    if extinction is not None:
        linear = fogged(linear, near_m / inverse_depth.clamp(min=1e-6), extinction)
    light = LIGHT.get(names.get("light", ""))
    if light is not None:
        linear = linear * colour.new_tensor(light)[:, None, None]
    out = to_srgb(linear)
    palette = names.get("palette", "")
    if palette == "grey":
        luma = (out * out.new_tensor((0.2126, 0.7152, 0.0722))[:, None, None]).sum(dim=0, keepdim=True)
        out = luma.expand_as(out)
    elif palette in GAIN:
        out = (out * out.new_tensor(GAIN[palette])[:, None, None]).clamp(0.0, 1.0)
    return out


def fogged(linear: Tensor, depth_m: Tensor, extinction: float) -> Tensor:
    """Koschmieder's law: ``J exp(-b d) + A (1 - exp(-b d))`` in linear light (Narasimhan and Nayar, Vision
    and the Atmosphere, IJCV 2002, eq. 7). ``linear [3, H, W]``, ``depth_m [1, H, W]``, ``extinction`` a
    metre.
    """
    through = torch.exp(-extinction * depth_m)
    return linear * through + AIR * (1.0 - through)


def to_linear(srgb: Tensor) -> Tensor:
    """sRGB 0..1 to linear light (IEC 61966-2-1)."""
    high = ((srgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(srgb <= 0.04045, srgb / 12.92, high)


def to_srgb(linear: Tensor) -> Tensor:
    """Linear light to sRGB 0..1."""
    clipped = linear.clamp(0.0, 1.0)
    high = 1.055 * clipped.clamp(min=0.0031308) ** (1.0 / 2.4) - 0.055
    return torch.where(clipped <= 0.0031308, clipped * 12.92, high)
