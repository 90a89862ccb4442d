"""Photographs that ship with scikit-image, and the head that tells them apart."""

from __future__ import annotations

import numpy as np
import pytest

from chapters.ch23_gradcam_lime_shap import photos
from course_utils.backbones import preprocess


@pytest.mark.parametrize("name", photos.PHOTOS)
def test_photographs_load_without_a_network(name: str) -> None:
    image = photos.load_photo(name, 96)

    assert image.shape == (96, 96, 3)
    assert image.dtype == np.uint8
    assert image.std() > 20


def test_unknown_photograph_is_refused_in_both_languages() -> None:
    with pytest.raises(ValueError, match=r"ありません.* / Unknown"):
        photos.load_photo("camera_obscura", 96)


def test_collage_lays_the_photographs_out_row_by_row() -> None:
    pasted = photos.collage(np.array([3, 1, 0, 2]))
    names = list(photos.PHOTOS)

    assert pasted.shape == (128, 128, 3)
    np.testing.assert_array_equal(pasted[:64, :64], photos.load_photo(names[3], 64))
    np.testing.assert_array_equal(pasted[64:, 64:], photos.load_photo(names[2], 64))


def test_classifier_tells_unseen_crops_apart() -> None:
    model = photos.photo_classifier(seed=1)
    images, labels = photos.crops(20, seed=99)

    predicted = model.predict(preprocess(images), verbose=0).argmax(axis=1)

    assert (predicted == labels).mean() > 0.9
