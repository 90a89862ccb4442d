"""Chapter 22's taught code: the layer and its training against NumPy, the spectrum against what is known."""

from __future__ import annotations

from typing import Any

import keras
import networkx as nx
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from chapters.ch22_gcn import experiment, graphs, taught
from chapters.ch22_gcn.graphs import Array, adjacency_matrix

KARATE = adjacency_matrix(graphs.karate_club().graph).astype("float64")

SMALL = graphs.communities(1, (12, 12), within=0.4, between=0.05, signal=2.0, width=4)


@pytest.fixture
def propagation() -> Array:
    return taught.propagation_matrix(graphs.adjacency_matrix(SMALL.graph))


def test_two_layers_are_the_formula(propagation: Array) -> None:
    keras.utils.set_random_seed(1)
    model = taught.node_classifier(4, 2, hidden=5)
    weights = [value + 0.1 for value in model.get_weights()]
    model.set_weights(weights)

    found = model.predict_on_batch([SMALL.features[None], propagation[None]])[0]

    hidden = np.maximum(propagation @ SMALL.features @ weights[0] + weights[1], 0)
    np.testing.assert_allclose(found, propagation @ hidden @ weights[2] + weights[3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("residual", [False, True])
def test_renumbering_the_nodes_renumbers_the_output(propagation: Array, residual: bool) -> None:
    model = taught.node_classifier(4, 2, depth=4, residual=residual)
    order = np.random.default_rng(1).permutation(24)

    plain = model.predict_on_batch([SMALL.features[None], propagation[None]])[0]
    mixed = model.predict_on_batch([SMALL.features[order][None], propagation[order][:, order][None]])[0]

    np.testing.assert_allclose(mixed, plain[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("depth", "expected"), [(1, 10), (2, 114), (4, 658)])
def test_parameters_depend_on_depth_and_not_on_the_graph(depth: int, expected: int) -> None:
    assert taught.node_classifier(4, 2, depth=depth, hidden=16).count_params() == expected


def test_residual_connections_add_the_input(propagation: Array) -> None:
    model = taught.node_classifier(16, 2, depth=2, residual=True)
    model.layers[-1].set_weights([np.eye(16, 2), np.zeros(2)])
    for layer in model.layers:
        if isinstance(layer, taught.GraphConvolution) and layer.units == 16:
            layer.set_weights([np.zeros((16, 16)), np.zeros(16)])
    features = np.random.default_rng(1).normal(size=(24, 16)).astype("float32")

    found = model.predict_on_batch([features[None], propagation[None]])[0]

    np.testing.assert_allclose(found, (propagation @ features)[:, :2], atol=1e-5)


def test_training_reads_only_the_labels_that_are_told(propagation: Array) -> None:
    labelled = graphs.choose_labelled(SMALL.labels, 3, seed=1)
    lies = np.where(labelled, SMALL.labels, 0)
    found = []
    for labels in (SMALL.labels, lies):
        keras.utils.set_random_seed(1)
        model = taught.node_classifier(4, 2)
        found.append(taught.fit_nodes(model, SMALL.features, propagation, labels, labelled, steps=100))

    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] == SMALL.labels).mean() > 0.85


def test_without_the_graph_equal_features_get_equal_classes() -> None:
    features = np.repeat(np.eye(2, 4, dtype="float32"), 12, axis=0)
    labelled = graphs.choose_labelled(SMALL.labels, 1, seed=1)
    alone = np.eye(24, dtype="float32")

    found = taught.fit_nodes(taught.node_classifier(4, 2), features, alone, SMALL.labels, labelled, steps=100)

    np.testing.assert_array_equal(found, SMALL.labels)


def test_link_scores_are_inner_products_of_the_codes(propagation: Array) -> None:
    model = taught.link_model(4, hidden=6, code=3)
    inputs = [SMALL.features[None], propagation[None]]
    last = [layer for layer in model.layers if isinstance(layer, taught.GraphConvolution)][-1]
    codes = keras.Model(model.inputs, last.output).predict_on_batch(inputs)[0]

    scores = model.predict_on_batch(inputs)

    assert scores.shape == (1, 24, 24, 1)
    np.testing.assert_allclose(scores[0, ..., 0], codes @ codes.T, rtol=1e-4, atol=1e-5)


def test_links_are_learnt_among_the_allowed_pairs() -> None:
    known = graphs.adjacency_matrix(SMALL.graph)
    keras.utils.set_random_seed(1)

    scores = taught.fit_links(taught.link_model(4), SMALL.features, known, steps=100)

    others = (1 - known) * (1 - np.eye(24))
    assert scores[known > 0].mean() > scores[others > 0].mean() + 0.5


def test_padding_changes_no_graph_and_its_number_changes_no_mean() -> None:
    drawn = graphs.molecules(4, seed=1, largest=12)
    wide = graphs.molecules(4, seed=1, largest=12)
    model = taught.graph_classifier(3, hidden=8)
    inputs = experiment.graph_inputs(drawn)
    longer = [
        np.pad(wide.features, ((0, 0), (0, 9), (0, 0))),
        taught.propagation_matrix(np.pad(wide.adjacency, ((0, 0), (0, 9), (0, 9)))),
        np.pad(wide.mask, ((0, 0), (0, 9))),
    ]

    np.testing.assert_allclose(
        model.predict_on_batch(inputs), model.predict_on_batch(longer), rtol=1e-4, atol=1e-5
    )


def test_without_bonds_the_wiring_does_not_count() -> None:
    drawn = graphs.molecules(6, seed=1)

    _, propagation, _ = experiment.graph_inputs(drawn, bonds=False)

    np.testing.assert_array_equal(propagation, np.broadcast_to(np.eye(16), (6, 16, 16)))


def drawn_graphs() -> list[nx.Graph]:
    drawn = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        drawn.append(nx.gnp_random_graph(int(rng.integers(2, 40)), rng.uniform(0.02, 0.6), seed=seed))
    return drawn


MANY = drawn_graphs()


def as_float(graph: nx.Graph) -> Array:
    return adjacency_matrix(graph).astype("float64")


def filtered(matrix: Array, signal: Array, response: Any) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * response(values)) @ vectors.T @ signal)


