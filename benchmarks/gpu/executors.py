"""TensorRT against compiled torch on the same GPU, and both against the CPU: the default world and its
decoder.

python benchmarks/gpu/executors.py --json benchmarks/results/gpu-executors.json

Every row runs twice in a process of its own: first with empty caches (cold start), then with what the first
left (warm start, and the times). A row is written as soon as it is measured and not measured again, so a
command that was stopped goes on where it was. An executor that cannot run here is a row with its reason. On a
machine without a GPU the CPU rows are measured and the others say why not.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from dreamport.errors import DreamportError
from dreamport.executors.base import Executor
from dreamport.executors.gpu import find_gpu
from dreamport.executors.measuring import circumstances, made_up_feeds, run_frame
from dreamport.worlds import WorldPack, open_pack

WARM_FRAMES = 5
ROW_TIMEOUT_S = 540.0


@dataclass(frozen=True)
class Row:
    """What one row runs. ``compiled``: torch.compile or eager; of no meaning to the others."""

    name: str
    executor: str
    precision: str
    compiled: bool = True


ROWS = (
    Row("openvino, CPU", "openvino", "auto"),
    Row("torch eager, f32", "torch", "f32", compiled=False),
    Row("torch compiled, f32", "torch", "f32"),
    Row("torch compiled, bf16", "torch", "bf16"),
    Row("tensorrt, f32", "tensorrt", "f32"),
    Row("tensorrt, f16", "tensorrt", "f16"),
)


@dataclass
class Result:
    """One row. Times are milliseconds; ``graphs_ms``: the median of each graph's run, ``frame_ms``: p50, p95
    and p99 of all graphs of a frame. ``problem``: why there are none.
    """

    row: str
    device: str = ""
    precision: str = ""
    cold_start_s: float | None = None
    warm_start_s: float | None = None
    frame_ms: dict[str, float] = field(default_factory=dict)
    graphs_ms: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    gpu_memory_mb: float | None = None
    problem: str | None = None


def open_row(pack: WorldPack, row: Row) -> Executor:
    """The executor of a row, on the GPU where it is one for GPUs. Raises ``DreamportError``."""
    if row.executor == "torch":
        from dreamport.executors.torch import TorchExecutor  # noqa: PLC0415

        return TorchExecutor(
            pack, precision=row.precision, device="cuda", compiler="auto" if row.compiled else None
        )
    from dreamport.executors import open_executor  # noqa: PLC0415

    return open_executor(pack, row.executor, precision=row.precision)


def measure_here(pack: WorldPack, row: Row, frames: int) -> Result:
    """Open the executor in this process, run frames, then each graph alone."""
    result = Result(row.name, frames=frames)
    began = time.perf_counter()
    try:
        executor = open_row(pack, row)
        feeds = made_up_feeds(pack, executor)
        run_frame(pack, executor, feeds)
        result.warm_start_s = round(time.perf_counter() - began, 3)
        result.device, result.precision = executor.device, executor.precision
        for _ in range(WARM_FRAMES):
            run_frame(pack, executor, feeds)
        result.frame_ms = spread([timed(lambda: run_frame(pack, executor, feeds)) for _ in range(frames)])
        for graph, given in feeds.items():
            times = [timed(functools.partial(executor.run, graph, given)) for _ in range(frames)]
            result.graphs_ms[graph] = spread(times)["p50"]
        result.gpu_memory_mb = own_gpu_memory_mb()
        executor.close()
    except DreamportError as error:
        result.problem = str(error)
    return result


def timed(work: Any) -> float:
    """Milliseconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def spread(times: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99."""
    cuts = quantiles(times, n=100, method="inclusive")
    return {"p50": round(cuts[49], 3), "p95": round(cuts[94], 3), "p99": round(cuts[98], 3)}


def own_gpu_memory_mb() -> float | None:
    """GPU memory that this process holds, as the driver tells; ``None`` without a driver."""
    if isinstance(find_gpu(), str):
        return None
    try:
        import pynvml  # noqa: PLC0415

        pynvml.nvmlInit()
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(pynvml.nvmlDeviceGetHandleByIndex(0))
        own = [process.usedGpuMemory for process in processes if process.pid == os.getpid()]
        return round(own[0] / 1e6, 1) if own and own[0] else None
    except (ImportError, OSError, RuntimeError):
        return None


def measure_row(world: str, row: Row, frames: int) -> Result:
    """The row in two processes of its own: one with empty caches, one with what that left."""
    with tempfile.TemporaryDirectory(prefix="dreamport-bench-") as folder:
        environment = {
            **os.environ,
            "XDG_CACHE_HOME": folder,
            "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor",
            "TRITON_CACHE_DIR": f"{folder}/triton",
        }
        results = []
        for _ in range(2):
            command = [sys.executable, __file__, "--world", world, "--frames", str(frames), "--row", row.name]
            try:
                done = subprocess.run(
                    command,
                    capture_output=True,
                    text=True,
                    timeout=ROW_TIMEOUT_S,
                    env=environment,
                    check=True,
                )
                results.append(Result(**json.loads(done.stdout.splitlines()[-1])))
            except subprocess.CalledProcessError as error:
                lines = error.stderr.strip().splitlines()
                return Result(row.name, problem=lines[-1] if lines else f"exit code {error.returncode}")
            except subprocess.TimeoutExpired:
                return Result(row.name, problem=f"was not done in {ROW_TIMEOUT_S:.0f} s")
            if results[-1].problem is not None:
                return results[-1]
    results[1].cold_start_s = results[0].warm_start_s
    return results[1]


def report(world: str, digest: str, results: Sequence[Result]) -> dict[str, Any]:
    """The document: what was measured, where and when, and who was the fastest on the GPU and in all."""
    ran = sorted((one for one in results if one.problem is None), key=lambda one: one.frame_ms["p50"])
    return {
        "benchmark": "executors",
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python benchmarks/gpu/executors.py",
        "world": world,
        "digest": digest,
        "circumstances": circumstances(),
        "fastest": ran[0].row if ran else None,
        "rows": [asdict(one) for one in results],
    }


def kept_rows(path: Path | None, digest: str) -> dict[str, Result]:
    """Rows measured before, of the same world under the same circumstances; failures are tried again."""
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    except (OSError, ValueError):
        return {}
    if document.get("digest") != digest or document.get("circumstances") != circumstances():
        return {}
    rows = [Result(**row) for row in document["rows"]]
    return {row.row: row for row in rows if row.problem is None}


def print_table(results: Sequence[Result]) -> None:
    """The table for people, as Markdown."""
    print("| executor | frame p50, p95 (ms) | denoise | decode | cold, warm start (s) | GPU memory (MB) |")
    print("|---|---|---|---|---|---|")
    for one in results:
        if one.problem is not None:
            print(f"| {one.row} | cannot run: {one.problem} | | | | |")
            continue
        graphs = " | ".join(f"{one.graphs_ms.get(graph, 0.0):.2f}" for graph in ("denoise", "decode"))
        print(
            f"| {one.row} | {one.frame_ms['p50']:.2f}, {one.frame_ms['p95']:.2f} | {graphs} "
            f"| {one.cold_start_s:.1f}, {one.warm_start_s:.1f} | {one.gpu_memory_mb or '-'} |"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the rows and write the document after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", default="default", help="name in the catalogue, or a path")
    parser.add_argument("--frames", type=int, default=100, help="frames that are timed, 2 or more")
    parser.add_argument("--json", type=Path, dest="out", help="file of the results; rows in it are kept")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.frames < 2:
        parser.error("--frames must be 2 or more")
    pack = open_pack(given.world)
    if given.row is not None:
        row = next(row for row in ROWS if row.name == given.row)
        print(json.dumps(asdict(measure_here(pack, row, given.frames))))
        return
    found = kept_rows(given.out, pack.digest)
    results = [found[row.name] for row in ROWS if row.name in found]
    for row in ROWS:
        if row.name in found or given.only not in row.name:
            continue
        print(f"{row.name} ...", file=sys.stderr, flush=True)
        found[row.name] = measure_row(given.world, row, given.frames)
        # all rows that there are, so that nothing measured before is lost when this is stopped
        results = [found[other.name] for other in ROWS if other.name in found]
        if given.out is not None:
            given.out.parent.mkdir(parents=True, exist_ok=True)
            document = report(pack.manifest.name, pack.digest, results)
            given.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print_table(results)


if __name__ == "__main__":
    main()
