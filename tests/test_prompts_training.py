"""From pictures to a world that listens: conditions, the text encoder, clips that are told something, and a
tiny world trained with them whose events change the picture the right way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import requires
from dreamport.errors import DatasetError

requires.package("torch", extra="train")
requires.package("pyarrow", extra="train")

import torch  # noqa: E402

from dreamport.executors import open_executor  # noqa: E402
from dreamport.generator import FrameControl, Generator  # noqa: E402
from dreamport.generator.words import tokens  # noqa: E402
from dreamport.models.text import TextConfig  # noqa: E402
from dreamport.worlds import WorldPack, open_pack  # noqa: E402
from dreamport.worlds.manifest import EVENT_HOLDS, PromptEvent  # noqa: E402
from dreamport_tools.captioning.rules import RuleCaptioner  # noqa: E402
from dreamport_tools.captioning.run import caption_dataset  # noqa: E402
from dreamport_training import ladder  # noqa: E402
from dreamport_training.conditions import (  # noqa: E402
    AIR,
    EXTINCTION,
    GROUPS,
    Conditions,
    fogged,
    to_linear,
    to_srgb,
)
from dreamport_training.config import load_config  # noqa: E402
from dreamport_training.data.baked import Baked  # noqa: E402
from dreamport_training.pack_of_run import pack_of_run  # noqa: E402
from dreamport_training.parallel import Parallel  # noqa: E402
from dreamport_training.prompts import captions_of, clip_prompts, conditions_of, text_config  # noqa: E402
from dreamport_training.record_of_run import RunRecord  # noqa: E402
from dreamport_training.run import Run  # noqa: E402
from dreamport_training.text import caption_vectors, sentence, supplied_vectors, train_text  # noqa: E402
from room_dataset import record_room  # noqa: E402

NEAR_M = 0.35
SETTINGS = {
    "prompts.enabled": True, "prompts.size": 16, "prompts.conditions": ["light"], "prompts.steps": 150,
    "data.views": 16, "data.workers": 1,
    "codec.crop": [48, 80], "codec.steps": 160, "codec.batch": 8, "codec.rate": 4e-3, "codec.warmup": 10,
    "causal.steps": 200, "causal.batch": 8, "causal.rate": 4e-3, "causal.warmup": 10,
    "motion.enabled": False, "teacher.enabled": False, "control.enabled": False, "consistency.enabled": False,
    "dmd.enabled": False, "refine.enabled": False,
    "parallel.precision": "float32", "logging.sample_every": 0, "logging.tensorboard": False,
}  # fmt: skip


def all_conditions() -> Conditions:
    return Conditions(tuple(GROUPS), NEAR_M)


class TestConditions:
    def picture(self) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(1)
        colour = torch.rand(3, 3, 8, 10, generator=generator)
        depth = 1.0 + 9.0 * torch.rand(3, 1, 8, 10, generator=generator)
        return colour, NEAR_M / depth

    def test_the_captured_look_stays_as_it_was_bit_for_bit(self) -> None:
        colour, inverse = self.picture()
        look = np.zeros((3, 3), np.int8)
        assert torch.equal(all_conditions().dress(colour, inverse, look), colour)

    def test_dusk_and_night_darken_and_night_more(self) -> None:
        colour, inverse = self.picture()
        day, dusk, night = all_conditions().dress(
            colour, inverse, np.array([[0] * 3, [1, 0, 0], [2, 0, 0]], np.int8)
        )
        assert float(dusk.mean()) < 0.85 * float(colour[1].mean())
        assert float(night.mean()) < 0.5 * float(colour[2].mean())
        assert float(night[2].mean() / night[0].mean()) > float(day[2].mean() / day[0].mean()), (
            "night is blue"
        )

    def test_fog_follows_koschmieders_law(self) -> None:
        linear = torch.tensor([0.1, 0.4, 0.9])[:, None, None].expand(3, 1, 4)
        depth = torch.tensor([[[0.0, 1.0, 10.0, 1e6]]])[0]
        made = fogged(linear, depth, 0.25)
        through = torch.exp(-0.25 * depth)
        torch.testing.assert_close(made, linear * through + AIR * (1 - through))
        torch.testing.assert_close(made[..., 0], linear[..., 0])
        torch.testing.assert_close(made[..., 3], torch.full((3, 1), AIR))
        assert EXTINCTION["mist"] < EXTINCTION["fog"]

    def test_fog_hides_what_is_far_before_what_is_near(self) -> None:
        colour = torch.zeros(1, 3, 4, 4)
        colour[..., ::2] = 1.0
        contrast = {}
        for metres in (1.0, 12.0):
            inverse = torch.full((1, 1, 4, 4), NEAR_M / metres)
            contrast[metres] = float(
                all_conditions().dress(colour, inverse, np.array([[0, 2, 0]], np.int8)).std()
            )
        assert contrast[12.0] < 0.3 * contrast[1.0]

    def test_palettes_shift_colours_and_grey_has_none(self) -> None:
        colour, inverse = self.picture()
        looks = np.array([[0, 0, 1], [0, 0, 2], [0, 0, 3]], np.int8)
        warm, cold, grey = all_conditions().dress(colour, inverse, looks)
        assert float(warm[2].mean()) < float(colour[0, 2].mean())
        assert float(cold[0].mean()) < float(colour[1, 0].mean())
        assert torch.equal(grey[0], grey[1]) and torch.equal(grey[1], grey[2])

    def test_linear_light_goes_there_and_back(self) -> None:
        values = torch.linspace(0, 1, 101)
        torch.testing.assert_close(to_srgb(to_linear(values)), values, atol=1e-5, rtol=0)

    def test_every_choice_but_the_first_of_a_group_has_a_place(self) -> None:
        conditions = all_conditions()
        events = [PromptEvent.model_validate(event) for event in conditions.events()]
        assert [e.slot for e in events if e.slot is not None] == list(range(conditions.slots))
        night = conditions.vector(np.array([2, 0, 3], np.int8))
        held = {e.name for e in events if e.slot is not None and night[e.slot] == EVENT_HOLDS}
        assert held == {"light.night", "palette.grey"}

    def test_a_group_that_is_not_known_is_refused(self) -> None:
        with pytest.raises(DatasetError, match="gravity is not known"):
            Conditions(("light", "gravity"), NEAR_M)


class TestText:
    def test_a_sentence_says_the_look_and_the_scene(self) -> None:
        rng = np.random.default_rng(3)
        conditions = all_conditions()
        for _ in range(20):
            said = sentence(conditions, np.array([2, 2, 0], np.int8), "A brown hall.", rng, share=1.0)
            assert any(word in said for word in GROUPS["light"][2].words)
            assert any(word in said for word in GROUPS["weather"][2].words)
            assert "brown hall" in said

    def test_the_encoder_learns_what_words_mean_wherever_they_stand(self) -> None:
        conditions = Conditions(("light", "weather"), NEAR_M)
        config = TextConfig(size=12)
        model = train_text(conditions, [], np.zeros((0, 12), np.float32), config, steps=200, seed=0)

        def vector(text: str) -> np.ndarray:
            ids = torch.from_numpy(tokens(text, config.words, config.buckets))[None]
            return np.asarray(model(ids)["text"][0].numpy())

        night = [
            vector(t) for t in ("at night", "an old hall with pillars, at night", "Night. A long corridor")
        ]
        fog = [
            vector(t)
            for t in ("in thick fog", "an old hall with pillars, in thick fog", "Foggy. A long corridor")
        ]

        def likeness(a: np.ndarray, b: np.ndarray) -> float:
            return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

        for i in range(3):
            for j in range(3):
                assert likeness(night[i], night[j]) > likeness(night[i], fog[j]) + 0.1

    def test_captions_that_share_rare_words_lie_near_each_other(self) -> None:
        config = TextConfig()
        said = ["a hall of brown", "a hall of brown and grey", "a garden of roses"]
        vectors = caption_vectors(said, 64, config)
        assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2

    def test_an_encoder_of_ones_own_says_what_captions_mean(self, tmp_path: Path) -> None:
        requires.package("transformers", extra="transformers")
        from tokenizers import Tokenizer, models, pre_tokenizers
        from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

        words = ["[PAD]", "[UNK]", "a", "hall", "garden", "of", "brown", "roses"]
        plain = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
        plain.pre_tokenizer = pre_tokenizers.Whitespace()
        fast: Any = PreTrainedTokenizerFast
        fast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(tmp_path)
        torch.manual_seed(0)
        sizes = BertConfig(
            vocab_size=len(words),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=16,
        )
        BertModel(sizes).save_pretrained(tmp_path)
        said = ["a hall of brown", "a garden of roses", "a hall of brown"]
        vectors = supplied_vectors(tmp_path, said, 8)
        assert vectors.shape == (3, 8) and np.abs(vectors).max() == pytest.approx(1.0)
        np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-5)
        assert np.abs(vectors[0] - vectors[1]).max() > 0.1
        with pytest.raises(DatasetError, match="is no folder"):
            supplied_vectors(tmp_path / "nowhere", said, 8)
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(DatasetError, match="cannot be loaded"):
            supplied_vectors(tmp_path, said, 8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, WorldPack]:
    """A world of the stub room with day, dusk and night, by the ladder itself: under a minute."""
    folder = tmp_path_factory.mktemp("prompted")
    record_room(folder / "data")
    assert not caption_dataset(folder / "data", RuleCaptioner(), 1.0).faults
    config = load_config("tiny", overrides=SETTINGS)
    run = Run(folder / "data", folder / "run", config, 0, Parallel())
    run.folder.mkdir()
    torch.set_num_threads(1)
    ladder.climb(run, lambda line: None, None)
    record = RunRecord("room", run.data, folder / "pack", config, 0, "cpu")
    pack_of_run(run, record, folder / "pack")
    return run, open_pack(str(folder / "pack"))


def brightness(generator: Generator, controls: list[FrameControl]) -> list[float]:
    made = []
    for control in controls:
        made.append(float(generator.step(control).colour.mean()))
        generator.finish()
    return made


TURN = FrameControl(look_deg=(3.0, 0.0))


def test_night_darkens_a_trained_world_from_the_next_frame_on_and_day_comes_back(
    trained: tuple[Run, WorldPack],
) -> None:
    _, pack = trained
    executor = open_executor(pack, "openvino", 1, "f32", cache=False)
    calm, told = Generator(pack, executor, 5), Generator(pack, executor, 5)
    for _ in range(2):
        a, b = calm.step(TURN), told.step(TURN)
        np.testing.assert_array_equal(a.colour, b.colour)
    day = brightness(calm, [FrameControl()] * 6)
    changed = [
        FrameControl(events=("light.night",)),
        *[FrameControl()] * 2,
        FrameControl(events=("light.day",)),
    ]
    both = brightness(told, [*changed, *[FrameControl()] * 2])
    assert both[0] < 0.85 * day[0], "the very next frame is darker"
    assert both[2] < 0.7 * day[2]
    assert both[5] > 0.8 * day[5], "day comes back"
    dusk = brightness(
        Generator(pack, executor, 5), [FrameControl(events=("light.dusk",)), *[FrameControl()] * 2]
    )
    assert both[2] < dusk[2] < day[2]


def test_words_change_a_trained_world_as_events_do(trained: tuple[Run, WorldPack]) -> None:
    _, pack = trained
    executor = open_executor(pack, "openvino", 1, "f32", cache=False)
    said = {}
    for words in ("", "at night", "the level at night, a brown hall"):
        first = FrameControl(prompt=words)
        said[words] = brightness(Generator(pack, executor, 5), [first, FrameControl(), FrameControl()])[-1]
    assert said["at night"] < 0.85 * said[""]
    assert said["the level at night, a brown hall"] < 0.9 * said[""]


def test_both_executors_read_words_alike(trained: tuple[Run, WorldPack]) -> None:
    _, pack = trained
    text = pack.manifest.prompts.text if pack.manifest.prompts else None
    assert text is not None
    ids = tokens("a misty evening in the hall", text.words, text.buckets)[None]
    read = [
        open_executor(pack, name, 1, "f32", cache=False).run("text", {"tokens": ids})["text"]
        for name in ("openvino", "torch")
    ]
    np.testing.assert_allclose(read[0], read[1], atol=1e-4)


def test_clips_are_told_their_look_and_only_that(trained: tuple[Run, WorldPack]) -> None:
    run, _ = trained
    data = Baked(run.baked)
    prompts = clip_prompts(run, data)
    assert prompts is not None and prompts.conditions is not None
    slots, changed = prompts.conditions.slots, 0
    index = np.stack([np.arange(i, i + 6) for i in range(0, 42, 3)])
    latent = np.load(run.baked / "latents.npy")[index].astype(np.float32)
    for seed in range(6):
        told = prompts.of(index, latent, len(index), slice(None), np.random.default_rng(seed))
        events = told.prompt[..., :slots].numpy()
        wanted = prompts.conditions.vector(told.look)
        by_events = np.abs(events).sum(axis=(1, 2)) > 0
        np.testing.assert_array_equal(events[by_events], wanted[by_events])
        captured = (told.look == 0).all(axis=-1)
        np.testing.assert_allclose(told.latent[captured], latent[captured], atol=0.02)
        assert np.abs(told.latent - latent)[~captured].mean() > 0.05
        changed += int((np.ptp(told.look, axis=1) > 0).any(axis=-1).sum())
        half = prompts.of(index[:7], latent[:7], len(index), slice(0, 7), np.random.default_rng(seed))
        torch.testing.assert_close(half.prompt, told.prompt[:7])
    assert changed > 0, "some clips see the light change"


def test_frames_are_told_the_scene_of_their_own_chunk(trained: tuple[Run, WorldPack]) -> None:
    run, _ = trained
    data = Baked(run.baked)
    texts, of_frame = captions_of(run.data, data)
    noted = json.loads((run.data / "captions" / "episode-000001.json").read_text())
    rows = np.flatnonzero(data.episode == 1)
    assert [texts[of_frame[i]] for i in rows[[0, 21]]] == [
        noted["chunks"][0]["scene"],
        noted["chunks"][1]["scene"],
    ]


def test_a_world_without_depth_has_no_weather_and_too_small_a_vector_is_refused(
    trained: tuple[Run, WorldPack],
) -> None:
    run, _ = trained
    config = load_config("tiny", overrides={"prompts.enabled": True, "prompts.size": 8})
    data = Baked(run.baked)
    whole = conditions_of(config, data)
    assert whole is not None and whole.groups == ("light", "weather", "palette")
    with pytest.raises(DatasetError, match=r"prompts\.size is 8"):
        text_config(config, whole)
    data.has_depth = False
    less = conditions_of(config, data)
    assert less is not None and less.groups == ("light", "palette")
    assert conditions_of(load_config("tiny"), data) is None
