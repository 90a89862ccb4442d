"""What a lesson teaches, as a module: cells of ``lesson.py`` tagged ``export``, written to ``taught.py``."""

from __future__ import annotations

import ast
from pathlib import Path

from grader.course.chapters import Chapter
from grader.course.notebooks import NotebookError, read_lesson
from grader.course.parsing import parse
from grader.messages import _

TAG = "export"
DOCSTRING = '"""Taught in lesson.py; written by `grader build`. Do not edit."""\n'

_WITHOUT_EFFECT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def taught_path(chapter: Chapter) -> Path:
    """Returns where a chapter's exported cells are written."""
    return chapter.folder / "taught.py"


def source(chapter: Chapter) -> str:
    """Returns what a chapter's ``taught.py`` must hold: its exported cells as they are, in order.

    Args:
        chapter: The chapter.

    Returns:
        The module; empty where the lesson exports nothing.

    Raises:
        NotebookError: If the lesson is missing, or an exported cell does more than import and define.
    """
    cells = [
        cell.source.strip()
        for cell in read_lesson(chapter).cells
        if cell.cell_type == "code" and TAG in cell.metadata.get("tags", [])
    ]
    for cell in cells:
        _expect_definitions(chapter, cell)
    if not cells:
        return ""
    # As ruff formats it: two blank lines below the docstring where a definition follows, one elsewhere.
    first = next(iter(parse(cells[0]).body), None)
    gap = "\n\n" if isinstance(first, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else "\n"
    return DOCSTRING + gap + "\n\n\n".join(cells) + "\n"


def write(chapter: Chapter) -> None:
    """Writes a chapter's ``taught.py`` in one step; removes it where the lesson exports nothing.

    Args:
        chapter: The chapter.

    Raises:
        NotebookError: As :func:`source`.
    """
    path, text = taught_path(chapter), source(chapter)
    if not text:
        path.unlink(missing_ok=True)
        return
    part = path.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.replace(path)


def faults(chapter: Chapter) -> list[str]:
    """Says what is wrong with a committed ``taught.py``: missing, stale, or there without an exported cell.

    Args:
        chapter: The chapter.

    Returns:
        One line for each fault; empty when there is none.

    Raises:
        NotebookError: As :func:`source`.
    """
    path, text = taught_path(chapter), source(chapter)
    if not path.is_file():
        return [_("{path} is missing: run `grader build`.").format(path=path)] if text else []
    if path.read_text("utf-8") != text:
        return [
            _("{path} differs from the exported cells of lesson.py: run `grader build`.").format(path=path)
        ]
    return []


def _expect_definitions(chapter: Chapter, cell: str) -> None:
    """Refuses a cell that does more than import, define, and give names to constants."""
    try:
        statements = parse(cell).body
    except SyntaxError as error:
        raise NotebookError(
            _("{path}: an exported cell is no Python: {error}").format(path=chapter.lesson, error=error)
        ) from error
    for statement in statements:
        if not isinstance(statement, _WITHOUT_EFFECT) and not _is_constant(statement):
            raise NotebookError(
                _(
                    "{path}: an exported cell only imports, defines and names constants, but holds: {line}"
                ).format(path=chapter.lesson, line=ast.unparse(statement).split("\n")[0][:60])
            )


def _is_constant(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign):
        named = all(isinstance(target, ast.Name) for target in statement.targets)
    else:
        named = isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    return named and not any(isinstance(node, (ast.Call, ast.NamedExpr)) for node in ast.walk(statement))
