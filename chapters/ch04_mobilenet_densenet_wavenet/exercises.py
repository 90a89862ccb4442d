"""Chapter 4: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import (
    expect,
    expect_close,
    expect_equal,
    expect_model,
    expect_shape,
    shape_of,
)
from grader.exercise import Answer, Exercise, Handle, Status, number_question, question

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


# ch04.multiply_adds


IGNORES_STRIDE = "stride を使っていません。数えるのは出力の画素の数だけで、入力の画素の数ではありません。"
FLOORS_SIZE = "出力の大きさを切り捨てています。same の高さは height / stride の切り上げです。"
IGNORES_PADDING = "padding が valid のときも same と同じ大きさで数えています。"
DEPTHWISE_MIXES = (
    "depthwise に出力のチャネル数を掛けています。depthwise はチャネルごとに 1 枚のカーネルだけを使います。"
)
POINTWISE_IS_WIDE = "pointwise にカーネルの大きさを掛けています。pointwise は 1×1 の畳み込みです。"
POINTWISE_ON_INPUT = (
    "pointwise を入力の大きさで数えています。pointwise が受け取るのは、depthwise の出力です。"
)
COUNTS_TWICE = "掛け算と足し算を別々に数えています。掛けて足すことを 1 回と数えます。"
KERNEL_NOT_SQUARED = "カーネルを kernel_size 個の数と見ています。縦と横があるので、kernel_size の 2 乗です。"
COUNTS_BIAS = "バイアスの足し算も数えています。ここでは数えません。"

CountCase = tuple[int, int, int, int, int, int, str]


def expect_counts(
    answer: Answer, case: CountCase, right: Sequence[int], known: Mapping[str, Sequence[int]]
) -> None:
    """Expects the three counts."""
    expect_close(
        answer.call("multiply_adds", *case),
        right,
        f"multiply_adds{case}",
        rtol=0,
        atol=1e-6,
        known=known,
    )


def check_multiply_adds(answer: Answer) -> None:
    expect_counts(
        answer,
        (4, 5, 3, 8, 3, 1, "same"),
        (4320, 540, 480),
        {
            DEPTHWISE_MIXES: (4320, 4320, 480),
            POINTWISE_IS_WIDE: (4320, 540, 4320),
            COUNTS_TWICE: (8640, 1080, 960),
            KERNEL_NOT_SQUARED: (1440, 180, 480),
            COUNTS_BIAS: (4480, 600, 640),
        },
    )
    expect_counts(
        answer,
        (7, 9, 2, 5, 3, 2, "same"),
        (1800, 360, 200),
        {
            IGNORES_STRIDE: (5670, 1134, 630),
            FLOORS_SIZE: (1080, 216, 120),
            POINTWISE_ON_INPUT: (1800, 360, 630),
        },
    )
    expect_counts(answer, (7, 10, 2, 5, 3, 2, "valid"), (1080, 216, 120), {IGNORES_PADDING: (1800, 360, 200)})


# ch04.depthwise


FLIPS_KERNEL = "カーネルを裏返しています。深層学習の畳み込みは、カーネルをそのままの向きで掛けます。"
TRANSPOSES_KERNEL = "カーネルの縦と横が入れ替わっています。"
LACKS_PADDING = "出力が小さくなっています。まわりに 0 を (k - 1) / 2 画素ずつ足してから窓を動かしましょう。"
PADS_WITH_EDGE = "端の画素をくり返して足しています。まわりに足すのは 0 です。"
PADS_LIKE_KERAS = (
    "Keras の same は、偶数の大きさを stride 2 で進むとき、右と下にだけ 0 を足します。"
    "ここでは上下左右に同じだけ足しましょう。"
)
SUMS_CHANNELS = "チャネルの軸が消えています。チャネルについて足すのは pointwise の役目です。"
MIXES_CHANNELS = "ほかのチャネルの画素も足しています。depthwise では、チャネルは混ざりません。"
ONE_KERNEL = "どのチャネルにも最初のチャネルのカーネルを掛けています。カーネルはチャネルごとに違います。"
AVERAGES_WINDOW = "窓の平均を取っています。積を足すだけで、割りません。"
KEEPS_EVERY_PLACE = "stride を使っていません。窓は stride 画素おきに動かします。"


def expect_depthwise(
    answer: Answer, images: Array, kernels: Array, stride: int, right: Any, known: Mapping[str, Any]
) -> None:
    """Expects a depthwise convolution."""
    count, height, width, _ = images.shape
    given = answer.call("depthwise_convolution", images, kernels, stride)
    name = f"stride {stride} の depthwise_convolution"
    shape = shape_of(given, name)
    taps = len(kernels)
    small = (-(-(height - taps + 1) // stride), -(-(width - taps + 1) // stride))
    right_size = (-(-height // stride), -(-width // stride))
    expect(shape != (count, *right_size), SUMS_CHANNELS, Status.WRONG_SHAPE)
    expect(small == right_size or shape[1:3] != small, LACKS_PADDING, Status.WRONG_SHAPE)
    expect(stride == 1 or shape[1:3] != (height, width), KEEPS_EVERY_PLACE, Status.WRONG_SHAPE)
    expect_close(given, right, name, known=known)


def check_depthwise(answer: Answer) -> None:
    images = np.array(
        [
            [
                [[1, 0], [2, 1], [0, 3], [4, 1]],
                [[0, 2], [1, 1], [3, 0], [2, 5]],
                [[5, 1], [0, 0], [1, 2], [3, 1]],
            ]
        ],
        "float32",
    )
    kernels = np.stack(
        [[[1, 0, 2], [0, 3, 1], [-1, 0, 1]], [[0, 1, 0], [2, -1, 0], [0, 1, 3]]], axis=-1
    ).astype("float32")
    right = np.array(
        [
            [
                [[6, 5], [9, 0], [5, 14], [9, 10]],
                [[5, -1], [3, 10], [24, 10], [5, -3]],
                [[17, 1], [7, 3], [11, -2], [12, 8]],
            ]
        ]
    )
    expect_depthwise(
        answer,
        images,
        kernels,
        2,
        right[:, ::2, ::2],
        {
            PADS_LIKE_KERAS: [[[[9, 0], [9, 10]], [[7, 3], [12, 8]]]],
            FLIPS_KERNEL: [[[[4, 4], [6, -1]], [[14, 1], [2, 3]]]],
            TRANSPOSES_KERNEL: [[[[4, 4], [7, 14]], [[14, 3], [2, -1]]]],
            PADS_WITH_EDGE: [[[[11, 5], [15, 17]], [[12, 4], [14, 3]]]],
            MIXES_CHANNELS: [[[[8, 7], [19, 27]], [[22, -4], [29, 0]]]],
            ONE_KERNEL: [[[[6, 2], [5, 14]], [[17, 5], [11, 18]]]],
            AVERAGES_WINDOW: right[:, ::2, ::2] / 9,
        },
    )
    expect_depthwise(answer, images, kernels, 1, right, {})
    drawn = answer.rng.normal(0, 1, (2, 6, 5, 3)).astype("float32")
    nothing = np.zeros((5, 5, 3), "float32")
    nothing[2, 2] = 1
    expect_depthwise(answer, drawn, nothing, 1, drawn, {})


# ch04.growth


ADDS_CHANNELS = "ブロックでチャネルが増えていません。連結なので、1 層ごとに growth_rate チャネル増えます。"
FORGETS_INPUT = "ブロックに入ったチャネルを数えていません。ブロックの出力には、入力も連結されています。"
TRANSITION_AT_END = "最後のブロックのあとにも遷移層を置いています。遷移層はブロックとブロックの間だけです。"
NO_COMPRESSION = "遷移層でチャネルが減っていません。compression を掛けましょう。"
ROUNDS_UP = "遷移層のチャネルの小数を切り捨てていません (切り上げか四捨五入になっています)。"
HIDES_TRANSITIONS = (
    "遷移層のあとのチャネルが入っていません。ブロックのあと、遷移層のあと、の順にどちらも並べます。"
)
INPUT_STAYS = "ブロックの中で、層の入力のチャネルが増えていません。1 層ごとに growth_rate チャネル増えます。"
NO_BOTTLENECK = "1×1 の畳み込みがありません。1 層には 1×1 と 3×3 の 2 つの畳み込みがあります。"
WIDE_BOTTLENECK = "1×1 の出力が入力の 4 倍です。4 × growth_rate チャネルにします。"
NARROW_BOTTLENECK = "1×1 の出力が growth_rate チャネルです。4 × growth_rate チャネルにします。"
COUNTS_NORMS = "BatchNormalization の gamma と beta も数えています。数えるのは畳み込みの重みだけです。"
NO_TRANSITION_WEIGHTS = "遷移層の 1×1 の畳み込みを数えていません。"

GrowthCase = tuple[int, int, list[int], float]


def expect_channels(
    answer: Answer, case: GrowthCase, right: list[int], known: Mapping[str, list[int]]
) -> None:
    """Expects the channels after each block and transition."""
    expect_equal(
        answer.call("densenet_channels", *case),
        right,
        f"densenet_channels{case}",
        known={reason: wrong for reason, wrong in known.items() if wrong != right},
    )


def expect_convolution_weights(
    answer: Answer, case: GrowthCase, right: int, known: Mapping[str, int]
) -> None:
    """Expects the number of weights."""
    expect_close(
        answer.call("convolution_weights", *case),
        right,
        f"convolution_weights{case}",
        rtol=0,
        atol=0.5,
        known={reason: wrong for reason, wrong in known.items() if wrong != right},
    )


def check_growth(answer: Answer) -> None:
    expect_channels(
        answer,
        (5, 3, [2, 4, 1], 0.5),
        [11, 5, 17, 8, 11],
        {
            ADDS_CHANNELS: [5, 2, 2, 1, 1],
            FORGETS_INPUT: [6, 3, 12, 6, 3],
            TRANSITION_AT_END: [11, 5, 17, 8, 11, 5],
            NO_COMPRESSION: [11, 11, 23, 23, 26],
            ROUNDS_UP: [11, 6, 18, 9, 12],
            HIDES_TRANSITIONS: [11, 17, 11],
        },
    )
    expect_channels(answer, (64, 32, [6, 12, 24, 16], 0.5), [256, 128, 512, 256, 1024, 512, 1024], {})
    expect_convolution_weights(
        answer,
        (5, 3, [2, 4, 1], 0.5),
        3167,
        {
            INPUT_STAYS: 2915,
            NO_BOTTLENECK: 1784,
            WIDE_BOTTLENECK: 8799,
            NARROW_BOTTLENECK: 935,
            COUNTS_NORMS: 3509,
            TRANSITION_AT_END: 3222,
            NO_TRANSITION_WEIGHTS: 2976,
        },
    )
    expect_convolution_weights(answer, (64, 32, [6, 12, 24, 16], 0.5), 6_860_800, {})


# ch04.receptive_field


LACKS_SELF = "自分の時刻を数えていません。1 を足しましょう。"
USES_KERNEL_SIZE = "1 層で広がるのは kernel_size × dilation ではなく、(kernel_size - 1) × dilation です。"
IGNORES_DILATIONS = "dilation を使っていません。dilation が大きい層ほど、遠くまで見ます。"
IGNORES_STACKS = "stacks を使っていません。同じ組を重ねるたびに、受容野は広がります。"
MULTIPLIES_STACKS = "受容野をそのまま stacks 倍しています。自分の時刻は 1 回だけ数えます。"
LARGEST_DILATION = "いちばん大きい dilation だけを見ています。受容野は、全部の層の広がりの和です。"
DOUBLES_ONLY = "dilation を 1, 2, 4, … と決めつけています。dilations に書かれた値を使いましょう。"

FieldCase = tuple[int, list[int], int]


def expect_field(answer: Answer, case: FieldCase, right: int, known: Mapping[str, int]) -> None:
    """Expects the receptive field."""
    expect_close(
        answer.call("receptive_field", *case),
        right,
        f"receptive_field{case}",
        rtol=0,
        atol=1e-6,
        known={reason: wrong for reason, wrong in known.items() if wrong != right},
    )


def check_receptive_field(answer: Answer) -> None:
    doubling = [2**n for n in range(10)]
    expect_field(
        answer,
        (2, doubling, 1),
        1024,
        {LACKS_SELF: 1023, USES_KERNEL_SIZE: 2047, IGNORES_DILATIONS: 11, LARGEST_DILATION: 513},
    )
    expect_field(answer, (2, doubling, 3), 3070, {IGNORES_STACKS: 1024, MULTIPLIES_STACKS: 3072})
    expect_field(answer, (3, [1, 5, 2], 2), 33, {DOUBLES_ONLY: 29, MULTIPLIES_STACKS: 34})
    expect_field(answer, (1, [1, 2], 4), 1, {USES_KERNEL_SIZE: 13})


# ch04.causal_convolution


CAUSAL_FLIPS_KERNEL = "kernel の向きが逆です。kernel の最後が時刻 t に、最初がいちばん古い入力に掛かります。"
SEES_BOTH_SIDES = "前後に 0 を足したので、未来の入力も見ています。0 を足すのは始まりの前だけです。"
PADS_AT_END = "0 を終わりのあとに足したので、未来だけを見ています。0 は始まりの前に足します。"
SHORTENS = "出力が短くなっています。始まりの前に 0 を (k - 1) × dilation 個足すと、長さは変わりません。"
IGNORES_DILATION = "dilation を使っていません。kernel のとなりどうしは、dilation だけ離れた入力に掛かります。"
SKIPS_TOO_FAR = "間隔が dilation + 1 になっています。dilation が 2 なら、t, t - 2, t - 4, … です。"
REPEATS_FIRST = "始まりより前を最初の値で埋めています。ここでは 0 とします。"
LACKS_PRESENT = "時刻 t の入力を見ていません。kernel の最後は時刻 t に掛かります。"
LEAKS_FUTURE = "未来の入力を変えると、それより前の出力が変わりました。"


def expect_causal(
    answer: Answer, signal: Array, kernel: Array, dilation: int, right: Any, known: Mapping[str, Any]
) -> None:
    """Expects a causal convolution."""
    given = answer.call("causal_convolution", signal, kernel, dilation)
    name = f"dilation {dilation} の causal_convolution"
    shape, length = shape_of(given, name), signal.shape[1]
    expect(len(shape) != 3 or shape[1] >= length, SHORTENS, Status.WRONG_SHAPE)
    expect_close(given, right, name, known=known)


def check_no_leak(answer: Answer, length: int, taps: int, dilation: int) -> None:
    """Expects outputs that stay when the inputs after them change."""
    signal = answer.rng.normal(0, 1, (2, length, 3)).astype("float32")
    kernel = answer.rng.normal(0, 1, (taps, 3, 2)).astype("float32")
    now = int(answer.rng.integers(length // 3, length - 1))
    other = signal.copy()
    other[:, now + 1 :] += 5
    before, after = (
        expect_shape(
            answer.call("causal_convolution", x, kernel, dilation),
            (2, length, 2),
            "causal_convolution の結果",
        )
        for x in (signal, other)
    )
    expect(bool(np.allclose(before[:, : now + 1], after[:, : now + 1], atol=1e-5)), LEAKS_FUTURE)


def check_causal_convolution(answer: Answer) -> None:
    expect_causal(
        answer,
        np.array([[[1], [2], [0], [4], [3], [5]]], "float32"),
        np.array([[[1]], [[-2]], [[3]]], "float32"),
        2,
        np.array([3, 6, -2, 8, 10, 9]).reshape(1, 6, 1),
        {
            reason: np.array(values).reshape(1, 6, 1)
            for reason, values in {
                CAUSAL_FLIPS_KERNEL: [1, 2, -2, 0, 6, 3],
                SEES_BOTH_SIDES: [-2, 8, 10, 9, -6, -6],
                PADS_AT_END: [10, 9, -6, -6, 3, 5],
                IGNORES_DILATION: [3, 4, -3, 14, 1, 13],
                SKIPS_TOO_FAR: [3, 6, 0, 10, 5, 15],
                REPEATS_FIRST: [2, 5, -1, 9, 10, 9],
                LACKS_PRESENT: [0, 0, 3, 6, -2, 8],
            }.items()
        },
    )
    expect_causal(
        answer,
        np.array([[[1, 0], [2, 1], [0, 3]], [[1, 2], [3, 1], [0, 1]]], "float32"),
        np.array([[[1, 0, 2], [0, 1, -1]], [[2, 1, 0], [1, -1, 3]]], "float32"),
        1,
        np.array([[[2, 1, 0], [6, 1, 5], [5, -2, 12]], [[4, -1, 6], [8, 4, 3], [4, 0, 8]]]),
        {},
    )
    expect_causal(
        answer,
        np.array([[[1], [2]]], "float32"),
        np.array([[[7]], [[3]], [[5]]], "float32"),
        4,
        np.array([[[5], [10]]]),
        {REPEATS_FIRST: np.array([[[15], [20]]])},
    )
    check_no_leak(answer, length=12, taps=3, dilation=2)


# ch04.mu_law


NOT_INTEGERS = "符号が整数ではありません。丸めてから整数の型に変えましょう。"
LINEAR_CODES = "対数がありません。f を求めずに、値をそのまま等間隔に分けています。"
TRUNCATES = "切り捨てています。いちばん近い整数に丸めましょう (0.5 を足して切り捨てます)。"
ROUNDS_TO_EVEN = "ちょうど真ん中の値が小さいほうに丸められています。np.round などは偶数のほうに丸めるので、0.5 を足して切り捨てましょう。"
NOT_CLIPPED = "-1〜1 の外の値が 0〜mu からはみ出しています。先に -1〜1 に切りましょう。"
LACKS_SIGN = "負の値が正の値と同じ符号になっています。f に sign(x) を掛けましょう。"
NOT_DIVIDED = "ln(1 + mu) で割っていません。"
LOG_OF_MU = "ln(mu) で割っています。割るのは ln(1 + mu) です。"
SCALED_BY_256 = "mu ではなく mu + 1 を掛けています。符号は 0〜mu の mu + 1 通りです。"
FIXED_MU = "encode が mu を使わず、いつも 255 で計算しています。"
DECODES_LINEAR = "decode が f をそのまま返しています。μ-law の逆関数に通しましょう。"
DECODES_WITHOUT_SIGN = "decode の結果に負の値がありません。sign(f) を掛けましょう。"
DECODE_LACKS_ONE = "decode の式の -1 がありません。(1 + mu)^|f| から 1 を引きます。"
DECODES_FIXED_MU = "decode が mu を使わず、いつも 255 で計算しています。"


def encoded(answer: Answer, waveform: Array, mu: int) -> Array:
    """Encodes, and expects integers of the waveform's shape."""
    given = answer.call("mu_law_encode", waveform, mu)
    codes = expect_shape(given, waveform.shape, "mu_law_encode の結果")
    expect(np.asarray(given).dtype.kind in "iu", NOT_INTEGERS, Status.WRONG_TYPE)
    return codes


