"""The one place where a client's text becomes part of a path."""

from __future__ import annotations

import re
from pathlib import Path

from dreamport.service.refusal import invalid

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}


def default_captures_folder() -> Path:
    """Where recordings go when nobody says otherwise: ``captures`` in the user's data folder."""
    import platformdirs  # noqa: PLC0415  (only the commands that need it pay for it)

    return Path(platformdirs.user_data_dir("dreamport")) / "captures"


def dataset_folder(captures: Path, name: str) -> Path:
    """The folder of the data set ``name``, which a client chose, directly under ``captures``. Raises
    ``Refusal`` (INVALID_ARGUMENT) for anything else.
    """
    if not _NAME.fullmatch(name) or name.endswith(".") or name.partition(".")[0].lower() in _DEVICES:
        raise invalid(
            "begin.dataset",
            "not a name of letters, digits, '-', '_' and '.', at most 64, that begins with a letter or digit",
        )
    folder = captures / name
    if folder.is_symlink() or (folder.exists() and folder.resolve().parent != captures.resolve()):
        raise invalid("begin.dataset", "leads out of the captures folder; choose another name")
    return folder
