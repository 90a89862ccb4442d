"""The drawn images: one shape, a known place, nothing else that tells the class."""

from __future__ import annotations

import numpy as np
import pytest

from chapters.ch23_gradcam_lime_shap.shapes import KINDS, draw_shapes


def test_same_seed_draws_the_same_images() -> None:
    first, second, other = draw_shapes(8, seed=1), draw_shapes(8, seed=1), draw_shapes(8, seed=2)

    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.masks, second.masks)
    assert not np.array_equal(first.images, other.images)


def test_classes_take_turns() -> None:
    shapes = draw_shapes(10, seed=1)

    assert shapes.images.shape == (10, 48, 48, 3)
    assert shapes.images.dtype == np.uint8
    np.testing.assert_array_equal(shapes.labels, np.arange(10) % len(KINDS))


@pytest.mark.parametrize("size", [48, 64])
def test_every_shape_lies_whole_within_its_image(size: int) -> None:
    masks = draw_shapes(80, seed=3, size=size).masks
    border = np.ones((size, size), bool)
    border[1:-1, 1:-1] = False

    assert masks.any(axis=(1, 2)).all()
    assert not (masks & border).any()


def test_classes_cover_about_the_same_area() -> None:
    shapes = draw_shapes(400, seed=4)
    areas = [shapes.masks[shapes.labels == label].mean() for label in range(len(KINDS))]

    assert max(areas) < 1.6 * min(areas)


def test_box_is_the_smallest_that_holds_the_shape() -> None:
    shapes = draw_shapes(20, seed=5)

    for mask, box in zip(shapes.masks, shapes.boxes, strict=True):
        rows, columns = np.nonzero(mask)
        expected = np.zeros_like(mask)
        expected[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
        np.testing.assert_array_equal(box, expected)


@pytest.mark.parametrize(("count", "size"), [(0, 48), (4, 47)])
def test_impossible_wishes_are_refused_in_both_languages(count: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"してください.* / .*must be"):
        draw_shapes(count, seed=1, size=size)
