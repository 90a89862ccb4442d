"""Why nothing answers an exercise, where its notebook shows it: the wrong kind of cell, or another name."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from grader.course.parsing import parse
from grader.exercise import Exercise
from grader.messages import _
from grader.reading.cells import MAX_ANALYSED_CHARS, marker_of, read_cell, split_at_markers
from grader.reading.files import MAX_CODE_CHARS, SourceCell

_DEFINITION = re.compile(r"\s*+(?:async\s++)?(?:def|class)\s++(\w++)")
_CELL_MAGIC = re.compile(r"\s*+(%%\w++)")


def misplaced(cells: Sequence[SourceCell], exercises: Collection[Exercise]) -> dict[str, SourceCell]:
    """Finds cells that hold an exercise's marker line, or define what it asks for, and are never run.

    Args:
        cells: The cells of a notebook.
        exercises: The exercises of its chapter.

    Returns:
        The first such cell of each exercise that has one, by the exercise's id.
    """
    ids = {exercise.id.lower(): exercise.id for exercise in exercises}
    owners = {symbol: exercise.id for exercise in exercises for symbol in exercise.symbols}
    marked, defining, left = dict[str, SourceCell](), dict[str, SourceCell](), MAX_CODE_CHARS
    for cell in cells:
        if not _why_not_run(cell) or len(cell.source) > min(left, MAX_ANALYSED_CHARS):
            continue
        left -= len(cell.source)
        for line in cell.source.split("\n"):
            if exercise_id := ids.get(marker_of(line)):
                marked.setdefault(exercise_id, cell)
            elif (found := _DEFINITION.match(line)) and found[1] in owners:
                defining.setdefault(owners[found[1]], cell)
    return defining | marked


def misplaced_reason(cell: SourceCell) -> str:
    """Tells the owner of an answer that its cell is never run.

    Args:
        cell: One of those that :func:`misplaced` finds.
    """
    return _why_not_run(cell)


def other_names_reason(
    exercise: Exercise, sources: Sequence[str], defined: Collection[str] | None = None
) -> str:
    """Tells the owner of an answer that it goes by another name than the one that is asked for.

    Args:
        exercise: The exercise.
        sources: Code cells, in order; the last one with the exercise's marker line counts.
        defined: Names that are defined, wherever that was; by default those that the code cells define.

    Returns:
        One sentence or two; empty where the cell defines all that is asked for, or no function.
    """
    pieces = [
        piece
        for source in sources
        if exercise.id.lower() in map(marker_of, source.split("\n"))
        for piece in split_at_markers(source)
        if exercise.id.lower() in map(marker_of, piece.split("\n"))
    ]
    if defined is None:
        defined = {name for source in sources for name in read_cell(source).binds}
    tree = read_cell(pieces[-1]).tree if pieces else None
    functions = _functions(tree)
    template = _functions(parse(exercise.template))
    missing = [
        symbol
        for symbol in exercise.symbols
        if symbol not in defined or (symbol in functions and functions[symbol] == template.get(symbol))
    ]
    others = [name for name in functions if name not in exercise.symbols and name not in template]
    if not missing or not others:
        return ""
    return _(
        "The cell of this exercise defines {others}, but the exercise asks for {missing}. "
        "Use the name that is asked for."
    ).format(others=_listed(others), missing=_listed(missing))


def _why_not_run(cell: SourceCell) -> str:
    if cell.kind == "markdown":
        return _(
            "The answer stands in a Markdown cell (cell {number} of the notebook), which is never run. "
            "Make it a code cell."
        ).format(number=cell.number)
    if cell.kind == "raw":
        return _(
            "The answer stands in a raw cell (cell {number} of the notebook), which is never run. "
            "Make it a code cell."
        ).format(number=cell.number)
    magic = _CELL_MAGIC.match(cell.source)
    if magic is not None and not read_cell(cell.source).code:
        return _(
            "The answer stands in a cell that starts with {magic} (cell {number} of the notebook), which is "
            "not run as Python. Remove that line."
        ).format(magic=magic[1][:40], number=cell.number)
    return ""


def _functions(tree: ast.Module | None) -> dict[str, str]:
    """Returns the functions and classes that a cell's top level defines, by name."""
    return {
        node.name: ast.dump(node)
        for node in (tree.body if tree is not None else [])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }


def _listed(names: Sequence[str]) -> str:
    shown = [f"`{name[:60]}`" for name in names[:5]]
    return ", ".join(shown) + (" …" if len(names) > 5 else "")
