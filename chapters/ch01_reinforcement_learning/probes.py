"""What the checks of chapter 1 need beside the learner's code: a random generator, gradients, a maze."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Array = npt.NDArray[Any]


def generator(seed: int) -> np.random.Generator:
    """Makes a random generator, which the learner's code draws from.

    Args:
        seed: Its seed.
    """
    return np.random.default_rng(seed)


def loss_and_gradients(
    loss: Callable[..., Any], logits: Array, actions: Array, returns: Array, baselines: Array
) -> tuple[Any, Array | None, Array | None]:
    """Computes a loss of the learner's and its gradients.

    Args:
        loss: Function of the four arguments below, as tensors.
        logits: Shape ``(time, actions)``.
        actions: Shape ``(time,)``, integers.
        returns: Shape ``(time,)``.
        baselines: Shape ``(time,)``.

    Returns:
        The loss, and its gradients with respect to the logits and to the baselines; ``None`` where none flows.
    """
    z = tf.constant(logits, tf.float32)
    b = tf.constant(baselines, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([z, b])
        value = loss(z, tf.constant(actions, tf.int32), tf.constant(returns, tf.float32), b)
    if not tf.is_tensor(value) or not value.dtype.is_floating:
        return value, None, None
    gradients = tape.gradient(value, [z, b])
    of_logits, of_baselines = [
        None if gradient is None else tf.convert_to_tensor(gradient).numpy() for gradient in gradients
    ]
    return value, of_logits, of_baselines


class Maze(gymnasium.Env[Any, Any]):
    """A small environment with numbered places, some of whose moves end the episode.

    After a move that ends the episode (``terminated``), the state is the start of the next one.
    """

    def __init__(
        self, transitions: Array, rewards: Array, start: int, episode_steps: int, budget: int, seed: int
    ) -> None:
        """Creates the environment.

        Args:
            transitions: Probability of arriving, ``(states, actions, states + endings)``; the last columns are
                the endings.
            rewards: Reward of arriving, ``(states + endings,)``.
            start: Where episodes start.
            episode_steps: Steps after which an episode is cut off (``truncated``).
            budget: Steps that may be taken altogether.
            seed: Seed of its chance.
        """
        states, actions, _ = transitions.shape
        self.observation_space = gymnasium.spaces.Discrete(states)
        self.action_space = gymnasium.spaces.Discrete(actions)
        self._arrivals = [[_outcomes(row) for row in rows] for rows in transitions]
        self._rewards = [float(reward) for reward in rewards]
        self._start = start
        self._episode_steps = episode_steps
        self._budget = budget
        self._rng = np.random.default_rng(seed)
        self._place: int | None = None
        self._steps_of_episode = 0
        self.tried = np.zeros((states, actions), dtype="int64")

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Starts an episode; the seed stays the judge's."""
        self._place = self._start
        self._steps_of_episode = 0
        return self._place, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Makes a move.

        Args:
            action: Number of the action.

        Returns:
            State, reward, terminated, truncated and an empty dict.

        Raises:
            RuntimeError: If no episode runs, or the budget is spent.
            ValueError: If there is no such action.
        """
        if self._place is None:
            raise RuntimeError(
                "エピソードが始まっていないか、もう終わっています。env.reset() を呼びましょう / "
                "no episode runs: call env.reset()"
            )
        if self._budget <= 0:
            raise RuntimeError(
                "env.step を steps 回より多く呼びました。学習は steps 回までで終えましょう / "
                "env.step was called more than steps times"
            )
        number = self._number(action)
        self._budget -= 1
        self.tried[self._place, number] += 1
        self._steps_of_episode += 1
        chance = self._rng.random()
        arrivals = self._arrivals[self._place][number]
        arrived = next((place for bound, place in arrivals if chance < bound), arrivals[-1][1])
        terminated = arrived >= len(self._arrivals)
        truncated = not terminated and self._steps_of_episode >= self._episode_steps
        self._place = None if terminated or truncated else arrived
        state = self._start if terminated else arrived
        return state, self._rewards[arrived], terminated, truncated, {}

    def _number(self, action: Any) -> int:
        actions = self.tried.shape[1]
        if isinstance(action, (float, np.floating)) or not 0 <= int(action) < actions:
            raise ValueError(
                f"行動は 0〜{actions - 1} の整数です / an action is an integer from 0 to {actions - 1}"
            )
        return int(action)


def maze(transitions: Array, rewards: Array, start: int, episode_steps: int, budget: int, seed: int) -> Maze:
    """Builds a :class:`Maze`."""
    return Maze(transitions, rewards, start, episode_steps, budget, seed)


def tried(environment: Maze) -> Array:
    """Returns how often each action was tried in each state; a hint for messages, no proof of anything."""
    return environment.tried


def _outcomes(probabilities: Sequence[float]) -> list[tuple[float, int]]:
    """Places that can be arrived at, each with the sum of the probabilities up to it."""
    return [
        (bound, place)
        for place, (bound, probability) in enumerate(
            zip(accumulate(probabilities), probabilities, strict=True)
        )
        if probability > 0
    ]
