"""Chapter 9: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, inf, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Answer, Key, Mistake, changed, chosen

from .exercises import (
    ABOVE_HALF,
    ALIGN_TRANSPOSED,
    ALL_TOGETHER,
    ANCHOR_OUTSIDE,
    AVERAGES_BINS,
    BINS_WITHOUT_SHARED,
    CELLS_TRANSPOSED,
    CENTRES_AND_SIZES,
    CHAMPION_APART,
    CLASSES_BY_BOX,
    CLASSES_EVERYWHERE,
    COLUMNS_OUTSIDE,
    CONFIDENCE_OF_ONE,
    CORNER_CENTRES,
    CORNER_DECIDES,
    COUNTS_FROM_ZERO,
    DROPS_LAST_CELL,
    EARLIER_WINS,
    EDGE_REPEATED,
    EMPTY_CELLS_ONLY,
    EVERY_BOX,
    FIRST_BOX,
    FIRST_CHAMPION,
    FLOORS_EDGES,
    HALF_IS_OBJECT,
    INPUT_ORDER,
    IOU_IN_CELLS,
    IOU_STRICT,
    KEEPS_OTHER_CLASS,
    LABELS_SWAPPED,
    LARGEST_NUMBER,
    LAST_OF_BOXES,
    LAST_OF_EQUALS,
    LAST_OF_TIES,
    LATER_WINS,
    LENGTH_BEYOND,
    LOWER_LOOSE,
    LOWEST_FIRST,
    MAP_TRANSPOSED,
    MEAN_OF_CLASSES,
    MIDDLE_IS_BACKGROUND,
    MOST_CONFIDENT,
    NEAREST_CELL,
    NEAREST_VALUE,
    NO_CHAMPION,
    NO_COORDINATE_WEIGHT,
    NO_EMPTY_WEIGHT,
    NO_HALF_CELL,
    NO_HALF_VALUE,
    NO_ROOT_OF_RATIO,
    NO_ROOTS,
    ONE_OBJECT_EACH,
    ONE_POINT,
    OTHER_IMAGES,
    OUTSIDE_COMPETES,
    PASTE_TRANSPOSED,
    PIXEL_CORNERS,
    PLACE_IN_IMAGE,
    POINTS_AT_CORNERS,
    POOLED_IMAGES,
    PROBABILITIES,
    RATIO_ON_HEIGHT,
    RATIO_UPSIDE_DOWN,
    RATIOS_OUTSIDE,
    RESPONSIBLE_TOO,
    ROOTS_OF_SIZES,
    ROUNDS_BOX,
    ROUNDS_TO_CELLS,
    SIDES_SWAPPED,
    SIZES_IN_CELLS,
    SMALLER_WINS,
    STRIDE_LEFT_OUT,
    TAKES_MAXIMUM,
    TARGET_STRICT,
    TEACHES_OUTSIDE,
    THRESHOLD_FIRST,
    TIES_TO_EVEN,
    TOUCHING_IS_OUT,
    TWICE_THE_SIZE,
    UPPER_STRICT,
    WIDER_WINS,
    X_AND_Y_SWAPPED,
    ZERO_OUTSIDE,
    expect_aligned,
    expect_anchors,
    expect_encoded,
    expect_labels,
    expect_loss,
    expect_number_of_proposals,
    expect_pasted,
    expect_pooled,
)

Array = npt.NDArray[Any]


# ch09.anchors


def anchors_of(
    height: int,
    width: int,
    stride: int,
    scales: Sequence[float],
    ratios: Sequence[float],
    *,
    half: float = 0.5,
    sides: Callable[[float, float], tuple[float, float]] = lambda s, r: (s / sqrt(r), s * sqrt(r)),
    order: str = "yxsr",
    grow: float = 0.5,
    centres: bool = False,
    swap: bool = False,
) -> list[list[float]]:
    """Anchors one by one; each keyword is a known mistake."""
    rows = []
    for y in range(height):
        for x in range(width):
            for s, scale in enumerate(scales):
                for r, ratio in enumerate(ratios):
                    w, h = sides(scale, ratio)
                    cx, cy = (x + half) * stride, (y + half) * stride
                    box = [cx - grow * w, cy - grow * h, cx + grow * w, cy + grow * h]
                    if centres:
                        box = [cx, cy, w, h]
                    if swap:
                        box = [box[1], box[0], box[3], box[2]]
                    place = {"y": y, "x": x, "s": s, "r": r}
                    rows.append(([place[letter] for letter in order], box))
    return [box for _, box in sorted(rows)]


def anchor_cases(*case: Any) -> dict[str, Any]:
    """Anchors, and what known mistakes give."""
    return {
        "right": anchors_of(*case),
        CORNER_CENTRES: anchors_of(*case, half=0),
        RATIO_ON_HEIGHT: anchors_of(*case, sides=lambda s, r: (s, s * r)),
        NO_ROOT_OF_RATIO: anchors_of(*case, sides=lambda s, r: (s / r, s * r)),
        RATIO_UPSIDE_DOWN: anchors_of(*case, sides=lambda s, r: (s * sqrt(r), s / sqrt(r))),
        RATIOS_OUTSIDE: anchors_of(*case, order="yxrs"),
        COLUMNS_OUTSIDE: anchors_of(*case, order="xysr"),
        ANCHOR_OUTSIDE: anchors_of(*case, order="sryx"),
        CENTRES_AND_SIZES: anchors_of(*case, centres=True),
        TWICE_THE_SIZE: anchors_of(*case, grow=1),
        X_AND_Y_SWAPPED: anchors_of(*case, swap=True),
    }


def hidden_anchors(answer: Answer) -> None:
    rng = answer.rng
    for height, width in ((2, 3), (1, 1), (4, 2), (1, 3)):
        scales = sorted(rng.integers(8, 60, 3).tolist())
        ratios = sorted(float(n) for n in rng.uniform(0.3, 3, 3).round(3))
        case = height, width, int(rng.integers(4, 33)), [float(n) for n in scales], ratios
        known = anchor_cases(*case)
        expect_anchors(answer, case, known.pop("right"), known)


# ch09.roi_pool


def nearest(number: float) -> int:
    return floor(number + 0.5)


def pooled(
    feature: Array,
    box: Sequence[float],
    case: tuple[int, int, int],
    *,
    edge: Callable[[float], int] = nearest,
    last: int = 1,
    end: Callable[[float], int] = ceil,
    reduce: Callable[[list[float]], float] = max,
    beyond: bool = False,
    swap: bool = False,
    stride: int | None = None,
) -> list[list[float]] | None:
    """The largest value of each bin, cell by cell; each keyword is a known mistake. None: a bin is empty."""
    counts, lines = case[:2], []
    for axis in (0, 1):  # rows, then columns
        low, high = (
            edge(box[n] / (stride or case[2]))
            for n in ((1 - axis, 3 - axis) if not swap else (axis, 2 + axis))
        )
        most = feature.shape[axis] - 1
        if not beyond:
            low, high = min(low, most), min(high, most)
        length = max(1, high - low + last)
        lines.append(
            [
                [
                    low + n
                    for n in range(floor(k * length / counts[axis]), end((k + 1) * length / counts[axis]))
                    if low + n <= most
                ]
                for k in range(counts[axis])
            ]
        )
    if not all(bins for line in lines for bins in line):
        return None
    return [[reduce([float(feature[y, x]) for y in ys for x in xs]) for xs in lines[1]] for ys in lines[0]]


def pooled_cases(feature: Array, box: Sequence[float], case: tuple[int, int, int]) -> dict[str, Any]:
    """Pooled values, and what known mistakes give."""
    given = feature, box, case
    cases = {
        "right": pooled(*given),
        DROPS_LAST_CELL: pooled(*given, last=0),
        FLOORS_EDGES: pooled(*given, edge=floor),
        TIES_TO_EVEN: pooled(*given, edge=round),
        AVERAGES_BINS: pooled(*given, reduce=lambda values: sum(values) / len(values)),
        BINS_WITHOUT_SHARED: pooled(*given, end=floor),
        LENGTH_BEYOND: pooled(*given, beyond=True),
        MAP_TRANSPOSED: pooled(*given, swap=True),
        STRIDE_LEFT_OUT: pooled(*given, stride=1),
    }
    return {reason: value for reason, value in cases.items() if value is not None}


def hidden_roi_pool(answer: Answer) -> None:
    rng = answer.rng
    for rows, columns, stride in ((2, 2, 8), (2, 3, 16), (3, 2, 4), (4, 2, 8), (3, 3, 5), (1, 4, 8)):
        feature = rng.permutation(8 * 9).reshape(8, 9).astype(float)
        low = rng.integers(0, 4 * stride, 2)
        high = low + rng.integers(stride, 5 * stride, 2)
        ties = [1.5 * stride, 2.5 * stride, 4.5 * stride, 6.5 * stride]
        for box in (
            [*low.tolist(), *high.tolist()],
            ties,
            [2.5 * stride, 0.5 * stride, 5.5 * stride, 4.5 * stride],
            [4 * stride, 3 * stride, 9 * stride, 8 * stride],
            [8.5 * stride, 7.5 * stride, 9 * stride, 8 * stride],
            [0, 0, 3 * stride, 4 * stride],
        ):
            known = pooled_cases(feature, box, (rows, columns, stride))
            expect_pooled(answer, feature, box, (rows, columns, stride), known.pop("right"), known)


# ch09.roi_align


def value_at(feature: Array, y: float, x: float, *, clip: bool = True, near: bool = False) -> float:
    """A value between cells by its four neighbours, one after the other."""
    height, width = feature.shape
    if clip:
        y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    if near:
        y, x = float(floor(y + 0.5)), float(floor(x + 0.5))
    total = 0.0
    for row in (floor(y), floor(y) + 1):
        for column in (floor(x), floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * float(feature[row, column])
    return total


def aligned(
    feature: Array,
    box: Sequence[float],
    case: tuple[int, int, int],
    *,
    half: float = 0.5,
    rounds: bool = False,
    near: bool = False,
    single: bool = False,
    reduce: Callable[[list[float]], float] = lambda values: sum(values) / len(values),
    inside: float = 0.5,
    swap: bool = False,
    clip: bool = True,
) -> list[list[float]]:
    """The mean of each bin's points, point by point; each keyword is a known mistake."""
    size, stride, samples = case
    samples = 1 if single else samples
    x1, y1, x2, y2 = (nearest(edge / stride) * stride for edge in box) if rounds else box
    if swap:
        x1, y1, x2, y2 = y1, x1, y2, x2

    def read(i: int, j: int, a: int, b: int) -> float:
        y = y1 + (i + (a + inside) / samples) / size * (y2 - y1)
        x = x1 + (j + (b + inside) / samples) / size * (x2 - x1)
        return value_at(feature, y / stride - half, x / stride - half, clip=clip, near=near)

    places = range(samples)
    return [
        [reduce([read(i, j, a, b) for a in places for b in places]) for j in range(size)] for i in range(size)
    ]


