"""Motion head: buttons and look deltas to camera motion, with the level's collisions learned from play.

Free motion is linear in velocity and thrust, as in most first-person games. What walls, stairs and ledges do
to it is read from grids of learned features over the level's floor plan, at the camera and along the intended
move: a coarse grid says what is around, a fine one where exactly it begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STATE_SIZE = 9


@dataclass(frozen=True)
class MotionConfig:
    """``origin`` and ``extent``: the floor plan's corner and size (x, z) in metres; ``cell_m``: grid spacing
    in metres; ``fine_features``: features of the second grid, of ``fine_cell_m`` (0: there is none);
    ``ticks``: simulation ticks a frame, over which a look delta is spread evenly.
    """

    buttons: int = 4
    origin: tuple[float, float] = (0.0, 0.0)
    extent: tuple[float, float] = (1.0, 1.0)
    cell_m: float = 0.25
    features: int = 16
    hidden: int = 160
    probe_m: float = 0.25
    ticks: int = 2
    fine_cell_m: float = 0.125
    fine_features: int = 0


class MotionHead(nn.Module):
    """One frame of camera motion. State: x, y, z (metres), sin yaw, cos yaw, pitch (rad), vx, vy, vz
    (metres a frame)."""

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        self.config = config
        self.plan = self._new_plan(config.cell_m, config.features)
        self.fine_plan = (
            self._new_plan(config.fine_cell_m, config.fine_features) if config.fine_features else None
        )
        self.free = nn.Linear(2 + config.buttons, 4)
        probes = 11
        inputs = probes * (config.features + config.fine_features) + 2 + 2 + 2 + 2
        self.net = nn.Sequential(
            nn.Linear(inputs, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.SiLU(),
        )
        self.out = nn.Linear(config.hidden, 8)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def _new_plan(self, cell_m: float, features: int) -> nn.Parameter:
        columns = int(self.config.extent[0] / cell_m) + 2
        rows = int(self.config.extent[1] / cell_m) + 2
        return nn.Parameter(torch.randn(1, features, rows, columns) * 0.1)

    def _features(self, x: Tensor, z: Tensor) -> Tensor:
        """What the plans say of ``[B, P]`` places -> ``[B, P * (features + fine_features)]``."""
        found = [self._sampled(self.plan, self.config.cell_m, x, z)]
        if self.fine_plan is not None:
            found.append(self._sampled(self.fine_plan, self.config.fine_cell_m, x, z))
        return torch.cat(found, dim=-1)

    def _sampled(self, plan: Tensor, cell_m: float, x: Tensor, z: Tensor) -> Tensor:
        rows, columns = plan.shape[2], plan.shape[3]
        u = (x - self.config.origin[0]) / (cell_m * (columns - 1)) * 2.0 - 1.0
        v = (z - self.config.origin[1]) / (cell_m * (rows - 1)) * 2.0 - 1.0
        grid = torch.stack([u, v], dim=-1)[None]
        sampled = F.grid_sample(plan, grid, mode="bilinear", padding_mode="border", align_corners=True)
        return sampled[0].permute(1, 2, 0).flatten(1)

    def tick(self, state: Tensor, buttons: Tensor, turn: Tensor, tilt: Tensor) -> Tensor:
        """One simulation tick; ``turn`` and ``tilt`` ``[B]`` in radians."""
        x, y, z = state[:, 0], state[:, 1], state[:, 2]
        sine = state[:, 3] * torch.cos(turn) + state[:, 4] * torch.sin(turn)
        cosine = state[:, 4] * torch.cos(turn) - state[:, 3] * torch.sin(turn)
        norm = torch.rsqrt(sine * sine + cosine * cosine + 1e-12)
        sine, cosine = sine * norm, cosine * norm
        pitch = (state[:, 5] + tilt).clamp(-1.4, 1.4)
        # The player's own axes: ahead along (sin yaw, cos yaw), right along (cos yaw, -sin yaw).
        vx, vy, vz = state[:, 6], state[:, 7], state[:, 8]
        ahead, right = vx * sine + vz * cosine, vx * cosine - vz * sine
        free = self.free(torch.cat([torch.stack([right, ahead], -1), buttons], -1))
        dx, dz = free[:, 0] * cosine + free[:, 1] * sine, free[:, 1] * cosine - free[:, 0] * sine
        ux, uz = free[:, 2] * cosine + free[:, 3] * sine, free[:, 3] * cosine - free[:, 2] * sine
        r = self.config.probe_m
        # Where the move leads, whole and along each axis (games slide along walls so), and around.
        px = torch.stack([x, x + dx, x + dx, x, x + 2 * dx, x + 2 * dx, x, x + r, x - r, x, x], dim=1)
        pz = torch.stack([z, z + dz, z, z + dz, z + 2 * dz, z, z + 2 * dz, z, z, z + r, z - r], dim=1)
        own = torch.stack([vx * 4, vz * 4, dx * 4, dz * 4, y, vy * 4, sine, cosine], dim=-1)
        o = self.out(self.net(torch.cat([self._features(px, pz), own], dim=-1)))
        # Each axis keeps a share of the free move, plus a push; a share of 1 is open floor.
        dx, dz = dx * (1.0 + o[:, 0]) + 0.1 * o[:, 1], dz * (1.0 + o[:, 2]) + 0.1 * o[:, 3]
        dy = 0.25 * o[:, 6]
        place = torch.stack([x + dx, y + dy, z + dz, sine, cosine, pitch], dim=-1)
        speed = torch.stack([ux * (1.0 + o[:, 4]), 0.25 * o[:, 7], uz * (1.0 + o[:, 5])], dim=-1)
        return torch.cat([place, speed], dim=-1)

    def forward(self, state: Tensor, control: Tensor) -> dict[str, Tensor]:
        """``state [B, 9]``, ``control [B, buttons + 2]`` (0/1 each button, then look yaw and pitch in
        degrees) -> state."""
        cfg = self.config
        look = control[:, cfg.buttons :] * (torch.pi / 180.0 / cfg.ticks)
        for _ in range(cfg.ticks):
            state = self.tick(state, control[:, : cfg.buttons], look[:, 0], look[:, 1])
        return {"state": state}
