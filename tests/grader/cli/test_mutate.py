import json
from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from tests.grader.cli.commands import run
from tests.grader.question_course import KEYS, QUESTIONS, write_question_course


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


def test_mutate_has_nothing_to_do_where_there_are_questions_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chapter = write_question_course(
        tmp_path,
        questions="EXERCISES = []\n" + QUESTIONS,
        keys="ANSWERS = {}\n" + KEYS,
    )
    monkeypatch.setattr("grader.course.chapters._importable_chapters", lambda: [chapter.folder.parent])
    assert run("mutate", "1", "--jobs", "1")[0] == 0
