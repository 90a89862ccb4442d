import dataclasses
from pathlib import Path

import pytest

from grader.authoring.demo import MISTAKEN, REFERENCE, UNTOUCHED, shortcomings, write_submissions
from grader.course import notebooks
from grader.course.chapters import Chapter, ChapterError
from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult


def result(name: str, *verdicts: tuple[Status, str]) -> SubmissionResult:
    ids = ("ch01.double", "ch01.area_and_name")
    exercises = [
        ExerciseResult(i, "", status, 0, 1, reason, 0.0)
        for i, (status, reason) in zip(ids, verdicts, strict=True)
    ]
    return SubmissionResult(name, "ch01_numbers", 0, 2, exercises)


RIGHT = {
    REFERENCE: result(REFERENCE, (Status.PASSED, ""), (Status.PASSED, "")),
    UNTOUCHED: result(UNTOUCHED, (Status.NOT_ATTEMPTED, ""), (Status.NOT_ATTEMPTED, "")),
    MISTAKEN: result(MISTAKEN, (Status.WRONG_VALUE, "3 倍です"), (Status.WRONG_VALUE, "2 乗が")),
}


def test_what_must_be_has_no_shortcomings(chapter: Chapter) -> None:
    assert shortcomings(chapter, RIGHT) == []


@pytest.mark.parametrize("name", [REFERENCE, UNTOUCHED, MISTAKEN])
@pytest.mark.parametrize("status", [Status.RAISED, Status.GRADER_FAULT])
def test_anything_else_is_a_shortcoming(chapter: Chapter, name: str, status: Status) -> None:
    results = RIGHT | {name: result(name, (status, "?"), (status, "?"))}
    assert len(shortcomings(chapter, results)) == 2


def test_ungraded_submission_is_a_shortcoming(chapter: Chapter) -> None:
    results = RIGHT | {REFERENCE: SubmissionResult(REFERENCE, None, 0, 0, problem="empty")}
    assert shortcomings(chapter, results) == ["empty"]


def test_submissions_are_answered_copies_of_the_committed_notebook(chapter: Chapter, tmp_path: Path) -> None:
    notebooks.save(notebooks.build(chapter, ""), notebooks.notebook_path(chapter))
    paths = write_submissions(chapter, tmp_path / "out")
    sources = {
        name: "\n".join(cell.source for cell in notebooks.read(path).cells) for name, path in paths.items()
    }
    assert "# EXERCISE ch01.double\ndef double(x):\n    return 2 * x" in sources[REFERENCE]
    assert "return 3 * x" in sources[MISTAKEN]
    assert sources[UNTOUCHED].count("raise NotImplementedError") == 2


def test_copy_without_answers_says_so(chapter: Chapter, tmp_path: Path) -> None:
    released = dataclasses.replace(chapter, keys=None)
    with pytest.raises(ChapterError, match=r"answers\.py"):
        write_submissions(released, tmp_path)
