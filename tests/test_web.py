"""The page's server: what it serves, whom it refuses, and its relay, a faithful client of the service."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from socket import SHUT_RDWR
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from dreamport.v1 import common_pb2, play_pb2, world_pb2
from dreamport.web import WebServerError, running_web
from stub_level import StubLevelSource
from web_server import ServedPage, served_page

WAIT_S = 30.0


@pytest.fixture(scope="module")
def page() -> Iterator[ServedPage]:
    with served_page(StubLevelSource("stub-room", "other-room"), max_sessions=2) as served:
        yield served


@dataclass(frozen=True)
class Answer:
    """One answer over HTTP, read to its end."""

    status: int
    headers: Message
    body: bytes


def get(
    page: ServedPage, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> Answer:
    """One request with exactly this path and these headers (``_`` for ``-``)."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=WAIT_S)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host="host" in named)
    for name, value in named.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def own_origin(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def dial(port: int, origin: str | None = "own") -> ClientConnection:
    """A WebSocket to the relay, as our own page opens it."""
    return connect(
        f"ws://127.0.0.1:{port}/play",
        origin=None if origin is None else Origin(own_origin(port) if origin == "own" else origin),
        compression=None,
        max_size=None,
        open_timeout=WAIT_S,
        close_timeout=1,
        proxy=None,
    )


def request(**message: object) -> bytes:
    return play_pb2.PlayRequest(**message).SerializeToString()  # type: ignore[arg-type]


def open_request(world: str = "", **options: object) -> bytes:
    wanted = play_pb2.Open(
        protocol_version=1,
        world=world,
        colour_format=common_pb2.COLOUR_FORMAT_JPEG,
        depth_format=common_pb2.DEPTH_FORMAT_INVERSE_UINT16,
        transport=common_pb2.TRANSPORT_INLINE,
        max_frames_in_flight=3,
        **options,  # type: ignore[arg-type]
    )
    return request(open=wanted)


def leave(socket: ClientConnection) -> None:
    """End the session, as the page does."""
    socket.send(request(close=play_pb2.Close()))
    socket.close(1000)


def receive(socket: ClientConnection, kind: str) -> play_pb2.PlayResponse:
    """The next message of this kind."""
    while True:
        data = socket.recv(timeout=WAIT_S)
        assert isinstance(data, bytes), f"the call ended before a {kind} came: {data}"
        response = play_pb2.PlayResponse.FromString(data)
        if response.WhichOneof("message") == "frame":
            shown = play_pb2.Presented(frame_id=response.frame.id, client_time_ns=1)
            socket.send(request(presented=shown))
        if response.WhichOneof("message") == kind:
            return response


@dataclass(frozen=True)
class End:
    """How a call ended: Connect's code and message, the metadata, and the code the socket closed with."""

    code: str
    message: str
    metadata: dict[str, str]
    closed: int


def end_of(socket: ClientConnection) -> End:
    """Wait for the call's end."""
    end: dict[str, Any] = {}
    try:
        while True:
            data = socket.recv(timeout=WAIT_S)
            if isinstance(data, str):
                end = json.loads(data)
            else:
                kind = play_pb2.PlayResponse.FromString(data).WhichOneof("message")
                assert kind != "opened", "the session was opened instead of refused"
    except ConnectionClosed as closed:
        assert closed.rcvd is not None, "the relay vanished instead of closing"
        error = end.get("error", {"code": "ok", "message": ""})
        return End(error["code"], error["message"], end.get("metadata", {}), closed.rcvd.code)


# --- what is served ----------------------------------------------------------------------------------


def test_every_file_that_the_page_names_is_served(page: ServedPage) -> None:
    todo, seen = ["/"], set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        response = get(page, path)
        assert response.status == 200, path
        text = response.body.decode()
        folder = path.rpartition("/")[0]
        for name in re.findall(
            r'(?:src|href)="([\w./-]+)"|^(?:import|export) [^;]*from "([^"]+)"', text, re.M
        ):
            parts: list[str] = []
            for part in f"{folder}/{name[0] or name[1]}".split("/"):
                parts = parts[:-1] if part == ".." else parts if part == "." else [*parts, part]
            todo.append("/".join(parts))
    assert {"/app.css", "/app/main.js", "/vendor/wire.js", "/app/net/session.js", "/icon.svg"} <= seen


def test_every_answer_carries_the_security_headers(page: ServedPage) -> None:
    for response in (get(page, "/"), get(page, "/nothing"), get(page, "/", host="evil.example")):
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cross-origin-opener-policy"] == "same-origin"


def test_a_file_that_has_not_changed_is_not_sent_again(page: ServedPage) -> None:
    first = get(page, "/app.css")
    again = get(page, "/app.css", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/..%2fapp.py",
        "/%2e%2e/%2e%2e/errors.py",
        "/app/../../relay.py",
        "//etc/passwd",
        "/..\\app.py",
        "/app/main.js%00.css",
        "/vendor/wire.d.ts",
    ],
)
def test_no_path_leaves_the_page(page: ServedPage, path: str) -> None:
    response = get(page, path)
    assert response.status == 404
    assert b"import" not in response.body


