"""The manifest of a world pack, ``world.json``: every field named, typed and bounded.

Nothing here opens a file. A manifest from a stranger is untrusted input: unknown fields are refused, numbers
have ranges, and every path goes through ``pack_path``.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from dreamport.errors import PackError
from dreamport.geometry import Intrinsics
from dreamport.worlds.checkpoint import LATENT_FRAMES, LATENT_STRIDE, Checkpoint
from dreamport.worlds.control_schema import Controls
from dreamport.worlds.fields import (
    Bounded,
    EventName,
    Identifier,
    Line,
    PackPath,
    Sha256,
    Slug,
    Text,
    explain,
)
from dreamport.worlds.provenance import Provenance

MAX_FILE_BYTES = 2 << 30
MAX_TOTAL_BYTES = 4 << 30
MAX_CACHE_ELEMENTS = 1 << 28
MAX_EVENTS = 16
EVENT_HOLDS = 4.0
"""What stands at an event's slot of the prompt vector while it holds: as much as a text's whole share."""
STATE_FIELDS = 9


class FrameSize(Bounded):
    """Size of a generated frame in pixels."""

    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)


class Camera(Bounded):
    """Pinhole intrinsics of the world's own camera, in pixels of the frame."""

    fx: float = Field(gt=0, le=1e5)
    fy: float = Field(gt=0, le=1e5)
    cx: float = Field(ge=-1e5, le=1e5)
    cy: float = Field(ge=-1e5, le=1e5)

    def intrinsics(self) -> Intrinsics:
        """The same numbers as plain data."""
        return Intrinsics(self.fx, self.fy, self.cx, self.cy)


class DepthRange(Bounded):
    """Metres. ``min_m`` is the depth at inverse depth 1; ``max_m`` the depth that frames report at most."""

    min_m: float = Field(gt=0, le=1e3)
    max_m: float = Field(gt=0, le=1e6)

    @model_validator(mode="after")
    def _ordered(self) -> DepthRange:
        if self.max_m <= self.min_m:
            raise ValueError("max_m must be greater than min_m")
        return self


class Latent(Bounded):
    """Shape ``[channels, height, width]`` of one frame's latent."""

    channels: int = Field(ge=1, le=64)
    height: int = Field(ge=1, le=512)
    width: int = Field(ge=1, le=512)


