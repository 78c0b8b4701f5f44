"""Copy the native library's header into the plug-in, which must stand on its own.

``python unreal_plugin/copy_header.py`` writes the copy; ``--check`` exits with 1 when it differs. The shader
is copied by ``shaders/copy_to_plugins.py``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADER = ROOT / "native/include/dreamport/core.h"
COPY = ROOT / "unreal_plugin/Dreamport/Source/ThirdParty/DreamportCore/include/dreamport/core.h"


def main() -> int:
    """Copy, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 if the copy differs")
    same = COPY.exists() and COPY.read_bytes() == HEADER.read_bytes()
    if parser.parse_args().check:
        if not same:
            print("core.h differs: run python unreal_plugin/copy_header.py")
        return 0 if same else 1
    COPY.parent.mkdir(parents=True, exist_ok=True)
    COPY.write_bytes(HEADER.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
