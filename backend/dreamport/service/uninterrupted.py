"""Work that must be completed once begun, whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

R = TypeVar("R")


async def uninterrupted(work: Awaitable[R]) -> R:
    """Await ``work`` to its end. A cancellation that comes meanwhile is raised afterwards."""
    task = asyncio.ensure_future(work)
    interrupted = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            interrupted = True
    if interrupted:
        if not task.cancelled():
            task.exception()  # retrieved: nobody else will
        raise asyncio.CancelledError
    return task.result()
