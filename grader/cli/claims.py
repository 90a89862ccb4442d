"""``grader claims``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from grader.authoring.claims import ClaimsError, claims_page, claims_path
from grader.cli.common import app, console, said_plainly
from grader.course.chapters import load_chapters
from grader.messages import _


@app.command(help=_("Collect all claims that the notebooks check on one page, docs/claims.md."))
def claims(
    check: Annotated[bool, typer.Option("--check", help=_("Only say whether the page is stale."))] = False,
) -> None:
    """Collect all claims that the notebooks check on one page, docs/claims.md."""
    with said_plainly():
        chapters = load_chapters()
        path, page = claims_path(chapters), claims_page(chapters)
        if not check:
            path.write_text(page, "utf-8")
        elif not path.is_file() or path.read_text("utf-8") != page:
            raise ClaimsError(_("{path} is stale: run `grader claims`.").format(path=path))
        console.print(Text(_("{notebook}: up to date").format(notebook=path.name)))
