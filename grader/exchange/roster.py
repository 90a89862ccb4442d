"""Who is who: the line of a roster that stands for the student whom a submission's name tells.

A roster is a table that a learning management system wrote: Canvas' exported gradebook, Moodle's grading
worksheet. Its cells stay as they came, so that the system takes the table back.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.messages import _
from grader.reading.names import Student, System, letters
from grader.reports.spreadsheet import csv_text

_NOBODY = frozenset(map(letters, ["Participant", "参加者"]))
"""What Moodle writes in the place of a name that it hides."""


class ExportError(Exception):
    """An export cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Columns:
    """Where a system's table has what tells a person.

    Attributes:
        system: The system.
        number: Column that holds its number of a person.
        identities: Columns any of which names a person.
        names: Columns that hold a person's full name, together; none where the table hides it.
    """

    system: System
    number: int
    identities: Sequence[int]
    names: Sequence[int] = ()


@dataclass
class Roster:
    """A table with a line for each person.

    Attributes:
        columns: Where it has what.
        header: Names of its columns.
        rows: Its lines, the header left out.
        delimiter: What stands between its cells.
        encoding: The encoding to write it in.
    """

    columns: Columns
    header: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    encoding: str = "utf-8-sig"

    def text(self) -> str:
        """Returns the table as CSV."""
        return csv_text([self.header, *self.rows], self.delimiter)

    def label(self, row: int) -> str:
        """Returns what to call a line's person in a message."""
        cells = (self.rows[row][column].strip() for column in self.columns.identities)
        return next(filter(None, cells), "?")

    def full_name(self, row: int) -> str:
        """Returns a line's full name; empty where the table hides it."""
        return " ".join(self.rows[row][column].strip() for column in self.columns.names)


def read_roster(path: Path, locate: Callable[[list[str]], Columns]) -> Roster:
    """Reads a roster as the system wrote it, or as Excel saved it.

    That is in UTF-8 or Shift_JIS, with commas, semicolons or tabs.

    Args:
        path: The file.
        locate: Given the header, tells where what is; raises :class:`ExportError` if this is no such table.

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
    columns = locate(header)
    rows = [[*line, *[""] * (len(header) - len(line))] for line in lines[1:]]
    return Roster(columns, header, rows, delimiter, encoding)


class Lookup:
    """Finds the lines of a roster that students fit."""

    def __init__(self, roster: Roster, students: Iterable[Student]) -> None:
        """Reads the roster's names once.

        Args:
            roster: The roster.
            students: All who handed in something: where folders are named after people, files are not.
        """
        self._roster = roster
        self._by_number: defaultdict[str, list[int]] = defaultdict(list)
        self._by_name: defaultdict[str, set[int]] = defaultdict(set)
        for row, cells in enumerate(roster.rows):
            digits = re.search(r"([0-9]+)\s*$", cells[roster.columns.number])
            if digits is None and roster.columns.system == "canvas":
                continue  # a line of points or of posting
            if digits and self._is_the_same_again(row, digits[1]):
                continue
            if digits:
                self._by_number[digits[1]].append(row)
            for column in roster.columns.identities:
                for spelling in _spellings(cells[column]):
                    self._by_name[spelling].add(row)
        self._folders_tell = any(self._named(folder) for each in students for folder in each.folders)

    def rows_of(self, student: Student) -> list[int]:
        """Returns the lines that a student fits.

        The outermost folder that is called like a person and the number that the roster's own system wrote in
        front, if the name there agrees, decide. Only where neither says anything, and folders are not called
        like people here, the file's own name does.
        """
        if student.anonymous:
            return []
        by_folder = next(filter(None, map(self._named, student.folders)), [])
        by_number = [row for row in self._numbered(student) if self._agrees(student, row)]
        if by_folder or by_number:
            return sorted({*by_folder, *by_number})
        if student.system == "moodle" or (student.folders and self._folders_tell):
            return []
        return self._named(student.file)

    def disagreeing(self, student: Student) -> list[int]:
        """Returns the lines that have a student's number and another name."""
        return [row for row in self._numbered(student) if not self._agrees(student, row)]

    def _numbered(self, student: Student) -> list[int]:
        """Returns the lines with the number that the roster's own system gave a student."""
        same = student.system == self._roster.columns.system
        return self._by_number.get(student.key, []) if same else []

    def _named(self, name: str) -> list[int]:
        """Returns the lines that a name fits; Excel may have dropped a number's zeros."""
        plain = _normal(name)
        if plain in self._by_name or not plain.isdigit():
            return sorted(self._by_name.get(plain, ()))
        rest = plain.lstrip("0")
        numbers = (self._roster.rows[row][self._roster.columns.number] for row in self._by_name.get(rest, ()))
        return sorted(self._by_name.get(rest, ())) if rest not in map(_normal, numbers) else []

    def _is_the_same_again(self, row: int, number: str) -> bool:
        """Tells whether a line names a person a second time, as for another section."""
        if self._roster.columns.system != "canvas":
            return False
        return any(
            self._roster.full_name(row) == self._roster.full_name(other) for other in self._by_number[number]
        )

    def _agrees(self, student: Student, row: int) -> bool:
        """Tells whether the name that a system wrote is that of a line, as far as both have one."""
        return is_called(student.name, self._roster.full_name(row))


def is_called(written: str, name: str) -> bool:
    """Tells whether a system may have written a full name as this.

    Canvas leaves out all but letters and may turn first and last name round; Moodle may write a group or a
    login in front, or hide who it is.

    Args:
        written: What the system wrote.
        name: The name in the roster; agrees with everything where there is none.
    """
    wanted = letters(name)
    if not wanted or letters(written) in _NOBODY:
        return True
    words = re.split(r"[\s_.,\-]+", unicodedata.normalize("NFKC", written))
    ends = (letters("".join(words[first:])) for first in range(len(words)))
    return wanted in ends or sorted(letters(written)) == sorted(wanted)


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
