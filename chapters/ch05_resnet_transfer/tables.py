"""The tables that the notebook of chapter 5 shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chapters.ch05_resnet_transfer.experiment import RUNS, Result, Run
from course_utils.backbones import BACKBONES
from course_utils.paths import shipped_data
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]

REPORT_MINUTES = {"a": 4, "b": 4, "c": 4, "2": 32, "3": 40}
"""Elapsed minutes in the report's two tables; runs 0 and 1 have none."""

OTHER_LEARNER = {"a": 0.393, "c": 0.956, "0": 0.906, "1": 0.768, "2": 0.928, "3": 0.956}
"""Validation accuracy in another learner's public record of the same exercise; run b was not found."""


def comparison(results: Mapping[str, Result]) -> Rows:
    """Puts one execution beside the report's numbers.

    Args:
        results: A result for each run's key.

    Returns:
        A row for each run.
    """
    return [
        {
            "アルゴリズム": run.name,
            "レポートの時間 (分)": REPORT_MINUTES.get(run.key),
            "公開記録の検証精度": OTHER_LEARNER.get(run.key),
            "学習率": rate(run),
            "時間 (秒)": f"{results[run.key].seconds:.1f}",
            "エポック": results[run.key].epochs,
            "検証精度": results[run.key].validation,
            "テスト精度": results[run.key].test,
            "当てずっぽう": 0.2,
        }
        for run in RUNS
    ]


def rate(run: Run) -> str:
    """Formats a run's learning rate, such as ``1e-4``."""
    return np.format_float_scientific(run.learning_rate, trim="-", exp_digits=1)


def by_key(results: Sequence[Result], key: str) -> list[Result]:
    """Selects the results of one run, in the order of the seeds."""
    return sorted((r for r in results if r.key == key), key=lambda r: r.seed)


def summary(results: Sequence[Result]) -> Rows:
    """Summarises the seven runs over their seeds: minimum / median / maximum.

    Args:
        results: A result for each run and seed.

    Returns:
        A row for each run.
    """
    return [
        {
            "アルゴリズム": run.name,
            "時間 (秒)": min_median_max([r.seconds for r in chosen], 1),
            "エポック": min_median_max([r.epochs for r in chosen], 0),
            "検証精度": min_median_max([r.validation for r in chosen]),
            "テスト精度": min_median_max([r.test for r in chosen]),
        }
        for run in RUNS
        if (chosen := by_key(results, run.key))
    ]


PAIRS = {("b", "c"): "ResNet (b → c)", ("0", "1"): "ResNet (0 → 1)", ("2", "3"): "Wide ResNet (2 → 3)"}
"""Runs that differ in whether the backbone is trained, transfer and fine-tuning, and what to call them."""


class Pair(NamedTuple):
    """A fine-tuning beside its transfer, seed by seed.

    Attributes:
        frozen: Key of the transfer run.
        tuned: Key of the fine-tuning run.
        gains: By how much fine-tuning's test accuracy is higher.
        longer: How many more epochs it took.
    """

    frozen: str
    tuned: str
    gains: list[float]
    longer: list[int]


def pairs(results: Sequence[Result]) -> list[Pair]:
    """Compares each fine-tuning with its transfer.

    Args:
        results: A result for each run and seed.

    Returns:
        One pair for each of :data:`PAIRS`.
    """
    return [
        Pair(frozen, tuned, [t.test - f.test for f, t in seeds], [t.epochs - f.epochs for f, t in seeds])
        for frozen, tuned in PAIRS
        if (seeds := list(zip(by_key(results, frozen), by_key(results, tuned), strict=True)))
    ]


def pair_summary(results: Sequence[Result]) -> Rows:
    """Summarises :func:`pairs`: medians, and in how many seeds fine-tuning was ahead."""
    rates = {run.key: rate(run) for run in RUNS}
    return [
        {
            "転移学習 → ファインチューニング": PAIRS[pair.frozen, pair.tuned],
            "学習率": f"{rates[pair.frozen]} → {rates[pair.tuned]}",
            "テスト精度の差 (中央値)": f"{np.median(pair.gains):+.3f}",
            "精度が上回ったシード": f"{sum(gain > 0 for gain in pair.gains)} / {len(pair.gains)}",
            "エポック数の差 (中央値)": f"{np.median(pair.longer):+.0f}",
            "先に止まったシード": f"{sum(more < 0 for more in pair.longer)} / {len(pair.longer)}",
        }
        for pair in pairs(results)
    ]


def test_accuracies(results: Sequence[Result]) -> dict[str, list[float]]:
    """Collects the test accuracies of each run, one for each seed; names are broken into lines for an axis."""
    return {run.name.replace(" ", "\n"): [r.test for r in by_key(results, run.key)] for run in RUNS}


def source_summary(results: Sequence[Result]) -> Rows:
    """Summarises what to pretrain on: test accuracy frozen and fine-tuned, minimum / median / maximum."""
    names = {"scratch": "なし (ランダムな初期値)", "fractal": "フラクタル", "cifar10": "CIFAR-10"}
    return [
        {
            "事前学習": name,
            "backbone を凍結": min_median_max([r.test for r in by_key(results, f"{source} frozen")]),
            "ファインチューニング": min_median_max([r.test for r in by_key(results, f"{source} tuned")]),
        }
        for source, name in names.items()
    ]


def model_cards() -> Rows:
    """Reads what was measured when the shipped backbones were pretrained."""
    folder = shipped_data() / "pretrained"
    cards = [json.loads((folder / f"{name}.json").read_text("utf-8")) for name in BACKBONES]
    return [
        {
            "名前": card["name"],
            "パラメータ": card["parameters"],
            "事前学習の画像": card["training_images"],
            "クラス": card["classes"],
            "テスト精度": card["test_accuracy"],
            "学習時間 (秒)": card["seconds"],
        }
        for card in cards
    ]
