"""How much memory a LingBot-World session takes, counted part by part before anything is loaded.

Knows no torch, so that ``dreamport doctor`` can ask on any machine. Weights, caches and states are counted
exactly; what passes through the transformer and the decoder while they run is the largest set of tensors that
live at one time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Protocol

from dreamport.errors import ExecutorError
from dreamport.executors.lingbot.options import LingBotOptions

GIGABYTE = 1e9
BF16, INT8, FLOAT32 = 2, 1, 4
STRIDE = 8
"""Pixels along one side of a latent cell."""
LATENT_FRAMES = 4
"""Video frames of one latent frame."""
TEXT_ENCODER_PARAMETERS = 5_680_910_336
"""umT5-xxl's encoder: 256,384 words, 24 layers of width 4096, feed-forward 10,240."""
TEXT_ENCODER_DIM = 4096
DECODER_PARAMETERS = {"wan21": 73_295_603, "taehv": 9_844_611, "lighttae": 9_844_611}
"""Wan2.1's own decoder and the tiny ones."""
DECODER_STATE = {"wan21": 2364.5, "taehv": 84.0, "lighttae": 84.0}
"""Numbers that a decoder keeps of the past, for each pixel of a frame."""
DECODER_WIDTH = {"wan21": 192, "taehv": 64, "lighttae": 64}
"""Channels of the widest tensor at full size."""
ENCODER_PARAMETERS = 53_596_928
"""Wan2.1's encoder; the start image goes through it, whatever decodes."""
ENCODER_WIDTH = 96
RUNTIME_BYTES = int(0.9e9)
"""CUDA's context, libraries and workspaces."""
SLACK = 1.05
"""What the allocator cannot use."""
EIGHT_BITS = ("int8", "fp8")


