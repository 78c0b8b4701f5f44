"""The shared composite gives on a GPU pipeline what numpy gives, and both engines' conventions take it."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from platformdirs import user_cache_dir

import requires
from shaders import dxc, reference, scene, translate
from shaders.cases import CASES, INTRINSICS, SAMPLES, SIZE, Rows, colours, rows
from shaders.engines import EntryPoint, entry_points

if TYPE_CHECKING:
    from shaders.pixels import Pixels

TOLERANCE = 1e-5
PLUGIN_COPIES = Path(__file__).resolve().parent.parent / "shaders" / "copy_to_plugins.py"
ENTRY_POINTS = {entry.name: entry for entry in entry_points()}
NAN, INFINITY, SKY = float("nan"), float("inf"), reference.SKY


@pytest.fixture(scope="module", autouse=True)
def compilers() -> None:
    requires.program("glslangValidator", package="glslang-tools")
    requires.program("spirv-cross", package="spirv-cross")


@pytest.fixture(scope="module")
def pixels() -> Iterator[Pixels]:
    requires.package("moderngl", extra="engines-dev")
    from shaders.pixels import Pixels

    with Pixels() as context:
        yield context


def evaluate(pixels: Pixels, folder: Path, expression: str, inputs: list[Rows], functions: str = "") -> Rows:
    """The HLSL expression of a, b, c for every row of the inputs."""
    names = "abc"[: len(inputs)]
    lines = [
        '#include "DreamportComposite.hlsl"',
        *(f"Texture2D<float4> texture_{name} : register(t{slot});" for slot, name in enumerate(names)),
        functions,
        "float4 main(float4 position : SV_Position) : SV_Target",
        "{",
        *(f"    float4 {name} = texture_{name}.Load(int3(position.xy, 0));" for name in names),
        f"    return {expression};",
        "}",
    ]
    return pixels.run(translate.glsl("\n".join(lines), folder), inputs)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("name", CASES)
def test_the_shader_gives_what_numpy_gives(name: str, pixels: Pixels, tmp_path: Path) -> None:
    """Within 1e-5: absolute up to 1, relative above, because distances run over five magnitudes."""
    case = CASES[name]
    inputs = case.inputs(np.random.default_rng(7))
    got = evaluate(pixels, tmp_path, case.hlsl, inputs)
    expected = case.expected(*(each.astype(np.float64) for each in inputs))
    assert np.isfinite(got).all()
    wrong = np.abs(got - expected) / np.maximum(np.abs(expected), 1.0)
    row = int(wrong.max(axis=-1).argmax())
    print(f"{name}: largest error {wrong.max():.1e} on {pixels.renderer}")
    assert wrong.max() < TOLERANCE, f"{[each[row] for each in inputs]} -> {got[row]}, not {expected[row]}"


@pytest.mark.parametrize(
    ("neural", "engine", "width", "expected"),
    [
        (2.0, SKY, 0.5, 1.0),  # no halo, however wide the edge
        (SKY, 2.0, 0.5, 0.0),
        (SKY, SKY, 0.5, 1.0),
        (SKY, SKY, 0.0, 1.0),
        (2.0, 2.0, 0.5, 0.5),
        (2.0, 2.0, 0.0, 1.0),
        (2.0, 2.25, 0.5, 1.0),
        (2.25, 2.0, 0.5, 0.0),
        (2.0, INFINITY, 0.0, 1.0),
        (INFINITY, 2.0, 0.0, 0.0),
        (2.0, NAN, 0.5, 0.0),
        (NAN, 2.0, 0.5, 0.0),
    ],
)
def test_order_at_the_borders(
    neural: float, engine: float, width: float, expected: float, pixels: Pixels, tmp_path: Path
) -> None:
    expression = "float4(DreamportInFront(a.x, a.y, a.z, 0.0), 0.0, 0.0, 0.0)"
    got = evaluate(pixels, tmp_path, expression, [rows([neural], [engine], [width])])
    assert got[0, 0] == expected


def test_a_nan_of_the_engine_does_not_reach_what_the_neural_frame_covers(
    pixels: Pixels, tmp_path: Path
) -> None:
    engine = rows([NAN], [NAN], [NAN], [1.0])
    neural = rows([0.25], [0.5], [0.75], [1.0])
    for mode in ("true", "false"):
        composite = f"DreamportComposite(a, b, 1.0, 1.0, {mode})"
        assert np.array_equal(evaluate(pixels, tmp_path, composite, [engine, neural]), neural)


@pytest.mark.parametrize("mode", ["true", "false"])
def test_full_and_no_share_give_either_picture_bit_for_bit(mode: str, pixels: Pixels, tmp_path: Path) -> None:
    engine, neural, _ = colours(True)(np.random.default_rng(3))
    engine[:, 3] = neural[:, 3] = 1
    for share, winner in ((1.0, neural), (0.0, engine)):
        mixing = rows(np.full(SAMPLES, share))
        composite = f"DreamportComposite(a, b, c.x, 1.0, {mode})"
        assert np.array_equal(evaluate(pixels, tmp_path, composite, [engine, neural, mixing]), winner)


def test_filtering_between_a_wall_and_the_sky_gives_only_wall_or_sky(pixels: Pixels, tmp_path: Path) -> None:
    wall = 0.175
    across = np.linspace(0, 1, 101).astype(np.float32)
    corners = np.tile(np.array([wall, 0.0, wall, 0.0], np.float32), (101, 1))
    expression = "float4(DreamportFilterInverse(a, b.xy, DREAMPORT_EDGE), 0.0, 0.0, 0.0)"
    got = evaluate(pixels, tmp_path, expression, [corners, rows(across, 0.3)])
    assert np.allclose(got[:, 0], np.where(across < 0.5, wall, 0.0), atol=1e-7)


def test_filtering_a_slanted_wall_gives_the_wall(pixels: Pixels, tmp_path: Path) -> None:
    """Texels of the plane 4 m = 0.4 x + 0.1 y + z, read between their centres."""
    random = np.random.default_rng(5)
    uv = random.uniform(0.1, 0.9, (500, 2)).astype(np.float32)
    got = evaluate(
        pixels,
        tmp_path,
        "filtered(a.xy)",
        [rows(*uv.T)],
        """
        float inverseAt(float2 texel)
        {
            float3 slope = DreamportUnproject((texel + 0.5) / float2(320.0, 192.0), 1.0,
                                              float4(160.0, 170.0, 150.0, 96.0), float2(320.0, 192.0));
            return 0.35 * dot(float3(0.4, 0.1, 1.0), slope) / 4.0;
        }
        float4 filtered(float2 uv)
        {
            float4 at = DreamportTexels(uv, float2(320.0, 192.0));
            float4 four = float4(inverseAt(at.xy), inverseAt(at.xy + float2(1.0, 0.0)),
                                 inverseAt(at.xy + float2(0.0, 1.0)), inverseAt(at.xy + float2(1.0, 1.0)));
            return DreamportMetresFromInverse(DreamportFilterInverse(four, at.zw, DREAMPORT_EDGE), 0.35);
        }
        """,
    )
    slope = (uv * SIZE - INTRINSICS[2:]) / INTRINSICS[:2]
    assert np.allclose(got[:, 0], 4.0 / (1 + slope @ (0.4, 0.1)), rtol=TOLERANCE)


def test_a_late_frame_is_found_again_by_its_depth(pixels: Pixels, tmp_path: Path) -> None:
    """The frame's camera stood 0.3 m aside, before a slanted wall: a few steps find each ray's pixel."""
    random = np.random.default_rng(11)
    viewer = np.array([0.3, -0.05, 0.1])
    rays = np.concatenate([random.uniform(-0.5, 0.5, (500, 2)), np.ones((500, 1))], axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    wall = np.array([0.2, 0.1, 1.0])
    hit = viewer + rays * ((4.0 - viewer @ wall) / (rays @ wall))[:, None]
    expected = reference.project(hit, INTRINSICS, SIZE)
    search = """
        float4 search(float3 ray, int steps)
        {
            float3 viewer = float3(0.3, -0.05, 0.1);
            float3 origin = float3(0.0, 0.0, 0.0);
            float4 still = float4(0.0, 0.0, 0.0, 1.0);
            float4 intrinsics = float4(160.0, 170.0, 150.0, 96.0);
            float2 size = float2(320.0, 192.0);
            float4 found = DreamportPortal(viewer, viewer + ray, still, intrinsics, size);
            for (int step = 0; step < steps; step++)
            {
                float3 slope = DreamportUnproject(found.xy, 1.0, intrinsics, size);
                float metres = 4.0 / dot(float3(0.2, 0.1, 1.0), slope);
                found = DreamportReprojected(found, metres, viewer, ray, origin, still, intrinsics, size);
            }
            return found;
        }
    """
    off = []
    for steps in (0, 3):
        got = evaluate(pixels, tmp_path, f"search(a.xyz, {steps})", [rows(*rays.T)], search)
        seen = (expected[:, 3] > 0) & (got[:, 3] > 0)
        assert seen.sum() > 300
        off.append(float(np.abs((got - expected)[seen, :2] * SIZE).max()))
    assert off[0] > 5, "the viewer stands too near to the frame's camera for this to prove anything"
    assert off[1] < 0.1, f"{off[1]:.2f} pixels off after three steps"


# ---------------------------------------------------------------- the plugins' own passes


def draw_pass(
    pixels: Pixels,
    folder: Path,
    entry: EntryPoint,
    textures: dict[str, Rows],
    constants: dict[str, Sequence[float]],
) -> Rows:
    """What a plugin's pass draws over ``scene.SIZE``."""
    binary = translate.spirv(entry.source, folder, stage=entry.stage, entry=entry.function)
    fragment = translate.glsl_of(binary, version="410")
    return pixels.draw(fragment, scene.SIZE, textures, translate.constants(binary, constants))


