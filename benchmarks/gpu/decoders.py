"""LingBot's decoders on one GPU: torch eager, torch compiled and TensorRT, 16 frames a chunk at the played
size.

python benchmarks/gpu/decoders.py --json benchmarks/results/gpu-decoders.json

Weights are random: speed does not depend on them. ``wan21`` upsamples by sub-pixel convolutions, as the
executor plays it with ``decode_half``; every row hands its past to the next chunk uncopied. Every row runs in
a process of its own and is written as soon as it is measured; rows that are there are kept, so the same
command goes on where it was stopped.
``--device cpu --tiny`` tries the script without a GPU, where the row of TensorRT says why it cannot run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import torch
from torch import Tensor, nn

from dreamport.errors import DreamportError, ExecutorError
from dreamport.executors.gpu import this_gpu
from dreamport.executors.measuring import circumstances
from dreamport.models.lingbot.export_decoder import decoder_graph, decoder_inputs
from dreamport.models.lingbot.tiny_vae import TAEW21_TINY, TinyDecoder
from dreamport.models.lingbot.vae import WAN21_TINY, WanVAE, channels_last, subpixel

LATENTS = 4
FRAMES_A_LATENT = 4
SIZE, TINY_SIZE = (58, 104), (8, 8)
DECODERS = ("wan21", "taehv")
RUNTIMES = ("torch eager, bf16", "torch compiled, bf16", "torch compiled, f16", "tensorrt, f16")
ROWS = tuple(f"{decoder}: {runtime}" for decoder in DECODERS for runtime in RUNTIMES)
WARM_CHUNKS = 3
ROW_TIMEOUT_S = 540.0

Chunk = Callable[[], Any]


@dataclass
class Result:
    """One row. ``chunk_ms``: p50, p95 and p99 of 16 frames; ``start_s``: until the first chunk was there.
    ``gpu_memory_mb``: what the card's driver gave away between the start and the last chunk, to torch and to
    TensorRT alike (``cudaMemGetInfo``), so nothing else may run on the card.
    """

    row: str
    device: str = ""
    chunk_ms: dict[str, float] | None = None
    fps: float | None = None
    start_s: float | None = None
    gpu_memory_mb: float | None = None
    problem: str | None = None


def make_decoder(name: str, tiny: bool) -> WanVAE | TinyDecoder:
    """The decoder with random weights. The VAE's encoder is there, too, and is not run."""
    torch.manual_seed(0)
    if name == "wan21":
        return subpixel(WanVAE(WAN21_TINY) if tiny else WanVAE())
    return TinyDecoder(TAEW21_TINY) if tiny else TinyDecoder()


def torch_chunk(
    decoder: WanVAE | TinyDecoder, device: str, dtype: torch.dtype, compiled: bool, tiny: bool
) -> Chunk:
    """A function that decodes one chunk and takes its past along, which each step makes anew."""
    module: nn.Module = channels_last(decoder.to(device, dtype).eval())
    assert isinstance(module, WanVAE | TinyDecoder)  # the same object, in types
    step = (
        torch.compile(module.decode_step, fullgraph=True, dynamic=False) if compiled else module.decode_step
    )
    inputs = decoder_inputs(module, TINY_SIZE if tiny else SIZE, LATENTS)
    latent, past = inputs["latent"], tuple(tensor for name, tensor in inputs.items() if name != "latent")

    def chunk() -> Tensor:
        nonlocal past
        with torch.inference_mode():
            video, past = step(latent, past, False)
        return video

    return chunk


def tensorrt_chunk(decoder: WanVAE | TinyDecoder, tiny: bool) -> Chunk:
    """The same by an engine that is built here; past and frames stay on the GPU. Raises ``ExecutorError``."""
    from dreamport.executors.tensorrt.build import build_engine  # noqa: PLC0415
    from dreamport.executors.tensorrt.library import library_for  # noqa: PLC0415
    from dreamport.executors.tensorrt.targets import target_of  # noqa: PLC0415
    from dreamport.executors.torch_engine import TorchEngine  # noqa: PLC0415

    target = target_of(this_gpu())
    library = library_for(target)
    half = decoder.half().eval()
    size = TINY_SIZE if tiny else SIZE
    graph = decoder_graph(half, size, LATENTS)
    engine = TorchEngine(library, build_engine(library, graph, target, "the decoder", "f32"), "the decoder")
    inputs = {name: tensor.cuda() for name, tensor in decoder_inputs(half, size, LATENTS).items()}
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()

    def chunk() -> Tensor:
        with torch.cuda.stream(stream):
            outputs = engine.run(inputs)
        for name, tensor in outputs.items():
            if name != "video":
                inputs[name.replace("after", "past")] = tensor
        return outputs["video"]

    return chunk