def expect_encoded(
    answer: Answer, waveform: Array, mu: int, right: npt.ArrayLike, known: Mapping[str, npt.ArrayLike]
) -> None:
    """Expects the codes of a waveform."""
    expect_close(encoded(answer, waveform, mu), right, f"mu = {mu} の符号", rtol=0, atol=0.1, known=known)


def expect_decoded(
    answer: Answer, codes: Array, mu: int, right: npt.ArrayLike, known: Mapping[str, npt.ArrayLike]
) -> None:
    """Expects the values of codes."""
    given = answer.call("mu_law_decode", codes, mu)
    expect_close(given, right, f"mu = {mu} で decode した値", rtol=1e-3, atol=1e-6, known=known)


def check_round_trip(answer: Answer, shape: Shape) -> None:
    """Expects every code to come back."""
    codes = np.arange(np.prod(shape)).reshape(shape)
    mu = codes.size - 1
    decoded = expect_shape(answer.call("mu_law_decode", codes, mu), shape, "mu_law_decode の結果")
    expect_close(encoded(answer, decoded, mu), codes, "decode してから encode した符号", rtol=0, atol=0.1)


def check_mu_law(answer: Answer) -> None:
    expect_encoded(
        answer,
        np.array([-1, -0.3, -0.02, 0, 0.001, 0.02, 0.3, 0.8, 1, 1.7, 0.6591, -3]),
        255,
        [0, 27, 86, 128, 133, 169, 228, 250, 255, 255, 245, 0],
        {
            LINEAR_CODES: [0, 89, 125, 128, 128, 130, 166, 230, 255, 255, 212, 0],
            TRUNCATES: [0, 27, 85, 127, 132, 169, 227, 249, 255, 255, 245, 0],
            NOT_CLIPPED: [0, 27, 86, 128, 133, 169, 228, 250, 255, 267, 245, -25],
            LACKS_SIGN: [255, 228, 169, 128, 133, 169, 228, 250, 255, 255, 245, 255],
            NOT_DIVIDED: [-580, -427, -103, 128, 156, 358, 682, 806, 835, 835, 782, -580],
            SCALED_BY_256: [0, 28, 86, 128, 133, 170, 228, 251, 256, 256, 246, 0],
            LOG_OF_MU: [0, 27, 86, 128, 133, 169, 228, 250, 255, 255, 246, 0],
        },
    )
    expect_encoded(
        answer,
        np.array([-1, -0.2, 0, 0.0004, 0.05, 0.5, 1]),
        101,
        [0, 17, 51, 51, 70, 94, 101],
        {ROUNDS_TO_EVEN: [0, 17, 50, 51, 70, 94, 101], FIXED_MU: [0, 37, 128, 130, 188, 239, 255]},
    )
    decoded = [-1, -0.416744, -0.00904676, -8.62116e-05, 8.62116e-05, 0.00283244, 0.215164, 1]
    expect_decoded(
        answer,
        np.array([0, 20, 100, 127, 128, 140, 220, 255]),
        255,
        decoded,
        {
            DECODES_LINEAR: [-1, -0.843137, -0.215686, -0.00392157, 0.00392157, 0.0980392, 0.72549, 1],
            DECODES_WITHOUT_SIGN: np.abs(decoded),
            DECODE_LACKS_ONE: np.array(decoded) + np.sign(decoded) / 255,
        },
    )
    expect_decoded(
        answer,
        np.array([0, 10, 50, 51, 80, 101]),
        101,
        [-1, -0.394243, -4.63925e-04, 4.63925e-04, 0.137676, 1],
        {DECODES_FIXED_MU: [-1, -0.645936, -0.11018, -0.105324, -0.0270275, -0.00849484]},
    )
    check_round_trip(answer, (16, 16))


