"""Chapter 8: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Answer, Key, Mistake, changed, chosen, estimated

from .exercises import (
    ALPHA_FOR_ALL,
    ALPHA_SWAPPED,
    AVERAGES_SCORES,
    BACKGROUND_IS_ZERO,
    BEST_PRECISION,
    BEST_RECALL,
    CHAINS,
    CLIPS,
    COCO_POINTS,
    COMPARES_TO_MEAN,
    COUNTS_DROPPED,
    COUNTS_RIGHT_BACKGROUND,
    DICE_IS_HALF,
    DICE_OVER_UNION,
    DIVIDES_BY_ZERO,
    DOUBLE_INTERSECTION,
    DROPPED_HIDES,
    DROPS_HALF,
    ELEVEN_POINTS,
    EMPTY_IS_ZERO,
    ENVELOPE_FROM_LEFT,
    EQUAL_WEIGHTS,
    FIRST_OBJECT_WINS,
    FORCED_TAKES_ITS_OWN,
    FORCES_ONLY_FREE,
    HITS_TWICE,
    IGNORED_TAKES,
    IGNORES_CLASS,
    IGNORES_ORDER,
    INPUT_NUMBERS,
    INPUT_ORDER,
    KEEPS_ALL,
    KEEPS_EMPTY,
    KEEPS_ORDER,
    LAST_ANCHOR_OF_TIES,
    LAST_OBJECT_OF_TIES,
    LAST_OF_TIES,
    LAST_THING_OF_TIES,
    LEAVES_OUT_ITSELF,
    LOWER_OF_TIES,
    MEAN_OF_SCENES,
    MERGES_AT_THRESHOLD,
    MERGES_CLASSES,
    MERGES_SCENES,
    MERGES_TWICE,
    MISSED_IS_ONE,
    NO_ALPHA,
    NO_CLASS,
    NO_ENVELOPE,
    NO_FOCUS,
    NO_FORCED,
    NO_IGNORED,
    NO_MERGING,
    NO_RECALL_STEPS,
    ONLY_BEST_OBJECT,
    OVER_ALL_ANCHORS,
    OVER_FOUND,
    OVER_NUMBERS,
    OVERFLOWS,
    RAW_STUFF,
    ROUND_THRESHOLDS,
    SPLITS_TIES,
    STRICT_IOU,
    STRICT_LOWER,
    STRICT_SCORE,
    STRICT_UPPER,
    SUM_ALONE,
    SWAPS_ERRORS,
    SWAPS_SIGNS,
    THINGS_ALONE,
    TRAPEZOIDS,
    WEIGHTS_EASY,
    WORSE_WINS,
    expect_focal,
    expect_matched,
    expect_measures,
    expect_merged,
    expect_panoptic,
    expect_threshold,
    expect_voc_ap,
    strips,
)

Array = npt.NDArray[Any]


# ch08.mask_measures


def measures(truth: Array, predicted: Array) -> dict[str, Any]:
    """Counts of pixels, IoU and Dice, and what known mistakes give."""
    pairs = list(zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True))
    tp, fp, fn = (pairs.count(kind) for kind in ((True, True), (False, True), (True, False)))
    union, both = tp + fp + fn, 2 * tp + fp + fn
    counts = [tp, fp, fn]
    if not union:
        return {"right": [*counts, 1.0, 1.0], EMPTY_IS_ZERO: [*counts, 0.0, 0.0]}
    iou, dice = tp / union, 2 * tp / both
    cases = {
        "right": [*counts, iou, dice],
        SWAPS_ERRORS: [tp, fn, fp, iou, dice],
        COUNTS_RIGHT_BACKGROUND: [*counts, (len(pairs) - fp - fn) / len(pairs), dice],
        DOUBLE_INTERSECTION: [*counts, tp / both, dice],
        DICE_IS_HALF: [*counts, iou, tp / both],
        DICE_OVER_UNION: [*counts, iou, 2 * tp / union],
    }
    if not tp and not (fp and fn):
        cases[MISSED_IS_ONE] = [*counts, 1.0, 1.0]
    return cases


def hidden_mask_measures(answer: Answer) -> None:
    for shape, share in (((5, 7), 0.5), ((8, 4), 0.3), ((1, 6), 0.7), ((12, 12), 0.1)):
        truth = answer.rng.random(shape) < share
        predicted = answer.rng.random(shape) < 1 - share
        truth.flat[0], predicted.flat[0], predicted.flat[1], truth.flat[2] = True, True, True, True
        nothing = np.zeros(shape, bool)
        for masks in (
            (truth, predicted),
            (truth, nothing),
            (nothing, predicted),
            (truth, truth.copy()),
            (truth, ~truth),
            (nothing, nothing.copy()),
        ):
            case = measures(*masks)
            expect_measures(answer, masks, case.pop("right"), case)


# ch08.merge_boxes


def size(low: float, high: float) -> float:
    return max(0.0, high - low)


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """IoU of two boxes."""
    inner = size(max(a[0], b[0]), min(a[2], b[2])) * size(max(a[1], b[1]), min(a[3], b[3]))
    return inner / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner)


def mean_box(boxes: Sequence[Sequence[float]], weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [sum(w * box[n] for box, w in zip(boxes, weights, strict=True)) / total for n in range(4)]


def merging(
    boxes: Sequence[Sequence[float]],
    scores: Sequence[float],
    labels: Sequence[int],
    threshold: float,
    *,
    equal: bool = False,
    alone: bool = False,
    without: bool = False,
    any_class: bool = False,
    at: bool = False,
    twice: bool = False,
    chains: bool = False,
    to_mean: bool = False,
    mean_score: bool = False,
    in_order: bool = False,
    last: bool = False,
) -> tuple[list[list[float]], list[float], list[int]]:
    """Boxes merged one survivor after the other; each keyword is a known mistake."""
    places = range(len(boxes))
    order = sorted(places, key=lambda n: (-scores[n], -n if last else n))

    def joins(first: Sequence[float], n: int, label: int) -> bool:
        share = overlap(first, boxes[n])
        return (any_class or labels[n] == label) and (share > threshold or (at and share == threshold))

    gone: set[int] = set()
    result = []
    for best in order:
        if best in gone:
            continue
        pool = order if twice else [n for n in order if n not in gone]
        group = [best]
        for n in pool:
            if n == best:
                continue
            centre = boxes[best]
            if to_mean:
                centre = mean_box([boxes[m] for m in group], [scores[m] for m in group])
            if (
                any(joins(boxes[m], n, labels[best]) for m in group)
                if chains
                else joins(centre, n, labels[best])
            ):
                group.append(n)
        gone.update(group)
        members = group[1:] if without and len(group) > 1 else [best] if alone else group
        weights = [1.0 if equal else scores[m] for m in members]
        score = sum(scores[m] for m in group) / len(group) if mean_score else scores[best]
        result.append((best, mean_box([boxes[m] for m in members], weights), score, labels[best]))
    if in_order:
        result.sort()
    return [row[1] for row in result], [row[2] for row in result], [row[3] for row in result]


def merges(
    boxes: Sequence[Sequence[float]], scores: Sequence[float], labels: Sequence[int], threshold: float
) -> dict[str, Any]:
    """Merged boxes, and what known mistakes give."""
    given = boxes, scores, labels, threshold
    return {
        "right": merging(*given),
        EQUAL_WEIGHTS: merging(*given, equal=True),
        NO_MERGING: merging(*given, alone=True),
        LEAVES_OUT_ITSELF: merging(*given, without=True),
        MERGES_CLASSES: merging(*given, any_class=True),
        MERGES_AT_THRESHOLD: merging(*given, at=True),
        MERGES_TWICE: merging(*given, twice=True),
        CHAINS: merging(*given, chains=True),
        COMPARES_TO_MEAN: merging(*given, to_mean=True),
        AVERAGES_SCORES: merging(*given, mean_score=True),
        KEEPS_ORDER: merging(*given, in_order=True),
        LAST_OF_TIES: merging(*given, last=True),
    }


def hidden_merge_boxes(answer: Answer) -> None:
    rng = answer.rng
    for count in (1, 6, 9, 12, 12, 12, 15, 15):
        low = rng.integers(0, 12, (count, 2))
        boxes = np.concatenate([low, low + rng.integers(8, 16, (count, 2))], axis=1).tolist()
        scores = (rng.integers(1, 12, count) / 16).tolist()
        labels = rng.integers(0, 2, count).tolist()
        for threshold in (0.3, 0.5):
            case = merges(boxes, scores, labels, threshold)
            expect_merged(answer, (boxes, scores, labels), threshold, case.pop("right"), case)
    x, y, side = (int(n) for n in rng.integers(2, 20, 3))
    row = [[x, y, x + 2 * side, y + 2 * side], [x, y, x + 2 * side, y + side], [x, y, x + side, y + 2 * side]]
    for boxes, scores, labels, threshold in (
        (row, [0.75, 0.5, 0.25], [3, 3, 3], 0.5),
        (row, [0.25, 0.5, 0.5], [3, 3, 3], 0.25),
        ([[n, y, n + 10, y + 10] for n in (x, x + 6, x + 8)], [0.75, 0.25, 0.5], [0, 0, 0], 0.25),
        (row, [0.5, 0.5, 0.5], [1, 2, 1], 0.25),
        ([[0, 0, 10, 10], [20, 0, 30, 10]], [0.5, 0.75], [1, 1], 1.0),
        ([], [], [], 0.5),
    ):
        case = merges(boxes, scores, labels, threshold)
        expect_merged(answer, (boxes, scores, labels), threshold, case.pop("right"), case)


# ch08.voc_ap


def areas(hits: Sequence[int], objects: int) -> dict[str, float]:
    """Area under the monotone curve, and what known mistakes give."""
    points = []
    for n in range(1, len(hits) + 1):
        right = sum(hits[:n])
        points.append((right / objects, right / n))

    def best_from(recall: float) -> float:
        return max((p for r, p in points if r >= recall), default=0.0)

    def best_until(recall: float) -> float:
        return max((p for r, p in points if r <= recall), default=0.0)

    def area(heights: Sequence[float], over: float = objects) -> float:
        return sum(height for height, hit in zip(heights, hits, strict=True) if hit) / over

    envelope = [best_from(r) for r, _ in points]
    corners = [(0.0, best_from(0.0)), *((r, h) for (r, _), h in zip(points, envelope, strict=True))]
    found = sum(hits)
    cases = {
        "right": area(envelope),
        NO_ENVELOPE: area([p for _, p in points]),
        ENVELOPE_FROM_LEFT: area([best_until(r) for r, _ in points]),
        ELEVEN_POINTS: sum(best_from(n / 10 - 1e-12) for n in range(11)) / 11,
        COCO_POINTS: sum(best_from(n / 100 - 1e-12) for n in range(101)) / 101,
        TRAPEZOIDS: sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(corners)),
    }
    if found:
        cases[OVER_FOUND] = area(envelope, found)
    if points:
        cases[NO_RECALL_STEPS] = sum(max(p for _, p in points[n:]) for n in range(len(points))) / len(points)
    return cases


def hidden_voc_ap(answer: Answer) -> None:
    for count, share in ((1, 0.5), (4, 0.5), (7, 0.7), (9, 0.4), (15, 0.6), (30, 0.3), (30, 0.8)):
        hits = (answer.rng.random(count) < share).astype(int).tolist()
        for missed in (0, 1, 5):
            objects = max(1, sum(hits) + missed)
            case = areas(hits, objects)
            expect_voc_ap(answer, hits, objects, case.pop("right"), case)
    for hits, objects in (([], 3), ([0] * 5, 2), ([1] * 3, 3), ([0, 0, 1, 1], 2)):
        case = areas(hits, objects)
        expect_voc_ap(answer, hits, objects, case.pop("right"), case)


# ch08.match_anchors


def matching(
    anchors: Sequence[Sequence[float]],
    boxes: Sequence[Sequence[float]],
    *,
    upper: Callable[[float], bool] = lambda share: share >= 0.5,
    lower: Callable[[float], bool] = lambda share: share >= 0.4,
    between: int | None = -2,
    background: int = -1,
    force: str = "all",
    last_object: bool = False,
    last_anchor: bool = False,
) -> list[int]:
    """Objects of anchors, one anchor and one object after the other."""
    if not len(boxes):
        return [background] * len(anchors)
    table = [[overlap(anchor, box) for box in boxes] for anchor in anchors]
    owners = []
    for row in table:
        best = len(row) - 1 - row[::-1].index(max(row)) if last_object else row.index(max(row))
        if upper(row[best]):
            owners.append(best)
        elif lower(row[best]):
            owners.append(best if between is None else between)
        else:
            owners.append(background)
    objects = list(range(len(boxes)))
    taken: set[int] = set()
    for k in objects if force != "none" else []:
        column = [row[k] for row in table]
        place = column.index(max(column))
        if last_anchor:
            place = len(column) - 1 - column[::-1].index(max(column))
        if force == "own":
            owners[place] = table[place].index(max(table[place]))
        elif not (force == "free" and owners[place] >= 0) and not (force == "first" and place in taken):
            owners[place] = k
        taken.add(place)
    return owners


def matchings(anchors: Sequence[Sequence[float]], boxes: Sequence[Sequence[float]]) -> dict[str, list[int]]:
    """Objects of anchors, and what known mistakes give."""
    right = matching(anchors, boxes)
    return {
        "right": right,
        NO_FORCED: matching(anchors, boxes, force="none"),
        FORCED_TAKES_ITS_OWN: matching(anchors, boxes, force="own"),
        FORCES_ONLY_FREE: matching(anchors, boxes, force="free"),
        FIRST_OBJECT_WINS: matching(anchors, boxes, force="first"),
        LAST_OBJECT_OF_TIES: matching(anchors, boxes, last_object=True),
        LAST_ANCHOR_OF_TIES: matching(anchors, boxes, last_anchor=True),
        NO_IGNORED: matching(anchors, boxes, between=-1),
        IGNORED_TAKES: matching(anchors, boxes, between=None),
        STRICT_UPPER: matching(anchors, boxes, upper=lambda share: share > 0.5),
        STRICT_LOWER: matching(anchors, boxes, lower=lambda share: share > 0.4),
        BACKGROUND_IS_ZERO: matching(anchors, boxes, background=0),
        SWAPS_SIGNS: [{-1: -2, -2: -1}.get(owner, owner) for owner in right],
    }


def grid(side: int, sides: Sequence[tuple[int, int]], end: int) -> list[list[int]]:
    """Boxes of each size around points that lie a side apart."""
    middle = range(side // 2, end, side)
    return [
        [x - w // 2, y - h // 2, x + w // 2, y + h // 2] for y in middle for x in middle for w, h in sides
    ]


def hidden_match_anchors(answer: Answer) -> None:
    rng = answer.rng
    anchors = grid(8, [(16, 16), (20, 12), (12, 20)], 48)
    for count in (1, 2, 4, 7, 0):
        low = rng.integers(4, 28, (count, 2))
        boxes = np.concatenate([low, low + rng.integers(6, 20, (count, 2))], axis=1).tolist()
        case = matchings(anchors, boxes)
        expect_matched(answer, anchors, boxes, case.pop("right"), case)
    x, y = (int(n) for n in rng.integers(0, 30, 2))
    boxes = [[x, y, x + 10, y + 10], [x + 2, y, x + 12, y + 10]]
    twins = [[x, y, x + 10, y + 8], [x, y + 2, x + 10, y + 10]]
    for some in ([[x, y, x + 10, y + 10], *twins], [*twins, [x, y, x + 10, y + 10], *twins]):
        case = matchings(some, twins)
        expect_matched(answer, some, twins, case.pop("right"), case)
    lengths = [int(n) for n in rng.permutation([3, 4, 5, 7])]
    edges = [[x, y, x + 10, y + n] for n in lengths]
    shifted = [[x + 3, y + 1, x + 12, y + 10], [x + 1, y, x + 11, y + 10], [x + 40, y, x + 50, y + 10]]
    for few in (boxes, boxes[::-1], boxes[:1], [boxes[0], boxes[1], [x + 9, y + 9, x + 29, y + 29]]):
        for some in (edges, edges + shifted, shifted[:2] + edges, shifted[1:], [*edges, *edges]):
            case = matchings(some, few)
            expect_matched(answer, some, few, case.pop("right"), case)


# ch08.focal_loss


def log_sigmoid(x: float) -> float:
    return float(min(x, 0.0) - np.log1p(np.exp(-abs(x))))


def focal(
    logits: Sequence[Sequence[float]],
    targets: Sequence[Sequence[float]],
    alpha: float = 0.25,
    gamma: float = 2.0,
    *,
    weight: Callable[[float, float], float] | None = None,
    easy: bool = False,
    clip: float = 0.0,
) -> float:
    """Sum of the focal loss, number by number."""
    total = 0.0
    for row, answers in zip(logits, targets, strict=True):
        for x, y in zip(row, answers, strict=True):
            z = x if y else -x
            log_right, log_wrong = log_sigmoid(z), log_sigmoid(-z)
            if clip:
                right = min(max(np.exp(log_right), clip), 1 - clip)
                log_right, log_wrong = float(np.log(right)), float(np.log(1 - right))
            share = weight(alpha, y) if weight else alpha if y else 1 - alpha
            total -= share * float(np.exp(gamma * (log_right if easy else log_wrong))) * log_right
    return total


def focals(logits: Any, targets: Any, options: dict[str, Any]) -> dict[str, float]:
    """Focal loss, and what known mistakes give."""
    positive = sum(any(row) for row in targets)
    number = max(1, positive)
    right = focal(logits, targets, **options)
    cases = {
        "right": right / number,
        CLIPS: focal(logits, targets, **options, clip=1e-7) / number,
        ALPHA_SWAPPED: focal(logits, targets, **options, weight=lambda a, y: 1 - a if y else a) / number,
        ALPHA_FOR_ALL: focal(logits, targets, **options, weight=lambda a, y: a) / number,
        NO_ALPHA: focal(logits, targets, **options, weight=lambda a, y: 1.0) / number,
        WEIGHTS_EASY: focal(logits, targets, **options, easy=True) / number,
        NO_FOCUS: focal(logits, targets, options.get("alpha", 0.25), 0.0) / number,
        OVER_ALL_ANCHORS: right / len(targets),
        OVER_NUMBERS: right / (len(targets) * len(targets[0])),
        SUM_ALONE: right,
    }
    return cases


def hidden_focal_loss(answer: Answer) -> None:
    rng = answer.rng
    for anchors, classes, options in (
        (6, 3, {}),
        (9, 1, {"alpha": 0.6}),
        (12, 4, {"gamma": 0.0}),
        (5, 2, {"alpha": 0.4, "gamma": 1.5}),
    ):
        logits = rng.normal(0, 2, (anchors, classes))
        targets = np.zeros((anchors, classes))
        targets[[0, 2, 3], rng.integers(0, classes, 3)] = 1
        for some in (targets, np.zeros_like(targets)):
            given = logits.tolist(), some.tolist()
            case = focals(*given, options)
            not_finite = OVERFLOWS if some.any() else DIVIDES_BY_ZERO
            expect_focal(answer, *given, options, case.pop("right"), case, not_finite)
    for sign in (-1.0, 1.0):
        values = [[sign * float(rng.uniform(80, 100)), 0.5], [sign * float(rng.uniform(80, 100)), -0.5]]
        for truth in ([[1, 0], [0, 1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]):
            case = focals(values, truth, {})
            expect_focal(answer, values, truth, {}, case.pop("right"), case)


# ch08.panoptic_merge


def merged_map(
    masks: Array,
    scores: Sequence[float],
    labels: Sequence[int],
    stuff: Array,
    *,
    order: str = "score",
    over: bool = False,
    least: Callable[[int, int], bool] = lambda left, whole: 2 * left >= whole,
    hides: bool = False,
    counts: bool = False,
    by_input: bool = False,
    per_class: int = 1000,
    raw: bool = False,
    blank: bool = False,
    empty: bool = False,
) -> list[list[int]]:
    """The panoptic map, pixel by pixel; each keyword is a known mistake."""
    height, width = stuff.shape
    result = {
        (y, x): 0 if blank else int(stuff[y, x]) * (1 if raw else 1000)
        for y in range(height)
        for x in range(width)
    }
    taken: set[tuple[int, int]] = set()
    ranked = sorted(range(len(masks)), key=lambda n: (-scores[n], -n if order == "last" else n))
    number = 0
    for n in range(len(masks)) if order == "input" else ranked:
        whole = {(y, x) for y in range(height) for x in range(width) if masks[n, y, x]}
        left = whole - taken
        if not (least(len(left), len(whole)) and (whole or empty)):
            taken |= whole if hides else set()
            number += counts
            continue
        number += 1
        for place in whole if over else left:
            result[place] = per_class * labels[n] + (n + 1 if by_input else number)
        taken |= whole
    return [[result[y, x] for x in range(width)] for y in range(height)]


def merged_maps(masks: Array, scores: Sequence[float], labels: Sequence[int], stuff: Array) -> dict[str, Any]:
    """The panoptic map, and what known mistakes give."""
    given = masks, scores, labels, stuff
    return {
        "right": merged_map(*given),
        INPUT_ORDER: merged_map(*given, order="input"),
        WORSE_WINS: merged_map(*given, over=True),
        KEEPS_ALL: merged_map(*given, least=lambda left, whole: left > 0),
        DROPS_HALF: merged_map(*given, least=lambda left, whole: 2 * left > whole),
        DROPPED_HIDES: merged_map(*given, hides=True),
        COUNTS_DROPPED: merged_map(*given, counts=True),
        INPUT_NUMBERS: merged_map(*given, by_input=True),
        NO_CLASS: merged_map(*given, per_class=0),
        RAW_STUFF: merged_map(*given, raw=True),
        THINGS_ALONE: merged_map(*given, blank=True),
        LAST_THING_OF_TIES: merged_map(*given, order="last"),
        KEEPS_EMPTY: merged_map(*given, empty=True),
    }


def hidden_panoptic_merge(answer: Answer) -> None:
    rng = answer.rng
    for count, height, width in ((3, 5, 6), (5, 6, 6), (8, 7, 5), (0, 3, 4), (12, 8, 8), (12, 8, 8)):
        masks = np.zeros((count, height, width), bool)
        for one in masks[1:]:
            y, x = (int(n) for n in rng.integers(0, 3, 2))
            one[y : y + int(rng.integers(2, 5)), x : x + int(rng.integers(2, 4))] = True
        scores = (rng.integers(1, 9, count) / 10).tolist()
        labels = rng.integers(2, 6, count).tolist()
        stuff = rng.integers(0, 2, (height, width))
        case = merged_maps(masks, scores, labels, stuff)
        expect_panoptic(answer, masks, scores, labels, stuff, case.pop("right"), case)
    stuff = rng.integers(0, 2, (1, 12))
    for start in (0, 1, 2):
        masks = strips(
            [
                range(start, start + 4),
                range(start + 2, start + 6),
                range(start + 3, start + 8),
                range(start + 5, start + 10),
            ],
            12,
        )
        for scores in (
            [0.9, 0.8, 0.7, 0.6],
            [0.6, 0.7, 0.8, 0.9],
            [0.5, 0.5, 0.5, 0.5],
            [0.7, 0.9, 0.6, 0.8],
        ):
            labels = rng.integers(2, 6, 4).tolist()
            case = merged_maps(masks, scores, labels, stuff)
            expect_panoptic(answer, masks, scores, labels, stuff, case.pop("right"), case)


# ch08.choose_threshold


def judged(
    found: Any,
    truth: Any,
    *,
    any_class: bool = False,
    twice: bool = False,
    only_best: bool = False,
    strict: bool = False,
    in_order: bool = False,
) -> list[list[tuple[float, bool]]]:
    """Score of each detection of each scene, and whether it hits; each keyword is a known mistake."""
    scenes = []
    for (boxes, labels, scores), (real, classes) in zip(found, truth, strict=True):
        free = set(range(len(real)))
        rows = []
        for n in sorted(range(len(boxes)), key=lambda n: (0 if in_order else -scores[n], n)):
            alike = [k for k in range(len(real)) if any_class or classes[k] == labels[n]]
            pool = [k for k in alike if twice or only_best or k in free]
            best = max(pool, key=lambda k: (overlap(boxes[n], real[k]), -k), default=None)
            share = -1.0 if best is None else overlap(boxes[n], real[best])
            hit = (share > 0.5 if strict else share >= 0.5) and (twice or best in free)
            if hit and best is not None:
                free.discard(best)
            rows.append((scores[n], hit))
        scenes.append(rows)
    return scenes


def f1(right: int, found: int, objects: int) -> float:
    return 2 * right / (found + objects) if found + objects else 0.0


def best_threshold(
    scenes: Sequence[Sequence[tuple[float, bool]]],
    objects: Sequence[int],
    *,
    strict: bool = False,
    by: str = "f1",
    mean: bool = False,
    lower: bool = False,
    splits: bool = False,
    candidates: Sequence[float] | None = None,
) -> tuple[float, float]:
    """Score threshold of the best F1, and the F1; each keyword is a known mistake."""
    rows = sorted((row for scene in scenes for row in scene), key=lambda row: -row[0])
    tried = (
        sorted({score for score, _ in rows}, reverse=True) if candidates is None else sorted(candidates)[::-1]
    )

    def measure(kept: Sequence[tuple[float, bool]], objects: int) -> tuple[float, float]:
        right = sum(hit for _, hit in kept)
        value = f1(right, len(kept), objects)
        return {
            "f1": value,
            "precision": right / max(1, len(kept)),
            "recall": right / max(1, objects),
        }[by], value

    def at(threshold: float) -> tuple[float, float]:
        parts = [
            [row for row in scene if row[0] > threshold or (not strict and row[0] == threshold)]
            for scene in scenes
        ]
        if mean:
            values = [
                f1(sum(hit for _, hit in kept), len(kept), n) for kept, n in zip(parts, objects, strict=True)
            ]
            return (sum(values) / len(values),) * 2
        return measure([row for kept in parts for row in kept], sum(objects))

    measured = [(*at(threshold), threshold) for threshold in tried]
    if splits:
        measured = [(*measure(rows[:n], sum(objects)), rows[n - 1][0]) for n in range(1, len(rows) + 1)]
    best = max(value for value, _, _ in measured)
    good = [row for row in measured if row[0] == best]
    _, value, threshold = good[-1] if lower else good[0]
    return threshold, value


def thresholds(found: Any, truth: Any) -> dict[str, tuple[float, float]]:
    """The chosen threshold and its F1, and what known mistakes choose."""
    right, objects = judged(found, truth), [len(classes) for _, classes in truth]
    together: tuple[list[list[Any]], list[list[Any]]] = ([[], [], []], [[], []])
    for part, scenes in zip(together, (found, truth), strict=True):
        for scene in scenes:
            for whole, some in zip(part, scene, strict=True):
                whole.extend(some)
    return {
        "right": best_threshold(right, objects),
        IGNORES_CLASS: best_threshold(judged(found, truth, any_class=True), objects),
        HITS_TWICE: best_threshold(judged(found, truth, twice=True), objects),
        ONLY_BEST_OBJECT: best_threshold(judged(found, truth, only_best=True), objects),
        MERGES_SCENES: best_threshold(judged(together[:1], together[1:]), [sum(objects)]),
        IGNORES_ORDER: best_threshold(judged(found, truth, in_order=True), objects),
        STRICT_IOU: best_threshold(judged(found, truth, strict=True), objects),
        STRICT_SCORE: best_threshold(right, objects, strict=True),
        BEST_PRECISION: best_threshold(right, objects, by="precision"),
        BEST_RECALL: best_threshold(right, objects, by="recall"),
        MEAN_OF_SCENES: best_threshold(right, objects, mean=True),
        LOWER_OF_TIES: best_threshold(right, objects, lower=True),
        SPLITS_TIES: best_threshold(right, objects, splits=True),
        ROUND_THRESHOLDS: best_threshold(right, objects, candidates=[n / 20 for n in range(20)]),
    }


def drawn_scenes(rng: np.random.Generator, scenes: int, levels: int) -> tuple[Any, Any]:
    """Detections around drawn objects, with doubles, misses and wrong classes, and the objects."""
    found: list[Any] = [
        ([[0, 0, 4, 2], [40, 40, 60, 60]], [1, 0], [0.7, 0.45]),
        ([[1, 0, 11, 10], [0, 0, 10, 8]], [0, 0], [0.55, 0.65]),
    ]
    truth: list[Any] = [([[0, 0, 4, 4]], [1]), ([[0, 0, 10, 10], [4, 0, 14, 10]], [0, 0])]
    for _ in range(scenes):
        count = int(rng.integers(0, 5))
        low = rng.integers(0, 20, (count, 2))
        real = np.concatenate([low, low + rng.integers(4, 12, (count, 2))], axis=1)
        classes = rng.integers(0, 2, count)
        copies = np.repeat(np.arange(count), rng.integers(0, 4, count))
        boxes = real[copies] + rng.integers(-1, 2, (len(copies), 4))
        labels = np.where(rng.random(len(copies)) < 0.85, classes[copies], 1 - classes[copies])
        scores = rng.integers(1, levels, len(copies)) / levels
        found.append((boxes.tolist(), labels.tolist(), scores.tolist()))
        truth.append((real.tolist(), classes.tolist()))
    return found, truth


def hidden_choose_threshold(answer: Answer) -> None:
    for scenes, levels in ((0, 2), (1, 4), (3, 8), (4, 30), (5, 6), (5, 16)):
        found, truth = drawn_scenes(answer.rng, scenes, levels)
        case = thresholds(found, truth)
        while case["right"] != case[LOWER_OF_TIES]:  # rounding might decide between ties
            found, truth = drawn_scenes(answer.rng, scenes, levels)
            case = thresholds(found, truth)
        expect_threshold(answer, found, truth, case.pop("right"), case)


# Answers


MEASURES = """import numpy as np

