"""Figures that the chapters share: legible, in Japanese, readable without colour, with alternative text."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import matplotlib_fontja
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_utils.claims import alternative_text

Array = npt.NDArray[Any]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, told apart by every kind of colour vision; their yellow is too pale for lines."""

LINE_STYLES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

METRIC_NAMES = {
    "acc": "精度",
    "accuracy": "精度",
    "loss": "損失",
    "seconds": "時間(秒)",
    "epochs": "エポック数",
}


class DescribedFigure(Figure):
    """A figure with alternative text.

    In a notebook it is shown once: as the cell's last line or, if it is not that, at the end of the
    cell. The text is stored as the picture's ``alt``, which nbconvert reads, and folded below the
    picture, because JupyterLab does not read it.

    Attributes:
        alt: Alternative text.
    """

    alt: str = ""

    def _ipython_display_(self) -> None:
        from IPython.display import display

        show: Callable[..., None] = display
        waiting = [plt.figure(number) for number in plt.get_fignums()]
        for earlier in waiting[: waiting.index(self)] if self in waiting else []:
            plt.close(earlier)
            show(earlier)
        plt.close(self)
        picture = io.BytesIO()
        self.savefig(picture, format="png", bbox_inches="tight")
        bundle = {"image/png": picture.getvalue(), "text/plain": repr(self)}
        show(bundle, metadata={"image/png": {"alt": self.alt}}, raw=True)
        folded = f"<details><summary>図の説明</summary>{html.escape(self.alt)}</details>"
        show({"text/html": folded, "text/plain": self.alt}, raw=True)


def use_course_style() -> None:
    """Sets the course's Matplotlib style: Japanese font, legible sizes, colours that all can tell apart."""
    matplotlib_fontja.japanize()
    plt.rcParams.update(
        {
            "font.family": [matplotlib_fontja.matplotlib_fontja.FONT_NAME, "DejaVu Sans"],
            "font.size": 11,
            "axes.unicode_minus": False,
            "axes.titlesize": 12,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINE_STYLES),
            "figure.dpi": 100,
            "figure.figsize": (7, 4),
            "lines.linewidth": 1.8,
        }
    )


def new_figure(alt: str, rows: int = 1, columns: int = 1, **subplots: Any) -> tuple[DescribedFigure, Any]:
    """Creates a figure with alternative text.

    Args:
        alt: Alternative text, in Japanese: what kind of figure, what its axes are, what one sees. Or the
            name of one, ``chNN.name``, among ``[figures]`` in the chapter's ``claims.toml``.
        rows: Rows of axes.
        columns: Columns of axes.
        **subplots: More arguments of ``matplotlib.pyplot.subplots``.

    Returns:
        The figure and its axes, as ``matplotlib.pyplot.subplots`` does.
    """
    figure, axes = plt.subplots(
        rows, columns, FigureClass=DescribedFigure, **{"layout": "constrained", **subplots}
    )
    figure.alt = alternative_text(alt)
    return figure, axes


