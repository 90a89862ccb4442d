"""The tables that the notebook of chapter 6 shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log2
from typing import Any, NamedTuple

import numpy as np

from chapters.ch06_efficientnet.experiment import (
    COUNTS,
    DIRECTIONS,
    FACTORS,
    GOING_ON,
    Trained,
    Transferred,
)
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]


class Published(NamedTuple):
    """A line of Tan and Le's table 2.

    Attributes:
        parameters: In millions.
        billions: Of multiply-adds.
        accuracy: Top-1 on ImageNet, in percent.
    """

    parameters: float
    billions: float
    accuracy: float


PUBLISHED = {
    "B0": Published(5.3, 0.39, 77.1),
    "B1": Published(7.8, 0.70, 79.1),
    "B2": Published(9.2, 1.0, 80.1),
    "B3": Published(12, 1.8, 81.6),
    "B4": Published(19, 4.2, 82.9),
    "B5": Published(30, 9.9, 83.6),
    "B6": Published(43, 19, 84.0),
    "B7": Published(66, 37, 84.3),
}


class Counted(NamedTuple):
    """What was counted on one of Keras' networks.

    Attributes:
        resolution: Pixels across.
        blocks: Number of MBConv blocks.
        features: Channels before the classifier.
        parameters: All of its numbers.
        multiply_adds: Of one image.
    """

    resolution: int
    blocks: int
    features: int
    parameters: int
    multiply_adds: int


def published(counted: Mapping[str, Counted]) -> Rows:
    """Puts what was counted beside the paper's table, with the accuracy that a doubled cost brings.

    Args:
        counted: What was counted, by the network's name.

    Returns:
        A row for each network.
    """
    rows, before = [], ""
    for name, c in counted.items():
        paper = PUBLISHED[name]
        gain = None
        if before:
            doublings = log2(c.multiply_adds / counted[before].multiply_adds)
            gain = (paper.accuracy - PUBLISHED[before].accuracy) / doublings
        rows.append(
            {
                "": name,
                "解像度": c.resolution,
                "ブロック": c.blocks,
                "パラメータ": c.parameters,
                "論文 (百万)": f"{paper.parameters:g}",
                "積和 (十億)": f"{c.multiply_adds / 1e9:.2f}",
                "論文 (十億)": f"{paper.billions:g}",
                "論文の精度 (%)": f"{paper.accuracy:.1f}",
                "2 倍ごとに (点)": None if gain is None else f"{gain:+.1f}",
            }
        )
        before = name
    return rows


def largest_difference(counted: Mapping[str, Counted]) -> float:
    """Finds how far the counted multiply-adds are at most from the paper's, as a part of the paper's."""
    return max(abs(c.multiply_adds / 1e9 / PUBLISHED[name].billions - 1) for name, c in counted.items())


def selected(results: Sequence[Trained], direction: str, factor: int) -> list[Trained]:
    """Selects the trainings of one scaled network, in the order of the seeds."""
    way = direction if factor > 1 else "depth"  # the small network itself is stored once
    return sorted((r for r in results if (r.direction, r.factor) == (way, factor)), key=lambda r: r.seed)


def by_direction(results: Sequence[Trained], direction: str, factor: int) -> list[float]:
    """Selects the test accuracies of one scaled network, in the order of the seeds."""
    return [r.test for r in selected(results, direction, factor)]


def measured_factors(results: Sequence[Trained], direction: str) -> list[int]:
    """Lists the multiples of the small network's cost that a direction was measured at, from 1."""
    return [factor for factor in (1, *FACTORS) if selected(results, direction, factor)]


def going_on_summary(results: Sequence[Trained]) -> Rows:
    """Summarises the directions that go on: training accuracy, and what each doubling adds on the test."""
    rows = []
    for way in GOING_ON:
        row = {"大きくしたもの": DIRECTIONS[way].title}
        for factor in measured_factors(results, way):
            train = np.median([r.train for r in selected(results, way, factor)])
            row[f"訓練精度、{factor} 倍"] = f"{train:.2f}"
        for low, high in pairwise(measured_factors(results, way)):
            row[f"{low} → {high} 倍での上がり (点)"] = "、".join(
                f"{100 * gain:+.1f}" for gain in gains_between(results, way, low, high)
            )
        rows.append(row)
    return rows


