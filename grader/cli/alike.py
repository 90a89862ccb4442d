"""``grader alike``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from grader.cli.common import (
    GradesArgument,
    LanguageOption,
    app,
    console,
    open_gradebook,
    plain,
    progress_bar,
    said_plainly,
    speak,
)
from grader.course import notebooks
from grader.course.chapters import Chapter, find_exercise, load_chapters
from grader.course.notebooks import SETUP_MARKER
from grader.exercise import Exercise
from grader.messages import _
from grader.records.gradebook import Gradebook
from grader.reports.report import ALIKE, write_alike
from grader.reports.similarity import Alike, find_alike


@app.command(help=_("Show which answers share what hardly any other has: evidence to read, never a verdict."))
def alike(
    folder: GradesArgument,
    exercise: Annotated[
        list[str] | None,
        typer.Option(metavar="chNN.name", help=_("Id of the exercise (default: all)."), show_default=False),
    ] = None,
    lang: LanguageOption = None,
) -> None:
    """Show which answers share what hardly any other has: evidence to read, never a verdict."""
    with said_plainly():
        speak(lang)
        with open_gradebook(folder, new=False) as gradebook:
            asked = [find_exercise(each) for each in exercise] if exercise else _graded(gradebook)
            found = {}
            with progress_bar() as progress:
                for chapter, each in progress.track(asked, description=_("Comparing")):
                    found[each] = _alike_answers(gradebook, chapter, each)
        write_alike(found, folder)
        _print(found)
        console.print(plain(_("Report: {path}").format(path=folder / ALIKE)), soft_wrap=True)


def _graded(gradebook: Gradebook) -> list[tuple[Chapter, Exercise]]:
    """Returns the exercises that were graded and are answered by code."""
    names = {result.chapter for result in gradebook.current()}
    return [
        (chapter, exercise)
        for chapter in load_chapters()
        if chapter.name in names
        for exercise in chapter.exercises.values()
        if exercise.question is None
    ]


def _alike_answers(gradebook: Gradebook, chapter: Chapter, exercise: Exercise) -> list[Alike]:
    lesson = [cell.source for cell in notebooks.build(chapter, "").cells if cell.cell_type == "code"]
    keys = [key for each in chapter.exercises if (key := chapter.key(each)) is not None]
    right = [code for key in keys for code in (key.reference, *key.alternatives.values())]
    answers = {
        answer.submission: "\n\n".join(_own_cells(answer.code.cells, "\n".join(lesson)))
        for answer in gradebook.answers(exercise.id)
        if answer.code.attempted
    }
    return find_alike(answers, [*lesson, *right])


def _own_cells(cells: Sequence[str], lesson: str) -> list[str]:
    """Returns the cells that a learner wrote."""
    return [cell for cell in cells if cell.strip() not in lesson and SETUP_MARKER not in cell]


def _print(found: dict[Exercise, list[Alike]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for heading in (_("Exercise"), _("Submissions"), _("Rare tokens in common"), _("Share")):
        table.add_column(heading, overflow="fold")
    for exercise, pairs in found.items():
        for pair in pairs:
            names = " · ".join(", ".join(each) for each in (pair.first, pair.second) if each)
            table.add_row(exercise.id, plain(names), str(pair.tokens), f"{pair.share:.0%}")
    if table.row_count:
        console.print(table)
    console.print(
        _("{count} pairs or groups of answers are alike: evidence to read, never a verdict.").format(
            count=table.row_count
        )
    )