def one_channel(values: NDArray[np.float32]) -> Rows:
    return np.stack([values, *[np.zeros_like(values)] * 3], axis=-1)


@pytest.mark.parametrize("by_depth", [True, False])
@pytest.mark.parametrize("reversed_z", [True, False])
def test_unity_s_composite_pass_draws_what_numpy_composes(
    by_depth: bool, reversed_z: bool, pixels: Pixels, tmp_path: Path
) -> None:
    name = (
        f"{'Depth' if by_depth else 'FullScreen'} fragment, {'reversed' if reversed_z else 'forward'} depth"
    )
    device = scene.device(scene.engine_metres(), scene.FAR, reversed_z)
    drawn = draw_pass(
        pixels,
        tmp_path,
        ENTRY_POINTS[f"DreamportComposite {name}"],
        {  # Unity's v = 0 is the bottom row
            "BlitTexture": scene.engine_colour()[::-1],
            "CameraDepth": one_channel(device)[::-1],
            "DreamportDepth": one_channel(scene.frame_inverse()),
            "DreamportColour": scene.frame_colour(),
        },
        {
            "_DreamportPosition": scene.VIEWER,
            "_DreamportOrientation": scene.FRAME_ORIENTATION,
            "_DreamportIntrinsics": scene.FRAME_INTRINSICS,
            "_DreamportSize": (*scene.FRAME_SIZE, scene.DEPTH_NEAR, 1.0),
            "_DreamportViewerPosition": scene.VIEWER,
            "_DreamportViewerOrientation": scene.VIEWER_ORIENTATION,
            "_DreamportViewerIntrinsics": scene.VIEWER_INTRINSICS,
            "_DreamportPlanes": (scene.NEAR, scene.FAR, *scene.SIZE),
            "_DreamportBlend": (scene.OPACITY, scene.EDGE_M, 0.0),
        },
    )[::-1]
    expected, certain = scene.composed(by_depth, scene.engine_colour().astype(np.float64))
    assert certain.mean() > 0.8
    assert np.abs(drawn[..., :3] - expected)[certain].max() < 2e-3
    assert np.array_equal(drawn[..., 3], scene.engine_colour()[..., 3]), "the engine's alpha must stay"


