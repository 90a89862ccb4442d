"""Chapter 23: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_parts, expect_shape, shape_of
from grader.exercise import Answer, Exercise, Handle, Status, number_question, question

Array = npt.NDArray[Any]


# ch23.cam_weights


SUMS_GRADIENTS = "勾配を足し合わせただけです。高さと幅について平均しましょう。"
DROPS_NEGATIVE_GRADIENTS = "負の勾配を 0 にしてから平均しています。勾配は符号のまま平均します。"
AVERAGES_OTHER_AXES = "平均する軸が違います。高さと幅は、軸 1 と軸 2 です。"
LACKS_RELU = "ReLU がありません。負になった場所を 0 にしましょう。"
RELU_BEFORE_SUM = "足し合わせる前に ReLU を掛けています。チャネルについて足してから ReLU を掛けます。"
AVERAGES_CHANNELS = "チャネルについて平均しています。重みを掛けて足し合わせるだけです。"
WEIGHTS_BY_ROW = (
    "重みが画像ごとではなく、行ごとに掛かっています。"
    "重みの形を (バッチ, 1, 1, チャネル) にそろえてから掛けましょう。"
)
LACKS_BATCH_AXIS = "バッチの軸が消えています。1 枚だけのバッチでも、形は (1, 高さ, 幅) です。"


def check_cam_weights(answer: Answer) -> None:
    gradients = np.array(
        [[[[1, 0], [3, -2]], [[5, -2], [-1, 0]]], [[[0, 4], [2, 2]], [[2, 6], [0, 0]]]], "float32"
    )
    expect_close(
        answer.call("channel_weights", gradients),
        [[2, -1], [1, 3]],
        "channel_weights(gradients)",
        known={
            SUMS_GRADIENTS: [[8, -4], [4, 12]],
            DROPS_NEGATIVE_GRADIENTS: [[2.25, 0.0], [1.0, 3.0]],
            AVERAGES_OTHER_AXES: [[0.5, 0.5], [2.0, 2.0]],
        },
    )
    features = np.array(
        [[[[1, 0], [0, 3]], [[2, 1], [1, 1]]], [[[1, 1], [0, 2]], [[2, 0], [1, 0]]]], "float32"
    )
    weights = np.array([[2, -1], [1, 3]], "float32")
    expect_close(
        answer.call("weighted_map", features, weights),
        [[[2, 0], [3, 1]], [[4, 6], [2, 1]]],
        "weighted_map(features, weights)",
        known={
            LACKS_RELU: [[[2, -3], [3, 1]], [[4, 6], [2, 1]]],
            RELU_BEFORE_SUM: [[[2, 0], [4, 2]], [[4, 6], [2, 1]]],
            AVERAGES_CHANNELS: [[[1.0, 0.0], [1.5, 0.5]], [[2.0, 3.0], [1.0, 0.5]]],
            WEIGHTS_BY_ROW: [[[2, 0], [5, 4]], [[1, 0], [2, 1]]],
        },
    )
    single = answer.call("weighted_map", features[:1, :, :1], weights[:1])
    expect(
        shape_of(single, "1 枚だけのバッチの weighted_map") not in [(2, 1), (2,)],
        LACKS_BATCH_AXIS,
        Status.WRONG_SHAPE,
    )
    expect_close(single, [[[2], [3]]], "1 枚だけのバッチの weighted_map")


# ch23.heatmap


DIVIDES_BY_ZERO = (
    "すべて 0 のマップで 0÷0 が起きています。最大値が 0 のときは、割らずに 0 のマップを返しましょう。"
)
SWAPS_SIZE = "縦と横が逆です。cv2.resize の大きさは (幅, 高さ) の順に渡します。"
KEEPS_SIZE = "マップが小さいままです。size の大きさまで拡大しましょう。"
NEAREST = "最近傍補間で拡大したので、マップがブロック状です。双線形補間 (bilinear) で拡大しましょう。"
NOT_SCALED = "最大値で割っていません。いちばん大きい値が 1 になるようにそろえましょう。"
SUBTRACTS_MINIMUM = (
    "最小値を引いています。0 は「根拠がない」という意味なので動かさず、最大値で割るだけにします。"
)
IN_BYTES = "0〜255 の値になっています。ここでは 0〜1 の小数のまま返しましょう。"
CLIPS = "1 を超える値を切り捨てています。切り捨てずに、最大値で割りましょう。"


def interpolation(source: int, target: int, convention: str) -> Array:
    """Matrix of linear interpolation from ``source`` to ``target`` points.

    Args:
        source: Points given.
        target: Points wanted.
        convention: Where the points lie: ``"edge"`` (OpenCV, TensorFlow: pixels have an extent, the border is
            repeated), ``"mirror"`` (scikit-image: the border is mirrored) or ``"corners"`` (SciPy: first on
            first, last on last).

    Returns:
        Shape ``(target, source)``; each row adds up to 1.
    """
    last = source - 1
    places = (np.arange(target) + 0.5) * source / target - 0.5
    if convention == "corners":
        places = np.arange(target) * last / (target - 1)
    elif convention == "mirror":
        places = np.abs(last - np.abs(last - places))
    places = np.clip(places, 0, last)
    return np.maximum(0, 1 - np.abs(places[:, np.newaxis] - np.arange(source)))


def enlarged(cam: Array, size: tuple[int, int], convention: str = "edge") -> Array:
    """Enlarges a map bilinearly."""
    rows, columns = (interpolation(n, m, convention) for n, m in zip(cam.shape, size, strict=True))
    return rows @ cam @ columns.T


def closest(array: Array, candidates: Sequence[Array]) -> Array:
    """The candidate with the smallest largest difference from an array."""
    return min(candidates, key=lambda candidate: float(np.abs(array - candidate).max()))


def check_heatmap_at(answer: Answer, cam: Array, size: tuple[int, int]) -> None:
    """Expects a map scaled and enlarged, in this order or the other, by any convention of bilinear."""
    given = answer.call("to_heatmap", cam, size)
    expect(
        size[0] == size[1] or shape_of(given, "to_heatmap(cam, size)") != size[::-1],
        SWAPS_SIZE,
        Status.WRONG_SHAPE,
    )
    expect(shape_of(given, "to_heatmap(cam, size)") != cam.shape, KEEPS_SIZE, Status.WRONG_SHAPE)
    array = expect_shape(given, size, "to_heatmap(cam, size)")
    conventions = [enlarged(cam, size, name) for name in ("edge", "mirror", "corners")]
    plain = conventions[0]
    nearest = cam.repeat(size[0] // cam.shape[0], axis=0).repeat(size[1] // cam.shape[1], axis=1)
    shifted = [(plain - low.min()) / (low.max() - low.min()) for low in (plain, cam)]
    expect(float(np.abs(array - plain * 255 / cam.max()).max()) > 3, IN_BYTES)
    expect_close(
        array,
        closest(array, [large / top for large in conventions for top in (cam.max(), large.max())]),
        "to_heatmap(cam, size)",
        rtol=0,
        atol=1e-3,
        known={
            NEAREST: nearest / cam.max(),
            NOT_SCALED: closest(array, conventions),
            SUBTRACTS_MINIMUM: closest(array, shifted),
            CLIPS: closest(array, [np.clip(plain, 0, 1), enlarged(np.clip(cam, 0, 1), size)]),
        },
    )


def check_empty_heatmap(answer: Answer, shape: tuple[int, int], size: tuple[int, int]) -> None:
    """Expects a map without evidence to stay one."""
    empty = expect_shape(
        answer.call("to_heatmap", np.zeros(shape, "float32"), size), size, "すべて 0 のマップの結果"
    )
    expect(bool(np.isfinite(empty).all()), DIVIDES_BY_ZERO)
    expect_close(empty, np.zeros(size), "すべて 0 のマップの結果")


def check_heatmap(answer: Answer) -> None:
    cam = answer.rng.uniform(0.5, 4, (3, 4)).astype("float32")
    check_heatmap_at(answer, cam, (15, 12))
    check_empty_heatmap(answer, (3, 4), (15, 12))


# ch23.overlay


NOT_BYTES = "結果の型が uint8 ではありません。0〜255 に丸めてから uint8 に変えましょう。"
COLOURS_IN_BGR = "色が BGR のままです。OpenCV の色を RGB に並べ替えてから混ぜましょう。"
RESULT_IN_BGR = "結果が BGR の順になっています。RGB の順で返しましょう。"
SWAPS_ALPHA = "割合が逆です。alpha は色の割合で、画像の割合は 1 - alpha です。"
WRAPS = "255 を超えた値があふれ、小さい値に戻っています。割合の和が 1 になるように、小数で混ぜてから丸めましょう。"
SATURATES = "半分にした画像に色をそのまま足しています。割合の和が 1 になるように混ぜましょう。"
ADDS_ONTO = "画像をそのままにして、alpha 倍の色を足しています。画像のほうは 1 - alpha 倍にして混ぜましょう。"
ADDS_ONTO_AND_WRAPS = (
    "画像をそのままにして、alpha 倍の色を足したので、255 を超えた値があふれています。"
    "画像のほうは 1 - alpha 倍にして混ぜましょう。"
)
IGNORES_ALPHA = "alpha を使わず、半分ずつ混ぜています。"


def check_overlay_at(
    answer: Answer, image: Array, colours: Array, alpha: float, right: Array, known: dict[str, Array]
) -> None:
    """Expects a blended image; how halves are rounded does not matter."""
    given = answer.call("overlay", image.astype("uint8"), colours.astype("uint8"), alpha)
    expect_shape(given, right.shape, "overlay の結果")
    expect(np.asarray(given).dtype == np.uint8, NOT_BYTES, Status.WRONG_TYPE)
    expect_close(given, right, "overlay の結果", rtol=0, atol=1.01, known=known)


def check_overlay(answer: Answer) -> None:
    image = np.array([[[200, 100, 0], [255, 255, 255]], [[12, 20, 40], [0, 0, 0]]])
    colours = np.array([[[0, 60, 240], [255, 255, 255]], [[100, 0, 52], [128, 64, 4]]])
    right = np.array([[[210, 90, 0], [255, 255, 255]], [[22, 15, 55], [1, 16, 32]]])
    check_overlay_at(
        answer,
        image,
        colours,
        0.25,
        right,
        {
            COLOURS_IN_BGR: np.array([[[150, 90, 60], [255, 255, 255]], [[34, 15, 43], [32, 16, 1]]]),
            RESULT_IN_BGR: right[..., ::-1],
            SWAPS_ALPHA: np.array([[[230, 70, 0], [255, 255, 255]], [[42, 5, 85], [3, 48, 96]]]),
            WRAPS: np.array([[[84, 110, 0], [126, 126, 126]], [[58, 10, 120], [4, 64, 128]]]),
            SATURATES: np.array([[[255, 110, 0], [255, 255, 255]], [[58, 10, 120], [4, 64, 128]]]),
            ADDS_ONTO: np.array([[[255, 115, 0], [255, 255, 255]], [[25, 20, 65], [1, 16, 32]]]),
            ADDS_ONTO_AND_WRAPS: np.array([[[4, 115, 0], [63, 63, 63]], [[25, 20, 65], [1, 16, 32]]]),
            IGNORES_ALPHA: np.array([[[220, 80, 0], [255, 255, 255]], [[32, 10, 70], [2, 32, 64]]]),
        },
    )


# ch23.grad_cam


KEEPS_BATCH_AXIS = "先頭にバッチの軸が残っています。(高さ, 幅) の形で返しましょう。"
IGNORES_CLASS = (
    "class_index を渡しても、予測したクラスのマップが返っています。渡されたクラスの得点を使いましょう。"
)
USES_PROBABILITY = "softmax のあとの確率を微分しています。ほかのクラスの得点が混ざるので、softmax の前の得点を微分しましょう。"
MAP_LACKS_RELU = "マップに負の値が残っています。重み付きの和に ReLU を掛けましょう。"
MAP_IS_SCALED = (
    "最大値で割った値です。ここでは ReLU のあとの値をそのまま返します。そろえるのは to_heatmap の役目です。"
)
IGNORES_BIAS = "class_index を省いたときに、bias を足さずに予測を求めています。予測は、bias も足した得点が最大のクラスです。"
ZERO_IS_OMITTED = (
    "class_index が 0 のときに、省いたときと同じマップが返っています。"
    "0 もクラスの番号です。省かれたかどうかは class_index is None で調べましょう。"
)
IGNORES_LAYER = "layer_name を使わず、いつも最後の畳み込み層のマップを返しています。"
MAP_DROPS_NEGATIVE = "勾配を、負のところを 0 にしてから平均しています。勾配は符号のまま平均しましょう。"
MAP_IS_ABSOLUTE = "負の値を、絶対値にしています。ReLU は負の値を 0 にします。"
IN_TRAINING = "同じ画像でも、呼ぶたびに違うマップになります。学習モード (training=True) ではなく、推論モードで呼びましょう。"
MODEL_IS_CHANGED = "model が変わったままです。出力層の活性化関数などを変えたら、返す前にもとに戻しましょう。"
MAP_SUMS = "勾配を平均せずに、足し合わせています。高さと幅について平均しましょう。"


class Network(NamedTuple):
    """Weights of the probe ``small_cnn``, which the judge chooses.

    Attributes:
        conv1: Kernel and bias.
        conv2: Kernel and bias.
        hidden: Kernel and bias of the hidden layer; empty with global average pooling.
        predictions: Kernel and bias of the last layer.
    """

    conv1: tuple[Array, Array]
    conv2: tuple[Array, Array]
    hidden: tuple[Array, ...]
    predictions: tuple[Array, Array]

    @property
    def arrays(self) -> list[Array]:
        """All weights, in Keras' order."""
        return [*self.conv1, *self.conv2, *self.hidden, *self.predictions]


