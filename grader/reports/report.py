"""Writes what grading gave: ``grades.json``, ``grades.csv`` and static HTML pages that need no network.

::

    out/index.html             all submissions
    out/class/<chapter>.html   a class as a whole
    out/alike.html             answers that are alike, where that was asked for
    out/submissions/<…>.html   all about one submission, for the instructor
    out/learners/<…>.html      what its learner is sent
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from grader.exercise import Exercise
from grader.judging.results import SubmissionResult
from grader.reading.names import Student, is_of_a_word, student_of
from grader.reports.pages import MARK, AlikeAnswers, ChapterTable, Pages, Row
from grader.reports.similarity import Alike
from grader.reports.spreadsheet import csv_text, plain_text, write_whole
from grader.reports.statistics import class_figures
from grader.reports.wording import isolation_words, status_word, symbol

__all__ = [
    "grades_csv",
    "grades_json",
    "isolation_words",
    "page_name",
    "status_word",
    "symbol",
    "write_alike",
    "write_report",
]

CLASS, SUBMISSIONS, LEARNERS = "class", "submissions", "learners"
ALIKE = "alike.html"
MOST_ALIKE = 50
"""Pairs of answers to one exercise that are shown."""


def write_report(results: Sequence[SubmissionResult], out: Path) -> None:
    """Writes all files of a report below ``out``; each appears whole or not at all.

    Pages of a former report that this one has none for are removed; no other file is.

    Args:
        results: One per submission.
        out: Folder; made when it is not there.
    """
    results = sorted(results, key=lambda result: result.submission)
    write_whole(out / "grades.json", grades_json(results))
    write_whole(out / "grades.csv", grades_csv(results), encoding="utf-8-sig")
    pages = Pages()
    for result in results:
        name = page_name(result.submission)
        class_page = "" if result.problem else _address(CLASS, chapter_page_name(_chapter(result)), "../")
        page = pages.submission(result, class_page, _address(LEARNERS, name, "../"))
        write_whole(out / SUBMISSIONS / name, page)
        write_whole(out / LEARNERS / name, pages.learner(result))
    chapters = _by_chapter(results)
    for chapter, rows in chapters.items():
        write_whole(out / CLASS / chapter_page_name(chapter), pages.class_page(chapter, class_figures(rows)))
    tables = [
        ChapterTable(chapter, _address(CLASS, chapter_page_name(chapter)), _rows(rows))
        for chapter, rows in chapters.items()
    ]
    ungraded = _rows(result for result in results if result.problem)
    write_whole(out / "index.html", pages.index(tables, ungraded))
    names = {page_name(result.submission) for result in results}
    _remove_others(out / SUBMISSIONS, names)
    _remove_others(out / LEARNERS, names)
    _remove_others(out / CLASS, {chapter_page_name(chapter) for chapter in chapters})


def write_alike(found: Mapping[Exercise, Sequence[Alike]], out: Path) -> None:
    """Writes the page on answers that are alike, whole or not at all.

    Args:
        found: What was found, by exercise.
        out: Folder of the report.
    """
    exercises = [
        AlikeAnswers(exercise.id, exercise.title, alike[:MOST_ALIKE], len(alike))
        for exercise, alike in found.items()
        if alike
    ]
    names = {name for each in exercises for alike in each.found for name in (*alike.first, *alike.second)}
    pages = {name: _address(SUBMISSIONS, page_name(name)) for name in names}
    write_whole(out / ALIKE, Pages().alike(exercises, pages))


def grades_json(results: Sequence[SubmissionResult]) -> str:
    """Returns the results as JSON: a list, one object per submission."""
    # One by one: the encoder holds its output in many small pieces until it has all of it.
    entries = (json.dumps(result.to_dict(), ensure_ascii=False, indent=2) for result in results)
    return "[\n" + ",\n".join(entries) + "\n]\n"


def grades_csv(results: Sequence[SubmissionResult]) -> str:
    """Returns the results as a table, one line per submission, safe to open in a spreadsheet.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    ids = list(dict.fromkeys(exercise.id for result in results for exercise in result.exercises))
    header = [
        *("submission", "chapter", "score", "max_score"),
        *(f"{exercise_id} {what}" for exercise_id in ids for what in ("score", "status")),
        *("problem", "isolation", "note"),
    ]
    lines = [[plain_text(cell) for cell in _cells(result, ids)] for result in results]
    return csv_text([header, *lines])


def page_name(submission: str) -> str:
    """Returns the file name of a submission's pages: readable, safe everywhere, the same in every report.

    Where Canvas or Moodle named the file, what it wrote stands in front, so that both know whose page it is
    when the pages are uploaded as feedback.
    """
    student = student_of(submission)
    digest = hashlib.sha256(submission.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    slug = _slug((student.rest if student.prefix else submission).removesuffix(".ipynb"))
    return f"{_prefix(student)}{slug}-{digest}.html" if slug else f"{_prefix(student)}{digest}.html"


def chapter_page_name(chapter: str) -> str:
    """Returns the file name of the page on a class: the chapter's name, where that is a plain one."""
    return f"{chapter}.html" if re.fullmatch(r"ch\d\d_[0-9a-z_]{1,60}", chapter) else page_name(chapter)


def _slug(text: str) -> str:
    """Returns the letters and digits of any script that a text begins with, other characters as ``_``."""
    plain = "".join(each if is_of_a_word(each) else "_" for each in unicodedata.normalize("NFC", text))
    return _cut(re.sub("_+", "_", plain).strip("_"), 90)


def _prefix(student: Student) -> str:
    """Returns what a system wrote in front, without what no name of a file may hold."""
    name, number, behind = student.prefix.partition(f"_{student.key}_")
    kept = "".join(each for each in name if each.isprintable() and each not in '<>:"/\\|?*#%')
    return f"{_cut(kept.lstrip('.~ '), 90)}{number}{behind}"


def _cut(text: str, size: int) -> str:
    """Returns the beginning of a text that takes so many bytes at the most."""
    return text.encode()[:size].decode(errors="ignore")


def _cells(result: SubmissionResult, ids: Iterable[str]) -> list[object]:
    by_id = {exercise.id: exercise for exercise in result.exercises}
    cells: list[object] = [result.submission, result.chapter or "", result.score, result.max_score]
    for exercise_id in ids:
        exercise = by_id.get(exercise_id)
        cells += [exercise.score, str(exercise.status)] if exercise else ["", ""]
    return [*cells, result.problem, result.isolation, result.note]


def _chapter(result: SubmissionResult) -> str:
    return result.chapter or ""


def _by_chapter(results: Iterable[SubmissionResult]) -> dict[str, list[SubmissionResult]]:
    """Groups what could be graded by chapter."""
    groups: dict[str, list[SubmissionResult]] = {}
    for result in results:
        if not result.problem:
            groups.setdefault(_chapter(result), []).append(result)
    return dict(sorted(groups.items()))


def _rows(results: Iterable[SubmissionResult]) -> list[Row]:
    return [Row(result, _address(SUBMISSIONS, page_name(result.submission))) for result in results]


def _address(folder: str, name: str, before: str = "") -> str:
    return f"{before}{folder}/{quote(name)}"


def _remove_others(folder: Path, names: Collection[str]) -> None:
    """Removes pages that carry our mark and are not among ``names``."""
    for path in folder.glob("*.html"):
        if path.name not in names and path.is_file() and MARK in _beginning(path):
            path.unlink()


def _beginning(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(1000)
