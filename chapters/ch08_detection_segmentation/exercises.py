"""Chapter 8: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import (
    expect,
    expect_close,
    expect_number,
    expect_parts,
    expect_shape,
    shape_of,
)
from grader.exercise import Answer, Exercise, Status, number_question, question

Array = npt.NDArray[Any]


# ch08.mask_measures


SWAPS_ERRORS = (
    "FP と FN が逆です。FP は「予測したのに物体ではない画素」、FN は「物体なのに予測しなかった画素」です。"
)
COUNTS_RIGHT_BACKGROUND = (
    "IoU の分母に、正しく背景とした画素まで数えています。それは正解率です。分母は TP + FP + FN です。"
)
DOUBLE_INTERSECTION = "IoU の分母で、重なりを 2 回数えています。TP + FP + FN としましょう。"
DICE_IS_HALF = "Dice の分子が TP のままです。分子は 2·TP です。"
DICE_OVER_UNION = (
    "Dice の分母が TP + FP + FN のままです。分母は 2 つのマスクの画素数の和、2·TP + FP + FN です。"
)
EMPTY_IS_ZERO = "2 つとも空のマスクは、完全に一致しています。IoU も Dice も 1.0 にしましょう。"
MISSED_IS_ONE = "片方だけが空のときは、一致していません。1.0 にするのは、両方とも空のときだけです。"


def expect_measures(
    answer: Answer, masks: tuple[Array, Array], right: Sequence[float], known: Mapping[str, Any]
) -> None:
    name = "mask_measures(truth, predicted) の結果"
    parts = expect_parts(
        answer.call("mask_measures", *masks),
        5,
        "(tp, fp, fn, iou, dice) の 5 つの数を、この順のタプルで返しましょう。",
    )
    numbers = [expect_number(part, name) for part in parts]
    expect_close(numbers, right, name, known=known)


def mask(rows: str) -> Array:
    """A mask from rows of # and ., divided by spaces."""
    return np.array([[letter == "#" for letter in row] for row in rows.split()])


def check_mask_measures(answer: Answer) -> None:
    expect_measures(
        answer,
        (mask("##.. ##.. ...."), mask(".##. .##. .##.")),
        [2, 4, 2, 0.25, 0.4],
        {
            SWAPS_ERRORS: [2, 2, 4, 0.25, 0.4],
            COUNTS_RIGHT_BACKGROUND: [2, 4, 2, 0.5, 0.4],
            DOUBLE_INTERSECTION: [2, 4, 2, 0.2, 0.4],
            DICE_IS_HALF: [2, 4, 2, 0.25, 0.2],
            DICE_OVER_UNION: [2, 4, 2, 0.25, 0.5],
        },
    )
    expect_measures(
        answer,
        (mask("#### .... ..##"), mask("###. #... ....")),
        [3, 1, 3, 0.428571, 0.6],
        {
            SWAPS_ERRORS: [3, 3, 1, 0.428571, 0.6],
            COUNTS_RIGHT_BACKGROUND: [3, 1, 3, 0.666667, 0.6],
            DOUBLE_INTERSECTION: [3, 1, 3, 0.3, 0.6],
            DICE_IS_HALF: [3, 1, 3, 0.428571, 0.3],
            DICE_OVER_UNION: [3, 1, 3, 0.428571, 0.857143],
        },
    )
    expect_measures(
        answer, (mask("... ..."), mask("... ...")), [0, 0, 0, 1.0, 1.0], {EMPTY_IS_ZERO: [0, 0, 0, 0.0, 0.0]}
    )
    expect_measures(
        answer,
        (mask("##. ..."), mask("... ...")),
        [0, 0, 2, 0.0, 0.0],
        {
            SWAPS_ERRORS: [0, 2, 0, 0.0, 0.0],
            COUNTS_RIGHT_BACKGROUND: [0, 0, 2, 0.666667, 0.0],
            MISSED_IS_ONE: [0, 0, 2, 1.0, 1.0],
        },
    )
    expect_measures(
        answer,
        (mask("... ..."), mask("... .#.")),
        [0, 1, 0, 0.0, 0.0],
        {
            SWAPS_ERRORS: [0, 0, 1, 0.0, 0.0],
            COUNTS_RIGHT_BACKGROUND: [0, 1, 0, 0.833333, 0.0],
            MISSED_IS_ONE: [0, 1, 0, 1.0, 1.0],
        },
    )
    expect_measures(
        answer,
        (mask("#.# .#."), mask("#.# .#.")),
        [3, 0, 0, 1.0, 1.0],
        {
            DOUBLE_INTERSECTION: [3, 0, 0, 0.5, 1.0],
            DICE_IS_HALF: [3, 0, 0, 1.0, 0.5],
            DICE_OVER_UNION: [3, 0, 0, 1.0, 2.0],
        },
    )
    expect_measures(
        answer, (mask("#.. #.."), mask(".## .##")), [0, 4, 2, 0.0, 0.0], {SWAPS_ERRORS: [0, 2, 4, 0.0, 0.0]}
    )


# ch08.merge_boxes


EQUAL_WEIGHTS = "箱をただ平均しています。得点を重みにした平均にしましょう。"
NO_MERGING = "残った箱がもとのままです。それは、ふつうの NMS です。抑えた箱と平均しましょう。"
LEAVES_OUT_ITSELF = "平均に、残った箱自身が入っていません。"
MERGES_CLASSES = "クラスの違う箱まで、まとめています。まとめるのは、同じクラスの箱だけです。"
MERGES_AT_THRESHOLD = "IoU がちょうど threshold の箱は、抑えません。threshold より大きいときだけです。"
MERGES_TWICE = "同じ箱を、2 つの箱の平均に入れています。一度抑えられた箱は、ほかの箱の平均には入りません。"
CHAINS = "抑えられた箱に、さらに別の箱を抑えさせています。抑えるのは、残った箱だけです。"
COMPARES_TO_MEAN = "平均したあとの箱と比べています。IoU は、残った箱のもとの位置で測ります。"
AVERAGES_SCORES = "得点まで平均しています。得点は、残った箱のもとの得点です。"
KEEPS_ORDER = "もとの並びのまま返しています。得点の高い順に並べましょう。"
LAST_OF_TIES = "得点が等しいときは、先に並んでいる箱を優先します。"


Boxes = Sequence[Sequence[float]]
Merged = tuple[Boxes, Sequence[float], Sequence[int]]


