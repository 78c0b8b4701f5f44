"""One player's LingBot-World: from a picture, words and poses to frames, chunk by chunk, on one device.

The order of a chunk: camera, denoising passes, decoding, the pass that remembers the clean chunk. Once the
camera and the noise are on the device, nothing waits for it before the frames are taken from it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamport.errors import ExecutorError
from dreamport.executors.lingbot.options import LingBotOptions
from dreamport.executors.lingbot.passes import Given, Passes, RecordedPasses
from dreamport.executors.lingbot.stopwatch import Stopwatch
from dreamport.models.lingbot.cache import KVCache, rotated
from dreamport.models.lingbot.camera import ray_patches, relative_poses
from dreamport.models.lingbot.condition import condition, picture_latents, settled_latents
from dreamport.models.lingbot.streams import DecodeStream, FrameDecoder, Step, pictures
from dreamport.models.lingbot.transformer import ChunkOutput, LingBotTransformer, TextKeys
from dreamport.models.lingbot.vae import WanVAE
from dreamport.worlds.arrays import AnyArray, ArraysError, take

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
STRIDE = 8
"""Pixels along one side of a latent cell."""
DECODED = "decoded_"
"""What the names of the decoder's arrays in a session's state begin with."""
_STORED: dict[torch.dtype, torch.dtype] = {
    torch.bfloat16: torch.uint16,
    torch.float16: torch.uint16,
    torch.bool: torch.uint8,
}
"""Types that ``.npz`` does not know, and how their bits are stored."""


@dataclass(frozen=True)
class Models:
    """What sessions share. ``encode``: a prompt's embeddings ``[1, text_tokens, text_dim]``; ``scaled``: see
    ``DecodeStream``; ``run``: the transformer's pass, compiled or not; ``decode_step``: the
    decoder's, compiled."""

    transformer: LingBotTransformer
    run: Callable[..., ChunkOutput]
    vae: WanVAE
    decoder: FrameDecoder
    scaled: bool
    encode: Callable[[str], Tensor]
    decode_step: Step | None = None


@dataclass(frozen=True)
class Shown:
    """What a world says about its sessions. ``size``: rows and columns of pixels; ``sigmas``: noise level of
    each denoising step; ``camera_scale``: what translations between latent frames are multiplied by."""

    size: tuple[int, int]
    sigmas: tuple[float, ...]
    camera_scale: float

    @property
    def latent_size(self) -> tuple[int, int]:
        """Rows and columns of latents."""
        return self.size[0] // STRIDE, self.size[1] // STRIDE


