"""``grader release``."""

from __future__ import annotations

from typing import Annotated

import typer

from grader.authoring import release as releasing
from grader.cli.common import LanguageOption, OutOption, app, best_isolation, console, said_plainly, speak
from grader.cli.verify import verify_all
from grader.course.chapters import load_chapters
from grader.messages import _


@app.command(help=_("Make the copy of the course that learners get, without answers."))
def release(
    out: OutOption,
    skip_verify: Annotated[bool, typer.Option("--skip-verify", help=_("Do not verify first."))] = False,
    lang: LanguageOption = None,
) -> None:
    """Make the copy of the course that learners get, without answers."""
    with said_plainly():
        speak(lang)
        chapters = load_chapters()
        if not skip_verify and not verify_all(chapters, best_isolation()):
            raise typer.Exit(1)
        root = chapters[0].folder.parent.parent
        count = releasing.release(root, out, chapters)
        told = _("{count} files in {folder}, and no answer among them.").format(count=count, folder=out)
        console.print(told, soft_wrap=True)
