"""The level being recorded: Freedoom 2 MAP01 in ViZDoom, still and empty, one tic at a time."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import vizdoom
from numpy.typing import NDArray

from dreamport.errors import DatasetError
from dreamport_tools.doom_depth import DOOM_UNITS_PER_METRE, PIXEL_ASPECT, DepthCaster
from dreamport_tools.doom_map import MapGeometry, map_geometry, read_map, without_effects, write_pwad

MAP = "MAP01"
IWAD = "freedoom2.wad"
BUTTONS = ("MOVE_FORWARD", "MOVE_BACKWARD", "MOVE_LEFT", "MOVE_RIGHT")
FORWARD, BACKWARD, LEFT, RIGHT = 1, 2, 4, 8
TICS_PER_FRAME = 2
FRAME_RATE = 20.0
WIDTH, HEIGHT, FOCAL = 320, 192, 160.0
ANGLE_STEP_DEG = 360.0 / 65536  # the engine turns by whole steps of this
GAME_ARGS = "-nomonsters +movebob 0"
# A player just spawned ignores input for eight tics; a warped one settles its view height.
SPAWN_TICS = 10
SETTLE_TICS = 20
_ROWS = slice(48, 432)


@dataclass(frozen=True)
class EngineState:
    """The player in Doom units and degrees; velocity in Doom units a tic."""

    x: float
    y: float
    floor_z: float
    angle_deg: float
    camera_z: float
    velocity_x: float
    velocity_y: float
    velocity_z: float

    def row(self) -> list[float]:
        """The eight numbers in field order."""
        return [
            self.x, self.y, self.floor_z, self.angle_deg, self.camera_z,
            self.velocity_x, self.velocity_y, self.velocity_z,
        ]  # fmt: skip

    @staticmethod
    def of(row: Sequence[float]) -> EngineState:
        """From eight numbers in field order."""
        return EngineState(*(float(v) for v in row))


def camera_to_world(state: EngineState) -> NDArray[np.float64]:
    """``[4, 4]`` camera-to-world pose in level metres (OpenCV axes, y down)."""
    angle = math.radians(state.angle_deg)
    cos, sin = math.cos(angle), math.sin(angle)
    pose = np.eye(4)
    pose[:3, 0] = (sin, 0.0, -cos)
    pose[:3, 1] = (0.0, 1.0, 0.0)
    pose[:3, 2] = (cos, 0.0, sin)
    pose[:3, 3] = level_point(state)
    return pose


def level_point(state: EngineState) -> tuple[float, float, float]:
    """The camera's place in level metres."""
    return (
        state.x / DOOM_UNITS_PER_METRE,
        -state.camera_z * PIXEL_ASPECT / DOOM_UNITS_PER_METRE,
        state.y / DOOM_UNITS_PER_METRE,
    )


def motion_state(state: EngineState, before: EngineState | None = None) -> NDArray[np.float64]:
    """``[9]`` x, y, z metres, sin yaw, cos yaw, pitch, then velocity in metres a frame.

    The horizontal velocity is the engine's momentum; the vertical one is how far the camera moved since
    the frame ``before``, because on stairs the view follows the floor with a lag of its own.
    """
    angle = math.radians(state.angle_deg)  # yaw = 90 degrees - angle
    scale = TICS_PER_FRAME / DOOM_UNITS_PER_METRE
    point = level_point(state)
    rise = 0.0 if before is None else point[1] - level_point(before)[1]
    return np.array(
        [
            *point,
            math.cos(angle),
            math.sin(angle),
            0.0,
            state.velocity_x * scale,
            rise,
            state.velocity_y * scale,
        ]
    )


def turned_right_deg(before: EngineState, after: EngineState) -> float:
    """Yaw turned between two states in degrees, right positive, in [-180, 180)."""
    return (before.angle_deg - after.angle_deg + 180.0) % 360.0 - 180.0


def iwad_path() -> Path:
    """Freedoom 2 as the ViZDoom wheel ships it."""
    return Path(vizdoom.__file__).parent / IWAD


def level_geometry() -> MapGeometry:
    """Geometry of the recorded map."""
    return map_geometry(read_map(iwad_path(), MAP))


