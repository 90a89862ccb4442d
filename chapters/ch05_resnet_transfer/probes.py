"""What the checks of chapter 5 need beside the learner's code."""

from __future__ import annotations

import keras
from keras import layers


def tiny_backbone(channels: int, frozen: bool = False) -> keras.Model:
    """Builds a small network with BatchNormalization, to put a head on.

    Args:
        channels: Number of features.
        frozen: Whether nothing in it is to be trained.

    Returns:
        Model from ``(batch, 8, 8, 3)`` to ``(batch, channels)``.
    """
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization(momentum=0.5)(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.5)(x)
    x = layers.ReLU()(x)
    backbone = keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="tiny_backbone")
    backbone.trainable = not frozen
    return backbone
