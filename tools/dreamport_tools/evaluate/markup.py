"""The few pieces of HTML that a report is put together from."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from dreamport_tools.evaluate.metrics import Picture
from dreamport_tools.evaluate.strips import data_uri, film_strip


def section(title: str, *parts: str) -> str:
    """A titled card."""
    return f"<section><h2>{html.escape(title)}</h2>{''.join(parts)}</section>"


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{style}">{html.escape(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], style: str = "") -> str:
    """A table of plain text. A cell ``met`` or ``missed`` is coloured."""
    titles = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return f'<table class="{style}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'


def strip(rows: Sequence[Sequence[Picture]], caption: str) -> str:
    """A film strip with its caption."""
    text = html.escape(caption)
    source = data_uri(film_strip(rows))
    return f'<figure><img src="{source}" alt="{text}" loading="lazy"><figcaption>{text}</figcaption></figure>'


def plot(svg: str) -> str:
    """A plot made by ``charts``."""
    return f"<figure>{svg}</figure>"


def side_by_side(*parts: str) -> str:
    """Parts in columns as wide as the screen allows."""
    return f'<div class="two">{"".join(parts)}</div>'


def number(value: float | None, digits: int, unit: str = "") -> str:
    """A number that may not have been measured."""
    return "-" if value is None else f"{value:.{digits}f}{' ' + unit if unit else ''}"


def percent(value: float | None) -> str:
    """A share that may not have been measured."""
    return "not measured" if value is None else f"{value:.1%}"


def _cell(text: str) -> str:
    style = f' class="{text}"' if text in {"met", "missed"} else ""
    return f"<td{style}>{html.escape(text)}</td>"
