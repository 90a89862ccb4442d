"""Chapter 12: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grader.compare import expect_close, expect_shape
from grader.exercise import Answer, Key, Mistake, changed

from .exercises import (
    ADDS_DISTANCE,
    BLIND_TO_ITSELF,
    COUNTS_IGNORED,
    CUTS_FRONT,
    CUTS_SECOND,
    CUTS_TAIL,
    DISTANCE_FIRST,
    DIVIDES_BY_ALL,
    DIVIDES_BY_DIM,
    DROPS_REST,
    FORGETS_MARK,
    INVERTED_MASK,
    LOSS_ITSELF,
    MASKS_ROWS,
    MATRIX_TWICE,
    MEAN_OF_PERPLEXITIES,
    MEAN_OF_ROWS,
    NO_BIASES,
    NO_DISTANCE,
    NO_GAMMA,
    NO_HEAD,
    NO_NORMALISATION,
    NO_OUTPUT_BIAS,
    NO_OUTPUT_PROJECTION,
    NO_PADDING,
    NO_POSITION,
    NO_POSITIONS,
    NO_ROOT,
    NO_SCALE,
    NO_SEGMENT,
    NOT_RENORMALISED,
    ONE_DENSE_SHORT,
    ONE_NORM,
    PADDING_IN_SEGMENT,
    SEES_FUTURE,
    SEES_PADDING,
    SIGNED_DISTANCE,
    SOFTMAX_OVER_QUERIES,
    SUBTRACTS_MEAN,
    SUMS_SQUARES,
    TAKES_SHORTEST,
    TWO_ROWS_SHORT,
    UNKNOWN_REST,
    WRONG_AXIS,
    ZEROED_OVER_QUERIES,
    ZEROED_SCORES,
    Array,
    call_attention,
    causal_masks,
    check_attention_properties,
    check_causal_at,
    check_classifier_at,
    check_context,
    check_drawing,
    check_embeddings_at,
    check_mask_tokens_at,
    check_perplexity_at,
    draw_attention,
    draw_causal,
    expect_encoded,
    expect_parameters,
    expect_pieces,
)


def cut(
    word: str, vocabulary: Sequence[str], *, mark: str = "##", shortest: bool = False, stuck: str = "word"
) -> list[str]:
    """Cuts a word; ``stuck`` says what is unknown where nothing fits: the word, the rest, or nothing."""
    pieces: list[str] = []
    start = 0
    while start < len(word):
        ends = range(start + 1, len(word) + 1)
        before = mark if start else ""
        fitting = [end for end in ends if before + word[start:end] in vocabulary]
        if fitting:
            end = min(fitting) if shortest else max(fitting)
            pieces.append(before + word[start:end])
        elif stuck == "word":
            return ["[UNK]"]
        elif stuck == "rest":
            return [*pieces, "[UNK]"]
        else:
            end = start + 1
        start = end
    return pieces


def hidden_wordpiece(answer: Answer) -> None:
    letters = list("かきくけこさ")
    for _ in range(12):
        drawn = {"".join(answer.rng.choice(letters, n)) for n in (1, 1, 1, 1, 2, 2, 3, 3, 4)}
        marked = {"##" + "".join(answer.rng.choice(letters, n)) for n in (1, 1, 1, 1, 1, 2, 2, 2, 3, 3)}
        vocabulary = ["[PAD]", "[UNK]", *sorted(drawn), *sorted(marked)]
        whole = answer.rng.choice(sorted(marked), 3)
        word = str(answer.rng.choice(sorted(drawn))) + "".join(piece.removeprefix("##") for piece in whole)
        for text in (word, word + "龍"):
            known = {
                TAKES_SHORTEST: cut(text, vocabulary, shortest=True),
                UNKNOWN_REST: cut(text, vocabulary, stuck="rest"),
                DROPS_REST: cut(text, vocabulary, stuck="skip"),
                FORGETS_MARK: cut(text, vocabulary, mark=""),
            }
            expect_pieces(answer, text, vocabulary, cut(text, vocabulary), known)


def normalise(x: Array, axis: int = -1, power: float = 0.5) -> Array:
    """At power 0.5, a mean square of 1."""
    return np.asarray(x / ((x**2).mean(axis=axis, keepdims=True) + 1e-12) ** power)


def hidden_embeddings(answer: Answer) -> None:
    batch, length, dim = 3, 6, 10
    draw = answer.rng.normal
    case = {
        "token_ids": answer.rng.integers(0, 15, (batch, length)),
        "segment_ids": answer.rng.integers(0, 2, (batch, length)),
        "token_table": draw(0, 2, (15, dim)),
        "position_table": draw(0, 2, (9, dim)),
        "segment_table": draw(0, 2, (2, dim)),
        "gamma": draw(1, 0.5, dim),
    }
    tokens, segments = case["token_table"][case["token_ids"]], case["segment_table"][case["segment_ids"]]
    positions = case["position_table"][:length]
    gamma = case["gamma"]
    total = tokens + positions + segments
    check_embeddings_at(
        answer,
        {name: array.astype("float32") if array.dtype.kind == "f" else array for name, array in case.items()},
        normalise(total) * gamma,
        {
            NO_NORMALISATION: total,
            NO_GAMMA: normalise(total),
            NO_POSITION: normalise(tokens + segments) * gamma,
            NO_SEGMENT: normalise(tokens + positions) * gamma,
            WRONG_AXIS: normalise(total, axis=1) * gamma,
            NO_ROOT: normalise(total, power=1) * gamma,
            SUBTRACTS_MEAN: normalise(total - total.mean(axis=-1, keepdims=True)) * gamma,
            SUMS_SQUARES: normalise(total) / np.sqrt(dim) * gamma,
        },
    )


def softmax(scores: Array, axis: int = -1) -> Array:
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def hidden_attention(answer: Answer) -> None:
    for batch, length, dim in ((2, 4, 3), (4, 7, 9), (1, 1, 2)):
        query, key, value, mask = draw_attention(answer.rng, batch, length, dim)
        slope = float(answer.rng.uniform(0.2, 0.8))
        output, weights = call_attention(answer, (query, key, value, mask, slope))
        seen = mask[:, None, :]
        ahead = np.arange(length)[:, None] - np.arange(length)
        products, away = (query @ key.transpose(0, 2, 1)).astype("float64"), slope * np.abs(ahead)
        scores = products / np.sqrt(dim) - away

        def masked(scores: Array, seen: Array = seen) -> Array:
            return softmax(np.where(seen, scores, -1e9))

        known = {
            NO_SCALE: masked(products - away),
            DIVIDES_BY_DIM: masked(products / dim - away),
            NO_DISTANCE: masked(scores + away),
            ADDS_DISTANCE: masked(scores + 2 * away),
            SIGNED_DISTANCE: masked(products / np.sqrt(dim) - slope * ahead),
            DISTANCE_FIRST: masked((products - away) / np.sqrt(dim)),
            NO_PADDING: softmax(scores),
            ZEROED_SCORES: softmax(scores * seen),
            NOT_RENORMALISED: softmax(scores) * seen,
            SOFTMAX_OVER_QUERIES: softmax(np.where(seen, scores, -1e9), axis=1),
            ZEROED_OVER_QUERIES: softmax(scores, axis=1) * seen,
            INVERTED_MASK: softmax(np.where(seen, -1e9, scores)),
            MASKS_ROWS: masked(scores, seen * mask[:, :, None]),
        }
        right = masked(scores)
        expect_close(weights, right, "重み", rtol=1e-3, atol=1e-4, known=known)
        expect_close(output, right @ value, "出力", rtol=1e-3, atol=1e-3)
    check_attention_properties(answer, batch=4, length=6, dim=5)


def hidden_parameters(answer: Answer) -> None:
    for _ in range(4):
        size, layers, hidden, inner, length = (
            int(answer.rng.integers(low, high))
            for low, high in ((50, 9000), (1, 13), (4, 300), (8, 900), (16, 400))
        )
        dense = hidden * hidden + hidden
        layer = 4 * dense + 4 * hidden + (hidden * inner + inner) + (inner * hidden + hidden)
        head = dense + 2 * hidden + size
        right = (size + length + 2) * hidden + 2 * hidden + layers * layer + dense + head
        expect_parameters(
            answer,
            (size, layers, hidden, inner, length),
            right,
            {
                NO_BIASES: right - layers * (5 * hidden + inner) - 2 * hidden,
                ONE_DENSE_SHORT: right - dense,
                NO_HEAD: right - head,
                MATRIX_TWICE: right + size * hidden,
                NO_OUTPUT_BIAS: right - size,
                TWO_ROWS_SHORT: right - 2 * hidden,
                ONE_NORM: right - 2 * hidden * layers,
                NO_OUTPUT_PROJECTION: right - layers * dense,
                NO_POSITIONS: right - length * hidden,
            },
        )


def hidden_mask_tokens(answer: Answer) -> None:
    check_mask_tokens_at(answer, (40, 1300), size=1100, mask_id=1, special_ids=[1098, 5, 0])


def encoded(
    first: list[int], second: list[int], length: int, special: tuple[int, int, int]
) -> dict[str, list[int]]:
    """The three rows of a pair that fits."""
    cls, sep, pad = special
    ids = [cls, *first, sep, *second, sep]
    rest = length - len(ids)
    return {
        "token_ids": ids + [pad] * rest,
        "segment_ids": [0] * (len(first) + 2) + [1] * (len(second) + 1) + [0] * rest,
        "padding_mask": [1] * len(ids) + [0] * rest,
    }


def shortened(sizes: tuple[int, int], room: int) -> tuple[int, int]:
    """Sizes after the longer one has lost its end, again and again; ``room`` is even, so ties do not matter."""
    first, second = sizes
    while first + second > room:
        first, second = (first - 1, second) if first >= second else (first, second - 1)
    return first, second


def hidden_pair(answer: Answer) -> None:
    for sizes, length in (
        ((3, 4), 15),
        ((9, 9), 13),
        ((12, 3), 11),
        ((2, 14), 13),
        ((1, 1), 5),
        ((7, 6), 17),
    ):
        first, second = (answer.rng.integers(20, 900, size).tolist() for size in sizes)
        special = (
            int(answer.rng.integers(5, 9)),
            int(answer.rng.integers(9, 14)),
            int(answer.rng.integers(0, 5)),
        )
        a, b = shortened(sizes, length - 3)
        whole = encoded(first, second, length, special)
        fitting_second = max(0, length - 3 - sizes[0])
        right = encoded(first[:a], second[:b], length, special)
        total = a + b + 3
        known = {
            CUTS_TAIL: {"token_ids": whole["token_ids"][:length]},
            CUTS_SECOND: {"token_ids": encoded(first, second[:fitting_second], length, special)["token_ids"]},
            CUTS_FRONT: {
                "token_ids": encoded(first[sizes[0] - a :], second[sizes[1] - b :], length, special)[
                    "token_ids"
                ]
            },
            PADDING_IN_SEGMENT: {"segment_ids": [0] * (a + 2) + [1] * (length - a - 2)},
        }
        if total == length:
            del known[PADDING_IN_SEGMENT]
        expect_encoded(answer, (first, second, length, *special), right, known)


def hidden_causal(answer: Answer) -> None:
    heads, key_dim, shape = 3, 4, (3, 7, 5)
    layer, weights = draw_causal(answer, heads, key_dim, shape)
    x = answer.rng.normal(0, 1, shape).astype("float32")
    mask = causal_masks(shape[1])
    query, key, value = (
        np.einsum("bld,dhk->bhlk", x, weights[n]) + weights[n + 1][:, None] for n in (0, 2, 4)
    )
    triangle = np.tril(np.ones((shape[1], shape[1]), bool))
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(key_dim)
    padding, real = mask[:, None, None, :] == 1, mask == 1

    def output(seen: Array) -> Array:
        attended = softmax(np.where(seen, scores, -1e9)) @ value
        return np.asarray((np.einsum("bhlk,hkd->bld", attended, weights[6]) + weights[7])[real])

    given = expect_shape(answer.call("causal_attend", layer, x, mask), shape, "出力")
    expect_close(
        given[real],
        output(padding & triangle),
        "本物のトークンの出力",
        rtol=1e-3,
        atol=1e-3,
        known={
            SEES_FUTURE: output(padding),
            SEES_PADDING: output(triangle),
            BLIND_TO_ITSELF: output(padding & np.tril(triangle, -1)),
        },
    )
    check_causal_at(answer, heads=2, key_dim=4, length=8, dim=6)


def hidden_next_word(answer: Answer) -> None:
    check_drawing(answer, [0.06, 0.12, 0.04, 0.78], start=[3])
    check_context(answer, size=41, start=[8], count=15)
    check_context(answer, size=23, start=[1, 2, 3, 5, 7, 11, 13, 17, 19], count=6)


def hidden_perplexity(answer: Answer) -> None:
    for batch, length, size in ((3, 5, 7), (2, 9, 12)):
        logits = answer.rng.normal(0, 2, (batch, length, size)).astype("float32")
        labels = answer.rng.integers(0, size, (batch, length))
        counted = np.arange(length) < np.append(length, answer.rng.integers(1, length, batch - 1))[:, None]
        counted &= answer.rng.random((batch, length)) < 0.8
        counted[:, 0] = True
        labels = np.where(counted, labels, -1)
        loss = -np.log(np.take_along_axis(softmax(logits.astype("float64")), labels[..., None] % size, 2))[
            ..., 0
        ]
        right = float(np.exp(loss[counted].mean()))
        rows = [loss[n][counted[n]].mean() for n in range(batch)]
        check_perplexity_at(
            answer,
            logits,
            labels,
            right,
            {
                COUNTS_IGNORED: float(np.exp(loss.mean())),
                DIVIDES_BY_ALL: float(np.exp(loss[counted].sum() / loss.size)),
                LOSS_ITSELF: float(loss[counted].mean()),
                MEAN_OF_ROWS: float(np.exp(np.mean(rows))),
                MEAN_OF_PERPLEXITIES: float(np.exp(loss[counted]).mean()),
            },
        )


def hidden_classifier(answer: Answer) -> None:
    check_classifier_at(answer, classes=4, frozen=False, rate=0.006, hidden_dim=6, arrives_frozen=True)
    check_classifier_at(answer, classes=2, frozen=True, rate=0.03, hidden_dim=7, arrives_frozen=True)


# The references, of which known mistakes change one thing.


WORDPIECE = """def wordpiece(word, vocabulary):
    pieces, rest = [], word
    while rest:
        for end in range(len(rest), 0, -1):
            piece = ("##" if pieces else "") + rest[:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        rest = rest[end:]
    return pieces
"""

EMBED = """import numpy as np

def embed(token_ids, segment_ids, token_table, position_table, segment_table, gamma):
    length = token_ids.shape[1]
    x = token_table[token_ids] + position_table[:length] + segment_table[segment_ids]
    mean_square = (x**2).mean(axis=-1, keepdims=True)
    return gamma * x / np.sqrt(mean_square + 1e-12)
"""

ATTENTION = """import numpy as np

def attention(query, key, value, padding_mask, slope):
    places = np.arange(query.shape[1])
    distance = np.abs(places[:, None] - places)
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]) - slope * distance
    scores = np.where(padding_mask[:, None, :] == 1, scores, -1e9)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ value, weights
