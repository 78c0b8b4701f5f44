"""Trained modules to a world pack."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import nn

from dreamport.models import load_module, save_module
from dreamport.models.codec import CodecConfig, Decoder, Encoder
from dreamport.models.dit import CausalDiT, DiTConfig
from dreamport.models.motion import STATE_SIZE, MotionConfig, MotionHead
from dreamport.models.reprojection import Reprojection
from dreamport.worlds.contract import GRAPHS, signatures
from dreamport.worlds.manifest import WorldManifest
from dreamport.worlds.pack import WorldPack, open_pack_at, write_pack
from dreamport.worlds.views import ViewsBuilder
from dreamport_training.data.bank import farthest_views
from dreamport_training.onnx_export import export_graph, round_to_half
from dreamport_training.presets import CONTEXT_SIGMA, PRESETS

DIGEST = "0" * 64  # stands in the manifest until the files are there to be hashed


@dataclass(frozen=True)
class StartSpec:
    """Captured frames a session begins from, oldest first: ``colour [N, H, W, 3]``, ``depth_m [N, H, W]``,
    ``pose [N, 4, 4]``,
    ``control [N, A]``, ``motion_state [S]`` of the last."""

    name: str
    title: str
    colour: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    pose: NDArray[np.float32]
    control: NDArray[np.float32]
    motion_state: NDArray[np.float32]


@dataclass(frozen=True)
class WorldSpec:
    """What the manifest says that the modules do not know."""

    name: str
    title: str
    description: str
    licence: str
    width: int
    height: int
    frame_rate: float
    buttons: Sequence[Mapping[str, Any]]
    max_turn_deg: float
    focal_px: float
    near_m: float
    far_m: float
    sigmas: Sequence[float]
    context_sigma: float
    views_per_frame: int
    views: int
    starts: Sequence[StartSpec]
    provenance: Mapping[str, Any]
    extra_files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """The four modules with their configurations."""

    codec: CodecConfig
    encoder: Encoder
    decoder: Decoder
    dit_config: DiTConfig
    dit: CausalDiT
    motion_config: MotionConfig
    motion: MotionHead


def manifest_of(spec: WorldSpec, trained: Trained) -> dict[str, Any]:
    """The manifest as plain data, without its files."""
    d = trained.dit_config
    return {
        "schema_version": 1,
        "name": spec.name,
        "title": spec.title,
        "description": spec.description,
        "licence": spec.licence,
        "frame": {"width": spec.width, "height": spec.height},
        "frame_rate": spec.frame_rate,
        "chunk_frames": 1,
        "controls": {
            "buttons": [dict(b) for b in spec.buttons],
            "look": {"yaw": True, "pitch": False, "max_deg_per_frame": spec.max_turn_deg},
            "pose": True,
            "prompts": [],
        },
        "camera": {"fx": spec.focal_px, "fy": spec.focal_px, "cx": spec.width / 2, "cy": spec.height / 2},
        "depth": {"min_m": spec.near_m, "max_m": spec.far_m},
        "latent": {"channels": d.latent_channels, "height": d.latent_height, "width": d.latent_width},
        "cache": {
            "layers": d.layers,
            "heads": d.heads,
            "head_dim": d.head_dim,
            "tokens_per_frame": d.tokens_per_frame,
            "sink_frames": d.sink_frames,
            "window_frames": d.window_frames,
        },
        "sampler": {"sigmas": list(spec.sigmas), "context_sigma": spec.context_sigma},
        "views": {"file": "views.npz", "count": spec.views, "per_frame": spec.views_per_frame},
        "motion": {"state_size": STATE_SIZE},
        "graphs": {name: f"graphs/{name}.onnx" for name in GRAPHS},
        "weights": {name: f"weights/{name}.safetensors" for name in GRAPHS if name != "reproject"},
        "starts": [{"name": s.name, "title": s.title, "file": f"starts/{s.name}.npz"} for s in spec.starts],
        "provenance": dict(spec.provenance),
    }


def export_pack(folder: Path, spec: WorldSpec, trained: Trained, views: bytes) -> WorldPack:
    """Write a pack beside ``folder`` and put it there when it is whole. Replaces a pack that was there."""
    plain = manifest_of(spec, trained)
    files = [*plain["graphs"].values(), *plain["weights"].values(), "views.npz"]
    files += [s["file"] for s in plain["starts"]]
    entry = {"sha256": DIGEST, "bytes": 0}
    manifest = WorldManifest.model_validate({**plain, "files": dict.fromkeys(files, entry)}, strict=False)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
        made = Path(scratch) / "pack"
        for part in ("graphs", "weights", "starts"):
            (made / part).mkdir(parents=True)
        modules: dict[str, tuple[nn.Module, Any]] = {
            "encode": (trained.encoder, trained.codec),
            "decode": (trained.decoder, trained.codec),
            "denoise": (trained.dit, trained.dit_config),
            "motion": (trained.motion, trained.motion_config),
            "reproject": (Reprojection(spec.height, spec.width, spec.near_m), None),
        }
        for name, signature in signatures(manifest).items():
            module, config = modules[name]
            round_to_half(module)
            export_graph(module, signature, made / plain["graphs"][name])
            if config is not None:
                save_module(module, config, made / plain["weights"][name])
        (made / "views.npz").write_bytes(views)
        camera = np.array([spec.focal_px, spec.focal_px, spec.width / 2, spec.height / 2], np.float32)
        for start in spec.starts:
            builder = ViewsBuilder(spec.near_m)
            for i in range(len(start.pose)):
                builder.add(start.colour[i], start.depth_m[i], start.pose[i], camera)
            builder.write(made / "starts" / f"{start.name}.npz", start.motion_state, start.control)
        for name, data in spec.extra_files.items():
            (made / name).write_bytes(data)
        write_pack(made, plain)
        if folder.exists():
            shutil.rmtree(folder)
        shutil.move(made, folder)
    return open_pack_at(folder)


def export_random_pack(path: Path, seed: int) -> WorldPack:
    """A tiny pack with random weights, for tests: right in every shape, meaningless to look at."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        codec = CodecConfig(latent_channels=4, fine_width=8, coarse_width=16, decoder_blocks=1)
        dit = DiTConfig(
            latent_channels=4, latent_height=6, latent_width=10, width=48, layers=2, heads=2, control_size=6
        )
        motion = MotionConfig(extent=(8.0, 8.0), origin=(-4.0, -4.0), features=4, hidden=16)
        trained = Trained(
            codec, Encoder(codec), Decoder(codec), dit, CausalDiT(dit), motion, MotionHead(motion)
        )
        with torch.no_grad():
            for module in (trained.dit, trained.decoder, trained.encoder):
                for p in module.parameters():
                    p.add_(torch.randn_like(p) * 0.02)
            # A motion head that walks and slides as a Doom player does on open floor.
            trained.motion.free.weight.copy_(
                torch.tensor([[0.9, 0, 0, 0, -0.03, 0.03], [0, 0.9, 0.04, -0.04, 0, 0]]).repeat(2, 1)
            )
            trained.motion.free.bias.zero_()
    width, height, near = 80, 48, 0.35
    rng = np.random.default_rng(seed)
    colour, depth = _room(width, height, rng)
    builder = ViewsBuilder(near)
    camera = np.array([40.0, 40.0, 40.0, 24.0], np.float32)
    for i in range(12):
        pose = np.eye(4, dtype=np.float32)
        a = np.radians(30.0 * i)
        pose[:3, :3] = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
        builder.add(np.roll(colour, 7 * i, axis=1), depth, pose, camera)
    state = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0], np.float32)
    still = np.eye(4, dtype=np.float32)[None]
    start = StartSpec(
        "middle", "Middle of the room", colour[None], depth[None], still, np.zeros((1, 6), np.float32), state
    )
    spec = WorldSpec(
        name="tiny-random",
        title="Tiny random world",
        description="Random weights, for tests.",
        licence="Apache-2.0",
        width=width,
        height=height,
        frame_rate=20.0,
        buttons=WALK_BUTTONS,
        max_turn_deg=15.0,
        focal_px=40.0,
        near_m=near,
        far_m=32.0,
        sigmas=(1.0,),
        context_sigma=0.03,
        views_per_frame=4,
        views=len(builder),
        starts=(start,),
        provenance={
            "data": "none",
            "licence": "Apache-2.0",
            "commit": "none",
            "trained_on": "nothing",
            "metrics": {},
        },
    )
    return export_pack(Path(path), spec, trained, builder.to_bytes())