def expect_merged(
    answer: Answer, given: Merged, threshold: float, right: Merged, known: Mapping[str, Merged]
) -> None:
    boxes, scores, labels = given
    arguments = (np.array(boxes, float).reshape(-1, 4), np.array(scores, float), np.array(labels, int))
    parts = expect_parts(
        answer.call("merge_boxes", *arguments, threshold),
        3,
        "(箱, 得点, クラス) の 3 つの配列を、この順のタプルで返しましょう。",
    )
    shape = shape_of(parts[0], "箱の配列")
    expect(
        len(shape) == 2 and shape[1] == 4 and shape[0] <= len(boxes),
        "箱の配列の形を (残った箱の数, 4) にしましょう。",
        Status.WRONG_SHAPE,
    )
    expect_shape(parts[1], shape[:1], "得点の配列")
    expect_shape(parts[2], shape[:1], "クラスの配列")
    expect_close(
        table_of(parts, len(boxes)),
        table_of(right, len(boxes)),
        "残った箱の (x1, y1, x2, y2, 得点, クラス) の表 (足りない行は 0)",
        known={reason: table_of(wrong, len(boxes)) for reason, wrong in known.items()},
    )


def table_of(merged: Sequence[Any], rows: int) -> Array:
    """Boxes, scores and labels side by side, then rows of zeros; shape ``(rows, 6)``."""
    table = np.zeros((rows, 6))
    boxes, scores, labels = (np.asarray(part, float) for part in merged)
    table[: len(scores)] = np.column_stack([boxes.reshape(-1, 4), scores, labels])
    return table


def check_merge_boxes(answer: Answer) -> None:
    expect_merged(
        answer,
        ([[4, 0, 14, 10], [40, 0, 50, 10], [0, 0, 10, 10]], [0.25, 0.5, 0.75], [2, 1, 2]),
        0.4,
        ([[1.0, 0.0, 11.0, 10.0], [40.0, 0.0, 50.0, 10.0]], [0.75, 0.5], [2, 1]),
        {
            EQUAL_WEIGHTS: ([[2.0, 0.0, 12.0, 10.0], [40.0, 0.0, 50.0, 10.0]], [0.75, 0.5], [2, 1]),
            NO_MERGING: ([[0.0, 0.0, 10.0, 10.0], [40.0, 0.0, 50.0, 10.0]], [0.75, 0.5], [2, 1]),
            LEAVES_OUT_ITSELF: ([[4.0, 0.0, 14.0, 10.0], [40.0, 0.0, 50.0, 10.0]], [0.75, 0.5], [2, 1]),
            AVERAGES_SCORES: ([[1.0, 0.0, 11.0, 10.0], [40.0, 0.0, 50.0, 10.0]], [0.5, 0.5], [2, 1]),
            KEEPS_ORDER: ([[40.0, 0.0, 50.0, 10.0], [1.0, 0.0, 11.0, 10.0]], [0.5, 0.75], [1, 2]),
        },
    )
    expect_merged(
        answer,
        ([[0, 0, 10, 10], [2, 0, 12, 10]], [0.75, 0.5], [0, 1]),
        0.5,
        ([[0.0, 0.0, 10.0, 10.0], [2.0, 0.0, 12.0, 10.0]], [0.75, 0.5], [0, 1]),
        {MERGES_CLASSES: ([[0.8, 0.0, 10.8, 10.0]], [0.75], [0])},
    )
    expect_merged(
        answer,
        ([[0, 0, 10, 10], [0, 0, 10, 5]], [0.75, 0.5], [3, 3]),
        0.5,
        ([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]], [0.75, 0.5], [3, 3]),
        {MERGES_AT_THRESHOLD: ([[0.0, 0.0, 10.0, 8.0]], [0.75], [3])},
    )
    expect_merged(
        answer,
        ([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10]], [0.75, 0.25, 0.5], [1, 1, 1]),
        0.25,
        ([[1.25, 0.0, 11.25, 10.0], [10.0, 0.0, 20.0, 10.0]], [0.75, 0.5], [1, 1]),
        {
            EQUAL_WEIGHTS: ([[2.5, 0.0, 12.5, 10.0], [10.0, 0.0, 20.0, 10.0]], [0.75, 0.5], [1, 1]),
            NO_MERGING: ([[0.0, 0.0, 10.0, 10.0], [10.0, 0.0, 20.0, 10.0]], [0.75, 0.5], [1, 1]),
            LEAVES_OUT_ITSELF: ([[5.0, 0.0, 15.0, 10.0], [10.0, 0.0, 20.0, 10.0]], [0.75, 0.5], [1, 1]),
            MERGES_TWICE: ([[1.25, 0.0, 11.25, 10.0], [8.333333, 0.0, 18.333333, 10.0]], [0.75, 0.5], [1, 1]),
            AVERAGES_SCORES: ([[1.25, 0.0, 11.25, 10.0], [10.0, 0.0, 20.0, 10.0]], [0.5, 0.5], [1, 1]),
        },
    )
    expect_merged(
        answer,
        ([[0, 0, 10, 10], [6, 0, 16, 10], [8, 0, 18, 10]], [0.75, 0.25, 0.5], [1, 1, 1]),
        0.25,
        ([[0.0, 0.0, 10.0, 10.0], [7.333333, 0.0, 17.333333, 10.0]], [0.75, 0.5], [1, 1]),
        {
            EQUAL_WEIGHTS: ([[0.0, 0.0, 10.0, 10.0], [7.0, 0.0, 17.0, 10.0]], [0.75, 0.5], [1, 1]),
            NO_MERGING: ([[0.0, 0.0, 10.0, 10.0], [8.0, 0.0, 18.0, 10.0]], [0.75, 0.5], [1, 1]),
            LEAVES_OUT_ITSELF: ([[0.0, 0.0, 10.0, 10.0], [6.0, 0.0, 16.0, 10.0]], [0.75, 0.5], [1, 1]),
            MERGES_AT_THRESHOLD: ([[1.5, 0.0, 11.5, 10.0], [8.0, 0.0, 18.0, 10.0]], [0.75, 0.5], [1, 1]),
            AVERAGES_SCORES: (
                [[0.0, 0.0, 10.0, 10.0], [7.333333, 0.0, 17.333333, 10.0]],
                [0.75, 0.375],
                [1, 1],
            ),
        },
    )
    expect_merged(
        answer,
        ([[9, 0, 19, 10], [0, 0, 10, 10], [4, 0, 14, 10]], [0.25, 0.75, 0.5], [1, 1, 1]),
        0.25,
        ([[1.6, 0.0, 11.6, 10.0], [9.0, 0.0, 19.0, 10.0]], [0.75, 0.25], [1, 1]),
        {
            EQUAL_WEIGHTS: ([[2.0, 0.0, 12.0, 10.0], [9.0, 0.0, 19.0, 10.0]], [0.75, 0.25], [1, 1]),
            NO_MERGING: ([[0.0, 0.0, 10.0, 10.0], [9.0, 0.0, 19.0, 10.0]], [0.75, 0.25], [1, 1]),
            LEAVES_OUT_ITSELF: ([[4.0, 0.0, 14.0, 10.0], [9.0, 0.0, 19.0, 10.0]], [0.75, 0.25], [1, 1]),
            MERGES_TWICE: ([[1.6, 0.0, 11.6, 10.0], [5.666667, 0.0, 15.666667, 10.0]], [0.75, 0.25], [1, 1]),
            CHAINS: ([[2.833333, 0.0, 12.833333, 10.0]], [0.75], [1]),
            AVERAGES_SCORES: ([[1.6, 0.0, 11.6, 10.0], [9.0, 0.0, 19.0, 10.0]], [0.625, 0.25], [1, 1]),
            KEEPS_ORDER: ([[9.0, 0.0, 19.0, 10.0], [1.6, 0.0, 11.6, 10.0]], [0.25, 0.75], [1, 1]),
        },
    )
    expect_merged(
        answer,
        ([[0, 0, 10, 10], [6, 0, 16, 10], [3, 6, 13, 16]], [0.5, 0.5, 0.25], [1, 1, 1]),
        0.2,
        ([[3.0, 0.0, 13.0, 10.0], [3.0, 6.0, 13.0, 16.0]], [0.5, 0.25], [1, 1]),
        {
            NO_MERGING: ([[0.0, 0.0, 10.0, 10.0], [3.0, 6.0, 13.0, 16.0]], [0.5, 0.25], [1, 1]),
            LEAVES_OUT_ITSELF: ([[6.0, 0.0, 16.0, 10.0], [3.0, 6.0, 13.0, 16.0]], [0.5, 0.25], [1, 1]),
            COMPARES_TO_MEAN: ([[3.0, 1.2, 13.0, 11.2]], [0.5], [1]),
        },
    )
    expect_merged(
        answer,
        ([[0, 0, 10, 10], [30, 0, 40, 10]], [0.5, 0.5], [2, 2]),
        0.5,
        ([[0.0, 0.0, 10.0, 10.0], [30.0, 0.0, 40.0, 10.0]], [0.5, 0.5], [2, 2]),
        {LAST_OF_TIES: ([[30.0, 0.0, 40.0, 10.0], [0.0, 0.0, 10.0, 10.0]], [0.5, 0.5], [2, 2])},
    )
    expect_merged(answer, ([[5, 5, 15, 15]], [0.25], [4]), 0.5, ([[5.0, 5.0, 15.0, 15.0]], [0.25], [4]), {})
    expect_merged(answer, ([], [], []), 0.5, ([], [], []), {})


