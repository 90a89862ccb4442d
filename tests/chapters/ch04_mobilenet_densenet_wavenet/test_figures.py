"""Chapter 4's figures: what is drawn, and its alternative text."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from chapters.ch04_mobilenet_densenet_wavenet import figures, sounds


@pytest.fixture(autouse=True)
def close_figures() -> None:
    plt.close("all")


def test_channels_describe_where_they_come_from() -> None:
    figure = figures.show_channels(first=16, growth=12, count=4)

    assert "64" in figure.alt
    (axis,) = figure.axes
    assert max(bar.get_x() + bar.get_width() for bar in axis.patches) == 64


@pytest.mark.parametrize(("dilations", "seen"), [((1, 2, 4, 8), 16), ((1, 1, 1, 1), 5)])
def test_stack_marks_as_many_inputs_as_its_receptive_field(dilations: tuple[int, ...], seen: int) -> None:
    figure = figures.show_stack(dilations)

    assert f"{seen} 個の入力" in figure.alt
    assert f"{seen} 個" in figure.axes[0].get_title()


def test_spectrograms_have_units() -> None:
    wave = np.sin(np.arange(2000) / 3)

    figure = figures.show_spectrograms({"a": wave, "b": wave}, heading="題", alt="説明")

    assert figure.alt == "説明"
    assert [axis.get_xlabel() for axis in figure.axes[:2]] == ["時間 (秒)"] * 2
    assert figure.axes[0].get_ylabel() == "周波数 (Hz)"
    assert figure.axes[2].get_ylabel() == "強さ (dB)"


def test_spectra_are_drawn_up_to_half_the_sampling_rate() -> None:
    wave = np.sin(np.arange(2000) / 3)

    figure = figures.plot_spectra({"a": {"手本": wave, "作った歌": wave}}, heading="題", alt="説明")

    assert len(figure.axes[0].lines) == 2
    assert figure.axes[0].lines[0].get_xdata()[-1] == sounds.RATE / 2


def test_waves_are_drawn_in_milliseconds() -> None:
    figure = figures.plot_waves({"a": np.zeros(41), "b": np.ones(41)}, heading="題", alt="説明")

    assert figure.axes[0].lines[0].get_xdata()[-1] == pytest.approx(10)
