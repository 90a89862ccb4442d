"""The figures of chapter 9: its networks, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from chapters.ch09_mask_rcnn.experiment import (
    JITTER,
    NAMES,
    Aligned,
    Condition,
    Pair,
    Training,
    alignment_values,
)
from course_utils.claims import alternative_text
from course_utils.detection import Detections, DetectorResult, box_iou
from course_utils.diagrams import Arrow, Box, draw
from course_utils.overlays import blend_masks, draw_boxes
from course_utils.plots import COLOURS, LINE_STYLES, MARKERS, new_figure
from course_utils.scenes import THINGS, Scene, SceneSet

Array = npt.NDArray[Any]

PHOTO_DPI = 100
"""Pixels an inch of figures that show scenes."""

BOXES = {
    "image": Box("画像", 0, 0, 0.7, kind="data"),
    "trunk": Box("特徴マップ\n(ストライド 8)", 1.5, 0, 1.15),
    "rpn": Box("地域提案\nネットワーク", 2.95, 0.95, 1.2),
    "proposals": Box("提案\n(箱)", 4.35, 0.95, 0.75, kind="data"),
    "align": Box("RoI\nアライン", 4.35, 0, 0.95),
    "box": Box("ボックスの枝", 5.95, 0, 1.2),
    "boxes": Box("クラスと箱", 7.6, 0, 1.1, kind="result"),
    "mask": Box("マスクの枝", 5.95, -0.85, 1.2),
    "masks": Box("クラスごとの\nマスク", 7.6, -0.85, 1.1, kind="result"),
    "yimage": Box("画像", 0, -2.0, 0.7, kind="data"),
    "ytrunk": Box("特徴マップ\n(ストライド 16)", 1.5, -2.0, 1.15),
    "dense": Box("畳み込み\n(論文は全結合)", 3.3, -2.0, 1.35),
    "grid": Box("S×S×(B·5+C)", 5.3, -2.0, 1.3, kind="data"),
    "yboxes": Box("クラスと箱", 7.6, -2.0, 1.1, kind="result"),
}
ARROWS = (
    Arrow("image", "trunk"),
    Arrow("trunk", "rpn"),
    Arrow("rpn", "proposals"),
    Arrow("proposals", "align"),
    Arrow("trunk", "align"),
    Arrow("align", "box"),
    Arrow("align", "mask"),
    Arrow("box", "boxes"),
    Arrow("mask", "masks"),
    Arrow("yimage", "ytrunk"),
    Arrow("ytrunk", "dense"),
    Arrow("dense", "grid"),
    Arrow("grid", "yboxes", "NMS"),
)


YOLO = ("yimage", "ytrunk", "dense", "grid", "yboxes")
"""Boxes of the lower row."""


def draw_network(*highlight: str, title: str = "") -> Figure:
    """Draws Mask R-CNN, and YOLO below it; only the network of the two that has what is highlighted.

    Args:
        *highlight: Names of the boxes that the present section is about.
        title: What the drawing, or its highlighted part, is.
    """
    alt, boxes = alternative_text("ch09.network"), BOXES
    if highlight:
        lower = highlight[0] in YOLO
        boxes = {name: box for name, box in BOXES.items() if (name in YOLO) == lower}
        alt += f"この図は{'下' if lower else '上'}の段だけで、濃く示した部分は、{title}。"
    arrows = [arrow for arrow in ARROWS if arrow.start in boxes]
    return draw(boxes, arrows, highlight=highlight, title=title, alt=alt)


def _show_image(axis: Any, image: Array) -> None:
    """Shows an image with 32 shades a colour: more would be noise that fills the notebook."""
    axis.imshow(image // 8 * 8 + 4, interpolation="nearest")
    axis.set_axis_off()


def _line(axis: Any, x: Sequence[float] | Array, y: Sequence[float] | Array, index: int, label: str) -> None:
    axis.plot(
        x,
        y,
        color=COLOURS[index],
        linestyle=LINE_STYLES[index],
        marker=MARKERS[index],
        markersize=5,
        markevery=max(1, len(x) // 10),
        label=label,
    )


def plot_shift(shifts: Array, moved: Mapping[str, Array]) -> Figure:
    """Plots how far a reading moves when the box moves."""
    figure, axis = new_figure("ch09.shift", figsize=(6.8, 2.4))
    axis.plot(shifts, shifts, color="0.6", linewidth=5, label="正解")
    for index, (name, values) in enumerate(moved.items()):
        _line(axis, shifts, values, index, name)
    axis.set(
        xlabel="箱を右へ動かした量 (画素)",
        ylabel="読み取った値の動き (画素)",
        title="ストライド 8 の特徴マップで、箱を動かす",
    )
    axis.legend()
    return figure


GIVEN_BOXES = {
    (8, JITTER): "ストライド 8、端を動かした箱",
    (16, JITTER): "ストライド 16、端を動かした箱",
    (16, 0.0): "ストライド 16、正しい箱",
}
"""Stride and moved edges of what was compared, and what it is called."""


def plot_alignment(results: Sequence[Aligned]) -> Figure:
    """Plots mask IoU by given boxes and cut: a dot for each seed, a bar at the median."""
    figure, axis = new_figure("ch09.alignment", figsize=(7.4, 2.3))
    for place, (stride, jitter) in enumerate(GIVEN_BOXES):
        for index, (cut, name) in enumerate((("pool", "プーリング"), ("align", "アライン"))):
            values = list(alignment_values(results, stride, cut, jitter=jitter).values())
            x = 2.6 * place + index
            dots = {"color": COLOURS[index], "marker": MARKERS[index], "zorder": 3}
            axis.scatter([x] * len(values), values, label="" if place else name, **dots)
            middle = float(np.median(values))
            axis.hlines(middle, x - 0.3, x + 0.3, color="0.2")
            axis.annotate(f"{middle:.3f}", (x, middle), (0, -16), textcoords="offset points", ha="center")
    names = [name.replace("、", "\n") for name in GIVEN_BOXES.values()]
    axis.set_xticks(2.6 * np.arange(len(names)) + 0.5, names)
    axis.set(ylabel="マスクの IoU", title="点はシード、横の線は中央値", xlim=(-0.7, 6.9))
    axis.margins(y=0.25)
    figure.legend(loc="outside right center")
    return figure


def show_anchors(scene: Scene, anchors: Array) -> Figure:
    """Draws the nine anchors of a cell, and each thing's best one."""
    figure, (left, right) = new_figure("ch09.anchors", columns=2, figsize=(8.4, 2.8), dpi=PHOTO_DPI)
    for axis in (left, right):
        _show_image(axis, scene.image)
    cell = 6 * 12 + 6
    draw_boxes(left, anchors[9 * cell : 9 * cell + 9], labels=np.repeat(np.arange(3), 3), width=1.4)
    best = box_iou(scene.boxes, anchors)
    draw_boxes(right, scene.boxes, colour="black", style="--")
    texts = [f"{value:.2f}" for value in best.max(axis=1)]
    draw_boxes(right, anchors[best.argmax(axis=1)], texts, labels=scene.labels)
    left.set_title("1 つのマスの 9 個のアンカー")
    right.set_title("物体 (破線) と、最も合うアンカー")
    return figure


