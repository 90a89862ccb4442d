"""What a notebook calls: ``check``, ``hint``, ``solution`` and ``score``, and for nbgrader ``require``.

The verdict is that of the grader: the same checks, the same judgement, over the notebook's own names.
"""

from __future__ import annotations

import contextlib
import html
import importlib
import io
import logging
import os
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from grader.course.chapters import Chapter, ChapterError, find_exercise
from grader.exercise import Exercise, Status
from grader.judging.checks import Verdict, judge_exercise
from grader.learner.form import offer_forms
from grader.learner.local import LocalAnswer
from grader.messages import _, shown
from grader.questions import Question
from grader.reading.unanswered import other_names_reason

_COLOURS = {
    "✅": "#2e9e6b",
    "📝": "#4a7fc1",
    "❌": "#d1495b",
    "⬜": "#8a8f98",
    "⚠️": "#d9902f",
    "💡": "#4a7fc1",
}
_TAKEN = "📝"

_verdicts: dict[str, Status] = {}
_hints_shown = Counter[str]()


@dataclass(frozen=True)
class Card:
    """A short message: text in a terminal, a quiet box in a notebook.

    Attributes:
        symbol: What it is about, at a glance.
        heading: One line.
        lines: What follows; shown as it is.
        code: Code that follows.
    """

    symbol: str
    heading: str
    lines: Sequence[str] = ()
    code: str = ""

    def __repr__(self) -> str:
        """Returns the card as text."""
        below = "\n".join(filter(None, [*self.lines, self.code]))
        return f"{self.symbol} {self.heading}" + (f"\n{textwrap.indent(below, '   ')}" if below else "")

    def _repr_html_(self) -> str:
        colour = _COLOURS[self.symbol]
        lines = "".join(
            f'<div style="margin-top:.3em;white-space:pre-wrap">{html.escape(x)}</div>' for x in self.lines
        )
        code = (
            '<pre style="margin:.6em 0 0;padding:.7em 1em;background:rgba(128,128,128,.1);border-radius:6px;'
            f'font-family:monospace;overflow-x:auto">{html.escape(self.code)}</pre>'
            if self.code
            else ""
        )
        return (
            f'<div style="border-left:4px solid {colour};background:{colour}14;padding:.6em 1em;'
            f'border-radius:0 6px 6px 0;line-height:1.6;max-width:52em">'
            f"<strong>{self.symbol} {html.escape(self.heading)}</strong>{lines}{code}</div>"
        )


def check(exercise_id: str) -> None:
    """Judges the answer to an exercise and shows the verdict.

    Args:
        exercise_id: Such as ``"ch05.head"``.
    """
    found = _find(exercise_id)
    if found is None:
        return
    chapter, exercise = found
    names = sys._getframe(1).f_globals
    verdict = judge_exercise(LocalAnswer(names, probes_of(chapter)), exercise)
    _verdicts[exercise.id] = verdict.status
    _show(_card(exercise, verdict, names))


def require(exercise_id: str, *, hidden: bool = False) -> None:
    """Judges the answer to an exercise, and raises an error unless it passes.

    For graders that run tests in the notebook, such as nbgrader, which takes any text on the standard error
    for a failure: what the checks write there is dropped.

    Args:
        exercise_id: Such as ``"ch05.head"``.
        hidden: Whether the hidden check decides too; it needs a copy of the course with answers.

    Raises:
        AssertionError: If the answer does not pass; it says what ``check`` would show.
        ChapterError: If there is no such exercise, or no hidden check at hand.
    """
    chapter, exercise = find_exercise(exercise_id)
    key = chapter.key(exercise.id) if hidden else None
    if hidden and key is None:
        raise ChapterError(
            _("The hidden check of {exercise} is in answers.py, which this copy of the course lacks.").format(
                exercise=exercise.id
            )
        )
    names = sys._getframe(1).f_globals
    with _standard_error_dropped():
        verdict = judge_exercise(LocalAnswer(names, probes_of(chapter)), exercise, key, chapter.sentences)
    _verdicts[exercise.id] = verdict.status
    card = _card(exercise, verdict, names)
    if verdict.status is not Status.PASSED:
        raise AssertionError(repr(card))
    if not hidden:
        _show(card)


def hint(exercise_id: str) -> None:
    """Shows the next hint for an exercise, one more each time.

    Args:
        exercise_id: Such as ``"ch05.head"``.
    """
    found = _find(exercise_id)
    if found is None:
        return
    _chapter, exercise = found
    hints = exercise.hints
    if not hints:
        _show(Card("💡", _("There is no hint for this exercise: {title}").format(title=exercise.title)))
        return
    number = min(_hints_shown[exercise.id] + 1, len(hints))
    _hints_shown[exercise.id] = number
    lines = [hints[number - 1]]
    if number == len(hints):
        lines.append(_("That was the last hint."))
    _show(Card("💡", _("Hint {number} of {count}").format(number=number, count=len(hints)), lines))


