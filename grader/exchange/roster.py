"""Who is who: the student that a submission's name tells, and the line of a roster that stands for them.

A roster is a table that a learning management system wrote: Canvas' exported gradebook, Moodle's grading
worksheet. Its cells stay as they came, so that the system takes the table back.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from grader.judging.results import SubmissionResult
from grader.messages import _
from grader.reports.spreadsheet import csv_text

System = Literal["canvas", "moodle"]

# Canvas' "Download Submissions": name_[LATE_]user_attachment_file. The name never holds "_<digits>_".
_CANVAS_FILE = re.compile(r"(?P<name>\w*?)_(?:LATE_)?(?P<id>\d+)_\d+_.+", re.DOTALL)
# Moodle's "Download all submissions": a folder or a file; older releases end the folder's name in "_".
_MOODLE_PART = re.compile(r"(?P<name>.*)_(?P<id>\d+)_assignsubmission_file(?:_.*)?", re.DOTALL)
_NBGRADER_STEPS = ("submitted", "autograded")


class ExportError(Exception):
    """An export cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Student:
    """Who handed in a file, as far as its name tells.

    Attributes:
        key: Number within the system that named the file, else the name of the file or its folder.
        name: Full name, where the file's name holds it.
        system: The system that named the file; ``None`` for a person or nbgrader.
        parts: Names of the file (without its ending) and of its folders, nearest first.
    """

    key: str
    name: str = ""
    system: System | None = None
    parts: tuple[str, ...] = ()


@dataclass
class Roster:
    """A table with a line for each person.

    Attributes:
        system: The system that wrote it.
        header: Names of its columns.
        rows: Its lines, the header left out.
        id_column: Column that holds the system's number of a person.
        identity_columns: Columns any of which names a person.
        delimiter: What stands between its cells.
        encoding: The encoding to write it in.
    """

    system: System
    header: list[str]
    rows: list[list[str]]
    id_column: int
    identity_columns: Sequence[int]
    delimiter: str = ","
    encoding: str = "utf-8-sig"

    def text(self) -> str:
        """Returns the table as CSV."""
        return csv_text([self.header, *self.rows], self.delimiter)

    def label(self, row: int) -> str:
        """Returns what to call a line's person in a message."""
        cells = (self.rows[row][column].strip() for column in self.identity_columns)
        return next(filter(None, cells), "?")


def student_of(result: SubmissionResult) -> Student:
    """Tells a submission's student by its name.

    Args:
        result: Its name is a path such as ``find_submissions`` of :mod:`grader.records.batch` gives.

    Returns:
        The student: Canvas' or Moodle's number where one of these named the file; the folder below
        ``submitted`` in nbgrader's layout; else the file's own name, unless that is the published notebook's:
        then its folder's.
    """
    path = PurePosixPath(unicodedata.normalize("NFC", result.submission))
    parts = (path.stem if path.suffix == ".ipynb" else path.name, *reversed(path.parts[:-1]))
    if found := _CANVAS_FILE.fullmatch(path.name):
        return Student(found["id"], found["name"], "canvas", parts)
    for part in (path.name, *parts[1:]):
        if found := _MOODLE_PART.fullmatch(part):
            return Student(found["id"], found["name"], "moodle", parts)
    key = _nbgrader_student(path.parts, result.chapter) or _own_name(parts, result.chapter)
    return Student(key, parts=parts)


def read_roster(path: Path, locate: Callable[[list[str]], tuple[System, int, Sequence[int]]]) -> Roster:
    """Reads a roster as the system wrote it, or as Excel saved it.

    That is in UTF-8 or Shift_JIS, with commas, semicolons or tabs.

    Args:
        path: The file.
        locate: Given the header, returns the system, the column of its number, and the columns that name a
            person; raises :class:`ExportError` if this is no such table.

    Returns:
        The roster; each line as long as the header.

    Raises:
        ExportError: If the file cannot be read, or is no such table.
    """
    text, encoding = _decoded(path)
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if line]
    except csv.Error as error:
        raise ExportError(_("{path} is no table: {error}.").format(path=path, error=error)) from error
    if not lines:
        raise ExportError(_("{path} is empty.").format(path=path))
    header = lines[0]
    system, id_column, identity_columns = locate(header)
    rows = [[*line, *[""] * (len(header) - len(line))] for line in lines[1:]]
    return Roster(system, header, rows, id_column, identity_columns, delimiter, encoding)


class Lookup:
    """Finds the lines of a roster that a student fits."""

    def __init__(self, roster: Roster) -> None:
        """Reads the roster's names once."""
        self._system = roster.system
        self._by_id: defaultdict[str, set[int]] = defaultdict(set)
        self._by_name: defaultdict[str, set[int]] = defaultdict(set)
        for number, row in enumerate(roster.rows):
            if digits := re.search(r"(\d+)\s*$", row[roster.id_column]):
                self._by_id[digits[1]].add(number)
            for column in roster.identity_columns:
                for spelling in _spellings(row[column]):
                    self._by_name[spelling].add(number)

    def rows_of(self, student: Student) -> list[int]:
        """Returns the lines that a student fits, by the system's number, else by file and folder."""
        if student.system == self._system and (rows := self._by_id.get(student.key)):
            return sorted(rows)
        return sorted({row for part in student.parts for row in self._by_name.get(_normal(part), ())})


def _decoded(path: Path) -> tuple[str, str]:
    """Returns a file's text, and the encoding to write it in again."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ExportError(
            _("{path} cannot be read: {error}.").format(path=path, error=error.strerror)
        ) from error
    for encoding in ("utf-8", "cp932"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        plain = encoding == "utf-8" and not text.startswith("\ufeff")
        return text.removeprefix("\ufeff"), "utf-8" if plain else "utf-8-sig"
    raise ExportError(_("{path} is neither UTF-8 nor Shift_JIS text.").format(path=path))


def _nbgrader_student(parts: Sequence[str], chapter: str | None) -> str:
    """Returns the student in ``submitted/<student>/<assignment>/<file>``, empty for any other path."""
    for step in _NBGRADER_STEPS:
        if step in parts[:-3]:
            return parts[parts.index(step) + 1]
    return parts[-3] if len(parts) >= 3 and parts[-2] == chapter else ""


def _own_name(parts: Sequence[str], chapter: str | None) -> str:
    """Returns the file's name, or its folder's where the file is called like the published notebook."""
    stem = re.escape((chapter or "").removeprefix("ch"))
    copy = re.compile(rf"(?:copy of )?{stem}(?:[ _-]*(?:\(\d+\)|\d+|copy))?", re.IGNORECASE)
    return parts[1] if len(parts) > 1 and stem and copy.fullmatch(parts[0]) else parts[0]


def _spellings(cell: str) -> Iterator[str]:
    """Yields what a person may be called for a cell: itself, and what stands before an address' ``@``."""
    if whole := _normal(cell):
        yield whole
        local, at, _domain = whole.partition("@")
        if local and at:
            yield local


def _normal(name: str) -> str:
    """Returns a name without regard to case, width, composition and blanks."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
