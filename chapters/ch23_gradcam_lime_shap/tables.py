"""The tables that the notebook of chapter 23 shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chapters.ch23_gradcam_lime_shap.experiment import Result
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]


def by_method(results: Sequence[Result], method: str) -> list[Result]:
    """Selects the results of one method, in the order of the seeds."""
    return sorted((r for r in results if r.method == method), key=lambda r: r.seed)


def methods_in(results: Sequence[Result]) -> list[str]:
    """Lists the methods, in the order in which they were measured."""
    return list(dict.fromkeys(r.method for r in results))


def one_seed(results: Sequence[Result]) -> Rows:
    """Shows the measurements of a single seed.

    Args:
        results: A result for each method.

    Returns:
        A row for each method.
    """
    return [
        {
            "方法": r.method,
            "指差しゲーム": f"{r.pointing:.2f}",
            "挿入曲線の面積": f"{r.insertion:.2f}",
            "削除曲線の面積": f"{r.deletion:.2f}",
            "安定さ": f"{r.stability:.2f}",
            "1 枚の秒数": f"{r.seconds:.3f}",
        }
        for r in results
    ]


def summary(results: Sequence[Result]) -> Rows:
    """Summarises the methods over their seeds: minimum / median / maximum.

    Args:
        results: A result for each method and seed.

    Returns:
        A row for each method.
    """
    return [
        {
            "方法": method,
            "指差しゲーム ↑": min_median_max([r.pointing for r in chosen], 2),
            "挿入曲線の面積 ↑": min_median_max([r.insertion for r in chosen], 2),
            "削除曲線の面積 ↓": min_median_max([r.deletion for r in chosen], 2),
            "安定さ ↑": min_median_max([r.stability for r in chosen], 2),
            "1 枚の秒数 ↓": min_median_max([r.seconds for r in chosen], 3),
        }
        for method in methods_in(results)
        if (chosen := by_method(results, method))
    ]


def curves(results: Sequence[Result], method: str, curve: str) -> np.ndarray:
    """Averages a curve of one method over the seeds.

    Args:
        results: A result for each method and seed.
        method: The method.
        curve: ``"insertion_curve"`` or ``"deletion_curve"``.

    Returns:
        The mean curve.
    """
    return np.asarray(np.mean([getattr(r, curve) for r in by_method(results, method)], axis=0))
