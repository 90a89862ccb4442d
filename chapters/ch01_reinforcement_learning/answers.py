"""Chapter 1: the answers, other right answers, known mistakes and hidden checks. Never released."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from grader.compare import expect, shape_of
from grader.exercise import Answer, Key, Mistake, changed

from .exercises import (
    AVERAGES_TARGET,
    BOOTSTRAPS,
    CLIPS_PROBABILITY,
    DOUBLE_DQN,
    DOUBLES_TIES,
    EPISODE_STEPS,
    EXPLORES_OTHERS,
    FIRST_OF_TIES,
    IGNORES_POLICY,
    IS_Q_LEARNING,
    MAZE_GAMMA,
    NEAR_REWARD,
    NO_BASELINE,
    ONLINE_NETWORK,
    STOPS_AT_TRUNCATION,
    STOPS_TOO_EARLY,
    WHOLE_TABLE,
    WRONG_SIGN,
    Episode,
    Maze,
    Process,
    check_maze,
    check_next_generation_at,
    expect_loss,
    expect_probabilities,
    expect_returns,
    expect_table,
    expect_targets,
    expect_values,
    outcome,
    read_maze,
    renumbered,
)

Array = npt.NDArray[Any]


# ch01.returns


def returns_of(rewards: Array, gamma: float, beyond: float) -> Array:
    """Discounted returns, by the definition."""
    ahead = [*rewards, beyond]
    return np.array([sum(gamma**k * r for k, r in enumerate(ahead[t:])) for t in range(len(rewards))])


def hidden_returns(answer: Answer) -> None:
    for steps, gamma in [(6, 0.9), (1, 0.5), (40, 0.0), (150, 1.0), (500, 0.2), (300, 0.99)]:
        rewards, beyond = answer.rng.normal(0, 3, steps), float(answer.rng.uniform(2, 9))
        expect_returns(answer, rewards.tolist(), gamma, beyond, returns_of(rewards, gamma, beyond))
    expect_returns(answer, [1.0] * 1200, 0.5, 0.0, 2 - 0.5 ** np.arange(1199, -1, -1))


# ch01.value_iteration, ch01.evaluate


def draw_process(rng: np.random.Generator, states: int, actions: int, ending: float) -> Process:
    """Draws a process; every action of every state ends it with at least a probability.

    Args:
        rng: Source of chance.
        states: Number of states, at least 3; two of them are terminal.
        actions: Number of actions.
        ending: The least probability of a terminal state.
    """
    terminal = np.zeros(states, dtype=bool)
    terminal[rng.choice(states, 2, replace=False)] = True
    transitions = rng.dirichlet(np.full(states, 0.5), (states, actions))
    transitions = (1 - ending) * transitions + ending * terminal / 2
    rewards = rng.normal(0, 2, (states, actions))
    rewards[terminal] = rng.uniform(3, 6, (2, actions))
    return Process(transitions, rewards, terminal)


def values_of_policy(process: Process, gamma: float, policy: Array) -> Array:
    """Values of a policy, by linear equations among the states that are not terminal."""
    live = ~process.terminal
    moves = np.einsum("sa,sat->st", policy, process.transitions)[np.ix_(live, live)]
    rewards = (policy * process.rewards).sum(axis=1)[live]
    values = np.zeros(len(live))
    values[live] = np.linalg.solve(np.eye(len(moves)) - gamma * moves, rewards)
    return values


def optimal_values(process: Process, gamma: float) -> Array:
    """Values of the best policy, by policy iteration; every policy must come to an end where gamma is 1."""
    states, actions = process.rewards.shape
    chosen = np.full(states, -1)
    values = np.zeros(states)
    while True:
        worth = process.rewards + gamma * process.transitions @ values
        better = worth.max(axis=1) > worth[np.arange(states), chosen] + 1e-10
        if not (better | (chosen < 0)).any():
            return values
        chosen = np.where(better | (chosen < 0), worth.argmax(axis=1), chosen)
        values = values_of_policy(process, gamma, np.eye(actions)[chosen])


def expect_optimal(answer: Answer, process: Process, gamma: float) -> None:
    given = answer.call("value_iteration", *process, gamma, 1e-9)
    right = optimal_values(process, gamma)
    near = shape_of(given, "value_iteration の結果") == right.shape and np.allclose(
        given, right, rtol=0.5, atol=0.1
    )
    precise = near and np.allclose(given, right, rtol=1e-4, atol=1e-4)
    expect(precise or not near, STOPS_TOO_EARLY)
    expect_values(given, process, right, "value_iteration の結果", {})


def slow_chain(rng: np.random.Generator, states: int) -> Process:
    """A chain whose steps cost something: its values settle one after another, and very slowly."""
    transitions = np.zeros((states, 2, states))
    for state in range(states - 1):
        for action, forward in enumerate(rng.permutation([0.04, 0.03])):
            transitions[state, action, [state + 1, state]] = forward, 1 - forward
    transitions[-1, :, -1] = 1
    terminal = np.arange(states) == states - 1
    return Process(transitions, -rng.uniform(0.5, 1, (states, 2)), terminal)


def hidden_value_iteration(answer: Answer) -> None:
    for states, actions, gamma, ending in [(5, 3, 0.9, 0.0), (9, 2, 0.6, 0.05), (6, 4, 1.0, 0.3)]:
        expect_optimal(answer, draw_process(answer.rng, states, actions, ending), gamma)
    expect_optimal(answer, slow_chain(answer.rng, 5), 0.995)


def hidden_evaluate(answer: Answer) -> None:
    for states, actions, gamma, ending in [(5, 3, 0.9, 0.0), (8, 2, 0.99, 0.02), (6, 4, 1.0, 0.3)]:
        process = draw_process(answer.rng, states, actions, ending)
        policy = answer.rng.dirichlet(np.full(actions, 0.7), states)
        even = np.full((states, actions), 1 / actions)
        expect_values(
            answer.call("policy_values", *process, gamma, policy),
            process,
            values_of_policy(process, gamma, policy),
            "policy_values の結果",
            {IGNORES_POLICY: values_of_policy(process, gamma, even)},
        )


# ch01.epsilon_greedy


def hidden_epsilon_greedy(answer: Answer) -> None:
    for actions, ties, epsilon in [(2, 1, 0.3), (6, 1, 0.05), (7, 3, 0.5), (4, 2, 1.0), (3, 1, 0.0)]:
        values = -answer.rng.uniform(0.5, 6, actions)
        best = answer.rng.choice(actions, ties, replace=False)
        values[best] = 0.25
        right = np.full(actions, epsilon / actions)
        right[best] += (1 - epsilon) / ties
        first, doubled = (np.full(actions, epsilon / actions) for _ in range(2))
        first[best.min()] += 1 - epsilon
        doubled[best] += 1 - epsilon
        others = np.full(actions, epsilon / max(actions - ties, 1))
        others[best] = (1 - epsilon) / ties
        known = {FIRST_OF_TIES: first, DOUBLES_TIES: doubled, EXPLORES_OTHERS: others}
        expect_probabilities(answer, values.tolist(), epsilon, right, known)


# ch01.q_learning, ch01.sarsa


def hidden_q_learning(answer: Answer) -> None:
    for states, actions, terminated in [(4, 3, False), (2, 6, True), (7, 2, False), (5, 5, False)]:
        table = answer.rng.normal(0, 4, (states, actions))
        state, following = (int(number) for number in answer.rng.choice(states, 2, replace=False))
        action = int(answer.rng.integers(actions))
        reward, alpha, gamma = (float(x) for x in answer.rng.uniform(0.2, 0.9, 3))
        given = answer.call(
            "q_learning_update", table, state, action, reward, following, terminated, alpha, gamma
        )

        def updated(
            future: float,
            start: float = float(table[state, action]),
            reward: float = reward,
            alpha: float = alpha,
            gamma: float = gamma,
        ) -> float:
            return start + alpha * (reward + gamma * future - start)

        best = float(table[following].max())
        right = updated(0 if terminated else best)
        known = {BOOTSTRAPS: updated(best), WHOLE_TABLE: updated(float(table.max()))}
        if not terminated:
            del known[BOOTSTRAPS]
        expect_table(given, table, state, action, right, known)
    table = answer.rng.normal(0, 1, (3, 2))
    given = answer.call("q_learning_update", table, 1, 0, -1.0, 1, False, 0.5, 0.9)
    expect_table(given, table, 1, 0, 0.5 * table[1, 0] + 0.5 * (0.9 * table[1].max() - 1), {})


def hidden_sarsa(answer: Answer) -> None:
    for states, actions, terminated in [(4, 3, False), (2, 6, True), (7, 2, False), (5, 5, False)]:
        table = answer.rng.normal(0, 4, (states, actions))
        state, following = (int(number) for number in answer.rng.integers(states, size=2))
        action, chosen = (int(number) for number in answer.rng.integers(actions, size=2))
        reward, alpha, gamma = (float(x) for x in answer.rng.uniform(0.2, 0.9, 3))
        given = answer.call(
            "sarsa_update", table, state, action, reward, following, chosen, terminated, alpha, gamma
        )
        start = float(table[state, action])
        futures = {"right": 0.0 if terminated else float(table[following, chosen])}
        futures[BOOTSTRAPS if terminated else IS_Q_LEARNING] = float(table[following].max())
        known = {name: start + alpha * (reward + gamma * x - start) for name, x in futures.items()}
        expect_table(given, table, state, action, known.pop("right"), known)


# ch01.dqn_targets


def hidden_dqn_targets(answer: Answer) -> None:
    for size, actions, gamma in [(6, 2, 0.99), (1, 3, 0.8), (32, 5, 0.95), (4, 4, 0.5)]:
        rng = answer.rng
        case = {
            "rewards": rng.normal(0, 2, size).astype("float32"),
            "terminated": rng.random(size) < 0.3,
            "truncated": rng.random(size) < 0.4,
            "next_q_online": rng.normal(0, 5, (size, actions)).astype("float32"),
            "next_q_target": rng.normal(0, 5, (size, actions)).astype("float32"),
        }
        online, target = case["next_q_online"], case["next_q_target"]
        going_on = ~case["terminated"]
        best = target.max(axis=1)
        futures = {
            "right": going_on * best,
            ONLINE_NETWORK: going_on * online.max(axis=1),
            DOUBLE_DQN: going_on * target[np.arange(size), online.argmax(axis=1)],
            STOPS_AT_TRUNCATION: going_on * ~case["truncated"] * best,
            AVERAGES_TARGET: going_on * target.mean(axis=1),
        }
        known = {name: case["rewards"] + gamma * future for name, future in futures.items()}
        expect_targets(answer, case, gamma, known.pop("right"), known)


# ch01.policy_gradient


def expect_loss_of(answer: Answer, episode: Episode) -> None:
    """Expects the loss and the gradient of an episode, by the definition."""
    z = episode.logits.astype("float64")
    z = z - z.max(axis=1, keepdims=True)
    logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    steps = np.arange(len(z))
    chosen = logs[steps, episode.actions]
    advantages = (episode.returns - episode.baselines).astype("float64")
    loss = -float(np.mean(chosen * advantages))
    known = {WRONG_SIGN: -loss, NO_BASELINE: -float(np.mean(chosen * episode.returns))}
    gradient = np.exp(logs)
    gradient[steps, episode.actions] -= 1
    gradient *= advantages[:, np.newaxis] / len(steps)
    if np.abs(z).max() > 100:
        known[CLIPS_PROBABILITY] = -float(np.mean(np.log(np.exp(chosen) + 1e-8) * advantages))
    expect_loss(answer, episode, loss, gradient, known)


def hidden_policy_gradient(answer: Answer) -> None:
    for steps, actions, size in [(5, 2, 1.0), (20, 6, 2.0), (1, 3, 1.0), (4, 4, 1.0), (6, 3, 400.0)]:
        episode = Episode(
            answer.rng.normal(0, size, (steps, actions)).astype("float32"),
            answer.rng.integers(0, actions, steps),
            answer.rng.normal(3, 4, steps).astype("float32"),
            answer.rng.normal(3, 1, steps).astype("float32"),
        )
        expect_loss_of(answer, episode)


# ch01.next_generation


def hidden_next_generation(answer: Answer) -> None:
    check_next_generation_at(answer, individuals=40, genes=400, elites=2, scale=0.5)
    check_next_generation_at(answer, individuals=60, genes=200, elites=8, scale=0.003)


# ch01.solve


SIZE = (2, 7)


def following(chosen: Array, actions: int, epsilon: float = 0.0) -> Array:
    """Probabilities of a policy that takes the chosen action of each state, but explores with ``epsilon``."""
    return (1 - epsilon) * np.eye(actions)[chosen] + epsilon / actions


def best_policy(maze: Maze, gamma: float, far: bool = True, again: bool = False, sweeps: int = 200) -> Array:
    """Best policy of a maze, by value iteration.

    Args:
        maze: The maze.
        gamma: Discount.
        far: Whether the far door is worth anything.
        again: Whether it takes the end of an episode for a way back to the start, as one who forgets
            ``terminated`` does.
        sweeps: Sweeps of value iteration.

    Returns:
        An action for each state.
    """
    states = len(maze.transitions)
    rewards = maze.rewards.copy()
    rewards[-1] *= far
    worth = np.zeros((states, maze.transitions.shape[1]))
    for _ in range(sweeps):
        values = worth.max(axis=1)
        ends = np.full(2, values[maze.start] if again else 0.0)
        worth = maze.transitions @ (rewards + gamma * np.append(values, ends))
    return np.asarray(worth.argmax(axis=1))


def is_fair(maze: Maze) -> bool:
    """Says whether usual learners find the best policy of a maze: places are reachable, the far door too.

    A random walk must reach the far door in more than a fifth of the episodes, and it must pay for one who
    explores half of the time, or those who learn the value of what they do (SARSA) would rightly avoid it.
    """
    states, actions, _ = maze.transitions.shape
    within = maze.transitions.sum(axis=1)[:, :states] + np.eye(states)
    reachable = np.linalg.matrix_power(within, states)[maze.start] > 0
    _, arrived = outcome(maze, np.full((states, actions), 1 / actions), EPISODE_STEPS)
    far, near = (
        outcome(maze, following(best_policy(maze, MAZE_GAMMA, far=far), actions, epsilon=0.5))[0]
        for far in (True, False)
    )
    return bool(reachable.all() and arrived[1] > 0.2 and far > 1.25 * near)


def is_telling(maze: Maze, chance: float, best: float) -> bool:
    """Says whether known mistakes end far below the best policy of a maze.

    Args:
        maze: The maze.
        chance: Value of the random policy.
        best: Value of the best policy.
    """
    mistaken = (
        best_policy(maze, MAZE_GAMMA, far=False),
        best_policy(maze, MAZE_GAMMA, again=True),
        best_policy(maze, 0.0),
    )
    values = [outcome(maze, following(policy, maze.transitions.shape[1]))[0] for policy in mistaken]
    return best - chance > 0.2 * NEAR_REWARD and max(values) < chance + 0.75 * (best - chance)


def draw_maze(rng: np.random.Generator) -> tuple[Maze, float]:
    """Draws a maze that is fair and telling.

    Returns:
        The maze and the value of its best policy at the start.
    """
    while True:
        marks = np.full(SIZE[0] * SIZE[1], ".")
        marks[rng.choice(marks.size, 5, replace=False)] = list("##SnF")
        maze = read_maze(["".join(row) for row in marks.reshape(SIZE)])
        states, actions, _ = maze.transitions.shape
        chance, _ = outcome(maze, np.full((states, actions), 1 / actions))
        best, _ = outcome(maze, following(best_policy(maze, MAZE_GAMMA), actions))
        if is_fair(maze) and is_telling(maze, chance, best):
            return renumbered(maze, rng), best


def hidden_solve(answer: Answer) -> None:
    for _ in range(3):
        check_maze(answer, *draw_maze(answer.rng))


# The references, of which each known mistake changes one thing.


RETURNS = """import numpy as np

