"""A video that is encoded or decoded while it grows: the codec's past in memory that never moves.

Both streams belong to one session. What they keep are plain tensors that a snapshot can hold; nothing waits
for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from dreamport.models.lingbot.vae import FRAMES, WanVAE, statistics
from dreamport.models.lingbot.vae_layers import Size

Step = Callable[[Tensor, Sequence[Tensor], bool], tuple[Tensor, tuple[Tensor, ...]]]
"""``decode_step`` or ``encode_step`` of a codec, compiled or not."""


class FrameDecoder(Protocol):
    """What decodes latents step by step: :class:`~dreamport.models.lingbot.vae.WanVAE`, ``TinyDecoder``."""

    def decode_past(self, size: Size, batch: int = 1) -> tuple[Tensor, ...]: ...

    def decode_step(
        self, latent: Tensor, past: Sequence[Tensor], first: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]: ...


class _Stream:
    """A step and its past. ``begun``: something went through since the beginning."""

    def __init__(self, step: Step, past: tuple[Tensor, ...]) -> None:
        self._step = step
        self._past = past
        self.begun = False

    def reset(self) -> None:
        """Begin another video."""
        for tensor in self._past:
            tensor.zero_()
        self.begun = False

    def state(self) -> dict[str, Tensor]:
        """All that :meth:`restore` needs: ``begun`` and the tensors of the past (the stream's own memory)."""
        begun = torch.tensor(self.begun)
        return {"begun": begun} | {f"past.{place}": tensor for place, tensor in enumerate(self._past)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave. Raises ``ValueError``, and changes nothing, if it does not fit."""
        own = self.state()
        for name, tensor in own.items():
            found = state.get(name)
            if found is None or found.shape != tensor.shape or found.dtype != tensor.dtype:
                what = "missing" if found is None else f"{list(found.shape)} {found.dtype}"
                raise ValueError(
                    f"{name} of the video stream is {what} and must be {list(tensor.shape)} {tensor.dtype}"
                )
        for name, tensor in own.items():
            if name != "begun":
                tensor.copy_(state[name])
        self.begun = bool(state["begun"])

    def _run(self, x: Tensor) -> Tensor:
        out, after = self._step(x, self._past, not self.begun)
        # into the same memory, so that recorded graphs find it where it was
        for kept, new in zip(self._past, after, strict=True):
            kept.copy_(new)
        self.begun = True
        return out


class EncodeStream(_Stream):
    """Pictures to the latents that the transformer sees. ``size``: rows and columns of pixels."""

    def __init__(self, vae: WanVAE, size: Size, batch: int = 1, step: Step | None = None) -> None:
        super().__init__(step or vae.encode_step, vae.encode_past(size, batch))
        self._mean, self._std = statistics(vae.conv1.weight)

    def push(self, video: Tensor) -> Tensor:
        """The next frames ``[B, 3, T, H, W]`` in -1..1, 1 and then 4 for each latent -> ``[B, 16, t, h, w]``
        float32, normalised.
        """
        fits = (video.shape[2] - (0 if self.begun else 1)) % FRAMES == 0 and video.shape[2] > 0
        if not fits:
            raise ValueError(f"{video.shape[2]} frames are no whole number of latents at this place")
        return (self._run(video).float() - self._mean) / self._std


class DecodeStream(_Stream):
    """The transformer's latents to pictures. ``size``: rows and columns of latents.

    ``scaled``: the decoder takes the VAE's own latents (Wan2.1's, LightTAE), not the normalised ones (TAEHV).
    ``at_once``: latents of one step; fewer take less memory.
    """

    def __init__(
        self,
        decoder: FrameDecoder,
        size: Size,
        *,
        scaled: bool = True,
        at_once: int = 4,
        batch: int = 1,
        step: Step | None = None,
    ) -> None:
        past = decoder.decode_past(size, batch)
        super().__init__(step or decoder.decode_step, past)
        self._statistics = statistics(past[0]) if scaled else None
        self._at_once = at_once

    def push(self, latent: Tensor) -> Tensor:
        """The next latents ``[B, 16, t, h, w]``, normalised -> frames ``[B, 3, T, H, W]`` in -1..1: 4 for
        each latent, 1 for the first of a video.
        """
        if self._statistics is not None:
            mean, std = self._statistics
            latent = latent.float() * std + mean
        steps = [self._run(part) for part in torch.split(latent, self._at_once, dim=2)]
        return steps[0] if len(steps) == 1 else torch.cat(steps, dim=2)


def pictures(video: Tensor) -> Tensor:
    """Frames ``[1, 3, T, H, W]`` in -1..1 -> ``[T, H, W, 3]`` uint8 on the same device."""
    scaled = (video[0].float() * 127.5 + 127.5).round_().clamp_(0.0, 255.0)
    return scaled.to(torch.uint8).permute(1, 2, 3, 0).contiguous()


def as_video(picture: Tensor) -> Tensor:
    """A picture ``[H, W, 3]`` uint8 -> ``[1, 3, 1, H, W]`` float32 in -1..1 on the same device."""
    return (picture.permute(2, 0, 1).float() / 127.5 - 1.0)[None, :, None]
