"""The tables that the notebook of chapter 22 shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chapters.ch22_gcn.experiment import Depth, Score
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]


def scores(results: Sequence[Score], setting: str, method: str) -> list[float]:
    """Selects the scores of one method on one setting, in the order of the seeds."""
    chosen = [result for result in results if (result.setting, result.method) == (setting, method)]
    return [result.score for result in sorted(chosen, key=lambda result: result.seed)]


def by_method(results: Sequence[Score], setting: str) -> dict[str, list[float]]:
    """Collects the scores of each method on one setting, methods in the order in which they were measured."""
    methods = dict.fromkeys(result.method for result in results if result.setting == setting)
    return {method: scores(results, setting, method) for method in methods}


def summary(results: Sequence[Score], score: str, digits: int = 2) -> Rows:
    """Summarises methods over their seeds: minimum / median / maximum, a column for each setting.

    Args:
        results: Scores of several seeds.
        score: What the scores are; the heading where there is a single setting.
        digits: Decimals.

    Returns:
        A row for each method, best median first.
    """
    settings = list(dict.fromkeys(result.setting for result in results))
    methods = list(dict.fromkeys(result.method for result in results))
    methods.sort(key=lambda method: -_best_median(results, settings, method))
    return [
        {"方法": method}
        | {
            score if len(settings) == 1 else f"{setting}: {score}": min_median_max(found, digits)
            for setting in settings
            if (found := scores(results, setting, method))
        }
        for method in methods
    ]


def _best_median(results: Sequence[Score], settings: Sequence[str], method: str) -> float:
    found = [scores(results, setting, method) for setting in settings]
    return max(float(np.median(each)) for each in found if each)


def median_gap(results: Sequence[Score], setting: str, method: str, other: str) -> float:
    """Returns the median, over the seeds, of how much higher one method scored than another."""
    gaps = np.subtract(scores(results, setting, method), scores(results, setting, other))
    return float(np.median(gaps))


def over_likeness(results: Sequence[Score], method: str) -> dict[float, list[float]]:
    """Collects a method's scores by the share of like neighbours, which is the setting."""
    settings = dict.fromkeys(result.setting for result in results)
    return {float(setting): scores(results, setting, method) for setting in settings}


def over_depth(results: Sequence[Depth], field: str, residual: bool) -> dict[float, list[float]]:
    """Collects what networks measured by their depth.

    Args:
        results: Results of all depths and seeds.
        field: An attribute of :class:`Depth`.
        residual: Whether the networks have residual connections.

    Returns:
        Values of all seeds for each depth.
    """
    chosen = [result for result in results if result.residual == residual]
    return {
        depth: [getattr(result, field) for result in chosen if result.depth == depth]
        for depth in sorted({result.depth for result in chosen})
    }


def depth_summary(results: Sequence[Depth], titles: Mapping[str, str], kinds: Mapping[str, bool]) -> Rows:
    """Summarises networks by their depth: medians over the seeds.

    Args:
        results: Results of all depths and seeds.
        titles: Titles by attribute of :class:`Depth`.
        kinds: Whether a network has residual connections, by the name to show.

    Returns:
        A row for each depth.
    """
    columns = {
        f"{title} ({name})": over_depth(results, field, residual)
        for field, title in titles.items()
        for name, residual in kinds.items()
    }
    depths = sorted({result.depth for result in results})
    return [
        {"層": depth} | {title: float(np.median(values[depth])) for title, values in columns.items()}
        for depth in depths
    ]
