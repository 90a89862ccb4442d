"""Chapter 12: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from grader.exercise import Answer, Exercise, Handle, Status

Array = npt.NDArray[Any]
IGNORED = -1


# ch12.wordpiece


FORGETS_MARK = "2 つ目以降のピースは、頭に ## を付けて語彙を引きます。"
FALLS_BACK = (
    "## の付いたピースがないとき、付かないピースで代用しています。その単語は、全体を [UNK] とします。"
)
TAKES_SHORTEST = "短いピースから試しています。当てはまるうちで、いちばん長いピースを取ります。"
UNKNOWN_REST = '当てはまらない残りだけを [UNK] にしています。1 か所でも当てはまらなければ、単語全体を ["[UNK]"] とします。'
DROPS_REST = "当てはまらない文字を読み飛ばしています。その単語は、全体を [UNK] とします。"
GOES_BACK = (
    "いちばん長いピースを取ったあとは、やり直しません。その先で行き詰まれば、単語全体を [UNK] とします。"
)


def expect_pieces(
    answer: Answer, word: str, vocabulary: Sequence[str], right: list[str], known: dict[str, list[str]]
) -> None:
    expect_equal(
        answer.call("wordpiece", word, list(vocabulary)),
        right,
        f"wordpiece({word!r}, vocabulary)",
        known={reason: wrong for reason, wrong in known.items() if wrong != right},
    )


VISIBLE_PIECES = [
    "[PAD]", "[UNK]", "東", "東京", "##京", "##都", "##都民", "民", "##民", "都", "お", "##茶", "茶", "##の水",
]  # fmt: skip


def check_wordpiece(answer: Answer) -> None:
    expect_pieces(
        answer,
        "東京都民",
        VISIBLE_PIECES,
        ["東京", "##都民"],
        {
            FORGETS_MARK: ["東京", "都", "民"],
            TAKES_SHORTEST: ["東", "##京", "##都", "##民"],
        },
    )
    expect_pieces(answer, "東都", VISIBLE_PIECES, ["東", "##都"], {})
    expect_pieces(
        answer,
        "東お",
        VISIBLE_PIECES,
        ["[UNK]"],
        {
            FALLS_BACK: ["東", "##お"],
            FORGETS_MARK: ["東", "お"],
            UNKNOWN_REST: ["東", "[UNK]"],
            DROPS_REST: ["東"],
        },
    )
    expect_pieces(answer, "東京", VISIBLE_PIECES, ["東京"], {TAKES_SHORTEST: ["東", "##京"]})
    expect_pieces(
        answer,
        "お茶屋",
        VISIBLE_PIECES,
        ["[UNK]"],
        {
            UNKNOWN_REST: ["お", "##茶", "[UNK]"],
            DROPS_REST: ["お", "##茶"],
            FORGETS_MARK: ["お", "茶", "[UNK]"],
        },
    )
    expect_pieces(
        answer, "京都", VISIBLE_PIECES, ["[UNK]"], {DROPS_REST: ["都"], UNKNOWN_REST: ["[UNK]", "##都"]}
    )
    expect_pieces(
        answer, "ab", ["a", "##b", "##bc", "ab", "##c", "[UNK]"], ["ab"], {TAKES_SHORTEST: ["a", "##b"]}
    )
    expect_pieces(
        answer, "abcd", ["a", "ab", "##bcd", "##c", "[UNK]"], ["[UNK]"], {GOES_BACK: ["a", "##bcd"]}
    )


# ch12.embeddings


NO_NORMALISATION = "RMSNorm がありません。足したあと、最後の軸で二乗の平均を 1 にそろえます。"
NO_GAMMA = "gamma がありません。そろえたあとに gamma を掛けます。"
NO_POSITION = "位置の埋め込みが足されていません。これがないと、語の順番が分かりません。"
NO_SEGMENT = "セグメントの埋め込みが足されていません。"
WRONG_AXIS = "そろえる軸が違います。トークンごとに、最後の軸 (次元) の二乗の平均を使います。"
NO_ROOT = "二乗の平均で割っています。割るのは、その平方根です。"
SUBTRACTS_MEAN = "LayerNorm になっています。RMSNorm では平均を引きません。"
SUMS_SQUARES = "二乗の合計の平方根で割っています。合計ではなく、平均を使いましょう。"


def check_embeddings_at(
    answer: Answer, case: Mapping[str, Array], right: Any, known: Mapping[str, Any]
) -> None:
    """Expects embeddings; an epsilon such as Keras' own makes no difference."""
    expect_close(
        answer.call("embed", *case.values()),
        right,
        "embed(…)",
        rtol=2e-3,
        atol=2e-3,
        known=known,
    )


def check_embeddings(answer: Answer) -> None:
    case = {
        "token_ids": np.array([[2, 4, 3], [1, 1, 4]]),
        "segment_ids": np.array([[0, 1, 1], [0, 0, 1]]),
        "token_table": np.array(
            [[0.0, 0, 0, 0], [1, 3, -2, 4], [2, -1, 5, 0], [-3, 2, 1, 6], [4, 0, -1, 2]], "float32"
        ),
        "position_table": np.array([[1.0, 0, 2, -1], [0, 4, 1, -3], [3, 1, -2, 5], [2, 2, 2, 2]], "float32"),
        "segment_table": np.array([[0.0, 1, 0, -2], [3, -2, 1, 0]], "float32"),
        "gamma": np.array([1, 2, 0.5, -1], "float32"),
    }
    right = [[[0.733, 0.0, 0.8552, 0.733], [1.8878, 1.0787, 0.1348, 0.2697], [0.5242, 0.3495, 0.0, -1.9221]],
        [[0.8729, 3.4915, 0.0, -0.4364], [0.2443, 3.9094, -0.1222, 0.2443], [1.6116, -0.3223, -0.1612, -1.1282]]]  # fmt: skip
    known = {
        NO_NORMALISATION: [[[3.0, 0.0, 7.0, -3.0], [7.0, 2.0, 1.0, -1.0], [3.0, 1.0, 0.0, 11.0]],
            [[2.0, 4.0, 0.0, 1.0], [1.0, 8.0, -1.0, -1.0], [10.0, -1.0, -2.0, 7.0]]],
        NO_GAMMA: [[[0.733, 0.0, 1.7104, -0.733], [1.8878, 0.5394, 0.2697, -0.2697], [0.5242, 0.1747, 0.0, 1.9221]],
            [[0.8729, 1.7457, 0.0, 0.4364], [0.2443, 1.9547, -0.2443, -0.2443], [1.6116, -0.1612, -0.3223, 1.1282]]],
        NO_POSITION: [[[0.6963, 0.0, 0.8704, 0.6963], [1.8543, -1.0596, 0.0, -0.5298], [0.0, 0.0, 0.3162, -1.8974]],
            [[0.4, 3.2, -0.4, -0.8], [0.4, 3.2, -0.4, -0.8], [1.8543, -1.0596, 0.0, -0.5298]]],
        NO_SEGMENT: [[[0.7746, -0.5164, 0.9037, 0.2582], [1.3926, 2.7852, 0.0, 0.3482], [0.0, 1.0484, -0.0874, -1.9221]],
            [[0.8528, 2.5584, 0.0, -1.2792], [0.2774, 3.8829, -0.1387, -0.2774], [1.3472, 0.3849, -0.2887, -1.3472]]],
        WRONG_AXIS: [[[0.6348, 0.0, 0.8573, 0.454], [1.4812, 3.0984, 0.1225, 0.1513], [0.6348, 1.5492, 0.0, -1.6646]],
            [[0.3381, 1.5396, 0.0, -0.2425], [0.169, 3.0792, -0.3873, 0.2425], [1.6903, -0.3849, -0.7746, -1.6977]]],
        NO_ROOT: [[[0.1791, 0.0, 0.209, 0.1791], [0.5091, 0.2909, 0.0364, 0.0727], [0.0916, 0.0611, 0.0, -0.3359]],
            [[0.381, 1.5238, 0.0, -0.1905], [0.0597, 0.9552, -0.0299, 0.0597], [0.2597, -0.0519, -0.026, -0.1818]]],
        SUBTRACTS_MEAN: [[[0.3379, -0.946, 0.7095, 1.2839], [1.6116, -0.1696, -0.212, 1.1026], [-0.1735, -1.2723, -0.4337, -1.6771]],
            [[0.169, 3.0426, -0.5916, 0.5071], [-0.2027, 3.3787, -0.3717, 0.7433], [1.2687, -1.7566, -0.5367, -0.6831]]],
        SUMS_SQUARES: [[[0.3665, 0.0, 0.4276, 0.3665], [0.9439, 0.5394, 0.0674, 0.1348], [0.2621, 0.1747, 0.0, -0.9611]],
            [[0.4364, 1.7457, 0.0, -0.2182], [0.1222, 1.9547, -0.0611, 0.1222], [0.8058, -0.1612, -0.0806, -0.5641]]],
    }  # fmt: skip
    check_embeddings_at(answer, case, right, known)


