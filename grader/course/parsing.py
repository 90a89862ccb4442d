"""Parsing of Python, safe in several threads."""

from __future__ import annotations

import ast
import threading

_PARSING = threading.Lock()


def parse(code: str) -> ast.Module:
    """Parses Python, one thread at a time: CPython counts the depth of the tree for all threads together.

    Two that parse at once can end in ``SystemError: AST constructor recursion depth mismatch``
    (python/cpython#106905).

    Args:
        code: The text.

    Returns:
        Its syntax tree.

    Raises:
        SyntaxError: If it is not Python.
    """
    with _PARSING:
        return ast.parse(code)
