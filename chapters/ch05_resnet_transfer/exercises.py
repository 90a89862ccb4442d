"""Chapter 5: the exercises that the learner sees."""

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
    expect_parts,
    expect_shape,
    expect_weights,
    shape_of,
)
from grader.exercise import Answer, Exercise, Handle, Status, number_question, question

Array = npt.NDArray[Any]

BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.99


# ch05.preprocess


FORGETS_255 = (
    "0〜1 の値のまま平均を引いています。caffe 方式の平均は 0〜255 の画素のものなので、先に 255 倍しましょう。"
)
KEEPS_RGB = "チャネルが RGB のままです。平均を引く前に BGR に並べ替えましょう。"
REORDERS_NEITHER = "引いた平均は合っていますが、結果が RGB の順のままです。結果は BGR の順に並べます。"
MEAN_IN_RGB = (
    "平均の並びが RGB です。BGR に並べ替えた画素からは [103.939, 116.779, 123.68] をこの順に引きます。"
)
NO_MEAN = "BGR に並べ替えて 255 倍しただけの値です。そこから平均を引きましょう。"
REVERSES_IMAGES = (
    "チャネルではなく、画像の順番が逆になっています。逆にするのは最後の軸で、images[..., ::-1] と書きます。"
)


def expect_preprocessed(answer: Answer, images: Array, right: Any, known: dict[str, Any]) -> None:
    given = answer.call("preprocess_caffe", images.astype("float32"))
    expect_close(given, right, "preprocess_caffe(images)", atol=1e-2, known=known)


def check_preprocess(answer: Answer) -> None:
    expect_preprocessed(
        answer,
        np.array([[[[1, 0, 0], [0, 1, 0]]], [[[0, 0, 1], [0.2, 0.4, 0.8]]]]),
        [
            [[[-103.939, -116.779, 131.32], [-103.939, 138.221, -123.68]]],
            [[[151.061, -116.779, -123.68], [100.061, -14.779, -72.68]]],
        ],
        {
            FORGETS_255: [
                [[[-103.939, -116.779, -122.68], [-103.939, -115.779, -123.68]]],
                [[[-102.939, -116.779, -123.68], [-103.139, -116.379, -123.48]]],
            ],
            KEEPS_RGB: [
                [[[151.061, -116.779, -123.68], [-103.939, 138.221, -123.68]]],
                [[[-103.939, -116.779, 131.32], [-52.939, -14.779, 80.32]]],
            ],
            REORDERS_NEITHER: [
                [[[131.32, -116.779, -103.939], [-123.68, 138.221, -103.939]]],
                [[[-123.68, -116.779, 151.061], [-72.68, -14.779, 100.061]]],
            ],
            MEAN_IN_RGB: [
                [[[-123.68, -116.779, 151.061], [-123.68, 138.221, -103.939]]],
                [[[131.32, -116.779, -103.939], [80.32, -14.779, -52.939]]],
            ],
            NO_MEAN: [[[[0, 0, 255], [0, 255, 0]]], [[[255, 0, 0], [204, 102, 51]]]],
            REVERSES_IMAGES: [
                [[[-103.939, -116.779, 131.32], [-52.939, -14.779, 80.32]]],
                [[[151.061, -116.779, -123.68], [-103.939, 138.221, -123.68]]],
            ],
        },
    )


# ch05.block_parameters


COUNTS_MOVING_AVERAGES = (
    "BatchNormalization の学習できる値は 1 チャネルにつき 2 個 (gamma と beta) です。移動平均は数えません。"
)
COUNTS_BIASES = "畳み込みにバイアスは要りません。直後の BatchNormalization の beta が同じ役をします。"
LACKS_PROJECTION = (
    "入力と出力の形が違うとき、ショートカットには 1×1 の畳み込みと BatchNormalization が入ります。"
)
LACKS_IT_AT_STRIDE = (
    "チャネル数が同じでも、stride が 1 でなければ、ショートカットに 1×1 の畳み込みなどが入ります。"
)
LACKS_IT_AT_STRIDE_1 = (
    "stride が 1 でも、チャネル数が変わるなら、ショートカットに 1×1 の畳み込みなどが入ります。"
)
LACKS_IT_WHERE_FEWER = (
    "チャネル数が増えるときだけでなく減るときも、ショートカットに 1×1 の畳み込みなどが入ります。"
)
LACKS_PROJECTIONS_NORM = "ショートカットの 1×1 の畳み込みにも BatchNormalization が付きます。"
NEEDS_NO_PROJECTION = "形が同じときのショートカットは素通りで、パラメータを持ちません。"


def expect_block_parameters(
    answer: Answer, case: tuple[int, int, int], right: int, known: dict[str, int]
) -> None:
    expect_equal(answer.call("block_parameters", *case), right, f"block_parameters{case}", known=known)


