"""The figures of chapter 10: points, levels, centre-ness, detections, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from chapters.ch10_fcos.taught import STRIDES
from course_utils.claims import alternative_text
from course_utils.detection import Detections, DetectorResult
from course_utils.diagrams import Arrow, Box, draw
from course_utils.overlays import COLOURS as CLASS_COLOURS
from course_utils.overlays import draw_boxes
from course_utils.plots import COLOURS, MARKERS, new_figure
from course_utils.scenes import THINGS, Scene

Array = npt.NDArray[Any]

PHOTO_DPI = 80
"""Of figures that show images."""

DETECTOR_MARKERS = (*MARKERS, "*")
"""One for each detector of the closing table."""

BOXES = {
    "image": Box("画像", 0, 0, 0.7, kind="data"),
    "trunk": Box("本体", 1.5, 0, 1.2),
    "pyramid": Box("特徴\nピラミッド\n3 つの段", 3.2, 0, 1.1),
    "classify": Box("分類の塔", 4.95, 0.75, 0.95),
    "regress": Box("回帰の塔", 4.95, -0.75, 0.95),
    "classes": Box("クラスの確率", 6.6, 0.75, 1.15, kind="result"),
    "centre": Box("中心らしさ", 6.6, -0.2, 1.15, kind="result"),
    "sides": Box("l, t, r, b", 6.6, -1.15, 1.15, kind="result"),
    "product": Box("掛ける", 8.2, 0.35, 0.75),
    "nms": Box("NMS", 9.5, 0, 0.65),
    "found": Box("検出", 10.7, 0, 0.6, kind="result"),
}
ARROWS = (
    Arrow("image", "trunk"),
    Arrow("trunk", "pyramid"),
    Arrow("pyramid", "classify"),
    Arrow("pyramid", "regress"),
    Arrow("classify", "classes"),
    Arrow("regress", "centre"),
    Arrow("regress", "sides"),
    Arrow("classes", "product"),
    Arrow("centre", "product"),
    Arrow("product", "nms"),
    Arrow("sides", "nms"),
    Arrow("nms", "found"),
)


def draw_network(*highlight: str, title: str = "") -> Figure:
    """Draws FCOS from the image to its detections.

    Args:
        *highlight: Names of the boxes that the present section is about.
        title: What the drawing, or its highlighted part, is.
    """
    alt = alternative_text("ch10.network") + (f"濃く示した部分: {title}" if highlight else "")
    return draw(BOXES, ARROWS, highlight=highlight, title=title, alt=alt)


def show_image(axis: Axes, image: Array, title: str = "") -> None:
    """Shows an image without axes, in 16 levels a channel: noise makes large files."""
    axis.imshow(np.asarray(image) // 16 * 16 + 8, interpolation="nearest")
    axis.set_title(title, fontsize=11)
    axis.axis("off")


def show_sides(scene: Scene, objects: Sequence[int], points: Sequence[tuple[float, float]]) -> Figure:
    """Shows the four distances from points to the sides of boxes."""
    figure, axes = new_figure("ch10.sides", 1, len(points), figsize=(3.9 * len(points), 4), dpi=PHOTO_DPI)
    for axis, k, (x, y) in zip(axes, objects, points, strict=True):
        x1, y1, x2, y2 = scene.boxes[k]
        show_image(axis, scene.image, f"点 ({x:g}, {y:g})")
        draw_boxes(axis, scene.boxes[[k]], colour=CLASS_COLOURS[4])
        for name, (u, v) in {"l": (x1, y), "t": (x, y1), "r": (x2, y), "b": (x, y2)}.items():
            axis.annotate(
                "", (u - 0.5, v - 0.5), (x - 0.5, y - 0.5), arrowprops={"arrowstyle": "->", "lw": 2}
            )
            length = abs(u - x) + abs(v - y)
            axis.annotate(
                f"{name} = {length:g}",
                ((u + x) / 2 - 0.5, (v + y) / 2 - 0.5),
                fontsize=10,
                ha="center",
                va="center",
                bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "alpha": 0.85},
            )
        axis.plot(x - 0.5, y - 0.5, "o", color="black", markersize=6)
    return figure


def show_levels(scene: Scene, panels: Mapping[str, tuple[Array, Array]], alt: str = "ch10.levels") -> Figure:
    """Shows which points look after an object, one panel for each level.

    Args:
        scene: The scene.
        panels: Points, and the object of each (-1 for background), by the panel's title.
        alt: Name of the alternative text.
    """
    figure, axes = new_figure(alt, 1, len(panels), figsize=(3.3 * len(panels), 3.6), dpi=PHOTO_DPI)
    for axis, (title, (points, owner)) in zip(axes, panels.items(), strict=True):
        show_image(axis, scene.image, title)
        draw_boxes(axis, scene.boxes, labels=np.arange(len(scene.boxes)))
        axis.plot(*(points[owner < 0].T - 0.5), ".", color="white", markersize=2.5, alpha=0.8)
        for k in range(len(scene.boxes)):
            axis.plot(
                *(points[owner == k].T - 0.5),
                MARKERS[k % len(MARKERS)],
                color=CLASS_COLOURS[k % len(CLASS_COLOURS)],
                markersize=5.5,
                markeredgecolor="black",
                markeredgewidth=0.7,
            )
    return figure


def show_centerness(wide: Array, tall: Array) -> Figure:
    """Shows the centre-ness of all points of two boxes, with the lines of equal value."""
    figure, axes = new_figure("ch10.centerness", 1, 2, figsize=(8.6, 3.1), width_ratios=(1.5, 1))
    for axis, values in zip(axes, (wide, tall), strict=True):
        height, width = values.shape
        shown = axis.imshow(values, vmin=0, vmax=1, cmap="magma", extent=(0, width, height, 0))
        x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
        lines = axis.contour(x, y, values, levels=(0.25, 0.5, 0.75), colors="white", linewidths=1)
        axis.clabel(lines, fontsize=9)
        axis.set(xlabel="x (画素)", ylabel="y (画素)")
        axis.grid(visible=False)
    figure.colorbar(shown, ax=list(axes), label="中心らしさ")
    return figure


def show_steps(scene: Scene, stages: Mapping[str, Detections]) -> Figure:
    """Shows the boxes that are left after each stage."""
    figure, axes = new_figure("ch10.steps", 1, len(stages), figsize=(3.3 * len(stages), 3.6), dpi=PHOTO_DPI)
    for axis, (title, found) in zip(axes, stages.items(), strict=True):
        show_image(axis, scene.image, f"{title}: {len(found.boxes)} 個")
        few = len(found.boxes) <= 12
        texts = [f"{THINGS[k]} {s:.2f}" for k, s in zip(found.labels, found.scores, strict=True)]
        draw_boxes(axis, found.boxes, texts if few else None, labels=found.labels, width=1.8 if few else 0.7)
    return figure


def show_detections(scenes: Sequence[Scene], found: Sequence[Detections], least: float) -> Figure:
    """Shows scenes with their objects (dashed) and the detections above a score."""
    columns = 4
    rows = -(-len(scenes) // columns)
    figure, axes = new_figure("ch10.detections", rows, columns, figsize=(10.2, 2.75 * rows), dpi=PHOTO_DPI)
    for axis, scene, each in zip(axes.flat, scenes, found, strict=True):
        show_image(axis, scene.image)
        kept = each.scores >= least
        draw_boxes(axis, scene.boxes, colour="black", style=":", width=1.2)
        pairs = zip(each.labels[kept], each.scores[kept], strict=True)
        texts = [f"{THINGS[k]} {s:.2f}" for k, s in pairs]
        draw_boxes(axis, each.boxes[kept], texts, labels=each.labels[kept])
    return figure


def plot_winners(plain: Array, product: Array) -> Figure:
    """Plots the IoU of the box that the product chooses against that of the class probability's, by object."""
    figure, axis = new_figure("ch10.winners", figsize=(3.9, 3.6))
    axis.plot([0, 1], [0, 1], ":", color="0.4")
    axis.plot(plain, product, ".", color=COLOURS[0], markersize=5, alpha=0.6)
    axis.set(
        xlabel="クラスの確率だけで選んだとき",
        ylabel="中心らしさを掛けたとき",
        title="選ばれた箱の IoU",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    return figure


def draw_dots(axis: Axes, rows: Mapping[str, Sequence[float]]) -> None:
    """Draws a dot for each seed and a bar at the median, a row for each name."""
    for row, values in enumerate(rows.values()):
        colour = COLOURS[row % len(COLOURS)]
        axis.plot(
            values,
            row + np.linspace(-0.16, 0.16, len(values)),
            MARKERS[row % len(MARKERS)],
            color=colour,
        )
        axis.vlines(np.median(values), row - 0.34, row + 0.34, colors=colour, linewidth=2.5)
    axis.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, None))
    axis.set_yticks(range(len(rows)), list(rows))


