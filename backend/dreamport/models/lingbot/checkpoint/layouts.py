"""Which files make a LingBot-World checkpoint, in each of the ways in which it is handed out.

``v1_fast``    ``lingbot_world_fast/*.safetensors`` beside the text encoder, the VAE and the tokenizer
``v2_14b``     ``transformers/*.safetensors`` with ``config.json`` at the root
``flat``       ``model-0000N-of-0000M.safetensors`` at the root (v2 1.3B), or one ``.safetensors`` file
``diffusers``  ``transformer/``, ``vae/``, ``text_encoder/``, ``tokenizer/``

Where only the transformer is at a place, the other parts are looked for in the folder above it and in the
folders named besides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dreamport.errors import PackError

LAYOUTS = ("v1_fast", "v2_14b", "flat", "diffusers")

VAE_FILES = (
    "Wan2.1_VAE.pth",
    "Wan2.1_VAE.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
)
TEXT_FILES = ("models_t5_umt5-xxl-enc-bf16.pth", "models_t5_umt5-xxl-enc-bf16.safetensors")
TEXT_FOLDERS = ("text_encoder",)
TOKENIZER_FOLDERS = ("google/umt5-xxl", "tokenizer")
TOKENIZER_FILES = ("tokenizer.json", "spiece.model", "tokenizer_config.json", "special_tokens_map.json")
DECODER_FILES = {
    "taehv": ("taew2_1.safetensors", "taew2_1.pth"),
    "lighttae": ("lighttaew2_1.safetensors", "lighttaew2_1.pth"),
}
"""Names under which the tiny decoders are handed out (madebyollin/taehv, lightx2v/Autoencoders)."""

MAX_INDEX_BYTES = 16 << 20
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors")


@dataclass(frozen=True)
class CheckpointFiles:
    """The files of one checkpoint by part. ``decoder``: a tiny decoder, none where the VAE's own is used."""

    layout: str
    transformer: tuple[Path, ...]
    vae: tuple[Path, ...]
    text: tuple[Path, ...]
    tokenizer: tuple[Path, ...]
    decoder: tuple[Path, ...] = ()

    def by_role(self) -> dict[str, tuple[Path, ...]]:
        """Part to files, as a world pack records them."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "layout"}

    @property
    def config_json(self) -> Path | None:
        """The transformer's ``config.json`` when it has one, in its folder or at the root above it."""
        folder = self.transformer[0].parent
        above = [folder.parent] if self.layout == "v2_14b" else []
        return next((path for at in (folder, *above) if (path := at / "config.json").is_file()), None)


def find(path: Path, also: Sequence[Path] = (), decoder: str = "wan21") -> CheckpointFiles:
    """The checkpoint at ``path``: its folder, or the one file of its transformer.

    ``also``: further folders in which the VAE, the text encoder, the tokenizer and the tiny decoder may lie.
    ``decoder``: ``wan21``, ``taehv`` or ``lighttae``. No tensor is read. Raises ``PackError`` that names what
    is not there, the missing shards for example, and what to do.
    """
    for folder in (path, *also):
        if not folder.exists():
            raise PackError(f"there is no checkpoint at {folder}; give the folder that you downloaded")
    layout, transformer = _transformer(path)
    home = path if path.is_dir() else path.parent
    places = list(dict.fromkeys([home, transformer[0].parent, home.parent, *also]))
    vae = _first_file(places, VAE_FILES)
    text = _first_file(places, TEXT_FILES) or _first_folder(places, TEXT_FOLDERS)
    tokenizer = _tokenizer(places)
    tiny = _first_file(places, DECODER_FILES.get(decoder, ()))
    wanted: list[tuple[str, tuple[Path, ...], str]] = [
        ("the VAE", vae, VAE_FILES[0]),
        ("the text encoder", text, TEXT_FILES[0]),
        ("the tokenizer", tokenizer, f"{TOKENIZER_FOLDERS[0]}/tokenizer.json"),
    ]
    if decoder != "wan21":
        wanted.append((f"the decoder {decoder}", tiny, DECODER_FILES[decoder][0]))
    missing = [f"{what} ({name})" for what, found, name in wanted if not found]
    if missing:
        raise PackError(
            f"{path} holds a transformer ({layout}) but not {', '.join(missing)}; download "
            f"{'it' if len(missing) == 1 else 'them'} into that folder, or name the folder with --also"
        )
    return CheckpointFiles(layout, transformer, vae, text, tokenizer, tiny)