# ch08.voc_ap


NO_ENVELOPE = "適合率をそのまま使っています。その再現率以上での最大の適合率に、置き換えましょう。"
ENVELOPE_FROM_LEFT = (
    "適合率の最大値を、手前 (再現率の低いほう) から取っています。その点より先での最大値を取ります。"
)
ELEVEN_POINTS = "再現率 11 点での平均 (VOC 2007) です。ここでは、曲線の下の面積を求めます。"
COCO_POINTS = "再現率 101 点での平均 (COCO) です。ここでは、曲線の下の面積を求めます。"
OVER_FOUND = "見つけた数で割っています。見落とした物体も数に入れて、物体の総数で割りましょう。"
TRAPEZOIDS = "台形で面積を求めています。単調にした曲線は階段なので、長方形の面積の和です。"
NO_RECALL_STEPS = "すべての検出にわたる平均になっています。再現率が増えた検出でだけ、面積が増えます。"


def expect_voc_ap(
    answer: Answer, hits: Sequence[int], objects: int, right: float, known: Mapping[str, float]
) -> None:
    name = f"voc_ap({list(hits)}, {objects})"
    number = expect_number(answer.call("voc_ap", np.array(hits, bool), objects), name)
    expect_close(number, right, name, known=known)


def check_voc_ap(answer: Answer) -> None:
    expect_voc_ap(
        answer,
        [1, 0, 1, 1, 0],
        4,
        0.625,
        {
            NO_ENVELOPE: 0.604167,
            ENVELOPE_FROM_LEFT: 0.75,
            ELEVEN_POINTS: 0.613636,
            COCO_POINTS: 0.628713,
            TRAPEZOIDS: 0.65625,
            OVER_FOUND: 0.833333,
            NO_RECALL_STEPS: 0.77,
        },
    )
    expect_voc_ap(
        answer,
        [0, 1, 1, 0, 1],
        5,
        0.386667,
        {
            NO_ENVELOPE: 0.353333,
            ENVELOPE_FROM_LEFT: 0.366667,
            ELEVEN_POINTS: 0.412121,
            COCO_POINTS: 0.389439,
            TRAPEZOIDS: 0.393333,
            OVER_FOUND: 0.644444,
            NO_RECALL_STEPS: 0.64,
        },
    )
    expect_voc_ap(answer, [1, 1], 2, 1.0, {})
    expect_voc_ap(
        answer,
        [1, 0, 0, 1],
        2,
        0.75,
        {
            ENVELOPE_FROM_LEFT: 1.0,
            ELEVEN_POINTS: 0.772727,
            COCO_POINTS: 0.752475,
            TRAPEZOIDS: 0.875,
            NO_RECALL_STEPS: 0.625,
        },
    )
    expect_voc_ap(answer, [0, 0], 3, 0.0, {})
    expect_voc_ap(answer, [], 3, 0.0, {TRAPEZOIDS: 0})
    expect_voc_ap(
        answer,
        [1],
        8,
        0.125,
        {ELEVEN_POINTS: 0.181818, COCO_POINTS: 0.128713, OVER_FOUND: 1.0, NO_RECALL_STEPS: 1.0},
    )


# ch08.match_anchors