"""

PARAMETERS = """def mlm_parameters(vocabulary_size, layers, hidden_dim, intermediate_dim, max_length):
    def dense(inputs, outputs):
        return inputs * outputs + outputs

    norm = 2 * hidden_dim
    embeddings = (vocabulary_size + max_length + 2) * hidden_dim + norm
    attention = 4 * dense(hidden_dim, hidden_dim)
    feed_forward = dense(hidden_dim, intermediate_dim) + dense(intermediate_dim, hidden_dim)
    pooler = dense(hidden_dim, hidden_dim)
    head = dense(hidden_dim, hidden_dim) + norm + vocabulary_size
    return embeddings + layers * (attention + feed_forward + 2 * norm) + pooler + head
"""

MASK_TOKENS = """import numpy as np

def mask_tokens(token_ids, vocabulary_size, mask_id, special_ids, seed):
    rng = np.random.default_rng(seed)
    chosen = (rng.random(token_ids.shape) < 0.15) & ~np.isin(token_ids, special_ids)
    labels = np.where(chosen, token_ids, -1)
    fate = rng.random(token_ids.shape)
    strange = rng.integers(0, vocabulary_size, token_ids.shape)
    masked = np.where(chosen & (fate < 0.8), mask_id, token_ids)
    masked = np.where(chosen & (fate >= 0.9), strange, masked)
    return masked, labels
