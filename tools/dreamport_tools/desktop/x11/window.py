"""The game's window under X11: where it is, whether it has the keyboard, and what hides parts of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.window import Box, WindowLook

_DIRTY = frozenset({"ConfigureNotify", "MapNotify", "UnmapNotify", "DestroyNotify", "ReparentNotify",
                    "CirculateNotify", "CreateNotify", "GravityNotify"})  # fmt: skip
_POINTER_ROOT = 1


class X11Window:
    """The largest window whose title holds ``title``; empty: the one that has the keyboard now.

    Raises ``DesktopCaptureError`` when there is none.
    """

    def __init__(self, title: str) -> None:
        from Xlib import X  # type: ignore[import-untyped]  # noqa: PLC0415
        from Xlib.display import Display  # type: ignore[import-untyped]  # noqa: PLC0415
        from Xlib.error import ConnectionClosedError, DisplayError, XError  # type: ignore[import-untyped]  # noqa: PLC0415

        self._x, self._failures = X, (XError, ConnectionClosedError)
        try:
            self._display: Any = Display()
        except DisplayError as error:
            raise DesktopCaptureError(f"no X server can be reached ({error}); set DISPLAY") from error
        self._display.set_error_handler(lambda *_: None)  # a window that is gone is found out by its answers
        screen = self._display.screen()
        self._root: Any = screen.root
        self._screen = Box(0, 0, screen.width_in_pixels, screen.height_in_pixels)
        self._window = self._find(title)
        self.title = self._title(self._window)
        self.pid = self._pid(self._window)
        self._root.change_attributes(event_mask=X.SubstructureNotifyMask)
        self._window.change_attributes(event_mask=X.StructureNotifyMask)
        self._place = WindowLook()
        self._focus: tuple[int, bool] = (0, False)
        self._stale = True

    def look(self) -> WindowLook:
        """How it is now: the answer to the question for the focus comes behind all earlier changes."""
        try:
            focused = self._is_focused()
            while self._display.pending_events():
                event = self._display.next_event()
                if type(event).__name__ in _DIRTY:
                    self._stale = True
            if self._stale:
                self._stale, self._focus = False, (0, False)
                self._place = self._measure()
                focused = self._is_focused()
        except self._failures:
            self._stale = True
            return WindowLook(gone=not self._exists())
        place = self._place
        return WindowLook(place.box, focused, place.covers, place.on_screen, place.gone)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(*self._failures):
            self._display.close()

    def _measure(self) -> WindowLook:
        if self._window.get_attributes().map_state != self._x.IsViewable:
            return WindowLook()
        size = self._window.get_geometry()
        at = self._root.translate_coords(self._window, 0, 0)
        box = Box(at.x, at.y, size.width, size.height)
        covers = tuple(part for other in self._above() if (part := box.common(other)) is not None)
        return WindowLook(box, False, covers, box.common(self._screen) == box)

    def _above(self) -> Iterator[Box]:
        """Windows in front of the game's. A compositor's own sheet over the whole screen, which has neither
        name nor class, is none.
        """
        top = self._top(self._window).id
        children = self._root.query_tree().children
        begin = next((i for i, child in enumerate(children) if child.id == top), len(children)) + 1
        for child in children[begin:]:
            with contextlib.suppress(*self._failures):  # it may be gone since
                look = child.get_attributes()
                if look.map_state != self._x.IsViewable or look.win_class != self._x.InputOutput:
                    continue
                size = child.get_geometry()
                box = Box(
                    size.x, size.y, size.width + 2 * size.border_width, size.height + 2 * size.border_width
                )
                if box.common(self._screen) != self._screen or self._title(child) or child.get_wm_class():
                    yield box

    def _is_focused(self) -> bool:
        focus = self._display.get_input_focus().focus
        if isinstance(focus, int):
            return focus == _POINTER_ROOT and self._pointer_inside()
        if focus.id == self._root.id:
            return self._pointer_inside()
        if focus.id != self._focus[0]:
            same = self._top(focus).id == self._top(self._window).id
            self._focus = (focus.id, same)
        return self._focus[1]

    def _pointer_inside(self) -> bool:
        """Without a window manager the keyboard belongs to the window under the pointer."""
        child = self._root.query_pointer().child
        return not isinstance(child, int) and child.id == self._top(self._window).id

    def _top(self, window: Any) -> Any:
        """The ancestor right under the root: the window itself, or its frame."""
        while True:
            parent = window.query_tree().parent
            if isinstance(parent, int) or parent.id == self._root.id:
                return window
            window = parent

    def _exists(self) -> bool:
        try:
            self._window.get_geometry()
        except self._failures:
            return False
        return True

    def _find(self, title: str) -> Any:
        if not title:
            focus = self._display.get_input_focus().focus
            if isinstance(focus, int) or focus.id == self._root.id:
                focus = self._root.query_pointer().child
            if isinstance(focus, int):
                raise DesktopCaptureError(
                    "no window has the keyboard; click into the game, or name it with --window"
                )
            return focus
        found: dict[str, tuple[int, Any]] = {}
        for window in self._visible(self._root):
            name = self._title(window)
            size = window.get_geometry()
            if title.lower() in name.lower() and size.width * size.height > found.get(name, (0, None))[0]:
                found[name] = (size.width * size.height, window)
        if not found:
            titles = sorted({name for window in self._visible(self._root) if (name := self._title(window))})
            raise DesktopCaptureError(
                f"no window on the screen has {title!r} in its title; there are: "
                f"{', '.join(titles) or 'none'}"
            )
        return max(found.values(), key=lambda pair: pair[0])[1]

    def _visible(self, parent: Any) -> Iterator[Any]:
        for child in parent.query_tree().children:
            with contextlib.suppress(*self._failures):
                if child.get_attributes().map_state == self._x.IsViewable:
                    yield child
                    yield from self._visible(child)

    def _title(self, window: Any) -> str:
        with contextlib.suppress(*self._failures):
            for name in ("_NET_WM_NAME", "WM_NAME"):
                found = window.get_full_property(self._display.intern_atom(name), self._x.AnyPropertyType)
                if found is not None and found.value:
                    value = found.value
                    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return ""

    def _pid(self, window: Any) -> int:
        found = window.get_full_property(self._display.intern_atom("_NET_WM_PID"), self._x.AnyPropertyType)
        return int(found.value[0]) if found is not None and len(found.value) else 0
