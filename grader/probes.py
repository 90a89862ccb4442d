"""Probes for Keras models, for the checks of every chapter. Public Keras API only.

They run beside the learner's code: what they return is a claim of that process.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def predict(model: keras.layers.Layer, x: Any, training: bool = False) -> Array:
    """Applies a model or layer.

    Args:
        model: The model.
        x: Inputs: an array, or a list or dict of arrays.
        training: Whether it behaves as in training (dropout, batch statistics).

    Returns:
        Its output; a list of arrays where it has several.
    """
    outputs = model(x, training=training)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


def weights(model: keras.layers.Layer) -> list[Array]:
    """Returns all weights, in Keras' order."""
    return [np.asarray(array) for array in model.get_weights()]


def set_weights(model: keras.layers.Layer, arrays: list[Array]) -> None:
    """Sets all weights.

    Args:
        model: The model.
        arrays: In the order and shapes of :func:`weights`.
    """
    model.set_weights(arrays)


def trainable_weights(model: keras.layers.Layer) -> list[Array]:
    """Returns the weights that training may change, in Keras' order."""
    return [keras.ops.convert_to_numpy(variable) for variable in model.trainable_weights]


def parameter_counts(model: keras.layers.Layer) -> dict[str, int]:
    """Counts parameters: ``total`` and ``trainable``."""
    return {
        "total": sum(int(np.prod(variable.shape)) for variable in model.weights),
        "trainable": sum(int(np.prod(variable.shape)) for variable in model.trainable_weights),
    }


def output_shape(model: keras.layers.Layer) -> tuple[int | None, ...]:
    """Returns the shape of the output of a built functional or sequential model, batch axis ``None``."""
    return tuple(model.output_shape)


def trainable_flags(model: keras.Model) -> list[bool]:
    """Returns ``trainable`` of each of the model's top-level layers."""
    return [bool(layer.trainable) for layer in model.layers]


def compile(model: keras.Model, optimizer: str, learning_rate: float, loss: str) -> None:
    """Compiles a model.

    Args:
        model: The model.
        optimizer: Keras' name of the optimizer, such as ``"sgd"``.
        learning_rate: Its learning rate.
        loss: Keras' name of the loss, such as ``"mean_squared_error"``.
    """
    chosen = keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": learning_rate}})
    model.compile(optimizer=chosen, loss=loss)


def train_steps(model: keras.Model, x: Array, y: Array, steps: int, batch_size: int) -> None:
    """Trains a compiled model on consecutive batches, from the start again when they run out.

    Args:
        model: The model.
        x: Inputs, examples first.
        y: Targets, examples first.
        steps: Number of batches.
        batch_size: Examples in a batch; the last before the end may be smaller.
    """
    batches = range(0, len(x), batch_size)
    for step in range(steps):
        start = batches[step % len(batches)]
        model.train_on_batch(x[start : start + batch_size], y[start : start + batch_size])
