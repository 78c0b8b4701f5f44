"""Engines are built without a GPU for every kind of GPU, kept with what they were made for, refused when they
do not fit, and run with the cache in the GPU's memory.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

import requires
from dreamport.errors import ExecutorError
from dreamport.executors import available_executors, candidates, open_executor
from dreamport.executors.base import DeviceArray, FrameCache
from dreamport.executors.gpu import Gpu, find_gpu
from dreamport.executors.openvino import OpenVINOExecutor
from dreamport.executors.tensorrt.cache import GpuCache
from dreamport.executors.tensorrt.executor import TensorRTExecutor
from dreamport.executors.tensorrt.library import Library, library_for
from dreamport.executors.tensorrt.memory import CudaMemory, HeldArray
from dreamport.executors.tensorrt.store import EngineKey, EngineStore, StaleEngineError, engine_key
from dreamport.executors.tensorrt.targets import TARGETS, named_target, target_of
from dreamport.generator import FrameControl, Generator
from dreamport.generator.cache import AttentionCache
from dreamport.worlds import WorldPack, open_pack
from dreamport.worlds.manifest import CacheShape
from stub_tensorrt import (
    STUB_GPU,
    PointerMemory,
    StubMemory,
    StubTensorRT,
    keep_stub_engines,
    stub_machine,
)

if TYPE_CHECKING:
    from dreamport.executors.torch_engine import TorchEngine

CARD = dataclasses.replace


@pytest.fixture(scope="module")
def default(default_world: Path) -> WorldPack:
    return open_pack(default_world)


@pytest.fixture(scope="module")
def tiny(tiny_pack: Path) -> WorldPack:
    return open_pack(tiny_pack)


@pytest.fixture
def library() -> Library:
    requires.package("tensorrt_rtx", extra="tensorrt")
    return library_for()


@dataclasses.dataclass(frozen=True)
class Step:
    """An ONNX graph, inputs for it, and what torch gives for them."""

    graph: bytes
    feeds: dict[str, np.ndarray]
    wanted: list[np.ndarray]


@pytest.fixture(scope="module")
def step() -> Step:
    requires.package("torch", extra="train")
    import torch

    from dreamport.models.lingbot.config import LINGBOT_TINY
    from dreamport.models.lingbot.export import StepGraph, step_graph, step_inputs
    from dreamport.models.lingbot.transformer import LingBotTransformer

    torch.manual_seed(0)
    model = LingBotTransformer(LINGBOT_TINY).eval()
    inputs = step_inputs(model, 8, 8, LINGBOT_TINY.history_frames)
    with torch.inference_mode():
        wanted = StepGraph(model)(**inputs)
    graph = step_graph(model, 8, 8, LINGBOT_TINY.history_frames)
    feeds = {name: tensor.numpy() for name, tensor in inputs.items()}
    return Step(graph, feeds, [tensor.numpy() for tensor in wanted])


def no_gpu() -> str:
    found = find_gpu()
    if not isinstance(found, str):
        pytest.skip("this test is about machines without a GPU")
    return found


class TestBuildingWithoutAGpu:
    @pytest.mark.parametrize("name", list(TARGETS))
    def test_makes_the_default_worlds_engines_for_every_series(
        self, default: WorldPack, library: Library, name: str, tmp_path: Path
    ) -> None:
        from dreamport.executors.tensorrt.engines import engines

        steps: list[tuple[str, int, int]] = []
        store = EngineStore(tmp_path)

        def told(graph: str, done: int, total: int) -> None:
            steps.append((graph, done, total))

        made = list(engines(default, library, named_target(name), None, store, told=told))
        assert [engine.graph for engine in made] == ["encode", "denoise", "decode"]
        for engine in made:
            assert engine.path.read_bytes() == engine.data
            assert len(engine.data) < len(default.graph(engine.graph)) * 3
            done, total = next((a, b) for graph, a, b in reversed(steps) if graph == engine.graph)
            assert done == total
        again = list(engines(default, library, named_target(name), None, store))
        assert [engine.seconds for engine in again] == [0.0] * 3

    def test_says_what_turing_cannot_do_in_float32(self, default: WorldPack, library: Library) -> None:
        from dreamport.executors.tensorrt.build import build_engine

        with pytest.raises(ExecutorError, match=r"cannot build denoise for rtx20 \(sm75\).*FP32 GEMM"):
            build_engine(library, default.graph("denoise"), named_target("rtx20"), "denoise", "f32")

    def test_names_an_operator_that_tensorrt_has_not(self, default: WorldPack, library: Library) -> None:
        from dreamport.executors.tensorrt.build import build_engine

        with pytest.raises(
            ExecutorError, match=r"cannot build reproject .*Unsupported reduction.*--executor"
        ):
            build_engine(library, default.graph("reproject"), named_target("rtx40"), "reproject", "f32")

    def test_an_engine_is_not_loaded_where_there_is_no_driver(
        self, default: WorldPack, library: Library
    ) -> None:
        from dreamport.executors.tensorrt.build import build_engine
        from dreamport.executors.tensorrt.engine_run import check_engine

        no_gpu()
        data = build_engine(library, default.graph("encode"), named_target("rtx40"), "encode")
        trt = library.module
        runtime = trt.Runtime(trt.Logger(trt.Logger.INTERNAL_ERROR))
        with pytest.raises(ExecutorError, match=r"the engine cannot run here: .*dreamport doctor"):
            check_engine(library, runtime, data, "the engine")


class TestLingBotStep:
    """One pass of a scaled-down LingBot transformer (2 layers, dim 256), its cache coming in as inputs."""

    @pytest.mark.parametrize("name", list(TARGETS))
    def test_becomes_an_engine_for_every_series_without_a_gpu(
        self, step: Step, library: Library, name: str
    ) -> None:
        from dreamport.executors.tensorrt.build import build_engine

        engine = build_engine(library, step.graph, named_target(name), "the step")
        assert len(step.graph) / 2 < len(engine) < len(step.graph) * 2

    def test_in_half_gives_what_torch_gives(self, step: Step) -> None:
        requires.package("onnx", extra="tensorrt")
        import onnx
        from onnx.reference import ReferenceEvaluator

        from dreamport.executors.tensorrt.half import with_half_matrices

        half = ReferenceEvaluator(onnx.load_from_string(with_half_matrices(step.graph)))
        for given, wanted in zip(half.run(None, step.feeds), step.wanted, strict=True):
            assert given.dtype == np.float32
            assert 0 < np.abs(given - wanted).max() < 0.01 * max(1.0, float(np.abs(wanted).max()))


class TestHalf:
    @pytest.mark.parametrize("graph", ["encode", "denoise", "decode"])
    def test_matrix_work_in_16_bits_stays_near_the_graph_as_it_was(self, tiny: WorldPack, graph: str) -> None:
        """ONNX's own reference computes both, rounding float16 as it is."""
        requires.package("onnx", extra="tensorrt")
        import onnx
        from onnx.reference import ReferenceEvaluator

        from dreamport.executors.tensorrt.half import MATRIX_OPERATORS, with_half_matrices
        from test_executors import feeds_of

        half = onnx.load_from_string(with_half_matrices(tiny.graph(graph)))
        onnx.checker.check_model(half)
        types = {value.name: value.type.tensor_type.elem_type for value in half.graph.input}
        assert set(types.values()) <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
        inferred = onnx.shape_inference.infer_shapes(half).graph
        kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
        products = [node for node in inferred.node if node.op_type in MATRIX_OPERATORS]
        assert products
        assert all(kinds[node.output[0]] == onnx.TensorProto.FLOAT16 for node in products)
        feeds = feeds_of(tiny, graph)
        wanted = ReferenceEvaluator(onnx.load_from_string(tiny.graph(graph))).run(None, feeds)
        for a, b in zip(ReferenceEvaluator(half).run(None, feeds), wanted, strict=True):
            assert a.dtype == b.dtype
            assert 0 < np.abs(a - b).max() < 0.02 * max(1.0, float(np.abs(b).max()))


