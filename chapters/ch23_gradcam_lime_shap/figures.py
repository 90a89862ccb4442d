"""Figures of chapter 23: the three methods, heat over a grey image, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chapters.ch23_gradcam_lime_shap.experiment import Sanity
from course_utils.claims import alternative_text
from course_utils.diagrams import Arrow, Box, draw
from course_utils.plots import DescribedFigure, new_figure

Array = npt.NDArray[Any]

BOXES = {
    "image": Box("写真", 0, 0, kind="data"),
    "layers": Box("畳み込み", 1.55, 0),
    "maps": Box("特徴\nマップ", 3.1, 0),
    "head": Box("平均と\nDense", 4.65, 0),
    "score": Box("クラスの\n得点", 6.2, 0, kind="result"),
    "gradcam": Box("Grad-CAM: 勾配の平均を\n重みにして足す", 4.65, -0.95, 2.1),
    "heat": Box("見た場所の\nマップ", 7.3, -0.95, 1.1, kind="result"),
    "hidden": Box("一部を隠した\n写真", 0, -2.0, 1.2, kind="data"),
    "ask": Box("モデルに尋ねる\n(中は見ない)", 1.95, -2.0, 1.4),
    "lime": Box("LIME: 近い標本に\n直線を当てはめる", 4.65, -1.68, 1.8),
    "shap": Box("SHAP: 公平に\n分ける", 4.65, -2.35, 1.8),
    "values": Box("部品ごとの\n効き目", 7.3, -2.0, 1.1, kind="result"),
}
ARROWS = (
    Arrow("image", "layers"),
    Arrow("layers", "maps"),
    Arrow("maps", "head"),
    Arrow("head", "score"),
    Arrow("maps", "gradcam"),
    Arrow("score", "gradcam", "勾配"),
    Arrow("gradcam", "heat"),
    Arrow("image", "hidden"),
    Arrow("hidden", "ask"),
    Arrow("ask", "lime"),
    Arrow("ask", "shap"),
    Arrow("lime", "values"),
    Arrow("shap", "values"),
)


ASKING = ("hidden", "ask", "lime", "shap", "values")
"""Names of the boxes that do not look into the model."""


def draw_methods(title: str = "") -> Figure:
    """Draws what the three methods look at."""
    return draw(BOXES, ARROWS, title=title, alt=alternative_text("ch23.methods"))


def draw_asking(title: str = "") -> Figure:
    """Draws the part that only asks the model, LIME and SHAP highlighted."""
    boxes = {name: BOXES[name] for name in ASKING}
    arrows = [arrow for arrow in ARROWS if {arrow.start, arrow.end} <= boxes.keys()]
    alt = alternative_text("ch23.asking")
    return draw(boxes, arrows, highlight=("lime", "shap"), title=title, alt=alt)


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
    figure, axes = new_figure(alt, rows, columns, figsize=(1.4 * columns, 1.7 * rows + 0.3), squeeze=False)
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
    strength = positive / positive.max() if positive.max() > 0 else positive
    coarse, levels = _for_display(strength), 5
    style: dict[str, Any] = {"interpolation": "nearest", "extent": _extent(heat)}
    grey = np.round(_for_display(image.mean(axis=2)) / 20) * 20
    axis.imshow(grey, cmap="gray", vmin=0, vmax=255, **style)
    coarse = np.round(coarse * levels) / levels
    axis.imshow(coarse, cmap="inferno", vmin=0, vmax=1, alpha=0.65 * coarse, **style)
    axis.grid(visible=False)
    if positive.max() > 0:
        axis.contour(positive, levels=[positive.max() / 2], colors="white", linewidths=1.4)
        row, column = np.argwhere(positive == positive.max()).mean(axis=0)
        axis.plot(column, row, "x", color="white", markersize=7, markeredgewidth=2)


def show_grey(images: Sequence[Array], titles: Sequence[str], *, heading: str, alt: str) -> DescribedFigure:
    """Lays images out in a row, grey, which takes a third of the room of colour."""
    nothing = [np.zeros(image.shape[:2]) for image in images]
    return show_maps(images, nothing, titles, heading=heading, alt=alt)


def show_colour(images: Sequence[Array], titles: Sequence[str], *, heading: str, alt: str) -> DescribedFigure:
    """Lays images out in a row, in colours of few steps."""
    figure, axes = new_figure(alt, 1, len(images), figsize=(1.45 * len(images), 2.05))
    for axis, image, title in zip(axes, images, titles, strict=True):
        small = np.round(_for_display(image) / 25).clip(0, 10) * 25
        axis.imshow(small.astype("uint8"), interpolation="nearest")
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    figure.suptitle(heading)
    return figure


def _for_display(values: Array, size: int = 128) -> Array:
    """Shrinks what is larger than its picture; few levels of grey and heat keep the notebook small."""
    if len(values) <= size:
        return values
    return np.asarray(cv2.resize(values.astype("float32"), (size, size), interpolation=cv2.INTER_AREA))


def _extent(heat: Array) -> tuple[float, float, float, float]:
    return (-0.5, heat.shape[1] - 0.5, heat.shape[0] - 0.5, -0.5)


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
    figure, axis = new_figure(alt, figsize=(5.6, 0.21 * len(names) + 0.9))
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
    figure, axes = new_figure(alt, 1, 2, figsize=(7.2, 2.8), sharey=True)
    for axis, index, title, xlabel in (
        (axes[0], 1, "挿入: 大事な順に見せる", "見せた面積の割合"),
        (axes[1], 2, "削除: 大事な順に隠す", "隠した面積の割合"),
    ):
        for marker, curve in zip("os^D", curves, strict=False):
            shares = np.linspace(0, 1, len(curve[index]))
            axis.plot(shares, curve[index], marker=marker, markersize=4, label=curve[0])
        axis.set(title=title, xlabel=xlabel, ylim=(-0.02, 1.02))
    axes[0].set_ylabel("正しいクラスの確率")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    figure.suptitle(heading)
    return figure


def plot_randomised(found: Sanity) -> DescribedFigure:
    """Plots how alike maps stay while the weights are randomised."""
    figure, axis = new_figure("ch23.randomised_layers", figsize=(6, 3.2))
    for name, values, marker in (
        ("輪郭線 (モデルを見ない)", found.edges, "s"),
        ("Grad-CAM", found.grad_cam, "o"),
    ):
        axis.plot(values, marker=marker, label=name)
    axis.set_xticks(range(len(found.layers)), found.layers, rotation=30)
    axis.set(
        xlabel="ここまでランダムにした層",
        ylabel="もとのマップとの順位相関",
        title="重みを出力層から順にランダムにする",
    )
    axis.legend(loc="center right")
    return figure
