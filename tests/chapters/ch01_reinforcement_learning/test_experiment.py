"""Chapter 1's experiment: what a run measures and what is stored."""

from __future__ import annotations

import pytest

from chapters.ch01_reinforcement_learning import experiment
from chapters.ch01_reinforcement_learning.experiment import EXPERIMENTS, METHODS, SEEDS


@pytest.mark.parametrize("key", METHODS)
def test_every_method_is_measured(key: str) -> None:
    run = experiment.measure(key, seed=1, steps=1_000)

    assert (run.key, run.seed) == (key, 1)
    assert len(run.steps) == len(run.returns) == len(run.values) > 0
    assert run.steps == sorted(run.steps)
    assert 8 <= run.test <= 500


@pytest.mark.parametrize("key", EXPERIMENTS)
def test_five_seeds_of_every_method_are_stored(key: str) -> None:
    runs = experiment.stored_runs(key)

    assert [run.seed for run in runs] == list(SEEDS)
    assert {run.key for run in runs} == {key}
    assert all(run.steps[-1] >= METHODS[key][1].steps for run in runs)


def test_line_of_progress_says_when_475_was_reached() -> None:
    run = experiment.Run("dqn", 1, [500, 1000], [100.0, 480.0], [0.0, 0.0], 481.0, 2.0)

    assert "475 first at 1,000" in experiment.progress_line(run)
    run.returns[1] = 400.0
    assert "never" in experiment.progress_line(run)
