import json
from pathlib import Path

import pytest

from grader.course import notebooks
from grader.course.chapters import Chapter
from tests.grader.cli.commands import run


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
    monkeypatch.setattr("grader.authoring.demo.filled_in", lambda source, _answers: source)
    assert run(*arguments)[0] == 1