"""

MAKE_PAIR = """def make_pair(first, second, length, cls_id, sep_id, pad_id):
    a, b = list(first), list(second)
    while len(a) + len(b) > length - 3:
        (a if len(a) >= len(b) else b).pop()
    token_ids = [cls_id, *a, sep_id, *b, sep_id]
    rest = length - len(token_ids)
    return {
        "token_ids": token_ids + [pad_id] * rest,
        "segment_ids": [0] * (len(a) + 2) + [1] * (len(b) + 1) + [0] * rest,
        "padding_mask": [1] * len(token_ids) + [0] * rest,
    }
"""

GENERATE = """import numpy as np

def generate(next_probabilities, start, count, temperature, seed):
    rng = np.random.default_rng(seed)
    ids = list(start)
    for _ in range(count):
        p = np.asarray(next_probabilities(ids), dtype="float64") ** (1 / temperature)
        p = p / p.sum()
        ids.append(int(rng.choice(len(p), p=p)))
    return ids
"""

GENERATE_BY_GUMBEL = """import numpy as np

def generate(next_probabilities, start, count, temperature, seed):
    rng = np.random.default_rng(seed)
    ids = np.array(start)
    for _ in range(count):
        logits = np.log(next_probabilities(ids)) / temperature
        ids = np.append(ids, np.argmax(logits + rng.gumbel(size=logits.shape)))
    return ids
"""

CAUSAL = """import numpy as np

def causal_attend(attention, x, padding_mask):
    length = x.shape[1]
    triangle = np.tril(np.ones((length, length), dtype=bool))
    mask = triangle & (padding_mask[:, None, :] == 1)
    return attention(x, x, attention_mask=mask)
"""

CLASSIFIER = """import keras

def build_classifier(backbone, classes, frozen, learning_rate):
    backbone.trainable = not frozen
    pooled = backbone.output["pooled_output"]
    outputs = keras.layers.Dense(classes, activation="softmax")(pooled)
    model = keras.Model(backbone.input, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
"""

AS_LAYER = """import keras

def build_classifier(backbone, classes, frozen, learning_rate):
    for layer in backbone.layers:
        layer.trainable = not frozen
    backbone.trainable = not frozen
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in backbone.input}
    logits = keras.layers.Dense(classes)(backbone(inputs)["pooled_output"])
    model = keras.Model(inputs, keras.layers.Softmax()(logits))
    model.compile(keras.optimizers.Adam(learning_rate), keras.losses.SparseCategoricalCrossentropy())
    return model
"""


ANSWERS: dict[str, Key] = {
    "ch12.wordpiece": Key(
        reference=WORDPIECE,
        explanation="前から順に、いちばん長いピースを取ります。1 か所でも切れないところがあれば、その単語は全体が [UNK] になります。",
        alternatives={
            "再帰": """def wordpiece(word, vocabulary):
    known = set(vocabulary)

    def cut(rest, before):
        if not rest:
            return []
        for end in range(len(rest), 0, -1):
            if before + rest[:end] in known:
                after = cut(rest[end:], "##")
                return None if after is None else [before + rest[:end], *after]
        return None

    return cut(word, "") or ["[UNK]"]
""",
            "長い順に並べた語彙から選ぶ": """def wordpiece(word, vocabulary):
    heads = sorted((p for p in vocabulary if not p.startswith("##")), key=len, reverse=True)
    tails = sorted((p for p in vocabulary if p.startswith("##")), key=len, reverse=True)
    pieces, place = [], 0
    while place < len(word):
        candidates = tails if place else heads
        found = [p for p in candidates if word.startswith(p.removeprefix("##"), place)]
        if not found:
            return ["[UNK]"]
        pieces.append(found[0])
        place += len(found[0].removeprefix("##"))
    return tuple(pieces)
""",
        },
        mistakes={
            "## を付けない": Mistake(
                changed(WORDPIECE, '("##" if pieces else "") + rest[:end]', "rest[:end]"),
                "頭に ## を付けて",
            ),
            "付かないピースで代用する": Mistake(
                changed(
                    WORDPIECE,
                    "if piece in vocabulary:",
                    "if piece in vocabulary or rest[:end] in vocabulary:",
                ),
                "付かないピースで代用",
            ),
            "短いピースから": Mistake(
                changed(WORDPIECE, "range(len(rest), 0, -1)", "range(1, len(rest) + 1)"),
                "短いピースから試して",
            ),
            "残りだけ [UNK]": Mistake(
                changed(WORDPIECE, 'return ["[UNK]"]', 'return pieces + ["[UNK]"]'),
                "残りだけを [UNK]",
            ),
            "読み飛ばす": Mistake(
                changed(
                    WORDPIECE,
                    '            return ["[UNK]"]\n',
                    "            rest = rest[1:]\n            continue\n",
                ),
                "読み飛ばして",
            ),
            "やり直す": Mistake(
                """def wordpiece(word, vocabulary):
    def cut(rest, before):
        if not rest:
            return []
        for end in range(len(rest), 0, -1):
            if before + rest[:end] in vocabulary:
                after = cut(rest[end:], "##")
                if after is not None:
                    return [before + rest[:end], *after]
        return None

    return cut(word, "") or ["[UNK]"]
