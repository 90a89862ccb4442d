"""What detectors and segmenters are measured with: IoU, NMS, matching, AP, Dice, panoptic quality.

A box is ``(x1, y1, x2, y2)`` in pixels; its right and lower edge do not belong to it, so that its width is
``x2 - x1``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""IoU from which a detection counts as right: COCO's AP is the mean over these."""

RECALL_POINTS = np.linspace(0, 1, 101)
"""Recalls at which COCO reads the precision."""

SIZES: Mapping[str, tuple[float, float]] = {
    "small": (0, 16**2),
    "medium": (16**2, 32**2),
    "large": (32**2, np.inf),
}
"""Areas in square pixels for AP by size, both ends included. COCO has 32² and 96², for larger images."""


# Boxes


def to_centres(boxes: Array) -> Array:
    """Turns corners ``(x1, y1, x2, y2)`` into centre and size ``(cx, cy, w, h)``; shape ``(…, 4)``."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def to_corners(boxes: Array) -> Array:
    """Turns centre and size ``(cx, cy, w, h)`` into corners ``(x1, y1, x2, y2)``; shape ``(…, 4)``."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def box_area(boxes: Array) -> Array:
    """Computes areas in square pixels; 0 for a box whose edges are the wrong way round.

    Args:
        boxes: Corners, shape ``(…, 4)``.

    Returns:
        Shape ``(…)``.
    """
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)


def box_iou(first: Array, second: Array) -> Array:
    """Computes intersection over union of each box with each other.

    Args:
        first: Corners, shape ``(n, 4)``.
        second: Corners, shape ``(m, 4)``.

    Returns:
        Shape ``(n, m)``, within [0, 1]; 0 for two boxes without area.
    """
    intersection, union, _ = _overlaps(first, second)
    return _share(intersection, union)


def box_giou(first: Array, second: Array) -> Array:
    """Computes generalised IoU, which also tells how far apart boxes are; Rezatofighi et al., CVPR 2019.

    Args:
        first: Corners, shape ``(n, 4)``.
        second: Corners, shape ``(m, 4)``.

    Returns:
        IoU less the share of the smallest box around both that neither fills, within [-1, 1]; shape
        ``(n, m)``.
    """
    intersection, union, around = _overlaps(first, second)
    return _share(intersection, union) - _share(around - union, around)


def _overlaps(first: Array, second: Array) -> tuple[Array, Array, Array]:
    """Areas of intersection, of union and of the smallest box around both."""
    a, b = np.asarray(first, float)[:, None], np.asarray(second, float)[None]
    inner = np.concatenate([np.maximum(a, b)[..., :2], np.minimum(a, b)[..., 2:]], axis=-1)
    outer = np.concatenate([np.minimum(a, b)[..., :2], np.maximum(a, b)[..., 2:]], axis=-1)
    intersection = box_area(inner)
    return intersection, box_area(a) + box_area(b) - intersection, box_area(outer)


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def encode_boxes(boxes: Array, anchors: Array, scales: Sequence[float] = (0.1, 0.1, 0.2, 0.2)) -> Array:
    """Says where boxes lie as seen from anchors; Ren et al. 2015, eq. 2, with the scales of SSD.

    Args:
        boxes: Corners, shape ``(n, 4)``, with positive width and height.
        anchors: Corners, shape ``(n, 4)``, likewise.
        scales: What the four numbers are divided by, so that each is of about size 1.

    Returns:
        Shift of the centre in widths and heights of the anchor, and logarithm of the ratio of sizes; shape
        ``(n, 4)``.
    """
    box, anchor = to_centres(boxes), to_centres(anchors)
    shift = (box[..., :2] - anchor[..., :2]) / anchor[..., 2:]
    return np.concatenate([shift, np.log(box[..., 2:] / anchor[..., 2:])], axis=-1) / np.asarray(scales)


