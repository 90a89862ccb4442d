"""Reads the code cells of a submitted file. Nothing is trusted and nothing is executed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from grader.messages import _

MAX_BYTES = 20_000_000
MAX_CODE_CHARS = 1_000_000
MAX_CELLS = 3_000

# With the endings that browsers and mail programs add.
_NOTEBOOK_NAME = re.compile(
    r".*\.ipynb(?:\s*\(\d+\))?(?:\.(?:download|ipynb|json|text|txt)(?:\s*\(\d+\))?)*",
    re.IGNORECASE | re.DOTALL,
)
_MAYBE_NOTEBOOKS = frozenset(["", ".download", ".json", ".text", ".txt"])
_SCRIPT = re.compile(r"\.pyw?", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(?:7z|bz2|gz|lzh|rar|tar|tgz|xz|z|zip)", re.IGNORECASE)
_DOCUMENT = re.compile(
    r"\.(?:bmp|docx?|gif|heic|jpe?g|key|mov|mp4|odt|pages|pdf|png|pptx?|tiff?|webp|xlsx?)", re.IGNORECASE
)
_TEXT = re.compile(r"\.(?:gdoc|html?|lnk|md|mht|mhtml|rtf|te?xt|url|webloc)", re.IGNORECASE)
_CONFLICT = re.compile(rb"^<{7}(?: |\r?$)", re.MULTILINE)
_PAGE = re.compile(rb"\s*<(?:!doctype|!--|html|head|body|\?xml)", re.IGNORECASE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SubmissionError(Exception):
    """A file is not a notebook that can be graded; the message is one line for its owner."""


@dataclass(frozen=True)
class SourceCell:
    """A cell of a notebook.

    Attributes:
        number: Its number in the notebook, from 1.
        kind: Its type: ``code``, ``markdown``, ``raw`` or whatever the notebook calls it.
        source: Its text, with ``\\n`` as line end.
    """

    number: int
    kind: str
    source: str


def read_code_cells(path: Path) -> list[str]:
    """Reads the sources of a notebook's code cells, in order; see :func:`read_cells`."""
    return [cell.source for cell in read_cells(path) if cell.kind == "code"]


def read_cells(path: Path) -> list[SourceCell]:
    """Reads the cells of a notebook, in order.

    Notebook formats 3 and 4 are read as they come back from Jupyter, Colab and editors: unknown
    metadata and a byte order mark do not matter, a cell that is malformed is passed over.

    Args:
        path: The submitted file.

    Returns:
        The cells.

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
    read = [
        SourceCell(number, str(cell.get("cell_type")), _source(cell.get("source", cell.get("input"))))
        for number, cell in enumerate(cells, 1)
        if isinstance(cell, dict)
    ]
    sources = [cell.source for cell in read if cell.kind == "code"]
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
    return read


def may_be_notebook(name: str) -> bool:
    """Tells by a file's name whether it takes a look inside to know that it is no notebook."""
    path = PurePosixPath(name)
    return ".ipynb" in path.name.lower() or path.suffix.lower() in _MAYBE_NOTEBOOKS


def is_notebook(name: str, path: Path) -> bool:
    """Tells whether a file is meant as a notebook: by its name, or by what is in it.

    Args:
        name: Its name; ``x.ipynb.txt``, ``x.IPYNB`` and ``x.ipynb (1).json`` are a notebook's.
        path: The file.
    """
    if _NOTEBOOK_NAME.fullmatch(PurePosixPath(name).name):
        return True
    if not may_be_notebook(name) or path.is_symlink() or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES).removeprefix(_BYTE_ORDER_MARK).lstrip()
    except OSError:
        return True  # reading it as one tells what is wrong
    return content.startswith(b"{") and b'"cell_type"' in content and b'"metadata"' in content


def what_to_do(name: str) -> str:
    """Says of a file that is no notebook what its owner should do."""
    ending = PurePosixPath(name).suffix
    if _SCRIPT.fullmatch(ending):
        return _("A Python script is not graded: hand in the notebook itself (.ipynb).")
    if _DOCUMENT.fullmatch(ending):
        return _("A document or a picture cannot be run: hand in the notebook itself (.ipynb).")
    if _ARCHIVE.fullmatch(ending):
        return _(
            "Of archives, only a zip is opened, and none within another: "
            "hand in the notebook itself (.ipynb)."
        )
    if _TEXT.fullmatch(ending):
        return _(
            "A text, a web page or a link is no notebook: download the notebook (in Colab: File > Download > "
            "Download .ipynb) and hand in that file."
        )
    return _("This is no notebook: hand in the notebook itself (.ipynb).")


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
    if told := _other_kind(content):
        raise SubmissionError(told)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubmissionError(_("The file is not a notebook: it is not UTF-8 text.")) from error


def _other_kind(content: bytes) -> str:
    """Says what a file is that calls itself a notebook and is something else; empty where unknown."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff", b"{\0", b"\0{")):
        return _("The file is UTF-16 text, which no notebook is: save it anew in Jupyter or Colab.")
    if content.startswith(b"PK\x03\x04"):
        return _("This is a zip archive under another name: unpack it and hand in the notebook inside.")
    if content.startswith(b"%PDF-"):
        return _("This is a PDF under another name: hand in the notebook itself (.ipynb).")
    if _PAGE.match(content.removeprefix(_BYTE_ORDER_MARK)):
        return _(
            "This is a web page, not the notebook: download the notebook (in Colab: File > Download > "
            "Download .ipynb) and hand in that file."
        )
    if conflict := _CONFLICT.search(content):
        return _(
            "Line {line} marks a merge conflict of git: choose one side, remove the marks, see that the "
            "notebook opens, and hand it in again."
        ).format(line=content.count(b"\n", 0, conflict.start()) + 1)
    return ""


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
