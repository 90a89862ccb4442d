"""``grader regrade``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from grader.cli.common import (
    GradesArgument,
    IsolationOption,
    JobsOption,
    LanguageOption,
    app,
    console,
    open_gradebook,
    plain,
    progress_bar,
    said_plainly,
    speak,
)
from grader.cli.grade import write_pages
from grader.course.chapters import Chapter, find_exercise
from grader.exercise import Exercise
from grader.judging.results import ExerciseResult
from grader.messages import _
from grader.records import regrade as regrading
from grader.records.batch import Grading
from grader.records.regrade import Regraded
from grader.reports.report import status_word, symbol
from grader.sandbox.staging import require


@app.command(
    help=_("Judge one exercise of all submissions anew, show what changes, and keep it if you agree.")
)
def regrade(
    exercise: Annotated[str, typer.Argument(metavar="chNN.name", help=_("Id of the exercise."))],
    folder: GradesArgument,
    jobs: JobsOption = None,
    isolation: IsolationOption = "bubblewrap",
    yes: Annotated[bool, typer.Option("--yes", help=_("Keep the new results without asking."))] = False,
    lang: LanguageOption = None,
) -> None:
    """Judge one exercise of all submissions anew, show what changes, and keep it if you agree."""
    with said_plainly():
        speak(lang)
        require(isolation)
        chapter, found = find_exercise(exercise)
        with open_gradebook(folder, new=False) as gradebook:
            regraded = _regrade(Grading([chapter], isolation, gradebook=gradebook), chapter, found, jobs)
            changed = _print_changes(regraded)
            if not changed:
                console.print(_("Nothing changes."))
                return
            if not yes and not typer.confirm(_("Keep the new results?")):
                console.print(_("Nothing was changed."))
                raise typer.Exit(1)
            regrading.keep(gradebook, found, regraded)
            write_pages(gradebook, folder)
        console.print(_("Kept. Report: {path}").format(path=folder / "index.html"), soft_wrap=True)


def _regrade(grading: Grading, chapter: Chapter, exercise: Exercise, jobs: int | None) -> list[Regraded]:
    assert grading.gradebook is not None
    regraded = []
    with progress_bar() as progress:
        different = len({answer.code for answer in grading.gradebook.answers(exercise.id)})
        task = progress.add_task(exercise.id, total=different)
        for each in regrading.regrade(grading, chapter, exercise, jobs or os.cpu_count() or 1):
            regraded.append(each)
            progress.advance(task)
    return regraded


def _print_changes(regraded: Sequence[Regraded]) -> int:
    """Prints each submission that changes; returns how many."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for heading in (_("Submission"), _("Recorded"), _("New"), _("Reason")):
        table.add_column(heading, overflow="fold")
    changes = sorted((name, before, each.after) for each in regraded for name, before in each.changed)
    for name, before, after in changes:
        table.add_row(plain(name), _outcome(before), _outcome(after), plain(after.detail))
    if changes:
        console.print(table)
    total = sum(len(each.submissions) for each in regraded)
    told = _("{changed} of {total} submissions change.").format(changed=len(changes), total=total)
    console.print(told)
    return len(changes)


def _outcome(result: ExerciseResult) -> Text:
    return Text(f"{symbol(result.status)} {status_word(result.status)} {result.score}/{result.max_score}")
