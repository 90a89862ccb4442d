"""Chapter 22: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_shape
from grader.exercise import Answer, Key, Mistake, changed, chosen, estimated

from .exercises import (
    AUC_REVERSED,
    BIAS_BEFORE_SUM,
    COUNTS_TWICE,
    FEW_COEFFICIENTS_FAIL,
    IGNORES_LOOP,
    LACKS_LOOPS,
    LACKS_ONE,
    LOSES_ISOLATED,
    NOT_CLAMPED,
    NOT_EQUIVARIANT,
    NOT_ORTHOGONAL,
    TIES_COUNT_ONE,
    TIES_COUNT_ZERO,
    TRANSPOSED,
    check_alone,
    check_classification,
    check_zero_features,
    expect_unchanged,
)

Array = npt.NDArray[Any]


def draw_graph(rng: np.random.Generator, size: int, density: float, alone: int = 0) -> Array:
    """Draws a weighted graph.

    Args:
        rng: Source of randomness.
        size: Number of nodes.
        density: Share of pairs that an edge joins.
        alone: How many nodes lose their edges.

    Returns:
        Symmetric adjacency matrix with diagonal 0.
    """
    weights = np.triu(rng.uniform(0.5, 3, (size, size)) * (rng.random((size, size)) < density), 1)
    adjacency = weights + weights.T
    nodes = rng.choice(size, alone, replace=False)
    adjacency[nodes] = 0
    adjacency[:, nodes] = 0
    return adjacency


def propagation_of(adjacency: Array, loop: float = 1.0) -> Array:
    """The adjacency matrix with self-loops, divided by the roots of the degrees (Kipf & Welling, ICLR 2017)."""
    looped = adjacency + loop * np.eye(len(adjacency))
    degrees = looped.sum(axis=1)
    return np.asarray(looped / np.sqrt(np.outer(degrees, degrees)))


def laplacian_of(adjacency: Array) -> Array:
    """Normalised Laplacian; the row of a node without edges is 0."""
    degrees = adjacency.sum(axis=1)
    roots = np.sqrt(np.where(degrees > 0, degrees, 1))
    return np.asarray(np.diag(1.0 * (degrees > 0)) - adjacency / np.outer(roots, roots))


# ch22.normalised_adjacency


def hidden_normalised_adjacency(answer: Answer) -> None:
    for size, density, alone in [(4, 0.9, 0), (9, 0.5, 2), (30, 0.1, 3), (1, 0.0, 0), (5, 0.0, 0)]:
        adjacency = draw_graph(answer.rng, size, density, alone)
        loop = float(answer.rng.uniform(0.3, 3))
        right = propagation_of(adjacency, loop)
        expect_close(
            answer.call("normalised_adjacency", adjacency, loop),
            right,
            "normalised_adjacency(adjacency, loop)",
            known={
                IGNORES_LOOP: propagation_of(adjacency),
                LOSES_ISOLATED: right * (adjacency.sum(axis=1) > 0),
                LACKS_LOOPS: np.eye(size)
                - np.diag(1.0 * (adjacency.sum(axis=1) == 0))
                - laplacian_of(adjacency),
            },
        )


# ch22.spectrum


def filtered(laplacian: Array, signal: Array, gains: Array) -> Array:
    """Spectral filter through the eigenvectors; one gain for each eigenvalue, in ascending order."""
    vectors = np.linalg.eigh(laplacian).eigenvectors
    return np.asarray((vectors * gains) @ vectors.T @ signal)


def hidden_spectrum(answer: Answer) -> None:
    cycle = np.roll(np.eye(8), 1, axis=1)
    bipartite = np.kron([[0.0, 1.0], [1.0, 0.0]], np.ones((3, 3)))
    drawn = draw_graph(answer.rng, 12, 0.3, alone=2)
    while np.linalg.cond(np.linalg.eig(laplacian_of(drawn)).eigenvectors) > 100:  # else eig is no right way
        drawn = draw_graph(answer.rng, 12, 0.3, alone=2)
    for adjacency in (cycle + cycle.T, bipartite, drawn, draw_graph(answer.rng, 7, 0.8)):
        size = len(adjacency)
        laplacian = laplacian_of(adjacency)
        signal = answer.rng.normal(0, 1, (size, size))
        expect_unchanged(answer, laplacian, signal, NOT_ORTHOGONAL)
        coefficients = answer.rng.normal(0, 1, 4).tolist()
        response = answer.probe("polynomial_response", coefficients)
        powers = [np.linalg.matrix_power(laplacian, k) for k in range(4)]
        expect_close(
            answer.call("spectral_filter", laplacian, signal, response),
            np.tensordot(coefficients, powers, 1) @ signal,
            "多項式のフィルタの結果",
            rtol=1e-3,
            atol=1e-3,
        )
        base = float(answer.rng.uniform(0.1, 0.9))
        response = answer.probe("decaying_response", base)
        expect_close(
            answer.call("spectral_filter", laplacian, signal[:, :2], response),
            filtered(laplacian, signal[:, :2], base ** np.linalg.eigvalsh(laplacian)),
            "低域通過フィルタの結果",
            rtol=1e-3,
            atol=1e-3,
        )
    check_components(answer)


NOT_CONSTANT_ON_PARTS = (
    "固有値 0 の成分だけを残すと、信号はどの連結成分の中でも、次数の平方根に比例するはずです。"
)


def check_components(answer: Answer) -> None:
    """Expects the part at eigenvalue 0 to be the projection on the components' roots of degrees."""
    parts = [draw_graph(answer.rng, size, 1.0) for size in (3, 4, 2)]
    adjacency = np.zeros((9, 9))
    bases = np.zeros((9, 3))
    for number, (part, start) in enumerate(zip(parts, (0, 3, 7), strict=True)):
        nodes = slice(start, start + len(part))
        adjacency[nodes, nodes] = part
        bases[nodes, number] = np.sqrt(part.sum(axis=1) / part.sum())
    signal = answer.rng.normal(0, 1, (9, 2))
    low_pass = answer.probe("ideal_response", 1e-3)
    given = answer.call("spectral_filter", laplacian_of(adjacency), signal, low_pass)
    array = expect_shape(given, (9, 2), "spectral_filter の結果")
    expect(bool(np.allclose(array, bases @ bases.T @ signal, rtol=1e-3, atol=1e-3)), NOT_CONSTANT_ON_PARTS)


# ch22.chebyshev


def chebyshev_by_eigenvectors(laplacian: Array, signal: Array, coefficients: Array, largest: float) -> Array:
    """Chebyshev filter through the eigenvectors (Hammond et al., 2011)."""
    scaled = 2 * np.linalg.eigvalsh(laplacian) / largest - 1
    return filtered(laplacian, signal, np.polynomial.chebyshev.chebval(scaled, coefficients))


def hidden_chebyshev(answer: Answer) -> None:
    for size, count, slack in [(5, 1, 1.0), (6, 2, 1.0), (8, 3, 1.5), (20, 6, 1.0), (11, 9, 1.2)]:
        adjacency = draw_graph(answer.rng, size, 0.4, alone=1)
        for laplacian in (laplacian_of(adjacency), np.diag(adjacency.sum(axis=1)) - adjacency):
            largest = float(np.linalg.eigvalsh(laplacian)[-1]) * slack + 1e-3
            signal = answer.rng.normal(0, 1, (size, 3))
            coefficients = answer.rng.normal(0, 1, count)
            given = answer.call("chebyshev_filter", laplacian, signal, coefficients, largest)
            right = chebyshev_by_eigenvectors(laplacian, signal, coefficients, largest)
            array = expect_shape(given, right.shape, "chebyshev_filter の結果")
            expect(count > 2 or bool(np.allclose(array, right, rtol=1e-3, atol=1e-3)), FEW_COEFFICIENTS_FAIL)
            expect_close(array, right, "chebyshev_filter の結果", rtol=1e-3, atol=1e-3)


