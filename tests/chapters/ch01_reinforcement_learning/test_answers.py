"""Chapter 1's judge: its arithmetic against other ways, and its maze."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from chapters.ch01_reinforcement_learning import probes
from chapters.ch01_reinforcement_learning.answers import (
    best_policy,
    draw_maze,
    draw_process,
    following,
    optimal_values,
    values_of_policy,
)
from chapters.ch01_reinforcement_learning.exercises import (
    EPISODE_STEPS,
    FAR_REWARD,
    MAZE_GAMMA,
    MAZES,
    NEAR_REWARD,
    Maze,
    outcome,
    read_maze,
    renumbered,
)
from grader.exercise import Status, changed
from tests.chapters.answering import defined, judged, key, reference


def test_loss_of_nothing_but_a_constant_tensor_is_told_that_no_gradient_flows() -> None:
    code = "import tensorflow as tf\ndef reinforce_loss(*_):\n    return tf.constant(2.75122)\n"

    verdict = judged("ch01.policy_gradient", defined("ch01.policy_gradient", code), seed=7)

    assert "勾配が流れません" in verdict.detail


@pytest.mark.parametrize("gamma", [0.9, 1.0])
def test_optimal_values_are_those_of_no_worse_a_policy_than_any_other(gamma: float) -> None:
    rng = np.random.default_rng(3)
    process = draw_process(rng, states=4, actions=2, ending=0.2)

    every = [
        values_of_policy(process, gamma, following(np.array([a, b, c, d]), 2))
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
        for d in (0, 1)
    ]

    np.testing.assert_allclose(optimal_values(process, gamma), np.max(every, axis=0), atol=1e-9)


def test_drawn_process_is_one_and_ends_with_the_probability_asked_for() -> None:
    process = draw_process(np.random.default_rng(1), states=7, actions=3, ending=0.3)

    np.testing.assert_allclose(process.transitions.sum(axis=2), 1)
    assert process.transitions[:, :, process.terminal].sum(axis=2).min() >= 0.3
    assert process.terminal.sum() == 2


def value_by_equations(maze: Maze, policy: Any) -> float:
    """Value at the start, by linear equations: another way than the judge's."""
    moves = np.einsum("sa,sat->st", policy, maze.transitions)
    states = len(policy)
    values = np.linalg.solve(np.eye(states) - MAZE_GAMMA * moves[:, :states], moves @ maze.rewards)
    return float(values[maze.start])


@pytest.mark.parametrize(("rows", "best"), MAZES)
def test_value_written_beside_a_map_is_that_of_its_best_policy(rows: list[str], best: float) -> None:
    maze = read_maze(rows)
    policy = following(best_policy(maze, MAZE_GAMMA), 4)

    assert value_by_equations(maze, policy) == pytest.approx(best, abs=1e-4)
    assert outcome(maze, policy)[0] == pytest.approx(best, abs=1e-4)


def test_new_numbers_leave_the_values_as_they_are() -> None:
    maze = read_maze(MAZES[0][0])
    other = renumbered(maze, np.random.default_rng(4))

    assert not np.array_equal(maze.transitions, other.transitions)
    for gamma in (0.5, MAZE_GAMMA):
        values = [outcome(m, following(best_policy(m, gamma), 4))[0] for m in (maze, other)]
        assert values[0] == pytest.approx(values[1])


@pytest.mark.parametrize("seed", range(3))
def test_drawn_maze_tells_a_good_policy_from_one_that_settles_for_the_near_door(seed: int) -> None:
    maze, best = draw_maze(np.random.default_rng(seed))
    chance, arrived = outcome(maze, np.full((len(maze.transitions), 4), 0.25), EPISODE_STEPS)
    near = value_by_equations(maze, following(best_policy(maze, MAZE_GAMMA, far=False), 4))

    np.testing.assert_allclose(maze.transitions.sum(axis=2), 1)
    assert arrived[1] > 0.2
    assert near < chance + 0.76 * (best - chance)
    assert best == pytest.approx(
        value_by_equations(maze, following(best_policy(maze, MAZE_GAMMA), 4)), abs=1e-6
    )


def built(maze: Maze, budget: int = 100_000, seed: int = 0) -> probes.Maze:
    return probes.maze(*maze, EPISODE_STEPS, budget, seed)


def test_simulated_maze_is_the_one_that_the_judge_reckons_with() -> None:
    maze = read_maze(MAZES[2][0])
    env = built(maze)
    rng = np.random.default_rng(5)
    seen = np.zeros_like(maze.transitions)
    state, _ = env.reset()
    for _ in range(60_000):
        action = int(rng.integers(4))
        arrived, reward, terminated, truncated, _ = env.step(action)
        door = -2 + int(reward == FAR_REWARD)
        assert reward == (maze.rewards[door] if terminated else 0)
        assert not terminated or arrived == maze.start
        seen[state, action, door if terminated else arrived] += 1
        state = env.reset()[0] if terminated or truncated else arrived
    counts = seen.sum(axis=2, keepdims=True)

    np.testing.assert_array_equal(env.tried, counts[..., 0])
    assert counts.min() > 200
    assert np.abs(seen / counts - maze.transitions).max() < 6 * np.sqrt(0.25 / counts.min())
    assert (seen[maze.transitions == 0] == 0).all()
    assert set(maze.rewards) == {0, NEAR_REWARD, FAR_REWARD}


def test_simulated_maze_cuts_an_episode_off_where_it_is() -> None:
    rows = ["S#nF"]
    env = built(read_maze(rows))
    env.reset()

    ends = [env.step(0)[2:4] for _ in range(EPISODE_STEPS)]

    assert ends == [(False, False)] * (EPISODE_STEPS - 1) + [(False, True)]


def test_simulated_maze_refuses_steps_outside_an_episode_and_beyond_the_budget() -> None:
    env = built(read_maze(["S.#nF"]), budget=1)

    with pytest.raises(RuntimeError, match="reset"):
        env.step(0)
    env.reset()
    for action in (4, -1, 0.5, np.float32(1)):
        with pytest.raises(ValueError, match="0〜3"):
            env.step(action)  # type: ignore[arg-type]
    env.step(0)
    with pytest.raises(RuntimeError, match="steps 回より多く"):
        env.step(0)


@pytest.mark.parametrize("seed", range(3))
def test_learner_who_sees_one_step_ahead_does_not_pass_and_is_told_to_look_further(seed: int) -> None:
    code = changed(key("ch01.solve").reference, "target += gamma * q[next_state].max()", "target += 0")

    verdict = judged("ch01.solve", defined("ch01.solve", code), seed)

    assert verdict.status is Status.WRONG_VALUE
    assert "次の状態の価値" in verdict.detail


def test_learner_s_function_runs_on_gymnasium_s_own_environments_too() -> None:
    learn = reference("ch01.solve")["learn"]

    policy = learn(gymnasium.make("FrozenLake-v1"), 500, 0.99, seed=0)

    assert policy.shape == (16,)