""",
                "やり直しません",
            ),
        },
        hidden=hidden_wordpiece,
        equivalent={
            "range(len(rest) + 1, 0, -1)": "a slice beyond the end is the whole",
            "known = vocabulary": "a list holds the same pieces",
            'startswith("##")), reverse=True)': "of two beginnings of a word the longer one comes later in the alphabet",
        },
    ),
    "ch12.embeddings": Key(
        reference=EMBED,
        explanation="埋め込みは表の行を引くだけです。3 つを足したあと、トークンごとに大きさをそろえます。RMSNorm は、LayerNorm から平均を引く計算を省いたもので、多くの言語モデルが使っています。",
        alternatives={
            "one-hot と行列積、ループ": """import numpy as np

def embed(token_ids, segment_ids, token_table, position_table, segment_table, gamma):
    rows = []
    for tokens, segments in zip(token_ids, segment_ids):
        x = np.eye(len(token_table))[tokens] @ token_table
        x = x + np.eye(len(segment_table))[segments] @ segment_table
        for place in range(len(tokens)):
            x[place] += position_table[place]
            x[place] *= gamma * np.sqrt(x.shape[1]) / np.linalg.norm(x[place])
        rows.append(x)
    return np.stack(rows)
""",
            "TensorFlow": """import tensorflow as tf

def embed(token_ids, segment_ids, token_table, position_table, segment_table, gamma):
    x = tf.gather(token_table, token_ids) + tf.gather(segment_table, segment_ids)
    x += position_table[: token_ids.shape[1]]
    return x * tf.math.rsqrt(tf.reduce_mean(x**2, -1, keepdims=True) + 1e-6) * gamma
""",
        },
        mistakes={
            "RMSNorm がない": Mistake(
                changed(EMBED, "gamma * x / np.sqrt(mean_square + 1e-12)", "x"),
                "RMSNorm がありません",
            ),
            "2 節の LayerNorm のまま": Mistake(
                changed(
                    EMBED, "    mean_square", "    x = x - x.mean(axis=-1, keepdims=True)\n    mean_square"
                ),
                "LayerNorm になっています",
            ),
            "gamma がない": Mistake(
                changed(EMBED, "gamma * x", "x"),
                "gamma がありません",
            ),
            "位置がない": Mistake(
                changed(EMBED, " + position_table[:length]", ""),
                "位置の埋め込みが足されていません",
            ),
            "セグメントがない": Mistake(
                changed(EMBED, " + segment_table[segment_ids]", ""),
                "セグメントの埋め込みが足されていません",
            ),
            "軸が違う": Mistake(
                changed(EMBED, "axis=-1", "axis=1"),
                "そろえる軸が違います",
            ),
            "平方根を取らない": Mistake(
                changed(EMBED, "np.sqrt(mean_square + 1e-12)", "(mean_square + 1e-12)"),
                "二乗の平均で割っています",
            ),
            "合計で割る": Mistake(
                changed(EMBED, "(x**2).mean(", "(x**2).sum("),
                "合計ではなく",
            ),
        },
        hidden=hidden_embeddings,
        equivalent={
            "mean_square - 1e-12": "as small a number beside a mean square",
            "return rows": "a list is numbers, too",
            "keepdims=True) - 1e-6": "as small a number beside a mean square",
        },
    ),
    "ch12.attention": Key(
        reference=ATTENTION,
        explanation="softmax の前に -1e9 を入れると、exp がちょうど 0 になります。だから残りの重みの和は 1 のままです。距離の分を引くと、位置の埋め込みがなくても近さが分かります。",
        alternatives={
            "einsum とマスクの足し算": """import numpy as np

def attention(query, key, value, padding_mask, slope):
    scores = np.einsum("bqd,bkd->bqk", query, key).astype("float64") * query.shape[-1] ** -0.5
    scores -= slope * abs(np.subtract.outer(np.arange(query.shape[1]), np.arange(key.shape[1])))
    scores += (1.0 - padding_mask[:, None, :]) * -1e9
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return np.einsum("bqk,bkd->bqd", weights, value), weights
""",
            "keras.ops": """from keras import ops

def attention(query, key, value, padding_mask, slope):
    places = ops.arange(query.shape[1], dtype="float32")
    scores = ops.matmul(query, ops.transpose(key, (0, 2, 1))) / query.shape[-1] ** 0.5
    scores = scores - slope * ops.absolute(places[:, None] - places)
    scores = ops.where(ops.cast(padding_mask[:, None, :], "bool"), scores, -1e9)
    weights = ops.softmax(scores, axis=-1)
    return ops.matmul(weights, value), weights
""",
            "ループ、本物だけを抜き出す": """import numpy as np

def attention(query, key, value, padding_mask, slope):
    batch, length, dim = query.shape
    output = np.zeros((batch, length, value.shape[-1]))
    weights = np.zeros((batch, length, length))
    for b in range(batch):
        real = np.flatnonzero(padding_mask[b])
        for i in range(length):
            scores = key[b, real] @ query[b, i] / dim**0.5 - slope * abs(i - real)
            e = np.exp(scores - scores.max())
            weights[b, i, real] = e / e.sum()
            output[b, i] = weights[b, i] @ value[b]
    return [output, weights]
