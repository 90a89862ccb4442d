"""Chapter 22: the exercises that the learner sees."""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_shape, shape_of
from grader.exercise import Answer, Exercise, Status, number_question, question

Array = npt.NDArray[Any]

ROOT2, ROOT3, ROOT6 = sqrt(2), sqrt(3), sqrt(6)


# ch22.normalised_adjacency


LACKS_LOOPS = "自己ループがありません。次数で割る前に、隣接行列の対角に loop を足しましょう。"
DEGREES_LACK_LOOPS = (
    "次数を、自己ループを足す前の隣接行列から数えています。足したあとの行の和を使いましょう。"
)
ADDS_LOOPS_LAST = "次数で割ったあとに自己ループを足しています。先に自己ループを足し、その次数で割りましょう。"
DIVIDES_ROWS = "行ごとに次数で割っています。次数の平方根で、行と列の両方を割りましょう。"
DIVIDES_COLUMNS = "列ごとに次数で割っています。次数の平方根で、行と列の両方を割りましょう。"
MULTIPLIES_DEGREES = "次数の平方根を掛けています。-1/2 乗なので、平方根で割ります。"
LACKS_ROOT = "次数そのもので、行と列の両方を割っています。割るのは次数の平方根です。"
COUNTS_EDGES = "辺の本数を次数にしています。重みの付いた辺では、重みの和が次数です。"
IGNORES_LOOP = "loop を使わず、いつも重み 1 の自己ループを足しています。"
DROPS_WEIGHTS = "辺の重みが消えています。0 でない成分を 1 に変えてはいけません。"
LOSES_ISOLATED = "孤立した頂点の行が 0 です。自己ループがあるので、対角の成分は 1 になります。"


