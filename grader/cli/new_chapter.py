"""``grader new-chapter``."""

from __future__ import annotations

from typing import Annotated

import typer

from grader.authoring.new_chapter import lay_out
from grader.cli.common import app, console, plain, said_plainly
from grader.course.chapters import load_chapters
from grader.messages import _


@app.command("new-chapter", help=_("Lay out a new chapter that works, to be written over."))
def new_chapter(
    number: Annotated[
        str, typer.Argument(metavar="NN", help=_("Number of the chapter."), show_default=False)
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help=_("Its name: small letters, digits and underscores."), show_default=False
        ),
    ],
) -> None:
    """Lay out a new chapter that works, to be written over."""
    with said_plainly():
        folder = lay_out(load_chapters()[0].folder.parent.parent, number, name)
        told = _("{folder} is laid out. Next: grader build {number}, grader verify {number}.")
        console.print(plain(told.format(folder=folder, number=int(number))), soft_wrap=True)