""",
        },
        mistakes={
            "2 節の attend のまま": Mistake(
                changed(ATTENTION, " - slope * distance", ""),
                "距離の分が引かれていません",
            ),
            "距離の分を足す": Mistake(
                changed(ATTENTION, "- slope * distance", "+ slope * distance"),
                "距離の分を足しています",
            ),
            "距離に符号が残る": Mistake(
                changed(ATTENTION, "np.abs(places[:, None] - places)", "places[:, None] - places"),
                "距離に符号が残って",
            ),
            "距離の分まで割る": Mistake(
                changed(
                    ATTENTION,
                    "query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]) - slope * distance",
                    "(query @ key.transpose(0, 2, 1) - slope * distance) / np.sqrt(query.shape[-1])",
                ),
                "距離の分まで平方根で",
            ),
            "平方根で割らない": Mistake(
                changed(ATTENTION, " / np.sqrt(query.shape[-1])", ""),
                "平方根で割っていません",
            ),
            "次元で割る": Mistake(
                changed(ATTENTION, "np.sqrt(query.shape[-1])", "query.shape[-1]"),
                "内積を次元で割って",
            ),
            "パディングを見る": Mistake(
                changed(
                    ATTENTION, "    scores = np.where(padding_mask[:, None, :] == 1, scores, -1e9)\n", ""
                ),
                "パディングも見ています",
            ),
            "スコアを 0 にする": Mistake(
                changed(
                    ATTENTION,
                    "np.where(padding_mask[:, None, :] == 1, scores, -1e9)",
                    "scores * padding_mask[:, None, :]",
                ),
                "スコアを 0 にしても",
            ),
            "softmax のあとで 0 にする": Mistake(
                changed(
                    changed(
                        ATTENTION, "    scores = np.where(padding_mask[:, None, :] == 1, scores, -1e9)\n", ""
                    ),
                    "weights / weights.sum(axis=-1, keepdims=True)",
                    "weights / weights.sum(axis=-1, keepdims=True) * padding_mask[:, None, :]",
                ),
                "softmax のあとで 0 にした",
            ),
            "軸が違う": Mistake(
                ATTENTION.replace("axis=-1", "axis=1"),
                "和が 1 になるのは、見る先の軸",
            ),
            "軸が違い、あとで 0 にする": Mistake(
                changed(
                    ATTENTION.replace("axis=-1", "axis=1"),
                    "return weights @ value, weights",
                    "weights = weights * padding_mask[:, None, :]\n    return weights @ value, weights",
                ),
                "あとでパディングを 0 にしても",
            ),
            "マスクが逆": Mistake(
                changed(ATTENTION, "scores, -1e9", "-1e9, scores"),
                "マスクの向きが逆",
            ),
            "行もマスクする": Mistake(
                changed(
                    ATTENTION,
                    "padding_mask[:, None, :] == 1",
                    "padding_mask[:, None, :] * padding_mask[:, :, None] == 1",
                ),
                "見る側 (行) まで",
            ),
            "あふれる": Mistake(
                changed(ATTENTION, "scores - scores.max(axis=-1, keepdims=True)", "scores"),
                "exp があふれて NaN",
            ),
            "マスクの値が小さすぎない": Mistake(
                changed(ATTENTION, "-1e9", "-15.0"),
                "ちょうど 0 になっていません",
            ),
        },
        hidden=hidden_attention,
        equivalent={
            "np.arange(key.shape[1]), np.arange(query": "query and key are of one length, and a distance has no sign",
            "query, key) * query": "the numbers are exact enough",
            "(2.0 - padding_mask": "every score of a row gets the same",
            "ops.softmax(scores)": "the last axis is the default",
            "ops.where(padding_mask[": "Keras converts it",
        },
    ),
    "ch12.parameters": Key(
        reference=PARAMETERS,
        explanation="ヘッドの数は式に出てきません。出力の行列は埋め込みの表と共有するので、MLM の頭は本体のおよそ 0.6 % しか増やしません。",
        alternatives={
            "Keras に数えさせる": """import keras

def mlm_parameters(vocabulary_size, layers, hidden_dim, intermediate_dim, max_length):
    sizes = [vocabulary_size * hidden_dim, max_length * hidden_dim, 2 * hidden_dim, 2 * hidden_dim]
    inputs = keras.Input((4, hidden_dim))
    x = keras.layers.MultiHeadAttention(1, hidden_dim)(inputs, inputs)
    x = keras.layers.LayerNormalization()(x)
    x = keras.layers.Dense(hidden_dim)(keras.layers.Dense(intermediate_dim)(x))
    layer = keras.Model(inputs, keras.layers.LayerNormalization()(x))
    head = 2 * (hidden_dim + 1) * hidden_dim + 2 * hidden_dim + vocabulary_size
    return sum(sizes) + layers * layer.count_params() + head
""",
            "形を並べて足す": """import numpy as np

def mlm_parameters(vocabulary_size, layers, hidden_dim, intermediate_dim, max_length):
    h, i = hidden_dim, intermediate_dim
    shapes = [(vocabulary_size, h), (max_length, h), (2, h), (h,), (h,), (h, h), (h,)]
    for _ in range(layers):
        shapes += [(h, h), (h,)] * 4 + [(h,)] * 4 + [(h, i), (i,), (i, h), (h,)]
    shapes += [(h, h), (h,), (h,), (h,), (vocabulary_size,)]
    return int(sum(np.prod(shape) for shape in shapes))
""",
        },
        mistakes={
            "バイアスがない": Mistake(
                changed(PARAMETERS, "inputs * outputs + outputs", "inputs * outputs"),
                "バイアスが抜けています。query",
            ),
            "pooler がない": Mistake(
                changed(PARAMETERS, " + pooler", ""),
                "pooler と MLM の頭に 1 つずつ",
            ),
            "2 節の表の合計のまま": Mistake(
                """from chapters.ch12_bert import tables

def mlm_parameters(*sizes):
    return sum(row["パラメータ"] for row in tables.bert_parameters(*sizes))
""",
                "MLM の頭が抜けています",
            ),
            "出力の行列も数える": Mistake(
                changed(
                    PARAMETERS, "+ norm + vocabulary_size", "+ norm + dense(hidden_dim, vocabulary_size)"
                ),
                "埋め込みの表を 2 回",
            ),
            "語彙のバイアスがない": Mistake(
                changed(PARAMETERS, "+ norm + vocabulary_size", "+ norm"),
                "ピースごとのバイアスが抜けて",
            ),
            "セグメントがない": Mistake(
                changed(PARAMETERS, "max_length + 2)", "max_length)"),
                "2 × hidden_dim 個だけ足りません",
            ),
            "LayerNorm が 1 つ": Mistake(
                changed(PARAMETERS, "2 * norm)", "norm)"),
                "1 層に 2 つあります",
            ),
            "出力の全結合層がない": Mistake(
                changed(PARAMETERS, "4 * dense", "3 * dense"),
                "ヘッドをつないだあと",
            ),
            "位置がない": Mistake(
                changed(PARAMETERS, " + max_length", ""),
                "位置の表",
            ),
        },
        hidden=hidden_parameters,
        equivalent={
            "MultiHeadAttention(hidden_dim, 1)": "heads times size is what the projections have",
            "keras.Input((5,": "no parameter depends on the length",
            "keras.Input((3,": "no parameter depends on the length",
            "return sum(np.prod": "a NumPy integer is a number",
        },
    ),
    "ch12.mask_tokens": Key(
        reference=MASK_TOKENS,
        explanation="[MASK] は、実際に使うときの文には現れません。ランダムな id と元のままの id を混ぜておくと、BERT はどの位置のトークンも疑って読むようになります。",
        alternatives={
            "1 つずつのループ": """import random

def mask_tokens(token_ids, vocabulary_size, mask_id, special_ids, seed):
    rng = random.Random(seed)
    masked, labels = token_ids.tolist(), []
    for row in masked:
        labels.append([-1] * len(row))
        for place, token in enumerate(row):
            if token in special_ids or rng.random() >= 0.15:
                continue
            labels[-1][place] = token
            fate = rng.random()
            if fate < 0.8:
                row[place] = mask_id
            elif fate < 0.9:
                row[place] = rng.randrange(vocabulary_size)
    return masked, labels
""",
            "行ごとに、ちょうど 15 % を選ぶ": """import numpy as np

