"""Takes pictures on the grid, joins them with the input into rows, and follows hot keys and pauses."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from dreamport.episodes.rows import FrameFacts
from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.bindings import Bindings
from dreamport_tools.desktop.camera import Camera, Obstacle, Shot
from dreamport_tools.desktop.controls import HeldControls
from dreamport_tools.desktop.episode import CapturedFrame, DesktopEpisode
from dreamport_tools.desktop.events import InputEvent
from dreamport_tools.desktop.grid import SECOND_NS, Clock, Grid
from dreamport_tools.desktop.hotkeys import Action, HotKeys
from dreamport_tools.desktop.plan import RunFacts, picture_size, plan_episode
from dreamport_tools.desktop.quality import Quality, Tell
from dreamport_tools.desktop.redaction import black_out
from dreamport_tools.desktop.removal import remove_episode
from dreamport_tools.desktop.secrecy import Secrecy
from dreamport_tools.desktop.settings import DesktopSettings
from dreamport_tools.desktop.this_system import Desktop
from dreamport_tools.desktop.window import GameWindow

SILENCE_S = 10.0
"""A source that says nothing for so long has ended: every source tells what is held once a second."""


@dataclass(frozen=True)
class Summary:
    """What a run left. ``episodes``: their indices in the data set."""

    out: Path
    episodes: list[int]
    quality: Quality
    backends: dict[str, str]


@dataclass
class _Running:
    """An episode that is recorded. ``number``: the grid's, of its last frame; ``gap``: the next frame is no
    neighbour of it, however long it was: one frame counts as missing. ``unseen``: nobody knows who had the
    keyboard before the next frame. ``secret``: a dropped frame's input, which the next frame takes over, is.
    """

    episode: DesktopEpisode
    began_ns: int
    ended_ns: int
    number: int | None = None
    next_index: int = 0
    gap: bool = False
    unseen: bool = True
    secret: bool = False


class Recorder:
    """One run, until the player, ``stop``, the time or the window ends it. All of it is one thread; input and
    text fields come from their own.
    """

    def __init__(
        self,
        settings: DesktopSettings,
        desktop: Desktop,
        find_window: Callable[[str], GameWindow],
        clock: Clock,
        wall: Callable[[], datetime],
        stop: threading.Event,
        tell: Tell,
    ) -> None:
        self._settings, self._desktop, self._find_window = settings, desktop, find_window
        self._clock, self._wall, self._stop, self._tell = clock, wall, stop, tell
        self._hot_keys = HotKeys.parse(settings.hot_keys)
        self._bindings = Bindings.parse(settings.buttons)
        self._held = HeldControls(self._bindings)
        self._secrecy = Secrecy()
        self._inbox: deque[InputEvent] = deque()
        self._asked: deque[tuple[Action, int]] = deque()
        self._events: list[InputEvent] = []
        self._window: GameWindow | None = None
        self._camera: Camera | None = None
        self._now: _Running | None = None
        self._done: list[_Running] = []
        self._count = 0
        self._shot: Shot | None = None
        self._paused: str | None = None
        self._first_ns: int | None = None
        self._heard_ns = 0
        self._ending = ""
        moment = wall()
        self._session = f"desktop-{moment:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        self._seed = int(moment.timestamp())
        self.quality = Quality()

    def run(self) -> Summary:
        """Record. Raises ``DesktopCaptureError`` and ``DatasetError``; what was recorded by then is an
        episode.
        """
        self._desktop.input.start(self._inbox.append)
        self._heard_ns = self._clock.now_ns()
        grid = Grid(self._clock.now_ns(), self._settings.fps)
        try:
            if not self._settings.wait:
                self._begin()
            while not self._stop.is_set() and not self._ending:
                number = grid.next(self._clock.now_ns())
                self._clock.sleep_until(grid.due_ns(number))
                self._receive(act=True)
                self._tick(number, grid.due_ns(number))
                self._tell(self.quality)
        finally:
            self._finish(self._ending or "finished")
            placed = [running.episode.wait() for running in self._done]
            if self._window is not None:
                self._window.close()
        for running in self._done:
            if running.episode.error is not None:
                raise running.episode.error
        indices = [each.index for each in placed if each is not None]
        return Summary(self._settings.out, indices, self.quality, self._desktop.backends())

    def _tick(self, number: int, due_ns: int) -> None:
        if self._now is None or self._camera is None:
            self._forget_events()
            return
        if self._now.episode.error is not None:
            raise self._now.episode.error
        if due_ns - self._heard_ns > SILENCE_S * SECOND_NS:
            raise DesktopCaptureError(
                f"nothing has come from the input source {self._desktop.input.keys} for {SILENCE_S:g} s, not "
                "even what is held: what was recorded until then is kept; start again"
            )
        found = self._camera.shoot(number, due_ns)
        self._complete()
        if isinstance(found, Obstacle):
            self._pause(found)
            return
        self._resume(found)
        self._shot = found
        self._first_ns = self._first_ns or found.before_ns
        seconds = self._settings.seconds
        if seconds is not None and found.before_ns - self._first_ns >= seconds * SECOND_NS:
            self._ending = "finished"
        elif found.before_ns - self._now.began_ns >= self._settings.episode_minutes * 60 * SECOND_NS:
            self._finish("finished")
            self._begin()
            self._now.unseen = False

    # Frames

    def _complete(self) -> None:
        """Write the frame before this one: by now its input is here, however late it was delivered."""
        shot, running, camera = self._shot, self._now, self._camera
        self._shot = None
        hidden = self._secrecy.between(self._desktop.fields.look())
        if shot is None or running is None or camera is None:
            return
        if not running.episode.ready():
            self.quality.dropped += 1  # its input goes to the next
            running.secret |= hidden
            return
        hidden, running.secret = hidden or running.secret, False
        self._events.sort(key=lambda event: event.time_ns)
        count = sum(event.time_ns <= shot.before_ns for event in self._events)
        if running.unseen:
            self._forget_events(count)
            running.unseen, count = False, 0
        control, events = self._held.row(self._events[:count])
        del self._events[:count]
        first = running.number is None
        if first or running.gap:
            events.append(InputEvent(shot.before_ns, "held", names=tuple(sorted(self._held.held))))
        boxes = (*shot.covers, *self._secrecy.boxes(shot.window))
        redacted = black_out(shot.picture, shot.window, boxes)
        lost = 1 if running.gap else 0 if running.number is None else shot.number - running.number - 1
        scale, most = self._settings.deg_per_count, self._settings.look_max_deg
        facts = FrameFacts(
            index=running.next_index + lost,
            client_time_ns=shot.before_ns,
            position=None,
            orientation=None,
            buttons=0 if hidden else control.buttons,
            look_deg=tuple(max(-most, min(most, count * scale)) for count in (control.dx, control.dy)),
            mouse_dxdy=(control.dx, control.dy),
            engine=((shot.after_ns - shot.before_ns) / 1e6, (shot.before_ns - shot.due_ns) / 1e6),
            redacted=redacted or hidden,
        )
        running.episode.add(
            CapturedFrame(facts, camera.fit(shot.picture), self._secrecy.filter(events, hidden))
        )
        self.quality.dropped += 0 if running.gap else lost
        self.quality.redacted += facts.redacted
        self.quality.repairs = self._held.repairs
        since_ns = 0 if first or running.gap else round((lost + 1) * SECOND_NS / self._settings.fps)
        done = sum(event.kind != "held" for event in events)
        self.quality.frame(shot.before_ns, done, shot.picture, since_ns)
        self.quality.seconds_left = running.episode.seconds_left
        running.number, running.next_index, running.ended_ns = shot.number, facts.index + 1, shot.before_ns
        running.gap = False

    def _pause(self, found: Obstacle) -> None:
        self._forget_events()
        if found.gone:
            self._ending = "window closed"
        if self._paused != found.why and self._now is not None:
            self._now.episode.mark("pause", found.why, self._clock.now_ns())
        self._paused, self.quality.state = found.why, f"paused: {found.why}"

    def _resume(self, shot: Shot) -> None:
        self.quality.state = "recording"
        if self._paused is not None and self._now is not None:
            self._now.episode.mark("resume", self._paused, shot.before_ns)
            self._now.gap, self._now.unseen = self._now.number is not None, True
            self._desktop.input.snapshot()
        self._paused = None

    # Input

    def _receive(self, *, act: bool) -> None:
        """Take what came. Hot keys are followed only where ``act`` says so, else later: they end and begin
        episodes.
        """
        while self._asked and act:
            self._act(*self._asked.popleft())
        while self._inbox:
            event = self._inbox.popleft()
            self._heard_ns = self._clock.now_ns()
            action, is_hot_key = self._hot_keys.take(event)
            if event.kind == "held":
                names = tuple(name for name in event.names if name not in self._hot_keys.pressed)
                event = replace(event, names=names)
            if not is_hot_key:
                self._events.append(event)
            if action is not None and act:
                self._act(action, event.time_ns)
            elif action is not None:
                self._asked.append((action, event.time_ns))

    def _act(self, action: Action, time_ns: int) -> None:
        if action == "start" and self._now is None:
            self._forget_events()
            try:
                self._begin()
            except DesktopCaptureError as error:
                self.quality.state = f"cannot start: {error}"
        elif action == "stop" and self._now is not None:
            self._finish("finished")
        elif action == "mark" and self._now is not None:
            self.quality.marks += 1
            self._now.episode.mark("mark", f"mark {self.quality.marks}", time_ns)
        elif action == "delete":
            self._delete(time_ns)

    def _forget_events(self, count: int | None = None) -> None:
        """Input (the first so many events) that belongs to no frame is not kept, but for what is held."""
        for event in self._events[:count]:
            self._held.take(event)
        del self._events[:count]

    # Episodes

    def _begin(self) -> None:
        settings = self._settings
        if self._window is None:
            self._window = self._find_window(settings.window)
        if self._camera is None:
            self._camera = Camera(self._desktop.screen, self._window, self._clock, picture_size(settings))
        now_ns = self._clock.now_ns()
        run = RunFacts(self._session, self._seed, self._count, self._window.title, self._desktop.backends())
        plan = plan_episode(settings, run, self._camera.size, self._bindings, now_ns, self._wall())
        self._now = _Running(DesktopEpisode(settings.out, plan, quality=settings.quality), now_ns, now_ns)
        self._count += 1
        self._paused, self.quality.state = None, "recording"
        self._desktop.input.snapshot()

    def _finish(self, ended: str) -> None:
        """End the episode; it is put in place while others are recorded."""
        if self._now is None:
            return
        if self._shot is not None:
            self._clock.sleep_until(self._shot.before_ns + round(SECOND_NS / self._settings.fps))
        self._receive(act=False)
        self._complete()
        self._now.episode.finish(ended)
        self._done.append(self._now)
        self._now, self.quality.state = None, "waiting"
        self.quality.episodes += 1

    def _delete(self, time_ns: int) -> None:
        """Delete the last minutes: of the episode that is recorded just those; earlier ones of this run that
        reach into them are deleted whole.
        """
        since_ns = time_ns - round(self._settings.delete_minutes * 60 * SECOND_NS)
        self._shot = None
        self._forget_events()
        if self._now is not None:
            self._now.episode.cut(since_ns)
            self._now.episode.mark("deleted", f"{self._settings.delete_minutes:g} minutes", time_ns)
            self._now.gap = self._now.number is not None
        for running in [each for each in self._done if each.ended_ns >= since_ns]:
            placed = running.episode.wait()
            if placed is not None:
                remove_episode(placed.dataset, placed.index)
            self._done.remove(running)
        self.quality.deleted += 1
