"""Chapter 9's judge: its arithmetic, number by number, against whole arrays and other ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chapters.ch09_mask_rcnn.answers import (
    aligned,
    anchors_of,
    encoded,
    labelled,
    losses,
    number_of_proposals,
    overlap,
    pasting,
    pooled,
)
from course_utils.detection import box_iou, to_centres

Array = npt.NDArray[Any]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(9)


def boxes_of(rng: np.random.Generator, count: int, side: int, least: int = 4, most: int = 30) -> Array:
    low = rng.integers(0, side - most, (count, 2))
    return np.concatenate([low, low + rng.integers(least, most, (count, 2))], axis=1).astype(float)


def test_anchors_have_their_area_their_ratio_and_the_middle_of_their_cell() -> None:
    anchors = to_centres(np.array(anchors_of(2, 3, 8, [10, 20], [0.5, 1, 3])).reshape(2, 3, 2, 3, 4))

    np.testing.assert_allclose(
        anchors[..., 2] * anchors[..., 3], np.array([100, 400])[:, None] + np.zeros((2, 3, 2, 3))
    )
    np.testing.assert_allclose(
        anchors[..., 3] / anchors[..., 2], np.array([0.5, 1, 3]) + np.zeros((2, 3, 2, 3))
    )
    np.testing.assert_allclose(anchors[1, 2, 0, 0, :2], [20, 12])


def test_pooling_with_a_bin_for_each_cell_reads_the_cells(rng: np.random.Generator) -> None:
    feature = rng.normal(size=(6, 8))

    np.testing.assert_array_equal(pooled(feature, [18, 9, 45, 31], (4, 5, 8)), feature[1:5, 2:7])


def test_pooling_is_the_maximum_of_blocks_where_bins_divide_the_cells(rng: np.random.Generator) -> None:
    feature = rng.normal(size=(6, 8))

    blocks = feature.reshape(2, 3, 4, 2).max(axis=(1, 3))

    np.testing.assert_array_equal(pooled(feature, [0, 0, 64, 48], (2, 4, 8)), blocks)


def between(feature: Array, ys: Array, xs: Array, outside: float | None = None) -> Array:
    """Bilinear interpolation by NumPy's own, first along the columns, then along the rows."""
    if outside is not None:
        feature, ys, xs = np.pad(feature, 1, constant_values=outside), ys + 1, xs + 1
    down = np.array([np.interp(ys, np.arange(len(column)), column) for column in feature.T]).T
    return np.array([np.interp(xs, np.arange(len(row)), row) for row in down])


@pytest.mark.parametrize("box", [[9.5, 4.25, 37, 30], [0, 0, 48, 40], [1, 2, 3, 39]])
def test_align_is_the_mean_of_interpolated_points(rng: np.random.Generator, box: list[float]) -> None:
    feature = rng.normal(size=(5, 6))
    middle = (np.arange(6) + 0.5) / 6
    ys, xs = (box[n] + middle * (box[n + 2] - box[n]) for n in (1, 0))
    points = between(feature, ys / 8 - 0.5, xs / 8 - 0.5)

    right = points.reshape(3, 2, 3, 2).mean(axis=(1, 3))

    np.testing.assert_allclose(aligned(feature, box, (3, 8, 2)), right)


def test_align_reads_a_ramp_as_it_is() -> None:
    ramp = np.tile((np.arange(12) + 0.5) * 8, (12, 1))

    np.testing.assert_allclose(aligned(ramp, [20, 16, 52, 64], (4, 8, 2))[0], [24, 32, 40, 48])


def test_labels_follow_the_table_of_overlaps(rng: np.random.Generator) -> None:
    anchors = np.array(anchors_of(8, 8, 12, [16, 30], [0.5, 1, 2]))
    boxes = boxes_of(rng, 4, 96, 12, 40)
    inside = (anchors.min(axis=1) >= 0) & (anchors.max(axis=1) <= 96)
    table = box_iou(anchors, boxes)[inside]
    best = table.max(axis=1)
    right = np.full(len(table), -1)
    right[best < 0.3] = 0
    right[(best >= 0.7) | (table == table.max(axis=0)).any(axis=1)] = 1

    labels = np.array(labelled(anchors.tolist(), boxes.tolist(), 96))

    assert (labels[~inside] == -1).all()
    np.testing.assert_array_equal(labels[inside], right)
    assert set(right) == {-1, 0, 1}


def test_overlap_is_that_of_the_course(rng: np.random.Generator) -> None:
    first, second = boxes_of(rng, 6, 50), boxes_of(rng, 5, 50)

    np.testing.assert_allclose([[overlap(a, b) for b in second] for a in first], box_iou(first, second))