def aligned_cases(feature: Array, box: Sequence[float], case: tuple[int, int, int]) -> dict[str, Any]:
    """Aligned values, and what known mistakes give."""
    given = feature, box, case
    return {
        "right": aligned(*given),
        NO_HALF_CELL: aligned(*given, half=0),
        ROUNDS_TO_CELLS: aligned(*given, rounds=True),
        NEAREST_CELL: aligned(*given, near=True),
        ONE_POINT: aligned(*given, single=True),
        TAKES_MAXIMUM: aligned(*given, reduce=max),
        POINTS_AT_CORNERS: aligned(*given, inside=0),
        ALIGN_TRANSPOSED: aligned(*given, swap=True),
        ZERO_OUTSIDE: aligned(*given, clip=False),
    }


def hidden_roi_align(answer: Answer) -> None:
    rng = answer.rng
    for size, stride, samples in ((2, 8, 2), (3, 16, 1), (2, 4, 3), (1, 8, 2)):
        feature = rng.normal(0, 3, (7, 6))
        low = rng.uniform(stride, 2 * stride, 2)
        high = low + rng.uniform(stride, 3 * stride, 2)
        for box in (
            [*low.tolist(), *high.tolist()],
            [0.0, 0.0, 6.0 * stride, 7.0 * stride],
            [0.3 * stride, 1.2 * stride, 0.9 * stride, 6.9 * stride],
            [5.2 * stride, 0.1 * stride, 6.0 * stride, 0.8 * stride],
        ):
            known = aligned_cases(feature, box, (size, stride, samples))
            expect_aligned(answer, feature, box, (size, stride, samples), known.pop("right"), known)


# ch09.rpn_targets


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """IoU of two boxes."""
    inner = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    return inner / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner)


def labelled(
    anchors: Sequence[Sequence[float]],
    boxes: Sequence[Sequence[float]],
    side: int,
    *,
    high: Callable[[float], bool] = lambda share: share >= 0.7,
    low: Callable[[float], bool] = lambda share: share < 0.3,
    champions: str = "all",
    outside: str = "never",
    touching: bool = False,
) -> list[int]:
    """Labels anchor by anchor; each keyword is a known mistake."""

    def fits(anchor: Sequence[float]) -> bool:
        edges = [*anchor, *(side - edge for edge in anchor)]
        return all(edge > 0 for edge in edges) if touching else all(edge >= 0 for edge in edges)

    table = [[overlap(anchor, box) for box in boxes] for anchor in anchors]
    within = [fits(anchor) for anchor in anchors]
    labels = []
    for row in table:
        best = max(row, default=0.0)
        labels.append(1 if high(best) else 0 if low(best) else -1)
    for k in range(len(boxes)) if champions != "none" else ():
        column = [row[k] if ok or outside != "never" else -1.0 for row, ok in zip(table, within, strict=True)]
        top = max(column)
        ties = [n for n, share in enumerate(column) if share == top]
        if top > 0 or champions == "zero":
            for n in ties[:1] if champions == "first" else ties:
                labels[n] = 1
    if outside != "taught":
        labels = [label if ok else -1 for label, ok in zip(labels, within, strict=True)]
    return labels


def label_cases(anchors: Any, boxes: Any, side: int) -> dict[str, Any]:
    """Labels, and what known mistakes give."""
    given = anchors, boxes, side
    right = labelled(*given)
    return {
        "right": right,
        NO_CHAMPION: labelled(*given, champions="none"),
        FIRST_CHAMPION: labelled(*given, champions="first"),
        CHAMPION_APART: labelled(*given, champions="zero"),
        TEACHES_OUTSIDE: labelled(*given, outside="taught"),
        OUTSIDE_COMPETES: labelled(*given, outside="competes"),
        TOUCHING_IS_OUT: labelled(*given, touching=True),
        UPPER_STRICT: labelled(*given, high=lambda share: share > 0.7),
        LOWER_LOOSE: labelled(*given, low=lambda share: share <= 0.3),
        MIDDLE_IS_BACKGROUND: labelled(*given, low=lambda share: share < 0.7),
        HALF_IS_OBJECT: labelled(*given, high=lambda share: share >= 0.5),
        LABELS_SWAPPED: [{-1: 0, 0: -1}.get(label, label) for label in right],
    }


def hidden_rpn_targets(answer: Answer) -> None:
    rng = answer.rng
    anchors = anchors_of(5, 5, 12, [10, 20], [1.0])
    for count in (0, 1, 3, 6):
        low = rng.integers(2, 36, (count, 2))
        boxes = np.concatenate([low, low + rng.integers(8, 24, (count, 2))], axis=1).tolist()
        known = label_cases(anchors, boxes, 60)
        expect_labels(answer, anchors, boxes, 60, known.pop("right"), known)
    x, y = (int(n) for n in rng.integers(12, 30, 2))
    thing, other = [x, y, x + 10, y + 10], [x + 22, y, x + 32, y + 10]
    parts = [[x, y, x + 10, y + int(n)] for n in rng.permutation([2, 3, 6, 7, 10])]
    twins = [[x + 20, y, x + 30, y + 10], [x + 24, y, x + 34, y + 10]]
    edge = [[0, 0, 10, 5], [-1, 0, 10, 10], [0, 2, 10, 10], [90, 85, 100, 100], [91, 85, 101, 100]]
    things = [[thing], [other], [thing, other], [[0, 0, 10, 10], [90, 85, 100, 100]], [[70, 40, 80, 50]]]
    for few in things:
        for some in (
            parts,
            twins,
            parts[1:] + twins,
            edge,
            edge[:2],
            edge[1:2],
            edge + twins + parts,
            [*parts, [-9, y, 8, y + 9]],
        ):
            known = label_cases(some, few, 100)
            expect_labels(answer, some, few, 100, known.pop("right"), known)


# ch09.paste_mask


def pasting(
    mask: Any,
    box: Sequence[float],
    shape: tuple[int, int],
    *,
    pixel: float = 0.5,
    half: float = 0.5,
    near: bool = False,
    repeat: bool = False,
    first: bool = False,
    swap: bool = False,
    rounds: bool = False,
) -> list[list[float]]:
    """Probabilities of an image's pixels, pixel by pixel; each keyword is a known mistake."""
    values = np.array(mask, float)
    values = (values >= 0.5).astype(float) if first else values
    values = values.T if swap else values
    x1, y1, x2, y2 = (nearest(edge) for edge in box) if rounds else box
    count, result = len(values), []
    for row in range(shape[0]):
        line = []
        for column in range(shape[1]):
            v, u = (row + pixel - y1) / (y2 - y1), (column + pixel - x1) / (x2 - x1)
            if repeat and not (0 <= v < 1 and 0 <= u < 1):
                line.append(0.0)
            else:
                line.append(value_at(values, v * count - half, u * count - half, clip=repeat, near=near))
        result.append(line)
    return result


