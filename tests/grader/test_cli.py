import json
import os
import signal
import time
from pathlib import Path

import pytest
from toy_course import AREA, DOUBLE, write_notebook
from typer.testing import CliRunner

from grader import notebooks
from grader.batch import Grading
from grader.chapters import Chapter
from grader.cli import app
from grader.results import SubmissionResult
from grader.submission import answers_of

BOTH = {"ch01.double": DOUBLE, "ch01.area_and_name": AREA}


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
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
    grade = Grading.grade

    def grade_then_interrupt(grading: Grading, name: str, path: Path) -> SubmissionResult:
        result = grade(grading, name, path)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
        return result

    monkeypatch.setattr(Grading, "grade", grade_then_interrupt)
    arguments = ("--isolation", "process", "--jobs", "1")
    code, output = run("grade", submitted, "--out", tmp_path / "out", *arguments)
    assert code == 130
    assert "Stopping" in output
    assert len(json.loads((tmp_path / "out/grades.json").read_text("utf-8"))) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_many_submissions_get_one_line_each(submitted: Path, tmp_path: Path) -> None:
    for number in range(5):
        (submitted / f"empty_{number}.ipynb").touch()
    _code, output = run("grade", submitted, "--out", tmp_path / "out", "--isolation", "process")
    assert "✓ ✓" in output
    assert "ch01.double" not in output


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
