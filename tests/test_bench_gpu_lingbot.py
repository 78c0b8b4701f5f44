"""The benchmark of LingBot-World runs at a tiny size on a machine without a GPU, and goes on where it was."""

from __future__ import annotations

import json
import runpy
import time
from pathlib import Path
from typing import Any

import pytest

from on_time import assert_on_time, measured_again

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


@measured_again
@pytest.mark.parametrize("row", ["plain", "8-bit weights, blocks streamed"])
def test_a_row_is_measured_part_by_part(row: str, script: dict[str, Any]) -> None:
    result = script["measure_here"]("tiny", row, torch.device("cpu"), 2, time.time())
    assert result.problem is None, result.problem
    assert result.device == "CPU" and 0 < result.chunk_s["p50"] <= result.chunk_s["p95"]
    assert set(result.parts_ms) == {"denoise", "cache", "decode"} and min(result.parts_ms.values()) > 0
    assert result.tflops > 0 and result.start_s["first"] > 0
    parts_s = sum(result.parts_ms.values()) / 1e3
    assert_on_time(parts_s == pytest.approx(result.chunk_s["p50"], rel=0.5), (parts_s, result.chunk_s))


def test_what_is_computed_once_a_chunk_is_counted_once(script: dict[str, Any]) -> None:
    for size, saved in (("1.3b", 0.0555), ("14b", 0.1221)):
        config, _, frame = script["SIZES"][size]
        plain, once, merged = (
            script["flops_of"](config, script["settings_of"](row, "cuda")[0], frame)
            for row in ("plain", "+ camera computed once a chunk", "+ last pass fills the cache")
        )
        camera = 2 * 4 * 1508 * config.layers * 4 * config.dim**2
        assert once == plain - 4 * camera and once / plain == pytest.approx(1 - saved, abs=1e-4)
        assert merged == pytest.approx(0.8 * (plain - 5 * camera) + camera)


class StubDevice:
    """A clock and a device that is still filling the cache when a chunk's frames are there."""

    now, behind = 0.0, 0.0

    def perf_counter(self) -> float:
        return self.now

    time = perf_counter

    def finish(self, device: Any = None) -> None:
        self.now, self.behind = self.now + self.behind, 0.0


def test_what_runs_on_behind_the_frames_is_measured_too(
    script: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = StubDevice()

    class StubWalk:
        config, width, height = script["SIZES"]["tiny"][0], 64, 64

        def __init__(self, *_: Any) -> None:
            self.session = self

        @property
        def timings(self) -> dict[str, float]:
            known = {"denoise": 3000.0, "decode": 1000.0}
            return known if stub.behind else known | {"cache": 2000.0}

        def noise(self) -> float:
            stub.now += 100.0  # slow, and not to be timed
            return 0.0

        def chunk(self, _: float) -> float:
            began = stub.now
            stub.finish()
            stub.now, stub.behind = stub.now + 4.0, 2.0
            return stub.now - began

    for name, value in (("Walk", StubWalk), ("time", stub), ("finish", stub.finish)):
        monkeypatch.setitem(script["measure_here"].__globals__, name, value)
    result = script["measure_here"]("tiny", "plain", torch.device("cpu"), 4, 0.0)
    assert result.parts_ms == {"denoise": 3000.0, "cache": 2000.0, "decode": 1000.0}
    frames = 4 * StubWalk.config.chunk_latents
    assert result.fps == round(frames / 6.0, 2)


def test_rows_that_are_there_are_kept_and_told(
    script: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
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

    monkeypatch.setitem(script["main"].__globals__, "measure_row", measure_row)
    script["main"]([*arguments, "--only", "plain"])
    script["main"]([*arguments, "--only", "8-bit"])
    assert measured == ["plain", "8-bit weights", "8-bit weights, blocks streamed"]
    document = json.loads(out.read_text())
    assert [kept["row"] for kept in document["rows"]] == measured
    assert document["ceilings_tflops"]["bf16"] > 0
    told = capsys.readouterr().out
    assert "| plain | 2.000, 2.500 | 600.0, 600.0, 600.0 | 8.0 | - | 9.0, 7.0 | 0.01 |" in told
    assert "| 8-bit weights | cannot run: stopped here |" in told
