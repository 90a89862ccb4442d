"""Chapter 7: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_equal, expect_parts, expect_shape, shape_of
from grader.exercise import Answer, Exercise, Status, number_question, question

Array = npt.NDArray[Any]
Known = Mapping[str, Any]


def numbers(text: str, *shape: int) -> Array:
    """An array of numbers that are written out."""
    return np.array(text.split(), dtype="float64").reshape(shape)


def spelled(known: Known, right: Any) -> dict[str, Any]:
    """Known wrong values, of which those that are written out as text get the right value's shape."""
    shape = np.shape(right)
    return {why: numbers(wrong, *shape) if isinstance(wrong, str) else wrong for why, wrong in known.items()}


# ch07.patchify


ONLY_RESHAPES = "reshape だけでは、画素がパッチごとに集まりません。縦のパッチ、パッチの中の行、横のパッチ、パッチの中の列に分けてから、軸を入れ替えましょう。"
DOWN_COLUMNS = "パッチが 1 列ずつ縦に並んでいます。左上から右へ 1 行ずつ並べましょう。"
PIXELS_DOWN = "パッチの中の画素が縦に並んでいます。パッチの中も、左上から右へ 1 行ずつ並べましょう。"
CHANNELS_FIRST = "パッチの中の数が、チャネルごとに並んでいます。1 画素のチャネルを続けて並べましょう。"
LEAVES_GRID = "パッチが格子の形のままです。縦と横のパッチの軸を 1 つにまとめましょう。"
MIXES_IMAGES = "画像の軸がなくなっています。結果の形は (枚数, パッチの数, パッチ 1 枚の数の個数) です。"
ONLY_RESHAPES_BACK = "unpatchify が reshape だけになっています。戻すときも、軸の入れ替えが要ります。"
BACK_DOWN_COLUMNS = "unpatchify が、パッチを縦の順に置いています。左上から右へ 1 行ずつ置きましょう。"
BACK_IS_SQUARE = "unpatchify の結果の形が違います。縦と横の長さが違う画像もあります。"
NOT_INVERSE = "unpatchify(patchify(画像)) が、もとの画像になりません。"


