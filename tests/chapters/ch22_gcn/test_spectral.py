"""Chapter 22's spectral filters against Fourier transforms, powers and each other."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from chapters.ch22_gcn import spectral, taught
from chapters.ch22_gcn.graphs import Array, adjacency_matrix


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def adjacency() -> Array:
    return adjacency_matrix(nx.gnp_random_graph(20, 0.2, seed=3)).astype("float64")


def test_laplacian_is_degrees_minus_edges() -> None:
    star = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])

    np.testing.assert_array_equal(spectral.laplacian(star), [[2, -1, -1], [-1, 1, 0], [-1, 0, 1]])


def test_normalised_laplacian_by_hand_and_of_a_lonely_node() -> None:
    star = np.zeros((4, 4))
    star[0, 1:3] = star[1:3, 0] = 1

    matrix = spectral.normalised_laplacian(star)

    side = -1 / np.sqrt(2)
    np.testing.assert_allclose(matrix, [[1, side, side, 0], [side, 1, 0, 0], [side, 0, 1, 0], [0, 0, 0, 0]])


def test_filter_on_a_ring_is_a_fourier_filter(rng: np.random.Generator) -> None:
    ring = adjacency_matrix(nx.cycle_graph(15))
    signal = rng.normal(size=(15, 2))

    found = spectral.filter_by_eigenvectors(signal, spectral.laplacian(ring), lambda values: values**2)

    squared = (2 - 2 * np.cos(2 * np.pi * np.arange(15) / 15)) ** 2
    expected = np.fft.ifft(np.fft.fft(signal, axis=0) * squared[:, None], axis=0).real
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("degree", [0, 1, 2, 5])
def test_recurrence_and_eigenvectors_give_the_same_polynomial(
    degree: int, adjacency: Array, rng: np.random.Generator
) -> None:
    signal, coefficients = rng.normal(size=(20, 3)), rng.normal(size=degree + 1)
    matrix = spectral.laplacian(adjacency)
    largest = 17.0

    by_recurrence = spectral.filter_by_chebyshev(signal, matrix, coefficients, largest)

    def polynomial(values: Array) -> Array:
        return np.asarray(np.polynomial.chebyshev.chebval(2 * values / largest - 1, coefficients))

    by_eigenvectors = spectral.filter_by_eigenvectors(signal, matrix, polynomial)
    np.testing.assert_allclose(by_recurrence, by_eigenvectors, atol=1e-10)


def test_chebyshev_takes_a_sparse_laplacian(adjacency: Array, rng: np.random.Generator) -> None:
    graph = nx.from_numpy_array(adjacency)
    signal = rng.normal(size=20)

    sparse = spectral.filter_by_chebyshev(signal, nx.laplacian_matrix(graph).astype(float), [1, 2, 3], 17.0)

    dense = spectral.filter_by_chebyshev(signal, spectral.laplacian(adjacency), [1, 2, 3], 17.0)
    np.testing.assert_allclose(sparse, dense, atol=1e-10)


def test_coefficients_of_a_polynomial_are_exact() -> None:
    found = spectral.chebyshev_coefficients(lambda values: values**2, 3, largest=2.0)

    np.testing.assert_allclose(found, [1.5, 2, 0.5, 0], atol=1e-12)  # (x + 1)^2 = 1.5 T0 + 2 T1 + 0.5 T2


@pytest.mark.parametrize("degree", [0, 1, 2, 9])
def test_taught_coefficients_are_those_of_numpy(degree: int) -> None:
    found = taught.chebyshev_coefficients(lambda values: np.exp(-values), degree, largest=17.0)

    right = np.polynomial.chebyshev.chebinterpolate(lambda x: np.exp(-17 * (x + 1) / 2), degree)
    np.testing.assert_allclose(found, right, atol=1e-12)


def test_energy_is_the_sum_over_the_edges(adjacency: Array, rng: np.random.Generator) -> None:
    features = rng.normal(size=(20, 3))

    found = spectral.dirichlet_energy(features, spectral.laplacian(adjacency))

    rows, columns = np.nonzero(np.triu(adjacency))
    assert found == pytest.approx(((features[rows] - features[columns]) ** 2).sum())