KEY = EngineKey("tensorrt", "11.4", "sm90", "f16", "a" * 64, "denoise", "b" * 64, "H200", "580.65")


class TestStore:
    def test_gives_back_what_was_put_there_for_the_same_key_only(self, tmp_path: Path) -> None:
        store = EngineStore(tmp_path)
        store.put(KEY, b"engine")
        assert store.get(KEY) == b"engine"
        for field, value in {"sm": "sm89", "driver": "570.1", "version": "11.5", "gpu": "H100"}.items():
            assert store.get(CARD(KEY, **{field: value})) is None

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"driver": "570.1"}, "was made for driver 580.65 and this machine has 570.1"),
            ({"version": "11.5"}, "was made by tensorrt 11.4 and tensorrt 11.5 is installed"),
            ({"gpu": "H100"}, "was made for H200 and this GPU is H100"),
        ],
    )
    def test_says_what_an_engine_that_does_not_fit_was_made_for(
        self, tmp_path: Path, change: dict[str, str], reason: str
    ) -> None:
        store = EngineStore(tmp_path)
        path = store.put(KEY, b"engine")
        wanted = CARD(KEY, **change)
        assert reason in (store.elsewhere(wanted) or "")
        moved = store.path(wanted)
        moved.parent.mkdir(parents=True)
        moved.write_bytes(path.read_bytes())
        moved.with_suffix(".json").write_bytes(path.with_suffix(".json").read_bytes())
        with pytest.raises(StaleEngineError, match=f"{reason}.*dreamport compile WORLD --for this"):
            store.get(wanted)

    def test_an_engine_of_another_world_is_refused(self, tmp_path: Path) -> None:
        store = EngineStore(tmp_path)
        path = store.put(KEY, b"engine")
        other = CARD(KEY, graph_digest="c" * 64)
        assert store.path(other) == path
        with pytest.raises(StaleEngineError, match="another version of this world"):
            store.get(other)

    @pytest.mark.parametrize("damage", [b"", b"engina", b"engine and more"])
    def test_a_damaged_engine_is_refused(self, tmp_path: Path, damage: bytes) -> None:
        store = EngineStore(tmp_path)
        store.put(KEY, b"engine").write_bytes(damage)
        with pytest.raises(StaleEngineError, match=r"damaged|not the file its record lists"):
            store.get(KEY)

    @pytest.mark.parametrize("damage", ["{", "[]", '{"library": "tensorrt"}', "{}"])
    def test_a_damaged_record_is_refused(self, tmp_path: Path, damage: str) -> None:
        store = EngineStore(tmp_path)
        store.put(KEY, b"engine").with_suffix(".json").write_text(damage)
        with pytest.raises(StaleEngineError, match="cannot be read"):
            store.get(KEY)

    def test_an_engine_without_its_record_is_as_good_as_absent(self, tmp_path: Path) -> None:
        store = EngineStore(tmp_path)
        store.put(KEY, b"engine").with_suffix(".json").unlink()
        assert store.get(KEY) is None


