import errno
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from grader.course.chapters import Chapter
from grader.exercise import Exercise, Status
from grader.judging.judge import Budget, Judge
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.reading.submission import AnswerCode, answers_of
from grader.records.batch import Grading, Slot
from grader.records.gradebook import FILE, Gradebook, GradebookError
from grader.sandbox.limits import Limits
from tests.grader.toy_course import AREA, DOUBLE, write_notebook

BOTH = {"ch01.double": DOUBLE, "ch01.area_and_name": AREA}
TRIPLE = "def double(x):\n    return 3 * x"


@pytest.fixture
def gradebook(tmp_path: Path) -> Iterator[Gradebook]:
    with Gradebook(tmp_path / FILE) as opened:
        yield opened


@pytest.fixture
def grading(chapter: Chapter, gradebook: Gradebook) -> Grading:
    return Grading([chapter], "process", gradebook=gradebook)


Submit = Callable[..., Path]


@pytest.fixture
def submit(tmp_path: Path, chapter: Chapter) -> Submit:
    """Writes a notebook with answers, all right but those that are given."""

    def write(name: str, answers: dict[str, str] | None = None) -> Path:
        return write_notebook(tmp_path / name, answers_of(chapter, BOTH | (answers or {})))

    return write


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The exercises that were judged, in their order; a fake judge passes what holds no ``3 *``."""
    calls: list[str] = []

    def grade_one(judge: Judge, exercise: Exercise, code: AnswerCode, budget: Budget) -> ExerciseResult:
        calls.append(exercise.id)
        if not code.attempted:
            status = Status.NOT_ATTEMPTED
        else:
            status = Status.WRONG_VALUE if "3 *" in code.cells[-1] else Status.PASSED
        return outcome(exercise, status)

    monkeypatch.setattr(Judge, "grade_one", grade_one)
    return calls


def outcome(exercise: Exercise, status: Status) -> ExerciseResult:
    score = exercise.points if status is Status.PASSED else 0
    return ExerciseResult(exercise.id, exercise.title, status, score, exercise.points, str(status), 0.5)


def fail_at(monkeypatch: pytest.MonkeyPatch, exercise_id: str, error: Exception) -> None:
    """Has the judge fail at an exercise."""
    grade_one = Judge.grade_one

    def fail(judge: Judge, exercise: Exercise, code: AnswerCode, budget: Budget) -> ExerciseResult:
        if exercise.id == exercise_id:
            raise error
        return grade_one(judge, exercise, code, budget)

    monkeypatch.setattr(Judge, "grade_one", fail)


def test_each_file_gets_its_result(tmp_path: Path, chapter: Chapter, submit: Submit) -> None:
    submissions = {
        "right": submit("right.ipynb"),
        "wrong": submit("wrong.ipynb", {"ch01.double": TRIPLE}),
        "untouched": write_notebook(tmp_path / "untouched.ipynb", answers_of(chapter, {})),
        "missing": tmp_path / "missing.ipynb",
    }
    grading = Grading([chapter], "process")
    results = {result.submission: result for result in grading.grade_all(submissions, jobs=2)}
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
    digest = hashlib.sha256(submissions["right"].read_bytes()).hexdigest()
    assert (results["right"].notebook, results["missing"].notebook) == (digest, "")


def test_learner_is_told_why_nothing_answers(
    tmp_path: Path, chapter: Chapter, grading: Grading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    marked = f"# EXERCISE ch01.double\n{DOUBLE}"
    cell = {"cell_type": "markdown", "metadata": {}, "source": marked}
    renamed = "# EXERCISE ch01.area_and_name\n" + AREA.replace("area(", "areal(")
    files = {
        "markdown": write_notebook(tmp_path / "1.ipynb", [], cells=[cell]),
        "moved": write_notebook(tmp_path / "2.ipynb", [], cells=[{"cell_type": "raw", "source": ""}, cell]),
        "renamed": write_notebook(tmp_path / "3.ipynb", [renamed]),
    }
    found = {result.submission: result.exercises for result in grading.grade_all(files, jobs=1)}
    assert {each.status for exercises in found.values() for each in exercises} == {Status.NOT_ATTEMPTED}
    assert "(cell 1 of" in found["markdown"][0].reason
    assert "(cell 2 of" in found["moved"][0].reason
    assert found["markdown"][1].reason == found["moved"][1].reason == found["renamed"][0].reason
    assert "defines `areal`, but the exercise asks for `area`" in found["renamed"][1].detail


def test_what_is_recorded_is_what_was_given(grading: Grading, submit: Submit, judged: list[str]) -> None:
    files = {name: submit(name) for name in ("b.ipynb", "a.ipynb")}
    results = sorted(grading.grade_all(files, jobs=1), key=lambda result: result.submission)
    assert grading.gradebook is not None
    assert grading.gradebook.current() == results
    assert [result.score for result in results] == [7, 7]
    assert all(result.versions["python"] for result in results)


def test_answer_that_did_not_change_is_not_judged_again(
    grading: Grading, chapter: Chapter, submit: Submit, judged: list[str]
) -> None:
    file = submit("a.ipynb")
    first = grading.grade("a.ipynb", file)
    assert judged == ["ch01.double", "ch01.area_and_name"]
    assert grading.grade("a.ipynb", file) == first
    assert Grading([chapter], "process", gradebook=grading.gradebook).grade("a.ipynb", file) == first
    assert len(judged) == 2
    assert grading.gradebook is not None
    assert grading.gradebook.attempts("a.ipynb") == 1


def test_same_answer_of_another_submission_is_not_judged_again(
    grading: Grading, submit: Submit, judged: list[str]
) -> None:
    first = grading.grade("a.ipynb", submit("a.ipynb"))
    second = grading.grade("b.ipynb", submit("b.ipynb"))
    assert len(judged) == 2
    assert second.exercises == first.exercises
    assert grading.gradebook is not None
    assert [each.submission for each in grading.gradebook.current()] == ["a.ipynb", "b.ipynb"]


def test_answer_that_changed_by_one_character_is_judged_again(
    grading: Grading, submit: Submit, judged: list[str]
) -> None:
    grading.grade("a.ipynb", submit("a.ipynb"))
    changed = grading.grade("a.ipynb", submit("a.ipynb", {"ch01.double": DOUBLE.replace("2", "3")}))
    assert judged == ["ch01.double", "ch01.area_and_name", "ch01.double"]
    assert [each.status for each in changed.exercises] == [Status.WRONG_VALUE, Status.PASSED]
    assert grading.gradebook is not None
    assert grading.gradebook.attempts("a.ipynb") == 2


def test_other_seed_isolation_or_limits_are_judged_anew(
    grading: Grading, chapter: Chapter, submit: Submit, judged: list[str]
) -> None:
    file = submit("a.ipynb")
    grading.grade("a.ipynb", file)
    book = grading.gradebook
    for other in (
        Grading([chapter], "process", 1, gradebook=book),
        Grading([chapter], "process", gradebook=book, limits=Limits(memory=2**30)),
    ):
        other.grade("a.ipynb", file)
    assert len(judged) == 6


def test_fault_of_the_grader_is_judged_anew(
    grading: Grading, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses = iter([Status.GRADER_FAULT, Status.PASSED, Status.PASSED])
    monkeypatch.setattr(
        Judge, "grade_one", lambda _judge, exercise, _code, _budget: outcome(exercise, next(statuses))
    )
    file = submit("a.ipynb")
    assert [each.status for each in grading.grade("a.ipynb", file).exercises] == ["grader fault", "passed"]
    assert grading.grade("a.ipynb", file).score == 7
    assert next(statuses, None) is None
    assert grading.gradebook is not None
    assert [each.score for each in grading.gradebook.current()] == [7]


def test_verdict_for_want_of_time_is_no_other_submissions(
    chapter: Chapter, gradebook: Gradebook, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grade_one(judge: Judge, exercise: Exercise, code: AnswerCode, budget: Budget) -> ExerciseResult:
        if budget.seconds <= 0:
            return outcome(exercise, Status.TIME_LIMIT)
        budget.seconds -= 100 if "sleep" in code.cells[-1] else 1
        return outcome(exercise, Status.PASSED)

    monkeypatch.setattr(Judge, "grade_one", grade_one)
    grading = Grading([chapter], "process", gradebook=gradebook, limits=Limits(submission_seconds=60))
    slow = submit("slow.ipynb", {"ch01.double": f"import time\n{DOUBLE}; time.sleep(90)"})
    assert [each.status for each in grading.grade("slow", slow).exercises] == ["passed", "time limit"]
    assert grading.grade("quick", submit("quick.ipynb")).score == 7
    assert {each.submission: each.score for each in gradebook.current()} == {"quick": 7, "slow": 3}


def test_time_limit_of_the_exercise_itself_is_kept(
    grading: Grading, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []

    def grade_one(judge: Judge, exercise: Exercise, code: AnswerCode, budget: Budget) -> ExerciseResult:
        judged.append(exercise.id)
        return outcome(exercise, Status.TIME_LIMIT)

    monkeypatch.setattr(Judge, "grade_one", grade_one)
    for name in ("a.ipynb", "b.ipynb"):
        grading.grade(name, submit(name))
    assert len(judged) == 2


def test_time_limit_met_while_others_had_the_processor_is_judged_anew_the_next_time(
    grading: Grading, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(judge: Judge, exercise: Exercise, code: AnswerCode, budget: Budget) -> ExerciseResult:
        judge.starved = exercise.id == "ch01.double"
        return outcome(exercise, Status.TIME_LIMIT if judge.starved else Status.PASSED)

    file = submit("a.ipynb")
    with monkeypatch.context() as patch:
        patch.setattr(Judge, "grade_one", starve)
        assert [each.status for each in grading.grade("a", file).exercises] == ["time limit", "passed"]
    monkeypatch.setattr(Judge, "grade_one", lambda _judge, each, _code, _left: outcome(each, Status.PASSED))
    assert [each.status for each in grading.grade("a", file).exercises] == ["passed", "passed"]


def test_results_are_kept_one_by_one(
    grading: Grading, submit: Submit, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = submit("a.ipynb")
    with monkeypatch.context() as patch:
        fail_at(patch, "ch01.area_and_name", RuntimeError("killed"))
        with pytest.raises(RuntimeError, match="killed"):
            grading.grade("a.ipynb", file)
    assert judged == ["ch01.double"]
    assert grading.grade("a.ipynb", file).score == 7
    assert judged == ["ch01.double", "ch01.area_and_name"]


def test_failure_of_the_grader_costs_one_file_only_and_is_recorded(
    grading: Grading,
    submit: Submit,
    judged: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    submissions = {name: submit(name) for name in ("a.ipynb", "b.ipynb")}
    grade = Grading.grade

    def fail(grading: Grading, name: str, path: Path, slot: Slot | None = None) -> SubmissionResult:
        if name == "a.ipynb":
            raise RuntimeError("unforeseen")
        return grade(grading, name, path, slot)

    monkeypatch.setattr(Grading, "grade", fail)
    with caplog.at_level(logging.CRITICAL):
        results = {result.submission: result for result in grading.grade_all(submissions, jobs=1)}
    assert results["a.ipynb"].problem
    assert (results["a.ipynb"].score, results["b.ipynb"].score) == (0, 7)
    assert grading.gradebook is not None
    assert {each.submission: bool(each.problem) for each in grading.gradebook.current()} == {
        "a.ipynb": True,
        "b.ipynb": False,
    }


@pytest.mark.parametrize(
    "error", [GradebookError("cannot be written"), OSError(errno.ENOSPC, "No space left on device")]
)
def test_batch_ends_where_nothing_can_be_kept(
    grading: Grading, submit: Submit, judged: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    file = submit("a.ipynb")
    fail_at(monkeypatch, "ch01.double", error)
    with pytest.raises(type(error)) as caught:
        list(grading.grade_all({str(number): file for number in range(100)}, jobs=2))
    assert caught.value is error
    assert judged == []


def test_unreadable_disk_costs_one_file_only(
    grading: Grading, submit: Submit, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, "ch01.double", OSError(errno.EIO, "Input/output error"))
    (result,) = grading.grade_all({"a.ipynb": submit("a.ipynb")}, jobs=1)
    assert result.problem


def test_stop_leaves_out_what_has_not_begun(
    tmp_path: Path, chapter: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    grade = Grading.grade

    def grade_then_stop(grading: Grading, name: str, path: Path, slot: Slot) -> SubmissionResult:
        stop.set()
        return grade(grading, name, path, slot)

    monkeypatch.setattr(Grading, "grade", grade_then_stop)
    files = {str(number): tmp_path / "missing" for number in range(1000)}
    assert len(list(Grading([chapter], "process").grade_all(files, 1, stop))) == 1


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_as_many_as_asked_for_are_graded_at_a_time(chapter: Chapter, jobs: int) -> None:
    under_way, most, slots = set[int](), 0, set[int]()
    lock = threading.Lock()

    def work(number: int, slot: Slot) -> int:
        nonlocal most
        with lock:
            under_way.add(number)
            slots.add(id(slot))
            most = max(most, len(under_way))
        time.sleep(0.005)
        with lock:
            under_way.remove(number)
        return number

    grading = Grading([chapter], "process")
    pieces = (partial(work, number) for number in range(30))
    assert sorted(grading.in_parallel(pieces, jobs)) == list(range(30))
    assert (most, len(slots)) == (jobs, jobs)


def test_work_is_not_begun_before_its_turn(chapter: Chapter) -> None:
    taken: list[int] = []

    def pieces() -> Iterator[Callable[[Slot], int]]:
        for number in range(10_000):
            taken.append(number)
            yield partial(give, number)

    def give(number: int, _slot: Slot) -> int:
        return number

    results = cast(Generator[int, None, None], Grading([chapter], "process").in_parallel(pieces(), jobs=3))
    for given in range(1, 50):
        next(results)
        assert len(taken) <= given + 3
    results.close()
    assert len(taken) < 60


def test_slot_serves_one_piece_of_work_at_a_time(chapter: Chapter) -> None:
    def work(slot: Slot) -> bool:
        alone = not getattr(slot, "busy", False)
        slot.busy = True  # type: ignore[attr-defined]
        time.sleep(0.002)
        slot.busy = False  # type: ignore[attr-defined]
        return alone

    assert all(Grading([chapter], "process").in_parallel([work] * 40, jobs=4))


def test_slots_are_closed_whatever_happens(chapter: Chapter, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Slot] = []
    monkeypatch.setattr(Slot, "__exit__", lambda slot, *_error: closed.append(slot))

    def fail(_slot: Slot) -> None:
        raise RuntimeError("unforeseen")

    with pytest.raises(RuntimeError, match="unforeseen"):
        list(Grading([chapter], "process").in_parallel([fail], jobs=2))
    assert len(closed) == 2