def shards(folder: Path) -> tuple[Path, ...]:
    """All safetensors files of one model in ``folder``, in order, none missing; empty when there are none.

    The index (``*.safetensors.index.json``) says which there must be; without one the names
    ``NAME-0000N-of-0000M`` do. Raises ``PackError`` that names the missing files.
    """
    present = sorted(path for path in folder.glob("*.safetensors") if not path.name.startswith("."))
    indices = sorted(folder.glob("*.safetensors.index.json"))
    if indices:
        wanted = sorted(_files_of_index(indices[0]))
    else:
        numbered = [match for path in present if (match := _SHARD.fullmatch(path.name))]
        if not numbered:
            return tuple(_one_of(present, folder))
        stem, count = numbered[0]["stem"], int(numbered[0]["count"])
        wanted = [f"{stem}-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise PackError(
            f"{folder}: {len(missing)} of {len(wanted)} weight files are missing: {_some(missing)}; "
            "download them again"
        )
    return tuple(folder / name for name in wanted)


def _transformer(path: Path) -> tuple[str, tuple[Path, ...]]:
    if path.is_file():
        if path.suffix not in (".safetensors", ".pth"):
            raise PackError(f"{path} is no .safetensors and no .pth file; other files are never opened")
        return "flat", (path,)
    for name, layout in (
        ("transformer", "diffusers"),
        ("transformers", "v2_14b"),
        ("lingbot_world_fast", "v1_fast"),
    ):
        if (path / name).is_dir() and (found := shards(path / name)):
            return layout, found
    if (path / "high_noise_model").is_dir() or (path / "low_noise_model").is_dir():
        raise PackError(
            f"{path} holds the two bidirectional experts of LingBot-World v1, which make whole clips and "
            "cannot be played; download lingbot_world_fast as well, or a v2 checkpoint"
        )
    if found := shards(path):
        return "flat", found
    raise PackError(
        f"{path} holds no LingBot-World checkpoint; looked for transformer/, transformers/, "
        "lingbot_world_fast/ and model-00001-of-*.safetensors. Give the folder that you downloaded"
    )


def _files_of_index(index: Path) -> set[str]:
    damaged = f"{index} is no index of weight files; download it again"
    if index.stat().st_size > MAX_INDEX_BYTES:
        raise PackError(damaged)
    try:
        content: Any = json.loads(index.read_text(encoding="utf-8"))
        names = set(content["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PackError(damaged) from None
    plain = all(isinstance(name, str) and re.fullmatch(r"[\w.\-]+\.safetensors", name) for name in names)
    if not names or not plain:
        raise PackError(damaged)
    return names


def _one_of(present: Sequence[Path], folder: Path) -> Sequence[Path]:
    """The transformer among several single files: the tiny decoders and the VAE are none."""
    known = {name for names in (VAE_FILES, TEXT_FILES, *DECODER_FILES.values()) for name in names}
    left = [path for path in present if path.name not in known]
    if len(left) > 1:
        raise PackError(
            f"{folder} holds several models ({_some([path.name for path in left])}) and no index; give the "
            "file that is the transformer"
        )
    return left


def _first_file(places: Iterable[Path], names: Iterable[str]) -> tuple[Path, ...]:
    found = (path for place in places for name in names if (path := place / name).is_file())
    return tuple(path for path in (next(found, None),) if path is not None)


def _first_folder(places: Iterable[Path], names: Iterable[str]) -> tuple[Path, ...]:
    for place in places:
        for name in names:
            if (place / name).is_dir() and (found := shards(place / name)):
                return found
    return ()


def _tokenizer(places: Iterable[Path]) -> tuple[Path, ...]:
    for place in places:
        for name in TOKENIZER_FOLDERS:
            found = tuple(path for file in TOKENIZER_FILES if (path := place / name / file).is_file())
            if found and found[0].name == TOKENIZER_FILES[0]:
                return found
    return ()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