def test_tensorrt_itself_builds_only_where_its_gpu_is() -> None:
    library = Library("tensorrt", "11.4", None)
    with pytest.raises(
        ExecutorError, match=r"only on the GPU they are for; install tensorrt-rtx .* rtx40 here"
    ):
        engine_key(library, named_target("rtx40"), None, "f16", "a" * 64, "denoise", b"graph")


class TestTargets:
    def test_a_gpu_that_is_too_old_is_refused_with_what_to_do(self) -> None:
        old = Gpu("GeForce GTX 1080", (6, 1), "580.65", 8 << 30)
        with pytest.raises(ExecutorError, match=r"GTX 1080 is too old: .*6\.1.*7\.5.*--executor openvino"):
            target_of(old)

    def test_a_gpu_is_the_target_of_its_series(self) -> None:
        assert target_of(STUB_GPU) == TARGETS["rtx40"]
        assert target_of(Gpu("H200", (9, 0), "580.65", 1)).sm == "sm90"

    def test_a_gpu_that_the_library_has_no_code_for_is_named(self, library: Library) -> None:
        with pytest.raises(ExecutorError, match=r"no code for H200 .*9\.0.*install tensorrt there"):
            library.capability(target_of(Gpu("H200", (9, 0), "580.65", 1)))


SHAPE = CacheShape(layers=2, heads=2, head_dim=3, tokens_per_frame=2, sink_frames=1, window_frames=3)


def caches() -> Iterator[FrameCache]:
    """Caches in memory of their own that must do what the generator's does in numpy's."""
    yield GpuCache(StubMemory(1 << 20), SHAPE)
    requires.package("torch", extra="train")
    import torch

    from dreamport.executors.torch_memory import TorchCache

    yield TorchCache(SHAPE, torch.device("cpu"))