# ch04.generate


TAKES_LIKELIEST = "いつも確率が最大の符号を選んでいます。uniforms を使って、確率のとおりに選びましょう。"
OWN_RANDOM = "同じ入力でも結果が変わります。乱数は、渡された uniforms だけを使いましょう。"
WINDOW_STAYS = "窓が動いていません。作った符号を加えて、窓を 1 つずつ進めましょう。"
OLDEST_WINDOW = "古いほうの符号を渡しています。渡すのは、いちばん新しい receptive_field 個です。"
REVERSED_WINDOW = "窓が新しい順に並んでいます。古い順に渡しましょう。"
PADS_WITH_ZERO = "足りないところを 0 で埋めています。無音の符号は 128 です。"
PADS_NEW_SIDE = "足りないところを新しい側で埋めています。埋めるのは古い側です。"
ONE_UNIFORM = "どの符号にも最初の乱数を使っています。1 つ作るごとに、次の乱数を使いましょう。"
ONE_TOO_HIGH = "選ぶ符号が 1 つずれています。和が乱数をはじめて超えた、その符号を選びます。"
CODES_NOT_INTEGERS = "作った符号が整数ではありません。整数の配列で返しましょう。"
STOPS_WHEN_EQUAL = "和が乱数と等しいところで止まっています。選ぶのは、和が乱数をはじめて超えた符号です (確率 0 の符号は選びません)。"
RETURNS_START = "start も返しています。返すのは作った符号だけです。"


