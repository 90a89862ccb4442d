from pathlib import Path

import pytest

from grader.course.chapters import Chapter, load_chapter
from grader.reading.submission import answers_of
from grader.records.gradebook import FILE, Gradebook
from tests.grader.cli.commands import BOTH, files, grade, grades, run
from tests.grader.question_course import DEPTH, KEYS, RIGHT, SAME, TOO_FEW, write_question_course
from tests.grader.toy_course import ANSWERS, EXERCISES, write_course, write_notebook


@pytest.fixture
def mended(submitted: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graded class whose check was too strict, and is mended by now."""
    negative = BOTH | {"ch01.double": "def double(x):\n    return -2 * x"}
    write_notebook(submitted / "negative.ipynb", answers_of(load_chapter(1), negative))
    assert grade(submitted, out)[0] == 0
    assert grades(out)["negative.ipynb"] == 4
    chapter = write_course(
        tmp_path / "mended",
        exercises=EXERCISES.replace("expect_close(y, 2 * x", "expect_close(abs(y), abs(2 * x)"),
        answers=ANSWERS.replace('answer.call("double", 0.375)', 'abs(answer.call("double", 0.375))'),
    )
    monkeypatch.setattr("grader.course.chapters._importable_chapters", lambda: [chapter.folder.parent])


@pytest.mark.usefixtures("mended")
def test_regrade_shows_what_changes_and_keeps_nothing_on_no(out: Path) -> None:
    before = files(out)
    code, output = regrade(out, "n\n")
    assert code == 1
    assert "negative.ipynb" in output
    assert "✗ wrong value 0/3" in output
    assert "✓ passed 3/3" in output
    assert "1 of 2 submissions change." in output
    assert "good.ipynb" not in output
    assert "Nothing was changed." in output
    assert files(out) == before
    with Gradebook(out / FILE) as book:
        assert book.attempts("negative.ipynb") == 1


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize(("arguments", "typed"), [((), "y\n"), (("--yes",), "")], ids=["asked", "--yes"])
def test_regrade_keeps_on_yes(out: Path, arguments: tuple[str, ...], typed: str) -> None:
    code, output = regrade(out, typed, *arguments)
    assert code == 0
    assert ("Keep the new results?" in output) == bool(typed)
    assert grades(out) == {"broken.ipynb": 0, "good.ipynb": 7, "negative.ipynb": 7}
    with Gradebook(out / FILE) as book:
        assert [book.attempts(name) for name in ("negative.ipynb", "good.ipynb")] == [2, 1]
    assert "Nothing changes." in regrade(out, "")[1]


@pytest.mark.usefixtures("mended")
def test_regrade_without_an_answer_keeps_nothing(out: Path) -> None:
    before = files(out)
    assert regrade(out, "")[0] == 1
    assert files(out) == before


def test_regrade_of_an_unknown_exercise_lists_the_known(submitted: Path, out: Path) -> None:
    grade(submitted, out)
    code, output = run("regrade", "ch01.nothing", out, "--isolation", "process")
    assert code == 2
    assert "ch01.double" in output


def regrade(out: Path, typed: str, *arguments: str) -> tuple[int, str]:
    return run(
        "regrade", "ch01.double", out, "--isolation", "process", "--jobs", "1", *arguments, typed=typed
    )


def test_question_is_graded_reported_and_regraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(chapter: Chapter) -> None:
        monkeypatch.setattr("grader.course.chapters._importable_chapters", lambda: [chapter.folder.parent])

    chapter = write_question_course(tmp_path / "course")
    install(chapter)
    (submitted := tmp_path / "submitted").mkdir()
    for name, code in {"right": RIGHT[DEPTH], "same": 'predict_depth = "ウ"'}.items():
        write_notebook(submitted / f"{name}.ipynb", answers_of(chapter, BOTH | {DEPTH: code}))
    out = tmp_path / "out"
    assert grade(submitted, out)[0] == 0
    assert grades(out) == {"right.ipynb": 8, "same.ipynb": 7}
    pages = {path.stem: path.read_text("utf-8") for path in (out / "learners").rglob("*.html")}
    assert [name.partition("-")[0] for name, page in pages.items() if SAME in page] == ["same"]
    assert all(TOO_FEW not in page for page in pages.values())

    keys = KEYS.replace('chosen("イ"', 'chosen("ウ"').replace("'ウ': ", "'イ': ")
    install(write_question_course(tmp_path / "mended", keys=keys))
    code, output = run("regrade", DEPTH, out, "--yes")
    assert code == 0, output
    assert grades(out) == {"right.ipynb": 7, "same.ipynb": 8}
