"""The `dreamport` command as a person or a script runs it: a process, its output and its exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dreamport.cli.extras import require_extra
from dreamport.cli.main import build_app
from dreamport.errors import MissingExtraError

HEAVY = ("numpy", "grpc", "openvino", "torch", "pydantic", "starlette", "google.protobuf", "structlog")
COMMANDS = (
    ["play"],
    ["serve"],
    ["replay"],
    ["worlds", "list"],
    ["worlds", "show"],
    ["worlds", "validate"],
    ["worlds", "add"],
    ["worlds", "add", "lingbot"],
    ["doctor"],
    ["ps"],
    ["bench", "play"],
    ["evaluate"],
    ["capture", "vizdoom"],
    ["capture", "motion"],
    ["capture", "list"],
    ["capture", "recover"],
    ["bench", "capture"],
)


class Home:
    """A user's account of its own for the commands: home, data, cache and runtime folders."""

    def __init__(self, path: Path) -> None:
        self.path = path
        folders = {
            "XDG_DATA_HOME": "data",
            "XDG_CACHE_HOME": "cache",
            "XDG_RUNTIME_DIR": "run",
            "HOME": "home",
        }
        for name in folders.values():
            (path / name).mkdir(mode=0o700, parents=True)
        self.environment = os.environ | {key: str(path / name) for key, name in folders.items()}
        self.environment |= {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}

    def run(self, *arguments: str | Path, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run ``dreamport`` to its end."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=timeout,
            check=False,
        )

    def json(self, *arguments: str | Path) -> Any:
        """Standard output of a command that succeeds, as JSON."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def serving(self, *arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
        """``dreamport serve`` on a free port, and what it said when it was ready."""
        process = subprocess.Popen(
            self.command("serve", "--port", "0", "--json", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            yield process, json.loads(line)
        finally:
            process.kill()
            process.communicate()

    @staticmethod
    def command(*arguments: str | Path) -> list[str]:
        """The command line, run by this interpreter."""
        return [sys.executable, "-m", "dreamport", *map(str, arguments)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "Jürgen Müller")


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2, one line on standard error with these words in it, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0]


def test_help_is_quick_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom dreamport.cli.main import build_app\n"
        "try:\n    build_app()(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    from typer.testing import CliRunner

    result = CliRunner().invoke(build_app(), [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_the_version_is_the_package_s(home: Home) -> None:
    from dreamport import __version__

    assert home.run("--version").stdout.strip() == f"dreamport {__version__}"


def test_an_unknown_world_is_one_clear_line(home: Home) -> None:
    assert_one_clear_line(home.run("worlds", "show", "atlantis"), "atlantis", "known worlds")
    assert_one_clear_line(home.run("play", "atlantis", "--no-browser"), "atlantis")


def test_a_path_without_a_pack_is_one_clear_line(home: Home, tmp_path: Path) -> None:
    assert_one_clear_line(home.run("worlds", "validate", tmp_path / "nowhere"), "nowhere")


def test_a_log_that_is_not_there_is_one_clear_line(home: Home, tmp_path: Path) -> None:
    assert_one_clear_line(home.run("replay", tmp_path / "session.jsonl"), "session.jsonl")


def test_a_server_open_to_the_network_without_tls_and_token_is_refused(home: Home, tmp_path: Path) -> None:
    assert_one_clear_line(home.run("serve", "--host", "0.0.0.0"), "token", "TLS")
    token = tmp_path / "token"
    token.write_text("a token of good length\n")
    assert_one_clear_line(home.run("serve", "--host", "0.0.0.0", "--token-file", token), "TLS")
    assert_one_clear_line(home.run("serve", "--token-file", tmp_path / "missing"), "missing")


def test_a_missing_extra_is_explained_with_the_pip_command() -> None:
    with pytest.raises(MissingExtraError, match=r"no_such_module_here.*pip install 'dreamport\[capture\]'"):
        require_extra("capture", "json", "no_such_module_here")
    require_extra("capture", "json")


def test_ps_shows_nothing_when_nothing_runs(home: Home) -> None:
    assert home.json("ps") == []
    assert "No server runs" in home.run("ps").stdout


def test_doctor_names_the_machine_and_the_folders(home: Home) -> None:
    done = home.run("doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == (2 if found["problems"] else 0)
    assert found["machine"]["cpu"]["usable"] >= 1
    assert found["machine"]["versions"]["dreamport"]
    assert {executor["name"] for executor in found["executors"]} >= {"openvino", "torch"}
    assert all(str(home.path) in folder["path"] for folder in found["folders"])


def test_doctor_reports_a_broken_world_of_the_user(home: Home) -> None:
    broken = home.path / "data" / "dreamport" / "worlds" / "broken"
    broken.mkdir(parents=True)
    (broken / "world.json").write_text("{}")
    done = home.run("doctor")
    assert done.returncode == 2
    assert "World 'broken' is unusable" in done.stdout


def test_worlds_lists_a_pack_given_on_the_command_line(home: Home, tiny_pack: Path) -> None:
    (entry,) = [
        world
        for world in home.json("worlds", "list", "--worlds", tiny_pack)
        if world["path"] == str(tiny_pack)
    ]
    assert entry["error"] is None
    assert entry["digest"]
    assert entry["name"] in home.run("worlds", "list", "--worlds", tiny_pack).stdout


def test_worlds_shows_controls_and_licence(home: Home, tiny_pack: Path) -> None:
    manifest = home.json("worlds", "show", tiny_pack)["manifest"]
    text = home.run("worlds", "show", tiny_pack).stdout
    assert manifest["licence"] in text
    for button in manifest["controls"]["buttons"]:
        assert button["label"] in text


def test_worlds_finds_packs_in_the_user_s_folder(home: Home, tiny_pack: Path) -> None:
    shutil.copytree(tiny_pack, home.path / "data" / "dreamport" / "worlds" / "mine")
    assert any("mine" in world["path"] for world in home.json("worlds", "list"))


def test_a_valid_pack_validates_and_a_changed_one_is_refused(
    home: Home, tiny_pack: Path, tmp_path: Path
) -> None:
    assert home.json("worlds", "validate", tiny_pack)["valid"] is True
    changed = tmp_path / "changed"
    shutil.copytree(tiny_pack, changed)
    victim = sorted(changed.rglob("*.onnx"))[0]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    assert_one_clear_line(home.run("worlds", "validate", changed), "digest mismatch", victim.name)


def test_ps_shows_a_server_and_forgets_one_that_was_killed(home: Home, tiny_pack: Path) -> None:
    with home.serving(tiny_pack) as (process, ready):
        (server,) = home.json("ps")
        assert server["pid"] == process.pid == ready["pid"]
        assert server["address"] == ready["address"]
        assert server["executor"] == ready["executor"] == "openvino"
        assert server["fallback_reason"] is None
        assert server["rss_mb"] > 10
        assert ready["address"] in home.run("ps").stdout
        process.kill()
        process.wait()
        assert home.json("ps") == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_server_that_is_asked_to_stop_ends_well_and_takes_its_record_along(
    home: Home, tiny_pack: Path
) -> None:
    with home.serving(tiny_pack) as (process, _):
        process.terminate()
        assert process.wait(timeout=30) == 0
        assert list((home.path / "run").rglob("*.json")) == []


def test_a_port_that_is_taken_is_one_clear_line(home: Home, tiny_pack: Path) -> None:
    with home.serving(tiny_pack) as (_, ready):
        port = ready["address"].rpartition(":")[2]
        done = home.run("serve", tiny_pack, "--port", port)
        assert done.returncode == 2
        assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
        assert "Traceback" not in done.stderr


def test_play_without_a_browser_drives_itself_and_its_log_replays(home: Home, tiny_pack: Path) -> None:
    logs = home.path / "logs"
    played = home.json(
        "play",
        tiny_pack,
        "--no-browser",
        "--seconds",
        "3",
        "--seed",
        "7",
        "--port",
        "0",
        "--log-folder",
        logs,
    )
    assert played["frames"] > 10
    assert played["seed"] == 7
    assert played["executor"] == "openvino"
    assert played["control_to_frame_ms"]["p50"] > 0
    assert played["web_url"].startswith("http://127.0.0.1:")
    (log,) = [path for path in logs.rglob("*") if path.is_file()]
    replayed = home.json("replay", log, "--verify", "--worlds", tiny_pack)
    assert replayed["identical"] is True
    assert replayed["frames"] >= played["frames"]


def test_play_prints_a_summary_for_people(home: Home, tiny_pack: Path) -> None:
    done = home.run("play", tiny_pack, "--no-browser", "--seconds", "2", "--port", "0")
    assert done.returncode == 0, done.stderr
    for words in ("frame rate", "fps", "control to frame", "openvino"):
        assert words in done.stdout


def test_bench_play_reports_what_the_issue_asks_for(home: Home, tiny_pack: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "bench.json"
    done = home.run("bench", "play", tiny_pack, "--seconds", "2", "--warm-up", "1", "--json", "--out", out)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result["frame_interval_ms"]) == {"p50", "p95", "p99"}
    assert set(result["control_to_frame_ms"]) == {"p50", "p95"}
    assert result["fps"] > 0
    assert result["rss_mb"] > 10
    assert len(result["frame_size"]) == 2
    assert result["executor"] == "openvino"
    assert result["dropped"] >= 0
    assert {"cores", "cpu", "versions", "command", "date"} <= set(result)
    assert json.loads(out.read_text()) == result


def test_the_default_world_is_shown_by_default(home: Home, default_world: Path) -> None:
    shown = home.json("worlds", "show")
    assert shown["path"] == str(default_world)
    assert home.json("worlds", "validate", "default")["valid"] is True


def test_train_and_export_hand_their_options_to_the_training_package(home: Home, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert "--preset" in home.run("train", "--help").stdout
    assert "--frame-rate" in home.run("export", "--help").stdout
    nowhere = tmp_path / "nowhere"
    assert_one_clear_line(
        home.run("train", nowhere, "--world", "x", "--out", tmp_path / "pack"), "nowhere", "dreamport capture"
    )
