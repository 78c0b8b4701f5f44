"""`dreamport doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from dreamport import diagnostics
from dreamport.diagnostics import Diagnosis, ExecutorReport, PortReport, WorldReport
from dreamport.errors import ExecutorError

CPUINFO = """processor\t: 0
model name\t: Example 9000
flags\t\t: fpu sse2 avx2 avx512f avx512_bf16 amx_tile amx_bf16
processor\t: 1
model name\t: Other
"""


def diagnose(
    worlds: tuple[WorldReport, ...] = (WorldReport("default", "/packs/default", None),),
    ports: tuple[PortReport, ...] = (PortReport("gRPC", "127.0.0.1:50700", True),),
) -> Diagnosis:
    return diagnostics.diagnose(
        executors=[
            ExecutorReport("openvino", True, "CPU, bf16"),
            ExecutorReport("torch", False, "not installed"),
        ],
        auto=lambda: ("openvino", "fastest that is installed"),
        worlds=worlds,
        ports=ports,
    )


def test_the_processor_and_its_instructions_are_read_from_linux(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    assert diagnostics.cpu_model(tmp_path / "cpuinfo") == "Example 9000"
    assert diagnostics.cpu_isa(tmp_path / "cpuinfo") == (
        "avx2",
        "avx512f",
        "avx512_bf16",
        "amx_tile",
        "amx_bf16",
    )


def test_without_linux_the_instructions_are_those_numpy_found(tmp_path: Path) -> None:
    assert diagnostics.cpu_isa(tmp_path / "missing")
    assert diagnostics.cpu_model(tmp_path / "missing")


def test_usable_cores_are_those_this_process_may_run_on() -> None:
    assert 1 <= diagnostics.usable_cores() <= (os.cpu_count() or 1)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not diagnostics.port_is_free("127.0.0.1", port)
    assert diagnostics.port_is_free("127.0.0.1", port)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a user who is refused something"
)
def test_a_folder_without_write_permission_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert not diagnostics.folder_report("cache", tmp_path / "dreamport").writable


def test_a_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not diagnostics.folder_report("cache", tmp_path / "file" / "dreamport").writable
    assert diagnostics.folder_report("cache", tmp_path / "new" / "dreamport").writable


def test_a_healthy_machine_has_no_problems() -> None:
    found = diagnose()
    assert [problem for problem in found.problems if "memory" not in problem] == []
    assert found.auto_executor == "openvino"


def test_an_unusable_world_is_a_problem_with_its_reason() -> None:
    found = diagnose(worlds=(WorldReport("mine", "/packs/mine", "digest mismatch: views.npz"),))
    assert any("'mine'" in problem and "digest mismatch" in problem for problem in found.problems)


def test_no_world_at_all_is_a_problem() -> None:
    assert any("No world" in problem for problem in diagnose(worlds=()).problems)


def test_a_taken_port_is_a_problem() -> None:
    found = diagnose(ports=(PortReport("gRPC", "127.0.0.1:50700", False),))
    assert any("127.0.0.1:50700" in problem and "dreamport ps" in problem for problem in found.problems)


def test_no_executor_is_a_problem_and_not_a_crash() -> None:
    def auto() -> tuple[str, str]:
        raise ExecutorError("openvino is not installed: pip install dreamport")

    world = WorldReport("default", "/packs/default", None)
    found = diagnostics.diagnose(executors=[], auto=auto, worlds=[world], ports=[])
    assert found.auto_executor is None
    assert any("openvino is not installed" in problem for problem in found.problems)


def test_the_text_names_everything_and_no_home_folder() -> None:
    home = str(Path.home())
    text = diagnostics.as_text(diagnose(worlds=(WorldReport("mine", home + "/packs/mine", None),)))
    for expected in ("Python", "openvino", "torch", "127.0.0.1:50700", "mine", "auto picks"):
        assert expected.lower() in text.lower()
    assert f" {home}/" not in text
    assert "~/packs/mine" in text


def test_versions_of_what_is_not_installed_are_none() -> None:
    assert diagnostics.installed_version("numpy")
    assert diagnostics.installed_version("no-such-distribution-here") is None
