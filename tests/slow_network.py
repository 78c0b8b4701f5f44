"""A slow, lossy network on one machine: a network namespace behind a link that delays and loses packets.

The link is a veth pair with ``tc netem`` where the kernel has it. Where it has not (many containers), two TUN
devices and a thread that carries packets between them do the same: real IP packets, really late, really lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import requires

NEAR, FAR = "10.97.41.1", "10.97.41.2"
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU = 1500
MAX_WAITING = 1000
"""Packets on their way in one direction, as netem's limit."""


@dataclass(frozen=True)
class SlowLink:
    """A link to a namespace. ``address``: of the far end; ``prefix``: runs a command there; ``made_by``: what
    delays the packets.
    """

    address: str
    prefix: tuple[str, ...]
    made_by: str


@contextlib.contextmanager
def slow_link(delay_s: float, loss: float) -> Iterator[SlowLink]:
    """A link with ``delay_s`` seconds and ``loss`` (0 to 1) each way. Skips the test without root."""
    ip, tc = requires.program("ip", package="iproute2"), requires.program("tc", package="iproute2")
    if os.geteuid() != 0:
        requires.lacking("makes a network namespace, which needs root")
    name = f"dp{os.getpid() % 100000}"
    near, far = f"{name}a", f"{name}b"
    inside = (ip, "netns", "exec", name)
    with contextlib.ExitStack() as stack:
        _run(ip, "netns", "add", name)
        stack.callback(_run, ip, "netns", "del", name)
        _run(ip, "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        netem = ("root", "netem", "delay", f"{delay_s * 1000:.0f}ms", "loss", f"{loss:.2%}")
        if _works(tc, "qdisc", "add", "dev", near, *netem):
            _run(*inside, tc, "qdisc", "add", "dev", far, *netem)
            made_by = "tc netem"
            stack.callback(_run, ip, "link", "del", near)
        else:
            _run(ip, "link", "del", near)
            stack.enter_context(_tunnel(ip, name, near, far, delay_s, loss))
            made_by = "two TUN devices"
        _run(ip, "addr", "add", f"{NEAR}/30", "dev", near)
        _run(ip, "link", "set", near, "up")
        _run(*inside, ip, "addr", "add", f"{FAR}/30", "dev", far)
        _run(*inside, ip, "link", "set", far, "up")
        _run(*inside, ip, "link", "set", "lo", "up")
        yield SlowLink(FAR, inside, made_by)


@contextlib.contextmanager
def _tunnel(ip: str, namespace: str, near: str, far: str, delay_s: float, loss: float) -> Iterator[None]:
    """Two TUN devices, ``far`` in the namespace, and the thread between them."""
    ends = _tun(near), _tun(far)
    _run(ip, "link", "set", far, "netns", namespace)
    stop_read, stop_write = os.pipe()
    carrier = threading.Thread(target=_carry, args=(ends, stop_read, delay_s, loss), name="slow link")
    carrier.start()
    try:
        yield
    finally:
        os.write(stop_write, b"x")
        carrier.join()
        for descriptor in (*ends, stop_read, stop_write):
            os.close(descriptor)


def _tun(name: str) -> int:
    try:
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        requires.lacking(f"needs tc netem in the kernel, or /dev/net/tun ({error.strerror})")
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22s", name.encode(), IFF_TUN | IFF_NO_PI, b""))
    return descriptor


def _carry(ends: tuple[int, int], stop: int, delay_s: float, loss: float) -> None:
    """Carry packets both ways, each ``delay_s`` late, some never."""
    chance = random.Random(1)
    waiting: list[tuple[float, int, int, bytes]] = []
    count, queued = 0, {ends[0]: 0, ends[1]: 0}
    while True:
        timeout_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([*ends, stop], [], [], timeout_s)
        if stop in ready:
            return
        for source in ready:
            target = ends[1] if source == ends[0] else ends[0]
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = os.read(source, MTU + 64)
                    count += 1
                    if queued[target] < MAX_WAITING and chance.random() >= loss:
                        heapq.heappush(waiting, (time.monotonic() + delay_s, count, target, packet))
                        queued[target] += 1
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(waiting)
            queued[target] -= 1
            with contextlib.suppress(OSError):  # the other end is down or full: one more lost packet
                os.write(target, packet)


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)}: {result.stderr}"