def chebyshev(matrix: Array, signal: Array, coefficients: Array) -> Array:
    """The recurrence, for eigenvalues in [0, 2]."""
    terms = [signal, matrix @ signal - signal]
    while len(terms) < len(coefficients):
        terms.append(2 * (matrix @ terms[-1] - terms[-1]) - terms[-2])
    return np.asarray(np.tensordot(coefficients, terms[: len(coefficients)], 1))


def test_propagation_matrix_of_a_path_by_hand() -> None:
    path = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], "float32")

    matrix = taught.propagation_matrix(path)

    side = 1 / np.sqrt(6)
    np.testing.assert_allclose(matrix, [[1 / 2, side, 0], [side, 1 / 3, side], [0, side, 1 / 2]], rtol=1e-6)
    assert matrix.dtype == np.float32


def test_propagation_matrices_of_a_batch_are_those_of_its_graphs() -> None:
    batch = np.stack([adjacency_matrix(nx.gnp_random_graph(7, 0.4, seed=seed)) for seed in (1, 2)])

    together = taught.propagation_matrix(batch)

    for one, adjacency in zip(together, batch, strict=True):
        np.testing.assert_array_equal(one, taught.propagation_matrix(adjacency))


def test_propagation_has_1_as_its_largest_eigenvalue_and_none_at_minus_1() -> None:
    spectra = [np.linalg.eigvalsh(taught.propagation_matrix(as_float(graph))) for graph in MANY]

    assert max(abs(values.max() - 1) for values in spectra) < 1e-10
    assert min(values.min() for values in spectra) > -0.999


def test_without_self_loops_a_bipartite_graph_has_the_eigenvalue_minus_1() -> None:
    laplacian = taught.normalised_laplacian(as_float(nx.complete_bipartite_graph(3, 4)))

    assert np.linalg.eigvalsh(np.eye(7) - laplacian).min() == pytest.approx(-1, abs=1e-9)


def test_on_a_torus_propagation_is_the_convolution_by_a_cross() -> None:
    torus = nx.convert_node_labels_to_integers(nx.grid_2d_graph(8, 8, periodic=True), ordering="sorted")
    image = np.random.default_rng(1).normal(size=(8, 8)).astype("float32")
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], "float32") / 5

    found = (taught.propagation_matrix(adjacency_matrix(torus)) @ image.ravel()).reshape(8, 8)

    padded = np.pad(image, 1, mode="wrap")[None, ..., None]
    np.testing.assert_allclose(found, ops.conv(padded, cross[..., None, None])[0, ..., 0], atol=1e-6)


def test_every_filter_on_a_ring_is_symmetric() -> None:
    rng, ring = np.random.default_rng(2), taught.normalised_laplacian(as_float(nx.cycle_graph(24)))

    for _ in range(100):
        response = chebyshev(ring, np.eye(24)[0], rng.normal(size=6))
        np.testing.assert_allclose(response[1:], response[1:][::-1], atol=1e-9)