def mask_tokens(token_ids, vocabulary_size, mask_id, special_ids, seed):
    rng = np.random.default_rng(seed)
    masked, labels = token_ids.copy(), np.full_like(token_ids, -1)
    for row in range(len(token_ids)):
        places = np.flatnonzero(~np.isin(token_ids[row], special_ids))
        chosen = rng.permutation(places)[: round(0.15 * len(places))]
        labels[row, chosen] = token_ids[row, chosen]
        fates = rng.choice(3, len(chosen), p=[0.8, 0.1, 0.1])
        masked[row, chosen[fates == 0]] = mask_id
        masked[row, chosen[fates == 1]] = rng.integers(0, vocabulary_size, (fates == 1).sum())
    return masked, labels
""",
        },
        mistakes={
            "最後の行を忘れる": Mistake(
                changed(MASK_TOKENS, "    labels = ", "    chosen[-1] = False\n    labels = "),
                "まったく選ばれていない行",
            ),
            "語彙の最後の id を引かない": Mistake(
                changed(
                    MASK_TOKENS, "rng.integers(0, vocabulary_size,", "rng.integers(0, vocabulary_size - 1,"
                ),
                "語彙の最後の id が",
            ),
            "すべて [MASK]": Mistake(
                changed(
                    MASK_TOKENS,
                    "return masked, labels",
                    "return np.where(chosen, mask_id, token_ids), labels",
                ),
                "すべて mask_id にしています",
            ),
            "特殊トークンも選ぶ": Mistake(
                changed(
                    MASK_TOKENS,
                    "(rng.random(token_ids.shape) < 0.15) & ~np.isin(token_ids, special_ids)",
                    "rng.random(token_ids.shape) < 0.15",
                ),
                "special_ids にある id も選んで",
            ),
            "ラベルがどこにもある": Mistake(
                changed(MASK_TOKENS, "np.where(chosen, token_ids, -1)", "token_ids"),
                "選んでいないところにもラベル",
            ),
            "ラベルが置き換えたあと": Mistake(
                changed(MASK_TOKENS, "return masked, labels", "return masked, np.where(chosen, masked, -1)"),
                "置き換えたあとの id になっています",
            ),
            "残りからもう一度引く": Mistake(
                changed(MASK_TOKENS, "(fate >= 0.9)", "(fate >= 0.8) & (rng.random(fate.shape) < 0.1)"),
                "もう一度 10 % を引いて",
            ),
            "元のままがない": Mistake(
                changed(MASK_TOKENS, "(fate >= 0.9)", "(fate >= 0.8)"),
                "元のまま残すものがありません",
            ),
            "どの行も同じ場所": Mistake(
                changed(
                    MASK_TOKENS,
                    "(rng.random(token_ids.shape) < 0.15)",
                    "(rng.random(token_ids.shape[1]) < 0.15)",
                ),
                "選ぶ場所が偏って",
            ),
            "同じ id ばかり": Mistake(
                changed(
                    MASK_TOKENS,
                    "rng.integers(0, vocabulary_size, token_ids.shape)",
                    "rng.integers(0, vocabulary_size)",
                ),
                "ランダムな id が偏って",
            ),
            "seed を使わない": Mistake(
                changed(MASK_TOKENS, "default_rng(seed)", "default_rng(0)"),
                "seed を変えても結果が変わりません",
            ),
        },
        hidden=hidden_mask_tokens,
        equivalent={
            "<= 0.15)": "a random number is never exactly that",
            "<= 0.8": "a random number is never exactly that",
            "> 0.9": "a random number is never exactly that",
            "<= 0.9": "a random number is never exactly that",
            "> 0.15": "a random number is never exactly that",
            "rng.integers(1, vocabulary_size,": "the first id may be a special piece, which people may leave out",
            "elif fate >= 0.9:": "10 % as well",
            "len(places)) + 1]": "one of a row's 150 more or less is still 15 %",
            "len(places)) - 1]": "one of a row's 150 more or less is still 15 %",
        },
    ),
    "ch12.pair": Key(
        reference=MAKE_PAIR,
        explanation="長いほうから捨てると、短い文を残したまま、2 つの文の釣り合いがとれます。",
        alternatives={
            "NumPy で長さを計算": """import numpy as np

def make_pair(first, second, length, cls_id, sep_id, pad_id):
    room = length - 3
    half = room // 2
    if len(first) + len(second) > room:
        shorter = min(len(first), len(second), half)
        if len(first) <= half:
            second = second[: room - len(first)]
        elif len(second) <= half:
            first = first[: room - len(second)]
        else:
            first, second = first[: room - half], second[:half]
    rows = {name: np.zeros(length, int) for name in ("segment_ids", "padding_mask")}
    ids = np.full(length, pad_id)
    used = len(first) + len(second) + 3
    ids[:used] = [cls_id, *first, sep_id, *second, sep_id]
    rows["segment_ids"][len(first) + 2 : used] = 1
    rows["padding_mask"][:used] = 1
    return {"token_ids": ids, **rows}
""",
        },
        mistakes={
            "最後の [SEP] がない": Mistake(
                changed(changed(MAKE_PAIR, "*b, sep_id]", "*b]"), "(len(b) + 1)", "len(b)"),
                "最後の [SEP] がありません",
            ),
            "1 つ目の [SEP] が 1": Mistake(
                changed(
                    MAKE_PAIR,
                    "[0] * (len(a) + 2) + [1] * (len(b) + 1)",
                    "[0] * (len(a) + 1) + [1] * (len(b) + 2)",
                ),
                "前の文のセグメント 0",
            ),
            "パディングも 1": Mistake(
                changed(MAKE_PAIR, "[1] * (len(b) + 1) + [0] * rest", "[1] * (length - len(a) - 2)"),
                "パディングのセグメントは 0",
            ),
            "padding_mask がすべて 1": Mistake(
                changed(MAKE_PAIR, "[1] * len(token_ids) + [0] * rest", "[1] * length"),
                "padding_mask がすべて 1",
            ),
            "パディングのセグメントに pad_id": Mistake(
                changed(MAKE_PAIR, "(len(b) + 1) + [0] * rest", "(len(b) + 1) + [pad_id] * rest"),
                "セグメントが pad_id",
            ),
            "末尾を切る": Mistake(
                """def make_pair(first, second, length, cls_id, sep_id, pad_id):
    ids = [cls_id, *first, sep_id, *second, sep_id]
    segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    rest = max(0, length - len(ids))
    return {
        "token_ids": (ids + [pad_id] * rest)[:length],
        "segment_ids": (segments + [0] * rest)[:length],
        "padding_mask": ([1] * len(ids) + [0] * rest)[:length],
    }
""",
                "末尾を切り落として",
            ),
            "2 つ目だけ短くする": Mistake(
                changed(MAKE_PAIR, "(a if len(a) >= len(b) else b).pop()", "(b or a).pop()"),
                "2 つ目の文ばかり",
            ),
            "半分ずつに切る": Mistake(
                changed(
                    MAKE_PAIR,
                    "    while len(a) + len(b) > length - 3:\n        (a if len(a) >= len(b) else b).pop()\n",
                    "    if len(a) + len(b) > length - 3:\n"
                    "        half = (length - 3) // 2\n"
                    "        a, b = a[:half], b[:half]\n",
                ),
                "半分の長さまで",
            ),
            "先頭から捨てる": Mistake(
                changed(MAKE_PAIR, ".pop()", ".pop(0)"),
                "文の先頭から捨てて",
            ),
        },
        hidden=hidden_pair,
        equivalent={
            "len(a) > len(b)": "which of two sentences of one length is the longer one is not said",
            "len(first) < half": "at half the room both ways cut to the same lengths",
            "len(second) < half": "at half the room both ways cut to the same lengths",
            ">= room:": "where both fit exactly, the cut changes nothing",
            "shorter = len(first)": "it is never read",
        },
    ),
    "ch12.causal": Key(
        reference=CAUSAL,
        explanation="下三角のマスクは「自分より先を見ない」という約束です。これがないと、次の語を当てる問題の答えが入力に見えてしまいます。",
        alternatives={
            "use_causal_mask": """def causal_attend(attention, x, padding_mask):
    return attention(x, x, attention_mask=padding_mask[:, None, :].astype(bool), use_causal_mask=True)
