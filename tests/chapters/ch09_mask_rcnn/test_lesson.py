"""Chapter 9's lesson: its losses by hand, and that its networks learn."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from chapters.ch09_mask_rcnn import experiment, figures, regions, taught
from course_utils.detection import average_precision
from course_utils.scenes import load_scenes, shared_scenes


def perfect_outputs(cells: regions.Cells) -> np.ndarray:
    """YOLO's numbers that say just what is there, in both boxes of a cell."""
    row, column = np.mgrid[:6, :6]
    inside = (cells.centre * 6 - np.stack([column, row], -1)) * cells.filled[..., None]
    box = np.concatenate([inside, np.sqrt(cells.size), cells.filled[..., None]], axis=-1)
    return np.concatenate([box, box, np.eye(4)[cells.label]], axis=-1).astype(np.float32)


def test_perfect_answers_cost_only_the_confidence_of_the_other_box() -> None:
    cells = regions.grid_cells(regions.as_batch(load_scenes("drawn", 5, seed=1).scenes))

    losses = np.array(taught.yolo_losses(perfect_outputs(cells), cells))

    things = cells.filled.sum() / 5
    np.testing.assert_allclose(losses, [0, 0, 0, 0.5 * things, 0], atol=1e-4)


def test_the_terms_of_the_loss_by_hand() -> None:
    cells = regions.grid_cells(regions.as_batch(load_scenes("drawn", 1, seed=1).scenes[:1]))
    outputs = perfect_outputs(cells)
    row, column = np.argwhere(cells.filled[0])[0]
    outputs[0, row, column, 5:10] = 0  # the second box lies elsewhere, so the first is responsible
    outputs[0, row, column, 0] += 0.1
    outputs[0, row, column, 10:] = 0

    losses = np.array(taught.yolo_losses(outputs, cells))

    assert losses[0] == pytest.approx(5 * 0.1**2, rel=1e-3)
    assert losses[4] == pytest.approx(1, rel=1e-3)
    assert losses[3] == pytest.approx(0.5 * (cells.filled.sum() - 1), abs=1e-4)


def test_boxes_of_yolo_are_where_the_cells_say() -> None:
    cells = regions.grid_cells(regions.as_batch(load_scenes("drawn", 3, seed=2).scenes))

    boxes, _, _, _ = taught.yolo_parts(perfect_outputs(cells))

    there = cells.filled > 0
    middle = (np.array(boxes)[there][:, 0, :2] + np.array(boxes)[there][:, 0, 2:]) / 2
    np.testing.assert_allclose(middle, cells.centre[there], atol=1e-5)


def test_the_rpn_has_no_loss_where_it_is_sure_and_right() -> None:
    boxes = np.concatenate([regions.ANCHORS[[700, 40]], np.zeros((4, 4), np.float32)])[None]
    valid = np.array([[1, 1, 0, 0, 0, 0]], np.float32)
    overlap = np.array(regions.pairwise_iou(regions.ANCHORS, boxes[0, :2]))
    scores = np.where(overlap.max(axis=1) >= 0.5, 20.0, -20.0).astype(np.float32)[None]
    offsets = np.array(regions.encode(boxes[0][overlap.argmax(axis=1)], regions.ANCHORS))[None]

    right = taught.rpn_losses(scores, offsets, boxes, valid)
    wrong = taught.rpn_losses(-scores, offsets + 1, boxes, valid)

    np.testing.assert_allclose(right, 0, atol=1e-4)
    assert float(wrong[0]) == pytest.approx(20, rel=1e-3)
    assert float(wrong[1]) == pytest.approx(0.5, rel=1e-2)


def test_sampled_regions_begin_with_things_and_hold_no_padding() -> None:
    keras.utils.set_random_seed(0)
    boxes = np.zeros((1, 6, 4), np.float32)
    boxes[0, :2] = [[10, 10, 40, 40], [50, 50, 90, 90]]
    valid = np.array([[1, 1, 0, 0, 0, 0]], np.float32)
    proposals = np.zeros((1, 50, 4), np.float32)
    proposals[0, :30] = np.array([0, 60, 30, 90]) + np.arange(30)[:, None] / 10

    chosen, owner, positive = (np.array(each) for each in taught.sample_regions(proposals, boxes, valid))

    assert chosen.shape == (1, 24, 4)
    assert positive[0, :2].all()
    assert positive.sum() == 2
    assert set(owner[0, :2]) == {0, 1}
    assert (chosen[..., 2] > chosen[..., 0]).all()


def test_a_few_steps_lower_the_loss_of_yolo() -> None:
    keras.utils.set_random_seed(0)
    scenes = regions.as_batch(load_scenes("drawn", 16, seed=5).scenes)
    step = taught.make_step(taught.build_yolo(), keras.optimizers.Adam(3e-3), taught.grid_losses)
    batch = regions.draw_batch(scenes, np.random.default_rng(0))
    cells = regions.grid_cells(batch)

    totals = [float(tf.reduce_sum(step(batch.images, cells))) for _ in range(12)]

    assert totals[-1] < 0.5 * totals[0]


@pytest.mark.parametrize("name", experiment.NAMES)
def test_the_weights_that_ship_find_what_is_stored(name: str) -> None:
    scenes = shared_scenes("test", 50)
    (stored,) = (row for row in experiment.stored_detectors() if row.name == experiment.NAMES[name])

    found = experiment.detect(experiment.load_detector(name), scenes.images)

    assert average_precision(found, scenes.scenes, 4).ap50 == pytest.approx(stored.ap50, abs=0.12)


def test_a_softmax_mask_is_where_its_class_beats_the_background_whatever_the_others_score() -> None:
    logits = np.zeros((1, 2, 1, 1, 5), np.float32)
    logits[0, :, 0, 0] = [[1, 2, 9, 9, 9], [3, 9, 9, 9, 2]]  # background first

    masks = np.array(experiment.own_masks(logits, np.array([[0, 3]])))

    np.testing.assert_allclose(masks[0, :, 0, 0], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))], rtol=1e-5)


def test_cutting_was_measured_with_five_pairs_of_seeds() -> None:
    results = experiment.stored_alignment()

    for case in figures.GIVEN_BOXES:
        assert len(experiment.alignment_gains(results, *case)) == 5
    assert min(experiment.alignment_gains(results, 16)) > 0.02
