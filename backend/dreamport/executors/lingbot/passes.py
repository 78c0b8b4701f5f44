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
    """The clean latent ``[1, C, F, h, w]``; the keys and values of the pass that it came from; the camera as
    the passes took it."""

    latent: Tensor
    k: Tensor
    v: Tensor
    camera: tuple[Tensor, ...]


@dataclass(frozen=True)
class Passes:
    """``run``: the transformer, compiled or not; ``sigmas``: noise level of each step."""

    transformer: LingBotTransformer
    run: Run
    sigmas: tuple[float, ...]
    camera_once: bool = False

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
        return Clean(clean, out.k, out.v, camera)

    def remember(self, given: Given, clean: Clean) -> tuple[Tensor, Tensor]:
        """Keys and values of the clean chunk."""
        out = self._pass(clean.latent, 0.0, given, clean.camera)
        return out.k, out.v

    def _pass(self, latent: Tensor, sigma: float, given: Given, camera: tuple[Tensor, ...]) -> ChunkOutput:
        frames = latent.shape[2]
        timestep = torch.full((1, frames), sigma * TIMESTEPS, device=latent.device)
        seen: Tensor | Steering = camera[0] if len(camera) == 1 else Steering(*camera)
        return self.run(torch.cat([latent, given.shown], dim=1), timestep, seen, given.text, given.history)


class RecordedPasses:
    """:class:`Passes` of one session, recorded. Prompt and history must be given in the same memory every
    time.
    """

    def __init__(self, passes: Passes, device: torch.device) -> None:
        self._passes, self._device = passes, device
        self._denoise: dict[int, tuple[Given, Clean, Callable[[], None]]] = {}
        self._remember: dict[int, tuple[tuple[Tensor, ...], Callable[[], None]]] = {}
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None

    def denoise(self, given: Given) -> Clean:
        """See ``Passes.denoise``; what it gives holds until it is called again."""
        length = given.history.k.shape[2]
        if length not in self._denoise:
            kept = given._replace(
                noise=given.noise.clone(), shown=given.shown.clone(), camera=given.camera.clone()
            )

            def work() -> tuple[Tensor, ...]:
                clean = self._passes.denoise(kept)
                return clean.latent, clean.k, clean.v, *clean.camera

            made, replay = self._recorded(work)
            self._denoise[length] = kept, Clean(made[0], made[1], made[2], made[3:]), replay
        kept, clean, replay = self._denoise[length]
        for name in ("noise", "shown", "camera"):
            getattr(kept, name).copy_(getattr(given, name))
        replay()
        return clean

    def remember(self, given: Given, clean: Clean) -> tuple[Tensor, Tensor]:
        """See ``Passes.remember``; ``clean``: what :meth:`denoise` has just given."""
        length = given.history.k.shape[2]
        if length not in self._remember:
            kept = self._denoise[length][0]
            self._remember[length] = self._recorded(lambda: self._passes.remember(kept, clean))
        (k, v), replay = self._remember[length]
        replay()
        return k, v

    def _recorded(
        self, work: Callable[[], Sequence[Tensor]]
    ) -> tuple[tuple[Tensor, ...], Callable[[], None]]:
        """What ``work`` gives, and what computes it anew in the same memory."""
        if self._device.type != "cuda":
            made = tuple(tensor.clone() for tensor in work())

            def again() -> None:
                for kept, new in zip(made, work(), strict=True):
                    kept.copy_(new)

            return made, again
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):  # compiles, chooses kernels, allocates workspaces
                work()
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # another thread may encode a picture for its own session meanwhile
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            made = tuple(work())
        return made, graph.replay