def measure_here(row: str, device: str, tiny: bool, chunks: int) -> Result:
    """Build the row in this process and decode ``chunks`` chunks."""
    name, runtime = row.split(": ")
    began = time.perf_counter()
    try:
        if device == "cuda" and not torch.cuda.is_available():
            raise ExecutorError(
                "torch sees no NVIDIA GPU; run it on a machine with one, or with --device cpu"
            )
        unloaded = used_bytes(device)
        decoder = make_decoder(name, tiny)
        if runtime.startswith("tensorrt"):
            chunk = tensorrt_chunk(decoder, tiny)
        else:
            dtype = (
                torch.float16 if runtime.endswith("f16") and not runtime.endswith("bf16") else torch.bfloat16
            )
            chunk = torch_chunk(decoder, device, dtype, "compiled" in runtime, tiny)
        timed(chunk, device)
        start_s = time.perf_counter() - began
        for _ in range(WARM_CHUNKS):
            timed(chunk, device)
        if device == "cuda":
            torch.cuda.empty_cache()  # what only compiling and choosing kernels needed
        timed(chunk, device)
        times = [timed(chunk, device) for _ in range(chunks)]
        used = used_bytes(device) - unloaded
    except DreamportError as error:
        return Result(row, problem=str(error))
    cuts = quantiles(times, n=100, method="inclusive")
    spread = {name: round(cuts[place - 1], 3) for name, place in (("p50", 50), ("p95", 95), ("p99", 99))}
    on_gpu = device == "cuda"
    return Result(
        row,
        torch.cuda.get_device_name() if on_gpu else "CPU",
        spread,
        round(1000 * LATENTS * FRAMES_A_LATENT / spread["p50"], 1),
        round(start_s, 2),
        round(used / 1e6, 1) if on_gpu else None,
    )


def used_bytes(device: str) -> int:
    """Memory of the card that is in use, as its driver tells; 0 of a processor."""
    if device != "cuda":
        return 0
    free, total = torch.cuda.mem_get_info()
    return total - free


def timed(chunk: Chunk, device: str) -> float:
    """Milliseconds of one chunk, until the GPU is done."""
    began = time.perf_counter()
    chunk()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - began)


def measure_row(row: str, device: str, tiny: bool, chunks: int) -> Result:
    """The row in a process of its own."""
    options = ["--device", device, "--chunks", str(chunks), *(["--tiny"] if tiny else [])]
    command = [sys.executable, __file__, "--row", row, *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ROW_TIMEOUT_S, check=True)
        return Result(**json.loads(done.stdout.splitlines()[-1]))
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        return Result(row, problem=lines[-1][:300] if lines else f"exit code {error.returncode}")
    except subprocess.TimeoutExpired:
        return Result(row, problem=f"was not done in {ROW_TIMEOUT_S:.0f} s")


def kept_rows(path: Path | None, settings: dict[str, Any]) -> dict[str, Result]:
    """Rows measured before with the same settings under the same circumstances; failures are tried again."""
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    except (OSError, ValueError):
        return {}
    if document.get("settings") != settings or document.get("circumstances") != circumstances():
        return {}
    rows = [Result(**row) for row in document["rows"]]
    return {row.row: row for row in rows if row.problem is None}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the rows and write the document after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="scaled-down decoders and pictures")
    parser.add_argument("--chunks", type=int, default=50, help="chunks that are timed, 2 or more")
    parser.add_argument("--json", type=Path, dest="out", help="file of the results; rows in it are kept")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.chunks < 2:
        parser.error("--chunks must be 2 or more")
    if given.row is not None:
        print(json.dumps(asdict(measure_here(given.row, given.device, given.tiny, given.chunks))))
        return
    settings = {"device": given.device, "tiny": given.tiny, "chunks": given.chunks}
    found = kept_rows(given.out, settings)
    results = [found[name] for name in ROWS if name in found]
    for row in ROWS:
        if row in found or given.only not in row:
            continue
        print(f"{row} ...", file=sys.stderr, flush=True)
        found[row] = measure_row(row, given.device, given.tiny, given.chunks)
        # all rows that there are, so that nothing measured before is lost when this is stopped
        results = [found[name] for name in ROWS if name in found]
        if given.out is not None:
            document = {
                "benchmark": "decoders",
                "date": datetime.now(UTC).date().isoformat(),
                "command": "python benchmarks/gpu/decoders.py",
                "settings": settings,
                "circumstances": circumstances(),
                "rows": [asdict(result) for result in results],
            }
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print("| decoder: runtime | 16 frames p50, p95 (ms) | fps | start (s) | GPU memory (MB) |")
    print("|---|---|---|---|---|")
    for one in results:
        if one.chunk_ms is None:
            print(f"| {one.row} | cannot run: {one.problem} | | | |")
        else:
            memory = one.gpu_memory_mb or "-"
            times = f"{one.chunk_ms['p50']:.2f}, {one.chunk_ms['p95']:.2f}"
            print(f"| {one.row} | {times} | {one.fps} | {one.start_s} | {memory} |")


if __name__ == "__main__":
    main()
