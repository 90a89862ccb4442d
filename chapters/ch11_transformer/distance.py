"""A task that asks for something long ago: one layer of attention and an LSTM, at growing distance.

A row is a symbol, then ``distance`` symbols that mean nothing, then a question mark. The answer is the first
symbol. All symbols are of the same kind, so only their place tells which one counts.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers, ops

from chapters.ch11_transformer.transformer import EncoderLayer, Sizes, sinusoids

SYMBOLS = 8
QUESTION = SYMBOLS
WIDTH = 32

Array = npt.NDArray[Any]


def make_rows(rng: np.random.Generator, count: int, distance: int) -> tuple[Array, Array]:
    """Draws rows and their answers.

    Args:
        rng: Source of the symbols.
        count: Number of rows.
        distance: Meaningless symbols between the first symbol and the question.

    Returns:
        Ids ``(count, distance + 2)`` and answers ``(count,)``, both int32.
    """
    rows = rng.integers(0, SYMBOLS, (count, distance + 2)).astype("int32")
    answers = rows[:, 0].copy()
    rows[:, -1] = QUESTION
    return rows, answers


class AddPositions(layers.Layer):
    """Adds sinusoidal positions."""

    def call(self, x: Any) -> Any:
        """Maps ``(batch, length, width)`` to the same shape."""
        return x + sinusoids(x.shape[1], x.shape[2])


class OneAttention(layers.Layer):
    """One encoder layer of the Transformer, computed for the last position alone: no other is read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        sizes = Sizes(SYMBOLS + 1, WIDTH, heads=4, inner=2 * WIDTH, dropout=0.0)
        self.layer = EncoderLayer(sizes, name="layer")

    def build(self, shape: Any) -> None:
        """Builds the layer."""
        self.layer.build(shape)

    def call(self, x: Any) -> Any:
        """Maps ``(batch, length, width)`` to ``(batch, width)``."""
        last, layer = x[:, -1:], self.layer
        gathered, _ = layer.attention(last, x, ops.ones((1, 1), dtype="bool"))
        last = layer.add(0, last, gathered, training=False)
        return layer.add(1, last, layer.feed_forward(last), training=False)[:, 0]


class LongMemory(keras.initializers.Initializer):
    """Biases of an LSTM that forgets slowly: forget gates spread over memories of up to ``longest`` steps.

    Source: Tallec & Ollivier, "Can Recurrent Neural Networks Warp Time?", ICLR 2018.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Draws biases of the gates in Keras' order: input, forget, cell, output."""
        units = shape[0] // 4
        forget = ops.log(keras.random.uniform((units,), 1, self.longest - 1))
        return ops.concatenate([-forget, forget, ops.zeros(2 * units)])

    def get_config(self) -> dict[str, Any]:
        """Returns what makes the same initialiser again."""
        return {"longest": self.longest}


READERS = ("注意 1 層", "LSTM", "LSTM (忘れにくい初期値)")


def build_reader(name: str, distance: int) -> keras.Model:
    """Builds a model from ids ``(batch, distance + 2)`` to logits ``(batch, SYMBOLS)``.

    Args:
        name: One of :data:`READERS`; all have about the same number of parameters.
        distance: Of the task.

    Returns:
        The model; its layers are an embedding and the rest.
    """
    vectors = keras.Input((distance + 2, WIDTH))
    if name == READERS[0]:
        read = OneAttention()(AddPositions()(vectors))
    elif name == READERS[1]:
        read = layers.LSTM(WIDTH)(vectors)
    else:
        read = _slowly_forgetting(distance)(vectors)
    reader = keras.Model(vectors, layers.Dense(SYMBOLS)(read), name="reader")
    return keras.Sequential(
        [keras.Input((distance + 2,), dtype="int32"), layers.Embedding(SYMBOLS + 1, WIDTH), reader]
    )


def _slowly_forgetting(distance: int) -> layers.Layer:
    return layers.LSTM(WIDTH, bias_initializer=LongMemory(distance + 2), unit_forget_bias=False)


def _loss() -> keras.losses.Loss:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def far_gradient(model: keras.Model, rows: Array, answers: Array) -> float:
    """Measures how much of the loss's gradient reaches the first symbol.

    Args:
        model: From :func:`build_reader`.
        rows: Ids ``(n, length)``.
        answers: Shape ``(n,)``.

    Returns:
        Mean norm of the gradient of a row's loss with respect to the vector of its first symbol.
    """
    embedding, reader = model.layers
    vectors = embedding(rows)
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        loss = _loss()(answers, reader(vectors)) * len(rows)
    gradient = tape.gradient(loss, vectors)[:, 0]
    return float(tf.reduce_mean(tf.norm(gradient, axis=-1)))


def train_reader(
    model: keras.Model, rng: np.random.Generator, distance: int, updates: int, rate: float, batch: int = 64
) -> None:
    """Trains on fresh rows.

    Args:
        model: From :func:`build_reader`.
        rng: Source of the rows.
        distance: Of the task.
        updates: Number of steps of Adam.
        rate: Learning rate.
        batch: Rows of a step.
    """
    rows, answers = make_rows(rng, updates * batch, distance)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), _loss(), jit_compile=False)
    model.fit(rows, answers, batch_size=batch, shuffle=False, verbose=0)


def accuracy(model: keras.Model, rows: Array, answers: Array) -> float:
    """Computes the share of rows that are answered rightly."""
    return float((model.predict(rows, batch_size=500, verbose=0).argmax(axis=1) == answers).mean())
