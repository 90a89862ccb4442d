"""Chapter 8's judge: its own arithmetic against the course's measures, brute force and other people's."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from chapters.ch08_detection_segmentation.answers import (
    areas,
    best_threshold,
    focal,
    judged,
    matching,
    measures,
    merged_map,
    merging,
    overlap,
)
from course_utils.detection import box_iou, dice, mask_iou, nms
from grader.course.chapters import load_chapter
from grader.course.notebooks import EXERCISE_LINE, build

CHAPTER = load_chapter("ch08_detection_segmentation")
EXAMPLE = re.compile(r"```python\n(.*?)(\S[^\n]*)  # → (.+?)\n```", re.DOTALL)

Array = npt.NDArray[Any]


def random_boxes(rng: np.random.Generator, count: int) -> Array:
    low = rng.integers(0, 20, (count, 2))
    return np.concatenate([low, low + rng.integers(4, 16, (count, 2))], axis=1).astype(float)


def test_mask_measures_are_those_of_the_course() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.random((2, 5, 6)) < 0.4

        tp, fp, fn, iou, both = measures(a, b)["right"]

        assert (tp, fp, fn) == ((a & b).sum(), (b & ~a).sum(), (a & ~b).sum())
        assert iou == pytest.approx(mask_iou(a[None], b[None])[0, 0])
        assert both == pytest.approx(dice(a, b))


def test_overlap_is_that_of_pycocotools() -> None:
    boxes = random_boxes(np.random.default_rng(2), 12)
    sized = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)

    right = coco_mask.iou(sized, sized, [0] * len(boxes))

    np.testing.assert_allclose([[overlap(a, b) for b in boxes.tolist()] for a in boxes.tolist()], right)


def test_merging_keeps_what_nms_keeps_and_averages_what_it_drops() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        boxes, scores, labels = random_boxes(rng, 15), rng.integers(1, 9, 15) / 8, rng.integers(0, 2, 15)
        kept = nms(boxes, scores, 0.4, labels)
        owner = [
            next(k for k in kept if k == n or (labels[k] == labels[n] and overlap(boxes[k], boxes[n]) > 0.4))
            if n not in kept
            else n
            for n in range(15)
        ]
        members = [[n for n in range(15) if owner[n] == k] for k in kept]

        merged, best, classes = merging(boxes.tolist(), scores.tolist(), labels.tolist(), 0.4)

        right = [np.average(boxes[group], axis=0, weights=scores[group]) for group in members]
        np.testing.assert_allclose(merged, right)
        np.testing.assert_array_equal(best, scores[kept])
        np.testing.assert_array_equal(classes, labels[kept])


def test_area_is_the_integral_of_the_monotone_curve() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        hits = rng.integers(0, 2, 9)
        objects = int(max(1, hits.sum() + rng.integers(0, 3)))
        recall, precision = np.cumsum(hits) / objects, np.cumsum(hits) / np.arange(1, 10)
        grid = (np.arange(20_000) + 0.5) / 20_000

        heights = [max(precision[recall >= r], default=0.0) for r in np.unique(recall)]
        above = np.append(heights, 0.0)[np.searchsorted(np.unique(recall), grid)]

        assert areas(hits.tolist(), objects)["right"] == pytest.approx(above.mean(), abs=1e-3)


def average_precision_of_coco(hits: list[int], objects: int) -> float:
    """AP at IoU 0.5 by pycocotools, of detections that hit as told."""
    truth = [[20.0 * n, 0.0, 10.0, 10.0] for n in range(objects)]
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": 1}],
        "categories": [{"id": 1}],
        "annotations": [
            {"id": n + 1, "image_id": 1, "category_id": 1, "bbox": box, "area": 100.0, "iscrowd": 0}
            for n, box in enumerate(truth)
        ],
    }
    free = iter(truth)
    found = [
        {
            "image_id": 1,
            "category_id": 1,
            "bbox": next(free) if hit else [0.0, 500.0, 10.0, 10.0],
            "score": 1 - n / 100,
        }
        for n, hit in enumerate(hits)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    return float(evaluation.eval["precision"][0, :, 0, 0, 2].mean())


def test_known_mistake_of_101_points_is_coco() -> None:
    rng = np.random.default_rng(6)
    for _ in range(10):
        hits = rng.integers(0, 2, 12).tolist()
        objects = 13  # no recall falls on one of the 101 points
        (wrong,) = (value for reason, value in areas(hits, objects).items() if "101 点" in reason)

        assert wrong == pytest.approx(average_precision_of_coco(hits, objects), abs=1e-6)


def test_matching_follows_its_three_rules() -> None:
    rng = np.random.default_rng(7)
    for _ in range(30):
        anchors, boxes = random_boxes(rng, 25), random_boxes(rng, 4)
        table = box_iou(anchors, boxes)

        owners = matching(anchors.tolist(), boxes.tolist())

        forced = {int(table[:, k].argmax()): k for k in range(4)}
        for n, owner in enumerate(owners):
            best = table[n].max()
            free = table[n].argmax() if best >= 0.5 else -2 if best >= 0.4 else -1
            assert owner == forced.get(n, free)


def test_focal_loss_is_that_of_keras() -> None:
    import keras

    rng = np.random.default_rng(8)
    logits, targets = rng.normal(0, 3, (6, 4)), rng.integers(0, 2, (6, 4)).astype(float)
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.3, gamma=1.5, from_logits=True, reduction="sum"
    )

    right = 4 * float(loss(targets, logits))  # Keras takes the mean over classes

    assert focal(logits.tolist(), targets.tolist(), 0.3, 1.5) == pytest.approx(right, rel=1e-4)


def test_focal_loss_without_focus_is_half_the_cross_entropy() -> None:
    logits = [[2.0, -100.0], [100.0, 0.5]]
    targets = [[1.0, 1.0], [0.0, 0.0]]

    right = np.log1p(np.exp(-2)) + 100 + 100 + np.log1p(np.exp(0.5))

    assert focal(logits, targets, 0.5, 0.0) == pytest.approx(right / 2)


def test_panoptic_map_gives_each_pixel_to_the_best_segment_that_stays() -> None:
    rng = np.random.default_rng(9)
    for _ in range(20):
        masks = rng.random((5, 4, 5)) < 0.4
        scores, labels = rng.permutation(5) / 5, rng.integers(2, 6, 5)
        stuff = rng.integers(0, 2, (4, 5))

        result = np.array(merged_map(masks, scores.tolist(), labels.tolist(), stuff))

        order = np.argsort(-scores)
        stays: list[int] = []
        for n in order:
            left = masks[n] & ~masks[stays].any(axis=0)
            if left.sum() * 2 >= masks[n].sum() > 0:
                stays.append(int(n))
        for y, x in np.ndindex(4, 5):
            owners = [(number, n) for number, n in enumerate(stays, 1) if masks[n, y, x]]
            right = 1000 * labels[owners[0][1]] + owners[0][0] if owners else 1000 * stuff[y, x]
            assert result[y, x] == right


def test_threshold_is_the_best_of_all_that_could_be_chosen() -> None:
    rng = np.random.default_rng(10)
    for _ in range(20):
        real, classes, copies = random_boxes(rng, 6), rng.integers(0, 2, 6), rng.integers(0, 6, 12)
        boxes, labels = real[copies] + rng.integers(-1, 2, (12, 4)), classes[copies]
        scores = rng.integers(1, 20, 12) / 20
        values = {}
        for threshold in np.unique(scores):
            free, right = set(range(6)), 0
            kept = [n for n in np.argsort(-scores, kind="stable") if scores[n] >= threshold]
            for n in kept:
                pool = [k for k in sorted(free) if classes[k] == labels[n]]
                best = max(pool, key=lambda k: box_iou(boxes[[n]], real[[k]])[0, 0], default=-1)
                if best >= 0 and box_iou(boxes[[n]], real[[best]])[0, 0] >= 0.5:
                    free.remove(best)
                    right += 1
            values[threshold] = 2 * right / (len(kept) + 6)

        scenes = judged(
            [(boxes.tolist(), labels.tolist(), scores.tolist())], [(real.tolist(), classes.tolist())]
        )
        threshold, value = best_threshold(scenes, [6])

        assert value == pytest.approx(max(values.values()))
        assert threshold == pytest.approx(max(t for t, v in values.items() if v == max(values.values())))


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
