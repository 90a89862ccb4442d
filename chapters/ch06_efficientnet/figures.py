"""The figures of chapter 6: the network it is about, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from chapters.ch06_efficientnet import tables
from chapters.ch06_efficientnet.experiment import COUNTS, DIRECTIONS, FACTORS, GOING_ON, Trained, Transferred
from course_utils.claims import alternative_text
from course_utils.diagrams import Arrow, Box, draw
from course_utils.imagenet import Guess
from course_utils.photos import PHOTOS
from course_utils.plots import COLOURS, MARKERS, draw_spread, new_figure

MBCONV = ("expand", "depthwise", "gate", "project", "drop", "add")
"""Names of the boxes inside of an MBConv block."""

BOXES = {
    "image": Box("画像", 0, 0, 0.7, kind="data"),
    "stem": Box("3×3\n畳み込み", 1.35, 0),
    "blocks": Box("MBConv × 16\n(7 つの段)", 3.0, 0, 1.3),
    "top": Box("1×1\n畳み込み", 4.6, 0),
    "pool": Box("全体平均\nプーリング", 6.05, 0),
    "scores": Box("1,000 クラス\nの得点", 7.65, 0, 1.1, kind="result"),
    "x": Box("x", 0, -2.2, 0.45, kind="data"),
    "expand": Box("1×1\n広げる", 1.1, -2.2, 0.85),
    "depthwise": Box("depthwise", 2.35, -2.2, 0.95),
    "gate": Box("SE", 3.5, -2.2, 0.6),
    "project": Box("1×1\n縮める", 4.6, -2.2, 0.85),
    "drop": Box("stochastic\ndepth", 5.85, -2.2, 0.95),
    "add": Box("＋", 7.1, -2.2, 0.45),
    "y": Box("y", 7.95, -2.2, 0.45, kind="result"),
}
ARROWS = (
    Arrow("image", "stem"),
    Arrow("stem", "blocks"),
    Arrow("blocks", "top"),
    Arrow("top", "pool"),
    Arrow("pool", "scores"),
    Arrow("x", "expand"),
    Arrow("expand", "depthwise"),
    Arrow("depthwise", "gate"),
    Arrow("gate", "project"),
    Arrow("project", "drop"),
    Arrow("drop", "add"),
    Arrow("x", "add", "ショートカット: 形が変わらないブロックだけ", bend=0.33, clear=0.2),
    Arrow("add", "y"),
)


def draw_network(*highlight: str, title: str = "") -> Figure:
    """Draws EfficientNet-B0, and below it the inside of an MBConv block.

    Args:
        *highlight: Names of the boxes that the present section is about.
        title: What the drawing, or its highlighted part, is.
    """
    alt = alternative_text("ch06.network") + (f"濃く示した部分: {title}" if highlight else "")
    return draw(BOXES, ARROWS, highlight=highlight, title=title, alt=alt)


def plot_scaling(results: Sequence[Trained], factor: int) -> Figure:
    """Plots the test accuracy at one multiple of the cost: a dot for each seed and a bar at the median."""
    rows = {"大きくする前": tables.by_direction(results, "depth", 1)}
    rows |= {way.title: tables.by_direction(results, name, factor) for name, way in DIRECTIONS.items()}
    figure, axis = new_figure("ch06.scaling", figsize=(7.6, 4.4))
    for row, values in enumerate(rows.values()):
        colour, marker = COLOURS[row % len(COLOURS)], MARKERS[row % len(MARKERS)]
        axis.plot(values, row + np.linspace(-0.16, 0.16, len(values)), marker, color=colour)
        axis.vlines(np.median(values), row - 0.34, row + 0.34, colors=colour, linewidth=2.5)
    axis.axvline(np.median(rows["大きくする前"]), color="0.4", linestyle=":")
    axis.set(
        xlabel="テスト精度 (点はシードごと、縦の棒は中央値)",
        title=f"積和を {factor} 倍にした 5 つの案、花の写真",
        ylim=(len(rows) - 0.4, -0.6),
    )
    axis.set_yticks(range(len(rows)), list(rows))
    return figure


def plot_going_on(results: Sequence[Trained]) -> Figure:
    """Plots the test accuracy against the multiply-adds, a line for each direction: median, lowest, highest."""
    figure, axis = new_figure("ch06.going_on", figsize=(7.6, 4.4))
    for i, way in enumerate((*GOING_ON, "depth")):
        factors = tables.measured_factors(results, way)
        runs = [tables.selected(results, way, factor) for factor in factors]
        # a little apart, so that the bars do not hide each other
        x = [1.02 ** (i - 1.5) * each[0].multiply_adds / 1e6 for each in runs]
        draw_spread(axis, x, [[r.test for r in each] for each in runs], i, DIRECTIONS[way].title)
    axis.set_xscale("log", base=2)
    small = tables.selected(results, "depth", 1)[0].multiply_adds / 1e6
    axis.set_xticks([small * factor for factor in (1, *FACTORS)], [f"{f} 倍" for f in (1, *FACTORS)])
    axis.set_xlabel(f"積和 (1 倍は {small:.2f} 百万回)")
    axis.set(
        ylabel="テスト精度", title="花の写真のテスト精度 (縦の棒は最小と最大。4 倍はシードが 2 つか 3 つ)"
    )
    axis.legend()
    return figure


def plot_resolution(
    sizes: Sequence[int], confidence: Mapping[str, Sequence[float]], seconds: Sequence[float]
) -> Figure:
    """Plots each photograph's probability, and the time of an image, against the resolution.

    Args:
        sizes: Pixels across.
        confidence: Probabilities of the class that was first at 224 pixels, by the photograph's name.
        seconds: Of all the photographs together.
    """
    figure, (left, right) = new_figure("ch06.resolution", 1, 2, figsize=(9.4, 4.9))
    for i, (name, values) in enumerate(confidence.items()):
        left.plot(sizes, values, marker=MARKERS[i], markersize=5, label=PHOTOS[name])
    left.axvline(224, color="0.4", linestyle=":")
    left.annotate("学習した解像度", (224, 1.04), (4, 0), textcoords="offset points", fontsize=10)
    left.set(xlabel="解像度 (画素)", ylabel="確率", ylim=(0, 1.12), title="224 画素で 1 位のクラスの確率")
    milliseconds = 1000 * np.array(seconds) / len(confidence)
    middle = list(sizes).index(224)
    right.plot(sizes, milliseconds, marker="o", label="測った時間")
    right.plot(sizes, milliseconds[middle] * (np.array(sizes) / 224) ** 2, "--", label="解像度の 2 乗に比例")
    right.set(xlabel="解像度 (画素)", ylabel="1 枚の時間 (ミリ秒)", title="推論の時間", ylim=(0, None))
    right.legend()
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def plot_occlusion(
    photos: Mapping[str, npt.NDArray[Any]],
    drops: Mapping[str, npt.NDArray[Any]],
    guesses: Mapping[str, Sequence[Guess]],
) -> Figure:
    """Shows photographs, and over them how far the probability falls where a patch hides them.

    Args:
        photos: RGB images by name.
        drops: Falls of the probability, a grid for each photograph, by its name.
        guesses: Likeliest classes by name.
    """
    most = max(grid.max() for grid in drops.values())
    figure, axes = new_figure("ch06.occlusion", 1, 2 * len(drops), figsize=(9.6, 2.9))
    for i, (name, grid) in enumerate(drops.items()):
        shown, covered = axes[2 * i], axes[2 * i + 1]
        size, patch = photos[name].shape[0], 64
        shown.imshow(photos[name])
        covered.imshow(cv2.cvtColor(cv2.cvtColor(photos[name], cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
        edge = (patch - (size - patch) / (len(grid) - 1)) / 2  # of the outer patches' middle fields
        extent = (edge, size - edge, size - edge, edge)
        image = covered.imshow(grid, cmap="magma", alpha=0.65, vmin=0, vmax=most, extent=extent)
        covered.set(xlim=(0, size), ylim=(size, 0))
        best = guesses[name][0]
        shown.set_title(f"{PHOTOS[name]}\n{best.name} {best.probability:.2f}", fontsize=10)
        covered.set_title("隠したときの\n確率の下がり", fontsize=10)
        for axis in (shown, covered):
            axis.axis("off")
    figure.colorbar(image, ax=list(axes), shrink=0.8, label="下がり")
    return figure


def plot_transfer(results: Sequence[Transferred]) -> Figure:
    """Plots the test accuracy of frozen features against the photographs of each kind."""
    figure, axis = new_figure("ch06.transfer", figsize=(7, 4.2))
    for i, name in enumerate(("imagenet 224", "cifar10 48")):
        values = [tables.by_features(results, name, count) for count in COUNTS]
        draw_spread(axis, COUNTS, values, i, f"{tables.FEATURE_NAMES[name][:-1]} 画素)")
    axis.axhline(0.2, color="0.4", linestyle=":", label="当てずっぽう")
    axis.set(
        xlabel="学習する写真 (1 種類の枚数)",
        ylabel="テスト精度",
        ylim=(0, 0.8),
        title="花の写真、凍結した特徴と線形の出力層 (縦の棒は最小と最大)",
    )
    axis.legend()
    return figure
