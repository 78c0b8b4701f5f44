"""Rotary embedding over time, rows and columns (RoFormer, arXiv 2104.09864; Wan 2.1's three axes).

A frame's place in time is its index in the session while that is below :data:`PLACES`, as upstream. Later the
newest frame stays at the last place and the window with it: only the distance to the sink stops growing. Keys
are cached before rotation, so the horizon is unbounded.
"""

from __future__ import annotations

import torch
from torch import Tensor

PLACES = 1024
"""Places in time that the checkpoints know."""
THETA = 10_000.0


def places(frames: Tensor, end: int, sink_frames: int) -> Tensor:
    """Places in time of latent frames ``frames`` (any shape, int64) while the chunk up to frame ``end``
    (exclusive) is made."""
    late = max(0, end - PLACES)
    return torch.where(frames < sink_frames, frames, frames - late)


def angles(place: Tensor, rows: int, columns: int, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine ``[frames * rows * columns, head_dim / 2]``, float32, of frames at ``place [frames]``.

    Pairs of a head's numbers turn by time, row and column: 22, 21 and 21 of 64. Computed in float64, as
    upstream.
    """
    if not torch.compiler.is_compiling():
        return _angles(place, rows, columns, head_dim)
    cosine, sine = _tables(place, rows, columns, head_dim)
    return cosine, sine


def _angles(place: Tensor, rows: int, columns: int, head_dim: int) -> tuple[Tensor, Tensor]:
    half = head_dim // 2
    third = half // 3
    device = place.device
    axes = (
        place[:, None, None].expand(-1, rows, columns),
        torch.arange(rows, device=device)[None, :, None].expand(len(place), -1, columns),
        torch.arange(columns, device=device)[None, None, :].expand(len(place), rows, -1),
    )
    turned = []
    for axis, count in zip(axes, (half - 2 * third, third, third), strict=True):
        frequency = THETA ** (-torch.arange(count, dtype=torch.float64, device=device) / count)
        turned.append(axis[..., None].to(torch.float64) * frequency)
    turn = torch.cat(turned, dim=-1).flatten(0, 2)
    return turn.cos().float(), turn.sin().float()


# A compiler would compute the float64 cosines again for every layer and head that reads them. As an operator
# of its own they are computed once a pass.
_tables = torch.library.custom_op(
    "dreamport::rotary_angles",
    _angles,
    mutates_args=(),
    schema="(Tensor place, SymInt rows, SymInt columns, SymInt head_dim) -> (Tensor, Tensor)",
)


@_tables.register_fake
def _(place: Tensor, rows: int, columns: int, head_dim: int) -> tuple[Tensor, Tensor]:
    table = place.new_empty((place.shape[0] * rows * columns, head_dim // 2), dtype=torch.float32)
    return table, torch.empty_like(table)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """``x [B, tokens, heads, head_dim]`` with neighbouring numbers turned as pairs, in float32, given in
    ``x``'s type. ``cosine``, ``sine [tokens, head_dim / 2]``."""
    even, odd = x.float().reshape(*x.shape[:-1], -1, 2).unbind(-1)
    c, s = cosine[:, None], sine[:, None]
    return torch.stack([even * c - odd * s, even * s + odd * c], dim=-1).flatten(-2).to(x.dtype)
