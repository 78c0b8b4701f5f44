"""Make the seed corpus of ``connection_fuzz`` from exchanges with a real server.

    PYTHONPATH=tests python native/fuzz/make_corpus.py      writes native/fuzz/corpus/seed-*

A proxy between a gRPC client and a server with stub worlds keeps what the server said. Beside these
recordings come scripts of rarer frames, and single messages, for the other two kinds of input (see
connection_fuzz.cpp).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from dreamport.v1 import capture_pb2, common_pb2, play_pb2, world_pb2
from stubs import serving

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).resolve().parent / "corpus"
RECORDING, SCRIPT, MESSAGES = 0, 1, 2
MOST_BYTES = 24_000
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10)
)
TOKEN = "a token of the corpus"


class Proxy:
    """Passes bytes between clients and a server, and keeps the server's of the last connection."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener: asyncio.Server | None = None
        self.said = bytearray()

    async def __aenter__(self) -> str:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self.said.clear()

        async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter, keep: bool) -> None:
            while block := await source.read(65536):
                if keep:
                    self.said += block
                sink.write(block)
            sink.close()

        with contextlib.suppress(asyncio.CancelledError):  # the end of the event loop
            await asyncio.gather(
                forward(reader, server_writer, False),
                forward(server_reader, writer, True),
                return_exceptions=True,
            )


async def record(
    port: int, method: str, requests: Iterable[bytes], answers: int, token: str = TOKEN
) -> bytes:
    """What the server says to one call, up to ``answers`` messages or its end."""
    proxy = Proxy(port)
    enough = asyncio.Event()

    async def asking() -> AsyncIterator[bytes]:
        for request in requests:
            yield request
        if answers:
            await enough.wait()

    async with proxy as address, grpc.aio.insecure_channel(address) as channel:
        start: Any = channel.stream_stream(method)
        call = start(asking(), metadata=(("authorization", f"Bearer {token}"),))
        try:
            count = 0
            async for _ in call:
                count += 1
                if count == answers:
                    break
        except grpc.aio.AioRpcError:
            pass
        enough.set()
        await asyncio.sleep(0)
        call.cancel()
    return bytes(proxy.said)


def play(**fields: object) -> bytes:
    """An Open."""
    return play_pb2.PlayRequest(
        open=play_pb2.Open(protocol_version=1, seed=1, **fields)  # type: ignore[arg-type]
    ).SerializeToString()


async def recordings() -> dict[str, bytes]:
    """Exchanges with a real server, by name."""
    jpeg = {
        "colour_format": common_pb2.COLOUR_FORMAT_JPEG,
        "depth_format": common_pb2.DEPTH_FORMAT_INVERSE_UINT16,
    }
    raw = {"colour_format": common_pb2.COLOUR_FORMAT_RAW_RGBA}
    path = "/dreamport.v1.PlayService/Play"
    worlds = "/dreamport.v1.WorldService/"
    close = play_pb2.PlayRequest(close=play_pb2.Close()).SerializeToString()
    reset = play_pb2.PlayRequest(reset=play_pb2.Reset()).SerializeToString()
    save = play_pb2.PlayRequest(save=play_pb2.Save()).SerializeToString()
    get = world_pb2.GetWorldRequest(name="stub").SerializeToString()
    wrong = play_pb2.PlayRequest(open=play_pb2.Open(protocol_version=9)).SerializeToString()
    async with serving(token=TOKEN) as stubs:
        port = stubs.server.port
        return {
            "play-jpeg": await record(port, path, [play(**jpeg), save, reset], 6),
            "play-raw": await record(port, path, [play(**raw)], 2),
            "play-close": await record(port, path, [play(**jpeg), close], 0),
            "play-version": await record(port, path, [wrong], 1),
            "play-no-world": await record(port, path, [play(world="absent")], 1),
            "play-token": await record(port, path, [play()], 1, token="wrong"),
            "play-garbage": await record(port, path, [b"\xff\xff\xff"], 1),
            "worlds": await record(port, worlds + "ListWorlds", [b""], 0),
            "world": await record(port, worlds + "GetWorld", [get], 0),
            "absent-method": await record(port, "/dreamport.v1.PlayService/Absent", [b""], 0),
        }


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame of a script."""
    return bytes([kind, flags, stream]) + len(payload).to_bytes(2, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field as an HPACK literal."""
    return b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value