def decode_boxes(offsets: Array, anchors: Array, scales: Sequence[float] = (0.1, 0.1, 0.2, 0.2)) -> Array:
    """Turns what :func:`encode_boxes` gives back into corners; shape ``(n, 4)``.

    Sizes end at e^4 times the anchor's, so that a network without training overflows nothing.
    """
    scaled, anchor = offsets * np.asarray(scales), to_centres(anchors)
    centre = anchor[..., :2] + scaled[..., :2] * anchor[..., 2:]
    return to_corners(
        np.concatenate([centre, anchor[..., 2:] * np.exp(np.minimum(scaled[..., 2:], 4))], axis=-1)
    )


# From many boxes to few


def nms(
    boxes: Array, scores: Array, threshold: float = 0.5, labels: Array | None = None
) -> npt.NDArray[np.int64]:
    """Keeps the best of boxes that overlap: non-maximum suppression.

    Args:
        boxes: Corners, shape ``(n, 4)``.
        scores: Shape ``(n,)``.
        threshold: A box goes whose IoU with a better one that stays is greater.
        labels: Classes, shape ``(n,)``; with them, only boxes of one class suppress each other.

    Returns:
        Places of those that stay, best first. Of equal scores the first wins.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    overlapping = box_iou(boxes, boxes) > threshold
    if labels is not None:
        overlapping &= np.asarray(labels)[:, None] == np.asarray(labels)
    gone = np.zeros(len(order), bool)
    kept = []
    for place in order:
        if not gone[place]:
            kept.append(place)
            gone |= overlapping[place]
    return np.array(kept, np.int64)


def soft_nms(boxes: Array, scores: Array, sigma: float = 0.5) -> Array:
    """Lowers the scores of boxes that overlap better ones, and drops none; Bodla et al., ICCV 2017, Gaussian.

    Args:
        boxes: Corners, shape ``(n, 4)``.
        scores: Shape ``(n,)``, not negative.
        sigma: The smaller, the harder: a score is multiplied by ``exp(-iou² / sigma)`` for each better box.

    Returns:
        New scores, shape ``(n,)``.
    """
    overlap, lowered = box_iou(boxes, boxes), np.array(scores, float)
    waiting = np.ones(len(lowered), bool)
    for _ in range(len(lowered)):
        best = int(np.argmax(np.where(waiting, lowered, -np.inf)))
        waiting[best] = False
        lowered[waiting] *= np.exp(-(overlap[best, waiting] ** 2) / sigma)
    return lowered


# Average precision


class Detections(NamedTuple):
    """What a detector found in one image.

    Attributes:
        boxes: Corners, shape ``(n, 4)``.
        labels: Classes, shape ``(n,)``.
        scores: The more certain, the higher; shape ``(n,)``.
        masks: Where a detector makes them: bool, shape ``(n, height, width)``.
    """

    boxes: Array
    labels: Array
    scores: Array
    masks: Array | None = None


class Objects(Protocol):
    """What is there in one image, such as a :class:`course_utils.scenes.Scene`."""

    @property
    def boxes(self) -> Array: ...
    @property
    def labels(self) -> Array: ...
    @property
    def masks(self) -> Array: ...


class Scores(NamedTuple):
    """How well detections fit.

    Attributes:
        ap: Mean over :data:`COCO_THRESHOLDS`, or those asked for, and over the classes that occur.
        ap50: At IoU 0.5; NaN where that was not asked for.
        by_threshold: Mean over the classes at each threshold.
        by_class: Mean over the thresholds for each class, NaN for one that does not occur.
        recall: Share of the objects that were found, mean over thresholds and classes.
    """

    ap: float
    ap50: float
    by_threshold: Array
    by_class: Array
    recall: float


def match(iou: Array, thresholds: Array, ignored: Array | None = None) -> npt.NDArray[np.int64]:
    """Gives each detection, the most certain first, the free object that it overlaps most; as COCO does.

    Args:
        iou: Of each detection, in descending order of scores, with each object; shape ``(n, m)``.
        thresholds: Least IoU of a match, shape ``(t,)``; each is matched on its own.
        ignored: Objects that count neither as found nor as missed, bool, shape ``(m,)``; others are preferred
            to them.

    Returns:
        Place of each detection's object, -1 without one; shape ``(t, n)``.
    """
    found, objects = iou.shape
    ignored = np.zeros(objects, bool) if ignored is None else np.asarray(ignored, bool)
    matches = np.full((len(thresholds), found), -1, np.int64)
    if not objects:
        return matches
    free = np.ones((len(thresholds), objects), bool)
    rows = np.arange(len(thresholds))
    for detection in range(found):
        usable = free & (iou[detection] >= np.minimum(thresholds, 1 - 1e-10)[:, None])
        counted = usable & ~ignored
        usable = np.where(counted.any(axis=1, keepdims=True), counted, usable)
        ranked = np.where(usable, iou[detection], -1.0)[:, ::-1]  # of equals the last wins, as in COCO's code
        best = objects - 1 - ranked.argmax(axis=1)
        taken = usable[rows, best]
        matches[taken, detection] = best[taken]
        free[rows[taken], best[taken]] = False
    return matches


def average_precision(
    found: Sequence[Detections],
    truth: Sequence[Objects],
    classes: int,
    *,
    thresholds: Array = COCO_THRESHOLDS,
    masks: bool = False,
    area: tuple[float, float] = (0, np.inf),
    most: int = 100,
) -> Scores:
    """Computes AP as COCO does, the mean precision at 101 recalls; Lin et al., ECCV 2014.

    A test holds it equal to ``pycocotools``.

    Args:
        found: Detections of each image.
        truth: Objects of each image.
        classes: Number of classes.
        thresholds: IoU from which a detection is right, shape ``(t,)``.
        masks: Whether masks are compared instead of boxes.
        area: Objects of these areas count, in square pixels of what is compared, both ends included; see
            :data:`SIZES`.
        most: Detections of a class that count in an image, the most certain.

    Returns:
        The scores; NaN where no object counts.
    """
    precision = np.full((len(thresholds), classes), np.nan)
    recall = np.full((len(thresholds), classes), np.nan)
    for label in range(classes):
        judged = [
            _judge(*pair, label, thresholds, masks, area, most) for pair in zip(found, truth, strict=True)
        ]
        objects = sum(each.objects for each in judged)
        if not objects:
            continue
        order = np.argsort(-np.concatenate([each.scores for each in judged]), kind="stable")
        right = np.concatenate([each.right for each in judged], axis=1)[:, order]
        counted = np.concatenate([each.counted for each in judged], axis=1)[:, order]
        for t, (hits, used) in enumerate(zip(right, counted, strict=True)):
            precision[t, label], recall[t, label] = _area_under(hits[used], objects)
    at_half = np.flatnonzero(np.isclose(thresholds, 0.5))
    by_threshold = _means(precision, axis=1)
    return Scores(
        ap=float(_means(precision)),
        ap50=float(by_threshold[at_half[0]]) if len(at_half) else float("nan"),
        by_threshold=by_threshold,
        by_class=_means(precision, axis=0),
        recall=float(_means(recall)),
    )


class _Judged(NamedTuple):
    scores: Array
    right: Array
    counted: Array
    objects: int


def _judge(
    found: Detections,
    truth: Objects,
    label: int,
    thresholds: Array,
    masks: bool,
    area: tuple[float, float],
    most: int,
) -> _Judged:
    """Says of one image's detections of a class which are right and which count."""
    scores = np.asarray(found.scores)
    of_class = np.flatnonzero(np.asarray(found.labels) == label)
    of_class = of_class[np.argsort(-scores[of_class], kind="stable")][:most]
    there = np.flatnonzero(np.asarray(truth.labels) == label)
    if masks:
        assert found.masks is not None, "detections without masks"
        given, real = found.masks[of_class], truth.masks[there]
        iou, sizes, real_sizes = mask_iou(given, real), given.sum(axis=(1, 2)), real.sum(axis=(1, 2))
    else:
        given, real = np.asarray(found.boxes)[of_class], np.asarray(truth.boxes)[there]
        iou, sizes, real_sizes = box_iou(given, real), box_area(given), box_area(real)
    ignored = (real_sizes < area[0]) | (real_sizes > area[1])
    matches = match(iou, thresholds, ignored)
    matched = matches >= 0
    outside = (sizes < area[0]) | (sizes > area[1])
    uncounted = np.where(matched, ignored[matches] if len(there) else False, outside)
    return _Judged(scores[of_class], matched & ~uncounted, ~uncounted, int((~ignored).sum()))