def expect_codes(
    answer: Answer,
    weights: Sequence[int],
    start: Sequence[int],
    uniforms: Sequence[float],
    right: Sequence[int],
    known: Mapping[str, Sequence[int]],
) -> None:
    """Expects the codes that a model of the next code leads to."""
    model = answer.probe("code_model", list(weights))
    case = (model, list(start), np.array(uniforms), len(weights))
    given = answer.call("generate", *case)
    with_start = (len(start) + len(uniforms),)
    expect(not start or shape_of(given, "作った符号") != with_start, RETURNS_START, Status.WRONG_SHAPE)
    codes = expect_shape(given, (len(uniforms),), "作った符号")
    expect(np.asarray(given).dtype.kind in "iu", CODES_NOT_INTEGERS, Status.WRONG_TYPE)
    again = expect_shape(answer.call("generate", *case), (len(uniforms),), "作った符号")
    expect(bool((codes == again).all()), OWN_RANDOM)
    expect_close(codes, right, "作った符号", rtol=0, atol=0.1, known=known)


def check_generate(answer: Answer) -> None:
    uniforms = [0.05, 0.55, 0.83, 0.97, 0.35, 0.62]
    expect_codes(
        answer,
        [1, 3, 5],
        [10, 20, 30, 40],
        uniforms,
        [54, 171, 73, 204, 130, 62],
        {
            TAKES_LIKELIEST: [54, 164, 254, 24, 22, 180],
            WINDOW_STAYS: [54, 61, 94, 154, 54, 61],
            OLDEST_WINDOW: [4, 220, 227, 227, 220, 220],
            REVERSED_WINDOW: [14, 35, 61, 243, 89, 106],
            ONE_UNIFORM: [54, 8, 26, 52, 90, 120],
            ONE_TOO_HIGH: [55, 177, 107, 198, 209, 218],
        },
    )
    expect_codes(
        answer,
        [1, 3, 5],
        [200],
        uniforms,
        [16, 47, 234, 147, 204, 166],
        {PADS_WITH_ZERO: [16, 175, 139, 252, 60, 178], PADS_NEW_SIDE: [44, 211, 147, 232, 20, 182]},
    )
    expect_codes(
        answer,
        [2, 3],
        [],
        [0.0, *uniforms[1:]],
        [128, 135, 189, 169, 117, 184],
        {STOPS_WHEN_EQUAL: [0, 7, 61, 237, 65, 164]},
    )


