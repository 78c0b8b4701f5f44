"""Torch modules to ONNX graphs with half-precision weights."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from dreamport.worlds.contract import Signature

OPSET = 20
SMALL = 256  # initialisers of fewer elements stay in float32: constants, scales, biases


class _Positional(nn.Module):
    """Outputs as a tuple, in the order of the signature."""

    def __init__(self, module: nn.Module, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.module, self.outputs = module, outputs

    def forward(self, *args: torch.Tensor) -> tuple[torch.Tensor, ...]:
        made = self.module(*args)
        return tuple(made[name] for name in self.outputs)


def round_to_half(module: nn.Module) -> nn.Module:
    """Round every weight to float16 in place, so that the ONNX graph and the safetensors twin hold equal
    numbers."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(p.half().float())
        for b in module.buffers():
            if b.is_floating_point():
                b.copy_(b.half().float())
    return module


def export_graph(module: nn.Module, signature: Signature, path: Path) -> None:
    """Write one graph in a single file, inputs and outputs as in ``signature``."""
    example = tuple(
        torch.zeros(spec.shape, dtype=torch.int64 if spec.dtype == "int64" else torch.float32)
        for spec in signature.inputs
    )
    names = [spec.name for spec in signature.inputs]
    outputs = tuple(spec.name for spec in signature.outputs)
    unique = [name if name not in names else f"{name}_out" for name in outputs]
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _Positional(module.eval(), outputs),
                example,
                input_names=names,
                output_names=unique,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    finally:
        quiet.setLevel(level)
    assert program is not None
    model = program.model_proto
    halve_weights(model)
    # Where the code came from is nobody's business but the build's.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, str(path))


def halve_weights(model: onnx.ModelProto) -> None:
    """Store large float32 initialisers as float16 behind a Cast; runtimes fold it when they compile."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < SMALL:
            continue
        values = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.array_equal(values.astype(np.float32), numpy_helper.to_array(tensor)):
            continue  # not a rounded weight: a table such as the rotary angles
        name = tensor.name
        half = numpy_helper.from_array(values, f"{name}_half")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT, name=f"{name}_cast"))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
