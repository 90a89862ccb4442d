"""``grader export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from grader.cli.common import (
    LanguageOption,
    app,
    chosen_chapters,
    console,
    errors,
    open_gradebook,
    plain,
    said_plainly,
    speak,
)
from grader.course.chapters import Chapter
from grader.course.notebooks import repository_url
from grader.exchange.export import GradeFormat, export_grades
from grader.exchange.nbgrader import export_nbgrader
from grader.exchange.roster import ExportError
from grader.messages import _

Destination = Literal["csv", "json", "canvas", "moodle", "nbgrader"]


@app.command(help=_("Take marks out: CSV, JSON, Canvas, Moodle; or a chapter to nbgrader."))
def export(
    to: Annotated[Destination, typer.Option(help=_("What for."), show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", help=_("The file; for nbgrader, the folder."), show_default=False)
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help=_("Folder that grade wrote to; none for nbgrader.")),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(help=_("Canvas: the exported gradebook. Moodle: the grading worksheet.")),
    ] = None,
    chapter: Annotated[str | None, typer.Option(help=_("Number or name (default: every chapter)."))] = None,
    assignment: Annotated[
        str | None,
        typer.Option(help=_("Canvas: the assignment's title, where it is not the chapter's name.")),
    ] = None,
    lang: LanguageOption = None,
) -> None:
    """Take marks out: CSV, JSON, Canvas, Moodle; or a chapter to nbgrader."""
    with said_plainly():
        speak(lang)
        if to == "nbgrader":
            notices = [notice for each in _chapters(chapter) for notice in export_nbgrader(each, out)]
        elif folder is None:
            raise ExportError(_("Name the folder that grade wrote to."))
        else:
            notices = _export_grades(folder, to, out, roster, chapter, assignment)
        for notice in notices:
            errors.print(plain(notice, "yellow"), soft_wrap=True)
        console.print(_("Written: {path}").format(path=out), soft_wrap=True)


def _export_grades(
    folder: Path, to: GradeFormat, out: Path, roster: Path | None, chapter: str | None, assignment: str | None
) -> list[str]:
    """Exports what a gradebook holds, of one chapter or of all; returns what is to be told."""
    chapters = _chapters(chapter)
    wanted = {None, *(each.name for each in chapters)}
    with open_gradebook(folder, new=False) as gradebook:
        results = [each for each in gradebook.current() if chapter is None or each.chapter in wanted]
    course = repository_url(chapters[0])
    return export_grades(results, to, out, course=course, roster=roster, assignment=assignment)


def _chapters(chapter: str | None) -> list[Chapter]:
    return chosen_chapters(None if chapter is None else [chapter])
