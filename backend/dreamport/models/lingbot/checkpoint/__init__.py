"""LingBot-World checkpoints on disk: recognised, checked and loaded."""

from dreamport.models.lingbot.checkpoint.layouts import LAYOUTS, CheckpointFiles, find
from dreamport.models.lingbot.checkpoint.loading import load_module
from dreamport.models.lingbot.checkpoint.sizes import config_of, read_config

__all__ = ["LAYOUTS", "CheckpointFiles", "config_of", "find", "load_module", "read_config"]