def pasted_cases(mask: Any, box: Sequence[float], shape: tuple[int, int]) -> dict[str, Any]:
    """The mask in the image, and what known mistakes give."""
    given = mask, box, shape

    def cut(values: list[list[float]]) -> Any:
        return np.array(values) >= 0.5

    return {
        "right": cut(pasting(*given)),
        PIXEL_CORNERS: cut(pasting(*given, pixel=0)),
        NO_HALF_VALUE: cut(pasting(*given, half=0)),
        NEAREST_VALUE: cut(pasting(*given, near=True)),
        EDGE_REPEATED: cut(pasting(*given, repeat=True)),
        ABOVE_HALF: np.array(pasting(*given)) > 0.5,
        THRESHOLD_FIRST: cut(pasting(*given, first=True)),
        PASTE_TRANSPOSED: cut(pasting(*given, swap=True)),
        ROUNDS_BOX: cut(pasting(*given, rounds=True)),
        PROBABILITIES: np.array(pasting(*given)),
    }


def hidden_paste_mask(answer: Answer) -> None:
    rng = answer.rng
    for count, height, width in ((3, 12, 16), (4, 15, 11), (2, 10, 10), (5, 14, 14), (1, 8, 9)):
        low = rng.uniform(-1, 4, 2)
        high = low + rng.uniform(5, 9, 2)
        box = [*low.tolist(), *high.tolist()]
        values = rng.uniform(0.1, 1, (count, count)).tolist()
        known = pasted_cases(values, box, (height, width))
        expect_pasted(answer, values, box, (height, width), known.pop("right"), known)
    x, y = (int(n) for n in rng.integers(0, 4, 2))
    for values in ([[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.25, 0.75]]):
        for box in ([x, y, x + 8, y + 4], [x, y, x + 4, y + 8]):
            known = pasted_cases(values, box, (12, 13))
            expect_pasted(answer, values, box, (12, 13), known.pop("right"), known)
    box = [
        x + 0.5,
        y + 0.5,
        x + 2.5,
        y + 2.5,
    ]  # the middle of a pixel lies just where a lone value has faded out
    known = pasted_cases([[1.0]], box, (8, 9))
    expect_pasted(answer, [[1.0]], box, (8, 9), known.pop("right"), known)


# ch09.yolo_encode


def area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def encoded(
    boxes: Sequence[Sequence[float]],
    labels: Sequence[int],
    case: tuple[int, int, int, int],
    *,
    place: str = "cell",
    size: Callable[[float, int], float] = lambda share, cells: share,
    better: str = "larger",
    corner: bool = False,
    swap_cells: bool = False,
    swap_sides: bool = False,
    mixed: bool = False,
) -> Any:
    """What a grid is taught, object by object; each keyword is a known mistake."""
    width, height, cells, classes = case
    if swap_sides:
        width, height = height, width
    owner: dict[tuple[int, int], int] = {}
    claims: dict[tuple[int, int], list[int]] = {}
    middles = []
    for n, box in enumerate(boxes):
        x, y = (box[0], box[1]) if corner else ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        u, v = x / width * cells, y / height * cells
        middles.append((u, v))
        cell = (floor(u), floor(v)) if swap_cells else (floor(v), floor(u))
        claims.setdefault(cell, []).append(n)
        if cell not in owner:
            owner[cell] = n
            continue
        rival = boxes[owner[cell]]
        wins = {
            "larger": area(box) > area(rival),
            "larger or later": area(box) >= area(rival),
            "smaller": area(box) < area(rival),
            "later": True,
            "earlier": False,
            "wider": box[2] - box[0] > rival[2] - rival[0],
        }
        if wins[better]:
            owner[cell] = n
    if any(not (0 <= a < cells and 0 <= b < cells) for a, b in owner):
        return None
    target = np.zeros((cells, cells, 5 + classes))
    for cell, n in owner.items():
        (u, v), box = middles[n], boxes[n]
        inside = (u - floor(u), v - floor(v)) if place == "cell" else (u / cells, v / cells)
        w, h = size((box[2] - box[0]) / width, cells), size((box[3] - box[1]) / height, cells)
        target[cell][:5] = [*inside, w, h, 1]
        for m in claims[cell] if mixed else [n]:
            target[cell][5 + labels[m]] = 1
    return target


def encoded_cases(boxes: Any, labels: Any, case: tuple[int, int, int, int]) -> dict[str, Any]:
    """What a grid is taught, and what known mistakes give."""
    given = boxes, labels, case
    cases = {
        "right": encoded(*given),
        CELLS_TRANSPOSED: encoded(*given, swap_cells=True),
        PLACE_IN_IMAGE: encoded(*given, place="image"),
        ROOTS_OF_SIZES: encoded(*given, size=lambda share, cells: sqrt(share)),
        SIZES_IN_CELLS: encoded(*given, size=lambda share, cells: share * cells),
        SIDES_SWAPPED: encoded(*given, swap_sides=True),
        LATER_WINS: encoded(*given, better="later"),
        EARLIER_WINS: encoded(*given, better="earlier"),
        SMALLER_WINS: encoded(*given, better="smaller"),
        KEEPS_OTHER_CLASS: encoded(*given, mixed=True),
        LAST_OF_EQUALS: encoded(*given, better="larger or later"),
        CORNER_DECIDES: encoded(*given, corner=True),
        WIDER_WINS: encoded(*given, better="wider"),
    }
    return {reason: value for reason, value in cases.items() if value is not None}