def draw_network(
    rng: np.random.Generator,
    size: tuple[int, int],
    filters: tuple[int, int],
    classes: int,
    hidden: int = 0,
) -> Network:
    """Draws the weights of a network for images of ``size``."""
    height, width = size

    def layer(*shape: int) -> tuple[Array, Array]:
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        kernel, bias = rng.normal(0, scale, shape), rng.normal(0, 0.1, shape[-1])
        return kernel.astype("float32"), bias.astype("float32")

    flat = height // 2 * (width // 2) * filters[1]
    return Network(
        layer(3, 3, 3, filters[0]),
        layer(3, 3, *filters),
        layer(flat, hidden) if hidden else (),
        layer(hidden or filters[1], classes),
    )


def convolve(x: Array, kernel: Array) -> Array:
    """3x3 convolution of one image, stride 1, zero padding, in NumPy."""
    padded = np.pad(x.astype("float64"), ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return np.einsum("hwcij,ijco->hwo", windows, kernel)


def convolutions(network: Network, image: Array) -> tuple[Array, Array]:
    """Outputs of ``conv1`` and ``conv2`` before their ReLU, in NumPy."""
    first = convolve(image, network.conv1[0]) + network.conv1[1]
    height, width, channels = first.shape
    blocks = np.maximum(first, 0).reshape(height // 2, 2, width // 2, 2, channels)
    return first, convolve(blocks.mean(axis=(1, 3)), network.conv2[0]) + network.conv2[1]


def last_features(network: Network, image: Array) -> Array:
    """Output of ``conv2``."""
    return np.maximum(convolutions(network, image)[1], 0)


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max())
    return np.asarray(e / e.sum())


def pooled_network_maps(network: Network, features: Array, class_index: int) -> dict[str, Array]:
    """CAM of Zhou et al., CVPR 2016, divided by the number of places, and what known mistakes give instead.

    On a network with global average pooling, Grad-CAM must equal it.
    """
    kernel, bias = network.predictions
    scores = features.mean(axis=(0, 1)) @ kernel + bias
    places = features.shape[0] * features.shape[1]
    column = kernel[:, class_index]
    through_softmax = softmax(scores)[class_index] * (column - kernel @ softmax(scores))
    right = np.maximum(features @ column, 0) / places
    return {
        "right": right,
        IGNORES_CLASS: np.maximum(features @ kernel[:, scores.argmax()], 0) / places,
        IGNORES_BIAS: np.maximum(features @ kernel[:, (scores - bias).argmax()], 0) / places,
        MAP_DROPS_NEGATIVE: features @ np.maximum(column, 0) / places,
        MAP_IS_ABSOLUTE: np.abs(features @ column) / places,
        USES_PROBABILITY: np.maximum(features @ through_softmax, 0) / places,
        MAP_LACKS_RELU: features @ column / places,
        MAP_IS_SCALED: right / max(right.max(), 1e-12),
        MAP_SUMS: right * places,
    }


def draw_pooled_case(
    rng: np.random.Generator, size: tuple[int, int], filters: tuple[int, int], classes: int
) -> tuple[Network, Array, int]:
    """Draws a network, an image and its predicted class.

    Every class has evidence for and against. The predicted one is the last or the last but one, by its bias alone:
    without biases the other of these two is.
    """
    predicted = classes - 1 - int(rng.integers(2))
    while True:
        network = draw_network(rng, size, filters, classes)
        image = rng.normal(0, 1, (*size, 3)).astype("float32")
        features = last_features(network, image)
        kernel, bias = network.predictions
        order = [n for n in range(classes) if n != predicted]
        order.insert(-1, predicted)  # from the worst class to the best one
        kernel[:, order] = kernel[:, np.argsort(features.mean(axis=(0, 1)) @ kernel)]
        scores = features.mean(axis=(0, 1)) @ kernel
        bias[:] = 0
        bias[predicted] = scores.max() - scores[predicted] + 0.5
        evidence = features @ kernel
        both_ways = (evidence.max(axis=(0, 1)) > 0.1).all() and (evidence.min(axis=(0, 1)) < -0.1).all()
        if both_ways and scores.max() - scores[predicted] > 0.01:
            return network, image, predicted


def model_of(answer: Answer, network: Network, image: Array) -> Handle:
    """Builds the network beside the learner's code, with the judge's weights."""
    height, width, _ = image.shape
    hidden = network.hidden[1].size if network.hidden else 0
    filters = [network.conv1[1].size, network.conv2[1].size]
    classes = network.predictions[1].size
    model: Handle = answer.probe("small_cnn", height, width, filters, classes, hidden)
    answer.probe("set_weights", model, network.arrays)
    return model


def expect_map(given: Any, right: Array, name: str, known: dict[str, Array]) -> None:
    """Expects a map of one image."""
    expect(shape_of(given, name) != (1, *right.shape), KEEPS_BATCH_AXIS, Status.WRONG_SHAPE)
    expect_close(given, right, name, rtol=1e-3, atol=1e-5, known=known)


def check_grad_cam_at(answer: Answer, size: tuple[int, int], filters: tuple[int, int], classes: int) -> None:
    """Expects CAM's map on a network with global average pooling: of two classes, then of the predicted one."""
    network, image, predicted = draw_pooled_case(answer.rng, size, filters, classes)
    features = last_features(network, image)
    model = model_of(answer, network, image)
    best_without_bias = 2 * classes - 3 - predicted
    maps = [answer.call("grad_cam", model, image, "conv2", class_index=predicted) for _ in range(2)]
    if {shape_of(each, "マップ") for each in maps} == {features.shape[:2]}:  # another shape is told below
        once, again = (expect_shape(each, features.shape[:2], "マップ") for each in maps)
        expect(np.allclose(once, again, rtol=1e-3, atol=1e-5), IN_TRAINING)
    for other, ignored in ((best_without_bias, IGNORES_CLASS), (0, ZERO_IS_OMITTED)):
        known = pooled_network_maps(network, features, other)
        known[ignored] = known.pop(IGNORES_CLASS)
        del known[IGNORES_BIAS]
        given = answer.call("grad_cam", model, image, "conv2", class_index=other)
        expect_map(given, known.pop("right"), f"class_index={other} のマップ", known)
    known = pooled_network_maps(network, features, predicted)
    given = answer.call("grad_cam", model, image, "conv2")
    del known[IGNORES_CLASS]
    expect_map(given, known.pop("right"), "class_index を省いたときのマップ", known)
    first = answer.call("grad_cam", model, image, "conv1")
    expect(shape_of(first, "conv1 のマップ") != features.shape[:2], IGNORES_LAYER, Status.WRONG_SHAPE)
    expect_shape(first, size, "conv1 のマップ")
    kernel, bias = network.predictions
    chances = softmax(features.mean(axis=(0, 1)) @ kernel + bias)[np.newaxis]
    left = expect_shape(answer.probe("predict", model, image[np.newaxis]), chances.shape, "model の出力")
    expect(np.allclose(left, chances, rtol=1e-3, atol=1e-5), MODEL_IS_CHANGED)


def check_grad_cam(answer: Answer) -> None:
    check_grad_cam_at(answer, (8, 12), (3, 4), classes=3)


# ch23.shap_exact


ONLY_ALONE = "1 人だけのときの増え方しか見ていません。ほかの人がいる提携に加わるときの増え方も平均します。"
ONLY_LAST = "最後に加わるときの増え方しか見ていません。小さい提携に加わるときの増え方も平均します。"
EQUAL_WEIGHTS = (
    "提携をどれも同じ重みで平均しています。大きさが s の提携の重みは s!(M-s-1)!/M! です (! は階乗)。"
)
WRONG_FACTORIAL = "重みの和が 1 になっていません。重みは s!(M-s-1)!/M! で、s は本人を除いた人数です。"
ONE_ORDER = "加わる順番を 1 通りしか見ていません。すべての順番で平均しましょう。"
IGNORES_BASELINE = (
    "だれもいないときの価値を 0 と決めつけています。value に 0 だけのマスクも渡し、差を取りましょう。"
)


def shapley_of(answer: Answer, values: list[float]) -> Any:
    """Asks for the Shapley values of a game, given as the probe ``coalition_game`` wants it."""
    game = answer.probe("coalition_game", values)
    players = len(values).bit_length() - 1
    given = answer.call("shapley_values", game, players)
    return expect_shape(given, (players,), "shapley_values(value, players)")


def check_shap_exact(answer: Answer) -> None:
    # Values of nobody, {0}, {1}, {0, 1}, {2}, {0, 2}, {1, 2} and {0, 1, 2}.
    expect_close(
        shapley_of(answer, [1.0, 3.0, 3.0, 7.0, 1.0, 4.0, 5.0, 13.0]),
        [4.5, 5.0, 2.5],
        "3 人のシャープレイ値",
        known={
            ONLY_ALONE: [2, 2, 0],
            ONLY_LAST: [8, 9, 6],
            EQUAL_WEIGHTS: [4.25, 4.75, 2.25],
            WRONG_FACTORIAL: [7, 23 / 3, 3],
            ONE_ORDER: [2, 4, 6],
            IGNORES_BASELINE: [4.5 + 1 / 3, 5 + 1 / 3, 2.5 + 1 / 3],
        },
    )
    # The second player never changes the value.
    expect_close(shapley_of(answer, [0.5, 2.0, 0.5, 2.0]), [1.5, 0.0], "2 人のシャープレイ値")


# ch23.kernel_weights


LACKS_BINOMIAL = "組み合わせの数 C(M, s) で割っていません。"
LACKS_PRODUCT = "s(M-s) で割っていません。"
WRONG_NUMERATOR = "分子は M ではなく M-1 です。"
SHAPLEY_WEIGHTS = (
    "シャープレイ値の重み s!(M-s-1)!/M! です。ここで求めるのは、回帰に使うシャープレイ・カーネルです。"
)
NOT_INFINITE = "だれもいない提携と全員の提携の重みは、式の分母が 0 なので無限大 (np.inf) にします。"
SUMS_COLUMNS = "行ごとではなく、列ごとに数えています。提携は 1 行に 1 つです。"


def check_kernel_weights(answer: Answer) -> None:
    masks = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 1]])
    given = answer.call("kernel_weights", masks)
    expect(shape_of(given, "kernel_weights(masks)") != (4,), SUMS_COLUMNS, Status.WRONG_SHAPE)
    expect_close(
        given,
        [1 / 4, 1 / 8, 1 / 4, 1 / 4, 1 / 8],
        "kernel_weights(masks)",
        known={
            LACKS_BINOMIAL: [1, 3 / 4, 1, 1, 3 / 4],
            LACKS_PRODUCT: [3 / 4, 1 / 2, 3 / 4, 3 / 4, 1 / 2],
            WRONG_NUMERATOR: [1 / 3, 1 / 6, 1 / 3, 1 / 3, 1 / 6],
            SHAPLEY_WEIGHTS: [1 / 12, 1 / 12, 1 / 4, 1 / 12, 1 / 12],
        },
    )
    check_infinite_weights(answer, 3)