def scripts() -> dict[str, bytes]:
    """Rarer frames, by name."""
    headers = frame(HEADERS, 4, 1, b"\x88" + literal(b"content-type", b"application/grpc"))
    trailers = frame(
        HEADERS, 5, 1, literal(b"grpc-status", b"8") + literal(b"grpc-retry-pushback-ms", b"250")
    )
    message = b"\0\0\0\0\x04\x12\x02\x10\x05"
    return {
        "trailers-only": frame(
            HEADERS,
            5,
            1,
            b"\x88" + literal(b"content-type", b"application/grpc") + literal(b"grpc-status", b"5"),
        ),
        "padded": headers + frame(DATA, 8, 1, b"\x03" + message + b"\0\0\0") + trailers,
        "split": headers + b"".join(frame(DATA, 0, 1, bytes([octet])) for octet in message) + trailers,
        "compressed": headers + frame(DATA, 0, 1, b"\1" + message[1:]),
        "huge": headers + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff"),
        "reset": headers + frame(RST_STREAM, 0, 1, b"\0\0\0\x08"),
        "goaway": frame(GOAWAY, 0, 0, b"\0\0\0\x03\0\0\0\x0btoo_many_pings") + headers + trailers,
        "ping": frame(PING, 0, 0, b"12345678") + frame(PING, 1, 0, bytes(8)),
        "windows": frame(WINDOW_UPDATE, 0, 0, b"\x7f\0\0\0") + frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\0"),
        "settings": frame(SETTINGS, 0, 0, b"\0\4\0\0\0\1\0\5\0\0\x40\0\0\1\0\0\0\0")
        + frame(SETTINGS, 1, 0, b""),
        "push": frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2\x82"),
        "continuation": frame(HEADERS, 0, 1, b"\x88")
        + frame(CONTINUATION, 4, 1, literal(b"content-type", b"x")),
        "priority": frame(PRIORITY, 0, 3, b"\0\0\0\1\x10") + headers,
        "http-404": frame(HEADERS, 4, 1, literal(b":status", b"404")),
        "informational": frame(HEADERS, 4, 1, literal(b":status", b"103")) + headers + trailers,
        "percent": frame(HEADERS, 5, 1, b"\x88" + literal(b"grpc-message", b"%C3%A4 %zz %" + b"%41" * 30)),
    }


def messages() -> dict[str, bytes]:
    """Messages of each call, by name."""

    def of(call: int, *contents: bytes) -> bytes:
        return b"".join(bytes([call]) + len(each).to_bytes(2, "big") + each for each in contents)

    notice = play_pb2.Notice(message="ä" * 300)
    record = capture_pb2.RecordResponse
    return {
        "notices": of(
            0,
            play_pb2.PlayResponse(notice=notice).SerializeToString(),
            play_pb2.PlayResponse(saved=play_pb2.Saved(handle="h")).SerializeToString(),
            play_pb2.PlayResponse(stats=play_pb2.Stats()).SerializeToString(),
            play_pb2.PlayResponse(
                redirect=play_pb2.Redirect(address="[::1]:50701", ticket="t")
            ).SerializeToString(),
            b"",
            b"\x0a\xff\xff\xff\xff\x0f",
        ),
        "capture": of(
            1,
            record(begun=capture_pb2.Begun()).SerializeToString(),
            record(acknowledged=capture_pb2.Acknowledged()).SerializeToString(),
            record(finished=capture_pb2.Finished()).SerializeToString(),
            record(notice=capture_pb2.CaptureNotice(message="full")).SerializeToString(),
        ),
    }


def main() -> None:
    """Write every seed, each as one block from the socket and a few in small pieces."""
    CORPUS.mkdir(exist_ok=True)
    for old in CORPUS.glob("seed-*"):
        old.unlink()
    all_of = {
        RECORDING: asyncio.run(recordings()),
        SCRIPT: scripts(),
        MESSAGES: messages(),
    }
    for kind, seeds in all_of.items():
        for name, content in seeds.items():
            assert content, f"nothing was recorded for {name}"
            piece = 7 if name in ("play-close", "worlds", "padded") else 0
            (CORPUS / f"seed-{name}").write_bytes(bytes([kind, piece]) + content[:MOST_BYTES])
    total = sum(path.stat().st_size for path in CORPUS.iterdir())
    print(f"{len(list(CORPUS.iterdir()))} inputs, {total:,} bytes in {CORPUS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
