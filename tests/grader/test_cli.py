import errno
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from toy_course import ANSWERS, AREA, DOUBLE, EXERCISES, write_course, write_notebook
from typer.testing import CliRunner

from grader import notebooks
from grader.batch import Grading, Slot
from grader.chapters import Chapter, load_chapter
from grader.cli import app
from grader.exercise import Exercise
from grader.gradebook import FILE, Gradebook
from grader.judge import Budget, Judge
from grader.results import ExerciseResult, SubmissionResult
from grader.submission import AnswerCode, answers_of

BOTH = {"ch01.double": DOUBLE, "ch01.area_and_name": AREA}


def run(*arguments: str | Path, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    monkeypatch.setattr("grader.messages._chosen", None)
    monkeypatch.setattr("grader.cli.bubblewrap_available", lambda: False)


@pytest.fixture
def submitted(installed: Chapter, tmp_path: Path) -> Path:
    folder = tmp_path / "submitted"
    folder.mkdir()
    write_notebook(folder / "good.ipynb", answers_of(installed, BOTH))
    (folder / "broken.ipynb").write_text("{")
    return folder


def test_grade_writes_the_report_and_goes_on_after_a_bad_file(submitted: Path, tmp_path: Path) -> None:
    code, output = run(
        "grade", submitted, "--out", tmp_path / "out", "--isolation", "process", "--lang", "en"
    )
    assert code == 0
    assert "cut off" in output
    assert "7 / 7" in output
    grades = json.loads((tmp_path / "out/grades.json").read_text("utf-8"))
    assert [(entry["submission"], entry["score"]) for entry in grades] == [
        ("broken.ipynb", 0),
        ("good.ipynb", 7),
    ]


def test_grade_refuses_to_run_strangers_code_unisolated(
    submitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.sandbox.bubblewrap_available", lambda: False)
    code, output = run("grade", submitted, "--out", tmp_path / "out")
    assert code == 2
    assert "--isolation" in output
    assert not (tmp_path / "out").exists()


def test_grade_says_when_there_is_nothing_to_grade(installed: Chapter, tmp_path: Path) -> None:
    code, output = run("grade", tmp_path / "course", "--out", tmp_path / "out", "--isolation", "process")
    assert code == 2
    assert ".ipynb" in output


def test_interrupted_batch_keeps_what_is_done(
    submitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(monkeypatch, "broken.ipynb")
    usual = signal.getsignal(signal.SIGINT)
    arguments = ("--isolation", "process", "--jobs", "1")
    code, output = run("grade", submitted, "--out", tmp_path / "out", *arguments)
    assert code == 130
    assert "Stopping" in output
    assert len(json.loads((tmp_path / "out/grades.json").read_text("utf-8"))) == 1
    assert signal.getsignal(signal.SIGINT) is usual


def interrupt_after(monkeypatch: pytest.MonkeyPatch, submission: str) -> None:
    """Presses Ctrl-C when a submission is graded."""
    grade = Grading.grade

    def grade_then_interrupt(grading: Grading, name: str, path: Path, slot: Slot) -> SubmissionResult:
        result = grade(grading, name, path, slot)
        if name == submission:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        return result

    monkeypatch.setattr(Grading, "grade", grade_then_interrupt)


def test_many_submissions_get_one_line_each(submitted: Path, tmp_path: Path) -> None:
    for number in range(5):
        (submitted / f"empty_{number}.ipynb").touch()
    _code, output = run("grade", submitted, "--out", tmp_path / "out", "--isolation", "process")
    assert "✓ ✓" in output
    assert "ch01.double" not in output


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The exercises that were judged."""
    calls: list[str] = []
    grade_one = Judge.grade_one

    def noted(judge: Judge, exercise: Exercise, code: AnswerCode, budget: Budget) -> ExerciseResult:
        calls.append(exercise.id)
        return grade_one(judge, exercise, code, budget)

    monkeypatch.setattr(Judge, "grade_one", noted)
    return calls


def grade(submitted: Path, out: Path) -> tuple[int, str]:
    return run("grade", submitted, "--out", out, "--isolation", "process", "--jobs", "1")


def grades(out: Path) -> dict[str, int]:
    return {
        entry["submission"]: entry["score"] for entry in json.loads((out / "grades.json").read_text("utf-8"))
    }


def files(out: Path) -> dict[str, bytes]:
    """All that was written, but the gradebook."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(FILE)
    }


@pytest.fixture
def mended(submitted: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graded class whose check was too strict, and is mended by now."""
    negative = BOTH | {"ch01.double": "def double(x):\n    return -2 * x"}
    write_notebook(submitted / "negative.ipynb", answers_of(load_chapter(1), negative))
    assert grade(submitted, out)[0] == 0
    assert grades(out)["negative.ipynb"] == 4
    chapter = write_course(
        tmp_path / "mended",
        exercises=EXERCISES.replace("expect_close(y, 2 * x", "expect_close(abs(y), abs(2 * x)"),
        answers=ANSWERS.replace('answer.call("double", 0.5)', 'abs(answer.call("double", 0.5))'),
    )
    monkeypatch.setattr("grader.chapters._importable_chapters", lambda: [chapter.folder.parent])


def test_grade_goes_on_where_it_stopped(submitted: Path, out: Path, judged: list[str]) -> None:
    assert grade(submitted, out)[0] == 0
    assert (out / FILE).is_file()
    assert len(judged) == 2
    (out / "grades.json").unlink()
    code, output = grade(submitted, out)
    assert (code, len(judged)) == (0, 2)
    assert "7 / 7" in output
    assert grades(out) == {"broken.ipynb": 0, "good.ipynb": 7}


def test_grade_goes_on_after_an_interrupt_with_what_is_left(
    submitted: Path, out: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_notebook(submitted / "late.ipynb", answers_of(load_chapter(1), {"ch01.double": DOUBLE}))
    with monkeypatch.context() as patch:
        interrupt_after(patch, "good.ipynb")
        assert grade(submitted, out)[0] == 130
    assert "late.ipynb" not in grades(out)
    assert len(judged) == 2
    assert grade(submitted, out)[0] == 0
    assert grades(out) == {"broken.ipynb": 0, "good.ipynb": 7, "late.ipynb": 3}
    assert judged[2:] == ["ch01.area_and_name"]


def test_submissions_graded_before_stay_in_the_report(submitted: Path, out: Path) -> None:
    grade(submitted / "good.ipynb", out)
    _code, output = grade(submitted / "broken.ipynb", out)
    assert grades(out) == {"broken.ipynb": 0, "good.ipynb": 7}
    assert "good.ipynb" not in output


def test_report_is_made_of_the_gradebook_alone(
    submitted: Path, out: Path, tmp_path: Path, judged: list[str]
) -> None:
    grade(submitted, out)
    shutil.rmtree(submitted)
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(out / FILE, tmp_path / "elsewhere" / FILE)
    code, output = run("report", tmp_path / "elsewhere")
    assert code == 0
    assert "7 / 7" in output
    assert files(tmp_path / "elsewhere") == files(out)
    assert len(judged) == 2


def test_report_in_another_language_differs(submitted: Path, out: Path) -> None:
    grade(submitted, out)
    english = (out / "index.html").read_text("utf-8")
    assert run("report", out, "--lang", "ja")[0] == 0
    assert (out / "index.html").read_text("utf-8") != english
    assert run("report", out, "--lang", "en")[0] == 0
    assert (out / "index.html").read_text("utf-8") == english


@pytest.mark.usefixtures("mended")
def test_regrade_shows_what_changes_and_keeps_nothing_on_no(out: Path) -> None:
    before = files(out)
    code, output = regrade(out, "n\n")
    assert code == 1
    assert "negative.ipynb" in output
    assert "✗ wrong value 0/3" in output
    assert "✓ passed 3/3" in output
    assert "1 of 2 submissions change." in output
    assert "good.ipynb" not in output
    assert "Nothing was changed." in output
    assert files(out) == before
    with Gradebook(out / FILE) as book:
        assert book.attempts("negative.ipynb") == 1


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize(("arguments", "typed"), [((), "y\n"), (("--yes",), "")], ids=["asked", "--yes"])
def test_regrade_keeps_on_yes(out: Path, arguments: tuple[str, ...], typed: str) -> None:
    code, output = regrade(out, typed, *arguments)
    assert code == 0
    assert ("Keep the new results?" in output) == bool(typed)
    assert grades(out) == {"broken.ipynb": 0, "good.ipynb": 7, "negative.ipynb": 7}
    with Gradebook(out / FILE) as book:
        assert [book.attempts(name) for name in ("negative.ipynb", "good.ipynb")] == [2, 1]
    assert "Nothing changes." in regrade(out, "")[1]


@pytest.mark.usefixtures("mended")
def test_regrade_without_an_answer_keeps_nothing(out: Path) -> None:
    before = files(out)
    assert regrade(out, "")[0] == 1
    assert files(out) == before


def regrade(out: Path, typed: str, *arguments: str) -> tuple[int, str]:
    return run(
        "regrade", "ch01.double", out, "--isolation", "process", "--jobs", "1", *arguments, typed=typed
    )


def test_regrade_of_an_unknown_exercise_lists_the_known(submitted: Path, out: Path) -> None:
    grade(submitted, out)
    code, output = run("regrade", "ch01.nothing", out, "--isolation", "process")
    assert code == 2
    assert "ch01.double" in output


@pytest.mark.parametrize("command", [("report",), ("regrade", "ch01.double")], ids=lambda command: command[0])
def test_missing_gradebook_is_told(installed: Chapter, out: Path, command: tuple[str, ...]) -> None:
    isolation = ("--isolation", "process") if len(command) > 1 else ()
    code, output = run(*command, out, *isolation)
    assert code == 2
    assert "There is no gradebook in" in output
    assert not out.exists()


def test_gradebook_in_use_is_told(submitted: Path, out: Path) -> None:
    grade(submitted, out)
    before = files(out)
    with Gradebook(out / FILE):
        code, output = grade(submitted, out)
    assert code == 2
    assert "is in use" in output
    assert files(out) == before


def test_damaged_gradebook_is_told_kept_and_made_anew(submitted: Path, out: Path, judged: list[str]) -> None:
    grade(submitted, out)
    before = grades(out)
    (out / FILE).write_bytes(b"garbage" * 1000)
    code, output = grade(submitted, out)
    assert code == 0
    assert "The gradebook was damaged." in output
    assert len(judged) == 4
    assert grades(out) == before
    (set_aside,) = out.glob(f"{FILE}.damaged-*")
    assert set_aside.read_bytes() == b"garbage" * 1000
    assert str(set_aside) in output


@pytest.mark.parametrize("command", [("report",), ("regrade", "ch01.double")], ids=lambda command: command[0])
def test_damaged_gradebook_is_not_reported_as_empty(
    submitted: Path, out: Path, command: tuple[str, ...]
) -> None:
    grade(submitted, out)
    (out / FILE).write_bytes(b"garbage" * 1000)
    before = files(out)
    isolation = ("--isolation", "process") if len(command) > 1 else ()
    code, output = run(*command, out, *isolation)
    assert code == 2
    assert "is damaged" in output
    assert files(out) == before


@pytest.mark.parametrize("where", ["grading", "reporting"])
def test_full_disk_is_told_and_nothing_lost(
    submitted: Path, out: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "reporting":
            patch.setattr("grader.cli.write_report", fail)
        else:
            patch.setattr("grader.judge.Sandbox.stage", fail)
        code, output = grade(submitted, out)
    assert code == 2
    assert "The disk is full. Make room and run the same command again" in output
    assert grade(submitted, out)[0] == 0
    assert grades(out) == {"broken.ipynb": 0, "good.ipynb": 7}


def test_other_failure_of_the_system_is_not_hidden(
    submitted: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("grader.cli.write_report", fail)
    with pytest.raises(OSError, match="Input/output error"):
        grade(submitted, out)


def test_failure_of_the_grader_is_shown_in_the_report(
    submitted: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("unforeseen")

    with monkeypatch.context() as patch:
        patch.setattr(Slot, "judge", fail)
        _code, output = grade(submitted, out)
    assert "The grader itself failed on this file" in output
    assert grades(out) == {"broken.ipynb": 0, "good.ipynb": 0}
    grade(submitted, out)
    assert grades(out)["good.ipynb"] == 7


def test_verify_prints_a_table_and_fails_on_a_fault(
    installed: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output = run("verify", "1")
    assert code == 0
    assert "ch01.double" in output
    assert "5/5" in output
    monkeypatch.setattr("grader.verify.verdict_in_notebook", lambda *_arguments: ("grader fault", False))
    assert run("verify")[0] == 1


def test_build_then_check(installed: Chapter) -> None:
    assert run("build", "--check")[0] == 1
    assert run("build", "--no-execute") == (0, "01_numbers.ipynb: built, not executed\n")
    code, output = run("build", "1", "--check")
    assert code == 1
    assert "not executed" in output


def test_unknown_chapter_is_said_in_one_line(installed: Chapter) -> None:
    code, output = run("verify", "7")
    assert code == 2
    assert "ch01_numbers" in output


def test_release_from_the_command_line(installed: Chapter, tmp_path: Path) -> None:
    code, _output = run("release", "--skip-verify", "--out", tmp_path / "released")
    assert code == 0
    assert (tmp_path / "released/chapters/ch01_numbers/exercises.py").is_file()
    assert run("release", "--skip-verify", "--out", tmp_path / "released")[0] == 2


def test_demo_proves_the_whole_path(
    installed: Chapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebooks.save(notebooks.build(installed, ""), notebooks.notebook_path(installed))
    arguments = ("demo", "--chapter", "1", "--no-execute", "--out", tmp_path / "out")
    code, output = run(*arguments)
    assert code == 0
    grades = json.loads((tmp_path / "out/grades.json").read_text("utf-8"))
    assert {entry["submission"]: entry["score"] for entry in grades} == {
        "reference_answers.ipynb": 7,
        "untouched.ipynb": 0,
        "plausible_mistakes.ipynb": 0,
    }
    assert "Isolation: process" in output
    monkeypatch.setattr("grader.demo.filled_in", lambda source, _answers: source)
    assert run(*arguments)[0] == 1
