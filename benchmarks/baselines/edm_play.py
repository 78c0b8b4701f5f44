"""The baseline as a world that the evaluator can play: frames in, frames out, no memory and no poses."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from edm_unet import UNet, UNetConfig, sample
from numpy.typing import NDArray
from torch import Tensor

from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport_tools.evaluate.recording import Recording

LOOK_SCALE = 0.2


class EdmWorld:
    """Begins sessions of a trained checkpoint; ``steps``: Euler steps a frame."""

    def __init__(self, checkpoint: Path, steps: int) -> None:
        state = torch.load(checkpoint, weights_only=True)
        config: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in state["config"].items()
        }
        self.model = UNet(UNetConfig(**config)).eval()
        self.model.load_state_dict(state["average"])
        self.trained_steps = int(state["step"])
        self.trained_cpu_seconds = float(state["cpu_seconds"])
        self.steps = steps

    def begin(
        self, recording: Recording, frame: int, *, seed: int, memory: bool = True, at_rest: bool = False
    ) -> EdmSession:
        """A session whose context are the recorded frames up to ``frame``."""
        return EdmSession(self, recording, frame, seed)


class EdmSession:
    """One rollout. Poses are not known to this world: every frame is given the first one's."""

    def __init__(self, world: EdmWorld, recording: Recording, frame: int, seed: int) -> None:
        self._world, self._recording = world, recording
        config = world.model.config
        rows = range(frame - config.context + 1, frame + 1)
        self._context = deque((self._small(recording.colour(r)) for r in rows), config.context)
        self._actions = deque((self._action_of(recording, r) for r in rows), config.context)
        self._noise = torch.Generator().manual_seed(seed)
        self._index = 0
        fx, fy, cx, cy = (float(v) for v in recording.intrinsics)
        self._camera = Pose.from_matrix(recording.pose[frame]), Intrinsics(fx, fy, cx, cy)
        self.start_frame = self._frame(recording.colour(frame))

    def step(self, control: FrameControl) -> GeneratedFrame:
        """The next frame, enlarged to the recording's size."""
        config = self._world.model.config
        held = [(control.buttons >> bit) & 1 for bit in range(config.control_size - 2)]
        look = [LOOK_SCALE * v for v in control.look_deg]
        self._actions.append(torch.tensor([*held, *look], dtype=torch.float32))
        context, actions = torch.stack(list(self._context)), torch.stack(list(self._actions))
        made = sample(self._world.model, context[None], actions[None], self._world.steps, self._noise)[0]
        self._context.append(made)
        self._index += 1
        pixels = ((made.permute(1, 2, 0).numpy() + 1.0) * 127.5 + 0.5).clip(0, 255).astype(np.uint8)
        height, width = self.start_frame.colour.shape[:2]
        large = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
        return self._frame(large.astype(np.uint8))

    def teach(self, recording: Recording, index: int) -> None:
        """Put the recorded frame where the generated one is."""
        self._context[-1] = self._small(recording.colour(index))

    def finish(self) -> None:
        """Nothing is left to do."""

    def _small(self, colour: NDArray[np.uint8]) -> Tensor:
        config = self._world.model.config
        small = cv2.resize(colour, (config.width, config.height), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(small.astype(np.float32) / 127.5 - 1.0).permute(2, 0, 1)

    def _action_of(self, recording: Recording, row: int) -> Tensor:
        count = self._world.model.config.control_size - 2
        held = [(int(recording.buttons[row]) >> bit) & 1 for bit in range(count)]
        return torch.tensor([*held, *(LOOK_SCALE * float(v) for v in recording.look_deg[row])])

    def _frame(self, colour: NDArray[np.uint8]) -> GeneratedFrame:
        depth = np.full(colour.shape[:2], np.inf, np.float32)
        return GeneratedFrame(
            self._index, np.ascontiguousarray(colour).astype(np.uint8), depth, *self._camera
        )
