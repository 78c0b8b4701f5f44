"""Which worlds fit a machine, at which size and how fast, told before anything is loaded.

Memory is counted (``dreamport.executors.lingbot.memory``); speed is arithmetic from published peaks, and
where somebody has measured the same model on the same card, that figure with its source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from dreamport.executors.gpu import Gpu
from dreamport.executors.lingbot.memory import PLANS, MemoryEstimate, MemoryPlan
from dreamport.executors.lingbot.memory import estimate as count_memory
from dreamport.worlds.checkpoint import LATENT_FRAMES, LATENT_STRIDE, Decoder, LingBotSizes

KNOWN_SIZES: dict[str, LingBotSizes] = {
    name: LingBotSizes(
        dim=dim,
        ffn=ffn,
        heads=dim // 128,
        layers=layers,
        in_channels=36,
        out_channels=16,
        text_tokens=512,
        text_dim=4096,
        freq_dim=256,
        camera_channels=1536,
        sink_frames=6,
        window_frames=18,
        chunk_latents=4,
        eps=1e-6,
    )
    for name, dim, ffn, layers in (
        ("LingBot-World 1.3B", 1536, 8960, 30),
        ("LingBot-World 14B", 5120, 13824, 40),
    )
}
"""The public checkpoints of the causal transformer (arXiv 2601.20540, 2607.07534)."""
MIN_CAPABILITY = (8, 0)
"""Cards before NVIDIA's Ampere (RTX 30, A100) do not multiply in bf16."""
USUAL_FRAME = (832, 464)
FRAME_RATE = 16.0
PASSES = 5
"""Passes of the transformer for a chunk: four steps and the one that fills the cache."""
SHARE_OF_PEAK = 0.5
"""Share of a card's published peak that such a transformer reaches: LingBot-World 14B on one H200 takes
2.46 s for 12 frames in vLLM-Omni, which is about half of its 989 TFLOP/s."""

BF16_PEAK_TFLOPS: tuple[tuple[str, float], ...] = (
    ("B200", 2250.0), ("H200", 989.0), ("H100 PCIe", 756.0), ("H100", 989.0), ("A100", 312.0),
    ("L40S", 362.0), ("L4", 121.0), ("A10", 125.0),
    ("RTX 5090", 209.5), ("RTX 5080", 112.6), ("RTX 5070 Ti", 87.9), ("RTX 5070", 61.7),
    ("RTX 5060 Ti", 47.4), ("RTX 4090", 165.2), ("RTX 4080", 97.5), ("RTX 4070 Ti", 80.2),
    ("RTX 4070", 58.3), ("RTX 4060 Ti", 44.1), ("RTX 4060", 30.2),
    ("RTX 3090", 71.0), ("RTX 3080", 59.5), ("RTX 3070", 40.6), ("RTX 3060", 25.5),
)  # fmt: skip
"""Dense bf16 with fp32 accumulation, as NVIDIA's data sheets and white papers give it; the first name that
the card's name contains counts. Cards of laptops are slower than their names."""

MEASURED: tuple[tuple[str, str, float, str], ...] = (
    ("LingBot-World 1.3B", "RTX 5090", 16.1, "measured by kaarelkaarelson/lingbot-world-v2-realtime"),
    ("LingBot-World 14B", "H200", 4.9, "measured by vLLM-Omni, 832x480, transformer alone"),
)
"""World, card, frames a second and who says so."""

SMALL_WORLD_BYTES = 700_000_000
"""Main memory that playing a world of graphs takes, the server and its libraries included."""

Estimate = Callable[[LingBotSizes, MemoryPlan, tuple[int, int]], MemoryEstimate]

WAYS: tuple[tuple[str, str], ...] = (
    ("bf16", "as it is"),
    ("int8", "with 8-bit weights"),
    ("offload", "with 8-bit weights streamed from main memory (much slower)"),
)
"""Names of ``lingbot.memory.PLANS``, from the fastest to the smallest, in words."""


