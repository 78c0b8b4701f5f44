"""Captions for every episode of a data set that has none, one episode after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dreamport.episodes.captions import CaptionedChunk, EpisodeCaptions, read_captions, write_captions
from dreamport.episodes.dataset import Dataset, Episode
from dreamport.errors import DatasetError
from dreamport_tools.captioning.past import Past, chunk_rows

CHUNK_S = 5.0


class Captioner(Protocol):
    """Who writes captions. ``source`` names it in the files."""

    source: str

    def chunk(self, past: Past, begin: int, before: Sequence[CaptionedChunk]) -> CaptionedChunk:
        """The caption of rows ``begin`` to the end of ``past``."""
        ...

    def whole(self, past: Past, chunks: Sequence[CaptionedChunk]) -> tuple[str, str]:
        """Narrative and scene of the whole episode."""
        ...


@dataclass(frozen=True)
class Captioned:
    """What a run did: files written, episodes that had captions already, and faults by episode."""

    written: tuple[Path, ...]
    kept: int
    faults: dict[int, str]


def caption_episode(episode: Episode, captioner: Captioner, chunk_s: float = CHUNK_S) -> EpisodeCaptions:
    """All captions of one episode. Each chunk is written from a :class:`Past` that ends with it, so it cannot
    tell what comes after. Raises ``DatasetError``."""
    rate = episode.info.frame_rate
    chunks: list[CaptionedChunk] = []
    for begin, end in chunk_rows(len(episode), rate, chunk_s):
        chunks.append(captioner.chunk(Past(episode, end), begin, tuple(chunks)))
    narrative, scene = captioner.whole(Past(episode, len(episode)), chunks)
    return EpisodeCaptions(
        episode=episode.index,
        frames=len(episode),
        frame_rate=rate,
        source=captioner.source,
        narrative=narrative,
        scene=scene,
        chunks=tuple(chunks),
    )


def caption_dataset(
    path: Path,
    captioner: Captioner,
    chunk_s: float = CHUNK_S,
    again: bool = False,
    told: Callable[[str, int, int], object] = lambda what, done, total: None,
) -> Captioned:
    """Caption the episodes of a data set; those with captions are left, unless ``again``.

    An episode that cannot be read or captioned is named in ``faults`` and the rest goes on. Raises
    ``DatasetError`` when ``path`` is no data set.
    """
    data = Dataset(path)
    written: list[Path] = []
    faults: dict[int, str] = {}
    kept = 0
    for number, row in enumerate(data.rows()):
        index = int(row["episode_index"])
        try:
            if not again and read_captions(data.path, index) is not None:
                kept += 1
            else:
                episode = data[number]
                try:
                    written.append(write_captions(data.path, caption_episode(episode, captioner, chunk_s)))
                finally:
                    episode.close()
        except DatasetError as error:
            faults[index] = str(error)
        told("caption", number + 1, len(data))
    return Captioned(tuple(written), kept, faults)
