from grader.course.chapters import Chapter
from tests.grader.cli.commands import run


def test_build_then_check(installed: Chapter) -> None:
    assert run("build", "--check")[0] == 1
    assert run("build", "--no-execute") == (0, "01_numbers.ipynb: built, not executed\n")
    code, output = run("build", "1", "--check")
    assert code == 1
    assert "not executed" in output
