"""The tables that the notebook of chapter 4 shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from chapters.ch04_mobilenet_densenet_wavenet import costs
from chapters.ch04_mobilenet_densenet_wavenet.blocks import NETWORKS
from chapters.ch04_mobilenet_densenet_wavenet.experiment import DILATED, Result, WaveResult
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]

WAVE_NAMES = {"dilated": "dilation 1〜128", "undilated": "dilation なし"}


def sizes(classes: int = 5) -> Rows:
    """Counts what each network of :data:`NETWORKS` costs, whatever its weights.

    Args:
        classes: Number of classes.

    Returns:
        A row for each network.
    """
    models = {name: build(classes) for name, build in NETWORKS.items()}
    return [
        {
            "ネットワーク": name,
            "学習できるパラメータ": trainable_parameters(model),
            "重みの大きさ (KB, float32)": f"{4 * model.count_params() / 1000:.0f}",
            "積和 (1 枚)": costs.total_multiply_adds(model),
            "同時に保持する値の数": costs.peak_activations(model),
        }
        for name, model in models.items()
    ]


def trainable_parameters(model: keras.Model) -> int:
    """Counts the numbers that training changes."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def by_network(results: Sequence[Any], network: str) -> list[Any]:
    """Selects the results of one network, in the order of the seeds."""
    return sorted((r for r in results if r.network == network), key=lambda r: r.seed)


def ratios(results: Sequence[Result], field: str, network: str, to: str = "ResNet") -> list[float]:
    """Divides a network's measurements by another's, seed by seed.

    Args:
        results: A result for each network and seed.
        field: ``"milliseconds"`` or ``"seconds"``.
        network: The network.
        to: The network that it is compared with.

    Returns:
        A ratio for each seed.
    """
    pairs = zip(by_network(results, network), by_network(results, to), strict=True)
    return [getattr(one, field) / getattr(other, field) for one, other in pairs]


def summary(results: Sequence[Result]) -> Rows:
    """Summarises the networks over their seeds: minimum / median / maximum.

    Args:
        results: A result for each network and seed.

    Returns:
        A row for each network.
    """
    return [
        {
            "ネットワーク": name,
            "テスト精度": min_median_max([r.test for r in chosen]),
            "訓練精度 (最後のエポック)": min_median_max([r.training for r in chosen]),
            "1 枚の推論時間 (ResNet = 1)": min_median_max(ratios(results, "milliseconds", name), 2),
            "学習時間 (ResNet = 1)": min_median_max(ratios(results, "seconds", name), 2),
        }
        for name in NETWORKS
        if (chosen := by_network(results, name))
    ]


def wave_summary(results: Sequence[WaveResult]) -> Rows:
    """Summarises WaveNet over its seeds: minimum / median / maximum.

    Args:
        results: A result for each network and seed.

    Returns:
        A row for each network.
    """
    return [
        {
            "ネットワーク": WAVE_NAMES[name],
            "NLL (nat)": min_median_max([r.nats for r in chosen]),
            "ヒストグラムの NLL": min_median_max([r.histogram for r in chosen]),
            "作った音の高さのずれの中央値 (%)": min_median_max([100 * median_error(r) for r in chosen], 1),
        }
        for name in DILATED
        if (chosen := by_network(results, name))
    ]


def median_error(result: WaveResult) -> float:
    """Computes the median distance of a run's notes from the score, as a share of the pitch."""
    return float(np.median(result.pitch_errors))
