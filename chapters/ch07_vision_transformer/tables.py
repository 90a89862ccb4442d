"""The tables that the notebook of chapter 7 shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chapters.ch07_vision_transformer.experiment import Cost, Result
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]

NAMES = {
    "ViT": "ViT",
    "CNN": "CNN",
    "ViT + conv stem": "ViT、入口を畳み込みに",
    "ViT + split patches": "ViT、対照 (重ならない入口)",
    "ViT + shifted patches": "ViT、ずらしたパッチ",
    "CNN, near": "CNN、ストライド 1 (7 パッチ分まで見える)",
    "CNN, far": "CNN、ストライド 2 (端から端まで見える)",
}
"""What the chapter calls the networks."""

WAYS = {
    "first": "ViT、最初のブロックの注意",
    "last": "ViT、最後のブロックの注意",
    "rollout": "ViT、attention rollout",
    "Grad-CAM": "CNN、Grad-CAM",
}
"""What the chapter calls the ways to look inside."""


def scores(results: Sequence[Result], key: str, images: int | None = None) -> list[float]:
    """Selects test accuracies of a network, in the order of the seeds."""
    chosen = [r for r in results if r.key == key and images in (None, r.images)]
    return [r.test for r in sorted(chosen, key=lambda r: r.seed)]


def counts(results: Sequence[Result]) -> list[int]:
    """Gives the numbers of training images that were tried."""
    return sorted({result.images for result in results})


def differences(results: Sequence[Result], first: str, second: str, images: int | None = None) -> Any:
    """Subtracts a network's test accuracy from another's, for each seed that both were trained with."""
    one, other = (
        {r.seed: r.test for r in results if r.key == key and images in (None, r.images)}
        for key in (first, second)
    )
    return np.array([one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())])


def seeds(results: Sequence[Result]) -> str:
    """Says how many seeds the networks were trained with, fewest to most."""
    runs = Counter((result.key, result.images) for result in results).values()
    return f"{min(runs)} つのシード" if min(runs) == max(runs) else f"{min(runs)}〜{max(runs)} つのシード"


def leads(results: Sequence[Result], images: int) -> Any:
    """Subtracts ViT's test accuracy from CNN's, seed by seed."""
    return differences(results, "CNN", "ViT", images)


def size_rows(results: Sequence[Result]) -> Rows:
    """Compares ViT and CNN at each number of images: minimum / median / maximum."""
    return [
        {
            "画像": count,
            "ViT": min_median_max(scores(results, "ViT", count)),
            "CNN": min_median_max(scores(results, "CNN", count)),
            "差 (CNN − ViT) の中央値": f"{np.median(leads(results, count)):+.3f}",
            "CNN が勝った回数": f"{sum(leads(results, count) > 0)} / {len(leads(results, count))}",
        }
        for count in counts(results)
    ]


def network_rows(results: Sequence[Result], keys: Sequence[str]) -> Rows:
    """Summarises networks: parameters, and test accuracy as minimum / median / maximum."""
    return [
        {
            "ネットワーク": NAMES[key],
            "パラメータ": next(r.parameters for r in results if r.key == key),
            "テスト精度": min_median_max(scores(results, key)),
        }
        for key in keys
        if scores(results, key)
    ]


def gain_rows(results: Sequence[Result], pairs: Mapping[str, tuple[str, str]]) -> Rows:
    """Compares two networks a row, seed by seed; a verdict wants at least three seeds and one sign."""
    rows = []
    for name, (first, second) in pairs.items():
        gains = differences(results, first, second)
        clear = len(gains) >= 3 and abs(np.sign(gains).sum()) == len(gains)
        rows.append(
            {
                "比べるもの": name,
                "シードごとの差": " ".join(f"{gain:+.3f}" for gain in gains) or None,
                "判定": ("高い" if gains[0] > 0 else "低い") if clear else "分からない",
            }
        )
    return rows


def transfer_rows(results: Sequence[Result]) -> Rows:
    """Compares ways to use what textures taught: test accuracy on flowers."""
    return [
        {
            "ネットワーク": name,
            "模様のテスト精度": min_median_max(scores(results, f"{name} textures"), 2),
            "花: 事前学習なし": min_median_max(scores(results, f"{name} scratch"), 2),
            "花: 凍結": min_median_max(scores(results, f"{name} frozen"), 2),
            "花: ファインチューニング": min_median_max(scores(results, f"{name} tuned"), 2),
        }
        for name in ("ViT", "CNN")
    ]


def pointing(results: Sequence[Result], way: str) -> list[float]:
    """Selects how often a way to look inside points at the evidence, seed by seed."""
    return [r.pointing[way] for r in results if way in r.pointing]


def pointing_rows(results: Sequence[Result]) -> Rows:
    """Summarises the pointing game, trained and untrained."""
    return [
        {
            "見方": name,
            "学習後": min_median_max(pointing(results, way), 2),
            "学習前 (対照)": min_median_max(pointing(results, f"{way} untrained"), 2),
        }
        for way, name in WAYS.items()
    ]


def multiply_adds(tokens: int, dim: int, mlp: int) -> tuple[int, int]:
    """Counts the multiply-adds of an encoder block: of its Dense layers, and between tokens."""
    return tokens * (4 * dim * dim + 2 * dim * mlp), 2 * tokens * tokens * dim


def quadratic(costs: Sequence[Cost]) -> tuple[Any, float]:
    """Fits a quadratic to seconds by tokens, all in proportion; gives it and the largest deviation's share."""
    tokens, seconds = (np.array([getattr(cost, name) for cost in costs]) for name in ("tokens", "seconds"))
    fit = np.polyfit(tokens, seconds, 2, w=1 / seconds)
    return fit, float(np.abs(np.polyval(fit, tokens) / seconds - 1).max())


def cost_rows(costs: Sequence[Cost], dim: int, mlp: int) -> Rows:
    """Puts multiply-adds of one block beside the seconds that it took."""
    rows = []
    for cost in costs:
        dense, attention = multiply_adds(cost.tokens, dim, mlp)
        rows.append(
            {
                "トークン": cost.tokens,
                "Dense の積和 (百万)": round(dense / 1e6, 1),
                "注意の積和 (百万)": round(attention / 1e6, 1),
                "時間 (65 トークンの何倍か)": round(cost.seconds, 1),
            }
        )
    return rows
