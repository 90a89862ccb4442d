"""Learning curves on CartPole-v1 over five seeds: once in the notebook, all of them from here.

    python -m chapters.ch01_reinforcement_learning.experiment dqn
    python -m chapters.ch01_reinforcement_learning.experiment dqn_no_replay
    python -m chapters.ch01_reinforcement_learning.experiment dqn_no_target
    python -m chapters.ch01_reinforcement_learning.experiment reinforce
    python -m chapters.ch01_reinforcement_learning.experiment reinforce_no_baseline
    python -m chapters.ch01_reinforcement_learning.experiment genetic
    python -m chapters.ch01_reinforcement_learning.experiment random_search

Each command takes two minutes at the most on two cores and writes what it measured into ``results.json``,
which the notebook reads and plots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import keras

from chapters.ch01_reinforcement_learning import deep, evolution
from chapters.ch01_reinforcement_learning.cartpole import mean_return
from chapters.ch01_reinforcement_learning.deep import DQN, Progress, Reinforce
from chapters.ch01_reinforcement_learning.evolution import Genetic
from course_utils.results import read_results, run_experiment

RESULTS = Path(__file__).with_name("results.json")
SEEDS = (1, 2, 3, 4, 5)
TEST_EPISODES = 100

Settings = DQN | Reinforce | Genetic

METHODS: dict[str, tuple[str, Settings]] = {
    "dqn": ("DQN", DQN()),
    "dqn_no_replay": ("経験再生なし", DQN(replay=False)),
    "dqn_no_target": ("目標ネットワークなし", DQN(target_network=False)),
    "reinforce": ("REINFORCE", Reinforce()),
    "reinforce_no_baseline": ("ベースラインなし", Reinforce(baseline=False)),
    "genetic": ("遺伝的アルゴリズム", Genetic()),
    "random_search": ("ランダム探索", Genetic(breed=False)),
}
"""Name in the lesson and settings, by the name on the command line."""


@dataclass
class Run:
    """One method with one seed on CartPole-v1.

    Attributes:
        key: Name on the command line.
        seed: Seed of everything random.
        steps: Steps in the environment when the greedy policy was watched; watching does not count.
        returns: Mean return of 20 greedy episodes at those moments.
        values: What else was watched, as in :class:`~chapters.ch01_reinforcement_learning.deep.Progress`.
        test: Mean return of 100 greedy episodes from other starts, of the policy that scored best while watched.
        seconds: Wall-clock time of learning and watching.
    """

    key: str
    seed: int
    steps: list[int]
    returns: list[float]
    values: list[float]
    test: float
    seconds: float


def train(settings: Settings, seed: int) -> Progress:
    """Runs the method to which the settings belong."""
    if isinstance(settings, DQN):
        return deep.train_dqn(settings, seed)
    if isinstance(settings, Reinforce):
        return deep.train_reinforce(settings, seed)
    return evolution.evolve(settings, seed)


def measure(key: str, seed: int, steps: int | None = None) -> Run:
    """Trains one method and tests its best policy.

    Args:
        key: Name on the command line.
        seed: Seed of everything random.
        steps: Steps in the environment; by default those of the settings.

    Returns:
        What was measured.
    """
    settings = METHODS[key][1]
    started = time.perf_counter()
    progress = train(settings if steps is None else replace(settings, steps=steps), seed)
    seconds = time.perf_counter() - started
    activation = "relu" if isinstance(settings, DQN) else "tanh"
    test = mean_return(deep.greedy(progress.best, activation), TEST_EPISODES, deep.TEST_SEED)
    return Run(key, seed, progress.steps, progress.returns, progress.values, test, seconds)


def five_seeds(key: str) -> Iterator[Run]:
    """Measures one method with every seed."""
    for seed in SEEDS:
        yield measure(key, seed)
        keras.backend.clear_session()


EXPERIMENTS: dict[str, Callable[[], Iterator[Run]]] = {key: partial(five_seeds, key) for key in METHODS}
"""What each name on the command line measures."""


def stored_runs(key: str) -> list[Run]:
    """Reads what a method's experiment measured; empty where it was not run."""
    return [Run(**run) for run in read_results(RESULTS, key)]


def progress_line(run: Run) -> str:
    """Formats one run as a line."""
    reached = [step for step, value in zip(run.steps, run.returns, strict=True) if value >= 475]
    first = f"{reached[0]:,}" if reached else "never"
    return f"{run.key} seed {run.seed}  test {run.test:.1f}  475 first at {first}  {run.seconds:.1f} s"


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 1, EXPERIMENTS, progress_line)
