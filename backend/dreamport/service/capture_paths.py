"""The one place where a client's text becomes part of a path."""

from __future__ import annotations

import re
from pathlib import Path

from dreamport.service.refusal import invalid

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORLD = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}


def default_captures_folder() -> Path:
    """Where recordings go when nobody says otherwise: ``captures`` in the user's data folder."""
    import platformdirs  # noqa: PLC0415  (only the commands that need it pay for it)

    return Path(platformdirs.user_data_dir("dreamport")) / "captures"


def default_trainings_folder() -> Path:
    """Where runs of training go when nobody says otherwise: ``trainings`` in the user's data folder."""
    return default_captures_folder().parent / "trainings"


def dataset_folder(captures: Path, name: str, field: str = "begin.dataset") -> Path:
    """The folder of the data set ``name``, which a client chose, directly under ``captures``. Raises
    ``Refusal`` (INVALID_ARGUMENT) for anything else.
    """
    if not _NAME.fullmatch(name) or name.endswith(".") or _is_device(name):
        raise invalid(
            field,
            "not a name of letters, digits, '-', '_' and '.', at most 64, that begins with a letter or digit",
        )
    return _directly_under(captures, name, field)


def world_folder(parent: Path, name: str, field: str = "world") -> Path:
    """The folder of the world (or of its run) ``name``, which a client chose, directly under ``parent``.
    Raises ``Refusal`` (INVALID_ARGUMENT) for anything else.
    """
    if not _WORLD.fullmatch(name) or _is_device(name):
        raise invalid(
            field,
            "not a name of small letters, digits and '-', at most 63, that begins with a letter or digit",
        )
    return _directly_under(parent, name, field)


def _is_device(name: str) -> bool:
    """Windows opens a device by such a name, whatever the folder."""
    return name.partition(".")[0].lower() in _DEVICES


def _directly_under(parent: Path, name: str, field: str) -> Path:
    folder = parent / name
    if folder.is_symlink() or (folder.exists() and folder.resolve().parent != parent.resolve()):
        raise invalid(field, f"leads out of the {parent.name} folder; choose another name")
    return folder
