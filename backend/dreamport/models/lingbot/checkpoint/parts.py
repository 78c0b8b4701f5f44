"""The parts of a checkpoint as models: checked against their files, and loaded."""

from __future__ import annotations

from collections.abc import Callable

import torch

from dreamport.errors import PackError
from dreamport.models.lingbot.checkpoint.layouts import CheckpointFiles
from dreamport.models.lingbot.checkpoint.loading import check_module, load_module
from dreamport.models.lingbot.checkpoint.names import transformer_name, vae_name
from dreamport.models.lingbot.checkpoint.tensors import Rename, names, shapes
from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.text import PromptEncoder, TextEncoder, repeated, text_name
from dreamport.models.lingbot.text import config_of as text_config_of
from dreamport.models.lingbot.tiny_vae import TinyConfig, TinyDecoder, tiny_name
from dreamport.models.lingbot.transformer import LingBotTransformer
from dreamport.models.lingbot.vae import VAEConfig, WanVAE

TRANSFORMER = "transformer of LingBot-World"
VAE, TINY, TEXT = "Wan 2.1 VAE", "tiny decoder (TAEHV's layout)", "umT5 text encoder"
TINY_WIDTHS = (1, 8, 14, 20)
"""Places of the convolutions that say how wide the tiny decoder is at each size."""


def check(files: CheckpointFiles, config: LingBotConfig) -> None:
    """Compare the names and shapes of all tensors with the models they are for; no tensor's bytes are read.

    Raises ``PackError`` that names each missing, unexpected and misshapen tensor (the first few, and the
    count).
    """
    check_module(lambda: LingBotTransformer(config), files.transformer, TRANSFORMER, transformer_name)
    build, rename = _vae(files, decodes=True)
    check_module(build, files.vae, VAE, rename)
    build_text, rename_text = _text(files)
    check_module(build_text, files.text, TEXT, rename_text)
    if files.decoder:
        check_module(_tiny(files), files.decoder, TINY, tiny_name)


def load_transformer(
    files: CheckpointFiles, config: LingBotConfig, device: torch.device | str, dtype: torch.dtype
) -> LingBotTransformer:
    """The transformer on ``device`` as ``dtype``. Raises ``PackError``."""
    return load_module(
        lambda: LingBotTransformer(config), files.transformer, TRANSFORMER, transformer_name, device, dtype
    )


def load_vae(
    files: CheckpointFiles, device: torch.device | str, dtype: torch.dtype, decodes: bool = True
) -> WanVAE:
    """The VAE on ``device`` as ``dtype``; ``decodes=False``: only what encodes. Raises ``PackError``."""
    build, rename = _vae(files, decodes)
    return load_module(build, files.vae, VAE, rename, device, dtype)


def load_decoder(files: CheckpointFiles, device: torch.device | str, dtype: torch.dtype) -> TinyDecoder:
    """The tiny decoder on ``device`` as ``dtype``, where ``find`` was asked for one. Raises ``PackError``."""
    return load_module(_tiny(files), files.decoder, TINY, tiny_name, device, dtype)


def load_prompt_encoder(
    files: CheckpointFiles, device: torch.device | str, dtype: torch.dtype, tokens: int
) -> PromptEncoder:
    """The text encoder on ``device`` as ``dtype`` with its tokenizer; prompts are padded to ``tokens``.

    Raises ``PackError``, or ``MissingExtraError`` without its libraries.
    """
    build, rename = _text(files)
    model = load_module(build, files.text, TEXT, rename, device, dtype)
    return PromptEncoder(model, files.tokenizer[0].parent, tokens)


def _text(files: CheckpointFiles) -> tuple[Callable[[], TextEncoder], Rename]:
    """How the text encoder is built, as large as its files have it, and how its tensors are called."""
    skipped = repeated(names(files.text))

    def rename(name: str) -> str | None:
        return None if name in skipped else text_name(name)

    where = str(files.text[0] if len(files.text) == 1 else files.text[0].parent)
    config = text_config_of(shapes(files.text, rename), where)
    return (lambda: TextEncoder(config)), rename


def _tiny(files: CheckpointFiles) -> Callable[[], TinyDecoder]:
    """How the tiny decoder is built, as wide as its file has it."""
    if not files.decoder:
        raise PackError("the world was added without a tiny decoder; add it again with --decoder")
    found = shapes(files.decoder, tiny_name)
    firsts = [found.get(f"decoder.{place}.weight", ()) for place in TINY_WIDTHS]
    if any(len(first) != 4 for first in firsts):
        raise PackError(f"{files.decoder[0]} does not hold the {TINY}: check the path")
    return lambda: TinyDecoder(
        TinyConfig(firsts[0][1], (firsts[0][0], firsts[1][0], firsts[2][0], firsts[3][0]))
    )


def _vae(files: CheckpointFiles, decodes: bool) -> tuple[Callable[[], WanVAE], Rename]:
    """How the VAE is built, at the width that its file has, and how its tensors are called."""
    found = shapes(files.vae, vae_name)
    first, last = found.get("encoder.conv1.weight"), found.get("conv2.weight")
    if first is None or last is None or len(first) != 5:
        raise PackError(
            f"{files.vae[0]} does not hold the {VAE}: it lacks encoder.conv1.weight; check the path"
        )
    config = VAEConfig(dim=first[0], latent_channels=last[0])

    def encoder_name(name: str) -> str | None:
        original = vae_name(name)
        return None if original.startswith(("decoder.", "conv2.")) else original

    return (lambda: WanVAE(config, decodes)), vae_name if decodes else encoder_name