def mask_measures(truth, predicted):
    tp = int((truth & predicted).sum())
    fp = int((~truth & predicted).sum())
    fn = int((truth & ~predicted).sum())
    if tp + fp + fn == 0:
        return tp, fp, fn, 1.0, 1.0
    return tp, fp, fn, tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn)
"""

MERGE = """import numpy as np
from course_utils.detection import box_iou

def merge_boxes(boxes, scores, labels, threshold):
    overlap = box_iou(boxes, boxes)
    free = np.ones(len(boxes), bool)
    merged, kept = [], []
    for n in np.argsort(-scores, kind="stable"):
        if not free[n]:
            continue
        group = free & (labels == labels[n]) & (overlap[n] > threshold)
        group[n] = True
        free &= ~group
        merged.append(np.average(boxes[group], axis=0, weights=scores[group]))
        kept.append(n)
    kept = np.array(kept, int)
    return np.array(merged).reshape(-1, 4), scores[kept], labels[kept]
"""

VOC = """import numpy as np

def voc_ap(hits, objects):
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[hits].sum() / objects)
"""

ANCHORS = """import numpy as np
from course_utils.detection import box_iou

def match_anchors(anchors, boxes):
    if len(boxes) == 0:
        return np.full(len(anchors), -1)
    overlap = box_iou(anchors, boxes)
    best = overlap.max(axis=1)
    owner = np.where(best >= 0.5, overlap.argmax(axis=1), np.where(best >= 0.4, -2, -1))
    for k in range(len(boxes)):
        owner[overlap[:, k].argmax()] = k
    return owner