# ch12.attention


NO_SCALE = "query と key の内積を、次元の平方根で割っていません。"
DIVIDES_BY_DIM = "内積を次元で割っています。割るのは、次元の平方根です。"
NO_DISTANCE = "距離の分が引かれていません。スコアから slope × |i - j| を引きましょう。"
ADDS_DISTANCE = "距離の分を足しています。離れているほどスコアが下がるように引きましょう。"
SIGNED_DISTANCE = "距離に符号が残っています。前後どちらに離れていても、|i - j| を引きます。"
DISTANCE_FIRST = "距離の分まで平方根で割っています。割るのは内積だけで、そのあとに距離の分を引きます。"
NO_PADDING = "パディングも見ています。padding_mask が 0 の列のスコアは、softmax の前に十分小さい値にします。"
ZEROED_SCORES = (
    "スコアを 0 にしても、exp(0) = 1 の重みが残ります。softmax の前に、とても小さい値にしましょう。"
)
NOT_RENORMALISED = "softmax のあとで 0 にしただけなので、行の和が 1 になりません。"
SOFTMAX_OVER_QUERIES = "softmax の軸が違います。和が 1 になるのは、見る先の軸 (最後の軸) です。"
ZEROED_OVER_QUERIES = (
    "softmax の軸が違います。あとでパディングを 0 にしても、見る先の軸 (最後の軸) の和は 1 になりません。"
)
INVERTED_MASK = "マスクの向きが逆で、パディングだけを見ています。1 が本物のトークンです。"
MASKS_ROWS = "見る側 (行) までマスクしています。マスクするのは、見られる側 (列) だけです。"
OVERFLOWS = "スコアが大きいと exp があふれて NaN になります。行ごとの最大値を引いてから exp に渡しましょう。"
PADDING_NOT_ZERO = (
    "パディングの列の重みが、ちょうど 0 になっていません。マスクに使う値をもっと小さくしましょう。"
)
PADDING_LEAKS = "パディングの key と value を変えたら、出力が変わりました。"


def call_attention(answer: Answer, case: Sequence[Any]) -> tuple[Array, Array]:
    """Calls attention and expects the shapes of output and weights."""
    query, _, value, _, _ = case
    output, weights = expect_parts(
        answer.call("attention", *case), 2, "(出力, 重み) の 2 つ組を返しましょう。"
    )
    batch, length = query.shape[:2]
    return (
        expect_shape(output, (batch, length, value.shape[2]), "出力"),
        expect_shape(weights, (batch, length, length), "重み"),
    )


def draw_attention(
    rng: np.random.Generator, batch: int, length: int, dim: int
) -> tuple[Array, Array, Array, Array]:
    """Draws query, key, value and a mask; every row but the first ends in padding."""
    query, key, value = rng.normal(0, 1.5, (3, batch, length, dim)).astype("float32")
    real = np.append(length, rng.integers(1, length, batch - 1))
    return query, key, value, (np.arange(length) < real[:, None]).astype("int32")


def check_attention_properties(answer: Answer, batch: int, length: int, dim: int) -> None:
    """Expects rows that sum to 1 and never look at padding, whatever stands there, however large."""
    query, key, value, mask = draw_attention(answer.rng, batch, length, dim)
    slope = float(answer.rng.uniform(0.1, 0.9))
    output, weights = call_attention(answer, (query, key, value, mask, slope))
    expect_close(weights.sum(axis=-1), np.ones((batch, length)), "重みの行の和", atol=1e-4)
    padding = np.broadcast_to(mask[:, None, :] == 0, weights.shape)
    expect(bool((weights[padding] == 0).all()), PADDING_NOT_ZERO)
    hidden = (mask == 0)[..., None]
    other, _ = call_attention(
        answer, (query, np.where(hidden, 1 - key, key), np.where(hidden, value + 9, value), mask, slope)
    )
    expect(bool(np.allclose(other, output, rtol=1e-3, atol=1e-3)), PADDING_LEAKS)
    large, weights = call_attention(answer, (60 * query, 60 * key, value, np.ones_like(mask), slope))
    expect(bool(np.isfinite(large).all() and np.isfinite(weights).all()), OVERFLOWS)
    expect_close(weights.sum(axis=-1), np.ones((batch, length)), "大きなスコアでの重みの行の和", atol=1e-4)


