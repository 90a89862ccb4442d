"""The whole path once: a chapter's notebook is executed, answered in three ways, and graded."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

from nbformat import NotebookNode

from grader.course import notebooks
from grader.course.chapters import Chapter, ChapterError
from grader.exercise import Status
from grader.judging.results import SubmissionResult
from grader.messages import _
from grader.reading.submission import filled_in

REFERENCE, UNTOUCHED, MISTAKEN = "reference_answers.ipynb", "untouched.ipynb", "plausible_mistakes.ipynb"


def write_submissions(chapter: Chapter, folder: Path) -> dict[str, Path]:
    """Makes three submissions of a chapter's committed notebook.

    Args:
        chapter: The chapter, with its answers.
        folder: Where the notebooks are written.

    Returns:
        Files by name: every reference answer, no answer, and the first known mistake of each exercise.

    Raises:
        ChapterError: If this copy of the course has no answers.
    """
    if chapter.keys is None:
        raise ChapterError(
            _("This copy of the course has no answers.py, so there is nothing to answer the notebook with.")
        )
    notebook = notebooks.read(notebooks.notebook_path(chapter))
    answers: dict[str, Mapping[str, str]] = {
        REFERENCE: {exercise_id: key.reference for exercise_id, key in chapter.keys.items()},
        UNTOUCHED: {},
        MISTAKEN: {
            exercise_id: next(iter(key.mistakes.values())).code
            for exercise_id, key in chapter.keys.items()
            if key.mistakes
        },
    }
    paths = {name: folder / name for name in answers}
    for name, codes in answers.items():
        notebooks.save(answered(notebook, codes), paths[name])
    return paths


def shortcomings(chapter: Chapter, results: Mapping[str, SubmissionResult]) -> list[str]:
    """Says where the three results are not what they must be.

    Args:
        chapter: The chapter, with its answers.
        results: By the names of :func:`write_submissions`.

    Returns:
        One line each; empty when the reference has full marks, the untouched notebook none with every
        exercise not attempted, and each mistake is told for what it is.
    """
    found = []
    for exercise in results[REFERENCE].exercises:
        if exercise.status != Status.PASSED:
            found.append(f"{REFERENCE}, {exercise.id}: {exercise.status}: {exercise.reason}")
    for exercise in results[UNTOUCHED].exercises:
        if exercise.status != Status.NOT_ATTEMPTED:
            found.append(f"{UNTOUCHED}, {exercise.id}: {exercise.status}: {exercise.reason}")
    for exercise in results[MISTAKEN].exercises:
        key = chapter.key(exercise.id)
        expected = next(iter(key.mistakes.values())).reason if key and key.mistakes else None
        if expected is not None and (exercise.status == Status.PASSED or expected not in exercise.reason):
            found.append(f"{MISTAKEN}, {exercise.id}: {exercise.status}: {exercise.reason}")
    complete = all(len(result.exercises) == len(chapter.exercises) for result in results.values())
    return found if complete else [*found, *(result.problem for result in results.values() if result.problem)]


def answered(notebook: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """Returns a copy of a published notebook with answers filled in.

    Args:
        notebook: The notebook.
        answers: Code by exercise id.
    """
    filled = copy.deepcopy(notebook)
    for cell in filled.cells:
        if cell.cell_type == "code":
            cell.source = filled_in(cell.source, answers)
    return filled
