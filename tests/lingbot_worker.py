"""One of the processes that compute a LingBot-World session together; ``torchrun`` starts them.

``lingbot_worker.py OUT PACK`` writes what it found: ``chunks-RANK.json``, the transformer chunk by chunk
until the window slides, against one process, the last chunk as one graph; ``session-RANK.json``, a session that the
first process leads and the others follow.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamport.errors import ExecutorError
from dreamport.executors.chunks import ChunkExecutor
from dreamport.executors.lingbot.following import Channel, Together, follow
from dreamport.executors.lingbot.parallel import TokenShare, meet
from dreamport.models.lingbot.attention import TokenExchange
from dreamport.models.lingbot.cache import KVCache
from dreamport.models.lingbot.config import LINGBOT_TINY
from dreamport.models.lingbot.transformer import LingBotTransformer, TextKeys
from dreamport.worlds.arrays import AnyArray, ArraysError
from dreamport.worlds.pack import WorldPack, open_pack_at

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
CONFIG = replace(LINGBOT_TINY, heads=4)
HEIGHT, WIDTH = 6, 10
"""Of a latent frame: 15 tokens, so that no process's share of a chunk is whole frames."""
CHUNKS = 6
TOKENS = HEIGHT * WIDTH // 4


def play(model: LingBotTransformer, cache: KVCache, exchange: TokenExchange | None, compiled: bool) -> Tensor:
    """Velocities of all chunks; each writes its own keys and values into the cache. ``compiled``: the last
    one is one graph."""
    model.exchange = exchange
    drawn = torch.Generator().manual_seed(7)
    text = model.text_keys(torch.randn(1, CONFIG.text_tokens, CONFIG.text_dim, generator=drawn))
    made = []
    for chunk in range(CHUNKS):
        latent = torch.randn(1, CONFIG.in_channels, 4, HEIGHT, WIDTH, generator=drawn)
        rays = torch.randn(1, 4 * TOKENS, CONFIG.camera_channels, generator=drawn)
        steering = model.steering(model.camera_tokens(rays))
        run: Callable[..., Any] = model
        if compiled and chunk == CHUNKS - 1:
            run = torch.compile(model, backend="eager", fullgraph=True)
        out = run(latent, torch.full((1, 4), 500.0), steering, text, cache.history())
        cache.append(out.k, out.v)
        made.append(out.velocity)
    return torch.cat(made)


