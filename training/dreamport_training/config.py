"""One typed configuration a world: every choice of a training run besides its data, its seed and its machine.

Written as TOML. A key that is not known, a value of the wrong type or out of range is refused with its place.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dreamport.errors import DatasetError
from dreamport.models.codec import CodecConfig

PRESETS = ("tiny", "cpu", "gpu")
"""tiny: minutes on anything. cpu: the shipped world on two cores. gpu: the same world, longer, on one GPU."""

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]


class Section(BaseModel):
    """A table of the file: nothing unknown, nothing converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Stage(Section):
    """What every trained stage has. ``rate``: peak learning rate. ``batch``: clips or pictures a step, over
    all processes together."""

    enabled: bool = True
    steps: Count
    batch: Count
    rate: Positive
    warmup: Annotated[int, Field(ge=0)] = 50
    decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999


class Phase(Section):
    """A part of a curriculum: clips of ``frames`` frames and noise levels moved by the flow ``shift``
    (arXiv 2403.03206, eq. 23) for a ``share`` of the stage's steps."""

    frames: Annotated[int, Field(ge=2)]
    shift: Positive = 1.0
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0


class Curriculum(Stage):
    """A stage over clips that grow; the phases' shares add up to 1."""

    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Curriculum:
        total = sum(phase.share for phase in self.phases)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares of the phases add up to {total:g}, not to 1")
        return self

    def phase(self, step: int) -> Phase:
        """The phase that step ``step`` (from 0) belongs to."""
        begun = 0.0
        for phase in self.phases:
            begun += phase.share
            if step < begun * self.steps - 1e-9:
                return phase
        return self.phases[-1]

    @property
    def frames(self) -> int:
        """Frames of the longest clip."""
        return max(phase.frames for phase in self.phases)


class DataSection(Section):
    """``near_m``, ``far_m``: the depth range. ``views``: size of the bank of views. ``per_frame``: how many
    of them a frame is made from. ``workers``: processes that bake. ``width``, ``height``: the world's frame
    in pixels, multiples of 16; left out, they follow the data (at most 320x192 pixels). ``min_confidence``:
    estimated poses that are less sure count as unknown."""

    near_m: Positive = 0.35
    far_m: Positive = 32.0
    views: Count = 1350
    per_frame: Count = 4
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = 82
    workers: Count = 2
    width: Annotated[int, Field(ge=32, le=4096, multiple_of=16)] | None = None
    height: Annotated[int, Field(ge=32, le=4096, multiple_of=16)] | None = None
    min_confidence: Share = 0.2


class CodecSection(Stage):
    """``crop``: height and width of the trained crops in pixels, multiples of 8; the rest as
    :class:`dreamport.models.codec.CodecConfig`."""

    crop: tuple[Count, Count]
    latent_channels: Count = 16
    fine_width: Count = 32
    coarse_width: Count = 96
    encoder_blocks: Count = 1
    decoder_blocks: Count = 2

    @property
    def architecture(self) -> CodecConfig:
        return CodecConfig(
            self.latent_channels, self.fine_width, self.coarse_width, self.encoder_blocks, self.decoder_blocks
        )

    @model_validator(mode="after")
    def _multiples(self) -> CodecSection:
        if self.crop[0] % 8 or self.crop[1] % 8:
            raise ValueError(f"crop is {self.crop[0]} x {self.crop[1]}; both must be multiples of 8")
        return self


class MotionSection(Stage):
    """``horizons``: how many frames the head is rolled out for, one part of the steps after the other."""

    horizons: Annotated[tuple[Count, ...], Field(min_length=1)] = (2, 2, 4, 4, 8)


class ModelSection(Section):
    """The transformer that is played. ``sigmas``: noise levels of the sampler at play. ``context_sigma``:
    noise on the frames that a new one looks back on, the same when distilling and at play. ``adapters``: rays
    and control also scale and shift the tokens of every block."""

    width: Count
    layers: Count
    heads: Count
    patch: Count = 2
    sink_frames: Count = 1
    window_frames: Count = 2
    adapters: bool = False
    sigmas: tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...] = (1.0,)
    context_sigma: Share = 0.03

    @model_validator(mode="after")
    def _heads(self) -> ModelSection:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} does not give {self.heads} heads of an even size")
        return self


