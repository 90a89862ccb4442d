"""What the checks of chapter 4 need beside the learner's code: a model of the next code of a waveform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CODES = 256
STEPS = (0, 7, 40, 100)
CHANCES = (0.4, 0.3, 0.2, 0.1)


def code_model(weights: Sequence[int]) -> Callable[[Any], Array]:
    """Makes a model of the next mu-law code that sees a fixed number of codes.

    The likeliest code is the weighted sum of the window modulo 256, with probability 0.4; those 7, 40 and 100
    above it (modulo 256) have 0.3, 0.2 and 0.1.

    Args:
        weights: Of each code of the window, the oldest first; as many as the receptive field is long.

    Returns:
        Function from a window of codes to the probabilities of the next code, shape ``(256,)``.
    """

    def next_probabilities(window: Any) -> Array:
        codes = np.asarray(window)
        if codes.shape != (len(weights),):
            raise ValueError(
                f"next_probabilities には、符号をちょうど {len(weights)} 個渡します (渡された形: {codes.shape}) / "
                f"next_probabilities takes exactly {len(weights)} codes (given shape: {codes.shape})"
            )
        if codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= CODES:
            raise ValueError("符号は 0〜255 の整数です / codes are integers from 0 to 255")
        probabilities = np.zeros(CODES)
        likeliest = int(codes.astype("int64") @ np.asarray(weights, dtype="int64"))
        probabilities[[(likeliest + step) % CODES for step in STEPS]] = CHANCES
        return probabilities

    return next_probabilities
