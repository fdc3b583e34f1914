"""A small convolutional classifier, for images of a few pixels or a quick run."""

from torch import nn


def small_cnn(channels: int, classes: int, width: int = 16) -> nn.Sequential:
    """Three 3×3 convolutions with batch normalisation, global average pooling, one linear layer.

    Input float [N, channels, H, W]; output logits float [N, classes].
    """

    def stage(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *stage(channels, width, 1),
        *stage(width, 2 * width, 2),
        *stage(2 * width, 2 * width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, classes),
    )
