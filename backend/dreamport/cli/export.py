"""``dreamport export``: a trained world becomes a world pack with a card."""

from __future__ import annotations

import typer

from dreamport.cli.extras import require_extra


def export(context: typer.Context) -> None:
    """Make a world pack of a training run; --help lists the options."""
    require_extra("train", "torch", "safetensors", "onnx", "pyarrow", "av", "cv2")
    from dreamport_training.cli import exporter, run_command

    run_command(exporter, "dreamport export", context.args)