NO_FORCED = "どのアンカーにも受け持たれない物体があります。最後に、物体ごとに、いちばん重なるアンカーをその物体の番号に書き換えましょう。"
FORCED_TAKES_ITS_OWN = (
    "最後に書き込む番号が違います。アンカーにとっていちばんの物体ではなく、いま見ている物体の番号です。"
)
FORCES_ONLY_FREE = "ほかの物体のものになったアンカーを書き換えていません。物体といちばん重なるアンカーは、何になっていても書き換えます。"
FIRST_OBJECT_WINS = "2 つの物体といちばん重なるアンカーが同じときは、番号の大きい物体のものになります。"
LAST_OBJECT_OF_TIES = "2 つの物体と等しく重なるアンカーは、番号の小さいほうの物体を受け持ちます。"
LAST_ANCHOR_OF_TIES = "物体といちばん重なるアンカーが 2 つあれば、書き換えるのは番号の小さいほうだけです。"
NO_IGNORED = "IoU が 0.4 以上 0.5 未満のアンカーまで背景にしています。そこは、学習に使わない −2 です。"
IGNORED_TAKES = "IoU が 0.4 以上 0.5 未満のアンカーにも、物体を受け持たせています。そこは −2 です。"
STRICT_UPPER = "IoU がちょうど 0.5 のアンカーは、物体を受け持ちます。"
STRICT_LOWER = "IoU がちょうど 0.4 のアンカーは、背景ではなく −2 です。"
BACKGROUND_IS_ZERO = "背景が 0 になっています。0 は物体の番号です。背景は −1 にしましょう。"
SWAPS_SIGNS = "−1 と −2 が逆です。背景が −1、使わないアンカーが −2 です。"


def expect_matched(
    answer: Answer,
    anchors: Boxes,
    boxes: Boxes,
    right: Sequence[int],
    known: Mapping[str, Sequence[int]],
) -> None:
    given = answer.call("match_anchors", np.array(anchors, float), np.array(boxes, float).reshape(-1, 4))
    name = f"物体 {len(boxes)} 個、アンカー {len(anchors)} 個の match_anchors"
    expect_close(given, right, name, atol=0.01, rtol=0, known=known)


def check_match_anchors(answer: Answer) -> None:
    expect_matched(
        answer,
        [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 3], [0, 0, 10, 1], [22, 0, 23, 10]],
        [[0, 0, 10, 10], [20, 0, 30, 10]],
        [0, 0, -1, -1, 1],
        {NO_FORCED: [0, 0, -1, -1, -1], BACKGROUND_IS_ZERO: [0, 0, 0, 0, 1], SWAPS_SIGNS: [0, 0, -2, -2, 1]},
    )
    expect_matched(answer, [[0, 0, 10, 10], [0, 0, 10, 5]], [[0, 0, 10, 10]], [0, 0], {STRICT_UPPER: [0, -2]})
    expect_matched(
        answer,
        [[0, 0, 10, 10], [0, 0, 20, 9], [5, 5, 15, 15]],
        [[0, 0, 10, 10]],
        [0, -2, -1],
        {
            NO_IGNORED: [0, -1, -1],
            IGNORED_TAKES: [0, 0, -1],
            BACKGROUND_IS_ZERO: [0, -2, 0],
            SWAPS_SIGNS: [0, -1, -2],
        },
    )
    expect_matched(
        answer,
        [[0, 0, 10, 10], [0, 0, 10, 4], [0, 0, 20, 9], [0, 0, 1, 1]],
        [[0, 0, 10, 10]],
        [0, -2, -2, -1],
        {
            NO_IGNORED: [0, -1, -1, -1],
            IGNORED_TAKES: [0, 0, 0, -1],
            STRICT_LOWER: [0, -1, -2, -1],
            BACKGROUND_IS_ZERO: [0, -2, -2, 0],
            SWAPS_SIGNS: [0, -1, -1, -2],
        },
    )
    expect_matched(
        answer,
        [[0, 0, 10, 10], [7, 0, 22, 10]],
        [[0, 0, 10, 10], [20, 0, 30, 10]],
        [0, 1],
        {NO_FORCED: [0, -1], FORCED_TAKES_ITS_OWN: [0, 0]},
    )
    expect_matched(answer, [[5, 0, 15, 10]], [[0, 0, 10, 10], [8, 0, 18, 10]], [1], {FIRST_OBJECT_WINS: [0]})
    expect_matched(
        answer,
        [[0, 0, 10, 10], [1, 0, 11, 10]],
        [[0, 0, 10, 10], [6, 0, 16, 10]],
        [0, 1],
        {FORCES_ONLY_FREE: [0, 0]},
    )
    expect_matched(
        answer,
        [[0, 0, 10, 10], [1, 0, 11, 10], [3, 0, 13, 10]],
        [[2, 0, 12, 10], [4, 0, 14, 10]],
        [0, 0, 1],
        {NO_FORCED: [0, 0, 0], FORCED_TAKES_ITS_OWN: [0, 0, 0], FORCES_ONLY_FREE: [0, 0, 0]},
    )
    expect_matched(
        answer,
        [[0, 0, 10, 10], [0, 0, 10, 8], [0, 2, 10, 10]],
        [[0, 0, 10, 8], [0, 2, 10, 10]],
        [0, 0, 1],
        {LAST_OBJECT_OF_TIES: [1, 0, 1]},
    )
    expect_matched(
        answer,
        [[0, 0, 1, 10], [0, 0, 1, 10]],
        [[0, 0, 10, 10]],
        [0, -1],
        {NO_FORCED: [-1, -1], LAST_ANCHOR_OF_TIES: [-1, 0], BACKGROUND_IS_ZERO: [0, 0], SWAPS_SIGNS: [0, -2]},
    )
    expect_matched(
        answer,
        [[0, 0, 4, 4], [2, 2, 6, 6]],
        [],
        [-1, -1],
        {BACKGROUND_IS_ZERO: [0, 0], SWAPS_SIGNS: [-2, -2]},
    )


# ch08.focal_loss


OVERFLOWS = "ロジットの絶対値が大きいと、値が無限大か NaN になります。確率にしてから log を取らず、np.logaddexp(0, x) を使いましょう。"
DIVIDES_BY_ZERO = "正例が 1 つもないときに、0 で割っています。割る数は、少なくとも 1 です。"
CLIPS = "確率を切り詰めているので、大きく間違えたときの損失が小さすぎます。log を、ロジットから直に計算しましょう。"
ALPHA_SWAPPED = "α を掛ける側が逆です。正例 (1) に α、負例 (0) に 1 − α を掛けます。"
ALPHA_FOR_ALL = "負例にも α を掛けています。負例には 1 − α を掛けます。"
NO_ALPHA = "α がありません。正例に α、負例に 1 − α を掛けましょう。"
WEIGHTS_EASY = (
    "簡単な例ほど重くなっています。正しい答えの確率を p とすると、掛けるのは (1 − p) の gamma 乗です。"
)
NO_FOCUS = "(1 − p) の gamma 乗がありません。これは、α を付けた交差エントロピーです。"
OVER_ALL_ANCHORS = "アンカーの総数で割っています。割るのは、正例のアンカーの数です。"
OVER_NUMBERS = "すべての数の平均になっています。和を、正例のアンカーの数で割りましょう。"
SUM_ALONE = "和のままです。正例のアンカーの数で割りましょう。"


