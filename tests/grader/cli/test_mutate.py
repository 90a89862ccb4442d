import json
from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from tests.grader.cli.commands import run


def test_mutate_prints_a_table_and_the_survivors(
    installed: Chapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "build/mutants.json"
    code, output = run("mutate", "1", "--jobs", "1", "--json", table, "--lang", "en")
    rows = json.loads(table.read_text("utf-8"))
    survivors = [f"{row['id']}  {survivor}" for row in rows for survivor in row["survivors"]]
    assert [row["id"] for row in rows] == ["ch01.double", "ch01.area_and_name"]
    assert all(line in output for line in survivors)
    assert "visible %" in output
    monkeypatch.setattr("grader.cli.mutate.GOAL", 0)
    monkeypatch.setattr("grader.cli.mutate.GOAL_VISIBLE", 101)
    assert code == 0
    assert run("mutate", "--most", "3", "--jobs", "2")[0] == 1
