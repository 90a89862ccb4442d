"""Four photographs laid out as a square, so that the place of what is asked for is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from course_utils.photos import load_photo

Array = npt.NDArray[Any]

FILES = ("chelsea", "coffee", "camera", "rocket")
"""Photographs of :mod:`course_utils.photos`."""

NAMES = ("エジプト猫", "エスプレッソ", "三脚", "ミサイル")
"""What the classifier of the lesson answers to each."""

CLASSES = np.array([285, 967, 872, 657])
"""ImageNet's classes of these answers."""

TILE = 112

SQUARES = np.arange(4).reshape(2, 2).repeat(TILE, axis=0).repeat(TILE, axis=1)
"""Number of the photograph in which a pixel of a collage lies, ``(224, 224)``."""


def collage(order: Array) -> Array:
    """Lays four photographs out as a square, row by row.

    Args:
        order: Indices into :data:`FILES`, a permutation.

    Returns:
        RGB, uint8, shape ``(224, 224, 3)``.
    """
    tiles = [load_photo(FILES[index], TILE) for index in order]
    return np.concatenate([np.concatenate(tiles[:2], axis=1), np.concatenate(tiles[2:], axis=1)])
