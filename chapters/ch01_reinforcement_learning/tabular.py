"""Methods that learn a table from transitions: bandits, TD(0), Q-learning, SARSA, Expected SARSA."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Method = Literal["Q 学習", "SARSA", "期待 SARSA"]
METHODS: tuple[Method, ...] = ("Q 学習", "SARSA", "期待 SARSA")


def choose(action_values: Array, epsilon: float, rng: np.random.Generator) -> int:
    """Takes an action that is worth the most, ties broken at random; any action with probability ``epsilon``."""
    if rng.random() < epsilon:
        return int(rng.integers(len(action_values)))
    return int(rng.choice(np.flatnonzero(action_values == action_values.max())))


def following_value(method: Method, action_values: Array, action: int, epsilon: float) -> float:
    """Says what the three methods think that the next state is worth; all that they differ in.

    Args:
        method: Q-learning (Watkins 1989), SARSA (Rummery & Niranjan 1994) or Expected SARSA (van Seijen 2009).
        action_values: Of the next state.
        action: The action that will be taken there.
        epsilon: Share of random actions.

    Returns:
        The value.
    """
    if method == "Q 学習":
        return float(action_values.max())
    if method == "SARSA":
        return float(action_values[action])
    return float((1 - epsilon) * action_values.max() + epsilon * action_values.mean())


def learn(
    environment: gym.Env[Any, Any],
    method: Method,
    *,
    episodes: int,
    alpha: float,
    seed: int,
    epsilon: float = 0.1,
    gamma: float = 1.0,
) -> tuple[Array, Array]:
    """Learns action values by temporal differences.

    Args:
        environment: States and actions are numbers.
        method: How the next state is valued.
        episodes: How many are played.
        alpha: Step size.
        seed: Seed of actions and environment.
        epsilon: Share of random actions, from the first step to the last.
        gamma: Discount.

    Returns:
        Action values ``(states, actions)``, and the undiscounted return of each episode, exploration included.
    """
    rng = np.random.default_rng(seed)
    q = np.zeros((environment.observation_space.n, environment.action_space.n))  # type: ignore[attr-defined]
    returns = np.zeros(episodes)
    for episode in range(episodes):
        state, _ = environment.reset(seed=seed if episode == 0 else None)
        action, ended = choose(q[state], epsilon, rng), False
        while not ended:
            following, reward, terminated, truncated, _ = environment.step(action)
            following_action = choose(q[following], epsilon, rng)
            worth = following_value(method, q[following], following_action, epsilon)
            q[state, action] += alpha * (float(reward) + gamma * (not terminated) * worth - q[state, action])
            returns[episode] += float(reward)
            state, action, ended = following, following_action, terminated or truncated
    return q, returns


def pull_bandits(
    epsilon: float, seed: int, *, bandits: int = 2000, arms: int = 10, steps: int = 1000
) -> tuple[Array, Array]:
    """Plays the 10-armed testbed of Sutton & Barto, section 2.3, on many bandits side by side.

    Args:
        epsilon: Share of random pulls.
        seed: Seed of bandits and pulls.
        bandits: How many.
        arms: Of each bandit; their true values are drawn from the standard normal distribution.
        steps: Pulls.

    Returns:
        Share of the bandits whose best arm was pulled, and mean reward, shape ``(steps,)`` each.
    """
    rng = np.random.default_rng(seed)
    true_values = rng.normal(size=(bandits, arms))
    best = true_values.argmax(axis=1)
    estimates, counts = np.zeros((bandits, arms)), np.zeros((bandits, arms))
    every = np.arange(bandits)
    best_share, mean_reward = np.zeros(steps), np.zeros(steps)
    for step in range(steps):
        tie_break = rng.random((bandits, arms)) * 1e-9
        pulled = (estimates + tie_break).argmax(axis=1)
        explore = rng.random(bandits) < epsilon
        pulled[explore] = rng.integers(arms, size=int(explore.sum()))
        rewards = rng.normal(true_values[every, pulled])
        counts[every, pulled] += 1
        estimates[every, pulled] += (rewards - estimates[every, pulled]) / counts[every, pulled]
        best_share[step], mean_reward[step] = (pulled == best).mean(), rewards.mean()
    return best_share, mean_reward


def walk_errors(
    method: Literal["TD(0)", "モンテカルロ"], alpha: float, seed: int, *, walks: int = 100, runs: int = 100
) -> Array:
    """Learns the values of the 5-state random walk, Sutton & Barto, example 6.2, many times side by side.

    Args:
        method: Learn from the next state, or from the end of the walk.
        alpha: Step size.
        seed: Seed of the walks.
        walks: Episodes of one run.
        runs: How many runs.

    Returns:
        Root mean squared error against the true values 1/6 ... 5/6 after each walk, averaged over the runs,
        shape ``(walks + 1,)``.
    """
    rng = np.random.default_rng(seed)
    truth = np.arange(1, 6) / 6
    errors = np.zeros((runs, walks + 1))
    for run in range(runs):
        values = np.array([0, 0.5, 0.5, 0.5, 0.5, 0.5, 0])
        errors[run, 0] = np.sqrt(np.mean((values[1:-1] - truth) ** 2))
        for walk in range(walks):
            path = walk_once(rng)
            reward = float(path[-1] == 6)
            for place, following in pairwise(path):
                last = following in (0, 6)
                td = reward if last else values[following]
                values[place] += alpha * ((td if method == "TD(0)" else reward) - values[place])
            errors[run, walk + 1] = np.sqrt(np.mean((values[1:-1] - truth) ** 2))
    return np.asarray(errors.mean(axis=0))


def walk_once(rng: np.random.Generator) -> list[int]:
    """Walks from the middle of 5 states, 1 to 5, until an end, 0 or 6."""
    path = [3]
    while 0 < path[-1] < 6:
        path.append(path[-1] + (1 if rng.random() < 0.5 else -1))
    return path
