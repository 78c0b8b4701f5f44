"""``dreamport worlds add``: makes a world of something that is on this machine already."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dreamport.cli.extras import require_extra
from dreamport.cli.output import console, print_json, size_in_words

add = typer.Typer(name="add", help="Make a world of something on this machine.", no_args_is_help=True)

MAX_SIDE = 2048


@add.command()
def lingbot(
    path: Annotated[Path, typer.Argument(help="Folder of the checkpoint, or the file of its transformer.")],
    image: Annotated[Path, typer.Option(help="Picture that the world begins with: PNG, JPEG or WebP.")],
    prompt: Annotated[str, typer.Option(help="What is to be seen there, in a sentence or more.")],
    name: Annotated[str, typer.Option(help="Name of the world; after the folder by default.")] = "",
    title: Annotated[str, typer.Option(help="Name for people.")] = "",
    also: Annotated[
        list[Path] | None,
        typer.Option(help="A further folder with the VAE, text encoder, tokenizer or tiny decoder."),
    ] = None,
    decoder: Annotated[str, typer.Option(help="wan21, taehv or lighttae (faster, at some loss).")] = "wan21",
    size: Annotated[str, typer.Option(help="Frame size, multiples of 16.")] = "832x464",
    shift: Annotated[
        float | None, typer.Option(help="Flow shift of the schedule; the checkpoint's own by default.")
    ] = None,
    worlds: Annotated[
        Path | None, typer.Option(help="Folder to put the world in; your worlds folder by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a world of a LingBot-World checkpoint. Its weights stay where they are.

    Every tensor's name and shape is checked first; nothing large is read.
    """
    from dreamport.errors import PackError
    from dreamport.worlds import user_worlds_path
    from dreamport.worlds.checkpoint import LingBotSizes, decoder_named
    from dreamport.worlds.fields import SLUG
    from dreamport.worlds.from_checkpoint import NewWorld, write_checkpoint_world
    from dreamport.worlds.picture import picture_of
    from dreamport.worlds.weights import record_of

    require_extra("lingbot", "torch", "safetensors", "transformers", "ftfy", "PIL")
    from dreamport.models.lingbot.checkpoint import check, find, read_config

    width, height = _size(size)
    if not prompt.strip() or len(prompt) > 4000:
        raise PackError("the prompt must be 1 to 4000 characters long; say what is to be seen")
    if shift is not None and not 0 < shift <= 100:
        raise PackError("--shift must be greater than 0 and at most 100; leave it out for the usual one")
    chosen = decoder_named(decoder)
    name = name or _slug(path.resolve().name.removesuffix(".safetensors"))
    if re.fullmatch(SLUG, name) is None:
        raise PackError(f"{name[:64]!r} is no name of a world; use lower-case letters, digits and hyphens")
    picture = picture_of(image, width, height)
    files = find(path, also or (), chosen)
    config = read_config(files)
    check(files, config)
    sizes = LingBotSizes.model_validate(asdict(config))
    pack = write_checkpoint_world(
        (worlds or user_worlds_path()) / name,
        record_of(files.layout, files.by_role()),
        sizes,
        NewWorld(name, title or name.replace("-", " ").capitalize(), picture, prompt, chosen, shift),
    )
    weight_bytes = pack.weight_record().total_bytes
    if as_json:
        print_json(
            {
                "name": name,
                "path": str(pack.path),
                "digest": pack.digest,
                "layout": files.layout,
                "layers": sizes.layers,
                "dim": sizes.dim,
                "weight_bytes": weight_bytes,
            }
        )
        return
    console().print(
        f"World {name} is added: {files.layout}, {sizes.layers} layers of {sizes.dim}, "
        f"{size_in_words(weight_bytes)} of weights, {width}x{height}. Licence: {pack.manifest.licence}. "
        f"Whether it fits this machine: dreamport doctor. Then: dreamport play {name}",
        markup=False,
    )


def _size(text: str) -> tuple[int, int]:
    from dreamport.errors import PackError

    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if any(side % 16 or not 16 <= side <= MAX_SIDE for side in (width, height)):
        raise PackError(f"--size must be like 832x464, each a multiple of 16 and at most {MAX_SIDE}")
    return width, height


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63]
    return slug or "lingbot"
