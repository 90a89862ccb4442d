"""Chapter 6: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Answer, Key, Mistake, changed, chosen, estimated

from .exercises import (
    ACCURACY_ALONE,
    ADDS_GATE,
    ALL_MUST_FIT,
    BELOW_90,
    BEST_ALONE,
    BETA_IS_DEPTH,
    CEILS_CHANNELS,
    CHEAPEST_OF_ALL,
    COMPARES_TO_UNSCALED,
    COST_OF_ONE_STEP,
    COST_WITHOUT_SQUARES,
    COUNTS_FLOPS,
    DIVIDES_BY_DROPPED,
    DIVIDES_BY_SHARE,
    DROPS_SHORTCUT,
    EXACTLY_90,
    FIXED_8,
    FLOORS_CHANNELS,
    FLOORS_REPEATS,
    FOLLOWS_FORMULA,
    GATE_ALONE,
    HIGHEST_RESOLUTION,
    IGNORES_BUDGET,
    INVERTS_MASK,
    KEEPS_CHEAPER,
    KEEPS_COSTLIER,
    LARGER_OF_TIES,
    LEAVES_OUT_LIMIT,
    MEAN_LATENCY,
    MULTIPLIES_PHI,
    NO_BIASES,
    NO_EXPECTATION,
    NO_SECOND_BIAS,
    POOLS_BATCH,
    POOLS_MAXIMUM,
    POOLS_SUM,
    POPULATION_DEVIATION,
    QUICKEST,
    RELU_INSIDE,
    REPEATS_FIRST_INPUT,
    RESOLUTION_ONCE,
    ROUNDS_REPEATS,
    SCALES_IMAGE,
    SCALES_INFERENCE,
    SIGMOID_INSIDE,
    SINGLE_SEED,
    STANDARD_DEVIATION,
    STRICT_LIMIT,
    SWISH_OUTSIDE,
    TIES_TO_EVEN,
    check_mbconv_at,
    expect_compound,
    expect_cost,
    expect_drop_path,
    expect_repeats,
    expect_resolution,
    expect_rounded,
    expect_scaling,
    expect_squeeze_excite,
    rows_of,
)

Array = npt.NDArray[Any]


# ch06.scaled_cost


def costs(layers: Sequence[tuple[int, int]], width: int, depth: int, resolution: int) -> dict[str, int]:
    """Multiply-adds of a scaled stack, and what known mistakes count."""

    def count(layers: Sequence[tuple[int, int]], image: int = 3, depth: int = 1, stays: bool = False) -> int:
        total, channels = 0, image
        for filters, size in layers:
            for n in range(depth):
                total += 9 * channels * filters * size**2
                channels = channels if stays and n < depth - 1 else filters
        return total

    scaled = [(width * filters, resolution * size) for filters, size in layers]
    return {
        "right": count(scaled, depth=depth),
        SCALES_IMAGE: count(scaled, 3 * width, depth),
        FOLLOWS_FORMULA: count(layers) * depth * width**2 * resolution**2,
        RESOLUTION_ONCE: count(scaled, depth=depth) // resolution,
        REPEATS_FIRST_INPUT: count(scaled, depth=depth, stays=True),
        COUNTS_FLOPS: 2 * count(scaled, depth=depth),
    }


def hidden_scaled_cost(answer: Answer) -> None:
    for width, depth, resolution in ((1, 1, 1), (3, 1, 1), (1, 4, 1), (1, 1, 3), (2, 3, 2)):
        layers = [(int(f), int(s)) for f, s in answer.rng.integers(4, 40, (4, 2))]
        case = costs(layers, width, depth, resolution)
        expect_cost(answer, layers, (width, depth, resolution), case.pop("right"), case)


# ch06.round_channels


def rounded(channels: int, width: float, divisor: int) -> dict[str, int]:
    """Rounded channels, and what known mistakes give."""

    def at_90(value: int, limit: float) -> int:
        value = max(divisor, value)
        return value + divisor if value < 0.9 * limit else value

    scaled = channels * width
    near = floor(scaled / divisor + 0.5) * divisor
    eights = max(8, floor(scaled / 8 + 0.5) * 8)
    return {
        "right": at_90(near, scaled),
        FLOORS_CHANNELS: at_90(floor(scaled / divisor) * divisor, scaled),
        CEILS_CHANNELS: ceil(scaled / divisor) * divisor,
        TIES_TO_EVEN: at_90(round(scaled / divisor) * divisor, scaled),
        BELOW_90: max(divisor, near),
        EXACTLY_90: near + divisor if near <= 0.9 * scaled else near,
        COMPARES_TO_UNSCALED: at_90(near, channels),
        FIXED_8: eights + 8 if eights < 0.9 * scaled else eights,
    }


def hidden_round_channels(answer: Answer) -> None:
    for divisor in (8, 8, 4, 16):
        for width in (0.25, 0.5, 1.0, 1.25, 1.5, 2.0):
            channels = int(answer.rng.integers(4, 300))
            case = rounded(channels, width, divisor)
            expect_rounded(answer, (channels, width, divisor), case.pop("right"), case)
    for depth in (1.0, 1.25, 1.75, 2.5):
        repeats = int(answer.rng.integers(1, 12))
        exact = repeats * depth
        wrong = {FLOORS_REPEATS: floor(exact), ROUNDS_REPEATS: round(exact)}
        expect_repeats(answer, (repeats, depth), ceil(exact), wrong)


# ch06.compound


def compounds(phi: float, alpha: float, beta: float, gamma: float) -> dict[str, list[float]]:
    """Factors and cost, and what known mistakes give."""
    step = alpha * beta**2 * gamma**2
    factors = [alpha**phi, beta**phi, gamma**phi]
    return {
        "right": [*factors, step**phi],
        BETA_IS_DEPTH: [beta**phi, alpha**phi, gamma**phi, (beta * alpha**2 * gamma**2) ** phi],
        COST_WITHOUT_SQUARES: [*factors, (alpha * beta * gamma) ** phi],
        COST_OF_ONE_STEP: [*factors, step],
        MULTIPLIES_PHI: [phi * alpha, phi * beta, phi * gamma, phi * step],
    }


def hidden_compound(answer: Answer) -> None:
    for phi in (0, 1, 3, 4.5):
        alpha, beta, gamma = answer.rng.uniform(1.05, 1.5, 3).tolist()
        case = compounds(phi, alpha, beta, gamma)
        expect_compound(answer, (phi, alpha, beta, gamma), case.pop("right"), case)


# ch06.squeeze_excite


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def swish(z: Array) -> Array:
    return z * sigmoid(z)


def excited(x: Array, w1: Array, b1: Array, w2: Array, b2: Array) -> dict[str, Array]:
    """Rescaled feature maps, and what known mistakes give."""

    def gate(
        pooled: Array,
        inner: Callable[[Array], Array] = swish,
        outer: Callable[[Array], Array] = sigmoid,
        first: Any = b1,
        last: Any = b2,
    ) -> Array:
        return outer(inner(pooled @ w1 + first) @ w2 + last)[:, None, None]

    mean = x.mean((1, 2))
    return {
        "right": x * gate(mean),
        RELU_INSIDE: x * gate(mean, lambda z: np.maximum(z, 0)),
        SIGMOID_INSIDE: x * gate(mean, sigmoid),
        SWISH_OUTSIDE: x * gate(mean, outer=swish),
        POOLS_SUM: x * gate(x.sum((1, 2))),
        POOLS_MAXIMUM: x * gate(x.max((1, 2))),
        POOLS_BATCH: x * gate(x.mean((0, 1, 2))[None]),
        ADDS_GATE: x + gate(mean),
        NO_BIASES: x * gate(mean, first=0, last=0),
        NO_SECOND_BIAS: x * gate(mean, last=0),
        GATE_ALONE: gate(mean)[:, 0, 0],
    }


def hidden_squeeze_excite(answer: Answer) -> None:
    for n, height, width, channels, squeezed in ((3, 4, 5, 6, 2), (1, 2, 2, 3, 5), (4, 3, 1, 4, 4)):
        x = answer.rng.normal(0.3, 1, (n, height, width, channels))
        weights = [
            answer.rng.normal(0, 1, shape)
            for shape in ((channels, squeezed), squeezed, (squeezed, channels), channels)
        ]
        case = excited(x, *weights)
        expect_squeeze_excite(answer, x, weights, case.pop("right"), case)


# ch06.mbconv


def hidden_mbconv(answer: Answer) -> None:
    check_mbconv_at(answer, 3, 4, 2, 1, 0.5)
    check_mbconv_at(answer, 5, 5, 1, 3, 0.0)


# ch06.stochastic_depth


def dropped(x: Array, branch: Array, keep: float, survives: Array | None) -> dict[str, Array]:
    """Shortcut and branch after dropping, and what known mistakes give."""
    if survives is None:
        return {"right": x + branch, SCALES_INFERENCE: x + keep * branch}
    mask = survives.astype(float).reshape(-1, *[1] * (x.ndim - 1))
    cases = {
        "right": x + mask * branch / keep,
        NO_EXPECTATION: x + mask * branch,
        DIVIDES_BY_DROPPED: x + mask * branch / (1 - keep),
        DROPS_SHORTCUT: mask * (x + branch) / keep,
        INVERTS_MASK: x + (1 - mask) * branch / keep,
    }
    if survives.any():
        cases[DIVIDES_BY_SHARE] = x + mask * branch / mask.mean()
    return cases


def hidden_stochastic_depth(answer: Answer) -> None:
    for shape in ((5, 4), (3, 3), (4, 2, 3), (6, 3, 2, 4), (4, 4, 4, 4)):
        x, branch = answer.rng.normal(0, 1, (2, *shape))
        keep = float(answer.rng.choice([0.6, 0.7, 0.9]))
        survives = answer.rng.random(shape[0]) < 0.5
        for mask in (survives, None):
            case = dropped(x, branch, keep, mask)
            expect_drop_path(answer, x, branch, keep, mask, case.pop("right"), case)


# ch06.search_scaling


def scaling_of(
    rows: Sequence[dict[str, Any]],
    low: float,
    high: float,
    error: Callable[[Array], float],
    mean: Callable[[Array], float] = np.mean,
) -> tuple[float, float, float] | None:
    """The cheapest of the rows within a cost that are as good as the best, give or take its error."""
    fitting = [row for row in rows if low <= row["cost"] <= high]
    if not fitting:
        return None
    best = max(fitting, key=lambda row: mean(np.array(row["validation"])))
    values = np.array(best["validation"])
    limit = mean(values) - error(values)
    good = [row for row in fitting if mean(np.array(row["validation"])) >= limit]
    cheapest = min(good, key=lambda row: row["cost"])
    return cheapest["depth"], cheapest["width"], cheapest["resolution"]


def standard_error(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def scalings(rows: Sequence[dict[str, Any]], budget: float, tolerance: float) -> dict[str, Any]:
    """The chosen factors, and what known mistakes choose."""
    low, high = budget * (1 - tolerance), budget * (1 + tolerance)
    return {
        "right": scaling_of(rows, low, high, standard_error),
        IGNORES_BUDGET: scaling_of(rows, 0, np.inf, standard_error),
        KEEPS_CHEAPER: scaling_of(rows, 0, high, standard_error),
        KEEPS_COSTLIER: scaling_of(rows, low, np.inf, standard_error),
        BEST_ALONE: scaling_of(rows, low, high, lambda values: 0.0),
        CHEAPEST_OF_ALL: scaling_of(rows, low, high, lambda values: np.inf),
        STANDARD_DEVIATION: scaling_of(rows, low, high, lambda values: float(values.std(ddof=1))),
        POPULATION_DEVIATION: scaling_of(
            rows, low, high, lambda values: float(values.std() / np.sqrt(len(values)))
        ),
        SINGLE_SEED: scaling_of(rows, low, high, standard_error, np.max),
    }


def hidden_search_scaling(answer: Answer) -> None:
    for n in range(8):
        rows = rows_of(
            *(
                (
                    *np.round(answer.rng.uniform(1, 2, 3), 3).tolist(),
                    float(np.round(answer.rng.uniform(1.6, 2.4), 3)),
                    np.round(answer.rng.normal(0.7, 0.02, 3 + n % 3), 4).tolist(),
                )
                for _ in range(9)
            )
        )
        case = scalings(rows, 2.0, 0.10025)
        expect_scaling(answer, rows, 2.0, 0.10025, case.pop("right"), case)


# ch06.choose_resolution


def resolution_of(
    rows: Sequence[tuple[int, list[float], float]], fits: Callable[[Array], Any], key: Callable[[Any], Any]
) -> int | None:
    good = [row for row in rows if fits(np.array(row[1]))]
    return max(good, key=key)[0] if good else None


def resolutions(rows: Sequence[tuple[int, list[float], float]], limit: float) -> dict[str, int | None]:
    """The resolution to serve, and what known mistakes choose."""

    def fits(t: Array) -> bool:
        return bool((t <= limit).mean() >= 0.9)

    def best(row: tuple[int, list[float], float]) -> tuple[float, int]:
        return row[2], -row[0]

    return {
        "right": resolution_of(rows, fits, best),
        MEAN_LATENCY: resolution_of(rows, lambda t: t.mean() <= limit, best),
        ALL_MUST_FIT: resolution_of(rows, lambda t: t.max() <= limit, best),
        STRICT_LIMIT: resolution_of(rows, lambda t: (t < limit).mean() >= 0.9, best),
        LEAVES_OUT_LIMIT: resolution_of(rows, lambda t: (t <= limit).mean() > 0.9, best),
        HIGHEST_RESOLUTION: resolution_of(rows, fits, lambda row: row[0]),
        LARGER_OF_TIES: resolution_of(rows, fits, lambda row: (row[2], row[0])),
        QUICKEST: resolution_of(rows, fits, lambda row: -np.mean(row[1])),
        ACCURACY_ALONE: resolution_of(rows, lambda t: True, best),
    }


def hidden_choose_resolution(answer: Answer) -> None:
    sizes = (128, 160, 192, 224, 256, 320)
    for _ in range(8):
        rows = []
        for size in answer.rng.permutation(sizes).tolist():
            times = np.round(answer.rng.gamma(8, size / 320 * 3, 10)).tolist()
            rows.append((size, times, float(answer.rng.choice([0.7, 0.71, 0.72]))))
        limit = float(answer.rng.integers(18, 30))
        case = resolutions(rows, limit)
        expect_resolution(answer, rows, limit, case.pop("right"), case)


# The references, of which known mistakes change one thing.


SCALED_COST = """def scaled_cost(layers, width, depth, resolution):
    total, channels = 0, 3
    for filters, size in layers:
        filters, size = width * filters, resolution * size
        for _ in range(depth):
            total += 9 * channels * filters * size * size
            channels = filters
    return total
