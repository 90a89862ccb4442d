"""Figures of chapter 11: attention with its characters on both axes, and accuracy as distance grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from chapters.ch11_transformer.experiment import Recalled
from chapters.ch11_transformer.tables import readers_in
from course_utils.plots import COLOURS, DescribedFigure, draw_spread, new_figure

Array = npt.NDArray[Any]


def show_weights(
    maps: Sequence[Array],
    titles: Sequence[str],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    heading: str,
    alt: str,
    labels: tuple[str, str] = ("見られる側", "見る側"),
    numbers: bool = False,
    across: int = 4,
) -> DescribedFigure:
    """Draws matrices of weights beside one another, dark where large.

    A dot marks the largest of each row, unless the whole row is next to nothing.

    Args:
        maps: Shape ``(len(rows), len(columns))`` each, from 0; each is drawn up to its own maximum.
        titles: One for each map.
        rows: Characters beside the rows.
        columns: Characters below the columns.
        heading: Title of the whole figure.
        alt: Alternative text.
        labels: What the columns and the rows are.
        numbers: Whether each cell shows its value instead of the dots.
        across: Maps beside one another.

    Returns:
        The figure.
    """
    across = min(across, len(maps))
    down = -(-len(maps) // across)
    size = (0.27 * len(columns) + 0.9, 0.27 * len(rows) + 1.0)
    if numbers:
        size = (0.55 * len(columns) + 0.9, 0.45 * len(rows) + 1.0)
    figure, axes = new_figure(
        alt, down, across, figsize=(size[0] * across, size[1] * down + 0.3), squeeze=False
    )
    for axis in axes.flat[len(maps) :]:
        axis.axis("off")
    for axis, weights, title in zip(axes.flat, maps, titles, strict=False):
        _draw_weights(axis, weights, numbers)
        axis.set_title(title, fontsize=11)
        axis.set_xticks(range(len(columns)), columns, fontsize=9)
        axis.set_yticks(range(len(rows)), rows, fontsize=9)
        axis.set_xlabel(labels[0], fontsize=10)
    for axis in axes[:, 0]:
        axis.set_ylabel(labels[1], fontsize=10)
    figure.suptitle(heading)
    return figure


def _draw_weights(axis: Axes, weights: Array, numbers: bool) -> None:
    highest = float(weights.max()) or 1.0
    axis.imshow(weights, cmap="Blues", vmin=0, vmax=highest, aspect="auto")
    axis.grid(visible=False)
    for row, values in enumerate(weights):
        if not numbers and values.max() > highest / 20:
            axis.plot(int(values.argmax()), row, ".", color="#D55E00", markersize=5)
        if not numbers:
            continue
        for column, value in enumerate(values):
            colour = "white" if value > highest / 2 else "black"
            axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9, color=colour)


def plot_distances(
    results: Sequence[Recalled],
    field: str,
    *,
    ylabel: str,
    heading: str,
    alt: str,
    chance: float | None = None,
) -> DescribedFigure:
    """Plots what each reader measured against distance: the median over seeds, and minimum to maximum as a bar.

    Args:
        results: A result for each reader, distance and seed.
        field: An attribute of :class:`Recalled`; ``"gradient"`` is drawn on a logarithmic axis.
        ylabel: What it is.
        heading: Title.
        alt: Alternative text.
        chance: Value of guessing, drawn as a dotted line.

    Returns:
        The figure.
    """
    figure, axis = new_figure(alt, figsize=(7, 4))
    for i, reader in enumerate(readers_in(results)):
        distances = sorted({r.distance for r in results if r.reader == reader})
        values = [
            [getattr(r, field) for r in results if r.reader == reader and r.distance == far]
            for far in distances
        ]
        draw_spread(axis, np.array(distances) * (1 + 0.03 * (i - 1)), values, i, reader)
    if chance is not None:
        axis.axhline(chance, color="0.4", linestyle=":", linewidth=1.5, label="当てずっぽう")
    axis.set_xscale("log")
    if field == "gradient":
        axis.set_yscale("log")
    axis.set_xticks(distances, [str(far) for far in distances])
    axis.minorticks_off()
    axis.set(xlabel="距離 (間にはさまる記号の数、対数)", ylabel=ylabel, title=heading)
    axis.legend()
    return figure


def plot_learning(loss: Sequence[float], exact: Sequence[float], *, heading: str) -> DescribedFigure:
    """Plots the training loss and the share of right validation dates, epoch by epoch.

    Args:
        loss: Training loss of each epoch.
        exact: Share of validation dates that are right to the last character.
        heading: Title of the whole figure.

    Returns:
        The figure.
    """
    alt = (
        f"{heading}: 横軸はエポック。左の損失は {loss[0]:.2f} から {loss[-1]:.4f} まで下がり、"
        f"右の完全一致の割合は {exact[0]:.2f} から {exact[-1]:.2f} まで上がる。"
    )
    figure, axes = new_figure(alt, 1, 2, figsize=(9, 3.4))
    epochs = np.arange(1, len(loss) + 1)
    axes[0].semilogy(epochs, loss, marker="o", color=COLOURS[0])
    axes[0].set(xlabel="エポック", ylabel="訓練の損失 (対数)")
    axes[1].plot(epochs, exact, marker="s", color=COLOURS[1], linestyle="-")
    axes[1].set(xlabel="エポック", ylabel="検証データの完全一致の割合", ylim=(-0.03, 1.03))
    figure.suptitle(heading)
    return figure