def discounted_returns(rewards, gamma, beyond):
    returns = np.zeros(len(rewards))
    future = beyond
    for t in reversed(range(len(rewards))):
        future = rewards[t] + gamma * future
        returns[t] = future
    return returns
"""

VALUE_ITERATION = """import numpy as np

def value_iteration(transitions, rewards, terminal, gamma, tolerance):
    values = np.zeros(len(rewards))
    while True:
        action_values = rewards + gamma * transitions @ values
        updated = np.where(terminal, 0.0, action_values.max(axis=1))
        change = np.abs(updated - values).max()
        values = updated
        if change < tolerance:
            return values
"""

EPSILON_GREEDY = """import numpy as np

def epsilon_greedy(action_values, epsilon):
    best = action_values == action_values.max()
    return epsilon / len(action_values) + (1 - epsilon) * best / best.sum()
"""

Q_LEARNING = """import numpy as np

def q_learning_update(q, state, action, reward, next_state, terminated, alpha, gamma):
    target = reward
    if not terminated:
        target = target + gamma * q[next_state].max()
    q[state, action] += alpha * (target - q[state, action])
    return q
"""

SARSA = """import numpy as np

def sarsa_update(q, state, action, reward, next_state, next_action, terminated, alpha, gamma):
    target = reward
    if not terminated:
        target = target + gamma * q[next_state, next_action]
    q[state, action] += alpha * (target - q[state, action])
    return q
