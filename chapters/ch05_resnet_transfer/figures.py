"""The figures of chapter 5: the network it is about, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from chapters.ch05_resnet_transfer import tables
from chapters.ch05_resnet_transfer.experiment import RUNS, Result
from course_utils.claims import alternative_text
from course_utils.diagrams import Arrow, Box, draw
from course_utils.plots import COLOURS, MARKERS, new_figure

TRUNK = ("stem", "blocks", "pool")
"""Names of the backbone's boxes."""

BLOCK = ("first", "second", "add", "relu")
"""Names of the boxes inside of a residual block."""

BOXES = {
    "image": Box("花の画像", 0, 0, kind="data"),
    "stem": Box("畳み込み", 1.5, 0),
    "blocks": Box("残差ブロック\n× 6", 3.05, 0, 1.2),
    "pool": Box("全体平均\nプーリング", 4.6, 0),
    "head": Box("出力層\nDense + softmax", 6.35, 0, 1.4),
    "scores": Box("5 クラスの\n確率", 7.95, 0, kind="result"),
    "backbone": Box("特徴を取り出す本体 (backbone)", 3.05, 0.7, 4.1, kind="data"),
    "x": Box("ブロックの\n入力 x", 0, -1.75, kind="data"),
    "first": Box("畳み込み, BN,\nReLU", 1.75, -1.75, 1.2),
    "second": Box("畳み込み, BN\n→ F(x)", 3.5, -1.75, 1.2),
    "add": Box("＋", 5.0, -1.75, 0.45),
    "relu": Box("ReLU", 6.1, -1.75, 0.7),
    "y": Box("ブロックの\n出力 y", 7.3, -1.75, kind="result"),
}
ARROWS = (
    Arrow("image", "stem"),
    Arrow("stem", "blocks"),
    Arrow("blocks", "pool"),
    Arrow("pool", "head", "特徴"),
    Arrow("head", "scores"),
    Arrow("x", "first"),
    Arrow("first", "second"),
    Arrow("second", "add"),
    Arrow("x", "add", "ショートカット: x をそのまま", bend=0.34),
    Arrow("add", "relu"),
    Arrow("relu", "y"),
)


def draw_network(*highlight: str, title: str = "") -> Figure:
    """Draws the chapter's network, and below it the inside of a residual block.

    Args:
        *highlight: Names of the boxes that the present section is about.
        title: What the highlighted boxes are.
    """
    alt = alternative_text("ch05.network") + (f"濃く示した部分: {title}" if highlight else "")
    return draw(BOXES, ARROWS, highlight=highlight, title=title, alt=alt)


def plot_gradients(norms: Mapping[str, Sequence[float]]) -> Figure:
    """Plots the gradient's norm at each layer, by the network's name."""
    figure, axis = new_figure("ch05.gradients", figsize=(7.5, 4.8))
    for (name, values), marker in zip(norms.items(), MARKERS, strict=False):
        axis.semilogy(range(len(values)), values, marker=marker, markersize=4, label=name)
    axis.set(
        xlabel="層の番号 (左が入口)", ylabel="勾配のノルム", title="30 層のネットワークの、各層に届く勾配"
    )
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def plot_training(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Plots the training accuracy at each epoch, by the network's name."""
    figure, axis = new_figure("ch05.degradation")
    for (name, values), marker in zip(curves.items(), MARKERS, strict=False):
        axis.plot(range(1, len(values) + 1), values, marker=marker, label=name)
    axis.axhline(0.2, color="0.4", linestyle=":", label="当てずっぽう")
    axis.set(
        xlabel="エポック",
        ylabel="訓練データの精度",
        title="BatchNormalization を入れた 3 つのネットワーク",
        ylim=(0, 1),
        xticks=range(1, 6),
    )
    axis.legend()
    return figure


def plot_test_accuracies(results: Mapping[str, Sequence[Result]]) -> Figure:
    """Plots the seven runs' test accuracy, a dot for each seed and a bar at the median.

    Args:
        results: Results of the runs by the name of the data, each a panel.
    """
    figure, axes = new_figure("ch05.test_accuracies", 1, len(results), figsize=(8.4, 4.2), sharey=True)
    for axis, (data, each) in zip(np.atleast_1d(axes), results.items(), strict=True):
        for row, run in enumerate(RUNS):
            values, colour = [r.test for r in tables.by_key(each, run.key)], COLOURS[row]
            axis.plot(values, row + np.linspace(-0.16, 0.16, len(values)), MARKERS[row], color=colour)
            axis.vlines(np.median(values), row - 0.32, row + 0.32, colors=colour, linewidth=2.5)
        axis.axvline(0.2, color="0.4", linestyle=":")
        axis.annotate(
            "当てずっぽう", (0.2, len(RUNS) - 0.55), (4, 0), textcoords="offset points", fontsize=10
        )
        axis.set(title=data, xlabel="テスト精度", xlim=(0.15, 0.85), ylim=(len(RUNS) - 0.3, -0.6))
        axis.set_yticks(range(len(RUNS)), [run.name for run in RUNS])
    return figure
