"""Checks for the optional parts of the install."""

from __future__ import annotations

from importlib.util import find_spec

from dreamport.errors import MissingExtraError


def require_extra(extra: str, *modules: str) -> None:
    """Raise ``MissingExtraError`` with the pip command when one of ``modules`` is not installed."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this command needs {', '.join(missing)}, part of the extra '{extra}': "
            f"run  pip install 'dreamport[{extra}]'  (in a clone:  pip install '.[{extra}]')"
        )
