"""Marks for Canvas: the table that its gradebook imports.

Canvas takes a table whose columns begin with those of its own export, up to ``Section``; it knows a person by
``ID`` and an assignment by its title. It takes every mark in the table, so the table holds no people and no
assignments but those that there is a mark for: what others change meanwhile stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from grader.exchange.marks import (
    Export,
    Marks,
    expect_one_chapter,
    mark,
    maximum_of,
    number,
    scaled,
    scaling_notice,
)
from grader.exchange.roster import Columns, ExportError, Roster, is_called, read_roster
from grader.judging.results import SubmissionResult
from grader.messages import _
from grader.reading.names import student_of
from grader.reports.spreadsheet import csv_text

POINTS_POSSIBLE = "Points Possible"
_NO_MARK = ("EX", "N/A")
"""What stands for excused, and for an assignment that is not a person's."""
_COLUMNS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
_IDENTITIES = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID")
_NUMBER_OF_ASSIGNMENT = re.compile(r" \(\d+\)$")


def canvas_csv(
    results: Sequence[SubmissionResult], roster: Path | None = None, assignment: str | None = None
) -> Export:
    """Returns the marks as a table that Canvas' gradebook imports: a column per chapter.

    A column of the roster is a chapter's when its title is the chapter's name, with or without ``ch``; where
    there is none, Canvas makes an assignment of that name. Marks are scaled to Canvas' points for it.

    Args:
        results: The results.
        roster: The gradebook that Canvas exported. Without it, the people are those whom the names of files
            from Canvas' download tell, by ``ID`` alone.
        assignment: Title of the assignment, where it is not the chapter's name; for results of one chapter.

    Returns:
        The table and its notices.

    Raises:
        ExportError: If the roster is no gradebook of Canvas, or the assignment cannot be told.
    """
    people = read_roster(roster, _locate) if roster is not None else _people_of(results)
    marks = mark(people, results)
    chapters = marks.chapters
    if assignment is not None:
        expect_one_chapter(chapters)
    columns = [_Column(people, chapter, assignment, marks) for chapter in chapters]
    width = people.header.index("Section") + 1
    rows = [people.header[:width] + [column.title for column in columns]]
    points = [number(column.points) for column in columns]
    rows.append([f"    {POINTS_POSSIBLE}", *[""] * (width - 1), *points])
    for row in sorted({row for column in columns for row in column.graded}):
        rows.append(people.rows[row][:width] + [column.cell(row) for column in columns])
    notices = [*marks.notices, *(notice for column in columns for notice in column.notices)]
    if roster is None:
        notices.append(
            _("Without Canvas' gradebook (--roster) no name was compared: the files' names tell who is who.")
        )
    else:
        told = _(
            "{title} is no assignment of Canvas' gradebook, so importing would make it; "
            "--assignment names another one."
        )
        notices += [told.format(title=column.title) for column in columns if column.is_new]
    return Export(csv_text(rows, people.delimiter), people.encoding, tuple(notices))


class _Column:
    """One assignment.

    Attributes:
        title: Its title, as Canvas knows it.
        points: Points that Canvas has for it.
        graded: Lines of the people who get a mark.
        notices: What to tell of it.
    """

    def __init__(self, people: Roster, chapter: str, assignment: str | None, marks: Marks) -> None:
        self._people = people
        self._marks = marks.of(chapter)
        ours = max(result.max_score for result in self._marks.values())
        titles = [assignment] if assignment is not None else [chapter, chapter.removeprefix("ch")]
        self._position = _position(people, titles)
        self.title = titles[0] if self._position is None else people.header[self._position]
        self.points = float(ours) if self._position is None else _points(people, self._position, ours)
        untouchable = [row for row in self._marks if self._there(row).upper() in _NO_MARK]
        self.graded = [row for row in self._marks if row not in untouchable]
        self.notices = [*filter(None, [scaling_notice(chapter, ours, self.points)])]
        for row in untouchable:
            self.notices.append(
                _("{student} has {cell} for {title} in Canvas, so {submission} gives no mark.").format(
                    student=people.label(row),
                    cell=self._there(row),
                    title=self.title,
                    submission=self._marks[row].submission,
                )
            )

    @property
    def is_new(self) -> bool:
        """Whether Canvas would make the assignment."""
        return self._position is None

    def cell(self, row: int) -> str:
        """Returns a person's mark; where there is none, what the roster has."""
        if row in self.graded:
            return scaled(self._marks[row], self.points)
        return self._there(row)

    def _there(self, row: int) -> str:
        return "" if self._position is None else self._people.rows[row][self._position].strip()


def _locate(header: list[str]) -> Columns:
    name = "LastName" if "LastName" in header else "Student"
    missing = [title for title in (name, "ID", "Section") if title not in header]
    if missing:
        raise ExportError(
            _("This is no gradebook of Canvas, for it has no column {columns}: export it anew.").format(
                columns=", ".join(missing)
            )
        )
    identities = [header.index(title) for title in _IDENTITIES if title in header]
    names = [header.index(title) for title in ("Student", "LastName", "FirstName") if title in header]
    return Columns("canvas", header.index("ID"), identities, names)


def _people_of(results: Iterable[SubmissionResult]) -> Roster:
    """Makes a roster of those whom the files' names tell; two names of one number fit neither."""
    students: dict[str, list[str]] = {}
    for result in results:
        student = student_of(result.submission, result.chapter)
        if student.system != "canvas" or student.anonymous:
            continue
        row = students.setdefault(student.key, [student.name, student.key, "", "", ""])
        if not is_called(student.name, row[0]):
            row[0] += f" / {student.name}"
    return Roster(Columns("canvas", 1, [1], [0]), list(_COLUMNS), list(students.values()))


def _position(people: Roster, titles: Sequence[str]) -> int | None:
    """Returns the column with one of the titles, Canvas' number behind it left aside."""
    first = people.header.index("Section") + 1
    wanted = {title.casefold() for title in titles}
    found = [
        position
        for position, title in enumerate(people.header)
        if position >= first and wanted & {title.casefold(), _NUMBER_OF_ASSIGNMENT.sub("", title).casefold()}
    ]
    if len(found) > 1:
        raise ExportError(
            _("Several assignments of the roster fit: {titles}. Name one with --assignment.").format(
                titles=", ".join(people.header[position] for position in found)
            )
        )
    return found[0] if found else None


def _points(people: Roster, position: int, default: int) -> float:
    """Returns the points that Canvas has for an assignment."""
    for row in people.rows:
        if POINTS_POSSIBLE in row[0]:
            return maximum_of(row[position], people.header[position])
    return float(default)
