from pathlib import Path

import pytest

from grader.course import taught
from grader.course.chapters import Chapter
from grader.course.notebooks import NotebookError
from tests.grader.cli.commands import run
from tests.grader.toy_course import LESSON

EXPORTED = '# %% tags=["export"]\nSCALE = 2.0\n\n'


def test_build_then_check(installed: Chapter) -> None:
    assert run("build", "--check")[0] == 1
    assert run("build", "--no-execute") == (0, "01_numbers.ipynb: built, not executed\n")
    code, output = run("build", "1", "--check")
    assert code == 1
    assert "not executed" in output


def test_what_is_taught_is_written_though_the_notebook_fails(
    installed: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(*_arguments: object, **_options: object) -> float:
        assert path.is_file(), "what the notebook imports comes first"
        raise NotebookError("a cell failed")

    path: Path = taught.taught_path(installed)
    installed.lesson.write_text(EXPORTED + LESSON, "utf-8")
    monkeypatch.setattr("grader.course.notebooks.execute", execute)
    assert run("build")[0] == 2
    assert "SCALE = 2.0" in path.read_text("utf-8")


def test_stale_taught_code_fails_the_check(installed: Chapter) -> None:
    installed.lesson.write_text(EXPORTED + LESSON, "utf-8")
    run("build", "--no-execute")
    taught.taught_path(installed).write_text("SCALE = 3.0\n", "utf-8")
    code, output = run("build", "--check")
    assert code == 1
    assert "taught.py differs" in output.replace("\n", "")
