"""Chapter 6: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import (
    expect,
    expect_close,
    expect_equal,
    expect_model,
    expect_number,
    expect_parts,
    shape_of,
)
from grader.exercise import Answer, Exercise, Status, number_question, question

Array = npt.NDArray[Any]


# ch06.scaled_cost


SCALES_IMAGE = "画像のチャネルまで幅の倍率を掛けています。画像はいつも 3 チャネルです。"
FOLLOWS_FORMULA = "元の積和に d·w²·r² を掛けた値です。画像は 3 チャネルのままで、足した層の入力のチャネル数も元の層とは違うので、式とはずれます。1 層ずつ数えましょう。"
RESOLUTION_ONCE = "解像度は、特徴マップの縦にも横にも掛かります。"
REPEATS_FIRST_INPUT = "足した層の入力のチャネル数が違います。足した層は、すぐ前の層の出力を受け取ります。"
COUNTS_FLOPS = "掛け算と足し算を別々に数えています。積和は、掛けて足す 1 回を 1 と数えます。"


def expect_cost(
    answer: Answer,
    layers: Sequence[tuple[int, int]],
    factors: tuple[int, int, int],
    right: int,
    known: dict[str, int],
) -> None:
    given = answer.call("scaled_cost", [tuple(layer) for layer in layers], *factors)
    expect_equal(given, right, f"scaled_cost{(list(layers), *factors)}", known=known)


def check_scaled_cost(answer: Answer) -> None:
    layers = [(16, 32), (32, 16)]
    expect_cost(answer, layers, (1, 1, 1), 1622016, {COUNTS_FLOPS: 3244032})
    expect_cost(
        answer,
        layers,
        (3, 2, 2),
        217645056,
        {
            SCALES_IMAGE: 228261888,
            FOLLOWS_FORMULA: 116785152,
            RESOLUTION_ONCE: 108822528,
            REPEATS_FIRST_INPUT: 95551488,
            COUNTS_FLOPS: 435290112,
        },
    )
    expect_cost(
        answer,
        layers,
        (2, 1, 1),
        5603328,
        {SCALES_IMAGE: 6488064, FOLLOWS_FORMULA: 6488064, COUNTS_FLOPS: 11206656},
    )
    expect_cost(
        answer,
        layers,
        (1, 3, 1),
        11059200,
        {FOLLOWS_FORMULA: 4866048, REPEATS_FIRST_INPUT: 4866048, COUNTS_FLOPS: 22118400},
    )
    expect_cost(answer, layers, (1, 1, 2), 6488064, {RESOLUTION_ONCE: 3244032, COUNTS_FLOPS: 12976128})


# ch06.round_channels


FLOORS_CHANNELS = "チャネル数を切り捨てています。いちばん近い倍数にしましょう。"
CEILS_CHANNELS = "チャネル数を切り上げています。いちばん近い倍数にしましょう。"
TIES_TO_EVEN = (
    "2 つの倍数のちょうど真ん中の値は、大きいほうにします。Python の round は、偶数のほうに丸めます。"
)
BELOW_90 = "丸めた値が channels × width の 90 % を下回っています。そのときは divisor を足しましょう。"
EXACTLY_90 = "ちょうど 90 % は「下回った」うちに入りません。そのままの倍数を返しましょう。"
COMPARES_TO_UNSCALED = "90 % を、width を掛ける前のチャネル数と比べています。"
FIXED_8 = "divisor を使わず、8 の倍数にしています。"
FLOORS_REPEATS = "繰り返しの数を切り捨てています。端数は切り上げます。"
ROUNDS_REPEATS = "繰り返しの数を四捨五入しています。端数は切り上げます。"


def expect_rounded(answer: Answer, case: tuple[int, float, int], right: int, known: dict[str, int]) -> None:
    channels, width, divisor = case
    arguments = (channels, width) if divisor == 8 else case
    expect_equal(answer.call("round_channels", *arguments), right, f"round_channels{arguments}", known=known)


def expect_repeats(answer: Answer, case: tuple[int, float], right: int, known: dict[str, int]) -> None:
    expect_equal(answer.call("round_repeats", *case), right, f"round_repeats{case}", known=known)


def check_round_channels(answer: Answer) -> None:
    expect_rounded(answer, (32, 1.25, 8), 40, {})
    expect_rounded(answer, (26, 1.0, 8), 24, {CEILS_CHANNELS: 32})
    expect_rounded(answer, (30, 1.0, 8), 32, {})
    expect_rounded(answer, (86, 1.0, 8), 88, {FLOORS_CHANNELS: 80})
    expect_rounded(answer, (100, 1.0, 8), 104, {TIES_TO_EVEN: 96})
    expect_rounded(answer, (84, 1.25, 8), 104, {CEILS_CHANNELS: 112})
    expect_rounded(answer, (10, 1.0, 8), 16, {BELOW_90: 8})
    expect_rounded(answer, (3, 1.0, 8), 8, {})
    expect_rounded(answer, (80, 0.5, 8), 40, {COMPARES_TO_UNSCALED: 48})
    expect_rounded(answer, (16, 0.625, 8), 16, {BELOW_90: 8})
    expect_rounded(answer, (80, 0.9, 16), 80, {FIXED_8: 72})
    expect_rounded(answer, (20, 0.5, 4), 12, {COMPARES_TO_UNSCALED: 16, FIXED_8: 16})
    expect_rounded(answer, (4, 1.0, 4), 4, {FIXED_8: 8})
    expect_rounded(answer, (50, 1.0, 10), 50, {FIXED_8: 48})
    expect_rounded(answer, (20, 1.0, 9), 18, {EXACTLY_90: 27, FIXED_8: 24})
    expect_repeats(answer, (3, 1.0), 3, {})
    expect_repeats(answer, (3, 1.25), 4, {FLOORS_REPEATS: 3})
    expect_repeats(answer, (5, 1.25), 7, {ROUNDS_REPEATS: 6})
    expect_repeats(answer, (5, 2.5), 13, {FLOORS_REPEATS: 12, ROUNDS_REPEATS: 12})


# ch06.compound


BETA_IS_DEPTH = "α と β が逆です。深さが α、幅が β、解像度が γ の φ 乗です。"
COST_WITHOUT_SQUARES = "計算の量に 2 乗がありません。幅と解像度は 2 乗で効きます。"
COST_OF_ONE_STEP = "計算の量が 1 段ぶんです。φ 段進めたときの倍率にしましょう。"
MULTIPLIES_PHI = "φ を掛けています。倍率は α、β、γ の φ 乗です。"


def expect_compound(
    answer: Answer,
    case: tuple[float, float, float, float],
    right: Sequence[float],
    known: dict[str, list[float]],
) -> None:
    name = f"compound_scaling{case}"
    given = expect_parts(
        answer.call("compound_scaling", *case),
        4,
        "(深さ, 幅, 解像度, 計算の量) の 4 つの倍率を、タプルで返しましょう。",
    )
    numbers = [expect_number(number, name) for number in given]
    expect_close(numbers, right, name, known=known)


def check_compound(answer: Answer) -> None:
    expect_compound(
        answer,
        (1, 1.2, 1.1, 1.15),
        [1.2, 1.1, 1.15, 1.92027],
        {BETA_IS_DEPTH: [1.1, 1.2, 1.15, 2.09484], COST_WITHOUT_SQUARES: [1.2, 1.1, 1.15, 1.518]},
    )
    expect_compound(
        answer,
        (2, 1.5, 1.25, 2.0),
        [2.25, 1.5625, 4.0, 87.890625],
        {
            BETA_IS_DEPTH: [1.5625, 2.25, 4.0, 126.5625],
            COST_WITHOUT_SQUARES: [2.25, 1.5625, 4.0, 14.0625],
            COST_OF_ONE_STEP: [2.25, 1.5625, 4.0, 9.375],
            MULTIPLIES_PHI: [3.0, 2.5, 4.0, 18.75],
        },
    )
    expect_compound(
        answer,
        (0, 1.2, 1.1, 1.15),
        [1.0, 1.0, 1.0, 1.0],
        {COST_OF_ONE_STEP: [1.0, 1.0, 1.0, 1.92027], MULTIPLIES_PHI: [0.0, 0.0, 0.0, 0.0]},
    )
    expect_compound(
        answer,
        (0.5, 1.44, 1.21, 1.69),
        [1.2, 1.1, 1.3, 2.45388],
        {
            BETA_IS_DEPTH: [1.1, 1.2, 1.3, 2.67696],
            COST_WITHOUT_SQUARES: [1.2, 1.1, 1.3, 1.716],
            COST_OF_ONE_STEP: [1.2, 1.1, 1.3, 6.021527],
            MULTIPLIES_PHI: [0.72, 0.605, 0.845, 3.010764],
        },
    )


# ch06.squeeze_excite


RELU_INSIDE = "内側の活性化関数が ReLU です。swish(z) = z·σ(z) を使いましょう。"
SIGMOID_INSIDE = "内側の活性化関数が sigmoid です。swish(z) = z·σ(z) を使いましょう。"
SWISH_OUTSIDE = "外側の活性化関数が swish です。倍率は sigmoid で 0〜1 にします。"
POOLS_SUM = "平均ではなく和を取っています。"
POOLS_MAXIMUM = "平均ではなく最大値を取っています。"
POOLS_BATCH = "画像をまたいで平均しています。平均するのは、1 枚の画像の縦と横だけです。"
ADDS_GATE = "倍率を足しています。元の特徴マップに掛けましょう。"
NO_BIASES = "バイアスがありません。b1 と b2 を足しましょう。"
NO_SECOND_BIAS = "足りないのは b2 だけです。外側の層にもバイアスを足しましょう。"
GATE_ALONE = "倍率だけを返しています。元の特徴マップに掛けて、同じ形の配列を返しましょう。"


def expect_squeeze_excite(
    answer: Answer, x: Array, weights: Sequence[Array], right: Any, known: dict[str, Any]
) -> None:
    given = answer.call("squeeze_excite", x, *weights)
    shape, gate = shape_of(given, "squeeze_excite の結果"), np.shape(known[GATE_ALONE])
    expect(shape != gate, GATE_ALONE, Status.WRONG_SHAPE)
    expect_close(given, right, "squeeze_excite の結果", known=known)


def check_squeeze_excite(answer: Answer) -> None:
    x = np.array([[[[2.0, 1], [0, 3]]], [[[-1.0, 0], [-3, 2]]]])
    w1 = np.array([[1.0, -1, 0.5], [0.5, 1, 1]])
    b1 = np.array([0.5, 0, -1])
    w2 = np.array([[1.0, -0.5], [0.5, 1], [-1, 0.5]])
    b2 = np.array([0.5, -1])
    expect_squeeze_excite(
        answer,
        x,
        (w1, b1, w2, b2),
        [[[[1.75079, 0.30769], [0.0, 0.92307]]], [[[-0.87312, 0.0], [-2.61937, 1.73006]]]],
        {
            RELU_INSIDE: [[[[1.76159, 0.37754], [0.0, 1.13262]]], [[[-0.8808, 0.0], [-2.64239, 1.76159]]]],
            SIGMOID_INSIDE: [[[[1.45107, 0.42013], [0.0, 1.2604]]], [[[-0.72637, 0.0], [-2.17911, 0.97629]]]],
            SWISH_OUTSIDE: [[[[3.4132, -0.24952], [0.0, -0.74855]]], [[[-1.68413, 0.0], [-5.0524, 3.21398]]]],
            POOLS_SUM: [[[[1.74053, 0.62254], [0.0, 1.86762]]], [[[-0.97267, 0.0], [-2.918, 1.98587]]]],
            POOLS_MAXIMUM: [[[[1.74779, 0.30915], [0.0, 0.92744]]], [[[-0.87312, 0.0], [-2.61937, 1.73006]]]],
            POOLS_BATCH: [[[[1.70381, 0.64042], [0.0, 1.92125]]], [[[-0.85191, 0.0], [-2.55572, 1.28083]]]],
            ADDS_GATE: [
                [[[2.87539, 1.30769], [0.87539, 3.30769]]],
                [[[-0.12688, 0.86503], [-2.12688, 2.86503]]],
            ],
            NO_BIASES: [[[[0.90864, 0.73213], [0.0, 2.19638]]], [[[-0.76046, 0.0], [-2.28139, 1.90465]]]],
            NO_SECOND_BIAS: [
                [[[1.61985, 0.54713], [0.0, 1.64138]]],
                [[[-0.80672, 0.0], [-2.42017, 1.89143]]],
            ],
            GATE_ALONE: [[0.87539, 0.30769], [0.87312, 0.86503]],
        },
    )


# ch06.stochastic_depth


NO_EXPECTATION = "残った枝が keep で割られていません。このままでは、学習中の枝の平均が小さくなります。"
DIVIDES_BY_DROPPED = "落とす確率で割っています。残す確率 keep で割りましょう。"
DIVIDES_BY_SHARE = "今回のバッチで残った割合で割っています。割るのは、決めておいた確率 keep です。"
DROPS_SHORTCUT = "ショートカットまで落としています。落とすのは branch だけです。"
INVERTS_MASK = "残す画像と落とす画像が逆です。survives が True の画像の枝を残します。"
SCALES_INFERENCE = "推論では、枝を小さくしません。学習のときに keep で割ってあるからです。"


def expect_drop_path(
    answer: Answer,
    x: Array,
    branch: Array,
    keep: float,
    survives: Array | None,
    right: Any,
    known: dict[str, Any],
) -> None:
    given = answer.call("drop_path", x, branch, keep, survives)
    expect_close(given, right, f"drop_path の結果 (x の形は {x.shape})", known=known)


def check_stochastic_depth(answer: Answer) -> None:
    x = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    branch = np.array([[1.0, 1, 2], [2, 3, 4], [4, 1, 2]])
    expect_drop_path(
        answer,
        x,
        branch,
        0.8,
        np.array([True, False, True]),
        [[2.25, 3.25, 5.5], [4.0, 5.0, 6.0], [12.0, 9.25, 11.5]],
        {
            NO_EXPECTATION: [[2.0, 3.0, 5.0], [4.0, 5.0, 6.0], [11.0, 9.0, 11.0]],
            DIVIDES_BY_DROPPED: [[6.0, 7.0, 13.0], [4.0, 5.0, 6.0], [27.0, 13.0, 19.0]],
            DROPS_SHORTCUT: [[2.5, 3.75, 6.25], [0.0, 0.0, 0.0], [13.75, 11.25, 13.75]],
            INVERTS_MASK: [[1.0, 2.0, 3.0], [6.5, 8.75, 11.0], [7.0, 8.0, 9.0]],
            DIVIDES_BY_SHARE: [[2.5, 3.5, 6.0], [4.0, 5.0, 6.0], [13.0, 9.5, 12.0]],
        },
    )
    expect_drop_path(
        answer,
        x,
        branch,
        0.5,
        np.array([False, False, False]),
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
        {
            DROPS_SHORTCUT: [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
            INVERTS_MASK: [[3.0, 4.0, 7.0], [8.0, 11.0, 14.0], [15.0, 10.0, 13.0]],
        },
    )
    expect_drop_path(
        answer,
        x,
        branch,
        0.5,
        None,
        [[2.0, 3.0, 5.0], [6.0, 8.0, 10.0], [11.0, 9.0, 11.0]],
        {SCALES_INFERENCE: [[1.5, 2.5, 4.0], [5.0, 6.5, 8.0], [9.0, 8.5, 10.0]]},
    )
    images, branches = np.ones((2, 1, 2, 3)), np.full((2, 1, 2, 3), 3.0)
    survives = np.array([False, True])
    right = np.ones((2, 1, 2, 3))
    right[1] = 5
    expect_drop_path(answer, images, branches, 0.75, survives, right, {})


# ch06.mbconv


EPSILON = 1e-3
NORM = ("gamma", "beta", "mean", "variance")

OTHER_LAYOUT = (
    "重みの数と並びが違います。「1×1 → depthwise → SE → 1×1」の順につなぎ、"
    "SE 以外の畳み込みにはバイアスなしで BatchNormalization を続けましょう。"
)
ALWAYS_EXPANDS = "expansion が 1 のときは、はじめの 1×1 の畳み込みと BatchNormalization を置きません。"
WIDE_SQUEEZE = "SE のあいだの層のチャネル数は、広げる前のチャネル数 channels から計算します。"
ALWAYS_EXCITES = "se_ratio が 0 のときは、SE を置きません。"
HAS_BIASES = "畳み込みにバイアスがあります。SE 以外の畳み込みは use_bias=False にしましょう。"
ACTIVE_END = "縮めたあとに活性化関数があります。最後の BatchNormalization のあとには何も掛けません。"
NO_SHORTCUT = (
    "ショートカットがありません。stride が 1 で、channels と filters が等しいときは、入力を足しましょう。"
)
USES_RELU = "活性化関数が swish ではなく ReLU です。"


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def layout(
    channels: int,
    filters: int,
    expansion: int,
    squeezed: int,
    *,
    expands: bool,
    excites: bool,
    biases: bool = False,
) -> dict[str, tuple[int, ...]]:
    """Shapes of a block's weights by name, in the order of its layers."""
    wide = channels * expansion
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, shape: tuple[int, ...], count: int) -> None:
        shapes[name] = shape
        shapes.update({f"{name} bias": (count,)} if biases else {})
        shapes.update({f"{name} {part}": (count,) for part in NORM})

    if expands:
        add("expand", (channels, wide), wide)
    add("depthwise", (3, 3, wide), wide)
    if excites:
        shapes |= {"w1": (wide, squeezed), "b1": (squeezed,), "w2": (squeezed, wide), "b2": (wide,)}
    add("project", (wide, filters), filters)
    return shapes


