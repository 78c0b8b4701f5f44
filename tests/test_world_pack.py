"""A pack opens when it is whole, and is refused before use when anything about it is not."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamport.errors import PackError, WorldNotFoundError
from dreamport.worlds import Catalogue, WorldPack, find_world, open_pack, signatures, write_pack
from dreamport.worlds.onnx_check import MAX_SUBGRAPH_DEPTH, check_graph
from stub_worlds import (
    attribute,
    chunk,
    graph_bytes,
    manifest_fields,
    model_bytes,
    node,
    number,
    onnx_bytes,
    tensor,
    write_stub_pack,
)


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return write_stub_pack(tmp_path_factory.mktemp("stub") / "room")


@pytest.fixture
def folder(stub: WorldPack, tmp_path: Path) -> Path:
    """A copy of the stub world that a test may spoil."""
    return Path(shutil.copytree(stub.path, tmp_path / "room"))


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "world.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def relist(folder: Path, name: str, data: bytes) -> None:
    """Replace a file together with its digest: what a hostile author would do."""
    (folder / name).write_bytes(data)
    entry = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    rewrite(folder, lambda fields: fields["files"].__setitem__(name, entry))


class TestWholePack:
    def test_opens_and_is_named_by_the_digest_of_its_manifest(self, stub: WorldPack) -> None:
        pack = open_pack(stub.path)
        assert pack.digest == hashlib.sha256((stub.path / "world.json").read_bytes()).hexdigest()
        assert pack.manifest.name == "stub-room"
        assert len(pack.read_views()) == 24
        assert pack.start().name == "middle"
        assert pack.start("side").name == "side"

    def test_says_which_starts_there_are(self, stub: WorldPack) -> None:
        with pytest.raises(PackError, match="no start 'roof'; it has middle, side"):
            stub.start("roof")

    def test_reads_only_what_the_manifest_lists(self, folder: Path) -> None:
        (folder / "extra.txt").write_text("unlisted")
        with pytest.raises(PackError, match=r"does not list extra\.txt"):
            open_pack(folder).read("extra.txt")

    def test_checks_a_file_again_when_it_is_read(self, folder: Path) -> None:
        pack = open_pack(folder)
        (folder / "card.md").write_text("# Other room\n"[: pack.manifest.files["card.md"].bytes])
        with pytest.raises(PackError, match=r"digest mismatch: card\.md"):
            pack.read("card.md")

    def test_lists_every_file_with_size_and_digest_when_written(self, stub: WorldPack) -> None:
        on_disk = {p.relative_to(stub.path).as_posix() for p in stub.path.rglob("*") if p.is_file()}
        assert set(stub.manifest.files) == on_disk - {"world.json"}
        entry = stub.manifest.files["views.npz"]
        data = (stub.path / "views.npz").read_bytes()
        assert (entry.bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())

    def test_shares_its_views_between_sessions(self, stub: WorldPack) -> None:
        pack = open_pack(stub.path)
        assert pack.read_views() is pack.read_views()
        assert not pack.read_views().colour_jpeg.flags.writeable


class TestDamagedFolder:
    def test_refuses_a_changed_file(self, folder: Path) -> None:
        data = bytearray((folder / "views.npz").read_bytes())
        data[len(data) // 2] ^= 1
        (folder / "views.npz").write_bytes(data)
        with pytest.raises(PackError, match=r"digest mismatch: views\.npz .*download the pack again"):
            open_pack(folder)

    @pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x"])
    def test_refuses_a_file_of_another_size(self, folder: Path, change: Callable[[bytes], bytes]) -> None:
        path = folder / "views.npz"
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(PackError, match="digest mismatch"):
            open_pack(folder)

    def test_refuses_a_missing_graph(self, folder: Path) -> None:
        (folder / "graphs" / "decode.onnx").unlink()
        with pytest.raises(PackError, match=r"graphs/decode\.onnx is missing"):
            open_pack(folder)

    def test_refuses_a_graph_that_is_not_listed(self, folder: Path) -> None:
        rewrite(folder, lambda fields: fields["files"].pop("graphs/decode.onnx"))
        with pytest.raises(PackError, match=r"does not list graphs/decode\.onnx"):
            open_pack(folder)

    def test_refuses_a_folder_without_manifest(self, tmp_path: Path) -> None:
        with pytest.raises(PackError, match=r"world\.json is missing"):
            open_pack(tmp_path)

    def test_refuses_a_path_where_nothing_is(self, tmp_path: Path) -> None:
        with pytest.raises(PackError, match="there is no world pack at"):
            open_pack(tmp_path / "nowhere")

    def test_refuses_a_link_in_place_of_a_file(self, folder: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside.md"
        (folder / "card.md").rename(outside)
        (folder / "card.md").symlink_to(outside)
        with pytest.raises(PackError, match=r"card\.md is a link"):
            open_pack(folder)

    def test_refuses_a_link_in_place_of_a_folder(self, folder: Path, tmp_path: Path) -> None:
        (folder / "starts").rename(tmp_path / "starts")
        (folder / "starts").symlink_to(tmp_path / "starts", target_is_directory=True)
        with pytest.raises(PackError, match="is a link"):
            open_pack(folder)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_refuses_a_named_pipe_without_waiting_for_it(self, folder: Path) -> None:
        (folder / "card.md").unlink()
        os.mkfifo(folder / "card.md")
        with pytest.raises(PackError, match="no plain file"):
            open_pack(folder)

    def test_refuses_to_write_a_pack_over_a_link(self, folder: Path) -> None:
        (folder / "notes.md").symlink_to(folder / "card.md")
        with pytest.raises(PackError, match=r"notes\.md is a link"):
            write_pack(folder, manifest_fields())


HOSTILE_PATHS = [
    "../outside.npz",
    "starts/../../outside.npz",
    "/etc/passwd",
    "C:/windows/system.ini",
    "starts\\middle.npz",
    "starts//middle.npz",
    "./views.npz",
    ".hidden",
    "nul.npz",
    "views.npz.",
    "a/" * 9 + "deep.npz",
    "views.npz\0.txt",
    "x" * 201,
    "",
    "\uff56iews.npz",
]


class TestHostileManifest:
    @pytest.mark.parametrize("path", HOSTILE_PATHS)
    def test_refuses_paths_that_leave_the_pack(self, folder: Path, path: str) -> None:
        for place in (
            lambda fields: fields["views"].__setitem__("file", path),
            lambda fields: fields["graphs"].__setitem__("encode", path),
            lambda fields: fields["starts"][0].__setitem__("file", path),
            lambda fields: fields["weights"].__setitem__("encode", path),
            lambda fields: fields["files"].__setitem__(path, {"sha256": "0" * 64, "bytes": 1}),
        ):
            text = (folder / "world.json").read_text()
            rewrite(folder, lambda fields: fields.setdefault("weights", {}))
            rewrite(folder, place)
            with pytest.raises(PackError, match="is not a path inside the pack"):
                open_pack(folder)
            (folder / "world.json").write_text(text)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("frame", {"width": 1 << 20, "height": 48}),
            ("frame", {"width": 80, "height": 0}),
            ("frame", {"width": True, "height": 48}),
            ("frame_rate", 0),
            ("frame_rate", "20"),
            ("latent", {"channels": 4, "height": 7, "width": 10}),
            ("depth", {"min_m": 1.0, "max_m": 0.5}),
            ("sampler", {"sigmas": [0.5], "context_sigma": 0.0}),
            ("sampler", {"sigmas": [1.0, 1.0], "context_sigma": 0.0}),
            ("motion", {"state_size": 3}),
            ("views", {"file": "views.npz", "count": 10**9, "per_frame": 4}),
            ("name", "../up"),
            ("starts", []),
            ("schema_version", 2),
            ("surprise", 1),
            ("description", "x" * 100_000),
            (
                "cache",
                {
                    "layers": 64,
                    "heads": 64,
                    "head_dim": 512,
                    "tokens_per_frame": 16384,
                    "sink_frames": 64,
                    "window_frames": 256,
                },
            ),
        ],
    )
    def test_refuses_values_out_of_bounds(self, folder: Path, field: str, value: object) -> None:
        rewrite(folder, lambda fields: fields.__setitem__(field, value))
        with pytest.raises(PackError, match=r"world\.json is not a valid world manifest"):
            open_pack(folder)

    @pytest.mark.parametrize("number_text", ["NaN", "Infinity", "1e999"])
    def test_refuses_numbers_that_are_not_finite(self, folder: Path, number_text: str) -> None:
        path = folder / "world.json"
        path.write_text(path.read_text().replace('"frame_rate": 20', f'"frame_rate": {number_text}'))
        with pytest.raises(PackError, match="not a valid world manifest"):
            open_pack(folder)

    def test_says_which_side_to_update_for_another_schema_version(self, folder: Path) -> None:
        rewrite(folder, lambda fields: fields.__setitem__("schema_version", 2))
        with pytest.raises(PackError, match="update the older of the two"):
            open_pack(folder)

    @pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
    def test_refuses_what_is_no_json_object(self, folder: Path, data: bytes) -> None:
        (folder / "world.json").write_bytes(data)
        with pytest.raises(PackError, match="not a valid world manifest"):
            open_pack(folder)

    def test_refuses_a_manifest_of_many_megabytes(self, folder: Path) -> None:
        (folder / "world.json").write_bytes(b" " * (2 << 20))
        with pytest.raises(PackError, match="larger than 1 MiB"):
            open_pack(folder)

    def test_refuses_metrics_nested_without_end(self, folder: Path) -> None:
        deep: object = 1
        for _ in range(20):
            deep = {"in": deep}
        rewrite(folder, lambda fields: fields["provenance"].__setitem__("metrics", {"a": deep}))
        with pytest.raises(PackError, match="nested more than"):
            open_pack(folder)

    def test_refuses_two_names_that_one_file_system_would_merge(self, folder: Path) -> None:
        rewrite(folder, lambda f: f["files"].__setitem__("CARD.md", f["files"]["card.md"]))
        with pytest.raises(PackError, match="upper and lower case"):
            open_pack(folder)


def zip_folder(folder: Path, path: Path, prefix: str = "", compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(folder).as_posix())
    return path


class TestZip:
    @pytest.mark.parametrize("prefix", ["", "room/"])
    def test_opens_like_the_folder_it_was_made_of(self, stub: WorldPack, tmp_path: Path, prefix: str) -> None:
        pack = open_pack(zip_folder(stub.path, tmp_path / "room.zip", prefix))
        assert pack.digest == stub.digest
        assert pack.read("views.npz") == stub.read("views.npz")
        assert list(tmp_path.iterdir()) == [tmp_path / "room.zip"]  # nothing is unpacked

    @pytest.mark.parametrize(
        "name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "C:\\evil.txt", ".bashrc"]
    )
    def test_refuses_names_that_leave_the_zip(self, stub: WorldPack, tmp_path: Path, name: str) -> None:
        path = zip_folder(stub.path, tmp_path / "room.zip")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, "boo")
        with pytest.raises(PackError, match="is not a path inside the pack"):
            open_pack(path)

    def test_refuses_a_link(self, stub: WorldPack, tmp_path: Path) -> None:
        path = zip_folder(stub.path, tmp_path / "room.zip")
        link = zipfile.ZipInfo("link.md")
        link.external_attr = 0o120777 << 16
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(link, "/etc/passwd")
        with pytest.raises(PackError, match="is a link"):
            open_pack(path)

    def test_refuses_a_file_that_is_there_twice(self, stub: WorldPack, tmp_path: Path) -> None:
        path = zip_folder(stub.path, tmp_path / "room.zip")
        with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("card.md", "another")
        with pytest.raises(PackError, match="twice"):
            open_pack(path)

    def test_refuses_a_bomb_by_its_ratio(self, stub: WorldPack, tmp_path: Path) -> None:
        path = zip_folder(stub.path, tmp_path / "room.zip")
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb.bin", bytes(64 << 20))
        with pytest.raises(PackError, match="times its size"):
            open_pack(path)

    def test_never_unpacks_more_than_the_manifest_says(self, folder: Path, tmp_path: Path) -> None:
        """A member that declares the listed size but holds more is caught after one byte too many."""
        card = (folder / "card.md").read_bytes()
        path = zip_folder(folder, tmp_path / "room.zip", compression=zipfile.ZIP_STORED)
        data = bytearray(path.read_bytes())
        name = b"card.md"
        directory = data.rindex(name) - 46
        assert data[directory : directory + 4] == b"PK\x01\x02"
        for offset in (20, 24):
            data[directory + offset : directory + offset + 4] = struct.pack("<I", len(card) + 100)
        path.write_bytes(data)
        with pytest.raises(PackError, match=r"digest mismatch|damaged"):
            open_pack(path)

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_refuses_other_compressions(self, stub: WorldPack, tmp_path: Path, method: int) -> None:
        with pytest.raises(PackError, match="use plain zip"):
            open_pack(zip_folder(stub.path, tmp_path / "room.zip", compression=method))

    def test_refuses_encrypted_members(self, stub: WorldPack, tmp_path: Path) -> None:
        path = zip_folder(stub.path, tmp_path / "room.zip")
        data = bytearray(path.read_bytes())
        data[data.rindex(b"card.md") - 46 + 8] |= 1
        path.write_bytes(data)
        with pytest.raises(PackError, match="use plain zip"):
            open_pack(path)

    def test_refuses_a_directory_that_would_fill_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "huge.zip"
        path.write_bytes(bytes(100) + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 1 << 30, 0, 0))
        with pytest.raises(PackError, match="too many files or is too large"):
            open_pack(path)

    def test_refuses_zip64(self, tmp_path: Path) -> None:
        path = tmp_path / "large.zip"
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0, 0, 0)
        path.write_bytes(bytes(100) + b"PK\x06\x07" + bytes(16) + end)
        with pytest.raises(PackError, match="zip64"):
            open_pack(path)

    @pytest.mark.parametrize("data", [b"", b"hello", b"PK\x05\x06", bytes(1000)])
    def test_refuses_what_is_no_zip(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "room.zip"
        path.write_bytes(data)
        with pytest.raises(PackError, match="no readable zip"):
            open_pack(path)

    def test_refuses_a_zip_that_is_cut_short_or_spoiled_anywhere(
        self, stub: WorldPack, tmp_path: Path
    ) -> None:
        whole = zip_folder(stub.path, tmp_path / "room.zip").read_bytes()
        path = tmp_path / "spoiled.zip"
        rng = np.random.default_rng(0)
        opened = 0
        for _ in range(200):
            data = bytearray(whole)
            data[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
            path.write_bytes(data[: int(rng.integers(len(data)))] if rng.random() < 0.3 else data)
            try:
                # Some bytes of a zip mean nothing; then the pack is still whole, and its digest says so.
                assert open_pack(path).digest == stub.digest
                opened += 1
            except PackError:
                pass
        assert opened < 100


@pytest.fixture(scope="module")
def signature(stub: WorldPack) -> Any:
    return signatures(stub.manifest)["encode"]


def subgraph(inner: bytes, depth: int = 1) -> bytes:
    """An ``If`` whose branch is a graph, nested ``depth`` times."""
    graph = inner
    for _ in range(depth):
        branch = chunk(1, "then_branch") + chunk(6, graph) + number(20, 5)
        graph = chunk(1, node("If", ["condition"], ["result"], branch))
    return graph


EXTERNAL = (
    number(1, 1) + number(2, 1) + chunk(8, "w") + chunk(13, chunk(1, "location") + chunk(2, "/etc/passwd"))
)
ELSEWHERE = number(1, 1) + number(2, 1) + chunk(8, "w") + number(14, 1)
STRINGS = number(1, 1) + number(2, 8) + chunk(8, "w") + chunk(6, "text")
HUGE = number(1, 1 << 40) + number(2, 1) + chunk(8, "w") + chunk(9, bytes(4))
WIDE = b"".join(number(1, 1 << 20) for _ in range(4)) + number(2, 1) + chunk(8, "w") + chunk(9, bytes(4))
NEGATIVE = number(1, -1) + number(2, 1) + chunk(8, "w") + chunk(9, bytes(4))
SHORT = number(1, 100) + number(2, 1) + chunk(8, "w") + chunk(9, bytes(4))
BOTH = number(1, 1) + number(2, 1) + chunk(8, "w") + chunk(9, bytes(4)) + chunk(4, bytes(4))

HOSTILE_GRAPHS = {
    "external data": (chunk(5, EXTERNAL), "keeps its data in another file"),
    "data location elsewhere": (chunk(5, ELSEWHERE), "keeps its data in another file"),
    "external data in a constant": (
        chunk(1, node("Constant", [], ["c"], chunk(1, "value") + chunk(5, EXTERNAL) + number(20, 4))),
        "keeps its data in another file",
    ),
    "external data in a subgraph": (subgraph(chunk(5, EXTERNAL)), "keeps its data in another file"),
    "external data two subgraphs down": (subgraph(chunk(5, EXTERNAL), 2), "keeps its data in another file"),
    "custom operator": (
        chunk(1, node("Evil", ["a"], ["b"], domain="com.evil")),
        "operator domain 'com.evil'",
    ),
    "custom operator in a subgraph": (
        subgraph(chunk(1, node("EPContext", ["a"], ["b"], domain="com.microsoft"))),
        "operator domain 'com.microsoft'",
    ),
    "path attribute": (
        chunk(1, node("Relu", ["a"], ["b"], attribute("file", b"../../secret"))),
        "looks like a path",
    ),
    "windows path attribute": (
        chunk(1, node("Relu", ["a"], ["b"], attribute("file", b"c:\\secret"))),
        "looks like a path",
    ),
    "paths in a list": (
        chunk(1, node("Relu", ["a"], ["b"], chunk(1, "files") + chunk(9, "/etc/passwd") + number(20, 8))),
        "looks like a path",
    ),
    "long text": (chunk(1, node("Relu", ["a"], ["b"], attribute("s", b"x" * 5000))), "text of 5000 bytes"),
    "loop": (chunk(1, node("Loop", ["a"], ["b"])), "may never end"),
    "random numbers": (chunk(1, node("RandomNormal", [], ["b"])), "is random"),
    "string tensor": (chunk(5, STRINGS), "field 6"),
    "sparse tensor": (chunk(15, b""), "field 15"),
    "sparse attribute": (chunk(1, node("Relu", ["a"], ["b"], chunk(22, b""))), "field 22"),
    "huge tensor": (chunk(5, HUGE), "more than"),
    "tensor of huge product": (chunk(5, WIDE), "more than"),
    "negative size": (chunk(5, NEGATIVE), "more than"),
    "data shorter than its shape": (chunk(5, SHORT), "says 100 elements but holds 4 bytes"),
    "data twice": (chunk(5, BOTH), "holds 4 bytes"),
    "call of a function": (chunk(1, node("Relu", ["a"], ["b"]) + chunk(8, "overload")), "local function"),
    "bottomless subgraphs": (subgraph(b"", MAX_SUBGRAPH_DEPTH + 1), "nested more than"),
    "two values in an attribute": (
        chunk(1, node("Relu", ["a"], ["b"], chunk(6, b"") + chunk(6, b""))),
        "holds its value twice",
    ),
    "unknown field": (chunk(77, b"?"), "field 77"),
    "group": (bytes([1 << 3 | 3]), "damaged"),
}


class TestHostileGraph:
    @pytest.mark.parametrize("case", HOSTILE_GRAPHS)
    def test_refuses(self, signature: Any, case: str) -> None:
        extra, reason = HOSTILE_GRAPHS[case]
        with pytest.raises(PackError, match=f"encode is refused: .*{reason}"):
            check_graph(onnx_bytes(signature, extra), signature, "encode")

    @pytest.mark.parametrize(
        ("extra", "reason"),
        [
            (chunk(25, b""), "field 25"),
            (chunk(20, b""), "field 20"),
            (chunk(7, b""), "two graphs"),
            (chunk(8, chunk(1, "com.evil")), "operator domain 'com.evil'"),
        ],
    )
    def test_refuses_models_with_functions_training_or_foreign_operators(
        self, signature: Any, extra: bytes, reason: str
    ) -> None:
        with pytest.raises(PackError, match=reason):
            check_graph(onnx_bytes(signature, b"", extra), signature, "encode")

    def test_accepts_what_the_onnx_package_writes(self, signature: Any) -> None:
        onnx = pytest.importorskip("onnx")
        data = onnx_bytes(signature)
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model, full_check=True)
        check_graph(model.SerializeToString(), signature, "encode")

    def test_sees_the_fields_that_the_onnx_package_writes_for_external_data(self, signature: Any) -> None:
        onnx = pytest.importorskip("onnx")
        model = onnx.load_from_string(onnx_bytes(signature))
        onnx.external_data_helper.set_external_data(model.graph.initializer[0], "weights.bin")
        with pytest.raises(PackError, match="keeps its data in another file"):
            check_graph(model.SerializeToString(), signature, "encode")

    def test_refuses_other_inputs(self, stub: WorldPack, signature: Any) -> None:
        other = signatures(stub.manifest)["motion"]
        with pytest.raises(
            PackError, match="its inputs are control, state and must be colour, inverse_depth"
        ):
            check_graph(onnx_bytes(other), signature, "encode")

    def test_refuses_other_shapes(self, stub: WorldPack, folder: Path) -> None:
        rewrite(folder, lambda fields: fields["motion"].__setitem__("state_size", 12))
        with pytest.raises(PackError, match=r"motion\.onnx is refused: input state has shape \(1, 9\)"):
            open_pack(folder)

    def test_refuses_outputs_in_another_order(self, stub: WorldPack) -> None:
        wanted = signatures(stub.manifest)["reproject"]
        mixed = type(wanted)(wanted.inputs, (wanted.outputs[2], wanted.outputs[1], wanted.outputs[0]))
        with pytest.raises(PackError, match="output valid is where colour must be"):
            check_graph(onnx_bytes(mixed), wanted, "reproject")

    def test_refuses_a_graph_cut_short_anywhere(self, signature: Any) -> None:
        data = onnx_bytes(signature)
        for length in [*range(0, 300), *range(300, len(data), 37)]:
            with pytest.raises(PackError):
                check_graph(data[:length], signature, "encode")

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=400))
    def test_answers_any_bytes_with_a_pack_error(self, signature: Any, data: bytes) -> None:
        for graph in (data, model_bytes(data), model_bytes(graph_bytes(signature) + data)):
            try:
                check_graph(graph, signature, "encode")
            except PackError:
                continue
            # Whatever was added must then be something that worlds may hold.
            assert graph != data

    def test_is_walked_when_the_pack_is_opened(self, folder: Path, signature: Any) -> None:
        relist(folder, "graphs/encode.onnx", onnx_bytes(signature, chunk(5, EXTERNAL)))
        with pytest.raises(PackError, match=r"encode\.onnx is refused"):
            open_pack(folder)

    def test_takes_no_time_to_refuse_a_graph_of_a_million_nodes(self, signature: Any) -> None:
        nodes = chunk(1, node("Relu", ["a"], ["b"])) * 60_000
        with pytest.raises(PackError, match="more than 50000 operators"):
            check_graph(onnx_bytes(signature, nodes), signature, "encode")

    def test_reads_data_that_is_typed_rather_than_raw(self, signature: Any) -> None:
        floats = number(1, 2) + number(2, 1) + chunk(8, "w") + chunk(4, bytes(8))
        integers = number(1, 2) + number(2, 7) + chunk(8, "i") + number(7, 5) + number(7, 1 << 60)
        packed = chunk(1, bytes([2])) + number(2, 7) + chunk(8, "p") + chunk(7, bytes([5, 0x80, 1]))
        check_graph(
            onnx_bytes(signature, chunk(5, floats) + chunk(5, integers) + chunk(5, packed)), signature, "e"
        )
        with pytest.raises(PackError, match="says 2 elements"):
            check_graph(onnx_bytes(signature, chunk(5, packed + chunk(7, b"\x01"))), signature, "encode")

    def test_counts_a_tensor_with_data_inside(self, signature: Any) -> None:
        check_graph(onnx_bytes(signature, chunk(5, tensor("w", np.ones((3, 4))))), signature, "encode")


class TestCatalogue:
    def test_lists_packs_in_a_folder_beside_broken_ones(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "world.json").write_text("{}")
        entries = {e.name: e for e in Catalogue([tmp_path], user_path=tmp_path / "none").list()}
        assert entries["stub-room"].error is None
        assert "not a valid world manifest" in (entries["broken"].error or "")

    def test_opens_a_world_of_the_users_folder_by_name(self, folder: Path, tmp_path: Path) -> None:
        assert Catalogue(user_path=tmp_path).get("stub-room").path == folder

    def test_prefers_an_explicit_path_over_the_users_folder(self, folder: Path, tmp_path: Path) -> None:
        users = tmp_path / "users"
        shutil.copytree(folder, users / "copy")
        assert Catalogue([folder], user_path=users).get("stub-room").path == folder
        assert Catalogue(user_path=users).get("stub-room").path == users / "copy"

    def test_checks_the_files_of_a_world_before_it_gives_it(self, folder: Path, tmp_path: Path) -> None:
        (folder / "card.md").write_text("changed")
        with pytest.raises(PackError, match="digest mismatch"):
            Catalogue(user_path=tmp_path).get("stub-room")

    def test_names_the_known_worlds_when_one_is_unknown(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(WorldNotFoundError, match=r"no world is called 'moon'.*stub-room"):
            Catalogue(user_path=tmp_path).get("moon")

    def test_opens_zips_too(self, folder: Path, tmp_path: Path) -> None:
        users = tmp_path / "users"
        users.mkdir()
        zip_folder(folder, users / "room.zip")
        assert Catalogue(user_path=users).get("stub-room").manifest.title == "Stub room"

    def test_finds_a_world_without_reading_its_files(self, folder: Path) -> None:
        (folder / "card.md").write_text("changed")
        assert find_world(folder).name == "stub-room"


def test_reads_hidden_sizes_in_streams_only(stub: WorldPack) -> None:
    """Opening reads each file in blocks: no file is held whole just to be hashed."""
    largest = 0

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal largest
            largest = max(largest, -1 if size is None else size)
            assert size is not None and size >= 0
            return super().read(size)

    class Source:
        path = stub.path

        def size(self, name: str) -> int:
            return stub.source.size(name)

        def open(self, name: str) -> Any:
            with stub.source.open(name) as stream:
                return Watched(stream.read())

    WorldPack(stub.manifest, stub.digest, Source()).read("views.npz")
    assert 0 < largest <= 1 << 20
