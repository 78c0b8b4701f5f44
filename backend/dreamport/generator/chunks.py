"""A world whose causal step makes a chunk of frames: LingBot-World from a checkpoint.

All tensors stay where its executor runs. What crosses: the start's picture, the camera's poses and noise go
in, frames come out. So the same seed, start and controls give the same frames.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ControlError, ExecutorError, PackError, SnapshotError
from dreamport.executors.chunks import ChunkExecutor
from dreamport.generator.chunk_motion import ORIGIN, CameraTrack
from dreamport.generator.control import check_control, check_pose
from dreamport.generator.prompts import MAX_PROMPT_CHARACTERS
from dreamport.generator.schedule import noise
from dreamport.generator.snapshot import SnapshotHeader, read_snapshot, write_snapshot
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Pose
from dreamport.worlds.arrays import AnyArray, ArraysError, take
from dreamport.worlds.checkpoint import LATENT_FRAMES, Checkpoint
from dreamport.worlds.manifest import WorldManifest
from dreamport.worlds.pack import WorldPack

Float32 = NDArray[np.float32]

SEED_MASK = (1 << 64) - 1
BF16_BYTES = 2
WASD = ("forward", "left", "back", "right")
KEYED_CHANNELS = 1792
"""Camera channels of a checkpoint that reads keys beside rays: seven maps folded 8x8 into patches of 4."""
RIGID_TOLERANCE = 1e-3
_STATE = "state_"


class ChunkGenerator:
    """One session's world. Not thread-safe; the executor may be shared by sessions that take turns.

    ``start``: a start's name, or ``None`` for the world's first. Raises ``PackError`` or ``ExecutorError``.
    """

    def __init__(self, pack: WorldPack, executor: ChunkExecutor, seed: int, start: str | None = None) -> None:
        if pack.manifest.checkpoint is None:
            raise PackError(f"world {pack.manifest.name} is run by graphs, frame by frame")
        self._pack = pack
        self._manifest: WorldManifest = pack.manifest
        self._checkpoint: Checkpoint = pack.manifest.checkpoint
        self._buttons = tuple(button.name for button in pack.manifest.controls.buttons)
        self._own_intrinsics = pack.manifest.camera.intrinsics()
        self._seed = seed & SEED_MASK
        self._start = pack.image_start(start)
        self._words = self._start.prompt
        self._track = CameraTrack(ORIGIN, np.eye(4))
        self._index = 0
        self._noise: Float32 | None = None
        self._fresh = True
        """The next chunk is the first of a session on the device: its first latent frame is ``_picture``."""
        self._picture = self._start.image
        self._session = executor.session()
        try:
            self._begin()
        except BaseException:
            self._session.close()
            raise

    @property
    def start_frame(self) -> GeneratedFrame:
        """The picture that this session began from, index 0."""
        return GeneratedFrame(0, self._start.image, None, ORIGIN, self._own_intrinsics)

    @property
    def index(self) -> int:
        """Frames generated since the start."""
        return self._index

    @property
    def pose(self) -> Pose:
        """Where the camera is now."""
        return self._track.pose

    @property
    def words(self) -> str:
        """The prompt that holds."""
        return self._words

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of the last chunk by stage."""
        return self._session.timings

    @property
    def snapshot_bytes(self) -> int:
        """About how large a snapshot can be, bytes: the full cache is nearly all of it."""
        return 2 * BF16_BYTES * math.prod(self._manifest.cache.shape)

    def chunk(self, control: FrameControl) -> tuple[GeneratedFrame, ...]:
        """Generate the next chunk: 16 frames, but 12 in the first, whose first latent frame is the start's
        own picture. Raises ``ControlError`` or ``ExecutorError``; then the camera has not moved.

        A prompt holds from here on; an empty one goes back to the start's.
        """
        check_control(control, self._manifest)
        self._check_words(control)
        if control.prompt is not None:
            self._tell(control.prompt.strip() or self._start.prompt)
        latents = self._checkpoint.chunk_latents
        first = self._fresh
        count = LATENT_FRAMES * (latents - first)
        track, poses = self._track.chunk(control, self._buttons, self._checkpoint.camera, count)
        seen = (self._track.pose, *poses) if first else poses
        ends = [seen[i] for i in range(0 if first else LATENT_FRAMES - 1, len(seen), LATENT_FRAMES)]
        camera = self._own_intrinsics if control.intrinsics is None else control.intrinsics
        pictures = self._session.chunk(
            np.stack([track.matrix(pose) for pose in ends]).astype(np.float32),
            np.tile(camera.as_array(), (latents, 1)),
            self._next_noise(),
            self._keys(control.buttons),
        )
        frame = self._manifest.frame
        if pictures.shape != (count + first, frame.height, frame.width, 3):
            raise ExecutorError(
                f"the executor gave frames of shape {list(pictures.shape)} and was to give "
                f"{[count + first, frame.height, frame.width, 3]}; this is a fault in it"
            )
        before = self._index
        self._index, self._track, self._noise = before + count, track, None
        self._fresh, self._picture = False, pictures[-1]
        return tuple(
            GeneratedFrame(before + k, picture, None, pose, camera)
            for k, (picture, pose) in enumerate(zip(pictures[int(first) :], poses, strict=True), 1)
        )

    def finish(self) -> None:
        """Draw the noise of the next chunk, so that it does not wait for it."""
        self._noise = self._next_noise()

    def reset(self, seed: int | None = None, start: str | None = None) -> GeneratedFrame:
        """Begin again; ``None`` keeps the seed or the start. Raises ``PackError`` for an unknown start."""
        if start is not None:
            self._start = self._pack.image_start(start)
        self._seed = self._seed if seed is None else seed & SEED_MASK
        self._begin()
        return self.start_frame

    def snapshot(self) -> bytes:
        """Everything needed to go on from here to the same frames, as bytes without code in them."""
        if self._fresh:
            return self.sketch()
        state = {_STATE + name: array for name, array in self._session.state().items()}
        return self._written(state, memory=True)

    def sketch(self) -> bytes:
        """The last picture, the camera and the words, without the cache: what a session begins from."""
        return self._written({"picture": self._picture}, memory=False)

    def _written(self, arrays: Mapping[str, AnyArray], memory: bool) -> bytes:
        header = SnapshotHeader(
            world=self._manifest.name,
            digest=self._pack.digest,
            start=self._start.name,
            seed=self._seed,
            index=self._index,
            memory=memory,
        )
        pose = self._track.pose
        return write_snapshot(
            header,
            {
                "camera": np.array([*pose.position, *pose.orientation], np.float64),
                "place": self._track.place,
                "words": np.frombuffer(self._words.encode(), np.uint8),
                **arrays,
            },
        )

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot of the same world. Raises ``SnapshotError``, and then nothing has changed."""
        header, arrays = read_snapshot(snapshot, self._pack)
        try:
            camera = [float(value) for value in take(arrays, "camera", np.float64, (7,))]
            pose = Pose((camera[0], camera[1], camera[2]), (camera[3], camera[4], camera[5], camera[6]))
            check_pose(pose)
            place = take(arrays, "place", np.float64, (4, 4)).astype(np.float64)
            _check_rigid(place)
            words = take(arrays, "words", np.uint8, (None,)).tobytes().decode()
            if len(words) > MAX_PROMPT_CHARACTERS:
                raise ArraysError("its prompt is too long")
            start = self._start if header.start == self._start.name else self._pack.image_start(header.start)
            if header.memory:
                state = {
                    name.removeprefix(_STATE): a for name, a in arrays.items() if name.startswith(_STATE)
                }
                self._session.restore(state)
            else:
                size = (self._manifest.frame.height, self._manifest.frame.width, 3)
                picture = take(arrays, "picture", np.uint8, size).astype(np.uint8, copy=False)
                self._session.begin(picture, words)
                self._picture = picture
        except (ArraysError, ControlError, PackError, UnicodeDecodeError) as error:
            raise SnapshotError(f"this snapshot is damaged: {error}; save the session again") from None
        self._seed, self._index, self._start, self._words = header.seed, header.index, start, words
        self._track, self._noise, self._fresh = CameraTrack(pose, place), None, not header.memory

    def close(self) -> None:
        """Give back the session's memory on the device."""
        self._session.close()

    def _begin(self) -> None:
        self._session.begin(self._start.image, self._start.prompt)
        self._fresh, self._picture = True, self._start.image
        self._words = self._start.prompt
        self._track = CameraTrack(ORIGIN, np.eye(4))
        self._index = 0
        self._noise = None

    def _tell(self, words: str) -> None:
        if words != self._words:
            self._session.prompt(words)
            self._words = words

    def _keys(self, buttons: int) -> Float32 | None:
        """``[F, 4]``: which of W, A, S and D are held, for a checkpoint that reads them."""
        if self._checkpoint.sizes.camera_channels != KEYED_CHANNELS:
            return None
        pressed = {name for bit, name in enumerate(self._buttons) if buttons >> bit & 1}
        held = np.array([name in pressed for name in WASD], np.float32)
        return np.tile(held, (self._checkpoint.chunk_latents, 1))

    def _next_noise(self) -> Float32:
        """``[steps, C, F, h, w]`` of the next chunk: pure noise, then what each further step adds."""
        if self._noise is not None:
            return self._noise
        size = self._manifest.latent
        shape = (size.channels, self._checkpoint.chunk_latents, size.height, size.width)
        steps = range(len(self._manifest.sampler.sigmas))
        return np.stack([noise(self._seed, self._index, step, shape) for step in steps])

    def _check_words(self, control: FrameControl) -> None:
        if control.prompt is not None and len(control.prompt) > MAX_PROMPT_CHARACTERS:
            raise ControlError(f"prompt: longer than {MAX_PROMPT_CHARACTERS} characters; say it shorter")
        if control.events:
            raise ControlError(
                f"events: world {self._manifest.name} has no events; say what happens as a prompt"
            )


def _check_rigid(place: NDArray[np.float64]) -> None:
    """Raise ``ArraysError`` unless this ``[4, 4]`` turns and shifts, and does nothing else."""
    turn = place[:3, :3]
    rigid = np.abs(turn @ turn.T - np.eye(3)).max() < RIGID_TOLERANCE and np.linalg.det(turn) > 0
    if not rigid or not np.array_equal(place[3], [0.0, 0.0, 0.0, 1.0]):
        raise ArraysError("its coordinates are no rigid motion")
