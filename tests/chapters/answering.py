"""Answers to the chapters' exercises, judged in this process."""

from __future__ import annotations

from typing import Any

from grader.course.chapters import find_exercise
from grader.exercise import Key
from grader.judging.checks import Verdict, judge_exercise
from grader.learner.local import LocalAnswer
from grader.learner.notebook import probes_of
from grader.reading.submission import answer_for
from grader.worker.workspace import run_cells


def key(exercise_id: str) -> Key:
    """The private part of an exercise."""
    found = find_exercise(exercise_id)[0].key(exercise_id)
    assert found is not None
    return found


def defined(exercise_id: str, code: str) -> dict[str, Any]:
    """Names that a notebook holds when its learner has answered an exercise with a code."""
    chapter, exercise = find_exercise(exercise_id)
    references = {name: other.reference for name, other in (chapter.keys or {}).items()}
    namespace: dict[str, Any] = {"__name__": "__main__", "display": print}
    assert not run_cells(answer_for(chapter, exercise, code, references).cells, namespace)
    return namespace


def reference(exercise_id: str) -> dict[str, Any]:
    """Names that the reference answer defines."""
    return defined(exercise_id, key(exercise_id).reference)


def judged(exercise_id: str, namespace: dict[str, Any], seed: int, *, hidden: bool = True) -> Verdict:
    """Verdict of the visible check and, unless told otherwise, of the hidden one."""
    chapter, exercise = find_exercise(exercise_id)
    answer = LocalAnswer(namespace, probes_of(chapter), seed)
    return judge_exercise(answer, exercise, key(exercise_id) if hidden else None)
