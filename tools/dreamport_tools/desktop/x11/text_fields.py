"""Which text field has the focus, by AT-SPI: GTK and Qt programs, browsers and Electron tell it on D-Bus.

Games draw their own fields and tell nothing. https://gnome.pages.gitlab.gnome.org/at-spi2-core/devel-docs/
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import Any

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.window import Box

_REGISTRY, _REGISTRY_PATH = "org.a11y.atspi.Registry", "/org/a11y/atspi/registry"
_ROOT_PATH = "/org/a11y/atspi/accessible/root"
_ACCESSIBLE, _COMPONENT = "org.a11y.atspi.Accessible", "org.a11y.atspi.Component"
_EVENTS = "org.a11y.atspi.Event.Object"
_EDITABLE, _FOCUSED = 1 << 7, 1 << 12  # AtspiStateType
_TEXT_ROLES = frozenset({40, 60, 61, 79})  # AtspiRole: password text, terminal, text, entry
_OF_THE_SCREEN = 0
_ANSWER_S = 0.5
_LOOK_S = 0.25
_MOST_ELEMENTS = 2000

Element = tuple[str, str]
"""Bus name of the program, and path of the element."""


class AtSpiTextFields:
    """Watches the focus of every program that speaks AT-SPI. Raises ``DesktopCaptureError`` where AT-SPI does
    not run.
    """

    backend = "at-spi"

    def __init__(self) -> None:
        try:
            from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]  # noqa: PLC0415
        except ImportError as error:
            raise DesktopCaptureError("the Python package jeepney is not installed") from error
        if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
            raise DesktopCaptureError("no session bus (DBUS_SESSION_BUS_ADDRESS)")
        try:
            with contextlib.closing(open_dbus_connection("SESSION")) as session:
                self._bus: Any = session
                (address,) = self._ask("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")
            self._bus = open_dbus_connection(address)
            self._subscribe()
        except (OSError, KeyError, StopIteration, _Refused) as error:
            raise DesktopCaptureError(f"AT-SPI does not run here ({error!r})") from error
        self._field: Element | None = None
        self._sure = True  # that it is a text field
        self._boxes: tuple[Box, ...] | None = None
        with contextlib.suppress(_Refused, OSError):
            self._field = self._search()
            self._measure()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="at-spi", daemon=True)
        self._thread.start()

    def look(self) -> tuple[Box, ...] | None:
        """Where the field with the focus is."""
        return self._boxes

    def close(self) -> None:
        """Stop watching."""
        self._end.set()
        self._thread.join()
        self._bus.close()

    def _subscribe(self) -> None:
        from jeepney import MatchRule, message_bus  # type: ignore[import-untyped]  # noqa: PLC0415

        rule = MatchRule(type="signal", interface=_EVENTS, member="StateChanged")
        self._signals: deque[Any] = deque()
        self._filter = self._bus.filter(rule, queue=self._signals)
        self._ask(message_bus.bus_name, message_bus.object_path, message_bus.interface, "AddMatch", "s",
                  rule.serialise())  # fmt: skip
        self._ask(_REGISTRY, _REGISTRY_PATH, _REGISTRY, "RegisterEvent", "sass",
                  "object:state-changed:focused", [], "")  # fmt: skip

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                with contextlib.suppress(TimeoutError):
                    self._bus.recv_messages(timeout=_LOOK_S)
                while self._signals:
                    self._hear(self._signals.popleft())
                self._measure()
            except (OSError, ConnectionError):
                self.backend = "none: at-spi ended while recording"
                self._boxes = None
                return

    def _hear(self, signal: Any) -> None:
        from jeepney import HeaderFields  # noqa: PLC0415

        detail, is_on, *_ = signal.body
        element = (signal.header.fields[HeaderFields.sender], signal.header.fields[HeaderFields.path])
        if detail != "focused":
            return
        if not is_on:
            if element == self._field:
                self._field = None
            return
        self._field, self._sure = element, False

    def _measure(self) -> None:
        """The field may move, and go, while it has the focus. A program that is busy is asked again at the
        next look; its field keeps its place until then.
        """
        if self._field is None:
            self._boxes = None
            return
        try:
            if not self._sure and not self._is_text(self._field):
                raise _Refused("no text field")
            self._sure = True
            if not self._state(self._field) & _FOCUSED:
                raise _Refused("no focus")
            ((left, top, width, height),) = self._ask(
                *self._field, _COMPONENT, "GetExtents", "u", _OF_THE_SCREEN
            )
        except _Busy:
            self._boxes = (self._boxes or ()) if self._sure else None
            return
        except _Refused:
            self._field = self._boxes = None
            return
        self._boxes = (Box(left, top, width, height),) if width > 0 and height > 0 else ()

    def _is_text(self, element: Element) -> bool:
        (role,) = self._ask(*element, _ACCESSIBLE, "GetRole")
        return role in _TEXT_ROLES or bool(self._state(element) & _EDITABLE)

    def _state(self, element: Element) -> int:
        (words,) = self._ask(*element, _ACCESSIBLE, "GetState")
        return int(words[0])

    def _search(self) -> Element | None:
        """The field that had the focus before anybody watched."""
        waiting: deque[Element] = deque([(_REGISTRY, _ROOT_PATH)])
        for _ in range(_MOST_ELEMENTS):
            if not waiting:
                break
            element = waiting.popleft()
            with contextlib.suppress(_Refused):
                if self._state(element) & _FOCUSED and self._is_text(element):
                    return element
                (children,) = self._ask(*element, _ACCESSIBLE, "GetChildren")
                waiting.extend((name, path) for name, path in children)
        return None

    def _ask(self, name: str, path: str, interface: str, method: str, signature: str = "", *body: Any) -> Any:
        """The body of the answer. Raises ``_Refused`` when it is an error, or none comes."""
        from jeepney import DBusAddress, MessageType, new_method_call  # noqa: PLC0415

        call = new_method_call(DBusAddress(path, name, interface), method, signature or None, body)
        try:
            answer = self._bus.send_and_get_reply(call, timeout=_ANSWER_S)
        except TimeoutError as error:
            raise _Busy(f"{method} was not answered") from error
        if answer.header.message_type == MessageType.error:
            raise _Refused(f"{method}: {answer.body}")
        return answer.body


class _Refused(Exception):
    """A program, or the bus, does not answer a question."""


class _Busy(_Refused):
    """It has not answered in time."""