@dataclass(frozen=True)
class CheckpointWorld:
    """What decides whether a checkpoint fits. ``frame``: width and height; ``decoder``: the world's."""

    name: str
    sizes: LingBotSizes
    frame: tuple[int, int] = USUAL_FRAME
    decoder: Decoder = "wan21"


@dataclass(frozen=True)
class Fit:
    """The verdict for one world at one size.

    ``fits``: it can be played here, in the way ``way`` says. ``needs_gb`` and ``has_gb`` are of ``device``,
    10^9 bytes. ``speed``: what to expect, in words; ``source``: where that comes from.
    """

    world: str
    size: str
    device: str
    fits: bool
    way: str
    needs_gb: float
    has_gb: float
    speed: str
    source: str


def lingbot_fit(
    world: CheckpointWorld, gpu: Gpu | None, memory_bytes: int, estimate: Estimate = count_memory
) -> Fit:
    """The verdict for a checkpoint. ``gpu``: the machine's, or ``None``; ``memory_bytes``: its main memory,
    all of it, which must hold what is streamed to the card or waits beside it.
    """
    wanted = {
        way: estimate(world.sizes, replace(PLANS[way], decoder=world.decoder), world.frame) for way, _ in WAYS
    }
    if gpu is None:
        return _on_the_processor(world, wanted["bf16"], memory_bytes)

    def verdict(way: str, fits: bool, told: str, speed: str, source: str) -> Fit:
        return Fit(
            world=world.name,
            size=f"{world.frame[0]}x{world.frame[1]}",
            device=gpu.name,
            fits=fits,
            way=told,
            needs_gb=wanted[way].device_bytes / 1e9,
            has_gb=gpu.memory_bytes / 1e9,
            speed=speed,
            source=source,
        )

    for way, told in WAYS if gpu.capability >= MIN_CAPABILITY else ():
        needs = wanted[way]
        if needs.device_bytes <= gpu.memory_bytes and needs.host_bytes <= memory_bytes:
            speed, source = expected_speed(world.sizes, world.frame, gpu.name)
            return verdict(way, True, told, "slower than real time" if way == "offload" else speed, source)
    least = min(wanted, key=lambda way: wanted[way].device_bytes)
    advice = "use a card with more memory, or a smaller --size when the world is added"
    if gpu.capability < MIN_CAPABILITY:
        major, minor = gpu.capability
        advice = f"the card is too old (compute capability {major}.{minor}); use 8.0 or later"
    elif wanted[least].device_bytes <= gpu.memory_bytes:
        advice = f"it needs {wanted[least].host_bytes / 1e9:.1f} GB of main memory beside the card's"
    return verdict(least, False, advice, "cannot be played here", "memory counted part by part")


def _on_the_processor(world: CheckpointWorld, wanted: MemoryEstimate, memory_bytes: int) -> Fit:
    needs = wanted.device_bytes + wanted.host_bytes
    fits, teraflops = needs <= memory_bytes, chunk_flops(world.sizes, world.frame) / 1e12
    slow = "far from real time" if teraflops > 1 else "not known"
    return Fit(
        world=world.name,
        size=f"{world.frame[0]}x{world.frame[1]}",
        device="processor",
        fits=fits,
        way="on the processor alone" if fits else "use an NVIDIA GPU, or a machine with more memory",
        needs_gb=needs / 1e9,
        has_gb=memory_bytes / 1e9,
        speed=slow if fits else "cannot be played here",
        source=f"{teraflops:,.1f} TFLOP a chunk",
    )


