import subprocess
from pathlib import Path

import pytest

from grader.authoring.release import ReleaseError, release
from grader.course.chapters import Chapter
from tests.grader.question_course import DEPTH, RIGHT, TOO_FEW, write_question_course
from tests.grader.toy_course import write_notebook


@pytest.fixture
def course(chapter: Chapter) -> Path:
    root = chapter.folder.parent.parent
    for name in (
        "tests/chapters/test_ch01_answers.py",
        ".git/config",
        "build/x",
        "notebooks/__pycache__/x",
        ".ci/run",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    write_notebook(root / "notebooks" / "01_numbers.ipynb", ["print(1)"])
    return root


def released(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


PUBLIC = {
    ".ci/run",
    "chapters/__init__.py",
    "chapters/ch01_numbers/__init__.py",
    "chapters/ch01_numbers/exercises.py",
    "chapters/ch01_numbers/lesson.py",
    "notebooks/01_numbers.ipynb",
    "pyproject.toml",
}


def test_copy_holds_everything_but_answers_and_build_products(
    course: Path, chapter: Chapter, tmp_path: Path
) -> None:
    out = tmp_path / "released"
    assert release(course, out, [chapter]) == len(PUBLIC)
    assert released(out) == PUBLIC
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".release")] == []


def test_what_the_lesson_teaches_is_released(course: Path, chapter: Chapter, tmp_path: Path) -> None:
    (chapter.folder / "taught.py").write_text("SCALE = 2.0\n")
    release(course, tmp_path / "released", [chapter])
    assert released(tmp_path / "released") == PUBLIC | {"chapters/ch01_numbers/taught.py"}


def test_checkout_releases_what_git_tracks(course: Path, chapter: Chapter, tmp_path: Path) -> None:
    (course / ".git/config").unlink()
    (course / "grades.csv").write_text("secret")
    (course / ".gitignore").write_text("__pycache__/\n")
    git = ["git", "-C", str(course)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "chapters", "tests", "pyproject.toml"], check=True)
    release(course, tmp_path / "released", [chapter])
    assert released(tmp_path / "released") == PUBLIC - {".ci/run", "notebooks/01_numbers.ipynb"}


def test_folder_inside_the_course_is_not_copied_into_itself(course: Path, chapter: Chapter) -> None:
    release(course, course / "for_learners", [chapter])
    assert released(course / "for_learners") == PUBLIC


def test_folder_in_use_is_refused(course: Path, chapter: Chapter, tmp_path: Path) -> None:
    out = tmp_path / "in_use"
    out.mkdir()
    (out / "mine.txt").touch()
    with pytest.raises(ReleaseError, match="in_use"):
        release(course, out, [chapter])
    assert released(out) == {"mine.txt"}


AREA_REFERENCE = (
    "shape_name = 'circle'\n\ndef area(radius):  \n  # because\n    return np.pi*double(radius)*radius/2"
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("docs.md", f"Look:\n\n{AREA_REFERENCE}\n"),
        ("chapters/ch01_numbers/notes.py", AREA_REFERENCE.replace("*double(radius)*radius/2", "*radius")),
    ],
)
def test_answer_elsewhere_stops_the_release(
    course: Path, chapter: Chapter, tmp_path: Path, path: str, text: str
) -> None:
    (course / path).write_text(text)
    with pytest.raises(ReleaseError, match=rf"{path}: ch01\.area_and_name"):
        release(course, tmp_path / "released", [chapter])
    assert not (tmp_path / "released").exists()


def test_answered_notebook_stops_the_release(course: Path, chapter: Chapter, tmp_path: Path) -> None:
    (course / "notebooks" / "00_broken.ipynb").write_text("{")
    write_notebook(course / "notebooks" / "01_numbers.ipynb", ["x = 1", AREA_REFERENCE])
    with pytest.raises(ReleaseError, match=r"01_numbers\.ipynb: ch01\.area_and_name, reference"):
        release(course, tmp_path / "released", [chapter])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("chapters/ch01_numbers/taught.py", "predict_depth = 'イ'"),
        ("chapters/ch01_numbers/taught.py", 'predict_depth="10 層"  # as text'),
        ("README.md", "predict_share = 12.5"),
        ("chapters/ch01_numbers/probes.py", f'REASON = "{TOO_FEW}"'),
        ("README.md", "深いほうが\nよいからです。"),
    ],
)
def test_answer_to_a_question_stops_the_release(tmp_path: Path, path: str, text: str) -> None:
    chapter = write_question_course(tmp_path / "course")
    root = chapter.folder.parent.parent
    release(root, tmp_path / "clean", [chapter])
    (root / path).write_text(text, "utf-8")
    with pytest.raises(ReleaseError, match=rf"{path}: ch01\.predict_\w+, what is right or wrong"):
        release(root, tmp_path / "released", [chapter])


def test_answered_question_in_a_notebook_stops_the_release(tmp_path: Path) -> None:
    chapter = write_question_course(tmp_path / "course")
    root = chapter.folder.parent.parent
    write_notebook(root / "notebooks" / "01_numbers.ipynb", [f"# EXERCISE {DEPTH}\n{RIGHT[DEPTH]}"])
    with pytest.raises(ReleaseError, match=rf"01_numbers\.ipynb: {DEPTH}"):
        release(root, tmp_path / "released", [chapter])
