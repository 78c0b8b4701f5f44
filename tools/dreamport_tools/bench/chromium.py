"""A Chromium without a window, driven through the DevTools protocol
(https://chromedevtools.github.io/devtools-protocol): a browser player for benchmarks.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from dreamport_tools.bench.processes import ProcessError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--no-first-run",
    "--no-sandbox",  # it opens this machine's own page and nothing else
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,860",
    "--remote-debugging-port=0",
)
STARTING_S = 60.0
ANSWER_S = 30.0
MAX_ANSWER_BYTES = 1 << 24


class Page:
    """One page of a browser. Raises ``ProcessError`` when it does not answer, or answers with an error."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def open(self, url: str) -> None:
        """Go there; does not wait for the page."""
        self._call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON has it."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            text = answer["exceptionDetails"].get("exception", {}).get("description", "an error")
            raise ProcessError(f"the page failed: {str(text).splitlines()[0]}")
        return answer["result"].get("value")

    def key(self, code: str, down: bool) -> None:
        """Press or release a key, by its ``KeyboardEvent.code``."""
        self._call("Input.dispatchKeyEvent", type="keyDown" if down else "keyUp", code=code, key=code[-1])

    def wait_for(self, expression: str, limit_s: float, what: str) -> Any:
        """The value of an expression once it is true in JavaScript's sense. Raises ``ProcessError``."""
        deadline = time.monotonic() + limit_s
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise ProcessError(f"the page did not come to {what} within {limit_s:.0f} s")
            time.sleep(0.05)
        return value

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            try:
                answer = json.loads(self._socket.recv(ANSWER_S))
            except (TimeoutError, OSError) as error:
                raise ProcessError(f"Chromium does not answer {method}: {error}") from None
            if answer.get("id") == number:
                break
        if "error" in answer:
            raise ProcessError(f"Chromium refused {method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result


@contextlib.contextmanager
def running_chromium() -> Iterator[Page]:
    """An empty page in a browser of its own, ended with all that it left. Raises ``ProcessError``."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise ProcessError(
            "there is no Chromium here to play in; install one (Debian: apt-get install chromium) or put it "
            "on PATH"
        )
    with tempfile.TemporaryDirectory(prefix="dreamport-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = _port(process, Path(profile) / "DevToolsActivePort")
            with connect(_page_socket(port), max_size=MAX_ANSWER_BYTES, compression=None) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: subprocess.Popen[bytes], told: Path) -> int:
    """The port of the protocol, once the browser has written it down."""
    deadline = time.monotonic() + STARTING_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(told.read_text().splitlines()[0])
        time.sleep(0.05)
    raise ProcessError(f"Chromium did not start ({process.args!r}); try it by hand")


def _page_socket(port: int) -> str:
    """The address of the first page's end of the protocol."""
    deadline = time.monotonic() + STARTING_S
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer,
        ):
            for target in json.load(answer):
                if target.get("type") == "page":
                    return str(target["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise ProcessError("Chromium shows no page; try it by hand")
