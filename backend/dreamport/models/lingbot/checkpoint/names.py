"""Names of tensors in the ports of the checkpoints, turned into the ones of the original files.

Facts: Wan's original names are those of Wan-Video/Wan2.1; the diffusers names are those that its conversion
script gives (huggingface/diffusers, ``scripts/convert_wan_to_diffusers.py``). Ports of LingBot-World keep the
original names, with or without a prefix, or take the diffusers ones.
"""

from __future__ import annotations

import re

PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.", "module.", "model.")

_TRANSFORMER = (
    (r"^condition_embedder\.time_embedder\.linear_1\.", "time_embedding.0."),
    (r"^condition_embedder\.time_embedder\.linear_2\.", "time_embedding.2."),
    (r"^condition_embedder\.time_proj\.", "time_projection.1."),
    (r"^condition_embedder\.text_embedder\.linear_1\.", "text_embedding.0."),
    (r"^condition_embedder\.text_embedder\.linear_2\.", "text_embedding.2."),
    (r"^scale_shift_table$", "head.modulation"),
    (r"^proj_out\.", "head.head."),
    (r"^(blocks\.\d+)\.scale_shift_table$", r"\1.modulation"),
    (r"^(blocks\.\d+)\.attn1\.", r"\1.self_attn."),
    (r"^(blocks\.\d+)\.attn2\.", r"\1.cross_attn."),
    (r"_attn\.to_([qkv])\.", r"_attn.\1."),
    (r"_attn\.to_out\.0\.", "_attn.o."),
    (r"^(blocks\.\d+)\.norm2\.", r"\1.norm3."),
    (r"^(blocks\.\d+)\.ffn\.net\.0\.proj\.", r"\1.ffn.0."),
    (r"^(blocks\.\d+)\.ffn\.net\.2\.", r"\1.ffn.2."),
)
_RESIDUAL = {
    "norm1": "residual.0",
    "conv1": "residual.2",
    "norm2": "residual.3",
    "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}
_MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
IGNORED = ("freqs", "rope.freqs_cos", "rope.freqs_sin")
"""Tables that some ports store and every implementation computes."""


def transformer_name(name: str) -> str | None:
    """The original name of a tensor of the transformer; ``None`` for a table that nobody needs."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    if name in IGNORED:
        return None
    for pattern, original in _TRANSFORMER:
        name = re.sub(pattern, original, name)
    return name


def vae_name(name: str) -> str:
    """The original name of a tensor of the Wan 2.1 VAE."""
    for prefix in ("model.", "vae."):
        name = name.removeprefix(prefix)
    for side in ("quant_conv", "post_quant_conv"):
        if name.startswith(side + "."):
            return name.replace(side, "conv1" if side == "quant_conv" else "conv2", 1)
    half, _, rest = name.partition(".")
    if half not in ("encoder", "decoder"):
        return name
    for port, original in (("conv_in.", "conv1."), ("norm_out.", "head.0."), ("conv_out.", "head.2.")):
        if rest.startswith(port):
            return f"{half}.{original}{rest.removeprefix(port)}"
    for port, place in _MIDDLE.items():
        if rest.startswith(f"mid_block.{port}."):
            return f"{half}.middle.{place}.{_residual(rest.removeprefix(f'mid_block.{port}.'))}"
    if match := re.match(r"down_blocks\.(\d+)\.(.+)$", rest):
        return f"{half}.downsamples.{match[1]}.{_residual(match[2])}"
    if match := re.match(r"up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d+)\.(.+)$", rest):
        # each level of the decoder is three residual blocks and, but for the last, one upsampler
        within = int(match[3]) if match[2] == "resnets" else 3
        return f"{half}.upsamples.{4 * int(match[1]) + within}.{_residual(match[4])}"
    return name


def _residual(rest: str) -> str:
    part, _, leaf = rest.partition(".")
    return f"{_RESIDUAL[part]}.{leaf}" if part in _RESIDUAL else rest


def plain_name(name: str) -> str:
    """The name as it is: of files that have only one way."""
    return name
