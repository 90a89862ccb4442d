"""Chapter 10: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, inf, log, nan, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Answer, Key, Mistake, changed, chosen

from .exercises import (
    ABSOLUTE,
    ADDS_ALL,
    ANY_CLASS_NMS,
    AT_THRESHOLD,
    BACKGROUND_CLASS_0,
    BACKGROUND_COUNTS,
    BACKGROUND_LEAKS,
    BORDER_COUNTS,
    BORDER_INSIDE,
    CENTRE_WITHOUT_ROOT,
    CLASS_ALONE,
    CORNER_POINTS,
    COUNTS_BOXES,
    CUTS_BEFORE_NMS,
    EDGE_BELOW,
    EDGE_GOES_BELOW,
    FIRST_BOX,
    FIRST_SCENE,
    FROM_CENTRE,
    FROM_ONE,
    GRID_ORDER,
    HALF_SIDE,
    HIGH_INCLUDED,
    IN_STRIDES,
    JUST_TWO,
    KEEPS_DISTANCES,
    KEEPS_MORE,
    LARGE_OVER_SMALL,
    LARGER_SIDES,
    LARGEST_BOX,
    LAST_CANDIDATE,
    LAST_OF_EQUAL,
    LEAST_MAXIMUM,
    LEFT_OVER_RIGHT,
    LINEAR,
    LOG_OF_MEAN,
    LONGER_SIDE,
    LOW_EXCLUDED,
    LRTB,
    MEAN_OF_IMAGES,
    MEAN_OF_LEVELS,
    MEAN_OF_RATIOS,
    MOST_UNEVEN,
    NO_CLIP_OF_SIDES,
    NO_FLOOR,
    NO_NMS,
    NO_POSITIVE,
    NO_RANGE,
    NO_ROOT,
    OBJECT_NUMBERS,
    ON_EDGE_HAS_LEVEL,
    OTHER_PAIRS,
    OUTSIDE_COUNTS,
    OUTSIDE_HAS_LEVEL,
    OVER_ALL_POINTS,
    OVER_EVERY_POINT,
    OVER_SUM,
    RAW_CENTRE,
    REVERSED_SIGNS,
    ROOT_OF_PRODUCT,
    ROWS_AND_COLUMNS,
    SHORTER_SIDE,
    SIZE_FOR_CORNER,
    SMALLEST_BEFORE_RANGE,
    SMALLEST_SIDE,
    SOFTMAX,
    SUM_OF_POINTS,
    SUM_OF_SCENES,
    SWAPS_AXES,
    THRESHOLDS_CLASS,
    TRANSPOSED,
    TWICE_INTERSECTION,
    WHOLE_SIDE,
    WITHOUT_RANGE,
    WRONG_DECODING,
    expect_centerness,
    expect_corners,
    expect_detected,
    expect_iou_loss,
    expect_levels,
    expect_ranges,
    expect_share,
    expect_sides,
    expect_targets,
    stacked,
)

Array = npt.NDArray[Any]
Box = Sequence[float]


# ch10.distances


def sides_of(point: Box, box: Box) -> list[float]:
    """Distances of a point from the left, upper, right and lower edge of a box."""
    (x, y), (x1, y1, x2, y2) = point, box
    return [x - x1, y - y1, x2 - x, y2 - y]


def sides_cases(points: Sequence[Box], box: Box) -> dict[str, Any]:
    """Distances of points, and what known mistakes give."""
    right = [sides_of(point, box) for point in points]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return {
        "right": right,
        LRTB: [[left, r, t, b] for left, t, r, b in right],
        REVERSED_SIGNS: [[-d for d in row] for row in right],
        ABSOLUTE: [[abs(d) for d in row] for row in right],
        SWAPS_AXES: [sides_of(point[::-1], box) for point in points],
        FROM_CENTRE: [sides_of((x, y), box) for _ in points],
    }


def corners_cases(points: Sequence[Box], sides: Sequence[Box]) -> dict[str, Any]:
    """Boxes of points and distances, and what known mistakes give."""
    rows = [(*point, *side) for point, side in zip(points, sides, strict=True)]
    return {
        "right": [[x - left, y - t, x + r, y + b] for x, y, left, t, r, b in rows],
        ADDS_ALL: [[x + left, y + t, x + r, y + b] for x, y, left, t, r, b in rows],
        SIZE_FOR_CORNER: [[x - left, y - t, left + r, t + b] for x, y, left, t, r, b in rows],
        LRTB: [[x - left, y - r, x + t, y + b] for x, y, left, t, r, b in rows],
        SWAPS_AXES: [[y - left, x - t, y + r, x + b] for x, y, left, t, r, b in rows],
    }


def hidden_distances(answer: Answer) -> None:
    for count in (1, 4, 7):
        low = answer.rng.integers(0, 40, 2)
        box = np.concatenate([low, low + answer.rng.integers(5, 40, 2)]).tolist()
        points = (answer.rng.integers(0, 160, (count, 2)) / 2).tolist()
        case = sides_cases(points, box)
        expect_sides(answer, points, box, case.pop("right"), case)
        sides = (answer.rng.integers(1, 80, (count, 4)) / 2).tolist()
        case = corners_cases(points, sides)
        expect_corners(answer, points, sides, case.pop("right"), case)


# ch10.centerness


def centre(side: Box) -> float:
    """Centre-ness of a point; 0 on an edge and outside."""
    left, t, r, b = side
    return sqrt(min(left, r) * min(t, b) / max(left, r) / max(t, b)) if min(side) > 0 else 0.0


def centres_cases(sides: Sequence[Box]) -> dict[str, Any]:
    """Centre-ness of points, and what known mistakes give."""

    def of(rule: Callable[[float, float, float, float], float]) -> list[float]:
        return [rule(*side) if min(side) > 0 else 0.0 for side in sides]

    def ratio(a: float, b: float) -> float:
        return min(a, b) / max(a, b)

    return {
        "right": [centre(side) for side in sides],
        NO_ROOT: of(lambda left, t, r, b: ratio(left, r) * ratio(t, b)),
        MEAN_OF_RATIOS: of(lambda left, t, r, b: (ratio(left, r) + ratio(t, b)) / 2),
        OTHER_PAIRS: of(lambda left, t, r, b: sqrt(ratio(left, t) * ratio(r, b))),
        LARGE_OVER_SMALL: of(lambda left, t, r, b: 1 / sqrt(ratio(left, r) * ratio(t, b))),
        OVER_SUM: of(lambda left, t, r, b: sqrt(min(left, r) / (left + r) * min(t, b) / (t + b))),
        LEFT_OVER_RIGHT: of(lambda left, t, r, b: sqrt(left / r * t / b)),
        OUTSIDE_COUNTS: [sqrt(max(ratio(left, r) * ratio(t, b), 0.0)) for left, t, r, b in sides],
    }


def hidden_centerness(answer: Answer) -> None:
    for count in (1, 5, 9):
        sides = (answer.rng.integers(1, 60, (count, 4)) / 2).tolist()
        case = centres_cases(sides)
        expect_centerness(answer, sides, case.pop("right"), case)
    near = [np.roll([size, 5.0, 4.0, 3.0], side).tolist() for size in (0.5, 1.0) for side in range(4)]
    case = centres_cases(near)
    expect_centerness(answer, near, case.pop("right"), case)
    d = answer.rng.integers(2, 30, 8).astype(float).tolist()
    outside = [
        [-d[0], -d[1], d[0] + d[2], d[1] + d[3]],
        [d[4], -1.0, d[5], 9.0],
        [d[6] + 4, d[7] + 5, -3.0, -2.0],
    ]
    sides = [*outside, d[:4], [0.0, d[0], d[1], d[2]], [d[0], d[1], d[2], 0.0], [-2.0, d[0], d[1] + 2, d[2]]]
    for some in (sides, sides[3:], sides[:1], sides[1:2]):
        case = centres_cases(some)
        expect_centerness(answer, some, case.pop("right"), case)


# ch10.iou_loss


def union_of(a: Box, b: Box, *, larger: bool = False, clip: bool = True, twice: bool = False) -> float:
    """IoU of two boxes around one point from their distances; each keyword is a known mistake."""
    pick = max if larger else min
    width, height = (pick(a[k], b[k]) + pick(a[k + 2], b[k + 2]) for k in (0, 1))
    inner = max(width, 0.0) * max(height, 0.0) if clip else width * height
    areas = (a[0] + a[2]) * (a[1] + a[3]) + (b[0] + b[2]) * (b[1] + b[3])
    whole = areas if twice else areas - inner
    return inner / whole if whole else nan


def losses(predicted: Sequence[Box], wanted: Sequence[Box], positive: Sequence[int]) -> dict[str, float]:
    """IoU loss, and what known mistakes give."""
    pairs = [pair for pair, used in zip(zip(predicted, wanted, strict=True), positive, strict=True) if used]
    if not pairs:
        return {"right": 0.0}

    def minus_log(share: float) -> float:
        return -log(max(share, 1e-6)) if share == share else nan

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    shares = [union_of(a, b) for a, b in pairs]
    all_pairs = list(zip(predicted, wanted, strict=True))
    total = sum(map(minus_log, shares))
    return {
        "right": total / len(pairs),
        LINEAR: mean([1 - share for share in shares]),
        OVER_ALL_POINTS: total / len(positive),
        SUM_OF_POINTS: total,
        LOG_OF_MEAN: minus_log(mean(shares)),
        LARGER_SIDES: mean([minus_log(union_of(a, b, larger=True)) for a, b in pairs]),
        TWICE_INTERSECTION: mean([minus_log(union_of(a, b, twice=True)) for a, b in pairs]),
        NO_CLIP_OF_SIDES: mean([minus_log(union_of(a, b, clip=False)) for a, b in pairs]),
        BACKGROUND_COUNTS: mean([minus_log(union_of(a, b)) for a, b in all_pairs]),
    }


def hidden_iou_loss(answer: Answer) -> None:
    rng = answer.rng
    for count in (2, 5, 8):
        predicted, wanted = (rng.integers(2, 40, (2, count, 4)) / 2).tolist()
        positive = (rng.random(count) < 0.6).astype(int).tolist()
        positive[:2] = [1, 0]
        for used in (positive, [1] * count, [0] * count):
            case = losses(predicted, wanted, used)
            not_finite = NO_FLOOR if any(used) else NO_POSITIVE
            expect_iou_loss(answer, predicted, wanted, used, case.pop("right"), case, not_finite)
    n = float(rng.integers(2, 9))
    apart = [[n + 3, n + 4, -2.0, -2.0], [n + 3, 2.0, -n, 2.0], [2.0, n + 3, 2.0, -n], [n, n, n, n]]
    near = [[1.0, 1.0, 5.0, 5.0], [1.0, n, 4.0, n], [n, 1.0, n, 4.0], [1.0, 2.0, 3.0, n]]
    for used in ([1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]):
        case = losses(apart, near, used)
        expect_iou_loss(answer, apart, near, used, case.pop("right"), case)
    odd = [[nan] * 4, near[3], [0.0] * 4]
    given = [near[3], apart[3], [0.0] * 4]
    case = losses(given, odd, [0, 1, 0])
    expect_iou_loss(answer, given, odd, [0, 1, 0], case["right"], {}, BACKGROUND_LEAKS)


# ch10.levels


def level_of(
    point: Box,
    box: Box,
    edges: Sequence[float],
    *,
    size: Callable[[Sequence[float], Box], float] = lambda sides, box: max(sides),
    inside: Callable[[float], bool] = lambda least: least > 0,
    below: bool = False,
    first: int = 0,
) -> int:
    """Level of a point and a box; each keyword is a known mistake."""
    sides = sides_of(point, box)
    if not inside(min(sides)):
        return -1
    value = size(sides, box)
    return first + sum(value > edge if below else value >= edge for edge in edges)


def levels_cases(points: Sequence[Box], boxes: Sequence[Box], edges: Sequence[float]) -> dict[str, Any]:
    """Levels of points and boxes, and what known mistakes give."""

    def table(**mistake: Any) -> list[list[int]]:
        return [[level_of(point, box, edges, **mistake) for box in boxes] for point in points]

    def longer(box: Box) -> float:
        return max(box[2] - box[0], box[3] - box[1])

    right = table()
    return {
        "right": right,
        SMALLEST_SIDE: table(size=lambda sides, box: min(sides)),
        LONGER_SIDE: table(size=lambda sides, box: longer(box)),
        HALF_SIDE: table(size=lambda sides, box: longer(box) / 2),
        EDGE_GOES_BELOW: table(below=True),
        OUTSIDE_HAS_LEVEL: table(inside=lambda least: True),
        ON_EDGE_HAS_LEVEL: table(inside=lambda least: least >= 0),
        FROM_ONE: table(first=1),
        TRANSPOSED: [[right[n][k] for n in range(len(points))] for k in range(len(boxes))],
    }


def random_boxes(rng: np.random.Generator, count: int, reach: int, sides: tuple[int, int]) -> Any:
    low = rng.integers(0, reach, (count, 2))
    return np.concatenate([low, low + rng.integers(*sides, (count, 2))], axis=1).tolist()


def hidden_levels(answer: Answer) -> None:
    rng = answer.rng
    for count, edges in ((3, [8, 16]), (5, [4, 9, 20]), (4, [10]), (1, [6, 12]), (0, [5, 9])):
        boxes = random_boxes(rng, count, 20, (6, 30))
        points = rng.integers(0, 40, (9, 2)).tolist() + [[x1 + 4, y1 + 3] for x1, y1, _, _ in boxes]
        points += [[x1, y1 + 2] for x1, y1, _, _ in boxes]
        case = levels_cases(points, boxes, edges)
        expect_levels(answer, points, boxes, edges, case.pop("right"), case)


# ch10.targets


def wants(sides: Box, low: float, high: float) -> bool:
    return min(sides) > 0 and low <= max(sides) < high


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def targets_of(
    boxes: Sequence[Box],
    labels: Sequence[int],
    height: int,
    width: int,
    stride: int,
    low: float,
    high: float,
    *,
    key: Callable[[Sequence[Box], int], Any] = lambda boxes, k: (area(boxes[k]), k),
    early: bool = False,
    shift: float = 0.5,
    turned: bool = False,
    background: int = -1,
    numbers: bool = False,
    accepts: Callable[[Box, float, float], bool] = wants,
    keeps: bool = False,
    root: bool = True,
    unit: float = 1.0,
) -> tuple[Any, Any, Any]:
    """Targets point by point; each keyword is a known mistake."""
    rows, columns = height // stride, width // stride
    classes, distances, centres = (np.zeros((rows, columns, *more)) for more in ((), (4,), ()))
    for row in range(rows):
        for column in range(columns):
            point = ((column + shift) * stride, (row + shift) * stride)
            point = point[::-1] if turned else point
            sides = [sides_of(point, box) for box in boxes]
            pool = [
                k for k in range(len(boxes)) if (min(sides[k]) > 0 if early else accepts(sides[k], low, high))
            ]
            best = min(pool, key=lambda k: key(boxes, k), default=None)
            if best is not None and early and not accepts(sides[best], low, high):
                best = None
            classes[row, column] = background if best is None else best if numbers else labels[best]
            if best is not None:
                distances[row, column] = np.array(sides[best]) / unit
                value = centre(sides[best])
                centres[row, column] = value if root else value**2
            elif keeps and boxes:
                distances[row, column] = sides[0]
    return classes.tolist(), distances.tolist(), centres.tolist()


def targets_cases(
    boxes: Sequence[Box], labels: Sequence[int], level: tuple[int, int, int, float, float]
) -> dict[str, Any]:
    """Targets of a level, and what known mistakes give."""
    given = (boxes, labels, *level)
    cases = {
        "right": targets_of(*given),
        LARGEST_BOX: targets_of(*given, key=lambda boxes, k: (-area(boxes[k]), k)),
        FIRST_BOX: targets_of(*given, key=lambda boxes, k: k),
        SMALLEST_BEFORE_RANGE: targets_of(*given, early=True),
        LAST_OF_EQUAL: targets_of(*given, key=lambda boxes, k: (area(boxes[k]), -k)),
        CORNER_POINTS: targets_of(*given, shift=0.0),
        BACKGROUND_CLASS_0: targets_of(*given, background=0),
        OBJECT_NUMBERS: targets_of(*given, numbers=True),
        NO_RANGE: targets_of(*given, accepts=lambda sides, low, high: min(sides) > 0),
        HIGH_INCLUDED: targets_of(*given, accepts=lambda s, low, high: min(s) > 0 and low <= max(s) <= high),
        LOW_EXCLUDED: targets_of(*given, accepts=lambda s, low, high: min(s) > 0 and low < max(s) < high),
        BORDER_INSIDE: targets_of(*given, accepts=lambda s, low, high: min(s) >= 0 and low <= max(s) < high),
        KEEPS_DISTANCES: targets_of(*given, keeps=True),
        CENTRE_WITHOUT_ROOT: targets_of(*given, root=False),
        IN_STRIDES: targets_of(*given, unit=level[2]),
    }
    if level[0] == level[1]:
        cases[ROWS_AND_COLUMNS] = targets_of(*given, turned=True)
    return cases


def hidden_targets(answer: Answer) -> None:
    rng = answer.rng
    for count, height, width, stride, low, high in (
        (4, 32, 32, 4, 0, inf),
        (6, 32, 32, 4, 6, 14),
        (5, 24, 40, 8, 0, 16),
        (5, 48, 32, 8, 12, inf),
        (2, 6, 8, 1, 0, inf),
        (0, 16, 24, 4, 0, inf),
    ):
        boxes = random_boxes(rng, count, 20, (6, 24))
        if count:
            x1, y1, x2, y2 = boxes[0]
            boxes += [
                [x1 + 1, y1, x2 + 1, y2],
                [x1 - 4, y1 - 4, x2 + 8, y2 + 8],
                [10, 6, 22, 30],
                [6, 10, 30, 22],
                [5.5, 2, 6.5, 12],
            ]
        labels = rng.integers(0, 4, len(boxes)).tolist()
        level = (height, width, stride, low, high)
        case = {name: stacked(parts) for name, parts in targets_cases(boxes, labels, level).items()}
        expect_targets(answer, boxes, labels, level, case.pop("right"), case)


# ch10.detect


def overlap(a: Box, b: Box) -> float:
    """IoU of two boxes."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inner = max(width, 0.0) * max(height, 0.0)
    return inner / (area(a) + area(b) - inner)


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def detected(
    logits: Sequence[Box],
    sides: Sequence[Box],
    centres: Sequence[float],
    points: Sequence[Box],
    threshold: float,
    iou: float,
    most: int,
    *,
    score: Callable[[float, float], float] = lambda p, c: p * sigmoid(c),
    softmax: bool = False,
    any_class: bool = False,
    suppress: bool = True,
    cut_first: bool = False,
    by_class: bool = False,
    at: bool = False,
    adds: bool = False,
    grid: bool = False,
    cut: bool = True,
) -> tuple[list[list[float]], list[int], list[float]]:
    """Detections one after the other; each keyword is a known mistake."""
    rows: list[Any] = []
    for logit, (left, t, r, b), c, (x, y) in zip(logits, sides, centres, points, strict=True):
        label = max(range(len(logit)), key=lambda k: logit[k])
        p = exp(logit[label]) / sum(map(exp, logit)) if softmax else sigmoid(logit[label])
        value = score(p, c)
        box = [x + left, y + t, x + r, y + b] if adds else [x - left, y - t, x + r, y + b]
        compared = p if by_class else value
        if compared > threshold or (at and compared == threshold):
            rows.append((value, box, label, len(rows)))
    ranked = sorted(rows, key=lambda row: -row[0])
    if cut_first:
        ranked = ranked[:most]
    kept: list[Any] = []
    for row in ranked:
        rivals = [other for other in kept if any_class or other[2] == row[2]]
        if not suppress or all(overlap(row[1], other[1]) <= iou for other in rivals):
            kept.append(row)
    kept = kept[:most] if cut else kept
    if grid:
        kept.sort(key=lambda row: row[3])
    return [row[1] for row in kept], [row[2] for row in kept], [row[0] for row in kept]


