"""Chapter 9's arithmetic of boxes and regions, against what is written out by hand or by somebody else."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from chapters.ch09_mask_rcnn import experiment, regions
from chapters.ch09_mask_rcnn.taught import align_regions
from course_utils.detection import box_iou, decode_boxes, encode_boxes
from course_utils.scenes import Difficulty, load_scenes

RNG = np.random.default_rng(9)


def drawn_boxes(count: int) -> np.ndarray:
    low = RNG.uniform(0, 60, (count, 2))
    return np.concatenate([low, low + RNG.uniform(6, 36, (count, 2))], axis=1).astype(np.float32)


def read_between(values: np.ndarray, y: float, x: float) -> np.ndarray:
    """Mixes the four cells around a place; places beyond the border's middles are moved onto them."""
    y, x = np.clip([y, x], 0, 11)
    top, left = min(int(y), 10), min(int(x), 10)
    down, right = y - top, x - left
    above = (1 - right) * values[top, left] + right * values[top, left + 1]
    below = (1 - right) * values[top + 1, left] + right * values[top + 1, left + 1]
    return np.asarray((1 - down) * above + down * below)


def test_align_is_bilinear_interpolation_at_the_middles_of_the_bins() -> None:
    maps = RNG.normal(size=(2, 12, 12, 3)).astype(np.float32)
    boxes = np.stack([drawn_boxes(4), drawn_boxes(4)])

    given = np.array(align_regions(maps, boxes, 5, 8))

    for image in range(2):
        for k, (x1, y1, x2, y2) in enumerate(boxes[image]):
            for row in range(5):
                for column in range(5):
                    y = (y1 + (row + 0.5) / 5 * (y2 - y1)) / 8 - 0.5
                    x = (x1 + (column + 0.5) / 5 * (x2 - x1)) / 8 - 0.5
                    wanted = read_between(maps[image], y, x)
                    np.testing.assert_allclose(given[image, k, row, column], wanted, atol=1e-5)


def test_pooling_takes_the_maximum_of_rounded_bins() -> None:
    maps = RNG.normal(size=(1, 12, 12, 2)).astype(np.float32)
    boxes = drawn_boxes(12)[None]

    given = np.array(regions.roi_pool(maps, boxes, 3, 8))

    for k, box in enumerate(boxes[0]):
        left, top, right, bottom = np.floor(box / 8 + 0.5).astype(int)
        for row in range(3):
            for column in range(3):
                rows = bin_of(row, top, bottom)
                columns = bin_of(column, left, right)
                wanted = maps[0, rows][:, columns].max(axis=(0, 1))
                np.testing.assert_array_equal(given[0, k, row, column], wanted)


def bin_of(place: int, first: int, last: int) -> slice:
    length = max(last - first + 1, 1)
    low = min(max(first + place * length // 3, 0), 11)
    return slice(low, min(max(first + -(-(place + 1) * length // 3), low + 1), 12))


def test_boxes_are_encoded_as_the_course_does_and_come_back() -> None:
    boxes, anchors = drawn_boxes(20), drawn_boxes(20)

    offsets = np.array(regions.encode(boxes, anchors))

    np.testing.assert_allclose(offsets, encode_boxes(boxes, anchors), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(regions.decode(offsets, anchors), boxes, atol=1e-2)
    np.testing.assert_allclose(decode_boxes(offsets, anchors), boxes, atol=1e-2)


def test_iou_for_batches_is_that_of_the_course() -> None:
    first, second = drawn_boxes(8), drawn_boxes(5)

    np.testing.assert_allclose(regions.pairwise_iou(first, second), box_iou(first, second), atol=1e-5)
    assert float(regions.pairwise_iou(np.zeros((1, 4), np.float32), second).numpy().max()) == 0


def test_nine_anchors_of_three_areas_stand_around_each_cell() -> None:
    anchors = regions.ANCHORS.reshape(12, 12, 9, 4)
    middles = (anchors[..., :2] + anchors[..., 2:]) / 2
    areas = (anchors[..., 2:] - anchors[..., :2]).prod(axis=-1)

    np.testing.assert_allclose(middles[3, 7], np.tile([60, 28], (9, 1)), atol=1e-4)
    np.testing.assert_allclose(areas[0, 0], np.repeat(np.square(regions.SCALES), 3), rtol=1e-4)


def test_a_full_mask_pastes_as_its_box_and_nothing_else() -> None:
    boxes = np.array([[3.0, 5, 20, 33], [10.4, 2.2, 40.9, 9.7]])

    np.testing.assert_array_equal(regions.paste(np.ones((2, 14, 14)), boxes), experiment.fill(boxes))
    assert not regions.paste(np.zeros((2, 14, 14)), boxes).any()


def test_a_mask_cut_out_and_pasted_is_nearly_the_mask() -> None:
    scenes = load_scenes("drawn", 6, seed=3, difficulty=Difficulty(objects=(1, 3), sizes=(0.3, 0.5)))
    batch = regions.as_batch(scenes.scenes)
    owner = np.tile(np.arange(regions.MOST), (6, 1))

    cut = np.array(regions.mask_targets(batch.masks, batch.boxes, owner))

    for small, scene in zip(cut, scenes.scenes, strict=True):
        things = len(scene.labels)
        pasted = regions.paste(small[:things], scene.boxes)
        overlap = (pasted & scene.masks).sum(axis=(1, 2)) / (pasted | scene.masks).sum(axis=(1, 2))
        assert (overlap > 0.85).all()


def test_turned_scenes_keep_boxes_around_their_masks() -> None:
    scenes = regions.as_batch(load_scenes("drawn", 8, seed=4).scenes)

    batch = regions.draw_batch(scenes, np.random.default_rng(0), 32)

    assert batch.images.min() >= -1
    assert batch.images.max() <= 1
    for boxes, valid, masks in zip(batch.boxes, batch.valid, batch.masks, strict=True):
        for box, mask in zip(boxes[valid > 0], masks[valid > 0], strict=True):
            rows, columns = np.nonzero(mask)
            np.testing.assert_array_equal(box, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert not batch.boxes[batch.valid == 0].any()


def test_the_larger_of_two_things_has_the_cell() -> None:
    boxes = np.array([[[8, 8, 24, 24], [12, 12, 20, 20], [80, 0, 96, 16]]], np.float32)
    empty = np.zeros((1, 3, 96, 96), bool)
    batch = regions.Batch(np.zeros((1, 96, 96, 3)), boxes, np.array([[2, 3, 1]]), np.ones((1, 3)), empty)

    cells = regions.grid_cells(batch)

    assert cells.filled.sum() == 2
    assert cells.label[0, 1, 1] == 2  # both middles are at 16, the corner of row and column 1
    np.testing.assert_allclose(cells.centre[0, 0, 5], [88 / 96, 8 / 96])
    np.testing.assert_allclose(cells.size[0, 0, 5], [1 / 6, 1 / 6])


@pytest.mark.parametrize("place", [-3.0, 0.0, 2.25, 10.5, 30.0])
def test_the_weights_of_a_place_sum_to_one(place: float) -> None:
    weights = np.array(regions.hat(tf.constant([place]), 12))[0]

    assert weights.sum() == pytest.approx(1)
    assert weights @ np.arange(12) == pytest.approx(np.clip(place, 0, 11))
