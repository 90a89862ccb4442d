"""Chapter 4's figures: what is drawn, and its alternative text."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from chapters.ch04_mobilenet_densenet_wavenet import figures
from chapters.ch04_mobilenet_densenet_wavenet.experiment import Result
from chapters.ch04_mobilenet_densenet_wavenet.taught import NETWORKS


@pytest.fixture(autouse=True)
def close_figures() -> None:
    plt.close("all")


def test_highlight_is_named_in_the_alternative_text() -> None:
    plain, marked = figures.draw_blocks(), figures.draw_blocks("gate", title="ゲート")

    assert getattr(marked, "alt", None) == getattr(plain, "alt", "") + "この節の段だけを示す: ゲート"
    assert set(figures.WAVENET) < set(figures.ROWS[2])
    assert {name for row in figures.ROWS for name in row} == set(figures.BOXES)


def test_stacks_mark_as_many_inputs_as_their_receptive_fields() -> None:
    figure = figures.show_stacks((1, 2, 4, 8), (1, 1, 1, 1))

    assert [axis.get_title() for axis in figure.axes] == [
        f"1 つの出力が見る入力は {seen} 個" for seen in (16, 5)
    ]
    for axis in figure.axes:
        assert axis.get_xticks().tolist() == list(range(20))


def test_accuracies_have_a_panel_for_each_data_and_a_row_for_each_network() -> None:
    results = [Result(name, seed, 0.3, 1.0, 2.0, 3.0) for name in NETWORKS for seed in (1, 2)]

    figure = figures.plot_accuracies({"花": (results, 0.2), "写真": (results, 0.1)})

    assert [axis.get_title() for axis in figure.axes] == ["花", "写真"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(NETWORKS)


def test_spectrograms_have_units() -> None:
    wave = np.sin(np.arange(2000) / 3)

    figure = figures.show_spectrograms({"a": wave, "b": wave}, heading="題", alt="説明")

    assert figure.alt == "説明"
    assert [axis.get_xlabel() for axis in figure.axes[:2]] == ["時間 (秒)"] * 2
    assert figure.axes[0].get_ylabel() == "周波数 (Hz)"
    assert figure.axes[2].get_ylabel() == "強さ (dB)"


def test_each_sound_has_a_player_under_its_name() -> None:
    wave = np.sin(np.arange(2000) / 3)

    page = str(figures.players({"手本": wave, "作った": -wave}).data)

    assert page.count("<audio style='width: 210px'") == 2
    assert page.index("手本") < page.index("audio/wav") < page.index("作った")
