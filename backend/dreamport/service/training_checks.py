"""What a client may ask of training: names, bounded numbers, nothing that reaches a path or a shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc

from dreamport.service.negotiation import PROTOCOL_VERSION
from dreamport.service.refusal import Refusal, invalid
from dreamport.v1 import training_pb2

PRESETS = ("", "tiny", "cpu", "gpu")
DEVICES = ("", "cpu", "cuda")
STAGES = ("codec", "motion", "teacher", "control", "causal", "consistency", "dmd", "refine")
SKIPPABLE = ("motion", "teacher", "control", "consistency", "dmd", "refine")
MAX_STEPS = 10_000_000
MAX_SEED = 1 << 63
MAX_TITLE = 120


@dataclass(frozen=True)
class Wanted:
    """A request whose every value is in its bounds."""

    world: str
    dataset: str
    preset: str
    seed: int
    device: str
    steps: Mapping[str, int]
    skip: tuple[str, ...]
    title: str

    def as_json(self) -> dict[str, Any]:
        """Plain data; equal requests give equal ones."""
        return {**asdict(self), "steps": dict(sorted(self.steps.items())), "skip": sorted(self.skip)}

    def arguments(self, data: Path, run: Path, pack: Path) -> list[str]:
        """The command line of ``dreamport train``. Everything of the client's is the value of an option and
        begins with its name, so that none is taken for an option itself."""
        arguments = [
            str(data.resolve()),
            f"--world={self.world}",
            f"--run={run.resolve()}",
            f"--out={pack.resolve()}",
            f"--seed={self.seed}",
        ]
        arguments += [f"--preset={self.preset}"] if self.preset else []
        arguments += [f"--device={self.device}"] if self.device else []
        arguments += [f"--title={self.title}"] if self.title else []
        arguments += [f"--set={stage}.steps={count}" for stage, count in sorted(self.steps.items())]
        arguments += [f"--set={stage}.enabled=false" for stage in sorted(self.skip)]
        return arguments


def check_start(request: training_pb2.StartRequest) -> Wanted:
    """What a client asks for. Raises ``Refusal`` with the field named; names of folders are checked where
    paths are made of them."""
    if request.protocol_version != PROTOCOL_VERSION:
        raise Refusal(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"protocol_version: this server speaks {PROTOCOL_VERSION}; update the older of the two.",
        )
    _one_of("preset", request.preset, PRESETS)
    _one_of("device", request.device, DEVICES)
    if request.seed >= MAX_SEED:
        raise invalid("seed", "must be below 2^63")
    if len(request.steps) > len(STAGES) * 2 or len(request.skip) > len(STAGES) * 2:
        raise invalid("steps", "too many stages")
    for stage, count in request.steps.items():
        _one_of("steps", stage, STAGES)
        if not 1 <= count <= MAX_STEPS:
            raise invalid("steps", f"{stage}: between 1 and {MAX_STEPS:,}")
    for stage in request.skip:
        _one_of("skip", stage, SKIPPABLE)
    if len(request.title) > MAX_TITLE or not (request.title == "" or request.title.isprintable()):
        raise invalid("title", f"at most {MAX_TITLE} printable characters")
    return Wanted(
        world=request.world,
        dataset=request.dataset,
        preset=request.preset,
        seed=request.seed,
        device=request.device,
        steps=dict(request.steps),
        skip=tuple(dict.fromkeys(request.skip)),
        title=request.title,
    )


def _one_of(field: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise invalid(field, f"one of {', '.join(repr(name) for name in known)}")
