"""What stands around the methods of chapter 23: superpixels, whole explanations of an image, what measures them.

The methods themselves are taught in the lesson.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from skimage.segmentation import slic

from chapters.ch23_gradcam_lime_shap.taught import (
    fit_surrogate,
    kernel_shap,
    nearness,
    show_only,
)

Array = npt.NDArray[Any]
Predict = Callable[[Array], Array]
"""Maps RGB images ``(n, height, width, 3)`` in [0, 255] to a score for each, ``(n,)``."""


def enlarge(maps: Array, size: int) -> Array:
    """Enlarges maps bilinearly, shape ``(n, h, w)`` to ``(n, size, size)``."""
    return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_LINEAR) for one in maps])


# Pictures and pieces of them


def edges(images: Array) -> Array:
    """Computes the strength of edges, shape ``(n, height, width)``: a picture that looks like an explanation."""
    grey = images.mean(axis=3)
    down, right = np.gradient(grey, axis=(1, 2))
    return np.asarray(np.hypot(down, right))


def share_off_the_colour_map(picture: Array) -> float:
    """Computes the share of a BGR picture's pixels whose colour JET does not have."""
    jet = cv2.applyColorMap(np.arange(256, dtype="uint8")[:, None], cv2.COLORMAP_JET)[:, 0].astype("int16")
    colours, counts = np.unique(picture.reshape(-1, 3).astype("int16"), axis=0, return_counts=True)
    off = np.abs(colours[:, None] - jet).max(axis=2).min(axis=1) > 8
    return float(counts[off].sum() / counts.sum())


def superpixels(image: Array, count: int) -> Array:
    """Divides an image by SLIC, Achanta et al., PAMI 2012.

    Args:
        image: RGB, uint8, shape ``(height, width, 3)``.
        count: About this many pieces.

    Returns:
        The piece of each pixel, numbered from 0, shape ``(height, width)``.
    """
    return np.asarray(slic(image, n_segments=count, compactness=10, start_label=0))


# LIME


def lime_image(
    predict: Predict, image: Array, pieces: Array, samples: int, rng: np.random.Generator
) -> tuple[Array, float]:
    """Explains one image by LIME, Ribeiro et al., KDD 2016.

    Args:
        predict: The score to explain.
        image: RGB, uint8, shape ``(height, width, 3)``.
        pieces: The piece of each pixel, shape ``(height, width)``.
        samples: Number of images to ask the model about.
        rng: Draws the samples; the first is the whole image.

    Returns:
        A coefficient for each piece, and how well the line fits, the weighted R².
    """
    z = rng.integers(0, 2, (samples, pieces.max() + 1))
    z[0] = 1
    scores, weights = predict(show_only(image, pieces, z)), nearness(z)
    coefficients, intercept = fit_surrogate(z, scores, weights)
    error = np.average((scores - intercept - z @ coefficients) ** 2, weights=weights)
    spread = np.average((scores - np.average(scores, weights=weights)) ** 2, weights=weights)
    return np.asarray(coefficients), float(1 - error / spread)


# SHAP


def all_coalitions(players: int) -> Array:
    """Lists all subsets: row ``k`` has player ``i`` when bit ``i`` of ``k`` is 1; ``(2**players, players)``."""
    return np.arange(2**players)[:, None] >> np.arange(players) & 1


def draw_coalitions(players: int, count: int, rng: np.random.Generator) -> Array:
    """Draws coalitions as often as the Shapley kernel weighs them, each with its complement.

    Args:
        players: Number of players, 2 or more.
        count: Number of coalitions, even.
        rng: Random numbers.

    Returns:
        0 or 1, neither empty nor full, shape ``(count, players)``.
    """
    sizes = np.arange(1, players)
    chance = 1 / (sizes * (players - sizes))  # weight times number of coalitions of that size
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
    drawn = draw_coalitions(players, samples - 2, rng)
    asked = np.concatenate([np.zeros((1, players), int), np.ones((1, players), int), drawn])
    empty, full, *scores = predict(show_only(image, pieces, asked))
    return np.asarray(kernel_shap(drawn, np.array(scores), np.ones(len(drawn)), empty, full))


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
