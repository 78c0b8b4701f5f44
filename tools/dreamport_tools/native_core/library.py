"""The loaded library: functions with types, a checked layout, and what statuses and states mean."""

from __future__ import annotations

import ctypes
import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DreamportError
from dreamport_tools.native_core import abi

OK, NOTHING_NEW = 0, 1
POLL_S = 0.001


class State(enum.IntEnum):
    """``dp_state``."""

    CONNECTING, OPENING, READY, WAITING, FAILED, CLOSED = range(6)


class Problem(enum.IntEnum):
    """``dp_problem``."""

    NONE = 0
    BACKEND_ABSENT = 1
    ADDRESS = 2
    TIMEOUT = 3
    CONNECTION_LOST = 4
    TLS_CERTIFICATE_EXPIRED = 5
    TLS_CERTIFICATE_UNTRUSTED = 6
    TLS_CERTIFICATE_NAME = 7
    TLS = 8
    TOKEN = 9
    VERSION = 10
    NOT_FOUND = 11
    SERVER_FULL = 12
    ARGUMENT = 13
    UNSUPPORTED = 14
    WORLD_FAILED = 15
    SHUTTING_DOWN = 16
    TAKEN_OVER = 17
    PROTOCOL = 18
    NO_SPACE = 19
    SERVER = 20


class EventKind(enum.IntEnum):
    """``dp_event_kind``."""

    NONE, STATE, OPENED, RESUMED, NOTICE, SAVED, LOADED, EPISODE_BEGUN, EPISODE_FINISHED = range(9)


class NativeError(DreamportError):
    """A call of the native core was refused. ``status``: the ``dp_status``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class ConnectionStatus:
    """``dp_connection_status``."""

    state: State
    problem: Problem
    grpc_status: int
    attempts: int
    next_attempt_ns: int
    resumed: int
    restarted: int
    transport: int
    message: str
    server_message: str


@dataclass(frozen=True)
class Event:
    """``dp_event``."""

    kind: EventKind
    code: int
    state: State
    problem: Problem
    number: int
    time_ns: int
    text: str


class NativeLibrary:
    """``dreamport_core``, loaded. Raises ``NativeError`` when it is of another ABI than ``abi`` describes."""

    def __init__(self, library: ctypes.CDLL, path: Path) -> None:
        self.path = path
        self.calls: Any = library
        for name, (result, *arguments) in abi.FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        version = self.calls.dp_abi_version()
        if version != abi.ABI_VERSION:
            raise NativeError(
                -2, f"{path} has ABI {version}, these tools know {abi.ABI_VERSION}: build it again"
            )
        differences = self.layout_differences()
        if differences:
            raise NativeError(-2, f"{path} and abi.py differ: {'; '.join(differences[:5])}")

    @classmethod
    def load(cls, path: Path | str) -> NativeLibrary:
        """Load the library at ``path`` (``native/build.py`` prints it)."""
        try:
            return cls(ctypes.CDLL(str(path)), Path(path))
        except OSError as error:
            raise NativeError(
                -5, f"cannot load {path}: {error}. Build it with `python native/build.py`."
            ) from error

    @property
    def version(self) -> str:
        """Version of the library."""
        return str(self.calls.dp_version().decode())

    @property
    def components(self) -> str:
        """What is linked in."""
        return str(self.calls.dp_components().decode())

    def now_ns(self) -> int:
        """The library's clock."""
        return int(self.calls.dp_now_ns())

    def layout(self) -> dict[tuple[str, str], tuple[int, int]]:
        """``(struct, field) -> (offset, size)`` as the library tells it; an empty field names the struct."""
        entry, found = abi.LayoutEntry(), {}
        for index in range(self.calls.dp_layout_count()):
            self.check(self.calls.dp_layout(index, ctypes.byref(entry)))
            key = (entry.struct_name.decode(), entry.field_name.decode())
            found[key] = (entry.offset, entry.size)
        return found

    def layout_differences(self) -> list[str]:
        """What ``abi`` has otherwise than the library."""
        theirs, found = self.layout(), []
        for name, struct in abi.STRUCTS.items():
            ours = {"": (0, ctypes.sizeof(struct))}
            for field, *_ in struct._fields_:
                place = getattr(struct, field)
                ours[field] = (place.offset, place.size)
            fields = {field: place for (owner, field), place in theirs.items() if owner == name}
            found += [
                f"{name}.{field}: library {fields.get(field)}, abi.py {ours.get(field)}"
                for field in ours.keys() | fields.keys()
                if fields.get(field) != ours.get(field)
            ]
        return sorted(found)

    def check(self, status: int) -> int:
        """The status if it is no error. Raises ``NativeError``."""
        if status < 0:
            raise NativeError(status, str(self.calls.dp_status_text(status).decode()))
        return status

    def shutdown(self, timeout_s: float = 5.0) -> bool:
        """End everything; true when all threads ended in time."""
        return bool(self.calls.dp_shutdown(round(timeout_s * 1000)) == OK)

    def restart(self) -> None:
        """Use the library again."""
        self.check(self.calls.dp_restart())


