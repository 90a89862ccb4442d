"""Chapter 11's tables."""

from __future__ import annotations

from datetime import date

from chapters.ch11_transformer import tables
from chapters.ch11_transformer.dates import Pairs
from chapters.ch11_transformer.experiment import Normalised, Recalled


def normalised(model: str, seed: int, exact: float) -> Normalised:
    return Normalised(model, seed, 100, exact, exact / 2, 10.0, [1.0], [exact])


RUNS = [normalised("A", 2, 0.4), normalised("A", 1, 0.6), normalised("A", 3, 0.5), normalised("B", 1, 0.9)]
FAR = [
    Recalled(reader, far, seed, 10, -1.0, accuracy)
    for reader, far, seed, accuracy in [
        ("注意", 10, 2, 1.0),
        ("注意", 10, 1, 0.8),
        ("LSTM", 10, 1, 0.5),
        ("注意", 50, 1, 0.9),
    ]
]


def test_summary_has_minimum_median_and_maximum_of_each_model() -> None:
    rows = tables.date_summary(RUNS)

    assert [row["モデル"] for row in rows] == ["A", "B"]
    assert rows[0]["完全一致"] == "0.400 / 0.500 / 0.600"
    assert rows[0]["うち元号の表記"] == "0.200 / 0.250 / 0.300"


def test_results_of_a_model_come_in_the_order_of_the_seeds() -> None:
    assert [r.exact for r in tables.of_model(RUNS, "A")] == [0.6, 0.4, 0.5]


def test_searches_have_a_row_for_each_seed() -> None:
    assert [row["最後: 貪欲法"] for row in tables.search_summary(RUNS[:2])] == [0.4, 0.6]


def test_styles_are_counted_apart() -> None:
    pairs = Pairs((date(2021, 5, 7),) * 3, ("西暦", "点", "西暦"))
    rows = tables.by_style(pairs, [True, True, False], "正解")

    assert [(row["表記"], row["個数"], row["正解"]) for row in rows] == [("西暦", 2, 0.5), ("点", 1, 1.0)]
    assert rows[0]["例"] == "2021年5月7日"


def test_distances_have_a_row_each_and_leave_out_what_was_not_measured() -> None:
    rows = tables.distance_summary(FAR)

    assert [row["距離"] for row in rows] == [10, 50]
    assert rows[0]["注意"] == "0.80 / 0.90 / 1.00"
    assert "LSTM" not in rows[1]
    assert tables.recalled(FAR, "注意", 10, "accuracy") == [0.8, 1.0]
