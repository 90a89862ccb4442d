"""``grader build``."""

from __future__ import annotations

from typing import Annotated

import typer
from nbformat import NotebookNode
from rich.text import Text

from grader.cli.common import (
    ChaptersArgument,
    app,
    chosen_chapters,
    console,
    print_faults,
    progress_bar,
    said_plainly,
)
from grader.course import notebooks, taught
from grader.course.chapters import Chapter
from grader.messages import _


@app.command(
    help=_("Generate the notebooks and taught.py from the chapters' lesson.py, and run the notebooks.")
)
def build(
    chapters: ChaptersArgument = None,
    execute: Annotated[bool, typer.Option(help=_("Run the notebook and keep its outputs."))] = True,
    check: Annotated[bool, typer.Option("--check", help=_("Only say what is stale."))] = False,
    cell_timeout: Annotated[float, typer.Option(help=_("Seconds that one cell may take."))] = 300.0,
) -> None:
    """Generate the notebooks and taught.py from the chapters' lesson.py, and run the notebooks."""
    with said_plainly():
        found = [_build(each, execute, check, cell_timeout) for each in chosen_chapters(chapters)]
        if any(found):
            raise typer.Exit(1)


def _build(chapter: Chapter, execute: bool, check: bool, cell_timeout: float) -> list[str]:
    path = notebooks.notebook_path(chapter)
    repository = notebooks.repository_url(chapter)
    if not check:
        taught.write(chapter)  # first: what the notebook imports may import it
        notebook = notebooks.build(chapter, repository)
        if execute:
            execute_notebook(notebook, chapter, cell_timeout)
        notebooks.save(notebook, path)
        if not execute:
            console.print(Text(_("{notebook}: built, not executed").format(notebook=path.name)))
            return []
    faults = [f"{path.name}: {fault}" for fault in notebooks.faults(chapter, repository, path)]
    faults += taught.faults(chapter)
    print_faults(faults)
    if not faults:
        console.print(Text(_("{notebook}: up to date").format(notebook=path.name)))
    return faults


def execute_notebook(notebook: NotebookNode, chapter: Chapter, cell_timeout: float) -> None:
    """Executes a notebook in place, with a progress bar, and says how long it took."""
    with progress_bar() as progress:
        task = progress.add_task(chapter.notebook_name, total=None)

        def on_cell(done: int, total: int, line: str) -> None:
            progress.update(
                task, completed=done, total=total, description=f"{chapter.notebook_name} {line[:32]}"
            )

        root = chapter.folder.parent.parent
        seconds = notebooks.execute(notebook, root, cell_timeout=cell_timeout, progress=on_cell)
    console.print(
        _("{notebook}: executed in {seconds:.0f} s").format(notebook=chapter.notebook_name, seconds=seconds)
    )
