"""LingBot-World on one GPU: seconds a chunk by part, plain first, then each option switched on in turn.

python benchmarks/gpu/lingbot.py --size 1.3b --json benchmarks/results/gpu-lingbot-1.3b.json

Weights are random and of the real shapes: speed does not depend on them. 832x464, window 18 with sink 6,
four steps and the pass that fills the cache. Every row runs in processes of its own and is written as soon as
it is measured; rows that are there are kept, so the same command goes on where it was stopped.
``--size tiny --device cpu`` tries the script without a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamport.errors import DreamportError
from dreamport.executors.fit import PASSES, chunk_flops
from dreamport.executors.lingbot.executor import decode_step, runner
from dreamport.executors.lingbot.fp8 import MIN_LINEAR, fp8_linears, require_fp8
from dreamport.executors.lingbot.int8 import quantise_linears
from dreamport.executors.lingbot.kernels import attention_of
from dreamport.executors.lingbot.offload import BlockOffload
from dreamport.executors.lingbot.options import LingBotOptions
from dreamport.executors.lingbot.session import LingBotSession, Models, Shown
from dreamport.executors.measuring import circumstances
from dreamport.models.lingbot.checkpoint import random_module, random_transformer
from dreamport.models.lingbot.config import LINGBOT_1_3B, LINGBOT_14B, LINGBOT_TINY, LingBotConfig
from dreamport.models.lingbot.tiny_vae import TAEW21, TAEW21_TINY, TinyDecoder
from dreamport.models.lingbot.transformer import LingBotTransformer
from dreamport.models.lingbot.vae import WAN21, WAN21_TINY, WanVAE, channels_last, subpixel
from dreamport.worlds.checkpoint import LingBotSizes, sigma_of

Float32 = NDArray[np.float32]

SIZES: dict[str, tuple[LingBotConfig, float, tuple[int, int]]] = {
    "1.3b": (LINGBOT_1_3B, 5.0, (832, 464)),
    "14b": (LINGBOT_14B, 10.0, (832, 464)),
    "tiny": (LINGBOT_TINY, 5.0, (64, 64)),
}
"""Sizes, flow shift, and width and height of a frame."""
INDICES = (0, 250, 500, 750)
ROWS: dict[str, dict[str, Any]] = {
    "plain": {},
    "+ camera computed once a chunk": {"camera_once": True},
    "+ keys rotated once a chunk": {"rotate_once": True},
    "+ one compiled block": {"compile": "blocks"},
    "+ each pass one graph": {"compile": "whole"},
    "+ passes recorded": {"cuda_graphs": True},
    "+ decoder in bf16, channels last": {"decode_half": True},
    "+ decoder compiled": {"decode_compiled": True},
    "+ decoder on its own stream": {"decode_stream": True},
    "+ last pass fills the cache": {"merged_cache": True},
    "+ fp8 products": {"weights": "fp8"},
    "+ tiny decoder": {"decoder": "taehv"},
    "+ fp8 attention": {"attention": "fp8"},
}
"""What each row switches on beside the rows before it; what changes the pictures comes last."""
ALONE: dict[str, dict[str, Any]] = {
    "cuDNN's attention": {"attention": "cudnn"},
    "flash attention": {"attention": "flash"},
    "linear layers in fp8": {"weights": "fp8"},
    "8-bit weights": {"weights": "int8"},
    "8-bit weights, blocks streamed": {"weights": "int8", "resident_blocks": 0},
}
"""Rows that are beside ``plain`` alone: kernels, and what fits small cards."""
PARTS = ("denoise", "cache", "decode")
PARTS_CHUNKS = 5
"""Chunks whose parts are measured, at most."""
STEP = 0.05
FRAMES_A_LATENT = 4
ROW_TIMEOUT_S = 540.0
CEILING_SIZE, TINY_CEILING_SIZE = 8192, 512
TARGETS_FPS = {"1.3b": 60.0, "14b": 16.0}


@dataclass
class Result:
    """One row. ``chunk_s``: p50 and p95 of the wait for a chunk's frames, chunk after chunk without a pause;
    ``fps``: from the wall time of all these chunks, until the device has done all their work; ``parts_ms``:
    medians of chunks that each end before the next begins; parts that run beside each other share the device.
    ``memory_gb``: what the card's driver gave away from before the models until after the last chunk, to
    tensors, recorded graphs and libraries alike (``cudaMemGetInfo``), so nothing else may run on the card.
    ``start_s``: from the start of a process until its first frames, with nothing compiled before (``cold``)
    and with all of it (``warm``), reading weights from disk not included; ``tflops``: the transformer's while
    it denoises and fills the cache.
    """

    row: str
    device: str = ""
    chunk_s: dict[str, float] | None = None
    parts_ms: dict[str, float] | None = None
    fps: float | None = None
    memory_gb: float | None = None
    start_s: dict[str, float] | None = None
    tflops: float | None = None
    problem: str | None = None


def settings_of(row: str, device: str) -> tuple[LingBotOptions, str]:
    """Options and decoder of a row. A processor leaves out what only GPUs have, in the rows after its own."""
    chosen: dict[str, Any] = dict(ALONE.get(row, {}))
    for name, more in ROWS.items() if row in ROWS else ():
        if device != "cuda":
            chosen.pop("attention", None)
        chosen |= more
        if name == row:
            break
    decoder = chosen.pop("decoder", "wan21")
    return LingBotOptions(**chosen), decoder


def random_models(size: str, options: LingBotOptions, decoder: str, device: torch.device) -> Models:
    """Everything that a session needs, with random weights, straight on the device."""
    config = SIZES[size][0]
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    decode_dtype = torch.bfloat16 if options.decode_half else torch.float32
    small = size == "tiny"
    wan = WAN21_TINY if small else WAN21
    vae = random_module(lambda: WanVAE(wan), device, torch.float32, 1)
    frames: WanVAE | TinyDecoder = vae
    if decoder == "taehv":
        tiny = TAEW21_TINY if small else TAEW21
        frames = random_module(lambda: TinyDecoder(tiny), device, decode_dtype, 2)
    elif options.decode_half:
        frames = subpixel(random_module(lambda: WanVAE(wan), device, decode_dtype, 1))
    if options.decode_half:
        frames = channels_last(frames)
    transformer = _transformer(config, options, device, dtype)
    words = torch.randn(1, config.text_tokens, config.text_dim, device=device, dtype=dtype)

    def encode(text: str) -> Tensor:
        return words

    return Models(
        transformer=transformer,
        run=runner(transformer, options.compile),
        vae=vae,
        decoder=frames,
        scaled=decoder != "taehv",
        encode=encode,
        decode_step=decode_step(frames, options),
    )


def _transformer(
    config: LingBotConfig, options: LingBotOptions, device: torch.device, dtype: torch.dtype
) -> LingBotTransformer:
    place = device if options.resident_blocks is None else torch.device("cpu")
    transformer = random_transformer(config, place, dtype, 0)
    transformer.attend = attention_of(options.attention, device)
    if options.weights == "fp8":
        require_fp8(device, MIN_LINEAR, "multiplying")
        fp8_linears(transformer.blocks)
    if options.weights == "int8":
        quantise_linears(transformer.blocks)
    if options.resident_blocks is not None:
        BlockOffload(list(transformer.blocks), device, options.resident_blocks)
        for name, part in transformer.named_children():
            if name != "blocks":
                part.to(device)
    return transformer


class Walk:
    """A session that walks straight on, chunk by chunk."""

    def __init__(self, size: str, row: str, device: torch.device) -> None:
        self.config, shift, (self.width, self.height) = SIZES[size]
        options, decoder = settings_of(row, device.type)
        sigmas = tuple(sigma_of(index, shift) for index in INDICES)
        shown = Shown((self.height, self.width), sigmas, 1.0 / (FRAMES_A_LATENT * STEP))
        self.session = LingBotSession(random_models(size, options, decoder, device), shown, options, device)
        rows, columns = shown.latent_size
        frames = self.config.chunk_latents
        self._noise_shape = (len(sigmas), self.config.out_channels, frames, rows, columns)
        self._numbers = np.random.default_rng(0)
        self._walked = 0.0
        self.session.begin(np.full((self.height, self.width, 3), 128, np.uint8), "a valley")

    def noise(self) -> Float32:
        """Of one chunk, drawn before anything is timed."""
        return self._numbers.standard_normal(self._noise_shape, np.float32)

    def chunk(self, noise: Float32) -> float:
        """Seconds of the next chunk, until its frames are in main memory; the device may still be at work."""
        frames = self.config.chunk_latents
        poses = np.tile(np.eye(4, dtype=np.float32), (frames, 1, 1))
        poses[:, 2, 3] = self._walked + FRAMES_A_LATENT * STEP * np.arange(frames)
        self._walked += FRAMES_A_LATENT * STEP * frames
        focal = 0.6 * self.width
        camera = np.array([focal, focal, self.width / 2, self.height / 2], np.float32)
        began = time.perf_counter()
        self.session.chunk(poses, np.tile(camera, (frames, 1)), noise)
        return time.perf_counter() - began


def measure_here(size: str, row: str, device: torch.device, chunks: int, started: float) -> Result:
    """The row in this process: first frames, then ``chunks`` chunks with the window full, then the parts."""
    try:
        unloaded = used_bytes(device)
        walk = Walk(size, row, device)
        walk.chunk(walk.noise())
        first_s = time.time() - started
        # every length of history is a graph of its own
        for _ in range(-(-walk.config.window_frames // walk.config.chunk_latents)):
            walk.chunk(walk.noise())
        if device.type == "cuda":
            torch.cuda.empty_cache()  # what only loading and compiling needed
        walk.chunk(walk.noise())
        noises = [walk.noise() for _ in range(chunks)]
        finish(device)
        began = time.perf_counter()
        times = [walk.chunk(noise) for noise in noises]
        finish(device)
        wall_s = time.perf_counter() - began
        parts = []
        for noise in noises[:PARTS_CHUNKS]:
            walk.chunk(noise)
            finish(device)  # the decoder's stream may be done before the pass that fills the cache
            parts.append(walk.session.timings)
        used = used_bytes(device) - unloaded
    except (DreamportError, torch.OutOfMemoryError) as error:
        return Result(row, problem=" ".join(str(error).split())[:300])
    cuts = quantiles(times, n=100, method="inclusive")
    spread = {"p50": round(cuts[49], 4), "p95": round(cuts[94], 4)}
    middle = {name: round(median(part.get(name, 0.0) for part in parts), 2) for name in PARTS}
    options, _ = settings_of(row, device.type)
    flops = flops_of(walk.config, options, (walk.width, walk.height))
    seconds = (middle["denoise"] + middle["cache"]) / 1e3
    on_gpu = device.type == "cuda"
    return Result(
        row,
        torch.cuda.get_device_name(device) if on_gpu else "CPU",
        spread,
        middle,
        round(FRAMES_A_LATENT * walk.config.chunk_latents * chunks / wall_s, 2),
        round(used / 1e9, 2) if on_gpu else None,
        {"first": round(first_s, 2)},
        round(flops / seconds / 1e12, 3) if seconds else None,
    )


def flops_of(config: LingBotConfig, options: LingBotOptions, frame: tuple[int, int]) -> float:
    """Operations of the transformer for a chunk of frames of ``frame`` (width, height) with ``options``."""
    passes = PASSES - options.merged_cache
    return chunk_flops(LingBotSizes(**asdict(config)), frame, passes, options.camera_once)


def finish(device: torch.device) -> None:
    """Wait until the device has done all that was begun."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def used_bytes(device: torch.device) -> int:
    """Memory of the card that is in use, as its driver tells; 0 of a processor."""
    if device.type != "cuda":
        return 0
    free, total = torch.cuda.mem_get_info(device)
    return total - free


