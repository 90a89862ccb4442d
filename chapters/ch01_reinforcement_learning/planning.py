"""Exact solutions of small environments whose table of transitions is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Model(NamedTuple):
    """A finite Markov decision process.

    Attributes:
        transitions: Probability of ``s2`` after action ``a`` in state ``s``, shape ``(states, actions, states)``.
        rewards: Expected reward of ``a`` in ``s``, shape ``(states, actions)``.
        terminal: Bool, shape ``(states,)``; whatever the tables say of a terminal state, its value is 0.
    """

    transitions: Array
    rewards: Array
    terminal: Array


def model_of(environment: gym.Env[Any, Any]) -> Model:
    """Reads the table ``P`` that Gymnasium's toy-text environments carry.

    Args:
        environment: FrozenLake, CliffWalking or Taxi.

    Returns:
        The same as arrays; states into which a terminating step leads are terminal.

    Raises:
        ValueError: If the environment has no such table.
    """
    table = getattr(environment.unwrapped, "P", None)
    if table is None:
        raise ValueError(
            "この環境には遷移の表 P がありません。FrozenLake や CliffWalking を渡してください。 / "
            "This environment has no table P of transitions: pass FrozenLake or CliffWalking."
        )
    states, actions = len(table), len(table[0])
    transitions, rewards = np.zeros((states, actions, states)), np.zeros((states, actions))
    terminal = np.zeros(states, bool)
    for state, by_action in table.items():
        for action, outcomes in by_action.items():
            for probability, following, reward, terminated in outcomes:
                transitions[state, action, following] += probability
                rewards[state, action] += probability * reward
                terminal[following] |= terminated
    return Model(transitions, rewards, terminal)


def action_values(model: Model, values: Array, gamma: float = 1.0) -> Array:
    """Looks one step ahead: ``r + gamma * P v``.

    Args:
        model: The environment.
        values: Of the states, shape ``(states,)``.
        gamma: Discount.

    Returns:
        Shape ``(states, actions)``; 0 in terminal states.
    """
    ahead = model.rewards + gamma * model.transitions @ np.where(model.terminal, 0, values)
    return np.where(model.terminal[:, None], 0, ahead)


def optimal_values(model: Model, gamma: float = 1.0, tolerance: float = 1e-12) -> Array:
    """Iterates Bellman's equation of optimality until no value changes, Bellman 1957.

    Args:
        model: The environment.
        gamma: Discount; with 1, every policy must end sooner or later, or rewards must not be negative.
        tolerance: Largest change that counts as none.

    Returns:
        Optimal values, shape ``(states,)``.
    """
    values = np.zeros(len(model.terminal))
    while True:
        improved = action_values(model, values, gamma).max(axis=1)
        if np.abs(improved - values).max() <= tolerance:
            return np.asarray(improved)
        values = improved


def values_within(model: Model, steps: int) -> Array:
    """Computes optimal undiscounted values with a limit of steps, by backward induction.

    Args:
        model: The environment.
        steps: Limit of steps.

    Returns:
        Values with ``n`` steps left in row ``n``, shape ``(steps + 1, states)``.
    """
    rows = [np.zeros(len(model.terminal))]
    for _ in range(steps):
        rows.append(action_values(model, rows[-1]).max(axis=1))
    return np.stack(rows)


def return_within(model: Model, policy: Array, steps: int, start: int) -> float:
    """Computes the undiscounted return of a policy that does not look at the clock, with a limit of steps."""
    values = np.zeros(len(model.terminal))
    for _ in range(steps):
        values = (policy * action_values(model, values)).sum(axis=1)
    return float(values[start])


def evaluate(model: Model, policy: Array, gamma: float = 1.0) -> Array:
    """Solves Bellman's linear equations for the values of a policy.

    Args:
        model: The environment.
        policy: Probability of each action, shape ``(states, actions)``.
        gamma: Discount; with 1, the policy must end with certainty.

    Returns:
        Values, shape ``(states,)``.
    """
    live = np.flatnonzero(~model.terminal)
    chain = np.einsum("sa,sat->st", policy, model.transitions)[np.ix_(live, live)]
    gained = (policy * model.rewards).sum(axis=1)[live]
    values = np.zeros(len(model.terminal))
    values[live] = np.linalg.solve(np.eye(len(live)) - gamma * chain, gained)
    return values


def soft_policy(actions: Array, count: int, epsilon: float = 0.0) -> Array:
    """Follows given actions, but with probability ``epsilon`` any of all actions.

    Args:
        actions: One for each state, shape ``(states,)``.
        count: Number of actions.
        epsilon: Share of random actions.

    Returns:
        Probabilities, shape ``(states, count)``.
    """
    return np.asarray((1 - epsilon) * np.eye(count)[actions] + epsilon / count)


def best_soft_actions(model: Model, epsilon: float, gamma: float = 1.0) -> Array:
    """Improves an epsilon-soft policy until nothing changes, Sutton & Barto, section 5.4.

    Args:
        model: The environment.
        epsilon: Share of random actions, above 0.
        gamma: Discount.

    Returns:
        The greedy action of each state, shape ``(states,)``.
    """
    actions = np.zeros(len(model.terminal), int)
    while True:
        values = evaluate(model, soft_policy(actions, model.rewards.shape[1], epsilon), gamma)
        ahead = action_values(model, values, gamma)
        current = ahead[np.arange(len(actions)), actions]
        improved = np.where(ahead.max(axis=1) > current + 1e-9, ahead.argmax(axis=1), actions)
        if np.array_equal(improved, actions):
            return actions
        actions = improved


def greedy_path(model: Model, actions: Array, start: int, limit: int = 100) -> list[int]:
    """Follows the likeliest transitions of given actions.

    Args:
        model: The environment.
        actions: One for each state.
        start: First state.
        limit: Largest number of steps: a policy that goes round in circles stops there.

    Returns:
        States from the start to the end.
    """
    path = [start]
    while not model.terminal[path[-1]] and len(path) <= limit:
        path.append(int(model.transitions[path[-1], actions[path[-1]]].argmax()))
    return path


def random_walk(states: int = 5) -> Model:
    """Builds the random walk of Sutton & Barto, example 6.2: +1 at the right end, 0 at the left.

    Args:
        states: Number of states between the ends.

    Returns:
        Model of ``states + 2`` states and 2 actions, left and right.
    """
    count = states + 2
    transitions, rewards = np.zeros((count, 2, count)), np.zeros((count, 2))
    terminal = np.arange(count) % (count - 1) == 0
    for state in np.flatnonzero(~terminal):
        transitions[state, 0, state - 1] = transitions[state, 1, state + 1] = 1
    rewards[states, 1] = 1
    return Model(transitions, rewards, terminal)


def grid_world(size: int = 4) -> Model:
    """Builds the grid of Sutton & Barto, example 4.1: -1 for each step, two opposite corners end it.

    Args:
        size: Rows and columns.

    Returns:
        Model of ``size * size`` states, row by row, and 4 actions; a step against the wall stays where it is.
    """
    count = size * size
    transitions, rewards = np.zeros((count, 4, count)), -np.ones((count, 4))
    terminal = np.isin(np.arange(count), [0, count - 1])
    for state in range(count):
        row, column = divmod(state, size)
        for action, (down, right) in enumerate([(0, -1), (1, 0), (0, 1), (-1, 0)]):
            to = np.clip([row + down, column + right], 0, size - 1)
            transitions[state, action, to[0] * size + to[1]] = 1
    return Model(transitions, rewards, terminal)