"""

POLICY_VALUES = """import numpy as np

def policy_values(transitions, rewards, terminal, gamma, policy):
    moves = np.einsum("sa,sat->st", policy, transitions)
    gains = (policy * rewards).sum(axis=1)
    moves[terminal] = 0
    gains[terminal] = 0
    return np.linalg.solve(np.eye(len(gains)) - gamma * moves, gains)
"""

DQN_TARGETS = """import numpy as np

def dqn_targets(rewards, terminated, truncated, next_q_online, next_q_target, gamma):
    return rewards + gamma * (1 - terminated) * next_q_target.max(axis=1)
"""

REINFORCE_LOSS = """import tensorflow as tf

def reinforce_loss(logits, actions, returns, baselines):
    log_probabilities = tf.gather(tf.nn.log_softmax(logits), actions, batch_dims=1)
    advantages = tf.stop_gradient(returns - baselines)
    return -tf.reduce_mean(log_probabilities * advantages)
"""

NEXT_GENERATION = """import numpy as np

def next_generation(population, fitness, elites, mutation_scale, rng):
    best = population[np.argsort(-fitness)[:elites]]
    shape = (len(population) - elites, population.shape[1])
    parents = rng.integers(0, elites, size=(shape[0], 2))
    from_first = rng.random(shape) < 0.5
    children = np.where(from_first, best[parents[:, 0]], best[parents[:, 1]])
    children = children + rng.normal(0, mutation_scale, shape)
    return np.concatenate([best, children])
"""

LEARN = """import numpy as np

def learn(env, steps, gamma, seed):
    rng = np.random.default_rng(seed)
    q = np.zeros((env.observation_space.n, env.action_space.n))
    state, _ = env.reset()
    for step in range(steps):
        epsilon = max(0.1, 1 - step / (0.8 * steps))
        if rng.random() < epsilon:
            action = int(rng.integers(q.shape[1]))
        else:
            action = int(q[state].argmax())
        next_state, reward, terminated, truncated, _ = env.step(action)
        target = reward
        if not terminated:
            target += gamma * q[next_state].max()
        q[state, action] += 0.1 * (target - q[state, action])
        state = next_state
        if terminated or truncated:
            state, _ = env.reset()
    return q.argmax(axis=1)
"""


ANSWERS: dict[str, Key] = {
    "ch01.returns": Key(
        reference=RETURNS,
        explanation="G_t = r_t + γG_{t+1} なので、後ろから 1 回たどるだけで、どの時刻の収益も求まります。打ち切られたときは、その先の収益から始めます。",
        alternatives={
            "累乗の行列": """import numpy as np

def discounted_returns(rewards, gamma, beyond):
    steps = np.arange(len(rewards))
    ahead = steps[np.newaxis] - steps[:, np.newaxis]
    weights = np.where(ahead >= 0, float(gamma) ** np.maximum(ahead, 0), 0)
    return weights @ rewards + float(gamma) ** (len(rewards) - steps) * beyond
""",
            "再帰のフィルター": """import numpy as np
from scipy.signal import lfilter

def discounted_returns(rewards, gamma, beyond):
    backwards = np.append(rewards, beyond)[::-1]
    return lfilter([1.0], [1.0, -gamma], backwards)[1:][::-1]
""",
            "定義どおりの和": """def discounted_returns(rewards, gamma, beyond):
    ahead = list(rewards) + [beyond]
    return [
        sum(gamma ** (k - t) * ahead[k] for k in range(t, len(ahead)))
        for t in range(len(rewards))
    ]
""",
            "リストの先頭に入れていく": """def discounted_returns(rewards, gamma, beyond):
    returns = [beyond]
    for reward in rewards[::-1]:
        returns.insert(0, reward + gamma * returns[0])
    return returns[:-1]
""",
        },
        mistakes={
            "整数の配列に入れる": Mistake(
                changed(RETURNS, "np.zeros(len(rewards))", "np.zeros_like(rewards)"), "小数部分が切り捨て"
            ),
            "beyond を使わない": Mistake(
                changed(RETURNS, "future = beyond", "future = 0"), "beyond を使っていません"
            ),
            "beyond を割り引かない": Mistake(
                changed(
                    changed(RETURNS, "future = beyond", "future = 0"),
                    "    for t",
                    "    rewards = np.array(rewards, dtype=float)\n    rewards[-1] += beyond\n    for t",
                ),
                "beyond を割り引いていません",
            ),
            "割引がない": Mistake(changed(RETURNS, "gamma * future", "future"), "割引がありません"),
            "1 つ先まで": Mistake(
                """import numpy as np
def discounted_returns(rewards, gamma, beyond):
    return rewards + gamma * np.append(rewards[1:], beyond)
""",
                "1 つ先の報酬までしか",
            ),
            "報酬も割り引く": Mistake(
                changed(RETURNS, "rewards[t] + gamma * future", "gamma * (rewards[t] + future)"),
                "gamma を 1 回余分に",
            ),
            "前から足す": Mistake(
                changed(RETURNS, "reversed(range(len(rewards)))", "range(len(rewards))"),
                "過去の報酬を足して",
            ),
            "はじめから割り引く": Mistake(
                """import numpy as np
def discounted_returns(rewards, gamma, beyond):
    ahead = np.append(rewards, beyond)
    return np.cumsum((gamma ** np.arange(len(ahead)) * ahead)[::-1])[::-1][:-1]
""",
                "割引をエピソードのはじめから",
            ),
            "並べ直さない": Mistake(
                """def discounted_returns(rewards, gamma, beyond):
    returns, future = [], beyond
    for reward in rewards[::-1]:
        future = reward + gamma * future
        returns.append(future)
    return returns
""",
                "並びが逆です",
            ),
            "はじめの収益だけ": Mistake(
                """def discounted_returns(rewards, gamma, beyond):
    first = sum(gamma**t * reward for t, reward in enumerate(rewards))
    return first + gamma ** len(rewards) * beyond
""",
                "エピソードのはじめの収益だけ",
            ),
            "累乗で割る": Mistake(
                """import numpy as np
def discounted_returns(rewards, gamma, beyond):
    ahead = np.append(rewards, beyond)
    powers = gamma ** np.arange(len(ahead))
    return (np.cumsum((powers * ahead)[::-1])[::-1] / powers)[:-1]
""",
                "gamma の累乗で割ると",
            ),
            "次の時刻の収益": Mistake(
                changed(
                    RETURNS,
                    "        future = rewards[t] + gamma * future\n        returns[t] = future\n",
                    "        returns[t] = future\n        future = rewards[t] + gamma * future\n",
                ),
                "その時刻の報酬 r_t が抜けて",
            ),
        },
        hidden=hidden_returns,
    ),
    "ch01.value_iteration": Key(
        reference=VALUE_ITERATION,
        explanation="ベルマン最適方程式の右辺を何度も当てはめると、誤差が毎回 γ 倍以下になり、最適な価値に近づきます。終端状態から先はないので、その価値はいつも 0 です。",
        alternatives={
            "1 つずつ書き換える": """import numpy as np

