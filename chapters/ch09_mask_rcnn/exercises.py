"""Chapter 9: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import (
    expect,
    expect_close,
    expect_equal,
    expect_parts,
    expect_shape,
)
from grader.exercise import Answer, Exercise, Status, question

Array = npt.NDArray[Any]
Boxes = Sequence[Sequence[float]]


# ch09.anchors


CORNER_CENTRES = "アンカーの中心が、マスの左上の角になっています。マスの真ん中は、番号に 0.5 を足してから stride を掛けた所です。"
RATIO_ON_HEIGHT = (
    "比を高さだけに掛けています。面積が scale の 2 乗のまま変わらないように、幅と高さの両方を変えましょう。"
)
NO_ROOT_OF_RATIO = "比の平方根を取っていません。高さ ÷ 幅が、比の 2 乗になっています。"
RATIO_UPSIDE_DOWN = "幅と高さが逆です。比は、高さ ÷ 幅です。"
RATIOS_OUTSIDE = "同じマスの中の順が逆です。1 つの大きさについて、比を先に全部並べます。"
COLUMNS_OUTSIDE = "マスの順が、縦に進んでいます。左から右へ、1 行ずつ進みましょう。"
ANCHOR_OUTSIDE = "大きさや比が、マスより外側の順になっています。1 つのマスのアンカーを、続けて並べます。"
CENTRES_AND_SIZES = "中心と幅と高さになっています。左上と右下の角 (x1, y1, x2, y2) にしましょう。"
TWICE_THE_SIZE = "幅と高さが 2 倍です。中心から両側へ、半分ずつ広げます。"
X_AND_Y_SWAPPED = "x と y が逆です。箱は (x1, y1, x2, y2) の順です。"


def expect_anchors(
    answer: Answer, case: tuple[int, int, int, list[float], list[float]], right: Any, known: Mapping[str, Any]
) -> None:
    given = answer.call("make_anchors", *case)
    expect_close(given, right, f"make_anchors{case}", known=known)


def rows(text: str) -> list[list[float]]:
    """Rows of numbers, divided by commas."""
    return [[float(number) for number in row.split()] for row in text.split(",")]


def check_anchors(answer: Answer) -> None:
    expect_anchors(
        answer,
        (1, 2, 16, [8.0, 16.0], [1.0, 4.0]),
        rows("4 4 12 12, 6 0 10 16, 0 0 16 16, 4 -8 12 24, 20 4 28 12, 22 0 26 16, 16 0 32 16, 20 -8 28 24"),
        {
            CORNER_CENTRES: rows(
                "-4 -4 4 4, -2 -8 2 8, -8 -8 8 8, -4 -16 4 16, 12 -4 20 4, 14 -8 18 8, 8 -8 24 8, 12 -16 20 16"
            ),
            RATIO_ON_HEIGHT: rows(
                "4 4 12 12, 4 -8 12 24, 0 0 16 16, 0 -24 16 40, 20 4 28 12, 20 -8 28 24, 16 0 32 16, 16 -24 32 40"
            ),
            NO_ROOT_OF_RATIO: rows(
                "4 4 12 12, 7 -8 9 24, 0 0 16 16, 6 -24 10 40, 20 4 28 12, 23 -8 25 24, 16 0 32 16, 22 -24 26 40"
            ),
            RATIO_UPSIDE_DOWN: rows(
                "4 4 12 12, 0 6 16 10, 0 0 16 16, -8 4 24 12, 20 4 28 12, 16 6 32 10, 16 0 32 16, 8 4 40 12"
            ),
            RATIOS_OUTSIDE: rows(
                "4 4 12 12, 0 0 16 16, 6 0 10 16, 4 -8 12 24, 20 4 28 12, 16 0 32 16, 22 0 26 16, 20 -8 28 24"
            ),
            ANCHOR_OUTSIDE: rows(
                "4 4 12 12, 20 4 28 12, 6 0 10 16, 22 0 26 16, 0 0 16 16, 16 0 32 16, 4 -8 12 24, 20 -8 28 24"
            ),
            CENTRES_AND_SIZES: rows(
                "8 8 8 8, 8 8 4 16, 8 8 16 16, 8 8 8 32, 24 8 8 8, 24 8 4 16, 24 8 16 16, 24 8 8 32"
            ),
            TWICE_THE_SIZE: rows(
                "0 0 16 16, 4 -8 12 24, -8 -8 24 24, 0 -24 16 40, 16 0 32 16, 20 -8 28 24, 8 -8 40 24, 16 -24 32 40"
            ),
            X_AND_Y_SWAPPED: rows(
                "4 4 12 12, 0 6 16 10, 0 0 16 16, -8 4 24 12, 4 20 12 28, 0 22 16 26, 0 16 16 32, -8 20 24 28"
            ),
        },
    )
    expect_anchors(
        answer, (2, 1, 8, [12.0], [0.25, 1.0]), rows("-8 1 16 7, -2 -2 10 10, -8 9 16 15, -2 6 10 18"), {}
    )
    expect_anchors(
        answer,
        (2, 2, 10, [20.0], [2.25]),
        rows("-1.6667 -10 11.6667 20, 8.3333 -10 21.6667 20, -1.6667 0 11.6667 30, 8.3333 0 21.6667 30"),
        {
            COLUMNS_OUTSIDE: rows(
                "-1.6667 -10 11.6667 20, -1.6667 0 11.6667 30, 8.3333 -10 21.6667 20, 8.3333 0 21.6667 30"
            )
        },
    )


# ch09.roi_pool


DROPS_LAST_CELL = "箱の終わりのマスが入っていません。丸めた番号のマスを、両端とも含めます。"
FLOORS_EDGES = "箱の端を切り捨てています。いちばん近い整数に丸めましょう。"
TIES_TO_EVEN = "ちょうど .5 のときは、切り上げます。np.round や Python の round は、偶数のほうに丸めます。"
AVERAGES_BINS = "区画の平均を取っています。最大値を取りましょう。"
BINS_WITHOUT_SHARED = "区画の終わりを切り捨てています。始まりは切り捨て、終わりは切り上げなので、隣の区画と同じマスを使うことがあります。"
LENGTH_BEYOND = (
    "特徴マップの外のマスまで数えて、区画に分けています。番号を特徴マップの中に収めてから、分けましょう。"
)
MAP_TRANSPOSED = "縦と横が逆です。特徴マップの添字は [縦, 横]、箱は (x1, y1, x2, y2) の順です。"
BINS_TRANSPOSED = "rows と columns が逆です。結果の形は (rows, columns) です。"
STRIDE_LEFT_OUT = "箱の端を stride で割っていません。箱の単位は、画像の画素です。"


def expect_pooled(
    answer: Answer,
    feature: Array,
    box: Sequence[float],
    case: tuple[int, int, int],
    right: Any,
    known: Mapping[str, Any],
) -> None:
    given = answer.call("roi_pool", feature, np.array(box, float), *case)
    name = f"形 {feature.shape} のマップ、box={list(box)}、(rows, columns, stride)={case} の roi_pool"
    expect(
        case[0] == case[1] or np.shape(right)[::-1] != np.shape(plain(given)),
        BINS_TRANSPOSED,
        Status.WRONG_SHAPE,
    )
    expect_close(given, right, name, known=known)


def plain(given: Any) -> Any:
    """What can have a shape: an array, or nothing."""
    return given if isinstance(given, np.ndarray) else None


def numbered(height: int, width: int, step: int = 7) -> Array:
    """A map whose values look shuffled, no two alike (``step`` has no divisor in common with its size)."""
    return np.array([(n * step) % (height * width) for n in range(height * width)], float).reshape(
        height, width
    )


def check_roi_pool(answer: Answer) -> None:
    expect_pooled(
        answer,
        numbered(6, 8, 11),
        [20, 12, 52, 44],
        (2, 3, 8),
        [[28.0, 42.0, 42.0], [41.0, 34.0, 45.0]],
        {
            DROPS_LAST_CELL: [[28.0, 39.0, 42.0], [20.0, 31.0, 42.0]],
            FLOORS_EDGES: [[46.0, 47.0, 47.0], [46.0, 41.0, 42.0]],
            TIES_TO_EVEN: [[46.0, 39.0, 42.0], [41.0, 41.0, 34.0]],
            AVERAGES_BINS: [[18.5, 27.0, 15.5], [14.5, 19.0, 35.5]],
            BINS_WITHOUT_SHARED: [[17.0, 39.0, 42.0], [41.0, 23.0, 45.0]],
            LENGTH_BEYOND: [[28.0, 42.0, 45.0], [41.0, 34.0, 45.0]],
            MAP_TRANSPOSED: [[46.0, 31.0, 42.0], [41.0, 41.0, 34.0]],
            STRIDE_LEFT_OUT: [[37.0, 37.0, 37.0], [37.0, 37.0, 37.0]],
        },
    )
    expect_pooled(
        answer, numbered(6, 8, 11), [8, 8, 40, 24], (3, 2, 8), [[25.0, 47.0], [43.0, 39.0], [46.0, 31.0]], {}
    )
    expect_pooled(answer, numbered(5, 7, 12), [32, 20, 56, 40], (2, 2, 8), [[32.0, 32.0], [34.0, 23.0]], {})
    expect_pooled(answer, numbered(6, 8, 11), [12, 12, 28, 36], (2, 2, 8), [[46.0, 28.0], [41.0, 41.0]], {})
    expect_pooled(answer, numbered(6, 8, 11), [60, 44, 64, 48], (2, 1, 8), [[37.0], [37.0]], {})
    expect_pooled(
        answer, numbered(5, 7, 12), [3, 5, 11, 25], (3, 2, 4), [[26.0, 29.0], [31.0, 31.0], [33.0, 31.0]], {}
    )
    expect_pooled(answer, numbered(5, 7, 12), [17, 17, 19, 19], (2, 2, 8), [[17.0, 17.0], [17.0, 17.0]], {})


# ch09.roi_align


NO_HALF_CELL = (
    "マスの番号に直すとき、0.5 を引いていません。k 番のマスの中心は、画像の (k + 0.5) × stride です。"
)
ROUNDS_TO_CELLS = "箱の端を丸めています。それは RoI プーリングです。実数のまま計算しましょう。"
NEAREST_CELL = "いちばん近いマスの値を読んでいます。まわりの 4 マスを、距離に応じて混ぜましょう。"
ONE_POINT = "区画の真ん中の 1 点だけを読んでいます。samples × samples 個の点の平均にしましょう。"
TAKES_MAXIMUM = "点の最大値を取っています。平均にしましょう。"
POINTS_AT_CORNERS = "点の位置が、小さな区画の角です。真ん中 (0.5 を足した所) にしましょう。"
ALIGN_TRANSPOSED = "縦と横が逆です。特徴マップの添字は [縦, 横]、箱は (x1, y1, x2, y2) の順です。"
ZERO_OUTSIDE = (
    "特徴マップの端より外で、値が小さくなっています。マスの番号を、0 から最後の番号までに収めましょう。"
)


def expect_aligned(
    answer: Answer,
    feature: Array,
    box: Sequence[float],
    case: tuple[int, int, int],
    right: Any,
    known: Mapping[str, Any],
) -> None:
    given = answer.call("roi_align", feature, np.array(box, float), *case)
    name = f"形 {feature.shape} のマップ、box={list(box)}、(size, stride, samples)={case} の roi_align"
    expect_close(given, right, name, known=known)


def check_roi_align(answer: Answer) -> None:
    expect_aligned(
        answer,
        numbered(5, 6),
        [10, 9, 31, 29],
        (2, 8, 2),
        [[16.40625, 11.25293], [9.84375, 18.679688]],
        {
            NO_HALF_CELL: [[11.79248, 13.736328], [15.64502, 18.204102]],
            ROUNDS_TO_CELLS: [[14.960938, 11.984375], [11.75, 19.203125]],
            NEAREST_CELL: [[13.5, 13.0], [10.5, 17.5]],
            ONE_POINT: [[17.34375, 10.359375], [9.84375, 19.03125]],
            TAKES_MAXIMUM: [[23.390625, 16.998047], [15.890625, 23.935547]],
            POINTS_AT_CORNERS: [[15.515625, 16.177734], [8.25, 14.126953]],
            MAP_TRANSPOSED: [[13.818359, 13.28125], [11.462891, 19.421875]],
        },
    )
    expect_aligned(answer, numbered(5, 6), [12, 8, 36, 24], (2, 8, 1), [[24.25, 4.75], [6.25, 16.75]], {})
    expect_aligned(
        answer,
        numbered(5, 6),
        [0, 0, 48, 40],
        (2, 8, 4),
        [[12.694336, 15.429688], [13.561523, 16.194336]],
        {ZERO_OUTSIDE: [[12.057129, 14.163086], [12.449707, 14.892578]]},
    )
    expect_aligned(answer, numbered(4, 5), [16, 30, 70, 62], (1, 16, 3), [[11.62037]], {})


# ch09.rpn_targets


NO_CHAMPION = (
    "IoU が 0.7 に届かない物体に、アンカーがありません。物体ごとに、いちばん合うアンカーを 1 にします。"
)
FIRST_CHAMPION = "物体にいちばん合うアンカーが 2 つあるときは、2 つとも 1 にします。"
CHAMPION_APART = "どのアンカーとも重ならない物体 (IoU 0) のために、アンカーを 1 にしています。"
TEACHES_OUTSIDE = "画像からはみ出すアンカーは、使わないので −1 です。"
OUTSIDE_COMPETES = "物体にいちばん合うアンカーを、はみ出すアンカーも入れて選んでいます。はみ出さないものの中から選びましょう。"
TOUCHING_IS_OUT = "画像の端にちょうど接するアンカーは、はみ出していません。"
UPPER_STRICT = "IoU がちょうど 0.7 のアンカーは 1 です。"
LOWER_LOOSE = "IoU がちょうど 0.3 のアンカーは、0 ではなく −1 です。"
MIDDLE_IS_BACKGROUND = (
    "IoU が 0.3 以上 0.7 未満のアンカーまで 0 にしています。物体とも背景ともいえないので、−1 です。"
)
HALF_IS_OBJECT = "0.5 から物体にしています。この問題では、論文と同じ 0.7 です。"
LABELS_SWAPPED = "0 と −1 が逆です。背景が 0、使わないアンカーが −1 です。"


def expect_labels(
    answer: Answer, anchors: Boxes, boxes: Boxes, side: int, right: Sequence[int], known: Mapping[str, Any]
) -> None:
    given = answer.call("rpn_labels", np.array(anchors, float), np.array(boxes, float).reshape(-1, 4), side)
    name = f"アンカー {len(anchors)} 個、物体 {len(boxes)} 個の rpn_labels"
    expect_close(given, right, name, atol=0.01, rtol=0, known=known)


def check_rpn_targets(answer: Answer) -> None:
    expect_labels(
        answer,
        [
            [10, 10, 20, 20],
            [10, 10, 20, 18],
            [10, 10, 20, 16],
            [10, 10, 20, 14],
            [10, 10, 20, 12],
            [60, 60, 80, 80],
        ],
        [[10, 10, 20, 20]],
        100,
        [1, 1, -1, -1, 0, 0],
        {
            MIDDLE_IS_BACKGROUND: [1, 1, 0, 0, 0, 0],
            HALF_IS_OBJECT: [1, 1, 1, -1, 0, 0],
            LABELS_SWAPPED: [1, 1, 0, 0, -1, -1],
        },
    )
    expect_labels(
        answer,
        [[10, 10, 20, 20], [10, 10, 20, 17], [10, 10, 20, 13], [10, 10, 20, 15], [60, 60, 80, 80]],
        [[10, 10, 20, 20]],
        100,
        [1, 1, -1, -1, 0],
        {
            UPPER_STRICT: [1, -1, -1, -1, 0],
            LOWER_LOOSE: [1, 1, 0, -1, 0],
            MIDDLE_IS_BACKGROUND: [1, 1, 0, 0, 0],
            HALF_IS_OBJECT: [1, 1, -1, 1, 0],
            LABELS_SWAPPED: [1, 1, 0, 0, -1],
        },
    )
    expect_labels(
        answer,
        [[12, 10, 22, 20], [8, 10, 18, 20], [40, 40, 60, 60]],
        [[10, 10, 20, 20]],
        100,
        [1, 1, 0],
        {NO_CHAMPION: [-1, -1, 0], FIRST_CHAMPION: [1, -1, 0], LABELS_SWAPPED: [1, 1, -1]},
    )
    expect_labels(
        answer,
        [[50, 50, 60, 60], [70, 50, 80, 60]],
        [[10, 10, 20, 20]],
        100,
        [0, 0],
        {CHAMPION_APART: [1, 1], LABELS_SWAPPED: [-1, -1]},
    )
    expect_labels(
        answer,
        [[-2, 10, 12, 20], [0, 10, 6, 16], [60, 60, 70, 65], [90, 80, 100, 100]],
        [[0, 10, 12, 20], [60, 60, 70, 70]],
        100,
        [-1, 1, 1, 0],
        {
            NO_CHAMPION: [-1, -1, -1, 0],
            TEACHES_OUTSIDE: [1, -1, 1, 0],
            OUTSIDE_COMPETES: [-1, -1, 1, 0],
            TOUCHING_IS_OUT: [-1, -1, 1, -1],
            LABELS_SWAPPED: [0, 1, 1, -1],
        },
    )
    expect_labels(
        answer,
        [[-1, 0, 10, 10], [92, 0, 102, 10]],
        [[0, 0, 10, 10]],
        100,
        [-1, -1],
        {TEACHES_OUTSIDE: [1, 0], LABELS_SWAPPED: [0, 0]},
    )
    expect_labels(answer, [[0, 0, 10, 10], [30, 0, 40, 5], [90, 90, 100, 100]], [], 100, [0, 0, 0], {})
    expect_labels(
        answer,
        [[0, 0, 10, 10], [60, 60, 100, 100]],
        [[1, 1, 10, 10], [62, 60, 100, 100]],
        100,
        [1, 1],
        {TOUCHING_IS_OUT: [-1, -1]},
    )


# ch09.paste_mask


PIXEL_CORNERS = "画素の角で読んでいます。画素の真ん中は、番号に 0.5 を足した所です。"
NO_HALF_VALUE = "マスクの番号に直すとき、0.5 を引いていません。k 番の値は、区画の真ん中 k + 0.5 にあります。"
NEAREST_VALUE = "いちばん近い値を読んでいます。まわりの 4 つの値を、距離に応じて混ぜましょう。"
EDGE_REPEATED = "マスクの端の値を、外へ延ばしています。マスクの外の値は 0 とします。"
ABOVE_HALF = "確率がちょうど 0.5 の画素は True です。"
THRESHOLD_FIRST = "混ぜる前に、0.5 で切っています。確率のまま混ぜてから、0.5 と比べましょう。"
PASTE_TRANSPOSED = "縦と横が逆です。マスクの添字は [縦, 横]、箱は (x1, y1, x2, y2) の順です。"
ROUNDS_BOX = "箱の端を、整数の画素に丸めています。実数のまま使いましょう。"
PROBABILITIES = "確率のままです。0.5 以上かどうかの真偽値にしましょう。"
NOT_BOOL = "真偽値 (bool) の配列を返しましょう。"


def expect_pasted(
    answer: Answer,
    mask: Any,
    box: Sequence[float],
    shape: tuple[int, int],
    right: Any,
    known: Mapping[str, Any],
) -> None:
    given = answer.call("paste_mask", np.array(mask, float), np.array(box, float), *shape)
    name = f"box={list(box)} の paste_mask"
    expect_close(expect_shape(given, shape, name), right, name, known=known)
    expect(isinstance(given, np.ndarray) and given.dtype == bool, NOT_BOOL, Status.WRONG_TYPE)


def mask(rows: str) -> Array:
    """A mask from rows of # and ., divided by spaces."""
    return np.array([[letter == "#" for letter in row] for row in rows.split()])