def hidden_yolo_encode(answer: Answer) -> None:
    rng = answer.rng
    for count, width, height, cells, classes in (
        (1, 96, 96, 6, 4),
        (5, 80, 60, 5, 3),
        (9, 64, 96, 4, 2),
        (0, 96, 96, 3, 2),
        (20, 90, 70, 3, 5),
    ):
        low = np.stack([rng.integers(0, width - 30, count), rng.integers(0, height - 30, count)], axis=1)
        boxes = np.concatenate([low, low + rng.integers(6, 30, (count, 2))], axis=1).tolist()
        labels = rng.integers(0, classes, count).tolist()
        case = width, height, cells, classes
        known = encoded_cases(boxes, labels, case)
        expect_encoded(answer, boxes, labels, case, known.pop("right"), known)
    x, y = (int(n) for n in rng.integers(20, 30, 2))
    sides = [(8, 8), (14, 4), (6, 12), (4, 16)]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 3), (3, 0), (0, 1)):
        few = [
            [x - sides[n][0] // 2, y - sides[n][1] // 2, x + sides[n][0] // 2, y + sides[n][1] // 2]
            for n in order
        ]
        labels = list(range(len(few)))
        known = encoded_cases(few, labels, (90, 60, 2, 3))
        expect_encoded(answer, few, labels, (90, 60, 2, 3), known.pop("right"), known)
    sides = [(8, 8), (4, 16), (16, 4), (6, 6), (4, 9), (9, 4)]
    crowd = []  # forty of two areas, which a sort that is not stable mixes up
    for n, k in enumerate(rng.integers(0, 6, 40).tolist()):
        x, y, (w, h) = 20 * (n % 5) + 10, 20 * (n % 4) + 10, sides[k]
        crowd.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    labels = rng.integers(0, 3, 40).tolist()
    known = encoded_cases(crowd, labels, (100, 100, 5, 3))
    expect_encoded(answer, crowd, labels, (100, 100, 5, 3), known.pop("right"), known)


# ch09.yolo_loss


def around(box: Sequence[float], unit: float) -> list[float]:
    """Corners of a box whose middle is measured in another unit."""
    x, y, w, h = box[:4]
    return [x / unit - w / 2, y / unit - h / 2, x / unit + w / 2, y / unit + h / 2]


def losses(
    predicted: Any,
    target: Any,
    *,
    unit: float | None = None,
    root: Callable[[float], float] = sqrt,
    confident: bool = False,
    choose: str = "iou",
    empty: str = "right",
    weight: float = 5,
    empty_weight: float = 0.5,
    classes_everywhere: bool = False,
    classes_by_box: bool = False,
) -> list[float]:
    """The five terms, number by number; each keyword is a known mistake."""
    p, t = np.array(predicted, float).tolist(), np.array(target, float).tolist()
    cells, classes = len(t), len(t[0][0]) - 5
    middle = size = there = nothing = kinds = 0.0
    for row in range(cells):
        for column in range(cells):
            numbers, truth = p[row][column], t[row][column]
            count = (len(numbers) - classes) // 5
            boxes = [numbers[5 * k : 5 * k + 5] for k in range(count)]
            error = sum((a - b) ** 2 for a, b in zip(numbers[5 * count :], truth[5:], strict=True))
            if not truth[4]:
                nothing += sum(box[4] ** 2 for box in boxes)
                kinds += error if classes_everywhere else 0.0
                continue
            kinds += error * (count if classes_by_box else 1)
            real = around(truth, unit or cells)
            shares = [overlap(around(box, unit or cells), real) for box in boxes]
            best = {
                "iou": [shares.index(max(shares))],
                "last": [max(k for k in range(count) if shares[k] == max(shares))],
                "first": [0],
                "confidence": [max(range(count), key=lambda k: boxes[k][4])],
                "every": list(range(count)),
            }[choose]
            for k, box in enumerate(boxes):
                if k in best:
                    middle += (box[0] - truth[0]) ** 2 + (box[1] - truth[1]) ** 2
                    size += (root(box[2]) - root(truth[2])) ** 2 + (root(box[3]) - root(truth[3])) ** 2
                    there += (box[4] - (1.0 if confident else shares[k])) ** 2
                    nothing += box[4] ** 2 if empty == "responsible too" else 0.0
                elif empty != "cells":
                    nothing += box[4] ** 2
    return [weight * middle, weight * size, there, empty_weight * nothing, kinds]


def loss_cases(predicted: Any, target: Any) -> dict[str, Any]:
    """The five terms, and what known mistakes give."""
    given = predicted, target
    return {
        "right": losses(*given),
        IOU_IN_CELLS: losses(*given, unit=1),
        NO_ROOTS: losses(*given, root=lambda number: number),
        CONFIDENCE_OF_ONE: losses(*given, confident=True),
        EVERY_BOX: losses(*given, choose="every"),
        FIRST_BOX: losses(*given, choose="first"),
        MOST_CONFIDENT: losses(*given, choose="confidence"),
        LAST_OF_BOXES: losses(*given, choose="last"),
        EMPTY_CELLS_ONLY: losses(*given, empty="cells"),
        RESPONSIBLE_TOO: losses(*given, empty="responsible too"),
        NO_COORDINATE_WEIGHT: losses(*given, weight=1),
        NO_EMPTY_WEIGHT: losses(*given, empty_weight=1),
        CLASSES_EVERYWHERE: losses(*given, classes_everywhere=True),
        CLASSES_BY_BOX: losses(*given, classes_by_box=True),
    }


def hidden_yolo_loss(answer: Answer) -> None:
    rng = answer.rng
    for cells, count, classes in ((2, 2, 3), (3, 2, 4), (2, 3, 2), (4, 1, 2), (1, 2, 1)):
        target = np.zeros((cells, cells, 5 + classes))
        for place in rng.permutation(cells * cells)[: (cells * cells + 1) // 2]:
            cell = target[place // cells, place % cells]
            cell[:4], cell[4] = rng.uniform(0.2, 0.8, 4), 1
            cell[5 + rng.integers(0, classes)] = 1
        predicted = rng.uniform(0.05, 0.95, (cells, cells, 5 * count + classes))
        for some in (target, np.zeros_like(target)):
            known = loss_cases(predicted, some)
            expect_loss(answer, predicted, some, known.pop("right"), known)
    twin = rng.uniform(0.3, 0.7, 4).tolist()
    truth = [[[*rng.uniform(0.3, 0.7, 4).tolist(), 1.0, 0.0, 1.0]]]
    twins = [[[*twin, 0.8, *twin, 0.3, 0.2, 0.6]]]
    apart = [[[0.1, 0.1, 0.1, 0.1, 0.3, 0.9, 0.9, 0.1, 0.1, 0.8, 0.2, 0.6]]]
    known = loss_cases(twins, truth)
    expect_loss(answer, twins, truth, known.pop("right"), known)
    far = [[[0.5, 0.5, 0.2, 0.2, 1.0, 1.0, 0.0]]]
    known = loss_cases(apart, far)
    expect_loss(answer, apart, far, known.pop("right"), known)


# ch09.choose_proposals


def first_hit(
    box: Sequence[float], ranked: Sequence[Sequence[float]], least: Callable[[float], bool]
) -> float:
    """Rank of the first proposal that finds an object, from 1."""
    return next((n + 1.0 for n, proposal in enumerate(ranked) if least(overlap(proposal, box))), inf)


def number_of_proposals(
    found: Any,
    truth: Any,
    target: float,
    *,
    order: str = "best",
    least: Callable[[float], bool] = lambda share: share >= 0.5,
    enough: Callable[[float, float], bool] = lambda recall, target: recall >= target,
    reach: str = "each",
    each_once: bool = False,
    any_image: bool = False,
    pool: bool = False,
) -> int | None:
    """The smallest number, tried one after the other; each keyword is a known mistake."""
    ranks: list[tuple[float, int]] = []
    images: list[list[Any]] = []
    everything = []
    for boxes, scores in found:
        places = list(range(len(scores)))
        if order != "input":
            places.sort(key=lambda n: scores[n] if order == "worst" else -scores[n])
        if order == "last":
            places = sorted(places, key=lambda n: (-scores[n], -n))
        images.append([boxes[n] for n in places])
        everything += [(-scores[n], len(images) - 1, boxes[n]) for n in places]
    everything.sort(key=lambda row: row[0])
    for image, (boxes, labels) in enumerate(truth):
        if pool:
            ranked = [box if owner == image else [-2, -2, -1, -1] for _, owner, box in everything]
        elif any_image:
            longest = max((len(one) for one in images), default=0)
            for box, label in zip(boxes, labels, strict=True):
                hits = [first_hit(box, one[:longest], least) for one in images]
                ranks.append((min(hits), label))
            continue
        else:
            ranked = images[image]
        if each_once:
            waiting = list(range(len(boxes)))
            got: dict[int, float] = {}
            for n, proposal in enumerate(ranked):
                near = [k for k in waiting if least(overlap(proposal, boxes[k]))]
                if near:
                    k = max(near, key=lambda k: overlap(proposal, boxes[k]))
                    got[k] = n + 1.0
                    waiting.remove(k)
            ranks += [(got.get(k, inf), labels[k]) for k in range(len(boxes))]
        else:
            ranks += [
                (first_hit(box, ranked, least), label) for box, label in zip(boxes, labels, strict=True)
            ]
    most = len(everything) if pool else max(len(scores) for _, scores in found)
    for n in range(1, most + 1):
        shares = []
        for label in sorted({label for _, label in ranks}):
            mine = [rank <= n for rank, kind in ranks if kind == label]
            shares.append(sum(mine) / len(mine))
        if reach == "all":
            shares = [sum(rank <= n for rank, _ in ranks) / len(ranks)]
        if reach == "mean":
            shares = [sum(shares) / len(shares)]
        if all(enough(share, target) for share in shares):
            return n
    return None


def proposal_cases(found: Any, truth: Any, target: float) -> dict[str, Any]:
    """The smallest number, and what known mistakes give."""
    given = found, truth, target
    right = number_of_proposals(*given)
    cases = {
        "right": right,
        ALL_TOGETHER: number_of_proposals(*given, reach="all"),
        MEAN_OF_CLASSES: number_of_proposals(*given, reach="mean"),
        INPUT_ORDER: number_of_proposals(*given, order="input"),
        LOWEST_FIRST: number_of_proposals(*given, order="worst"),
        LAST_OF_TIES: number_of_proposals(*given, order="last"),
        IOU_STRICT: number_of_proposals(*given, least=lambda share: share > 0.5),
        TARGET_STRICT: number_of_proposals(*given, enough=lambda recall, target: recall > target),
        POOLED_IMAGES: number_of_proposals(*given, pool=True),
        OTHER_IMAGES: number_of_proposals(*given, any_image=True),
        ONE_OBJECT_EACH: number_of_proposals(*given, each_once=True),
    }
    if right is None:
        cases[LARGEST_NUMBER] = max(len(scores) for _, scores in found)
    else:
        cases[COUNTS_FROM_ZERO] = right - 1
    return cases


def hidden_choose_proposals(answer: Answer) -> None:
    rng = answer.rng
    for images, count, target in (
        (1, 8, 0.5),
        (3, 12, 0.75),
        (5, 15, 0.5),
        (4, 20, 0.9),
        (3, 5, 1.0),
        (6, 12, 0.25),
    ):
        found, truth = [], []
        for _ in range(images):
            low = rng.integers(0, 30, (3, 2))
            real = np.concatenate([low, low + rng.integers(8, 16, (3, 2))], axis=1)
            near = real[rng.integers(0, 3, count)] + rng.integers(-4, 5, (count, 4))
            near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 2)
            near = near[: int(rng.integers(count // 2, count + 1))]
            scores = (rng.permutation(100)[: len(near)] / 100).tolist()
            found.append((near.tolist(), scores))
            truth.append((real.tolist(), rng.integers(0, 2, 3).tolist()))
        known = proposal_cases(found, truth, target)
        expect_number_of_proposals(answer, found, truth, target, known.pop("right"), known)
    x, y = (int(n) for n in rng.integers(0, 20, 2))
    thing, beside, other = ([x + s, y, x + s + 10, y + 10] for s in (0, 2, 40))
    half, away = [x, y, x + 10, y + 5], [x, y + 50, x + 10, y + 60]
    for scores in ([0.9, 0.7, 0.5, 0.3], [0.3, 0.5, 0.7, 0.9], [0.5, 0.9, 0.3, 0.7], [0.5, 0.5, 0.5, 0.5]):
        for proposals in (
            [thing, other, away, half],
            [away, half, away, other],
            [beside, away, other, thing],
        ):
            for objects, labels, target in (
                ([thing, beside], [0, 1], 1.0),
                ([thing, other], [0, 1], 1.0),
                ([thing, other, away], [0, 0, 1], 0.5),
                ([thing, other], [1, 1], 0.0),
            ):
                found = [(proposals, scores), ([away, thing, half], scores[:3]), ([], [])]
                missed: tuple[Any, Any] = ([other], [0]) if target < 1 else ([], [])
                truth = [(objects, labels), ([thing], [2]), missed]
                known = proposal_cases(found, truth, target)
                expect_number_of_proposals(answer, found, truth, target, known.pop("right"), known)
    for place in rng.integers(5, 35, 3).tolist():
        scores = rng.choice([0.5, 0.75], 40).tolist()  # ties, which a sort that is not stable mixes up
        found = [([thing if n == place else away for n in range(40)], scores)]
        truth = [([thing], [0])]
        known = proposal_cases(found, truth, 1.0)
        expect_number_of_proposals(answer, found, truth, 1.0, known.pop("right"), known)


# The answers


ANCHORS = """import numpy as np

def make_anchors(height, width, stride, scales, ratios):
    result = []
    for row in range(height):
        for column in range(width):
            x, y = (column + 0.5) * stride, (row + 0.5) * stride
            for scale in scales:
                for ratio in ratios:
                    w, h = scale / np.sqrt(ratio), scale * np.sqrt(ratio)
                    result.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    return np.array(result)
"""

POOL = """import numpy as np

def roi_pool(feature, box, rows, columns, stride):
    height, width = feature.shape
    cells = np.floor(box / stride + 0.5).astype(int)
    left, top, right, bottom = np.minimum(cells, [width - 1, height - 1, width - 1, height - 1])
    inside = feature[top : bottom + 1, left : right + 1]
    h, w = inside.shape
    result = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            first, last = i * h // rows, -(-(i + 1) * h // rows)
            start, end = j * w // columns, -(-(j + 1) * w // columns)
            result[i, j] = inside[first:last, start:end].max()
    return result
"""

ALIGN = """import numpy as np

def weights(low, high, points, stride, cells):
    places = low + (np.arange(points) + 0.5) / points * (high - low)
    places = np.clip(places / stride - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(cells)))

def roi_align(feature, box, size, stride, samples):
    x1, y1, x2, y2 = box
    rows = weights(y1, y2, size * samples, stride, feature.shape[0])
    columns = weights(x1, x2, size * samples, stride, feature.shape[1])
    values = rows @ feature @ columns.T
    return values.reshape(size, samples, size, samples).mean(axis=(1, 3))
"""

LABELS = """import numpy as np
from course_utils.detection import box_iou

def rpn_labels(anchors, boxes, side):
    inside = ((anchors >= 0) & (anchors <= side)).all(axis=1)
    iou = box_iou(anchors, boxes) * inside[:, None]
    best = iou.max(axis=1, initial=0)
    champion = (iou > 0) & (iou == iou.max(axis=0, initial=0))
    labels = np.where(best >= 0.7, 1, np.where(best < 0.3, 0, -1))
    labels[champion.any(axis=1)] = 1
    labels[~inside] = -1
    return labels
"""

PASTE = """import numpy as np

def weights(low, high, pixels, count):
    share = (np.arange(pixels) + 0.5 - low) / (high - low)
    places = share * count - 0.5
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(count)))

def paste_mask(mask, box, height, width):
    x1, y1, x2, y2 = box
    rows = weights(y1, y2, height, len(mask))
    columns = weights(x1, x2, width, len(mask))
    return rows @ mask @ columns.T >= 0.5
"""

ENCODE = """import numpy as np

def yolo_encode(boxes, labels, width, height, cells, classes):
    target = np.zeros((cells, cells, 5 + classes))
    size = boxes[:, 2:] - boxes[:, :2]
    for n in np.argsort(-size[:, 0] * size[:, 1], kind="stable"):
        x, y = (boxes[n, :2] + boxes[n, 2:]) / 2 / [width, height] * cells
        column, row = int(x), int(y)
        if target[row, column, 4] == 0:
            w, h = size[n] / [width, height]
            target[row, column, :5] = x - column, y - row, w, h, 1
            target[row, column, 5 + labels[n]] = 1
    return target
"""

LOSS = """import numpy as np
from course_utils.detection import box_iou

def corners(boxes, cells):
    middle, half = boxes[:, :2] / cells, boxes[:, 2:4] / 2
    return np.concatenate([middle - half, middle + half], axis=1)

def yolo_loss(predicted, target):
    cells, classes = len(target), target.shape[-1] - 5
    middle = size = there = nothing = kinds = 0.0
    for row in range(cells):
        for column in range(cells):
            truth, numbers = target[row, column], predicted[row, column]
            boxes = numbers[:-classes].reshape(-1, 5)
            nothing += (boxes[:, 4] ** 2).sum()
            if truth[4] == 1:
                iou = box_iou(corners(boxes, cells), corners(truth[None], cells))[:, 0]
                k = iou.argmax()
                middle += ((boxes[k, :2] - truth[:2]) ** 2).sum()
                size += ((np.sqrt(boxes[k, 2:4]) - np.sqrt(truth[2:4])) ** 2).sum()
                there += (boxes[k, 4] - iou[k]) ** 2
                nothing -= boxes[k, 4] ** 2
                kinds += ((numbers[-classes:] - truth[5:]) ** 2).sum()
    return 5 * middle, 5 * size, there, 0.5 * nothing, kinds
"""

CHOOSE = """import numpy as np
from course_utils.detection import box_iou

def choose_proposals(found, truth, target):
    ranks = {}
    for (boxes, scores), (real, labels) in zip(found, truth):
        order = np.argsort(-scores, kind="stable")
        hits = box_iou(real, boxes[order]) >= 0.5
        for row, label in zip(hits, labels):
            rank = row.argmax() + 1 if row.any() else np.inf
            ranks.setdefault(label, []).append(rank)
    for n in range(1, max(len(scores) for _, scores in found) + 1):
        if all(np.mean(np.array(each) <= n) >= target for each in ranks.values()):
            return n
    return None
"""


ANSWERS: dict[str, Key] = {
    "ch09.predict_align": chosen(
        "イ",
        explanation="20 と 52 を 8 で割ると 2.5 と 6.5、丸めて 3 と 7 です。23 と 55 なら 2.875 と 6.875 で、丸めるとやはり 3 と 7。RoI プーリングは同じマスを読むので、箱が動いたことが分かりません。",
        wrong={
            "ア": "RoI プーリングは、箱の端をマスに丸めます。3 画素のずれが、そのまま値に現れるとは限りません。",
            "ウ": "マス 1 つ分 (8 画素) 跳ぶのは、丸めた番号が変わるときです。2.875 も 6.875 も、動かす前と同じ番号に丸められます。",
        },
    ),
    "ch09.roi_pool": Key(
        reference=POOL,
        explanation="箱の端を丸め、さらに区画の境もマスに丸めます。この 2 度の丸めが、RoI アラインとの違いです。",
        alternatives={
            "縦と横を順に": """import math
import numpy as np

def bins(low, high, count, stride, cells):
    low, high = (min(math.floor(edge / stride + 0.5), cells - 1) for edge in (low, high))
    n = high - low + 1
    return [slice(low + math.floor(k * n / count), low + math.ceil((k + 1) * n / count)) for k in range(count)]

def roi_pool(feature, box, rows, columns, stride):
    down = bins(box[1], box[3], rows, stride, feature.shape[0])
    across = bins(box[0], box[2], columns, stride, feature.shape[1])
    narrow = np.stack([feature[part].max(axis=0) for part in down])
    return np.stack([narrow[:, part].max(axis=1) for part in across], axis=1)
""",
        },
        mistakes={
            "終わりのマスがない": Mistake(
                changed(
                    POOL,
                    "feature[top : bottom + 1, left : right + 1]",
                    "feature[top : max(bottom, top + 1), left : max(right, left + 1)]",
                ),
                "終わりのマスが入って",
            ),
            "切り捨てる": Mistake(changed(POOL, "stride + 0.5", "stride"), "端を切り捨てて"),
            "np.round": Mistake(
                changed(POOL, "np.floor(box / stride + 0.5)", "np.round(box / stride)"), "偶数のほうに"
            ),
            "平均": Mistake(changed(POOL, "end].max()", "end].mean()"), "区画の平均"),
            "終わりを切り捨てる": Mistake(
                POOL.replace("-(-(i + 1) * h // rows)", "(i + 1) * h // rows")
                .replace("-(-(j + 1) * w // columns)", "(j + 1) * w // columns")
                .replace(
                    "[first:last, start:end]", "[first : max(last, first + 1), start : max(end, start + 1)]"
                ),
                "区画の終わりを切り捨てて",
            ),
            "外まで数える": Mistake(
                changed(
                    changed(
                        POOL, "np.minimum(cells, [width - 1, height - 1, width - 1, height - 1])", "cells"
                    ),
                    "h, w = inside.shape",
                    "h, w = bottom - top + 1, right - left + 1",
                ),
                "特徴マップの外のマスまで",
            ),
            "縦と横が逆": Mistake(
                changed(POOL, "box / stride", "box[[1, 0, 3, 2]] / stride"), "縦と横が逆です。特徴"
            ),
            "結果の形が逆": Mistake(
                changed(POOL, "return result", "return result.T"), "rows と columns が逆"
            ),
            "stride で割らない": Mistake(changed(POOL, "box / stride", "box"), "stride で割って"),
        },
        hidden=hidden_roi_pool,
        equivalent={"[width - 1, height - 1, width + 1, height - 1]": "a slice ends with the map"},
    ),
    "ch09.roi_align": Key(
        reference=ALIGN,
        explanation="縦の重みの表と横の重みの表を掛けるだけで、全部の点の双線形補間になります。点を増やすと、区画の中をまんべんなく見ます。",
        alternatives={
            "1 点ずつ": """import numpy as np

def roi_align(feature, box, size, stride, samples):
    height, width = feature.shape

    def read(y, x):
        y = min(max(y / stride - 0.5, 0), height - 1)
        x = min(max(x / stride - 0.5, 0), width - 1)
        top, left = min(int(y), height - 2), min(int(x), width - 2)
        a, b = y - top, x - left
        upper = (1 - b) * feature[top, left] + b * feature[top, left + 1]
        lower = (1 - b) * feature[top + 1, left] + b * feature[top + 1, left + 1]
        return (1 - a) * upper + a * lower

    result = np.zeros((size, size))
    h, w = (box[3] - box[1]) / size, (box[2] - box[0]) / size
    for i in range(size):
        for j in range(size):
            for a in range(samples):
                for b in range(samples):
                    y = box[1] + (i + (a + 0.5) / samples) * h
                    x = box[0] + (j + (b + 0.5) / samples) * w
                    result[i, j] += read(y, x) / samples**2
    return result
""",
        },
        mistakes={
            "0.5 を引かない": Mistake(changed(ALIGN, "stride - 0.5", "stride"), "0.5 を引いて"),
            "端を丸める": Mistake(
                changed(ALIGN, "= box\n", "= np.floor(box / stride + 0.5) * stride\n"),
                "それは RoI プーリング",
            ),
            "いちばん近いマス": Mistake(
                changed(ALIGN, "0, cells - 1)\n", "0, cells - 1)\n    places = np.floor(places + 0.5)\n"),
                "いちばん近いマスの値",
            ),
            "1 点だけ": Mistake(
                changed(ALIGN, "    x1, y1", "    samples = 1\n    x1, y1"), "真ん中の 1 点だけ"
            ),
            "最大値": Mistake(changed(ALIGN, ".mean(", ".max("), "点の最大値"),
            "小さな区画の角": Mistake(
                changed(ALIGN, "(np.arange(points) + 0.5)", "np.arange(points)"), "点の位置が"
            ),
            "縦と横が逆": Mistake(
                changed(ALIGN, "x1, y1, x2, y2 = box", "y1, x1, y2, x2 = box"), "縦と横が逆"
            ),
            "番号を収めない": Mistake(
                changed(ALIGN, "np.clip(places / stride - 0.5, 0, cells - 1)", "places / stride - 0.5"),
                "端より外で",
            ),
        },
        hidden=hidden_roi_align,
    ),
    "ch09.anchors": Key(
        reference=ANCHORS,
        explanation="幅を √比 で割り、高さに √比 を掛けるので、面積は scale² のまま変わりません。",
        alternatives={
            "meshgrid で": """import numpy as np

def make_anchors(height, width, stride, scales, ratios):
    y, x, s, r = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, scales, ratios, indexing="ij")
    w = np.sqrt(s**2 / r)
    h = r * w
    x, y = x * stride, y * stride
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=-1).reshape(-1, 4)
""",
        },
        mistakes={
            "左上の角": Mistake(
                changed(
                    ANCHORS, "(column + 0.5) * stride, (row + 0.5) * stride", "column * stride, row * stride"
                ),
                "マスの左上の角",
            ),
            "高さだけ": Mistake(
                changed(ANCHORS, "scale / np.sqrt(ratio), scale * np.sqrt(ratio)", "scale, scale * ratio"),
                "比を高さだけに",
            ),
            "平方根がない": Mistake(ANCHORS.replace("np.sqrt(ratio)", "ratio"), "平方根を取って"),
            "幅と高さが逆": Mistake(changed(ANCHORS, "w, h = scale", "h, w = scale"), "幅と高さが逆"),
            "比が外側": Mistake(
                """import numpy as np

def make_anchors(height, width, stride, scales, ratios):
    result = []
    for row in range(height):
        for column in range(width):
            x, y = (column + 0.5) * stride, (row + 0.5) * stride
            for ratio in ratios:
                for scale in scales:
                    w, h = scale / np.sqrt(ratio), scale * np.sqrt(ratio)
                    result.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    return np.array(result)
""",
                "同じマスの中の順",
            ),
            "列が外側": Mistake(
                ANCHORS.replace("for row in range(height)", "for column in range(width)", 1).replace(
                    "        for column in range(width)", "        for row in range(height)"
                ),
                "縦に進んで",
            ),
            "中心と大きさ": Mistake(
                changed(ANCHORS, "[x - w / 2, y - h / 2, x + w / 2, y + h / 2]", "[x, y, w, h]"),
                "中心と幅と高さ",
            ),
            "2 倍": Mistake(ANCHORS.replace(" / 2", ""), "2 倍です"),
            "アンカーが外側": Mistake(
                """import numpy as np

def make_anchors(height, width, stride, scales, ratios):
    result = []
    for scale in scales:
        for ratio in ratios:
            w, h = scale / np.sqrt(ratio), scale * np.sqrt(ratio)
            for row in range(height):
                for column in range(width):
                    x, y = (column + 0.5) * stride, (row + 0.5) * stride
                    result.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    return np.array(result)
""",
                "マスより外側",
            ),
            "角の x と y が逆": Mistake(
                changed(
                    ANCHORS,
                    "[x - w / 2, y - h / 2, x + w / 2, y + h / 2]",
                    "[y - h / 2, x - w / 2, y + h / 2, x + w / 2]",
                ),
                "x と y が逆",
            ),
        },
        hidden=hidden_anchors,
    ),
    "ch09.rpn_targets": Key(
        reference=LABELS,
        explanation="はみ出すアンカーの IoU を先に 0 にしておくと、0.7 の規則でも、いちばん合うアンカーの規則でも選ばれません。",
        alternatives={
            "1 つずつ": """import numpy as np
from course_utils.detection import box_iou

def rpn_labels(anchors, boxes, side):
    labels = np.full(len(anchors), -1)
    usable = [n for n, a in enumerate(anchors) if min(a) >= 0 and max(a) <= side]
    if not len(boxes):
        labels[usable] = 0
        return labels
    iou = box_iou(anchors, boxes)
    for n in usable:
        if iou[n].max() >= 0.7:
            labels[n] = 1
        elif iou[n].max() < 0.3:
            labels[n] = 0
    for k in range(len(boxes)):
        top = max((iou[n, k] for n in usable), default=0)
        for n in usable:
            if iou[n, k] == top > 0:
                labels[n] = 1
    return labels
""",
        },
        mistakes={
            "いちばん合うアンカーがない": Mistake(
                changed(LABELS, "    labels[champion.any(axis=1)] = 1\n", ""), "0.7 に届かない"
            ),
            "最初の 1 つだけ": Mistake(
                changed(
                    LABELS,
                    "    labels[champion.any(axis=1)] = 1\n",
                    "    for k in range(len(boxes)):\n        if iou[:, k].max() > 0:\n            labels[iou[:, k].argmax()] = 1\n",
                ),
                "2 つとも 1",
            ),
            "重ならなくても": Mistake(changed(LABELS, "(iou > 0) & ", ""), "どのアンカーとも重ならない"),
            "はみ出すアンカーも教える": Mistake(
                changed(changed(LABELS, " * inside[:, None]", ""), "    labels[~inside] = -1\n", ""),
                "使わないので −1",
            ),
            "はみ出すアンカーと比べる": Mistake(
                changed(LABELS, " * inside[:, None]", ""), "はみ出すアンカーも入れて"
            ),
            "接すると除く": Mistake(
                changed(LABELS, "(anchors >= 0) & (anchors <= side)", "(anchors > 0) & (anchors < side)"),
                "ちょうど接する",
            ),
            "0.7 を除く": Mistake(changed(LABELS, "best >= 0.7", "best > 0.7"), "ちょうど 0.7"),
            "0.3 を背景に": Mistake(changed(LABELS, "best < 0.3", "best <= 0.3"), "ちょうど 0.3"),
            "間も背景": Mistake(changed(LABELS, "best < 0.3", "best < 0.7"), "0.3 以上 0.7 未満"),
            "0.5 から物体": Mistake(changed(LABELS, "best >= 0.7", "best >= 0.5"), "論文と同じ 0.7"),
            "0 と −1 が逆": Mistake(
                changed(changed(LABELS, "0, -1))", "-1, 0))"), "labels[~inside] = -1", "labels[~inside] = 0"),
                "0 と −1 が逆",
            ),
        },
        hidden=hidden_rpn_targets,
        equivalent={"iou == iou.max(axis=0))": "there is always an anchor; only things may be none"},
    ),
    "ch09.choose_proposals": Key(
        reference=CHOOSE,
        explanation="物体ごとに「何番目で初めて拾われるか」を 1 度調べれば、提案の数を変えるたびに数え直さずに済みます。全部の平均だけを見ると、いつも見落とされるクラスに気づけません。",
        alternatives={
            "数を変えて測り直す": """import numpy as np
from course_utils.detection import box_iou

def choose_proposals(found, truth, target):
    def recalls(n):
        got, all_objects = {}, {}
        for (boxes, scores), (real, labels) in zip(found, truth):
            kept = boxes[np.argsort(-scores, kind="stable")[:n]]
            best = box_iou(real, kept).max(axis=1, initial=0)
            for share, label in zip(best, labels):
                got[label] = got.get(label, 0) + (share >= 0.5)
                all_objects[label] = all_objects.get(label, 0) + 1
        return [got[label] / all_objects[label] for label in got]

    for n in range(1, max(len(boxes) for boxes, _ in found) + 1):
        if min(recalls(n)) >= target:
            return n
""",
        },
        mistakes={
            "全部の再現率": Mistake(
                changed(CHOOSE, "setdefault(label,", "setdefault(0,"), "クラスを分けずに"
            ),
            "クラスの平均": Mistake(
                changed(
                    CHOOSE,
                    "all(np.mean(np.array(each) <= n) >= target for each in ranks.values())",
                    "np.mean([np.mean(np.array(each) <= n) for each in ranks.values()]) >= target",
                ),
                "クラスの再現率の平均",
            ),
            "並べない": Mistake(
                changed(CHOOSE, 'np.argsort(-scores, kind="stable")', "np.arange(len(scores))"),
                "並んでいる順に",
            ),
            "低い順": Mistake(changed(CHOOSE, "argsort(-scores", "argsort(scores"), "得点の低い順"),
            "同点で後": Mistake(
                changed(CHOOSE, 'argsort(-scores, kind="stable")', 'argsort(scores, kind="stable")[::-1]'),
                "得点が等しいとき",
            ),
            "0.5 を除く": Mistake(changed(CHOOSE, ">= 0.5", "> 0.5"), "IoU がちょうど 0.5"),
            "target を除く": Mistake(changed(CHOOSE, ">= target", "> target"), "ちょうど target"),
            "全部の画像を混ぜる": Mistake(
                """import numpy as np
from course_utils.detection import box_iou

def choose_proposals(found, truth, target):
    everything = sorted(
        ((-score, image, box) for image, (boxes, scores) in enumerate(found) for box, score in zip(boxes, scores)),
        key=lambda row: row[0],
    )
    ranks = {}
    for image, (real, labels) in enumerate(truth):
        for box, label in zip(real, labels):
            rank = np.inf
            for n, (_, owner, proposal) in enumerate(everything):
                if owner == image and box_iou(box[None], proposal[None])[0, 0] >= 0.5:
                    rank = n + 1
                    break
            ranks.setdefault(label, []).append(rank)
    for n in range(1, len(everything) + 1):
        if all(np.mean(np.array(each) <= n) >= target for each in ranks.values()):
            return n
    return None
""",
                "全部の画像の提案を",
            ),
            "別の画像の提案": Mistake(
                """import numpy as np
from course_utils.detection import box_iou

def choose_proposals(found, truth, target):
    ranks = {}
    for real, labels in truth:
        for box, label in zip(real, labels):
            rank = np.inf
            for boxes, scores in found:
                hits = box_iou(box[None], boxes[np.argsort(-scores, kind="stable")])[0] >= 0.5
                if hits.any():
                    rank = min(rank, hits.argmax() + 1)
            ranks.setdefault(label, []).append(rank)
    for n in range(1, max(len(scores) for _, scores in found) + 1):
        if all(np.mean(np.array(each) <= n) >= target for each in ranks.values()):
            return n
    return None
""",
                "別の画像の提案で",
            ),
            "1 つの提案に 1 つ": Mistake(
                changed(
                    CHOOSE,
                    "        for row, label in zip(hits, labels):\n",
                    "        iou = box_iou(real, boxes[order])\n        free = list(range(len(real)))\n        for n in range(len(order)):\n            near = [k for k in free if hits[k, n]]\n            for k in near:\n                hits[k, n] = False\n            if near:\n                k = max(near, key=lambda k: iou[k, n])\n                free.remove(k)\n                hits[k] = False\n                hits[k, n] = True\n        for row, label in zip(hits, labels):\n",
                ),
                "1 つの物体しか拾わせて",
            ),
            "届かなくても全部": Mistake(changed(CHOOSE, "return None", "return n"), "None を返します"),
            "0 から数える": Mistake(
                changed(CHOOSE, "            return n\n", "            return n - 1\n"), "1 つ小さく"
            ),
        },
        hidden=hidden_choose_proposals,
        equivalent={"for _, scores in found) + 2)": "one more than all proposals finds no more"},
    ),
    "ch09.paste_mask": Key(
        reference=PASTE,
        explanation="RoI アラインと同じ重みで、逆に画像の画素からマスクを読みます。マスクの外を 0 とするので、全部 1 のマスクの辺は、ちょうど箱の辺に来ます。",
        alternatives={
            "0 で囲んでから 1 点ずつ": """import numpy as np

def paste_mask(mask, box, height, width):
    m = len(mask)
    framed = np.pad(np.asarray(mask, float), 1)
    result = np.zeros((height, width), dtype=bool)
    for row in range(height):
        for column in range(width):
            y = (row + 0.5 - box[1]) * m / (box[3] - box[1]) + 0.5
            x = (column + 0.5 - box[0]) * m / (box[2] - box[0]) + 0.5
            if 0 <= y < m + 1 and 0 <= x < m + 1:
                top, left = int(y), int(x)
                a, b = y - top, x - left
                part = framed[top : top + 2, left : left + 2]
                result[row, column] = [1 - a, a] @ part @ [1 - b, b] >= 0.5
    return result
""",
        },
        mistakes={
            "画素の角": Mistake(
                changed(PASTE, "(np.arange(pixels) + 0.5 - low)", "(np.arange(pixels) - low)"), "画素の角"
            ),
            "0.5 を引かない": Mistake(changed(PASTE, "share * count - 0.5", "share * count"), "0.5 を引いて"),
            "いちばん近い値": Mistake(
                changed(PASTE, "share * count - 0.5", "np.floor(share * count)"), "いちばん近い値"
            ),
            "端を延ばす": Mistake(
                changed(
                    changed(PASTE, "share * count - 0.5\n", "np.clip(share * count - 0.5, 0, count - 1)\n"),
                    "np.maximum(0,",
                    "((share >= 0) & (share < 1))[:, None] * np.maximum(0,",
                ),
                "端の値を、外へ",
            ),
            "0.5 を除く": Mistake(changed(PASTE, ">= 0.5", "> 0.5"), "ちょうど 0.5"),
            "先に切る": Mistake(changed(PASTE, "@ mask @", "@ (mask >= 0.5) @"), "混ぜる前に"),
            "縦と横が逆": Mistake(changed(PASTE, "@ mask @", "@ mask.T @"), "縦と横が逆"),
            "箱を丸める": Mistake(changed(PASTE, "= box\n", "= np.floor(box + 0.5)\n"), "整数の画素に丸めて"),
            "確率のまま": Mistake(changed(PASTE, " >= 0.5", ""), "確率のままです"),
            "0 と 1 の数": Mistake(
                changed(
                    PASTE,
                    "return rows @ mask @ columns.T >= 0.5",
                    "return (rows @ mask @ columns.T >= 0.5).astype(int)",
                ),
                "真偽値 (bool) の配列",
            ),
        },
        hidden=hidden_paste_mask,
        equivalent={"if 0 < y < m + 1": "just there the frame's zeros have the whole weight"},
    ),
    "ch09.yolo_encode": Key(
        reference=ENCODE,
        explanation="面積の大きい順に置き、空いているマスにだけ書けば、小さいほうは自然に落ちます。落ちた物体は、学習で一度も教わりません。",
        alternatives={
            "小さい順に上書き": """import numpy as np

def yolo_encode(boxes, labels, width, height, cells, classes):
    target = np.zeros((cells, cells, 5 + classes))
    rows = [(w * h, -n, x, y, w, h) for n, (x, y, w, h) in enumerate(
        ((a + c) / 2, (b + d) / 2, c - a, d - b) for a, b, c, d in boxes.tolist()
    )]
    for _, n, x, y, w, h in sorted(rows):
        column, u = divmod(x * cells / width, 1)
        row, v = divmod(y * cells / height, 1)
        target[int(row), int(column)] = [u, v, w / width, h / height, 1, *np.eye(classes)[labels[-n]]]
    return target
""",
        },
        mistakes={
            "マスの縦と横が逆": Mistake(ENCODE.replace("row, column,", "column, row,"), "マスの縦と横が逆"),
            "画像の割合": Mistake(
                changed(ENCODE, "x - column, y - row", "x / cells, y / cells"), "中心が、画像に対する割合"
            ),
            "平方根": Mistake(
                changed(
                    ENCODE, "w, h = size[n] / [width, height]", "w, h = np.sqrt(size[n] / [width, height])"
                ),
                "平方根",
            ),
            "マスで割る": Mistake(
                changed(
                    ENCODE, "w, h = size[n] / [width, height]", "w, h = size[n] / [width, height] * cells"
                ),
                "マスの大きさで割って",
            ),
            "幅と高さの取り違え": Mistake(
                ENCODE.replace("[width, height]", "[height, width]"), "幅と高さを取り違えて"
            ),
            "後が上書き": Mistake(
                changed(
                    changed(
                        ENCODE, 'np.argsort(-size[:, 0] * size[:, 1], kind="stable")', "range(len(boxes))"
                    ),
                    "        if target[row, column, 4] == 0:\n",
                    "        target[row, column] = 0\n        if True:\n",
                ),
                "後の物体が上書き",
            ),
            "先が取る": Mistake(
                changed(ENCODE, 'np.argsort(-size[:, 0] * size[:, 1], kind="stable")', "range(len(boxes))"),
                "先に並んでいる物体が取って",
            ),
            "小さいほう": Mistake(changed(ENCODE, "argsort(-size", "argsort(size"), "面積の小さい物体"),
            "クラスが残る": Mistake(
                changed(
                    ENCODE,
                    "            target[row, column, 5 + labels[n]] = 1\n",
                    "        target[row, column, 5 + labels[n]] = 1\n",
                ),
                "取られた物体のクラス",
            ),
            "同点で後": Mistake(
                changed(
                    ENCODE,
                    'np.argsort(-size[:, 0] * size[:, 1], kind="stable")',
                    'np.argsort(size[:, 0] * size[:, 1], kind="stable")[::-1]',
                ),
                "面積が等しいとき",
            ),
            "左上の角": Mistake(
                changed(ENCODE, "(boxes[n, :2] + boxes[n, 2:]) / 2", "boxes[n, :2]"), "左上の角が入る"
            ),
            "幅が大きいほう": Mistake(
                changed(ENCODE, "-size[:, 0] * size[:, 1]", "-size[:, 0]"), "幅の大きいほう"
            ),
        },
        hidden=hidden_yolo_encode,
    ),
    "ch09.predict_crowd": chosen(
        "イ",
        explanation="中心を 16 で割ると (1.25, 1.25)、(1.75, 1.75)、(2.5, 1.25)、(2.75, 1.75)。4 つは 2 つのマスに分かれます。2 つの箱を答えても、1 マスが教わる物体は 1 つです。",
        wrong={
            "ア": "2 つの箱は、同じ 1 つの物体の候補です。教える中心、大きさ、クラスは、1 マスに 1 組しかありません。",
            "ウ": "NMS を使うのは、検出するときです。学習で教える数には関係しません。中心が入るマスは 2 つあります。",
        },
    ),
    "ch09.yolo_loss": Key(
        reference=LOSS,
        explanation="責任のある箱は、マスごとに 1 つだけです。ほかの箱は、物体のあるマスの中でも「信頼度 (なし)」に数えます。",
        alternatives={
            "配列のまま": """import numpy as np

def yolo_loss(predicted, target):
    s, classes = target.shape[0], target.shape[2] - 5
    boxes = predicted[..., :-classes].reshape(s, s, -1, 5)
    truth, there = target[:, :, None], target[..., 4]
    low = np.maximum(boxes[..., :2] / s - boxes[..., 2:4] / 2, truth[..., :2] / s - truth[..., 2:4] / 2)
    high = np.minimum(boxes[..., :2] / s + boxes[..., 2:4] / 2, truth[..., :2] / s + truth[..., 2:4] / 2)
    inner = np.maximum(high - low, 0).prod(axis=-1)
    iou = inner / (boxes[..., 2:4].prod(axis=-1) + truth[..., 2:4].prod(axis=-1) - inner)
    mine = np.eye(boxes.shape[2])[iou.argmax(axis=-1)] * there[..., None]
    middle = ((boxes[..., :2] - truth[..., :2]) ** 2).sum(axis=-1)
    size = ((boxes[..., 2:4] ** 0.5 - truth[..., 2:4] ** 0.5) ** 2).sum(axis=-1)
    kinds = ((predicted[..., -classes:] - target[..., 5:]) ** 2).sum(axis=-1)
    return [
        5 * (mine * middle).sum(),
        5 * (mine * size).sum(),
        (mine * (boxes[..., 4] - iou) ** 2).sum(),
        0.5 * ((1 - mine) * boxes[..., 4] ** 2).sum(),
        (there * kinds).sum(),
    ]
""",
        },
        mistakes={
            "IoU の単位": Mistake(changed(LOSS, "boxes[:, :2] / cells,", "boxes[:, :2],"), "IoU を測る単位"),
            "平方根がない": Mistake(
                changed(LOSS, "np.sqrt(boxes[k, 2:4]) - np.sqrt(truth[2:4])", "boxes[k, 2:4] - truth[2:4]"),
                "大きさの項に平方根",
            ),
            "信頼度を 1 に": Mistake(
                changed(LOSS, "boxes[k, 4] - iou[k]", "boxes[k, 4] - 1"), "信頼度を 1 に"
            ),
            "箱すべて": Mistake(
                changed(LOSS, "                k = iou.argmax()\n", "                k = slice(None)\n")
                .replace("boxes[k, 2:4]) - np.sqrt", "boxes[:, 2:4]) - np.sqrt")
                .replace("there += (boxes[k, 4] - iou[k]) ** 2", "there += ((boxes[:, 4] - iou) ** 2).sum()")
                .replace("nothing -= boxes[k, 4] ** 2", "nothing -= (boxes[:, 4] ** 2).sum()"),
                "マスの箱すべて",
            ),
            "先頭の箱": Mistake(changed(LOSS, "k = iou.argmax()", "k = 0"), "いつも先頭の箱"),
            "信頼度で選ぶ": Mistake(
                changed(LOSS, "k = iou.argmax()", "k = boxes[:, 4].argmax()"), "信頼度で選んで"
            ),
            "同点で後": Mistake(
                changed(LOSS, "k = iou.argmax()", "k = len(iou) - 1 - iou[::-1].argmax()"), "IoU が等しいとき"
            ),
            "物体のあるマスを除く": Mistake(
                changed(LOSS, "nothing -= boxes[k, 4] ** 2", "nothing -= (boxes[:, 4] ** 2).sum()"),
                "責任のない箱を数えて",
            ),
            "責任のある箱も": Mistake(
                changed(LOSS, "                nothing -= boxes[k, 4] ** 2\n", ""), "責任のある箱まで"
            ),
            "5 がない": Mistake(changed(LOSS, "5 * middle, 5 * size", "middle, size"), "重み 5"),
            "0.5 がない": Mistake(changed(LOSS, "0.5 * nothing", "nothing"), "重み 0.5"),
            "クラスをどこでも": Mistake(
                changed(
                    LOSS,
                    "                kinds += ((numbers",
                    "            kinds += ((numbers",
                ),
                "物体のないマスでも",
            ),
            "クラスを箱の数だけ": Mistake(
                changed(LOSS, "kinds += ((numbers", "kinds += len(boxes) * ((numbers"), "箱の数だけ数えて"
            ),
        },
        hidden=hidden_yolo_loss,
    ),
}
