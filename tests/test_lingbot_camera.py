"""Camera poses become what the transformer was trained on: rays of each latent frame's motion, in cells."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from dreamport.geometry import Pose, camera_rays  # noqa: E402
from dreamport.models.lingbot.camera import (  # noqa: E402
    ray_patches,
    rays,
    relative_poses,
    scaled_intrinsics,
)

HEIGHT, WIDTH = 32, 48
INTRINSICS = torch.tensor([[40.0, 42.0, 24.0, 16.0]])


def walk(frames: int) -> Tensor:
    """A camera that walks and turns, ``[frames, 4, 4]``."""
    poses = [Pose.from_yaw_pitch((0.3 * i, 0.05 * i, 0.2 * i * i), 11.0 * i, 4.0 * i) for i in range(frames)]
    matrices: Tensor = torch.from_numpy(np.stack([pose.matrix() for pose in poses]))
    return matrices.float()


def test_a_session_begins_at_the_identity_and_each_frame_is_seen_from_the_one_before() -> None:
    poses = walk(6)
    relative = relative_poses(poses, None, scale=1.0)
    assert torch.equal(relative[0], torch.eye(4))
    together = relative[0]
    for i in range(1, 6):
        together = together @ relative[i]
        assert torch.allclose(poses[0] @ together, poses[i], atol=1e-5)


def test_chunks_continue_one_another() -> None:
    poses = walk(8)
    whole = relative_poses(poses, None, scale=0.7)
    second = relative_poses(poses[4:], poses[3], scale=0.7)
    assert torch.equal(second, whole[4:])


def test_the_scale_multiplies_the_walk_and_not_the_turn() -> None:
    plain, scaled = (relative_poses(walk(5), None, scale) for scale in (1.0, 2.5))
    assert torch.allclose(scaled[:, :3, 3], plain[:, :3, 3] * 2.5)
    assert torch.equal(scaled[:, :3, :3], plain[:, :3, :3])


def test_a_step_far_from_the_origin_is_still_that_step() -> None:
    poses = torch.eye(4).repeat(2, 1, 1)
    poses[:, 0, 3] = torch.tensor([1e5, 1e5 + 0.5])
    assert torch.equal(relative_poses(poses, None, 1.0)[1, :3, 3], torch.tensor([0.5, 0.0, 0.0]))


def test_rays_are_origin_and_unit_direction_at_the_centres_of_pixels() -> None:
    poses = relative_poses(walk(3), None, scale=1.0)
    made = rays(poses, INTRINSICS.expand(3, 4), HEIGHT, WIDTH)
    for i in range(3):
        expected = camera_rays(poses[i].numpy(), INTRINSICS[0].numpy(), HEIGHT, WIDTH, stride=1)
        assert np.abs(made[i].numpy() - expected).max() < 1e-5
    centre = made[0, 3:, int(INTRINSICS[0, 3]), int(INTRINSICS[0, 2])]
    assert torch.allclose(centre, torch.tensor([0.5 / 40, 0.5 / 42, 1.0]), atol=1e-3)


def test_a_token_holds_its_own_pixels_channel_by_channel() -> None:
    poses = relative_poses(walk(2), None, scale=1.0)
    maps = rays(poses, INTRINSICS.expand(2, 4), HEIGHT, WIDTH)
    tokens = ray_patches(poses, INTRINSICS.expand(2, 4), HEIGHT, WIDTH, channels=1536)
    assert tokens.shape == (1, 2 * (HEIGHT // 16) * (WIDTH // 16), 1536)
    # channel, then the pixel in its cell of 8 x 8, then the cell in its patch of 2 x 2
    folded = tokens.reshape(2, HEIGHT // 16, WIDTH // 16, 6, 8, 8, 2, 2)
    for frame, channel, y, x in ((0, 3, 0, 0), (1, 0, 17, 40), (1, 5, 31, 47), (1, 4, 9, 20)):
        found = folded[frame, y // 16, x // 16, channel, y % 8, x % 8, y // 8 % 2, x // 8 % 2]
        assert found == maps[frame, channel, y, x]


def test_a_checkpoint_with_keys_takes_directions_and_the_keys_held() -> None:
    poses, intrinsics = relative_poses(walk(2), None, scale=1.0), INTRINSICS.expand(2, 4)
    held = torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 1]])
    tokens = ray_patches(poses, intrinsics, HEIGHT, WIDTH, channels=1792, keys=held)
    each = tokens.reshape(2, -1, 7, 256)
    directions = ray_patches(poses, intrinsics, HEIGHT, WIDTH, channels=1536).reshape(2, -1, 6, 256)[:, :, 3:]
    assert torch.equal(each[:, :, :3], directions)
    assert torch.equal(each[:, :, 3:], held[:, None, :, None].expand(-1, each.shape[1], -1, 256))
    without = ray_patches(poses, intrinsics, HEIGHT, WIDTH, channels=1792).reshape(2, -1, 7, 256)
    assert not without[:, :, 3:].any()


@pytest.mark.parametrize(
    ("channels", "keys", "told"),
    [
        pytest.param(1500, None, "1500 camera channels", id="no rays"),
        pytest.param(768, None, "768 camera channels", id="directions without keys"),
        pytest.param(1792, torch.zeros(2, 3), r"must be \[2, 4\]", id="too few keys"),
    ],
)
def test_channels_that_no_checkpoint_has_are_refused(channels: int, keys: Tensor | None, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ray_patches(walk(2), INTRINSICS.expand(2, 4), HEIGHT, WIDTH, channels, keys=keys)


def test_intrinsics_follow_the_picture_when_it_is_resized() -> None:
    resized = scaled_intrinsics(torch.tensor([[500.0, 510.0, 416.0, 240.0]]), 480, 832, 464, 832)
    assert torch.allclose(resized, torch.tensor([[500.0, 493.0, 416.0, 232.0]]))
    # half of the field of view to the right, before and after
    assert math.isclose((832 - 416.0) / 500.0, (832 - float(resized[0, 2])) / float(resized[0, 0]))