def value_iteration(transitions, rewards, terminal, gamma, tolerance):
    values = np.zeros(len(rewards))
    live = [s for s in range(len(rewards)) if not terminal[s]]
    change = tolerance
    while change >= tolerance:
        change = 0.0
        for s in live:
            old = values[s]
            values[s] = max(rewards[s] + gamma * transitions[s].dot(values))
            change = max(change, abs(values[s] - old))
    return values
""",
            "方策反復": """import numpy as np

def value_iteration(transitions, rewards, terminal, gamma, tolerance):
    n = len(rewards)
    P = np.where(terminal[:, None, None], 0, transitions)
    R = np.where(terminal[:, None], 0, rewards)
    policy = np.zeros(n, dtype=int)
    while True:
        values = np.linalg.solve(np.eye(n) - gamma * P[np.arange(n), policy], R[np.arange(n), policy])
        q = R + gamma * P @ values
        improved = np.where(q.max(axis=1) > values + tolerance, q.argmax(axis=1), policy)
        if (improved == policy).all():
            return values
        policy = improved
""",
            "行動価値を反復する": """import numpy as np

def value_iteration(transitions, rewards, terminal, gamma, tolerance):
    going_on = 1.0 - np.asarray(terminal, dtype=float)
    q = np.zeros(rewards.shape)
    while True:
        values = going_on * q.max(axis=1)
        new = rewards + gamma * np.einsum("sat,t->sa", transitions, values)
        if np.max(np.abs(new - q)) < tolerance:
            return going_on * new.max(axis=1)
        q = new
""",
            "線形計画": """import numpy as np
from scipy.optimize import linprog

def value_iteration(transitions, rewards, terminal, gamma, tolerance):
    live = ~np.asarray(terminal)
    states, actions = rewards.shape
    rows = np.repeat(np.eye(states), actions, axis=0) - gamma * transitions.reshape(-1, states)
    keep = np.repeat(live, actions)
    result = linprog(
        np.ones(live.sum()),
        A_ub=-rows[keep][:, live],
        b_ub=-rewards.reshape(-1)[keep],
        bounds=(None, None),
    )
    values = np.zeros(states)
    values[live] = result.x
    return values
""",
        },
        mistakes={
            "平均を取る": Mistake(
                changed(VALUE_ITERATION, "action_values.max(axis=1)", "action_values.mean(axis=1)"),
                "行動について平均しています。最適な価値は",
            ),
            "終端を忘れる": Mistake(
                changed(
                    VALUE_ITERATION,
                    "np.where(terminal, 0.0, action_values.max(axis=1))",
                    "action_values.max(axis=1)",
                ),
                "終端状態の価値が 0 になって",
            ),
            "報酬も割り引く": Mistake(
                changed(
                    VALUE_ITERATION,
                    "rewards + gamma * transitions @ values",
                    "gamma * (rewards + transitions @ values)",
                ),
                "報酬まで割り引いて",
            ),
            "軸を取り違える": Mistake(
                changed(
                    VALUE_ITERATION, "transitions @ values", 'np.einsum("sat,s->ta", transitions, values)'
                ),
                "確率の軸が違います",
            ),
            "1 回だけ": Mistake(
                """import numpy as np
def value_iteration(transitions, rewards, terminal, gamma, tolerance):
    values = np.zeros(len(rewards))
    return np.where(terminal, 0, (rewards + gamma * transitions @ values).max(axis=1))
""",
                "1 回しか更新して",
            ),
            "符号つきの変化": Mistake(
                changed(VALUE_ITERATION, "np.abs(updated - values).max()", "(updated - values).max()"),
                "価値が減っていくときに",
            ),
            "回数を決める": Mistake(
                """import numpy as np
def value_iteration(transitions, rewards, terminal, gamma, tolerance):
    values = np.zeros(len(rewards))
    for _ in range(10_000):
        values = np.where(terminal, 0, (rewards + gamma * transitions @ values).max(axis=1))
    return values
""",
                "まだ変わり続けているのに",
            ),
            "行動価値を返す": Mistake(
                changed(VALUE_ITERATION, "return values", "return action_values"),
                "行動ごとの値が返って",
            ),
        },
        hidden=hidden_value_iteration,
        equivalent={
            ">= values + tolerance": "the tolerance is never met exactly",
            "values + 0,": "the best action replaces a policy that is as good",
            "np.abs(new - q)) <= tol": "the tolerance is never met exactly",
            "if change <= tolerance:": "the tolerance is never met exactly",
            "np.where(q.max() >": "the best action replaces a policy that is already the best, or as good",
        },
    ),
    "ch01.epsilon_greedy": Key(
        reference=EPSILON_GREEDY,
        explanation="ランダムに選ぶときも最大の行動を引くことがあるので、その確率は 1-ε ではなく 1-ε+ε/A になります。",
        alternatives={
            "ループ": """def epsilon_greedy(action_values, epsilon):
    top = max(action_values)
    winners = [a for a, value in enumerate(action_values) if value == top]
    probabilities = [epsilon / len(action_values)] * len(action_values)
    for a in winners:
        probabilities[a] += (1 - epsilon) / len(winners)
    return probabilities
""",
            "2 つの分布を混ぜる": """import numpy as np

def epsilon_greedy(action_values, epsilon):
    uniform = np.ones_like(action_values) / action_values.size
    greedy = np.zeros_like(action_values)
    greedy[np.flatnonzero(action_values >= np.max(action_values))] = 1
    return np.average([greedy / np.sum(greedy), uniform], axis=0, weights=[1 - epsilon, epsilon])
""",
            "TensorFlow": """import tensorflow as tf

def epsilon_greedy(action_values, epsilon):
    best = tf.cast(tf.equal(action_values, tf.reduce_max(action_values)), tf.float64)
    return (1 - epsilon) * best / tf.reduce_sum(best) + epsilon / len(action_values)
""",
        },
        mistakes={
            "最大の行動に ε/A を足さない": Mistake(
                """import numpy as np
def epsilon_greedy(action_values, epsilon):
    probabilities = np.full(len(action_values), epsilon / len(action_values))
    probabilities[action_values.argmax()] = 1 - epsilon
    return probabilities
""",
                "確率の和が 1 になりません",
            ),
            "ほかの行動だけを試す": Mistake(
                """import numpy as np
def epsilon_greedy(action_values, epsilon):
    probabilities = np.full(len(action_values), epsilon / (len(action_values) - 1))
    probabilities[action_values.argmax()] = 1 - epsilon
    return probabilities
""",
                "ランダムに選ぶときに、最大の行動を外して",
            ),
            "ε が逆": Mistake(
                """def epsilon_greedy(action_values, epsilon):
    best = action_values == action_values.max()
    return (1 - epsilon) / len(action_values) + epsilon * best / best.sum()
""",
                "ε の向きが逆",
            ),
            "試さない": Mistake(
                """def epsilon_greedy(action_values, epsilon):
    best = action_values == action_values.max()
    return best / best.sum()
""",
                "いつも最大の行動を選んで",
            ),
            "はじめの最大だけ": Mistake(
                """import numpy as np
def epsilon_greedy(action_values, epsilon):
    probabilities = np.full(len(action_values), epsilon / len(action_values))
    probabilities[action_values.argmax()] += 1 - epsilon
    return probabilities
""",
                "1 つだけに 1-ε を渡して",
            ),
            "等分しない": Mistake(changed(EPSILON_GREEDY, " / best.sum()", ""), "確率の和が 1 を超えます"),
            "行動を 1 つ引く": Mistake(
                """import numpy as np
def epsilon_greedy(action_values, epsilon):
    if np.random.random() < epsilon:
        return np.random.randint(len(action_values))
    return action_values.argmax()
