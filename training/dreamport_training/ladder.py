"""The ladder: the stages of a run in order, what each needs, and what becomes of those that are left out."""

from __future__ import annotations

import _thread
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

import psutil

from dreamport.episodes.layout import read_info
from dreamport.errors import DatasetError, DreamportError, TrainingStopped
from dreamport.models.codec import Decoder, Encoder
from dreamport_training.config import Stage as StageSection
from dreamport_training.data.baked import Baked
from dreamport_training.data.latents import LatentClips, bake_latents
from dreamport_training.progress import Progress, read_progress
from dreamport_training.prompts import bake_prompts, clip_prompts
from dreamport_training.run import Run
from dreamport_training.stages.experts import Experts, load_experts
from dreamport_training.stages.student import load_student

MARKS = "stages.json"
STOP = "stop"
STOP_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Mark:
    """How a stage ended: ``done`` after so many seconds, or ``skipped`` with the reason."""

    state: Literal["done", "skipped"]
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Rung:
    """A stage. ``lacking``: why it cannot be climbed with this data and configuration, or ``None``.
    ``loops``: it has steps, saves itself and stops when asked."""

    name: str
    climb: Callable[[Run], None]
    lacking: Callable[[Run], str | None]
    loops: bool = True


def rungs() -> tuple[Rung, ...]:
    """All stages up to the pack, in order."""
    return (
        Rung("bake", _bake, _never, loops=False),
        Rung("codec", _codec, _off("codec")),
        Rung("motion", _motion, _no_motion),
        Rung("latents", _latents, _never, loops=False),
        Rung("teacher", _teacher, _off("teacher")),
        Rung("control", _control, _no_control),
        Rung("causal", _causal, _off("causal")),
        Rung("consistency", _consistency, _off("consistency")),
        Rung("dmd", _dmd, _no_dmd),
        Rung("refine", _refine, _off("refine")),
    )


def climb(
    run: Run, say: Callable[[str], None], export: Callable[[Run], None] | None, *, only: str | None = None
) -> None:
    """Climb the ladder from where the run is; ``only`` one stage, also one that is done. Every process of a
    ``torchrun`` calls it; ``say`` is told what happens, a line each.

    Raises what the stages raise: ``TrainingStopped`` when everything is saved after a wish to stop.
    """
    if run.parallel.is_main:
        _forget_old_stop(run.folder / STOP)
    marks = read_marks(run.folder)
    made = [Rung("export", export, _never, loops=False)] if export is not None else []
    for rung in (*rungs(), *made):
        if only is not None and rung.name != only:
            continue
        reason = rung.lacking(run)
        if reason is not None:
            say(f"{rung.name}: skipped: {reason}")
            marks[rung.name] = Mark("skipped", reason=reason)
            _write_marks(run, marks)
            continue
        before = marks.get(rung.name)
        if only is None and before is not None and before.state == "done":
            say(f"{rung.name}: done before ({before.seconds:.0f} s)")
            continue
        seconds = _climbed(run, rung)
        marks[rung.name] = Mark("done", round(seconds, 1))
        _write_marks(run, marks)
        say(f"{rung.name}: {seconds:.0f} s")


def _forget_old_stop(stop: Path) -> None:
    """A wish to stop from before this process began is none of its business; one that came while it was
    loading is."""
    with suppress(FileNotFoundError):
        if stop.stat().st_mtime < psutil.Process().create_time():
            stop.unlink()


def read_marks(folder: Path) -> dict[str, Mark]:
    """How the stages of a run ended so far; empty when none did."""
    try:
        return {name: Mark(**mark) for name, mark in json.loads((folder / MARKS).read_text()).items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{folder / MARKS} cannot be read ({error}); give another folder, or remove the file to begin "
            "again"
        ) from error


