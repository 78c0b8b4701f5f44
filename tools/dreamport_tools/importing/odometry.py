"""Where the camera was, from pictures alone: monocular visual odometry.

Corners are followed from picture to picture (``tracks``). A picture's pose is the one from which the points
in space that are known so far appear where their corners are, and the newest poses and points are put right
together (``bundle``). Where too few points are in view, the camera is taken to turn on the spot until it has
moved far enough from the last picture with a pose to find new points. The unit of length is unknown to a
single camera: it is the way to the first picture that gave points; where points must be found anew, it is
carried on by taking the camera to be as fast as before, and the confidence says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.importing.bundle import adjust
from dreamport_tools.importing.tracks import (
    HISTORY,
    MOST,
    Chosen,
    Float64,
    Grey,
    Tracks,
    find_corners,
    follow,
)
from dreamport_tools.importing.two_views import motion_between, pose_from_points, turn_between

How = Literal["first", "points", "turn", "start", "lost"]

FEWEST_CORNERS = 12
FEWEST_POINTS = 10
SURE_POINTS = 60
START_PARALLAX_RAD = float(np.deg2rad(2.0))
HELD, ADJUST_EVERY = 3, 2
"""Poses of a window that stay as they are, and how often the others are put right."""
SPEEDS = 60
"""So many of the newest steps tell how fast the camera is."""
TURN_CONFIDENCE, START_CONFIDENCE, AGAIN_CONFIDENCE = 0.8, 0.8, 0.3
PICTURE_WIDTH = 320
"""Width at which the tolerances below are in pixels; wider pictures get more in proportion."""
POINT_TOLERANCE, RAY_TOLERANCE = 2.0, 0.7


@dataclass(frozen=True)
class Trajectory:
    """``pose [T, 4, 4]`` camera-to-world, the first the identity, of unknown scale. ``confidence [T]``: 1 is
    sure, 0 is lost: how far the step from the picture before can be trusted. ``how [T]``: how it was found.
    """

    pose: Float64
    confidence: Float64
    how: tuple[How, ...]


@dataclass(frozen=True)
class _Waiting:
    """A picture without a pose for good: its corners, by their number."""

    index: int
    number: NDArray[np.int64]
    pixel: Float64


class Odometry:
    """Feed it grey pictures ``[H, W]`` in order, then ask for the ``trajectory``.

    ``intrinsics`` fx, fy, cx, cy in pixels, the centre of the first pixel at (0.5, 0.5). ``mask [H, W]``: 0
    where the picture does not show the level (a weapon, a display).
    """

    def __init__(
        self, intrinsics: tuple[float, float, float, float], mask: NDArray[np.uint8] | None = None
    ) -> None:
        fx, fy, cx, cy = intrinsics
        # OpenCV puts the centre of the first pixel at (0, 0).
        self._camera = np.array([[fx, 0, cx - 0.5], [0, fy, cy - 0.5], [0, 0, 1.0]])
        self._focal = fx
        self._mask = mask
        self._unit = 1.0
        self._tracks = Tracks.at(np.zeros((0, 2)))
        self._count = 0
        self._grey: Grey | None = None
        self._pose: list[Float64] = []
        self._confidence: list[float] = []
        self._how: list[How] = []
        self._speeds: list[float] = []
        self._turn = np.eye(3)
        self._waiting: list[_Waiting] = []
        self._chain = 0  # the first picture that hangs together with the newest by points

    @property
    def trajectory(self) -> Trajectory:
        """Of all pictures so far."""
        return Trajectory(
            np.array(self._pose).reshape(-1, 4, 4), np.array(self._confidence), tuple(self._how)
        )

    def add(self, grey: Grey) -> None:
        """The next picture."""
        if self._grey is None:
            self._unit = max(1.0, grey.shape[1] / PICTURE_WIDTH)
            self._put(np.eye(4), 1.0, "first")
        else:
            before = self._follow(self._grey, grey)
            self._locate(before)
        self._grey = grey
        self._find_new(grey)
        self._tracks.remember()
        if self._how[-1] == "points" and len(self._pose) % ADJUST_EVERY == 0:
            self._adjust()
        if self._how[-1] in ("first", "lost"):
            self._wait(self._tracks.pixel)

    def _put(self, pose: Float64, confidence: float, how: How) -> None:
        if self._pose:
            self._turn = self._pose[-1][:3, :3].T @ pose[:3, :3]
        self._pose.append(pose)
        self._confidence.append(float(np.clip(confidence, 0, 1)))
        self._how.append(how)

    def _rays(self, pixel: Float64) -> Float64:
        k = self._camera
        rays = np.column_stack(
            [(pixel[:, 0] - k[0, 2]) / k[0, 0], (pixel[:, 1] - k[1, 2]) / k[1, 1], np.ones(len(pixel))]
        )
        return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), np.float64)

    def _follow(self, before: Grey, after: Grey) -> Float64:
        """Follow the corners; gives where those that are left were before."""
        tracks = self._tracks
        # Begin the search where the corners would be if the camera turned on as before: a flick of the mouse
        # stays within its reach then.
        ahead = self._rays(tracks.pixel) @ self._turn
        shown = ahead @ self._camera.T
        front = ahead[:, 2] > 0.2
        guess = np.where(front[:, None], shown[:, :2] / np.maximum(shown[:, 2:], 0.1), tracks.pixel)
        end, good = follow(before, after, tracks.pixel, guess)
        if len(good) and good.mean() < 0.5:
            still, still_good = follow(before, after, tracks.pixel, tracks.pixel)
            if still_good.sum() > good.sum():
                end, good = still, still_good
        was = tracks.pixel[good]
        tracks.pixel = end
        tracks.keep(good)
        return was

    def _find_new(self, grey: Grey) -> None:
        if len(self._tracks) > MOST * 7 // 8:
            return
        new = find_corners(grey, self._tracks.pixel, self._mask)
        self._tracks.join(Tracks.at(new, self._count))
        self._count += len(new)
        if not self._waiting:
            self._observe(self._tracks.seen == 0)

    def _observe(self, which: Chosen) -> None:
        if which.any():
            self._tracks.observe(self._pose[-1], self._rays(self._tracks.pixel), which)

    def _locate(self, before: Float64) -> None:
        if len(self._tracks) < FEWEST_CORNERS:
            self._lose()
        elif self._waiting:
            self._try_to_start()
        elif not self._by_points():
            self._wait(before)
            self._try_to_start()

    def _by_points(self) -> bool:
        """A pose from known points."""
        tracks = self._tracks
        known = np.flatnonzero(tracks.solved)
        if len(known) < FEWEST_POINTS:
            return False
        guess = self._pose[-1].copy()
        guess[:3, :3] = guess[:3, :3] @ self._turn
        tolerance = POINT_TOLERANCE * self._unit
        found = pose_from_points(tracks.point[known], tracks.pixel[known], self._camera, guess, tolerance)
        if found is None:
            return False
        pose, good, error = found
        share = float(good.mean())
        if good.sum() < FEWEST_POINTS or share < 0.35:
            return False
        enough = min(1.0, float(good.sum()) / SURE_POINTS) ** 0.5
        way = float(np.linalg.norm(pose[:3, 3] - self._pose[-1][:3, 3]))
        if way > 0.2 * float(np.median(self._speeds[-SPEEDS:] or [0.0])):
            self._speeds.append(way)
        self._put(pose, enough * share * float(np.exp(-0.25 * (error / self._unit) ** 2)), "points")
        wrong = np.zeros(len(tracks), np.bool_)
        wrong[known[~good]] = True
        tracks.forget_points(wrong)
        self._observe(np.ones(len(tracks), np.bool_))
        return True

    def _adjust(self) -> None:
        """Put the newest poses and the points they show right together."""
        tracks = self._tracks
        count = min(HISTORY, len(self._pose) - self._chain)
        if count < HELD + 2:
            return
        pixel = tracks.history[:, -count:]
        often = np.isfinite(pixel).all(axis=2).sum(axis=1) >= 3
        which = np.flatnonzero(tracks.solved & often)
        if len(which) < FEWEST_CORNERS:
            return
        pixel = pixel[which]
        found = adjust(
            np.stack(self._pose[-count:]), tracks.point[which], pixel, self._camera, HELD, self._unit
        )
        if found is None:
            return
        pose, point = found
        self._pose[-count:] = list(pose)
        rays = self._rays(pixel.reshape(-1, 2)).reshape(len(which), count, 3)
        tracks.put(which, point, pose, rays)

    def _lose(self) -> None:
        """Nothing can be said of this picture."""
        self._put(self._pose[-1].copy(), 0.0, "lost")
        self._waiting = []
        self._tracks = Tracks.at(np.zeros((0, 2)))

    def _wait(self, pixel: Float64) -> None:
        """From the newest picture with a pose on, where the corners were at ``pixel [N, 2]``, wait for the
        camera to move.
        """
        self._waiting = [_Waiting(len(self._pose) - 1, self._tracks.number.copy(), pixel.copy())]

    def _try_to_start(self) -> None:
        """Find points between the first waiting picture and this one, if the camera moved far enough; until
        then it is taken to have turned on the spot.
        """
        tracks = self._tracks
        tolerance = RAY_TOLERANCE * self._unit / self._focal
        while self._waiting:
            first = self._waiting[0]
            _, there, here = np.intersect1d(
                first.number, tracks.number, assume_unique=True, return_indices=True
            )
            if len(here) >= FEWEST_CORNERS:
                break
            self._waiting.pop(0)
        else:
            self._lose()
            return
        one, two = self._rays(first.pixel[there]), self._rays(tracks.pixel[here])
        turn, left = turn_between(one, two, tolerance)
        if np.median(left) > START_PARALLAX_RAD and self._start(here, one, two, tolerance):
            return
        pose = self._pose[first.index].copy()
        pose[:3, :3] = pose[:3, :3] @ turn
        still = float(np.mean(left < 2 * tolerance))
        self._put(pose, TURN_CONFIDENCE * still, "turn")
        self._waiting.append(_Waiting(len(self._pose) - 1, tracks.number.copy(), tracks.pixel.copy()))

    def _start(self, here: NDArray[np.intp], one: Float64, two: Float64, tolerance: float) -> bool:
        """Points from rays ``one`` of the first waiting picture and ``two`` of this one, for the corners
        ``here``; then poses of those that waited in between.
        """
        motion = motion_between(one, two, tolerance)
        if motion is None or motion[2].mean() < 0.5:
            return False
        turn, way, good = motion
        tracks, waiting = self._tracks, self._waiting
        base = self._pose[waiting[0].index]
        count = len(self._pose) - waiting[0].index
        again = len(self._speeds) > 0
        length = count * float(np.median(self._speeds[-SPEEDS:])) if again else 1.0
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = turn, way * length
        tracks.forget_points(np.ones(len(tracks), np.bool_))
        rays, seen = np.zeros((len(tracks), 3)), np.zeros(len(tracks), np.bool_)
        rays[here], seen[here[good]] = one, True
        tracks.observe(base, rays, seen)
        tracks.observe(base @ step, self._rays(tracks.pixel), np.ones(len(tracks), np.bool_))
        if tracks.solved.sum() < FEWEST_CORNERS:
            tracks.forget_points(np.ones(len(tracks), np.bool_))
            return False
        confidence = (AGAIN_CONFIDENCE if again else START_CONFIDENCE) * float(good.mean())
        for waited in waiting[1:]:
            self._settle(waited, base, base @ step, confidence)
        self._chain = waiting[0].index
        self._put(base @ step, confidence, "start")
        self._waiting = []
        return True

    def _settle(self, waited: _Waiting, base: Float64, end: Float64, confidence: float) -> None:
        """The pose of a picture that waited, now that points are known."""
        tracks = self._tracks
        _, there, here = np.intersect1d(waited.number, tracks.number, assume_unique=True, return_indices=True)
        known = tracks.solved[here]
        there, here = there[known], here[known]
        found = None
        if len(here) >= FEWEST_POINTS:
            found = pose_from_points(
                tracks.point[here], waited.pixel[there], self._camera, self._pose[waited.index],
                POINT_TOLERANCE * self._unit,
            )  # fmt: skip
        if found is None:
            self._confidence[waited.index] *= 0.5
            return
        self._pose[waited.index] = found[0]
        self._confidence[waited.index] = min(confidence, float(found[1].mean()))
        self._how[waited.index] = "start"
