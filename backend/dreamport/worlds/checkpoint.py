"""The part of ``world.json`` that only a world made from a public checkpoint has: sizes, schedule, camera.

Its weights stay where they are on this machine; ``dreamport.worlds.weights`` says which files they are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from dreamport.errors import PackError
from dreamport.worlds.fields import Bounded, PackPath

TRAINING_STEPS = 1000
"""Noise levels that the schedule of the checkpoints was trained on."""
LATENT_FRAMES = 4
"""Video frames of one latent frame (the first latent frame of a session is one video frame)."""
LATENT_STRIDE = 8
"""Pixels of the frame along one side of a latent cell."""

Decoder = Literal["wan21", "taehv", "lighttae"]
DECODERS: tuple[Decoder, ...] = ("wan21", "taehv", "lighttae")


def decoder_named(name: str) -> Decoder:
    """The decoder of that name. Raises ``PackError``."""
    for decoder in DECODERS:
        if decoder == name:
            return decoder
    raise PackError(f"there is no decoder {name[:40]!r}; use one of {', '.join(DECODERS)}")


def sigma_of(index: int, shift: float) -> float:
    """Noise level of step ``index`` (0 is pure noise) after the flow shift: ``s u / (1 + (s - 1) u)`` with
    ``u = 1 - index / 1000`` (Wan's and LingBot-World's schedule).
    """
    level = 1.0 - index / TRAINING_STEPS
    return shift * level / (1.0 + (shift - 1.0) * level)


class LingBotSizes(Bounded):
    """The fields of ``models.lingbot.LingBotConfig``, bounded. ``window_frames``: latent frames that
    attention sees in all, sink and the chunk in work included.
    """

    dim: int = Field(ge=128, le=16384)
    ffn: int = Field(ge=128, le=65536)
    heads: int = Field(ge=1, le=128)
    layers: int = Field(ge=1, le=128)
    in_channels: int = Field(ge=1, le=256)
    out_channels: int = Field(ge=1, le=64)
    patch: tuple[int, int, int] = (1, 2, 2)
    text_tokens: int = Field(ge=1, le=4096)
    text_dim: int = Field(ge=1, le=16384)
    freq_dim: int = Field(ge=2, le=4096)
    camera_channels: int = Field(ge=1, le=16384)
    sink_frames: int = Field(ge=1, le=64)
    window_frames: int = Field(ge=2, le=256)
    chunk_latents: int = Field(ge=1, le=16)
    eps: float = Field(gt=0, le=1e-2)

    @model_validator(mode="after")
    def _fits(self) -> LingBotSizes:
        if self.dim % self.heads:
            raise ValueError("dim must be a multiple of heads")
        if self.window_frames < self.sink_frames + self.chunk_latents:
            raise ValueError("window_frames must hold the sink and one chunk")
        if any(not 1 <= side <= 8 for side in self.patch):
            raise ValueError("patch must be three sides of 1 to 8")
        return self


class CameraSteps(Bounded):
    """How keys and looks move the camera, and how far it goes for the network.

    ``step``: units of the world that one video frame walks; ``turn_deg``: degrees that one frame turns by
    key; ``max_pitch_deg``: how far up and down the camera looks; ``scale``: what translations between latent
    frames are multiplied by (the checkpoints were trained with each clip's largest at 1; a live session
    cannot know its largest, so the walk of one latent frame at full speed is 1).
    """

    scale: float = Field(gt=0, le=1e4)
    step: float = Field(gt=0, le=100)
    turn_deg: float = Field(gt=0, le=45)
    max_pitch_deg: float = Field(gt=0, lt=90)


class Checkpoint(Bounded):
    """A world whose networks are a public checkpoint's. ``file``: the pack's record of the weight files;
    ``shift`` and ``indices``: the schedule that ``sampler.sigmas`` is made by.
    """

    family: Literal["lingbot"]
    file: PackPath
    sizes: LingBotSizes
    shift: float = Field(gt=0, le=100)
    indices: tuple[int, ...] = Field(min_length=1, max_length=16)
    decoder: Decoder = "wan21"
    camera: CameraSteps

    @property
    def chunk_latents(self) -> int:
        """Latent frames of one chunk."""
        return self.sizes.chunk_latents

    @property
    def text_tokens(self) -> int:
        """Tokens that a prompt is padded to."""
        return self.sizes.text_tokens

    @property
    def sigmas(self) -> tuple[float, ...]:
        """Noise level of each denoising step, from 1 downwards."""
        return tuple(sigma_of(index, self.shift) for index in self.indices)

    @model_validator(mode="after")
    def _rising(self) -> Checkpoint:
        rising = all(a < b for a, b in pairwise(self.indices))
        if self.indices[0] != 0 or self.indices[-1] >= TRAINING_STEPS or not rising:
            raise ValueError(f"indices must begin with 0 and rise to less than {TRAINING_STEPS}")
        return self
