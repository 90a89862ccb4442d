"""Chapter 23: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from itertools import product
from math import comb, factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_shape, shape_of
from grader.exercise import Answer, Key, Mistake, Status, changed, chosen, estimated

from .exercises import (
    BASELINE_IS_ZERO,
    CHOOSES_WITHOUT_PENALTY,
    COLOURS_IN_BGR,
    IGNORES_CLASS,
    IGNORES_LAYER,
    IGNORES_WEIGHTS,
    KEEPS_ALL,
    LACKS_BINOMIAL,
    LACKS_PENALTY,
    LEAST_FIRST,
    MAP_LACKS_RELU,
    MAP_SUMS,
    NOT_FITTED_AGAIN,
    PENALISES_INTERCEPT,
    SQUARES_WEIGHTS,
    STARTS_AT_IMAGE,
    STEEP_BUT_RARE,
    SUBTRACTS_MINIMUM,
    SWAPS_ALPHA,
    USES_PROBABILITY,
    Network,
    check_empty_heatmap,
    check_grad_cam_at,
    check_heatmap_at,
    check_infinite_weights,
    check_overlay_at,
    convolutions,
    convolve,
    draw_network,
    expect_curve,
    expect_fit,
    expect_map,
    last_features,
    model_of,
    shapley_of,
    softmax,
)

Array = npt.NDArray[Any]


# ch23.cam_weights


def hidden_cam_weights(answer: Answer) -> None:
    for shape in [(3, 5, 4, 6), (1, 7, 1, 2), (4, 4, 4, 4), (2, 1, 6, 1)]:
        gradients = answer.rng.normal(0, 1, shape).astype("float32")
        expect_close(
            answer.call("channel_weights", gradients),
            gradients.mean(axis=(1, 2)),
            "channel_weights(gradients)",
        )
        features = np.maximum(answer.rng.normal(0, 1, shape), 0).astype("float32")
        weights = answer.rng.normal(0, 1, (shape[0], shape[-1])).astype("float32")
        expect_close(
            answer.call("weighted_map", features, weights),
            np.maximum(np.einsum("bhwc,bc->bhw", features, weights), 0),
            "weighted_map(features, weights)",
        )


# ch23.heatmap


def hidden_heatmap(answer: Answer) -> None:
    cases = [((4, 4), (20, 20), 0.02), ((2, 5), (6, 35), 300), ((5, 7), (18, 30), 1), ((7, 3), (14, 24), 8)]
    for shape, size, scale in cases:
        cam = np.maximum(answer.rng.uniform(-0.3, 1, shape), 0.05) * scale
        check_heatmap_at(answer, cam.astype("float32"), size)
    check_empty_heatmap(answer, (2, 6), (8, 18))
    same = expect_shape(
        answer.call("to_heatmap", np.full((3, 2), 0.4, "float32"), (9, 12)),
        (9, 12),
        "どこも同じ値のマップの結果",
    )
    expect(bool(np.isfinite(same).all()), SUBTRACTS_MINIMUM)
    expect_close(
        same, np.ones((9, 12)), "どこも同じ値のマップの結果", known={SUBTRACTS_MINIMUM: np.zeros((9, 12))}
    )


# ch23.overlay


def hidden_overlay(answer: Answer) -> None:
    for shape, alpha in [
        ((3, 5, 3), 0.4),
        ((6, 2, 3), 0.9),
        ((4, 4, 3), 0.5),
        ((2, 3, 3), 0.0),
        ((2, 2, 3), 1.0),
    ]:
        image = answer.rng.integers(0, 256, shape)
        colours = answer.rng.integers(0, 256, shape)
        image[0, 0] = colours[0, 0] = 255
        mixed = (1 - alpha) * image + alpha * colours[..., ::-1]
        known = {
            COLOURS_IN_BGR: (1 - alpha) * image + alpha * colours,
            SWAPS_ALPHA: alpha * image + (1 - alpha) * colours[..., ::-1],
        }
        check_overlay_at(answer, image, colours, alpha, mixed, known)


# ch23.grad_cam


MULTIPLIES_PLACES = "勾配と特徴マップを場所ごとに掛けています。勾配は、先に高さと幅について平均しましょう。"
EMPTY_MAP_IS_BROKEN = "正の根拠がどこにもないクラスのマップは、NaN ではなく、すべて 0 です。"


def scores_of(network: Network, features: Array) -> tuple[Array, Array]:
    """Scores before softmax, and the hidden units before their ReLU (empty where there are none)."""
    kernel, bias = network.predictions
    if not network.hidden:
        return features.mean(axis=(0, 1)) @ kernel + bias, np.empty(0)
    units = features.ravel() @ network.hidden[0] + network.hidden[1]
    return np.maximum(units, 0) @ kernel + bias, units


def gradients_of(network: Network, image: Array, layer: str) -> Array:
    """Gradients of all scores before softmax to a layer's output, shape ``(classes, h, w, c)``, in NumPy."""
    convolved = convolutions(network, image)[1]
    features = np.maximum(convolved, 0)
    kernel = network.predictions[0].astype("float64")
    if network.hidden:
        active = scores_of(network, features)[1] > 0
        last = (network.hidden[0] @ (active[:, None] * kernel)).T.reshape(-1, *features.shape)
    else:
        places = features.shape[0] * features.shape[1]
        last = np.broadcast_to(kernel.T[:, None, None, :] / places, (kernel.shape[1], *features.shape))
    if layer == "conv2":
        return last
    flipped = network.conv2[0][::-1, ::-1].swapaxes(2, 3)
    pooled = np.stack([convolve(one * (convolved > 0), flipped) for one in last])
    return pooled.repeat(2, axis=1).repeat(2, axis=2) / 4


def grad_cam_maps(network: Network, image: Array, layer: str, class_index: int) -> dict[str, Array]:
    """The right map, and what known mistakes give instead."""
    first, second = (np.maximum(x, 0) for x in convolutions(network, image))
    features = first if layer == "conv1" else second
    gradients = gradients_of(network, image, layer)
    scores = scores_of(network, second)[0]
    chance = softmax(scores)
    through_softmax = chance[class_index] * (gradients[class_index] - np.tensordot(chance, gradients, 1))
    weights = gradients.mean(axis=(1, 2))
    return {
        "right": np.maximum(features @ weights[class_index], 0),
        IGNORES_CLASS: np.maximum(features @ weights[scores.argmax()], 0),
        USES_PROBABILITY: np.maximum(features @ through_softmax.mean(axis=(0, 1)), 0),
        MULTIPLIES_PLACES: np.maximum((features * gradients[class_index]).sum(axis=-1), 0),
        MAP_LACKS_RELU: features @ weights[class_index],
        MAP_SUMS: np.maximum(features @ gradients[class_index].sum(axis=(0, 1)), 0),
    }


def draw_steady_case(
    rng: np.random.Generator, size: tuple[int, int], filters: tuple[int, int], classes: int, hidden: int
) -> tuple[Network, Array, Array]:
    """Draws a network, an image and its scores, far from where rounding could switch a ReLU or the best class."""
    while True:
        network = draw_network(rng, size, filters, classes, hidden)
        image = rng.normal(0, 1, (*size, 3)).astype("float32")
        convolved = convolutions(network, image)[1]
        scores, units = scores_of(network, np.maximum(convolved, 0))
        margin = np.abs(np.diff(np.sort(scores)[-2:])).item()
        if min(np.abs(convolved).min(), np.abs(units).min(initial=1), margin) > 1e-4:
            return network, image, scores


