"""Keys and values of the frames that a chunk looks back on, in memory that never moves.

The sink stays; behind it the window is a ring in which new frames overwrite the oldest. Attention does not
care in which order its keys come, so nothing is shifted: each frame's place in time goes with it. Keys are
kept before rotary embedding. Nothing here waits for the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.rope import angles, places, rotate

MAX_FRAMES = 1 << 40
"""A session's latent frames: more than anybody will see, few enough to count with."""


class History(NamedTuple):
    """What a chunk sees besides itself.

    ``k``, ``v [layers, B, frames * tokens, heads, head_dim]``; ``places [frames]`` and ``now [chunk]``,
    int64: places in time of the cached frames and of the chunk; ``rotated``: whether ``k`` is so already.
    """

    k: Tensor
    v: Tensor
    places: Tensor
    now: Tensor
    rotated: bool = False


class KVCache:
    """One session's keys and values. ``tokens``: tokens of one latent frame. ``heads``: how many this process
    keeps, all by default.
    """

    def __init__(
        self,
        config: LingBotConfig,
        tokens: int,
        *,
        batch: int = 1,
        heads: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        self.config = config
        self.tokens = tokens
        self.frames = 0
        """Latent frames written since the session began."""
        slots = config.history_frames
        shape = (config.layers, batch, slots * tokens, heads or config.heads, config.head_dim)
        self.k = torch.zeros(shape, device=device, dtype=dtype)
        self.v = torch.zeros(shape, device=device, dtype=dtype)
        self.places = torch.zeros(slots, device=device, dtype=torch.int64)
        self.now = torch.zeros(config.chunk_latents, device=device, dtype=torch.int64)
        self._set_places()

    @property
    def filled(self) -> int:
        """Latent frames that the cache holds."""
        return min(self.frames, self.config.history_frames)

    def history(self) -> History:
        """What the next chunk sees: views of the cache's own memory, valid until :meth:`append`."""
        end = self.filled * self.tokens
        return History(self.k[:, :, :end], self.v[:, :, :end], self.places[: self.filled], self.now)

    def append(self, k: Tensor, v: Tensor) -> None:
        """Add a chunk's keys and values ``[layers, B, frames * tokens, heads, head_dim]``."""
        count, tokens = k.shape[2] // self.tokens, self.tokens
        for first, slot, length in self._runs(count):
            new, old = slice(first * tokens, (first + length) * tokens), slot * tokens
            self.k[:, :, old : old + length * tokens].copy_(k[:, :, new])
            self.v[:, :, old : old + length * tokens].copy_(v[:, :, new])
        self.frames += count
        self._set_places()

    def clear(self) -> None:
        """Forget everything: a new session."""
        self.frames = 0
        self._set_places()

    def state(self) -> dict[str, Tensor]:
        """All that :meth:`restore` needs: ``k``, ``v`` as far as they are filled (views), ``frames``."""
        end = self.filled * self.tokens
        frames = torch.tensor(self.frames, dtype=torch.int64)
        return {"k": self.k[:, :, :end], "v": self.v[:, :, :end], "frames": frames}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave. Raises ``ValueError``, and changes nothing, if it does not fit."""
        missing = {"k", "v", "frames"} - state.keys()
        if missing:
            raise ValueError(f"the cache's state lacks {', '.join(sorted(missing))}")
        if state["frames"].numel() != 1 or not 0 <= (frames := int(state["frames"])) <= MAX_FRAMES:
            raise ValueError("the cache's state has no number of frames of 0 or more")
        end = min(frames, self.config.history_frames) * self.tokens
        for name, own in (("k", self.k), ("v", self.v)):
            wanted = (*own.shape[:2], end, *own.shape[3:])
            if tuple(state[name].shape) != wanted or state[name].dtype != own.dtype:
                raise ValueError(
                    f"the cache's {name} is {list(state[name].shape)} {state[name].dtype} and must be "
                    f"{list(wanted)} {own.dtype}"
                )
        self.k[:, :, :end].copy_(state["k"])
        self.v[:, :, :end].copy_(state["v"])
        self.frames = frames
        self._set_places()

    def _slot(self, frame: int) -> int | None:
        """Where ``frame`` is kept; ``None`` for a frame that no later chunk sees."""
        sink, slots = self.config.sink_frames, self.config.history_frames
        if frame < slots:
            return frame
        return sink + (frame - sink) % (slots - sink) if slots > sink else None

    def _runs(self, count: int) -> list[tuple[int, int, int]]:
        """Where the next ``count`` frames go, as runs of neighbours: (first of the chunk, slot, length)."""
        runs: list[tuple[int, int, int]] = []
        for i in range(count):
            slot = self._slot(self.frames + i)
            if slot is None:
                continue
            if runs and runs[-1][1] + runs[-1][2] == slot:
                runs[-1] = (runs[-1][0], runs[-1][1], runs[-1][2] + 1)
            else:
                runs.append((i, slot, 1))
        return runs

    def _set_places(self) -> None:
        """Each slot's frame and its place, computed on the device."""
        config, device, start = self.config, self.places.device, self.frames
        sink, slots = config.sink_frames, config.history_frames
        slot = torch.arange(slots, device=device)
        if start > slots > sink:
            window = slots - sink
            # the newest frame before ``start`` that belongs into each slot of the ring
            newest = start - 1 - torch.remainder(start - 1 - slot, window)
            slot = torch.where(slot < sink, slot, newest)
        end = start + config.chunk_latents
        self.places.copy_(places(slot, end, sink))
        self.now.copy_(places(start + torch.arange(config.chunk_latents, device=device), end, sink))


def rotated(history: History, rows: int, columns: int, into: Tensor | None = None) -> History:
    """``history`` with its keys rotated once for all passes of a chunk, layer by layer, in ``into`` (like
    ``history.k``) or in new memory."""
    if not history.places.shape[0]:
        return history._replace(rotated=True)
    cosine, sine = angles(history.places, rows, columns, history.k.shape[-1])
    turned = torch.empty_like(history.k) if into is None else into
    for source, target in zip(history.k, turned, strict=True):
        target.copy_(rotate(source, cosine, sine))
    return history._replace(k=turned, rotated=True)