""",
            "keras.ops で番号を比べる": """from keras import ops

def causal_attend(attention, x, padding_mask):
    places = ops.arange(x.shape[1])
    seen = places[None, :, None] >= places[None, None, :]
    seen = ops.logical_and(seen, ops.cast(padding_mask, "bool")[:, None, :])
    return attention(query=x, value=x, key=x, attention_mask=seen)
""",
            "1 か所ずつ計算": """import numpy as np

def causal_attend(attention, x, padding_mask):
    outputs = []
    for place in range(x.shape[1]):
        past, mask = x[:, : place + 1], padding_mask[:, None, : place + 1]
        outputs.append(np.asarray(attention(x[:, place : place + 1], past, attention_mask=mask)))
    return np.concatenate(outputs, axis=1)
""",
        },
        mistakes={
            "因果的でない": Mistake(
                changed(
                    CAUSAL, "triangle & (padding_mask[:, None, :] == 1)", "padding_mask[:, None, :] == 1"
                ),
                "それより前の出力が変わりました",
            ),
            "パディングを見る": Mistake(
                """def causal_attend(attention, x, padding_mask):
    return attention(x, x, use_causal_mask=True)
""",
                "本物のトークンの出力が変わりました",
            ),
            "自分を見ない": Mistake(
                changed(CAUSAL, "dtype=bool)", "dtype=bool), k=-1"),
                "自分自身を見ていません",
            ),
            "パディングを 0 にして見る": Mistake(
                changed(
                    changed(CAUSAL, " & (padding_mask[:, None, :] == 1)", ""),
                    "    return",
                    "    x = x * padding_mask[..., None]\n    return",
                ),
                "本物のトークンの出力 の値",
            ),
            "直前だけ見る": Mistake(
                changed(CAUSAL, "triangle &", "triangle & ~np.tri(length, k=-2, dtype=bool) &"),
                "0〜i をすべて見ます",
            ),
        },
        hidden=hidden_causal,
        equivalent={
            "attention_mask=padding_mask[:, None, :], use": "Keras converts it",
            "attention(query=x, value=x, attention_mask": "the key is the value where none is given",
            "logical_and(ops.cast(padding": "and is symmetric",
            "(seen, padding_mask[": "Keras converts it",
            "x.shape[1] + 1": "a slice beyond the end is empty",
        },
    ),
    "ch12.next_word": Key(
        reference=GENERATE,
        explanation="引いた語を文脈に加えてから、次を引きます。最後の 1 語しか渡さないと、モデルはその前に何を書いたかを知りません。",
        alternatives={
            "対数と Gumbel": GENERATE_BY_GUMBEL,
            "keras.random": """import keras
import numpy as np

def generate(next_probabilities, start, count, temperature, seed):
    generator = keras.random.SeedGenerator(seed)
    ids = list(start)
    for _ in range(count):
        logits = np.log(next_probabilities(ids))[None].astype("float32") / temperature
        ids.append(int(keras.random.categorical(logits, 1, seed=generator)[0, 0]))
    return ids
""",
            "累積和": """import random

def generate(next_probabilities, start, count, temperature, seed):
    source = random.Random(seed)
    ids = [*start]
    while len(ids) < len(start) + count:
        weights = [p ** (1 / temperature) for p in next_probabilities(ids)]
        ids += source.choices(range(len(weights)), weights)
    return ids
""",
        },
        mistakes={
            "最後の 1 語だけ渡す": Mistake(
                changed(GENERATE, "next_probabilities(ids)", "next_probabilities(ids[-1:])"),
                "いつも最後の 1 語だけ",
            ),
            "start のあとは最後の 1 語だけ渡す": Mistake(
                changed(GENERATE, "(ids)", "(ids if len(ids) == len(start) else ids[-1:])"),
                "start のあと、最後の 1 語だけ",
            ),
            "start だけ渡す": Mistake(
                changed(GENERATE, "next_probabilities(ids)", "next_probabilities(start)"),
                "いつも start だけ",
            ),
            "最大を選ぶ": Mistake(
                changed(GENERATE, "rng.choice(len(p), p=p)", "np.argmax(p)"),
                "いつも確率が最大の語",
            ),
            "乱数を作り直す": Mistake(
                changed(GENERATE, "rng.choice", "np.random.default_rng(seed).choice"),
                "毎回同じ乱数",
            ),
            "temperature を使わない": Mistake(
                changed(GENERATE, " ** (1 / temperature)", ""),
                "temperature を使っていません",
            ),
            "temperature が逆": Mistake(
                changed(GENERATE, "(1 / temperature)", "temperature"),
                "temperature の向きが逆",
            ),
            "Gumbel の乱数を引く": Mistake(
                GENERATE_BY_GUMBEL.replace("logits + rng.gumbel", "logits - rng.gumbel"),
                "確率どおりの割合",
            ),
            "start を返さない": Mistake(
                changed(GENERATE, "return ids", "return ids[len(start):]"),
                "start のあとに新しい id",
            ),
            "seed を使わない": Mistake(
                changed(GENERATE, "default_rng(seed)", "default_rng(1)"),
                "同じ文が出ます",
            ),
        },
        hidden=hidden_next_word,
        equivalent={
            "ids.append(rng.choice(len(p), p=p))": "a NumPy integer is a number",
            "ids = start": "NumPy makes an array of it when it grows",
            "(ids))[None] / temperature": "Keras converts it",
            "categorical(logits, 2,": "the second sample is never read",
        },
    ),
    "ch12.perplexity": Key(
        reference="""import numpy as np

def perplexity(logits, labels):
    counted = labels != -1
    logits, labels = logits[counted].astype("float64"), labels[counted]
    top = logits.max(axis=-1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(axis=-1)) + top[:, 0]
    loss = log_sum - logits[np.arange(len(labels)), labels]
    return float(np.exp(loss.mean()))
""",
        explanation="パープレキシティは「平均して何択で迷っているか」です。何も学んでいなければ、語彙の大きさになります。",
        alternatives={
            "Keras の損失": """import keras
import numpy as np

def perplexity(logits, labels):
    counted = labels != -1
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return float(np.exp(loss(labels[counted], logits[counted])))
""",
            "TensorFlow、重みつき": """import tensorflow as tf

def perplexity(logits, labels):
    weights = tf.cast(labels >= 0, tf.float32)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
    return tf.exp(tf.reduce_sum(loss * weights) / tf.reduce_sum(weights))