def plot_recall(counts: Sequence[int], recalls: Mapping[str, Sequence[float]]) -> Figure:
    """Plots the share of found things by the number of proposals."""
    figure, axis = new_figure("ch09.recall", figsize=(6.8, 2.3))
    for index, (name, values) in enumerate(recalls.items()):
        _line(axis, counts, values, index, name)
    axis.set(xscale="log", xlabel="提案の数", ylabel="拾えた物体の割合", ylim=(-0.03, 1.08))
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.minorticks_off()
    axis.axhline(1, color="0.6", linewidth=1, linestyle=":")
    axis.legend(loc="lower right")
    return figure


def plot_losses(losses: Array, names: Sequence[str]) -> Figure:
    """Plots five losses, each averaged over five steps."""
    figure, axis = new_figure("ch09.losses", figsize=(6.8, 2.3))
    smooth = losses[: len(losses) // 5 * 5].reshape(-1, 5, losses.shape[1]).mean(axis=1)
    for index, name in enumerate(names):
        _line(axis, 5 * np.arange(1, len(smooth) + 1), smooth[:, index], index, name)
    axis.set(xlabel="ステップ", ylabel="損失 (5 ステップの平均)", yscale="log")
    figure.legend(loc="outside right center")
    return figure


def show_detections(
    scenes: SceneSet, found: Sequence[Detections], chosen: Iterable[int], least: float = 0.3
) -> Figure:
    """Shows detections from a score on: masks and boxes with class and score, and dashed the truth."""
    places = list(chosen)
    figure, axes = new_figure(
        "ch09.detections", -(-len(places) // 3), 3, figsize=(7.4, 2.5 * -(-len(places) // 3)), dpi=PHOTO_DPI
    )
    for axis, place in zip(axes.ravel(), places, strict=True):
        _show(axis, scenes.scenes[place], found[place], least)
    return figure


def compare_detections(
    scenes: SceneSet, rows: Mapping[str, tuple[Sequence[Detections], float]], chosen: Sequence[int]
) -> Figure:
    """Shows several detectors' detections on the same scenes, a row each, from a score on that it comes with."""
    figure, axes = new_figure(
        "ch09.comparison", len(rows), len(chosen), figsize=(9.2, 2.35 * len(rows)), dpi=PHOTO_DPI
    )
    for line, (name, (found, least)) in zip(axes, rows.items(), strict=True):
        for axis, place in zip(line, chosen, strict=True):
            _show(axis, scenes.scenes[place], found[place], least)
        line[0].set_title(f"{name} (得点 {least} 以上)", loc="left")
    return figure


def _show(axis: Any, scene: Scene, found: Detections, least: float) -> None:
    shown, image = found.scores >= least, scene.image
    labels = found.labels[shown]
    if found.masks is not None:
        image = blend_masks(image, found.masks[shown][::-1], labels[::-1], 0.45)
    _show_image(axis, image)
    draw_boxes(axis, scene.boxes, colour="black", style=":", width=1.2)
    texts = [f"{THINGS[k]} {score:.2f}" for k, score in zip(labels, found.scores[shown], strict=True)]
    draw_boxes(axis, found.boxes[shown], texts, labels=labels)


def mask_rows(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Makes the rows of the table of masks against filled boxes, by class."""
    groups = {name: [pair for pair in pairs if pair.label == k] for k, name in enumerate(THINGS)}
    return [
        {
            "": name,
            "物体": len(some),
            "箱を塗る": float(np.mean([pair.box for pair in some])),
            "マスクの枝": float(np.mean([pair.mask for pair in some])),
        }
        for name, some in {**groups, "全部": list(pairs)}.items()
    ]


PANELS = {
    "objects": "物体の数 (大きさは同じ)",
    "overlap": "隠してよい割合 (8 個)",
    "size": "物体の大きさ (画像の辺に対する比)",
}


def plot_conditions(results: Sequence[Condition]) -> Figure:
    """Plots AP50 by number, overlap and size of the things."""
    figure, axes = new_figure("ch09.conditions", columns=3, figsize=(9.2, 2.7), sharey=True)
    names = list(dict.fromkeys(result.detector for result in results))
    for axis, (knob, title) in zip(axes, PANELS.items(), strict=True):
        for index, name in enumerate(names):
            points = [(r.value, r.ap50) for r in results if (r.detector, r.knob) == (name, knob)]
            values, scores = np.array(points).T
            _line(axis, values, scores, index, name if knob == "objects" else "")
        axis.set(xlabel=title, ylim=(0, 1.02))
    axes[0].set_ylabel("AP50")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def detector_rows(results: Sequence[DetectorResult]) -> list[dict[str, Any]]:
    """Makes the rows of the table of detectors."""
    return [
        {
            "検出器": result.name,
            "AP": result.ap,
            "AP50": result.ap50,
            "小": result.small,
            "中": result.medium,
            "大": result.large,
            "ミリ秒 / 枚": f"{result.seconds * 1000:.1f}",
            "パラメータ": result.parameters,
            "積和 (百万)": round(result.multiply_adds / 1e6),
        }
        for result in results
    ]


def show_sight(image: Array, sight: Array) -> Figure:
    """Shows an image with the cell that answers, and how much the answer depends on each pixel."""
    figure, (left, right) = new_figure("ch09.sight", columns=2, figsize=(8.4, 2.3), dpi=PHOTO_DPI)
    _show_image(left, image)
    right.imshow(sight / sight.max(), cmap="magma", vmax=0.5)
    for axis, title in ((left, "左上のマス"), (right, "答えが依存する画素 (明るいほど強い)")):
        draw_boxes(axis, np.array([[0.0, 0, 16, 16]]), colour="#d55e00")
        axis.set_axis_off()
        axis.set_title(title)
    return figure


def training_rows(results: Sequence[Training]) -> list[dict[str, Any]]:
    """Makes a row for each detector: the sum of its losses at four steps of the training."""
    rows = []
    for name in dict.fromkeys(result.detector for result in results):
        own = [result for result in results if result.detector == name]
        places = np.linspace(0, len(own) - 1, 4).round().astype(int)
        parts = [f"{own[k].step}: {sum(own[k].losses):.2f}" for k in places]
        rows.append({"検出器": NAMES[name], "ステップ: 損失の和": "、".join(parts)})
    return rows
