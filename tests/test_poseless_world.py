"""A world recorded without poses and depth, as a desktop recording is: the same graphs with empty inputs,
from the recording to a player.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dreamport.errors import ControlError, PackError
from dreamport.generator import FrameControl, Generator
from dreamport.geometry import Pose
from dreamport.service import PlayClient, ServerOptions, running_server
from dreamport.v1 import common_pb2
from dreamport.worlds import WorldManifest, WorldPack, open_pack, signatures, write_pack
from dreamport.worlds.buttons import buttons_of
from stub_worlds import (
    HEIGHT,
    WIDTH,
    StubExecutor,
    manifest_fields,
    manifest_without_camera,
    write_stub_pack_without_camera,
)

IDENTITY = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return write_stub_pack_without_camera(tmp_path_factory.mktemp("stub") / "room")


def listed(fields: dict[str, object]) -> dict[str, object]:
    """With the files that a manifest must list."""
    entry = {"sha256": "0" * 64, "bytes": 0}
    names = ["views.npz", "starts/middle.npz", "starts/side.npz"]
    names += [f"graphs/{name}.onnx" for name in ("encode", "reproject", "denoise", "decode", "motion")]
    return {**fields, "files": {name: dict(entry) for name in names}}


class TestPack:
    def test_has_only_the_graphs_it_needs(self, stub: WorldPack) -> None:
        assert set(signatures(stub.manifest)) == {"encode", "denoise", "decode"}
        assert not stub.manifest.has_camera and stub.manifest.depth is None
        with pytest.raises(PackError, match="no graph 'motion'"):
            stub.graph("motion")
        with pytest.raises(PackError, match="no remembered views"):
            stub.read_views()

    @pytest.mark.parametrize(
        ("leave_out", "reason"),
        [
            ("views", "views and graphs.reproject belong together"),
            ("motion", "motion and graphs.motion belong together"),
            ("depth", "views are reprojected by depth and pose"),
        ],
    )
    def test_half_of_a_camera_is_refused(self, leave_out: str, reason: str) -> None:
        fields = listed(manifest_fields())
        WorldManifest.model_validate(fields, strict=False)
        del fields[leave_out]
        with pytest.raises(ValueError, match=reason):
            WorldManifest.model_validate(fields, strict=False)

    def test_a_world_of_poses_without_a_motion_graph_is_one_too(self) -> None:
        fields = manifest_without_camera()
        fields["controls"]["pose"] = True
        assert WorldManifest.model_validate(listed(fields), strict=False).has_camera


class TestGenerator:
    def test_what_it_lacks_reaches_the_network_as_nothing(self, stub: WorldPack) -> None:
        executor = StubExecutor(stub)
        generator = Generator(stub, executor, seed=3)
        frame = generator.step(FrameControl(buttons=1, look_deg=(9.0, 0.0)))
        fed = executor.fed["denoise"]
        assert not fed["rays"].any() and fed["rays"].shape == (1, 1, 6, HEIGHT // 8, WIDTH // 8)
        assert fed["control"].ravel().tolist() == [1.0, 0.0, 9.0, 0.0], "buttons and look do"
        assert not fed["reprojected"][0, 0, -1].any(), "nothing is remembered"
        assert set(executor.ran) == {"encode", "denoise", "decode"}
        assert not executor.fed["decode"]["hint_valid"].any()
        assert frame.pose == generator.pose == IDENTITY
        assert frame.depth is None and frame.colour.shape == (HEIGHT, WIDTH, 3)
        assert generator.session_views == 0

    def test_a_pose_from_outside_is_refused_and_moves_nothing(self, stub: WorldPack) -> None:
        generator = Generator(stub, StubExecutor(stub), seed=3)
        with pytest.raises(ControlError, match="takes no poses from outside"):
            generator.step(FrameControl(pose=Pose.from_yaw_pitch((1.0, 0.0, 0.0), 20.0)))
        assert generator.index == 0 and generator.pose == IDENTITY

    def test_frames_depend_on_what_is_pressed_and_come_again(self, stub: WorldPack) -> None:
        def play(buttons: int) -> list[bytes]:
            generator = Generator(stub, StubExecutor(stub), seed=5)
            return [generator.step(FrameControl(buttons=buttons)).colour.tobytes() for _ in range(4)]

        assert play(1) == play(1) != play(0)

    def test_a_snapshot_goes_on_to_the_same_frames(self, stub: WorldPack) -> None:
        generator = Generator(stub, StubExecutor(stub), seed=5, start="side")
        for _ in range(3):
            generator.step(FrameControl(buttons=1))
        kept = generator.snapshot()
        first = [generator.step(FrameControl(buttons=i % 2)).colour for i in range(3)]
        other = Generator(stub, StubExecutor(stub), seed=9)
        other.restore(kept)
        again = [other.step(FrameControl(buttons=i % 2)).colour for i in range(3)]
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))

    def test_a_recorded_frame_can_take_the_place_of_a_generated_one(self, stub: WorldPack) -> None:
        """Whatever pose and depth come with it, they are as nothing here."""
        colour = np.full((HEIGHT, WIDTH, 3), 99, np.uint8)

        def taught(pose: Pose, depth_m: float) -> bytes:
            generator = Generator(stub, StubExecutor(stub), seed=5)
            generator.step(FrameControl())
            generator.observe(colour, np.full((HEIGHT, WIDTH), depth_m, np.float32), pose)
            assert generator.pose == IDENTITY
            return generator.step(FrameControl()).colour.tobytes()

        assert taught(IDENTITY, np.inf) == taught(Pose.from_yaw_pitch((3.0, 0.0, 1.0), 40.0), 2.0)


def test_poses_without_a_motion_graph_are_turned_by_the_look(tmp_path: Path) -> None:
    """A film with estimated poses: buttons move nothing, the look turns the camera."""
    pack = write_stub_pack_without_camera(tmp_path / "room")
    fields = manifest_without_camera()
    fields["controls"]["pose"] = True
    posed = write_pack(pack.path, fields)
    executor = StubExecutor(posed)
    generator = Generator(posed, executor, seed=3)
    frame = generator.step(FrameControl(buttons=1, look_deg=(9.0, 0.0)))
    assert frame.pose.yaw_deg() == pytest.approx(9.0) and frame.pose.position == (0.0, 0.0, 0.0)
    assert executor.fed["denoise"]["rays"].any()
    moved = generator.step(FrameControl(pose=Pose.from_yaw_pitch((1.0, 0.0, 0.5), 30.0)))
    assert moved.pose.position == (1.0, 0.0, 0.5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack made of a recording without poses and depth, through bake, latents and export; the networks are
    random."""
    pytest.importorskip("torch", reason="exporting needs the extra 'train' (torch)")
    pytest.importorskip("av", reason="baking needs the extra 'train' (av)")
    import torch

    from dreamport.models.codec import CodecConfig, Decoder, Encoder
    from dreamport.models.dit import CausalDiT, DiTConfig
    from dreamport_training.data.bake import BakeConfig, bake
    from dreamport_training.data.baked import Baked
    from dreamport_training.data.latents import LatentClips, bake_latents
    from dreamport_training.export import Trained, WorldSpec, export_pack
    from dreamport_training.starts import spread_starts
    from recorded_play import made_up_picture, record_made_up

    folder = tmp_path_factory.mktemp("desktop")
    record_made_up(folder / "data", [30, 40], depth=False, pose="none")
    bake(folder / "data", folder / "baked", BakeConfig(0.35, 32.0, views=9, workers=1))
    data = Baked(folder / "baked")
    assert not (data.has_depth or data.has_rays or data.has_hints)
    assert {path.stem for path in data.folder.glob("*.npy")} == {
        "colour", "pose", "intrinsics", "state", "control", "first", "episode", "row", "confidence"
    }, "what there is not takes no room"  # fmt: skip
    assert not data.rays[:].any() and data.rays.shape == (70, 6, 8, 12)
    assert np.array_equal(data.colour[33], made_up_picture(1, 3)) and (data.pose == np.eye(4)).all()
    torch.manual_seed(0)
    codec = CodecConfig(latent_channels=4, fine_width=8, coarse_width=8, decoder_blocks=1)
    encoder, decoder = Encoder(codec).eval(), Decoder(codec).eval()
    bake_latents(data, encoder, data.folder, seed=0)
    batch = LatentClips(data, data.folder, 4).batch(3, np.random.default_rng(0), "cpu")
    assert batch.reprojected.shape == (3, 4, 5, 8, 12) and not batch.rays.any()
    assert not batch.reprojected[:, :, 4].any()
    assert torch.equal(batch.reprojected[0, 0], batch.reprojected[2, 3]), "every hint is the same empty one"
    config = DiTConfig(
        latent_channels=4, latent_height=8, latent_width=12, width=24, layers=1, heads=2, control_size=4
    )
    spec = WorldSpec(
        name="desktop-room",
        title="Recorded from a desktop",
        description="",
        licence="CC0-1.0",
        width=96,
        height=64,
        frame_rate=20.0,
        buttons=buttons_of(data.info["buttons"], {"jump": ["Space", "MouseLeft"]}),
        max_turn_deg=30.0,
        camera=(48.0, 48.0, 48.0, 32.0),
        near_m=0.35,
        far_m=32.0,
        sigmas=(1.0,),
        context_sigma=0.03,
        views_per_frame=4,
        views=0,
        starts=spread_starts(data, 2, 0.35),
        provenance={"data": "made up", "licence": "CC0-1.0", "commit": "none", "trained_on": "nothing"},
        has_depth=False,
        has_camera=False,
        look=(True, True),
    )
    return export_pack(
        folder / "pack", spec, Trained(codec, encoder, decoder, config, CausalDiT(config).eval()), None
    ).path


