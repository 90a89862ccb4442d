"""The tables that the notebook of chapter 23 shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chapters.ch23_gradcam_lime_shap.experiment import SAMPLES, Result
from course_utils.imagenet import top_classes
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]

FEATURES = (
    "年齢",
    "性別",
    "BMI",
    "血圧",
    "総コレステロール",
    "LDL",
    "HDL",
    "TC/HDL",
    "中性脂肪 (対数)",
    "血糖",
)
"""Columns of scikit-learn's diabetes data, in order."""

EXPLANATIONS = ("Grad-CAM", "LIME", "SHAP")
"""The methods, without the random order that they must beat."""


def guesses(names: Iterable[str], logits: np.ndarray) -> Rows:
    """Shows the three classes that ImageNet's classifier holds most likely.

    Args:
        names: Of the photographs.
        logits: Shape ``(photographs, 1000)``.

    Returns:
        A row for each photograph.
    """
    rows = []
    for name, scores in zip(names, logits, strict=True):
        first, second, third = top_classes(scores, 3)
        others = {
            f"{place} 位": f"{guess.name} ({guess.probability:.2f})"
            for place, guess in ((2, second), (3, third))
        }
        rows.append({"写真": name, "1 位": first.name, "確率": first.probability} | others)
    return rows


def by_method(results: Sequence[Result], method: str) -> list[Result]:
    """Selects the results of one method, in the order of the seeds."""
    return sorted((r for r in results if r.method == method), key=lambda r: r.seed)


def methods_in(results: Sequence[Result]) -> list[str]:
    """Lists the methods, in the order in which they were measured."""
    return list(dict.fromkeys(r.method for r in results))


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
            "指差し ↑": min_median_max([r.pointing for r in chosen], 2),
            "挿入の面積 ↑": min_median_max([r.insertion for r in chosen], 2),
            "削除の面積 ↓": min_median_max([r.deletion for r in chosen], 2),
            "安定さ ↑": min_median_max([r.stability for r in chosen], 2),
            "尋ねる画像": f"{SAMPLES if method in ('LIME', 'SHAP') else int(method == 'Grad-CAM')} 枚",
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


def mean_curves(results: Sequence[Result]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Averages both curves of each method over the seeds: name, insertion, deletion."""
    return [
        (method, curves(results, method, "insertion_curve"), curves(results, method, "deletion_curve"))
        for method in methods_in(results)
    ]


def least_gain(results: Sequence[Result]) -> float:
    """Finds by how much a method beats the random order at least, in any seed and either curve's area."""
    gains = []
    for method in EXPLANATIONS:
        for ours, by_chance in zip(by_method(results, method), by_method(results, "ランダム"), strict=True):
            gains += [ours.insertion - by_chance.insertion, by_chance.deletion - ours.deletion]
    return float(min(gains))
