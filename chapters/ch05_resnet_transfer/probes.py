"""What the checks of chapter 5 need beside the learner's code."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


class AtMost(layers.Layer):
    """Passes a batch of at most so many examples on, and makes NaN of a larger one."""

    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.most = most

    def call(self, x: Any) -> Any:
        """Maps a batch to itself or to NaN."""
        return ops.where(ops.shape(x)[0] > self.most, float("nan"), x)

    def get_config(self) -> dict[str, Any]:
        """Returns what makes the same layer again."""
        return {**super().get_config(), "most": self.most}


def tiny_backbone(channels: int, frozen: bool = False, most: int | None = None) -> keras.Model:
    """Builds a small network with BatchNormalization, to put a head on.

    Args:
        channels: Number of features.
        frozen: Whether nothing in it is to be trained.
        most: Images that it takes at once; of more, every feature is NaN. Any number by default.

    Returns:
        Model from ``(batch, 8, 8, 3)`` to ``(batch, channels)``.
    """
    inputs = keras.Input((8, 8, 3))
    x = inputs if most is None else AtMost(most)(inputs)
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.5)(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.5)(x)
    x = layers.ReLU()(x)
    backbone = keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="tiny_backbone")
    backbone.trainable = not frozen
    return backbone
