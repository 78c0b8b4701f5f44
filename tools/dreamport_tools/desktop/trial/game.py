"""A small game for trials: a window of pygame, drawn anew for every frame, that writes down what it was told.

python -m dreamport_tools.desktop.trial.game LOG [--size 1280x720] [--fps 60] [--seconds 120]

Each line of LOG is a JSON list: a kind, the monotonic time in ns, and what came. It looks around with the
mouse as games do: the pointer is grabbed and hidden, motion is relative. The frame's number stands in its
upper left corner, 32 squares of 8 pixels, one a bit, white or black: whoever has the picture knows which it
is.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TITLE = "Dreamport trial"
SQUARE, BITS = 8, 32


def draw_number(picture: NDArray[np.uint8], number: int) -> None:
    """Write a number into the upper left corner of ``[H, W, 3]``."""
    for bit in range(BITS):
        picture[:SQUARE, bit * SQUARE : (bit + 1) * SQUARE] = 255 if number >> bit & 1 else 0


def read_number(picture: NDArray[np.uint8]) -> int:
    """The number on a picture ``[H, W, 3]``."""
    middle = picture[SQUARE // 2, SQUARE // 2 : BITS * SQUARE : SQUARE].mean(axis=-1) > 127
    return sum(1 << bit for bit, white in enumerate(middle.tolist()) if white)


def main() -> None:
    """Run the game."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame  # noqa: PLC0415  (only where a trial is made)

    parser = argparse.ArgumentParser()
    parser.add_argument("log", type=Path)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=300.0)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    pygame.display.init()
    screen = pygame.display.set_mode((width, height), pygame.NOFRAME)
    pygame.display.set_caption(TITLE)
    pygame.event.set_grab(True)
    pygame.mouse.set_visible(False)
    clock, began = pygame.time.Clock(), time.monotonic()
    room = _room(height, width)
    names = {pygame.KEYDOWN: "key", pygame.KEYUP: "key", pygame.MOUSEBUTTONDOWN: "button",
             pygame.MOUSEBUTTONUP: "button", pygame.MOUSEMOTION: "move"}  # fmt: skip
    turn, number = 0, 0
    with options.log.open("w", buffering=1) as log:

        def write(*line: Any) -> None:
            log.write(json.dumps([line[0], time.monotonic_ns(), *line[1:]]) + "\n")

        write("begin", width, height)
        while time.monotonic() - began < options.seconds:
            for event in pygame.event.get():
                if event.type == pygame.QUIT:
                    return
                if event.type in (pygame.KEYDOWN, pygame.KEYUP):
                    write(names[event.type], pygame.key.name(event.key), event.type == pygame.KEYDOWN)
                elif event.type in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
                    write(names[event.type], event.button, event.type == pygame.MOUSEBUTTONDOWN)
                elif event.type == pygame.MOUSEMOTION:
                    turn += event.rel[0]
                    write(names[event.type], *event.rel)
            number += 1
            picture = np.roll(room, turn + number, axis=1)
            draw_number(picture, number)
            pygame.surfarray.blit_array(screen, picture.swapaxes(0, 1))
            pygame.display.flip()
            clock.tick(options.fps)


def _room(height: int, width: int) -> NDArray[np.uint8]:
    """Something to see that is different everywhere."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 // width, y * 255 // height, (x // 40 + y // 40) % 2 * 120 + 60], axis=-1)
    return picture.astype(np.uint8)


if __name__ == "__main__":
    main()
