"""The tables that the notebook of chapter 11 shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chapters.ch11_transformer.dates import STYLES, Pairs
from chapters.ch11_transformer.experiment import Normalised, Recalled
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]


def of_model(results: Sequence[Normalised], model: str) -> list[Normalised]:
    """Selects the results of one model, in the order of the seeds."""
    return sorted((r for r in results if r.model == model), key=lambda r: r.seed)


def models_in(results: Sequence[Normalised]) -> list[str]:
    """Lists the models, in the order in which they were measured."""
    return list(dict.fromkeys(r.model for r in results))


def readers_in(results: Sequence[Recalled]) -> list[str]:
    """Lists the readers, in the order in which they were measured."""
    return list(dict.fromkeys(r.reader for r in results))


def date_summary(results: Sequence[Normalised]) -> Rows:
    """Summarises the models over their seeds: minimum / median / maximum.

    Args:
        results: A result for each model and seed.

    Returns:
        A row for each model.
    """
    return [
        {
            "モデル": model,
            "パラメータ": chosen[0].parameters,
            "完全一致": min_median_max([r.exact for r in chosen]),
            "うち元号の表記": min_median_max([r.eras for r in chosen]),
            "学習の秒数": min_median_max([r.seconds for r in chosen], 0),
        }
        for model in models_in(results)
        if (chosen := of_model(results, model))
    ]


def search_summary(results: Sequence[Normalised]) -> Rows:
    """Compares greedy and beam search of each seed, halfway through training and at its end.

    Args:
        results: Of the Transformer.

    Returns:
        A row for each seed.
    """
    return [
        {
            "シード": r.seed,
            "途中: 貪欲法": r.halfway_greedy,
            "途中: ビームサーチ": r.halfway_beam,
            "途中: 答えが変わった割合": r.halfway_changed,
            "最後: 貪欲法": r.exact,
            "最後: ビームサーチ": r.beam,
        }
        for r in results
    ]


def by_style(pairs: Pairs, right: npt.ArrayLike, caption_of_share: str) -> Rows:
    """Counts right answers style by style.

    Args:
        pairs: Dates.
        right: Whether each was answered rightly, bool.
        caption_of_share: Heading of the share.

    Returns:
        A row for each style, with an example.
    """
    flags, styles = np.asarray(right), np.array(pairs.styles)
    texts = np.array(pairs.texts)
    return [
        {
            "表記": style,
            "例": str(texts[styles == style][0]),
            "個数": int((styles == style).sum()),
            caption_of_share: float(flags[styles == style].mean()),
        }
        for style in STYLES
        if (styles == style).any()
    ]


def recalled(results: Sequence[Recalled], reader: str, far: int, field: str) -> list[float]:
    """Selects what one reader measured at one distance, in the order of the seeds."""
    chosen = sorted((r for r in results if r.reader == reader and r.distance == far), key=lambda r: r.seed)
    return [float(getattr(r, field)) for r in chosen]


def distance_summary(results: Sequence[Recalled]) -> Rows:
    """Summarises accuracy over the seeds: minimum / median / maximum.

    Args:
        results: A result for each reader, distance and seed.

    Returns:
        A row for each distance.
    """
    return [
        {"距離": far}
        | {
            reader: min_median_max(recalled(results, reader, far, "accuracy"), 2)
            for reader in readers_in(results)
            if recalled(results, reader, far, "accuracy")
        }
        for far in sorted({r.distance for r in results})
    ]
