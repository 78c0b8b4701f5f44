"""The prompt's encoder: umT5 (arXiv 2304.09151) through ``transformers``, with the names of Wan's own file.

The transformer sees 512 embeddings: those of the prompt's tokens, then zeros. Nothing is computed for the
zeros, so a short prompt is quick also where the encoder lies in main memory.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamport.errors import MissingExtraError, PackError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EMBEDDING = "encoder.embed_tokens.weight"
MAX_TOKENIZER_BYTES = 64 << 20
_BLOCK = {
    "norm1": "layer.0.layer_norm",
    "attn.q": "layer.0.SelfAttention.q",
    "attn.k": "layer.0.SelfAttention.k",
    "attn.v": "layer.0.SelfAttention.v",
    "attn.o": "layer.0.SelfAttention.o",
    "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
    "norm2": "layer.1.layer_norm",
    "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
    "ffn.fc1": "layer.1.DenseReluDense.wi_1",
    "ffn.fc2": "layer.1.DenseReluDense.wo",
}
_TOP = {"token_embedding": "encoder.embed_tokens", "norm": "encoder.final_layer_norm"}


@dataclass(frozen=True)
class TextConfig:
    """``words``: of the vocabulary. ``max_distance``: beyond it all tokens are equally far."""

    words: int = 256_384
    dim: int = 4096
    ffn: int = 10_240
    heads: int = 64
    head_dim: int = 64
    layers: int = 24
    buckets: int = 32
    max_distance: int = 128


UMT5_XXL = TextConfig()


class TextEncoder(nn.Module):
    """umT5's encoder. Raises ``MissingExtraError`` without ``transformers``."""

    def __init__(self, config: TextConfig = UMT5_XXL) -> None:
        super().__init__()
        try:
            from transformers import UMT5Config, UMT5EncoderModel  # noqa: PLC0415
        except ImportError:
            raise _missing("transformers") from None
        whole = UMT5EncoderModel(
            UMT5Config(
                vocab_size=config.words,
                d_model=config.dim,
                d_ff=config.ffn,
                d_kv=config.head_dim,
                num_heads=config.heads,
                num_layers=config.layers,
                num_decoder_layers=0,
                relative_attention_num_buckets=config.buckets,
                relative_attention_max_distance=config.max_distance,
                feed_forward_proj="gated-gelu",
                dropout_rate=0.0,
                use_cache=False,
            )
        )
        # without its second name for the embedding, which would be loaded twice
        self.encoder = whole.encoder

    @property
    def embedding(self) -> Tensor:
        """``[words, dim]``."""
        return self.get_parameter(EMBEDDING)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[B, N]`` int64, no padding -> embeddings ``[B, N, dim]``."""
        out: Tensor = self.encoder(input_ids=tokens).last_hidden_state
        return out


class PromptEncoder:
    """Words to what the transformer's cross-attention is made from.

    ``tokenizer``: the folder that has ``tokenizer.json``. ``tokens``: how many embeddings there are in all;
    what is longer is cut. Raises ``PackError`` when the tokenizer cannot be used.
    """

    def __init__(self, model: TextEncoder, tokenizer: Path, tokens: int = 512) -> None:
        self.model = model
        self.tokens = tokens
        self._tokenizer = _tokenizer(tokenizer, tokens)
        words = len(model.embedding)
        if self._tokenizer.get_vocab_size() > words:
            raise PackError(
                f"the tokenizer in {tokenizer} knows {self._tokenizer.get_vocab_size()} words and the text "
                f"encoder {words}; they belong to different models: download both again"
            )

    @torch.no_grad()
    def encode(self, text: str) -> Tensor:
        """``[1, tokens, dim]`` in the model's type and on its device; zeros behind the prompt."""
        ids = self._tokenizer.encode(cleaned(text)).ids
        found: Tensor = self.model(torch.tensor([ids], device=self.model.embedding.device))
        return F.pad(found, (0, 0, 0, self.tokens - found.shape[1]))


def cleaned(text: str) -> str:
    """``text`` as Wan's training saw it: mended Unicode, no HTML entities, single spaces. Raises
    ``MissingExtraError`` without ``ftfy``.
    """
    try:
        import ftfy  # noqa: PLC0415
    except ImportError:
        raise _missing("ftfy") from None
    return re.sub(r"\s+", " ", html.unescape(html.unescape(ftfy.fix_text(text)))).strip()


def text_name(name: str) -> str:
    """The name in :class:`TextEncoder` of a tensor of Wan's file or of ``transformers``."""
    if name == "shared.weight":
        return EMBEDDING
    stem, _, leaf = name.rpartition(".")
    if stem in _TOP:
        return f"{_TOP[stem]}.{leaf}"
    match = re.fullmatch(r"blocks\.(\d+)\.(.+)", stem)
    if match and match[2] in _BLOCK:
        return f"encoder.block.{match[1]}.{_BLOCK[match[2]]}.{leaf}"
    return name


def repeated(names: Collection[str]) -> frozenset[str]:
    """Names that say what another of ``names`` says too: ports may store the embedding twice."""
    return frozenset({EMBEDDING} if {"shared.weight", EMBEDDING} <= set(names) else ())


def config_of(shapes: Mapping[str, tuple[int, ...]], where: str) -> TextConfig:
    """The sizes that tensors have, by their names in :class:`TextEncoder`. Raises ``PackError``."""
    first = "encoder.block.0.layer."
    wanted = {
        "embedding": EMBEDDING,
        "bias": first + "0.SelfAttention.relative_attention_bias.weight",
        "query": first + "0.SelfAttention.q.weight",
        "feed_forward": first + "1.DenseReluDense.wi_0.weight",
    }
    found = {key: shapes.get(name, ()) for key, name in wanted.items()}
    lacking = [wanted[key] for key, shape in found.items() if len(shape) != 2 or 0 in shape]
    if lacking:
        raise PackError(
            f"{where} does not hold a umT5 encoder: it lacks {lacking[0]}; take "
            "models_t5_umt5-xxl-enc-bf16.pth, or the text_encoder folder of a diffusers port"
        )
    words, dim = found["embedding"]
    buckets, heads = found["bias"]
    layers = {match[1] for name in shapes if (match := re.match(r"encoder\.block\.(\d+)\.", name))}
    return TextConfig(
        words=words,
        dim=dim,
        ffn=found["feed_forward"][0],
        heads=heads,
        head_dim=found["query"][0] // heads,
        layers=len(layers),
        buckets=buckets,
    )


def _tokenizer(folder: Path, tokens: int) -> Tokenizer:
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415
    except ImportError:
        raise _missing("transformers") from None
    path = folder / "tokenizer.json"
    if not path.is_file() or path.stat().st_size > MAX_TOKENIZER_BYTES:
        raise PackError(f"{path} is missing or no tokenizer; download google/umt5-xxl/ again")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise PackError(f"{path} is no tokenizer ({str(error)[:200]}); download it again") from None
    tokenizer.enable_truncation(max_length=tokens)
    tokenizer.no_padding()
    return tokenizer


def _missing(package: str) -> MissingExtraError:
    return MissingExtraError(
        f"LingBot-World's prompts need {package}; install them with: pip install 'dreamport[lingbot]'"
    )
