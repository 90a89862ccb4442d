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
        reason: One or two sentences for the learner; empty for a pass. Nothing of a hidden check's inputs or
            right values is in it.
        seconds: Wall-clock time it took.
        check: The check that decided: ``visible``, ``hidden``, or empty where none ran.
        detail: What the instructor is told; differs from ``reason`` where a hidden check decided.
        given: What the answer gave, shortened; empty where a hidden check decided.
        expected: What is right, shortened; empty where a hidden check decided.
        hint: The exercise's first hint; empty for a pass.
        mistake: Name of the known mistake that the answer behaves like; empty for none.
    """

    id: str
    title: str
    status: Status
    score: int
    max_score: int
    reason: str
    seconds: float
    check: str = ""
    detail: str = ""
    given: str = ""
    expected: str = ""
    hint: str = ""
    mistake: str = ""

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
            "check": self.check,
            "detail": self.detail,
            "given": self.given,
            "expected": self.expected,
            "hint": self.hint,
            "mistake": self.mistake,
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
        note: What else was handed in with the file and not graded; empty for nothing.
        notebook: SHA-256 of the file, in hexadecimal; empty where it could not be read.
        graded_at: When, in UTC, as ISO 8601 says it; empty where that was not recorded.
        versions: Versions of what judged it, by name: ``python``, ``tensorflow``, ``keras`` and so on.
    """

    submission: str
    chapter: str | None
    score: int
    max_score: int
    exercises: list[ExerciseResult] = field(default_factory=list)
    isolation: str = ""
    problem: str = ""
    note: str = ""
    notebook: str = ""
    graded_at: str = ""
    versions: dict[str, str] = field(default_factory=dict)

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
            "note": self.note,
            "notebook": self.notebook,
            "graded_at": self.graded_at,
            "versions": self.versions,
        }
