"""What is known of an episode when its recording begins, and how far it has come."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dreamport.episodes.layout import DatasetInfo

ColourSent = Literal["rgba", "jpeg"]


@dataclass(frozen=True)
class EpisodePlan:
    """What is known of an episode when it begins. ``colour``: how pixels come. ``session``: what is
    recorded in one go; it belongs to one split.
    """

    episode_id: str
    info: DatasetInfo
    colour: ColourSent
    seed: int
    split: str
    map_name: str = ""
    map_digest: str = ""
    played_by: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    session: str = ""

    def to_json(self) -> dict[str, Any]:
        """For ``plan.json``."""
        return {**asdict(self), "info": self.info.to_json()}

    @staticmethod
    def from_json(value: dict[str, Any]) -> EpisodePlan:
        """The way back. Raises ``DatasetError``, ``TypeError`` or ``KeyError`` when it is not one."""
        return EpisodePlan(**{**value, "info": DatasetInfo.from_json(value["info"])})


@dataclass(frozen=True)
class Progress:
    """What of a recording is on disk. ``last_index``: the recorder's number of the last frame."""

    frames: int
    last_index: int
    bytes: int