""",
                "行動の番号が返って",
            ),
            "最小を選ぶ": Mistake(
                changed(EPSILON_GREEDY, "action_values.max()", "action_values.min()"),
                "価値が最小の行動",
            ),
        },
        hidden=hidden_epsilon_greedy,
        equivalent={
            "greedy[(action_values": "truth values choose the same places",
            "max(action_values))] = 2": "the shares are divided by their sum",
            "tf.equal(tf.reduce_max": "equality is symmetric",
        },
    ),
    "ch01.q_learning": Key(
        reference=Q_LEARNING,
        explanation="次の状態でいちばん良い行動を取るつもりで目標を作るので、実際の行動がランダムでも、最適な行動価値を学べます (方策オフ)。",
        alternatives={
            "写しに書く": """import numpy as np

def q_learning_update(q, state, action, reward, next_state, terminated, alpha, gamma):
    table = np.array(q, dtype=float)
    future = 0.0 if terminated else np.max(q[next_state, :])
    table[state, action] = (1 - alpha) * q[state, action] + alpha * (reward + gamma * future)
    return table
""",
            "(1 - terminated) を掛ける": """def q_learning_update(q, state, action, reward, next_state, terminated, alpha, gamma):
    td_error = reward + gamma * (1 - terminated) * max(q[next_state]) - q[state][action]
    q[state][action] = q[state][action] + alpha * td_error
    return q.tolist()
""",
            "one-hot の表を足す": """import numpy as np

def q_learning_update(q, state, action, reward, next_state, terminated, alpha, gamma):
    where = np.outer(np.arange(q.shape[0]) == state, np.arange(q.shape[1]) == action)
    best = q.max(axis=1)[next_state] * (not terminated)
    return q + where * alpha * (reward + gamma * best - q)
""",
        },
        mistakes={
            "最大値を 0 から探す": Mistake(
                changed(Q_LEARNING, "q[next_state].max()", "max(0, *q[next_state])"), "負のとき、0 として"
            ),
            "いまの値を引かない": Mistake(
                changed(Q_LEARNING, "(target - q[state, action])", "target"), "目標をそのまま足して"
            ),
            "目標で置き換える": Mistake(
                changed(Q_LEARNING, "+= alpha * (target - q[state, action])", "= target"),
                "いまの値を目標で置き換えて",
            ),
            "いまの状態の最大値": Mistake(
                changed(Q_LEARNING, "q[next_state].max()", "q[state].max()"), "いまの状態の価値を使って"
            ),
            "表全体の最大値": Mistake(
                changed(Q_LEARNING, "q[next_state].max()", "q.max()"), "表全体の最大値を使って"
            ),
            "平均": Mistake(
                changed(Q_LEARNING, "q[next_state].max()", "q[next_state].mean()"),
                "行動についての平均で求めて",
            ),
            "gamma がない": Mistake(
                changed(Q_LEARNING, "gamma * q[next_state]", "q[next_state]"), "gamma が掛かっていません"
            ),
            "terminated を見ない": Mistake(
                changed(Q_LEARNING, "if not terminated", "if True"), "エピソードが終わった (terminated) のに"
            ),
            "terminated なら更新しない": Mistake(
                changed(Q_LEARNING, "    q[state, action] +=", "        q[state, action] +="),
                "terminated のときに更新して",
            ),
            "値だけを返す": Mistake(
                changed(Q_LEARNING, "return q", "return q[state, action]"), "更新した値だけが返って"
            ),
            "返し忘れる": Mistake(changed(Q_LEARNING, "    return q\n", ""), "何も返っていません"),
        },
        hidden=hidden_q_learning,
        equivalent={"table = q": "the text allows a change in place"},
    ),
    "ch01.sarsa": Key(
        reference=SARSA,
        explanation="実際に選んだ行動の価値を使うので、探索でまちがえる分まで含めた、いまの方策の価値を学びます (方策オン)。崖のそばを避けるのはそのためです。",
        alternatives={
            "写しに書く": """def sarsa_update(q, state, action, reward, next_state, next_action, terminated, alpha, gamma):
    table = q.copy()
    future = 0 if terminated else q[next_state][next_action]
    table[state][action] = (1 - alpha) * q[state][action] + alpha * (reward + gamma * future)
    return table
""",
            "TD 誤差": """import numpy as np

def sarsa_update(q, state, action, reward, next_state, next_action, terminated, alpha, gamma):
    td_error = reward + gamma * (1 - int(terminated)) * q[next_state, next_action] - q[state, action]
    np.add.at(q, (state, action), alpha * td_error)
    return q
""",
            "リスト": """def sarsa_update(q, state, action, reward, next_state, next_action, terminated, alpha, gamma):
    rows = [list(row) for row in q]
    goal = reward if terminated else reward + gamma * rows[next_state][next_action]
    rows[state][action] += alpha * (goal - rows[state][action])
    return rows
""",
        },
        mistakes={
            "Q 学習": Mistake(
                changed(SARSA, "q[next_state, next_action]", "q[next_state].max()"), "それは Q 学習です"
            ),
            "期待 SARSA": Mistake(
                changed(SARSA, "q[next_state, next_action]", "q[next_state].mean()"), "期待 SARSA に近い"
            ),
            "いまの行動": Mistake(
                changed(SARSA, "q[next_state, next_action]", "q[next_state, action]"),
                "いまの行動 action で引いて",
            ),
            "いまの状態": Mistake(
                changed(SARSA, "q[next_state, next_action]", "q[state, next_action]"),
                "いまの状態の価値を使って",
            ),
            "alpha が逆": Mistake(
                changed(
                    SARSA,
                    "+= alpha * (target - q[state, action])",
                    "= alpha * q[state, action] + (1 - alpha) * target",
                ),
                "alpha の向きが逆",
            ),
            "terminated を見ない": Mistake(
                changed(SARSA, "if not terminated", "if True"), "エピソードが終わった (terminated) のに"
            ),
            "報酬がない": Mistake(changed(SARSA, "target = reward", "target = 0"), "報酬が足されて"),
            "次の状態も更新する": Mistake(
                changed(
                    SARSA,
                    "    return q",
                    "    q[next_state, next_action] += alpha * (reward - q[next_state, next_action])\n    return q",
                ),
                "ほかのマスの値が変わって",
            ),
        },
        hidden=hidden_sarsa,
        equivalent={
            "(1 - terminated) *": "a truth value is a number",
            "table = q": "the text allows a change in place",
        },
    ),
    "ch01.evaluate": Key(
        reference=POLICY_VALUES,
        explanation="方策を決めると、価値は連立 1 次方程式 v = r + γPv の解です。実際に動かして平均するのと違って、ばらつきがありません。",
        alternatives={
            "終端を除いて解く": """import numpy as np

def policy_values(transitions, rewards, terminal, gamma, policy):
    live = np.flatnonzero(~terminal)
    P = (policy[:, :, None] * transitions).sum(axis=1)[live][:, live]
    r = np.sum(policy * rewards, axis=1)[live]
    values = np.zeros(len(terminal))
    values[live] = np.linalg.inv(np.identity(len(live)) - gamma * P) @ r
    return values
""",
            "反復する": """import numpy as np

def policy_values(transitions, rewards, terminal, gamma, policy):
    values = np.zeros(len(rewards))
    while True:
        updated = np.sum(policy * (rewards + gamma * transitions @ values), axis=1)
        updated[terminal] = 0
        if np.abs(updated - values).max() < 1e-11:
            return updated
        values = updated
""",
            "行動価値の方程式": """import numpy as np

def policy_values(transitions, rewards, terminal, gamma, policy):
    states, actions = rewards.shape
    weights = policy * (1 - terminal)[:, None]
    moves = np.einsum("sat,tb->satb", transitions, weights).reshape(states * actions, -1)
    q = np.linalg.solve(np.eye(states * actions) - gamma * moves, rewards.reshape(-1))
    return (weights * q.reshape(states, actions)).sum(axis=1)
""",
            "行列を 2 乗していく": """import numpy as np

def policy_values(transitions, rewards, terminal, gamma, policy):
    power = np.where(terminal[:, None], 0, gamma * np.einsum("sa,sat->st", policy, transitions))
    total = np.where(terminal, 0, np.einsum("sa,sa->s", policy, rewards))
    for _ in range(30):
        total, power = total + power @ total, power @ power
    return total
""",
        },
        mistakes={
            "1 万回だけ反復する": Mistake(
                """import numpy as np
