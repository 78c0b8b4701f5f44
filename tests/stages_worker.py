"""One process of a run that climbs every stage that shares its work:
``stages_worker.py FOLDER STRATEGY SEQUENCE``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from dreamport.models.codec import Decoder
from dreamport_training.data.baked import Baked
from dreamport_training.data.latents import LatentClips
from dreamport_training.parallel import Parallel
from dreamport_training.run import Run
from dreamport_training.stages.causal import train_causal
from dreamport_training.stages.codec import train_codec
from dreamport_training.stages.consistency import train_consistency
from dreamport_training.stages.control import train_control
from dreamport_training.stages.dmd import train_dmd
from dreamport_training.stages.refine import train_refine
from dreamport_training.stages.student import load_student
from dreamport_training.stages.teacher import train_teacher
from stub_clips import small_config

STAGES = ("codec", "teacher", "control", "causal", "consistency", "dmd", "refine")
STEPS = 3


def climb(folder: Path, strategy: str, sequence: int) -> None:
    """Three steps of every stage over the level in ``folder/baked``, with two experts."""
    torch.set_num_threads(1)
    over: dict[str, object] = {f"{stage}__steps": STEPS for stage in STAGES}
    over |= {f"{stage}__batch": 4 for stage in STAGES}
    over |= {f"{stage}__phases": [{"frames": 4, "share": 1.0}] for stage in ("teacher", "control", "causal")}
    config = small_config(
        **over, teacher__experts=2, parallel__strategy=strategy, parallel__sequence=sequence
    )
    parallel = Parallel.start(config.parallel)
    run = Run(folder / "data", folder, config, 0, parallel)
    clips = LatentClips(Baked(run.baked), run.baked, 4)
    train_codec(run, clips.data)
    teacher = train_control(run, clips, train_teacher(run, clips))
    train_causal(run, clips, teacher)
    train_consistency(run, clips, load_student(run, before="consistency"))
    train_dmd(run, clips, load_student(run, before="dmd"), teacher)
    decoder = run.load("decode", "decode_codec")
    assert isinstance(decoder, Decoder)
    train_refine(run, clips, load_student(run), decoder)
    parallel.close()


if __name__ == "__main__":
    climb(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
