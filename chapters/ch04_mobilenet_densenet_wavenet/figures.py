"""Figures of chapter 4: a dense block's channels, a dilated stack, spectrograms and spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chapters.ch04_mobilenet_densenet_wavenet import sounds
from course_utils.plots import COLOURS, LINE_STYLES, DescribedFigure, new_figure

Array = npt.NDArray[Any]

QUIETEST = -70
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "oo")


def show_channels(first: int, growth: int, count: int) -> DescribedFigure:
    """Draws what each layer of a dense block reads: a bar for each layer, a piece for each origin.

    Args:
        first: Channels that enter the block.
        growth: New channels of each layer.
        count: Number of layers.

    Returns:
        The figure.
    """
    alt = (
        f"横棒グラフ。横軸はチャネルの数。{count} 個の層と出口が読むチャネルを、どこで作られたかで塗り分けている。"
        f"層 1 は入口の {first} だけを読み、層を 1 つ進むごとに {growth} ずつ後ろに継ぎ足され、"
        f"出口では {first + count * growth} になる。"
    )
    figure, axis = new_figure(alt, figsize=(7.5, 0.45 * count + 1.9))
    names = [f"層 {n}" for n in range(1, count + 1)]
    for origin in range(count + 1):
        width, left = (first, 0) if origin == 0 else (growth, first + (origin - 1) * growth)
        readers = range(origin, count + 1)
        axis.barh(
            list(readers),
            [width] * len(readers),
            left=left,
            color=COLOURS[origin % len(COLOURS)],
            alpha=0.75,
            hatch=HATCHES[origin % len(HATCHES)],
            edgecolor="white",
            label="入口" if origin == 0 else f"層 {origin} が作った",
        )
    axis.set_yticks(range(count + 1), [f"{name}が読む" for name in names] + ["出口"])
    axis.invert_yaxis()
    axis.set(xlabel="チャネルの数", title=f"入口 {first} チャネル、1 層に {growth} チャネルずつ連結")
    axis.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def show_stack(dilations: Sequence[int], inputs: int = 20) -> DescribedFigure:
    """Draws causal convolutions of two taps and, dark, what reaches the last output.

    Args:
        dilations: Dilation of each layer, the lowest first.
        inputs: Number of samples to draw.

    Returns:
        The figure.
    """
    seen = [{inputs - 1}]
    for dilation in reversed(dilations):
        seen.append(seen[-1] | {place - dilation for place in seen[-1] if place >= dilation})
    seen.reverse()
    alt = (
        f"横に {inputs} 個の時刻、縦に {len(dilations)} 層の図。dilation は下から {'、'.join(map(str, dilations))}。"
        f"右上の 1 つの出力から 2 本ずつ線をたどると、いちばん下では {len(seen[0])} 個の入力に届く。線は右上へ向かうだけで、未来からは来ない。"
    )
    figure, axis = new_figure(alt, figsize=(8.5, 0.65 * len(dilations) + 1.3))
    for level, dilation in enumerate(dilations, 1):
        for place in range(inputs):
            for origin in (place, place - dilation):
                if origin >= 0:
                    dark = place in seen[level]
                    style = (
                        {"color": COLOURS[0], "linewidth": 1.6}
                        if dark
                        else {"color": "0.85", "linewidth": 0.7}
                    )
                    axis.plot([origin, place], [level - 1, level], linestyle="-", zorder=1 + dark, **style)
    for level, places in enumerate(seen):
        rest = [place for place in range(inputs) if place not in places]
        axis.plot(rest, [level] * len(rest), "o", color="0.75", markersize=4, zorder=3)
        axis.plot(sorted(places), [level] * len(places), "o", color=COLOURS[0], markersize=7, zorder=4)
    axis.set_yticks(range(len(dilations) + 1), ["入力", *(f"dilation {dilation}" for dilation in dilations)])
    axis.set(xlabel="時刻 (サンプル)", title=f"1 つの出力が見る入力は {len(seen[0])} 個")
    axis.grid(visible=False)
    return figure


def show_spectrograms(waves: Mapping[str, Array], *, heading: str, alt: str) -> DescribedFigure:
    """Draws spectrograms side by side with one scale of loudness.

    Args:
        waves: Sounds at :data:`sounds.RATE` by their title.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    figure, axes = new_figure(alt, 1, len(waves), figsize=(4.4 * len(waves), 3.6), sharey=True, squeeze=False)
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


def plot_spectra(waves: Mapping[str, Mapping[str, Array]], *, heading: str, alt: str) -> DescribedFigure:
    """Plots averaged spectra: a panel for each group, a line for each sound.

    Args:
        waves: Sounds by name, by the panel's title.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    figure, axes = new_figure(alt, 1, len(waves), figsize=(4.6 * len(waves), 3.6), sharey=True, squeeze=False)
    for axis, (title, group) in zip(axes.flat, waves.items(), strict=True):
        for (name, wave), style in zip(group.items(), LINE_STYLES, strict=False):
            axis.plot(*sounds.average_spectrum(wave), linestyle=style, label=name)
        axis.set(xlabel="周波数 (Hz)", title=title)
    axes.flat[0].set_ylabel("強さ (dB)")
    axes.flat[0].legend()
    figure.suptitle(heading)
    return figure


def plot_waves(waves: Mapping[str, Array], *, heading: str, alt: str) -> DescribedFigure:
    """Plots short pieces of sounds below each other.

    Args:
        waves: Sounds at :data:`sounds.RATE` by their title.
        heading: Title of the whole figure.
        alt: Alternative text.

    Returns:
        The figure.
    """
    figure, axes = new_figure(
        alt, len(waves), 1, figsize=(8, 1.5 * len(waves) + 0.8), sharex=True, sharey=True, squeeze=False
    )
    for axis, (title, wave) in zip(axes.flat, waves.items(), strict=True):
        axis.plot(1000 * np.arange(len(wave)) / sounds.RATE, wave, linewidth=1.2)
        axis.set(ylabel="振幅", title=title)
    axes.flat[-1].set_xlabel("時間 (ミリ秒)")
    figure.suptitle(heading)
    return figure
