"""What a stage leaves behind while it trains: rows of metrics, TensorBoard curves and sample strips."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Record:
    """The metrics of stage ``name`` in ``folder``: ``NAME.jsonl``, ``tensorboard/NAME``, ``samples/``.

    Rows after ``step``, which a killed process wrote behind its last checkpoint, are dropped first.
    """

    def __init__(self, folder: Path, name: str, step: int, *, tensorboard: bool) -> None:
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.jsonl"
        _keep_until(path, step)
        self.file = path.open("a", encoding="utf-8")
        self.board: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

            self.board = SummaryWriter(str(folder / "tensorboard" / name), purge_step=step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        if self.board is not None:
            self.board.close()

    def row(self, row: Mapping[str, float]) -> None:
        """One row; numbers that are not finite are left out (there was nothing to measure)."""
        finite = {key: value for key, value in row.items() if math.isfinite(value)}
        self.file.write(json.dumps(finite) + "\n")
        self.file.flush()
        if self.board is not None:
            for key, value in finite.items():
                if key != "step":
                    self.board.add_scalar(key, value, int(row["step"]))

    def sample(self, strip: NDArray[np.uint8], step: int) -> None:
        """An RGB strip ``[H, W, 3]`` as ``samples/NAME-STEP.png`` and in TensorBoard."""
        import cv2  # noqa: PLC0415

        path = self.folder / "samples" / f"{self.name}-{step:06d}.png"
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(cv2.imencode(".png", np.ascontiguousarray(strip[..., ::-1]))[1].tobytes())
        os.replace(partial, path)
        if self.board is not None:
            self.board.add_image("sample", strip, step, dataformats="HWC")


def _keep_until(path: Path, step: int) -> None:
    """Drop the rows after ``step``, and a last line that was cut off."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    partial = path.with_suffix(".jsonl.partial")
    partial.write_text("".join(kept), encoding="utf-8")
    os.replace(partial, path)
