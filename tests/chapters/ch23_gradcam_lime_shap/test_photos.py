"""Four photographs laid out as a square."""

from __future__ import annotations

import numpy as np

from chapters.ch23_gradcam_lime_shap import photos
from course_utils.imagenet import class_name
from course_utils.photos import load_photo


def test_collage_lays_the_photographs_out_row_by_row() -> None:
    pasted = photos.collage(np.array([3, 1, 0, 2]))

    assert pasted.shape == (224, 224, 3)
    for place, index in enumerate([3, 1, 0, 2]):
        tile = pasted[place == photos.SQUARES].reshape(photos.TILE, photos.TILE, 3)
        np.testing.assert_array_equal(tile, load_photo(photos.FILES[index], photos.TILE))


def test_names_are_those_of_the_classes() -> None:
    assert tuple(class_name(int(index)) for index in photos.CLASSES) == photos.NAMES
