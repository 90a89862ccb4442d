"""What one code cell does, read from its text: markers, names it binds and uses. Nothing is executed."""

from __future__ import annotations

import ast
import itertools
import re
import symtable
import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from grader.course.parsing import parse

MAX_ANALYSED_CHARS = 200_000
MAX_MARKERS = 200
"""A cell with more marker lines is not split: no chapter has so many exercises."""
NOTEBOOK_CALLS = frozenset({"check", "hint", "require", "score", "solution"})

# Possessive (+): a submitted line has no part that is matched in more than one way, however long it is.
_MARKER = re.compile(
    r"""\s*+\#++\s*+exercise\s*+:?\s*+["'`“”‘’「『]*+\s*+ch\s*+0*(\d+)\s*+[.。]\s*+(\w+)""", re.IGNORECASE
)
_SETUP_MARKER = re.compile(r"\s*+#++\s*+setup\b", re.IGNORECASE)
_LINE_MAGIC = re.compile(r"^\s*+(%|!|\?)|^[\w.]++\?{1,2}\s*+$|^[\w,\s]++=\s*+[!%]")
# Lines that IPython takes for magics without their "%", where they are no Python.
_AUTOMAGIC = re.compile(r"^\s*+(pip3?|conda|mamba|cd|ls|ll|mkdir|rmdir|cp|mv|rm|cat|pwd)(\s++[^=\s(.\[].*)?$")
_PYTHON_CELL_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Cell:
    """A code cell as the grader sees it.

    Attributes:
        code: Python without magics and shell lines; the text as it came where that is not Python.
        markers: Ids of the exercises whose marker lines it holds, such as ``ch05.head``.
        is_setup: Whether it holds the set-up marker.
        tree: Its syntax tree, ``None`` where it is not Python.
        binds: Names that it binds at its top level.
        uses: Names that it takes from outside, in functions too.
        changes: Names of objects that its top level changes in place, as in ``x[0] = 1`` or ``x.append(1)``.
        imports: Names that it binds by an import.
        imports_all: Whether it holds ``from module import *``.
        fingerprint: Equal for cells that differ in comments, blanks and magics alone.
    """

    code: str
    markers: tuple[str, ...] = ()
    is_setup: bool = False
    tree: ast.Module | None = None
    binds: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    imports_all: bool = False
    fingerprint: str = field(default="", repr=False)


def read_cell(source: str) -> Cell:
    """Analyses one code cell.

    Args:
        source: Its text, as in the notebook.

    Returns:
        The cell; one that is not Python binds and uses nothing.
    """
    code = plain_python(source)
    tree = _parse(code)
    markers = tuple(dict.fromkeys(marker for line in source.split("\n") if (marker := marker_of(line))))
    is_setup = any(_SETUP_MARKER.match(unicodedata.normalize("NFKC", line)) for line in source.split("\n"))
    if tree is None:
        return Cell(code, markers, is_setup, fingerprint=_fingerprint(code, None))
    binds, uses, imports = _names(code)
    return Cell(
        code,
        markers,
        is_setup,
        tree,
        binds,
        uses,
        frozenset(_changed_names(tree)),
        imports,
        any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in tree.body),
        _fingerprint(code, tree),
    )


def marker_of(line: str) -> str:
    """Returns the exercise id that a marker line names, ``""`` for any other line.

    ``# EXERCISE ch05.head`` is matched whatever its case and spaces, with full-width characters
    and with quotes around the id.
    """
    found = _MARKER.match(unicodedata.normalize("NFKC", line)) if len(line) < 200 else None
    return f"ch{int(found[1]):02d}.{found[2].lower()}" if found else ""


def plain_python(source: str) -> str:
    """Returns a cell's Python: what IPython would run, without magics and shell lines.

    Text that is Python already is returned as it is, so that ``%`` at the start of a continued line stays.
    """
    if _parse(source) is not None:
        return source
    first, _newline, rest = source.lstrip().partition("\n")
    if first.startswith("%%"):
        if not first.startswith(_PYTHON_CELL_MAGICS):
            return ""
        source = "\n" + rest
    lines = _without_magics(source.split("\n"))
    code = textwrap.dedent("\n".join(lines))
    return code if _parse(code) is not None else "\n".join(lines)


