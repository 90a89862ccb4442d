"""Photographs that ship with scikit-image, so that no lesson downloads one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

PHOTOS = {
    "chelsea": "猫",
    "coffee": "コーヒー",
    "camera": "カメラを構える人",
    "rocket": "ロケット",
    "astronaut": "宇宙飛行士",
    "stereo_motorcycle": "オートバイ",
}
"""Functions of ``skimage.data`` whose files ship with the package, and what the photograph shows."""


def load_photo(name: str, size: int = 224) -> npt.NDArray[np.uint8]:
    """Loads a photograph, cut to its middle square.

    Args:
        name: A key of :data:`PHOTOS`.
        size: Width and height of the result in pixels.

    Returns:
        RGB, uint8, shape ``(size, size, 3)``; a grey photograph has three equal channels.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in PHOTOS:
        raise ValueError(
            f"写真 {name!r} はありません。次のどれかにしてください: {', '.join(PHOTOS)} / "
            f"Unknown photograph {name!r}; choose one of: {', '.join(PHOTOS)}"
        )
    loaded: Any = getattr(skimage.data, name)()
    image = np.asarray(loaded[0] if isinstance(loaded, tuple) else loaded)  # a stereo pair
    if image.ndim == 2:
        image = np.stack([image] * 3, axis=-1)
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)
