"""The tables that the notebook of chapter 12 shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from chapters.ch12_bert.classification import BASELINES, CURVES, METHODS, SHOTS, Classification
from chapters.ch12_bert.generation import STEPS, Generation
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]
Read = Literal["one_word", "full"]

LADDER: tuple[tuple[str, str, Read, str], ...] = (
    ("0", "0", "one_word", "レポートのまま"),
    ("1", "1", "one_word", "BERT 自身の番号"),
    ("2", "2", "one_word", "因果マスク"),
    ("3", "3", "one_word", "学習率 1e-3"),
    ("4", "3", "full", "文脈をすべて渡す"),
    ("5", "5", "full", "エンコーダも学習"),
)
"""Steps in the order in which they are taken: number, key of the trained model, what it reads, title."""


def generations(results: Sequence[Generation], key: str) -> list[Generation]:
    """Selects the results of one step, in the order of the seeds."""
    return sorted((r for r in results if r.key == key), key=lambda r: r.seed)


def classifications(results: Sequence[Classification], key: str) -> list[Classification]:
    """Selects the results of one method or baseline, in the order of the seeds."""
    return sorted((r for r in results if r.key == key), key=lambda r: r.seed)


def perplexity(loss: float) -> float:
    """Turns a loss in nats into a perplexity."""
    return math.exp(loss)


def ladder(results: Sequence[Generation]) -> Rows:
    """Lists the steps with their held-out perplexities: minimum / median / maximum over the seeds.

    Perplexities of words and of pieces cannot be compared; those of a character can, since the text has
    the same characters however it is cut.

    Args:
        results: A result for each step and seed.

    Returns:
        A row for each step of :data:`LADDER` that was run.
    """
    rows = []
    for number, key, read, title in LADDER:
        chosen = generations(results, key)
        if chosen:
            losses = [getattr(r, read) for r in chosen]
            rows.append(
                {
                    "": number,
                    "変えたこと": title,
                    "V": min_median_max([r.size for r in chosen], 0),
                    "見かけ": min_median_max([perplexity(r.apparent) for r in chosen], 0),
                    "パープレキシティ": min_median_max([perplexity(loss) for loss in losses], 0),
                    "1 文字あたり": min_median_max(
                        [perplexity(loss / r.characters) for loss, r in zip(losses, chosen, strict=True)], 1
                    ),
                    "頻度だけの基準": min_median_max([perplexity(r.unigram) for r in chosen], 0),
                }
            )
    return rows


def samples(results: Sequence[Generation], seed: int = 1) -> Rows:
    """Lists what each step writes, for one seed."""
    rows = []
    for number, key, read, title in LADDER:
        for result in generations(results, key):
            if result.seed == seed:
                text = result.sample_full if read == "full" else result.sample_one_word
                rows.append({"": number, "変えたこと": title, "書いた文章": text})
    return rows


def leaks(results: Sequence[Generation]) -> Rows:
    """Puts beside each other what the encoder may see and what perplexity then says."""
    titles = {step.key: step.title for step in STEPS}
    return [
        {
            "学習のしかた": titles[key],
            "見かけのパープレキシティ": min_median_max([perplexity(r.apparent) for r in chosen], 1),
            "答えを隠したパープレキシティ": min_median_max([perplexity(r.full) for r in chosen], 1),
        }
        for key in ("漏", "5")
        if (chosen := generations(results, key))
    ]


def scores(results: Sequence[Classification]) -> Rows:
    """Summarises baselines and methods over their seeds: minimum / median / maximum."""
    titles = {**BASELINES, **{method.key: method.title for method in METHODS}}
    return [
        {
            "": key,
            "方法": title,
            "テスト精度": min_median_max([r.accuracy for r in chosen]),
            "macro F1": min_median_max([r.f1 for r in chosen]),
            "時間 (秒)": min_median_max([r.seconds for r in chosen], 1),
        }
        for key, title in titles.items()
        if (chosen := classifications(results, key))
    ]


def accuracies(results: Sequence[Classification], keys: Sequence[str]) -> dict[str, list[float]]:
    """Collects test accuracies by method, one for each seed."""
    return {key: [r.accuracy for r in classifications(results, key)] for key in keys}


def total_confusion(results: Sequence[Classification], key: str) -> np.ndarray:
    """Adds the confusion matrices of a method over its seeds, shape ``(3, 3)``."""
    return np.sum([r.confusion for r in classifications(results, key)], axis=0)


def curves(results: Sequence[Classification]) -> dict[str, list[list[float]]]:
    """Collects test accuracies of learning curves: by title, for each number of passages, one for each seed."""
    return {
        title: [[r.accuracy for r in classifications(results, f"{name} {shots}")] for shots in SHOTS]
        for name, title in CURVES.items()
    }


def bert_parameters(
    vocabulary: int, layers: int = 12, hidden: int = 768, intermediate: int = 3072, positions: int = 512
) -> Rows:
    """Counts the parameters of a BERT backbone part by part.

    Args:
        vocabulary: Pieces of the vocabulary.
        layers: Encoder layers.
        hidden: Width of the encoder.
        intermediate: Width within the feed-forward part.
        positions: Positions that have an embedding.

    Returns:
        A row for each part: its name and its number of parameters.
    """
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = hidden * intermediate + intermediate + intermediate * hidden + hidden
    norm = 2 * hidden
    return [
        {"部品": "ピースの埋め込み", "パラメータ": vocabulary * hidden},
        {"部品": "位置の埋め込み", "パラメータ": positions * hidden},
        {"部品": "セグメントの埋め込み", "パラメータ": 2 * hidden},
        {"部品": "埋め込みの LayerNorm", "パラメータ": norm},
        {"部品": f"エンコーダ {layers} 層", "パラメータ": layers * (attention + feed_forward + 2 * norm)},
        {"部品": "pooler", "パラメータ": hidden * hidden + hidden},
    ]
