"""The prompt's encoder: umT5 as its equations say, by the names of Wan's file, zeros behind the prompt."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("ftfy")

import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402

from dreamport.errors import PackError  # noqa: E402
from dreamport.models.lingbot.checkpoint.random_files import (  # noqa: E402
    random_text_tensors,
    write_letters_tokenizer,
)
from dreamport.models.lingbot.text import (  # noqa: E402
    UMT5_XXL,
    PromptEncoder,
    TextEncoder,
    cleaned,
    config_of,
    repeated,
    text_name,
)

DIM, HEADS, LAYERS = 128, 2, 2
TOKENS = 24


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def file() -> dict[str, Tensor]:
    """The tensors of a small encoder, named as in Wan's file, large enough that all of them matter."""
    draw = torch.Generator().manual_seed(5)
    return {
        name: 1 + 0.2 * torch.randn(tensor.shape, generator=draw) if "norm" in name else tensor.float() * 5
        for name, tensor in random_text_tensors(DIM, 0).items()
    }


@pytest.fixture(scope="module")
def model(file: dict[str, Tensor]) -> TextEncoder:
    named = {text_name(name): tensor for name, tensor in file.items()}
    built = TextEncoder(config_of({name: tuple(value.shape) for name, value in named.items()}, "the file"))
    built.load_state_dict(named)
    return built.eval()


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_letters_tokenizer(folder)
    return folder


def bucket(distance: int) -> int:
    """Where a distance of tokens falls among 32 (T5, arXiv 1910.10683, section 2.1): 16 to each side, 8
    exact, then wider and wider up to 128.
    """
    side, distance = (16 if distance > 0 else 0), abs(distance)
    if distance < 8:
        return side + distance
    return side + min(15, 8 + int(math.log(distance / 8) / math.log(128 / 8) * 8))


def by_the_equations(file: dict[str, Tensor], tokens: list[int]) -> Tensor:
    """umT5's encoder, written from its papers with the names of Wan's file: no scale in attention, a bias for
    each distance in each layer, a gated feed-forward network, norms without mean and bias.
    """

    def norm(x: Tensor, name: str) -> Tensor:
        size = x.square().mean(-1, keepdim=True) + 1e-6
        return x / size.sqrt() * file[f"{name}.weight"]

    places = torch.tensor([[bucket(k - q) for k in range(len(tokens))] for q in range(len(tokens))])
    x = file["token_embedding.weight"][tokens]
    for block in (f"blocks.{number}" for number in range(LAYERS)):
        h = norm(x, f"{block}.norm1")
        q, k, v = (
            (h @ file[f"{block}.attn.{part}.weight"].T).reshape(len(tokens), HEADS, -1).transpose(0, 1)
            for part in "qkv"
        )
        bias = file[f"{block}.pos_embedding.embedding.weight"][places].permute(2, 0, 1)
        seen = torch.softmax(q @ k.transpose(1, 2) + bias, dim=-1) @ v
        x = x + seen.transpose(0, 1).flatten(1) @ file[f"{block}.attn.o.weight"].T
        h = norm(x, f"{block}.norm2")
        gate = F.gelu(h @ file[f"{block}.ffn.gate.0.weight"].T, approximate="tanh")
        x = x + (gate * (h @ file[f"{block}.ffn.fc1.weight"].T)) @ file[f"{block}.ffn.fc2.weight"].T
    return norm(x, "norm")


def test_the_encoder_computes_what_the_equations_say_with_the_tensors_of_wans_file(
    model: TextEncoder, file: dict[str, Tensor]
) -> None:
    tokens = torch.randint(46, (200,), generator=torch.Generator().manual_seed(0)).tolist()
    wanted = by_the_equations(file, tokens)
    found = model(torch.tensor([tokens]))[0]
    assert wanted.std() > 0.1
    assert float((found - wanted).abs().max()) < 1e-4