def _area_under(hits: Array, objects: int) -> tuple[float, float]:
    """Mean precision at :data:`RECALL_POINTS`, and the last recall."""
    if not len(hits):
        return 0.0, 0.0
    right = np.cumsum(hits)
    recall = right / objects
    precision = right / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALL_POINTS, side="left")
    reached = np.append(best_from_here, 0.0)[places]
    return float(reached.mean()), float(recall[-1])


def _means(values: Array, axis: int | None = None) -> Any:
    """Means over what is not NaN; NaN where nothing is left."""
    known = ~np.isnan(values)
    total, number = np.where(known, values, 0).sum(axis=axis), known.sum(axis=axis)
    return np.divide(total, number, out=np.full(np.shape(total), np.nan), where=number > 0)


@dataclass(frozen=True)
class DetectorResult:
    """One detector on the test scenes that chapters 8 to 10 share, a row of the table that closes them.

    Attributes:
        name: Name of the detector.
        seed: Seed of its training.
        ap: Mean over IoU 0.5 to 0.95, as COCO has it.
        ap50: At IoU 0.5.
        small: AP of small objects; see :data:`SIZES`.
        medium: AP of medium ones.
        large: AP of large ones.
        seconds: Processor time from one image to its detections, everything included; see
            :func:`processor_seconds`.
        relative: The same as a multiple of the shared trunk's forward pass, timed in the same run.
        parameters: Weights that were trained.
        multiply_adds: Multiplications with an addition for one image, trunk and all; mean over the images
            where it depends on them.
    """

    name: str
    seed: int
    ap: float
    ap50: float
    small: float
    medium: float
    large: float
    seconds: float
    relative: float
    parameters: int
    multiply_adds: int


