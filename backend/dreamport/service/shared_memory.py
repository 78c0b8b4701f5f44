"""A ring of frames in memory that the server and one client on the same machine map.

The name is random and of one stream only; on POSIX the segment has mode 0600. The server holds a lock on it
while it lives, so that the next server can tell and remove what a killed one left behind (Linux; elsewhere
the name goes with the process, or at reboot on macOS). Layout: see ``SharedMemory`` in
``proto/dreamport/v1/play.proto``.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import struct
import sys
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DreamportError
from dreamport.v1 import play_pb2

MAGIC = b"DREAMSHM"
HEADER_BYTES = 64
SLOT_HEADER_BYTES = 64
SLOTS = 5
"""Two that the client reads, one that waits to be sent, one to take its place, one being written."""
ALIGNMENT = 64
MAX_BYTES = 1 << 30
PREFIX = "dreamport-"
LINUX_FOLDER = Path("/dev/shm")
_SLOT_HEADER = struct.Struct("<QQ")


class SharedMemoryError(DreamportError):
    """A shared-memory ring cannot be made, opened or read."""


def layout(colour_bytes: int, depth_bytes: int, name: str) -> play_pb2.SharedMemory:
    """Where everything lies in a ring for frames of these sizes (bytes; 0 for no depth)."""
    depth_offset = _aligned(SLOT_HEADER_BYTES + colour_bytes)
    slot_bytes = _aligned(depth_offset + depth_bytes)
    return play_pb2.SharedMemory(
        name=name,
        bytes=HEADER_BYTES + SLOTS * slot_bytes,
        header_bytes=HEADER_BYTES,
        slots=SLOTS,
        slot_bytes=slot_bytes,
        colour_offset=SLOT_HEADER_BYTES,
        colour_bytes=colour_bytes,
        depth_offset=depth_offset if depth_bytes else 0,
        depth_bytes=depth_bytes,
    )


class FrameRing:
    """The server's end: writes frames, newest over oldest, last over those that the client may be reading."""

    def __init__(self, colour_bytes: int, depth_bytes: int) -> None:
        self.layout = layout(colour_bytes, depth_bytes, "")
        self._descriptor, self.layout.name, self._memory = _create(self.layout.bytes)
        self._memory[: len(MAGIC)] = MAGIC
        self._count = 0
        self._slot = 0
        self._frames = [-1] * SLOTS

    def slot_views(self, held: Collection[int] = ()) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Colour and depth bytes of the next slot, which is marked as being written until ``publish``.

        ``held``: frames that must not be written over, as long as there is another slot.
        """
        oldest_first = sorted(range(SLOTS), key=lambda slot: self._frames[slot])
        self._slot = next((slot for slot in oldest_first if self._frames[slot] not in held), oldest_first[0])
        base = self._base()
        _SLOT_HEADER.pack_into(self._memory, base, 2 * self._count + 1, 0)
        colour, depth = base + self.layout.colour_offset, base + self.layout.depth_offset
        memory = np.frombuffer(self._memory, np.uint8)
        return memory[colour : colour + self.layout.colour_bytes], memory[
            depth : depth + self.layout.depth_bytes
        ]

    def publish(self, frame_id: int) -> play_pb2.SharedMemorySlot:
        """The slot is written; gives what the client needs to read it."""
        version = 2 * self._count + 2
        _SLOT_HEADER.pack_into(self._memory, self._base(), version, frame_id)
        self._frames[self._slot] = frame_id
        self._count += 1
        return play_pb2.SharedMemorySlot(slot=self._slot, version=version)

    def close(self) -> None:
        """Remove the name and give the memory back. Whoever still maps it keeps it until they let go."""
        if self._descriptor is not None:
            _unlink(self.layout.name)
            with contextlib.suppress(BufferError):  # a view is still alive; its last reference unmaps
                self._memory.close()
            os.close(self._descriptor)
            self._descriptor = None
        elif sys.platform == "win32":
            with contextlib.suppress(BufferError):
                self._memory.close()

    def _base(self) -> int:
        return int(HEADER_BYTES + self._slot * self.layout.slot_bytes)


class FrameRingReader:
    """The client's end: copies frames out. Raises ``SharedMemoryError`` when the ring is not there or not as
    described.
    """

    def __init__(self, description: play_pb2.SharedMemory) -> None:
        if not HEADER_BYTES <= description.bytes <= MAX_BYTES:
            raise SharedMemoryError(
                f"the ring claims {description.bytes} bytes; ask for inline frames instead"
            )
        self._layout = description
        self._memory = _open(description.name, description.bytes)
        if self._memory[: len(MAGIC)] != MAGIC:
            raise SharedMemoryError("the shared memory is not a frame ring; ask for inline frames instead")

    def read(self, slot: play_pb2.SharedMemorySlot) -> tuple[bytes, bytes] | None:
        """Colour and depth bytes, or ``None`` when the server has written over them meanwhile."""
        here = self._layout
        base = here.header_bytes + slot.slot * here.slot_bytes
        if slot.slot >= here.slots or base + here.slot_bytes > here.bytes:
            raise SharedMemoryError(f"the server named slot {slot.slot} of {here.slots}")
        if self._version(base) != slot.version:
            return None
        colour, depth = base + here.colour_offset, base + here.depth_offset
        pixels = (
            self._memory[colour : colour + here.colour_bytes],
            self._memory[depth : depth + here.depth_bytes],
        )
        return pixels if self._version(base) == slot.version else None

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()

    def _version(self, base: int) -> int:
        return int(_SLOT_HEADER.unpack_from(self._memory, base)[0])


def remove_leftovers(folder: Path = LINUX_FOLDER) -> int:
    """Remove rings of servers that were killed; gives their number. Rings that a live server holds stay."""
    removed = 0
    if sys.platform != "linux" or not folder.is_dir():
        return removed
    for path in folder.glob(f"{PREFIX}*"):
        try:
            if path.lstat().st_uid != os.getuid():
                continue
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if _lock(descriptor):
                path.unlink(missing_ok=True)
                removed += 1
        finally:
            os.close(descriptor)
    return removed


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


if sys.platform == "win32":

    def _create(length: int) -> tuple[int | None, str, mmap.mmap]:
        name = f"Local\\{PREFIX}{secrets.token_hex(16)}"
        return None, name, mmap.mmap(-1, length, tagname=name)

    def _open(name: str, length: int) -> mmap.mmap:
        return mmap.mmap(-1, length, tagname=name, access=mmap.ACCESS_READ)

    def _unlink(name: str) -> None:
        """Windows removes the name with its last handle."""

    def _lock(descriptor: int) -> bool:
        return False

else:
    import _posixshmem
    import fcntl

    def _create(length: int) -> tuple[int | None, str, mmap.mmap]:
        # macOS allows 31 characters, the slash among them.
        for _ in range(8):
            name = f"/{PREFIX}{secrets.token_hex(10)}"
            descriptor = _posixshmem.shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600)
            try:
                os.set_inheritable(descriptor, False)
                # A starting server may take a segment for a leftover before it is locked: then make another.
                if _lock(descriptor) and _still_named(descriptor, name):
                    os.ftruncate(descriptor, length)
                    return descriptor, name, mmap.mmap(descriptor, length)
            except OSError as error:
                os.close(descriptor)
                _unlink(name)
                raise SharedMemoryError(
                    f"cannot make {length} bytes of shared memory: {error.strerror}"
                ) from error
            os.close(descriptor)
        raise SharedMemoryError("cannot keep a shared-memory segment: another server removes it")

    def _open(name: str, length: int) -> mmap.mmap:
        if not name.startswith(f"/{PREFIX}") or "/" in name[1:]:
            raise SharedMemoryError(
                "the server named memory that is not a frame ring; ask for inline frames instead"
            )
        try:
            descriptor = _posixshmem.shm_open(name, os.O_RDONLY, mode=0)
        except OSError as error:
            raise SharedMemoryError(
                f"cannot open the server's shared memory ({error.strerror}); ask for inline frames instead"
            ) from error
        try:
            if os.fstat(descriptor).st_size < length:
                raise SharedMemoryError(
                    "the shared memory is smaller than described; ask for inline frames instead"
                )
            return mmap.mmap(descriptor, length, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)

    def _unlink(name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            _posixshmem.shm_unlink(name)

    def _lock(descriptor: int) -> bool:
        if sys.platform == "darwin":  # shared memory cannot be locked there, and not be listed either
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _still_named(descriptor: int, name: str) -> bool:
        if sys.platform != "linux":
            return True
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(LINUX_FOLDER / name[1:]))
        except FileNotFoundError:
            return False