def check_block_parameters(answer: Answer) -> None:
    expect_block_parameters(
        answer,
        (16, 16, 1),
        4672,
        {COUNTS_MOVING_AVERAGES: 4736, COUNTS_BIASES: 4704, NEEDS_NO_PROJECTION: 4960},
    )
    expect_block_parameters(
        answer,
        (16, 32, 2),
        14528,
        {
            COUNTS_MOVING_AVERAGES: 14720,
            COUNTS_BIASES: 14624,
            LACKS_PROJECTION: 13952,
            LACKS_PROJECTIONS_NORM: 14464,
        },
    )
    expect_block_parameters(answer, (64, 64, 3), 78208, {LACKS_IT_AT_STRIDE: 73984})
    expect_block_parameters(answer, (16, 32, 1), 14528, {LACKS_IT_AT_STRIDE_1: 13952})
    expect_block_parameters(answer, (32, 16, 1), 7520, {LACKS_IT_WHERE_FEWER: 6976})


# ch05.residual_block


def convolve(x: Array, kernel: Array, stride: int = 1) -> Array:
    """3x3 convolution of images with even sides or stride 1, zero padding, in NumPy."""
    before = 1 if stride == 1 else 0  # as "same" pads: with stride 2, at the end alone
    padded = np.pad(x, ((0, 0), (before, 1), (before, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("nhwcij,ijco->nhwo", windows[:, ::stride, ::stride], kernel)


def batch_normalise(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float = BATCH_NORM_EPSILON
) -> Array:
    """BatchNormalization with given statistics, in NumPy."""
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def draw_weights(rng: np.random.Generator, channels: int, channels_in: int) -> dict[str, Array]:
    """Draws the weights of two 3x3 convolutions, each with BatchNormalization, by name."""
    weights: dict[str, Array] = {}
    for n, inputs in ((1, channels_in), (2, channels)):
        weights[f"kernel{n}"] = rng.normal(0, 0.25, (3, 3, inputs, channels))
        weights[f"gamma{n}"] = rng.uniform(0.5, 1.5, channels)
        weights[f"beta{n}"] = rng.normal(0, 0.5, channels)
        weights[f"mean{n}"] = rng.normal(0, 0.5, channels)
        weights[f"variance{n}"] = rng.uniform(0.5, 1.5, channels)
    return weights


def block_outputs(
    x: Array, w: dict[str, Array], *, training: bool = False, epsilon: float = BATCH_NORM_EPSILON
) -> dict[str, Array]:
    """Outputs of a right block and of blocks with a known mistake, and the batch's statistics, in NumPy."""
    statistics: dict[str, Array] = {}

    def norm(y: Array, n: int) -> Array:
        statistics[f"mean{n}"], statistics[f"variance{n}"] = y.mean((0, 1, 2)), y.var((0, 1, 2))
        used = statistics if training else w
        gamma, beta = w[f"gamma{n}"], w[f"beta{n}"]
        return batch_normalise(y, gamma, beta, used[f"mean{n}"], used[f"variance{n}"], epsilon)

    normed = norm(convolve(x, w["kernel1"]), 1)
    linear = norm(convolve(normed, w["kernel2"]), 2)
    branch = norm(convolve(np.maximum(normed, 0), w["kernel2"]), 2)
    return statistics | {
        "right": np.maximum(x + branch, 0),
        "no shortcut": np.maximum(branch, 0),
        "no last relu": x + branch,
        "relu before add": x + np.maximum(branch, 0),
        "no inner relu": np.maximum(x + linear, 0),
    }


KEYS = ("kernel", "gamma", "beta", "mean", "variance")
LAYER_ORDER = [f"{key}{n}" for n in (1, 2) for key in KEYS]
TRAINABLE_FIRST = [f"{key}{n}" for keys in (KEYS[:3], KEYS[3:]) for n in (1, 2) for key in keys]
KERNELS_FIRST = ["kernel1", "kernel2", *(f"{key}{n}" for n in (1, 2) for key in KEYS[1:])]
KERNELS_LAST = [*KERNELS_FIRST[2:], *KERNELS_FIRST[:2]]


WRONG_BLOCK_WEIGHTS = (
    "重みの形と数が違います。バイアスなしの 3×3 畳み込みと BatchNormalization を 2 組、この順に並べましょう。"
)
NO_SHORTCUT = "ショートカットがありません。入力をブロックの出力に足しましょう。"
NO_LAST_RELU = "足し算のあとの ReLU がありません。"
RELU_BEFORE_ADD = "ReLU が足し算の前にあります。足してから ReLU を掛けましょう。"
NO_INNER_RELU = "1 つ目の BatchNormalization のあとの ReLU がありません。"
OTHER_EPSILON = "BatchNormalization の epsilon が既定の 0.001 ではありません。引数を付けずに使いましょう。"
NEVER_TRAINS = "学習モードで呼んでも、BatchNormalization が推論モードのままです。training を False に固定しないようにしましょう。"
OTHER_MOMENTUM = "BatchNormalization の momentum が既定の 0.99 ではありません。引数を付けずに使いましょう。"


def check_residual_block_at(answer: Answer, channels: int, size: int) -> None:
    block = expect_model(answer.call("build_residual_block", channels), f"build_residual_block({channels})")
    drawn = draw_weights(answer.rng, channels, channels)
    drawn["variance2"][0] = 0.01  # so small that epsilon matters
    x = answer.rng.normal(0, 1, (2, size, size + 1, channels))
    answer.probe("predict", block, x)  # a model of one's own class is built by its first call
    order = block_order(answer, block, drawn)
    answer.probe("set_weights", block, [drawn[name] for name in order])
    outputs, trained = block_outputs(x, drawn), block_outputs(x, drawn, training=True)
    known = {
        NO_SHORTCUT: "no shortcut",
        NO_LAST_RELU: "no last relu",
        RELU_BEFORE_ADD: "relu before add",
        NO_INNER_RELU: "no inner relu",
    }
    expect_close(
        answer.probe("predict", block, x),
        outputs["right"],
        "ブロックの出力",
        rtol=1e-3,
        atol=1e-3,
        known={reason: outputs[name] for reason, name in known.items()}
        | {OTHER_EPSILON: block_outputs(x, drawn, epsilon=1e-5)["right"]},
    )
    expect_close(
        answer.probe("predict", block, x, training=True),
        trained["right"],
        "学習モードでのブロックの出力",
        rtol=1e-3,
        atol=1e-3,
        known={NEVER_TRAINS: outputs["right"]},
    )
    after = answer.probe("weights", block)
    expect(isinstance(after, list) and len(after) == len(order), WRONG_BLOCK_WEIGHTS)
    for name, array in zip(order, after, strict=True):
        right = drawn[name]
        if name in trained:
            right = BATCH_NORM_MOMENTUM * right + (1 - BATCH_NORM_MOMENTUM) * trained[name]
        given = expect_shape(array, right.shape, name)
        expect(np.allclose(given, right, rtol=1e-3, atol=1e-4), OTHER_MOMENTUM)


def block_order(answer: Answer, block: Handle, drawn: dict[str, Array]) -> list[str]:
    """Says which weight stands where in a block, layer by layer or kind by kind."""
    given = answer.probe("weights", block)
    expect(isinstance(given, list), WRONG_BLOCK_WEIGHTS, Status.WRONG_TYPE)
    shapes = [shape_of(array, "weights") for array in given]
    orders = (LAYER_ORDER, TRAINABLE_FIRST, KERNELS_FIRST, KERNELS_LAST)
    fitting = [order for order in orders if shapes == [drawn[name].shape for name in order]]
    expect(bool(fitting), WRONG_BLOCK_WEIGHTS, Status.WRONG_SHAPE)
    return fitting[0]


def check_residual_block(answer: Answer) -> None:
    check_residual_block_at(answer, channels=4, size=6)


# A tiny backbone and a head on it: ch05.transfer_head, ch05.cache_features, ch05.fine_tuning


RATE = 0.1
SMALL = 1e-6


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def features_of(x: Array, w: dict[str, Array], *, training: bool = False) -> Array:
    """Features of the probes' tiny backbone, in NumPy; in training mode with the batch's own statistics."""
    for n, stride in ((1, 1), (2, 2)):
        x = convolve(x, w[f"kernel{n}"], stride)
        axes = (0, 1, 2)
        mean, variance = (x.mean(axes), x.var(axes)) if training else (w[f"mean{n}"], w[f"variance{n}"])
        x = np.maximum(batch_normalise(x, w[f"gamma{n}"], w[f"beta{n}"], mean, variance), 0)
    return np.asarray(x.mean((1, 2)))


def logits_of(images: Array, w: dict[str, Array], *, unit: bool = False) -> Array:
    """Logits of backbone and head, in NumPy; where asked for, of features made one long."""
    features = features_of(images, w)
    if unit:
        features = features / np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features @ w["head"] + w["bias"])


def loss_of(images: Array, labels: Array, w: dict[str, Array], *, unit: bool = False) -> float:
    """Mean cross entropy of backbone and head, in NumPy."""
    p = softmax(logits_of(images, w, unit=unit))
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


def tiny_backbone(
    answer: Answer, channels: int, *, frozen: bool = False, most: int | None = None
) -> tuple[Handle, dict[str, Array]]:
    """Makes a backbone and gives it weights of the judge's choice; returns these by name, too."""
    backbone = answer.probe("tiny_backbone", channels, frozen, most)
    drawn = draw_weights(answer.rng, channels, 3)
    answer.probe("set_weights", backbone, [drawn[name] for name in LAYER_ORDER])
    return backbone, drawn


OTHER_WEIGHTS = (
    "モデルの重みは、backbone の重みと、特徴から classes クラスへの Dense (バイアスあり) だけにしましょう。"
)
LOSES_BACKBONE = "backbone の重みが、渡されたものと違います。作り直したり写したりせずに、渡された backbone につなぎましょう。"
NO_SOFTMAX = "softmax がありません。出力は各行の和が 1 の確率にしましょう。"
SIGMOID = "softmax ではなく sigmoid です。クラスから 1 つを選ぶので、和が 1 になる softmax を使います。"
LONG_FEATURES = "特徴の長さがそろっていません。出力層の前に UnitNormalization をはさみましょう。"
SCALES_EACH_FEATURE = "長さを 1 にする向きが違います。画像ごとに、特徴を並べたベクトルの長さを 1 にします。"
UNIT_FEATURES = "特徴の長さをそろえています。この問題では、特徴をそのまま出力層に渡しましょう。"


class Headed:
    """A model of backbone and head, of which the judge chose every weight.

    Attributes:
        weights: What the judge set, by name.
    """

    def __init__(
        self,
        answer: Answer,
        symbol: str,
        channels: int,
        classes: int,
        *,
        frozen: bool = False,
        unit: bool = False,
    ) -> None:
        self._answer, self._unit = answer, unit
        backbone, self.weights = tiny_backbone(answer, channels, frozen=frozen)
        self._model = expect_model(answer.call(symbol, backbone, classes), f"{symbol}(backbone, classes)")
        self._images = answer.rng.normal(1, 2, (24, 8, 8, 3))
        self._labels = answer.rng.integers(0, classes, 24)
        head = {
            "head": answer.rng.normal(0, 1, (channels, classes)),
            "bias": answer.rng.normal(0, 1, classes),
        }
        answer.probe("predict", self._model, self._images)  # builds a model of one's own class
        self._order = expect_weights(
            answer.probe("weights", self._model),
            self.weights,
            {name: array.shape for name, array in head.items()},
            lost=LOSES_BACKBONE,
            others=OTHER_WEIGHTS,
        )
        self.weights |= head
        answer.probe("set_weights", self._model, [self.weights[name] for name in self._order])

    def expect_predictions(self, w: dict[str, Array], name: str, known: bool = False) -> None:
        """Expects what the weights give for images that were never sent before."""
        images = self._answer.rng.normal(1, 2, (12, 8, 8, 3))
        logits = logits_of(images, w, unit=self._unit)
        wrong = {NO_SOFTMAX: logits, SIGMOID: 1 / (1 + np.exp(-logits))}
        if self._unit:
            features = features_of(images, w)
            each = features / np.linalg.norm(features, axis=0)
            wrong |= {
                LONG_FEATURES: softmax(logits_of(images, w)),
                SCALES_EACH_FEATURE: softmax(each @ w["head"] + w["bias"]),
            }
        else:
            wrong |= {UNIT_FEATURES: softmax(logits_of(images, w, unit=True))}
        given = self._answer.probe("predict", self._model, images)
        right = softmax(logits)
        expect_close(given, right, name, rtol=1e-3, atol=1e-4, known=wrong if known else None, show=known)

    def trained(self) -> dict[str, Array]:
        """Takes one step of gradient descent on all images; returns what the weights are said to be then."""
        self._answer.probe("compile", self._model, "sgd", RATE, "sparse_categorical_crossentropy")
        self._answer.probe("train_steps", self._model, self._images, self._labels, 1, len(self._images))
        after = self._answer.probe("weights", self._model)
        expect(isinstance(after, list) and len(after) == len(self._order), OTHER_WEIGHTS)
        return {
            name: expect_shape(array, self.weights[name].shape, name)
            for name, array in zip(self._order, after, strict=True)
        }

    def expect_step(self, after: dict[str, Array], learnt: Sequence[str]) -> None:
        """Expects that the step followed the gradient of the loss, which is measured along a drawn direction."""
        for name in learnt:
            step = self.weights[name] - after[name]
            drawn = self._answer.rng.normal(size=step.shape) / np.sqrt(step.size)
            direction = drawn + step / np.linalg.norm(step)
            losses = [
                loss_of(
                    self._images,
                    self._labels,
                    self.weights | {name: self.weights[name] + e * direction},
                    unit=self._unit,
                )
                for e in (SMALL, -SMALL)
            ]
            expect_close(
                float(np.sum(step * direction)) / RATE,
                (losses[0] - losses[1]) / (2 * SMALL),
                f"学習 1 回での {name} の動き",
                rtol=2e-2,
                atol=1e-4,
                show=False,
            )


def moved(before: dict[str, Array], after: dict[str, Array]) -> set[str]:
    """Names the weights that training has changed."""
    return {name for name in before if not np.allclose(before[name], after[name], rtol=1e-5, atol=1e-6)}


KERNELS = {"kernel1", "kernel2"}
HEAD = {"head", "bias"}


def check_transfer_head_at(answer: Answer, channels: int, classes: int) -> None:
    model = Headed(answer, "add_head", channels, classes, unit=True)
    model.expect_predictions(model.weights, "モデルの出力", known=True)
    after = model.trained()
    changed = moved(model.weights, after)
    expect(
        changed >= HEAD,
        "学習しても出力層の重みが動きません。凍結するのは backbone だけで、出力層は学習させます。",
    )
    expect(
        not changed & KERNELS,
        "学習すると backbone の畳み込みの重みが動いてしまいました。backbone.trainable = False で凍結しましょう。",
    )
    expect(
        changed == HEAD,
        "学習すると backbone の BatchNormalization が動いてしまいました。畳み込みだけでなく、backbone 全体を凍結しましょう。",
    )
    model.expect_step(after, ["head", "bias"])
    model.expect_predictions(after, "学習したあとのモデルの出力")


def check_transfer_head(answer: Answer) -> None:
    check_transfer_head_at(answer, channels=6, classes=5)


# ch05.cache_features


TRAINING_MODE = "BatchNormalization が学習モードです。特徴は推論モード (training=False) で計算しましょう。"
MOVES_AVERAGES = "特徴を計算しただけで、backbone の重みか移動平均が変わりました。推論モードで計算し、backbone には触れないようにしましょう。"
DROPS_REST = "最後の半端なバッチが抜けています。どちらの特徴も、画像の枚数と同じ行数にしましょう。"
TOO_MANY_AT_ONCE = (
    "backbone に一度に渡す枚数が batch_size を超えています。batch_size 枚ずつに分けて渡しましょう。"
)
REVERSES_ROWS = "行の順番が変わっています。特徴は画像と同じ順に並べましょう。"
MIRRORED_FIRST = "並びが逆です。元の画像の特徴が先で、左右を反転した画像の特徴があとです。"
NOT_MIRRORED = "2 つ目も、反転していない画像の特徴です。images[:, :, ::-1] で左右が反転します。"
UPSIDE_DOWN = "左右ではなく上下を反転しています。画像の軸は (枚数, 高さ, 幅, チャネル) の順です。"
SWAPS_CHANNELS = "左右ではなくチャネルを逆にしています。画像の軸は (枚数, 高さ, 幅, チャネル) の順です。"


def check_cache_features_at(answer: Answer, count: int, batch_size: int) -> None:
    """Expects features of images and mirrored images from a backbone that takes no more at once."""
    backbone, weights = tiny_backbone(answer, 5, most=batch_size)
    images = answer.rng.normal(1, 2, (count, 8, 8, 3))

    def in_training_mode(images: Array) -> Array:
        batches = [images[start : start + batch_size] for start in range(0, count, batch_size)]
        return np.concatenate([features_of(batch, weights, training=True) for batch in batches])

    plain, mirrored = features_of(images, weights), features_of(images[:, :, ::-1], weights)
    given = answer.call("cache_features", backbone, images, batch_size)
    full_batches = count // batch_size * batch_size
    shape = shape_of(given, "cache_features の結果")
    expect(count == full_batches or shape != (2, full_batches, 5), DROPS_REST, Status.WRONG_SHAPE)
    numbers = expect_shape(given, (2, count, 5), "cache_features の結果")
    expect(not np.isnan(numbers).any(), TOO_MANY_AT_ONCE)
    expect_close(
        numbers,
        np.stack([plain, mirrored]),
        "cache_features の結果",
        rtol=1e-3,
        atol=1e-4,
        known={
            TRAINING_MODE: np.stack([in_training_mode(images), in_training_mode(images[:, :, ::-1])]),
            REVERSES_ROWS: np.stack([plain[::-1], mirrored[::-1]]),
            MIRRORED_FIRST: np.stack([mirrored, plain]),
            NOT_MIRRORED: np.stack([plain, plain]),
            UPSIDE_DOWN: np.stack([plain, features_of(images[:, ::-1], weights)]),
            SWAPS_CHANNELS: np.stack([plain, features_of(images[..., ::-1], weights)]),
        },
    )
    after = answer.probe("weights", backbone)
    expect_weights(after, weights, {}, lost=MOVES_AVERAGES, others=MOVES_AVERAGES)


def check_cache_features(answer: Answer) -> None:
    check_cache_features_at(answer, count=10, batch_size=4)


# ch05.fine_tuning


FROZEN = "畳み込みの重みが動きません。ファインチューニングでは backbone.trainable = True にします。"
STAYS_FROZEN = "凍結されて渡された backbone の畳み込みが動きません。はじめに backbone.trainable = True と書いて、凍結を解きましょう。"
HEAD_FROZEN = "出力層の重みが動きません。出力層も一緒に学習させましょう。"
SCALES_MOVE = "BatchNormalization の gamma と beta が動いてしまいました。BatchNormalization の層は trainable = False に戻しましょう。"
AVERAGES_MOVE = "BatchNormalization の移動平均が動いてしまいました。training=False で呼ぶだけでは止まりません。BatchNormalization の層だけは trainable = False に戻しましょう。"


def check_fine_tuning_at(answer: Answer, channels: int, classes: int, *, frozen: bool) -> None:
    model = Headed(answer, "prepare_fine_tuning", channels, classes, frozen=frozen)
    model.expect_predictions(model.weights, "モデルの出力", known=True)
    after = model.trained()
    changed = moved(model.weights, after)
    expect(changed >= KERNELS, STAYS_FROZEN if frozen else FROZEN)
    expect(changed >= HEAD, HEAD_FROZEN)
    statistics = {name for name in changed if name.startswith(("mean", "variance"))}
    expect(changed == KERNELS | HEAD or bool(statistics), SCALES_MOVE)
    expect(changed == KERNELS | HEAD, AVERAGES_MOVE)
    model.expect_step(after, ["kernel1", "kernel2", "head", "bias"])
    model.expect_predictions(after, "学習したあとのモデルの出力")


def check_fine_tuning(answer: Answer) -> None:
    check_fine_tuning_at(answer, channels=6, classes=5, frozen=False)
    check_fine_tuning_at(answer, channels=7, classes=4, frozen=True)


# ch05.early_stopping


COUNTS_TIES = "同点は「改善」に数えません。これまでの最高を上回ったときだけ待ち数を 0 に戻します。"
KEEPS_LATER_TIE = "同点のときは、先に出た最高点のエポックの重みを残します。"
STOPS_LATE = "止まるのが 1 エポック遅すぎます。改善しないエポックが patience 回続いたら、そこで止めます。"
STOPS_EARLY = "止まるのが 1 エポック早すぎます。改善しないエポックを patience 回待ってから止めます。"
COUNTS_FROM_ZERO = "エポック数が 1 少なくなっています。scores[i] は i + 1 エポック目です。"
KEEPS_LAST = "最後の重みが返っています。最高点のエポックの重みに戻しましょう。"
LOOKS_AHEAD = (
    "止まったあとのエポックの重みが返っています。実行したエポックの中から、最高点のものを選びましょう。"
)
NEVER_RESETS = "最高点を更新しても、待ち数が 0 に戻っていません。"
STARTS_AT_ZERO = (
    "最初のエポックの精度が 0 のとき、これまでの最高になっていません。最高は -∞ から始めましょう。"
)


def expect_early_stopping(
    answer: Answer,
    scores: Sequence[float],
    patience: int,
    right: tuple[int, int],
    known: dict[str, tuple[int, int]],
) -> None:
    """Expects the number of epochs and the best epoch's weights.

    Args:
        answer: The answer.
        scores: Validation accuracies.
        patience: As given to the answer.
        right: Epochs run, and the index of the best one.
        known: What known mistakes give instead, by reason.
    """
    snapshots = [answer.rng.normal(0, 1, (2, 3)) for _ in scores]
    given = answer.call("early_stopping", list(scores), snapshots, patience)
    epochs_run, restored = expect_parts(
        given, 2, "(実行したエポック数, 復元した重み) の 2 つ組を返しましょう。"
    )
    expect_equal(
        epochs_run,
        right[0],
        f"scores={list(scores)}, patience={patience} のときのエポック数",
        known={reason: epochs for reason, (epochs, _best) in known.items()},
    )
    wrong = {reason: snapshots[best] for reason, (epochs, best) in known.items() if epochs == right[0]}
    expect_close(
        restored, snapshots[right[1]], "復元した重み", known={KEEPS_LAST: snapshots[right[0] - 1]} | wrong
    )


def check_early_stopping(answer: Answer) -> None:
    expect_early_stopping(answer, [0.2, 0.201, 0.202], 2, (3, 2), {COUNTS_FROM_ZERO: (2, 2)})
    expect_early_stopping(
        answer,
        [0.4, 0.6, 0.5, 0.55, 0.5, 0.7],
        2,
        (4, 1),
        {STOPS_LATE: (5, 1), STOPS_EARLY: (3, 1), LOOKS_AHEAD: (4, 5)},
    )
    expect_early_stopping(
        answer, [0.3, 0.5, 0.5, 0.4, 0.9], 2, (4, 1), {COUNTS_TIES: (5, 4), KEEPS_LATER_TIE: (4, 2)}
    )
    expect_early_stopping(
        answer, [0.6, 0.5, 0.4, 0.7, 0.65, 0.6, 0.55, 0.9], 3, (7, 3), {NEVER_RESETS: (5, 3)}
    )
    expect_early_stopping(answer, [0.0, 0.0, 0.5], 2, (3, 2), {STARTS_AT_ZERO: (2, 0)})
    expect_early_stopping(answer, [0.5, 0.4, 0.6], 1, (2, 0), {})
    expect_early_stopping(answer, [0.4], 2, (1, 0), {})


# ch05.choose_run


CHOOSES_BY_TEST = "テスト精度で選んでいます。選ぶときに見てよいのは検証精度だけです。"
CHOOSES_BEST = "検証精度が最高のものを選んでいます。margin 以内の差なら、いちばん速いものを選びましょう。"
CHOOSES_QUICKEST = "速さだけで選んでいます。まず検証精度で候補を絞りましょう。"
THEN_BY_TEST = (
    "候補の中から、テスト精度が最高のものを選んでいます。候補の中では、いちばん速いものを選びましょう。"
)
CHOOSES_SLOWEST = "いちばん遅いものを選んでいます。seconds は小さいほうが速い行です。"
RELATIVE_MARGIN = (
    "margin を割合として使っています。最高の検証精度から margin を引いた値以上の行を残しましょう。"
)
LEAVES_OUT_LIMIT = "最高との差がちょうど margin の行が抜けています。「以内」なので、その行も候補です。"


def expect_choice(
    answer: Answer, rows: Sequence[dict[str, Any]], margin: float, right: str, known: dict[str, str]
) -> None:
    expect_equal(
        answer.call("choose_run", [dict(row) for row in rows], margin),
        right,
        "choose_run(rows, margin)",
        known={reason: wrong for reason, wrong in known.items() if wrong != right},
    )


def table(*rows: tuple[str, float, float, float]) -> list[dict[str, Any]]:
    """Rows of a result table from ``(run, seconds, validation, test)``."""
    return [dict(zip(("run", "seconds", "validation", "test"), row, strict=True)) for row in rows]


def check_choose_run(answer: Answer) -> None:
    rows = table(
        ("a", 90.0, 0.70, 0.96),
        ("b", 10.0, 0.80, 0.84),
        ("c", 70.0, 0.872, 0.80),
        ("d", 15.0, 0.82, 0.80),
        ("e", 60.0, 0.89, 0.84),
        ("f", 20.0, 0.875, 0.84),
        ("g", 200.0, 0.88, 0.83),
        ("h", 40.0, 0.885, 0.93),
    )
    wrong = {CHOOSES_BY_TEST: "a", CHOOSES_BEST: "e", CHOOSES_QUICKEST: "b", CHOOSES_SLOWEST: "g"}
    expect_choice(answer, rows, 0.02, "f", wrong | {THEN_BY_TEST: "h"})
    expect_choice(answer, rows, 0.1, "b", {RELATIVE_MARGIN: "d"})
    expect_choice(answer, rows, 0.0, "e", {CHOOSES_QUICKEST: "b"})
    halves = table(("i", 30.0, 0.5, 0.5), ("j", 50.0, 0.75, 0.75), ("k", 55.0, 1.0, 0.75))
    expect_choice(answer, halves, 0.25, "j", {LEAVES_OUT_LIMIT: "k"})
    expect_choice(answer, halves, 0.5, "i", {})


EXERCISES: list[Exercise] = [
    question(
        id="ch05.predict_depth",
        title="ふつうの 30 層を予想する",
        options={"ア": "6 層より高い", "イ": "6 層とほとんど同じ", "ウ": "6 層より低い"},
        hints=(
            "恒等写像を学べれば、層を足しても悪くはならないはずです。ふつうの層に、それは易しいでしょうか。",
        ),
    ),
    Exercise(
        id="ch05.block_parameters",
        title="残差ブロックのパラメータ数",
        points=1,
        symbols=("block_parameters",),
        template='''def block_parameters(channels_in, channels_out, stride):
    """基本の残差ブロックにある、学習できるパラメータの数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_block_parameters,
        hints=(
            "3×3 の畳み込みの重みは 9 × 入力チャネル数 × 出力チャネル数 個です。ブロックに何個ありますか。",
            "BatchNormalization で学習するのは gamma と beta で、1 チャネルに 2 個です。",
            "stride が 1 でないか、チャネル数が変わるときは、ショートカットに 1×1 の畳み込みと BatchNormalization が加わります。",
        ),
    ),
    Exercise(
        id="ch05.residual_block",
        title="残差ブロックを組み立てる",
        points=2,
        symbols=("build_residual_block",),
        template='''import keras

def build_residual_block(channels):
    """(高さ, 幅, channels) を同じ形に写す残差ブロックを keras.Model で返します。どの高さと幅にも使えます。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_residual_block,
        hints=(
            "keras.Input((None, None, channels)) から始め、最後に keras.Model(inputs, outputs) を返します。",
            "畳み込み → BatchNormalization → ReLU → 畳み込み → BatchNormalization まで進んだら、入力を足します。",
            'keras.layers.Add()([inputs, x]) で足し、その結果に keras.layers.ReLU() を掛けます。畳み込みは padding="same", use_bias=False です。',
        ),
    ),
    Exercise(
        id="ch05.preprocess",
        title="caffe 方式の前処理",
        points=1,
        symbols=("preprocess_caffe",),
        template='''import numpy as np

def preprocess_caffe(images):
    """255 で割ってある RGB の画像 (0〜1) を、caffe 方式の重みが待っている値に変えます。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_preprocess,
        hints=(
            "することは 3 つです。0〜255 の値に戻すこと、チャネルの順番を変えること、平均を引くこと。",
            "配列の最後の軸を逆にするには images[..., ::-1] と書きます。",
            "BGR にして 255 倍した画像から [103.939, 116.779, 123.68] を引きます。",
        ),
    ),
    Exercise(
        id="ch05.transfer_head",
        title="凍結した backbone に出力層をつなぐ",
        points=2,
        symbols=("add_head",),
        template='''import keras

def add_head(backbone, classes):
    """凍結した backbone の特徴を長さ 1 にそろえ、softmax の出力層をつないだ keras.Model を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_transfer_head,
        hints=(
            "4 節の classifier と比べて、変わるのは特徴のそろえ方だけです。",
            "keras.layers.UnitNormalization は、1 枚ごとに特徴のベクトルの長さを 1 にします。",
            "backbone.output → UnitNormalization → Dense の順につなぎ、keras.Model(入力, 出力) にまとめます。凍結も忘れないようにしましょう。",
        ),
    ),
    Exercise(
        id="ch05.early_stopping",
        title="早期終了と最良の重みの復元",
        points=2,
        symbols=("early_stopping",),
        template='''def early_stopping(scores, snapshots, patience):
    """検証精度の列から、(実行したエポック数, 復元した重み) を返します。止まらなければ、最後まで実行します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_early_stopping,
        hints=(
            "「これまでの最高」「最高だったときの重み」「改善しなかった回数」の 3 つを覚えながら進みます。",
            "改善しなかった回数が patience に達したエポックで止まります。そのエポックも実行した数に入れます。",
            "返すのは最後の重みではなく、最高点を出したエポックの snapshots です。",
        ),
    ),
    Exercise(
        id="ch05.cache_features",
        title="特徴を一度だけ計算する",
        points=2,
        symbols=("cache_features",),
        template='''import numpy as np

def cache_features(backbone, images, batch_size):
    """元の画像と左右を反転した画像の特徴を、(2, 枚数, 特徴の数) の配列で返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_cache_features,
        hints=(
            "左右の反転は images[:, :, ::-1] です。2 つの特徴は np.stack で並べます。",
            "backbone.predict は推論モードで計算し、引数 batch_size の枚数ずつに分けます。",
            "自分でループを書くなら、backbone(images[i:i + batch_size], training=False) の結果を np.concatenate でつなぎます。最後の半端なバッチを忘れないようにしましょう。",
        ),
    ),
    question(
        id="ch05.predict_tuning",
        title="ファインチューニングの成績を予想する",
        options={
            "ア": "転移学習より低い。300 枚では過学習する",
            "イ": "ほとんど同じ。よい特徴はもう学んである",
            "ウ": "転移学習より高い。特徴も花に合わせられる",
        },
        hints=(
            "CIFAR-10 に花はありません。そこで学んだ特徴は、花を見分けるのにどれくらい足りるでしょうか。",
        ),
    ),
    Exercise(
        id="ch05.fine_tuning",
        title="BatchNormalization を止めたファインチューニング",
        points=2,
        symbols=("prepare_fine_tuning",),
        template='''import keras

def prepare_fine_tuning(backbone, classes):
    """畳み込みと出力層だけを学習し、BatchNormalization は推論モードのままのモデルを返します。

    backbone は、凍結されて渡されることもあります。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_fine_tuning,
        hints=(
            "まず backbone.trainable = True で全部の層を学習できるようにします。",
            "そのあと backbone.layers を順に見て、keras.layers.BatchNormalization の層だけ trainable = False に戻します。",
            "Keras では、trainable = False の BatchNormalization は学習中も推論モードで動きます。出力層は、backbone.output に Dense をつなぎます。",
        ),
    ),
    Exercise(
        id="ch05.choose_run",
        title="結果の表を読む",
        points=1,
        symbols=("choose_run",),
        template='''def choose_run(rows, margin):
    """検証精度が最高から margin 以内の行のうち、いちばん速い行の "run" を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_choose_run,
        hints=(
            "見る列は validation と seconds です。test を見て選ぶと、テスト精度が意味を失います。",
            "まず max で最高の検証精度を求め、それから margin を引いた値以上の行を残します。",
            '残った行のうち、seconds が最小の行の "run" を返します。',
        ),
    ),
    question(
        id="ch05.decide_run",
        title="測って、決める",
        options={
            "ア": "転移学習 1e-3",
            "イ": "ファインチューニング 1e-4",
            "ウ": "ファインチューニング 1e-3",
            "エ": "Wide ファインチューニング 1e-5",
        },
        hints=(
            "問題 10 の choose_run に、シードごとの rows と margin=0.02 を渡して、5 つの答えを数えましょう。",
        ),
    ),
    number_question(
        id="ch05.estimate_selection",
        title="選んだモデルの成績を見積もる",
        unit="%",
        low=0,
        high=100,
        hints=(
            "1 個のモデルの、60 枚での精度の標準偏差は、√(0.2 × 0.8 ÷ 60) です。",
            "200 個のうちの最良は、平均から標準偏差の 3 倍弱だけ上にあります。",
        ),
    ),
]
