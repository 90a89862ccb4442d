import shutil
from pathlib import Path

from grader.course.chapters import Chapter
from tests.grader.cli.commands import run

COURSE = Path(__file__).resolve().parents[3]


def test_what_it_lays_out_can_be_built_and_proved(installed: Chapter) -> None:
    root = installed.folder.parent.parent
    # Claims are read beside course_utils.
    shutil.copytree(COURSE / "course_utils", root / "course_utils")
    code, output = run("new-chapter", "91", "first_steps")
    assert code == 0
    assert "grader build 91" in output
    code, output = run("build", "91")
    assert code == 0, output
    assert "91_first_steps.ipynb: up to date" in output
    code, output = run("verify", "91", "--jobs", "1", "--seeds", "2")
    assert code == 0, output


def test_it_refuses_in_one_message(installed: Chapter) -> None:
    code, output = run("new-chapter", "1", "other_numbers")
    assert code == 2
    assert "ch01_numbers is there already" in output
    code, output = run("new-chapter", "1", "Other")
    assert code == 2
    assert "from 1 to 99" in output
