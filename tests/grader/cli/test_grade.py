import errno
import json
import signal
from pathlib import Path

import pytest

from grader.course.chapters import Chapter, load_chapter
from grader.reading.submission import answers_of
from grader.records.batch import Slot
from grader.records.gradebook import FILE, Gradebook
from tests.grader.cli.commands import files, grade, grades, interrupt_after, run
from tests.grader.toy_course import DOUBLE, write_notebook


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
    monkeypatch.setattr("grader.sandbox.staging.bubblewrap_available", lambda: False)
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


def test_many_submissions_get_one_line_each(submitted: Path, tmp_path: Path) -> None:
    for number in range(5):
        (submitted / f"empty_{number}.ipynb").touch()
    _code, output = run("grade", submitted, "--out", tmp_path / "out", "--isolation", "process")
    assert "✓ ✓" in output
    assert "ch01.double" not in output


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


@pytest.mark.parametrize("where", ["grading", "reporting"])
def test_full_disk_is_told_and_nothing_lost(
    submitted: Path, out: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "reporting":
            patch.setattr("grader.cli.grade.write_report", fail)
        else:
            patch.setattr("grader.judging.judge.Sandbox.stage", fail)
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

    monkeypatch.setattr("grader.cli.grade.write_report", fail)
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
