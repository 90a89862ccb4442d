"""Chapter 4's tables."""

from __future__ import annotations

import pytest

from chapters.ch04_mobilenet_densenet_wavenet import experiment, sounds, tables
from chapters.ch04_mobilenet_densenet_wavenet.experiment import Result, WaveResult
from chapters.ch04_mobilenet_densenet_wavenet.taught import NETWORKS


def result(network: str, seed: int, test: float, milliseconds: float) -> Result:
    return Result(network, seed, test, 1.0, 2 * milliseconds, milliseconds)


RESULTS = [
    result("ResNet", 2, 0.4, 1.0),
    result("ResNet", 1, 0.6, 2.0),
    result("DenseNet", 1, 0.7, 6.0),
    result("DenseNet", 2, 0.5, 2.0),
]


def test_sizes_have_a_row_for_each_network() -> None:
    rows = tables.sizes()

    assert [row["ネットワーク"] for row in rows] == list(NETWORKS)
    assert rows[0]["学習できるパラメータ"] == 43_985
    assert rows[0]["積和 (1 枚)"] == 1_778_928


def test_ratios_compare_the_same_seed() -> None:
    assert tables.ratios(RESULTS, "milliseconds", "DenseNet") == pytest.approx([3, 2])


def test_wins_compare_the_same_seed() -> None:
    assert tables.wins([RESULTS, RESULTS[::-1]], "DenseNet", "ResNet") == 1


def test_speed_divides_by_the_first_network() -> None:
    rows = [
        {"ネットワーク": name, "学習できるパラメータ": n, "積和 (1 枚)": n, "同時に保持する値の数": 2 * n}
        for name, n in {"ResNet": 10, "DenseNet": 5}.items()
    ]

    first, second = tables.speed(rows, RESULTS)

    assert list(first.values())[1:] == [1, 1, 1, 1]
    assert list(second.values())[1:] == [0.5, 0.5, 0.5, 2.5]


def test_a_song_of_the_score_is_in_tune_with_itself() -> None:
    taught = [sounds.sing(experiment.SCORE, vowel, seed=1) for vowel in sounds.VOWELS]

    rows = tables.sung_summary(taught, [song.wave for song in taught])

    assert [row["母音"] for row in rows] == list(sounds.VOWELS)
    assert all(row["高さのずれの中央値 (%)"] < 1 for row in rows)
    assert rows[0]["作った歌"] < rows[1]["作った歌"]


def test_summary_has_minimum_median_and_maximum() -> None:
    rows = tables.summary({"花": RESULTS})

    assert [(row["データ"], row["ネットワーク"]) for row in rows] == [("花", "ResNet"), ("花", "DenseNet")]
    assert rows[0]["テスト精度"] == "0.400 / 0.500 / 0.600"
    assert rows[1]["推論時間の比"] == "2.00 / 2.50 / 3.00"


def test_wave_summary_names_the_dilations() -> None:
    waves = [
        WaveResult("dilated", 1, 2.0, 5.0, [0.01, 0.03, 0.5], 9.0),
        WaveResult("undilated", 1, 2.5, 5.0, [0.1, 0.2, 0.3], 9.0),
    ]

    rows = tables.wave_summary(waves)

    assert [row["ネットワーク"] for row in rows] == list(tables.WAVE_NAMES.values())
    assert rows[0]["作った音の高さのずれの中央値 (%)"] == "3.0"
