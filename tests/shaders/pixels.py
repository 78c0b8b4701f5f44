"""Runs a fragment shader on float textures, one pixel a sample, through OpenGL without a window."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

_VERTEX = """#version 330
void main() {
    gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}
"""
_WIDTH = 256


class Pixels:
    """A standalone OpenGL 3.3 context. Use as a context manager."""

    def __init__(self) -> None:
        create: Any = moderngl.create_standalone_context
        self._context = create(backend="egl", require=330)

    def __enter__(self) -> Pixels:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.release()

    @property
    def renderer(self) -> str:
        """What runs the shaders, as the driver calls itself."""
        return str(self._context.info["GL_RENDERER"])

    def run(self, fragment: str, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Evaluate the shader once for each row of the inputs, float32 `[N, 4]`, which it loads from its
        textures in the order of their names; float32 `[N, 4]`.
        """
        count = len(inputs[0])
        height = -(-count // _WIDTH)
        program = self._context.program(vertex_shader=_VERTEX, fragment_shader=fragment)
        target = self._context.texture((_WIDTH, height), 4, dtype="f4")
        frame = self._context.framebuffer([target])
        textures = []
        for unit, (name, rows) in enumerate(zip(_sampler_names(program), inputs, strict=True)):
            padded = np.zeros((_WIDTH * height, 4), np.float32)
            padded[:count] = rows
            texture = self._context.texture((_WIDTH, height), 4, padded.tobytes(), dtype="f4")
            texture.use(unit)
            program[name].value = unit
            textures.append(texture)
        frame.use()
        self._context.vertex_array(program, []).render(moderngl.TRIANGLES, vertices=3)
        result = np.frombuffer(target.read(), np.float32).reshape(-1, 4)[:count].copy()
        for each in (*textures, frame, target, program):
            each.release()
        return result


def _sampler_names(program: Any) -> list[str]:
    return sorted(name for name in program if isinstance(program[name], moderngl.Uniform))
