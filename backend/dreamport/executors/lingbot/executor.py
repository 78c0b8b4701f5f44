"""LingBot-World from a pack's checkpoint: models loaded once, shared by the sessions of a world."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import psutil
import torch
from torch import Tensor

from dreamport.errors import ExecutorError, PackError
from dreamport.executors.lingbot.fp8 import MIN_LINEAR, fp8_linears, require_fp8
from dreamport.executors.lingbot.int8 import load_quantised
from dreamport.executors.lingbot.kernels import attention_of
from dreamport.executors.lingbot.memory import options_that_fit, plan_of
from dreamport.executors.lingbot.offload import BlockOffload
from dreamport.executors.lingbot.options import LingBotOptions
from dreamport.executors.lingbot.parallel import TokenShare, meet, own_device, place_of, require_shares
from dreamport.executors.lingbot.session import LingBotSession, Models, Shown, decoding_device
from dreamport.models.lingbot.checkpoint import (
    CheckpointFiles,
    load_decoder,
    load_prompt_encoder,
    load_transformer,
    load_vae,
)
from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.streams import FrameDecoder, Step
from dreamport.models.lingbot.transformer import ChunkOutput, LingBotTransformer
from dreamport.models.lingbot.vae import channels_last, subpixel
from dreamport.worlds.pack import WorldPack

_log = logging.getLogger(__name__)

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
MAX_GRAPHS = 64
"""Of one function in this process: five lengths of history or so for each world."""
MIN_CAPABILITY = (8, 0)
"""Cards before Ampere do not multiply in bf16."""


class LingBotExecutor:
    """See ``ChunkExecutor``. ``share``: the processes that compute each session together, ``None`` for this
    one alone. Raises ``ExecutorError`` or ``PackError``.
    """

    name = "torch"

    def __init__(
        self,
        pack: WorldPack,
        device: torch.device,
        threads: int | None = None,
        precision: str = "auto",
        options: LingBotOptions | None = None,
        share: TokenShare | None = None,
    ) -> None:
        if pack.manifest.checkpoint is None:
            raise PackError(f"world {pack.manifest.name} has no checkpoint; it is run by graphs")
        if threads is not None:
            if threads < 1:
                raise ExecutorError("threads must be 1 or more; leave it out to let torch choose")
            torch.set_num_threads(threads)
        self._device = device
        self.precision = _precision(precision, device)
        self.device = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        self.threads = torch.get_num_threads()
        frame, checkpoint = pack.manifest.frame, pack.manifest.checkpoint
        config = LingBotConfig(**checkpoint.sizes.model_dump())
        size = 1 if share is None else share.size
        self._options, self.fallback_reason = options_that_fit(
            options,
            config,
            plan_of(LingBotOptions(), checkpoint.decoder, DTYPES[self.precision].itemsize, size),
            (frame.width, frame.height),
            _free_bytes(device),
            self.device,
            main_free_bytes=psutil.virtual_memory().available if device.type == "cuda" else None,
        )
        if self.fallback_reason is not None:
            _log.warning("%s", self.fallback_reason)
        if self._options.weights == "fp8":
            require_fp8(device, MIN_LINEAR, "multiplying")
        if self._options.cuda_graphs and share is not None:
            raise ExecutorError(
                "what several processes compute together is not recorded; leave cuda_graphs out"
            )
        self._shown = Shown(
            (frame.height, frame.width), pack.manifest.sampler.sigmas, checkpoint.camera.scale
        )
        if share is not None:
            rows, columns = config.grid(*self._shown.latent_size)
            require_shares(config, rows * columns, size)
        files = CheckpointFiles(**vars(pack.checkpoint_weights()))
        self._models: Models | None = self._load(files, config, checkpoint.decoder, share)

    def session(self) -> LingBotSession:
        """See ``ChunkExecutor.session``."""
        if self._models is None:
            raise ExecutorError("this world is closed; open it again")
        try:
            return LingBotSession(self._models, self._shown, self._options, self._device)
        except torch.OutOfMemoryError as error:
            raise ExecutorError(
                f"{self.device} has no memory for one more session; end another one, or allow fewer sessions"
            ) from error

    def close(self) -> None:
        """Drop the models."""
        self._models = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _load(
        self, files: CheckpointFiles, config: LingBotConfig, decoder: str, share: TokenShare | None
    ) -> Models:
        options, device, dtype = self._options, self._device, DTYPES[self.precision]
        transformer = self._transformer(files, config)
        transformer.exchange = share
        transformer.attend = attention_of(options.attention, device)
        half = options.decode_half
        decode_dtype = torch.bfloat16 if half else torch.float32
        # the encoder runs once a session, and in float32 as upstream
        on = decoding_device(options, device)
        apart = half or on != device
        vae = load_vae(files, device, torch.float32, decodes=decoder == "wan21" and not apart)
        frames: FrameDecoder = vae
        if decoder != "wan21":
            tiny = load_decoder(files, on, decode_dtype)
            frames = channels_last(tiny) if half else tiny
        elif apart:
            whole = load_vae(files, on, decode_dtype)
            frames = channels_last(subpixel(whole)) if half else whole
        reads = torch.device("cpu") if options.text_on_host else device
        prompts = load_prompt_encoder(files, reads, dtype, config.text_tokens)
        return Models(
            transformer=transformer,
            run=runner(transformer, options.compile),
            vae=vae,
            decoder=frames,
            scaled=decoder != "taehv",
            encode=_encoder(prompts.encode, device),
            decode_step=decode_step(frames, options),
        )

    def _transformer(self, files: CheckpointFiles, config: LingBotConfig) -> LingBotTransformer:
        options, device, dtype = self._options, self._device, DTYPES[self.precision]
        if not options.text_on_host:
            loaded = load_transformer(files, config, device, dtype)
            if options.weights == "fp8":
                fp8_linears(loaded.blocks)
            return loaded
        first = device if options.resident_blocks is None else torch.device("cpu")
        if options.weights == "int8":
            transformer = load_quantised(files, config, first, dtype)
        else:
            transformer = load_transformer(files, config, first, dtype)
        if options.resident_blocks is None:
            return transformer
        BlockOffload(list(transformer.blocks), device, options.resident_blocks)
        for name, part in transformer.named_children():
            if name != "blocks":
                part.to(device)
        return transformer


def open_lingbot(
    pack: WorldPack,
    threads: int | None = None,
    precision: str = "auto",
    options: LingBotOptions | None = None,
) -> LingBotExecutor:
    """The executor on this machine's first GPU, or on the processor where there is none; under ``torchrun``
    this process's share. Raises ``ExecutorError`` or ``PackError``.
    """
    found = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    place = place_of(os.environ)
    device = own_device(found, place)
    return LingBotExecutor(pack, device, threads, precision, options, meet(device))


def runner(transformer: LingBotTransformer, compiling: str) -> Callable[..., ChunkOutput]:
    """What runs a pass, compiled as ``LingBotOptions.compile`` says."""
    if compiling != "off":
        # torch counts per function: a graph for each length of history, and again for each world that is open
        config: Any = torch._dynamo.config
        config.recompile_limit = max(config.recompile_limit, MAX_GRAPHS)
    if compiling == "whole":
        whole: Callable[..., ChunkOutput] = torch.compile(transformer, fullgraph=True, dynamic=False)
        return whole
    if compiling == "blocks":
        for block in transformer.blocks:
            block.compile(fullgraph=True, dynamic=False)
    return transformer


def decode_step(decoder: FrameDecoder, options: LingBotOptions) -> Step | None:
    """The decoder's step as one compiled graph, where ``options`` say so."""
    if not options.decode_compiled:
        return None
    step: Step = torch.compile(decoder.decode_step, fullgraph=True, dynamic=False)
    return step


def _encoder(encode: Callable[[str], Tensor], device: torch.device) -> Callable[[str], Tensor]:
    def encoded(text: str) -> Tensor:
        return encode(text).to(device)

    return encoded


def _precision(asked: str, device: torch.device) -> str:
    if asked not in ("auto", *DTYPES):
        raise ExecutorError(f"precision {asked!r} is not known for this world; use auto, {', '.join(DTYPES)}")
    if device.type == "cuda" and (found := torch.cuda.get_device_capability(device)) < MIN_CAPABILITY:
        raise ExecutorError(
            f"{torch.cuda.get_device_name(device)} (compute capability {found[0]}.{found[1]}) is too old for "
            "this world, which computes in bf16; use an RTX 30 or A100 or newer card"
        )
    if asked != "auto":
        return asked
    return "bf16" if device.type == "cuda" else "f32"


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return int(psutil.virtual_memory().available)
