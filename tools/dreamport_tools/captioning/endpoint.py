"""The captioner that asks a vision model: any server that speaks OpenAI's chat completions, local or remote.

https://platform.openai.com/docs/api-reference/chat. The ``openai`` package speaks the protocol and tries
again after lost connections, 408, 409, 429 and 5xx, as long as the server asks it to wait. What the model
says is checked; an answer at fault is asked for again with the reason, and as a last resort loses the
sentences at fault."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import simplejpeg

from dreamport.episodes.captions import CaptionedChunk
from dreamport.errors import DatasetError
from dreamport_tools.captioning.answers import Answer, ChunkAnswer, WholeAnswer, read_answer
from dreamport_tools.captioning.cache import AnswerCache
from dreamport_tools.captioning.facts import action_of
from dreamport_tools.captioning.past import Past
from dreamport_tools.captioning.templates import AGAIN, SYSTEM, VERSION, chunk_text, whole_text

PICTURES = 6
MAX_TOKENS = 500
JPEG_QUALITY = 80
Kind = TypeVar("Kind", bound=Answer)


@dataclass(frozen=True)
class Endpoint:
    """``url``: up to and with ``/v1``. ``key``: ``None`` for servers that ask for none. ``tries``: answers
    asked for until one is whole. ``retries``: of each request that fails. ``price_in``, ``price_out``: for a
    million tokens, ``None`` when not known."""

    url: str
    model: str
    key: str | None = None
    tries: int = 3
    retries: int = 4
    timeout_s: float = 120.0
    price_in: float | None = None
    price_out: float | None = None


@dataclass
class Bill:
    """What was asked so far. ``kept``: answers that came from the cache. ``again``: answers asked
    for again."""

    requests: int = 0
    kept: int = 0
    again: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    price_in: float | None = field(default=None, repr=False)
    price_out: float | None = field(default=None, repr=False)

    @property
    def cost(self) -> float | None:
        """In the prices' currency; ``None`` without prices."""
        if self.price_in is None or self.price_out is None:
            return None
        return (self.tokens_in * self.price_in + self.tokens_out * self.price_out) / 1e6

    def line(self) -> str:
        """For people."""
        text = (
            f"{self.requests} requests, {self.kept} answers from the cache, {self.again} asked again; "
            f"{self.tokens_in:,} tokens in, {self.tokens_out:,} out"
        )
        return text if self.cost is None else f"{text}, costs {self.cost:.4f}"


