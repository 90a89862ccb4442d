"""Chapter 23's tables."""

from __future__ import annotations

import numpy as np

from chapters.ch23_gradcam_lime_shap import tables
from chapters.ch23_gradcam_lime_shap.experiment import Result


def result(method: str, seed: int, insertion: float) -> Result:
    return Result(method, seed, 1.0, 0.5, 0.1, insertion, 0.2, 1.0, 0.01, [0.0, insertion], [insertion, 0.0])


RESULTS = [result("LIME", 2, 0.4), result("LIME", 1, 0.6), result("LIME", 3, 0.5), result("SHAP", 1, 0.9)]


def test_summary_has_minimum_median_and_maximum_of_each_method() -> None:
    rows = tables.summary(RESULTS)

    assert [row["方法"] for row in rows] == ["LIME", "SHAP"]
    assert rows[0]["挿入曲線の面積 ↑"] == "0.40 / 0.50 / 0.60"


def test_results_of_a_method_come_in_the_order_of_the_seeds() -> None:
    assert [r.seed for r in tables.by_method(RESULTS, "LIME")] == [1, 2, 3]


def test_curves_are_averaged_over_the_seeds() -> None:
    np.testing.assert_allclose(tables.curves(RESULTS, "LIME", "insertion_curve"), [0, 0.5])


def test_one_seed_has_a_row_for_each_result() -> None:
    assert [row["挿入曲線の面積"] for row in tables.one_seed(RESULTS[2:])] == ["0.50", "0.90"]
