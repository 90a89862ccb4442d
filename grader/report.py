"""Writes what grading gave: ``grades.json``, ``grades.csv`` and static HTML pages that need no network."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader

from grader.exercise import Status
from grader.messages import _, language
from grader.results import ExerciseResult, SubmissionResult

PAGES = "pages"

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_SYMBOLS = {Status.PASSED: "✓", Status.NOT_ATTEMPTED: "–", Status.GRADER_FAULT: "!"}
_TONES = {Status.PASSED: "passed", Status.NOT_ATTEMPTED: "open", Status.GRADER_FAULT: "fault"}


@dataclass(frozen=True)
class _Column:
    """One exercise over all submissions of its chapter."""

    id: str
    title: str
    results: dict[int, ExerciseResult]

    @property
    def passed(self) -> int:
        return sum(result.status == Status.PASSED for result in self.results.values())


def write_report(results: Sequence[SubmissionResult], out: Path) -> None:
    """Writes all files of a report below ``out``; each appears whole or not at all.

    Args:
        results: One per submission.
        out: Folder; made when it is not there.
    """
    (out / PAGES).mkdir(parents=True, exist_ok=True)
    results = sorted(results, key=lambda result: result.submission)
    _write(out / "grades.json", grades_json(results))
    _write(out / "grades.csv", grades_csv(results), encoding="utf-8-sig")
    pages = page_names([result.submission for result in results])
    environment = _environment()
    page = environment.get_template("submission.html")
    for result, name in zip(results, pages, strict=True):
        _write(out / PAGES / name, page.render(result=result))
    rows = [(result, f"{PAGES}/{quote(name)}") for result, name in zip(results, pages, strict=True)]
    index = environment.get_template("index.html")
    _write(out / "index.html", index.render(chapters=_by_chapter(rows), results=results))


def grades_json(results: Sequence[SubmissionResult]) -> str:
    """Returns the results as JSON: a list, one object per submission."""
    return json.dumps([result.to_dict() for result in results], ensure_ascii=False, indent=2) + "\n"


def grades_csv(results: Sequence[SubmissionResult]) -> str:
    """Returns the results as a table, one line per submission, safe to open in a spreadsheet.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    ids = list(dict.fromkeys(exercise.id for result in results for exercise in result.exercises))
    buffer = io.StringIO()
    table = csv.writer(buffer)
    table.writerow(
        ["submission", "chapter", "score", "max_score"]
        + [f"{exercise_id} {what}" for exercise_id in ids for what in ("score", "status")]
        + ["problem", "isolation"]
    )
    for result in results:
        by_id = {exercise.id: exercise for exercise in result.exercises}
        cells: list[str | int] = [result.submission, result.chapter or "", result.score, result.max_score]
        for exercise_id in ids:
            exercise = by_id.get(exercise_id)
            cells += [exercise.score, str(exercise.status)] if exercise else ["", ""]
        table.writerow([_plain_text(cell) for cell in [*cells, result.problem, result.isolation]])
    return buffer.getvalue()


def page_names(submissions: Sequence[str]) -> list[str]:
    """Returns a file name for each submission's page: readable, safe everywhere, no two alike."""
    width = max(3, len(str(len(submissions))))
    readable = [re.sub(r"[^0-9A-Za-z]+", "_", name.removesuffix(".ipynb")).strip("_") for name in submissions]
    return [f"{number:0{width}d}_{name[:60]}.html" for number, name in enumerate(readable, start=1)]


def symbol(status: Status) -> str:
    """Returns the sign that stands for a status."""
    return _SYMBOLS.get(status, "✗")


def status_word(status: Status) -> str:
    """Returns a status as a word in the current language."""
    return {
        Status.PASSED: _("passed"),
        Status.WRONG_VALUE: _("wrong value"),
        Status.WRONG_SHAPE: _("wrong shape"),
        Status.WRONG_TYPE: _("wrong type"),
        Status.NOT_ATTEMPTED: _("not attempted"),
        Status.RAISED: _("raised an error"),
        Status.TIME_LIMIT: _("time limit"),
        Status.MEMORY_LIMIT: _("memory limit"),
        Status.RESOURCE_LIMIT: _("resource limit"),
        Status.WORKER_DIED: _("worker died"),
        Status.REFUSED: _("refused"),
        Status.GRADER_FAULT: _("grader fault"),
    }[status]


def isolation_words(isolation: str) -> str:
    """Returns what kept the learner's code apart, in the current language."""
    if isolation == "bubblewrap":
        return _("Isolation: bubblewrap (own process, no network, read-only files)")
    if isolation == "process":
        return _("Isolation: process (own process only; not for strangers' code)")
    return ""


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {
        "_": _,
        "language": language(),
        "isolation_words": isolation_words,
        "status_word": status_word,
        "symbol": symbol,
        "tone": lambda status: _TONES.get(status, "wrong"),
        "words": _words(),
    }
    return environment


def _words() -> dict[str, Any]:
    return {
        "all": _("All submissions"),
        "key": [
            ("✓", "passed", _("passed")),
            ("✗", "wrong", _("to be mended")),
            ("–", "open", _("not attempted")),
            ("!", "fault", _("grader fault")),
        ],
        "exercises": _("Exercises"),
        "mean": _("Mean"),
        "passed_by": _("Passed by"),
        "points": _("points"),
        "problem": _("This file could not be graded"),
        "report": _("Grading report"),
        "score": _("Score"),
        "seconds": _("s"),
        "submission": _("Submission"),
        "submissions": _("Submissions"),
        "ungradable": _("Files that could not be graded"),
    }


def _by_chapter(
    rows: list[tuple[SubmissionResult, str]],
) -> list[tuple[str, list[tuple[SubmissionResult, str]], list[_Column]]]:
    """Groups the rows by chapter; those that could not be graded come last, under an empty name."""
    groups: dict[str, list[tuple[SubmissionResult, str]]] = {}
    for row in rows:
        groups.setdefault("" if row[0].problem else row[0].chapter or "", []).append(row)
    return [
        (chapter, group, _columns([result for result, _page in group]))
        for chapter, group in sorted(groups.items(), key=lambda item: (item[0] == "", item[0]))
    ]


def _columns(results: list[SubmissionResult]) -> list[_Column]:
    columns: dict[str, _Column] = {}
    for number, result in enumerate(results):
        for exercise in result.exercises:
            column = columns.setdefault(exercise.id, _Column(exercise.id, exercise.title, {}))
            column.results[number] = exercise
    return list(columns.values())


def _plain_text(cell: str | int) -> str | int:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _write(path: Path, text: str, encoding: str = "utf-8") -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding, newline="")
    part.replace(path)