# ch22.gcn_layer


def hidden_gcn_layer(answer: Answer) -> None:
    for size, inputs, outputs in [(7, 3, 5), (4, 4, 4), (12, 1, 2), (1, 3, 2), (3, 6, 1)]:
        adjacency = draw_graph(answer.rng, size, 0.5)
        looped = adjacency + np.eye(size)
        for normalised in (propagation_of(adjacency), looped / looped.sum(axis=1, keepdims=True)):
            features = answer.rng.normal(0, 1, (size, inputs))
            weight = answer.rng.normal(0, 1, (inputs, outputs))
            bias = answer.rng.normal(0, 1, outputs)
            right = np.maximum(normalised @ features @ weight + bias, 0)
            expect_close(
                answer.call("gcn_layer", normalised, features, weight, bias),
                right,
                "gcn_layer の結果",
                rtol=1e-3,
                atol=1e-4,
                known={
                    TRANSPOSED: np.maximum(normalised.T @ features @ weight + bias, 0),
                    BIAS_BEFORE_SUM: np.maximum(normalised @ (features @ weight + bias), 0),
                },
            )
            order = answer.rng.permutation(size)
            renumbered = expect_shape(
                answer.call("gcn_layer", normalised[np.ix_(order, order)], features[order], weight, bias),
                right.shape,
                "番号を付け替えたときの結果",
            )
            expect(bool(np.allclose(renumbered, right[order], rtol=1e-3, atol=1e-4)), NOT_EQUIVARIANT)


# ch22.label_propagation


NOT_HARMONIC = "何度もくり返すと、ラベルのない頂点の得点は、隣の得点の重み付き平均と等しくなるはずです。"


def scores_after(adjacency: Array, labels: Array, classes: int, steps: int) -> Array:
    """Label propagation (Zhu & Ghahramani, 2002)."""
    known = labels >= 0
    first = np.eye(classes + 1)[labels][:, :classes] * known[:, None]
    degrees = adjacency.sum(axis=1, keepdims=True)
    averaging = adjacency / np.where(degrees > 0, degrees, 1)
    scores = first
    for _ in range(steps):
        scores = np.where(known[:, None], first, averaging @ scores)
    return np.asarray(scores)


def draw_labels(rng: np.random.Generator, size: int, classes: int, known: int) -> Array:
    labels = np.full(size, -1)
    labels[rng.choice(size, known, replace=False)] = rng.integers(0, classes, known)
    return labels


def hidden_label_propagation(answer: Answer) -> None:
    for size, density, alone, classes, steps in [(8, 0.5, 0, 2, 0), (10, 0.3, 2, 3, 1), (25, 0.2, 3, 4, 6)]:
        adjacency = draw_graph(answer.rng, size, density, alone)
        labels = draw_labels(answer.rng, size, classes, known=4)
        expect_close(
            answer.call("propagate_labels", adjacency, labels, classes, steps),
            scores_after(adjacency, labels, classes, steps),
            "propagate_labels の結果",
        )
    check_harmonic(answer)
    check_alone(answer, 1)


def check_harmonic(answer: Answer) -> None:
    """Expects the harmonic solution (Zhu et al., ICML 2003) after many steps."""
    adjacency = draw_graph(answer.rng, 9, 1.0)
    labels = draw_labels(answer.rng, 9, 3, known=3)
    laplacian = np.diag(adjacency.sum(axis=1)) - adjacency
    free = labels < 0
    right = scores_after(adjacency, labels, 3, 0)
    right[free] = np.linalg.solve(
        laplacian[np.ix_(free, free)], adjacency[np.ix_(free, ~free)] @ right[~free]
    )
    given = expect_shape(answer.call("propagate_labels", adjacency, labels, 3, 200), (9, 3), "得点")
    expect(bool(np.allclose(given[~free], right[~free], atol=1e-4)), NOT_CLAMPED)
    expect(bool(np.allclose(given, right, rtol=1e-3, atol=1e-4)), NOT_HARMONIC)


# ch22.smoothness


def hidden_smoothness(answer: Answer) -> None:
    for size, density, alone, channels in [(6, 0.7, 0, 3), (15, 0.2, 3, 1), (40, 0.1, 2, 8), (3, 1.0, 0, 3)]:
        adjacency = draw_graph(answer.rng, size, density, alone)
        scale = float(10 ** answer.rng.uniform(-2, 2))
        features = scale * answer.rng.normal(0.5, 1, (size, channels))
        energy = np.trace(features.T @ (features - propagation_of(adjacency) @ features))
        right = energy / np.sum(features**2)
        expect_close(
            answer.call("smoothness", adjacency, features),
            right,
            "smoothness(adjacency, features)",
            rtol=1e-3,
            known={
                COUNTS_TWICE: 2 * right,
                LACKS_ONE: np.sum(features * (laplacian_of(adjacency) @ features)) / np.sum(features**2),
            },
        )
        check_zero_features(answer, adjacency)


# ch22.decide_graph


RING = np.roll(np.eye(34), 1, axis=0) + np.roll(np.eye(34), -1, axis=0)


def averages_until_flat(adjacency: Array, below: float = 0.01) -> int:
    """Counts the averages after which one-hot features are smooth, from the eigenvalues alone."""
    eigenvalues = np.linalg.eigvalsh(propagation_of(adjacency))
    energies = eigenvalues[:, None] ** (2 * np.arange(100))
    smoothness = (energies * (1 - eigenvalues[:, None])).sum(axis=0) / energies.sum(axis=0)
    return int(np.argmax(smoothness < below))


# ch22.link_auc


def hidden_link_auc(answer: Answer) -> None:
    for size, positives, negatives, channels in [
        (8, 6, 6, 2),
        (30, 40, 75, 3),
        (12, 1, 9, 1),
        (20, 15, 2, 4),
    ]:
        embeddings = answer.rng.integers(-6, 7, (size, channels)) / 4
        positive = answer.rng.integers(0, size, (positives, 2))
        negative = answer.rng.integers(0, size, (negatives, 2))
        gaps = np.sum(embeddings[positive[:, 0]] * embeddings[positive[:, 1]], axis=1)[:, None] - np.sum(
            embeddings[negative[:, 0]] * embeddings[negative[:, 1]], axis=1
        )
        expect_close(
            answer.call("link_auc", embeddings, positive, negative),
            np.mean((np.sign(gaps) + 1) / 2),
            "link_auc(embeddings, positive, negative)",
            known={
                TIES_COUNT_ZERO: np.mean(gaps > 0),
                TIES_COUNT_ONE: np.mean(gaps >= 0),
                AUC_REVERSED: np.mean((1 - np.sign(gaps)) / 2),
            },
        )


# ch22.classify_nodes


def hidden_classify_nodes(answer: Answer) -> None:
    check_classification(answer, classes=4, size=30, known=5, channels=8)


# The references, of which known mistakes change one thing.

