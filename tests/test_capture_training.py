"""What an engine recorded is what training reads: rows, pictures and the alignment rule come through the
bake.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

pytest.importorskip("torch", reason="baking needs the extra 'train' (torch)")

from capture_frames import begin_message, capturing, made_up
from dreamport.geometry import Pose, camera_rays
from dreamport.v1 import common_pb2
from dreamport.worlds.views import quantise_inverse_depth
from dreamport_training.data.baked import Baked

WIDTH, HEIGHT, FRAMES = 64, 48, 12
GAP_AT, GAP = 7, 4
CAMERA = common_pb2.Intrinsics(fx=32.0, fy=32.0, cx=32.0, cy=24.0)
OTHER_CAMERA = common_pb2.Intrinsics(fx=40.0, fy=40.0, cx=32.0, cy=24.0)


def picture(index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    ramp = np.linspace(0, 200, WIDTH, dtype=np.uint8)
    grey = np.broadcast_to((ramp + 4 * index) % 255, (HEIGHT, WIDTH))
    return np.ascontiguousarray(np.stack([grey] * 3, axis=-1).astype(np.uint8))


async def test_a_recorded_episode_with_a_gap_bakes_into_aligned_runs(tmp_path: Path) -> None:
    numbers = [i if i < GAP_AT else i + GAP for i in range(FRAMES)]
    depth = np.full((HEIGHT, WIDTH), 5.0, np.float32)
    async with capturing(tmp_path / "captures") as here, here.client.record() as recorder:
        size = common_pb2.FrameSize(width=WIDTH, height=HEIGHT)
        await recorder.begin_with(begin_message(frame_size=size, intrinsics=CAMERA, seed=5))
        for number in numbers:
            frame = made_up(0, number)
            await recorder.frame(
                picture(number),
                Pose.from_yaw_pitch((0.01 * number, 0.0, 0.0), 0.5 * number),
                depth,
                index=number,
                buttons=frame.buttons,
                look_yaw_deg=frame.look_deg[0],
                look_pitch_deg=frame.look_deg[1],
                intrinsics=OTHER_CAMERA if number == 2 else None,
            )
        assert (await recorder.finish()).missing == GAP
    code = "import sys; from pathlib import Path; from dreamport_training.data.bake import BakeConfig, bake; "
    code += "bake(Path(sys.argv[1]), Path(sys.argv[2]), BakeConfig(0.25, 60.0, views=3, workers=1))"
    command = [sys.executable, "-c", code, str(here.folder / "garden"), str(tmp_path / "baked")]
    subprocess.run(
        command, check=True, timeout=120
    )  # not here: it forks, which gRPC's threads do not survive
    baked = Baked(tmp_path / "baked")
    assert baked.first.tolist() == [0] * GAP_AT + [GAP_AT] * (FRAMES - GAP_AT)
    assert baked.clip_starts(4).tolist() == [0, 1, 2, 3, 7, 8], "no clip goes over the gap"
    for row, number in enumerate(numbers):
        frame = made_up(0, number)
        bits = [(frame.buttons >> bit) & 1 for bit in range(3)]
        expected = [0.0] * 5 if row in {0, GAP_AT} else [*bits, *frame.look_deg]
        assert baked.control[row].tolist() == expected, row
        assert np.isclose(baked.pose[row, 0, 3], 0.01 * number)
        jpeg = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(picture(number), quality=92))
        assert np.array_equal(baked.colour[row], jpeg)
        steps = quantise_inverse_depth(depth, 0.25).astype(int)
        assert np.abs(baked.inverse_depth[row].astype(int) - steps).max() <= 1
    cameras = np.load(tmp_path / "baked" / "intrinsics.npy")
    assert cameras[2, 0] == 40.0 and cameras[3, 0] == 32.0
    pose = Pose.from_yaw_pitch((0.02, 0.0, 0.0), 1.0).matrix()
    rays = camera_rays(pose, np.array([40.0, 40.0, 32.0, 24.0]), HEIGHT, WIDTH, 8)
    assert np.allclose(baked.rays[2], rays, atol=2e-3)
