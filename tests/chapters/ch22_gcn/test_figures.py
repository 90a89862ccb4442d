"""Chapter 22's figures: what is drawn where."""

from __future__ import annotations

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest

from chapters.ch22_gcn import figures, graphs

PATH = nx.path_graph(3)
PLACES = {0: (0, 0), 1: (1, 0), 2: (2, 0)}


@pytest.fixture(autouse=True)
def close_figures() -> None:
    plt.close("all")


def test_wrong_nodes_are_crossed_out_and_known_ones_are_large() -> None:
    split = figures.Split("題", np.array([0, 1, 1]), np.array([0, 0, 1]), known=(1,))

    figure = figures.show_classes(PATH, PLACES, [split], names=["甲", "乙"], heading="見出し", alt="説明")

    axis = figure.axes[0]
    assert [text.xy for text in axis.texts if text.get_text() == "×"] == [(2, 0)]
    assert [sorted(nodes.get_sizes()) for nodes in axis.collections[1:3]] == [[150], [150, 375]]
    assert figure.alt == "説明"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["甲", "乙"]


def test_signals_are_written_and_signs_have_shapes() -> None:
    figure = figures.show_signals(
        PATH, PLACES, {"題": np.array([1.0, -2.0, 0.0])}, heading="見出し", alt="説明", write="+.1f"
    )

    assert {text.get_text() for text in figure.axes[0].texts} == {"+1.0", "-2.0", "+0.0"}
    positive, negative = figure.axes[0].collections[1:3]
    assert positive.get_offsets().tolist() == [[0, 0], [2, 0]]
    assert negative.get_offsets().tolist() == [[1, 0]]


def test_lines_may_be_logarithmic() -> None:
    figure = figures.plot_lines(
        {"線": ([1, 2], [0.1, 0.01])}, xlabel="横", ylabel="縦", heading="題", alt="説明", logarithmic=True
    )

    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[0].get_xlabel() == "横"


def test_bands_go_from_the_lowest_to_the_highest_seed() -> None:
    figure = figures.plot_bands(
        {"線": {1: [0.2, 0.5, 0.9], 2: [0.4, 0.4, 0.4]}},
        xlabel="横",
        ylabel="縦",
        heading="題",
        alt="説明",
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
        {"前": points, "後": points / 10}, np.array([0, 1]), names=["甲", "乙"], heading="題", alt="説明"
    )

    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert figure.axes[1].lines[1].get_xydata().tolist() == [[0.5, 0.6]]


def test_bonds_between_nitrogen_and_oxygen_are_drawn_thick() -> None:
    figure = figures.show_molecules(graphs.molecules(2, seed=1), 2, heading="題", alt="説明")

    thick = [
        sum(int(collection.get_linewidth()[0] == 4) for collection in axis.collections)
        for axis in figure.axes
    ]
    assert thick == [0, 1]