ADJACENCY = """import numpy as np

def normalised_adjacency(adjacency, loop):
    looped = adjacency + loop * np.eye(len(adjacency))
    scale = 1 / np.sqrt(looped.sum(axis=1))
    return scale[:, np.newaxis] * looped * scale
"""
SPECTRUM = """import numpy as np

def spectral_filter(laplacian, signal, response):
    eigenvalues, vectors = np.linalg.eigh(laplacian)
    spectrum = vectors.T @ signal
    gains = response(eigenvalues)[:, np.newaxis]
    return vectors @ (gains * spectrum)
"""
CHEBYSHEV = """import numpy as np

def chebyshev_filter(laplacian, signal, coefficients, largest):
    scaled = 2 * laplacian / largest - np.eye(len(laplacian))
    before, current = signal, scaled @ signal
    result = coefficients[0] * before
    for coefficient in coefficients[1:]:
        result = result + coefficient * current
        before, current = current, 2 * scaled @ current - before
    return result
"""
GCN_LAYER = """import numpy as np

def gcn_layer(normalised, features, weight, bias):
    return np.maximum(normalised @ features @ weight + bias, 0)
"""
PROPAGATION = """import numpy as np

def propagate_labels(adjacency, labels, classes, steps):
    known = labels >= 0
    first = np.zeros((len(labels), classes))
    first[known, labels[known]] = 1
    degrees = adjacency.sum(axis=1, keepdims=True)
    averaging = adjacency / np.where(degrees > 0, degrees, 1)
    scores = first.copy()
    for _ in range(steps):
        scores = averaging @ scores
        scores[known] = first[known]
    return scores
"""
SMOOTHNESS = """import numpy as np

def smoothness(adjacency, features):
    size = np.sum(features ** 2)
    if size == 0:
        return 0.0
    y = features / np.sqrt(1 + adjacency.sum(axis=1))[:, np.newaxis]
    squares = np.sum((y[:, np.newaxis] - y[np.newaxis]) ** 2, axis=-1)
    return np.sum(adjacency * squares) / 2 / size
"""
AS_INTEGERS = """def link_auc(embeddings, positive, negative):
    embeddings = embeddings.astype(int)
"""
LINK_AUC = """import numpy as np

def link_auc(embeddings, positive, negative):
    def score(pairs):
        return np.sum(embeddings[pairs[:, 0]] * embeddings[pairs[:, 1]], axis=1)

    p, n = score(positive)[:, np.newaxis], score(negative)[np.newaxis]
    return np.mean((p > n) + 0.5 * (p == n))
"""
CLASSIFY = """import keras
import numpy as np

def classify_nodes(adjacency, features, labels, classes):
    keras.utils.set_random_seed(0)
    looped = adjacency + np.eye(len(adjacency))
    scale = 1 / np.sqrt(looped.sum(axis=1))
    normalised = (scale[:, np.newaxis] * looped * scale).astype("float32")
    inputs = keras.Input(features.shape)
    hidden = keras.ops.matmul(normalised, keras.layers.Dense(16)(inputs))
    hidden = keras.ops.relu(hidden)
    logits = keras.ops.matmul(normalised, keras.layers.Dense(classes)(hidden))
    model = keras.Model(inputs, keras.ops.softmax(logits))
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    known = labels >= 0
    x, y = features[np.newaxis], np.where(known, labels, 0)[np.newaxis]
    for _ in range(150):
        model.train_on_batch(x, y, sample_weight=1.0 * known[np.newaxis])
    return np.argmax(model.predict(x, verbose=0)[0], axis=-1)
"""