class CacheShape(Bounded):
    """The attention cache: ``[layers, heads, (sink + window) * tokens_per_frame, head_dim]``, for keys and
    for values.
    """

    layers: int = Field(ge=1, le=64)
    heads: int = Field(ge=1, le=64)
    head_dim: int = Field(ge=1, le=512)
    tokens_per_frame: int = Field(ge=1, le=16384)
    sink_frames: int = Field(ge=0, le=64)
    window_frames: int = Field(ge=1, le=256)

    @property
    def frames(self) -> int:
        """Frames that the cache holds when it is full."""
        return self.sink_frames + self.window_frames

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``[L, Hd, S, D]``."""
        return self.layers, self.heads, self.frames * self.tokens_per_frame, self.head_dim


class Sampler(Bounded):
    """Noise levels, from 1 downwards, one denoising step each; ``context_sigma``: noise on frames as they
    enter the cache.
    """

    sigmas: tuple[float, ...] = Field(min_length=1, max_length=16)
    context_sigma: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _descending(self) -> Sampler:
        falling = all(a > b for a, b in zip(self.sigmas, self.sigmas[1:], strict=False))
        if self.sigmas[0] != 1.0 or self.sigmas[-1] <= 0.0 or not falling:
            raise ValueError("sigmas must begin with 1.0 and fall, each greater than 0")
        return self


class ViewBank(Bounded):
    """The captured views that the pack carries, and how many of them each frame is made from."""

    file: PackPath
    count: int = Field(ge=1, le=20000)
    per_frame: int = Field(ge=1, le=16)


class Motion(Bounded):
    """Size of the motion state; the first nine numbers are x, y, z (metres), sin yaw, cos yaw, pitch (rad),
    vx, vy, vz (m/frame).
    """

    state_size: int = Field(ge=STATE_FIELDS, le=256)


class Graphs(Bounded):
    """The ONNX graphs; ``dreamport.worlds.contract`` says what each takes and gives. ``reproject``: of worlds
    with remembered views. ``motion``: of worlds whose buttons move a camera. ``text``: of worlds that listen
    to words.
    """

    encode: PackPath
    reproject: PackPath | None = None
    denoise: PackPath
    decode: PackPath
    motion: PackPath | None = None
    text: PackPath | None = None


class PromptEvent(Bounded):
    """Something that may happen in the world: one choice of its group, such as ``light.night``.

    ``slot``: the place of the prompt vector that is ``EVENT_HOLDS`` while it holds, else 0; the first event
    of a group has none: it is how the world is by itself."""

    name: EventName
    label: Line
    slot: int | None = Field(default=None, ge=0, le=1023)

    @property
    def group(self) -> str:
        """What it is a choice of: of two events of one group the later holds."""
        return self.name.partition(".")[0]


class PromptText(Bounded):
    """How words reach the graph ``text``: at most ``words`` of them, each hashed into one of ``buckets``; the
    graph gives the last ``size`` places of the prompt vector.
    """

    words: int = Field(ge=1, le=512)
    buckets: int = Field(ge=2, le=1 << 20)
    size: int = Field(ge=1, le=1024)


class Prompts(Bounded):
    """What the world can be told. ``size``: length of the vector: places of events, then the text's."""

    size: int = Field(ge=1, le=1024)
    events: tuple[PromptEvent, ...] = Field(default=(), max_length=MAX_EVENTS)
    text: PromptText | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of the events, in the order in which they are first named."""
        return tuple(dict.fromkeys(event.group for event in self.events))

    @model_validator(mode="after")
    def _fits(self) -> Prompts:
        places = self.size - (self.text.size if self.text else 0)
        slots = [event.slot for event in self.events if event.slot is not None]
        names = [event.name for event in self.events]
        if len(set(names)) != len(names) or len(set(slots)) != len(slots):
            raise ValueError("two events have the same name or slot; give each its own")
        if places < 0 or any(slot >= places for slot in slots):
            raise ValueError("an event's slot lies outside the prompt vector; make size larger")
        first = {event.group: event for event in reversed(self.events)}
        if any((event.slot is None) != (event is first[event.group]) for event in self.events):
            raise ValueError(
                "the first event of each group, and only it, has no slot: it is how the world is by itself"
            )
        if not self.events and self.text is None:
            raise ValueError("prompts offer neither events nor text; leave prompts out")
        return self


class StartEntry(Bounded):
    """A place from which a session can begin: a file of views, or of a checkpoint world a picture and what
    holds there (``prompt``).
    """

    name: Slug
    title: Line
    file: PackPath
    prompt: Text | None = None


class FileEntry(Bounded):
    """Digest and size of one file of the pack."""

    sha256: Sha256
    bytes: int = Field(ge=0, le=MAX_FILE_BYTES)


class WorldManifest(Bounded):
    """``world.json``: all that a player of this world must know before any file of it is opened."""

    schema_version: Literal[1] = 1
    name: Slug
    title: Line
    description: Text
    licence: Line
    frame: FrameSize
    frame_rate: float = Field(ge=1, le=240)
    chunk_frames: int = Field(default=1, ge=1, le=64)
    controls: Controls
    camera: Camera
    depth: DepthRange | None = None
    latent: Latent
    cache: CacheShape
    sampler: Sampler
    views: ViewBank | None = None
    motion: Motion | None = None
    graphs: Graphs | None = None
    checkpoint: Checkpoint | None = None
    prompts: Prompts | None = None
    weights: dict[Identifier, PackPath] = Field(default_factory=dict, max_length=16)
    starts: tuple[StartEntry, ...] = Field(min_length=1, max_length=256)
    files: dict[PackPath, FileEntry] = Field(max_length=4096)
    provenance: Provenance

    @property
    def stride(self) -> int:
        """Pixels of the frame along one side of a latent cell."""
        return self.frame.height // self.latent.height

    @property
    def control_size(self) -> int:
        """Length of a control vector: one number a button, then look yaw and pitch in degrees."""
        return len(self.controls.buttons) + 2

    @property
    def state_size(self) -> int:
        """Length of the motion state; without a motion graph it is the nine numbers that place a camera."""
        return STATE_FIELDS if self.motion is None else self.motion.state_size

    @property
    def has_camera(self) -> bool:
        """The world has places: something, a motion graph or poses from outside, moves a camera through it.
        Without, it is driven by buttons alone: its rays are zero and every frame has the identity as pose.
        """
        return self.controls.pose or self.motion is not None

    @property
    def takes_words(self) -> bool:
        """Players may tell the world something in words of their own."""
        return self.checkpoint is not None or (self.prompts is not None and self.prompts.text is not None)

    def start_names(self) -> tuple[str, ...]:
        """Names of the starts; the first is where a session begins unless it asks for another."""
        return tuple(start.name for start in self.starts)

    @model_validator(mode="after")
    def _consistent(self) -> WorldManifest:
        stride = self.stride
        if (self.latent.height * stride, self.latent.width * stride) != (self.frame.height, self.frame.width):
            raise ValueError("frame must be a whole multiple of latent, the same one in height and width")
        if len(set(self.start_names())) != len(self.starts):
            raise ValueError("two starts have the same name; give each its own")
        if any(path.lower() == "world.json" for path in self.files):
            raise ValueError("files must not list world.json itself")
        if len({path.lower() for path in self.files}) != len(self.files):
            raise ValueError("two files differ only in upper and lower case; rename one")
        if sum(entry.bytes for entry in self.files.values()) > MAX_TOTAL_BYTES:
            raise ValueError(f"the files add up to more than {MAX_TOTAL_BYTES} bytes")
        used = [*self.weights.values(), *(start.file for start in self.starts)]
        used += self._of_checkpoint(self.checkpoint) if self.checkpoint else self._of_graphs()
        missing = sorted({path for path in used if path not in self.files})
        if missing:
            raise ValueError(f"files does not list {', '.join(missing[:5])}; export the pack again")
        return self

    def _of_graphs(self) -> list[str]:
        """Files of a world that is run by graphs, its parts compared with one another."""
        if self.graphs is None:
            raise ValueError("a world has graphs or a checkpoint; it has neither")
        if self.chunk_frames != 1:
            raise ValueError("chunk_frames must be 1 in a world of graphs")
        if math.prod(self.cache.shape) > MAX_CACHE_ELEMENTS:
            raise ValueError(f"the cache would hold more than {MAX_CACHE_ELEMENTS} numbers; make it smaller")
        if any(start.prompt is not None for start in self.starts):
            raise ValueError("starts of a world of graphs have no prompt; leave it out")
        if (self.views is None) != (self.graphs.reproject is None):
            raise ValueError("views and graphs.reproject belong together; give both or neither")
        if (self.motion is None) != (self.graphs.motion is None):
            raise ValueError("motion and graphs.motion belong together; give both or neither")
        if self.views is not None and (self.depth is None or not self.has_camera):
            raise ValueError("views are reprojected by depth and pose; give depth and a camera, or no views")
        listens = self.prompts is not None and self.prompts.text is not None
        if listens != (self.graphs.text is not None):
            raise ValueError("prompts.text and graphs.text belong together; give both or neither")
        paths = [str(path) for path in self.graphs.model_dump(exclude_none=True).values()]
        return paths + ([self.views.file] if self.views else [])

    def _of_checkpoint(self, checkpoint: Checkpoint) -> list[str]:
        """Files of a world made from a checkpoint, its parts compared with one another."""
        parts = (self.graphs, self.depth, self.views, self.motion, self.prompts)
        if any(part is not None for part in parts) or self.weights:
            raise ValueError(
                "a checkpoint world has no graphs, depth, views, motion, prompts or weights; leave them out"
            )
        sizes = checkpoint.sizes
        if self.stride != LATENT_STRIDE or self.latent.channels != sizes.out_channels:
            raise ValueError(
                f"latent must have {sizes.out_channels} channels and cells of {LATENT_STRIDE} pixels"
            )
        if self.latent.height % sizes.patch[1] or self.latent.width % sizes.patch[2]:
            raise ValueError("latent must be a whole number of patches high and wide")
        tokens = self.latent.height // sizes.patch[1] * (self.latent.width // sizes.patch[2])
        history = sizes.window_frames - sizes.sink_frames
        expected = (sizes.layers, sizes.heads, sizes.dim // sizes.heads, tokens, sizes.sink_frames, history)
        if tuple(self.cache.model_dump().values()) != expected:
            raise ValueError("cache does not follow from checkpoint.sizes and latent; add the world again")
        if self.chunk_frames != LATENT_FRAMES * sizes.chunk_latents:
            raise ValueError(f"chunk_frames must be {LATENT_FRAMES} times checkpoint.sizes.chunk_latents")
        if self.sampler.context_sigma != 0 or self.sampler.sigmas != checkpoint.sigmas:
            raise ValueError("sampler does not follow from checkpoint.shift and indices; add the world again")
        if not self.controls.pose:
            raise ValueError("a checkpoint world is steered by pose; controls.pose must be true")
        if any(start.prompt is None for start in self.starts):
            raise ValueError("each start of a checkpoint world has a prompt; give one")
        return [checkpoint.file]


def parse_manifest(data: bytes, where: str) -> WorldManifest:
    """Manifest of the bytes of a ``world.json``. ``where`` names it in errors. Raises ``PackError``."""
    try:
        return WorldManifest.model_validate_json(data)
    except ValidationError as error:
        raise PackError(f"{where} is not a valid world manifest: {explain(error)}") from None