def policy_values(transitions, rewards, terminal, gamma, policy):
    values = np.zeros(len(rewards))
    for _ in range(10_000):
        values = np.where(terminal, 0, (policy * (rewards + gamma * transitions @ values)).sum(axis=1))
    return values
""",
                "収束する前に止まって",
            ),
            "最大の行動": Mistake(
                """import numpy as np
def policy_values(transitions, rewards, terminal, gamma, policy):
    values = np.zeros(len(rewards))
    for _ in range(2000):
        values = np.where(terminal, 0, (rewards + gamma * transitions @ values).max(axis=1))
    return values
""",
                "いちばん良い行動を選んだ価値",
            ),
            "方策を使わない": Mistake(
                changed(
                    changed(
                        POLICY_VALUES,
                        'np.einsum("sa,sat->st", policy, transitions)',
                        "transitions.mean(axis=1)",
                    ),
                    "(policy * rewards).sum(axis=1)",
                    "rewards.mean(axis=1)",
                ),
                "どの行動も同じ確率で選んで",
            ),
            "終端を忘れる": Mistake(
                changed(POLICY_VALUES, "    moves[terminal] = 0\n    gains[terminal] = 0\n", ""),
                "終端状態の価値が 0 になって",
            ),
            "終端の報酬を残す": Mistake(
                changed(POLICY_VALUES, "    gains[terminal] = 0\n", ""), "終端状態の報酬を足して"
            ),
            "確率を丸める": Mistake(
                changed(
                    POLICY_VALUES,
                    "    moves = ",
                    "    policy = np.eye(policy.shape[1])[policy.argmax(axis=1)]\n    moves = ",
                ),
                "確率が最大の行動だけ",
            ),
            "報酬を平均する": Mistake(
                changed(POLICY_VALUES, "(policy * rewards).sum(axis=1)", "rewards.mean(axis=1)"),
                "報酬を、policy の確率ではなく",
            ),
            "1 歩だけ": Mistake(
                """def policy_values(transitions, rewards, terminal, gamma, policy):
    return (policy * rewards).sum(axis=1) * ~terminal
""",
                "1 歩で得られる報酬だけ",
            ),
            "転置": Mistake(changed(POLICY_VALUES, "gamma * moves", "gamma * moves.T"), "行列が転置されて"),
        },
        hidden=hidden_evaluate,
        equivalent={
            "range(60)": "enough doublings, and more",
            "reshape(-1, states * actions)": "the matrix is square",
            "states * actions, -2)": "NumPy takes any negative size for the one to be found",
        },
    ),
    "ch01.dqn_targets": Key(
        reference=DQN_TARGETS,
        explanation="目標ネットワークはしばらく動かないので、追いかける目標が止まり、学習が落ち着きます。時間切れ (truncated) のあとにも報酬は続くはずなので、次の状態の価値を足します。",
        alternatives={
            "np.where": """import numpy as np

def dqn_targets(rewards, terminated, truncated, next_q_online, next_q_target, gamma):
    best = np.amax(next_q_target, axis=-1)
    return np.where(terminated, rewards, rewards + gamma * best)
""",
            "ループ": """def dqn_targets(rewards, terminated, truncated, next_q_online, next_q_target, gamma):
    targets = []
    for reward, ended, row in zip(rewards, terminated, next_q_target):
        targets.append(float(reward) if ended else float(reward) + gamma * float(max(row)))
    return targets
""",
            "TensorFlow": """import tensorflow as tf

def dqn_targets(rewards, terminated, truncated, next_q_online, next_q_target, gamma):
    going_on = 1.0 - tf.cast(terminated, tf.float32)
    return rewards + gamma * going_on * tf.reduce_max(next_q_target, axis=1)
""",
            "目標ネットワークで行動を選ぶ": """import numpy as np

def dqn_targets(rewards, terminated, truncated, next_q_online, next_q_target, gamma):
    actions = next_q_target.argmax(axis=1)
    targets = rewards.astype("float64")
    going_on = np.flatnonzero(~terminated)
    targets[going_on] += gamma * next_q_target[going_on, actions[going_on]]
    return targets
""",
        },
        mistakes={
            "学習中のネットワーク": Mistake(
                changed(DQN_TARGETS, "next_q_target.max", "next_q_online.max"),
                "学習中のネットワークの値を使って",
            ),
            "Double DQN": Mistake(
                changed(
                    DQN_TARGETS,
                    "next_q_target.max(axis=1)",
                    "next_q_target[np.arange(len(rewards)), next_q_online.argmax(axis=1)]",
                ),
                "それは Double DQN です",
            ),
            "打ち切りでも 0": Mistake(
                changed(DQN_TARGETS, "(1 - terminated)", "(1 - (terminated | truncated))"),
                "打ち切られた (truncated) だけの遷移で",
            ),
            "terminated を見ない": Mistake(
                changed(DQN_TARGETS, "(1 - terminated) * ", ""), "terminated の遷移でも次の状態の価値を"
            ),
            "旗を取り違える": Mistake(
                changed(DQN_TARGETS, "(1 - terminated)", "(1 - truncated)"), "terminated と truncated が逆"
            ),
            "gamma がない": Mistake(changed(DQN_TARGETS, "gamma * ", ""), "目標ネットワークの値に gamma が"),
            "報酬も割り引く": Mistake(
                """def dqn_targets(rewards, terminated, truncated, next_q_online, next_q_target, gamma):
    return gamma * (rewards + (1 - terminated) * next_q_target.max(axis=1))
""",
                "報酬にまで gamma を",
            ),
            "バッチの軸で最大": Mistake(
                changed(DQN_TARGETS, "max(axis=1)", "max(axis=0)"), "最大値を取る軸が違います"
            ),
            "軸を残す": Mistake(
                changed(DQN_TARGETS, "max(axis=1)", "max(axis=1, keepdims=True)"), "(バッチ, バッチ) の形"
            ),
        },
        hidden=hidden_dqn_targets,
        equivalent={
            "1.0 - terminated": "a truth value is a number",
            "going_on = (~terminated)": "truth values choose the same places",
        },
    ),
    "ch01.policy_gradient": Key(
        results_used_up=True,
        reference=REINFORCE_LOSS,
        explanation="損失の値に意味はなく、その勾配が「良かった行動の確率を上げる向き」を指します。baselines を引いても勾配の期待値は変わらず、ばらつきだけが減ります。",
        alternatives={
            "交差エントロピー": """import tensorflow as tf

def reinforce_loss(logits, actions, returns, baselines):
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=actions, logits=logits)
    return tf.reduce_mean(cross_entropy * (returns - tf.stop_gradient(baselines)))
""",
            "keras.ops と one-hot": """from keras import ops

def reinforce_loss(logits, actions, returns, baselines):
    chosen = ops.one_hot(actions, logits.shape[-1])
    log_p = ops.sum(chosen * ops.log_softmax(logits, axis=-1), axis=-1)
    advantages = returns - ops.stop_gradient(baselines)
    return -ops.mean(log_p * advantages)
""",
            "logsumexp": """import tensorflow as tf

def reinforce_loss(logits, actions, returns, baselines):
    steps = tf.range(tf.shape(actions)[0])
    scores = tf.gather_nd(logits, tf.stack([steps, actions], axis=1))
    log_p = scores - tf.reduce_logsumexp(logits, axis=1)
    advantages = tf.stop_gradient(returns - baselines)
    return tf.tensordot(log_p, -advantages, axes=1) / tf.cast(tf.size(actions), tf.float32)
""",
            "Keras の損失": """import keras
import tensorflow as tf

