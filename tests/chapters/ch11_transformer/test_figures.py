"""Chapter 11's figures."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from chapters.ch11_transformer import figures
from chapters.ch11_transformer.experiment import Recalled

FAR = [
    Recalled(reader, far, seed, 10, -far / 10, 0.1 * seed)
    for reader in ("注意", "LSTM")
    for far in (10, 100)
    for seed in (1, 2, 3)
]


@pytest.fixture(autouse=True)
def _close() -> None:
    plt.close("all")


def test_weights_carry_their_characters_and_a_dot_at_the_largest_of_each_row() -> None:
    weights = np.array([[0.1, 0.9], [0.7, 0.3]])
    figure = figures.show_weights([weights], ["題"], "あい", "うえ", heading="見出し", alt="説明")
    axis = figure.axes[0]

    assert [label.get_text() for label in axis.get_xticklabels()] == ["う", "え"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["あ", "い"]
    assert [line.get_xdata()[0] for line in axis.lines] == [1, 0]
    assert figure.alt == "説明"


def test_numbers_replace_the_dots() -> None:
    figure = figures.show_weights(
        [np.array([[0.0, 0.25]])], ["題"], "あ", "うえ", heading="見出し", alt="説明", numbers=True
    )

    assert [text.get_text() for text in figure.axes[0].texts] == ["0.00", "0.25"]
    assert not figure.axes[0].lines


def test_distance_shows_the_median_of_the_seeds() -> None:
    figure = figures.plot_distances(
        FAR, "accuracy", ylabel="精度", heading="見出し", alt="説明", chance=0.125
    )
    axis = figure.axes[0]

    np.testing.assert_allclose(axis.containers[0].lines[0].get_ydata(), [0.2, 0.2])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["当てずっぽう", "注意", "LSTM"]


def test_gradients_are_drawn_on_a_logarithmic_axis() -> None:
    figure = figures.plot_distances(FAR, "gradient", ylabel="勾配", heading="見出し", alt="説明")

    axis = figure.axes[0]
    assert axis.get_yscale() == "log"
    np.testing.assert_allclose(axis.containers[0].lines[0].get_ydata(), [1e-1, 1e-10])


def test_learning_curves_say_where_they_end() -> None:
    figure = figures.plot_learning([2.0, 0.5], [0.1, 0.9], heading="見出し")

    assert "0.90" in figure.alt
    assert len(figure.axes) == 2


def test_a_row_of_next_to_nothing_has_no_dot() -> None:
    weights = np.array([[0.001, 0.002], [0.7, 0.3]])
    figure = figures.show_weights([weights], ["題"], "あい", "うえ", heading="見出し", alt="説明")

    assert [line.get_ydata()[0] for line in figure.axes[0].lines] == [1]