class TeacherSection(Curriculum):
    """``experts``: one backbone, or two by noise level, the first above ``boundary``. ``video_share`` of the
    clips begin with some clean frames (image and video continuation), the rest with the first alone."""

    experts: Annotated[int, Field(ge=1, le=2)] = 1
    boundary: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.7
    video_share: Share = 0.5


class ControlSection(Curriculum):
    """The backbone is frozen; adapters and control inputs learn."""


class CausalSection(Curriculum):
    """``forcing_share`` of the clips are taught by teacher forcing (clean past), the rest by diffusion
    forcing, where a ``context_share`` of the frames stays nearly clean."""

    forcing_share: Share = 0.25
    context_share: Share = 0.4


class ConsistencySection(Stage):
    """``points``: steps of the grid of noise levels, bent by ``shift``. ``frames``: of a clip."""

    frames: Annotated[int, Field(ge=2)] = 4
    points: Annotated[int, Field(ge=2)] = 24
    shift: Positive = 2.0
    decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.995


class DmdSection(Stage):
    """``rollout``: frames that the student makes itself. ``grad_frames``: the last of them that carry a
    gradient. ``critic_repeats``: updates of the fake score for one of the student, at ``critic_rate``; the
    student begins after ``critic_first`` steps of the fake score alone. ``adversarial``: weight of the head.
    ``levels``: range of noise levels that are scored."""

    frames: Annotated[int, Field(ge=2)] = 4
    rollout: Count = 3
    grad_frames: Count = 1
    critic_repeats: Count = 5
    critic_rate: Positive = 1e-4
    critic_first: Annotated[int, Field(ge=0)] = 0
    adversarial: Annotated[float, Field(ge=0.0)] = 0.05
    levels: tuple[Share, Share] = (0.02, 0.98)
    decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99

    @model_validator(mode="after")
    def _fitting(self) -> DmdSection:
        if not self.grad_frames <= self.rollout < self.frames:
            raise ValueError(
                f"grad_frames {self.grad_frames}, rollout {self.rollout}, frames {self.frames}: a clip "
                "begins with at least one given frame, and only frames that are made carry a gradient"
            )
        if self.levels[0] >= self.levels[1]:
            raise ValueError(
                f"levels go from {self.levels[0]:g} to {self.levels[1]:g}; give the lower one first"
            )
        return self


class RefineSection(Stage):
    """``detail_weight``: of the texture term. ``frames``: of a clip."""

    frames: Annotated[int, Field(ge=2)] = 4
    detail_weight: Annotated[float, Field(ge=0.0)] = 6.0
    decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.995


class PromptsSection(Section):
    """``size``: of the prompt vector. ``text``: captions are read. ``conditions``: made on the pictures;
    ``looks``: copies of every frame's latent under some of them. ``drop``: share of clips that are told
    nothing and look as they were captured. ``words``, ``buckets``: of the text encoder, trained for
    ``steps``; ``encoder``: folder of one of your own that it learns from."""

    enabled: bool = False
    size: Count = 32
    text: bool = True
    conditions: tuple[Literal["light", "weather", "palette"], ...] = ("light", "weather", "palette")
    looks: Annotated[int, Field(ge=1, le=8)] = 2
    drop: Share = 0.1
    words: Annotated[int, Field(ge=4, le=512)] = 24
    buckets: Annotated[int, Field(ge=256, le=1 << 20)] = 4096
    steps: Count = 600
    encoder: str | None = None


class ParallelSection(Section):
    """How several processes (torchrun) share the work; with one process ``strategy`` and ``sequence`` say
    nothing. ``sequence``: processes that share one clip's frames. ``checkpointing``: activations are computed
    again in the backward pass. ``precision``: of activations; weights and optimisers stay float32."""

    strategy: Literal["ddp", "fsdp2"] = "ddp"
    sequence: Count = 1
    checkpointing: bool = False
    precision: Literal["bfloat16", "float32"] = "bfloat16"


class LoggingSection(Section):
    """``every``: steps between rows of the metrics. ``sample_every``: steps between sample strips, 0 for
    none. ``save_every_s``: seconds between checkpoints. ``compare``: a stage's losses before and after it on
    the same draws, into ``checks/NAME.json``."""

    every: Count = 10
    sample_every: Annotated[int, Field(ge=0)] = 500
    save_every_s: Annotated[float, Field(ge=0.0)] = 120.0
    tensorboard: bool = True
    compare: bool = False


