"""One of the processes that compute a LingBot-World session together; ``torchrun`` starts them.

``lingbot_worker.py OUT PACK`` writes what it found: ``chunks-RANK.json``, the transformer chunk by chunk
until the window slides, against one process, the last chunk as one graph; ``session-RANK.json``, a session
that the first process leads and the others follow.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamport.errors import ExecutorError
from dreamport.executors import open_chunk_executor
from dreamport.executors.chunks import ChunkExecutor
from dreamport.executors.lingbot.executor import LingBotExecutor
from dreamport.executors.lingbot.following import follow_first, together
from dreamport.executors.lingbot.parallel import TokenShare, meet
from dreamport.models.lingbot.attention import TokenExchange
from dreamport.models.lingbot.cache import KVCache
from dreamport.models.lingbot.config import LINGBOT_TINY
from dreamport.models.lingbot.transformer import LingBotTransformer
from dreamport.worlds.arrays import AnyArray
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


State = dict[str, AnyArray]


def script(executor: ChunkExecutor, pack: WorldPack) -> tuple[list[UInt8], list[State], str]:
    """A player's session: frames before and after other words and from a state; the state, and that of a
    session that took it up; a refusal."""
    start, size, steps = pack.image_start(), pack.manifest.latent, len(pack.manifest.sampler.sigmas)
    drawn = np.random.default_rng(3)
    noise = drawn.standard_normal((4, steps, size.channels, 4, size.height, size.width)).astype(np.float32)
    poses, lens = np.tile(np.eye(4, dtype=np.float32), (4, 1, 1)), np.tile(np.float32(60), (4, 4))
    session = executor.session()
    session.begin(start.image, start.prompt)
    frames = [session.chunk(poses, lens, one) for one in noise[:2]]
    state = session.state()
    try:
        session.begin(start.image[1:], start.prompt)
        refusal = "nothing was refused"
    except ExecutorError as error:
        refusal = str(error)
    poses[:, 2, 3] = (0.1, 0.2, 0.3, 0.4)
    session.prompt("a storm")
    frames += [session.chunk(poses, lens, noise[2])]
    other = executor.session()
    other.restore(state)
    states = [state, other.state()]
    session.close()
    other.prompt("a storm")
    frames += [other.chunk(poses, lens, noise[2])]
    return frames, states, refusal


def lead_or_follow(share: TokenShare, path: Path) -> dict[str, object]:
    if share.rank:
        follow_first()
        return {"followed": True}
    pack = open_pack_at(path)
    executor = open_chunk_executor(pack)
    frames, states, refusal = script(executor, pack)
    executor.close()
    together().end()
    alone_frames, alone_states, _ = script(LingBotExecutor(pack, torch.device("cpu")), pack)
    return {
        "name": executor.name,
        "frames": [int(np.abs(a.astype(int) - b).max()) for a, b in zip(frames, alone_frames, strict=True)],
        "moved": int(np.abs(frames[1].astype(int) - frames[2]).max()),
        "again": int(np.abs(frames[3].astype(int) - frames[2]).max()),
        "states": [
            max(float(np.abs(ours[name].astype(float) - theirs[name]).max()) for name in theirs)
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


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    main(Path(sys.argv[1]), Path(sys.argv[2]))
