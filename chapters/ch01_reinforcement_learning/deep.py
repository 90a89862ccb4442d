"""DQN and REINFORCE on CartPole-v1: Keras learns, NumPy acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gymnasium as gym
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from chapters.ch01_reinforcement_learning.cartpole import ENVIRONMENT, Policy, mean_return, play

Array = npt.NDArray[Any]

SCALE = np.array([1 / 2.4, 1 / 2, 1 / 0.21, 1 / 2], "float32")
"""Brings position, speed, angle and angular speed to the order of 1."""

EVALUATION_SEED, TEST_SEED = 10_000, 20_000
"""Starts from which a run is watched, and other starts from which its best network is measured."""


def dense_network(outputs: int, hidden: tuple[int, ...] = (64, 64), activation: str = "relu") -> keras.Model:
    """Builds a small dense network on CartPole's observations.

    Args:
        outputs: Width of the linear output.
        hidden: Width of each hidden layer.
        activation: ``"relu"`` or ``"tanh"``.

    Returns:
        Model from observations ``(batch, 4)`` to ``(batch, outputs)``.
    """
    inputs = keras.Input((4,))
    x = layers.Rescaling(SCALE)(inputs)
    for width in hidden:
        x = layers.Dense(width, activation)(x)
    return keras.Model(inputs, layers.Dense(outputs)(x))


def weights_of(model: keras.Model) -> list[Array]:
    """Copies kernels and biases, in the order of the layers."""
    return [np.asarray(variable) for variable in model.trainable_variables]


def forward(weights: list[Array], observations: Array, activation: str = "relu") -> Array:
    """Computes :func:`dense_network` in NumPy: for a single observation a hundred times as fast as ``predict``.

    Args:
        weights: Of :func:`weights_of`.
        observations: Shape ``(4,)`` or ``(n, 4)``.
        activation: That of the hidden layers.

    Returns:
        Shape ``(outputs,)`` or ``(n, outputs)``.
    """
    x = observations * SCALE
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = x @ kernel + bias
        x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0)
    return np.asarray(x @ weights[-2] + weights[-1])


def greedy(weights: list[Array], activation: str = "relu") -> Policy:
    """Takes the action with the highest output."""
    return lambda observations: forward(weights, observations, activation).argmax(axis=1)


@dataclass
class Progress:
    """What a run has measured while it learnt.

    Attributes:
        steps: Steps in the environment when the policy was watched.
        returns: Mean return of 20 greedy episodes at those moments.
        values: What else was watched: for DQN, the mean return that the network promises at the start of an
            episode (at most 1 / (1 - gamma) is true); for a population, the mean fitness of the generation.
        best: Weights that scored best while they were watched.
    """

    steps: list[int] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    best: list[Array] = field(default_factory=list)

    def watch(self, step: int, weights: list[Array], value: float = 0.0, activation: str = "relu") -> None:
        """Plays 20 greedy episodes, always from the same starts."""
        score = mean_return(greedy(weights, activation), 20, EVALUATION_SEED)
        if score >= max(self.returns, default=0.0):
            self.best = weights
        self.steps.append(step)
        self.returns.append(score)
        self.values.append(value)


# DQN


class Batch(NamedTuple):
    """Transitions, float32 but for the actions, which are int32; ``n`` of them."""

    observations: Array
    actions: Array
    rewards: Array
    next_observations: Array
    terminated: Array


class Memory:
    """The last transitions, of which random ones are drawn: experience replay, Lin 1992."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.count = capacity, 0
        self.columns = Batch(
            np.zeros((capacity, 4), "float32"),
            np.zeros(capacity, "int32"),
            np.zeros(capacity, "float32"),
            np.zeros((capacity, 4), "float32"),
            np.zeros(capacity, "float32"),
        )

    def __len__(self) -> int:
        return min(self.count, self.capacity)

    def add(self, *transition: Any) -> None:
        """Stores a transition, in place of the oldest once the memory is full."""
        for column, value in zip(self.columns, transition, strict=True):
            column[self.count % self.capacity] = value
        self.count += 1

    def sample(self, size: int, rng: np.random.Generator) -> Batch:
        """Draws transitions, with replacement."""
        return self.take(rng.integers(0, len(self), size))

    def latest(self, size: int) -> Batch:
        """Gives the newest transitions."""
        return self.take(np.arange(self.count - size, self.count) % self.capacity)

    def take(self, places: Array) -> Batch:
        """Gives the transitions at some places."""
        return Batch(*(column[places] for column in self.columns))


