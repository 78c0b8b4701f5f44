"""How good a world is, measured on held-out recordings of real play."""

from __future__ import annotations

from dreamport_tools.evaluate.card import card_markdown
from dreamport_tools.evaluate.evaluation import Progress, Results, Subject, measure, write
from dreamport_tools.evaluate.plan import Plan
from dreamport_tools.evaluate.strips import contact_sheet

__all__ = ["Plan", "Progress", "Results", "Subject", "card_markdown", "contact_sheet", "measure", "write"]
