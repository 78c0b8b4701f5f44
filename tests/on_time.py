"""Figures that another program on this machine may spoil: a test that misses one measures again.

Twice at most, and only what is late is forgiven so. Whatever else fails, fails at once.
"""

from __future__ import annotations

import pytest


class TooLateError(AssertionError):
    """Something took longer than it may, or came less often."""


def assert_on_time(kept: bool, figures: object) -> None:
    """Fails with these ``figures`` unless the time was ``kept``."""
    if not kept:
        raise TooLateError(str(figures))


measured_again = pytest.mark.flaky(reruns=2, reruns_delay=2, only_rerun=[TooLateError.__name__])
"""Marks a test that calls ``assert_on_time``."""