def small_fit(
    world: str, frame: tuple[int, int], frame_rate: float, isa: Sequence[str], memory_bytes: int
) -> Fit:
    """The verdict for a world of graphs on the processor. ``isa``: its faster instruction sets."""
    measured = "avx512f" in isa or "amx_bf16" in isa
    fits = memory_bytes >= SMALL_WORLD_BYTES
    speed = f"real time ({frame_rate:g} fps)" if measured else "not measured on such a processor"
    source = "measured on two cores with AVX-512 and AMX" if measured else "measure it: dreamport bench play"
    return Fit(
        world=world,
        size=f"{frame[0]}x{frame[1]}",
        device="processor",
        fits=fits,
        way="as it is" if fits else "close other programs",
        needs_gb=SMALL_WORLD_BYTES / 1e9,
        has_gb=memory_bytes / 1e9,
        speed=speed if fits else "cannot be played here",
        source=source,
    )


def expected_speed(sizes: LingBotSizes, frame: tuple[int, int], gpu: str) -> tuple[str, str]:
    """What to expect of a card of that name, in words, and where that comes from."""
    for known, card, fps, source in MEASURED:
        same = (sizes.dim, sizes.layers) == (KNOWN_SIZES[known].dim, KNOWN_SIZES[known].layers)
        if same and _is(gpu, card) and frame == USUAL_FRAME:
            return speed_class(fps), source
    peak = next((tflops for card, tflops in BF16_PEAK_TFLOPS if _is(gpu, card)), None)
    flops = chunk_flops(sizes, frame)
    if peak is None:
        return "not known for this card", f"{flops / 1e12:.0f} TFLOP a chunk; measure it by playing"
    frames = LATENT_FRAMES * sizes.chunk_latents
    fps = frames * SHARE_OF_PEAK * peak * 1e12 / flops
    return speed_class(fps), f"{flops / 1e12:.0f} TFLOP a chunk at half of {peak:g} TFLOP/s, without decoding"


def _is(gpu: str, card: str) -> bool:
    """A card of that name: ``NVIDIA RTX A1000`` is no ``A100``."""
    return "Laptop" not in gpu and re.search(rf"\b{card}\b", gpu) is not None


def speed_class(fps: float) -> str:
    """Frames a second in words, against the 16 that a world is shown at."""
    if fps >= 1.5 * FRAME_RATE:
        return f"faster than real time (about {fps:.0f} fps of {FRAME_RATE:.0f})"
    if fps >= 0.95 * FRAME_RATE:
        return f"real time (about {fps:.0f} fps of {FRAME_RATE:.0f})"
    return f"slower than real time (about {fps:.1f} fps of {FRAME_RATE:.0f})"


def chunk_flops(
    sizes: LingBotSizes, frame: tuple[int, int], passes: int = PASSES, camera_once: bool = False
) -> float:
    """Floating-point operations of the transformer for one chunk when the window is full, two for a product
    and a sum. ``camera_once``: the camera's part of each block is computed once for all ``passes``.
    """
    width, height = frame
    cell = LATENT_STRIDE * LATENT_STRIDE * sizes.patch[1] * sizes.patch[2]
    per_frame = width * height // cell
    tokens = sizes.chunk_latents * per_frame
    dim = sizes.dim
    # per block: q, k, v, o; q, o of the text's attention; the feed-forward network
    linear = 2 * tokens * sizes.layers * (dim * dim * (4 + 2) + 2 * dim * sizes.ffn)
    camera = 2 * tokens * sizes.layers * dim * dim * 4
    seen = sizes.window_frames * per_frame + sizes.text_tokens
    attention = 4 * tokens * seen * dim * sizes.layers
    ends = 2 * tokens * dim * prod(sizes.patch) * (sizes.in_channels + sizes.out_channels)
    return float(passes * (linear + attention + ends) + (1 if camera_once else passes) * camera)


def lingbot_fits(
    worlds: Sequence[CheckpointWorld],
    gpu: Gpu | None,
    memory_bytes: int,
    estimate: Estimate = count_memory,
) -> list[Fit]:
    """Verdicts for ``worlds`` and for the public checkpoints at their usual size."""
    known = [CheckpointWorld(name, sizes) for name, sizes in KNOWN_SIZES.items()]
    return [lingbot_fit(world, gpu, memory_bytes, estimate) for world in (*worlds, *known)]