def check_paste_mask(answer: Answer) -> None:
    expect_pasted(
        answer,
        [[1.0, 0.25], [0.75, 0.5]],
        [1, 1, 9, 5],
        (6, 10),
        mask(".......... ..###..... .#####.... .#####.... ...#...... .........."),
        {
            PIXEL_CORNERS: mask(".......... ...#...... .#####.... ..#####... ..######.. .........."),
            NO_HALF_VALUE: mask("###....... ####...... ####...... .#........ .......... .........."),
            NEAREST_VALUE: mask(".......... .####..... .####..... .########. .########. .........."),
            EDGE_REPEATED: mask(".......... .#####.... .#####.... .#####.... .########. .........."),
            THRESHOLD_FIRST: mask(".......... ..##...... .#####.... .#######.. ..######.. .........."),
            PASTE_TRANSPOSED: mask(".......... ..#####... .#######.. .....##... .......... .........."),
            PROBABILITIES: [
                [
                    0.09375,
                    0.15625,
                    0.21875,
                    0.226562,
                    0.179688,
                    0.132812,
                    0.085938,
                    0.054688,
                    0.039062,
                    0.023438,
                ],
                [
                    0.28125,
                    0.46875,
                    0.65625,
                    0.679688,
                    0.539062,
                    0.398438,
                    0.257812,
                    0.164062,
                    0.117188,
                    0.070312,
                ],
                [
                    0.351562,
                    0.585938,
                    0.820312,
                    0.859375,
                    0.703125,
                    0.546875,
                    0.390625,
                    0.273438,
                    0.195312,
                    0.117188,
                ],
                [
                    0.304688,
                    0.507812,
                    0.710938,
                    0.765625,
                    0.671875,
                    0.578125,
                    0.484375,
                    0.382812,
                    0.273438,
                    0.164062,
                ],
                [
                    0.210938,
                    0.351562,
                    0.492188,
                    0.539062,
                    0.492188,
                    0.445312,
                    0.398438,
                    0.328125,
                    0.234375,
                    0.140625,
                ],
                [
                    0.070312,
                    0.117188,
                    0.164062,
                    0.179688,
                    0.164062,
                    0.148438,
                    0.132812,
                    0.109375,
                    0.078125,
                    0.046875,
                ],
            ],
        },
    )
    expect_pasted(
        answer,
        [[0.5, 0.5], [0.5, 0.5]],
        [2, 0, 6, 4],
        (4, 8),
        mask("........ ...##... ...##... ........"),
        {ABOVE_HALF: mask("........ ........ ........ ........")},
    )
    expect_pasted(
        answer,
        [[0.9, 0.6, 0.2], [0.7, 0.55, 0.1], [0.3, 0.9, 0.8]],
        [0.6, 1.3, 7.2, 6.9],
        (8, 8),
        mask("........ ........ .###.... .###.... .####... ..#####. ...###.. ........"),
        {ROUNDS_BOX: mask("........ .###.... .###.... .###.... ..###... ..####.. ...###.. ........")},
    )
    expect_pasted(
        answer,
        [[1.0, 1.0], [1.0, 1.0]],
        [-1.6, 0.4, 3.4, 3.4],
        (5, 7),
        mask("##..... ###.... ###.... ....... ......."),
        {},
    )
    expect_pasted(
        answer, [[1.0]], [2, 1, 6, 4], (5, 8), mask("........ ...##... ..####.. ...##... ........"), {}
    )


