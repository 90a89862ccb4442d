"""What several commands share: the application, its options, and how it speaks."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from grader.authoring.claims import ClaimsError
from grader.authoring.release import ReleaseError
from grader.course.chapters import Chapter, ChapterError, load_chapter, load_chapters
from grader.course.notebooks import NotebookError
from grader.exchange.roster import ExportError
from grader.messages import Language, _, set_language
from grader.records.gradebook import FILE, Gradebook, GradebookError
from grader.reports.pages import readable
from grader.sandbox.limits import Isolation
from grader.sandbox.staging import IsolationUnavailable, bubblewrap_available

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
console = Console()
errors = Console(stderr=True)

OutOption = Annotated[Path, typer.Option("--out", help=_("Folder for the results."), show_default=False)]
IsolationOption = Annotated[Isolation, typer.Option(help=_("What keeps learners' code apart."))]
LanguageOption = Annotated[
    Language | None,
    typer.Option("--lang", help=_("Language of messages and reports (default: from the environment).")),
]
JobsOption = Annotated[
    int | None, typer.Option(min=1, help=_("How many at a time (default: one per processor core)."))
]
GradesArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help=_("Folder that grade wrote to."), show_default=False)
]
ChaptersArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CHAPTER]...", help=_("Number or name (default: every chapter)."), show_default=False
    ),
]


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turns what the user can mend into one message and exit code 2."""
    try:
        yield
    except (
        ChapterError,
        ClaimsError,
        ExportError,
        GradebookError,
        IsolationUnavailable,
        NotebookError,
        ReleaseError,
    ) as error:
        errors.print(plain(str(error), "red"), soft_wrap=True)
        raise typer.Exit(2) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        told = _("The disk is full. Make room and run the same command again: what is done is kept.")
        errors.print(Text(told, style="red"))
        raise typer.Exit(2) from error


def plain(text: str, style: str = "") -> Text:
    """Returns a text for the terminal, where what a file's name holds may steer nothing."""
    return Text("\n".join(map(readable, text.split("\n"))), style=style)


def speak(lang: Language | None) -> None:
    """Chooses the language of messages, where one was asked for."""
    if lang is not None:
        set_language(lang)


def chosen_chapters(which: Sequence[str] | None) -> list[Chapter]:
    """Loads the chapters that are named, or all."""
    return [load_chapter(each) for each in which] if which else load_chapters()


def best_isolation() -> Isolation:
    """Chooses what keeps the course's own answers apart; says so where that is not bubblewrap."""
    if bubblewrap_available():
        return "bubblewrap"
    errors.print(_("bubblewrap does not work here; the course's own answers run without it."), style="yellow")
    return "process"


def open_gradebook(folder: Path, *, new: bool = True) -> Gradebook:
    """Opens the gradebook of a folder of grades.

    Args:
        folder: The folder.
        new: Whether to make one where there is none.

    Raises:
        GradebookError: If it cannot be used, or there is no sound one and none may be made.
    """
    path = folder / FILE
    if not new and not path.is_file():
        raise GradebookError(
            _("There is no gradebook in {folder}: grade into it first.").format(folder=folder)
        )
    gradebook = Gradebook(path, mend=new)
    if gradebook.set_aside is not None:
        told = _(
            "The gradebook was damaged. It is kept as {path}; what cannot be proved right is graded again."
        )
        errors.print(plain(told.format(path=gradebook.set_aside), "yellow"), soft_wrap=True)
    return gradebook


def print_faults(faults: Sequence[str]) -> None:
    """Prints what is wrong, a line each."""
    for fault in faults:
        errors.print(plain(f"✗ {fault}", "red"))


class _RateColumn(TextColumn):
    """How many are done a minute."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{60 * speed:.1f}/min" if speed else "", style="dim")


def progress_bar(*, auto_refresh: bool = True) -> Progress:
    """Makes the bar that long work shows, on standard error."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=errors,
        auto_refresh=auto_refresh,
    )
