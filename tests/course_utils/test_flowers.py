from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from course_utils.flowers import CLASS_NAMES, draw_flowers


def test_flowers_are_balanced_rgb_pictures() -> None:
    images, labels = draw_flowers(count_per_class=3, size=32, seed=1)

    assert images.shape == (15, 32, 32, 3)
    assert images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [3] * len(CLASS_NAMES)


def test_the_seed_decides_the_pictures() -> None:
    first, _ = draw_flowers(2, 32, seed=1)
    again, _ = draw_flowers(2, 32, seed=1)
    other, _ = draw_flowers(2, 32, seed=2)

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_two_pictures_are_the_same() -> None:
    images, _ = draw_flowers(20, 32, seed=3)

    assert len({image.tobytes() for image in images}) == len(images)


@pytest.fixture(scope="module")
def drawn() -> list[tuple[np.ndarray, np.ndarray]]:
    """Sixty pictures of each kind to train on, and sixty to test with."""
    return [draw_flowers(60, 32, seed=seed) for seed in (1, 2)]


@pytest.mark.parametrize("describe", ["mean colour", "pixels"])
def test_a_linear_model_on_raw_colour_stays_far_from_solving_it(
    describe: str, drawn: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    (train, train_labels), (test, test_labels) = drawn

    def features(images: np.ndarray) -> np.ndarray:
        scaled = images / 255.0
        return (
            scaled.mean(axis=(1, 2))
            if describe == "mean colour"
            else scaled[:, ::4, ::4].reshape(len(images), -1)
        )

    model = LogisticRegression(max_iter=300).fit(features(train), train_labels)

    assert model.score(features(test), test_labels) < 0.45