# ch09.yolo_encode


CELLS_TRANSPOSED = "マスの縦と横が逆です。target[縦の番号, 横の番号] に書きましょう。"
PLACE_IN_IMAGE = (
    "中心が、画像に対する割合のままです。マスの左上からの位置を、マスの大きさで割った数 (0〜1) にしましょう。"
)
ROOTS_OF_SIZES = "幅と高さの平方根になっています。この問題では、画像に対する割合のままにします。"
SIZES_IN_CELLS = "幅と高さを、マスの大きさで割っています。画像の大きさで割りましょう。"
SIDES_SWAPPED = "画像の幅と高さを取り違えています。x と w は幅で、y と h は高さで割ります。"
LATER_WINS = "後の物体が上書きしています。マスを 2 つの物体が取り合うときは、面積の大きいほうにします。"
EARLIER_WINS = (
    "先に並んでいる物体が取っています。マスを 2 つの物体が取り合うときは、面積の大きいほうにします。"
)
SMALLER_WINS = "面積の小さい物体が取っています。大きいほうにしましょう。"
KEEPS_OTHER_CLASS = "取られた物体のクラスが残っています。1 つのマスのクラスは 1 つです。"
LAST_OF_EQUALS = "面積が等しいときは、先に並んでいる物体にします。"
CORNER_DECIDES = "左上の角が入るマスに書いています。物体を受け持つのは、中心が入るマスです。"
WIDER_WINS = "面積ではなく、幅の大きいほうが取っています。"