def test_the_pack_says_what_the_recording_lacked(trained: Path) -> None:
    pack = open_pack(trained)
    manifest = pack.manifest
    assert (manifest.depth, manifest.views, manifest.motion, manifest.has_camera) == (None, None, None, False)
    assert [button.name for button in manifest.controls.buttons] == ["forward", "jump"]
    assert manifest.controls.buttons[0].keys == ("KeyW", "ArrowUp")
    assert manifest.controls.buttons[1].keys == ("Space",)
    assert set(manifest.weights) == {"encode", "denoise", "decode"}
    start = pack.start()
    assert (start.views.pose == np.eye(4)).all() and not start.views.inverse_depth_grid.any()


async def test_a_client_plays_it_and_is_told_that_there_is_no_depth(trained: Path) -> None:
    """The real server, the real executor: buttons drive it, a camera is ignored, depth is left out."""
    options = ServerOptions(port=0, worlds=(trained,), default_world="desktop-room", threads=1)
    async with running_server(options) as server, PlayClient(server.address) as client:
        world = await client.world("desktop-room")
        assert not world.HasField("depth_range") and not world.control_schema.pose
        async with await client.open(world="desktop-room", seed=4) as stream:
            assert stream.opened.depth_format == common_pb2.DEPTH_FORMAT_UNSPECIFIED
            sequence = await stream.control(buttons=1, look_deg=(3.0, 1.0))
            frame = await stream.next_frame()
            while frame.message.control.sequence < sequence:
                frame = await stream.next_frame()
            assert frame.message.control.buttons == 1
            assert frame.depth is None and frame.colour.shape == (64, 96, 3)
            pose = frame.message.pose
            assert (pose.position.x, pose.position.y, pose.position.z) == (0.0, 0.0, 0.0)
            assert abs(pose.orientation.w) == 1.0
            assert any("has no depth" in notice.message for notice in stream.notices)
