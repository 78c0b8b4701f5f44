"""Layers of the Wan2.1 VAE that go on where the last frames ended, what they saw being kept outside.

A causal layer sees frames of the past only: zeros before the first. What it needs of them is handed in and
out by :class:`Past`, so that a video may be cut anywhere and gives the same frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, int]
"""Rows and columns."""
Shape = tuple[int, int, int, int]
"""Channels, frames, rows, columns."""


_HAS_ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


class Past:
    """The last frames that each causal layer saw, in the order in which the layers run.

    ``before [B, C, n, H, W]`` each, zeros at the beginning; ``first``: the video begins with these frames,
    and its first frame is coded by itself. ``after`` fills up with what the next call needs.
    """

    def __init__(self, before: Sequence[Tensor], first: bool) -> None:
        self.before = before
        self.first = first
        self.after: list[Tensor] = []

    def join(self, x: Tensor) -> Tensor:
        """``x [B, C, T, H, W]`` behind the frames that the layer in turn saw before."""
        before = self.before[len(self.after)]
        joined = torch.cat([before, x], dim=2)
        # a copy, or the whole of what was joined would live until the end of the step
        self.after.append(joined[:, :, -before.shape[2] :].clone())
        return joined


class Layer(nn.Module):
    """A part of the codec that is run with its past."""

    def past(self, size: Size) -> Iterator[Shape]:
        """What it needs of the past for frames of ``size``, layer by layer; by default nothing."""
        yield from ()

    def run(self, x: Tensor, past: Past) -> Tensor:
        """``[B, C, T, H, W]`` -> ``[B, C', T', H', W']``."""
        raise NotImplementedError


class RMSNorm(nn.Module):
    """Root-mean-square norm over channels (arXiv 1910.07467), in float32. ``dims``: axes behind them."""

    def __init__(self, channels: int, dims: int = 3) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *[1] * dims))

    def forward(self, x: Tensor) -> Tensor:
        size = x.float().square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-12)
        scaled: Tensor = (x / size).to(x.dtype) * (self.gamma * x.shape[1] ** 0.5)
        return scaled


class CausalConv3d(nn.Conv3d):
    """3x3x3 convolution of this frame and the two before it."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__(into, out, 3, padding=(0, 1, 1))

    def past(self, size: Size) -> Iterator[Shape]:
        """What it needs of the past for frames of ``size``."""
        yield self.in_channels, 2, *size

    def run(self, x: Tensor, past: Past) -> Tensor:
        """``[B, into, T, H, W]`` -> ``[B, out, T, H, W]``."""
        joined = past.join(x)
        if _small_on_cpu(joined):
            one = [1, 1, 1]
            return torch.mkldnn_convolution(joined, self.weight, self.bias, [0, 1, 1], one, one, 1)
        convolved: Tensor = self(joined)
        return convolved


class Residual(Layer):
    """Two normalised causal convolutions, added to their input. Places in ``residual`` are the files'."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        first, second = CausalConv3d(into, out), CausalConv3d(out, out)
        self.residual = nn.Sequential(
            RMSNorm(into), _silu(), first, RMSNorm(out), _silu(), nn.Identity(), second
        )
        self.shortcut = nn.Conv3d(into, out, 1) if into != out else nn.Identity()

    def past(self, size: Size) -> Iterator[Shape]:
        for layer in self.residual:
            if isinstance(layer, CausalConv3d):
                yield from layer.past(size)

    def run(self, x: Tensor, past: Past) -> Tensor:
        """``[B, into, T, H, W]`` -> ``[B, out, T, H, W]``."""
        inner = x
        for layer in self.residual:
            inner = layer.run(inner, past) if isinstance(layer, CausalConv3d) else layer(inner)
        added: Tensor = self.shortcut(x) + inner
        return added


class Attention(Layer):
    """Self-attention within each frame, one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = RMSNorm(channels, dims=2)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def run(self, x: Tensor, past: Past) -> Tensor:
        """``[B, C, T, H, W]`` -> the same."""
        frames = as_frames(x)
        q, k, v = self.to_qkv(self.norm(frames)).flatten(2).transpose(1, 2)[:, None].chunk(3, dim=-1)
        seen = F.scaled_dot_product_attention(q, k, v)[:, 0].transpose(1, 2).reshape(frames.shape)
        return x + as_video(self.proj(seen), x.shape[0])


class Downsample(Layer):
    """Half the size; with ``time`` also half the frames, of which the video's first stays by itself."""

    def __init__(self, channels: int, time: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels, channels, 3, stride=2))
        self.time_conv = nn.Conv3d(channels, channels, (3, 1, 1), stride=(2, 1, 1)) if time else None

    def past(self, size: Size) -> Iterator[Shape]:
        if self.time_conv is not None:
            yield self.time_conv.in_channels, 1, size[0] // 2, size[1] // 2

    def run(self, x: Tensor, past: Past) -> Tensor:
        """``[B, C, T, H, W]`` -> ``[B, C, T or about T / 2, H / 2, W / 2]``."""
        x = as_video(self.resample(as_frames(x)), x.shape[0])
        if self.time_conv is None:
            return x
        joined = past.join(x)
        if not past.first:
            halved: Tensor = self.time_conv(joined)
            return halved
        return torch.cat([x[:, :, :1], self.time_conv(x)], dim=2) if x.shape[2] > 1 else x