# ch04.wavenet


LIMIT = 0.2
"""Largest mean squared error, as a share of that of answering 0."""
WARM_UP = 32
"""Samples at the start that are not judged: there the echo has not come back yet."""

LACKS_CHANNEL = "出力に最後の軸がありません。形は (本数, 長さ, 1) です。"
ONE_PREDICTION = "最後の時刻の予測だけを返しています。すべての時刻について、次の値を返しましょう。"
MODEL_SEES_FUTURE = '未来の入力を変えると、前の出力が変わりました。畳み込みは padding="causal" にしましょう。'
PREDICTS_PRESENT = "次の値ではなく、いまの値を当てています。目標を 1 サンプルずらしましょう。"
PREDICTS_TOO_FAR = "2 つ先の値を当てています。時刻 t の目標は、t + 1 の値です。"
FIELD_TOO_SHORT = (
    "出力が 32 サンプル前の入力まで届いていません。畳み込みなら、dilation を 1, 2, 4, … と広げましょう。"
)
IS_LINEAR = "モデルが線形です。畳み込みの間に活性化関数を入れましょう。"
LAST_IS_WRONG = "最後の時刻の予測の誤差が、ほかの時刻より大きくなっています。どの時刻も、それまでの入力だけから予測しましょう。"
NOT_TRAINED = "0 と答え続けるのと変わりません。学習しましたか。"
NOT_GOOD_ENOUGH = (
    "0 と答え続けるよりはよいですが、まだ誤差が大きすぎます。エポックや学習率、チャネルの数を見直しましょう。"
)


