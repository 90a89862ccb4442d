"""``grader grade``, and what the other commands that grade or report share with it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from grader.cli.common import (
    IsolationOption,
    JobsOption,
    LanguageOption,
    OutOption,
    app,
    console,
    errors,
    open_gradebook,
    plain,
    progress_bar,
    said_plainly,
    speak,
)
from grader.course.chapters import ChapterError, load_chapters
from grader.exercise import Status
from grader.judging.results import SubmissionResult
from grader.messages import _
from grader.records.batch import Grading
from grader.records.gradebook import Gradebook
from grader.records.intake import Intake, find_submissions
from grader.reports.report import isolation_words, status_word, symbol, write_report
from grader.sandbox.staging import require

FEW = 5  # submissions whose reasons are printed; of more, one line each


@app.command(help=_("Grade submitted notebooks: grades.json, grades.csv and a page for each."))
def grade(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES|DIR",
            help=_("Notebooks, folders of them, or a zip of Moodle or Canvas."),
            show_default=False,
        ),
    ],
    out: OutOption,
    jobs: JobsOption = None,
    isolation: IsolationOption = "bubblewrap",
    lang: LanguageOption = None,
    seed: Annotated[int | None, typer.Option(help=_("Repeat a verdict (default: secret)."))] = None,
) -> None:
    """Grade submitted notebooks: grades.json, grades.csv and a page for each."""
    with said_plainly():
        speak(lang)
        require(isolation)
        chapters = load_chapters()
        with TemporaryDirectory(prefix="grader-") as unpacked:
            intake = find_submissions(paths, Path(unpacked), chapters, skip=out)
            if not intake.is_of_a_class:
                raise ChapterError(
                    _("There is no notebook (.ipynb) in {paths}.").format(paths=", ".join(map(str, paths)))
                )
            with open_gradebook(out) as gradebook:
                grading = Grading(
                    chapters, isolation, seed, gradebook, problems=intake.problems, notes=intake.notes
                )
                complete = grade_submissions(grading, intake.files, jobs)
                results = write_pages(gradebook, out)
        results = [result for result in results if result.submission in intake.files]
        print_results(results, out)
        if not complete:
            raise typer.Exit(130)
        print_intake(intake, results)


def grade_submissions(grading: Grading, submissions: Mapping[str, Path], jobs: int | None) -> bool:
    """Grades with a progress bar; says whether all was done, which it is not after Ctrl-C."""
    done = 0
    with _stopped_by_ctrl_c() as stop, progress_bar() as progress:
        task = progress.add_task(_("Grading"), total=len(submissions))
        for _result in grading.grade_all(submissions, jobs or os.cpu_count() or 1, stop):
            done += 1
            progress.advance(task)
    return done == len(submissions)


def write_pages(gradebook: Gradebook, out: Path) -> list[SubmissionResult]:
    """Writes the report of all that the gradebook holds."""
    results = gradebook.current()
    write_report(results, out)
    return results


def print_intake(intake: Intake, results: Sequence[SubmissionResult]) -> None:
    """Prints how many files came in, and what became of them."""
    unreadable = sum(bool(each.problem) for each in results if each.submission not in intake.problems)
    counts = [
        (intake.notebooks - unreadable, _("{count} graded")),
        (unreadable, _("{count} could not be graded")),
        (intake.unused, _("{count} not used (another notebook of the same learner is)")),
        (intake.others, _("{count} no notebooks")),
        (intake.noise, _("{count} left behind by a system and skipped")),
    ]
    told = ", ".join(what.format(count=count) for count, what in counts if count)
    console.print(
        _("Files that came in: {total} ({told}).").format(total=intake.total, told=told), soft_wrap=True
    )


def print_results(results: Sequence[SubmissionResult], out: Path) -> None:
    """Prints a table of results, and where the report is."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    table.add_column(_("Submission"), overflow="fold")
    table.add_column(_("Score"), justify="right")
    table.add_column(_("Exercises"), overflow="fold")
    for result in results:
        score = "–" if result.problem else f"{result.score} / {result.max_score}"
        exercises = _statuses(result) if len(results) <= FEW else _symbols(result)
        told = "\n".join(filter(None, [result.problem or exercises, result.note]))
        table.add_row(plain(result.submission), score, plain(told))
    console.print(table)
    for isolation in dict.fromkeys(result.isolation for result in results):
        console.print(isolation_words(isolation), style="dim", highlight=False)
    console.print(plain(_("Report: {path}").format(path=out / "index.html")), soft_wrap=True)


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[threading.Event]:
    """Gives an event that the first Ctrl-C sets; the second one interrupts as usual."""
    stop = threading.Event()

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, usual)
        errors.print(
            _("Stopping: what is under way is finished, and the report holds what is done."), style="yellow"
        )

    usual = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, usual)


def _statuses(result: SubmissionResult) -> str:
    told = {Status.PASSED: "", Status.NOT_ATTEMPTED: ""}
    return "\n".join(
        f"{symbol(each.status)} {each.id}: {status_word(each.status)} {told.get(each.status, each.reason)}"
        for each in result.exercises
    )


def _symbols(result: SubmissionResult) -> str:
    return " ".join(symbol(each.status) for each in result.exercises)
