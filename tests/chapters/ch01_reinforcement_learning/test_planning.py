"""Exact solutions against values that are known in closed form."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from chapters.ch01_reinforcement_learning import planning
from chapters.ch01_reinforcement_learning.planning import Model

START = 36


@pytest.fixture(scope="module")
def lake() -> Model:
    return planning.model_of(gym.make("FrozenLake-v1"))


@pytest.fixture(scope="module")
def cliff() -> Model:
    return planning.model_of(gym.make("CliffWalking-v1"))


def test_model_holds_probabilities_and_knows_the_terminal_states(lake: Model, cliff: Model) -> None:
    np.testing.assert_allclose(lake.transitions.sum(axis=2), 1)
    assert np.flatnonzero(lake.terminal).tolist() == [5, 7, 11, 12, 15]
    assert np.flatnonzero(cliff.terminal).tolist() == [47]
    assert lake.rewards[14, 2] == pytest.approx(1 / 3)


def test_environment_without_a_table_is_named() -> None:
    with pytest.raises(ValueError, match=r"遷移の表 P.*no table P"):
        planning.model_of(gym.make("CartPole-v1"))


def test_value_iteration_finds_the_exact_values(lake: Model, cliff: Model) -> None:
    assert planning.optimal_values(lake)[0] == pytest.approx(14 / 17)
    assert planning.optimal_values(lake, gamma=0.99)[0] == pytest.approx(0.5420, abs=5e-5)
    assert planning.optimal_values(cliff)[START] == pytest.approx(-13)


def test_limit_of_steps_costs_value_and_a_policy_without_a_clock_costs_more(lake: Model) -> None:
    within = planning.values_within(lake, 100)
    actions = planning.action_values(lake, planning.optimal_values(lake, 0.99), 0.99).argmax(axis=1)
    stationary = planning.return_within(lake, planning.soft_policy(actions, 4), 100, start=0)

    assert within[100, 0] == pytest.approx(0.7442, abs=5e-5)
    assert within[0].max() == 0
    assert (np.diff(within, axis=0) >= 0).all()
    assert 0.73 < stationary < within[100, 0]


@pytest.mark.parametrize(("row", "steps", "value"), [(2, 13, -45.80), (0, 17, -22.27)])
def test_paths_along_the_cliff_and_along_the_top(cliff: Model, row: int, steps: int, value: float) -> None:
    rows, columns = np.divmod(np.arange(48), 12)
    actions = np.where(columns == 11, 2, np.where(rows > row, 0, 1))

    soft = planning.evaluate(cliff, planning.soft_policy(actions, 4, 0.1))

    assert soft[START] == pytest.approx(value, abs=0.005)
    assert len(planning.greedy_path(cliff, actions, START)) - 1 == steps


def test_best_soft_policy_beats_every_other_that_was_tried(cliff: Model) -> None:
    best = planning.best_soft_actions(cliff, 0.1)
    value = planning.evaluate(cliff, planning.soft_policy(best, 4, 0.1))[START]

    assert value == pytest.approx(-20.71, abs=0.005)
    assert len(planning.greedy_path(cliff, best, START)) - 1 == 15
    rng = np.random.default_rng(0)
    for state in rng.choice(36, 10, replace=False):
        changed = best.copy()
        changed[state] = (changed[state] + rng.integers(1, 4)) % 4
        assert planning.evaluate(cliff, planning.soft_policy(changed, 4, 0.1))[START] <= value + 1e-9


def test_policy_that_goes_round_in_circles_stops_at_the_limit(cliff: Model) -> None:
    assert len(planning.greedy_path(cliff, np.zeros(48, int), START, limit=20)) == 21


def test_evaluation_agrees_with_the_textbook() -> None:
    walk = planning.evaluate(planning.random_walk(), np.full((7, 2), 1 / 2))
    grid = planning.evaluate(planning.grid_world(), np.full((16, 4), 1 / 4))

    np.testing.assert_allclose(walk[1:-1], np.arange(1, 6) / 6)
    np.testing.assert_allclose(grid[:4], [0, -14, -20, -22], atol=1e-9)
    np.testing.assert_allclose(grid, grid[::-1])


def test_soft_policy_gives_epsilon_to_every_action() -> None:
    np.testing.assert_allclose(
        planning.soft_policy(np.array([2, 0]), 4, 0.2), [[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]]
    )
