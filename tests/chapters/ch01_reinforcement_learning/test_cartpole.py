"""Many poles at once: the same dynamics as the single environment, one episode each."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from chapters.ch01_reinforcement_learning import cartpole
from chapters.ch01_reinforcement_learning.cartpole import Array


def push_under_the_pole(observations: Array) -> Array:
    return np.asarray(observations[:, 2] + 0.5 * observations[:, 3] > 0, int)


def test_an_episode_is_that_of_the_single_environment() -> None:
    played = cartpole.play(cartpole.random_policy(1), 3, seed=5)
    environment = gym.make(cartpole.ENVIRONMENT)
    environment.reset(seed=0)
    environment.unwrapped.state = played.observations[0, 1].astype(float)  # type: ignore[attr-defined]

    for step in range(played.lengths[1]):
        np.testing.assert_allclose(
            environment.unwrapped.state,  # type: ignore[attr-defined]
            played.observations[step, 1],
            atol=1e-4,
        )
        _, reward, terminated, _, _ = environment.step(int(played.actions[step, 1]))
        assert reward == 1
        assert terminated == (step == played.lengths[1] - 1)


def test_random_policy_drops_the_pole_after_twenty_two_steps() -> None:
    lengths = cartpole.play(cartpole.random_policy(0), 500, seed=0).lengths

    assert lengths.mean() == pytest.approx(22, abs=2)
    assert lengths.min() >= 8


def test_good_policy_is_stopped_by_the_limit() -> None:
    played = cartpole.play(push_under_the_pole, 10, seed=1)

    assert played.lengths.max() == cartpole.LIMIT == len(played.alive)
    assert cartpole.mean_return(push_under_the_pole, 10, seed=1) == played.lengths.mean()


def test_nothing_counts_after_the_end_of_an_episode() -> None:
    alive = cartpole.play(cartpole.random_policy(2), 20, seed=2).alive

    assert alive[0].all()
    assert (np.diff(alive.astype(int), axis=0) <= 0).all()