def expect_encoded(
    answer: Answer,
    boxes: Boxes,
    labels: Sequence[int],
    case: tuple[int, int, int, int],
    right: Any,
    known: Mapping[str, Any],
) -> None:
    arguments = np.array(boxes, float).reshape(-1, 4), np.array(labels, int)
    given = answer.call("yolo_encode", *arguments, *case)
    name = f"物体 {len(boxes)} 個、(width, height, cells, classes)={case} の yolo_encode"
    expect_close(given, right, name, known=known)


def filled(cells: int, classes: int, rows: Mapping[tuple[int, int], Sequence[float]]) -> Array:
    """Zeros for each cell but some."""
    target = np.zeros((cells, cells, 5 + classes))
    for place, numbers in rows.items():
        target[place] = numbers
    return target


def check_yolo_encode(answer: Answer) -> None:
    expect_encoded(
        answer,
        [[10, 20, 30, 36]],
        [1],
        (80, 40, 4, 2),
        filled(4, 2, {(2, 1): [0.0, 0.8, 0.25, 0.4, 1.0, 0.0, 1.0]}),
        {
            CELLS_TRANSPOSED: filled(4, 2, {(1, 2): [0.0, 0.8, 0.25, 0.4, 1.0, 0.0, 1.0]}),
            PLACE_IN_IMAGE: filled(4, 2, {(2, 1): [0.25, 0.7, 0.25, 0.4, 1.0, 0.0, 1.0]}),
            ROOTS_OF_SIZES: filled(4, 2, {(2, 1): [0.0, 0.8, 0.5, 0.632456, 1.0, 0.0, 1.0]}),
            SIZES_IN_CELLS: filled(4, 2, {(2, 1): [0.0, 0.8, 1.0, 1.6, 1.0, 0.0, 1.0]}),
            SIDES_SWAPPED: filled(4, 2, {(1, 2): [0.0, 0.4, 0.5, 0.2, 1.0, 0.0, 1.0]}),
            CORNER_DECIDES: filled(4, 2, {(2, 0): [0.5, 0.0, 0.25, 0.4, 1.0, 0.0, 1.0]}),
        },
    )
    expect_encoded(
        answer,
        [
            [16, 15, 24, 25],
            [8, 19, 32, 21],
            [18, 18, 22, 22],
            [14, 12, 26, 28],
            [12, 14, 28, 26],
            [17, 17, 23, 23],
        ],
        [0, 1, 2, 0, 1, 2],
        (64, 64, 2, 3),
        filled(2, 3, {(0, 0): [0.625, 0.625, 0.1875, 0.25, 1.0, 1.0, 0.0, 0.0]}),
        {
            LATER_WINS: filled(2, 3, {(0, 0): [0.625, 0.625, 0.09375, 0.09375, 1.0, 0.0, 0.0, 1.0]}),
            EARLIER_WINS: filled(2, 3, {(0, 0): [0.625, 0.625, 0.125, 0.15625, 1.0, 1.0, 0.0, 0.0]}),
            SMALLER_WINS: filled(2, 3, {(0, 0): [0.625, 0.625, 0.0625, 0.0625, 1.0, 0.0, 0.0, 1.0]}),
            KEEPS_OTHER_CLASS: filled(2, 3, {(0, 0): [0.625, 0.625, 0.1875, 0.25, 1.0, 1.0, 1.0, 1.0]}),
            LAST_OF_EQUALS: filled(2, 3, {(0, 0): [0.625, 0.625, 0.25, 0.1875, 1.0, 0.0, 1.0, 0.0]}),
            WIDER_WINS: filled(2, 3, {(0, 0): [0.625, 0.625, 0.375, 0.03125, 1.0, 0.0, 1.0, 0.0]}),
        },
    )
    expect_encoded(
        answer,
        [[12, 12, 28, 28], [50, 50, 58, 60]],
        [0, 2],
        (64, 64, 2, 3),
        filled(
            2,
            3,
            {
                (0, 0): [0.625, 0.625, 0.25, 0.25, 1.0, 1.0, 0.0, 0.0],
                (1, 1): [0.6875, 0.71875, 0.125, 0.15625, 1.0, 0.0, 0.0, 1.0],
            },
        ),
        {},
    )
    expect_encoded(
        answer,
        [[40, 8, 60, 38]],
        [0],
        (60, 60, 3, 1),
        filled(3, 1, {(1, 2): [0.5, 0.15, 0.333333, 0.5, 1.0, 1.0]}),
        {},
    )
    expect_encoded(answer, [], [], (96, 96, 2, 1), filled(2, 1, {}), {})