# --- who is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
def test_a_host_that_is_not_ours_is_refused(page: ServedPage, host: str) -> None:
    assert get(page, "/", host=host).status == 403


def test_localhost_is_ours_too(page: ServedPage) -> None:
    assert get(page, "/", host=f"localhost:{page.port}").status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:1", "null", "https://127.0.0.1", None]
)
def test_another_page_cannot_open_the_relay(page: ServedPage, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        dial(page.port, origin)
    assert refused.value.response.status_code == 403
    assert page.sessions() == 0


def test_another_page_cannot_ask_for_worlds(page: ServedPage) -> None:
    path = "/dreamport.v1.WorldService/ListWorlds"
    for origin in ({"origin": "http://evil.example"}, {}):
        assert get(page, path, "POST", b"", content_type="application/proto", **origin).status == 403


async def test_a_bind_that_others_can_reach_is_refused() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"):
        with pytest.raises(WebServerError, match=r"127\.0\.0\.1"):
            async with running_web("127.0.0.1:1", host=host, port=0):
                pytest.fail(f"the page was served on {host}")


async def test_a_port_that_is_taken_is_named(page: ServedPage) -> None:
    with pytest.raises(WebServerError, match=f"{page.port}.*another port"):
        async with running_web("127.0.0.1:1", port=page.port):
            pytest.fail("two servers share a port")


# --- the catalogue -----------------------------------------------------------------------------------


def ask(page: ServedPage, method: str, body: bytes, kind: str = "application/proto") -> Answer:
    path = f"/dreamport.v1.WorldService/{method}"
    return get(page, path, "POST", body, origin=own_origin(page.port), content_type=kind)


def test_the_catalogue_is_that_of_the_service(page: ServedPage) -> None:
    listed = world_pb2.ListWorldsResponse.FromString(ask(page, "ListWorlds", b"").body)
    assert [world.name for world in listed.worlds] == ["other-room", "stub-room"]
    wanted = world_pb2.GetWorldRequest(name="stub-room").SerializeToString()
    world = world_pb2.GetWorldResponse.FromString(ask(page, "GetWorld", wanted).body).world
    assert world.summary.licence == "CC0-1.0"


def test_a_call_that_fails_says_so_as_connect_does(page: ServedPage) -> None:
    wanted = world_pb2.GetWorldRequest(name="nowhere").SerializeToString()
    response = ask(page, "GetWorld", wanted)
    assert response.status == 404
    assert json.loads(response.body)["code"] == "not_found"
    assert ask(page, "Play", b"").status == 404
    assert ask(page, "ListWorlds", b"", "text/plain").status == 415
    assert ask(page, "GetWorld", b"x" * 100_000).status == 413


# --- the relay ---------------------------------------------------------------------------------------


def test_the_relay_plays_a_session_from_open_to_goodbye(page: ServedPage) -> None:
    with dial(page.port) as socket:
        socket.send(open_request())
        opened = receive(socket, "opened").opened
        assert opened.world.summary.name == "stub-room"
        assert page.sessions() == 1
        socket.send(request(control=play_pb2.Control(sequence=7, client_time_ns=123, buttons=1)))
        frame = receive(socket, "frame").frame
        while frame.control.sequence != 7:
            frame = receive(socket, "frame").frame
        assert frame.control.client_time_ns == 123
        assert frame.colour[:2] == b"\xff\xd8", "not a JPEG"
        assert len(frame.depth) == 2 * opened.frame_size.width * opened.frame_size.height
        later = receive(socket, "frame").frame
        assert later.pose.position.z > frame.pose.position.z, "forward leads forward"
        assert receive(socket, "stats").stats.sessions == 1
        leave(socket)
    assert page.settles_at(0), "a page that leaves gives its lease back"
    with dial(page.port) as socket:
        socket.send(open_request(resume_token=opened.resume_token))
        end = end_of(socket)
        assert end.code == "not_found", "a session that was left on purpose is not kept"
        assert end.closed == 4005


def test_a_page_that_was_cut_off_goes_on_from_the_same_place(page: ServedPage) -> None:
    with dial(page.port) as socket:
        socket.send(open_request())
        opened = receive(socket, "opened").opened
        socket.send(
            request(control=play_pb2.Control(sequence=1, client_time_ns=1, buttons=1, look_yaw_deg=8))
        )
        frame = receive(socket, "frame").frame
        while frame.index < 10:
            frame = receive(socket, "frame").frame
        socket.socket.shutdown(SHUT_RDWR)
    with dial(page.port) as socket:
        socket.send(open_request(resume_token=opened.resume_token))
        again = receive(socket, "opened").opened
        assert (again.resumed, again.session_id) == (True, opened.session_id)
        assert again.last_control_sequence == 1
        socket.send(request(pause=play_pb2.Pause(paused=False)))
        after = receive(socket, "frame").frame
        assert 10 <= after.index < 60
        assert (after.epoch, round(after.pose.orientation.y, 3)) == (0, round(frame.pose.orientation.y, 3))
        leave(socket)


def test_a_status_reaches_the_page_with_its_message(page: ServedPage) -> None:
    with dial(page.port) as socket:
        socket.send(open_request("nowhere"))
        end = end_of(socket)
    assert end.closed == 4005
    assert end.code == "not_found"
    assert end.message


def test_a_page_that_writes_at_the_end_of_its_call_is_told_what_the_service_said(page: ServedPage) -> None:
    for _ in range(5):
        with dial(page.port) as socket:
            socket.send(open_request())
            receive(socket, "opened")
            with contextlib.suppress(ConnectionClosed):
                for _ in range(400):
                    socket.send(request(save=play_pb2.Save()))
            end = end_of(socket)
        assert (end.code, end.closed) == ("resource_exhausted", 4008), end
        assert "await the answers" in end.message


def test_a_full_server_says_when_to_come_back(page: ServedPage) -> None:
    assert page.settles_at(0)
    with dial(page.port) as first, dial(page.port) as second, dial(page.port) as socket:
        for player in (first, second):
            player.send(open_request())
            receive(player, "opened")
        socket.send(open_request())
        end = end_of(socket)
        assert end.closed == 4008
        assert end.code == "resource_exhausted"
        assert int(end.metadata["grpc-retry-pushback-ms"]) > 0
        for player in (first, second):
            assert receive(player, "frame").frame.id > 0, "the others play on"
            leave(player)


def test_bytes_that_are_no_message_end_only_their_own_call(page: ServedPage) -> None:
    with dial(page.port) as player, dial(page.port) as socket:
        player.send(open_request())
        receive(player, "opened")
        socket.send(b"\xff" * 100)
        end = end_of(socket)
        assert end.code in ("invalid_argument", "internal")
        assert end.closed in (4003, 4013)
        assert receive(player, "frame").frame.id > 0
        leave(player)


def test_text_is_refused(page: ServedPage) -> None:
    with dial(page.port) as socket:
        socket.send("hello")
        assert end_of(socket).closed == 1003


def test_a_message_over_the_limit_is_refused(page: ServedPage) -> None:
    with dial(page.port) as socket:
        socket.send(b"\0" * 200_000)
        assert end_of(socket).closed == 1009


async def test_a_backend_that_is_not_there_is_named() -> None:
    def talk(port: int) -> End:
        with dial(port) as socket:
            with contextlib.suppress(ConnectionClosed):  # the call may have failed already
                socket.send(open_request())
            return end_of(socket)

    async with running_web("127.0.0.1:9", port=0) as url:
        end = await asyncio.to_thread(talk, int(url.rstrip("/").rpartition(":")[2]))
    assert (end.code, end.closed) == ("unavailable", 4014)
    assert "dreamport play" in end.message
