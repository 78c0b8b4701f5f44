"""What may be switched on when LingBot-World plays. Nothing is on by itself: plain bf16, as the checkpoint
was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from dreamport.errors import ExecutorError

COMPILING = ("off", "blocks", "whole")
ATTENTION = ("auto", "cudnn", "flash", "fp8")
WEIGHTS = ("bf16", "int8", "fp8")


@dataclass(frozen=True)
class LingBotOptions:
    """``compile``: ``blocks`` compiles one block and runs all with it (a short cold start), ``whole`` each
    pass as one graph. ``camera_once``, ``rotate_once``: what does not change in a chunk is computed once and
    kept, for more memory; bit for bit the same. ``merged_cache``: the last denoising pass's keys and values
    are remembered instead of those of a pass of their own; a little worse. ``weights``: of the blocks' linear
    layers; ``int8`` saves memory, and keeps the text encoder in main memory; ``fp8`` multiplies in fp8, a
    little worse. ``attention``: the kernel, ``auto`` is torch's choice; ``fp8`` is a little worse.
    ``cuda_graphs``: a chunk's passes are recorded once and replayed. ``resident_blocks``: how many blocks
    stay on the device, the others are streamed; ``None`` keeps all. ``decode_half``: the decoder computes in
    bf16 with channels last. ``decode_compiled``: it is one graph. ``decode_stream``: it runs beside the pass
    that fills the cache. ``decode_device``: it runs on another device, ``cuda:1`` for example, as well beside
    that pass.
    """

    compile: str = "off"
    camera_once: bool = False
    rotate_once: bool = False
    merged_cache: bool = False
    weights: str = "bf16"
    resident_blocks: int | None = None
    decode_half: bool = False
    decode_compiled: bool = False
    decode_stream: bool = False
    decode_device: str | None = None
    attention: str = "auto"
    cuda_graphs: bool = False

    def __post_init__(self) -> None:
        for name, known in (("compile", COMPILING), ("weights", WEIGHTS), ("attention", ATTENTION)):
            if getattr(self, name) not in known:
                raise ExecutorError(f"{name} {getattr(self, name)!r} is not known; use {', '.join(known)}")
        if self.resident_blocks is not None and (self.compile != "off" or self.cuda_graphs):
            raise ExecutorError("streamed blocks cannot be compiled or recorded; leave one of the two out")
        if self.resident_blocks is not None and self.weights == "fp8":
            raise ExecutorError("streamed blocks are bf16 or int8; leave weights='fp8' out")

    @property
    def text_on_host(self) -> bool:
        """Whether the text encoder stays in main memory."""
        return self.weights == "int8" or self.resident_blocks is not None

    @property
    def codec_latents(self) -> int:
        """Latent frames that are decoded at once: one where memory is scarce."""
        return 1 if self.text_on_host else 4


def options_of(words: Sequence[str]) -> LingBotOptions:
    """Options as they are given on a command line: ``merged_cache``, ``weights=fp8``, ``resident_blocks=8``.
    Raises ``ExecutorError``.
    """
    defaults = {field.name: field.default for field in fields(LingBotOptions)}
    chosen: dict[str, bool | int | str] = {}
    for word in words:
        name, given, value = word.partition("=")
        if name not in defaults:
            raise ExecutorError(f"LingBot has no option {name[:64]!r}; it has {', '.join(defaults)}")
        if isinstance(defaults[name], bool):
            if value not in ("", "true", "false"):
                raise ExecutorError(f"{name} is on or off: give {name}, or {name}=false")
            chosen[name] = value != "false"
        elif not given or not value:
            raise ExecutorError(f"{name} needs a value: give {name}=VALUE")
        elif name == "resident_blocks":
            if not value.isdecimal() or len(value) > 4:
                raise ExecutorError(f"{name} must be a number of blocks, for example {name}=8")
            chosen[name] = int(value)
        else:
            chosen[name] = value
    return LingBotOptions(**chosen)  # type: ignore[arg-type]  # by name, as the fields' defaults are
