"""The causal generator: from one control to one frame, again and again, in constant memory.

Every step: the control moves the camera, memory gives the views that show what it will see, they are
reprojected into it and encoded, the latent is denoised with the cache of earlier frames, and decoded beside
the reprojected picture. After the frame is delivered, ``finish`` passes the clean latent through the network
once more to cache its keys and values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ControlError, ExecutorError, PackError, SnapshotError
from dreamport.executors.base import GraphRunner
from dreamport.generator.cache import attention_cache
from dreamport.generator.control import check_control, check_intrinsics, check_pose, control_vector, unit_pose
from dreamport.generator.hints import Camera, Hint, Hints, Stopwatch
from dreamport.generator.memory import BLIND_SHARE, ViewMemory
from dreamport.generator.motion import looked, pose_of, rebased, settled, turn_between
from dreamport.generator.prompts import PromptState
from dreamport.generator.schedule import CONTEXT_STEP, add_noise, denoised, noise
from dreamport.generator.snapshot import SnapshotHeader, read_snapshot, write_snapshot
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Intrinsics, Pose, camera_rays
from dreamport.worlds.arrays import ArraysError, take
from dreamport.worlds.manifest import WorldManifest
from dreamport.worlds.pack import WorldPack
from dreamport.worlds.views import STEPS, Start, inverse_depth_to_metres, quantise_inverse_depth

Float32 = NDArray[np.float32]

SEED_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class _Pending:
    """A frame that was delivered and is not yet in the cache and the memory."""

    index: int
    latent: Float32
    hint_latent: Float32
    blind: float
    rays: Float32
    control: Float32
    prompt: Float32 | None
    camera: Camera
    colour: NDArray[np.uint8]
    inverse_depth: NDArray[np.uint16]


class Generator:
    """One session's world. Not thread-safe; the executor may be shared by sessions that take turns.

    ``start``: a start's name, a ``Start`` of one's own, or ``None`` for the world's first. ``memory``: false
    leaves every hint empty, as in the evaluation's ablation. Raises ``PackError`` or ``ExecutorError``.
    """

    def __init__(
        self,
        pack: WorldPack,
        executor: GraphRunner,
        seed: int,
        start: str | Start | None = None,
        memory: bool = True,
    ) -> None:
        self._pack = pack
        self._manifest: WorldManifest = pack.manifest
        self._executor = executor
        self._memory = ViewMemory(pack.read_views(), pack.manifest) if pack.manifest.views else None
        self._stopwatch = Stopwatch()
        self._hints = Hints(pack.manifest, executor, self._memory, self._stopwatch)
        self._hints.enabled = memory
        self._cache = attention_cache(executor, pack.manifest.cache)
        self._told = PromptState(pack.manifest, executor)
        self._own_intrinsics = pack.manifest.camera.intrinsics()
        self._pending: _Pending | None = None
        self._seed = seed & SEED_MASK
        self._index = 0
        self._generated = False
        self._start = start if isinstance(start, Start) else pack.start(start)
        self._begin()

    @property
    def start_frame(self) -> GeneratedFrame:
        """The captured frame this session began from, index 0."""
        return self._start_frame

    @property
    def index(self) -> int:
        """Frames generated since the start."""
        return self._index

    @property
    def pose(self) -> Pose:
        """Where the camera is now."""
        return self._pose

    @property
    def motion_state(self) -> Float32:
        """A copy of the motion state ``[S]``."""
        return self._state.copy()

    @property
    def session_views(self) -> int:
        """Generated views that the session remembers."""
        return self._memory.session_views if self._memory else 0

    @property
    def snapshot_bytes(self) -> int:
        """About how large a snapshot can be, bytes: the full cache is nearly all of it."""
        return 2 * 4 * math.prod(self._manifest.cache.shape)

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of the last step by stage, and of the ``finish`` before it."""
        return dict(self._stopwatch.milliseconds)

    def chunk(self, control: FrameControl) -> tuple[GeneratedFrame, ...]:
        """The next frame as a causal step of one. Raises as ``step`` does."""
        return (self.step(control),)

    def step(self, control: FrameControl) -> GeneratedFrame:
        """Generate the next frame. Raises ``ControlError`` or ``ExecutorError``; then the camera has not
        moved.
        """
        check_control(control, self._manifest)
        self._told.check(control)
        self.finish()
        self._stopwatch.keep("cache", "remember")
        index = self._index + 1
        with self._stopwatch.time("motion"):
            state, camera, vector = self._move(control)
        hint = self._hints.of(camera)
        rays = self._rays(camera)
        self._told.hear(control)
        with self._stopwatch.time("denoise"):
            latent = self._denoise(index, rays, vector, hint)
        with self._stopwatch.time("decode"):
            decoded = self._executor.run(
                "decode",
                {
                    "latent": latent,
                    "hint_colour": hint.colour,
                    "hint_inverse_depth": hint.inverse_depth,
                    "hint_valid": hint.valid,
                },
            )
        with self._stopwatch.time("frame"):
            colour = _pixels(decoded["colour"])
            inverse_depth = np.clip(decoded["inverse_depth"][0, 0], 0.0, 1.0)
            depth = self._metres(inverse_depth)
            steps = np.rint(inverse_depth * np.float32(STEPS)).astype(np.uint16)
        self._pending = _Pending(
            index, latent, hint.latent, hint.blind, rays, vector, self._told.vector, camera, colour, steps
        )
        self._index, self._state, self._pose, self._generated = index, state, camera.pose, True
        return GeneratedFrame(index, colour, depth, camera.pose, camera.intrinsics)

    def finish(self) -> None:
        """Cache and remember the frame just returned. ``step``, ``snapshot`` and ``observe`` do it if nobody
        did.
        """
        pending = self._pending
        if pending is None:
            return
        with self._stopwatch.time("cache"):
            self._push(
                pending.index,
                pending.latent,
                pending.hint_latent,
                pending.rays,
                pending.control,
                pending.prompt,
            )
        with self._stopwatch.time("remember"):
            # The bank shows the level as it was captured, and so must what is added to it.
            remembers = self._memory is not None and self._hints.enabled and self._told.neutral
            if self._memory is not None and remembers and pending.blind > BLIND_SHARE:
                self._memory.remember(
                    pending.colour,
                    pending.inverse_depth,
                    pending.camera.matrix,
                    pending.camera.intrinsics.as_array(),
                )
        self._pending = None

    def observe(
        self,
        colour: NDArray[np.uint8],
        depth: NDArray[np.float32],
        pose: Pose,
        intrinsics: Intrinsics | None = None,
        control: FrameControl | None = None,
        motion_state: Float32 | None = None,
    ) -> None:
        """Put a real frame where the generated one would be: teacher forcing, for evaluation.

        After ``step`` it takes the place of the frame just generated, with the same control. Otherwise it is
        one more frame, reached by ``control``. ``colour [H, W, 3]`` uint8, ``depth [H, W]`` metres;
        ``motion_state``: the exact one, where it is known. Raises ``ControlError``.
        """
        camera = self._checked_camera(colour, depth, pose, intrinsics)
        given = FrameControl() if control is None else control
        check_control(given, self._manifest)
        self._told.check(given)
        if self._pending is None and self._generated:
            raise ControlError(
                "observe: the generated frame is in the cache already; call observe before finish"
            )
        pending, self._pending = self._pending, None
        if pending is not None:
            index, vector = pending.index, pending.control
        else:
            self._told.hear(given)
            index, vector = self._index + 1, control_vector(given.buttons, given.look_deg, self._manifest)
        steps = self._steps(depth)
        if pending is not None and pending.camera == camera:
            hint_latent, blind = pending.hint_latent, pending.blind
        else:
            hint = self._hints.of(camera)
            hint_latent, blind = hint.latent, hint.blind
        latent = self._encode(colour, steps)
        self._pending = _Pending(
            index,
            latent,
            hint_latent,
            blind,
            self._rays(camera),
            vector,
            self._told.vector,
            camera,
            colour.copy(),
            steps,
        )
        self._index, self._pose, self._generated = index, camera.pose, False
        if motion_state is None:
            self._state = rebased(self._state, camera.pose)
        else:
            self._state = settled(np.asarray(motion_state, np.float32).reshape(self._state.shape))
        self.finish()

    def reset(self, seed: int | None = None, start: str | Start | None = None) -> GeneratedFrame:
        """Begin again; ``None`` keeps the seed or the start. Raises ``PackError`` for an unknown start."""
        chosen = self._start if start is None else start
        self._start = chosen if isinstance(chosen, Start) else self._pack.start(chosen)
        self._seed = self._seed if seed is None else seed & SEED_MASK
        self._begin()
        return self._start_frame

    def snapshot(self) -> bytes:
        """Everything needed to go on from here to the same frames, as bytes without code in them."""
        self.finish()
        cache_k, cache_v = self._cache.valid()
        header = SnapshotHeader(
            world=self._manifest.name,
            digest=self._pack.digest,
            start=self._start.name,
            seed=self._seed,
            index=self._index,
            memory=self._hints.enabled,
        )
        pose = np.array([*self._pose.position, *self._pose.orientation], np.float64)
        return write_snapshot(
            header,
            {
                "cache_k": cache_k,
                "cache_v": cache_v,
                "motion_state": self._state,
                "camera": pose,
                **(self._memory.to_arrays() if self._memory else {}),
                **self._told.to_arrays(),
            },
        )

    def sketch(self) -> bytes:
        """The whole snapshot: it is small."""
        return self.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Go on from a snapshot of the same world. Raises ``SnapshotError``, and then nothing has changed."""
        header, arrays = read_snapshot(snapshot, self._pack)
        shape = self._manifest.cache
        try:
            size = (shape.layers, shape.heads, None, shape.head_dim)
            cache_k = take(arrays, "cache_k", np.float32, size).astype(np.float32)
            cache_v = take(arrays, "cache_v", np.float32, cache_k.shape).astype(np.float32)
            state = take(arrays, "motion_state", np.float32, self._state.shape).astype(np.float32)
            camera = [float(value) for value in take(arrays, "camera", np.float64, (7,))]
            pose = Pose((camera[0], camera[1], camera[2]), (camera[3], camera[4], camera[5], camera[6]))
            check_pose(pose)
            tokens = cache_k.shape[2]
            if tokens % shape.tokens_per_frame or tokens > shape.frames * shape.tokens_per_frame:
                raise ArraysError("its cache has another size than this world's")
            start = self._start if header.start == self._start.name else self._pack.start(header.start)
            told = self._told.checked(arrays)
            if self._memory is not None:
                self._memory.restore(arrays)
        except (ArraysError, ControlError, PackError) as error:
            raise SnapshotError(f"this snapshot is damaged: {error}; save the session again") from None
        self._pending = None
        self._cache.fill(cache_k, cache_v)
        self._told.restore(told)
        self._state, self._pose = state, pose
        self._seed, self._index, self._hints.enabled = header.seed, header.index, header.memory
        self._start = start
        self._start_frame = self._frame_of_start()
        self._generated = True

    def close(self) -> None:
        """Let the cache go."""
        self._pending = None
        self._cache.clear()

    def _begin(self) -> None:
        """Empty cache and session memory, then prime the cache from the start's frames."""
        self._pending = None
        self._cache.clear()
        if self._memory is not None:
            self._memory.forget()
        self._told.clear()
        self._index = 0
        self._generated = False
        self._state = settled(self._start.motion_state)
        self._start_frame = self._frame_of_start()
        self._pose = self._start_frame.pose
        views = self._start.views
        for i in range(max(0, len(views) - self._manifest.cache.frames), len(views)):
            view = views.decode(i)
            fx, fy, cx, cy = (float(value) for value in views.intrinsics[i])
            camera = Camera(Pose.from_matrix(views.pose[i]), Intrinsics(fx, fy, cx, cy))
            hint = self._hints.of(camera)
            latent = self._encode(view.colour, view.inverse_depth)
            control, told = self._start.control[i], self._told.vector
            self._push(i - len(views) + 1, latent, hint.latent, self._rays(camera), control, told)

    def _frame_of_start(self) -> GeneratedFrame:
        views = self._start.views
        view = views.decode(len(views) - 1)
        fx, fy, cx, cy = (float(value) for value in views.intrinsics[-1])
        depth = self._metres(view.inverse_depth.astype(np.float32) / np.float32(STEPS))
        return GeneratedFrame(
            0, view.colour, depth, Pose.from_matrix(views.pose[-1]), Intrinsics(fx, fy, cx, cy)
        )

    def _move(self, control: FrameControl) -> tuple[Float32, Camera, Float32]:
        """Motion state, camera and control vector after ``control``.

        A pose from outside wins over the motion graph, and the look that the network is told is the turn it
        makes. Without a motion graph only the look moves the camera; a world without a camera stays where it
        is.
        """
        intrinsics = self._own_intrinsics if control.intrinsics is None else control.intrinsics
        if control.pose is None:
            vector = control_vector(control.buttons, control.look_deg, self._manifest)
            if self._manifest.motion is None:
                turned = self._manifest.has_camera
                state = looked(self._state, control.look_deg) if turned else self._state
                return state, Camera(pose_of(state), intrinsics), vector
            moved = self._executor.run("motion", {"state": self._state[None], "control": vector[None]})
            state = settled(moved["state"][0])
            pose = pose_of(state)
        else:
            pose = unit_pose(control.pose)
            state = rebased(self._state, pose)
            look = turn_between(self._pose, pose, self._manifest.controls.look.max_deg_per_frame)
            vector = control_vector(control.buttons, look, self._manifest)
        return state, Camera(pose, intrinsics), vector

    def _encode(self, colour: NDArray[np.uint8], inverse_depth: NDArray[np.uint16]) -> Float32:
        """Latent ``[1, C, h, w]`` of a real frame."""
        planes = np.ascontiguousarray(colour.transpose(2, 0, 1)[None], np.float32) * np.float32(1 / 255)
        inverse = inverse_depth[None, None].astype(np.float32) * np.float32(1 / STEPS)
        latent: Float32 = self._executor.run("encode", {"colour": planes, "inverse_depth": inverse})["latent"]
        return latent

    def _metres(self, inverse_depth: Float32) -> Float32 | None:
        """Depth in metres; ``None`` in a world without depth."""
        depth = self._manifest.depth
        if depth is None:
            return None
        return inverse_depth_to_metres(inverse_depth, depth.min_m, depth.max_m)

    def _steps(self, depth_m: Float32) -> NDArray[np.uint16]:
        """The inverse depth that the networks take; zero everywhere in a world without depth."""
        depth = self._manifest.depth
        if depth is None:
            return np.zeros(depth_m.shape, np.uint16)
        return quantise_inverse_depth(depth_m, depth.min_m)

    def _rays(self, camera: Camera) -> Float32:
        frame = self._manifest.frame
        if not self._manifest.has_camera:
            latent = self._manifest.latent
            return np.zeros((1, 1, 6, latent.height, latent.width), np.float32)
        rays = camera_rays(
            camera.matrix, camera.intrinsics.as_array(), frame.height, frame.width, self._manifest.stride
        )
        return np.ascontiguousarray(rays[None, None])

    def _denoise(self, index: int, rays: Float32, control: Float32, hint: Hint) -> Float32:
        """Clean latent ``[1, C, h, w]`` of frame ``index``."""
        size = self._manifest.latent
        shape = (1, 1, size.channels, size.height, size.width)
        sigmas = self._manifest.sampler.sigmas
        noisy = noise(self._seed, index, 0, shape)
        for step, sigma in enumerate(sigmas):
            outputs = self._run_denoise(noisy, sigma, rays, control, hint.latent, self._told.vector)
            clean = denoised(noisy, outputs["velocity"], sigma)
            if step + 1 < len(sigmas):
                noisy = add_noise(clean, noise(self._seed, index, step + 1, shape), sigmas[step + 1])
        if not np.isfinite(clean).all():
            raise ExecutorError("the denoise graph gave numbers that are not finite; reset the session")
        return np.ascontiguousarray(clean[0])

    def _push(
        self,
        index: int,
        latent: Float32,
        hint_latent: Float32,
        rays: Float32,
        control: Float32,
        prompt: Float32 | None,
    ) -> None:
        """Cache pass: keys and values of a frame's latent ``[1, C, h, w]`` at the context's noise level."""
        sigma = self._manifest.sampler.context_sigma
        noisy = latent[None]
        if sigma > 0.0:
            noisy = add_noise(noisy, noise(self._seed, index, CONTEXT_STEP, noisy.shape), sigma)
        outputs = self._run_denoise(noisy, sigma, rays, control, hint_latent, prompt)
        self._cache.push(outputs["k"], outputs["v"])

    def _run_denoise(
        self,
        noisy: Float32,
        sigma: float,
        rays: Float32,
        control: Float32,
        hint_latent: Float32,
        prompt: Float32 | None,
    ) -> dict[str, Float32]:
        return self._executor.run(
            "denoise",
            {
                "latent": np.ascontiguousarray(noisy),
                "sigma": np.full((1, 1), sigma, np.float32),
                "rays": rays,
                "control": np.ascontiguousarray(control[None, None]),
                "reprojected": hint_latent,
                "cache_k": self._cache.k,
                "cache_v": self._cache.v,
                "cache_length": self._cache.length,
                **({} if prompt is None else {"prompt": prompt}),
            },
        )

    def _checked_camera(
        self,
        colour: NDArray[np.uint8],
        depth: NDArray[np.float32],
        pose: Pose,
        intrinsics: Intrinsics | None,
    ) -> Camera:
        height, width = self._manifest.frame.height, self._manifest.frame.width
        if colour.shape != (height, width, 3) or colour.dtype != np.uint8:
            raise ControlError(f"colour: must be uint8 [{height}, {width}, 3]")
        if depth.shape != (height, width):
            raise ControlError(f"depth: must be metres [{height}, {width}]")
        check_pose(pose)
        pose = pose if self._manifest.has_camera else self._pose
        given = self._own_intrinsics if intrinsics is None else intrinsics
        check_intrinsics(given, self._manifest)
        return Camera(unit_pose(pose), given)


def _pixels(colour: Float32) -> NDArray[np.uint8]:
    """``[1, 3, H, W]`` 0..1 -> ``[H, W, 3]`` uint8."""
    scaled = np.clip(colour[0] * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(scaled.transpose(1, 2, 0))
