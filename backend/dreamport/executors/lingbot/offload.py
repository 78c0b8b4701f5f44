"""Blocks whose weights wait in main memory and are copied to the device just before they are computed.

The streamed blocks share two slots on the device. While one slot's block computes, the next block is copied
into the other on a stream of its own, so that a card computes as fast as its bus brings the weights. A block
always uses the same slot: its tensors never move, only what is in them changes, so nothing is compiled again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dreamport.errors import ExecutorError

ALIGNMENT = 256
"""Bytes; what the fastest copies and kernels want a tensor to begin at."""
SLOTS = 2
ENTRIES = ("steer", "cross_attn.keys", "cross_attn.values")
"""Methods of a LingBot block that are called besides its ``forward``."""


@dataclass(frozen=True)
class _Place:
    """Where one tensor of a block lies in the block's bytes."""

    begin: int
    end: int
    shape: tuple[int, ...]
    dtype: torch.dtype

    def view(self, block: Tensor) -> Tensor:
        """The tensor in a block's bytes."""
        return block[self.begin : self.end].view(self.dtype).view(self.shape)


class BlockOffload:
    """Streams ``blocks[resident:]`` through two slots on ``device``; the first ``resident`` stay on it.

    The blocks must have the same layout; they may come with their weights in main memory (best: nothing
    larger than the slots is then ever on the device). Their tensors become views of the slots: they hold a
    block's weights only while it runs. ``entries``: methods besides ``forward`` that need the weights; what
    runs in order, block after block, through ``forward`` is fetched ahead. Compile blocks one by one by
    replacing their ``forward`` (they share one graph), so that the copying stays outside of it. Raises
    ``ExecutorError``.
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        device: torch.device,
        resident: int = 0,
        entries: Sequence[str] = ENTRIES,
    ) -> None:
        for block in blocks[:resident]:
            block.to(device)
        self._streamed = list(blocks[resident:])
        self._device = device
        self._stream: Any = None
        self._slots: list[Tensor] = []
        self._host: list[Tensor] = []
        if not self._streamed:
            return
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        places = _places(self._streamed[0])
        count = min(SLOTS, len(self._streamed))
        self._slots = [torch.empty(places[-1].end, dtype=torch.uint8, device=device) for _ in range(count)]
        self._copied: list[Any] = [None] * count
        self._holds: list[int | None] = [None] * count
        for index, block in enumerate(self._streamed):
            # One block after the other: its own tensors are given back before the next is copied.
            self._host.append(self._packed(block, places))
            slot = self._slots[index % count]
            for (owner, name, _), place in zip(list(_tensors(block)), places, strict=True):
                _replace(owner, name, place.view(slot))
            for entry in entries:
                self._enter(index, block, entry)
            block.register_forward_pre_hook(self._before(index))
            block.register_forward_hook(self._after(index))
        for index in range(count):
            self._fetch(index)

    @property
    def host_bytes(self) -> int:
        """Bytes of main memory that hold the streamed blocks."""
        return sum(block.numel() for block in self._host)

    @property
    def device_bytes(self) -> int:
        """Bytes of the slots on the device."""
        return sum(slot.numel() for slot in self._slots)

    def _packed(self, block: nn.Module, places: Sequence[_Place]) -> Tensor:
        pinned = self._stream is not None
        packed = torch.zeros(places[-1].end, dtype=torch.uint8, pin_memory=pinned)
        tensors = list(_tensors(block))
        if [(tuple(one.shape), one.dtype) for _, _, one in tensors] != [(p.shape, p.dtype) for p in places]:
            raise ExecutorError("blocks of different sizes cannot be streamed; play without offload")
        for (_, _, tensor), place in zip(tensors, places, strict=True):
            place.view(packed).copy_(tensor.detach())
        return packed

    def _before(self, index: int) -> Callable[..., None]:
        def need(module: nn.Module, args: Any) -> None:
            self._need(index)

        return need

    def _after(self, index: int) -> Callable[..., None]:
        following = index + len(self._slots)
        # The last ones fetch the first of the next pass, which begins right after.
        upcoming = following if following < len(self._streamed) else index % len(self._slots)

        def fetch(module: nn.Module, args: Any, output: Any) -> None:
            self._fetch(upcoming)

        return fetch

    def _enter(self, index: int, block: nn.Module, entry: str) -> None:
        path, _, name = entry.rpartition(".")
        owner = block.get_submodule(path)
        method = getattr(owner, name)

        def entered(*args: Any, **named: Any) -> Any:
            self._need(index)
            return method(*args, **named)

        setattr(owner, name, entered)

    def _need(self, index: int) -> None:
        """What the current stream does from here on finds block ``index`` in its slot."""
        slot = index % len(self._slots)
        self._fetch(index)
        if self._stream is not None:
            torch.cuda.current_stream(self._device).wait_event(self._copied[slot])

    def _fetch(self, index: int) -> None:
        slot = index % len(self._slots)
        if self._holds[slot] == index:
            return
        self._holds[slot] = index
        if self._stream is None:
            self._slots[slot].copy_(self._host[index])
            return
        # What was started so far may still read the slot.
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            self._slots[slot].copy_(self._host[index], non_blocking=True)
            self._copied[slot] = self._stream.record_event()


def _places(block: nn.Module) -> list[_Place]:
    places, begin = [], 0
    for _, _, tensor in _tensors(block):
        end = begin + tensor.numel() * tensor.element_size()
        places.append(_Place(begin, end, tuple(tensor.shape), tensor.dtype))
        begin = -(-end // ALIGNMENT) * ALIGNMENT
    if not places:
        raise ExecutorError("a block without tensors has nothing to stream; play without offload")
    return places


def _tensors(block: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    """Every parameter and buffer with its owner and name, in the order of the modules."""
    for part in block.modules():
        for name, tensor in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)):
            yield part, name, tensor


def _replace(owner: nn.Module, name: str, tensor: Tensor) -> None:
    if name in owner._parameters:
        owner._parameters[name] = nn.Parameter(tensor, requires_grad=False)
    else:
        owner._buffers[name] = tensor
