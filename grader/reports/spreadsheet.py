"""Tables for spreadsheets: cells that are no formula, and files that appear whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_PARTING = re.compile('[",;|\t\r\n]')
_FORMULA_WITHIN = re.compile(r"(?<=[;|\t\r\n])(?=[=+\-@＝＋－＠])")
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def plain_text(cell: object) -> object:
    """Returns a cell that no spreadsheet takes for a formula: such text gets an apostrophe in front.

    So does what follows a semicolon or another mark at which some part cells, whatever stands around them.
    """
    if not isinstance(cell, str):
        return cell
    text = _FORMULA_WITHIN.sub("'", cell)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def csv_text(rows: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    """Returns rows as CSV, each cell as it is.

    A cell is quoted where any program may see more than one in it, whichever delimiter it goes by.
    """
    return "".join(f"{delimiter.join(map(_quoted, row))}\r\n" for row in rows)


def _quoted(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return '"{}"'.format(text.replace('"', '""')) if _PARTING.search(text) else text


def write_whole(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Writes a file in one step, line ends as they are; its folder is made when it is not there.

    Half a surrogate pair, which the name of a file can bring along, is written as an escape.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding, "backslashreplace", newline="")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