# ch09.yolo_loss


IOU_IN_CELLS = "IoU を測る単位がそろっていません。x と y はマスを、w と h は画像を 1 としています。x と y をマスの数で割りましょう。"
NO_ROOTS = "大きさの項に平方根がありません。w と h の平方根どうしの差を、2 乗しましょう。"
CONFIDENCE_OF_ONE = "信頼度を 1 に近づけています。責任のある箱の信頼度は、物体との IoU に近づけます。"
EVERY_BOX = "マスの箱すべてに責任を持たせています。物体との IoU がいちばん大きい箱だけです。"
FIRST_BOX = "責任のある箱を、いつも先頭の箱にしています。物体との IoU がいちばん大きい箱です。"
MOST_CONFIDENT = "責任のある箱を、信頼度で選んでいます。物体との IoU で選びましょう。"
LAST_OF_BOXES = "IoU が等しいときは、先に並んでいる箱に責任を持たせます。"
EMPTY_CELLS_ONLY = (
    "物体のあるマスの、責任のない箱を数えていません。「信頼度 (なし)」は、責任のない箱すべてです。"
)
RESPONSIBLE_TOO = "責任のある箱まで「信頼度 (なし)」に数えています。"
NO_COORDINATE_WEIGHT = "中心と大きさの項に、重み 5 がありません。"
NO_EMPTY_WEIGHT = "「信頼度 (なし)」の項に、重み 0.5 がありません。"
CLASSES_EVERYWHERE = "クラスの項を、物体のないマスでも数えています。"
CLASSES_BY_BOX = "クラスの項を、箱の数だけ数えています。クラスの確率は、1 マスに 1 組です。"


def expect_loss(answer: Answer, predicted: Any, target: Any, right: Any, known: Mapping[str, Any]) -> None:
    arrays = np.array(predicted, float), np.array(target, float)
    parts = expect_parts(
        answer.call("yolo_loss", *arrays),
        5,
        "(中心, 大きさ, 信頼度 (あり), 信頼度 (なし), クラス) の 5 つの項を、この順に返しましょう。",
    )
    name = f"形 {arrays[0].shape} の予測の yolo_loss (5 つの項)"
    expect_close(parts, right, name, known=known)


