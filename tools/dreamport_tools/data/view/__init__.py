"""A page that shows a data set's episodes: frames, depth, controls and path side by side. A folder of plain
files, opened by a browser without a server.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.episodes.verdicts import Verdict, fingerprint, verdicts
from dreamport.errors import DatasetError
from dreamport_tools.data.measure import Mark, Measures
from dreamport_tools.data.movement import movement_of
from dreamport_tools.data.profile import measures_of
from dreamport_tools.data.stats import facts
from dreamport_tools.data.view.sheets import write_sheets

VERSION = 1
PAGE = ("index.html", "view.css", "view.js", "draw.js")
Progress = Callable[[int, int], None]


def build(
    data: Dataset,
    out: Path,
    *,
    episodes: Collection[int] | None = None,
    most: int = 40,
    width: int = 320,
    progress: Progress | None = None,
) -> Path:
    """Write the page of ``data`` into the folder ``out`` and give its ``index.html``. Pictures are at most
    ``width`` pixels wide. ``episodes``: those to show; else up to ``most``, those left out first; the others
    are listed without pictures. What is there from before and has not changed is kept.

    Raises ``DatasetError`` when ``out`` holds something else, or an episode asked for is not there.
    """
    if out.exists() and any(out.iterdir()) and not (out / "episodes.js").exists():
        raise DatasetError(
            f"{out} holds something else than a page of episodes; give an empty folder with --out"
        )
    judged = {verdict.episode: verdict for verdict in verdicts(data)}
    missing = sorted(set(episodes or ()) - set(judged))
    if missing:
        raise DatasetError(
            f"{data.path.name} has no episode {missing[0]}; `dreamport capture list` shows them"
        )
    rows = {int(row["episode_index"]): (position, row) for position, row in enumerate(data.rows())}
    first = sorted(judged, key=lambda index: (judged[index].usable, index))
    shown = set(first[:most]) if episodes is None else set(episodes)
    out.mkdir(parents=True, exist_ok=True)
    (out / "episodes.js").touch()  # says whose folder it is, should this be interrupted
    measured = measures_of(data.path)
    listed = []
    told = progress or _tell_nobody
    for done, index in enumerate(sorted(judged)):
        verdict = judged[index]
        entry: dict[str, Any] = {
            "index": index,
            "usable": verdict.usable,
            "reasons": verdict.reasons,
            "warnings": verdict.warnings,
        }
        if index in rows:
            position, row = rows[index]
            entry |= {name: row.get(name) for name in ("length", "split", "seed", "session", "map", "ended")}
            if index in shown:
                entry["shown"] = _write_episode(data, position, out, width, verdict, measured.get(index))
        listed.append(entry)
        told(done + 1, len(judged))
    page = {"name": data.info.name, "facts": facts(data), "rate": data.info.frame_rate,
            "buttons": data.info.buttons, "profiled": bool(measured), "episodes": listed}  # fmt: skip
    _write_page(out)
    (out / "episodes.js").write_text(f"window.DREAMPORT = {_json(page)};\n", encoding="utf-8")
    return out / "index.html"


def _write_episode(
    data: Dataset, position: int, out: Path, width: int, verdict: Verdict, measured: Measures | None
) -> bool:
    """Write the folder of one episode; false when it cannot be opened."""
    try:
        episode = data[position]
    except DatasetError:  # its verdict says why
        return False
    folder = out / f"episode-{episode.index:06d}"
    stamp = f"{VERSION} {width} {fingerprint(data.path, episode.index)}"
    there = _read(folder / "sheets.json")
    if there.get("stamp") != stamp:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        there = {"stamp": stamp}
        try:
            there["sheets"] = write_sheets(episode, folder, width)
        except DatasetError as error:
            there["sheets"] = {"colour": 0, "depth": 0, "damage": [str(error)]}
        (folder / "sheets.json").write_text(json.dumps(there), encoding="utf-8")
    rows = _rows(episode, verdict, measured)
    rows["sheets"] = {key: value for key, value in there["sheets"].items() if key != "stamp"}
    text = f"window.DREAMPORT.loaded({episode.index}, {_json(rows)});\n"
    (folder / "rows.js").write_text(text, encoding="utf-8")
    return True


def _rows(episode: Episode, verdict: Verdict, measured: Measures | None) -> dict[str, Any]:
    """What the page draws of an episode: a list of ``T`` values each, ``null`` where there is none."""
    moved, pose = movement_of(episode), episode.pose
    marks = measured.marks if measured is not None else _unprofiled(episode)
    return {
        "held": episode.buttons.tolist(),
        "look": [_list(episode.look_deg[:, 0], 3), _list(episode.look_deg[:, 1], 3)],
        "mouse": [_list(episode.mouse_dxdy[:, 0], 1), _list(episode.mouse_dxdy[:, 1], 1)],
        "x": _list(pose[:, 0, 3], 3),
        "y": _list(pose[:, 1, 3], 3),
        "z": _list(pose[:, 2, 3], 3),
        "heading": _list(np.degrees(np.arctan2(pose[:, 0, 2], pose[:, 2, 2])), 1),
        "speed": _list(moved.speed_m * episode.info.frame_rate, 3),
        "confidence": _list(episode.pose_confidence, 2),
        "frame": episode.frame_number.tolist(),
        "marks": [[mark.kind, mark.first, mark.end, mark.text] for mark in marks],
        "cuts": list(verdict.cuts),
        "tags": _tags(episode),
    }


def _unprofiled(episode: Episode) -> list[Mark]:
    gaps = np.flatnonzero(episode.missing_before)
    return [Mark("gap", int(r), int(r) + 1, f"{episode.missing_before[r]} frames lost") for r in gaps]


def _tags(episode: Episode) -> dict[str, str]:
    value = json.loads(str(episode.facts.get("tags") or "{}"))
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _write_page(out: Path) -> None:
    """The page's own files, and the plots of the browser player as a plain script: modules need a server."""
    here = files("dreamport_tools.data.view") / "page"
    for name in PAGE:
        (out / name).write_bytes((here / name).read_bytes())
    vendor = files("dreamport.web") / "static" / "vendor"
    source = (vendor / "plot.js").read_text(encoding="utf-8")
    script, count = re.subn(r"export\s*\{\s*([\w$]+)\s+as\s+uPlot\s*\};?\s*$", r"window.uPlot=\1;", source)
    if count != 1:
        raise DatasetError("the plots of the browser player are not as expected; install Dreamport again")
    (out / "plot.js").write_text(f"(function(){{{script}}})();\n", encoding="utf-8")
    for name in ("uplot.css", "licences.txt"):
        (out / name).write_bytes((vendor / name).read_bytes())


def _json(value: object) -> str:
    """JSON that is a script as well, whatever the names and tags in it hold."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True).replace(
        "<", "\\u003c"
    )


def _list(values: NDArray[np.floating], digits: int) -> list[float | None]:
    return [round(float(v), digits) if np.isfinite(v) else None for v in values]


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _tell_nobody(done: int, total: int) -> None:
    pass