def test_normalised_laplacian_by_hand_and_of_a_lonely_node() -> None:
    star = np.zeros((4, 4))
    star[0, 1:3] = star[1:3, 0] = 1

    side = -1 / np.sqrt(2)
    by_hand = [[1, side, side, 0], [side, 1, 0, 0], [side, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(taught.normalised_laplacian(star), by_hand)


def test_energy_of_the_lesson_is_15_and_the_sum_over_the_edges() -> None:
    tiny = nx.Graph([(0, 1), (0, 2), (1, 2), (2, 3)])
    signal = np.array([1, 2, 3, 6])

    assert signal @ nx.laplacian_matrix(tiny, nodelist=range(4)) @ signal == 15
    assert sum((signal[a] - signal[b]) ** 2 for a, b in tiny.edges) == 15


def test_eigenvalue_0_is_there_once_for_each_component() -> None:
    for graph in MANY:
        values = np.linalg.eigvalsh(nx.laplacian_matrix(graph).toarray().astype(float))
        assert (values < 1e-8).sum() == nx.number_connected_components(graph)


def test_on_a_ring_the_spectrum_is_that_of_fourier() -> None:
    ring = taught.normalised_laplacian(as_float(nx.cycle_graph(24)))
    signal = np.random.default_rng(3).normal(size=24)
    frequencies = 1 - np.cos(2 * np.pi * np.arange(24) / 24)

    np.testing.assert_allclose(np.linalg.eigvalsh(ring), np.sort(frequencies), atol=1e-10)
    by_fft = np.fft.ifft(np.fft.fft(signal) * np.exp(-3 * frequencies)).real
    np.testing.assert_allclose(filtered(ring, signal, lambda v: np.exp(-3 * v)), by_fft, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_low_pass_filter_takes_noise_away(seed: int) -> None:
    graph = graphs.towns(seed=2, nodes=120, radius=0.15)
    places = np.array([graph.nodes[node]["pos"] for node in range(120)])
    truth = np.sin(3 * places[:, 0]) + np.cos(3 * places[:, 1])
    noisy = truth + np.random.default_rng(seed).normal(0, 0.8, 120)

    laplacian = taught.normalised_laplacian(as_float(graph))
    found = filtered(laplacian, noisy, lambda values: 1 / (1 + 5 * values))

    assert np.sqrt(np.mean((found - truth) ** 2) / np.mean((noisy - truth) ** 2)) < 0.8


def test_polynomial_learnt_on_one_graph_is_right_on_another() -> None:
    here, there = (
        np.eye(60) - taught.propagation_matrix(as_float(graph))
        for graph in (nx.watts_strogatz_graph(60, 4, 0.05, seed=1), nx.barabasi_albert_graph(60, 2, seed=1))
    )
    values = np.linalg.eigvalsh(here)
    learnt = np.polynomial.polynomial.polyfit(values, (1 - values) ** 2, 2)

    found = sum(c * np.linalg.matrix_power(there, k) for k, c in enumerate(learnt))

    np.testing.assert_allclose(found, np.linalg.matrix_power(np.eye(60) - there, 2), atol=1e-6)


@pytest.mark.parametrize("degree", [0, 1, 2, 5])
def test_recurrence_and_eigenvectors_give_the_same_polynomial(degree: int) -> None:
    rng, laplacian = np.random.default_rng(4), taught.normalised_laplacian(KARATE)
    signal, coefficients = rng.normal(size=(34, 3)), rng.normal(size=degree + 1)

    def response(values: Array) -> Array:
        return np.asarray(np.polynomial.chebyshev.chebval(values - 1, coefficients))

    by_eigenvectors = filtered(laplacian, signal, response)
    np.testing.assert_allclose(chebyshev(laplacian, signal, coefficients), by_eigenvectors, atol=1e-10)


def test_coefficients_of_a_polynomial_are_exact() -> None:
    found = taught.chebyshev_coefficients(lambda values: values**2, 3, largest=2.0)

    np.testing.assert_allclose(found, [1.5, 2, 0.5, 0], atol=1e-12)  # (x + 1)^2 = 1.5 T0 + 2 T1 + 0.5 T2


@pytest.mark.parametrize("degree", [0, 1, 2, 9])
def test_coefficients_are_those_of_numpy(degree: int) -> None:
    found = taught.chebyshev_coefficients(lambda values: np.exp(-values), degree, largest=17.0)

    right = np.polynomial.chebyshev.chebinterpolate(lambda x: np.exp(-17 * (x + 1) / 2), degree)
    np.testing.assert_allclose(found, right, atol=1e-12)


def test_degree_10_approximates_the_filter_of_the_lesson() -> None:
    laplacian, signal = taught.normalised_laplacian(KARATE), np.random.default_rng(5).normal(size=34)

    def smooth(values: Array) -> Array:
        return np.asarray(np.exp(-3 * values))

    found = chebyshev(laplacian, signal, taught.chebyshev_coefficients(smooth, 10))
    np.testing.assert_allclose(found, filtered(laplacian, signal, smooth), atol=1e-4)


def test_degree_3_reaches_3_steps_and_no_further() -> None:
    laplacian = taught.normalised_laplacian(KARATE)
    steps = nx.single_source_shortest_path_length(graphs.karate_club().graph, 16)
    far = np.array([steps[node] for node in range(34)])

    spread = chebyshev(laplacian, np.eye(34)[16], np.array([1.0, -2.0, 0.5, 3.0]))

    assert far.max() > 3
    assert not spread[far > 3].any()
    assert spread[far == 3].all()


def test_first_order_is_the_sum_with_the_identity_whose_eigenvalues_are_0_to_2() -> None:
    laplacian, signal = taught.normalised_laplacian(KARATE), np.random.default_rng(6).normal(size=34)
    scale = 1 / np.sqrt(KARATE.sum(axis=1))
    plain = scale[:, None] * KARATE * scale

    found = chebyshev(laplacian, signal, np.array([1.0, -1.0]))

    np.testing.assert_allclose(found, signal + plain @ signal, atol=1e-12)
    for graph in MANY:
        if min(degree for _, degree in graph.degree) > 0:
            values = 2 - np.linalg.eigvalsh(taught.normalised_laplacian(as_float(graph)))
            assert values.min() > -1e-10
            assert values.max() < 2 + 1e-10


def test_dense_layers_are_not_equivariant() -> None:
    keras.utils.set_random_seed(1)
    dense = keras.Sequential([keras.Input((34 * 34,)), layers.Dense(16, "relu"), layers.Dense(34)])
    matrix, order = taught.propagation_matrix(KARATE), np.random.default_rng(7).permutation(34)

    plain, mixed = (dense.predict_on_batch(m.reshape(1, -1))[0] for m in (matrix, matrix[order][:, order]))

    assert np.abs(mixed - plain[order]).max() > 0.1 * np.abs(plain).max()


def test_two_layers_see_two_steps_and_no_further() -> None:
    model = taught.node_classifier(34, 2)
    features = tf.constant(np.random.default_rng(8).normal(size=(1, 34, 34)).astype("float32"))
    matrix = tf.constant(taught.propagation_matrix(KARATE)[None].astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(features)
        score = tf.reduce_sum(model([features, matrix])[0, 16])
    seen = np.abs(tape.gradient(score, features).numpy()[0]).sum(axis=1)
    steps = nx.single_source_shortest_path_length(graphs.karate_club().graph, 16)

    assert not any(seen[node] for node in range(34) if steps[node] > 2)
    assert seen[16] > 0


def test_what_is_left_after_many_steps_is_the_same_for_all_and_shrinks_by_the_second_eigenvalue() -> None:
    matrix = taught.propagation_matrix(KARATE)
    cloud = np.random.default_rng(9).normal(size=(34, 2)) + 1.5 * np.eye(2)[graphs.karate_club().labels]
    values, vectors = np.linalg.eigh(matrix)
    dominant = np.outer(vectors[:, -1], vectors[:, -1] @ cloud)

    rest = [np.linalg.norm(np.linalg.matrix_power(matrix, k) @ cloud - dominant) for k in (100, 101)]
    final = np.linalg.matrix_power(matrix, 200) @ cloud / np.sqrt(KARATE.sum(axis=1) + 1)[:, None]

    assert rest[1] / rest[0] == pytest.approx(np.sort(np.abs(values))[-2], abs=1e-6)
    assert (final.std(axis=0) / np.abs(final.mean(axis=0))).max() < 1e-4


def test_spectrum_tells_a_hexagon_from_two_triangles() -> None:
    triangles = nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))
    zeros = [
        int((np.linalg.eigvalsh(nx.laplacian_matrix(graph).toarray().astype(float)) < 1e-8).sum())
        for graph in (nx.cycle_graph(6), triangles)
    ]

    assert zeros == [1, 2]


def test_one_layer_of_degree_16_reaches_further_than_16_averages() -> None:
    line = taught.normalised_laplacian(as_float(nx.path_graph(40)))

    one_layer = chebyshev(line, np.eye(40)[0], np.eye(17)[16])[16]

    assert abs(one_layer) > 100 * abs(np.linalg.matrix_power(np.eye(40) - line, 16)[16, 0])


def test_recommendation_scores_users_by_items() -> None:
    bought = graphs.purchases(seed=1, users=20, items=12, each=4)

    scores = taught.recommend(bought.known, steps=50)

    assert scores.shape == (20, 12)
    assert scores[bought.known > 0].mean() > scores[bought.known == 0].mean()
