"""Bands over seeds and the table of methods."""

from __future__ import annotations

import numpy as np

from chapters.ch01_reinforcement_learning import tables
from chapters.ch01_reinforcement_learning.experiment import Run


def run(seed: int, steps: list[int], returns: list[float], test: float = 100.0) -> Run:
    return Run("dqn", seed, steps, returns, [0.0] * len(steps), test, 2.0)


def test_between_two_measurements_the_earlier_counts() -> None:
    found = tables.band([run(1, [0, 10, 20], [1, 2, 3])], points=5)

    np.testing.assert_allclose(found.steps, [0, 5, 10, 15, 20])
    np.testing.assert_allclose(found.median, [1, 1, 2, 2, 3])


def test_band_spans_the_seeds_where_all_were_measured() -> None:
    runs = [run(1, [0, 10], [1, 5]), run(2, [2, 12], [3, 9]), run(3, [0, 11], [2, 4])]

    found = tables.band(runs, points=2)

    np.testing.assert_allclose(found.steps, [2, 10])
    np.testing.assert_allclose([found.low[0], found.median[0], found.high[0]], [1, 2, 3])
    np.testing.assert_allclose([found.low[1], found.median[1], found.high[1]], [2, 3, 5])


def test_solved_counts_the_test_and_not_the_curve() -> None:
    assert tables.solved([run(1, [0], [500], 474.9), run(2, [0], [10], 475.0)]) == 1


def test_first_step_is_that_of_the_first_475() -> None:
    assert tables.first_step(run(1, [0, 10, 20], [10, 476, 500])) == 10
    assert tables.first_step(run(1, [0, 10], [10, 474])) is None


def test_late_averages_the_last_fifth() -> None:
    assert tables.late(run(1, [0, 50, 80, 100], [0, 0, 10, 20])) == 15


def test_summary_has_a_row_for_each_method() -> None:
    runs = [run(1, [0, 10], [10, 480], 490), run(2, [0, 10], [10, 20], 30)]

    rows = tables.summary({"DQN": runs, "別": runs[:1]})

    assert rows[0]["475 以上のシード"] == "1 / 2"
    assert rows[0]["試験の収益"] == "30 / 260 / 490"
    assert rows[0]["初めて 475 になったステップ"] is None
    assert rows[1]["初めて 475 になったステップ"] == "10"