def solution(exercise_id: str) -> None:
    """Shows the reference answer, where this copy of the course has it.

    Args:
        exercise_id: Such as ``"ch05.head"``.
    """
    found = _find(exercise_id)
    if found is None:
        return
    chapter, exercise = found
    key = chapter.key(exercise.id)
    if key is None:
        _show(
            Card("💡", _("This copy of the course comes without answers. Try hint(), or ask your teacher."))
        )
        return
    lines = [key.explanation] if key.explanation else []
    _show(Card("💡", _("A solution: {title}").format(title=exercise.title), lines, key.reference.strip()))


def score() -> None:
    """Shows the points of the exercises checked so far in this session, with those still open."""
    chapters = list(dict.fromkeys(find_exercise(exercise_id)[0] for exercise_id in _verdicts))
    exercises = [exercise for chapter in chapters for exercise in chapter.exercises.values()]
    if not exercises:
        _show(Card("⬜", _("Nothing has been checked yet.")))
        return
    statuses = {each.id: _verdicts.get(each.id, Status.NOT_ATTEMPTED) for each in exercises}
    passed = [each for each in exercises if statuses[each.id] == Status.PASSED]
    earned = sum(each.points for each in passed if each.question is None)
    predicted = sum(each.points for each in passed if each.question is not None)
    rows = [
        f"{_symbol(each, statuses[each.id])} {each.points:3d}  {each.id}  {each.title}" for each in exercises
    ]
    points = sum(each.points for each in exercises)
    heading = _("{earned} of {points} points").format(earned=earned, points=points)
    if predicted:
        rows.append(
            _("{symbol} Whether a prediction is right is told when it is graded ({points} points).").format(
                symbol=_TAKEN, points=predicted
            )
        )
    _show(Card("✅" if earned == points else "💡", heading, rows))


def probes_of(chapter: Chapter) -> list[ModuleType]:
    """Imports a chapter's public probes, where it has some."""
    if not (chapter.folder / "probes.py").is_file():
        return []
    return [importlib.import_module(f"chapters.{chapter.name}.probes")]


def symbol_of(status: Status) -> str:
    """Returns the symbol that stands for a status."""
    if status == Status.PASSED:
        return "✅"
    if status == Status.NOT_ATTEMPTED:
        return "⬜"
    return "⚠️" if status == Status.GRADER_FAULT else "❌"


def _symbol(exercise: Exercise, status: Status) -> str:
    """Returns the symbol of what the visible check says; of a question it cannot say that it is right."""
    return _TAKEN if exercise.question is not None and status == Status.PASSED else symbol_of(status)


def _card(exercise: Exercise, verdict: Verdict, names: Mapping[str, Any]) -> Card:
    if exercise.question is not None:
        return _question_card(exercise, exercise.question, verdict, names)
    status, reason = verdict.status, verdict.reason
    if status is Status.NOT_ATTEMPTED and isinstance(history := names.get("In"), list):  # IPython's
        defined = [name for name, value in names.items() if value is not None]
        sources = [source for source in history if isinstance(source, str)]
        reason = other_names_reason(exercise, sources, defined) or reason
    symbol = symbol_of(status)
    if status == Status.PASSED:
        heading = _("Passed: {points} points").format(points=exercise.points)
    elif status == Status.NOT_ATTEMPTED:
        heading = _("Not attempted yet")
    elif status == Status.GRADER_FAULT:
        heading = _("The check itself failed; this is not your fault")
    else:
        heading = _("Not yet right")
    return Card(symbol, f"{heading} — {exercise.title}", [reason] if reason else [])


def _question_card(exercise: Exercise, asked: Question, verdict: Verdict, names: Mapping[str, Any]) -> Card:
    """Shows that an answer is taken; whether it is right, only where the hidden check was asked too."""
    status, lines = verdict.status, [verdict.reason] if verdict.reason else []
    symbol = _symbol(exercise, status)
    if status == Status.PASSED:
        heading = _("Taken")
        answer = LocalAnswer(dict(names)).value(asked.symbol)
        lines = [
            _("Your prediction: {answer}").format(answer=asked.understood(answer)),
            _("Whether it is right, the next cells show; it is not judged here."),
        ]
    elif status == Status.NOT_ATTEMPTED:
        heading, lines = _("Not attempted yet"), [asked.how()]
    elif status == Status.GRADER_FAULT:
        heading = _("The check itself failed; this is not your fault")
    elif verdict.check == "hidden":
        heading = _("It turned out otherwise")
    else:
        heading = _("This answer cannot be taken")
    return Card(symbol, f"{heading} — {exercise.title}", lines)


@contextlib.contextmanager
def _standard_error_dropped() -> Iterator[None]:
    """Drops what Python, its loggers and libraries in C write to the standard error."""
    disabled = logging.root.manager.disable
    with contextlib.redirect_stderr(io.StringIO()), Path(os.devnull).open("wb") as null:
        kept = os.dup(2)
        os.dup2(null.fileno(), 2)
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)
            os.dup2(kept, 2)
            os.close(kept)


def _find(exercise_id: str) -> tuple[Chapter, Exercise] | None:
    try:
        return find_exercise(exercise_id)
    except ChapterError as error:
        _show(Card("⚠️", str(error)))
        return None


def _show(card: Card) -> None:
    if _shell() is not None:
        importlib.import_module("IPython.display").display(card)
    else:
        print(shown(repr(card)))


def _shell() -> Any:
    """Returns IPython's shell; ``None`` where there is none."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


offer_forms(_shell())