def draw_signals(rng: np.random.Generator, count: int, length: int, delays: tuple[int, int]) -> Array:
    """Draws waveforms whose every sample is made of two echoes and a little noise.

    Args:
        rng: Source of the noise.
        count: Waveforms.
        length: Samples of each.
        delays: Samples after which the echoes come back, at most 32.

    Returns:
        Shape ``(count, length)``, float32.
    """
    settling, before = 200, max(delays)
    signals = np.zeros((count, settling + length))
    signals[:, :before] = rng.uniform(-1, 1, (count, before))
    noise = rng.normal(0, 0.15, signals.shape)
    first, second = delays
    for t in range(before, settling + length):
        echoes = 0.6 * np.cos(4 * signals[:, t - first]) + 0.6 * np.sin(3 * signals[:, t - second])
        signals[:, t] = echoes + noise[:, t]
    return signals[:, settling:].astype("float32")


def predicted(answer: Answer, model: Handle, signals: Array) -> Array:
    """Predictions of a model, shape ``(count, length)``."""
    count, length = signals.shape
    given = answer.probe("predict", model, signals[..., np.newaxis])
    shape = shape_of(given, "モデルの出力")
    expect(shape != (count, length), LACKS_CHANNEL, Status.WRONG_SHAPE)
    expect(shape not in [(count, 1), (count, 1, 1)], ONE_PREDICTION, Status.WRONG_SHAPE)
    return expect_shape(given, (count, length, 1), "モデルの出力")[..., 0]


def moved_outputs(answer: Answer, model: Handle, signals: Array, place: int) -> Array:
    """Says of each time whether the output there moves with one input, shape ``(length,)``."""
    other = signals.copy()
    other[:, place] += 1
    change = np.abs(predicted(answer, model, other) - predicted(answer, model, signals))
    return np.asarray(change.max(axis=0) > 1e-4)


def is_linear(answer: Answer, model: Handle, signals: Array) -> bool:
    """Says whether the model of a sum is the sum of the models."""
    one, two = signals[:1], signals[1:2]
    both, alone, nothing = (
        predicted(answer, model, x) for x in (one + two, np.concatenate([one, two]), 0 * one)
    )
    return bool(np.allclose(both + nothing, alone[:1] + alone[1:], atol=1e-3))


def reach(answer: Answer, model: Handle, signals: Array) -> int:
    """How many samples back from an output the oldest input lies that moves it, itself counted."""
    found = 0
    for place in (8, 60, 150):
        moved = moved_outputs(answer, model, signals, place).nonzero()[0]
        found = max(found, int(moved[-1]) - place + 1 if len(moved) else 0)
    return found


