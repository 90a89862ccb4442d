"""Figures of chapter 22: graphs whose nodes are told apart by shape as well as by colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke

from chapters.ch22_gcn.graphs import ATOMS, Molecules
from course_utils.plots import COLOURS, MARKERS, DescribedFigure, draw_spread, new_figure

Array = npt.NDArray[Any]
Positions = Mapping[int, Any]

ATOM_COLOURS = ("#DDDDDD", "#56B4E9", "#E69F00")


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
    graph: nx.Graph,
    positions: Positions,
    splits: Sequence[Split],
    *,
    names: Sequence[str],
    heading: str,
    alt: str,
    columns: int = 2,
    numbers: bool = True,
) -> DescribedFigure:
    """Draws a graph once for each way to class its nodes: a shape and a colour for each class.

    Args:
        graph: The graph.
        positions: Place of each node.
        splits: What each panel shows.
        names: Names of the classes.
        heading: Title of the whole figure.
        alt: Alternative text.
        columns: Panels in a row.
        numbers: Whether to write the nodes' numbers.

    Returns:
        The figure.
    """
    columns = min(columns, len(splits))
    rows = -(-len(splits) // columns)
    figure, axes = new_figure(alt, rows, columns, figsize=(3.9 * columns, 2.9 * rows + 0.5), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, split in zip(axes.flat, splits, strict=False):
        nx.draw_networkx_edges(graph, positions, ax=axis, edge_color="0.75", width=0.8)
        for index in range(len(names)):
            _draw_class(axis, graph, positions, split, index, 150 if numbers else 45)
        if numbers:
            nx.draw_networkx_labels(graph, positions, ax=axis, font_size=7, font_color="white")
        for node in np.flatnonzero(split.wrong).tolist():
            axis.annotate("×", positions[node], (4, 3), textcoords="offset points", fontsize=15)
        axis.set_title(split.title)
    handles = [
        axes.flat[0].plot([], [], MARKERS[index], color=COLOURS[index], markersize=9, linestyle="")[0]
        for index in range(len(names))
    ]
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    figure.suptitle(heading)
    return figure


def _draw_class(
    axis: Axes, graph: nx.Graph, positions: Positions, split: Split, index: int, size: float
) -> None:
    nodes = [node for node in sorted(graph) if split.classes[node] == index]
    sizes = [2.5 * size if node in split.known else size for node in nodes]
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
    graph: nx.Graph,
    positions: Positions,
    signals: Mapping[str, Array],
    *,
    heading: str,
    alt: str,
    write: str = "",
    size: float = 320.0,
) -> DescribedFigure:
    """Draws signals on a graph: circles for what is positive, squares for what is negative, larger for more.

    Args:
        graph: The graph.
        positions: Place of each node.
        signals: Values of the nodes, by title.
        heading: Title of the whole figure.
        alt: Alternative text.
        write: Format of the values to write into the nodes, for instance ``".1f"``; empty for none.
        size: Area of the node with the largest value.

    Returns:
        The figure.
    """
    figure, axes = new_figure(alt, 1, len(signals), figsize=(3.0 * len(signals) + 0.4, 2.9), squeeze=False)
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
    figure.suptitle(heading)
    return figure


def plot_lines(
    lines: Mapping[str, tuple[Sequence[float] | Array, Sequence[float] | Array]],
    *,
    xlabel: str,
    ylabel: str,
    heading: str,
    alt: str,
    logarithmic: bool = False,
    marked: bool = True,
) -> DescribedFigure:
    """Plots lines, each with its own colour, dashes and marker.

    Args:
        lines: x and y by name.
        xlabel: Label of the horizontal axis, with its unit.
        ylabel: Label of the vertical axis, with its unit.
        heading: Title.
        alt: Alternative text.
        logarithmic: Whether the vertical axis is logarithmic.
        marked: Whether to mark each point.

    Returns:
        The figure.
    """
    figure, axis = new_figure(alt)
    for index, (name, (x, y)) in enumerate(lines.items()):
        axis.plot(x, y, marker=MARKERS[index] if marked else None, markersize=5, label=name)
    if logarithmic:
        axis.set_yscale("log")
    axis.set(xlabel=xlabel, ylabel=ylabel, title=heading)
    axis.legend()
    return figure


def plot_bands(
    runs: Mapping[str, Mapping[float, Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    heading: str,
    alt: str,
    baseline: float | None = None,
    ticks: Sequence[float] = (),
    doubling: bool = False,
) -> DescribedFigure:
    """Plots the median over the seeds as a line, and a bar from the lowest to the highest.

    Args:
        runs: Values of all seeds, by name and then by x.
        xlabel: Label of the horizontal axis.
        ylabel: Label of the vertical axis.
        heading: Title.
        alt: Alternative text.
        baseline: Value of the trivial baseline.
        ticks: Where to put the ticks of the horizontal axis.
        doubling: Whether the horizontal axis doubles from step to step.

    Returns:
        The figure.
    """
    figure, axis = new_figure(alt)
    for index, (name, by_x) in enumerate(runs.items()):
        draw_spread(axis, [*by_x], by_x.values(), index, name)
    if baseline is not None:
        axis.axhline(
            baseline, color="0.4", linestyle=":", linewidth=1.5, label=f"当てずっぽう {baseline:.2f}"
        )
    if doubling:
        axis.set_xscale("log", base=2)
    axis.set(xlabel=xlabel, ylabel=ylabel, title=heading)
    if ticks:
        axis.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
    axis.legend()
    return figure


def show_clouds(
    clouds: Mapping[str, Array], labels: Array, *, names: Sequence[str], heading: str, alt: str
) -> DescribedFigure:
    """Plots the nodes by two features, a panel for each stage, all on the same axes.

    Args:
        clouds: Features of shape ``(nodes, 2)`` by title.
        labels: Class of each node.
        names: Names of the classes.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    figure, axes = new_figure(alt, 1, len(clouds), figsize=(2.7 * len(clouds), 3.4), sharex=True, sharey=True)
    for axis, (title, points) in zip(axes, clouds.items(), strict=True):
        for index, name in enumerate(names):
            chosen = points[labels == index]
            axis.plot(*chosen.T, MARKERS[index], color=COLOURS[index], alpha=0.7, label=name, linestyle="")
        axis.set(title=title, xlabel="特徴 1")
    axes[0].set_ylabel("特徴 2")
    axes[-1].legend(fontsize=9)
    figure.suptitle(heading)
    return figure


def show_molecules(molecules: Molecules, count: int, *, heading: str, alt: str) -> DescribedFigure:
    """Draws the first graphs, each atom with its letter; a bond between N and O is thick and dashed.

    Args:
        molecules: The graphs.
        count: How many to draw.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    figure, axes = new_figure(alt, 1, count, figsize=(2.7 * count, 3), squeeze=False)
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
    figure.suptitle(heading)
    return figure
