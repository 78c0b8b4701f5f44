"""Matrix work in 16 bits, everything else as it was: an ONNX graph rewritten before an engine is built from
it.

TensorRT takes the types of a graph as they stand (its networks are strongly typed), so a graph in float32
would run its matrix products there, at a fraction of a GPU's speed, and not at all on Turing. Convolutions
and matrix products get their inputs in float16 and give their result back in float32; sums, norms, softmax
and everything that computes a place stay in float32. Inputs and outputs of the graph keep their types.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper, numpy_helper

MATRIX_OPERATORS = ("Conv", "ConvTranspose", "MatMul", "Gemm")


def with_half_matrices(model: bytes) -> bytes:
    """The same graph with matrix work in float16.

    Raises ``ValueError`` when the types of its tensors cannot be told.
    """
    graph_model = onnx.shape_inference.infer_shapes(onnx.load_from_string(model), data_prop=True)
    graph = graph_model.graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.input)}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    rewriting = _Rewriting(graph, types)
    for node in list(graph.node):
        rewriting.take(node)
    del graph.node[:]
    graph.node.extend(rewriting.nodes)
    graph.initializer.extend(rewriting.constants)
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    return bytes(graph_model.SerializeToString())


class _Rewriting:
    """One pass over the nodes, in their order, which is the order they run in."""

    def __init__(self, graph: onnx.GraphProto, types: dict[str, int]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._types = types
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self._halves: dict[str, str] = {}

    def take(self, node: onnx.NodeProto) -> None:
        """Add a node, in half where it is matrix work in float32."""
        if node.op_type == "Cast" and self._types.get(node.input[0]) == TensorProto.FLOAT16:
            self._halves[node.output[0]] = node.input[0]
        if node.op_type not in MATRIX_OPERATORS or not self._in_float32(node):
            self.nodes.append(node)
            return
        inputs = [self._half(name) if name else "" for name in node.input]
        result = node.output[0]
        del node.input[:]
        node.input.extend(inputs)
        node.output[0] = f"{result}__half"
        self.nodes.append(node)
        self.nodes.append(
            helper.make_node("Cast", [node.output[0]], [result], f"{result}__full", to=TensorProto.FLOAT)
        )
        self._halves[result] = node.output[0]

    def _in_float32(self, node: onnx.NodeProto) -> bool:
        kinds = {self._types.get(name) for name in node.input if name}
        if None in kinds:
            unknown = next(name for name in node.input if name and name not in self._types)
            raise ValueError(f"the type of {unknown!r}, input of {node.op_type} {node.name!r}, is not known")
        return kinds == {TensorProto.FLOAT}

    def _half(self, name: str) -> str:
        """The name under which a float32 tensor is to be had in float16."""
        if name in self._halves:
            return self._halves[name]
        half = f"{name}__16"
        tensor = self._initializers.get(name)
        if tensor is not None:
            self.constants.append(
                numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float16"), half)
            )
        else:
            self.nodes.append(helper.make_node("Cast", [name], [half], half, to=TensorProto.FLOAT16))
        self._halves[name] = half
        return half