def expect_focal(
    answer: Answer,
    logits: Any,
    targets: Any,
    options: Mapping[str, float],
    right: float,
    known: Mapping[str, float],
    not_finite: str = OVERFLOWS,
) -> None:
    inputs = np.array(logits, float), np.array(targets, float)
    name = f"形 {inputs[0].shape} の focal_loss"
    number = expect_number(answer.call("focal_loss", *inputs, **options), name)
    expect(bool(np.isfinite(number)), not_finite)
    expect_close(number, right, name, known=known)


def check_focal_loss(answer: Answer) -> None:
    expect_focal(
        answer,
        [[2.0, -1.0], [0.5, -3.0], [-2.0, 1.0], [-1.0, 0.5], [0.0, 1.5]],
        [[1, 0], [0, 0], [0, 1], [0, 0], [0, 0]],
        {},
        0.795287,
        {
            ALPHA_SWAPPED: 0.27325,
            ALPHA_FOR_ALL: 0.267134,
            NO_ALPHA: 1.068536,
            WEIGHTS_EASY: 0.40261,
            NO_FOCUS: 1.984306,
            OVER_ALL_ANCHORS: 0.318115,
            OVER_NUMBERS: 0.159057,
            SUM_ALONE: 1.590574,
        },
    )
    expect_focal(
        answer,
        [[1.0], [-0.5], [2.0]],
        [[1], [0], [0]],
        {"alpha": 0.6, "gamma": 1.0},
        0.8715,
        {
            ALPHA_SWAPPED: 1.265125,
            ALPHA_FOR_ALL: 1.281975,
            NO_ALPHA: 2.136624,
            WEIGHTS_EASY: 0.356859,
            NO_FOCUS: 1.228359,
            OVER_ALL_ANCHORS: 0.2905,
            OVER_NUMBERS: 0.2905,
        },
    )
    expect_focal(
        answer,
        [[1.0, -2.0], [0.5, 3.0]],
        [[0, 1], [1, 0]],
        {"gamma": 0.0},
        1.960819,
        {
            ALPHA_SWAPPED: 1.520608,
            ALPHA_FOR_ALL: 0.870357,
            NO_ALPHA: 3.481427,
            OVER_NUMBERS: 0.98041,
            SUM_ALONE: 3.921638,
        },
    )
    expect_focal(
        answer,
        [[1.0, -2.0], [0.5, 3.0]],
        [[0, 0], [0, 0]],
        {},
        2.885523,
        {
            ALPHA_SWAPPED: 0.961841,
            ALPHA_FOR_ALL: 0.961841,
            NO_ALPHA: 3.847364,
            WEIGHTS_EASY: 0.254368,
            NO_FOCUS: 4.097141,
            OVER_ALL_ANCHORS: 1.442761,
            OVER_NUMBERS: 0.721381,
        },
        DIVIDES_BY_ZERO,
    )
    expect_focal(answer, [[100.0, -100.0], [-100.0, 100.0]], [[1, 0], [0, 1]], {}, 0.0, {})
    expect_focal(
        answer,
        [[-100.0, 100.0], [3.0, -100.0]],
        [[1, 0], [0, 0]],
        {},
        102.07471,
        {
            CLIPS: 18.192803,
            ALPHA_SWAPPED: 100.69157,
            ALPHA_FOR_ALL: 50.69157,
            NO_ALPHA: 202.76628,
            WEIGHTS_EASY: 0.005143,
            NO_FOCUS: 102.286441,
            OVER_ALL_ANCHORS: 51.037355,
            OVER_NUMBERS: 25.518678,
        },
    )
    expect_focal(
        answer,
        [[0.5, -1.0], [1.0, 2.0]],
        [[1, 1], [0, 0]],
        {},
        1.95632,
        {
            ALPHA_SWAPPED: 1.165068,
            ALPHA_FOR_ALL: 0.780347,
            NO_ALPHA: 3.121388,
            WEIGHTS_EASY: 0.163575,
            NO_FOCUS: 3.026977,
            OVER_ALL_ANCHORS: 0.97816,
            OVER_NUMBERS: 0.48908,
        },
    )


# ch08.panoptic_merge


INPUT_ORDER = "並んでいる順に置いています。得点の高い順に置きましょう。"
WORSE_WINS = "得点の低い物体が、高い物体を上書きしています。すでに置いた画素は、書き換えません。"
KEEPS_ALL = (
    "半分より多く隠れた物体まで残しています。残る画素が自分のマスクの半分に満たない物体は、捨てましょう。"
)
DROPS_HALF = "ちょうど半分が残る物体を捨てています。捨てるのは、半分に満たないときだけです。"
DROPPED_HIDES = "捨てた物体が、ほかの物体を隠しています。捨てた物体の画素は、空いたままにしましょう。"
COUNTS_DROPPED = "捨てた物体にも番号を振っています。番号は、置いた物体だけに 1、2、3、… と振ります。"
INPUT_NUMBERS = "並んでいる順の番号を振っています。番号は、置いた順 (得点の高い順) に振ります。"
NO_CLASS = "物体のクラスが入っていません。1000 × クラス + 番号 としましょう。"
RAW_STUFF = "物体のない画素が、クラスのままです。そこは 1000 × クラス です。"
THINGS_ALONE = "物体のない画素に、空と地面の地図が入っていません。"
LAST_THING_OF_TIES = "得点が等しいときは、先に並んでいる物体を優先します。"
KEEPS_EMPTY = "1 画素もないマスクにも番号を振っています。空のマスクは捨てましょう。"


def expect_panoptic(
    answer: Answer,
    masks: Array,
    scores: Sequence[float],
    labels: Sequence[int],
    stuff: Array,
    right: Any,
    known: Mapping[str, Any],
) -> None:
    given = answer.call(
        "panoptic_merge", masks.copy(), np.array(scores, float), np.array(labels, int), stuff.copy()
    )
    name = f"物体 {len(masks)} 個の panoptic_merge"
    expect_close(given, right, name, atol=0.01, rtol=0, known=known)


def strips(places: Sequence[Sequence[int]], width: int) -> Array:
    """Masks in an image of one row, from the columns that each covers."""
    return np.array([[[column in covered for column in range(width)]] for covered in places], bool).reshape(
        -1, 1, width
    )