def split_at_markers(source: str) -> list[str]:
    """Splits a cell into which several exercises' answers were merged, where each piece is Python.

    Args:
        source: The cell's text.

    Returns:
        The pieces: what comes before the first marker, then one for each, with their line numbers kept by
        blank lines; otherwise the whole cell.
    """
    lines = source.split("\n")
    starts = [number for number, line in enumerate(lines) if marker_of(line)]
    if len({marker_of(lines[number]) for number in starts}) < 2:
        return [source]
    if len(starts) > MAX_MARKERS:
        return [source]
    edges = [0, *starts, len(lines)]
    pieces = ["\n" * begin + "\n".join(lines[begin:end]) for begin, end in itertools.pairwise(edges)]
    pieces = [piece for piece in pieces if piece.strip()]
    return pieces if all(_parse(plain_python(piece)) is not None for piece in pieces) else [source]


def without_notebook_calls(cell: Cell) -> str:
    """Returns a cell's code with top-level calls of ``check`` and its companions replaced by ``None``."""
    lines = cell.code.split("\n")
    for statement in reversed(cell.tree.body if cell.tree is not None else []):
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if name in NOTEBOOK_CALLS:
                _replace(lines, statement, "None")
    return "\n".join(lines)


def defining_statements(cell: Cell, name: str) -> dict[int, tuple[str, frozenset[str]]]:
    """Picks, from a cell of the lesson, the definitions, imports and constants that bind a name.

    Calls, and so training, are never picked.

    Args:
        cell: A cell of the published lesson.
        name: The name asked for.

    Returns:
        By line number, the statement's code and the names that it uses.
    """
    picked = {}
    for statement in cell.tree.body if cell.tree is not None and name in cell.binds else []:
        if _is_definition(statement):
            code = _segment(cell.code, statement)
            binds, uses, _imports = _names(code)
            if name in binds:
                picked[statement.lineno] = (code, uses)
    return picked


def _without_magics(lines: list[str]) -> list[str]:
    kept, continues = [], False
    for line in lines:
        magic = continues or bool(_LINE_MAGIC.match(line) or _AUTOMAGIC.match(line))
        indent = line[: len(line) - len(line.lstrip())]
        kept.append("" if continues else f"{indent}pass" if magic else line)
        continues = magic and line.endswith("\\")
    return kept


def _parse(code: str) -> ast.Module | None:
    if len(code) > MAX_ANALYSED_CHARS:
        return None
    try:
        return parse(code)
    except _UNREADABLE:
        return None


def _fingerprint(code: str, tree: ast.Module | None) -> str:
    try:
        return ast.dump(tree) if tree is not None else " ".join(code.split())
    except (RecursionError, ValueError):  # too deep, or an integer too long to be written
        return " ".join(code.split())


def _names(code: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Returns the names that a cell's top level binds, those it takes from outside, those it imports."""
    try:
        top = symtable.symtable(code, "<cell>", "exec")
    except _UNREADABLE:
        return frozenset(), frozenset(), frozenset()
    binds = frozenset(
        s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()
    )
    uses = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    pending = list(top.get_children())
    while pending:
        table = pending.pop()
        pending.extend(table.get_children())
        uses.update(s.get_name() for s in table.get_symbols() if s.is_global())
    imports = frozenset(s.get_name() for s in top.get_symbols() if s.is_imported())
    return binds, frozenset(uses), imports


def _changed_names(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute() as method)):
                yield from _root_name(method)
            case ast.Assign(targets=targets):
                for target in targets:
                    yield from _root_name(target)
            case ast.AugAssign(target=changed):
                yield from _root_name(changed)


def _root_name(target: ast.expr) -> Iterator[str]:
    inner = target
    while isinstance(inner, (ast.Attribute, ast.Subscript)):
        inner = inner.value
    if inner is not target and isinstance(inner, ast.Name):
        yield inner.id


def _is_definition(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            calls = (ast.Call, ast.Await, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
            return not any(isinstance(node, calls) for node in ast.walk(value))
    return False


def _segment(code: str, statement: ast.stmt) -> str:
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    lines = code.split("\n")[first - 1 : statement.end_lineno]
    return "\n".join(lines) if decorators else (ast.get_source_segment(code, statement) or "")


def _replace(lines: list[str], statement: ast.stmt, text: str) -> None:
    assert statement.end_lineno is not None
    head = lines[statement.lineno - 1].encode()[: statement.col_offset].decode()
    tail = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode()
    lines[statement.lineno - 1 : statement.end_lineno] = [head + text + tail]
