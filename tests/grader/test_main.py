"""The command as a program of its own, on consoles and pipes that cannot show everything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from grader.messages import shown
from grader.reading.submission import answers_of
from tests.grader.toy_course import DOUBLE, write_notebook

NOTEBOOK = """
from grader import check
double = lambda x: 2 * x
check("ch01.double")
double = lambda x: 3 * x
check("ch01.double")
check("ch01.area_and_name")
"""


def run(chapter: Chapter, *arguments: str, encoding: str, language: str = "ja") -> tuple[int, str]:
    """Runs Python in a course of its own, its output piped; returns the exit code and all that it wrote."""
    environment = os.environ | {"PYTHONIOENCODING": encoding, "COURSE_LANG": language, "COLUMNS": "120"}
    command = [sys.executable, *arguments]
    root = chapter.folder.parent.parent
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False)
    written = (done.stdout + done.stderr).decode(encoding)
    assert "Traceback" not in written, written
    return done.returncode, written


def test_command_says_what_can_be_shown(chapter: Chapter, tmp_path: Path) -> None:
    encoding = "cp932"
    submitted = tmp_path / "submitted"
    submitted.mkdir()
    greeting = f"print('✅ 答え')\n{DOUBLE}"
    write_notebook(submitted / "山田.ipynb", answers_of(chapter, {"ch01.double": greeting}))
    write_notebook(submitted / "✓.ipynb", [])
    grade = ("grade", str(submitted), "--out", str(tmp_path / "out"), "--isolation", "process", "--jobs", "1")
    assert run(chapter, "-m", "grader", *grade, encoding=encoding)[0] == 0
    results = json.loads((tmp_path / "out" / "grades.json").read_text("utf-8"))
    assert sorted(result["score"] for result in results) == [0, 3]
    assert run(chapter, "-m", "grader", "report", str(tmp_path / "out"), encoding=encoding)[0] == 0
    code, said = run(chapter, "-m", "grader", "build", "--check", encoding=encoding)
    assert code == 1
    assert "x 01_numbers.ipynb" in said
    assert run(chapter, "-m", "grader", "--help", encoding=encoding)[0] == 0


def test_exercises_are_verified_where_nothing_can_be_shown(chapter: Chapter) -> None:
    answers = chapter.folder / "answers.py"
    answers.write_text(answers.read_text("utf-8").replace('"3 倍"', '"三倍"'), "utf-8")
    command = ("-m", "grader", "verify", "--isolation", "process", "--jobs", "1")
    code, said = run(chapter, *command, encoding="ascii")
    assert code == 1
    assert "mistake 'triples'" in said


@pytest.mark.parametrize(
    ("encoding", "signs"),
    [("utf-8", ("✅", "❌", "⬜")), ("cp932", ("o", "x", "-")), ("ascii", ("o", "x", "-"))],
)
def test_check_says_what_can_be_shown(chapter: Chapter, encoding: str, signs: tuple[str, ...]) -> None:
    code, said = run(chapter, "-c", NOTEBOOK, encoding=encoding)
    assert code == 0
    starts = [line[:1] for line in said.splitlines() if line[:1] not in " I"]
    assert tuple(starts) == signs


def test_text_that_can_be_shown_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("✅ 合格 — …") == "✅ 合格 — …"