def check_yolo_loss(answer: Answer) -> None:
    one, other = [0.5, 0.5, 0.5, 0.5], [0.25, 0.75, 0.64, 0.16]
    off, small = [0.5, 0.25, 0.25, 0.36], [0.5, 0.5, 0.09, 0.04]
    expect_loss(
        answer,
        [[[*small, 0.4, *other, 0.9, *off, 0.3, 0.3, 0.6]]],
        [[[*one, 1, 1, 0]]],
        [0.3125, 0.271825, 0.021744, 0.485, 0.85],
        {
            NO_ROOTS: [0.3125, 0.4105, 0.021744, 0.485, 0.85],
            CONFIDENCE_OF_ONE: [0.3125, 0.271825, 0.49, 0.485, 0.85],
            EVERY_BOX: [0.9375, 2.90101, 0.845564, 0.0, 0.85],
            FIRST_BOX: [0.0, 2.114466, 0.148687, 0.45, 0.85],
            MOST_CONFIDENT: [0.625, 0.514719, 0.675133, 0.125, 0.85],
            EMPTY_CELLS_ONLY: [0.3125, 0.271825, 0.021744, 0.0, 0.85],
            RESPONSIBLE_TOO: [0.3125, 0.271825, 0.021744, 0.53, 0.85],
            NO_COORDINATE_WEIGHT: [0.0625, 0.054365, 0.021744, 0.485, 0.85],
            NO_EMPTY_WEIGHT: [0.3125, 0.271825, 0.021744, 0.97, 0.85],
            CLASSES_BY_BOX: [0.3125, 0.271825, 0.021744, 0.485, 2.55],
        },
    )
    expect_loss(
        answer,
        [
            [[*off, 0.7, *small, 0.2, 0.5, 0.1], [*one, 0.3, *other, 0.6, 0.2, 0.9]],
            [[*other, 0.5, *one, 0.25, 0.7, 0.4], [*small, 0.8, *off, 0.1, 0.6, 0.3]],
        ],
        [[[*other, 1, 0, 1], [0, 0, 0, 0, 0, 0, 0]], [[0, 0, 0, 0, 0, 0, 0], [*off, 1, 1, 0]]],
        [1.5625, 0.65, 1.281743, 0.72125, 1.31],
        {
            IOU_IN_CELLS: [1.5625, 0.65, 1.3, 0.72125, 1.31],
            NO_ROOTS: [1.5625, 0.9605, 1.281743, 0.72125, 1.31],
            CONFIDENCE_OF_ONE: [1.5625, 0.65, 0.9, 0.72125, 1.31],
            EVERY_BOX: [2.5, 3.1, 1.899343, 0.38125, 1.31],
            EMPTY_CELLS_ONLY: [1.5625, 0.65, 1.281743, 0.38125, 1.31],
            RESPONSIBLE_TOO: [1.5625, 0.65, 1.281743, 0.97125, 1.31],
            NO_COORDINATE_WEIGHT: [0.3125, 0.13, 1.281743, 0.72125, 1.31],
            NO_EMPTY_WEIGHT: [1.5625, 0.65, 1.281743, 1.4425, 1.31],
            CLASSES_EVERYWHERE: [1.5625, 0.65, 1.281743, 0.72125, 2.81],
            CLASSES_BY_BOX: [1.5625, 0.65, 1.281743, 0.72125, 2.62],
        },
    )
    expect_loss(
        answer,
        [[[*one, 0.6, *one, 0.2, 0.8]]],
        [[[*off, 1, 1]]],
        [0.3125, 0.271825, 0.200218, 0.02, 0.04],
        {
            NO_ROOTS: [0.3125, 0.4105, 0.200218, 0.02, 0.04],
            CONFIDENCE_OF_ONE: [0.3125, 0.271825, 0.16, 0.02, 0.04],
            EVERY_BOX: [0.625, 0.543651, 0.202471, 0.0, 0.04],
            LAST_OF_BOXES: [0.3125, 0.271825, 0.002252, 0.18, 0.04],
            EMPTY_CELLS_ONLY: [0.3125, 0.271825, 0.200218, 0.0, 0.04],
            RESPONSIBLE_TOO: [0.3125, 0.271825, 0.200218, 0.2, 0.04],
            NO_COORDINATE_WEIGHT: [0.0625, 0.054365, 0.200218, 0.02, 0.04],
            NO_EMPTY_WEIGHT: [0.3125, 0.271825, 0.200218, 0.04, 0.04],
            CLASSES_BY_BOX: [0.3125, 0.271825, 0.200218, 0.02, 0.08],
        },
    )
    expect_loss(
        answer,
        [[[*other, 0.4, 0.25, 0.5]]],
        [[[0, 0, 0, 0, 0, 0, 0]]],
        [0.0, 0.0, 0.0, 0.08, 0.0],
        {NO_EMPTY_WEIGHT: [0.0, 0.0, 0.0, 0.16, 0.0], CLASSES_EVERYWHERE: [0.0, 0.0, 0.0, 0.08, 0.3125]},
    )
    expect_loss(
        answer,
        [[[*small, 0.5, *other, 0.75, 0.9, 0.1]]],
        [[[*small, 1, 1, 0]]],
        [0.0, 0.0, 0.25, 0.28125, 0.02],
        {
            EVERY_BOX: [0.625, 1.45, 0.8125, 0.0, 0.02],
            MOST_CONFIDENT: [0.625, 1.45, 0.5625, 0.125, 0.02],
            EMPTY_CELLS_ONLY: [0.0, 0.0, 0.25, 0.0, 0.02],
            RESPONSIBLE_TOO: [0.0, 0.0, 0.25, 0.40625, 0.02],
            NO_EMPTY_WEIGHT: [0.0, 0.0, 0.25, 0.5625, 0.02],
            CLASSES_BY_BOX: [0.0, 0.0, 0.25, 0.28125, 0.04],
        },
    )
    expect_loss(
        answer,
        [[[*one, 0.5, *off, 0.25, *small, 0.75, 0.9, 0.1]]],
        [[[*other, 1, 0, 1]]],
        [0.625, 0.514719, 0.177801, 0.3125, 1.62],
        {
            NO_ROOTS: [0.625, 0.676, 0.177801, 0.3125, 1.62],
            CONFIDENCE_OF_ONE: [0.625, 0.514719, 0.25, 0.3125, 1.62],
            EVERY_BOX: [2.8125, 2.614719, 0.802801, 0.0, 1.62],
            MOST_CONFIDENT: [0.625, 1.45, 0.5625, 0.15625, 1.62],
            EMPTY_CELLS_ONLY: [0.625, 0.514719, 0.177801, 0.0, 1.62],
            RESPONSIBLE_TOO: [0.625, 0.514719, 0.177801, 0.4375, 1.62],
            NO_COORDINATE_WEIGHT: [0.125, 0.102944, 0.177801, 0.3125, 1.62],
            NO_EMPTY_WEIGHT: [0.625, 0.514719, 0.177801, 0.625, 1.62],
            CLASSES_BY_BOX: [0.625, 0.514719, 0.177801, 0.3125, 4.86],
        },
    )


# ch09.choose_proposals


ALL_TOGETHER = (
    "クラスを分けずに、全部の物体の再現率を見ています。どのクラスの再現率も target 以上にしましょう。"
)
MEAN_OF_CLASSES = "クラスの再現率の平均を見ています。いちばん低いクラスも target 以上にしましょう。"
INPUT_ORDER = "提案を、並んでいる順に数えています。得点の高い順に数えましょう。"
LOWEST_FIRST = "提案を、得点の低い順に数えています。"
LAST_OF_TIES = "得点が等しいときは、先に並んでいる提案を先に使います。"
IOU_STRICT = "IoU がちょうど 0.5 の提案も、物体を拾っています。"
TARGET_STRICT = "再現率がちょうど target のときは、届いています。"
POOLED_IMAGES = "全部の画像の提案を混ぜて、上から数えています。n は、1 枚ごとの提案の数です。"
OTHER_IMAGES = "別の画像の提案で、物体を拾っています。"
ONE_OBJECT_EACH = "1 つの提案には 1 つの物体しか拾わせていません。この問題では、1 つの提案が 2 つの物体を拾ってもかまいません。"
LARGEST_NUMBER = "全部の提案を使っても届かないときは、None を返します。"
COUNTS_FROM_ZERO = "答えが 1 つ小さくなっています。先頭の提案だけで届くなら、答えは 1 です。"

