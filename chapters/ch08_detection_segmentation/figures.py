"""The figures of chapter 8: the tasks, boxes and masks on images, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import patheffects
from matplotlib.figure import Figure

from course_utils.claims import alternative_text
from course_utils.detection import Detections
from course_utils.diagrams import Arrow, Box, draw
from course_utils.overlays import blend_masks, colour_map, draw_boxes
from course_utils.plots import COLOURS, LINE_STYLES, new_figure, plot_runs
from course_utils.scenes import THINGS, Scene

Array = npt.NDArray[Any]

BOXES = {
    "image": Box("画像", 0, 0, 0.8, kind="data"),
    "trunk": Box("畳み込みの\n本体", 1.6, 0, 1.1),
    "pixels": Box("画素ごとに\nクラス", 3.4, 0.75, 1.2),
    "ssd": Box("デフォルト\nボックス", 3.4, 0, 1.2),
    "crop": Box("候補ごとに\n取り出す", 3.4, -0.75, 1.3),
    "maps": Box("セマンティック\nセグメンテーション", 5.6, 0.75, 1.7, kind="result"),
    "nms": Box("NMS", 5.15, -0.35, 0.8),
    "found": Box("物体検出", 6.6, -0.35, 1.1, kind="result"),
    "proposals": Box("候補を出す", 1.6, -0.75, 1.1),
    "panoptic": Box("パノプ\nティック", 7.9, 0.4, 1.0, kind="result"),
}
ARROWS = (
    Arrow("image", "trunk"),
    Arrow("image", "proposals"),
    Arrow("trunk", "pixels"),
    Arrow("trunk", "ssd"),
    Arrow("trunk", "crop"),
    Arrow("proposals", "crop"),
    Arrow("pixels", "maps"),
    Arrow("ssd", "nms"),
    Arrow("crop", "nms"),
    Arrow("nms", "found"),
    Arrow("maps", "panoptic"),
    Arrow("found", "panoptic"),
)
TWO_STAGES = ("proposals", "trunk", "crop")
GREY = 7
"""Where :func:`course_utils.overlays.colour_map` has its grey."""

PANELS = ("画像", "正解", "予測")


def draw_network(*highlight: str, title: str = "") -> Figure:
    """Draws all of the chapter.

    Args:
        *highlight: Names of the boxes that the present section is about.
        title: What the highlighted boxes are.
    """
    alt = alternative_text("ch08.network") + (f"濃く示した部分: {title}" if highlight else "")
    return draw(BOXES, ARROWS, highlight=highlight, title=title, alt=alt)


def _images(alt: str, rows: int, columns: int, **more: Any) -> tuple[Figure, Any]:
    """Creates a figure of images, which stays small, as noise makes large files."""
    return new_figure(alt, rows, columns, dpi=100, **more)


def _bare(axis: Any, image: Array, title: str = "") -> None:
    axis.imshow(image, interpolation="nearest")
    axis.set_title(title, fontsize=8)
    axis.axis("off")


def _boxes(
    axis: Any, boxes: Array, texts: Sequence[str] | None = None, width: float = 2.0, **more: Any
) -> None:
    """Draws boxes whose colours fill the lines, and small texts, as an image of 96 pixels has no room for more."""
    frames, notes = len(axis.patches), len(axis.texts)
    draw_boxes(axis, boxes, texts, width=width, **more)
    for frame in axis.patches[frames:]:
        edge = [patheffects.withStroke(linewidth=width + 0.7, foreground="black")] if width >= 1.5 else []
        frame.set_path_effects(edge)
    for note in axis.texts[notes:]:
        note.set(fontsize=6.5)


def names_of(labels: Array, scores: Array | None = None) -> list[str]:
    """Writes classes, and scores with two decimals."""
    if scores is None:
        return [THINGS[label] for label in labels]
    return [f"{THINGS[label]} {score:.2f}" for label, score in zip(labels, scores, strict=True)]


def show_tasks(scene: Scene) -> Figure:
    """Shows an image and the right answers of four tasks."""
    figure, axes = _images("ch08.tasks", 1, 5, figsize=(7.6, 1.75))
    _bare(axes[0], scene.image, "画像")
    _bare(axes[1], scene.image, "物体検出")
    _boxes(axes[1], scene.boxes, names_of(scene.labels), labels=scene.labels)
    _bare(axes[2], colour_map(scene.semantic), "セマンティック")
    _bare(axes[3], blend_masks(scene.image, scene.masks), "インスタンス")
    numbered = np.where(scene.instances > 0, scene.instances + 1, scene.semantic)
    _bare(axes[4], colour_map(numbered), "パノプティック")
    return figure


def show_overlap(first: Array, second: Array, size: int) -> Figure:
    """Shows two boxes, and which pixels of them are TP, FP and FN."""
    figure, (left, right) = _images("ch08.overlap", 1, 2, figsize=(3.8, 2.0))
    blank = np.full((size, size, 3), 255, np.uint8)
    _bare(left, blank, "正解 (実線) と予測 (破線)")
    _boxes(left, np.array([first]), ["正解"], colour=COLOURS[0])
    _boxes(left, np.array([second]), colour=COLOURS[1], style="--")
    real, said = (mask_of(box, size) for box in (first, second))
    _bare(right, blend_masks(blank, np.stack([real & said, ~real & said, real & ~said])), "TP、FP、FN の画素")
    for mask, name in ((real & said, "TP"), (~real & said, "FP"), (real & ~said, "FN")):
        y, x = np.nonzero(mask)
        right.text(np.median(x), np.median(y), name, ha="center", va="center", fontsize=10)
    return figure


def mask_of(box: Array, size: int) -> npt.NDArray[np.bool_]:
    """Fills a box whose edges lie between pixels."""
    mask = np.zeros((size, size), bool)
    x1, y1, x2, y2 = np.asarray(box, int)
    mask[y1:y2, x1:x2] = True
    return mask


def show_before_and_after(image: Array, before: Detections, after: Detections) -> Figure:
    """Shows detections before and after NMS."""
    figure, axes = _images("ch08.nms", 1, 2, figsize=(4.3, 2.3))
    for axis, found, title in zip(axes, (before, after), ("NMS の前", "NMS の後"), strict=True):
        _bare(axis, image, f"{title}: {len(found.boxes)} 個")
        texts = names_of(found.labels, found.scores) if len(found.boxes) < 10 else None
        _boxes(axis, found.boxes, texts, labels=found.labels, width=1.3)
    return figure


def plot_precision(recall: Array, precision: Array, envelope: Array) -> Figure:
    """Plots precision over recall, and what AP is the area of."""
    figure, axis = new_figure("ch08.precision", figsize=(4.4, 1.9))
    axis.plot(recall, precision, "o--", color=COLOURS[0], label="検出を 1 つ増やすごと")
    points = np.linspace(0, 1, len(envelope))
    axis.fill_between(points, envelope, step="mid", alpha=0.25, color=COLOURS[1])
    axis.plot(points, envelope, color=COLOURS[1], linestyle="-", label="その再現率以上での最大")
    axis.set(xlabel="再現率", ylabel="適合率", xlim=(0, 1.02), ylim=(0, 1.05))
    axis.legend(loc="lower left")
    return figure


def show_maps(scenes: Sequence[Scene], predicted: Mapping[str, Array]) -> Figure:
    """Shows images, their semantic maps and what was predicted."""
    columns = 2 + len(predicted)
    figure, axes = _images(
        "ch08.maps", len(scenes), columns, figsize=(1.5 * columns, 1.6 * len(scenes)), squeeze=False
    )
    for k, (row, scene) in enumerate(zip(axes, scenes, strict=True)):
        shown = {"画像": scene.image, "正解": colour_map(scene.semantic)}
        shown |= {name: colour_map(maps[k]) for name, maps in predicted.items()}
        for axis, (name, image) in zip(row, shown.items(), strict=True):
            _bare(axis, image, name if k == 0 else "")
    return figure


def show_proposals(scene: Scene, regions: Array, proposals: Array, best: Array) -> Figure:
    """Shows regions, all proposals, and the best proposal of each thing."""
    figure, axes = _images("ch08.proposals", 1, 3, figsize=(6.6, 2.4))
    _bare(axes[0], colour_map(regions), "色の似た区画")
    _bare(axes[1], scene.image, f"候補 {len(proposals)} 個")
    _boxes(axes[1], proposals, colour="#f0e442", width=0.7)
    _bare(axes[2], scene.image, "正解 (実線) と、最も重なる候補 (破線)")
    _boxes(axes[2], scene.boxes, colour="#0072b2", width=2.4)
    _boxes(axes[2], proposals[best], colour="#f0e442", style="--", width=1.2)
    return figure


def show_default_boxes(image: Array, defaults: Array, strides: Sequence[int], per_cell: int = 6) -> Figure:
    """Shows each map's cells, and the default boxes of the cell in the middle."""
    figure, axes = _images("ch08.defaults", 1, len(strides), figsize=(5.2, 1.95))
    first = 0
    for axis, stride in zip(axes, strides, strict=True):
        side = len(image) // stride
        _bare(axis, image, f"ストライド {stride} のマップ")
        for border in np.arange(0, len(image) + 1, stride) - 0.5:
            axis.axhline(border, color="white", linewidth=0.3)
            axis.axvline(border, color="white", linewidth=0.3)
        middle = first + (side**2 + side) // 2 * per_cell
        _boxes(axis, defaults[middle : middle + per_cell], colour="#f0e442", width=1.2)
        first += side**2 * per_cell
    return figure


