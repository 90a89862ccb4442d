"""Signals on a graph, seen through the eigenvectors of its Laplacian: Shuman et al. (2013), Defferrard et al. (2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chapters.ch22_gcn.taught import chebyshev_coefficients as chebyshev_coefficients

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


def filter_by_chebyshev(
    signal: Array, matrix: Array, coefficients: Sequence[float] | Array, largest: float = 2.0
) -> Array:
    """Filters a signal without eigenvectors: the sum of ``theta_k T_k(2 L / largest - I) x``.

    Args:
        signal: Shape ``(nodes,)`` or ``(nodes, channels)``.
        matrix: Laplacian whose eigenvalues lie in ``[0, largest]``; anything with ``@``, sparse too.
        coefficients: ``theta_0`` to ``theta_K``.
        largest: Upper end of the spectrum.

    Returns:
        Same shape as the signal.
    """

    def shifted(x: Array) -> Array:
        return np.asarray(2 / largest * (matrix @ x) - x)

    before, now = signal, shifted(signal)
    result = coefficients[0] * before
    for coefficient in coefficients[1:]:
        result = result + coefficient * now
        before, now = now, 2 * shifted(now) - before
    return np.asarray(result)


def dirichlet_energy(features: Array, matrix: Array) -> float:
    """Returns ``trace(X^T L X)``: how much features differ along the edges.

    Args:
        features: Shape ``(nodes, channels)``.
        matrix: A Laplacian, shape ``(nodes, nodes)``.

    Returns:
        0 for features that the Laplacian calls smooth.
    """
    return float(np.sum(features * (matrix @ features)))
