"""Views remembered by pose: the pack's captured bank, and a ring of what this session generated where the
bank is blind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import PackError
from dreamport.generator.coverage import CANDIDATES, ViewIndex, pick
from dreamport.worlds.arrays import AnyArray, ArraysError, take
from dreamport.worlds.manifest import WorldManifest
from dreamport.worlds.views import (
    STEPS,
    DecodedViews,
    EncodedView,
    View,
    Views,
    encode_view,
    pack_views,
    unpack_views,
)

Float32 = NDArray[np.float32]

SESSION_VIEWS = 128
SESSION_CANDIDATES = 16
DECODED_VIEWS = 48
BLIND_SHARE = 0.15
"""A generated frame is remembered when memory could not fill this share of it."""

EMPTY = -1


@dataclass(frozen=True)
class RememberedViews:
    """The picked views as the ``reproject`` graph takes them; places without a view have inverse depth 0
    everywhere.

    ``colour [K, 3, H, W]`` 0..1, ``inverse_depth [K, 1, H, W]`` 0..1, ``target_from_source [K, 4, 4]``,
    ``intrinsics [K, 4]``. The arrays are the memory's own and hold until the next call.
    """

    colour: Float32
    inverse_depth: Float32
    target_from_source: Float32
    intrinsics: Float32


class ViewMemory:
    """Picks, for every next camera, the views that show most of it.

    Captured views are trusted more: a session's own view counts only where no captured candidate sees
    anything. The session ring holds ``SESSION_VIEWS`` views, the newest win. Views stay encoded; some are
    kept decoded.
    """

    def __init__(self, bank: Views, manifest: WorldManifest) -> None:
        if manifest.views is None or manifest.depth is None:
            raise PackError(f"world {manifest.name} remembers no views; it is played without")
        height, width = manifest.frame.height, manifest.frame.width
        count = manifest.views.per_frame
        self._bank = bank
        self._size = height, width
        capacity = len(bank) + SESSION_VIEWS
        self._index = ViewIndex(capacity, (height, width), manifest.depth.min_m, manifest.depth.max_m)
        self._index.put(slice(0, len(bank)), bank.pose, bank.intrinsics, bank.inverse_depth_grid)
        self._captured = np.arange(capacity) < len(bank)
        self._pose: NDArray[np.float64] = np.tile(np.eye(4), (capacity, 1, 1))
        self._pose[: len(bank)] = bank.pose
        self._intrinsics: Float32 = np.ones((capacity, 4), np.float32)
        self._intrinsics[: len(bank)] = bank.intrinsics
        self._session: list[EncodedView] = []
        self._remembered = 0
        # Tells apart what was decoded from the same place of the ring at different times; never goes back.
        self._serial = 0
        self._serials = [0] * SESSION_VIEWS
        self._decoded = DecodedViews(DECODED_VIEWS)
        self._slots = [EMPTY] * count
        self._held: list[tuple[int, int] | None] = [None] * count
        self._fed = RememberedViews(
            np.zeros((count, 3, height, width), np.float32),
            np.zeros((count, 1, height, width), np.float32),
            np.tile(np.eye(4, dtype=np.float32), (count, 1, 1)),
            np.ones((count, 4), np.float32),
        )

    @property
    def session_views(self) -> int:
        """Generated views held now."""
        return len(self._session)

    @property
    def slots(self) -> tuple[int, ...]:
        """The views picked last, by place; -1 where there is none."""
        return tuple(self._slots)

    def select(self, pose: NDArray[np.float64], intrinsics: Float32) -> bool:
        """Pick the views for a camera ``pose [4, 4]``, ``intrinsics [4]``; false when nothing is seen of
        it.
        """
        filled = self._index.filled
        candidates = self._index.nearest(pose, filled & self._captured, CANDIDATES)
        captured = len(candidates)
        if self._session:
            own = self._index.nearest(pose, filled & ~self._captured, SESSION_CANDIDATES)
            candidates = np.concatenate([candidates, own])
        gains = self._index.gains(candidates, pose, intrinsics)
        if len(candidates) > captured:
            gains[captured:, gains[:captured].max(axis=0, initial=0.0) > 0.0] = 0.0
        in_use = [int(row) for row in np.flatnonzero(np.isin(candidates, self._slots))]
        picked = [int(candidates[row]) for row in pick(gains, len(self._slots), in_use)]
        self._place(picked)
        return bool(picked)

    def feeds(self, pose: NDArray[np.float64]) -> RememberedViews:
        """The picked views, decoded, with the transforms into a camera ``pose [4, 4]``. Raises
        ``PackError``.
        """
        target_from_world = np.linalg.inv(pose)
        for slot, view in enumerate(self._slots):
            self._load(slot, view)
            if view != EMPTY:
                self._fed.target_from_source[slot] = target_from_world @ self._pose[view]
                self._fed.intrinsics[slot] = self._intrinsics[view]
        return self._fed

    def remember(
        self,
        colour: NDArray[np.uint8],
        inverse_depth: NDArray[np.uint16],
        pose: NDArray[np.float64],
        intrinsics: Float32,
    ) -> None:
        """Add a view of this session; the oldest leaves when the ring is full."""
        place = self._remembered % SESSION_VIEWS
        encoded = encode_view(colour, inverse_depth)
        if place < len(self._session):
            self._session[place] = encoded
        else:
            self._session.append(encoded)
        self._remembered += 1
        self._stamp(place)
        view = len(self._bank) + place
        self._pose[view] = pose
        self._intrinsics[view] = intrinsics
        self._index.put(
            np.array([view]),
            self._pose[view][None].astype(np.float32),
            intrinsics[None],
            encoded.inverse_depth_grid[None],
        )

    def forget(self) -> None:
        """Drop all views of this session, and the choice of views."""
        self._session.clear()
        self._remembered = 0
        self._index.clear(slice(len(self._bank), None))
        self._slots = [EMPTY] * len(self._slots)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Everything that ``restore`` needs to go on exactly as this memory would."""
        low, high = len(self._bank), len(self._bank) + len(self._session)
        arrays = pack_views(
            self._session, self._pose[low:high].astype(np.float32), self._intrinsics[low:high]
        )
        return {
            **arrays,
            "session_pose": self._pose[low:high],
            "memory": np.array([self._remembered, *self._slots], np.int64),
        }

    def restore(self, arrays: dict[str, AnyArray]) -> None:
        """Replace the session's views. Raises ``ArraysError``, and changes nothing, when they are not
        whole.
        """
        views = unpack_views(arrays, *self._size)
        count = len(views)
        exact = take(arrays, "session_pose", np.float64, (count, 4, 4)).astype(np.float64)
        memory = [int(value) for value in take(arrays, "memory", np.int64, (1 + len(self._slots),))]
        low, high = len(self._bank), len(self._bank) + count
        remembered, slots = memory[0], memory[1:]
        if count != min(remembered, SESSION_VIEWS) or np.abs(exact - views.pose).max(initial=0.0) > 0.1:
            raise ArraysError("its views do not belong together")
        used = [slot for slot in slots if slot != EMPTY]
        if any(not 0 <= slot < high for slot in used) or len(set(used)) != len(used):
            raise ArraysError("it uses views that it does not hold")
        for i in range(count):
            views.decode(i)
        self.forget()
        self._session = [views.encoded(i) for i in range(count)]
        self._remembered = remembered
        self._pose[low:high] = exact
        self._intrinsics[low:high] = views.intrinsics
        if count:
            self._index.put(slice(low, high), views.pose, views.intrinsics, views.inverse_depth_grid)
        for place in range(count):
            self._stamp(place)
        self._slots = slots

    def _place(self, picked: list[int]) -> None:
        """Keep views that stay in their slots, and put new ones into the free slots."""
        new = [view for view in picked if view not in self._slots]
        kept = [view if view in picked else EMPTY for view in self._slots]
        self._slots = [view if view != EMPTY or not new else new.pop(0) for view in kept]

    def _load(self, slot: int, view: int) -> None:
        key = self._key(view)
        if self._held[slot] == key:
            return
        if key is None:
            self._fed.inverse_depth[slot] = 0
        else:
            decoded = self._decode(view, key)
            np.multiply(decoded.colour.transpose(2, 0, 1), np.float32(1 / 255), out=self._fed.colour[slot])
            np.multiply(decoded.inverse_depth, np.float32(1 / STEPS), out=self._fed.inverse_depth[slot, 0])
        self._held[slot] = key

    def _stamp(self, place: int) -> None:
        self._serial += 1
        self._serials[place] = self._serial

    def _key(self, view: int) -> tuple[int, int] | None:
        if view == EMPTY:
            return None
        return (view, 0) if view < len(self._bank) else (view, self._serials[view - len(self._bank)])

    def _decode(self, view: int, key: tuple[int, int]) -> View:
        low = len(self._bank)
        encoded = self._bank.encoded(view) if view < low else self._session[view - low]
        try:
            return self._decoded.get(key, encoded, *self._size)
        except ArraysError as error:
            raise PackError(f"view {view} of the bank is damaged: {error}; download the pack again") from None