def check_panoptic_merge(answer: Answer) -> None:
    expect_panoptic(
        answer,
        strips([[0, 1, 2, 3, 4], [4, 5, 6, 7, 8, 9]], 12),
        [0.6, 0.9],
        [3, 2],
        np.array([[0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1]]),
        [[3002, 3002, 3002, 3002, 2001, 2001, 2001, 2001, 2001, 2001, 0, 1000]],
        {
            INPUT_ORDER: [[3001, 3001, 3001, 3001, 3001, 2002, 2002, 2002, 2002, 2002, 0, 1000]],
            WORSE_WINS: [[3002, 3002, 3002, 3002, 3002, 2001, 2001, 2001, 2001, 2001, 0, 1000]],
            INPUT_NUMBERS: [[3001, 3001, 3001, 3001, 2002, 2002, 2002, 2002, 2002, 2002, 0, 1000]],
            NO_CLASS: [[2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 1000]],
            RAW_STUFF: [[3002, 3002, 3002, 3002, 2001, 2001, 2001, 2001, 2001, 2001, 0, 1]],
            THINGS_ALONE: [[3002, 3002, 3002, 3002, 2001, 2001, 2001, 2001, 2001, 2001, 0, 0]],
        },
    )
    expect_panoptic(
        answer,
        strips([[3, 4, 5], [0, 1, 2, 3], [1, 2, 3, 4]], 7),
        [0.7, 0.9, 0.8],
        [4, 3, 2],
        np.array([[1, 1, 1, 0, 0, 0, 0]]),
        [[3001, 3001, 3001, 3001, 4002, 4002, 0]],
        {
            INPUT_ORDER: [[3002, 3002, 3002, 4001, 4001, 4001, 0]],
            WORSE_WINS: [[3001, 3001, 3001, 4002, 4002, 4002, 0]],
            KEEPS_ALL: [[3001, 3001, 3001, 3001, 2002, 4003, 0]],
            DROPPED_HIDES: [[3001, 3001, 3001, 3001, 0, 0, 0]],
            COUNTS_DROPPED: [[3001, 3001, 3001, 3001, 4003, 4003, 0]],
            INPUT_NUMBERS: [[3002, 3002, 3002, 3002, 4001, 4001, 0]],
            NO_CLASS: [[1, 1, 1, 1, 2, 2, 0]],
        },
    )
    expect_panoptic(
        answer,
        strips([[0, 1, 2, 3], [2, 3, 4, 5]], 6),
        [0.9, 0.8],
        [2, 5],
        np.array([[0, 0, 0, 0, 0, 0]]),
        [[2001, 2001, 2001, 2001, 5002, 5002]],
        {
            WORSE_WINS: [[2001, 2001, 5002, 5002, 5002, 5002]],
            DROPS_HALF: [[2001, 2001, 2001, 2001, 0, 0]],
            NO_CLASS: [[1, 1, 1, 1, 2, 2]],
        },
    )
    expect_panoptic(
        answer,
        strips([[0, 1, 2], [2, 3, 4]], 6),
        [0.5, 0.5],
        [2, 3],
        np.array([[1, 1, 1, 1, 1, 1]]),
        [[2001, 2001, 2001, 3002, 3002, 1000]],
        {
            WORSE_WINS: [[2001, 2001, 3002, 3002, 3002, 1000]],
            NO_CLASS: [[1, 1, 1, 2, 2, 1000]],
            RAW_STUFF: [[2001, 2001, 2001, 3002, 3002, 1]],
            THINGS_ALONE: [[2001, 2001, 2001, 3002, 3002, 0]],
            LAST_THING_OF_TIES: [[2002, 2002, 3001, 3001, 3001, 1000]],
        },
    )
    expect_panoptic(
        answer,
        strips([[], [1, 2]], 4),
        [0.9, 0.8],
        [2, 4],
        np.array([[0, 1, 1, 1]]),
        [[0, 4001, 4001, 1000]],
        {
            NO_CLASS: [[0, 1, 1, 1000]],
            RAW_STUFF: [[0, 4001, 4001, 1]],
            THINGS_ALONE: [[0, 4001, 4001, 0]],
            KEEPS_EMPTY: [[0, 4002, 4002, 1000]],
        },
    )
    expect_panoptic(
        answer,
        strips([], 3),
        [],
        [],
        np.array([[0, 1, 1]]),
        [[0, 1000, 1000]],
        {RAW_STUFF: [[0, 1, 1]], THINGS_ALONE: [[0, 0, 0]]},
    )


# ch08.choose_threshold


IGNORES_CLASS = "クラスの違う物体に当たった検出を、正解に数えています。"
HITS_TWICE = "1 つの物体に、2 つの検出が当たっています。2 つ目からは、外れです。"
ONLY_BEST_OBJECT = "いちばん重なる物体がもう当てられていると、外れにしています。まだ当てられていない物体の中から選びましょう。"
MERGES_SCENES = "別の画像の物体と比べています。検出は、同じ画像の物体とだけ比べます。"
IGNORES_ORDER = "検出を、得点の高い順に見ていません。"
STRICT_IOU = "IoU がちょうど 0.5 の検出は、当たりです。"
STRICT_SCORE = "得点がちょうどしきい値の検出も残します。"
BEST_PRECISION = "適合率がいちばん高いしきい値です。F1 で選びましょう。"
BEST_RECALL = "再現率がいちばん高いしきい値です。F1 で選びましょう。"
MEAN_OF_SCENES = "画像ごとの F1 を平均しています。当たり、検出、物体の数を全部の画像で足してから、F1 を 1 つ計算しましょう。"
LOWER_OF_TIES = "F1 が同じなら、高いほうのしきい値を選びます。"
SPLITS_TIES = "得点の等しい検出の途中で切っています。しきい値以上の検出は、すべて残ります。"
ROUND_THRESHOLDS = "0.05 刻みのしきい値だけを試しています。しきい値は、検出の得点の中から選びましょう。"


Found = Sequence[tuple[Boxes, Sequence[int], Sequence[float]]]
Truth = Sequence[tuple[Boxes, Sequence[int]]]


