"""Camera poses to what the transformer is conditioned on: rays of each latent frame's motion, folded.

As LingBot-World prepares them, but causally: translations are multiplied by the world's fixed scale where
upstream divides by the clip's largest, which a live session cannot know.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FOLD = 8
"""Pixels to a side of one latent cell."""
RAY_CHANNELS = 6
DIRECTION_CHANNELS = 3


def relative_poses(poses: Tensor, previous: Tensor | None, scale: float) -> Tensor:
    """Each latent frame's camera seen from the one before.

    ``poses [F, 4, 4]``: camera-to-world, OpenCV; ``previous [4, 4]``: that of the last frame before, ``None``
    at the start of a session, whose first frame is the identity. Translations times ``scale``. Float32,
    computed in float64: far from the origin a step is a small difference of large numbers.
    """
    exact = poses.to(torch.float64)
    first = exact[:1] if previous is None else previous[None].to(exact)
    before = torch.cat([first, exact[:-1]])
    turn = before[:, :3, :3].transpose(1, 2)
    rotation = turn @ exact[:, :3, :3]
    moved = turn @ (exact[:, :3, 3:] - before[:, :3, 3:]) * scale
    if previous is None:
        rotation = torch.cat([torch.eye(3).to(exact)[None], rotation[1:]])
    last = torch.tensor([0.0, 0.0, 0.0, 1.0]).to(exact).expand(len(exact), 1, 4)
    return torch.cat([torch.cat([rotation, moved], dim=2), last], dim=1).float()


def rays(poses: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """Ray origin and unit direction at every pixel's centre, ``[F, 6, height, width]``.

    ``poses [F, 4, 4]``: :func:`relative_poses`; ``intrinsics [F, 4]``: fx, fy, cx, cy in pixels of this size.
    """
    u = torch.arange(width, device=poses.device, dtype=torch.float32) + 0.5
    v = torch.arange(height, device=poses.device, dtype=torch.float32) + 0.5
    fx, fy, cx, cy = intrinsics.float()[:, :, None, None].unbind(dim=1)
    x = ((u[None, None] - cx) / fx).expand(-1, height, -1)
    y = ((v[None, :, None] - cy) / fy).expand(-1, -1, width)
    local = F.normalize(torch.stack([x, y, torch.ones_like(x)], dim=1), dim=1)
    direction = torch.einsum("fij,fjhw->fihw", poses[:, :3, :3].float(), local)
    origin = poses[:, :3, 3, None, None].float().expand_as(direction)
    return torch.cat([origin, direction], dim=1)


def scaled_intrinsics(intrinsics: Tensor, height: int, width: int, to_height: int, to_width: int) -> Tensor:
    """``intrinsics [..., 4]`` of ``height`` x ``width`` pixels, for the picture resized to
    ``to_height`` x ``to_width``."""
    x, y = to_width / width, to_height / height
    return intrinsics * torch.tensor([x, y, x, y], dtype=intrinsics.dtype, device=intrinsics.device)


def ray_patches(
    poses: Tensor,
    intrinsics: Tensor,
    height: int,
    width: int,
    channels: int,
    patch: tuple[int, int, int] = (1, 2, 2),
    keys: Tensor | None = None,
) -> Tensor:
    """The transformer's camera input ``[1, tokens, channels]``: rays folded 8x8 onto the latent grid, then
    cut into the transformer's patches.

    ``poses``, ``intrinsics`` as of :func:`rays`. ``channels``: the checkpoint's. 1536 take origins and
    directions; 1792 take directions and ``keys [F, 4]``, which of W, A, S and D are held (none without
    ``keys``). Raises ``ValueError`` where they do not fit.
    """
    cell = FOLD * FOLD * patch[1] * patch[2]
    maps = rays(poses, intrinsics, height, width)
    if channels != RAY_CHANNELS * cell:
        wanted = channels // cell - DIRECTION_CHANNELS
        if channels % cell or wanted < 1:
            raise ValueError(f"{channels} camera channels: not rays ({RAY_CHANNELS * cell}), nor with keys")
        held = poses.new_zeros(len(poses), wanted) if keys is None else keys.to(maps)
        if held.shape != (len(poses), wanted):
            raise ValueError(f"keys are {list(held.shape)} and must be [{len(poses)}, {wanted}]")
        spread = held[:, :, None, None].expand(-1, -1, height, width)
        maps = torch.cat([maps[:, DIRECTION_CHANNELS:], spread], dim=1)
    if patch[1] != patch[2]:
        raise ValueError(f"patches of {patch[1]} x {patch[2]}; they must be square")
    folded = F.pixel_unshuffle(F.pixel_unshuffle(maps, FOLD), patch[1])
    return folded.flatten(2).transpose(1, 2).flatten(0, 1)[None]