def frame_for(cache: FrameCache, array: np.ndarray) -> object:
    if isinstance(cache, GpuCache):
        memory = cache._memory
        held = HeldArray(memory, array.shape)
        memory.upload(held.address, array)
        return held
    import torch

    from dreamport.executors.torch_memory import TorchArray

    return TorchArray(torch.from_numpy(array))


class TestCacheInDeviceMemory:
    def test_holds_what_the_generators_holds_after_every_push(self) -> None:
        for cache in caches():
            reference = AttentionCache(SHAPE)
            rng = np.random.default_rng(0)
            for _ in range(9):
                k, v = rng.standard_normal((2, 2, 2, 2, 3)).astype(np.float32)
                reference.push(k, v)
                cache.push(frame_for(cache, k), frame_for(cache, v))
                np.testing.assert_array_equal(np.asarray(cache.k), reference.k)
                np.testing.assert_array_equal(np.asarray(cache.v), reference.v)
                assert (cache.frames, cache.length[0]) == (reference.frames, reference.length[0])

    def test_is_saved_and_filled_as_the_generators(self) -> None:
        for cache in caches():
            k, v = np.random.default_rng(1).standard_normal((2, 2, 2, 4, 3)).astype(np.float32)
            cache.fill(k, v)
            assert cache.frames == 2
            for saved, given in zip(cache.valid(), (k, v), strict=True):
                np.testing.assert_array_equal(saved, given)
            cache.clear()
            assert cache.frames == 0
            assert not np.asarray(cache.k).any()


