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
from grader.exchange.roster import ExportError, Roster, System, read_roster, student_of
from grader.judging.results import SubmissionResult
from grader.messages import _
from grader.reports.spreadsheet import csv_text

POINTS_POSSIBLE = "Points Possible"
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
    for row in sorted({row for row, _chapter in marks.results}):
        rows.append(people.rows[row][:width] + [column.cell(row) for column in columns])
    notices = [*marks.notices, *filter(None, (column.notice for column in columns))]
    return Export(csv_text(rows, people.delimiter), people.encoding, tuple(notices))


class _Column:
    """One assignment.

    Attributes:
        title: Its title, as Canvas knows it.
        points: Points that Canvas has for it.
        notice: What to tell of it; empty for nothing.
    """

    def __init__(self, people: Roster, chapter: str, assignment: str | None, marks: Marks) -> None:
        self._people = people
        self._marks = marks.of(chapter)
        ours = max(result.max_score for result in self._marks.values())
        titles = [assignment] if assignment is not None else [chapter, chapter.removeprefix("ch")]
        self._position = _position(people, titles)
        self.title = titles[0] if self._position is None else people.header[self._position]
        self.points = float(ours) if self._position is None else _points(people, self._position, ours)
        self.notice = scaling_notice(chapter, ours, self.points)

    def cell(self, row: int) -> str:
        """Returns a person's mark; where there is none, what the roster has."""
        if row in self._marks:
            return scaled(self._marks[row], self.points)
        return "" if self._position is None else self._people.rows[row][self._position]


def _locate(header: list[str]) -> tuple[System, int, Sequence[int]]:
    name = "LastName" if "LastName" in header else "Student"
    missing = [title for title in (name, "ID", "Section") if title not in header]
    if missing:
        raise ExportError(
            _("This is no gradebook of Canvas, for it has no column {columns}: export it anew.").format(
                columns=", ".join(missing)
            )
        )
    return "canvas", header.index("ID"), [header.index(title) for title in _IDENTITIES if title in header]


def _people_of(results: Iterable[SubmissionResult]) -> Roster:
    """Makes a roster of those whom the files' names tell."""
    students = {
        student.key: [student.name, student.key, "", "", ""]
        for student in map(student_of, results)
        if student.system == "canvas"
    }
    return Roster("canvas", list(_COLUMNS), list(students.values()), 1, [1])


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
