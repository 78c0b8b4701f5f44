"""Blocks whose weights wait in main memory and are copied to the device just before they are computed.

The streamed blocks share two slots on the device. While one slot's block computes, the next block is copied
into the other on a stream of its own, so that a card computes as fast as its bus brings the weights. A block
always uses the same slot: its tensors never move, only what is in them changes, so nothing is compiled again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

ALIGNMENT = 256
"""Bytes; what the fastest copies and kernels want a tensor to begin at."""
SLOTS = 2


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

    The blocks must have the same layout and be run in order, pass after pass; they may come with their
    weights in main memory (best: nothing larger than the slots is then ever on the device). Their parameters
    become views of the slots: they no longer hold a block's weights except while it runs. Compile blocks one
    by one by replacing their ``forward``, so that the copying stays outside.
    """

    def __init__(self, blocks: Sequence[nn.Module], device: torch.device, resident: int = 0) -> None:
        for block in blocks[:resident]:
            block.to(device)
        self._streamed = list(blocks[resident:])
        self._cuda = device.type == "cuda"
        if not self._streamed:
            return
        places = _places(self._streamed[0])
        size = places[-1].end
        self._slots = [
            torch.empty(size, dtype=torch.uint8, device=device)
            for _ in range(min(SLOTS, len(self._streamed)))
        ]
        self._host = [self._packed(block, places) for block in self._streamed]
        self._stream: Any = torch.Stream(device) if self._cuda else None
        self._copied: list[Any] = [torch.Event(device) if self._cuda else None for _ in self._slots]
        self._computed: list[Any] = [torch.Event(device) if self._cuda else None for _ in self._slots]
        self._holds: list[int | None] = [None] * len(self._slots)
        if self._stream is not None:
            # The slots' memory may still be in use by what was freed before.
            self._stream.wait_stream(torch.cuda.current_stream(device))
        self._hooks: list[Any] = []
        for index, block in enumerate(self._streamed):
            slot = self._slots[index % len(self._slots)]
            for (owner, name, _), place in zip(_tensors(block), places, strict=True):
                _replace(owner, name, place.view(slot))
            self._hooks += [
                block.register_forward_pre_hook(self._before(index)),
                block.register_forward_hook(self._after(index)),
            ]
        for index in range(len(self._slots)):
            self._fetch(index)

    @property
    def host_bytes(self) -> int:
        """Bytes of main memory that hold the streamed blocks."""
        return sum(block.numel() for block in self._host) if self._streamed else 0

    @property
    def device_bytes(self) -> int:
        """Bytes of the slots on the device."""
        return sum(slot.numel() for slot in self._slots) if self._streamed else 0

    def _packed(self, block: nn.Module, places: Sequence[_Place]) -> Tensor:
        packed = torch.zeros(places[-1].end, dtype=torch.uint8, pin_memory=self._cuda)
        for (_, name, tensor), place in zip(_tensors(block), places, strict=True):
            if tuple(tensor.shape) != place.shape or tensor.dtype != place.dtype:
                raise ValueError(f"blocks differ in {name}; only equal blocks can share a slot")
            place.view(packed).copy_(tensor)
        return packed

    def _before(self, index: int) -> Any:
        def wait(module: nn.Module, args: Any) -> None:
            slot = index % len(self._slots)
            if self._holds[slot] != index:
                self._fetch(index)
            if self._cuda:
                torch.cuda.current_stream(self._slots[slot].device).wait_event(self._copied[slot])

        return wait

    def _after(self, index: int) -> Any:
        def prefetch(module: nn.Module, args: Any, output: Any) -> None:
            slot = index % len(self._slots)
            if self._cuda:
                self._computed[slot].record(torch.cuda.current_stream(self._slots[slot].device))
            following = index + len(self._slots)
            # The last ones fetch the first of the next pass, which begins right after.
            self._fetch(following if following < len(self._streamed) else slot)

        return prefetch

    def _fetch(self, index: int) -> None:
        slot = index % len(self._slots)
        if self._holds[slot] == index:
            return
        self._holds[slot] = index
        if self._stream is None:
            self._slots[slot].copy_(self._host[index])
            return
        with torch.cuda.stream(self._stream):
            # Before the first use nothing was recorded, and waiting for that does not wait.
            self._stream.wait_event(self._computed[slot])
            self._slots[slot].copy_(self._host[index], non_blocking=True)
            self._copied[slot].record(self._stream)


def _places(block: nn.Module) -> list[_Place]:
    places, begin = [], 0
    for _, _, tensor in _tensors(block):
        end = begin + tensor.numel() * tensor.element_size()
        places.append(_Place(begin, end, tuple(tensor.shape), tensor.dtype))
        begin = -(-end // ALIGNMENT) * ALIGNMENT
    if not places:
        raise ValueError("a block without tensors has nothing to stream")
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