class WorldConfig(Section):
    """Everything a run is made of besides its data, its seed and its machine."""

    data: DataSection = DataSection()
    codec: CodecSection
    motion: MotionSection
    model: ModelSection
    teacher: TeacherSection
    control: ControlSection
    causal: CausalSection
    consistency: ConsistencySection
    dmd: DmdSection
    refine: RefineSection
    prompts: PromptsSection = PromptsSection()
    parallel: ParallelSection = ParallelSection()
    logging: LoggingSection = LoggingSection()

    @model_validator(mode="after")
    def _sequence(self) -> WorldConfig:
        share = self.parallel.sequence
        if self.model.heads % share:
            raise ValueError(
                f"parallel.sequence is {share}; model.heads ({self.model.heads}) must be a multiple of it"
            )
        for name in ("teacher", "control", "causal"):
            stage: Curriculum = getattr(self, name)
            for number, phase in enumerate(stage.phases, 1):
                if stage.enabled and phase.frames % share:
                    raise ValueError(
                        f"parallel.sequence is {share}; the {phase.frames} frames of {name}.phases, number "
                        f"{number}, must be a multiple of it"
                    )
        for short in (self.consistency, self.dmd):
            if short.enabled and short.frames % share:
                name = "consistency" if short is self.consistency else "dmd"
                raise ValueError(
                    f"parallel.sequence is {share}; {name}.frames ({short.frames}) must be a multiple of it"
                )
        return self

    def to_json(self) -> str:
        """As it goes into ``RUN/run.json``; :func:`config_from_json` reads it."""
        return self.model_dump_json(indent=2)


def load_config(
    preset: str | None = None, path: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> WorldConfig:
    """A preset (``cpu`` when nothing is said), or a TOML file that may begin with ``preset = "NAME"`` and
    then only says what differs; ``overrides`` are dotted keys, ``{"codec.steps": 30}``. Raises
    ``DatasetError``."""
    values: dict[str, Any] = {}
    source = f"preset {preset}"
    if path is not None:
        source = str(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DatasetError(f"{path}: there is no such configuration file") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise DatasetError(f"{path} cannot be read as TOML: {error}") from error
        based = values.pop("preset", None)
        if based is not None and not isinstance(based, str):
            raise DatasetError(f"{path}: preset must be one of {', '.join(PRESETS)}")
        preset = preset or based
    elif preset is None:
        preset, source = "cpu", "preset cpu"
    merged = _merged(_preset(preset), values) if preset is not None else values
    return _overridden(merged, overrides or {}, source)


def changed_config(config: WorldConfig, overrides: Mapping[str, Any]) -> WorldConfig:
    """``config`` with other values at dotted keys. Raises ``DatasetError``."""
    return _overridden(json.loads(config.to_json()), overrides, "the run's configuration")


def _overridden(values: Mapping[str, Any], overrides: Mapping[str, Any], source: str) -> WorldConfig:
    for key, value in overrides.items():
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        values = _merged(values, nested)
    try:
        text = json.dumps(values)
    except TypeError as error:
        raise DatasetError(f"{source}: {error}; the configuration has numbers, texts and lists") from error
    return config_from_json(text, source)


def config_from_json(text: str, source: str = "the run's configuration") -> WorldConfig:
    """The configuration that :meth:`WorldConfig.to_json` wrote. Raises ``DatasetError``."""
    try:
        return WorldConfig.model_validate_json(text)
    except ValidationError as error:
        lines = [_said(e["loc"], e["type"], e["msg"]) for e in error.errors(include_url=False)]
        raise DatasetError(f"{source}: " + "; ".join(lines)) from None


def parse_override(text: str) -> tuple[str, Any]:
    """``codec.steps=30`` as a key and a value in TOML's notation; bare words are text. ``DatasetError``."""
    key, equals, value = (part.strip() for part in text.partition("="))
    if not key or not equals:
        raise DatasetError(f"{text!r} is not a setting; write SECTION.KEY=VALUE, as codec.steps=500")
    try:
        return key, tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        return key, value


def _preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise DatasetError(f"no preset {name!r}; choose one of {', '.join(PRESETS)}")
    file = resources.files("dreamport_training") / "presets" / f"{name}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``over``, table by table; lists are replaced as a whole."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return out


def _said(place: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        return f"{key} is not a known key; see docs/training-runs.md for those there are"
    message = message.removeprefix("Value error, ")
    return f"{key}: {message}" if key else message
