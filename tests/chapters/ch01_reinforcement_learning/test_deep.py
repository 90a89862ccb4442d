"""DQN and REINFORCE: what one update does, what the memory gives, and that a short run learns."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from chapters.ch01_reinforcement_learning import deep
from chapters.ch01_reinforcement_learning.deep import DQN, Batch, Memory, Progress, Reinforce


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_numpy_computes_what_keras_computes(activation: str) -> None:
    network = deep.dense_network(2, activation=activation)
    observations = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")

    computed = deep.forward(deep.weights_of(network), observations, activation)

    np.testing.assert_allclose(computed, network(observations), atol=1e-5)
    np.testing.assert_array_equal(
        deep.greedy(deep.weights_of(network), activation)(observations), computed.argmax(axis=1)
    )


def test_memory_keeps_the_newest_and_draws_from_all_of_them() -> None:
    memory = Memory(10)
    for number in range(25):
        memory.add(np.full(4, number), number % 2, number, np.full(4, number + 1), number == 24)

    drawn = memory.sample(500, np.random.default_rng(0))

    assert len(memory) == 10
    assert set(drawn.rewards) == set(range(15, 25))
    assert memory.latest(3).rewards.tolist() == [22, 23, 24]
    assert memory.latest(3).terminated.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(drawn.next_observations[:, 0], drawn.rewards + 1)


def transitions(terminated: float) -> Batch:
    rng = np.random.default_rng(0)
    return Batch(
        rng.normal(size=(8, 4)).astype("float32"),
        np.zeros(8, "int32"),
        np.ones(8, "float32"),
        rng.normal(size=(8, 4)).astype("float32"),
        np.full(8, terminated, "float32"),
    )


@pytest.mark.parametrize(("terminated", "goal"), [(0.0, 1 + 0.9 * 5), (1.0, 1.0)])
def test_update_moves_towards_the_target(terminated: float, goal: float) -> None:
    keras.utils.set_random_seed(1)
    model, target = deep.dense_network(2), deep.dense_network(2)
    target.set_weights([np.zeros_like(w) for w in target.get_weights()[:-1]] + [np.array([3.0, 5.0])])
    batch = transitions(terminated)
    learn = deep.dqn_learner(model, target, DQN(gamma=0.9, learning_rate=1e-2, steps=4000))
    for _ in range(400):
        learn(batch)

    np.testing.assert_allclose(model(batch.observations)[:, 0], goal, atol=0.2)
    np.testing.assert_allclose(target(batch.observations), np.tile([3.0, 5.0], (8, 1)))


def test_epsilon_falls_to_its_floor() -> None:
    settings = DQN(explore=100, epsilon=0.05)

    assert settings.epsilon_at(0) == 1
    assert settings.epsilon_at(50) == pytest.approx(0.525)
    assert settings.epsilon_at(1000) == 0.05


@pytest.mark.parametrize(
    "settings", [DQN(), DQN(replay=False), DQN(target_network=False)], ids=["all", "replay", "target"]
)
def test_short_dqn_runs_the_same_again(settings: DQN) -> None:
    short = replace(settings, steps=700, warm_up=200, watch_every=350, target_every=100)
    first, second = deep.train_dqn(short, seed=1), deep.train_dqn(short, seed=1)

    assert first.steps == [350, 700]
    assert first.returns == second.returns
    assert min(first.returns) >= 8


def test_dqn_learns_more_than_chance() -> None:
    assert max(deep.train_dqn(DQN(steps=4_000, explore=2_000), seed=1).returns) > 60


def test_returns_are_summed_from_the_end() -> None:
    rewards = np.array([[2.0, 1], [-1, 1], [4, 0]])

    np.testing.assert_allclose(deep.returns_to_go(rewards, 0.5), [[2.5, 1.5], [1, 1], [4, 0]])


@pytest.mark.parametrize("baseline", [True, False])
def test_update_raises_the_probability_of_what_paid(baseline: bool) -> None:
    keras.utils.set_random_seed(1)
    policy = deep.dense_network(2, (8,), "tanh")
    value = deep.dense_network(1, (8,), "tanh") if baseline else None
    observations = tf.random.stateless_normal((40, 4), (1, 2))
    actions = tf.constant(np.arange(40) % 2)
    before = tf.nn.softmax(policy(observations))[:, 1]
    learn = deep.reinforce_learner(policy, value, Reinforce())
    for _ in range(30):
        learn(observations, actions, tf.cast(actions, "float32") * 10)
    after = tf.nn.softmax(policy(observations))[:, 1]

    assert float(tf.reduce_mean(after - before)) > 0.1


def test_sampled_actions_follow_the_probabilities() -> None:
    policy = deep.dense_network(2, (8,), "tanh")
    weights = [np.zeros_like(w) for w in policy.get_weights()[:-1]] + [np.array([0.0, np.log(3)])]

    drawn = deep.sampled(weights, np.random.default_rng(0))(np.zeros((4000, 4)))

    assert drawn.mean() == pytest.approx(0.75, abs=0.03)


def test_reinforce_learns_more_than_chance() -> None:
    progress = deep.train_reinforce(Reinforce(steps=10_000), seed=1)

    assert progress.steps[0] == 0
    assert progress.steps[-1] >= 10_000
    assert max(progress.returns) > 100


def test_progress_remembers_the_weights_that_scored_best() -> None:
    progress = Progress()
    good = [np.array([[0.0, 0], [0, 0], [-1, 1], [-1, 1]]), np.zeros(2)]
    bad = [np.array([[0.0, 0], [0, 0], [1, -1], [1, -1]]), np.zeros(2)]
    progress.watch(1, bad)
    progress.watch(2, good)
    progress.watch(3, bad)

    assert progress.best is good
    assert progress.returns[1] > 10 * progress.returns[0]