"""

FOCAL = """import numpy as np

def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    z = np.where(targets == 1, logits, -logits)
    weight = np.where(targets == 1, alpha, 1 - alpha)
    easy = np.exp(-np.logaddexp(0, z))
    total = (weight * easy**gamma * np.logaddexp(0, -z)).sum()
    return float(total / max(1, targets.any(axis=1).sum()))
"""

PANOPTIC = """import numpy as np

def panoptic_merge(masks, scores, labels, stuff):
    result = stuff * 1000
    taken = np.zeros(stuff.shape, bool)
    number = 0
    for n in np.argsort(-scores, kind="stable"):
        left = masks[n] & ~taken
        if left.sum() == 0 or left.sum() < masks[n].sum() / 2:
            continue
        number += 1
        result[left] = 1000 * labels[n] + number
        taken |= left
    return result
"""

THRESHOLD = """import numpy as np
from course_utils.detection import box_iou

def choose_threshold(found, truth):
    rows, objects = [], 0
    for (boxes, labels, scores), (real, classes) in zip(found, truth):
        overlap = box_iou(boxes, real)
        overlap[labels[:, None] != classes] = 0
        objects += len(real)
        for n in np.argsort(-scores, kind="stable"):
            k = overlap[n].argmax() if len(real) else -1
            hit = k >= 0 and overlap[n, k] >= 0.5
            if hit:
                overlap[:, k] = 0
            rows.append((float(scores[n]), bool(hit)))
    best = (0.0, -1.0)
    for threshold in sorted({score for score, _ in rows}, reverse=True):
        kept = [hit for score, hit in rows if score >= threshold]
        value = 2 * sum(kept) / (len(kept) + objects)
        if value > best[1]:
            best = threshold, value
    return best
