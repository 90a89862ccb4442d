"""Figures of chapter 1: grids with numbers, arrows and paths, the pole on its cart, learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from chapters.ch01_reinforcement_learning.cartpole import THRESHOLD
from chapters.ch01_reinforcement_learning.tables import Band
from course_utils.plots import COLOURS, LINE_STYLES, MARKERS, DescribedFigure, draw_spread, new_figure

Array = npt.NDArray[Any]

GRID_MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Rows and columns of CliffWalking's actions 0 to 3: up, right, down, left."""

LAKE_MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))
"""The same of FrozenLake: left, down, right, up."""


def draw_values(
    axis: Axes,
    values: Array,
    title: str,
    *,
    digits: int = 0,
    actions: Array | None = None,
    moves: Sequence[tuple[int, int]] = GRID_MOVES,
    marks: Mapping[int, str] | None = None,
) -> None:
    """Draws a grid of states: a number in each, a shade that follows it, an arrow for what is done there.

    Args:
        axis: Where to draw.
        values: Shape ``(rows, columns)``.
        title: Title of the panel.
        digits: Decimals of the numbers.
        actions: One for each state, shape ``(rows, columns)``; a negative one is not drawn.
        moves: Rows and columns of each action.
        marks: Text instead of the number, by the state's number.
    """
    axis.imshow(values, cmap="Blues", alpha=0.55)
    axis.grid(visible=False)
    axis.set(xticks=[], yticks=[], title=title)
    for (row, column), value in np.ndenumerate(values):
        mark = (marks or {}).get(row * values.shape[1] + column)
        text = mark or f"{value:.{digits}f}".replace("-", "−")
        shift = 0.0 if actions is None or actions[row, column] < 0 or mark else 0.22
        axis.text(column, row + shift, text, ha="center", va="center", fontsize=10)
        axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="0.6", linewidth=0.8))
        if actions is not None and actions[row, column] >= 0 and not mark:
            down, right = moves[int(actions[row, column])]
            start = (column - 0.2 * right, row - 0.17 - 0.2 * down)
            end = (column + 0.24 * right, row - 0.17 + 0.24 * down)
            axis.annotate(
                "", end, start, arrowprops={"arrowstyle": "-|>", "color": "black", "linewidth": 1.3}
            )


def draw_cliff(paths: Mapping[str, Sequence[int]], *, heading: str, alt: str) -> DescribedFigure:
    """Draws paths over CliffWalking's 4 x 12 grid.

    Args:
        paths: States that are visited, by the name of who walks.
        heading: Title.
        alt: Alternative text.

    Returns:
        The figure.
    """
    figure, axis = new_figure(alt, figsize=(9, 3.7))
    for row, column in np.ndindex(4, 12):
        cliff = row == 3 and 0 < column < 11
        axis.add_patch(
            Rectangle(
                (column - 0.5, row - 0.5),
                1,
                1,
                facecolor="0.85" if cliff else "white",
                edgecolor="0.6",
                hatch="///" if cliff else None,
            )
        )
    label = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    for text, column in (("S", 0), ("G", 11)):
        axis.text(column, 3.3, text, ha="center", va="center", fontsize=13)
    axis.text(5.5, 3, "崖 (−100、S に戻る)", ha="center", va="center", bbox=label)
    offsets = np.linspace(-0.2, 0.2, len(paths)) if len(paths) > 1 else np.zeros(1)
    for index, ((name, path), offset) in enumerate(zip(paths.items(), offsets, strict=True)):
        rows, columns = np.divmod(np.asarray(path), 12)
        axis.plot(
            columns + offset,
            rows + offset,
            color=COLOURS[index],
            linestyle=LINE_STYLES[index],
            marker=MARKERS[index],
            markersize=4,
            label=f"{name} ({len(path) - 1} 歩)",
        )
    axis.set(xlim=(-0.6, 11.6), ylim=(3.6, -0.6), xticks=[], yticks=[], title=heading, aspect="equal")
    axis.grid(visible=False)
    figure.legend(loc="outside lower center", ncols=len(paths))
    return figure


def draw_carts(observations: Array, titles: Sequence[str], *, heading: str, alt: str) -> DescribedFigure:
    """Draws the cart and its pole at several moments.

    Args:
        observations: Shape ``(moments, 4)``.
        titles: One for each moment.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    count = len(observations)
    figure, axes = new_figure(alt, 1, count, figsize=(1.9 * count, 2.3), squeeze=False, sharey=True)
    for axis, (position, _, angle, _), title in zip(axes.flat, observations, titles, strict=True):
        axis.axhline(0, color="0.4", linewidth=1)
        axis.add_patch(Rectangle((position - 0.3, 0), 0.6, 0.25, facecolor="0.3"))
        tip = (position + np.sin(angle), 0.25 + np.cos(angle))
        axis.plot([position, tip[0]], [0.25, tip[1]], color=COLOURS[1], linewidth=5, solid_capstyle="round")
        axis.plot([position, position], [0.25, 1.4], color="0.5", linestyle=":", linewidth=1)
        axis.set(xlim=(-1.2, 1.2), ylim=(-0.1, 1.5), aspect="equal", xticks=[-1, 0, 1], yticks=[])
        axis.set_title(title, fontsize=10)
        axis.grid(visible=False)
    axes[0, 0].set_xlabel("位置 (m)")
    figure.suptitle(heading)
    return figure


def plot_bands(
    bands: Mapping[str, Band],
    *,
    heading: str,
    alt: str,
    xlabel: str = "環境のステップ数 (千)",
    ylabel: str = "平均の収益 (ステップ)",
    threshold: float | None = THRESHOLD,
    baseline: tuple[str, float] | None = None,
    axis: Axes | None = None,
) -> DescribedFigure:
    """Plots learning curves: the line is the median of the seeds, the shade reaches from the worst to the best.

    Args:
        bands: By the method's name.
        heading: Title.
        alt: Alternative text.
        xlabel: What is counted to the right, in thousands.
        ylabel: What is measured.
        threshold: Value from which the task counts as solved; None for none.
        baseline: Name and value of something to compare with.
        axis: Where to draw; by default in a new figure.

    Returns:
        The figure.
    """
    if axis is None:
        figure, axis = new_figure(alt, figsize=(7.5, 4.4))
    else:
        figure = cast("DescribedFigure", axis.get_figure())
    for index, (name, band) in enumerate(bands.items()):
        reached = np.stack([band.low, band.median, band.high], axis=1)
        draw_spread(axis, band.steps / 1000, reached, index, name, band=True)
    if threshold is not None:
        axis.axhline(threshold, color="0.3", linewidth=1, linestyle=":", label=f"基準 {threshold:g}")
    if baseline is not None:
        axis.axhline(baseline[1], color="0.5", linewidth=1, linestyle="--", label=baseline[0])
    axis.set(xlabel=xlabel, ylabel=ylabel, title=heading)
    axis.legend(fontsize=9)
    return figure
