"""Looks through the ONNX graph of a stranger's pack before any runtime sees it, without the ``onnx`` package.

A walk over protobuf's wire format with a table for each message (onnx.proto, IR version 13). Whatever a world
does not need is refused: external data, sparse and string tensors, custom operators, local functions,
training graphs, paths in attributes, operators that are random or may never end. Subgraphs are walked like
the graph itself. Unknown fields are refused too: what is not understood cannot be checked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

import numpy as np

from dreamport.errors import PackError
from dreamport.worlds.contract import Signature, TensorSpec

MAX_ELEMENTS = 1 << 28
MAX_NODES = 50_000
MAX_SUBGRAPH_DEPTH = 4
MAX_RANK = 16
MAX_ATTRIBUTE_BYTES = 1024
STANDARD_DOMAINS = (b"", b"ai.onnx")
REFUSED_OPERATORS = {
    b"Loop": "may never end",
    b"Scan": "may never end",
    b"RandomNormal": "is random: noise comes from the generator",
    b"RandomNormalLike": "is random: noise comes from the generator",
    b"RandomUniform": "is random: noise comes from the generator",
    b"RandomUniformLike": "is random: noise comes from the generator",
    b"Bernoulli": "is random: noise comes from the generator",
    b"Multinomial": "is random: noise comes from the generator",
}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT32, _INT64 = 1, 7
# ONNX element type -> bytes of one element.
_ELEMENT_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
_DTYPES = {"float32": _FLOAT32, "int64": _INT64}

Value = int | memoryview


@dataclass
class _Tensor:
    name: bytes = b""
    dims: list[int] = field(default_factory=list)
    data_type: int = 0
    raw_bytes: int | None = None
    typed_values: int = 0


@dataclass(frozen=True)
class _Border:
    """A named input or output. ``shape``: ``None`` where the file gives none, -1 for a dimension without a
    number.
    """

    name: bytes
    element: int
    shape: tuple[int, ...] | None


class _Walk:
    """One pass over one file."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.nodes = 0

    def refuse(self, reason: str) -> PackError:
        return PackError(f"{self.where} is refused: {reason}")

    def fields(self, data: memoryview, message: str, known: dict[int, int]) -> Iterator[tuple[int, Value]]:
        """Fields of one message as (number, value); ``known`` maps a field's number to its wire type."""
        position, end = 0, len(data)
        while position < end:
            key, position = self.varint(data, position)
            number, wire = key >> 3, key & 7
            expected = known.get(number)
            if expected is None:
                raise self.refuse(
                    f"{message} holds field {number}, which worlds may not use; export it again with the "
                    "training extra"
                )
            packed = wire == _BYTES and expected != _BYTES
            if wire != expected and not packed:
                raise self.refuse(f"{message} field {number} is damaged; download or export the pack again")
            if wire == _VARINT:
                value, position = self.varint(data, position)
                yield number, value
            elif wire == _BYTES:
                length, position = self.varint(data, position)
                if length > end - position:
                    raise self.refuse(
                        f"{message} field {number} is cut short; download or export the pack again"
                    )
                yield number, data[position : position + length]
                position += length
            else:
                size = 8 if wire == _FIXED64 else 4
                if size > end - position:
                    raise self.refuse(
                        f"{message} field {number} is cut short; download or export the pack again"
                    )
                yield number, data[position : position + size]
                position += size

    def varint(self, data: memoryview, position: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= len(data):
                raise self.refuse("it is cut short; download or export the pack again")
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, position
        raise self.refuse("it holds a number longer than 64 bits; download or export the pack again")

    def model(self, data: memoryview) -> tuple[list[_Border], list[_Border]]:
        known = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2}
        graph: memoryview | None = None
        for number, value in self.fields(data, "the model", known):
            if number == 7:
                if graph is not None:
                    raise self.refuse("it holds two graphs; export it again")
                graph = _view(value)
            elif number == 8:
                for part, domain in self.fields(_view(value), "an operator set", {1: 2, 2: 0}):
                    if part == 1:
                        self.standard(bytes(_view(domain)), "it imports")
        if graph is None:
            raise self.refuse("it holds no graph; export it again")
        return self.graph(graph, 0)

    def graph(self, data: memoryview, depth: int) -> tuple[list[_Border], list[_Border]]:
        if depth > MAX_SUBGRAPH_DEPTH:
            raise self.refuse(
                f"its subgraphs are nested more than {MAX_SUBGRAPH_DEPTH} deep; export a flat graph"
            )
        known = {1: 2, 2: 2, 5: 2, 10: 2, 11: 2, 12: 2, 13: 2, 14: 2, 16: 2}
        inputs: list[_Border] = []
        outputs: list[_Border] = []
        constants: set[bytes] = set()
        for number, value in self.fields(data, "a graph", known):
            if number == 1:
                self.node(_view(value), depth)
            elif number == 5:
                constants.add(self.tensor(_view(value)).name)
            elif number in (11, 12, 13):
                border = self.value_info(_view(value))
                if number == 11:
                    inputs.append(border)
                elif number == 12:
                    outputs.append(border)
        return [border for border in inputs if border.name not in constants], outputs

    def node(self, data: memoryview, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.refuse(f"it holds more than {MAX_NODES} operators; use a smaller graph")
        known = {1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2, 8: 2, 9: 2}
        for number, value in self.fields(data, "an operator", known):
            view = _view(value)
            if number == 4:
                reason = REFUSED_OPERATORS.get(bytes(view[:64]))
                if reason is not None:
                    raise self.refuse(f"operator {_text(view)} {reason}; export it without")
            elif number == 5:
                self.attribute(view, depth)
            elif number == 7:
                self.standard(bytes(view), "an operator comes from")
            elif number == 8 and len(view):
                raise self.refuse("an operator calls a local function; inline functions on export")

    def attribute(self, data: memoryview, depth: int) -> None:
        known = {1: 2, 2: 5, 3: 0, 4: 2, 5: 2, 6: 2, 7: 5, 8: 0, 9: 2, 10: 2, 11: 2, 13: 2, 20: 0}
        seen: set[int] = set()
        for number, value in self.fields(data, "an attribute", known):
            if number in (5, 6) and number in seen:
                raise self.refuse("an attribute holds its value twice; export it again")
            seen.add(number)
            if number in (4, 9):
                self.plain_string(_view(value))
            elif number in (5, 10):
                self.tensor(_view(value))
            elif number in (6, 11):
                self.graph(_view(value), depth + 1)

    def plain_string(self, view: memoryview) -> None:
        if len(view) > MAX_ATTRIBUTE_BYTES:
            raise self.refuse(f"an attribute holds a text of {len(view)} bytes; worlds need none so long")
        text = bytes(view)
        if b"/" in text or b"\\" in text or b"\0" in text or b".." in text.replace(b"...", b""):
            raise self.refuse(f"attribute {_text(view)} looks like a path; a graph may not name files")

    def standard(self, domain: bytes, what: str) -> None:
        if domain not in STANDARD_DOMAINS:
            raise self.refuse(
                f"{what} the operator domain {_text(domain)}; worlds use standard ONNX operators only"
            )

    def tensor(self, data: memoryview) -> _Tensor:
        known = {1: 0, 2: 0, 4: 5, 5: 0, 7: 0, 8: 2, 9: 2, 10: 1, 11: 0, 12: 2, 13: 2, 14: 0, 16: 2}
        tensor = _Tensor()
        for number, value in self.fields(data, "a tensor", known):
            if number == 1:
                tensor.dims.extend(self.packed(value))
                if len(tensor.dims) > MAX_RANK:
                    raise self.refuse(f"a tensor has more than {MAX_RANK} dimensions")
            elif number == 2:
                tensor.data_type = _number(value)
            elif number == 8:
                tensor.name = bytes(_view(value))
            elif number == 9:
                tensor.raw_bytes = len(_view(value))
            elif number in (4, 10):
                tensor.typed_values += len(_view(value)) // (4 if number == 4 else 8)
            elif number in (5, 7, 11):
                tensor.typed_values += 1 if isinstance(value, int) else _count_varints(value)
            elif number == 13 or (number == 14 and value != 0):
                raise self.refuse(
                    f"tensor {_text(tensor.name)} keeps its data in another file; export with all data inside"
                )
        self.check_size(tensor)
        return tensor

    def check_size(self, tensor: _Tensor) -> None:
        size = _ELEMENT_BYTES.get(tensor.data_type)
        if size is None:
            raise self.refuse(f"tensor {_text(tensor.name)} has element type {tensor.data_type}; use numbers")
        if any(dim > MAX_ELEMENTS for dim in tensor.dims) or prod(tensor.dims) > MAX_ELEMENTS:
            raise self.refuse(f"tensor {_text(tensor.name)} has more than {MAX_ELEMENTS} elements")
        elements = prod(tensor.dims)
        held = tensor.typed_values * size if tensor.raw_bytes is None else tensor.raw_bytes
        if held != elements * size or (tensor.raw_bytes is not None and tensor.typed_values):
            raise self.refuse(
                f"tensor {_text(tensor.name)} says {elements} elements but holds {held} bytes; export it "
                "again"
            )

    def packed(self, value: Value) -> list[int]:
        if isinstance(value, int):
            return [value]
        numbers = []
        position = 0
        while position < len(value):
            number, position = self.varint(value, position)
            numbers.append(number)
            if len(numbers) > MAX_RANK:
                break
        return numbers

    def value_info(self, data: memoryview) -> _Border:
        name, element, shape = b"", 0, None
        seen_type = False
        for number, value in self.fields(data, "a value", {1: 2, 2: 2, 3: 2, 4: 2}):
            if number == 1:
                name = bytes(_view(value))
            elif number == 2:
                if seen_type:
                    raise self.refuse("a value has two types; export it again")
                seen_type = True
                for part, type_value in self.fields(_view(value), "a type other than a tensor", {1: 2, 6: 2}):
                    if part == 1:
                        element, shape = self.tensor_type(_view(type_value))
        return _Border(name, element, shape)

    def tensor_type(self, data: memoryview) -> tuple[int, tuple[int, ...] | None]:
        element, shape = 0, None
        for number, value in self.fields(data, "a tensor type", {1: 0, 2: 2}):
            if number == 1:
                element = _number(value)
                continue
            dims: list[int] = []
            for _, dim in self.fields(_view(value), "a shape", {1: 2}):
                size = -1
                for part, dim_value in self.fields(_view(dim), "a dimension", {1: 0, 2: 2, 3: 2}):
                    if part == 1:
                        size = _number(dim_value)
                dims.append(size)
            shape = tuple(dims)
        return element, shape


def check_graph(data: bytes, signature: Signature, where: str) -> None:
    """Refuse a graph that does more than compute, or that does not take and give what its world needs.

    ``data``: the ONNX file. ``where`` names it in errors. Raises ``PackError``.
    """
    walk = _Walk(where)
    inputs, outputs = walk.model(memoryview(data))
    found = {border.name.decode("utf-8", "replace"): border for border in inputs}
    wanted = {spec.name: spec for spec in signature.inputs}
    if set(found) != set(wanted) or len(found) != len(inputs):
        raise walk.refuse(
            f"its inputs are {', '.join(sorted(found))[:300] or 'none'} and must be "
            f"{', '.join(sorted(wanted))}"
        )
    for name, spec in wanted.items():
        border = found[name]
        if border.shape != spec.shape or border.element != _DTYPES[spec.dtype]:
            raise walk.refuse(
                f"input {name} has shape {border.shape} and must have {spec.shape} ({spec.dtype}), as in "
                "world.json"
            )
    _check_outputs(walk, outputs, signature.outputs)


def _check_outputs(walk: _Walk, outputs: list[_Border], specs: tuple[TensorSpec, ...]) -> None:
    if len(outputs) != len(specs):
        raise walk.refuse(f"it gives {len(outputs)} outputs and must give {len(specs)}")
    names = [spec.name for spec in specs]
    for border, spec in zip(outputs, specs, strict=True):
        given = border.name.decode("utf-8", "replace")
        if given in names and given != spec.name:
            raise walk.refuse(
                f"output {given[:64]} is where {spec.name} must be; give {', '.join(names)} in this order"
            )
        known = border.shape is not None and all(size >= 0 for size in border.shape)
        if (known and border.shape != spec.shape) or border.element != _DTYPES[spec.dtype]:
            raise walk.refuse(
                f"output {spec.name} has shape {border.shape} and must have {spec.shape} ({spec.dtype}), as "
                "in world.json"
            )


def _view(value: Value) -> memoryview:
    """The bytes of a field whose table entry is not a varint."""
    if isinstance(value, int):
        return memoryview(struct.pack("<Q", value))
    return value


def _number(value: Value) -> int:
    """A varint field; packed where a single number belongs is taken as no number."""
    return value if isinstance(value, int) else -1


def _count_varints(data: memoryview) -> int:
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) < 0x80))


def _text(data: bytes | memoryview) -> str:
    return repr(bytes(data[:64]).decode("utf-8", "replace"))
