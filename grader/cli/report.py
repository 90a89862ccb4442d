"""``grader report``."""

from __future__ import annotations

from grader.cli.common import GradesArgument, LanguageOption, app, open_gradebook, said_plainly, speak
from grader.cli.grade import print_results, write_pages
from grader.messages import _


@app.command(help=_("Write the report anew, from the gradebook alone."))
def report(folder: GradesArgument, lang: LanguageOption = None) -> None:
    """Write the report anew, from the gradebook alone."""
    with said_plainly():
        speak(lang)
        with open_gradebook(folder, new=False) as gradebook:
            results = write_pages(gradebook, folder)
        print_results(results, folder)