def measure_row(size: str, row: str, device: str, chunks: int) -> Result:
    """The row in a process of its own, and its start once more with all compiled."""
    with tempfile.TemporaryDirectory(prefix="dreamport-compiled-") as compiled:
        cold = _process(size, row, device, chunks, compiled)
        if cold.problem is not None or cold.start_s is None:
            return cold
        warm = _process(size, row, device, 2, compiled)
    cold.start_s = {"cold": cold.start_s["first"]}
    if warm.start_s is not None:
        cold.start_s["warm"] = warm.start_s["first"]
    return cold


def _process(size: str, row: str, device: str, chunks: int, compiled: str) -> Result:
    command = [sys.executable, __file__, "--size", size, "--row", row, "--device", device]
    command += ["--chunks", str(chunks), "--started", str(time.time())]
    environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": compiled}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ROW_TIMEOUT_S, check=True, env=environment
        )
        return Result(**json.loads(done.stdout.splitlines()[-1]))
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        return Result(row, problem=lines[-1][:300] if lines else f"exit code {error.returncode}")
    except subprocess.TimeoutExpired:
        return Result(row, problem=f"was not done in {ROW_TIMEOUT_S:.0f} s")


def ceilings(device: torch.device, side: int) -> dict[str, float | None]:
    """TFLOP/s of a square product of ``side`` in bf16, and in fp8 with one scale a row where there is one."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    found: dict[str, float | None] = {"bf16": _tflops(lambda: a @ b, side, device), "fp8": None}
    try:
        x, y = a.to(torch.float8_e4m3fn), b.to(torch.float8_e4m3fn).t()
        ones = torch.ones(side, 1, device=device), torch.ones(1, side, device=device)
        found["fp8"] = _tflops(lambda: torch._scaled_mm(x, y, *ones, out_dtype=torch.bfloat16), side, device)
    except (RuntimeError, AttributeError, TypeError):
        pass  # no fp8 on this device; the field stays empty
    return found


def _tflops(product: Any, side: int, device: torch.device) -> float:
    times = []
    for _ in range(12):
        finish(device)
        began = time.perf_counter()
        product()
        finish(device)
        times.append(time.perf_counter() - began)
    return round(2 * side**3 / median(times[2:]) / 1e12, 3)


def kept(path: Path | None, settings: dict[str, Any]) -> tuple[dict[str, Result], dict[str, Any] | None]:
    """Rows and ceilings measured before with the same settings here; failures are tried again."""
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    except (OSError, ValueError):
        return {}, None
    if document.get("settings") != settings or document.get("circumstances") != circumstances():
        return {}, None
    rows = [Result(**row) for row in document["rows"]]
    return {row.row: row for row in rows if row.problem is None}, document["ceilings_tflops"]


COLUMNS = (
    "options",
    "chunk p50, p95 (s)",
    "denoise, cache, decode (ms)",
    "fps",
    "memory (GB)",
    "start cold, warm (s)",
    "TFLOP/s",
)


def table(size: str, results: Sequence[Result], tops: dict[str, float | None]) -> str:
    """The rows for a person."""
    lines = [
        f"LingBot-World {size}, ceilings: bf16 {tops['bf16']} TFLOP/s, fp8 {tops['fp8'] or '-'} TFLOP/s, "
        f"target {TARGETS_FPS.get(size, '-')} fps",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    for one in results:
        if one.chunk_s is None or one.parts_ms is None or one.start_s is None:
            lines.append(f"| {one.row} | cannot run: {one.problem} | | | | | |")
            continue
        cells = (
            one.row,
            f"{one.chunk_s['p50']:.3f}, {one.chunk_s['p95']:.3f}",
            ", ".join(f"{one.parts_ms[name]:.1f}" for name in PARTS),
            one.fps,
            one.memory_gb or "-",
            f"{one.start_s['cold']}, {one.start_s.get('warm', '-')}",
            one.tflops,
        )
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the rows and write the document after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=tuple(SIZES), required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--chunks", type=int, default=20, help="chunks that are timed, 2 or more")
    parser.add_argument("--json", type=Path, dest="out", help="file of the results; rows in it are kept")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, default=0.0, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.chunks < 2:
        parser.error("--chunks must be 2 or more")
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no NVIDIA GPU; run it on a machine with one, or with --device cpu")
    device = torch.device(given.device)
    if given.row is not None:
        print(json.dumps(asdict(measure_here(given.size, given.row, device, given.chunks, given.started))))
        return
    settings = {"size": given.size, "device": given.device, "chunks": given.chunks}
    before, tops = kept(given.out, settings)
    tops = tops or ceilings(device, TINY_CEILING_SIZE if given.device == "cpu" else CEILING_SIZE)
    found, results = before, list(before.values())
    for row in (*ROWS, *ALONE):
        if row in found or given.only not in row:
            continue
        print(f"{row} ...", file=sys.stderr, flush=True)
        found[row] = measure_row(given.size, row, given.device, given.chunks)
        # all rows that there are, so that nothing measured before is lost when this is stopped
        results = [found[name] for name in (*ROWS, *ALONE) if name in found]
        if given.out is not None:
            document = {
                "benchmark": "lingbot",
                "date": datetime.now(UTC).date().isoformat(),
                "command": f"python benchmarks/gpu/lingbot.py --size {given.size}",
                "settings": settings,
                "circumstances": circumstances(),
                "ceilings_tflops": tops,
                "rows": [asdict(result) for result in results],
            }
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(table(given.size, results, tops))


if __name__ == "__main__":
    main()
