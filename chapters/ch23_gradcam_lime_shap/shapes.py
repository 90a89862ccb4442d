"""Images whose evidence is known by construction: one shape among strokes on a mottled background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

KINDS = ("丸", "四角", "三角", "十字")
"""Names of the classes, in the order of their labels."""

STROKES = 8
"""Short strokes that clutter each image; they have the colours of the shapes and say nothing of the class."""

_POLYGONS = {
    "四角": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
    "三角": [(0, -1.25), (1.15, 0.85), (-1.15, 0.85)],
    "十字": [
        (-0.4, -1.2),
        (0.4, -1.2),
        (0.4, -0.4),
        (1.2, -0.4),
        (1.2, 0.4),
        (0.4, 0.4),
        (0.4, 1.2),
        (-0.4, 1.2),
        (-0.4, 0.4),
        (-1.2, 0.4),
        (-1.2, -0.4),
        (-0.4, -0.4),
    ],
}


@dataclass(frozen=True)
class ShapeImages:
    """Images, what they show and where they show it.

    Attributes:
        images: RGB, uint8, shape ``(n, size, size, 3)``.
        labels: Index into :data:`KINDS`, shape ``(n,)``.
        masks: Whether a pixel belongs to the shape, bool, shape ``(n, size, size)``.
    """

    images: Array
    labels: Array
    masks: Array

    @property
    def boxes(self) -> Array:
        """The shapes' bounding boxes, filled: bool, shape ``(n, size, size)``."""
        rows, columns = (np.asarray(self.masks.any(axis=axis)) for axis in (2, 1))
        return _between_first_and_last(rows)[:, :, None] & _between_first_and_last(columns)[:, None, :]


def draw_shapes(count: int, seed: int, size: int = 48) -> ShapeImages:
    """Draws images of one circle, square, triangle or cross each, at a random place in a random colour.

    Place, colour, size and clutter are drawn alike for every class, so only the shape tells the class.

    Args:
        count: Number of images; the classes take turns.
        seed: Seed of everything random.
        size: Width and height in pixels, 48 or more.

    Returns:
        Images, labels and masks.

    Raises:
        ValueError: If ``count`` is below 1 or ``size`` is below 48.
    """
    if count < 1 or size < 48:
        raise ValueError(
            f"count は 1 以上、size は 48 以上にしてください (count={count}, size={size})。 / "
            f"count must be 1 or more and size 48 or more (count={count}, size={size})."
        )
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(KINDS)
    images = np.empty((count, size, size, 3), "uint8")
    masks = np.empty((count, size, size), bool)
    for index, label in enumerate(labels):
        masks[index] = _shape_mask(rng, KINDS[label], size)
        images[index] = _background(rng, size)
        images[index][masks[index]] = _vivid_colour(rng)
    noise = rng.normal(0, 8, images.shape)
    return ShapeImages(np.clip(images + noise, 0, 255).astype("uint8"), labels, masks)


def _shape_mask(rng: np.random.Generator, kind: str, size: int) -> Array:
    radius = size * rng.uniform(0.13, 0.18)
    centre = rng.uniform(1.4 * radius, size - 1.4 * radius, 2)
    mask = np.zeros((size, size), "uint8")
    if kind == "丸":
        cv2.circle(mask, (round(centre[0]), round(centre[1])), round(1.1 * radius), 1, -1)
        return mask.astype(bool)
    angle = rng.uniform(-0.25, 0.25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array(_POLYGONS[kind]) @ turn.T * radius + centre
    cv2.fillPoly(mask, [corners.round().astype("int32")], (1,))
    return mask.astype(bool)


def _background(rng: np.random.Generator, size: int) -> Array:
    coarse = rng.uniform(70, 185, (6, 6, 3)).astype("float32")
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype("uint8")
    for _ in range(STROKES):
        start = rng.uniform(0, size, 2)
        end = start + rng.uniform(-0.25, 0.25, 2) * size
        colour = [int(value) for value in _vivid_colour(rng)]
        cv2.line(image, (round(start[0]), round(start[1])), (round(end[0]), round(end[1])), colour, 1)
    return np.asarray(image)


def _vivid_colour(rng: np.random.Generator) -> Array:
    """Draws an RGB colour with one strong, one weak and one free channel."""
    return rng.permutation([rng.uniform(215, 255), rng.uniform(0, 40), rng.uniform(0, 255)]).astype("uint8")


def _between_first_and_last(flags: Array) -> Array:
    """Fills a row of flags from its first to its last; shape ``(n, size)``."""
    after_first = np.maximum.accumulate(flags, axis=1)
    before_last = np.maximum.accumulate(flags[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(after_first & before_last)
