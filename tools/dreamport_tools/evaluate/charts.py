"""Plots as inline SVG: a report is one file, and needs no plotting library to be made."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 620, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 44


@dataclass(frozen=True)
class Series:
    """One line: a name for the legend, points ``(x, y)``, and the number of its colour, 0 to 5."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int
    dashed: bool = False


def line_chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    y_range: tuple[float, float] | None = None,
    band: tuple[float, float] | None = None,
) -> str:
    """An SVG line chart. ``band`` shades a range of y that counts as good."""
    drawn = [Series(s.name, [p for p in s.points if math.isfinite(p[1])], s.colour, s.dashed) for s in series]
    xs = [x for s in drawn for x, _ in s.points]
    ys = [y for s in drawn for _, y in s.points] + list(band or ())
    if not xs:
        return '<p class="quiet">Not measured in this run.</p>'
    x_low, x_high = min(xs), max(xs)
    if x_high == x_low:
        x_high = x_low + 1
    low, high = y_range or _padded(min(ys), max(ys))

    def px(x: float) -> float:
        share = math.log(x / x_low, x_high / x_low) if log_x else (x - x_low) / (x_high - x_low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def py(y: float) -> float:
        share = (min(max(y, low), high) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    x_name, y_name = html.escape(x_label), html.escape(y_label)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{y_name} over {x_name}">']
    if band is not None:
        parts.append(_rectangle("band", LEFT, py(band[1]), WIDTH - RIGHT, py(band[0])))
    for tick in _ticks(low, high):
        y = py(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text("tick", LEFT - 8, y + 4, f"{tick:g}", "end"))
    for tick in _log_ticks(x_low, x_high) if log_x else _ticks(x_low, x_high):
        parts.append(_text("tick", px(tick), HEIGHT - BOTTOM + 18, f"{tick:g}"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text("axis", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_name))
    parts.append(f'<g transform="rotate(-90 14 {middle})">{_text("axis", 14, middle, y_name)}</g>')
    for s in drawn:
        if not s.points:
            continue
        parts.append(_path(s, [f"{px(x):.1f} {py(y):.1f}" for x, y in s.points]))
        if len(s.points) <= 12:
            parts += [
                f'<circle class="dot c{s.colour}" cx="{px(x):.1f}" cy="{py(y):.1f}" r="3.5">'
                f"<title>{html.escape(s.name)}: {y:.2f} at {x:g}</title></circle>"
                for x, y in s.points
            ]
    parts.append("</svg>")
    return "".join(parts) + _legend(drawn)


def plan_chart(
    walls: Sequence[tuple[float, float, float, float]], paths: Sequence[Series], margin_m: float = 3.0
) -> str:
    """The level from above (x to the right, z up, in metres) with walls and paths, each path from its dot."""
    points = [p for s in paths for p in s.points]
    if not points:
        return '<p class="quiet">Not measured in this run.</p>'
    x0, x1 = min(p[0] for p in points) - margin_m, max(p[0] for p in points) + margin_m
    z0, z1 = min(p[1] for p in points) - margin_m, max(p[1] for p in points) + margin_m
    scale = WIDTH / (x1 - x0)
    height = (z1 - z0) * scale

    def at(x: float, z: float) -> str:
        return f"{(x - x0) * scale:.1f} {(z1 - z) * scale:.1f}"

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="Paths on the plan of the level">'
    ]
    seen = [
        w
        for w in walls
        if max(w[0], w[2]) > x0 and min(w[0], w[2]) < x1 and max(w[1], w[3]) > z0 and min(w[1], w[3]) < z1
    ]
    if seen:
        lines = " ".join(f"M{at(w[0], w[1])} L{at(w[2], w[3])}" for w in seen)
        parts.append(f'<path class="wall" d="{lines}"/>')
    for s in paths:
        parts.append(_path(s, [at(x, z) for x, z in s.points]))
        x, z = at(*s.points[0]).split()
        parts.append(f'<circle class="dot c{s.colour}" cx="{x}" cy="{z}" r="4"/>')
    parts.append("</svg>")
    named = {s.name: s for s in paths}
    return "".join(parts) + _legend(list(named.values()))


def _legend(series: Sequence[Series]) -> str:
    keys = []
    for s in series:
        style = f"swatch c{s.colour}" + (" dashed" if s.dashed else "")
        keys.append(f'<span class="key"><i class="{style}"></i>{html.escape(s.name)}</span>')
    return f'<div class="legend">{"".join(keys)}</div>'


def _path(series: Series, places: Sequence[str]) -> str:
    dash = ' stroke-dasharray="5 4"' if series.dashed else ""
    name = html.escape(series.name)
    return f'<path class="line c{series.colour}" d="M{" L".join(places)}"{dash}><title>{name}</title></path>'


def _text(style: str, x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _rectangle(style: str, left: float, top: float, right: float, bottom: float) -> str:
    size = f'width="{right - left:.1f}" height="{bottom - top:.1f}"'
    return f'<rect class="{style}" x="{left:.1f}" y="{top:.1f}" {size}/>'


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.06 or max(abs(high), 1.0) * 0.06
    return low - room, high + room


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    step = 10 ** math.floor(math.log10((high - low) / wanted))
    step *= min((1, 2, 5, 10), key=lambda m: abs((high - low) / (step * m) - wanted))
    first = math.ceil(low / step)
    return [round(k * step, 10) for k in range(first, math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    ticks = [float(2**k) for k in range(0, 14, 2) if low <= 2**k <= high]
    return ticks or [low, high]
