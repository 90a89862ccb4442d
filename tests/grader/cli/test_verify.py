import json
from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from tests.grader.cli.commands import run


def test_verify_prints_a_table_and_fails_on_a_fault(
    installed: Chapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "build/verify.json"
    code, output = run("verify", "1", "--jobs", "1", "--json", table)
    assert code == 0
    assert "ch01.double" in output
    assert "5/5" in output
    rows = json.loads(table.read_text("utf-8"))
    assert [row["id"] for row in rows] == ["ch01.double", "ch01.area_and_name"]
    assert rows[0]["held"]["mistakes"] == [2, 2]
    monkeypatch.setattr("grader.authoring.verify._passes", lambda _outcome: "is never good enough")
    code, output = run("verify", "--jobs", "1")
    assert code == 1
    assert "ch01.double, reference: is never good enough" in output


def test_unknown_chapter_is_said_in_one_line(installed: Chapter) -> None:
    code, output = run("verify", "7")
    assert code == 2
    assert "ch01_numbers" in output
