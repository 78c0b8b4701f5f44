"""``dreamport train``: the training ladder, handed on to the training package."""

from __future__ import annotations

import typer

from dreamport.cli.extras import require_extra


def train(context: typer.Context) -> None:
    """Train a world from recorded play and make a pack of it; --help lists the options."""
    require_extra("train", "torch", "safetensors", "onnx", "pyarrow", "av", "cv2")
    from dreamport_training.cli import run_command, trainer

    run_command(trainer, "dreamport train", context.args)
