"""Models with the weights of a checkpoint: built without memory, filled tensor by tensor on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from dreamport.errors import PackError
from dreamport.models.lingbot.checkpoint.fitting import require_fit
from dreamport.models.lingbot.checkpoint.tensors import Rename, shapes, tensors

M = TypeVar("M", bound=nn.Module)
READERS = 4
"""Weight files that are read at one time."""


def empty(build: Callable[[], M]) -> M:
    """The module that ``build`` makes, with shapes but without memory (on the meta device)."""
    with torch.device("meta"):
        return build().requires_grad_(False).eval()


def check_module(build: Callable[[], nn.Module], paths: Sequence[Path], what: str, rename: Rename) -> None:
    """Compare the names and shapes of the tensors of ``paths`` with those of the module that ``build`` makes;
    ``what`` names it in errors. Raises ``PackError`` with the missing, unexpected and misshapen tensors.
    """
    _require_fit(empty(build), paths, what, rename)


def load_module(
    build: Callable[[], M],
    paths: Sequence[Path],
    what: str,
    rename: Rename,
    device: torch.device | str,
    dtype: torch.dtype | None,
) -> M:
    """The module that ``build`` makes with the tensors of ``paths``, each straight to ``device`` and
    ``dtype`` (``None``: as stored). Everything is compared before the first tensor is read, as
    ``check_module`` does. Raises ``PackError``.
    """
    module = empty(build)
    _require_fit(module, paths, what, rename)

    def read(path: Path) -> dict[str, Tensor]:
        return dict(tensors([path], rename, device, dtype))

    values: dict[str, Tensor] = {}
    with ThreadPoolExecutor(READERS) as pool:
        for part in pool.map(read, paths):
            values |= part
    return fill(module, values, what)


def _require_fit(module: nn.Module, paths: Sequence[Path], what: str, rename: Rename) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    where = str(paths[0] if len(paths) == 1 else paths[0].parent)
    require_fit(shapes(paths, rename), wanted, what, where)


def fill(module: M, values: dict[str, Tensor], what: str) -> M:
    """Give ``module`` its tensors; none may be left without memory. Raises ``PackError``."""
    module.load_state_dict(values, assign=True)
    module.requires_grad_(False)
    left = [name for name, tensor in (*module.named_parameters(), *module.named_buffers()) if tensor.is_meta]
    if left:
        raise PackError(
            f"the {what} computes {', '.join(left[:5])} while it is built; it must do so when it runs"
        )
    return module
