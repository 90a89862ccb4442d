from __future__ import annotations

import contextlib
import io
from typing import Any, NamedTuple

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pycocotools.mask import encode

from course_utils.detection import (
    COCO_THRESHOLDS,
    SIZES,
    Detections,
    average_precision,
    box_area,
    box_giou,
    box_iou,
    class_iou,
    confusion_matrix,
    decode_boxes,
    dice,
    encode_boxes,
    mask_iou,
    match,
    mean_iou,
    nms,
    panoptic_quality,
    soft_nms,
    to_centres,
    to_corners,
)
from course_utils.scenes import PER_CLASS, load_scenes

Array = np.ndarray


def some_boxes(count: int, seed: int, side: int = 30) -> Array:
    """Boxes whose corners are whole numbers, so that pixels can be counted."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, side - 1, (count, 2))
    return np.concatenate([low, rng.integers(low + 1, side + 1)], axis=1).astype(float)


def filled(box: Array, side: int = 30) -> Array:
    mask = np.zeros((side, side), bool)
    x1, y1, x2, y2 = box.astype(int)
    mask[y1:y2, x1:x2] = True
    return mask


def test_centres_and_corners_are_inverse() -> None:
    boxes = some_boxes(20, 0)
    np.testing.assert_allclose(to_corners(to_centres(boxes)), boxes)
    np.testing.assert_allclose(to_centres(np.array([[0.0, 2, 4, 8]])), [[2, 5, 4, 6]])


def test_iou_counts_pixels() -> None:
    first, second = some_boxes(15, 1), some_boxes(12, 2)
    counted = [[_pixel_iou(filled(a), filled(b)) for b in second] for a in first]
    np.testing.assert_allclose(box_iou(first, second), counted)
    np.testing.assert_allclose(
        mask_iou(np.stack([filled(a) for a in first]), np.stack([filled(b) for b in second])), counted
    )


def _pixel_iou(a: Array, b: Array) -> float:
    return (a & b).sum() / (a | b).sum()


def test_boxes_without_area_overlap_nothing() -> None:
    empty = np.array([[3.0, 3, 3, 9], [5, 5, 2, 2]])
    assert box_area(empty).tolist() == [0, 0]
    assert not box_iou(empty, empty).any()


def test_giou_tells_how_far_apart_boxes_are() -> None:
    here = np.array([[0.0, 0, 2, 2]])
    near, far = np.array([[3.0, 0, 5, 2]]), np.array([[8.0, 0, 10, 2]])
    assert box_giou(here, here).item() == 1
    assert box_giou(here, near).item() == pytest.approx(-2 / 10)
    assert box_giou(here, far).item() == pytest.approx(-12 / 20)
    many = box_giou(some_boxes(30, 3), some_boxes(30, 4))
    assert (many >= -1).all()
    assert (many <= box_iou(some_boxes(30, 3), some_boxes(30, 4))).all()


def test_encoded_boxes_come_back() -> None:
    boxes, anchors = some_boxes(40, 5), some_boxes(40, 6)
    np.testing.assert_allclose(decode_boxes(encode_boxes(boxes, anchors), anchors), boxes, atol=1e-9)
    np.testing.assert_array_equal(encode_boxes(anchors, anchors), 0)


@pytest.mark.parametrize("seed", range(20))
def test_nms_is_what_one_does_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores, labels = some_boxes(25, seed), rng.random(25), rng.integers(0, 2, 25)
    for classes in (None, labels):
        left, kept = list(np.argsort(-scores)), []
        while left:
            best = left.pop(0)
            kept.append(best)
            left = [
                other
                for other in left
                if _pixel_iou(filled(boxes[best]), filled(boxes[other])) <= 0.4
                or (classes is not None and classes[best] != classes[other])
            ]
        assert nms(boxes, scores, 0.4, classes).tolist() == kept


def test_soft_nms_lowers_by_the_overlap_with_each_better_box() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30]])
    np.testing.assert_allclose(soft_nms(boxes, np.array([0.9, 0.8, 0.7])), [0.9, 0.8 * np.exp(-0.5), 0.7])


def test_match_prefers_what_counts() -> None:
    iou = np.array([[0.9, 0.6], [0.8, 0.7], [0.6, 0.1]])
    assert match(iou, np.array([0.5])).tolist() == [[0, 1, -1]]
    assert match(iou, np.array([0.5]), np.array([True, False])).tolist() == [[1, 0, -1]]
    assert match(iou, np.array([0.5, 0.75])).tolist() == [[0, 1, -1], [0, -1, -1]]


class Truth(NamedTuple):
    boxes: Array
    labels: Array
    masks: Array


def random_case(seed: int) -> tuple[list[Detections], list[Truth]]:
    """Scenes and detections around their objects, some wrong, some double, some of an equal score."""
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for scene in load_scenes("drawn", 6, size=96, seed=seed).scenes:
        keep = rng.random(len(scene.labels)) < 0.9
        truth.append(Truth(scene.boxes[keep].astype(float), scene.labels[keep], scene.masks[keep]))
        picked = rng.integers(0, len(scene.labels), 8)
        boxes = scene.boxes[picked] + rng.integers(-3, 4, (8, 4))
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        labels = np.where(rng.random(8) < 0.8, scene.labels[picked], rng.integers(0, 4, 8))
        masks = np.stack([np.roll(scene.masks[k], rng.integers(-2, 3, 2), axis=(0, 1)) for k in picked])
        found.append(Detections(boxes.astype(float), labels, np.round(rng.random(8), 1), masks))
    return found, truth


def coco_numbers(
    found: list[Detections], truth: list[Truth], kind: str, area: tuple[float, float]
) -> tuple[float, float, Array]:
    """AP, AP50 and AP by class as ``pycocotools`` gives them."""
    annotations: list[Any] = []
    results: list[Any] = []

    def described(image: int, box: Array, label: int, mask: Array) -> dict[str, Any]:
        x1, y1, x2, y2 = (float(value) for value in box)
        code = encode(np.asfortranarray(mask.astype(np.uint8)))
        size = float(mask.sum()) if kind == "segm" else (x2 - x1) * (y2 - y1)
        return {
            "image_id": image,
            "category_id": int(label) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "segmentation": code,
            "area": size,
            "iscrowd": 0,
        }

    for image, objects in enumerate(truth, 1):
        for each in zip(*objects, strict=True):
            annotations.append({**described(image, *each), "id": len(annotations) + 1})
    for image, detections in enumerate(found, 1):
        for box, label, score, mask in zip(*detections, strict=True):
            results.append({**described(image, box, label, mask), "score": float(score)})
            del results[-1]["segmentation" if kind == "bbox" else "bbox"]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": k + 1, "height": 96, "width": 96} for k in range(len(truth))],
            "categories": [{"id": k + 1} for k in range(4)],
            "annotations": annotations,
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), kind)
        evaluation.params.areaRng = [[area[0], min(area[1], 1e10)]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 0]  # thresholds, recalls, classes
    known = np.where(precision > -1, precision, np.nan)
    return float(np.nanmean(known)), float(np.nanmean(known[0])), np.nanmean(known, axis=(0, 1))


@pytest.mark.parametrize("kind", ["bbox", "segm"])
@pytest.mark.parametrize("area", [(0, np.inf), SIZES["medium"]])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_ap_is_that_of_pycocotools(seed: int, area: tuple[float, float], kind: str) -> None:
    found, truth = random_case(seed)
    ap, ap50, by_class = coco_numbers(found, truth, kind, area)
    scores = average_precision(found, truth, 4, masks=kind == "segm", area=area)
    assert scores.ap == pytest.approx(ap, abs=1e-9)
    assert scores.ap50 == pytest.approx(ap50, abs=1e-9)
    np.testing.assert_allclose(scores.by_class, by_class, atol=1e-9)


def test_ap_by_hand() -> None:
    """Three objects; of five detections the first, third and last are right at IoU 0.5."""
    truth = Truth(
        np.array([[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]]), np.zeros(3, int), np.zeros(0)
    )
    boxes = np.array([[0.0, 0, 10, 10], [60, 0, 70, 10], [20, 0, 30, 10], [0, 0, 10, 9], [40, 0, 50, 10]])
    found = Detections(boxes, np.zeros(5, int), np.array([0.9, 0.8, 0.7, 0.6, 0.5]))
    # precision 1 up to recall 1/3 (34 of the 101 points), 2/3 up to 2/3 (33), 3/5 to the end (34)
    expected = (34 * 1 + 33 * 2 / 3 + 34 * 3 / 5) / 101
    scores = average_precision([found], [truth], 1, thresholds=np.array([0.5]))
    assert scores.ap50 == pytest.approx(expected)
    assert scores.recall == 1


def test_ap_where_nothing_is_found_or_nothing_is_there() -> None:
    nothing = Detections(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))
    there = Truth(np.array([[0.0, 0, 4, 4]]), np.array([0]), np.zeros((1, 8, 8), bool))
    missed = average_precision([nothing], [there], 2)
    assert (missed.ap, missed.recall) == (0, 0)
    assert np.isnan(missed.by_class[1])
    assert np.isnan(average_precision([nothing], [Truth(*nothing[:3])], 2).ap)
    assert np.isnan(average_precision([nothing], [there], 1, thresholds=COCO_THRESHOLDS[1:]).ap50)


def test_classes_of_pixels() -> None:
    truth, said = np.array([[0, 0, 1], [1, 2, 2]]), np.array([[0, 1, 1], [1, 2, 0]])
    confusion = confusion_matrix(truth, said, 4)
    assert confusion[:3, :3].tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    np.testing.assert_allclose(class_iou(confusion), [1 / 3, 2 / 3, 1 / 2, np.nan])
    assert mean_iou(truth, said, 4) == pytest.approx(0.5)


def test_dice_is_a_function_of_iou() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 9, 9)) < 0.4
    iou = mask_iou(first[None], second[None]).item()
    assert dice(first, second) == pytest.approx(2 * iou / (1 + iou))
    assert dice(first & False, second & False) == 1


def test_panoptic_quality_by_hand() -> None:
    truth = np.zeros((1, 4, 4), int)  # class 0, stuff: 8 pixels; class 1: two things of 4
    truth[0, 0], truth[0, 1] = PER_CLASS + 1, PER_CLASS + 2
    said = truth.copy()
    said[0, 0, 3] = 0  # the first thing has 3 of its 4 pixels, the stuff one too many
    said[0, 1] = PER_CLASS + 7, PER_CLASS + 7, PER_CLASS + 8, PER_CLASS + 8  # no half has an IoU above 0.5
    quality = panoptic_quality(truth, said, 3)
    np.testing.assert_allclose(quality.segmentation, [8 / 9, 3 / 4, np.nan])
    np.testing.assert_allclose(quality.recognition, [1, 1 / (1 + 1 / 2 + 2 / 2), np.nan])
    assert quality.pq == pytest.approx((8 / 9 + 3 / 4 * 0.4) / 2)


def test_panoptic_quality_of_the_truth_is_one() -> None:
    maps = np.stack([scene.panoptic for scene in load_scenes("drawn", 5, size=48, seed=2).scenes])
    assert panoptic_quality(maps, maps, 6).pq == 1