@pytest.mark.parametrize("reversed_z", [True, False])
def test_unity_s_capture_pass_writes_the_contract_s_depth(
    reversed_z: bool, pixels: Pixels, tmp_path: Path
) -> None:
    name = f"InverseDepth fragment, {'reversed' if reversed_z else 'forward'} depth"
    metres = scene.engine_metres()
    drawn = draw_pass(
        pixels,
        tmp_path,
        ENTRY_POINTS[f"DreamportCapture {name}"],
        {"BlitTexture": one_channel(scene.device(metres, scene.FAR, reversed_z))},
        {"_DreamportCapture": (scene.NEAR, scene.FAR, scene.DEPTH_NEAR, 0.0)},
    )
    assert np.abs(drawn[..., 0] - reference.inverse_from_metres(metres, scene.DEPTH_NEAR)).max() < TOLERANCE


@pytest.mark.parametrize("by_depth", [True, False])
def test_unreal_s_composite_pass_draws_what_numpy_composes(
    by_depth: bool, pixels: Pixels, tmp_path: Path
) -> None:
    """In centimetres, with reversed depth to infinity, after the tonemapper: colours are display-coded."""
    device = scene.device(scene.engine_metres(), np.inf, True, 100.0)
    to_level = reference.rotation(scene.VIEWER_ORIENTATION)
    fx, fy, _, _ = scene.VIEWER_INTRINSICS
    width, height = scene.SIZE
    whole = {
        "ViewportSize": scene.SIZE,
        "ViewportSizeInverse": (1 / width, 1 / height),
        "UVViewportSize": (1, 1),
    }
    drawn = draw_pass(
        pixels,
        tmp_path,
        ENTRY_POINTS["DreamportComposite MainPS"],
        {
            "SceneColor": scene.engine_colour(),
            "SceneDepth": one_channel(device),
            "NeuralDepth": one_channel(scene.frame_inverse()),
            "NeuralColour": scene.frame_colour(),
        },
        {
            **{f"{side}_{name}": value for side in ("Input", "Output") for name, value in whole.items()},
            # 1 / (z * this - 0) is the distance when the device depth is near / distance.
            "View_InvDeviceZToWorldZTransform": (0.0, 0.0, 1 / (scene.NEAR * 100), 0.0),
            "ViewerPosition": scene.VIEWER,
            "RayForward": list(to_level[:, 2]),
            "RayRight": list(to_level[:, 0] * width / 2 / fx),
            "RayUp": list(-to_level[:, 1] * height / 2 / fy),
            "FramePosition": scene.VIEWER,
            "FrameOrientation": scene.FRAME_ORIENTATION,
            "FrameIntrinsics": scene.FRAME_INTRINSICS,
            "FrameSize": scene.FRAME_SIZE,
            "DepthNear": (scene.DEPTH_NEAR,),
            "LevelMetresPerUnit": (0.01,),
            "Opacity": (scene.OPACITY,),
            "EdgeWidth": (scene.EDGE_M,),
            "bByDepth": (by_depth,),
        },
    )
    expected, certain = scene.composed(by_depth, reference.linear(scene.engine_colour()))
    assert np.abs(drawn[..., :3] - reference.coded(expected))[certain].max() < 4e-3
    assert np.array_equal(drawn[..., 3], scene.engine_colour()[..., 3]), "the engine's alpha must stay"