def check_normalised_adjacency(answer: Answer) -> None:
    path = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    rows = np.array([[1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3], [0, 1 / 2, 1 / 2]])
    plain = np.array([[0, 1 / ROOT2, 0], [1 / ROOT2, 0, 1 / ROOT2], [0, 1 / ROOT2, 0]])
    expect_close(
        answer.call("normalised_adjacency", path, 1.0),
        [[1 / 2, 1 / ROOT6, 0.0], [1 / ROOT6, 1 / 3, 1 / ROOT6], [0.0, 1 / ROOT6, 1 / 2]],
        "3 つの頂点の道の結果",
        known={
            LACKS_LOOPS: plain,
            ADDS_LOOPS_LAST: plain + np.eye(3),
            DEGREES_LACK_LOOPS: plain + np.diag([1, 1 / 2, 1]),
            DIVIDES_ROWS: rows,
            DIVIDES_COLUMNS: rows.T,
            MULTIPLIES_DEGREES: [[2, ROOT6, 0], [ROOT6, 3, ROOT6], [0, ROOT6, 2]],
            LACKS_ROOT: [[1 / 4, 1 / 6, 0], [1 / 6, 1 / 9, 1 / 6], [0, 1 / 6, 1 / 4]],
        },
    )
    # Weight 3 between two nodes, and a third one alone; self-loops of weight 2.
    weighted = np.array([[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    expect_close(
        answer.call("normalised_adjacency", weighted, 2.0),
        [[2 / 5, 3 / 5, 0.0], [3 / 5, 2 / 5, 0.0], [0.0, 0.0, 1.0]],
        "重みと孤立した頂点のあるグラフの結果",
        known={
            COUNTS_EDGES: [[1, 3 / 2, 0], [3 / 2, 1, 0], [0.0, 0, 2]],
            DROPS_WEIGHTS: [[2 / 3, 1 / 3, 0], [1 / 3, 2 / 3, 0], [0.0, 0, 1]],
            IGNORES_LOOP: [[1 / 4, 3 / 4, 0], [3 / 4, 1 / 4, 0], [0.0, 0, 1]],
            LOSES_ISOLATED: [[2 / 5, 3 / 5, 0], [3 / 5, 2 / 5, 0], [0.0, 0, 0]],
        },
    )


# ch22.spectrum


STAYS_IN_SPECTRUM = "逆変換がありません。倍率を掛けたあと、U を掛けて頂点の上の信号に戻しましょう。"
SWAPS_TRANSFORMS = (
    "フーリエ変換と逆変換が逆です。eigh の固有ベクトルは列に並ぶので、変換は Uᵀ、逆変換は U です。"
)
DOES_NOT_COME_BACK = (
    "倍率がすべて 1 なのに、信号がもとに戻りません。変換には Uᵀ、逆変換には U を掛けているか確かめましょう。"
)
NOT_ORTHOGONAL = (
    "固有値が重なるグラフで、信号がもとに戻りません。固有ベクトルが直交していないようです。"
    "対称な行列の固有値分解には np.linalg.eigh を使いましょう。"
)
ELEMENTWISE = "response をラプラシアンの成分に掛けています。response に渡すのは固有値です。"
GAINS_BY_COLUMN = "倍率を列 (特徴) に掛けています。倍率は、フーリエ係数の行 (固有値) ごとに掛けましょう。"
ORDER_MIXED = "固有値と固有ベクトルの順番がそろっていません。並べ替えるなら、両方を一緒に並べ替えましょう。"
EIGENVALUES_SCALED = "固有値を最大値で割っています。固有値はそのまま response に渡しましょう。"
GAINS_TWICE = "倍率を 2 回掛けています。掛けるのは、フーリエ変換と逆変換の間の 1 回だけです。"

WEIGHTED_PATH = np.array([[1.0, -1 / 2, 0.0], [-1 / 2, 1.0, -ROOT3 / 2], [0.0, -ROOT3 / 2, 1.0]])
"""Normalised Laplacian of a path of 3 nodes with the weights 1 and 3; its eigenvalues are 0, 1 and 2."""


def check_spectrum(answer: Answer) -> None:
    halving = answer.probe("decaying_response", 0.5)
    impulses = 8 * np.eye(3)
    given = expect_shape(
        answer.call("spectral_filter", WEIGHTED_PATH, impulses, halving), (3, 3), "spectral_filter の結果"
    )
    # Signs of eigenvectors are free.
    sizes = np.abs(given)
    spectrum = [[2 * ROOT2, 4 * ROOT2, 2 * ROOT6], [2 * ROOT3, 0, 2], [1 / ROOT2, ROOT2, ROOT6 / 2]]
    swapped = [[3.75, 1.837117, 0.25], [1.837117, 6.5, 1.837117], [0.25, 1.837117, 3.75]]
    expect(not np.allclose(sizes, spectrum, rtol=1e-3, atol=1e-3), STAYS_IN_SPECTRUM)
    expect(not np.allclose(sizes, swapped, rtol=1e-3, atol=1e-3), SWAPS_TRANSFORMS)
    elementwise = [[4, 8 * ROOT2, 8], [8 * ROOT2, 4, 14.581077], [8, 14.581077, 4]]
    expect(not np.allclose(given, elementwise, rtol=1e-3, atol=1e-3), ELEMENTWISE)
    expect_unchanged(answer, WEIGHTED_PATH, np.array([[2.0, 1], [-3, 4], [5, 0]]), DOES_NOT_COME_BACK)
    expect_close(
        given,
        [[4.25, 1.5, ROOT3 / 4], [1.5, 5, 1.5 * ROOT3], [ROOT3 / 4, 1.5 * ROOT3, 4.75]],
        "spectral_filter の結果",
        rtol=1e-3,
        atol=1e-4,
        known={
            GAINS_BY_COLUMN: np.diag([8, 4, 2]),
            ORDER_MIXED: [[4.25, -1.5, ROOT3 / 4], [-1.5, 5, -1.5 * ROOT3], [ROOT3 / 4, -1.5 * ROOT3, 4.75]],
            EIGENVALUES_SCALED: [
                [5.742641, 1, 0.148586],
                [1, 6, ROOT3],
                [0.148586, ROOT3, 5.914214],
            ],
            GAINS_TWICE: [
                [2.5625, 1.875, 0.974279],
                [1.875, 4.25, 3.247595],
                [0.974279, 3.247595, 3.6875],
            ],
        },
    )
    # Complete graph of 4 nodes: 4/3 is an eigenvalue three times.
    complete = (4 * np.eye(4) - 1) / 3
    signal = np.array([[4.0], [0], [-2], [6]])
    expect_unchanged(answer, complete, signal, NOT_ORTHOGONAL)
    low_pass = answer.probe("ideal_response", 0.5)
    expect_close(
        answer.call("spectral_filter", complete, signal, low_pass),
        np.full((4, 1), 2),
        "完全グラフで固有値 0 の成分だけを残した信号",
        rtol=1e-3,
        atol=1e-4,
    )


def expect_unchanged(answer: Answer, laplacian: Array, signal: Array, reason: str) -> None:
    """Expects a filter whose gains are all 1 to change nothing."""
    all_pass = answer.probe("polynomial_response", [1.0])
    given = expect_shape(
        answer.call("spectral_filter", laplacian, signal, all_pass), signal.shape, "spectral_filter の結果"
    )
    expect(bool(np.allclose(given, signal, rtol=1e-3, atol=1e-3)), reason)


# ch22.chebyshev


USES_POWERS = "チェビシェフ多項式ではなく、L̃ のべき乗を使っています。"
NOT_SCALED = "ラプラシアンを -1〜1 にそろえていません。L̃ = 2L/largest - I に変えてから使いましょう。"
NOT_SHIFTED = "単位行列を引いていません。L̃ = 2L/largest - I です。"
IGNORES_LARGEST = (
    "largest を使わず、L - I としています。それは largest が 2 のときだけの式です。L̃ = 2L/largest - I です。"
)
LACKS_TWO = "漸化式の 2 がありません。T_k = 2 L̃ T_(k-1) - T_(k-2) です。"
WRONG_SIGN = "漸化式で T_(k-2) を足しています。T_k = 2 L̃ T_(k-1) - T_(k-2) なので、引きましょう。"
SECOND_KIND = "T_1 が 2 L̃ になっています (第 2 種)。第 1 種のチェビシェフ多項式では、T_1 は L̃ です。"
HALVES_FIRST = "はじめの係数を半分にしています。ここでは、どの係数もそのまま使います。"
STOPS_EARLY = "最後の係数を使っていません。係数が K+1 個なら、T_0 から T_K まで足します。"
FEW_COEFFICIENTS_FAIL = "係数が 1 個のときは T_0 だけ、2 個のときは T_0 と T_1 だけを足します。"


def check_chebyshev(answer: Answer) -> None:
    # Path of 3 nodes, not normalised: its eigenvalues are 0, 1 and 3, so 4 is above all of them.
    laplacian = np.array([[1.0, -1, 0], [-1, 2, -1], [0, -1, 1]])
    signal = np.array([[8.0, 0], [0, 4], [0, 0]])
    expect_close(
        answer.call("chebyshev_filter", laplacian, signal, np.array([2.0, 1.0, 3.0, -1.0]), 4.0),
        [[12, 4], [8, 12], [20, 4]],
        "chebyshev_filter の結果",
        known={
            USES_POWERS: [[27, 2.5], [5.0, 15], [8, 2.5]],
            NOT_SCALED: [[-40, 56], [112, -116], [-80, 56]],
            NOT_SHIFTED: [[12, -8], [-16, 12], [-4, -8]],
            IGNORES_LARGEST: [[8, 8], [16, 4], [16, 8]],
            LACKS_TWO: [[-5, -1.5], [-3.0, 3], [8, -1.5]],
            WRONG_SIGN: [[84, 16], [32, 36], [20, 16]],
            SECOND_KIND: [[40, 12], [24, 28], [40, 12]],
            HALVES_FIRST: [[4, 4], [8, 8], [20, 4]],
            STOPS_EARLY: [[12, 4], [8, 8], [12, 4]],
        },
    )
    for coefficients, right in (
        ([3.0, 2.0], [[16, -4], [-8, 12], [0, -4]]),
        ([3.0], [[24, 0], [0, 12], [0, 0]]),
    ):
        given = answer.call("chebyshev_filter", laplacian, signal, np.array(coefficients), 4.0)
        array = expect_shape(given, (3, 2), "係数が少ないときの結果")
        expect(bool(np.allclose(array, right, rtol=1e-4, atol=1e-4)), FEW_COEFFICIENTS_FAIL)


# ch22.gcn_layer


IGNORES_GRAPH = "正規化した隣接行列を掛けていません。隣の頂点の特徴を集めましょう。"
LACKS_RELU = "ReLU がありません。負の値を 0 にしましょう。"
LACKS_BIAS = "バイアスがありません。"
BIAS_BEFORE_SUM = "バイアスまで隣から集めています。Â X W を求めたあとに足しましょう。"
BIAS_AFTER_RELU = "ReLU のあとにバイアスを足しています。足してから ReLU を掛けましょう。"
RELU_BEFORE_SUM = "ReLU を掛けてから隣の値を集めています。集めたあとに ReLU を掛けましょう。"
TRANSPOSED = "隣接行列が転置されています。頂点 i の行は、Â の i 行目で重みを付けた和です。"
UPDATES_IN_PLACE = (
    "書き換えずみの特徴を、次の頂点の計算に使っています。"
    "頂点の番号の順で結果が変わってしまうので、もとの特徴から一度に計算しましょう。"
)
NOT_EQUIVARIANT = (
    "頂点の番号を付け替えると、出力が同じように入れ替わりません。どの頂点も同じ式で計算しましょう。"
)


def check_gcn_layer(answer: Answer) -> None:
    normalised = np.array([[0.5, 0.5, 0], [0.25, 0.5, 0.5], [0, 1, 0.5]])
    features = np.array([[2.0, 0], [4, -2], [-2, 4]])
    weight = np.array([[1.0, -1, 2], [1, 1, 0]])
    bias = np.array([1.0, -1, -3])
    right = np.array([[3, 0, 3], [3.5, 0, 0], [4, 0, 3]])
    given = answer.call("gcn_layer", normalised, features, weight, bias)
    expect_close(
        given,
        right,
        "gcn_layer の結果",
        known={
            IGNORES_GRAPH: [[3, 0, 1], [3, 0, 5], [3, 5, 0]],
            LACKS_RELU: [[3.0, -5, 3], [3.5, -1.5, 0], [4.0, -4, 3]],
            LACKS_BIAS: [[2.0, 0, 6], [2.5, 0, 3], [3.0, 0, 6]],
            BIAS_BEFORE_SUM: [[3.0, 0, 3], [3.75, 0, 0], [4.5, 0, 1.5]],
            BIAS_AFTER_RELU: [[3.0, -1, 3], [3.5, -1, 0], [4.0, -1, 3]],
            RELU_BEFORE_SUM: [[3.0, 0, 3], [3.75, 2.5, 2.75], [4.5, 2.5, 5]],
            TRANSPOSED: [[2.5, 0, 1], [5.0, 1, 0], [3.0, 0, 0]],
            UPDATES_IN_PLACE: [[3.0, 0, 3], [3.5, 0, 0.5], [4.5, 1, 0]],
        },
    )
    order = [2, 0, 1]
    renumbered = expect_shape(
        answer.call("gcn_layer", normalised[np.ix_(order, order)], features[order], weight, bias),
        (3, 3),
        "番号を付け替えたときの結果",
    )
    expect(bool(np.allclose(renumbered, right[order], rtol=1e-4, atol=1e-4)), NOT_EQUIVARIANT)


# ch22.label_propagation


NOT_CLAMPED = (
    "ラベルのある頂点の得点が変わっています。1 回くり返すたびに (最後の回にも)、one-hot に戻しましょう。"
)
NOT_CLAMPED_LAST = "最後の回に、ラベルのある頂点の行を one-hot に戻していません。"
ONE_STEP_SHORT = "くり返しが 1 回足りません。"
ONE_STEP_MORE = "くり返しが 1 回多すぎます。"
SYMMETRIC = "次数の平方根で、行と列の両方を割っています。ここでは D^(-1) A、つまり隣の平均を使います。"
BY_COLUMNS = "列ごとに次数で割っています。行の和が 1 になるように、行ごとに割りましょう。"
WITH_LOOPS = "自己ループを足しています。ここでは、自分の得点は平均に入れません。"
UNWEIGHTED = "辺の重みを使っていません。隣の得点は、重みを付けて平均しましょう。"
SUMS_NEIGHBOURS = "隣の得点を足しただけです。次数で割って平均にしましょう。"
UNKNOWN_AS_LAST = (
    "-1 の頂点が、最後のクラスのラベルをもつものとして始まっています。-1 の行は 0 から始めましょう。"
)
SEQUENTIAL = (
    "更新ずみの得点を、同じ回のほかの頂点の計算に使っています。1 つ前の回の得点から一度に計算しましょう。"
)
GIVES_CLASSES = "クラスの番号ではなく、得点 (頂点の数, クラスの数) を返しましょう。"
DIVIDES_BY_ZERO = "隣のいない頂点で 0÷0 が起きています。次数が 0 のときは割らずに、平均を 0 としましょう。"


def check_label_propagation(answer: Answer) -> None:
    # A path of 4 nodes with the weights 1, 1 and 3.
    adjacency = np.array([[0.0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 3], [0, 0, 3, 0]])
    labels = np.array([0, -1, -1, 1])
    ends = ([1, 0], [0, 1])

    def between(second: list[float], third: list[float]) -> Array:
        return np.array([ends[0], second, third, ends[1]])

    given = answer.call("propagate_labels", adjacency, labels, 2, 2)
    expect(shape_of(given, "2 回くり返した得点") != (4,), GIVES_CLASSES, Status.WRONG_SHAPE)
    expect_close(
        given,
        between([0.5, 0.375], [0.125, 0.75]),
        "2 回くり返した得点",
        known={
            NOT_CLAMPED: [[0.5, 0], [0, 0.375], [0.125, 0], [0, 0.75]],
            NOT_CLAMPED_LAST: [[0.5, 0], [0.5, 0.375], [0.125, 0.75], [0, 0.75]],
            ONE_STEP_SHORT: between([0.5, 0], [0, 0.75]),
            ONE_STEP_MORE: between([0.5625, 0.375], [0.125, 0.84375]),
            SYMMETRIC: between([0.707107, 0.306186], [0.25, 0.866025]),
            BY_COLUMNS: between([1, 0.25], [0.5, 1]),
            WITH_LOOPS: between([4 / 9, 0.2], [1 / 15, 0.72]),
            UNWEIGHTED: between([0.5, 0.25], [0.25, 0.5]),
            SUMS_NEIGHBOURS: between([1, 3], [1, 3]),
            UNKNOWN_AS_LAST: between([0.5, 0.5], [0.125, 0.875]),
            SEQUENTIAL: between([0.5625, 0.375], [0.140625, 0.84375]),
        },
    )
    check_alone(answer, 3)


def check_alone(answer: Answer, steps: int) -> None:
    """Expects a node without neighbours to keep its label, or no score where it has none."""
    adjacency = np.zeros((4, 4))
    adjacency[0, 1] = adjacency[1, 0] = 2
    labels = np.array([1, -1, -1, 0])
    given = expect_shape(
        answer.call("propagate_labels", adjacency, labels, 3, steps), (4, 3), "孤立した頂点のあるグラフの得点"
    )
    expect(bool(np.isfinite(given).all()), DIVIDES_BY_ZERO)
    expect_close(given, [[0, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]], "孤立した頂点のあるグラフの得点")


# ch22.smoothness


COUNTS_TWICE = "どの辺も 2 回数えています。i と j を入れ替えたものも足すなら、2 で割りましょう。"
LACKS_DEGREES = "次数の平方根で割っていません。x_i を √(1+d_i) で割ってから差を取りましょう。"
LACKS_ONE = "割る数が √d_i になっています。自己ループの分も入れて、√(1+d_i) で割りましょう。"
ONLY_DEGREES = "次数の平方根ではなく、次数で割っています。"
NOT_RELATIVE = "特徴の大きさで割っていません。特徴を 2 倍にしても、値が変わらないようにしましょう。"
DIVIDES_BY_NORM = "ノルムで割っています。特徴の 2 乗の和 (ノルムの 2 乗) で割りましょう。"
LACKS_SQUARE = "差のノルムを 2 乗していません。"
SMOOTHNESS_UNWEIGHTED = "辺の重みを掛けていません。差の 2 乗に a_ij を掛けて足しましょう。"
UNWEIGHTED_DEGREES = "辺の重みを使わず、どの辺も 1 と数えています。"
REVERSED_SCALE = "1 から引いた値です。隣どうしが近いほど 0 に近づくようにしましょう。"
ZERO_BY_ZERO = "すべて 0 の特徴で 0÷0 が起きています。そのときは 0 を返しましょう。"


def check_smoothness(answer: Answer) -> None:
    # Weights 1 and 3: 1 + d is 2, 5 and 4.
    adjacency = np.array([[0.0, 1, 0], [1, 0, 3], [0, 3, 0]])
    features = np.array([[2.0, 0], [5, 10], [0, -4]])
    expect_close(
        answer.call("smoothness", adjacency, features),
        1.1126971,
        "smoothness(adjacency, features)",
        rtol=1e-3,
        known={
            COUNTS_TWICE: 2.2253942,
            LACKS_DEGREES: 772 / 145,
            LACKS_ONE: 1.4088416,
            ONLY_DEGREES: 34 / 145,
            NOT_RELATIVE: 161.3410761,
            DIVIDES_BY_NORM: 13.3986471,
            LACKS_SQUARE: 0.1730316,
            SMOOTHNESS_UNWEIGHTED: 0.4659585,
            UNWEIGHTED_DEGREES: 0.8126085,
            REVERSED_SCALE: -0.1126971,
        },
    )
    smooth = np.sqrt([[2.0], [5.0], [4.0]]) * np.array([1.0, -3])
    expect_close(
        answer.call("smoothness", adjacency, smooth), 0, "√(1+d) に比例する特徴のなめらかさ", atol=1e-5
    )
    check_zero_features(answer, adjacency)


def check_zero_features(answer: Answer, adjacency: Array) -> None:
    """Expects 0 where all features are 0."""
    given = expect_shape(
        answer.call("smoothness", adjacency, np.zeros((len(adjacency), 2))), (), "すべて 0 の特徴の結果"
    )
    expect(bool(np.isfinite(given)), ZERO_BY_ZERO)
    expect_close(given, 0, "すべて 0 の特徴の結果")


# ch22.link_auc


TIES_COUNT_ZERO = "同点を 0 と数えています。同点は 0.5 と数えましょう。"
TIES_COUNT_ONE = "同点を 1 と数えています。同点は 0.5 と数えましょう。"
USES_COSINE = "内積ではなく、コサイン類似度を得点にしています。"
USES_DISTANCE = "内積ではなく、距離の近さを得点にしています。"
AUC_REVERSED = "大小が逆です。辺のあるペアの得点のほうが大きいときに 1 と数えます。"
PAIRS_OFF = "辺のあるペアとないペアを、1 対 1 で比べています。すべての組み合わせを比べましょう。"
GIVES_ACCURACY = "得点が 0 より大きいかで分けたときの正しい割合です。AUC では、しきい値を決めません。"
TRUNCATES = "埋め込みを整数に変えています。小数のまま内積を取りましょう。"
LACKS_SUM = "掛けた成分を足し合わせていません。内積は 1 つのペアにつき 1 つの数です。"


def check_link_auc(answer: Answer) -> None:
    embeddings = np.array([[1.0, 0], [3, -1], [1, 0], [1, 3], [-1, -2]])
    # Their scores are 3, 1, -1 and 3, 1, -7, -1.
    positive = np.array([[0, 1], [2, 3], [0, 4]])
    negative = np.array([[1, 2], [0, 2], [3, 4], [1, 4]])
    expect_close(
        answer.call("link_auc", embeddings, positive, negative),
        7.5 / 12,
        "link_auc(embeddings, positive, negative)",
        known={
            TIES_COUNT_ZERO: 6 / 12,
            TIES_COUNT_ONE: 9 / 12,
            USES_COSINE: 5.5 / 12,
            USES_DISTANCE: 6.5 / 12,
            AUC_REVERSED: 4.5 / 12,
            PAIRS_OFF: 2 / 3,
            GIVES_ACCURACY: 4 / 7,
            LACKS_SUM: 27.5 / 48,
        },
    )
    expect_close(
        answer.call(
            "link_auc",
            np.array([[0.5, 1.5], [1.0, 0.5], [1.5, -0.5]]),
            np.array([[0, 1]]),
            np.array([[0, 2], [1, 2]]),
        ),
        0.75,
        "小数の埋め込みの link_auc",
        known={TRUNCATES: 0.25},
    )


# ch22.classify_nodes


GIVES_PROBABILITIES = (
    "確率 (頂点の数, クラスの数) が返っています。確率が最大のクラスの番号を、頂点ごとに 1 つ返しましょう。"
)
LEAVES_OUT_LABELLED = (
    "ラベルのない頂点の予測だけが返っています。すべての頂点の予測を、もとの順に返しましょう。"
)
NOT_A_CLASS = "予測は 0 から classes - 1 までの整数です。"
LEARNS_FROM_UNKNOWN = (
    "ほとんどの頂点が同じクラスと予測されています。"
    "ラベルのない頂点 (-1) まで、クラス 0 や最後のクラスとして学習していませんか。"
)
NOT_TRAINED = (
    "ラベルの付いた頂点でさえ、予測が合いません。学習の回数と学習率、それから、予測がもとの頂点の順かどうかを"
    "確かめましょう。"
)
IGNORES_EDGES = (
    "特徴がすべて 0 の頂点を当てられません。辺を使わず、頂点の特徴だけで予測しているようです。"
    "各層で、正規化した隣接行列を掛けましょう。"
)
IGNORES_FEATURES = (
    "ラベルが 1 つもないほうのグラフで当てられません。特徴を使わず、辺とラベルだけで予測しているようです。"
    "GCN には、頂点の特徴を入力しましょう。"
)
NOT_ACCURATE = "精度が足りません。層の数、学習の回数、学習率を見直しましょう。"


class BlockGraph(NamedTuple):
    """Two unconnected graphs from one stochastic block model (Holland et al., 1983), their nodes shuffled.

    Attributes:
        adjacency: Symmetric, 0 or 1.
        features: Noisy; all 0 at a quarter of the nodes, as many of each class in each graph.
        labels: Class of the few nodes of the first graph where it is known, elsewhere -1.
        truth: Class of every node.
        first: Whether a node is of the first graph.
        blank: Whether a node's features are all 0.
    """

    adjacency: Array
    features: Array
    labels: Array
    truth: Array
    first: Array
    blank: Array


def draw_blocks(rng: np.random.Generator, classes: int, size: int, known: int, channels: int) -> BlockGraph:
    """Draws a graph.

    Args:
        rng: Source of randomness.
        classes: Number of classes, at most ``channels``.
        size: Nodes of each class in each of the two graphs.
        known: Labels of each class.
        channels: Number of features.
    """
    truth = rng.permutation(np.tile(np.arange(classes), 2 * size))
    first = np.zeros(truth.size, dtype=bool)
    labels = np.full(truth.size, -1)
    for k in range(classes):
        nodes = rng.permutation(np.flatnonzero(truth == k))
        first[nodes[:size]] = True
        labels[nodes[:known]] = k
    chances = np.where(truth[:, None] == truth, 0.25, 0.02) * (first[:, None] == first)
    upper = np.triu(rng.random(chances.shape) < chances, 1)
    directions = np.linalg.qr(rng.normal(0, 1, (channels, classes)))[0].T
    features = 2 * directions[truth] + rng.normal(0, 1, (truth.size, channels))
    blank = np.zeros(truth.size, dtype=bool)
    for k in range(classes):
        for part in (first, ~first):
            unlabelled = np.flatnonzero((truth == k) & part & (labels < 0))
            blank[rng.choice(unlabelled, size // 4, replace=False)] = True
    features[blank] = 0
    return BlockGraph(1.0 * (upper | upper.T), features, labels, truth, first, blank)


def check_classification(answer: Answer, classes: int, size: int, known: int, channels: int) -> None:
    """Expects good predictions: from the edges where features are missing, from features where labels are."""
    graph = draw_blocks(answer.rng, classes, size, known, channels)
    given = answer.call("classify_nodes", graph.adjacency, graph.features, graph.labels, classes)
    unknown = graph.labels < 0
    count = graph.truth.size
    expect(shape_of(given, "予測") != (count, classes), GIVES_PROBABILITIES, Status.WRONG_SHAPE)
    expect(shape_of(given, "予測") != (int(unknown.sum()),), LEAVES_OUT_LABELLED, Status.WRONG_SHAPE)
    predicted = expect_shape(given, (count,), "予測")
    expect(bool(np.isin(predicted, np.arange(classes)).all()), NOT_A_CLASS)
    right = predicted == graph.truth
    if right[~unknown].mean() < 0.8:
        shares = np.bincount(predicted.astype(int), minlength=classes) / count
        expect(bool(shares.max() < 0.9), LEARNS_FROM_UNKNOWN)
        expect(False, NOT_TRAINED)
    expect(bool(right[graph.first & graph.blank].mean() > 0.7), IGNORES_EDGES)
    expect(bool(right[~graph.first].mean() > 0.75), IGNORES_FEATURES)
    expect(bool(right[unknown].mean() > 0.85), NOT_ACCURATE)


def check_classify_nodes(answer: Answer) -> None:
    check_classification(answer, classes=3, size=30, known=5, channels=8)


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch22.normalised_adjacency",
        title="正規化した隣接行列",
        points=1,
        symbols=("normalised_adjacency",),
        template='''import numpy as np

def normalised_adjacency(adjacency, loop):
    """重み loop の自己ループを足した隣接行列を、行と列の次数の平方根で割ります。

    adjacency は対称で、対角は 0 です。辺に重みが付いていることも、孤立した頂点があることもあります。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_normalised_adjacency,
        hints=(
            "はじめに、隣接行列の対角に loop を足します。loop * np.eye(頂点の数) を足すと簡単です。",
            "次数は、足したあとの行列の行の和です。自己ループがあるので 0 にはなりません。",
            "i 行 j 列の成分を、√(i の次数) と √(j の次数) で割ります。s = 1 / np.sqrt(次数) とすると、s[:, np.newaxis] * 行列 * s です。",
        ),
    ),
    Exercise(
        id="ch22.spectrum",
        title="固有ベクトルで信号にフィルタをかける",
        points=2,
        symbols=("spectral_filter",),
        template='''import numpy as np

def spectral_filter(laplacian, signal, response):
    """グラフフーリエ変換した信号の、固有値 λ の成分に response(λ) を掛け、逆変換して返します。

    laplacian は対称な (頂点の数, 頂点の数)、signal と結果は (頂点の数, 特徴の数) です。
    response は、固有値の配列を渡すと、同じ長さの倍率の配列を返す関数です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_spectrum,
        hints=(
            "np.linalg.eigh(laplacian) は、固有値と、正規直交な固有ベクトルを列に並べた U を返します。",
            "フーリエ変換は U.T @ signal です。結果の k 行目が、k 番目の固有値の成分です。",
            "倍率を response(固有値)[:, np.newaxis] の形にして掛け、最後に左から U を掛けます。",
        ),
    ),
    Exercise(
        id="ch22.chebyshev",
        title="チェビシェフ多項式のフィルタ",
        points=2,
        symbols=("chebyshev_filter",),
        template='''import numpy as np

def chebyshev_filter(laplacian, signal, coefficients, largest):
    """係数 c_k とチェビシェフ多項式 T_k から、c_0 T_0(L̃) x + c_1 T_1(L̃) x + … を、漸化式で求めます。

    laplacian の固有値は 0 から largest までにあり、L̃ = 2 L / largest - I です。
    signal (x) と結果は (頂点の数, 特徴の数) です。coefficients は 1 次元の配列で、1 個のことも 2 個のこともあります。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_chebyshev,
        hints=(
            "行列 T_k(L̃) を作るより、ベクトル T_k(L̃) x を順に求めるほうが速く、簡単です。",
            "T_0 x は signal そのもの、T_1 x は L̃ @ signal です。そのあとは 2 L̃ T_(k-1) x - T_(k-2) x です。",
            "直前の 2 つだけを覚えて、係数のぶんだけくり返します。係数が 1 個のときは T_0 x だけを使います。",
        ),
    ),
    Exercise(
        id="ch22.gcn_layer",
        title="GCN の 1 層",
        points=1,
        symbols=("gcn_layer",),
        template='''import numpy as np

def gcn_layer(normalised, features, weight, bias):
    """ReLU(Â X W + b) を返します。Â は normalised、X は features、W は weight、b は bias です。

    形は順に (頂点の数, 頂点の数)、(頂点の数, 入力の数)、(入力の数, 出力の数)、(出力の数,) です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_gcn_layer,
        hints=(
            "隣から集める (Â を掛ける)、混ぜる (W を掛ける)、ずらす (b を足す)、負を切る (ReLU) の 4 つを、この順に計算します。",
            "行列の積は @ です。Â @ X @ W にバイアスを足します。バイアスは、どの頂点の行にも同じものが足されます。",
            "最後に np.maximum(…, 0) で負の値を 0 にします。",
        ),
    ),
    Exercise(
        id="ch22.label_propagation",
        title="ラベル伝播",
        points=2,
        symbols=("propagate_labels",),
        template='''import numpy as np

def propagate_labels(adjacency, labels, classes, steps):
    """ラベルを辺に沿って steps 回伝えたときの得点 (頂点の数, classes) を返します。

    labels は頂点のクラスで、わからない頂点は -1 です。得点は、ラベルのある頂点が one-hot、ほかは 0 から始めます。
    1 回ごとに、得点を隣の得点の (辺の重みを付けた) 平均に置き換え、ラベルのある頂点の行を one-hot に戻します。
    自分の得点は平均に入れません。隣のいない頂点の平均は 0 です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_label_propagation,
        hints=(
            "known = labels >= 0 とすると、ラベルのある頂点を選べます。はじめの得点は、0 の行列の known の行だけを one-hot にします。",
            "隣の平均は adjacency @ 得点 を、頂点ごとの次数 adjacency.sum(axis=1) で割ったものです。",
            "次数が 0 の頂点では 1 で割りましょう。平均したあと、毎回 known の行をはじめの値に戻します。",
        ),
    ),
    number_question(
        id="ch22.predict_karate",
        title="何人当たるかを予想する",
        unit="人",
        low=0,
        high=34,
        hints=("対立している 2 人の、それぞれの友だちは、たいてい、どちらの側に付くでしょうか。",),
    ),
    question(
        id="ch22.predict_likeness",
        title="隣が似ていないときを予想する",
        options={"ア": "GCN のほうが高い", "イ": "ほとんど同じ", "ウ": "GCN のほうが低い"},
        hints=("隣と平均すると、自分の特徴はどれだけ残るでしょうか。隣から来るものは、役に立つでしょうか。",),
    ),
    Exercise(
        id="ch22.classify_nodes",
        title="2 層の GCN で頂点を分類する",
        points=4,
        symbols=("classify_nodes",),
        template='''import keras
import numpy as np

def classify_nodes(adjacency, features, labels, classes):
    """2 層の GCN を学習し、すべての頂点のクラスの予測 (頂点の数,) を整数で返します。

    labels は頂点のクラスで、わからない頂点は -1 です。特徴は雑音だらけで、すべて 0 の頂点もあります。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_classify_nodes,
        hints=(
            "1 つのグラフ全体を、1 件の入力 (1, 頂点の数, 特徴の数) として渡すと簡単です。1 層は、Dense のあとに keras.ops.matmul(Â, …) です。",
            "ラベルのない頂点は、損失から外します。train_on_batch(x, y, sample_weight=…) の重みを、ラベルのある頂点で 1、ほかで 0 にし、-1 のラベルは 0 などに変えておきます。",
            "中間は 16 ユニットの ReLU、出力は softmax、Adam の学習率は 0.02、150 回ほどの学習で十分です。最後に確率の argmax を取ります。",
        ),
        time_limit=180.0,
    ),
    Exercise(
        id="ch22.smoothness",
        title="特徴のなめらかさを測る",
        points=2,
        symbols=("smoothness",),
        template='''import numpy as np

def smoothness(adjacency, features):
    """ディリクレエネルギーを、特徴の 2 乗の和で割った 1 つの数を返します。

    ディリクレエネルギーは、辺の重み a_ij × ‖x_i/√(1+d_i) - x_j/√(1+d_j)‖² を、すべての辺について
    1 回ずつ足したものです。d_i は頂点 i の次数 (自己ループは数えません) です。
    特徴がすべて 0 のときは 0 を返します。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_smoothness,
        hints=(
            "次数は adjacency.sum(axis=1) です。はじめに、特徴の各行を √(1+次数) で割ります。",
            "差は y[:, np.newaxis] - y[np.newaxis] で、すべてのペアについて一度に求められます。どの辺も 2 回現れるので、最後に 2 で割ります。",
            "tr(Xᵀ(I - Â)X) / tr(XᵀX) と書いても同じです。Â は「正規化した隣接行列」の問題で loop を 1 としたときの行列です。",
        ),
    ),
    number_question(
        id="ch22.decide_graph",
        title="測って、決める",
        unit="回",
        low=0,
        high=100,
        hints=(
            "X = np.eye(34) から始め、X = P @ X をくり返しながら、smoothness(A, X) を 30 回ほど表示してみましょう。",
            "A は nx.to_numpy_array(グラフ, weight=None)、P は propagation_matrix(A) で作れます。",
        ),
    ),
    Exercise(
        id="ch22.link_auc",
        title="リンク予測の AUC",
        points=2,
        symbols=("link_auc",),
        template='''import numpy as np

def link_auc(embeddings, positive, negative):
    """辺のあるペアの得点が、辺のないペアの得点より大きい割合 (AUC) を、すべての組み合わせについて求めます。

    embeddings は (頂点の数, 次元)、positive と negative は頂点の番号のペア (ペアの数, 2) です。
    ペアの得点は、2 つの頂点の埋め込みの内積です。同点は 0.5 と数えます。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_link_auc,
        hints=(
            "embeddings[positive[:, 0]] で、ペアの 1 つ目の頂点の埋め込みが並びます。",
            "ペアごとの内積は、2 つの埋め込みを掛けて axis=1 について足します。",
            "得点を p[:, np.newaxis] と n[np.newaxis] の形にして比べると、すべての組み合わせを一度に比べられます。大きいときは 1、等しいときは 0.5 として平均します。",
        ),
    ),
]