def check_deep_network_at(
    answer: Answer, size: tuple[int, int], classes: int, hidden: int, layer: str
) -> None:
    network, image, scores = draw_steady_case(answer.rng, size, (4, 5), classes, hidden)
    model = model_of(answer, network, image)
    other = int(scores.argsort()[answer.rng.integers(0, classes - 1)])
    for class_index in (None, other):
        shown = int(scores.argmax()) if class_index is None else class_index
        known = grad_cam_maps(network, image, layer, shown)
        right = known.pop("right")
        given = answer.call("grad_cam", model, image, layer, class_index=class_index)
        if layer == "conv1":
            expect(
                shape_of(given, f"{layer} のマップ") != (size[0] // 2, size[1] // 2),
                IGNORES_LAYER,
                Status.WRONG_SHAPE,
            )
        expect_map(given, right, f"{layer} のマップ", known)


def check_no_evidence(answer: Answer) -> None:
    """Expects zeros for a class that every channel speaks against."""
    network = draw_network(answer.rng, (6, 10), (3, 4), classes=3)
    network.predictions[0][:, 1] = -np.abs(network.predictions[0][:, 1])
    image = answer.rng.normal(0, 1, (6, 10, 3)).astype("float32")
    given = answer.call("grad_cam", model_of(answer, network, image), image, "conv2", class_index=1)
    zeros = np.zeros(last_features(network, image).shape[:2])
    expect(bool(np.isfinite(expect_shape(given, zeros.shape, "マップ")).all()), EMPTY_MAP_IS_BROKEN)
    expect_close(given, zeros, "根拠のないクラスのマップ")


def hidden_grad_cam(answer: Answer) -> None:
    check_grad_cam_at(answer, (10, 6), (2, 6), classes=5)
    check_deep_network_at(answer, (8, 10), classes=4, hidden=6, layer="conv2")
    check_deep_network_at(answer, (6, 8), classes=3, hidden=0, layer="conv1")
    check_deep_network_at(answer, (8, 6), classes=3, hidden=5, layer="conv1")
    check_no_evidence(answer)


# ch23.shap_exact


NOT_EFFICIENT = "シャープレイ値の和が、「全員の価値 - だれもいないときの価値」になっていません。"
NOT_SYMMETRIC = "同じ働きをする 2 人のシャープレイ値が違います。"
DUMMY_IS_PAID = "どの提携に加わっても価値を変えない人のシャープレイ値が 0 ではありません。"


def exact_values(values: list[float]) -> Array:
    """Shapley values of a game, by the definition."""
    players = len(values).bit_length() - 1
    right = np.zeros(players)
    for player, inside in product(range(players), range(len(values))):
        if not inside >> player & 1:
            size = inside.bit_count()
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            right[player] += weight * (values[inside | 1 << player] - values[inside])
    return right


def hidden_shap_exact(answer: Answer) -> None:
    for players in (1, 4, 5):
        values = answer.rng.normal(0, 2, 2**players).tolist()
        given = shapley_of(answer, values)
        expect(bool(np.isclose(given.sum(), values[-1] - values[0], atol=1e-4)), NOT_EFFICIENT)
        expect_close(given, exact_values(values), "シャープレイ値")
    check_symmetry_and_dummy(answer)
    check_linear_game(answer, 6)


def check_symmetry_and_dummy(answer: Answer) -> None:
    """Players 0 and 2 do the same, player 1 does nothing, player 3 does something else."""
    shown = answer.rng.normal(0, 2, (3, 2))
    values = [float(shown[(n & 1) + (n >> 2 & 1), n >> 3 & 1]) for n in range(16)]
    given = shapley_of(answer, values)
    expect(bool(np.isclose(given[0], given[2], atol=1e-4)), NOT_SYMMETRIC)
    expect(bool(np.isclose(given[1], 0, atol=1e-4)), DUMMY_IS_PAID)
    expect_close(given, exact_values(values), "シャープレイ値")


def check_linear_game(answer: Answer, players: int) -> None:
    """The values of a linear model are its weights times the features' distances from their means."""
    contributions = answer.rng.normal(0, 1, players)
    bits = np.arange(2**players)[:, None] >> np.arange(players) & 1
    values = (bits @ contributions + answer.rng.normal()).tolist()
    expect_close(shapley_of(answer, values), contributions, "線形なモデルのシャープレイ値")


# ch23.kernel_weights


def hidden_kernel_weights(answer: Answer) -> None:
    for players, count in [(2, 3), (5, 12), (9, 20), (25, 8), (6, 6), (4, 1)]:
        masks = (answer.rng.random((count, players)) < answer.rng.uniform(0.2, 0.8, (count, 1))).astype(int)
        masks[:, 0], masks[:, 1] = 1, 0
        sizes = masks.sum(axis=1).tolist()
        right = [(players - 1) / (comb(players, s) * s * (players - s)) for s in sizes]
        expect_close(
            answer.call("kernel_weights", masks),
            right,
            "kernel_weights(masks)",
            atol=1e-12,
            known={LACKS_BINOMIAL: [(players - 1) / (s * (players - s)) for s in sizes]},
        )
    check_infinite_weights(answer, 8)


# ch23.lime


def fitted(masks: Array, outputs: Array, weights: Array, penalties: Array) -> Array:
    """Weighted ridge regression; coefficients and the intercept, with a penalty for each."""
    columns = np.column_stack([masks, np.ones(len(masks))])
    gram = columns.T @ (weights[:, None] * columns) + np.diag(penalties)
    return np.asarray(np.linalg.lstsq(gram, columns.T @ (weights * outputs), rcond=None)[0])


def hidden_lime(answer: Answer) -> None:
    for count, features, penalty, offset, keep in [
        (40, 5, 0.5, 0.0, 5),
        (80, 9, 3.0, 20.0, 9),
        (30, 3, 0.05, -4.0, 3),
        (60, 6, 2.0, 3.0, 4),
        (50, 4, 0.0, 1.0, 1),
    ]:
        masks = answer.rng.integers(0, 2, (count, features))
        slopes = answer.rng.permutation(np.linspace(1, 3, features) * answer.rng.choice([-1, 1], features))
        outputs = offset + masks @ slopes + answer.rng.normal(0, 0.02, count)
        weights = answer.rng.uniform(0.05, 1.5, count)
        free = np.array([penalty] * features + [0])
        known = {
            PENALISES_INTERCEPT: fitted(masks, outputs, weights, np.full(features + 1, penalty)),
            IGNORES_WEIGHTS: fitted(masks, outputs, np.ones(count), free),
            SQUARES_WEIGHTS: fitted(masks, outputs, weights**2, free),
            LACKS_PENALTY: fitted(masks, outputs, weights, free * 0),
        }
        whole = fitted(masks, outputs, weights, free)
        chosen = np.argsort(-np.abs(whole[:-1]))[:keep]
        right, unfitted = np.zeros((2, features + 1))
        right[[*chosen, -1]] = fitted(masks[:, chosen], outputs, weights, free[[*chosen, -1]])
        unfitted[[*chosen, -1]] = whole[[*chosen, -1]]
        if keep < features:
            known = {KEEPS_ALL: whole, NOT_FITTED_AGAIN: unfitted}
        case = (masks, outputs, weights, penalty, keep)
        expect_fit(answer, case, right, known, "乱数のデータ")
    masks, outputs, weights = STEEP_BUT_RARE
    scale = float(answer.rng.uniform(2, 5))
    case = (masks[:, ::-1], scale * outputs + 1, weights, 4.0, 1)
    known = {CHOOSES_WITHOUT_PENALTY: scale * np.array([-2, 0, 5]) + [0, 0, 1]}
    expect_fit(answer, case, scale * np.array([0, 5 / 2, 3 / 2]) + [0, 0, 1], known, "罰則で順位が変わるとき")


# ch23.insertion


def scores_while_inserting(
    weights: Array, bias: float, start: Array, end: Array, heatmap: Array, steps: int
) -> Array:
    """Scores of the probe ``pixel_scorer`` while the pixels of ``end`` replace those of ``start``."""
    ranks = np.argsort(np.argsort(-heatmap, axis=None)).reshape(heatmap.shape)
    counts = np.linspace(0, ranks.size, steps + 1)
    sums = [np.sum(weights * np.where((ranks < count)[..., None], end, start)) for count in counts]
    return np.asarray(1 / (1 + np.exp(-np.array(sums) - bias)))


def hidden_insertion(answer: Answer) -> None:
    for shape, steps in [((4, 6, 3), 6), ((3, 5, 1), 15), ((5, 4, 2), 1), ((8, 2, 3), 4)]:
        weights = answer.rng.normal(0, 0.3, shape)
        bias = float(answer.rng.normal())
        image, baseline = answer.rng.normal(0, 1, (2, *shape))
        heatmap = answer.rng.permutation(np.linspace(-1, 2, shape[0] * shape[1])).reshape(shape[:2])
        score = answer.probe("pixel_scorer", weights, bias, squash=True)
        right = scores_while_inserting(weights, bias, baseline, image, heatmap, steps)
        expect_curve(
            answer,
            (score, image, baseline, heatmap, steps),
            (right, float((right[1:] + right[:-1]).mean() / 2)),
            {
                LEAST_FIRST: scores_while_inserting(weights, bias, baseline, image, -heatmap, steps),
                STARTS_AT_IMAGE: scores_while_inserting(weights, bias, image, baseline, heatmap, steps),
                BASELINE_IS_ZERO: scores_while_inserting(weights, bias, 0 * image, image, heatmap, steps),
            },
        )


# The long references, of which each known mistake changes one thing.

GRAD_CAM = """import keras
import numpy as np
import tensorflow as tf

def grad_cam(model, image, layer_name, class_index=None):
    last = model.layers[-1]
    inspector = keras.Model(model.input, [model.get_layer(layer_name).output, last.input])
    x = tf.convert_to_tensor(image[np.newaxis], dtype="float32")
    with tf.GradientTape() as tape:
        features, pooled = inspector(x, training=False)
        scores = (pooled @ last.kernel + last.bias)[0]
        if class_index is None:
            class_index = int(tf.argmax(scores))
        score = scores[class_index]
    weights = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2))
    return tf.nn.relu(tf.einsum("bhwc,bc->bhw", features, weights))[0].numpy()
"""
KEEPS_LINEAR = "    last = model.layers[-1]\n    last.activation = keras.activations.linear\n"
LIME = """import numpy as np

def fit(masks, outputs, weights, penalty):
    columns = np.column_stack([masks, np.ones(len(masks))])
    ridge = penalty * np.eye(columns.shape[1])
    ridge[-1, -1] = 0
    weighted = columns * np.asarray(weights)[:, np.newaxis]
    solution = np.linalg.solve(columns.T @ weighted + ridge, weighted.T @ outputs)
    return solution[:-1], solution[-1]

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
"""
INSERTION = """import numpy as np

def insertion_curve(score, image, baseline, heatmap, steps):
    order = np.argsort(-heatmap.ravel())
    ranks = np.empty(heatmap.size, dtype=int)
    ranks[order] = np.arange(heatmap.size)
    ranks = ranks.reshape(heatmap.shape)
    counts = np.arange(steps + 1) * (heatmap.size // steps)
    images = [np.where((ranks < count)[..., np.newaxis], image, baseline) for count in counts]
    curve = np.asarray(score(np.stack(images)))
    area = np.sum((curve[1:] + curve[:-1]) / 2) / steps
    return curve, area
"""

ANSWERS: dict[str, Key] = {
    "ch23.cam_weights": Key(
        reference="""import numpy as np

def channel_weights(gradients):
    return np.mean(gradients, axis=(1, 2))

def weighted_map(features, weights):
    weighted = np.asarray(features) * np.asarray(weights)[:, np.newaxis, np.newaxis, :]
    return np.maximum(weighted.sum(axis=-1), 0)
""",
        explanation="チャネルの重みは勾配の全体平均プーリングです。重みには負のものもあり、足し合わせたあとに ReLU を掛けると、クラスの得点を上げる場所だけが残ります。",
        alternatives={
            "einsum": """import numpy as np

def channel_weights(gradients):
    batch, height, width, channels = gradients.shape
    return np.einsum("bhwc->bc", gradients) / (height * width)

def weighted_map(features, weights):
    return np.einsum("bhwc,bc->bhw", features, weights).clip(min=0)
""",
            "TensorFlow": """import tensorflow as tf

def channel_weights(gradients):
    return tf.reduce_mean(gradients, axis=(1, 2))

def weighted_map(features, weights):
    cam = tf.convert_to_tensor(features) @ tf.convert_to_tensor(weights)[:, tf.newaxis, :, tf.newaxis]
    return tf.nn.relu(tf.squeeze(cam, axis=-1))
""",
            "ループ": """import numpy as np

def channel_weights(gradients):
    return [[image[..., k].mean() for k in range(image.shape[-1])] for image in gradients]

def weighted_map(features, weights):
    maps = np.zeros(features.shape[:3])
    for b in range(features.shape[0]):
        for k in range(features.shape[3]):
            maps[b] += weights[b, k] * features[b, :, :, k]
    maps[maps < 0] = 0
    return maps
""",
        },
        mistakes={
            "勾配を足す": Mistake(
                """import numpy as np
def channel_weights(gradients):
    return gradients.sum(axis=(1, 2))
def weighted_map(features, weights):
    return np.maximum(np.einsum("bhwc,bc->bhw", features, weights), 0)
""",
                "勾配を足し合わせただけ",
            ),
            "負の勾配を捨てる": Mistake(
                """import numpy as np
def channel_weights(gradients):
    return np.maximum(gradients, 0).mean(axis=(1, 2))
def weighted_map(features, weights):
    return np.maximum(np.einsum("bhwc,bc->bhw", features, weights), 0)
""",
                "負の勾配を 0 にして",
            ),
            "別の軸で平均する": Mistake(
                """import numpy as np
def channel_weights(gradients):
    return gradients.mean(axis=(2, 3))
def weighted_map(features, weights):
    return np.maximum(np.einsum("bhwc,bc->bhw", features, weights), 0)
""",
                "平均する軸が違います",
            ),
            "ReLU がない": Mistake(
                """import numpy as np
def channel_weights(gradients):
    return gradients.mean(axis=(1, 2))
def weighted_map(features, weights):
    return np.einsum("bhwc,bc->bhw", features, weights)
""",
                "ReLU がありません",
            ),
            "足す前に ReLU": Mistake(
                """import numpy as np
def channel_weights(gradients):
    return gradients.mean(axis=(1, 2))
def weighted_map(features, weights):
    return np.maximum(features * weights[:, None, None, :], 0).sum(axis=-1)
""",
                "足し合わせる前に ReLU",
            ),
            "チャネルについて平均する": Mistake(
                """import numpy as np
def channel_weights(gradients):
    return gradients.mean(axis=(1, 2))
def weighted_map(features, weights):
    return np.maximum((features * weights[:, None, None, :]).mean(axis=-1), 0)
""",
                "チャネルについて平均して",
            ),
            "行列の積の軸がずれる": Mistake(
                """import numpy as np
def channel_weights(gradients):
    return gradients.mean(axis=(1, 2))
def weighted_map(features, weights):
    return np.maximum(np.squeeze(features @ weights[..., np.newaxis]), 0)
""",
                "行ごとに掛かって",
            ),
            "squeeze でバッチの軸を消す": Mistake(
                """import numpy as np
def channel_weights(gradients):
    return gradients.mean(axis=(1, 2))
def weighted_map(features, weights):
    return np.maximum(np.squeeze(features @ weights[:, None, :, None]), 0)
""",
                "バッチの軸が消えて",
            ),
        },
        hidden=hidden_cam_weights,
        equivalent={"maps[maps <= 0]": "zeros become zeros"},
    ),
    "ch23.heatmap": Key(
        reference="""import cv2
import numpy as np

def to_heatmap(cam, size):
    cam = np.asarray(cam, dtype="float32")
    if cam.max() > 0:
        cam = cam / cam.max()
    height, width = size
    return cv2.resize(cam, (width, height), interpolation=cv2.INTER_LINEAR)
""",
        explanation="正の根拠がないクラスでは、マップがすべて 0 になります。拡大は色を付ける前の小数で行います。色を付けてから拡大すると、色の表にない色が混ざります。",
        alternatives={
            "TensorFlow": """import tensorflow as tf

def to_heatmap(cam, size):
    cam = tf.math.divide_no_nan(cam, tf.reduce_max(cam))
    return tf.image.resize(cam[..., tf.newaxis], size, method="bilinear")[..., 0]
""",
            "拡大してから割る": """import keras
import numpy as np

def to_heatmap(cam, size):
    large = np.asarray(keras.ops.image.resize(np.asarray(cam)[..., None], size, interpolation="bilinear"))[..., 0]
    top = large.max()
    return large / top if top else large
""",
            "scikit-image": """import numpy as np
from skimage.transform import resize

def to_heatmap(cam, size):
    return resize(cam / (cam.max() + 1e-12), size, order=1)
""",
            "端と端をそろえる補間": """import numpy as np

def to_heatmap(cam, size):
    (h, w), (height, width) = cam.shape, size
    rows = [np.interp(np.linspace(0, w - 1, width), np.arange(w), row) for row in cam]
    columns = [np.interp(np.linspace(0, h - 1, height), np.arange(h), column) for column in np.transpose(rows)]
    large = np.transpose(columns)
    return large / cam.max() if cam.max() > 0 else large
""",
        },
        mistakes={
            "0 で割る": Mistake(
                """import cv2
def to_heatmap(cam, size):
    return cv2.resize(cam / cam.max(), size[::-1])
""",
                "0÷0 が起きて",
            ),
            "縦横が逆": Mistake(
                """import cv2
def to_heatmap(cam, size):
    return cv2.resize(cam / max(cam.max(), 1e-9), size)
""",
                "縦と横が逆です",
            ),
            "拡大しない": Mistake(
                "def to_heatmap(cam, size):\n    return cam / max(cam.max(), 1e-9)\n",
                "マップが小さいまま",
            ),
            "最近傍で拡大する": Mistake(
                """import cv2
def to_heatmap(cam, size):
    return cv2.resize(cam / max(cam.max(), 1e-9), size[::-1], interpolation=cv2.INTER_NEAREST)
""",
                "最近傍補間で拡大した",
            ),
            "最大値で割らない": Mistake(
                "import cv2\ndef to_heatmap(cam, size):\n    return cv2.resize(cam, size[::-1])\n",
                "最大値で割っていません",
            ),
            "最小値を引く": Mistake(
                """import cv2
def to_heatmap(cam, size):
    return cv2.resize((cam - cam.min()) / max(cam.max() - cam.min(), 1e-9), size[::-1])
""",
                "最小値を引いて",
            ),
            "uint8 にしてから拡大する": Mistake(
                """import cv2
def to_heatmap(cam, size):
    return cv2.resize((255 * cam / max(cam.max(), 1e-9)).astype("uint8"), size[::-1])
""",
                "0〜255 の値になって",
            ),
            "1 で切る": Mistake(
                "import cv2\ndef to_heatmap(cam, size):\n    return cv2.resize(cam, size[::-1]).clip(0, 1)\n",
                "1 を超える値を切り捨てて",
            ),
        },
        hidden=hidden_heatmap,
        equivalent={
            "return cv2.resize(cam, (width, height))": "OpenCV's default is bilinear",
            "tf.newaxis], size)[": "TensorFlow's default is bilinear",
            "None], size))[": "Keras' default is bilinear",
            "1e-12), size)": "scikit-image's default is bilinear",
            "(cam.max() - 1e-12)": "a map of zeros is divided by anything but zero",
        },
    ),
    "ch23.overlay": Key(
        reference="""import numpy as np

def overlay(image, colours, alpha):
    rgb = colours[..., ::-1].astype("float64")
    return np.round((1 - alpha) * image + alpha * rgb).astype("uint8")
""",
        explanation="割合の和が 1 なら、混ぜた値はいつも 0〜255 に収まります。RGB と BGR を取り違えてもエラーにはならず、強い根拠を表す赤が青に見えます。図を見て確かめましょう。",
        alternatives={
            "OpenCV": """import cv2

def overlay(image, colours, alpha):
    return cv2.addWeighted(image, 1 - alpha, cv2.cvtColor(colours, cv2.COLOR_BGR2RGB), alpha, 0)
""",
            "切り捨てとチャネルのループ": """import numpy as np

def overlay(image, colours, alpha):
    out = np.empty_like(image)
    for k in range(3):
        out[..., k] = image[..., k] * (1 - alpha) + colours[..., 2 - k] * alpha
    return out
""",
            "TensorFlow": """import tensorflow as tf

def overlay(image, colours, alpha):
    image, rgb = tf.cast(image, tf.float32), tf.cast(tf.reverse(colours, axis=[-1]), tf.float32)
    return tf.saturate_cast(tf.round(image + alpha * (rgb - image)), tf.uint8)
""",
        },
        mistakes={
            "BGR のまま": Mistake(
                """import numpy as np
def overlay(image, colours, alpha):
    return np.round((1 - alpha) * image + alpha * colours).astype("uint8")
""",
                "色が BGR のまま",
            ),
            "結果が BGR": Mistake(
                """import numpy as np
def overlay(image, colours, alpha):
    return np.round((1 - alpha) * image[..., ::-1] + alpha * colours).astype("uint8")
""",
                "結果が BGR の順",
            ),
            "割合が逆": Mistake(
                """import numpy as np
def overlay(image, colours, alpha):
    return np.round(alpha * image + (1 - alpha) * colours[..., ::-1]).astype("uint8")
""",
                "割合が逆です",
            ),
            "小数のまま": Mistake(
                """import numpy as np
def overlay(image, colours, alpha):
    return (1 - alpha) * image + alpha * colours[..., ::-1]
""",
                "結果の型が uint8 では",
            ),
            "画像の上に足す": Mistake(
                """import numpy as np
def overlay(image, colours, alpha):
    return np.clip(image + alpha * colours[..., ::-1], 0, 255).round().astype("uint8")
""",
                "画像をそのままにして、alpha 倍の色を足しています",
            ),
            "画像の上に足してあふれる": Mistake(
                """import numpy as np
def overlay(image, colours, alpha):
    return image + np.round(alpha * colours[..., ::-1]).astype("uint8")
""",
                "alpha 倍の色を足したので、255 を超えた値",
            ),
            "alpha を使わない": Mistake(
                """import cv2
def overlay(image, colours, alpha):
    return cv2.addWeighted(image, 0.5, cv2.cvtColor(colours, cv2.COLOR_BGR2RGB), 0.5, 0)
""",
                "alpha を使わず",
            ),
            "レポートの足し方": Mistake(
                """import numpy as np
def overlay(image, colours, alpha):
    return (colours[..., ::-1] + image // 2).astype("uint8")
""",
                "あふれ、小さい値に戻って",
            ),
            "足して 255 で止める": Mistake(
                """import numpy as np
def overlay(image, colours, alpha):
    return np.clip(colours[..., ::-1] + image / 2, 0, 255).astype("uint8")
""",
                "色をそのまま足して",
            ),
        },
        hidden=hidden_overlay,
        equivalent={
            "rgb = colours[..., ::-1]": "alpha is a fraction, so that their product is one",
            "astype('int32')": "alpha is a fraction, so that their product is one",
            "image, rgb = image,": "the other operand is a fraction",
            "return ((1 - alpha)": "the check lets people cut off instead of rounding",
            "saturate_cast((image": "the check lets people cut off instead of rounding",
        },
    ),
    "ch23.grad_cam": Key(
        reference=GRAD_CAM,
        explanation="確率を微分すると、softmax を通してほかのクラスの重みが混ざり、確率が 1 に近いときは勾配が 0 に近づきます。だから softmax の前の得点を微分します。全体平均プーリングのモデルでは、結果は CAM の 1/(高さ×幅) 倍です。",
        alternatives={
            "softmax を外して呼ぶ": """import keras
import numpy as np
import tensorflow as tf

def grad_cam(model, image, layer_name, class_index=None):
    layer, last = model.get_layer(layer_name), model.layers[-1]
    inspector = keras.Model(model.inputs, [layer.output, model.output])
    activation, last.activation = last.activation, keras.activations.linear
    try:
        with tf.GradientTape() as tape:
            x = tf.Variable(image[np.newaxis], dtype=tf.float32)
            features, scores = inspector(x)
            if class_index is None:
                class_index = np.argmax(scores[0])
            score = scores[:, class_index]
        gradients = tape.gradient(score, features)
    finally:
        last.activation = activation
    return np.maximum((features * tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)).numpy().sum(-1), 0)[0]
""",
            "層を順に呼ぶ": """import numpy as np
import tensorflow as tf

def grad_cam(model, image, layer_name, class_index=None):
    x = tf.constant(image[None], dtype=tf.float32)
    with tf.GradientTape() as tape:
        for layer in model.layers[1:-1]:
            x = layer(x)
            if layer.name == layer_name:
                features = x
                tape.watch(features)
        scores = tf.linalg.matmul(x, model.layers[-1].kernel) + model.layers[-1].bias
        chosen = tf.argmax(scores[0]) if class_index is None else class_index
        score = tf.reduce_sum(tf.gather(scores, chosen, axis=1))
    gradients = tape.gradient(score, features)[0].numpy()
    return np.maximum(features[0].numpy() @ gradients.mean(axis=(0, 1)), 0)
""",
            "新しい出力層に重みを写す": """import keras
import numpy as np
import tensorflow as tf

def grad_cam(model, image, layer_name, class_index=None):
    last = model.layers[-1]
    linear = keras.layers.Dense(last.units)
    outputs = linear(last.input)
    linear.set_weights(last.get_weights())
    features_model = keras.Model(model.inputs, model.get_layer(layer_name).output)
    head = keras.Model(model.get_layer(layer_name).output, outputs)
    features = tf.Variable(features_model(image[np.newaxis]))
    with tf.GradientTape() as tape:
        scores = head(features)
        index = class_index if class_index is not None else int(np.argmax(scores))
        target = scores[0, index]
    alpha = np.mean(tape.gradient(target, features), axis=(0, 1, 2))
    return np.maximum(np.einsum("hwc,c->hw", features.numpy()[0], alpha), 0)
""",
        },
        mistakes={
            "クラスを選ばない": Mistake(
                changed(GRAD_CAM, "if class_index is None:", "if True:"),
                "class_index を渡しても",
            ),
            "確率を微分する": Mistake(
                changed(
                    GRAD_CAM, "score = scores[class_index]", "score = tf.nn.softmax(scores)[class_index]"
                ),
                "softmax のあとの確率",
            ),
            "ReLU がない": Mistake(
                changed(GRAD_CAM, "tf.nn.relu(", "tf.identity("),
                "マップに負の値",
            ),
            "勾配を足す": Mistake(
                changed(GRAD_CAM, "tf.reduce_mean(", "tf.reduce_sum("),
                "勾配を平均せずに",
            ),
            "バッチの軸を残す": Mistake(
                changed(GRAD_CAM, "[0].numpy()", ".numpy()"),
                "先頭にバッチの軸",
            ),
            "学習モードで呼ぶ": Mistake(
                changed(GRAD_CAM, "training=False", "training=True"),
                "推論モードで呼びましょう",
            ),
            "活性化関数を戻さない": Mistake(
                changed(GRAD_CAM, "    last = model.layers[-1]\n", KEEPS_LINEAR),
                "model が変わったまま",
            ),
            "最大値で割る": Mistake(
                changed(
                    changed(GRAD_CAM, "return ", "cam = "),
                    "[0].numpy()\n",
                    "[0].numpy()\n    return cam / max(cam.max(), 1e-9)\n",
                ),
                "最大値で割った値です",
            ),
            "0 を省かれたとみなす": Mistake(
                changed(GRAD_CAM, "if class_index is None:", "if not class_index:"),
                "0 もクラスの番号です",
            ),
            "bias を足さない": Mistake(
                changed(GRAD_CAM, "(pooled @ last.kernel + last.bias)", "(pooled @ last.kernel)"),
                "bias を足さずに予測",
            ),
            "負の勾配を捨てる": Mistake(
                changed(
                    GRAD_CAM,
                    "tape.gradient(score, features), axis",
                    "tf.nn.relu(tape.gradient(score, features)), axis",
                ),
                "負のところを 0 にしてから平均",
            ),
            "絶対値にする": Mistake(
                changed(GRAD_CAM, "tf.nn.relu(", "tf.abs("),
                "絶対値にしています",
            ),
            "層を選ばない": Mistake(
                changed(GRAD_CAM, "model.get_layer(layer_name)", 'model.get_layer("conv2")'),
                "いつも最後の畳み込み層",
            ),
            "場所ごとに掛ける": Mistake(
                changed(
                    changed(
                        GRAD_CAM,
                        "tf.reduce_mean(tape.gradient(score, features), axis=(1, 2))",
                        "tape.gradient(score, features)",
                    ),
                    "bhwc,bc->bhw",
                    "bhwc,bhwc->bhw",
                ),
                "場所ごとに掛けて",
            ),
        },
        hidden=hidden_grad_cam,
        equivalent={
            "inspector(x)": "a model that is called outside of training infers",
            "class_index = tf.argmax(scores)": "a tensor is an index",
            "else np.argmax(scores)": "a NumPy number is an index",
            "keepdims=False)).numpy": "of one image, what is left are the channels",
            "axis=(1, 2))).numpy": "of one image, what is left are the channels",
            "x = image[np.newaxis]": "Keras converts it; the features are watched as they depend on weights",
            "score = tf.gather(": "the gradient of one number in a tensor is that of the number",
            "features": "they are watched as they depend on weights",
        },
    ),
    "ch23.shap_exact": Key(
        reference="""from itertools import product
from math import factorial

import numpy as np

def shapley_values(value, players):
    result = np.zeros(players)
    for mask in product([0, 1], repeat=players):
        for i in range(players):
            if mask[i] == 0:
                joined = mask[:i] + (1,) + mask[i + 1:]
                size = sum(mask)
                weight = factorial(size) * factorial(players - size - 1) / factorial(players)
                result[i] += weight * (value(joined) - value(mask))
    return result
""",
        explanation="重みの分母 M! は、全員が 1 人ずつ加わる順番の数です。分子は、ちょうど s 人のあとに加わる順番の数です。つまりシャープレイ値は、すべての順番についての平均です。",
        alternatives={
            "順番の平均": """from itertools import permutations
import numpy as np

def shapley_values(value, players):
    total, count = np.zeros(players), 0
    for order in permutations(range(players)):
        mask = np.zeros(players, int)
        before = value(mask)
        for player in order:
            mask[player] = 1
            after = value(mask)
            total[player] += after - before
            before = after
        count += 1
    return total / count
""",
            "価値の表とビット": """import math
import numpy as np

def shapley_values(value, players):
    bits = np.arange(2 ** players)[:, None] >> np.arange(players) & 1
    table = np.array([value(row) for row in bits])
    sizes = bits.sum(axis=1)
    answer = []
    for i in range(players):
        out = np.flatnonzero(bits[:, i] == 0)
        share = [1 / (players * math.comb(players - 1, s)) for s in sizes[out]]
        answer.append(np.dot(share, table[out + 2 ** i] - table[out]))
    return answer
""",
            "配当を等分する": """from itertools import product
import numpy as np

def shapley_values(value, players):
    masks = list(product([0, 1], repeat=players))
    dividend, result = {}, np.zeros(players)
    for mask in sorted(masks, key=sum):
        inside = [s for s in dividend if all(a <= b for a, b in zip(s, mask))]
        dividend[mask] = value(list(mask)) - sum(dividend[s] for s in inside)
        if any(mask):
            result += np.array(mask) * dividend[mask] / sum(mask)
    return result
""",
        },
        mistakes={
            "1 人だけ": Mistake(
                """import numpy as np
def shapley_values(value, players):
    return [value(row) - value([0] * players) for row in np.eye(players, dtype=int)]
""",
                "1 人だけのときの増え方",
            ),
            "1 人だけ除く": Mistake(
                """import numpy as np
def shapley_values(value, players):
    return [value([1] * players) - value(1 - row) for row in np.eye(players, dtype=int)]
""",
                "最後に加わるときの増え方",
            ),
            "同じ重みで平均する": Mistake(
                """from itertools import product
import numpy as np
def shapley_values(value, players):
    result = np.zeros(players)
    for mask in product([0, 1], repeat=players):
        for i in range(players):
            if not mask[i]:
                result[i] += value(mask[:i] + (1,) + mask[i + 1:]) - value(mask)
    return result / 2 ** (players - 1)
""",
                "どれも同じ重みで平均",
            ),
            "階乗が 1 つずれる": Mistake(
                """from itertools import product
from math import factorial
import numpy as np
def shapley_values(value, players):
    result = np.zeros(players)
    for mask in product([0, 1], repeat=players):
        for i in range(players):
            if not mask[i]:
                weight = factorial(sum(mask)) * factorial(players - sum(mask)) / factorial(players)
                result[i] += weight * (value(mask[:i] + (1,) + mask[i + 1:]) - value(mask))
    return result
""",
                "重みの和が 1 になって",
            ),
            "順番が 1 通り": Mistake(
                """import numpy as np
def shapley_values(value, players):
    scores = [value([1] * k + [0] * (players - k)) for k in range(players + 1)]
    return np.diff(scores)
""",
                "順番を 1 通りしか見て",
            ),
            "だれもいない価値を 0 とする": Mistake(
                """from itertools import permutations
import numpy as np
def shapley_values(value, players):
    total = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        mask, before = np.zeros(players, int), 0.0
        for player in order:
            mask[player] = 1
            total[player] += value(mask) - before
            before = value(mask)
    return total / len(orders)
""",
                "0 と決めつけて",
            ),
            "見える例の値を返す": Mistake(
                """def shapley_values(value, players):
    known = {3: [4.5, 5.0, 2.5], 2: [1.5, 0.0]}
    return known.get(players, [1.0] * players)
""",
                "「全員の価値 - だれもいないときの価値」になって",
            ),
        },
        hidden=hidden_shap_exact,
        equivalent={
            "np.dot(table[": "a product of two vectors",
            "in sorted(masks):": "a subset comes before its supersets in this order, too",
            "in masks:": "a subset comes before its supersets in this order, too",
        },
    ),
    "ch23.kernel_weights": Key(
        reference="""from math import comb

import numpy as np

def kernel_weights(masks):
    players = masks.shape[1]
    weights = []
    for size in masks.sum(axis=1):
        size = int(size)
        if size in (0, players):
            weights.append(np.inf)
        else:
            weights.append((players - 1) / (comb(players, size) * size * (players - size)))
    return np.array(weights)
""",
        explanation="1 人だけの提携と、1 人だけ欠けた提携が、いちばん重くなります。無限大の重みは、だれもいない提携と全員の提携で回帰が価値にぴったり合う、という制約を表します。",
        alternatives={
            "階乗と np.where": """from math import factorial
import numpy as np

def kernel_weights(masks):
    m = masks.shape[1]
    f = np.array([float(factorial(k)) for k in range(m + 1)])
    s = np.sum(masks, axis=1)
    with np.errstate(divide="ignore"):
        return (m - 1) * f[s] * f[m - s] / (f[m] * s * (m - s))
""",
            "リストで返す": """import math

def kernel_weights(masks):
    m = len(masks[0])
    table = [math.inf] * (m + 1)
    for s in range(1, m):
        table[s] = (m - 1) / math.comb(m, s) / s / (m - s)
    return [table[int(sum(mask))] for mask in masks]
""",
        },
        mistakes={
            "組み合わせで割らない": Mistake(
                """import numpy as np
def kernel_weights(masks):
    m, s = masks.shape[1], masks.sum(axis=1)
    return (m - 1) / (s * (m - s))
""",
                "組み合わせの数 C(M, s) で割って",
            ),
            "s(M-s) で割らない": Mistake(
                """from math import comb
def kernel_weights(masks):
    m = masks.shape[1]
    return [(m - 1) / comb(m, int(s)) for s in masks.sum(axis=1)]
""",
                "s(M-s) で割って",
            ),
            "分子が M": Mistake(
                """from math import comb
def kernel_weights(masks):
    m = masks.shape[1]
    return [m / (comb(m, s) * s * (m - s)) if 0 < s < m else float("inf") for s in masks.sum(axis=1).tolist()]
""",
                "分子は M ではなく",
            ),
            "シャープレイ値の重み": Mistake(
                """from math import factorial as f
def kernel_weights(masks):
    m = masks.shape[1]
    return [f(s) * f(m - s - 1) / f(m) if s < m else 0 for s in masks.sum(axis=1).tolist()]
""",
                "シャープレイ値の重み s!",
            ),
            "両端を 0 にする": Mistake(
                """from math import comb
def kernel_weights(masks):
    m = masks.shape[1]
    return [(m - 1) / (comb(m, s) * s * (m - s)) if 0 < s < m else 0.0 for s in masks.sum(axis=1).tolist()]
""",
                "無限大 (np.inf) にします",
            ),
            "列ごとに数える": Mistake(
                """from math import comb
def kernel_weights(masks):
    m = masks.shape[1]
    return [(m - 1) / (comb(m, s) * s * (m - s)) if 0 < s < m else 0.0 for s in masks.sum(axis=0).tolist()]
""",
                "列ごとに数えて",
            ),
        },
        hidden=hidden_kernel_weights,
        equivalent={
            "return weights": "a list is numbers, too",
            "size = size": "a NumPy integer counts as well as Python's",
            "np.errstate()": "a warning, no error",
            "[table[sum(mask)]": "a NumPy integer is an index",
            "(m + 1) + 1": "an entry that is never read",
            "(m + 2)": "an entry that is never read",
        },
    ),
    "ch23.lime": Key(
        reference=LIME,
        explanation="係数は、その特徴を残すと出力がどれだけ増えるかを表します。切片に罰則を掛けると、出力全体の高さが係数に混ざります。",
        alternatives={
            "重み付き平均を引く": """import numpy as np

def fit(masks, outputs, weights, penalty):
    centre, height = np.average(masks, axis=0, weights=weights), np.average(outputs, weights=weights)
    x, y = masks - centre, outputs - height
    gram = np.einsum("n,ni,nj->ij", weights, x, x) + penalty * np.eye(x.shape[1])
    coefficients = np.linalg.solve(gram, np.einsum("n,ni,n->i", weights, x, y))
    return (coefficients, height - centre @ coefficients)

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
            "罰則を行として足す": """import numpy as np

def fit(masks, outputs, weights, penalty):
    features = masks.shape[1]
    root = np.sqrt(weights)
    top = np.hstack([masks, np.ones((len(masks), 1))]) * root[:, None]
    bottom = np.hstack([np.sqrt(penalty) * np.eye(features), np.zeros((features, 1))])
    targets = np.concatenate([root * outputs, np.zeros(features)])
    solution = np.linalg.lstsq(np.vstack([top, bottom]), targets, rcond=None)[0]
    return [solution[:features], float(solution[features])]

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
            "scikit-learn": """import numpy as np
from sklearn.linear_model import Ridge

def fit(masks, outputs, weights, penalty):
    model = Ridge(alpha=penalty).fit(masks, outputs, sample_weight=weights)
    return model.coef_, model.intercept_

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
            "TensorFlow": """import numpy as np
import tensorflow as tf

def fit(masks, outputs, weights, penalty):
    x = tf.concat([tf.ones((len(masks), 1), tf.float64), tf.cast(masks, tf.float64)], axis=1)
    xw = x * tf.cast(weights, tf.float64)[:, None]
    ridge = tf.linalg.diag([0.0] + [float(penalty)] * masks.shape[1])
    gram = tf.matmul(x, xw, transpose_a=True) + tf.cast(ridge, tf.float64)
    beta = tf.linalg.solve(gram, tf.matmul(xw, tf.cast(outputs, tf.float64)[:, None], transpose_a=True))
    return beta[1:, 0], beta[0]

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
        },
        mistakes={
            "切片がない": Mistake(
                """import numpy as np
def fit(masks, outputs, weights, penalty):
    xw = masks * weights[:, None]
    return np.linalg.solve(masks.T @ xw + penalty * np.eye(masks.shape[1]), xw.T @ outputs), 0.0

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
                "切片がありません",
            ),
            "切片にも罰則": Mistake(
                """import numpy as np
def fit(masks, outputs, weights, penalty):
    x = np.column_stack([masks, np.ones(len(masks))])
    xw = x * weights[:, None]
    beta = np.linalg.solve(x.T @ xw + penalty * np.eye(x.shape[1]), xw.T @ outputs)
    return beta[:-1], beta[-1]

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
                "切片にも罰則が掛かって",
            ),
            "重みを使わない": Mistake(
                """import numpy as np
def fit(masks, outputs, weights, penalty):
    x = np.column_stack([masks, np.ones(len(masks))])
    ridge = np.diag([penalty] * masks.shape[1] + [0])
    beta = np.linalg.solve(x.T @ x + ridge, x.T @ outputs)
    return beta[:-1], beta[-1]

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
                "重みを使っていません",
            ),
            "重みを 2 回掛ける": Mistake(
                """import numpy as np
def fit(masks, outputs, weights, penalty):
    x = np.column_stack([masks, np.ones(len(masks))]) * weights[:, None]
    ridge = np.diag([penalty] * masks.shape[1] + [0])
    beta = np.linalg.solve(x.T @ x + ridge, x.T @ (weights * outputs))
    return beta[:-1], beta[-1]

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
                "重みが 2 乗になって",
            ),
            "罰則がない": Mistake(
                """import numpy as np
def fit(masks, outputs, weights, penalty):
    root = np.sqrt(weights)
    x = np.column_stack([masks, np.ones(len(masks))]) * root[:, None]
    beta = np.linalg.lstsq(x, root * outputs, rcond=None)[0]
    return beta[:-1], beta[-1]

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return kept, intercept
""",
                "罰則がありません",
            ),
            "絞らない": Mistake(
                changed(LIME, "[:keep]", ""),
                "keep 個に絞っていません",
            ),
            "当てはめ直さない": Mistake(
                changed(
                    LIME,
                    "kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)",
                    "kept[chosen] = coefficients[chosen]",
                ),
                "当てはめ直していません",
            ),
            "符号の付いたまま選ぶ": Mistake(
                changed(LIME, "-np.abs(coefficients)", "-coefficients"),
                "符号の付いたままの係数",
            ),
            "罰則なしで選ぶ": Mistake(
                changed(
                    LIME,
                    "coefficients, intercept = fit(masks, outputs, weights, penalty)",
                    "coefficients, _ = fit(masks, outputs, weights, 0)",
                ),
                "選ぶための当てはめにも",
            ),
            "小さい順に選ぶ": Mistake(
                changed(LIME, "-np.abs(coefficients)", "np.abs(coefficients)"),
                "絶対値が小さいほうを",
            ),
            "1 つの配列で返す": Mistake(
                """import numpy as np
def fit(masks, outputs, weights, penalty):
    x = np.column_stack([masks, np.ones(len(masks))])
    xw = x * weights[:, None]
    ridge = np.diag([penalty] * masks.shape[1] + [0])
    beta = np.linalg.solve(x.T @ xw + ridge, xw.T @ outputs)
    return beta[:-1], beta[-1]

def fit_lime(masks, outputs, weights, penalty, keep):
    coefficients, intercept = fit(masks, outputs, weights, penalty)
    chosen = np.argsort(-np.abs(coefficients))[:keep]
    kept = np.zeros(masks.shape[1])
    kept[chosen], intercept = fit(masks[:, chosen], outputs, weights, penalty)
    return np.append(kept, intercept)
""",
                "(係数, 切片) の 2 つ組",
            ),
        },
        hidden=hidden_lime,
        equivalent={
            "outputs + height": "the columns are centred, so that a constant in the outputs adds nothing",
            "targets)[0]": "the default cuts off no more than rounding errors",
            "tf.matmul(xw, x": "the matrix is symmetric",
            "tf.float64), masks]": "TensorFlow converts it",
            "xw = x * weights[": "TensorFlow converts it",
            "tf.matmul(xw, outputs[": "TensorFlow converts it",
        },
    ),
    "ch23.insertion": Key(
        reference=INSERTION,
        explanation="説明が正しければ、少しの画素を入れただけで得点が上がり、面積が大きくなります。ランダムな順番の面積と比べて、はじめて「大きい」と言えます。",
        alternatives={
            "画素を順に書き込む": """import numpy as np

def insertion_curve(score, image, baseline, heatmap, steps):
    current = np.array(baseline, dtype="float64").reshape(-1, image.shape[-1])
    source = image.reshape(-1, image.shape[-1])
    curve = [float(score(current.reshape((1,) + image.shape))[0])]
    for numbers in np.split(np.argsort(heatmap, axis=None)[::-1], steps):
        current[numbers] = source[numbers]
        curve.append(float(score(current.reshape((1,) + image.shape))[0]))
    return curve, np.trapezoid(curve, dx=1 / steps)
""",
            "しきい値で選ぶ": """import numpy as np

def insertion_curve(score, image, baseline, heatmap, steps):
    values = np.sort(heatmap, axis=None)[::-1]
    size = values.size // steps
    curve = [score(baseline[None])[0]]
    for k in range(1, steps + 1):
        shown = (heatmap >= values[k * size - 1])[..., None]
        curve.append(score((shown * image + ~shown * baseline)[None])[0])
    area = 0.0
    for left, right in zip(curve, curve[1:]):
        area += (left + right) / 2 / steps
    return np.array(curve), area
""",
        },
        mistakes={
            "小さい順に入れる": Mistake(
                changed(INSERTION, "np.argsort(-heatmap.ravel())", "np.argsort(heatmap.ravel())"),
                "値の小さい画素から",
            ),
            "画像から消す": Mistake(
                changed(INSERTION, "image, baseline) for", "baseline, image) for"),
                "消していく曲線",
            ),
            "1 つずつ別々に入れる": Mistake(
                changed(
                    INSERTION,
                    "(ranks < count)[",
                    "((ranks < count) & (ranks >= count - heatmap.size // steps))[",
                ),
                "1 つずつ別々に",
            ),
            "はじめの得点がない": Mistake(
                changed(INSERTION, "return curve,", "return curve[1:],"),
                "baseline だけのときの得点",
            ),
            "0 から始める": Mistake(
                changed(INSERTION, "image, baseline) for", "image, 0 * image) for"),
                "0 の画像から始めて",
            ),
            "平均を面積にする": Mistake(
                changed(INSERTION, "np.sum((curve[1:] + curve[:-1]) / 2) / steps", "np.mean(curve)"),
                "得点の平均を面積に",
            ),
            "幅を 1 とする": Mistake(
                changed(INSERTION, " / 2) / steps", " / 2)"),
                "横軸の幅を",
            ),
            "長方形の面積": Mistake(
                changed(
                    INSERTION, "np.sum((curve[1:] + curve[:-1]) / 2) / steps", "np.sum(curve[1:]) / steps"
                ),
                "長方形の面積",
            ),
            "曲線だけを返す": Mistake(
                changed(INSERTION, "return curve, area", "return curve"),
                "(曲線, 面積) の 2 つ組",
            ),
        },
        hidden=hidden_insertion,
        equivalent={
            "score(images)": "the scorer makes an array of a list",
            "reshape(-2": "NumPy takes any negative size for the one to be found",
            "return curve, area": "a list is numbers, too",
        },
    ),
    "ch23.predict_hide": chosen(
        "ウ",
        explanation="三脚の上の 10 区画を隠すと、確率は 0.1 を大きく下回ります。ランダムな 10 区画では、ほとんど下がりません。",
        wrong={
            "ア": "人と背景は残りますが、分類器はそこを見ていませんでした。ランダムな 10 区画を隠したときと比べましょう。",
            "イ": "三脚の脚は 10 区画でほとんど隠れます。分類器には、三脚だと言える手がかりが残りません。",
        },
    ),
    "ch23.predict_preprocess": chosen(
        "イ",
        explanation="待っている値に比べて、明暗の差が半分になり、赤と青が入れ替わるだけなので、答えは変わらず、確率が下がります。",
        wrong={
            "ア": "0〜1 の絵は、明暗の差が半分の絵です。暗い部屋の写真でも猫が分かるように、この分類器の答えは保たれます。",
            "ウ": "VGG16 なら、それに近いことが起きます。待っている値の幅が 2 なのか 275 なのかで、害の大きさが違います。",
        },
    ),
    "ch23.estimate_share": estimated(
        3,
        within=0.01,
        explanation="来る順番ごとに C が増やすのは、6、3、6、3、0、0 で、平均は 3 千円です。",
        low="1 人では稼げなくても、ほかの人がいるところへ加わると増えます。ABC の順なら、C が来て 6 増えます。",
        high="最後に加わった 6 だけを見ていませんか。はじめに来れば 0、2 番目なら 3 しか増えません。順番のすべてで平均します。",
    ),
    "ch23.decide_edges": chosen(
        "エ",
        explanation="ロケットは細いので、7×7 の粗いマップより、輪郭線のほうが先に形を見せます。面積だけでは、モデルを見た説明かどうかは分かりません。"
        "5 節の検査と合わせて判断します。",
        wrong={
            "ア": "輪郭線の順に入れると、猫の確率は長いあいだ上がりません。面積は Grad-CAM の半分もありません。",
            "イ": "コーヒーでは、輪郭線の面積は Grad-CAM のおよそ半分です。縁よりも、中の液体が根拠だからです。",
            "ウ": "三脚では近い値になりますが、わずかに Grad-CAM が上です。小数点の下まで比べましょう。",
        },
    ),
}
