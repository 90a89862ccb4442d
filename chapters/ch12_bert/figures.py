"""Figures of chapter 12: attention between pieces, and confusion matrices, with their numbers in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from course_utils.plots import DescribedFigure, draw_spread, new_figure

Array = npt.NDArray[Any]


def show_attention(
    maps: Sequence[Array], titles: Sequence[str], pieces: Sequence[str], *, heading: str, alt: str
) -> DescribedFigure:
    """Draws attention maps side by side; a ring marks what each piece looks at most.

    Args:
        maps: Weights of shape ``(length, length)`` each; a row sums to 1.
        titles: One for each map.
        pieces: The pieces, for both axes.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    count, size = len(maps), 0.27 * len(pieces) + 1.1
    figure, axes = new_figure(alt, 1, count, figsize=(size * count + 0.6, size + 0.6), squeeze=False)
    places = np.arange(len(pieces))
    for axis, weights, title in zip(axes.flat, maps, titles, strict=True):
        image = axis.imshow(weights, cmap="Blues", vmin=0, vmax=1)
        axis.plot(weights.argmax(axis=1), places, "o", color="#D55E00", markerfacecolor="none", markersize=8)
        axis.set_xticks(places, pieces, rotation=90, fontsize=9)
        axis.set_yticks(places, pieces, fontsize=9)
        axis.set(title=title, xlabel="見られる側")
        axis.grid(visible=False)
    axes[0, 0].set_ylabel("見る側")
    figure.colorbar(image, ax=axes, shrink=0.7, label="注意の重み")
    figure.suptitle(heading)
    return figure


def show_confusion(
    matrices: Mapping[str, Array], class_names: Sequence[str], *, heading: str, alt: str | None = None
) -> DescribedFigure:
    """Draws confusion matrices side by side, with the count in each cell.

    Args:
        matrices: ``matrix[true][predicted]``, counts, by the method's name.
        class_names: Names of the classes.
        heading: Title of the whole figure.
        alt: Alternative text; by default made from the share of right answers of each class.

    Returns:
        The figure.
    """
    if alt is None:
        alt = f"{heading}: 行は正しいクラス、列は答えたクラス。" + "".join(
            f"「{name}」で正しく答えた割合は "
            + "、".join(f"{c} {matrix[k][k] / np.sum(matrix[k]):.2f}" for k, c in enumerate(class_names))
            + "。"
            for name, matrix in matrices.items()
        )
    figure, axes = new_figure(alt, 1, len(matrices), figsize=(3.4 * len(matrices), 3.7), squeeze=False)
    places = np.arange(len(class_names))
    for axis, (name, matrix) in zip(axes.flat, matrices.items(), strict=True):
        shares = np.asarray(matrix) / np.sum(matrix, axis=1, keepdims=True)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(np.asarray(matrix)):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
        axis.set_xticks(places, class_names)
        axis.set_yticks(places, class_names, rotation=90, va="center")
        axis.set(title=name, xlabel="答えたクラス")
        axis.grid(visible=False)
    axes[0, 0].set_ylabel("正しいクラス")
    figure.suptitle(heading)
    return figure


def plot_curves(
    panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]], shots: Sequence[int], *, heading: str
) -> DescribedFigure:
    """Plots learning curves: the median over the seeds, and a band from minimum to maximum.

    Args:
        panels: By title of the panel and name of the curve: for each number of passages one accuracy a seed.
        shots: Passages of each class.
        heading: Title of the whole figure.

    Returns:
        The figure.
    """
    medians = {
        title: {name: [float(np.median(values)) for values in curve] for name, curve in curves.items()}
        for title, curves in panels.items()
    }
    alt = (
        f"{heading}: 横軸は 1 クラスあたりの文章の数 (対数)、縦軸はテスト精度の中央値。帯は最小から最大。"
        + "".join(
            f"{title}の「{name}」は、{shots[0]} つで {values[0]:.2f}、{shots[-1]} で {values[-1]:.2f}。"
            for title, curves in medians.items()
            for name, values in curves.items()
        )
    )
    figure, axes = new_figure(alt, 1, len(panels), figsize=(4.6 * len(panels), 4), sharey=True, squeeze=False)
    for axis, (title, curves) in zip(axes.flat, panels.items(), strict=True):
        for index, (name, curve) in enumerate(curves.items()):
            draw_spread(axis, shots, curve, index, name, band=True)
        axis.axhline(1 / 3, color="0.4", linestyle=":", linewidth=1.5)
        axis.set_xscale("log")
        axis.set_xticks(shots, [str(number) for number in shots])
        axis.minorticks_off()
        axis.set(title=title, xlabel="1 クラスあたりの文章の数")
    axes[0, 0].set_ylabel("テスト精度")
    axes[0, 0].legend(loc="lower right")
    figure.suptitle(heading)
    return figure


def plot_losses(
    curves: Mapping[str, Sequence[float]], level: float, *, heading: str, level_name: str = "ln V"
) -> DescribedFigure:
    """Plots training losses by epoch beside a level.

    Args:
        curves: Losses in nats by name, a value an epoch.
        level: Where a dotted line is drawn.
        heading: Title.
        level_name: What the line is.

    Returns:
        The figure.
    """
    alt = f"{heading}: 横軸はエポック、縦軸は訓練データの損失。点線は {level_name} = {level:.3f}。" + "".join(
        f"「{name}」は {values[0]:.3f} から {values[-1]:.3f} へ。" for name, values in curves.items()
    )
    figure, axis = new_figure(alt, figsize=(7, 3.8))
    for (name, values), marker in zip(curves.items(), "os^Dv", strict=False):
        axis.plot(np.arange(1, len(values) + 1), values, marker=marker, label=name)
    axis.axhline(level, color="0.4", linestyle=":", linewidth=1.5)
    axis.annotate(
        f"{level_name} = {level:.3f}", (1, level), (0, -16), textcoords="offset points", fontsize=10
    )
    axis.set(xlabel="エポック", ylabel="損失 (nat)", title=heading, ylim=(0, None))
    axis.set_xticks(np.arange(1, max(map(len, curves.values())) + 1))
    axis.legend(loc="lower left")
    return figure