def expect_patches(
    answer: Answer, images: Array, size: int, right: Any, known: Known, known_back: Known
) -> None:
    count, height, width, channels = images.shape
    given = answer.call("patchify", images, size)
    shape, length = shape_of(given, "patchify の結果"), size**2 * channels
    grid = (height // size, width // size)
    expect(shape != (count, *grid, length), LEAVES_GRID, Status.WRONG_SHAPE)
    expect(shape != (count * grid[0] * grid[1], length), MIXES_IMAGES, Status.WRONG_SHAPE)
    expect_close(given, right, "patchify(images, size)", known=spelled(known, right))
    back = answer.call("unpatchify", np.array(right), height, width, size)
    expect(shape_of(back, "unpatchify の結果") == images.shape, BACK_IS_SQUARE, Status.WRONG_SHAPE)
    expect_close(back, images, "unpatchify(patches, height, width, size)", known=spelled(known_back, images))


def check_patchify(answer: Answer) -> None:
    expect_patches(
        answer,
        np.arange(24).reshape(1, 4, 6, 1),
        2,
        numbers("0 1 6 7 2 3 8 9 4 5 10 11 12 13 18 19 14 15 20 21 16 17 22 23", 1, 6, 4),
        {
            ONLY_RESHAPES: "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
            DOWN_COLUMNS: "0 1 6 7 12 13 18 19 2 3 8 9 14 15 20 21 4 5 10 11 16 17 22 23",
            PIXELS_DOWN: "0 6 1 7 2 8 3 9 4 10 5 11 12 18 13 19 14 20 15 21 16 22 17 23",
        },
        {
            ONLY_RESHAPES_BACK: "0 1 6 7 2 3 8 9 4 5 10 11 12 13 18 19 14 15 20 21 16 17 22 23",
            BACK_DOWN_COLUMNS: "0 1 4 5 14 15 6 7 10 11 20 21 2 3 12 13 16 17 8 9 18 19 22 23",
        },
    )
    expect_patches(
        answer,
        np.arange(32).reshape(2, 2, 4, 2),
        2,
        numbers(
            "0 1 2 3 8 9 10 11 4 5 6 7 12 13 14 15 16 17 18 19 24 25 26 27 20 21 22 23 28 29 30 31", 2, 2, 8
        ),
        {
            CHANNELS_FIRST: "0 2 8 10 1 3 9 11 4 6 12 14 5 7 13 15 16 18 24 26 17 19 25 27 20 22 28 30 21 23 29 31"
        },
        {},
    )
    images = answer.rng.normal(0, 1, (2, 9, 6, 3))
    patches = expect_shape(answer.call("patchify", images, 3), (2, 6, 27), "patchify の結果")
    expect_close(patches[:, 1], images[:, :3, 3:].reshape(2, 27), "右上のパッチ")
    back = expect_shape(answer.call("unpatchify", patches, 9, 6, 3), images.shape, "unpatchify の結果")
    expect(bool(np.allclose(back, images, atol=1e-5)), NOT_INVERSE)


# ch07.embed


CLS_LAST = "CLS が最後にあります。トークンの列の先頭に置きましょう。"
LACKS_BIAS = "パッチにバイアスを足していません。"
LACKS_POSITIONS = "位置の埋め込みを足していません。CLS もパッチも、それぞれの行を足します。"
CLS_LACKS_POSITION = "CLS の分の位置の埋め込みを足していません。positions の先頭の行が CLS のものです。"
POSITIONS_OFF = "先頭の位置を 1 枚目のパッチに足しています。positions の先頭の行は CLS のものです。"
CLS_HAS_BIAS = "CLS にまでバイアスを足しています。kernel と bias はパッチだけに使います。"
MULTIPLIES_POSITIONS = "位置の埋め込みを掛けています。掛けるのではなく、足しましょう。"
LACKS_CLS = "CLS がありません。トークンはパッチより 1 つ多くなります。"
CLS_ONCE = "はじめの 1 枚にだけ CLS があります。どの画像にも同じ CLS を置きましょう。"


def expect_embedded(answer: Answer, given: Sequence[Array], right: Any, known: Known) -> None:
    patches, dim = given[0], given[1].shape[1]
    tokens = answer.call("embed", *given)
    without = (patches.shape[0], patches.shape[1], dim)
    expect(shape_of(tokens, "embed の結果") != without, LACKS_CLS, Status.WRONG_SHAPE)
    expect_close(tokens, right, "embed(patches, kernel, bias, cls, positions)", known=spelled(known, right))


def check_embed(answer: Answer) -> None:
    expect_embedded(
        answer,
        [
            np.array([[[1.0, 2, 0], [0, 1, 3]], [[2, 0, 1], [1, 1, 1]]]),
            np.array([[1.0, -1], [2, 0], [0, 3]]),
            np.array([0.5, -2]),
            np.array([7.0, -8]),
            np.array([[10.0, 20], [30, 50], [-40, 60]]),
        ],
        numbers("17 12 35.5 47 -37.5 67 17 12 32.5 49 -36.5 60", 2, 3, 2),
        {
            CLS_LAST: "15.5 17 32.5 57 -33 52 12.5 19 33.5 50 -33 52",
            LACKS_BIAS: "17 12 35 49 -38 69 17 12 32 51 -37 62",
            LACKS_POSITIONS: "7 -8 5.5 -3 2.5 7 7 -8 2.5 -1 3.5 0",
            CLS_LACKS_POSITION: "7 -8 35.5 47 -37.5 67 7 -8 32.5 49 -36.5 60",
            POSITIONS_OFF: "7 -8 15.5 17 32.5 57 7 -8 12.5 19 33.5 50",
            CLS_HAS_BIAS: "17.5 10 35.5 47 -37.5 67 17.5 10 32.5 49 -36.5 60",
            MULTIPLIES_POSITIONS: "70 -160 165 -150 -100 420 70 -160 75 -50 -140 0",
            CLS_ONCE: "17 12 35.5 47 -37.5 67 10 20 32.5 49 -36.5 60",
        },
    )
    column = np.array([[[2.0], [3], [-1]]])
    given = [column, np.array([[1.0, 10]]), np.array([3.0, 4]), np.array([5.0, 6]), np.eye(4, 2)]
    expect_embedded(answer, given, numbers("6 6 5 25 6 34 2 -6", 1, 4, 2), {})


# ch07.encoder_block


POST_NORM = "足したあとに正規化しています (post-norm)。ViT では、枝に入る前に正規化します (pre-norm)。"
LACKS_FIRST_SUM = "注意のあとの残差接続がありません。注意の結果を、ブロックの入力に足しましょう。"
LACKS_SECOND_SUM = "MLP のあとの残差接続がありません。MLP の結果を、注意を足したものに足しましょう。"
ADDS_INPUT = "MLP の結果を、ブロックの入力に足しています。足す相手は、注意を足したあとの値です。"
LACKS_FIRST_NORM = "注意の前の正規化がありません。"
LACKS_SECOND_NORM = "MLP の前の正規化がありません。"
RAW_VALUES = "値を、正規化する前の入力から求めています。クエリもキーも値も、正規化したものから求めます。"
NOT_SCALED = "得点を割っていません。softmax の前に √(ヘッド 1 つの次元) で割りましょう。"
SCALED_BY_DIM = "得点を、全体の次元の平方根で割っています。割るのは √(ヘッド 1 つの次元) です。"
ONE_HEAD = "ヘッドに分けて計算していません。ヘッドごとに、自分の列だけで注意を計算しましょう。"
HEADS_INTERLEAVED = "ヘッドの列の分け方が互い違いです。ヘッドごとに、続いた列を使いましょう。"
HEADS_MIXED = "ヘッドの結果をつなぐときに、トークンの軸とヘッドの軸が混ざっています。reshape の前に軸を入れ替えましょう。"
WRONG_SOFTMAX = "softmax の向きが違います。1 つのトークンが見る重み (行) の和を 1 にしましょう。"
LACKS_OUTPUT = "ヘッドをつないだあとに、output を掛けていません。"
LACKS_OUTPUT_BIAS = "output_bias を足していません。"
USES_RELU = "GELU ではなく ReLU になっています。"
USES_TANH = "GELU が tanh による近似です。ここでは、正規分布の関数 Φ (erf) を使う正確な式にしましょう。"
NORM_OVER_IMAGE = "画像全体で平均と分散を取っています。トークン 1 つずつで取りましょう。"
NORM_OVER_TOKENS = "トークンをまたいで正規化しています。1 つのトークンの中の平均と分散を使いましょう。"
OTHER_EPSILON = "正規化で分散に足す値が違います。1e-6 です。"
EPSILON_OUTSIDE = "1e-6 を標準偏差に足しています。分散に足してから平方根を取りましょう。"
CROSSES_IMAGES = "ある画像の結果が、ほかの画像によって変わっています。画像ごとに計算しましょう。"
NOT_EQUIVARIANT = "トークンを並び替えると、結果が同じように並び替わりません。順番を使わずに計算しましょう。"

BLOCK_SHAPES = {
    "gamma1": ("dim",),
    "beta1": ("dim",),
    "query": ("dim", "dim"),
    "key": ("dim", "dim"),
    "value": ("dim", "dim"),
    "output": ("dim", "dim"),
    "output_bias": ("dim",),
    "gamma2": ("dim",),
    "beta2": ("dim",),
    "expand": ("dim", "mlp"),
    "expand_bias": ("mlp",),
    "shrink": ("mlp", "dim"),
    "shrink_bias": ("dim",),
}
"""Shapes of an encoder block's weights, by name."""


def block_weights(dim: int, mlp: int) -> dict[str, Array]:
    """Weights of an encoder block that look random, in quarters from -5/4 to 5/4."""
    sizes = {"dim": dim, "mlp": mlp}
    weights = {}
    for k, (name, sides) in enumerate(BLOCK_SHAPES.items()):
        shape = [sizes[side] for side in sides]
        i = np.arange(int(np.prod(shape)))
        weights[name] = ((7 * i**2 + 3 * i + 5 * k) % 11 - 5).reshape(shape) / 4
    return weights


def expect_block(
    answer: Answer, x: Array, weights: Mapping[str, Array], heads: int, right: Any, known: Known
) -> None:
    expect_close(
        answer.call("encoder_block", x, weights, heads),
        right,
        "encoder_block(x, weights, heads)",
        rtol=1e-4,
        atol=3e-4,
        known=spelled(known, right),
    )


def check_encoder_block(answer: Answer) -> None:
    weights = block_weights(dim=4, mlp=3)
    x = np.array([[[1.0, 3, -2, 0], [0, 1, 1, -1], [2, 2, -1, 1]]])
    expect_block(
        answer,
        x,
        weights,
        2,
        numbers(
            "-0.0139 3.0449 -0.0496 -3.0256 0.0634 1.0065 3.7598 -3.0406 1.2478 1.7656 0.4847 -2.6255",
            1,
            3,
            4,
        ),
        {
            POST_NORM: "0.5003 -1.3123 0.9344 -1.6447 -0.5566 0.0515 0.8593 -1.7914 0.4906 -1.3323 0.9813 -1.5992",
            LACKS_FIRST_SUM: "-0.4451 -0.5382 1.9898 -3.495 -0.2496 0.2874 3.159 -1.5103 -0.493 -0.5362 2.0832 -3.4334",
            LACKS_SECOND_SUM: "0.1729 -0.2968 -0.4545 -1.7546 0.829 -0.9744 -0.3074 -2.2228 0.4716 -0.5696 -0.9799 -2.3838",
            ADDS_INPUT: "1.1729 2.7032 -2.4545 -1.7546 0.829 0.0256 0.6926 -3.2228 2.4716 1.4304 -1.9799 -1.3838",
            LACKS_FIRST_NORM: "0.1825 2.8242 1.4811 -0.985 -0.3372 0.4263 0.6048 -6.3417 1.472 2.024 1.457 -0.8538",
            LACKS_SECOND_NORM: "-4.0702 7.1404 -3.0689 -1.9701 -6.8316 7.8094 -0.5432 -0.8404 -1.1646 4.0366 0.189 -1.0647",
            RAW_VALUES: "-0.0002 3.4466 -0.1516 -2.1806 -0.3711 0.0381 1.5494 -5.5867 1.1313 2.2832 0.4296 -1.6571",
            NOT_SCALED: "-0.0316 2.9319 -0.1708 -3.3201 0.1253 1.0713 3.8693 -2.8884 1.1979 1.7169 0.2875 -2.9136",
            SCALED_BY_DIM: "0.0141 3.173 0.0994 -2.691 0.0202 0.9578 3.6435 -3.166 1.3009 1.8406 0.7059 -2.2905",
            ONE_HEAD: "-0.1398 3.5629 -0.202 -2.2023 0.1809 1.1765 3.9123 -2.6566 0.9789 2.3501 0.5503 -1.5981",
            HEADS_INTERLEAVED: "0.0007 4.4529 -1.2812 -1.1106 0.2435 1.1272 3.5573 -2.7354 0.7045 4.7372 -2.2033 0.6399",
            HEADS_MIXED: "2.3548 7.2993 -6.2519 -2.0319 -0.3453 0.3822 2.6917 -4.7841 2.7248 3.1488 5.7079 -4.4912",
            WRONG_SOFTMAX: "0.0175 4.8213 -2.6887 -3.0492 -3.2051 0.8587 9.1475 0.7442 0.8089 5.0269 -3.344 -2.0445",
            LACKS_OUTPUT: "0.3093 1.3971 -0.0662 0.8201 -0.5522 -0.4619 0.8916 1.2944 1.0847 0.6383 0.6917 1.9358",
            LACKS_OUTPUT_BIAS: "-0.976 2.7145 -0.4733 -1.9553 -0.9257 0.7055 3.2406 -2.02 0.1133 1.5682 0.7034 -0.9602",
            USES_RELU: "-0.076 2.9809 -0.2297 -3.3217 0.0179 0.9473 3.6016 -3.2984 1.1312 1.7302 0.3374 -2.8916",
            NORM_OVER_IMAGE: "-0.3435 4.0549 -1.3231 -3.4191 -0.3762 1.0813 1.4046 -5.4279 1.2351 2.2844 2.6846 -0.3228",
            NORM_OVER_TOKENS: "-1.118 4.8576 -4.3575 -4.7739 -1.7888 2.5191 -0.5887 -5.6246 0.4658 1.8662 3.0684 0.872",
            OTHER_EPSILON: "-0.0139 3.0459 -0.0503 -3.0245 0.0629 1.006 3.7585 -3.0419 1.2468 1.7677 0.4842 -2.6233",
        },
    )
    # Only the MLP's biases and last weights: 100 times GELU of -2, 2 and 0.5.
    plain: dict[str, Array] = {name: np.zeros(array.shape) for name, array in weights.items()}
    plain |= {"expand_bias": np.array([-2, 2, 0.5]), "shrink": 100 * np.eye(3, 4)}
    expect_block(
        answer,
        x[:, 1:],
        plain,
        1,
        numbers("-4.55 196.45 35.5731 -1 -2.55 197.45 33.5731 1", 1, 2, 4),
        {USES_TANH: "-4.5402 196.4598 35.5714 -1 -2.5402 197.4598 33.5714 1"},
    )
    # Tokens whose components hardly differ: what is added to the variance matters.
    expect_block(
        answer,
        np.array([[[0.002, 0, -0.001, 0.001], [0, 0.003, 0.001, 0]]]),
        weights,
        4,
        numbers("-1.5127 -0.6992 3.0234 -1.6123 0.6182 0.2271 1.4289 -0.9637", 1, 2, 4),
        {
            OTHER_EPSILON: "0.355 -0.5549 0.7171 -2.8472 0.3558 -0.5541 0.7212 -2.8483",
            EPSILON_OUTSIDE: "-2.4113 -1.0576 3.6481 -1.5307 0.4021 1.6342 0.3569 0.1555",
        },
    )
    wide = block_weights(dim=6, mlp=5)
    images = answer.rng.normal(0, 2, (2, 4, 6))
    both = expect_shape(answer.call("encoder_block", images, wide, 3), images.shape, "encoder_block の結果")
    alone = answer.call("encoder_block", images[1:], wide, 3)
    alone = expect_shape(alone, (1, 4, 6), "1 枚だけの結果")
    expect(bool(np.allclose(alone[0], both[1], rtol=1e-3, atol=1e-3)), CROSSES_IMAGES)
    order = [2, 0, 3, 1]
    moved = answer.call("encoder_block", images[:, order], wide, 3)
    moved = expect_shape(moved, images.shape, "並び替えたトークンの結果")
    expect(bool(np.allclose(moved, both[:, order], rtol=1e-3, atol=1e-3)), NOT_EQUIVARIANT)


# ch07.parameters


LACKS_ONE_DIM = "次元の数だけ足りません。CLS のベクトル、CLS の分の位置の埋め込み、パッチの埋め込みのバイアスを、すべて数えましたか。"
NO_POSITIONS = "位置の埋め込みも学習します。(パッチの数 + 1) × 次元 個です。"
LACKS_LAST_NORM = "最後のブロックのあとにも LayerNormalization があります。"
ONE_NORM = "ブロックの LayerNormalization は 2 つです。"
ONLY_GAMMA = "LayerNormalization が学習するのは、gamma と beta の 2 組です。"
NO_ATTENTION_BIAS = "注意の 4 つの変換にも、バイアスがあります。"
NO_OUTPUT = "注意の変換は、クエリ、キー、値、出力の 4 つです。"
NO_MLP_BIAS = "MLP の 2 つの層にも、バイアスがあります。"
ONE_CHANNEL = "画像は 3 チャネルです。パッチ 1 枚の数は patch × patch × 3 個あります。"
NO_HEAD_BIAS = "出力層にも、バイアスがあります。"
ONE_BLOCK = "ブロックは depth 個あります。"
WEIGHTS_PER_PATCH = "埋め込みの線形変換は、どのパッチでも同じものです。パッチの数を掛けてはいけません。"


def expect_parameters(answer: Answer, case: tuple[int, ...], right: int, known: Known) -> None:
    expect_equal(answer.call("vit_parameters", *case), right, f"vit_parameters{case}", known=known)


def check_parameters(answer: Answer) -> None:
    expect_parameters(
        answer,
        (12, 4, 10, 3, 17, 5),
        3216,
        {
            LACKS_ONE_DIM: 3206,
            NO_POSITIONS: 3116,
            LACKS_LAST_NORM: 3196,
            ONE_NORM: 3156,
            ONLY_GAMMA: 3146,
            NO_ATTENTION_BIAS: 3096,
            NO_OUTPUT: 2886,
            NO_MLP_BIAS: 3135,
            ONE_CHANNEL: 2896,
            NO_HEAD_BIAS: 3211,
            ONE_BLOCK: 1522,
            WEIGHTS_PER_PATCH: 7136,
        },
    )
    expect_parameters(answer, (224, 16, 768, 12, 3072, 1000), 86_567_656, {})
    expect_parameters(answer, (8, 2, 4, 1, 6, 3), 301, {})


# ch07.shifted_patches


WRAPS_AROUND = "画像の外が、反対側から回り込んでいます。外から来る画素は 0 にしましょう。"
REPEATS_EDGE = "画像の外を、端の画素で埋めています。外から来る画素は 0 にしましょう。"
SHIFTS_BY_PATCH = "1 パッチ分ずらしています。ずらすのは、縦にも横にも size // 2 画素です。"
SHIFTS_BY_PIXEL = "1 画素だけずらしています。ずらすのは、縦にも横にも size // 2 画素です。"
SHIFTS_BACKWARDS = "ずらす向きが逆です。右下へずらした画像では、もとの左上の画素が右下へ動きます。"
SWAPS_SHIFTS = "左下と右上の順が逆です。右下、左下、右上、左上の順に重ねましょう。"
SHIFTS_STRAIGHT = "斜めではなく、上下左右にずらしています。"
ORIGINAL_LAST = "もとの画像が最後にあります。1 枚目に重ねましょう。"
LACKS_ORIGINAL = "もとの画像も入れて、5 枚を重ねましょう。チャネルは 5 倍になります。"
JOINS_PATCHES = (
    "パッチにしたあとでつないでいます。先に画像をチャネルの向きに重ねてから、パッチに切りましょう。"
)


def expect_shifted(answer: Answer, images: Array, size: int, right: Any, known: Known) -> None:
    given = answer.call("shifted_patches", images, size)
    shape = np.shape(right)
    lacking = (shape[0], shape[1], shape[2] // 5 * 4)
    expect(shape_of(given, "shifted_patches の結果") != lacking, LACKS_ORIGINAL, Status.WRONG_SHAPE)
    expect_close(given, right, "shifted_patches(images, size)", known=spelled(known, right))


def spots(shape: tuple[int, ...], places: Sequence[tuple[int, int]]) -> Array:
    """Patches of two images that are 0 but for these places of the second image's patches."""
    patches = np.zeros(shape)
    for place in places:
        patches[(1, *place)] = 1
    return patches


def check_shifted_patches(answer: Answer) -> None:
    expect_shifted(
        answer,
        np.arange(1, 9).reshape(1, 2, 4, 1),
        2,
        numbers("1 0 0 0 6 2 0 0 5 7 5 0 2 0 0 6 1 3 0 0 3 0 0 6 8 4 0 0 7 0 7 2 4 0 0 8 3 0 0 0", 1, 2, 20),
        {
            WRAPS_AROUND: "1 8 6 8 6 2 5 7 5 7 5 4 2 4 2 6 1 3 1 3 3 6 8 6 8 4 7 5 7 5 7 2 4 2 4 8 3 1 3 1",
            REPEATS_EDGE: "1 1 2 5 6 2 1 3 5 7 5 1 2 5 6 6 1 3 5 7 3 2 4 6 8 4 3 4 7 8 7 2 4 6 8 8 3 4 7 8",
            SHIFTS_BY_PATCH: "1 0 0 0 0 2 0 0 0 0 5 0 0 0 0 6 0 0 0 0 3 0 0 0 0 4 0 0 0 0 7 0 0 0 0 8 0 0 0 0",
            SHIFTS_BACKWARDS: "1 6 0 0 0 2 7 5 0 0 5 0 0 2 0 6 0 0 3 1 3 8 6 0 0 4 0 7 0 0 7 0 0 4 2 8 0 0 0 3",
            SWAPS_SHIFTS: "1 0 0 0 6 2 0 5 0 7 5 0 0 2 0 6 1 0 3 0 3 0 6 0 8 4 0 7 0 0 7 2 0 4 0 8 3 0 0 0",
            SHIFTS_STRAIGHT: "1 0 2 0 5 2 0 3 1 6 5 1 6 0 0 6 2 7 5 0 3 0 4 2 7 4 0 0 3 8 7 3 8 6 0 8 4 0 7 0",
            ORIGINAL_LAST: "0 0 0 6 1 0 0 5 7 2 0 2 0 0 5 1 3 0 0 6 0 0 6 8 3 0 0 7 0 4 2 4 0 0 7 3 0 0 0 8",
            JOINS_PATCHES: "1 2 5 6 0 0 0 1 0 0 2 3 0 5 0 0 6 7 0 0 3 4 7 8 0 0 2 3 0 0 4 0 6 7 0 0 8 0 0 0",
        },
    )
    # Black images, but for one channel of one pixel.
    images = np.zeros((2, 8, 12, 2))
    images[1, 5, 6, 1] = 1
    shape = (2, 6, 160)
    expect_shifted(
        answer,
        images,
        4,
        spots(shape, [(4, 61), (5, 123), (4, 125), (2, 127), (1, 129)]),
        {SHIFTS_BY_PIXEL: spots(shape, [(4, 61), (4, 113), (4, 95), (4, 37), (4, 19)])},
    )


# ch07.crossing


ONLY_MEANS = "平均だけで決めています。シードごとの差がすべて同じ符号のときだけ、勝ちとしましょう。"
IGNORES_MARGIN = "margin を使っていません。差の平均が margin 以上のときだけ、勝ちとしましょう。"
MARGIN_EACH = "1 つ 1 つの差を margin と比べています。margin と比べるのは、差の平均です。"
LEAVES_OUT_LIMIT = "差の平均がちょうど margin のときも、勝ちとしましょう。"
TAKES_TIES = "差が 0 のシードがあるのに、勝ちとしています。すべての差が同じ符号のときだけ、勝ちとしましょう。"
NOT_PAIRED = "シードを対にしていません。比べるのは、同じシードどうしの差です。"
SORTS_SEEDS = "精度を並べ替えてから引いています。同じ番目が同じシードなので、並べ替えてはいけません。"
TRUSTS_FEW_SEEDS = "シードが 3 つに満たない枚数を、勝ちとしています。そのときは「?」です。"
WANTS_MORE_SEEDS = "シードが 3 つあれば、「?」とは限りません。"
NOT_IN_ORDER = (
    "入れ替わりが、枚数の小さい順に調べられていません。辞書は、枚数の順に並んでいるとは限りません。"
)
STOPS_AT_UNKNOWN = (
    "「?」をはさんで勝ちが入れ替わるところが抜けています。「?」を除いてから、隣どうしを比べましょう。"
)
COUNTS_UNKNOWN = "「?」との境目まで数えています。入れ替わりは、A の勝ちと B の勝ちの間だけです。"
SWAPS_MODELS = "A と B が逆です。A の精度のほうが高いときが、A の勝ちです。"
ONLY_FIRST = "入れ替わりは 2 回以上あることもあります。すべて返しましょう。"


def expect_crossings(
    answer: Answer,
    a: dict[int, list[float]],
    b: dict[int, list[float]],
    margin: float,
    right: tuple[dict[int, str], list[tuple[int, int]]],
    known: Mapping[str, tuple[dict[int, str], list[tuple[int, int]]]],
) -> None:
    """Expects verdicts and crossings; of verdicts, those that are wrong with known mistakes come first."""
    given = answer.call("find_crossings", a, b, margin)
    parts = expect_parts(given, 2, "(勝ち負けの辞書, 入れ替わりのリスト) の 2 つ組を返しましょう。")
    expect_equal(
        parts[0],
        right[0],
        "勝ち負け",
        known={reason: verdicts for reason, (verdicts, _pairs) in known.items()},
    )
    expect_equal(
        parts[1],
        right[1],
        "入れ替わり",
        known={reason: pairs for reason, (verdicts, pairs) in known.items() if verdicts == right[0]},
    )


def eighths(accuracies: Mapping[int, Sequence[int]]) -> dict[int, list[float]]:
    """Accuracies, which floats hold exactly, from eighths."""
    return {count: [eighth / 8 for eighth in seeds] for count, seeds in accuracies.items()}


SMALL_CASES: list[tuple[str, list[int], list[int], str, str]] = [
    (ONLY_MEANS, [2, 7, 8], [3, 3, 2], "?", "A"),
    (IGNORES_MARGIN, [4, 4, 5], [3, 3, 3], "?", "A"),
    (MARGIN_EACH, [4, 6, 7], [3, 3, 3], "A", "?"),
    (LEAVES_OUT_LIMIT, [5, 5, 5], [3, 3, 3], "A", "?"),
    (TAKES_TIES, [3, 7, 7], [3, 3, 3], "?", "A"),
    (NOT_PAIRED, [4, 6, 8], [1, 3, 5], "A", "?"),
    (SORTS_SEEDS, [2, 5, 7], [4, 1, 3], "?", "A"),
    (TRUSTS_FEW_SEEDS, [8, 8], [1, 2], "?", "A"),
]
"""Reason of a known mistake, two models' accuracies in eighths, the right verdict at margin 1/4, the wrong one."""


def check_crossing(answer: Answer) -> None:
    a = {100: [2, 3, 2], 400: [5, 5, 6], 1600: [8, 7, 8]}
    b = {100: [5, 6, 6], 400: [5, 6, 5], 1600: [4, 4, 5]}
    verdicts = {100: "B", 400: "?", 1600: "A"}
    known = {
        SWAPS_MODELS: ({100: "A", 400: "?", 1600: "B"}, [(100, 1600)]),
        WANTS_MORE_SEEDS: (dict.fromkeys(a, "?"), []),
        STOPS_AT_UNKNOWN: (verdicts, []),
        COUNTS_UNKNOWN: (verdicts, [(100, 400), (400, 1600)]),
    }
    expect_crossings(answer, eighths(a), eighths(b), 1 / 4, (verdicts, [(100, 1600)]), known)
    for reason, first, second, right, wrong in SMALL_CASES:
        one, other = eighths({50: first}), eighths({50: second})
        expect_crossings(answer, one, other, 1 / 4, ({50: right}, []), {reason: ({50: wrong}, [])})
        turned = {"A": "B", "?": "?"}
        known = {reason: ({50: turned[wrong]}, [])}
        expect_crossings(answer, other, one, 1 / 4, ({50: turned[right]}, []), known)
    a = {300: [7, 8, 6, 7], 3000: [1, 1, 2], 10: [1, 2, 1]}
    b = {300: [3, 4, 4, 4], 3000: [4, 5, 5], 10: [5, 4, 6]}
    verdicts = {300: "A", 3000: "B", 10: "B"}
    known = {NOT_IN_ORDER: (verdicts, [(300, 3000)]), ONLY_FIRST: (verdicts, [(10, 300)])}
    expect_crossings(answer, eighths(a), eighths(b), 1 / 4, (verdicts, [(10, 300), (300, 3000)]), known)


# ch07.resize_positions


LOSES_CLS = "CLS の行がなくなっています。先頭に、そのまま残しましょう。"
CLS_ROW_LAST = "CLS の行が最後にあります。先頭に残しましょう。"
CLS_IN_GRID = "CLS の行まで格子に入れています。格子にするのは 2 行目からです。"
ALIGNS_CORNERS = (
    "両端の場所の端と端を合わせています。合わせるのは真ん中なので、(i + 0.5) × もと ÷ 新 - 0.5 です。"
)
NO_HALF = "0.5 を忘れています。パッチの真ん中で考えるので、(i + 0.5) × もと ÷ 新 - 0.5 です。"
COPIES_NEAREST = "いちばん近い場所を写しています。両どなりから、近さに応じて混ぜましょう。"
EXTRAPOLATES = "格子の外側まで延ばしています。0 より小さい場所は 0、最後より大きい場所は最後としましょう。"
FADES_OUT = "端の外を 0 として混ぜています。0 より小さい場所は 0、最後より大きい場所は最後としましょう。"
RESULT_DOWN_COLUMNS = "結果が 1 列ずつ縦に並んでいます。左上から右へ 1 行ずつ並べましょう。"
AVERAGES_WHEN_SMALLER = (
    "縮めるときに、広い範囲の平均を取っています。ここでは、縮めるときも両どなりだけを混ぜます。"
)


def expect_resized(
    answer: Answer, positions: Array, old: tuple[int, int], new: tuple[int, int], right: Any, known: Known
) -> None:
    given = answer.call("resize_positions", positions, old, new)
    lacking = (new[0] * new[1], positions.shape[1])
    expect(shape_of(given, "resize_positions の結果") != lacking, LOSES_CLS, Status.WRONG_SHAPE)
    expect_close(given, right, f"格子 {old} から {new} への結果", known=spelled(known, right))


def check_resize_positions(answer: Answer) -> None:
    expect_resized(
        answer,
        np.array([[100.0], [0], [12], [24], [60]]),
        (2, 2),
        (3, 4),
        numbers("100 0 3 9 12 12 18 30 36 24 33 51 60", 13, 1),
        {
            CLS_ROW_LAST: "0 3 9 12 12 18 30 36 24 33 51 60 100",
            CLS_IN_GRID: "100 100 75 25 0 56 45 23 12 12 15 21 24",
            ALIGNS_CORNERS: "100 0 4 8 12 12 20 28 36 24 36 48 60",
            NO_HALF: "100 0 6 12 12 16 30 44 44 24 42 60 60",
            COPIES_NEAREST: "100 0 0 12 12 0 0 12 12 24 24 60 60",
            EXTRAPOLATES: "100 -6 -2 2 6 6 18 30 42 18 38 58 78",
            FADES_OUT: "100 0 2.5 7.5 7.5 9 18 30 27 15 27.5 42.5 37.5",
            RESULT_DOWN_COLUMNS: "100 0 12 24 3 18 33 9 30 51 12 36 60",
        },
    )
    expect_resized(
        answer,
        np.array([[5.0, -5], [0, 8], [6, 0], [0, 0], [12, 4], [0, 0], [24, 2]]),
        (6, 1),
        (2, 1),
        numbers("5 -5 6 0 0 0", 3, 2),
        {AVERAGES_WHEN_SMALLER: "5 -5 3.75 2.5 9 1.5"},
    )
    positions = answer.rng.normal(0, 1, (7, 3))
    expect_resized(answer, positions, (2, 3), (2, 3), positions, {})


# ch07.rollout


REVERSED_ORDER = "掛ける順が逆です。あとのブロックの行列を左から掛けましょう。"
LACKS_IDENTITY = "残差接続の分の、単位行列を足していません。"
HEADS_MAX = "ヘッドの最大を取っています。平均を取りましょう。"
HEADS_SUM = "ヘッドを足しただけです。平均を取りましょう。"
ONLY_FIRST_HEAD = "1 つ目のヘッドしか使っていません。すべてのヘッドの平均を取りましょう。"
ROWS_NOT_1 = "行の和を 1 にしていません。注意の行の和は、1 とは限りません。"
COLUMNS_TO_1 = "列の和を 1 にしています。1 にするのは行の和です。"
ROWS_TO_1_BEFORE = "単位行列を混ぜる前に行の和を 1 にしています。混ぜたあとで、行の和を 1 にしましょう。"
COLUMN_OF_CLS = "CLS の列を取っています。CLS がどこを見たかは、CLS の行です。"
DROPS_LAST_TOKEN = "先頭の CLS ではなく、最後のパッチを落としています。"
ONLY_LAST_BLOCK = "最後のブロックだけを使っています。すべてのブロックの行列を掛けましょう。"
LACKS_LAST_BLOCK = "最後のブロックを掛けていません。"
MAP_TRANSPOSED = "結果の縦と横が逆です。パッチは、左上から右へ 1 行ずつ並んでいます。"
MAP_TO_1 = "結果の和を 1 にしています。CLS に残った分は、そのまま除きましょう。"
FLAT_MAP = "結果が 1 列のままです。パッチの格子の形 (side, side) に直しましょう。"


def expect_rollout(answer: Answer, attentions: list[Array], right: Any, known: Known) -> None:
    given = answer.call("attention_rollout", attentions)
    patches = attentions[0].shape[-1] - 1
    expect(shape_of(given, "attention_rollout の結果") != (patches,), FLAT_MAP, Status.WRONG_SHAPE)
    expect_close(given, right, "attention_rollout(attentions)", known=spelled(known, right))


def check_rollout(answer: Answer) -> None:
    i = np.arange(150)
    first, second = ((7 * i**2 + 3 * i) % 13 / 10).reshape(2, 3, 5, 5)
    expect_rollout(
        answer,
        [first, second],
        numbers("0.19677 0.18287 0.187 0.19496", 2, 2),
        {
            REVERSED_ORDER: "0.18255 0.18422 0.19103 0.19826",
            LACKS_IDENTITY: "0.22033 0.18959 0.19261 0.20185",
            HEADS_MAX: "0.20177 0.1934 0.1934 0.18992",
            HEADS_SUM: "0.21361 0.19101 0.19376 0.20328",
            ONLY_FIRST_HEAD: "0.27007 0.18665 0.09904 0.30591",
            ROWS_NOT_1: "0.70861 0.6425 0.69056 0.69028",
            COLUMNS_TO_1: "0.16456 0.16661 0.17562 0.1655",
            ROWS_TO_1_BEFORE: "0.15806 0.14501 0.15829 0.1557",
            COLUMN_OF_CLS: "0.18469 0.18246 0.17191 0.18861",
            DROPS_LAST_TOKEN: "0.2384 0.19677 0.18287 0.187",
            ONLY_LAST_BLOCK: "0.18692 0.14019 0.1215 0.13084",
            LACKS_LAST_BLOCK: "0.11475 0.14754 0.20492 0.18033",
            MAP_TRANSPOSED: "0.19677 0.187 0.18287 0.19496",
            MAP_TO_1: "0.25837 0.24011 0.24553 0.25599",
        },
    )
    # The class token looks at one patch alone, the patches at themselves: what is kept can be said by hand.
    for side, blocks in ((3, 3), (1, 2), (4, 1)):
        token = side**2 - side // 2
        looks = np.tile(np.eye(side**2 + 1), (3, 1, 1))
        looks[:, 0] = np.eye(side**2 + 1)[token]
        right = np.zeros((side, side))
        right.flat[token - 1] = 1 - 0.5**blocks
        expect_rollout(answer, blocks * [looks], right, {})


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch07.patchify",
        title="画像をパッチに切り、もとに戻す",
        points=1,
        symbols=("patchify", "unpatchify"),
        template='''import numpy as np

def patchify(images, size):
    """画像 (枚数, 縦, 横, チャネル) を、パッチの列 (枚数, パッチの数, size × size × チャネル) に切ります。"""
    raise NotImplementedError("ここを書きましょう")

def unpatchify(patches, height, width, size):
    """パッチの列を、もとの画像 (枚数, height, width, チャネル) に戻します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_patchify,
        hints=(
            "縦の軸を (縦のパッチの数, size)、横の軸を (横のパッチの数, size) に分けると、画像は 6 つの軸をもつ配列になります。",
            "パッチごとに並べるには、「パッチの中の行」と「横のパッチ」の軸を入れ替えてから、reshape でまとめます。",
            "grid = images.reshape(n, 縦 // size, size, 横 // size, size, c) とし、grid.swapaxes(2, 3).reshape(n, -1, size * size * c) です。戻すときは、この逆をたどります。",
        ),
    ),
    Exercise(
        id="ch07.embed",
        title="パッチを埋め込み、CLS と位置を加える",
        points=2,
        symbols=("embed",),
        template='''import numpy as np

def embed(patches, kernel, bias, cls, positions):
    """パッチを線形変換し、先頭に CLS を置き、位置の埋め込みを足したトークンの列を返します。

    形は順に (枚数, パッチの数, パッチ 1 枚の数の個数)、(パッチ 1 枚の数の個数, 次元)、(次元,)、(次元,)、
    (パッチの数 + 1, 次元)。結果は (枚数, パッチの数 + 1, 次元) です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_embed,
        hints=(
            "3 つに分けて考えます。パッチを変換する、CLS を先頭に置く、位置を足す。順番はこのとおりです。",
            "変換は patches @ kernel + bias です。CLS は np.broadcast_to(cls, (枚数, 1, 次元)) で、画像の数だけ並べます。",
            "np.concatenate([CLS, 変換したパッチ], axis=1) に positions を足します。",
        ),
    ),
    question(
        id="ch07.guess_order",
        title="パッチを並べ替えたときを予想する",
        options={
            "ア": "どのクラスの得点も変わらない",
            "イ": "得点は変わるが、1 位のクラスは同じ",
            "ウ": "得点も 1 位のクラスも変わる",
        },
        hints=(
            "CLS は、ほかのトークンの値を、重みを付けて足し合わせます。足す順番を変えると、和は変わるでしょうか。",
        ),
    ),
    Exercise(
        id="ch07.encoder_block",
        title="エンコーダのブロックを、与えられた重みで計算する",
        points=4,
        symbols=("encoder_block",),
        template='''import numpy as np

def encoder_block(x, weights, heads):
    """pre-norm のエンコーダのブロックを、与えられた重みで計算します。

    x と結果は (枚数, トークンの数, 次元)、weights は名前から配列への辞書です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_encoder_block,
        hints=(
            "LayerNormalization、注意、GELU を別々の関数に書いて、小さな入力で 1 つずつ確かめましょう。NumPy の平均や和は axis=-1、keepdims=True とすると、形が崩れません。",
            "ヘッドに分けるには x.reshape(枚数, トークン, heads, 次元 // heads).swapaxes(1, 2) とします。得点は query @ key.swapaxes(2, 3) を √(次元 // heads) で割ったものです。",
            "混ぜた値は swapaxes(1, 2).reshape(x.shape) でつなぎ、output を掛け、output_bias を足し、x に足します。そのあと、正規化 → expand → GELU → shrink と進み、また足します。",
            "正確な GELU は、math.erf を使って z * (1 + np.vectorize(math.erf)(z / np.sqrt(2))) / 2、または keras.activations.gelu(z) です (keras.ops.gelu の既定は近似です)。",
        ),
    ),
    Exercise(
        id="ch07.parameters",
        title="ViT のパラメータ数",
        points=2,
        symbols=("vit_parameters",),
        template='''def vit_parameters(image, patch, dim, depth, mlp, classes):
    """1 辺 image 画素の RGB の画像を、1 辺 patch 画素のパッチに切る ViT の、学習できるパラメータの数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_parameters,
        hints=(
            "入口から順に数えます。パッチの線形変換、CLS、位置の埋め込み、depth 個のブロック、最後の LayerNormalization、出力層です。",
            "入力 i、出力 o の線形変換は (i + 1) × o 個です (1 はバイアス)。LayerNormalization は次元の 2 倍です。",
            "ブロック 1 つは、LayerNormalization が 2 つ、次元から次元への変換が 4 つ (クエリ、キー、値、出力)、MLP の変換が 2 つです。位置の埋め込みは CLS の分を忘れずに。",
        ),
    ),
    question(
        id="ch07.guess_small",
        title="300 枚で勝つのはどちらかを予想する",
        options={"ア": "ViT のほうが高い", "イ": "ほとんど同じ", "ウ": "CNN のほうが高い"},
        hints=(
            "「近くの画素どうしに意味がある」ことを、それぞれのネットワークは、学ぶ前から知っているでしょうか。",
        ),
    ),
    Exercise(
        id="ch07.shifted_patches",
        title="ずらした画像を重ねて、パッチに切る",
        points=2,
        symbols=("shifted_patches",),
        template='''import numpy as np

def shifted_patches(images, size):
    """画像に、右下、左下、右上、左上へ半パッチずらした画像をチャネルの向きに重ねて、パッチの列に切ります。

    images は (枚数, 縦, 横, チャネル)、結果は (枚数, パッチの数, size × size × 5 × チャネル) です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_shifted_patches,
        hints=(
            "右下へ h 画素ずらした画像の (y, x) には、もとの (y - h, x - h) の画素が来ます。もとがなければ 0 です。",
            "np.pad で周りに h 画素の 0 を付け、そこから切り出すと簡単です。左上から切り出すと、絵は右下へずれて見えます。",
            "h = size // 2 とし、padded[:, 上:上 + 縦, 左:左 + 横] の (上, 左) を (h, h)、(0, 0)、(0, 2h)、(2h, 0)、(2h, 2h) と変えて np.concatenate(…, axis=-1) で重ね、patchify と同じように切ります。",
        ),
    ),
    Exercise(
        id="ch07.crossing",
        title="どの枚数で、どちらが勝つかを判断する",
        points=3,
        symbols=("find_crossings",),
        template='''def find_crossings(a, b, margin):
    """枚数ごとの勝ち負けの辞書と、勝ちが入れ替わる枚数の組のリストを返します。

    a と b は、訓練データの枚数から、シードごとの精度のリストへの辞書です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_crossing,
        hints=(
            "枚数ごとに、同じ番目どうしの差 a - b のリストを作ります。符号がそろっているかは、差の最小と最大を見ると分かります。",
            '最小が 0 より大きく、平均が margin 以上なら "A"、最大が 0 より小さく、平均が -margin 以下なら "B"、ほかは "?" です。シードが 3 つより少なければ、いつも "?" です。',
            '入れ替わりは、枚数の小さい順に並べ、"?" を除いたリスト clear を作り、zip(clear, clear[1:]) で隣どうしを比べます。',
        ),
    ),
    number_question(
        id="ch07.guess_tokens",
        title="画像の 1 辺を 2 倍にしたときを予想する",
        unit="倍",
        low=1,
        high=1000,
        hints=(
            "まず、パッチの数が何倍になるかを考えましょう。",
            "注意の重みは、トークンの数 × トークンの数の表です。",
        ),
    ),
    Exercise(
        id="ch07.resize_positions",
        title="位置の埋め込みを、ほかの大きさの格子に移す",
        points=2,
        symbols=("resize_positions",),
        template='''import numpy as np

def resize_positions(positions, old, new):
    """格子 old = (縦, 横) で学習した位置の埋め込みを、格子 new の場所に、双一次補間で移します。

    positions は (1 + 縦 × 横, 次元) で、先頭の行は CLS です。結果は (1 + 新しい縦 × 横, 次元) です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_resize_positions,
        hints=(
            "先頭の行を取っておき、残りを (縦, 横, 次元) の格子に直します。補間は、縦と横を別々にできます。",
            "新しい i 番目の真ん中は、もとの格子では p = (i + 0.5) * もとの数 / 新しい数 - 0.5 にあります。p は 0 から (もとの数 - 1) までに収めます。",
            "k 番目の場所の重みは max(0, 1 - |p - k|) です。この重みを (新しい数, もとの数) の行列にすると、縦は行列の積で、横は軸を入れ替えて同じようにできます。",
        ),
    ),
    Exercise(
        id="ch07.rollout",
        title="attention rollout",
        points=2,
        symbols=("attention_rollout",),
        template='''import numpy as np

def attention_rollout(attentions):
    """ブロックごとの注意 (ヘッド, 1 + パッチの数, 1 + パッチの数) のリストから、CLS が見た場所のマップを返します。

    パッチは正方形に並んでいます。結果は (side, side) で、side × side がパッチの数です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_rollout,
        hints=(
            "ブロックごとに、ヘッドの平均 A を求め、0.5 A + 0.5 I とし、行の和で割ります。I は np.eye(トークンの数) です。",
            "はじめのブロックの行列から始め、次のブロックの行列を左から掛けていきます。",
            "最後に、先頭の行 (CLS) から先頭の成分 (CLS 自身) を除いて、reshape(side, side) します。",
        ),
    ),
]
