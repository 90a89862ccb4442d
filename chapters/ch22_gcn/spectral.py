"""Signals on a graph, seen through the eigenvectors of its Laplacian: Shuman et al. (2013), Defferrard et al. (2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from chapters.ch22_gcn.taught import filter_by_chebyshev as filter_by_chebyshev

Array = npt.NDArray[Any]
Response = Callable[[Array], Array]
"""What a filter makes of each eigenvalue: real numbers in, real numbers of the same shape out."""


def laplacian(adjacency: Array) -> Array:
    """Returns ``D - A``, float64, shape ``(nodes, nodes)``."""
    adjacency = adjacency.astype("float64")
    return np.asarray(np.diag(adjacency.sum(axis=1)) - adjacency)


def normalised_laplacian(adjacency: Array) -> Array:
    """Returns ``I - D^(-1/2) A D^(-1/2)``, float64; the row of a node without edges is zero.

    Args:
        adjacency: Symmetric and not negative, shape ``(nodes, nodes)``.

    Returns:
        Shape ``(nodes, nodes)``; eigenvalues in [0, 2].
    """
    degrees = adjacency.sum(axis=1).astype("float64")
    scale = np.where(degrees > 0, 1 / np.sqrt(np.maximum(degrees, 1e-12)), 0)
    return np.diag((degrees > 0).astype("float64")) - scale[:, None] * adjacency * scale[None, :]


def filter_by_eigenvectors(signal: Array, matrix: Array, response: Response) -> Array:
    """Filters a signal in the spectrum: ``U g(Lambda) U^T x``.

    Args:
        signal: Shape ``(nodes,)`` or ``(nodes, channels)``.
        matrix: Symmetric, shape ``(nodes, nodes)``.
        response: The filter ``g``.

    Returns:
        Same shape as the signal.
    """
    eigenvalues, eigenvectors = np.linalg.eigh(matrix)
    return np.asarray((eigenvectors * response(eigenvalues)) @ (eigenvectors.T @ signal))


def chebyshev_coefficients(response: Response, degree: int, largest: float = 2.0) -> Array:
    """Interpolates a filter on ``[0, largest]`` by Chebyshev polynomials.

    Args:
        response: The filter ``g``.
        degree: Degree of the polynomial.
        largest: Upper end of the spectrum.

    Returns:
        ``degree + 1`` coefficients, for :func:`filter_by_chebyshev`.
    """
    points = np.polynomial.chebyshev.chebpts1(degree + 1)
    values = response(largest * (points + 1) / 2)
    return np.asarray(np.polynomial.chebyshev.chebfit(points, values, degree))


def dirichlet_energy(features: Array, matrix: Array) -> float:
    """Returns ``trace(X^T L X)``: how much features differ along the edges.

    Args:
        features: Shape ``(nodes, channels)``.
        matrix: A Laplacian, shape ``(nodes, nodes)``.

    Returns:
        0 for features that the Laplacian calls smooth.
    """
    return float(np.sum(features * (matrix @ features)))
