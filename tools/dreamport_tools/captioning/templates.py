"""What a vision model is asked. A change here must change ``VERSION``, which is part of every cached answer's
key."""

from __future__ import annotations

from collections.abc import Sequence

from dreamport.episodes.captions import CaptionedChunk
from dreamport_tools.captioning.facts import Action
from dreamport_tools.captioning.rules import event_words

VERSION = 1

SYSTEM = (
    "You caption recordings of video games for training a world model. You are exact and plain: you say only "
    "what the pictures and the recorded facts show, and you never guess. You answer with one JSON object and "
    "nothing else."
)

CHUNK = """These pictures are {count} frames in order, from second {start:.1f} to second {end:.1f} of a
recording. Recorded facts of these seconds: the player {action}. {before} Answer with this JSON object:
{{"event": "what happens, at most 8 words, such as: walks through a door",
 "caption": "one or two sentences on what happens in these seconds",
 "scene": "one or two sentences on the place alone: what is there, its materials, colours and light"}}

Rules: - Tell only what these pictures show or what came before them. Say nothing of what may come after
second {end:.1f},
  and use no words such as "will", "later", "soon" or "next".
- "scene" describes a photograph of an empty place: no camera, view or shot, nobody who acts, no motion."""

WHOLE = """These pictures are {count} frames in order, spread over a recording of {seconds:.0f} seconds.
What was noted of its parts, in order:
{chunks}

Answer with this JSON object:
{{"narrative": "three to five sentences that tell the whole recording from its beginning to its end",
 "scene": "two or three sentences on the place alone: what is there, its materials, colours and light"}}

Rules:
- "scene" describes photographs of an empty place: no camera, view or shot, nobody who acts, no motion."""

AGAIN = "That answer cannot be used: {faults}. Give the whole JSON object again, corrected, and nothing else."


def chunk_text(count: int, start: float, end: float, action: Action, before: Sequence[CaptionedChunk]) -> str:
    """The question about one chunk; ``before``: the chunks that came earlier, of which the last three are
    told."""
    told = "\n".join(f"- seconds {c.start:.1f} to {c.end:.1f}: {c.caption}" for c in before[-3:])
    past = f"What came before:\n{told}\n" if told else "It is the beginning of the recording.\n"
    return CHUNK.format(count=count, start=start, end=end, action=event_words(action), before=past)


def whole_text(count: int, seconds: float, chunks: Sequence[CaptionedChunk]) -> str:
    """The question about the whole episode."""
    told = "\n".join(f"- seconds {c.start:.1f} to {c.end:.1f}: {c.caption}" for c in chunks)
    return WHOLE.format(count=count, seconds=seconds, chunks=told)