def gains_between(results: Sequence[Trained], direction: str, low: int, high: int) -> list[float]:
    """Subtracts a direction's test accuracies at two multiples of the cost, for the seeds that both have."""
    before = {r.seed: r.test for r in selected(results, direction, low)}
    after = {r.seed: r.test for r in selected(results, direction, high)}
    return [after[seed] - before[seed] for seed in before if seed in after]


def cost_summary(results: Sequence[Trained], factor: int) -> Rows:
    """Summarises the directions at one multiple of the cost: real cost, accuracy, and the processor's time."""
    small = selected(results, "depth", 1)
    groups = {"大きくする前": small}
    groups |= {way.title: selected(results, name, factor) for name, way in DIRECTIONS.items()}
    return [
        {
            "大きくしたもの": title,
            "積和 (倍)": f"{chosen[0].multiply_adds / small[0].multiply_adds:.2f}",
            "訓練精度": f"{np.median([r.train for r in chosen]):.2f}",
            "テスト精度 (最小 / 中央値 / 最大)": min_median_max([r.test for r in chosen]),
            "学習の CPU 秒": f"{np.median([r.seconds for r in chosen]):.0f}",
        }
        for title, chosen in groups.items()
    ]


def search_rows(results: Sequence[Trained]) -> Rows:
    """Gives the candidates of twice the cost as exercise ``ch06.search_scaling`` takes them."""
    small = selected(results, "depth", 1)[0].multiply_adds
    return [
        {
            "name": direction.title,
            "depth": direction.depth,
            "width": direction.width,
            "resolution": direction.resolution,
            "cost": chosen[0].multiply_adds / small,
            "validation": [r.validation for r in chosen],
        }
        for way, direction in DIRECTIONS.items()
        if (chosen := selected(results, way, 2))
    ]


def search_table(rows: Rows) -> Rows:
    """Shows the candidates: factors of a step, real cost, mean accuracy with its standard error."""
    return [
        {
            "候補": row["name"],
            "深さ": f"{row['depth']:.2f}",
            "幅": f"{row['width']:.2f}",
            "解像度": f"{row['resolution']:.2f}",
            "積和 (倍)": f"{row['cost']:.2f}",
            "平均": f"{np.mean(row['validation']):.3f}",
            "標準誤差": f"{standard_error(row['validation']):.3f}",
        }
        for row in rows
    ]


def standard_error(values: Sequence[float]) -> float:
    """Returns the standard error of a mean."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


FEATURE_NAMES = {
    "imagenet 224": "ImageNet (224)",
    "imagenet 128": "ImageNet (128)",
    "cifar10 48": "CIFAR-10 (48)",
    "cifar10 32": "CIFAR-10 (32)",
}
"""What the chapter calls the frozen features; in parentheses the pixels across."""


def by_features(results: Sequence[Transferred], features: str, count: int) -> list[float]:
    """Selects the test accuracies of one kind of features, in the order of the seeds."""
    chosen = (r for r in results if (r.features, r.per_class) == (features, count))
    return [r.test for r in sorted(chosen, key=lambda r: r.seed)]


def transfer_gains(results: Sequence[Transferred], better: str, worse: str) -> dict[int, list[float]]:
    """Subtracts the accuracies of two kinds of features, seed by seed, by the photographs of each kind."""
    return {
        count: np.subtract(by_features(results, better, count), by_features(results, worse, count)).tolist()
        for count in COUNTS
    }


def transfer_summary(results: Sequence[Transferred]) -> Rows:
    """Summarises the frozen features by the photographs of each kind."""
    return [
        {"特徴 (画素)": title}
        | {f"{count} 枚": min_median_max(by_features(results, name, count), 2) for count in COUNTS}
        for name, title in FEATURE_NAMES.items()
    ]
