import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.authoring.proofs import Row, verify
from grader.course.chapters import load_chapter
from grader.messages import language
from tests.grader.toy_course import ANSWERS, EXERCISES, LESSON, write_course

ROOT = Path(__file__).resolve().parents[3]


def test_rows_gather_the_parts_of_every_chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    names = {"ch01_numbers": "ch01.", "ch02_more": "ch02."}
    chapters = [
        write_course(
            tmp_path / name,
            name,
            lesson=LESSON.replace("ch01.", prefix),
            exercises=EXERCISES.replace("ch01.", prefix),
            answers=ANSWERS.replace("ch01.", prefix),
        )
        for name, prefix in names.items()
    ]
    rows = {row.id: row for row in verify(chapters, "process")}
    assert rows.keys() == {exercise for chapter in chapters for exercise in chapter.exercises}
    assert [fault for row in rows.values() for fault in row.faults] == []
    row = rows["ch02.double"]
    assert (row.chapter, row.points) == ("ch02_more", 3)
    assert (row.held["reference"], row.held["template"]) == ((1, 1), (1, 1))
    assert (row.held["alternatives"], row.held["mistakes"], row.agreed) == ((1, 1), (2, 2), (5, 5))
    assert row.seconds > 0
    assert language() == "en"


def test_released_copy_cannot_be_verified(tmp_path: Path) -> None:
    chapter = write_course(tmp_path / "a")
    released = chapter.folder.parent.parent.rename(tmp_path / "b")
    (released / "chapters/ch01_numbers/answers.py").unlink()
    rows = [*verify([load_chapter(1, released)], "process")]
    assert len(rows) == 2
    assert all(row.faults for row in rows)


SIDE_BY_SIDE = """
import json, os, sys
from dataclasses import asdict
from pathlib import Path
from grader.authoring.proofs import verify
from grader.course.chapters import load_chapter
rows = [asdict(row) for row in verify([load_chapter(1, Path(sys.argv[1]))], "process", jobs=2)]
print(json.dumps(rows))
"""


def side_by_side(course: Path) -> dict[str, Row]:
    """Verifies with two processes, in a process that has no TensorFlow runtime to fork."""
    command = [sys.executable, "-c", SIDE_BY_SIDE, str(course)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    return {row["id"]: Row(**row) for row in json.loads(told.stdout)}


def test_several_at_a_time_find_the_same(tmp_path: Path) -> None:
    chapter = write_course(tmp_path, answers=ANSWERS.replace("return 3 * x", "return 2 * x"))
    together = side_by_side(tmp_path)
    for row in verify([chapter], "process"):
        other = together[row.id]
        assert {kind: tuple(held) for kind, held in other.held.items()} == row.held
        assert sorted(other.faults) == sorted(row.faults)
    assert together["ch01.double"].faults


def test_part_whose_process_ends_is_a_fault_and_the_others_are_proved(tmp_path: Path) -> None:
    outside_the_sandbox = "'grader-' not in os.environ['HOME']"
    dies = f"import os\\n    return os._exit(3) if {outside_the_sandbox} else x + x"
    write_course(tmp_path, answers=ANSWERS.replace("return x + x", dies))
    row = side_by_side(tmp_path)["ch01.double"]
    assert row.faults == ["ch01.double, alternative 'adds': the process that proves it ended"]
    assert tuple(row.held["mistakes"]) == (2, 2)
