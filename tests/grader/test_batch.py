import threading
from pathlib import Path

import pytest
from toy_course import AREA, DOUBLE, write_notebook

from grader.batch import Grading, find_submissions
from grader.chapters import Chapter
from grader.exercise import Status
from grader.results import SubmissionResult
from grader.submission import answers_of

BOTH = {"ch01.double": DOUBLE, "ch01.area_and_name": AREA}


def test_notebooks_of_a_folder_are_found_and_told_apart(tmp_path: Path) -> None:
    for name in (
        "a/work.ipynb",
        "b/work.ipynb",
        "b/.ipynb_checkpoints/work.ipynb",
        "b/._work.ipynb",
        "c/notes.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    assert list(find_submissions([tmp_path])) == ["a/work.ipynb", "b/work.ipynb"]
    files = [tmp_path / "a/work.ipynb", tmp_path / "b/work.ipynb", tmp_path / "a/work.ipynb"]
    assert list(find_submissions(files)) == ["work.ipynb", files[1].as_posix()]
    assert list(find_submissions([tmp_path / "missing.ipynb"])) == ["missing.ipynb"]


def test_each_file_gets_its_result(tmp_path: Path, chapter: Chapter) -> None:
    wrong = BOTH | {"ch01.double": "def double(x):\n    return 3 * x"}
    submissions = {
        "right": write_notebook(tmp_path / "right.ipynb", answers_of(chapter, BOTH)),
        "wrong": write_notebook(tmp_path / "wrong.ipynb", answers_of(chapter, wrong)),
        "untouched": write_notebook(tmp_path / "untouched.ipynb", answers_of(chapter, {})),
        "missing": tmp_path / "missing.ipynb",
    }
    results = {
        result.submission: result for result in Grading([chapter], "process").grade_all(submissions, jobs=2)
    }
    assert {name: result.score for name, result in results.items()} == {
        "right": 7,
        "wrong": 4,
        "untouched": 0,
        "missing": 0,
    }
    assert results["wrong"].exercises[0].reason == "3 倍になっています。"
    assert {each.status for each in results["untouched"].exercises} == {Status.NOT_ATTEMPTED}
    assert results["missing"].chapter is None
    assert results["missing"].problem
    assert {result.isolation for result in results.values()} == {"process"}


def test_failure_of_the_grader_costs_one_file_only(
    tmp_path: Path, chapter: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(grading: Grading, name: str, path: Path) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(Grading, "grade", fail)
    (result,) = Grading([chapter], "process").grade_all({"a": tmp_path}, jobs=1)
    assert result.problem
    assert result.score == 0


def test_stop_leaves_out_what_has_not_begun(
    tmp_path: Path, chapter: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    grade = Grading.grade

    def grade_then_stop(grading: Grading, name: str, path: Path) -> SubmissionResult:
        stop.set()
        return grade(grading, name, path)

    monkeypatch.setattr(Grading, "grade", grade_then_stop)
    files = {str(number): tmp_path / "missing" for number in range(1000)}
    assert len(list(Grading([chapter], "process").grade_all(files, 1, stop))) == 1