class LingBotSession:
    """See ``ChunkSession``."""

    def __init__(self, models: Models, shown: Shown, options: LingBotOptions, device: torch.device) -> None:
        self._models, self._shown, self._options, self._device = models, shown, options, device
        transformer = models.transformer
        config = self._config = transformer.config
        rows, columns = self._grid = config.grid(*shown.latent_size)
        exchange = transformer.exchange
        heads = config.heads // (1 if exchange is None else exchange.size)
        self._cache = KVCache(config, rows * columns, heads=heads, device=device, dtype=transformer.dtype)
        self._turned = torch.empty_like(self._cache.k) if options.rotate_once else None
        self._decode = DecodeStream(
            models.decoder,
            shown.latent_size,
            scaled=models.scaled,
            at_once=options.codec_latents,
            step=models.decode_step,
        )
        passes = Passes(transformer, models.run, shown.sigmas, options.camera_once, options.merged_cache)
        self._passes = RecordedPasses(passes, device) if options.cuda_graphs else passes
        self._decodes_on = decoding_device(options, device)
        beside = options.decode_stream and device.type == "cuda" and self._decodes_on == device
        self._side = torch.cuda.Stream(device) if beside else None  # type: ignore[no-untyped-call]
        latents = settled_latents(models.vae.config) + 1
        self._picture = torch.zeros((1, config.out_channels, latents, *shown.latent_size), device=device)
        words = (1, config.text_tokens, config.text_dim)
        self._words = torch.zeros(words, device=device, dtype=transformer.dtype)
        self._pose = torch.eye(4, device=device)
        self._text: TextKeys | None = None
        self._watch = Stopwatch(device)

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of the last chunk by part; ``text`` of the last prompt."""
        return self._watch.told()

    @torch.inference_mode()
    def begin(self, image: UInt8, prompt: str) -> None:
        """See ``ChunkSession.begin``."""
        if image.shape != (*self._shown.size, 3):
            raise ExecutorError(
                f"the start's picture is {list(image.shape)} and must be {[*self._shown.size, 3]}; "
                "add the world again with a picture of its size"
            )
        picture = torch.tensor(image, device=self._device)
        at_once = self._options.codec_latents
        self._picture.copy_(picture_latents(self._models.vae, picture, at_once))
        self._cache.clear()
        self._decode.reset()
        self.prompt(prompt)

    @torch.inference_mode()
    def prompt(self, text: str) -> None:
        """See ``ChunkSession.prompt``."""
        with self._watch.part("text"):
            self._words.copy_(self._models.encode(text))
            self._say()

    @torch.inference_mode()
    def chunk(
        self, poses: Float32, intrinsics: Float32, noise: Float32, keys: Float32 | None = None
    ) -> UInt8:
        """See ``ChunkSession.chunk``."""
        text, cache = self._text, self._cache
        if text is None:
            raise ExecutorError("this session has not begun; begin or restore it first")
        self._check(poses, intrinsics, noise)
        seen = [torch.from_numpy(a).to(self._device) for a in (poses, intrinsics, noise)]
        held = None if keys is None else torch.from_numpy(keys).to(self._device)
        camera = self._camera(seen[0], seen[1], held)
        history = cache.history()
        if self._turned is not None:
            history = rotated(history, *self._grid, into=self._turned[:, :, : history.k.shape[2]])
        shown = condition(self._picture, cache.frames, self._config.chunk_latents)
        given = Given(seen[2], shown, camera, text, history)
        with self._watch.part("denoise"):
            clean = self._passes.denoise(given)
        with self._beside(), self._watch.part("decode"):
            there = self._decodes_on
            # To main memory it is waited for: a processor reads at once what it is given.
            latent = clean.latent.to(there, non_blocking=there.type == "cuda")
            frames = pictures(self._decode.push(latent))
        with self._watch.part("cache"):
            cache.append(*self._passes.remember(given, clean))
        self._pose = seen[0][-1].clone()
        with self._beside(joined=True):
            made: UInt8 = frames.cpu().numpy()
        return made

    @torch.inference_mode()
    def state(self) -> dict[str, AnyArray]:
        """See ``ChunkSession.state``."""
        return {name: _stored(tensor) for name, tensor in self._tensors().items()}

    @torch.inference_mode()
    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        """See ``ChunkSession.restore``."""
        frames = int(take(arrays, "frames", np.int64, (1,))[0])
        held = min(max(frames, 0), self._config.history_frames) * self._cache.tokens
        taken: dict[str, Tensor] = {}
        for name, own in self._tensors().items():
            shape = (*own.shape[:2], held, *own.shape[3:]) if name in ("k", "v") else tuple(own.shape)
            taken[name] = _taken(arrays, name, shape, own.dtype).to(self._device)
        try:
            self._cache.restore({name: taken[name] for name in ("k", "v", "frames")})
            self._decode.restore(
                {_part(name): tensor for name, tensor in taken.items() if name.startswith(DECODED)}
            )
        except ValueError as error:
            raise ArraysError(str(error)) from None
        self._picture.copy_(taken["picture"])
        self._words.copy_(taken["words"])
        self._pose = taken["pose"]
        self._say()

    def close(self) -> None:
        """See ``ChunkSession.close``."""
        for name in ("_cache", "_turned", "_decode", "_passes", "_picture", "_words", "_text"):
            setattr(self, name, None)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _camera(self, poses: Tensor, intrinsics: Tensor, held: Tensor | None) -> Tensor:
        before = self._pose if self._cache.frames else None
        moved = relative_poses(poses, before, self._shown.camera_scale)
        size, config = self._shown.size, self._config
        rays = ray_patches(moved, intrinsics, *size, config.camera_channels, config.patch, held)
        return self._models.transformer.camera_tokens(rays)

    def _say(self) -> None:
        """Keys and values of the words, in the memory where recorded passes look for them."""
        text = self._models.transformer.text_keys(self._words)
        if self._text is None:
            self._text = text
            return
        for kept, new in zip(self._text, text, strict=True):
            kept.copy_(new)

    def _beside(self, joined: bool = False) -> contextlib.AbstractContextManager[object]:
        """Work on the decoder's own stream, if it has one, after all that was begun so far; ``joined``: after
        what that stream itself has begun."""
        if self._side is None:
            return contextlib.nullcontext()
        if not joined:
            self._side.wait_stream(torch.cuda.current_stream(self._device))
        return torch.cuda.stream(self._side)

    def _check(self, poses: Float32, intrinsics: Float32, noise: Float32) -> None:
        frames = self._config.chunk_latents
        steps = (len(self._shown.sigmas), self._config.out_channels, frames, *self._shown.latent_size)
        wanted: Sequence[tuple[str, Float32, tuple[int, ...]]] = (
            ("poses", poses, (frames, 4, 4)),
            ("intrinsics", intrinsics, (frames, 4)),
            ("noise", noise, steps),
        )
        for name, array, shape in wanted:
            if array.shape != shape:
                raise ExecutorError(f"{name} are {list(array.shape)} and must be {list(shape)}")

    def _tensors(self) -> dict[str, Tensor]:
        """All that makes this session, by the names of its state."""
        decoded = {DECODED + name.replace(".", "_"): part for name, part in self._decode.state().items()}
        rest = {"picture": self._picture, "words": self._words, "pose": self._pose}
        return {**self._cache.state(), **rest, **decoded}


def decoding_device(options: LingBotOptions, device: torch.device) -> torch.device:
    """Where frames are decoded: on ``device`` unless ``options`` say otherwise. Raises ``ExecutorError``."""
    if options.decode_device is None:
        return device
    known = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if options.decode_device not in known:
        raise ExecutorError(
            f"there is no device {options.decode_device[:40]!r} to decode on; there are {', '.join(known)}"
        )
    return torch.device(options.decode_device)


def _part(name: str) -> str:
    return name.removeprefix(DECODED).replace("_", ".")


def _stored(tensor: Tensor) -> AnyArray:
    stored = _STORED.get(tensor.dtype)
    plain = tensor.detach().reshape(tensor.shape or (1,)).cpu().contiguous()
    array: AnyArray = (plain if stored is None else plain.view(stored)).numpy().copy()
    return array


def _taken(arrays: Mapping[str, AnyArray], name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """The array as a tensor of ``dtype``. Raises ``ArraysError``."""
    stored = _STORED.get(dtype, dtype)
    kinds: dict[torch.dtype, type[np.generic]] = {
        torch.uint16: np.uint16,
        torch.uint8: np.uint8,
        torch.int64: np.int64,
    }
    kind = kinds.get(stored, np.float32)
    tensor = torch.from_numpy(take(arrays, name, kind, shape or (1,)).copy()).reshape(shape)
    if dtype == torch.bool:
        return tensor != 0
    return tensor if stored == dtype else tensor.view(dtype)
