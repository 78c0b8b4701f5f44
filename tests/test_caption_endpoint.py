"""Captions by a vision model, against a real HTTP server that speaks OpenAI's chat completions."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import simplejpeg

import requires
from dreamport.errors import DatasetError

requires.package("openai", extra="caption")
requires.package("pyarrow", extra="capture")

from dreamport.episodes.captions import captions_path, read_captions  # noqa: E402
from dreamport_tools.captioning.answers import ChunkAnswer, read_answer  # noqa: E402
from dreamport_tools.captioning.cache import AnswerCache  # noqa: E402
from dreamport_tools.captioning.endpoint import Endpoint, EndpointCaptioner  # noqa: E402
from dreamport_tools.captioning.run import caption_dataset, caption_episode  # noqa: E402
from test_caption import BLUE, RED, record  # noqa: E402

CHUNK = {
    "event": "walks down a hall",
    "caption": "The player walks down a red hall.",
    "scene": "A red hall with plain walls.",
}
WHOLE = {"narrative": "The player walks down a hall, then stops.", "scene": "A red hall with plain walls."}

Reply = tuple[int, Any, dict[str, str]]


@dataclass
class Peer:
    """The server: what it was asked, and what it says. ``reply`` gets the number of the request, from 0."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    reply: Callable[[int, dict[str, Any]], Reply | None] = lambda number, body: None

    def endpoint(self, **options: Any) -> Endpoint:
        return Endpoint(self.url, "seer-1", **{"retries": 2, "timeout_s": 20.0, **options})


def completion(content: str) -> Reply:
    return (
        200,
        {
            "id": "x", "object": "chat.completion", "created": 1, "model": "seer-1",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050},
        },
        {},
    )  # fmt: skip


def suitable(body: dict[str, Any]) -> Reply:
    """What the question asks for."""
    whole = "narrative" in body["messages"][1]["content"][0]["text"]
    return completion(json.dumps(WHOLE if whole else CHUNK))