def check_infinite_weights(answer: Answer, players: int) -> None:
    """Expects infinity for nobody and for everybody, and only there."""
    masks = np.array([[0] * players, [1] * players, [1] + [0] * (players - 1)])
    given = expect_shape(answer.call("kernel_weights", masks), (3,), "kernel_weights(masks)")
    expect(given[0] == given[1] == np.inf, NOT_INFINITE)
    expect_close(given[2], 1 / players, "1 人だけの提携の重み")


# ch23.lime


NOT_A_PAIR = "(係数, 切片) の 2 つ組を返しましょう。"
LACKS_INTERCEPT = "切片がありません。マスクがすべて 0 のときの出力を、切片が引き受けます。"
PENALISES_INTERCEPT = "切片にも罰則が掛かっています。罰則を掛けるのは係数だけです。"
IGNORES_WEIGHTS = "重みを使っていません。もとの画像に近い標本ほど、誤差を重く数えます。"
SQUARES_WEIGHTS = "重みが 2 乗になっています。行に掛けるときは、重みの平方根を掛けましょう。"
KEEPS_ALL = "keep 個に絞っていません。係数の絶対値が大きい keep 個のほかは、係数を 0 にします。"
NOT_FITTED_AGAIN = "残りの係数を 0 にしただけで、選んだ特徴だけで当てはめ直していません。ほかの特徴がなくなると、係数も切片も変わります。"
CHOOSES_BY_SIGN = (
    "符号の付いたままの係数で選んでいます。負の係数も根拠なので、絶対値の大きい順に選びましょう。"
)
CHOOSES_WITHOUT_PENALTY = (
    "1 回目の当てはめで、penalty を使っていません。選ぶための当てはめにも、同じ罰則を掛けましょう。"
)
CHOOSES_SMALLEST = "係数の絶対値が小さいほうを選んでいます。大きい順に keep 個を残しましょう。"
LACKS_PENALTY = "罰則がありません。正規方程式の対角に penalty を足しましょう。"


