"""A run's finished modules and its data to a world pack: what the manifest says comes from the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dreamport.episodes.dataset import Dataset
from dreamport.errors import DatasetError
from dreamport.models.codec import Decoder, Encoder
from dreamport.models.motion import MotionHead
from dreamport.worlds.buttons import buttons_of
from dreamport.worlds.pack import WorldPack
from dreamport_training.data.baked import Baked
from dreamport_training.export import Trained, WorldSpec, check_place, export_pack
from dreamport_training.ladder import STAGES, Mark, played_decoder, read_marks
from dreamport_training.prompts import manifest_prompts
from dreamport_training.record_of_run import RunRecord
from dreamport_training.run import Run
from dreamport_training.stages.student import load_student
from dreamport_training.starts import spread_starts

STARTS = 4
LEAST_TURN_DEG, MOST_TURN_DEG = 5.0, 180.0


def pack_of_run(
    run: Run,
    record: RunRecord,
    out: Path,
    *,
    starts: int = STARTS,
    frame_rate: float | None = None,
    commit: str = "unknown",
    metrics: dict[str, Any] | None = None,
    extra_files: dict[str, bytes] | None = None,
) -> WorldPack:
    """Write the pack. ``frame_rate``: at play, as recorded when left out. ``metrics``: for the manifest;
    ``extra_files``: such as the card. Raises ``DatasetError`` while a stage is missing."""
    check_place(out)
    encoder, decoder = run.load("encode", "encode"), run.load("decode", played_decoder(run))
    assert isinstance(encoder, Encoder) and isinstance(decoder, Decoder)
    student = load_student(run)
    baked, info = Baked(run.baked), Dataset(run.data).info
    motion: MotionHead | None = None
    if baked.pose_kind != "none" and run.module("motion").exists():
        loaded = run.load("motion", "motion").cpu()
        assert isinstance(loaded, MotionHead)
        motion = loaded
    prompts = manifest_prompts(run.config, baked)
    text = run.load("text", "text") if prompts and prompts.get("text") else None
    trained = Trained(
        encoder.config, encoder.cpu(), decoder.cpu(), student.config, student.cpu(),
        None if motion is None else motion.config, motion,
        None if text is None else text.config, None if text is None else text.cpu(),
    )  # fmt: skip
    height, width = baked.colour.shape[1:3]
    bank = run.baked / "bank.npz"
    views = len(np.load(run.baked / "bank_frames.npy")) if baked.has_hints and bank.exists() else 0
    data = run.config.data
    spec = WorldSpec(
        name=record.world,
        title=record.title or record.world,
        description=record.description,
        licence=record.licence or info.licence,
        width=width,
        height=height,
        frame_rate=frame_rate or info.frame_rate,
        buttons=buttons_of(info.buttons, _keys(info.source)),
        max_turn_deg=_largest_turn(baked, len(info.buttons), info.look_max_deg),
        camera=_camera(run.baked),
        near_m=data.near_m,
        far_m=data.far_m,
        sigmas=run.config.model.sigmas,
        context_sigma=run.config.model.context_sigma,
        views_per_frame=data.per_frame,
        views=views,
        starts=spread_starts(baked, starts, data.near_m),
        provenance={
            "data": f"{info.name}: {len(baked)} frames recorded at {info.frame_rate:g} a second",
            "licence": record.licence or info.licence,
            "commit": commit,
            "trained_on": _trained_on(run, record),
            "metrics": metrics or {},
            "notes": _notes(run, record),
        },
        has_depth=baked.has_depth,
        has_camera=baked.pose_kind != "none",
        look=_look(baked, len(info.buttons)),
        prompts=prompts,
        extra_files=extra_files or {},
    )
    return export_pack(out, spec, trained, bank.read_bytes() if views else None)


def _keys(source: Any) -> dict[str, list[str]] | None:
    """Keys that a recorder names for its buttons, in ``source.keys``."""
    named = source.get("keys") if hasattr(source, "get") else None
    if not isinstance(named, dict):
        return None
    return {str(k): [str(code) for code in v] for k, v in named.items() if isinstance(v, list | tuple)}


def _camera(baked: Path) -> tuple[float, float, float, float]:
    """The intrinsics that most frames have."""
    rows, counts = np.unique(np.load(baked / "intrinsics.npy"), axis=0, return_counts=True)
    fx, fy, cx, cy = (float(v) for v in rows[int(np.argmax(counts))])
    return fx, fy, cx, cy


def _look(baked: Baked, buttons: int) -> tuple[bool, bool]:
    turned = np.abs(baked.control[:, buttons : buttons + 2]).max(axis=0, initial=0.0)
    return bool(turned[0] > 0.01), bool(turned[1] > 0.01)


def _largest_turn(baked: Baked, buttons: int, said: float) -> float:
    """Degrees a frame: what the recording says, or a little more than it ever turned."""
    turned = float(np.abs(baked.control[:, buttons : buttons + 2]).max(initial=0.0))
    return float(min(MOST_TURN_DEG, max(LEAST_TURN_DEG, said if said > 0 else np.ceil(1.1 * turned))))


def _trained_on(run: Run, record: RunRecord) -> str:
    marks = read_marks(run.folder)
    told = [f"{name} {_told(marks[name])}" for name in STAGES if name in marks and name != "export"]
    missing = [name for name in STAGES if name not in marks and name != "export"]
    if missing:
        raise DatasetError(
            f"the stages {', '.join(missing)} of {run.folder} are not done; give dreamport train again"
        )
    return f"{record.device}, seconds a stage: {', '.join(told)}"


def _told(mark: Mark) -> str:
    return f"{mark.seconds:.0f}" if mark.state == "done" else f"skipped ({mark.reason})"


def _notes(run: Run, record: RunRecord) -> str:
    sizes = f"preset {record.preset}" if record.preset else "a configuration of its own"
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    commands = "; ".join(record.commands[-3:])
    return f"{sizes}, seed {record.seed}, {versions}; {commands}"[:8000]
