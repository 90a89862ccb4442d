"""Figures of chapter 23: heat over a grey image, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from course_utils.plots import DescribedFigure, new_figure

Array = npt.NDArray[Any]


def show_maps(
    images: Sequence[Array],
    maps: Sequence[Array],
    titles: Sequence[str],
    *,
    heading: str,
    alt: str,
    boxes: Sequence[Array] | None = None,
    columns: int = 6,
) -> DescribedFigure:
    """Lays maps over their images.

    A solid line goes round what has more than half of the map's maximum, a cross marks the maximum
    (the middle of all equal ones), and a dashed line the box in which the evidence is known to be.

    Args:
        images: RGB, uint8, shape ``(height, width, 3)`` each.
        maps: Same height and width; negative values are drawn as 0.
        titles: One for each image.
        heading: Title of the whole figure.
        alt: Alternative text.
        boxes: Bool, same height and width.
        columns: Images in a row.

    Returns:
        The figure.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure, axes = new_figure(alt, rows, columns, figsize=(1.45 * columns, 1.75 * rows + 0.3), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for index, (axis, image, heat, title) in enumerate(zip(axes.flat, images, maps, titles, strict=False)):
        draw_map(axis, image, heat)
        if boxes is not None:
            axis.contour(boxes[index], levels=[0.5], colors="#56B4E9", linestyles="dashed", linewidths=1.4)
        axis.set_title(title, fontsize=10)
    figure.suptitle(heading)
    return figure


def draw_map(axis: Axes, image: Array, heat: Array) -> None:
    """Draws one map over its image, as :func:`show_maps` describes."""
    positive = np.maximum(heat, 0)
    axis.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    strength = positive / positive.max() if positive.max() > 0 else positive
    axis.imshow(strength, cmap="inferno", vmin=0, vmax=1, alpha=0.65 * strength, interpolation="nearest")
    axis.grid(visible=False)
    if positive.max() > 0:
        axis.contour(positive, levels=[positive.max() / 2], colors="white", linewidths=1.4)
        row, column = np.argwhere(positive == positive.max()).mean(axis=0)
        axis.plot(column, row, "x", color="white", markersize=7, markeredgewidth=2)


def plot_values(
    names: Sequence[str], values: Sequence[float], *, heading: str, label: str, alt: str | None = None
) -> DescribedFigure:
    """Plots signed values as bars with their numbers, the first on top.

    Args:
        names: One for each bar.
        values: What is plotted.
        heading: Title.
        label: What the values are.
        alt: Alternative text; by default made from the values.

    Returns:
        The figure.
    """
    if alt is None:
        pairs = "、".join(f"{name} {value:+.2f}" for name, value in zip(names, values, strict=True))
        alt = f"{heading}: 横棒グラフ。横軸は{label}。上から順に {pairs}。"
    figure, axis = new_figure(alt, figsize=(6.5, 0.36 * len(names) + 1.3))
    places = np.arange(len(names))[::-1]
    signs = np.sign(values)
    bars = axis.barh(places, values, color=np.where(signs < 0, "#D55E00", "#0072B2"))
    axis.bar_label(bars, [f"{value:+.2f}" for value in values], padding=3, fontsize=10)
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set_yticks(places, list(names))
    axis.margins(x=0.18)
    axis.grid(visible=False, axis="y")
    axis.set(xlabel=label, title=heading)
    return figure


def plot_two_curves(curves: Sequence[tuple[str, Array, Array]], *, heading: str, alt: str) -> DescribedFigure:
    """Plots insertion and deletion curves of several methods side by side.

    Args:
        curves: Name, insertion curve and deletion curve of each method.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    figure, axes = new_figure(alt, 1, 2, figsize=(9, 3.8), sharey=True)
    for axis, index, title, xlabel in (
        (axes[0], 1, "挿入: 大事な順に見せる", "見せた面積の割合"),
        (axes[1], 2, "削除: 大事な順に隠す", "隠した面積の割合"),
    ):
        for marker, curve in zip("os^D", curves, strict=False):
            shares = np.linspace(0, 1, len(curve[index]))
            axis.plot(shares, curve[index], marker=marker, markersize=4, label=curve[0])
        axis.set(title=title, xlabel=xlabel, ylim=(-0.02, 1.02))
    axes[0].set_ylabel("正しいクラスの確率")
    axes[0].legend()
    figure.suptitle(heading)
    return figure