class Head(nn.Sequential):
    """The last convolution, with its norm."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__(RMSNorm(into), _silu(), CausalConv3d(into, out))

    def past(self, size: Size) -> Iterator[Shape]:
        """As of :class:`Layer`."""
        yield from cast(CausalConv3d, self[2]).past(size)

    def run(self, x: Tensor, past: Past) -> Tensor:
        """As of :class:`Layer`."""
        return cast(CausalConv3d, self[2]).run(self[1](self[0](x)), past)


class Upsample(Layer):
    """Twice the size and half the channels; with ``time`` also twice the frames, but for the video's first.

    ``subpixel``: the convolution behind the doubling is done at the smaller size with summed weights, which
    takes 16 instead of 36 products for each input pixel and channel and gives the same but for rounding.
    """

    def __init__(self, channels: int, time: bool) -> None:
        super().__init__()
        self.subpixel = False
        self.resample = nn.Sequential(
            nn.Upsample(scale_factor=2.0, mode="nearest-exact"),
            nn.Conv2d(channels, channels // 2, 3, padding=1),
        )
        self.time_conv = nn.Conv3d(channels, 2 * channels, (3, 1, 1)) if time else None

    def past(self, size: Size) -> Iterator[Shape]:
        if self.time_conv is not None:
            yield self.time_conv.in_channels, 2, *size

    def run(self, x: Tensor, past: Past) -> Tensor:
        """``[B, C, T, H, W]`` -> ``[B, C / 2, T or about 2 T, 2 H, 2 W]``."""
        if self.time_conv is not None:
            # the first frame is neither doubled nor seen by the others
            alone = 1 if past.first else 0
            joined = past.join(x[:, :, alone:])
            if x.shape[2] > alone:
                doubled = in_time(self.time_conv(joined))
                x = torch.cat([x[:, :, :alone], doubled], dim=2) if alone else doubled
        frames = as_frames(x)
        if self.subpixel:
            conv = cast(nn.Conv2d, self.resample[1])
            return as_video(doubled_conv(frames, conv), x.shape[0])
        return as_video(self.resample(frames), x.shape[0])


def _small_on_cpu(x: Tensor) -> bool:
    """Whether oneDNN must be asked for by name: torch leaves three-dimensional convolutions of few channels
    and pixels on a processor to a kernel that is tens of times slower (``ConvBackend::Slow3d``). Compilers
    and exporters are given the plain operator.
    """
    plain = x.device.type == "cpu" and x.dtype == torch.float32
    return plain and _HAS_ONEDNN and not torch.compiler.is_compiling()


def _silu() -> nn.SiLU:
    """On what the norm before it made, in the same memory."""
    return nn.SiLU(inplace=True)


def as_frames(x: Tensor) -> Tensor:
    """``[B, C, T, H, W]`` -> ``[B * T, C, H, W]``; a view where channels come last in memory."""
    return x.transpose(1, 2).flatten(0, 1)


def as_video(x: Tensor, batch: int) -> Tensor:
    """``[B * T, C, H, W]`` -> ``[B, C, T, H, W]``."""
    return x.reshape(batch, -1, *x.shape[1:]).transpose(1, 2)


def in_time(x: Tensor) -> Tensor:
    """``[B, 2 C, T, H, W]``: each frame's two halves of channels, one after the other in time."""
    first, second = x.chunk(2, dim=1)
    return torch.stack([first, second], dim=3).flatten(2, 3)


def doubled_conv(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """The 3x3 convolution ``conv`` of ``x [N, C, H, W]`` doubled by nearest neighbour, as four 2x2
    convolutions of ``x``, one for each place in a doubled pixel (sub-pixel convolution, arXiv 1609.05158).
    """
    weight = conv.weight.float()
    summed = torch.stack([_halved(rows, -1) for rows in _halved(weight, -2).unbind(0)])
    height, width = x.shape[-2:]
    bias = None if conv.bias is None else conv.bias.repeat(4)
    four = F.conv2d(x, summed.flatten(0, 2).to(x.dtype), bias, padding=1).reshape(
        x.shape[0], 2, 2, -1, height + 1, width + 1
    )
    rows = [
        torch.stack([four[:, p, q, :, p : p + height, q : q + width] for q in range(2)], dim=-1)
        for p in range(2)
    ]
    return torch.stack(rows, dim=3).flatten(4, 5).flatten(2, 3)


def _halved(weight: Tensor, axis: int) -> Tensor:
    """Three taps on doubled pixels as two taps on single ones along ``axis``: ``[2, ...]``, of the even place
    and of the odd one. The even place sees the pixel before once and its own twice, the odd one the reverse.
    """
    before, here, behind = weight.split(1, dim=axis)  # type: ignore[no-untyped-call]
    even = torch.cat([before, here + behind], dim=axis)
    return torch.stack([even, torch.cat([before + here, behind], dim=axis)])