def show_matches(scene: Scene, defaults: Array, owner: Array) -> Figure:
    """Shows which default boxes answer for which thing."""
    figure, axes = _images("ch08.matches", 1, 2, figsize=(4.3, 2.3))
    _bare(axes[0], scene.image, "正解の箱")
    _boxes(axes[0], scene.boxes, labels=np.arange(len(scene.boxes)))
    mine = owner >= 0
    _bare(axes[1], scene.image, f"正例 {mine.sum()} 個 / {len(owner):,} 個")
    _boxes(axes[1], defaults[mine], labels=owner[mine], width=1.0)
    return figure


def plot_focal(gammas: Sequence[float]) -> Figure:
    """Plots the focal loss over the probability of the right answer."""
    figure, axis = new_figure("ch08.focal", figsize=(4.4, 1.8))
    right = np.linspace(0.01, 0.999, 200)
    for k, gamma in enumerate(gammas):
        axis.plot(
            right,
            -((1 - right) ** gamma) * np.log(right),
            color=COLOURS[k],
            linestyle=LINE_STYLES[k],
            label=f"γ = {gamma:g}",
        )
    axis.set(xlabel="正しい答えの確率 p", ylabel="損失", ylim=(0, 4))
    axis.legend()
    return figure


def plot_loss(losses: Sequence[float], window: int = 5) -> Figure:
    """Plots the loss of a live training, with its moving mean."""
    figure, axis = new_figure("ch08.live", figsize=(4.4, 1.5))
    axis.plot(losses, color=COLOURS[0], alpha=0.35, linestyle="-")
    mean = np.convolve(losses, np.ones(window) / window, mode="valid")
    axis.plot(np.arange(len(mean)) + window - 1, mean, color=COLOURS[0], linestyle="-")
    axis.set(xlabel="ステップ", ylabel="損失", ylim=(0, None))
    return figure


