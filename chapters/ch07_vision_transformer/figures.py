"""The figures of chapter 7: the network it is about, what a picture becomes, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from chapters.ch07_vision_transformer import tables
from chapters.ch07_vision_transformer.experiment import Cost, Result
from course_utils.claims import alternative_text
from course_utils.diagrams import Arrow, Box, draw
from course_utils.plots import COLOURS, draw_spread, new_figure

Array = npt.NDArray[Any]

BOXES = {
    "image": Box("画像", 0, 0, 0.8, kind="data"),
    "patches": Box("パッチに\n切る", 1.3, 0),
    "embed": Box("線形変換", 2.7, 0),
    "cls": Box("CLS を前に\n足す", 4.15, 0, 1.1),
    "position": Box("位置の\n埋め込み ＋", 5.65, 0, 1.2),
    "encoder": Box("エンコーダの\nブロック × L", 7.2, 0, 1.25),
    "x": Box("トークン\nの列 x", 0, -1.35, 0.9, kind="data"),
    "norm1": Box("Layer\nNorm", 1.15, -1.35, 0.75),
    "attention": Box("自己注意", 2.25, -1.35, 0.9),
    "add1": Box("＋", 3.15, -1.35, 0.4),
    "norm2": Box("Layer\nNorm", 4.05, -1.35, 0.75),
    "mlp": Box("MLP\n(GELU)", 5.05, -1.35, 0.85),
    "add2": Box("＋", 5.9, -1.35, 0.4),
    "head": Box("CLS だけを\n出力層へ", 7.2, -1.35, 1.15, kind="result"),
}
ARROWS = (
    Arrow("image", "patches"),
    Arrow("patches", "embed"),
    Arrow("embed", "cls"),
    Arrow("cls", "position"),
    Arrow("position", "encoder"),
    Arrow("x", "norm1"),
    Arrow("norm1", "attention"),
    Arrow("attention", "add1"),
    Arrow("x", "add1", "x をそのまま", bend=0.4),
    Arrow("add1", "norm2"),
    Arrow("norm2", "mlp"),
    Arrow("mlp", "add2"),
    Arrow("add1", "add2", "そのまま", bend=0.45),
    Arrow("encoder", "head"),
)
EMBEDDING = ("patches", "embed", "cls", "position")
BLOCK = ("norm1", "attention", "add1", "norm2", "mlp", "add2")


def draw_network(*highlight: str, title: str = "") -> Figure:
    """Draws the Vision Transformer, and below it the inside of an encoder block.

    Args:
        *highlight: Names of the boxes that the present section is about.
        title: What the highlighted boxes are.
    """
    alt = alternative_text("ch07.network") + (f"濃く示した部分: {title}" if highlight else "")
    return draw(BOXES, ARROWS, highlight=highlight, title=title, alt=alt)


def as_image(pictures: Array) -> Array:
    """Brings prepared pictures, [-2, 2), back to [0, 1]."""
    return np.clip((pictures + 2) / 4, 0, 1)


def show_patches(photo: Array, patch: int) -> Figure:
    """Shows a photograph with the borders of its patches, and its middle row of patches one after another."""
    figure, (whole, row) = new_figure("ch07.patches", 2, 1, figsize=(7.5, 5.2), height_ratios=(4, 1))
    whole.imshow(photo)
    for border in range(0, len(photo) + 1, patch):
        whole.axhline(border - 0.5, color="white", linewidth=0.8)
        whole.axvline(border - 0.5, color="white", linewidth=0.8)
    side = len(photo) // patch
    middle = photo[side // 2 * patch : (side // 2 + 1) * patch]
    gap = np.full((patch, 3, 3), 255, "uint8")
    tiles = [np.hstack([middle[:, i * patch : (i + 1) * patch], gap]) for i in range(side)]
    row.imshow(np.hstack(tiles))
    for axis in (whole, row):
        axis.axis("off")
    whole.set_title(f"{side} × {side} = {side * side} 枚のパッチ")
    row.set_title(f"{side // 2 + 1} 行目の {side} 枚を、左から順に並べたところ", fontsize=11)
    return figure


def show_maps(pictures: Array, maps: Array, titles: Sequence[str]) -> Figure:
    """Shows pictures, and below each what the class token looks at in every block (bright means more).

    Args:
        pictures: Prepared, ``(n, size, size, 3)``.
        maps: Attention of the class token, ``(blocks, n, side, side)``.
        titles: One for each picture.
    """
    rows, count = len(maps) + 1, len(pictures)
    figure, axes = new_figure("ch07.maps", rows, count, figsize=(1.75 * count + 0.6, 1.9 * rows))
    for column, (picture, title) in enumerate(zip(as_image(pictures), titles, strict=True)):
        axes[0, column].imshow(picture)
        axes[0, column].set_title(title, fontsize=11)
        for block, heat in enumerate(maps[:, column], 1):
            axes[block, column].imshow(heat, cmap="viridis", vmin=0)
            axes[block, column].set_title(f"最大 {heat.max():.2f}", fontsize=10)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
    for block in range(1, rows):
        axes[block, 0].set_ylabel(f"{block} つ目のブロック", fontsize=10)
    figure.suptitle("CLS の注意 (マップごとに、0 から最大までを明るさで示す)", fontsize=12)
    return figure


def plot_sizes(results: Sequence[Result]) -> Figure:
    """Plots test accuracy against the number of training images, ViT and CNN."""
    figure, axis = new_figure("ch07.sizes", figsize=(7.5, 4.6))
    counts = tables.counts(results)
    for index, name in enumerate(("CNN", "ViT")):
        draw_spread(axis, counts, [tables.scores(results, name, count) for count in counts], index, name)
    axis.axhline(0.1, color="0.4", linestyle=":", label="当てずっぽう")
    axis.set_xscale("log")
    axis.set_xticks(counts, [f"{count:,}" for count in counts])
    axis.minorticks_off()
    axis.set(
        xlabel="訓練データの枚数 (対数の目盛り)",
        ylabel="テスト精度",
        ylim=(0, None),
        title="CIFAR-10、同じパラメータ数の CNN と ViT (中央値、最小〜最大)",
    )
    axis.legend()
    return figure


def plot_cost(costs: Sequence[Cost]) -> Figure:
    """Plots measured seconds against tokens, with a quadratic fit and what proportional cost would be."""
    figure, axis = new_figure("ch07.cost", figsize=(7.5, 4.4))
    tokens, seconds = (np.array([getattr(cost, name) for cost in costs]) for name in ("tokens", "seconds"))
    line = np.linspace(tokens[0], tokens[-1], 100)
    fit, _ = tables.quadratic(costs)
    axis.plot(tokens, seconds, "o", color=COLOURS[0], label="測った時間")
    axis.plot(line, np.polyval(fit, line), color=COLOURS[1], label="2 次式の当てはめ")
    axis.plot(line, line / tokens[0], color=COLOURS[2], linestyle="--", label="トークンの数に比例するなら")
    axis.set(
        xlabel="トークンの数",
        ylabel=f"時間 ({tokens[0]} トークンの何倍か)",
        ylim=(0, None),
        title="エンコーダのブロック 1 つの時間",
    )
    axis.legend()
    return figure


def plot_positions(similar: Array) -> Figure:
    """Shows, for a few patches, how alike the position embeddings of all others are."""
    side = round(len(similar) ** 0.5)
    places = [(r, c) for r in (1, side // 2, side - 2) for c in (1, side // 2, side - 2)]
    figure, axes = new_figure("ch07.positions", 3, 3, figsize=(6.4, 5.8))
    for axis, (row, column) in zip(axes.flat, places, strict=True):
        shown = axis.imshow(similar[row * side + column].reshape(side, side), vmin=-1, vmax=1, cmap="cividis")
        axis.plot(column, row, "x", color="red", markersize=8)
        axis.set_title(f"{row + 1} 行 {column + 1} 列", fontsize=10)
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
    figure.colorbar(shown, ax=axes, label="コサイン類似度", shrink=0.8)
    figure.suptitle("学習した位置の埋め込みの類似度 (×は基準のパッチ)")
    return figure
