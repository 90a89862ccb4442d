"""Changes of a notebook: of the tree that it is, and of the bytes of its file."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import event
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Place = tuple[Any, Any]
"""A list or dict, and an index or key in it."""

FRAGMENTS = Path(__file__).with_name("fragments.txt").read_text("utf-8").splitlines()
MARKERS = [fragment for fragment in FRAGMENTS if "EXERCISE" in fragment or "SETUP" in fragment]
CHARACTERS = (
    "\0\a\b\t\v\f\r\x1b\x1f\x7f\x85\xa0\u061c\u200b\u200d\u2028\u202e\u3000\ufeff\ufffd\ud800\udfff\U0001f393"
)
DEEP = (
    "(",
    "[",
    "{",
    "-",
    "not ",
    "f(",
    "lambda: ",
    "x.",
    "1+",
    "x[",
    "if 1:\n ",
    "f'{",
    '"a" ',
    "x if x else ",
)
DEPTHS = (50, 99, 100, 150, 201, 1000, 3000, 20_000)
LONG = (
    "x = 1;",
    "あ",
    "x ",
    " ",
    "check();",
    "\n",
    "# ",
    "¥",
    "\\",
    "x = 1\n",
    '"',
    "# EXERCISE ch01.double\n",
)
KEYS = ("cells", "input", "source", "worksheets", "cell_type", "")

fragments = st.sampled_from([*FRAGMENTS, *CHARACTERS]) | st.text(max_size=4)
odd_values: st.SearchStrategy[Any] = st.one_of(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    st.sampled_from(["code", "raw", "markdown"]),
    st.builds(list) | st.builds(dict),
    st.builds(lambda: [["# EXERCISE ch01.double"]]),
    st.builds(lambda: {"cell_type": "code", "source": "double = 1"}),
)


def _places(tree: Any) -> list[Place]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    here: list[Place] = [(tree, key) for key in keys]
    return here + [place for key in keys for place in _places(tree[key])]


def _any_place(draw: Draw, notebook: Any) -> Place | None:
    found = _places(notebook)
    return draw(st.sampled_from(found)) if found else None


def _cells(notebook: Any) -> list[Any]:
    cells = notebook.get("cells")
    return cells if isinstance(cells, list) else []


def _any_source(draw: Draw, notebook: Any) -> tuple[dict[str, Any], str] | None:
    """Draws a cell that still has a source; returns it, and its source as one text."""
    found = [
        cell
        for cell in _cells(notebook)
        if isinstance(cell, dict) and isinstance(cell.get("source"), (str, list))
    ]
    if not found:
        return None
    cell = draw(st.sampled_from(found))
    source = cell["source"]
    return cell, source if isinstance(source, str) else "".join(map(str, source))


def swap_a_value(draw: Draw, notebook: Any) -> None:
    """Puts a value of another type somewhere."""
    if place := _any_place(draw, notebook):
        place[0][place[1]] = draw(odd_values)


def drop_a_value(draw: Draw, notebook: Any) -> None:
    """Leaves a value out."""
    if place := _any_place(draw, notebook):
        del place[0][place[1]]


def copy_a_value(draw: Draw, notebook: Any) -> None:
    """Puts a value where another one was."""
    one, other = _any_place(draw, notebook), _any_place(draw, notebook)
    if one and other:
        other[0][other[1]] = copy.deepcopy(one[0][one[1]])


def nest_a_value(draw: Draw, notebook: Any) -> None:
    """Wraps a value in lists and dicts."""
    if place := _any_place(draw, notebook):
        value, in_lists = place[0][place[1]], draw(st.booleans())
        for _level in range(draw(st.sampled_from([1, 2, 40, 300]))):
            value = [value] if in_lists else {"source": value}
        place[0][place[1]] = value


def rename_a_key(draw: Draw, notebook: Any) -> None:
    """Gives a value another name."""
    place = _any_place(draw, notebook)
    if place and isinstance(place[0], dict):
        place[0][draw(st.sampled_from(KEYS))] = place[0].pop(place[1])


def copy_a_cell(draw: Draw, notebook: Any) -> None:
    """Puts copies of a cell somewhere."""
    if cells := _cells(notebook):
        cell = copy.deepcopy(draw(st.sampled_from(cells)))
        at = draw(st.integers(0, len(cells)))
        cells[at:at] = [cell] * draw(st.sampled_from([1, 1, 1, 2, 50]))


def move_a_cell(draw: Draw, notebook: Any) -> None:
    """Puts a cell somewhere else."""
    if cells := _cells(notebook):
        cell = cells.pop(draw(st.integers(0, len(cells) - 1)))
        cells.insert(draw(st.integers(0, len(cells))), cell)


def merge_cells(draw: Draw, notebook: Any) -> None:
    """Appends a cell's source to another's."""
    one, other = _any_source(draw, notebook), _any_source(draw, notebook)
    if one and other:
        one[0]["source"] = one[1] + draw(st.sampled_from(["\n", "", "\r\n", "\n\n"])) + other[1]


def split_a_cell(draw: Draw, notebook: Any) -> None:
    """Makes two of a cell, the second somewhere else."""
    if found := _any_source(draw, notebook):
        cell, source = found
        at = draw(st.integers(0, len(source)))
        rest = copy.deepcopy(cell)
        cell["source"], rest["source"] = source[:at], source[at:]
        _cells(notebook).insert(draw(st.integers(0, len(_cells(notebook)))), rest)


def edit_a_source(draw: Draw, notebook: Any) -> None:
    """Replaces a few characters of a cell."""
    if found := _any_source(draw, notebook):
        cell, source = found
        start = draw(st.integers(0, len(source)))
        stop = draw(st.integers(start, min(start + 12, len(source))))
        cell["source"] = source[:start] + draw(fragments) + source[stop:]


def add_a_line(draw: Draw, notebook: Any) -> None:
    """Puts a line into a cell, or in place of one of its lines."""
    if found := _any_source(draw, notebook):
        cell, source = found
        lines = source.split("\n")
        at = draw(st.integers(0, len(lines) - 1))
        lines[at : at + draw(st.integers(0, 1))] = draw(
            st.lists(st.sampled_from(MARKERS) | fragments, min_size=1, max_size=3)
        )
        cell["source"] = "\n".join(lines)


def split_into_parts(draw: Draw, notebook: Any) -> None:
    """Writes a cell's source as a list, with something odd in it."""
    if found := _any_source(draw, notebook):
        cell, source = found
        parts: list[Any] = list(source) if draw(st.booleans()) else source.splitlines(keepends=True)
        parts.insert(draw(st.integers(0, len(parts))), draw(odd_values))
        cell["source"] = parts


