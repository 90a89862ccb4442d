"""Photographs that ship with scikit-image, and a head that tells them apart."""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import skimage.data
from sklearn.linear_model import LogisticRegression

from course_utils.backbones import load_backbone, preprocess

Array = npt.NDArray[Any]

PHOTOS = {
    "chelsea": "猫",
    "coffee": "コーヒー",
    "astronaut": "宇宙飛行士",
    "rocket": "ロケット",
}
"""Functions of ``skimage.data`` whose files ship with the package, and what the photograph shows."""

TILE = 64


def load_photo(name: str, size: int) -> Array:
    """Loads a photograph, cut to its middle square.

    Args:
        name: A key of :data:`PHOTOS`.
        size: Width and height of the result in pixels.

    Returns:
        RGB, uint8, shape ``(size, size, 3)``.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in PHOTOS:
        raise ValueError(
            f"写真 {name!r} はありません。次のどれかにしてください: {', '.join(PHOTOS)} / "
            f"Unknown photograph {name!r}; choose one of: {', '.join(PHOTOS)}"
        )
    image = np.asarray(getattr(skimage.data, name)())
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA))


def crops(count: int, seed: int) -> tuple[Array, Array]:
    """Cuts squares of half to full width out of every photograph, half of them mirrored.

    Args:
        count: Crops of each photograph.
        seed: Seed of place, size and mirroring.

    Returns:
        RGB images, uint8, ``(n, 64, 64, 3)``, and labels ``(n,)`` in the order of :data:`PHOTOS`.
    """
    rng = np.random.default_rng(seed)
    images = []
    for name in PHOTOS:
        photo = load_photo(name, 256)
        for _ in range(count):
            side = int(rng.integers(128, 257))
            top, left = rng.integers(0, 257 - side, 2)
            crop = photo[top : top + side, left : left + side]
            crop = crop[:, ::-1] if rng.random() < 0.5 else crop
            images.append(cv2.resize(crop, (TILE, TILE), interpolation=cv2.INTER_AREA))
    return np.stack(images), np.repeat(np.arange(len(PHOTOS)), count)


def photo_classifier(seed: int, count: int = 60) -> keras.Model:
    """Puts a head on the shipped backbone that tells crops of the photographs apart.

    The backbone stays as it is, and takes images of any size; the head is logistic regression on its features.

    Args:
        seed: Seed of the crops.
        count: Crops of each photograph.

    Returns:
        Model from preprocessed images ``(batch, height, width, 3)`` to logits ``(batch, 4)``.
    """
    backbone = load_backbone("resnet_small_cifar10")
    images, labels = crops(count, seed)
    features = backbone.predict(preprocess(images), verbose=0)
    regression = LogisticRegression(max_iter=1000).fit(features, labels)
    head = keras.layers.Dense(len(PHOTOS), name="logits")
    model = keras.Model(backbone.input, head(backbone.output))
    head.set_weights([regression.coef_.T, regression.intercept_])
    return model


def collage(order: Array) -> Array:
    """Lays four photographs out as a square, row by row.

    Args:
        order: Labels of the four, a permutation.

    Returns:
        RGB, uint8, shape ``(128, 128, 3)``.
    """
    names = list(PHOTOS)
    tiles = [load_photo(names[label], TILE) for label in order]
    return np.concatenate([np.concatenate(tiles[:2], axis=1), np.concatenate(tiles[2:], axis=1)])
