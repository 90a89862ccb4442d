"""What grading gives: one result per exercise, one per submission."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grader.exercise import Status


@dataclass(frozen=True)
class ExerciseResult:
    """What became of one exercise.

    Attributes:
        id: Id of the exercise.
        title: Its title.
        status: What became of it.
        score: Points earned: all of them for a pass, else none.
        max_score: Points of the exercise.
        reason: One or two sentences for the learner; empty for a pass.
        seconds: Wall-clock time it took.
    """

    id: str
    title: str
    status: Status
    score: int
    max_score: int
    reason: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as data for JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "status": str(self.status),
            "score": self.score,
            "max_score": self.max_score,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class SubmissionResult:
    """What became of one submitted file.

    Attributes:
        submission: Name of the file.
        chapter: Name of its chapter's folder; ``None`` when it could not be told.
        score: Points earned.
        max_score: Points of the chapter.
        exercises: Results in the chapter's order.
        isolation: What kept the learner's code apart: ``bubblewrap`` or ``process``.
        problem: One line that says why the file could not be graded; empty when it was.
    """

    submission: str
    chapter: str | None
    score: int
    max_score: int
    exercises: list[ExerciseResult] = field(default_factory=list)
    isolation: str = ""
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as data for JSON: an entry of ``grades.json``."""
        return {
            "submission": self.submission,
            "chapter": self.chapter,
            "score": self.score,
            "max_score": self.max_score,
            "exercises": [exercise.to_dict() for exercise in self.exercises],
            "isolation": self.isolation,
            "problem": self.problem,
        }
