"""Drawings of an architecture: boxes and arrows, shown again with the present part highlighted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from course_utils.plots import new_figure

Kind = Literal["layer", "data", "result"]

UNIT = 1.05
"""Inches of a grid unit: eight of them fill a notebook's width."""

LINE, PADDING = 0.2, 0.2
"""Height, in grid units, of a line of a box's label, and what stands above and below them."""

MARGIN, LABEL_GAP = 0.12, 0.17
"""Grid units around the drawing, and between a straight arrow and its label's middle."""

STYLES: Mapping[Kind, Mapping[str, Any]] = {
    "layer": {"boxstyle": "round,pad=0,rounding_size=0.1", "facecolor": "#E3EEF6", "edgecolor": "#0072B2"},
    "data": {"boxstyle": "square,pad=0", "facecolor": "white", "edgecolor": "0.35", "linestyle": "--"},
    "result": {"boxstyle": "square,pad=0", "facecolor": "#E4F2EC", "edgecolor": "#00654B"},
}
"""Outline of each kind: round corners, dashes, square corners; the colours only add to them."""

HIGHLIGHT = {"facecolor": "#FFE08A", "edgecolor": "#A33C00", "linewidth": 3.5}
"""What a highlighted box has in place of its kind's own fill and edge."""


@dataclass(frozen=True)
class Box:
    """A box of a diagram.

    Attributes:
        label: What stands in it; a line break breaks the line.
        x: Its middle, in grid units from left to right; columns 1.5 apart leave room for arrows.
        y: Its middle, in grid units from bottom to top.
        width: In grid units; 1.0 holds six Japanese characters a line.
        kind: ``"layer"`` for what computes, ``"data"`` for what goes in, ``"result"`` for what comes out.
    """

    label: str
    x: float
    y: float
    width: float = 1.0
    kind: Kind = "layer"

    @property
    def height(self) -> float:
        """Its height in grid units, from the lines of its label."""
        return PADDING + LINE * (1 + self.label.count("\n"))


@dataclass(frozen=True)
class Arrow:
    """An arrow from box to box.

    Attributes:
        start: Name of the box it leaves.
        end: Name of the box it reaches.
        label: What stands at the top of its bow; beside the middle of a straight arrow.
        bend: How far it bows to its left, as a part of its length: 0.5 takes a shortcut over a box.
        clear: Grid units from the top of its bow out to its label; at 0 the label interrupts the bow.
    """

    start: str
    end: str
    label: str = ""
    bend: float = 0.0
    clear: float = 0.0


def draw(
    boxes: Mapping[str, Box],
    arrows: Sequence[Arrow],
    *,
    highlight: Collection[str] = (),
    title: str = "",
    alt: str,
) -> Figure:
    """Draws an architecture.

    Args:
        boxes: The boxes by name.
        arrows: The arrows between them.
        highlight: Names of the boxes that the present section is about: thick edge, full colour.
        title: Title of the figure.
        alt: Alternative text, in Japanese: what leads to what, and what is highlighted.

    Returns:
        The figure; as a cell's last line it is shown, with its alternative text folded below.

    Raises:
        ValueError: If an arrow or ``highlight`` names a box that is not there.
    """
    named = {name for arrow in arrows for name in (arrow.start, arrow.end)} | set(highlight)
    if unknown := sorted(named - boxes.keys()):
        raise ValueError(
            f"図にない箱です: {'、'.join(unknown)}。boxes の名前を使ってください。 / "
            f"No such box: {', '.join(unknown)}; use the names of boxes."
        )
    low, high = _extent(boxes, arrows)
    width, height = (high - low) * UNIT
    figure, axis = new_figure(alt, figsize=(width, height + (0.35 if title else 0)))
    axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", title=title)
    axis.set_axis_off()
    patches = {name: _draw_box(axis, box, name in highlight) for name, box in boxes.items()}
    for arrow in arrows:
        _draw_arrow(axis, boxes, patches, arrow)
    return figure


def _draw_box(axis: Axes, box: Box, highlighted: bool) -> FancyBboxPatch:
    style = {"linewidth": 1.4, **STYLES[box.kind], **(HIGHLIGHT if highlighted else {})}
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    patch = FancyBboxPatch(corner, box.width, box.height, zorder=2, **style)
    axis.add_patch(patch)
    axis.text(box.x, box.y, box.label, ha="center", va="center_baseline", fontsize=10.5, zorder=3)
    return patch


def _draw_arrow(
    axis: Axes, boxes: Mapping[str, Box], patches: Mapping[str, FancyBboxPatch], arrow: Arrow
) -> None:
    start, end = boxes[arrow.start], boxes[arrow.end]
    axis.add_patch(
        FancyArrowPatch(
            (start.x, start.y),
            (end.x, end.y),
            patchA=patches[arrow.start],
            patchB=patches[arrow.end],
            connectionstyle=f"arc3,rad={-arrow.bend}",
            arrowstyle="-|>",
            mutation_scale=14,
            linewidth=1.6,
            color="0.2",
            shrinkA=0,
            shrinkB=0,
            zorder=1,
        )
    )
    if arrow.label:
        x, y = _label_middle(start, end, arrow.bend, arrow.clear)
        axis.text(
            x,
            y,
            arrow.label,
            ha="center",
            va="center",
            fontsize=10,
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )


def _middle(box: Box) -> np.ndarray:
    return np.array([box.x, box.y])


def _top_of_bow(start: np.ndarray, end: np.ndarray, bend: float) -> np.ndarray:
    """Gives the middle of an arrow, half as far out as the control point of Matplotlib's ``arc3``."""
    dx, dy = end - start
    return (start + end) / 2 + bend / 2 * np.array([-dy, dx])


def _label_middle(start: Box, end: Box, bend: float, clear: float) -> np.ndarray:
    """Gives where an arrow's label stands: on the bow; above a straight arrow, right of an upright one."""
    if bend:
        ends = _middle(start), _middle(end)
        beyond = bend + np.copysign(2 * clear / np.hypot(*(ends[1] - ends[0])), bend)
        return _top_of_bow(*ends, beyond)
    dx, dy = _middle(end) - _middle(start)
    aside = np.array([-dy, dx]) / np.hypot(dx, dy)
    upward = aside if aside[1] > 0 or (aside[1] == 0 and aside[0] > 0) else -aside
    return np.array((_edge(start, end) + _edge(end, start)) / 2 + LABEL_GAP * upward)


def _edge(box: Box, other: Box) -> np.ndarray:
    """Gives the point where the line from the middle of a box to that of another one leaves it."""
    direction = _middle(other) - _middle(box)
    with np.errstate(divide="ignore"):
        return np.array(
            _middle(box) + direction * np.min(np.array([box.width, box.height]) / 2 / abs(direction))
        )


def _extent(boxes: Mapping[str, Box], arrows: Sequence[Arrow]) -> tuple[np.ndarray, np.ndarray]:
    """Finds the lower left and the upper right corner of a drawing."""
    half = [np.array([box.width, box.height]) / 2 for box in boxes.values()]
    points = [
        _middle(box) + sign * size for box, size in zip(boxes.values(), half, strict=True) for sign in (-1, 1)
    ]
    points += [
        _top_of_bow(_middle(boxes[arrow.start]), _middle(boxes[arrow.end]), arrow.bend) + sign * 0.1
        for arrow in arrows
        for sign in (-1, 1)
    ]
    return np.min(points, axis=0) - MARGIN, np.max(points, axis=0) + MARGIN
