"""Chapter 22's judge: its own arithmetic against other people's."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from sklearn.semi_supervised import LabelPropagation

from chapters.ch22_gcn import probes
from chapters.ch22_gcn.answers import (
    RING,
    averages_until_flat,
    chebyshev_by_eigenvectors,
    draw_graph,
    filtered,
    laplacian_of,
    propagation_of,
    scores_after,
)
from chapters.ch22_gcn.exercises import WEIGHTED_PATH, draw_blocks

Array = npt.NDArray[Any]


@pytest.mark.parametrize("alone", [0, 2])
def test_laplacian_is_that_of_networkx(alone: int) -> None:
    adjacency = draw_graph(np.random.default_rng(1), 9, 0.5, alone)
    graph = nx.from_numpy_array(adjacency)

    np.testing.assert_allclose(laplacian_of(adjacency), nx.normalized_laplacian_matrix(graph).toarray())


def test_propagation_has_eigenvalues_above_minus_1_and_up_to_1() -> None:
    for seed in range(5):
        eigenvalues = np.linalg.eigvalsh(propagation_of(draw_graph(np.random.default_rng(seed), 12, 0.3, 2)))

        assert eigenvalues[0] > -1
        np.testing.assert_allclose(eigenvalues[-1], 1)


def test_spectral_filter_is_the_matrix_function_of_tensorflow() -> None:
    rng = np.random.default_rng(2)
    laplacian = laplacian_of(draw_graph(rng, 8, 0.4, alone=1))
    signal = rng.normal(0, 1, (8, 3))

    gains = np.exp(-2 * np.linalg.eigvalsh(laplacian))

    np.testing.assert_allclose(filtered(laplacian, signal, gains), tf.linalg.expm(-2 * laplacian) @ signal)


def test_path_of_the_visible_check_is_a_normalised_laplacian() -> None:
    adjacency = np.array([[0, 1, 0], [1, 0, 3], [0, 3, 0]])

    np.testing.assert_allclose(WEIGHTED_PATH, laplacian_of(adjacency), atol=1e-12)
    np.testing.assert_allclose(np.linalg.eigvalsh(WEIGHTED_PATH), [0, 1, 2], atol=1e-12)


def test_chebyshev_filter_is_the_polynomial_in_powers() -> None:
    rng = np.random.default_rng(3)
    laplacian = laplacian_of(draw_graph(rng, 7, 0.5))
    signal = rng.normal(0, 1, (7, 2))
    scaled = 2 * laplacian / 3 - np.eye(7)

    powers = np.polynomial.chebyshev.cheb2poly([1.0, -2.0, 0.5, 3.0])
    expected = sum(c * np.linalg.matrix_power(scaled, k) for k, c in enumerate(powers)) @ signal

    given = chebyshev_by_eigenvectors(laplacian, signal, np.array([1.0, -2.0, 0.5, 3.0]), 3.0)
    np.testing.assert_allclose(given, expected)


def test_label_propagation_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    adjacency = draw_graph(rng, 15, 0.6)
    labels = np.full(15, -1)
    labels[:6] = [0, 1, 2, 0, 1, 2]

    model = LabelPropagation(kernel=lambda _x, _y: adjacency, max_iter=3000, tol=1e-12)
    model.fit(np.arange(15)[:, None], labels)
    scores = scores_after(adjacency, labels, 3, 1000)

    np.testing.assert_allclose(
        model.label_distributions_, scores / scores.sum(axis=1, keepdims=True), atol=1e-6
    )


def test_blocks_are_two_graphs_of_which_one_has_labels() -> None:
    graph = draw_blocks(np.random.default_rng(5), classes=3, size=30, known=5, channels=8)

    assert np.bincount(graph.truth[graph.first]).tolist() == [30, 30, 30]
    assert np.bincount(graph.truth[~graph.first]).tolist() == [30, 30, 30]
    assert np.bincount(graph.labels[graph.labels >= 0]).tolist() == [5, 5, 5]
    assert (graph.labels[~graph.first] == -1).all()
    assert (graph.adjacency == graph.adjacency.T).all()
    assert not graph.adjacency[np.ix_(graph.first, ~graph.first)].any()
    assert not graph.features[graph.blank].any()
    assert np.bincount(graph.truth[graph.first & graph.blank]).tolist() == [7, 7, 7]
    known = graph.labels >= 0
    assert (graph.labels[known] == graph.truth[known]).all()


@pytest.mark.parametrize(
    ("probe", "argument", "expected"),
    [
        ("polynomial_response", [1.0, 2.0, -1.0], [1, 2, 1]),
        ("decaying_response", 0.5, [1, 0.5, 0.25]),
        ("ideal_response", 1.0, [1, 1, 0]),
    ],
)
def test_response_is_that_of_its_formula(probe: str, argument: Any, expected: list[float]) -> None:
    response = getattr(probes, probe)(argument)

    np.testing.assert_allclose(response(np.array([0.0, 1.0, 2.0])), expected)
    assert float(response(2)) == expected[2]


def test_ring_is_the_graph_whose_differences_last_longest() -> None:
    found = {}
    for name, graph in (
        ("club", nx.karate_club_graph()),
        ("ring", nx.cycle_graph(34)),
        ("star", nx.star_graph(33)),
    ):
        adjacency = nx.to_numpy_array(graph, weight=None)
        features, degrees = np.eye(34), 1 + adjacency.sum(axis=1)
        laplacian = (np.diag(degrees - 1) - adjacency) / np.sqrt(np.outer(degrees, degrees))
        steps = 0
        while np.trace(features.T @ laplacian @ features) >= 0.01 * np.sum(features**2):
            features, steps = propagation_of(adjacency) @ features, steps + 1
        assert steps == averages_until_flat(adjacency)
        found[name] = steps

    assert found["ring"] == averages_until_flat(RING) > max(found["club"], found["star"]) + 1
