"""What two pictures, or a picture and points in space, tell of the camera."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from dreamport_tools.importing.tracks import Chosen, Float64

ROUNDS = 12
RANSAC_ROUNDS = 200


def turn_between(before: Float64, after: Float64, tolerance_rad: float) -> tuple[Float64, Float64]:
    """The rotation ``[3, 3]`` that takes rays ``after [N, 3]`` to ``before [N, 3]`` best, and what is left of
    each in radians.

    Least squares by singular values (Kabsch 1976), repeated with Cauchy weights, so that a minority of near
    or moving things does not matter.
    """
    weight = np.ones(len(before))
    turn = np.eye(3)
    left = np.zeros(len(before))
    for _ in range(ROUNDS):
        u, _, vt = np.linalg.svd((before * weight[:, None]).T @ after)
        turn = u @ np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))]) @ vt
        left = np.linalg.norm(before - after @ turn.T, axis=1)
        weight = 1 / (1 + (left / tolerance_rad) ** 2)
    return turn, left


def motion_between(
    before: Float64, after: Float64, tolerance_rad: float
) -> tuple[Float64, Float64, Chosen] | None:
    """The turn ``[3, 3]`` and the unit way ``[3]`` of the camera from ``before`` to ``after`` (rays ``[N,
    3]``, in the first camera's axes), and which rays agree. ``None`` when there is no such motion.

    Essential matrix by five points (Nister, PAMI 2004) with MAGSAC++ (Barath et al., CVPR 2020).
    """
    front = (before[:, 2] > 0.1) & (after[:, 2] > 0.1)
    if front.sum() < 8:
        return None
    one: Float64 = before[front, :2] / before[front, 2:]
    two: Float64 = after[front, :2] / after[front, 2:]
    essential, inside = cv2.findEssentialMat(
        one, two, np.eye(3), method=cv2.USAC_MAGSAC, prob=0.999, threshold=tolerance_rad
    )
    if essential is None or essential.shape != (3, 3):
        return None
    count, rotation, way, agreed = cv2.recoverPose(essential, one, two, np.eye(3), mask=inside)
    good = np.zeros(len(before), np.bool_)
    good[front] = np.asarray(agreed).ravel() > 0
    if count < 8:
        return None
    turn = np.asarray(rotation, np.float64).T
    return turn, -(turn @ np.asarray(way, np.float64).ravel()), good


def pose_from_points(
    point: Float64, pixel: Float64, camera: Float64, guess: Float64, tolerance: float
) -> tuple[Float64, Chosen, float] | None:
    """The camera-to-world pose ``[4, 4]`` from which ``point [N, 3]`` appear at ``pixel [N, 2]``, which of
    them do within ``tolerance`` pixels, and their root mean square error in pixels. ``guess``: a pose near
    it.
    """
    inverse = np.linalg.inv(guess)
    turn: Any = cv2.Rodrigues(inverse[:3, :3])[0]
    way: Any = inverse[:3, 3].reshape(3, 1).copy()
    found, turn, way, inside = cv2.solvePnPRansac(
        point,
        pixel,
        camera,
        None,
        turn,
        way,
        True,
        RANSAC_ROUNDS,
        tolerance,
        0.999,
        flags=cv2.SOLVEPNP_ITERATIVE,
    )
    if not found or inside is None or len(inside) < 6:
        return None
    which = inside.ravel()
    for _ in range(2):
        turn, way = cv2.solvePnPRefineLM(point[which], pixel[which], camera, None, turn, way)
        seen, _ = cv2.projectPoints(point, turn, way, camera, None)
        error = np.linalg.norm(seen.reshape(-1, 2) - pixel, axis=1)
        rotation = np.asarray(cv2.Rodrigues(turn)[0], np.float64)
        ahead = (point @ rotation.T + way.ravel())[:, 2] > 0
        which = np.flatnonzero((error < tolerance) & ahead)
        if len(which) < 6:
            return None
    pose = np.eye(4)
    pose[:3, :3] = rotation.T
    pose[:3, 3] = -rotation.T @ way.ravel()
    good = np.zeros(len(point), np.bool_)
    good[which] = True
    return pose, good, float(np.sqrt(np.mean(error[which] ** 2)))
