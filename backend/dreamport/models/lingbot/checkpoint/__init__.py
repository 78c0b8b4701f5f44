"""LingBot-World checkpoints on disk: recognised, checked and loaded."""

from dreamport.models.lingbot.checkpoint.layouts import LAYOUTS, CheckpointFiles, find
from dreamport.models.lingbot.checkpoint.parts import (
    check,
    load_decoder,
    load_prompt_encoder,
    load_transformer,
    load_vae,
)
from dreamport.models.lingbot.checkpoint.random_weights import random_module, random_transformer
from dreamport.models.lingbot.checkpoint.sizes import config_of, read_config

__all__ = [
    "LAYOUTS",
    "CheckpointFiles",
    "check",
    "config_of",
    "find",
    "load_decoder",
    "load_prompt_encoder",
    "load_transformer",
    "load_vae",
    "random_module",
    "random_transformer",
    "read_config",
]
