"""Renders a report's pages: static HTML that needs no network and runs no script.

What learners wrote gets into a page by one door: every value that a template shows is made readable
(:func:`readable`) and escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.messages import Language, language
from grader.reports.similarity import Alike
from grader.reports.statistics import ClassFigures, ExerciseFigures, Outcome, exercise_figures, outcome, ticks
from grader.reports.wording import (
    SYMBOLS,
    chapter_words,
    check_word,
    isolation_words,
    outcome_words,
    page_words,
    status_word,
)

MARK = '<meta name="generator" content="grader report">'
"""Stands near the beginning of every page, so that a page of ours is known from other files."""

LONGEST_TEXT = 2000
"""Characters that a page shows of one text."""

_TEMPLATES = Path(__file__).resolve().parent / "templates"
# What could turn, hide or break the text around it: control characters, marks of writing direction, line and
# paragraph separators, halves of surrogate pairs, and the invisible characters of the tag block.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_JAPANESE = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Row:
    """A submission in the list of all.

    Attributes:
        result: Its result.
        page: Address of its page, as the list links to it.
    """

    result: SubmissionResult
    page: str

    @property
    def by_id(self) -> dict[str, ExerciseResult]:
        """Its exercises by their ids."""
        return {exercise.id: exercise for exercise in self.result.exercises}


@dataclass(frozen=True)
class ChapterTable:
    """A chapter in the list of all submissions.

    Attributes:
        name: Name of the chapter's folder.
        page: Address of the page on the whole class.
        rows: Its submissions.
    """

    name: str
    page: str
    rows: Sequence[Row]

    @property
    def mean(self) -> float:
        """The mean score."""
        return sum(row.result.score for row in self.rows) / len(self.rows)

    @property
    def columns(self) -> list[ExerciseFigures]:
        """The chapter's exercises over all rows."""
        return exercise_figures(row.result for row in self.rows)


@dataclass(frozen=True)
class AlikeAnswers:
    """Answers to an exercise that are alike.

    Attributes:
        id: Id of the exercise.
        title: Its title.
        found: What is shown of them.
        count: How many were found.
    """

    id: str
    title: str
    found: Sequence[Alike]
    count: int


class Pages:
    """Renders pages in the language that is current when it is made."""

    def __init__(self) -> None:
        """Reads the templates."""
        self._environment = _environment(language())
        self._submission = self._environment.get_template("submission.html")

    def index(self, chapters: Sequence[ChapterTable], ungraded: Sequence[Row]) -> str:
        """Renders the list of all submissions.

        Args:
            chapters: A table for each.
            ungraded: The files that could not be graded.

        Returns:
            The page.
        """
        faults = [
            (row, exercise)
            for chapter in chapters
            for row in chapter.rows
            for exercise in row.result.exercises
            if outcome(exercise.status) is Outcome.FAULT
        ]
        rows = [row for chapter in chapters for row in chapter.rows] + list(ungraded)
        isolations = dict.fromkeys(row.result.isolation for row in rows)
        return self._render(
            "index.html", chapters=chapters, ungraded=ungraded, faults=faults, isolations=isolations
        )

    def class_page(self, chapter: str, figures: ClassFigures) -> str:
        """Renders the page on a whole class."""
        return self._render("class.html", chapter=chapter, figures=figures)

    def submission(self, result: SubmissionResult, class_page: str, learners_page: str) -> str:
        """Renders the instructor's page of a submission.

        Args:
            result: Its result.
            class_page: Address of the page on its class; empty for none.
            learners_page: Address of the page for its learner.

        Returns:
            The page.
        """
        return self._submission.render(
            result=result, instructor=True, class_page=class_page, learners_page=learners_page
        )

    def alike(self, exercises: Sequence[AlikeAnswers], pages: Mapping[str, str]) -> str:
        """Renders the page on answers that are alike, for the instructor.

        Args:
            exercises: Those of which some were found.
            pages: Address of each submission's page.

        Returns:
            The page.
        """
        return self._render("alike.html", exercises=exercises, pages=pages)

    def learner(self, result: SubmissionResult) -> str:
        """Renders the page that a learner is sent: of this submission only, nothing of a hidden check."""
        return self._submission.render(result=for_learner(result), instructor=False)

    def _render(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)


def for_learner(result: SubmissionResult) -> SubmissionResult:
    """Returns what a learner may know of a result: nothing of a hidden check, no name from the answers."""
    return replace(result, exercises=[_for_learner(exercise) for exercise in result.exercises])


def _for_learner(exercise: ExerciseResult) -> ExerciseResult:
    told = replace(exercise, detail="", mistake="", check="")
    return told if exercise.check == "visible" else replace(told, given="", expected="")


def readable(text: str) -> str:
    """Returns a text as a page may show it: unsafe characters as their escapes, cut where it is too long."""
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]} … ({len(text):,})"
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def spoken(text: str, otherwise: str) -> str:
    """Returns the language of a text for ``lang``: chapters are Japanese whatever the page is in."""
    return "ja" if _JAPANESE.search(text) else otherwise


def moment(text: str) -> str:
    """Returns a time in ISO 8601 as people write it, in UTC; any other text as it is."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{when.astimezone(UTC) if when.tzinfo else when:%Y-%m-%d %H:%M} UTC"


@cache
def _environment(here: Language) -> Environment:
    """Returns the templates with what they may call, in the current language."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals |= {
        "chapter_words": chapter_words,
        "check_word": check_word,
        "height": _height,
        "isolation_words": isolation_words,
        "language": here,
        "mark": MARK,
        "moment": moment,
        "outcome": outcome,
        "outcome_words": outcome_words(),
        "seconds": _seconds,
        "spoken": lambda text: spoken(text, here),
        "status_words": {status: status_word(status) for status in Status},
        "symbols": SYMBOLS,
        "ticks": ticks,
        "words": page_words(),
    }
    return environment


def _seconds(value: float) -> str:
    """Returns seconds with as many digits as matter: 0.03, 2.41, 30.1."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _height(count: int, marks: Sequence[int]) -> float:
    """Returns where a count lies in a chart, in percent from above: 0 at 90, the last mark at 14."""
    return round(90 - 76 * count / marks[-1], 2)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _finalized(value: object) -> object:
    """Makes every text that a template shows readable; what is markup already stays as it is."""
    return readable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