"""


ANSWERS: dict[str, Key] = {
    "ch08.mask_measures": Key(
        reference=MEASURES,
        explanation="どちらのマスクにも入らない画素 (TN) は、IoU にも Dice にも現れません。背景がどれだけ広くても、値は変わりません。",
        alternatives={
            "集合で": """def mask_measures(truth, predicted):
    a = {n for n, t in enumerate(truth.ravel()) if t}
    b = {n for n, t in enumerate(predicted.ravel()) if t}
    iou = len(a & b) / len(a | b) if a | b else 1.0
    return len(a & b), len(b - a), len(a - b), iou, 2 * iou / (1 + iou)
""",
            "掛け算で": """import numpy as np

def mask_measures(truth, predicted):
    tp = np.count_nonzero(truth * predicted)
    fp, fn = np.count_nonzero(predicted) - tp, np.count_nonzero(truth) - tp
    if not truth.any() and not predicted.any():
        return tp, fp, fn, 1.0, 1.0
    return tp, fp, fn, tp / np.count_nonzero(truth + predicted), tp / (tp + fp / 2 + fn / 2)
""",
        },
        mistakes={
            "FP と FN が逆": Mistake(
                changed(MEASURES, "    if tp", "    fp, fn = fn, fp\n    if tp"), "FP と FN が逆"
            ),
            "正解率": Mistake(
                changed(MEASURES, "tp / (tp + fp + fn),", "(truth == predicted).mean(),"), "それは正解率です"
            ),
            "重なりを 2 回数える": Mistake(
                changed(MEASURES, "tp / (tp + fp + fn),", "tp / (truth.sum() + predicted.sum()),"),
                "IoU の分母で、重なりを 2 回",
            ),
            "Dice の分子が TP": Mistake(changed(MEASURES, ", 2 * tp /", ", tp /"), "分子が TP のまま"),
            "Dice の分母が和集合": Mistake(
                changed(MEASURES, "(2 * tp + fp + fn)", "(tp + fp + fn)"), "分母が TP + FP + FN のまま"
            ),
            "空は 0": Mistake(changed(MEASURES, "1.0, 1.0", "0.0, 0.0"), "2 つとも空のマスク"),
            "片方が空でも 1": Mistake(
                changed(MEASURES, "if tp + fp + fn == 0", "if not truth.any() or not predicted.any()"),
                "片方だけが空のとき",
            ),
        },
        hidden=hidden_mask_measures,
        equivalent={
            "fn = (truth": "NumPy's integers are integers.",
            "fp = (~truth": "NumPy's integers are integers.",
            "tp = (truth &": "NumPy's integers are integers.",
            "(fp, tp, fn, 1.0": "All three are 0 there.",
            "(tp, fn, fp, 1.0": "All three are 0 there.",
            "(fn, fp, tp, 1.0": "All three are 0 there.",
        },
    ),
    "ch08.merge_boxes": Key(
        reference=MERGE,
        explanation="NMS は、抑えた箱を捨てます。しかし、その箱も同じ物体を見つけていました。得点で重みを付けて平均すると、ずれが打ち消し合い、位置が良くなることがあります。",
        alternatives={
            "リストで": """import numpy as np
