"""Small image networks of three kinds of blocks, of as many parameters each: residual, separable, dense."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import layers

from course_utils.backbones import BATCH_NORM_MOMENTUM, residual_block

SIZE = 32
WIDTHS = (12, 24, 48)
"""Channels of the residual network's three stages."""
SEPARABLE_WIDTHS = (32, 64, 144)
GROWTH, LAYERS_PER_BLOCK = 8, (3, 4, 7)
STEM = 16


def batch_norm(x: keras.KerasTensor) -> keras.KerasTensor:
    """Adds BatchNormalization that follows a small data set quickly."""
    return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)


def separable_block(x: keras.KerasTensor, filters: int, stride: int = 1) -> keras.KerasTensor:
    """Adds MobileNet's block: a 3x3 depthwise convolution, then a 1x1 convolution, each normalised.

    Args:
        x: Feature map of shape ``(batch, height, width, channels)``.
        filters: Channels of the output.
        stride: Stride of the depthwise convolution.

    Returns:
        Feature map of shape ``(batch, ceil(height / stride), ceil(width / stride), filters)``.

    Source: Howard et al., "MobileNets", 2017, Fig. 3.
    """
    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)
    x = layers.ReLU()(batch_norm(x))
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    return layers.ReLU()(batch_norm(x))


def dense_layer(x: keras.KerasTensor, growth: int) -> keras.KerasTensor:
    """Adds one layer of a dense block: its ``growth`` new channels are laid beside all earlier ones.

    Args:
        x: Feature map of shape ``(batch, height, width, channels)``.
        growth: New channels, the paper's k.

    Returns:
        Feature map of shape ``(batch, height, width, channels + growth)``.

    Source: Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, Eq. 2.
    """
    new = layers.ReLU()(batch_norm(x))
    new = layers.Conv2D(growth, 3, padding="same", use_bias=False)(new)
    return layers.Concatenate()([x, new])


def transition(x: keras.KerasTensor, share: float = 0.5) -> keras.KerasTensor:
    """Adds DenseNet's transition: a 1x1 convolution keeps a share of the channels, pooling halves the map."""
    x = layers.ReLU()(batch_norm(x))
    x = layers.Conv2D(int(x.shape[-1] * share), 1, use_bias=False)(x)
    return layers.AveragePooling2D(2)(x)


def residual_network(classes: int, widths: Sequence[int] = WIDTHS) -> keras.Model:
    """Builds one residual block for each width; each after the first halves the map.

    Args:
        classes: Number of classes.
        widths: Channels of each stage.

    Returns:
        Model from RGB images in [0, 255], shape ``(batch, 32, 32, 3)``, to logits ``(batch, classes)``.
    """

    def body(x: keras.KerasTensor) -> keras.KerasTensor:
        for stage, filters in enumerate(widths):
            x = residual_block(x, filters, stride=1 if stage == 0 else 2)
        return x

    return _classifier(body, widths[0], classes, "residual")


def separable_network(
    classes: int, widths: Sequence[int] = SEPARABLE_WIDTHS, stem: int = STEM
) -> keras.Model:
    """Builds two separable blocks for each width; each width after the first halves the map.

    Args:
        classes: Number of classes.
        widths: Channels of each stage.
        stem: Channels of the first convolution.

    Returns:
        Model from RGB images in [0, 255], shape ``(batch, 32, 32, 3)``, to logits ``(batch, classes)``.
    """

    def body(x: keras.KerasTensor) -> keras.KerasTensor:
        for stage, filters in enumerate(widths):
            x = separable_block(x, filters, stride=1 if stage == 0 else 2)
            x = separable_block(x, filters)
        return x

    return _classifier(body, stem, classes, "separable")


def dense_network(
    classes: int, growth: int = GROWTH, layers_per_block: Sequence[int] = LAYERS_PER_BLOCK
) -> keras.Model:
    """Builds dense blocks with a transition between them.

    Args:
        classes: Number of classes.
        growth: New channels of each layer.
        layers_per_block: Number of layers of each block.

    Returns:
        Model from RGB images in [0, 255], shape ``(batch, 32, 32, 3)``, to logits ``(batch, classes)``.
    """

    def body(x: keras.KerasTensor) -> keras.KerasTensor:
        for block, count in enumerate(layers_per_block):
            x = x if block == 0 else transition(x)
            for _ in range(count):
                x = dense_layer(x, growth)
        return layers.ReLU()(batch_norm(x))

    return _classifier(body, STEM, classes, "dense")


NETWORKS: dict[str, Callable[[int], keras.Model]] = {
    "ResNet": residual_network,
    "MobileNet": separable_network,
    "DenseNet": dense_network,
    "MobileNet (同じ幅)": lambda classes: separable_network(classes, WIDTHS, WIDTHS[0]),
}
"""By name: three of as many parameters each, and MobileNet's blocks at the residual network's widths."""

EQUAL = ("ResNet", "MobileNet", "DenseNet")
NARROW = "MobileNet (同じ幅)"


def _classifier(
    body: Callable[[keras.KerasTensor], keras.KerasTensor], stem: int, classes: int, name: str
) -> keras.Model:
    """Puts the same stem and head round a body."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = layers.Conv2D(stem, 3, 2, padding="same", use_bias=False)(x)
    x = body(layers.ReLU()(batch_norm(x)))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes)(x), name=name)