def processor_seconds(function: Callable[[Any], Any], items: Sequence[Any]) -> float:
    """Times a function item by item in processor time, which other programs disturb little.

    Args:
        function: What is timed; called once more before, so that it is compiled.
        items: What it is called with, such as images.

    Returns:
        The median over the items.
    """
    function(items[0])
    taken = []
    for item in items:
        started = time.process_time()
        function(item)
        taken.append(time.process_time() - started)
    return float(np.median(taken))


def detector_result(
    name: str,
    seed: int,
    found: Sequence[Detections],
    truth: Sequence[Objects],
    classes: int,
    *,
    seconds: float,
    trunk_seconds: float,
    parameters: int,
    multiply_adds: int,
) -> DetectorResult:
    """Measures detections by :func:`average_precision`, for all objects and by size.

    Args:
        name: Name of the detector.
        seed: Seed of its training.
        found: Detections of each image.
        truth: Objects of each image.
        classes: Number of classes.
        seconds: See :class:`DetectorResult`.
        trunk_seconds: Of the shared trunk's forward pass for one image, timed in the same run.
        parameters: See :class:`DetectorResult`.
        multiply_adds: See :class:`DetectorResult`.

    Returns:
        The row.
    """
    scores = average_precision(found, truth, classes)
    by_size = {size: average_precision(found, truth, classes, area=area).ap for size, area in SIZES.items()}
    return DetectorResult(
        name=name,
        seed=seed,
        ap=scores.ap,
        ap50=scores.ap50,
        **by_size,
        seconds=seconds,
        relative=seconds / trunk_seconds,
        parameters=parameters,
        multiply_adds=multiply_adds,
    )


# Masks and maps