class TestRunningOnAStubGpu:
    """OpenVINO does the arithmetic of the stub's engines, so every frame must be OpenVINO's to the bit."""

    def executor(
        self, tiny: WorldPack, store: EngineStore, memory: StubMemory, invalid_because: int = 0
    ) -> TensorRTExecutor:
        machine = stub_machine(tiny, memory, invalid_because=invalid_because)
        return TensorRTExecutor(tiny, 1, store=store, build=False, machine=machine)

    def test_plays_with_the_cache_on_the_gpu_what_openvino_plays(
        self, tiny: WorldPack, tmp_path: Path
    ) -> None:
        memory, store = StubMemory(), EngineStore(tmp_path)
        keep_stub_engines(tiny, stub_machine(tiny, memory), store)
        on_gpu = Generator(tiny, self.executor(tiny, store, memory), 3)
        on_cpu = Generator(tiny, OpenVINOExecutor(tiny, 1, "f32"), 3)
        controls = [FrameControl(buttons=1 << i % 3, look_deg=(float(i % 5), 0.0)) for i in range(7)]
        for control in controls:
            a, b = on_gpu.step(control), on_cpu.step(control)
            assert a.pose == b.pose
            np.testing.assert_array_equal(a.colour, b.colour)
        saved = on_gpu.snapshot()
        assert saved == on_cpu.snapshot()
        ahead = on_gpu.step(controls[0]).colour
        on_gpu.restore(saved)
        np.testing.assert_array_equal(on_gpu.step(controls[0]).colour, ahead)

    def test_keys_and_values_never_leave_the_gpu(self, tiny: WorldPack, tmp_path: Path) -> None:
        memory, store = StubMemory(), EngineStore(tmp_path)
        keep_stub_engines(tiny, stub_machine(tiny, memory), store)
        executor = self.executor(tiny, store, memory)
        generator = Generator(tiny, executor, 3)
        cache_bytes = int(np.prod(tiny.manifest.cache.shape)) * 4
        memory.uploaded.clear()
        held = set()
        for _ in range(4):
            generator.step(FrameControl())
            generator.finish()
            held.add(memory.in_use)
        assert len(held) == 1, "what a frame takes is given back"
        assert memory.uploaded
        assert cache_bytes not in memory.uploaded
        outputs = executor.run("denoise", _denoise_feeds(tiny, executor))
        assert isinstance(outputs["k"], DeviceArray)
        assert isinstance(outputs["velocity"], np.ndarray)

    def test_kernels_made_on_first_use_are_kept_for_this_gpu_and_driver(
        self, tiny: WorldPack, tmp_path: Path
    ) -> None:
        memory, store = StubMemory(), EngineStore(tmp_path)
        machine = stub_machine(tiny, memory)
        keep_stub_engines(tiny, machine, store)
        first = TensorRTExecutor(tiny, 1, store=store, build=False, machine=machine)
        assert machine.library.module.loaded_kernels == [b"", b"", b""]
        first.run("denoise", _denoise_feeds(tiny, first))
        kept = list(tmp_path.rglob("*.kernels"))
        assert [path.name for path in kept] == ["denoise.stub-gpu-4090-580.65.06.kernels"]
        TensorRTExecutor(tiny, 1, store=store, build=False, machine=machine)
        assert machine.library.module.loaded_kernels[3:] == [b"", b"stub kernels", b""]

    def test_an_engine_that_is_missing_is_named(self, tiny: WorldPack, tmp_path: Path) -> None:
        with pytest.raises(ExecutorError, match=r"no engine of graph encode.*dreamport compile WORLD --for"):
            self.executor(tiny, EngineStore(tmp_path), StubMemory())

    def test_engines_that_are_for_one_driver_are_refused_after_an_update(
        self, tiny: WorldPack, tmp_path: Path
    ) -> None:
        memory, store = StubMemory(), EngineStore(tmp_path)
        before = stub_machine(tiny, memory, library="tensorrt")
        keep_stub_engines(tiny, before, store)
        assert TensorRTExecutor(tiny, 1, store=store, build=False, machine=before).device.startswith(
            "Stub GPU"
        )
        updated = stub_machine(tiny, memory, CARD(STUB_GPU, driver="590.10"), library="tensorrt")
        reason = r"driver 580\.65\.06 and this machine has 590\.10; build it again with dreamport compile"
        with pytest.raises(ExecutorError, match=reason):
            TensorRTExecutor(tiny, 1, store=store, build=False, machine=updated)

    def test_a_gpu_that_is_too_old_is_refused_before_anything_is_loaded(
        self, tiny: WorldPack, tmp_path: Path
    ) -> None:
        old = stub_machine(tiny, StubMemory(), Gpu("GTX 1080", (6, 1), "580.65", 8 << 30))
        with pytest.raises(ExecutorError, match="GTX 1080 is too old"):
            TensorRTExecutor(tiny, 1, store=EngineStore(tmp_path), machine=old)

    @pytest.mark.parametrize(
        ("because", "reason"), [(1, "made by another version"), (4, "driver is too old.*newer driver")]
    )
    def test_tensorrts_own_verdict_on_an_engine_is_put_into_words(
        self, tiny: WorldPack, tmp_path: Path, because: int, reason: str
    ) -> None:
        memory, store = StubMemory(), EngineStore(tmp_path)
        keep_stub_engines(tiny, stub_machine(tiny, memory), store)
        with pytest.raises(ExecutorError, match=f"graph encode of world .* cannot run here.*{reason}"):
            self.executor(tiny, store, memory, because)


class TestTorchTensorsOnAStubGpu:
    def engine(self, tiny: WorldPack) -> TorchEngine:
        requires.package("torch", extra="train")
        from dreamport.executors.torch_engine import TorchEngine

        library = Library("tensorrt_rtx", "1.0-stub", StubTensorRT(tiny, PointerMemory()))
        return TorchEngine(library, b"denoise", "the stub's engine", device="cpu")

    def test_an_engine_reads_and_writes_them_where_they_are(self, tiny: WorldPack) -> None:
        import torch

        from test_executors import feeds_of

        feeds = feeds_of(tiny, "denoise")
        outputs = self.engine(tiny).run({name: torch.from_numpy(feed) for name, feed in feeds.items()})
        wanted = OpenVINOExecutor(tiny, 1, "f32").run("denoise", feeds)
        for i, name in enumerate(("velocity", "k", "v")):
            np.testing.assert_array_equal(outputs[f"output_{i}"].numpy(), wanted[name])

    @pytest.mark.parametrize("spoil", ["shape", "dtype", "layout", "missing"])
    def test_a_tensor_that_is_not_the_engines_is_refused(self, tiny: WorldPack, spoil: str) -> None:
        import torch

        from test_executors import feeds_of

        tensors = {name: torch.from_numpy(feed) for name, feed in feeds_of(tiny, "denoise").items()}
        rays = tensors.pop("rays")
        if spoil != "missing":
            wrong = {"shape": rays[:, :, :3], "dtype": rays.double(), "layout": rays.mT.contiguous().mT}
            tensors["rays"] = wrong[spoil]
        with pytest.raises(ExecutorError, match=r"rays.*fault in its caller"):
            self.engine(tiny).run(tensors)


