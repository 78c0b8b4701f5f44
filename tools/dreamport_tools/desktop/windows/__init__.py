"""Windows: windows and text fields of user32, mouse counts of Raw Input. Written from Microsoft's
documentation; not run by its authors, but for what decodes Raw Input's bytes, which is tested.
"""

from __future__ import annotations

import ctypes
from typing import Any


def library(name: str) -> Any:
    """A library of Windows. Only there."""
    return vars(ctypes)["WinDLL"](name, use_last_error=True)
