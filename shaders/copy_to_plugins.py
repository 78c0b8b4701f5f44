"""Copy the shared composite into both plugins, which must be whole by themselves when a developer installs them.

    python shaders/copy_to_plugins.py            write the copies
    python shaders/copy_to_plugins.py --check    exit with 1 when a copy is missing or differs

The copies differ from the source in nothing but their first line. Unreal's shader compiler takes only .usf and
.ush from a plugin's shader folder, hence the other name there.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "shaders" / "DreamportComposite.hlsl"
COPIES = (
    ROOT / "unity_package" / "Runtime" / "Shaders" / "DreamportComposite.hlsl",
    ROOT / "unreal_plugin" / "Dreamport" / "Shaders" / "Private" / "DreamportComposite.ush",
)
FIRST_LINE = "// Copied from shaders/DreamportComposite.hlsl by shaders/copy_to_plugins.py: change it there.\n"


def main(arguments: list[str]) -> int:
    """Write or check the copies; the exit code."""
    text = FIRST_LINE + SOURCE.read_text(encoding="utf-8")
    wrong = [copy for copy in COPIES if not copy.is_file() or copy.read_text(encoding="utf-8") != text]
    for copy in wrong:
        if "--check" in arguments:
            print(f"{copy.relative_to(ROOT)} is not the shared composite: run python shaders/copy_to_plugins.py")
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {copy.relative_to(ROOT)}")
    return 1 if wrong and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
