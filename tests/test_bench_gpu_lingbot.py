"""The benchmark of LingBot-World runs at a tiny size on a machine without a GPU, and goes on where it was."""

from __future__ import annotations

import json
import runpy
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="LingBot-World needs the extra 'lingbot' (torch)")

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "gpu" / "lingbot.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_every_row_is_made_of_options_that_there_are(script: dict[str, Any]) -> None:
    settings = {row: script["settings_of"](row, "cuda") for row in (*script["ROWS"], *script["ALONE"])}
    assert len(set(settings.values())) == len(settings), "each row differs from every other"
    assert settings["plain"] == (type(settings["plain"][0])(), "wan21")
    options, decoder = settings[list(script["ROWS"])[-1]]
    assert (decoder, options.attention, options.merged_cache, options.camera_once) == (
        "taehv",
        "fp8",
        True,
        True,
    )
    assert script["settings_of"]("+ tiny decoder", "cpu")[0].attention == "auto"


@pytest.mark.parametrize("row", ["plain", "8-bit weights, blocks streamed"])
def test_a_row_is_measured_part_by_part(row: str, script: dict[str, Any]) -> None:
    result = script["measure_here"]("tiny", row, torch.device("cpu"), 2, time.time())
    assert result.problem is None, result.problem
    assert result.device == "CPU" and 0 < result.chunk_s["p50"] <= result.chunk_s["p95"]
    assert set(result.parts_ms) == {"denoise", "cache", "decode"} and min(result.parts_ms.values()) > 0
    assert sum(result.parts_ms.values()) / 1e3 == pytest.approx(result.chunk_s["p50"], rel=0.5)
    assert result.tflops > 0 and result.start_s["first"] > 0


def test_rows_that_are_there_are_kept_and_told(
    script: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "lingbot.json"
    arguments = ["--size", "tiny", "--device", "cpu", "--chunks", "2", "--json", str(out)]
    row = script["Result"](
        "plain", "CPU", {"p50": 2.0, "p95": 2.5}, dict.fromkeys(script["PARTS"], 600.0), 8.0, None,
        {"cold": 9.0, "warm": 7.0}, 0.01,
    )  # fmt: skip
    measured: list[str] = []

    def measure_row(size: str, name: str, device: str, chunks: int) -> Any:
        measured.append(name)
        return row if name == "plain" else script["Result"](name, problem="stopped here")

    script["main"].__globals__["measure_row"] = measure_row
    script["main"]([*arguments, "--only", "plain"])
    script["main"]([*arguments, "--only", "8-bit"])
    assert measured == ["plain", "8-bit weights", "8-bit weights, blocks streamed"]
    document = json.loads(out.read_text())
    assert [kept["row"] for kept in document["rows"]] == measured
    assert document["ceilings_tflops"]["bf16"] > 0
    told = capsys.readouterr().out
    assert "| plain | 2.000, 2.500 | 600.0, 600.0, 600.0 | 8.0 | - | 9.0, 7.0 | 0.01 |" in told
    assert "| 8-bit weights | cannot run: stopped here |" in told
