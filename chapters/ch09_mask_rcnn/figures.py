"""The figures of chapter 9: its networks, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from chapters.ch09_mask_rcnn.experiment import NAMES, Aligned, Condition, Training, alignment_values
from course_utils.claims import alternative_text
from course_utils.detection import Detections, DetectorResult, box_iou
from course_utils.diagrams import Arrow, Box, draw
from course_utils.overlays import blend_masks, draw_boxes
from course_utils.plots import COLOURS, LINE_STYLES, MARKERS, new_figure
from course_utils.scenes import THINGS, Scene, SceneSet

Array = npt.NDArray[Any]

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


def draw_network(*highlight: str, title: str = "") -> Figure:
    """Draws Mask R-CNN, and YOLO below it.

    Args:
        *highlight: Names of the boxes that the present section is about.
        title: What the drawing, or its highlighted part, is.
    """
    alt = alternative_text("ch09.network") + (f"濃く示した部分: {title}" if highlight else "")
    return draw(BOXES, ARROWS, highlight=highlight, title=title, alt=alt)


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
    figure, axis = new_figure("ch09.shift", figsize=(6.4, 3.6))
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


def plot_alignment(results: Sequence[Aligned]) -> Figure:
    """Plots mask IoU by stride and cut: a dot for each seed, a bar at the median."""
    figure, axis = new_figure("ch09.alignment", figsize=(6.4, 3.6))
    ticks = []
    for place, stride in enumerate((8, 16)):
        for index, (cut, name) in enumerate((("pool", "プーリング"), ("align", "アライン"))):
            values = list(alignment_values(results, stride, cut).values())
            x = 2.4 * place + index
            axis.scatter([x] * len(values), values, color=COLOURS[index], marker=MARKERS[index], zorder=3)
            middle = float(np.median(values))
            axis.hlines(middle, x - 0.3, x + 0.3, color="0.2")
            axis.annotate(f"{middle:.3f}", (x + 0.33, middle), va="center")
            ticks.append((x, f"ストライド {stride}\n{name}"))
    axis.set_xticks([x for x, _ in ticks], [text for _, text in ticks])
    axis.set(
        ylabel="マスクの IoU",
        title="端を動かした箱を与えたときのマスク (点はシード、線は中央値)",
        xlim=(-0.6, 4.2),
    )
    return figure


def show_anchors(scene: Scene, anchors: Array) -> Figure:
    """Draws the nine anchors of a cell, and each thing's best one."""
    figure, (left, right) = new_figure("ch09.anchors", columns=2, figsize=(7.2, 3.8), dpi=60)
    for axis in (left, right):
        axis.imshow(scene.image, interpolation="nearest")
        axis.set_axis_off()
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
    figure, axis = new_figure("ch09.recall", figsize=(6.4, 3.4))
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
    figure, axis = new_figure("ch09.losses", figsize=(6.8, 3.4))
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
        "ch09.detections", -(-len(places) // 3), 3, figsize=(8.4, 2.9 * -(-len(places) // 3)), dpi=60
    )
    for axis, place in zip(axes.ravel(), places, strict=True):
        scene, each = scenes.scenes[place], found[place]
        shown = each.scores >= least
        image = scene.image
        if each.masks is not None:
            image = blend_masks(image, each.masks[shown][::-1], each.labels[shown][::-1], 0.45)
        axis.imshow(image, interpolation="nearest")
        axis.set_axis_off()
        draw_boxes(axis, scene.boxes, colour="black", style=":", width=1.2)
        texts = [f"{THINGS[k]} {s:.2f}" for k, s in zip(each.labels[shown], each.scores[shown], strict=True)]
        draw_boxes(axis, each.boxes[shown], texts, labels=each.labels[shown])
    return figure


PANELS = {
    "objects": "物体の数 (大きさは同じ)",
    "overlap": "隠してよい割合 (8 個)",
    "size": "物体の大きさ (画像の辺に対する比)",
}


def plot_conditions(results: Sequence[Condition]) -> Figure:
    """Plots AP50 by number, overlap and size of the things."""
    figure, axes = new_figure("ch09.conditions", columns=3, figsize=(9.2, 3.4), sharey=True)
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
            "ミリ秒 / 枚": round(result.seconds * 1000, 1),
            "パラメータ": result.parameters,
            "積和 (百万)": round(result.multiply_adds / 1e6),
        }
        for result in results
    ]


def show_sight(image: Array, sight: Array) -> Figure:
    """Shows an image with the cell that answers, and how much the answer depends on each pixel."""
    figure, (left, right) = new_figure("ch09.sight", columns=2, figsize=(6.4, 3.3), dpi=60)
    left.imshow(image, interpolation="nearest")
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