class Sizes(Protocol):
    """The fields of ``models.lingbot.LingBotConfig`` that memory depends on."""

    @property
    def dim(self) -> int: ...
    @property
    def ffn(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def in_channels(self) -> int: ...
    @property
    def out_channels(self) -> int: ...
    @property
    def patch(self) -> tuple[int, int, int]: ...
    @property
    def text_tokens(self) -> int: ...
    @property
    def text_dim(self) -> int: ...
    @property
    def freq_dim(self) -> int: ...
    @property
    def camera_channels(self) -> int: ...
    @property
    def window_frames(self) -> int: ...
    @property
    def chunk_latents(self) -> int: ...


@dataclass(frozen=True)
class MemoryPlan:
    """What is kept where.

    ``weights``: ``bf16``, ``int8`` or ``fp8``, of the linear layers of the blocks. ``resident_blocks``: how
    many blocks stay on the device, the others are streamed through two slots; ``None`` keeps all.
    ``text_encoder``: ``device``, ``host`` or ``none`` (another process encodes). ``decoder``: ``wan21``,
    ``taehv``, ``lighttae``, or ``elsewhere`` when another device decodes; ``codec_latents``: latent frames
    that it makes at once. ``camera_once``, ``rotate_once``: what the camera does to each block, and the
    rotated keys, are kept for all passes of a chunk. ``processes``: how many share a session; each holds all
    weights and its part of the heads' cache. ``element_bytes``: of the transformer where it is not quantised
    and of the text encoder, 2 for bf16; ``codec_bytes``: of the VAE.
    """

    weights: str = "bf16"
    resident_blocks: int | None = None
    text_encoder: str = "device"
    decoder: str = "wan21"
    codec_latents: int = 4
    camera_once: bool = False
    rotate_once: bool = False
    processes: int = 1
    sessions: int = 1
    element_bytes: int = BF16
    codec_bytes: int = BF16


def plan_of(
    options: LingBotOptions, decoder: str, element_bytes: int = BF16, processes: int = 1
) -> MemoryPlan:
    """What ``options`` keep where. ``decoder``: the world's."""
    return MemoryPlan(
        weights=options.weights,
        resident_blocks=options.resident_blocks,
        text_encoder="host" if options.text_on_host else "device",
        decoder=decoder if options.decode_device is None else "elsewhere",
        codec_latents=options.codec_latents,
        camera_once=options.camera_once,
        rotate_once=options.rotate_once,
        processes=processes,
        element_bytes=element_bytes,
        codec_bytes=BF16 if options.decode_half else FLOAT32,
    )


WAYS: dict[str, LingBotOptions] = {
    "bf16": LingBotOptions(),
    "int8": LingBotOptions(weights="int8", decode_half=True),
    "offload": LingBotOptions(weights="int8", resident_blocks=0, decode_half=True),
}
"""Options from the fastest to the smallest."""
PLANS = {name: plan_of(options, "wan21") for name, options in WAYS.items()}
"""What they keep where, with Wan2.1's own decoder."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes by part: ``device`` and ``host``. ``device`` is the GPU's memory, or the main memory where the
    processor computes.
    """

    device: dict[str, int] = field(default_factory=dict)
    host: dict[str, int] = field(default_factory=dict)

    @property
    def device_bytes(self) -> int:
        """All of ``device``."""
        return sum(self.device.values())

    @property
    def host_bytes(self) -> int:
        """All of ``host``."""
        return sum(self.host.values())

    def in_words(self) -> str:
        """The largest parts, for a person: ``weights 37.1 GB, cache 15.8 GB ...``."""
        parts = sorted(self.device.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} {size / GIGABYTE:.1f} GB" for name, size in parts if size >= GIGABYTE / 20)


def estimate(sizes: Sizes, plan: MemoryPlan, frame: tuple[int, int]) -> MemoryEstimate:
    """Bytes that ``plan.sessions`` sessions of frames of ``frame`` (width, height) take, by part."""
    device: dict[str, int] = {}
    host: dict[str, int] = {}
    quantised = plan.weights in EIGHT_BITS
    block = block_bytes(sizes, quantised, plan.element_bytes)
    kept = sizes.layers if plan.resident_blocks is None else min(plan.resident_blocks, sizes.layers)
    streamed = sizes.layers - kept
    slots = min(streamed, 2)
    device["weights"] = (kept + slots) * block + plan.element_bytes * outer_parameters(sizes)
    if streamed:
        host["weights"] = streamed * block
    text = plan.element_bytes * (TEXT_ENCODER_PARAMETERS if sizes.text_dim == TEXT_ENCODER_DIM else 0)
    if plan.text_encoder != "none":
        (device if plan.text_encoder == "device" else host)["text encoder"] = text
    decoder = DECODER_PARAMETERS.get(plan.decoder, 0)
    device["vae"] = plan.codec_bytes * (ENCODER_PARAMETERS + decoder)
    device["cache"] = plan.sessions * cache_bytes(sizes, plan, frame)
    device["prompt"] = plan.sessions * prompt_bytes(sizes, plan)
    device["decoder state"] = plan.sessions * _decoder_state(plan, frame)
    passing = max(_denoise_bytes(sizes, plan, frame), _codec_bytes(sizes, plan, frame))
    device["work"] = int(SLACK * passing) + RUNTIME_BYTES
    return MemoryEstimate(device, host)


def needs(sizes: Sizes, way: str, frame: tuple[int, int]) -> int:
    """Bytes of device memory for one session in one of ``PLANS``: ``bf16``, ``int8``, ``offload``."""
    return estimate(sizes, PLANS[way], frame).device_bytes


def require_memory(
    sizes: Sizes, plan: MemoryPlan, frame: tuple[int, int], free_bytes: int, device: str
) -> MemoryEstimate:
    """The estimate, if ``free_bytes`` of ``device`` hold it. Raises ``ExecutorError`` that says what takes
    how much and which of ``PLANS`` would fit.
    """
    wanted = estimate(sizes, plan, frame)
    if wanted.device_bytes <= free_bytes:
        return wanted
    smaller = [
        f"{name} ({estimate(sizes, other, frame).device_bytes / GIGABYTE:.1f} GB)"
        for name, other in ((name, replace(other, decoder=plan.decoder)) for name, other in PLANS.items())
        if estimate(sizes, other, frame).device_bytes <= min(free_bytes, wanted.device_bytes)
    ]
    advice = f"this fits: {', '.join(smaller)}" if smaller else "nothing fits: take a smaller frame or model"
    raise ExecutorError(
        f"a session at {frame[0]}x{frame[1]} needs {wanted.device_bytes / GIGABYTE:.1f} GB of {device} "
        f"({wanted.in_words()}) and {free_bytes / GIGABYTE:.1f} GB are free; {advice}"
    )


def options_that_fit(
    asked: LingBotOptions | None,
    sizes: Sizes,
    like: MemoryPlan,
    frame: tuple[int, int],
    free_bytes: int,
    device: str,
    main_free_bytes: int | None,
) -> tuple[LingBotOptions, str | None]:
    """The options to play with, and why they are not the plain ones. ``asked``: take these or refuse;
    ``None``: the first of ``WAYS`` that ``free_bytes`` of ``device`` hold. ``like``: decoder, processes and
    element size; ``main_free_bytes``: of the main memory, ``None`` where the device has no other. Raises
    ``ExecutorError`` as :func:`require_memory` does.
    """

    def planned(options: LingBotOptions) -> MemoryPlan:
        return plan_of(options, like.decoder, like.element_bytes, like.processes)

    def needed_by(options: LingBotOptions) -> tuple[int, int]:
        counted = estimate(sizes, planned(options), frame)
        if main_free_bytes is None:
            return counted.device_bytes + counted.host_bytes, 0
        return counted.device_bytes, counted.host_bytes

    plain = LingBotOptions() if asked is None else asked
    if asked is None:
        wanted, _ = needed_by(plain)
        for name, options in WAYS.items():
            on_device, beside = needed_by(options)
            if on_device <= free_bytes and beside <= (main_free_bytes or 0):
                return options, None if options == plain else (
                    f"plain bf16 needs {wanted / GIGABYTE:.1f} GB of {device} and "
                    f"{free_bytes / GIGABYTE:.1f} GB are free: {_TOLD[name]}"
                )
    require_memory(sizes, planned(plain), frame, free_bytes, device)
    beside = needed_by(plain)[1]
    if main_free_bytes is not None and beside > main_free_bytes:
        raise ExecutorError(
            f"these options keep {beside / GIGABYTE:.1f} GB in main memory and "
            f"{main_free_bytes / GIGABYTE:.1f} GB are free; close other programs, or take options that keep "
            "more on the card"
        )
    return plain, None


_TOLD = {
    "int8": "8-bit weights, text encoder in main memory",
    "offload": "8-bit weights streamed from main memory, slower",
}


def tokens_per_frame(sizes: Sizes, frame: tuple[int, int]) -> int:
    """Tokens of one latent frame: 1508 at 832x464."""
    return frame[0] // STRIDE // sizes.patch[2] * (frame[1] // STRIDE // sizes.patch[1])


def outer_parameters(sizes: Sizes) -> int:
    """Parameters of the transformer outside its blocks."""
    d = sizes.dim
    return sum(
        (
            d * (sizes.in_channels * prod(sizes.patch) + 1),
            d * (sizes.camera_channels + 1) + 2 * _linear(d, d),
            _linear(sizes.text_dim, d) + _linear(d, d),
            _linear(sizes.freq_dim, d) + _linear(d, d) + _linear(d, 6 * d),
            _linear(d, sizes.out_channels * prod(sizes.patch)) + 2 * d,
        )
    )


def block_parameters(sizes: Sizes) -> int:
    """Parameters of one block, as the reference lists them."""
    d = sizes.dim
    return sum(_linear(*pair) for pair in _block_linears(sizes)) + 6 * d + 4 * d + 2 * d


def block_bytes(sizes: Sizes, quantised: bool, element_bytes: int = BF16) -> int:
    """Bytes of one block; quantised: one a weight of its linear layers and one float32 scale a row."""
    if not quantised:
        return element_bytes * block_parameters(sizes)
    weights = sum(rows * columns for columns, rows in _block_linears(sizes))
    scales = sum(rows for _, rows in _block_linears(sizes))
    return INT8 * weights + FLOAT32 * scales + element_bytes * (block_parameters(sizes) - weights)


def cache_bytes(sizes: Sizes, plan: MemoryPlan, frame: tuple[int, int]) -> int:
    """Keys and values that one session keeps: all frames of the window but those of the chunk in work."""
    frames = sizes.window_frames - sizes.chunk_latents
    each = plan.element_bytes * sizes.layers * sizes.dim // plan.processes
    return 2 * frames * tokens_per_frame(sizes, frame) * each


def prompt_bytes(sizes: Sizes, plan: MemoryPlan) -> int:
    """Keys and values of a prompt, of all layers."""
    return 2 * plan.element_bytes * sizes.layers * sizes.text_tokens * sizes.dim


def _block_linears(sizes: Sizes) -> Iterator[tuple[int, int]]:
    """(inputs, outputs) of every linear layer of a block: two attentions, the camera's four, the
    feed-forward network.
    """
    yield from [(sizes.dim, sizes.dim)] * (4 + 4 + 4)
    yield sizes.dim, sizes.ffn
    yield sizes.ffn, sizes.dim


def _linear(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


def _denoise_bytes(sizes: Sizes, plan: MemoryPlan, frame: tuple[int, int]) -> int:
    """The chunk's keys and values of all layers, one layer's rotated window, and the wider of the
    feed-forward network and attention's own tensors.
    """
    tokens = sizes.chunk_latents * tokens_per_frame(sizes, frame) // plan.processes
    window = sizes.window_frames * tokens_per_frame(sizes, frame) // plan.processes
    made = 2 * sizes.layers * tokens * sizes.dim
    attention = 2 * 2 * window * sizes.dim + 4 * tokens * sizes.dim
    feed_forward = 2 * tokens * sizes.ffn
    stream = 4 * tokens * sizes.dim
    if plan.camera_once:
        made += 2 * sizes.layers * tokens * sizes.dim
    if plan.rotate_once:
        made += cache_bytes(sizes, plan, frame) // 2 // plan.element_bytes
    return plan.element_bytes * (made + max(attention, feed_forward) + stream) + FLOAT32 * stream


def _codec_bytes(sizes: Sizes, plan: MemoryPlan, frame: tuple[int, int]) -> int:
    """Three of the widest tensors while frames are decoded or encoded, the decoder's next state beside the
    present one, and a chunk's finished frames."""
    pixels, frames = frame[0] * frame[1], LATENT_FRAMES * plan.codec_latents
    width = DECODER_WIDTH.get(plan.decoder, ENCODER_WIDTH)
    passing = 3 * frames * width + DECODER_STATE.get(plan.decoder, 0.0)
    return (
        int(plan.codec_bytes * passing * pixels) + 3 * FLOAT32 * LATENT_FRAMES * sizes.chunk_latents * pixels
    )


def _decoder_state(plan: MemoryPlan, frame: tuple[int, int]) -> int:
    return int(plan.codec_bytes * DECODER_STATE.get(plan.decoder, 0.0) * frame[0] * frame[1])