class Handle:
    """A client, query or recorder of the library. Closes itself as a context manager."""

    def __init__(self, library: NativeLibrary, kind: str) -> None:
        self.library = library
        self.pointer = ctypes.c_void_p()
        self._kind = kind
        # Bound once: B2 measures what a call costs.
        self._status = getattr(library.calls, f"dp_{kind}_{'poll' if kind == 'query' else 'status'}")

    def status(self) -> ConnectionStatus:
        """Where it stands."""
        raw = abi.ConnectionStatus()
        result = self._status(self.pointer, ctypes.byref(raw))
        if self._kind != "query":
            self.library.check(result)
        return ConnectionStatus(
            State(raw.state),
            Problem(raw.problem),
            raw.grpc_status,
            raw.attempts,
            raw.next_attempt_ns,
            raw.resumed,
            raw.restarted,
            raw.transport,
            raw.message.decode(),
            raw.server_message.decode(),
        )

    def events(self) -> list[Event]:
        """All events that wait."""
        raw, found = abi.Event(), []
        poll = getattr(self.library.calls, f"dp_{self._kind}_poll_event")
        while self.library.check(poll(self.pointer, ctypes.byref(raw))) == OK:
            found.append(
                Event(
                    EventKind(raw.kind),
                    raw.code,
                    State(raw.state),
                    Problem(raw.problem),
                    raw.number,
                    raw.time_ns,
                    raw.text.decode(),
                )
            )
        return found

    def wait_ready(self, timeout: float = 10.0) -> None:
        """Wait (seconds) until it is ready. Raises ``NativeError`` with the library's own words when it fails
        or is too slow.
        """
        self.wait(lambda: self.status().state in (State.READY, State.FAILED), timeout, "READY")
        status = self.status()
        if status.state is State.FAILED:
            raise NativeError(-3, f"{status.problem.name}: {status.message}")

    def wait_state(self, *states: State, timeout: float = 10.0) -> ConnectionStatus:
        """Wait (seconds) for one of the states."""
        names = ", ".join(state.name for state in states)
        self.wait(lambda: self.status().state in states, timeout, names)
        return self.status()

    def wait(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Poll until ``condition`` holds. Raises ``NativeError`` after ``timeout`` seconds."""
        end_s = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end_s:
                status = self.status()
                raise NativeError(
                    -3,
                    f"no {what} in {timeout} s: {status.state.name}, {status.problem.name}, {status.message}",
                )
            time.sleep(POLL_S)

    def close(self) -> None:
        """Destroy it; the library frees it in the background."""
        if self.pointer.value is not None:
            getattr(self.library.calls, f"dp_{self._kind}_destroy")(self.pointer)
            self.pointer = ctypes.c_void_p()


def memory_at(address: int, length: int) -> NDArray[np.uint8]:
    """``length`` bytes of the library's memory, not copied."""
    return np.frombuffer(memoryview((ctypes.c_uint8 * length).from_address(address)), np.uint8)


def endpoint(
    address: str,
    token: str = "",
    tls: bool = False,
    ca_file: Path | str = "",
    server_name: str = "",
    connect_timeout_ms: int = 0,
) -> abi.Endpoint:
    """``dp_endpoint``."""
    return abi.Endpoint(
        struct_size=ctypes.sizeof(abi.Endpoint),
        use_tls=int(tls),
        address=address.encode(),
        token=token.encode(),
        ca_file=str(ca_file).encode(),
        server_name=server_name.encode(),
        connect_timeout_ms=connect_timeout_ms,
    )
