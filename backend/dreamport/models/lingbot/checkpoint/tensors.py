"""Reads the tensors of weight files: their shapes without their bytes, and then each straight to its device.

``.safetensors`` holds no code; ``.pth`` is read with ``weights_only`` and mapped, so that a pickle that wants
more than tensors is refused and only the tensors in work take memory.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from dreamport.errors import PackError

Rename = Callable[[str], str | None]
WRAPPERS = ("state_dict", "model", "generator", "generator_ema", "module")
"""Names under which training scripts store the one dictionary of tensors."""


def shapes(paths: Sequence[Path], rename: Rename) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor in the files, by original name; no tensor's bytes are read. Raises
    ``PackError``.
    """
    found: dict[str, tuple[int, ...]] = {}
    for path in paths:
        for name, shape in _shapes_of(path):
            original = rename(name)
            if original is None:
                continue
            if original in found:
                raise PackError(f"{path}: tensor {original} is there twice; download the checkpoint again")
            found[original] = shape
    return found


def names(paths: Sequence[Path]) -> list[str]:
    """The stored name of every tensor in the files. Raises ``PackError``."""
    return [name for path in paths for name, _ in _shapes_of(path)]


def tensors(
    paths: Sequence[Path], rename: Rename, device: torch.device | str, dtype: torch.dtype | None
) -> Iterator[tuple[str, Tensor]]:
    """Every tensor by original name, one after the other, on ``device`` and as ``dtype`` (``None``: as
    stored). Raises ``PackError``.
    """
    place = torch.device(device)
    for path in paths:
        if path.suffix == ".safetensors":
            with _open(path, place) as file:
                for name in file.keys():  # noqa: SIM118  (not a dictionary)
                    if (original := rename(name)) is not None:
                        yield original, _placed(file.get_tensor(name), place, dtype)
        else:
            for name, tensor in _pth(path).items():
                if (original := rename(name)) is not None:
                    yield original, _placed(tensor, place, dtype)


def _placed(tensor: Tensor, device: torch.device, dtype: torch.dtype | None) -> Tensor:
    """On its device first, so that the conversion is done there; never a view of a mapped file."""
    floating = tensor.is_floating_point()
    placed = tensor.to(device).to(dtype if dtype is not None and floating else tensor.dtype)
    mapped = device.type == "cpu" and placed.data_ptr() == tensor.data_ptr()
    return placed.clone() if mapped else placed


def _shapes_of(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    if path.suffix == ".safetensors":
        with _open(path, torch.device("cpu")) as file:
            for name in file.keys():  # noqa: SIM118  (not a dictionary)
                yield name, tuple(file.get_slice(name).get_shape())
    else:
        for name, tensor in _pth(path).items():
            yield name, tuple(tensor.shape)


def _open(path: Path, device: torch.device) -> Any:
    try:
        return safetensors.safe_open(path, framework="pt", device=str(device))
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise PackError(f"{path} is no complete safetensors file ({reason}); download it again") from None


def _pth(path: Path) -> dict[str, Tensor]:
    if path.suffix != ".pth":
        raise PackError(f"{path} is no .safetensors and no .pth file; other files are never opened")
    try:
        content: Any = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        raise PackError(
            f"{path} is a pickle that holds more than tensors ({_first_line(error)}), which could run code; "
            "it is refused. Get the file from its first source, or save its tensors as safetensors"
        ) from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise PackError(
            f"{path} is no complete .pth file ({_first_line(error)}); download it again"
        ) from None
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise PackError(f"{path} holds something besides named tensors; it is no model's weights")
    return content


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
