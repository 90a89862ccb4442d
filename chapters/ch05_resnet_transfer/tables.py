"""The tables that the notebook of chapter 5 shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chapters.ch05_resnet_transfer.experiment import RUNS, Result
from course_utils.backbones import BACKBONES
from course_utils.paths import shipped_data
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]

REPORT_MINUTES = {"a": 4, "b": 4, "c": 4, "2": 32, "3": 40}
"""Elapsed minutes in the report's two tables; runs 0 and 1 have none."""

OTHER_LEARNER = {"a": 0.393, "c": 0.956, "0": 0.906, "1": 0.768, "2": 0.928, "3": 0.956}
"""Validation accuracy in another learner's public record of the same exercise; run b was not found."""


BACKBONE_NAMES = {
    "resnet_small_cifar10": "小さな ResNet",
    "resnet_wide_cifar10": "幅 2 倍の ResNet",
    "resnet_small_fractal": "小さな ResNet (フラクタル)",
}
"""What the chapter calls the shipped backbones."""


def comparison(results: Mapping[str, Result]) -> Rows:
    """Puts one execution beside the report's numbers.

    Args:
        results: A result for each run's key.

    Returns:
        A row for each run.
    """
    return [
        {
            "実験": run.name,
            "レポート (分)": REPORT_MINUTES.get(run.key),
            "公開記録の検証精度": OTHER_LEARNER.get(run.key),
            "時間 (秒)": f"{results[run.key].seconds:.1f}",
            "エポック": results[run.key].epochs,
            "検証精度": results[run.key].validation,
            "テスト精度": results[run.key].test,
        }
        for run in RUNS
    ]


def by_key(results: Sequence[Result], key: str) -> list[Result]:
    """Selects the results of one run, in the order of the seeds."""
    return sorted((r for r in results if r.key == key), key=lambda r: r.seed)


def summary(results: Mapping[str, Sequence[Result]]) -> Rows:
    """Summarises the seven runs over their seeds: minimum / median / maximum.

    Args:
        results: A result for each run and seed, by the name of the data.

    Returns:
        A row for each data and run.
    """
    return [
        {
            "データ": data,
            "実験": run.name,
            "時間 (秒)": min_median_max([r.seconds for r in chosen], 1),
            "エポック": min_median_max([r.epochs for r in chosen], 0),
            "検証精度": min_median_max([r.validation for r in chosen], 2),
            "テスト精度": min_median_max([r.test for r in chosen], 2),
        }
        for data, each in results.items()
        for run in RUNS
        if (chosen := by_key(each, run.key))
    ]


def rows_by_seed(results: Sequence[Result]) -> dict[int, Rows]:
    """Gives each seed's table as exercise ``ch05.choose_run`` takes it."""
    return {
        seed: [
            {"run": run.name, "seconds": r.seconds, "validation": r.validation, "test": r.test}
            for run in RUNS
            for r in by_key(results, run.key)
            if r.seed == seed
        ]
        for seed in sorted({r.seed for r in results})
    }


PAIRS = {
    ("b", "c"): "ResNet、どちらも 1e-4",
    ("0", "1"): "ResNet、どちらも 1e-3",
    ("2", "3"): "Wide ResNet、1e-4 → 1e-5",
}
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


def pair_summary(results: Mapping[str, Sequence[Result]]) -> Rows:
    """Summarises :func:`pairs`: medians, and in how many seeds fine-tuning was ahead.

    Args:
        results: A result for each run and seed, by the name of the data.

    Returns:
        A row for each data and pair.
    """
    return [
        {
            "データ": data,
            "転移学習 → ファインチューニング": PAIRS[pair.frozen, pair.tuned],
            "精度の差": f"{np.median(pair.gains):+.3f}",
            "上回った回数": f"{sum(gain > 0 for gain in pair.gains)} / {len(pair.gains)}",
            "エポックの差": f"{np.median(pair.longer):+.0f}",
            "先に止まった回数": f"{sum(more < 0 for more in pair.longer)} / {len(pair.longer)}",
        }
        for data, each in results.items()
        for pair in pairs(each)
    ]


def wide_summary(results: Mapping[str, Sequence[Result]]) -> Rows:
    """Summarises fine-tunings by name: test accuracy and epochs, minimum / median / maximum."""
    return [
        {
            "ファインチューニング": name,
            "テスト精度": min_median_max([r.test for r in chosen]),
            "エポック": min_median_max([r.epochs for r in chosen], 0),
        }
        for name, chosen in results.items()
    ]


def source_summary(results: Sequence[Result]) -> Rows:
    """Summarises what to pretrain on: test accuracy frozen and fine-tuned, minimum / median / maximum."""
    sources = {
        "scratch": "なし (ランダムな初期値)",
        "fractal": "フラクタル",
        "cifar10": "CIFAR-10",
        "imagenet": "ImageNet",
    }
    modes = {
        "frozen": "凍結",
        "tuned": "ファインチューニング",
        "tuned, norms frozen": "ファインチューニング、BatchNormalization は凍結",
    }
    return [
        {
            "事前学習": source_name,
            "backbone": mode_name,
            "テスト精度": min_median_max([r.test for r in chosen]),
        }
        for source, source_name in sources.items()
        for mode, mode_name in modes.items()
        if (chosen := by_key(results, f"{source} {mode}"))
    ]


def model_cards() -> Rows:
    """Reads what was measured when the shipped backbones were pretrained."""
    folder = shipped_data() / "pretrained"
    cards = [json.loads((folder / f"{name}.json").read_text("utf-8")) for name in BACKBONES]
    return [
        {
            "backbone": BACKBONE_NAMES[card["name"]],
            "読み込む名前": card["name"],
            "パラメータ": card["parameters"],
            "事前学習の画像": f"{card['training_images']:,} 枚、{card['classes']} クラス",
            "そのテスト精度": card["test_accuracy"],
        }
        for card in cards
    ]
