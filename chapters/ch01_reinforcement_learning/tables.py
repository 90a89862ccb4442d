"""Tables of chapter 1, and what its learning curves are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chapters.ch01_reinforcement_learning.cartpole import THRESHOLD
from chapters.ch01_reinforcement_learning.experiment import Run
from course_utils.tables import min_median_max

Array = npt.NDArray[Any]
Rows = list[dict[str, Any]]


class Band(NamedTuple):
    """Several seeds of one curve, shape ``(points,)`` each: where, and the worst, the middle and the best."""

    steps: Array
    low: Array
    median: Array
    high: Array


def band(runs: Sequence[Run], points: int = 80, column: str = "returns") -> Band:
    """Lays the curves of several seeds over each other.

    Between two measurements the earlier one counts; curves end where the shortest of them ends.

    Args:
        runs: One for each seed.
        points: Number of points.
        column: ``"returns"`` or ``"values"``.

    Returns:
        Worst, median and best of the seeds at each point.
    """
    first = max(run.steps[0] for run in runs)
    grid = np.linspace(first, min(run.steps[-1] for run in runs), points)
    places = [np.searchsorted(run.steps, grid, side="right") - 1 for run in runs]
    curves = [np.asarray(getattr(run, column))[place] for run, place in zip(runs, places, strict=True)]
    return Band(grid, *np.quantile(curves, [0, 0.5, 1], axis=0))


def first_step(run: Run) -> int | None:
    """Finds the step at which a watched policy first scored 475; None if none did."""
    return next((s for s, value in zip(run.steps, run.returns, strict=True) if value >= THRESHOLD), None)


def solved(runs: Sequence[Run]) -> int:
    """Counts the seeds whose best policy scores 475 or more on average over 100 episodes from new starts."""
    return sum(run.test >= THRESHOLD for run in runs)


def late(run: Run) -> float:
    """Averages what was watched in the last fifth of a run's steps."""
    kept = np.asarray(run.steps) >= 0.8 * run.steps[-1]
    return float(np.asarray(run.returns)[kept].mean())


def summary(runs_by_method: Mapping[str, Sequence[Run]]) -> Rows:
    """Summarises methods over their seeds: minimum / median / maximum.

    Args:
        runs_by_method: Runs by the name that the lesson gives to the method.

    Returns:
        A row for each method.
    """
    rows: Rows = []
    for name, runs in runs_by_method.items():
        firsts = [step for run in runs if (step := first_step(run)) is not None]
        rows.append(
            {
                "方法": name,
                "試験の収益": min_median_max([run.test for run in runs], 0),
                "475 以上のシード": f"{solved(runs)} / {len(runs)}",
                "最後の 2 割の平均": min_median_max([late(run) for run in runs], 0),
                "初めて 475 になったステップ": f"{np.median(firsts):,.0f}"
                if len(firsts) == len(runs)
                else None,
                "秒": f"{np.median([run.seconds for run in runs]):.0f}",
            }
        )
    return rows
