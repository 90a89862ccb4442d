"""Pictures drawn for this chapter: textured squares whose place is known, and pairs of tiles in two far places."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SIZE = 32
"""Width and height of every picture, in pixels."""

TILE = 4
"""Width and height of a tile, which is one patch."""

SQUARE = 10
"""Width and height of a textured square."""

TEXTURES = ("横縞", "縦縞", "右上がり", "右下がり", "市松", "水玉")
"""Names of the textures, in the order of their labels."""

TILE_COLOURS = np.array([[225, 60, 50], [60, 190, 75], [60, 90, 225], [235, 205, 60]])
"""Colours of the tiles in a pair, RGB."""


class Pictures(NamedTuple):
    """Pictures, what they show and where.

    Attributes:
        images: RGB in [-2, 2), float32, shape ``(n, 32, 32, 3)``.
        labels: Class of each, shape ``(n,)``.
        masks: Whether a pixel belongs to what tells the class, bool, shape ``(n, 32, 32)``.
    """

    images: Array
    labels: Array
    masks: Array


def draw_textures(count: int, seed: int) -> Pictures:
    """Draws one textured square a picture, among plain squares and strokes, at a random place.

    Place, colours and clutter are drawn alike for every class, so only the texture tells the class.

    Args:
        count: Pictures; the classes take turns.
        seed: Seed of everything random.

    Returns:
        The pictures; a label is an index into :data:`TEXTURES`.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(TEXTURES)
    images, masks = np.empty((count, SIZE, SIZE, 3), "uint8"), np.zeros((count, SIZE, SIZE), bool)
    for index, label in enumerate(labels):
        images[index] = _clutter(rng)
        top, left = rng.integers(0, SIZE - SQUARE + 1, 2)
        place = (index, slice(top, top + SQUARE), slice(left, left + SQUARE))
        first = _texture(int(label), rng)[..., None]
        images[place] = np.where(first, _vivid(rng), _vivid(rng))
        masks[place] = True
    return Pictures(_noisy(images, rng), labels, masks)


def draw_pairs(count: int, seed: int) -> Pictures:
    """Draws two coloured tiles, one at the left edge and one at the right, each in a random row.

    Args:
        count: Pictures, half of them with tiles of one colour.
        seed: Seed of everything random.

    Returns:
        The pictures; the label is 1 where the tiles have the same colour, and 0 where they differ.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = np.repeat(rng.integers(70, 150, (count, 1, 1, 1)), SIZE, axis=1).repeat(SIZE, axis=2)
    images = images.repeat(3, axis=3).astype("uint8")
    masks = np.zeros((count, SIZE, SIZE), bool)
    for index, same in enumerate(labels):
        left = rng.integers(len(TILE_COLOURS))
        right = left if same else (left + rng.integers(1, len(TILE_COLOURS))) % len(TILE_COLOURS)
        for column, colour in ((0, left), (SIZE - TILE, right)):
            row = TILE * rng.integers(SIZE // TILE)
            images[index, row : row + TILE, column : column + TILE] = TILE_COLOURS[colour]
            masks[index, row : row + TILE, column : column + TILE] = True
    return Pictures(_noisy(images, rng), labels, masks)


def _noisy(images: Array, rng: np.random.Generator) -> Array:
    """Adds noise, picture by picture to save memory, and brings [0, 255] to [-2, 2)."""
    result = np.empty(images.shape, "float32")
    for index, image in enumerate(images):
        result[index] = np.clip(image + rng.normal(0, 8, image.shape), 0, 255) / 64 - 2
    return result


def _texture(kind: int, rng: np.random.Generator) -> Array:
    """Draws which pixels of a textured square have its first colour."""
    x, y = np.meshgrid(np.arange(SQUARE) + rng.integers(4), np.arange(SQUARE) + rng.integers(4))
    stripes = [y, x, x + y, x - y]
    if kind < len(stripes):
        return np.asarray(stripes[kind] % 4 < 2)
    checks = (x // 2 + y // 2) % 2 == 0
    return np.asarray(checks if kind == len(stripes) else (x % 4 < 2) & (y % 4 < 2))


def _clutter(rng: np.random.Generator) -> Array:
    coarse = rng.uniform(70, 185, (4, 4, 3)).astype("float32")
    image = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype("uint8")
    for _ in range(3):
        top, left = rng.integers(0, SIZE - SQUARE + 1, 2)
        image[top : top + SQUARE, left : left + SQUARE] = _vivid(rng)
    for _ in range(6):
        start = rng.uniform(0, SIZE, 2)
        end = start + rng.uniform(-0.25, 0.25, 2) * SIZE
        colour = [int(value) for value in _vivid(rng)]
        cv2.line(image, (round(start[0]), round(start[1])), (round(end[0]), round(end[1])), colour, 1)
    return np.asarray(image)


def _vivid(rng: np.random.Generator) -> Array:
    """Draws an RGB colour with one strong, one weak and one free channel."""
    return rng.permutation([rng.uniform(215, 255), rng.uniform(0, 40), rng.uniform(0, 255)]).astype("uint8")
