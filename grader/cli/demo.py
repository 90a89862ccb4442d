"""``grader demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.authoring import demo as demonstration
from grader.cli.build import execute_notebook
from grader.cli.common import (
    LanguageOption,
    OutOption,
    app,
    best_isolation,
    console,
    open_gradebook,
    print_faults,
    said_plainly,
    speak,
)
from grader.cli.grade import grade_submissions, print_results, write_pages
from grader.course import notebooks
from grader.course.chapters import Chapter, load_chapter
from grader.messages import _
from grader.records.batch import Grading


@app.command(help=_("Run a chapter's notebook, answer it in three ways, grade these, and write the report."))
def demo(
    out: OutOption,
    chapter: Annotated[str, typer.Option(help=_("Number or name."))] = "5",
    execute: Annotated[bool, typer.Option(help=_("Run the notebook first."))] = True,
    lang: LanguageOption = None,
) -> None:
    """Run a chapter's notebook, answer it in three ways, grade these, and write the report."""
    with said_plainly():
        speak(lang)
        loaded = load_chapter(chapter)
        if execute:
            _run_copy(loaded, out / loaded.notebook_name)
        submissions = demonstration.write_submissions(loaded, out / "submissions")
        isolation = best_isolation()
        with open_gradebook(out) as gradebook:
            complete = grade_submissions(Grading([loaded], isolation, gradebook=gradebook), submissions, None)
            results = [each for each in write_pages(gradebook, out) if each.submission in submissions]
        print_results(results, out)
        if not complete:
            raise typer.Exit(130)
        wrong = demonstration.shortcomings(loaded, {result.submission: result for result in results})
        print_faults(wrong)
        if wrong:
            raise typer.Exit(1)
        console.print(
            _("As it must be: full marks, nothing attempted, and every mistake told for what it is."),
            style="green",
        )


def _run_copy(chapter: Chapter, path: Path) -> None:
    """Executes the committed notebook and saves the result elsewhere."""
    committed = notebooks.notebook_path(chapter)
    if not committed.is_file():
        raise notebooks.NotebookError(_("{path} is missing: run `grader build`.").format(path=committed))
    notebook = notebooks.read(committed)
    execute_notebook(notebook, chapter, 300.0)
    notebooks.save(notebook, path)