ANSWERS: dict[str, Key] = {
    "ch22.normalised_adjacency": Key(
        reference=ADJACENCY,
        explanation="行だけを割ると隣の平均になりますが、対称でなくなり、固有ベクトルが直交しません。平方根で行と列の両方を割ると対称なままで、固有値は -1 より大きく 1 以下に収まります。",
        alternatives={
            "対角行列を掛ける": """import numpy as np

def normalised_adjacency(adjacency, loop):
    looped = np.asarray(adjacency) + loop * np.identity(adjacency.shape[0])
    root = np.diag(np.sum(looped, axis=0) ** -0.5)
    return root @ looped @ root
""",
            "ループ": """from math import sqrt

def normalised_adjacency(adjacency, loop):
    n = len(adjacency)
    degree = [loop + sum(row) for row in adjacency]
    result = []
    for i in range(n):
        result.append([(adjacency[i][j] + loop * (i == j)) / sqrt(degree[i] * degree[j]) for j in range(n)])
    return result
""",
            "networkx の正規化ラプラシアン": """import networkx as nx
import numpy as np

def normalised_adjacency(adjacency, loop):
    graph = nx.from_numpy_array(adjacency)
    graph.add_edges_from(((node, node) for node in graph), weight=loop)
    return np.eye(len(adjacency)) - nx.normalized_laplacian_matrix(graph).toarray()
""",
            "keras.ops": """import keras

def normalised_adjacency(adjacency, loop):
    a = keras.ops.convert_to_tensor(adjacency, "float32")
    looped = a + loop * keras.ops.eye(a.shape[0])
    scale = keras.ops.rsqrt(keras.ops.sum(looped, axis=1, keepdims=True))
    return looped * keras.ops.matmul(scale, keras.ops.transpose(scale))
""",
        },
        mistakes={
            "自己ループがない": Mistake(
                """import numpy as np
def normalised_adjacency(adjacency, loop):
    degrees = adjacency.sum(axis=1)
    scale = np.where(degrees > 0, 1 / np.sqrt(np.maximum(degrees, 1e-12)), 0)
    return scale[:, None] * adjacency * scale
""",
                "自己ループがありません",
            ),
            "足す前の次数で割る": Mistake(
                changed(ADJACENCY, "looped.sum(", "adjacency.sum("),
                "自己ループを足す前の隣接行列から",
            ),
            "あとから単位行列を足す": Mistake(
                """import numpy as np
def normalised_adjacency(adjacency, loop):
    scale = 1 / np.sqrt(np.maximum(adjacency.sum(axis=1), 1e-12))
    return scale[:, None] * adjacency * scale + loop * np.eye(len(adjacency))
""",
                "次数で割ったあとに自己ループ",
            ),
            "行だけを割る": Mistake(
                """import numpy as np
def normalised_adjacency(adjacency, loop):
    looped = adjacency + loop * np.eye(len(adjacency))
    return looped / looped.sum(axis=1, keepdims=True)
""",
                "行ごとに次数で割って",
            ),
            "列だけを割る": Mistake(
                """import numpy as np
def normalised_adjacency(adjacency, loop):
    looped = adjacency + loop * np.eye(len(adjacency))
    return looped / looped.sum(axis=1)
""",
                "列ごとに次数で割って",
            ),
            "平方根を掛ける": Mistake(
                changed(ADJACENCY, "1 / np.sqrt(", "np.sqrt("),
                "次数の平方根を掛けて",
            ),
            "平方根を忘れる": Mistake(
                changed(ADJACENCY, "1 / np.sqrt(looped.sum(axis=1))", "1 / looped.sum(axis=1)"),
                "次数そのもので",
            ),
            "辺の本数を数える": Mistake(
                changed(ADJACENCY, "looped.sum(axis=1)", "(looped > 0).sum(axis=1)"),
                "辺の本数を次数に",
            ),
            "孤立した頂点を 0 にする": Mistake(
                changed(
                    ADJACENCY,
                    "looped = adjacency + loop * np.eye(len(adjacency))",
                    "looped = adjacency + np.diag(loop * (adjacency.sum(axis=1) > 0))\n"
                    "    looped_sum = np.maximum(looped.sum(axis=1), 1e-12)",
                ).replace("looped.sum(axis=1))\n    return", "looped_sum)\n    return"),
                "孤立した頂点の行が 0",
            ),
            "loop を使わない": Mistake(
                changed(ADJACENCY, "loop * np.eye", "np.eye"),
                "いつも重み 1 の自己ループ",
            ),
        },
        hidden=hidden_normalised_adjacency,
        equivalent={
            "looped.sum(axis=0))": "the matrix is symmetric",
            "np.identity(adjacency.shape[1])": "the matrix is square",
            "np.sum(looped, axis=1) **": "the matrix is symmetric",
            "laplacian_matrix(graph)": "a sparse matrix less is a NumPy matrix",
            "return np.eye(len(adjacency)) - nx.normalized_laplacian_matrix(graph)": (
                "a sparse matrix less is a NumPy matrix"
            ),
            "eye(a.shape[1])": "the matrix is square",
        },
    ),
    "ch22.spectrum": Key(
        reference=SPECTRUM,
        explanation="固有値が重なるとき、固有ベクトルの選び方は 1 通りではありません。それでも、同じ固有値には同じ倍率を掛けるので、結果は選び方によりません。ただし、固有ベクトルが正規直交でなければ Uᵀ は逆変換になりません。",
        alternatives={
            "射影を足し合わせる": """import numpy as np

def spectral_filter(laplacian, signal, response):
    eigenvalues, vectors = np.linalg.eigh(laplacian)
    result = np.zeros(signal.shape)
    for gain, u in zip(response(eigenvalues), vectors.T):
        result += gain * np.outer(u, u @ signal)
    return result
""",
            "eig と逆行列": """import numpy as np

def spectral_filter(laplacian, signal, response):
    eigenvalues, vectors = np.linalg.eig(laplacian)
    coefficients = np.linalg.solve(vectors, signal.astype(vectors.dtype))
    return np.real(vectors @ (response(np.real(eigenvalues))[:, None] * coefficients))
""",
            "異なる固有値の補間": """import numpy as np

def spectral_filter(laplacian, signal, response):
    values = []
    for value in np.linalg.eigvalsh(laplacian):
        if not values or value - values[-1] > 1e-6:
            values.append(value)
    result = 0
    for a, gain in zip(values, response(np.array(values))):
        part = signal
        for b in values:
            if b != a:
                part = (laplacian @ part - b * part) / (a - b)
        result = result + gain * part
    return result
""",
            "TensorFlow": """import tensorflow as tf

def spectral_filter(laplacian, signal, response):
    eigenvalues, u = tf.linalg.eigh(tf.constant(laplacian, tf.float64))
    gains = tf.constant(response(eigenvalues.numpy()), tf.float64)
    kernel = tf.matmul(u * gains, u, transpose_b=True)
    return tf.matmul(kernel, tf.constant(signal, tf.float64))
""",
        },
        mistakes={
            "逆変換がない": Mistake(
                changed(SPECTRUM, "vectors @ (gains * spectrum)", "gains * spectrum"),
                "逆変換がありません",
            ),
            "転置が逆": Mistake(
                changed(
                    changed(SPECTRUM, "vectors.T @ signal", "vectors @ signal"),
                    "vectors @ (gains",
                    "vectors.T @ (gains",
                ),
                "フーリエ変換と逆変換が逆です",
            ),
            "どちらも U を掛ける": Mistake(
                changed(SPECTRUM, "vectors.T @ signal", "vectors @ signal"),
                "倍率がすべて 1 なのに",
            ),
            "eig と転置": Mistake(
                changed(SPECTRUM, "np.linalg.eigh(", "np.linalg.eig("),
                "固有値が重なるグラフで",
            ),
            "成分ごとに response": Mistake(
                "def spectral_filter(laplacian, signal, response):\n    return response(laplacian) @ signal\n",
                "ラプラシアンの成分に掛けて",
            ),
            "列に倍率を掛ける": Mistake(
                """import numpy as np
def spectral_filter(laplacian, signal, response):
    eigenvalues, vectors = np.linalg.eigh(laplacian)
    spectrum = vectors.T @ signal
    gains = response(eigenvalues)
    if signal.shape[1] != len(gains):
        gains = np.resize(gains, signal.shape[1])
    return vectors @ (spectrum * gains)
""",
                "列 (特徴) に掛けて",
            ),
            "固有値だけを並べ替える": Mistake(
                changed(SPECTRUM, "response(eigenvalues)", "response(np.sort(eigenvalues)[::-1])"),
                "順番がそろって",
            ),
            "固有値を 1 までにそろえる": Mistake(
                changed(SPECTRUM, "response(eigenvalues)", "response(eigenvalues / eigenvalues.max())"),
                "固有値を最大値で割って",
            ),
            "倍率を 2 回掛ける": Mistake(
                changed(SPECTRUM, "(gains * spectrum)", "(gains * gains * spectrum)"),
                "倍率を 2 回掛けて",
            ),
        },
        hidden=hidden_spectrum,
        equivalent={
            "return (vectors @": "complex numbers without an imaginary part are taken for real ones",
            "np.linalg.solve(vectors, signal)": "NumPy converts it",
            "response(eigenvalues)": "complex numbers without an imaginary part are taken for real ones",
            ">= 1e-6": "eigenvalues differ by much more or by much less",
            "response(values)": "the gains that are asked for take a list, too",
            "u, u * gains": "the gains stand between both",
        },
    ),
    "ch22.chebyshev": Key(
        reference=CHEBYSHEV,
        explanation="1 回の掛け算で、値は 1 つ隣の頂点まで届きます。係数が K+1 個のフィルタは K 個先の頂点までしか見ないので、固有値分解が要らないだけでなく、局所的でもあります。",
        alternatives={
            "行列の漸化式": """import numpy as np

def chebyshev_filter(laplacian, signal, coefficients, largest):
    identity = np.eye(laplacian.shape[0])
    scaled = laplacian * (2 / largest) - identity
    polynomials = [identity, scaled]
    while len(polynomials) < len(coefficients):
        polynomials.append(2 * scaled @ polynomials[-1] - polynomials[-2])
    return sum(c * t for c, t in zip(coefficients, polynomials)) @ signal
""",
            "クレンショーの方法": """import numpy as np

def chebyshev_filter(laplacian, signal, coefficients, largest):
    def times(x):
        return 2 * (laplacian @ x) / largest - x

    first, second = np.zeros(signal.shape), np.zeros(signal.shape)
    for c in list(coefficients)[:0:-1]:
        first, second = c * signal + 2 * times(first) - second, first
    return coefficients[0] * signal + times(first) - second
""",
            "べき乗に直してホーナー法": """import numpy as np

def chebyshev_filter(laplacian, signal, coefficients, largest):
    scaled = 2 * laplacian / largest - np.eye(len(laplacian))
    result = np.zeros(signal.shape)
    for power in np.polynomial.chebyshev.cheb2poly(coefficients)[::-1]:
        result = scaled @ result + power * signal
    return result
""",
            "余弦と固有ベクトル": """import numpy as np

def chebyshev_filter(laplacian, signal, coefficients, largest):
    eigenvalues, u = np.linalg.eigh(laplacian)
    angles = np.arccos(np.clip(2 * eigenvalues / largest - 1, -1, 1))
    gains = sum(c * np.cos(k * angles) for k, c in enumerate(coefficients))
    return u @ np.diag(gains) @ u.T @ signal
""",
            "keras.ops": """import keras
from keras import ops

def chebyshev_filter(laplacian, signal, coefficients, largest):
    l, x = ops.cast(laplacian, "float32"), ops.cast(signal, "float32")
    polynomials = [x]
    for k in range(1, len(coefficients)):
        last = polynomials[-1]
        step = 2 / largest * ops.matmul(l, last) - last
        polynomials.append(step if k == 1 else 2 * step - polynomials[-2])
    return ops.sum(ops.stack([float(c) * t for c, t in zip(coefficients, polynomials)]), axis=0)
""",
        },
        mistakes={
            "べき乗を使う": Mistake(
                changed(CHEBYSHEV, "2 * scaled @ current - before", "scaled @ current"),
                "L̃ のべき乗",
            ),
            "そろえない": Mistake(
                changed(CHEBYSHEV, "2 * laplacian / largest - np.eye(len(laplacian))", "laplacian"),
                "-1〜1 にそろえて",
            ),
            "単位行列を引かない": Mistake(
                changed(CHEBYSHEV, " - np.eye(len(laplacian))", ""),
                "単位行列を引いていません",
            ),
            "largest が 2 と決めつける": Mistake(
                changed(CHEBYSHEV, "2 * laplacian / largest -", "laplacian -"),
                "largest を使わず",
            ),
            "2 を忘れる": Mistake(
                changed(CHEBYSHEV, "2 * scaled @ current", "scaled @ current"),
                "漸化式の 2 がありません",
            ),
            "符号が逆": Mistake(
                changed(CHEBYSHEV, "current - before", "current + before"),
                "T_(k-2) を足して",
            ),
            "第 2 種": Mistake(
                changed(CHEBYSHEV, "signal, scaled @ signal", "signal, 2 * scaled @ signal"),
                "第 2 種",
            ),
            "はじめの係数を半分にする": Mistake(
                changed(CHEBYSHEV, "= coefficients[0] *", "= coefficients[0] / 2 *"),
                "はじめの係数を半分に",
            ),
            "最後の係数を忘れる": Mistake(
                changed(CHEBYSHEV, "coefficients[1:]", "coefficients[1:-1]"),
                "最後の係数を使って",
            ),
            "いつも T_1 まで足す": Mistake(
                """import numpy as np
def chebyshev_filter(laplacian, signal, coefficients, largest):
    scaled = 2 * laplacian / largest - np.eye(len(laplacian))
    t = [signal, scaled @ signal]
    for k in range(2, len(coefficients)):
        t.append(2 * scaled @ t[k - 1] - t[k - 2])
    c = np.ones(len(t))
    c[:len(coefficients)] = coefficients
    return np.tensordot(c, t, 1)
""",
                "係数が 1 個のときは",
            ),
        },
        hidden=hidden_chebyshev,
    ),
    "ch22.gcn_layer": Key(
        reference=GCN_LAYER,
        explanation="W も b も、すべての頂点で同じです。だから頂点の番号を付け替えても、出力の行が同じように入れ替わるだけです。これを置換同変性といいます。",
        alternatives={
            "W を先に掛ける": """import numpy as np

def gcn_layer(normalised, features, weight, bias):
    messages = np.dot(features, weight)
    return np.dot(normalised, messages).__add__(bias).clip(min=0)
""",
            "頂点のループ": """import numpy as np

def gcn_layer(normalised, features, weight, bias):
    output = []
    for i in range(len(features)):
        gathered = np.zeros(features.shape[1])
        for j in range(len(features)):
            gathered = gathered + normalised[i, j] * features[j]
        z = gathered @ weight + bias
        output.append(np.where(z > 0, z, 0))
    return np.array(output)
""",
            "einsum": """import numpy as np

def gcn_layer(normalised, features, weight, bias):
    z = np.einsum("ij,jk,kl->il", normalised, features, weight) + bias[np.newaxis]
    return (z + np.abs(z)) / 2
""",
            "Dense と keras.ops": """import keras

def gcn_layer(normalised, features, weight, bias):
    dense = keras.layers.Dense(weight.shape[1], activation="relu")
    dense.build((None, weight.shape[0]))
    dense.set_weights([weight, bias])
    a, x = (keras.ops.cast(array, "float32") for array in (normalised, features))
    return dense(keras.ops.matmul(a, x))
""",
        },
        mistakes={
            "隣を見ない": Mistake(
                changed(GCN_LAYER, "normalised @ features", "features"),
                "隣接行列を掛けていません",
            ),
            "ReLU がない": Mistake(
                changed(
                    GCN_LAYER,
                    "np.maximum(normalised @ features @ weight + bias, 0)",
                    "normalised @ features @ weight + bias",
                ),
                "ReLU がありません",
            ),
            "バイアスがない": Mistake(
                changed(GCN_LAYER, " + bias", ""),
                "バイアスがありません",
            ),
            "バイアスを先に足す": Mistake(
                changed(GCN_LAYER, "features @ weight + bias", "(features @ weight + bias)"),
                "バイアスまで隣から",
            ),
            "バイアスをあとに足す": Mistake(
                changed(GCN_LAYER, " + bias, 0)", ", 0) + bias"),
                "ReLU のあとにバイアス",
            ),
            "ReLU を先に掛ける": Mistake(
                changed(
                    GCN_LAYER,
                    "np.maximum(normalised @ features @ weight + bias, 0)",
                    "normalised @ np.maximum(features @ weight + bias, 0)",
                ),
                "ReLU を掛けてから隣の値",
            ),
            "隣接行列を転置する": Mistake(
                changed(GCN_LAYER, "normalised @", "normalised.T @"),
                "隣接行列が転置されて",
            ),
            "その場で書き換える": Mistake(
                """import numpy as np
def gcn_layer(normalised, features, weight, bias):
    gathered = np.array(features, dtype=float)
    for i in range(len(gathered)):
        gathered[i] = normalised[i] @ gathered
    return np.maximum(gathered @ weight + bias, 0)
""",
                "書き換えずみの特徴",
            ),
            "見える例にだけ合わせる": Mistake(
                """import numpy as np
def gcn_layer(normalised, features, weight, bias):
    return np.array([[3, 0, 3], [3.5, 0, 0], [4, 0, 3]])
""",
                "同じように入れ替わりません",
            ),
        },
        hidden=hidden_gcn_layer,
        equivalent={
            "return output": "a list is numbers, too",
            "(array for array in": "Keras converts it",
        },
    ),
    "ch22.label_propagation": Key(
        reference=PROPAGATION,
        explanation="くり返しを続けると、ラベルのない頂点の得点は隣の得点の重み付き平均 (調和関数) に近づきます。この値は、そこから辺をたどって歩き、最初に着いたラベルがそのクラスである確率です。学習する重みはなく、特徴も使いません。",
        alternatives={
            "吸収するランダムウォーク": """import numpy as np

def propagate_labels(adjacency, labels, classes, steps):
    n = len(labels)
    walk = np.zeros((n, n))
    start = np.zeros((n, classes))
    for i in range(n):
        if labels[i] >= 0:
            walk[i, i] = 1
            start[i, labels[i]] = 1
        elif adjacency[i].any():
            walk[i] = adjacency[i] / adjacency[i].sum()
    return np.linalg.matrix_power(walk, steps) @ start
""",
            "隣のループ": """def propagate_labels(adjacency, labels, classes, steps):
    n = len(adjacency)
    scores = [[float(labels[i] == k) for k in range(classes)] for i in range(n)]
    for _ in range(steps):
        new = []
        for i in range(n):
            total = sum(adjacency[i])
            if labels[i] >= 0 or total == 0:
                new.append(scores[i])
            else:
                new.append([sum(adjacency[i][j] * scores[j][k] for j in range(n)) / total for k in range(classes)])
        scores = new
    return scores
""",
            "networkx": """import networkx as nx
import numpy as np

def propagate_labels(adjacency, labels, classes, steps):
    graph = nx.from_numpy_array(adjacency)
    scores = {i: np.eye(classes)[labels[i]] if labels[i] >= 0 else np.zeros(classes) for i in graph}
    for _ in range(steps):
        old = dict(scores)
        for i in graph:
            if labels[i] < 0 and graph.degree(i):
                total = graph.degree(i, weight="weight")
                scores[i] = sum(edge["weight"] * old[j] for j, edge in graph[i].items()) / total
    return np.stack([scores[i] for i in range(len(labels))])
""",
            "keras.ops": """import keras
from keras import ops

def propagate_labels(adjacency, labels, classes, steps):
    a = ops.cast(adjacency, "float32")
    known = ops.cast(labels >= 0, "float32")[:, None]
    first = ops.one_hot(ops.maximum(labels, 0), classes) * known
    degrees = ops.sum(a, axis=1, keepdims=True)
    scores = first
    for _ in range(steps):
        mean = ops.divide_no_nan(ops.matmul(a, scores), degrees)
        scores = known * first + (1 - known) * mean
    return scores
""",
        },
        mistakes={
            "ラベルを固定しない": Mistake(
                changed(PROPAGATION, "        scores[known] = first[known]\n", ""),
                "得点が変わっています",
            ),
            "最後の回に固定しない": Mistake(
                changed(
                    PROPAGATION,
                    "        scores = averaging @ scores\n        scores[known] = first[known]\n",
                    "        scores[known] = first[known]\n        scores = averaging @ scores\n",
                ),
                "最後の回に、ラベルのある",
            ),
            "1 回足りない": Mistake(
                changed(PROPAGATION, "range(steps)", "range(1, steps)"),
                "1 回足りません",
            ),
            "1 回多い": Mistake(
                changed(PROPAGATION, "range(steps)", "range(steps + 1)"),
                "1 回多すぎます",
            ),
            "対称に正規化する": Mistake(
                changed(
                    PROPAGATION,
                    "adjacency / np.where(degrees > 0, degrees, 1)",
                    "adjacency / np.sqrt(np.where(degrees > 0, degrees, 1) * np.where(degrees > 0, degrees, 1).T)",
                ),
                "次数の平方根で",
            ),
            "列ごとに割る": Mistake(
                changed(PROPAGATION, "adjacency.sum(axis=1, keepdims=True)", "adjacency.sum(axis=0)"),
                "列ごとに次数で割って",
            ),
            "自己ループを足す": Mistake(
                changed(
                    PROPAGATION,
                    "    degrees =",
                    "    adjacency = adjacency + np.eye(len(labels))\n    degrees =",
                ),
                "自己ループを足して",
            ),
            "足すだけ": Mistake(
                changed(PROPAGATION, "averaging @ scores", "adjacency @ scores"),
                "隣の得点を足しただけ",
            ),
            "-1 で one-hot を引く": Mistake(
                changed(
                    PROPAGATION,
                    "    first = np.zeros((len(labels), classes))\n    first[known, labels[known]] = 1\n",
                    "    first = np.eye(classes)[labels]\n",
                ),
                "最後のクラスのラベルを",
            ),
            "順に書き換える": Mistake(
                changed(
                    PROPAGATION,
                    "        scores = averaging @ scores\n        scores[known] = first[known]\n",
                    "        for i in np.flatnonzero(~known):\n            scores[i] = averaging[i] @ scores\n",
                ),
                "更新ずみの得点",
            ),
            "クラスを返す": Mistake(
                changed(PROPAGATION, "return scores", "return scores.argmax(axis=1)"),
                "クラスの番号ではなく",
            ),
            "0 で割る": Mistake(
                changed(PROPAGATION, "np.where(degrees > 0, degrees, 1)", "degrees"),
                "0÷0 が起きて",
            ),
        },
        hidden=hidden_label_propagation,
        equivalent={
            "scores = first": "the name is bound anew before anything is changed in place",
            "np.where(degrees > 1,": "a degree of 1 is replaced by 1",
            "known = (labels >= 0)[": "Keras converts it",
            "ops.one_hot(labels,": "a label of -1 gives zeros, too",
        },
    ),
    "ch22.predict_karate": estimated(
        32,
        within=1,
        explanation="2 人が中心にいるので、ほとんどの人は、どちらに近いかがはっきりしています。外れるのは、境目にいる頂点 8 くらいです。",
        low="割れ目は、交友関係にほとんど現れています。中心の 2 人から広げるだけで、境目の 1、2 人のほかは当たります。",
        high="頂点 8 は、部長の側に友だちが多いのに Mr. Hi の側へ移りました。つながりだけからは当たりません。",
    ),
    "ch22.predict_likeness": chosen(
        "ウ",
        explanation="隣から来るのは、集団と関係のない特徴です。保存した 5 つのシードのうち 4 つで、GCN のほうが低くなりました。",
        wrong={
            "ア": "高くなるのは、隣が似ているときです。下の図の、割合が 3 分の 1 のところを見ましょう。",
            "イ": "辺が役に立たないだけなら同じはずですが、平均で自分の特徴が薄まる分だけ、悪くなります。",
        },
    ),
    "ch22.classify_nodes": Key(
        reference=CLASSIFY,
        explanation="GCN は、雑音だらけの特徴を隣どうしで平均して雑音を減らし、特徴のない頂点にも隣から特徴を運びます。重みは頂点の番号によらないので、ラベルの 1 つもないグラフにもそのまま使えます。ラベル伝播では、ラベルのある頂点につながっていない頂点は予測できません。",
        alternatives={
            "頂点をバッチとみる層": """import keras
import numpy as np
import tensorflow as tf

class GraphConvolution(keras.layers.Layer):
    def __init__(self, units, normalised, activation):
        super().__init__()
        self.dense = keras.layers.Dense(units, use_bias=False)
        self.normalised, self.activation = normalised, keras.activations.get(activation)

    def call(self, x):
        return self.activation(tf.matmul(self.normalised, self.dense(x)))

def classify_nodes(adjacency, features, labels, classes):
    keras.utils.set_random_seed(1)
    a = adjacency + np.eye(len(adjacency))
    d = np.diag(a.sum(axis=1) ** -0.5)
    normalised = tf.constant(d @ a @ d, tf.float32)
    model = keras.Sequential(
        [GraphConvolution(32, normalised, "relu"), GraphConvolution(classes, normalised, "linear")]
    )
    x = tf.constant(features, tf.float32)
    nodes = np.flatnonzero(labels >= 0)
    model(x)
    optimizer = keras.optimizers.Adam(0.01)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(labels[nodes], tf.gather(model(x), nodes))
        optimizer.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))

    for _ in range(200):
        step()
    return tf.argmax(model(x), axis=1)
""",
            "fit とマスクした損失": """import keras
import numpy as np
from keras import ops

def masked_loss(y_true, y_pred):
    known = ops.cast(y_true >= 0, "float32")
    each = keras.losses.sparse_categorical_crossentropy(ops.maximum(y_true, 0), y_pred)
    return ops.sum(known * each) / ops.sum(known)

def classify_nodes(adjacency, features, labels, classes):
    n = len(labels)
    looped = adjacency + np.eye(n)
    mean = looped / looped.sum(axis=1, keepdims=True)
    x = keras.Input((n, features.shape[1]))
    a = keras.Input((n, n))
    h = keras.layers.Dense(24, activation="relu")(keras.layers.Dot(axes=(2, 1))([a, x]))
    h = keras.layers.Dropout(0.2)(h)
    y = keras.layers.Dense(classes, activation="softmax")(keras.layers.Dot(axes=(2, 1))([a, h]))
    model = keras.Model([x, a], y)
    model.compile(keras.optimizers.Adam(0.05), loss=masked_loss)
    inputs = [features[np.newaxis], mean[np.newaxis]]
    model.fit(inputs, labels[np.newaxis].astype("int32"), epochs=50, verbose=0)
    return model.predict(inputs, verbose=0)[0].argmax(axis=-1).tolist()
""",
            "前もって 2 回集めておく": """import keras
import numpy as np

def classify_nodes(adjacency, features, labels, classes):
    keras.utils.set_random_seed(3)
    looped = adjacency + np.eye(len(adjacency))
    scale = looped.sum(axis=1) ** -0.5
    normalised = looped * np.outer(scale, scale)
    gathered = normalised @ (normalised @ features)
    gathered = gathered / gathered.std()
    known = labels >= 0
    model = keras.Sequential([keras.layers.Dense(classes, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    model.fit(gathered[known], labels[known], batch_size=len(labels), epochs=40, verbose=0)
    return np.argmax(model.predict(gathered, batch_size=len(labels), verbose=0), axis=1)
""",
            "NumPy で逆伝播": """import numpy as np

def classify_nodes(adjacency, features, labels, classes):
    rng = np.random.default_rng(0)
    looped = adjacency + np.eye(len(adjacency))
    scale = looped.sum(axis=1) ** -0.5
    a = looped * np.outer(scale, scale)
    known = labels >= 0
    target = np.eye(classes)[labels] * known[:, None]
    w1 = rng.normal(0, 0.3, (features.shape[1], 32))
    w2 = rng.normal(0, 0.3, (32, classes))
    ax = a @ features
    for _ in range(400):
        z = ax @ w1
        ah = a @ np.maximum(z, 0)
        e = np.exp(ah @ w2 - (ah @ w2).max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        g = (p - target) * known[:, None] / known.sum()
        back = (a.T @ (g @ w2.T)) * (z > 0)
        w2 -= 0.5 * ah.T @ g
        w1 -= 0.5 * ax.T @ back
    return p.argmax(axis=1)
""",
        },
        mistakes={
            "確率を返す": Mistake(
                changed(
                    CLASSIFY,
                    "np.argmax(model.predict(x, verbose=0)[0], axis=-1)",
                    "model.predict(x, verbose=0)[0]",
                ),
                "確率 (頂点の数, クラスの数) が",
            ),
            "ラベルのない頂点だけを返す": Mistake(
                changed(CLASSIFY, "axis=-1)\n", "axis=-1)[~known]\n"),
                "ラベルのない頂点の予測だけ",
            ),
            "クラスを 1 から数える": Mistake(
                changed(CLASSIFY, "axis=-1)\n", "axis=-1) + 1\n"),
                "0 から classes - 1 までの整数",
            ),
            "-1 をクラス 0 として学習する": Mistake(
                changed(
                    CLASSIFY,
                    "sample_weight=1.0 * known[np.newaxis]",
                    "sample_weight=np.ones((1, len(labels)))",
                ),
                "クラス 0 や最後のクラスとして学習",
            ),
            "当てずっぽうに答える": Mistake(
                """import numpy as np
def classify_nodes(adjacency, features, labels, classes):
    return np.random.default_rng(0).integers(0, classes, len(labels))
""",
                "ラベルの付いた頂点でさえ",
            ),
            "辺を使わない": Mistake(
                changed(
                    CLASSIFY,
                    '(scale[:, np.newaxis] * looped * scale).astype("float32")',
                    'np.eye(len(adjacency), dtype="float32")',
                ),
                "辺を使わず、頂点の特徴だけ",
            ),
            "ラベル伝播": Mistake(
                """import numpy as np
def classify_nodes(adjacency, features, labels, classes):
    known = labels >= 0
    first = np.eye(classes)[labels] * known[:, None]
    scores = first
    for _ in range(100):
        scores = adjacency @ scores / np.maximum(adjacency.sum(axis=1, keepdims=True), 1)
        scores[known] = first[known]
    return scores.argmax(axis=1)
""",
                "特徴を使わず、辺とラベルだけ",
            ),
        },
        hidden=hidden_classify_nodes,
        equivalent={"*": "how the network learns is free: only its predictions count"},
    ),
    "ch22.smoothness": Key(
        reference=SMOOTHNESS,
        explanation="値は tr(Xᵀ(I - Â)X) / tr(XᵀX) と等しく、0 以上 2 未満です。Â を掛けるたびに、固有値の小さい成分が消えて √(1+d) に比例する成分が残るので、値は 0 に近づきます。",
        alternatives={
            "トレース": """import numpy as np

def smoothness(adjacency, features):
    looped = adjacency + np.eye(len(adjacency))
    degrees = looped.sum(axis=1)
    laplacian = np.eye(len(adjacency)) - looped / np.sqrt(np.outer(degrees, degrees))
    size = np.trace(features.T @ features)
    return np.trace(features.T @ laplacian @ features) / size if size else 0
""",
            "networkx の辺のループ": """import networkx as nx
import numpy as np

def smoothness(adjacency, features):
    graph = nx.from_numpy_array(adjacency)
    energy = 0.0
    for i, j, weight in graph.edges(data="weight"):
        a = features[i] / (1 + graph.degree(i, weight="weight")) ** 0.5
        b = features[j] / (1 + graph.degree(j, weight="weight")) ** 0.5
        energy += weight * np.dot(a - b, a - b)
    size = np.linalg.norm(features) ** 2
    return float(energy / size) if size > 0 else 0.0
""",
            "固有値の重み付き平均": """import numpy as np

def smoothness(adjacency, features):
    s = (1 + adjacency.sum(axis=1)) ** -0.5
    eigenvalues, u = np.linalg.eigh((np.diag(adjacency.sum(axis=1)) - adjacency) * s[:, None] * s)
    power = ((u.T @ features) ** 2).sum(axis=1)
    return np.average(eigenvalues, weights=power) if power.sum() else 0.0
""",
            "keras.ops": """import keras
from keras import ops

def smoothness(adjacency, features):
    a, x = ops.cast(adjacency, "float32"), ops.cast(features, "float32")
    degrees = ops.sum(a, axis=1)
    y = x / ops.sqrt(1 + degrees)[:, None]
    energy = ops.sum(degrees[:, None] * y * y) - ops.sum(y * ops.matmul(a, y))
    return ops.divide_no_nan(energy, ops.sum(x * x))
""",
        },
        mistakes={
            "辺を 2 回数える": Mistake(
                changed(SMOOTHNESS, " / 2 / size", " / size"),
                "どの辺も 2 回",
            ),
            "次数で割らない": Mistake(
                changed(
                    SMOOTHNESS, "features / np.sqrt(1 + adjacency.sum(axis=1))[:, np.newaxis]", "features"
                ),
                "次数の平方根で割っていません",
            ),
            "自己ループの分を忘れる": Mistake(
                changed(SMOOTHNESS, "1 + adjacency.sum(axis=1)", "np.maximum(adjacency.sum(axis=1), 1e-12)"),
                "割る数が √d_i",
            ),
            "次数で割る": Mistake(
                changed(SMOOTHNESS, "np.sqrt(1 + adjacency.sum(axis=1))", "(1 + adjacency.sum(axis=1))"),
                "次数の平方根ではなく",
            ),
            "大きさで割らない": Mistake(
                changed(SMOOTHNESS, " / 2 / size", " / 2"),
                "特徴の大きさで割って",
            ),
            "ノルムで割る": Mistake(
                changed(SMOOTHNESS, "size = np.sum(features ** 2)", "size = np.linalg.norm(features)"),
                "ノルムで割って",
            ),
            "2 乗しない": Mistake(
                changed(SMOOTHNESS, "np.sum(adjacency * squares)", "np.sum(adjacency * np.sqrt(squares))"),
                "差のノルムを 2 乗",
            ),
            "辺の重みを掛けない": Mistake(
                changed(SMOOTHNESS, "np.sum(adjacency * squares)", "np.sum((adjacency > 0) * squares)"),
                "辺の重みを掛けて",
            ),
            "1 から引く": Mistake(
                changed(SMOOTHNESS, "return np.sum", "return 1 - np.sum"),
                "1 から引いた値",
            ),
            "0 で割る": Mistake(
                changed(SMOOTHNESS, "    if size == 0:\n        return 0.0\n", ""),
                "すべて 0 の特徴で",
            ),
        },
        hidden=hidden_smoothness,
        equivalent={
            'ops.cast(adjacency, "float32"), features': "Keras converts it",
            "ops.sum(a, axis=0)": "the matrix is symmetric",
            "adjacency.sum(axis=0)) ** -0.5": "the matrix is symmetric",
        },
    ),
    "ch22.decide_graph": estimated(
        averages_until_flat(RING),
        within=0.5,
        explanation="いちばん長く違いが残るのは、輪です。端から端まで遠いグラフほど、平均が全体に行き渡るのに時間がかかります。"
        "星は、どの 2 つの頂点も真ん中を通って 2 歩なので、いちばん早く区別がなくなります。",
        low="もっと長く違いが残ります。3 つのグラフを測り、いちばん長く残るものを選びましたか。掛ける前を 0 回目と数えます。",
        high="値が初めて 0.01 を下回った回を答えます。掛ける前を 0 回目と数えているか、特徴が np.eye(34) かを確かめましょう。",
    ),
    "ch22.link_auc": Key(
        reference=LINK_AUC,
        explanation="AUC は、辺のあるペアとないペアを 1 つずつ無作為に選んだとき、辺のあるペアの得点のほうが大きい確率です。得点が無作為なら 0.5 になるように、同点は半分と数えます。",
        alternatives={
            "順位の和": """import numpy as np
from scipy.stats import rankdata

def link_auc(embeddings, positive, negative):
    pairs = np.concatenate([positive, negative])
    ranks = rankdata(np.einsum("pk,pk->p", embeddings[pairs[:, 0]], embeddings[pairs[:, 1]]))
    m, n = len(positive), len(negative)
    return (ranks[:m].sum() - m * (m + 1) / 2) / (m * n)
""",
            "ループ": """def link_auc(embeddings, positive, negative):
    def score(pair):
        return sum(a * b for a, b in zip(embeddings[pair[0]], embeddings[pair[1]]))

    negatives = [score(pair) for pair in negative]
    wins = 0.0
    for pair in positive:
        s = score(pair)
        for t in negatives:
            wins += 1.0 if s > t else 0.5 if s == t else 0.0
    return wins / len(positive) / len(negatives)
""",
            "scikit-learn": """import numpy as np
from sklearn.metrics import roc_auc_score

def link_auc(embeddings, positive, negative):
    gram = embeddings @ embeddings.T
    truth = [1] * len(positive) + [0] * len(negative)
    scores = np.concatenate([gram[tuple(positive.T)], gram[tuple(negative.T)]])
    return roc_auc_score(truth, scores)
""",
            "並べ替えと二分探索": """import numpy as np

def link_auc(embeddings, positive, negative):
    gram = embeddings @ embeddings.T
    p, n = gram[positive[:, 0], positive[:, 1]], np.sort(gram[negative[:, 0], negative[:, 1]])
    below = np.searchsorted(n, p, side="left")
    not_above = np.searchsorted(n, p, side="right")
    return float(np.mean(below + not_above) / 2 / len(n))
""",
            "keras.ops": """from keras import ops

def link_auc(embeddings, positive, negative):
    e = ops.cast(embeddings, "float32")
    p, n = (ops.sum(ops.take(e, q[:, 0], 0) * ops.take(e, q[:, 1], 0), axis=1) for q in (positive, negative))
    return ops.mean((ops.sign(p[:, None] - n[None]) + 1) / 2)
""",
        },
        mistakes={
            "埋め込みを整数にする": Mistake(
                changed(LINK_AUC, "def link_auc(embeddings, positive, negative):\n", AS_INTEGERS),
                "小数のまま内積",
            ),
            "同点を 0 とする": Mistake(
                changed(LINK_AUC, "(p > n) + 0.5 * (p == n)", "p > n"),
                "同点を 0 と数えて",
            ),
            "同点を 1 とする": Mistake(
                changed(LINK_AUC, "(p > n) + 0.5 * (p == n)", "p >= n"),
                "同点を 1 と数えて",
            ),
            "コサイン類似度": Mistake(
                changed(
                    LINK_AUC,
                    "    def score",
                    "    embeddings = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)\n    def score",
                ),
                "コサイン類似度を",
            ),
            "距離": Mistake(
                changed(
                    LINK_AUC,
                    "np.sum(embeddings[pairs[:, 0]] * embeddings[pairs[:, 1]], axis=1)",
                    "-np.sum((embeddings[pairs[:, 0]] - embeddings[pairs[:, 1]]) ** 2, axis=1)",
                ),
                "距離の近さを",
            ),
            "大小が逆": Mistake(
                changed(LINK_AUC, "(p > n)", "(p < n)"),
                "大小が逆です",
            ),
            "1 対 1 で比べる": Mistake(
                """import numpy as np
def link_auc(embeddings, positive, negative):
    gram = embeddings @ embeddings.T
    pairs = zip(positive, negative)
    gaps = [gram[tuple(a)] - gram[tuple(b)] for a, b in pairs]
    return np.mean((np.sign(gaps) + 1) / 2)
""",
                "1 対 1 で比べて",
            ),
            "0 で分ける": Mistake(
                """import numpy as np
def link_auc(embeddings, positive, negative):
    gram = embeddings @ embeddings.T
    right = [gram[tuple(pair)] > 0 for pair in positive] + [gram[tuple(pair)] <= 0 for pair in negative]
    return np.mean(right)
""",
                "0 より大きいかで",
            ),
            "足し合わせない": Mistake(
                """import numpy as np
def link_auc(embeddings, positive, negative):
    p, n = (np.ravel(embeddings[q[:, 0]] * embeddings[q[:, 1]]) for q in (positive, negative))
    return np.mean((np.sign(p[:, None] - n) + 1) / 2)
""",
                "足し合わせていません",
            ),
        },
        hidden=hidden_link_auc,
        equivalent={
            "e = embeddings": "the numbers are exact enough",
            "embeddings[pairs[:, 1]], embeddings[pairs[:, 0]]": "a product of vectors is symmetric",
        },
    ),
}
