"""How large the base install is: every file of dreamport and of what it needs, extras left out.

Run ``python -m dreamport_tools.install_size`` in the environment to be measured.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

BUDGET_MB = 400.0


def base_distributions(root: str = "dreamport") -> dict[str, Distribution]:
    """``root`` and all it needs, by normalised name; requirements of an extra are not followed."""
    found: dict[str, Distribution] = {}
    waiting = [root]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # a requirement of another platform
        for line in found[name].requires or []:
            match = re.match(r"[A-Za-z0-9._-]+", line)
            if match and "extra ==" not in line:
                waiting.append(match.group())
    return found


def size_mb(package: Distribution) -> float:
    """Bytes of the installed files of a distribution, in MB (10^6 bytes)."""
    total = 0
    for file in package.files or []:
        path = Path(str(package.locate_file(file)))
        if path.suffix != ".pyc" and path.is_file():
            total += path.stat().st_size
    return total / 1e6


def main() -> None:
    """Print the sizes, largest first, and the sum."""
    sizes = {name: size_mb(package) for name, package in base_distributions().items()}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size:8.1f} MB  {name}")
    print(f"{sum(sizes.values()):8.1f} MB  of {BUDGET_MB:.0f} MB")


if __name__ == "__main__":
    main()
