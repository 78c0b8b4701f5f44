"""The quality gates: measures of an episode to the reasons why it is left out, and to warnings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dreamport.episodes.layout import DatasetInfo
from dreamport_tools.data.lag import in_words
from dreamport_tools.data.measure import Measures


@dataclass(frozen=True)
class Gates:
    """What an episode must keep to be used. Shares are of its frames, 0 to 1.

    ``frozen``: pictures that stay while the camera moves. ``idle``: nothing is done and nothing happens.
    ``clock``: by how much frames may come faster or slower than the data set says. ``unposed``: frames
    without a pose where poses are estimated. ``lag``: whether controls and poses must stand beside the
    pictures they belong to.
    """

    least_frames: int = 8
    black: float = 0.5
    frozen: float = 0.25
    repeated: float = 0.3
    idle: float = 0.95
    lost: float = 0.5
    clock: float = 0.1
    unposed: float = 0.5
    empty_depth: float = 0.5
    lag: bool = True


@dataclass(frozen=True)
class CommonLags:
    """Lags, in frames, that episodes of a data set are sure of: the others come from the same recorder."""

    controls: frozenset[int] = frozenset()
    poses: frozenset[int] = frozenset()


NO_LAGS = CommonLags()


def common_lags(measured: Iterable[Measures]) -> CommonLags:
    """Of all episodes of a data set."""
    each = list(measured)
    return CommonLags(
        frozenset(m.control_lag.frames for m in each if m.control_lag is not None and m.control_lag.sure),
        frozenset(m.pose_lag.frames for m in each if m.pose_lag is not None and m.pose_lag.sure),
    )


def judge(
    index: int, measured: Measures, info: DatasetInfo, gates: Gates, common: CommonLags = NO_LAGS
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reasons why the episode is left out (none: it is used), and what is only worth knowing. ``common``:
    lags that other episodes of the data set are sure of.
    """
    at = f"episode {index}"
    reasons, warnings = [], []
    rate = info.frame_rate
    if measured.damage:
        reasons.append(f"{at}: {measured.damage}")
    if measured.frames < gates.least_frames:
        reasons.append(f"{at} has {measured.frames} frames, at least {gates.least_frames} are needed")
    for share, limit, text in (
        (measured.black, gates.black, "of its pictures are black; check what the camera saw"),
        (measured.frozen, gates.frozen, "of its pictures stay the same although the camera moves (frozen)"),
        (measured.idle, gates.idle, "of it is idle: nothing is done and nothing happens"),
        (measured.unposed if info.pose == "pseudo" else 0.0, gates.unposed, "of its frames have no pose"),
        (
            measured.depth_empty or 0.0,
            gates.empty_depth,
            "of its depth pictures are empty; record depth again",
        ),
    ):
        if share > limit:
            reasons.append(f"{at}: {share:.0%} {text}")
        elif share > limit / 2 and share > 0.02:
            warnings.append(f"{at}: {share:.0%} {text}")
    if measured.repeated > gates.repeated:
        reasons.append(
            f"{at}: {measured.repeated:.0%} of its moving pictures repeat the one before: they were not "
            f"made at {rate:g} frames a second; record or import it at the rate of its source"
        )
    clock = measured.clock_rate
    if clock is not None and abs(clock - rate) > gates.clock * rate:
        reasons.append(
            f"{at}: its frames came {clock:.1f} times a second by the recorder's clock, the data set says "
            f"{rate:g} (wrong fps); put it into a data set of its own"
        )
    for what, lag, others in (
        ("controls", measured.control_lag, common.controls),
        ("poses", measured.pose_lag, common.poses),
    ):
        if lag is not None and (lag.sure or (lag.likely and lag.frames in others)):
            (reasons if gates.lag else warnings).append(f"{at}: {in_words(lag, what)}")
    lost = measured.lost / (measured.lost + measured.frames)
    if lost > gates.lost:
        reasons.append(f"{at}: {lost:.0%} of its frames were lost while it was recorded")
    elif measured.lost:
        warnings.append(f"{at}: {measured.lost} frames were lost while it was recorded")
    if measured.look_beyond > 0.01:
        warnings.append(
            f"{at}: {measured.look_beyond:.0%} of its looks are wider than the {info.look_max_deg:g} degrees "
            "a frame of the data set"
        )
    if measured.jumps:
        rows = ", ".join(str(row) for row in measured.jumps[:6]) + (
            ", ..." if len(measured.jumps) > 6 else ""
        )
        warnings.append(f"{at}: the view jumps at row {rows}; it is cut there")
    if measured.flat > 0.2:
        warnings.append(f"{at}: {measured.flat:.0%} of its pictures are of one colour")
    if measured.collisions > 0.5:
        warnings.append(f"{at}: the player is stopped by something in {measured.collisions:.0%} of it")
    return tuple(reasons), tuple(warnings)