def _room(width: int, height: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A wall of random bricks three metres away."""
    bricks = rng.integers(40, 220, (height // 8, width // 8, 3))
    return bricks.repeat(8, 0).repeat(8, 1).astype(np.uint8), np.full((height, width), 3.0, np.float32)


WALK_BUTTONS: tuple[dict[str, Any], ...] = (
    {"name": "forward", "label": "Walk forward", "keys": ("KeyW", "ArrowUp")},
    {"name": "backward", "label": "Walk backward", "keys": ("KeyS", "ArrowDown")},
    {"name": "left", "label": "Step left", "keys": ("KeyA",)},
    {"name": "right", "label": "Step right", "keys": ("KeyD",)},
)


def spread_starts(run_baked: Path, count: int, near_m: float, past: int = 3) -> list[StartSpec]:
    """Starts from captured frames, far apart in place and heading, each with an open view and ``past``
    frames before it."""
    pose, control, state, first = (
        np.load(run_baked / f"{n}.npy") for n in ("pose", "control", "state", "first")
    )
    colour = np.load(run_baked / "colour.npy", mmap_mode="r")
    inverse = np.load(run_baked / "inverse_depth.npy", mmap_mode="r")
    frames = np.arange(past, len(pose), 7)
    frames = frames[first[frames] == first[frames - past]]
    openness = np.array([np.percentile(inverse[i, ::8, ::8], 90) for i in frames])
    # The openest tenth, of it the half with most to see, then as far apart as can be.
    open_frames = frames[np.argsort(openness)[: max(count, len(frames) // 10)]]
    detail = np.array([colour[i, ::4, ::4].std() for i in open_frames])
    rich = open_frames[np.argsort(-detail)[: max(count, len(open_frames) // 2)]]
    chosen = rich[farthest_views(pose[rich], count, metres=4.0, degrees=90.0)]
    starts = []
    for number, i in enumerate(sorted(chosen, key=lambda i: float(np.median(inverse[i, ::8, ::8]))), 1):
        part = slice(i - past, i + 1)
        depth = near_m * 65535.0 / np.maximum(inverse[part].astype(np.float32), 1.0)
        starts.append(
            StartSpec(
                f"start-{number}",
                f"Start {number}",
                np.ascontiguousarray(colour[part]),
                depth,
                pose[part],
                control[part],
                state[i],
            )
        )
    return starts


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished dreamport train.")],
    out: Annotated[Path, typer.Option(help="Where the pack goes.")],
    name: Annotated[str, typer.Option(help="The world's short name.")] = "world",
    title: Annotated[str, typer.Option(help="The world's title.")] = "A neural level",
    description: Annotated[str, typer.Option(help="One paragraph.")] = "",
    licence: Annotated[
        str, typer.Option(help="Licence of the data and of the world.")
    ] = "see the data's own",
    data: Annotated[str, typer.Option(help="What it was trained on.")] = "",
    frame_rate: Annotated[float, typer.Option(help="Frames a second at play.")] = 20.0,
    starts: Annotated[int, typer.Option(help="How many starts.")] = 4,
    commit: Annotated[str, typer.Option(help="Commit of the training code.")] = "unknown",
    results: Annotated[
        Path | None, typer.Option(help="JSON of dreamport evaluate, for the manifest.")
    ] = None,
    card: Annotated[Path | None, typer.Option(help="Folder with card.md and contact_sheet.jpg.")] = None,
) -> None:
    """Make a world pack of a training run."""
    info = json.loads((run / "run.json").read_text())
    preset = PRESETS[info["preset"]]
    times = json.loads((run / "stages.json").read_text())
    modules = run / "modules"
    encoder, decoder = (
        load_module("encode", modules / "encode.safetensors"),
        load_module("decode", modules / "decode.safetensors"),
    )
    dit, motion = (
        load_module("denoise", modules / "denoise.safetensors"),
        load_module("motion", modules / "motion.safetensors"),
    )
    assert isinstance(encoder, Encoder) and isinstance(decoder, Decoder)
    assert isinstance(dit, CausalDiT) and isinstance(motion, MotionHead)
    baked = run / "baked"
    intrinsics = np.load(baked / "intrinsics.npy", mmap_mode="r")[0]
    height, width = np.load(baked / "colour.npy", mmap_mode="r").shape[1:3]
    trained_on = f"{info['device']}, seconds a stage: " + ", ".join(f"{k} {v:.0f}" for k, v in times.items())
    spec = WorldSpec(
        name=name,
        title=title,
        description=description,
        licence=licence,
        width=width,
        height=height,
        frame_rate=frame_rate,
        buttons=WALK_BUTTONS,
        max_turn_deg=15.0,
        focal_px=float(intrinsics[0]),
        near_m=preset.near_m,
        far_m=preset.far_m,
        sigmas=preset.sigmas,
        context_sigma=CONTEXT_SIGMA,
        views_per_frame=preset.per_frame,
        views=len(np.load(baked / "bank_frames.npy")),
        starts=spread_starts(baked, starts, preset.near_m),
        provenance={
            "data": data or f"{len(np.load(baked / 'first.npy', mmap_mode='r'))} recorded frames",
            "licence": licence,
            "commit": commit,
            "trained_on": trained_on,
            "metrics": json.loads(results.read_text()) if results else {},
            "notes": f"preset {info['preset']}, torch {info['torch']}, command: {info['command']}",
        },
        extra_files={p.name: p.read_bytes() for p in sorted(card.iterdir())} if card else {},
    )
    trained = Trained(encoder.config, encoder, decoder, dit.config, dit, motion.config, motion)
    pack = export_pack(out, spec, trained, (baked / "bank.npz").read_bytes())
    print(f"{pack.path}: {pack.total_bytes / 1e6:.1f} MB, {len(pack.manifest.starts)} starts")


def main(args: list[str]) -> None:
    """Run with command-line arguments."""
    app(args, prog_name="dreamport export", standalone_mode=False)
