"""Marks for Moodle: an assignment's grading worksheet, filled in.

Moodle knows the columns by their titles in the language of the one who downloads it, so the worksheet comes
back with every column and every person as they were; only ``Grade`` and ``Feedback comments`` are filled. The
first column is the person's number within the assignment, as in the names of the submitted files.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.exchange.marks import (
    Export,
    Marks,
    expect_one_chapter,
    mark,
    maximum_of,
    scaled,
    scaling_notice,
)
from grader.exchange.roster import Columns, ExportError, Roster, read_roster
from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.messages import _
from grader.reports.report import status_word, symbol

# English and Japanese, as Moodle's language packs have them.
_STATUS = ("Status", "ステータス")
_NAME = ("Full name", "氏名")
_TEAM = ("Group", "グループ")
_NOTHING_HANDED_IN = ("No submission", "提出なし", "未提出")
_HANDED_IN = ("Submitted", "評定のため", "提出済み")
_MAXIMUM = ("Maximum grade", "Maximum Grade", "最大評点")
_FEEDBACK = ("Feedback comments", "フィードバックコメント")
_OURS = re.compile(r'\s*<div class="grader">.*?</div>', re.DOTALL)


def moodle_csv(results: Sequence[SubmissionResult], roster: Path | None) -> Export:
    """Returns an assignment's grading worksheet with the marks in it.

    A feedback that somebody wrote stays; ours goes below it, in place of an earlier one of ours.

    Args:
        results: Results of one chapter.
        roster: The worksheet that Moodle gave ("Download grading worksheet").

    Returns:
        The worksheet and its notices.

    Raises:
        ExportError: If there is no worksheet, it cannot be understood, or the results are of several
            chapters.
    """
    if roster is None:
        raise ExportError(
            _(
                "Moodle needs its own grading worksheet: "
                "download it from the assignment and name it with --roster."
            )
        )
    worksheet = read_roster(roster, _locate)
    marks = mark(worksheet, results)
    expect_one_chapter(marks.chapters)
    maximum_column = _column(worksheet.header, _MAXIMUM)
    feedback_column = _column(worksheet.header, _FEEDBACK)
    assert maximum_column is not None
    notices = [*marks.notices, *_contradictions(worksheet, marks)]
    for (number, chapter), result in marks.results.items():
        row = worksheet.rows[number]
        maximum = maximum_of(row[maximum_column], worksheet.header[maximum_column])
        row[maximum_column - 1] = scaled(result, maximum)
        if feedback_column is not None:
            row[feedback_column] = f"{_OURS.sub('', row[feedback_column])}{feedback(result)}"
        notices.append(scaling_notice(chapter, result.max_score, maximum))
    if feedback_column is None:
        notices.append(_("The worksheet has no column for feedback comments, so there are none."))
    return Export(worksheet.text(), worksheet.encoding, tuple(filter(None, dict.fromkeys(notices))))


def feedback(result: SubmissionResult) -> str:
    """Returns what a learner may read of a result, as the HTML that Moodle keeps a comment in."""
    total = _("{earned} of {points} points").format(earned=result.score, points=result.max_score)
    lines = [total, *(_line(exercise) for exercise in result.exercises), *filter(None, [result.note])]
    return f'<div class="grader">{"<br>".join(map(html.escape, lines))}</div>'


def _line(exercise: ExerciseResult) -> str:
    line = f"{symbol(exercise.status)} {exercise.title} ({exercise.score}/{exercise.max_score})"
    if exercise.status == Status.PASSED:
        return line
    told = status_word(exercise.status) + (f": {exercise.reason}" if exercise.reason else "")
    return f"{line} {told}"


def _contradictions(worksheet: Roster, marks: Marks) -> Iterator[str]:
    """Says where the worksheet and what came in differ on who handed in something."""
    status_column = _column(worksheet.header, _STATUS)
    assert status_column is not None
    if not worksheet.columns.names:
        yield _(
            "The worksheet has no names to compare, so numbers alone tell who is who: "
            "see that it is this assignment's."
        )
    for number, row in enumerate(worksheet.rows):
        status = row[status_column].strip()
        if number in marks.handed_in and status.startswith(_NOTHING_HANDED_IN):
            yield _("{student} handed in nothing, says the worksheet, but there is {submission}.").format(
                student=worksheet.label(number), submission=marks.handed_in[number]
            )
        elif number not in marks.handed_in and status.startswith(_HANDED_IN):
            yield _("{student} handed in something, says the worksheet, but there is nothing here.").format(
                student=worksheet.label(number)
            )


def _locate(header: list[str]) -> Columns:
    maximum, status = _column(header, _MAXIMUM), _column(header, _STATUS)
    if maximum is None or status is None or not 0 < status < maximum - 1:
        raise ExportError(
            _(
                "This is no grading worksheet of Moodle with points as grades, in English or Japanese: "
                "it needs the columns {columns}."
            ).format(columns=", ".join([_STATUS[0], "Grade", _MAXIMUM[0]]))
        )
    if _column(header[:maximum], _TEAM) is not None:
        raise ExportError(
            _("Submissions of groups cannot be matched: Moodle numbers their files by group, not by person.")
        )
    name = _column(header[:status], _NAME)
    return Columns("moodle", 0, [*range(1, status), 0], [] if name is None else [name])


def _column(header: Sequence[str], titles: Sequence[str]) -> int | None:
    return next((position for position, title in enumerate(header) if title.strip() in titles), None)
