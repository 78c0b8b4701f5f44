"""What is new in a run's folder since the last look: metrics and sample pictures, bounded."""

from __future__ import annotations

import json
import math
import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dreamport.service.training_runs import MAX_STAGES, is_stage
from dreamport.v1 import training_pb2

HISTORY_ROWS = 2_000
ROWS_A_MESSAGE = 200
MAX_LINE_BYTES = 16 * 1024
MAX_READ_BYTES = 4 * 1024 * 1024
MAX_VALUES = 64
MAX_SAMPLE_BYTES = 2 * 1024 * 1024
_SAMPLE = re.compile(r"([a-z][a-z0-9_]{0,31})-([0-9]{1,12})\.png")
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Tail:
    """Reads a file of rows as it grows. A run that is taken up again replaces its file by a shorter one;
    rows that were given already are not given again."""

    path: Path
    inode: int = 0
    at: int = 0
    last: int = 0
    rest: bytes = b""

    def skip(self) -> None:
        """Give nothing of what is there now."""
        deque(self.rows(), maxlen=0)

    def rows(self) -> Iterator[training_pb2.MetricRow]:
        """The rows that are new."""
        try:
            with self.path.open("rb") as file:
                facts = os.fstat(file.fileno())
                if facts.st_ino != self.inode or facts.st_size < self.at:
                    self.inode, self.at, self.rest = facts.st_ino, 0, b""
                file.seek(self.at)
                data = file.read(MAX_READ_BYTES)
        except OSError:
            return
        self.at += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > MAX_LINE_BYTES:
            self.rest = b""
        for line in lines:
            row = _row(line)
            if row is not None and row.step > self.last:
                self.last = row.step
                yield row


def _row(line: bytes) -> training_pb2.MetricRow | None:
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        plain = json.loads(line)
        step = plain.pop("step")
        numbers = {
            str(name)[:64]: float(value)
            for name, value in list(plain.items())[:MAX_VALUES]
            if isinstance(value, int | float) and math.isfinite(value)
        }
        return training_pb2.MetricRow(step=step, values=numbers)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None


@dataclass
class Lookout:
    """What one client has seen of a run. ``history``: it wants what was there before it came; ``samples``:
    it wants pictures, of those that were there only the newest."""

    folder: Path
    history: bool
    samples: bool
    _tails: dict[str, Tail] = field(default_factory=dict)
    _shown: set[str] = field(default_factory=set)
    _begun: bool = False

    def look(self) -> list[training_pb2.WatchResponse]:
        """Everything new, in order."""
        found = [*self._metrics(), *(self._pictures() if self.samples else [])]
        self._begun = True
        return found

    def _metrics(self) -> Iterator[training_pb2.WatchResponse]:
        for path in sorted(self.folder.glob("*.jsonl"))[:MAX_STAGES]:
            if path.stem not in self._tails and is_stage(path.stem):
                self._tails[path.stem] = Tail(path)
                if not self._begun and not self.history:
                    self._tails[path.stem].skip()
        for stage, tail in self._tails.items():
            rows = list(deque(tail.rows(), maxlen=HISTORY_ROWS))
            for begin in range(0, len(rows), ROWS_A_MESSAGE):
                part = training_pb2.MetricRows(stage=stage, rows=rows[begin : begin + ROWS_A_MESSAGE])
                yield training_pb2.WatchResponse(metrics=part)

    def _pictures(self) -> Iterator[training_pb2.WatchResponse]:
        fresh = []
        try:
            for entry in os.scandir(self.folder / "samples"):
                matched = _SAMPLE.fullmatch(entry.name)
                if matched and entry.name not in self._shown and entry.is_file(follow_symlinks=False):
                    fresh.append((entry.stat().st_mtime, entry.name, matched[1], int(matched[2])))
        except OSError:
            return
        fresh.sort()
        self._shown |= {name for _, name, _, _ in fresh}
        for _, name, stage, step in fresh if self._begun else fresh[-1:]:
            png = self._png(self.folder / "samples" / name)
            if png is not None:
                yield training_pb2.WatchResponse(sample=training_pb2.Sample(stage=stage, step=step, png=png))

    @staticmethod
    def _png(path: Path) -> bytes | None:
        try:
            if path.stat().st_size > MAX_SAMPLE_BYTES:
                return None
            data = path.read_bytes()
        except OSError:
            return None
        return data if data.startswith(PNG) and len(data) <= MAX_SAMPLE_BYTES else None
