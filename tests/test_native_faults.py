"""What a game sees when its backend is absent, dies, hangs, is far away or refuses: a state that a developer
understands, play that goes on by itself where it can, and never a call that waits.

With ``DREAMPORT_FAULTS_OUT=benchmarks/results/native-faults.json`` the measured calls are written there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any, Protocol

import grpc
import pytest

import requires
from certificates import Authority
from dreamport.v1 import play_pb2, world_pb2
from dreamport_tools.native_core import Problem, State
from game_loop import Game, assert_never_waited, worst_calls
from on_time import measured_again
from pattern_server import PatternServer, free_port
from slow_network import slow_link

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "token-of-the-test-server"
RETRY = {"backoff_min_ms": 100, "backoff_max_ms": 500}
JPEG_INLINE = {"transport": 1, "colour_format": 2}

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the game loop counts waits as Linux does"),
    measured_again,
]


class Play(Protocol):
    """Starts a game that plays at an address."""

    def __call__(self, address: str, **options: object) -> contextlib.AbstractContextManager[Game]: ...


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[str, Any]]:
    """The worst calls of every scenario; printed, and stored where the environment says."""
    results: dict[str, Any] = {}
    yield results
    print(json.dumps(results, indent=2))
    path = os.environ.get("DREAMPORT_FAULTS_OUT")
    if path and results:
        Path(path).write_text(json.dumps({**results, **facts()}, indent=2) + "\n", encoding="utf-8")


def facts() -> dict[str, Any]:
    """What the numbers depend on."""
    from dreamport_tools.bench.play import machine_facts

    command = "DREAMPORT_FAULTS_OUT=... python -m pytest tests/test_native_faults.py"
    return {**machine_facts(), "command": command}


@pytest.fixture
def play(
    native_library: Path, native_build_folder: Path, measured: dict[str, Any], request: pytest.FixtureRequest
) -> Play:
    """Games that fail their test when a call waited."""

    @contextlib.contextmanager
    def playing(address: str, **options: object) -> Iterator[Game]:
        program = native_build_folder / "game_loop_program"
        with Game(program, native_library, address, **{**RETRY, **options}) as game:
            yield game
            summary = game.finish()
            name = request.node.name.removeprefix("test_")
            measured[name] = {"seconds": summary["seconds"], **worst_calls(summary)}
            assert_never_waited(summary)

    return playing


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the test servers' certificates."""
    return Authority(tmp_path_factory.mktemp("authority"))


# --- the backend comes and goes


def test_a_backend_that_is_absent_is_waited_for(play: Play) -> None:
    port = free_port()
    with play(f"127.0.0.1:{port}") as game:
        waiting = game.wait_status(State.WAITING, Problem.BACKEND_ABSENT)
        assert f"127.0.0.1:{port}" in waiting["message"] and "`dreamport serve`" in waiting["message"]
        with PatternServer("--port", port):
            game.wait_status(State.READY, Problem.NONE)
            game.wait_frames(20)


def test_a_backend_that_is_killed_and_comes_back_is_played_anew(play: Play) -> None:
    port = free_port()
    with PatternServer("--port", port) as first, play(first.address) as game:
        game.wait_frames(20)
        first.kill()
        game.wait_absent(game.wait_status(State.WAITING, Problem.CONNECTION_LOST, Problem.BACKEND_ABSENT))
        with PatternServer("--port", port):
            game.wait_status(State.READY, Problem.NONE, restarted=1)
            assert game.wait_frames(20)["session"] == 2


def test_a_short_hang_is_played_over(play: Play) -> None:
    with PatternServer() as server, play(server.address) as game:
        game.wait_frames(20)
        server.freeze()
        game.wait(lambda record: record["kind"] == "play" and record["fps"] == 0, "standstill")
        server.thaw()
        played = game.wait_frames(20)
        assert played["session"] == 1
        states = [record["state"] for record in game.records if record["kind"] == "status"]
        assert State.WAITING not in states, "a second of silence is no broken connection"


def test_a_backend_that_hangs_is_found_out_and_its_session_goes_on_when_it_wakes(play: Play) -> None:
    with PatternServer() as server, play(server.address, connect_timeout_ms=1000) as game:
        played = game.wait_frames(20)
        server.freeze()
        try:
            lost = game.wait_status(State.WAITING, Problem.TIMEOUT, timeout_s=30.0)
            assert "stopped answering" in lost["message"]
        finally:
            server.thaw()
        game.wait_status(State.READY, Problem.NONE, resumed=1)
        resumed = game.wait_frames(20)
        assert resumed["session"] == 1 and resumed["last_id"] > played["last_id"]


def test_a_backend_that_shuts_down_says_so_and_its_successor_is_played(play: Play) -> None:
    port = free_port()
    with PatternServer("--port", port) as first, play(first.address) as game:
        game.wait_frames(20)
        first.drain()
        stopped = game.wait_status(State.WAITING, Problem.SHUTTING_DOWN)
        assert "shutting down" in stopped["message"]
        game.wait_status(State.WAITING, Problem.BACKEND_ABSENT)
        with PatternServer("--port", port):
            game.wait_status(State.READY, Problem.NONE, restarted=1)
            game.wait_frames(20)