def expect_threshold(
    answer: Answer,
    found: Found,
    truth: Truth,
    right: tuple[float, float],
    known: Mapping[str, tuple[float, float]],
) -> None:
    detections = [
        (np.array(boxes, float).reshape(-1, 4), np.array(labels, int), np.array(scores, float))
        for boxes, labels, scores in found
    ]
    objects = [(np.array(boxes, float).reshape(-1, 4), np.array(labels, int)) for boxes, labels in truth]
    name = f"{len(found)} 枚の画像の choose_threshold の (しきい値, F1)"
    parts = expect_parts(
        answer.call("choose_threshold", detections, objects),
        2,
        "(しきい値, F1) の 2 つの数を、この順のタプルで返しましょう。",
    )
    expect_close([expect_number(part, name) for part in parts], right, name, known=known)


def check_choose_threshold(answer: Answer) -> None:
    expect_threshold(
        answer,
        [
            (
                [
                    [0, 0, 10, 10],
                    [20, 0, 30, 10],
                    [0, 50, 10, 60],
                    [40, 0, 50, 10],
                    [60, 0, 70, 10],
                    [0, 50, 10, 60],
                    [0, 50, 10, 60],
                    [0, 50, 10, 60],
                    [0, 50, 10, 60],
                    [0, 50, 10, 60],
                    [80, 0, 90, 10],
                ],
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                [0.9, 0.75, 0.6, 0.57, 0.52, 0.25, 0.23, 0.21, 0.19, 0.17, 0.1],
            )
        ],
        [
            (
                [[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10], [80, 0, 90, 10]],
                [0, 0, 0, 0, 0],
            )
        ],
        (0.52, 0.8),
        {
            STRICT_SCORE: (0.25, 0.8),
            BEST_PRECISION: (0.9, 0.333333),
            BEST_RECALL: (0.1, 0.625),
            ROUND_THRESHOLDS: (0.5, 0.8),
        },
    )
    expect_threshold(
        answer,
        [([[0, 0, 10, 10], [20, 0, 30, 10]], [0, 1], [0.8, 0.4])],
        [([[0, 0, 10, 10], [20, 0, 30, 10]], [0, 0])],
        (0.8, 0.666667),
        {IGNORES_CLASS: (0.4, 1.0), STRICT_SCORE: (0.4, 0.666667)},
    )
    expect_threshold(
        answer,
        [([[0, 0, 10, 10], [0, 0, 10, 10], [20, 0, 30, 10]], [0, 0, 0], [0.8, 0.7, 0.6])],
        [([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], [0, 0, 0])],
        (0.6, 0.666667),
        {HITS_TWICE: (0.6, 1.0), STRICT_SCORE: (0.7, 0.5), BEST_PRECISION: (0.8, 0.5)},
    )
    expect_threshold(
        answer,
        [([[0, 0, 10, 10], [2, 0, 12, 10]], [1, 1], [0.8, 0.7])],
        [([[0, 0, 10, 10], [4, 0, 14, 10]], [1, 1])],
        (0.7, 1.0),
        {ONLY_BEST_OBJECT: (0.8, 0.666667), STRICT_SCORE: (0.7, 0.666667)},
    )
    expect_threshold(
        answer,
        [([[0, 0, 10, 10], [2, 0, 12, 10]], [1, 1], [0.8, 0.7])],
        [([[1, 0, 11, 10], [5, 0, 15, 10]], [1, 1])],
        (0.7, 1.0),
        {ONLY_BEST_OBJECT: (0.8, 0.666667), STRICT_SCORE: (0.7, 0.666667), BEST_PRECISION: (0.8, 0.666667)},
    )
    expect_threshold(
        answer,
        [([[1, 0, 11, 10], [0, 0, 10, 8]], [1, 1], [0.5, 0.9])],
        [([[0, 0, 10, 10], [4, 0, 14, 10]], [1, 1])],
        (0.5, 1.0),
        {
            ONLY_BEST_OBJECT: (0.9, 0.666667),
            IGNORES_ORDER: (0.5, 0.5),
            STRICT_SCORE: (0.5, 0.666667),
            BEST_PRECISION: (0.9, 0.666667),
        },
    )
    expect_threshold(
        answer,
        [([[0, 0, 10, 10], [20, 0, 30, 10]], [0, 0], [0.9, 0.5]), ([[40, 0, 50, 10]], [0], [0.6])],
        [([[20, 0, 30, 10], [40, 0, 50, 10]], [0, 0]), ([[0, 0, 10, 10]], [0])],
        (0.5, 0.333333),
        {MERGES_SCENES: (0.5, 1.0), STRICT_SCORE: (0.9, 0.0), MEAN_OF_SCENES: (0.5, 0.25)},
    )
    expect_threshold(
        answer,
        [
            ([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], [0, 0, 0], [0.5, 0.9, 0.5]),
            ([[0, 50, 10, 60], [0, 50, 10, 60]], [0, 0], [0.7, 0.7]),
        ],
        [([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], [0, 0, 0]), ([], [])],
        (0.5, 0.75),
        {STRICT_SCORE: (0.7, 0.5), BEST_PRECISION: (0.9, 0.5), MEAN_OF_SCENES: (0.5, 0.5)},
    )
    expect_threshold(
        answer,
        [([[0, 0, 10, 5], [0, 50, 10, 60]], [0, 0], [0.8, 0.3])],
        [([[0, 0, 10, 10]], [0])],
        (0.8, 1.0),
        {STRICT_IOU: (0.8, 0.0), STRICT_SCORE: (0.3, 1.0)},
    )
    expect_threshold(
        answer,
        [
            (
                [[0, 0, 10, 10], [20, 0, 30, 10], [0, 50, 10, 60], [0, 50, 10, 60]],
                [0, 0, 0, 0],
                [0.9, 0.6, 0.6, 0.6],
            )
        ],
        [([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], [0, 0, 0])],
        (0.6, 0.571429),
        {STRICT_SCORE: (0.6, 0.5), BEST_PRECISION: (0.9, 0.5), SPLITS_TIES: (0.6, 0.8)},
    )
    expect_threshold(
        answer,
        [
            (
                [[0, 0, 10, 10], [0, 50, 10, 60], [0, 50, 10, 60], [20, 0, 30, 10]],
                [0, 0, 0, 0],
                [0.9, 0.6, 0.5, 0.4],
            )
        ],
        [([[0, 0, 10, 10], [20, 0, 30, 10]], [0, 0])],
        (0.9, 0.666667),
        {STRICT_SCORE: (0.6, 0.666667), LOWER_OF_TIES: (0.4, 0.666667)},
    )


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch08.mask_measures",
        title="2 枚のマスクを比べる",
        points=1,
        symbols=("mask_measures",),
        template='''import numpy as np

def mask_measures(truth, predicted):
    """2 枚の真偽値のマスクから (tp, fp, fn, iou, dice) を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_mask_measures,
        hints=(
            "truth & predicted は、両方が True の画素です。~truth は、True と False を逆にします。",
            "tp = (truth & predicted).sum()、fp = (~truth & predicted).sum() のように数えます。両方とも空のときは、先に分けましょう。",
        ),
    ),
    Exercise(
        id="ch08.merge_boxes",
        title="捨てずにまとめる NMS",
        points=2,
        symbols=("merge_boxes",),
        template='''import numpy as np
