"""The native core's connection against a real gRPC server: messages, statuses, every way TLS can go wrong."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from certificates import Authority, Pair

FRAME = bytes(range(256)) * (1280 * 720 * 4 // 256)
FRAMES = 40
HOSTS = "IP:127.0.0.1,DNS:level.example"


def stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    """Raw 1280x720 frames."""
    for _ in requests:
        pass
    for _ in range(FRAMES):
        yield FRAME


def echo(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    """What came, one by one."""
    yield from requests


def refuse(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    """A refusal that says when to come back, in words that need escaping."""
    context.set_trailing_metadata((("grpc-retry-pushback-ms", "1500"),))
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full: 100 % of the plätze\nare taken")
    yield b""  # pragma: no cover


def heard(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    """Answers UNKNOWN with the call's metadata as the message."""
    for _ in requests:
        pass
    metadata = {key: str(value) for key, value in context.invocation_metadata()}
    context.abort(grpc.StatusCode.UNKNOWN, json.dumps(metadata, sort_keys=True).replace('"', "'"))
    yield b""  # pragma: no cover


@dataclass(frozen=True)
class Running:
    """A server and its port."""

    server: grpc.Server
    port: int


@contextmanager
def running(pair: Pair | None = None) -> Iterator[Running]:
    """A gRPC server on a free loopback port, with TLS where there is a certificate."""
    server = grpc.server(
        futures.ThreadPoolExecutor(4),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    methods = {"stream": stream, "echo": echo, "refuse": refuse, "heard": heard}
    handlers: dict[str, Any] = {
        name: grpc.stream_stream_rpc_method_handler(method) for name, method in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Net", handlers),))
    if pair is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        both = (pair.key.read_bytes(), pair.certificate.read_bytes())
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([both]))
    server.start()
    try:
        yield Running(server, port)
    finally:
        server.stop(None).wait()


@pytest.fixture(scope="module")
def plain() -> Iterator[Running]:
    """A server without TLS."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signs the servers of these tests."""
    return Authority(tmp_path_factory.mktemp("net") / "authority")


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[Running]:
    """A server with a good certificate."""
    with running(authority.server("good", HOSTS)) as server:
        yield server


@dataclass(frozen=True)
class Caller:
    """Makes calls with the native core's connection."""

    program: Path

    def __call__(
        self, port: int, method: str, *options: str | Path, host: str = "127.0.0.1"
    ) -> dict[str, Any]:
        """What ``net_call_program`` says about one call."""
        command = [self.program, host, str(port), f"/test.Net/{method}", *options]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer


@pytest.fixture(scope="module", params=["native_build_folder", "native_sanitized_folder"])
def call(request: pytest.FixtureRequest) -> Caller:
    """The test program of the native build, and the same under the sanitizers."""
    folder: Path = request.getfixturevalue(request.param)
    return Caller(folder / "net_call_program")


def test_frames_of_4_megabytes_arrive_whole_over_a_plain_connection(plain: Running, call: Caller) -> None:
    answer = call(plain.port, "stream")
    assert (answer["code"], answer["messages"], answer["bytes"]) == (0, FRAMES, FRAMES * len(FRAME))
    assert answer["sum"] == FRAMES * (FRAME[0] + FRAME[len(FRAME) // 2] + FRAME[-1])
    assert answer["ready"]


def test_frames_of_4_megabytes_arrive_whole_over_tls(
    secure: Running, call: Caller, authority: Authority
) -> None:
    answer = call(secure.port, "stream", "--tls", "--ca", authority.certificate)
    assert (answer["code"], answer["messages"], answer["bytes"]) == (0, FRAMES, FRAMES * len(FRAME))


@pytest.mark.parametrize("size", ["0", "1", "16384", "3686400"])
@pytest.mark.parametrize("tls", [False, True])
def test_what_is_sent_comes_back_and_lent_memory_is_given_back(
    plain: Running, secure: Running, call: Caller, authority: Authority, size: str, tls: bool
) -> None:
    options = ("--tls", "--ca", authority.certificate) if tls else ()
    answer = call((secure if tls else plain).port, "echo", "--send", size, "9", *options)
    n = int(size)
    expected = sum(((0 + m) & 255) + ((n // 2 * 31 + m) & 255) + (((n - 1) * 31 + m) & 255) for m in range(9))
    assert (answer["code"], answer["messages"], answer["bytes"]) == (0, 9, 9 * n)
    assert answer["sum"] == (expected if n else 0)
    assert (answer["tickets"], answer["sent_ticket"]) == (9, 9)


def test_localhost_finds_the_server_on_either_family(plain: Running, call: Caller) -> None:
    assert call(plain.port, "echo", "--send", "10", "1", host="localhost")["code"] == 0


def test_a_refusal_says_when_to_come_back(plain: Running, call: Caller) -> None:
    answer = call(plain.port, "refuse")
    assert (answer["code"], answer["pushback_ms"], answer["call_trouble"]) == (8, 1500, "none")
    assert (
        answer["message"] == "full: 100 % of the plätze are taken"
    )  # the program prints a line's end as a space


def test_an_absent_method_is_unimplemented(plain: Running, call: Caller) -> None:
    assert call(plain.port, "absent")["code"] == 12


def test_the_token_and_the_user_agent_reach_the_server(plain: Running, call: Caller) -> None:
    said = json.loads(call(plain.port, "heard", "--token", "open sesame")["message"].replace("'", '"'))
    assert said["authorization"] == "Bearer open sesame"
    assert said["user-agent"].startswith("dreamport-core/")


def test_a_token_that_no_header_can_carry_is_refused_here(plain: Running, call: Caller) -> None:
    answer = call(plain.port, "heard", "--token", "two\nlines")
    assert (answer["code"], answer["call_trouble"]) == (16, "none")
    assert "token" in answer["message"]


def test_a_message_over_the_limit_ends_the_call(plain: Running, call: Caller) -> None:
    answer = call(plain.port, "stream", "--limit", "1000")
    assert (answer["code"], answer["messages"]) == (8, 0)
    assert "3686400" in answer["message"]


def test_a_cancelled_call_ends_at_once_and_hears_nothing_more(plain: Running, call: Caller) -> None:
    answer = call(plain.port, "stream", "--stop-after", "2")
    assert (answer["code"], answer["messages"], answer["ended"]) == (1, 2, True)


def test_closing_the_connection_ends_its_calls(plain: Running, call: Caller) -> None:
    answer = call(plain.port, "stream", "--stop-after", "2", "--close")
    assert (answer["code"], answer["call_trouble"], answer["trouble"]) == (14, "closed", "closed")


def test_a_server_that_stops_in_mid_call_is_lost(call: Caller) -> None:
    entered = threading.Event()

    def hang(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        entered.set()
        yield from requests

    server = grpc.server(futures.ThreadPoolExecutor(1))
    handlers: dict[str, Any] = {"hang": grpc.stream_stream_rpc_method_handler(hang)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Net", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def stop_when_called() -> None:
        assert entered.wait(30)
        server.stop(None)

    stopper = threading.Thread(target=stop_when_called)
    stopper.start()
    answer = call(port, "hang", "--quiet-ms", "30000")
    stopper.join()
    # The server says either that it stops (UNAVAILABLE, CANCELLED) or nothing before the socket closes.
    assert answer["code"] in (1, 14)
    assert answer["total_s"] < 20


def test_nothing_listens(call: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    answer = call(port, "echo")
    assert (answer["code"], answer["call_trouble"]) == (14, "refused")
    assert "nothing listens" in answer["detail"] and str(port) in answer["detail"]


def test_a_name_that_does_not_resolve(call: Caller) -> None:
    answer = call(1, "echo", host="no.such.host.invalid")
    assert answer["trouble"] in ("unreachable", "timed_out")
    assert "no.such.host.invalid" in answer["detail"]


def test_a_server_that_says_nothing_times_out(call: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = call(silent.getsockname()[1], "echo", "--timeout-ms", "300")
    assert answer["trouble"] == "timed_out"
    assert 0.25 < answer["total_s"] < 5


def answered_with(reply: bytes, call: Caller, *options: str) -> dict[str, Any]:
    """The outcome of a call to a server that answers anything with ``reply`` and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1)
                peer.sendall(reply)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        answer = call(listener.getsockname()[1], "echo", *options)
        thread.join()
    return answer


def test_a_web_server_is_named_as_such(call: Caller) -> None:
    answer = answered_with(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", call)
    assert (answer["trouble"], answer["code"]) == ("protocol", 14)
    assert "HTTP/1" in answer["detail"]


def test_garbage_is_a_broken_protocol(call: Caller) -> None:
    answer = answered_with(b"SSH-2.0-OpenSSH_9.2\r\n" * 4, call)
    assert answer["trouble"] == "protocol"


def test_a_server_that_closes_without_a_word_is_lost_with_a_hint(call: Caller) -> None:
    answer = answered_with(b"", call)
    assert answer["trouble"] == "lost"
    assert "TLS" in answer["detail"]


def test_a_good_certificate_is_accepted_under_each_of_its_names(
    secure: Running, call: Caller, authority: Authority
) -> None:
    ca = ("--tls", "--ca", authority.certificate)
    assert call(secure.port, "echo", *ca)["code"] == 0
    assert call(secure.port, "echo", *ca, "--name", "level.example")["code"] == 0


@pytest.mark.parametrize("name", ["other.example", "10.0.0.1", "127.0.0.2"])
def test_a_certificate_for_another_name_is_refused(
    secure: Running, call: Caller, authority: Authority, name: str
) -> None:
    answer = call(secure.port, "echo", "--tls", "--ca", authority.certificate, "--name", name)
    assert (answer["trouble"], answer["code"]) == ("tls_name", 14)
    assert name in answer["detail"]


def test_an_expired_certificate_is_refused(call: Caller, authority: Authority) -> None:
    with running(authority.server("old", HOSTS, valid_days=-1)) as server:
        answer = call(server.port, "echo", "--tls", "--ca", authority.certificate)
    assert (answer["trouble"], answer["call_trouble"]) == ("tls_expired", "tls_expired")


def test_a_certificate_of_an_unknown_authority_is_refused(
    secure: Running, call: Caller, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger")
    assert call(secure.port, "echo", "--tls", "--ca", stranger.certificate)["trouble"] == "tls_untrusted"


def test_the_system_does_not_trust_our_authority(secure: Running, call: Caller) -> None:
    answer = call(secure.port, "echo", "--tls")
    assert answer["trouble"] in ("tls_untrusted", "tls_other")  # tls_other: a system without any list
    assert "certificate" in answer["detail"]


def test_a_missing_or_empty_file_of_authorities_is_named(
    secure: Running, call: Caller, tmp_path: Path
) -> None:
    absent = tmp_path / "absent.pem"
    answer = call(secure.port, "echo", "--tls", "--ca", absent)
    assert answer["trouble"] == "tls_other" and str(absent) in answer["detail"]
    empty = tmp_path / "nothing.pem"
    empty.write_text("no certificate\n")
    answer = call(secure.port, "echo", "--tls", "--ca", empty)
    assert answer["trouble"] == "tls_other" and "no PEM certificate" in answer["detail"]


def test_tls_to_a_server_without_it_says_so(plain: Running, call: Caller) -> None:
    answer = call(plain.port, "echo", "--tls")
    assert answer["trouble"] == "tls_other"
    assert "does not speak TLS" in answer["detail"] or "certificates" in answer["detail"]


def test_no_tls_to_a_server_with_it_says_so(secure: Running, call: Caller) -> None:
    answer = call(secure.port, "echo")
    assert answer["trouble"] in ("protocol", "lost")
    assert "TLS" in answer["detail"]
