"""How long the parts of a chunk take, without waiting for the device."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import torch


class Stopwatch:
    """Milliseconds by part. On a GPU they are measured there, by events, known when the device is done."""

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._events: dict[str, tuple[Any, Any]] = {}
        self._told: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        if self._on_gpu:
            event: Any = torch.cuda.Event
            first, last = event(enable_timing=True), event(enable_timing=True)
            first.record()
            yield
            last.record()
            self._events[name] = (first, last)
            return
        began = time.perf_counter()
        yield
        self._told[name] = 1e3 * (time.perf_counter() - began)

    def told(self) -> dict[str, float]:
        """The last measurement of each part that is finished."""
        for name, (first, last) in list(self._events.items()):
            if last.query():
                self._told[name] = float(first.elapsed_time(last))
                del self._events[name]
        return dict(self._told)
