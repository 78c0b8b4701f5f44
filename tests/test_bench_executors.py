"""The benchmark of executors runs on a machine without a GPU, says what cannot run there, and goes on where
it was.
"""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

import requires
from dreamport.executors.gpu import find_gpu
from dreamport.worlds import open_pack

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "gpu" / "executors.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_measures_what_runs_here_and_says_why_the_rest_does_not(
    script: dict[str, Any], tiny_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results" / "executors.json"
    arguments = ["--world", str(tiny_pack), "--frames", "3", "--json", str(out)]
    script["main"]([*arguments, "--only", "openvino"])
    document = json.loads(out.read_text())
    pack = open_pack(tiny_pack)
    assert (document["world"], document["digest"]) == (pack.manifest.name, pack.digest)
    assert document["circumstances"]["openvino"]
    (row,) = document["rows"]
    assert document["fastest"] == row["row"] == "openvino, CPU"
    assert row["problem"] is None
    assert 0 < row["frame_ms"]["p50"] <= row["frame_ms"]["p99"]
    assert set(row["graphs_ms"]) == {"encode", "reproject", "denoise", "decode", "motion"}
    assert min(row["cold_start_s"], row["warm_start_s"]) > 0
    if isinstance(find_gpu(), str):
        capsys.readouterr()
        script["main"]([*arguments, "--only", "tensorrt, f16"])
        kept, other = json.loads(out.read_text())["rows"]
        assert kept == row, "a row that was measured is not measured again"
        assert "NVIDIA" in other["problem"] or "TensorRT" in other["problem"]
        assert "| tensorrt, f16 | cannot run:" in capsys.readouterr().out


def test_rows_of_another_world_or_machine_are_measured_anew(
    script: dict[str, Any], tiny_pack: Path, tmp_path: Path
) -> None:
    out = tmp_path / "executors.json"
    result = script["Result"]("openvino, CPU", frame_ms={"p50": 1.0})
    digest = open_pack(tiny_pack).digest
    out.write_text(json.dumps(script["report"]("tiny", digest, [result])))
    assert list(script["kept_rows"](out, digest)) == ["openvino, CPU"]
    assert script["kept_rows"](out, "another") == {}
    document = json.loads(out.read_text())
    document["circumstances"]["driver"] = "another"
    out.write_text(json.dumps(document))
    assert script["kept_rows"](out, digest) == {}


def test_the_benchmark_of_decoders_runs_scaled_down_on_a_cpu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requires.package("torch", extra="train")
    main = runpy.run_path(str(SCRIPT.with_name("decoders.py")))["main"]
    out = tmp_path / "decoders.json"
    arguments = ["--device", "cpu", "--tiny", "--chunks", "3", "--json", str(out)]
    main([*arguments, "--only", "taehv: torch eager"])
    (row,) = json.loads(out.read_text())["rows"]
    assert (row["row"], row["device"], row["problem"]) == ("taehv: torch eager, bf16", "CPU", None)
    assert row["fps"] == pytest.approx(16_000 / row["chunk_ms"]["p50"], rel=0.01)
    if isinstance(find_gpu(), str):
        main([*arguments, "--only", "taehv: tensorrt"])
        kept, other = json.loads(out.read_text())["rows"]
        assert kept == row
        assert "NVIDIA" in other["problem"]
        assert "| taehv: tensorrt, f16 | cannot run:" in capsys.readouterr().out


class Stopped(Exception):
    """Somebody pressed Ctrl+C."""


@pytest.mark.parametrize(
    ("name", "first", "left"),
    [("decoders", "taehv", "wan21: torch eager, bf16"), ("executors", "tensorrt", "openvino, CPU")],
)
def test_a_run_that_is_stopped_loses_no_row_of_before(
    name: str, first: str, left: str, tiny_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "decoders":
        requires.package("torch", extra="train")
    benchmark = runpy.run_path(str(SCRIPT.with_name(f"{name}.py")))
    result, main = benchmark["Result"], benchmark["main"]
    out = tmp_path / "rows.json"
    arguments = ["--json", str(out)]
    arguments += ["--device", "cpu", "--tiny"] if name == "decoders" else ["--world", str(tiny_pack)]
    measured: list[str] = []

    def measure_row(*given: Any) -> Any:
        row = next(one for one in map(str_of, given) if one in known)
        measured.append(row)
        if len(measured) > len(before) + 1:
            raise Stopped
        times = {"p50": 1.0, "p95": 1.0, "p99": 1.0}
        if name == "decoders":
            return result(row, chunk_ms=times)
        return result(row, frame_ms=times, cold_start_s=1.0, warm_start_s=1.0)

    def str_of(row: Any) -> str:
        return str(getattr(row, "name", row))

    known = [str_of(row) for row in benchmark["ROWS"]]
    before = [row for row in known if first in row]
    monkeypatch.setitem(main.__globals__, "measure_row", measure_row)
    main([*arguments, "--only", first])
    with pytest.raises(Stopped):
        main(arguments)
    assert measured[: len(before) + 1] == [*before, left]
    kept = [row["row"] for row in json.loads(out.read_text())["rows"]]
    assert kept == [left, *before], "all of them, in the table's order"