def show_detectors(
    scenes: Sequence[Scene], found: Mapping[str, Sequence[Detections]], least: float
) -> Figure:
    """Shows what several detectors find in the same images.

    Args:
        scenes: The images, and what is there.
        found: Detections of each image, by the detector's name.
        least: Lowest score that is drawn.
    """
    columns = 1 + len(found)
    figure, axes = _images(
        "ch08.detectors", len(scenes), columns, figsize=(1.55 * columns, 1.65 * len(scenes)), squeeze=False
    )
    for k, (row, scene) in enumerate(zip(axes, scenes, strict=True)):
        _bare(row[0], scene.image, "正解" if k == 0 else "")
        _boxes(row[0], scene.boxes, names_of(scene.labels), labels=scene.labels)
        for axis, (name, each) in zip(row[1:], found.items(), strict=True):
            _bare(axis, scene.image, name if k == 0 else "")
            good = each[k].scores >= least
            labels = each[k].labels[good]
            _boxes(axis, each[k].boxes[good], names_of(labels), labels=labels)
    return figure


def show_panoptic(scenes: Sequence[Scene], predicted: Array, per_class: int) -> Figure:
    """Shows, side by side, images, their panoptic maps, and those that were merged.

    A thing that was found has the colour of the true one; what matches none is grey.
    """
    figure, axes = _images("ch08.panoptic", 1, 3 * len(scenes), figsize=(3.7 * len(scenes), 1.45))
    for own, scene, merged in zip(axes.reshape(-1, 3), scenes, predicted, strict=True):
        truth, found = scene.panoptic, merged // per_class
        kinds = np.where(truth % per_class > 0, truth % per_class + 1, truth // per_class)
        for number in np.unique(merged[merged % per_class > 0]):
            mine = merged == number
            same = [k for k in np.unique(truth[mine]) if k // per_class == number // per_class]
            overlap = {k: (mine & (truth == k)).sum() / (mine | (truth == k)).sum() for k in same}
            best = max(overlap, key=overlap.__getitem__, default=None)
            found[mine] = kinds[truth == best][0] if best and overlap[best] > 0.5 else GREY
        for axis, image, title in zip(
            own, (scene.image, colour_map(kinds), colour_map(found)), PANELS, strict=True
        ):
            _bare(axis, image, title)
    return figure


def plot_losses(runs: Mapping[str, Sequence[float]]) -> Figure:
    """Plots the AP of each seed, by what the loss is called."""
    figure = plot_runs(runs, metric="AP", alt="ch08.losses")
    figure.set_size_inches(4.8, 2.2)
    return figure
