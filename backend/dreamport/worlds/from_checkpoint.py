"""Makes a world pack that refers to a checkpoint: a picture and a prompt are its start, its weights stay
where they are.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import PackError
from dreamport.worlds.checkpoint import LATENT_FRAMES, LATENT_STRIDE, Checkpoint, Decoder, LingBotSizes
from dreamport.worlds.image_start import image_bytes
from dreamport.worlds.pack import WorldPack, open_pack_at, write_pack
from dreamport.worlds.weights import WeightRecord, write_record

FRAME_RATE = 16.0
"""Video frames a second of the clips that Wan and LingBot-World were trained on."""
STEP, TURN_DEG, MAX_PITCH_DEG = 0.05, 2.0, 85.0
"""What keys do in one video frame, as LingBot-World maps them: units walked, degrees turned, how far up."""
MAX_LOOK_DEG = 4.0
"""Degrees that one frame of mouse look turns at most: twice what keys do."""
FOCAL = 0.6
"""Focal length in widths of the frame: a horizontal field of view of 80 degrees."""
BUTTONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("forward", "Forward", ("KeyW",)),
    ("back", "Back", ("KeyS",)),
    ("left", "Left", ("KeyA",)),
    ("right", "Right", ("KeyD",)),
    ("look_left", "Look left", ("ArrowLeft", "KeyJ")),
    ("look_right", "Look right", ("ArrowRight", "KeyL")),
    ("look_up", "Look up", ("ArrowUp", "KeyI")),
    ("look_down", "Look down", ("ArrowDown", "KeyK")),
)
"""Name, label and keys of each button, bit 0 first."""
LARGE_DIM = 5120
"""Width of the 14B transformer, whose configuration has a flow shift of 10; the smaller one's is 5."""
STEPS, STEPS_V1_FAST = (0, 250, 500, 750), (0, 179, 358, 679)
LICENCES = {"v1_fast": "Apache-2.0", "v2_14b": "CC-BY-NC-SA-4.0", "flat": "CC-BY-NC-SA-4.0"}
UNKNOWN_LICENCE = "LicenseRef-of-the-checkpoint"


@dataclass(frozen=True)
class NewWorld:
    """What the player chooses. ``image [H, W, 3]`` uint8 as large as the frame; ``shift``: the flow shift,
    ``None`` for the layout's own.
    """

    name: str
    title: str
    image: NDArray[np.uint8]
    prompt: str
    decoder: Decoder = "wan21"
    shift: float | None = None


def write_checkpoint_world(
    folder: Path, record: WeightRecord, sizes: LingBotSizes, new: NewWorld
) -> WorldPack:
    """Write the pack into ``folder``, which must not exist, and open it again to check it.

    All or nothing: what fails leaves no folder. Raises ``PackError``.
    """
    if folder.exists():
        raise PackError(f"there is a world at {folder} already; choose another --name, or delete it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".adding-", dir=folder.parent))
    try:
        (work / "starts").mkdir()
        (work / "starts" / "start.npz").write_bytes(image_bytes(new.image))
        (work / "checkpoint.json").write_bytes(write_record(record))
        write_pack(work, manifest_of(record.layout, sizes, new))
        work.rename(folder)
    except OSError as error:
        raise PackError(f"{folder} cannot be written ({error.strerror}); check the disk") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return open_pack_at(folder)


def manifest_of(layout: str, sizes: LingBotSizes, new: NewWorld) -> Mapping[str, Any]:
    """The fields of ``world.json`` but ``files``, as plain data."""
    height, width = new.image.shape[:2]
    rows, columns = height // LATENT_STRIDE, width // LATENT_STRIDE
    indices = STEPS_V1_FAST if layout == "v1_fast" else STEPS
    # the diffusers port is run with a shift of 5 (vLLM-Omni)
    shift = 10.0 if sizes.dim >= LARGE_DIM and layout != "diffusers" else 5.0
    checkpoint = Checkpoint.model_validate(
        {
            "family": "lingbot",
            "file": "checkpoint.json",
            "sizes": sizes,
            "shift": new.shift or shift,
            "indices": indices,
            "decoder": new.decoder,
            "camera": {
                "scale": 1.0 / (LATENT_FRAMES * STEP),
                "step": STEP,
                "turn_deg": TURN_DEG,
                "max_pitch_deg": MAX_PITCH_DEG,
            },
        }
    )
    licence = LICENCES.get(layout, UNKNOWN_LICENCE)
    return {
        "schema_version": 1,
        "name": new.name,
        "title": new.title,
        "description": "A LingBot-World checkpoint on this machine, begun from a picture and a prompt.",
        "licence": licence,
        "frame": {"width": width, "height": height},
        "frame_rate": FRAME_RATE,
        "chunk_frames": LATENT_FRAMES * sizes.chunk_latents,
        "controls": {
            "buttons": [{"name": name, "label": label, "keys": keys} for name, label, keys in BUTTONS],
            "look": {"yaw": True, "pitch": True, "max_deg_per_frame": MAX_LOOK_DEG},
            "pose": True,
        },
        "camera": {"fx": FOCAL * width, "fy": FOCAL * width, "cx": width / 2, "cy": height / 2},
        "latent": {"channels": sizes.out_channels, "height": rows, "width": columns},
        "cache": {
            "layers": sizes.layers,
            "heads": sizes.heads,
            "head_dim": sizes.dim // sizes.heads,
            "tokens_per_frame": (rows // sizes.patch[1]) * (columns // sizes.patch[2]),
            "sink_frames": sizes.sink_frames,
            "window_frames": sizes.window_frames - sizes.sink_frames,
        },
        "sampler": {"sigmas": checkpoint.sigmas, "context_sigma": 0.0},
        "checkpoint": checkpoint.model_dump(mode="json"),
        "starts": [
            {"name": "start", "title": new.title, "file": "starts/start.npz", "prompt": new.prompt},
        ],
        "provenance": {
            "data": "what LingBot-World was trained on (arXiv 2601.20540, 2607.07534)",
            "licence": licence,
            "commit": layout,
            "trained_on": "a public checkpoint, loaded as it is",
        },
    }
