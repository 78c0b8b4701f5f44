"""One of the processes that compute a LingBot-World session together; ``torchrun`` starts them.

``lingbot_worker.py chunks OUT``: the transformer chunk by chunk, until the window slides, against one
process; the last chunk again as one graph.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreamport.executors.lingbot.parallel import TokenShare, meet
from dreamport.models.lingbot.attention import TokenExchange
from dreamport.models.lingbot.cache import KVCache
from dreamport.models.lingbot.config import LINGBOT_TINY
from dreamport.models.lingbot.transformer import LingBotTransformer

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


def main(what: str, out: Path) -> None:
    share = meet(torch.device("cpu"))
    assert share is not None, "to be started by torchrun"
    with torch.inference_mode():
        told = {"chunks": compare_chunks}[what](share)
    (out / f"{what}-{share.rank}.json").write_text(json.dumps(told), encoding="utf-8")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    main(sys.argv[1], Path(sys.argv[2]))