def compare_chunks(share: TokenShare) -> dict[str, object]:
    torch.manual_seed(0)
    model = LingBotTransformer(CONFIG).requires_grad_(False).eval()
    whole = KVCache(CONFIG, TOKENS, dtype=torch.float32)
    part = KVCache(CONFIG, TOKENS, heads=CONFIG.heads // share.size, dtype=torch.float32)
    alone, together = play(model, whole, None, False), play(model, part, share, True)
    each = CONFIG.heads // share.size
    own = whole.k[:, :, :, share.rank * each : (share.rank + 1) * each]
    return {
        "processes": share.size,
        "largest": float(alone.abs().max()),
        "velocity": float((alone - together).abs().max()),
        "cache": float((own - part.k).abs().max()),
        "cache_bytes": part.k.nbytes,
        "all_cache_bytes": whole.k.nbytes,
    }


class StubSession:
    """A session without codecs and text encoder: one pass a chunk, the velocity's first channels are the
    frames, and a prompt's length is its text."""

    timings: dict[str, float] = {}  # noqa: RUF012

    def __init__(self, model: LingBotTransformer, heads: int) -> None:
        self.model = model
        self.cache = KVCache(CONFIG, TOKENS, heads=heads, dtype=torch.float32)
        self.text = self._keys("")

    def _keys(self, text: str) -> TextKeys:
        if text == "refused":
            raise ExecutorError("this prompt is refused")
        return self.model.text_keys(torch.full((1, CONFIG.text_tokens, CONFIG.text_dim), len(text) / 10))

    def begin(self, image: UInt8, prompt: str) -> None:
        self.cache.clear()
        self.prompt(prompt)

    def prompt(self, text: str) -> None:
        self.text = self._keys(text)

    def chunk(
        self, poses: Float32, intrinsics: Float32, noise: Float32, keys: Float32 | None = None
    ) -> UInt8:
        latent = torch.from_numpy(noise).repeat(1, 3, 1, 1, 1)[:, : CONFIG.in_channels]
        rays = torch.full((1, 4 * TOKENS, CONFIG.camera_channels), float(poses.sum()) / 100)
        camera = self.model.camera_tokens(rays)
        out = self.model(latent, torch.full((1, 4), 500.0), camera, self.text, self.cache.history())
        self.cache.append(out.k, out.v)
        seen = (out.velocity[0, :3].permute(1, 2, 3, 0) * 40 + 128).clamp(0, 255)
        frames: UInt8 = seen.to(torch.uint8).numpy()
        return frames

    def state(self) -> dict[str, AnyArray]:
        return {name: tensor.clone().numpy() for name, tensor in self.cache.state().items()}

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        try:
            self.cache.restore({name: torch.from_numpy(array) for name, array in arrays.items()})
        except ValueError as error:
            raise ArraysError(str(error)) from None

    def close(self) -> None:
        self.cache.clear()


class StubExecutor:
    """The transformer with random weights, the same in every process."""

    name, device, precision, threads = "stub", "cpu", "f32", 1

    def __init__(self, share: TokenShare | None) -> None:
        self.fallback_reason: str | None = None
        torch.manual_seed(0)
        self.model = LingBotTransformer(CONFIG).requires_grad_(False).eval()
        self.model.exchange = share
        self.heads = CONFIG.heads // (1 if share is None else share.size)

    def session(self) -> StubSession:
        return StubSession(self.model, self.heads)

    def close(self) -> None:
        del self.model


State = dict[str, AnyArray]


def script(executor: ChunkExecutor) -> tuple[list[UInt8], list[State], str]:
    """A player's session: frames before and after other words and from a state; the state, and that of a
    session that took it up; a refusal."""
    drawn = np.random.default_rng(3)
    noise = drawn.standard_normal((6, 1, 16, 4, HEIGHT, WIDTH)).astype(np.float32)
    poses, lens = np.tile(np.eye(4, dtype=np.float32), (4, 1, 1)), np.ones((4, 4), np.float32)
    session = executor.session()
    session.begin(np.zeros((HEIGHT * 8, WIDTH * 8, 3), np.uint8), "a valley")
    frames = [session.chunk(poses, lens, one) for one in noise[:2]]
    state = session.state()
    try:
        session.prompt("refused")
        refusal = "nothing was refused"
    except ExecutorError as error:
        refusal = str(error)
    session.prompt("a valley in a storm")
    frames += [session.chunk(poses + 0.1, lens, one) for one in noise[2:4]]
    other = executor.session()
    other.begin(np.zeros((HEIGHT * 8, WIDTH * 8, 3), np.uint8), "a valley in a storm")
    other.restore(state)
    states = [state, other.state()]
    session.close()
    frames += [other.chunk(poses + 0.1, lens, noise[2])]
    return frames, states, refusal


def lead_or_follow(share: TokenShare, pack: Path) -> dict[str, object]:
    def opened(opened_pack: WorldPack, options: Mapping[str, Any]) -> ChunkExecutor:
        assert options == {"precision": "f32"}
        return StubExecutor(share)

    if share.rank:
        follow(Channel(), opened)
        return {"followed": True}
    together = Together(Channel())
    executor = together.open(open_pack_at(pack), {"precision": "f32"}, opened)
    frames, states, refusal = script(executor)
    executor.close()
    together.end()
    alone_frames, alone_states, _ = script(StubExecutor(None))
    return {
        "name": executor.name,
        "frames": [int(np.abs(a.astype(int) - b).max()) for a, b in zip(frames, alone_frames, strict=True)],
        "moved": int(np.abs(frames[1].astype(int) - frames[2]).max()),
        "again": int(np.abs(frames[4].astype(int) - frames[2]).max()),
        "states": [
            max(float(np.abs(ours[name] - theirs[name]).max()) for name in theirs)
            for ours, theirs in zip(states, alone_states, strict=True)
        ],
        "refusal": refusal,
    }


def main(out: Path, pack: Path) -> None:
    share = meet(torch.device("cpu"))
    assert share is not None, "to be started by torchrun"
    with torch.inference_mode():
        told = {"chunks": compare_chunks(share), "session": lead_or_follow(share, pack)}
    for name, found in told.items():
        (out / f"{name}-{share.rank}.json").write_text(json.dumps(found), encoding="utf-8")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    main(Path(sys.argv[1]), Path(sys.argv[2]))
