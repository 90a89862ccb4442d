"""Judges one exercise of all recorded submissions anew, after its check was mended."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from grader.course.chapters import Chapter
from grader.exercise import Exercise, Status
from grader.judging.judge import Budget
from grader.judging.results import ExerciseResult
from grader.reading.submission import AnswerCode
from grader.records.batch import Grading, Slot
from grader.records.gradebook import Environment, Gradebook

_NUMBER = re.compile(r"[-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|\b(?:nan|inf)\b)")


@dataclass(frozen=True)
class Regraded:
    """An answer that was judged anew, not yet kept.

    Attributes:
        submissions: The submissions that gave this answer.
        before: What is recorded, for each of them.
        after: The new result.
        key: Where it will be kept.
        code: What was run.
        environment: Where.
    """

    submissions: tuple[str, ...]
    before: tuple[ExerciseResult, ...]
    after: ExerciseResult
    key: str
    code: AnswerCode
    environment: Environment

    @property
    def changed(self) -> list[tuple[str, ExerciseResult]]:
        """The submissions whose status, points or words (not the numbers in them) change, and how it was."""
        return [
            (name, before)
            for name, before in zip(self.submissions, self.before, strict=True)
            if _told(before) != _told(self.after)
        ]


def regrade(grading: Grading, chapter: Chapter, exercise: Exercise, jobs: int) -> Iterator[Regraded]:
    """Judges the answers to an exercise in the latest attempts anew; nothing is recorded.

    Args:
        grading: How to grade, with a gradebook.
        chapter: The chapter.
        exercise: One of its exercises.
        jobs: How many at a time.

    Yields:
        One for each different answer.
    """
    assert grading.gradebook is not None
    answers = defaultdict(list)
    for answer in grading.gradebook.answers(exercise.id):
        answers[answer.code, "" if answer.code.attempted else answer.result.reason].append(answer)

    def judged(code: AnswerCode, misplaced: str, slot: Slot) -> Regraded:
        budget = Budget(grading.limits.submission_seconds)
        alike = answers[code, misplaced]
        return Regraded(
            tuple(answer.submission for answer in alike),
            tuple(answer.result for answer in alike),
            slot.grade_one(chapter, exercise, code, budget, misplaced),
            slot.key(chapter, exercise, code, misplaced),
            code,
            slot.environment,
        )

    yield from grading.in_parallel((partial(judged, *each) for each in answers), jobs)


def keep(gradebook: Gradebook, exercise: Exercise, regraded: Sequence[Regraded]) -> None:
    """Records what :func:`regrade` gave, as new attempts of the submissions that it changes.

    Where the grader itself failed, the recorded result stays: a broken check costs nobody a point.

    Args:
        gradebook: The gradebook.
        exercise: The exercise.
        regraded: What it gave.
    """
    keys: dict[str, str] = {}
    for each in regraded:
        if each.after.status is Status.GRADER_FAULT:
            continue
        gradebook.keep(each.key, each.code, each.after, each.environment)
        keys |= {name: each.key for name, _before in each.changed}
    gradebook.replace_results(exercise.id, keys)


def _told(result: ExerciseResult) -> tuple[object, ...]:
    """Returns what counts as told: numbers in the words do not, as inputs are drawn anew each time."""
    words = (_NUMBER.sub("#", text) for text in (result.reason, result.detail))
    return (result.status, result.score, result.max_score, *words)
