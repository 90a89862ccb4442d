from pathlib import Path

from grader.course.chapters import Chapter
from tests.grader.cli.commands import run


def test_release_from_the_command_line(installed: Chapter, tmp_path: Path) -> None:
    code, _output = run("release", "--skip-verify", "--out", tmp_path / "released")
    assert code == 0
    assert (tmp_path / "released/chapters/ch01_numbers/exercises.py").is_file()
    assert run("release", "--skip-verify", "--out", tmp_path / "released")[0] == 2