def deepen_the_code(draw: Draw, notebook: Any) -> None:
    """Adds an expression that is nested deeply."""
    if found := _any_source(draw, notebook):
        cell, source = found
        cell["source"] = f"{source}\nx = {draw(st.sampled_from(DEEP)) * draw(st.sampled_from(DEPTHS))}x"


def lengthen_the_code(draw: Draw, notebook: Any) -> None:
    """Adds much of the same."""
    if found := _any_source(draw, notebook):
        cell, source = found
        cell["source"] = (
            f"{source}\n{draw(st.sampled_from(LONG)) * draw(st.sampled_from([10, 3000, 30_000]))}"
        )


MUTATIONS: list[Callable[[Draw, Any], None]] = [
    *(swap_a_value, drop_a_value, copy_a_value, nest_a_value, rename_a_key),
    *(copy_a_cell, move_a_cell, merge_cells, split_a_cell),
    *([edit_a_source] * 6 + [add_a_line] * 6),
    *(split_into_parts, deepen_the_code, lengthen_the_code),
]

_SMALL = [b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xfe\xff", b"\x1f\x8b", b"\\u0000"]
_JSON = rb'" \ \ud800 \n , : [ ] { } }{ null // NaN -Infinity 1e999 -0 "cells":[], "source":1, "cell_type":0,'
_LARGE = [b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b" " * 10_000, b"A" * 300_000]
PIECES = [*_SMALL, *_JSON.split(), *_LARGE]


@st.composite
def mutated_trees(draw: Draw, whole: Callable[[], dict[str, Any]]) -> bytes:
    """Draws the file of a notebook of which a few things were changed.

    Args:
        draw: Hypothesis' own.
        whole: Makes the notebook.
    """
    notebook = copy.deepcopy(whole())
    for mutate in draw(st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=5)):
        event(mutate.__name__)
        mutate(draw, notebook)
    return json.dumps(notebook, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@st.composite
def mutated_bytes(draw: Draw, whole: Callable[[], dict[str, Any]]) -> bytes:
    """Draws the file of a notebook of which a few bytes were changed, dropped, doubled or put in.

    Args:
        draw: Hypothesis' own.
        whole: Makes the notebook.
    """
    content = json.dumps(whole(), ensure_ascii=False, separators=(",", ":")).encode()
    for _edit in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = draw(st.sampled_from([*[start + 1] * 6, start, start + 7, start + 500, len(content)]))
        part = content[start:stop]
        flipped = bytes([part[0] ^ 1 << draw(st.integers(0, 7)), *part[1:]]) if part else part
        put = draw(
            st.sampled_from([*[flipped] * 4, b"", part * 2, part[::-1], draw(st.sampled_from(PIECES))])
        )
        content = content[:start] + put + content[stop:]
    return content
