"""Reads the code cells of a submitted file. Nothing is trusted and nothing is executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grader.messages import _

MAX_BYTES = 20_000_000
MAX_CODE_CHARS = 1_000_000
MAX_CELLS = 3_000


class SubmissionError(Exception):
    """A file is not a notebook that can be graded; the message is one line for its owner."""


def read_code_cells(path: Path) -> list[str]:
    """Reads the sources of a notebook's code cells, in order, with ``\\n`` as line end.

    Notebook formats 3 and 4 are read as they come back from Jupyter, Colab and editors: unknown
    metadata and a byte order mark do not matter, a cell that is malformed is passed over.

    Args:
        path: The submitted file.

    Returns:
        One source per code cell.

    Raises:
        SubmissionError: If the file is missing, empty, too large, cut off, or no notebook.
    """
    notebook = _parse(_read_text(path))
    if not isinstance(notebook, dict):
        raise SubmissionError(_("This is JSON, but not a Jupyter notebook (.ipynb)."))
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        worksheets = notebook.get("worksheets")
        if not isinstance(worksheets, list):
            raise SubmissionError(_("This is JSON, but not a Jupyter notebook (.ipynb)."))
        cells = [
            cell for sheet in worksheets if isinstance(sheet, dict) for cell in _as_list(sheet.get("cells"))
        ]
    sources = [
        _source(cell.get("source", cell.get("input")))
        for cell in cells
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    ]
    if len(sources) > MAX_CELLS:
        raise SubmissionError(
            _("The notebook holds more than {cap:,} code cells: remove those that are not needed.").format(
                cap=MAX_CELLS
            )
        )
    if sum(map(len, sources)) > MAX_CODE_CHARS:
        raise SubmissionError(
            _("The notebook holds more than {cap:,} characters of code: keep data out of its cells.").format(
                cap=MAX_CODE_CHARS
            )
        )
    return sources


def _read_text(path: Path) -> str:
    if path.is_symlink():
        raise SubmissionError(_("This is a link to another file: hand in the file itself."))
    try:
        size = path.stat().st_size
        if path.is_file() and size <= MAX_BYTES:
            content = path.read_bytes()
    except OSError as error:
        raise SubmissionError(_("The file cannot be read: {error}.").format(error=error.strerror)) from error
    if not path.is_file():
        raise SubmissionError(_("This is not a file."))
    if size > MAX_BYTES:
        raise SubmissionError(
            _(
                "The file has {size:.1f} MB, more than the {cap:.0f} MB allowed: clear its outputs first."
            ).format(size=size / 1e6, cap=MAX_BYTES / 1e6)
        )
    if not content.strip():
        raise SubmissionError(_("The file is empty."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubmissionError(_("The file is not a notebook: it is not UTF-8 text.")) from error


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        begun = text.lstrip().startswith("{")
        cut_off = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated string")
        if begun and cut_off:
            raise SubmissionError(_("The file is cut off in the middle: save or upload it again.")) from error
        raise SubmissionError(
            _("The file is not a notebook: it is not JSON (line {line}).").format(line=error.lineno)
        ) from error
    except (RecursionError, ValueError) as error:
        raise SubmissionError(
            _("The file is not a notebook: its JSON is nested too deeply or malformed.")
        ) from error


def _source(value: Any) -> str:
    text = (
        "".join(part for part in _as_list(value) if isinstance(part, str))
        if not isinstance(value, str)
        else value
    )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.encode("utf-8", "replace").decode("utf-8")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
