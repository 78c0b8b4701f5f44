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
_PASS_VERTEX = """#version 410
layout(location = 0) out vec4 place;
void main() {
    vec2 corner = vec2(gl_VertexID == 1 ? 2.0 : 0.0, gl_VertexID == 2 ? 2.0 : 0.0);
    place = vec4(corner, 0.0, 1.0);
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}
"""


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

    def draw(
        self,
        fragment: str,
        size: tuple[int, int],
        textures: dict[str, NDArray[np.float32]],
        constants: bytes,
    ) -> NDArray[np.float32]:
        """Draw a pass over a target of (width, height): float32 `[H, W, 4]`, row 0 at the y of 0.

        ``textures``, `[h, w, 4]`: each goes to the samplers in whose name its own appears. ``constants``: the
        uniform block.
        """
        vertex = _PASS_VERTEX
        if "in vec2 " in fragment:
            vertex = vertex.replace("out vec4 place", "out vec2 place").replace(
                "vec4(corner, 0.0, 1.0)", "corner", 1
            )
        flat = fragment.replace("noperspective ", "")  # the same on a triangle that is parallel to the screen
        program = self._context.program(vertex_shader=vertex, fragment_shader=flat)
        target = self._context.texture(size, 4, dtype="f4")
        frame = self._context.framebuffer([target])
        block = self._context.buffer(constants)
        block.bind_to_uniform_block(0)
        used = []
        for unit, sampler in enumerate(_sampler_names(program)):
            pixels = next(pixels for name, pixels in textures.items() if name in sampler)
            texture = self._context.texture(pixels.shape[1::-1], 4, pixels.astype("f4").tobytes(), dtype="f4")
            texture.repeat_x = texture.repeat_y = False
            texture.use(unit)
            program[sampler].value = unit
            used.append(texture)
        frame.use()
        self._context.vertex_array(program, []).render(moderngl.TRIANGLES, vertices=3)
        result = np.frombuffer(target.read(), np.float32).reshape(size[1], size[0], 4).copy()
        for each in (*used, block, frame, target, program):
            each.release()
        return result


def _sampler_names(program: Any) -> list[str]:
    return sorted(name for name in program if isinstance(program[name], moderngl.Uniform))
