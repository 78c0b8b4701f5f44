"""Executors agree with each other, say what they are, and keep the generator's promises with real graphs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamport.errors import ExecutorError, PackError
from dreamport.executors import Executor, auto_reason, available_executors, open_executor
from dreamport.executors.gpu import Gpu
from dreamport.executors.measuring import Measured, keep_measurements, kept_measurements
from dreamport.executors.openvino import OpenVINOExecutor, compiled_cache_path
from dreamport.generator import FrameControl, GeneratedFrame, Generator
from dreamport.worlds import GRAPHS, TensorSpec, WorldPack, open_pack, signatures
from stub_worlds import chunk, graph_bytes, model_bytes, node, tensor, write_stub_pack

TOLERANCE = 2e-3
"""Largest difference between OpenVINO and torch on any output of any graph, for inputs and outputs of about
one.
"""

BF16_TOLERANCE = 0.02
"""Mean difference of any output in bfloat16, whose numbers have 8 bits, as a share of the outputs' mean size
or of one.
"""

EDGE_PIXELS = 0.01
"""Share of reprojected pixels that may differ: where a point falls on the edge of a pixel, rounding
decides.
"""


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return write_stub_pack(tmp_path_factory.mktemp("stub") / "room")


@pytest.fixture(scope="module")
def on_openvino(stub: WorldPack) -> Iterator[Executor]:
    executor = open_executor(stub, "openvino", threads=1, precision="f32", cache=False)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def tiny(tiny_pack: Path) -> WorldPack:
    return open_pack(tiny_pack)


@pytest.fixture(scope="module")
def tiny_openvino(tiny: WorldPack) -> Iterator[Executor]:
    executor = open_executor(tiny, "openvino", threads=1, precision="f32", cache=False)
    yield executor
    executor.close()


def drawn(spec: TensorSpec, rng: np.random.Generator) -> NDArray[Any]:
    """A plausible input: pictures and controls in 0..1, the rest standard normal."""
    if spec.dtype == "int64":
        return np.zeros(spec.shape, np.int64)
    plain = spec.name in ("colour", "inverse_depth", "sigma", "control", "hint_colour", "hint_inverse_depth")
    array = rng.uniform(0, 1, spec.shape) if plain else rng.standard_normal(spec.shape)
    if spec.name == "hint_valid":
        array = (array > 0).astype(np.float32)
    return array.astype(np.float32)


def feeds_of(pack: WorldPack, graph: str, seed: int = 0) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    feeds = {spec.name: drawn(spec, rng) for spec in signatures(pack.manifest)[graph].inputs}
    if graph == "denoise":
        feeds["cache_length"][0] = 2 * pack.manifest.cache.tokens_per_frame
    if graph == "reproject":
        camera = pack.manifest.camera.intrinsics().as_array()
        feeds["inverse_depth"] = np.full_like(feeds["inverse_depth"], 0.1)
        feeds["target_from_source"] = np.tile(np.eye(4, dtype=np.float32), (len(feeds["colour"]), 1, 1))
        feeds["target_from_source"][1:, 0, 3] = 0.2
        feeds["intrinsics"] = np.tile(camera, (len(feeds["colour"]), 1))
        feeds["target_intrinsics"] = camera
    if graph == "motion":
        feeds["state"][0, :6] = 0, 0, 0, 0, 1, 0
        feeds["state"][0, 6:] *= 0.1
    return feeds


def hide(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """As if a module were not installed."""
    monkeypatch.setattr(
        "dreamport.executors.find_spec", lambda name: None if name == module else find_spec(name)
    )


class TestOpening:
    def test_auto_is_openvino_on_a_cpu_and_says_what_it_is(self, stub: WorldPack) -> None:
        executor = open_executor(stub, threads=1, cache=False)
        assert (executor.name, executor.threads) == ("openvino", 1)
        assert executor.precision in ("f32", "bf16")
        assert executor.fallback_reason is None
        assert executor.device

    def test_an_unknown_executor_is_refused_by_name(self, stub: WorldPack) -> None:
        with pytest.raises(ExecutorError, match="'abacus' is not known; use auto, openvino, torch"):
            open_executor(stub, "abacus")

    @pytest.mark.parametrize("name", ["openvino", "torch"])
    def test_no_threads_are_refused(self, tiny: WorldPack, name: str) -> None:
        with pytest.raises(ExecutorError, match="threads must be 1 or more"):
            open_executor(tiny, name, threads=0, cache=False)

    def test_a_precision_that_does_not_exist_is_refused(self, stub: WorldPack) -> None:
        with pytest.raises(ExecutorError, match="'f8' is not known; use auto, f32, bf16"):
            open_executor(stub, "openvino", precision="f8", cache=False)

    def test_bf16_runs_as_bf16_or_says_why_not(self, stub: WorldPack) -> None:
        executor = open_executor(stub, "openvino", threads=1, precision="bf16", cache=False)
        if executor.precision == "bf16":
            assert executor.fallback_reason is None
        else:
            assert executor.precision == "f32"
            assert "no bfloat16" in (executor.fallback_reason or "")

    def test_a_missing_torch_is_named_with_its_remedy(
        self, stub: WorldPack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hide(monkeypatch, "torch")
        with pytest.raises(ExecutorError, match=r"pip install 'dreamport\[train\]'"):
            open_executor(stub, "torch")
        assert available_executors()["openvino"] is None

    def test_auto_falls_back_to_torch_and_says_why(
        self, tiny: WorldPack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hide(monkeypatch, "openvino")
        executor = open_executor(tiny)
        assert executor.name == "torch"
        assert "openvino cannot run here (openvino is not installed" in (executor.fallback_reason or "")

    def test_a_named_executor_never_falls_back(
        self, tiny: WorldPack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hide(monkeypatch, "openvino")
        with pytest.raises(ExecutorError, match="openvino is not installed"):
            open_executor(tiny, "openvino")

    def test_a_pack_without_weights_cannot_run_on_torch(self, stub: WorldPack) -> None:
        pytest.importorskip("torch")
        with pytest.raises(PackError, match="no weights for graph 'encode'"):
            open_executor(stub, "torch")

    def test_importing_the_package_brings_neither_torch_nor_onnx(self) -> None:
        """In a process of its own, because this one may hold them already."""
        code = (
            "import sys, dreamport.executors.openvino, dreamport.generator, dreamport.worlds;"
            "sys.exit(any(name in sys.modules for name in ('torch', 'onnx')))"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestChoosingTheFastest:
    """As on a machine with a GPU, with two executors of this machine as the candidates."""

    @pytest.fixture(autouse=True)
    def two_candidates(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("dreamport.executors.candidates", lambda: ("torch", "openvino"))
        monkeypatch.setattr("dreamport.executors.measuring.user_cache_dir", lambda *_, **__: str(tmp_path))

    def test_auto_measures_once_says_so_and_takes_the_fastest(
        self, tiny: WorldPack, caplog: pytest.LogCaptureFixture
    ) -> None:
        executor = open_executor(tiny, threads=1, cache=False)
        measured = kept_measurements(tiny)
        assert measured is not None
        assert {one.executor for one in measured} == {"torch", "openvino"}
        times = {one.executor: one.frame_ms or 0.0 for one in measured}
        assert min(times.values()) > 0.0
        assert executor.name == min(times, key=times.__getitem__)
        assert executor.fallback_reason is None
        assert "measuring torch with world" in caplog.text
        assert f"auto takes {executor.name}: {executor.name} {times[executor.name]:.1f} ms" in caplog.text
        assert auto_reason(tiny).startswith(f"the fastest measured with this world: {executor.name} ")
        caplog.clear()
        assert open_executor(tiny, threads=1, cache=False).name == executor.name
        assert "measuring" not in caplog.text

    @pytest.mark.parametrize(("slow", "fast"), [("torch", "openvino"), ("openvino", "torch")])
    def test_auto_believes_what_was_measured(self, tiny: WorldPack, slow: str, fast: str) -> None:
        keep_measurements(tiny, [Measured(slow, frame_ms=9.0), Measured(fast, frame_ms=3.0)])
        assert open_executor(tiny, threads=1, cache=False).name == fast

    def test_the_fastest_that_cannot_run_now_is_passed_over_and_named(self, tiny: WorldPack) -> None:
        keep_measurements(tiny, [Measured("tensorrt", frame_ms=1.0), Measured("openvino", frame_ms=5.0)])
        keep_measurements(tiny, [Measured("torch", frame_ms=6.0)])
        executor = open_executor(tiny, threads=1, cache=False)
        assert executor.name == "openvino"
        assert "tensorrt was measured to be the fastest and cannot run now" in (
            executor.fallback_reason or ""
        )

    def test_one_that_fails_is_part_of_the_measurement(self, stub: WorldPack) -> None:
        """The stub world has no weights for torch."""
        assert open_executor(stub, threads=1, cache=False).name == "openvino"
        failed = next(one for one in kept_measurements(stub) or () if one.executor == "torch")
        assert "no weights" in (failed.problem or "")

    def test_another_driver_or_version_is_measured_anew(
        self, tiny: WorldPack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep_measurements(tiny, [Measured("openvino", frame_ms=5.0)])
        assert kept_measurements(tiny) is not None
        gpu = Gpu("GPU", (8, 9), "570.1", 1)
        monkeypatch.setattr("dreamport.executors.measuring.find_gpu", lambda: gpu)
        assert kept_measurements(tiny) is None


class TestTorchCompiled:
    def test_every_graph_compiles_without_a_break_and_gives_what_eager_gives(self, tiny: WorldPack) -> None:
        """Captured as on a GPU; there the kernels come from inductor."""
        pytest.importorskip("torch")
        from dreamport.executors.torch import TorchExecutor

        eager = TorchExecutor(tiny, 1, device="cpu")
        compiled = TorchExecutor(tiny, 1, device="cpu", compiler="aot_eager")
        for graph in signatures(tiny.manifest):
            feeds = feeds_of(tiny, graph)
            wanted = eager.run(graph, feeds)
            for name, array in compiled.run(graph, feeds).items():
                np.testing.assert_allclose(array, wanted[name], atol=1e-5, err_msg=f"{graph} {name}")

    def test_every_graph_goes_wholly_to_the_device_it_is_put_on(self, tiny: WorldPack) -> None:
        """On ``meta``, where a constant left behind on the CPU fails as it would on a GPU."""
        torch = pytest.importorskip("torch")
        from dreamport.executors.torch import load

        for graph, signature in signatures(tiny.manifest).items():
            feeds = {
                spec.name: torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype), device="meta")
                for spec in signature.inputs
            }
            with torch.inference_mode():
                outputs = load(tiny, graph).to("meta")(**feeds)
            assert {tensor.device.type for tensor in outputs.values()} == {"meta"}, graph

    def test_asking_for_a_gpu_that_torch_does_not_see_says_why(self, tiny: WorldPack) -> None:
        torch = pytest.importorskip("torch")
        from dreamport.executors.torch import TorchExecutor

        if torch.cuda.is_available():
            pytest.skip("torch sees a GPU here")
        with pytest.raises(ExecutorError, match=r"torch sees no NVIDIA GPU.*--executor openvino"):
            TorchExecutor(tiny, device="cuda")


class TestRunning:
    def test_gives_outputs_by_the_contracts_names_in_its_order(
        self, stub: WorldPack, on_openvino: Executor
    ) -> None:
        """The stub graphs give a ramp plus the mean of every input: known exactly."""
        for graph, signature in signatures(stub.manifest).items():
            feeds = feeds_of(stub, graph)
            outputs = on_openvino.run(graph, feeds)
            assert list(outputs) == [spec.name for spec in signature.outputs]
            mean = sum(float(array.mean()) for array in feeds.values())
            for spec in signature.outputs:
                ramp = np.linspace(0, 0.5, int(np.prod(spec.shape)), dtype=np.float32).reshape(spec.shape)
                np.testing.assert_allclose(outputs[spec.name], ramp + mean, atol=1e-4)

    def test_gives_arrays_that_later_runs_do_not_touch(self, stub: WorldPack, on_openvino: Executor) -> None:
        first = on_openvino.run("encode", feeds_of(stub, "encode", 1))["latent"]
        kept = first.copy()
        on_openvino.run("encode", feeds_of(stub, "encode", 2))
        np.testing.assert_array_equal(first, kept)

    def test_gives_the_same_numbers_every_time(self, stub: WorldPack, on_openvino: Executor) -> None:
        for graph in GRAPHS:
            runs = [on_openvino.run(graph, feeds_of(stub, graph)) for _ in range(3)]
            for name, array in runs[0].items():
                np.testing.assert_array_equal(array, runs[1][name])
                np.testing.assert_array_equal(array, runs[2][name])

    def test_reads_what_lies_in_a_feed_now_and_not_before(
        self, stub: WorldPack, on_openvino: Executor
    ) -> None:
        feeds = feeds_of(stub, "encode")
        before = on_openvino.run("encode", feeds)["latent"]
        feeds["colour"] += 1.0
        np.testing.assert_allclose(on_openvino.run("encode", feeds)["latent"], before + 1.0, atol=1e-4)

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            (lambda feeds: feeds.pop("colour"), "was not fed colour"),
            (lambda feeds: feeds.update(colour=feeds["colour"][:, :2]), "takes contiguous float32"),
            (lambda feeds: feeds.update(colour=feeds["colour"].astype(np.float64)), "float64"),
            (lambda feeds: feeds.update(colour=feeds["colour"][..., ::-1]), "takes contiguous"),
            (lambda feeds: feeds.update(extra=feeds["colour"]), "takes no extra"),
        ],
    )
    def test_refuses_feeds_that_are_not_the_graphs(
        self, stub: WorldPack, on_openvino: Executor, spoil: Any, reason: str
    ) -> None:
        feeds = feeds_of(stub, "encode")
        spoil(feeds)
        with pytest.raises(ExecutorError, match=reason):
            on_openvino.run("encode", feeds)

    def test_refuses_an_unknown_graph(self, on_openvino: Executor) -> None:
        with pytest.raises(ExecutorError, match="'dream' is not loaded"):
            on_openvino.run("dream", {})

    def test_runs_nothing_once_closed(self, stub: WorldPack) -> None:
        executor = open_executor(stub, "openvino", threads=1, cache=False)
        executor.close()
        with pytest.raises(ExecutorError, match="is not loaded"):
            executor.run("encode", feeds_of(stub, "encode"))


class TestHostileGraphs:
    def pack_with(self, stub: WorldPack, graph: bytes) -> WorldPack:
        """The stub pack with another ``encode`` graph; ``check_graph`` is passed by, to try the second
        line.
        """

        class Spoiled(WorldPack):
            def graph(self, name: str) -> bytes:
                return model_bytes(graph) if name == "encode" else super().graph(name)

        return Spoiled(stub.manifest, stub.digest, stub.source)

    def test_refuses_sizes_that_depend_on_the_input(self, stub: WorldPack) -> None:
        extra = chunk(1, node("NonZero", ["colour"], ["places"])) + chunk(
            1, node("Shape", ["places"], ["unused"])
        )
        signature = signatures(stub.manifest)["encode"]
        data = graph_bytes(signature) + extra
        data += chunk(12, chunk(1, "places"))
        with pytest.raises(PackError, match="depend on its input"):
            OpenVINOExecutor(self.pack_with(stub, data), threads=1)

    def test_refuses_tensors_that_would_fill_memory(self, stub: WorldPack) -> None:
        import onnx
        from onnx import helper, numpy_helper

        model = onnx.load_from_string(stub.graph("encode"))
        shape = numpy_helper.from_array(np.array([1 << 15, 1 << 15], np.int64), "large")
        model.graph.initializer.append(shape)
        model.graph.node.append(helper.make_node("Expand", ["all_means", "large"], ["filled"]))
        model.graph.node.append(helper.make_node("ReduceSum", ["filled"], ["sum"], keepdims=0))
        model.graph.output.append(helper.make_tensor_value_info("sum", 1, []))
        with pytest.raises(PackError, match="more than 268435456 elements"):
            OpenVINOExecutor(self.pack_with(stub, model.graph.SerializeToString()), threads=1)

    def test_says_which_world_openvino_cannot_compile(self, stub: WorldPack) -> None:
        broken = graph_bytes(signatures(stub.manifest)["encode"]) + chunk(
            1, node("NoSuchOperator", ["colour"], ["latent_again"])
        )
        broken += chunk(12, chunk(1, "latent_again")) + chunk(5, tensor("w", np.zeros(1)))
        with pytest.raises(ExecutorError, match=r"cannot compile world stub-room.*dreamport doctor"):
            OpenVINOExecutor(self.pack_with(stub, broken), threads=1)


class TestManyWorlds:
    def test_a_signal_is_handled_after_worlds_were_opened_and_closed_in_turn(
        self, stub: WorldPack, tmp_path: Path
    ) -> None:
        program = """