def explain_predictor(answer: Answer, model: Handle, signals: Array, share: float) -> str:
    """Says why a causal model predicts badly."""
    output = predicted(answer, model, signals)[:, WARM_UP:-2]
    enough = LIMIT * np.mean(signals**2)
    if np.mean((output - signals[:, WARM_UP:-2]) ** 2) < enough:
        return PREDICTS_PRESENT
    if np.mean((output - signals[:, WARM_UP + 2 :]) ** 2) < enough:
        return PREDICTS_TOO_FAR
    if reach(answer, model, signals) < WARM_UP:
        return FIELD_TOO_SHORT
    if share > 0.95:
        return NOT_TRAINED
    return IS_LINEAR if is_linear(answer, model, signals) else NOT_GOOD_ENOUGH


def check_predictor_at(answer: Answer, delays: tuple[int, int]) -> None:
    """Expects a causal model that has learned the echoes, on waveforms that it has not seen."""
    training = draw_signals(answer.rng, 64, 400, delays)
    unseen = draw_signals(answer.rng, 16, 360, delays)
    model = expect_model(answer.call("train_predictor", training), "train_predictor(signals)")
    output = predicted(answer, model, unseen)
    expect(bool(np.isfinite(output).all()), "モデルの出力に NaN か無限大があります。")
    place = int(answer.rng.integers(150, 250))
    expect(not moved_outputs(answer, model, unseen, place)[:place].any(), MODEL_SEES_FUTURE)
    target = unseen[:, WARM_UP + 1 :]
    share = float(np.mean((output[:, WARM_UP:-1] - target) ** 2) / np.mean(target**2))
    good = share <= LIMIT
    expect(good, NOT_GOOD_ENOUGH if good else explain_predictor(answer, model, unseen, share))
    # The value after the last is never sent: who gives back what it was sent does not know it.
    fresh = draw_signals(answer.rng, 2000, 2 * WARM_UP + 1, delays)
    secret = fresh[:, -1]
    last = predicted(answer, model, fresh[:, :-1])[:, -1]
    expect(float(np.mean((last - secret) ** 2) / np.mean(secret**2)) <= LIMIT, LAST_IS_WRONG)


def check_wavenet(answer: Answer) -> None:
    check_predictor_at(answer, (13, 29))


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch04.multiply_adds",
        title="積和の回数を数える",
        points=1,
        symbols=("multiply_adds",),
        template='''def multiply_adds(height, width, channels_in, channels_out, kernel_size, stride, padding):
    """(通常の畳み込み, depthwise, pointwise) の積和の回数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_multiply_adds,
        hints=(
            "どれも「出力の画素の数 × 1 画素を作る積和の数」です。まず出力の高さと幅を求めましょう。",
            "切り上げは -(-height // stride) と書けます。valid のときは (height - kernel_size) // stride + 1 です。",
            "1 画素を作るのに、通常の畳み込みは kernel_size² × channels_in × channels_out 回、depthwise は kernel_size² × channels_in 回、pointwise は channels_in × channels_out 回です。",
        ),
    ),
    number_question(
        id="ch04.predict_share",
        title="1×1 の割合を予想する",
        unit="%",
        low=0,
        high=100,
        hints=("出力の 1 画素、1 チャネルを作る積和は、depthwise が K² = 9 回、1×1 が C 回です。",),
    ),
    Exercise(
        id="ch04.depthwise",
        title="depthwise 畳み込み",
        points=2,
        symbols=("depthwise_convolution",),
        template='''import numpy as np

