"""Boxes and masks drawn on images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

Array = npt.NDArray[Any]

COLOURS = ("#e69f00", "#009e73", "#0072b2", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#999999")
"""One for each class; Okabe and Ito's, told apart by the colour-blind."""


def draw_boxes(
    axis: Axes,
    boxes: Array,
    texts: Sequence[str] | None = None,
    *,
    labels: Array | None = None,
    colour: str | None = None,
    style: str = "-",
    width: float = 1.8,
) -> None:
    """Draws boxes on an axis that shows an image by ``imshow``.

    Args:
        axis: Where.
        boxes: Corners ``(x1, y1, x2, y2)`` in pixels, edges and not centres, shape ``(n, 4)``.
        texts: What to write above each.
        labels: Classes, which choose the colours.
        colour: One colour for all instead.
        style: Style of the lines, so that colour alone tells nothing.
        width: Of the lines, in points.
    """
    kinds = np.zeros(len(boxes), int) if labels is None else np.asarray(labels)
    for k, (x1, y1, x2, y2) in enumerate(
        np.asarray(boxes) - 0.5
    ):  # the first pixel's centre is 0 on the axis
        chosen = colour or COLOURS[kinds[k] % len(COLOURS)]
        frame = Rectangle(
            (x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=chosen, linestyle=style, linewidth=width
        )
        frame.set_path_effects([patheffects.withStroke(linewidth=width + 1.6, foreground="white")])
        axis.add_patch(frame)
        if texts is not None:
            below = y1 < 6  # no room above
            axis.annotate(
                texts[k],
                (x1, y2 if below else y1),
                xytext=(1, -1 if below else 1),
                textcoords="offset points",
                va="top" if below else "bottom",
                fontsize=9,
                color="black",
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": chosen, "alpha": 0.85},
                annotation_clip=True,
            )


def blend_masks(
    image: Array, masks: Array, labels: Array | None = None, strength: float = 0.55
) -> npt.NDArray[np.uint8]:
    """Colours the pixels of masks and marks their borders.

    Args:
        image: RGB, uint8, shape ``(height, width, 3)``.
        masks: Bool, shape ``(n, height, width)``; the later lie above the earlier.
        labels: Classes, which choose the colours; without them each mask has its own.
        strength: 0 leaves the image, 1 covers it.

    Returns:
        RGB, uint8, shape ``(height, width, 3)``.
    """
    result = np.asarray(image, float)
    kinds = np.arange(len(masks)) if labels is None else np.asarray(labels)
    for mask, kind in zip(np.asarray(masks, bool), kinds, strict=True):
        colour = _rgb(COLOURS[kind % len(COLOURS)])
        inner = mask.copy()
        inner[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        result = np.where(mask[..., None], (1 - strength) * result + strength * colour, result)
        result = np.where((mask & ~inner)[..., None], colour, result)
    return np.rint(result).astype(np.uint8)


def colour_map(classes: Array) -> npt.NDArray[np.uint8]:
    """Colours a map of classes or numbers.

    Args:
        classes: Integers, shape ``(height, width)``.

    Returns:
        RGB, uint8, shape ``(height, width, 3)``; equal integers have one colour.
    """
    table = np.array([_rgb(colour) for colour in COLOURS])
    return table[np.asarray(classes) % len(COLOURS)].astype(np.uint8)


def _rgb(colour: str) -> Array:
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)], float)