class Level:
    """A running engine. Use as a context manager.

    ``pictures`` false runs it as fast as it goes, for positions only. The map is Freedoom's own with its
    things, line actions and sector effects taken out, so a pose has one picture.
    """

    def __init__(self, pictures: bool = True, depth_buffer: bool = False) -> None:
        self._pictures = pictures
        self._folder = tempfile.TemporaryDirectory(prefix="dreamport-level-")
        pwad = Path(self._folder.name) / "still.wad"
        lumps = without_effects(read_map(iwad_path(), MAP))
        write_pwad(pwad, MAP, lumps)
        self.geometry = map_geometry(lumps)
        self._caster = DepthCaster(self.geometry, WIDTH, HEIGHT, FOCAL)
        game = vizdoom.DoomGame()
        game.set_doom_config_path(str(Path(self._folder.name) / "engine.ini"))
        game.set_doom_game_path(str(iwad_path()))
        game.set_doom_scenario_path(str(pwad))
        game.set_doom_map(MAP)
        size = vizdoom.ScreenResolution.RES_640X480 if pictures else vizdoom.ScreenResolution.RES_160X120
        game.set_screen_resolution(size)
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        game.set_depth_buffer_enabled(depth_buffer)
        for show in (
            game.set_render_hud, game.set_render_weapon, game.set_render_crosshair, game.set_render_decals,
            game.set_render_messages, game.set_render_particles, game.set_window_visible,
            game.set_sound_enabled,
        ):  # fmt: skip
            show(False)
        game.set_mode(vizdoom.Mode.PLAYER)
        turn = [vizdoom.Button.TURN_LEFT_RIGHT_DELTA]
        game.set_available_buttons([getattr(vizdoom.Button, name) for name in BUTTONS] + turn)
        variables = (
            "POSITION_X", "POSITION_Y", "POSITION_Z", "ANGLE", "CAMERA_POSITION_Z",
            "VELOCITY_X", "VELOCITY_Y", "VELOCITY_Z",
        )  # fmt: skip
        game.set_available_game_variables([getattr(vizdoom.GameVariable, name) for name in variables])
        game.add_game_args(GAME_ARGS)
        game.set_episode_timeout(0)
        game.set_seed(0)
        try:
            game.init()
        except Exception as error:
            self._folder.cleanup()
            raise DatasetError(
                f"ViZDoom does not start ({error}); install dreamport[capture] again"
            ) from error
        self._game = game
        self._state: Any = None

    def __enter__(self) -> Level:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the engine."""
        self._game.close()
        self._folder.cleanup()

    def begin(self, seed: int, place: tuple[float, float] | None, angle_deg: float | None) -> EngineState:
        """A new episode: the player stands still at ``place`` (Doom units, ``None`` the map's own start)."""
        self._game.set_seed(seed)
        self._game.new_episode()
        self._game.make_action([0.0] * 5, SPAWN_TICS)
        if place is not None or angle_deg is not None:
            self.warp(place, angle_deg)
        return self._read()

    def warp(self, place: tuple[float, float] | None, angle_deg: float | None) -> EngineState:
        """Put a standing player at ``place`` facing ``angle_deg``; one that moves would slide on."""
        if place is not None:
            self._game.send_game_command(f"warp {place[0]} {place[1]}")
        turn = 0.0 if angle_deg is None else (self._read().angle_deg - angle_deg + 180.0) % 360.0 - 180.0
        self._game.make_action([0.0, 0.0, 0.0, 0.0, turn], 1)
        self._game.make_action([0.0] * 5, SETTLE_TICS)
        return self._read()

    def step(self, buttons: int, turn_right_deg: float) -> EngineState:
        """One frame: ``buttons`` held for its tics, the turn split evenly between them."""
        self._game.make_action(tic_action(buttons, turn_right_deg), TICS_PER_FRAME)
        return self._read()

    def play(self, actions: Sequence[Sequence[float]]) -> EngineState:
        """One frame from its recorded actions, an action a tic."""
        for action in actions:
            self._game.make_action(list(action), 1)
        return self._read()

    def colour(self) -> NDArray[np.uint8]:
        """The picture of the present tic, ``[192, 320, 3]`` RGB."""
        shot = np.ascontiguousarray(self._state.screen_buffer[_ROWS])
        return np.asarray(cv2.resize(shot, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)

    def depth(self) -> NDArray[np.float32]:
        """Exact depth of the same picture, ``[192, 320]`` metres, infinite where the sky shows."""
        state = self._read()
        return self._caster.depth(state.x, state.y, state.camera_z, state.angle_deg)

    def depth_buffer(self) -> NDArray[np.uint8]:
        """The engine's own depth of the picture, ``[192, 320]``, in its coarse steps (every second pixel)."""
        return np.asarray(self._state.depth_buffer[_ROWS][::2, ::2], np.uint8)

    def _read(self) -> EngineState:
        self._state = self._game.get_state()
        if self._state is None:
            raise DatasetError(
                "the engine ended the episode; the recorded map must not have an exit or damage"
            )
        return EngineState.of(self._state.game_variables)


def tic_action(buttons: int, turn_right_deg: float) -> list[float]:
    """The engine's action for each tic of one frame."""
    held = [float(buttons >> bit & 1) for bit in range(len(BUTTONS))]
    return [*held, whole_turn(turn_right_deg) / TICS_PER_FRAME]


def whole_turn(turn_right_deg: float) -> float:
    """The nearest turn that the engine makes exactly: every tic a whole number of its angle steps."""
    step = ANGLE_STEP_DEG * TICS_PER_FRAME
    return round(turn_right_deg / step) * step