def check_attention(answer: Answer) -> None:
    query = np.array([[[2, 0, 1, -1, 1], [0, 1, -2, 1, 0], [1, 1, 0, 2, -1], [1, 0, 1, 1, 2]]], "float32")
    key = np.array([[[1, 1, 0, -1, 0], [0, 2, 1, 1, 1], [1, 0, -1, 1, 1], [2, 1, 0, 1, 0]]], "float32")
    value = np.array([[[1, 0, 2, 4, 0], [0, 3, -1, 2, 1], [2, 1, 0, -2, 3], [5, 5, 5, 5, 5]]], "float32")
    mask = np.array([[1, 1, 1, 0]], "int32")
    output, weights = call_attention(answer, (query, key, value, mask, 0.5))
    right = [[[0.7151, 0.1773, 0.1076, 0.0], [0.1351, 0.3483, 0.5167, 0.0], [0.0717, 0.4519, 0.4764, 0.0], [0.047, 0.4639, 0.4891, 0.0]]]  # fmt: skip
    known = {
        NO_SCALE: [[[0.8835, 0.0725, 0.044, 0.0], [0.0391, 0.1753, 0.7856, 0.0], [0.0184, 0.611, 0.3706, 0.0], [0.0069, 0.6182, 0.3749, 0.0]]],
        DIVIDES_BY_DIM: [[[0.6049, 0.2459, 0.1492, 0.0], [0.2068, 0.4164, 0.3768, 0.0], [0.1241, 0.3728, 0.5032, 0.0], [0.1039, 0.3813, 0.5147, 0.0]]],
        NO_DISTANCE: [[[0.5502, 0.2249, 0.2249, 0.0], [0.1565, 0.2448, 0.5987, 0.0], [0.1375, 0.5261, 0.3364, 0.0], [0.0925, 0.5535, 0.3539, 0.0]]],
        ADDS_DISTANCE: [[[0.359, 0.242, 0.399, 0.0], [0.1732, 0.1643, 0.6625, 0.0], [0.237, 0.5498, 0.2132, 0.0], [0.1657, 0.6012, 0.2331, 0.0]]],
        SIGNED_DISTANCE: [[[0.359, 0.242, 0.399, 0.0], [0.0715, 0.1845, 0.744, 0.0], [0.0717, 0.4519, 0.4764, 0.0], [0.047, 0.4639, 0.4891, 0.0]]],
        DISTANCE_FIRST: [[[0.6296, 0.2058, 0.1646, 0.0], [0.1475, 0.2884, 0.5641, 0.0], [0.1041, 0.4978, 0.3981, 0.0], [0.0691, 0.5173, 0.4136, 0.0]]],
        NO_PADDING: [[[0.6167, 0.1529, 0.0928, 0.1376], [0.1125, 0.2901, 0.4304, 0.1669], [0.034, 0.2147, 0.2263, 0.525], [0.026, 0.2568, 0.2707, 0.4464]]],
        ZEROED_SCORES: [[[0.6025, 0.1494, 0.0906, 0.1575], [0.1105, 0.2848, 0.4226, 0.1821], [0.06, 0.3782, 0.3988, 0.163], [0.0388, 0.3831, 0.4039, 0.1741]]],
        NOT_RENORMALISED: [[[0.6167, 0.1529, 0.0928, 0.0], [0.1125, 0.2901, 0.4304, 0.0], [0.034, 0.2147, 0.2263, 0.0], [0.026, 0.2568, 0.2707, 0.0]]],
        SOFTMAX_OVER_QUERIES: [[[0.7616, 0.1349, 0.0751, 0.25], [0.1208, 0.2224, 0.3028, 0.25], [0.0732, 0.3299, 0.3192, 0.25], [0.0444, 0.3129, 0.3028, 0.25]]],
        ZEROED_OVER_QUERIES: [[[0.7616, 0.1349, 0.0751, 0.0], [0.1208, 0.2224, 0.3028, 0.0], [0.0732, 0.3299, 0.3192, 0.0], [0.0444, 0.3129, 0.3028, 0.0]]],
        INVERTED_MASK: [[[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]],
        MASKS_ROWS: [[[0.7151, 0.1773, 0.1076, 0.0], [0.1351, 0.3483, 0.5167, 0.0], [0.0717, 0.4519, 0.4764, 0.0], [0.25, 0.25, 0.25, 0.25]]],
    }  # fmt: skip
    expect_close(weights, right, "重み", rtol=0, atol=2e-4, known=known)
    expect_close(
        output,
        [[[0.9302, 0.6395, 1.2529, 3.0, 0.5], [1.1684, 1.5615, -0.0781, 0.2035, 1.8983], [1.0245, 1.8322, -0.3086, 0.2376, 1.8812], [1.0251, 1.8808, -0.3698, 0.1378, 1.9311]]],
        "出力",
        rtol=0,
        atol=1e-3,
    )  # fmt: skip
    check_attention_properties(answer, batch=3, length=5, dim=4)


# ch12.parameters


NO_BIASES = "全結合層のバイアスが抜けています。query、key、value、出力、Feed Forward の 2 つ、pooler、MLM の頭のどれにもあります。"
ONE_DENSE_SHORT = (
    "hidden_dim から hidden_dim への全結合層が 1 つ足りません。pooler と MLM の頭に 1 つずつあります。"
)
NO_HEAD = "MLM の頭が抜けています。全結合層、LayerNorm、語彙の 1 ピースごとのバイアスを足しましょう。"
MATRIX_TWICE = "埋め込みの表を 2 回数えています。MLM の頭の出力の行列は、ピースの埋め込みの表と同じものです。"
NO_OUTPUT_BIAS = "MLM の頭の、語彙の 1 ピースごとのバイアスが抜けています。"
TWO_ROWS_SHORT = (
    "2 × hidden_dim 個だけ足りません。セグメントの表 (2 行)、埋め込みのあとの LayerNorm、"
    "MLM の頭の LayerNorm を、どれも数えましたか。"
)
ONE_NORM = "LayerNorm は 1 層に 2 つあります。注意のあとと、Feed Forward のあとです。"
NO_OUTPUT_PROJECTION = "注意には、ヘッドをつないだあとの出力の全結合層もあります。"
NO_POSITIONS = "位置の表 (max_length × hidden_dim) が抜けています。"


def expect_parameters(answer: Answer, case: Sequence[int], right: int, known: dict[str, int]) -> None:
    expect_equal(
        answer.call("mlm_parameters", *case),
        right,
        f"mlm_parameters{tuple(case)}",
        known={reason: wrong for reason, wrong in known.items() if wrong != right},
    )


def check_parameters(answer: Answer) -> None:
    expect_parameters(
        answer,
        (30522, 12, 768, 3072, 512),
        110104890,
        {
            NO_BIASES: 110020410,
            ONE_DENSE_SHORT: 109514298,
            TWO_ROWS_SHORT: 110103354,
            ONE_NORM: 110086458,
            NO_OUTPUT_PROJECTION: 103017786,
            NO_POSITIONS: 109711674,
            NO_HEAD: 109482240,
            MATRIX_TWICE: 133545786,
            NO_OUTPUT_BIAS: 110074368,
        },
    )
    expect_parameters(
        answer,
        (8000, 4, 128, 512, 128),
        1875264,
        {
            NO_BIASES: 1870400,
            ONE_DENSE_SHORT: 1858752,
            TWO_ROWS_SHORT: 1875008,
            ONE_NORM: 1874240,
            NO_OUTPUT_PROJECTION: 1809216,
            NO_POSITIONS: 1858880,
            NO_HEAD: 1850496,
            MATRIX_TWICE: 2899264,
            NO_OUTPUT_BIAS: 1867264,
        },
    )


# ch12.mask_tokens


LABELS_EVERYWHERE = "選んでいないところにもラベルがあります。選んでいないところのラベルは -1 にします。"
LABELS_HIDDEN = "ラベルが、置き換えたあとの id になっています。当てさせたいのは元の id です。"
LABELS_STRANGE = "ラベルは、選んだところが元の id、ほかは -1 です。"
CHANGES_UNCHOSEN = "選んでいないところの id が変わっています。"
CHOOSES_SPECIAL = "special_ids にある id も選んでいます。[CLS] や [SEP] やパディングは選びません。"
WRONG_RATE = (
    "選ばれた割合が 15 % から外れています。special_ids にないトークンを、それぞれ 15 % の確率で選びます。"
)
ALWAYS_MASKS = "選んだものをすべて mask_id にしています。10 % はランダムな id に、10 % は元のままにします。"
NEVER_KEEPS = "元のまま残すものがありません。選んだもののうち 10 % は、置き換えません。"
SECOND_DRAW = (
    "80 % を除いた残りから、もう一度 10 % を引いています。"
    "1 つの乱数を 0.8 と 0.9 で区切ると、80 %、10 %、10 % に分かれます。"
)
WRONG_SHARES = (
    "選んだものの分け方が、80 % (mask_id)、10 % (ランダムな id)、10 % (元のまま) になっていません。"
)
NOT_IN_VOCABULARY = "ランダムな id が語彙の外に出ています。0 から vocabulary_size - 1 までの整数を引きます。"
NARROW_VOCABULARY = "ランダムな id が偏っています。語彙全体から、トークンごとに引き直しましょう。"
LACKS_LAST = (
    "語彙の最後の id が、ランダムな id に出てきません。rng.integers(0, n) が引くのは 0 から n - 1 までです。"
)
SKIPS_ROWS = "まったく選ばれていない行があります。どの行からも選びましょう。"
SAME_PLACES = "選ぶ場所が偏っています。トークンごとに、別々の乱数で選びましょう。"
IGNORES_SEED = "seed を変えても結果が変わりません。np.random.default_rng(seed) から引きましょう。"
NOT_REPEATABLE = (
    "同じ seed なのに結果が変わります。乱数はすべて np.random.default_rng(seed) から引きましょう。"
)


def near(value: Any, right: float, width: float) -> bool:
    """Says whether a number is within a band."""
    return abs(float(value) - right) < width


def check_shares_of_masking(masked: Array, tokens: Array, chosen: Array, mask_id: int, size: int) -> None:
    """Expects 80 / 10 / 10 among some 6,000 chosen pieces; the bands are five standard deviations wide."""
    now, before = masked[chosen], tokens[chosen]
    hidden, kept = np.mean(now == mask_id), np.mean(now == before)
    strange = now[(now != mask_id) & (now != before)]
    expect(not near(hidden, 1, 0.03), ALWAYS_MASKS)
    expect(bool(((strange >= 0) & (strange < size)).all()), NOT_IN_VOCABULARY)
    expect(not (near(hidden, 0.8, 0.03) and near(kept, 0.18, 0.025)), SECOND_DRAW)
    expect(kept > 0.02, NEVER_KEEPS)
    expect(near(hidden, 0.8, 0.03) and near(kept, 0.1, 0.025), WRONG_SHARES)
    wide = strange.min() < size / 4 and strange.max() >= size * 3 / 4 and len(np.unique(strange)) > 150
    expect(bool(wide), NARROW_VOCABULARY)


def check_last_of_vocabulary(answer: Answer, size: int) -> None:
    """Expects the last id among some 300 strange ones of a small vocabulary. The first one may be left out, as
    special pieces may.
    """
    tokens = np.full((100, 200), 5)
    given = answer.call("mask_tokens", tokens, size, size - 2, [2, 3, 4], int(answer.rng.integers(1_000_000)))
    masked, _labels = expect_parts(given, 2, "(置き換えたあとの id, ラベル) の 2 つ組を返しましょう。")
    found = expect_shape(masked, tokens.shape, "置き換えたあとの id")
    expect(bool((found == size - 1).any()), LACKS_LAST)


def check_mask_tokens_at(
    answer: Answer, shape: tuple[int, int], size: int, mask_id: int, special_ids: list[int]
) -> None:
    """Expects the labels, the places and the shares of masking, over many tokens."""
    tokens = answer.rng.integers(0, size, shape)
    tokens[np.isin(tokens, [*special_ids, mask_id])] = max(set(range(20)) - {*special_ids, mask_id})
    special = answer.rng.random(shape) < 0.2
    tokens[special] = answer.rng.choice(special_ids, int(special.sum()))
    seed = int(answer.rng.integers(1_000_000))

    def run(seed: int) -> tuple[Array, Array]:
        given = answer.call("mask_tokens", tokens, size, mask_id, special_ids, seed)
        masked, labels = expect_parts(given, 2, "(置き換えたあとの id, ラベル) の 2 つ組を返しましょう。")
        return expect_shape(masked, shape, "置き換えたあとの id"), expect_shape(labels, shape, "ラベル")

    masked, labels = run(seed)
    chosen = labels != IGNORED
    expect(not chosen.all(), LABELS_EVERYWHERE)
    expect(bool(chosen.any()), WRONG_RATE)
    expect(not ((labels == masked)[chosen].all() and (masked != tokens).any()), LABELS_HIDDEN)
    expect(bool((labels == tokens)[chosen].all()), LABELS_STRANGE)
    expect(not chosen[special].any(), CHOOSES_SPECIAL)
    expect(bool((masked == tokens)[~chosen].all()), CHANGES_UNCHOSEN)
    expect(bool(chosen.any(axis=1).all()), SKIPS_ROWS)
    for axis in (0, 1):
        expect(bool((chosen.sum(axis) / (~special).sum(axis)).std() < 0.15), SAME_PLACES)
    expect(near(chosen[~special].mean(), 0.15, 0.012), WRONG_RATE)
    check_shares_of_masking(masked, tokens, chosen, mask_id, size)
    half = shape[1] // 2
    columns = [chosen[:, part][~special[:, part]].mean() for part in (slice(half), slice(half, None))]
    expect(near(columns[0], columns[1], 0.03), SAME_PLACES)
    expect(all(map(np.array_equal, run(seed), (masked, labels))), NOT_REPEATABLE)
    expect(not np.array_equal(run(seed + 1)[0], masked), IGNORES_SEED)


def check_mask_tokens(answer: Answer) -> None:
    check_mask_tokens_at(answer, (80, 640), size=2000, mask_id=4, special_ids=[0, 2, 3])
    check_last_of_vocabulary(answer, size=9)


# ch12.pair


NO_LAST_SEP = "最後の [SEP] がありません。文が 2 つなら、[SEP] も 2 つです。"
FIRST_SEP_IN_SECOND = "1 つ目の [SEP] は、前の文のセグメント 0 に入ります。"
NO_SEGMENTS = "セグメントがすべて 0 です。2 つ目の文と、その [SEP] は 1 にします。"
PADDING_IN_SEGMENT = "パディングのセグメントは 0 にします。"
MASK_EVERYWHERE = "padding_mask がすべて 1 です。パディングのところは 0 にします。"
PAD_ID_IN_SEGMENT = "パディングのセグメントが pad_id になっています。pad_id が何であっても 0 にします。"
CUTS_TAIL = "並べたあとで末尾を切り落としています。[SEP] が残るように、先に文のほうを短くしましょう。"
CUTS_SECOND = "2 つ目の文ばかり短くしています。そのつど、長いほうの文から 1 つずつ捨てます。"
CUTS_TO_HALVES = "どちらの文も半分の長さまで切っています。短い文が余らせた分は、長い文に使いましょう。"
CUTS_FRONT = "文の先頭から捨てています。捨てるのは末尾の id です。"


def expect_encoded(
    answer: Answer,
    case: Sequence[Any],
    right: Mapping[str, list[int]],
    known: Mapping[str, Mapping[str, list[int]]],
) -> None:
    """Expects the three rows of a pair, ids first."""
    given = answer.call("make_pair", *case)
    expect(
        isinstance(given, dict) and set(right) <= set(given),
        "token_ids、segment_ids、padding_mask の 3 つをもつ辞書を返しましょう。",
        Status.WRONG_TYPE,
    )
    for name, row in right.items():
        wrong = {reason: rows[name] for reason, rows in known.items() if name in rows and rows[name] != row}
        expect_equal(given[name], row, f"length={case[2]} のときの {name}", known=wrong)


def check_pair(answer: Answer) -> None:
    expect_encoded(
        answer,
        ([11, 12], [21, 22, 23], 10, 2, 3, 0),
        {
            "token_ids": [2, 11, 12, 3, 21, 22, 23, 3, 0, 0],
            "segment_ids": [0, 0, 0, 0, 1, 1, 1, 1, 0, 0],
            "padding_mask": [1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
        },
        {
            NO_LAST_SEP: {"token_ids": [2, 11, 12, 3, 21, 22, 23, 0, 0, 0]},
            FIRST_SEP_IN_SECOND: {"segment_ids": [0, 0, 0, 1, 1, 1, 1, 1, 0, 0]},
            NO_SEGMENTS: {"segment_ids": [0] * 10},
            PADDING_IN_SEGMENT: {"segment_ids": [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]},
            MASK_EVERYWHERE: {"padding_mask": [1] * 10},
        },
    )
    expect_encoded(
        answer,
        ([11], [21, 22], 8, 102, 103, 5),
        {
            "token_ids": [102, 11, 103, 21, 22, 103, 5, 5],
            "segment_ids": [0, 0, 0, 1, 1, 1, 0, 0],
            "padding_mask": [1, 1, 1, 1, 1, 1, 0, 0],
        },
        {
            PAD_ID_IN_SEGMENT: {"segment_ids": [0, 0, 0, 1, 1, 1, 5, 5]},
            MASK_EVERYWHERE: {"padding_mask": [1] * 8},
        },
    )
    expect_encoded(
        answer,
        ([11, 12, 13, 14], [21, 22, 23, 24, 25, 26, 27], 9, 102, 103, 5),
        {
            "token_ids": [102, 11, 12, 13, 103, 21, 22, 23, 103],
            "segment_ids": [0, 0, 0, 0, 0, 1, 1, 1, 1],
            "padding_mask": [1] * 9,
        },
        {
            CUTS_TAIL: {"token_ids": [102, 11, 12, 13, 14, 103, 21, 22, 23]},
            CUTS_SECOND: {"token_ids": [102, 11, 12, 13, 14, 103, 21, 22, 103]},
            CUTS_FRONT: {"token_ids": [102, 12, 13, 14, 103, 25, 26, 27, 103]},
        },
    )
    expect_encoded(
        answer,
        ([11, 12, 13, 14, 15, 16], [21, 22, 23], 9, 2, 3, 0),
        {
            "token_ids": [2, 11, 12, 13, 3, 21, 22, 23, 3],
            "segment_ids": [0, 0, 0, 0, 0, 1, 1, 1, 1],
            "padding_mask": [1] * 9,
        },
        {
            CUTS_TAIL: {"token_ids": [2, 11, 12, 13, 14, 15, 16, 3, 21]},
            CUTS_FRONT: {"token_ids": [2, 14, 15, 16, 3, 21, 22, 23, 3]},
        },
    )
    expect_encoded(
        answer,
        ([11, 12, 13, 14, 15, 16, 17, 18], [21], 8, 2, 3, 0),
        {
            "token_ids": [2, 11, 12, 13, 14, 3, 21, 3],
            "segment_ids": [0] * 6 + [1] * 2,
            "padding_mask": [1] * 8,
        },
        {CUTS_TO_HALVES: {"token_ids": [2, 11, 12, 3, 21, 3, 0, 0]}},
    )


# ch12.causal


SEES_FUTURE = "未来の入力を変えたら、それより前の出力が変わりました。位置 i が見てよいのは 0〜i だけです。"
SEES_PADDING = "パディングの入力を変えたら、本物のトークンの出力が変わりました。padding_mask も使いましょう。"
BLIND_TO_ITSELF = "自分自身を見ていません。位置 i は、0〜i を i も含めて見ます。"
BLIND_TO_PAST = "過去の入力を変えても、出力が変わりません。位置 i は、0〜i をすべて見ます。"


VISIBLE = 1e-5
"""Changes of outputs above this come from changed inputs, not from rounding."""


def draw_causal(
    answer: Answer, heads: int, key_dim: int, shape: tuple[int, int, int]
) -> tuple[Handle, Array]:
    """Makes a layer whose weights the judge draws; returns them in one piece after the handle."""
    dim = shape[2]
    layer = answer.probe("attention_layer", dim, heads, key_dim)
    inward = [(dim, heads, key_dim), (heads, key_dim)]
    sizes = [*inward * 3, (heads, key_dim, dim), (dim,)]
    scales = [0.2] * 4 + [0.7] * 4  # of query and key small: softmax spreads, and nothing seen goes unnoticed
    weights = [answer.rng.normal(0, scale, size) for scale, size in zip(scales, sizes, strict=True)]
    answer.probe("set_weights", layer, weights)
    flat = np.empty(len(weights), object)
    flat[:] = weights
    return layer, flat


def causal_masks(length: int) -> Array:
    """Three masks: no padding, padding on the right, padding on the left."""
    masks = np.ones((3, length), "int32")
    masks[1, -2:] = 0
    masks[2, :2] = 0
    return masks


def check_causal_at(answer: Answer, heads: int, key_dim: int, length: int, dim: int) -> None:
    """Expects the outputs of real positions to follow from what they may see, and from all of it."""
    shape = (3, length, dim)
    layer, _ = draw_causal(answer, heads, key_dim, shape)
    mask = causal_masks(length)
    x = answer.rng.normal(0, 1, shape).astype("float32")
    real = mask.astype(bool)

    def attend(x: Array) -> Array:
        return expect_shape(answer.call("causal_attend", layer, x, mask), shape, "出力")

    output = attend(x)
    expect(bool(np.isfinite(output[real]).all()), "本物のトークンの出力に NaN があります。")

    def change(where: Array) -> Array:
        """How much each output changes when inputs somewhere change."""
        other = np.where(where[..., None], x + answer.rng.choice([-1.0, 1.0], shape), x).astype("float32")
        return np.asarray(np.abs(attend(other) - output).max(axis=-1))

    columns = np.arange(length)
    position = length // 2
    itself = change(np.broadcast_to(columns == position, real.shape))
    expect(bool((itself[:, position] > VISIBLE).all()), BLIND_TO_ITSELF)
    second = change(np.broadcast_to(columns == 1, real.shape))
    expect(bool(second[0, 1] > VISIBLE), BLIND_TO_ITSELF)
    future = change(np.broadcast_to(columns > position, real.shape))
    expect(bool((future[:, : position + 1][real[:, : position + 1]] < 1e-4).all()), SEES_FUTURE)
    padding = change(~real)
    expect(bool((padding[real] < 1e-4).all()), SEES_PADDING)
    past = change(np.broadcast_to(columns == 2, real.shape))
    expect(bool((past[:2, 3:][real[:2, 3:]] > VISIBLE).all()), BLIND_TO_PAST)


def check_causal(answer: Answer) -> None:
    """Expects what inputs may change, and the numbers of a layer of one head and one dimension."""
    check_causal_at(answer, heads=2, key_dim=3, length=6, dim=4)
    layer = answer.probe("attention_layer", 2, 1, 1)
    weights = ([0.5, 1], [0.1], [1, -0.5], [0.2], [1, 2], [-1], [1, -1], [0.5, 0])
    shapes = [*[(2, 1, 1), (1, 1)] * 3, (1, 1, 2), (2,)]
    arrays = [np.array(numbers, float).reshape(shape) for numbers, shape in zip(weights, shapes, strict=True)]
    answer.probe("set_weights", layer, arrays)
    x = np.array([[[1, 0], [0, 1], [2, -1]], [[1, 1], [-1, 2], [0, 1]]], "float32")
    mask = np.array([[1, 1, 1], [0, 1, 1]], "int32")
    given = expect_shape(answer.call("causal_attend", layer, x, mask), (2, 3, 2), "出力")
    right = [[0.5, 0.0], [0.6611, -0.1611], [0.4004, 0.0996], [2.5, -2.0], [1.6611, -1.1611]]
    expect_close(given[mask == 1], right, "本物のトークンの出力", rtol=0, atol=1e-3)


# ch12.next_word


WITHOUT_START = "返すのは、start のあとに新しい id を count 個続けたリスト全体です。"
ALWAYS_LIKELIEST = "いつも確率が最大の語を選んでいます。確率にしたがって引きましょう。"
RESTARTS_RANDOM = "同じ語ばかり出ています。1 語ごとに乱数を作り直すと、毎回同じ乱数になります。ループの前で 1 回だけ作りましょう。"
NO_TEMPERATURE = (
    "temperature を使っていません。確率を 1 / temperature 乗してから、和が 1 になるように割ります。"
)
MULTIPLIES_TEMPERATURE = "temperature の向きが逆です。温度が高いほど、確率の差は小さくなります。"
WRONG_TEMPERATURE = (
    "temperature を変えたときの語の割合が違います。確率の 1 / temperature 乗に比例させましょう。"
)
LAST_WORD_ONLY = (
    "いつも最後の 1 語だけを渡しています。next_probabilities には、これまでの id をすべて渡しましょう。"
)
LAST_WORD_AFTER_START = (
    "start のあと、最後の 1 語だけを渡しています。引いた id も start のうしろに続けて、すべて渡しましょう。"
)
START_ONLY = "いつも start だけを渡しています。引いた id を続けてから、次を引きましょう。"
SEED_NOT_USED = "seed を変えても、同じ文が出ます。乱数を seed から作りましょう。"
NOT_BY_PROBABILITY = (
    "確率が 0.5 の語が、ほぼ半分になりません。temperature が 1 のときは、確率どおりの割合で引きましょう。"
)
SEED_NOT_ENOUGH = "同じ seed なのに、違う文が出ます。乱数は seed だけで決まるようにしましょう。"


def call_generate(
    answer: Answer, model: Handle, start: list[int], count: int, temperature: float, seed: int
) -> list[int]:
    """Calls generate and expects the start and as many words after it."""
    given = answer.call("generate", model, list(start), count, temperature, seed)
    expect(shape_of(given, "generate(…)") != (count,), WITHOUT_START, Status.WRONG_SHAPE)
    ids = expect_shape(given, (len(start) + count,), "generate(…)").astype(int).tolist()
    expect(ids[: len(start)] == start, WITHOUT_START)
    return [int(number) for number in ids[len(start) :]]


def likeliest_words(
    weights: Sequence[int],
    size: int,
    start: list[int],
    count: int,
    seen_of: Callable[[list[int]], list[int]] = lambda ids: ids,
) -> list[int]:
    """The words that :func:`probes.weighing_words` wants most, given what of the ids it is told."""
    ids = list(start)
    for _ in range(count):
        seen = seen_of(ids)
        places = np.resize(np.asarray(weights), len(seen))
        ids.append((int(places @ np.asarray(seen)) + len(seen)) % size)
    return ids[len(start) :]


def expect_shares(words: list[int], probabilities: Array, temperature: float, band: float = 0.09) -> None:
    """Expects how often each word was drawn; 800 draws leave five standard deviations in the band."""
    given = np.bincount(words, minlength=len(probabilities)) / len(words)

    def shares(power: float) -> Array:
        return np.asarray(probabilities**power / (probabilities**power).sum())

    if len(given) == len(probabilities) and np.abs(given - shares(1 / temperature)).max() < band:
        expect(True, WRONG_TEMPERATURE)
        return
    for reason, power in {NO_TEMPERATURE: 1.0, MULTIPLIES_TEMPERATURE: temperature}.items():
        expect(np.abs(given - shares(power)).max() >= band, reason)
    expect(False, WRONG_TEMPERATURE)


def check_drawing(answer: Answer, probabilities: Sequence[float], start: list[int]) -> None:
    """Expects draws by probability, temperature and seed, of words that do not depend on the text."""
    seed = int(answer.rng.integers(1_000_000))
    model = answer.probe("steady_words", list(probabilities))
    same = answer.probe("steady_words", [0.1] * 10)
    words = call_generate(answer, same, start, 100, 1.0, seed)
    if len(set(words)) == 1:
        others = {call_generate(answer, same, start, 2, 1.0, seed + n)[0] for n in range(1, 13)}
        expect(len(others) == 1, RESTARTS_RANDOM)
        expect(False, ALWAYS_LIKELIEST)
    expect(call_generate(answer, same, start, 100, 1.0, seed) == words, SEED_NOT_ENOUGH)
    expect(call_generate(answer, same, start, 100, 1.0, seed + 1) != words, SEED_NOT_USED)
    for temperature in (2.0, 0.5, 1.0):
        words = call_generate(answer, model, start, 800, temperature, seed + 2)
        expect(all(0 <= word < len(probabilities) for word in words), "語彙にない id が出ています。")
        expect_shares(words, np.asarray(probabilities), temperature)
    one_of_many = answer.probe("steady_words", [0.5] + [0.025] * 20)
    words = call_generate(answer, one_of_many, start, 800, 1.0, seed + 3)
    expect(abs(words.count(0) / 800 - 0.5) < 0.09, NOT_BY_PROBABILITY)  # five standard deviations


def check_context(answer: Answer, size: int, start: list[int], count: int) -> None:
    """Expects that everything so far is fed back; at this temperature only the likeliest word is drawn."""
    weights = [int(number) for number in answer.rng.integers(1, size, 7)]
    model = answer.probe("weighing_words", weights, size, 0.9)
    words = call_generate(answer, model, start, count, 0.1, int(answer.rng.integers(1_000_000)))
    right = likeliest_words(weights, size, start, count)
    for reason, seen_of in (
        (LAST_WORD_ONLY, lambda ids: ids[-1:]),
        (LAST_WORD_AFTER_START, lambda ids: ids if ids == start else ids[-1:]),
        (START_ONLY, lambda _: start),
    ):
        wrong = likeliest_words(weights, size, start, count, seen_of)
        expect(words == right or words != wrong, reason)
    expect_equal(words, right, "temperature が 0.1 のときの続き")


def check_next_word(answer: Answer) -> None:
    check_drawing(answer, [0.15, 0.8, 0.05], start=[2, 0])
    check_context(answer, size=30, start=[4, 9, 17], count=12)


# ch12.perplexity


COUNTS_IGNORED = (
    "ラベルが -1 のところも数えています。-1 は添字としては「最後」の意味になるので、気をつけましょう。"
)
DIVIDES_BY_ALL = "平均の分母が違います。数えるところの個数で割りましょう。"
LOSS_ITSELF = "平均交差エントロピーのままです。その指数 exp を返しましょう。"
MEAN_OF_ROWS = "行ごとに平均してから、もう一度平均しています。数えるところ全体で 1 回だけ平均しましょう。"
MEAN_OF_PERPLEXITIES = "トークンごとに exp を取ってから平均しています。平均が先、exp があとです。"
LOGITS_OVERFLOW = "logits が大きいと exp があふれます。最大値を引いてから exp に渡しましょう。"


def check_perplexity_at(
    answer: Answer, logits: Array, labels: Any, right: float, known: Mapping[str, float]
) -> None:
    expect_close(
        answer.call("perplexity", logits.astype("float32"), np.asarray(labels)),
        right,
        "perplexity(logits, labels)",
        rtol=1e-3,
        atol=1e-3,
        known=known,
    )


def check_perplexity(answer: Answer) -> None:
    check_perplexity_at(answer, np.zeros((1, 2, 8)), [[3, 5]], 8.0, {LOSS_ITSELF: 2.0794})
    probabilities = np.array(
        [
            [[0.5, 0.125, 0.125, 0.25], [0.5, 0.125, 0.125, 0.25], [0.25, 0.25, 0.25, 0.25]],
            [[0.125, 0.125, 0.5, 0.25], [0.5, 0.125, 0.125, 0.25], [0.25, 0.25, 0.25, 0.25]],
        ]
    )
    check_perplexity_at(
        answer,
        np.log(probabilities) + 3,
        [[0, 1, -1], [2, -1, -1]],
        3.1748,
        {
            COUNTS_IGNORED: 3.5636,
            DIVIDES_BY_ALL: 1.7818,
            LOSS_ITSELF: 1.1552,
            MEAN_OF_ROWS: 2.8284,
            MEAN_OF_PERPLEXITIES: 4.0,
        },
    )
    large = answer.call("perplexity", np.array([[[900, 0, 0], [0, 0, 900]]], "float32"), np.array([[0, 2]]))
    expect(bool(np.isfinite(np.asarray(large, float)).all()), LOGITS_OVERFLOW)
    expect_close(large, 1.0, "logits が大きいときの perplexity", atol=1e-3)


# ch12.classifier


NO_SOFTMAX = "出力が確率になっていません。最後の層を softmax にして、各行の和を 1 にしましょう。"
SIGMOID = "softmax ではなく sigmoid です。クラスから 1 つを選ぶので、和が 1 になる softmax を使います。"
AVERAGES_PADDING = "パディングまで含めて平均しています。pooled_output を使いましょう。"
AVERAGES = "sequence_output の平均を使っています。この問題では pooled_output を使いましょう。"
FIRST_PIECE = "sequence_output の先頭を使っています。それを pooler に通した pooled_output を使いましょう。"
OTHER_WEIGHTS = (
    "モデルの重みは、BERT の重みと、classes クラスへの Dense (バイアスあり) 1 つだけにしましょう。"
)
LOSES_BERT = (
    "BERT の重みが、渡されたものと違います。作り直したり写したりせずに、渡された backbone につなぎましょう。"
)
NOT_POOLED = (
    '出力層が pooled_output につながっていません。backbone.output["pooled_output"] につなぎましょう。'
)
IGNORES_RATE = (
    "1 ステップの幅が learning_rate と違います。keras.optimizers.Adam(learning_rate) でコンパイルしましょう。"
)
NOT_ADAM = "Adam ではなく SGD の動きです。keras.optimizers.Adam(learning_rate) でコンパイルしましょう。"
NOTHING_MOVES = "学習しても、どの重みも動きません。凍結するのは BERT だけで、出力層はいつも学習させます。"
HEAD_FROZEN = "学習しても、出力層の重みが動きません。出力層はいつも学習させます。"
NOT_FROZEN = (
    "frozen=True なのに、学習すると BERT の重みが動きました。backbone.trainable = False で凍結しましょう。"
)
STAYS_FROZEN = (
    "frozen=False なのに、学習しても BERT の重みが動きません。backbone.trainable = True にしましょう。"
)
ARRIVED_FROZEN = "frozen=False なのに、凍結されて渡された BERT の重みが動きません。backbone.trainable = True で凍結を解きましょう。"

ENCODER = ("token", "segment", "mixing", "pooler", "pooler bias")
ADAM_EPSILON = 1e-7 / np.sqrt(1 - 0.999)
"""What Keras' Adam adds to the size of a gradient in its first step."""


def draw_encoder(
    rng: np.random.Generator, vocabulary_size: int, embedding_dim: int, hidden_dim: int
) -> dict[str, Array]:
    """Draws the weights of the probes' tiny encoder, by name."""
    shapes = (
        (vocabulary_size, embedding_dim),
        (2, embedding_dim),
        (embedding_dim, hidden_dim),
        (hidden_dim, hidden_dim),
        (hidden_dim,),
    )
    return {name: rng.normal(0, 0.7, shape) for name, shape in zip(ENCODER, shapes, strict=True)}


def draw_texts(rng: np.random.Generator, count: int, length: int, size: int) -> dict[str, Array]:
    """Draws inputs of BERT; the padding of each holds ids, too."""
    real = np.arange(length) < rng.integers(2, length, count)[:, None]
    return {
        "token_ids": rng.integers(0, size, (count, length)).astype("int32"),
        "segment_ids": rng.integers(0, 2, (count, length)).astype("int32"),
        "padding_mask": real.astype("int32"),
    }


def encode(texts: dict[str, Array], w: dict[str, Array]) -> tuple[Array, Array]:
    """Sequence and pooled output of the probes' tiny encoder, in NumPy."""
    x = w["token"][texts["token_ids"]] + w["segment"][texts["segment_ids"]]
    sequence = np.tanh((x + masked_mean(x, texts["padding_mask"])[:, None]) @ w["mixing"])
    return sequence, np.tanh(sequence[:, 0] @ w["pooler"] + w["pooler bias"])


def masked_mean(x: Array, mask: Array) -> Array:
    """Mean over the places where a mask is 1."""
    return np.asarray((x * mask[..., None]).sum(1) / mask.sum(1)[:, None])


def class_shares(vectors: Array, w: dict[str, Array]) -> Array:
    """Probabilities of the head, in NumPy."""
    e = np.exp(vectors @ w["head"] + w["bias"])
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def class_gradient(texts: dict[str, Array], labels: Array, w: dict[str, Array], name: str) -> Array:
    """Gradient of the mean cross entropy with respect to one weight, by central differences."""

    def loss(shift: Array) -> float:
        shifted = w | {name: w[name] + shift}
        p = class_shares(encode(texts, shifted)[1], shifted)
        return float(-np.log(p[np.arange(len(labels)), labels]).mean())

    gradient = np.zeros(w[name].shape)
    for place in np.ndindex(gradient.shape):
        shift = np.zeros(gradient.shape)
        shift[place] = 1e-5
        gradient[place] = (loss(shift) - loss(-shift)) / 2e-5
    return gradient


def check_classifier_at(
    answer: Answer, classes: int, frozen: bool, rate: float, hidden_dim: int, *, arrives_frozen: bool
) -> None:
    """Expects a head on the pooled output of an encoder, and one step of Adam on what is not frozen."""
    size, length = 12, 6
    drawn = draw_encoder(answer.rng, size, 3, hidden_dim)
    backbone = answer.probe("tiny_encoder", size, 3, hidden_dim, arrives_frozen)
    answer.probe("set_weights", backbone, list(drawn.values()))
    model = expect_model(
        answer.call("build_classifier", backbone, classes, frozen, rate), "build_classifier(…)"
    )
    texts, labels = draw_texts(answer.rng, 16, length, size), answer.rng.integers(0, classes, 16)
    head = {"head": answer.rng.normal(0, 1, (hidden_dim, classes)), "bias": answer.rng.normal(0, 1, classes)}
    answer.probe("predict", model, texts)  # a model of one's own class is built by its first call
    given = answer.probe("weights", model)
    expect(isinstance(given, list), OTHER_WEIGHTS, Status.WRONG_TYPE)
    has_pooler = any(shape_of(array, "weights") == drawn["pooler"].shape for array in given)
    order = expect_weights(
        given,
        drawn,
        {name: array.shape for name, array in head.items()},
        lost=LOSES_BERT if has_pooler else NOT_POOLED,
        others=OTHER_WEIGHTS,
    )
    before = drawn | head
    answer.probe("set_weights", model, [before[name] for name in order])
    expect_classes(answer, model, before, "モデルの出力")

    answer.probe("train", model, texts, labels, 1)
    given = answer.probe("weights", model)
    expect(isinstance(given, list) and len(given) == len(order), OTHER_WEIGHTS)
    after = {
        name: expect_shape(array, before[name].shape, name) for name, array in zip(order, given, strict=True)
    }
    moved = {name for name in order if (after[name] != before[name].astype("float32")).any()}
    expect(bool(moved), NOTHING_MOVES)
    expect(moved >= head.keys(), HEAD_FROZEN)
    expect(not frozen or moved == head.keys(), NOT_FROZEN)
    expect(frozen or moved == before.keys(), ARRIVED_FROZEN if arrives_frozen else STAYS_FROZEN)
    for name in sorted(moved):
        gradient = class_gradient(texts, labels, before, name)
        step = rate * gradient / (np.abs(gradient) + ADAM_EPSILON)
        taken = before[name] - after[name]
        expect_close(
            taken,
            step,
            f"1 ステップの学習での {name} の動き",
            rtol=0,
            atol=rate / 10,
            known={
                NOT_ADAM: rate * gradient,
                IGNORES_RATE: step * np.abs(taken).max() / np.abs(step).max(),
            },
            show=False,
        )
    expect_classes(answer, model, after, "学習したあとのモデルの出力")


def expect_classes(answer: Answer, model: Handle, w: dict[str, Array], name: str) -> None:
    """Expects what the weights give for texts that were never sent before."""
    texts = draw_texts(answer.rng, 10, 7, len(w["token"]))
    sequence, pooled = encode(texts, w)
    logits = pooled @ w["head"] + w["bias"]
    expect_close(
        answer.probe("predict", model, texts),
        class_shares(pooled, w),
        name,
        rtol=1e-3,
        atol=1e-4,
        known={
            NO_SOFTMAX: logits,
            SIGMOID: 1 / (1 + np.exp(-logits)),
            AVERAGES_PADDING: class_shares(sequence.mean(1), w),
            AVERAGES: class_shares(masked_mean(sequence, texts["padding_mask"]), w),
            FIRST_PIECE: class_shares(sequence[:, 0], w),
        },
        show=False,
    )


def check_classifier(answer: Answer) -> None:
    check_classifier_at(answer, classes=3, frozen=True, rate=0.02, hidden_dim=5, arrives_frozen=False)
    check_classifier_at(answer, classes=3, frozen=False, rate=0.005, hidden_dim=4, arrives_frozen=False)
    check_classifier_at(answer, classes=2, frozen=False, rate=0.01, hidden_dim=5, arrives_frozen=True)


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch12.wordpiece",
        title="WordPiece で単語を切る",
        points=1,
        symbols=("wordpiece",),
        template='''def wordpiece(word, vocabulary):
    """単語を、語彙にあるいちばん長いピースから順に切り取ったリストを返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_wordpiece,
        hints=(
            "残りの文字列を変数に入れて、なくなるまで while で繰り返します。",
            '残り全体から 1 文字まで、長いほうから順に語彙にあるかを調べます。先頭でないピースは "##" + 文字列 で引きます。',
            '1 文字まで縮めても語彙になければ、その場で return ["[UNK]"] とします。見つかったピースはリストに加え、その長さだけ残りを進めます。',
        ),
    ),
    Exercise(
        id="ch12.embeddings",
        title="3 つの埋め込みを足す",
        points=1,
        symbols=("embed",),
        template='''import numpy as np

def embed(token_ids, segment_ids, token_table, position_table, segment_table, gamma):
    """3 つの埋め込みを足して RMSNorm を掛けた、(バッチ, 長さ, 次元) の配列を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_embeddings,
        hints=(
            "表に id の配列を添字として渡すと、埋め込みが並んだ配列になります。token_table[token_ids] の形を確かめましょう。",
            "位置の埋め込みは position_table の先頭から長さの分だけです。バッチのどの行にも同じものを足します。",
            "足した x の二乗の平均は (x**2).mean(axis=-1, keepdims=True) です。1e-12 を足した値の平方根で x を割り、gamma を掛けます。",
        ),
    ),
    Exercise(
        id="ch12.attention",
        title="パディングを見ない注意",
        points=2,
        symbols=("attention",),
        template='''import numpy as np

def attention(query, key, value, padding_mask, slope):
    """離れたトークンほど軽く見る注意の (出力, 重み) を返します。パディングの重みはちょうど 0 です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_attention,
        hints=(
            "スコアは、query と key の内積を次元の平方根で割り、距離の分を引いたものです。距離の表は np.abs(位置[:, None] - 位置) で作れます。",
            "padding_mask[:, None, :] は (バッチ, 1, 長さ) の形になり、どの行にも同じ列のマスクが掛かります。0 の列のスコアを -1e9 に置き換えましょう。",
            "行ごとの最大値を引いてから exp に渡し、行の和で割ると重みです。重みと value の行列積が出力です。",
        ),
    ),
    Exercise(
        id="ch12.parameters",
        title="MLM の頭まで含めてパラメータを数える",
        points=1,
        symbols=("mlm_parameters",),
        template='''def mlm_parameters(vocabulary_size, layers, hidden_dim, intermediate_dim, max_length):
    """MLM の頭をつけた BERT の、学習できるパラメータの数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_parameters,
        hints=(
            "埋め込み、エンコーダ 1 層、pooler、MLM の頭の 4 つに分けて数えます。入力 a、出力 b の全結合層は a × b + b 個です。",
            "エンコーダ 1 層には、hidden_dim から hidden_dim への全結合層が 4 つ (query、key、value、出力)、Feed Forward の全結合層が 2 つ、LayerNorm が 2 つあります。",
            "埋め込みは (vocabulary_size + max_length + 2) × hidden_dim 個の表と、LayerNorm の 2 × hidden_dim 個です。pooler と MLM の頭には、全結合層が 1 つずつあります。",
        ),
    ),
    Exercise(
        id="ch12.mask_tokens",
        title="MLM のマスク",
        points=2,
        symbols=("mask_tokens",),
        template='''import numpy as np

def mask_tokens(token_ids, vocabulary_size, mask_id, special_ids, seed):
    """MLM のために 15 % を選び、(置き換えたあとの id, ラベル) を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_mask_tokens,
        hints=(
            "まず「選んだかどうか」の真偽値の配列を作ります。rng.random(token_ids.shape) < 0.15 と、~np.isin(token_ids, special_ids) の両方が成り立つところです。",
            "ラベルは np.where(選んだ, token_ids, -1) です。置き換える前の id を使いましょう。",
            "もう 1 つ乱数の配列を引き、0.8 未満なら mask_id、0.9 以上ならランダムな id、その間ならそのままとすると、80 %、10 %、10 % に分かれます。",
        ),
    ),
    Exercise(
        id="ch12.pair",
        title="文のペアを入力にする",
        points=2,
        symbols=("make_pair",),
        template='''def make_pair(first, second, length, cls_id, sep_id, pad_id):
    """[CLS] first [SEP] second [SEP] を length にそろえ、BERT が読む 3 つの列を辞書で返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_pair,
        hints=(
            "特殊トークンが 3 つ入るので、2 つの文に使えるのは length - 3 個です。先に文を短くしてから並べましょう。",
            "while len(a) + len(b) > length - 3 の間、長いほうから pop() で末尾を捨てます。もとのリストを変えないように、はじめに写しを取ります。",
            "[0] * (len(a) + 2) + [1] * (len(b) + 1) がセグメントです。3 つの列とも、残りを埋めて長さを length にそろえます。",
        ),
    ),
    Exercise(
        id="ch12.causal",
        title="未来を見ない注意",
        points=2,
        symbols=("causal_attend",),
        template='''import numpy as np

def causal_attend(attention, x, padding_mask):
    """位置 i が 0〜i の本物のトークンだけを見る、自己注意の出力を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_causal,
        hints=(
            "自己注意なので、attention(x, x, …) のように x を 2 回渡します。",
            "attention_mask には (バッチ, 見る側の長さ, 見られる側の長さ) の真偽値を渡します。見てよいところが True です。",
            "パディングのマスク padding_mask[:, None, :] と、下三角の行列 np.tril(np.ones((長さ, 長さ))) の両方が 1 のところだけを True にします。",
        ),
        time_limit=60,
    ),
    Exercise(
        id="ch12.next_word",
        title="続きを書く",
        points=2,
        symbols=("generate",),
        template='''import numpy as np

def generate(next_probabilities, start, count, temperature, seed):
    """start に続けて count 個の id を引き、start から始まるリスト全体を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_next_word,
        hints=(
            "ids = list(start) から始めます。1 つ引くたびに ids に加え、次は ids 全体を next_probabilities に渡します。",
            "確率の配列を 1 / temperature 乗し、和で割ると、温度を掛けた確率になります。",
            "乱数はループの前に rng = np.random.default_rng(seed) で 1 回だけ作り、rng.choice(len(p), p=p) で引きます。",
        ),
        time_limit=60,
    ),
    Exercise(
        id="ch12.perplexity",
        title="パープレキシティ",
        points=1,
        symbols=("perplexity",),
        template='''import numpy as np

def perplexity(logits, labels):
    """ラベルが -1 のところを除いた平均交差エントロピーの指数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_perplexity,
        hints=(
            "数えるところは labels != -1 です。先にそこだけを抜き出すと、(個数, 語彙) の logits と (個数,) のラベルになります。",
            "1 つの損失は log(Σ exp(logits)) - logits[ラベル] です。最大値を引いてから exp に渡すと、あふれません。",
            "損失を全部の平均にしてから、np.exp に渡します。",
        ),
    ),
    Exercise(
        id="ch12.classifier",
        title="分類器を組み立てる",
        points=3,
        symbols=("build_classifier",),
        template='''import keras

def build_classifier(backbone, classes, frozen, learning_rate):
    """BERT の pooled_output に出力層をつなぎ、コンパイルした分類器を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_classifier,
        hints=(
            "凍結するかどうかは、backbone.trainable = not frozen の 1 行で決まります。",
            'backbone.output["pooled_output"] に Dense(classes, activation="softmax") をつなぎ、keras.Model(backbone.input, outputs) とします。',
            'model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy") でコンパイルします。ラベルが整数なので sparse の付くほうです。',
        ),
        time_limit=60,
    ),
]