def depthwise_convolution(images, kernels, stride):
    """チャネルごとに 1 枚のカーネルを掛ける畳み込みです。まわりには 0 を (k - 1) / 2 画素ずつ足します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_depthwise,
        hints=(
            "np.pad(images, ((0, 0), (p, p), (p, p), (0, 0))) で、高さと幅の両端にだけ 0 が足されます。",
            "カーネルの画素 (i, j) ごとに、ずらした画像全体とその重みの積を足していくと、ループは k × k 回ですみます。",
            "ずらした画像は padded[:, i : i + height : stride, j : j + width : stride] です。kernels[i, j] の形は (チャネル,) なので、そのまま掛けられます。",
        ),
    ),
    Exercise(
        id="ch04.growth",
        title="DenseNet のチャネルと重みの数",
        points=2,
        symbols=("densenet_channels", "convolution_weights"),
        template='''def densenet_channels(channels, growth_rate, depths, compression):
    """ブロックのあと、遷移層のあと、… のチャネルの数をリストで返します。"""
    raise NotImplementedError("ここを書きましょう")

def convolution_weights(channels, growth_rate, depths, compression):
    """ブロックと遷移層の畳み込みの重みの数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_growth,
        hints=(
            "depth 個の層のブロックを通ると、チャネルは depth × growth_rate 増えます。遷移層は int(compression × チャネル) です。",
            "ブロックの n 番目 (0 から) の層の入力は、ブロックに入ったチャネル + n × growth_rate です。",
            "入力が c チャネルの層の重みは c × 4k + 9 × 4k × k (k は growth_rate)、c チャネルから d チャネルへの遷移層の重みは c × d です。最後のブロックのあとに遷移層はありません。",
        ),
    ),
    question(
        id="ch04.predict_time",
        title="推論の時間を予想する",
        options={
            "ア": "5 分の 1 くらいになる",
            "イ": "半分くらいになる",
            "ウ": "ほとんど変わらないか、かえって長くなる",
        },
        hints=("MobileNet のブロックは 2 つの畳み込みからできていて、層の数が多くなります。",),
    ),
    number_question(
        id="ch04.decide_growth",
        title="測って、決める",
        unit="",
        low=1,
        high=8,
        hints=(
            "growth を 1 から 8 まで変え、そのたびに NETWORKS の組と small を作り直して、2 つの数を表示しましょう。",
            "どちらの数も、成長率とともに増えます。先に限度を超えるほうが、答えを決めます。",
        ),
    ),
    Exercise(
        id="ch04.receptive_field",
        title="受容野",
        points=1,
        symbols=("receptive_field",),
        template='''def receptive_field(kernel_size, dilations, stacks):
    """因果的な畳み込みを重ねたときの受容野 (サンプルの数) を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_receptive_field,
        hints=(
            "まず 1 層だけを考えましょう。幅 2、dilation 4 なら、見ているのは t と t - 4 です。いちばん古いものまで何サンプルありますか。",
            "1 層を重ねるごとに、(kernel_size - 1) × dilation だけ古いところまで届きます。",
            "全部の層の広がりの和に、自分の時刻の 1 を足します。",
        ),
    ),
    Exercise(
        id="ch04.causal_convolution",
        title="因果的な畳み込み",
        points=2,
        symbols=("causal_convolution",),
        template='''import numpy as np

def causal_convolution(signal, kernel, dilation):
    """時刻 t の出力が t, t - dilation, t - 2·dilation, … の入力だけから決まる畳み込みです。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_causal_convolution,
        hints=(
            "始まりの前に 0 を (k - 1) × dilation 個足すと、あとは普通の畳み込みになります。終わりには足しません。",
            "padded[:, j * dilation : j * dilation + length] は、kernel[j] が掛かる入力を時刻の順に並べたものです。",
            "その (本数, 長さ, 入力のチャネル) の配列に @ kernel[j] を掛け、j = 0, …, k - 1 について足します。",
        ),
    ),
    Exercise(
        id="ch04.mu_law",
        title="μ-law",
        points=1,
        symbols=("mu_law_encode", "mu_law_decode"),
        template='''import numpy as np

def mu_law_encode(waveform, mu):
    """-1〜1 の波形を、μ-law で 0〜mu の整数の符号に変えます。"""
    raise NotImplementedError("ここを書きましょう")

def mu_law_decode(codes, mu):
    """0〜mu の符号を、-1〜1 の波形に戻します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_mu_law,
        hints=(
            "np.clip で -1〜1 に切り、np.sign と np.log1p(mu * np.abs(x)) を使います。log1p(z) は ln(1 + z) です。",
            "いちばん近い整数は np.floor(値 + 0.5) です。最後に .astype(int) で整数にします。",
            "decode は、f = 2 * codes / mu - 1 から np.sign(f) * ((1.0 + mu) ** np.abs(f) - 1) / mu です。",
        ),
    ),
    Exercise(
        id="ch04.wavenet",
        title="波形の次の値を当てる",
        points=3,
        symbols=("train_predictor",),
        template='''import keras

def train_predictor(signals):
    """時刻 t までの値から時刻 t + 1 の値を当てる keras.Model を学習して返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_wavenet,
        hints=(
            "入力は signals[:, :-1]、目標は 1 つずらした signals[:, 1:] です。どちらにも最後の軸 [..., np.newaxis] を付けます。",
            '幅 2 の Conv1D(padding="causal", dilation_rate=…, activation="relu") を、dilation 1, 2, 4, 8, 16 と重ねると、受容野は 32 です。最後は活性化関数のない Conv1D(1, 1) です。',
            "チャネルは 32、Adam の学習率は 0.01、バッチサイズは 8、エポックは 20 ほどで届きます。損失は平均二乗誤差です。",
        ),
        time_limit=180.0,
    ),
    Exercise(
        id="ch04.generate",
        title="1 サンプルずつ作る",
        points=2,
        symbols=("generate",),
        template='''import numpy as np

def generate(next_probabilities, start, uniforms, receptive_field):
    """乱数 1 個につき符号を 1 つ選び、作った符号だけを返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_generate,
        hints=(
            "これまでの符号のリストを 1 本持ち、選んだ符号を後ろに足していきます。",
            "[128] * receptive_field を前に付けておくと、codes[-receptive_field:] がいつも窓になります。",
            "np.cumsum(確率) が乱数をはじめて超える場所は、np.argmax(np.cumsum(確率) > u) です。",
        ),
    ),
    question(
        id="ch04.predict_undilated",
        title="ダイレーションのない歌を予想する",
        options={
            "ア": "次のサンプルを当てられず、音の高さも楽譜から外れる",
            "イ": "次のサンプルは当てにくくなるが、音の高さは楽譜どおりになる",
            "ウ": "次のサンプルの当てやすさも、音の高さも、ほとんど変わらない",
        },
        hints=("音の高さは、時刻ごとの条件として渡しています。過去の波形だけが手がかりではありません。",),
    ),
]