def expect_fit(
    answer: Answer,
    case: tuple[Array, Array, Array, float, int],
    right: Array,
    known: dict[str, Array],
    name: str,
) -> None:
    """Expects coefficients and intercept; ``right`` and ``known`` hold both, the intercept last."""
    given = answer.call("fit_lime", *case)
    first, second = expect_parts(given, 2, NOT_A_PAIR)
    coefficients = expect_shape(first, (len(right) - 1,), "係数")
    shape = shape_of(second, "切片")
    fitted = np.append(coefficients, expect_shape(second, shape if np.prod(shape) == 1 else (), "切片"))
    expect_close(fitted, right, f"{name}の係数と切片", rtol=1e-3, atol=1e-4, known=known)


STEEP_BUT_RARE = (
    np.array([[1, 0], [0, 1], [0, 1], [1, 1], [1, 1], [1, 1]]),
    np.array([9.0, 0.0, 2.0, 1.0, 5.0, 8.0]),
    np.array([2.0, 8.0, 4.0, 8.0, 8.0, 4.0]),
)
"""Masks, outputs and weights: the second feature counts most, but less than the first with a penalty of 4."""


def check_lime(answer: Answer) -> None:
    masks = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    # 2 + 3 a - b, so that the coefficients come back as they are.
    expect_fit(
        answer,
        (masks, np.array([2.0, 5.0, 1.0, 4.0]), weights, 0.0, 2),
        np.array([3, -1, 2]),
        {LACKS_INTERCEPT: np.array([53 / 13, 5 / 13, 0])},
        "罰則のないとき",
    )
    expect_fit(
        answer,
        (masks, np.array([1.0, 4.0, 2.0, 9.0]), weights, 2.0, 2),
        np.array([281 / 90, 76 / 45, 92 / 45]),
        {
            LACKS_INTERCEPT: np.array([57 / 14, 20 / 7, 0]),
            PENALISES_INTERCEPT: np.array([509 / 146, 156 / 73, 92 / 73]),
            IGNORES_WEIGHTS: np.array([5 / 3, 1, 8 / 3]),
            SQUARES_WEIGHTS: np.array([778 / 159, 415 / 159, 421 / 795]),
            LACKS_PENALTY: np.array([147 / 25, 89 / 25, -23 / 25]),
        },
        "罰則のあるとき",
    )
    # Three features, of which the second one counts most, and downwards.
    expect_fit(
        answer,
        (
            np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]]),
            np.array([5.0, 7.0, 1.0, 6.0, 2.0, 3.0]),
            np.array([1.0, 2.0, 1.0, 2.0, 1.0, 2.0]),
            1.0,
            1,
        ),
        np.array([0, -79 / 29, 0, 164 / 29]),
        {
            KEEPS_ALL: np.array([195 / 226, -605 / 226, 69 / 113, 1147 / 226]),
            NOT_FITTED_AGAIN: np.array([0, -605 / 226, 0, 1147 / 226]),
            CHOOSES_BY_SIGN: np.array([8 / 9, 0, 0, 112 / 27]),
            CHOOSES_SMALLEST: np.array([0, 0, 2 / 29, 128 / 29]),
        },
        "1 個に絞ったとき",
    )
    expect_fit(
        answer,
        (*STEEP_BUT_RARE, 4.0, 1),
        np.array([5 / 2, 0, 3 / 2]),
        {CHOOSES_WITHOUT_PENALTY: np.array([0, -2, 5])},
        "罰則で順位が変わるとき",
    )