"""

ROUND = """import math

def round_channels(channels, width, divisor=8):
    scaled = channels * width
    rounded = math.floor(scaled / divisor + 0.5) * divisor
    if rounded < 0.9 * scaled:
        rounded += divisor
    return rounded

def round_repeats(repeats, depth):
    return math.ceil(repeats * depth)
"""

COMPOUND = """def compound_scaling(phi, alpha, beta, gamma):
    cost = (alpha * beta**2 * gamma**2) ** phi
    return alpha**phi, beta**phi, gamma**phi, cost
"""

SQUEEZE = """import numpy as np

def squeeze_excite(x, w1, b1, w2, b2):
    pooled = x.mean(axis=(1, 2))
    hidden = pooled @ w1 + b1
    hidden = hidden / (1 + np.exp(-hidden))
    gate = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    return x * gate[:, None, None, :]
"""

MBCONV = """import keras
from keras import layers

def build_mbconv(channels, filters, stride, expansion, se_ratio):
    inputs = keras.Input((None, None, channels))
    x, wide = inputs, channels * expansion
    if expansion > 1:
        x = layers.Conv2D(wide, 1, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("swish")(x)
    x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("swish")(x)
    if se_ratio > 0:
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(max(1, int(channels * se_ratio)), 1, activation="swish")(gate)
        gate = layers.Conv2D(wide, 1, activation="sigmoid")(gate)
        x = layers.Multiply()([x, gate])
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    if stride == 1 and channels == filters:
        x = layers.Add()([inputs, x])
    return keras.Model(inputs, x)
"""

DROP_PATH = """import numpy as np

def drop_path(x, branch, keep, survives):
    if survives is None:
        return x + branch
    mask = np.reshape(survives, (-1,) + (1,) * (x.ndim - 1))
    return x + mask * branch / keep
"""

SEARCH = """import numpy as np

def choose_scaling(rows, budget, tolerance):
    low, high = budget * (1 - tolerance), budget * (1 + tolerance)
    rows = [row for row in rows if low <= row["cost"] <= high]
    if not rows:
        return None
    best = max(rows, key=lambda row: np.mean(row["validation"]))["validation"]
    limit = np.mean(best) - np.std(best, ddof=1) / np.sqrt(len(best))
    rows = [row for row in rows if np.mean(row["validation"]) >= limit]
    row = min(rows, key=lambda row: row["cost"])
    return row["depth"], row["width"], row["resolution"]
"""

RESOLUTION = """import numpy as np

def choose_resolution(rows, limit):
    best = None
    for resolution, milliseconds, accuracy in sorted(rows):
        if np.mean(np.array(milliseconds) <= limit) >= 0.9:
            if best is None or accuracy > best[0]:
                best = accuracy, resolution
    return best[1] if best else None
"""


ANSWERS: dict[str, Key] = {
    "ch06.guess_width": chosen(
        "ウ",
        explanation="入力のチャネルも出力のチャネルも 2 倍になるので、積和は 2 × 2 = 4 倍です。",
        wrong={
            "ア": "チャネルが増えて、積和がチャネルの数より少なく増えることはありません。",
            "イ": "2 倍になるのは、入力か出力のチャネルの片方だけが 2 倍のときです。",
            "エ": "縦横の大きさは変わりません。2 倍になるのは、入力と出力のチャネルだけです。",
        },
    ),
    "ch06.scaled_cost": Key(
        reference=SCALED_COST,
        explanation="画像のチャネルは 3 のままなので、最初の層だけは、幅の 1 乗でしか増えません。",
        alternatives={
            "先に層の列を作る": """def scaled_cost(layers, width, depth, resolution):
    outputs = [(f * width, s * resolution) for f, s in layers for _ in range(depth)]
    inputs = [3] + [f for f, _ in outputs]
    return sum(9 * c * f * s**2 for c, (f, s) in zip(inputs, outputs))
""",
        },
        mistakes={
            "画像のチャネルも増やす": Mistake(
                changed(SCALED_COST, "0, 3\n", "0, 3 * width\n"), "画像のチャネルまで"
            ),
            "倍率の式を掛ける": Mistake(
                """def scaled_cost(layers, width, depth, resolution):
    total, channels = 0, 3
    for filters, size in layers:
        total += 9 * channels * filters * size**2
        channels = filters
    return total * depth * width**2 * resolution**2
""",
                "元の積和に d·w²·r² を掛けた",
            ),
            "解像度が 1 乗": Mistake(
                changed(SCALED_COST, "filters * size * size", "filters * size * size // resolution"),
                "縦にも横にも",
            ),
            "足した層の入力が違う": Mistake(
                changed(SCALED_COST, "            channels = filters", "        channels = filters"),
                "足した層の入力のチャネル数が違い",
            ),
            "FLOP を数える": Mistake(
                changed(SCALED_COST, "+= 9 *", "+= 2 * 9 *"),
                "掛け算と足し算を別々に",
            ),
        },
        hidden=hidden_scaled_cost,
    ),
    "ch06.round_channels": Key(
        reference=ROUND,
        explanation="8 の倍数にそろえると、計算機が速く扱えます。小さいチャネル数では、丸めで 1 割より多く減らないように、90 % の規則が働きます。",
        alternatives={
            "公式の実装": """import math

def round_channels(channels, width, divisor=8):
    channels *= width
    new = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    if new < 0.9 * channels:
        new += divisor
    return int(new)

def round_repeats(repeats, depth):
    return int(math.ceil(depth * repeats))
""",
        },
        mistakes={
            "切り捨てる": Mistake(changed(ROUND, "divisor + 0.5)", "divisor)"), "チャネル数を切り捨てて"),
            "切り上げる": Mistake(
                changed(ROUND, "math.floor(scaled / divisor + 0.5)", "math.ceil(scaled / divisor)"),
                "チャネル数を切り上げて",
            ),
            "round を使う": Mistake(
                changed(ROUND, "math.floor(scaled / divisor + 0.5)", "round(scaled / divisor)"),
                "真ん中",
            ),
            "90 % の規則がない": Mistake(
                changed(ROUND, "rounded < 0.9 * scaled", "rounded < divisor"), "90 % を下回って"
            ),
            "ちょうど 90 % でも足す": Mistake(
                changed(ROUND, "rounded < 0.9", "rounded <= 0.9"), "ちょうど 90 %"
            ),
            "元のチャネル数と比べる": Mistake(
                changed(ROUND, "0.9 * scaled", "0.9 * channels"), "width を掛ける前"
            ),
            "8 に固定する": Mistake(
                changed(ROUND, "    scaled =", "    divisor = 8\n    scaled ="), "divisor を使わず"
            ),
            "繰り返しを切り捨てる": Mistake(
                changed(ROUND, "math.ceil(repeats * depth)", "math.floor(repeats * depth)"),
                "繰り返しの数を切り捨てて",
            ),
            "繰り返しを四捨五入する": Mistake(
                changed(ROUND, "math.ceil(repeats * depth)", "round(repeats * depth)"),
                "繰り返しの数を四捨五入",
            ),
        },
        hidden=hidden_round_channels,
        equivalent={
            "return math.ceil(depth * repeats)": "math.ceil already gives an integer.",
            "return new": "Floor division of integers already gives an integer.",
            "max(0, int(channels": "Below one multiple the rule of 90 % adds a divisor to 0 as well.",
        },
    ),
    "ch06.compound": Key(
        reference=COMPOUND,
        explanation="計算の量は、深さに比例し、幅と解像度の 2 乗に比例します。φ 段進めれば、その倍率の φ 乗です。",
        alternatives={
            "倍率から計算": """def compound_scaling(phi, alpha, beta, gamma):
    depth, width, resolution = (factor**phi for factor in (alpha, beta, gamma))
    return depth, width, resolution, depth * width**2 * resolution**2
""",
        },
        mistakes={
            "α と β が逆": Mistake(
                changed(COMPOUND, "    cost", "    alpha, beta = beta, alpha\n    cost"), "α と β が逆"
            ),
            "2 乗を忘れる": Mistake(
                changed(COMPOUND, "beta**2 * gamma**2", "beta * gamma"), "2 乗がありません"
            ),
            "1 段だけ": Mistake(changed(COMPOUND, "gamma**2) ** phi", "gamma**2)"), "1 段ぶん"),
            "φ を掛ける": Mistake(
                """def compound_scaling(phi, alpha, beta, gamma):
    return phi * alpha, phi * beta, phi * gamma, phi * alpha * beta**2 * gamma**2
""",
                "φ を掛けています",
            ),
        },
        hidden=hidden_compound,
    ),
    "ch06.squeeze_excite": Key(
        reference=SQUEEZE,
        explanation="画像ごと、チャネルごとに 1 つの倍率を作り、縦横のすべての場所に同じ倍率を掛けます。",
        alternatives={
            "einsum で": """import numpy as np

def squeeze_excite(x, w1, b1, w2, b2):
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    z = np.einsum("nhwc,cs->ns", x, w1) / (x.shape[1] * x.shape[2]) + b1
    return np.einsum("nhwc,nc->nhwc", x, sigmoid((z * sigmoid(z)) @ w2 + b2))
""",
        },
        mistakes={
            "ReLU を使う": Mistake(
                changed(SQUEEZE, "hidden / (1 + np.exp(-hidden))", "np.maximum(hidden, 0)"), "ReLU"
            ),
            "内側も sigmoid": Mistake(
                changed(SQUEEZE, "hidden / (1 + np.exp(-hidden))", "1 / (1 + np.exp(-hidden))"),
                "内側の活性化関数が sigmoid",
            ),
            "外側も swish": Mistake(
                changed(SQUEEZE, "gate = 1 /", "gate = (hidden @ w2 + b2) /"), "外側の活性化関数が swish"
            ),
            "和を取る": Mistake(changed(SQUEEZE, "x.mean(", "x.sum("), "平均ではなく和"),
            "最大値を取る": Mistake(changed(SQUEEZE, "x.mean(", "x.max("), "平均ではなく最大値"),
            "全部の画像で平均": Mistake(
                changed(SQUEEZE, "axis=(1, 2))", "axis=(0, 1, 2))[None]"), "画像をまたいで"
            ),
            "倍率を足す": Mistake(changed(SQUEEZE, "return x *", "return x +"), "倍率を足して"),
            "倍率だけを返す": Mistake(
                changed(SQUEEZE, "x * gate[:, None, None, :]", "gate"), "倍率だけを返して"
            ),
            "バイアスがない": Mistake(
                changed(changed(SQUEEZE, " + b1", ""), " + b2", ""), "バイアスがありません"
            ),
            "b2 がない": Mistake(changed(SQUEEZE, " + b2", ""), "b2 だけ"),
        },
        hidden=hidden_squeeze_excite,
    ),
    "ch06.stochastic_depth": Key(
        reference=DROP_PATH,
        explanation="確率 keep で残る枝を keep で割るので、平均は推論のときの枝に一致します。",
        alternatives={
            "1 枚ずつ": """import numpy as np

def drop_path(x, branch, keep, survives):
    if survives is None:
        survives, keep = np.ones(len(x)), 1.0
    return np.stack([a + b / keep if s else a for a, b, s in zip(x, branch, survives)])
""",
        },
        mistakes={
            "割らない": Mistake(changed(DROP_PATH, " / keep", ""), "平均が小さく"),
            "1 - keep で割る": Mistake(changed(DROP_PATH, "/ keep", "/ (1 - keep)"), "落とす確率で割って"),
            "残った割合で割る": Mistake(
                changed(DROP_PATH, "/ keep", "/ np.mean(survives)"), "残った割合で割って"
            ),
            "ショートカットも落とす": Mistake(
                changed(DROP_PATH, "x + mask * branch / keep", "mask * (x + branch) / keep"),
                "ショートカットまで",
            ),
            "逆に落とす": Mistake(
                changed(DROP_PATH, "x + mask *", "x + (1 - mask) *"), "残す画像と落とす画像が逆"
            ),
            "推論で keep を掛ける": Mistake(
                changed(DROP_PATH, "return x + branch\n", "return x + keep * branch\n"), "推論では"
            ),
        },
        hidden=hidden_stochastic_depth,
        equivalent={
            "(-2,)": "NumPy takes any negative size as the one to work out.",
            "return ([a + b": "A list of arrays is judged as the array that it stands for.",
        },
    ),
    "ch06.mbconv": Key(
        reference=MBCONV,
        explanation="広げて、場所を混ぜ、チャネルに倍率を掛け、縮めます。SE のあいだの層の幅は、広げる前のチャネル数から決めます。",
        alternatives={
            "Dense で倍率を作る": changed(
                changed(
                    changed(
                        MBCONV,
                        "layers.Conv2D(max(1, int(channels * se_ratio)), 1, ",
                        "layers.Dense(max(1, int(channels * se_ratio)), ",
                    ),
                    "layers.Conv2D(wide, 1, activation",
                    "layers.Dense(wide, activation",
                ),
                "strides=stride",
                "strides=(stride, stride)",
            ),
        },
        mistakes={
            "最後に swish": Mistake(
                changed(
                    MBCONV,
                    "    if stride == 1 and",
                    '    x = layers.Activation("swish")(x)\n    if stride == 1 and',
                ),
                "縮めたあとに活性化関数",
            ),
            "ショートカットがない": Mistake(
                changed(MBCONV, "if stride == 1 and", "if False and"), "ショートカットがありません"
            ),
            "ReLU を使う": Mistake(
                MBCONV.replace('layers.Activation("swish")', "layers.ReLU()"), "swish ではなく ReLU"
            ),
            "いつも広げる": Mistake(
                changed(MBCONV, "if expansion > 1", "if expansion > 0"), "expansion が 1 のとき"
            ),
            "広げたチャネルから SE の幅": Mistake(
                changed(MBCONV, "int(channels * se_ratio)", "int(wide * se_ratio)"), "広げる前のチャネル数"
            ),
            "いつも SE": Mistake(
                changed(MBCONV, "if se_ratio > 0", "if se_ratio >= 0"), "se_ratio が 0 のとき"
            ),
            "バイアスがある": Mistake(MBCONV.replace(", use_bias=False", ""), "畳み込みにバイアス"),
            "SE が depthwise の前": Mistake(
                """import keras
from keras import layers

def build_mbconv(channels, filters, stride, expansion, se_ratio):
    inputs = keras.Input((None, None, channels))
    x, wide = inputs, channels * expansion
    if expansion > 1:
        x = layers.Conv2D(wide, 1, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("swish")(x)
    if se_ratio > 0:
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(max(1, int(channels * se_ratio)), 1, activation="swish")(gate)
        gate = layers.Conv2D(wide, 1, activation="sigmoid")(gate)
        x = layers.Multiply()([x, gate])
    x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("swish")(x)
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    if stride == 1 and channels == filters:
        x = layers.Add()([inputs, x])
    return keras.Model(inputs, x)
""",
                "重みの数と並び",
            ),
        },
        hidden=hidden_mbconv,
    ),
    "ch06.guess_scaling": chosen(
        "ウ",
        explanation="中央値が最高の案も、ほかの案に負けるシードがありました。この規模では、案の差はシードによるばらつきの中です。",
        wrong={
            "ア": "論文の比の案が最高にならないシードがありました。論文の結論は、ImageNet と、ずっと大きなネットワークでのものです。",
            "イ": "どの案にも、ほかの案に負けるシードがありました。1 回の実行だけなら、たまたま勝った案を選んでいたところです。",
        },
    ),
    "ch06.search_scaling": Key(
        reference=SEARCH,
        explanation="差が標準誤差より小さい候補は、この測定では見分けられません。見分けられないなら、安いほうを選びます。",
        alternatives={
            "ループで": """from statistics import mean, stdev

def choose_scaling(rows, budget, tolerance):
    fitting = [r for r in rows if abs(r["cost"] - budget) <= budget * tolerance]
    if len(fitting) == 0:
        return None
    ranked = sorted(fitting, key=lambda r: -mean(r["validation"]))
    top = ranked[0]["validation"]
    for r in sorted(fitting, key=lambda r: r["cost"]):
        if mean(r["validation"]) >= mean(top) - stdev(top) / len(top) ** 0.5:
            return (r["depth"], r["width"], r["resolution"])
""",
        },
        mistakes={
            "費用を見ない": Mistake(
                changed(
                    SEARCH,
                    "low, high = budget * (1 - tolerance), budget * (1 + tolerance)",
                    "low, high = 0, 1e9",
                ),
                "budget の範囲を見ないで",
            ),
            "安すぎるものも残す": Mistake(changed(SEARCH, "low <= row", "0 <= row"), "budget より安すぎる"),
            "高すぎるものも残す": Mistake(changed(SEARCH, " <= high]", "]"), "budget より高すぎる"),
            "最高だけ": Mistake(
                changed(SEARCH, " - np.std(best, ddof=1) / np.sqrt(len(best))", ""), "平均が最高の候補を"
            ),
            "いちばん安い": Mistake(changed(SEARCH, "np.mean(best) - ", "-1e9 - "), "精度を見ずに"),
            "標準偏差": Mistake(changed(SEARCH, " / np.sqrt(len(best))", ""), "標準誤差ではなく標準偏差"),
            "n で割る": Mistake(changed(SEARCH, ", ddof=1", ""), "n − 1"),
            "最良のシード": Mistake(SEARCH.replace("np.mean(", "np.max("), "いちばん良いシード"),
        },
        hidden=hidden_search_scaling,
    ),
    "ch06.choose_resolution": Key(
        reference=RESOLUTION,
        explanation="平均が間に合っても、遅い応答が混じることがあります。間に合う割合で候補を絞ってから、精度で選びます。",
        alternatives={
            "min で": """def choose_resolution(rows, limit):
    good = [(-a, r) for r, ms, a in rows if 10 * sum(t <= limit for t in ms) >= 9 * len(ms)]
    return min(good)[1] if good else None
""",
        },
        mistakes={
            "平均の時間": Mistake(
                changed(
                    RESOLUTION,
                    "np.mean(np.array(milliseconds) <= limit) >= 0.9",
                    "np.mean(milliseconds) <= limit",
                ),
                "時間の平均",
            ),
            "最大の時間": Mistake(
                changed(
                    RESOLUTION,
                    "np.mean(np.array(milliseconds) <= limit) >= 0.9",
                    "max(milliseconds) <= limit",
                ),
                "1 回でも",
            ),
            "未満": Mistake(
                changed(RESOLUTION, "milliseconds) <= limit", "milliseconds) < limit"), "ちょうど limit"
            ),
            "9 割を除く": Mistake(changed(RESOLUTION, ">= 0.9", "> 0.9"), "ちょうど 9 割"),
            "最高の解像度": Mistake(
                changed(RESOLUTION, "best is None or accuracy > best[0]", "True"), "いちばん高い解像度"
            ),
            "同点で大きい": Mistake(changed(RESOLUTION, "accuracy > best", "accuracy >= best"), "同点のとき"),
            "最速": Mistake(
                """import numpy as np

def choose_resolution(rows, limit):
    good = [row for row in rows if np.mean(np.array(row[1]) <= limit) >= 0.9]
    return min(good, key=lambda row: np.mean(row[1]))[0] if good else None
""",
                "いちばん速い解像度",
            ),
            "精度だけ": Mistake(
                changed(RESOLUTION, "np.mean(np.array(milliseconds) <= limit) >= 0.9", "True"),
                "時間を見ずに",
            ),
        },
        hidden=hidden_choose_resolution,
    ),
    "ch06.guess_transfer": estimated(
        18,
        within=7,
        explanation="1,000 種類の写真で学んだ特徴は、花の写真にもよく合います。学んだ画像の種類と細かさが効きます。",
        low="ImageNet の特徴は、種類の数も画像の大きさも CIFAR-10 と大きく違います。差はもっと開きます。",
        high="CIFAR-10 の特徴も、当てずっぽうよりはだいぶ良いのでした。差はそこまで開きません。",
    ),
}
