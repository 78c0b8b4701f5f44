"""Trained modules to a world pack."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dreamport.errors import DatasetError
from dreamport.models import save_module
from dreamport.models.codec import CodecConfig, Decoder, Encoder
from dreamport.models.dit import CausalDiT, DiTConfig
from dreamport.models.motion import STATE_SIZE, MotionConfig, MotionHead
from dreamport.models.reprojection import Reprojection
from dreamport.worlds.contract import signatures
from dreamport.worlds.manifest import WorldManifest
from dreamport.worlds.pack import WorldPack, open_pack_at, write_pack
from dreamport.worlds.source import MANIFEST_NAME
from dreamport.worlds.views import ViewsBuilder
from dreamport_training.onnx_export import export_graph, round_to_half

DIGEST = "0" * 64  # stands in the manifest until the files are there to be hashed


@dataclass(frozen=True)
class StartSpec:
    """Captured frames a session begins from, oldest first: ``colour [N, H, W, 3]``, ``depth_m [N, H, W]``
    (infinite where there is none), ``pose [N, 4, 4]`` (the identity where there is none), ``control [N, A]``,
    ``motion_state [S]`` of the last."""

    name: str
    title: str
    colour: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    pose: NDArray[np.float32]
    control: NDArray[np.float32]
    motion_state: NDArray[np.float32]


@dataclass(frozen=True)
class WorldSpec:
    """What the manifest says that the modules do not know. ``camera``: fx, fy, cx, cy in pixels.
    ``has_depth``: frames have depth. ``has_camera``: the level has places, and poses from outside steer
    through them. ``look``: which axes the player turns. ``views``: in its bank, 0 without one. ``prompts``:
    as in the manifest."""

    name: str
    title: str
    description: str
    licence: str
    width: int
    height: int
    frame_rate: float
    buttons: Sequence[Mapping[str, Any]]
    max_turn_deg: float
    camera: tuple[float, float, float, float]
    near_m: float
    far_m: float
    sigmas: Sequence[float]
    context_sigma: float
    views_per_frame: int
    views: int
    starts: Sequence[StartSpec]
    provenance: Mapping[str, Any]
    has_depth: bool = True
    has_camera: bool = True
    look: tuple[bool, bool] = (True, False)
    prompts: Mapping[str, Any] | None = None
    extra_files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """The modules with their configurations; ``motion`` of worlds whose buttons move a camera, ``text`` of
    those that listen to words."""

    codec: CodecConfig
    encoder: Encoder
    decoder: Decoder
    dit_config: DiTConfig
    dit: CausalDiT
    motion_config: MotionConfig | None = None
    motion: MotionHead | None = None
    text_config: Any = None
    text: nn.Module | None = None


def manifest_of(spec: WorldSpec, trained: Trained) -> dict[str, Any]:
    """The manifest as plain data, without its files."""
    d = trained.dit_config
    camera = dict(zip(("fx", "fy", "cx", "cy"), spec.camera, strict=True))
    graphs = ["encode", "denoise", "decode"]
    graphs += ["motion"] if trained.motion is not None else []
    graphs += ["text"] if trained.text is not None else []
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
            "look": {
                "yaw": spec.look[0],
                "pitch": spec.look[1],
                "max_deg_per_frame": spec.max_turn_deg,
            },
            "pose": spec.has_camera,
            "prompts": [],
        },
        "camera": camera,
        "depth": {"min_m": spec.near_m, "max_m": spec.far_m} if spec.has_depth else None,
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
        "views": (
            {"file": "views.npz", "count": spec.views, "per_frame": spec.views_per_frame}
            if spec.views
            else None
        ),
        "motion": {"state_size": STATE_SIZE} if trained.motion is not None else None,
        "prompts": None if spec.prompts is None else dict(spec.prompts),
        "graphs": {name: f"graphs/{name}.onnx" for name in [*graphs, *(["reproject"] if spec.views else [])]},
        "weights": {name: f"weights/{name}.safetensors" for name in graphs},
        "starts": [{"name": s.name, "title": s.title, "file": f"starts/{s.name}.npz"} for s in spec.starts],
        "provenance": dict(spec.provenance),
    }


def export_pack(folder: Path, spec: WorldSpec, trained: Trained, views: bytes | None) -> WorldPack:
    """Write a pack beside ``folder`` and put it there when it is whole. Replaces a pack that was there,
    nothing else. ``views``: the file of the bank, if there is one. Raises ``DatasetError`` when something
    else is at ``folder``."""
    check_place(folder)
    plain = manifest_of(spec, trained)
    files = [*plain["graphs"].values(), *plain["weights"].values(), *(["views.npz"] if spec.views else [])]
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
        }
        if trained.motion is not None:
            modules["motion"] = (trained.motion, trained.motion_config)
        if trained.text is not None:
            modules["text"] = (trained.text, trained.text_config)
        if spec.views:
            modules["reproject"] = (Reprojection(spec.height, spec.width, spec.near_m), None)
        for name, signature in signatures(manifest).items():
            module, config = modules[name]
            round_to_half(module)
            export_graph(module, signature, made / plain["graphs"][name])
            if config is not None:
                save_module(module, config, made / plain["weights"][name])
        if spec.views and views is not None:
            (made / "views.npz").write_bytes(views)
        camera = np.array(spec.camera, np.float32)
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


def check_place(folder: Path) -> None:
    """Raise ``DatasetError`` when something that is no pack is where a pack should go."""
    if folder.exists() and not (folder / MANIFEST_NAME).is_file() and any(folder.iterdir()):
        raise DatasetError(f"{folder} is there and is no world pack; give --out another folder")


def export_random_pack(path: Path, seed: int) -> WorldPack:
    """A tiny pack with random weights, for tests: right in every shape, meaningless to look at."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        codec = CodecConfig(latent_channels=4, fine_width=8, coarse_width=16, decoder_blocks=1)
        dit = DiTConfig(
            latent_channels=4, latent_height=6, latent_width=10, width=48, layers=2, heads=2, control_size=6
        )
        motion = MotionConfig(extent=(8.0, 8.0), origin=(-4.0, -4.0), features=4, hidden=16)
        head = MotionHead(motion)
        trained = Trained(codec, Encoder(codec), Decoder(codec), dit, CausalDiT(dit), motion, head)
        with torch.no_grad():
            for module in (trained.dit, trained.decoder, trained.encoder):
                for p in module.parameters():
                    p.add_(torch.randn_like(p) * 0.02)
            # A motion head that walks and slides as a Doom player does on open floor.
            head.free.weight.copy_(
                torch.tensor([[0.9, 0, 0, 0, -0.03, 0.03], [0, 0.9, 0.04, -0.04, 0, 0]]).repeat(2, 1)
            )
            head.free.bias.zero_()
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
        camera=(40.0, 40.0, 40.0, 24.0),
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