# ch23.insertion


STARTS_AT_IMAGE = (
    "画像から消していく曲線になっています。baseline から始めて、画像の画素を入れていきましょう。"
)
LEAST_FIRST = "値の小さい画素から入れています。heatmap の値が大きい画素から入れましょう。"
BASELINE_IS_ZERO = "baseline を使わず、0 の画像から始めています。"
LACKS_START = "baseline だけのときの得点がありません。曲線の長さは steps + 1 です。"
NOT_AN_AREA_PAIR = "(曲線, 面積) の 2 つ組を返しましょう。"
AREA_IS_MEAN = "得点の平均を面積にしています。両端の得点は半分だけ数える台形公式を使いましょう。"
AREA_LACKS_WIDTH = "横軸の幅を 1/steps にしていません。横軸は、入れた画素の割合 (0〜1) です。"
AREA_IS_RECTANGLES = "長方形の面積を足しています。となり合う得点の平均を使う台形公式にしましょう。"
ADDS_SEPARATELY = "画素を 1 つずつ別々に入れています。前に入れた画素は、残したまま進みます。"


def expect_curve(
    answer: Answer,
    case: tuple[Handle, Array, Array, Array, int],
    right: tuple[Array, float],
    known: dict[str, Array],
) -> None:
    """Expects an insertion curve and the area under it."""
    steps = case[-1]
    curve, area = right
    given = answer.call("insertion_curve", *case)
    found, under = expect_parts(given, 2, NOT_AN_AREA_PAIR)
    expect(shape_of(found, "挿入曲線") != (steps,), LACKS_START, Status.WRONG_SHAPE)
    expect_close(found, curve, "挿入曲線", rtol=1e-3, atol=1e-4, known=known)
    expect_close(
        under,
        area,
        "挿入曲線の面積",
        rtol=1e-3,
        atol=1e-4,
        known={
            AREA_IS_MEAN: curve.mean(),
            AREA_LACKS_WIDTH: area * steps,
            AREA_IS_RECTANGLES: closest(np.asarray(area), [curve[1:].mean(), curve[:-1].mean()]),
        },
    )