""",
            "ループ": """import math

def perplexity(logits, labels):
    losses = []
    for row, answers in zip(logits.tolist(), labels.tolist()):
        for scores, label in zip(row, answers):
            if label == -1:
                continue
            top = max(scores)
            total = sum(math.exp(score - top) for score in scores)
            losses.append(math.log(total) + top - scores[label])
    return math.exp(sum(losses) / len(losses))
""",
        },
        mistakes={
            "-1 も数える": Mistake(
                """import numpy as np
def perplexity(logits, labels):
    z = logits - logits.max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return float(np.exp(-np.take_along_axis(log_p, labels[..., None] % logits.shape[-1], -1).mean()))
""",
                "-1 のところも数えて",
            ),
            "分母が全部": Mistake(
                """import numpy as np
def perplexity(logits, labels):
    z = logits - logits.max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_p, np.maximum(labels, 0)[..., None], -1)[..., 0]
    return float(np.exp(-(chosen * (labels != -1)).mean()))
""",
                "平均の分母が違います",
            ),
            "exp を取らない": Mistake(
                """import numpy as np
def perplexity(logits, labels):
    counted = labels != -1
    z = logits[counted] - logits[counted].max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return float(-log_p[np.arange(len(log_p)), labels[counted]].mean())
""",
                "平均交差エントロピーのまま",
            ),
            "行ごとに平均": Mistake(
                """import numpy as np
def perplexity(logits, labels):
    z = logits - logits.max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_p, np.maximum(labels, 0)[..., None], -1)[..., 0]
    counted = labels != -1
    return float(np.exp(-((chosen * counted).sum(1) / counted.sum(1)).mean()))
""",
                "行ごとに平均して",
            ),
            "exp してから平均": Mistake(
                """import numpy as np
def perplexity(logits, labels):
    counted = labels != -1
    z = logits[counted] - logits[counted].max(-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return float(np.exp(-log_p[np.arange(len(log_p)), labels[counted]]).mean())
""",
                "トークンごとに exp",
            ),
            "あふれる": Mistake(
                """import numpy as np
def perplexity(logits, labels):
    counted = labels != -1
    e = np.exp(logits[counted])
    p = e / e.sum(-1, keepdims=True)
    return float(np.exp(-np.log(p[np.arange(len(p)), labels[counted]]).mean()))
""",
                "exp があふれます",
            ),
        },
        hidden=hidden_perplexity,
        equivalent={
            "logits.max(axis=1, keepdims": "the second axis is the last",
            "top).sum(axis=1)": "the second axis is the last",
            "logits.max(keepdims=True)": "the largest of all serves every row as well",
            "logits, labels = logits[counted], labels[counted]": "the numbers are exact enough",
        },
    ),
    "ch12.classifier": Key(
        results_used_up=True,
        reference=CLASSIFIER,
        explanation="Adam では、学習率がほぼそのまま 1 ステップの幅になります。レポートの 1e-7 では、1 ステップで重みが 1e-7 ほどしか動きません。",
        alternatives={
            "層として呼ぶ": AS_LAYER,
            "Model のサブクラス": """import keras

class Classifier(keras.Model):
    def __init__(self, backbone, classes):
        super().__init__()
        self.head = keras.layers.Dense(classes, activation="softmax")
        self.backbone = backbone

    def call(self, inputs):
        return self.head(self.backbone(inputs)["pooled_output"])

def build_classifier(backbone, classes, frozen, learning_rate):
    backbone.trainable = not frozen
    model = Classifier(backbone, classes)
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model
""",
        },
        mistakes={
            "レポートの学習率": Mistake(
                changed(CLASSIFIER, "Adam(learning_rate)", "Adam(1e-7)"),
                "1 ステップの幅が learning_rate と",
            ),
            "SGD を使う": Mistake(
                changed(CLASSIFIER, "Adam(learning_rate)", "SGD(learning_rate)"),
                "SGD の動きです",
            ),
            "凍結しない": Mistake(
                changed(CLASSIFIER, "not frozen", "True"),
                "frozen=True なのに",
            ),
            "いつも凍結する": Mistake(
                changed(CLASSIFIER, "not frozen", "False"),
                "学習しても BERT の重みが動きません",
            ),
            "凍結を解かない": Mistake(
                changed(
                    CLASSIFIER,
                    "    backbone.trainable = not frozen\n",
                    "    if frozen:\n        backbone.trainable = False\n",
                ),
                "凍結されて渡された BERT",
            ),
            "softmax がない": Mistake(
                changed(CLASSIFIER, ', activation="softmax"', ""),
                "出力が確率になっていません",
            ),
            "sigmoid にする": Mistake(
                changed(CLASSIFIER, '"softmax"', '"sigmoid"'),
                "sigmoid です",
            ),
            "sequence_output だけから作る": Mistake(
                changed(CLASSIFIER, '["pooled_output"]', '["sequence_output"][:, 0]'),
                "pooled_output につながって",
            ),
            "パディングごと平均する": Mistake(
                changed(
                    AS_LAYER,
                    'backbone(inputs)["pooled_output"]',
                    'keras.ops.mean(backbone(inputs)["sequence_output"], axis=1)',
                ),
                "パディングまで含めて",
            ),
            "パディングを除いて平均する": Mistake(
                changed(
                    changed(
                        AS_LAYER,
                        'backbone(inputs)["pooled_output"]',
                        "keras.layers.GlobalAveragePooling1D()(sequence, mask=mask)",
                    ),
                    "    logits",
                    '    sequence = backbone(inputs)["sequence_output"]\n'
                    '    mask = keras.ops.cast(inputs["padding_mask"], "bool")\n'
                    "    logits",
                ),
                "sequence_output の平均",
            ),
            "[CLS] の出力を使う": Mistake(
                changed(AS_LAYER, '["pooled_output"]', '["sequence_output"][:, 0]'),
                "sequence_output の先頭",
            ),
            "全部を凍結する": Mistake(
                changed(
                    CLASSIFIER, "    model.compile(", "    model.trainable = not frozen\n    model.compile("
                ),
                "どの重みも動きません",
            ),
            "出力層を凍結する": Mistake(
                changed(CLASSIFIER, 'activation="softmax"', 'activation="softmax", trainable=frozen'),
                "出力層の重みが動きません",
            ),
            "隠れ層をはさむ": Mistake(
                changed(CLASSIFIER, ")(pooled)", ')(keras.layers.Dense(8, "relu")(pooled))'),
                "Dense (バイアスあり) 1 つだけ",
            ),
            "BERT を作り直す": Mistake(
                changed(
                    CLASSIFIER,
                    "    backbone.trainable",
                    "    backbone = keras.models.clone_model(backbone)\n    backbone.trainable",
                ),
                "渡されたものと違います",
            ),
        },
        hidden=hidden_classifier,
        equivalent={
            'loss="sparse_categorical_crossentropy")': "what is shown beside the loss is not asked for",
            "for layer in []": "the backbone's own flag sets its layers' again",
            'keras.Input((None,), dtype="int32") for': "the inputs' names are those of the dictionary",
            "dtype='float32', name": "Keras converts whole numbers",
            "pass": "the backbone's own flag sets its layers' again",
        },
    ),
}
