from pathlib import Path

import pytest
from toy_course import ANSWERS, EXERCISES, write_course

from grader.messages import language
from grader.verify import Row, verify


def rows_of(root: Path, **replaced: str) -> dict[str, Row]:
    return {row.id: row for row in verify(write_course(root, **replaced), "process")}


def test_sound_chapter_has_no_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    rows = rows_of(tmp_path)
    assert [fault for row in rows.values() for fault in row.faults] == []
    row = rows["ch01.double"]
    assert row.reference
    assert row.template
    assert (row.alternatives, row.mistakes, row.agreed) == ((1, 1), (2, 2), (5, 5))
    assert language() == "en"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'reference="def double(x):\\n    return 2 * x\\n"',
            'reference="double = abs"',
            "reference: must pass",
        ),
        ("return x + x", "return x * x", "alternative 'adds': must pass"),
        ("return 3 * x", "return 2 * x", "mistake 'triples': must fail, but is passed"),
        ('"3 倍"),', '"三倍"),', "mistake 'triples': must be told '三倍'"),
        ("return x + 2", "return 3 * x", "mistake 'adds two': must be told"),
        ('"2 を足して"', '"。"', "mistake 'triples': is told the reason of another mistake too: '。'"),
    ],
)
def test_fault_in_the_answers_is_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    old, new = old.replace("\\n", "\\\\n"), new.replace("\\n", "\\\\n")
    assert old.replace("\\\\n", "\\n") in ANSWERS
    answers = ANSWERS.replace(old.replace("\\\\n", "\\n"), new.replace("\\\\n", "\\n"))
    faults = rows_of(tmp_path, answers=answers)["ch01.double"].faults
    assert any(line.startswith("ch01.double, " + fault) for line in faults), faults


def test_template_that_answers_is_a_fault(tmp_path: Path) -> None:
    exercises = EXERCISES.replace(
        "def double(x):\\n    raise NotImplementedError", "def double(x):\\n    return x"
    )
    row = rows_of(tmp_path, exercises=exercises)["ch01.double"]
    assert not row.template
    assert "template: must be not attempted" in row.faults[0]


def test_check_that_compares_nothing_is_a_fault(tmp_path: Path) -> None:
    exercises = EXERCISES.replace(
        '    expect_close(y, 2 * x, "double(x)"', '    dict(y=y, x=x, name="double(x)"'
    )
    row = rows_of(tmp_path, exercises=exercises)["ch01.double"]
    assert not row.reference
    assert row.mistakes == (0, 2)


def test_places_that_disagree_are_a_fault(tmp_path: Path) -> None:
    answers = ANSWERS.replace(
        "return x + x", "import sys\\n    return (2 if 'pytest' in sys.modules else 3) * x"
    ).replace('"adds": "def', '"adds": "def')
    row = rows_of(tmp_path, answers=answers)["ch01.double"]
    assert row.agreed == (4, 5)
    assert any("the notebook says passed, the grader says wrong value" in fault for fault in row.faults)


def test_released_copy_cannot_be_verified(tmp_path: Path) -> None:
    chapter = write_course(tmp_path / "a")
    course = chapter.folder.parent.parent
    released = course.rename(tmp_path / "b")
    (released / "chapters/ch01_numbers/answers.py").unlink()
    from grader.chapters import load_chapter

    assert all(row.faults for row in verify(load_chapter(1, released), "process"))
