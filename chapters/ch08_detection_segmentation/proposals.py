"""Where things might be, without a network: regions of one colour, merged with their most similar neighbours.

After Uijlings et al., "Selective Search for Object Recognition", IJCV 2013, with scikit-image's segmentation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.segmentation import felzenszwalb

Array = npt.NDArray[Any]

SCALES = (40.0, 120.0)
SMALLEST, LARGEST = 6, 64
"""Least and greatest width and height of a proposal in pixels."""


def propose_boxes(image: Array) -> Array:
    """Proposes boxes.

    Args:
        image: RGB, uint8, shape ``(height, width, 3)``.

    Returns:
        Corners, each box once, shape ``(n, 4)``; about a hundred for a scene of 96 pixels.
    """
    boxes = np.concatenate([_boxes_of_scale(image, scale) for scale in SCALES])
    boxes = np.unique(boxes, axis=0)
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes[(size.min(axis=1) >= SMALLEST) & (size.max(axis=1) <= LARGEST)]


def segment(image: Array, scale: float) -> npt.NDArray[np.int64]:
    """Splits an image into regions of similar colour; Felzenszwalb and Huttenlocher, IJCV 2004."""
    return np.asarray(felzenszwalb(image, scale=scale, sigma=0.8, min_size=20), np.int64)


class _Regions:
    """Regions that grow together: box, colours, pixels and neighbours of each."""

    def __init__(self, image: Array, regions: Array) -> None:
        count = int(regions.max()) + 1
        places, self.pixels = regions.ravel(), np.bincount(regions.ravel()).astype(float).tolist()
        rows, columns = (index.ravel() for index in np.indices(regions.shape))
        box = np.empty((count, 4))
        box[:, :2] = np.inf
        box[:, 2:] = -np.inf
        for k, edge in enumerate((columns, rows)):
            np.minimum.at(box[:, k], places, edge)
            np.maximum.at(box[:, k + 2], places, edge + 1)
        colours = (image // 32).reshape(-1, 3)
        histogram = np.zeros((count, 24))
        for channel in range(3):
            np.add.at(histogram, (places, 8 * channel + colours[:, channel]), 1)
        self.boxes = list(box)
        self.colours = list(histogram / np.array(self.pixels)[:, None])
        self.whole = regions.size
        self.neighbours: dict[int, set[int]] = {k: set() for k in range(count)}
        for first, second in ((regions[:, :-1], regions[:, 1:]), (regions[:-1], regions[1:])):
            pairs = np.unique(np.stack([first.ravel(), second.ravel()], axis=1), axis=0)
            for i, j in pairs[pairs[:, 0] != pairs[:, 1]].tolist():
                self.neighbours[i].add(j)
                self.neighbours[j].add(i)

    def around(self, i: int, j: int) -> Array:
        return np.concatenate(
            [
                np.minimum(self.boxes[i][:2], self.boxes[j][:2]),
                np.maximum(self.boxes[i][2:], self.boxes[j][2:]),
            ]
        )

    def similarity(self, i: int, j: int) -> float:
        """Says how alike two regions are in colour, how small together, and how well they fit each other."""
        both = self.pixels[i] + self.pixels[j]
        gap = float(np.prod(self.around(i, j)[2:] - self.around(i, j)[:2])) - both
        alike = float(np.minimum(self.colours[i], self.colours[j]).sum()) / 3
        return alike + (1 - both / self.whole) + (1 - gap / self.whole)

    def merge(self, i: int, j: int) -> int:
        both = self.pixels[i] + self.pixels[j]
        self.boxes.append(self.around(i, j))
        self.colours.append((self.colours[i] * self.pixels[i] + self.colours[j] * self.pixels[j]) / both)
        self.pixels.append(both)
        new = len(self.boxes) - 1
        self.neighbours[new] = (self.neighbours.pop(i) | self.neighbours.pop(j)) - {i, j}
        for other in self.neighbours[new]:
            self.neighbours[other] -= {i, j}
            self.neighbours[other].add(new)
        return new


def _boxes_of_scale(image: Array, scale: float) -> Array:
    regions = _Regions(image, segment(image, scale))
    waiting = {
        (i, j): regions.similarity(i, j) for i, near in regions.neighbours.items() for j in near if i < j
    }
    while waiting:
        i, j = max(waiting, key=waiting.__getitem__)
        new = regions.merge(i, j)
        waiting = {pair: value for pair, value in waiting.items() if i not in pair and j not in pair}
        waiting |= {(other, new): regions.similarity(other, new) for other in regions.neighbours[new]}
    return np.array(regions.boxes)
