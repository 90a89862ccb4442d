"""Tables that read well in a terminal and as Markdown."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Returns a Markdown table whose columns are aligned as they stand.

    Args:
        headings: One for each column.
        rows: Texts, as many as headings.
        left: How many columns are aligned to the left; the others, numbers, to the right.

    Returns:
        Lines, without a line break at the end.
    """
    lines = [list(headings), *map(list, rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(headings))]
    rule = ["-" * width if n < left else "-" * (width - 1) + ":" for n, width in enumerate(widths)]
    return "\n".join(_line(line, widths, left) for line in [lines[0], rule, *lines[1:]])


def _line(texts: Sequence[str], widths: Sequence[int], left: int) -> str:
    padded = []
    for column, (text, width) in enumerate(zip(texts, widths, strict=True)):
        blank = " " * (width - _width(text))
        padded.append(text + blank if column < left else blank + text)
    return f"| {' | '.join(padded)} |"


def _width(text: str) -> int:
    """Returns how many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
