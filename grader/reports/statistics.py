"""The figures of a class: how the scores spread, what was hard, which mistakes came up, how long it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult

MOST_BINS = 20
"""Bars of a histogram; beyond that, several scores share one."""


class Outcome(StrEnum):
    """What became of an exercise, in as few kinds as a chart can show."""

    PASSED = "passed"
    WRONG = "wrong"
    STOPPED = "stopped"
    OPEN = "open"
    FAULT = "fault"


_OUTCOMES = {
    Status.PASSED: Outcome.PASSED,
    Status.NOT_ATTEMPTED: Outcome.OPEN,
    Status.RAISED: Outcome.STOPPED,
    Status.TIME_LIMIT: Outcome.STOPPED,
    Status.MEMORY_LIMIT: Outcome.STOPPED,
    Status.RESOURCE_LIMIT: Outcome.STOPPED,
    Status.WORKER_DIED: Outcome.STOPPED,
    Status.GRADER_FAULT: Outcome.FAULT,
}


@dataclass(frozen=True)
class Bin:
    """A bar of a histogram.

    Attributes:
        low: The lowest score that it counts.
        high: The highest.
        count: How many submissions have one of them.
    """

    low: int
    high: int
    count: int


@dataclass(frozen=True)
class Times:
    """How long something took, in seconds.

    Attributes:
        median: Half took no longer.
        ninetieth: Nine in ten took no longer.
        longest: None took longer.
    """

    median: float
    ninetieth: float
    longest: float


@dataclass(frozen=True)
class ExerciseFigures:
    """One exercise over a class.

    Attributes:
        number: Its place in the chapter, from 1.
        id: Id of the exercise.
        title: Its title.
        outcomes: How many submissions, by what became of it; every kind is there.
        times: Of the answers that were run; ``None`` where none was.
    """

    number: int
    id: str
    title: str
    outcomes: Mapping[Outcome, int]
    times: Times | None

    @property
    def passed(self) -> int:
        """How many passed."""
        return self.outcomes[Outcome.PASSED]

    @property
    def judged(self) -> int:
        """How many were judged: all but those where the grader itself failed."""
        return sum(self.outcomes.values()) - self.outcomes[Outcome.FAULT]

    @property
    def share(self) -> float:
        """The share of the judged that passed, from 0 to 1; 0 where none was judged."""
        return self.passed / self.judged if self.judged else 0.0


@dataclass(frozen=True)
class MistakeFigures:
    """A known mistake over a class.

    Attributes:
        name: Its name.
        exercise: The exercise that it was made in.
        count: How many answers behave like it.
    """

    name: str
    exercise: ExerciseFigures
    count: int


@dataclass(frozen=True)
class ClassFigures:
    """A class: all submissions of one chapter.

    Attributes:
        submissions: How many there are.
        max_score: Points of the chapter.
        mean: Mean score.
        median: Median score.
        full_marks: How many have every point.
        bins: Histogram of the scores, from 0 to ``max_score``.
        exercises: In the chapter's order.
        mistakes: The most common first.
        times: Of a submission: the sum of its exercises.
    """

    submissions: int
    max_score: int
    mean: float
    median: float
    full_marks: int
    bins: Sequence[Bin]
    exercises: Sequence[ExerciseFigures]
    mistakes: Sequence[MistakeFigures]
    times: Times | None

    @property
    def hardest(self) -> list[ExerciseFigures]:
        """The exercises that were judged, the one that the smallest share passed first."""
        return sorted((each for each in self.exercises if each.judged), key=lambda each: each.share)

    @property
    def faults(self) -> int:
        """How often the grader itself failed."""
        return sum(each.outcomes[Outcome.FAULT] for each in self.exercises)

    @property
    def to_be_mended(self) -> int:
        """How many answers were run and did not pass."""
        return sum(each.outcomes[Outcome.WRONG] + each.outcomes[Outcome.STOPPED] for each in self.exercises)


def outcome(status: Status) -> Outcome:
    """Returns the kind of a status."""
    return _OUTCOMES.get(status, Outcome.WRONG)


def class_figures(results: Sequence[SubmissionResult]) -> ClassFigures:
    """Counts what became of a class.

    Args:
        results: The submissions of one chapter that could be graded; at least one.

    Returns:
        The figures.
    """
    scores = np.array([result.score for result in results])
    max_score = max(result.max_score for result in results)
    exercises = exercise_figures(results)
    totals = [sum(exercise.seconds for exercise in result.exercises) for result in results]
    return ClassFigures(
        submissions=len(results),
        max_score=max_score,
        mean=float(scores.mean()),
        median=float(np.median(scores)),
        full_marks=int((scores == max_score).sum()),
        bins=histogram([result.score for result in results], max_score),
        exercises=exercises,
        mistakes=_mistakes(results, exercises),
        times=times(totals),
    )


def exercise_figures(results: Iterable[SubmissionResult]) -> list[ExerciseFigures]:
    """Counts what became of each exercise, in the chapter's order."""
    columns: dict[str, list[ExerciseResult]] = {}
    for result in results:
        for exercise in result.exercises:
            columns.setdefault(exercise.id, []).append(exercise)
    return [_figures(number, column) for number, column in enumerate(columns.values(), start=1)]


def histogram(scores: Iterable[int], max_score: int) -> list[Bin]:
    """Counts scores, one bar for each, or for a few where there would be more than ``MOST_BINS``.

    Args:
        scores: From 0 to ``max_score``.
        max_score: The highest that can be.

    Returns:
        Bars from 0 upwards, all of the same width but the last, which ends at ``max_score``.
    """
    counts = Counter(scores)
    width = -(-(max_score + 1) // MOST_BINS)
    return [
        Bin(low, high, sum(counts[score] for score in range(low, high + 1)))
        for low in range(0, max_score + 1, width)
        for high in [min(low + width - 1, max_score)]
    ]


def ticks(highest: int) -> list[int]:
    """Returns a few round numbers from 0 for an axis, the last no smaller than ``highest``."""
    steps = (factor * 10**power for power in range(20) for factor in (1, 2, 5))
    step = next(step for step in steps if 4 * step >= highest)
    return list(range(0, highest + step, step)) if highest else [0, 1]


def times(seconds: Sequence[float]) -> Times | None:
    """Returns median, ninetieth percentile and longest; ``None`` where there are none."""
    if not seconds:
        return None
    median, ninetieth, longest = np.percentile(seconds, [50, 90, 100]).tolist()
    return Times(median, ninetieth, longest)


def _figures(number: int, column: Sequence[ExerciseResult]) -> ExerciseFigures:
    counts = Counter(outcome(exercise.status) for exercise in column)
    return ExerciseFigures(
        number=number,
        id=column[0].id,
        title=column[0].title,
        outcomes={each: counts[each] for each in Outcome},
        times=times([each.seconds for each in column if each.status is not Status.NOT_ATTEMPTED]),
    )


def _mistakes(
    results: Iterable[SubmissionResult], exercises: Iterable[ExerciseFigures]
) -> list[MistakeFigures]:
    counts = Counter(
        (exercise.id, exercise.mistake)
        for result in results
        for exercise in result.exercises
        if exercise.mistake
    )
    by_id = {exercise.id: exercise for exercise in exercises}
    found = [MistakeFigures(name, by_id[each], count) for (each, name), count in counts.items()]
    return sorted(found, key=lambda each: (-each.count, each.exercise.number, each.name))
