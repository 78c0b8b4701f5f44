"""The native core's own tests, with and without sanitizers, its fuzz target, and how sources are fetched."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

import requires

ROOT = Path(__file__).resolve().parent.parent
NATIVE = ROOT / "native"
FUZZ_SECONDS = int(os.environ.get("DREAMPORT_FUZZ_SECONDS", "60"))
MOST_CORPUS_BYTES = 300_000
MOST_LIBRARY_BYTES = 4_000_000
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


@pytest.fixture(scope="module")
def fuzzing(
    native_sanitized_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[str]]:
    """The fuzz target at work on the committed corpus, beside the other tests of this file."""
    fuzzer = native_sanitized_folder / "connection_fuzz"
    if not fuzzer.is_file():
        requires.lacking("needs libFuzzer: install the packages clang-14 and libclang-rt-14-dev")
    found = tmp_path_factory.mktemp("fuzz")
    process = subprocess.Popen(
        [
            *(fuzzer, f"-max_total_time={FUZZ_SECONDS}", "-max_len=8192", "-timeout=20", "-seed=1"),
            *("-print_final_stats=1", f"-artifact_prefix={found}/", found, NATIVE / "fuzz" / "corpus"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **SANITIZERS},
    )
    yield process
    process.kill()
    process.communicate()


def ctest(folder: Path) -> None:
    """Run every C++ test of a build folder, two at a time; fail with what the failing ones said."""
    program = requires.program("ctest", package="cmake")
    result = subprocess.run(
        [program, "--test-dir", folder, "--output-on-failure", "--no-tests=error", "-j", "2"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **SANITIZERS},
    )
    assert result.returncode == 0, result.stdout[-20_000:]


def test_the_tests_of_the_core_pass(fuzzing: subprocess.Popen[str], native_build_folder: Path) -> None:
    ctest(native_build_folder)


def test_the_tests_of_the_core_pass_under_asan_and_ubsan(native_sanitized_folder: Path) -> None:
    ctest(native_sanitized_folder)


def test_the_sanitizers_are_at_work(native_sanitized_folder: Path) -> None:
    symbols = subprocess.run(
        [requires.program("nm", package="binutils"), native_sanitized_folder / "net_messages_test"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "__asan_report_load1" in symbols
    assert "__ubsan_handle" in symbols


def test_the_library_needs_only_the_c_library(native_library: Path) -> None:
    program = requires.program("readelf", package="binutils")
    if sys.platform != "linux":
        pytest.skip("readelf reads Linux libraries")
    listing = subprocess.run(
        [program, "-d", native_library], capture_output=True, text=True, check=True
    ).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.+?)\]", listing))
    assert needed <= {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
    assert native_library.stat().st_size < MOST_LIBRARY_BYTES


def test_the_sources_are_formatted() -> None:
    program = requires.program("clang-format-14", package="clang-format-14")
    files = [
        path
        for folder in ("src", "tests", "fuzz")
        for path in sorted((NATIVE / folder).rglob("*"))
        if path.suffix in (".cpp", ".h") and path.parent.name != "proto"
    ]
    result = subprocess.run(
        [program, "--dry-run", "-Werror", *files], capture_output=True, text=True, check=False
    )
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", result.stderr, re.MULTILINE)))
    assert not wrong, f"run clang-format-14 -i {' '.join(wrong)}"


def test_the_fuzz_target_survives_its_corpus(fuzzing: subprocess.Popen[str]) -> None:
    corpus = NATIVE / "fuzz" / "corpus"
    seeds = sorted(corpus.iterdir())
    assert len(seeds) >= 20
    assert sum(path.stat().st_size for path in seeds) < MOST_CORPUS_BYTES
    output, _ = fuzzing.communicate(timeout=FUZZ_SECONDS + 200)
    assert fuzzing.returncode == 0, output[-20_000:]
    runs = re.search(r"stat::number_of_executed_units: (\d+)", output)
    assert runs is not None
    assert int(runs[1]) > 100 * FUZZ_SECONDS, "the fuzz target has become too slow to find anything"


# ---------------------------------------------------------------- how sources are fetched


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """``native/sources.py`` with an empty cache."""
    monkeypatch.setenv("DREAMPORT_NATIVE_CACHE", str(tmp_path / "cache"))
    specification = importlib.util.spec_from_file_location("native_sources", NATIVE / "sources.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "native_sources", module)
    specification.loader.exec_module(module)
    return module


def archive(files: dict[str, bytes]) -> bytes:
    """A .tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class Shelf:
    """A web server of a few files that counts what is asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.asked: list[str] = []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shelf.asked.append(self.path)
                content = files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def library(sources: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A library ``thing`` whose first address is gone, whose second lies and whose third is right."""
    good = archive({"thing-1/include/thing.h": b"int thing;", "thing-1-docs/page": b"", "other": b""})
    shelf = Shelf({"/lies": archive({"thing-1/evil": b""}), "/good": good})
    versions = [
        {
            "version": "1",
            "sha256": hashlib.sha256(good).hexdigest(),
            "folder": "thing-1",
            "urls": [shelf.address + path for path in ("/gone", "/lies", "/good")],
        }
    ]
    table = tmp_path / "sources.json"
    table.write_text(json.dumps({"thing": versions}))
    monkeypatch.setattr(sources, "SOURCES", table)
    yield shelf
    shelf.close()


def test_a_source_is_taken_from_the_first_address_that_serves_the_right_one(
    sources: ModuleType, library: Shelf
) -> None:
    found = sources.source("thing")
    assert library.asked == ["/gone", "/lies", "/good"]
    assert (found.folder / "include" / "thing.h").read_bytes() == b"int thing;"
    assert sorted(path.name for path in found.folder.iterdir()) == ["include"]
    sources.source("thing")
    assert len(library.asked) == 3, "the cache was not used"


def test_a_source_that_is_nowhere_right_is_refused_with_every_reason(
    sources: ModuleType, library: Shelf
) -> None:
    table = json.loads(sources.SOURCES.read_text())
    table["thing"][0]["urls"].pop()
    sources.SOURCES.write_text(json.dumps(table))
    with pytest.raises(sources.SourceError) as refusal:
        sources.source("thing")
    assert "/gone: HTTP Error 404" in str(refusal.value)
    assert "/lies: sha256 is" in str(refusal.value)
    assert not (sources.cache_folder() / "sources").exists()


def test_every_source_is_pinned_by_its_hash() -> None:
    for name, versions in json.loads((NATIVE / "third_party" / "sources.json").read_text()).items():
        for version in versions:
            assert re.fullmatch(r"[0-9a-f]{64}", version["sha256"]), name
            assert version["urls"], name
