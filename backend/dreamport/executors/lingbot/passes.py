"""The transformer's passes of one chunk, run one by one or recorded once and replayed.

Recorded passes are CUDA graphs, one for each length of history: the host starts a whole chunk by two calls.
Everything they read stays where it was: what changes is copied in. The processor has no such graphs and does
the same by calling again what was recorded, in the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from dreamport.models.lingbot.cache import History
from dreamport.models.lingbot.schedule import TIMESTEPS, add_noise, denoised
from dreamport.models.lingbot.transformer import ChunkOutput, LingBotTransformer, Steering, TextKeys

WARM_UPS = 2
Run = Callable[..., ChunkOutput]


class Given(NamedTuple):
    """What a chunk is made of: ``noise [steps, C, F, h, w]``; ``shown [1, 20, F, h, w]``, the mask and the
    picture; ``camera``, its tokens; the prompt; the history."""

    noise: Tensor
    shown: Tensor
    camera: Tensor
    text: TextKeys
    history: History


class Clean(NamedTuple):
    """The clean latent ``[1, C, F, h, w]``; the camera as the passes took it; keys and values of the last
    pass where they are remembered, else nothing."""

    latent: Tensor
    camera: tuple[Tensor, ...]
    keys: tuple[Tensor, ...]


@dataclass(frozen=True)
class Passes:
    """``run``: the transformer, compiled or not; ``sigmas``: noise level of each step; ``merged``: the last
    step's keys and values are remembered, not those of a pass of their own."""

    transformer: LingBotTransformer
    run: Run
    sigmas: tuple[float, ...]
    camera_once: bool = False
    merged: bool = False

    def denoise(self, given: Given) -> Clean:
        """From noise to the clean chunk."""
        camera: tuple[Tensor, ...] = (given.camera,)
        if self.camera_once:
            camera = tuple(self.transformer.steering(given.camera))
        noisy = given.noise[:1]
        for step, sigma in enumerate(self.sigmas):
            out = self._pass(noisy, sigma, given, camera)
            clean = denoised(noisy, out.velocity, sigma)
            if step + 1 < len(self.sigmas):
                noisy = add_noise(clean, given.noise[step + 1 : step + 2], self.sigmas[step + 1])
        return Clean(clean, camera, (out.k, out.v) if self.merged else ())

    def remember(self, given: Given, clean: Clean) -> tuple[Tensor, ...]:
        """Keys and values of the clean chunk."""
        if self.merged:
            return clean.keys
        out = self._pass(clean.latent, 0.0, given, clean.camera)
        return out.k, out.v

    def _pass(self, latent: Tensor, sigma: float, given: Given, camera: tuple[Tensor, ...]) -> ChunkOutput:
        frames = latent.shape[2]
        timestep = torch.full((1, frames), sigma * TIMESTEPS, device=latent.device)
        seen: Tensor | Steering = camera[0] if len(camera) == 1 else Steering(*camera)
        return self.run(torch.cat([latent, given.shown], dim=1), timestep, seen, given.text, given.history)


class RecordedPasses:
    """:class:`Passes` of one session, recorded. Prompt and history must be given in the same memory every
    time. All recordings share the memory that they read and write: keys and values of a chunk of 14B are
    5 GB.
    """

    def __init__(self, passes: Passes, device: torch.device) -> None:
        self._passes, self._device = passes, device
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None
        self._given: tuple[Tensor, ...] | None = None
        self._made: dict[str, tuple[Tensor, ...]] = {}
        self._replays: dict[tuple[str, int], Callable[[], None]] = {}

    def denoise(self, given: Given) -> Clean:
        """See ``Passes.denoise``; what it gives holds until it is called again."""
        if self._given is None:
            self._given = tuple(tensor.clone() for tensor in given[:3])
        for kept, new in zip(self._given, given[:3], strict=True):
            kept.copy_(new)
        noise, shown, camera = self._given
        here = given._replace(noise=noise, shown=shown, camera=camera)

        def work() -> tuple[Tensor, ...]:
            clean = self._passes.denoise(here)
            return clean.latent, *clean.keys, *clean.camera

        latent, *rest = self._run("denoise", given, work)
        keys = 2 if self._passes.merged else 0
        return Clean(latent, tuple(rest[keys:]), tuple(rest[:keys]))

    def remember(self, given: Given, clean: Clean) -> tuple[Tensor, ...]:
        """See ``Passes.remember``; ``clean``: what :meth:`denoise` has just given."""
        if self._passes.merged or self._given is None:
            return clean.keys
        noise, shown, camera = self._given
        here = given._replace(noise=noise, shown=shown, camera=camera)
        return self._run("remember", given, lambda: self._passes.remember(here, clean))

    def _run(self, what: str, given: Given, work: Callable[[], Sequence[Tensor]]) -> tuple[Tensor, ...]:
        """What ``work`` gives, by the recording for this length of history."""
        key = what, given.history.k.shape[2]
        if key not in self._replays:
            self._replays[key] = self._recorded(what, work)
        self._replays[key]()
        return self._made[what]

    def _recorded(self, what: str, work: Callable[[], Sequence[Tensor]]) -> Callable[[], None]:
        """What computes ``work`` into the memory of ``what``."""

        def again() -> None:
            for kept, new in zip(self._made[what], work(), strict=True):
                kept.copy_(new)

        def first() -> None:
            made = work()
            if what not in self._made:
                self._made[what] = tuple(tensor.clone() for tensor in made)

        if self._device.type != "cuda":
            first()
            return again
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):  # compiles, chooses kernels, allocates workspaces
                first()
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # another thread may encode a picture for its own session meanwhile
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            again()
        return graph.replay
