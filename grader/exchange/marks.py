"""Who gets which mark: one for each person and chapter, and a sentence for whatever gives none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grader.exchange.roster import ExportError, Lookup, Roster
from grader.exercise import Status
from grader.judging.results import SubmissionResult
from grader.messages import _
from grader.reading.names import Student, student_of


@dataclass
class Marks:
    """What the members of a roster get.

    Attributes:
        results: The result that counts, by line of the roster and name of the chapter.
        notices: One sentence for each submission that gives no mark, lost to a better one, or came with
            something that was not graded.
        handed_in: By line of the roster, the first submission of that person, graded or not.
    """

    results: dict[tuple[int, str], SubmissionResult] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    handed_in: dict[int, str] = field(default_factory=dict)

    @property
    def chapters(self) -> list[str]:
        """Names of the chapters that there are marks for."""
        return sorted({chapter for _row, chapter in self.results})

    def of(self, chapter: str) -> dict[int, SubmissionResult]:
        """Returns the results of one chapter by line of the roster."""
        return {row: result for (row, name), result in self.results.items() if name == chapter}


@dataclass(frozen=True)
class Export:
    """A file to write.

    Attributes:
        text: What is in it.
        encoding: Its encoding.
        notices: One sentence for each thing that the one who exports should know.
    """

    text: str
    encoding: str = "utf-8"
    notices: tuple[str, ...] = ()


def mark(roster: Roster, results: Iterable[SubmissionResult]) -> Marks:
    """Finds who gets which mark.

    Of several files of one person for one chapter, the one that answers most exercises counts, of equals the
    best.

    Args:
        roster: The roster.
        results: Results, of any number of chapters.

    Returns:
        The marks. A file that could not be graded, or where the grader itself failed, gives none, nor does
        one whose student is not in the roster, is called otherwise there, or fits several lines: each has a
        sentence in ``notices``.
    """
    students = [(result, student_of(result.submission, result.chapter)) for result in results]
    lookup = Lookup(roster, [student for _result, student in students])
    marks = Marks()
    attempts: defaultdict[tuple[int, str], list[SubmissionResult]] = defaultdict(list)
    for result, student in students:
        rows = lookup.rows_of(student)
        if len(rows) == 1:
            marks.handed_in.setdefault(rows[0], result.submission)
        if objection := _objection(roster, lookup, result, student, rows):
            marks.notices.append(objection)
        else:
            attempts[rows[0], result.chapter or ""].append(result)
        if result.note:
            marks.notices.append(f"{result.submission}: {result.note}")
    for (row, chapter), several in attempts.items():
        best = max(several, key=lambda result: (_attempted(result), result.score))
        marks.results[row, chapter] = best
        if len(several) > 1:
            others = ", ".join(f"{each.submission} ({each.score})" for each in several if each is not best)
            marks.notices.append(
                _("{student} has several files for {chapter}: {best} ({score}) counts, not {others}.").format(
                    student=roster.label(row),
                    chapter=chapter,
                    best=best.submission,
                    score=best.score,
                    others=others,
                )
            )
    return marks


def expect_one_chapter(chapters: Sequence[str]) -> None:
    """Raises an error where there are several chapters, for an assignment takes one.

    Raises:
        ExportError: If there are several.
    """
    if len(chapters) > 1:
        raise ExportError(
            _("One assignment cannot take several chapters ({chapters}): choose one with --chapter.").format(
                chapters=", ".join(chapters)
            )
        )


def maximum_of(cell: str, title: str) -> float:
    """Returns the points that a cell of the roster gives for an assignment.

    Args:
        cell: The cell.
        title: What to call the assignment.

    Raises:
        ExportError: If it is no number above zero.
    """
    try:
        maximum = float(cell.replace(",", "."))
    except ValueError:
        maximum = 0.0
    if not maximum > 0:
        raise ExportError(
            _("The roster has no points for {title} that a mark could be scaled to: {cell!r}.").format(
                title=title, cell=cell
            )
        )
    return maximum


def scaled(result: SubmissionResult, maximum: float) -> str:
    """Returns a result's score out of another maximum, with two decimals at the most."""
    return number(result.score * maximum / result.max_score if result.max_score else 0.0)


def number(value: float) -> str:
    """Returns a number with two decimals at the most, and none where it needs none."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def scaling_notice(chapter: str, points: int, maximum: float) -> str:
    """Says that the marks of a chapter were scaled; empty where both maxima are the same."""
    if points == maximum:
        return ""
    return _("{chapter}: {points} points here, {maximum} there; the marks were scaled.").format(
        chapter=chapter, points=points, maximum=number(maximum)
    )


def _attempted(result: SubmissionResult) -> int:
    return sum(each.status != Status.NOT_ATTEMPTED for each in result.exercises)


def _objection(
    roster: Roster, lookup: Lookup, result: SubmissionResult, student: Student, rows: Sequence[int]
) -> str:
    """Says why a submission gives no mark; empty where it does."""
    name = result.submission
    if result.problem:
        return _("{submission} was not graded: {problem}").format(submission=name, problem=result.problem)
    if faults := [each.id for each in result.exercises if each.status == Status.GRADER_FAULT]:
        return _(
            "{submission}: the grader itself failed on {exercises}; no mark until that is graded again."
        ).format(submission=name, exercises=", ".join(faults))
    if not rows and student.anonymous:
        return _(
            "{submission} names nobody, for it was downloaded anonymously: download it with names for marks."
        ).format(submission=name)
    if not rows and (others := lookup.disagreeing(student)):
        return _(
            "{submission} gives no mark: its number is that of {people} in the roster, but its name is not. "
            "Is this the roster of the same assignment?"
        ).format(submission=name, people=_people(roster, others))
    if not rows:
        who = " ".join(filter(None, [student.key, student.name]))
        return _("{submission}: {student} is not in the roster.").format(submission=name, student=who)
    if len(rows) > 1:
        return _("{submission} fits several people of the roster: {people}.").format(
            submission=name, people=_people(roster, rows)
        )
    return ""


def _people(roster: Roster, rows: Iterable[int]) -> str:
    return ", ".join(
        _("line {number} ({name})").format(number=row + 2, name=roster.label(row)) for row in rows
    )
