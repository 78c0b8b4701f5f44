"""The parts of a checkpoint as models: checked against their files, and loaded."""

from __future__ import annotations

import torch

from dreamport.models.lingbot.checkpoint.layouts import CheckpointFiles
from dreamport.models.lingbot.checkpoint.loading import check_module, load_module
from dreamport.models.lingbot.checkpoint.names import transformer_name
from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.transformer import LingBotTransformer

TRANSFORMER = "transformer of LingBot-World"


def check(files: CheckpointFiles, config: LingBotConfig, decoder: str = "wan21") -> None:
    """Compare the names and shapes of all tensors with the models they are for; no tensor's bytes are read.

    Raises ``PackError`` that names each missing, unexpected and misshapen tensor (the first few, and the
    count).
    """
    check_module(lambda: LingBotTransformer(config), files.transformer, TRANSFORMER, transformer_name)


def load_transformer(
    files: CheckpointFiles, config: LingBotConfig, device: torch.device | str, dtype: torch.dtype
) -> LingBotTransformer:
    """The transformer on ``device`` as ``dtype``. Raises ``PackError``."""
    return load_module(
        lambda: LingBotTransformer(config), files.transformer, TRANSFORMER, transformer_name, device, dtype
    )
