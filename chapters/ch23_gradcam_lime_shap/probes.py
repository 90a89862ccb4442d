"""What the checks of chapter 23 need beside the learner's code: a small network, a game, a scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

Array = npt.NDArray[Any]


def small_cnn(height: int, width: int, filters: Sequence[int], classes: int, hidden: int = 0) -> keras.Model:
    """Builds a small classifier whose last layer, ``predictions``, is a Dense layer with softmax.

    Args:
        height: Height of the image, even.
        width: Width of the image, even.
        filters: Channels of ``conv1`` and ``conv2``.
        classes: Number of classes.
        hidden: Units of a hidden layer after flattening; 0 for global average pooling instead.

    Returns:
        Model from ``(batch, height, width, 3)`` to probabilities ``(batch, classes)``.
    """
    inputs = keras.Input((height, width, 3))
    x = layers.Conv2D(filters[0], 3, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Dropout(0.25, name="dropout")(x)
    x = layers.Conv2D(filters[1], 3, padding="same", activation="relu", name="conv2")(x)
    if hidden:
        x = layers.Dense(hidden, activation="relu", name="hidden")(layers.Flatten()(x))
    else:
        x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(classes, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, outputs)


def coalition_game(values: Sequence[float]) -> Callable[[Any], float]:
    """Makes the value function of a game from a table.

    Args:
        values: Value of each coalition; player ``i`` is in coalition number ``n`` if bit ``i`` of ``n`` is 1.

    Returns:
        Function from a mask (one 0 or 1 for each player) to the value of the coalition.
    """
    players = len(values).bit_length() - 1

    def value(mask: Any) -> float:
        inside = np.asarray(mask)
        if inside.shape != (players,) or not np.isin(inside, [0, 1]).all():
            raise ValueError(
                f"value には 0 か 1 を {players} 個並べたマスクを渡します / "
                f"value takes a mask of {players} zeros and ones"
            )
        return float(values[int(inside.astype(int) @ 2 ** np.arange(players))])

    return value


def pixel_scorer(weights: Array, bias: float = 0.0, squash: bool = False) -> Callable[[Any], Array]:
    """Makes a model that scores images.

    Args:
        weights: One weight for each number of an image, ``(height, width, channels)``.
        bias: Added to the weighted sum.
        squash: Whether the sum goes through a sigmoid.

    Returns:
        Function from images ``(batch, height, width, channels)`` to scores ``(batch,)``.
    """
    weights = np.asarray(weights, dtype="float64")

    def score(images: Any) -> Array:
        batch = np.asarray(images, dtype="float64")
        if batch.shape[1:] != weights.shape:
            shape = ", ".join(map(str, weights.shape))
            raise ValueError(
                f"score には形が (枚数, {shape}) の画像を渡します。いまの形は {batch.shape} です / "
                f"score takes images of shape (batch, {shape}), not {batch.shape}"
            )
        sums = np.tensordot(batch, weights, axes=weights.ndim) + bias
        return np.asarray(1 / (1 + np.exp(-sums)) if squash else sums)

    return score
