"""Generate ``backend/dreamport/v1`` from ``proto/dreamport/v1``; ``--check`` only says whether it is up to
date.

Generated code can be read by the protobuf and grpcio releases it was made with and by later ones, so the
pinned grpcio-tools below is the oldest that this project supports, and ``pyproject.toml`` states the same
floors.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import tempfile
from pathlib import Path

PINNED = "1.80.0"
ROOT = Path(__file__).resolve().parent
OUTPUT = ROOT.parent / "backend"
PACKAGE = Path("dreamport/v1")
INIT = '"""Generated from proto/dreamport/v1 by proto/generate.py. Do not edit."""\n'


def generate(destination: Path) -> None:
    """Write the package below ``destination``. Raises ``SystemExit`` when the tools are missing or protoc
    fails.
    """
    try:
        installed = importlib.metadata.version("grpcio-tools")
    except importlib.metadata.PackageNotFoundError:
        installed = "none"
    if installed != PINNED:
        raise SystemExit(
            f"grpcio-tools {PINNED} is needed, found {installed}: pip install grpcio-tools=={PINNED}"
        )
    import grpc_tools  # noqa: PLC0415  (only here: the check above explains its absence)
    from grpc_tools import protoc  # noqa: PLC0415

    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).glob("*.proto"))
    arguments = [
        "protoc",
        f"--proto_path={ROOT}",
        f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}",
        f"--python_out={destination}",
        f"--pyi_out={destination}",
        f"--grpc_python_out={destination}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed: see the message above")
    for path in (destination / PACKAGE).glob("*_pb2_grpc.py"):
        if "Stub" not in path.read_text():  # a file without a service
            path.unlink()
    (destination / PACKAGE / "__init__.py").write_text(INIT)


def differences(fresh: Path, kept: Path) -> list[str]:
    """Names of generated files that differ, are missing or should not be there."""
    names = {path.name for folder in (fresh, kept) for path in folder.glob("*.py*") if path.is_file()}
    return [
        name
        for name in sorted(names)
        if not (fresh / name).is_file()
        or not (kept / name).is_file()
        or (fresh / name).read_bytes() != (kept / name).read_bytes()
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="exit 1 when the generated code is out of date")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        changed = differences(fresh / PACKAGE, OUTPUT / PACKAGE)
        if not check:
            (OUTPUT / PACKAGE).mkdir(exist_ok=True)
            for name in changed:
                (OUTPUT / PACKAGE / name).unlink(missing_ok=True)
                if (fresh / PACKAGE / name).is_file():
                    (OUTPUT / PACKAGE / name).write_bytes((fresh / PACKAGE / name).read_bytes())
    if check and changed:
        print(f"out of date: {', '.join(changed)}; run python proto/generate.py", file=sys.stderr)
        raise SystemExit(1)
    print(f"{PACKAGE}: {len(changed)} files changed" if changed else f"{PACKAGE}: up to date")


if __name__ == "__main__":
    main()