from course_utils.detection import box_iou

def merge_boxes(boxes, scores, labels, threshold):
    waiting = sorted(range(len(boxes)), key=lambda n: -scores[n])
    rows = []
    while waiting:
        best = waiting[0]
        iou = box_iou(boxes[[best]], boxes)[0]
        group = [n for n in waiting if n == best or (labels[n] == labels[best] and iou[n] > threshold)]
        waiting = [n for n in waiting if n not in group]
        mean = sum(scores[n] * boxes[n] for n in group) / sum(scores[n] for n in group)
        rows.append([*mean, scores[best], labels[best]])
    rows = np.array(rows).reshape(-1, 6)
    return rows[:, :4], rows[:, 4], rows[:, 5].astype(int)
""",
            "nms を使う": """import numpy as np
from course_utils.detection import box_iou, nms

def merge_boxes(boxes, scores, labels, threshold):
    kept = nms(boxes, scores, threshold, labels)
    iou = box_iou(boxes[kept], boxes)
    joins = (labels[kept][:, None] == labels) & (iou > threshold)
    joins[:, kept] = np.eye(len(kept), dtype=bool)
    first = np.cumsum(joins, axis=0) == 1
    weights = (joins & first) * scores
    return weights @ boxes / weights.sum(axis=1, keepdims=True), scores[kept], labels[kept]
""",
        },
        mistakes={
            "重みのない平均": Mistake(
                changed(
                    MERGE,
                    "np.average(boxes[group], axis=0, weights=scores[group])",
                    "boxes[group].mean(axis=0)",
                ),
                "箱をただ平均",
            ),
            "ふつうの NMS": Mistake(
                changed(MERGE, "np.average(boxes[group], axis=0, weights=scores[group])", "boxes[n]"),
                "ふつうの NMS",
            ),
            "自身を入れない": Mistake(
                changed(
                    MERGE,
                    "        merged.append",
                    "        if group.sum() > 1:\n            group[n] = False\n        merged.append",
                ),
                "残った箱自身が入って",
            ),
            "クラスを見ない": Mistake(changed(MERGE, " & (labels == labels[n])", ""), "クラスの違う箱まで"),
            "ちょうどでも抑える": Mistake(
                changed(MERGE, "> threshold", ">= threshold"), "ちょうど threshold"
            ),
            "2 度まとめる": Mistake(
                changed(MERGE, "group = free &", "group ="),
                "2 つの箱の平均に",
            ),
            "連鎖": Mistake(
                """import numpy as np
from course_utils.detection import box_iou

def merge_boxes(boxes, scores, labels, threshold):
    waiting = sorted(range(len(boxes)), key=lambda n: -scores[n])
    rows = []
    while waiting:
        group = [waiting.pop(0)]
        for n in list(waiting):
            if labels[n] == labels[group[0]] and box_iou(boxes[[n]], boxes[group]).max() > threshold:
                group.append(n)
                waiting.remove(n)
        mean = np.average(boxes[group], axis=0, weights=scores[group])
        rows.append([*mean, scores[group[0]], labels[group[0]]])
    rows = np.array(rows).reshape(-1, 6)
    return rows[:, :4], rows[:, 4], rows[:, 5]
""",
                "さらに別の箱を抑えさせて",
            ),
            "平均と比べる": Mistake(
                """import numpy as np
from course_utils.detection import box_iou

def merge_boxes(boxes, scores, labels, threshold):
    waiting = sorted(range(len(boxes)), key=lambda n: -scores[n])
    rows = []
    while waiting:
        group = [waiting.pop(0)]
        for n in list(waiting):
            mean = np.average(boxes[group], axis=0, weights=scores[group])
            if labels[n] == labels[group[0]] and box_iou(boxes[[n]], mean[None])[0, 0] > threshold:
                group.append(n)
                waiting.remove(n)
        mean = np.average(boxes[group], axis=0, weights=scores[group])
        rows.append([*mean, scores[group[0]], labels[group[0]]])
    rows = np.array(rows).reshape(-1, 6)
    return rows[:, :4], rows[:, 4], rows[:, 5]
