"""``dreamport data bake``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamport.cli.extras import require_extra
from dreamport.cli.output import console

BAKE_MODULES = ("torch", "pyarrow", "av", "cv2", "safetensors")


def bake(
    folder: Annotated[Path, typer.Argument(help="Folder of the data set.")],
    out: Annotated[Path, typer.Option(help="Where the baked arrays go; an unfinished bake there goes on.")],
    split: Annotated[str, typer.Option(help="Which episodes.")] = "train",
    width: Annotated[int | None, typer.Option(help="Width of the world's frames; a multiple of 16.")] = None,
    height: Annotated[int | None, typer.Option(help="Height likewise; left out, as the data has it.")] = None,
    near: Annotated[
        float | None, typer.Option(help="Nearest depth in metres; left out, that of --codec, or 0.35.")
    ] = None,
    far: Annotated[float, typer.Option(help="Farthest depth in metres.")] = 32.0,
    views: Annotated[int, typer.Option(min=1, help="Views in the bank that a world remembers.")] = 1350,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    ray: Annotated[
        str | None,
        typer.Option(help="Address of a Ray cluster whose machines see both folders; local begins one here."),
    ] = None,
    codec: Annotated[
        str | None,
        typer.Option(help="Make latents too, with the encoder of this world or training run."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the holes in hints of latents.")] = 0,
    device: Annotated[str, typer.Option(help="What encodes latents: cpu or cuda.")] = "cpu",
    shards: Annotated[
        Path | None, typer.Option(help="Write WebDataset shards of all that was baked into this folder.")
    ] = None,
    shard_frames: Annotated[int, typer.Option(min=1, help="Frames of a sample in a shard.")] = 16,
    shard_mb: Annotated[int, typer.Option(min=1, help="Megabytes of a shard.")] = 256,
) -> None:
    """Bake recorded play into memory-mapped arrays for training, latents and shards.

    Episodes that cannot be used are named and left out. What was stopped goes on when the command is given
    again.
    """
    require_extra("train", *BAKE_MODULES)
    from dreamport.errors import DatasetError
    from dreamport_training.data.bake import BakeConfig
    from dreamport_training.data.bake import bake as bake_frames
    from dreamport_training.data.baked import Baked

    encoder = None
    if codec is not None:
        from dreamport_training.data.encoder import find_encoder

        encoder = find_encoder(codec)
        if near is not None and encoder.near_m is not None and near != encoder.near_m:
            raise DatasetError(
                f"--near {near:g}: the encoder of {codec} takes depth from {encoder.near_m:g} m; leave "
                "--near out"
            )
        near = near or encoder.near_m
    config = BakeConfig(
        near or 0.35, far, views, quality=82, workers=workers, width=width, height=height, ray=ray
    )
    result = bake_frames(folder, out, config, split, tell=_tell)
    data = Baked(out)
    size = f"{data.colour.shape[2]}x{data.colour.shape[1]}"
    console().print(
        f"{out}: {result.frames} frames of {size} from {result.episodes} episodes"
        f"{_lacking(data)}; {len(result.left_out)} episodes left out",
        markup=False,
    )
    if encoder is not None:
        from dreamport_training.data.latents import bake_latents

        bake_latents(data, encoder.encoder.to(device), out, seed, device)
        console().print(f"{out}: latents of {len(data)} frames", markup=False)
    if shards is not None:
        from dreamport_training.data.shards import export_shards

        for done in export_shards(data, shards, frames=shard_frames, shard_bytes=shard_mb << 20):
            console().print(f"{done.paths[-1]}: {done.samples} samples so far", markup=False)


def _tell(text: str) -> None:
    console().print(text, markup=False)


def _lacking(data: object) -> str:
    lacks = [
        what
        for what, there in (("poses", "has_rays"), ("depth", "has_depth"), ("a bank of views", "has_hints"))
        if not getattr(data, there)
    ]
    return f", without {' and '.join(lacks)}" if lacks else ""
