"""Chapter 11: the exercises that the learner sees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import (
    expect,
    expect_arrays,
    expect_close,
    expect_equal,
    expect_model,
    expect_number,
    expect_parts,
    expect_shape,
    shape_of,
)
from grader.exercise import Answer, Exercise, Handle, Status

Array = npt.NDArray[Any]


# ch11.attention


NO_VALUE = "出力が重みそのものです。レポートの式には V が抜けています。重みと value の行列積が出力です。"
NO_SCALE = "スコアを d_k の平方根で割っていません。"
SCALED_BY_DIM = "スコアを d_k そのもので割っています。割るのは d_k の平方根です。"
SCALED_BY_VALUE_DIM = (
    "スコアを d_v の平方根で割っています。割るのは、内積を取った query と key の次元 d_k の平方根です。"
)
NO_MASK = "mask が False のところも見ています。そのスコアは、softmax の前に十分小さい値にします。"
ZEROED_SCORES = (
    "スコアを 0 にしても、exp(0) = 1 の重みが残ります。softmax の前に、とても小さい値にしましょう。"
)
NOT_RENORMALISED = "softmax のあとで 0 にしただけなので、行の和が 1 になりません。マスクは softmax の前です。"
SOFTMAX_OVER_QUERIES = "softmax の軸が違います。和が 1 になるのは、見る先の軸 (最後の軸) です。"
INVERTED_MASK = "mask の向きが逆です。True が見てよいところです。"
OVERFLOWS = "スコアが大きいと exp があふれて NaN になります。行ごとの最大値を引いてから exp に渡しましょう。"
CLIPS_SCORES = (
    "大きなスコアを切り詰めているので、スコアの差が消えています。"
    "切り詰める代わりに、行ごとの最大値を引いてから exp に渡しましょう。"
)
ONE_MAXIMUM = (
    "表全体の最大値を引いているので、ほかよりずっと小さい行では exp がすべて 0 になり、0÷0 が起きます。"
    "最大値は行ごとに引きましょう。"
)
MAXIMUM_OF_HIDDEN = (
    "mask が False のスコアまで含めた最大値を引いています。それがずっと大きいと、見てよいところの exp が"
    "すべて 0 になり、0÷0 が起きます。"
)
MASKED_NOT_ZERO = (
    "mask が False のところの重みが、ちょうど 0 になっていません。もっと小さい値でマスクしましょう。"
)
MASKED_LEAKS = "見てはいけない key と value を変えたら、出力が変わりました。"


def call_attention(answer: Answer, case: Sequence[Array]) -> tuple[Array, Array]:
    """Calls attention and expects the shapes of output and weights."""
    query, key, value, _ = case
    given = answer.call("attention", *case)
    output, weights = expect_parts(given, 2, "(出力, 重み) の 2 つ組を返しましょう。")
    weights = expect_shape(weights, (*query.shape[:-1], key.shape[-2]), "重み")
    same = shape_of(output, "出力") == weights.shape and np.allclose(output, weights)
    expect(not same, NO_VALUE)
    return expect_shape(output, (*query.shape[:-1], value.shape[-1]), "出力"), weights


def draw_attention(
    rng: np.random.Generator, axes: tuple[int, ...], queries: int, keys: int, d_k: int, d_v: int
) -> tuple[Array, Array, Array, Array]:
    """Draws query, key, value and a mask that is shared along all but the first axis."""
    query, key, value = (
        rng.normal(0, 1.5, (*axes, *shape)).astype("float32")
        for shape in ((queries, d_k), (keys, d_k), (keys, d_v))
    )
    mask = rng.random((axes[0], *[1] * (len(axes) - 1), queries, keys)) < 0.6
    mask[..., rng.integers(keys)] = True
    return query, key, value, mask


def check_attention_properties(answer: Answer, axes: tuple[int, ...], queries: int, keys: int) -> None:
    """Expects rows that sum to 1 and never look where they may not, whatever stands there."""
    query, key, value, mask = draw_attention(answer.rng, axes, queries, keys, 4, 3)
    mask[..., -1] = False
    mask[..., 0] = True
    output, weights = call_attention(answer, (query, key, value, mask))
    expect_close(weights.sum(axis=-1), np.ones(weights.shape[:-1]), "重みの行の和", atol=1e-4)
    expect(bool((weights[np.broadcast_to(~mask, weights.shape)] == 0).all()), MASKED_NOT_ZERO)
    last = (np.arange(keys) == keys - 1)[:, None]
    other, _ = call_attention(
        answer, (query, np.where(last, 2 - key, key), np.where(last, value + 9, value), mask)
    )
    expect(bool(np.allclose(other, output, rtol=1e-3, atol=1e-3)), MASKED_LEAKS)


def check_large_scores(answer: Answer) -> None:
    """Expects the softmax of scores that ``exp`` cannot take."""
    key = np.array([[[1000], [1001], [0]]], "float32")
    value = np.array([[[1, 0], [0, 1], [5, 5]]], "float32")
    query = np.array([[[1], [-1]]], "float32")
    output, weights = call_attention(answer, (query, key, value, np.ones((1, 2, 3), bool)))
    expect(not np.allclose(weights[0, 0], [0.5, 0.5, 0], atol=1e-3), CLIPS_SCORES)
    expect(bool(np.isfinite(weights[0, 0]).all()), OVERFLOWS)
    expect(bool(np.isfinite(weights).all()), ONE_MAXIMUM)
    right = np.array([[[0.2689, 0.7311, 0], [0, 0, 1]]])
    expect_close(weights, right, "大きなスコアでの重み", rtol=0, atol=2e-4)
    expect_close(output, right @ value, "大きなスコアでの出力", rtol=0, atol=1e-3)
    mask = np.array([[[True, True, False]]])
    _, weights = call_attention(answer, (query[:, 1:], key, value, mask))
    expect(bool(np.isfinite(weights).all()), MAXIMUM_OF_HIDDEN)
    expect_close(weights, [[[0.7311, 0.2689, 0]]], "大きなスコアを隠したときの重み", rtol=0, atol=2e-4)


def check_attention(answer: Answer) -> None:
    query = np.array([[[2, 0, 1, -1], [0, 1, -2, 1]]], "float32")
    key = np.array([[[1, 1, 0, -1], [0, 2, 1, 1], [2, 0, -1, 1]]], "float32")
    value = np.array([[[1, 0], [0, 3], [5, 5]]], "float32")
    mask = np.array([[[True, True, False], [False, True, True]]])
    output, weights = call_attention(answer, (query, key, value, mask))
    expect_close(
        weights,
        [[[0.8176, 0.1824, 0], [0, 0.2689, 0.7311]]],
        "重み",
        rtol=0,
        atol=2e-4,
        known={
            NO_SCALE: [[[0.9526, 0.0474, 0], [0, 0.1192, 0.8808]]],
            SCALED_BY_DIM: [[[0.6792, 0.3208, 0], [0, 0.3775, 0.6225]]],
            SCALED_BY_VALUE_DIM: [[[0.893, 0.107, 0], [0, 0.1956, 0.8044]]],
            NO_MASK: [[[0.5465, 0.122, 0.3315], [0.1402, 0.2312, 0.6285]]],
            ZEROED_SCORES: [[[0.6914, 0.1543, 0.1543], [0.1402, 0.2312, 0.6285]]],
            NOT_RENORMALISED: [[[0.5465, 0.122, 0], [0, 0.2312, 0.6285]]],
            SOFTMAX_OVER_QUERIES: [[[1, 0.3775, 0], [0, 0.6225, 1]]],
            INVERTED_MASK: [[[0, 0, 1], [1, 0, 0]]],
        },
    )
    expect_close(output, [[[0.8176, 0.5473], [3.6553, 4.4621]]], "出力", rtol=0, atol=1e-3)
    check_attention_properties(answer, (2, 3), queries=4, keys=5)
    check_large_scores(answer)


# ch11.scale


DEVIATIONS_NOT_SQUARED = "標準偏差を 2 乗していません。分散は標準偏差の 2 乗です。"
RETURNS_DEVIATIONS = "標準偏差を返しています。返すのは分散です。"
NO_SUM = "積 1 つ分の分散です。内積は、積を d_k 個足したものです。"
AS_IF_ALIKE = (
    "標準偏差のほうを d_k 倍しています。独立なものを足すと、標準偏差ではなく、分散が足し算になります。"
)
SCALED_BY_ROOT = (
    "割ったあとの分散が違います。値を √d_k で割ると、分散は d_k で割られます (2 乗の値だからです)。"
)
SCALED_VALUE_BY_DIM = (
    "割ったあとの分散が違います。内積を d_k で割ったときの分散になっています。割るのは √d_k です。"
)
FEW_DRAWS = (
    "正しい値に近いものの、5 % より大きくずれています。乱数で測ったのなら、もっとたくさん引きましょう。"
)
ADDS_VARIANCES = "積の分散は、分散の和ではありません。平均が 0 で独立なら、分散の積です。"


def expect_variances(
    answer: Answer, case: tuple[int, float, float], right: Sequence[float], known: Mapping[str, Any]
) -> None:
    """Expects both variances; 5 percent leave room for those measured on 100,000 random numbers."""
    given = expect_parts(answer.call("score_variances", *case), 2, "2 つの分散の組を返しましょう。")
    for number, name in zip(given, ("q・k の分散", "√d_k で割ったものの分散"), strict=True):
        expect_number(number, name)
    measured = [float(np.asarray(number)) for number in given]
    near = [np.allclose(measured, right, rtol=rtol, atol=0) for rtol in (0.05, 0.25)]
    expect(near[0] or not near[1], FEW_DRAWS)
    expect_close(
        measured,
        right,
        f"score_variances{case}",
        rtol=0.05,
        atol=0,
        known=known,
    )


def check_scale(answer: Answer) -> None:
    expect_variances(answer, (1, 1.0, 1.0), (1, 1), {ADDS_VARIANCES: (2, 2)})
    expect_variances(
        answer,
        (64, 1.0, 1.0),
        (64, 1),
        {
            NO_SUM: (1, 1 / 64),
            RETURNS_DEVIATIONS: (8, 1),
            AS_IF_ALIKE: (4096, 64),
            SCALED_BY_ROOT: (64, 8),
            SCALED_VALUE_BY_DIM: (64, 1 / 64),
        },
    )
    expect_variances(
        answer,
        (9, 2.0, 3.0),
        (324, 36),
        {
            DEVIATIONS_NOT_SQUARED: (54, 6),
            RETURNS_DEVIATIONS: (18, 6),
            NO_SUM: (36, 4),
            AS_IF_ALIKE: (2916, 324),
            SCALED_BY_ROOT: (324, 108),
            SCALED_VALUE_BY_DIM: (324, 4),
            ADDS_VARIANCES: (117, 13),
        },
    )


# ch11.causal_mask


SEES_FUTURE = "上の三角が True です。これでは未来だけを見ることになります。見てよいのは j ≤ i です。"
NOT_CAUSAL = "未来も見ています。j > i のところは False にします。"
BLIND_TO_ITSELF = "対角線が False です。位置 i は、自分自身 (j = i) も見ます。"
SEES_PADDING = "パディングも見ています。padding_mask が 0 の j は、どの i からも見えません。"
MASKS_ROWS = "パディングの行 (見る側 i) を False にしています。隠すのは列 (見られる側 j) です。"
MASKS_BOTH = "パディングの行まで False にしています。隠すのは列 (見られる側 j) だけです。"
PADDING_IS_ONE = "padding_mask は、本物が 1、パディングが 0 です。パディングのほうを見ています。"
HIDDEN_IS_TRUE = "向きが逆です。True は見てよいところ、False は見てはいけないところです。"
EITHER = (
    "2 つの条件を「または」で合わせています。j ≤ i と「j が本物」の両方が成り立つところだけが True です。"
)


def expect_mask(answer: Answer, padding_mask: Array, right: Any, known: Mapping[str, Any]) -> None:
    expect_close(
        answer.call("decoder_mask", padding_mask),
        np.asarray(right),
        "decoder_mask(padding_mask)",
        known=known,
    )


def check_causal_mask(answer: Answer) -> None:
    expect_mask(
        answer,
        np.array([[1, 1, 0, 0], [0, 1, 1, 1]], "int32"),
        [
            [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]],
            [[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1]],
        ],
        {
            SEES_FUTURE: [
                [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
                [[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]],
            ],
            BLIND_TO_ITSELF: [
                [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]],
                [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]],
            ],
            HIDDEN_IS_TRUE: [
                [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]],
                [[1, 1, 1, 1], [1, 0, 1, 1], [1, 0, 0, 1], [1, 0, 0, 0]],
            ],
            SEES_PADDING: [[[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]] * 2,
            PADDING_IS_ONE: [
                [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]],
                [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]],
            ],
            NOT_CAUSAL: [[[1, 1, 0, 0]] * 4, [[0, 1, 1, 1]] * 4],
            MASKS_ROWS: [
                [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
                [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
            ],
            MASKS_BOTH: [
                [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
                [[0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1]],
            ],
            EITHER: [
                [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
                [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
            ],
        },
    )
    expect_mask(answer, np.array([[1, 1, 1]], "int32"), [[[1, 0, 0], [1, 1, 0], [1, 1, 1]]], {})


# ch11.heads


RESHAPED_ONLY = (
    "reshape だけで (バッチ, ヘッド, 長さ, …) にすると、1 つのヘッドに別々の位置の特徴が混ざります。"
    "(バッチ, 長さ, ヘッド, …) にしてから、軸を入れ替えましょう。"
)
INTERLEAVED = "特徴を 1 つおきに配っています。0 番のヘッドは、先頭の d_model / heads 個の特徴です。"
NOT_TRANSPOSED = "軸の順が (バッチ, 長さ, ヘッド, …) のままです。ヘッドの軸を、長さの前に移しましょう。"
MERGED_BY_RESHAPE = "merge_heads が、軸を入れ替えずに reshape しています。(バッチ, 長さ, ヘッド, …) に戻してからつなぎましょう。"
MERGED_INTERLEAVED = "merge_heads が、ヘッドの特徴を 1 つずつ交互に並べています。0 番のヘッドの特徴を全部、次に 1 番、と並べます。"
MERGED_BY_SUM = "merge_heads がヘッドを足しています。足すのではなく、特徴の軸でつなぎます。"
NO_RETURN = "merge_heads(split_heads(x, heads)) が x に戻りません。"


def expect_split(
    answer: Answer, x: Array, heads: int, right: Any, known: Mapping[str, Any] | None = None
) -> None:
    given = answer.call("split_heads", x, heads)
    batch, length, dim = x.shape
    unmoved = (batch, length, heads, dim // heads)
    if length != heads:
        expect(shape_of(given, f"split_heads(x, {heads})") != unmoved, NOT_TRANSPOSED, Status.WRONG_SHAPE)
    expect_close(given, right, f"split_heads(x, {heads})", known=known)


def expect_merged(answer: Answer, x: Array, right: Any, known: Mapping[str, Any] | None = None) -> None:
    given = answer.call("merge_heads", x)
    batch, _, length, size = x.shape
    right_shape = np.shape(right)
    expect(
        right_shape == (batch, length, size) or shape_of(given, "merge_heads(x)") != (batch, length, size),
        MERGED_BY_SUM,
    )
    expect_close(given, right, "merge_heads(x)", known=known)


def check_heads(answer: Answer) -> None:
    expect_split(
        answer,
        np.arange(12, dtype="float32").reshape(1, 3, 4),
        2,
        [[[[0, 1], [4, 5], [8, 9]], [[2, 3], [6, 7], [10, 11]]]],
        {
            RESHAPED_ONLY: [[[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]],
            INTERLEAVED: [[[[0, 2], [4, 6], [8, 10]], [[1, 3], [5, 7], [9, 11]]]],
        },
    )
    expect_merged(
        answer,
        np.arange(12, dtype="float32").reshape(1, 2, 3, 2),
        [[[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]],
        {
            MERGED_BY_RESHAPE: [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]],
            MERGED_INTERLEAVED: [[[0, 6, 1, 7], [2, 8, 3, 9], [4, 10, 5, 11]]],
        },
    )
    x = answer.rng.normal(0, 1, (2, 5, 12)).astype("float32")
    for heads in (1, 3, 4):
        split = expect_shape(
            answer.call("split_heads", x, heads), (2, heads, 5, 12 // heads), f"split_heads(x, {heads})"
        )
        merged = expect_shape(answer.call("merge_heads", split.astype("float32")), x.shape, "merge_heads(…)")
        expect(bool(np.allclose(merged, x, atol=1e-5)), NO_RETURN)


# ch11.positional_encoding


HALVES = "前半に sin、後半に cos を並べています。ここでは sin と cos を 1 列ずつ交互に並べます。"
SWAPPED = "sin と cos が逆です。偶数の列が sin、奇数の列が cos です。"
COLUMN_AS_I = "列の番号をそのまま i としています。列 2i と 2i + 1 の組に、同じ i を使います (0 列と 1 列が i = 0 です)。"
UNPAIRED = "奇数の列の指数が、左隣の列と違っています。列 2i と 2i + 1 は、同じ 2i / d を使います。"
HALF_EXPONENT = "指数が i / d になっています。正しくは 2i / d です。"
IGNORES_BASE = "base を使わず、いつも 10000 で計算しています。"
POSITIONS_FROM_ONE = "位置が 1 から始まっています。最初の行は位置 0 です。"
TRANSPOSED = "行と列が逆です。1 行が 1 つの位置で、形は (length, d_model) です。"


def expect_encoding(
    answer: Answer, length: int, d_model: int, base: int, right: Any, known: Mapping[str, Any]
) -> None:
    name = f"positional_encoding({length}, {d_model}, {base})"
    given = answer.call("positional_encoding", length, d_model, base)
    if length != d_model:
        expect(shape_of(given, name) != (d_model, length), TRANSPOSED, Status.WRONG_SHAPE)
    expect_close(
        given,
        right,
        name,
        rtol=0,
        atol=1e-3,
        known=known,
    )


def check_positional_encoding(answer: Answer) -> None:
    expect_encoding(
        answer,
        3,
        6,
        10000,
        [[0, 1, 0, 1, 0, 1], [0.8415, 0.5403, 0.0464, 0.9989, 0.0022, 1], [0.9093, -0.4161, 0.0927, 0.9957, 0.0043, 1]],
        {
            HALVES: [[0, 0, 0, 1, 1, 1], [0.8415, 0.0464, 0.0022, 0.5403, 0.9989, 1], [0.9093, 0.0927, 0.0043, -0.4161, 0.9957, 1]],
            SWAPPED: [[1, 0, 1, 0, 1, 0], [0.5403, 0.8415, 0.9989, 0.0464, 1, 0.0022], [-0.4161, 0.9093, 0.9957, 0.0927, 1, 0.0043]],
            COLUMN_AS_I: [[0, 1, 0, 1, 0, 1], [0.8415, 0.9989, 0.0022, 1, 0, 1], [0.9093, 0.9957, 0.0043, 1, 0, 1]],
            UNPAIRED: [[0, 1, 0, 1, 0, 1], [0.8415, 0.9769, 0.0464, 1, 0.0022, 1], [0.9093, 0.9086, 0.0927, 0.9998, 0.0043, 1]],
            HALF_EXPONENT: [[0, 1, 0, 1, 0, 1], [0.8415, 0.5403, 0.2138, 0.9769, 0.0464, 0.9989], [0.9093, -0.4161, 0.4177, 0.9086, 0.0927, 0.9957]],
            POSITIONS_FROM_ONE: [[0.8415, 0.5403, 0.0464, 0.9989, 0.0022, 1], [0.9093, -0.4161, 0.0927, 0.9957, 0.0043, 1], [0.1411, -0.99, 0.1388, 0.9903, 0.0065, 1]],
        },
    )  # fmt: skip
    expect_encoding(
        answer,
        3,
        4,
        100,
        [[0, 1, 0, 1], [0.8415, 0.5403, 0.0998, 0.995], [0.9093, -0.4161, 0.1987, 0.9801]],
        {IGNORES_BASE: [[0, 1, 0, 1], [0.8415, 0.5403, 0.01, 1], [0.9093, -0.4161, 0.02, 0.9998]]},
    )
    long = expect_shape(
        answer.call("positional_encoding", 50, 8, 10000), (50, 8), "positional_encoding(50, 8, 10000)"
    )
    expect_close(
        long[:, ::2] ** 2 + long[:, 1::2] ** 2,
        np.ones((50, 4)),
        "隣り合う 2 列の 2 乗の和 (sin² + cos²)",
        atol=1e-3,
    )


# ch11.rotation


TURNS_BACK = "逆向きの回転です。PE(pos + k) ではなく、PE(pos - k) になります。"
ONE_FREQUENCY = "どの組も同じ角度で回しています。組 i の角度は k / 10000^(2i/d) です。"
ROTATES_HALVES = "前半と後半の列を組にしています。この章の位置符号では、隣り合う 2i 列と 2i + 1 列が組です。"
NO_MINUS = "符号が違います。cos(a + b) = cos a cos b - sin a sin b で、引き算になります。"
WRONG_ROTATION_EXPONENT = "角度の指数が違います。組 i (列 2i と 2i + 1) の角度は k / 10000^(2i/d) です。"
TURNS_BY_DEGREES = "角度を度として扱っています。位置符号の sin と cos は、ラジアンの角度を受け取ります。"
IGNORES_SIGN = "k が負のときに、k が正のときと同じ向きに回しています。k の符号のまま計算しましょう。"
EXPONENT_FOR_FOUR = "d_model が 4 のときにしか合わない指数です。組 i の角度は k / 10000^(2i/d) です。"
NOT_ORTHOGONAL = "回転の行列なら、転置を掛けると単位行列になるはずです。"
DOES_NOT_COMPOSE = "a だけずらしてから b だけずらすのと、a + b だけずらすのとは、同じはずです。"
MOVES_AT_ZERO = "k = 0 なら何も動かさないので、単位行列になるはずです。"
DOES_NOT_SHIFT = "PE(pos) に掛けても PE(pos + k) になりません。"


def call_rotation(answer: Answer, k: int, d_model: int) -> Array:
    return expect_shape(
        answer.call("rotation_matrix", k, d_model), (d_model, d_model), f"rotation_matrix({k}, {d_model})"
    )


def check_rotation(answer: Answer) -> None:
    expect_close(
        call_rotation(answer, 2, 4),
        [[-0.4161, 0.9093, 0, 0], [-0.9093, -0.4161, 0, 0], [0, 0, 0.9998, 0.02], [0, 0, -0.02, 0.9998]],
        "rotation_matrix(2, 4)",
        rtol=0,
        atol=2e-3,
        known={
            TURNS_BACK: [[-0.4161, -0.9093, 0, 0], [0.9093, -0.4161, 0, 0], [0, 0, 0.9998, -0.02], [0, 0, 0.02, 0.9998]],
            ONE_FREQUENCY: [[-0.4161, 0.9093, 0, 0], [-0.9093, -0.4161, 0, 0], [0, 0, -0.4161, 0.9093], [0, 0, -0.9093, -0.4161]],
            ROTATES_HALVES: [[-0.4161, 0, 0.9093, 0], [0, 0.9998, 0, 0.02], [-0.9093, 0, -0.4161, 0], [0, -0.02, 0, 0.9998]],
            NO_MINUS: [[-0.4161, 0.9093, 0, 0], [0.9093, -0.4161, 0, 0], [0, 0, 0.9998, 0.02], [0, 0, 0.02, 0.9998]],
            TURNS_BY_DEGREES: [[0.9994, 0.0349, 0, 0], [-0.0349, 0.9994, 0, 0], [0, 0, 1, 0.0003], [0, 0, -0.0003, 1]],
            WRONG_ROTATION_EXPONENT: [[-0.4161, 0.9093, 0, 0], [-0.9093, -0.4161, 0, 0], [0, 0, 0.9801, 0.1987], [0, 0, -0.1987, 0.9801]],
        },
    )  # fmt: skip
    expect_close(
        call_rotation(answer, -3, 6),
        [[-0.99, -0.1411, 0, 0, 0, 0], [0.1411, -0.99, 0, 0, 0, 0], [0, 0, 0.9903, -0.1388, 0, 0], [0, 0, 0.1388, 0.9903, 0, 0], [0, 0, 0, 0, 1, -0.0065], [0, 0, 0, 0, 0.0065, 1]],
        "rotation_matrix(-3, 6)",
        rtol=0,
        atol=2e-3,
        known={
            IGNORES_SIGN: [[-0.99, 0.1411, 0, 0, 0, 0], [-0.1411, -0.99, 0, 0, 0, 0], [0, 0, 0.9903, 0.1388, 0, 0], [0, 0, -0.1388, 0.9903, 0, 0], [0, 0, 0, 0, 1, 0.0065], [0, 0, 0, 0, -0.0065, 1]],
            EXPONENT_FOR_FOUR: [[-0.99, -0.1411, 0, 0, 0, 0], [0.1411, -0.99, 0, 0, 0, 0], [0, 0, 0.9996, -0.03, 0, 0], [0, 0, 0.03, 0.9996, 0, 0], [0, 0, 0, 0, 1, -0.0003], [0, 0, 0, 0, 0.0003, 1]],
        },
    )  # fmt: skip
    a, b = (int(number) for number in answer.rng.integers(3, 12, 2))
    first, second, both = (call_rotation(answer, k, 6) for k in (a, b, a + b))
    still = call_rotation(answer, 0, 6)
    expect(bool(np.allclose(still, np.eye(6), atol=2e-3)), MOVES_AT_ZERO)
    expect(bool(np.allclose(first @ first.T, np.eye(6), atol=5e-3)), NOT_ORTHOGONAL)
    expect(bool(np.allclose(second @ first, both, atol=5e-3)), DOES_NOT_COMPOSE)
    back = call_rotation(answer, -a, 6)
    expect(bool(np.allclose(back @ first, np.eye(6), atol=5e-3)), DOES_NOT_COMPOSE)


# ch11.shift


NO_START = (
    "デコーダの入力が start_id で始まっていません。目標より 1 つ右にずらし、先頭に start_id を置きます。"
)
NOT_SHIFTED = "入力と目標が同じです。これでは、答えを写すだけになります。目標は、入力の 1 つ先の id です。"
START_IN_TARGET = "目標に start_id が入っています。start_id は与えるもので、当てるものではありません。"
NO_END = "目標に end_id がありません。どこで終わるかも、当てさせます。"
WRONG_ORDER = "デコーダの入力と目標が、逆の順で返っています。"
PADDED_LEFT = "パディングが左側にあります。右側を pad_id で埋めましょう。"
WEIGHS_PADDING = "パディングの重みも 1 です。損失に数えるのは、end_id までです。"
END_NOT_WEIGHED = "end_id の重みが 0 です。end_id も当てさせるので、1 にします。"
WEIGHTS_BY_PAD = (
    "本物の id にも pad_id と同じ数があるとき、その重みが 0 になります。重みは文の長さから決めましょう。"
)
WEIGHTS_BY_INPUT = "入力が pad_id かどうかで重みを決めています。本物の id にも pad_id と同じ数があるので、文の長さから決めましょう。"


def expect_forcing(
    answer: Answer, case: Sequence[Any], right: Sequence[Any], known: Sequence[Mapping[str, Any]]
) -> None:
    """Expects decoder inputs, targets and weights, in that order.

    Behind its row, where nothing is weighed, an input may hold ``end_id`` too: who cuts the inputs out of
    ``[start_id, *row, end_id]`` leaves it there.
    """
    given = expect_parts(
        answer.call("teacher_forcing", *case),
        3,
        "(デコーダの入力, 目標, 損失の重み) の 3 つ組を返しましょう。",
    )
    swapped = np.array_equal(given[0], right[1]) and np.array_equal(given[1], right[0])
    expect(not swapped, WRONG_ORDER)
    rows, length, _, end, _ = case
    cut = np.array(right[0])
    for ids, row in zip(cut, rows, strict=True):
        ids[len(row) + 1 : len(row) + 2] = end
    is_cut = np.array_equal(expect_shape(given[0], (len(rows), length), "デコーダの入力"), cut)
    for array, expected, wrong, name in zip(
        given,
        (cut if is_cut else right[0], *right[1:]),
        known,
        ("デコーダの入力", "目標", "損失の重み"),
        strict=True,
    ):
        expect_close(array, np.asarray(expected), name, known=wrong)


def check_shift(answer: Answer) -> None:
    expect_forcing(
        answer,
        ([[5, 6, 7], [8]], 5, 1, 2, 0),
        (
            [[1, 5, 6, 7, 0], [1, 8, 0, 0, 0]],
            [[5, 6, 7, 2, 0], [8, 2, 0, 0, 0]],
            [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]],
        ),
        (
            {
                NO_START: [[5, 6, 7, 0, 0], [8, 0, 0, 0, 0]],
                NOT_SHIFTED: [[5, 6, 7, 2, 0], [8, 2, 0, 0, 0]],
                PADDED_LEFT: [[0, 1, 5, 6, 7], [0, 0, 0, 1, 8]],
            },
            {
                NOT_SHIFTED: [[1, 5, 6, 7, 0], [1, 8, 0, 0, 0]],
                START_IN_TARGET: [[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]],
                NO_END: [[5, 6, 7, 0, 0], [8, 0, 0, 0, 0]],
                PADDED_LEFT: [[0, 5, 6, 7, 2], [0, 0, 0, 8, 2]],
            },
            {
                WEIGHS_PADDING: np.ones((2, 5)),
                END_NOT_WEIGHED: [[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
            },
        ),
    )
    expect_forcing(
        answer,
        ([[], [40, 41, 42]], 4, 91, 92, 90),
        ([[91, 90, 90, 90], [91, 40, 41, 42]], [[92, 90, 90, 90], [40, 41, 42, 92]], [[1, 0, 0, 0], [1, 1, 1, 1]]),
        ({}, {}, {WEIGHS_PADDING: np.ones((2, 4))}),
    )  # fmt: skip
    expect_forcing(
        answer,
        ([[3, 0, 4]], 5, 1, 2, 0),
        ([[1, 3, 0, 4, 0]], [[3, 0, 4, 2, 0]], [[1, 1, 1, 1, 0]]),
        ({}, {}, {WEIGHTS_BY_PAD: [[1, 0, 1, 1, 0]], WEIGHTS_BY_INPUT: [[1, 1, 0, 1, 0]]}),
    )


# ch11.beam_search


ALWAYS_GREEDY = (
    "width が 2 以上でも、貪欲法と同じ結果です。1 歩ごとに、得点の高い候補を width 個残しましょう。"
)
WITH_START = "返す id に start_id が入っています。start_id は除きましょう。"
WITHOUT_END = "返す id に end_id がありません。end_id で終わった候補は、end_id も残して返します。"
DIVIDED_BY_LENGTH = "得点を長さで割っています。ここでの得点は、対数確率の和そのものです。"
ADDS_PROBABILITIES = "確率を足しています。文の確率は 1 語ずつの確率の積なので、足すのは対数確率です。"
GIVES_PROBABILITY = "得点が確率になっています。対数確率の和を、そのまま返しましょう。"
EXTENDS_FINISHED = "end_id で終わった候補も伸ばしています。終わった候補は、そのまま残して競わせます。"
STOPS_AT_FIRST = "最初に終わった候補で止めています。続いている候補のほうが、まだ得点が高いことがあります。"
LAST_WORD_ONLY = (
    "最後の id だけを渡しています。next_log_probabilities には、start_id から始まるリスト全体を渡しましょう。"
)
PRUNES_BY_PARENT = "親の候補ごとに width 個ずつ残しています。残すのは、全部合わせて width 個です。"
ONE_STEP_SHORT = "1 歩早く止めています。max_length は、start_id を除いた長さです。"
ONE_STEP_LONG = "max_length より 1 歩長く続けています。"
LATER_OF_TIES = "同点のときは、id の列が辞書順で小さいほうを選びます。"
ENDED_LOSES_TIE = "終わった候補と続いている候補が同点のとき、続いているほうを選んでいます。このときも、辞書順で小さいほうを選びます。"
TIES_BY_PARENT = "同点のときに、伸ばす前の得点が高かったほうを選んでいます。選ぶのは、id の列全体が辞書順で小さいほうです。"


def expect_row(
    answer: Answer,
    percent: Any,
    ends: tuple[int, int],
    sizes: tuple[int, int],
    right: tuple[Sequence[int], float],
    known: Mapping[str, Sequence[int]],
) -> None:
    """Expects the row that a search over a table finds, and its score.

    ``ends`` are the ids of start and end, ``sizes`` width and longest length.
    """
    model = answer.probe("table_of_words", np.asarray(percent))
    ids, score = expect_parts(
        answer.call("beam_search", model, *ends, *sizes), 2, "(ids, 得点) の 2 つ組を返しましょう。"
    )
    row = [int(number) for number in right[0]]
    expected = {WITH_START: [ends[0], *row], **{reason: list(wrong) for reason, wrong in known.items()}}
    if row[-1] == ends[1]:
        expected[WITHOUT_END] = row[:-1]
    name = f"width={sizes[0]}、max_length={sizes[1]} のときの"
    expect_equal(
        ids, row, f"{name} ids", known={reason: wrong for reason, wrong in expected.items() if wrong != row}
    )
    expect_close(
        score,
        right[1],
        f"{name}得点",
        atol=2e-3,
        known={DIVIDED_BY_LENGTH: right[1] / len(row), GIVES_PROBABILITY: np.exp(right[1])},
    )


FORK: Array = np.full((2, 4, 4), 25)
"""The likelier first word leads to less likely rows."""
FORK[0, 0] = [1, 1, 55, 43]
FORK[1, 2] = [1, 34, 33, 32]
FORK[1, 3] = [1, 90, 5, 4]

TIES: Array = np.full((2, 4, 4), 25)
TIES[0, 0] = [1, 1, 49, 49]
TIES[1, 2] = [1, 9, 45, 45]
TIES[1, 3] = [1, 9, 45, 45]

CROSSED_TIES: Array = np.full((2, 4, 4), 25)
"""The likelier first word and the smaller one lead to rows of the same score."""
CROSSED_TIES[0, 0] = [20, 5, 25, 50]
CROSSED_TIES[1, 2] = [10, 20, 20, 50]

ENDED_TIES: Array = np.full((2, 4, 4), 25)
"""A row that has ended and a longer one have the same score."""
ENDED_TIES[0, 0] = [5, 25, 50, 20]
ENDED_TIES[1, 2] = [10, 20, 50, 20]

THREE_STEPS = [
    [[1, 8, 42, 49], [1, 26, 47, 26], [1, 13, 6, 80], [1, 70, 27, 2]],
    [[1, 41, 14, 44], [1, 90, 6, 3], [1, 32, 1, 66], [1, 13, 44, 42]],
    [[1, 14, 73, 12], [1, 16, 1, 82], [1, 46, 35, 18], [1, 37, 46, 16]],
]

EARLY_END = [
    [[1, 31, 24, 44], [1, 49, 40, 10], [1, 26, 10, 63], [1, 36, 62, 1]],
    [[1, 45, 28, 26], [1, 10, 4, 85], [1, 38, 60, 1], [1, 43, 36, 20]],
    [[1, 10, 8, 81], [1, 8, 21, 70], [1, 56, 3, 40], [1, 57, 22, 20]],
]


def check_beam_search(answer: Answer) -> None:
    start_end = (0, 1)
    expect_row(answer, FORK, start_end, (1, 4), ([2, 1], -1.6766), {LAST_WORD_ONLY: [2, 0, 2, 0]})
    expect_row(answer, FORK, start_end, (2, 4), ([3, 1], -0.9493), {ALWAYS_GREEDY: [2, 1]})
    expect_row(
        answer,
        TIES,
        start_end,
        (1, 2),
        ([2, 2], -1.5119),
        {LATER_OF_TIES: [3, 3], ONE_STEP_SHORT: [2], ONE_STEP_LONG: [2, 2, 2]},
    )
    expect_row(
        answer,
        CROSSED_TIES,
        start_end,
        (3, 2),
        ([2, 3], -2.0794),
        {TIES_BY_PARENT: [3, 0], STOPS_AT_FIRST: [3, 1]},
    )
    expect_row(
        answer,
        THREE_STEPS,
        start_end,
        (3, 3),
        ([2, 3, 2], -2.0595),
        {
            ALWAYS_GREEDY: [3, 2, 1],
            STOPS_AT_FIRST: [1],
            LAST_WORD_ONLY: [3, 1],
            PRUNES_BY_PARENT: [2, 1],
        },
    )
    expect_row(
        answer,
        EARLY_END,
        start_end,
        (3, 3),
        ([1], -1.1712),
        {EXTENDS_FINISHED: [1, 3, 1], ADDS_PROBABILITIES: [2, 2, 1]},
    )
    expect_row(answer, ENDED_TIES, start_end, (2, 2), ([1], -1.3863), {ENDED_LOSES_TIE: [2, 2]})


# ch11.transformer_block


FULL_KEY_DIM = "ヘッドの次元が d_model のままです。key_dim は d_model // heads にします。"
ONE_NORM = "LayerNorm が 1 つ足りません。注意のあとと、Feed Forward のあとの 2 か所です。"
NO_BIASES = (
    "全結合層のバイアスが足りません。query、key、value、出力、Feed Forward の 2 つの、どれにも付けます。"
)
NO_RESIDUAL = (
    "注意と Feed Forward の重みを 0 にすると、出力も 0 になります。残差の和 (x + …) が抜けています。"
)
NORM_BEFORE_SUM = "LayerNorm の場所が違います。論文では、残差を足したあとに掛けます (post-norm)。"
INPUT_TWICE = "注意の残差の和で、x を 2 回足しています。足すのは x と注意の出力です。"
SUM_TWICE = (
    "Feed Forward の残差の和で、もとの値を 2 回足しています。足すのは u と Feed Forward(u) です (u = LN(x))。"
)
NO_FEED_FORWARD = "Feed Forward は、Dense(d_ff) と Dense(d_model) の 2 層です。その形の重みが見つかりません。"
NO_RELU = "Feed Forward に活性化関数がありません。1 つ目の Dense のあとに ReLU を掛けます。"
RELU_TWICE = "2 つ目の Dense にも ReLU を掛けています。掛けるのは、1 つ目だけです。"
GELU_FOR_RELU = "活性化関数が GELU です。論文に合わせて、ReLU にしましょう。"
WRONG_FEED_FORWARD = "注意の重みを 0 にしたときの出力が、LN(u + Feed Forward(u)) と違います (u = LN(x))。"
HAS_DROPOUT = "training=True にすると出力が変わります。この問題では dropout を入れません。"
NO_ATTENTION = (
    "ほかの位置の x を変えても、出力が変わりません。自己注意の query、key、value に同じ x を渡しましょう。"
)
BLOCK_SEES_PADDING = (
    "パディングの位置の x を変えたら、本物の位置の出力が変わりました。"
    "attention_mask には padding_mask[:, None, :] を渡しましょう。"
)
BLOCK_IS_CAUSAL = "後ろの位置の x を変えても、前の出力が変わりません。エンコーダは、前も後ろも見ます。"
KNOWS_POSITIONS = "位置を並べ替えても、出力が同じように並べ替わりません。このブロックには位置符号を入れず、位置ごとに同じ計算をします。"
HEADS_AND_SIZE_SWAPPED = (
    "ヘッドの数と、1 つのヘッドの次元が逆です。heads 個のヘッドが、d_model / heads 次元ずつを受け持ちます。"
)
WRONG_ATTENTION = (
    "注意の重みをそろえて比べた出力が、LN(x + 注意) と違います。"
    "スコアを √(d_model / heads) で割り、見てよい位置について softmax を掛けているか確かめましょう。"
)
HEADS_LOOK_ALIKE = (
    "ヘッドがどれも同じところを見ています。softmax は、ヘッドごとのスコアに別々に掛けましょう。"
)
UNUSED_KERNEL = (
    "重みの中に、変えても出力が変わらないものがあります。"
    "query、key、value、出力に、それぞれ別の全結合層を使いましょう。"
)
FROZEN = "学習できない重みがあります。どの層も、学習できるままにしましょう。"
SCORES_NOT_SCALED = "注意のスコアを √(d_model / heads) で割っていません。"
ONE_HEAD = (
    "ヘッドに分けずに、1 つの大きな注意になっています。heads 個に分けて、別々に softmax を掛けましょう。"
)
MIXES_EXAMPLES = "ほかの例を変えたら、出力が変わりました。例どうしは混ぜません。"
DOES_NOT_LEARN = "学習させても、印の付いた位置の種類を当てられません。重みがすべて学習できることと、注意のつなぎ方を確かめましょう。"


def layer_norm(x: Array) -> Array:
    """LayerNorm as it is before training: mean 0 and variance 1 along the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt(centred.var(axis=-1, keepdims=True) + 1e-6))


