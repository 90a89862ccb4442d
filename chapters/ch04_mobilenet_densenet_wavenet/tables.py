"""The tables that the notebook of chapter 4 shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from chapters.ch04_mobilenet_densenet_wavenet import costs, sounds
from chapters.ch04_mobilenet_densenet_wavenet.experiment import DILATED, Result, WaveResult, pitch_errors
from chapters.ch04_mobilenet_densenet_wavenet.taught import NETWORKS, build_network
from course_utils.tables import min_median_max

Rows = list[dict[str, Any]]

WAVE_NAMES = {"dilated": "ダイレーション 1〜128", "undilated": "ダイレーションなし (どれも 1)"}


def sizes(classes: int = 5) -> Rows:
    """Counts what each network of :data:`NETWORKS` costs, whatever its weights.

    Args:
        classes: Number of classes.

    Returns:
        A row for each network.
    """
    models = {name: build_network(name, classes) for name in NETWORKS}
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


def summary(results: Mapping[str, Sequence[Result]]) -> Rows:
    """Summarises the networks over their seeds: minimum / median / maximum.

    Args:
        results: A result for each network and seed, by the name of the data.

    Returns:
        A row for each data and network.
    """
    return [
        {
            "データ": data,
            "ネットワーク": name,
            "テスト精度": min_median_max([r.test for r in chosen]),
            "訓練精度": min_median_max([r.training for r in chosen]),
            "推論時間の比": min_median_max(ratios(each, "milliseconds", name), 2),
        }
        for data, each in results.items()
        for name in NETWORKS
        if (chosen := by_network(each, name))
    ]


def shares(mobilenet: keras.Model) -> Rows:
    """Shows MobileNet's multiply-adds by kind beside table 2 of Howard et al., 2017.

    Args:
        mobilenet: Keras' MobileNet, whose last 1x1 convolution is the paper's fully connected layer.

    Returns:
        A row for each kind, and their sum.
    """
    counts = costs.by_kind(mobilenet)
    last = mobilenet.get_layer("conv_preds")
    head = (costs.multiply_adds(last), last.count_params())
    body = (counts["1×1"][0] - head[0], counts["1×1"][1] - head[1])
    kinds = {
        "1×1": (body, 94.86),
        "depthwise": (counts["depthwise"], 3.06),
        "3×3 (入口)": (counts["3×3"], 1.19),
        "分類の層 (1×1)": (head, 0.18),
    }
    total = sum(products for (products, _), _ in kinds.values())
    rows: Rows = [
        {"層": name, "積和": products, "積和の割合 (%)": 100 * products / total, "論文の表 2 (%)": paper}
        | {"パラメータ": parameters}
        for name, ((products, parameters), paper) in kinds.items()
    ]
    rows.append({column: sum(row[column] for row in rows) for column in list(rows[0])[1:]} | {"層": "和"})
    numbers = ("積和の割合 (%)", "論文の表 2 (%)")
    return [{"層": row["層"]} | row | {column: f"{row[column]:.2f}" for column in numbers} for row in rows]


def wins(data: Sequence[Sequence[Result]], network: str, other: str) -> float:
    """Computes in which share of the runs a network's test accuracy is above another's of the same seed."""
    above = [
        bool(ours.test > theirs.test)
        for results in data
        for ours, theirs in zip(by_network(results, network), by_network(results, other), strict=True)
    ]
    return float(np.mean(above))


def speed(sizes: Rows, results: Sequence[Result]) -> Rows:
    """Shows what each network costs as a multiple of what the first costs.

    Args:
        sizes: Rows of :func:`sizes`.
        results: A result for each network and seed.

    Returns:
        A row for each network; times are medians over the seeds.
    """
    names = {
        "学習できるパラメータ": "パラメータ",
        "積和 (1 枚)": "積和",
        "同時に保持する値の数": "保持する値",
    }
    return [
        {"ネットワーク": row["ネットワーク"]}
        | {name: row[column] / sizes[0][column] for column, name in names.items()}
        | {"推論時間": float(np.median(ratios(results, "milliseconds", row["ネットワーク"])))}
        for row in sizes
    ]


def sung_summary(taught: Sequence[sounds.Song], sung: Sequence[Any]) -> Rows:
    """Compares generated songs with the score and with the voice that the network heard.

    Args:
        taught: A song of that voice for each vowel.
        sung: Generated waves for each vowel.

    Returns:
        A row for each vowel.
    """
    return [
        {
            "母音": vowel,
            "高さのずれの中央値 (%)": 100 * float(np.median(pitch_errors(wave))),
            "600 Hz 以下のエネルギーの割合: 手本": sounds.share_below(song.wave, 600),
            "作った歌": sounds.share_below(wave, 600),
        }
        for vowel, song, wave in zip(sounds.VOWELS, taught, sung, strict=True)
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