# ---------------------------------------------------------------- both engines


def test_the_plugins_hold_the_same_composite() -> None:
    command = [sys.executable, str(PLUGIN_COPIES), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_both_plugins_have_shaders_to_check() -> None:
    names = " ".join(ENTRY_POINTS)
    assert "fragment" in names and "PS" in names


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_a_plugin_s_shader_compiles_with_glslang(name: str, tmp_path: Path) -> None:
    """Against stubs of the engines' own shader files: no engine's compiler runs here."""
    entry = ENTRY_POINTS[name]
    translate.spirv(entry.source, tmp_path, stage=entry.stage, entry=entry.function)


@pytest.fixture(scope="module")
def dxc_library() -> Path:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the shader compiler's library is for Linux x64")
    try:
        return dxc.library(Path(user_cache_dir("dreamport")) / "dxc")
    except dxc.DownloadError as error:
        requires.lacking(f"needs Microsoft's shader compiler: {error}")


@pytest.mark.parametrize("version", ["2018", "2021"])
def test_microsoft_s_compiler_takes_the_composite_without_a_warning(
    version: str, dxc_library: Path, tmp_path: Path
) -> None:
    path = tmp_path / "composite.hlsl"
    composite = (translate.SHADERS / "DreamportComposite.hlsl").read_text(encoding="utf-8")
    path.write_text(composite + "\nfloat4 main() : SV_Target { return 0; }\n", encoding="utf-8")
    assert dxc.complaints(dxc_library, path, "ps_6_0", "main", "-HV", version, "-Wall", "-Gis") == ""


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_microsoft_s_compiler_takes_a_plugin_s_shader(name: str, dxc_library: Path, tmp_path: Path) -> None:
    entry = ENTRY_POINTS[name]
    path = tmp_path / "shader.hlsl"
    path.write_text(entry.source, encoding="utf-8")
    profile = {"vert": "vs_6_0", "frag": "ps_6_0", "comp": "cs_6_0"}[entry.stage]
    assert dxc.complaints(dxc_library, path, profile, entry.function, "-HV", "2021") == ""