def block_parameters(d_model: int, d_ff: int) -> int:
    """Parameters of four projections, two dense layers and two LayerNorms."""
    attention = 4 * (d_model**2 + d_model)
    return attention + d_model * d_ff + d_ff + d_ff * d_model + d_model + 4 * d_model


class Block:
    """The learner's block, and what it does to arrays.

    Attributes:
        handle: The model.
        d_model: Width.
        weights: Its weights as they were at first.
        kernels: Which of them are kernels; biases of heads have two axes, too.
    """

    def __init__(self, answer: Answer, d_model: int, heads: int, d_ff: int) -> None:
        self._answer = answer
        self.handle = expect_model(answer.call("encoder_block", d_model, heads, d_ff), "encoder_block(…)")
        self.d_model = d_model
        self.apply(np.zeros((1, 3, d_model), "float32"), np.ones((1, 3), "int32"))
        self.weights: list[Array] = expect_arrays(answer.probe("weights", self.handle), "ブロックの重み")
        self.kernels = [n for n, array in enumerate(self.weights) if array.ndim > 1 and array.size > d_model]

    def apply(self, x: Array, padding_mask: Array, training: bool = False) -> Array:
        """Applies it and expects the shape of the output."""
        given = self._answer.probe("predict", self.handle, [x, padding_mask], training)
        return expect_shape(given, x.shape, "ブロックの出力")

    def forward_places(self, d_ff: int) -> list[int]:
        """Expects a kernel of each of the two dense layers, and tells which weights they are."""
        found = []
        for shape in ((self.d_model, d_ff), (d_ff, self.d_model)):
            places = [n for n, array in enumerate(self.weights) if array.squeeze().shape == shape]
            expect(len(places) == 1, NO_FEED_FORWARD)
            found += places
        return found

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Sets all weights."""
        self._answer.probe("set_weights", self.handle, [np.asarray(array, "float32") for array in weights])

    def clear(self) -> None:
        """Sets all kernels to 0; biases are 0 and norms neutral already."""
        self.set_weights(self.without_kernels())

    def without_kernels(self) -> list[Array]:
        """Returns the weights with 0 for the kernels."""
        return [array * (n not in self.kernels) for n, array in enumerate(self.weights)]

    def draw(self) -> list[Array]:
        """Draws kernels that are large enough to attend sharply; returns the weights."""
        rng = self._answer.rng
        drawn = [
            rng.normal(0, 1.3 * self.d_model**-0.5, array.shape) if n in self.kernels else array
            for n, array in enumerate(self.weights)
        ]
        self.set_weights(drawn)
        return drawn


def check_block_counts(answer: Answer, block: Block, heads: int, d_ff: int) -> None:
    """Expects the number of parameters that the paper's parts have."""
    dim = block.d_model
    right = block_parameters(dim, d_ff)
    expect_equal(
        sum(array.size for array in block.weights),
        right,
        "パラメータの数",
        known={
            FULL_KEY_DIM: right + (heads - 1) * (4 * dim**2 + 3 * dim),
            ONE_NORM: right - 2 * dim,
            NO_BIASES: right - 4 * dim,
        },
    )
    counts = answer.probe("parameter_counts", block.handle)
    trainable = counts.get("trainable") if isinstance(counts, dict) else None
    expect(expect_number(trainable, "学習する重みの数") == right, FROZEN)