def show_images(
    images: np.ndarray,
    titles: Sequence[object] | None = None,
    *,
    columns: int = 5,
    heading: str = "",
    alt: str | None = None,
) -> DescribedFigure:
    """Shows images in a grid.

    Args:
        images: Shape ``(n, height, width)``, ``(n, height, width, 1)`` or ``(n, height, width, 3)``;
            uint8, or real numbers in [0, 1].
        titles: One title for each image.
        columns: Images in a row.
        heading: Title of the whole figure.
        alt: Alternative text; by default made from the number of images and the titles.

    Returns:
        The figure.
    """
    count = len(images)
    columns = min(columns, count)
    rows = -(-count // columns)
    captions = [""] * count if titles is None else [str(title) for title in titles]
    if alt is None:
        alt = f"{heading or '画像'}: {count} 枚を {rows} 行 {columns} 列に並べた図。"
        alt += f"題は順に {'、'.join(captions)}。".replace("\n", " ") if titles is not None else ""
    figure, axes = new_figure(alt, rows, columns, figsize=(1.7 * columns, 1.95 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, caption in zip(axes.flat, images, captions, strict=False):
        axis.imshow(np.squeeze(image), cmap="gray" if np.squeeze(image).ndim == 2 else None)
        axis.set_title(caption, fontsize=10)
    if heading:
        figure.suptitle(heading)
    return figure


def plot_histories(
    histories: Mapping[str, Mapping[str, Sequence[float]]],
    metrics: str | Sequence[str] = "accuracy",
    *,
    heading: str = "",
    alt: str | None = None,
) -> DescribedFigure:
    """Plots training curves: dashed for training, solid for validation, one marker for each run.

    Args:
        histories: ``keras.callbacks.History.history`` by the run's name.
        metrics: A metric, or several, each in its own panel, such as ``("loss", "accuracy")``.
        heading: Title of the whole figure.
        alt: Alternative text; by default made from the last values.

    Returns:
        The figure.
    """
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    figure, axes = new_figure(
        alt or _describe_histories(histories, names, heading),
        1,
        len(names),
        figsize=(max(7.5, 4.8 * len(names)), 4.2 + 0.15 * len(histories)),
        squeeze=False,
    )
    for axis, metric in zip(axes.flat, names, strict=True):
        for i, history in enumerate(histories.values()):
            _plot_history(axis, history, metric, i)
        axis.set(xlabel="エポック", ylabel=METRIC_NAMES.get(metric, metric))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _history_legend(figure, axes.flat[0], list(histories))
    if heading:
        figure.suptitle(heading)
    return figure


def _plot_history(axis: Axes, history: Mapping[str, Sequence[float]], metric: str, index: int) -> None:
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    for key, line, filled in ((metric, "--", False), (f"val_{metric}", "-", True)):
        if key in history:
            epochs = np.arange(1, len(history[key]) + 1)
            axis.plot(
                epochs,
                history[key],
                color=colour,
                linestyle=line,
                marker=marker,
                markersize=5,
                markerfacecolor=colour if filled else "white",
            )


def _history_legend(figure: Figure, axis: Axes, names: Sequence[str]) -> None:
    handles = [
        axis.plot([], [], color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)], linestyle="-")[0]
        for i in range(len(names))
    ]
    handles += [axis.plot([], [], color="0.3", linestyle=line)[0] for line in ("--", "-")]
    figure.legend(handles, [*names, "訓練(破線)", "検証(実線)"], loc="outside lower center", ncols=2)


def _describe_histories(
    histories: Mapping[str, Mapping[str, Sequence[float]]], metrics: Sequence[str], heading: str
) -> str:
    parts = [f"{heading or '学習曲線'}: 横軸はエポック、破線は訓練、実線は検証。"]
    for metric in metrics:
        for name, history in histories.items():
            key = f"val_{metric}" if f"val_{metric}" in history else metric
            values, label = history[key], METRIC_NAMES.get(metric, metric)
            parts.append(f"「{name}」の{label}は {len(values)} エポック目に {values[-1]:.3f}。")
    return "".join(parts)


def draw_spread(
    axis: Axes, x: Sequence[float] | Array, values: Any, index: int, label: str, *, band: bool = False
) -> None:
    """Draws what several seeds measured: the median as a line, and how far they reach.

    Args:
        axis: Where to draw.
        x: ``(points,)``, what they were measured at.
        values: ``(points, seeds)``; each point may have its own number of seeds.
        index: Number of the line, which sets its colour, dashes and marker.
        label: Its name in the legend.
        band: Whether a shade reaches from the lowest to the highest seed, which suits many points, or bars.
    """
    low, middle, high = np.array([np.quantile(seeds, [0, 0.5, 1]) for seeds in values]).T
    style = {"color": COLOURS[index], "linestyle": LINE_STYLES[index], "marker": MARKERS[index]}
    if band:
        axis.fill_between(x, low, high, color=COLOURS[index], alpha=0.15, linewidth=0)
        axis.plot(x, middle, markevery=max(1, len(x) // 8), markersize=5, label=label, **style)
    else:
        axis.errorbar(x, middle, yerr=(middle - low, high - middle), capsize=3, label=label, **style)


def plot_runs(
    runs: Mapping[str, Sequence[float]],
    *,
    metric: str = "accuracy",
    baseline: float | None = None,
    heading: str = "",
    alt: str | None = None,
) -> DescribedFigure:
    """Plots one dot for each seed and a bar with its value at the median.

    Args:
        runs: Values, one for each seed, by the run's name, in which a line break breaks the label.
        metric: What the values are.
        baseline: Value of the trivial baseline, drawn as a dotted line.
        heading: Title of the figure.
        alt: Alternative text; by default made from minimum, median and maximum.

    Returns:
        The figure.
    """
    label = METRIC_NAMES.get(metric, metric)
    if alt is None:
        alt = f"{heading or label}: 点はシードごとの値、横棒は中央値。" + "".join(
            f"「{' '.join(name.split())}」は最小 {min(v):.3f}、中央値 {np.median(v):.3f}、最大 {max(v):.3f}。"
            for name, v in runs.items()
        )
    figure, axis = new_figure(alt, figsize=(max(5.0, 1.4 * len(runs) + 1.5), 4))
    for i, values in enumerate(runs.values()):
        colour, median = COLOURS[i % len(COLOURS)], float(np.median(values))
        spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
        axis.plot(i + np.asarray(spread), values, MARKERS[i % len(MARKERS)], color=colour, alpha=0.75)
        axis.hlines(median, i - 0.25, i + 0.25, colors=colour, linewidth=2.5)
        axis.annotate(f"{median:.3f}", (i + 0.28, median), va="center", fontsize=10)
    if baseline is not None:
        axis.axhline(baseline, color="0.4", linestyle=":", linewidth=1.5)
        axis.annotate(
            f"基準\n{baseline:.3f}",
            (1, baseline),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=10,
        )
    axis.set(xlim=(-0.5, len(runs) - 0.3), ylabel=label, title=heading)
    axis.set_xticks(range(len(runs)), list(runs))
    axis.grid(visible=False, axis="x")
    return figure
