from pathlib import Path

import pytest

from grader.course.chapters import Chapter, load_chapter
from grader.reading.submission import answers_of
from grader.records.gradebook import FILE
from tests.grader.cli.commands import BOTH, files, grade, run
from tests.grader.toy_course import write_notebook

LONG = """def double(x):
    total = 0.0 * x
    for step in range(4):
        part = [x * 0.25, x * 0.25, -x * 0.0]
        total = total + part[0] + part[1] - part[2] if step % 7 != 6 else total
    return total
"""
RENAMED = LONG.replace("total", "result").replace("part", "pieces").replace("step", "k")
RENAMED += "# </pre><script>alert(1)</script>\n"


@pytest.fixture
def copied(submitted: Path, out: Path) -> Path:
    """A graded class in which one answer was copied and renamed."""
    for name, code in {"long.ipynb": LONG, "<b>copy.ipynb": RENAMED}.items():
        write_notebook(submitted / name, answers_of(load_chapter(1), BOTH | {"ch01.double": code}))
    assert grade(submitted, out)[0] == 0
    return out


def test_alike_names_a_copy_and_changes_nothing_else(copied: Path) -> None:
    before = files(copied)
    code, output = run("alike", copied)
    assert code == 0
    assert "ch01.double" in output
    assert "<b>copy.ipynb · long.ipynb" in output
    assert "1 pairs or groups" in output
    assert "good.ipynb" not in output
    page = (copied / "alike.html").read_text("utf-8")
    assert "&lt;b&gt;copy.ipynb" in page
    assert "<b>copy" not in page
    assert "<mark>" in page
    assert "<script" not in page
    assert "SETUP" not in page
    assert {name: text for name, text in files(copied).items() if name != "alike.html"} == before


def test_alike_of_one_exercise_says_that_there_is_nothing(copied: Path) -> None:
    code, output = run("alike", copied, "--exercise", "ch01.area_and_name")
    assert code == 0
    assert "0 pairs or groups" in output
    assert "No two answers share" in (copied / "alike.html").read_text("utf-8")


def test_alike_without_a_gradebook_is_told(installed: Chapter, out: Path) -> None:
    code, output = run("alike", out)
    assert code == 2
    assert "There is no gradebook in" in output
    assert not (out / FILE).exists()
