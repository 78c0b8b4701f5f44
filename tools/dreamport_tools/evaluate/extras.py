"""Libraries that the base install leaves out, asked for with a message that names the extra."""

from __future__ import annotations

import importlib
from typing import Any

from dreamport.errors import MissingExtraError


def require(module: str, purpose: str, extra: str) -> Any:
    """Import ``module``; raises ``MissingExtraError`` that says what it is for and how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs the Python module '{module}', which is not installed. "
            f"Install it with: pip install 'dreamport[{extra}]'"
        ) from error


def require_opencv() -> Any:
    """OpenCV (``cv2``), for optical flow."""
    return require("cv2", "Optical flow (the counterfactual control test)", "capture")
