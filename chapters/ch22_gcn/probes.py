"""What the checks of chapter 22 need beside the learner's code: responses of spectral filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Response = Callable[[Any], Array]


def polynomial_response(coefficients: Sequence[float]) -> Response:
    """Makes a filter's response that is a polynomial of the eigenvalue.

    Args:
        coefficients: Those of 1, of the eigenvalue, of its square, and so on.

    Returns:
        Function from eigenvalues of any shape to gains of the same shape.
    """
    return lambda eigenvalues: np.polynomial.polynomial.polyval(
        np.asarray(eigenvalues, dtype="float64"), np.asarray(coefficients, dtype="float64")
    )


def decaying_response(base: float) -> Response:
    """Makes a low-pass response, ``base`` to the power of the eigenvalue.

    Args:
        base: Gain at eigenvalue 1, positive.

    Returns:
        Function from eigenvalues of any shape to gains of the same shape.
    """
    return lambda eigenvalues: base ** np.asarray(eigenvalues, dtype="float64")


def ideal_response(cutoff: float) -> Response:
    """Makes the response that keeps eigenvalues up to ``cutoff`` and drops those above.

    Args:
        cutoff: The largest eigenvalue that is kept.

    Returns:
        Function from eigenvalues of any shape to gains, 0 or 1, of the same shape.
    """
    return lambda eigenvalues: (np.asarray(eigenvalues) <= cutoff).astype("float64")