def detected_cases(
    logits: Sequence[Box],
    sides: Sequence[Box],
    centres: Sequence[float],
    points: Sequence[Box],
    options: tuple[float, float, int],
) -> dict[str, Any]:
    """Detections, and what known mistakes give."""
    given = (logits, sides, centres, points, *options)
    cases = {
        "right": detected(*given),
        CLASS_ALONE: detected(*given, score=lambda p, c: p),
        ROOT_OF_PRODUCT: detected(*given, score=lambda p, c: sqrt(p * sigmoid(c))),
        RAW_CENTRE: detected(*given, score=lambda p, c: p * c),
        SOFTMAX: detected(*given, softmax=True),
        ANY_CLASS_NMS: detected(*given, any_class=True),
        NO_NMS: detected(*given, suppress=False),
        CUTS_BEFORE_NMS: detected(*given, cut_first=True),
        THRESHOLDS_CLASS: detected(*given, by_class=True),
        AT_THRESHOLD: detected(*given, at=True),
        GRID_ORDER: detected(*given, grid=True),
        KEEPS_MORE: detected(*given, cut=False),
    }
    if all(left < r and t < b for left, t, r, b in sides):
        cases[WRONG_DECODING] = detected(*given, adds=True)
    return cases


def hidden_detect(answer: Answer) -> None:
    rng = answer.rng
    for count, classes, options in (
        (1, 2, (0.01, 0.5, 5)),
        (9, 3, (0.05, 0.5, 4)),
        (16, 2, (0.1, 0.4, 6)),
        (16, 4, (0.15, 0.6, 20)),
        (25, 2, (0.02, 0.3, 5)),
        (6, 2, (0.999, 0.5, 3)),
    ):
        points = (rng.integers(0, 6, (count, 2)) * 4 + 2.0).tolist()
        sides = (rng.integers(6, 26, (count, 4)) / 2).tolist()
        logits, centres = rng.normal(0, 1.5, (count, classes)).tolist(), rng.normal(0.3, 1.2, count).tolist()
        case = detected_cases(logits, sides, centres, points, options)
        expect_detected(answer, logits, sides, centres, points, options, case.pop("right"), case)
    point = rng.integers(5, 20, 2).astype(float).tolist()
    even = (
        [[0.0, -1.0], [-2.0, 0.0]],
        [[2.0, 2.0, 3.0, 3.0], [3.0, 4.0, 5.0, 6.0]],
        [0.0, 1.0],
        [point, point],
    )
    case = detected_cases(*even, (0.25, 0.5, 4))
    expect_detected(answer, *even, (0.25, 0.5, 4), case.pop("right"), case)
    half = ([[1.0], [0.5]], [[5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 0.0]], [0.0, 0.0], [point, point])
    case = detected_cases(*half, (0.1, 0.5, 4))
    expect_detected(answer, *half, (0.1, 0.5, 4), case.pop("right"), case)


