"""Grad-CAM, LIME and SHAP for many images at once, and what measures them.

The lesson writes each method from its definition and checks that these functions give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from skimage.segmentation import slic

Array = npt.NDArray[Any]
Predict = Callable[[Array], Array]
"""Maps RGB images ``(n, height, width, 3)`` in [0, 255] to a score for each, ``(n,)``."""


# Grad-CAM


def grad_cam(model: keras.Model, layer: str, inputs: Array, classes: Array) -> Array:
    """Computes Grad-CAM, Selvaraju et al., ICCV 2017, eq. 1 and 2.

    Args:
        model: From preprocessed images to logits.
        layer: Name of the convolutional layer to look at.
        inputs: Preprocessed images, shape ``(n, height, width, 3)``.
        classes: Class whose logit is explained, for each image, shape ``(n,)``.

    Returns:
        Maps of shape ``(n, h, w)``, 0 or more, not normalised.
    """
    probe = keras.Model(model.input, [model.get_layer(layer).output, model.output])
    with tf.GradientTape() as tape:
        features, logits = probe(tf.convert_to_tensor(inputs))
        scores = tf.gather(logits, classes, axis=1, batch_dims=1)
    weights = tf.reduce_mean(tape.gradient(scores, features), axis=(1, 2), keepdims=True)
    return np.asarray(tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)))


def enlarge(maps: Array, size: int) -> Array:
    """Enlarges maps bilinearly, shape ``(n, h, w)`` to ``(n, size, size)``."""
    return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_LINEAR) for one in maps])


# Superpixels, and images of which only some are shown


def superpixels(image: Array, count: int) -> Array:
    """Divides an image by SLIC, Achanta et al., PAMI 2012.

    Args:
        image: RGB, uint8, shape ``(height, width, 3)``.
        count: About this many pieces.

    Returns:
        The piece of each pixel, numbered from 0, shape ``(height, width)``.
    """
    return np.asarray(slic(image, n_segments=count, compactness=10, start_label=0))


def hidden(image: Array) -> Array:
    """Gives what stands for an image of which nothing is shown: its mean colour everywhere."""
    return np.broadcast_to(image.mean(axis=(0, 1)).round().astype("uint8"), image.shape)


def show_only(image: Array, pieces: Array, coalitions: Array) -> Array:
    """Shows some pieces of an image and hides the others.

    Args:
        image: RGB, shape ``(height, width, 3)``.
        pieces: The piece of each pixel, shape ``(height, width)``.
        coalitions: 1 for a piece that is shown, shape ``(n, pieces)``.

    Returns:
        Images of shape ``(n, height, width, 3)``.
    """
    shown = coalitions.astype(bool)[:, pieces]
    return np.where(shown[..., None], image, hidden(image))


# LIME


def lime_weights(coalitions: Array, width: float = 0.25) -> Array:
    """Weighs samples by their cosine distance from the whole image, as LIME does for images.

    Args:
        coalitions: 0 or 1, shape ``(n, pieces)``; nothing shown counts as distance 1.
        width: Width of the kernel.

    Returns:
        ``sqrt(exp(-d**2 / width**2))``, shape ``(n,)``.
    """
    cosine = np.sqrt(coalitions.mean(axis=1))
    return np.asarray(np.exp(-((1 - cosine) ** 2) / width**2 / 2))


def weighted_ridge(samples: Array, scores: Array, weights: Array, ridge: float = 1.0) -> Array:
    """Solves weighted ridge regression with a free intercept.

    Args:
        samples: Shape ``(n, features)``.
        scores: Shape ``(n,)``.
        weights: Shape ``(n,)``.
        ridge: Penalty on the squared coefficients.

    Returns:
        Coefficients without the intercept, shape ``(features,)``.
    """
    centred = samples - np.average(samples, axis=0, weights=weights)
    targets = scores - np.average(scores, weights=weights)
    gram = centred.T @ (weights[:, None] * centred) + ridge * np.eye(samples.shape[1])
    return np.asarray(np.linalg.solve(gram, centred.T @ (weights * targets)))


def lime_image(
    predict: Predict, image: Array, pieces: Array, samples: int, rng: np.random.Generator
) -> Array:
    """Explains one image by LIME, Ribeiro et al., KDD 2016.

    Args:
        predict: The score to explain.
        image: RGB, uint8, shape ``(height, width, 3)``.
        pieces: The piece of each pixel, shape ``(height, width)``.
        samples: Number of images to ask the model about.
        rng: Draws the samples; the first is the whole image.

    Returns:
        A coefficient for each piece.
    """
    coalitions = rng.integers(0, 2, (samples, pieces.max() + 1))
    coalitions[0] = 1
    scores = predict(show_only(image, pieces, coalitions))
    return weighted_ridge(coalitions, scores, lime_weights(coalitions))


# SHAP


def all_coalitions(players: int) -> Array:
    """Lists all subsets: row ``k`` has player ``i`` when bit ``i`` of ``k`` is 1; ``(2**players, players)``."""
    return np.arange(2**players)[:, None] >> np.arange(players) & 1


def shapley_values(scores: Array) -> Array:
    """Computes exact Shapley values from the scores of all coalitions.

    Args:
        scores: In the order of :func:`all_coalitions`, shape ``(2**players,)``.

    Returns:
        A value for each player.

    Raises:
        ValueError: If the number of scores is no power of two.
    """
    players = len(scores).bit_length() - 1
    if len(scores) != 2**players:
        raise ValueError(
            f"得点は 2 のべき乗の個数が要ります ({len(scores)} 個)。 / "
            f"The number of scores must be a power of two, not {len(scores)}."
        )
    members = all_coalitions(players)
    values = np.empty(players)
    for player in range(players):
        without = np.flatnonzero(members[:, player] == 0)
        sizes = members[without].sum(axis=1)
        weights = np.array([1 / (players * comb(players - 1, size)) for size in range(players)])[sizes]
        values[player] = weights @ (scores[without | 1 << player] - scores[without])
    return values


def shapley_kernel(players: int, size: int) -> float:
    """Weighs a coalition in kernel SHAP, Lundberg & Lee, NeurIPS 2017, theorem 2; ``0 < size < players``."""
    return (players - 1) / (comb(players, size) * size * (players - size))


def kernel_shap(coalitions: Array, scores: Array, weights: Array, empty: float, full: float) -> Array:
    """Solves kernel SHAP's weighted least squares, its values adding up to ``full - empty``.

    Args:
        coalitions: 0 or 1, neither empty nor full ones, shape ``(n, players)``.
        scores: Shape ``(n,)``.
        weights: Shape ``(n,)``.
        empty: Score of nobody.
        full: Score of everybody.

    Returns:
        A value for each player.
    """
    gram = coalitions.T @ (weights[:, None] * coalitions)
    moment = coalitions.T @ (weights * (scores - empty))
    free, ones = np.linalg.solve(gram, np.stack([moment, np.ones(len(gram))], axis=1)).T
    return np.asarray(free - ones * (free.sum() - (full - empty)) / ones.sum())


def sample_coalitions(players: int, count: int, rng: np.random.Generator) -> Array:
    """Draws coalitions as often as the Shapley kernel weighs them, each with its complement.

    Args:
        players: Number of players, 2 or more.
        count: Number of coalitions, even.
        rng: Random numbers.

    Returns:
        0 or 1, neither empty nor full, shape ``(count, players)``.
    """
    sizes = np.arange(1, players)
    chance = 1 / (sizes * (players - sizes))
    drawn = rng.choice(sizes, count // 2, p=chance / chance.sum())
    half = (rng.random((count // 2, players)).argsort(axis=1) < drawn[:, None]).astype(int)
    return np.concatenate([half, 1 - half])


def shap_image(
    predict: Predict, image: Array, pieces: Array, samples: int, rng: np.random.Generator
) -> Array:
    """Explains one image by kernel SHAP with drawn coalitions.

    Args:
        predict: The score to explain.
        image: RGB, uint8, shape ``(height, width, 3)``.
        pieces: The piece of each pixel, shape ``(height, width)``.
        samples: Number of images to ask the model about, even.
        rng: Draws the coalitions.

    Returns:
        A value for each piece.
    """
    players = int(pieces.max()) + 1
    drawn = sample_coalitions(players, samples - 2, rng)
    asked = np.concatenate([np.zeros((1, players), int), np.ones((1, players), int), drawn])
    empty, full, *scores = predict(show_only(image, pieces, asked))
    return kernel_shap(drawn, np.array(scores), np.ones(len(drawn)), empty, full)


# What measures a map


def pointing_game(heat: Array, box: Array) -> float:
    """Tells whether a map's highest point lies in a box, Zhang et al., ECCV 2016.

    Args:
        heat: Shape ``(height, width)``.
        box: Bool, shape ``(height, width)``.

    Returns:
        Share of the highest points that lie in it: 1 or 0 where there is only one.
    """
    return float(box[heat >= heat.max()].mean())


def tile_order(heat: Array, tile: int, rng: np.random.Generator) -> Array:
    """Ranks the tiles of a map from the most important one; equal ones in random order.

    Args:
        heat: Shape ``(height, width)``, multiples of ``tile``.
        tile: Width and height of a tile in pixels.
        rng: Breaks ties.

    Returns:
        Rank of each pixel's tile, from 0, shape ``(height, width)``.
    """
    rows, columns = heat.shape[0] // tile, heat.shape[1] // tile
    means = heat.reshape(rows, tile, columns, tile).mean(axis=(1, 3)).ravel()
    order = np.lexsort((rng.random(means.size), -means))
    ranks = np.empty(means.size, int)
    ranks[order] = np.arange(means.size)
    return ranks.reshape(rows, columns).repeat(tile, axis=0).repeat(tile, axis=1)


def insertion_and_deletion(
    predict: Predict, image: Array, ranks: Array, steps: int = 24
) -> tuple[Array, Array]:
    """Follows a score while the most important tiles are shown, and hidden, Petsiuk et al., BMVC 2018.

    Args:
        predict: The score to follow.
        image: RGB, uint8, shape ``(height, width, 3)``.
        ranks: From :func:`tile_order`.
        steps: Number of steps from no tile to all tiles.

    Returns:
        Insertion and deletion curve, ``steps + 1`` scores each.
    """
    limits = np.linspace(0, ranks.max() + 1, steps + 1)
    inserted = np.where((ranks < limits[:, None, None])[..., None], image, hidden(image))
    deleted = np.where((ranks < limits[:, None, None])[..., None], hidden(image), image)
    scores = predict(np.concatenate([inserted, deleted]))
    return scores[: steps + 1], scores[steps + 1 :]


def area(curve: Array) -> float:
    """Area under a curve over [0, 1], by trapezoids."""
    return float((curve[1:] + curve[:-1]).mean() / 2)


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's rank correlation of two maps; equal values share their mean rank; 0 for a constant map."""
    one, other = (_mean_ranks(values.ravel()) for values in (first, second))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _mean_ranks(values: Array) -> Array:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])