""",
                "平均したあとの箱と比べて",
            ),
            "得点も平均": Mistake(
                changed(
                    changed(
                        changed(MERGE, "merged, kept = [], []", "merged, kept, means = [], [], []"),
                        "        kept.append(n)",
                        "        kept.append(n)\n        means.append(scores[group].mean())",
                    ),
                    "reshape(-1, 4), scores[kept]",
                    "reshape(-1, 4), np.array(means)",
                ),
                "得点まで平均",
            ),
            "もとの並び": Mistake(
                changed(
                    changed(
                        MERGE,
                        "    kept = np.array(kept, int)",
                        "    kept = np.array(kept, int)\n    order = kept.argsort()\n    kept = kept[order]",
                    ),
                    "reshape(-1, 4),",
                    "reshape(-1, 4)[order],",
                ),
                "もとの並びのまま",
            ),
            "同点で後ろ": Mistake(
                changed(
                    MERGE, 'np.argsort(-scores, kind="stable")', 'np.argsort(scores, kind="stable")[::-1]'
                ),
                "得点が等しいときは、先に並んでいる箱",
            ),
        },
        hidden=hidden_merge_boxes,
        equivalent={
            "(-2, 4)": "NumPy takes any negative size as the one to work out.",
            "(-2, 6)": "NumPy takes any negative size as the one to work out.",
            "return rows[:, :4], rows[:, 4], rows[:, 5]": "Labels are compared as numbers.",
        },
    ),
    "ch08.voc_ap": Key(
        reference=VOC,
        explanation="再現率は、当たりが出た検出でだけ 1 / objects 増えます。そこでの高さ (単調にした適合率) を足して、objects で割れば、面積です。見落とした物体の分は、高さ 0 です。",
        alternatives={
            "両端を足して": """import numpy as np

def voc_ap(hits, objects):
    right = np.cumsum(hits)
    recall = np.concatenate([[0], right / objects, [1]])
    precision = np.concatenate([[0], right / np.arange(1, len(hits) + 1), [0]])
    for n in range(len(precision) - 2, -1, -1):
        precision[n] = max(precision[n], precision[n + 1])
    return float(np.sum((recall[1:] - recall[:-1]) * precision[1:]))
""",
            "定義どおりに": """def voc_ap(hits, objects):
    precisions, right = [], 0
    for n, hit in enumerate(hits, 1):
        right += bool(hit)
        precisions.append(right / n)
    return sum(max(precisions[n:]) for n, hit in enumerate(hits) if hit) / objects
""",
        },
        mistakes={
            "単調にしない": Mistake(changed(VOC, "best[hits]", "precision[hits]"), "適合率をそのまま"),
            "手前の最大": Mistake(
                changed(VOC, "accumulate(precision[::-1])[::-1]", "accumulate(precision)"), "手前"
            ),
            "11 点": Mistake(
                """import numpy as np

def voc_ap(hits, objects):
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    points = np.arange(11) / 10
    return float(sum(max(precision[right / objects >= p - 1e-9], default=0) for p in points) / 11)
""",
                "VOC 2007",
            ),
            "101 点": Mistake(
                """import numpy as np

def voc_ap(hits, objects):
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    points = np.arange(101) / 100
    return float(sum(max(precision[right / objects >= p - 1e-9], default=0) for p in points) / 101)
""",
                "COCO",
            ),
            "見つけた数で割る": Mistake(
                changed(VOC, "/ objects", "/ max(1, hits.sum())"), "見つけた数で割って"
            ),
            "台形": Mistake(
                """import numpy as np

def voc_ap(hits, objects):
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    recall = right / objects
    best = [max(precision[recall >= r]) for r in recall]
    best, recall = [*best[:1], *best], [0.0, *recall][: len(best) + 1]
    return float(np.trapezoid(best, recall)) if len(hits) else 0.0
""",
                "台形",
            ),
            "全部の平均": Mistake(
                changed(VOC, "best[hits].sum() / objects", "best.mean() if len(best) else 0.0"),
                "すべての検出にわたる",
            ),
        },
        hidden=hidden_voc_ap,
        equivalent={
            "- 2, -0, -1": "What the first place holds is not read.",
            "[[1], right / np": "What the first place holds is not read.",
            "right += hit": "True counts as 1.",
            "right / objects, [0]]": "The height over the last place is 0.",
        },
    ),
    "ch08.predict_background": estimated(
        99.1,
        within=0.7,
        explanation="デフォルトボックスは 1 枚に 4,536 個、物体は 3 個ほどで、物体を受け持つのは 40 個ほどです。残りの 99 % あまりは背景なので、損失での釣り合いが問題になります。",
        low="デフォルトボックスは、画像じゅうのすべてのマスに 6 個ずつあります。物体の近くで、大きさも縦横比も合うものは、その 1〜2 % にも足りません。",
        high="どの物体にも、少なくとも 1 つは与えられます。大きさの合うマップでは、物体の近くの箱が十数個、IoU 0.5 を超えます。",
    ),
    "ch08.match_anchors": Key(
        reference=ANCHORS,
        explanation="中くらいにしか重ならないアンカーには、物体とも背景とも教えません。最後の書き換えがあるので、どのアンカーとも重なりの小さい物体も、必ず学習に現れます。",
        alternatives={
            "ループで": """from course_utils.detection import box_iou

def match_anchors(anchors, boxes):
    table = box_iou(anchors, boxes).tolist()
    owners = []
    for row in table:
        best = max(row, default=0)
        owners.append(row.index(best) if best >= 0.5 else -2 if best >= 0.4 else -1)
    for k in range(len(boxes)):
        column = [row[k] for row in table]
        owners[column.index(max(column))] = k
    return owners
""",
            "自分で IoU": """import numpy as np

