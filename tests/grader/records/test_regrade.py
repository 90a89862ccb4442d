from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader import messages
from grader.course.chapters import Chapter
from grader.exercise import Exercise, Status
from grader.judging.judge import Budget, Judge
from grader.judging.results import ExerciseResult
from grader.reading.submission import AnswerCode, answers_of
from grader.records.batch import Grading
from grader.records.gradebook import FILE, Gradebook
from grader.records.regrade import Regraded, keep, regrade
from tests.grader.toy_course import ANSWERS, AREA, DOUBLE, EXERCISES, write_course, write_notebook

ID = "ch01.double"
NEGATIVE = "def double(x):\n    return -2 * x"
TRIPLE = "def double(x):\n    return 3 * x"
GIVEN = {"negative.ipynb": NEGATIVE, "right.ipynb": DOUBLE, "too.ipynb": NEGATIVE, "triple.ipynb": TRIPLE}

# The check was too strict: the sign does not matter.
MENDED = {
    "exercises": EXERCISES.replace("expect_close(y, 2 * x", "expect_close(abs(y), abs(2 * x)").replace(
        ": 3 * x", ": abs(3 * x)"
    ),
    "answers": ANSWERS.replace('answer.call("double", 0.375)', 'abs(answer.call("double", 0.375))'),
}
BROKEN = {"exercises": EXERCISES.replace('y = answer.call("double", x)', "y = 1 / 0")}


@pytest.fixture
def gradebook(tmp_path: Path, chapter: Chapter) -> Iterator[Gradebook]:
    """Four submissions, graded with the check as it was."""
    messages.set_language("ja")
    with Gradebook(tmp_path / FILE) as book:
        files = {
            name: write_notebook(tmp_path / name, answers_of(chapter, {ID: code, "ch01.area_and_name": AREA}))
            for name, code in GIVEN.items()
        }
        list(Grading([chapter], "process", gradebook=book).grade_all(files, jobs=1))
        assert scores(book) == {
            "negative.ipynb": 4,
            "right.ipynb": 7,
            "too.ipynb": 4,
            "triple.ipynb": 4,
        }
        yield book


@pytest.fixture
def mended(tmp_path: Path, gradebook: Gradebook) -> Chapter:
    return write_course(tmp_path / "mended", **MENDED)


def regraded(gradebook: Gradebook, chapter: Chapter, jobs: int = 1) -> list[Regraded]:
    grading = Grading([chapter], "process", gradebook=gradebook)
    return list(regrade(grading, chapter, chapter.exercises[ID], jobs))


def scores(gradebook: Gradebook) -> dict[str, int]:
    return {result.submission: result.score for result in gradebook.current()}


def changed(found: list[Regraded]) -> dict[str, tuple[str, str]]:
    return {name: (before.status, each.after.status) for each in found for name, before in each.changed}


@pytest.mark.parametrize("jobs", [1, 2])
def test_only_what_changes_is_told_and_nothing_stored(
    gradebook: Gradebook, mended: Chapter, jobs: int
) -> None:
    before = gradebook.current()
    found = regraded(gradebook, mended, jobs)
    assert changed(found) == {
        "negative.ipynb": ("wrong value", "passed"),
        "too.ipynb": ("wrong value", "passed"),
    }
    assert sorted(name for each in found for name in each.submissions) == sorted(GIVEN)
    assert gradebook.current() == before
    assert all(gradebook.find(each.key) is None for each in found)


