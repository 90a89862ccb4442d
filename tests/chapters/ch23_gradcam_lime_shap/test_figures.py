"""Chapter 23's figures: what is drawn, and its alternative text."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from chapters.ch23_gradcam_lime_shap import figures
from chapters.ch23_gradcam_lime_shap.experiment import Sanity


@pytest.fixture(autouse=True)
def close_figures() -> None:
    plt.close("all")


def test_maps_mark_their_maximum_and_survive_an_empty_one() -> None:
    heat = np.zeros((8, 8))
    heat[2, 5] = 1
    image = np.full((8, 8, 3), 100, "uint8")

    figure = figures.show_maps(
        [image, image], [heat, -heat], ["a", "b"], heading="見出し", alt="説明", boxes=[heat > 0, heat > 0]
    )

    assert figure.alt == "説明"
    marked, empty = (axis.lines for axis in figure.axes)
    assert [line.get_xydata().tolist() for line in marked] == [[[5.0, 2.0]]]
    assert not list(empty)


def test_values_describe_themselves() -> None:
    figure = figures.plot_values(["甲", "乙"], [0.5, -0.25], heading="題", label="寄与")

    assert "甲 +0.50" in figure.alt
    assert "乙 -0.25" in figure.alt
    assert [text.get_text() for text in figure.axes[0].texts] == ["+0.50", "-0.25"]


def test_curves_share_an_axis_from_0_to_1() -> None:
    curve = np.linspace(0, 1, 5)

    figure = figures.plot_two_curves([("LIME", curve, curve[::-1])], heading="題", alt="説明")

    for axis in figure.axes:
        np.testing.assert_allclose(axis.lines[0].get_xdata(), np.linspace(0, 1, 5))


def test_colours_stay_close_to_those_of_the_image() -> None:
    image = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype("uint8")

    figure = figures.show_colour([image, image], ["a", "b"], heading="見出し", alt="説明")

    shown = np.asarray(figure.axes[0].images[0].get_array()).astype(int)
    assert np.abs(shown - image).max() <= 13
    assert figure.alt == "説明"


def test_drawing_of_the_asking_part_is_a_part_of_the_whole() -> None:
    whole, part = figures.draw_methods(), figures.draw_asking(title="この節")

    def labels(figure: Figure) -> set[str]:
        return {text.get_text() for text in figure.axes[0].texts}

    assert labels(part) < labels(whole)
    assert len(labels(part)) == len(figures.ASKING)


def test_randomised_layers_are_on_the_axis() -> None:
    figure = figures.plot_randomised(Sanity(1, ["なし", "logits"], [1.0, 0.1], [1.0, 1.0]))

    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["なし", "logits"]
