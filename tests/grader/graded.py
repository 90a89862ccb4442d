"""Results of grading for the tests of what is made of them."""

from __future__ import annotations

from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult

CHAPTER = "ch01_numbers"


def exercise(number: int, status: Status, reason: str = "", *, points: int = 2) -> ExerciseResult:
    """The result of one exercise; its ``detail`` tells what no learner may read."""
    score = points if status == Status.PASSED else 0
    return ExerciseResult(
        id=f"ch01.part{number}",
        title=f"問題 {number}",
        status=status,
        score=score,
        max_score=points,
        reason=reason,
        seconds=0.1234,
        check="visible" if status == Status.WRONG_VALUE else "",
        detail="秘密の値 42" if reason else "",
        mistake="3 倍" if reason else "",
    )


def graded(name: str, *exercises: ExerciseResult, chapter: str = CHAPTER) -> SubmissionResult:
    """The result of one file."""
    return SubmissionResult(
        submission=name,
        chapter=chapter,
        score=sum(each.score for each in exercises),
        max_score=sum(each.max_score for each in exercises),
        exercises=list(exercises),
        isolation="bubblewrap",
        notebook="0" * 64,
        graded_at="2026-11-24T09:00:00+00:00",
        versions={"python": "3.11.7"},
    )


def scored(name: str, score: int, *, of: int = 4, chapter: str = CHAPTER) -> SubmissionResult:
    """The result of one file with two exercises, the first worth ``score``."""
    return graded(
        name,
        exercise(1, Status.PASSED, points=score),
        exercise(2, Status.WRONG_VALUE, "違います。", points=of - score),
        chapter=chapter,
    )


def ungraded(name: str) -> SubmissionResult:
    """The result of a file that could not be graded."""
    return SubmissionResult(name, None, 0, 0, isolation="bubblewrap", problem="空です。")
