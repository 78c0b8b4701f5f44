"""Generate ``native/src/proto`` from ``proto/dreamport/v1`` with nanopb; ``--check`` only says whether it is
up to date.

Static fields only: nanopb's published advisories concern callback fields and dynamic allocation, so generated
code with either is refused. See ``dreamport.options`` for the sizes.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PINNED = "0.4.9.1"
ROOT = Path(__file__).resolve().parent
PROTO = ROOT.parent.parent / "proto"
OUTPUT = ROOT.parent / "src" / "proto"
NAMES = ("common", "world", "play", "capture")
FORBIDDEN = re.compile(r"\b(pb_callback_t|CALLBACK|POINTER|FT_CALLBACK|FT_POINTER)\b")


def generate(destination: Path) -> None:
    """Write ``*.pb.h`` and ``*.pb.c``. Raises ``SystemExit`` when the tool is missing, fails, or writes
    callback or pointer fields.
    """
    try:
        installed = importlib.metadata.version("nanopb")
    except importlib.metadata.PackageNotFoundError:
        installed = "none"
    if installed != PINNED:
        raise SystemExit(f"nanopb {PINNED} is needed, found {installed}: pip install nanopb=={PINNED}")
    command = [
        sys.executable,
        "-m",
        "nanopb.generator.nanopb_generator",
        f"--proto-path={PROTO}",
        f"--output-dir={destination}",
        f"--options-file={ROOT / 'dreamport.options'}",
        "--no-timestamp",
        "--quiet",
        *(f"dreamport/v1/{name}.proto" for name in NAMES),
    ]
    done = subprocess.run(command, cwd=PROTO, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"nanopb failed:\n{done.stdout}{done.stderr}")
    for path in sorted((destination / "dreamport" / "v1").glob("*.pb.*")):
        found = FORBIDDEN.search(path.read_text())
        if found is not None:
            raise SystemExit(
                f"{path.name} has a {found.group(0)} field: give it a size or FT_IGNORE in dreamport.options"
            )
        # One folder, so that `#include "proto/play.pb.h"` needs no include path of its own.
        (destination / path.name).write_text(path.read_text().replace('"dreamport/v1/', '"'))


def differences(fresh: Path, kept: Path) -> list[str]:
    """Names of generated files that differ, are missing or should not be there."""
    names = {path.name for folder in (fresh, kept) for path in folder.glob("*.pb.*")}
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
        changed = differences(fresh, OUTPUT)
        if not check:
            OUTPUT.mkdir(exist_ok=True)
            for name in changed:
                (OUTPUT / name).unlink(missing_ok=True)
                if (fresh / name).is_file():
                    (OUTPUT / name).write_bytes((fresh / name).read_bytes())
    if check and changed:
        print(f"out of date: {', '.join(changed)}; run python native/proto/generate.py", file=sys.stderr)
        raise SystemExit(1)
    print(f"native/src/proto: {len(changed)} files changed" if changed else "native/src/proto: up to date")


if __name__ == "__main__":
    main()
