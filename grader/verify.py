"""Proves a chapter's exercises: what must pass passes, what must fail fails for its own reason.

Every code also gets the same verdict in the notebook and in the grader.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from grader.chapters import Chapter
from grader.exercise import Exercise, Key, Mistake, Status
from grader.judge import Judge, judge_exercise
from grader.local import LocalAnswer
from grader.messages import language, set_language
from grader.notebook import probes_of
from grader.results import ExerciseResult
from grader.sandbox import Isolation
from grader.submission import AnswerCode, answer_for
from grader.workspace import run_cells

SEED = 20240501
_ONLY_SEEN_FROM_OUTSIDE = {Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.WORKER_DIED}


@dataclass
class Row:
    """What became of one exercise.

    Attributes:
        id: Its id.
        points: Its points.
        reference: Whether the reference passed.
        template: Whether the template is not attempted.
        alternatives: How many other right answers passed, of how many.
        mistakes: How many known mistakes failed for their own reason, of how many.
        agreed: How many codes got one verdict in both places, of how many.
        seconds: Wall-clock time.
        faults: One line for each thing that is wrong.
    """

    id: str
    points: int
    reference: bool = False
    template: bool = False
    alternatives: tuple[int, int] = (0, 0)
    mistakes: tuple[int, int] = (0, 0)
    agreed: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def verify(chapter: Chapter, isolation: Isolation) -> Iterator[Row]:
    """Verifies a chapter, exercise by exercise. Reasons are compared in Japanese.

    Args:
        chapter: The chapter.
        isolation: Where the codes run.

    Yields:
        A row per exercise.
    """
    spoken = language()
    set_language("ja")
    public = dataclasses.replace(chapter, keys=None)
    try:
        with (
            Judge(chapter, isolation=isolation, seed=SEED) as judge,
            Judge(public, isolation=isolation, seed=SEED) as visible_judge,
        ):
            verifier = _Verifier(chapter, judge, visible_judge)
            for exercise in chapter.exercises.values():
                yield verifier.verify(exercise)
    finally:
        set_language(spoken)


class _Verifier:
    """The judges of one chapter."""

    def __init__(self, chapter: Chapter, judge: Judge, visible_judge: Judge) -> None:
        self._chapter = chapter
        self._judge = judge
        self._visible_judge = visible_judge
        self._references = {name: key.reference for name, key in (chapter.keys or {}).items()}

    def verify(self, exercise: Exercise) -> Row:
        row = Row(exercise.id, exercise.points)
        started = time.monotonic()
        key = self._chapter.key(exercise.id)
        if key is None:
            row.faults.append(f"{exercise.id}: there is no answers.py, so nothing can be verified")
        else:
            self._verify(exercise, key, row)
        row.seconds = time.monotonic() - started
        return row

    def _verify(self, exercise: Exercise, key: Key, row: Row) -> None:
        row.reference = self._expect(exercise, row, "reference", key.reference, _passes)
        row.template = self._expect(exercise, row, "template", exercise.template, _is_not_attempted)
        passed = [
            self._expect(exercise, row, f"alternative {label!r}", code, _passes)
            for label, code in key.alternatives.items()
        ]
        row.alternatives = (sum(passed), len(passed))
        told = [
            self._expect(exercise, row, f"mistake {label!r}", mistake.code, _fails_as(mistake, key))
            for label, mistake in key.mistakes.items()
        ]
        row.mistakes = (sum(told), len(told))

    def _expect(
        self, exercise: Exercise, row: Row, label: str, answer: str, expected: Callable[[ExerciseResult], str]
    ) -> bool:
        """Judges one code in both places and notes what is wrong."""
        code = answer_for(self._chapter, exercise, answer, self._references)
        (result,) = self._judge.grade({exercise.id: code}, [exercise.id])
        if problem := expected(result):
            row.faults.append(f"{exercise.id}, {label}: {problem}")
        difference = self._difference(exercise, code, result)
        if difference:
            row.faults.append(f"{exercise.id}, {label}: {difference}")
        agreed, codes = row.agreed
        row.agreed = (agreed + (not difference), codes + 1)
        return not problem

    def _difference(self, exercise: Exercise, code: AnswerCode, result: ExerciseResult) -> str:
        """Compares the visible check's verdict in the notebook with the grader's; ``""`` when they agree."""
        if result.status in _ONLY_SEEN_FROM_OUTSIDE:
            return ""
        here, cell_failed = verdict_in_notebook(self._chapter, exercise, code)
        if here == result.status or (cell_failed and here == Status.NOT_ATTEMPTED):
            return ""
        (visible,) = self._visible_judge.grade({exercise.id: code}, [exercise.id])
        return "" if here == visible.status else f"the notebook says {here}, the grader says {visible.status}"


def verdict_in_notebook(chapter: Chapter, exercise: Exercise, code: AnswerCode) -> tuple[Status, bool]:
    """Judges a code as ``check`` in a notebook would.

    Args:
        chapter: The chapter.
        exercise: The exercise.
        code: What a learner's notebook would have run.

    Returns:
        The status, and whether a cell raised (which a notebook shows under the cell itself).
    """
    namespace: dict[str, Any] = {"__name__": "__main__", "display": print}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        failures = run_cells(code.cells, namespace)
        verdict = judge_exercise(LocalAnswer(namespace, probes_of(chapter), SEED), exercise)
    return verdict.status, bool(failures)


def _passes(result: ExerciseResult) -> str:
    return "" if result.status == Status.PASSED else f"must pass, but is {result.status}: {result.reason}"


def _is_not_attempted(result: ExerciseResult) -> str:
    right = result.status == Status.NOT_ATTEMPTED
    return "" if right else f"must be not attempted, but is {result.status}: {result.reason}"


def _fails_as(mistake: Mistake, key: Key) -> Callable[[ExerciseResult], str]:
    others = {other.reason for other in key.mistakes.values()} - {mistake.reason}

    def judged(result: ExerciseResult) -> str:
        if result.status in (Status.PASSED, Status.NOT_ATTEMPTED, Status.GRADER_FAULT):
            return f"must fail, but is {result.status}: {result.reason}"
        if mistake.reason not in result.detail:
            return f"must be told {mistake.reason!r}, but is told {result.detail!r}"
        confused = [reason for reason in sorted(others) if reason in result.detail]
        return f"is told the reason of another mistake too: {confused[0]!r}" if confused else ""

    return judged
