"""Small tables of results that read well in a notebook, in a terminal and in a diff."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_NUMBERS = (int, float)


@dataclass(frozen=True)
class Table:
    """A table that Jupyter shows as HTML and everything else as aligned text.

    Attributes:
        columns: Headings.
        cells: Formatted cells, one tuple for a row.
        numeric: For each column, whether it holds numbers, which are set to the right.
        caption: Line above the table.
    """

    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    caption: str = ""

    def _repr_html_(self) -> str:
        align = ["right" if numeric else "left" for numeric in self.numeric]
        head = "".join(
            f'<th scope="col" style="text-align:{side}">{html.escape(name)}</th>'
            for name, side in zip(self.columns, align, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{side};{_wrapping(cell)}">{html.escape(cell)}</td>'
                for cell, side in zip(row, align, strict=True)
            )
            + "</tr>"
            for row in self.cells
        )
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        widths = [max(map(_width, column)) for column in zip(self.columns, *self.cells, strict=True)]
        rows = [self.columns, tuple("-" * width for width in widths), *self.cells]
        lines = [
            "  ".join(
                _pad(cell, width, right=numeric)
                for cell, width, numeric in zip(row, widths, self.numeric, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([self.caption, *lines] if self.caption else lines)


def result_table(rows: Sequence[Mapping[str, Any]], *, caption: str = "", digits: int = 3) -> Table:
    """Builds a table from one mapping per row.

    Args:
        rows: Values by heading. Headings keep the order in which they first appear;
            a value that is missing or ``None`` is shown as a dash.
        caption: Line above the table.
        digits: Decimals of floats.

    Returns:
        The table; as a cell's last line it is shown.

    Raises:
        ValueError: If there is no row.
    """
    if not rows:
        raise ValueError(
            "表にする行がありません。少なくとも 1 行を渡してください。 / No rows: pass at least one row."
        )
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    values = [[_plain(row.get(name)) for name in columns] for row in rows]
    numeric = tuple(all(map(_is_numeric, column)) for column in zip(*values, strict=True))
    cells = tuple(tuple(_format(value, digits) for value in row) for row in values)
    return Table(columns, cells, numeric, caption)


def min_median_max(values: Sequence[float], digits: int = 3) -> str:
    """Formats what several seeds measured as minimum / median / maximum; one value where all are equal.

    Args:
        values: What was measured, one for each seed.
        digits: Decimals.

    Returns:
        For instance ``"0.100 / 0.200 / 0.300"``.
    """
    shown = values[:1] if min(values) == max(values) else np.quantile(values, [0, 0.5, 1])
    return " / ".join(_format(float(value), digits) for value in shown)


def _wrapping(cell: str) -> str:
    """Keeps short cells on one line, and lets longer ones wrap so that five columns fit a page."""
    width = _width(cell)
    return "white-space:nowrap" if width <= 24 else f"min-width:{min(width // 4, 15)}em"


def _is_numeric(value: Any) -> bool:
    """Tells numbers, formatted ones too, and missing values from anything else."""
    if isinstance(value, str):
        return re.fullmatch(r"[-+]?[\d,]+(\.\d+)?", value) is not None
    return value is None or (isinstance(value, _NUMBERS) and not isinstance(value, bool))


def _plain(value: Any) -> Any:
    """Turns a NumPy scalar into Python's own number."""
    return value.item() if hasattr(value, "item") else value


def _format(value: Any, digits: int) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:z,.{digits}f}"  # no negative zero
    return str(value)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _pad(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