def mask_iou(first: Array, second: Array) -> Array:
    """Computes intersection over union of each mask with each other.

    Args:
        first: Bool, shape ``(n, height, width)``.
        second: Bool, shape ``(m, height, width)``.

    Returns:
        Shape ``(n, m)``; 0 for two empty masks.
    """
    a, b = (
        masks.reshape(len(masks), np.prod(masks.shape[1:])).astype(np.float32) for masks in (first, second)
    )
    intersection = (a @ b.T).astype(float)
    return _share(intersection, a.sum(axis=1)[:, None] + b.sum(axis=1) - intersection)


def confusion_matrix(truth: Array, predicted: Array, classes: int) -> npt.NDArray[np.int64]:
    """Counts pixels by class: rows are what is there, columns what was said.

    Args:
        truth: Classes, any shape.
        predicted: Classes, the same shape.
        classes: Number of classes.

    Returns:
        Shape ``(classes, classes)``.
    """
    pairs = np.asarray(truth, np.int64).ravel() * classes + np.asarray(predicted, np.int64).ravel()
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def class_iou(confusion: Array) -> Array:
    """Computes TP / (TP + FP + FN) of each class from a confusion matrix; NaN for one that never occurs."""
    hits = np.diag(confusion).astype(float)
    total = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    return np.divide(hits, total, out=np.full(len(hits), np.nan), where=total > 0)


def mean_iou(truth: Array, predicted: Array, classes: int) -> float:
    """Computes the mean IoU over the classes that occur in either of two semantic maps, or stacks of maps."""
    return float(np.nanmean(class_iou(confusion_matrix(truth, predicted, classes))))


def dice(first: Array, second: Array) -> float:
    """Computes the Dice coefficient of two masks, 2 IoU / (1 + IoU); 1 for two empty ones."""
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero(np.logical_and(first, second)) / total if total else 1.0


class PanopticQuality(NamedTuple):
    """How well panoptic maps fit; Kirillov et al., CVPR 2019.

    Attributes:
        pq: Mean over the classes that occur.
        by_class: For each class, NaN for one that does not occur: the product of the next two.
        segmentation: Mean IoU of the matched segments of each class.
        recognition: F1 of the segments of each class.
    """

    pq: float
    by_class: Array
    segmentation: Array
    recognition: Array


def panoptic_quality(truth: Array, predicted: Array, classes: int, per_class: int = 1_000) -> PanopticQuality:
    """Computes panoptic quality: segments match when they are of one class and their IoU is greater than 0.5.

    Args:
        truth: Panoptic maps, ``per_class * class + number``, shape ``(n, height, width)``.
        predicted: Panoptic maps, likewise; numbers within a class need not agree.
        classes: Number of semantic classes.
        per_class: What the maps multiply the class by.

    Returns:
        The quality.
    """
    overlap, hits, missed, wrong = (np.zeros(classes) for _ in range(4))
    for real, said in zip(truth, predicted, strict=True):
        ids, real_places, real_sizes = np.unique(real, return_inverse=True, return_counts=True)
        said_ids, said_places, said_sizes = np.unique(said, return_inverse=True, return_counts=True)
        together = np.bincount(
            real_places.ravel() * len(said_ids) + said_places.ravel(), minlength=len(ids) * len(said_ids)
        ).reshape(len(ids), len(said_ids))
        iou = together / (real_sizes[:, None] + said_sizes - together)
        pairs = (iou > 0.5) & (ids[:, None] // per_class == said_ids // per_class)
        np.add.at(overlap, ids // per_class, np.where(pairs, iou, 0).sum(axis=1))
        np.add.at(hits, ids // per_class, pairs.any(axis=1))
        np.add.at(missed, ids // per_class, ~pairs.any(axis=1))
        np.add.at(wrong, said_ids // per_class, ~pairs.any(axis=0))
    occurs = hits + missed + wrong > 0
    unknown = np.full(classes, np.nan)
    segmentation = np.divide(overlap, hits, out=np.where(occurs, 0.0, np.nan), where=hits > 0)
    recognition = np.divide(hits, hits + missed / 2 + wrong / 2, out=unknown, where=occurs)
    by_class = segmentation * recognition
    return PanopticQuality(float(_means(by_class)), by_class, segmentation, recognition)
