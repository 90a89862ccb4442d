"""CartPole-v1 as all methods of the chapter meet it: many poles at once, each for one episode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import numpy.typing as npt

ENVIRONMENT = "CartPole-v1"
LIMIT = 500
"""Steps after which Gymnasium truncates an episode."""

THRESHOLD = 475
"""Mean return over 100 episodes from which Gymnasium calls the task solved."""

Array = npt.NDArray[Any]
Policy = Callable[[Array], Array]
"""Observations ``(n, 4)`` to actions ``(n,)``, 0 to the left and 1 to the right."""


class Episodes(NamedTuple):
    """Episodes that were played side by side, from one start each to its end.

    Attributes:
        observations: Float32, shape ``(steps, n, 4)``: position, speed, angle, angular speed.
        actions: Int64, shape ``(steps, n)``.
        alive: Bool, shape ``(steps, n)``: whether the step belongs to the episode, not to what comes after it.
    """

    observations: Array
    actions: Array
    alive: Array

    @property
    def lengths(self) -> Array:
        """Steps of each episode, shape ``(n,)``: its return, because each step is rewarded by 1."""
        return np.asarray(self.alive.sum(axis=0))


def play(policy: Policy, count: int, seed: int) -> Episodes:
    """Plays one episode in each of several copies of the environment.

    Args:
        policy: Chooses the actions of all copies at once.
        count: Number of copies.
        seed: Seed of the starts.

    Returns:
        What happened.
    """
    environments = gym.make_vec(ENVIRONMENT, num_envs=count, vectorization_mode="vector_entry_point")
    observations, _ = environments.reset(seed=seed)
    alive = np.ones(count, bool)
    steps = []
    while alive.any():
        actions = policy(observations)
        steps.append((observations, actions, alive))
        observations, _, terminated, truncated, _ = environments.step(actions)
        alive = alive & ~(terminated | truncated)
    return Episodes(*(np.stack(column) for column in zip(*steps, strict=True)))


def mean_return(policy: Policy, count: int, seed: int) -> float:
    """Plays some episodes and averages their returns."""
    return float(play(policy, count, seed).lengths.mean())


def random_policy(seed: int) -> Policy:
    """Pushes left or right by the toss of a coin."""
    rng = np.random.default_rng(seed)
    return lambda observations: rng.integers(0, 2, len(observations))
