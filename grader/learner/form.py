"""Options to click under the answer cell of a question, in JupyterLab and Jupyter Notebook with ipywidgets.

What is chosen must stand in the cell's source: an output is lost when outputs are cleared. A kernel can
replace the source of the cell that it runs, of no other cell, and of none while a widget calls it. So the
form stands under the answer cell itself. It keeps the choice, and running the cell once more writes it there.

A number has no form: it would be typed in either place, and a field takes Shift+Enter away from the notebook.
Colab makes a form of its own of the line ``# @param``. Everywhere else one writes the answer by hand.
"""

from __future__ import annotations

import contextlib
import html
import importlib
import importlib.util
import os
import re
import sys
from typing import Any

from grader.compare import Finding
from grader.course.chapters import find_exercise
from grader.exercise import Status
from grader.messages import _
from grader.questions import Choice
from grader.reading.cells import marker_of

_WIDGET = "application/vnd.jupyter.widget-view+json"


def offer_forms(shell: Any) -> None:
    """Shows the options under each answer cell of a question that is run unanswered, from now on.

    It does so under a Jupyter server alone, which says so in ``JPY_SESSION_NAME``: where a program runs a
    notebook, nobody could use a form, and what it leaves in the outputs would be dead.

    Args:
        shell: IPython's shell; ``None`` where there is none.
    """
    by_hand = shell is None or "JPY_SESSION_NAME" not in os.environ or "google.colab" in sys.modules
    if not by_hand and importlib.util.find_spec("ipywidgets"):
        shell.events.register("post_run_cell", Forms(shell).after_cell)


class Forms:
    """The forms of one kernel."""

    def __init__(self, shell: Any) -> None:
        """Creates them.

        Args:
            shell: IPython's shell.
        """
        self._shell = shell
        self._chosen: dict[str, str] = {}

    def after_cell(self, result: Any) -> None:
        """Shows a form after an answer cell, or writes into the cell what was chosen in one.

        Args:
            result: What IPython says of the cell that it has run.
        """
        with contextlib.suppress(Exception):  # a form is a convenience: without it one writes by hand
            source = result.info.raw_cell
            asked = _choice_in(source) if result.success else None
            if asked is not None and _is_open(asked, self._shell.user_ns.get(asked.symbol)):
                if asked.symbol in self._chosen:
                    self._write(asked, source, self._chosen.pop(asked.symbol))
                else:
                    self._show(asked)

    def _write(self, asked: Choice, source: str, letter: str) -> None:
        code = asked.code(letter)
        unanswered = re.compile(rf"""^{asked.symbol}\s*=\s*(""|''|None)""", re.MULTILINE)
        written, count = unanswered.subn(lambda _match: code, source, count=1)
        self._shell.set_next_input(written if count else f"{source.rstrip()}\n{code}", replace=True)
        self._shell.ex(code)
        print(_("Written into this cell: {code} (if it is not there, copy it)").format(code=code))

    def _show(self, asked: Choice) -> None:
        widgets = importlib.import_module("ipywidgets")
        options = [(asked.shown(letter), letter) for letter in asked.options]
        field = widgets.RadioButtons(options=options, value=None, layout={"width": "max-content"})
        said = widgets.HTML()

        def choose(change: Any) -> None:
            self._chosen[asked.symbol] = change["new"]
            said.value = html.escape(
                _("{answer}: run this cell again (Shift+Enter), and it is written there.").format(
                    answer=asked.shown(change["new"])
                )
            )

        field.observe(choose, "value")
        form = widgets.VBox([field, said])
        view = {"version_major": 2, "version_minor": 0, "model_id": form.model_id}
        display = importlib.import_module("IPython.display").display
        print(_("Choose here and run this cell again (Shift+Enter), or write the answer into it by hand."))
        display({"text/plain": asked.how(), _WIDGET: view}, raw=True)


def _choice_in(source: str) -> Choice | None:
    """Returns the choice that a cell makes; ``None`` for any other cell."""
    markers = [marker for line in source.split("\n") if (marker := marker_of(line))]
    if len(markers) != 1:
        return None
    asked = find_exercise(markers[0])[1].question
    return asked if isinstance(asked, Choice) else None


def _is_open(asked: Choice, value: Any) -> bool:
    try:
        asked.read(value)
    except Finding as finding:
        return value is None or finding.status is Status.NOT_ATTEMPTED
    return False
