"""Measures and judges the episodes of a data set, and leaves the verdicts in it for whoever trains."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dreamport.episodes.checks import check_episode
from dreamport.episodes.dataset import Dataset
from dreamport.episodes.verdicts import Verdict, fingerprint, read_profile, write_profile
from dreamport.errors import DatasetError
from dreamport_tools.data.balance import Balance, total
from dreamport_tools.data.gates import CommonLags, Gates, common_lags, judge
from dreamport_tools.data.measure import Measures, measure

Progress = Callable[[int, int], None]
Decisions = Mapping[int, tuple[bool, str]]
"""What a person decided of an episode: used or not, and why."""


@dataclass(frozen=True)
class Profiled:
    """One episode. ``measures`` ``None``: it is not whole, so nothing was measured."""

    verdict: Verdict
    split: str
    measures: Measures | None


@dataclass(frozen=True)
class Profile:
    """A data set's episodes, in order, and the balance of the controls over those that are used."""

    episodes: list[Profiled]
    balance: Balance

    @property
    def usable(self) -> int:
        """How many episodes may be used."""
        return sum(each.verdict.usable for each in self.episodes)


def profile(
    data: Dataset,
    *,
    gates: Gates,
    workers: int = 1,
    again: bool = False,
    decisions: Decisions | None = None,
    progress: Progress | None = None,
) -> Profile:
    """Profile ``data`` and write ``meta/profile.json``. Episodes measured before whose files are the same are
    only judged anew, unless ``again``. ``decisions`` stand above the gates, now and in later calls.

    Raises ``DatasetError`` for a damaged ``meta/profile.json`` and for a decision about an episode that is
    not there. A bad episode raises nothing.
    """
    before = read_profile(data.path)
    rows = data.rows()
    positions = {int(row["episode_index"]): position for position, row in enumerate(rows)}
    unknown = sorted(set(decisions or {}) - set(positions))
    if unknown:
        raise DatasetError(
            f"{data.path.name} has no episode {unknown[0]}; `dreamport capture list` shows them"
        )
    prints = {index: fingerprint(data.path, index) for index in positions}
    entries: dict[int, dict[str, Any]] = {}
    for index in positions:
        entry = before.get(index, {})
        kept = {} if "decision" not in entry else {"decision": entry["decision"]}
        if not again and entry.get("fingerprint") == prints[index] and _measured(entry) is not None:
            kept["measures"] = entry["measures"]
        entries[index] = {"fingerprint": prints[index], **kept}
    for index, (usable, why) in (decisions or {}).items():
        entries[index]["decision"] = {"usable": usable, "why": why}
    wanted = [positions[index] for index, entry in entries.items() if "measures" not in entry]
    done = len(entries) - len(wanted)
    told = progress or _tell_nobody
    told(done, len(entries))
    for position, problems, measured in _measure_all(data, wanted, workers):
        entry = entries[int(rows[position]["episode_index"])]
        entry["problems"] = problems
        if measured is not None:
            entry["measures"] = measured
        done += 1
        told(done, len(entries))
    common = common_lags(m for m in map(_measured, entries.values()) if m is not None)
    found = [_judge(data, index, entry, gates, common) for index, entry in entries.items()]
    write_profile(data.path, entries)
    found += [Profiled(Verdict(index, False, (text,)), "", None) for index, text in data.unreadable.items()]
    used = (each.measures.balance for each in found if each.verdict.usable and each.measures is not None)
    return Profile(found, total(used))


def measures_of(root: Path) -> dict[int, Measures]:
    """What the last profile measured, of episodes that have not changed since, by index."""
    return {
        index: measured
        for index, entry in read_profile(root).items()
        if (measured := _measured(entry)) is not None and entry["fingerprint"] == fingerprint(root, index)
    }


def _judge(data: Dataset, index: int, entry: dict[str, Any], gates: Gates, common: CommonLags) -> Profiled:
    """The verdict on an episode; it is written into ``entry`` too."""
    split = next(str(row["split"]) for row in data.rows() if int(row["episode_index"]) == index)
    measured = _measured(entry)
    reasons: tuple[str, ...] = tuple(entry.pop("problems", ()))
    warnings: tuple[str, ...] = ()
    if measured is not None:
        reasons, warnings = judge(index, measured, data.info, gates, common)
    usable = not reasons
    decision = entry.get("decision")
    if decision is not None and measured is not None:
        usable = bool(decision["usable"])
        warnings, reasons = (warnings + reasons, ()) if usable else (warnings, reasons)
        if not usable:
            reasons = (f"episode {index} was rejected by hand: {decision['why']}", *reasons)
    verdict = Verdict(index, usable, reasons, warnings, measured.jumps if measured is not None else ())
    entry["verdict"] = {name: value for name, value in asdict(verdict).items() if name != "episode"}
    return Profiled(verdict, split, measured)


def _measure_all(
    data: Dataset, positions: list[int], workers: int
) -> Iterator[tuple[int, list[str], dict[str, Any] | None]]:
    """Position, what makes an episode useless, and its measures as JSON, as they come."""
    if workers <= 1 or len(positions) <= 1:
        for position in positions:
            yield _measure_one(data.path, position)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(positions)), context, initializer=_one_thread) as pool:
        for future in as_completed(
            [pool.submit(_measure_one, data.path, position) for position in positions]
        ):
            yield future.result()


def _one_thread() -> None:
    """Beside other workers a process uses one core."""
    import cv2  # noqa: PLC0415 - only the workers need it here

    cv2.setNumThreads(1)


def _measure_one(path: Path, position: int) -> tuple[int, list[str], dict[str, Any] | None]:
    data = Dataset(path)
    problems = check_episode(data, position)
    if problems:
        return position, [problem.text for problem in problems], None
    episode = data[position]
    try:
        return position, [], measure(episode).to_json()
    except DatasetError as error:
        return position, [str(error)], None
    finally:
        episode.close()


def _measured(entry: Mapping[str, Any]) -> Measures | None:
    try:
        return Measures.from_json(entry["measures"])
    except (KeyError, TypeError):  # of another version, or not measured
        return None


def _tell_nobody(done: int, total_: int) -> None:
    pass