# ch10.ambiguous


def counted(
    scenes: Sequence[Sequence[Box]],
    levels: Any,
    accepts: Callable[[Box, float, float], bool] = wants,
) -> list[list[list[int]]]:
    """How many boxes want each point, by scene and level."""
    return [
        [
            [sum(accepts(sides_of(point, box), low, high) for box in boxes) for point in points]
            for points, low, high in levels
        ]
        for boxes in scenes
    ]


def share(counts: Sequence[int], enough: Callable[[int], bool] = lambda n: n > 1) -> float:
    positive = sum(n > 0 for n in counts)
    return sum(map(enough, counts)) / positive if positive else 0.0


def shares(scenes: Sequence[Sequence[Box]], levels: Any) -> dict[str, float]:
    """Share of ambiguous points, and what known mistakes give."""
    table = counted(scenes, levels)
    flat = [n for scene in table for level in scene for n in level]

    def flatten(table: Any) -> list[int]:
        return [n for scene in table for level in scene for n in level]

    positive = sum(n > 0 for n in flat)
    by_scene = [share([n for level in scene for n in level]) for scene in table]
    by_level = [share([n for scene in table for n in scene[k]]) for k in range(len(levels))]
    cases = {
        "right": share(flat),
        WITHOUT_RANGE: share(flatten(counted(scenes, levels, lambda sides, low, high: min(sides) > 0))),
        MEAN_OF_IMAGES: sum(by_scene) / len(by_scene),
        MEAN_OF_LEVELS: sum(by_level) / len(by_level),
        JUST_TWO: share(flat, lambda n: n == 2),
        BORDER_COUNTS: share(
            flatten(counted(scenes, levels, lambda s, low, high: min(s) >= 0 and low <= max(s) < high))
        ),
        OVER_EVERY_POINT: sum(n > 1 for n in flat) / len(flat),
    }
    if positive:
        cases[COUNTS_BOXES] = sum(n - 1 for n in flat if n > 1) / positive
    return cases


