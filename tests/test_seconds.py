"""The table of what a test run takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests import seconds

JUNIT = '<testsuites><testsuite name="pytest">{}</testsuite></testsuites>'
CASE = '<testcase classname="{}" name="x" time="{}"/>'


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    cells = [("05_resnet_transfer.ipynb", 40.0), ("22_gcn.ipynb", 12.5), ("22_gcn.ipynb", 0.5)]
    tests = [("tests.chapters.ch05_resnet_transfer.test_x", 3.0), ("tests.grader.test_probes", 2.0)]
    rows = [("ch05_resnet_transfer", 170.0), ("ch22_gcn", 1.0), ("ch22_gcn", 2.0)]
    for name, cases in (("notebooks.xml", cells), ("pytest.xml", tests)):
        (tmp_path / name).write_text(JUNIT.format("".join(CASE.format(*case) for case in cases)))
    verified = [{"chapter": chapter, "seconds": took} for chapter, took in rows]
    (tmp_path / "verify.json").write_text(json.dumps(verified))
    return tmp_path


def test_seconds_are_added_up_by_chapter_and_kind(notes: Path) -> None:
    assert seconds.seconds_by_chapter(notes) == {
        "05": {"notebook": 40.0, "exercises": 170.0, "tests": 3.0},
        "22": {"notebook": 13.0, "exercises": 3.0, "tests": 0.0},
        "harness": {"notebook": 0.0, "exercises": 0.0, "tests": 2.0},
    }


def test_chapter_over_its_budget_is_marked(notes: Path) -> None:
    lines = seconds.table(seconds.seconds_by_chapter(notes), {"lint": 2.0, "tests": 5.0}).splitlines()
    marked = [line for line in lines if line.endswith("over budget")]
    assert [line.split()[0] for line in marked] == ["05"]
    assert marked[0].split()[1:6] == ["40", "170", "3", "213", "106"]
    assert [line.split() for line in lines[-2:]] == [["lint", "2"], ["tests", "5"]]


def test_step_is_noted_with_the_exit_code_of_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seconds, "NOTES", tmp_path / "seconds")
    assert seconds.note("fails", [sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert seconds.note("works", [sys.executable, "-c", ""]) == 0
    assert [*seconds.noted_steps()] == ["fails", "works"]
    assert seconds.note("fails", [sys.executable, "-c", ""]) == 0
    assert [*seconds.noted_steps()] == ["works", "fails"]
