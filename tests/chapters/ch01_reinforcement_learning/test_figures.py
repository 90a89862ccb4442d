"""Figures: what is drawn where."""

from __future__ import annotations

import numpy as np

from chapters.ch01_reinforcement_learning import figures
from chapters.ch01_reinforcement_learning.tables import Band
from course_utils.plots import new_figure


def test_values_are_written_and_arrows_point_along_the_moves() -> None:
    figure, axis = new_figure("格子")
    figures.draw_values(
        axis,
        np.array([[-1.5, 2], [0, 3]]),
        "価値",
        digits=1,
        actions=np.array([[1, -1], [0, -1]]),
        marks={3: "G"},
    )

    written = [text.get_text() for text in axis.texts if text.get_text()]
    arrows = [text for text in axis.texts if not text.get_text()]
    assert written == ["−1.5", "2.0", "0.0", "G"]
    assert len(arrows) == 2
    assert arrows[0].xy[0] > arrows[0].xyann[0]  # type: ignore[attr-defined]
    assert figure.alt == "格子"


def test_paths_are_named_with_their_steps() -> None:
    figure = figures.draw_cliff({"ふち": [36, 24, 25], "上": [36, 24, 12, 0]}, heading="道", alt="二つの道")

    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ふち (2 歩)", "上 (3 歩)"]
    assert list(figure.axes[0].lines[0].get_xdata()) == [-0.2, -0.2, 0.8]


def test_pole_leans_to_the_side_of_its_angle() -> None:
    figure = figures.draw_carts(
        np.array([[0, 0, 0.2, 0], [0.5, 0, -0.2, 0]]), ["前", "後"], heading="棒", alt="棒"
    )

    tips = [axis.lines[1].get_xdata() for axis in figure.axes]
    assert tips[0][1] > tips[0][0] == 0
    assert tips[1][1] < tips[1][0] == 0.5


def test_bands_show_threshold_and_baseline() -> None:
    band = Band(np.array([0, 1000]), np.array([1, 2]), np.array([2, 3]), np.array([3, 4]))

    figure = figures.plot_bands({"方法": band}, heading="曲線", alt="曲線", baseline=("無作為", 22.0))

    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["方法", "基準 475", "無作為"]
    assert list(figure.axes[0].lines[0].get_xdata()) == [0, 1]
    assert len(figure.axes[0].collections) == 1
