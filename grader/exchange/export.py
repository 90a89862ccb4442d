"""Takes marks out of the grader: CSV, JSON with a published schema, and tables for Canvas and Moodle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from grader.exchange.canvas import canvas_csv
from grader.exchange.marks import Export
from grader.exchange.moodle import moodle_csv
from grader.exchange.roster import ExportError
from grader.judging.results import SubmissionResult
from grader.messages import _
from grader.reading.names import student_of
from grader.reports.spreadsheet import csv_text, plain_text, write_whole

GradeFormat = Literal["csv", "json", "canvas", "moodle"]

SCHEMA_VERSION = 2
"""Rises with every change of what the JSON document holds; the schema's file follows."""
SCHEMA = Path(__file__).resolve().parent / "schema" / "results.schema.json"

_COLUMNS = (
    "submission",
    "student",
    "name",
    "chapter",
    "exercise",
    "title",
    "status",
    "score",
    "max_score",
    "check",
    "mistake",
    "reason",
    "seconds",
    "graded_at",
    "isolation",
    "problem",
    "note",
)


def export_grades(
    results: Sequence[SubmissionResult],
    to: GradeFormat,
    out: Path,
    *,
    course: str = "",
    roster: Path | None = None,
    assignment: str | None = None,
) -> list[str]:
    """Writes marks to a file, whole or not at all.

    Args:
        results: The results; the file has them by chapter and name.
        to: The format.
        out: The file.
        course: What the JSON document calls the course: its URL.
        roster: For Canvas, the gradebook that it exported; for Moodle, the assignment's grading worksheet.
        assignment: For Canvas, the assignment's title where it is not the chapter's name.

    Returns:
        One sentence for each thing that the one who exports should know: submissions that gave no mark, first
        of all.

    Raises:
        ExportError: If the file cannot be made; none is written.
    """
    if roster is not None and to not in ("canvas", "moodle"):
        raise ExportError(_("A roster is of use for Canvas and Moodle only."))
    if assignment is not None and to != "canvas":
        raise ExportError(_("Only Canvas needs the title of an assignment."))
    results = sorted(results, key=lambda result: (result.chapter or "", result.submission))
    match to:
        case "csv":
            export = Export(results_csv(results), "utf-8-sig")
        case "json":
            export = Export(results_json(results, course))
        case "canvas":
            export = canvas_csv(results, roster, assignment)
        case "moodle":
            export = moodle_csv(results, roster)
    try:
        write_whole(out, export.text, export.encoding)
    except (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        message = _("{path} cannot be written: {error}.").format(path=out, error=error.strerror)
        raise ExportError(message) from error
    return list(export.notices)


def results_json(results: Sequence[SubmissionResult], course: str) -> str:
    """Returns results as a JSON document that keeps to :data:`SCHEMA`.

    It is for instructors: ``detail`` may hold what hidden checks expect.

    Args:
        results: The results.
        course: What to call the course.
    """
    document = {
        "schema": SCHEMA_VERSION,
        "course": course,
        "graded": [result.to_dict() for result in results],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def results_csv(results: Sequence[SubmissionResult]) -> str:
    """Returns results as a table with a line for each exercise of each submission.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.

    A submission without exercises, such as a file that could not be graded, has one line.

    Args:
        results: The results.
    """
    lines = (line for result in results for line in _lines(result))
    return csv_text([_COLUMNS, *([plain_text(line[column]) for column in _COLUMNS] for line in lines)])


def _lines(result: SubmissionResult) -> Iterator[dict[str, object]]:
    student = student_of(result.submission, result.chapter)
    of_submission = dict.fromkeys(_COLUMNS, "") | {
        "submission": result.submission,
        "student": student.key,
        "name": student.name,
        "chapter": result.chapter or "",
        "graded_at": result.graded_at,
        "isolation": result.isolation,
        "problem": result.problem,
        "note": result.note,
    }
    for exercise in result.exercises:
        of_exercise = exercise.to_dict()
        of_exercise["exercise"] = of_exercise.pop("id")
        yield of_submission | {column: of_exercise[column] for column in _COLUMNS if column in of_exercise}
    if not result.exercises:
        yield of_submission | {"score": result.score, "max_score": result.max_score}