Found = Sequence[tuple[Boxes, Sequence[float]]]
Truth = Sequence[tuple[Boxes, Sequence[int]]]


def expect_number_of_proposals(
    answer: Answer, found: Found, truth: Truth, target: float, right: int | None, known: Mapping[str, Any]
) -> None:
    given = answer.call(
        "choose_proposals",
        [(np.array(boxes, float).reshape(-1, 4), np.array(scores, float)) for boxes, scores in found],
        [(np.array(boxes, float).reshape(-1, 4), np.array(labels, int)) for boxes, labels in truth],
        target,
    )
    name = f"画像 {len(found)} 枚、target={target} の choose_proposals"
    expect_equal(given, right, name, known=known)


def check_choose_proposals(answer: Answer) -> None:
    a, b, c, d = ([left, 0, left + 10, 10] for left in (0, 20, 40, 60))
    no, half, wide = [0, 50, 10, 60], [0, 0, 10, 5], [2, 0, 12, 10]
    expect_number_of_proposals(
        answer,
        [([a, b, no, c], [0.9, 0.7, 0.5, 0.3])],
        [([a, b, c], [0, 0, 1])],
        1.0,
        4,
        {TARGET_STRICT: None, COUNTS_FROM_ZERO: 3},
    )
    expect_number_of_proposals(
        answer,
        [([no, a, no, b, d], [0.2, 0.8, 0.5, 0.9, 0.4])],
        [([a, b, c], [0, 0, 0])],
        0.5,
        2,
        {INPUT_ORDER: 4, LOWEST_FIRST: 5, COUNTS_FROM_ZERO: 1},
    )
    expect_number_of_proposals(
        answer,
        [([no, b, a, no], [0.9, 0.3, 0.6, 0.7]), ([c, no], [0.8, 0.2])],
        [([a, b], [0, 1]), ([c], [0])],
        1.0,
        4,
        {LOWEST_FIRST: 2, TARGET_STRICT: None, POOLED_IMAGES: 5},
    )
    expect_number_of_proposals(
        answer,
        [([a, b, c, no, d], [0.9, 0.8, 0.7, 0.6, 0.1])],
        [([a, b, c, d], [0, 0, 0, 1])],
        0.75,
        5,
        {ALL_TOGETHER: 3, COUNTS_FROM_ZERO: 4},
    )
    expect_number_of_proposals(
        answer,
        [([a, b, no, c, no, d], [0.9, 0.8, 0.7, 0.5, 0.4, 0.3])],
        [([a, b, c, d], [0, 0, 0, 1])],
        0.5,
        6,
        {ALL_TOGETHER: 2, MEAN_OF_CLASSES: 4},
    )
    expect_number_of_proposals(answer, [([no, half], [0.6, 0.4])], [([a], [2])], 0.75, 2, {IOU_STRICT: None})
    expect_number_of_proposals(
        answer,
        [([a, no, b, no], [0.9, 0.8, 0.4, 0.2]), ([b, no, no, a], [0.9, 0.7, 0.6, 0.3])],
        [([a, b], [0, 0]), ([a], [1])],
        1.0,
        4,
        {TARGET_STRICT: None, POOLED_IMAGES: 7, OTHER_IMAGES: 1, COUNTS_FROM_ZERO: 3},
    )
    expect_number_of_proposals(
        answer,
        [([a, b, no], [0.9, 0.8, 0.7]), ([no, c, d], [0.6, 0.5, 0.4])],
        [([b], [0]), ([a, c], [0, 0])],
        0.75,
        None,
        {OTHER_IMAGES: 2, LARGEST_NUMBER: 3},
    )
    expect_number_of_proposals(
        answer,
        [([a, no, no, b], [0.9, 0.5, 0.4, 0.3])],
        [([a, wide], [0, 0])],
        0.75,
        1,
        {LOWEST_FIRST: 4, ONE_OBJECT_EACH: None, COUNTS_FROM_ZERO: 0},
    )
    expect_number_of_proposals(
        answer, [([a, no, b], [0.9, 0.8, 0.7])], [([a, c], [0, 1])], 0.5, None, {LARGEST_NUMBER: 3}
    )
    expect_number_of_proposals(
        answer,
        [([], []), ([no, a], [0.8, 0.3]), ([b], [0.9])],
        [([c], [0]), ([a], [0]), ([], [])],
        0.5,
        2,
        {TARGET_STRICT: None, POOLED_IMAGES: 3},
    )
    expect_number_of_proposals(
        answer, [([a, b], [0.9, 0.8])], [([b], [0])], 0.0, 1, {TARGET_STRICT: 2, COUNTS_FROM_ZERO: 0}
    )
    expect_number_of_proposals(
        answer,
        [([no, no, a], [0.5, 0.5, 0.5])],
        [([a], [0])],
        1.0,
        3,
        {LAST_OF_TIES: 1, TARGET_STRICT: None, COUNTS_FROM_ZERO: 2},
    )


