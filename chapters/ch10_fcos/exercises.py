"""Chapter 10: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_number, expect_parts, expect_shape, shape_of
from grader.exercise import Answer, Exercise, Status, question

Array = npt.NDArray[Any]
Rows = Sequence[Sequence[float]]


# ch10.distances


LRTB = "並びが l, r, t, b になっています。l, t, r, b の順にしましょう。"
REVERSED_SIGNS = "符号が逆です。箱の中の点では、4 つの距離がどれも正になります。"
ABSOLUTE = "距離の絶対値を取っています。箱の外の点では、通り過ぎた辺までの距離が負になります。"
SWAPS_AXES = "x と y が逆です。点は (x, y)、箱は (x1, y1, x2, y2) の順です。"
FROM_CENTRE = "点ではなく、箱の中心からの距離になっています。"
ADDS_ALL = "左と上の辺は、点から引いて求めます。右と下の辺だけ、点に足しましょう。"
SIZE_FOR_CORNER = "右下の角ではなく、幅と高さを返しています。"


def expect_sides(
    answer: Answer, points: Rows, box: Sequence[float], right: Rows, known: Mapping[str, Any]
) -> None:
    given = answer.call("to_sides", np.array(points, float), np.array(box, float))
    expect_close(given, right, f"to_sides({[*map(list, points)]}, {list(box)})", known=known)


def expect_corners(answer: Answer, points: Rows, sides: Rows, right: Rows, known: Mapping[str, Any]) -> None:
    given = answer.call("to_boxes", np.array(points, float), np.array(sides, float))
    expect_close(given, right, f"to_boxes({[*map(list, points)]}, {[*map(list, sides)]})", known=known)


def check_distances(answer: Answer) -> None:
    expect_sides(
        answer,
        [[40, 50], [30, 24]],
        [30, 20, 70, 60],
        [[10, 30, 30, 10], [0, 4, 40, 36]],
        {
            LRTB: [[10, 30, 30, 10], [0, 40, 4, 36]],
            REVERSED_SIGNS: [[-10, -30, -30, -10], [0, -4, -40, -36]],
            SWAPS_AXES: [[20, 20, 20, 20], [-6, 10, 46, 30]],
            FROM_CENTRE: [[20.0, 20.0, 20.0, 20.0], [20.0, 20.0, 20.0, 20.0]],
        },
    )
    expect_sides(
        answer,
        [[5, 6], [10, 1], [12, 9]],
        [2, 3, 10, 8],
        [[3, 3, 5, 2], [8, -2, 0, 7], [10, 6, -2, -1]],
        {
            LRTB: [[3, 5, 3, 2], [8, 0, -2, 7], [10, -2, 6, -1]],
            REVERSED_SIGNS: [[-3, -3, -5, -2], [-8, 2, 0, -7], [-10, -6, 2, 1]],
            ABSOLUTE: [[3, 3, 5, 2], [8, 2, 0, 7], [10, 6, 2, 1]],
            SWAPS_AXES: [[4, 2, 4, 3], [-1, 7, 9, -2], [7, 9, 1, -4]],
            FROM_CENTRE: [[4.0, 2.5, 4.0, 2.5], [4.0, 2.5, 4.0, 2.5], [4.0, 2.5, 4.0, 2.5]],
        },
    )
    expect_corners(
        answer,
        [[40, 50], [12, 7]],
        [[10, 30, 30, 10], [2, 3, 8, 5]],
        [[30, 20, 70, 60], [10, 4, 20, 12]],
        {
            ADDS_ALL: [[50, 80, 70, 60], [14, 10, 20, 12]],
            SIZE_FOR_CORNER: [[30, 20, 40, 40], [10, 4, 10, 8]],
            LRTB: [[30, 20, 70, 60], [10, -1, 15, 12]],
            SWAPS_AXES: [[40, 10, 80, 50], [5, 9, 15, 17]],
        },
    )
    expect_corners(
        answer,
        [[9, 4]],
        [[1, 2, 6, 3]],
        [[8, 2, 15, 7]],
        {
            ADDS_ALL: [[10, 6, 15, 7]],
            SIZE_FOR_CORNER: [[8, 2, 7, 5]],
            LRTB: [[8, -2, 11, 7]],
            SWAPS_AXES: [[3, 7, 10, 12]],
        },
    )


# ch10.centerness


NO_ROOT = "平方根がありません。"
MEAN_OF_RATIOS = "横と縦の比を平均しています。掛け合わせて、平方根を取りましょう。"
OTHER_PAIRS = "組が違います。比べるのは、向かい合う辺の l と r、t と b です。"
LARGE_OVER_SMALL = "比が逆さです。小さいほうを、大きいほうで割りましょう。"
OVER_SUM = "小さいほうを、2 つの和 (箱の幅や高さ) で割っています。大きいほうで割りましょう。"
OUTSIDE_COUNTS = "箱の外の点が 0 になっていません。4 つの距離のうち 1 つでも 0 以下なら 0 です。"
OUTSIDE_IS_NAN = "負の数の平方根を取っているので、NaN になります。箱の外の点は 0 にしましょう。"
LEFT_OVER_RIGHT = "いつも l / r と t / b で割っています。小さいほうを、大きいほうで割りましょう。"


def expect_centerness(answer: Answer, sides: Rows, right: Sequence[float], known: Mapping[str, Any]) -> None:
    name = f"centerness({[*map(list, sides)]})"
    array = expect_shape(answer.call("centerness", np.array(sides, float)), (len(sides),), name)
    expect(not np.isnan(array).any(), OUTSIDE_IS_NAN)
    expect_close(array, right, name, known=known)


def check_centerness(answer: Answer) -> None:
    expect_centerness(
        answer,
        [[10, 30, 30, 10], [4, 6, 12, 9], [5, 5, 5, 5]],
        [0.333333, 0.471405, 1.0],
        {
            NO_ROOT: [0.111111, 0.222222, 1.0],
            MEAN_OF_RATIOS: [0.333333, 0.5, 1.0],
            OTHER_PAIRS: [0.333333, 0.707107, 1.0],
            LARGE_OVER_SMALL: [3.0, 2.12132, 1.0],
            OVER_SUM: [0.25, 0.316228, 0.5],
            LEFT_OVER_RIGHT: [1.0, 0.471405, 1.0],
        },
    )
    expect_centerness(
        answer,
        [[8, 2, 2, 8], [1, 9, 4, 4]],
        [0.25, 0.333333],
        {
            NO_ROOT: [0.0625, 0.111111],
            MEAN_OF_RATIOS: [0.25, 0.347222],
            LARGE_OVER_SMALL: [4.0, 3.0],
            OVER_SUM: [0.2, 0.248069],
            LEFT_OVER_RIGHT: [1.0, 0.75],
        },
    )
    expect_centerness(answer, [[-2, 3, 8, 9], [4, -1, 4, 5], [4, 3, -2, 5]], [0.0, 0.0, 0.0], {})
    expect_centerness(
        answer, [[-2, -3, 8, 9], [6, 7, -1, -2]], [0.0, 0.0], {OUTSIDE_COUNTS: [0.288675, 0.218218]}
    )
    expect_centerness(answer, [[0, 3, 8, 5], [4, 3, 6, 0]], [0.0, 0.0], {})


# ch10.iou_loss


LINEAR = "1 − IoU になっています。IoU の対数を取り、符号を逆にしましょう。"
OVER_ALL_POINTS = "すべての点の数で割っています。positive が True の点だけで平均しましょう。"
SUM_OF_POINTS = "和のままです。positive が True の点の数で割りましょう。"
LOG_OF_MEAN = "IoU を平均してから対数を取っています。点ごとに対数を取ってから、平均しましょう。"
LARGER_SIDES = "重なりを大きいほうの距離で求めています。重なりは、小さいほうの距離の和で決まります。"
TWICE_INTERSECTION = "和集合で、重なりを 2 回数えています。面積の和から、重なりを 1 回引きましょう。"
NO_FLOOR = "重ならない箱で無限大になります。IoU が 1e-6 より小さければ、1e-6 にしましょう。"
NO_CLIP_OF_SIDES = (
    "重ならない箱の、重なりの幅と高さが負です。2 つの負の数の積が、正の面積になっています。0 で止めましょう。"
)
BACKGROUND_COUNTS = "背景の点まで平均しています。positive が True の点だけを使いましょう。"
BACKGROUND_LEAKS = "背景の点の値が、結果を NaN か無限大にしています。0 を掛けても NaN は消えません。先に positive の点だけを取り出しましょう。"
NO_POSITIVE = "positive が True の点が 1 つもないときは、0.0 を返しましょう。"


def expect_iou_loss(
    answer: Answer,
    predicted: Rows,
    wanted: Rows,
    positive: Sequence[int],
    right: float,
    known: Mapping[str, float],
    not_finite: str = NO_FLOOR,
) -> None:
    arrays = np.array(predicted, float), np.array(wanted, float), np.array(positive, bool)
    name = f"点 {len(positive)} 個 (正の点 {sum(map(bool, positive))} 個) の iou_loss"
    number = expect_number(answer.call("iou_loss", *arrays), name)
    expect(bool(np.isfinite(number)), not_finite)
    expect_close(number, right, name, known=known)


def check_iou_loss(answer: Answer) -> None:
    expect_iou_loss(
        answer,
        [[10, 10, 10, 10], [5, 6, 7, 8], [3, 3, 3, 3], [9, 1, 4, 5]],
        [[9, 10, 11, 10], [4, 8, 8, 5], [1, 1, 1, 1], [1, 1, 1, 1]],
        [1, 1, 0, 0],
        0.308749,
        {
            LINEAR: 0.249589,
            OVER_ALL_POINTS: 0.154375,
            SUM_OF_POINTS: 0.617499,
            LOG_OF_MEAN: 0.287135,
            LARGER_SIDES: -0.342016,
            TWICE_INTERSECTION: 0.864697,
            BACKGROUND_COUNTS: 1.446284,
        },
    )
    expect_iou_loss(
        answer,
        [[4, 4, 4, 4], [9, 3, 5, 2], [2, 2, 6, 7]],
        [[8, 8, 8, 8], [6, 3, 5, 4], [3, 1, 5, 9]],
        [1, 1, 1],
        0.813249,
        {
            LINEAR: 0.522947,
            SUM_OF_POINTS: 2.439746,
            LOG_OF_MEAN: 0.740127,
            LARGER_SIDES: -0.901423,
            TWICE_INTERSECTION: 1.197022,
        },
    )
    expect_iou_loss(answer, [[4, 4, 4, 4]], [[1, 1, 1, 1]], [0], 0.0, {}, NO_POSITIVE)
    expect_iou_loss(
        answer,
        [[9, 2, -5, 2], [2, 2, 2, 2]],
        [[1, 2, 7, 2], [2, 2, 2, 4]],
        [1, 1],
        7.110488,
        {
            LINEAR: 0.666667,
            SUM_OF_POINTS: 14.220976,
            LOG_OF_MEAN: 1.098612,
            LARGER_SIDES: 6.705023,
            TWICE_INTERSECTION: 7.365901,
        },
    )
    expect_iou_loss(
        answer,
        [[2, 9, 2, -5], [2, 2, 2, 2]],
        [[2, 1, 2, 7], [2, 2, 2, 4]],
        [1, 1],
        7.110488,
        {
            LINEAR: 0.666667,
            SUM_OF_POINTS: 14.220976,
            LOG_OF_MEAN: 1.098612,
            LARGER_SIDES: 6.705023,
            TWICE_INTERSECTION: 7.365901,
        },
    )
    expect_iou_loss(
        answer,
        [[5, 5, -2, -2], [2, 2, 2, 2]],
        [[1, 1, 4, 4], [2, 2, 2, 4]],
        [1, 1],
        7.110488,
        {
            LINEAR: 0.666667,
            SUM_OF_POINTS: 14.220976,
            LOG_OF_MEAN: 1.098612,
            LARGER_SIDES: 6.705023,
            TWICE_INTERSECTION: 7.365901,
            NO_CLIP_OF_SIDES: 1.950986,
        },
    )
    expect_iou_loss(
        answer,
        [[4, 4, 4, 4], [0, 0, 0, 0]],
        [[4, 4, 4, 8], [0, 0, 0, 0]],
        [1, 0],
        0.405465,
        {},
        BACKGROUND_LEAKS,
    )


# ch10.levels


SMALLEST_SIDE = "4 つの距離の最小値で決めています。最大値で決めましょう。"
LONGER_SIDE = "箱の長いほうの辺で決めています。同じ箱でも、点から見た距離の最大値によって段が変わります。"
HALF_SIDE = "箱の長いほうの辺の半分で決めています。使うのは、点から見た 4 つの距離の最大値です。"
EDGE_GOES_BELOW = "最大の距離がちょうど境目のときは、上の (大きいほうの) 段です。"
OUTSIDE_HAS_LEVEL = "箱の外の点にも段を与えています。箱の外と辺の上は −1 です。"
ON_EDGE_HAS_LEVEL = "辺の上の点は、箱の中ではありません。−1 にしましょう。"
FROM_ONE = "段の番号が 1 から始まっています。いちばん細かい段は 0 です。"
TRANSPOSED = "行と列が逆です。行が点、列が物体になるように並べましょう。"


def expect_levels(
    answer: Answer, points: Rows, boxes: Rows, edges: Sequence[float], right: Any, known: Mapping[str, Any]
) -> None:
    arrays = np.array(points, float), np.array(boxes, float).reshape(-1, 4)
    given = answer.call("levels", *arrays, list(edges))
    name = f"点 {len(points)} 個、物体 {len(boxes)} 個の levels"
    turned = known.get(TRANSPOSED)
    if turned is not None and np.shape(turned) != np.shape(right):
        expect(shape_of(given, name) != np.shape(turned), TRANSPOSED, Status.WRONG_SHAPE)
    shape = (len(points), len(boxes))
    expect_close(given, np.reshape(right, shape), name, atol=0.01, rtol=0, known=known)


def check_levels(answer: Answer) -> None:
    expect_levels(
        answer,
        [[10, 10], [18, 12], [4, 9], [30, 10]],
        [[0, 0, 20, 16], [2, 4, 40, 30]],
        [12, 18],
        [[0, 2], [2, 2], [1, 2], [-1, 2]],
        {
            SMALLEST_SIDE: [[0, 0], [0, 0], [0, 0], [-1, 0]],
            LONGER_SIDE: [[2, 2], [2, 2], [2, 2], [-1, 2]],
            HALF_SIDE: [[0, 2], [0, 2], [0, 2], [-1, 2]],
            EDGE_GOES_BELOW: [[0, 2], [1, 2], [1, 2], [-1, 2]],
            OUTSIDE_HAS_LEVEL: [[0, 2], [2, 2], [1, 2], [2, 2]],
            FROM_ONE: [[1, 3], [3, 3], [2, 3], [-1, 3]],
            TRANSPOSED: [[0, 2, 1, -1], [2, 2, 2, 2]],
        },
    )
    expect_levels(
        answer,
        [[8, 5], [3, 4]],
        [[0, 0, 16, 10]],
        [5, 8, 20],
        [[2], [2]],
        {SMALLEST_SIDE: [[1], [0]], EDGE_GOES_BELOW: [[1], [2]], FROM_ONE: [[3], [3]], TRANSPOSED: [[2, 2]]},
    )
    expect_levels(
        answer,
        [[4, 4], [0, 4], [9, 8], [4, 8]],
        [[0, 0, 8, 8]],
        [6],
        [[0], [-1], [-1], [-1]],
        {
            LONGER_SIDE: [[1], [-1], [-1], [-1]],
            OUTSIDE_HAS_LEVEL: [[0], [1], [1], [1]],
            ON_EDGE_HAS_LEVEL: [[0], [1], [-1], [1]],
            FROM_ONE: [[1], [-1], [-1], [-1]],
            TRANSPOSED: [[0, -1, -1, -1]],
        },
    )
    expect_levels(answer, [[5, 5]], [], [6], [[]], {TRANSPOSED: []})


# ch10.targets


LARGEST_BOX = "面積が最大の箱を選んでいます。最小の箱を選びましょう。"
FIRST_BOX = "先に並んでいる箱を選んでいます。面積が最小の箱を選びましょう。"
SMALLEST_BEFORE_RANGE = (
    "先に最小の箱を選び、そのあとで範囲を見ています。範囲に入る箱の中から、最小の箱を選びましょう。"
)
LAST_OF_EQUAL = "面積が等しければ、番号の小さい物体です。"
CORNER_POINTS = "点がマスの角にあります。点は、マスの中心 (stride の半分だけ右下) です。"
ROWS_AND_COLUMNS = "行と列が逆です。行が y、列が x です。"
BACKGROUND_CLASS_0 = "背景のクラスが 0 になっています。0 は物体のクラスです。背景は −1 にしましょう。"
OBJECT_NUMBERS = "クラスではなく、物体の番号を返しています。"
NO_RANGE = "範囲を見ていません。4 つの距離の最大値が low 以上 high 未満の箱だけが、候補です。"
HIGH_INCLUDED = "最大の距離がちょうど high の箱は、この段の候補ではありません。"
LOW_EXCLUDED = "最大の距離がちょうど low の箱も、この段の候補です。"
BORDER_INSIDE = "辺の上の点を、箱の中に数えています。"
KEEPS_DISTANCES = "背景の点の距離が 0 になっていません。"
CENTRE_WITHOUT_ROOT = "中心らしさに、平方根がありません。"
IN_STRIDES = "距離を stride で割っています。画素のままにしましょう。"


def expect_targets(
    answer: Answer,
    boxes: Rows,
    labels: Sequence[int],
    level: tuple[int, int, int, float, float],
    right: Array,
    known: Mapping[str, Array],
) -> None:
    """Compares all targets of a level, ``right`` and ``known`` as :func:`stacked` gives them."""
    given = answer.call("level_targets", np.array(boxes, float).reshape(-1, 4), np.array(labels, int), *level)
    parts = expect_parts(
        given, 3, "(クラス, 距離, 中心らしさ) の 3 つの配列を、この順のタプルで返しましょう。"
    )
    rows, columns = level[0] // level[2], level[1] // level[2]
    for part, shape, name in zip(
        parts,
        ((rows, columns), (rows, columns, 4), (rows, columns)),
        ("クラスの配列", "距離の配列", "中心らしさの配列"),
        strict=True,
    ):
        expect_shape(part, shape, name)
    expect_close(
        stacked(parts),
        right,
        f"物体 {len(boxes)} 個、stride {level[2]} の level_targets の (クラス, l, t, r, b, 中心らしさ)",
        known=known,
    )


def stacked(targets: Sequence[Any]) -> Array:
    """Class, distances and centre-ness of each point side by side; shape ``(rows, columns, 6)``."""
    classes, sides, centres = (np.asarray(part, float) for part in targets)
    return np.concatenate([classes[..., None], sides, centres[..., None]], axis=-1)


def changed_points(targets: Array, points: str) -> Array:
    """Replaces the points that a text such as ``0 1: 3 4 1 8 13 0.196116 | …`` names by row and column."""
    changed = targets.copy()
    for point in filter(None, points.split("|")):
        place, values = point.split(":")
        row, column = map(int, place.split())
        changed[row, column] = [float(value) for value in values.split()]
    return changed


def expect_written_targets(
    answer: Answer,
    boxes: Rows,
    labels: Sequence[int],
    level: tuple[int, int, int, float, float],
    right: str,
    known: Mapping[str, str],
) -> None:
    """Compares with targets written out: the points that are no background, then those that a mistake changes."""
    background = np.tile(np.array([-1.0, 0, 0, 0, 0, 0]), (level[0] // level[2], level[1] // level[2], 1))
    expected = changed_points(background, right)
    wrong = {reason: changed_points(expected, points) for reason, points in known.items()}
    expect_targets(answer, boxes, labels, level, expected, wrong)


def check_targets(answer: Answer) -> None:
    expect_written_targets(
        answer,
        [[5, 3, 12, 9], [2, 1, 14, 15]],
        [2, 3],
        (16, 16, 4, 0, np.inf),
        (
            "0 1: 3 4 1 8 13 0.196116 | 0 2: 3 8 1 4 13 0.196116 | 1 1: 2 1 3 6 3 0.408248 | "
            "1 2: 2 5 3 2 3 0.632456 | 2 1: 3 4 9 8 5 0.527046 | 2 2: 3 8 9 4 5 0.527046 | "
            "3 1: 3 4 13 8 1 0.196116 | 3 2: 3 8 13 4 1 0.196116"
        ),
        {
            LARGEST_BOX: "1 1: 3 4 5 8 9 0.527046 | 1 2: 3 8 5 4 9 0.527046",
            CORNER_POINTS: (
                "0 1: -1 0 0 0 0 0 | 0 2: -1 0 0 0 0 0 | 1 1: 3 2 3 10 11 0.23355 | "
                "1 2: 2 3 1 4 5 0.387298 | 1 3: 3 10 3 2 11 0.23355 | 2 1: 3 2 7 10 7 0.447214 | "
                "2 2: 2 3 5 4 1 0.387298 | 2 3: 3 10 7 2 7 0.447214 | 3 1: 3 2 11 10 3 0.23355 | "
                "3 2: 3 6 11 6 3 0.522233 | 3 3: 3 10 11 2 3 0.23355"
            ),
            BACKGROUND_CLASS_0: (
                "0 0: 0 0 0 0 0 0 | 0 3: 0 0 0 0 0 0 | 1 0: 0 0 0 0 0 0 | 1 3: 0 0 0 0 0 0 | "
                "2 0: 0 0 0 0 0 0 | 2 3: 0 0 0 0 0 0 | 3 0: 0 0 0 0 0 0 | 3 3: 0 0 0 0 0 0"
            ),
            OBJECT_NUMBERS: (
                "0 1: 1 4 1 8 13 0.196116 | 0 2: 1 8 1 4 13 0.196116 | 1 1: 0 1 3 6 3 0.408248 | "
                "1 2: 0 5 3 2 3 0.632456 | 2 1: 1 4 9 8 5 0.527046 | 2 2: 1 8 9 4 5 0.527046 | "
                "3 1: 1 4 13 8 1 0.196116 | 3 2: 1 8 13 4 1 0.196116"
            ),
            BORDER_INSIDE: (
                "0 0: 3 0 1 12 13 0 | 0 3: 3 12 1 0 13 0 | 1 0: 3 0 5 12 9 0 | 1 3: 3 12 5 0 9 0 | "
                "2 0: 3 0 9 12 5 0 | 2 3: 3 12 9 0 5 0 | 3 0: 3 0 13 12 1 0 | 3 3: 3 12 13 0 1 0"
            ),
            KEEPS_DISTANCES: (
                "0 0: -1 -3 -1 10 7 0 | 0 3: -1 9 -1 -2 7 0 | 1 0: -1 -3 3 10 3 0 | "
                "1 3: -1 9 3 -2 3 0 | 2 0: -1 -3 7 10 -1 0 | 2 3: -1 9 7 -2 -1 0 | "
                "3 0: -1 -3 11 10 -5 0 | 3 3: -1 9 11 -2 -5 0"
            ),
            CENTRE_WITHOUT_ROOT: (
                "0 1: 3 4 1 8 13 0.038462 | 0 2: 3 8 1 4 13 0.038462 | 1 1: 2 1 3 6 3 0.166667 | "
                "1 2: 2 5 3 2 3 0.4 | 2 1: 3 4 9 8 5 0.277778 | 2 2: 3 8 9 4 5 0.277778 | "
                "3 1: 3 4 13 8 1 0.038462 | 3 2: 3 8 13 4 1 0.038462"
            ),
            IN_STRIDES: (
                "0 1: 3 1 0.25 2 3.25 0.196116 | 0 2: 3 2 0.25 1 3.25 0.196116 | "
                "1 1: 2 0.25 0.75 1.5 0.75 0.408248 | 1 2: 2 1.25 0.75 0.5 0.75 0.632456 | "
                "2 1: 3 1 2.25 2 1.25 0.527046 | 2 2: 3 2 2.25 1 1.25 0.527046 | "
                "3 1: 3 1 3.25 2 0.25 0.196116 | 3 2: 3 2 3.25 1 0.25 0.196116"
            ),
            ROWS_AND_COLUMNS: (
                "0 1: -1 0 0 0 0 0 | 0 2: -1 0 0 0 0 0 | 1 0: 3 4 1 8 13 0.196116 | "
                "1 2: 3 4 9 8 5 0.527046 | 1 3: 3 4 13 8 1 0.196116 | 2 0: 3 8 1 4 13 0.196116 | "
                "2 1: 2 5 3 2 3 0.632456 | 2 3: 3 8 13 4 1 0.196116 | 3 1: -1 0 0 0 0 0 | "
                "3 2: -1 0 0 0 0 0"
            ),
        },
    )
    expect_written_targets(
        answer,
        [[1, 3, 15, 13], [0, 3, 9, 12], [3, 4, 9, 11]],
        [1, 2, 3],
        (16, 16, 4, 6, 9),
        ("1 0: 2 2 3 7 6 0.377964 | 1 1: 2 6 3 3 6 0.5 | 2 0: 2 2 7 7 2 0.285714 | 2 1: 3 3 6 3 1 0.408248"),
        {
            FIRST_BOX: "2 1: 2 6 7 3 2 0.377964",
            SMALLEST_BEFORE_RANGE: "1 1: -1 0 0 0 0 0",
            CORNER_POINTS: (
                "1 0: -1 0 0 0 0 0 | 1 1: 2 4 1 5 8 0.316228 | 1 2: 2 8 1 1 8 0.125 | "
                "2 0: -1 0 0 0 0 0 | 2 1: -1 0 0 0 0 0 | 2 2: 2 8 5 1 4 0.316228"
            ),
            BACKGROUND_CLASS_0: (
                "0 0: 0 0 0 0 0 0 | 0 1: 0 0 0 0 0 0 | 0 2: 0 0 0 0 0 0 | 0 3: 0 0 0 0 0 0 | "
                "1 2: 0 0 0 0 0 0 | 1 3: 0 0 0 0 0 0 | 2 2: 0 0 0 0 0 0 | 2 3: 0 0 0 0 0 0 | "
                "3 0: 0 0 0 0 0 0 | 3 1: 0 0 0 0 0 0 | 3 2: 0 0 0 0 0 0 | 3 3: 0 0 0 0 0 0"
            ),
            OBJECT_NUMBERS: (
                "1 0: 1 2 3 7 6 0.377964 | 1 1: 1 6 3 3 6 0.5 | 2 0: 1 2 7 7 2 0.285714 | "
                "2 1: 2 3 6 3 1 0.408248"
            ),
            NO_RANGE: (
                "1 1: 3 3 2 3 5 0.632456 | 1 2: 1 9 3 5 7 0.48795 | 1 3: 1 13 3 1 7 0.181568 | "
                "2 2: 1 9 7 5 3 0.48795 | 2 3: 1 13 7 1 3 0.181568"
            ),
            HIGH_INCLUDED: "1 2: 1 9 3 5 7 0.48795 | 2 2: 1 9 7 5 3 0.48795",
            LOW_EXCLUDED: "1 1: -1 0 0 0 0 0 | 2 1: 2 6 7 3 2 0.377964",
            KEEPS_DISTANCES: (
                "0 0: -1 1 -1 13 11 0 | 0 1: -1 5 -1 9 11 0 | 0 2: -1 9 -1 5 11 0 | "
                "0 3: -1 13 -1 1 11 0 | 1 2: -1 9 3 5 7 0 | 1 3: -1 13 3 1 7 0 | 2 2: -1 9 7 5 3 0 | "
                "2 3: -1 13 7 1 3 0 | 3 0: -1 1 11 13 -1 0 | 3 1: -1 5 11 9 -1 0 | "
                "3 2: -1 9 11 5 -1 0 | 3 3: -1 13 11 1 -1 0"
            ),
            CENTRE_WITHOUT_ROOT: (
                "1 0: 2 2 3 7 6 0.142857 | 1 1: 2 6 3 3 6 0.25 | 2 0: 2 2 7 7 2 0.081633 | "
                "2 1: 3 3 6 3 1 0.166667"
            ),
            IN_STRIDES: (
                "1 0: 2 0.5 0.75 1.75 1.5 0.377964 | 1 1: 2 1.5 0.75 0.75 1.5 0.5 | "
                "2 0: 2 0.5 1.75 1.75 0.5 0.285714 | 2 1: 3 0.75 1.5 0.75 0.25 0.408248"
            ),
            ROWS_AND_COLUMNS: (
                "0 1: 2 2 3 7 6 0.377964 | 0 2: 2 2 7 7 2 0.285714 | 1 0: -1 0 0 0 0 0 | "
                "1 2: 3 3 6 3 1 0.408248 | 2 0: -1 0 0 0 0 0 | 2 1: -1 0 0 0 0 0"
            ),
        },
    )
    expect_written_targets(
        answer,
        [[0, 0, 16, 8], [1, 1, 11, 7]],
        [3, 2],
        (8, 16, 4, 7, 20),
        (
            "0 0: 2 1 1 9 5 0.149071 | 0 1: 3 6 2 10 6 0.447214 | 0 2: 2 9 1 1 5 0.149071 | "
            "0 3: 3 14 2 2 6 0.218218 | 1 0: 2 1 5 9 1 0.149071 | 1 1: 3 6 6 10 2 0.447214 | "
            "1 2: 2 9 5 1 1 0.149071 | 1 3: 3 14 6 2 2 0.218218"
        ),
        {
            LARGEST_BOX: (
                "0 0: 3 2 2 14 6 0.218218 | 0 2: 3 10 2 6 6 0.447214 | 1 0: 3 2 6 14 2 0.218218 | "
                "1 2: 3 10 6 6 2 0.447214"
            ),
            FIRST_BOX: (
                "0 0: 3 2 2 14 6 0.218218 | 0 2: 3 10 2 6 6 0.447214 | 1 0: 3 2 6 14 2 0.218218 | "
                "1 2: 3 10 6 6 2 0.447214"
            ),
            SMALLEST_BEFORE_RANGE: "0 1: -1 0 0 0 0 0 | 1 1: -1 0 0 0 0 0",
            CORNER_POINTS: (
                "0 0: -1 0 0 0 0 0 | 0 1: -1 0 0 0 0 0 | 0 2: -1 0 0 0 0 0 | 0 3: -1 0 0 0 0 0 | "
                "1 0: -1 0 0 0 0 0 | 1 1: 2 3 3 7 3 0.654654 | 1 2: 2 7 3 3 3 0.654654 | "
                "1 3: 3 12 4 4 4 0.57735"
            ),
            OBJECT_NUMBERS: (
                "0 0: 1 1 1 9 5 0.149071 | 0 1: 0 6 2 10 6 0.447214 | 0 2: 1 9 1 1 5 0.149071 | "
                "0 3: 0 14 2 2 6 0.218218 | 1 0: 1 1 5 9 1 0.149071 | 1 1: 0 6 6 10 2 0.447214 | "
                "1 2: 1 9 5 1 1 0.149071 | 1 3: 0 14 6 2 2 0.218218"
            ),
            NO_RANGE: "0 1: 2 5 1 5 5 0.447214 | 1 1: 2 5 5 5 1 0.447214",
            CENTRE_WITHOUT_ROOT: (
                "0 0: 2 1 1 9 5 0.022222 | 0 1: 3 6 2 10 6 0.2 | 0 2: 2 9 1 1 5 0.022222 | "
                "0 3: 3 14 2 2 6 0.047619 | 1 0: 2 1 5 9 1 0.022222 | 1 1: 3 6 6 10 2 0.2 | "
                "1 2: 2 9 5 1 1 0.022222 | 1 3: 3 14 6 2 2 0.047619"
            ),
            IN_STRIDES: (
                "0 0: 2 0.25 0.25 2.25 1.25 0.149071 | 0 1: 3 1.5 0.5 2.5 1.5 0.447214 | "
                "0 2: 2 2.25 0.25 0.25 1.25 0.149071 | 0 3: 3 3.5 0.5 0.5 1.5 0.218218 | "
                "1 0: 2 0.25 1.25 2.25 0.25 0.149071 | 1 1: 3 1.5 1.5 2.5 0.5 0.447214 | "
                "1 2: 2 2.25 1.25 0.25 0.25 0.149071 | 1 3: 3 3.5 1.5 0.5 0.5 0.218218"
            ),
        },
    )
    expect_written_targets(
        answer,
        [[1, 1, 11, 7], [1, 0, 7, 10]],
        [3, 2],
        (12, 12, 4, 0, np.inf),
        (
            "0 0: 3 1 1 9 5 0.149071 | 0 1: 3 5 1 5 5 0.447214 | 0 2: 3 9 1 1 5 0.149071 | "
            "1 0: 3 1 5 9 1 0.149071 | 1 1: 3 5 5 5 1 0.447214 | 1 2: 3 9 5 1 1 0.149071"
        ),
        {
            LAST_OF_EQUAL: (
                "0 0: 2 1 2 5 8 0.223607 | 0 1: 2 5 2 1 8 0.223607 | 1 0: 2 1 6 5 4 0.365148 | "
                "1 1: 2 5 6 1 4 0.365148"
            ),
            CORNER_POINTS: (
                "0 0: -1 0 0 0 0 0 | 0 1: -1 0 0 0 0 0 | 0 2: -1 0 0 0 0 0 | 1 0: -1 0 0 0 0 0 | "
                "1 1: 3 3 3 7 3 0.654654 | 1 2: 3 7 3 3 3 0.654654 | 2 1: 2 3 8 3 2 0.5"
            ),
            BACKGROUND_CLASS_0: "2 0: 0 0 0 0 0 0 | 2 1: 0 0 0 0 0 0 | 2 2: 0 0 0 0 0 0",
            OBJECT_NUMBERS: (
                "0 0: 0 1 1 9 5 0.149071 | 0 1: 0 5 1 5 5 0.447214 | 0 2: 0 9 1 1 5 0.149071 | "
                "1 0: 0 1 5 9 1 0.149071 | 1 1: 0 5 5 5 1 0.447214 | 1 2: 0 9 5 1 1 0.149071"
            ),
            BORDER_INSIDE: "2 0: 2 1 10 5 0 0 | 2 1: 2 5 10 1 0 0",
            KEEPS_DISTANCES: "2 0: -1 1 9 9 -3 0 | 2 1: -1 5 9 5 -3 0 | 2 2: -1 9 9 1 -3 0",
            CENTRE_WITHOUT_ROOT: (
                "0 0: 3 1 1 9 5 0.022222 | 0 1: 3 5 1 5 5 0.2 | 0 2: 3 9 1 1 5 0.022222 | "
                "1 0: 3 1 5 9 1 0.022222 | 1 1: 3 5 5 5 1 0.2 | 1 2: 3 9 5 1 1 0.022222"
            ),
            IN_STRIDES: (
                "0 0: 3 0.25 0.25 2.25 1.25 0.149071 | 0 1: 3 1.25 0.25 1.25 1.25 0.447214 | "
                "0 2: 3 2.25 0.25 0.25 1.25 0.149071 | 1 0: 3 0.25 1.25 2.25 0.25 0.149071 | "
                "1 1: 3 1.25 1.25 1.25 0.25 0.447214 | 1 2: 3 2.25 1.25 0.25 0.25 0.149071"
            ),
            ROWS_AND_COLUMNS: (
                "0 1: 3 1 5 9 1 0.149071 | 0 2: -1 0 0 0 0 0 | 1 0: 3 5 1 5 5 0.447214 | "
                "1 2: -1 0 0 0 0 0 | 2 0: 3 9 1 1 5 0.149071 | 2 1: 3 9 5 1 1 0.149071"
            ),
        },
    )
    expect_written_targets(
        answer,
        [[0, 0, 8, 8], [4, 2, 20, 14]],
        [1, 2],
        (16, 24, 8, 0, 16),
        "0 0: 1 4 4 4 4 1 | 0 1: 2 8 2 8 10 0.447214 | 1 1: 2 8 10 8 2 0.447214",
        {
            CORNER_POINTS: (
                "0 0: -1 0 0 0 0 0 | 0 1: -1 0 0 0 0 0 | 1 1: 2 4 6 12 6 0.57735 | 1 2: 2 12 6 4 6 0.57735"
            ),
            BACKGROUND_CLASS_0: "0 2: 0 0 0 0 0 0 | 1 0: 0 0 0 0 0 0 | 1 2: 0 0 0 0 0 0",
            OBJECT_NUMBERS: "0 0: 0 4 4 4 4 1 | 0 1: 1 8 2 8 10 0.447214 | 1 1: 1 8 10 8 2 0.447214",
            KEEPS_DISTANCES: "0 2: -1 20 4 -12 4 0 | 1 0: -1 4 12 4 -4 0 | 1 2: -1 20 12 -12 -4 0",
            CENTRE_WITHOUT_ROOT: "0 1: 2 8 2 8 10 0.2 | 1 1: 2 8 10 8 2 0.2",
            IN_STRIDES: (
                "0 0: 1 0.5 0.5 0.5 0.5 1 | 0 1: 2 1 0.25 1 1.25 0.447214 | 1 1: 2 1 1.25 1 0.25 0.447214"
            ),
        },
    )
    expect_written_targets(
        answer,
        [[1, 1, 15, 15]],
        [2],
        (16, 16, 4, 9, 13),
        (
            "1 1: 2 5 5 9 9 0.555556 | 1 2: 2 9 5 5 9 0.555556 | 2 1: 2 5 9 9 5 0.555556 | "
            "2 2: 2 9 9 5 5 0.555556"
        ),
        {
            CORNER_POINTS: (
                "1 1: 2 3 3 11 11 0.272727 | 1 2: 2 7 3 7 11 0.522233 | 1 3: 2 11 3 3 11 0.272727 | "
                "2 1: 2 3 7 11 7 0.522233 | 2 2: -1 0 0 0 0 0 | 2 3: 2 11 7 3 7 0.522233 | "
                "3 1: 2 3 11 11 3 0.272727 | 3 2: 2 7 11 7 3 0.522233 | 3 3: 2 11 11 3 3 0.272727"
            ),
            BACKGROUND_CLASS_0: (
                "0 0: 0 0 0 0 0 0 | 0 1: 0 0 0 0 0 0 | 0 2: 0 0 0 0 0 0 | 0 3: 0 0 0 0 0 0 | "
                "1 0: 0 0 0 0 0 0 | 1 3: 0 0 0 0 0 0 | 2 0: 0 0 0 0 0 0 | 2 3: 0 0 0 0 0 0 | "
                "3 0: 0 0 0 0 0 0 | 3 1: 0 0 0 0 0 0 | 3 2: 0 0 0 0 0 0 | 3 3: 0 0 0 0 0 0"
            ),
            OBJECT_NUMBERS: (
                "1 1: 0 5 5 9 9 0.555556 | 1 2: 0 9 5 5 9 0.555556 | 2 1: 0 5 9 9 5 0.555556 | "
                "2 2: 0 9 9 5 5 0.555556"
            ),
            NO_RANGE: (
                "0 0: 2 1 1 13 13 0.076923 | 0 1: 2 5 1 9 13 0.206725 | 0 2: 2 9 1 5 13 0.206725 | "
                "0 3: 2 13 1 1 13 0.076923 | 1 0: 2 1 5 13 9 0.206725 | 1 3: 2 13 5 1 9 0.206725 | "
                "2 0: 2 1 9 13 5 0.206725 | 2 3: 2 13 9 1 5 0.206725 | 3 0: 2 1 13 13 1 0.076923 | "
                "3 1: 2 5 13 9 1 0.206725 | 3 2: 2 9 13 5 1 0.206725 | 3 3: 2 13 13 1 1 0.076923"
            ),
            HIGH_INCLUDED: (
                "0 0: 2 1 1 13 13 0.076923 | 0 1: 2 5 1 9 13 0.206725 | 0 2: 2 9 1 5 13 0.206725 | "
                "0 3: 2 13 1 1 13 0.076923 | 1 0: 2 1 5 13 9 0.206725 | 1 3: 2 13 5 1 9 0.206725 | "
                "2 0: 2 1 9 13 5 0.206725 | 2 3: 2 13 9 1 5 0.206725 | 3 0: 2 1 13 13 1 0.076923 | "
                "3 1: 2 5 13 9 1 0.206725 | 3 2: 2 9 13 5 1 0.206725 | 3 3: 2 13 13 1 1 0.076923"
            ),
            LOW_EXCLUDED: "1 1: -1 0 0 0 0 0 | 1 2: -1 0 0 0 0 0 | 2 1: -1 0 0 0 0 0 | 2 2: -1 0 0 0 0 0",
            KEEPS_DISTANCES: (
                "0 0: -1 1 1 13 13 0 | 0 1: -1 5 1 9 13 0 | 0 2: -1 9 1 5 13 0 | 0 3: -1 13 1 1 13 0 | "
                "1 0: -1 1 5 13 9 0 | 1 3: -1 13 5 1 9 0 | 2 0: -1 1 9 13 5 0 | 2 3: -1 13 9 1 5 0 | "
                "3 0: -1 1 13 13 1 0 | 3 1: -1 5 13 9 1 0 | 3 2: -1 9 13 5 1 0 | 3 3: -1 13 13 1 1 0"
            ),
            CENTRE_WITHOUT_ROOT: (
                "1 1: 2 5 5 9 9 0.308642 | 1 2: 2 9 5 5 9 0.308642 | 2 1: 2 5 9 9 5 0.308642 | "
                "2 2: 2 9 9 5 5 0.308642"
            ),
            IN_STRIDES: (
                "1 1: 2 1.25 1.25 2.25 2.25 0.555556 | 1 2: 2 2.25 1.25 1.25 2.25 0.555556 | "
                "2 1: 2 1.25 2.25 2.25 1.25 0.555556 | 2 2: 2 2.25 2.25 1.25 1.25 0.555556"
            ),
            ROWS_AND_COLUMNS: "1 2: 2 5 9 9 5 0.555556 | 2 1: 2 9 5 5 9 0.555556",
        },
    )
    expect_written_targets(
        answer,
        [[2, 1, 14, 15]],
        [1],
        (16, 16, 4, 0, 9),
        "",
        {
            CORNER_POINTS: "2 2: 1 6 7 6 7 1",
            BACKGROUND_CLASS_0: (
                "0 0: 0 0 0 0 0 0 | 0 1: 0 0 0 0 0 0 | 0 2: 0 0 0 0 0 0 | 0 3: 0 0 0 0 0 0 | "
                "1 0: 0 0 0 0 0 0 | 1 1: 0 0 0 0 0 0 | 1 2: 0 0 0 0 0 0 | 1 3: 0 0 0 0 0 0 | "
                "2 0: 0 0 0 0 0 0 | 2 1: 0 0 0 0 0 0 | 2 2: 0 0 0 0 0 0 | 2 3: 0 0 0 0 0 0 | "
                "3 0: 0 0 0 0 0 0 | 3 1: 0 0 0 0 0 0 | 3 2: 0 0 0 0 0 0 | 3 3: 0 0 0 0 0 0"
            ),
            NO_RANGE: (
                "0 1: 1 4 1 8 13 0.196116 | 0 2: 1 8 1 4 13 0.196116 | 1 1: 1 4 5 8 9 0.527046 | "
                "1 2: 1 8 5 4 9 0.527046 | 2 1: 1 4 9 8 5 0.527046 | 2 2: 1 8 9 4 5 0.527046 | "
                "3 1: 1 4 13 8 1 0.196116 | 3 2: 1 8 13 4 1 0.196116"
            ),
            HIGH_INCLUDED: (
                "1 1: 1 4 5 8 9 0.527046 | 1 2: 1 8 5 4 9 0.527046 | 2 1: 1 4 9 8 5 0.527046 | "
                "2 2: 1 8 9 4 5 0.527046"
            ),
            KEEPS_DISTANCES: (
                "0 0: -1 0 1 12 13 0 | 0 1: -1 4 1 8 13 0 | 0 2: -1 8 1 4 13 0 | 0 3: -1 12 1 0 13 0 | "
                "1 0: -1 0 5 12 9 0 | 1 1: -1 4 5 8 9 0 | 1 2: -1 8 5 4 9 0 | 1 3: -1 12 5 0 9 0 | "
                "2 0: -1 0 9 12 5 0 | 2 1: -1 4 9 8 5 0 | 2 2: -1 8 9 4 5 0 | 2 3: -1 12 9 0 5 0 | "
                "3 0: -1 0 13 12 1 0 | 3 1: -1 4 13 8 1 0 | 3 2: -1 8 13 4 1 0 | 3 3: -1 12 13 0 1 0"
            ),
        },
    )
    expect_written_targets(
        answer,
        [],
        [],
        (8, 12, 4, 0, np.inf),
        "",
        {
            BACKGROUND_CLASS_0: (
                "0 0: 0 0 0 0 0 0 | 0 1: 0 0 0 0 0 0 | 0 2: 0 0 0 0 0 0 | 1 0: 0 0 0 0 0 0 | "
                "1 1: 0 0 0 0 0 0 | 1 2: 0 0 0 0 0 0"
            ),
        },
    )


# ch10.detect


CLASS_ALONE = "得点に中心らしさを掛けていません。"
ROOT_OF_PRODUCT = "積の平方根を取っています。得点は、積そのものです。"
RAW_CENTRE = "中心らしさのロジットを、そのまま掛けています。sigmoid に通しましょう。"
SOFTMAX = "クラスの確率に softmax を使っています。クラスごとに sigmoid を使いましょう。"
ANY_CLASS_NMS = "クラスの違う箱まで、NMS で消しています。"
NO_NMS = "NMS がありません。"
CUTS_BEFORE_NMS = "NMS の前に most 個に減らしています。NMS のあとで減らしましょう。"
THRESHOLDS_CLASS = "しきい値をクラスの確率と比べています。中心らしさを掛けた得点と比べましょう。"
AT_THRESHOLD = "得点がちょうど threshold の点は、残しません。threshold より大きいときだけです。"
WRONG_DECODING = "箱の角が違います。左と上は点から引き、右と下は点に足します。"
GRID_ORDER = "点の並びのまま返しています。得点の高い順に並べましょう。"
KEEPS_MORE = "most 個より多く返しています。"

Found = tuple[Any, Any, Any]


def expect_detected(
    answer: Answer,
    logits: Rows,
    sides: Rows,
    centres: Sequence[float],
    points: Rows,
    options: tuple[float, float, int],
    right: Found,
    known: Mapping[str, Found],
) -> None:
    arrays = [np.array(part, float) for part in (logits, sides, centres, points)]
    parts = expect_parts(
        answer.call("detect", *arrays, *options),
        3,
        "(箱, クラス, 得点) の 3 つの配列を、この順のタプルで返しましょう。",
    )
    shape = shape_of(parts[0], "箱の配列")
    expect(
        len(shape) == 2 and shape[1] == 4 and shape[0] <= len(points),
        "箱の配列の形を (検出の数, 4) にしましょう。",
        Status.WRONG_SHAPE,
    )
    expect_shape(parts[1], shape[:1], "クラスの配列")
    expect_shape(parts[2], shape[:1], "得点の配列")
    expect_close(
        table_of(parts, len(points)),
        table_of(right, len(points)),
        "検出の (x1, y1, x2, y2, クラス, 得点) の表 (足りない行は 0)",
        known={reason: table_of(wrong, len(points)) for reason, wrong in known.items()},
    )


def table_of(found: Sequence[Any], rows: int) -> Array:
    """Boxes, labels and scores side by side, then rows of zeros; shape ``(rows, 6)``."""
    table = np.zeros((rows, 6))
    boxes, labels, scores = (np.asarray(part, float) for part in found)
    table[: len(scores)] = np.column_stack([boxes.reshape(-1, 4), labels, scores])
    return table


def check_detect(answer: Answer) -> None:
    expect_detected(
        answer,
        [[1.0, -1.0], [0.0, 0.5], [-1.0, -2.0]],
        [[2.0, 1.0, 5.0, 6.0], [2.0, 1.0, 3.0, 7.0], [1.0, 2.0, 3.0, 4.0]],
        [0.5, -1.0, 1.0],
        [[10.0, 10.0], [30.0, 10.0], [50.0, 10.0]],
        (0.05, 0.5, 5),
        (
            [[8.0, 9.0, 15.0, 16.0], [49.0, 8.0, 53.0, 14.0], [28.0, 9.0, 33.0, 17.0]],
            [0, 0, 1],
            [0.455054, 0.196612, 0.167405],
        ),
        {
            CLASS_ALONE: (
                [[8.0, 9.0, 15.0, 16.0], [28.0, 9.0, 33.0, 17.0], [49.0, 8.0, 53.0, 14.0]],
                [0, 1, 0],
                [0.731059, 0.622459, 0.268941],
            ),
            ROOT_OF_PRODUCT: (
                [[8.0, 9.0, 15.0, 16.0], [49.0, 8.0, 53.0, 14.0], [28.0, 9.0, 33.0, 17.0]],
                [0, 0, 1],
                [0.674577, 0.443409, 0.409152],
            ),
            RAW_CENTRE: ([[8.0, 9.0, 15.0, 16.0], [49.0, 8.0, 53.0, 14.0]], [0, 0], [0.365529, 0.268941]),
            SOFTMAX: (
                [[8.0, 9.0, 15.0, 16.0], [49.0, 8.0, 53.0, 14.0], [28.0, 9.0, 33.0, 17.0]],
                [0, 0, 1],
                [0.54826, 0.534447, 0.167405],
            ),
            GRID_ORDER: (
                [[8.0, 9.0, 15.0, 16.0], [28.0, 9.0, 33.0, 17.0], [49.0, 8.0, 53.0, 14.0]],
                [0, 1, 0],
                [0.455054, 0.167405, 0.196612],
            ),
            WRONG_DECODING: (
                [[12.0, 11.0, 15.0, 16.0], [51.0, 12.0, 53.0, 14.0], [32.0, 11.0, 33.0, 17.0]],
                [0, 0, 1],
                [0.455054, 0.196612, 0.167405],
            ),
        },
    )
    expect_detected(
        answer,
        [[1.0, -1.0], [0.5, 2.0], [2.0, 0.0]],
        [[5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0]],
        [0.5, 1.0, -0.5],
        [[10.0, 10.0], [11.0, 10.0], [12.0, 10.0]],
        (0.05, 0.5, 5),
        ([[6.0, 5.0, 16.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [1, 0], [0.643914, 0.455054]),
        {
            CLASS_ALONE: ([[6.0, 5.0, 16.0, 15.0], [7.0, 5.0, 17.0, 15.0]], [1, 0], [0.880797, 0.880797]),
            ROOT_OF_PRODUCT: ([[6.0, 5.0, 16.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [1, 0], [0.802443, 0.674577]),
            RAW_CENTRE: ([[6.0, 5.0, 16.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [1, 0], [0.880797, 0.365529]),
            SOFTMAX: ([[6.0, 5.0, 16.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [1, 0], [0.597695, 0.54826]),
            ANY_CLASS_NMS: ([[6.0, 5.0, 16.0, 15.0]], [1], [0.643914]),
            NO_NMS: (
                [[6.0, 5.0, 16.0, 15.0], [5.0, 5.0, 15.0, 15.0], [7.0, 5.0, 17.0, 15.0]],
                [1, 0, 0],
                [0.643914, 0.455054, 0.332537],
            ),
            GRID_ORDER: ([[5.0, 5.0, 15.0, 15.0], [6.0, 5.0, 16.0, 15.0]], [0, 1], [0.455054, 0.643914]),
        },
    )
    expect_detected(
        answer,
        [[2.0, -1.0], [1.5, -2.0], [1.0, 0.0]],
        [[5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0]],
        [1.0, 1.0, 1.0],
        [[10.0, 10.0], [11.0, 10.0], [40.0, 10.0]],
        (0.05, 0.5, 2),
        ([[5.0, 5.0, 15.0, 15.0], [35.0, 5.0, 45.0, 15.0]], [0, 0], [0.643914, 0.534447]),
        {
            CLASS_ALONE: ([[5.0, 5.0, 15.0, 15.0], [35.0, 5.0, 45.0, 15.0]], [0, 0], [0.880797, 0.731059]),
            ROOT_OF_PRODUCT: (
                [[5.0, 5.0, 15.0, 15.0], [35.0, 5.0, 45.0, 15.0]],
                [0, 0],
                [0.802443, 0.731059],
            ),
            RAW_CENTRE: ([[5.0, 5.0, 15.0, 15.0], [35.0, 5.0, 45.0, 15.0]], [0, 0], [0.880797, 0.731059]),
            SOFTMAX: ([[6.0, 5.0, 16.0, 15.0], [35.0, 5.0, 45.0, 15.0]], [0, 0], [0.70963, 0.534447]),
            NO_NMS: ([[5.0, 5.0, 15.0, 15.0], [6.0, 5.0, 16.0, 15.0]], [0, 0], [0.643914, 0.597695]),
            CUTS_BEFORE_NMS: ([[5.0, 5.0, 15.0, 15.0]], [0], [0.643914]),
        },
    )
    expect_detected(
        answer,
        [[2.0, -1.0], [1.5, -2.0], [1.0, 0.0]],
        [[5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0]],
        [1.0, 1.0, 1.0],
        [[10.0, 10.0], [25.0, 10.0], [40.0, 10.0]],
        (0.05, 0.5, 2),
        ([[5.0, 5.0, 15.0, 15.0], [20.0, 5.0, 30.0, 15.0]], [0, 0], [0.643914, 0.597695]),
        {
            CLASS_ALONE: ([[5.0, 5.0, 15.0, 15.0], [20.0, 5.0, 30.0, 15.0]], [0, 0], [0.880797, 0.817574]),
            ROOT_OF_PRODUCT: (
                [[5.0, 5.0, 15.0, 15.0], [20.0, 5.0, 30.0, 15.0]],
                [0, 0],
                [0.802443, 0.773107],
            ),
            RAW_CENTRE: ([[5.0, 5.0, 15.0, 15.0], [20.0, 5.0, 30.0, 15.0]], [0, 0], [0.880797, 0.817574]),
            SOFTMAX: ([[20.0, 5.0, 30.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [0, 0], [0.70963, 0.696387]),
            KEEPS_MORE: (
                [[5.0, 5.0, 15.0, 15.0], [20.0, 5.0, 30.0, 15.0], [35.0, 5.0, 45.0, 15.0]],
                [0, 0, 0],
                [0.643914, 0.597695, 0.534447],
            ),
        },
    )
    expect_detected(
        answer,
        [[2.0, -1.0], [1.5, -2.0]],
        [[5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0]],
        [-2.0, 1.0],
        [[10.0, 10.0], [25.0, 10.0]],
        (0.3, 0.5, 2),
        ([[20.0, 5.0, 30.0, 15.0]], [0], [0.597695]),
        {
            CLASS_ALONE: ([[5.0, 5.0, 15.0, 15.0], [20.0, 5.0, 30.0, 15.0]], [0, 0], [0.880797, 0.817574]),
            ROOT_OF_PRODUCT: (
                [[20.0, 5.0, 30.0, 15.0], [5.0, 5.0, 15.0, 15.0]],
                [0, 0],
                [0.773107, 0.324027],
            ),
            RAW_CENTRE: ([[20.0, 5.0, 30.0, 15.0]], [0], [0.817574]),
            SOFTMAX: ([[20.0, 5.0, 30.0, 15.0]], [0], [0.70963]),
            THRESHOLDS_CLASS: (
                [[20.0, 5.0, 30.0, 15.0], [5.0, 5.0, 15.0, 15.0]],
                [0, 0],
                [0.597695, 0.104994],
            ),
        },
    )
    expect_detected(
        answer,
        [[0.0, -1.0], [1.5, -2.0]],
        [[5.0, 5.0, 5.0, 5.0], [5.0, 5.0, 5.0, 5.0]],
        [0.0, 1.0],
        [[10.0, 10.0], [25.0, 10.0]],
        (0.25, 0.5, 2),
        ([[20.0, 5.0, 30.0, 15.0]], [0], [0.597695]),
        {
            CLASS_ALONE: ([[20.0, 5.0, 30.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [0, 0], [0.817574, 0.5]),
            ROOT_OF_PRODUCT: ([[20.0, 5.0, 30.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [0, 0], [0.773107, 0.5]),
            RAW_CENTRE: ([[20.0, 5.0, 30.0, 15.0]], [0], [0.817574]),
            SOFTMAX: ([[20.0, 5.0, 30.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [0, 0], [0.70963, 0.365529]),
            AT_THRESHOLD: ([[20.0, 5.0, 30.0, 15.0], [5.0, 5.0, 15.0, 15.0]], [0, 0], [0.597695, 0.25]),
        },
    )
    expect_detected(
        answer, [[0.0, -1.0]], [[5.0, 5.0, 5.0, 5.0]], [0.0], [[10.0, 10.0]], (0.5, 0.5, 2), ([], [], []), {}
    )


# ch10.ambiguous


OVER_EVERY_POINT = "すべての点の数で割っています。1 つ以上の箱に望まれる点の数で割りましょう。"
WITHOUT_RANGE = "範囲を見ていません。点を望むのは、4 つの距離の最大値が段の範囲に入る箱だけです。"
MEAN_OF_IMAGES = "場面ごとの割合を平均しています。全部の場面で数を足してから、割りましょう。"
MEAN_OF_LEVELS = "段ごとの割合を平均しています。全部の段で数を足してから、割りましょう。"
JUST_TWO = "ちょうど 2 つの箱に望まれる点だけを数えています。2 つ以上を数えましょう。"
COUNTS_BOXES = "点ではなく、余分な箱の数を数えています。"
BORDER_COUNTS = "辺の上の点を、箱の中に数えています。"
NO_POINTS = "望まれる点が 1 つもないときは、0.0 を返しましょう。"

Levels = Sequence[tuple[Rows, float, float]]


def expect_share(
    answer: Answer, scenes: Sequence[Rows], levels: Levels, right: float, known: Mapping[str, float]
) -> None:
    name = f"場面 {len(scenes)} 枚、{len(levels)} 段の ambiguous_share"
    boxes = [np.array(each, float).reshape(-1, 4) for each in scenes]
    given = answer.call(
        "ambiguous_share", boxes, [(np.array(points, float), *range_) for points, *range_ in levels]
    )
    number = expect_number(given, name)
    expect(not np.isnan(number), NO_POINTS)
    expect_close(number, right, name, known=known)


def check_ambiguous(answer: Answer) -> None:
    expect_share(
        answer,
        [[[0, 0, 10, 10], [1, 1, 16, 15], [3, 2, 9, 12]], [[1, 1, 7, 7], [0, 0, 3, 3]]],
        [
            (
                [
                    [2.0, 2.0],
                    [6.0, 2.0],
                    [10.0, 2.0],
                    [14.0, 2.0],
                    [2.0, 6.0],
                    [6.0, 6.0],
                    [10.0, 6.0],
                    [14.0, 6.0],
                    [2.0, 10.0],
                    [6.0, 10.0],
                    [10.0, 10.0],
                    [14.0, 10.0],
                    [2.0, 14.0],
                    [6.0, 14.0],
                    [10.0, 14.0],
                    [14.0, 14.0],
                ],
                0,
                np.inf,
            )
        ],
        0.3,
        {
            MEAN_OF_IMAGES: 0.28125,
            JUST_TWO: 0.25,
            BORDER_INSIDE: 0.5,
            OVER_EVERY_POINT: 0.1875,
            COUNTS_BOXES: 0.35,
        },
    )
    expect_share(
        answer,
        [[[0, 0, 10, 10], [1, 1, 16, 15]], [[1, 1, 7, 7], [0, 0, 15, 16], [3, 3, 12, 9]]],
        [
            (
                [
                    [2.0, 2.0],
                    [6.0, 2.0],
                    [10.0, 2.0],
                    [14.0, 2.0],
                    [2.0, 6.0],
                    [6.0, 6.0],
                    [10.0, 6.0],
                    [14.0, 6.0],
                    [2.0, 10.0],
                    [6.0, 10.0],
                    [10.0, 10.0],
                    [14.0, 10.0],
                    [2.0, 14.0],
                    [6.0, 14.0],
                    [10.0, 14.0],
                    [14.0, 14.0],
                ],
                0,
                8,
            ),
            ([[4.0, 4.0], [12.0, 4.0], [4.0, 12.0], [12.0, 12.0]], 8, np.inf),
        ],
        0.142857,
        {
            WITHOUT_RANGE: 0.275,
            MEAN_OF_IMAGES: 0.111111,
            MEAN_OF_LEVELS: 0.145833,
            BORDER_INSIDE: 0.214286,
            OVER_EVERY_POINT: 0.05,
        },
    )
    expect_share(
        answer,
        [[[0, 0, 6, 10], [2, 2, 10, 6]], []],
        [
            (
                [
                    [2.0, 2.0],
                    [6.0, 2.0],
                    [10.0, 2.0],
                    [14.0, 2.0],
                    [2.0, 6.0],
                    [6.0, 6.0],
                    [10.0, 6.0],
                    [14.0, 6.0],
                    [2.0, 10.0],
                    [6.0, 10.0],
                    [10.0, 10.0],
                    [14.0, 10.0],
                    [2.0, 14.0],
                    [6.0, 14.0],
                    [10.0, 14.0],
                    [14.0, 14.0],
                ],
                0,
                np.inf,
            )
        ],
        0.0,
        {BORDER_INSIDE: 0.5},
    )
    expect_share(answer, [[]], [([[4.0, 4.0], [12.0, 4.0], [4.0, 12.0], [12.0, 12.0]], 0, np.inf)], 0.0, {})


# ch10.choose_ranges


WHOLE_SIDE = "長いほうの辺をそのまま使っています。中心から見た最大の距離は、その半分です。"
SHORTER_SIDE = "短いほうの辺を使っています。最大の距離は、長いほうの辺の半分です。"
EDGE_BELOW = "ちょうど境目の物体は、上の (大きいほうの) 段に数えます。"
LAST_CANDIDATE = "同じ差の候補が 2 つあれば、先に並んでいるほうを選びます。"
LEAST_MAXIMUM = "いちばん多い段だけを見ています。いちばん多い段と少ない段の差で選びましょう。"
MOST_UNEVEN = "差がいちばん大きい候補を選んでいます。"
FIRST_SCENE = "最初の場面だけで数えています。全部の場面の物体を数えましょう。"
SUM_OF_SCENES = "場面ごとの差を足しています。全部の場面で数を足してから、段どうしを比べましょう。"


def expect_ranges(
    answer: Answer,
    scenes: Sequence[Rows],
    candidates: Rows,
    right: tuple[Sequence[float], Sequence[int]],
    known: Mapping[str, Any],
) -> None:
    boxes = [np.array(each, float).reshape(-1, 4) for each in scenes]
    parts = expect_parts(
        answer.call("choose_ranges", boxes, [list(each) for each in candidates]),
        2,
        "(選んだ境目のリスト, 段ごとの物体の数のリスト) を、この順のタプルで返しましょう。",
    )
    edges = expect_shape(parts[0], (len(right[0]),), "選んだ境目")
    counts = expect_shape(parts[1], (len(right[1]),), "段ごとの物体の数")
    expect_close(
        [*edges.tolist(), *counts.tolist()],
        [*right[0], *right[1]],
        f"場面 {len(scenes)} 枚の choose_ranges の境目と数",
        known={reason: [*wrong[0], *wrong[1]] for reason, wrong in known.items()},
    )


def check_choose_ranges(answer: Answer) -> None:
    expect_ranges(
        answer,
        [[[0, 0, 8, 4], [0, 0, 20, 10]], [], [[0, 0, 12, 30], [0, 0, 16, 9], [0, 0, 40, 22], [0, 0, 24, 48]]],
        [[4, 8], [5, 7], [8, 12], [10, 20], [3, 20], [6, 14], [9, 22]],
        ([10, 20], [2, 2, 2]),
        {
            WHOLE_SIDE: ([9, 22], [1, 2, 3]),
            SHORTER_SIDE: ([5, 7], [2, 2, 2]),
            EDGE_BELOW: ([8, 12], [2, 1, 3]),
            MOST_UNEVEN: ([4, 8], [0, 1, 5]),
            FIRST_SCENE: ([4, 8], [0, 1, 1]),
        },
    )
    expect_ranges(
        answer,
        [[[0, 0, 8, 4], [0, 0, 16, 6]], [[0, 0, 24, 9], [0, 0, 24, 10]]],
        [[8], [10], [12]],
        ([10], [2, 2]),
        {
            WHOLE_SIDE: ([10], [1, 3]),
            SHORTER_SIDE: ([8], [4, 0]),
            EDGE_BELOW: ([8], [2, 2]),
            LAST_CANDIDATE: ([12], [2, 2]),
            FIRST_SCENE: ([8], [1, 1]),
            SUM_OF_SCENES: ([8], [1, 3]),
        },
    )
    expect_ranges(
        answer,
        [[[0, 0, 8, 4], [0, 0, 10, 6], [0, 0, 1, 1]], [[0, 0, 24, 9], [0, 0, 30, 10]]],
        [[8], [10], [12]],
        ([8], [3, 2]),
        {
            WHOLE_SIDE: ([10], [2, 3]),
            SHORTER_SIDE: ([8], [5, 0]),
            LAST_CANDIDATE: ([12], [3, 2]),
            FIRST_SCENE: ([8], [3, 0]),
        },
    )
    expect_ranges(
        answer,
        [
            [
                [0, 0, 4, 4],
                [0, 0, 4, 4],
                [0, 0, 4, 4],
                [0, 0, 4, 4],
                [0, 0, 20, 4],
                [0, 0, 20, 4],
                [0, 0, 20, 4],
                [0, 0, 20, 4],
            ],
            [[0, 0, 60, 9], [0, 0, 20, 4]],
        ],
        [[6, 9], [6, 25], [1, 25]],
        ([6, 25], [4, 5, 1]),
        {
            SHORTER_SIDE: ([6, 9], [10, 0, 0]),
            MOST_UNEVEN: ([1, 25], [0, 9, 1]),
            FIRST_SCENE: ([6, 9], [4, 0, 4]),
        },
    )
    expect_ranges(
        answer,
        [
            [
                [0, 0, 2, 2],
                [0, 0, 2, 2],
                [0, 0, 2, 2],
                [0, 0, 2, 2],
                [0, 0, 2, 2],
                [0, 0, 6, 2],
                [0, 0, 10, 4],
                [0, 0, 10, 2],
                [0, 0, 14, 3],
                [0, 0, 14, 14],
            ]
        ],
        [[2, 9], [4, 6]],
        ([4, 6], [6, 2, 2]),
        {
            WHOLE_SIDE: ([4, 6], [5, 0, 5]),
            SHORTER_SIDE: ([2, 9], [8, 2, 0]),
            LEAST_MAXIMUM: ([2, 9], [5, 5, 0]),
        },
    )
    expect_ranges(
        answer,
        [
            [[0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4]],
            [[0, 0, 20, 9], [0, 0, 20, 9], [0, 0, 20, 9], [0, 0, 20, 9]],
            [[0, 0, 40, 4], [0, 0, 40, 4], [0, 0, 40, 4]],
        ],
        [[15, 25], [6, 15], [1, 30]],
        ([6, 15], [3, 4, 3]),
        {
            WHOLE_SIDE: ([15, 25], [3, 4, 3]),
            SHORTER_SIDE: ([15, 25], [10, 0, 0]),
            MOST_UNEVEN: ([1, 30], [0, 10, 0]),
            FIRST_SCENE: ([15, 25], [3, 0, 0]),
            SUM_OF_SCENES: ([15, 25], [7, 3, 0]),
        },
    )


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch10.distances",
        title="箱と、4 つの距離",
        points=1,
        symbols=("to_sides", "to_boxes"),
        template='''import numpy as np

def to_sides(points, box):
    """点ごとに、1 つの箱の辺までの距離 (l, t, r, b) を並べて返します。"""
    raise NotImplementedError("ここを書きましょう")

def to_boxes(points, sides):
    """点ごとの (l, t, r, b) から、箱 (x1, y1, x2, y2) を並べて返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_distances,
        hints=(
            "points - box[:2] は、点ごとの (l, t) です。box[2:] - points は何でしょうか。",
            "2 つを np.concatenate([…, …], axis=1) でつなぎます。to_boxes では、sides[:, :2] を点から引き、sides[:, 2:] を点に足します。",
        ),
    ),
    Exercise(
        id="ch10.iou_loss",
        title="距離から IoU loss",
        points=2,
        symbols=("iou_loss",),
        template='''import numpy as np

def iou_loss(predicted, wanted, positive):
    """positive が True の点だけで、-ln(IoU) を平均します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_iou_loss,
        hints=(
            "先に predicted[positive] と wanted[positive] で、正の点だけを取り出します。1 つもなければ 0.0 です。",
            "np.minimum(predicted, wanted) の l + r が重なりの幅、t + b が高さです。負なら 0 にします。",
            "IoU を np.maximum(…, 1e-6) で止めてから、-np.log(…).mean() を取ります。",
        ),
    ),
    Exercise(
        id="ch10.levels",
        title="点と物体の段を決める",
        points=2,
        symbols=("levels",),
        template='''import numpy as np

def levels(points, boxes, edges):
    """点と物体の組ごとに段の番号を返します。点が箱の外か辺の上なら -1 です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_levels,
        hints=(
            "points[:, None] - boxes[:, :2] の形は (点, 物体, 2) です。4 つの距離を (点, 物体, 4) の配列にします。",
            "最大値を境目と比べます。段の番号は、最大値「以下」の境目の数です。np.searchsorted の side に気を付けましょう。",
            'np.searchsorted(edges, largest, side="right") を、距離の最小値が 0 以下のところで −1 に置き換えます。',
        ),
    ),
    Exercise(
        id="ch10.targets",
        title="段の正解を作る",
        points=3,
        symbols=("level_targets",),
        template='''import numpy as np

def level_targets(boxes, labels, height, width, stride, low, high):
    """1 つの段のすべての点の (クラス, 距離, 中心らしさ) を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_targets,
        hints=(
            "点の x は (0.5 + 列) × stride、y は (0.5 + 行) × stride です。全部の点と全部の箱の距離を、(行, 列, 物体, 4) の配列にします。",
            "箱の中にあって、最大の距離が low 以上 high 未満の組だけを残し、残らない組の面積を無限大にします。面積の argmin が、受け持つ物体です。",
            "1 つも残らない点は、クラスを −1、距離と中心らしさを 0 にします。物体が 0 個のときは、argmin の前に分けましょう。",
        ),
    ),
    Exercise(
        id="ch10.ambiguous",
        title="あいまいな点の割合",
        points=1,
        symbols=("ambiguous_share",),
        template='''import numpy as np

def ambiguous_share(scenes, levels):
    """1 つ以上の箱に望まれる点のうち、2 つ以上の箱に望まれる点の割合を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_ambiguous,
        hints=(
            "場面と段の組ごとに、点が何個の箱に望まれるかを数えます。望まれるのは、箱の中にあって、最大の距離が low 以上 high 未満のときです。",
            "望む箱が 1 つ以上ある点の数と、2 つ以上ある点の数を、全部の場面と段で足し、最後に 1 度だけ割ります。",
        ),
    ),
    question(
        id="ch10.predict_centerness",
        title="中心らしさの平均を予想する",
        options={"ア": "およそ 0.33", "イ": "およそ 0.5", "ウ": "およそ 0.67"},
        hints=(
            "まん中と左の辺の、ちょうど中ほどにある点では、l : r が 1 : 3 です。t : b もそうなら、中心らしさはいくつですか。",
        ),
    ),
    Exercise(
        id="ch10.centerness",
        title="中心らしさ",
        points=1,
        symbols=("centerness",),
        template='''import numpy as np

def centerness(sides):
    """点ごとの (l, t, r, b) から、中心らしさを返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_centerness,
        hints=(
            "l, t, r, b = sides.T とすると、4 つの列に分けられます。比は np.minimum(l, r) / np.maximum(l, r) です。",
            "距離の最小値 sides.min(axis=1) が 0 以下の点は、箱の外か辺の上です。先に距離を 0 で止めると、平方根の中が負になりません。",
        ),
    ),
    Exercise(
        id="ch10.detect",
        title="出力から検出まで",
        points=2,
        symbols=("detect",),
        template='''import numpy as np
from course_utils.detection import nms

def detect(logits, sides, centres, points, threshold, iou, most):
    """点ごとの出力から (箱, クラス, 得点) を、得点の高い順に most 個まで返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_detect,
        hints=(
            "点ごとに、sigmoid(logits) がいちばん高いクラスを選び、その確率に sigmoid(centres) を掛けると得点です。",
            "得点が threshold より大きい点だけを残してから、箱に直します。",
            "nms(boxes, scores, iou, labels) は、残る箱の番号を得点の高い順に返します。その先頭の most 個を取りましょう。",
        ),
    ),
    question(
        id="ch10.predict_anchors",
        title="大きさを決め間違えたら",
        options={
            "ア": "アンカーでは 1 割を超えるが、FCOS では 1 割に届かない",
            "イ": "アンカーでも FCOS でも、1 割を超える",
            "ウ": "アンカーでも FCOS でも、1 割に届かない",
        },
        hints=(
            "範囲の境目を半分にすると、小さな物体まで、粗い段に回されます。粗い段の点は、何画素おきに並んでいましたか。",
        ),
    ),
    Exercise(
        id="ch10.choose_ranges",
        title="訓練用の箱から、段の範囲を決める",
        points=2,
        symbols=("choose_ranges",),
        template='''import numpy as np

def choose_ranges(scenes, candidates):
    """物体がいちばん均等に分かれる境目と、そのときの段ごとの物体の数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_choose_ranges,
        hints=(
            "全部の場面の箱をつなぎ、長いほうの辺の半分を求めます。",
            'np.searchsorted(edges, half, side="right") が段の番号です。np.bincount(…, minlength=len(edges) + 1) で数えます。',
            "数の最大値 − 最小値がいちばん小さい候補を選びます。同じなら先のものなので、小さくなったときだけ取り換えます。",
        ),
    ),
    question(
        id="ch10.predict_cost",
        title="FCOS の計算の量を予想する",
        options={"ア": "1.1 倍ほど", "イ": "1.5 倍ほど", "ウ": "2 倍以上"},
        hints=(
            "本体は、画像をどんどん縮めます。特徴ピラミッドと塔は、ストライド 4 の細かい特徴マップの上で、3×3 の畳み込みを何度も計算します。",
        ),
    ),
]