def check_block_sums(block: Block, x: Array, mask: Array) -> None:
    """Expects, where attention and feed-forward give 0, what two residual sums and norms leave of the input."""
    block.clear()
    output = block.apply(x, mask)
    expect(not np.allclose(output, 0, atol=1e-3), NO_RESIDUAL)
    expect(not np.allclose(output, x, atol=1e-3), NORM_BEFORE_SUM)
    expect_close(output, layer_norm(x), "注意と Feed Forward の重みを 0 にしたときの出力", atol=0.02)


def check_feed_forward(answer: Answer, block: Block, d_ff: int, x: Array, mask: Array) -> None:
    """Expects, where attention gives 0, the feed-forward part of the paper."""
    dim = block.d_model
    kernels = [answer.rng.normal(0, 0.5, shape) for shape in ((dim, d_ff), (d_ff, dim))]
    weights = block.without_kernels()
    for place, kernel in zip(block.forward_places(d_ff), kernels, strict=True):
        weights[place] = kernel.reshape(weights[place].shape)
    block.set_weights(weights)
    u = layer_norm(x.astype("float64"))
    inner = u @ kernels[0]
    branches = {
        NO_RELU: inner @ kernels[1],
        SUM_TWICE: u + np.maximum(inner, 0) @ kernels[1],
        RELU_TWICE: np.maximum(np.maximum(inner, 0) @ kernels[1], 0),
        GELU_FOR_RELU: inner * (1 + np.vectorize(math.erf)(inner / 2**0.5)) / 2 @ kernels[1],
    }
    given = block.apply(x, mask)
    right = layer_norm(u + np.maximum(inner, 0) @ kernels[1])
    if np.allclose(given, right, atol=0.02):
        expect(True, WRONG_FEED_FORWARD)
        return
    errors = {reason: np.abs(given - layer_norm(u + branch)).max() for reason, branch in branches.items()}
    nearest = min(errors, key=lambda reason: errors[reason])
    expect(False, nearest if errors[nearest] < 0.1 else WRONG_FEED_FORWARD)