@pytest.fixture
def peer() -> Iterator[Peer]:
    here = Peer()
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with turn:
                number = len(here.asked)
                here.asked.append(body)
                here.keys.append(self.headers["authorization"])
            assert self.path == "/v1/chat/completions"
            status, answer, headers = here.reply(number, body) or suitable(body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    here.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield here
    server.shutdown()
    server.server_close()
    thread.join()


def captioner_of(peer: Peer, cache: Path | None = None, **options: Any) -> EndpointCaptioner:
    return EndpointCaptioner(peer.endpoint(**options), AnswerCache(cache))


def pictures(body: dict[str, Any]) -> list[Any]:
    """The pictures of a question, decoded."""
    urls = [
        part["image_url"]["url"] for part in body["messages"][1]["content"] if part["type"] == "image_url"
    ]
    return [simplejpeg.decode_jpeg(base64.b64decode(url.partition(",")[2])) for url in urls]


def test_a_model_is_asked_for_every_chunk_and_for_the_whole(tmp_path: Path, peer: Peer) -> None:
    episode = record(tmp_path, [(40, RED, 1, 0.0)])
    captioner = captioner_of(peer, key="a secret")
    captions = caption_episode(episode, captioner, 2.0)
    assert [chunk.event for chunk in captions.chunks] == ["walks down a hall"] * 2
    assert (captions.narrative, captions.scene) == (WHOLE["narrative"], WHOLE["scene"])
    assert captions.source.startswith("seer-1")
    assert len(peer.asked) == 3 and set(peer.keys) == {"Bearer a secret"}
    first = peer.asked[0]
    assert first["model"] == "seer-1" and first["response_format"] == {"type": "json_object"}
    assert len(pictures(first)) == 6 and pictures(first)[0].shape == (48, 64, 3)
    assert "walks forward" in first["messages"][1]["content"][0]["text"], (
        "recorded facts go with the pictures"
    )
    assert "seconds 0.0 to 2.0" in peer.asked[1]["messages"][1]["content"][0]["text"], (
        "what came before is told"
    )


def test_a_question_about_a_chunk_holds_nothing_of_the_future(tmp_path: Path, peer: Peer) -> None:
    beginning = [(20, RED, 1, 0.0), (20, RED, 0, 4.0)]
    for name, ending in (("calm", [(20, RED, 0, 0.0)]), ("wild", [(20, BLUE, 2, -9.0)])):
        caption_episode(record(tmp_path / name, [*beginning, *ending]), captioner_of(peer), 2.0)
    calm, wild = peer.asked[:4], peer.asked[4:]
    assert calm[:2] == wild[:2], "chunks before the difference are asked about in the very same bytes"
    assert calm[2] != wild[2]
    for body in wild[:2]:
        assert all(picture[..., 0].mean() > picture[..., 2].mean() for picture in pictures(body)), (
            "no blue yet"
        )


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("It is a hall.", "not one JSON object"),
        (json.dumps({"event": "walks", "caption": "The player walks on."}), "scene: Field required"),
        (json.dumps({**CHUNK, "mood": "grim"}), "mood: Extra inputs"),
        (json.dumps({**CHUNK, "event": 7}), "event: Input should be a valid string"),
        (json.dumps({**CHUNK, "scene": "The camera pans over a hall."}), "camera, pans"),
        (json.dumps({**CHUNK, "caption": "The player walks on and will open a door."}), "the future (will)"),
    ],
)
def test_an_answer_at_fault_is_asked_for_again_with_the_reason(
    bad: str, complaint: str, tmp_path: Path, peer: Peer
) -> None:
    episode = record(tmp_path, [(20, RED, 1, 0.0)])
    peer.reply = lambda number, body: completion(bad) if number == 0 else None
    captioner = captioner_of(peer)
    captions = caption_episode(episode, captioner, 2.0)
    assert captions.chunks[0].scene == CHUNK["scene"]
    asked = peer.asked[1]["messages"]
    assert asked[2] == {"role": "assistant", "content": bad}
    assert complaint in asked[3]["content"]
    assert captioner.bill.again == 1 and captioner.bill.requests == 3


def test_what_stays_at_fault_loses_those_sentences(tmp_path: Path, peer: Peer) -> None:
    episode = record(tmp_path, [(20, RED, 1, 0.0)])
    stubborn = {**CHUNK, "scene": "A red hall with plain walls. The camera is low."}
    peer.reply = lambda number, body: completion(json.dumps(stubborn)) if number < 3 else None
    captions = caption_episode(episode, captioner_of(peer), 2.0)
    assert captions.chunks[0].scene == "A red hall with plain walls."


def test_a_model_that_never_answers_as_asked_names_the_episode_and_costs_no_other(
    tmp_path: Path, peer: Peer
) -> None:
    for index in range(2):
        record(tmp_path, [(20, RED, 1, 0.0)], index)
    peer.reply = lambda number, body: completion("no") if number < 3 else None
    done = caption_dataset(tmp_path, captioner_of(peer), 2.0)
    assert list(done.faults) == [0]
    assert "episode 0, seconds 0.0 to 2.0" in done.faults[0] and "in 3 tries" in done.faults[0]
    assert done.written == (captions_path(tmp_path, 1),)


def test_a_busy_server_is_asked_again_when_it_says(tmp_path: Path, peer: Peer) -> None:
    episode = record(tmp_path, [(20, RED, 1, 0.0)])
    busy: Reply = (429, {"error": {"message": "slow down"}}, {"retry-after-ms": "5"})
    broken: Reply = (503, {"error": {"message": "restarting"}}, {"retry-after-ms": "5"})
    peer.reply = lambda number, body: {0: busy, 1: broken}.get(number)
    captions = caption_episode(episode, captioner_of(peer), 2.0)
    assert captions.chunks[0].event == CHUNK["event"] and len(peer.asked) == 4


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "OPENAI_API_KEY"), (404, "ends in /v1"), (400, "take pictures"), (500, "status 500")],
)
def test_a_refusal_says_what_to_do(status: int, said: str, tmp_path: Path, peer: Peer) -> None:
    episode = record(tmp_path, [(20, RED, 1, 0.0)])
    peer.reply = lambda number, body: (status, {"error": {"message": "no"}}, {"retry-after-ms": "1"})
    with pytest.raises(DatasetError, match=said):
        caption_episode(episode, captioner_of(peer, retries=1), 2.0)


