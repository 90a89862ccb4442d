"""Chapter 23's tables."""

from __future__ import annotations

import numpy as np
import pytest

from chapters.ch23_gradcam_lime_shap import tables
from chapters.ch23_gradcam_lime_shap.experiment import Result


def result(method: str, seed: int, insertion: float) -> Result:
    return Result(method, seed, 1.0, 0.5, 0.1, insertion, 0.2, 1.0, 0.01, [0.0, insertion], [insertion, 0.0])


RESULTS = [result("LIME", 2, 0.4), result("LIME", 1, 0.6), result("LIME", 3, 0.5), result("SHAP", 1, 0.9)]


def test_summary_has_minimum_median_and_maximum_of_each_method() -> None:
    rows = tables.summary(RESULTS)

    assert [row["方法"] for row in rows] == ["LIME", "SHAP"]
    assert rows[0]["挿入の面積 ↑"] == "0.40 / 0.50 / 0.60"


def test_results_of_a_method_come_in_the_order_of_the_seeds() -> None:
    assert [r.seed for r in tables.by_method(RESULTS, "LIME")] == [1, 2, 3]


def test_curves_are_averaged_over_the_seeds() -> None:
    np.testing.assert_allclose(tables.curves(RESULTS, "LIME", "insertion_curve"), [0, 0.5])


def test_least_gain_is_the_smallest_lead_over_the_random_order() -> None:
    results = [result(name, 1, 0.6) for name in tables.EXPLANATIONS]
    results[1].insertion, results[2].deletion = 0.55, 0.15
    chance = result("ランダム", 1, 0.3)
    chance.deletion = 0.32

    assert tables.least_gain([*results, chance]) == pytest.approx(0.12)
    assert [name for name, *_ in tables.mean_curves(results)] == list(tables.EXPLANATIONS)


def test_guesses_name_the_likeliest_classes() -> None:
    logits = np.zeros((1, 1000))
    logits[0, [872, 967, 285]] = 9, 8, 7

    (row,) = tables.guesses(["写真"], logits)

    assert (row["写真"], row["1 位"]) == ("写真", "三脚")
    assert row["2 位"].startswith("エスプレッソ")
    assert 0.5 < row["確率"] < 0.7