@pytest.mark.parametrize("box", [[2.3, 1.1, 9.7, 8.2], [-3, -2, 5, 6.5]])
def test_pasted_probabilities_fade_to_nothing_outside(rng: np.random.Generator, box: list[float]) -> None:
    mask = rng.random((4, 4))
    ys = (np.arange(10) + 0.5 - box[1]) / (box[3] - box[1]) * 4 - 0.5
    xs = (np.arange(12) + 0.5 - box[0]) / (box[2] - box[0]) * 4 - 0.5

    np.testing.assert_allclose(pasting(mask, box, (10, 12)), between(mask, ys, xs, 0.0), atol=1e-12)


def test_full_mask_ends_at_the_edges_of_its_box() -> None:
    drawn = np.array(pasting(np.ones((6, 6)), [3, 2, 13, 9], (12, 16))) >= 0.5

    assert drawn[2:9, 8].all()
    assert drawn[5, 3:13].all()
    assert drawn[5].sum() == 10
    assert drawn[:, 8].sum() == 7


def test_grid_gives_the_boxes_back(rng: np.random.Generator) -> None:
    boxes = np.array([[4.0, 6, 20, 30], [50, 8, 90, 20], [30, 40, 44, 58]])
    target = encoded(boxes.tolist(), [2, 0, 1], (100, 60, 5, 3))

    rows, columns = np.nonzero(target[..., 4])
    found = target[rows, columns]
    middle = (found[:, :2] + np.stack([columns, rows], axis=1)) / 5 * [100, 60]
    size = found[:, 2:4] * [100, 60]
    given_back = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
    labels = found[:, 5:].argmax(axis=1)

    order = np.argsort(labels)
    np.testing.assert_allclose(given_back[order], boxes[[1, 2, 0]])


def test_losses_are_those_of_whole_arrays(rng: np.random.Generator) -> None:
    target = np.zeros((3, 3, 7))
    target[[0, 1, 2], [1, 1, 0], :4] = rng.uniform(0.2, 0.8, (3, 4))
    target[[0, 1, 2], [1, 1, 0], 4:] = [1, 1, 0], [1, 0, 1], [1, 1, 0]
    predicted = rng.uniform(0.1, 0.9, (3, 3, 12))
    boxes, there = predicted[..., :10].reshape(9, 2, 5), target[..., 4].ravel()
    truth = target.reshape(9, 7)

    def corners(numbers: Array) -> Array:
        return np.concatenate(
            [numbers[:, :2] / 3 - numbers[:, 2:4] / 2, numbers[:, :2] / 3 + numbers[:, 2:4] / 2], axis=1
        )

    iou = np.stack([np.diag(box_iou(corners(boxes[:, k]), corners(truth))) for k in (0, 1)], axis=1)
    mine = np.eye(2)[iou.argmax(axis=1)] * there[:, None]
    right = [
        5 * (mine * ((boxes[..., :2] - truth[:, None, :2]) ** 2).sum(axis=-1)).sum(),
        5 * (mine * ((boxes[..., 2:4] ** 0.5 - truth[:, None, 2:4] ** 0.5) ** 2).sum(axis=-1)).sum(),
        (mine * (boxes[..., 4] - iou) ** 2).sum(),
        0.5 * ((1 - mine) * boxes[..., 4] ** 2).sum(),
        (there[:, None] * (predicted[..., 10:].reshape(9, 2) - truth[:, 5:]) ** 2).sum(),
    ]

    np.testing.assert_allclose(losses(predicted, target), right)


def test_perfect_prediction_loses_nothing() -> None:
    target = np.array([[[0.3, 0.6, 0.2, 0.5, 1.0, 0.0, 1.0]]])

    np.testing.assert_allclose(losses(target, target), np.zeros(5), atol=1e-12)


@pytest.mark.parametrize("target", [0.2, 0.5, 0.8])
def test_number_of_proposals_is_the_first_whose_worst_recall_reaches_the_target(
    rng: np.random.Generator, target: float
) -> None:
    found, truth = [], []
    for _ in range(8):
        real = boxes_of(rng, 4, 60, 10)
        near = real[rng.integers(0, 4, 30)] + rng.integers(-5, 6, (30, 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        found.append((near, rng.permutation(30) / 30))
        truth.append((real, np.array([0, 1, 0, 1])))

    def worst(n: int) -> float:
        best = [
            box_iou(real, boxes[np.argsort(-scores)[:n]]).max(axis=1)
            for (boxes, scores), (real, _) in zip(found, truth, strict=True)
        ]
        return float(np.mean(np.array(best).reshape(-1, 2) >= 0.5, axis=0).min())

    right = next((n for n in range(1, 31) if worst(n) >= target), None)

    proposals, objects = ([(a.tolist(), b.tolist()) for a, b in pairs] for pairs in (found, truth))
    assert right is not None
    assert number_of_proposals(proposals, objects, target) == right
