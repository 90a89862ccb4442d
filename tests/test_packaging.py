"""The wheel: all that a notebook needs away from the checkout, and no answers."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the wheel as ``pip install .`` does, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Names of the wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacks the wheel into an otherwise empty folder."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


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
        env={**os.environ, "PYTHONPATH": str(installed)},
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


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name)
def test_notebook_runs_on_the_installed_course(
    notebook: Path, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    node = nbformat.read(notebook, as_version=4)
    node.cells.append(nbformat.v4.new_code_cell("import course_utils; print(course_utils.__file__)"))
    NotebookClient(
        node, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    assert str(installed) in node.cells[-1].outputs[0].text


def test_notebook_side_needs_nothing_that_windows_lacks(installed: Path, tmp_path: Path) -> None:
    code = """
import sys
sys.modules.update(dict.fromkeys(["fcntl", "grp", "pwd", "resource", "termios"]))
from grader.learner.notebook import check, hint, score, solution
import course_utils
"""
    run_away_from_the_checkout(code, installed, tmp_path)