@dataclass(frozen=True)
class DQN:
    """Settings of a deep Q-network, Mnih et al., Nature 2015, at CartPole's scale.

    Attributes:
        steps: Steps in the environment.
        gamma: Discount.
        learning_rate: Of Adam at the start; falls to 0 in a straight line.
        batch: Transitions in an update.
        capacity: Transitions that are remembered.
        warm_up: Steps before the first update.
        learn_every: Steps between updates.
        target_every: Steps between copies into the target network.
        explore: Steps over which epsilon falls from 1 to ``epsilon``.
        epsilon: Share of random actions after that.
        watch_every: Steps between evaluations.
        replay: Whether updates draw from the memory; if not, they use the newest transitions, once.
        target_network: Whether targets come from a copy; if not, from the network that learns.
    """

    steps: int = 20_000
    gamma: float = 0.99
    learning_rate: float = 1e-3
    batch: int = 128
    capacity: int = 20_000
    warm_up: int = 500
    learn_every: int = 2
    target_every: int = 200
    explore: int = 5_000
    epsilon: float = 0.05
    watch_every: int = 500
    replay: bool = True
    target_network: bool = True

    def epsilon_at(self, step: int) -> float:
        """Share of random actions at a step."""
        return max(self.epsilon, 1 - (1 - self.epsilon) * step / self.explore)


