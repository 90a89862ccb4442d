"""Chapter 22's tables."""

from __future__ import annotations

from chapters.ch22_gcn import tables
from chapters.ch22_gcn.experiment import Depth, Score

RESULTS = [
    Score("町", "GCN", 2, 0.7),
    Score("町", "GCN", 1, 0.9),
    Score("町", "GCN", 3, 0.8),
    Score("町", "次数の積", 1, 0.5),
    Score("集団", "GCN", 1, 0.6),
]


def test_scores_come_in_the_order_of_the_seeds() -> None:
    assert tables.scores(RESULTS, "町", "GCN") == [0.9, 0.7, 0.8]


def test_methods_of_a_setting() -> None:
    assert tables.by_method(RESULTS, "町") == {"GCN": [0.9, 0.7, 0.8], "次数の積": [0.5]}


def test_summary_puts_the_best_first_and_has_a_column_for_each_setting() -> None:
    rows = tables.summary([RESULTS[3], *RESULTS[:3], RESULTS[4]], "AUC")

    assert rows == [
        {"方法": "GCN", "町: AUC": "0.70 / 0.80 / 0.90", "集団: AUC": "0.60"},
        {"方法": "次数の積", "町: AUC": "0.50"},
    ]


def test_single_setting_needs_no_name() -> None:
    assert tables.summary(RESULTS[:4], "AUC")[0] == {"方法": "GCN", "AUC": "0.70 / 0.80 / 0.90"}


def test_likeness_is_a_number() -> None:
    results = [Score("0.1", "GCN", 1, 0.4), Score("0.9", "GCN", 1, 0.8)]

    assert tables.over_likeness(results, "GCN") == {0.1: [0.4], 0.9: [0.8]}


def test_depths_are_in_order_and_kinds_apart() -> None:
    results = [
        Depth(depth, residual, 1, depth / 10, 1.0, 0.0) for residual in (True, False) for depth in (4, 2)
    ]

    assert tables.over_depth(results, "accuracy", residual=False) == {2: [0.2], 4: [0.4]}
    assert list(tables.over_depth(results, "accuracy", residual=False)) == [2, 4]


def test_gap_is_the_median_over_the_seeds() -> None:
    other = [Score("町", "次数の積", seed, 0.5) for seed in (2, 3)]

    assert round(tables.median_gap([*RESULTS, *other], "町", "GCN", "次数の積"), 9) == 0.3


def test_depths_are_summarised_by_name() -> None:
    results = [Depth(2, residual, seed, 0.5, seed / 10, 0.0) for residual in (True, False) for seed in (1, 3)]

    rows = tables.depth_summary(results, {"trained": "教えた頂点"}, {"なし": False, "あり": True})

    assert rows == [{"層": 2, "教えた頂点 (なし)": 0.2, "教えた頂点 (あり)": 0.2}]
