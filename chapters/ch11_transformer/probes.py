"""What the checks of chapter 11 need beside the learner's code: models of the next word, a head to train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
NextLogProbabilities = Callable[[Any], Array]


def table_of_words(percent: Array) -> NextLogProbabilities:
    """Makes a model of the next word from a table.

    Args:
        percent: Probabilities in percent, ``(steps, words, words)``: step, last word, next word. The last
            step's serve all steps after it.

    Returns:
        Function from the ids so far, the start among them, to the log probabilities of the next, ``(words,)``.
    """
    log_probabilities = np.log(np.asarray(percent, dtype="float64") / 100)

    def next_log_probabilities(ids: Any) -> Array:
        words = np.asarray(ids)
        if words.ndim != 1 or words.size == 0 or words.dtype.kind not in "iu":
            raise ValueError(
                "next_log_probabilities には、start_id から始まる id のリストを 1 本だけ渡します / "
                "next_log_probabilities takes one list of ids that begins with start_id"
            )
        step = min(words.size, len(log_probabilities)) - 1
        return np.array(log_probabilities[step, words[-1]])

    return next_log_probabilities


def tagger(block: keras.Model, d_model: int, classes: int, learning_rate: float) -> keras.Model:
    """Puts a softmax over each position on a block and compiles it.

    Args:
        block: Model from ``[x, padding_mask]`` to ``(batch, length, d_model)``.
        d_model: Width of ``x``.
        classes: Number of classes.
        learning_rate: Of Adam.

    Returns:
        Model from ``[x, padding_mask]`` to probabilities ``(batch, length, classes)``.
    """
    inputs = [keras.Input((None, d_model)), keras.Input((None,), dtype="int32")]
    outputs = keras.layers.Dense(classes, activation="softmax")(block(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)  # else the first step is traced twice
    return model


def train_tagger(model: keras.Model, x: Array, padding_mask: Array, labels: Array, batch_size: int) -> None:
    """Trains a tagger once through its examples, the padding among them.

    Args:
        model: The model of :func:`tagger`.
        x: Inputs ``(examples, length, d_model)``.
        padding_mask: ``(examples, length)``, 1 for what is real.
        labels: Classes ``(examples, length)``.
        batch_size: Examples of a step.
    """
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        model.train_on_batch([x[part], padding_mask[part]], labels[part])
