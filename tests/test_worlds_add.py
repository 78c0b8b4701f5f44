"""``dreamport worlds add lingbot`` makes a world of a checkpoint, or says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")
pytest.importorskip("transformers")

from dreamport.cli.main import build_app  # noqa: E402
from dreamport.errors import DreamportError, PackError  # noqa: E402
from dreamport.executors import open_chunk_executor  # noqa: E402
from dreamport.generator import ChunkGenerator  # noqa: E402
from dreamport.generator.types import FrameControl  # noqa: E402
from dreamport.models.lingbot.checkpoint import (  # noqa: E402
    CheckpointFiles,
    find,
    load_transformer,
    random_transformer,
    read_config,
)
from dreamport.models.lingbot.checkpoint.random_files import write_random  # noqa: E402
from dreamport.models.lingbot.config import LINGBOT_TINY, LingBotConfig  # noqa: E402
from dreamport.worlds import open_pack  # noqa: E402
from dreamport.worlds.picture import picture_of  # noqa: E402


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random(tmp_path_factory.mktemp("lingbot") / "World-Fast 1.3B", LINGBOT_TINY, "flat", 0)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """200 x 100: red to the left, blue to the right, a green stripe at either end."""
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, :100, 0] = pixels[:, 100:, 2] = 255
    pixels[:, :40] = pixels[:, 160:] = (0, 255, 0)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def add(checkpoint: Path, picture: Path, worlds: Path, *more: str) -> dict[str, Any]:
    """What the command prints. Raises what it raises."""
    arguments = ["worlds", "add", "lingbot", str(checkpoint), "--image", str(picture), "--prompt", "a valley"]
    arguments += ["--worlds", str(worlds), "--json", "--size", "64x64", *more]
    done = CliRunner().invoke(build_app(), arguments)
    if isinstance(done.exception, DreamportError):
        raise done.exception
    assert done.exit_code == 0, done.output
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_it_makes_a_world_that_opens(checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    told = add(checkpoint, picture, tmp_path / "worlds")
    assert (told["name"], told["layout"], told["layers"]) == ("world-fast-1-3b", "flat", 2)
    pack = open_pack(Path(told["path"]))
    assert pack.path.parent == tmp_path / "worlds" and pack.digest == told["digest"]
    assert pack.total_bytes < 100_000  # the weights stay where they are
    assert pack.checkpoint_weights().transformer[0].parent == checkpoint
    assert pack.manifest.starts[0].prompt == "a valley"


def test_the_pack_leads_back_to_the_models(checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    pack = open_pack(Path(add(checkpoint, picture, tmp_path)["path"]))
    assert pack.manifest.checkpoint is not None
    files = CheckpointFiles(**vars(pack.checkpoint_weights()))
    config = LingBotConfig(**pack.manifest.checkpoint.sizes.model_dump())
    assert files == find(checkpoint) and config == read_config(files)
    transformer = load_transformer(files, config, "cpu", torch.bfloat16)
    wanted = random_transformer(config, "cpu", torch.bfloat16, seed=0).state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in transformer.state_dict().items())


def test_the_picture_is_cut_to_its_middle(checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    image = open_pack(Path(add(checkpoint, picture, tmp_path)["path"])).image_start().image
    assert image.shape == (64, 64, 3)
    assert image[32, 16].tolist() == [255, 0, 0] and image[32, 48].tolist() == [0, 0, 255]
    assert not (image[:, 8:56, 1] > 200).any()


def test_what_is_transparent_in_the_picture_is_black(tmp_path: Path) -> None:
    pixels = np.full((64, 64, 4), 255, np.uint8)
    pixels[:, :32, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    taken = picture_of(tmp_path / "picture.png", 64, 64)
    assert not taken[:, :32].any() and (taken[:, 32:] == 255).all()


def test_name_shift_and_size_are_the_player_s(checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    told = add(checkpoint, picture, tmp_path, "--name", "mine", "--shift", "10", "--size", "96x48")
    manifest = open_pack(tmp_path / "mine").manifest
    assert told["name"] == manifest.name == "mine"
    assert [round(1000 * sigma) for sigma in manifest.sampler.sigmas] == [1000, 968, 909, 769]
    assert (manifest.frame.width, manifest.frame.height) == (96, 48)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--name", "../up"], "no name of a world"),
        (["--size", "100x100"], "multiple of 16"),
        (["--size", "huge"], "like 832x464"),
        (["--decoder", "mine"], "use one of wan21, taehv, lighttae"),
        (["--decoder", "lighttae"], r"not the decoder lighttae \(lighttaew2_1"),
        (["--shift", "0"], "--shift must be greater than 0"),
        (["--prompt", " "], "say what is to be seen"),
        (["--image", "nowhere.png"], "no picture at nowhere.png"),
        (["--also", "/nowhere"], "no checkpoint at /nowhere"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_bad_choices_are_refused_with_what_to_do(
    more: list[str], message: str, checkpoint: Path, picture: Path, tmp_path: Path
) -> None:
    with pytest.raises(PackError, match=message):
        add(checkpoint, picture, tmp_path / "worlds", *more)
    assert not (tmp_path / "worlds").exists()


def test_a_file_that_is_no_picture_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(PackError, match="PNG, JPEG or WebP"):
        add(checkpoint, tmp_path / "text.png", tmp_path / "worlds")


def test_the_same_name_twice_is_refused(checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    add(checkpoint, picture, tmp_path, "--name", "mine")
    with pytest.raises(PackError, match="choose another --name"):
        add(checkpoint, picture, tmp_path, "--name", "mine")


def test_a_checkpoint_with_a_part_of_another_size_makes_no_world(picture: Path, tmp_path: Path) -> None:
    folder = write_random(tmp_path / "broken", LINGBOT_TINY, "flat", 0)
    vae = torch.load(folder / "Wan2.1_VAE.pth", weights_only=True)
    vae["decoder.head.2.weight"] = torch.zeros(4, 8, 3, 3, 3)
    torch.save(vae, folder / "Wan2.1_VAE.pth")
    with pytest.raises(PackError, match=r"decoder\.head\.2\.weight is \[4, 8, 3, 3, 3\] and must be"):
        add(folder, picture, tmp_path / "worlds")
    assert not (tmp_path / "worlds").exists()


def test_a_checkpoint_of_version_1_plays_in_its_own_chunks(picture: Path, tmp_path: Path) -> None:
    pytest.importorskip("ftfy")
    folder = write_random(tmp_path / "fast", LINGBOT_TINY, "v1_fast", 0)
    pack = open_pack(Path(add(folder, picture, tmp_path / "worlds", "--size", "32x32")["path"]))
    assert pack.manifest.chunk_frames == 12
    executor = open_chunk_executor(pack)
    try:
        generator = ChunkGenerator(pack, executor, seed=1)
        # the picture stands for the first frame of the first chunk
        assert [len(generator.chunk(FrameControl(buttons=1))) for _ in range(3)] == [8, 12, 12]
    finally:
        executor.close()
