"""What a world has been told: the events that hold and the words, as the vector that the network reads.

A world that offers no prompts has no vector, and nothing here touches its frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ControlError
from dreamport.executors.base import GraphRunner
from dreamport.generator.types import FrameControl
from dreamport.generator.words import tokens
from dreamport.worlds.arrays import AnyArray, ArraysError, take
from dreamport.worlds.manifest import EVENT_HOLDS, WorldManifest

Float32 = NDArray[np.float32]
Slots = NDArray[np.int64]

NEUTRAL = -1
MAX_PROMPT_CHARACTERS = 2000


class PromptState:
    """The prompt vector ``[1, size]`` of one session; ``None`` in a world that takes no prompts.

    It never changes in place: a frame that was made from it may keep it.
    """

    def __init__(self, manifest: WorldManifest, executor: GraphRunner) -> None:
        self._prompts = manifest.prompts
        self._world = manifest.name
        self._executor = executor
        self._groups = self._prompts.groups if self._prompts else ()
        self._slots: Slots = np.full(len(self._groups), NEUTRAL, np.int64)
        self._text: Float32 = np.zeros(self._text_size, np.float32)
        self.vector: Float32 | None = None
        self.clear()

    def clear(self) -> None:
        """No event holds and nothing was said, as at a start."""
        self._slots[:] = NEUTRAL
        self._text = np.zeros(self._text_size, np.float32)
        self._compose()

    @property
    def neutral(self) -> bool:
        """True while the world looks as it was captured."""
        return bool((self._slots == NEUTRAL).all()) and not self._text.any()

    def check(self, control: FrameControl) -> None:
        """Raise ``ControlError`` for an event or a text that this world does not take."""
        if control.prompt is not None:
            if self._prompts is None or self._prompts.text is None:
                raise ControlError(f"prompt: world {self._world} takes no text; send none")
            if len(control.prompt) > MAX_PROMPT_CHARACTERS:
                raise ControlError(f"prompt: longer than {MAX_PROMPT_CHARACTERS} characters; say it shorter")
        known = {event.name for event in self._prompts.events} if self._prompts else set()
        for name in control.events:
            if name not in known:
                raise ControlError(
                    f"events: world {self._world} has no event {name[:64]!r}; it has "
                    f"{', '.join(sorted(known)) or 'none'}"
                )

    def hear(self, control: FrameControl) -> None:
        """Take in what the next frame is told; the control was checked. Raises ``ExecutorError``."""
        if self._prompts is None or (control.prompt is None and not control.events):
            return
        text = self._text if control.prompt is None else self._encoded(control.prompt)
        known = {event.name: event for event in self._prompts.events}
        for event in (known[name] for name in control.events):
            self._slots[self._groups.index(event.group)] = NEUTRAL if event.slot is None else event.slot
        self._text = text
        self._compose()

    def to_arrays(self) -> dict[str, AnyArray]:
        """Everything that ``restore`` needs; empty in a world without prompts."""
        if self._prompts is None:
            return {}
        return {"prompt_slots": self._slots.copy(), "prompt_text": self._text}

    def checked(self, arrays: dict[str, AnyArray]) -> tuple[Slots, Float32]:
        """Slots and text of a snapshot. Raises ``ArraysError`` when they are not of this world."""
        if self._prompts is None:
            return self._slots, self._text
        slots = take(arrays, "prompt_slots", np.int64, self._slots.shape).astype(np.int64)
        text = take(arrays, "prompt_text", np.float32, self._text.shape).astype(np.float32)
        known = {event.slot for event in self._prompts.events} | {NEUTRAL}
        if any(int(slot) not in known for slot in slots):
            raise ArraysError("it holds an event that this world does not have")
        return slots, text

    def restore(self, checked: tuple[Slots, Float32]) -> None:
        """Go on from what :meth:`checked` gave."""
        self._slots, self._text = checked
        self._compose()

    @property
    def _text_size(self) -> int:
        return self._prompts.text.size if self._prompts and self._prompts.text else 0

    def _encoded(self, prompt: str) -> Float32:
        """The text's share of the vector; nothing said is all zeros."""
        assert self._prompts is not None and self._prompts.text is not None
        text = self._prompts.text
        ids = tokens(prompt, text.words, text.buckets)
        if not ids.any():
            return np.zeros(text.size, np.float32)
        encoded: Float32 = self._executor.run("text", {"tokens": ids[None]})["text"][0]
        return encoded.copy()

    def _compose(self) -> None:
        if self._prompts is None:
            return
        vector = np.zeros((1, self._prompts.size), np.float32)
        vector[0, self._slots[self._slots != NEUTRAL]] = EVENT_HOLDS
        if self._text_size:
            vector[0, -self._text_size :] = self._text
        self.vector = vector