def test_padding_with_zeros_is_what_masking_gives(model: TextEncoder, tokenizer: Path) -> None:
    encoder = PromptEncoder(model, tokenizer, TOKENS)
    found = encoder.encode("a foggy harbour")
    length = len("a foggy harbour") + 2  # a mark before the first word and one for the end
    assert found.shape == (1, TOKENS, DIM)
    assert found[0, length:].abs().max() == 0
    assert found[0, :length].abs().amax(dim=-1).min() > 0

    ids = encoder._tokenizer.encode("a foggy harbour").ids
    padded = torch.tensor([ids + [0] * (TOKENS - len(ids))])
    masked = model.encoder(input_ids=padded, attention_mask=(padded > 0).long()).last_hidden_state
    assert float((masked[0, :length] - found[0, :length]).abs().max()) < 1e-5


def test_a_long_prompt_is_cut_and_still_ends_with_the_mark_of_the_end(
    model: TextEncoder, tokenizer: Path
) -> None:
    encoder = PromptEncoder(model, tokenizer, TOKENS)
    assert encoder.encode("x" * 1000).shape == (1, TOKENS, DIM)
    ids = encoder._tokenizer.encode("x" * 1000).ids
    assert len(ids) == TOKENS
    assert ids[-1] == encoder._tokenizer.token_to_id("</s>")
    nothing = encoder.encode("")
    assert nothing[0, 0].abs().max() > 0
    assert nothing[0, 1:].abs().max() == 0


def test_other_words_give_other_embeddings(model: TextEncoder, tokenizer: Path) -> None:
    encoder = PromptEncoder(model, tokenizer, TOKENS)
    assert torch.equal(encoder.encode("it snows"), encoder.encode("it  snows "))
    assert not torch.equal(encoder.encode("it snows"), encoder.encode("it rains"))


def test_the_text_is_mended_as_in_training() -> None:
    assert cleaned("  a\n fox &amp;amp; a  “dog”\t") == 'a fox & a "dog"'


def test_names_shapes_and_count_are_those_of_the_public_encoder() -> None:
    with torch.device("meta"):
        built = TextEncoder(UMT5_XXL)
    found = {name: tuple(tensor.shape) for name, tensor in built.state_dict().items()}
    assert len(found) == 242
    assert sum(torch.Size(shape).numel() for shape in found.values()) == 5_680_910_336
    ours = {
        "token_embedding.weight": (256_384, 4096),
        "blocks.23.pos_embedding.embedding.weight": (32, 64),
        "blocks.0.attn.q.weight": (4096, 4096),
        "blocks.0.ffn.gate.0.weight": (10_240, 4096),
        "blocks.0.ffn.fc2.weight": (4096, 10_240),
        "norm.weight": (4096,),
    }
    assert {name: found[text_name(name)] for name in ours} == ours
    assert config_of(found, "the file") == UMT5_XXL


def test_a_port_may_store_the_embedding_under_one_name_or_two() -> None:
    one, other = "shared.weight", "encoder.embed_tokens.weight"
    assert text_name(one) == other
    assert repeated([one]) == repeated([other]) == frozenset()
    assert repeated([one, other]) == {other}


def test_a_file_of_another_model_is_refused_with_what_to_take() -> None:
    with pytest.raises(PackError, match=r"other\.pth does not hold a umT5 encoder.*umt5-xxl-enc-bf16\.pth"):
        config_of({"visual.conv1.weight": (4, 4)}, "other.pth")


def test_a_tokenizer_that_is_missing_damaged_or_of_another_model_is_refused(
    model: TextEncoder, tokenizer: Path, tmp_path: Path
) -> None:
    with pytest.raises(PackError, match=r"tokenizer\.json is missing"):
        PromptEncoder(model, tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(PackError, match=r"tokenizer\.json is no tokenizer .* download it again"):
        PromptEncoder(model, tmp_path)
    told = json.loads((tokenizer / "tokenizer.json").read_text())
    told["model"]["vocab"] += [[f"word{number}", -50.0] for number in range(100)]
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(PackError, match="knows 146 words and the text encoder 46"):
        PromptEncoder(model, tmp_path)