def match_anchors(anchors, boxes):
    owner = np.full(len(anchors), -1)
    best = np.zeros(len(anchors))
    forced = {}
    for k, box in enumerate(boxes):
        sides = np.minimum(anchors[:, 2:], box[2:]) - np.maximum(anchors[:, :2], box[:2])
        inner = sides.clip(0).prod(axis=1)
        iou = inner / ((anchors[:, 2:] - anchors[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - inner)
        better = iou > best
        best[better], owner[better] = iou[better], k
        forced[int(np.argmax(iou))] = k
    owner[best < 0.5] = -2
    owner[best < 0.4] = -1
    for place, k in forced.items():
        owner[place] = k
    return owner
""",
        },
        mistakes={
            "与えない": Mistake(
                changed(
                    ANCHORS,
                    "    for k in range(len(boxes)):\n        owner[overlap[:, k].argmax()] = k\n",
                    "",
                ),
                "どのアンカーにも受け持たれない物体",
            ),
            "アンカーのいちばんを与える": Mistake(
                changed(
                    ANCHORS,
                    "        owner[overlap[:, k].argmax()] = k",
                    "        n = overlap[:, k].argmax()\n        owner[n] = overlap[n].argmax()",
                ),
                "アンカーにとっていちばんの物体",
            ),
            "空きだけに与える": Mistake(
                changed(
                    ANCHORS,
                    "        owner[overlap[:, k].argmax()] = k",
                    "        n = overlap[:, k].argmax()\n        if owner[n] < 0:\n            owner[n] = k",
                ),
                "ほかの物体のものになった",
            ),
            "番号の小さい物体": Mistake(
                changed(ANCHORS, "in range(len(boxes)):", "in reversed(range(len(boxes))):"),
                "番号の大きい物体のもの",
            ),
            "無視がない": Mistake(changed(ANCHORS, "-2", "-1"), "未満のアンカーまで背景"),
            "0.4 から物体": Mistake(
                changed(ANCHORS, "best >= 0.5", "best >= 0.4"), "未満のアンカーにも、物体"
            ),
            "0.5 を除く": Mistake(changed(ANCHORS, "best >= 0.5", "best > 0.5"), "ちょうど 0.5"),
            "0.4 を除く": Mistake(changed(ANCHORS, "best >= 0.4", "best > 0.4"), "ちょうど 0.4"),
            "背景が 0": Mistake(ANCHORS.replace("-1)", "0)"), "背景が 0"),
            "逆": Mistake(
                changed(ANCHORS.replace("-1)", "-9)"), "-2, -9)", "-1, -2)").replace("-9)", "-2)"),
                "−1 と −2 が逆",
            ),
            "等しければ番号の大きい物体": Mistake(
                changed(
                    ANCHORS, "overlap.argmax(axis=1)", "len(boxes) - 1 - overlap[:, ::-1].argmax(axis=1)"
                ),
                "等しく重なるアンカー",
            ),
            "等しければ番号の大きいアンカー": Mistake(
                changed(ANCHORS, "overlap[:, k].argmax()", "len(anchors) - 1 - overlap[::-1, k].argmax()"),
                "いちばん重なるアンカーが 2 つ",
            ),
        },
        hidden=hidden_match_anchors,
        equivalent={
            "owner = np.full(len(anchors), -2)": "Every place is written again below.",
            "forced[np.argmax(iou)]": "NumPy's integers are integers.",
        },
    ),
    "ch08.predict_focal": chosen(
        "イ",
        explanation="背景の 1 個の損失は小さくても、4,500 個集まると約 91 で、物体 10 個の約 23 を上回ります。フォーカルロスでは、それぞれに 0.75 × 0.02 の 2 乗と 0.25 × 0.9 の 2 乗が掛かり、背景は約 0.03、物体は約 4.7 です。",
        wrong={
            "ア": "フォーカルロスは、背景の 1 個 1 個に 0.02 の 2 乗、つまり 1 万分の 4 と 0.75 を掛けます。4,500 個集まっても、物体には届きません。",
            "ウ": "交差エントロピーでは、背景 4,500 個 × 0.02 で約 91、物体 10 個 × 2.3 で約 23 です。数の多さが、1 個の小ささを上回ります。",
        },
    ),
    "ch08.focal_loss": Key(
        reference=FOCAL,
        explanation="log(sigmoid(z)) は −log(1 + e^(−z)) です。logaddexp(0, −z) は、大きいほうの指数をくくり出すので、あふれません。",
        alternatives={
            "log-sigmoid から": """import numpy as np

def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    log_p = np.minimum(logits, 0) - np.log1p(np.exp(-abs(logits)))
    log_q = log_p - logits
    positive = targets * alpha * np.exp(gamma * log_q) * log_p
    negative = (1 - targets) * (1 - alpha) * np.exp(gamma * log_p) * log_q
    return -(positive + negative).sum() / max(1, int(targets.max(axis=1).sum()))
""",
            "交差エントロピーから": """import numpy as np

def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    entropy = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    loss = weight * (1 - np.exp(-entropy)) ** gamma * entropy
    return loss.sum() / max(1, np.count_nonzero(targets.sum(axis=1)))
""",
        },
        mistakes={
            "素直な式": Mistake(
                """import numpy as np

def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    p = 1 / (1 + np.exp(-logits))
    right = np.where(targets == 1, p, 1 - p)
    weight = np.where(targets == 1, alpha, 1 - alpha)
    total = -(weight * (1 - right) ** gamma * np.log(right)).sum()
    return total / max(1, targets.any(axis=1).sum())
""",
                "np.logaddexp(0, x) を",
            ),
            "確率を切り詰める": Mistake(
                """import numpy as np

def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    p = np.clip(1 / (1 + np.exp(-logits)), 1e-7, 1 - 1e-7)
    right = np.where(targets == 1, p, 1 - p)
    weight = np.where(targets == 1, alpha, 1 - alpha)
    total = -(weight * (1 - right) ** gamma * np.log(right)).sum()
    return total / max(1, targets.any(axis=1).sum())
""",
                "確率を切り詰めて",
            ),
            "0 で割る": Mistake(
                changed(FOCAL, "max(1, targets.any(axis=1).sum())", "targets.any(axis=1).sum()"),
                "少なくとも 1",
            ),
            "α が逆": Mistake(changed(FOCAL, "alpha, 1 - alpha)", "1 - alpha, alpha)"), "α を掛ける側が逆"),
            "α を全部に": Mistake(changed(FOCAL, "alpha, 1 - alpha)", "alpha, alpha)"), "負例にも α"),
            "α がない": Mistake(changed(FOCAL, "(weight * easy", "(easy"), "α がありません"),
            "簡単なものを重く": Mistake(
                changed(FOCAL, "logaddexp(0, z))", "logaddexp(0, -z))"), "簡単な例ほど重く"
            ),
            "gamma がない": Mistake(changed(FOCAL, " * easy**gamma", ""), "α を付けた交差エントロピー"),
            "アンカーの総数": Mistake(
                changed(FOCAL, "max(1, targets.any(axis=1).sum())", "len(targets)"), "アンカーの総数"
            ),
            "平均": Mistake(
                changed(FOCAL, "max(1, targets.any(axis=1).sum())", "targets.size"), "すべての数の平均"
            ),
            "和": Mistake(changed(FOCAL, " / max(1, targets.any(axis=1).sum())", ""), "和のまま"),
        },
        hidden=hidden_focal_loss,
    ),
    "ch08.predict_speed": chosen(
        "イ",
        explanation="R-CNN は、候補の数だけ画像を切り出し、1 枚ずつ畳み込みに通します。Fast R-CNN は画像を 1 度だけ通し、特徴マップから、すべての候補を取り出します。",
        wrong={
            "ア": "2 つの方法は、同じ候補を使います。候補を出すところもネットワークに任せて速くするのは、次の Faster R-CNN です。",
            "ウ": "クラスと箱のずれは、どちらも候補ごとに 1 度ずつ答えます。回数は変わりません。",
        },
    ),
    "ch08.panoptic_merge": Key(
        reference=PANOPTIC,
        explanation="物体どうしは重なって検出されますが、パノプティックな地図では、1 画素は 1 つのものにしか属しません。得点の高い順に置き、ほとんど隠れたものは、見まちがいとして捨てます。",
        alternatives={
            "画素ごとに": """import numpy as np

def panoptic_merge(masks, scores, labels, stuff):
    owner = -np.ones(stuff.shape, int)
    kept = []
    for n in sorted(range(len(masks)), key=lambda n: -scores[n]):
        free = masks[n] & (owner < 0)
        if free.any() and 2 * free.sum() >= masks[n].sum():
            owner = np.where(free, len(kept), owner)
            kept.append(n)
    result = 1000 * stuff
    for number, n in enumerate(kept):
        result = np.where(owner == number, 1000 * labels[n] + number + 1, result)
    return result
""",
            "番号を数える": """import numpy as np

def panoptic_merge(masks, scores, labels, stuff):
    result = 1000 * stuff.astype("int64")
    count = 0
    for _, n in sorted(zip(-scores, range(len(scores)))):
        free = (result % 1000 == 0) & masks[n]
        share = free.sum() / max(1, masks[n].sum())
        if share >= 0.5:
            count += 1
            result[free] = labels[n] * 1000 + count
    return result
""",
        },
        mistakes={
            "並びの順": Mistake(
                changed(PANOPTIC, 'np.argsort(-scores, kind="stable")', "range(len(masks))"),
                "並んでいる順に置いて",
            ),
            "上書き": Mistake(changed(PANOPTIC, "result[left]", "result[masks[n]]"), "上書きして"),
            "捨てない": Mistake(
                changed(PANOPTIC, "left.sum() < masks[n].sum() / 2", "False"), "半分より多く隠れた"
            ),
            "ちょうど半分を捨てる": Mistake(
                changed(PANOPTIC, "< masks[n].sum() / 2", "<= masks[n].sum() / 2"), "ちょうど半分が残る"
            ),
            "捨てても隠す": Mistake(
                changed(
                    changed(
                        PANOPTIC,
                        "            continue",
                        "            taken |= masks[n]\n            continue",
                    ),
                    "taken |= left",
                    "taken |= masks[n]",
                ),
                "捨てた物体が",
            ),
            "捨てた物体も数える": Mistake(
                changed(
                    changed(PANOPTIC, "        number += 1\n", ""),
                    "        left =",
                    "        number += 1\n        left =",
                ),
                "捨てた物体にも番号",
            ),
            "並びの番号": Mistake(changed(PANOPTIC, "+ number", "+ n + 1"), "並んでいる順の番号"),
            "クラスがない": Mistake(
                changed(PANOPTIC, "1000 * labels[n] + number", "number"), "クラスが入って"
            ),
            "地図がクラスのまま": Mistake(changed(PANOPTIC, "stuff * 1000", "stuff.copy()"), "クラスのまま"),
            "地図を使わない": Mistake(
                changed(PANOPTIC, "stuff * 1000", "np.zeros(stuff.shape, int)"), "空と地面の地図が入って"
            ),
            "同点で後ろ": Mistake(
                changed(
                    PANOPTIC, 'np.argsort(-scores, kind="stable")', 'np.argsort(scores, kind="stable")[::-1]'
                ),
                "得点が等しいときは、先に並んでいる物体",
            ),
            "空のマスクも数える": Mistake(changed(PANOPTIC, "left.sum() == 0 or ", ""), "空のマスクは捨て"),
        },
        hidden=hidden_panoptic_merge,
        equivalent={
            "range(len(scores) + 1)": "zip ends with the shorter one.",
            "stuff.astype('float32')": "It holds these numbers exactly, and numbers are what is compared.",
            "max(2, masks[n].sum())": "A mask of one pixel has half of it left, or nothing, either way.",
        },
    ),
    "ch08.choose_threshold": Key(
        reference=THRESHOLD,
        explanation="得点の高い順に当てるので、しきい値を下げても、上の検出の当たり外れは変わりません。一度当ててしまえば、あとは数えるだけです。",
        alternatives={
            "累積で": """import numpy as np
from course_utils.detection import box_iou, match

def choose_threshold(found, truth):
    scores, hits, objects = [], [], 0
    for (boxes, labels, confidence), (real, classes) in zip(found, truth):
        objects += len(real)
        for label in set(labels.tolist()):
            mine = np.flatnonzero(labels == label)
            mine = mine[np.argsort(-confidence[mine], kind="stable")]
            theirs = real[classes == label][::-1]
            hits.extend(match(box_iou(boxes[mine], theirs), np.array([0.5]))[0] >= 0)
            scores.extend(confidence[mine])
    order = np.argsort(-np.array(scores), kind="stable")
    scores, right = np.array(scores)[order], np.cumsum(np.array(hits)[order])
    last = np.append(scores[1:] < scores[:-1], True)
    value = 2 * right / (np.arange(1, len(scores) + 1) + objects)
    best = np.argmax(np.where(last, value, -1))
    return scores[best], value[best]
""",
            "しきい値ごとに当て直す": """import numpy as np
from course_utils.detection import box_iou

def choose_threshold(found, truth):
    tables = [box_iou(boxes, real) for (boxes, _, _), (real, _) in zip(found, truth)]
    def measure(threshold):
        right = kept = objects = 0
        for iou, (boxes, labels, scores), (real, classes) in zip(tables, found, truth):
            free = [True] * len(real)
            objects += len(real)
            for n in sorted(np.flatnonzero(scores >= threshold), key=lambda n: -scores[n]):
                kept += 1
                best, place = 0, None
                for k in range(len(real)):
                    if free[k] and labels[n] == classes[k] and iou[n, k] > best:
                        best, place = iou[n, k], k
                if best >= 0.5:
                    free[place] = False
                    right += 1
        if right == 0:
            return 0.0
        precision, recall = right / kept, right / objects
        return 2 * precision * recall / (precision + recall)
    candidates = sorted(set(np.concatenate([scores for _, _, scores in found]).tolist()))
    values = [(measure(t), t) for t in candidates]
    value, threshold = max(values)
    return threshold, value
""",
        },
        mistakes={
            "クラスを見ない": Mistake(
                changed(THRESHOLD, "        overlap[labels[:, None] != classes] = 0\n", ""),
                "クラスの違う物体に",
            ),
            "2 度当てる": Mistake(
                changed(THRESHOLD, "            if hit:\n                overlap[:, k] = 0\n", ""),
                "1 つの物体に、2 つ",
            ),
            "いちばんが取られたら外れ": Mistake(
                changed(
                    changed(THRESHOLD, "        objects +=", "        taken = set()\n        objects +="),
                    "            hit = k >= 0 and overlap[n, k] >= 0.5\n            if hit:\n                overlap[:, k] = 0\n",
                    "            hit = k >= 0 and overlap[n, k] >= 0.5 and k not in taken\n            if hit:\n                taken.add(k)\n",
                ),
                "いちばん重なる物体がもう当てられて",
            ),
            "画像をまたぐ": Mistake(
                changed(
                    THRESHOLD,
                    "    rows, objects = [], 0\n",
                    "    rows, objects = [], 0\n    found, truth = [[[np.concatenate(part) for part in zip(*scenes)]] for scenes in (found, truth)]\n",
                ),
                "別の画像の物体と",
            ),
            "0.5 を除く": Mistake(changed(THRESHOLD, ">= 0.5", "> 0.5"), "IoU がちょうど 0.5"),
            "しきい値を除く": Mistake(
                changed(THRESHOLD, "score >= threshold", "score > threshold"), "得点がちょうどしきい値"
            ),
            "適合率": Mistake(
                changed(
                    changed(
                        THRESHOLD,
                        "        if value > best[1]:",
                        "        share = sum(kept) / len(kept)\n        if share > top:",
                    ),
                    "            best = threshold, value",
                    "            best, top = (threshold, value), share",
                ).replace("best = (0.0, -1.0)", "best, top = (0.0, 0.0), -1"),
                "適合率がいちばん高い",
            ),
            "再現率": Mistake(
                changed(
                    changed(
                        THRESHOLD,
                        "        if value > best[1]:",
                        "        share = sum(kept)\n        if share > top:",
                    ),
                    "            best = threshold, value",
                    "            best, top = (threshold, value), share",
                ).replace("best = (0.0, -1.0)", "best, top = (0.0, 0.0), -1"),
                "再現率がいちばん高い",
            ),
            "画像ごとの平均": Mistake(
                changed(
                    changed(
                        changed(
                            changed(
                                THRESHOLD,
                                "    for (boxes",
                                "    counts = [len(real) for real, _ in truth]\n    for scene, ((boxes",
                            ),
                            "(real, classes) in zip(found, truth):",
                            "(real, classes)) in enumerate(zip(found, truth)):",
                        ),
                        "rows.append((float(scores[n]), bool(hit)))",
                        "rows.append((float(scores[n]), bool(hit), scene))",
                    ),
                    "        kept = [hit for score, hit in rows if score >= threshold]\n        value = 2 * sum(kept) / (len(kept) + objects)\n",
                    "        values = []\n        for scene, count in enumerate(counts):\n            kept = [hit for score, hit, s in rows if score >= threshold and s == scene]\n            values.append(2 * sum(kept) / max(1, len(kept) + count))\n        value = sum(values) / len(values)\n",
                ).replace("{score for score, _ in rows}", "{row[0] for row in rows}"),
                "画像ごとの F1 を平均",
            ),
            "同点で低いほう": Mistake(
                changed(THRESHOLD, "value > best[1]", "value >= best[1]"), "F1 が同じなら"
            ),
            "同点の途中で切る": Mistake(
                changed(
                    THRESHOLD,
                    "    for threshold in sorted({score for score, _ in rows}, reverse=True):\n        kept = [hit for score, hit in rows if score >= threshold]\n",
                    "    rows.sort(key=lambda row: -row[0])\n    for n, (threshold, _) in enumerate(rows):\n        kept = [hit for _, hit in rows[: n + 1]]\n",
                ),
                "途中で切って",
            ),
            "0.05 刻み": Mistake(
                changed(
                    THRESHOLD,
                    "sorted({score for score, _ in rows}, reverse=True)",
                    "[n / 20 for n in range(19, -1, -1)]",
                ),
                "0.05 刻み",
            ),
            "得点の順に見ない": Mistake(
                changed(THRESHOLD, 'np.argsort(-scores, kind="stable")', "range(len(scores))"),
                "得点の高い順に見て",
            ),
        },
        hidden=hidden_choose_threshold,
        equivalent={
            "else -2": "Any negative number says that there is none.",
            "order = np.argsort(-np.array(scores))": "Only the last of equal scores is read.",
            "value, -0)": "Where all are 0, the first is the highest score.",
        },
    ),
}