def test_each_different_answer_is_judged_once(
    gradebook: Gradebook, mended: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    grade_one = Judge.grade_one

    def noted(judge: Judge, exercise: Exercise, code: AnswerCode, budget: Budget) -> ExerciseResult:
        judged.append(exercise.id)
        return grade_one(judge, exercise, code, budget)

    monkeypatch.setattr(Judge, "grade_one", noted)
    found = regraded(gradebook, mended)
    assert judged == [ID] * 3
    assert len(found) == 3


def test_what_is_kept_is_current_and_a_new_attempt_of_the_changed_alone(
    gradebook: Gradebook, mended: Chapter
) -> None:
    keep(gradebook, mended.exercises[ID], regraded(gradebook, mended))
    assert scores(gradebook) == {
        "negative.ipynb": 7,
        "right.ipynb": 7,
        "too.ipynb": 7,
        "triple.ipynb": 4,
    }
    assert [gradebook.attempts(name) for name in sorted(GIVEN)] == [2, 1, 2, 1]
    negative = gradebook.current()[0]
    assert [each.status for each in negative.exercises] == ["passed", "passed"]


def test_regrading_again_changes_nothing(gradebook: Gradebook, mended: Chapter) -> None:
    keep(gradebook, mended.exercises[ID], regraded(gradebook, mended))
    assert changed(regraded(gradebook, mended)) == {}


def test_grading_after_regrading_judges_nothing_again(
    gradebook: Gradebook, mended: Chapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(gradebook, mended.exercises[ID], regraded(gradebook, mended))
    before = scores(gradebook)
    monkeypatch.setattr(Judge, "grade_one", None)
    grading = Grading([mended], "process", gradebook=gradebook)
    for name in GIVEN:
        assert grading.grade(name, tmp_path / name).score == before[name]


def test_check_that_is_broken_costs_nobody_a_point(
    gradebook: Gradebook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = write_course(tmp_path / "broken", **BROKEN)
    found = regraded(gradebook, broken)
    assert {each.after.status for each in found} == {Status.GRADER_FAULT}
    assert sorted(changed(found)) == sorted(GIVEN)
    before = gradebook.current()
    keep(gradebook, broken.exercises[ID], found)
    assert gradebook.current() == before
    assert "ZeroDivisionError" in caplog.text


def test_exercise_that_nobody_answered_gives_nothing(gradebook: Gradebook, mended: Chapter) -> None:
    grading = Grading([mended], "process", gradebook=gradebook)
    assert list(regrade(grading, mended, replace(mended.exercises[ID], id="ch01.new"), 1)) == []


BEFORE = ExerciseResult(ID, "", Status.WRONG_VALUE, 0, 3, "Off by 0.25.", 1.0, detail="f(-1.5e-03) is nan.")


@pytest.mark.parametrize(
    ("after", "differs"),
    [
        (replace(BEFORE, reason="Off by 13.", detail="f(0.7) is -inf."), False),
        (replace(BEFORE, seconds=9.0, given="[1]", expected="[2]"), False),
        (replace(BEFORE, reason="Off by 0.25 or more."), True),
        (replace(BEFORE, detail="f(information) is nan."), True),
        (replace(BEFORE, status=Status.WRONG_TYPE), True),
        (replace(BEFORE, max_score=4), True),
    ],
)
def test_numbers_that_are_drawn_anew_are_no_change(after: ExerciseResult, differs: bool) -> None:
    each = Regraded(("a.ipynb",), (BEFORE,), after, "key", AnswerCode((), False), None)  # type: ignore[arg-type]
    assert each.changed == ([("a.ipynb", BEFORE)] if differs else [])


def test_why_nothing_answered_stays_told(tmp_path: Path, chapter: Chapter, mended: Chapter) -> None:
    cell = {"cell_type": "markdown", "metadata": {}, "source": f"# EXERCISE {ID}\n{DOUBLE}"}
    files = {
        "misplaced": write_notebook(tmp_path / "misplaced.ipynb", [], cells=[cell]),
        "renamed": write_notebook(tmp_path / "renamed.ipynb", [f"# EXERCISE {ID}\ndef dobule(x): ..."]),
        "nothing": write_notebook(tmp_path / "nothing.ipynb", answers_of(chapter, {})),
    }
    with Gradebook(tmp_path / "unanswered.sqlite") as book:
        list(Grading([chapter], "process", gradebook=book).grade_all(files, jobs=1))
        found = regraded(book, mended)
        assert len(found) == 3
        assert not changed(found)
        assert len({each.after.reason for each in found}) == 3
