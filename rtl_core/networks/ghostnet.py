"""GhostNet v1 (Han et al. 2020) cut after nine bottlenecks, for images of 32×32 pixels (paper section 2)."""

from collections import OrderedDict
from typing import cast

import torch
from timm.models.ghostnet import GhostBottleneck, GhostModule
from torch import Tensor, nn
from torch.nn import functional as F

BOTTLENECKS = (
    (3, 16, 16, 0.0, 1),
    (3, 48, 24, 0.0, 2),
    (3, 72, 24, 0.0, 1),
    (5, 72, 40, 0.25, 2),
    (5, 120, 40, 0.25, 1),
    (3, 240, 80, 0.0, 2),
    (3, 200, 80, 0.0, 1),
    (3, 184, 80, 0.0, 1),
    (3, 184, 80, 0.0, 1),
)
"""Kernel of the depthwise convolution, expansion, outputs, squeeze-and-excitation ratio, and stride of each."""


def ghostnet(channels: int, classes: int) -> nn.Sequential:
    """A stem, nine Ghost bottlenecks, two 1×1 convolutions around global average pooling, one linear layer.

    Input float [N, channels, H, W]; output logits float [N, classes].
    """
    inputs, blocks = 16, []
    for kernel, expansion, outputs, ratio, stride in BOTTLENECKS:
        blocks.append(Bottleneck(inputs, expansion, outputs, kernel, stride, se_ratio=ratio))
        inputs = outputs
    return nn.Sequential(
        OrderedDict(
            stem=nn.Sequential(
                nn.Conv2d(channels, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)
            ),
            blocks=nn.Sequential(*blocks),
            last=nn.Sequential(nn.Conv2d(80, 184, 1, bias=False), nn.BatchNorm2d(184), nn.ReLU(inplace=True)),
            pool=nn.AdaptiveAvgPool2d(1),
            head=nn.Sequential(nn.Conv2d(184, 128, 1), nn.ReLU(inplace=True)),
            flat=nn.Flatten(),
            classifier=nn.Linear(128, classes),
        )
    )


class Bottleneck(GhostBottleneck):
    """timm's Ghost bottleneck, equal to it in value, with a backward pass that is faster on a CPU.

    timm adds the shortcut in place to a slice; its gradient then loses the channels-last layout, and every layer
    below works on a copy.
    """

    published = GhostBottleneck

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps float [N, inputs, H, W] to float [N, outputs, H / stride, W / stride]."""
        expanded = _ghost(self.ghost1, x)
        if self.conv_dw is not None:
            expanded = self.bn_dw(self.conv_dw(expanded))
        if self.se is not None:
            expanded = self.se(expanded)
        added: Tensor = _ghost(self.ghost2, expanded) + self.shortcut(x)
        return added


def _ghost(module: GhostModule, x: Tensor) -> Tensor:
    primary = module.primary_conv(x)
    depthwise, *rest = module.cheap_operation
    cheap = _depthwise(cast(nn.Conv2d, depthwise), primary)
    for layer in rest:
        cheap = layer(cheap)
    return torch.cat([primary, cheap], dim=1)


def _depthwise(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """The layer's own output; a map smaller than the kernel gets a row and a column of zeros first.

    oneDNN has no fast gradient for a 3×3 depthwise kernel on a 2×2 map: this takes a fifth of the time.
    """
    height, width = x.shape[-2:]
    if min(height, width) >= layer.kernel_size[0]:
        return cast(Tensor, layer(x))
    padded: Tensor = layer(F.pad(x, (0, 1, 0, 1)))
    return padded[..., :height, :width]
