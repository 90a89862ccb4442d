"""Figures of chapter 4: its three blocks, dilated stacks, accuracies and spectrograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from IPython.display import HTML, Audio
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chapters.ch04_mobilenet_densenet_wavenet import sounds, tables
from chapters.ch04_mobilenet_densenet_wavenet.experiment import Result
from chapters.ch04_mobilenet_densenet_wavenet.taught import NETWORKS
from course_utils.claims import alternative_text
from course_utils.diagrams import Arrow, Box, draw
from course_utils.plots import COLOURS, MARKERS, DescribedFigure, new_figure

Array = npt.NDArray[Any]

QUIETEST = -70

ROWS = (
    ("m", "depthwise", "pointwise", "m_out"),
    ("d", "dense", "concatenate", "d_out"),
    ("w", "dilated", "gate", "mix", "sum", "w_out", "condition", "skip", "logits"),
)
"""Names of the boxes of each network."""

WAVENET = ("dilated", "gate", "mix", "sum", "skip")
"""Names of the boxes of a WaveNet layer."""

BOXES = {
    "m": Box("MobileNet\nの特徴マップ", 0, 0, 1.3, kind="data"),
    "depthwise": Box("depthwise 3×3\n場所だけを混ぜる", 2.5, 0, 1.7),
    "pointwise": Box("pointwise 1×1\nチャネルだけを混ぜる", 5.1, 0, 2.0),
    "m_out": Box("次のブロックへ", 7.5, 0, 1.3, kind="result"),
    "d": Box("DenseNet の\n入口 16 チャネル", 0, -1.35, 1.5, kind="data"),
    "dense": Box("3×3 の畳み込み\n12 チャネルを作る", 2.5, -1.35, 1.7),
    "concatenate": Box("後ろに連結\n16 + 12 = 28", 5.1, -1.35, 1.4),
    "d_out": Box("次の層へ\n28 チャネル", 7.5, -1.35, 1.3, kind="result"),
    "w": Box("WaveNet の\n層の入力 x", 0, -2.85, 1.3, kind="data"),
    "dilated": Box("因果的な\n畳み込み\n(間を空ける)", 1.75, -2.85, 1.2),
    "gate": Box("tanh × σ\n(ゲート)", 3.4, -2.85, 1.0),
    "mix": Box("1×1", 4.75, -2.85, 0.6),
    "sum": Box("＋", 5.85, -2.85, 0.5),
    "w_out": Box("次の層へ", 7.5, -2.85, 1.1, kind="result"),
    "condition": Box("条件 h: 音の高さと母音", 2.1, -3.9, 2.2, kind="data"),
    "skip": Box("スキップ接続\n全部の層の和", 4.75, -3.9, 1.4),
    "logits": Box("次のサンプルの\n256 段階の得点", 7.3, -3.9, 1.5, kind="result"),
}
ARROWS = (
    Arrow("m", "depthwise"),
    Arrow("depthwise", "pointwise"),
    Arrow("pointwise", "m_out"),
    Arrow("d", "dense"),
    Arrow("dense", "concatenate"),
    Arrow("d", "concatenate", "そのまま残す", bend=0.25),
    Arrow("concatenate", "d_out"),
    Arrow("w", "dilated"),
    Arrow("dilated", "gate"),
    Arrow("gate", "mix"),
    Arrow("mix", "sum"),
    Arrow("w", "sum", "残差接続", bend=0.28),
    Arrow("sum", "w_out"),
    Arrow("condition", "gate"),
    Arrow("mix", "skip"),
    Arrow("skip", "logits"),
)


def draw_blocks(*highlight: str, title: str = "") -> Figure:
    """Draws the blocks of MobileNet, DenseNet and WaveNet.

    Args:
        *highlight: Names of the boxes that the present section is about; only their rows are drawn.
        title: What the highlighted boxes are.
    """
    shown = {name for row in ROWS if not highlight or set(row) & set(highlight) for name in row}
    boxes = {name: box for name, box in BOXES.items() if name in shown}
    arrows = [arrow for arrow in ARROWS if arrow.start in shown]
    alt = alternative_text("ch04.blocks") + (f"この節の段だけを示す: {title}" if highlight else "")
    return draw(boxes, arrows, highlight=highlight, title=title, alt=alt)


def plot_accuracies(data: Mapping[str, tuple[Sequence[Result], float]]) -> DescribedFigure:
    """Plots the networks' test accuracy, a mark for each seed and a bar at the median.

    Args:
        data: Results, and what guessing reaches, by the name of the data, each a panel.

    Returns:
        The figure.
    """
    figure, axes = new_figure("ch04.accuracies", 1, len(data), figsize=(8.4, 3.2), sharey=True)
    for axis, (title, (results, chance)) in zip(np.atleast_1d(axes), data.items(), strict=True):
        for row, name in enumerate(NETWORKS):
            values, colour = [r.test for r in tables.by_network(results, name)], COLOURS[row]
            axis.plot(values, row + np.linspace(-0.16, 0.16, len(values)), MARKERS[row], color=colour)
            axis.vlines(np.median(values), row - 0.32, row + 0.32, colors=colour, linewidth=2.5)
        axis.axvline(chance, color="0.4", linestyle=":")
        axis.annotate("当てずっぽう", (chance, -0.45), (4, 0), textcoords="offset points", fontsize=10)
        axis.set(title=title, xlabel="テスト精度", xlim=(0.05, 0.65), ylim=(len(NETWORKS) - 0.5, -0.75))
        axis.set_yticks(range(len(NETWORKS)), list(NETWORKS))
    return figure


def show_stacks(*stacks: Sequence[int], inputs: int = 20) -> DescribedFigure:
    """Draws causal convolutions of two taps and, dark, what reaches the last output.

    Args:
        *stacks: Dilation of each layer, the lowest first; each stack is a panel.
        inputs: Number of samples to draw.

    Returns:
        The figure.
    """
    height = sum(0.55 * len(dilations) + 0.9 for dilations in stacks)
    figure, axes = new_figure("ch04.stacks", len(stacks), 1, figsize=(8.5, height), squeeze=False)
    for axis, dilations in zip(axes.flat, stacks, strict=True):
        _draw_stack(axis, dilations, inputs)
    axes.flat[-1].set_xlabel("時刻 (サンプル)")
    return figure


def _draw_stack(axis: Axes, dilations: Sequence[int], inputs: int) -> None:
    seen = [{inputs - 1}]
    for dilation in reversed(dilations):
        seen.append(seen[-1] | {place - dilation for place in seen[-1] if place >= dilation})
    seen.reverse()
    for level, dilation in enumerate(dilations, 1):
        for place in range(inputs):
            dark = place in seen[level]
            style: dict[str, Any] = (
                {"color": COLOURS[0], "linewidth": 1.6} if dark else {"color": "0.85", "linewidth": 0.7}
            )
            for origin in (place, place - dilation):
                if origin >= 0:
                    axis.plot([origin, place], [level - 1, level], linestyle="-", zorder=1 + dark, **style)
    for level, places in enumerate(seen):
        rest = [place for place in range(inputs) if place not in places]
        axis.plot(rest, [level] * len(rest), "o", color="0.75", markersize=4, zorder=3)
        axis.plot(sorted(places), [level] * len(places), "o", color=COLOURS[0], markersize=7, zorder=4)
    axis.set_yticks(range(len(dilations) + 1), ["入力", *(f"ダイレーション {d}" for d in dilations)])
    axis.set(xticks=range(inputs), title=f"1 つの出力が見る入力は {len(seen[0])} 個")
    axis.grid(visible=False)


def show_spectrograms(waves: Mapping[str, Array], *, heading: str, alt: str) -> DescribedFigure:
    """Draws spectrograms side by side with one scale of loudness.

    Args:
        waves: Sounds at :data:`sounds.RATE` by their title.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    figure, axes = new_figure(alt, 1, len(waves), figsize=(4.2 * len(waves), 2.9), sharey=True, squeeze=False)
    for axis, (title, wave) in zip(axes.flat, waves.items(), strict=True):
        times, frequencies, decibels = sounds.spectrogram(wave)
        mesh = axis.pcolormesh(
            times, frequencies, decibels, vmin=QUIETEST, vmax=0, cmap="magma", rasterized=True
        )
        axis.set(xlabel="時間 (秒)", title=title)
        axis.grid(visible=False)
    axes.flat[0].set_ylabel("周波数 (Hz)")
    figure.colorbar(mesh, ax=axes, label="強さ (dB)")
    figure.suptitle(heading)
    return figure


def players(waves: Mapping[str, Array]) -> HTML:
    """Puts players side by side, each under its name.

    Args:
        waves: Samples at :data:`sounds.RATE` by what the reader calls them.
    """
    cells = []
    for name, wave in waves.items():
        player = Audio(sounds.playable(wave), rate=2 * sounds.RATE)._repr_html_()
        narrow = player.replace("<audio ", "<audio style='width: 210px' ")
        cells.append(f"<td style='text-align: left'>{name}<br>{narrow}</td>")
    return HTML(f"<table><tr>{''.join(cells)}</tr></table>")
