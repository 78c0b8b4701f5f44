"""Copy the shared composite into both plugins, which must be whole by themselves when they are installed.

    python shaders/copy_to_plugins.py            write the copies
    python shaders/copy_to_plugins.py --check    exit with 1 when a copy is missing or differs

The copies are the same byte for byte. Unreal's shader compiler takes only .usf and .ush, and
DreamportComposite.usf is the pass there, hence the other name.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "shaders" / "DreamportComposite.hlsl"
COPIES = (
    ROOT / "unity_package" / "Runtime" / "Shaders" / "DreamportComposite.hlsl",
    ROOT / "unreal_plugin" / "Dreamport" / "Shaders" / "Private" / "DreamportShared.ush",
)


def main(arguments: list[str]) -> int:
    """Write or check the copies; the exit code."""
    content = SOURCE.read_bytes()
    wrong = [copy for copy in COPIES if not copy.is_file() or copy.read_bytes() != content]
    for copy in wrong:
        if "--check" in arguments:
            print(f"{copy.relative_to(ROOT)} differs: run python shaders/copy_to_plugins.py")
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            print(f"wrote {copy.relative_to(ROOT)}")
    return 1 if wrong and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