def dqn_learner(model: keras.Model, target: keras.Model, settings: DQN) -> Callable[[Batch], None]:
    """Compiles one step of Adam towards ``r + gamma * max Q_target(s', a')``.

    Args:
        model: Learns.
        target: Gives the targets; may be the model itself.
        settings: Discount and learning rate.

    Returns:
        Function that takes a batch.
    """
    updates = settings.steps // settings.learn_every
    schedule = keras.optimizers.schedules.PolynomialDecay(settings.learning_rate, updates, 0.0)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(model.trainable_variables)

    def learn(batch: Batch) -> None:
        bootstrapped = tf.reduce_max(target(batch.next_observations), axis=1)
        targets = batch.rewards + settings.gamma * (1 - batch.terminated) * bootstrapped
        with tf.GradientTape() as tape:
            chosen = tf.reduce_sum(model(batch.observations) * tf.one_hot(batch.actions, 2), axis=1)
            loss = tf.reduce_mean((tf.stop_gradient(targets) - chosen) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    compiled = tf.function(learn, reduce_retracing=True)
    return lambda batch: compiled(Batch(*map(tf.convert_to_tensor, batch)))


def train_dqn(settings: DQN, seed: int) -> Progress:
    """Learns CartPole-v1 by DQN.

    Args:
        settings: What to do.
        seed: Seed of weights, exploration, memory and environment.

    Returns:
        What was measured on the way.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model, target = dense_network(2), dense_network(2)
    target.set_weights(model.get_weights())
    learn = dqn_learner(model, target if settings.target_network else model, settings)
    memory, progress = Memory(settings.capacity), Progress()
    environment = gym.make(ENVIRONMENT, disable_env_checker=True)
    starts = play(greedy(weights_of(model)), 20, EVALUATION_SEED).observations[0]
    weights = weights_of(model)
    observation, _ = environment.reset(seed=seed)
    for step in range(1, settings.steps + 1):
        if rng.random() < settings.epsilon_at(step):
            action = int(rng.integers(2))
        else:
            action = int(forward(weights, observation).argmax())
        following, reward, terminated, truncated, _ = environment.step(action)
        memory.add(observation, action, reward, following, terminated)
        observation = environment.reset()[0] if terminated or truncated else following
        if step >= settings.warm_up and step % settings.learn_every == 0:
            learn(
                memory.sample(settings.batch, rng) if settings.replay else memory.latest(settings.learn_every)
            )
            weights = weights_of(model)
        if step % settings.target_every == 0:
            target.set_weights(model.get_weights())
        if step % settings.watch_every == 0:
            progress.watch(step, weights, float(forward(weights, starts).max(axis=1).mean()))
    return progress


# REINFORCE


@dataclass(frozen=True)
class Reinforce:
    """Settings of REINFORCE, Williams 1992.

    Attributes:
        steps: Steps in the environment, at least; the last update finishes its episodes.
        gamma: Discount.
        learning_rate: Of Adam, for the policy and for the baseline.
        episodes: Episodes in an update.
        baseline: Whether a learnt value of the state is subtracted from the return.
    """

    steps: int = 150_000
    gamma: float = 0.99
    learning_rate: float = 5e-3
    episodes: int = 8
    baseline: bool = True


def returns_to_go(rewards: Array, gamma: float) -> Array:
    """Sums discounted rewards from each step to the end.

    Args:
        rewards: Shape ``(steps, n)``; 0 after the end of an episode.
        gamma: Discount.

    Returns:
        Same shape.
    """
    sums, following = np.zeros(rewards.shape), np.zeros(rewards.shape[1:])
    for step in reversed(range(len(rewards))):
        following = rewards[step] + gamma * following
        sums[step] = following
    return sums


def reinforce_learner(
    policy: keras.Model, value: keras.Model | None, settings: Reinforce
) -> Callable[[Array, Array, Array], None]:
    """Compiles one step of Adam up the policy gradient, and one of the baseline towards the returns.

    Args:
        policy: Gives logits.
        value: Gives the baseline; None for none.
        settings: Learning rate.

    Returns:
        Function of observations ``(n, 4)``, actions ``(n,)`` and returns ``(n,)``.
    """
    actor = keras.optimizers.Adam(settings.learning_rate)
    actor.build(policy.trainable_variables)
    critic = keras.optimizers.Adam(settings.learning_rate)
    if value is not None:
        critic.build(value.trainable_variables)

    def learn(observations: Any, actions: Any, returns: Any) -> None:
        baseline = tf.zeros_like(returns)
        if value is not None:
            with tf.GradientTape() as tape:
                baseline = value(observations)[:, 0]
                error = tf.reduce_mean((returns - baseline) ** 2)
            gradients = tape.gradient(error, value.trainable_variables)
            critic.apply_gradients(zip(gradients, value.trainable_variables, strict=True))
        with tf.GradientTape() as tape:
            surprise = tf.nn.sparse_softmax_cross_entropy_with_logits(actions, policy(observations))
            loss = tf.reduce_mean(surprise * tf.stop_gradient(returns - baseline))
        gradients = tape.gradient(loss, policy.trainable_variables)
        actor.apply_gradients(zip(gradients, policy.trainable_variables, strict=True))

    compiled: Callable[[Array, Array, Array], None] = tf.function(learn, reduce_retracing=True)
    return compiled


def sampled(weights: list[Array], rng: np.random.Generator) -> Policy:
    """Draws actions with the probabilities of a policy network."""

    def act(observations: Array) -> Array:
        logits = forward(weights, observations, "tanh")
        right = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
        return np.asarray(rng.random(len(right)) < right, "int64")

    return act


def train_reinforce(settings: Reinforce, seed: int) -> Progress:
    """Learns CartPole-v1 by REINFORCE.

    Args:
        settings: What to do.
        seed: Seed of weights, actions and starts.

    Returns:
        What was measured on the way, before each update.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    policy = dense_network(2, (32, 32), "tanh")
    value = dense_network(1, (32, 32), "tanh") if settings.baseline else None
    learn = reinforce_learner(policy, value, settings)
    progress, steps = Progress(), 0
    while steps < settings.steps:
        weights = weights_of(policy)
        progress.watch(steps, weights, activation="tanh")
        episodes = play(sampled(weights, rng), settings.episodes, int(rng.integers(2**31)))
        steps += int(episodes.alive.sum())
        returns = returns_to_go(episodes.alive.astype(float), settings.gamma)
        learn(
            tf.constant(episodes.observations[episodes.alive]),
            tf.constant(episodes.actions[episodes.alive]),
            tf.constant(returns[episodes.alive], "float32"),
        )
    progress.watch(steps, weights_of(policy), activation="tanh")
    return progress
