"""Chapter 12: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_equal, expect_model, expect_shape, shape_of
from grader.exercise import Answer, Exercise, Handle, Status

Array = npt.NDArray[Any]
IGNORED = -1


def expect_pair(given: Any, reason: str) -> tuple[Any, Any]:
    """Expects two things and returns them."""
    expect(isinstance(given, (list, tuple)) and len(given) == 2, reason, Status.WRONG_TYPE)
    first, second = given
    return first, second


# ch12.wordpiece


FORGETS_MARK = "2 つ目以降のピースは、頭に ## を付けて語彙を引きます。"
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


NO_NORMALISATION = "LayerNorm がありません。足したあと、最後の軸で平均 0、分散 1 にそろえます。"
NO_GAMMA = "gamma と beta がありません。そろえたあとに gamma を掛け、beta を足します。"
NO_POSITION = "位置の埋め込みが足されていません。これがないと、語の順番が分かりません。"
NO_SEGMENT = "セグメントの埋め込みが足されていません。"
WRONG_AXIS = "そろえる軸が違います。トークンごとに、最後の軸 (次元) の平均と分散を使います。"
DIVIDES_BY_VARIANCE = "分散で割っています。割るのは標準偏差、つまり分散の平方根です。"


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
        "position_table": np.array([[1.0, 0, 2, -1], [0, 4, 1, -3], [3, 1, -2, 5]], "float32"),
        "segment_table": np.array([[0.0, 1, 0, -2], [3, -2, 1, 0]], "float32"),
        "gamma": np.array([1, 2, 0.5, 1], "float32"),
        "beta": np.array([0, 1, -1, 0.5], "float32"),
    }
    right = [
        [[0.3379, 0.054, -0.2905, -0.7839], [1.6116, 0.8304, -1.212, -0.6026], [-0.1735, -0.2723, -1.4337, 2.1771]],
        [[0.169, 4.0426, -1.5916, -0.0071], [-0.2027, 4.3787, -1.3717, -0.2433], [1.2687, -0.7566, -1.5367, 1.1831]],
    ]  # fmt: skip
    known = {
        NO_NORMALISATION: [
            [[3, 0, 7, -3], [7, 2, 1, -1], [3, 1, 0, 11]],
            [[2, 4, 0, 1], [1, 8, -1, -1], [10, -1, -2, 7]],
        ],
        NO_GAMMA: [
            [[0.3379, -0.473, 1.419, -1.2839], [1.6116, -0.0848, -0.4241, -1.1026], [-0.1735, -0.6361, -0.8675, 1.6771]],
            [[0.169, 1.5213, -1.1832, -0.5071], [-0.2027, 1.6893, -0.7433, -0.7433], [1.2687, -0.8783, -1.0735, 0.6831]],
        ],
        NO_POSITION: [
            [[0.29, 0.0333, -0.2749, -0.7568], [1.5696, -1.2423, -1.2616, 0.5747], [-0.8165, -0.633, -1.0, 2.133]],
            [[-0.1155, 3.5403, -1.7506, 0.8464], [-0.1155, 3.5403, -1.7506, 0.8464], [1.5696, -1.2423, -1.2616, 0.5747]],
        ],
        NO_SEGMENT: [
            [[0.3015, -0.8091, -0.2462, -0.4045], [0.9879, 2.9758, -1.3842, -0.7074], [-0.69, 0.8939, -1.4511, 2.1453]],
            [[0.0, 2.633, -1.8165, 1.3165], [-0.3333, 4.3333, -1.5, 0.1667], [0.9428, 0.0572, -1.7071, 1.4428]],
        ],
        WRONG_AXIS: [
            [[-0.7071, -1.4495, -0.2991, -0.3627], [1.4142, 3.4495, -1.2696, -0.0392], [-0.7071, 1.0, -1.4313, 1.9018]],
            [[-0.5793, 1.1811, -0.3876, 0.1078], [-0.8276, 3.3539, -1.0, -0.4806], [1.4069, -1.535, -1.6124, 1.8728]],
        ],
        DIVIDES_BY_VARIANCE: [
            [[0.0913, 0.7443, -0.8082, 0.153], [0.5468, 0.9424, -1.0719, 0.1259], [-0.0401, 0.7057, -1.1003, 0.888]],
            [[0.1143, 3.0571, -1.4, 0.1571], [-0.0548, 1.9132, -1.1005, 0.2991], [0.2476, 0.6571, -1.1048, 0.6333]],
        ],
    }  # fmt: skip
    check_embeddings_at(answer, case, right, known)


# ch12.attention


NO_SCALE = "スコアを次元の平方根で割っていません。"
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
OVERFLOWS = "スコアが大きいと exp があふれて NaN になります。行ごとの最大値を引いてから exp に渡しましょう。"
PADDING_NOT_ZERO = (
    "パディングの列の重みが、ちょうど 0 になっていません。マスクに使う値をもっと小さくしましょう。"
)
PADDING_LEAKS = "パディングの key と value を変えたら、出力が変わりました。"


def call_attention(answer: Answer, case: Sequence[Array]) -> tuple[Array, Array]:
    """Calls attention and expects the shapes of output and weights."""
    query, _, value, _ = case
    output, weights = expect_pair(answer.call("attention", *case), "(出力, 重み) の 2 つ組を返しましょう。")
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
    output, weights = call_attention(answer, (query, key, value, mask))
    expect_close(weights.sum(axis=-1), np.ones((batch, length)), "重みの行の和", atol=1e-4)
    padding = np.broadcast_to(mask[:, None, :] == 0, weights.shape)
    expect(bool((weights[padding] == 0).all()), PADDING_NOT_ZERO)
    hidden = (mask == 0)[..., None]
    other, _ = call_attention(
        answer, (query, np.where(hidden, 1 - key, key), np.where(hidden, value + 9, value), mask)
    )
    expect(bool(np.allclose(other, output, rtol=1e-3, atol=1e-3)), PADDING_LEAKS)
    large, weights = call_attention(answer, (60 * query, 60 * key, value, np.ones_like(mask)))
    expect(bool(np.isfinite(large).all() and np.isfinite(weights).all()), OVERFLOWS)
    expect_close(weights.sum(axis=-1), np.ones((batch, length)), "大きなスコアでの重みの行の和", atol=1e-4)


def check_attention(answer: Answer) -> None:
    query = np.array([[[2, 0, 1, -1], [0, 1, -2, 1], [1, 1, 0, 2]]], "float32")
    key = np.array([[[1, 1, 0, -1], [0, 2, 1, 1], [2, 0, -1, 1]]], "float32")
    value = np.array([[[1, 0, 2, 4], [0, 3, -1, 2], [5, 5, 5, 5]]], "float32")
    output, weights = call_attention(answer, (query, key, value, np.array([[1, 1, 0]], "int32")))
    expect_close(
        weights,
        [[[0.8176, 0.1824, 0], [0.3775, 0.6225, 0], [0.1192, 0.8808, 0]]],
        "重み",
        rtol=0,
        atol=2e-4,
        known={
            NO_SCALE: [[[0.9526, 0.0474, 0], [0.2689, 0.7311, 0], [0.018, 0.982, 0]]],
            NO_PADDING: [[[0.5465, 0.122, 0.3315], [0.1402, 0.2312, 0.6285], [0.0634, 0.4683, 0.4683]]],
            ZEROED_SCORES: [[[0.6914, 0.1543, 0.1543], [0.2741, 0.4519, 0.2741], [0.1065, 0.787, 0.1065]]],
            NOT_RENORMALISED: [[[0.5465, 0.122, 0], [0.1402, 0.2312, 0], [0.0634, 0.4683, 0]]],
            SOFTMAX_OVER_QUERIES: [
                [[0.6914, 0.0996, 1 / 3], [0.1543, 0.1643, 1 / 3], [0.1543, 0.7361, 1 / 3]]
            ],
            ZEROED_OVER_QUERIES: [[[0.6914, 0.0996, 0], [0.1543, 0.1643, 0], [0.1543, 0.7361, 0]]],
            INVERTED_MASK: [[[0, 0, 1], [0, 0, 1], [0, 0, 1]]],
        },
    )
    expect_close(
        output,
        [[[0.8176, 0.5473, 1.4527, 3.6351], [0.3775, 1.8674, 0.1326, 2.7551], [0.1192, 2.6424, -0.6424, 2.2384]]],
        "出力",
        rtol=0,
        atol=1e-3,
    )  # fmt: skip
    check_attention_properties(answer, batch=3, length=5, dim=4)


# ch12.parameters


NO_BIASES = "全結合層のバイアスが抜けています。query、key、value、出力、Feed Forward の 2 つ、pooler のどれにもあります。"
NO_POOLER = "pooler が抜けています。先頭のトークンに掛ける、hidden_dim から hidden_dim への全結合層です。"
TWO_ROWS_SHORT = (
    "2 × hidden_dim 個だけ足りません。セグメントの表 (2 行) と、"
    "埋め込みのあとの LayerNorm の gamma と beta を、両方とも数えましたか。"
)
ONE_NORM = "LayerNorm は 1 層に 2 つあります。注意のあとと、Feed Forward のあとです。"
NO_OUTPUT_PROJECTION = "注意には、ヘッドをつないだあとの出力の全結合層もあります。"
NO_POSITIONS = "位置の表 (max_length × hidden_dim) が抜けています。"


def expect_parameters(answer: Answer, case: Sequence[int], right: int, known: dict[str, int]) -> None:
    expect_equal(
        answer.call("bert_parameters", *case),
        right,
        f"bert_parameters{tuple(case)}",
        known={reason: wrong for reason, wrong in known.items() if wrong != right},
    )


def check_parameters(answer: Answer) -> None:
    expect_parameters(
        answer,
        (30522, 12, 768, 3072, 512),
        109482240,
        {
            NO_BIASES: 109398528,
            NO_POOLER: 108891648,
            TWO_ROWS_SHORT: 109480704,
            ONE_NORM: 109463808,
            NO_OUTPUT_PROJECTION: 102395136,
            NO_POSITIONS: 109089024,
        },
    )
    expect_parameters(
        answer,
        (8000, 4, 128, 512, 128),
        1850496,
        {
            NO_BIASES: 1845760,
            NO_POOLER: 1833984,
            TWO_ROWS_SHORT: 1850240,
            ONE_NORM: 1849472,
            NO_OUTPUT_PROJECTION: 1784448,
            NO_POSITIONS: 1834112,
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
ALWAYS_MASKS = "選んだものをすべて mask_id にしています。10 % はでたらめな id に、10 % は元のままにします。"
NEVER_KEEPS = "元のまま残すものがありません。選んだもののうち 10 % は、置き換えません。"
SECOND_DRAW = (
    "80 % を除いた残りから、もう一度 10 % を引いています。"
    "1 つの乱数を 0.8 と 0.9 で区切ると、80 %、10 %、10 % に分かれます。"
)
WRONG_SHARES = (
    "選んだものの分け方が、80 % (mask_id)、10 % (でたらめな id)、10 % (元のまま) になっていません。"
)
NOT_IN_VOCABULARY = "でたらめな id が語彙の外に出ています。0 から vocabulary_size - 1 までの整数を引きます。"
NARROW_VOCABULARY = "でたらめな id が偏っています。語彙全体から、トークンごとに引き直しましょう。"
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
        masked, labels = expect_pair(given, "(置き換えたあとの id, ラベル) の 2 つ組を返しましょう。")
        return expect_shape(masked, shape, "置き換えたあとの id"), expect_shape(labels, shape, "ラベル")

    masked, labels = run(seed)
    chosen = labels != IGNORED
    expect(not chosen.all(), LABELS_EVERYWHERE)
    expect(bool(chosen.any()), WRONG_RATE)
    expect(not ((labels == masked)[chosen].all() and (masked != tokens).any()), LABELS_HIDDEN)
    expect(bool((labels == tokens)[chosen].all()), LABELS_STRANGE)
    expect(not chosen[special].any(), CHOOSES_SPECIAL)
    expect(bool((masked == tokens)[~chosen].all()), CHANGES_UNCHOSEN)
    expect(near(chosen[~special].mean(), 0.15, 0.012), WRONG_RATE)
    check_shares_of_masking(masked, tokens, chosen, mask_id, size)
    half = shape[1] // 2
    columns = [chosen[:, part][~special[:, part]].mean() for part in (slice(half), slice(half, None))]
    expect(near(columns[0], columns[1], 0.03), SAME_PLACES)
    expect(not (chosen == chosen[:1])[~special].all(), SAME_PLACES)
    expect(all(map(np.array_equal, run(seed), (masked, labels))), NOT_REPEATABLE)
    expect(not np.array_equal(run(seed + 1)[0], masked), IGNORES_SEED)


def check_mask_tokens(answer: Answer) -> None:
    check_mask_tokens_at(answer, (80, 640), size=2000, mask_id=4, special_ids=[0, 2, 3])


# ch12.pair


NO_LAST_SEP = "最後の [SEP] がありません。文が 2 つなら、[SEP] も 2 つです。"
FIRST_SEP_IN_SECOND = "1 つ目の [SEP] は、前の文のセグメント 0 に入ります。"
NO_SEGMENTS = "セグメントがすべて 0 です。2 つ目の文と、その [SEP] は 1 にします。"
PADDING_IN_SEGMENT = "パディングのセグメントは 0 にします。"
MASK_EVERYWHERE = "padding_mask がすべて 1 です。パディングのところは 0 にします。"
CUTS_TAIL = "並べたあとで末尾を切り落としています。[SEP] が残るように、先に文のほうを短くしましょう。"
CUTS_SECOND = "2 つ目の文ばかり短くしています。そのつど、長いほうの文から 1 つずつ捨てます。"
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
        ([11, 12, 13, 14, 15, 16], [21, 22, 23], 9, 2, 3, 0),
        {
            "token_ids": [2, 11, 12, 13, 3, 21, 22, 23, 3],
            "segment_ids": [0, 0, 0, 0, 0, 1, 1, 1, 1],
            "padding_mask": [1] * 9,
        },
        {
            CUTS_TAIL: {"token_ids": [2, 11, 12, 13, 14, 15, 16, 3, 21]},
            CUTS_SECOND: {"token_ids": [2, 11, 12, 13, 14, 15, 16, 3, 3]},
            CUTS_FRONT: {"token_ids": [2, 14, 15, 16, 3, 21, 22, 23, 3]},
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


# ch12.causal


SEES_FUTURE = "未来の入力を変えたら、それより前の出力が変わりました。位置 i が見てよいのは 0〜i だけです。"
SEES_PADDING = "パディングの入力を変えたら、本物のトークンの出力が変わりました。padding_mask も使いましょう。"
BLIND_TO_ITSELF = "自分自身を見ていません。位置 i は、0〜i を i も含めて見ます。"
BLIND_TO_PAST = "過去の入力を変えても、出力が変わりません。位置 i は、0〜i をすべて見ます。"


def draw_causal(
    answer: Answer, heads: int, key_dim: int, shape: tuple[int, int, int]
) -> tuple[Handle, Array]:
    """Makes a layer whose weights the judge draws; returns them in one piece after the handle.

    Queries and keys are small, so that no attention weight is near 0: whatever is seen is felt.
    """
    dim = shape[2]
    layer = answer.probe("attention_layer", dim, heads, key_dim)
    inward = [(dim, heads, key_dim), (heads, key_dim)]
    sizes = [*inward * 3, (heads, key_dim, dim), (dim,)]
    scales = [*(0.2,) * 4, *(0.7,) * 4]
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
        other = np.where(where[..., None], answer.rng.normal(0, 2, shape), x).astype("float32")
        return np.asarray(np.abs(attend(other) - output).max(axis=-1))

    columns = np.arange(length)
    position = length // 2
    itself = change(np.broadcast_to(columns == position, real.shape))
    expect(bool((itself[:, position] > 1e-3).all()), BLIND_TO_ITSELF)
    second = change(np.broadcast_to(columns == 1, real.shape))
    expect(bool(second[0, 1] > 1e-3), BLIND_TO_ITSELF)
    future = change(np.broadcast_to(columns > position, real.shape))
    expect(bool((future[:, : position + 1][real[:, : position + 1]] < 1e-4).all()), SEES_FUTURE)
    padding = change(~real)
    expect(bool((padding[real] < 1e-4).all()), SEES_PADDING)
    past = change(np.broadcast_to(columns == 2, real.shape))
    expect(bool((past[:2, 3:][real[:2, 3:]] > 1e-6).all()), BLIND_TO_PAST)


def check_causal(answer: Answer) -> None:
    check_causal_at(answer, heads=2, key_dim=3, length=6, dim=4)


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
    "最後の 1 語だけを渡しています。next_probabilities には、これまでの id をすべて渡しましょう。"
)
START_ONLY = "いつも start だけを渡しています。引いた id を続けてから、次を引きましょう。"
SEED_NOT_USED = "seed を変えても、同じ文が出ます。乱数を seed から作りましょう。"
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


def check_context(answer: Answer, size: int, start: list[int], count: int) -> None:
    """Expects that everything so far is fed back; at this temperature only the likeliest word is drawn."""
    weights = [int(number) for number in answer.rng.integers(1, size, 7)]
    model = answer.probe("weighing_words", weights, size, 0.9)
    words = call_generate(answer, model, start, count, 0.1, int(answer.rng.integers(1_000_000)))
    right = likeliest_words(weights, size, start, count)
    for reason, seen_of in (
        (LAST_WORD_ONLY, lambda ids: ids[-1:]),
        (LAST_WORD_ONLY, lambda ids: ids if ids == start else ids[-1:]),
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
CLASSIFIER_SEES_PADDING = "パディングの id を変えたら、確率が変わりました。pooled_output を使うか、パディングを除いて平均しましょう。"
IGNORES_RATE = "learning_rate を使っていません。keras.optimizers.Adam(learning_rate) と渡しましょう。"
NOTHING_MOVES = "学習しても、どの重みも動きません。凍結するのは BERT だけで、出力層はいつも学習させます。"
NOT_FROZEN = (
    "frozen=True なのに、学習すると BERT の重みが動きました。backbone.trainable = False で凍結しましょう。"
)
STAYS_FROZEN = (
    "frozen=False なのに、学習しても BERT の重みが動きません。backbone.trainable = True にしましょう。"
)
DOES_NOT_LEARN = "学習しても損失が十分に下がりません。出力層のつなぎ方と、損失の種類を見直しましょう。"


def draw_texts(
    rng: np.random.Generator, count: int, length: int, size: int, classes: int
) -> dict[str, Array]:
    """Draws inputs of BERT whose class is the piece after ``[CLS]``; ``labels`` is that class."""
    labels = np.arange(count) % classes
    ids = rng.integers(4 + classes, size, (count, length))
    ids[:, 0], ids[:, 1] = 2, 4 + labels
    real = np.arange(length) < rng.integers(4, length, count)[:, None]
    return {
        "token_ids": np.where(real, ids, 0).astype("int32"),
        "segment_ids": np.zeros((count, length), "int32"),
        "padding_mask": real.astype("int32"),
        "labels": labels.astype("int32"),
    }


def check_classifier_at(
    answer: Answer, classes: int, frozen: bool, rate: float, hidden_dim: int, steps: int
) -> None:
    """Expects a classifier that learns, moves what it should, and at the rate that it was given."""
    size, length = 20, 6
    texts = draw_texts(answer.rng, 8 * classes, length, size, classes)
    labels = texts.pop("labels")
    backbone = answer.probe("small_bert", size, length, hidden_dim, int(answer.rng.integers(1_000_000)))
    model = expect_model(
        answer.call("build_classifier", backbone, classes, frozen, rate), "build_classifier(…)"
    )

    def predict(inputs: dict[str, Array]) -> Array:
        given = answer.probe("predict", model, inputs)
        return expect_shape(given, (len(labels), classes), "モデルの出力")

    probabilities = predict(texts)
    sums = probabilities.sum(axis=1)
    expect(bool(np.allclose(sums, 1, atol=1e-3) and (probabilities >= 0).all()), NO_SOFTMAX)
    padded = np.where(texts["padding_mask"] == 1, texts["token_ids"], size - 1)
    other = predict(texts | {"token_ids": padded})
    expect(bool(np.allclose(other, probabilities, atol=1e-3)), CLASSIFIER_SEES_PADDING)

    def move(handle: Handle, steps: int) -> Array:
        """Trains; returns how far each weight of a model has moved, at most."""
        before = answer.probe("weights", handle)
        answer.probe("train", model, texts, labels, steps)
        after = answer.probe("weights", handle)
        return np.array([np.abs(np.asarray(a) - b).max() for a, b in zip(after, before, strict=True)])

    first = move(model, 1)  # Adam's first step is as wide as its rate
    expect(bool(first.any()), NOTHING_MOVES)
    expect(bool(rate / 5 < np.median(first[first > 0]) < rate * 5), IGNORES_RATE)
    moved = move(backbone, steps) > rate / 100
    if frozen:
        expect(not moved.any(), NOT_FROZEN)
    else:
        expect(bool(moved.mean() > 0.7), STAYS_FROZEN)
    loss = -np.log(predict(texts)[np.arange(len(labels)), labels] + 1e-9).mean()
    expect(bool(loss < 0.85 * np.log(classes)), DOES_NOT_LEARN)


def check_classifier(answer: Answer) -> None:
    check_classifier_at(answer, classes=3, frozen=True, rate=0.02, hidden_dim=48, steps=150)
    check_classifier_at(answer, classes=3, frozen=False, rate=0.005, hidden_dim=16, steps=40)


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

def embed(token_ids, segment_ids, token_table, position_table, segment_table, gamma, beta):
    """3 つの埋め込みを足して LayerNorm を掛けた、(バッチ, 長さ, 次元) の配列を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_embeddings,
        hints=(
            "表に id の配列を添字として渡すと、埋め込みが並んだ配列になります。token_table[token_ids] の形を確かめましょう。",
            "位置の埋め込みは position_table の先頭から長さの分だけです。バッチのどの行にも同じものを足します。",
            "足した x から mean(axis=-1, keepdims=True) を引き、分散に 1e-12 を足した値の平方根で割り、gamma を掛けて beta を足します。",
        ),
    ),
    Exercise(
        id="ch12.attention",
        title="パディングを見ない注意",
        points=2,
        symbols=("attention",),
        template='''import numpy as np

def attention(query, key, value, padding_mask):
    """スケール化内積注意の (出力, 重み) を返します。パディングの重みはちょうど 0 です。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_attention,
        hints=(
            "スコアは query と key の内積を、次元の平方根で割ったものです。key は最後の 2 つの軸を入れ替えて掛けます。",
            "padding_mask[:, None, :] は (バッチ, 1, 長さ) の形になり、どの行にも同じ列のマスクが掛かります。0 の列のスコアを -1e9 に置き換えましょう。",
            "行ごとの最大値を引いてから exp に渡し、行の和で割ると重みです。重みと value の行列積が出力です。",
        ),
    ),
    Exercise(
        id="ch12.parameters",
        title="BERT のパラメータを数える",
        points=1,
        symbols=("bert_parameters",),
        template='''def bert_parameters(vocabulary_size, layers, hidden_dim, intermediate_dim, max_length):
    """BERT の本体の、学習できるパラメータの数を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_parameters,
        hints=(
            "埋め込み、エンコーダ 1 層、pooler の 3 つに分けて数えます。入力 a、出力 b の全結合層は a × b + b 個です。",
            "エンコーダ 1 層には、hidden_dim から hidden_dim への全結合層が 4 つ (query、key、value、出力)、Feed Forward の全結合層が 2 つ、LayerNorm が 2 つあります。",
            "埋め込みは (vocabulary_size + max_length + 2) × hidden_dim 個の表と、LayerNorm の 2 × hidden_dim 個です。最後に pooler の全結合層を 1 つ足します。",
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
            "もう 1 つ乱数の配列を引き、0.8 未満なら mask_id、0.9 以上ならでたらめな id、その間ならそのままとすると、80 %、10 %、10 % に分かれます。",
        ),
    ),
    Exercise(
        id="ch12.pair",
        title="文の組を入力にする",
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
            "パディングのマスク padding_mask[:, None, :] と、下三角の行列 np.tril(np.ones((長さ, 長さ))) の両方が 1 のところだけを True にします。use_causal_mask=True に任せることもできます。",
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
    """BERT に出力層をつなぎ、コンパイルした分類器を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_classifier,
        hints=(
            "凍結するかどうかは、backbone.trainable = not frozen の 1 行で決まります。",
            'backbone.output["pooled_output"] に Dense(classes, activation="softmax") をつなぎ、keras.Model(backbone.input, outputs) とします。',
            'model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy") でコンパイルします。ラベルが整数なので sparse の付くほうです。',
        ),
        time_limit=120,
    ),
]
