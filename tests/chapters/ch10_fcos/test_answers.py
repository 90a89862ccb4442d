"""Chapter 10's judge: its own arithmetic against the course's measures and brute force."""

from __future__ import annotations

import re
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chapters.ch10_fcos.answers import (
    best_split,
    centre,
    corners_cases,
    detected,
    grid,
    level_of,
    losses,
    overlap,
    random_boxes,
    shares,
    sides_cases,
    targets_of,
)
from course_utils.detection import box_area, box_iou, nms
from grader.course.chapters import load_chapter
from grader.course.notebooks import EXERCISE_LINE, build

CHAPTER = load_chapter("ch10_fcos")
EXAMPLE = re.compile(r"```python\n(.*?)(\S[^\n]*)  # → (.+?)\n```", re.DOTALL)

Array = npt.NDArray[Any]


def test_box_comes_back_from_its_distances() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 40, (20, 2)).tolist()
    box = [3.0, 8.0, 30.0, 21.0]

    back = corners_cases(points, sides_cases(points, box)["right"])["right"]

    np.testing.assert_allclose(back, [box] * 20)


def test_centreness_falls_from_the_middle_to_the_edges() -> None:
    assert centre([3, 7, 3, 7]) == 1
    assert centre([10, 10, 30, 30]) == pytest.approx(1 / 3)
    assert [centre(side) for side in ([0, 1, 2, 3], [-1, 2, 4, 2], [-1, -2, 4, 5])] == [0, 0, 0]
    middles = np.arange(200) + 0.5

    mean = np.mean([centre([x, y, 200 - x, 200 - y]) for x in middles for y in middles])

    assert mean == pytest.approx((np.pi / 2 - 1) ** 2, abs=0.005)


def test_iou_loss_is_that_of_boxes() -> None:
    rng = np.random.default_rng(2)
    predicted, wanted = rng.uniform(1, 20, (2, 12, 4))
    predicted[:3] += [-22, 0, 22, 0]
    used = rng.random(12) < 0.7
    first, second = (np.concatenate([-a[used, :2], a[used, 2:]], axis=1) for a in (predicted, wanted))

    right = -np.log(np.maximum(np.diag(box_iou(first, second)), 1e-6)).mean()

    assert losses(predicted.tolist(), wanted.tolist(), used.tolist())["right"] == pytest.approx(right)


def test_levels_take_the_largest_distance() -> None:
    box, edges = [0, 0, 40, 20], [21, 30]

    assert [level_of([x, 10], box, edges) for x in (20, 19, 18, 10, 9, 0, 41)] == [0, 1, 1, 2, 2, -1, -1]


def test_targets_are_what_brute_force_gives() -> None:
    rng = np.random.default_rng(3)
    for low, high in ((0, inf), (6, 12), (0, 9)):
        boxes, labels = random_boxes(rng, 6, 16, (6, 22)), rng.integers(0, 4, 6).tolist()
        classes, distances, centres = map(np.array, targets_of(boxes, labels, 24, 32, 4, low, high))
        for row, column in np.ndindex(6, 8):
            x, y = 4 * column + 2, 4 * row + 2
            wanted = [
                (float(box_area(np.array(boxes[k]))), k)
                for k, (x1, y1, x2, y2) in enumerate(boxes)
                if x1 < x < x2 and y1 < y < y2 and low <= max(x - x1, y - y1, x2 - x, y2 - y) < high
            ]
            if not wanted:
                assert classes[row, column] == -1
                assert not distances[row, column].any()
                assert not centres[row, column]
                continue
            k = min(wanted)[1]
            left, top, right, bottom = distances[row, column]
            assert classes[row, column] == labels[k]
            assert [x - left, y - top, x + right, y + bottom] == boxes[k]
            assert centres[row, column] == centre([left, top, right, bottom])


def test_overlap_is_that_of_the_course() -> None:
    boxes = random_boxes(np.random.default_rng(4), 10, 20, (4, 16))

    right = box_iou(np.array(boxes), np.array(boxes))

    np.testing.assert_allclose([[overlap(a, b) for b in boxes] for a in boxes], right)


def test_detection_is_nms_of_the_products() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        points, sides = rng.integers(0, 20, (15, 2)).astype(float), rng.integers(3, 12, (15, 4)).astype(float)
        logits, centres = rng.normal(0, 1, (15, 3)), rng.normal(0, 1, 15)
        scores = 1 / (1 + np.exp(-logits)) / (1 + np.exp(-centres))[:, None]
        labels, best = scores.argmax(axis=1), scores.max(axis=1)
        corners = np.concatenate([points - sides[:, :2], points + sides[:, 2:]], axis=1)
        good = np.flatnonzero(best > 0.2)
        kept = good[nms(corners[good], best[good], 0.4, labels[good])][:4]

        found = detected(logits.tolist(), sides.tolist(), centres.tolist(), points.tolist(), 0.2, 0.4, 4)

        for given, right in zip(found, (corners[kept], labels[kept], best[kept]), strict=True):
            np.testing.assert_allclose(np.array(given).reshape(right.shape), right)


def test_ambiguous_points_of_a_picture_that_can_be_counted() -> None:
    points = grid(16, 4)  # 2, 6, 10, 14
    boxes = [[0, 0, 8, 8], [4, 4, 16, 16]]  # 4 points, 9 points, 1 of them in both

    assert shares([boxes], [(points, 0, inf)])["right"] == pytest.approx(1 / 12)
    assert shares([boxes], [(points, 0, 7), (points, 7, inf)])["right"] == 0
    assert shares([boxes, boxes[:1]], [(points, 0, inf)])["right"] == pytest.approx(1 / 16)


def test_the_most_even_split_is_chosen() -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        scenes = [random_boxes(rng, 4, 10, (4, 40)) for _ in range(3)]
        candidates = [sorted(rng.choice(np.arange(2, 20), 2, replace=False).tolist()) for _ in range(5)]
        half = np.array([max(x2 - x1, y2 - y1) / 2 for boxes in scenes for x1, y1, x2, y2 in boxes])
        splits = [np.histogram(half, [0, *edges, 100])[0] for edges in candidates]
        gaps = [np.ptp(counts) for counts in splits]

        edges, counts = best_split(scenes, candidates)

        assert edges == candidates[int(np.argmin(gaps))]
        assert counts == splits[int(np.argmin(gaps))].tolist()


@pytest.mark.parametrize("exercise", [id for id, each in CHAPTER.exercises.items() if each.question is None])
def test_the_example_of_an_exercise_is_what_the_reference_gives(exercise: str) -> None:
    cells = build(CHAPTER, "").cells
    (at,) = (
        i for i, cell in enumerate(cells) if (m := EXERCISE_LINE.match(cell.source)) and m[1] == exercise
    )
    example = EXAMPLE.search(cells[at - 1].source)
    assert example is not None
    before, call, result = example.groups()
    assert CHAPTER.keys is not None
    names: dict[str, Any] = {"np": np}
    exec(CHAPTER.keys[exercise].reference, names)

    exec(before, names)

    value = eval(call, names)
    shown = str(value) if isinstance(value, np.ndarray) else repr(value)
    assert " ".join(shown.split()) == result
