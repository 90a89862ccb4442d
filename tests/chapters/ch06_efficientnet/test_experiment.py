"""What chapter 6 measured, and how its experiments choose and train."""

from __future__ import annotations

import numpy as np
import pytest

from chapters.ch06_efficientnet import experiment, tables
from course_utils.data import load_flowers


def test_the_first_of_each_class_are_balanced() -> None:
    labels = np.array([0, 1, 0, 2, 1, 0, 2, 1])

    np.testing.assert_array_equal(experiment.first_of_each(labels, 2), [0, 1, 2, 3, 4, 6])


def test_a_training_that_starts_anew_is_a_first_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "EPOCHS", 1)
    monkeypatch.setattr(
        experiment,
        "photographs",
        lambda seed: load_flowers("procedural", size=32, train=64, validation=10, test=10, seed=seed),
    )

    _, second = experiment.train_scaled("depth", 1, (1, 2))
    (alone,) = experiment.train_scaled("depth", 1, (2,))

    assert second.seed == alone.seed == 2
    assert second.multiply_adds == alone.multiply_adds == experiment.cost(experiment.SMALL)
    assert abs(second.train - alone.train) < 0.1  # but for the dropped branches


def test_frozen_features_were_measured_over_five_seeds_and_beat_chance() -> None:
    results = experiment.stored_transfer()

    for name in experiment.FEATURES:
        for count in experiment.COUNTS:
            tests = tables.by_features(results, name, count)
            assert len(tests) == 5
            assert min(tests) > 0.25


def test_a_network_was_trained_over_five_seeds_in_each_direction() -> None:
    results = experiment.stored_scaling()

    assert len(tables.by_direction(results, "depth", 1)) == 5
    for way in experiment.DIRECTIONS:
        assert len(tables.by_direction(results, way, 2)) == 5
    assert len(tables.search_rows(results)) == len(experiment.DIRECTIONS)
    assert all(len(row["validation"]) == 5 for row in tables.search_rows(results))


def test_what_is_stored_is_every_training_that_the_command_lists() -> None:
    stored = [(each.direction, each.factor, each.seed) for each in experiment.stored_scaling()]

    assert stored == experiment.scaling_runs()


def test_gains_are_paired_by_seed() -> None:
    results = experiment.stored_scaling()
    before, after = ({r.seed: r.test for r in tables.selected(results, "width", factor)} for factor in (2, 4))

    gains = tables.gains_between(results, "width", 2, 4)

    assert gains == [after[seed] - before[seed] for seed in experiment.GOING_ON["width"]]
    assert len(tables.measured_factors(results, "depth")) == 2