class EndpointCaptioner:
    """Asks ``endpoint``. Raises ``DatasetError`` when it does not answer, or not as it was asked."""

    def __init__(self, endpoint: Endpoint, cache: AnswerCache) -> None:
        import openai  # noqa: PLC0415 - optional, only this captioner needs it

        self._openai = openai
        self._endpoint = endpoint
        self._cache = cache
        self._client = openai.OpenAI(
            base_url=endpoint.url,
            api_key=endpoint.key or "none",
            max_retries=endpoint.retries,
            timeout=endpoint.timeout_s,
        )
        self.source = f"{endpoint.model} (templates {VERSION})"
        self.bill = Bill(price_in=endpoint.price_in, price_out=endpoint.price_out)

    def chunk(self, past: Past, begin: int, before: Sequence[CaptionedChunk]) -> CaptionedChunk:
        """Rows ``begin`` to the end of ``past``; ``before``: the chunks that came earlier."""
        rows = _spread(begin, past.end)
        start, end = begin / past.frame_rate, past.end / past.frame_rate
        text = chunk_text(len(rows), start, end, action_of(past, begin), before)
        where = f"episode {past.episode.index}, seconds {start:.1f} to {end:.1f}"
        answer = self._ask(text, past, rows, ChunkAnswer, where)
        return CaptionedChunk(start=start, end=end, **answer.model_dump())

    def whole(self, past: Past, chunks: Sequence[CaptionedChunk]) -> tuple[str, str]:
        """Narrative and scene of the whole episode."""
        rows = _spread(0, past.end)
        text = whole_text(len(rows), past.end / past.frame_rate, chunks)
        answer = self._ask(text, past, rows, WholeAnswer, f"episode {past.episode.index}")
        return answer.narrative, answer.scene

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, text: str, past: Past, rows: Sequence[int], kind: type[Kind], where: str) -> Kind:
        content: list[dict[str, Any]] = [{"type": "text", "text": text}]
        content += [{"type": "image_url", "image_url": {"url": _data_url(past, row)}} for row in rows]
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": content},
        ]
        key = self._cache.key({**self._request(messages), "tries": self._endpoint.tries})
        kept = self._cache.get(key)
        if kept is not None:
            with contextlib.suppress(ValueError):  # a damaged one is asked for again
                found = read_answer(kept, kind)
                self.bill.kept += 1
                return found
        answer = self._asked(messages, kind, where)
        self._cache.put(key, self._endpoint.model, answer.model_dump_json())
        return answer

    def _asked(self, messages: list[dict[str, Any]], kind: type[Kind], where: str) -> Kind:
        """A whole answer: the first without a fault, or the last one without its sentences at fault."""
        faulty: Kind | None = None
        faults = "nothing was said"
        for attempt in range(self._endpoint.tries):
            self.bill.again += attempt > 0
            said = self._complete(messages, where)
            try:
                answer = read_answer(said, kind)
                if not (found := answer.faults()):
                    return answer
                faulty, faults = answer, "; ".join(found)
            except ValueError as error:
                faults = str(error)
            messages = [
                *messages,
                {"role": "assistant", "content": said},
                {"role": "user", "content": AGAIN.format(faults=faults)},
            ]
        if faulty is not None:
            try:
                return kind.model_validate(faulty.mended())
            except ValueError:
                pass  # nothing is left of it: told below
        raise DatasetError(
            f"{where}: {self._endpoint.model} gave no usable caption in {self._endpoint.tries} tries (the "
            f"last: {faults[:300]}); run the command again, with another model, or without --endpoint"
        )

    def _request(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "model": self._endpoint.model,
            "messages": messages,
            "temperature": 0.0,
            "max_tokens": MAX_TOKENS,
            "response_format": {"type": "json_object"},
        }

    def _complete(self, messages: list[dict[str, Any]], where: str) -> str:
        """One answer of the model."""
        try:
            completion = self._client.chat.completions.create(**self._request(messages))
        except self._openai.APIStatusError as error:
            raise DatasetError(
                f"{where}: {self._endpoint.url} refused: {_reason(error.status_code)}"
            ) from error
        except self._openai.APIError as error:
            raise DatasetError(
                f"{where}: {self._endpoint.url} does not answer ({type(error).__name__}); is the server up? "
                "Run the command again: finished episodes and answers are kept"
            ) from error
        self.bill.requests += 1
        if completion.usage is not None:
            self.bill.tokens_in += completion.usage.prompt_tokens
            self.bill.tokens_out += completion.usage.completion_tokens
        return (completion.choices[0].message.content if completion.choices else None) or ""


def _spread(begin: int, end: int) -> list[int]:
    """Up to ``PICTURES`` rows spread over a stretch."""
    count = min(PICTURES, end - begin)
    return [begin + (2 * i + 1) * (end - begin) // (2 * count) for i in range(count)]


def _data_url(past: Past, row: int) -> str:
    jpeg = simplejpeg.encode_jpeg(past.colour(row).copy(order="C"), JPEG_QUALITY, "RGB", "420")
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _reason(status: int) -> str:
    told = {
        400: "the request (status 400); does this model take pictures and JSON answers?",
        401: "the key (status 401); set OPENAI_API_KEY",
        403: "the key (status 403); it may not use this model",
        404: "the address or the model (status 404); the URL ends in /v1",
        429: "too many requests (status 429); wait, then run the command again: what was answered is kept",
    }
    return told.get(status, f"status {status}; run the command again: what was answered is kept")
