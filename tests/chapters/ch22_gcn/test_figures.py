"""Chapter 22's figures: what is drawn where."""

from __future__ import annotations

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest

from chapters.ch22_gcn import figures, graphs
from course_utils.claims import alternative_text

PATH = nx.path_graph(3)
PLACES = {0: (0, 0), 1: (1, 0), 2: (2, 0)}


@pytest.fixture(autouse=True)
def close_figures() -> None:
    plt.close("all")


def test_wrong_nodes_are_crossed_out_and_known_ones_are_large() -> None:
    split = figures.Split("題", np.array([0, 1, 1]), np.array([0, 0, 1]), known=(1,))

    figure = figures.show_classes("karate", PATH, PLACES, [split], names=["甲", "乙"])

    axis = figure.axes[0]
    assert [text.xy for text in axis.texts if text.get_text() == "×"] == [(2, 0)]
    assert [sorted(nodes.get_sizes()) for nodes in axis.collections[1:3]] == [[150], [150, 375]]
    assert figure.alt == alternative_text("ch22.karate")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["甲", "乙"]


def test_signals_are_written_and_signs_have_shapes() -> None:
    figure = figures.show_signals("tiny", PATH, PLACES, {"題": np.array([1.0, -2.0, 0.0])}, write="+.1f")

    assert {text.get_text() for text in figure.axes[0].texts} == {"+1.0", "-2.0", "+0.0"}
    positive, negative = figure.axes[0].collections[1:3]
    assert positive.get_offsets().tolist() == [[0, 0], [2, 0]]
    assert negative.get_offsets().tolist() == [[1, 0]]


def test_lines_have_the_labels_of_their_words() -> None:
    figure = figures.plot_lines("waves", {"線": ([1, 2], [0.1, 0.01])})

    assert figure.axes[0].get_xlabel() == figures.WORDS["waves"].xlabel
    assert figure.axes[0].get_title() == figures.WORDS["waves"].heading


def test_drawing_joins_its_boxes() -> None:
    assert {name for arrow in figures.ARROWS for name in (arrow.start, arrow.end)} == set(figures.BOXES)
    figure = figures.draw_chapter("layer", title="題")
    assert "4 つ" in figure.alt


def test_bands_go_from_the_lowest_to_the_highest_seed() -> None:
    figure = figures.plot_bands(
        "depth",
        {"線": {1: [0.2, 0.5, 0.9], 2: [0.4, 0.4, 0.4]}},
        baseline=0.5,
        ticks=(1, 2),
        doubling=True,
    )

    axis = figure.axes[0]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [0.5, 0.4])
    (bars,) = axis.containers[0].lines[2]
    np.testing.assert_allclose(bars.get_segments()[0], [[1, 0.2], [1, 0.9]])
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["1", "2"]


def test_clouds_share_their_axes() -> None:
    points = np.array([[0.0, 1.0], [5.0, 6.0]])

    figure = figures.show_clouds(
        "clouds", {"前": points, "後": points / 10}, np.array([0, 1]), names=["甲", "乙"]
    )

    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert figure.axes[1].lines[1].get_xydata().tolist() == [[0.5, 0.6]]


def test_bonds_between_nitrogen_and_oxygen_are_drawn_thick() -> None:
    figure = figures.show_molecules("molecules", graphs.molecules(2, seed=1), 2)

    thick = [
        sum(int(collection.get_linewidth()[0] == 4) for collection in axis.collections)
        for axis in figure.axes
    ]
    assert thick == [0, 1]