def grid(size: int, stride: int) -> list[list[float]]:
    middles = [(n + 0.5) * stride for n in range(size // stride)]
    return [[x, y] for y in middles for x in middles]


def hidden_ambiguous(answer: Answer) -> None:
    rng = answer.rng
    fine, coarse = grid(32, 4), grid(32, 8)
    for levels in (
        [(coarse, 0, inf)],
        [(fine, 0, 8), (coarse, 8, inf)],
        [(fine, 0, 6), (fine, 6, 12), (coarse, 12, 20)],
        [(fine, 0, 7.5), (fine, 7.5, inf)],
    ):
        scenes = [random_boxes(rng, int(n), 16, (4, 18)) for n in rng.integers(1, 7, 4)]
        scenes += [[[2, 2, 14, 14], [2, 6, 18, 16]], [], [[0, 0, 26, 30], [2, 2, 28, 30], [1, 1, 30, 27]]]
        case = shares(scenes, levels)
        expect_share(answer, scenes, levels, case.pop("right"), case)
    for scenes in ([[]], [[], [[40, 40, 50, 50]]]):
        case = shares(scenes, [(coarse, 0, inf)])
        expect_share(answer, scenes, [(coarse, 0, inf)], case.pop("right"), case)


# ch10.choose_ranges


def split(
    scenes: Sequence[Sequence[Box]],
    edges: Sequence[float],
    *,
    size: Callable[[float, float], float] = lambda w, h: max(w, h) / 2,
    below: bool = False,
) -> list[int]:
    """How many objects each level gets; each keyword is a known mistake."""
    counts = [0] * (len(edges) + 1)
    for boxes in scenes:
        for x1, y1, x2, y2 in boxes:
            value = size(x2 - x1, y2 - y1)
            counts[sum(value > edge if below else value >= edge for edge in edges)] += 1
    return counts


def best_split(
    scenes: Sequence[Sequence[Box]],
    candidates: Sequence[Sequence[float]],
    *,
    badness: Callable[[Sequence[int]], float] = lambda counts: max(counts) - min(counts),
    last: bool = False,
    **mistake: Any,
) -> tuple[list[float], list[int]]:
    """The candidate whose levels get the most even numbers of objects."""
    splits = [
        (badness(split(scenes, edges, **mistake)), -n if last else n) for n, edges in enumerate(candidates)
    ]
    edges = list(candidates[abs(min(splits)[1])])
    return edges, split(scenes, edges, **mistake)


def splits_cases(scenes: Sequence[Sequence[Box]], candidates: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Chosen edges and counts, and what known mistakes choose."""

    def summed(edges: Sequence[float]) -> int:
        return sum(max(counts) - min(counts) for counts in (split([boxes], edges) for boxes in scenes))

    by_sum = min(candidates, key=summed)
    return {
        "right": best_split(scenes, candidates),
        WHOLE_SIDE: best_split(scenes, candidates, size=max),
        SHORTER_SIDE: best_split(scenes, candidates, size=lambda w, h: min(w, h) / 2),
        EDGE_BELOW: best_split(scenes, candidates, below=True),
        LAST_CANDIDATE: best_split(scenes, candidates, last=True),
        LEAST_MAXIMUM: best_split(scenes, candidates, badness=max),
        MOST_UNEVEN: best_split(scenes, candidates, badness=lambda counts: min(counts) - max(counts)),
        FIRST_SCENE: best_split(scenes[:1], candidates),
        SUM_OF_SCENES: (list(by_sum), split(scenes, by_sum)),
    }


def hidden_choose_ranges(answer: Answer) -> None:
    rng = answer.rng
    for scenes, levels, choices in ((3, 3, 6), (5, 3, 8), (4, 2, 5), (6, 4, 8), (2, 3, 12)):
        boxes = [random_boxes(rng, int(n), 20, (4, 40)) for n in rng.integers(1, 6, scenes)]
        boxes.insert(1, [])
        edges = [
            sorted(rng.choice(np.arange(2, 20), levels - 1, replace=False).tolist()) for _ in range(choices)
        ]
        case = splits_cases(boxes, edges)
        expect_ranges(answer, boxes, edges, case.pop("right"), case)


# Answers


DISTANCES = """import numpy as np

def to_sides(points, box):
    return np.concatenate([points - box[:2], box[2:] - points], axis=1)

def to_boxes(points, sides):
    return np.concatenate([points - sides[:, :2], points + sides[:, 2:]], axis=1)
"""

CENTERNESS = """import numpy as np

def centerness(sides):
    l, t, r, b = np.maximum(sides, 0).T
    ratio = (np.minimum(l, r) / np.maximum(l, r)) * (np.minimum(t, b) / np.maximum(t, b))
    return np.sqrt(ratio)
"""

IOU_LOSS = """import numpy as np

def iou_loss(predicted, wanted, positive):
    a, b = predicted[positive], wanted[positive]
    if len(a) == 0:
        return 0.0
    low = np.minimum(a, b)
    inner = np.maximum(low[:, :2] + low[:, 2:], 0).prod(axis=1)
    areas = (a[:, :2] + a[:, 2:]).prod(axis=1) + (b[:, :2] + b[:, 2:]).prod(axis=1)
    iou = inner / (areas - inner)
    return float(-np.log(np.maximum(iou, 1e-6)).mean())
"""

LEVELS = """import numpy as np

def levels(points, boxes, edges):
    sides = np.concatenate([points[:, None] - boxes[:, :2], boxes[:, 2:] - points[:, None]], axis=2)
    level = np.searchsorted(edges, sides.max(axis=2), side="right")
    return np.where(sides.min(axis=2) > 0, level, -1)
"""

TARGETS = """import numpy as np

def level_targets(boxes, labels, height, width, stride, low, high):
    rows, columns = height // stride, width // stride
    classes = np.full((rows, columns), -1)
    distances = np.zeros((rows, columns, 4))
    centres = np.zeros((rows, columns))
    smallest = np.full((rows, columns), np.inf)
    x = (np.arange(columns) + 0.5) * stride
    y = (np.arange(rows) + 0.5) * stride
    x, y = np.meshgrid(x, y)
    for label, (x1, y1, x2, y2) in zip(labels, boxes):
        sides = np.stack([x - x1, y - y1, x2 - x, y2 - y], axis=-1)
        largest = sides.max(axis=-1)
        area = (x2 - x1) * (y2 - y1)
        wins = (sides.min(axis=-1) > 0) & (largest >= low) & (largest < high) & (area < smallest)
        smallest[wins] = area
        classes[wins] = label
        distances[wins] = sides[wins]
        l, t, r, b = sides[wins].T
        centres[wins] = np.sqrt(np.minimum(l, r) * np.minimum(t, b) / np.maximum(l, r) / np.maximum(t, b))
    return classes, distances, centres
"""

DETECT = """import numpy as np
from course_utils.detection import nms

def detect(logits, sides, centres, points, threshold, iou, most):
    labels = logits.argmax(axis=1)
    scores = 1 / (1 + np.exp(-logits.max(axis=1))) * (1 / (1 + np.exp(-centres)))
    boxes = np.concatenate([points - sides[:, :2], points + sides[:, 2:]], axis=1)
    good = scores > threshold
    boxes, labels, scores = boxes[good], labels[good], scores[good]
    kept = nms(boxes, scores, iou, labels)[:most]
    return boxes[kept], labels[kept], scores[kept]
"""

AMBIGUOUS = """import numpy as np

def ambiguous_share(scenes, levels):
    positive = ambiguous = 0
    for boxes in scenes:
        for points, low, high in levels:
            sides = np.concatenate([points[:, None] - boxes[:, :2], boxes[:, 2:] - points[:, None]], axis=2)
            largest = sides.max(axis=2)
            wanted = (sides.min(axis=2) > 0) & (largest >= low) & (largest < high)
            count = wanted.sum(axis=1)
            positive += (count > 0).sum()
            ambiguous += (count > 1).sum()
    return float(ambiguous / positive) if positive else 0.0
"""

RANGES = """import numpy as np

def choose_ranges(scenes, candidates):
    boxes = np.concatenate(scenes)
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / 2
    best = None
    for edges in candidates:
        level = np.searchsorted(edges, half, side="right")
        counts = np.bincount(level, minlength=len(edges) + 1).tolist()
        gap = max(counts) - min(counts)
        if best is None or gap < best[0]:
            best = gap, edges, counts
    return best[1], best[2]
"""


ANSWERS: dict[str, Key] = {
    "ch10.distances": Key(
        reference=DISTANCES,
        explanation="箱と 4 つの距離は、引き算と足し算だけで行き来できます。アンカーの大きさのような、前もって決めておく数は、どこにも出てきません。",
        alternatives={
            "列ごとに": """import numpy as np

def to_sides(points, box):
    x, y = points.T
    return np.stack([x - box[0], y - box[1], box[2] - x, box[3] - y], axis=1)

def to_boxes(points, sides):
    (x, y), (l, t, r, b) = points.T, sides.T
    return np.stack([x - l, y - t, x + r, y + b], axis=1)
""",
            "符号を掛けて": """import numpy as np

SIGNS = np.array([1, 1, -1, -1])

def to_sides(points, box):
    return (np.tile(points, 2) - box) * SIGNS

def to_boxes(points, sides):
    return np.tile(points, 2) - SIGNS * sides
""",
        },
        mistakes={
            "l, r, t, b の順": Mistake(
                changed(
                    DISTANCES, "box[2:] - points], axis=1)", "box[2:] - points], axis=1)[:, [0, 2, 1, 3]]"
                ),
                "並びが l, r, t, b",
            ),
            "符号が逆": Mistake(
                changed(
                    DISTANCES, "[points - box[:2], box[2:] - points]", "[box[:2] - points, points - box[2:]]"
                ),
                "符号が逆",
            ),
            "絶対値": Mistake(
                changed(
                    DISTANCES,
                    "return np.concatenate([points - box",
                    "return abs(np.concatenate([points - box",
                ).replace("- points], axis=1)", "- points], axis=1))"),
                "絶対値",
            ),
            "x と y が逆": Mistake(
                changed(
                    DISTANCES,
                    "    return np.concatenate([points - box",
                    "    points = points[:, ::-1]\n    return np.concatenate([points - box",
                ),
                "x と y が逆",
            ),
            "中心から": Mistake(
                changed(
                    DISTANCES,
                    "    return np.concatenate([points - box",
                    "    points = np.tile((box[:2] + box[2:]) / 2, (len(points), 1))\n    return np.concatenate([points - box",
                ),
                "箱の中心からの距離",
            ),
            "全部足す": Mistake(
                changed(DISTANCES, "points - sides", "points + sides"), "左と上の辺は、点から引いて"
            ),
            "幅と高さ": Mistake(
                changed(DISTANCES, "points + sides[:, 2:]", "sides[:, :2] + sides[:, 2:]"), "幅と高さを返して"
            ),
        },
        hidden=hidden_distances,
        equivalent={"SIGNS = [1, 1, -1, -1]": "An array multiplies by a list as by an array."},
    ),
    "ch10.iou_loss": Key(
        reference=IOU_LOSS,
        explanation="同じ点から測っているので、重なりの幅は min(l, l*) + min(r, r*) です。背景の点には正しい箱がないので、計算に入れてはいけません。",
        alternatives={
            "1 点ずつ": """from math import log

def iou_loss(predicted, wanted, positive):
    values = []
    for (l, t, r, b), (l2, t2, r2, b2), used in zip(predicted, wanted, positive):
        if used:
            inner = max(min(l, l2) + min(r, r2), 0) * max(min(t, t2) + min(b, b2), 0)
            union = (l + r) * (t + b) + (l2 + r2) * (t2 + b2) - inner
            values.append(-log(max(inner / union, 1e-6)))
    return sum(values) / max(1, len(values))
""",
            "箱に直して": """import numpy as np
from course_utils.detection import box_iou

def iou_loss(predicted, wanted, positive):
    if not positive.any():
        return 0.0
    a, b = (np.concatenate([-s[positive, :2], s[positive, 2:]], axis=1) for s in (predicted, wanted))
    return -np.mean(np.log(np.clip(np.diag(box_iou(a, b)), 1e-6, None)))
""",
        },
        mistakes={
            "1 − IoU": Mistake(
                changed(IOU_LOSS, "-np.log(np.maximum(iou, 1e-6)).mean()", "(1 - iou).mean()"), "1 − IoU に"
            ),
            "全部の点の数": Mistake(
                changed(IOU_LOSS, ".mean())", ".sum() / len(positive))"), "すべての点の数で割って"
            ),
            "和": Mistake(changed(IOU_LOSS, ".mean())", ".sum())"), "和のまま"),
            "平均してから log": Mistake(
                changed(IOU_LOSS, "-np.log(np.maximum(iou, 1e-6)).mean()", "-np.log(max(iou.mean(), 1e-6))"),
                "IoU を平均してから",
            ),
            "大きいほう": Mistake(
                changed(IOU_LOSS, "np.minimum(a, b)", "np.maximum(a, b)"), "大きいほうの距離"
            ),
            "和集合の数えすぎ": Mistake(changed(IOU_LOSS, "(areas - inner)", "areas"), "重なりを 2 回数えて"),
            "下限がない": Mistake(changed(IOU_LOSS, "np.maximum(iou, 1e-6)", "iou"), "無限大になります"),
            "幅を 0 で止めない": Mistake(
                changed(IOU_LOSS, "np.maximum(low[:, :2] + low[:, 2:], 0)", "(low[:, :2] + low[:, 2:])"),
                "2 つの負の数の積",
            ),
            "背景も平均": Mistake(
                changed(IOU_LOSS, "predicted[positive], wanted[positive]", "predicted, wanted").replace(
                    "len(a) == 0", "not positive.any()"
                ),
                "背景の点まで平均",
            ),
            "0 を掛ける": Mistake(
                changed(
                    changed(IOU_LOSS, "predicted[positive], wanted[positive]", "predicted, wanted"),
                    "-np.log(np.maximum(iou, 1e-6)).mean()",
                    "(positive * -np.log(np.maximum(iou, 1e-6))).sum() / positive.sum()",
                ).replace("len(a) == 0", "not positive.any()"),
                "0 を掛けても NaN は消えません",
            ),
            "正の点がない": Mistake(
                changed(IOU_LOSS, "    if len(a) == 0:\n        return 0.0\n", ""), "1 つもないときは、0.0"
            ),
        },
        hidden=hidden_iou_loss,
        equivalent={
            "* (min(t, t2) + min(b, b2))": "A negative share is raised to 1e-6, as 0 is.",
            "= (min(l, l2) + min(r, r2)) *": "A negative share is raised to 1e-6, as 0 is.",
            "np.clip(1e-6, np": "The larger of two numbers, whichever comes first.",
            "box_iou(b, a)": "The IoU of a pair, whichever comes first.",
        },
    ),
    "ch10.levels": Key(
        reference=LEVELS,
        explanation="「最大の距離以下」の境目の数が、段の番号です。同じ物体でも、隅の点から見ると最大の距離が大きくなり、粗い段の担当になります。",
        alternatives={
            "ループで": """import numpy as np

def levels(points, boxes, edges):
    table = np.full((len(points), len(boxes)), -1)
    for n, (x, y) in enumerate(points):
        for k, (x1, y1, x2, y2) in enumerate(boxes):
            if x1 < x < x2 and y1 < y < y2:
                largest = max(x - x1, y - y1, x2 - x, y2 - y)
                table[n, k] = sum(largest >= edge for edge in edges)
    return table
""",
            "digitize で": """import numpy as np

def levels(points, boxes, edges):
    x, y = points[:, :1], points[:, 1:]
    sides = np.stack([x - boxes[:, 0], y - boxes[:, 1], boxes[:, 2] - x, boxes[:, 3] - y])
    table = np.digitize(sides.max(axis=0), edges)
    table[(sides <= 0).any(axis=0)] = -1
    return table
""",
        },
        mistakes={
            "最小の距離": Mistake(
                changed(LEVELS, "edges, sides.max(axis=2)", "edges, sides.min(axis=2)"), "最小値で決めて"
            ),
            "長いほうの辺": Mistake(
                changed(
                    LEVELS,
                    "sides.max(axis=2), side",
                    "np.tile((boxes[:, 2:] - boxes[:, :2]).max(axis=1), (len(points), 1)), side",
                ),
                "箱の長いほうの辺で決めて",
            ),
            "辺の半分": Mistake(
                changed(
                    LEVELS,
                    "sides.max(axis=2), side",
                    "np.tile((boxes[:, 2:] - boxes[:, :2]).max(axis=1) / 2, (len(points), 1)), side",
                ),
                "長いほうの辺の半分で決めて",
            ),
            "境目が下の段": Mistake(changed(LEVELS, 'side="right"', 'side="left"'), "ちょうど境目のときは"),
            "外にも段": Mistake(
                changed(LEVELS, "np.where(sides.min(axis=2) > 0, level, -1)", "level"), "箱の外の点にも段"
            ),
            "辺の上にも段": Mistake(changed(LEVELS, "> 0, level", ">= 0, level"), "辺の上の点は、箱の中では"),
            "1 から": Mistake(changed(LEVELS, "> 0, level", "> 0, 1 + level"), "1 から始まって"),
            "行と列が逆": Mistake(changed(LEVELS, "level, -1)", "level, -1).T"), "行が点、列が物体"),
        },
        hidden=hidden_levels,
    ),
    "ch10.targets": Key(
        reference=TARGETS,
        explanation="1 枚の特徴マップの正解が、箱とクラスだけから決まります。範囲で候補を絞ってから最小の箱を選ぶので、小さな物体を別の段に任せた点は、大きな物体を受け持てます。",
        alternatives={
            "配列で": """import numpy as np

def level_targets(boxes, labels, height, width, stride, low, high):
    y, x = np.mgrid[stride / 2 : height : stride, stride / 2 : width : stride]
    if len(boxes) == 0:
        return np.full(x.shape, -1), np.zeros((*x.shape, 4)), np.zeros(x.shape)
    x, y = x[..., None], y[..., None]
    sides = np.stack([x - boxes[:, 0], y - boxes[:, 1], boxes[:, 2] - x, boxes[:, 3] - y], axis=-1)
    wanted = (sides > 0).all(axis=-1) & (sides.max(axis=-1) >= low) & (sides.max(axis=-1) < high)
    area = np.where(wanted, (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), np.inf)
    owner = area.argmin(axis=-1)
    positive = wanted.any(axis=-1)
    mine = np.take_along_axis(sides, owner[..., None, None], axis=2)[:, :, 0] * positive[..., None]
    small, large = np.minimum(mine[..., :2], mine[..., 2:]), np.maximum(mine[..., :2], mine[..., 2:])
    centre = np.sqrt((small / np.where(large > 0, large, 1)).prod(axis=-1))
    return np.where(positive, labels[owner], -1), mine, centre
""",
            "大きい箱から塗る": """import numpy as np

def level_targets(boxes, labels, height, width, stride, low, high):
    shape = height // stride, width // stride
    classes, distances, centres = np.full(shape, -1), np.zeros((*shape, 4)), np.zeros(shape)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    for k in sorted(range(len(boxes)), key=lambda k: (-area[k], -k)):
        for row in range(shape[0]):
            for column in range(shape[1]):
                point = np.array([column + 0.5, row + 0.5]) * stride
                sides = np.concatenate([point - boxes[k, :2], boxes[k, 2:] - point])
                if sides.min() > 0 and low <= sides.max() < high:
                    l, t, r, b = sides
                    classes[row, column] = labels[k]
                    distances[row, column] = sides
                    centres[row, column] = (min(l, r) / max(l, r) * min(t, b) / max(t, b)) ** 0.5
    return classes, distances, centres
""",
        },
        mistakes={
            "最大の箱": Mistake(
                changed(
                    changed(TARGETS, "(area < smallest)", "(area > smallest)"),
                    "(rows, columns), np.inf)",
                    "(rows, columns), -np.inf)",
                ),
                "面積が最大の箱",
            ),
            "先の箱": Mistake(changed(TARGETS, "(area < smallest)", "(classes < 0)"), "先に並んでいる箱"),
            "範囲の前に最小": Mistake(
                changed(
                    TARGETS,
                    "        wins = (sides.min(axis=-1) > 0) & (largest >= low) & (largest < high) & (area < smallest)\n        smallest[wins] = area\n",
                    "        first = (sides.min(axis=-1) > 0) & (area < smallest)\n        smallest[first] = area\n        classes[first], distances[first], centres[first] = -1, 0, 0\n        wins = first & (largest >= low) & (largest < high)\n",
                ),
                "先に最小の箱を選び",
            ),
            "等しければ後": Mistake(
                changed(TARGETS, "(area < smallest)", "(area <= smallest)"), "面積が等しければ"
            ),
            "マスの角": Mistake(TARGETS.replace(" + 0.5)", ")"), "点がマスの角"),
            "行と列が逆": Mistake(
                changed(
                    TARGETS,
                    "    x, y = np.meshgrid(x, y)",
                    '    x, y = np.meshgrid(x, y, indexing="ij")\n    x, y = np.resize(x, (rows, columns)), np.resize(y, (rows, columns))',
                ),
                "行と列が逆",
            ),
            "背景が 0": Mistake(changed(TARGETS, "columns), -1)", "columns), 0)"), "背景のクラスが 0"),
            "物体の番号": Mistake(
                changed(TARGETS, "zip(labels, boxes)", "enumerate(boxes)"), "物体の番号を返して"
            ),
            "範囲を見ない": Mistake(
                changed(TARGETS, " & (largest >= low) & (largest < high)", ""), "範囲を見ていません"
            ),
            "high も含む": Mistake(changed(TARGETS, "largest < high", "largest <= high"), "ちょうど high"),
            "low を除く": Mistake(changed(TARGETS, "largest >= low", "largest > low"), "ちょうど low"),
            "辺の上も中": Mistake(
                changed(TARGETS, "(axis=-1) > 0)", "(axis=-1) >= 0)"), "辺の上の点を、箱の中に"
            ),
            "背景にも距離": Mistake(
                changed(
                    TARGETS,
                    "    for label",
                    "    if len(boxes):\n        x1, y1, x2, y2 = boxes[0]\n        distances = np.stack([x - x1, y - y1, x2 - x, y2 - y], axis=-1)\n    for label",
                ),
                "背景の点の距離が 0",
            ),
            "平方根がない": Mistake(changed(TARGETS, "np.sqrt(", "("), "中心らしさに、平方根"),
            "stride で割る": Mistake(
                changed(TARGETS, "distances[wins] = sides[wins]", "distances[wins] = sides[wins] / stride"),
                "stride で割って",
            ),
        },
        hidden=hidden_targets,
    ),
    "ch10.ambiguous": Key(
        reference=AMBIGUOUS,
        explanation="段が 1 つなら、箱が重なるところの点は、どれもあいまいです。段に分けると、大きさの違う物体の重なりは、別々の段に分かれます。残るのは、大きさの近い物体の重なりです。",
        alternatives={
            "1 点ずつ": """def ambiguous_share(scenes, levels):
    counts = []
    for boxes in scenes:
        for points, low, high in levels:
            for x, y in points:
                count = 0
                for x1, y1, x2, y2 in boxes:
                    sides = x - x1, y - y1, x2 - x, y2 - y
                    count += min(sides) > 0 and low <= max(sides) < high
                if count:
                    counts.append(count >= 2)
    return sum(counts) / max(1, len(counts))
""",
            "箱ごとに": """import numpy as np

def ambiguous_share(scenes, levels):
    counts = []
    for points, low, high in levels:
        for boxes in scenes:
            count = np.zeros(len(points), int)
            for box in boxes:
                sides = np.hstack([points - box[:2], box[2:] - points])
                count += (sides > 0).all(axis=1) & (low <= sides.max(axis=1)) & (sides.max(axis=1) < high)
            counts.extend(count[count >= 1])
    return np.mean(np.array(counts) >= 2) if counts else 0.0
""",
        },
        mistakes={
            "全部の点": Mistake(
                changed(AMBIGUOUS, "(count > 0).sum()", "len(points)"), "すべての点の数で割って"
            ),
            "範囲を見ない": Mistake(
                changed(AMBIGUOUS, " & (largest >= low) & (largest < high)", ""), "範囲を見ていません"
            ),
            "場面の平均": Mistake(
                AMBIGUOUS.replace("def ambiguous_share", "def one")
                + "\ndef ambiguous_share(scenes, levels):\n    return float(np.mean([one([boxes], levels) for boxes in scenes]))\n",
                "場面ごとの割合を平均",
            ),
            "段の平均": Mistake(
                AMBIGUOUS.replace("def ambiguous_share", "def one")
                + "\ndef ambiguous_share(scenes, levels):\n    return float(np.mean([one(scenes, [level]) for level in levels]))\n",
                "段ごとの割合を平均",
            ),
            "ちょうど 2 つ": Mistake(changed(AMBIGUOUS, "(count > 1)", "(count == 2)"), "ちょうど 2 つ"),
            "箱を数える": Mistake(
                changed(AMBIGUOUS, "(count > 1).sum()", "np.maximum(count - 1, 0).sum()"), "余分な箱の数"
            ),
            "辺の上も": Mistake(changed(AMBIGUOUS, "(axis=2) > 0)", "(axis=2) >= 0)"), "辺の上の点を"),
            "点がない": Mistake(
                changed(
                    AMBIGUOUS,
                    "float(ambiguous / positive) if positive else 0.0",
                    "float(np.divide(ambiguous, positive))",
                ),
                "望まれる点が 1 つも",
            ),
        },
        hidden=hidden_ambiguous,
    ),
    "ch10.predict_centerness": chosen(
        "ア",
        explanation="横方向の平均が π/2 − 1、およそ 0.57 で、縦方向との積は、およそ 0.33 です。正の点の多くは、まん中から遠いところにあります。",
        wrong={
            "イ": "横だけなら、平均はおよそ 0.57 です。中心らしさは、縦との積なので、さらに小さくなります。",
            "ウ": "1 に近いのは、まん中の近くの点だけです。縦も横も、まん中と辺の中ほどにある点では、比がどちらも 1 : 3 で、値は 1/3 です。",
        },
    ),
    "ch10.centerness": Key(
        reference=CENTERNESS,
        explanation="向かい合う辺までの距離が等しいほど、1 に近づきます。外の点では、距離を 0 で止めると、どれかの比が 0 になり、全体も 0 になります。",
        alternatives={
            "where で": """import numpy as np

def centerness(sides):
    low = np.minimum(sides[:, :2], sides[:, 2:])
    high = np.maximum(sides[:, :2], sides[:, 2:])
    inside = low.min(axis=1) > 0
    ratio = np.where(inside, (low / np.where(high == 0, 1, high)).prod(axis=1), 0)
    return ratio**0.5
""",
            "1 点ずつ": """def centerness(sides):
    values = []
    for l, t, r, b in sides:
        outside = l <= 0 or t <= 0 or r <= 0 or b <= 0
        values.append(0 if outside else (min(l / r, r / l) * min(t / b, b / t)) ** 0.5)
    return values
""",
        },
        mistakes={
            "平方根がない": Mistake(changed(CENTERNESS, "np.sqrt(ratio)", "ratio"), "平方根がありません"),
            "平均": Mistake(
                """import numpy as np

def centerness(sides):
    l, t, r, b = sides.T
    ratio = (np.minimum(l, r) / np.maximum(l, r) + np.minimum(t, b) / np.maximum(t, b)) / 2
    return np.where(sides.min(axis=1) > 0, ratio, 0)
""",
                "横と縦の比を平均",
            ),
            "組が違う": Mistake(changed(CENTERNESS, "l, t, r, b =", "l, r, t, b ="), "組が違います"),
            "逆さ": Mistake(
                """import numpy as np

def centerness(sides):
    l, t, r, b = sides.T
    ratio = (np.maximum(l, r) / np.minimum(l, r)) * (np.maximum(t, b) / np.minimum(t, b))
    return np.where(sides.min(axis=1) > 0, np.sqrt(np.abs(ratio)), 0)
""",
                "比が逆さ",
            ),
            "和で割る": Mistake(
                changed(
                    changed(CENTERNESS, "np.maximum(l, r))", "(l + r))"), "np.maximum(t, b))", "(t + b))"
                ),
                "小さいほうを、2 つの和",
            ),
            "いつも l / r": Mistake(
                """import numpy as np

def centerness(sides):
    l, t, r, b = sides.T
    return np.where(sides.min(axis=1) > 0, np.sqrt(np.abs(l / r * t / b)), 0)
""",
                "いつも l / r",
            ),
            "外も数える": Mistake(
                """import numpy as np

def centerness(sides):
    l, t, r, b = sides.T
    ratio = (np.minimum(l, r) / np.maximum(l, r)) * (np.minimum(t, b) / np.maximum(t, b))
    return np.sqrt(np.maximum(ratio, 0))
""",
                "箱の外の点が 0 に",
            ),
            "外で NaN": Mistake(changed(CENTERNESS, "np.maximum(sides, 0).T", "sides.T"), "NaN になります"),
        },
        hidden=hidden_centerness,
        equivalent={
            "high == 0, 0, high": "What is divided by 0 lies outside, and is not read.",
            "high == 1, 1, high": "What is divided by 0 lies outside, and is not read.",
            "outside = l < 0": "On an edge the smaller ratio is 0.",
            "or t < 0": "On an edge the smaller ratio is 0.",
            "or r < 0": "On an edge the smaller ratio is 0.",
            "or b < 0": "On an edge the smaller ratio is 0.",
        },
    ),
    "ch10.detect": Key(
        reference=DETECT,
        explanation="中心らしさを掛けると、隅の点の得点ほど大きく下がります。隅の点の箱は、NMS で、まん中に近い点の箱に負けます。",
        alternatives={
            "自分で NMS": """import numpy as np
from course_utils.detection import box_iou

def detect(logits, sides, centres, points, threshold, iou, most):
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    probability = sigmoid(logits) * sigmoid(centres)[:, None]
    kept = []
    boxes = np.hstack([points - sides[:, :2], points + sides[:, 2:]])
    label, score = probability.argmax(axis=1), probability.max(axis=1)
    for n in np.argsort(-score, kind="stable"):
        rivals = [k for k in kept if label[k] == label[n]]
        if score[n] > threshold and (not rivals or box_iou(boxes[[n]], boxes[rivals]).max() <= iou):
            kept.append(n)
    kept = np.array(kept[:most], int)
    return boxes[kept], label[kept], score[kept]
""",
            "クラスをずらす": """import numpy as np
from course_utils.detection import nms

def detect(logits, sides, centres, points, threshold, iou, most):
    score = 1 / ((1 + np.exp(-logits.max(axis=1))) * (1 + np.exp(-centres)))
    good = np.flatnonzero(score > threshold)
    boxes = np.concatenate([points - sides[:, :2], points + sides[:, 2:]], axis=1)[good]
    label = np.argmax(logits, axis=1)[good]
    best = nms(boxes + 1e4 * label[:, None], score[good], iou)
    best = best[:most]
    return boxes[best], label[best], score[good][best]
""",
        },
        mistakes={
            "中心らしさがない": Mistake(
                changed(DETECT, " * (1 / (1 + np.exp(-centres)))", ""), "中心らしさを掛けていません"
            ),
            "平方根": Mistake(
                changed(DETECT, "    boxes = np", "    scores = np.sqrt(scores)\n    boxes = np"),
                "積の平方根",
            ),
            "ロジットのまま": Mistake(
                changed(DETECT, "(1 / (1 + np.exp(-centres)))", "centres"), "そのまま掛けて"
            ),
            "softmax": Mistake(
                changed(
                    DETECT,
                    "1 / (1 + np.exp(-logits.max(axis=1)))",
                    "np.exp(logits.max(axis=1)) / np.exp(logits).sum(axis=1)",
                ),
                "softmax",
            ),
            "クラスを見ない": Mistake(changed(DETECT, "iou, labels)", "iou)"), "クラスの違う箱まで"),
            "NMS がない": Mistake(
                changed(DETECT, "nms(boxes, scores, iou, labels)", 'np.argsort(-scores, kind="stable")'),
                "NMS がありません",
            ),
            "先に減らす": Mistake(
                changed(
                    DETECT,
                    "    good = scores > threshold\n",
                    '    good = np.argsort(-scores, kind="stable")[:most]\n    good = good[scores[good] > threshold]\n',
                ),
                "NMS の前に",
            ),
            "クラスと比べる": Mistake(
                changed(DETECT, "good = scores >", "good = 1 / (1 + np.exp(-logits.max(axis=1))) >"),
                "クラスの確率と比べて",
            ),
            "ちょうどでも残す": Mistake(
                changed(DETECT, "scores > threshold", "scores >= threshold"), "ちょうど threshold"
            ),
            "全部足す": Mistake(changed(DETECT, "points - sides", "points + sides"), "箱の角が違います"),
            "点の順": Mistake(
                changed(DETECT, "    return", "    kept = np.sort(kept)\n    return"), "点の並びのまま"
            ),
            "減らさない": Mistake(changed(DETECT, "[:most]", ""), "most 個より多く"),
        },
        hidden=hidden_detect,
        equivalent={"good = (score > threshold)": "A mask chooses the same points as their numbers."},
    ),
    "ch10.predict_anchors": chosen(
        "イ",
        explanation="アンカーでは、3 割を超える物体に、IoU 0.5 以上のアンカーがありません。FCOS でも、境目を半分にすると、小さな物体が粗い段に回され、点の間に落ちます。アンカーがなくなっても、調整するものは残っています。",
        wrong={
            "ア": "FCOS にも、段の範囲という設計があります。境目を半分にすると、小さな物体まで粗い段に回され、粗い段の点が 1 つも中に入らない物体は、受け持つ点を失います。",
            "ウ": "大きさの合わないアンカーとの IoU は、すぐに 0.5 を下回ります。1 辺が半分の正方形は、箱の中にすっぽり入っても、IoU が 0.25 です。",
        },
    ),
    "ch10.choose_ranges": Key(
        reference=RANGES,
        explanation="学習する前に、どの段にも仕事がある境目を見積もれます。ただし、均等に分けることが AP に最善とは限りません。7 節では、細かい段の受け持ちを広げたほうが AP が高くなりました。最後は、検証用の場面で測って決めます。",
        alternatives={
            "min で": """def choose_ranges(scenes, candidates):
    half = [max(x2 - x1, y2 - y1) / 2 for boxes in scenes for x1, y1, x2, y2 in boxes]

    def counts(edges):
        limits = [0, *edges, float("inf")]
        return [sum(low <= h < high for h in half) for low, high in zip(limits, limits[1:])]

    best = min(candidates, key=lambda edges: max(counts(edges)) - min(counts(edges)))
    return best, counts(best)
""",
            "histogram で": """import numpy as np

def choose_ranges(scenes, candidates):
    sides = np.concatenate([boxes[:, 2:] - boxes[:, :2] for boxes in scenes])
    half = sides.max(axis=1) / 2
    rows = [np.histogram(half, [0, *edges, 1e9])[0] for edges in candidates]
    best = np.argmin([np.ptp(row) for row in rows])
    return candidates[best], rows[best]
""",
        },
        mistakes={
            "辺のまま": Mistake(changed(RANGES, ".max(axis=1) / 2", ".max(axis=1)"), "そのまま使って"),
            "短いほう": Mistake(changed(RANGES, ".max(axis=1) / 2", ".min(axis=1) / 2"), "短いほうの辺"),
            "境目が下": Mistake(changed(RANGES, 'side="right"', 'side="left"'), "ちょうど境目の物体"),
            "同じなら後": Mistake(changed(RANGES, "gap < best[0]", "gap <= best[0]"), "同じ差の候補"),
            "最大だけ": Mistake(
                changed(RANGES, "max(counts) - min(counts)", "max(counts)"), "いちばん多い段だけ"
            ),
            "差が最大": Mistake(changed(RANGES, "gap < best[0]", "gap > best[0]"), "差がいちばん大きい"),
            "最初の場面": Mistake(changed(RANGES, "np.concatenate(scenes)", "scenes[0]"), "最初の場面だけ"),
            "差を足す": Mistake(
                """import numpy as np

def choose_ranges(scenes, candidates):
    def count(boxes, edges):
        half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) / 2
        return np.bincount(np.searchsorted(edges, half, side="right"), minlength=len(edges) + 1)

    best = min(candidates, key=lambda edges: sum(np.ptp(count(boxes, edges)) for boxes in scenes))
    return best, count(np.concatenate(scenes), best)
""",
                "場面ごとの差を足して",
            ),
        },
        hidden=hidden_choose_ranges,
    ),
    "ch10.predict_cost": chosen(
        "ウ",
        explanation="特徴ピラミッドと塔は、ストライド 4 の細かい特徴マップにも、3×3 の畳み込みを何枚も掛けます。FCOS 全体の積和は、本体だけの 2 倍を超えます。",
        wrong={
            "ア": "出力の畳み込みだけなら、そのくらいです。その前に、段ごとの畳み込みと、塔の 4 枚の畳み込みがあります。",
            "イ": "畳み込み 1 枚の積和は、特徴マップの広さに比例します。ストライド 4 の特徴マップは、ストライド 8 の 4 倍、ストライド 16 の 16 倍の広さです。",
        },
    ),
}