def check_insertion(answer: Answer) -> None:
    # The pixels are worth 0.1, 0.4, 0.3 and 0.2, and go from 1 to 3.
    weights = np.array([[[0.1, 0, 0], [0.1, 0.2, 0.1]], [[0.1, 0.1, 0.1], [0, 0.1, 0.1]]])
    score = answer.probe("pixel_scorer", weights)
    image, baseline = np.full((2, 2, 3), 3.0), np.ones((2, 2, 3))
    heatmap = np.array([[0.1, 0.9], [0.4, 0.2]])
    expect_curve(
        answer,
        (score, image, baseline, heatmap, 4),
        (np.array([1, 1.8, 2.4, 2.8, 3]), 2.25),
        {
            LEAST_FIRST: np.array([1, 1.2, 1.6, 2.2, 3]),
            STARTS_AT_IMAGE: np.array([3, 2.2, 1.6, 1.2, 1]),
            ADDS_SEPARATELY: np.array([1, 1.8, 1.6, 1.4, 1.2]),
            BASELINE_IS_ZERO: np.array([0, 1.2, 2.1, 2.7, 3]),
        },
    )
    expect_curve(
        answer,
        (score, image, baseline, heatmap, 2),
        (np.array([1, 2.4, 3]), 2.2),
        {ADDS_SEPARATELY: np.array([1, 2.4, 1.6])},
    )