def reinforce_loss(logits, actions, returns, baselines):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    return tf.math.reduce_mean(loss(actions, logits) * tf.stop_gradient(returns - baselines))
""",
        },
        mistakes={
            "符号が逆": Mistake(changed(REINFORCE_LOSS, "-tf.reduce_mean", "tf.reduce_mean"), "符号が逆です"),
            "baselines を引かない": Mistake(
                changed(REINFORCE_LOSS, "returns - baselines", "returns"), "baselines を引いていません"
            ),
            "baselines を足す": Mistake(
                changed(REINFORCE_LOSS, "returns - baselines", "returns + baselines"), "baselines を足して"
            ),
            "和": Mistake(
                changed(REINFORCE_LOSS, "tf.reduce_mean", "tf.reduce_sum"), "時刻について足しただけ"
            ),
            "対数を取らない": Mistake(
                changed(REINFORCE_LOSS, "tf.nn.log_softmax", "tf.nn.softmax"), "確率そのものを使って"
            ),
            "softmax がない": Mistake(
                changed(REINFORCE_LOSS, "tf.nn.log_softmax(logits)", "logits"), "得点をそのまま使って"
            ),
            "時刻の軸": Mistake(
                changed(REINFORCE_LOSS, "log_softmax(logits)", "log_softmax(logits, axis=0)"),
                "softmax の軸が違います",
            ),
            "NumPy で書く": Mistake(
                """import numpy as np
def reinforce_loss(logits, actions, returns, baselines):
    z = np.asarray(logits)
    logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    chosen = logs[np.arange(len(z)), np.asarray(actions)]
    return -np.mean(chosen * (np.asarray(returns) - np.asarray(baselines)))
""",
                "logits まで勾配が流れません",
            ),
            "baselines に勾配が流れる": Mistake(
                changed(REINFORCE_LOSS, "tf.stop_gradient(returns - baselines)", "returns - baselines"),
                "baselines にまで勾配が",
            ),
            "softmax のあとに log": Mistake(
                changed(REINFORCE_LOSS, "tf.nn.log_softmax(logits)", "tf.math.log(tf.nn.softmax(logits))"),
                "得点が大きいと NaN",
            ),
            "確率に小さい数を足す": Mistake(
                changed(
                    REINFORCE_LOSS,
                    "tf.nn.log_softmax(logits)",
                    "tf.math.log(tf.nn.softmax(logits) + 1e-8)",
                ),
                "とても小さい確率の対数が",
            ),
            "標準化する": Mistake(
                changed(
                    REINFORCE_LOSS,
                    "    return",
                    "    advantages -= tf.reduce_mean(advantages)\n"
                    "    advantages /= tf.math.reduce_std(advantages)\n"
                    "    return",
                ),
                "アドバンテージの平均や標準偏差を",
            ),
            "平均しない": Mistake(
                changed(
                    REINFORCE_LOSS,
                    "-tf.reduce_mean(log_probabilities * advantages)",
                    "-log_probabilities * advantages",
                ),
                "時刻ごとの値が返って",
            ),
        },
        hidden=hidden_policy_gradient,
        equivalent={
            "logits.shape[1])": "the second axis is the last",
            "tensordot(-advantages, log_p": "a product of two vectors",
            "log_softmax(logits, axis=1)": "the second axis is the last",
        },
    ),
    "ch01.next_generation": Key(
        reference=NEXT_GENERATION,
        explanation="勾配を使わず、良かったものを残して少し変えることを繰り返します。1 歩ごとの報酬も状態も見ず、1 回通した成績だけを使うところが、強化学習と違います。",
        alternatives={
            "1 つずつ作る": """import numpy as np

def next_generation(population, fitness, elites, mutation_scale, rng):
    ranking = sorted(range(len(population)), key=lambda i: fitness[i], reverse=True)
    generation = [population[i] for i in ranking[:elites]]
    while len(generation) < len(population):
        mother, father = (population[ranking[rng.integers(elites)]] for _ in range(2))
        child = [m if rng.random() < 0.5 else f for m, f in zip(mother, father)]
        generation.append(np.array(child) + mutation_scale * rng.standard_normal(len(child)))
    return np.array(generation)
""",
            "0 と 1 の重み": """import numpy as np

def next_generation(population, fitness, elites, mutation_scale, rng):
    top = population[fitness.argsort()[::-1][:elites]]
    new = np.empty_like(population)
    new[:elites] = top
    for i in range(elites, len(population)):
        a, b = rng.choice(elites, size=2)
        coin = rng.integers(0, 2, population.shape[1])
        new[i] = coin * top[a] + (1 - coin) * top[b]
        new[i] += rng.normal(scale=mutation_scale, size=population.shape[1])
    return new
""",
            "重ならない 2 親": """import numpy as np

def next_generation(population, fitness, elites, mutation_scale, rng):
    top = population[np.lexsort([-fitness])[:elites]]
    children = []
    for _ in range(len(population) - elites):
        pair = rng.choice(elites, 2, replace=False)
        picked = pair[(rng.uniform(size=population.shape[1]) < 0.5).astype(int)]
        genes = top[picked, np.arange(population.shape[1])]
        children.append(genes + rng.normal(0.0, mutation_scale, genes.shape))
    return np.vstack([top, children])
""",
        },
        mistakes={
            "低いほうを残す": Mistake(
                changed(NEXT_GENERATION, "np.argsort(-fitness)", "np.argsort(fitness)"),
                "適応度が低い個体を残して",
            ),
            "エリートも変える": Mistake(
                """import numpy as np
def next_generation(population, fitness, elites, mutation_scale, rng):
    best = population[np.argsort(-fitness)[:elites]]
    shape = (len(population) - elites, population.shape[1])
    parents = rng.integers(0, elites, size=(shape[0], 2))
    children = np.where(rng.random(shape) < 0.5, best[parents[:, 0]], best[parents[:, 1]])
    everyone = np.concatenate([best, children])
    return everyone + rng.normal(0, mutation_scale, everyone.shape)
""",
                "エリートが変わって",
            ),
            "平均する": Mistake(
                changed(
                    NEXT_GENERATION,
                    "np.where(from_first, best[parents[:, 0]], best[parents[:, 1]])",
                    "(best[parents[:, 0]] + best[parents[:, 1]]) / 2",
                ),
                "2 つの親を平均して",
            ),
            "全体から親を選ぶ": Mistake(
                changed(
                    changed(NEXT_GENERATION, "rng.integers(0, elites", "rng.integers(0, len(population)"),
                    "np.where(from_first, best[parents[:, 0]], best[parents[:, 1]])",
                    "np.where(from_first, population[parents[:, 0]], population[parents[:, 1]])",
                ),
                "エリートではない個体が親に",
            ),
            "交叉しない": Mistake(
                changed(NEXT_GENERATION, "best[parents[:, 1]])", "best[parents[:, 0]])"),
                "どの子も 1 つの親の写し",
            ),
            "親が 3 つ以上": Mistake(
                """import numpy as np
def next_generation(population, fitness, elites, mutation_scale, rng):
    best = population[np.argsort(-fitness)[:elites]]
    shape = (len(population) - elites, population.shape[1])
    children = best[rng.integers(0, elites, shape), np.arange(shape[1])]
    return np.concatenate([best, children + rng.normal(0, mutation_scale, shape)])
