"""The native core behind a gateway: it plays at its worker, and goes on by itself when that is lost."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from dreamport_tools.native_core import NativeClient, NativeLibrary
from dreamport_tools.native_core.library import EventKind
from native_backend import wait_for
from stub_cluster import Placed, placed


@contextlib.contextmanager
def gateway(count: int) -> Iterator[tuple[Placed, asyncio.AbstractEventLoop]]:
    """``placed`` in a thread of its own, and that thread's loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gateway")
    thread.start()
    context = placed(count)
    try:
        here = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(60)
        try:
            yield here, loop
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def test_the_native_core_follows_and_survives_the_loss_of_its_worker(native_library: Path) -> None:
    library = NativeLibrary.load(native_library)
    with (
        gateway(count=2) as (here, loop),
        NativeClient(library, here.gateway.address, depth=True, backoff_ms=(5, 40), seed=3) as client,
    ):
        client.wait_ready()
        (placement,) = here.gateway.roll
        assert placement.post is not None
        post, address = placement.post, placement.post.address
        wait_for(lambda: placement.kept is not None, "a snapshot at the gateway")
        client.next_frame().release()
        told = client.events()
        loop.call_soon_threadsafe(here.cluster.at(address).lose)

        def heard(kind: EventKind) -> bool:
            told.extend(client.events())
            return any(event.kind is kind for event in told)

        wait_for(lambda: heard(EventKind.RESUMED), "the session to go on", 20.0)
        assert any(address in event.text and "last snapshot" in event.text for event in told), told
        assert placement.post is not None
        assert placement.post is not post
        client.next_frame().release()
        wait_for(lambda: heard(EventKind.NOTICE), "the notice that it was restored")
        assert client.status().resumed == 1
        assert client.status().restarted == 0