def mbconv_outputs(x: Array, w: dict[str, Array], stride: int, *, relu: bool = False) -> Array:
    """The residual branch of a block with given weights, in NumPy; images with even sides or stride 1."""

    def norm(y: Array, name: str, active: bool = True) -> Array:
        gamma, beta, mean, variance = (w[f"{name} {part}"] for part in NORM)
        y = gamma * (y - mean) / np.sqrt(variance + EPSILON) + beta
        return (np.maximum(y, 0) if relu else y * sigmoid(y)) if active else y

    if "expand" in w:
        x = norm(x @ w["expand"], "expand")
    before = 1 if stride == 1 else 0  # as "same" pads: with stride 2, at the end alone
    padded = np.pad(x, ((0, 0), (before, 1), (before, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    x = norm(np.einsum("nhwcij,ijc->nhwc", windows[:, ::stride, ::stride], w["depthwise"]), "depthwise")
    if "w1" in w:
        hidden = x.mean((1, 2)) @ w["w1"] + w["b1"]
        x = x * sigmoid((hidden * sigmoid(hidden)) @ w["w2"] + w["b2"])[:, None, None]
    return norm(x @ w["project"], "project", active=False)


def check_mbconv_at(
    answer: Answer, channels: int, filters: int, stride: int, expansion: int, se_ratio: float
) -> None:
    case = (channels, filters, stride, expansion, se_ratio)
    name = f"build_mbconv{case}"
    block = expect_model(answer.call("build_mbconv", *case), name)
    x = answer.rng.normal(0, 1, (2, 6, 8, channels))
    answer.probe("predict", block, x)  # a model of one's own class is built by its first call
    squeezed = max(1, int(channels * se_ratio))
    sizes = (channels, filters, expansion)
    expands, excites = expansion > 1, se_ratio > 0
    right = layout(*sizes, squeezed, expands=expands, excites=excites)
    wide_squeeze = max(1, int(channels * expansion * se_ratio))
    given = answer.probe("weights", block)
    expect(isinstance(given, list), OTHER_LAYOUT, Status.WRONG_TYPE)
    shapes = [shape_of(array, name) for array in given]
    counts = [int(np.prod(shape)) for shape in shapes]
    wrong = {
        ALWAYS_EXPANDS: layout(*sizes, squeezed, expands=True, excites=excites),
        WIDE_SQUEEZE: layout(*sizes, wide_squeeze, expands=expands, excites=excites),
        ALWAYS_EXCITES: layout(*sizes, squeezed, expands=expands, excites=True),
        HAS_BIASES: layout(*sizes, squeezed, expands=expands, excites=excites, biases=True),
    }
    orders = [list(right), [n for n in right if not n.endswith(NORM[2:])]]
    orders[1] += [n for n in right if n.endswith(NORM[2:])]  # those that are not trained come last
    fitting = [order for order in orders if counts == [int(np.prod(right[n])) for n in order]]
    if not fitting:
        for reason, shapes_by_name in wrong.items():
            expect(counts != [int(np.prod(s)) for s in shapes_by_name.values()], reason, Status.WRONG_SHAPE)
    expect(bool(fitting), OTHER_LAYOUT, Status.WRONG_SHAPE)
    w = {n: answer.rng.normal(0, 0.5, shape) for n, shape in right.items()}
    w |= {n: answer.rng.uniform(0.5, 1.5, s) for n, s in right.items() if n.endswith(("gamma", "variance"))}
    arrays = [w[n].reshape(shape) for n, shape in zip(fitting[0], shapes, strict=True)]
    answer.probe("set_weights", block, arrays)
    branch, rectified = mbconv_outputs(x, w, stride), mbconv_outputs(x, w, stride, relu=True)
    residual = stride == 1 and channels == filters
    shortcut = x if residual else np.zeros(1)
    known = {
        ACTIVE_END: shortcut + branch * sigmoid(branch),
        USES_RELU: shortcut + rectified,
        NO_SHORTCUT: branch,
    }
    expect_close(
        answer.probe("predict", block, x),
        shortcut + branch,
        f"{name} の出力",
        rtol=1e-3,
        atol=1e-3,
        known=known,
    )


def check_mbconv(answer: Answer) -> None:
    check_mbconv_at(answer, 8, 8, 1, 4, 0.25)
    check_mbconv_at(answer, 3, 3, 2, 2, 0.25)
    check_mbconv_at(answer, 4, 6, 1, 2, 0.0)
    check_mbconv_at(answer, 6, 6, 1, 1, 0.5)


# ch06.search_scaling


IGNORES_BUDGET = "計算の量が budget の範囲を見ないで選んでいます。"
KEEPS_CHEAPER = "budget より安すぎる候補が残っています。範囲の下の端も確かめましょう。"
KEEPS_COSTLIER = "budget より高すぎる候補が残っています。範囲の上の端も確かめましょう。"
BEST_ALONE = "平均が最高の候補を選んでいます。標準誤差より小さい差なら、安いほうを選びましょう。"
CHEAPEST_OF_ALL = "精度を見ずに、いちばん安い候補を選んでいます。"
STANDARD_DEVIATION = "標準誤差ではなく標準偏差を引いています。√n で割りましょう。"
POPULATION_DEVIATION = "標準偏差の割る数が n です。n − 1 で割った標準偏差 (ddof=1) を使いましょう。"
SINGLE_SEED = "いちばん良いシードで比べています。シードの平均で比べましょう。"


def rows_of(*rows: tuple[float, float, float, float, list[float]]) -> list[dict[str, Any]]:
    """Candidates from ``(depth, width, resolution, cost, validation)``."""
    names = ("depth", "width", "resolution", "cost", "validation")
    return [dict(zip(names, row, strict=True)) for row in rows]


def expect_scaling(
    answer: Answer,
    rows: Sequence[dict[str, Any]],
    budget: float,
    tolerance: float,
    right: tuple[float, float, float] | None,
    known: dict[str, Any],
) -> None:
    given = answer.call(
        "choose_scaling", [row | {"validation": list(row["validation"])} for row in rows], budget, tolerance
    )
    name = f"choose_scaling(rows, {budget:g}, {tolerance:g})"
    expect_equal(given, right, name, known=known)


def check_search_scaling(answer: Answer) -> None:
    rows = rows_of(
        (1.0, 1.0, 1.0, 1.0, [0.765, 0.765, 0.765, 0.765]),
        (1.7, 1.1, 1.0, 1.75, [0.775, 0.775, 0.775, 0.775]),
        (1.2, 1.2, 1.1, 1.91, [0.675, 0.675, 0.675, 0.675]),
        (1.1, 1.3, 1.1, 1.93, [0.62, 0.79, 0.62, 0.61]),
        (1.3, 1.1, 1.2, 1.94, [0.6865, 0.6865, 0.6865, 0.6865]),
        (1.4, 1.0, 1.2, 1.96, [0.689, 0.689, 0.689, 0.689]),
        (1.2, 1.1, 1.15, 2.0, [0.6905, 0.6905, 0.6905, 0.6905]),
        (1.1, 1.1, 1.3, 2.1, [0.68, 0.72, 0.68, 0.72]),
        (1.0, 1.5, 1.0, 2.3, [0.74, 0.82, 0.74, 0.82]),
    )
    expect_scaling(
        answer,
        rows,
        2.0,
        0.1,
        (1.4, 1.0, 1.2),
        {
            IGNORES_BUDGET: (1.0, 1.0, 1.0),
            KEEPS_CHEAPER: (1.7, 1.1, 1.0),
            KEEPS_COSTLIER: (1.0, 1.5, 1.0),
            BEST_ALONE: (1.1, 1.1, 1.3),
            CHEAPEST_OF_ALL: (1.2, 1.2, 1.1),
            STANDARD_DEVIATION: (1.3, 1.1, 1.2),
            POPULATION_DEVIATION: (1.2, 1.1, 1.15),
            SINGLE_SEED: (1.1, 1.3, 1.1),
        },
    )
    expect_scaling(
        answer,
        rows,
        2.0,
        0.2,
        (1.7, 1.1, 1.0),
        {
            IGNORES_BUDGET: (1.0, 1.0, 1.0),
            KEEPS_CHEAPER: (1.0, 1.0, 1.0),
            BEST_ALONE: (1.0, 1.5, 1.0),
            SINGLE_SEED: (1.0, 1.5, 1.0),
        },
    )
    expect_scaling(
        answer, rows, 3.0, 0.1, None, {IGNORES_BUDGET: (1.0, 1.0, 1.0), KEEPS_CHEAPER: (1.0, 1.0, 1.0)}
    )
    edge = rows_of(
        (1.5, 1.0, 1.0, 1.5, [0.5, 0.5]),
        (1.0, 1.0, 1.5, 2.5, [0.25, 0.75]),
        (2.5, 1.0, 1.0, 2.5, [0.75, 0.75]),
    )
    expect_scaling(
        answer,
        edge,
        2.0,
        0.25,
        (2.5, 1.0, 1.0),
        {CHEAPEST_OF_ALL: (1.5, 1.0, 1.0), SINGLE_SEED: (1.5, 1.0, 1.0)},
    )
    tied = rows_of((1.0, 1.25, 1.0, 1.75, [0.25, 0.25]), (1.25, 1.0, 1.0, 2.25, [0.25, 0.75]))
    expect_scaling(
        answer,
        tied,
        2.0,
        0.125,
        (1.0, 1.25, 1.0),
        {BEST_ALONE: (1.25, 1.0, 1.0), POPULATION_DEVIATION: (1.25, 1.0, 1.0), SINGLE_SEED: (1.25, 1.0, 1.0)},
    )


# ch06.choose_resolution


MEAN_LATENCY = "時間の平均で判断しています。limit 以内に終わった割合で判断しましょう。"
ALL_MUST_FIT = "1 回でも limit を超えた解像度を除いています。9 割が間に合えば、候補に残します。"
STRICT_LIMIT = "時間がちょうど limit の回を、間に合わなかったと数えています。"
LEAVES_OUT_LIMIT = "ちょうど 9 割が間に合う解像度が抜けています。「9 割以上」なので、候補です。"
HIGHEST_RESOLUTION = "候補のうち、いちばん高い解像度を選んでいます。精度で選びましょう。"
LARGER_OF_TIES = "精度が同点のときは、解像度の低いほうを選びます。"
QUICKEST = "候補のうち、いちばん速い解像度を選んでいます。精度で選びましょう。"
ACCURACY_ALONE = "時間を見ずに、精度だけで選んでいます。"


def expect_resolution(
    answer: Answer,
    rows: Sequence[tuple[int, list[float], float]],
    limit: float,
    right: int | None,
    known: dict[str, Any],
) -> None:
    given = answer.call("choose_resolution", [(r, list(times), a) for r, times, a in rows], limit)
    expect_equal(given, right, f"choose_resolution(rows, {limit:g})", known=known)


def check_choose_resolution(answer: Answer) -> None:
    rows = [
        (320, [40.0] * 10, 0.80),
        (288, [10.0] * 17 + [30.0] * 3, 0.79),
        (256, [18.0] * 10, 0.70),
        (240, [16.0] * 19 + [90.0], 0.77),
        (224, [15.0] * 9 + [90.0], 0.75),
        (208, [20.0] * 10, 0.745),
        (192, [14.0] * 10, 0.74),
        (160, [17.0] * 10, 0.74),
        (128, [6.0] * 10, 0.60),
    ]
    expect_resolution(
        answer,
        rows,
        20.0,
        240,
        {MEAN_LATENCY: 288, ALL_MUST_FIT: 208, HIGHEST_RESOLUTION: 256, QUICKEST: 128, ACCURACY_ALONE: 320},
    )
    expect_resolution(answer, rows[4:], 20.0, 224, {LEAVES_OUT_LIMIT: 208, QUICKEST: 128})
    expect_resolution(answer, rows[5:], 20.0, 208, {STRICT_LIMIT: 160, QUICKEST: 128})
    expect_resolution(answer, rows[6:], 20.0, 160, {LARGER_OF_TIES: 192, QUICKEST: 128})
    expect_resolution(
        answer, rows[:5:-1], 20.0, 160, {HIGHEST_RESOLUTION: 192, LARGER_OF_TIES: 192, QUICKEST: 128}
    )
    expect_resolution(answer, rows, 5.0, None, {ACCURACY_ALONE: 320})
    expect_resolution(answer, rows, 50.0, 320, {QUICKEST: 128})


EXERCISES: list[Exercise] = [
    question(
        id="ch06.guess_width",
        title="幅を 2 倍にしたときの計算を予想する",
        options={"ア": "約 1.4 倍", "イ": "2 倍", "ウ": "4 倍", "エ": "8 倍"},
        hints=(
            "出力の値 1 つに、入力のチャネル数に比例した積和が要ります。出力の値の数はどう変わりますか。",
        ),
    ),
    Exercise(
        id="ch06.scaled_cost",
        title="大きくしたネットワークの積和を数える",
        points=1,
        symbols=("scaled_cost",),
        template='''def scaled_cost(layers, width, depth, resolution):
    """幅、深さ、解像度を整数倍にした、3×3 の畳み込みの列の積和を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_scaled_cost,
        hints=(
            "1 層の積和は 9 × 入力のチャネル数 × 出力のチャネル数 × 縦 × 横 です。",
            "入力のチャネル数を 3 から始め、1 層数えるたびに、その層の出力のチャネル数に置き換えます。",
            "layers の 1 組ごとに、width 倍、resolution 倍した層を depth 回数えます。2 回め以降は、入力と出力のチャネル数が同じです。",
        ),
    ),
    Exercise(
        id="ch06.squeeze_excite",
        title="squeeze-and-excitation を NumPy で書く",
        points=2,
        symbols=("squeeze_excite",),
        template='''import numpy as np

def squeeze_excite(x, w1, b1, w2, b2):
    """チャネルごとの倍率を画像ごとに計算し、特徴マップに掛けて返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_squeeze_excite,
        hints=(
            "まず x.mean(axis=(1, 2)) で、(枚数, チャネル) の平均を作ります。",
            "平均 @ w1 + b1 に swish(z) = z / (1 + exp(−z)) を掛け、その結果 @ w2 + b2 に sigmoid を掛けます。",
            "倍率の形は (枚数, チャネル) です。gate[:, None, None, :] とすると、x に掛けられます。",
        ),
    ),
    Exercise(
        id="ch06.stochastic_depth",
        title="残差枝を画像ごとに落とす",
        points=2,
        symbols=("drop_path",),
        template='''import numpy as np

def drop_path(x, branch, keep, survives):
    """survives が False の画像の残差枝を落として、ショートカットに足します。None なら推論です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_stochastic_depth,
        hints=(
            "落とす画像の出力は x のまま、残す画像の出力は x + branch / keep です。",
            "survives を (枚数, 1, 1, …) の形にすると、画像ごとに掛けられます。軸の数は x.ndim で分かります。",
            "survives.reshape(-1, *[1] * (x.ndim - 1)) を branch / keep に掛けます。None は先に分けましょう。",
        ),
    ),
    Exercise(
        id="ch06.mbconv",
        title="MBConv を組み立てる",
        points=3,
        symbols=("build_mbconv",),
        template='''import keras

def build_mbconv(channels, filters, stride, expansion, se_ratio):
    """3×3 の MBConv を keras.Model で返します。どの高さと幅にも使えます。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_mbconv,
        hints=(
            "keras.Input((None, None, channels)) から始めます。広げる部分と SE は、要るときだけ置く if の中に書きます。",
            "SE の倍率は、GlobalAveragePooling2D(keepdims=True) に 1×1 の Conv2D を 2 つ続けて作ります。あいだの層は max(1, int(channels * se_ratio)) チャネルです。",
            "最後の BatchNormalization のあと、stride == 1 かつ channels == filters なら keras.layers.Add()([inputs, x]) とします。",
        ),
        time_limit=60.0,
    ),
    Exercise(
        id="ch06.round_channels",
        title="チャネル数と繰り返しの数を丸める",
        points=2,
        symbols=("round_channels", "round_repeats"),
        template='''import math

def round_channels(channels, width, divisor=8):
    """channels × width を、divisor の倍数に丸めて返します。"""
    raise NotImplementedError("ここを書きましょう")

def round_repeats(repeats, depth):
    """repeats × depth の端数を切り上げて返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_round_channels,
        hints=(
            "divisor で割った値を四捨五入し、divisor を掛け直すと、いちばん近い倍数になります。",
            "0.5 を足して math.floor で切り捨てると、真ん中の値は大きいほうになります。round は偶数に丸めるので使えません。",
            "丸めた値が 0.9 * channels * width より小さければ、divisor を足します。繰り返しは math.ceil です。",
        ),
    ),
    Exercise(
        id="ch06.compound",
        title="複合スケーリングの倍率",
        points=1,
        symbols=("compound_scaling",),
        template='''def compound_scaling(phi, alpha, beta, gamma):
    """(深さ, 幅, 解像度, 計算の量) の倍率を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_compound,
        hints=(
            "深さは α の φ 乗です。幅と解像度も同じ形です。",
            "計算の量は、深さ × 幅の 2 乗 × 解像度の 2 乗 に比例します。",
        ),
    ),
    question(
        id="ch06.guess_scaling",
        title="どう大きくするのがよいかを予想する",
        options={
            "ア": "論文の比の案が、5 つのシードのすべてで最高になる",
            "イ": "1 つだけを大きくした案のどれか 1 つが、5 つのシードのすべてで最高になる",
            "ウ": "最高になる案は、シードによって変わる",
        },
        hints=("案の差と、シードによるばらつきの、どちらが大きいでしょうか。",),
    ),
    Exercise(
        id="ch06.search_scaling",
        title="測って、割合を決める",
        points=3,
        symbols=("choose_scaling",),
        template='''import numpy as np

def choose_scaling(rows, budget, tolerance):
    """候補の表から選んだ (depth, width, resolution) を返します。候補がなければ None です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_search_scaling,
        hints=(
            "まず cost が budget × (1 − tolerance) 以上、budget × (1 + tolerance) 以下の行だけを残します。",
            "平均が最高の行を見つけ、その行の標準誤差 np.std(v, ddof=1) / np.sqrt(len(v)) を求めます。",
            "平均が「最高の平均 − 標準誤差」以上の行のうち、cost が最小の行を選びます。",
        ),
    ),
    Exercise(
        id="ch06.choose_resolution",
        title="間に合う解像度を選ぶ",
        points=2,
        symbols=("choose_resolution",),
        template='''def choose_resolution(rows, limit):
    """9 割以上の回が limit ミリ秒以内に終わる解像度のうち、精度が最高のものを返します。なければ None です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_choose_resolution,
        hints=(
            "行ごとに、limit 以下の時間が何回あるかを数え、全体の回数で割ります。",
            "その割合が 0.9 以上の行だけを残します。残らなければ None です。",
            "残った行を、精度の高い順、同点なら解像度の低い順に比べます。キーは (accuracy, -resolution) です。",
        ),
    ),
    number_question(
        id="ch06.guess_transfer",
        title="ImageNet の特徴の強みを予想する",
        unit="点",
        low=-50,
        high=80,
        hints=(
            "ImageNet は 1,000 種類、224 画素。CIFAR-10 は 10 種類、32 画素でした。花は何種類かの写真です。",
        ),
    ),
]
