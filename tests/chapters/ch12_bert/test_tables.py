"""Chapter 12's tables and figures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from chapters.ch12_bert import figures, tables
from chapters.ch12_bert.classification import CURVES, SHOTS, Classification
from chapters.ch12_bert.generation import Generation
from course_utils.bert import BertConfig, build_bert

STEP = Generation(
    "3", 1, 8000, 30, 1.0, [5.0], math.log(50), math.log(200), math.log(100), 6.0, 2.0, "一語", "全部"
)


def classified(key: str, seed: int, accuracy: float) -> Classification:
    return Classification(
        key, seed, 1.0, [], accuracy, accuracy, [[2, 0, 0], [1, 1, 0], [0, 0, 2]], [0.2, 0.3, 0.5]
    )


def test_steps_3_and_4_are_one_model_read_in_two_ways() -> None:
    rows = tables.ladder([STEP])

    assert [row[""] for row in rows] == ["3", "4"]
    assert [row["パープレキシティ"] for row in rows] == ["200", "100"]
    assert rows[1]["1 文字あたり"] == "10.0"
    assert [row["書いた文章"] for row in tables.samples([STEP])] == ["一語", "全部"]


def test_samples_are_those_of_one_seed() -> None:
    assert tables.samples([replace(STEP, seed=2)]) == []


def test_a_leak_shows_both_perplexities() -> None:
    rows = tables.leaks([replace(STEP, key="漏", apparent=0.0)])

    assert rows[0]["見かけのパープレキシティ"] == "1.0"
    assert rows[0]["答えを隠したパープレキシティ"] == "100.0"


def test_scores_come_in_the_order_of_the_methods() -> None:
    rows = tables.scores(
        [classified("5", 1, 0.9), classified("TF-IDF", 1, 0.8), classified("TF-IDF", 2, 0.7)]
    )

    assert [row[""] for row in rows] == ["TF-IDF", "5"]
    assert rows[0]["テスト精度"] == "0.700 / 0.750 / 0.800"


def test_confusions_are_added_over_the_seeds() -> None:
    results = [classified("5", seed, 0.8) for seed in (2, 1)]

    np.testing.assert_array_equal(tables.total_confusion(results, "5"), [[4, 0, 0], [2, 2, 0], [0, 0, 4]])
    assert tables.accuracies(results, ["5"]) == {"5": [0.8, 0.8]}
    assert [r.seed for r in tables.classifications(results, "5")] == [1, 2]


@pytest.mark.parametrize(("vocabulary", "expected"), [(30_522, 109_482_240), (32_000, 110_617_344)])
def test_parameters_of_the_published_models(vocabulary: int, expected: int) -> None:
    assert sum(row["パラメータ"] for row in tables.bert_parameters(vocabulary)) == expected


def test_parameters_are_those_of_a_built_model() -> None:
    rows = tables.bert_parameters(30, layers=2, hidden=8, intermediate=20, positions=16)

    assert (
        sum(row["パラメータ"] for row in rows) == build_bert(BertConfig(30, 2, 2, 8, 20, 16)).count_params()
    )


def test_attention_is_drawn_with_a_ring_for_each_row() -> None:
    weights = np.array([[0.9, 0.1], [0.4, 0.6]])

    figure = figures.show_attention([weights], ["head 1"], ["雨", "が"], heading="注意", alt="図")

    assert figure.alt == "図"
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), [0, 1])


def test_a_confusion_matrix_tells_its_shares_in_words() -> None:
    figure = figures.show_confusion({"方法": np.array([[3, 1], [0, 4]])}, ["甲", "乙"], heading="混同行列")

    assert "甲 0.75、乙 1.00" in figure.alt
    assert [text.get_text() for text in figure.axes[0].texts] == ["3", "1", "0", "4"]


def test_learning_curves_are_medians_over_the_seeds() -> None:
    results = [
        classified(f"{name} {shots}", seed, 0.1 * seed + shots / 200)
        for name in CURVES
        for shots in SHOTS
        for seed in (1, 2, 3)
    ]

    curves = tables.curves(results)
    figure = figures.plot_curves({"文体": curves}, SHOTS, heading="学習曲線")

    assert list(curves) == list(CURVES.values())
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.2 + shots / 200 for shots in SHOTS])
    assert "「TF-IDF」は、3 つで 0.22、81 で 0.60" in figure.alt


def test_losses_are_drawn_beside_ln_v() -> None:
    figure = figures.plot_losses({"学習": [9.0, 8.9]}, math.log(8000), heading="損失")

    assert "ln V = 8.987" in figure.alt
    assert "9.000 から 8.900" in figure.alt
