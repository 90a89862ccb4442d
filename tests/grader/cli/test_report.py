import shutil
from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from grader.records.gradebook import FILE
from tests.grader.cli.commands import files, grade, run


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


@pytest.mark.parametrize("command", [("report",), ("regrade", "ch01.double")], ids=lambda command: command[0])
def test_missing_gradebook_is_told(installed: Chapter, out: Path, command: tuple[str, ...]) -> None:
    isolation = ("--isolation", "process") if len(command) > 1 else ()
    code, output = run(*command, out, *isolation)
    assert code == 2
    assert "There is no gradebook in" in output
    assert not out.exists()


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