class TestLingBotDecoders:
    @pytest.mark.parametrize("decoder", ["wan21", "taehv"])
    def test_a_scaled_down_decoder_in_half_becomes_an_engine_for_old_and_new_gpus(
        self, library: Library, decoder: str
    ) -> None:
        requires.package("torch", extra="train")
        from dreamport.executors.tensorrt.build import build_engine
        from dreamport.models.lingbot.export_decoder import decoder_graph
        from dreamport.models.lingbot.tiny_vae import TAEW21_TINY, TinyDecoder
        from dreamport.models.lingbot.vae import WAN21_TINY, WanVAE

        module = WanVAE(WAN21_TINY) if decoder == "wan21" else TinyDecoder(TAEW21_TINY)
        graph = decoder_graph(module.half().eval(), (8, 8), latents=1)
        for name in ("rtx20", "rtx50"):
            assert build_engine(library, graph, named_target(name), decoder, "f32")


def _denoise_feeds(tiny: WorldPack, executor: TensorRTExecutor) -> dict[str, np.ndarray]:
    from dreamport.executors.measuring import made_up_feeds

    return made_up_feeds(tiny, executor)["denoise"]


class TestWithoutAGpu:
    def test_tensorrt_says_why_it_cannot_run(self, default: WorldPack) -> None:
        reason = no_gpu()
        requires.package("tensorrt_rtx", extra="tensorrt")
        assert available_executors()["tensorrt"] == reason
        assert candidates() == ("openvino",)
        with pytest.raises(ExecutorError, match="no NVIDIA driver answers"):
            open_executor(default, "tensorrt")

    def test_cudas_own_reason_is_in_the_message(self) -> None:
        no_gpu()
        requires.package("cuda.bindings", extra="tensorrt")
        with pytest.raises(ExecutorError, match=r"the GPU could not be used: CUDA driver .*dreamport doctor"):
            CudaMemory()

    def test_without_the_extra_the_message_names_it(
        self, default: WorldPack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dreamport.executors.tensorrt.library.find_spec", lambda name: None)
        with pytest.raises(ExecutorError, match=r"pip install 'dreamport\[tensorrt\]'"):
            open_executor(default, "tensorrt")


class TestCommand:
    def compile(self, *arguments: str) -> tuple[int, str]:
        from dreamport.cli.main import build_app

        done = CliRunner().invoke(build_app(), ["compile", *arguments], catch_exceptions=True)
        return done.exit_code, done.stdout if done.exception is None else str(done.exception)

    def test_builds_for_a_gpu_that_is_elsewhere_and_says_what_it_made(
        self, library: Library, default_world: Path, tmp_path: Path
    ) -> None:
        code, text = self.compile(str(default_world), "--for", "rtx40", "--out", str(tmp_path), "--json")
        assert code == 0
        made = json.loads(text)["engines"]
        assert [file["graph"] for file in made] == ["encode", "denoise", "decode"]
        for file in made:
            assert Path(file["path"]).is_relative_to(tmp_path)
            assert Path(file["path"]).stat().st_size == file["bytes"]
        # The other machine takes them from the folder and builds nothing.
        there = tmp_path / "there"
        both = ("--out", str(there), "--from", str(tmp_path), "--json")
        code, text = self.compile(str(default_world), "--for", "rtx40", *both)
        assert [file["seconds"] for file in json.loads(text)["engines"]] == [0.0] * 3
        assert len(list(there.rglob("*.engine"))) == 3

    def test_an_unknown_target_is_refused_with_the_known_ones(self, default_world: Path) -> None:
        code, text = self.compile(str(default_world), "--for", "rtx10")
        assert code != 0
        assert "no GPU target is called 'rtx10'; use this" in text
        assert "rtx50 (GeForce RTX 50 series, Blackwell)" in text

    def test_only_tensorrt_compiles_for_another_gpu(self, default_world: Path) -> None:
        code, text = self.compile(str(default_world), "--for", "rtx40", "--executor", "torch")
        assert code != 0
        assert "torch compiles only for this machine" in text