def plot_kinds(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Plots each seed's AP of several detectors, a panel for each kind of scenes."""
    figure, axes = new_figure("ch10.choices", 1, len(panels), figsize=(10.2, 3.6), sharey=True)
    for axis, (title, rows) in zip(axes, panels.items(), strict=True):
        draw_dots(axis, rows)
        axis.set_title(title)
        axis.xaxis.set_major_locator(MaxNLocator(4))
    figure.supxlabel("AP (点はシードごと、縦の棒は中央値。横軸の幅は図ごとに違います)", fontsize=11)
    return figure


def plot_reach(sizes: Sequence[str], lines: Mapping[str, Sequence[float]]) -> Figure:
    """Plots the share of objects that some point or anchor looks after, by the objects' size."""
    figure, axis = new_figure("ch10.reach", figsize=(7.8, 4))
    for k, (name, values) in enumerate(lines.items()):
        style = "-" if name.startswith("FCOS") else "--"
        axis.plot(range(len(sizes)), values, style, color=COLOURS[k], marker=MARKERS[k], label=name)
    axis.set_xticks(range(len(sizes)), sizes)
    axis.set(xlabel="物体の長いほうの辺 (画素)", ylabel="担当がある物体の割合", ylim=(0, 1.05))
    axis.legend(loc="lower left", bbox_to_anchor=(1, 0))
    return figure


def show_anchors(scene: Scene, sets: Mapping[str, Array]) -> Figure:
    """Shows anchors of three levels in the middle of a scene, a panel for each choice."""
    figure, axes = new_figure("ch10.anchors", 1, len(sets), figsize=(3.3 * len(sets), 3.6), dpi=PHOTO_DPI)
    for axis, (title, anchors) in zip(axes, sets.items(), strict=True):
        show_image(axis, scene.image, title)
        draw_boxes(axis, scene.boxes, colour="black", style=":")
        draw_boxes(axis, anchors, labels=np.repeat(np.arange(len(STRIDES)), 3), width=1.2)
        axis.set(xlim=(-0.5, len(scene.image) - 0.5), ylim=(len(scene.image) - 0.5, -0.5))
    return figure


def plot_cost(results: Sequence[DetectorResult]) -> Figure:
    """Plots AP against multiply-adds and against seconds, a dot for each detector."""
    figure, axes = new_figure("ch10.cost", 1, 2, figsize=(9.4, 3.4), sharey=True)
    for k, row in enumerate(results):
        for axis, value in zip(axes, (row.multiply_adds / 1e6, row.relative), strict=True):
            axis.plot(
                value,
                row.ap,
                DETECTOR_MARKERS[k],
                color=COLOURS[k % len(COLOURS)],
                markersize=10,
                alpha=0.8,
                linestyle="",
                label=row.name,
            )
    for axis, label in zip(axes, ("積和 (百万回、対数)", "1 枚の時間 (本体の何倍か、対数)"), strict=True):
        axis.set(xlabel=label, xscale="log", ymargin=0.12)
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel("AP")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