def test_a_server_that_is_not_there_is_said_so(tmp_path: Path, peer: Peer) -> None:
    episode = record(tmp_path, [(20, RED, 1, 0.0)])
    gone = EndpointCaptioner(Endpoint("http://127.0.0.1:9/v1", "seer-1", retries=0), AnswerCache(None))
    with pytest.raises(DatasetError, match="does not answer"):
        caption_episode(episode, gone, 2.0)


def test_answers_are_kept_and_not_paid_for_twice(tmp_path: Path, peer: Peer) -> None:
    episode = record(tmp_path / "data", [(40, RED, 1, 0.0)])
    first = captioner_of(peer, tmp_path / "cache", price_in=2.0, price_out=10.0)
    before = caption_episode(episode, first, 2.0)
    assert first.bill.cost == pytest.approx((3000 * 2.0 + 150 * 10.0) / 1e6)
    assert first.bill.line() == (
        "3 requests, 0 answers from the cache, 0 asked again; 3,000 tokens in, 150 out, costs 0.0075"
    )
    second = captioner_of(peer, tmp_path / "cache")
    assert caption_episode(episode, second, 2.0) == before
    assert (second.bill.requests, second.bill.kept, len(peer.asked)) == (0, 3, 3)
    assert second.bill.cost is None
    for path in (tmp_path / "cache").iterdir():
        path.write_text("{")
    third = captioner_of(peer, tmp_path / "cache")
    assert caption_episode(episode, third, 2.0) == before
    assert third.bill.requests == 3, "a damaged answer is asked for again"


def test_a_run_that_was_cut_short_goes_on_where_it_stopped(tmp_path: Path, peer: Peer) -> None:
    for index, colour in enumerate((RED, BLUE)):
        record(tmp_path / "data", [(20, colour, 1, 0.0)], index)
    peer.reply = lambda number, body: None if number < 3 else (401, {"error": {"message": "over"}}, {})
    done = caption_dataset(tmp_path / "data", captioner_of(peer, tmp_path / "cache"), 2.0)
    assert (len(done.written), list(done.faults)) == (1, [1])
    peer.reply = lambda number, body: None
    captioner = captioner_of(peer, tmp_path / "cache")
    done = caption_dataset(tmp_path / "data", captioner, 2.0)
    assert (len(done.written), done.kept) == (1, 1)
    assert (captioner.bill.kept, captioner.bill.requests) == (1, 1), "the chunk was answered before"


def test_answers_may_stand_in_a_fence() -> None:
    fenced = f"```json\n{json.dumps(CHUNK)}\n```"
    assert read_answer(fenced, ChunkAnswer).event == CHUNK["event"]


def test_the_command_asks_the_endpoint_and_prints_the_cost(tmp_path: Path, peer: Peer) -> None:
    record(tmp_path / "data", [(20, RED, 1, 0.0)])
    done = subprocess.run(
        [
            sys.executable, "-m", "dreamport", "caption", str(tmp_path / "data"), "--endpoint", peer.url,
            "--model", "seer-1", "--price-in", "2", "--price-out", "10", "--cache", str(tmp_path / "cache"),
        ],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "OPENAI_API_KEY": "from the environment", "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 requests" in done.stdout and "costs 0.0050" in done.stdout
    assert set(peer.keys) == {"Bearer from the environment"}
    captions = read_captions(tmp_path / "data", 0)
    assert captions is not None and captions.chunks[0].event == CHUNK["event"]
