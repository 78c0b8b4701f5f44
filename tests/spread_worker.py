"""Spreads a little work over processes, says which did it, and is killed."""

from __future__ import annotations

import os
import sys

from dreamport_training.data.spread import Spread


def whose(job: int) -> str:
    """The process that works on the job."""
    return str(os.getpid())


if __name__ == "__main__":
    with Spread(2) as spread:
        print(*{said for _, said in spread.run(whose, list(range(8)))}, flush=True)
        sys.stdin.readline()