from course_utils.detection import box_iou

def merge_boxes(boxes, scores, labels, threshold):
    """重なる箱を得点の重みで平均してまとめ、(箱, 得点, クラス) を得点の高い順に返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_merge_boxes,
        hints=(
            "得点の高い順に見ていき、まだ使われていない箱が来たら、それが残る箱です。",
            "残る箱と、まだ使われていない箱のうち、同じクラスで IoU が threshold より大きいものを 1 組にし、使った印を付けます。",
            '1 組の平均は np.average(boxes[group], axis=0, weights=scores[group]) です。順は np.argsort(-scores, kind="stable")、空のときは reshape(-1, 4) で形をそろえます。',
        ),
    ),
    Exercise(
        id="ch08.voc_ap",
        title="適合率・再現率の曲線の面積",
        points=2,
        symbols=("voc_ap",),
        template='''import numpy as np

def voc_ap(hits, objects):
    """得点の高い順に並べた検出が当たりかどうかと、物体の総数から、AP を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_voc_ap,
        hints=(
            "n 個目までの適合率は、当たりの累積 ÷ n です。np.cumsum(hits) が使えます。",
            "「その点より先での最大値」は、逆に並べて np.maximum.accumulate を掛け、また逆に並べると求まります。",
            "再現率は、当たりが出るたびに 1 / objects ずつ増えます。当たりの位置の (単調にした) 適合率を足し、objects で割りましょう。",
        ),
    ),
    question(
        id="ch08.predict_speed",
        title="Fast R-CNN は、どこで時間を省くか",
        options={
            "ア": "候補を出すところ",
            "イ": "畳み込みで特徴を取り出すところ",
            "ウ": "候補ごとに、クラスと箱のずれを答えるところ",
        },
        hints=("2 つの方法で、候補も、その数も同じです。何を何回くり返すかが違います。",),
    ),
    number_question(
        id="ch08.predict_background",
        title="背景のデフォルトボックスの割合を予想する",
        unit="%",
        low=0,
        high=100,
        hints=(
            "物体は 1 枚に 3 個ほどです。1 つの物体に IoU 0.5 以上で重なるデフォルトボックスは、十数個です。",
        ),
    ),
    Exercise(
        id="ch08.match_anchors",
        title="アンカーに物体を割り当てる",
        points=2,
        symbols=("match_anchors",),
        template='''import numpy as np
from course_utils.detection import box_iou

def match_anchors(anchors, boxes):
    """アンカーごとに、受け持つ物体の番号、-1 (背景)、-2 (使わない) のどれかを返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_match_anchors,
        hints=(
            "形 (アンカー, 物体) の IoU の表は box_iou(anchors, boxes) です。物体がないときは、先に分けましょう。",
            "表の行の最大値で、物体の番号、−2、−1 を決めます。np.where を 2 回使えます。",
            "最後に、物体の番号 k を 0 から順に見て、列 k が最大になるアンカーに k を書き込みます。",
        ),
    ),
    question(
        id="ch08.predict_focal",
        title="損失のほとんどは、どこから来るか",
        options={
            "ア": "交差エントロピーでもフォーカルロスでも、背景の合計のほうが大きい",
            "イ": "交差エントロピーでは背景の合計、フォーカルロスでは物体の合計のほうが大きい",
            "ウ": "交差エントロピーでもフォーカルロスでも、物体の合計のほうが大きい",
        },
        hints=(
            "交差エントロピーは、背景の 1 個が −log(0.98)、物体の 1 個が −log(0.1) です。フォーカルロスでは、それぞれに 0.02 の 2 乗と、0.9 の 2 乗が掛かります。",
        ),
    ),
    Exercise(
        id="ch08.focal_loss",
        title="あふれないフォーカルロス",
        points=2,
        symbols=("focal_loss",),
        template='''import numpy as np

def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    """形 (アンカー, クラス) のロジットと正解 (0 か 1) から、フォーカルロスを返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_focal_loss,
        hints=(
            "正例なら x、負例なら −x を z とすると、正しい答えの確率は sigmoid(z) です。",
            "−log(sigmoid(z)) は np.logaddexp(0, -z) で、1 − sigmoid(z) は np.exp(-np.logaddexp(0, z)) で、あふれずに計算できます。",
            "α か 1 − α、(1 − p) の gamma 乗、−log p の積を足し、max(1, 正例のアンカーの数) で割ります。正例のアンカーは targets.any(axis=1) です。",
        ),
    ),
    Exercise(
        id="ch08.choose_threshold",
        title="測って、得点のしきい値を決める",
        points=3,
        symbols=("choose_threshold",),
        template='''import numpy as np
from course_utils.detection import box_iou

def choose_threshold(found, truth):
    """検証用の画像の検出と物体から、F1 が最大になる得点のしきい値と、その F1 を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_choose_threshold,
        hints=(
            "画像ごとに、得点の高い順に検出を見て、まだ取られていない同じクラスの物体に当てます。当たり外れは、しきい値によって変わりません。",
            "全部の画像の (得点, 当たりか) を 1 つのリストに集めます。試すしきい値は、そこに現れる得点です。",
            "しきい値ごとに、得点がそれ以上の検出の数 n と当たりの数 tp を数えると、F1 = 2·tp / (n + 物体の総数) です。高い順に試し、F1 が大きくなったときだけ取り換えます。",
        ),
    ),
    Exercise(
        id="ch08.panoptic_merge",
        title="パノプティックな地図にまとめる",
        points=3,
        symbols=("panoptic_merge",),
        template='''import numpy as np

def panoptic_merge(masks, scores, labels, stuff):
    """物体のマスクと、空と地面の地図を、1000 × クラス + 番号 の地図 1 枚にまとめて返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_panoptic_merge,
        hints=(
            "stuff * 1000 の地図から始め、物体を得点の高い順に置いていきます。どの画素が埋まったかを、別の配列で覚えます。",
            "置けるのは mask & ~taken の画素です。その数が mask の画素数の半分に満たなければ、何もせずに次へ進みます。",
            "置いたら番号を 1 増やし、地図のその画素に 1000 * label + 番号 を書き込み、taken に印を付けます。",
        ),
    ),
]
