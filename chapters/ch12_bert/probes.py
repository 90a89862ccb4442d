"""What the checks of chapter 12 need beside the learner's code: layers, a tiny encoder, models of the next word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

Array = npt.NDArray[Any]
NextProbabilities = Callable[[Any], Array]


def attention_layer(dim: int, heads: int, key_dim: int) -> keras.layers.MultiHeadAttention:
    """Builds self-attention of the learner's to turn causal.

    Args:
        dim: Dimensions of input and output.
        heads: Number of heads.
        key_dim: Dimensions of a head.

    Returns:
        The layer; its weights are query, key, value and output, each kernel and bias.
    """
    layer = keras.layers.MultiHeadAttention(heads, key_dim)
    layer.build((None, None, dim), (None, None, dim))
    return layer


def tiny_encoder(vocabulary_size: int, embedding_dim: int, hidden_dim: int, frozen: bool) -> keras.Model:
    """Builds an encoder with the inputs and outputs of BERT, so small that it can be computed beside Keras.

    Args:
        vocabulary_size: Pieces.
        embedding_dim: Width of the embeddings, other than ``hidden_dim``.
        hidden_dim: Width of both outputs.
        frozen: Whether nothing in it is to be trained.

    Returns:
        A model with the inputs and outputs of :func:`course_utils.bert.build_bert`; its weights are the
        embeddings of pieces and segments, a kernel, and kernel and bias of the pooler.
    """
    inputs = {
        key: keras.Input((None,), dtype="int32", name=key)
        for key in ("token_ids", "segment_ids", "padding_mask")
    }
    # Not the layer Embedding: in Keras, Adam counts a piece that occurs twice as two gradients.
    x = layers.Dense(embedding_dim, use_bias=False)(ops.one_hot(inputs["token_ids"], vocabulary_size))
    x = x + layers.Dense(embedding_dim, use_bias=False)(ops.one_hot(inputs["segment_ids"], 2))
    mask = ops.cast(inputs["padding_mask"], "float32")[..., None]
    mean = ops.sum(x * mask, 1, keepdims=True) / ops.sum(mask, 1, keepdims=True)
    x = layers.Dense(hidden_dim, "tanh", use_bias=False)(x + mean)
    pooled = layers.Dense(hidden_dim, "tanh", name="pooled_dense")(x[:, 0])
    encoder = keras.Model(inputs, {"sequence_output": x, "pooled_output": pooled}, name="tiny_encoder")
    encoder.trainable = not frozen
    return encoder


def train(model: keras.Model, inputs: dict[str, Array], labels: Array, steps: int) -> None:
    """Trains a compiled model on one batch, again and again.

    Args:
        model: The model.
        inputs: Inputs by name, examples first.
        labels: Class of each example.
        steps: How often.
    """
    for _ in range(steps):
        model.train_on_batch(inputs, labels)


def weighing_words(weights: Sequence[int], vocabulary_size: int, peak: float) -> NextProbabilities:
    """Makes a model of the next word that reads the whole text.

    Args:
        weights: Of each place; from the start again where the text is longer.
        vocabulary_size: Words.
        peak: Probability of the likeliest word, the weighted sum of the ids plus their number, modulo
            ``vocabulary_size``; the others share the rest.

    Returns:
        Function from the ids so far to the probabilities of the next.
    """

    def next_probabilities(ids: Any) -> Array:
        words = _words(ids)
        places = np.resize(np.asarray(weights), words.size)
        probabilities = np.full(vocabulary_size, (1 - peak) / (vocabulary_size - 1))
        probabilities[(int(places @ words) + words.size) % vocabulary_size] = peak
        return probabilities

    return next_probabilities


def steady_words(probabilities: Sequence[float]) -> NextProbabilities:
    """Makes a model of the next word that gives the same probabilities whatever stands before."""

    def next_probabilities(ids: Any) -> Array:
        _words(ids)
        return np.array(probabilities)

    return next_probabilities


def _words(ids: Any) -> Array:
    """Reads the ids that a learner passed."""
    words = np.asarray(ids)
    if words.ndim != 1 or words.size == 0 or words.dtype.kind not in "iu":
        raise ValueError(
            "next_probabilities には、これまでの id を並べた空でないリストを渡します / "
            "next_probabilities takes the ids so far, one or more, in a list"
        )
    return words
