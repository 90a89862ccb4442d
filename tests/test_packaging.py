"""The wheel: all that a notebook needs away from the checkout, and no answers; tests.notebooks runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebooks import unpacked_wheel

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files, in an otherwise empty folder."""
    return unpacked_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(installed: Path) -> set[str]:
    """Names of the wheel's files."""
    return {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}


def test_wheel_holds_no_answers(names: set[str]) -> None:
    assert not [name for name in names if "answers" in name]


def test_wheel_holds_everything_else_that_is_tracked(names: set[str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "course_utils", "grader", "chapters", "data"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    wanted = {
        f"course_utils/shipped/{path.removeprefix('data/')}" if path.startswith("data/") else path
        for path in listed
        if not path.endswith("answers.py")
    }
    assert len(wanted) > 20
    assert wanted <= names


def test_wheel_holds_no_file_that_git_ignores(names: set[str]) -> None:
    assert not [name for name in names if "__pycache__" in name or ".ipynb_checkpoints" in name]


def run_away_from_the_checkout(code: str, installed: Path, folder: Path) -> str:
    """Runs code that finds the course only in ``installed``."""
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_installed_course_finds_its_data_and_chapters(installed: Path, tmp_path: Path) -> None:
    code = """
from course_utils.paths import shipped_data
from grader.course.chapters import load_chapters
print(shipped_data())
for chapter in load_chapters():
    print(chapter.folder, chapter.keys)
"""
    data, *chapters = run_away_from_the_checkout(code, installed, tmp_path).splitlines()
    assert Path(data) == installed / "course_utils" / "shipped"
    assert (Path(data) / "README.md").is_file()
    assert chapters
    for chapter in chapters:
        assert chapter.startswith(str(installed / "chapters"))
        assert chapter.endswith(" None")


def test_notebook_side_needs_nothing_that_windows_lacks(installed: Path, tmp_path: Path) -> None:
    code = """
import sys
sys.modules.update(dict.fromkeys(["fcntl", "grp", "pwd", "resource", "termios"]))
from grader.learner.notebook import check, hint, score, solution
import course_utils
"""
    run_away_from_the_checkout(code, installed, tmp_path)
