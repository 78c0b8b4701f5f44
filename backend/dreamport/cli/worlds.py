"""``dreamport worlds``: the catalogue, one world, and whether a pack is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.output import console, print_json, print_table, size_in_words
from dreamport.cli.worlds_add import add

if TYPE_CHECKING:
    from dreamport.worlds import WorldEntry, WorldPack

worlds = typer.Typer(name="worlds", help="The worlds on this machine.", no_args_is_help=True)
worlds.add_typer(add)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
FolderOption = Annotated[
    list[Path] | None,
    typer.Option("--worlds", help="A pack, or a folder of packs, beside the catalogue's own."),
]


@worlds.command("list")
def list_worlds(folder: FolderOption = None, as_json: JsonFlag = False) -> None:
    """List every world: those in the package, in your worlds folder, and given with --worlds."""
    from dreamport.worlds import Catalogue, user_worlds_path

    entries = Catalogue(folder or []).list()
    if as_json:
        print_json([_summary(entry) for entry in entries])
        return
    if not entries:
        console().print(f"No worlds. Put a world pack into {user_worlds_path()}")
        return
    rows = []
    for entry in entries:
        manifest = entry.manifest
        size = f"{manifest.frame.width}x{manifest.frame.height}" if manifest else None
        rate = f"{manifest.frame_rate:g}" if manifest else None
        licence = manifest.licence if manifest else None
        title = manifest.title if manifest else f"unusable: {entry.error}"
        rows.append((entry.name, title, size, rate, licence, entry.path))
    print_table(["name", "title", "size", "fps", "licence", "where"], rows)


@worlds.command()
def show(
    world: Annotated[str, typer.Argument(help="Name in the catalogue, or a path.")] = "default",
    as_json: JsonFlag = False,
) -> None:
    """Show one world: its controls, starts, provenance and card. The pack is checked first."""
    from dreamport.worlds import open_pack

    pack = open_pack(world)
    if as_json:
        print_json(
            {"path": str(pack.path), "digest": pack.digest, "manifest": pack.manifest.model_dump(mode="json")}
        )
        return
    _print_world(pack)


@worlds.command()
def validate(
    pack: Annotated[str, typer.Argument(help="A pack's folder or zip, or a name in the catalogue.")],
    as_json: JsonFlag = False,
) -> None:
    """Check a pack: manifest, size and digest of every file, every graph or weight file of its checkpoint.

    Exit code 2 when it is refused.
    """
    from dreamport.worlds import open_pack

    opened = open_pack(pack)
    for start in opened.manifest.starts:
        if opened.manifest.checkpoint is None:
            opened.start(start.name)
        else:
            opened.image_start(start.name)
    views = len(opened.read_views()) if opened.manifest.views else 0
    if as_json:
        print_json(
            {"valid": True, "name": opened.manifest.name, "digest": opened.digest, "path": str(opened.path)}
        )
        return
    console().print(
        f"{opened.manifest.name} is valid: {len(opened.manifest.files)} files, "
        f"{opened.total_bytes / 1e6:.1f} MB, {len(opened.manifest.starts)} starts, {views} views, "
        f"digest {opened.digest}" + _referred(opened)
    )


def _referred(pack: WorldPack) -> str:
    """What a checkpoint world refers to outside its pack; nothing of another."""
    if pack.manifest.checkpoint is None:
        return ""
    record = pack.weight_record()
    count = sum(len(files) for files in record.files.values())
    return f", and {count} files of a checkpoint ({record.layout}), {size_in_words(record.total_bytes)}"


def _summary(entry: WorldEntry) -> dict[str, object]:
    manifest = entry.manifest
    return {
        "name": entry.name,
        "path": str(entry.path),
        "digest": entry.digest,
        "error": entry.error,
        "title": manifest.title if manifest else None,
        "licence": manifest.licence if manifest else None,
        "frame_size": [manifest.frame.width, manifest.frame.height] if manifest else None,
        "frame_rate": manifest.frame_rate if manifest else None,
    }


def _checkpoint_rows(pack: WorldPack) -> list[tuple[str, str]]:
    """What only a checkpoint world has to show."""
    checkpoint = pack.manifest.checkpoint
    if checkpoint is None:
        return []
    record, sizes = pack.weight_record(), checkpoint.sizes
    folder = record.paths("transformer")[0].parent
    return [
        ("prompt", pack.manifest.starts[0].prompt or ""),
        (
            "checkpoint",
            f"{checkpoint.family} {record.layout}: {sizes.layers} layers of {sizes.dim}, "
            f"{len(checkpoint.indices)} steps, decoder {checkpoint.decoder}",
        ),
        ("weights", f"{size_in_words(record.total_bytes)} in {folder}"),
    ]


def _print_world(pack: WorldPack) -> None:
    manifest, out = pack.manifest, console()
    depth, views = manifest.depth, manifest.views
    out.print(f"{manifest.title} ({manifest.name})", style="bold", markup=False)
    print_table(
        ["", ""],
        [
            ("about", manifest.description),
            ("frame", f"{manifest.frame.width}x{manifest.frame.height} at {manifest.frame_rate:g} fps"),
            ("licence", manifest.licence),
            ("starts", ", ".join(f"{start.name} ({start.title})" for start in manifest.starts)),
            ("pose from outside", "yes" if manifest.controls.pose else "no"),
            ("depth", f"{depth.min_m:g} to {depth.max_m:g} m" if depth else "none"),
            ("chunk", f"{manifest.chunk_frames} frames" if manifest.chunk_frames > 1 else None),
            *_checkpoint_rows(pack),
            ("size", f"{pack.total_bytes / 1e6:.1f} MB, {views.count if views else 0} remembered views"),
            ("data", f"{manifest.provenance.data} ({manifest.provenance.licence})"),
            ("trained on", manifest.provenance.trained_on),
            ("digest", pack.digest),
            ("where", pack.path),
        ],
    )
    out.print()
    look = manifest.controls.look
    axes = [name for name, on in (("left and right", look.yaw), ("up and down", look.pitch)) if on]
    controls = [(button.label, ", ".join(button.keys)) for button in manifest.controls.buttons]
    print_table(["control", "keys"], [*controls, ("look", f"mouse, {' and '.join(axes)}" if axes else None)])
    if "card.md" in manifest.files:
        from rich.markdown import Markdown

        out.print()
        out.print(Markdown(pack.read("card.md").decode("utf-8", "replace")))
