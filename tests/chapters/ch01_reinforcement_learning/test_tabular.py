"""Tables that are learnt from transitions: single updates, known optima, reproducible seeds."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from chapters.ch01_reinforcement_learning import planning, tabular
from chapters.ch01_reinforcement_learning.tabular import METHODS, Method


@pytest.mark.parametrize(("method", "value"), [("Q 学習", -2), ("SARSA", -3), ("期待 SARSA", -4.3)])
def test_methods_differ_in_the_worth_of_the_next_state(method: Method, value: float) -> None:
    found = tabular.following_value(method, np.array([-3.0, -2, -90, -5]), action=0, epsilon=0.1)

    assert found == pytest.approx(value)


def test_choice_breaks_ties_at_random_and_explores() -> None:
    rng = np.random.default_rng(0)
    ties = [tabular.choose(np.array([1.0, 2, 2]), 0.0, rng) for _ in range(300)]
    explored = [tabular.choose(np.array([1.0, 2, 2]), 1.0, rng) for _ in range(300)]

    assert set(ties) == {1, 2}
    assert 100 < ties.count(1) < 200
    assert set(explored) == {0, 1, 2}


def test_q_learning_finds_the_shortest_path_on_the_cliff() -> None:
    environment = gym.make("CliffWalking-v1")
    q, returns = tabular.learn(environment, "Q 学習", episodes=300, alpha=0.5, seed=1)

    path = planning.greedy_path(planning.model_of(environment), q.argmax(axis=1), 36)
    assert len(path) - 1 == 13
    assert q[36].max() == pytest.approx(-13, abs=0.1)
    assert returns[-100:].mean() < -25


def test_expected_sarsa_keeps_away_from_the_cliff() -> None:
    q, returns = tabular.learn(gym.make("CliffWalking-v1"), "期待 SARSA", episodes=300, alpha=0.5, seed=1)

    assert returns[-100:].mean() > -30
    assert q[36].max() < -14


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_learns_the_same_table(method: Method) -> None:
    environment = gym.make("FrozenLake-v1")
    first, second = (
        tabular.learn(environment, method, episodes=50, alpha=0.1, seed=3, gamma=0.99)[0] for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


def test_terminal_state_is_worth_nothing() -> None:
    q, _ = tabular.learn(gym.make("CliffWalking-v1"), "Q 学習", episodes=50, alpha=0.5, seed=1)

    np.testing.assert_array_equal(q[47], 0)


def test_bandits_stay_below_the_bound_of_their_epsilon() -> None:
    share, reward = tabular.pull_bandits(0.1, seed=1, bandits=1000, steps=500)

    assert share[0] == pytest.approx(0.1, abs=0.04)
    assert 0.65 < share[-50:].mean() < 0.91
    assert reward[-50:].mean() > reward[:50].mean() + 0.3


def test_walks_end_and_errors_fall() -> None:
    rng = np.random.default_rng(0)
    paths = [tabular.walk_once(rng) for _ in range(200)]

    assert {path[-1] for path in paths} == {0, 6}
    assert all(abs(np.diff(path)).max() == 1 for path in paths)
    for method in ("TD(0)", "モンテカルロ"):
        errors = tabular.walk_errors(method, 0.05, seed=1, walks=60, runs=20)
        assert errors[0] == pytest.approx(np.sqrt(np.mean((np.arange(1, 6) / 6 - 0.5) ** 2)))
        assert errors[-1] < 0.7 * errors[0]
