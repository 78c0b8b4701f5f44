"""Copies what the plugin shares with the rest of the repository: the native library's header and the
composite shader.

``python unreal_plugin/sync_shared.py`` writes the copies, ``--check`` says which differ and exits with 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PLUGIN = Path(__file__).parent / "Dreamport"
REPOSITORY = Path(__file__).parent.parent
COPIES = {
    "native/include/dreamport/core.h": PLUGIN / "Source/ThirdParty/DreamportCore/include/dreamport/core.h",
    "shaders/DreamportComposite.hlsl": PLUGIN / "Shaders/Private/DreamportShared.ush",
}


def differing() -> list[str]:
    """Sources whose copy in the plugin is missing or not the same."""
    return [
        source
        for source, copy in COPIES.items()
        if not copy.exists() or copy.read_bytes() != (REPOSITORY / source).read_bytes()
    ]


def main() -> int:
    """Copy, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a copy differs")
    check = parser.parse_args().check
    for source in differing():
        print(f"{'differs' if check else 'copied'}: {source}")
        if not check:
            COPIES[source].parent.mkdir(parents=True, exist_ok=True)
            COPIES[source].write_bytes((REPOSITORY / source).read_bytes())
    if check and differing():
        print("Run python unreal_plugin/sync_shared.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