EXERCISES: list[Exercise] = [
    question(
        id="ch23.predict_hide",
        title="隠したら、どうなるか",
        options={"ア": "0.8 より高いまま", "イ": "0.3〜0.8 に下がる", "ウ": "0.1 より低くなる"},
        hints=("三脚を隠した写真に、三脚だと言える手がかりは残るでしょうか。図の光り方も見ましょう。",),
    ),
    Exercise(
        id="ch23.cam_weights",
        title="Grad-CAM の式",
        points=1,
        symbols=("channel_weights", "weighted_map"),
        template='''import numpy as np

def channel_weights(gradients):
    """勾配 (バッチ, 高さ, 幅, チャネル) から、チャネルの重み (バッチ, チャネル) を求めます。"""
    raise NotImplementedError("ここを書きましょう")

def weighted_map(features, weights):
    """特徴マップ (バッチ, 高さ, 幅, チャネル) と重みから、ReLU を通したマップ (バッチ, 高さ, 幅) を求めます。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_cam_weights,
        hints=(
            "チャネルの重みは、そのチャネルの勾配を高さと幅について平均した値です。",
            "平均は gradients.mean(axis=(1, 2)) と書けます。",
            "重みを weights[:, np.newaxis, np.newaxis, :] の形にして掛け、最後の軸について足し、np.maximum で負の値を 0 にします。",
        ),
    ),
    question(
        id="ch23.predict_preprocess",
        title="前処理の取り違え",
        options={
            "ア": "3 枚とも、別のクラスに変わる",
            "イ": "3 枚とも、変わらない",
            "ウ": "当てずっぽうになり、どのクラスの確率も 0.01 に届かない",
        },
        hints=("−1〜1 を待つところへ 0〜1 を渡すと、明暗の差は何分の 1 になるでしょうか。",),
    ),
    Exercise(
        id="ch23.heatmap",
        title="マップを 0〜1 にそろえて拡大する",
        points=2,
        symbols=("to_heatmap",),
        template='''import numpy as np

def to_heatmap(cam, size):
    """0 以上のマップ (高さ, 幅) を最大値で割り、size = (高さ, 幅) まで双線形補間で拡大します。

    すべて 0 のマップは、0 のまま拡大します。色は付けず、0〜1 の小数で返します。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_heatmap,
        hints=(
            "拡大は cv2.resize(…, interpolation=cv2.INTER_LINEAR) や tf.image.resize でできます。",
            "cv2.resize に渡す大きさは (幅, 高さ) の順です。tf.image.resize は (高さ, 幅) の順ですが、チャネルの軸が要ります。",
            "最大値が 0 より大きいときだけ割りましょう。",
        ),
    ),
    Exercise(
        id="ch23.overlay",
        title="色を重ねる",
        points=2,
        symbols=("overlay",),
        template='''import numpy as np

def overlay(image, colours, alpha):
    """画像に色を alpha の割合で重ね、RGB の uint8 で返します。

    image は RGB、colours は cv2.applyColorMap が返す BGR で、どちらも uint8 の (高さ, 幅, 3) です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_overlay,
        hints=(
            "はじめに色の順をそろえます。BGR を RGB にするには、最後の軸を逆にします。",
            "uint8 どうしの足し算は、255 を超えるとあふれます。小数に変えてから混ぜましょう。",
            '(1 - alpha) * 画像 + alpha * 色 を求め、np.round で丸めてから astype("uint8") で変えます。',
        ),
    ),
    Exercise(
        id="ch23.grad_cam",
        title="Keras のモデルの Grad-CAM",
        points=3,
        symbols=("grad_cam",),
        template='''import keras
import numpy as np
import tensorflow as tf

def grad_cam(model, image, layer_name, class_index=None):
    """画像 1 枚の Grad-CAM のマップ (高さ, 幅) を、ReLU のあとの値のまま返します。

    model の最後の層は、softmax つきの Dense です。微分するのは softmax の前の得点です。
    image は前処理ずみの (高さ, 幅, 3)、layer_name はマップを作る畳み込み層の名前です。
    class_index を省いたら、モデルが予測したクラスについて求めます。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_grad_cam,
        hints=(
            "畳み込み層の出力と、最後の層への入力の 2 つを返すモデルを keras.Model で作ります。",
            "softmax の前の得点は、最後の層への入力に、その層の kernel を掛けて bias を足した値です。",
            "tape.gradient(得点, 特徴マップ) を高さと幅について平均し、特徴マップに掛けて足し、ReLU を掛けます。",
        ),
        time_limit=60.0,
    ),
    Exercise(
        id="ch23.lime",
        title="LIME の重み付きリッジ回帰",
        points=2,
        symbols=("fit_lime",),
        template='''import numpy as np

def fit_lime(masks, outputs, weights, penalty, keep):
    """マスクから出力を予測する線形なモデルを、keep 個の特徴だけで当てはめ、(係数, 切片) を返します。

    masks は 0 と 1 の (標本の数, 特徴の数)、outputs と weights は (標本の数,) です。
    (重み × 誤差の 2 乗) の和と、penalty × (係数の 2 乗) の和との合計を最小にします。
    切片に罰則は掛けません。すべての特徴で一度当てはめ、係数の絶対値が大きい keep 個を選び、
    それだけで当てはめ直します。係数は (特徴の数,) で、選ばなかった特徴の係数は 0 です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_lime,
        hints=(
            "当てはめる部分を関数にして、2 回呼びましょう。マスクの右に 1 だけの列を足すと、切片も係数の 1 つとして解けます。",
            "正規方程式は (XᵀWX + P) β = XᵀWy です。W は重みを、P は penalty を対角に並べた行列です。切片には罰則を掛けないので、P の最後の対角成分は 0 にします。",
            "1 回目の係数から np.argsort(-np.abs(係数))[:keep] で列を選び、masks[:, 選んだ列] で 2 回目を当てはめ、0 の配列の選んだところに書き込みます。",
        ),
    ),
    number_question(
        id="ch23.estimate_share",
        title="C の取り分",
        unit="千円",
        low=0,
        high=18,
        hints=(
            "ABC の順なら、C が来て増えるのは、A と B の 12 が 18 になった分です。",
            "6 通りのそれぞれで C が来て増えた分を並べ、平均します。",
        ),
    ),
    Exercise(
        id="ch23.shap_exact",
        title="シャープレイ値を数え上げる",
        points=3,
        symbols=("shapley_values",),
        template='''import numpy as np

def shapley_values(value, players):
    """players 人のシャープレイ値を、すべての提携を数え上げて求めます。

    value(mask) は、提携の価値を返す関数です。mask は 0 と 1 を players 個並べたもので、
    i 番目が 1 なら、i 番目の人が提携に入っています。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_shap_exact,
        hints=(
            "i 番目の人について、その人のいない提携をすべて並べ、加わったときの価値の増え方を求めます。",
            "0 と 1 の並びは itertools.product([0, 1], repeat=players) で数え上げられます。",
            "本人を除いて s 人の提携に加わるときの重みは s!(M-s-1)!/M! です。M は players で、! は math.factorial です。",
        ),
    ),
    Exercise(
        id="ch23.kernel_weights",
        title="シャープレイ・カーネル",
        points=1,
        symbols=("kernel_weights",),
        template='''import numpy as np

def kernel_weights(masks):
    """0 と 1 のマスク (提携の数, M) の各行に、シャープレイ・カーネルの重みを付けて返します。

    1 が s 個の行の重みは (M-1) / (C(M, s) s (M-s)) です。s が 0 か M の行の重みは np.inf です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_kernel_weights,
        hints=(
            "s は、行ごとの 1 の数です。masks.sum(axis=1) で求まります。",
            "組み合わせの数 C(M, s) は math.comb(M, s) です。",
            "s が 0 か M のときは分母が 0 になるので、先に調べて np.inf を返しましょう。",
        ),
    ),
    Exercise(
        id="ch23.insertion",
        title="挿入曲線で説明を測る",
        points=2,
        symbols=("insertion_curve",),
        template='''import numpy as np

def insertion_curve(score, image, baseline, heatmap, steps):
    """baseline に image の画素を、heatmap の値が大きい順に入れていき、(曲線, 面積) を返します。

    score(images) は、画像 (枚数, 高さ, 幅, チャネル) の得点 (枚数,) を返す関数です。
    画素を steps 回に分けて同じ数ずつ入れます (画素の数は steps で割り切れます)。
    曲線は、入れる前の得点と、1 回入れるたびの得点を並べたもので、長さは steps + 1 です。
    面積は、横軸を入れた画素の割合 (0〜1) として、台形公式で求めます。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_insertion,
        hints=(
            "np.argsort(-heatmap.ravel()) で、値の大きい順に画素の番号が並びます。",
            "画素の番号で扱うには、画像を reshape(-1, チャネル数) の形にして、入れ終えたらもとの形に戻します。",
            "面積は、となり合う 2 つの得点の平均に、幅 1/steps を掛けて足します。",
        ),
    ),
    question(
        id="ch23.decide_edges",
        title="測って、決める",
        options={
            "ア": "猫 (chelsea)",
            "イ": "コーヒー (coffee)",
            "ウ": "三脚 (camera)",
            "エ": "ロケット (rocket)",
        },
        hints=("面積は大きいほどよい説明です。写真ごとに「輪郭線」が「Grad-CAM」より大きいかを見ましょう。",),
    ),
]