EXERCISES: list[Exercise] = [
    question(
        id="ch09.predict_align",
        title="箱を 3 画素動かすと、特徴はどれだけ動くか",
        options={
            "ア": "RoI プーリングは 3、RoI アラインも 3 増える",
            "イ": "RoI プーリングは変わらず、RoI アラインは 3 増える",
            "ウ": "RoI プーリングは 8、RoI アラインは 3 増える",
        },
        hints=("動かす前と後の箱の端を 8 で割って、いちばん近い整数に丸めてみましょう。",),
    ),
    Exercise(
        id="ch09.roi_pool",
        title="RoI プーリング",
        points=2,
        symbols=("roi_pool",),
        template='''import numpy as np

def roi_pool(feature, box, rows, columns, stride):
    """特徴マップの、箱の中の部分を rows × columns の区画に分け、区画の最大値を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_roi_pool,
        hints=(
            "いちばん近い整数 (.5 は切り上げ) は np.floor(x + 0.5) です。はみ出す番号は、最後のマスの番号に直します。",
            "箱の中のマスを切り出すと feature[top : bottom + 1, left : right + 1]。その縦の数を h として、i 番の区画の始まりは i * h // rows です。",
            "切り上げの割り算は -(-a // b) と書けます。区画の終わりは -(-(i + 1) * h // rows)。二重のループで、区画ごとに max() を取りましょう。",
        ),
    ),
    Exercise(
        id="ch09.roi_align",
        title="1 区画に何点も取る RoI アライン",
        points=2,
        symbols=("roi_align",),
        template='''import numpy as np

def roi_align(feature, box, size, stride, samples):
    """箱を size × size の区画に分け、区画ごとに samples × samples 個の点の平均を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_roi_align,
        hints=(
            "点は、箱を (size × samples) 等分した小さな区画の真ん中です。縦と横を別々に計算できます。",
            "画素の位置を stride で割って 0.5 を引くと、マスの番号になります。np.clip で 0 から最後の番号までに収めます。",
            "重み max(0, 1 − |p − k|) の表を、縦 R と横 C に作ると、点の値は R @ feature @ C.T です。あとは reshape(size, samples, size, samples) の平均です。",
        ),
    ),
    Exercise(
        id="ch09.anchors",
        title="アンカーを並べる",
        points=1,
        symbols=("make_anchors",),
        template='''import numpy as np

def make_anchors(height, width, stride, scales, ratios):
    """height × width のマスに並べたアンカーの角を、形 (マスの数 × 大きさの数 × 比の数, 4) で返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_anchors,
        hints=(
            "行、列、大きさ、比の順に 4 重のループを書くと、並びの順がそのまま合います。",
            "幅を w とすると高さは ratio × w で、面積は ratio × w² = scale² です。だから w = scale / √ratio、h = scale × √ratio。",
        ),
    ),
    Exercise(
        id="ch09.rpn_targets",
        title="RPN に教えるラベル",
        points=2,
        symbols=("rpn_labels",),
        template='''import numpy as np
from course_utils.detection import box_iou

def rpn_labels(anchors, boxes, side):
    """アンカーごとに、1 (物体)、0 (背景)、-1 (使わない) のどれかを返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_rpn_targets,
        hints=(
            "はみ出さないアンカーは ((anchors >= 0) & (anchors <= side)).all(axis=1) です。IoU の表で、はみ出すアンカーの行を 0 にしておくと、選ばれません。",
            "行の最大値 iou.max(axis=1, initial=0) で、0.3 未満を 0、0.7 以上を 1 にします。initial=0 があれば、物体がなくても動きます。",
            "列の最大値に等しく、0 より大きい所が、物体にいちばん合うアンカーです。(iou > 0) & (iou == iou.max(axis=0, initial=0)) の行を 1 に、最後にはみ出すアンカーを −1 にします。",
        ),
    ),
    Exercise(
        id="ch09.choose_proposals",
        title="測って、提案の数を決める",
        points=2,
        symbols=("choose_proposals",),
        template='''import numpy as np
from course_utils.detection import box_iou

def choose_proposals(found, truth, target):
    """どのクラスの再現率も target 以上になる、1 枚あたりの提案の数の最小を返します。なければ None です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_choose_proposals,
        hints=(
            "画像ごとに、提案を得点の高い順に並べます。物体ごとに「何番目の提案で、初めて拾われるか」を調べておくと、あとは数えるだけです。",
            "拾われる順位は、box_iou(物体, 並べた提案) >= 0.5 の行で、初めて True になる位置 + 1 です。どの提案も拾わない物体は、無限大にします。",
            "n を 1 から、提案の数の最大まで試します。クラスごとに「順位が n 以下の物体の割合」を求め、全部が target 以上なら、その n が答えです。",
        ),
    ),
    Exercise(
        id="ch09.paste_mask",
        title="小さなマスクを画像に貼る",
        points=2,
        symbols=("paste_mask",),
        template='''import numpy as np

def paste_mask(mask, box, height, width):
    """m × m の確率のマスクを箱の大きさに広げ、形 (height, width) の真偽値のマスクにして返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_paste_mask,
        hints=(
            "RoI アラインの逆です。画素の真ん中 (番号 + 0.5) が、箱の中のどの割合にあるかを求め、m 倍して 0.5 を引くと、マスクの番号になります。",
            "重み max(0, 1 − |p − k|) の表を、縦 (height, m) と横 (width, m) に作ります。番号を範囲に収めなければ、外はひとりでに 0 になります。",
            "画素ごとの確率は、縦の表 @ mask @ 横の表.T です。最後に、0.5 以上かどうかを調べます。",
        ),
    ),
    question(
        id="ch09.predict_crowd",
        title="4 つの物体のうち、YOLO が教わるのはいくつか",
        options={
            "ア": "4 個。1 マスが 2 つの箱を答えるので、2 個ずつ受け持てる",
            "イ": "2 個。1 マスが教わる物体は 1 つなので、残りの 2 個は教わらない",
            "ウ": "1 個。近くにある物体は、NMS が 1 つにまとめる",
        },
        hints=("中心の座標を 16 で割って、4 つの物体がどのマスに入るかを書き出してみましょう。",),
    ),
    Exercise(
        id="ch09.yolo_encode",
        title="YOLO に教える数",
        points=2,
        symbols=("yolo_encode",),
        template='''import numpy as np

def yolo_encode(boxes, labels, width, height, cells, classes):
    """箱とクラスから、形 (cells, cells, 5 + classes) の教える数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_yolo_encode,
        hints=(
            "中心を画像の大きさで割り、cells を掛けると、整数の部分がマスの番号、小数の部分がマスの中の位置です。",
            '面積の大きい順に物体を見て、まだ空いているマスにだけ書き込みます。np.argsort(-area, kind="stable") は、同じ面積なら先の物体を先にします。',
            "書き込むのは target[row, column, :5] = x, y, w, h, 1 と、target[row, column, 5 + label] = 1 です。",
        ),
    ),
    Exercise(
        id="ch09.yolo_loss",
        title="YOLO の 5 つの損失",
        points=3,
        symbols=("yolo_loss",),
        template='''import numpy as np
from course_utils.detection import box_iou

def yolo_loss(predicted, target):
    """1 枚の画像の、(中心, 大きさ, 信頼度 (あり), 信頼度 (なし), クラス) の 5 つの項を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_yolo_loss,
        hints=(
            "クラスの数は target.shape[-1] - 5 です。マスごとに、予測を predicted[row, column, :-classes].reshape(-1, 5) と、残りのクラスの確率に分けましょう。",
            "IoU は、中心 (x / S, y / S) と幅・高さ (w, h) から角を作れば、box_iou で測れます。マスの位置は、予測と正解で同じなので、足さなくてもかまいません。",
            "信頼度 (なし) は、先に箱を全部足しておき、責任のある箱の分だけ引くと簡単です。中心と大きさは 5 倍、信頼度 (なし) は 0.5 倍です。",
        ),
    ),
]