""",
                "1 つの子に 3 つ以上の親",
            ),
            "1 点交叉": Mistake(
                changed(
                    NEXT_GENERATION,
                    "rng.random(shape) < 0.5",
                    "np.arange(shape[1]) < rng.integers(1, shape[1], (shape[0], 1))",
                ),
                "遺伝子をひとつながりで",
            ),
            "くじを使い回す": Mistake(
                changed(NEXT_GENERATION, "rng.random(shape) < 0.5", "rng.random(shape[1]) < 0.5"),
                "同じ遺伝子を同じ側の親から",
            ),
            "4 割と 6 割": Mistake(
                changed(NEXT_GENERATION, "rng.random(shape) < 0.5", "rng.random(shape) < 0.4"),
                "半々になっていません",
            ),
            "突然変異の平均が 0 でない": Mistake(
                changed(
                    NEXT_GENERATION,
                    "rng.normal(0, mutation_scale, shape)",
                    "mutation_scale * 12**0.5 * rng.random(shape)",
                ),
                "突然変異の平均が 0 に",
            ),
            "いつも上位 2 個体": Mistake(
                changed(
                    NEXT_GENERATION,
                    "rng.integers(0, elites, size=(shape[0], 2))",
                    "np.tile([0, 1], (shape[0], 1))",
                ),
                "親になるエリートが偏って",
            ),
            "突然変異がない": Mistake(
                changed(
                    NEXT_GENERATION, "    children = children + rng.normal(0, mutation_scale, shape)\n", ""
                ),
                "突然変異がありません",
            ),
            "一部だけ変える": Mistake(
                changed(
                    NEXT_GENERATION,
                    "rng.normal(0, mutation_scale, shape)",
                    "rng.normal(0, mutation_scale, shape) * (rng.random(shape) < 0.1)",
                ),
                "突然変異していない遺伝子",
            ),
            "乱数を使い回す": Mistake(
                changed(
                    NEXT_GENERATION,
                    "rng.normal(0, mutation_scale, shape)",
                    "rng.normal(0, mutation_scale, shape[1])",
                ),
                "同じ乱数を使い回して",
            ),
            "分散と取り違える": Mistake(
                changed(
                    NEXT_GENERATION,
                    "rng.normal(0, mutation_scale, shape)",
                    "rng.normal(0, mutation_scale**0.5, shape)",
                ),
                "標準偏差が mutation_scale に",
            ),
            "一様乱数": Mistake(
                changed(
                    NEXT_GENERATION,
                    "rng.normal(0, mutation_scale, shape)",
                    "rng.uniform(-mutation_scale * 3**0.5, mutation_scale * 3**0.5, shape)",
                ),
                "正規分布ではありません",
            ),
            "rng を使わない": Mistake(
                changed(NEXT_GENERATION, "rng.normal(", "np.random.normal("), "同じ乱数から始めたのに"
            ),
            "種を固定する": Mistake(
                changed(NEXT_GENERATION, "    best =", "    rng = np.random.default_rng(0)\n    best ="),
                "rng を変えても結果が変わりません",
            ),
        },
        hidden=hidden_next_generation,
        equivalent={
            "children = children - rng": "the noise is symmetric",
            "best[parents[:, 1]], best[parents[:, 0]]": "both parents are as likely",
            "rng.random() >= 0.5": "both parents are as likely",
            "(genes - rng": "the noise is symmetric",
            "rng.choice(elites, 2)": "the text lets both parents be one",
            "<= 0.5": "a random number is never exactly that",
            "np.array(child) - mutation": "the noise is symmetric",
            "new[i] -= rng": "the noise is symmetric",
            ">= 0.5).astype": "both parents are as likely",
        },
    ),
    "ch01.solve": Key(
        reference=LEARN,
        explanation="はじめはほとんどランダムに動いて遠くの扉を見つけ、だんだん覚えた行動に移ります。Q 学習は方策オフなので、ランダムに動いた経験からも最適な方策を学べます。",
        alternatives={
            "SARSA": """import numpy as np

def learn(env, steps, gamma, seed):
    rng = np.random.default_rng(seed)
    actions = env.action_space.n
    q = np.zeros((env.observation_space.n, actions))

    def choose(state, epsilon):
        if rng.random() < epsilon:
            return int(rng.integers(actions))
        return int(rng.choice(np.flatnonzero(q[state] == q[state].max())))

    state, _ = env.reset()
    action = choose(state, 1.0)
    for step in range(steps):
        epsilon = max(0.02, 1 - step / (0.9 * steps))
        following, reward, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            target = reward + (0 if terminated else gamma * q[following].max())
            q[state, action] += 0.1 * (target - q[state, action])
            state, _ = env.reset()
            action = choose(state, epsilon)
            continue
        chosen = choose(following, epsilon)
        q[state, action] += 0.1 * (reward + gamma * q[following, chosen] - q[state, action])
        state, action = following, chosen
    return q.argmax(axis=1)
""",
            "模型を数えて計画する": """import numpy as np

def learn(env, steps, gamma, seed):
    rng = np.random.default_rng(seed)
    states, actions = int(env.observation_space.n), int(env.action_space.n)
    counts = np.zeros((states, actions, states + 1))
    gains = np.zeros((states, actions))
    state, _ = env.reset()
    for _ in range(steps):
        action = int(rng.integers(actions))
        following, reward, terminated, truncated, _ = env.step(action)
        counts[state, action, states if terminated else following] += 1
        gains[state, action] += reward
        state = env.reset()[0] if terminated or truncated else following
    visits = np.maximum(counts.sum(axis=2), 1)
    values = np.zeros(states + 1)
    for _ in range(300):
        q = (gains + gamma * counts @ values) / visits
        values[:states] = q.max(axis=1)
    return q.argmax(axis=1)
""",
            "楽観的な初期値": """import numpy as np

def learn(env, steps, gamma, seed):
    rng = np.random.default_rng(seed)
    q = np.full((env.observation_space.n, env.action_space.n), 5.0)
    done = True
    for _ in range(steps):
        if done:
            state, _ = env.reset()
        greedy = rng.random() > 0.1
        action = int(np.argmax(q[state])) if greedy else int(rng.integers(q.shape[1]))
        next_state, reward, terminated, truncated, _ = env.step(action)
        best = 0.0 if terminated else max(q[next_state])
        q[state, action] = 0.9 * q[state, action] + 0.1 * (reward + gamma * best)
        state, done = next_state, terminated or truncated
    return np.argmax(q, axis=1)
""",
            "モンテカルロ法": """import numpy as np

def learn(env, steps, gamma, seed):
    rng = np.random.default_rng(seed)
    q = np.zeros((env.observation_space.n, env.action_space.n))
    taken = 0
    while taken < steps:
        epsilon = max(0.2, 1 - taken / (0.8 * steps))
        state, _ = env.reset()
        episode, ended = [], False
        while not ended and taken < steps:
            if rng.random() < epsilon:
                action = int(rng.integers(q.shape[1]))
            else:
                action = int(q[state].argmax())
            following, reward, terminated, truncated, _ = env.step(action)
            episode.append((state, action, reward))
            state, ended = following, terminated or truncated
            taken += 1
        gain = 0.0
        for state, action, reward in reversed(episode):
            gain = reward + gamma * gain
            q[state, action] += 0.02 * (gain - q[state, action])
    return q.argmax(axis=1)
""",
            "2 つの表 (Double Q 学習)": """import numpy as np

def learn(env, steps, gamma, seed):
    rng = np.random.default_rng(seed)
    tables = np.zeros((2, env.observation_space.n, env.action_space.n))
    state, _ = env.reset()
    for _ in range(steps):
        action = int(rng.integers(tables.shape[2]))
        following, reward, terminated, truncated, _ = env.step(action)
        own, other = rng.permutation(2)
        best = tables[own, following].argmax()
        target = reward + (not terminated) * gamma * tables[other, following, best]
        tables[own, state, action] += 0.1 * (target - tables[own, state, action])
        state = env.reset()[0] if terminated or truncated else following
    return tables.sum(axis=0).argmax(axis=1)
""",
        },
        mistakes={
            "試さない": Mistake(
                changed(LEARN, "max(0.1, 1 - step / (0.8 * steps))", "0.0"),
                "ほとんど試していない行動",
            ),
            "terminated を見ない": Mistake(
                changed(LEARN, "if not terminated:", "if True:"), "遠くの扉を知っているのに"
            ),
            "価値が最小の行動": Mistake(
                changed(LEARN, "return q.argmax(axis=1)", "return q.argmin(axis=1)"),
                "扉になかなか着きません",
            ),
            "表を返す": Mistake(
                changed(LEARN, "return q.argmax(axis=1)", "return q"), "行動価値の表が返って"
            ),
            "価値を返す": Mistake(
                changed(LEARN, "return q.argmax(axis=1)", "return q.max(axis=1)"), "行動の番号 (0 から"
            ),
            "打ち切りで reset しない": Mistake(
                changed(LEARN, "if terminated or truncated:", "if terminated:"),
                "env.reset() を呼びましょう",
            ),
            "歩数を使いすぎる": Mistake(
                changed(LEARN, "for step in range(steps):", "for step in range(2 * steps):"),
                "steps 回より多く呼びました",
            ),
            "100 歩しか学習しない": Mistake(
                changed(LEARN, "    rng =", "    steps = 100\n    rng ="), "ほとんど呼ばないうちに"
            ),
        },
        hidden=hidden_solve,
        equivalent={"*": "how it learns is free: only what it has learned counts"},
    ),
}