import os, signal, sys
from dreamport.executors import open_executor
from dreamport.worlds import open_pack

heard = []
signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
first = open_executor(open_pack(sys.argv[1]), "openvino", threads=1, cache=False)
second = open_executor(open_pack(sys.argv[1]), "openvino", threads=1, cache=False)
for executor in (first, second):
    executor.close()
del first, second, executor
os.kill(os.getpid(), signal.SIGINT)
print(len(heard))
"""
        done = subprocess.run(
            [sys.executable, "-c", program, str(stub.path)],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr


class TestCompiledCache:
    def test_fills_a_folder_and_gives_the_same_numbers_from_it(self, stub: WorldPack, tmp_path: Path) -> None:
        first = OpenVINOExecutor(stub, threads=1, cache_path=tmp_path)
        blobs = sorted(tmp_path.rglob("*.blob"))
        assert len(blobs) == len(GRAPHS)
        again = OpenVINOExecutor(stub, threads=1, cache_path=tmp_path)
        feeds = feeds_of(stub, "denoise")
        for name, array in first.run("denoise", feeds).items():
            np.testing.assert_array_equal(array, again.run("denoise", feeds)[name])

    def test_rebuilds_what_is_damaged(self, stub: WorldPack, tmp_path: Path) -> None:
        OpenVINOExecutor(stub, threads=1, cache_path=tmp_path)
        for blob in tmp_path.rglob("*.blob"):
            blob.write_bytes(blob.read_bytes()[:100])
        executor = OpenVINOExecutor(stub, threads=1, cache_path=tmp_path)
        assert executor.run("encode", feeds_of(stub, "encode"))["latent"].shape == (1, 4, 6, 10)

    def test_is_apart_for_every_pack_and_version(
        self, stub: WorldPack, tiny: WorldPack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = importlib.import_module("dreamport.executors.openvino")
        paths = {compiled_cache_path(stub), compiled_cache_path(tiny)}
        monkeypatch.setattr(module, "__version__", "99.0")
        paths.add(compiled_cache_path(stub))
        assert len(paths) == 3


class TestAgreement:
    @pytest.mark.parametrize("graph", ["encode", "denoise", "decode", "motion"])
    def test_openvino_gives_what_torch_gives(
        self, tiny: WorldPack, tiny_openvino: Executor, graph: str
    ) -> None:
        reference = open_executor(tiny, "torch")
        for seed in range(3):
            feeds = feeds_of(tiny, graph, seed)
            wanted = reference.run(graph, feeds)
            for name, array in tiny_openvino.run(graph, feeds).items():
                np.testing.assert_allclose(array, wanted[name], atol=TOLERANCE, rtol=TOLERANCE, err_msg=name)

    def test_bf16_stays_near_f32(self, tiny: WorldPack, tiny_openvino: Executor) -> None:
        half = open_executor(tiny, "openvino", threads=1, precision="bf16", cache=False)
        if half.precision != "bf16":
            pytest.skip(half.fallback_reason or "no bfloat16 here")
        for graph in GRAPHS:
            feeds = feeds_of(tiny, graph)
            wanted = tiny_openvino.run(graph, feeds)
            for name, array in half.run(graph, feeds).items():
                error = np.abs(array - wanted[name])
                assert error.mean() < BF16_TOLERANCE * max(1.0, float(np.abs(wanted[name]).mean())), (
                    graph,
                    name,
                )
                if graph in ("reproject", "motion"):
                    np.testing.assert_array_equal(array, wanted[name])

    def test_openvino_reprojects_as_torch_does(self, tiny: WorldPack, tiny_openvino: Executor) -> None:
        reference = open_executor(tiny, "torch")
        feeds = feeds_of(tiny, "reproject")
        wanted = reference.run("reproject", feeds)
        assert 0.5 < float(wanted["valid"].mean()) <= 1.0
        for name, array in tiny_openvino.run("reproject", feeds).items():
            differs = np.abs(array - wanted[name]) > TOLERANCE
            assert differs.mean() <= EDGE_PIXELS, name

    def test_the_cache_matters_as_far_as_it_is_valid(self, tiny: WorldPack, tiny_openvino: Executor) -> None:
        feeds = feeds_of(tiny, "denoise")
        valid = int(feeds["cache_length"][0])
        before = tiny_openvino.run("denoise", feeds)["velocity"]
        feeds["cache_v"][:, :, valid:] += 9.0
        np.testing.assert_array_equal(tiny_openvino.run("denoise", feeds)["velocity"], before)
        feeds["cache_v"][:, :, :valid] += 9.0
        assert np.abs(tiny_openvino.run("denoise", feeds)["velocity"] - before).max() > 1e-3


def walk(steps: int) -> list[FrameControl]:
    return [FrameControl(buttons=1 << i % 4, look_deg=(float(i % 7) - 3.0, 0.0)) for i in range(steps)]


def play(generator: Generator, controls: list[FrameControl]) -> list[GeneratedFrame]:
    return [generator.step(control) for control in controls]


def assert_same(first: list[GeneratedFrame], second: list[GeneratedFrame]) -> None:
    for a, b in zip(first, second, strict=True):
        assert a.pose == b.pose
        np.testing.assert_array_equal(a.colour, b.colour)
        np.testing.assert_array_equal(a.depth, b.depth)


class TestGeneratorOnOpenVINO:
    def test_plays_the_same_frames_from_the_same_seed(self, tiny: WorldPack, tiny_openvino: Executor) -> None:
        runs = [play(Generator(tiny, tiny_openvino, 3), walk(8)) for _ in range(2)]
        assert_same(*runs)
        other = play(Generator(tiny, tiny_openvino, 4), walk(8))
        assert any((a.colour != b.colour).any() for a, b in zip(runs[0], other, strict=True))

    def test_goes_on_from_a_snapshot_bit_by_bit(self, tiny: WorldPack, tiny_openvino: Executor) -> None:
        generator = Generator(tiny, tiny_openvino, 3)
        play(generator, walk(6))
        saved = generator.snapshot()
        ahead = play(generator, walk(6))
        other = Generator(tiny, tiny_openvino, 99)
        other.restore(saved)
        assert_same(play(other, walk(6)), ahead)

    def test_walks_forward_when_forward_is_held(self, tiny: WorldPack, tiny_openvino: Executor) -> None:
        generator = Generator(tiny, tiny_openvino, 3)
        frames = play(generator, [FrameControl(buttons=1)] * 5)
        ahead = generator.start_frame.pose.matrix()[:3, 2]
        way = np.array(frames[-1].pose.position) - np.array(generator.start_frame.pose.position)
        assert float(way @ ahead) > 0.05

    def test_gives_what_torch_gives(self, tiny: WorldPack, tiny_openvino: Executor) -> None:
        """Four frames free-running: what differs in the last digits has no time to grow."""
        reference = play(Generator(tiny, open_executor(tiny, "torch"), 3), walk(4))
        for a, b in zip(play(Generator(tiny, tiny_openvino, 3), walk(4)), reference, strict=True):
            np.testing.assert_allclose(a.pose.matrix(), b.pose.matrix(), atol=1e-4)
            assert np.abs(a.colour.astype(int) - b.colour.astype(int)).mean() < 0.5
            assert a.depth is not None
            assert b.depth is not None
            assert np.median(np.abs(a.depth - b.depth) / b.depth) < 5e-3
