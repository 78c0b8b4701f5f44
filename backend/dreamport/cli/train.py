"""``dreamport train``: the training stages, handed on to the training package."""

from __future__ import annotations

import typer

from dreamport.cli.extras import require_extra


def train(context: typer.Context) -> None:
    """Train a world from a data set; --help lists the stages."""
    require_extra("train", "torch", "safetensors", "onnx", "pyarrow", "av")
    from dreamport_training.pipeline import main

    main(context.args)
