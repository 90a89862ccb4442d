"""The pictures of chapter 7: what is drawn where, and that nothing but the evidence tells the class."""

from __future__ import annotations

import numpy as np
import pytest

from chapters.ch07_vision_transformer.pictures import (
    SIZE,
    SQUARE,
    TEXTURES,
    TILE,
    draw_pairs,
    draw_textures,
)


@pytest.mark.parametrize("draw", [draw_pairs, draw_textures])
def test_the_same_seed_draws_the_same_pictures(draw) -> None:  # type: ignore[no-untyped-def]
    first, again, other = draw(12, 3), draw(12, 3), draw(12, 4)

    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.images, other.images)
    assert first.images.shape == (12, SIZE, SIZE, 3)
    assert first.images.dtype == np.float32
    assert first.images.min() >= -2
    assert first.images.max() < 2


def test_a_pair_is_one_tile_at_each_edge_and_the_label_says_whether_they_agree() -> None:
    pairs = draw_pairs(200, 1)

    assert (pairs.masks.sum(axis=(1, 2)) == 2 * TILE * TILE).all()
    assert pairs.masks[:, :, :TILE].sum() == pairs.masks[:, :, -TILE:].sum() == 200 * TILE * TILE
    assert pairs.labels.mean() == 0.5
    for image, mask, label in zip(pairs.images, pairs.masks, pairs.labels, strict=True):
        left, right = (
            image[mask & (np.arange(SIZE) < SIZE // 2) == side].reshape(-1, 3)
            if side
            else image[mask & (np.arange(SIZE) >= SIZE // 2)].reshape(-1, 3)
            for side in (True, False)
        )
        difference = np.abs(left.mean(axis=0) - right.mean(axis=0)).max()
        assert (difference < 0.4) == bool(label)


def test_each_tile_alone_says_nothing() -> None:
    pairs = draw_pairs(8_000, 1)
    left = np.array(
        [
            image[mask & (np.arange(SIZE) < TILE)].mean(axis=0)
            for image, mask in zip(pairs.images, pairs.masks, strict=True)
        ]
    )
    red = left[:, 0] - left[:, 2] > 1

    assert abs(pairs.labels[red].mean() - pairs.labels[~red].mean()) < 0.05


def test_a_texture_is_one_square_and_the_classes_take_turns() -> None:
    textures = draw_textures(24, 1)

    assert (textures.masks.sum(axis=(1, 2)) == SQUARE * SQUARE).all()
    assert (np.bincount(textures.labels) == 24 // len(TEXTURES)).all()
