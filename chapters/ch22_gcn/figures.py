"""Figures of chapter 22: graphs whose nodes are told apart by shape as well as by colour.

What a figure says in words stands in :data:`WORDS`, by the figure's name; its alternative text in ``claims.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from chapters.ch22_gcn.graphs import ATOMS, Molecules
from course_utils.diagrams import Arrow, Box, draw
from course_utils.plots import COLOURS, MARKERS, DescribedFigure, draw_spread, new_figure

Array = npt.NDArray[Any]
Positions = Mapping[int, Any]

ATOM_COLOURS = ("#DDDDDD", "#56B4E9", "#E69F00")
WRONG = "#C00000"
NODE_SIZE = 150.0


class Words(NamedTuple):
    """What a figure says in words.

    Attributes:
        heading: Title of the whole figure.
        xlabel: Label of the horizontal axis, with its unit.
        ylabel: Label of the vertical axis, with its unit.
    """

    heading: str
    xlabel: str = ""
    ylabel: str = ""


WORDS = {
    "tiny": Words("4 つの頂点のグラフ"),
    "waves": Words(
        "輪の固有ベクトルは、固有値が大きいほど細かい波", "輪の上の頂点の番号", "固有ベクトルの値"
    ),
    "towns": Words("低い周波数を残すフィルタ (丸は正、四角は負、大きいほど 0 から遠い)"),
    "approximations": Words("次数を上げると、作りたい倍率に近づく", "固有値 λ (周波数)", "倍率 g(λ)"),
    "spectra": Words("空手クラブのグラフでの 3 つの行列の固有値", "小さい順に数えた番号", "固有値"),
    "karate": Words("空手クラブ (大きい頂点はラベルを教えた 2 人、赤い輪と×は外れ)"),
    "likeness": Words(
        "隣が似ているほど、グラフが役に立つ (5 つのシードの中央値、最小〜最大)",
        "友だちが同じ集団である割合",
        "ラベルのない頂点での精度",
    ),
    "clouds": Words("P を掛けた回数と、次数の平方根で割った特徴", "特徴 1", "特徴 2"),
    "depth": Words(
        "層の数と精度 (5 つのシードの中央値、最小〜最大)",
        "グラフ畳み込みの層の数",
        "ラベルのない頂点での精度",
    ),
    "molecules": Words("分子のようなグラフ (太い破線が N と O の結合)"),
}
"""The words of each figure, by its name."""


BOXES = {
    "graph": Box("グラフ", 0, 1.5, kind="data"),
    "features": Box("頂点の特徴 X", 0, 0.5, kind="data"),
    "spatial": Box("空間:\n隣から集める", 1.9, 2.1, 1.3),
    "spectral": Box("スペクトル:\n周波数のフィルタ", 1.9, 0.9, 1.5),
    "matrix": Box("伝播行列 P", 3.8, 1.5),
    "layer": Box("GCN の層\nReLU(PXW + b)", 5.6, 0.88, 1.4),
    "nodes": Box("頂点の分類", 7.5, 2.0, kind="result"),
    "links": Box("リンク予測", 7.5, 1.25, kind="result"),
    "graphs": Box("グラフの分類", 7.5, 0.5, kind="result"),
    "items": Box("推薦", 7.5, -0.25, kind="result"),
}
ARROWS = (
    Arrow("graph", "spatial"),
    Arrow("graph", "spectral"),
    Arrow("spatial", "matrix"),
    Arrow("spectral", "matrix"),
    Arrow("matrix", "layer"),
    Arrow("features", "layer", bend=-0.12),
    Arrow("layer", "nodes"),
    Arrow("layer", "links"),
    Arrow("layer", "graphs"),
    Arrow("layer", "items"),
)


def draw_chapter(*highlight: str, title: str = "") -> Figure:
    """Draws the chapter as a whole: from graph and features through the layer to the four applications.

    Args:
        *highlight: Names of the boxes that the present section is about.
        title: Title of the drawing.
    """
    return draw(BOXES, ARROWS, highlight=highlight, title=title, alt="ch22.chapter")


class Split(NamedTuple):
    """One panel of :func:`show_classes`.

    Attributes:
        title: Title of the panel.
        classes: Class of each node.
        wrong: Nodes to cross out.
        known: Nodes whose class was told, drawn large.
    """

    title: str
    classes: Array
    wrong: Array
    known: Sequence[int] = ()


def show_classes(
    words: str,
    graph: nx.Graph,
    positions: Positions,
    splits: Sequence[Split],
    *,
    names: Sequence[str],
) -> DescribedFigure:
    """Draws a graph once for each way to class its nodes: a shape and a colour for each class.

    Args:
        words: Name of the figure in :data:`WORDS`.
        graph: The graph.
        positions: Place of each node.
        splits: What each panel shows.
        names: Names of the classes.

    Returns:
        The figure.
    """
    columns = min(2, len(splits))
    rows = -(-len(splits) // columns)
    said = WORDS[words]
    size = (4.3 * columns, 3.4 * rows + 0.5)
    figure, axes = new_figure(f"ch22.{words}", rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, split in zip(axes.flat, splits, strict=False):
        nx.draw_networkx_edges(graph, positions, ax=axis, edge_color="0.75", width=0.8)
        for index in range(len(names)):
            _draw_class(axis, graph, positions, split, index)
        nx.draw_networkx_labels(graph, positions, ax=axis, font_size=7, font_color="white")
        _cross_out(axis, positions, np.flatnonzero(split.wrong).tolist())
        axis.set_title(split.title)
    handles = [
        axes.flat[0].plot([], [], MARKERS[index], color=COLOURS[index], markersize=9, linestyle="")[0]
        for index in range(len(names))
    ]
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    figure.suptitle(said.heading)
    return figure


def _cross_out(axis: Axes, positions: Positions, nodes: Sequence[int]) -> None:
    """Puts a ring around each node, and a cross on the ring, so that one sees whose it is."""
    if nodes:
        x, y = np.array([positions[node] for node in nodes]).T
        axis.scatter(x, y, s=2 * NODE_SIZE, facecolors="none", edgecolors=WRONG, linewidths=2.2, zorder=4)
    for node in nodes:
        axis.annotate("×", positions[node], (8, 6), textcoords="offset points", color=WRONG, fontsize=13)


def _draw_class(axis: Axes, graph: nx.Graph, positions: Positions, split: Split, index: int) -> None:
    nodes = [node for node in sorted(graph) if split.classes[node] == index]
    sizes = [2.5 * NODE_SIZE if node in split.known else NODE_SIZE for node in nodes]
    nx.draw_networkx_nodes(
        graph,
        positions,
        nodelist=nodes,
        ax=axis,
        node_size=sizes,
        node_shape=MARKERS[index],
        node_color=COLOURS[index],
    )


def show_signals(
    words: str,
    graph: nx.Graph,
    positions: Positions,
    signals: Mapping[str, Array],
    *,
    write: str = "",
    size: float = 320.0,
) -> DescribedFigure:
    """Draws signals on a graph: circles for what is positive, squares for what is negative, larger for more.

    Args:
        words: Name of the figure in :data:`WORDS`.
        graph: The graph.
        positions: Place of each node.
        signals: Values of the nodes, by title.
        write: Format of the values to write into the nodes, for instance ``".1f"``; empty for none.
        size: Area of the node with the largest value.

    Returns:
        The figure.
    """
    said = WORDS[words]
    width = 3.0 * len(signals) + 0.4
    figure, axes = new_figure(f"ch22.{words}", 1, len(signals), figsize=(width, 2.9), squeeze=False)
    limit = max(float(np.abs(values).max()) for values in signals.values())
    colours = ScalarMappable(Normalize(-limit, limit), "RdBu_r")
    for axis, (title, values) in zip(axes.flat, signals.items(), strict=True):
        axis.axis("off")
        nx.draw_networkx_edges(graph, positions, ax=axis, edge_color="0.7", width=0.8)
        for shape, chosen in (("o", values >= 0), ("s", values < 0)):
            nodes = np.flatnonzero(chosen).tolist()
            nx.draw_networkx_nodes(
                graph,
                positions,
                nodelist=nodes,
                ax=axis,
                node_shape=shape,
                node_size=[size * (0.15 + 0.85 * abs(values[node]) / limit) for node in nodes],
                node_color=values[nodes],
                cmap=colours.cmap,
                vmin=-limit,
                vmax=limit,
                edgecolors="0.3",
            )
        if write:
            texts = {node: format(values[node], write) for node in graph}
            for text in nx.draw_networkx_labels(graph, positions, texts, ax=axis, font_size=13).values():
                text.set_path_effects([withStroke(linewidth=3, foreground="white")])
        axis.set_title(title)
        axis.margins(0.15)
    if not write:
        figure.colorbar(colours, ax=axes, shrink=0.8, label="頂点の値")
    figure.suptitle(said.heading)
    return figure


def plot_lines(
    words: str,
    lines: Mapping[str, tuple[Sequence[float] | Array, Sequence[float] | Array]],
    *,
    marked: bool = True,
) -> DescribedFigure:
    """Plots lines, each with its own colour, dashes and marker.

    Args:
        words: Name of the figure in :data:`WORDS`.
        lines: x and y by name.
        marked: Whether to mark each point.

    Returns:
        The figure.
    """
    said = WORDS[words]
    figure, axis = new_figure(f"ch22.{words}", figsize=(7, 3.4))
    for index, (name, (x, y)) in enumerate(lines.items()):
        axis.plot(x, y, marker=MARKERS[index] if marked else None, markersize=5, label=name)
    axis.set(xlabel=said.xlabel, ylabel=said.ylabel, title=said.heading)
    axis.legend()
    return figure


def plot_bands(
    words: str,
    runs: Mapping[str, Mapping[float, Sequence[float]]],
    *,
    baseline: float | None = None,
    ticks: Sequence[float] = (),
    doubling: bool = False,
) -> DescribedFigure:
    """Plots the median over the seeds as a line, and a bar from the lowest to the highest.

    Args:
        words: Name of the figure in :data:`WORDS`.
        runs: Values of all seeds, by name and then by x.
        baseline: Value of the trivial baseline.
        ticks: Where to put the ticks of the horizontal axis.
        doubling: Whether the horizontal axis doubles from step to step.

    Returns:
        The figure.
    """
    said = WORDS[words]
    figure, axis = new_figure(f"ch22.{words}", figsize=(7, 3.4))
    for index, (name, by_x) in enumerate(runs.items()):
        draw_spread(axis, [*by_x], by_x.values(), index, name)
    if baseline is not None:
        axis.axhline(
            baseline, color="0.4", linestyle=":", linewidth=1.5, label=f"当てずっぽう {baseline:.2f}"
        )
    if doubling:
        axis.set_xscale("log", base=2)
    axis.set(xlabel=said.xlabel, ylabel=said.ylabel, title=said.heading)
    if ticks:
        axis.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
    axis.legend()
    return figure


def show_clouds(
    words: str, clouds: Mapping[str, Array], labels: Array, *, names: Sequence[str]
) -> DescribedFigure:
    """Plots the nodes by two features, a panel for each stage, all on the same axes.

    Args:
        words: Name of the figure in :data:`WORDS`.
        clouds: Features of shape ``(nodes, 2)`` by title.
        labels: Class of each node.
        names: Names of the classes.

    Returns:
        The figure.
    """
    said = WORDS[words]
    size = (2.7 * len(clouds), 3.4)
    figure, axes = new_figure(f"ch22.{words}", 1, len(clouds), figsize=size, sharex=True, sharey=True)
    for axis, (title, points) in zip(axes, clouds.items(), strict=True):
        for index, name in enumerate(names):
            chosen = points[labels == index]
            axis.plot(*chosen.T, MARKERS[index], color=COLOURS[index], alpha=0.7, label=name, linestyle="")
        axis.set(title=title, xlabel=said.xlabel)
    axes[0].set_ylabel(said.ylabel)
    axes[-1].legend(fontsize=9)
    figure.suptitle(said.heading)
    return figure


def show_molecules(words: str, molecules: Molecules, count: int) -> DescribedFigure:
    """Draws the first graphs, each atom with its letter; a bond between N and O is thick and dashed.

    Args:
        words: Name of the figure in :data:`WORDS`.
        molecules: The graphs.
        count: How many to draw.

    Returns:
        The figure.
    """
    said = WORDS[words]
    figure, axes = new_figure(f"ch22.{words}", 1, count, figsize=(2.7 * count, 3), squeeze=False)
    for index, axis in enumerate(axes.flat):
        graph = molecules.graphs[index]
        positions = nx.kamada_kawai_layout(graph)
        atoms = [graph.nodes[node]["atom"] for node in sorted(graph)]
        bound = [(a, b) for a, b in graph.edges if {atoms[a], atoms[b]} == {1, 2}]
        nx.draw_networkx_edges(graph, positions, ax=axis, edge_color="0.5")
        nx.draw_networkx_edges(graph, positions, bound, ax=axis, edge_color="#D55E00", width=4, style="--")
        nx.draw_networkx_nodes(
            graph,
            positions,
            nodelist=sorted(graph),
            ax=axis,
            node_size=230,
            node_color=[ATOM_COLOURS[atom] for atom in atoms],
            edgecolors="0.3",
        )
        letters = {node: ATOMS[atom] for node, atom in enumerate(atoms)}
        nx.draw_networkx_labels(graph, positions, letters, ax=axis, font_size=10)
        axis.axis("off")
        axis.margins(0.12)
        axis.set_title(f"ラベル {molecules.labels[index]}、原子 {len(graph)} 個", fontsize=10)
    figure.suptitle(said.heading)
    return figure