# --- the network


def test_over_a_slow_lossy_network_frames_keep_flowing_and_do_not_grow_old(
    play: Play, authority: Authority, measured: dict[str, Any]
) -> None:
    with contextlib.ExitStack() as stack:
        link = stack.enter_context(slow_link(delay_s=0.05, loss=0.01))
        pair = authority.server("far", f"IP:{link.address}")
        server = stack.enter_context(
            PatternServer(
                *("--host", link.address, "--token", TOKEN, "--frame-rate", 20),
                *("--tls-certificate", pair.certificate, "--tls-key", pair.key),
                prefix=link.prefix,
            )
        )
        trust = {"tls": 1, "token": TOKEN, "ca_file": authority.certificate}
        game = stack.enter_context(play(server.address, **trust, **JPEG_INLINE, jpeg_quality=60))
        game.wait_status(State.READY, Problem.NONE, transport=1)
        begin = game.wait_frames(10)
        end = game.wait(lambda record: record["at_s"] > begin["at_s"] + 15, "fifteen seconds of play", 20.0)
        plays = [r for r in game.records if r["kind"] == "play" and begin["at_s"] < r["at_s"] <= end["at_s"]]
        ages = [record["age_ms_p50"] for record in plays if record["age_ms_p50"]]
        early, late = median(ages[: len(ages) // 3]), median(ages[-len(ages) // 3 :])
        fps = (plays[-1]["frames"] - plays[0]["frames"]) / (plays[-1]["at_s"] - plays[0]["at_s"])
        measured["slow network"] = {
            "made_by": link.made_by,
            "delay_ms_each_way": 50,
            "loss_each_way": 0.01,
            "fps": round(fps, 1),
            "frame_age_ms_p50": median(ages),
            "frame_age_ms_max": max(record["age_ms_max"] for record in plays),
            "round_trip_ms": plays[-1]["round_trip_ms"],
            "control_to_frame_ms_p50": plays[-1]["control_to_frame_ms_p50"],
        }
        assert fps > 5
        assert late < early + 100, "frames grow older: they queue somewhere"
        assert max(ages) < 1500
        assert plays[-1]["round_trip_ms"] > 95 and plays[-1]["control_to_frame_ms_p50"] > 95
        assert all(record["state"] != State.FAILED for record in game.records if record["kind"] == "status")


# --- refusals


def test_a_wrong_token_is_not_tried_again(play: Play) -> None:
    with PatternServer("--token", TOKEN) as server:
        with play(server.address, token="another-token-entirely") as game:
            failed = game.wait_status(State.FAILED, Problem.TOKEN)
            assert "token" in failed["message"] and TOKEN not in json.dumps(game.records)
        with play(server.address, token=TOKEN) as game:
            game.wait_frames(5)


@pytest.mark.parametrize(
    ("hosts", "valid_days", "trusted", "problem", "says"),
    [
        ("IP:127.0.0.1", -1, True, Problem.TLS_CERTIFICATE_EXPIRED, "expired"),
        ("IP:127.0.0.1", 1, False, Problem.TLS_CERTIFICATE_UNTRUSTED, "CA file"),
        ("DNS:elsewhere.example", 1, True, Problem.TLS_CERTIFICATE_NAME, "another name"),
    ],
    ids=["expired", "untrusted", "other name"],
)
def test_a_bad_certificate_is_named(
    play: Play,
    authority: Authority,
    tmp_path: Path,
    hosts: str,
    valid_days: float,
    trusted: bool,
    problem: Problem,
    says: str,
) -> None:
    pair = authority.server(tmp_path.name, hosts, valid_days)
    trust = (authority if trusted else Authority(tmp_path / "stranger")).certificate
    with (
        PatternServer("--tls-certificate", pair.certificate, "--tls-key", pair.key) as server,
        play(server.address, tls=1, ca_file=trust) as game,
    ):
        failed = game.wait_status(State.FAILED, problem)
        assert says in failed["message"] and server.address in failed["message"]


def test_a_name_that_is_given_is_the_one_the_certificate_must_bear(play: Play, authority: Authority) -> None:
    pair = authority.server("named", "DNS:backend.example")
    with (
        PatternServer("--tls-certificate", pair.certificate, "--tls-key", pair.key) as server,
        play(server.address, tls=1, ca_file=authority.certificate, server_name="backend.example") as game,
    ):
        game.wait_frames(5)


def test_the_certificate_of_the_documentation_is_trusted(play: Play, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "engine-connection.md").read_text(encoding="utf-8")
    found = re.search(r"^    (openssl req .+?[^\\])$", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    requires.program("openssl", package="openssl")
    command = found[1].replace("192.168.1.20", "127.0.0.1")
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, capture_output=True)
    certificate, key = tmp_path / "backend.pem", tmp_path / "backend.key"
    with PatternServer("--tls-certificate", certificate, "--tls-key", key, "--token", TOKEN) as server:
        secret = {"tls": 1, "token": TOKEN, "ca_file": certificate}
        with play(server.address, **secret) as by_address:
            by_address.wait_frames(5)
        with play(server.address, **secret, server_name="render-1") as by_name:
            by_name.wait_frames(5)


def test_tls_where_there_is_none_says_so(play: Play) -> None:
    with PatternServer() as server, play(server.address, tls=1) as game:
        failed = game.wait_status(State.FAILED, Problem.TLS)
        assert "turn TLS off" in failed["message"]


def test_no_tls_where_there_is_one_says_so(play: Play, authority: Authority) -> None:
    pair = authority.server("plain", "IP:127.0.0.1")
    with (
        PatternServer("--tls-certificate", pair.certificate, "--tls-key", pair.key) as server,
        play(server.address) as game,
    ):
        trouble = game.wait(
            lambda record: record["kind"] == "status" and record["state"] in (State.FAILED, State.WAITING),
            "trouble",
        )
        assert trouble["problem"] in (Problem.PROTOCOL, Problem.CONNECTION_LOST, Problem.TLS)
        assert "TLS" in trouble["message"]


def test_a_full_server_is_entered_when_there_is_room(play: Play) -> None:
    with PatternServer("--max-sessions", 1) as server, play(server.address) as first:
        first.wait_frames(5)
        with play(server.address) as second:
            full = second.wait_status(State.WAITING, Problem.SERVER_FULL)
            assert "players" in full["message"] and "full" in full["server_message"]
            first.finish()
            second.wait_status(State.READY, Problem.NONE, timeout_s=20.0)
            second.wait_frames(5)


def test_an_unknown_world_is_named(play: Play) -> None:
    with PatternServer() as server, play(server.address, world="atlantis") as game:
        failed = game.wait_status(State.FAILED, Problem.NOT_FOUND)
        assert "atlantis" in failed["message"] and "pattern" in failed["message"], "it says what there is"


# --- other versions


@contextlib.contextmanager
def stub_server(answer: Callable[[grpc.ServicerContext], Iterator[bytes]] | None) -> Iterator[str]:
    """A server of another version: it answers ``Play`` as told, or does not know it."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    if answer is not None:
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
            lambda requests, context: answer(context)
        )
        service = play_pb2.DESCRIPTOR.services_by_name["PlayService"].full_name
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Play": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def refuse_version(context: grpc.ServicerContext) -> Iterator[bytes]:
    """As a newer server would."""
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "open.protocol_version: this server speaks version 2")
    yield b""


def open_in_version_2(_context: grpc.ServicerContext) -> Iterator[bytes]:
    """A server that takes the client in and speaks another version."""
    opened = play_pb2.Opened(protocol_version=2, session_id="x", resume_token="y", world=world_pb2.World())
    yield play_pb2.PlayResponse(opened=opened).SerializeToString()


def test_a_server_that_refuses_this_version_is_not_tried_again(play: Play) -> None:
    with stub_server(refuse_version) as address, play(address) as game:
        failed = game.wait_status(State.FAILED, Problem.VERSION)
        assert "Update" in failed["message"] and "version 2" in failed["message"]


def test_a_server_of_a_newer_version_is_found_out_by_what_it_says(play: Play) -> None:
    with stub_server(open_in_version_2) as address, play(address) as game:
        failed = game.wait_status(State.FAILED, Problem.VERSION)
        assert "Update the plug-in" in failed["message"]


def test_a_server_that_lacks_the_service_says_so(play: Play) -> None:
    with stub_server(None) as address, play(address) as game:
        failed = game.wait_status(State.FAILED, Problem.UNSUPPORTED)
        assert "does not offer" in failed["message"]


def test_what_is_no_backend_at_all_says_so(play: Play, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-u",
        "-m",
        "http.server",
        "0",
        "--bind",
        "127.0.0.1",
    ]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as web:
        assert web.stdout is not None
        try:
            found = re.search(r"port (\d+)", web.stdout.readline())
            assert found is not None
            with play(f"127.0.0.1:{found[1]}") as game:
                failed = game.wait_status(State.FAILED, Problem.PROTOCOL)
                assert "does not speak gRPC" in failed["message"]
        finally:
            web.kill()


# --- what the messages name


def test_every_problem_is_explained() -> None:
    page = (ROOT / "docs" / "engine-connection.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([A-Z_]+)` \| `[A-Z]+` \|", page, re.MULTILINE))
    assert explained == {problem.name for problem in Problem} - {"NONE"}


def test_messages_name_only_options_that_exist() -> None:
    source = ROOT / "native" / "src" / "link" / "problems.cpp"
    named = set(re.findall(r"dreamport serve (--[a-z-]+)", source.read_text(encoding="utf-8")))
    command = [sys.executable, "-m", "dreamport", "serve", "--help"]
    wide = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    known = subprocess.run(command, capture_output=True, text=True, check=True, env=wide).stdout
    assert named and not {option for option in named if option not in known.split()}


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]
