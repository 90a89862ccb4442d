"""Chapter 11: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from grader.compare import expect, expect_close
from grader.exercise import Answer, Key, Mistake, changed

from .exercises import (
    ADDS_PROBABILITIES,
    ADDS_VARIANCES,
    ALWAYS_GREEDY,
    AS_IF_ALIKE,
    BLIND_TO_ITSELF,
    COLUMN_AS_I,
    DEVIATIONS_NOT_SQUARED,
    DIVIDED_BY_LENGTH,
    DOES_NOT_SHIFT,
    EITHER,
    END_NOT_WEIGHED,
    EXTENDS_FINISHED,
    HALF_EXPONENT,
    HALVES,
    HIDDEN_IS_TRUE,
    IGNORES_BASE,
    INTERLEAVED,
    INVERTED_MASK,
    LAST_WORD_ONLY,
    MASKS_BOTH,
    MASKS_ROWS,
    MERGED_BY_RESHAPE,
    MERGED_INTERLEAVED,
    NO_END,
    NO_MASK,
    NO_SCALE,
    NO_SUM,
    NOT_CAUSAL,
    NOT_RENORMALISED,
    NOT_SHIFTED,
    ONE_STEP_LONG,
    ONE_STEP_SHORT,
    PADDING_IS_ONE,
    POSITIONS_FROM_ONE,
    PRUNES_BY_PARENT,
    RESHAPED_ONLY,
    RETURNS_DEVIATIONS,
    SCALED_BY_DIM,
    SCALED_BY_ROOT,
    SCALED_BY_VALUE_DIM,
    SCALED_VALUE_BY_DIM,
    SEES_FUTURE,
    SEES_PADDING,
    SOFTMAX_OVER_QUERIES,
    STOPS_AT_FIRST,
    SWAPPED,
    UNPAIRED,
    WEIGHS_PADDING,
    WEIGHTS_BY_PAD,
    ZEROED_SCORES,
    Array,
    call_attention,
    call_rotation,
    check_attention_properties,
    check_block_at,
    draw_attention,
    expect_encoding,
    expect_forcing,
    expect_mask,
    expect_merged,
    expect_row,
    expect_split,
    expect_variances,
)

Row = tuple[int, ...]
Candidate = tuple[Row, float]
NextLogProbabilities = Callable[[list[int]], Array]


def softmax(scores: Array, axis: int = -1) -> Array:
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def hidden_attention(answer: Answer) -> None:
    for axes, queries, keys, d_k, d_v in (((2,), 4, 3, 5, 2), ((2, 3, 2), 2, 6, 3, 7), ((1, 1), 1, 1, 2, 3)):
        query, key, value, mask = draw_attention(answer.rng, axes, queries, keys, d_k, d_v)
        output, weights = call_attention(answer, (query, key, value, mask))
        products = (query @ np.swapaxes(key, -1, -2)).astype("float64")
        scores = products / np.sqrt(d_k)

        def seen(scores: Array, mask: Array = mask) -> Array:
            return softmax(np.where(mask, scores, -np.inf))

        right = seen(scores)
        known = {
            NO_SCALE: seen(products),
            SCALED_BY_DIM: seen(products / d_k),
            SCALED_BY_VALUE_DIM: seen(products / np.sqrt(d_v)),
            NO_MASK: softmax(scores),
            ZEROED_SCORES: softmax(scores * mask),
            NOT_RENORMALISED: softmax(scores) * mask,
            SOFTMAX_OVER_QUERIES: softmax(np.where(mask, scores, -1e9), axis=-2),
            INVERTED_MASK: softmax(np.where(mask, -1e9, scores)),
        }
        expect_close(weights, right, "重み", rtol=1e-3, atol=1e-4, known=known)
        expect_close(output, right @ value, "出力", rtol=1e-3, atol=1e-3)
        _, weights = call_attention(answer, (60 * query, 60 * key, value, mask))
        expect_close(
            weights.sum(axis=-1), np.ones(weights.shape[:-1]), "大きなスコアでの重みの行の和", atol=1e-4
        )
    check_attention_properties(answer, (3,), queries=5, keys=4)


def hidden_scale(answer: Answer) -> None:
    for d_k in (3, 32):
        query_std, key_std = (round(float(number), 2) for number in answer.rng.uniform(0.3, 2.5, 2))
        one = (query_std * key_std) ** 2
        expect_variances(
            answer,
            (d_k, query_std, key_std),
            (d_k * one, one),
            {
                DEVIATIONS_NOT_SQUARED: (d_k * one**0.5, one**0.5),
                RETURNS_DEVIATIONS: ((d_k * one) ** 0.5, one**0.5),
                NO_SUM: (one, one / d_k),
                AS_IF_ALIKE: (d_k**2 * one, d_k * one),
                SCALED_BY_ROOT: (d_k * one, d_k**0.5 * one),
                SCALED_VALUE_BY_DIM: (d_k * one, one / d_k),
                ADDS_VARIANCES: (d_k * (query_std**2 + key_std**2), query_std**2 + key_std**2),
            },
        )


def hidden_causal_mask(answer: Answer) -> None:
    for batch, length in ((4, 7), (2, 1), (3, 12)):
        padding_mask = (answer.rng.random((batch, length)) < 0.7).astype("int32")
        real = padding_mask.astype(bool)[:, None, :]
        rows = padding_mask.astype(bool)[:, :, None]
        past = np.tri(length, dtype=bool)
        right = past & real
        expect_mask(
            answer,
            padding_mask,
            right,
            {
                SEES_FUTURE: past.T & real,
                NOT_CAUSAL: np.repeat(real, length, axis=1),
                BLIND_TO_ITSELF: np.tri(length, k=-1, dtype=bool) & real,
                SEES_PADDING: np.repeat(past[None], batch, axis=0),
                PADDING_IS_ONE: past & ~real,
                MASKS_ROWS: past & rows,
                MASKS_BOTH: right & rows,
                HIDDEN_IS_TRUE: ~right,
                EITHER: past | real,
            },
        )


def hidden_heads(answer: Answer) -> None:
    for batch, length, heads, size in ((3, 4, 2, 5), (1, 2, 6, 3), (2, 7, 1, 4)):
        x = answer.rng.normal(0, 1, (batch, length, heads * size)).astype("float32")
        right = np.stack([x[..., n * size : (n + 1) * size] for n in range(heads)], axis=1)
        interleaved = np.stack([x[..., n::heads] for n in range(heads)], axis=1)
        expect_split(
            answer,
            x,
            heads,
            right,
            {RESHAPED_ONLY: x.reshape(right.shape), INTERLEAVED: interleaved},
        )
        expect_merged(
            answer,
            right,
            x,
            {
                MERGED_BY_RESHAPE: right.reshape(x.shape),
                MERGED_INTERLEAVED: np.moveaxis(right, 1, -1).reshape(x.shape),
            },
        )


def encoding(
    length: int, d_model: int, exponents: Array | None = None, first: int = 0, base: float = 10000.0
) -> Array:
    """Positional encoding, sin and cos in turn; ``exponents`` of each column may be others than the paper's."""
    column = np.arange(d_model)
    exponents = 2 * (column // 2) / d_model if exponents is None else exponents
    angles = np.arange(first, first + length)[:, None] / base**exponents
    return np.where(column % 2 == 0, np.sin(angles), np.cos(angles))


def hidden_positional_encoding(answer: Answer) -> None:
    sizes = [(int(answer.rng.integers(20, 90)), 2 * int(answer.rng.integers(2, 40))) for _ in range(2)]
    for (length, d_model), base in zip([*sizes, (1, 2)], (10000, 500, 20), strict=True):
        right = encoding(length, d_model, base=base)
        column = np.arange(d_model)
        sine, cosine = right[:, ::2], right[:, 1::2]
        expect_encoding(
            answer,
            length,
            d_model,
            base,
            right,
            {
                IGNORES_BASE: encoding(length, d_model),
                HALVES: np.concatenate([sine, cosine], axis=1),
                SWAPPED: np.stack([cosine, sine], axis=-1).reshape(right.shape),
                COLUMN_AS_I: encoding(length, d_model, 2 * column / d_model, base=base),
                UNPAIRED: encoding(length, d_model, column / d_model, base=base),
                HALF_EXPONENT: encoding(length, d_model, (column // 2) / d_model, base=base),
                POSITIONS_FROM_ONE: encoding(length, d_model, first=1, base=base),
            },
        )


def hidden_rotation(answer: Answer) -> None:
    for d_model in (2, 6, 10):
        for k in (int(answer.rng.integers(2, 60)), -int(answer.rng.integers(2, 60))):
            matrix = call_rotation(answer, k, d_model)
            for first in (60, int(answer.rng.integers(500, 9000))):
                before, after = encoding(40, d_model, first=first), encoding(40, d_model, first=first + k)
                expect(bool(np.allclose(before @ matrix.T, after, atol=5e-3)), DOES_NOT_SHIFT)


def hidden_shift(answer: Answer) -> None:
    start, end, pad = (int(number) for number in answer.rng.permutation(20)[:3])
    for count, length in ((5, 9), (1, 6), (3, 14)):
        sizes = [length - 1, *answer.rng.integers(0, length, count - 1).tolist()]
        rows = [answer.rng.integers(20, 99, size).tolist() for size in sizes]

        def filled(row: list[int], value: int = pad, length: int = length) -> list[int]:
            return row + [value] * (length - len(row))

        inputs = [filled([start, *row]) for row in rows]
        targets = [filled([*row, end]) for row in rows]
        expect_forcing(
            answer,
            (rows, length, start, end, pad),
            (inputs, targets, [filled([1] * (size + 1), 0) for size in sizes]),
            (
                {NOT_SHIFTED: targets},
                {NOT_SHIFTED: inputs, NO_END: [filled(list(row)) for row in rows]},
                {
                    WEIGHS_PADDING: np.ones((count, length)),
                    END_NOT_WEIGHED: [filled([1] * size, 0) for size in sizes],
                },
            ),
        )
    row = [start, pad, end, pad]
    expect_forcing(
        answer,
        ([row], 6, start, end, pad),
        ([[start, *row, pad]], [[*row, end, pad]], [[1, 1, 1, 1, 1, 0]]),
        ({}, {}, {WEIGHTS_BY_PAD: [[1, 0, 1, 0, 1, 0]]}),
    )


def search(
    model: NextLogProbabilities,
    ends: tuple[int, int],
    sizes: tuple[int, int],
    *,
    worth: Callable[[Candidate], float] = lambda candidate: candidate[1],
    term: Callable[[Array], Array] = lambda log_probabilities: log_probabilities,
    finished: str = "compete",
    last_only: bool = False,
    by_parent: bool = False,
) -> Candidate:
    """Searches by beam, rightly or with one fault.

    Args:
        model: Gives the log probabilities of the next id.
        ends: Ids of start and end.
        sizes: Width of the beam and longest row.
        worth: What candidates are ranked by.
        term: What each word adds to a score.
        finished: What becomes of rows that have ended: ``compete``, ``aside`` (kept outside the beam), ``extend``
            or ``first`` (the search stops there).
        last_only: Whether the model is told the last id alone.
        by_parent: Whether each row keeps its own best children.

    Returns:
        The best row, without the start, and its score.
    """
    (start, end), (width, longest) = ends, sizes

    def order(candidate: Candidate) -> tuple[float, Row]:
        return -worth(candidate), candidate[0]

    def ended(candidate: Candidate) -> bool:
        return candidate[0][-1:] == (end,) and finished != "extend"

    def children(candidate: Candidate) -> list[Candidate]:
        ids, score = candidate
        seen = [start, *ids][-1:] if last_only else [start, *ids]
        return [((*ids, n), score + float(x)) for n, x in enumerate(term(model(seen)))]

    beam: list[Candidate] = [((), 0.0)]
    aside: list[Candidate] = []
    for _ in range(longest):
        going = [sorted(children(row), key=order) for row in beam if not ended(row)]
        grown = [child for family in going for child in (family[:width] if by_parent else family)]
        candidates = sorted([*filter(ended, beam), *grown], key=order)
        beam = candidates if by_parent else candidates[:width]
        done = [*filter(ended, beam)]
        if finished == "first" and done:
            return done[0]
        if finished == "aside":
            aside += done
            beam = [row for row in candidates if not ended(row)][:width]
        if all(map(ended, beam)):
            break
    return min([*beam, *aside], key=order)


def draw_table(answer: Answer, words: int, steps: int) -> Array:
    """Draws a table of probabilities in percent, none of them near 0."""
    drawn = answer.rng.dirichlet([0.7] * words, (steps, words)) + 0.005
    return np.asarray(100 * drawn / drawn.sum(axis=-1, keepdims=True))


def wrong_searches(
    model: NextLogProbabilities, ends: tuple[int, int], sizes: tuple[int, int]
) -> dict[str, Candidate]:
    """What each known mistake finds, by its reason."""
    width, longest = sizes
    return {
        ALWAYS_GREEDY: search(model, ends, (1, longest)),
        DIVIDED_BY_LENGTH: search(model, ends, sizes, worth=lambda c: c[1] / max(len(c[0]), 1)),
        ADDS_PROBABILITIES: search(model, ends, sizes, term=np.exp),
        EXTENDS_FINISHED: search(model, ends, sizes, finished="extend"),
        STOPS_AT_FIRST: search(model, ends, sizes, finished="first"),
        LAST_WORD_ONLY: search(model, ends, sizes, last_only=True),
        PRUNES_BY_PARENT: search(model, ends, sizes, by_parent=True),
        ONE_STEP_SHORT: search(model, ends, (width, longest - 1)),
        ONE_STEP_LONG: search(model, ends, (width, longest + 1)),
    }


def table_model(percent: Array) -> NextLogProbabilities:
    """The judge's own copy of :func:`probes.table_of_words`."""
    table = np.log(percent / 100)
    return lambda ids: np.asarray(table[min(len(ids), len(table)) - 1, ids[-1]])


def hidden_beam_search(answer: Answer) -> None:
    for words, sizes in ((5, (1, 5)), (6, (2, 5)), (5, (3, 4)), (4, (4, 6)), (7, (3, 3)), (3, (81, 4))):
        start, end = (int(number) for number in answer.rng.permutation(words)[:2])
        while True:
            percent = draw_table(answer, words, steps=4)
            model = table_model(percent)
            right = search(model, (start, end), sizes)
            aside = search(model, (start, end), sizes, finished="aside")
            if aside == right and len(right[0]) > 1:  # both ways to treat rows that have ended are right
                break
        wrong = wrong_searches(model, (start, end), sizes)
        known: Mapping[str, Any] = {
            reason: found[0] for reason, found in wrong.items() if found[0] != right[0]
        }
        expect_row(answer, percent, (start, end), sizes, right, known)


def hidden_transformer_block(answer: Answer) -> None:
    check_block_at(answer, d_model=16, heads=2, d_ff=25, length=9)


# The references, of which known mistakes change one thing.


ATTENTION = """import numpy as np

def attention(query, key, value, mask):
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    scores = np.where(mask, scores, -1e9)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = e / e.sum(axis=-1, keepdims=True)
    return weights @ value, weights
"""

HEADS = """import numpy as np

def split_heads(x, heads):
    batch, length, d_model = x.shape
    return x.reshape(batch, length, heads, d_model // heads).transpose(0, 2, 1, 3)

def merge_heads(x):
    batch, heads, length, size = x.shape
    return x.transpose(0, 2, 1, 3).reshape(batch, length, heads * size)
"""

ROTATION = """import numpy as np

def rotation_matrix(k, d_model):
    matrix = np.zeros((d_model, d_model))
    for i in range(d_model // 2):
        angle = k / 10000 ** (2 * i / d_model)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[cos, sin], [-sin, cos]]
    return matrix
"""

SHIFT = """import numpy as np

def teacher_forcing(rows, length, start_id, end_id, pad_id):
    inputs = np.full((len(rows), length), pad_id)
    targets = np.full((len(rows), length), pad_id)
    weights = np.zeros((len(rows), length))
    for n, row in enumerate(rows):
        size = len(row) + 1
        inputs[n, :size] = [start_id, *row]
        targets[n, :size] = [*row, end_id]
        weights[n, :size] = 1
    return inputs, targets, weights
"""

BEAM_SEARCH = """def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    beam = [(0.0, [start_id])]
    for _ in range(max_length):
        candidates = []
        for score, ids in beam:
            if ids[-1] == end_id:
                candidates.append((score, ids))
                continue
            for id, log_probability in enumerate(next_log_probabilities(ids)):
                candidates.append((score + log_probability, ids + [id]))
        beam = sorted(candidates, key=lambda candidate: (-candidate[0], candidate[1]))[:width]
        if all(ids[-1] == end_id for _, ids in beam):
            break
    score, ids = beam[0]
    return ids[1:], score
"""

BLOCK = """import keras
from keras import layers

def encoder_block(d_model, heads, d_ff):
    inputs = keras.Input((None, d_model))
    padding_mask = keras.Input((None,), dtype="int32")
    x = inputs
    attended = layers.MultiHeadAttention(heads, d_model // heads)(
        x, x, attention_mask=padding_mask[:, None, :]
    )
    x = layers.LayerNormalization()(x + attended)
    forward = layers.Dense(d_model)(layers.Dense(d_ff, activation="relu")(x))
    x = layers.LayerNormalization()(x + forward)
    return keras.Model([inputs, padding_mask], x)
"""

OWN_BLOCK = """import keras
from keras import layers, ops

class SelfAttention(layers.Layer):
    def __init__(self, d_model, heads):
        super().__init__()
        self.heads, self.size = heads, d_model // heads
        self.projections = [layers.Dense(d_model) for _ in range(4)]

    def build(self, x_shape, padding_mask_shape):
        for projection in self.projections:
            projection.build(x_shape)

    def call(self, x, padding_mask):
        length = ops.shape(x)[1]
        split = lambda y: ops.transpose(ops.reshape(y, (-1, length, self.heads, self.size)), (0, 2, 1, 3))
        query, key, value = (split(projection(x)) for projection in self.projections[:3])
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / self.size**0.5
        seen = ops.cast(padding_mask, "bool")[:, None, None, :]
        weights = ops.softmax(ops.where(seen, scores, -1e9))
        heads = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        return self.projections[3](ops.reshape(heads, (-1, length, self.heads * self.size)))

def encoder_block(d_model, heads, d_ff):
    x = keras.Input((None, d_model))
    mask = keras.Input((None,))
    u = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, SelfAttention(d_model, heads)(x, mask)]))
    forward = keras.Sequential([layers.Dense(d_ff), layers.ReLU(), layers.Dense(d_model)])
    return keras.Model([x, mask], layers.LayerNormalization(epsilon=1e-6)(u + forward(u)))
"""


ANSWERS: dict[str, Key] = {
    "ch11.attention": Key(
        reference=ATTENTION,
        explanation="最後の 2 つの軸だけで計算すると、前にバッチの軸が付いても、ヘッドの軸が付いても、同じコードで動きます。",
        alternatives={
            "einsum と boolean の掛け算": """import numpy as np

def attention(query, key, value, mask):
    scores = np.einsum("...qd,...kd->...qk", query, key) * query.shape[-1] ** -0.5
    mask = np.broadcast_to(mask, scores.shape)
    top = np.max(scores, axis=-1, where=mask, initial=-np.inf, keepdims=True)
    e = np.exp(np.minimum(scores - top, 0)) * mask
    weights = e / e.sum(-1)[..., None]
    return np.einsum("...qk,...kv->...qv", weights, value), weights
""",
            "ループ": """import math
import numpy as np

def attention(query, key, value, mask):
    axes, q, k = query.shape[:-2], query.shape[-2], key.shape[-2]
    mask = np.broadcast_to(mask, (*axes, q, k))
    output = np.zeros((*axes, q, value.shape[-1]))
    weights = np.zeros((*axes, q, k))
    for place in np.ndindex(*axes, q):
        seen = [j for j in range(k) if mask[place][j]]
        scores = [float(query[place] @ key[place[:-1]][j]) / math.sqrt(key.shape[-1]) for j in seen]
        top = max(scores)
        total = sum(math.exp(score - top) for score in scores)
        for j, score in zip(seen, scores):
            weights[place][j] = math.exp(score - top) / total
            output[place] += weights[place][j] * value[place[:-1]][j]
    return output, weights
""",
            "keras.ops": """import keras
from keras import ops

def attention(query, key, value, mask):
    axes = list(range(len(query.shape)))
    axes[-1], axes[-2] = axes[-2], axes[-1]
    scores = ops.matmul(query, ops.transpose(key, axes)) / ops.sqrt(float(query.shape[-1]))
    weights = ops.softmax(ops.where(mask, scores, -1e9), axis=-1)
    return ops.matmul(weights, value), weights
""",
            "TensorFlow、マスクを足す": """import numpy as np
import tensorflow as tf

def attention(query, key, value, mask):
    scores = tf.matmul(query, key, transpose_b=True) / np.float32(np.sqrt(key.shape[-1]))
    weights = tf.nn.softmax(scores + tf.where(mask, 0.0, -np.inf))
    return [weights @ value, weights]
""",
        },
        mistakes={
            "レポートの式 (V がない)": Mistake(
                changed(ATTENTION, "weights @ value, weights", "weights, weights"),
                "V が抜けています",
            ),
            "√d_k で割らない": Mistake(
                changed(ATTENTION, " / np.sqrt(query.shape[-1])", ""),
                "d_k の平方根で割っていません",
            ),
            "d_k で割る": Mistake(
                changed(ATTENTION, "np.sqrt(query.shape[-1])", "query.shape[-1]"),
                "d_k そのもので割って",
            ),
            "√d_v で割る": Mistake(
                changed(ATTENTION, "query.shape", "value.shape"),
                "d_v の平方根で割って",
            ),
            "mask を使わない": Mistake(
                changed(ATTENTION, "    scores = np.where(mask, scores, -1e9)\n", ""),
                "mask が False のところも見て",
            ),
            "スコアに mask を掛ける": Mistake(
                changed(ATTENTION, "np.where(mask, scores, -1e9)", "scores * mask"),
                "exp(0) = 1 の重み",
            ),
            "softmax のあとで mask を掛ける": Mistake(
                changed(
                    changed(ATTENTION, "    scores = np.where(mask, scores, -1e9)\n", ""),
                    "e / e.sum(axis=-1, keepdims=True)",
                    "e / e.sum(axis=-1, keepdims=True) * mask",
                ),
                "行の和が 1 になりません",
            ),
            "見る側の軸で softmax": Mistake(
                ATTENTION.replace("axis=-1", "axis=-2"),
                "softmax の軸が違います",
            ),
            "mask が逆": Mistake(
                changed(ATTENTION, "np.where(mask, scores, -1e9)", "np.where(mask, -1e9, scores)"),
                "mask の向きが逆",
            ),
            "最大値を引かない": Mistake(
                changed(ATTENTION, "scores - scores.max(axis=-1, keepdims=True)", "scores"),
                "exp があふれて NaN",
            ),
            "スコアを切り詰める": Mistake(
                changed(
                    ATTENTION, "scores - scores.max(axis=-1, keepdims=True)", "np.clip(scores, -80, 80)"
                ).replace(
                    "e = np.exp(np.clip(scores, -80, 80))", "e = np.exp(np.clip(scores, -80, 80)) * mask"
                ),
                "大きなスコアを切り詰めて",
            ),
            "表全体の最大値を引く": Mistake(
                changed(ATTENTION, "scores.max(axis=-1, keepdims=True)", "scores.max()"),
                "表全体の最大値を引いて",
            ),
            "隠すスコアの最大値も引く": Mistake(
                changed(
                    changed(ATTENTION, "    scores = np.where(mask, scores, -1e9)\n", ""),
                    "keepdims=True))\n    weights",
                    "keepdims=True)) * mask\n    weights",
                ),
                "mask が False のスコアまで含めた最大値",
            ),
            "マスクの値が小さくない": Mistake(
                changed(ATTENTION, "-1e9", "scores - 15"),
                "ちょうど 0 になっていません",
            ),
        },
        hidden=hidden_attention,
        equivalent={
            "scores, -1e9))": "the last axis is the default",
            "transpose_b=True) / np.sqrt": "TensorFlow converts it",
            "tf.where(mask, 1.0,": "every score of a row gets the same",
        },
    ),
    "ch11.scale": Key(
        reference="""def score_variances(d_k, query_std, key_std):
    variance = d_k * query_std**2 * key_std**2
    return variance, variance / d_k
""",
        explanation="平均 0 で独立なら、積の分散は分散の積で、和の分散は分散の和です。√d_k で割ると分散が d_k で割られ、d_k によらなくなります。",
        alternatives={
            "乱数で測る": """import numpy as np

def score_variances(d_k, query_std, key_std):
    rng = np.random.default_rng()
    scores = np.zeros(100_000)
    for _ in range(d_k):
        scores += rng.normal(0, query_std, scores.size) * rng.normal(0, key_std, scores.size)
    return scores.var(), (scores / np.sqrt(d_k)).var()
""",
            "1 つずつ足す": """import numpy as np

def score_variances(d_k, query_std, key_std):
    variance = sum(np.square(query_std) * np.square(key_std) for _ in range(d_k))
    return np.array([variance, variance / np.sqrt(d_k) ** 2])
""",
            "標準偏差から": """import math

def score_variances(d_k, query_std, key_std):
    deviation = math.sqrt(d_k) * query_std * key_std
    return [deviation**2, (deviation / math.sqrt(d_k)) ** 2]
""",
        },
        mistakes={
            "2 乗しない": Mistake(
                """def score_variances(d_k, query_std, key_std):
    return d_k * query_std * key_std, query_std * key_std
""",
                "標準偏差を 2 乗していません",
            ),
            "標準偏差を返す": Mistake(
                """def score_variances(d_k, query_std, key_std):
    return d_k**0.5 * query_std * key_std, query_std * key_std
""",
                "返すのは分散です",
            ),
            "足し忘れる": Mistake(
                """def score_variances(d_k, query_std, key_std):
    variance = query_std**2 * key_std**2
    return variance, variance / d_k
""",
                "積 1 つ分の分散",
            ),
            "少ない乱数で測る": Mistake(
                """def score_variances(d_k, query_std, key_std):
    variance = 1.1 * d_k * query_std**2 * key_std**2
    return variance, variance / d_k
""",
                "もっとたくさん引きましょう",
            ),
            "標準偏差を d_k 倍する": Mistake(
                """def score_variances(d_k, query_std, key_std):
    variance = (d_k * query_std * key_std) ** 2
    return variance, variance / d_k
""",
                "標準偏差のほうを d_k 倍",
            ),
            "分散を √d_k で割る": Mistake(
                """def score_variances(d_k, query_std, key_std):
    variance = d_k * query_std**2 * key_std**2
    return variance, variance / d_k**0.5
""",
                "2 乗の値だからです",
            ),
            "d_k で割った内積": Mistake(
                """def score_variances(d_k, query_std, key_std):
    variance = d_k * query_std**2 * key_std**2
    return variance, variance / d_k**2
""",
                "内積を d_k で割ったときの分散",
            ),
            "分散を足す": Mistake(
                """def score_variances(d_k, query_std, key_std):
    variance = d_k * (query_std**2 + key_std**2)
    return variance, variance / d_k
""",
                "分散の和ではありません",
            ),
        },
        hidden=hidden_scale,
        equivalent={
            "rng.normal(query_std, 0,": "a product with a constant varies as much",
            "scores -= rng": "the noise is symmetric",
            "return [variance": "a list is numbers, too",
            "rng.normal(key_std, 0,": "a product with a constant varies as much",
            "rng = np.random": "NumPy's own generator draws as well",
            "np.zeros(200000)": "twice the draws are as good",
        },
    ),
    "ch11.causal_mask": Key(
        reference="""import numpy as np

def decoder_mask(padding_mask):
    length = padding_mask.shape[1]
    past = np.tril(np.ones((length, length), bool))
    return past & (padding_mask[:, None, :] == 1)
""",
        explanation="下三角は形が (長さ, 長さ)、パディングは (バッチ, 1, 長さ) です。合わせると (バッチ, 長さ, 長さ) に広がります。",
        alternatives={
            "番号を比べる": """import numpy as np

def decoder_mask(padding_mask):
    place = np.arange(padding_mask.shape[1])
    return (place[None, :] <= place[:, None]) * padding_mask[:, None, :]
""",
            "ループ": """def decoder_mask(padding_mask):
    length = len(padding_mask[0])
    return [
        [[j <= i and bool(row[j]) for j in range(length)] for i in range(length)] for row in padding_mask
    ]
""",
            "keras.ops": """from keras import ops

def decoder_mask(padding_mask):
    mask = ops.cast(padding_mask, "float32")
    length = mask.shape[1]
    return ops.einsum("ij,bj->bij", ops.tril(ops.ones((length, length))), mask)
""",
            "列を 1 つずつ消す": """import numpy as np

def decoder_mask(padding_mask):
    batch, length = padding_mask.shape
    mask = np.ones((batch, length, length), bool)
    for i in range(length):
        mask[:, i, i + 1 :] = False
    for b, j in zip(*np.nonzero(padding_mask == 0)):
        mask[b, :, j] = False
    return mask
""",
        },
        mistakes={
            "上三角": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    length = padding_mask.shape[1]
    return np.triu(np.ones((length, length), bool)) & (padding_mask[:, None, :] == 1)
""",
                "上の三角が True",
            ),
            "パディングだけ": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    return np.repeat(padding_mask[:, None, :] == 1, padding_mask.shape[1], axis=1)
""",
                "未来も見ています",
            ),
            "対角線を除く": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    length = padding_mask.shape[1]
    return np.tril(np.ones((length, length), bool), -1) & (padding_mask[:, None, :] == 1)
""",
                "対角線が False",
            ),
            "三角だけ": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    batch, length = padding_mask.shape
    return np.repeat(np.tril(np.ones((1, length, length), bool)), batch, axis=0)
""",
                "パディングも見ています",
            ),
            "行を隠す": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    length = padding_mask.shape[1]
    return np.tril(np.ones((length, length), bool)) & (padding_mask[:, :, None] == 1)
""",
                "見る側 i) を False",
            ),
            "行も列も隠す": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    length = padding_mask.shape[1]
    real = padding_mask == 1
    return np.tril(np.ones((length, length), bool)) & real[:, None, :] & real[:, :, None]
""",
                "行まで False",
            ),
            "True と False が逆": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    length = padding_mask.shape[1]
    return ~(np.tril(np.ones((length, length), bool)) & (padding_mask[:, None, :] == 1))
""",
                "True は見てよいところ",
            ),
            "1 をパディングと見る": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    length = padding_mask.shape[1]
    return np.tril(np.ones((length, length), bool)) & (padding_mask[:, None, :] == 0)
""",
                "パディングのほうを見て",
            ),
            "または": Mistake(
                """import numpy as np
def decoder_mask(padding_mask):
    length = padding_mask.shape[1]
    past = np.tril(np.ones((length, length), bool))
    return past | (padding_mask[:, None, :] == 1)
""",
                "「または」で合わせて",
            ),
        },
        hidden=hidden_causal_mask,
        equivalent={
            "mask = padding_mask": "Keras converts it",
            "j <= i and row[j] for": "a number is a truth value",
            "ops.cast(padding_mask, 'int32')": "a number is a truth value",
            "for i in range(length - 1):": "the last row has nothing after it",
        },
    ),
    "ch11.heads": Key(
        reference=HEADS,
        explanation="reshape は数の並ぶ順を変えないので、まず d_model の軸だけを 2 つに割り、そのあとで軸を入れ替えます。つなぐときは逆の順です。",
        alternatives={
            "切って重ねる": """import numpy as np

def split_heads(x, heads):
    return np.stack(np.split(x, heads, axis=-1), axis=1)

def merge_heads(x):
    return np.concatenate([x[:, n] for n in range(x.shape[1])], axis=-1)
""",
            "einsum": """import numpy as np

def split_heads(x, heads):
    batch, length, d_model = x.shape
    return np.einsum("blhk->bhlk", x.reshape(batch, length, heads, -1))

def merge_heads(x):
    return np.einsum("bhlk->blhk", x).reshape(x.shape[0], x.shape[2], -1)
""",
            "keras.ops": """from keras import ops

def split_heads(x, heads):
    batch, length, d_model = x.shape
    return ops.transpose(ops.reshape(x, (batch, length, heads, d_model // heads)), (0, 2, 1, 3))

def merge_heads(x):
    batch, heads, length, size = x.shape
    return ops.reshape(ops.swapaxes(x, 1, 2), (batch, length, heads * size))
""",
            "ループ": """import numpy as np

def split_heads(x, heads):
    batch, length, d_model = x.shape
    size = d_model // heads
    split = np.zeros((batch, heads, length, size), x.dtype)
    for column in range(d_model):
        split[:, column // size, :, column % size] = x[:, :, column]
    return split

def merge_heads(x):
    batch, heads, length, size = x.shape
    merged = np.zeros((batch, length, heads * size), x.dtype)
    for head in range(heads):
        merged[:, :, head * size : (head + 1) * size] = x[:, head]
    return merged
""",
        },
        mistakes={
            "reshape だけ": Mistake(
                changed(
                    changed(
                        HEADS,
                        "length, heads, d_model // heads).transpose(0, 2, 1, 3)",
                        "heads, length, d_model // heads)",
                    ),
                    "x.transpose(0, 2, 1, 3).reshape",
                    "x.reshape",
                ),
                "別々の位置の特徴が混ざります",
            ),
            "1 つおきに配る": Mistake(
                changed(
                    changed(
                        HEADS,
                        "heads, d_model // heads).transpose(0, 2, 1, 3)",
                        "d_model // heads, heads).transpose(0, 3, 1, 2)",
                    ),
                    "x.transpose(0, 2, 1, 3)",
                    "x.transpose(0, 2, 3, 1)",
                ),
                "1 つおきに配って",
            ),
            "軸を入れ替えない": Mistake(
                changed(
                    HEADS.replace(".transpose(0, 2, 1, 3)", ""),
                    "batch, heads, length, size",
                    "batch, length, heads, size",
                ),
                "(バッチ, 長さ, ヘッド, …) のままです",
            ),
            "つなぐとき入れ替えない": Mistake(
                changed(HEADS, "x.transpose(0, 2, 1, 3).reshape", "x.reshape"),
                "軸を入れ替えずに reshape",
            ),
            "交互につなぐ": Mistake(
                changed(HEADS, "x.transpose(0, 2, 1, 3)", "x.transpose(0, 2, 3, 1)"),
                "1 つずつ交互に並べて",
            ),
            "足してしまう": Mistake(
                changed(
                    HEADS, "x.transpose(0, 2, 1, 3).reshape(batch, length, heads * size)", "x.sum(axis=1)"
                ),
                "ヘッドを足しています",
            ),
            "2 ヘッドにしか分けない": Mistake(
                """import numpy as np
def split_heads(x, heads):
    half = x.shape[-1] // 2
    return np.stack([x[..., :half], x[..., half:]], axis=1)

def merge_heads(x):
    return np.concatenate([x[:, 0], x[:, 1]], axis=-1)
""",
                "split_heads(x, 1) の形状は",
            ),
        },
        hidden=hidden_heads,
        equivalent={
            "heads, -2))": "NumPy takes any negative size for the one to be found",
            "x.shape[2], -2)": "NumPy takes any negative size for the one to be found",
            "ops.swapaxes(x, 2, 1)": "which axis is named first does not matter",
        },
    ),
    "ch11.positional_encoding": Key(
        reference="""import numpy as np

def positional_encoding(length, d_model, base):
    position = np.arange(length)[:, None]
    i = np.arange(d_model // 2)
    angle = position / base ** (2 * i / d_model)
    pe = np.zeros((length, d_model))
    pe[:, 0::2] = np.sin(angle)
    pe[:, 1::2] = np.cos(angle)
    return pe
""",
        explanation="列 2i と 2i + 1 は、同じ角度の sin と cos です。だから 2 乗して足すと、どの位置でも 1 になります。",
        alternatives={
            "ループ": """import math

def positional_encoding(length, d_model, base):
    rows = []
    for position in range(length):
        row = []
        for i in range(d_model // 2):
            angle = position / base ** (2 * i / d_model)
            row += [math.sin(angle), math.cos(angle)]
        rows.append(row)
    return rows
""",
            "複素数": """import numpy as np

def positional_encoding(length, d_model, base):
    frequency = np.exp(-np.log(base) * np.arange(0, d_model, 2) / d_model)
    z = np.exp(1j * np.outer(np.arange(length), frequency))
    return np.stack([z.imag, z.real], axis=-1).reshape(length, d_model)
""",
            "keras.ops、cos を sin の位相で": """import numpy as np
from keras import ops

def positional_encoding(length, d_model, base):
    column = np.arange(d_model)
    frequency = base ** -(2 * (column // 2) / d_model)
    phase = np.where(column % 2, np.pi / 2, 0.0)
    angle = np.arange(length)[:, None] * frequency + phase
    return ops.sin(ops.convert_to_tensor(angle, "float64"))
""",
        },
        mistakes={
            "前半が sin、後半が cos": Mistake(
                """import numpy as np
def positional_encoding(length, d_model, base):
    angle = np.arange(length)[:, None] / base ** (2 * np.arange(d_model // 2) / d_model)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
""",
                "前半に sin、後半に cos",
            ),
            "sin と cos が逆": Mistake(
                """import numpy as np
def positional_encoding(length, d_model, base):
    angle = np.arange(length)[:, None] / base ** (2 * np.arange(d_model // 2) / d_model)
    return np.stack([np.cos(angle), np.sin(angle)], -1).reshape(length, d_model)
""",
                "sin と cos が逆です",
            ),
            "列の番号を i にする": Mistake(
                """import numpy as np
def positional_encoding(length, d_model, base):
    column = np.arange(d_model)
    angle = np.arange(length)[:, None] / base ** (2 * column / d_model)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle))
""",
                "列の番号をそのまま i",
            ),
            "列ごとに別の周期": Mistake(
                """import numpy as np
def positional_encoding(length, d_model, base):
    column = np.arange(d_model)
    angle = np.arange(length)[:, None] / base ** (column / d_model)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle))
""",
                "左隣の列と違って",
            ),
            "指数が i / d": Mistake(
                """import numpy as np
def positional_encoding(length, d_model, base):
    angle = np.arange(length)[:, None] / base ** (np.arange(d_model // 2) / d_model)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, d_model)
""",
                "指数が i / d になって",
            ),
            "位置が 1 から": Mistake(
                """import numpy as np
def positional_encoding(length, d_model, base):
    angle = np.arange(1, length + 1)[:, None] / base ** (2 * np.arange(d_model // 2) / d_model)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, d_model)
""",
                "位置が 1 から始まって",
            ),
            "行と列が逆": Mistake(
                """import numpy as np
def positional_encoding(length, d_model, base):
    angle = np.arange(length)[:, None] / base ** (2 * np.arange(d_model // 2) / d_model)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, d_model).T
""",
                "行と列が逆です",
            ),
            "base を使わない": Mistake(
                """import numpy as np
def positional_encoding(length, d_model, base=10000):
    angle = np.arange(length)[:, None] / 10000 ** (2 * np.arange(d_model // 2) / d_model)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, d_model)
""",
                "いつも 10000 で計算",
            ),
        },
        hidden=hidden_positional_encoding,
        equivalent={"d_model - 1, 2)": "d_model is even"},
    ),
    "ch11.rotation": Key(
        reference=ROTATION,
        explanation="行列は k だけで決まり、pos を含みません。「k だけ先」を、どの位置からも同じ線形変換で表せるということです。",
        alternatives={
            "対角とその隣": """import numpy as np

def rotation_matrix(k, d_model):
    angle = np.repeat(k * 10000.0 ** -(np.arange(0, d_model, 2) / d_model), 2)
    beside = np.where(np.arange(d_model) % 2 == 0, np.sin(angle), 0)[:-1]
    return np.diag(np.cos(angle)) + np.diag(beside, 1) - np.diag(beside, -1)
""",
            "scipy の行列指数関数": """import numpy as np
from scipy.linalg import block_diag, expm

def rotation_matrix(k, d_model):
    turns = [10000 ** (-2 * i / d_model) * np.array([[0, 1], [-1, 0]]) for i in range(d_model // 2)]
    return expm(k * block_diag(*turns))
""",
            "最小二乗法で求める": """import numpy as np

def rotation_matrix(k, d_model):
    def pe(position):
        angle = position[:, None] / 10000 ** (2 * np.arange(d_model // 2) / d_model)
        return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(len(position), d_model)

    position = np.arange(0, 40000, 7)
    solution, *_ = np.linalg.lstsq(pe(position), pe(position + k), rcond=None)
    return solution.T
""",
            "複素数、keras.ops": """import numpy as np
from keras import ops

def rotation_matrix(k, d_model):
    z = np.exp(1j * k / 10000 ** (2 * np.arange(d_model // 2) / d_model))
    blocks = np.array([[z.real, z.imag], [-z.imag, z.real]])
    return ops.reshape(ops.einsum("abi,ij->iajb", blocks, np.eye(d_model // 2)), (d_model, d_model))
""",
        },
        mistakes={
            "逆向き": Mistake(
                changed(ROTATION, "[[cos, sin], [-sin, cos]]", "[[cos, -sin], [sin, cos]]"),
                "逆向きの回転",
            ),
            "どの組も同じ角度": Mistake(
                """import numpy as np
def rotation_matrix(k, d_model):
    turn = [[np.cos(k), np.sin(k)], [-np.sin(k), np.cos(k)]]
    return np.kron(np.eye(d_model // 2), turn)
""",
                "どの組も同じ角度",
            ),
            "前半と後半の組": Mistake(
                """import numpy as np
def rotation_matrix(k, d_model):
    a = k / 10000 ** (2 * np.arange(d_model // 2) / d_model)
    cos, sin = np.diag(np.cos(a)), np.diag(np.sin(a))
    return np.block([[cos, sin], [-sin, cos]])
""",
                "前半と後半の列を組に",
            ),
            "マイナスがない": Mistake(
                changed(ROTATION, "[-sin, cos]", "[sin, cos]"),
                "符号が違います",
            ),
            "指数が i / d": Mistake(
                changed(ROTATION, "2 * i / d_model", "i / d_model"),
                "角度の指数が違います",
            ),
            "角度が度": Mistake(
                changed(
                    ROTATION, "k / 10000 ** (2 * i / d_model)", "np.radians(k / 10000 ** (2 * i / d_model))"
                ),
                "角度を度として",
            ),
            "k の符号を捨てる": Mistake(
                changed(ROTATION, "k / 10000", "abs(k) / 10000"),
                "k が負のときに",
            ),
            "指数が i / 2": Mistake(
                changed(ROTATION, "(2 * i / d_model)", "(i / 2)"),
                "d_model が 4 のときにしか",
            ),
        },
        hidden=hidden_rotation,
        equivalent={
            "d_model - 1, 2)": "d_model is even",
            "pe(position + k))": "the default cuts off no more than rounding errors",
            "np.arange(0, 80000": "more places than enough",
            "np.arange(0, 40000, 8)": "more places than enough",
        },
    ),
    "ch11.shift": Key(
        reference=SHIFT,
        explanation="同じ位置の入力と目標は、1 つずれています。因果マスクと合わせると、1 回の計算ですべての位置の「次の id」を学べます。",
        alternatives={
            "リスト": """def teacher_forcing(rows, length, start_id, end_id, pad_id):
    def fill(row, value):
        return list(row) + [value] * (length - len(row))

    inputs = [fill([start_id] + list(row), pad_id) for row in rows]
    targets = [fill(list(row) + [end_id], pad_id) for row in rows]
    return inputs, targets, [fill([True] * (len(row) + 1), False) for row in rows]
""",
            "keras の pad_sequences": """import keras
import numpy as np

def teacher_forcing(rows, length, start_id, end_id, pad_id):
    pad = lambda rows, value: keras.utils.pad_sequences(rows, length, padding="post", value=value)
    return (
        pad([[start_id, *row] for row in rows], pad_id),
        pad([[*row, end_id] for row in rows], pad_id),
        pad([[1] * (len(row) + 1) for row in rows], 0),
    )
""",
            "1 本にしてから切る": """import numpy as np

def teacher_forcing(rows, length, start_id, end_id, pad_id):
    whole = np.full((len(rows), length + 1), pad_id)
    for n, row in enumerate(rows):
        whole[n, : len(row) + 2] = [start_id, *row, end_id]
    weights = np.arange(length) <= np.array([[len(row)] for row in rows])
    return whole[:, :-1], whole[:, 1:], weights
""",
            "1 列ずつ": """import numpy as np

def teacher_forcing(rows, length, start_id, end_id, pad_id):
    sizes = np.array([len(row) for row in rows])[:, None]
    place = np.arange(length)
    body = np.array([[row[j] if j < len(row) else pad_id for j in range(length)] for row in rows])
    targets = np.where(place == sizes, end_id, body)
    inputs = np.concatenate([np.full((len(rows), 1), start_id), body[:, :-1]], axis=1)
    return inputs, targets, (place <= sizes).astype("float32")
""",
        },
        mistakes={
            "順が逆": Mistake(
                changed(SHIFT, "return inputs, targets", "return targets, inputs"),
                "逆の順で返って",
            ),
            "ずらさない": Mistake(
                changed(SHIFT, "return inputs, targets", "return targets, targets"),
                "答えを写すだけ",
            ),
            "start を忘れる": Mistake(
                changed(SHIFT, "inputs[n, :size] = [start_id, *row]", "inputs[n, : size - 1] = row"),
                "start_id で始まっていません",
            ),
            "目標に start を入れる": Mistake(
                changed(
                    SHIFT,
                    "targets[n, :size] = [*row, end_id]",
                    "targets[n, : size + 1] = [start_id, *row, end_id][:length]",
                ),
                "目標に start_id が入って",
            ),
            "end を忘れる": Mistake(
                changed(SHIFT, "targets[n, :size] = [*row, end_id]", "targets[n, : size - 1] = row"),
                "目標に end_id がありません",
            ),
            "左を埋める": Mistake(
                SHIFT.replace(":size]", "-size:]"),
                "パディングが左側",
            ),
            "重みがすべて 1": Mistake(
                changed(SHIFT, "np.zeros", "np.ones"),
                "パディングの重みも 1",
            ),
            "end を数えない": Mistake(
                changed(SHIFT, "weights[n, :size]", "weights[n, : size - 1]"),
                "end_id の重みが 0",
            ),
            "重みを pad_id から決める": Mistake(
                changed(
                    SHIFT, "return inputs, targets, weights", "return inputs, targets, targets != pad_id"
                ),
                "その重みが 0 になります",
            ),
            "重みを入力から決める": Mistake(
                changed(SHIFT, "return inputs, targets, weights", "return inputs, targets, inputs != pad_id"),
                "入力が pad_id かどうか",
            ),
        },
        hidden=hidden_shift,
        equivalent={"return inputs, targets, (place <= sizes)": "a truth value is a number"},
    ),
    "ch11.beam_search": Key(
        reference=BEAM_SEARCH,
        explanation="貪欲法は 1 歩先しか見ないので、はじめに少しだけ有利な語を選んで損をすることがあります。width 個の候補を残しておくと、あとから逆転できます。",
        alternatives={
            "heapq、終わった候補が先頭なら止める": """import heapq

def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    beam = [(0.0, (start_id,))]
    for _ in range(max_length):
        if beam[0][1][-1] == end_id and len(beam[0][1]) > 1:
            break
        candidates = [(cost, ids) for cost, ids in beam if ids[-1] == end_id]
        for cost, ids in beam:
            if ids[-1] != end_id:
                scores = next_log_probabilities(list(ids))
                candidates.extend((cost - s, (*ids, n)) for n, s in enumerate(scores))
        beam = heapq.nsmallest(width, candidates)
    cost, ids = beam[0]
    return ids[1:], -cost
""",
            "再帰": """def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    def ended(ids):
        return len(ids) > 1 and ids[-1] == end_id

    def grow(beam, left):
        if left == 0 or all(ended(ids) for ids, _ in beam):
            return beam[0]
        candidates = []
        for ids, score in beam:
            if ended(ids):
                candidates += [(ids, score)]
            else:
                steps = next_log_probabilities(ids)
                candidates += [(ids + [n], score + float(step)) for n, step in enumerate(steps)]
        candidates.sort(key=lambda c: (-c[1], c[0]))
        return grow(candidates[:width], left - 1)

    ids, score = grow([([start_id], 0.0)], max_length)
    return ids[1:], score
""",
            "表にまとめて argsort": """import numpy as np

def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    rows, scores = [[start_id]], np.zeros(1)
    for _ in range(max_length):
        table = []
        for row, score in zip(rows, scores):
            if row[-1] == end_id:
                log_p = np.full(len(next_log_probabilities([start_id])), -np.inf)
                log_p[end_id] = 0.0
            else:
                log_p = next_log_probabilities(np.array(row))
            table.append(score + log_p)
        table = np.array(table)
        best = np.argsort(-table, axis=None, kind="stable")[:width]
        best = sorted(place for place in best if np.isfinite(table.flat[place]))
        parents, words = np.unravel_index(best, table.shape)
        scores = table[parents, words]
        rows = [
            rows[p] if rows[p][-1] == end_id else rows[p] + [int(w)] for p, w in zip(parents, words)
        ]
    best = np.argmax(scores)
    return np.array(rows[best][1:]), scores[best]
""",
            "終わった候補を別に取っておく": """def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    going, done = [(0.0, [start_id])], []
    for _ in range(max_length):
        grown = []
        for score, ids in going:
            for n, step in enumerate(next_log_probabilities(ids)):
                grown.append((score + step, ids + [n]))
        grown.sort(key=lambda c: (-c[0], c[1]))
        done += [c for c in grown[:width] if c[1][-1] == end_id]
        going = [c for c in grown if c[1][-1] != end_id][:width]
    score, ids = min(going + done, key=lambda c: (-c[0], c[1]))
    return ids[1:], score
""",
        },
        mistakes={
            "貪欲法": Mistake(
                """import numpy as np
def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    ids, score = [start_id], 0.0
    for _ in range(max_length):
        log_p = next_log_probabilities(ids)
        ids.append(int(np.argmax(log_p)))
        score += log_p.max()
        if ids[-1] == end_id:
            break
    return ids[1:], score
""",
                "貪欲法と同じ結果",
            ),
            "start も返す": Mistake(
                changed(BEAM_SEARCH, "ids[1:], score", "ids, score"),
                "返す id に start_id が",
            ),
            "end を捨てる": Mistake(
                changed(
                    BEAM_SEARCH, "return ids[1:], score", "return [n for n in ids[1:] if n != end_id], score"
                ),
                "返す id に end_id がありません",
            ),
            "長さで割る": Mistake(
                changed(
                    changed(
                        BEAM_SEARCH,
                        "(-candidate[0], candidate[1])",
                        "(-candidate[0] / (len(candidate[1]) - 1), candidate[1])",
                    ),
                    "ids[1:], score",
                    "ids[1:], score / (len(ids) - 1)",
                ),
                "得点を長さで割って",
            ),
            "確率を足す": Mistake(
                """import numpy as np
def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    beam = [(0.0, 0.0, [start_id])]
    for _ in range(max_length):
        candidates = []
        for total, score, ids in beam:
            if ids[-1] == end_id:
                candidates.append((total, score, ids))
            else:
                for n, s in enumerate(next_log_probabilities(ids)):
                    candidates.append((total + np.exp(s), score + s, ids + [n]))
        beam = sorted(candidates, key=lambda c: (-c[0], c[2]))[:width]
    return beam[0][2][1:], beam[0][1]
""",
                "確率を足しています",
            ),
            "確率を返す": Mistake(
                changed(BEAM_SEARCH, "return ids[1:], score", "return ids[1:], 2.718281828 ** score"),
                "得点が確率になって",
            ),
            "終わっても伸ばす": Mistake(
                changed(
                    BEAM_SEARCH,
                    "            if ids[-1] == end_id:\n                candidates.append((score, ids))\n                continue\n",
                    "",
                ),
                "終わった候補も伸ばして",
            ),
            "終わった候補が同点で負ける": Mistake(
                """def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    going, done = [(0.0, [start_id])], []
    for _ in range(max_length):
        grown = []
        for score, ids in going:
            for n, step in enumerate(next_log_probabilities(ids)):
                grown.append((score + step, ids + [n]))
        grown.sort(key=lambda c: (-c[0], c[1]))
        done += [c for c in grown[:width] if c[1][-1] == end_id]
        going = [c for c in grown if c[1][-1] != end_id][:width]
    score, ids = max(going + done, key=lambda c: c[0])
    return ids[1:], score
""",
                "続いているほうを選んで",
            ),
            "最初に終わった候補": Mistake(
                changed(
                    BEAM_SEARCH,
                    "        if all(ids[-1] == end_id for _, ids in beam):\n            break\n",
                    "        for score, ids in beam:\n            if ids[-1] == end_id:\n                return ids[1:], score\n",
                ),
                "最初に終わった候補で止めて",
            ),
            "最後の id だけを渡す": Mistake(
                changed(BEAM_SEARCH, "next_log_probabilities(ids)", "next_log_probabilities(ids[-1:])"),
                "最後の id だけを渡して",
            ),
            "親ごとに残す": Mistake(
                """def beam_search(next_log_probabilities, start_id, end_id, width, max_length):
    beam = [(0.0, [start_id])]
    for _ in range(max_length):
        candidates = []
        for score, ids in beam:
            if ids[-1] == end_id:
                candidates.append((score, ids))
            else:
                grown = [(score + s, ids + [n]) for n, s in enumerate(next_log_probabilities(ids))]
                candidates += sorted(grown, key=lambda c: (-c[0], c[1]))[:width]
        beam = candidates
    score, ids = min(beam, key=lambda c: (-c[0], c[1]))
    return ids[1:], score
""",
                "親の候補ごとに",
            ),
            "1 歩早い": Mistake(
                changed(BEAM_SEARCH, "range(max_length)", "range(max(1, max_length - 1))"),
                "1 歩早く止めて",
            ),
            "1 歩長い": Mistake(
                changed(BEAM_SEARCH, "range(max_length)", "range(max_length + 1)"),
                "1 歩長く続けて",
            ),
            "同点なら親の順": Mistake(
                changed(BEAM_SEARCH, "(-candidate[0], candidate[1])", "-candidate[0]"),
                "伸ばす前の得点が高かったほう",
            ),
            "同点なら後ろ": Mistake(
                changed(BEAM_SEARCH, "key=lambda candidate: (-candidate[0], candidate[1])", "reverse=True"),
                "同点のときは",
            ),
        },
        hidden=hidden_beam_search,
        equivalent={
            "ids[-0] ==": "going on changes nothing when every row has ended",
            "len(beam[0][1]) <= 1": "going on changes nothing when the best row has ended",
            "len(beam[0][1]) > 2": "going on changes nothing when the best row has ended",
            "len(ids) >= 1 and": "start and end differ",
            "next_log_probabilities(row)": "a list of ids is what it takes",
            "np.zeros(2)": "the second score is never read",
            "log_p[1] = 0.0": "any one place keeps a row that has ended",
            "next_log_probabilities([1])": "only the length is read",
            "c[1][-2] != end_id": "what goes on after its end never overtakes it",
            "c[1][1] != end_id": "what goes on after its end never overtakes it",
            "if all(ids[1] ==": "going on changes nothing when every row has ended",
            "len(beam[0][1]) >= 1": "a row of the start alone has not ended",
            "return rows[best][1:]": "a list is numbers, too",
        },
    ),
    "ch11.transformer_block": Key(
        results_used_up=True,
        reference=BLOCK,
        explanation="位置の情報がないと、並べ替えた入力には並べ替えた出力が返ります。順序は、入力に足す位置符号だけが伝えます。",
        alternatives={
            "全結合層から組み立てる": OWN_BLOCK,
            "Model を継承する": """import keras
from keras import layers

class Block(keras.Model):
    def __init__(self, d_model, heads, d_ff):
        super().__init__()
        self.attention = layers.MultiHeadAttention(heads, d_model // heads)
        self.inner = layers.Dense(d_ff, activation="relu")
        self.outer = layers.Dense(d_model)
        self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]

    def call(self, inputs):
        x, padding_mask = inputs
        seen = keras.ops.cast(padding_mask, "bool")[:, None, :]
        x = self.norms[0](x + self.attention(x, x, x, attention_mask=seen))
        return self.norms[1](x + self.outer(self.inner(x)))

def encoder_block(d_model, heads, d_ff):
    return Block(d_model, heads, d_ff)
""",
            "ヘッドごとの全結合層": """import keras
from keras import layers, ops

class Head(layers.Layer):
    def __init__(self, size):
        super().__init__()
        self.query, self.key, self.value = (layers.Dense(size) for _ in range(3))
        self.size = size

    def build(self, x_shape, padding_mask_shape):
        for dense in (self.value, self.key, self.query):
            dense.build(x_shape)

    def call(self, x, padding_mask):
        scores = ops.matmul(self.query(x), ops.swapaxes(self.key(x), 1, 2)) / self.size**0.5
        weights = ops.softmax(scores + 1e9 * (ops.cast(padding_mask, "float32")[:, None] - 1))
        return ops.matmul(weights, self.value(x))

def encoder_block(d_model, heads, d_ff):
    x, mask = keras.Input((None, d_model)), keras.Input((None,))
    seen = layers.Concatenate()([Head(d_model // heads)(x, mask) for _ in range(heads)])
    u = layers.LayerNormalization()(x + layers.Dense(d_model)(seen))
    forward = layers.Dense(d_model)(layers.Dense(d_ff, "relu")(u))
    return keras.Model([x, mask], layers.LayerNormalization()(u + forward))
""",
            "幅 1 の畳み込み、真偽値のマスク": """import keras
from keras import layers, ops

def encoder_block(d_model, heads, d_ff):
    x = keras.Input((None, d_model), name="x")
    mask = keras.Input((None,), dtype="bool", name="padding_mask")
    pairs = ops.logical_and(mask[:, :, None] | True, mask[:, None, :])
    y = layers.MultiHeadAttention(heads, d_model // heads, dropout=0.0)(query=x, value=x, attention_mask=pairs)
    y = layers.LayerNormalization(epsilon=1e-5)(layers.add([x, y]))
    z = layers.Conv1D(d_ff, 1, activation="relu")(y)
    z = layers.Conv1D(d_model, 1)(z)
    return keras.Model([x, mask], layers.LayerNormalization(epsilon=1e-5)(layers.add([y, z])))
""",
        },
        mistakes={
            "ヘッドの次元が d_model": Mistake(
                changed(BLOCK, "d_model // heads", "d_model"),
                "ヘッドの次元が d_model のまま",
            ),
            "LayerNorm が 1 つ": Mistake(
                changed(BLOCK, "layers.LayerNormalization()(x + attended)", "x + attended"),
                "LayerNorm が 1 つ足りません",
            ),
            "バイアスがない": Mistake(
                changed(BLOCK, "d_model // heads)", "d_model // heads, use_bias=False)"),
                "バイアスが足りません",
            ),
            "残差の和がない": Mistake(
                changed(changed(BLOCK, "x + attended", "attended"), "x + forward", "forward"),
                "残差の和 (x + …) が抜けて",
            ),
            "先に LayerNorm (pre-norm)": Mistake(
                """import keras
from keras import layers
def encoder_block(d_model, heads, d_ff):
    x = keras.Input((None, d_model))
    mask = keras.Input((None,), dtype="int32")
    normed = layers.LayerNormalization()(x)
    u = x + layers.MultiHeadAttention(heads, d_model // heads)(
        normed, normed, attention_mask=mask[:, None, :]
    )
    y = layers.Dense(d_ff, activation="relu")(layers.LayerNormalization()(u))
    return keras.Model([x, mask], u + layers.Dense(d_model)(y))
""",
                "残差を足したあとに掛けます",
            ),
            "ReLU がない": Mistake(
                changed(BLOCK, ', activation="relu"', ""),
                "活性化関数がありません",
            ),
            "ReLU が 2 つ": Mistake(
                changed(BLOCK, "layers.Dense(d_model)", 'layers.Dense(d_model, activation="relu")'),
                "2 つ目の Dense にも ReLU",
            ),
            "GELU": Mistake(
                changed(BLOCK, "relu", "gelu"),
                "活性化関数が GELU",
            ),
            "dropout を入れる": Mistake(
                changed(
                    changed(BLOCK, "d_model // heads)", "d_model // heads, dropout=0.2)"),
                    "x + forward",
                    "x + layers.Dropout(0.2)(forward)",
                ),
                "dropout を入れません",
            ),
            "マスクを使わない": Mistake(
                changed(BLOCK, ", attention_mask=padding_mask[:, None, :]", ""),
                "パディングの位置の x を変えたら",
            ),
            "因果マスクを掛ける": Mistake(
                changed(BLOCK, "padding_mask[:, None, :]", "padding_mask[:, None, :], use_causal_mask=True"),
                "エンコーダは、前も後ろも見ます",
            ),
            "位置符号を足す": Mistake(
                changed(
                    BLOCK,
                    "x = inputs\n",
                    "x = inputs + keras.ops.sin(keras.ops.cumsum(keras.ops.ones_like(inputs), axis=1))\n",
                ),
                "このブロックには位置符号を入れず",
            ),
            "凍結したまま": Mistake(
                changed(
                    BLOCK,
                    "return keras.Model([inputs, padding_mask], x)",
                    "model = keras.Model([inputs, padding_mask], x)\n    model.trainable = False\n    return model",
                ),
                "学習できない重みが",
            ),
            "ヘッドの数と次元が逆": Mistake(
                changed(BLOCK, "(heads, d_model // heads)", "(d_model // heads, heads)"),
                "ヘッドの数と、1 つのヘッドの次元が逆",
            ),
            "注意に x を 2 回足す": Mistake(
                changed(BLOCK, "x + attended", "x + x + attended"),
                "注意の残差の和で、x を 2 回",
            ),
            "Feed Forward に x を 2 回足す": Mistake(
                changed(BLOCK, "x + forward", "x + x + forward"),
                "もとの値を 2 回",
            ),
            "key に query の層を使う": Mistake(
                changed(
                    OWN_BLOCK,
                    "self.projections[:3])",
                    "[self.projections[0], self.projections[0], self.projections[2]])",
                ),
                "変えても出力が変わらないもの",
            ),
            "重みをヘッドで平均する": Mistake(
                changed(
                    OWN_BLOCK,
                    "scores, -1e9))",
                    "scores, -1e9))\n        weights = ops.mean(weights, axis=1, keepdims=True)",
                ),
                "ヘッドがどれも同じところ",
            ),
            "√d_model で割る": Mistake(
                changed(OWN_BLOCK, "self.size**0.5", "(self.size * self.heads) ** 0.5"),
                "注意の重みをそろえて比べた出力",
            ),
            "勾配を止める": Mistake(
                changed(BLOCK, "(x + attended)", "(keras.ops.stop_gradient(x + attended))"),
                "印の付いた位置の種類を当てられません",
            ),
            "√d_k で割らない": Mistake(
                changed(OWN_BLOCK, " / self.size**0.5", ""),
                "√(d_model / heads) で割って",
            ),
            "ヘッドに分けない": Mistake(
                changed(OWN_BLOCK, "heads, d_model // heads\n", "1, d_model\n"),
                "1 つの大きな注意",
            ),
            "ヘッドどうしで注意する": Mistake(
                changed(
                    changed(
                        changed(
                            OWN_BLOCK,
                            "ops.transpose(ops.reshape(y, (-1, length, self.heads, self.size)), (0, 2, 1, 3))",
                            "ops.reshape(y, (-1, length, self.heads, self.size))",
                        ),
                        "[:, None, None, :]",
                        "[:, :, None, None]",
                    ),
                    "ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))",
                    "ops.matmul(weights, value)",
                ),
                "ほかの位置の x を変えても",
            ),
            "バッチの軸で softmax": Mistake(
                changed(OWN_BLOCK, "scores, -1e9))", "scores, -1e9), axis=0)"),
                "例どうしは混ぜません",
            ),
            "Feed Forward に元の x を渡す": Mistake(
                changed(BLOCK, 'activation="relu")(x)', 'activation="relu")(inputs)'),
                "LN(u + Feed Forward(u)) と違います",
            ),
        },
        hidden=hidden_transformer_block,
        equivalent={
            "layers.LayerNormalization()(u": "the text leaves epsilon to Keras",
            "x_shape": "a layer builds its weights when it is called",
            "ops.swapaxes(self.key(x), 2, 1)": "which axis is named first does not matter",
            "(padding_mask[:, None] - 1)": "Keras converts it",
            'keras.Input((None,), dtype="bool")': "inputs may have any name",
            "d_model // heads)(query": "no dropout is the default",
            "logical_and(mask[:, None, :], mask": "and is symmetric",
            "epsilon=2e-05": "the text leaves epsilon to Keras",
        },
    ),
}
