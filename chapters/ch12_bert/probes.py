"""What the checks of chapter 12 need beside the learner's code: layers, a small BERT, models of the next word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from course_utils.bert import BertConfig, build_bert

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


def small_bert(vocabulary_size: int, length: int, hidden_dim: int, seed: int) -> keras.Model:
    """Builds a BERT of one layer whose random weights tell its inputs apart.

    Args:
        vocabulary_size: Pieces.
        length: Longest input.
        hidden_dim: Width, even.
        seed: Seed of the weights.

    Returns:
        A model as :func:`course_utils.bert.build_bert` makes it, without dropout.
    """
    model = build_bert(
        BertConfig(vocabulary_size, 1, 2, hidden_dim, 2 * hidden_dim, length, dropout=0.0), name="small_bert"
    )
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if len(variable.shape) > 1:
            variable.assign(rng.normal(0, hidden_dim**-0.5, variable.shape))
    return model


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