def left_out(run: Run) -> dict[str, str]:
    """Why stages will be left out, by name."""
    reasons = {rung.name: rung.lacking(run) for rung in rungs()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def played_decoder(run: Run) -> str:
    """Name of the decoder that is played: the refined one, or the codec's. Raises ``DatasetError``."""
    for stage, name in (("refine", "decode"), ("codec", "decode_codec")):
        if run.module(name).exists() and _lacks(run, stage) is None:
            return name
    raise DatasetError(f"{run.folder} has no decoder yet; run the codec stage")


def _climbed(run: Run, rung: Rung) -> float:
    """Climb one rung; the seconds it took, over all times that it was taken up."""
    began = time.monotonic()
    main = run.parallel.is_main
    before = read_progress(run.folder)
    if not rung.loops and main:
        Progress(rung.name).write(run.folder)
    try:
        if rung.loops:
            rung.climb(run)
            told = read_progress(run.folder)
            looped = told is not None and told.stage.startswith(rung.name) and told.steps > 0
            return told.seconds if told is not None and looped else time.monotonic() - began
        with stopped_when_asked(run.folder, rung.name):
            rung.climb(run)
    except BaseException as error:
        told = read_progress(run.folder)
        if main and (told is None or told == before or told.state == "running"):
            interrupted = isinstance(error, TrainingStopped | KeyboardInterrupt)
            message = str(error) if isinstance(error, DreamportError) else type(error).__name__
            Progress(rung.name, state="stopped" if interrupted else "failed", message=message).write(
                run.folder
            )
        raise
    seconds = time.monotonic() - began
    if main:
        Progress(rung.name, seconds=seconds, state="done").write(run.folder)
    return seconds


@contextmanager
def stopped_when_asked(folder: Path, stage: str) -> Iterator[None]:
    """SIGTERM, Ctrl-C and the file ``stop`` raise ``TrainingStopped`` inside: for work without steps, which
    keeps what it has done by itself. Outside of the main thread nothing is watched."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TrainingStopped(f"{stage}: stopped; the same command goes on from what is done")

    over, asked, main = threading.Event(), folder / STOP, threading.main_thread().ident

    def watch() -> None:
        while not over.wait(STOP_INTERVAL_S):
            if asked.exists():
                asked.unlink(missing_ok=True)
                if main is not None and hasattr(signal, "pthread_kill"):
                    signal.pthread_kill(main, signal.SIGINT)  # also wakes it from a wait
                else:
                    _thread.interrupt_main()
                return

    watching = threading.Thread(target=watch, daemon=True)
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_marks(run: Run, marks: dict[str, Mark]) -> None:
    if run.parallel.is_main:
        partial = run.folder / f"{MARKS}.partial"
        partial.write_text(json.dumps({name: asdict(mark) for name, mark in marks.items()}, indent=1))
        os.replace(partial, run.folder / MARKS)
    run.parallel.wait()


# What each rung needs


def _never(run: Run) -> str | None:
    return None


def _off(name: str) -> Callable[[Run], str | None]:
    def lacking(run: Run) -> str | None:
        section: StageSection = getattr(run.config, name)
        return None if section.enabled else f"{name}.enabled is false in the configuration"

    return lacking


def _lacks(run: Run, name: str) -> str | None:
    return next(rung.lacking(run) for rung in rungs() if rung.name == name)


def _no_motion(run: Run) -> str | None:
    if read_info(run.data).pose == "none":
        return "the data has no poses"
    return _off("motion")(run)


def _no_control(run: Run) -> str | None:
    off = _off("control")(run)
    return off or ("there is no teacher to control" if not run.config.teacher.enabled else None)


def _no_dmd(run: Run) -> str | None:
    off = _off("dmd")(run)
    return off or ("there is no teacher for the real score" if not run.config.teacher.enabled else None)


# The rungs


def _bake(run: Run) -> None:
    from dreamport_training.data.bake import BakeConfig, bake  # noqa: PLC0415

    def work() -> None:
        bake(run.data, run.baked, BakeConfig.of(run.config.data))

    run.parallel.on_main(work)


def _codec(run: Run) -> None:
    from dreamport_training.stages.codec import train_codec  # noqa: PLC0415

    train_codec(run, Baked(run.baked))


def _motion(run: Run) -> None:
    from dreamport_training.stages.motion import train_motion  # noqa: PLC0415

    train_motion(run)


def _latents(run: Run) -> None:
    encoder = run.load("encode", "encode")
    assert isinstance(encoder, Encoder)

    def work() -> None:
        data = Baked(run.baked)
        bake_latents(data, encoder, run.baked, run.seed, str(run.device))
        bake_prompts(run, data, encoder)

    run.parallel.on_main(work)


def _clips(run: Run, frames: int) -> LatentClips:
    data = Baked(run.baked)
    return LatentClips(data, run.baked, frames, clip_prompts(run, data))


def _experts(run: Run) -> Experts | None:
    """The teacher as it is by now: with controls, without, or none."""
    for stage in ("control", "teacher"):
        if _lacks(run, stage) is None and run.module(stage).exists():
            return load_experts(run, stage)
    return None


def _teacher(run: Run) -> None:
    from dreamport_training.stages.teacher import train_teacher  # noqa: PLC0415

    train_teacher(run, _clips(run, run.config.teacher.frames))


def _control(run: Run) -> None:
    from dreamport_training.stages.control import train_control  # noqa: PLC0415

    train_control(run, _clips(run, run.config.control.frames), load_experts(run, "teacher"))


def _causal(run: Run) -> None:
    from dreamport_training.stages.causal import train_causal  # noqa: PLC0415

    train_causal(run, _clips(run, run.config.causal.frames), _experts(run))


def _consistency(run: Run) -> None:
    from dreamport_training.stages.consistency import train_consistency  # noqa: PLC0415

    causal = load_student(run, before="consistency")
    train_consistency(run, _clips(run, run.config.consistency.frames), causal)


def _dmd(run: Run) -> None:
    from dreamport_training.stages.dmd import train_dmd  # noqa: PLC0415

    teacher = _experts(run)
    if teacher is None:
        raise DatasetError(f"{run.folder}: dmd needs the teacher; run that stage first")
    train_dmd(run, _clips(run, run.config.dmd.frames), load_student(run, before="dmd"), teacher)


def _refine(run: Run) -> None:
    from dreamport_training.stages.refine import train_refine  # noqa: PLC0415

    decoder = run.load("decode", "decode_codec")
    assert isinstance(decoder, Decoder)
    train_refine(run, _clips(run, run.config.refine.frames), load_student(run), decoder)


STAGES = (*(rung.name for rung in rungs()), "export")
"""Names of all stages; ``export`` makes the pack."""