def check_attention_sums(block: Block, heads: int, d_ff: int, x: Array, mask: Array) -> None:
    """Expects, where the feed-forward part gives 0, the attention of so many heads.

    Kernels whose numbers are all alike give the same scores however a block arranges its heads: the size of a
    head times what two positions add up to, divided by the root of the size. Only the last projection's columns
    differ, and which kernel is the last one is tried.
    """
    dim, size, real = block.d_model, block.d_model // heads, mask == 1
    sums = np.resize([2.0, -1.0, 3.0, 0.0, -2.0, 1.0], x.shape[1])
    x = x - x.mean(axis=-1, keepdims=True) + sums[:, None] / dim
    columns = np.linspace(-1, 1, dim)
    forward = block.forward_places(d_ff)
    kernels = [n for n in block.kernels if n not in forward]

    def output(last: int) -> Array:
        weights = block.without_kernels()
        for n in kernels:
            weights[n] = np.full(weights[n].shape, 0.5)
        weights[last] = weights[last] * columns
        block.set_weights(weights)
        return block.apply(x.astype("float32"), mask)[real]

    lasts = [n for n in kernels if block.weights[n].size == dim**2 and block.weights[n].shape[-1] == dim]
    outputs = [output(last) for last in lasts]

    def found(factor: float, inputs: int = 1) -> bool:
        """Whether one is that of scores so many times those of a single number, and so many inputs in the sum."""
        scores = np.where(real[:, None], factor / 4 * np.outer(sums, sums), -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        seen = weights @ sums / weights.sum(axis=-1)
        right = layer_norm(inputs * x + dim / 4 * seen[..., None] * columns)[real]
        return any(np.allclose(given, right, atol=0.02) for given in outputs)

    if not found(size**0.5):
        wrong = {
            SCORES_NOT_SCALED: found(size),
            HEADS_AND_SIZE_SWAPPED: found(heads**0.5),
            ONE_HEAD: found(dim**0.5),
            INPUT_TWICE: found(size**0.5, inputs=2),
        }
        expect(False, next((reason for reason, is_so in wrong.items() if is_so), WRONG_ATTENTION))


def check_separate_heads(answer: Answer, block: Block, heads: int, d_ff: int) -> None:
    """Expects each head to choose for itself between two inputs that are far away and opposite to each other.

    What comes out is then, but for what is small beside it, a sum of one direction for each head with a sign or
    weight of its own: so many dimensions are as there are heads.
    """
    rng, count = answer.rng, 64
    drawn = block.draw()
    forward = block.forward_places(d_ff)
    block.set_weights([array * (n not in forward) for n, array in enumerate(drawn)])
    far = 1e4 * rng.normal(0, 1, block.d_model)
    x = np.stack([rng.normal(0, 1, (count, block.d_model)), [far] * count, [-far] * count], axis=1)
    seen = block.apply(x.astype("float32"), np.ones((count, 3), "int32"))[:, 0]
    expect(bool(np.isfinite(seen).all()), WRONG_ATTENTION)
    strengths = np.linalg.svd(seen, compute_uv=False)
    expect(int((strengths > 0.005 * strengths[0]).sum()) == heads, HEADS_LOOK_ALIKE)


def check_block_attention(answer: Answer, block: Block, x: Array, mask: Array) -> None:
    """Expects all that is real to be seen, nothing else, and no order."""
    drawn = block.draw()
    rng, real = answer.rng, mask == 1
    output = block.apply(x, mask)
    expect(bool(np.isfinite(output[real]).all()), "本物の位置の出力に NaN があります。")
    expect(bool(np.allclose(block.apply(x, mask, training=True), output, atol=1e-4)), HAS_DROPOUT)

    def change(where: Array) -> Array:
        """How much each output changes when the input changes somewhere."""
        other = np.where(where[..., None], rng.normal(0, 2, x.shape), x).astype("float32")
        return np.asarray(np.abs(block.apply(other, mask) - output).max(axis=-1))

    first = np.arange(x.shape[1]) == 0
    expect(bool((change(np.broadcast_to(first, real.shape))[:, 1:][real[:, 1:]] > 1e-4).any()), NO_ATTENTION)
    last = np.arange(x.shape[1]) == real.sum(axis=1, keepdims=True) - 1
    expect(bool((change(last)[:, 0] > 1e-4).any()), BLOCK_IS_CAUSAL)
    one = np.zeros(real.shape, bool)
    one[0] = True
    expect(bool((change(one)[1:][real[1:]] < 1e-3).all()), MIXES_EXAMPLES)
    expect(bool((change(~real)[real] < 1e-3).all()), BLOCK_SEES_PADDING)
    order = np.roll(np.arange(x.shape[1]), int(rng.integers(1, x.shape[1])))
    moved = block.apply(x[:, order], mask[:, order])
    same = np.isclose(moved, output[:, order], atol=2e-3)[real[:, order]]
    expect(bool(same.all()), KNOWS_POSITIONS)
    for n in block.kernels:
        block.set_weights([*drawn[:n], -drawn[n], *drawn[n + 1 :]])
        expect(not np.allclose(block.apply(x, mask)[real], output[real], atol=1e-3), UNUSED_KERNEL)


def draw_marked(
    rng: np.random.Generator, count: int, length: int, d_model: int, classes: int
) -> tuple[Array, Array, Array]:
    """Draws rows of things, one of them marked.

    Returns:
        x ``(count, length, d_model)``, whose first numbers tell each thing's kind and the next one the mark;
        padding mask; and the kind of the marked thing, ``(count,)``.
    """
    kinds = rng.integers(0, classes, (count, length))
    sizes = rng.integers(2, length + 1, count)
    marked = rng.integers(0, sizes)
    x = rng.normal(0, 0.3, (count, length, d_model))
    x[..., :classes] += 2 * np.eye(classes)[kinds]
    x[np.arange(count), marked, classes] += 3
    return (
        x.astype("float32"),
        (np.arange(length) < sizes[:, None]).astype("int32"),
        kinds[np.arange(count), marked],
    )


def check_block_learns(answer: Answer, handle: Handle, d_model: int) -> None:
    """Expects a trained block to bring the kind of the marked thing to every position."""
    classes, length, unseen = 4, 6, 200
    x, mask, kinds = draw_marked(answer.rng, 64 * STEPS + unseen, length, d_model, classes)
    labels = np.repeat(kinds[:, None], length, axis=1).astype("int32")
    model = answer.probe("tagger", handle, d_model, classes, 0.01)
    answer.probe("train_tagger", model, x[unseen:], mask[unseen:], labels[unseen:], 64)
    given = answer.probe("predict", model, [x[:unseen], mask[:unseen]])
    probabilities = expect_shape(given, (unseen, length, classes), "学習したモデルの出力")
    right = (probabilities.argmax(axis=-1) == labels[:unseen])[mask[:unseen] == 1]
    expect(bool(right.mean() > LEARNED), DOES_NOT_LEARN)


STEPS = 150
LEARNED = 0.8
"""Share of right answers; a guess has 0.25."""


def check_block_at(answer: Answer, d_model: int, heads: int, d_ff: int, length: int) -> None:
    """Expects the block of the paper: its size, its parts, what it may see, and that it learns."""
    block = Block(answer, d_model, heads, d_ff)
    sizes = np.array([length, length - 1, length - 2])
    x = answer.rng.normal(0, 1.5, (3, length, d_model)).astype("float32")
    mask = (np.arange(length) < sizes[:, None]).astype("int32")
    check_block_counts(answer, block, heads, d_ff)
    check_block_sums(block, x, mask)
    check_feed_forward(answer, block, d_ff, x, mask)
    check_block_attention(answer, block, x, mask)
    check_attention_sums(block, heads, d_ff, x, mask)
    check_separate_heads(answer, block, heads, d_ff)
    block.set_weights(block.weights)
    check_block_learns(answer, block.handle, d_model)


def check_transformer_block(answer: Answer) -> None:
    check_block_at(answer, d_model=12, heads=3, d_ff=20, length=6)


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch11.attention",
        title="スケール化内積注意",
        points=2,
        symbols=("attention",),
        template='''import numpy as np

def attention(query, key, value, mask):
    """スケール化内積注意の (出力, 重み) を返します。mask が False のところは見ません。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_attention,
        hints=(
            "スコアは query と key の内積を √d_k で割ったものです。key は np.swapaxes(key, -1, -2) で最後の 2 つの軸だけを入れ替えると、前に軸がいくつあっても掛けられます。",
            "np.where(mask, スコア, -1e9) とすると、mask が False のところだけが、とても小さくなります。mask は np.where が必要な形に広げます。",
            "行ごとの最大値 (axis=-1, keepdims=True) を引いてから exp に渡し、行の和で割ると重みです。出力は 重み @ value です。",
        ),
    ),
    Exercise(
        id="ch11.scale",
        title="内積の分散",
        points=1,
        symbols=("score_variances",),
        template='''def score_variances(d_k, query_std, key_std):
    """q・k の分散と、それを √d_k で割ったものの分散の組を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_scale,
        hints=(
            "まず積 1 つ分を考えます。平均が 0 で独立なら、積の分散は、それぞれの分散の積です。",
            "内積は、独立な積を d_k 個足したものです。独立なものを足すと、分散も足し算になります。",
            "値を c で割ると、分散は c² で割られます。c = √d_k なら、分散は d_k で割られます。",
        ),
        time_limit=60,
    ),
    Exercise(
        id="ch11.causal_mask",
        title="デコーダのマスク",
        points=1,
        symbols=("decoder_mask",),
        template='''import numpy as np

def decoder_mask(padding_mask):
    """未来とパディングを隠す、(バッチ, 長さ, 長さ) のマスクを返します。見てよいところが True です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_causal_mask,
        hints=(
            "「j ≤ i」と「j 番目が本物」の 2 つの条件を、それぞれ真偽値の配列にしてから合わせましょう。",
            "長さ 3 なら、「j ≤ i」は下三角の行列 [[1, 0, 0], [1, 1, 0], [1, 1, 1]] です。np.tril で作れます。",
            "padding_mask[:, None, :] == 1 は (バッチ, 1, 長さ) の形で、どの行 i にも同じ列の条件が掛かります。& で合わせると、両方が True のところだけが残ります。",
        ),
    ),
    Exercise(
        id="ch11.heads",
        title="ヘッドに分けて、つなぐ",
        points=2,
        symbols=("split_heads", "merge_heads"),
        template='''import numpy as np

def split_heads(x, heads):
    """(バッチ, 長さ, d_model) を (バッチ, ヘッド, 長さ, d_model / heads) に分けます。"""
    raise NotImplementedError("ここを書きましょう")

def merge_heads(x):
    """split_heads の逆です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_heads,
        hints=(
            "reshape は、数の並ぶ順を変えません。d_model だけを (ヘッド, d_model / heads) の 2 つに割ると、(バッチ, 長さ, ヘッド, d_model / heads) になります。",
            "そのあと np.transpose(…, (0, 2, 1, 3)) で、長さとヘッドの軸を入れ替えます。",
            "merge_heads は逆の順です。先に軸を入れ替えて (バッチ, 長さ, ヘッド, …) に戻し、それから後ろの 2 つの軸を reshape でつなぎます。",
        ),
    ),
    Exercise(
        id="ch11.positional_encoding",
        title="位置符号",
        points=1,
        symbols=("positional_encoding",),
        template='''import numpy as np

def positional_encoding(length, d_model, base):
    """sin と cos を 1 列ずつ交互に並べた、(length, d_model) の位置符号を返します。論文の base は 10000 です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_positional_encoding,
        hints=(
            "位置 np.arange(length)[:, None] と、組の番号 i = np.arange(d_model // 2) から、(length, d_model // 2) の角度の表を作りましょう。",
            "角度は 位置 / base ** (2 * i / d_model) です。1 つの角度から、sin の列と cos の列が 1 つずつできます。",
            "空の配列 pe を作り、pe[:, 0::2] に sin を、pe[:, 1::2] に cos を入れると、交互に並びます。",
        ),
    ),
    Exercise(
        id="ch11.rotation",
        title="位置をずらす回転",
        points=2,
        symbols=("rotation_matrix",),
        template='''import numpy as np

def rotation_matrix(k, d_model):
    """どの pos でも PE(pos + k) = M @ PE(pos) となる行列 M を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_rotation,
        hints=(
            "加法定理 sin(a + b) = sin a cos b + cos a sin b と cos(a + b) = cos a cos b - sin a sin b に、a = pos の角度、b = k の角度を入れましょう。",
            "組 i の角度を b = k / 10000 ** (2 * i / d_model) とすると、(sin, cos) の縦ベクトルには [[cos b, sin b], [-sin b, cos b]] を掛けることになります。",
            "M は 0 の行列から始め、行と列の 2i、2i + 1 のところに、この 2×2 の行列を置きます。",
        ),
    ),
    Exercise(
        id="ch11.shift",
        title="教師強制の入力と目標",
        points=2,
        symbols=("teacher_forcing",),
        template='''import numpy as np

def teacher_forcing(rows, length, start_id, end_id, pad_id):
    """(デコーダの入力, 目標, 損失の重み) を返します。どれも (行数, length) です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_shift,
        hints=(
            "文が [5, 6, 7] なら、入力は [start, 5, 6, 7]、目標は [5, 6, 7, end] です。同じ位置を上下に並べると、目標は入力の 1 つ先になっています。",
            "[start_id, *row] も [*row, end_id] も、長さは len(row) + 1 です。残りの length - len(row) - 1 個を pad_id で埋めます。",
            "重みは、1 を len(row) + 1 個、続けて 0 を残りの数だけ並べます。目標が pad_id かどうかではなく、文の長さから決めましょう。",
        ),
    ),
    Exercise(
        id="ch11.beam_search",
        title="ビームサーチ",
        points=3,
        symbols=("beam_search",),
        template='''import numpy as np

def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    """得点 (対数確率の和) がいちばん高い候補の (ids, 得点) を返します。ids に start_id は入れません。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_beam_search,
        hints=(
            "候補を (得点, id のリスト) の組で表し、beam = [(0.0, [start_id])] から始めます。1 歩ごとに、新しい候補のリストを作り直しましょう。",
            "end_id で終わった候補は、そのまま新しいリストに入れます。ほかの候補は、next_log_probabilities(ids) の数だけ (得点 + 対数確率, ids + [id]) に増やします。",
            "sorted(候補, key=lambda c: (-c[0], c[1])) は、得点の高い順、同点なら辞書順です。先頭の width 個を残し、max_length 回くり返すか、全部が終わったら止めます。",
        ),
        time_limit=60,
    ),
    Exercise(
        id="ch11.transformer_block",
        title="エンコーダのブロック",
        points=3,
        symbols=("encoder_block",),
        template='''import keras

def encoder_block(d_model, heads, d_ff):
    """[x, padding_mask] から (バッチ, 長さ, d_model) を出す、エンコーダのブロックを返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_transformer_block,
        hints=(
            "入力は keras.Input((None, d_model)) と keras.Input((None,)) の 2 つです。長さを None にすると、どの長さでも受け取れます。",
            "注意は keras.layers.MultiHeadAttention(heads, d_model // heads) です。x を 2 回渡し、attention_mask には padding_mask[:, None, :] を渡します。",
            "x = LayerNormalization()(x + 注意の出力)、続けて x = LayerNormalization()(x + Feed Forward の出力) とし、keras.Model([x の入力, マスクの入力], x) を返します。",
        ),
        time_limit=120,
    ),
]
